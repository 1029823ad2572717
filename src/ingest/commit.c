/* The one commit that makes an ingest visible. */
#include "base/arena.h"
#include "catalog/catalog.h"
#include "ingest/ingest_internal.h"

#include <string.h>

const struct manifest_lineage *ingest_known_source(const struct manifest *m, const char *sha256,
                                                   enum ingest_mode mode) {
    if (!m || (mode == INGEST_REPLACE && m->lineage_count != 1))
        return NULL;
    for (size_t i = 0; i < m->lineage_count; i++) {
        const char *known = m->lineage[i].source_sha256;
        if (known && strcmp(known, sha256) == 0)
            return &m->lineage[i];
    }
    return NULL;
}

enum lh_code ingest_check_mode(const struct manifest *existing, const char *dataset, enum ingest_mode mode,
                               struct lh_err *err) {
    if (!existing || mode != INGEST_CREATE)
        return LH_OK;
    (void)lh_fail(err, LH_EXISTS, "there is a dataset \"%s\" already, of other bytes", dataset);
    return lh_err_hint(err, "use mode=append or mode=replace, or another name");
}

/* New rows have to fit the columns that are there. */
static enum lh_code check_columns(const struct manifest *m, const struct ingest_report *report, struct lh_err *err) {
    for (size_t i = 0; i < report->column_count; i++) {
        const struct ingest_column *c = &report->columns[i];
        const struct manifest_column *known = manifest_find_column(m, c->name);
        if (!known)
            (void)lh_fail(err, LH_CONFLICT, "the file has a column \"%s\" that dataset \"%s\" lacks", c->name, m->name);
        else if (strcmp(known->type, c->type) != 0)
            (void)lh_fail(err, LH_CONFLICT, "column \"%s\" is %s in dataset \"%s\" and %s in the file (%s)", c->name,
                          known->type, m->name, c->type, c->why);
        else
            continue;
        return lh_err_hint(err, "ingest the file under another name, or with mode=replace");
    }
    if (report->column_count == m->column_count)
        return LH_OK;
    (void)lh_fail(err, LH_CONFLICT, "dataset \"%s\" has %zu columns, the file only %zu of them", m->name, m->column_count,
                  report->column_count);
    return lh_err_hint(err, "ingest the file under another name, or with mode=replace");
}

static const struct ingest_column *find_report_column(const struct ingest_report *report, const char *name) {
    for (size_t i = 0; i < report->column_count; i++)
        if (manifest_name_compare(report->columns[i].name, name) == 0)
            return &report->columns[i];
    return NULL;
}

/* Detection adds and renews its flags; what a person confirmed or dismissed stays. */
static void merge_flags(struct manifest *m, struct manifest_column *column, const struct ingest_column *seen) {
    struct manifest_flag *flags = arena_alloc(m->arena, (column->flag_count + seen->flag_count + 1) * sizeof *flags);
    size_t count = column->flag_count;
    if (count)
        memcpy(flags, column->flags, count * sizeof *flags);
    for (size_t i = 0; i < seen->flag_count; i++) {
        struct manifest_flag *flag = NULL;
        for (size_t j = 0; j < count && !flag; j++)
            flag = strcmp(flags[j].kind, seen->flags[i].kind) == 0 ? &flags[j] : NULL;
        if (flag && (flag->confirmed || flag->dismissed || flag->confidence >= seen->flags[i].confidence))
            continue;
        if (!flag)
            flag = &flags[count++];
        flag->kind = arena_strdup(m->arena, seen->flags[i].kind);
        flag->reason = arena_strdup(m->arena, seen->flags[i].reason);
        flag->confidence = seen->flags[i].confidence;
    }
    column->flags = flags;
    column->flag_count = count;
}

