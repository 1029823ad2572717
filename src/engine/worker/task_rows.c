/* Tasks on rows by their key, for what the lake takes away, brings back or changes:
 *
 *     tombstones_write    {"keys": [[text]], "reason", "actor", "at_us", "erase"}
 *                         Of the keys whose rows are there: output_dir/tombstones.parquet (the key's columns, then __reason, __actor,
 *                         __at) and their rows in changes.parquet.  -> {"rows", "missing": [positions]}
 *     tombstones_remove   {"keys": [[text]], "files": [paths], "visible": the SELECT of the rows there are}
 *                         Of the keys that have no visible row: each tombstone file that holds one, without them, as output_dir/{its position}.parquet; the
 *                         rows that come back in changes.parquet.
 *                         -> {"files": [{"file": position, "rows": left}], "rows": keys lifted, "missing": [positions]}; none
 *                         left: no file
 *     row_names           {"keys": [[text]]}
 *                         -> {"names": [text]}: what the journal calls their rows, each once, whether there are such rows or not
 *
 * All are requests of rows_task.h and need an output folder; row_names needs none and leaves nothing.
 * A key is given as the texts of its columns.  LH_INVALID names the position of one that is not of the column's type.
 *
 * changes.parquet: entity_id, field, action, old_value, new_value, erases, all VARCHAR; sorted as they are to be told
 * (docs/formats/journal.md).  With "erase" the rows' names and values are not told. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/row_text.h"
#include "engine/worker/rows_task.h"
#include "engine/worker/tasks.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define KEY_LIST_MAX 10000

void rows_task_release(struct rows_task *r) {
    row_shape_release(&r->shape);
}

enum lh_code rows_task_open(struct task *t, const json_t *request, struct rows_task *ret, struct lh_err *err) {
    struct rows_task r = {.task = t, .request = request};
    LH_TRY(lh_json_get_string(request, "", "rows", &r.rows, err));
    LH_TRY(row_shape_read(request, &r.shape, err));
    *ret = r;
    return LH_OK;
}

static enum lh_code open_task(struct task *t, const json_t *request, struct rows_task *ret, struct lh_err *err) {
    if (!t->output_dir)
        return lh_fail(err, LH_INTERNAL, "a task on rows needs an output folder");
    return rows_task_open(t, request, ret, err);
}

static const struct row_column *key_column(const struct rows_task *r, size_t i) {
    return &r->shape.columns[r->shape.key[i]];
}

enum lh_code rows_task_copy(struct rows_task *r, const struct buf *select, const char *path, int64_t *ret_rows,
                            struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_append_str(&sql, "COPY (");
    buf_append(&sql, buf_cstr(select), select->len);
    buf_append_str(&sql, ") TO ");
    buf_append_sql_string(&sql, path);
    buf_append_str(&sql, " (FORMAT parquet, COMPRESSION zstd)");
    return session_query_int64(r->task->session, buf_cstr(&sql), ret_rows, err);
}

/* COPY (...) TO 'output_dir/name'. */
static enum lh_code copy_to(struct rows_task *r, const struct buf *select, const char *name, int64_t *ret_rows,
                            struct lh_err *err) {
    LH_AUTO(mem) char *path = lh_asprintf("%s/%s", r->task->output_dir, name);
    return rows_task_copy(r, select, path, ret_rows, err);
}

/* ---- keys ---- */

/* asked: p (position), t0, t1, ... (texts). */
static enum lh_code take_keys(struct rows_task *r, struct lh_err *err) {
    json_t *keys, *key, *text;
    size_t i, k;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_TRY(lh_json_get_array(r->request, "", "keys", &keys, err));
    buf_append_str(&sql, "CREATE TEMP TABLE asked AS SELECT * FROM (VALUES ");
    json_array_foreach(keys, i, key) {
        buf_printf(&sql, "%s(%zu", i > 0 ? ", " : "", i);
        json_array_foreach(key, k, text) {
            buf_append_str(&sql, ", ");
            buf_append_sql_string(&sql, json_is_string(text) ? json_string_value(text) : "");
        }
        buf_append_char(&sql, ')');
    }
    buf_append_str(&sql, ") v(p");
    for (k = 0; k < r->shape.key_count; k++)
        buf_printf(&sql, ", t%zu", k);
    buf_append_char(&sql, ')');
    return session_run(r->task->session, buf_cstr(&sql), err);
}

