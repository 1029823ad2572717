/* What the files of `lakehouse vec` share: its actions, its options and where each belongs, its vectors.
 *
 * vec_options.c holds one table of the options: each row names the uses in which it means something, and what to do in the
 * others.  An action checks before it begins what it can know then, and again when it knows the kind of an index. */
#ifndef LH_CLI_VEC_COMMAND_H
#define LH_CLI_VEC_COMMAND_H

#include "base/error.h"
#include "base/json.h"
#include "cli/cli.h"
#include "vector/file.h"
#include "vector/hnsw.h"
#include "vector/rows_file.h"

#include <stdint.h>

/* One action on one kind of index. */
enum vec_use {
    VEC_BUILD_GRAPH = 1 << 0,
    VEC_BUILD_FLAT = 1 << 1,
    VEC_BUILD_IVF = 1 << 2,
    VEC_BUILD_GROWING = 1 << 13,
    VEC_SEARCH_GRAPH = 1 << 3,
    VEC_SEARCH_FLAT = 1 << 4,
    VEC_SEARCH_IVF = 1 << 5,    /* 1-bit codes */
    VEC_SEARCH_PQ = 1 << 6,     /* inverted lists of PQ codes */
    VEC_SEARCH_FOLDER = 1 << 7, /* a growing index with a graph; one without is VEC_SEARCH_FLAT_FOLDER */
    VEC_SEARCH_FLAT_FOLDER = 1 << 8,
    VEC_BENCH = 1 << 9,
    VEC_INSPECT_INDEX = 1 << 10,
    VEC_INSPECT_FOLDER = 1 << 11,
    VEC_INSPECT_VECTORS = 1 << 12,
    VEC_INSPECT_APART = 1 << 14, /* an index file and, by --vectors, its vectors */
};

#define VEC_BUILD (VEC_BUILD_GRAPH | VEC_BUILD_FLAT | VEC_BUILD_IVF | VEC_BUILD_GROWING)
#define VEC_SEARCH_FILE (VEC_SEARCH_GRAPH | VEC_SEARCH_FLAT | VEC_SEARCH_IVF | VEC_SEARCH_PQ)
#define VEC_SEARCH (VEC_SEARCH_FILE | VEC_SEARCH_FOLDER | VEC_SEARCH_FLAT_FOLDER)
#define VEC_INSPECT (VEC_INSPECT_INDEX | VEC_INSPECT_APART | VEC_INSPECT_FOLDER | VEC_INSPECT_VECTORS)

extern const struct cli_option vec_options[];
/* LH_USAGE for an option that means nothing in any of `uses`, and for two that contradict each other; the hint says what to
 * do instead. */
LH_CHECKED enum lh_code vec_options_check(const struct cli_args *args, unsigned uses, struct lh_err *err);

/* Values of options, with LH_USAGE where they are out of range. */
LH_CHECKED enum lh_code vec_arg_u32(const struct cli_args *args, const char *name, uint32_t min, uint32_t max,
                                    uint32_t fallback, uint32_t *ret_value, struct lh_err *err);
/* Above 0 and at most `most`; 0 where it was not given. */
LH_CHECKED enum lh_code vec_arg_real(const struct cli_args *args, const char *name, double most, double *ret_value,
                                     struct lh_err *err);
/* --metric, --m, --ef-construction, --seed, --threads. */
LH_CHECKED enum lh_code vec_arg_config(const struct cli_args *args, struct vec_hnsw_config *ret_config,
                                       uint32_t *ret_threads, struct lh_err *err);
enum { VEC_ARG_MOST_K = 1000 };

/* The vectors of a file, by --dimensions and --column. */
LH_CHECKED enum lh_code vec_command_read(struct cli *cli, const struct cli_args *args, const char *path,
                                         struct vec_rows_file *ret_file, struct lh_err *err);
/* --vectors for the index of this head: LH_USAGE where the index holds its own, LH_INVALID where they have another shape. */
LH_CHECKED enum lh_code vec_command_read_vectors(struct cli *cli, const struct cli_args *args,
                                                 const struct vec_file *index, struct vec_rows_file *ret_file,
                                                 struct lh_err *err);
/* Open an index file; where it is none, the hint says what one is. */
LH_CHECKED enum lh_code vec_command_open_any(struct cli *cli, const char *path, struct vec_file **ret_file,
                                             struct lh_err *err);
/* The same of a kind that can be searched alone; LH_INVALID, with what to do, for the others. */
LH_CHECKED enum lh_code vec_command_open(struct cli *cli, const char *path, struct vec_file **ret_file,
                                         struct lh_err *err);
bool vec_command_is_folder(struct cli *cli, const char *path);
struct vec_index;
LH_CHECKED enum lh_code vec_command_open_folder(struct cli *cli, const char *path, unsigned threads,
                                                struct vec_index **ret_index, struct lh_err *err);
/* LH_INVALID: index.vec was given where its folder is meant. */
enum lh_code vec_command_fail_segments(const char *path, struct lh_err *err);

void vec_command_print(json_t *value); /* one line; takes the value */
double vec_command_seconds(struct cli *cli);

LH_CHECKED enum lh_code vec_command_build(struct cli *cli, const struct cli_args *args, struct lh_err *err);
LH_CHECKED enum lh_code vec_command_search(struct cli *cli, const struct cli_args *args, struct lh_err *err);
LH_CHECKED enum lh_code vec_command_bench(struct cli *cli, const struct cli_args *args, struct lh_err *err);
LH_CHECKED enum lh_code vec_command_inspect(struct cli *cli, const struct cli_args *args, struct lh_err *err);

#endif
