#include "cli/vec_command.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/vec_source.h"
#include "os/clock.h"
#include "os/file.h"
#include "vector/index.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

void vec_command_print(json_t *value) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(value, LH_JSON_COMPACT, &text);
    printf("%s\n", buf_cstr(&text));
    json_decref(value);
}

double vec_command_seconds(struct cli *cli) {
    return (double)os_monotonic_ns(cli->os) * 1e-9;
}

static bool ends_in(const char *path, const char *end) {
    size_t len = strlen(path);
    return len > strlen(end) && strcmp(path + len - strlen(end), end) == 0;
}

enum lh_code vec_command_read(struct cli *cli, const struct cli_args *args, const char *path,
                              struct vec_rows_file *ret_file, struct lh_err *err) {
    uint32_t d = 0;
    LH_TRY(vec_arg_u32(args, "dimensions", 1, VEC_MAX_DIM, 0, &d, err));
    if (ends_in(path, ".f32") && d == 0) {
        lh_fail(err, LH_USAGE, "%s does not say how many dimensions its vectors have", path);
        return lh_err_hint(err, "give --dimensions, such as --dimensions 768");
    }
    return vec_source_open(cli->os, path, cli_arg(args, "column"), d, ret_file, err);
}

enum lh_code vec_command_read_vectors(struct cli *cli, const struct cli_args *args, const struct vec_file *index,
                                      struct vec_rows_file *ret_file, struct lh_err *err) {
    const char *path = cli_arg(args, "vectors");
    const struct vec_file_head *head = vec_file_head(index);
    uint64_t bytes = 0;
    if (!path)
        return LH_OK;
    if (vec_file_find(index, "ROWS", &bytes)) {
        lh_fail(err, LH_USAGE, "--vectors is given, but %s holds its vectors itself", args->positional[1]);
        return lh_err_hint(err, "leave --vectors out");
    }
    LH_AUTO(vec_rows_file) struct vec_rows_file file = {0};
    LH_TRY(vec_command_read(cli, args, path, &file, err));
    if (file.rows.n != head->n || file.rows.d != head->d) {
        lh_fail(err, LH_INVALID,
                "--vectors %s holds %zu vectors of %u dimensions, but the index was built on %llu of %u", path,
                file.rows.n, file.rows.d, (unsigned long long)head->n, head->d);
        return lh_err_hint(err, "give the file that the index was built from");
    }
    *ret_file = LH_STEAL(file);
    return LH_OK;
}

bool vec_command_is_folder(struct cli *cli, const char *path) {
    struct os_stat stat;
    struct lh_err err;
    return os_stat_at(cli->os, AT_FDCWD, path, &stat, &err) == LH_OK && stat.is_dir;
}

enum lh_code vec_command_open_folder(struct cli *cli, const char *path, unsigned threads, struct vec_index **ret_index,
                                     struct lh_err *err) {
    enum lh_code code = vec_index_open(cli->os, path, threads, ret_index, err);
    if (code == LH_OK)
        return LH_OK;
    if (code == LH_NOT_FOUND) {
        lh_fail(err, LH_NOT_FOUND, "the folder %s holds no vector index: it has no index.vec, or segments are missing",
                path);
        return lh_err_hint(err, "give an index file, or the folder of an index that grows");
    }
    return lh_err_context(err, "%s", path);
}

enum lh_code vec_command_fail_segments(const char *path, struct lh_err *err) {
    lh_fail(err, LH_INVALID, "%s is the list of a growing index's segments", path);
    return lh_err_hint(err, "give the folder that it lies in");
}

enum lh_code vec_command_open_any(struct cli *cli, const char *path, struct vec_file **ret_file, struct lh_err *err) {
    struct os_stat stat;
    enum lh_code code = os_stat_at(cli->os, AT_FDCWD, path, &stat, err); /* a pipe would be waited for */
    if (code == LH_NOT_FOUND)
        return lh_fail(err, LH_NOT_FOUND, "there is no index %s", path);
    LH_TRY(code);
    code = stat.is_file ? vec_file_open(cli->os, path, ret_file, err) : lh_fail(err, LH_CORRUPT, "%s is no file", path);
    if (code != LH_CORRUPT)
        return code;
    if (vec_source_is_one(path)) {
        lh_fail(err, LH_INVALID, "%s holds vectors, not an index", path);
        return lh_err_hint(err, "make one: lakehouse vec build %s", path);
    }
    return lh_err_hint(err, "an index is a file that 'lakehouse vec build' wrote, or the folder of one that grows; one "
                            "that was damaged or cut short is to be built anew");
}

enum lh_code vec_command_open(struct cli *cli, const char *path, struct vec_file **ret_file, struct lh_err *err) {
    LH_AUTO(vec_file) struct vec_file *file = NULL;
    LH_TRY(vec_command_open_any(cli, path, &file, err));
    if (vec_file_head(file)->kind == VEC_FILE_INDEX)
        return vec_command_fail_segments(path, err);
    if (vec_file_head(file)->kind == VEC_FILE_CHUNKS)
        return lh_fail(err, LH_INVALID, "%s holds the chunks of documents, which an index stands beside", path);
    *ret_file = LH_STEAL(file);
    return LH_OK;
}