/* The columns of the file, with what people said of columns of the same name. */
static void replace_columns(struct manifest *m, const struct ingest_report *report) {
    struct manifest_column *old = m->columns;
    size_t old_count = m->column_count;
    m->columns = NULL;
    m->column_count = 0;
    for (size_t i = 0; i < report->column_count; i++) {
        const struct ingest_column *seen = &report->columns[i];
        struct manifest_column *column = manifest_add_column(m);
        column->name = arena_strdup(m->arena, seen->name);
        column->type = arena_strdup(m->arena, seen->type);
        column->nullable = seen->nullable;
        for (size_t j = 0; j < old_count; j++) {
            if (manifest_name_compare(old[j].name, seen->name) == 0) {
                column->description = old[j].description;
                column->flags = old[j].flags;
                column->flag_count = old[j].flag_count;
            }
        }
        merge_flags(m, column, seen);
    }
}

static void add_file(struct manifest *m, const struct ingest_commit *c, const struct ingest_object *object,
                     enum file_role role, uint64_t rows) {
    if (!object->there)
        return;
    struct manifest_file *file = manifest_add_file(m);
    file->bucket = arena_strdup(m->arena, c->bucket);
    file->key = arena_strdup(m->arena, object->key);
    file->role = role;
    file->row_count = rows;
    file->size_bytes = object->size_bytes;
    file->sha256 = arena_strdup(m->arena, object->sha256);
}

static void add_lineage(struct manifest *m, const struct ingest_commit *c, int64_t at_us) {
    struct manifest_lineage *edge = manifest_add_lineage(m);
    edge->source_system = arena_strdup(m->arena, c->request->source_system ? c->request->source_system : "upload");
    edge->source_name = arena_strdup(m->arena, c->request->original_name ? c->request->original_name : c->dataset);
    edge->source_sha256 = arena_strdup(m->arena, c->sha256);
    edge->source_bytes = c->source_bytes;
    edge->job_id = arena_strdup(m->arena, c->job_id);
    edge->actor = arena_strdup(m->arena, c->request->actor ? c->request->actor : "unknown");
    edge->at_us = at_us;
    edge->row_count = c->report->row_count;
    edge->reject_count = c->report->reject_count;
}

static enum lh_code change(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                           struct lh_err *err) {
    struct ingest_commit *c = ctx;
    const struct manifest *existing = catalog_snapshot_find(base, c->dataset);
    enum ingest_mode mode = c->request->mode;
    c->created = existing == NULL;
    c->deduplicated = ingest_known_source(existing, c->sha256, mode) != NULL;
    if (c->deduplicated) /* another request was quicker with the same file */
        return LH_OK;
    LH_TRY(ingest_check_mode(existing, c->dataset, mode, err));
    if (existing && mode == INGEST_APPEND)
        LH_TRY(check_columns(existing, c->report, err));
    struct manifest *m = existing ? manifest_edit(existing) : manifest_new(c->dataset);
    if (!existing) {
        m->bucket = arena_strdup(m->arena, c->bucket);
        m->id = arena_strdup(m->arena, c->dataset_id);
    }
    if (!existing || mode == INGEST_REPLACE) {
        m->files = NULL;
        m->lineage = NULL;
        m->file_count = m->lineage_count = 0;
        replace_columns(m, c->report);
    } else {
        for (size_t i = 0; i < m->column_count; i++) {
            const struct ingest_column *seen = find_report_column(c->report, m->columns[i].name);
            if (seen)
                merge_flags(m, &m->columns[i], seen);
        }
    }
    add_file(m, c, &c->data, FILE_BASE, c->report->row_count);
    add_file(m, c, &c->rejects, FILE_REJECTS, c->report->reject_count);
    add_lineage(m, c, catalog_txn_time(txn));
    catalog_txn_put(txn, m);
    return LH_OK;
}

enum lh_code ingest_commit_run(struct ingest_commit *c, struct lh_err *err) {
    const struct catalog_change ingest = {
        .operation = "ingest",
        .actor = c->request->actor ? c->request->actor : "unknown",
        .idempotency_key = c->request->idempotency_key,
        .fn = change,
        .ctx = c,
    };
    struct catalog_commit done;
    LH_TRY(catalog_commit(c->in->services.catalog, &ingest, &done, err));
    c->version = done.version;
    c->deduplicated |= done.replayed;
    return LH_OK;
}
