/* The thread: looks which datasets are to be hot, and loads what is not, one at a time. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "hot/hot_internal.h"
#include "lake/read_plan.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/fault.h"
#include "os/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_EVERY_MS 100
#define LOAD_TIMEOUT_MS (INT64_C(6) * 3600 * 1000)

/* A dataset to be loaded, apart from the entry, which may go meanwhile. */
struct load {
    char *id;
    const char *plan; /* in the arena */
    char digest[LH_SHA256_HEX];
    uint64_t version, source_bytes;
    bool pinned;
};

/* ---- room ---- */

static struct hot_entry *victim(struct hot *h, const char *not_id) {
    struct hot_entry *oldest = NULL;
    for (size_t i = 0; i < h->count; i++) {
        struct hot_entry *e = h->entries[i];
        if (e->file && !e->pinned && strcmp(e->id, not_id) != 0 && (!oldest || e->read_ns < oldest->read_ns))
            oldest = e;
    }
    return oldest;
}

/* Files that statements still hold count until those have ended, so a file may find no room that has it a moment later: the thread
 * tries again then. */
static enum lh_code make_room(struct hot *h, const struct load *load, uint64_t size_bytes, struct lh_err *err) {
    for (struct hot_entry *e; h->used_bytes + size_bytes > h->options.max_bytes && (e = victim(h, load->id));) {
        hot_remove(h, e);
        h->stats.evictions++;
    }
    if (h->used_bytes + size_bytes <= h->options.max_bytes)
        return LH_OK;
    lh_ignore(lh_fail(err, LH_LIMIT,
                      "%" PRIu64 " bytes do not fit into the hot cache of %" PRIu64 ", of which %" PRIu64 " are in use",
                      size_bytes, h->options.max_bytes, h->used_bytes));
    return lh_err_hint(err, "raise cache.hot_bytes, or unpin another dataset");
}

/* ---- one load ---- */

static enum lh_code run_task(struct hot *h, const struct load *load, const char *dir, struct lh_err *err) {
    LH_AUTO(json) json_t *request = json_pack("{s:s}", "select", load->plan);
    LH_AUTO(json) json_t *answer = NULL;
    struct engine_task task = {
        .task = "hot_load",
        .request = request,
        .output_dir = dir,
        .timeout_ms = LOAD_TIMEOUT_MS,
        .cancel_fd = h->cancel_fd,
    };
    return engine_run_task(h->options.engine, &task, &answer, err);
}

/* The file is whole: from now on statements get it, where its dataset is still wanted. */
static enum lh_code publish(struct hot *h, const struct load *load, const char *made, uint64_t size_bytes,
                            int64_t begun_ns, struct lh_err *err) {
    int64_t now_ns = os_monotonic_ns(h->options.os);
    LH_AUTO(mem) char *path =
        lh_asprintf("%s/%" PRIu64 "-%.24s.duckdb", h->dir, (uint64_t)atomic_fetch_add(&h->next_file, 1), load->digest);
    LH_TRY(LH_FAULT("hot.before_publish", err));
    pthread_mutex_lock(&h->lock);
    struct hot_entry *e = hot_find_id(h, load->id);
    enum lh_code code = e ? make_room(h, load, size_bytes, err) : LH_OK;
    if (e && code == LH_OK)
        code = os_rename(h->options.os, AT_FDCWD, made, AT_FDCWD, path, err);
    if (e && code == LH_OK) {
        hot_drop_file(h, e);
        e->file = lh_calloc(1, sizeof *e->file);
        memcpy(e->file->digest, load->digest, sizeof e->file->digest);
        e->file->path = LH_STEAL(path);
        e->file->size_bytes = size_bytes;
        e->file->refs = 1;
        e->state = HOT_HOT;
        e->error = LH_OK;
        e->version = load->version;
        e->loads++;
        e->load_ms = (now_ns - begun_ns) / 1000000;
        e->loaded_us = os_realtime_us(h->options.os);
        e->read_ns = now_ns;
        h->used_bytes += size_bytes;
        h->stats.loads++;
        atomic_fetch_add(&h->generation, 1);
    }
    pthread_mutex_unlock(&h->lock);
    return code;
}

static enum lh_code load_into(struct hot *h, const struct load *load, const char *dir, struct lh_err *err) {
    int64_t begun_ns = os_monotonic_ns(h->options.os);
    LH_AUTO(mem) char *made = lh_asprintf("%s/hot.duckdb", dir);
    struct os_stat stat;
    LH_TRY(LH_FAULT("hot.before_load", err));
    LH_TRY(os_mkdir_all(h->options.os, AT_FDCWD, dir, 0700, err));
    LH_TRY(run_task(h, load, dir, err));
    LH_TRY(os_stat_at(h->options.os, AT_FDCWD, made, &stat, err));
    return publish(h, load, made, stat.size_bytes, begun_ns, err);
}

