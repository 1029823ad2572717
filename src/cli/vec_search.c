/* lakehouse vec search: the nearest rows of an index, one file or a folder that grows, for every vector of another file. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/vec_command.h"
#include "vector/flat.h"
#include "vector/index.h"
#include "vector/ivf.h"
#include "vector/parallel.h"
#include "vector/scan_tune.h"

#include <stdio.h>

/* One of the four, the file it came from, and how to search it. */
struct opened {
    enum vec_use use;
    struct vec_hnsw *graph;
    struct vec_flat *flat;
    struct vec_ivf *ivf;
    struct vec_index *index;
    struct vec_hnsw_search walk;
    struct vec_search scan;
    struct vec_index_search both;
};

static void opened_auto_release(struct opened *opened) {
    vec_hnsw_free(opened->graph);
    vec_flat_free(opened->flat);
    vec_ivf_free(opened->ivf);
    vec_index_close(opened->index);
}

struct request {
    uint32_t k, threads, ef, nprobe;
    double epsilon, recall;
};

static enum lh_code read_request(const struct cli_args *args, struct request *ret, struct lh_err *err) {
    struct request request = {0};
    LH_TRY(vec_arg_u32(args, "k", 1, VEC_ARG_MOST_K, 10, &request.k, err));
    LH_TRY(vec_arg_u32(args, "threads", 1, 64, 0, &request.threads, err));
    LH_TRY(vec_arg_u32(args, "ef", 1, VEC_HNSW_MAX_EF, 0, &request.ef, err));
    LH_TRY(vec_arg_u32(args, "nprobe", 1, 1u << 24, 0, &request.nprobe, err));
    LH_TRY(vec_arg_real(args, "epsilon", 100.0, &request.epsilon, err));
    LH_TRY(vec_arg_real(args, "recall", 1.0, &request.recall, err));
    if (request.ef && request.ef < request.k) {
        lh_fail(err, LH_USAGE, "--ef is %u, but %u neighbours are asked for", request.ef, request.k);
        return lh_err_hint(err, "the window holds the neighbours: give an --ef of at least -k");
    }
    *ret = request;
    return LH_OK;
}

/* ---- opening ---- */

static enum lh_code open_folder(struct cli *cli, const struct cli_args *args, const struct request *request,
                                struct opened *opened, struct lh_err *err) {
    struct vec_index_stats stats;
    LH_TRY(vec_options_check(args, VEC_SEARCH_FOLDER | VEC_SEARCH_FLAT_FOLDER, err));
    LH_TRY(vec_command_open_folder(cli, args->positional[1], request->threads, &opened->index, err));
    vec_index_stats(opened->index, &stats);
    opened->use = stats.graph_rows ? VEC_SEARCH_FOLDER : VEC_SEARCH_FLAT_FOLDER;
    return LH_OK;
}

static enum lh_code open_file(struct cli *cli, const struct cli_args *args, struct vec_rows_file *vectors,
                              struct opened *opened, struct lh_err *err) {
    LH_AUTO(vec_file) struct vec_file *file = NULL;
    LH_TRY(vec_options_check(args, VEC_SEARCH_FILE, err));
    LH_TRY(vec_command_open(cli, args->positional[1], &file, err));
    LH_TRY(vec_command_read_vectors(cli, args, file, vectors, err));
    enum vec_file_kind kind = vec_file_head(file)->kind;
    enum lh_code code;
    if (kind == VEC_FILE_HNSW)
        code = vec_hnsw_open_file(file, &(struct vec_hnsw_open){.rows = vectors->rows.data}, &opened->graph, err);
    else if (kind == VEC_FILE_FLAT)
        code = vec_flat_open_file(file, vectors->rows.data, &opened->flat, err);
    else
        code = vec_ivf_open_file(file, vectors->rows.data, &opened->ivf, err);
    if (code != LH_OK) {
        if (code == LH_INVALID && cli_arg(args, "vectors"))
            lh_err_context(err, "--vectors %s", cli_arg(args, "vectors"));
        else
            lh_err_context(err, "%s", args->positional[1]);
        if (code == LH_INVALID)
            lh_err_hint(err, "give the file that the index was built from: --vectors FILE");
        return code;
    }
    file = NULL; /* the index's now */
    opened->use = opened->graph                   ? VEC_SEARCH_GRAPH
                  : opened->flat                  ? VEC_SEARCH_FLAT
                  : vec_ivf_pq_bytes(opened->ivf) ? VEC_SEARCH_PQ
                                                  : VEC_SEARCH_IVF;
    return LH_OK;
}

static uint32_t dimensions_of(const struct opened *opened) {
    struct vec_hnsw_config graph;
    struct vec_index_config index;
    if (opened->flat)
        return vec_flat_rows(opened->flat)->d;
    if (opened->ivf)
        return vec_ivf_rows(opened->ivf)->d;
    if (opened->graph) {
        vec_hnsw_config(opened->graph, &graph);
        return graph.d;
    }
    vec_index_config(opened->index, &index);
    return index.d;
}

/* ---- settings ---- */

static void tell_tuning(const char *settings, double recall, bool reached) {
    fprintf(stderr, "%s: recall %.4f on some of the index's own vectors%s\n", settings, recall,
            reached ? "" : ", short of the target");
}

