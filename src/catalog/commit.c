/* Group commit.
 *
 * A caller queues its change and waits.  Whoever finds no leader becomes it: takes everything queued, judges each change in
 * order against a candidate that holds the ones before it, and writes all that were admitted as one record.  The others
 * queue up meanwhile and become the next batch, so that the rate of commits does not fall with the number of writers.
 *
 *   C1  A change is judged against exactly the state that its record follows.  A record that lost means judging all
 *       of its batch again, on what the winner left.
 *   C2  A verdict is handed out only when it is final: an admitted change after its record stands in the log; a refused one after a
 *       look for newer commits, and only once those before it in the batch have been written.
 *   C3  Nothing is ever taken back on an unknown outcome (commit_log_write).  The next leader finds out: its record meets
 *       the unknown one under the same version.
 *   C4  Time rises strictly along the log, whatever the clocks of the servers say. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/metrics.h"
#include "catalog/catalog_internal.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/ids.h"

#include <stdatomic.h>
#include <string.h>

#define BATCH_MAX 256

struct commit_waiter {
    const struct catalog_change *change;
    struct catalog_commit commit;
    struct lh_err err; /* code LH_OK: `commit` tells */
    bool done;
    struct commit_waiter *next;
};

struct catalog_txn {
    const struct catalog_snapshot *base;
    int64_t time_us;
    struct commit_op *ops;
    size_t count, room;
};

/* ---- one transaction ---- */

int64_t catalog_txn_time(const struct catalog_txn *txn) {
    return txn->time_us;
}

static struct commit_op *txn_add(struct catalog_txn *txn) {
    if (txn->count == txn->room) {
        txn->room = txn->room ? txn->room * 2 : 4;
        txn->ops = lh_realloc(txn->ops, txn->room * sizeof *txn->ops);
    }
    struct commit_op *op = &txn->ops[txn->count++];
    *op = (struct commit_op){0};
    return op;
}

void catalog_txn_put(struct catalog_txn *txn, struct manifest *m) {
    txn_add(txn)->manifest = m;
}

void catalog_txn_delete(struct catalog_txn *txn, const char *dataset_id) {
    txn_add(txn)->id = dataset_id;
}

static void txn_release(struct catalog_txn *txn) {
    for (size_t i = 0; i < txn->count; i++)
        manifest_unref(txn->ops[i].manifest);
    lh_free(txn->ops);
}

static enum lh_code check_manifest(const struct catalog_txn *txn, const struct manifest *m, struct lh_err *err) {
    bool known = m->id && catalog_snapshot_find_id(txn->base, m->id);
    LH_TRY(known ? manifest_name_check(m->name, err) : manifest_new_name_check(m->name, err));
    for (size_t i = 0; i < m->primary_key_count; i++) {
        if (!manifest_find_column(m, m->primary_key[i]))
            return lh_fail(err, LH_INVALID, "\"%s\" has no column \"%s\" to be its primary key", m->name,
                           m->primary_key[i]);
        if (manifest_name_compare(m->primary_key[i], TOMBSTONE_REASON) == 0 ||
            manifest_name_compare(m->primary_key[i], TOMBSTONE_ACTOR) == 0 ||
            manifest_name_compare(m->primary_key[i], TOMBSTONE_AT) == 0)
            return lh_fail(err, LH_INVALID, "no primary key can have the column \"%s\": tombstones need that name",
                           m->primary_key[i]);
    }
    for (size_t i = 0; i < m->column_count; i++) {
        if (!m->columns[i].name || !m->columns[i].type)
            return lh_fail(err, LH_INVALID, "column %zu of \"%s\" has no name or no type", i + 1, m->name);
    }
    for (size_t i = 0; i < m->file_count; i++) {
        if (!m->files[i].bucket || !m->files[i].key)
            return lh_fail(err, LH_INVALID, "file %zu of \"%s\" has no bucket or no key", i + 1, m->name);
    }
    return LH_OK;
}

