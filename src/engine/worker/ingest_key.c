/* Rows for a dataset that exists: each key once and never NULL, and its columns' types where the values allow. */
#include "engine/worker/ingest_job.h"
#include "engine/worker/tasks.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NULL_KEY "lh:null-key:" /* then the row's number, a colon and the column's position in the key */

static json_t *key_of(const struct ingest_job *job) {
    return json_object_get(job->request, "key");
}

bool ingest_has_key(const struct ingest_job *job) {
    return json_array_size(key_of(job)) > 0;
}

/* ---- the key ---- */

static const char *column_named(const json_t *columns, const char *name) {
    size_t i;
    json_t *column;
    json_array_foreach(columns, i, column) {
        const char *found = json_string_value(json_object_get(column, "name"));
        if (found && strcasecmp(found, name) == 0)
            return found;
    }
    return NULL;
}

/* A name of ours that is none of the columns'. */
static void free_name(const json_t *columns, struct buf *name) {
    while (column_named(columns, buf_cstr(name)))
        buf_append_char(name, '_');
}

static void append_key(const json_t *columns, const json_t *key, struct buf *sql) {
    size_t i;
    json_t *part;
    json_array_foreach(key, i, part) {
        buf_append_str(sql, i > 0 ? ", " : "");
        buf_append_sql_ident(sql, column_named(columns, json_string_value(part)));
    }
}

static enum lh_code check_key_columns(const json_t *columns, const json_t *key, struct lh_err *err) {
    size_t i;
    json_t *part;
    json_array_foreach(key, i, part) {
        const char *name = json_string_value(part);
        if (!name || !column_named(columns, name))
            return lh_fail(err, LH_INVALID, "the rows have no column \"%s\", which is part of the primary key",
                           name ? name : "?");
    }
    return LH_OK;
}

enum lh_code ingest_key_append_select(const struct ingest_job *job, const json_t *columns, const char *select_sql,
                                      struct buf *sql, struct lh_err *err) {
    const json_t *key = key_of(job);
    if (!ingest_has_key(job)) {
        buf_append_str(sql, select_sql);
        return LH_OK;
    }
    LH_TRY(check_key_columns(columns, key, err));
    LH_AUTO(buf) struct buf row = BUF_INIT;
    LH_AUTO(buf) struct buf rank = BUF_INIT;
    buf_append_str(&row, "row");
    buf_append_str(&rank, "rank");
    free_name(columns, &row);
    free_name(columns, &rank);
    buf_printf(sql, "SELECT * EXCLUDE (%s, %s) FROM (SELECT *, row_number() OVER (PARTITION BY ", buf_cstr(&row),
               buf_cstr(&rank));
    append_key(columns, key, sql);
    buf_printf(sql, " ORDER BY %s DESC) AS %s FROM (SELECT * REPLACE (", buf_cstr(&row), buf_cstr(&rank));
    size_t i;
    json_t *part;
    json_array_foreach(key, i, part) {
        const char *name = column_named(columns, json_string_value(part));
        buf_append_str(sql, i > 0 ? ", CASE WHEN " : "CASE WHEN ");
        buf_append_sql_ident(sql, name);
        buf_printf(sql, " IS NULL THEN error('" NULL_KEY "' || %s || ':%zu') ELSE ", buf_cstr(&row), i);
        buf_append_sql_ident(sql, name);
        buf_append_str(sql, " END AS ");
        buf_append_sql_ident(sql, name);
    }
    buf_printf(sql, ") FROM (SELECT *, row_number() OVER () AS %s FROM (%s)))) WHERE %s = 1 ORDER BY ", buf_cstr(&row),
               select_sql, buf_cstr(&rank));
    append_key(columns, key, sql);
    return LH_OK;
}

