#include "lakehouse/lakehouse.h"

#include "ai/ai.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "base/log.h"
#include "catalog/catalog.h"
#include "catalog/checkpoint.h"
#include "engine/engine.h"
#include "hot/hot.h"
#include "index/index.h"
#include "index/profiles.h"
#include "ingest/ingest.h"
#include "jobs/jobs.h"
#include "journal/journal.h"
#include "lake/catalog_events.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/ids.h"
#include "os/lockfile.h"
#include "policy/keys.h"
#include "store/buckets.h"
#include "store/error_journal.h"
#include "system/query_log.h"
#include "system/system.h"
#include "upkeep/upkeep.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYSTEM_DIR "system" /* below tmp/ */
#define CACHE_DIR "cache"
#define QUERIES_KEPT ((size_t)1000) /* statements that have ended */

/* What the services need from each other and nobody else sees. */
struct opened {
    struct lakehouse services; /* first: a struct lakehouse * is a struct opened * */
    struct checkpoint_engine checkpoint_engine;
    struct checkpoint_codec checkpoint_codec;
    struct catalog_events catalog_events;
};

static inline void lakehouse_auto_release(struct lakehouse **lh) {
    lakehouse_close(*lh);
}

/* ---- the folder ---- */

/* The absolute path of the data folder, made where it is missing and allowed to. */
static enum lh_code open_folder(struct lakehouse *lh, const struct lakehouse_options *o, struct lh_err *err) {
    struct os_stat stat;
    enum lh_code code = os_stat_at(o->os, AT_FDCWD, o->data_dir, &stat, err);
    if (code == LH_NOT_FOUND && o->must_exist) {
        lh_fail(err, LH_NOT_FOUND, "there is no data folder \"%s\"", o->data_dir);
        return lh_err_hint(err,
                           "'lakehouse demo --data %s' makes one with example data; 'lakehouse ingest FILE --data %s' "
                           "one with yours",
                           o->data_dir, o->data_dir);
    }
    if (code == LH_NOT_FOUND)
        code = os_mkdir_all(o->os, AT_FDCWD, o->data_dir, 0700, err);
    LH_TRY(code);
    LH_AUTO(mem) char *path = realpath(o->data_dir, NULL); /* libc's own malloc: lh_free is its free */
    if (!path)
        return lh_fail(err, LH_IO, "cannot find the path of \"%s\"", o->data_dir);
    lh->data_dir = lh_strdup(path);
    lh->tmp_dir = lh_asprintf("%s/tmp", lh->data_dir);
    return LH_OK;
}

static enum lh_code take_folder(struct lakehouse *lh, const struct lakehouse_options *o, struct lh_err *err) {
    LH_AUTO(mem) char *lock = lh_asprintf("%s/lock", lh->data_dir);
    LH_AUTO(mem) char *wal = lh_asprintf("%s/wal", lh->data_dir);
    LH_AUTO(mem) char *what = lh_asprintf("the data folder \"%s\"", lh->data_dir);
    if (os_lockfile_take(o->os, AT_FDCWD, lock, what, o->command, &lh->lock, err) != LH_OK)
        return err->code == LH_LOCKED
                   ? lh_err_hint(err, "talk to that server (--server URL), or stop it")
                   : lh_err_hint(err,
                                 "the folder must be writable, if only for the lock and scratch files; of a read-only "
                                 "one or a snapshot, use a copy, or mount an overlay over it");
    LH_TRY(os_remove_all(o->os, AT_FDCWD, lh->tmp_dir, err));
    LH_TRY(os_mkdir_all(o->os, AT_FDCWD, lh->tmp_dir, 0700, err));
    return os_mkdir_all(o->os, AT_FDCWD, wal, 0700, err);
}

/* ---- the services, in the order in which they need each other ---- */

/* A folder of the configuration, which may be relative to where the program runs; in the arena. */
static const char *absolute(struct arena *arena, const char *path) {
    char here[4096];
    return path[0] == '/' || !getcwd(here, sizeof here) ? path : arena_printf(arena, "%s/%s", here, path);
}

