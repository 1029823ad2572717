#include "index/index_internal.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "catalog/catalog.h"
#include "catalog/manifest.h"
#include "index/tuning.h"
#include "jobs/jobs.h"
#include "os/clock.h"
#include "store/buckets.h"
#include "store/object_store.h"
#include "vector/flat.h"
#include "vector/hnsw.h"

#include <string.h>
#include <time.h>

#define WATCH_MS 500

struct object_store *service_store(struct index_service *s) {
    return buckets_primary(s->options.buckets);
}

enum lh_code service_bucket(struct index_service *s, const char *bucket, struct bucket **ret_bucket,
                            struct lh_err *err) {
    return buckets_resolve(s->options.buckets, bucket, ret_bucket, err);
}

static void drop_bucket(void *bucket) {
    bucket_unref(bucket);
}

enum lh_code index_places_open(struct index_service *s, const char *own, struct index_places *ret_places,
                               struct lh_err *err) {
    struct bucket *bucket;
    struct bucket_info *infos;
    size_t count;
    LH_TRY(service_bucket(s, own, &bucket, err));
    struct arena *arena = arena_new();
    arena_defer(arena, drop_bucket, bucket);
    buckets_list(s->options.buckets, arena, &infos, &count);
    struct object_store **stores = arena_alloc(arena, (count + 1) * sizeof *stores);
    size_t found = 0;
    stores[found++] = bucket_store(bucket);
    for (size_t i = 0; i < count; i++) {
        struct lh_err unreachable = LH_ERR_INIT;
        struct bucket *other;
        if (strcmp(infos[i].name, bucket_name(bucket)) == 0 ||
            service_bucket(s, infos[i].name, &other, &unreachable) != LH_OK)
            continue;
        arena_defer(arena, drop_bucket, other);
        stores[found++] = bucket_store(other);
    }
    *ret_places = (struct index_places){.at = {stores, found}, .arena = arena};
    return LH_OK;
}

/* ---- generations in use ---- */

/* Under the lock. */
static struct index_entry *find_entry(struct index_service *s, const char *name) {
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->entries[i].name, name) == 0)
            return &s->entries[i];
    return NULL;
}

/* Takes over `g`; an older one than what is there is dropped. */
static void install(struct index_service *s, struct generation *g) {
    pthread_mutex_lock(&s->lock);
    struct index_entry *entry = find_entry(s, g->record.name);
    if (!entry) {
        s->entries = lh_realloc(s->entries, (s->count + 1) * sizeof *s->entries);
        entry = &s->entries[s->count++];
        *entry = (struct index_entry){.name = lh_strdup(g->record.name)};
    }
    if (!entry->generation || entry->generation->record.number <= g->record.number) {
        struct generation *old = entry->generation;
        entry->generation = g;
        g = old;
    }
    pthread_mutex_unlock(&s->lock);
    generation_unref(g);
}

void service_forget(struct index_service *s, const char *name) {
    struct generation *old = NULL;
    pthread_mutex_lock(&s->lock);
    struct index_entry *entry = find_entry(s, name);
    if (entry) {
        old = entry->generation;
        lh_free(entry->name);
        *entry = s->entries[--s->count];
    }
    pthread_mutex_unlock(&s->lock);
    generation_unref(old);
}

static struct generation *current(struct index_service *s, const char *name) {
    pthread_mutex_lock(&s->lock);
    struct index_entry *entry = find_entry(s, name);
    struct generation *g = entry ? generation_ref(entry->generation) : NULL;
    pthread_mutex_unlock(&s->lock);
    return g;
}

static bool is_overtaken(struct index_service *s, const struct index_record *record) {
    LH_AUTO(generation) struct generation *g = current(s, record->name);
    return g && g->record.number > record->number;
}

