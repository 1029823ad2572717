/* Resync: what the manifests say of their files, set right from the footers. */
#include "base/arena.h"
#include "catalog/catalog.h"
#include "lake/catalog_ops.h"
#include "lake/footer.h"
#include "lake/lake.h"

#include <string.h>

#define TRIES 5
#define RESYNC "resync"

/* What the footers said, of one version of a manifest. */
struct resync {
    const struct manifest *seen;
    const struct manifest *fresh; /* seen with files and columns as they are */
    bool changed;
};

static bool holds_rows(const struct manifest_file *f) {
    return f->role == FILE_BASE || f->role == FILE_DELTA;
}

/* The columns as the files have them, in the order of the manifest where it knows them. */
static enum lh_code read_footers(const struct catalog_ops *ops, const struct catalog_caller *caller, struct manifest *m,
                                 struct lh_err *err) {
    LH_AUTO(manifest) struct manifest *read = manifest_new(m->name);
    for (size_t i = 0; i < m->file_count; i++) {
        if (!holds_rows(&m->files[i]))
            continue;
        enum lh_code code = footer_read(ops->engine, ops->buckets, caller->cancel_fd, read, &m->files[i], err);
        if (code == LH_NOT_FOUND)
            err->code = LH_CORRUPT; /* the catalog promises an object that is gone */
        if (code != LH_OK)
            return err->code;
        read->file_count = 1; /* a column that comes later is missing in the rows before */
    }
    read->file_count = 0;
    if (read->column_count == 0)
        return LH_OK;
    size_t kept = 0;
    for (size_t i = 0; i < m->column_count; i++) {
        struct manifest_column *now = manifest_find_column(read, m->columns[i].name);
        if (!now)
            continue;
        m->columns[kept] = m->columns[i];
        m->columns[kept++].type = arena_strdup(m->arena, now->type);
    }
    m->column_count = kept;
    for (size_t i = 0; i < read->column_count; i++) {
        if (manifest_find_column(m, read->columns[i].name))
            continue;
        struct manifest_column *added = manifest_add_column(m);
        added->name = arena_strdup(m->arena, read->columns[i].name);
        added->type = arena_strdup(m->arena, read->columns[i].type);
        added->nullable = true;
    }
    return LH_OK;
}

static enum lh_code resync_txn(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                               struct lh_err *err) {
    struct resync *r = ctx;
    const struct manifest *now = catalog_snapshot_find_id(base, r->seen->id);
    if (!now)
        return lh_fail(err, LH_NOT_FOUND, "the dataset \"%s\" was deleted meanwhile", r->seen->name);
    if (now->version != r->seen->version)
        return lh_fail(err, LH_CONFLICT, "the dataset \"%s\" changed while its files were read", now->name);
    LH_AUTO(json) json_t *before = manifest_to_json(now);
    LH_AUTO(json) json_t *after = manifest_to_json(r->fresh);
    r->changed = !json_equal(before, after);
    if (!r->changed)
        return LH_OK;
    struct manifest *m = manifest_edit(r->fresh);
    m->untold_us = catalog_txn_time(txn);
    catalog_txn_put(txn, m);
    return LH_OK;
}

static json_t *describe(const struct manifest *before, const struct manifest *after, uint64_t version, bool changed) {
    return json_pack("{s:s, s:I, s:b, s:I, s:I, s:I}", "dataset", after->name, "version", (json_int_t)version,
                     "changed", changed, "row_count_before", (json_int_t)before->row_count, "row_count",
                     (json_int_t)after->row_count, "column_count", (json_int_t)after->column_count);
}

/* What the first call with the same key answered.  It changed something, or there would be no commit. */
static enum lh_code describe_replayed(const struct catalog_ops *ops, const char *dataset, uint64_t version,
                                      json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *after = NULL;
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *before = NULL;
    const struct manifest *new, *old;
    LH_TRY(catalog_snapshot_at_version(ops->catalog, version, &after, err));
    LH_TRY(catalog_snapshot_require(after, dataset, &new, err));
    LH_TRY(catalog_snapshot_at_version(ops->catalog, new->previous_version, &before, err));
    LH_TRY(catalog_snapshot_require(before, dataset, &old, err));
    *ret_answer = describe(old, new, version, true);
    return LH_OK;
}

