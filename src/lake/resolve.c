/* Names in a statement to the definitions behind them. */
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/quantity.h"
#include "base/timefmt.h"
#include "engine/qualified_name.h"
#include "lake/horizon.h"
#include "lake/lake.h"
#include "lake/read_plan.h"

#include <string.h>

static bool in_scope(const struct lake_resolver *r, const struct manifest *m) {
    return !r->bucket || (m->bucket && strcmp(m->bucket, r->bucket) == 0);
}

static enum lh_code resolve_all(const struct lake_resolver *r, struct arena *arena,
                                struct engine_binding **ret_bindings, size_t *ret_count) {
    size_t count = catalog_snapshot_count(r->snapshot);
    struct engine_binding *bindings = arena_alloc(arena, (count + 1) * sizeof *bindings);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        const struct manifest *m = catalog_snapshot_get(r->snapshot, i);
        struct lh_err ignored = LH_ERR_INIT;
        const char *definition;
        if (in_scope(r, m) && lake_read_plan(r->buckets, m, arena, &definition, &ignored) == LH_OK)
            bindings[found++] = (struct engine_binding){.name = m->name, .definition = definition};
    }
    *ret_bindings = bindings;
    *ret_count = found;
    return LH_OK;
}

/* ---- names as of another moment ---- */

enum lh_code lake_snapshot_as_of(struct catalog *c, const char *moment, struct catalog_snapshot **ret_snapshot,
                                 struct lh_err *err) {
    int64_t number;
    if (moment[0] && strspn(moment, "0123456789") == strlen(moment) && lh_int_parse(moment, &number))
        return catalog_snapshot_at_version(c, (uint64_t)number, ret_snapshot, err);
    if (lh_time_parse(moment, strlen(moment), &number))
        return catalog_snapshot_at_time(c, number, ret_snapshot, err);
    lh_ignore(lh_fail(err, LH_INVALID, "\"%.100s\" is neither a catalog version (a number) nor a time (RFC 3339 text)",
                      moment));
    return lh_err_hint(err, "for example 42 or 2026-11-21T01:25:47Z");
}

/* `qualified`: "v3" or "t2026-11-21", the separator, the name. */
static enum lh_code resolve_past(const struct lake_resolver *r, const char *qualified, struct arena *arena,
                                 const char **ret_definition, struct lh_err *err) {
    const char *name = qualified_name_of(qualified);
    const char *moment = arena_strndup(arena, qualified + 1, (size_t)(name - 1 - (qualified + 1)));
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *snapshot = NULL;
    if (!r->catalog || (qualified[0] != 'v' && qualified[0] != 't'))
        return lh_fail(err, LH_UNSUPPORTED, "past versions of datasets cannot be read here");
    if (lake_snapshot_as_of(r->catalog, moment, &snapshot, err) != LH_OK)
        return lh_err_context(err, "\"%s\" as of %s", name, moment);
    const struct manifest *m = catalog_snapshot_find(snapshot, name);
    if (!m || !in_scope(r, m)) {
        lh_ignore(lh_fail(err, LH_NOT_FOUND, "there was no dataset \"%s\" as of %s", name, moment));
        return lh_err_hint(err, "GET /catalog/datasets/%s/versions lists its versions", name);
    }
    if (lake_read_plan(r->buckets, m, arena, ret_definition, err) != LH_OK)
        return lake_horizon_explain(r->buckets, catalog_snapshot_version(snapshot), err);
    return LH_OK;
}

enum lh_code lake_resolve(void *resolver, const char *const *names, size_t count, struct arena *arena,
                          struct engine_binding **ret_bindings, size_t *ret_count, const char **ret_suggestions,
                          struct lh_err *err) {
    const struct lake_resolver *r = resolver;
    if (!names)
        return resolve_all(r, arena, ret_bindings, ret_count);
    struct engine_binding *bindings = arena_alloc(arena, (count + 1) * sizeof *bindings);
    size_t found = 0;
    const char *near = NULL;
    for (size_t i = 0; i < count; i++) {
        if (qualified_name_of(names[i])) {
            const char *past;
            LH_TRY(resolve_past(r, names[i], arena, &past, err));
            bindings[found++] = (struct engine_binding){.name = names[i], .definition = past};
            continue;
        }
        const struct manifest *m = catalog_snapshot_find(r->snapshot, names[i]);
        if (m && in_scope(r, m)) {
            const char *definition;
            if (lake_read_plan(r->buckets, m, arena, &definition, err) != LH_OK)
                return lake_horizon_explain(r->buckets, catalog_snapshot_version(r->snapshot), err);
            bindings[found++] = (struct engine_binding){.name = names[i], .definition = definition};
            continue;
        }
        const char *suggestion = catalog_snapshot_suggest(r->snapshot, names[i]);
        if (suggestion && !near)
            near = arena_printf(arena, "did you mean the dataset \"%s\"?", suggestion);
    }
    *ret_bindings = bindings;
    *ret_count = found;
    if (near)
        *ret_suggestions = near;
    return LH_OK;
}
