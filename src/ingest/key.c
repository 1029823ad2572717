/* Which primary key the rows of a request are written for. */
#include "base/arena.h"
#include "ingest/ingest_internal.h"
#include "lake/lake.h"

#include <string.h>

#define KEY_COLUMNS_MAX 32

struct key {
    const char *columns[KEY_COLUMNS_MAX];
    size_t count;
};

static enum lh_code add_column(struct key *key, struct arena *arena, const char *name, size_t len, struct lh_err *err) {
    if (len == 0)
        return lh_fail(err, LH_INVALID, "primary_key names no column between two commas");
    if (key->count == KEY_COLUMNS_MAX)
        return lh_fail(err, LH_INVALID, "primary_key names more than %d columns", KEY_COLUMNS_MAX);
    key->columns[key->count++] = arena_strndup(arena, name, len);
    return LH_OK;
}

static enum lh_code parse_array(const char *text, struct arena *arena, struct key *key, struct lh_err *err) {
    LH_AUTO(json) json_t *array = NULL;
    if (lh_json_parse(text, strlen(text), NULL, &array, err) != LH_OK)
        return lh_err_context(err, "primary_key");
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name = json_string_value(json_array_get(array, i));
        if (!name)
            return lh_fail(err, LH_INVALID, "primary_key[%zu] must be the name of a column", i);
        LH_TRY(add_column(key, arena, name, strlen(name), err));
    }
    return LH_OK;
}

static enum lh_code parse(const char *text, struct arena *arena, struct key *key, struct lh_err *err) {
    if (text[0] == '[')
        return parse_array(text, arena, key, err);
    for (const char *at = text;;) {
        size_t len = strcspn(at, ",");
        LH_TRY(add_column(key, arena, at, len, err));
        if (at[len] == '\0')
            return LH_OK;
        at += len + 1;
    }
}

static bool same(const struct key *asked, const struct manifest *m) {
    bool equal = asked->count == m->primary_key_count;
    for (size_t i = 0; equal && i < asked->count; i++)
        equal = manifest_name_compare(asked->columns[i], m->primary_key[i]) == 0;
    return equal;
}

static enum lh_code refuse_other_key(const struct manifest *m, struct lh_err *err) {
    if (m->primary_key_count == 0)
        lh_ignore(lh_fail(err, LH_CONFLICT, "\"%s\" has no primary key", m->name));
    else
        lh_ignore(lh_fail(err, LH_CONFLICT, "\"%s\" has another primary key", m->name));
    return lh_err_hint(err, "change it by PATCH /catalog/datasets/by-name/{name}/metadata {\"primary_key\": [...]}");
}

enum lh_code ingest_choose_key(const struct manifest *existing, const char *dataset, enum ingest_mode mode,
                               const char *asked, struct arena *arena, const char *const **ret_key, size_t *ret_count,
                               struct lh_err *err) {
    struct key *key = arena_alloc(arena, sizeof *key);
    if (asked && *asked)
        LH_TRY(parse(asked, arena, key, err));
    bool on_top = existing && mode != INGEST_REPLACE;
    if (on_top &&
        ((key->count > 0 && !same(key, existing)) || (mode == INGEST_UPSERT && existing->primary_key_count == 0)))
        return refuse_other_key(existing, err);
    if (!existing && mode == INGEST_UPSERT && key->count == 0) {
        lh_ignore(lh_fail(err, LH_INVALID, "there is no dataset \"%s\" yet, so an upsert must name its primary key",
                          dataset));
        return lh_err_hint(err, "add primary_key=COLUMN[,COLUMN...]");
    }
    if (existing && key->count == 0) {
        *ret_key = existing->primary_key;
        *ret_count = existing->primary_key_count;
        return LH_OK;
    }
    *ret_key = key->columns;
    *ret_count = key->count;
    return LH_OK;
}
