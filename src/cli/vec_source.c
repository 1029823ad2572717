#include "cli/vec_source.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "engine/engine.h"
#include "os/file.h"
#include "os/os.h"
#include "os/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READ_TIMEOUT_MS (INT64_C(24) * 3600 * 1000)

static bool is_parquet(const char *path) {
    size_t len = strlen(path);
    return len > 8 && strcmp(path + len - 8, ".parquet") == 0;
}

bool vec_source_is_one(const char *path) {
    enum vec_rows_format format;
    struct lh_err ignored;
    return is_parquet(path) || vec_rows_format_of(path, &format, &ignored) == LH_OK;
}

/* A folder of our own below $TMPDIR; absolute, as workers want it. */
static enum lh_code make_folder(struct os *os, char **ret_folder, struct lh_err *err) {
    const char *parent = getenv("TMPDIR");
    uint64_t unique = 0;
    os->random(os->self, &unique, sizeof unique);
    LH_AUTO(mem)
    char *folder =
        lh_asprintf("%s/lakehouse-vec-%016llx", parent && *parent == '/' ? parent : "/tmp", (unsigned long long)unique);
    LH_TRY(os_mkdir_all(os, AT_FDCWD, folder, 0700, err));
    *ret_folder = LH_STEAL(folder);
    return LH_OK;
}

/* The column to FOLDER/out/vectors.f32, and its dimensions.  The file is read by a link of a plain name: its own may hold
 * what DuckDB takes for a pattern, and the worker's list of files that it may open knows no quoting. */
static enum lh_code extract(struct os *os, const char *path, const char *column, const char *folder, int cancel_fd,
                            uint32_t *ret_d, struct lh_err *err) {
    LH_AUTO(engine) struct engine *engine = NULL;
    LH_AUTO(json) json_t *request = json_object();
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(mem) char *scratch = lh_asprintf("%s/engine", folder);
    LH_AUTO(mem) char *output = lh_asprintf("%s/out", folder);
    LH_AUTO(mem) char *absolute = realpath(path, NULL); /* libc's own malloc: lh_free is its free */
    LH_AUTO(mem) char *plain = lh_asprintf("%s/input.parquet", folder);
    if (!absolute)
        return lh_fail(err, LH_NOT_FOUND, "there is no file %s", path);
    if (symlink(absolute, plain) != 0)
        return lh_fail_errno(err, errno, "cannot make a link to %s", path);
    struct engine_config config;
    engine_config_default(&config);
    config.scratch_dir = scratch;
    config.threads = 1; /* each thread of DuckDB's reader holds rows of its own */
    if (column)
        json_object_set_new(request, "column", json_string(column));
    const struct engine_task task = {.task = "vectors_read",
                                     .request = request,
                                     .untrusted_input = plain,
                                     .output_dir = output,
                                     .timeout_ms = READ_TIMEOUT_MS,
                                     .cancel_fd = cancel_fd};
    LH_TRY(os_mkdir_all(os, AT_FDCWD, output, 0700, err));
    LH_TRY(engine_open(os, &config, NULL, NULL, &engine, err));
    LH_TRY(engine_run_task(engine, &task, &answer, err));
    *ret_d = (uint32_t)json_integer_value(json_object_get(answer, "dimensions"));
    return *ret_d ? LH_OK : lh_fail(err, LH_DATA, "the file holds no vectors");
}

static enum lh_code open_parquet(struct os *os, const char *path, const char *column, uint32_t d,
                                 struct vec_rows_file *ret_file, struct lh_err *err) {
    LH_AUTO(mem) char *folder = NULL;
    LH_AUTO(os_signals_hold) struct os_signals_hold hold; /* Ctrl-C ends the reading, and the folder is removed first */
    os_signals_hold(&hold);
    LH_TRY(make_folder(os, &folder, err));
    LH_AUTO(mem) char *floats = lh_asprintf("%s/out/vectors.f32", folder);
    uint32_t found = 0;
    enum lh_code code = extract(os, path, column, folder, hold.fd, &found, err);
    if (code == LH_OK && d && d != found)
        code = lh_fail(err, LH_DATA, "the vectors have %u dimensions where %u are asked for", found, d);
    if (code == LH_OK)
        code = vec_rows_open(os, floats, found, ret_file, err);
    struct lh_err ignored;
    lh_ignore(os_remove_all(os, AT_FDCWD, folder, &ignored)); /* a map outlives its file's name */
    return code == LH_OK ? LH_OK : lh_err_context(err, "%s", path);
}

/* A pipe or a device would be waited for, or read for ever. */
static enum lh_code check_file(struct os *os, const char *path, struct lh_err *err) {
    struct os_stat stat;
    enum lh_code code = os_stat_at(os, AT_FDCWD, path, &stat, err);
    if (code == LH_NOT_FOUND)
        return lh_fail(err, LH_NOT_FOUND, "there is no file %s", path);
    LH_TRY(code);
    if (stat.is_dir)
        return lh_fail(err, LH_DATA, "%s is a folder; vectors are read from a file", path);
    if (!stat.is_file) {
        lh_fail(err, LH_DATA, "%s is no file but a pipe or a device", path);
        return lh_err_hint(err, "vectors are mapped, not streamed: write them to a file first");
    }
    return stat.size_bytes ? LH_OK : lh_fail(err, LH_DATA, "%s is empty", path);
}

/* What to do about vectors that cannot be used. */
static enum lh_code advise(enum vec_rows_format format, struct lh_err *err) {
    if (err->hint[0])
        return err->code;
    if (strstr(err->message, " holds "))
        return lh_err_hint(err, "an index takes finite numbers only: leave such vectors out");
    if (err->code == LH_UNSUPPORTED)
        return lh_err_hint(err,
                           "write it as numpy.save('vectors.npy', numpy.ascontiguousarray(array, dtype='float32'))");
    if (err->code == LH_DATA)
        return lh_err_hint(err, "%s",
                           format == VEC_ROWS_F32 ? "is --dimensions right?  If so, the file was cut short"
                                                  : "the file was cut short, or is not what its name says");
    return err->code;
}

enum lh_code vec_source_open(struct os *os, const char *path, const char *column, uint32_t d,
                             struct vec_rows_file *ret_file, struct lh_err *err) {
    enum vec_rows_format format = VEC_ROWS_F32;
    if (*path == '\0')
        return lh_fail(err, LH_USAGE, "the name of the file of vectors is empty");
    LH_TRY(check_file(os, path, err));
    if (is_parquet(path))
        return open_parquet(os, path, column, d, ret_file, err);
    if (vec_rows_format_of(path, &format, err) != LH_OK) {
        lh_fail(err, LH_UNSUPPORTED, "%s: vectors are read from files that end in .f32, .fvecs, .npy or .parquet",
                path);
        return lh_err_hint(err, "numpy.save('vectors.npy', array.astype('float32')) writes such a file");
    }
    if (column) {
        lh_fail(err, LH_USAGE, "--column is for .parquet files, which %s is not", path);
        return lh_err_hint(err, "leave it out");
    }
    return vec_rows_open(os, path, d, ret_file, err) == LH_OK ? LH_OK : advise(format, err);
}
