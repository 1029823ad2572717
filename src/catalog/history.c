/* The past: snapshots of earlier versions, and the versions of one dataset. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/timefmt.h"
#include "catalog/catalog_internal.h"

#include <string.h>

#define DELETED_LOOK_BACK 1000

/* ---- past snapshots ---- */

/* The cached snapshot of exactly `version`, moved to the front, with a reference; NULL where there is none.  past_lock is held. */
static struct catalog_snapshot *past_find(struct catalog *c, uint64_t version) {
    for (size_t i = 0; i < PAST_SNAPSHOTS && c->past[i]; i++) {
        struct catalog_snapshot *s = c->past[i];
        if (s->version != version)
            continue;
        memmove(c->past + 1, c->past, i * sizeof(struct catalog_snapshot *));
        c->past[0] = s;
        return catalog_snapshot_ref(s);
    }
    return NULL;
}

static void past_add(struct catalog *c, struct catalog_snapshot *s) {
    catalog_snapshot_unref(c->past[PAST_SNAPSHOTS - 1]);
    memmove(c->past + 1, c->past, (PAST_SNAPSHOTS - 1) * sizeof(struct catalog_snapshot *));
    c->past[0] = catalog_snapshot_ref(s);
}

static enum lh_code past_build(struct catalog *c, uint64_t version, struct catalog_snapshot **ret, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    LH_TRY(catalog_load_checkpoint(c, version, &s, err));
    enum lh_code code = catalog_replay_log(c->options.store, version, &s, err);
    if (code == LH_NOT_FOUND) /* below a version that exists: the record is gone */
        err->code = code = LH_CORRUPT;
    if (code != LH_OK)
        return code;
    past_add(c, s);
    *ret = LH_STEAL(s);
    return LH_OK;
}

enum lh_code catalog_snapshot_at_version(struct catalog *c, uint64_t version, struct catalog_snapshot **ret,
                                         struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *tip = catalog_snapshot(c);
    if (version > tip->version) {
        /* Another server may have answered the client with a version that has not reached this one yet. */
        LH_TRY(catalog_refresh(c, err));
        catalog_snapshot_unref(tip);
        tip = catalog_snapshot(c);
    }
    if (version < 1 || version > tip->version)
        return lh_fail(err, LH_NOT_FOUND, "there is no catalog version %llu; the versions go from 1 to %llu",
                       (unsigned long long)version, (unsigned long long)tip->version);
    if (version == tip->version) {
        *ret = LH_STEAL(tip);
        return LH_OK;
    }
    pthread_mutex_lock(&c->past_lock);
    enum lh_code code = LH_OK;
    struct catalog_snapshot *s = past_find(c, version);
    if (!s)
        code = past_build(c, version, &s, err);
    pthread_mutex_unlock(&c->past_lock);
    if (code == LH_OK)
        *ret = s;
    return code;
}

static enum lh_code record_time(struct catalog *c, uint64_t version, int64_t *ret_us, struct lh_err *err) {
    LH_AUTO(commit_record) struct commit_record *record = NULL;
    LH_TRY(commit_log_read(c->options.store, version, &record, err));
    *ret_us = record->time_us;
    return LH_OK;
}

enum lh_code catalog_snapshot_at_time(struct catalog *c, int64_t time_us, struct catalog_snapshot **ret,
                                      struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *tip = catalog_snapshot(c);
    if (tip->version > 0 && time_us >= tip->time_us) {
        *ret = LH_STEAL(tip);
        return LH_OK;
    }
    uint64_t low = 0; /* the last version known to be at or before the moment */
    uint64_t high = tip->version;
    while (low + 1 < high) { /* times rise strictly along the log */
        uint64_t middle = low + (high - low) / 2;
        int64_t at_us;
        LH_TRY(record_time(c, middle, &at_us, err));
        if (at_us <= time_us)
            low = middle;
        else
            high = middle;
    }
    if (low == 0) {
        char text[LH_TIME_SIZE];
        lh_time_format(time_us, text);
        return lh_fail(err, LH_NOT_FOUND, "the catalog has no version as old as %s", text);
    }
    return catalog_snapshot_at_version(c, low, ret, err);
}