/* Where vectors and records are damaged or gone, those of the Parquet file take their place; what is searched is then written anew. */
static enum lh_code open_generation(struct index_service *s, struct object_store *store, struct index_record *record,
                                    struct generation **ret_generation, struct lh_err *err) {
    enum lh_code code = generation_open(s->options.os, store, record, ret_generation, err);
    if ((code != LH_CORRUPT && code != LH_NOT_FOUND) || is_overtaken(s, record))
        return code;
    struct lh_err damage = *err, second = LH_ERR_INIT;
    if (index_restore_chunks(s, record, store, &second) != LH_OK ||
        generation_open(s->options.os, store, record, ret_generation, &second) != LH_OK) {
        if (s->options.notice)
            s->options.notice(s->options.notice_ctx, second.code, second.message);
        *err = damage;
        return lh_err_hint(err, "DELETE the index and make it again: its documents are in the dataset");
    }
    (*ret_generation)->damage = damage;
    lh_ignore(lh_err_context(&(*ret_generation)->damage, "the chunks of the index \"%s\" were made again from Parquet",
                             (*ret_generation)->record.name));
    return LH_OK;
}

enum lh_code service_switch(struct index_service *s, struct index_record *record, struct lh_err *err) {
    struct generation *g;
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    if (is_overtaken(s, record))
        return LH_OK;
    LH_TRY(service_bucket(s, record->data_bucket, &bucket, err));
    enum lh_code code = open_generation(s, bucket_store(bucket), record, &g, err);
    if (code != LH_OK)
        return is_overtaken(s, record) ? LH_OK : code; /* by one that removed what this one needs */
    if (g->damage.code != LH_OK && s->options.notice)
        s->options.notice(s->options.notice_ctx, g->damage.code, g->damage.message);
    install(s, g);
    return LH_OK;
}

static enum lh_code not_found(struct index_service *s, const char *name, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *items = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    json_t *item;
    size_t i;
    lh_ignore(lh_fail(err, LH_NOT_FOUND, "there is no index \"%.80s\"", name));
    if (index_list(s, NULL, NULL, false, &items, &ignored) != LH_OK || json_array_size(items) == 0)
        return lh_err_hint(err, "POST /vectors/index makes one");
    const char *names = "";
    json_array_foreach(items, i, item) if (i < 10) names =
        arena_printf(arena, "%s%s%s", names, i ? ", " : "", json_string_value(json_object_get(item, "name")));
    return lh_err_hint(err, "there are: %s", names);
}

enum lh_code index_open_generation(struct index_service *s, const char *name, struct generation **ret_generation,
                                   struct lh_err *err) {
    LH_AUTO(index_record) struct index_record record = {0};
    struct generation *g = current(s, name);
    pthread_mutex_lock(&s->lock);
    *(g ? &s->found : &s->opened) += 1;
    pthread_mutex_unlock(&s->lock);
    if (!g) {
        if (index_name_check(name, err) != LH_OK)
            return not_found(s, name, err);
        enum lh_code code = index_record_load(service_store(s), name, &record, err);
        if (code == LH_NOT_FOUND)
            return not_found(s, name, err);
        LH_TRY(code);
        LH_TRY(service_switch(s, &record, err));
        g = current(s, name);
        if (!g)
            return not_found(s, name, err);
    }
    *ret_generation = g;
    return LH_OK;
}

/* ---- what is held ---- */

static json_t *describe_open(const struct generation *g) {
    uint64_t code_bytes = 0, row_bytes = 0, filters = 0;
    for (size_t i = 0; i < g->segment_count; i++) {
        const struct segment *segment = &g->segments[i];
        const struct vec_rows *rows = chunk_file_rows(segment->chunks);
        struct vec_hnsw_stats stats;
        if (segment->graph) {
            vec_hnsw_stats(segment->graph, &stats);
            code_bytes += stats.graph_bytes;
        } else {
            code_bytes += vec_flat_bytes(segment->flat);
        }
        row_bytes += rows->n * rows->d * sizeof *rows->data;
    }
    for (size_t i = 0; i < GENERATION_FILTERS; i++)
        filters += g->filters[i].text != NULL;
    return json_pack("{s:s, s:s?, s:i, s:I, s:I, s:I, s:I, s:I}", "index", g->record.name, "generation",
                     g->record.generation, "segments", (int)g->segment_count, "rows", (json_int_t)g->record.rows,
                     "live", (json_int_t)g->record.live, "code_bytes", (json_int_t)code_bytes, "mapped_row_bytes",
                     (json_int_t)row_bytes, "filters", (json_int_t)filters);
}

