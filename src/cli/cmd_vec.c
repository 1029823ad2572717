/* lakehouse vec build|search|bench|inspect: vector indexes from files, without a lake. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/vec_source.h"
#include "os/clock.h"
#include "os/file.h"
#include "vector/file.h"
#include "vector/flat.h"
#include "vector/hnsw.h"
#include "vector/ivf.h"
#include "vector/recall.h"
#include "vector/rows_file.h"
#include "vector/scan_tune.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_OUT = 1000, MOST_K = 1000 };

static const struct cli_option options[] = {
    {"output", 'o', "INDEX", "build: the file to write (default: FILE with .vec behind it)", false},
    {"dimensions", 0, "D", "of the vectors; needed for .f32 files", false},
    {"column", 0, "NAME", "of the vectors in .parquet files (default: the only one of FLOAT lists or arrays)", false},
    {"metric", 0, "NAME", "cosine, l2 or dot (default: cosine)", false},
    {"kind", 0, "KIND", "build: graph, flat (1-bit codes) or ivf (the same in lists) (default: graph)", false},
    {"lists", 0, "N", "build: lists of an ivf (default: twice the root of the rows)", false},
    {"m", 0, "N", "build, bench: links that a node asks for, 2 to 64 (default: 16)", false},
    {"ef-construction", 0, "N", "build, bench: window of the search before an insert (default: 100)", false},
    {"seed", 0, "N", "build, bench: the same seed on one thread gives the same index (default: 1)", false},
    {"threads", 0, "N", "default: one a processor", false},
    {"without-vectors", 0, NULL, "build: leave the full vectors out of the index", false},
    {"vectors", 0, "FILE", "search: the full vectors of an index without them", false},
    {"k", 'k', "N", "search, bench: neighbours (default: 10)", false},
    {"ef", 0, "N", "search: window of the walk (default: 64)", false},
    {"nprobe", 0, "N", "search: lists of an ivf to read (default: 8 and a sixteenth of them)", false},
    {"epsilon", 0, "E", "search: width of the error bound of 1-bit codes (default: 1.9)", false},
    {"recall", 0, "SHARE", "search: find the settings that reach this recall, such as 0.99", false},
    {"verify", 0, NULL, "inspect: read everything, compare checksums, check every link", false},
    {"json", 0, NULL, "one JSON object a line", false},
    {NULL, 0, NULL, NULL, false},
};

static void print_json(json_t *value) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(value, LH_JSON_COMPACT, &text);
    printf("%s\n", buf_cstr(&text));
    json_decref(value);
}

static enum lh_code arg_u32(const struct cli_args *args, const char *name, uint32_t min, uint32_t max,
                            uint32_t fallback, uint32_t *ret_value, struct lh_err *err) {
    uint64_t value = 0;
    LH_TRY(cli_arg_uint(args, name, min, max, fallback, &value, err));
    *ret_value = (uint32_t)value;
    return LH_OK;
}

static enum lh_code arg_metric(const struct cli_args *args, enum vec_metric *ret_metric, struct lh_err *err) {
    const char *name = cli_arg(args, "metric");
    for (int metric = VEC_L2; metric <= VEC_COSINE; metric++) {
        if (strcmp(name ? name : "cosine", vec_metric_name((enum vec_metric)metric)) == 0) {
            *ret_metric = (enum vec_metric)metric;
            return LH_OK;
        }
    }
    return lh_fail(err, LH_USAGE, "--metric is \"%s\"; it must be cosine, l2 or dot", name);
}

static enum lh_code arg_config(const struct cli_args *args, struct vec_hnsw_config *ret_config, uint32_t *ret_threads,
                               struct lh_err *err) {
    *ret_config = (struct vec_hnsw_config){0};
    LH_TRY(arg_metric(args, &ret_config->metric, err));
    LH_TRY(arg_u32(args, "m", 2, VEC_HNSW_MAX_M, 16, &ret_config->m, err));
    LH_TRY(arg_u32(args, "ef-construction", 1, VEC_HNSW_MAX_EF, 100, &ret_config->ef_construction, err));
    LH_TRY(cli_arg_uint(args, "seed", 0, UINT64_MAX, 1, &ret_config->seed, err));
    return arg_u32(args, "threads", 1, 64, 0, ret_threads, err);
}

static enum lh_code open_vectors(struct cli *cli, const struct cli_args *args, const char *path,
                                 struct vec_rows_file *ret_file, struct lh_err *err) {
    uint32_t d = 0;
    LH_TRY(arg_u32(args, "dimensions", 1, VEC_MAX_DIM, 0, &d, err));
    enum lh_code code = vec_source_open(cli->os, path, cli_arg(args, "column"), d, ret_file, err);
    if (code == LH_INVALID && d == 0 && strstr(path, ".f32"))
        lh_err_hint(err, "give --dimensions, such as --dimensions 768");
    return code;
}

static double seconds(struct cli *cli) {
    return (double)os_monotonic_ns(cli->os) * 1e-9;
}

/* An index without a graph: a flat or inverted lists. */
struct scan {
    struct vec_flat *flat; /* or */
    struct vec_ivf *ivf;
};

