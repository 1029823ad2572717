/* lakehouse vec inspect: what an index, or a file of vectors, is and holds. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/vec_command.h"
#include "cli/vec_source.h"
#include "vector/flat.h"
#include "vector/index.h"
#include "vector/ivf.h"

#include <stdio.h>
#include <string.h>

static json_t *whole(uint64_t value) {
    return json_integer((json_int_t)value);
}

static void set(json_t *object, const char *key, json_t *value) {
    json_object_set_new(object, key, value);
}

static json_t *describe_head(const struct vec_file *file, const char *kind) {
    const struct vec_file_head *head = vec_file_head(file);
    json_t *sections = json_object();
    char tag[5];
    uint64_t bytes = 0;
    for (size_t i = 0; vec_file_list(file, i, tag, &bytes); i++)
        set(sections, tag, whole(bytes));
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:b, s:o}", "kind", kind, "metric", vec_metric_name(head->metric),
                     "dimensions", (json_int_t)head->d, "rows", (json_int_t)head->n, "size_bytes",
                     (json_int_t)vec_file_size(file), "holds_vectors", vec_file_find(file, "ROWS", &bytes) != NULL,
                     "sections", sections);
}

static json_t *describe_graph(const struct vec_hnsw_report *report) {
    json_t *levels = json_array();
    size_t top = LH_ARRAY_LEN(report->levels);
    while (top > 0 && report->levels[top - 1] == 0)
        top--;
    for (size_t i = 0; i < top; i++)
        json_array_append_new(levels, whole(report->levels[i]));
    return json_pack(
        "{s:I, s:I, s:I, s:f, s:{s:I, s:f, s:I}, s:{s:I, s:I}, s:o}", "reachable", (json_int_t)report->reachable,
        "isolated", (json_int_t)report->isolated, "links", (json_int_t)report->links, "mutual",
        report->links ? (double)report->mutual / (double)report->links : 1.0, "degree", "min",
        (json_int_t)report->degree_min, "mean", report->degree_mean, "max", (json_int_t)report->degree_max, "in_degree",
        "min", (json_int_t)report->in_degree_min, "max", (json_int_t)report->in_degree_max, "levels", levels);
}

static void set_live(json_t *about, uint64_t live, uint64_t deleted) {
    set(about, "live", whole(live));
    set(about, "deleted", whole(deleted));
}

/* ---- one file ---- */

static enum lh_code inspect_graph(struct vec_file **file, const float *rows, bool verify, json_t *about,
                                  struct lh_err *err) {
    struct vec_hnsw *graph = NULL;
    struct vec_hnsw_report report;
    struct vec_hnsw_stats stats;
    uint64_t seed = vec_file_head(*file)->seed;
    LH_TRY(vec_hnsw_open_file(*file, &(struct vec_hnsw_open){.rows = rows}, &graph, err));
    *file = NULL;
    vec_hnsw_stats(graph, &stats);
    enum lh_code code = vec_hnsw_check(graph, &report, err);
    if (code == LH_OK && verify)
        code = vec_hnsw_check_rows(graph, err);
    vec_hnsw_free(graph);
    LH_TRY(code);
    set_live(about, report.live, stats.deleted);
    set(about, "parameters",
        json_pack("{s:I, s:I, s:I}", "m", (json_int_t)stats.m, "ef_construction", (json_int_t)stats.ef_construction,
                  "seed", (json_int_t)seed));
    set(about, "structure", describe_graph(&report));
    set(about, "equal_rows", whole(stats.twins));
    set(about, "walks_full_rows", json_boolean(stats.coarse));
    return LH_OK;
}

static enum lh_code inspect_flat(struct vec_file **file, const float *rows, bool verify, json_t *about,
                                 struct lh_err *err) {
    struct vec_flat *flat = NULL;
    struct vec_scan_report report = {0};
    LH_TRY(vec_flat_open_file(*file, rows, &flat, err));
    *file = NULL;
    uint64_t n = vec_flat_count(flat);
    for (uint64_t id = 0; id < n; id++)
        report.live += vec_flat_live(flat, (uint32_t)id);
    report.deleted = n - report.live;
    set(about, "parameters", json_pack("{s:i, s:I}", "code_bits", 1, "seed", (json_int_t)vec_flat_seed(flat)));
    enum lh_code code = verify ? vec_flat_check(flat, &report, err) : LH_OK;
    vec_flat_free(flat);
    set_live(about, report.live, report.deleted);
    return code;
}

