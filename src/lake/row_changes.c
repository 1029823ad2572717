#include "lake/row_changes.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "catalog/manifest.h"
#include "engine/engine.h"
#include "engine/merge_key.h"
#include "lake/catalog_ops.h"
#include "lake/lake.h"
#include "lake/new_objects.h"
#include "lake/read_plan.h"
#include "lake/row_change.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <string.h>

#define TIMEOUT_MS (INT64_C(10) * 60 * 1000)
#define FEW_KEYS 64       /* whose row groups alone are read */
#define CHANGES_MAX 50000 /* lines of one file */

/* ---- reading ---- */

/* Hands on every whole line of `text`, which keeps the rest. */
static enum lh_code take_lines(struct buf *text, row_change_fn *fn, void *ctx, struct lh_err *err) {
    const char *line = buf_cstr(text), *last = line + text->len;
    for (const char *end; (end = memchr(line, '\n', (size_t)(last - line))); line = end + 1) {
        LH_AUTO(json) json_t *json = NULL;
        LH_TRY(lh_json_parse(line, (size_t)(end - line), NULL, &json, err));
        LH_TRY(fn(json, ctx, err));
    }
    size_t rest = (size_t)(last - line);
    memmove(text->data, line, rest);
    text->len = rest;
    return LH_OK;
}

enum lh_code row_changes_read(struct engine *engine, struct buckets *buckets, const struct manifest_file *file,
                              row_change_fn *fn, void *ctx, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    struct object_info info;
    const char *path;
    LH_TRY(buckets_resolve(buckets, file->bucket, &bucket, err));
    LH_TRY(object_head(bucket_store(bucket), file->key, &info, err));
    LH_TRY(object_local_path(bucket_store(bucket), file->key, arena, &path, err));
    buf_append_str(&sql, "SELECT * FROM read_parquet(");
    buf_append_sql_path(&sql, path);
    buf_append_str(&sql, ", hive_partitioning = false, file_row_number = true) ORDER BY file_row_number");
    const struct engine_query query = {.sql = buf_cstr(&sql),
                                       .format = ENGINE_NDJSON,
                                       .row_limit = UINT64_MAX,
                                       .timeout_ms = TIMEOUT_MS,
                                       .cancel_fd = -1};
    LH_TRY(engine_query_start(engine, &query, &result, err));
    for (;;) {
        const void *data;
        size_t len;
        LH_TRY(engine_result_read(result, &data, &len, err));
        if (len == 0)
            return LH_OK;
        buf_append(&text, data, len);
        LH_TRY(take_lines(&text, fn, ctx, err));
    }
}

/* ---- writing ---- */

/* The columns of `as`, from a relation that has those of `of`: the others are NULL. */
static char *select_as(const struct manifest *as, const struct manifest *of, const char *relation,
                       struct arena *arena) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_append_str(&sql, "SELECT ");
    for (size_t i = 0; i < as->column_count; i++) {
        const struct manifest_column *column = &as->columns[i];
        const struct manifest_column *source = manifest_find_column(of, column->name);
        buf_append_str(&sql, i > 0 ? ", CAST(" : "CAST(");
        if (source)
            buf_append_sql_ident(&sql, source->name);
        else
            buf_append_str(&sql, "NULL");
        buf_printf(&sql, " AS %s) AS ", column->type);
        buf_append_sql_ident(&sql, column->name);
    }
    buf_printf(&sql, " FROM %s", relation);
    return arena_strndup(arena, sql.data, sql.len);
}

bool row_changes_join(const struct manifest *seen, const struct manifest *draft, struct lake_fit fit) {
    LH_AUTO(manifest) struct manifest *merged = manifest_edit(seen);
    struct lh_err refused = LH_ERR_INIT;
    return lake_merge_columns(merged, draft, fit, &refused) == LH_OK && manifest_same_schema(merged, seen);
}

/* ---- the old rows ---- */

static bool may_filter(const struct manifest *m) {
    bool may = m->primary_key_count <= MERGE_KEY_COLUMNS_MAX;
    for (size_t i = 0; may && i < m->primary_key_count; i++)
        may = merge_key_type(manifest_find_column(m, m->primary_key[i])->type);
    return may;
}

/* The SPEC of engine/merge_key.h by which no row counts that has a key of the upserts: as if they were tombstones of all. */
static void append_spec(struct buf *spec, const struct manifest *m, const struct row_upsert *upserts, size_t count) {
    LH_AUTO(json) json_t *key = json_array(), *paths = json_array();
    for (size_t i = 0; i < m->primary_key_count; i++) {
        const struct manifest_column *column = manifest_find_column(m, m->primary_key[i]);
        json_array_append_new(key, json_pack("[s, s]", column->name, column->type));
    }
    for (size_t i = 0; i < count; i++)
        json_array_append_new(paths, json_pack("[s, i]", upserts[i].delta_path, 1));
    LH_AUTO(json) json_t *object = json_pack("{s:O, s:[[s, i]], s:i, s:i, s:O}", "key", key, "files",
                                             upserts[0].delta_path, 0, "rows", 0, "on_top", 1, "tombstones", paths);
    lh_json_write(object, LH_JSON_COMPACT, spec);
}

/* Where the keys are many, nearly every row group has one of them.  Then the reader itself looks each key up, and unpacks of the
 * other columns what it must; a join comes after all columns of all rows. */
