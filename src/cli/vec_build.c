/* lakehouse vec build: an index file from a file of vectors. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/vec_command.h"
#include "os/file.h"
#include "os/signals.h"
#include "vector/flat.h"
#include "vector/index.h"
#include "vector/ivf.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define GOOD_RECALL 0.95

/* One of the four. */
struct built {
    struct vec_hnsw *graph;
    struct vec_flat *flat;
    struct vec_ivf *ivf;
    struct vec_index *growing;
};

static void built_auto_release(struct built *built) {
    vec_hnsw_free(built->graph);
    vec_flat_free(built->flat);
    vec_ivf_free(built->ivf);
    vec_index_close(built->growing);
}

struct plan {
    enum vec_use use;
    struct vec_hnsw_config config;
    uint32_t threads, lists;
    bool with_rows;
    const char *output;
};

static enum lh_code read_kind(const struct cli_args *args, enum vec_use *ret_use, struct lh_err *err) {
    static const struct {
        const char *name;
        enum vec_use use;
    } kinds[] = {
        {"graph", VEC_BUILD_GRAPH}, {"flat", VEC_BUILD_FLAT}, {"ivf", VEC_BUILD_IVF}, {"growing", VEC_BUILD_GROWING}};
    const char *kind = cli_arg(args, "kind") ? cli_arg(args, "kind") : "graph";
    for (size_t i = 0; i < LH_ARRAY_LEN(kinds); i++) {
        if (strcmp(kind, kinds[i].name) == 0) {
            *ret_use = kinds[i].use;
            return LH_OK;
        }
    }
    return lh_fail(err, LH_USAGE, "--kind is \"%s\"; it must be graph, flat, ivf or growing", kind);
}

/* What is replaced must be an index: not the vectors themselves, nor a device or whatever else a mistyped name means. */
static enum lh_code check_replaced(struct cli *cli, const char *output, struct lh_err *err) {
    struct os_stat there;
    struct lh_err none = LH_ERR_INIT;
    if (os_stat_at(cli->os, AT_FDCWD, output, &there, &none) != LH_OK)
        return LH_OK;
    LH_AUTO(vec_file) struct vec_file *old = NULL;
    if (there.is_file && vec_file_open(cli->os, output, &old, &none) == LH_OK)
        return LH_OK;
    lh_fail(err, LH_EXISTS, "\"%s\" exists and is not a vector index", output);
    return lh_err_hint(err, "choose another name with --output, or remove it first");
}

/* Before the work of minutes and not after it: that a file can be made where the index is to stand. */
static enum lh_code check_output(struct cli *cli, const char *output, enum vec_use use, struct lh_err *err) {
    LH_AUTO(mem) char *probe = lh_asprintf("%s.probe", output);
    int fd = -1;
    if (*output == '\0')
        return lh_fail(err, LH_USAGE, "the name of the index to write is empty");
    if (use == VEC_BUILD_GROWING && vec_command_is_folder(cli, output))
        return LH_OK; /* one that holds an index already is refused by the library */
    LH_TRY(check_replaced(cli, output, err));
    enum lh_code code = os_open(cli->os, AT_FDCWD, probe, O_WRONLY | O_CREAT, 0644, 0, &fd, err);
    os_close(cli->os, fd);
    if (code == LH_OK)
        return os_unlink(cli->os, AT_FDCWD, probe, err);
    lh_err_context(err, "the index cannot be written to \"%s\"", output);
    return lh_err_hint(err, "name a file in a folder that exists and can be written to with --output");
}

static enum lh_code read_plan(struct cli *cli, const struct cli_args *args, const char *output, struct plan *ret_plan,
                              struct lh_err *err) {
    struct plan plan = {.with_rows = !cli_flag(args, "without-vectors"), .output = output};
    LH_TRY(vec_options_check(args, VEC_BUILD, err));
    LH_TRY(read_kind(args, &plan.use, err));
    LH_TRY(vec_options_check(args, plan.use, err));
    LH_TRY(vec_arg_config(args, &plan.config, &plan.threads, err));
    LH_TRY(vec_arg_u32(args, "lists", 1, 1u << 24, 0, &plan.lists, err));
    LH_TRY(check_output(cli, plan.output, plan.use, err));
    *ret_plan = plan;
    return LH_OK;
}

