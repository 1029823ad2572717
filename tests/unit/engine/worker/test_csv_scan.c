/* The pass beside the fast path: what fits, what is a doubt, and files larger than its pieces. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/csv_scan.h"
#include "os/file.h"
#include "os/os.h"
#include "twin/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const enum value_kind kinds[] = {KIND_BIGINT, KIND_DOUBLE, KIND_DATE, KIND_TEXT};

static struct csv_scan new_scan(bool header) {
    return (struct csv_scan){.dialect = {',', '"', '"', false}, .kinds = kinds, .columns = 4, .header = header};
}

static void test_texts(void **state) {
    (void)state;
    static const struct {
        const char *name, *text;
        bool header, fits;
        uint64_t rows;
    } rows[] = {
        {"plain", "1,2.5,2024-01-31,x\n-2,.5,2024-02-29,y\n", false, true, 2},
        {"header", "a,b,c,d\n1,2,2024-01-31,x\n", true, true, 1},
        {"only a header", "a,b,c,d\n", true, true, 0},
        {"nothing", "", false, true, 0},
        {"no last line end", "1,2,2024-01-31,x", false, true, 1},
        {"carriage returns", "1,2,2024-01-31,x\r\n1,2,2024-01-31,x\r\n", false, true, 2},
        {"empty is no value", ",,,\n1,2,2024-01-31,x\n", false, true, 2},
        {"quoted", "\"1\",\"2.5\",\"2024-01-31\",\"a,b\"\n\"\",\"\",\"\",\"\"\n", false, true, 2},
        {"quotes and lines in text", "1,2,2024-01-31,\"a\"\"b\nc\"\n", false, true, 1},
        {"a code", "1,2,2024-01-31,x\n007,2,2024-01-31,x\n", false, false, 1},
        {"a fraction among whole numbers", "1.5,2,2024-01-31,x\n", false, false, 0},
        {"a blank before", " 1,2,2024-01-31,x\n", false, false, 0},
        {"a number of 16 digits", "1,0.1234567890123456,2024-01-31,x\n", false, false, 0},
        {"no such day", "1,2,2023-02-29,x\n", false, false, 0},
        {"a day and more", "1,2,2024-02-29 10:00,x\n", false, false, 0},
        {"a doubled quote in a number", "\"1\"\"\",2,2024-01-31,x\n", false, false, 0},
        {"too few", "1,2,2024-01-31\n", false, false, 0},
        {"too many", "1,2,2024-01-31,x,y\n", false, false, 0},
        {"too many at the end", "1,2,2024-01-31,x,", false, false, 0},
        {"a blank line", "1,2,2024-01-31,x\n\n", false, false, 1},
        {"a quote inside", "1,2,2024-01-31,x\"y\n", false, false, 0},
        {"text behind a quote", "1,2,2024-01-31,\"x\"y\n", false, false, 0},
        {"an open quote", "1,2,2024-01-31,\"x\n", false, false, 0},
        {"a lone carriage return", "1,2,2024-01-31,x\r1,2,2024-01-31,x\n", false, false, 0},
        {"a carriage return at the end", "1,2,2024-01-31,x\r", false, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct csv_scan scan = new_scan(rows[i].header);
        csv_scan_text(&scan, rows[i].text, strlen(rows[i].text));
        if (scan.fits != rows[i].fits || scan.rows != rows[i].rows)
            fail_msg("%s: %s, %llu rows", rows[i].name, scan.fits ? "fits" : "a doubt", (unsigned long long)scan.rows);
    }
    struct csv_scan nul = new_scan(false);
    csv_scan_text(&nul, "1,2,2024-01-31,a\0b\n", 19);
    assert_false(nul.fits);
}

static void scan_file(const char *path, const struct buf *text, struct csv_scan *scan) {
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(os_write_file_atomic(os_real(), AT_FDCWD, path, text->data, text->len, 0600, &err), LH_OK);
    assert_int_equal(csv_scan_file(scan, os_real(), path, &err), LH_OK);
}

/* Records that cross the pieces in which a file is read, and one that is larger than they may be. */
static void test_files(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/x.csv", folder);
    LH_AUTO(buf) struct buf text = BUF_INIT;
    uint64_t rows = 0;
    while (text.len < (size_t)5 << 20)
        buf_printf(&text, "%llu,%llu.5,2024-01-31,\"text, \"\"%llu\"\"\nsecond line\"\r\n", (unsigned long long)rows,
                   (unsigned long long)rows, (unsigned long long)rows),
            rows++;
    struct csv_scan scan = new_scan(false);
    scan_file(path, &text, &scan);
    assert_true(scan.fits);
    assert_int_equal(scan.rows, rows);

    buf_append_str(&text, "007,1,2024-01-31,x\n");
    scan_file(path, &text, &scan);
    assert_false(scan.fits);

    atomic_store(&scan.stop, true);
    scan_file(path, &text, &scan);
    assert_false(scan.fits);
    assert_int_equal(scan.rows, 0);

    buf_reset(&text);
    buf_append_str(&text, "1,2,2024-01-31,\"");
    while (text.len < (size_t)6 << 20)
        buf_append_str(&text, "a long text that never ends ");
    buf_append_str(&text, "\"\n");
    scan = new_scan(false);
    scan_file(path, &text, &scan);
    assert_false(scan.fits);

    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(mem) char *missing = lh_asprintf("%s/none", folder);
    assert_int_equal(csv_scan_file(&scan, os_real(), missing, &err), LH_NOT_FOUND);
    temp_dir_free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts), cmocka_unit_test(test_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
