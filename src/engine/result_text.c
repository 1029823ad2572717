#include "base/buf.h"
#include "engine/engine.h"

enum lh_code engine_result_read_all(struct engine_result *r, const char *what, size_t max_bytes, struct buf *text,
                                    struct lh_err *err) {
    for (size_t left = max_bytes;;) {
        const void *data;
        size_t len;
        LH_TRY(engine_result_read(r, &data, &len, err));
        if (len == 0)
            return LH_OK;
        if (len > left)
            return lh_fail(err, LH_TOO_LARGE, "%s has more than %zu bytes", what, max_bytes);
        buf_append(text, data, len);
        left -= len;
    }
}
