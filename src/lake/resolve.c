/* Names in a statement to the definitions behind them. */
#include "base/arena.h"
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
        const struct manifest *m = catalog_snapshot_find(r->snapshot, names[i]);
        if (m && in_scope(r, m)) {
            const char *definition;
            LH_TRY(lake_read_plan(r->buckets, m, arena, &definition, err));
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
