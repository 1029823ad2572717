#include "lake/first_row.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/engine.h"

#define TIMEOUT_MS (INT64_C(60) * 60 * 1000)
#define ANSWER_MAX ((size_t)1 << 20)

enum lh_code lake_first_row(struct engine *engine, const char *sql, int cancel_fd, json_t **ret_row,
                            struct lh_err *err) {
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *answer = NULL;
    const struct engine_query query = {
        .sql = sql, .format = ENGINE_JSON, .row_limit = 1, .timeout_ms = TIMEOUT_MS, .cancel_fd = cancel_fd};
    LH_TRY(engine_query_start(engine, &query, &result, err));
    LH_TRY(engine_result_read_all(result, "a row", ANSWER_MAX, &text, err));
    LH_TRY(lh_json_parse(buf_cstr(&text), text.len, NULL, &answer, err));
    json_t *row = json_array_get(json_object_get(answer, "rows"), 0);
    *ret_row = row ? json_incref(row) : NULL;
    return LH_OK;
}
