/* Rows whose columns are not of the dataset's types: which of them it can take, and which it can only take as text. */
#include "base/arena.h"
#include "base/cleanup.h"
#include "catalog/manifest.h"
#include "ingest/ingest_internal.h"
#include "lake/exact_doubles.h"
#include "lake/lake.h"

/* Asked only where text is the way out: otherwise the commit asks, and says which value is in the way. */
static enum lh_code find_doubles(const struct ingest *in, const struct manifest *existing,
                                 const struct ingest_report *report, int cancel_fd, struct arena *arena,
                                 const bool **ret_doubles, struct lh_err *err) {
    LH_AUTO(manifest) struct manifest *draft = manifest_new(existing->name);
    ingest_draft_columns(draft, report);
    if (!exact_doubles_needed(existing, draft))
        return LH_OK;
    return exact_doubles_find(&in->ops, existing, draft, true, cancel_fd, arena, ret_doubles, err);
}

static enum lh_code refuse(const struct manifest *existing, const struct manifest_column *have,
                           const struct ingest_column *c, struct lh_err *err) {
    lh_ignore(lh_fail(err, LH_CONFLICT, "row %llu: its value for \"%s\" is no %s, which that column of \"%s\" is",
                      (unsigned long long)c->misfit_row, have->name, have->type, existing->name));
    return lh_err_hint(err, "mend the row (rows are counted from 1, a header line left out), or send misfits=text, "
                            "which makes the column text");
}

enum lh_code ingest_fit_columns(const struct ingest *in, const struct manifest *existing,
                                const struct ingest_report *report, bool text_for_misfits, int cancel_fd,
                                struct manifest **ret_reread, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(manifest) struct manifest *reread = NULL;
    const bool *doubles = NULL;
    if (text_for_misfits)
        LH_TRY(find_doubles(in, existing, report, cancel_fd, arena, &doubles, err));
    for (size_t i = 0; i < report->column_count; i++) {
        const struct ingest_column *c = &report->columns[i];
        const struct manifest_column *have = manifest_find_column(existing, c->name);
        if (!have || lake_type_merge(have->type, c->type, arena) || (doubles && doubles[i]))
            continue;
        if (text_for_misfits && lake_type_prints(have->type) && lake_type_prints(c->type)) {
            reread = reread ? reread : manifest_edit(existing);
            manifest_find_column(reread, c->name)->type = "VARCHAR";
        } else if (c->misfit_row > 0 && (text_for_misfits || !lake_type_if_exact(have->type, c->type))) {
            return refuse(existing, have, c, err);
        }
    }
    *ret_reread = LH_STEAL(reread);
    return LH_OK;
}
