/* The one commit that makes an ingest visible: a draft of what is new, handed to the lake. */
#include "base/arena.h"
#include "ingest/ingest_internal.h"
#include "lake/lake.h"
#include "lake/row_history.h"
#include "os/clock.h"

#include <string.h>

const struct manifest_lineage *ingest_known_source(const struct manifest *m, const char *sha256,
                                                   enum ingest_mode mode) {
    if (!m || (mode == INGEST_REPLACE && m->lineage_count != 1))
        return NULL;
    return lake_find_source(m, sha256);
}

enum lh_code ingest_check_mode(const struct manifest *existing, const char *dataset, enum ingest_mode mode,
                               struct lh_err *err) {
    if (!existing || mode != INGEST_CREATE)
        return LH_OK;
    (void)lh_fail(err, LH_EXISTS, "there is a dataset \"%s\" already, of other bytes", dataset);
    return lh_err_hint(err,
                       "use mode=append or mode=upsert to add rows, mode=replace to replace them, or another name");
}

void ingest_draft_columns(struct manifest *m, const struct ingest_report *report) {
    for (size_t i = 0; i < report->column_count; i++) {
        const struct ingest_column *seen = &report->columns[i];
        struct manifest_column *column = manifest_add_column(m);
        column->name = arena_strdup(m->arena, seen->name);
        column->type = arena_strdup(m->arena, seen->type);
        column->nullable = seen->nullable;
        column->flags = arena_alloc(m->arena, (seen->flag_count + 1) * sizeof *column->flags);
        for (size_t j = 0; j < seen->flag_count; j++) {
            struct manifest_flag *flag = &column->flags[column->flag_count++];
            flag->kind = arena_strdup(m->arena, seen->flags[j].kind);
            flag->reason = arena_strdup(m->arena, seen->flags[j].reason);
            flag->confidence = seen->flags[j].confidence;
        }
    }
}

static void draft_file(struct manifest *m, const struct ingest_commit *c, const struct ingest_object *object,
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

static void draft_lineage(struct manifest *m, const struct ingest_commit *c) {
    struct manifest_lineage *edge = manifest_add_lineage(m);
    edge->source_system = arena_strdup(m->arena, c->request->source_system ? c->request->source_system : "upload");
    edge->source_name = arena_strdup(m->arena, c->request->original_name ? c->request->original_name : c->dataset);
    edge->source_sha256 = arena_strdup(m->arena, c->sha256);
    edge->source_bytes = c->source_bytes;
    edge->job_id = arena_strdup(m->arena, c->job_id);
    edge->actor = arena_strdup(m->arena, c->request->actor ? c->request->actor : "unknown");
    edge->at_us = os_realtime_us(c->in->services.os);
    edge->row_count = c->report->row_count;
    edge->reject_count = c->report->reject_count;
}

enum lh_code ingest_commit_run(struct ingest_commit *c, struct lh_err *err) {
    static const enum lake_mode modes[] = {[INGEST_CREATE] = LAKE_CREATE,
                                           [INGEST_APPEND] = LAKE_APPEND,
                                           [INGEST_REPLACE] = LAKE_REPLACE,
                                           [INGEST_UPSERT] = LAKE_UPSERT};
    LH_AUTO(manifest) struct manifest *draft = manifest_new(c->dataset);
    draft->bucket = arena_strdup(draft->arena, c->bucket);
    ingest_draft_columns(draft, c->report);
    manifest_set_key(draft, c->key, c->key_count);
    draft_file(draft, c, &c->data, FILE_BASE, c->report->row_count);
    draft_file(draft, c, &c->rejects, FILE_REJECTS, c->report->reject_count);
    draft_lineage(draft, c);
    const struct lake_commit commit = {
        .mode = modes[c->request->mode],
        .operation = INGEST_OPERATION,
        .actor = c->request->actor ? c->request->actor : "unknown",
        .idempotency_key = c->request->idempotency_key,
        .request = c->asked,
        .deduplicate = true,
        .fit = {.text = c->request->text_for_misfits},
        .draft = draft,
    };
    struct lake_committed done;
    LH_TRY(row_history_commit(c->in->history, &commit, c->request->cancel_fd, &done, err));
    c->version = done.commit.version;
    c->created = done.created;
    c->deduplicated = done.deduplicated;
    c->replayed = done.commit.replayed;
    c->counts = done.counts;
    memcpy(c->dataset_id, done.dataset_id, sizeof c->dataset_id);
    return LH_OK;
}
