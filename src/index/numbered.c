#include "index/numbered.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "store/object_store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 20

static const char *key_of(struct arena *arena, const char *prefix, uint64_t number) {
    return arena_printf(arena, "%s/%0*" PRIu64 ".json", prefix, DIGITS, number);
}

/* The number in a key below the prefix; 0 where the object is none of ours. */
static uint64_t number_of(const char *key, const char *prefix) {
    const char *name = key + strlen(prefix) + 1;
    if (strspn(name, "0123456789") != DIGITS || strcmp(name + DIGITS, ".json") != 0)
        return 0;
    return strtoull(name, NULL, 10);
}

enum lh_code numbered_list(struct object_store *s, const char *prefix, size_t most, struct arena *arena,
                           uint64_t **ret_numbers, size_t *ret_count, struct lh_err *err) {
    LH_AUTO(arena) struct arena *scratch = arena_new();
    LH_AUTO(mem) uint64_t *numbers = NULL;
    const char *below = arena_printf(scratch, "%s/", prefix), *after = "";
    size_t count = 0;
    for (bool more = true; more;) {
        struct object_info *items;
        size_t found;
        LH_TRY(object_list(s, below, after, OBJECT_LIST_MAX, scratch, &items, &found, &more, err));
        numbers = lh_realloc(numbers, (count + found + 1) * sizeof *numbers);
        for (size_t i = 0; i < found; i++)
            if (number_of(items[i].key, prefix))
                numbers[count++] = number_of(items[i].key, prefix);
        if (found == 0)
            break;
        after = items[found - 1].key;
    }
    size_t skipped = count > most ? count - most : 0;
    uint64_t *kept = arena_alloc(arena, (count - skipped + 1) * sizeof *kept);
    for (size_t i = skipped; i < count; i++)
        kept[i - skipped] = numbers[i];
    *ret_numbers = kept;
    *ret_count = count - skipped;
    return LH_OK;
}

static int by_number(const void *a, const void *b) {
    const struct numbered_entry *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

enum lh_code numbered_list_all(const struct numbered_stores *at, const char *prefix, size_t most, struct arena *arena,
                               struct numbered_entry **ret_entries, size_t *ret_count, struct lh_err *err) {
    LH_AUTO(mem) struct numbered_entry *all = NULL;
    size_t count = 0;
    for (size_t i = 0; i < at->count; i++) {
        uint64_t *numbers;
        size_t found;
        LH_TRY(numbered_list(at->stores[i], prefix, most, arena, &numbers, &found, err));
        all = lh_realloc(all, (count + found + 1) * sizeof *all);
        for (size_t j = 0; j < found; j++)
            all[count++] = (struct numbered_entry){numbers[j], at->stores[i]};
    }
    if (count > 0)
        qsort(all, count, sizeof *all, by_number);
    size_t kept = count < most ? count : most;
    struct numbered_entry *entries = arena_alloc(arena, (kept + 1) * sizeof *entries);
    for (size_t i = 0; i < kept; i++)
        entries[i] = all[count - kept + i];
    *ret_entries = entries;
    *ret_count = kept;
    return LH_OK;
}

enum lh_code numbered_get(struct object_store *s, const char *prefix, uint64_t number, json_t **ret_json,
                          struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(object_get(s, key_of(arena, prefix, number), NUMBERED_MAX_BYTES, &text, NULL, err));
    return lh_json_parse(buf_cstr(&text), text.len, NULL, ret_json, err);
}

enum lh_code numbered_newest(struct object_store *s, const char *prefix, uint64_t *ret_number, json_t **ret_json,
                             struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    uint64_t *numbers;
    size_t count;
    LH_TRY(numbered_list(s, prefix, 1, arena, &numbers, &count, err));
    json_t *json = NULL;
    if (count > 0)
        LH_TRY(numbered_get(s, prefix, numbers[0], &json, err));
    *ret_number = count > 0 ? numbers[0] : 0;
    *ret_json = json;
    return LH_OK;
}

enum lh_code numbered_put(struct object_store *s, const char *prefix, uint64_t number, json_t *json,
                          struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(buf) struct buf text = BUF_INIT;
    json_object_set_new(json, "number", json_integer((json_int_t)number));
    lh_json_write(json, LH_JSON_PRETTY, &text);
    if (text.len > NUMBERED_MAX_BYTES)
        return lh_fail(err, LH_TOO_LARGE, "%zu bytes of JSON; %zu are the most", text.len, NUMBERED_MAX_BYTES);
    return object_put(s, key_of(arena, prefix, number), text.data, text.len, OBJECT_PUT_IF_ABSENT, NULL, err);
}

void numbered_prune(struct object_store *s, const char *prefix, size_t keep) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct lh_err ignored = LH_ERR_INIT;
    uint64_t *numbers;
    size_t count;
    if (numbered_list(s, prefix, SIZE_MAX, arena, &numbers, &count, &ignored) == LH_OK)
        for (size_t i = 0; i + keep < count; i++)
            lh_ignore(object_delete(s, key_of(arena, prefix, numbers[i]), &ignored));
}

enum lh_code numbered_names(struct object_store *s, const char *root, struct arena *arena, const char ***ret_names,
                            size_t *ret_count, struct lh_err *err) {
    const char *after = "", **names = NULL;
    size_t found = 0, room = 0;
    for (bool more = true; more;) {
        struct object_info *items;
        size_t count;
        LH_TRY(object_list(s, root, after, OBJECT_LIST_MAX, arena, &items, &count, &more, err));
        for (size_t i = 0; i < count; i++) {
            const char *name = items[i].key + strlen(root), *slash = strchr(name, '/');
            size_t len = slash ? (size_t)(slash - name) : 0;
            if (len == 0 || (found > 0 && strlen(names[found - 1]) == len && memcmp(names[found - 1], name, len) == 0))
                continue;
            if (found == room) {
                const char **grown = arena_alloc(arena, (room = room * 2 + 16) * sizeof *grown);
                if (found > 0)
                    memcpy(grown, names, found * sizeof *grown);
                names = grown;
            }
            names[found++] = arena_strndup(arena, name, len);
        }
        if (count == 0)
            break;
        after = items[count - 1].key;
    }
    *ret_names = names;
    *ret_count = found;
    return LH_OK;
}