static enum lh_code tune(struct opened *opened, const struct request *request, struct lh_err *err) {
    if (opened->graph) {
        struct vec_hnsw_tuning tuning;
        LH_TRY(vec_hnsw_tune(opened->graph, NULL, request->k, request->recall, request->threads, &tuning, err));
        opened->walk = tuning.search;
        LH_AUTO(mem) char *text = lh_asprintf("ef %u, patience %u", tuning.search.ef, tuning.search.patience);
        tell_tuning(text, tuning.recall, tuning.reached);
        return LH_OK;
    }
    if (opened->index) {
        double recall = 0.0;
        LH_TRY(vec_index_tune(opened->index, request->k, request->recall, &opened->both, &recall, err));
        LH_AUTO(mem)
        char *text = lh_asprintf("ef %u, patience %u, epsilon %.1f", opened->both.ef, opened->both.patience,
                                 (double)opened->both.epsilon);
        tell_tuning(text, recall, recall >= request->recall);
        return LH_OK;
    }
    struct vec_scan_tuning tuning;
    if (opened->flat)
        LH_TRY(vec_flat_tune(opened->flat, NULL, request->k, request->recall, request->threads, &tuning, err));
    else
        LH_TRY(vec_ivf_tune(opened->ivf, NULL, request->k, request->recall, request->threads, &tuning, err));
    opened->scan = tuning.search;
    opened->scan.k = request->k;
    LH_AUTO(mem)
    char *text = lh_asprintf("epsilon %.1f, nprobe %u", (double)tuning.search.epsilon, tuning.search.nprobe);
    tell_tuning(text, tuning.recall, tuning.reached);
    return LH_OK;
}

static enum lh_code choose(struct opened *opened, const struct request *request, struct lh_err *err) {
    float epsilon = (float)request->epsilon;
    opened->walk = (struct vec_hnsw_search){.k = request->k, .ef = request->ef};
    opened->scan = (struct vec_search){.k = request->k, .epsilon = epsilon, .nprobe = request->nprobe};
    opened->both = (struct vec_index_search){.k = request->k, .ef = request->ef, .epsilon = epsilon};
    return request->recall > 0.0 ? tune(opened, request, err) : LH_OK;
}

/* ---- searching ---- */

struct folder_job {
    const struct opened *opened;
    const struct vec_rows *queries;
    struct vec_hit *hits;
    size_t *found;
};

static void search_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    const struct folder_job *job = ctx;
    uint32_t k = job->opened->both.k;
    (void)worker;
    struct vec_index_reader *reader = vec_index_reader_new(job->opened->index);
    for (size_t i = begin; i < end; i++)
        job->found[i] = vec_index_search(reader, vec_row(job->queries, i), &job->opened->both, job->hits + i * k);
    vec_index_reader_free(reader);
}

static enum lh_code search_all(const struct opened *opened, const struct vec_rows *queries, uint32_t threads,
                               struct vec_hit *hits, size_t *found, struct lh_err *err) {
    if (opened->graph)
        return vec_hnsw_search_batch(opened->graph, queries, threads, &opened->walk, hits, found, err);
    if (opened->flat)
        return vec_flat_search_batch(opened->flat, queries, threads, &opened->scan, hits, found, err);
    if (opened->ivf)
        return vec_ivf_search_batch(opened->ivf, queries, threads, &opened->scan, hits, found, err);
    struct folder_job job = {.opened = opened, .queries = queries, .hits = hits, .found = found};
    vec_parallel_for(threads, queries->n, 64, search_piece, &job);
    return LH_OK;
}

static void print_hits(struct cli *cli, size_t query, const struct vec_hit *hits, size_t found, bool estimated) {
    if (cli->json) {
        json_t *list = json_array();
        for (size_t i = 0; i < found; i++)
            json_array_append_new(
                list, json_pack("{s:I, s:f}", "id", (json_int_t)hits[i].id, "distance", (double)hits[i].dist));
        json_t *answer = json_pack("{s:I, s:o}", "query", (json_int_t)query, "hits", list);
        if (estimated)
            json_object_set_new(answer, "estimated", json_true());
        vec_command_print(answer);
        return;
    }
    printf("%zu:", query);
    for (size_t i = 0; i < found; i++)
        printf(" %u (%.6g)", hits[i].id, (double)hits[i].dist);
    printf("\n");
}

enum lh_code vec_command_search(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    LH_AUTO(vec_rows_file) struct vec_rows_file vectors = {0};
    LH_AUTO(vec_rows_file) struct vec_rows_file queries = {0};
    LH_AUTO(opened) struct opened opened = {0};
    struct request request = {0};
    LH_TRY(vec_options_check(args, VEC_SEARCH, err));
    LH_TRY(read_request(args, &request, err));
    if (vec_command_is_folder(cli, args->positional[1]))
        LH_TRY(open_folder(cli, args, &request, &opened, err));
    else
        LH_TRY(open_file(cli, args, &vectors, &opened, err));
    LH_TRY(vec_options_check(args, opened.use, err));
    LH_TRY(vec_command_read(cli, args, args->positional[2], &queries, err));
    uint32_t d = dimensions_of(&opened);
    if (queries.rows.d != d)
        return lh_fail(err, LH_INVALID, "%s holds vectors of %u dimensions, and the index %s of %u",
                       args->positional[2], queries.rows.d, args->positional[1], d);
    LH_TRY(choose(&opened, &request, err));
    LH_AUTO(mem) struct vec_hit *hits = lh_calloc(queries.rows.n * request.k + 1, sizeof *hits);
    LH_AUTO(mem) size_t *found = lh_calloc(queries.rows.n + 1, sizeof *found);
    LH_TRY(search_all(&opened, &queries.rows, request.threads, hits, found, err));
    bool estimated = opened.graph && !vec_hnsw_holds_rows(opened.graph);
    if (estimated && !cli->json)
        fprintf(stderr, "distances are estimates: the index is without its vectors; --vectors FILE gives them\n");
    for (size_t i = 0; i < queries.rows.n; i++)
        print_hits(cli, i, hits + i * request.k, found[i], estimated);
    return LH_OK;
}
