#include "lake/key_check.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "catalog/manifest.h"
#include "lake/first_row.h"
#include "lake/read_plan.h"

struct key_question {
    struct engine *engine;
    int cancel_fd;
    const struct manifest *m;
    const char *rows; /* the SELECT that reads them */
    const char *const *key;
    size_t key_count;
};

static void append_columns(const struct key_question *q, const char *between, const char *after, struct buf *sql) {
    for (size_t i = 0; i < q->key_count; i++) {
        buf_append_str(sql, i > 0 ? between : "");
        buf_append_sql_ident(sql, manifest_find_column(q->m, q->key[i])->name);
        buf_append_str(sql, after);
    }
}

static enum lh_code refuse_nulls(const struct key_question *q, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(json) json_t *row = NULL;
    buf_append_str(&sql, "SELECT count(*) FILTER (WHERE ");
    append_columns(q, " IS NULL), count(*) FILTER (WHERE ", "", &sql);
    buf_printf(&sql, " IS NULL) FROM (%s)", q->rows);
    LH_TRY(lake_first_row(q->engine, buf_cstr(&sql), q->cancel_fd, &row, err));
    for (size_t i = 0; i < q->key_count; i++) {
        json_int_t nulls = json_integer_value(json_array_get(row, i));
        if (nulls == 0)
            continue;
        lh_ignore(lh_fail(err, LH_CONFLICT,
                          "%lld rows of \"%s\" have no value in \"%s\", so it cannot be part of the primary key", nulls,
                          q->m->name, q->key[i]));
        return lh_err_hint(err, "choose columns that every row has, or ingest mended rows with mode=replace");
    }
    return LH_OK;
}

static enum lh_code refuse_duplicates(const struct key_question *q, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(buf) struct buf example = BUF_INIT;
    LH_AUTO(json) json_t *row = NULL;
    buf_append_str(&sql, "SELECT ");
    append_columns(q, ", ", "", &sql);
    buf_printf(&sql, ", count(*) FROM (%s) GROUP BY ", q->rows);
    append_columns(q, ", ", "", &sql);
    buf_append_str(&sql, " HAVING count(*) > 1 LIMIT 1");
    LH_TRY(lake_first_row(q->engine, buf_cstr(&sql), q->cancel_fd, &row, err));
    if (!row)
        return LH_OK;
    json_int_t count = json_integer_value(json_array_get(row, q->key_count));
    json_array_remove(row, q->key_count);
    lh_json_write(row, LH_JSON_COMPACT, &example);
    lh_ignore(lh_fail(err, LH_CONFLICT,
                      "%lld rows of \"%s\" have the key %.300s, so these columns cannot be its primary key", count,
                      q->m->name, buf_cstr(&example)));
    return lh_err_hint(err, "add columns that tell the rows apart, or ingest the file again with mode=replace and this "
                            "primary_key, which keeps the last row of each key");
}

enum lh_code lake_check_key(struct engine *engine, struct buckets *buckets, int cancel_fd, const struct manifest *m,
                            const char *const *key, size_t key_count, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct key_question q = {.engine = engine, .cancel_fd = cancel_fd, .m = m, .key = key, .key_count = key_count};
    for (size_t i = 0; i < key_count; i++) {
        if (!manifest_find_column(m, key[i]))
            return lh_fail(err, LH_INVALID, "\"%s\" has no column \"%s\" to be its primary key", m->name, key[i]);
    }
    if (key_count == 0 || m->row_count == 0)
        return LH_OK;
    LH_TRY(lake_read_plan(buckets, m, arena, &q.rows, err));
    LH_TRY(refuse_nulls(&q, err));
    return refuse_duplicates(&q, err);
}
