#include "cli/vec_command.h"

#include <stdlib.h>
#include <string.h>

const struct cli_option vec_options[] = {
    {"output", 'o', "INDEX", "build: the file to write (default: FILE with .vec behind it)", false},
    {"dimensions", 0, "D", "of the vectors; needed for .f32 files", false},
    {"column", 0, "NAME", "of the vectors in .parquet files (default: the only one of FLOAT lists or arrays)", false},
    {"metric", 0, "NAME", "build, bench: cosine, l2 or dot (default: cosine)", false},
    {"kind", 0, "KIND",
     "build: graph, flat (1-bit codes), ivf (the same in lists) or growing (a folder) (default: graph)", false},
    {"lists", 0, "N", "build: lists of an ivf (default: twice the root of the rows)", false},
    {"m", 0, "N", "build, bench: links that a node asks for, 2 to 64 (default: 16)", false},
    {"ef-construction", 0, "N", "build, bench: window of the search before an insert (default: 100)", false},
    {"seed", 0, "N", "build, bench: the same seed on one thread gives the same index (default: 1)", false},
    {"threads", 0, "N", "build, search, bench (default: one a processor)", false},
    {"without-vectors", 0, NULL, "build: leave the full vectors out of the index", false},
    {"vectors", 0, "FILE", "search, inspect: the full vectors of an index without them", false},
    {"k", 'k', "N", "search, bench: neighbours (default: 10)", false},
    {"ef", 0, "N", "search: window of a graph's walk (default: 64)", false},
    {"nprobe", 0, "N", "search: lists of an ivf to read (default: 8 and a sixteenth of them)", false},
    {"epsilon", 0, "E", "search: width of the error bound of 1-bit codes (default: 1.9)", false},
    {"recall", 0, "SHARE", "search: find the settings that reach this recall, such as 0.99", false},
    {"verify", 0, NULL, "inspect: read everything, compare checksums, check every row", false},
    {"json", 0, NULL, "one JSON object a line", false},
    {NULL, 0, NULL, NULL, false},
};

#define GRAPHS (VEC_BUILD_GRAPH | VEC_BUILD_GROWING | VEC_BENCH)

/* Where an option means something, and what to do where it does not. */
static const struct place {
    const char *option;
    unsigned uses;
    const char *remedy;
} places[] = {
    {"output", VEC_BUILD, "it names the file that 'lakehouse vec build' writes; leave it out"},
    {"dimensions", VEC_BUILD | VEC_SEARCH | VEC_BENCH | VEC_INSPECT_VECTORS | VEC_INSPECT_APART,
     "an index knows its dimensions; leave it out"},
    {"column", VEC_BUILD | VEC_SEARCH | VEC_BENCH | VEC_INSPECT_VECTORS | VEC_INSPECT_APART,
     "it is for .parquet files; leave it out"},
    {"metric", VEC_BUILD | VEC_BENCH,
     "an index keeps the metric it was built with; choose it in 'lakehouse vec build'"},
    {"kind", VEC_BUILD, "an index is of the kind it was built as; choose it in 'lakehouse vec build'"},
    {"lists", VEC_BUILD_IVF, "only an ivf has lists: build with --kind ivf, or leave it out"},
    {"m", GRAPHS, "only a graph has links, and they are made by 'lakehouse vec build --kind graph'; leave it out"},
    {"ef-construction", GRAPHS, "it is for 'lakehouse vec build --kind graph'; a graph is searched with --ef"},
    {"seed", VEC_BUILD | VEC_BENCH, "nothing is drawn at random here; leave it out"},
    {"threads", VEC_BUILD | VEC_SEARCH | VEC_BENCH, "this runs on one thread; leave it out"},
    {"without-vectors", VEC_BUILD & ~VEC_BUILD_GROWING,
     "an index file is built without them; a growing index always holds its vectors"},
    {"vectors", VEC_SEARCH_FILE | VEC_INSPECT_APART,
     "it brings the vectors of an index file that was built without them; leave it out"},
    {"k", VEC_SEARCH | VEC_BENCH, "it is the number of neighbours in a search; leave it out"},
    {"ef", VEC_SEARCH_GRAPH | VEC_SEARCH_FOLDER,
     "it is for graphs: a flat takes --epsilon, an ivf --nprobe, any index --recall (and build --ef-construction)"},
    {"nprobe", VEC_SEARCH_IVF | VEC_SEARCH_PQ,
     "it is for inverted lists (--kind ivf): a graph takes --ef, a flat --epsilon, any index --recall"},
    {"epsilon", VEC_SEARCH_FLAT | VEC_SEARCH_IVF | VEC_SEARCH_FOLDER | VEC_SEARCH_FLAT_FOLDER,
     "it is for 1-bit codes: a graph takes --ef, inverted lists of PQ codes --nprobe, any index --recall"},
    {"recall", VEC_SEARCH, "it lets 'lakehouse vec search' find its settings; bench tries many, and an index has none"},
    {"verify", VEC_INSPECT_INDEX | VEC_INSPECT_APART | VEC_INSPECT_FOLDER,
     "it is for 'lakehouse vec inspect INDEX'; vectors are checked whenever they are read"},
    {"json", VEC_BUILD | VEC_SEARCH | VEC_BENCH | VEC_INSPECT, ""},
};