static void scan_auto_release(struct scan *scan) {
    vec_flat_free(scan->flat);
    vec_ivf_free(scan->ivf);
}

static enum lh_code build_scan(struct cli *cli, const struct cli_args *args, bool lists, const struct vec_rows *rows,
                               const char *output, struct lh_err *err) {
    LH_AUTO(scan) struct scan scan = {0};
    struct vec_hnsw_config config;
    uint32_t threads = 0;
    uint32_t n_lists = 0;
    bool with_rows = !cli_flag(args, "without-vectors");
    LH_TRY(arg_config(args, &config, &threads, err));
    LH_TRY(arg_u32(args, "lists", 1, 1u << 24, 0, &n_lists, err));
    const struct vec_flat_config flat = {.metric = config.metric, .seed = config.seed, .threads = threads};
    const struct vec_ivf_config ivf = {
        .metric = config.metric, .lists = n_lists, .seed = config.seed, .threads = threads};
    double start = seconds(cli);
    if (lists)
        LH_TRY(vec_ivf_new(rows, &ivf, &scan.ivf, err));
    else
        LH_TRY(vec_flat_new(rows, &flat, &scan.flat, err));
    double took = seconds(cli) - start;
    if (lists)
        LH_TRY(vec_ivf_save(scan.ivf, cli->os, output, with_rows, err));
    else
        LH_TRY(vec_flat_save(scan.flat, cli->os, output, with_rows, err));
    size_t bytes = lists ? vec_ivf_bytes(scan.ivf) : vec_flat_bytes(scan.flat);
    if (cli->json)
        print_json(json_pack("{s:s, s:I, s:I, s:f, s:I}", "index", output, "rows", (json_int_t)rows->n, "dimensions",
                             (json_int_t)rows->d, "seconds", took, "code_bytes", (json_int_t)bytes));
    else
        printf("%s: %zu vectors of %u dimensions in %u lists, built in %.2f s; %.1f MB beside the vectors\n", output,
               rows->n, rows->d, lists ? vec_ivf_lists(scan.ivf) : 1, took, (double)bytes / 1e6);
    return LH_OK;
}

/* What is replaced must be an index: not the vectors themselves, nor a device or whatever else a mistyped name means. */
static enum lh_code check_output(struct cli *cli, const char *output, struct lh_err *err) {
    struct os_stat there;
    struct lh_err none = LH_ERR_INIT;
    if (os_stat_at(cli->os, AT_FDCWD, output, &there, &none) != LH_OK)
        return LH_OK; /* a folder that is missing is told when the file is written */
    LH_AUTO(vec_file) struct vec_file *old = NULL;
    if (there.is_file && vec_file_open(cli->os, output, &old, &none) == LH_OK)
        return LH_OK;
    lh_fail(err, LH_EXISTS, "\"%s\" exists and is not a vector index", output);
    return lh_err_hint(err, "choose another name with --output, or remove it first");
}

