/* The task `changes_write`: what upserts change, field by field.
 *
 *     {"deltas": [SELECT], "max_changes": n}, and what rows_task.h has
 *         Each delta: rows of unique keys, all columns.
 *     -> {"upserts": [{"changes": n, "inserted": rows, "updated": rows, "parquet": base64}]}, one for each delta
 *         `parquet`: its changes.  It is missing where there are none, where "too_many": true (more than max_changes, or their
 *         texts too large to be told), where "too_large": true (it does not fit the answer), and where "later": true:
 *         the delta has a key of one before it, was not looked at, and must come again once that one is committed.
 *
 * In a fresh worker, which is for one delta whose changes are too large for an answer, they are output_dir/changes.parquet.
 *
 * changes.parquet: entity_id, field, action, old_value, new_value, erases, all VARCHAR; sorted as they are to be told
 * (docs/formats/journal.md).
 *
 * Old rows are the cost of it.  All deltas look for theirs in one pass over the dataset, so that many small upserts at one time
 * cost as much as one. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "engine/worker/rows_task.h"
#include "engine/worker/tasks.h"
#include "os/file.h"
#include "os/os.h"

#include <inttypes.h>
#include <string.h>

#define ANSWER_MAX_BYTES ((size_t)11 << 20) /* of Parquet; its base64 fits a frame */

/* What the statements below make.  The worker goes on to serve others: "temp." because a dataset may have such a name. */
#define CLEAN_UP                                                                                          \
    "DROP TABLE IF EXISTS temp.fresh; DROP TABLE IF EXISTS temp.later; DROP VIEW IF EXISTS temp.wanted; " \
    "DROP TABLE IF EXISTS temp.past; DROP TABLE IF EXISTS temp.changes; "                                 \
    "DROP MACRO IF EXISTS row_value; DROP MACRO IF EXISTS row_name"

struct changes_task {
    struct rows_task rows;
    const json_t *deltas;
    int64_t max_changes;
    const char *path; /* of a file of changes */
    size_t bytes;     /* of the answer so far */
    json_t *upserts;  /* the answer */
};

/* ---- rows ---- */

/* fresh: the rows of all deltas, "#u" the delta's position; without those whose key an earlier delta has, which are in `later`. */
static enum lh_code gather(struct changes_task *c, struct lh_err *err) {
    struct session *session = c->rows.task->session;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    const json_t *delta;
    size_t i;
    buf_append_str(&sql, "CREATE TEMP TABLE fresh AS SELECT row_number() OVER () AS \"#p\", * FROM (");
    json_array_foreach((json_t *)(uintptr_t)c->deltas, i, delta) {
        if (!json_is_string(delta))
            return lh_fail(err, LH_INTERNAL, "deltas[%zu] is no text", i);
        buf_printf(&sql, "%sSELECT %zu AS \"#u\", s.* FROM (%s) s", i > 0 ? " UNION ALL " : "", i,
                   json_string_value(delta));
    }
    buf_append_char(&sql, ')');
    LH_TRY(session_run(session, buf_cstr(&sql), err));
    buf_reset(&sql);
    buf_append_str(&sql, "CREATE TEMP TABLE later AS SELECT DISTINCT b.\"#u\" FROM fresh a JOIN fresh b ON ");
    row_text_append_key_match(&sql, "a", "b", &c->rows.shape);
    buf_append_str(&sql, " AND a.\"#u\" < b.\"#u\"; DELETE FROM fresh WHERE \"#u\" IN (SELECT \"#u\" FROM later)");
    return json_array_size(c->deltas) > 1 ? session_run(session, buf_cstr(&sql), err) : LH_OK;
}

/* past: the rows that the fresh ones take the place of. */
static enum lh_code find_past(struct changes_task *c, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_append_str(&sql, "CREATE TEMP VIEW wanted AS SELECT \"#p\", ");
    rows_task_append_key_columns(&sql, "fresh", &c->rows);
    buf_append_str(&sql, " FROM fresh");
    LH_TRY(session_run(c->rows.task->session, buf_cstr(&sql), err));
    return rows_task_find(&c->rows, "past", c->rows.rows, err);
}

/* ---- changes ---- */

/* "CASE WHEN condition THEN {...} END": one change, NULL where it is none. */
static void append_change(struct buf *sql, const char *condition, const char *field, const char *action,
                          const char *old_value, const char *new_value) {
    buf_printf(sql, "CASE WHEN %s THEN {'field': ", condition);
    if (field)
        buf_append_sql_string(sql, field);
    else
        buf_append_str(sql, "CAST(NULL AS VARCHAR)");
    buf_printf(sql, ", 'action': '%s', 'old_value': %s, 'new_value': %s} END", action, old_value, new_value);
}

