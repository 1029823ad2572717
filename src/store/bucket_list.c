#include "store/bucket_list.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "store/object_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT 1
#define PREFIX "_catalog/buckets/"

static enum lh_code parse_spec(const json_t *entry, struct arena *arena, struct bucket_spec *ret_spec,
                               struct lh_err *err) {
    const char *name, *backend, *root;
    LH_TRY(lh_json_get_string(entry, "buckets[]", "name", &name, err));
    LH_TRY(lh_json_get_string(entry, "buckets[]", "backend", &backend, err));
    LH_TRY(lh_json_get_string(entry, "buckets[]", "root", &root, err));
    *ret_spec =
        (struct bucket_spec){arena_strdup(arena, name), arena_strdup(arena, backend), arena_strdup(arena, root)};
    return LH_OK;
}

enum lh_code bucket_list_parse(const char *text, size_t len, struct arena *arena, struct bucket_spec **ret_specs,
                               size_t *ret_count, struct lh_err *err) {
    LH_AUTO(json) json_t *doc = NULL;
    json_t *array;
    int64_t format = 0;
    LH_TRY(lh_json_parse(text, len, NULL, &doc, err));
    LH_TRY(lh_json_get_int(doc, "", "format", &format, err));
    if (format != FORMAT)
        return lh_fail(err, LH_UNSUPPORTED, "it has format %lld; this version reads format %d", (long long)format,
                       FORMAT);
    LH_TRY(lh_json_get_array(doc, "", "buckets", &array, err));
    size_t count = json_array_size(array);
    struct bucket_spec *specs = arena_alloc(arena, (count + 1) * sizeof *specs);
    for (size_t i = 0; i < count; i++)
        LH_TRY(parse_spec(json_array_get(array, i), arena, &specs[i], err));
    *ret_specs = specs;
    *ret_count = count;
    return LH_OK;
}

void bucket_list_write(const struct bucket_spec *specs, size_t count, struct buf *out) {
    LH_AUTO(json) json_t *doc = json_object();
    json_t *array = json_array();
    json_object_set_new(doc, "format", json_integer(FORMAT));
    json_object_set_new(doc, "buckets", array);
    for (size_t i = 0; i < count; i++) {
        json_t *entry = json_object();
        json_object_set_new(entry, "name", json_string(specs[i].name));
        json_object_set_new(entry, "backend", json_string(specs[i].backend));
        json_object_set_new(entry, "root", json_string(specs[i].root));
        json_array_append_new(array, entry);
    }
    lh_json_write(doc, LH_JSON_PRETTY, out);
}

void bucket_list_key(uint64_t version, char ret_key[BUCKET_LIST_KEY_SIZE]) {
    snprintf(ret_key, BUCKET_LIST_KEY_SIZE, PREFIX "%020" PRIu64 ".json", version);
}

enum lh_code bucket_list_newest(struct object_store *store, uint64_t known, uint64_t *ret_version, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    char after[BUCKET_LIST_KEY_SIZE];
    struct object_info *items;
    size_t count;
    uint64_t newest = 0;
    bucket_list_key(known, after);
    for (bool more = true; more;) {
        LH_TRY(object_list(store, PREFIX, after, 1000, arena, &items, &count, &more, err));
        if (count == 0)
            break;
        newest = strtoull(items[count - 1].key + strlen(PREFIX), NULL, 10);
        bucket_list_key(newest, after);
    }
    *ret_version = newest;
    return LH_OK;
}
