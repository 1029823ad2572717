/* The tombstones of a dataset, page by page, straight from their files; not those whose key was written again since. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "lake/catalog_ops.h"
#include "lake/read_plan.h"
#include "lake/row_keys.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <inttypes.h>
#include <string.h>

#define QUERY_TIMEOUT_MS 60000
#define ANSWER_MAX_BYTES ((size_t)64 << 20)

static void append_key(struct buf *sql, const struct manifest *m) {
    for (size_t i = 0; i < m->primary_key_count; i++) {
        buf_append_str(sql, i > 0 ? ", " : "");
        buf_append_sql_ident(sql, m->primary_key[i]);
        if (m->primary_key_count > 1) {
            buf_append_str(sql, " := ");
            buf_append_sql_ident(sql, m->primary_key[i]);
        }
    }
}

/* " ANTI JOIN" with the rows that are newer than the oldest tombstone: where one of them is seen, it was written after all of its
 * key.  They are few, where the rows of the dataset may be many. */
static enum lh_code append_without_rows(struct buf *sql, const struct catalog_ops *ops, const struct manifest *m,
                                        struct arena *arena, struct lh_err *err) {
    LH_AUTO(manifest) struct manifest *newer = manifest_edit(m);
    uint64_t oldest = UINT64_MAX;
    size_t kept = 0;
    const char *plan;
    for (size_t i = 0; i < m->file_count; i++)
        if (m->files[i].role == FILE_TOMBSTONE && m->files[i].sequence < oldest)
            oldest = m->files[i].sequence;
    for (size_t i = 0; i < m->file_count; i++)
        if (m->files[i].sequence >= oldest)
            newer->files[kept++] = newer->files[i];
    newer->file_count = kept;
    LH_TRY(lake_read_plan(ops->buckets, newer, arena, &plan, err));
    buf_printf(sql, " t ANTI JOIN (%s) r ON ", plan);
    for (size_t i = 0; i < m->primary_key_count; i++) {
        buf_append_str(sql, i > 0 ? " AND t." : "t.");
        buf_append_sql_ident(sql, m->primary_key[i]);
        buf_append_str(sql, " = r.");
        buf_append_sql_ident(sql, m->primary_key[i]);
    }
    return LH_OK;
}

/* A key as a request has it: a scalar, or an object of several columns. */
static enum lh_code write_statement(const struct catalog_ops *ops, const struct manifest *m, uint64_t offset,
                                    uint64_t limit, struct buf *sql, size_t *ret_files, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    size_t files = 0;
    bool several = m->primary_key_count > 1;
    buf_append_str(sql, several ? "SELECT struct_pack(" : "SELECT ");
    append_key(sql, m);
    buf_append_str(sql, several ? ") AS key" : " AS key");
    buf_append_str(sql, ", " TOMBSTONE_REASON " AS reason, " TOMBSTONE_ACTOR " AS actor, " TOMBSTONE_AT
                        " AS at FROM (SELECT t.* FROM read_parquet([");
    for (size_t i = 0; i < m->file_count; i++) {
        const struct manifest_file *f = &m->files[i];
        LH_AUTO(bucket) struct bucket *bucket = NULL;
        const char *path;
        if (f->role != FILE_TOMBSTONE)
            continue;
        LH_TRY(buckets_resolve(ops->buckets, f->bucket, &bucket, err));
        LH_TRY(object_local_path(bucket_store(bucket), f->key, arena, &path, err));
        buf_append_str(sql, files++ > 0 ? ", " : "");
        buf_append_sql_path(sql, path);
    }
    buf_append_str(sql, "], hive_partitioning = false, union_by_name = true)");
    LH_TRY(append_without_rows(sql, ops, m, arena, err));
    buf_printf(sql, ") ORDER BY \"at\", key LIMIT %" PRIu64 " OFFSET %" PRIu64, limit, offset);
    *ret_files = files;
    return LH_OK;
}

static enum lh_code read_items(const struct catalog_ops *ops, const char *sql, int cancel_fd, json_t *items,
                               struct lh_err *err) {
    const struct engine_query query = {.sql = sql,
                                       .format = ENGINE_NDJSON,
                                       .row_limit = UINT64_MAX,
                                       .timeout_ms = QUERY_TIMEOUT_MS,
                                       .cancel_fd = cancel_fd};
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(engine_query_start(ops->engine, &query, &result, err));
    LH_TRY(engine_result_read_all(result, "the list of tombstones", ANSWER_MAX_BYTES, &text, err));
    const char *line = buf_cstr(&text);
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        json_t *item = NULL;
        LH_TRY(lh_json_parse(line, (size_t)(end - line), NULL, &item, err));
        json_array_append_new(items, item);
    }
    return LH_OK;
}

enum lh_code catalog_ops_tombstones(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                    const char *dataset, uint64_t *version, uint64_t *position, uint64_t limit,
                                    json_t **ret_items, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(json) json_t *items = json_array();
    const struct manifest *m;
    size_t files;
    if (*version > 0)
        LH_TRY(catalog_snapshot_at_version(ops->catalog, *version, &s, err));
    else
        s = catalog_snapshot(ops->catalog);
    LH_TRY(catalog_snapshot_require(s, dataset, &m, err));
    if (m->primary_key_count > 0) {
        LH_TRY(write_statement(ops, m, *position, limit + 1, &sql, &files, err));
        if (files > 0)
            LH_TRY(read_items(ops, buf_cstr(&sql), caller->cancel_fd, items, err));
    }
    bool more = json_array_size(items) > limit;
    if (more)
        json_array_remove(items, limit);
    *position = more ? *position + limit : 0;
    *version = catalog_snapshot_version(s);
    *ret_items = LH_STEAL(items);
    return LH_OK;
}
