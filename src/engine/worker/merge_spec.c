#include "engine/worker/merge_spec.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "engine/merge_key.h"

#include <string.h>

static enum lh_code take_key(const json_t *pairs, struct arena *arena, struct merge_spec *s, struct lh_err *err) {
    size_t i;
    json_t *pair;
    s->key = arena_alloc(arena, (json_array_size(pairs) + 1) * sizeof *s->key);
    s->types = arena_alloc(arena, (json_array_size(pairs) + 1) * sizeof *s->types);
    json_array_foreach(pairs, i, pair) {
        const char *name = json_string_value(json_array_get(pair, 0));
        const char *type = json_string_value(json_array_get(pair, 1));
        if (!name || !type || !merge_key_type(type))
            return lh_fail(err, LH_INVALID, "key[%zu] should be a name and a type that a merged dataset's key can have",
                           i);
        s->key[i] = arena_strdup(arena, name);
        s->types[i] = arena_strdup(arena, type);
    }
    s->key_count = json_array_size(pairs);
    if (s->key_count == 0 || s->key_count > MERGE_KEY_COLUMNS_MAX)
        return lh_fail(err, LH_INVALID, "key should have 1 to %d columns", MERGE_KEY_COLUMNS_MAX);
    return LH_OK;
}

static enum lh_code take_files(const json_t *pairs, const char *where, struct arena *arena, struct merge_files *files,
                               struct lh_err *err) {
    size_t i;
    json_t *pair;
    files->paths = arena_alloc(arena, (json_array_size(pairs) + 1) * sizeof *files->paths);
    files->ages = arena_alloc(arena, (json_array_size(pairs) + 1) * sizeof *files->ages);
    json_array_foreach(pairs, i, pair) {
        const char *path = json_string_value(json_array_get(pair, 0));
        const json_t *age = json_array_get(pair, 1);
        if (!path || !json_is_integer(age) || json_integer_value(age) < 0 || json_integer_value(age) >= UINT32_MAX)
            return lh_fail(err, LH_INVALID, "%s[%zu] should be a path and an age", where, i);
        files->paths[i] = arena_strdup(arena, path);
        files->ages[i] = (uint32_t)json_integer_value(age);
    }
    files->count = json_array_size(pairs);
    return LH_OK;
}

enum lh_code merge_spec_parse(const char *text, struct arena *arena, struct merge_spec *ret_spec, struct lh_err *err) {
    LH_AUTO(json) json_t *object = NULL;
    json_t *key, *files, *tombstones;
    int64_t on_top, rows;
    struct merge_spec s = {.key = NULL};
    LH_TRY(lh_json_parse(text, strlen(text), NULL, &object, err));
    LH_TRY(lh_json_get_array(object, "", "key", &key, err));
    LH_TRY(lh_json_get_array(object, "", "files", &files, err));
    LH_TRY(lh_json_get_int(object, "", "rows", &rows, err));
    LH_TRY(lh_json_get_int(object, "", "on_top", &on_top, err));
    LH_TRY(lh_json_get_array(object, "", "tombstones", &tombstones, err));
    LH_TRY(take_key(key, arena, &s, err));
    LH_TRY(take_files(files, "files", arena, &s.files, err));
    LH_TRY(take_files(tombstones, "tombstones", arena, &s.tombstones, err));
    if (s.files.count == 0 || on_top < 0 || (uint64_t)on_top > s.files.count)
        return lh_fail(err, LH_INVALID, "on_top should be the place of one of the files");
    s.on_top = (size_t)on_top;
    s.rows = rows > 0 ? (uint64_t)rows : 0;
    if (s.on_top == s.files.count && s.tombstones.count == 0)
        return lh_fail(err, LH_INVALID, "there is nothing to merge");
    *ret_spec = s;
    return LH_OK;
}

/* ---- versions ---- */

struct merge_part merge_spec_all(const struct merge_spec *s) {
    return (struct merge_part){s->on_top, 0};
}

