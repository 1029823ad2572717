/* SQL. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "gateway/accept.h"
#include "gateway/query_scope.h"
#include "hot/hot.h"
#include "lakehouse/lakehouse.h"
#include "policy/principal.h"
#include "system/query_log.h"
#include "system/system.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PLAN_MAX_BYTES ((size_t)4 * 1024 * 1024)

static const char *const media_types[] = {
    [ENGINE_JSON] = "application/json",
    [ENGINE_NDJSON] = "application/x-ndjson",
    [ENGINE_CSV] = "text/csv",
    [ENGINE_ARROW] = "application/vnd.apache.arrow.stream",
    [ENGINE_PARQUET] = "application/vnd.apache.parquet",
};

/* ---- the request ---- */

static enum lh_code parse_limits(struct request *rq, const json_t *body, struct engine_query *q, struct lh_err *err) {
    const struct lh_config_query *config = &request_lakehouse(rq)->config->query;
    int64_t limit, timeout_ms;
    int64_t fallback = q->format == ENGINE_JSON ? config->max_rows : -1;
    LH_TRY(lh_json_get_int_or(body, "", "limit", fallback, &limit, err));
    LH_TRY(lh_json_get_int_or(body, "", "timeout_ms", config->timeout_ms, &timeout_ms, err));
    if (limit < 0 && json_object_get(body, "limit") && !json_is_null(json_object_get(body, "limit"))) {
        lh_fail(err, LH_INVALID, "limit must not be negative");
        return lh_err_hint(err, "leave limit out for the default: query.max_rows of a JSON answer, else every row");
    }
    if (timeout_ms < 1 || timeout_ms > config->max_timeout_ms)
        return lh_fail(err, LH_INVALID, "timeout_ms must be from 1 to %" PRId64 " (query.max_timeout)",
                       config->max_timeout_ms);
    q->row_limit = limit < 0 ? UINT64_MAX : (uint64_t)limit;
    q->timeout_ms = timeout_ms;
    q->since_ns = request_start_ns(rq);
    return LH_OK;
}

static enum lh_code parse_query(struct request *rq, struct engine_query *q, struct statement_scope *scope,
                                struct lh_err *err) {
    static const char *const fields[] = {"sql", "params", "limit", "timeout_ms", "as_of", NULL};
    struct lakehouse *lh = request_lakehouse(rq);
    json_t *body;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", fields, err));
    LH_TRY(lh_json_get_string(body, "", "sql", &q->sql, err));
    if (strlen(q->sql) > lh->config->query.max_sql_bytes)
        return lh_fail(err, LH_TOO_LARGE, "the SQL text has %zu bytes; query.max_sql_bytes is %" PRIu64, strlen(q->sql),
                       lh->config->query.max_sql_bytes);
    q->params = json_object_get(body, "params");
    if (json_is_null(q->params))
        q->params = NULL;
    if (q->params && !json_is_array(q->params) && !json_is_object(q->params))
        return lh_fail(err, LH_INVALID, "params must be an array (for ? and $1) or an object (for $name)");
    LH_TRY(parse_limits(rq, body, q, err));
    LH_TRY(query_scope_open(rq, json_object_get(body, "as_of"), scope, err));
    query_scope_use(rq, scope, q);
    return LH_OK;
}

/* ---- /query/sql ---- */

static enum lh_code choose_format(struct request *rq, enum engine_format *ret_format, struct lh_err *err) {
    const char *accept = request_header(rq, "Accept");
    int chosen = accept_choose(accept, media_types, LH_ARRAY_LEN(media_types));
    if (chosen < 0) {
        lh_fail(err, LH_NOT_ACCEPTABLE, "rows cannot be sent as %.200s", accept);
        return lh_err_hint(err, "Accept one of: application/json, application/x-ndjson, text/csv, "
                                "application/vnd.apache.arrow.stream, application/vnd.apache.parquet");
    }
    *ret_format = (enum engine_format)chosen;
    return LH_OK;
}

static const char *content_type(enum engine_format format) {
    return format == ENGINE_CSV ? "text/csv; charset=utf-8; header=present" : media_types[format];
}

static void note_reads(struct request *rq, const json_t *reads) {
    const char **names = arena_alloc(request_arena(rq), (json_array_size(reads) + 1) * sizeof *names);
    for (size_t i = 0; i < json_array_size(reads); i++)
        names[i] = json_string_value(json_array_get(reads, i));
    hot_note_reads(request_lakehouse(rq)->hot, names, json_array_size(reads));
}

/* All but the end of the answer. */
static enum lh_code send_rows(struct request *rq, const struct engine_query *q, const struct statement_scope *scope,
                              struct query_log_result *ret, struct lh_err *err) {
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    LH_TRY(engine_query_start(request_lakehouse(rq)->engine, q, &result, err));
    query_scope_tell_version(rq, scope);
    response_header(rq, "Cache-Control", "no-store");
    LH_TRY(response_begin(rq, 200, content_type(q->format), -1, err));
    for (;;) {
        const void *data;
        size_t len;
        struct engine_result_stats stats;
        LH_TRY(engine_result_read(result, &data, &len, err));
        engine_result_stats(result, &stats);
        ret->rows = stats.row_count;
        ret->bytes += len;
        if (len == 0) {
            note_reads(rq, engine_result_reads(result));
            return LH_OK;
        }
        LH_TRY(response_write(rq, data, len, err));
    }
}

/* What the statement leaves is in order before the client can know that it has ended. */
enum lh_code handle_query_sql(struct request *rq, struct lh_err *err) {
    struct engine_query q = {0};
    struct query_log *log = request_lakehouse(rq)->queries;
    struct query_log_result done = {0};
    LH_AUTO(query_scope) struct statement_scope scope = {0};
    LH_TRY(choose_format(rq, &q.format, err));
    LH_TRY(parse_query(rq, &q, &scope, err));
    uint64_t entry = query_log_begin(log, request_id(rq), request_principal(rq)->name, q.sql);
    done.code = send_rows(rq, &q, &scope, &done, err);
    query_log_end(log, entry, &done);
    statement_scope_release(&scope);
    return done.code == LH_OK ? response_end(rq, err) : done.code;
}

/* ---- /query/explain ---- */

enum lh_code handle_query_explain(struct request *rq, struct lh_err *err) {
    static const char explain[] = "EXPLAIN ";
    struct engine_query q = {.format = ENGINE_JSON};
    LH_AUTO(query_scope) struct statement_scope scope = {0};
    LH_TRY(parse_query(rq, &q, &scope, err));
    q.sql = arena_printf(request_arena(rq), "%s%s", explain, q.sql);
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    if (engine_query_start(request_lakehouse(rq)->engine, &q, &result, err) != LH_OK) {
        if (err->position > (long)strlen(explain))
            err->position -= (long)strlen(explain);
        return err->code;
    }
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(engine_result_read_all(result, "the plan", PLAN_MAX_BYTES, &text, err));
    LH_AUTO(json) json_t *rows = NULL;
    LH_TRY(lh_json_parse(buf_cstr(&text), text.len, NULL, &rows, err));
    LH_AUTO(buf) struct buf plan = BUF_INIT;
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(rows, "rows"), i, row) {
        const char *part = json_string_value(json_array_get(row, 1));
        buf_append_str(&plan, part ? part : "");
    }
    LH_AUTO(json) json_t *answer = json_pack("{s:s, s:I}", "plan", buf_cstr(&plan), "catalog_version",
                                             (json_int_t)catalog_snapshot_version(scope.names.lake.snapshot));
    return response_json(rq, 200, answer, err);
}
