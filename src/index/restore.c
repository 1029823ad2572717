/* Chunk files that are damaged or gone, made again out of the Parquet that was written beside them. */
#include "index/index_internal.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "engine/engine.h"
#include "os/file.h"
#include "os/ids.h"
#include "os/os.h"
#include "store/object_store.h"
#include "vector/chunk_file.h"

#include <fcntl.h>

#define RESTORE_TIMEOUT_MS (INT64_C(3600) * 1000)

struct restoring {
    struct index_service *service;
    struct object_store *store;
    struct arena *arena;
    const char *folder;
};

static enum lh_code join_parts(struct restoring *r, size_t count, const char *path, struct lh_err *err) {
    struct chunk_file **parts = arena_alloc(r->arena, (count + 1) * sizeof *parts);
    const uint64_t **all = arena_alloc(r->arena, (count + 1) * sizeof *all);
    enum lh_code code = LH_OK;
    size_t opened = 0;
    for (; opened < count && code == LH_OK; opened++)
        code = chunk_file_open(r->service->options.os, arena_printf(r->arena, "%s/part-%zu", r->folder, opened),
                               &parts[opened], err);
    opened -= code != LH_OK;
    if (code == LH_OK)
        code = chunk_file_merge(r->service->options.os, (const struct chunk_file *const *)parts, all, count, path, err);
    for (size_t i = 0; i < opened; i++)
        chunk_file_close(parts[i]);
    return code;
}

static enum lh_code restore(struct restoring *r, const struct index_record *record,
                            const struct segment_record *segment, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    const char *parquet, *path = arena_printf(r->arena, "%s/chunks", r->folder);
    LH_TRY(object_local_path(r->store, segment->parquet, r->arena, &parquet, err));
    LH_AUTO(json) json_t *request = json_pack("{s:s, s:I}", "parquet", parquet, "dimensions", (json_int_t)record->dims);
    const struct engine_task task = {.task = "chunks_restore",
                                     .request = request,
                                     .output_dir = r->folder,
                                     .timeout_ms = RESTORE_TIMEOUT_MS,
                                     .cancel_fd = -1,
                                     .background = true};
    LH_TRY(engine_run_task(r->service->options.engine, &task, &answer, err));
    json_int_t rows = json_integer_value(json_object_get(answer, "rows"));
    if ((uint64_t)rows != segment->rows)
        return lh_fail(err, LH_CORRUPT, "the Parquet file beside it has %" JSON_INTEGER_FORMAT " rows instead of %llu",
                       rows, (unsigned long long)segment->rows);
    LH_TRY(join_parts(r, (size_t)json_integer_value(json_object_get(answer, "parts")), path, err));
    return object_put_file(r->store, segment->chunks, path, OBJECT_PUT_REPLACE, NULL, err);
}

/* Does it open, with the rows that the record names? */
static enum lh_code check(struct restoring *r, const struct segment_record *segment, struct lh_err *err) {
    LH_AUTO(chunk_file) struct chunk_file *file = NULL;
    const char *path;
    LH_TRY(object_local_path(r->store, segment->chunks, r->arena, &path, err));
    LH_TRY(chunk_file_open(r->service->options.os, path, &file, err));
    if (chunk_file_rows(file)->n != segment->rows)
        return lh_fail(err, LH_CORRUPT, "it has %zu rows instead of %llu", chunk_file_rows(file)->n,
                       (unsigned long long)segment->rows);
    return LH_OK;
}

enum lh_code index_restore_chunks(struct index_service *s, const struct index_record *record,
                                  struct object_store *store, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct os *os = s->options.os;
    char id[LH_ULID_SIZE];
    for (size_t i = 0; i < record->segment_count; i++) {
        const struct segment_record *segment = &record->segments[i];
        struct lh_err damage = LH_ERR_INIT, ignored = LH_ERR_INIT;
        os_ulid_loose(os, id);
        struct restoring r = {.service = s,
                              .store = store,
                              .arena = arena,
                              .folder = arena_printf(arena, "%s/restore-%s", s->options.tmp_dir, id)};
        if (!segment->parquet || check(&r, segment, &damage) == LH_OK)
            continue;
        LH_TRY(os_mkdir_all(os, AT_FDCWD, r.folder, 0700, err));
        enum lh_code code = restore(&r, record, segment, err);
        lh_ignore(os_remove_all(os, AT_FDCWD, r.folder, &ignored));
        LH_TRY(code);
    }
    return LH_OK;
}
