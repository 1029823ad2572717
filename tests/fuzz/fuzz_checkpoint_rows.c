/* Rows of a checkpoint, as a failing disk or another program may leave them.  Each input is read as it is (nearly always a wrong
 * checksum) and again with a summary that is right behind it, so that the rows are reached.  A snapshot that was accepted must
 * come back the same from its own rows. */
#include "base/hash.h"
#include "catalog/catalog.h"
#include "catalog/checkpoint.h"
#include "fuzz/fuzz.h"

#include <string.h>

static void read_rows(const char *rows, size_t size) {
    struct lh_err err = LH_ERR_INIT;
    struct catalog_snapshot *snapshot = NULL, *again = NULL;
    if (checkpoint_rows_read(rows, size, &snapshot, &err) != LH_OK) {
        FUZZ_CHECK(err.code == LH_CORRUPT || err.code == LH_UNSUPPORTED);
        FUZZ_CHECK(err.message[0] != '\0');
        return;
    }
    LH_AUTO(buf) struct buf once = BUF_INIT;
    LH_AUTO(buf) struct buf twice = BUF_INIT;
    checkpoint_rows_write(snapshot, &once);
    FUZZ_CHECK(checkpoint_rows_read(once.data, once.len, &again, &err) == LH_OK);
    checkpoint_rows_write(again, &twice);
    FUZZ_CHECK(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    catalog_snapshot_unref(snapshot);
    catalog_snapshot_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    read_rows((const char *)data, size);
    /* The input's lines, without their kinds, and the summary up to the checksum: what the checksum covers. */
    LH_AUTO(buf) struct buf sealed = BUF_INIT;
    LH_AUTO(buf) struct buf covered = BUF_INIT;
    size_t manifests = 0, keys = 0;
    for (size_t at = 0; at < size;) {
        const char *line = (const char *)data + at;
        const char *end = memchr(line, '\n', size - at);
        size_t len = end ? (size_t)(end - line) : size - at;
        at += len + 1;
        size_t kind = len > 9 && memcmp(line, "manifest ", 9) == 0 ? 9
                      : len > 4 && memcmp(line, "key ", 4) == 0    ? 4
                                                                   : 0;
        if (kind == 0)
            continue;
        manifests += kind == 9;
        keys += kind == 4;
        buf_append(&sealed, line, len);
        buf_append_char(&sealed, '\n');
        buf_append(&covered, line + kind, len - kind);
        buf_append_char(&covered, '\n');
    }
    LH_AUTO(buf) struct buf summary = BUF_INIT;
    buf_printf(&summary,
               "{\"format\":1,\"version\":7,\"time\":\"2026-11-21T00:00:00.000000Z\",\"record_sha256\":"
               "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"manifests\":%zu,\"keys\":%zu",
               manifests, keys);
    buf_append(&covered, summary.data, summary.len);
    char hex[LH_SHA256_HEX];
    lh_sha256_hex(covered.data, covered.len, hex);
    buf_append_str(&sealed, "summary ");
    buf_append(&sealed, summary.data, summary.len);
    buf_printf(&sealed, ",\"sha256\":\"%s\"}\n", hex);
    read_rows(sealed.data, sealed.len);
    return 0;
}