json_t *index_cache_stats(struct index_service *s) {
    json_t *items = json_array(), *item;
    json_int_t code_bytes = 0;
    size_t i;
    pthread_mutex_lock(&s->lock);
    for (i = 0; i < s->count; i++) {
        struct generation *g = s->entries[i].generation;
        pthread_mutex_lock(&g->filter_lock);
        json_array_append_new(items, describe_open(g));
        pthread_mutex_unlock(&g->filter_lock);
    }
    uint64_t opened = s->opened, found = s->found;
    pthread_mutex_unlock(&s->lock);
    json_array_foreach(items, i, item) code_bytes += json_integer_value(json_object_get(item, "code_bytes"));
    return json_pack("{s:I, s:I, s:I, s:o}", "hits", (json_int_t)found, "misses", (json_int_t)opened, "code_bytes",
                     code_bytes, "items", items);
}

/* ---- upkeep ---- */

/* What other servers changed. */
static void follow(struct index_service *s, const char *name, uint64_t number) {
    LH_AUTO(index_record) struct index_record record = {0};
    struct lh_err err = LH_ERR_INIT;
    uint64_t newest;
    bool taken;
    if (index_record_number(service_store(s), name, &newest, &taken, &err) != LH_OK || newest == number)
        return;
    if (!taken)
        service_forget(s, name);
    else if (index_record_load(service_store(s), name, &record, &err) == LH_OK)
        lh_ignore(service_switch(s, &record, &err));
}

static bool is_due(struct index_service *s, const struct index_record *r) {
    struct catalog_snapshot *snapshot = catalog_snapshot(s->options.catalog);
    const struct manifest *m = catalog_snapshot_find(snapshot, r->dataset);
    int64_t built_us = 0;
    const char *at = json_string_value(json_object_get(json_object_get(r->json, "generation"), "created_at"));
    bool stale = m && r->generation && m->version != r->source_version;
    catalog_snapshot_unref(snapshot);
    if (!stale || r->policy == POLICY_MANUAL)
        return false;
    if (r->policy == POLICY_ON_APPEND)
        return true;
    return !at || !lh_time_parse(at, strlen(at), &built_us) ||
           os_realtime_us(s->options.os) - built_us >= r->every_ms * 1000;
}

/* Its last job goes on, or failed a moment ago. */
static bool rests(struct index_service *s, const char *name) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    const struct jobs_filter filter = {.kind = INDEX_JOB, .subject = name, .state = -1, .limit = 1};
    struct job_info *infos;
    size_t count;
    bool more;
    jobs_list(s->options.jobs, &filter, arena, &infos, &count, &more);
    return count > 0 && infos[0].state != JOB_DONE &&
           (job_state_is_active(infos[0].state) ||
            os_realtime_us(s->options.os) - infos[0].ended_us < s->options.retry_after_ms * 1000);
}

static void look_after(struct index_service *s, const char *name) {
    struct generation *g = current(s, name);
    struct lh_err err = LH_ERR_INIT;
    char id[LH_ULID_SIZE];
    bool joined;
    if (!g)
        return;
    bool damaged = g->damage.code != LH_OK, pending = generation_is_pending(g);
    enum build_kind kind = damaged ? BUILD_REBUILD : pending ? BUILD_RECODE : BUILD_REFRESH;
    if ((damaged || pending || is_due(s, &g->record)) && !rests(s, name) &&
        service_submit(s, name, kind, "lakehouse", id, &joined, &err) != LH_OK && s->options.notice)
        s->options.notice(s->options.notice_ctx, err.code, err.message);
    agent_look(s, g, false);
    uint64_t number = g->record.number;
    generation_unref(g);
    follow(s, name, number);
}