static enum lh_code open_buckets(struct lakehouse *lh, struct lh_err *err) {
    const struct lh_config *config = lh->config;
    LH_AUTO(arena) struct arena *arena = arena_new();
    const char *root = config->storage.root;
    const char *primary = root && root[0] ? absolute(arena, root) : arena_printf(arena, "%s/objects", lh->data_dir);
    struct bucket_spec *specs = arena_alloc(arena, (config->bucket_count + 1) * sizeof *specs);
    for (size_t i = 0; i < config->bucket_count; i++)
        specs[i] = (struct bucket_spec){config->buckets[i].name, "local", absolute(arena, config->buckets[i].root)};
    struct buckets_options options = {
        .os = lh->os, .specs = specs, .spec_count = config->bucket_count, .primary_root = primary};
    return buckets_open(&options, &lh->buckets, err);
}

static enum lh_code open_errors(struct lakehouse *lh, struct lh_err *err) {
    LH_AUTO(mem) char *wal = lh_asprintf("%s/wal", lh->data_dir);
    struct append_log_damage damage = {0};
    LH_TRY(error_journal_open(lh->os, buckets_primary(lh->buckets), wal, lh->config->errors.batch_interval_ms,
                              &lh->errors, &damage, err));
    return LH_OK;
}

/* What workers may read: the folders of all buckets that could be opened (one that takes no writes any more is still read), and where the rows of system tables are. */
static size_t read_roots(struct lakehouse *lh, struct arena *arena, const char ***ret_roots) {
    struct bucket_info *infos;
    size_t count, kept = 0;
    buckets_list(lh->buckets, arena, &infos, &count);
    const char **roots = arena_alloc(arena, (count + 3) * sizeof *roots);
    roots[kept++] = arena_printf(arena, "%s/" SYSTEM_DIR, lh->tmp_dir);
    roots[kept++] = arena_printf(arena, "%s/" CACHE_DIR, lh->data_dir);
    for (size_t i = 0; i < count; i++)
        if (infos[i].opened)
            roots[kept++] = infos[i].root;
    *ret_roots = roots;
    return kept;
}

/* A bucket came or went: let the workers read exactly the folders of the buckets that there are now. */
static void on_buckets_changed(void *lakehouse) {
    struct lakehouse *lh = lakehouse;
    LH_AUTO(arena) struct arena *arena = arena_new();
    const char **roots;
    size_t count = read_roots(lh, arena, &roots);
    engine_set_read_roots(lh->engine, roots, count);
}

static enum lh_code open_engine(struct lakehouse *lh, struct lh_err *err) {
    const struct lh_config *config = lh->config;
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(mem) char *scratch = lh_asprintf("%s/engine", lh->tmp_dir);
    struct engine_config e;
    const char **roots;
    engine_config_default(&e);
    LH_AUTO(mem) char *system_dir = lh_asprintf("%s/" SYSTEM_DIR, lh->tmp_dir);
    LH_TRY(os_mkdir_all(lh->os, AT_FDCWD, scratch, 0700, err));
    LH_TRY(os_mkdir_all(lh->os, AT_FDCWD, system_dir, 0700, err));
    LH_AUTO(mem) char *cache = lh_asprintf("%s/" CACHE_DIR, lh->data_dir);
    LH_TRY(os_mkdir_all(lh->os, AT_FDCWD, cache, 0700, err));
    e.scratch_dir = scratch;
    e.read_root_count = read_roots(lh, arena, &roots);
    e.read_roots = roots;
    e.workers = (unsigned)config->query.workers;
    e.fresh_workers = (unsigned)config->ingest.workers;
    e.queue_length = (unsigned)config->query.queue;
    e.queue_wait_ms = config->query.queue_timeout_ms;
    e.worker_requests = (unsigned)config->query.requests_per_worker;
    e.cancel_grace_ms = config->query.cancel_grace_ms;
    e.threads = (unsigned)config->query.threads;
    e.memory_bytes = config->query.memory_bytes;
    e.address_space_bytes = config->query.address_space_bytes;
    e.worker_idle_ms = config->query.worker_idle_ms;
    e.task_memory_bytes = config->ingest.memory_bytes;
    e.task_address_space_bytes = config->ingest.address_space_bytes;
    e.spill_bytes = config->query.spill_bytes;
    LH_TRY(engine_open(lh->os, &e, lh->log, lh->metrics, &lh->engine, err));
    buckets_watch(lh->buckets, on_buckets_changed, lh);
    return LH_OK;
}