static enum lh_code inspect_lists(struct vec_file **file, const float *rows, bool verify, json_t *about,
                                  struct lh_err *err) {
    struct vec_ivf *ivf = NULL;
    struct vec_scan_report report = {0};
    uint64_t seed = vec_file_head(*file)->seed;
    LH_TRY(vec_ivf_open_file(*file, rows, &ivf, err));
    *file = NULL;
    uint64_t n = vec_ivf_count(ivf);
    report.lists = vec_ivf_lists(ivf);
    for (uint64_t id = 0; id < n; id++)
        report.live += vec_ivf_live(ivf, (uint32_t)id);
    report.deleted = n - report.live;
    for (uint32_t list = 0; list < report.lists; list++) {
        uint32_t size = vec_ivf_list_size(ivf, list);
        report.longest = size > report.longest ? size : report.longest;
        report.empty += size == 0;
    }
    set(about, "parameters",
        json_pack("{s:I, s:s, s:I, s:I}", "lists", (json_int_t)report.lists, "codes",
                  vec_ivf_pq_bytes(ivf) ? "pq" : "1-bit", "pq_bytes", (json_int_t)vec_ivf_pq_bytes(ivf), "seed",
                  (json_int_t)seed));
    enum lh_code code = verify ? vec_ivf_check(ivf, &report, err) : LH_OK;
    vec_ivf_free(ivf);
    set_live(about, report.live, report.deleted);
    set(about, "structure",
        json_pack("{s:I, s:f, s:I}", "longest_list", (json_int_t)report.longest, "mean_list",
                  report.lists ? (double)n / report.lists : 0.0, "empty_lists", (json_int_t)report.empty));
    return code;
}

/* What must be opened to be known.  A flat and inverted lists open with the full vectors only: where these are apart and were
 * not given, the head and the sections are all that is told. */
static enum lh_code inspect_content(struct cli *cli, const struct cli_args *args, struct vec_file **file, json_t *about,
                                    struct lh_err *err) {
    LH_AUTO(vec_rows_file) struct vec_rows_file vectors = {0};
    enum vec_file_kind kind = vec_file_head(*file)->kind;
    bool verify = cli_flag(args, "verify");
    uint64_t bytes = 0;
    LH_TRY(vec_command_read_vectors(cli, args, *file, &vectors, err));
    if (kind == VEC_FILE_HNSW)
        return inspect_graph(file, vectors.rows.data, verify, about, err);
    if (!vectors.rows.data && !vec_file_find(*file, "ROWS", &bytes))
        return LH_OK;
    if (kind == VEC_FILE_FLAT)
        return inspect_flat(file, vectors.rows.data, verify, about, err);
    return inspect_lists(file, vectors.rows.data, verify, about, err);
}

static enum lh_code inspect_file(struct cli *cli, const struct cli_args *args, json_t **ret_about, struct lh_err *err) {
    static const char *const kinds[] = {
        [VEC_FILE_FLAT] = "flat", [VEC_FILE_HNSW] = "graph", [VEC_FILE_IVF] = "ivf", [VEC_FILE_CHUNKS] = "chunks"};
    const char *path = args->positional[1];
    LH_AUTO(vec_file) struct vec_file *file = NULL;
    LH_TRY(vec_command_open_any(cli, path, &file, err));
    enum vec_file_kind kind = vec_file_head(file)->kind;
    if (kind == VEC_FILE_INDEX)
        return vec_command_fail_segments(path, err);
    LH_AUTO(json) json_t *about = describe_head(file, kinds[kind]);
    if (cli_flag(args, "verify") && vec_file_verify(file, err) != LH_OK)
        return lh_err_context(err, "%s", path);
    if (kind != VEC_FILE_CHUNKS && inspect_content(cli, args, &file, about, err) != LH_OK)
        return err->code == LH_USAGE ? LH_USAGE : lh_err_context(err, "%s", path);
    *ret_about = LH_STEAL(about);
    return LH_OK;
}

