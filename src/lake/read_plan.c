/* The SELECT that stands for a dataset.
 *
 * Today a dataset is the union of its base and delta files.  Tombstones and deltas by primary key make it a join on top of that union:
 * they go into append_source, and nothing above it changes. */
#include "lake/read_plan.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "lake/lake.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <string.h>

static bool holds_rows(const struct manifest_file *f) {
    return f->role == FILE_BASE || f->role == FILE_DELTA;
}

static enum lh_code check_resolvable(const struct manifest *m, struct lh_err *err) {
    for (size_t i = 0; i < m->file_count; i++) {
        if (m->files[i].role == FILE_TOMBSTONE || (m->files[i].role == FILE_DELTA && m->primary_key_count > 0))
            return lh_fail(err, LH_UNSUPPORTED, "\"%s\" has %s files, which only a newer release can read", m->name,
                           file_role_name(m->files[i].role));
    }
    for (size_t i = 0; i < m->column_count; i++) {
        if (!lake_type_valid(m->columns[i].type))
            return lh_fail(err, LH_CORRUPT, "column \"%s\" of \"%s\" has no valid type in the catalog",
                           m->columns[i].name, m->name);
    }
    return LH_OK;
}

static enum lh_code append_paths(struct buf *out, const struct manifest *m, struct buckets *buckets,
                                 struct arena *arena, struct lh_err *err) {
    LH_AUTO(bucket) struct bucket *bucket = NULL; /* of the file before: nearly always the same */
    bool first = true;
    for (size_t i = 0; i < m->file_count; i++) {
        const struct manifest_file *f = &m->files[i];
        if (!holds_rows(f))
            continue;
        if (!bucket || strcmp(bucket_name(bucket), f->bucket) != 0) {
            bucket_unref(LH_STEAL(bucket));
            if (buckets_resolve(buckets, f->bucket, &bucket, err) != LH_OK)
                return lh_err_context(err, "dataset \"%s\"", m->name);
        }
        const char *path;
        enum lh_code code = object_local_path(bucket_store(bucket), f->key, arena, &path, err);
        if (code == LH_NOT_FOUND) {
            err->code = LH_CORRUPT; /* the catalog promises an object that is gone */
            lh_ignore(lh_err_hint(err, "restore the object \"%.300s\", or ingest the source again with mode=replace",
                                  f->key));
        }
        if (code != LH_OK)
            return lh_err_context(err, "dataset \"%s\"", m->name);
        if (!first)
            buf_append_str(out, ", ");
        buf_append_sql_path(out, path);
        first = false;
    }
    return LH_OK;
}

static size_t count_row_files(const struct manifest *m) {
    size_t count = 0;
    for (size_t i = 0; i < m->file_count; i++)
        count += holds_rows(&m->files[i]);
    return count;
}

/* One file has the columns as they are.  Several may differ: their union by name, each column cast to the dataset's type (which
 * costs nothing where the union has it already). */
static void append_columns(struct buf *out, const struct manifest *m, size_t file_count) {
    for (size_t i = 0; i < m->column_count; i++) {
        if (i > 0)
            buf_append_str(out, ", ");
        if (file_count == 0)
            buf_printf(out, "CAST(NULL AS %s) AS ", m->columns[i].type);
        bool cast = file_count > 1 && strcmp(m->columns[i].type, "ENUM") != 0;
        if (cast)
            buf_append_str(out, "CAST(");
        buf_append_sql_ident(out, m->columns[i].name);
        if (cast) {
            buf_printf(out, " AS %s) AS ", m->columns[i].type);
            buf_append_sql_ident(out, m->columns[i].name);
        }
    }
    if (m->column_count == 0)
        buf_append_str(out, file_count == 0 ? "NULL AS \"no columns\"" : "*");
}

enum lh_code lake_read_plan(struct buckets *buckets, const struct manifest *m, struct arena *arena,
                            const char **ret_select, struct lh_err *err) {
    LH_TRY(check_resolvable(m, err));
    size_t file_count = count_row_files(m);
    LH_AUTO(buf) struct buf text = BUF_INIT;
    buf_append_str(&text, "SELECT ");
    append_columns(&text, m, file_count);
    if (file_count == 0) {
        buf_append_str(&text, " WHERE false");
    } else {
        buf_append_str(&text, " FROM read_parquet([");
        LH_TRY(append_paths(&text, m, buckets, arena, err));
        /* A key may look like year=2024/...: that is a name, not a column. */
        buf_append_str(&text, "], hive_partitioning = false");
        if (file_count > 1)
            buf_append_str(&text, ", union_by_name = true");
        buf_append_char(&text, ')');
    }
    *ret_select = arena_strndup(arena, text.data, text.len);
    return LH_OK;
}