/* What the catalog noticed goes to the log: nobody's request is at fault. */
static void on_catalog_notice(void *log, enum lh_code code, const char *text) {
    lh_log_event(log, LH_LOG_WARN, "catalog", LOG_STR("code", lh_code_name(code)), LOG_STR("message", text));
}

static enum lh_code open_catalog(struct lakehouse *lh, struct lh_err *err) {
    struct opened *o = (struct opened *)lh;
    o->checkpoint_engine = (struct checkpoint_engine){.os = lh->os, .engine = lh->engine, .tmp_dir = lh->tmp_dir};
    o->checkpoint_codec = checkpoint_engine_codec(&o->checkpoint_engine);
    struct catalog_options options = {
        .os = lh->os,
        .store = buckets_primary(lh->buckets),
        .codec = &o->checkpoint_codec,
        .checkpoint_every = (uint64_t)lh->config->catalog.checkpoint_every,
        .poll_interval_ms = lh->config->catalog.poll_interval_ms,
        .max_retries = (unsigned)lh->config->catalog.max_retries,
        .notice = on_catalog_notice,
        .notice_ctx = lh->log,
        .metrics = lh->metrics,
    };
    return catalog_open(&options, &lh->catalog, err);
}

static void on_journal_notice(void *log, enum lh_code code, const char *text) {
    lh_log_event(log, LH_LOG_WARN, "journal", LOG_STR("code", lh_code_name(code)), LOG_STR("message", text));
}

static enum lh_code open_journal(struct lakehouse *lh, bool upkeep, struct lh_err *err) {
    LH_AUTO(mem) char *wal = lh_asprintf("%s/wal", lh->data_dir);
    struct journal_options options = {
        .os = lh->os,
        .store = buckets_primary(lh->buckets),
        .engine = lh->engine,
        .wal_dir = wal,
        .tmp_dir = lh->tmp_dir,
        .flush_interval_ms = upkeep ? lh->config->journal.flush_interval_ms : 0,
        .tier_files = (size_t)lh->config->journal.merge_files,
        .notice = on_journal_notice,
        .notice_ctx = lh->log,
    };
    return journal_open(&options, &lh->journal, err);
}

/* From here on every commit is an event. */
static void feed_journal(struct lakehouse *lh) {
    struct opened *o = (struct opened *)lh;
    o->catalog_events = (struct catalog_events){.catalog = lh->catalog,
                                                .store = buckets_primary(lh->buckets),
                                                .journal = lh->journal,
                                                .buckets = lh->buckets,
                                                .engine = lh->engine};
    journal_set_feed(lh->journal, catalog_events_feed, &o->catalog_events);
}

static enum lh_code open_ingest(struct lakehouse *lh, struct lh_err *err) {
    struct ingest_services services = {
        .os = lh->os,
        .config = lh->config,
        .buckets = lh->buckets,
        .catalog = lh->catalog,
        .engine = lh->engine,
        .tmp_dir = lh->tmp_dir,
    };
    return ingest_new(&services, &lh->ingest, err);
}

/* ---- jobs ---- */

#define IDENTITY_MAX_BYTES ((size_t)64)

/* Made at the first opening; a copy of the folder that is to work beside it must drop the file. */
static enum lh_code read_identity(struct lakehouse *lh, char ret_id[LH_ULID_SIZE], struct lh_err *err) {
    LH_AUTO(mem) char *path = lh_asprintf("%s/identity", lh->data_dir);
    LH_AUTO(buf) struct buf text = BUF_INIT;
    enum lh_code code = os_read_file(lh->os, AT_FDCWD, path, IDENTITY_MAX_BYTES, &text, err);
    if (code == LH_NOT_FOUND) {
        os_ulid_loose(lh->os, ret_id);
        return os_write_file_atomic(lh->os, AT_FDCWD, path, ret_id, LH_ULID_SIZE - 1, 0600, err);
    }
    LH_TRY(code);
    if (!lh_ulid_valid(buf_cstr(&text), text.len)) {
        lh_ignore(lh_fail(err, LH_CORRUPT, "\"%s\" does not hold the folder's id", path));
        return lh_err_hint(err,
                           "remove the file: a new id is made, and unfinished jobs of the old one are not resumed");
    }
    memcpy(ret_id, text.data, LH_ULID_SIZE);
    return LH_OK;
}

