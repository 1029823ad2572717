#include "engine/engine.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "engine/pool.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/process.h"
#include "os/sandbox.h"

#include <string.h>

#define MIB (UINT64_C(1) << 20)

void engine_config_default(struct engine_config *ret_config) {
    *ret_config = (struct engine_config){
        .workers = 2,
        .fresh_workers = 2,
        .queue_length = 64,
        .queue_wait_ms = 10000,
        .worker_requests = 1000,
        .worker_idle_ms = 300000,
        .cancel_grace_ms = 500,
        .start_timeout_ms = 10000,
        .threads = 0,
        .memory_bytes = 1024 * MIB,
        .address_space_bytes = 8192 * MIB,
        .task_memory_bytes = 384 * MIB,
        .task_address_space_bytes = 6144 * MIB,
        .spill_bytes = 10240 * MIB,
        .task_cpu_seconds = 1800,
    };
}

const char *engine_format_name(enum engine_format format) {
    switch (format) {
#define ENGINE_FORMAT_NAME(name, text) \
    case ENGINE_##name: return text;
        ENGINE_FORMATS(ENGINE_FORMAT_NAME)
#undef ENGINE_FORMAT_NAME
    }
    return "unknown";
}

bool engine_format_parse(const char *name, enum engine_format *ret_format) {
#define ENGINE_FORMAT_PARSE(format, text) \
    if (strcmp(name, text) == 0) {        \
        *ret_format = ENGINE_##format;    \
        return true;                      \
    }
    ENGINE_FORMATS(ENGINE_FORMAT_PARSE)
#undef ENGINE_FORMAT_PARSE
    return false;
}

static void copy_config(struct engine *e, const struct engine_config *config) {
    e->config = *config;
    e->config.scratch_dir = arena_strdup(e->memory, config->scratch_dir);
    e->config.executable = NULL; /* the host's link keeps it */
    e->config.read_roots = NULL; /* pool_set_roots keeps them */
    if (e->config.threads == 0)
        e->config.threads = os_cpu_count();
    if (e->config.workers == 0)
        e->config.workers = 1;
    if (e->config.fresh_workers == 0)
        e->config.fresh_workers = 1;
}

static enum lh_code find_executable(const struct engine_config *config, char **ret_path, struct lh_err *err) {
    if (!config->executable)
        return os_executable_path(ret_path, err);
    *ret_path = lh_strdup(config->executable);
    return LH_OK;
}

enum lh_code engine_open(struct os *os, const struct engine_config *config, struct lh_log *log,
                         struct lh_metrics *metrics, struct engine **ret_engine, struct lh_err *err) {
    LH_AUTO(mem) char *executable = NULL;
    LH_TRY(find_executable(config, &executable, err));
    LH_TRY(os_mkdir_all(os, AT_FDCWD, config->scratch_dir, 0700, err));
    struct engine *e = lh_calloc(1, sizeof *e);
    e->os = os;
    e->memory = arena_new();
    e->log = log;
    e->metrics = metrics;
    copy_config(e, config);
    host_link_init(&e->host, os, executable);
    gate_init(&e->queries, os, e->config.workers, e->config.queue_length, e->config.queue_wait_ms);
    gate_init(&e->files, os, e->config.fresh_workers, e->config.queue_length, e->config.queue_wait_ms);
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->wanted, NULL);
    pool_set_roots(e, config->read_roots, config->read_root_count);
    enum lh_code code = pool_start(e, err);
    if (code != LH_OK) {
        engine_close(e);
        return code;
    }
    *ret_engine = e;
    return LH_OK;
}

void engine_close(struct engine *e) {
    if (!e)
        return;
    pool_stop(e);
    host_link_deinit(&e->host);
    gate_deinit(&e->queries);
    gate_deinit(&e->files);
    pthread_cond_destroy(&e->wanted);
    pthread_mutex_destroy(&e->lock);
    arena_free(e->memory);
    lh_free(e);
}

void engine_set_read_roots(struct engine *e, const char *const *roots, size_t count) {
    pool_set_roots(e, roots, count);
}

void engine_get_stats(struct engine *e, struct engine_stats *ret_stats) {
    *ret_stats = (struct engine_stats){
        .waiting = gate_waiting(&e->queries) + gate_waiting(&e->files),
        .requests = atomic_load(&e->requests),
        .crashes = atomic_load(&e->crashes),
        .workers_started = atomic_load(&e->started),
        .host_starts = e->host.starts,
        .last_start_us = atomic_load(&e->last_start_us),
    };
    pthread_mutex_lock(&e->lock);
    ret_stats->workers_idle = e->idle_count;
    ret_stats->workers_busy = e->admin_count + e->fresh_count - e->idle_count;
    pthread_mutex_unlock(&e->lock);
}

enum lh_code engine_probe(struct engine *e, json_t **ret_report, struct lh_err *err) {
    LH_AUTO(json) json_t *request = json_object();
    LH_AUTO(json) json_t *report = NULL;
    struct engine_task task = {.task = "probe", .request = request, .timeout_ms = 10000, .cancel_fd = -1};
    LH_TRY(engine_run_task(e, &task, &report, err));
    struct os_sandbox_probe kernel;
    os_sandbox_probe(&kernel);
    json_object_set_new(report, "kernel", json_string(kernel.kernel));
    json_object_set_new(report, "kernel_landlock_abi", json_integer(kernel.landlock_abi));
    json_object_set_new(report, "kernel_seccomp", json_boolean(kernel.seccomp_filter));
    json_object_set_new(report, "start_ms", json_real((double)atomic_load(&e->last_start_us) / 1000.0));
    *ret_report = LH_STEAL(report);
    return LH_OK;
}