static void append_update(struct buf *sql, const struct row_column *column) {
    LH_AUTO(buf) struct buf before = BUF_INIT;
    LH_AUTO(buf) struct buf after = BUF_INIT;
    LH_AUTO(buf) struct buf differs = BUF_INIT;
    LH_AUTO(buf) struct buf old_text = BUF_INIT;
    LH_AUTO(buf) struct buf new_text = BUF_INIT;
    row_text_append_column(&before, "o", column->name);
    row_text_append_column(&after, "n", column->name);
    buf_printf(&differs, "o.\"#p\" IS NOT NULL AND %s IS DISTINCT FROM %s", buf_cstr(&before), buf_cstr(&after));
    buf_append_str(&old_text, "row_value(");
    row_text_append_value(&old_text, buf_cstr(&before), column->type);
    buf_append_char(&old_text, ')');
    buf_append_str(&new_text, "row_value(");
    row_text_append_value(&new_text, buf_cstr(&after), column->type);
    buf_append_char(&new_text, ')');
    append_change(sql, buf_cstr(&differs), column->name, "update", buf_cstr(&old_text), buf_cstr(&new_text));
}

/* changes: a new row as a whole; of another one a line for each column whose value differs.  One join whatever the columns. */
static enum lh_code compare(struct changes_task *c, struct lh_err *err) {
    const struct row_shape *shape = &c->rows.shape;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(buf) struct buf row = BUF_INIT;
    LH_TRY(row_text_define(c->rows.task->session, 0, err));
    row_text_append_row(&row, "n", shape);
    buf_append_str(&sql, "CREATE TEMP TABLE changes AS SELECT u, p, entity_id, c.field AS field, c.action AS action, "
                         "c.old_value AS old_value, c.new_value AS new_value FROM (SELECT n.\"#u\" AS u, "
                         "n.\"#p\" AS p, ");
    row_text_append_key(&sql, "n", shape);
    buf_append_str(&sql, " AS entity_id, unnest([");
    append_change(&sql, "o.\"#p\" IS NULL", NULL, "insert", "CAST(NULL AS VARCHAR)", buf_cstr(&row));
    for (size_t i = 0; i < shape->column_count; i++) {
        if (shape->columns[i].is_key)
            continue;
        buf_append_str(&sql, ", ");
        append_update(&sql, &shape->columns[i]);
    }
    buf_append_str(&sql, "]) AS c FROM fresh n LEFT JOIN past o ON o.\"#p\" = n.\"#p\") WHERE c IS NOT NULL");
    return session_run(c->rows.task->session, buf_cstr(&sql), err);
}

/* ---- the answer ---- */

/* Of the upserts that have changes. */
struct upsert_sums {
    int64_t changes, inserted, updated, bytes;
};

static enum lh_code sum_up(struct changes_task *c, struct upsert_sums *sums, size_t count, struct lh_err *err) {
    const struct duckdb_api *db = c->rows.task->session->duckdb;
    LH_AUTO(query_result) struct query_result result = {.duckdb = NULL};
    LH_TRY(session_query(c->rows.task->session,
                         "SELECT u, count(*), count(*) FILTER (action = 'insert'), count(DISTINCT p) FILTER (action = "
                         "'update'), CAST(coalesce(sum(strlen(coalesce(old_value, '')) + "
                         "strlen(coalesce(new_value, ''))), 0) AS BIGINT) FROM changes GROUP BY u",
                         &result.result, err));
    result.duckdb = db;
    for (idx_t i = 0; i < db->row_count(&result.result); i++) {
        size_t u = (size_t)db->value_int64(&result.result, 0, i);
        if (u >= count)
            return lh_fail(err, LH_INTERNAL, "changes of a delta that was not asked for");
        sums[u].changes = db->value_int64(&result.result, 1, i);
        sums[u].inserted = db->value_int64(&result.result, 2, i);
        sums[u].updated = db->value_int64(&result.result, 3, i);
        sums[u].bytes = db->value_int64(&result.result, 4, i);
    }
    return LH_OK;
}