static void on_jobs_notice(void *log, enum lh_code code, const char *text) {
    lh_log_event(log, LH_LOG_WARN, "jobs", LOG_STR("code", lh_code_name(code)), LOG_STR("message", text));
}

static enum lh_code open_jobs(struct lakehouse *lh, const struct lakehouse_options *o, struct lh_err *err) {
    char owner[LH_ULID_SIZE];
    LH_TRY(read_identity(lh, owner, err));
    struct jobs_options options = {
        .os = lh->os,
        .store = buckets_primary(lh->buckets),
        .owner = owner,
        .threads = (unsigned)lh->config->jobs.threads,
        .history = (size_t)lh->config->jobs.history,
        .resume = !o->no_upkeep && !o->passing,
        .notice = on_jobs_notice,
        .notice_ctx = lh->log,
    };
    return jobs_open(&options, &lh->jobs, err);
}

static void on_upkeep_notice(void *log, enum lh_code code, const char *text) {
    lh_log_event(log, LH_LOG_WARN, "maintenance", LOG_STR("code", lh_code_name(code)), LOG_STR("message", text));
}

/* Every kind of job, and then the jobs. */
static enum lh_code start_jobs(struct lakehouse *lh, const struct lakehouse_options *o, struct lh_err *err) {
    const struct upkeep_services services = {
        .os = lh->os,
        .config = lh->config,
        .buckets = lh->buckets,
        .catalog = lh->catalog,
        .engine = lh->engine,
        .journal = lh->journal,
        .jobs = lh->jobs,
        .tmp_dir = lh->tmp_dir,
        .notice = on_upkeep_notice,
        .notice_ctx = lh->log,
    };
    lh->upkeep = upkeep_new(&services);
    if (o->no_upkeep)
        return LH_OK;
    LH_TRY(jobs_start(lh->jobs, err));
    return o->passing ? LH_OK : upkeep_start(lh->upkeep, err);
}

/* ---- indexes ---- */

static void on_index_notice(void *log, enum lh_code code, const char *text) {
    lh_log_event(log, LH_LOG_WARN, "index", LOG_STR("code", lh_code_name(code)), LOG_STR("message", text));
}

static enum lh_code open_indexes(struct lakehouse *lh, const struct lakehouse_options *o, struct lh_err *err) {
    const struct index_options options = {
        .os = lh->os,
        .buckets = lh->buckets,
        .catalog = lh->catalog,
        .engine = lh->engine,
        .jobs = lh->jobs,
        .tmp_dir = lh->tmp_dir,
        .ai = lh->ai,
        .metrics = lh->metrics,
        .agent = {.enabled = lh->config->agent.enabled,
                  .cooldown_ms = lh->config->agent.cooldown_ms,
                  .max_trials_per_hour = (unsigned)lh->config->agent.max_trials_per_hour},
        .upkeep = !o->no_upkeep && !o->passing,
        .retry_after_ms = lh->config->maintenance.retry_after_ms,
        .notice = on_index_notice,
        .notice_ctx = lh->log,
    };
    LH_TRY(index_service_open(&options, &lh->indexes, err));
    LH_AUTO(mem) char *bucket_root = lh_asprintf("%s/buckets", lh->data_dir);
    lh->profiles = profiles_new(&(struct profiles_options){.os = lh->os,
                                                           .buckets = lh->buckets,
                                                           .catalog = lh->catalog,
                                                           .ai = lh->ai,
                                                           .indexes = lh->indexes,
                                                           .bucket_root = bucket_root});
    return LH_OK;
}

static enum lh_code open_ai(struct lakehouse *lh, struct lh_err *err) {
    const struct ai_options options = {
        .os = lh->os,
        .config = lh->config,
        .metrics = lh->metrics,
        .ollama_host = getenv("OLLAMA_HOST"),
        .openai_key = getenv("OPENAI_API_KEY"),
    };
    return ai_open(&options, &lh->ai, err);
}

