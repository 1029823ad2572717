/* lakehouse vec build|search|bench|inspect: vector indexes from files, without a lake.  What each does stands in
 * vec_build.c, vec_search.c, vec_bench.c and vec_inspect.c. */
#include "cli/cli.h"
#include "cli/vec_command.h"

#include <string.h>

static int run(struct cli *cli, const struct cli_args *args) {
    static const struct {
        const char *name;
        size_t positional;
        enum lh_code (*run)(struct cli *cli, const struct cli_args *args, struct lh_err *err);
    } actions[] = {{"build", 2, vec_command_build},
                   {"search", 3, vec_command_search},
                   {"bench", 2, vec_command_bench},
                   {"inspect", 2, vec_command_inspect}};
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
    .usage = "build FILE [-o INDEX] [--kind graph|flat|ivf|growing] [--metric NAME] [--without-vectors] [options]\n"
             "search INDEX QUERIES [-k N] [--recall SHARE | --ef N | --nprobe N | --epsilon E] [--vectors FILE]\n"
             "bench FILE [-k N] [--metric NAME]\n"
             "inspect INDEX|FILE [--verify] [--vectors FILE]",
    .summary = "build, search, measure and inspect vector indexes",
    .help =
        "Vectors are read from .f32 (raw floats; tell --dimensions), .fvecs, .npy and .parquet files (a column of lists or\n"
        "arrays of FLOAT or DOUBLE, read in a sandboxed worker).  An index is one file that is mapped when it is opened, or\n"
        "the folder of an index that grows; rows are numbered from 0 as they stand.  bench keeps the last tenth, at most\n"
        "1,000, as queries and compares with exact search.  An option that means nothing to the kind of index at hand is\n"
        "an error: --ef is for graphs, --nprobe for inverted lists, --epsilon for 1-bit codes, --recall for all of them.\n\n"
        "  lakehouse vec build resumes.npy -o resumes.vec\n"
        "  lakehouse vec search resumes.vec questions.npy -k 5 --recall 0.99\n"
        "  lakehouse vec inspect resumes.vec --verify",
    .options = vec_options,
    .min_positional = 1,
    .max_positional = 3,
    .run = run,
};
