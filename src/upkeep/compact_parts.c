#include "upkeep/compact_parts.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "lake/first_row.h"
#include "lake/read_plan.h"
#include "store/buckets.h"
#include "store/object_store.h"
#include "upkeep/upkeep.h"

#include <string.h>
#include <strings.h>

#define SAMPLE_ROWS 20000

void compact_parts_release(struct compact_parts *parts) {
    json_decref(parts->state);
    *parts = (struct compact_parts){0};
}

static const struct manifest_column *first_of_key(const struct manifest *m) {
    return m->primary_key_count > 0 ? manifest_find_column(m, m->primary_key[0]) : NULL;
}

/* ---- planning ---- */

/* Types whose values have an order and a text that a cast takes back. */
static bool may_bound(const char *type) {
    return !strchr(type, '[') && strncasecmp(type, "STRUCT(", 7) != 0 && strncasecmp(type, "MAP(", 4) != 0 &&
           strncasecmp(type, "ENUM(", 5) != 0 && strcasecmp(type, "BLOB") != 0 && strcasecmp(type, "BIT") != 0;
}

static size_t count_parts(const struct manifest *m, const struct compact_step *step, uint64_t file_bytes) {
    const struct manifest_column *column = first_of_key(m);
    uint64_t parts = step->bytes / (file_bytes * COMPACT_STEP_FILES);
    if (step->action != COMPACT_BASE || !column || !may_bound(column->type))
        return 1;
    return parts > COMPACT_PARTS_MAX ? COMPACT_PARTS_MAX : parts > 1 ? (size_t)parts : 1;
}

/* Texts that cut a sample of the base into equal parts, each once. */
static enum lh_code find_bounds(const struct upkeep_services *s, const struct manifest *m,
                                const struct compact_step *step, size_t parts, int cancel_fd, json_t *bounds,
                                struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(manifest) struct manifest *base = manifest_edit(m);
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(json) json_t *row = NULL;
    const char *plan;
    size_t i;
    json_t *bound;
    base->file_count = 0;
    for (i = 0; i < step->file_count; i++)
        if (step->files[i]->role == FILE_BASE)
            *manifest_add_file(base) = *step->files[i];
    LH_TRY(lake_read_plan(s->buckets, base, arena, &plan, err));
    buf_append_str(&sql, "SELECT list_transform(list_sort(list_distinct(quantile_disc(k, [");
    for (i = 1; i < parts; i++)
        buf_printf(&sql, "%s%zu / %zu.0", i > 1 ? ", " : "", i, parts);
    buf_append_str(&sql, "]))), lambda x: CAST(x AS VARCHAR)) FROM (SELECT ");
    buf_append_sql_ident(&sql, first_of_key(m)->name);
    buf_printf(&sql, " AS k FROM (%s)) USING SAMPLE reservoir(%d ROWS)", plan, SAMPLE_ROWS);
    LH_TRY(lake_first_row(s->engine, buf_cstr(&sql), cancel_fd, &row, err));
    json_array_foreach(json_array_get(row, 0), i, bound) json_array_append(bounds, bound);
    return LH_OK;
}

/* The type of the first column too: in another one the same bounds may cut elsewhere. */
static json_t *key_of(const struct manifest *m) {
    const struct manifest_column *column = first_of_key(m);
    json_t *key = json_array();
    json_array_append_new(key, json_string(column ? column->type : ""));
    for (size_t i = 0; i < m->primary_key_count; i++)
        json_array_append_new(key, json_string(m->primary_key[i]));
    return key;
}

enum lh_code compact_parts_plan(const struct upkeep_services *s, const struct manifest *m,
                                const struct compact_step *step, uint64_t file_bytes, int cancel_fd,
                                struct compact_parts *ret_parts, struct lh_err *err) {
    size_t count = count_parts(m, step, file_bytes);
    *ret_parts = (struct compact_parts){.count = 1};
    if (count == 1)
        return LH_OK;
    LH_AUTO(json) json_t *bounds = json_array();
    LH_TRY(find_bounds(s, m, step, count, cancel_fd, bounds, err));
    if (json_array_size(bounds) == 0)
        return LH_OK;
    json_t *files = json_array();
    for (size_t i = 0; i < step->file_count; i++)
        json_array_append_new(files, json_pack("[s, s]", step->files[i]->bucket, step->files[i]->key));
    ret_parts->count = json_array_size(bounds) + 1;
    ret_parts->state = json_pack("{s:o, s:o, s:I, s:O, s:i, s:o}", "files", files, "key", key_of(m), "file_bytes",
                                 (json_int_t)step->file_bytes, "bounds", bounds, "done", 0, "outputs", json_array());
    return LH_OK;
}

/* ---- parts ---- */

size_t compact_parts_done(const struct compact_parts *parts) {
    return (size_t)json_integer_value(json_object_get(parts->state, "done"));
}

static void append_bound(struct buf *sql, const struct manifest_column *column, const char *compare, const char *text) {
    buf_append_sql_ident(sql, column->name);
    buf_printf(sql, " %s CAST(", compare);
    buf_append_sql_string(sql, text);
    buf_printf(sql, " AS %s)", column->type);
}

