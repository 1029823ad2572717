/* From records to snapshots: what start-up, refresh and time travel share. */
#include "base/alloc.h"
#include "base/arena.h"
#include "catalog/catalog_internal.h"
#include "store/object_store.h"

#include <string.h>

static size_t count_ops(const struct commit_record *record) {
    size_t count = 0;
    for (size_t i = 0; i < record->transaction_count; i++)
        count += record->transactions[i].op_count;
    return count;
}

static void learn_keys(struct catalog_snapshot *s, const struct commit_record *record) {
    size_t most = record->transaction_count;
    LH_AUTO(mem) struct key_fact *facts = lh_malloc((most + 1) * sizeof *facts);
    size_t count = 0;
    for (size_t i = 0; i < most; i++) {
        const struct commit_transaction *t = &record->transactions[i];
        if (t->idempotency_key)
            facts[count++] = (struct key_fact){t->idempotency_key, t->request_sha256, record->version, record->time_us};
    }
    if (count == 0)
        return;
    struct key_window *keys = key_window_with(s->keys, facts, count, record->time_us);
    key_window_unref(s->keys);
    s->keys = keys;
}

static enum lh_code check_follows(const struct catalog_snapshot *base, const struct commit_record *record,
                                  struct lh_err *err) {
    if (record->version != base->version + 1)
        return lh_fail(err, LH_CORRUPT, "commit %llu cannot follow version %llu", (unsigned long long)record->version,
                       (unsigned long long)base->version);
    if (strcmp(record->parent_sha256, base->record_sha256) != 0)
        return lh_fail(err, LH_CORRUPT,
                       "commit %llu was made on another record %llu than the one that stands in the log (its parent is "
                       "%.12s..., not %.12s...)",
                       (unsigned long long)record->version, (unsigned long long)base->version, record->parent_sha256,
                       base->record_sha256);
    if (record->time_us <= base->time_us)
        return lh_fail(err, LH_CORRUPT, "commit %llu is not later than the one before it",
                       (unsigned long long)record->version);
    return LH_OK;
}

enum lh_code catalog_replay(const struct catalog_snapshot *base, const struct commit_record *record,
                            struct catalog_snapshot **ret_snapshot, struct lh_err *err) {
    LH_TRY(check_follows(base, record, err));
    size_t count = count_ops(record);
    LH_AUTO(mem) struct snapshot_change *changes = lh_malloc((count + 1) * sizeof *changes);
    count = 0;
    for (size_t i = 0; i < record->transaction_count; i++) {
        const struct commit_transaction *t = &record->transactions[i];
        for (size_t j = 0; j < t->op_count; j++)
            changes[count++] = (struct snapshot_change){.id = t->ops[j].id, .manifest = t->ops[j].manifest};
    }
    struct catalog_snapshot *next;
    if (snapshot_apply(base, changes, count, record->version, record->time_us, &next, err) != LH_OK) {
        lh_ignore(lh_err_context(err, "commit %llu does not apply", (unsigned long long)record->version));
        return err->code = LH_CORRUPT;
    }
    memcpy(next->record_sha256, record->sha256, sizeof next->record_sha256);
    learn_keys(next, record);
    *ret_snapshot = next;
    return LH_OK;
}

enum lh_code catalog_check_no_gap(struct object_store *store, uint64_t version, struct lh_err *err) {
    char key[COMMIT_LOG_KEY_SIZE];
    commit_log_key(version, key);
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct object_info *items;
    size_t count;
    bool more;
    LH_TRY(object_list(store, COMMIT_LOG_PREFIX, key, 1, arena, &items, &count, &more, err));
    if (count == 0)
        return LH_OK;
    return lh_fail(err, LH_CORRUPT, "the commit record %s is missing, but %s stands behind it", key, items[0].key);
}

enum lh_code catalog_replay_log(struct object_store *store, uint64_t last, struct catalog_snapshot **snapshot,
                                struct lh_err *err) {
    while ((*snapshot)->version < last) {
        LH_AUTO(commit_record) struct commit_record *record = NULL;
        uint64_t version = (*snapshot)->version + 1;
        struct lh_err read_err = LH_ERR_INIT;
        enum lh_code code = commit_log_read(store, version, &record, &read_err);
        if (code == LH_NOT_FOUND && last == UINT64_MAX)
            return LH_OK;
        if (code != LH_OK) {
            *err = read_err;
            return code;
        }
        struct catalog_snapshot *next;
        LH_TRY(catalog_replay(*snapshot, record, &next, err));
        catalog_snapshot_unref(*snapshot);
        *snapshot = next;
    }
    return LH_OK;
}