/* ---- the versions of one dataset ---- */

/* The last operation on the dataset in the record, with its transaction. */
static const struct commit_op *find_op(const struct commit_record *record, const char *id,
                                       const struct commit_transaction **ret_transaction) {
    const struct commit_op *found = NULL;
    for (size_t i = 0; i < record->transaction_count; i++) {
        for (size_t j = 0; j < record->transactions[i].op_count; j++) {
            if (strcmp(record->transactions[i].ops[j].id, id) == 0) {
                found = &record->transactions[i].ops[j];
                *ret_transaction = &record->transactions[i];
            }
        }
    }
    return found;
}

/* Where the history of a name starts: the dataset that bears it, or the last one that did. */
static enum lh_code find_start(struct catalog *c, const char *dataset, struct arena *arena, const char **ret_id,
                               uint64_t *ret_version, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *tip = catalog_snapshot(c);
    const struct manifest *m = catalog_snapshot_find(tip, dataset);
    if (m) {
        *ret_id = arena_strdup(arena, m->id);
        *ret_version = m->version;
        return LH_OK;
    }
    uint64_t last = tip->version > DELETED_LOOK_BACK ? tip->version - DELETED_LOOK_BACK : 0;
    for (uint64_t version = tip->version; version > last; version--) {
        LH_AUTO(commit_record) struct commit_record *record = NULL;
        LH_TRY(commit_log_read(c->options.store, version, &record, err));
        for (size_t i = 0; i < record->transaction_count; i++) {
            for (size_t j = 0; j < record->transactions[i].op_count; j++) {
                const struct commit_op *op = &record->transactions[i].ops[j];
                if (!op->manifest && manifest_name_compare(op->name, dataset) == 0) {
                    *ret_id = arena_strdup(arena, op->id);
                    *ret_version = version;
                    return LH_OK;
                }
            }
        }
    }
    return catalog_snapshot_require(tip, dataset, &m, err);
}

static void describe(const struct commit_record *record, const struct commit_transaction *t, const struct commit_op *op,
                     struct arena *arena, struct catalog_version *v) {
    *v = (struct catalog_version){.version = record->version,
                                  .at_us = record->time_us,
                                  .operation = arena_strdup(arena, t->operation),
                                  .actor = arena_strdup(arena, t->actor ? t->actor : ""),
                                  .deleted = op->manifest == NULL};
    if (op->manifest) {
        v->row_count = op->manifest->row_count;
        v->size_bytes = op->manifest->size_bytes;
        v->schema_version = op->manifest->schema_version;
        v->file_count = op->manifest->file_count;
    }
}

enum lh_code catalog_history(struct catalog *c, const char *dataset, uint64_t before, size_t limit, struct arena *arena,
                             struct catalog_version **ret_versions, size_t *ret_count, struct lh_err *err) {
    const char *id = NULL;
    uint64_t version = 0;
    LH_TRY(find_start(c, dataset, arena, &id, &version, err));
    struct catalog_version *versions = NULL;
    size_t count = 0;
    size_t room = 0;
    while (version > 0 && count < limit) {
        LH_AUTO(commit_record) struct commit_record *record = NULL;
        LH_TRY(commit_log_read(c->options.store, version, &record, err));
        const struct commit_transaction *t = NULL;
        const struct commit_op *op = find_op(record, id, &t);
        if (!op)
            return lh_fail(err, LH_CORRUPT, "commit %llu does not touch dataset %s, though its history says so",
                           (unsigned long long)version, id);
        if (version < before) {
            if (count == room) {
                room = room ? room * 2 : 16;
                struct catalog_version *grown = arena_alloc(arena, room * sizeof *grown);
                if (count > 0)
                    memcpy(grown, versions, count * sizeof *grown);
                versions = grown;
            }
            describe(record, t, op, arena, &versions[count++]);
        }
        version = op->manifest ? op->manifest->previous_version : op->previous_version;
        if (version >= record->version)
            return lh_fail(err, LH_CORRUPT, "the history of dataset %s does not go back in commit %llu", id,
                           (unsigned long long)record->version);
    }
    *ret_versions = versions;
    *ret_count = count;
    return LH_OK;
}