static void append_among(struct buf *sql, const struct manifest *m, const struct row_upsert *upserts, size_t count) {
    LH_AUTO(buf) struct buf spec = BUF_INIT;
    uint64_t rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += upserts[i].row_count;
    if (rows <= FEW_KEYS || !may_filter(m))
        return;
    append_spec(&spec, m, upserts, count);
    buf_append_str(sql, " WHERE NOT " MERGE_KEY "(");
    buf_append_sql_string(sql, buf_cstr(&spec));
    buf_append_str(sql, ", CAST(0 AS UBIGINT), CAST(0 AS BIGINT)");
    for (size_t i = 0; i < m->primary_key_count; i++) {
        buf_append_str(sql, ", ");
        buf_append_sql_ident(sql, manifest_find_column(m, m->primary_key[i])->name);
    }
    buf_append_char(sql, ')');
}

static enum lh_code make_request(const struct catalog_ops *ops, const struct manifest *seen,
                                 const struct row_upsert *upserts, size_t count, json_t **ret_request,
                                 struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(manifest) struct manifest *merged = manifest_edit(seen);
    LH_AUTO(json) json_t *deltas = json_array();
    LH_AUTO(buf) struct buf rows = BUF_INIT;
    const char *plan;
    LH_TRY(lake_read_plan(ops->buckets, seen, arena, &plan, err));
    for (size_t i = 0; i < count; i++)
        LH_TRY(lake_merge_columns(merged, upserts[i].draft, upserts[i].fit, err));
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(buf) struct buf delta = BUF_INIT;
        buf_append_str(&delta, "read_parquet(");
        buf_append_sql_path(&delta, upserts[i].delta_path);
        buf_append_str(&delta, ", hive_partitioning = false)");
        json_array_append_new(deltas, json_string(select_as(merged, upserts[i].draft, buf_cstr(&delta), arena)));
    }
    buf_printf(&rows, "SELECT * FROM (%s)", select_as(merged, seen, arena_printf(arena, "(%s)", plan), arena));
    append_among(&rows, merged, upserts, count);
    json_t *request = row_change_request(merged, buf_cstr(&rows));
    json_object_set(request, "deltas", deltas);
    json_object_set_new(request, "max_changes", json_integer(CHANGES_MAX));
    *ret_request = request;
    return LH_OK;
}

void row_changes_release(struct row_changes *changes) {
    buf_release(&changes->parquet);
    *changes = (struct row_changes){0};
}

static enum lh_code take_counts(const json_t *upsert, uint64_t rows, struct lake_row_counts *ret_counts,
                                struct lh_err *err) {
    int64_t inserted, updated;
    LH_TRY(lh_json_get_int(upsert, "upserts", "inserted", &inserted, err));
    LH_TRY(lh_json_get_int(upsert, "upserts", "updated", &updated, err));
    if (inserted < 0 || updated < 0 || (uint64_t)inserted + (uint64_t)updated > rows)
        return lh_fail(err, LH_INTERNAL, "the process that compared the rows counted more than there are");
    *ret_counts = (struct lake_row_counts){.known = true,
                                           .inserted = (uint64_t)inserted,
                                           .updated = (uint64_t)updated,
                                           .unchanged = rows - (uint64_t)inserted - (uint64_t)updated};
    return LH_OK;
}

static enum lh_code take_answer(const json_t *upsert, uint64_t rows, struct row_changes *changes, struct lh_err *err) {
    int64_t count = 0;
    changes->later = json_is_true(json_object_get(upsert, "later"));
    changes->too_many = json_is_true(json_object_get(upsert, "too_many"));
    changes->too_large = json_is_true(json_object_get(upsert, "too_large"));
    LH_TRY(lh_json_get_int(upsert, "upserts", "changes", &count, err));
    LH_TRY(take_counts(upsert, rows, &changes->counts, err));
    const json_t *parquet = json_object_get(upsert, "parquet");
    if (changes->later || (!changes->too_large && !parquet))
        return LH_OK;
    changes->count = count > 0 ? (uint64_t)count : 0;
    if (parquet && (!json_is_string(parquet) ||
                    !lh_base64_decode(json_string_value(parquet), json_string_length(parquet), &changes->parquet)))
        return lh_fail(err, LH_CORRUPT, "the process that compared the rows gave no Parquet file");
    return LH_OK;
}

enum lh_code row_changes_find(const struct catalog_ops *ops, const struct manifest *seen,
                              const struct row_upsert *upserts, size_t count, int cancel_fd,
                              struct row_changes *ret_changes, struct lh_err *err) {
    LH_AUTO(json) json_t *request = NULL, *answer = NULL;
    json_t *told;
    LH_TRY(make_request(ops, seen, upserts, count, &request, err));
    const struct engine_task task = {
        .task = "changes_write", .request = request, .timeout_ms = TIMEOUT_MS, .cancel_fd = cancel_fd};
    LH_TRY(engine_run_task(ops->engine, &task, &answer, err));
    LH_TRY(lh_json_get_array(answer, "", "upserts", &told, err));
    for (size_t i = 0; i < count; i++)
        LH_TRY(take_answer(json_array_get(told, i), upserts[i].row_count, &ret_changes[i], err));
    return LH_OK;
}

enum lh_code row_changes_write_large(const struct catalog_ops *ops, const struct manifest *seen,
                                     const struct row_upsert *upsert, struct new_objects *objects, int cancel_fd,
                                     struct lh_err *err) {
    LH_AUTO(json) json_t *request = NULL, *answer = NULL;
    LH_TRY(make_request(ops, seen, upsert, 1, &request, err));
    const struct engine_task task = {.task = "changes_write",
                                     .request = request,
                                     .output_dir = objects->out,
                                     .timeout_ms = TIMEOUT_MS,
                                     .cancel_fd = cancel_fd};
    return engine_run_task(ops->engine, &task, &answer, err);
}