/* Two that say the same thing in different ways. */
static const struct {
    const char *one, *other, *remedy;
} rivals[] = {
    {"recall", "ef", "--recall finds ef by itself: give one of them"},
    {"recall", "nprobe", "--recall finds nprobe by itself: give one of them"},
    {"recall", "epsilon", "--recall finds epsilon by itself: give one of them"},
};

static const struct {
    unsigned uses;
    const char *what;
} subjects[] = {
    {VEC_BUILD, "lakehouse vec build"},
    {VEC_BUILD_GRAPH, "a graph (lakehouse vec build --kind graph)"},
    {VEC_BUILD_FLAT, "a flat (lakehouse vec build --kind flat)"},
    {VEC_BUILD_IVF, "inverted lists (lakehouse vec build --kind ivf)"},
    {VEC_BUILD_GROWING, "a growing index (lakehouse vec build --kind growing)"},
    {VEC_SEARCH, "lakehouse vec search"},
    {VEC_SEARCH_FILE, "the search of an index file"},
    {VEC_SEARCH_GRAPH, "the search of a graph"},
    {VEC_SEARCH_FLAT, "the search of a flat"},
    {VEC_SEARCH_IVF, "the search of inverted lists"},
    {VEC_SEARCH_PQ, "the search of inverted lists of PQ codes"},
    {VEC_SEARCH_FOLDER | VEC_SEARCH_FLAT_FOLDER, "the search of a growing index"},
    {VEC_SEARCH_FOLDER, "the search of a growing index"},
    {VEC_SEARCH_FLAT_FOLDER, "the search of a growing index without a graph"},
    {VEC_BENCH, "lakehouse vec bench"},
    {VEC_INSPECT, "lakehouse vec inspect"},
    {VEC_INSPECT_INDEX, "lakehouse vec inspect of an index file"},
    {VEC_INSPECT_APART, "lakehouse vec inspect of an index file"},
    {VEC_INSPECT_FOLDER, "lakehouse vec inspect of a growing index"},
    {VEC_INSPECT_VECTORS, "lakehouse vec inspect of a file of vectors"},
};

static const char *subject_of(unsigned uses) {
    for (size_t i = 0; i < LH_ARRAY_LEN(subjects); i++)
        if (subjects[i].uses == uses)
            return subjects[i].what;
    return "this";
}

enum lh_code vec_options_check(const struct cli_args *args, unsigned uses, struct lh_err *err) {
    for (size_t i = 0; i < LH_ARRAY_LEN(places); i++) {
        if (!cli_arg(args, places[i].option) || (places[i].uses & uses))
            continue;
        lh_fail(err, LH_USAGE, "--%s means nothing to %s", places[i].option, subject_of(uses));
        return lh_err_hint(err, "%s", places[i].remedy);
    }
    for (size_t i = 0; i < LH_ARRAY_LEN(rivals); i++) {
        if (!cli_arg(args, rivals[i].one) || !cli_arg(args, rivals[i].other))
            continue;
        lh_fail(err, LH_USAGE, "--%s and --%s contradict each other", rivals[i].one, rivals[i].other);
        return lh_err_hint(err, "%s", rivals[i].remedy);
    }
    return LH_OK;
}

/* ---- values ---- */

enum lh_code vec_arg_u32(const struct cli_args *args, const char *name, uint32_t min, uint32_t max, uint32_t fallback,
                         uint32_t *ret_value, struct lh_err *err) {
    uint64_t value = 0;
    LH_TRY(cli_arg_uint(args, name, min, max, fallback, &value, err));
    *ret_value = (uint32_t)value;
    return LH_OK;
}

enum lh_code vec_arg_real(const struct cli_args *args, const char *name, double most, double *ret_value,
                          struct lh_err *err) {
    const char *text = cli_arg(args, name);
    char *end = NULL;
    double value = text ? strtod(text, &end) : 0.0;
    if (text && (end == text || *end != '\0' || !(value > 0.0 && value <= most)))
        return lh_fail(err, LH_USAGE, "--%s is \"%s\"; it must be above 0 and at most %g", name, text, most);
    *ret_value = value;
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

enum lh_code vec_arg_config(const struct cli_args *args, struct vec_hnsw_config *ret_config, uint32_t *ret_threads,
                            struct lh_err *err) {
    *ret_config = (struct vec_hnsw_config){0};
    LH_TRY(arg_metric(args, &ret_config->metric, err));
    LH_TRY(vec_arg_u32(args, "m", 2, VEC_HNSW_MAX_M, 16, &ret_config->m, err));
    LH_TRY(vec_arg_u32(args, "ef-construction", 1, VEC_HNSW_MAX_EF, 100, &ret_config->ef_construction, err));
    LH_TRY(cli_arg_uint(args, "seed", 0, UINT64_MAX, 1, &ret_config->seed, err));
    return vec_arg_u32(args, "threads", 1, 64, 0, ret_threads, err);
}