static void fail(struct hot *h, const struct load *load, const struct lh_err *why) {
    pthread_mutex_lock(&h->lock);
    struct hot_entry *e = hot_find_id(h, load->id);
    bool stopping = h->stop;
    if (e && !stopping) {
        e->state = HOT_FAILED;
        e->error = why->code;
        snprintf(e->message, sizeof e->message, "%.400s%s%.400s", why->message, why->hint[0] ? "; " : "", why->hint);
        h->stats.failures++;
    }
    pthread_mutex_unlock(&h->lock);
    if (e && !stopping)
        hot_notice(h, why->code, "a dataset stays on Parquet: %s", why->message);
}

static void run_load(struct hot *h, const struct load *load) {
    struct lh_err err = LH_ERR_INIT, ignored = LH_ERR_INIT;
    LH_AUTO(mem) char *dir = lh_asprintf("%s/loading", h->dir);
    if (load_into(h, load, dir, &err) != LH_OK)
        fail(h, load, &err);
    lh_ignore(os_remove_all(h->options.os, AT_FDCWD, dir, &ignored));
}

/* ---- what is to be loaded ---- */

/* Bring one entry up to the snapshot; true: it is to be loaded, and `ret_load` says how. */
static bool look_at(struct hot *h, struct hot_entry *e, const struct manifest *m, struct arena *arena,
                    struct load *ret_load) {
    struct lh_err err = LH_ERR_INIT;
    struct load load = {.version = m->version, .source_bytes = m->size_bytes, .pinned = e->pinned};
    int64_t now_ns = os_monotonic_ns(h->options.os);
    e->seen_version = m->version;
    if (lake_read_plan(h->options.buckets, m, arena, &load.plan, &err) != LH_OK) {
        e->state = HOT_FAILED;
        e->error = err.code;
        snprintf(e->message, sizeof e->message, "%.900s", err.message);
        hot_drop_file(h, e);
        return false;
    }
    lh_sha256_hex(load.plan, strlen(load.plan), load.digest);
    if (strcmp(load.digest, e->wanted) != 0) {
        bool first = e->wanted[0] == '\0';
        memcpy(e->wanted, load.digest, sizeof e->wanted);
        e->changed_ns = first ? now_ns - h->options.debounce_ms * 1000000 : now_ns;
        e->state = HOT_WAITING;
        e->error = LH_OK;
        hot_drop_file(h, e);
    }
    if (e->file || e->state == HOT_FAILED || now_ns - e->changed_ns < h->options.debounce_ms * 1000000)
        return false;
    load.id = arena_strdup(arena, e->id);
    e->state = HOT_LOADING;
    *ret_load = load;
    return true;
}

static bool wanted(const struct hot_entry *e) {
    return e->pinned || e->admitted;
}

/* Entries of datasets that are gone go; the first that is to be loaded is `ret_load`. */
static bool look_at_all(struct hot *h, const struct catalog_snapshot *s, struct arena *arena, struct load *ret_load,
                        bool *ret_unpinned) {
    bool found = false;
    for (size_t i = 0; i < h->count;) {
        struct hot_entry *e = h->entries[i];
        const struct manifest *m = catalog_snapshot_find_id(s, e->id);
        if (!m) {
            *ret_unpinned |= e->pinned;
            hot_remove(h, e);
            continue;
        }
        if (strcmp(e->name, m->name) != 0) {
            lh_free(e->name);
            e->name = lh_strdup(m->name);
        }
        if (wanted(e) && !found)
            found = look_at(h, e, m, arena, ret_load);
        i++;
    }
    return found;
}

static bool wait_a_little(struct hot *h) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += LOOK_EVERY_MS * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&h->lock);
    while (!h->stop && !h->look && h->count == 0)
        pthread_cond_wait(&h->wake, &h->lock);
    if (!h->stop && !h->look)
        pthread_cond_timedwait(&h->wake, &h->lock, &until);
    h->look = false;
    bool stop = h->stop;
    pthread_mutex_unlock(&h->lock);
    return !stop;
}

void hot_keep(void *hot) {
    struct hot *h = hot;
    while (wait_a_little(h)) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(h->options.catalog);
        struct load load;
        struct lh_err err = LH_ERR_INIT;
        bool unpinned = false;
        pthread_mutex_lock(&h->lock);
        bool found = look_at_all(h, s, arena, &load, &unpinned);
        pthread_mutex_unlock(&h->lock);
        if (unpinned && hot_save_pins(h, &err) != LH_OK)
            hot_notice(h, err.code, "%s", err.message);
        if (!found)
            continue;
        run_load(h, &load);
        pthread_mutex_lock(&h->lock);
        h->look = true;
        pthread_mutex_unlock(&h->lock);
    }
}
