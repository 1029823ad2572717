/* One query, from SQL text to encoded bytes.
 *
 * scan the text -> extract statements -> bind the names it uses -> prepare (a table that DuckDB misses is asked for
 * and the statement prepared again) -> check its kind -> fill parameters -> execute as a stream -> encode chunk by
 * chunk. START, DATA and END leave in one system call where the result is small; until the first bytes have left, any
 * failure is still a clean error and not a cut stream. */
#include "base/alloc.h"
#include "base/arena.h"
#include "engine/worker/encoder.h"
#include "engine/worker/params.h"
#include "engine/worker/sql_error.h"
#include "engine/worker/sql_rewrite.h"
#include "engine/worker/sql_scan.h"
#include "engine/worker/type_name.h"
#include "engine/worker/worker.h"

#include <stdio.h>
#include <string.h>

#define MISSING_MAX 256 /* tables found only by DuckDB missing them */

struct query {
    struct worker *worker;
    const struct duckdb_api *duckdb;
    struct arena *arena;
    const char *sql;  /* the client's; errors show it */
    const char *text; /* what DuckDB gets, of the same length */
    const json_t *params;
    json_t *rest; /* of the parameters, where searches took some */
    enum engine_format format;
    bool bind_only;
    uint64_t row_limit;
    uint64_t epoch;
    struct sql_scan scan;

    duckdb_extracted_statements statements;
    idx_t statement_count;
    duckdb_prepared_statement prepared;
    duckdb_pending_result pending;
    duckdb_result result;
    bool has_result;

    struct encoder_column *columns;
    size_t column_count;
    struct encoder *encoder;
    struct encoder_out out;
    bool started; /* the START frame has left */
    uint64_t row_count;
    bool truncated;
};

static void query_release(struct query *q) {
    json_decref(q->rest);
    encoder_free(q->encoder);
    buf_release(&q->out.bytes);
    for (size_t i = 0; i < q->column_count; i++)
        q->duckdb->destroy_logical_type(&q->columns[i].type);
    if (q->has_result)
        q->duckdb->destroy_result(&q->result);
    if (q->pending)
        q->duckdb->destroy_pending(&q->pending);
    if (q->prepared)
        q->duckdb->destroy_prepare(&q->prepared);
    if (q->statements)
        q->duckdb->destroy_extracted(&q->statements);
    arena_free(q->arena);
}

static enum lh_code query_parse_request(struct query *q, const json_t *request, struct lh_err *err) {
    const char *sql, *format;
    int64_t row_limit, epoch;
    LH_TRY(lh_json_get_string(request, "", "sql", &sql, err));
    LH_TRY(lh_json_get_string(request, "", "format", &format, err));
    LH_TRY(lh_json_get_int_or(request, "", "row_limit", -1, &row_limit, err));
    LH_TRY(lh_json_get_int_or(request, "", "epoch", 0, &epoch, err));
    LH_TRY(lh_json_get_bool_or(request, "", "bind_only", false, &q->bind_only, err));
    if (!engine_format_parse(format, &q->format))
        return lh_fail(err, LH_INVALID, "there is no result format \"%s\"", format);
    q->sql = sql;
    q->params = json_object_get(request, "params");
    q->row_limit = row_limit < 0 ? UINT64_MAX : (uint64_t)row_limit;
    q->epoch = (uint64_t)epoch;
    return LH_OK;
}

/* ---- statements ---- */

static bool is_reading_verb(const char *verb) {
    static const char *const readers[] = {"select", "with",  "from",  "values",  "describe",     "desc", "summarize",
                                          "show",   "table", "pivot", "unpivot", "pivot_longer", "(",    "pivot_wider"};
    for (size_t i = 0; i < LH_ARRAY_LEN(readers); i++) {
        if (strcmp(verb, readers[i]) == 0)
            return true;
    }
    return false;
}

