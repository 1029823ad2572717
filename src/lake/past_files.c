#include "lake/past_files.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "catalog/commit_log.h"

#include <assert.h>
#include <string.h>

void past_files_release(struct past_files *p) {
    for (size_t i = 0; i < p->dataset_count; i++) {
        manifest_unref(p->datasets[i].newest);
        lh_free(p->datasets[i].open);
    }
    for (size_t i = 0; i < p->held_count; i++)
        manifest_unref(p->held[i]);
    lh_free(p->files);
    lh_free(p->datasets);
    lh_free(p->held);
    *p = (struct past_files){0};
}

/* Position of the dataset with this id; dataset_count where it is new. */
static size_t dataset_of(struct past_files *p, const char *id) {
    for (size_t i = 0; i < p->dataset_count; i++)
        if (strcmp(p->datasets[i].newest->id, id) == 0)
            return i;
    return p->dataset_count;
}

static bool same_object(const struct manifest_file *a, const struct manifest_file *b) {
    return strcmp(a->key, b->key) == 0 && strcmp(a->bucket, b->bucket) == 0;
}

/* Manifests change little from one to the next: the place where the last one was found is tried first. */
static bool names(const struct manifest *m, const struct manifest_file *file, size_t *hint) {
    for (size_t n = 0; n < m->file_count; n++) {
        size_t i = (*hint + n) % m->file_count;
        if (same_object(&m->files[i], file)) {
            *hint = i + 1;
            return true;
        }
    }
    return false;
}

/* The dataset's files that `m` (NULL: it is deleted) does not name were last named by the version before. */
static void close_files(struct past_files *p, struct past_dataset *d, const struct manifest *m,
                        const struct commit_record *r) {
    size_t kept = 0, hint = 0;
    for (size_t i = 0; i < d->open_count; i++) {
        assert(p->files && d->open[i] < p->count);
        struct past_file *file = &p->files[d->open[i]];
        if (m && names(m, &file->file, &hint)) {
            d->open[kept++] = d->open[i];
            continue;
        }
        file->last_version = r->version > file->first_version ? r->version - 1 : file->first_version;
        file->unused_us = r->time_us;
    }
    d->open_count = kept;
}

static bool is_open(const struct past_files *p, const struct past_dataset *d, const struct manifest_file *file,
                    size_t *hint) {
    for (size_t n = 0; n < d->open_count; n++) {
        size_t i = (*hint + n) % d->open_count;
        if (same_object(&p->files[d->open[i]].file, file)) {
            *hint = i + 1;
            return true;
        }
    }
    return false;
}

static void open_file(struct past_files *p, size_t dataset, const struct manifest_file *file, uint64_t version) {
    struct past_dataset *d = &p->datasets[dataset];
    if (p->count == p->room) {
        p->room = p->room ? p->room * 2 : 64;
        p->files = lh_realloc(p->files, p->room * sizeof *p->files);
    }
    d->open = lh_realloc(d->open, (d->open_count + 1) * sizeof *d->open);
    d->open[d->open_count++] = p->count;
    p->files[p->count++] = (struct past_file){.dataset = dataset, .file = *file, .first_version = version};
}

static void hold(struct past_files *p, struct manifest *m) {
    if (p->held_count == p->held_room) {
        p->held_room = p->held_room ? p->held_room * 2 : 64;
        p->held = lh_realloc(p->held, p->held_room * sizeof *p->held);
    }
    p->held[p->held_count++] = manifest_ref(m);
}

static void take_manifest(struct past_files *p, struct manifest *m, const struct commit_record *r) {
    size_t at = dataset_of(p, m->id), hint = 0, before = p->count;
    if (at == p->dataset_count) {
        p->datasets = lh_realloc(p->datasets, (p->dataset_count + 1) * sizeof *p->datasets);
        p->datasets[p->dataset_count++] = (struct past_dataset){.newest = manifest_ref(m)};
    }
    struct past_dataset *d = &p->datasets[at];
    close_files(p, d, m, r);
    for (size_t i = 0; i < m->file_count; i++)
        if (!is_open(p, d, &m->files[i], &hint))
            open_file(p, at, &m->files[i], r->version);
    if (p->count > before)
        hold(p, m);
    manifest_unref(d->newest);
    d->newest = manifest_ref(m);
}

static void take_op(struct past_files *p, const struct commit_op *op, const struct commit_record *r) {
    if (op->manifest) {
        take_manifest(p, op->manifest, r);
        return;
    }
    size_t at = dataset_of(p, op->id);
    if (at < p->dataset_count)
        close_files(p, &p->datasets[at], NULL, r);
}

static enum lh_code read_all(struct past_files *p, struct object_store *store, uint64_t last, struct lh_err *err) {
    for (uint64_t version = 1; version <= last; version++) {
        LH_AUTO(commit_record) struct commit_record *record = NULL;
        if (commit_log_read(store, version, &record, err) != LH_OK)
            return err->code == LH_NOT_FOUND ? (err->code = LH_CORRUPT) : err->code;
        for (size_t t = 0; t < record->transaction_count; t++)
            for (size_t i = 0; i < record->transactions[t].op_count; i++)
                take_op(p, &record->transactions[t].ops[i], record);
    }
    return LH_OK;
}

enum lh_code past_files_read(struct catalog *catalog, struct object_store *store, struct past_files *ret_files,
                             struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *tip = catalog_snapshot(catalog);
    struct past_files p = {0};
    enum lh_code code = read_all(&p, store, catalog_snapshot_version(tip), err);
    if (code != LH_OK) {
        past_files_release(&p);
        return code;
    }
    *ret_files = p;
    return LH_OK;
}