static void look_after_all(struct index_service *s) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    pthread_mutex_lock(&s->lock);
    size_t count = s->count;
    const char **names = arena_alloc(arena, (count + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = arena_strdup(arena, s->entries[i].name);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < count && s->options.agent.enabled; i++) {
        LH_AUTO(generation) struct generation *g = current(s, names[i]);
        if (g)
            agent_look(s, g, true);
    }
    for (size_t i = 0; i < count; i++)
        look_after(s, names[i]);
}

/* Every index is opened once, so that policies hold for those that nobody searches too. */
static void open_known(struct index_service *s) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct lh_err err = LH_ERR_INIT;
    const char **names;
    size_t count;
    if (index_record_names(service_store(s), arena, &names, &count, &err) != LH_OK)
        return;
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(index_record) struct index_record record = {0};
        if (index_record_load(service_store(s), names[i], &record, &err) == LH_OK &&
            service_switch(s, &record, &err) != LH_OK && s->options.notice)
            s->options.notice(s->options.notice_ctx, err.code, err.message);
    }
}

static void watch(void *service) {
    struct index_service *s = service;
    open_known(s);
    for (;;) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)WATCH_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_lock(&s->lock);
        while (!s->stopping && pthread_cond_timedwait(&s->wake, &s->lock, &until) == 0)
            ;
        bool stop = s->stopping;
        pthread_mutex_unlock(&s->lock);
        if (stop)
            return;
        look_after_all(s);
    }
}

/* ---- life ---- */

enum lh_code index_service_open(const struct index_options *options, struct index_service **ret_service,
                                struct lh_err *err) {
    struct index_service *s = lh_calloc(1, sizeof *s);
    const struct job_kind kind = {.name = INDEX_JOB, .run = index_build_run, .ctx = s};
    const struct job_kind tune = {.name = INDEX_TUNE_JOB, .run = index_tune_run, .ctx = s, .max_running = 1};
    s->options = *options;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->wake, NULL);
    lh_ulid_source_init(&s->ulids);
    jobs_register(options->jobs, &kind);
    jobs_register(options->jobs, &tune);
    if (options->upkeep && os_thread_start(&s->watch, "lh-index", 0, watch, s, err) != LH_OK) {
        index_service_close(s);
        return err->code;
    }
    *ret_service = s;
    return LH_OK;
}

void index_service_close(struct index_service *s) {
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->wake);
    pthread_mutex_unlock(&s->lock);
    os_thread_join(&s->watch);
    for (size_t i = 0; i < s->count; i++) {
        generation_unref(s->entries[i].generation);
        lh_free(s->entries[i].name);
    }
    lh_free(s->entries);
    lh_ulid_source_deinit(&s->ulids);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    lh_free(s);
}

static bool is_to_end(void *job) {
    struct lh_err ignored = LH_ERR_INIT;
    return job_check(job, &ignored) != LH_OK;
}

struct vec_cancel index_job_cancel(struct job *job) {
    return (struct vec_cancel){.asked = is_to_end, .ctx = job};
}

enum lh_code service_submit(struct index_service *s, const char *name, enum build_kind kind, const char *actor,
                            char ret_id[LH_ULID_SIZE], bool *ret_joined, struct lh_err *err) {
    LH_AUTO(json) json_t *input =
        kind == BUILD_RECODE ? json_pack("{s:b}", "recode", 1) : json_pack("{s:b}", "rebuild", kind == BUILD_REBUILD);
    const struct job_request request = {.kind = INDEX_JOB, .subject = name, .actor = actor, .input = input};
    return jobs_submit(s->options.jobs, &request, ret_id, ret_joined, err);
}