/* Only statements that read.  Anything else would change this process, which is thrown away, and never the lake. */
static enum lh_code query_forbid(const struct query *q, struct lh_err *err) {
    char verb[32];
    snprintf(verb, sizeof verb, "%s", q->scan.verb);
    for (char *c = verb; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    lh_ignore(lh_fail(err, LH_FORBIDDEN, "%s%s is not allowed: statements can only read", verb,
                      q->scan.explains ? " in EXPLAIN" : ""));
    return lh_err_hint(err,
                       "SELECT, WITH, FROM, VALUES, DESCRIBE, SUMMARIZE, SHOW, PIVOT, UNPIVOT and EXPLAIN are; data "
                       "is written with POST /ingest/file");
}

/* The text that DuckDB gets, and the names in it.  Positions in both texts are the same, so errors show the client's. */
static enum lh_code query_read_text(struct query *q, struct lh_err *err) {
    struct sql_rewritten rewritten;
    size_t len = strlen(q->sql);
    if (sql_rewrite(q->sql, len, q->params, q->arena, &rewritten, err) != LH_OK) {
        sql_error_point(err, q->sql, err->position - 1);
        return err->code;
    }
    q->text = rewritten.sql;
    q->rest = rewritten.params;
    if (q->rest)
        q->params = q->rest;
    sql_scan(q->text, len, q->arena, &q->scan);
    if (rewritten.name_count == 0)
        return LH_OK;
    const char **names = arena_alloc(q->arena, (q->scan.name_count + rewritten.name_count) * sizeof *names);
    memcpy(names, q->scan.names, q->scan.name_count * sizeof *names);
    memcpy(names + q->scan.name_count, rewritten.names, rewritten.name_count * sizeof *names);
    q->scan.names = names;
    q->scan.name_count += rewritten.name_count;
    return LH_OK;
}

static enum lh_code query_check_text(struct query *q, struct lh_err *err) {
    LH_TRY(query_read_text(q, err));
    if (q->scan.statement_count > 1) {
        lh_ignore(lh_fail(err, LH_SQL, "one statement a request, but here are %zu", q->scan.statement_count));
        return lh_err_hint(err, "send them one by one");
    }
    if (q->scan.runs_text) /* it may change the session unseen: nobody else gets it */
        q->worker->retire = true;
    if (!q->scan.stateful)
        return LH_OK;
    lh_ignore(lh_fail(err, LH_FORBIDDEN, "%s() is not allowed: it changes the session for later statements",
                      q->scan.stateful));
    return lh_err_hint(err, "logging and profiling are the server's: see GET /metrics and its log");
}

static enum lh_code query_extract(struct query *q, struct lh_err *err) {
    if (q->statements)
        q->duckdb->destroy_extracted(&q->statements);
    q->statement_count = q->duckdb->extract_statements(q->worker->session.connection, q->text, &q->statements);
    if (q->statement_count > 0)
        return is_reading_verb(q->scan.verb) ? LH_OK : query_forbid(q, err);
    const char *reason = q->duckdb->extract_statements_error(q->statements);
    if (reason)
        return sql_error_fill(err, reason, q->sql);
    lh_ignore(lh_fail(err, LH_SQL, "the statement is empty"));
    return lh_err_hint(err, "send SQL, for example: SELECT 42 AS answer");
}

/* Prepare one statement; tables that only DuckDB finds are bound on the way.  Preparing uses a statement up, even when
 * it fails, so a new try begins with the text; the steps of a PIVOT get new names by that and can only begin at the
 * first. */
static enum lh_code query_prepare(struct query *q, idx_t index, struct lh_err *err) {
    char missing[256], last[256] = "";
    for (unsigned tries = 0; tries < MISSING_MAX; tries++) {
        if (q->duckdb->prepare_extracted_statement(q->worker->session.connection, q->statements, index, &q->prepared) ==
            DuckDBSuccess)
            return LH_OK;
        const char *reason = q->duckdb->prepare_error(q->prepared);
        bool in_plan = session_plan_failed(&q->worker->session, reason, err);
        if (!in_plan)
            lh_ignore(sql_error_fill(err, reason, q->sql));
        bool retry = !in_plan && index == 0 && sql_error_missing_table(reason, missing, sizeof missing) &&
                     strcmp(missing, last) != 0;
        q->duckdb->destroy_prepare(&q->prepared);
        q->prepared = NULL;
        if (!retry || !bindings_add_missing(q->worker, missing, err))
            return err->code;
        LH_TRY(query_extract(q, err));
        memcpy(last, missing, sizeof last);
    }
    return err->code;
}

/* The parser's opinion; the word in front was ours. */
static enum lh_code query_check_kind(struct query *q, bool pivot_step, struct lh_err *err) {
    duckdb_statement_type kind = q->duckdb->prepared_statement_type(q->prepared);
    bool reads = kind == DUCKDB_STATEMENT_TYPE_SELECT || kind == DUCKDB_STATEMENT_TYPE_EXPLAIN;
    return reads || (pivot_step && kind == DUCKDB_STATEMENT_TYPE_CREATE) ? LH_OK : query_forbid(q, err);
}

/* PIVOT without IN is several statements to DuckDB: types made from the values found, then the SELECT that uses them.
 * The types would stay, so the session is not used again. */
static enum lh_code query_run_pivot_steps(struct query *q, struct lh_err *err) {
    if (q->statement_count > 1 && !q->scan.pivots)
        return lh_fail(err, LH_SQL, "one statement a request, but here are %llu",
                       (unsigned long long)q->statement_count);
    if (q->statement_count > 1 && q->bind_only)
        return lh_fail(err, LH_SQL, "to be checked without being run, a PIVOT must list its columns with IN (...)");
    for (idx_t i = 0; i + 1 < q->statement_count; i++) {
        q->worker->retire = true;
        LH_TRY(query_prepare(q, i, err));
        LH_TRY(query_check_kind(q, true, err));
        if (q->duckdb->nparams(q->prepared) > 0)
            return lh_fail(err, LH_SQL, "a PIVOT that takes parameters must list its columns with IN (...)");
        duckdb_result made;
        duckdb_state state = q->duckdb->execute_prepared(q->prepared, &made);
        if (state != DuckDBSuccess)
            lh_ignore(sql_error_fill(err, q->duckdb->result_error(&made), NULL));
        q->duckdb->destroy_result(&made);
        q->duckdb->destroy_prepare(&q->prepared);
        q->prepared = NULL;
        if (state != DuckDBSuccess)
            return err->code;
    }
    return LH_OK;
}

/* ---- results ---- */

static enum lh_code query_execute(struct query *q, struct lh_err *err) {
    const struct duckdb_api *db = q->duckdb;
    if (worker_cancelled(q->worker))
        return lh_fail(err, LH_CANCELLED, "cancelled");
    if (db->pending_prepared_streaming(q->prepared, &q->pending) != DuckDBSuccess)
        return sql_error_fill(err, q->pending ? db->pending_error(q->pending) : NULL, q->sql);
    duckdb_state state = db->execute_pending(q->pending, &q->result);
    q->has_result = true;
    if (state != DuckDBSuccess)
        return sql_error_fill(err, db->result_error(&q->result), q->sql);
    return LH_OK;
}

static void query_describe(struct query *q) {
    idx_t count = q->duckdb->column_count(&q->result);
    q->columns = arena_alloc(q->arena, ((size_t)count + 1) * sizeof *q->columns);
    for (idx_t i = 0; i < count; i++) {
        const char *name = q->duckdb->column_name(&q->result, i);
        q->columns[i].name = name ? name : "";
        q->columns[i].type = q->duckdb->column_logical_type(&q->result, i);
    }
    q->column_count = count;
}

static void query_append_start(struct query *q, struct buf *frames) {
    LH_AUTO(json) json_t *start = json_object();
    json_t *columns = json_array();
    LH_AUTO(buf) struct buf type = BUF_INIT;
    for (size_t i = 0; i < q->column_count; i++) {
        buf_reset(&type);
        type_name_append(q->duckdb, q->columns[i].type, &type);
        json_t *column = json_object();
        json_object_set_new(column, "name", json_string(q->columns[i].name));
        json_object_set_new(column, "type", json_string(buf_cstr(&type)));
        json_array_append_new(columns, column);
    }
    json_object_set_new(start, "columns", columns);
    frame_append_json(frames, FRAME_START, start);
}

static enum lh_code query_send_start(struct query *q, struct lh_err *err) {
    LH_AUTO(buf) struct buf frames = BUF_INIT;
    query_append_start(q, &frames);
    q->started = true;
    return frame_send_appended(&q->worker->channel, &frames, &FRAME_WAIT_FOREVER, err);
}

static enum lh_code query_flush(struct encoder_out *out, struct lh_err *err) {
    struct query *q = out->ctx;
    if (worker_cancelled(q->worker))
        return lh_fail(err, LH_CANCELLED, "cancelled");
    if (!q->started)
        LH_TRY(query_send_start(q, err));
    for (size_t sent = 0; sent < out->bytes.len;) {
        size_t size = out->bytes.len - sent < FRAME_DATA_MAX ? out->bytes.len - sent : FRAME_DATA_MAX;
        LH_TRY(frame_send(&q->worker->channel, FRAME_DATA, out->bytes.data + sent, size, -1, &FRAME_WAIT_FOREVER, err));
        sent += size;
    }
    /* One huge row must not make the worker keep its memory. */
    if (out->bytes.cap > 16 * ENCODER_FLUSH_BYTES)
        buf_release(&out->bytes);
    else
        buf_reset(&out->bytes);
    return LH_OK;
}

/* The last frames: what has not been sent yet, and the end. */
static enum lh_code query_send_end(struct query *q, const struct encoder_stats *stats, struct lh_err *err) {
    LH_AUTO(json) json_t *end = json_object();
    json_object_set_new(end, "row_count", json_integer((json_int_t)stats->row_count));
    json_object_set_new(end, "truncated", json_boolean(stats->truncated));
    json_object_set_new(end, "elapsed_ms", json_real(stats->elapsed_ms));
    json_object_set_new(end, "reads", bindings_reads(&q->worker->bindings, &q->scan));
    if (q->worker->retire)
        json_object_set_new(end, "retire", json_true());
    LH_AUTO(buf) struct buf frames = BUF_INIT;
    if (q->out.bytes.len > FRAME_DATA_MAX)
        LH_TRY(query_flush(&q->out, err));
    if (!q->started)
        query_append_start(q, &frames);
    if (q->out.bytes.len > 0)
        frame_append(&frames, FRAME_DATA, q->out.bytes.data, q->out.bytes.len);
    frame_append_json(&frames, FRAME_END, end);
    worker_end_request(q->worker);
    return frame_send_appended(&q->worker->channel, &frames, &FRAME_WAIT_FOREVER, err);
}

static enum lh_code query_encode_chunk(struct query *q, duckdb_data_chunk chunk, bool *ret_done, struct lh_err *err) {
    idx_t rows = q->duckdb->data_chunk_get_size(chunk);
    uint64_t room = q->row_limit - q->row_count;
    *ret_done = false;
    if (rows > room) {
        q->truncated = *ret_done = true;
        rows = room;
    }
    q->row_count += rows;
    if (rows > 0)
        LH_TRY(encoder_chunk(q->encoder, chunk, rows, err));
    return encoder_out_flush(&q->out, err);
}

static enum lh_code query_stream(struct query *q, struct lh_err *err) {
    const struct duckdb_api *db = q->duckdb;
    query_describe(q);
    q->out = (struct encoder_out){.flush = query_flush, .ctx = q};
    struct encoder_env env = {
        .duckdb = db,
        .connection = q->worker->session.connection,
        .database = q->worker->session.database,
        .temp_dir = q->worker->session.temp_dir,
        .out = &q->out,
    };
    q->encoder = encoder_new(q->format, &env);
    LH_TRY(encoder_begin(q->encoder, q->columns, q->column_count, err));
    for (bool done = false; !done;) {
        duckdb_data_chunk chunk = db->fetch_chunk(q->result);
        if (!chunk) {
            const char *reason = db->result_error(&q->result);
            if (reason && *reason)
                return sql_error_fill(err, reason, q->sql);
            break;
        }
        enum lh_code code = query_encode_chunk(q, chunk, &done, err);
        db->destroy_data_chunk(&chunk);
        LH_TRY(code);
        if (worker_cancelled(q->worker))
            return lh_fail(err, LH_CANCELLED, "cancelled");
    }
    struct encoder_stats stats = {q->row_count, q->truncated, worker_elapsed_ms(q->worker)};
    LH_TRY(encoder_end(q->encoder, &stats, err));
    return query_send_end(q, &stats, err);
}

/* What the server has to say of a search bears its place. */
static enum lh_code query_bind_names(struct query *q, struct lh_err *err) {
    enum lh_code code = bindings_prepare(q->worker, &q->scan, q->epoch, err);
    if (code != LH_OK && err->position > 0)
        sql_error_point(err, q->sql, err->position - 1);
    return code;
}

static enum lh_code query_steps(struct query *q, const json_t *request, struct lh_err *err) {
    LH_TRY(query_parse_request(q, request, err));
    LH_TRY(query_check_text(q, err));
    LH_TRY(query_extract(q, err));
    LH_TRY(query_bind_names(q, err));
    LH_TRY(query_run_pivot_steps(q, err));
    LH_TRY(query_prepare(q, q->statement_count - 1, err));
    LH_TRY(query_check_kind(q, false, err));
    LH_TRY(params_bind(q->duckdb, q->prepared, q->params, err));
    const struct encoder_stats nothing = {.elapsed_ms = worker_elapsed_ms(q->worker)};
    if (q->bind_only)
        return query_send_end(q, &nothing, err);
    LH_TRY(query_execute(q, err));
    return query_stream(q, err);
}

enum lh_code query_run(struct worker *w, const json_t *request, struct lh_err *err) {
    struct query q = {.worker = w, .duckdb = w->duckdb, .arena = arena_new()};
    enum lh_code code = query_steps(&q, request, err);
    query_release(&q);
    bindings_forget_momentary(w);
    if (code == LH_INTERNAL)
        w->retire = true;
    return code;
}
