/* lakehouse vec bench: recall and latency of a graph and of a 1-bit scan on somebody's own vectors. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/vec_command.h"
#include "os/clock.h"
#include "vector/flat.h"
#include "vector/recall.h"

#include <stdio.h>

enum { HELD_OUT = 1000 };

struct measured {
    const char *name;
    uint32_t effort;
    double recall;
    struct vec_latency latency;
};

static void print_measured(struct cli *cli, const struct measured *m) {
    if (cli->json)
        vec_command_print(json_pack("{s:s, s:I, s:f, s:f, s:f}", "search", m->name, "ef", (json_int_t)m->effort,
                                    "recall", m->recall, "p50_us", m->latency.p50_ns / 1e3, "p99_us",
                                    m->latency.p99_ns / 1e3));
    else
        printf("%-14s %6u %9.4f %10.1f %10.1f\n", m->name, m->effort, m->recall, m->latency.p50_ns / 1e3,
               m->latency.p99_ns / 1e3);
}

struct trial {
    const struct vec_rows *queries;
    const struct vec_hit *truth;
    int64_t *ns;
    uint32_t k;
};

/* Two passes, the second timed; ef 0 means the scan. */
static void try_search(struct cli *cli, const struct trial *trial, struct vec_hnsw_cursor *cursor,
                       const struct vec_flat *flat, struct vec_searcher *searcher, uint32_t ef) {
    struct measured measured = {.name = ef ? "graph" : "1-bit scan", .effort = ef};
    const struct vec_hnsw_search walk = {.k = trial->k, .ef = ef};
    const struct vec_search scan = {.k = trial->k};
    LH_AUTO(mem) struct vec_hit *hits = lh_calloc(trial->k, sizeof *hits);
    for (int pass = 0; pass < 2; pass++) {
        double recall = 0.0;
        for (size_t i = 0; i < trial->queries->n; i++) {
            const float *query = vec_row(trial->queries, i);
            int64_t start = os_monotonic_ns(cli->os);
            size_t n = ef ? vec_hnsw_search(cursor, query, &walk, hits)
                          : vec_flat_search(flat, searcher, query, &scan, hits, NULL);
            trial->ns[i] = os_monotonic_ns(cli->os) - start;
            recall += vec_recall(trial->truth + i * trial->k, trial->k, hits, n);
        }
        measured.recall = recall / (double)trial->queries->n;
    }
    measured.latency = vec_latency_of(trial->ns, trial->queries->n);
    print_measured(cli, &measured);
}

static enum lh_code measure(struct cli *cli, const struct vec_hnsw_config *config, uint32_t threads,
                            const struct vec_rows *rows, const struct trial *trial, struct lh_err *err) {
    struct vec_hnsw *graph = NULL;
    struct vec_flat *flat = NULL;
    const struct vec_flat_config flat_config = {.metric = config->metric, .seed = config->seed, .threads = threads};
    double start = vec_command_seconds(cli);
    LH_TRY(vec_hnsw_build(config, rows, threads, &graph, err));
    fprintf(stderr, "graph built in %.2f s\n", vec_command_seconds(cli) - start);
    start = vec_command_seconds(cli);
    enum lh_code code = vec_flat_new(rows, &flat_config, &flat, err);
    if (code == LH_OK) {
        fprintf(stderr, "1-bit codes made in %.2f s\n", vec_command_seconds(cli) - start);
        struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(graph);
        struct vec_searcher *searcher = vec_flat_searcher_new(flat);
        if (!cli->json)
            printf("%-14s %6s %9s %10s %10s\n", "SEARCH", "EF", "RECALL", "P50 US", "P99 US");
        try_search(cli, trial, cursor, flat, searcher, 0);
        for (uint32_t ef = trial->k > 16 ? trial->k : 16; ef <= 512; ef += ef / 2)
            try_search(cli, trial, cursor, flat, searcher, ef);
        vec_searcher_free(searcher);
        vec_hnsw_cursor_free(cursor);
    }
    vec_flat_free(flat);
    vec_hnsw_free(graph);
    return code;
}

enum lh_code vec_command_bench(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    LH_AUTO(vec_rows_file) struct vec_rows_file file = {0};
    struct vec_hnsw_config config;
    uint32_t threads = 0;
    uint32_t k = 0;
    LH_TRY(vec_options_check(args, VEC_BENCH, err));
    LH_TRY(vec_arg_config(args, &config, &threads, err));
    LH_TRY(vec_arg_u32(args, "k", 1, VEC_ARG_MOST_K, 10, &k, err));
    LH_TRY(vec_command_read(cli, args, args->positional[1], &file, err));
    if (file.rows.n < 2)
        return lh_fail(err, LH_DATA, "%s holds %zu vector%s; a measurement needs at least two", args->positional[1],
                       file.rows.n, file.rows.n == 1 ? "" : "s");
    struct vec_rows rows = file.rows;
    size_t held_out = rows.n / 10 > HELD_OUT ? HELD_OUT : rows.n / 10 + 1;
    rows.n -= held_out;
    const struct vec_rows queries = {.data = vec_row(&file.rows, rows.n), .n = held_out, .d = rows.d};
    config.d = rows.d;
    fprintf(stderr, "%zu vectors of %u dimensions; the last %zu are the queries\n", rows.n, rows.d, held_out);
    LH_AUTO(mem) struct vec_hit *truth = lh_calloc(held_out * k, sizeof *truth);
    LH_AUTO(mem) int64_t *ns = lh_calloc(held_out, sizeof *ns);
    LH_TRY(vec_ground_truth(&rows, &queries, config.metric, k, threads, truth, err));
    const struct trial trial = {.queries = &queries, .truth = truth, .ns = ns, .k = k};
    return measure(cli, &config, threads, &rows, &trial, err);
}