static enum lh_code build(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    const char *path = args->positional[1];
    const char *kind = cli_arg(args, "kind") ? cli_arg(args, "kind") : "graph";
    bool lists = strcmp(kind, "ivf") == 0;
    LH_AUTO(vec_rows_file) struct vec_rows_file file = {0};
    LH_AUTO(mem) char *fallback = lh_asprintf("%s.vec", path);
    const char *output = cli_arg(args, "output") ? cli_arg(args, "output") : fallback;
    struct vec_hnsw_config config;
    struct vec_hnsw *graph = NULL;
    struct vec_hnsw_stats stats;
    uint32_t threads = 0;
    if (!lists && strcmp(kind, "graph") != 0 && strcmp(kind, "flat") != 0)
        return lh_fail(err, LH_USAGE, "--kind is \"%s\"; it must be graph, flat or ivf", kind);
    LH_TRY(arg_config(args, &config, &threads, err));
    LH_TRY(check_output(cli, output, err));
    LH_TRY(open_vectors(cli, args, path, &file, err));
    if (strcmp(kind, "graph") != 0)
        return build_scan(cli, args, lists, &file.rows, output, err);
    config.d = file.rows.d;
    double start = seconds(cli);
    LH_TRY(vec_hnsw_build(&config, &file.rows, threads, &graph, err));
    double took = seconds(cli) - start;
    vec_hnsw_stats(graph, &stats);
    enum lh_code code = vec_hnsw_save(graph, cli->os, output, !cli_flag(args, "without-vectors"), err);
    vec_hnsw_free(graph);
    LH_TRY(code);
    if (cli->json)
        print_json(json_pack("{s:s, s:I, s:I, s:f, s:I}", "index", output, "rows", (json_int_t)stats.rows, "dimensions",
                             (json_int_t)config.d, "seconds", took, "graph_bytes", (json_int_t)stats.graph_bytes));
    else
        printf("%s: %u vectors of %u dimensions, %.1f links each, built in %.2f s; %.1f MB beside the vectors\n",
               output, stats.rows, config.d, stats.rows ? (double)stats.links / stats.rows : 0.0, took,
               (double)stats.graph_bytes / 1e6);
    return LH_OK;
}

static void print_hits(struct cli *cli, size_t query, const struct vec_hit *hits, size_t found) {
    if (cli->json) {
        json_t *list = json_array();
        for (size_t i = 0; i < found; i++)
            json_array_append_new(
                list, json_pack("{s:I, s:f}", "id", (json_int_t)hits[i].id, "distance", (double)hits[i].dist));
        print_json(json_pack("{s:I, s:o}", "query", (json_int_t)query, "hits", list));
        return;
    }
    printf("%zu:", query);
    for (size_t i = 0; i < found; i++)
        printf(" %u (%.6g)", hits[i].id, (double)hits[i].dist);
    printf("\n");
}

/* A number above 0 and at most `most`; 0 where it was not given. */
static enum lh_code arg_real(const struct cli_args *args, const char *name, double most, double *ret_value,
                             struct lh_err *err) {
    const char *text = cli_arg(args, name);
    char *end = NULL;
    double value = text ? strtod(text, &end) : 0.0;
    if (text && (*end != '\0' || !(value > 0.0 && value <= most)))
        return lh_fail(err, LH_USAGE, "--%s is \"%s\"; it must be above 0 and at most %g", name, text, most);
    *ret_value = value;
    return LH_OK;
}

static enum lh_code choose_search(const struct cli_args *args, struct vec_hnsw *graph, uint32_t threads,
                                  struct vec_hnsw_search *search, struct lh_err *err) {
    struct vec_hnsw_tuning tuning;
    double target = 0.0;
    LH_TRY(arg_real(args, "recall", 1.0, &target, err));
    if (target <= 0.0)
        return LH_OK;
    LH_TRY(vec_hnsw_tune(graph, NULL, search->k, target, threads, &tuning, err));
    *search = tuning.search;
    fprintf(stderr, "ef %u, patience %u: recall %.4f on %u of the index's own vectors%s\n", search->ef,
            search->patience, tuning.recall, tuning.queries, tuning.reached ? "" : ", short of the target");
    return LH_OK;
}

