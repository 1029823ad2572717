#include "lake/footer.h"

#include "base/arena.h"
#include "base/json.h"
#include "catalog/manifest.h"
#include "engine/engine.h"
#include "lake/lake.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <stdio.h>
#include <string.h>

#define FOOTER_TIMEOUT_MS 60000

/* The answer comes from a process that read untrusted bytes: it is checked like any input. */
static enum lh_code take_columns(const json_t *answer, struct manifest *m, struct manifest_file *file,
                                 struct lh_err *err) {
    int64_t rows;
    json_t *columns;
    LH_TRY(lh_json_get_int(answer, "", "row_count", &rows, err));
    LH_TRY(lh_json_get_array(answer, "", "columns", &columns, err));
    if (rows < 0)
        return lh_fail(err, LH_DATA, "it claims to have %lld rows", (long long)rows);
    LH_AUTO(manifest) struct manifest *found = manifest_new(m->name);
    for (size_t i = 0; i < json_array_size(columns); i++) {
        char where[32];
        snprintf(where, sizeof where, "columns[%zu]", i);
        struct manifest_column *c = manifest_add_column(found);
        LH_TRY(lh_json_get_string(json_array_get(columns, i), where, "name", &c->name, err));
        LH_TRY(lh_json_get_string(json_array_get(columns, i), where, "type", &c->type, err));
        c->nullable = true;
        if (!lake_type_valid(c->type))
            return lh_fail(err, LH_DATA, "the type of its column \"%.255s\" cannot be used", c->name);
    }
    LH_TRY(lake_merge_columns(m, found, (struct lake_fit){0}, err));
    file->row_count = (uint64_t)rows;
    return LH_OK;
}

/* The reader names the local file, which is nobody's business; what the client knows is the object. */
static void hide_path(struct lh_err *err, const char *path, const char *key) {
    char text[sizeof err->message];
    const char *at = strstr(err->message, path);
    if (!at)
        return;
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - err->message), err->message, key, at + strlen(path));
    memcpy(err->message, text, sizeof text);
}

enum lh_code footer_read(struct engine *engine, struct buckets *buckets, int cancel_fd, struct manifest *m,
                         struct manifest_file *file, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    LH_TRY(buckets_resolve(buckets, file->bucket, &bucket, err));
    struct object_info info;
    const char *path;
    LH_TRY(object_head(bucket_store(bucket), file->key, &info, err));
    LH_TRY(object_local_path(bucket_store(bucket), file->key, arena, &path, err));
    LH_AUTO(json) json_t *request = json_object();
    LH_AUTO(json) json_t *answer = NULL;
    struct engine_task task = {.task = "parquet_info",
                               .request = request,
                               .untrusted_input = path,
                               .timeout_ms = FOOTER_TIMEOUT_MS,
                               .cancel_fd = cancel_fd};
    enum lh_code code = engine_run_task(engine, &task, &answer, err);
    if (code == LH_OK)
        code = take_columns(answer, m, file, err);
    if (code == LH_CORRUPT) /* as stored data it would be damage; here it is what somebody put there */
        err->code = code = LH_DATA;
    if (code != LH_OK) {
        hide_path(err, path, file->key);
        return lh_err_context(err, "object \"%s\" of bucket \"%s\"", file->key, bucket_name(bucket));
    }
    file->size_bytes = info.size_bytes;
    return LH_OK;
}
