/* DuckDB in this process, for comparison: the same library that the workers use, nothing of ours around it.
 *
 *     bench_duckdb_run THREADS MEMORY ROUNDS SETUP SQL...
 *
 * Runs SETUP once and every SQL ROUNDS times on one connection, fetching all rows; the answer is one line of JSON on stdout:
 * an object a statement with first_ms (nothing read before), best_ms, p50_ms and p99_ms (the first one left out where there
 * are several). */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "engine/worker/duckdb_api.h"
#include "os/clock.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static LH_NORETURN void die(const char *what, const char *why) {
    fprintf(stderr, "duckdb_run: %s: %s\n", what, why ? why : "no reason given");
    exit(1);
}

static void run(const struct duckdb_api *db, duckdb_connection connection, const char *sql) {
    duckdb_result result;
    if (db->query(connection, sql, &result) != DuckDBSuccess)
        die(sql, db->result_error(&result));
    for (duckdb_data_chunk chunk; (chunk = db->fetch_chunk(result));)
        db->destroy_data_chunk(&chunk);
    db->destroy_result(&result);
}

static json_t *measure(const struct duckdb_api *db, duckdb_connection connection, const char *sql, size_t rounds) {
    struct os *os = os_real();
    LH_AUTO(mem) int64_t *ns = lh_calloc(rounds, sizeof *ns);
    for (size_t i = 0; i < rounds; i++) {
        int64_t start_ns = os_monotonic_ns(os);
        run(db, connection, sql);
        ns[i] = os_monotonic_ns(os) - start_ns;
    }
    int64_t first = ns[0];
    size_t skip = rounds > 1, count = rounds - skip;
    qsort(ns + skip, count, sizeof *ns, compare);
    json_t *json = json_object();
    json_object_set_new(json, "sql", json_string(sql));
    json_object_set_new(json, "first_ms", json_real((double)first / 1e6));
    json_object_set_new(json, "best_ms", json_real((double)ns[skip] / 1e6));
    json_object_set_new(json, "p50_ms", json_real((double)ns[skip + (count - 1) / 2] / 1e6));
    json_object_set_new(json, "p99_ms", json_real((double)ns[skip + (size_t)((double)(count - 1) * 0.99)] / 1e6));
    return json;
}

int main(int argc, char **argv) {
    if (argc < 5)
        die("usage", "bench_duckdb_run THREADS MEMORY ROUNDS SETUP SQL...");
    struct duckdb_api *db = lh_calloc(1, sizeof *db);
    struct lh_err err = LH_ERR_INIT;
    duckdb_config config;
    duckdb_database database;
    duckdb_connection connection;
    size_t rounds = strtoul(argv[3], NULL, 10);
    char *reason = NULL;
    if (duckdb_api_open(db, &err) != LH_OK)
        die("libduckdb", err.message);
    db->create_config(&config);
    db->set_config(config, "threads", argv[1]);
    db->set_config(config, "memory_limit", argv[2]);
    if (db->open_ext(NULL, &database, config, &reason) != DuckDBSuccess)
        die("open", reason);
    db->connect(database, &connection);
    if (*argv[4])
        run(db, connection, argv[4]);
    LH_AUTO(json) json_t *answers = json_array();
    for (int i = 5; i < argc; i++)
        json_array_append_new(answers, measure(db, connection, argv[i], rounds > 0 ? rounds : 1));
    char *text = json_dumps(answers, JSON_REAL_PRECISION(6));
    puts(text);
    free(text);
    db->disconnect(&connection);
    db->close(&database);
    lh_free(db);
    return 0;
}