/* Every text must be of its column's type; the first that is not is named. */
static enum lh_code refuse_bad_key(struct rows_task *r, struct lh_err *err) {
    for (size_t k = 0; k < r->shape.key_count; k++) {
        const struct row_column *column = key_column(r, k);
        LH_AUTO(buf) struct buf sql = BUF_INIT;
        int64_t bad;
        buf_printf(&sql, "SELECT coalesce(min(p), -1) FROM asked WHERE TRY_CAST(t%zu AS %s) IS NULL", k, column->type);
        LH_TRY(session_query_int64(r->task->session, buf_cstr(&sql), &bad, err));
        if (bad < 0)
            continue;
        const json_t *keys = json_object_get(r->request, "keys");
        const char *text = json_string_value(json_array_get(json_array_get(keys, (size_t)bad), k));
        return lh_fail(err, LH_INVALID, "row_keys[%" PRId64 "]: \"%.100s\" is no %s, which the key column \"%s\" is",
                       bad, text, column->type, column->name);
    }
    return LH_OK;
}

/* wanted: p and the key's columns by name, each key once. */
static enum lh_code type_keys(struct rows_task *r, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_TRY(take_keys(r, err));
    LH_TRY(refuse_bad_key(r, err));
    buf_append_str(&sql, "CREATE TEMP TABLE wanted AS SELECT min(p) AS \"#p\"");
    for (size_t k = 0; k < r->shape.key_count; k++) {
        buf_printf(&sql, ", CAST(t%zu AS %s) AS ", k, key_column(r, k)->type);
        buf_append_sql_ident(&sql, key_column(r, k)->name);
    }
    buf_append_str(&sql, " FROM asked GROUP BY ALL");
    return session_run(r->task->session, buf_cstr(&sql), err);
}

/* Types whose text is read back as the same value. */
static bool has_exact_text(const char *type) {
    static const char *const types[] = {"TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",  "HUGEINT",
                                        "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
                                        "VARCHAR",  "DATE",      "UUID"};
    for (size_t i = 0; i < LH_ARRAY_LEN(types); i++)
        if (strcasecmp(type, types[i]) == 0)
            return true;
    return false;
}

/* " AND s.key IN (constants)" of a column of the key: constants go down to the scans of any plan, where a join's keys do not.
 * Without it the result is the same. */
static enum lh_code append_key_list(struct rows_task *r, const struct row_column *column, struct buf *sql,
                                    struct lh_err *err) {
    const struct duckdb_api *db = r->task->session->duckdb;
    LH_AUTO(query_result) struct query_result texts = {.duckdb = NULL};
    LH_AUTO(buf) struct buf ask = BUF_INIT;
    if (!has_exact_text(column->type))
        return LH_OK;
    buf_append_str(&ask, "SELECT DISTINCT CAST(");
    row_text_append_column(&ask, "wanted", column->name);
    buf_append_str(&ask, " AS VARCHAR) FROM wanted");
    LH_TRY(session_query(r->task->session, buf_cstr(&ask), &texts.result, err));
    texts.duckdb = db;
    idx_t count = db->row_count(&texts.result);
    if (count == 0 || count > KEY_LIST_MAX)
        return LH_OK;
    buf_append_str(sql, " AND ");
    row_text_append_column(sql, "s", column->name);
    buf_append_str(sql, " IN (");
    for (idx_t i = 0; i < count; i++) {
        char *text = db->value_varchar(&texts.result, 0, i);
        buf_append_str(sql, i > 0 ? ", CAST(" : "CAST(");
        buf_append_sql_string(sql, text ? text : "");
        buf_printf(sql, " AS %s)", column->type);
        db->free(text);
    }
    buf_append_char(sql, ')');
    return LH_OK;
}

