/* Commit records, as another writer or a failing disk may leave them.  Each input is decoded as it is (nearly always a wrong checksum)
 * and again with the right checksum put behind it, so that the fields are reached.  What is accepted must come back the same
 * from its own encoding. */
#include "base/buf.h"
#include "catalog/commit_record.h"
#include "fuzz/fuzz.h"

#include <string.h>

static void decode(const char *data, size_t size) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(commit_record) struct commit_record *record = NULL;
    if (commit_record_decode(data, size, "input", &record, &err) != LH_OK) {
        FUZZ_CHECK(err.code == LH_CORRUPT || err.code == LH_UNSUPPORTED);
        FUZZ_CHECK(err.message[0] != '\0');
        return;
    }
    LH_AUTO(buf) struct buf once = BUF_INIT;
    LH_AUTO(buf) struct buf twice = BUF_INIT;
    LH_AUTO(commit_record) struct commit_record *again = NULL;
    FUZZ_CHECK(commit_record_encode(record, &once, &err) == LH_OK);
    FUZZ_CHECK(commit_record_decode(once.data, once.len, "own", &again, &err) == LH_OK);
    FUZZ_CHECK(commit_record_encode(again, &twice, &err) == LH_OK);
    FUZZ_CHECK(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    decode((const char *)data, size);
    char hex[LH_SHA256_HEX];
    LH_AUTO(buf) struct buf sealed = BUF_INIT;
    lh_sha256_hex(data, size, hex);
    buf_append(&sealed, data, size);
    buf_printf(&sealed, ",\"sha256\":\"%s\"}\n", hex);
    decode(sealed.data, sealed.len);
    return 0;
}