/* What the commit knows and the change does not. */
static void stamp(struct catalog *c, struct catalog_txn *txn, struct manifest *m, uint64_t version) {
    if (!m->id) {
        char id[LH_ULID_SIZE];
        os_ulid(c->options.os, &c->ulids, id);
        m->id = arena_strdup(m->arena, id);
    }
    const struct manifest *old = catalog_snapshot_find_id(txn->base, m->id);
    if (m->created_us == 0)
        m->created_us = old ? old->created_us : txn->time_us;
    m->updated_us = txn->time_us;
    m->version = version;
    /* Two transactions of one record may touch one dataset: history knows versions, not transactions. */
    m->previous_version = !old ? 0 : old->version == version ? old->previous_version : old->version;
    m->schema_version = !old ? 1 : old->schema_version + (manifest_same_schema(old, m) ? 0 : 1);
    for (size_t i = 0; i < m->file_count; i++) {
        if (m->files[i].added_version == 0)
            m->files[i].added_version = version;
        if (m->files[i].sequence == 0)
            m->files[i].sequence = version;
    }
    manifest_drop_changes(m, version);
    manifest_sum_files(m);
}

static enum lh_code finish_ops(struct catalog *c, struct catalog_txn *txn, uint64_t version, struct lh_err *err) {
    for (size_t i = 0; i < txn->count; i++) {
        struct commit_op *op = &txn->ops[i];
        if (op->manifest) {
            LH_TRY(check_manifest(txn, op->manifest, err));
            stamp(c, txn, op->manifest, version);
            op->id = op->manifest->id;
            continue;
        }
        const struct manifest *old = catalog_snapshot_find_id(txn->base, op->id);
        if (!old)
            return lh_fail(err, LH_NOT_FOUND, "there is no dataset with the id %s to delete", op->id);
        op->name = old->name;
        op->previous_version = old->version == version ? old->previous_version : old->version;
    }
    return LH_OK;
}

/* Put an admitted transaction into the record; the ops move there. */
static void record_add(struct commit_record *r, const struct catalog_change *change, struct catalog_txn *txn) {
    struct commit_transaction *t = &r->transactions[r->transaction_count++];
    t->operation = arena_strdup(r->arena, change->operation);
    t->actor = arena_strdup(r->arena, change->actor);
    t->idempotency_key = arena_strdup(r->arena, change->idempotency_key);
    if (t->idempotency_key) {
        char *digest = arena_alloc(r->arena, LH_SHA256_HEX);
        catalog_key_digest(change, digest);
        t->request_sha256 = digest;
    }
    t->ops = arena_alloc(r->arena, (txn->count + 1) * sizeof *t->ops);
    for (size_t i = 0; i < txn->count; i++) {
        t->ops[i] = txn->ops[i];
        if (!t->ops[i].manifest) {
            t->ops[i].id = arena_strdup(r->arena, txn->ops[i].id);
            t->ops[i].name = arena_strdup(r->arena, txn->ops[i].name);
        }
    }
    t->op_count = txn->count;
    txn->count = 0;
}

/* ---- one batch ---- */

struct batch {
    struct catalog_snapshot *candidate;
    struct commit_record *record;
    bool refused; /* a change was refused */
};

static void batch_release(struct batch *b) {
    catalog_snapshot_unref(b->candidate);
    commit_record_free(b->record);
}

/* The version that the change's key stands for: one of the log's, or that of the record that is being made; 0 for none. */
static enum lh_code find_key(const struct batch *b, const struct catalog_change *change, uint64_t *ret_version,
                             struct lh_err *err) {
    *ret_version = 0;
    if (!change->idempotency_key)
        return LH_OK;
    for (size_t i = 0; i < b->record->transaction_count; i++) {
        const struct commit_transaction *t = &b->record->transactions[i];
        if (!t->idempotency_key || strcmp(t->idempotency_key, change->idempotency_key) != 0)
            continue;
        *ret_version = b->record->version;
        return catalog_key_same(t->request_sha256, change, err);
    }
    return catalog_snapshot_find_key(b->candidate, change, ret_version, err);
}

