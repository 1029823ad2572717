/* Questions in words to SQL (statement/nl2sql.h). */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "ai/ai.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "base/utf8.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "gateway/ai_request.h"
#include "gateway/query_scope.h"
#include "lakehouse/lakehouse.h"
#include "policy/principal.h"
#include "statement/nl2sql.h"
#include "system/query_log.h"

#include <string.h>

#define RESULT_ROWS 100
#define RESULT_ROWS_MAX 10000
#define RESULT_BYTES_MAX ((size_t)8 * 1024 * 1024)

/* ---- the request ---- */

struct question {
    struct nl2sql_request request;
    struct engine_query query;
    bool execute;
};

static enum lh_code parse_datasets(struct request *rq, const json_t *body, struct nl2sql_request *ret,
                                   struct lh_err *err) {
    json_t *names;
    LH_TRY(lh_json_get_array_or_null(body, "", "datasets", &names, err));
    if (!names)
        return LH_OK;
    size_t count = json_array_size(names);
    const char **texts = arena_alloc(request_arena(rq), (count + 1) * sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        texts[i] = json_string_value(json_array_get(names, i));
        if (!texts[i])
            return lh_fail(err, LH_INVALID, "datasets[%zu] must be the name of a dataset", i);
    }
    if (count == 0)
        return lh_fail(err, LH_INVALID, "datasets is empty; leave it out for all");
    ret->datasets = texts;
    ret->dataset_count = count;
    return LH_OK;
}

static enum lh_code parse_question(struct request *rq, struct question *q, struct statement_scope *scope,
                                   struct lh_err *err) {
    static const char *const fields[] = {"question", "datasets", "model", "execute", "limit", "as_of", NULL};
    const struct lakehouse *lh = request_lakehouse(rq);
    struct nl2sql_request *n = &q->request;
    const char *model;
    json_t *body;
    int64_t limit;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", fields, err));
    LH_TRY(lh_json_get_string(body, "", "question", &n->question, err));
    LH_TRY(lh_json_get_string_or(body, "", "model", NULL, &model, err));
    LH_TRY(lh_json_get_bool_or(body, "", "execute", false, &q->execute, err));
    LH_TRY(lh_json_get_int_or(body, "", "limit", RESULT_ROWS, &limit, err));
    if (limit < 1 || limit > RESULT_ROWS_MAX)
        return lh_fail(err, LH_INVALID, "limit must be from 1 to %d", RESULT_ROWS_MAX);
    LH_TRY(parse_datasets(rq, body, n, err));
    LH_TRY(ai_resolve(lh->ai, model, AI_CAN_GENERATE, &n->provider, &n->model, err));
    LH_TRY(query_scope_open(rq, json_object_get(body, "as_of"), scope, err));
    q->query.format = ENGINE_JSON;
    q->query.row_limit = (uint64_t)limit;
    q->query.timeout_ms = lh->config->query.timeout_ms;
    query_scope_use(rq, scope, &q->query);
    n->engine = lh->engine;
    n->scope = scope;
    n->query = &q->query;
    n->max_sql_bytes = lh->config->query.max_sql_bytes;
    n->deadline_ns = ai_request_deadline(rq);
    return LH_OK;
}

/* ---- the answer ---- */

/* A message that was cut may end within a character. */
static json_t *text_json(const char *text) {
    size_t len = strlen(text), bad = len;
    return json_stringn(text, utf8_valid(text, len, &bad) ? len : bad);
}

static json_t *problem_json(const struct lh_err *problem) {
    json_t *json = json_object();
    json_object_set_new(json, "code", json_string(lh_code_name(problem->code)));
    json_object_set_new(json, "detail", text_json(problem->message));
    if (problem->hint[0])
        json_object_set_new(json, "hint", text_json(problem->hint));
    if (problem->position > 0)
        json_object_set_new(json, "position", json_integer(problem->position));
    return json;
}

static json_t *answer_json(const struct question *q, const struct nl2sql_answer *a) {
    json_t *json = json_pack("{s:s, s:s?, s:s, s:b, s:i, s:s, s:s, s:I}", "question", q->request.question, "sql",
                             a->sql, "explanation", a->explanation, "valid", a->valid, "attempts", (int)a->attempts,
                             "provider", q->request.provider->name, "model", a->model, "catalog_version",
                             (json_int_t)catalog_snapshot_version(q->request.scope->names.lake.snapshot));
    if (!a->valid)
        json_object_set_new(json, "problem", problem_json(&a->problem));
    return json;
}

/* As POST /query/sql runs it: the same scope, limits, log. */
static enum lh_code run(struct request *rq, const struct engine_query *q, struct buf *out, uint64_t *ret_rows,
                        struct lh_err *err) {
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    struct engine_result_stats stats;
    LH_TRY(engine_query_start(request_lakehouse(rq)->engine, q, &result, err));
    enum lh_code code = engine_result_read_all(result, "the result", RESULT_BYTES_MAX, out, err);
    engine_result_stats(result, &stats);
    *ret_rows = stats.row_count;
    return code == LH_TOO_LARGE ? lh_err_hint(err, "send the statement to POST /query/sql, which streams") : code;
}

static enum lh_code add_result(struct request *rq, struct question *q, const char *sql, json_t *answer,
                               struct lh_err *err) {
    struct query_log *log = request_lakehouse(rq)->queries;
    const struct lh_json_limits limits = {.max_bytes = RESULT_BYTES_MAX};
    struct query_log_result done = {0};
    LH_AUTO(buf) struct buf text = BUF_INIT;
    json_t *result = NULL;
    q->query.sql = sql;
    uint64_t entry = query_log_begin(log, request_id(rq), request_principal(rq)->name, sql);
    done.code = run(rq, &q->query, &text, &done.rows, err);
    done.bytes = text.len;
    query_log_end(log, entry, &done);
    LH_TRY(done.code);
    LH_TRY(lh_json_parse(buf_cstr(&text), text.len, &limits, &result, err));
    json_object_set_new(answer, "result", result);
    return LH_OK;
}

enum lh_code handle_nl2sql(struct request *rq, struct lh_err *err) {
    LH_AUTO(query_scope) struct statement_scope scope = {0};
    struct question q = {.execute = false};
    struct nl2sql_answer a;
    LH_TRY(parse_question(rq, &q, &scope, err));
    LH_TRY(nl2sql(&q.request, request_arena(rq), &a, err));
    LH_AUTO(json) json_t *answer = answer_json(&q, &a);
    if (q.execute && a.valid) {
        response_problem_members(rq, answer); /* where running it fails, what was run is told */
        LH_TRY(add_result(rq, &q, a.sql, answer, err));
    }
    return response_json(rq, 200, answer, err);
}
