/* json_scan: any bytes, whole and cut.  What it accepts is valid for jansson too (numbers apart) and not deeper than allowed; and a row can
 * be made of it. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"
#include "engine/worker/json_flatten.h"
#include "engine/worker/json_scan.h"
#include "engine/worker/row_file.h"
#include "fuzz/fuzz.h"

#include <string.h>

#define DEPTH 16

static size_t deepest(const char *text, size_t len) {
    size_t depth = 0, most = 0;
    bool string = false;
    for (size_t i = 0; i < len; i++) {
        if (string && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            string = !string;
        else if (!string && (text[i] == '{' || text[i] == '['))
            most = ++depth > most ? depth : most;
        else if (!string && (text[i] == '}' || text[i] == ']'))
            depth--;
    }
    return most;
}

/* Rows stay in memory: no folder is needed for less than a megabyte. */
static void flatten(const char *text, size_t len) {
    struct row_file rows;
    struct lh_err err = LH_ERR_INIT;
    row_file_init(&rows, NULL, "/nonexistent", 10);
    struct json_flatten flat;
    json_flatten_init(&flat, &rows, 100);
    enum lh_code code = json_flatten_row(&flat, text, len, 1, &err);
    FUZZ_CHECK(code == LH_OK || code == LH_LIMIT || code == LH_DATA);
    json_flatten_finish(&flat);
    FUZZ_CHECK(rows.names.count <= 100);
    json_flatten_deinit(&flat);
    buf_release(&rows.out);
    buf_release(&rows.rejects);
    column_names_deinit(&rows.names);
    lh_free(rows.facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data, *reason;
    size_t len = 0, cut_len = 0;
    if (size > 65536 || memchr(text, 0, size))
        return 0; /* the decoder drops NULs before */
    enum json_scan_result result = json_scan(text, size, true, DEPTH, &len, &reason);
    FUZZ_CHECK(len <= size);
    for (size_t cut = 0; cut < size; cut += 1 + size / 8) {
        enum json_scan_result early = json_scan(text, cut, false, DEPTH, &cut_len, &reason);
        FUZZ_CHECK(early != JSON_SCAN_DONE || (result == JSON_SCAN_DONE && cut_len == len));
    }
    if (result != JSON_SCAN_DONE || !utf8_valid(text, len, NULL))
        return 0;
    size_t start = json_scan_space(text, len);
    FUZZ_CHECK(deepest(text, len) <= DEPTH);
    LH_AUTO(buf) struct buf copy = BUF_INIT;
    buf_append(&copy, text + start, len - start);
    flatten(buf_cstr(&copy), copy.len);
    return 0;
}
