/* The life of a catalog: open, refresh, the newest snapshot, the threads in the background. */
#include "catalog/catalog.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/metrics.h"
#include "catalog/catalog_internal.h"
#include "os/clock.h"
#include "os/fault.h"
#include "store/object_store.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DEFAULT_CHECKPOINT_EVERY 100
#define DEFAULT_MAX_RETRIES 20

void catalog_notice(struct catalog *c, enum lh_code code, const char *fmt, ...) {
    if (!c->options.notice)
        return;
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->options.notice(c->options.notice_ctx, code, text);
}

/* ---- the newest snapshot ---- */

struct catalog_snapshot *catalog_snapshot(struct catalog *c) {
    pthread_mutex_lock(&c->snapshot_lock);
    struct catalog_snapshot *s = catalog_snapshot_ref(c->current);
    pthread_mutex_unlock(&c->snapshot_lock);
    return s;
}

void catalog_publish(struct catalog *c, struct catalog_snapshot *s) {
    pthread_mutex_lock(&c->snapshot_lock);
    struct catalog_snapshot *old = c->current;
    c->current = s;
    pthread_mutex_unlock(&c->snapshot_lock);
    catalog_snapshot_unref(old);
    lh_metric_set(c->options.metrics, LH_METRIC_catalog_version, 0, (int64_t)s->version);
    lh_metric_set(c->options.metrics, LH_METRIC_catalog_datasets, 0, (int64_t)s->count);
}

enum lh_code catalog_damage(struct catalog *c, struct lh_err *err) {
    pthread_mutex_lock(&c->snapshot_lock);
    enum lh_code code = c->damage.code;
    if (code != LH_OK)
        *err = c->damage;
    pthread_mutex_unlock(&c->snapshot_lock);
    return code;
}

/* Remember where the log ends for us, or that it is whole (NULL); say so when it changes. */
static void set_damage(struct catalog *c, struct lh_err *damage, uint64_t version) {
    if (damage) {
        lh_ignore(
            lh_err_hint(damage,
                        "datasets can be read as of version %llu, nothing can be committed; restore the object from a "
                        "backup or a replica of the bucket and the catalog goes on by itself; `lakehouse check` looks "
                        "for further damage",
                        (unsigned long long)version));
    }
    pthread_mutex_lock(&c->snapshot_lock);
    enum lh_code before = c->damage.code;
    if (damage)
        c->damage = *damage;
    else
        c->damage.code = LH_OK;
    pthread_mutex_unlock(&c->snapshot_lock);
    if (damage && before == LH_OK)
        catalog_notice(c, damage->code, "%s; %s", damage->message, damage->hint);
    else if (!damage && before != LH_OK)
        catalog_notice(c, LH_OK, "the commit log can be read again, up to version %llu", (unsigned long long)version);
}

/* ---- refresh ---- */

enum lh_code catalog_refresh_locked(struct catalog *c, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(c);
    uint64_t before = s->version;
    struct lh_err ignored;
    bool was_damaged = catalog_damage(c, &ignored) != LH_OK;
    struct lh_err replay_err = LH_ERR_INIT;
    enum lh_code code = catalog_replay_log(c->options.store, UINT64_MAX, &s, &replay_err);
    /* A gap shows only in a listing; that is looked at when the log is opened and for as long as it has a gap. */
    if (code == LH_OK && was_damaged)
        code = catalog_check_no_gap(c->options.store, s->version + 1, &replay_err);
    if (s->version != before)
        catalog_publish(c, catalog_snapshot_ref(s));
    if (code == LH_OK || code == LH_CORRUPT || code == LH_UNSUPPORTED)
        set_damage(c, code == LH_OK ? NULL : &replay_err, s->version);
    if (code != LH_OK)
        *err = replay_err;
    return code;
}

enum lh_code catalog_refresh(struct catalog *c, struct lh_err *err) {
    pthread_mutex_lock(&c->tip_lock);
    enum lh_code code = catalog_refresh_locked(c, err);
    pthread_mutex_unlock(&c->tip_lock);
    return code;
}

/* ---- start-up ---- */