static enum lh_code mark_later(struct changes_task *c, struct lh_err *err) {
    const struct duckdb_api *db = c->rows.task->session->duckdb;
    LH_AUTO(query_result) struct query_result result = {.duckdb = NULL};
    if (json_array_size(c->deltas) < 2)
        return LH_OK;
    LH_TRY(session_query(c->rows.task->session, "SELECT \"#u\" FROM later", &result.result, err));
    result.duckdb = db;
    for (idx_t i = 0; i < db->row_count(&result.result); i++) {
        json_t *upsert = json_array_get(c->upserts, (size_t)db->value_int64(&result.result, 0, i));
        json_object_set_new(upsert, "later", json_true());
    }
    return LH_OK;
}

static enum lh_code attach(struct changes_task *c, json_t *upsert, struct lh_err *err) {
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    struct lh_err large = LH_ERR_INIT;
    enum lh_code code = os_read_file(os_real(), AT_FDCWD, c->path, ANSWER_MAX_BYTES - c->bytes, &bytes, &large);
    if (code == LH_TOO_LARGE) {
        json_object_set_new(upsert, "too_large", json_true());
        return LH_OK;
    }
    if (code != LH_OK) {
        *err = large;
        return code;
    }
    c->bytes += bytes.len;
    lh_base64_encode(bytes.data, bytes.len, &text);
    json_object_set_new(upsert, "parquet", json_stringn(text.data, text.len));
    return LH_OK;
}

static enum lh_code tell(struct changes_task *c, size_t u, const struct upsert_sums *sums, struct lh_err *err) {
    json_t *upsert = json_array_get(c->upserts, u);
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    int64_t written;
    bool too_many = sums->changes > c->max_changes || sums->bytes > ROW_TEXTS_MAX_BYTES;
    json_object_set_new(upsert, "changes", json_integer(sums->changes));
    json_object_set_new(upsert, "inserted", json_integer(sums->inserted));
    json_object_set_new(upsert, "updated", json_integer(sums->updated));
    if (too_many)
        json_object_set_new(upsert, "too_many", json_true());
    if (too_many || sums->changes == 0)
        return LH_OK;
    buf_printf(&sql,
               "SELECT entity_id, field, action, old_value, new_value, CAST(NULL AS VARCHAR) AS erases "
               "FROM changes WHERE u = %zu ORDER BY p, field",
               u);
    LH_TRY(rows_task_copy(&c->rows, &sql, c->path, &written, err));
    return c->rows.task->output_dir ? LH_OK : attach(c, upsert, err);
}

static enum lh_code run(struct changes_task *c, struct lh_err *err) {
    size_t count = json_array_size(c->deltas);
    LH_AUTO(mem) struct upsert_sums *sums = lh_calloc(count + 1, sizeof *sums);
    for (size_t u = 0; u < count; u++)
        json_array_append_new(c->upserts, json_object());
    LH_TRY(gather(c, err));
    LH_TRY(find_past(c, err));
    LH_TRY(compare(c, err));
    LH_TRY(sum_up(c, sums, count, err));
    LH_TRY(mark_later(c, err));
    for (size_t u = 0; u < count; u++)
        LH_TRY(tell(c, u, &sums[u], err));
    return LH_OK;
}

/* Whatever came of it. */
static enum lh_code clean_up(struct changes_task *c, enum lh_code code, struct lh_err *err) {
    struct lh_err failure = LH_ERR_INIT;
    if (!c->rows.task->output_dir)
        lh_ignore(os_unlink(os_real(), AT_FDCWD, c->path, &failure));
    failure = (struct lh_err)LH_ERR_INIT;
    enum lh_code cleaned = session_run(c->rows.task->session, CLEAN_UP, &failure);
    if (code != LH_OK || cleaned == LH_OK)
        return code;
    *err = failure;
    return cleaned;
}

enum lh_code task_changes_write(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = json_object();
    LH_AUTO(mem) char *path = lh_asprintf("%s/changes.parquet", t->output_dir ? t->output_dir : t->session->temp_dir);
    struct changes_task c = {.path = path, .upserts = json_array()};
    json_t *deltas;
    json_object_set_new(answer, "upserts", c.upserts);
    LH_TRY(lh_json_get_array(request, "", "deltas", &deltas, err));
    LH_TRY(lh_json_get_int(request, "", "max_changes", &c.max_changes, err));
    LH_TRY(rows_task_open(t, request, &c.rows, err));
    c.deltas = deltas;
    enum lh_code code = clean_up(&c, run(&c, err), err);
    rows_task_release(&c.rows);
    LH_TRY(code);
    *ret_answer = LH_STEAL(answer);
    return LH_OK;
}