enum lh_code ingest_key_explain(const struct ingest_job *job, struct lh_err *err) {
    const char *at = strstr(err->message, NULL_KEY);
    if (!at)
        return err->code;
    char *end;
    unsigned long long row = strtoull(at + strlen(NULL_KEY), &end, 10);
    size_t i = *end == ':' ? (size_t)strtoull(end + 1, NULL, 10) : 0;
    const char *name = json_string_value(json_array_get(key_of(job), i));
    *err = (struct lh_err)LH_ERR_INIT;
    lh_ignore(lh_fail(err, LH_INVALID, "row %llu has no value for \"%s\", which is part of the primary key", row,
                      name ? name : "?"));
    return lh_err_hint(err, "rows are counted from 1, a header line left out; give every row its key");
}

/* ---- types ---- */

static bool starts_with(const char *type, const char *prefix) {
    return strncasecmp(type, prefix, strlen(prefix)) == 0;
}

static bool is_nested(const char *type) {
    size_t len = strlen(type);
    return starts_with(type, "STRUCT(") || starts_with(type, "MAP(") || (len > 0 && type[len - 1] == ']');
}

/* Types that have one text for a value, so that a text which comes back different was changed. */
static bool is_exact(const char *type) {
    return !starts_with(type, "TIME") && !starts_with(type, "DATE") && !starts_with(type, "UUID") &&
           !starts_with(type, "INTERVAL");
}

bool ingest_type_is_decimal(const char *type) {
    return starts_with(type, "DECIMAL(");
}

static bool text_to_decimal(const struct ingest_misfit *m) {
    return ingest_type_is_decimal(m->wanted) && (m->digits || strcmp(m->own_type, "VARCHAR") == 0);
}

#define SQL_WITH_EXPONENT "-?([0-9]+([.][0-9]+)?|[.][0-9]+)[eE][-+]?[0-9]{1,3}"

/* The text of a number without its exponent: the point moves, no digit changes.  Other texts stay as they are. */
static void append_plain(const char *text, struct buf *sql) {
    LH_AUTO(buf) struct buf digits = BUF_INIT;
    LH_AUTO(buf) struct buf point = BUF_INIT;
    LH_AUTO(buf) struct buf padded = BUF_INIT;
    buf_printf(&digits, "regexp_replace(%s, '[eE].*|[-.]', '', 'g')", text);
    buf_printf(&point,
               "(strlen(regexp_extract(%s, '^-?([0-9]*)', 1)) + "
               "TRY_CAST(regexp_extract(%s, '[eE][+]?(-?[0-9]+)$', 1) AS BIGINT))",
               text, text);
    const char *d = buf_cstr(&digits), *p = buf_cstr(&point);
    buf_printf(&padded, "(repeat('0', greatest(-%s, 0)) || %s || repeat('0', greatest(%s - strlen(%s), 0)))", p, d, p,
               d);
    const char *all = buf_cstr(&padded);
    buf_printf(sql,
               "CASE WHEN regexp_full_match(%s, '" SQL_WITH_EXPONENT "') THEN "
               "CASE WHEN starts_with(%s, '-') THEN '-' ELSE '' END || left(%s, greatest(%s, 0)) || '.' || "
               "substr(%s, greatest(%s, 0) + 1) ELSE %s END",
               text, text, all, p, all, p, text);
}

/* A decimal's cast rounds what it has no place for: only zeros may stand there. */
static void append_decimal_misfit(const struct ingest_misfit *m, const char *text, struct buf *sql) {
    LH_AUTO(buf) struct buf plain = BUF_INIT;
    append_plain(text, &plain);
    const char *comma = strchr(m->wanted, ',');
    unsigned long scale = comma ? strtoul(comma + 1, NULL, 10) : 0;
    buf_printf(sql,
               " AND NOT coalesce(regexp_full_match(%s, '-?[0-9]*([.][0-9]{0,%lu}0*)?') AND "
               "TRY_CAST(%s AS %s) IS NOT NULL, false)",
               buf_cstr(&plain), scale, buf_cstr(&plain), m->wanted);
}