enum lh_code rows_task_find(struct rows_task *r, const char *name, const char *source, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_printf(&sql, "CREATE TEMP TABLE %s AS SELECT w.\"#p\", s.* FROM (%s) s JOIN wanted w ON ", name, source);
    row_text_append_key_match(&sql, "s", "w", &r->shape);
    for (size_t k = 0; k < r->shape.key_count; k++)
        LH_TRY(append_key_list(r, key_column(r, k), &sql, err));
    return session_run(r->task->session, buf_cstr(&sql), err);
}

/* Positions of the keys `asked_for` that `found` lacks. */
static enum lh_code add_missing(struct rows_task *r, const char *asked_for, const char *found, json_t *answer,
                                struct lh_err *err) {
    const struct duckdb_api *db = r->task->session->duckdb;
    LH_AUTO(query_result) struct query_result result = {.duckdb = NULL};
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    json_t *missing = json_array();
    json_object_set_new(answer, "missing", missing);
    buf_printf(&sql, "SELECT \"#p\" FROM %s WHERE \"#p\" NOT IN (SELECT \"#p\" FROM %s) ORDER BY 1", asked_for, found);
    LH_TRY(session_query(r->task->session, buf_cstr(&sql), &result.result, err));
    result.duckdb = db;
    for (idx_t i = 0; i < db->row_count(&result.result); i++)
        json_array_append_new(missing, json_integer(db->value_int64(&result.result, 0, i)));
    return LH_OK;
}

/* ---- row_names ---- */

static enum lh_code name_rows(struct rows_task *r, json_t *names, struct lh_err *err) {
    const struct duckdb_api *db = r->task->session->duckdb;
    LH_AUTO(query_result) struct query_result result = {.duckdb = NULL};
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_TRY(type_keys(r, err));
    LH_TRY(row_text_define(r->task->session, 0, err));
    buf_append_str(&sql, "SELECT ");
    row_text_append_key(&sql, "wanted", &r->shape);
    buf_append_str(&sql, " FROM wanted ORDER BY \"#p\"");
    LH_TRY(session_query(r->task->session, buf_cstr(&sql), &result.result, err));
    result.duckdb = db;
    for (idx_t i = 0; i < db->row_count(&result.result); i++) {
        char *text = db->value_varchar(&result.result, 0, i);
        json_array_append_new(names, json_string(text ? text : ""));
        db->free(text);
    }
    return LH_OK;
}

enum lh_code task_row_names(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    LH_CLEANUP(rows_task_release) struct rows_task r = {.task = t, .request = request};
    LH_AUTO(json) json_t *answer = json_object();
    struct lh_err dropping = LH_ERR_INIT;
    json_t *names = json_array();
    json_object_set_new(answer, "names", names);
    LH_TRY(row_shape_read(request, &r.shape, err));
    enum lh_code code = name_rows(&r, names, err);
    enum lh_code dropped = session_run(t->session,
                                       "DROP TABLE IF EXISTS asked; DROP TABLE IF EXISTS wanted; "
                                       "DROP MACRO IF EXISTS row_value; DROP MACRO IF EXISTS row_name",
                                       &dropping);
    LH_TRY(code);
    if (dropped != LH_OK) {
        *err = dropping;
        return dropped;
    }
    *ret_answer = LH_STEAL(answer);
    return LH_OK;
}

/* ---- tombstones_write ---- */

void rows_task_append_key_columns(struct buf *sql, const char *relation, const struct rows_task *r) {
    for (size_t k = 0; k < r->shape.key_count; k++) {
        buf_append_str(sql, k > 0 ? ", " : "");
        row_text_append_column(sql, relation, key_column(r, k)->name);
    }
}

