/* Vacuum: what nothing refers to any more goes.
 *
 * With a retention of R the horizon is the version of R ago; everything as of the horizon and later is kept.
 *
 *   live     what the snapshot at the horizon names, and every record since
 *   dead     what a version between the last horizon and this one named, and is not live
 *   orphans  what stands below datasets/, was named by no version looked at, and is older than maintenance.orphan_age: left by a
 *            writer that ended before its commit.  A commit of unknown outcome is known long before that age.
 *
 *   V1  The horizon is durable before the first file goes (lake/horizon.h).
 *   V2  A vacuum that was interrupted is begun again from the horizon before it.
 *   V3  Only objects below datasets/ go: what was registered where it stood is its owner's.
 *   V4  The log is not touched: what was, when, and by whom is always known. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "catalog/catalog.h"
#include "catalog/commit_log.h"
#include "catalog/manifest.h"
#include "journal/journal.h"
#include "lake/horizon.h"
#include "os/clock.h"
#include "os/fault.h"
#include "store/buckets.h"
#include "store/object_store.h"
#include "upkeep/upkeep_internal.h"

#include <stdlib.h>
#include <string.h>

#define OURS "datasets/"
#define LIST_PAGE 1000
#define SHOWN_MAX ((size_t)1000) /* files that a dry run names */
#define SEPARATOR '\n'           /* no key or bucket name has one */

/* A set of "bucket\nkey". */
struct file_set {
    const char **items;
    size_t count, room;
};

struct victim {
    const char *bucket, *key;
    uint64_t size_bytes;
    bool orphan;
};

struct vacuum {
    struct upkeep *upkeep;
    struct job *job; /* NULL: a dry run */
    struct arena *arena;
    struct lake_horizon last, next;
    uint64_t tip;
    struct file_set live, dead;
    struct victim *victims;
    size_t victim_count, victim_room;
    uint64_t bytes, orphans, orphan_bytes, foreign;
};

static void vacuum_release(struct vacuum *v) {
    arena_free(v->arena);
    lh_free(v->live.items);
    lh_free(v->dead.items);
    lh_free(v->victims);
}

/* ---- sets ---- */

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void set_add(struct file_set *set, const char *text) {
    if (set->count == set->room) {
        set->room = set->room ? set->room * 2 : 256;
        set->items = lh_realloc(set->items, set->room * sizeof(char *));
    }
    set->items[set->count++] = text;
}

static void set_finish(struct file_set *set) {
    if (set->count == 0)
        return;
    qsort(set->items, set->count, sizeof(char *), compare_texts);
    size_t kept = 1;
    for (size_t i = 1; i < set->count; i++)
        if (strcmp(set->items[i], set->items[kept - 1]) != 0)
            set->items[kept++] = set->items[i];
    set->count = kept;
}

static bool set_has(const struct file_set *set, const char *text) {
    return set->count > 0 && bsearch(&text, set->items, set->count, sizeof(char *), compare_texts);
}

static const char *name_of(struct vacuum *v, const char *bucket, const char *key) {
    return arena_printf(v->arena, "%s%c%s", bucket, SEPARATOR, key);
}

static void add_manifest(struct vacuum *v, struct file_set *set, const struct manifest *m) {
    for (size_t i = 0; i < m->file_count; i++)
        set_add(set, name_of(v, m->files[i].bucket, m->files[i].key));
}

static void add_snapshot(struct vacuum *v, struct file_set *set, const struct catalog_snapshot *s) {
    for (size_t i = 0; i < catalog_snapshot_count(s); i++)
        add_manifest(v, set, catalog_snapshot_get(s, i));
}

static enum lh_code check(const struct vacuum *v, struct lh_err *err) {
    return v->job ? job_check(v->job, err) : LH_OK;
}

/* What the records of versions `from` to `to` name; at the end the set may hold a file many times. */
static enum lh_code add_records(struct vacuum *v, struct file_set *set, uint64_t from, uint64_t to,
                                struct lh_err *err) {
    for (uint64_t version = from; version <= to; version++) {
        LH_AUTO(commit_record) struct commit_record *record = NULL;
        LH_TRY(check(v, err));
        LH_TRY(commit_log_read(buckets_primary(v->upkeep->services.buckets), version, &record, err));
        for (size_t i = 0; i < record->transaction_count; i++)
            for (size_t j = 0; j < record->transactions[i].op_count; j++)
                if (record->transactions[i].ops[j].manifest)
                    add_manifest(v, set, record->transactions[i].ops[j].manifest);
        if (set->room > 0 && set->count > set->room / 2)
            set_finish(set);
    }
    return LH_OK;
}

/* ---- what is live and what is dead ---- */

