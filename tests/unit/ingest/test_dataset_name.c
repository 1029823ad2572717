#include "base/buf.h"
#include "base/cleanup.h"
#include "ingest/ingest_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_from_file_name(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"candidates.csv", "candidates"},
        {"Call Log (2024-03).CSV.gz", "call_log_2024_03"},
        {"C:\\exports\\Kunden.csv", "kunden"},
        {"../../etc/passwd", "passwd"},
        {"time.sheets.v2.parquet", "time_sheets_v2"},
        {"---.csv", "data"},
        {".csv", "csv"},
        {"\xC3\x9C"
         "bersicht.txt",
         "\xC3\x9C"
         "bersicht"},
        {"\xE6\x97\xA5\xE6\x9C\xAC.csv", "\xE6\x97\xA5\xE6\x9C\xAC"},
        {"a\xE2\x80\x93z\xFF.csv", "a_z"},
        {"", "data"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        LH_AUTO(buf) struct buf name = BUF_INIT;
        ingest_dataset_name(rows[i][0], &name);
        assert_string_equal(buf_cstr(&name), rows[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_from_file_name)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