/* ---- a folder ---- */

static json_t *describe_segments(struct vec_index *index) {
    json_t *segments = json_array();
    struct vec_index_segment segment;
    for (size_t i = 0; vec_index_segment(index, i, &segment); i++)
        json_array_append_new(segments,
                              json_pack("{s:s, s:I, s:I, s:I, s:I}", "kind", segment.graph ? "graph" : "flat", "first",
                                        (json_int_t)segment.first, "rows", (json_int_t)segment.rows, "deleted",
                                        (json_int_t)segment.deleted, "code_bytes", (json_int_t)segment.index_bytes));
    return segments;
}

static enum lh_code inspect_index(struct vec_index *index, bool verify, json_t **ret_about, struct lh_err *err) {
    static const char *const makes[] = {
        [VEC_INDEX_AUTO] = "auto", [VEC_INDEX_FLAT] = "flat", [VEC_INDEX_GRAPH] = "graph"};
    struct vec_index_config config;
    struct vec_index_stats stats;
    struct vec_hnsw_report graph;
    vec_index_config(index, &config);
    vec_index_stats(index, &stats);
    LH_TRY(vec_index_check(index, verify, &graph, err));
    json_t *about =
        json_pack("{s:s, s:s, s:I, s:I, s:b, s:{s:s, s:I, s:I, s:I}, s:I, s:b, s:o}", "kind", "growing", "metric",
                  vec_metric_name(config.metric), "dimensions", (json_int_t)config.d, "rows", (json_int_t)stats.rows,
                  "holds_vectors", 1, "parameters", "merge_makes", makes[config.kind], "m", (json_int_t)config.m,
                  "ef_construction", (json_int_t)config.ef_construction, "seed", (json_int_t)config.seed, "code_bytes",
                  (json_int_t)stats.index_bytes, "wants_merge", vec_index_wants_merge(index), "segments",
                  describe_segments(index));
    set_live(about, stats.rows - stats.deleted, stats.deleted);
    if (stats.graph_rows)
        set(about, "structure", describe_graph(&graph));
    *ret_about = about;
    return LH_OK;
}

static enum lh_code inspect_folder(struct cli *cli, const struct cli_args *args, json_t **ret_about,
                                   struct lh_err *err) {
    struct vec_index *index = NULL;
    LH_TRY(vec_command_open_folder(cli, args->positional[1], 1, &index, err));
    enum lh_code code = inspect_index(index, cli_flag(args, "verify"), ret_about, err);
    vec_index_close(index);
    return code == LH_OK ? LH_OK : lh_err_context(err, "%s", args->positional[1]);
}

/* ---- a file of vectors ---- */

static enum lh_code inspect_vectors(struct cli *cli, const struct cli_args *args, json_t **ret_about,
                                    struct lh_err *err) {
    LH_AUTO(vec_rows_file) struct vec_rows_file vectors = {0};
    LH_TRY(vec_command_read(cli, args, args->positional[1], &vectors, err));
    *ret_about = json_pack("{s:s, s:I, s:I}", "kind", "vectors", "rows", (json_int_t)vectors.rows.n, "dimensions",
                           (json_int_t)vectors.rows.d);
    return LH_OK;
}

/* ---- for people ---- */

static long long number_of(const json_t *object, const char *key) {
    return (long long)json_integer_value(json_object_get(object, key));
}