const char *compact_parts_condition(const struct compact_parts *parts, const struct manifest *m, size_t i,
                                    struct arena *arena) {
    const json_t *bounds = json_object_get(parts->state, "bounds");
    const char *from = i > 0 ? json_string_value(json_array_get(bounds, i - 1)) : NULL;
    const char *to = json_string_value(json_array_get(bounds, i));
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    if (from)
        append_bound(&sql, first_of_key(m), ">=", from);
    if (to) {
        buf_append_str(&sql, from ? " AND " : "");
        append_bound(&sql, first_of_key(m), "<", to);
    }
    return sql.len > 0 ? arena_strdup(arena, buf_cstr(&sql)) : NULL;
}

void compact_parts_add(struct compact_parts *parts, const struct manifest_file *outputs, size_t count) {
    json_t *all = json_object_get(parts->state, "outputs");
    for (size_t i = 0; i < count; i++)
        json_array_append_new(all, json_pack("{s:s, s:s, s:I, s:I, s:s}", "bucket", outputs[i].bucket, "key",
                                             outputs[i].key, "rows", (json_int_t)outputs[i].row_count, "bytes",
                                             (json_int_t)outputs[i].size_bytes, "sha256", outputs[i].sha256));
    json_object_set_new(parts->state, "done", json_integer((json_int_t)compact_parts_done(parts) + 1));
}

void compact_parts_outputs(const struct compact_parts *parts, struct arena *arena, struct manifest_file **ret_outputs,
                           size_t *ret_count) {
    const json_t *all = json_object_get(parts->state, "outputs");
    struct manifest_file *outputs = arena_alloc(arena, (json_array_size(all) + 1) * sizeof *outputs);
    size_t i;
    json_t *one;
    json_array_foreach(all, i, one) outputs[i] = (struct manifest_file){
        .bucket = arena_strdup(arena, json_string_value(json_object_get(one, "bucket"))),
        .key = arena_strdup(arena, json_string_value(json_object_get(one, "key"))),
        .role = FILE_BASE,
        .row_count = (uint64_t)json_integer_value(json_object_get(one, "rows")),
        .size_bytes = (uint64_t)json_integer_value(json_object_get(one, "bytes")),
        .sha256 = arena_strdup(arena, json_string_value(json_object_get(one, "sha256"))),
    };
    *ret_outputs = outputs;
    *ret_count = json_array_size(all);
}

/* ---- going on ---- */

static const struct manifest_file *find(const struct manifest *m, const char *bucket, const char *key) {
    for (size_t i = 0; i < m->file_count; i++)
        if (strcmp(m->files[i].key, key) == 0 && strcmp(m->files[i].bucket, bucket) == 0)
            return &m->files[i];
    return NULL;
}

/* The step again, of the dataset's files by name; false: it has not all of them. */
static bool remake_step(const json_t *state, const struct manifest *m, struct arena *arena, struct compact_step *step) {
    const json_t *files = json_object_get(state, "files");
    LH_AUTO(json) json_t *key = key_of(m);
    size_t i;
    json_t *name;
    *step = (struct compact_step){
        .action = COMPACT_BASE,
        .role = FILE_BASE,
        .files = arena_alloc(arena, (json_array_size(files) + 1) * sizeof *step->files),
        .file_bytes = (uint64_t)json_integer_value(json_object_get(state, "file_bytes")),
        .why = "it was begun",
    };
    json_array_foreach(files, i, name) {
        const char *bucket = json_string_value(json_array_get(name, 0));
        const char *object = json_string_value(json_array_get(name, 1));
        const struct manifest_file *f = bucket && object ? find(m, bucket, object) : NULL;
        if (!f)
            return false;
        step->files[step->file_count++] = f;
        step->bytes += f->size_bytes;
        step->rows += f->role == FILE_TOMBSTONE ? 0 : f->row_count;
        step->sequence = f->sequence > step->sequence ? f->sequence : step->sequence;
    }
    return step->file_count > 0 && step->file_bytes > 0 && json_equal(key, json_object_get(state, "key"));
}

static enum lh_code find_outputs(const struct upkeep_services *s, const json_t *state, bool *ret_there,
                                 struct lh_err *err) {
    size_t i;
    json_t *one;
    *ret_there = true;
    json_array_foreach(json_object_get(state, "outputs"), i, one) {
        LH_AUTO(bucket) struct bucket *bucket = NULL;
        struct object_info info;
        const char *key = json_string_value(json_object_get(one, "key"));
        enum lh_code code =
            buckets_resolve(s->buckets, json_string_value(json_object_get(one, "bucket")), &bucket, err);
        if (code == LH_OK)
            code = object_head(bucket_store(bucket), key ? key : "", &info, err);
        if (code == LH_OK)
            continue;
        if (code != LH_NOT_FOUND)
            return code;
        *err = (struct lh_err)LH_ERR_INIT;
        *ret_there = false;
        return LH_OK;
    }
    return LH_OK;
}

enum lh_code compact_parts_resume(const struct upkeep_services *s, const json_t *state, const struct manifest *m,
                                  struct arena *arena, struct compact_step *ret_step, struct compact_parts *ret_parts,
                                  struct lh_err *err) {
    bool there;
    *ret_parts = (struct compact_parts){0};
    if (!remake_step(state, m, arena, ret_step))
        return LH_OK;
    LH_TRY(find_outputs(s, state, &there, err));
    if (!there)
        return LH_OK;
    ret_parts->count = json_array_size(json_object_get(state, "bounds")) + 1;
    ret_parts->state = json_deep_copy(state);
    return LH_OK;
}
