#include "lake/exact_doubles.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "catalog/manifest.h"
#include "lake/catalog_ops.h"
#include "lake/first_row.h"
#include "lake/lake.h"
#include "lake/read_plan.h"

#define EXACT_MAX "9007199254740992" /* 2^53 */

/* The dataset's column that the draft's i-th would make DOUBLE; NULL where it would not. */
static const struct manifest_column *widened(const struct manifest *seen, const struct manifest *draft, size_t i) {
    const struct manifest_column *have = manifest_find_column(seen, draft->columns[i].name);
    if (!have || !lake_type_if_exact(have->type, draft->columns[i].type))
        return NULL;
    for (size_t k = 0; k < seen->primary_key_count; k++) {
        if (manifest_name_compare(seen->primary_key[k], have->name) == 0)
            return NULL;
    }
    return have;
}

bool exact_doubles_needed(const struct manifest *seen, const struct manifest *draft) {
    for (size_t i = 0; i < draft->column_count; i++) {
        if (widened(seen, draft, i))
            return true;
    }
    return false;
}

/* All rows of all files: no key, so that nothing overrides, and no tombstones. */
static struct manifest *unmerged(const struct manifest *m) {
    struct manifest *all = manifest_edit(m);
    size_t count = 0;
    all->primary_key_count = 0;
    for (size_t i = 0; i < all->file_count; i++) {
        if (all->files[i].role != FILE_TOMBSTONE)
            all->files[count++] = all->files[i];
    }
    all->file_count = count;
    return all;
}

/* For each column that is widened the value that is farthest out and not exact, as text, or NULL. */
static enum lh_code find_inexact(const struct catalog_ops *ops, const struct manifest *seen,
                                 const struct manifest *draft, int cancel_fd, json_t **ret_row, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(manifest) struct manifest *all = unmerged(seen);
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    const char *plan, *between = "SELECT ";
    LH_TRY(lake_read_plan(ops->buckets, all, arena, &plan, err));
    for (size_t i = 0; i < draft->column_count; i++) {
        const struct manifest_column *column = widened(seen, draft, i);
        if (!column)
            continue;
        LH_AUTO(buf) struct buf name = BUF_INIT;
        buf_append_sql_ident(&name, column->name);
        buf_printf(&sql,
                   "%sCAST(CASE WHEN max(%s) > " EXACT_MAX " THEN max(%s) WHEN min(%s) < -" EXACT_MAX
                   " THEN min(%s) END AS VARCHAR)",
                   between, buf_cstr(&name), buf_cstr(&name), buf_cstr(&name), buf_cstr(&name));
        between = ", ";
    }
    buf_printf(&sql, " FROM (%s)", plan);
    return lake_first_row(ops->engine, buf_cstr(&sql), cancel_fd, ret_row, err);
}

enum lh_code exact_doubles_find(const struct catalog_ops *ops, const struct manifest *seen,
                                const struct manifest *draft, bool misfits_fit, int cancel_fd, struct arena *arena,
                                const bool **ret_doubles, struct lh_err *err) {
    LH_AUTO(json) json_t *row = NULL;
    bool *doubles = arena_alloc(arena, (draft->column_count + 1) * sizeof *doubles);
    size_t asked = 0;
    LH_TRY(find_inexact(ops, seen, draft, cancel_fd, &row, err));
    for (size_t i = 0; i < draft->column_count; i++) {
        const struct manifest_column *column = widened(seen, draft, i);
        const char *inexact = column ? json_string_value(json_array_get(row, asked++)) : NULL;
        doubles[i] = column && !inexact;
        if (!inexact || misfits_fit)
            continue;
        lh_ignore(
            lh_fail(err, LH_CONFLICT,
                    "column \"%s\" of \"%s\" is %s, the new rows have %s there, and no %s holds its value %s exactly",
                    column->name, seen->name, column->type, draft->columns[i].type, draft->columns[i].type, inexact));
        return lh_err_hint(err, "mend the rows, or send misfits=text, which makes the column text");
    }
    *ret_doubles = doubles;
    return LH_OK;
}
