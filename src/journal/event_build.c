/* Event files in the making: a fenced worker turns rows or files into one sorted Parquet file and a filter. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "engine/engine.h"
#include "journal/journal_internal.h"
#include "os/file.h"
#include "os/ids.h"
#include "store/object_store.h"

#include <string.h>

#define TASK_TIMEOUT_MS (INT64_C(30) * 60 * 1000)

void event_build_release(struct event_build *build) {
    if (build->dir) {
        struct lh_err ignored;
        lh_ignore(os_remove_all(build->journal->options.os, AT_FDCWD, build->dir, &ignored));
    }
    lh_free(build->dir);
    lh_free(build->path);
}

enum lh_code event_build_open(struct journal *j, struct event_build *ret_build, struct lh_err *err) {
    char id[LH_ULID_SIZE];
    os_ulid_loose(j->options.os, id);
    ret_build->journal = j;
    ret_build->dir = lh_asprintf("%s/events-%s", j->tmp_dir, id);
    ret_build->path = lh_asprintf("%s/out/events.parquet", ret_build->dir);
    LH_AUTO(mem) char *out = lh_asprintf("%s/out", ret_build->dir);
    return os_mkdir_all(j->options.os, AT_FDCWD, out, 0700, err);
}

static enum lh_code take_answer(struct event_build *build, const json_t *answer, struct event_file *file,
                                struct lh_err *err) {
    int64_t rows;
    LH_TRY(lh_json_get_int(answer, "", "rows", &rows, err));
    LH_TRY(lh_json_get_int(answer, "", "min_us", &file->index.min_us, err));
    LH_TRY(lh_json_get_int(answer, "", "max_us", &file->index.max_us, err));
    LH_AUTO(mem) char *path = lh_asprintf("%s/out/entities.bloom", build->dir);
    LH_AUTO(buf) struct buf bloom = BUF_INIT;
    LH_TRY(os_read_file(build->journal->options.os, AT_FDCWD, path, EVENT_INDEX_MAX_BYTES, &bloom, err));
    if (rows <= 0 || bloom.len == 0)
        return lh_fail(err, LH_INTERNAL, "the worker made an event file of %lld rows", (long long)rows);
    file->index.events = (uint64_t)rows;
    file->index.bloom_bytes = bloom.len;
    file->index.bloom = (unsigned char *)buf_detach(&bloom);
    file->indexed = true;
    return LH_OK;
}

static enum lh_code run(struct event_build *build, const char *name, const json_t *request, const char *input,
                        struct event_file *file, struct lh_err *err) {
    LH_AUTO(mem) char *out = lh_asprintf("%s/out", build->dir);
    LH_AUTO(json) json_t *answer = NULL;
    struct engine_task task = {.task = name,
                               .request = request,
                               .untrusted_input = input,
                               .output_dir = out,
                               .timeout_ms = TASK_TIMEOUT_MS,
                               .cancel_fd = -1};
    LH_TRY(engine_run_task(build->journal->options.engine, &task, &answer, err));
    return take_answer(build, answer, file, err);
}

enum lh_code event_build_write(struct event_build *build, const struct buf *rows, size_t longest,
                               struct event_file *file, struct lh_err *err) {
    LH_AUTO(mem) char *input = lh_asprintf("%s/events.ndjson", build->dir);
    LH_AUTO(json) json_t *request = json_pack("{s:I}", "max_row_bytes", (json_int_t)longest);
    LH_TRY(os_write_file_atomic(build->journal->options.os, AT_FDCWD, input, buf_cstr(rows), rows->len, 0600, err));
    return run(build, "events_write", request, input, file, err);
}

static enum lh_code merge(struct event_build *build, struct event_file *const *sources, size_t count,
                          const json_t *redactions, struct event_file *file, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *request = json_object();
    json_t *files = json_array();
    if (redactions)
        json_object_set(request, "redact", (json_t *)(uintptr_t)redactions);
    json_object_set_new(request, "files", files);
    for (size_t i = 0; i < count; i++) {
        char key[96];
        const char *path;
        event_file_key(sources[i], key);
        LH_TRY(object_local_path(build->journal->options.store, key, arena, &path, err));
        json_array_append_new(files, json_string(path));
    }
    return run(build, "events_merge", request, NULL, file, err);
}

enum lh_code event_build_merge(struct event_build *build, struct event_file *const *sources, size_t count,
                               struct event_file *file, struct lh_err *err) {
    return merge(build, sources, count, NULL, file, err);
}

enum lh_code event_build_redact(struct event_build *build, struct event_file *source, const json_t *redactions,
                                struct event_file *file, struct lh_err *err) {
    return merge(build, &source, 1, redactions, file, err);
}

void event_build_name(struct event_file *file, int64_t max_us, const struct buf *identity) {
    unsigned char digest[LH_SHA256_BYTES];
    lh_sha256(buf_cstr(identity), identity->len, digest);
    lh_ulid_format(max_us / 1000, digest, file->name);
}