static enum lh_code resync_once(const struct catalog_ops *ops, const struct catalog_caller *caller, const char *dataset,
                                json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(ops->catalog);
    const struct manifest *seen;
    LH_TRY(catalog_snapshot_require(s, dataset, &seen, err));
    LH_AUTO(manifest) struct manifest *fresh = manifest_edit(seen);
    LH_TRY(read_footers(ops, caller, fresh, err));
    manifest_sum_files(fresh);
    struct resync r = {.seen = seen, .fresh = fresh};
    struct catalog_change change = {.operation = RESYNC,
                                    .actor = caller->actor,
                                    .idempotency_key = caller->idempotency_key,
                                    .request = dataset,
                                    .fn = resync_txn,
                                    .ctx = &r};
    struct catalog_commit done;
    LH_TRY(catalog_commit(ops->catalog, &change, &done, err));
    if (done.replayed)
        return describe_replayed(ops, dataset, done.version, ret_answer, err);
    *ret_answer = describe(seen, fresh, done.version, r.changed);
    return LH_OK;
}

enum lh_code catalog_ops_find_key(const struct catalog_ops *ops, const struct catalog_change *change,
                                  uint64_t *ret_version, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(ops->catalog);
    return catalog_snapshot_find_key(s, change, ret_version, err);
}

enum lh_code catalog_ops_resync(const struct catalog_ops *ops, const struct catalog_caller *caller, const char *dataset,
                                json_t **ret_answer, struct lh_err *err) {
    struct catalog_change asked = {.operation = RESYNC, .idempotency_key = caller->idempotency_key, .request = dataset};
    uint64_t version;
    LH_TRY(catalog_ops_find_key(ops, &asked, &version, err)); /* before any footer is read */
    if (version > 0)
        return describe_replayed(ops, dataset, version, ret_answer, err);
    enum lh_code code = LH_CONFLICT;
    for (int i = 0; i < TRIES && code == LH_CONFLICT; i++)
        code = resync_once(ops, caller, dataset, ret_answer, err);
    return code;
}

/* ---- all that lack something ---- */

static bool lacks_something(const struct manifest *m) {
    size_t row_files = 0;
    for (size_t i = 0; i < m->file_count; i++)
        row_files += holds_rows(&m->files[i]);
    return row_files > 0 && (m->row_count == 0 || m->column_count == 0);
}

enum lh_code catalog_ops_resync_missing(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                        json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(ops->catalog);
    LH_AUTO(json) json_t *resynced = json_array();
    LH_AUTO(json) json_t *failed = json_array();
    size_t count = catalog_snapshot_count(s);
    struct catalog_caller each = *caller;
    each.idempotency_key = NULL; /* one key stands for one commit; running this again is harmless */
    for (size_t i = 0; i < count; i++) {
        const struct manifest *m = catalog_snapshot_get(s, i);
        if (!lacks_something(m))
            continue;
        struct lh_err one = LH_ERR_INIT;
        json_t *answer = NULL;
        enum lh_code code = catalog_ops_resync(ops, &each, m->name, &answer, &one);
        if (code == LH_OK) {
            if (json_is_true(json_object_get(answer, "changed")))
                json_array_append(resynced, answer);
            json_decref(answer);
        } else if (code == LH_CANCELLED) {
            *err = one;
            return code;
        } else {
            json_array_append_new(failed, json_pack("{s:s, s:s, s:s}", "dataset", m->name, "code", lh_code_name(code),
                                                    "error", one.message));
        }
    }
    *ret_answer = json_pack("{s:I, s:O, s:O}", "checked", (json_int_t)count, "resynced", resynced, "failed", failed);
    return LH_OK;
}