/* A checkpoint that is whole but of another history (a bucket restored in part) must not be built upon: the log decides, where it still
 * has that record. */
static enum lh_code read_checkpoint(struct catalog *c, uint64_t version, struct catalog_snapshot **ret_snapshot,
                                    struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    LH_TRY(checkpoint_read(c->options.codec, c->options.store, version, &s, err));
    LH_AUTO(commit_record) struct commit_record *record = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    if (commit_log_read(c->options.store, version, &record, &ignored) == LH_OK &&
        strcmp(record->sha256, s->record_sha256) != 0)
        return lh_fail(err, LH_CORRUPT, "the checkpoint of version %llu was made of another commit log",
                       (unsigned long long)version);
    *ret_snapshot = LH_STEAL(s);
    return LH_OK;
}

enum lh_code catalog_load_checkpoint(struct catalog *c, uint64_t most, struct catalog_snapshot **ret_snapshot,
                                     struct lh_err *err) {
    if (c->options.codec) {
        LH_AUTO(mem) uint64_t *versions = NULL;
        size_t count;
        LH_TRY(checkpoint_list(c->options.store, &versions, &count, err));
        while (count > 0) {
            uint64_t version = versions[--count];
            if (version > most)
                continue;
            struct lh_err read_err = LH_ERR_INIT;
            enum lh_code code = LH_FAULT("catalog.before_checkpoint_read", &read_err);
            if (code == LH_OK)
                code = read_checkpoint(c, version, ret_snapshot, &read_err);
            if (code == LH_OK)
                return LH_OK;
            if (code == LH_UNSUPPORTED) {
                *err = read_err;
                return code;
            }
            catalog_notice(c, code, "%s; an older one or the log itself is read instead", read_err.message);
        }
    }
    *ret_snapshot = snapshot_new_empty();
    return LH_OK;
}

static enum lh_code bring_up(struct catalog *c, struct lh_err *err) {
    struct catalog_snapshot *s;
    LH_TRY(LH_FAULT("catalog.before_open", err));
    LH_TRY(catalog_load_checkpoint(c, UINT64_MAX, &s, err));
    uint64_t checkpoint = s->version;
    catalog_publish(c, s);
    enum lh_code code = catalog_refresh(c, err);
    if (code == LH_OK) {
        LH_AUTO(catalog_snapshot) struct catalog_snapshot *tip = catalog_snapshot(c);
        code = catalog_check_no_gap(c->options.store, tip->version + 1, err);
        if (code == LH_CORRUPT)
            set_damage(c, err, tip->version);
        if (tip->version - checkpoint >= 2 * c->options.checkpoint_every)
            catalog_consider_checkpoint(c, tip);
    }
    return code == LH_CORRUPT ? LH_OK : code;
}

/* ---- threads in the background ---- */

static void wait_until(struct catalog *c, int64_t wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += (wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&c->background_wake, &c->queue_lock, &until);
}

static void poll_main(void *arg) {
    struct catalog *c = arg;
    enum lh_code said = LH_OK; /* the failure that was told last: one notice for as long as it lasts */
    pthread_mutex_lock(&c->queue_lock);
    for (;;) {
        wait_until(c, c->options.poll_interval_ms);
        if (c->closing)
            break;
        pthread_mutex_unlock(&c->queue_lock);
        struct lh_err err = LH_ERR_INIT;
        enum lh_code code = catalog_refresh(c, &err);
        if (code != LH_OK && code != LH_CORRUPT && code != said)
            catalog_notice(c, code, "commits of other servers cannot be looked for: %s", err.message);
        said = code;
        pthread_mutex_lock(&c->queue_lock);
    }
    pthread_mutex_unlock(&c->queue_lock);
}

static void write_due_checkpoint(struct catalog *c, const struct catalog_snapshot *s) {
    struct lh_err err = LH_ERR_INIT;
    enum lh_code code = LH_FAULT("catalog.before_checkpoint", &err);
    if (code == LH_OK)
        code = checkpoint_write(c->options.codec, c->options.store, s, &err);
    if (code == LH_OK) {
        lh_metric_add(c->options.metrics, LH_METRIC_catalog_checkpoints_total, 0, 1);
        code = LH_FAULT("catalog.after_checkpoint", &err);
    }
    if (code != LH_OK)
        catalog_notice(c, code, "the checkpoint of version %llu was not written: %s; the log holds everything",
                       (unsigned long long)s->version, err.message);
}

