/* Checkpoints as Parquet, by the engine.  Both ways a fresh, fenced worker turns one file into another in a folder of its own: a
 * damaged checkpoint is untrusted input, and what it does to the Parquet reader must not reach the server. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/id.h"
#include "base/json.h"
#include "catalog/checkpoint.h"
#include "engine/engine.h"
#include "os/file.h"
#include "os/ids.h"
#include "store/object_store.h"

#include <string.h>

#define TASK_TIMEOUT_MS (INT64_C(10) * 60 * 1000)
#define ROWS_MAX_BYTES ((size_t)1 << 30)

/* A folder below tmp_dir that goes with the scope. */
struct work_dir {
    struct os *os;
    char *path;
};

static void work_dir_release(struct work_dir *d) {
    if (!d->path)
        return;
    struct lh_err ignored;
    lh_ignore(os_remove_all(d->os, AT_FDCWD, d->path, &ignored));
    lh_free(d->path);
}

static enum lh_code work_dir_make(const struct checkpoint_engine *e, struct work_dir *d, struct lh_err *err) {
    char id[LH_ULID_SIZE];
    os_ulid_loose(e->os, id);
    d->os = e->os;
    d->path = lh_asprintf("%s/checkpoint-%s", e->tmp_dir, id);
    return os_mkdir_all(e->os, AT_FDCWD, d->path, 0700, err);
}

static enum lh_code run_task(const struct checkpoint_engine *e, const char *name, size_t max_row_bytes,
                             const char *input, const char *output_dir, struct lh_err *err) {
    LH_AUTO(json) json_t *request = json_object();
    LH_AUTO(json) json_t *answer = NULL;
    json_object_set_new(request, "max_row_bytes", json_integer((json_int_t)max_row_bytes));
    struct engine_task task = {.task = name,
                               .request = request,
                               .untrusted_input = input,
                               .output_dir = output_dir,
                               .timeout_ms = TASK_TIMEOUT_MS,
                               .cancel_fd = -1};
    return engine_run_task(e->engine, &task, &answer, err);
}

static size_t longest_line(const struct buf *rows) {
    size_t longest = 0;
    const char *end = rows->data + rows->len;
    for (const char *line = rows->data; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((newline ? newline : end) - line) + 1;
        longest = len > longest ? len : longest;
        line += len;
    }
    return longest;
}

static enum lh_code write_parquet(void *self, struct object_store *store, const char *key, const struct buf *rows,
                                  struct lh_err *err) {
    struct checkpoint_engine *e = self;
    LH_CLEANUP(work_dir_release) struct work_dir dir = {0};
    LH_TRY(work_dir_make(e, &dir, err));
    LH_AUTO(mem) char *input = lh_asprintf("%s/rows.txt", dir.path);
    LH_AUTO(mem) char *output_dir = lh_asprintf("%s/out", dir.path);
    LH_AUTO(mem) char *output = lh_asprintf("%s/checkpoint.parquet", output_dir);
    LH_TRY(os_mkdir_all(e->os, AT_FDCWD, output_dir, 0700, err));
    LH_TRY(os_write_file_atomic(e->os, AT_FDCWD, input, buf_cstr(rows), rows->len, 0600, err));
    LH_TRY(run_task(e, "checkpoint_write", longest_line(rows), input, output_dir, err));
    return object_put_file(store, key, output, OBJECT_PUT_IF_ABSENT, NULL, err);
}

static enum lh_code read_parquet(void *self, struct object_store *store, const char *key, struct buf *ret_rows,
                                 struct lh_err *err) {
    struct checkpoint_engine *e = self;
    LH_AUTO(arena) struct arena *arena = arena_new();
    const char *input;
    LH_TRY(object_local_path(store, key, arena, &input, err));
    LH_CLEANUP(work_dir_release) struct work_dir dir = {0};
    LH_TRY(work_dir_make(e, &dir, err));
    LH_AUTO(mem) char *output = lh_asprintf("%s/rows.txt", dir.path);
    LH_TRY(run_task(e, "checkpoint_read", 0, input, dir.path, err));
    return os_read_file(e->os, AT_FDCWD, output, ROWS_MAX_BYTES, ret_rows, err);
}

struct checkpoint_codec checkpoint_engine_codec(struct checkpoint_engine *self) {
    return (struct checkpoint_codec){.self = self, .write = write_parquet, .read = read_parquet};
}