static enum lh_code search_graph(struct cli *cli, const struct cli_args *args, struct vec_hnsw *graph,
                                 const struct vec_rows *queries, struct lh_err *err) {
    struct vec_hnsw_search search = {0};
    uint32_t threads = 0;
    LH_TRY(arg_u32(args, "k", 1, MOST_K, 10, &search.k, err));
    LH_TRY(arg_u32(args, "ef", 1, VEC_HNSW_MAX_EF, 0, &search.ef, err));
    LH_TRY(arg_u32(args, "threads", 1, 64, 0, &threads, err));
    LH_TRY(choose_search(args, graph, threads, &search, err));
    LH_AUTO(mem) struct vec_hit *hits = lh_calloc(queries->n * search.k + 1, sizeof *hits);
    LH_AUTO(mem) size_t *found = lh_calloc(queries->n + 1, sizeof *found);
    LH_TRY(vec_hnsw_search_batch(graph, queries, threads, &search, hits, found, err));
    for (size_t i = 0; i < queries->n; i++)
        print_hits(cli, i, hits + i * search.k, found[i]);
    return LH_OK;
}

static enum lh_code choose_scan(const struct cli_args *args, const struct scan *scan, struct vec_search *ret_search,
                                struct lh_err *err) {
    uint32_t k = 0;
    uint32_t threads = 0;
    double epsilon = 0.0;
    double target = 0.0;
    struct vec_scan_tuning tuning;
    *ret_search = (struct vec_search){0};
    LH_TRY(arg_u32(args, "k", 1, MOST_K, 10, &k, err));
    LH_TRY(arg_u32(args, "threads", 1, 64, 0, &threads, err));
    LH_TRY(arg_u32(args, "nprobe", 1, 1u << 24, 0, &ret_search->nprobe, err));
    LH_TRY(arg_real(args, "epsilon", 100.0, &epsilon, err));
    LH_TRY(arg_real(args, "recall", 1.0, &target, err));
    ret_search->k = k;
    ret_search->epsilon = (float)epsilon;
    if (target <= 0.0)
        return LH_OK;
    if (scan->flat)
        LH_TRY(vec_flat_tune(scan->flat, NULL, k, target, threads, &tuning, err));
    else
        LH_TRY(vec_ivf_tune(scan->ivf, NULL, k, target, threads, &tuning, err));
    *ret_search = tuning.search;
    ret_search->k = k;
    fprintf(stderr, "epsilon %.1f, nprobe %u: recall %.4f on %u of the index's own vectors%s\n",
            (double)tuning.search.epsilon, tuning.search.nprobe, tuning.recall, tuning.queries,
            tuning.reached ? "" : ", short of the target");
    return LH_OK;
}

static enum lh_code search_scan(struct cli *cli, const struct cli_args *args, const struct vec_file_head *head,
                                const struct vec_rows *vectors, const struct vec_rows *queries, struct lh_err *err) {
    LH_AUTO(scan) struct scan scan = {0};
    struct vec_search search;
    if (queries->d != head->d)
        return lh_fail(err, LH_INVALID, "queries of %u dimensions for an index of %u", queries->d, head->d);
    if (vectors->data && (vectors->n != head->n || vectors->d != head->d))
        return lh_fail(err, LH_INVALID,
                       "--vectors holds %zu vectors of %u dimensions, which are not those of the index", vectors->n,
                       vectors->d);
    if (head->kind == VEC_FILE_FLAT)
        LH_TRY(vec_flat_open(cli->os, args->positional[1], vectors->data, &scan.flat, err));
    else
        LH_TRY(vec_ivf_open(cli->os, args->positional[1], vectors->data, &scan.ivf, err));
    LH_TRY(choose_scan(args, &scan, &search, err));
    struct vec_searcher *searcher = scan.flat ? vec_flat_searcher_new(scan.flat) : vec_ivf_searcher_new(scan.ivf);
    LH_AUTO(mem) struct vec_hit *hits = lh_calloc(search.k, sizeof *hits);
    for (size_t i = 0; i < queries->n; i++) {
        const float *query = vec_row(queries, i);
        size_t found = scan.flat ? vec_flat_search(scan.flat, searcher, query, &search, hits, NULL)
                                 : vec_ivf_search(scan.ivf, searcher, query, &search, hits, NULL);
        print_hits(cli, i, hits, found);
    }
    vec_searcher_free(searcher);
    return LH_OK;
}

