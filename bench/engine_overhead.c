/* What the process wall costs: a warm query through the engine against the same query in this process, and the start
 * of a worker.  Prints one line a measurement.  Figures to hold: p50 overhead of SELECT 1 under 0.3 ms, a new worker
 * under 25 ms. */
#include "base/alloc.h"
#include "engine/engine.h"
#include "engine/worker/duckdb_api.h"
#include "engine/worker/host.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP 200
#define ROUNDS 2000
#define STARTS 20

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* Percentile `p` in milliseconds; sorts `ns`. */
static double percentile(int64_t *ns, size_t count, double p) {
    qsort(ns, count, sizeof *ns, compare);
    return (double)ns[(size_t)((double)(count - 1) * p)] / 1e6;
}

static LH_NORETURN void die(const struct lh_err *err) {
    fprintf(stderr, "engine_overhead: %s %s\n", err->message, err->hint);
    exit(1);
}

static void through_engine(struct engine *engine, const char *sql) {
    struct engine_query query = {
        .sql = sql, .format = ENGINE_JSON, .row_limit = UINT64_MAX, .timeout_ms = 10000, .epoch = 1, .cancel_fd = -1};
    struct engine_result *result;
    struct lh_err err = LH_ERR_INIT;
    const void *data;
    size_t len = 1;
    if (engine_query_start(engine, &query, &result, &err) != LH_OK)
        die(&err);
    while (len > 0) {
        if (engine_result_read(result, &data, &len, &err) != LH_OK)
            die(&err);
    }
    engine_result_close(result);
}

static void in_process(const struct duckdb_api *db, duckdb_connection connection, const char *sql) {
    duckdb_result result;
    db->query(connection, sql, &result);
    for (duckdb_data_chunk chunk; (chunk = db->fetch_chunk(result));)
        db->destroy_data_chunk(&chunk);
    db->destroy_result(&result);
}

static void measure_queries(struct os *os, struct engine *engine, const char *sql) {
    static int64_t engine_ns[ROUNDS], process_ns[ROUNDS];
    struct lh_err err = LH_ERR_INIT;
    struct duckdb_api *db = lh_calloc(1, sizeof *db);
    duckdb_database database;
    duckdb_connection connection;
    if (duckdb_api_open(db, &err) != LH_OK)
        die(&err);
    db->open_ext(NULL, &database, NULL, NULL);
    db->connect(database, &connection);
    for (int i = 0; i < WARM_UP + ROUNDS; i++) {
        int64_t start_ns = os_monotonic_ns(os);
        in_process(db, connection, sql);
        int64_t middle_ns = os_monotonic_ns(os);
        through_engine(engine, sql);
        if (i >= WARM_UP) {
            process_ns[i - WARM_UP] = middle_ns - start_ns;
            engine_ns[i - WARM_UP] = os_monotonic_ns(os) - middle_ns;
        }
    }
    double inside = percentile(process_ns, ROUNDS, 0.5), through = percentile(engine_ns, ROUNDS, 0.5);
    printf("%-44s in process p50 %.3f ms | engine p50 %.3f p99 %.3f ms | overhead p50 %.3f ms\n", sql, inside, through,
           percentile(engine_ns, ROUNDS, 0.99), through - inside);
    db->disconnect(&connection);
    db->close(&database);
    lh_free(db);
}

/* A changed set of folders ends the idle worker, so that the next query waits for a new one. */
static void measure_starts(struct engine *engine, const char *folder) {
    int64_t start_us[STARTS];
    struct engine_stats stats;
    for (int i = 0; i < STARTS; i++) {
        engine_set_read_roots(engine, &folder, 1);
        through_engine(engine, "SELECT 1");
        engine_get_stats(engine, &stats);
        start_us[i] = stats.last_start_us * 1000;
    }
    printf("%-44s p50 %.1f ms, worst %.1f ms\n", "new worker", percentile(start_us, STARTS, 0.5),
           percentile(start_us, STARTS, 1));
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "engine-host") == 0)
        return engine_host_main(argc, argv);
    struct os *os = os_real();
    struct lh_err err = LH_ERR_INIT;
    struct engine_config config;
    struct engine *engine;
    char folder[] = "/tmp/lh-bench-XXXXXX";
    if (!mkdtemp(folder))
        return 1;
    LH_AUTO(mem) char *scratch = lh_asprintf("%s/tmp", folder);
    engine_config_default(&config);
    config.scratch_dir = scratch;
    config.worker_requests = 1000000;
    if (engine_open(os, &config, NULL, NULL, &engine, &err) != LH_OK)
        die(&err);
    measure_queries(os, engine, "SELECT 1");
    measure_queries(os, engine, "SELECT count(*) FROM range(100000)");
    measure_queries(os, engine, "SELECT range, 'row ' || range FROM range(1000)");
    measure_starts(engine, folder);
    engine_close(engine);
    lh_ignore(os_remove_all(os, AT_FDCWD, folder, &err));
    return 0;
}