static const char *text_of(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

static void print_parameters(const json_t *parameters) {
    const char *key;
    json_t *value;
    const char *between = "  built with ";
    json_object_foreach((json_t *)(uintptr_t)parameters, key, value) {
        if (json_is_string(value))
            printf("%s%s %s", between, key, json_string_value(value));
        else
            printf("%s%s %lld", between, key, (long long)json_integer_value(value));
        between = ", ";
    }
    if (json_object_size(parameters))
        printf("\n");
}

static void print_structure(const json_t *structure) {
    const json_t *degree = json_object_get(structure, "degree");
    const json_t *in_degree = json_object_get(structure, "in_degree");
    if (!structure)
        return;
    if (!degree) {
        printf("  lists: %.1f rows on average, %lld in the longest, %lld empty\n",
               json_real_value(json_object_get(structure, "mean_list")), number_of(structure, "longest_list"),
               number_of(structure, "empty_lists"));
        return;
    }
    printf("  reachable %lld, isolated %lld; links out %.1f (%lld to %lld), in %lld to %lld, %.0f%% mutual\n",
           number_of(structure, "reachable"), number_of(structure, "isolated"),
           json_real_value(json_object_get(degree, "mean")), number_of(degree, "min"), number_of(degree, "max"),
           number_of(in_degree, "min"), number_of(in_degree, "max"),
           100.0 * json_real_value(json_object_get(structure, "mutual")));
}

static void print_about(const json_t *about) {
    const char *name;
    json_t *value;
    size_t i;
    printf("%s index, %s, %lld vectors of %lld dimensions%s\n", text_of(about, "kind"), text_of(about, "metric"),
           number_of(about, "rows"), number_of(about, "dimensions"),
           json_is_true(json_object_get(about, "holds_vectors")) ? "" : ", which are not in the file");
    if (json_object_get(about, "live"))
        printf("  live %lld, deleted %lld\n", number_of(about, "live"), number_of(about, "deleted"));
    if (number_of(about, "equal_rows"))
        printf("  %lld rows equal another and share its node\n", number_of(about, "equal_rows"));
    if (json_is_true(json_object_get(about, "walks_full_rows")))
        printf("  codes do not tell its rows apart: searches read the full vectors\n");
    print_parameters(json_object_get(about, "parameters"));
    print_structure(json_object_get(about, "structure"));
    if (json_object_get(about, "size_bytes"))
        printf("  size %14lld bytes\n", number_of(about, "size_bytes"));
    json_object_foreach(json_object_get(about, "sections"), name, value)
        printf("  %s %14lld bytes\n", name, (long long)json_integer_value(value));
    json_array_foreach(json_object_get(about, "segments"), i, value) printf(
        "  segment %zu: %s, rows %lld to %lld, %lld deleted, %.1f MB beside the vectors\n", i, text_of(value, "kind"),
        number_of(value, "first"), number_of(value, "first") + number_of(value, "rows") - 1,
        number_of(value, "deleted"), (double)number_of(value, "code_bytes") / 1e6);
    if (json_is_true(json_object_get(about, "wants_merge")))
        printf("  a merge would make searches faster\n");
    if (json_is_true(json_object_get(about, "verified")))
        printf("  every checksum and every row is right\n");
}

enum lh_code vec_command_inspect(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    const char *path = args->positional[1];
    bool folder = vec_command_is_folder(cli, path);
    bool vectors = !folder && vec_source_is_one(path);
    LH_AUTO(json) json_t *about = NULL;
    LH_TRY(vec_options_check(args, VEC_INSPECT, err));
    LH_TRY(vec_options_check(args,
                             folder                     ? VEC_INSPECT_FOLDER
                             : vectors                  ? VEC_INSPECT_VECTORS
                             : cli_arg(args, "vectors") ? VEC_INSPECT_APART
                                                        : VEC_INSPECT_INDEX,
                             err));
    if (vectors)
        LH_TRY(inspect_vectors(cli, args, &about, err));
    else
        LH_TRY(folder ? inspect_folder(cli, args, &about, err) : inspect_file(cli, args, &about, err));
    if (cli_flag(args, "verify"))
        set(about, "verified", json_true());
    if (cli->json)
        vec_command_print(LH_STEAL(about));
    else if (vectors)
        printf("%lld vectors of %lld dimensions, every value finite\n", number_of(about, "rows"),
               number_of(about, "dimensions"));
    else
        print_about(about);
    return LH_OK;
}
