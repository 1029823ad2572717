/* Names of a statement, each kind to who knows it. */
#include "statement/statement.h"

#include "base/arena.h"
#include "base/attr.h"
#include "catalog/catalog.h"
#include "catalog/manifest.h"
#include "engine/qualified_name.h"
#include "index/index.h"
#include "statement/statement_internal.h"

#include <string.h>

enum lh_code statement_check_index(const struct statement_scope *scope, const char *what, struct lh_err *err) {
    if (!scope->indexes || !scope->names.system || !scope->names.allowed) {
        lh_ignore(lh_fail(err, LH_FORBIDDEN, "%s is for administrators", what));
        return lh_err_hint(err, "ask with a key of role admin");
    }
    if (!scope->past)
        return LH_OK;
    lh_ignore(lh_fail(err, LH_SQL, "an index has no past: %s cannot be read with as_of", what));
    return lh_err_hint(err, "leave as_of out, and read past versions with dataset AT (VERSION => n)");
}

enum lh_code statement_open_index(const struct statement_scope *scope, const char *index,
                                  struct generation **ret_generation, const struct manifest **ret_dataset,
                                  struct lh_err *err) {
    const struct lake_resolver *lake = &scope->names.lake;
    LH_AUTO(generation) struct generation *g = NULL;
    LH_TRY(index_open_generation(scope->indexes, index, &g, err));
    const struct manifest *m = catalog_snapshot_find(lake->snapshot, g->record.dataset);
    if (!m)
        return lh_fail(err, LH_NOT_FOUND, "the dataset \"%s\" of the index \"%s\" is gone", g->record.dataset, index);
    if (lake->bucket && (!m->bucket || strcmp(m->bucket, lake->bucket) != 0))
        return lh_fail(err, LH_NOT_FOUND, "there is no index \"%.80s\" over a dataset in the bucket \"%s\"", index,
                       lake->bucket);
    if (!g->record.generation) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "the index \"%s\" is still being built", index));
        return lh_err_hint(err, "GET /vectors/jobs shows how far it is");
    }
    *ret_dataset = m;
    *ret_generation = LH_STEAL(g);
    return LH_OK;
}

const char *statement_id_type(const struct generation *g, const struct manifest *dataset) {
    static const char *const types[] = {"TINYINT",  "SMALLINT",  "INTEGER", "BIGINT", "HUGEINT", "UTINYINT",
                                        "UINTEGER", "USMALLINT", "UBIGINT", "UUID",   "DATE"};
    const struct manifest_column *column = manifest_find_column(dataset, g->record.id_column);
    for (size_t i = 0; column && i < LH_ARRAY_LEN(types); i++)
        if (strcmp(column->type, types[i]) == 0)
            return types[i];
    return "VARCHAR";
}

/* *ret_own false: the name is for system_resolve. */
static enum lh_code resolve_own(struct statement_scope *scope, const char *name, struct arena *arena,
                                const char **ret_definition, bool *ret_own, struct lh_err *err) {
    *ret_own = true;
    if (qualified_is_search(name))
        return statement_search(scope, name, ret_definition, err);
    if (qualified_is_chunks(name))
        return statement_chunks(scope, qualified_name_of(name), arena, ret_definition, err);
    *ret_own = false;
    return LH_OK;
}

/* Every search of the statement is heard of before the first failure is told, so that all run in one go. */
static enum lh_code resolve_all_own(struct statement_scope *scope, const char *const *names, size_t count,
                                    struct arena *arena, struct engine_binding *own, size_t *own_count,
                                    const char **others, size_t *other_count, struct lh_err *err) {
    struct lh_err first = LH_ERR_INIT;
    for (size_t i = 0; i < count; i++) {
        struct lh_err failure = LH_ERR_INIT;
        const char *definition = NULL;
        bool is_own;
        enum lh_code code = resolve_own(scope, names[i], arena, &definition, &is_own, &failure);
        if (code != LH_OK && first.code == LH_OK)
            first = failure;
        else if (!is_own)
            others[(*other_count)++] = names[i];
        else if (code == LH_OK)
            own[(*own_count)++] = (struct engine_binding){.name = names[i], .definition = definition};
    }
    if (first.code != LH_OK)
        *err = first;
    return first.code;
}

enum lh_code statement_resolve(void *ctx, const char *const *names, size_t count, struct arena *arena,
                               struct engine_binding **ret_bindings, size_t *ret_count, const char **ret_suggestions,
                               struct lh_err *err) {
    struct statement_scope *scope = ctx;
    struct engine_binding *bindings = NULL;
    size_t own_count = 0, other_count = 0, binding_count = 0;
    struct engine_binding *own = arena_alloc(arena, (count + 1) * sizeof *own);
    const char **others = arena_alloc(arena, (count + 1) * sizeof *others);
    if (names)
        LH_TRY(resolve_all_own(scope, names, count, arena, own, &own_count, others, &other_count, err));
    LH_TRY(system_resolve(&scope->names, names ? others : NULL, other_count, arena, &bindings, &binding_count,
                          ret_suggestions, err));
    hot_serve(scope->hot, bindings, binding_count, arena, &scope->lease);
    struct engine_binding *all = arena_alloc(arena, (own_count + binding_count + 1) * sizeof *all);
    memcpy(all, own, own_count * sizeof *all);
    if (binding_count > 0)
        memcpy(all + own_count, bindings, binding_count * sizeof *all);
    *ret_bindings = all;
    *ret_count = own_count + binding_count;
    return LH_OK;
}

/* One version answers every name alike as long as the same datasets are hot.  The fields cannot meet in practice: 2^40 commits, or
 * 2^22 changes of the cache while a worker sleeps. */
uint64_t statement_epoch(const struct statement_scope *scope) {
    if (scope->names.lake.bucket) /* the client narrows the answers */
        return 0;
    return (hot_generation(scope->hot) & 0x3fffff) << 40 | catalog_snapshot_version(scope->names.lake.snapshot);
}

void statement_scope_release(struct statement_scope *scope) {
    statement_searches_free(scope);
    system_scope_release(&scope->names);
    if (scope->hot)
        hot_lease_release(scope->hot, &scope->lease);
}