void ingest_append_fitted(const struct ingest_misfit *misfit, struct buf *sql) {
    bool text = strcmp(misfit->own_type, "VARCHAR") == 0;
    if (text_to_decimal(misfit)) {
        buf_append_str(sql, "CAST(");
        append_plain(misfit->digits ? misfit->digits : misfit->expression, sql);
        buf_printf(sql, " AS %s)", misfit->wanted);
        return;
    }
    buf_printf(sql, is_nested(misfit->wanted) && text ? "CAST(CAST(%s AS JSON) AS %s)" : "CAST(%s AS %s)",
               misfit->expression, misfit->wanted);
}

/* True where x%zu is a value that the wanted type does not have. */
static void append_misfit(const struct ingest_misfit *m, size_t i, struct buf *sql) {
    bool text = strcmp(m->own_type, "VARCHAR") == 0;
    buf_printf(sql, "x%zu IS NOT NULL", i);
    if (strcmp(m->own_type, "BOOLEAN") == 0 && strcmp(m->wanted, "VARCHAR") != 0)
        return; /* a truth value is no number */
    if (text_to_decimal(m)) {
        LH_AUTO(buf) struct buf ident = BUF_INIT;
        buf_printf(&ident, "x%zu", i);
        append_decimal_misfit(m, buf_cstr(&ident), sql);
        return;
    }
    if (is_nested(m->wanted) && text)
        buf_printf(sql, " AND TRY_CAST(TRY_CAST(x%zu AS JSON) AS %s) IS NULL", i, m->wanted);
    else if (text && !is_exact(m->wanted))
        buf_printf(sql, " AND TRY_CAST(x%zu AS %s) IS NULL", i, m->wanted);
    else
        buf_printf(sql, " AND CAST(TRY_CAST(x%zu AS %s) AS %s) IS DISTINCT FROM x%zu", i, m->wanted, m->own_type, i);
}

static enum lh_code judge(struct ingest_job *job, const char *source_sql, struct ingest_misfit *misfits, size_t count,
                          bool castable, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_append_str(&sql, "SELECT ");
    for (size_t i = 0; i < count; i++) {
        buf_printf(&sql, "%smin(row) FILTER (WHERE ", i > 0 ? ", " : "");
        if (castable)
            append_misfit(&misfits[i], i, &sql);
        else
            buf_printf(&sql, "x%zu IS NOT NULL", i);
        buf_append_char(&sql, ')');
    }
    buf_append_str(&sql, " FROM (SELECT row_number() OVER () AS row");
    for (size_t i = 0; i < count; i++)
        buf_printf(&sql, ", %s AS x%zu", misfits[i].digits ? misfits[i].digits : misfits[i].expression, i);
    buf_printf(&sql, " FROM %s)", source_sql);
    LH_AUTO(query_result) struct query_result result = {.duckdb = NULL};
    LH_TRY(session_query(job->task->session, buf_cstr(&sql), &result.result, err));
    result.duckdb = job->task->session->duckdb;
    for (size_t i = 0; i < count; i++) {
        misfits[i].row = (uint64_t)result.duckdb->value_int64(&result.result, i, 0); /* NULL: 0 */
        misfits[i].fits = misfits[i].row == 0;
    }
    return LH_OK;
}

enum lh_code ingest_judge_misfits(struct ingest_job *job, const char *source_sql, struct ingest_misfit *misfits,
                                  size_t count, struct lh_err *err) {
    if (count == 0 || judge(job, source_sql, misfits, count, true, err) == LH_OK)
        return LH_OK;
    if (err->code != LH_DATA)
        return err->code;
    /* Between some types there is no cast at all, which DuckDB says by failing: find out which. */
    for (size_t i = 0; i < count; i++) {
        *err = (struct lh_err)LH_ERR_INIT;
        if (judge(job, source_sql, &misfits[i], 1, true, err) == LH_OK)
            continue;
        *err = (struct lh_err)LH_ERR_INIT;
        LH_TRY(judge(job, source_sql, &misfits[i], 1, false, err));
        misfits[i].fits = false;
    }
    return LH_OK;
}