static enum lh_code find_horizon(struct vacuum *v, int64_t retention_ms, struct lh_err *err) {
    const struct upkeep_services *s = &v->upkeep->services;
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *tip = catalog_snapshot(s->catalog);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *then = NULL;
    struct lh_err none = LH_ERR_INIT;
    int64_t now_us = os_realtime_us(s->os);
    LH_TRY(lake_horizon_read(buckets_primary(s->buckets), &v->last, err));
    v->tip = catalog_snapshot_version(tip);
    v->next = (struct lake_horizon){.version = v->last.version,
                                    .version_at_us = v->last.version_at_us,
                                    .previous = v->last.complete ? v->last.version : v->last.previous,
                                    .at_us = now_us};
    if (v->tip == 0)
        return LH_OK;
    enum lh_code code = catalog_snapshot_at_time(s->catalog, now_us - retention_ms * 1000, &then, &none);
    if (code != LH_OK && code != LH_NOT_FOUND) { /* not found: there was no version that long ago */
        *err = none;
        return code;
    }
    if (code == LH_OK && catalog_snapshot_version(then) > v->next.version) {
        v->next.version = catalog_snapshot_version(then);
        v->next.version_at_us = catalog_snapshot_time(then);
    }
    return LH_OK;
}

static enum lh_code find_live(struct vacuum *v, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    uint64_t from = 1;
    if (v->next.version > 0) {
        LH_TRY(catalog_snapshot_at_version(v->upkeep->services.catalog, v->next.version, &s, err));
        add_snapshot(v, &v->live, s);
        from = v->next.version + 1;
    }
    LH_TRY(add_records(v, &v->live, from, v->tip, err));
    set_finish(&v->live);
    return LH_OK;
}

static enum lh_code find_dead(struct vacuum *v, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    uint64_t from = v->next.previous;
    if (from > 0 && from <= v->next.version) {
        LH_TRY(catalog_snapshot_at_version(v->upkeep->services.catalog, from, &s, err));
        add_snapshot(v, &v->dead, s);
    }
    LH_TRY(add_records(v, &v->dead, from + 1, v->next.version, err));
    set_finish(&v->dead);
    size_t kept = 0;
    for (size_t i = 0; i < v->dead.count; i++) {
        if (set_has(&v->live, v->dead.items[i]))
            continue;
        if (strncmp(strchr(v->dead.items[i], SEPARATOR) + 1, OURS, strlen(OURS)) != 0)
            v->foreign++;
        else
            v->dead.items[kept++] = v->dead.items[i];
    }
    v->dead.count = kept;
    return LH_OK;
}

/* ---- the objects that there are ---- */

static void look_at(struct vacuum *v, const char *bucket, const struct object_info *info) {
    const struct upkeep_services *s = &v->upkeep->services;
    const char *name = name_of(v, bucket, info->key);
    if (set_has(&v->live, name))
        return;
    bool dead = set_has(&v->dead, name);
    if (!dead && os_realtime_us(s->os) - info->mtime_us < s->config->maintenance.orphan_age_ms * 1000)
        return;
    if (v->victim_count == v->victim_room) {
        v->victim_room = v->victim_room ? v->victim_room * 2 : 64;
        v->victims = lh_realloc(v->victims, v->victim_room * sizeof *v->victims);
    }
    v->victims[v->victim_count++] = (struct victim){bucket, strchr(name, SEPARATOR) + 1, info->size_bytes, !dead};
    v->bytes += info->size_bytes;
    v->orphans += !dead;
    v->orphan_bytes += dead ? 0 : info->size_bytes;
}

static enum lh_code look_through(struct vacuum *v, const char *bucket_name, struct lh_err *err) {
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    char after[OBJECT_KEY_MAX + 1] = "";
    LH_TRY(buckets_resolve(v->upkeep->services.buckets, bucket_name, &bucket, err));
    for (bool more = true; more;) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct object_info *items;
        size_t count;
        LH_TRY(check(v, err));
        LH_TRY(object_list(bucket_store(bucket), OURS, after, LIST_PAGE, arena, &items, &count, &more, err));
        for (size_t i = 0; i < count; i++)
            look_at(v, bucket_name, &items[i]);
        if (count == 0)
            return LH_OK;
        memcpy(after, items[count - 1].key, sizeof after);
    }
    return LH_OK;
}

static enum lh_code plan(struct vacuum *v, int64_t retention_ms, struct lh_err *err) {
    struct bucket_info *buckets;
    size_t count;
    /* Others' commits too: what they name must not go. */
    LH_TRY(catalog_refresh(v->upkeep->services.catalog, err));
    LH_TRY(catalog_damage(v->upkeep->services.catalog, err));
    LH_TRY(find_horizon(v, retention_ms, err));
    LH_TRY(find_live(v, err));
    LH_TRY(find_dead(v, err));
    buckets_list(v->upkeep->services.buckets, v->arena, &buckets, &count);
    for (size_t i = 0; i < count; i++)
        if (buckets[i].reachable) /* what is in the others waits until they are */
            LH_TRY(look_through(v, buckets[i].name, err));
    return LH_OK;
}

/* ---- doing it ---- */