static enum lh_code judge(struct catalog *c, struct batch *b, struct commit_waiter *w, struct lh_err *err) {
    const struct catalog_change *change = w->change;
    w->commit = (struct catalog_commit){.version = b->record->version};
    uint64_t version;
    LH_TRY(find_key(b, change, &version, err));
    if (version > 0) {
        w->commit = (struct catalog_commit){.version = version, .replayed = true};
        return LH_OK;
    }
    LH_CLEANUP(txn_release) struct catalog_txn txn = {.base = b->candidate, .time_us = b->record->time_us};
    LH_TRY(change->fn(&txn, b->candidate, change->ctx, err));
    if (txn.count == 0) {
        w->commit.version = b->candidate->version;
        return LH_OK;
    }
    LH_TRY(finish_ops(c, &txn, b->record->version, err));
    LH_AUTO(mem) struct snapshot_change *changes = lh_malloc(txn.count * sizeof *changes);
    for (size_t i = 0; i < txn.count; i++)
        changes[i] = (struct snapshot_change){.id = txn.ops[i].id, .manifest = txn.ops[i].manifest};
    struct catalog_snapshot *next;
    LH_TRY(snapshot_apply(b->candidate, changes, txn.count, b->record->version, b->record->time_us, &next, err));
    catalog_snapshot_unref(b->candidate);
    b->candidate = next;
    record_add(b->record, change, &txn);
    return LH_OK;
}

static void judge_batch(struct catalog *c, const struct catalog_snapshot *tip, struct commit_waiter **waiters,
                        size_t count, struct batch *b) {
    struct commit_record *r = commit_record_new();
    r->version = tip->version + 1;
    os_uuid4(c->options.os, r->uuid);
    memcpy(r->parent_sha256, tip->record_sha256, sizeof r->parent_sha256);
    r->time_us = os_realtime_us(c->options.os);
    if (r->time_us <= tip->time_us)
        r->time_us = tip->time_us + 1;
    r->transactions = arena_alloc(r->arena, (count + 1) * sizeof *r->transactions);
    b->record = r;
    for (size_t i = 0; i < count; i++) {
        waiters[i]->err = (struct lh_err)LH_ERR_INIT;
        struct lh_err err = LH_ERR_INIT;
        enum lh_code code = judge(c, b, waiters[i], &err);
        if (code != LH_OK) {
            waiters[i]->err = err;
            waiters[i]->err.code = code;
            b->refused = true;
        }
    }
}

/* The record was not written: those who were in it, or were judged on top of it, hear why. */
static void fail_batch(struct commit_waiter **waiters, size_t count, const struct catalog_snapshot *tip,
                       const struct lh_err *err) {
    bool first = true; /* no change of the record before this one */
    for (size_t i = 0; i < count; i++) {
        bool refused = waiters[i]->err.code != LH_OK;
        if ((refused && first) || (!refused && waiters[i]->commit.version <= tip->version))
            continue;
        first = first && refused;
        waiters[i]->err = *err;
    }
}

enum step { STEP_DONE, STEP_AGAIN, STEP_SPLIT };

static void count_outcome(struct catalog *c, const char *outcome, uint64_t transactions) {
    lh_metric_add(c->options.metrics, LH_METRIC_catalog_commits_total,
                  lh_metric_label(LH_METRIC_catalog_commits_total, outcome), transactions);
}

static enum step write_batch(struct catalog *c, const struct catalog_snapshot *tip, struct commit_waiter **waiters,
                             size_t count, struct batch *b) {
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    struct lh_err err = LH_ERR_INIT;
    enum lh_code code = commit_record_encode(b->record, &bytes, &err);
    if (code == LH_TOO_LARGE && count > 1)
        return STEP_SPLIT;
    if (code == LH_OK)
        code = commit_log_write(c->options.os, c->options.store, b->record, &bytes, &err);
    if (code == LH_EXISTS) {
        count_outcome(c, "lost", b->record->transaction_count);
        return STEP_AGAIN;
    }
    if (code == LH_OK) {
        /* Also the candidate comes from the record, so that what is served is what was written. */
        struct catalog_snapshot *next = NULL;
        code = catalog_replay(tip, b->record, &next, &err);
        if (code == LH_OK) {
            count_outcome(c, "committed", b->record->transaction_count);
            catalog_publish(c, catalog_snapshot_ref(next));
            if (next->version % c->options.checkpoint_every == 0)
                catalog_consider_checkpoint(c, next);
            catalog_snapshot_unref(next);
            code = LH_FAULT("catalog.after_commit", &err);
        }
        if (code != LH_OK) /* the record stands, so nothing it names may go: C3 */
            err.code = LH_UNKNOWN_OUTCOME;
    }
    if (code == LH_UNKNOWN_OUTCOME)
        count_outcome(c, "unknown", b->record->transaction_count);
    if (code != LH_OK)
        fail_batch(waiters, count, tip, &err);
    return STEP_DONE;
}