static enum lh_code search(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    LH_AUTO(vec_file) struct vec_file *file = NULL;
    LH_AUTO(vec_rows_file) struct vec_rows_file queries = {0};
    LH_AUTO(vec_rows_file) struct vec_rows_file vectors = {0};
    struct vec_hnsw *graph = NULL;
    struct vec_hnsw_stats stats;
    if (cli_arg(args, "vectors"))
        LH_TRY(open_vectors(cli, args, cli_arg(args, "vectors"), &vectors, err));
    LH_TRY(open_vectors(cli, args, args->positional[2], &queries, err));
    LH_TRY(vec_file_open(cli->os, args->positional[1], &file, err));
    if (vec_file_head(file)->kind != VEC_FILE_HNSW)
        return search_scan(cli, args, vec_file_head(file), &vectors.rows, &queries.rows, err);
    LH_TRY(
        vec_hnsw_open(cli->os, args->positional[1], &(struct vec_hnsw_open){.rows = vectors.rows.data}, &graph, err));
    vec_hnsw_stats(graph, &stats);
    enum lh_code code = LH_OK;
    uint64_t given = (uint64_t)vectors.rows.n * vectors.rows.d * sizeof(float);
    if (vectors.rows.data && (vectors.rows.n != stats.rows || given != stats.row_bytes))
        code =
            lh_fail(err, LH_INVALID, "--vectors holds %zu vectors of %u dimensions, which are not those of the index",
                    vectors.rows.n, vectors.rows.d);
    if (code == LH_OK)
        code = search_graph(cli, args, graph, &queries.rows, err);
    vec_hnsw_free(graph);
    return code;
}

struct measured {
    const char *name;
    uint32_t effort;
    double recall;
    struct vec_latency latency;
};