static bool same_key(const struct merge_spec *a, const struct merge_spec *b) {
    bool same = a->key_count == b->key_count;
    for (size_t i = 0; same && i < a->key_count; i++)
        same = strcmp(a->key[i], b->key[i]) == 0 && strcmp(a->types[i], b->types[i]) == 0;
    return same;
}

static bool begins_with(const struct merge_files *longer, size_t from, const struct merge_files *shorter,
                        size_t shorter_from) {
    size_t count = shorter->count - shorter_from;
    bool same = count <= longer->count - from;
    for (size_t i = 0; same && i < count; i++)
        same = longer->ages[from + i] == shorter->ages[shorter_from + i] &&
               strcmp(longer->paths[from + i], shorter->paths[shorter_from + i]) == 0;
    return same;
}

bool merge_spec_extends(const struct merge_spec *newer, const struct merge_spec *older, struct merge_part *ret_added) {
    if (!same_key(newer, older) || !begins_with(&newer->files, newer->on_top, &older->files, older->on_top) ||
        !begins_with(&newer->tombstones, 0, &older->tombstones, 0))
        return false;
    *ret_added = (struct merge_part){newer->on_top + older->files.count - older->on_top, older->tombstones.count};
    return true;
}

/* ---- SQL ---- */

static void append_scan(const struct merge_files *files, size_t from, struct buf *sql) {
    buf_append_str(sql, " FROM read_parquet([");
    for (size_t i = from; i < files->count; i++) {
        buf_append_str(sql, i > from ? ", " : "");
        buf_append_sql_path(sql, files->paths[i]);
    }
    buf_append_str(sql, "], hive_partitioning = false, union_by_name = true)");
}

static void append_key(const struct merge_spec *s, struct buf *sql) {
    for (size_t i = 0; i < s->key_count; i++) {
        buf_append_str(sql, "CAST(");
        buf_append_sql_ident(sql, s->key[i]);
        buf_printf(sql, " AS %s), ", s->types[i]);
    }
}

bool merge_spec_append_keys(const struct merge_spec *s, struct merge_part part, struct buf *sql) {
    size_t files = s->files.count - part.file;
    if (files > 0) {
        buf_append_str(sql, "SELECT ");
        append_key(s, sql);
        buf_append_str(sql, "CAST(file_index AS BIGINT)");
        append_scan(&s->files, part.file, sql);
    }
    if (part.tombstone < s->tombstones.count) {
        buf_append_str(sql, files > 0 ? " UNION ALL SELECT " : "SELECT ");
        append_key(s, sql);
        buf_printf(sql, "CAST(file_index AS BIGINT) + %zu", files);
        append_scan(&s->tombstones, part.tombstone, sql);
    }
    return files > 0 || part.tombstone < s->tombstones.count;
}

uint32_t merge_spec_age(const struct merge_spec *s, struct merge_part part, size_t place) {
    size_t files = s->files.count - part.file;
    if (place < files)
        return s->files.ages[part.file + place];
    place += part.tombstone - files;
    return place < s->tombstones.count ? s->tombstones.ages[place] : 0;
}

void merge_spec_append_counts(const struct merge_spec *s, struct buf *sql) {
    buf_append_str(sql, "SELECT CAST(file_index AS BIGINT), count(*)");
    append_scan(&s->files, 0, sql);
    buf_append_str(sql, " GROUP BY 1");
}

void merge_spec_append_filtered(const struct merge_spec *s, const char *text, struct buf *sql) {
    buf_append_str(sql, "SELECT count(*)");
    append_scan(&s->files, 0, sql);
    buf_append_str(sql, " WHERE " MERGE_KEY "(");
    buf_append_sql_string(sql, text);
    buf_append_str(sql, ", file_index, file_row_number");
    for (size_t i = 0; i < s->key_count; i++) {
        buf_append_str(sql, ", CAST(");
        buf_append_sql_ident(sql, s->key[i]);
        buf_printf(sql, " AS %s)", s->types[i]);
    }
    buf_append_char(sql, ')');
}
