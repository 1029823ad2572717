#include "lake/row_history.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "catalog/catalog.h"
#include "lake/exact_doubles.h"
#include "lake/new_objects.h"
#include "lake/row_change.h"
#include "lake/row_changes.h"
#include "os/fault.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <pthread.h>
#include <string.h>

#define LOCKS 16 /* datasets that share one by chance wait for each other */

struct row_history {
    struct catalog_ops ops;
    uint64_t max_rows;
    pthread_mutex_t locks[LOCKS];
};

struct row_history *row_history_new(const struct catalog_ops *ops, uint64_t max_rows) {
    struct row_history *h = lh_calloc(1, sizeof *h);
    h->ops = *ops;
    h->max_rows = max_rows;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_init(&h->locks[i], NULL);
    return h;
}

void row_history_free(struct row_history *h) {
    if (!h)
        return;
    for (size_t i = 0; i < LOCKS; i++)
        pthread_mutex_destroy(&h->locks[i]);
    lh_free(h);
}

/* The one file of rows of the draft; NULL where there is none or more. */
static const struct manifest_file *rows_of(const struct manifest *draft) {
    const struct manifest_file *found = NULL;
    for (size_t i = 0; i < draft->file_count; i++) {
        const struct manifest_file *f = &draft->files[i];
        if (f->role != FILE_BASE && f->role != FILE_DELTA)
            continue;
        if (found)
            return NULL;
        found = f;
    }
    return found;
}

static bool on_top(const struct lake_commit *commit) {
    return commit->mode == LAKE_UPSERT || commit->mode == LAKE_APPEND;
}

/* Is there something to tell row by row? */
static bool is_told(const struct row_history *h, const struct lake_commit *commit, const struct manifest *seen) {
    const struct manifest_file *rows = rows_of(commit->draft);
    return seen->primary_key_count > 0 && rows && rows->row_count <= h->max_rows && on_top(commit);
}

static bool widens(const struct lake_commit *commit, const struct manifest *seen) {
    return on_top(commit) && exact_doubles_needed(seen, commit->draft);
}

/* Must rows that are there be read before the commit? */
static bool reads_rows(const struct row_history *h, const struct lake_commit *commit, const struct manifest *seen) {
    return seen && (is_told(h, commit, seen) || widens(commit, seen));
}

/* Of the rows of `draft`, a copy of the commit's. */
static enum lh_code write_changes(struct row_history *h, const struct lake_commit *commit, int cancel_fd,
                                  struct new_objects *objects, struct manifest *draft,
                                  struct lake_row_counts *ret_counts, struct lh_err *err) {
    const struct manifest_file *rows = rows_of(draft);
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    struct manifest_file changes;
    struct row_upsert upsert = {.seen = commit->seen,
                                .draft = commit->draft,
                                .row_count = rows->row_count,
                                .max_rows = h->max_rows,
                                .fit = commit->fit,
                                .cancel_fd = cancel_fd};
    LH_TRY(buckets_resolve(h->ops.buckets, rows->bucket, &bucket, err));
    LH_TRY(object_local_path(bucket_store(bucket), rows->key, draft->arena, &upsert.delta_path, err));
    LH_TRY(LH_FAULT("lake.before_changes", err));
    LH_TRY(row_changes_write(&h->ops, &upsert, objects, draft, &changes, ret_counts, err));
    if (changes.key)
        *manifest_add_file(draft) = changes;
    return LH_FAULT("lake.after_changes", err);
}

/* One try; *ret_stale: the dataset changed meanwhile. */
static enum lh_code attempt(struct row_history *h, const struct lake_commit *commit, int cancel_fd, bool *ret_stale,
                            struct lake_committed *ret_committed, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(h->ops.catalog);
    LH_CLEANUP(new_objects_release) struct new_objects objects = {0};
    LH_AUTO(manifest) struct manifest *draft = manifest_edit(commit->draft);
    const struct manifest *seen = catalog_snapshot_find(s, commit->draft->name);
    struct lake_commit write = *commit;
    struct lake_row_counts counts;
    *ret_stale = false;
    if (!reads_rows(h, commit, seen))
        return lake_commit_files(h->ops.catalog, commit, ret_committed, err);
    write.seen = seen;
    write.ret_stale = ret_stale;
    if (widens(commit, seen))
        LH_TRY(exact_doubles_find(&h->ops, seen, commit->draft, commit->fit.text, cancel_fd, draft->arena,
                                  &write.fit.doubles, err));
    if (!is_told(h, commit, seen))
        return lake_commit_files(h->ops.catalog, &write, ret_committed, err);
    LH_TRY(new_objects_open(h->ops.os, h->ops.buckets, h->ops.tmp_dir, seen->name, seen->bucket, &objects, err));
    LH_TRY(write_changes(h, &write, cancel_fd, &objects, draft, &counts, err));
    write.draft = draft;
    enum lh_code code = lake_commit_files(h->ops.catalog, &write, ret_committed, err);
    bool unused = code == LH_OK && (ret_committed->deduplicated || ret_committed->commit.replayed);
    new_objects_settle(&objects, unused ? LH_CONFLICT : code);
    if (code == LH_OK && !unused)
        ret_committed->counts = counts;
    return code;
}

enum lh_code row_history_commit(struct row_history *h, const struct lake_commit *commit, int cancel_fd,
                                struct lake_committed *ret_committed, struct lh_err *err) {
    const char *name = commit->draft->name;
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(h->ops.catalog);
    if (!reads_rows(h, commit, catalog_snapshot_find(s, name)))
        return lake_commit_files(h->ops.catalog, commit, ret_committed, err);
    pthread_mutex_t *lock = &h->locks[lh_crc32c(0, name, strlen(name)) % LOCKS];
    enum lh_code code;
    bool stale;
    pthread_mutex_lock(lock);
    for (unsigned tries = 1;; tries++) {
        code = attempt(h, commit, cancel_fd, &stale, ret_committed, err);
        if (code != LH_CONFLICT || !stale || tries == ROW_CHANGE_ATTEMPTS)
            break;
        *err = (struct lh_err)LH_ERR_INIT;
    }
    pthread_mutex_unlock(lock);
    return code == LH_CONFLICT && stale ? row_change_busy(name, err) : code;
}