static enum lh_code remove_victims(struct vacuum *v, struct lh_err *err) {
    uint64_t bytes = 0;
    for (size_t i = 0; i < v->victim_count; i++) {
        LH_AUTO(bucket) struct bucket *bucket = NULL;
        LH_TRY(job_check(v->job, err));
        LH_TRY(LH_FAULT("vacuum.before_delete", err));
        LH_TRY(buckets_resolve(v->upkeep->services.buckets, v->victims[i].bucket, &bucket, err));
        if (object_delete(bucket_store(bucket), v->victims[i].key, err) != LH_OK) {
            if (err->code != LH_NOT_FOUND)
                return err->code;
            *err = (struct lh_err)LH_ERR_INIT;
        }
        bytes += v->victims[i].size_bytes;
        job_progress(v->job, bytes, v->bytes, "bytes");
    }
    return LH_OK;
}

static json_t *describe(const struct vacuum *v) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "horizon_version", (json_int_t)v->next.version, "files",
                     (json_int_t)v->victim_count, "bytes", (json_int_t)v->bytes, "orphans", (json_int_t)v->orphans,
                     "orphan_bytes", (json_int_t)v->orphan_bytes, "kept_foreign", (json_int_t)v->foreign);
}

enum lh_code upkeep_run_vacuum(struct job *job, void *ctx, struct lh_err *err) {
    struct upkeep *u = ctx;
    struct object_store *primary = buckets_primary(u->services.buckets);
    LH_CLEANUP(vacuum_release) struct vacuum v = {.upkeep = u, .job = job, .arena = arena_new()};
    LH_AUTO(json) json_t *input = job_input(job);
    int64_t retention_ms;
    LH_TRY(lh_json_get_int(input, "", "retention_ms", &retention_ms, err));
    LH_TRY(plan(&v, retention_ms, err));
    if (u->services.journal) /* the changes of commits until the plan's version are told, and may go */
        LH_TRY(journal_catch_up(u->services.journal, err));
    LH_TRY(LH_FAULT("vacuum.before_horizon", err));
    if (v.next.version > 0)
        LH_TRY(lake_horizon_write(primary, &v.next, err));
    LH_TRY(LH_FAULT("vacuum.after_horizon", err));
    LH_TRY(remove_victims(&v, err));
    LH_TRY(LH_FAULT("vacuum.after_delete", err));
    struct journal_compacted forgotten;
    if (u->services.journal) /* what was erased is gone from the journal too when the job says so */
        LH_TRY(journal_compact(u->services.journal, &forgotten, err));
    v.next.complete = true;
    if (v.next.version > 0)
        LH_TRY(lake_horizon_write(primary, &v.next, err));
    LH_AUTO(json) json_t *result = describe(&v);
    job_set_result(job, result);
    return LH_OK;
}

/* ---- for those who ask ---- */

static int64_t retention_or_default(const struct upkeep *u, int64_t retention_ms) {
    return retention_ms >= 0 ? retention_ms : u->services.config->maintenance.retention_ms;
}

enum lh_code upkeep_submit_vacuum(struct upkeep *u, int64_t retention_ms, const char *actor, char ret_id[LH_ULID_SIZE],
                                  bool *ret_joined, struct lh_err *err) {
    LH_AUTO(json) json_t *input = json_pack("{s:I}", "retention_ms", (json_int_t)retention_or_default(u, retention_ms));
    struct job_request request = {
        .kind = UPKEEP_VACUUM, .subject = UPKEEP_VACUUM_SUBJECT, .actor = actor, .input = input};
    return jobs_submit(u->services.jobs, &request, ret_id, ret_joined, err);
}

enum lh_code upkeep_dry_vacuum(struct upkeep *u, int64_t retention_ms, json_t **ret_answer, struct lh_err *err) {
    LH_CLEANUP(vacuum_release) struct vacuum v = {.upkeep = u, .arena = arena_new()};
    LH_TRY(plan(&v, retention_or_default(u, retention_ms), err));
    json_t *answer = describe(&v);
    json_t *items = json_array();
    for (size_t i = 0; i < v.victim_count && i < SHOWN_MAX; i++)
        json_array_append_new(items, json_pack("{s:s, s:s, s:I, s:b}", "bucket", v.victims[i].bucket, "key",
                                               v.victims[i].key, "size_bytes", (json_int_t)v.victims[i].size_bytes,
                                               "orphan", v.victims[i].orphan));
    json_object_set_new(answer, "items", items);
    json_object_set_new(answer, "truncated", json_boolean(v.victim_count > SHOWN_MAX));
    *ret_answer = answer;
    return LH_OK;
}

enum lh_code upkeep_vacuum_is_due(struct upkeep *u, bool *ret_due, struct lh_err *err) {
    LH_CLEANUP(vacuum_release) struct vacuum v = {.upkeep = u, .arena = arena_new()};
    LH_TRY(plan(&v, u->services.config->maintenance.retention_ms, err));
    *ret_due = v.victim_count > 0;
    return LH_OK;
}
