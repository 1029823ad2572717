#include "lake/read_plan.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "catalog/manifest.h"
#include "store/buckets.h"
#include "store/object_store.h"

static enum lh_code check(const struct manifest *m, struct lh_err *err) {
    for (size_t i = 0; i < m->file_count; i++) {
        enum file_role role = m->files[i].role;
        if (role == FILE_TOMBSTONE || (role == FILE_DELTA && m->primary_key_count > 0)) {
            lh_fail(err, LH_UNSUPPORTED, "the rows of dataset \"%s\" need merging, which this version does not do",
                    m->name);
            return lh_err_hint(err, "read it with the version of the program that wrote it");
        }
    }
    return LH_OK;
}

static enum lh_code append_path(struct buckets *buckets, const struct manifest_file *file, struct arena *arena,
                                struct buf *out, struct lh_err *err) {
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    LH_TRY(buckets_resolve(buckets, file->bucket, &bucket, err));
    const char *path;
    LH_TRY(object_local_path(bucket_store(bucket), file->key, arena, &path, err));
    buf_append_sql_string(out, path);
    return LH_OK;
}

/* No files, no rows, but the columns. */
static void append_empty(const struct manifest *m, struct buf *out) {
    for (size_t i = 0; i < m->column_count; i++) {
        buf_printf(out, "%sCAST(NULL AS %s) AS ", i ? ", " : "", m->columns[i].type);
        buf_append_sql_ident(out, m->columns[i].name);
    }
    buf_append_str(out, m->column_count ? " WHERE false" : "1 WHERE false");
}

enum lh_code lake_read_plan(struct buckets *buckets, const struct manifest *m, struct arena *arena,
                            const char **ret_select, struct lh_err *err) {
    LH_TRY(check(m, err));
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(buf) struct buf paths = BUF_INIT;
    size_t count = 0;
    for (size_t i = 0; i < m->file_count; i++) {
        if (m->files[i].role == FILE_REJECTS)
            continue;
        buf_append_str(&paths, count++ ? ", " : "");
        if (append_path(buckets, &m->files[i], arena, &paths, err) != LH_OK)
            return lh_err_context(err, "dataset \"%s\"", m->name);
    }
    buf_append_str(&sql, "SELECT ");
    if (count == 0)
        append_empty(m, &sql);
    for (size_t i = 0; count > 0 && i < m->column_count; i++) {
        buf_append_str(&sql, i ? ", " : "");
        buf_append_sql_ident(&sql, m->columns[i].name);
    }
    if (count > 0)
        buf_printf(&sql, "%s FROM read_parquet([%s]%s)", m->column_count ? "" : "*", paths.data,
                   count > 1 ? ", union_by_name => true" : "");
    *ret_select = arena_strndup(arena, sql.data, sql.len);
    return LH_OK;
}