static void print_measured(struct cli *cli, const struct measured *m) {
    if (cli->json)
        print_json(json_pack("{s:s, s:I, s:f, s:f, s:f}", "search", m->name, "ef", (json_int_t)m->effort, "recall",
                             m->recall, "p50_us", m->latency.p50_ns / 1e3, "p99_us", m->latency.p99_ns / 1e3));
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
    double start = seconds(cli);
    LH_TRY(vec_hnsw_build(config, rows, threads, &graph, err));
    fprintf(stderr, "graph built in %.2f s\n", seconds(cli) - start);
    start = seconds(cli);
    enum lh_code code = vec_flat_new(rows, &flat_config, &flat, err);
    if (code == LH_OK) {
        fprintf(stderr, "1-bit codes made in %.2f s\n", seconds(cli) - start);
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

static enum lh_code bench(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    LH_AUTO(vec_rows_file) struct vec_rows_file file = {0};
    struct vec_hnsw_config config;
    uint32_t threads = 0;
    uint32_t k = 0;
    LH_TRY(arg_config(args, &config, &threads, err));
    LH_TRY(arg_u32(args, "k", 1, MOST_K, 10, &k, err));
    LH_TRY(open_vectors(cli, args, args->positional[1], &file, err));
    if (file.rows.n < 2)
        return lh_fail(err, LH_DATA, "a measurement needs at least two vectors");
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

static enum lh_code inspect_graph(struct cli *cli, const char *path, struct lh_err *err) {
    struct vec_hnsw *graph = NULL;
    struct vec_hnsw_report report;
    struct vec_hnsw_stats stats;
    LH_TRY(vec_hnsw_open(cli->os, path, &(struct vec_hnsw_open){0}, &graph, err));
    vec_hnsw_stats(graph, &stats);
    enum lh_code code = vec_hnsw_check(graph, &report, err);
    vec_hnsw_free(graph);
    LH_TRY(code);
    if (cli->json)
        print_json(json_pack("{s:I, s:I, s:I, s:f, s:f, s:I}", "live", (json_int_t)report.live, "deleted",
                             (json_int_t)stats.deleted, "reachable", (json_int_t)report.reachable, "degree_mean",
                             report.degree_mean, "mutual",
                             report.links ? (double)report.mutual / (double)report.links : 1.0, "max_level",
                             (json_int_t)stats.max_level));
    else
        printf("live %llu, deleted %u, reachable %llu; links a node %.1f (%u to %u), %.0f%% mutual; top level %u\n",
               (unsigned long long)report.live, stats.deleted, (unsigned long long)report.reachable, report.degree_mean,
               report.degree_min, report.degree_max,
               report.links ? 100.0 * (double)report.mutual / (double)report.links : 100.0, stats.max_level);
    return LH_OK;
}

static enum lh_code inspect_scan(struct cli *cli, const char *path, bool lists, struct lh_err *err) {
    LH_AUTO(scan) struct scan scan = {0};
    struct vec_scan_report report;
    if (lists)
        LH_TRY(vec_ivf_open(cli->os, path, NULL, &scan.ivf, err));
    else
        LH_TRY(vec_flat_open(cli->os, path, NULL, &scan.flat, err));
    LH_TRY(lists ? vec_ivf_check(scan.ivf, &report, err) : vec_flat_check(scan.flat, &report, err));
    if (cli->json)
        print_json(json_pack("{s:I, s:I, s:I, s:I, s:I}", "live", (json_int_t)report.live, "deleted",
                             (json_int_t)report.deleted, "lists", (json_int_t)report.lists, "longest",
                             (json_int_t)report.longest, "empty", (json_int_t)report.empty));
    else
        printf("live %llu, deleted %llu; lists %u, the longest of %u rows, %u empty\n", (unsigned long long)report.live,
               (unsigned long long)report.deleted, report.lists, report.longest, report.empty);
    return LH_OK;
}

/* Beyond checksums: what must hold of an index of this kind. */
static enum lh_code inspect_structure(struct cli *cli, const char *path, const struct vec_file *file,
                                      struct lh_err *err) {
    uint64_t bytes = 0;
    enum vec_file_kind kind = vec_file_head(file)->kind;
    if (kind == VEC_FILE_HNSW)
        return inspect_graph(cli, path, err);
    if (kind == VEC_FILE_INDEX || !vec_file_find(file, "ROWS", &bytes)) /* flats and lists open with their rows only */
        return LH_OK;
    return inspect_scan(cli, path, kind == VEC_FILE_IVF, err);
}

static void print_head(struct cli *cli, const struct vec_file *file) {
    static const char *const kinds[] = {"", "flat", "graph", "ivf", "segmented"};
    const struct vec_file_head *head = vec_file_head(file);
    json_t *sections = json_object();
    char tag[5];
    uint64_t bytes = 0;
    for (size_t i = 0; vec_file_list(file, i, tag, &bytes); i++)
        json_object_set_new(sections, tag, json_integer((json_int_t)bytes));
    if (cli->json) {
        print_json(json_pack("{s:s, s:s, s:I, s:I, s:I, s:o}", "kind", kinds[head->kind], "metric",
                             vec_metric_name(head->metric), "rows", (json_int_t)head->n, "dimensions",
                             (json_int_t)head->d, "size_bytes", (json_int_t)vec_file_size(file), "sections", sections));
        return;
    }
    printf("%s index, %s, %llu vectors of %u dimensions, %llu bytes\n", kinds[head->kind],
           vec_metric_name(head->metric), (unsigned long long)head->n, head->d,
           (unsigned long long)vec_file_size(file));
    const char *name;
    json_t *value;
    json_object_foreach(sections, name, value)
        printf("  %s %14lld bytes\n", name, (long long)json_integer_value(value));
    json_decref(sections);
}

static enum lh_code inspect(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    const char *path = args->positional[1];
    LH_AUTO(vec_file) struct vec_file *file = NULL;
    if (vec_source_is_one(path)) {
        LH_AUTO(vec_rows_file) struct vec_rows_file vectors = {0};
        LH_TRY(open_vectors(cli, args, path, &vectors, err));
        if (cli->json)
            print_json(
                json_pack("{s:I, s:I}", "rows", (json_int_t)vectors.rows.n, "dimensions", (json_int_t)vectors.rows.d));
        else
            printf("%zu vectors of %u dimensions, every value finite\n", vectors.rows.n, vectors.rows.d);
        return LH_OK;
    }
    LH_TRY(vec_file_open(cli->os, path, &file, err));
    print_head(cli, file);
    if (!cli_flag(args, "verify"))
        return LH_OK;
    LH_TRY(vec_file_verify(file, err));
    if (!cli->json)
        printf("every checksum is right\n");
    return inspect_structure(cli, path, file, err);
}

static int run(struct cli *cli, const struct cli_args *args) {
    static const struct {
        const char *name;
        size_t positional;
        enum lh_code (*run)(struct cli *cli, const struct cli_args *args, struct lh_err *err);
    } actions[] = {{"build", 2, build}, {"search", 3, search}, {"bench", 2, bench}, {"inspect", 2, inspect}};
    struct lh_err err = LH_ERR_INIT;
    for (size_t i = 0; i < LH_ARRAY_LEN(actions); i++) {
        if (strcmp(args->positional[0], actions[i].name) != 0)
            continue;
        if (args->positional_count != actions[i].positional) {
            lh_fail(&err, LH_USAGE, "lakehouse vec %s needs %s", actions[i].name,
                    actions[i].positional == 3 ? "an index and a file of queries" : "one file");
            return cli_usage_error(cli, &cli_vec, &err);
        }
        enum lh_code code = actions[i].run(cli, args, &err);
        return code == LH_OK ? CLI_OK : code == LH_USAGE ? cli_usage_error(cli, &cli_vec, &err) : cli_fail(cli, &err);
    }
    lh_fail(&err, LH_USAGE, "lakehouse vec does not know \"%s\"; it knows build, search, bench and inspect",
            args->positional[0]);
    return cli_usage_error(cli, &cli_vec, &err);
}

const struct cli_command cli_vec = {
    .name = "vec",
    .usage = "build FILE [-o INDEX] [--kind KIND] [--dimensions D] [--metric NAME] [--m N] [--ef-construction N]\n"
             "search INDEX QUERIES [-k N] [--ef N | --nprobe N | --epsilon E | --recall SHARE]\n"
             "bench FILE [-k N]\n"
             "inspect FILE [--verify]",
    .summary = "build, search, measure and inspect vector indexes",
    .help =
        "Vectors are read from .f32 (raw floats; tell --dimensions), .fvecs, .npy and .parquet files (a column of lists or\n"
        "arrays of FLOAT or DOUBLE, read in a sandboxed worker).  An index is one file that is mapped when it is opened;\n"
        "rows are numbered from 0 as they stand.  bench keeps the last tenth, at most 1,000, as\n"
        "queries and compares with exact search.\n\n"
        "  lakehouse vec build resumes.npy -o resumes.vec\n"
        "  lakehouse vec search resumes.vec questions.npy -k 5 --recall 0.99\n"
        "  lakehouse vec inspect resumes.vec --verify",
    .options = options,
    .min_positional = 1,
    .max_positional = 3,
    .run = run,
};
