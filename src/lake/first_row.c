#include "lake/first_row.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/engine.h"

#define TIMEOUT_MS (INT64_C(60) * 60 * 1000)
#define ANSWER_MAX ((size_t)1 << 20)

static enum lh_code read_answer(struct engine_result *result, struct buf *out, struct lh_err *err) {
    for (;;) {
        const void *data;
        size_t len;
        LH_TRY(engine_result_read(result, &data, &len, err));
        if (len == 0)
            return LH_OK;
        if (out->len + len > ANSWER_MAX)
            return lh_fail(err, LH_LIMIT, "a row is longer than %zu bytes", ANSWER_MAX);
        buf_append(out, data, len);
    }
}

enum lh_code lake_first_row(struct engine *engine, const char *sql, int cancel_fd, json_t **ret_row,
                            struct lh_err *err) {
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *answer = NULL;
    const struct engine_query query = {
        .sql = sql, .format = ENGINE_JSON, .row_limit = 1, .timeout_ms = TIMEOUT_MS, .cancel_fd = cancel_fd};
    LH_TRY(engine_query_start(engine, &query, &result, err));
    LH_TRY(read_answer(result, &text, err));
    LH_TRY(lh_json_parse(buf_cstr(&text), text.len, NULL, &answer, err));
    json_t *row = json_array_get(json_object_get(answer, "rows"), 0);
    *ret_row = row ? json_incref(row) : NULL;
    return LH_OK;
}