static enum lh_code make(struct cli *cli, const struct plan *plan, const struct vec_rows *rows, struct built *built,
                         struct lh_err *err) {
    const struct vec_hnsw_config *config = &plan->config;
    if (plan->use == VEC_BUILD_GROWING) {
        const struct vec_index_config growing = {.d = rows->d,
                                                 .metric = config->metric,
                                                 .m = config->m,
                                                 .ef_construction = config->ef_construction,
                                                 .seed = config->seed,
                                                 .threads = plan->threads};
        return vec_index_create(cli->os, plan->output, &growing, rows, &built->growing, err);
    }
    if (plan->use == VEC_BUILD_GRAPH)
        return vec_hnsw_build(config, rows, plan->threads, &built->graph, err);
    if (plan->use == VEC_BUILD_FLAT) {
        const struct vec_flat_config flat = {.metric = config->metric, .seed = config->seed, .threads = plan->threads};
        return vec_flat_new(rows, &flat, &built->flat, err);
    }
    const struct vec_ivf_config ivf = {
        .metric = config->metric, .lists = plan->lists, .seed = config->seed, .threads = plan->threads};
    return vec_ivf_new(rows, &ivf, &built->ivf, err);
}

static enum lh_code save(struct cli *cli, const struct plan *plan, const struct built *built, struct lh_err *err) {
    LH_AUTO(os_signals_hold) struct os_signals_hold
        hold; /* Ctrl-C leaves the whole file, not half of a temporary one */
    os_signals_hold(&hold);
    if (built->graph)
        return vec_hnsw_save(built->graph, cli->os, plan->output, plan->with_rows, err);
    if (built->flat)
        return vec_flat_save(built->flat, cli->os, plan->output, plan->with_rows, err);
    if (built->ivf)
        return vec_ivf_save(built->ivf, cli->os, plan->output, plan->with_rows, err);
    return LH_OK; /* a growing index has saved itself */
}

/* What a search without settings will find, and what is unusual about the vectors. */
static void tell_graph(const struct vec_hnsw_stats *stats, double recall) {
    printf("the default search finds about %.0f%% of the 10 nearest%s\n", 100.0 * recall,
           recall < GOOD_RECALL ? "; --recall 0.99 at searching finds a wider one" : "");
    if (stats->twins)
        printf("%u vectors equal others and share their places in the graph\n", stats->twins);
    if (stats->coarse)
        printf("codes do not tell these vectors apart: searches read full ones, and take several times as long\n");
}

static enum lh_code tell(struct cli *cli, const struct plan *plan, const struct built *built,
                         const struct vec_rows *rows, double took, struct lh_err *err) {
    struct vec_hnsw_stats stats = {0};
    double recall = 1.0;
    uint64_t bytes = built->flat ? vec_flat_bytes(built->flat) : built->ivf ? vec_ivf_bytes(built->ivf) : 0;
    if (built->graph) {
        vec_hnsw_stats(built->graph, &stats);
        bytes = stats.graph_bytes;
        LH_TRY(vec_hnsw_expect(built->graph, &(struct vec_hnsw_search){.k = 10}, plan->threads, &recall, err));
    }
    if (built->growing) {
        struct vec_index_stats growing;
        vec_index_stats(built->growing, &growing);
        bytes = growing.index_bytes;
    }
    if (cli->json) {
        json_t *told = json_pack("{s:s, s:I, s:I, s:f, s:I}", "index", plan->output, "rows", (json_int_t)rows->n,
                                 "dimensions", (json_int_t)rows->d, "seconds", took, "code_bytes", (json_int_t)bytes);
        if (built->graph)
            json_object_set_new(told, "expected_recall", json_real(recall));
        vec_command_print(told);
        return LH_OK;
    }
    printf("%s: %zu vectors of %u dimensions, ", plan->output, rows->n, rows->d);
    if (built->graph)
        printf("%.1f links each, ", stats.rows ? (double)stats.links / stats.rows : 0.0);
    else if (built->ivf)
        printf("in %u lists, ", vec_ivf_lists(built->ivf));
    printf("built in %.2f s; %.1f MB beside the vectors\n", took, (double)bytes / 1e6);
    if (built->graph && rows->n)
        tell_graph(&stats, recall);
    return LH_OK;
}

enum lh_code vec_command_build(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    const char *path = args->positional[1];
    LH_AUTO(mem) char *fallback = lh_asprintf("%s.vec", path);
    LH_AUTO(vec_rows_file) struct vec_rows_file file = {0};
    LH_AUTO(built) struct built built = {0};
    struct plan plan;
    LH_TRY(read_plan(cli, args, cli_arg(args, "output") ? cli_arg(args, "output") : fallback, &plan, err));
    LH_TRY(vec_command_read(cli, args, path, &file, err));
    if (plan.lists > file.rows.n) {
        lh_fail(err, LH_USAGE, "--lists is %u, but there are only %zu vectors to put in them", plan.lists, file.rows.n);
        return lh_err_hint(err, "leave it out: the default is twice the root of the vectors");
    }
    plan.config.d = file.rows.d;
    double start = vec_command_seconds(cli);
    LH_TRY(make(cli, &plan, &file.rows, &built, err));
    double took = vec_command_seconds(cli) - start;
    LH_TRY(save(cli, &plan, &built, err));
    return tell(cli, &plan, &built, &file.rows, took, err);
}