static enum lh_code write_tombstones(struct rows_task *r, int64_t *ret_rows, struct lh_err *err) {
    const char *reason, *actor;
    int64_t at_us;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_TRY(lh_json_get_string_or(r->request, "", "reason", NULL, &reason, err));
    LH_TRY(lh_json_get_string(r->request, "", "actor", &actor, err));
    LH_TRY(lh_json_get_int(r->request, "", "at_us", &at_us, err));
    buf_append_str(&sql, "SELECT ");
    rows_task_append_key_columns(&sql, "f", r);
    buf_append_str(&sql, ", CAST(");
    if (reason)
        buf_append_sql_string(&sql, reason);
    else
        buf_append_str(&sql, "NULL");
    buf_append_str(&sql, " AS VARCHAR) AS __reason, ");
    buf_append_sql_string(&sql, actor);
    buf_printf(&sql, " AS __actor, make_timestamptz(%" PRId64 ") AS __at FROM found f ORDER BY ", at_us);
    rows_task_append_key_columns(&sql, "f", r);
    return copy_to(r, &sql, "tombstones.parquet", ret_rows, err);
}

/* One event a row, which tells the whole of it. */
static enum lh_code write_whole_rows(struct rows_task *r, const char *action, const char *old_value,
                                     const char *new_value, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    int64_t rows;
    LH_TRY(session_query_int64(r->task->session, "SELECT count(*) FROM found", &rows, err));
    LH_TRY(row_text_define(r->task->session, rows, err));
    buf_append_str(&sql, "SELECT ");
    row_text_append_key(&sql, "f", &r->shape);
    buf_printf(&sql,
               " AS entity_id, CAST(NULL AS VARCHAR) AS field, '%s' AS action, CAST(%s AS VARCHAR) AS old_value, "
               "CAST(%s AS VARCHAR) AS new_value, CAST(NULL AS VARCHAR) AS erases FROM found f ORDER BY \"#p\"",
               action, old_value, new_value);
    return copy_to(r, &sql, "changes.parquet", &rows, err);
}

/* No name and no value: a name that nothing follows from, and beside it, for the journal alone, whose events are to lose theirs. */
static enum lh_code tell_erasures(struct rows_task *r, const char *reason, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    int64_t rows;
    LH_TRY(row_text_define(r->task->session, 0, err));
    buf_printf(
        &sql,
        "SELECT 'erased:' || CAST(uuid() AS VARCHAR) AS entity_id, CAST(NULL AS VARCHAR) AS field, 'erase' AS action, "
        "CAST(NULL AS VARCHAR) AS old_value, CAST(%s AS VARCHAR) AS new_value, ",
        reason);
    row_text_append_key(&sql, "f", &r->shape);
    buf_append_str(&sql, " AS erases FROM found f ORDER BY \"#p\"");
    return copy_to(r, &sql, "changes.parquet", &rows, err);
}

static enum lh_code tell_tombstones(struct rows_task *r, struct lh_err *err) {
    LH_AUTO(buf) struct buf row = BUF_INIT;
    LH_AUTO(buf) struct buf reason = BUF_INIT;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *told = json_object();
    json_object_set(told, "reason", json_object_get(r->request, "reason"));
    lh_json_write(told, LH_JSON_COMPACT, &reason);
    buf_append_sql_string(&text, buf_cstr(&reason));
    if (json_is_true(json_object_get(r->request, "erase")))
        return tell_erasures(r, buf_cstr(&text), err);
    row_text_append_row(&row, "f", &r->shape);
    return write_whole_rows(r, "tombstone", buf_cstr(&row), buf_cstr(&text), err);
}

enum lh_code task_tombstones_write(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    LH_CLEANUP(rows_task_release) struct rows_task r = {0};
    LH_AUTO(json) json_t *answer = json_object();
    int64_t rows;
    LH_TRY(open_task(t, request, &r, err));
    LH_TRY(type_keys(&r, err));
    LH_TRY(rows_task_find(&r, "found", r.rows, err));
    LH_TRY(add_missing(&r, "wanted", "found", answer, err));
    LH_TRY(session_query_int64(t->session, "SELECT count(*) FROM found", &rows, err));
    if (rows > 0) {
        LH_TRY(write_tombstones(&r, &rows, err));
        LH_TRY(tell_tombstones(&r, err));
    }
    json_object_set_new(answer, "rows", json_integer(rows));
    *ret_answer = LH_STEAL(answer);
    return LH_OK;
}