static void checkpoint_main(void *arg) {
    struct catalog *c = arg;
    pthread_mutex_lock(&c->queue_lock);
    while (!c->closing) {
        if (!c->checkpoint_due) {
            pthread_cond_wait(&c->background_wake, &c->queue_lock);
            continue;
        }
        struct catalog_snapshot *due = LH_STEAL(c->checkpoint_due);
        pthread_mutex_unlock(&c->queue_lock);
        write_due_checkpoint(c, due);
        catalog_snapshot_unref(due);
        pthread_mutex_lock(&c->queue_lock);
    }
    pthread_mutex_unlock(&c->queue_lock);
}

void catalog_consider_checkpoint(struct catalog *c, struct catalog_snapshot *s) {
    if (!c->options.codec)
        return;
    pthread_mutex_lock(&c->queue_lock);
    struct catalog_snapshot *old = c->checkpoint_due;
    c->checkpoint_due = catalog_snapshot_ref(s);
    pthread_cond_broadcast(&c->background_wake);
    pthread_mutex_unlock(&c->queue_lock);
    catalog_snapshot_unref(old);
}

static enum lh_code start_threads(struct catalog *c, struct lh_err *err) {
    if (c->options.codec)
        LH_TRY(os_thread_start(&c->checkpoint_thread, "lh-checkpoint", 0, checkpoint_main, c, err));
    if (c->options.poll_interval_ms > 0)
        LH_TRY(os_thread_start(&c->poll_thread, "lh-catalog-poll", 0, poll_main, c, err));
    return LH_OK;
}

/* ---- open and close ---- */

static void init_locks(struct catalog *c) {
    pthread_mutex_init(&c->tip_lock, NULL);
    pthread_mutex_init(&c->snapshot_lock, NULL);
    pthread_mutex_init(&c->queue_lock, NULL);
    pthread_mutex_init(&c->past_lock, NULL);
    pthread_cond_init(&c->queue_moved, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->background_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

enum lh_code catalog_open(const struct catalog_options *options, struct catalog **ret_catalog, struct lh_err *err) {
    struct catalog *c = lh_calloc(1, sizeof *c);
    c->options = *options;
    if (c->options.checkpoint_every == 0)
        c->options.checkpoint_every = DEFAULT_CHECKPOINT_EVERY;
    if (c->options.max_retries == 0)
        c->options.max_retries = DEFAULT_MAX_RETRIES;
    init_locks(c);
    lh_ulid_source_init(&c->ulids);
    c->queue_tail = &c->queue_head;
    c->current = snapshot_new_empty();
    enum lh_code code = bring_up(c, err);
    if (code == LH_OK)
        code = start_threads(c, err);
    if (code != LH_OK) {
        catalog_close(c);
        return code;
    }
    *ret_catalog = c;
    return LH_OK;
}

void catalog_close(struct catalog *c) {
    if (!c)
        return;
    pthread_mutex_lock(&c->queue_lock);
    c->closing = true;
    pthread_cond_broadcast(&c->background_wake);
    pthread_mutex_unlock(&c->queue_lock);
    os_thread_join(&c->poll_thread);
    os_thread_join(&c->checkpoint_thread);
    catalog_snapshot_unref(c->checkpoint_due);
    catalog_snapshot_unref(c->current);
    for (size_t i = 0; i < PAST_SNAPSHOTS; i++)
        catalog_snapshot_unref(c->past[i]);
    lh_ulid_source_deinit(&c->ulids);
    pthread_cond_destroy(&c->queue_moved);
    pthread_cond_destroy(&c->background_wake);
    pthread_mutex_destroy(&c->tip_lock);
    pthread_mutex_destroy(&c->snapshot_lock);
    pthread_mutex_destroy(&c->queue_lock);
    pthread_mutex_destroy(&c->past_lock);
    lh_free(c);
}
