/* Which rows a search may answer: a condition in SQL over the source dataset, as a bitmap.
 *
 * The condition is asked once of a query process and kept for the generation and the dataset's version.  Where rows of the
 * dataset may have been taken away since the index was refreshed, every search has a condition, if only TRUE: what is gone
 * from the dataset is not answered, from the commit that took it on. */
#include "index/index_internal.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "catalog/manifest.h"
#include "index/condition.h"
#include "index/documents.h"
#include "os/ids.h"

#include <string.h>

#define FILTER_TIMEOUT_MS 30000
#define FILTER_MAX_BYTES ((size_t)8192)

/* By a tombstone since; or with a file that was there then and is not any more: a compaction leaves the rows of tombstones out and
 * the tombstones with them, a replacement leaves out what it likes.  Files are immutable, so where those of old hold as many rows
 * as all did then, none is gone. */
bool index_rows_gone(const struct manifest *m, const struct index_record *r) {
    uint64_t old_rows = 0;
    if (m->version == r->source_version)
        return false;
    for (size_t i = 0; i < m->file_count; i++) {
        const struct manifest_file *f = &m->files[i];
        bool is_new = f->added_version > r->source_version;
        if (f->role == FILE_TOMBSTONE && is_new)
            return true;
        if ((f->role == FILE_BASE || f->role == FILE_DELTA) && !is_new)
            old_rows += f->row_count;
    }
    return old_rows != r->source_rows;
}

bool index_made_again(const struct manifest *m, const struct index_record *r) {
    return r->source_id && strcmp(r->source_id, m->id) != 0;
}

static enum lh_code ask(struct index_service *s, struct generation *g, struct catalog_snapshot *snapshot,
                        const char *condition, int cancel_fd, uint64_t *bits, struct lh_err *err) {
    const struct index_record *r = &g->record;
    LH_AUTO(documents) struct documents *ids = NULL;
    char ulid[LH_ULID_SIZE];
    struct document d;
    os_ulid(s->options.os, &s->ulids, ulid);
    LH_AUTO(mem) char *path = lh_asprintf("%s/filter-%s", s->options.tmp_dir, ulid);
    const struct documents_source source = {.os = s->options.os,
                                            .engine = s->options.engine,
                                            .buckets = s->options.buckets,
                                            .snapshot = snapshot,
                                            .dataset = r->dataset,
                                            .id_column = r->id_column,
                                            .condition = condition,
                                            .path = path,
                                            .cancel_fd = cancel_fd,
                                            .timeout_ms = FILTER_TIMEOUT_MS};
    if (documents_open(&source, &ids, err) != LH_OK) {
        lh_ignore(lh_err_context(err, "the filter"));
        return err->hint[0] ? err->code
                            : lh_err_hint(err, "a filter is a condition of SQL over the columns of \"%s\"", r->dataset);
    }
    while (documents_next(ids, &d)) {
        size_t first, rows;
        if (generation_find(g, d.id, d.id_len, &first, &rows))
            for (size_t row = first; row < first + rows; row++)
                bits_set(bits, row);
    }
    return LH_OK;
}

/* A dataset that was made again can have others. */
static enum lh_code check_columns(const struct manifest *m, const struct index_record *r, struct lh_err *err) {
    const char *const names[] = {r->id_column, r->text_column};
    for (size_t i = 0; i < LH_ARRAY_LEN(names); i++)
        if (!manifest_find_column(m, names[i])) {
            lh_ignore(lh_fail(err, LH_CONFLICT,
                              "the dataset \"%s\" has no column \"%s\" any more, which the index \"%s\" needs",
                              r->dataset, names[i], r->name));
            return lh_err_hint(err, "delete the index, or make another");
        }
    return LH_OK;
}

enum lh_code index_filter(struct index_service *s, struct generation *g, const char *condition, int cancel_fd,
                          uint64_t **ret_bits, struct lh_err *err) {
    struct catalog_snapshot *snapshot = catalog_snapshot(s->options.catalog);
    const struct manifest *m = NULL;
    enum lh_code code = catalog_snapshot_require(snapshot, g->record.dataset, &m, err);
    if (code == LH_OK && condition && strlen(condition) > FILTER_MAX_BYTES)
        code = lh_fail(err, LH_TOO_LARGE, "the filter has %zu bytes; the limit is %zu", strlen(condition),
                       FILTER_MAX_BYTES);
    if (code == LH_OK && condition)
        code = index_condition_check(condition, g->record.dataset, err);
    if (code == LH_OK)
        code = check_columns(m, &g->record, err);
    if (code == LH_OK && index_made_again(m, &g->record)) {
        *ret_bits = lh_calloc(g->room / 64 + 1, sizeof **ret_bits);
    } else if (code == LH_OK && (condition || index_rows_gone(m, &g->record))) {
        const char *text = condition ? condition : "TRUE";
        LH_AUTO(mem) uint64_t *bits = lh_calloc(g->room / 64 + 1, sizeof *bits);
        if (!generation_filter_get(g, text, m->version, bits)) {
            code = ask(s, g, snapshot, text, cancel_fd, bits, err);
            if (code == LH_OK)
                generation_filter_put(g, text, m->version, bits);
        }
        if (code == LH_OK)
            *ret_bits = LH_STEAL(bits);
    } else if (code == LH_OK) {
        *ret_bits = NULL;
    }
    catalog_snapshot_unref(snapshot);
    return code;
}