/* Decide about all of `waiters`.  The caller holds tip_lock. */
static void lead(struct catalog *c, struct commit_waiter **waiters, size_t count) {
    bool fresh = false; /* the tip was brought up since the batch was taken */
    for (unsigned attempt = 0;; attempt++) {
        struct lh_err err = LH_ERR_INIT;
        LH_AUTO(catalog_snapshot) struct catalog_snapshot *tip = catalog_snapshot(c);
        LH_CLEANUP(batch_release) struct batch b = {.candidate = catalog_snapshot_ref(tip)};
        enum lh_code code = catalog_damage(c, &err);
        judge_batch(c, tip, waiters, count, &b);
        if (code != LH_OK) {
            fail_batch(waiters, count, tip, &err);
            return;
        }
        enum step step = STEP_AGAIN;
        if (fresh || !b.refused)
            step = b.record->transaction_count > 0 ? write_batch(c, tip, waiters, count, &b) : STEP_DONE;
        if (step == STEP_DONE)
            return;
        if (step == STEP_SPLIT) {
            lead(c, waiters, count / 2);
            lead(c, waiters + count / 2, count - count / 2);
            return;
        }
        code = catalog_refresh_locked(c, &err);
        if (code == LH_OK && attempt > c->options.max_retries) {
            count_outcome(c, "conflict", b.record->transaction_count);
            code = lh_fail(&err, LH_CONFLICT, "other writers committed first, %u times in a row", attempt);
        }
        if (code != LH_OK) {
            fail_batch(waiters, count, tip, &err);
            return;
        }
        if (fresh)
            commit_log_back_off(c->options.os, attempt);
        fresh = true;
    }
}

/* ---- the queue ---- */

static void lead_queue(struct catalog *c) {
    struct commit_waiter *batch[BATCH_MAX];
    size_t count = 0;
    while (c->queue_head && count < BATCH_MAX) {
        batch[count++] = c->queue_head;
        c->queue_head = c->queue_head->next;
    }
    if (!c->queue_head)
        c->queue_tail = &c->queue_head;
    c->leading = true;
    pthread_mutex_unlock(&c->queue_lock);

    pthread_mutex_lock(&c->tip_lock);
    lead(c, batch, count);
    pthread_mutex_unlock(&c->tip_lock);

    pthread_mutex_lock(&c->queue_lock);
    for (size_t i = 0; i < count; i++)
        batch[i]->done = true;
    c->leading = false;
    pthread_cond_broadcast(&c->queue_moved);
}

enum lh_code catalog_commit(struct catalog *c, const struct catalog_change *change, struct catalog_commit *ret_commit,
                            struct lh_err *err) {
    size_t key_len = change->idempotency_key ? strlen(change->idempotency_key) : 1;
    if (key_len == 0 || key_len > CATALOG_KEY_MAX_BYTES)
        return lh_fail(err, LH_INVALID, "an idempotency key must have 1 to %zu bytes, not %zu", CATALOG_KEY_MAX_BYTES,
                       key_len);
    struct commit_waiter self = {.change = change, .err = LH_ERR_INIT};
    int64_t start_ns = os_monotonic_ns(c->options.os);
    pthread_mutex_lock(&c->queue_lock);
    *c->queue_tail = &self;
    c->queue_tail = &self.next;
    while (!self.done) {
        if (c->leading)
            pthread_cond_wait(&c->queue_moved, &c->queue_lock);
        else
            lead_queue(c);
    }
    pthread_mutex_unlock(&c->queue_lock);
    lh_metric_observe_us(c->options.metrics, LH_METRIC_catalog_commit_seconds,
                         (os_monotonic_ns(c->options.os) - start_ns) / 1000);
    if (self.err.code != LH_OK) {
        *err = self.err;
        return err->code;
    }
    if (ret_commit)
        *ret_commit = self.commit;
    return LH_OK;
}