static void on_hot_notice(void *log, enum lh_code code, const char *text) {
    lh_log_event(log, LH_LOG_WARN, "hot_cache", LOG_STR("code", lh_code_name(code)), LOG_STR("message", text));
}

static enum lh_code open_hot(struct lakehouse *lh, bool passive, struct lh_err *err) {
    const struct lh_config_cache *config = &lh->config->cache;
    LH_AUTO(mem) char *dir = lh_asprintf("%s/" CACHE_DIR, lh->data_dir);
    struct hot_options options = {
        .os = lh->os,
        .engine = lh->engine,
        .catalog = lh->catalog,
        .buckets = lh->buckets,
        .dir = dir,
        .max_bytes = config->hot_bytes,
        .debounce_ms = config->debounce_ms,
        .admit_reads = (unsigned)config->admit_reads,
        .admit_window_ms = config->admit_window_ms,
        .admit_max_bytes = config->admit_max_bytes,
        .passive = passive,
        .notice = on_hot_notice,
        .notice_ctx = lh->log,
    };
    return hot_open(&options, &lh->hot, err);
}

static void open_system(struct lakehouse *lh) {
    LH_AUTO(mem) char *dir = lh_asprintf("%s/" SYSTEM_DIR, lh->tmp_dir);
    lh->queries = query_log_new(lh->os, QUERIES_KEPT);
    struct system_services services = {
        .os = lh->os,
        .journal = lh->journal,
        .errors = lh->errors,
        .jobs = lh->jobs,
        .queries = lh->queries,
        .dir = dir,
    };
    lh->system = system_new(&services);
}

enum lh_code lakehouse_open(const struct lakehouse_options *options, struct lakehouse **ret_lakehouse,
                            struct lh_err *err) {
    LH_AUTO(lakehouse) struct lakehouse *lh = &((struct opened *)lh_calloc(1, sizeof(struct opened)))->services;
    lh->os = options->os;
    lh->config = options->config;
    lh->log = options->log;
    lh->metrics = options->metrics;
    lh->tracer = options->tracer;
    lh->started_ns = os_monotonic_ns(options->os);
    LH_TRY(open_folder(lh, options, err));
    LH_TRY(take_folder(lh, options, err));
    LH_TRY(open_buckets(lh, err));
    LH_TRY(open_errors(lh, err));
    LH_TRY(open_engine(lh, err));
    LH_TRY(open_journal(lh, !options->no_upkeep, err));
    LH_TRY(open_catalog(lh, err));
    feed_journal(lh);
    LH_TRY(open_ingest(lh, err));
    LH_TRY(keys_open(lh->os, buckets_primary(lh->buckets), (unsigned)lh->config->auth.failures_per_minute, &lh->keys,
                     err));
    LH_TRY(open_jobs(lh, options, err));
    LH_TRY(open_hot(lh, options->no_upkeep || options->passing, err));
    open_system(lh);
    LH_TRY(open_ai(lh, err));
    LH_TRY(open_indexes(lh, options, err));
    LH_TRY(start_jobs(lh, options, err));
    *ret_lakehouse = LH_STEAL(lh);
    return LH_OK;
}

void lakehouse_close(struct lakehouse *lh) {
    if (!lh)
        return;
    hot_close(lh->hot);
    system_free(lh->system);
    query_log_free(lh->queries);
    if (lh->jobs)
        jobs_stop(lh->jobs);
    upkeep_free(lh->upkeep);
    profiles_free(lh->profiles);
    index_service_close(lh->indexes);
    jobs_close(lh->jobs);
    keys_close(lh->keys);
    ai_close(lh->ai);
    ingest_free(lh->ingest);
    if (lh->journal)
        journal_set_feed(lh->journal, NULL, NULL);
    catalog_close(lh->catalog);
    journal_close(lh->journal);
    if (lh->buckets)
        buckets_watch(lh->buckets, NULL, NULL);
    engine_close(lh->engine);
    error_journal_close(lh->errors);
    buckets_close(lh->buckets);
    os_lockfile_release(lh->lock);
    lh_free(lh->tmp_dir);
    lh_free(lh->data_dir);
    lh_free(lh);
}