/* ---- tombstones_remove ---- */

static void append_read(struct buf *sql, const char *path) {
    buf_append_str(sql, "SELECT * FROM read_parquet(");
    buf_append_sql_path(sql, path);
    buf_append_str(sql, ", hive_partitioning = false)");
}

/* The file at `position` without the wanted keys, where it has any of them. */
static enum lh_code strip_file(struct rows_task *r, size_t position, const char *path, json_t *files,
                               struct lh_err *err) {
    LH_AUTO(buf) struct buf source = BUF_INIT;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    int64_t hits, left = 0;
    append_read(&source, path);
    buf_printf(&sql, "INSERT INTO lifted SELECT w.\"#p\" FROM (%s) s JOIN wanted w ON ", buf_cstr(&source));
    row_text_append_key_match(&sql, "s", "w", &r->shape);
    LH_TRY(session_query_int64(r->task->session, buf_cstr(&sql), &hits, err));
    if (hits == 0)
        return LH_OK;
    buf_reset(&sql);
    buf_printf(&sql, "SELECT count(*) FROM (%s) s", buf_cstr(&source));
    LH_TRY(session_query_int64(r->task->session, buf_cstr(&sql), &left, err));
    left -= hits;
    if (left > 0) {
        LH_AUTO(mem) char *name = lh_asprintf("%zu.parquet", position);
        buf_reset(&sql);
        buf_printf(&sql, "SELECT s.* FROM (%s) s ANTI JOIN wanted w ON ", buf_cstr(&source));
        row_text_append_key_match(&sql, "s", "w", &r->shape);
        LH_TRY(copy_to(r, &sql, name, &left, err));
    }
    json_array_append_new(files, json_pack("{s:I, s:I}", "file", (json_int_t)position, "rows", (json_int_t)left));
    return LH_OK;
}

/* A key that was written again has its row: its tombstone hides nothing that could come back.  every: all that was wanted. */
static enum lh_code forget_visible(struct rows_task *r, struct lh_err *err) {
    const char *visible;
    LH_TRY(lh_json_get_string(r->request, "", "visible", &visible, err));
    LH_TRY(session_run(r->task->session, "CREATE TEMP TABLE every AS SELECT \"#p\" FROM wanted", err));
    LH_TRY(rows_task_find(r, "shown", visible, err));
    return session_run(r->task->session, "DELETE FROM wanted WHERE \"#p\" IN (SELECT \"#p\" FROM shown)", err);
}

enum lh_code task_tombstones_remove(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    LH_CLEANUP(rows_task_release) struct rows_task r = {0};
    LH_AUTO(json) json_t *answer = json_object();
    LH_AUTO(buf) struct buf row = BUF_INIT;
    json_t *paths, *path, *files = json_array();
    size_t i;
    int64_t rows;
    json_object_set_new(answer, "files", files);
    LH_TRY(open_task(t, request, &r, err));
    LH_TRY(lh_json_get_array(request, "", "files", &paths, err));
    LH_TRY(type_keys(&r, err));
    LH_TRY(forget_visible(&r, err));
    LH_TRY(session_run(t->session, "CREATE TEMP TABLE lifted (\"#p\" BIGINT)", err));
    json_array_foreach(paths, i, path)
        LH_TRY(strip_file(&r, i, json_is_string(path) ? json_string_value(path) : "", files, err));
    LH_TRY(add_missing(&r, "every", "lifted", answer, err));
    LH_TRY(session_run(t->session, "DELETE FROM wanted WHERE \"#p\" NOT IN (SELECT \"#p\" FROM lifted)", err));
    LH_TRY(session_query_int64(t->session, "SELECT count(*) FROM wanted", &rows, err));
    json_object_set_new(answer, "rows", json_integer(rows));
    LH_TRY(rows_task_find(&r, "found", r.rows, err));
    row_text_append_row(&row, "f", &r.shape);
    LH_TRY(write_whole_rows(&r, "untombstone", "NULL", buf_cstr(&row), err));
    *ret_answer = LH_STEAL(answer);
    return LH_OK;
}
