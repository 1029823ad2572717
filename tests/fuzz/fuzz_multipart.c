/* multipart: whatever the bytes and however they are cut into pieces, the parts are the same. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "fuzz/fuzz.h"
#include "gateway/multipart.h"

#include <string.h>

static enum lh_code on_begin(void *ctx, const struct multipart_part *part, struct lh_err *err) {
    (void)err;
    FUZZ_CHECK(part->name != NULL);
    FUZZ_CHECK(!part->filename || (!strchr(part->filename, '/') && !strchr(part->filename, '\\')));
    buf_printf(ctx, "<%s|%s>", part->name, part->filename ? part->filename : "");
    return LH_OK;
}

static enum lh_code on_data(void *ctx, const void *data, size_t len, struct lh_err *err) {
    (void)err;
    buf_append(ctx, data, len);
    return LH_OK;
}

static enum lh_code on_end(void *ctx, struct lh_err *err) {
    (void)err;
    buf_append_char(ctx, ';');
    return LH_OK;
}

static enum lh_code parse(const uint8_t *data, size_t size, size_t step, struct buf *out) {
    struct lh_err err = LH_ERR_INIT;
    struct multipart_sink sink = {out, on_begin, on_data, on_end};
    LH_AUTO(multipart) struct multipart *m = NULL;
    enum lh_code code = multipart_new("multipart/form-data; boundary=B", &sink, &m, &err);
    for (size_t at = 0; at < size && code == LH_OK; at += step)
        code = multipart_feed(m, data + at, size - at < step ? size - at : step, &err);
    if (code == LH_OK)
        code = multipart_finish(m, &err);
    FUZZ_CHECK(code == LH_OK || (code == LH_INVALID && err.message[0] != '\0'));
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_AUTO(buf) struct buf whole = BUF_INIT;
    LH_AUTO(buf) struct buf pieces = BUF_INIT;
    enum lh_code code = parse(data, size, size + 1, &whole);
    FUZZ_CHECK(parse(data, size, size > 0 ? data[0] % 7 + 1 : 1, &pieces) == code);
    if (code == LH_OK)
        FUZZ_CHECK(whole.len == pieces.len && (whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0));
    return 0;
}
