#include "lake/live_rows.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "catalog/manifest.h"
#include "lake/first_row.h"
#include "lake/read_plan.h"

bool lake_live_rows_known(const struct manifest *m) {
    for (size_t i = 0; i < m->file_count && m->primary_key_count > 0; i++) {
        if (m->files[i].role == FILE_DELTA || m->files[i].role == FILE_TOMBSTONE)
            return false;
    }
    return true;
}

enum lh_code lake_live_rows(struct engine *engine, struct buckets *buckets, const struct manifest *m, int cancel_fd,
                            uint64_t *ret_rows, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *row = NULL;
    const char *plan;
    if (lake_live_rows_known(m)) {
        *ret_rows = m->row_count;
        return LH_OK;
    }
    LH_TRY(lake_read_plan(buckets, m, arena, &plan, err));
    LH_TRY(lake_first_row(engine, arena_printf(arena, "SELECT count(*) FROM (%s)", plan), cancel_fd, &row, err));
    *ret_rows = (uint64_t)json_integer_value(json_array_get(row, 0));
    return LH_OK;
}
