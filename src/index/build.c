/* The job that brings an index up to date: what changed in the dataset, as new chunk files, and then a new generation.
 *
 *     spool of documents -> compare -> cut -> [queue of batches] -> embed -> chunk file ("part") -> ... -> seal
 *     `-------- the job's thread --------'                 `--- embedding threads ---'
 *
 *   B1  A document whose text has the SHA-256 that its chunks in the generation bear is kept as it is.
 *   B2  A part is an object before the checkpoint names it.  After a crash the parts of the checkpoint are compared with the
 *       documents like a generation, so nothing is embedded twice and nothing is there twice, whatever happened to the
 *       dataset meanwhile.
 *   B3  Documents that are no longer there are simply not kept.
 *   B4  A checkpoint whose generation is the index's is of a job that had switched already: nothing is left to do. */
#include "index/build_internal.h"

#include "ai/ai.h"
#include "ai/lexical.h"
#include "ai/provider.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "index/documents.h"
#include "jobs/jobs.h"
#include "lake/live_rows.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/ids.h"
#include "store/buckets.h"
#include "vector/chunk_file.h"

#include <string.h>

#define READ_TIMEOUT_MS (INT64_C(3600) * 1000)

bool build_moves(const struct index_record *r) {
    return r->generation && strcmp(r->data_bucket, r->bucket) != 0;
}

static enum lh_code spool(struct build *b, struct documents **ret_documents, struct lh_err *err) {
    const struct index_record *r = &b->current->record;
    LH_AUTO(mem) char *path = lh_asprintf("%s/documents", b->folder);
    const struct documents_source source = {
        .os = b->service->options.os,
        .engine = b->service->options.engine,
        .buckets = b->service->options.buckets,
        .snapshot = b->snapshot,
        .dataset = r->dataset,
        .id_column = r->id_column,
        .text_column = r->text_column,
        .path = path,
        .cancel_fd = job_cancel_fd(b->job),
        .timeout_ms = READ_TIMEOUT_MS,
    };
    return documents_open(&source, ret_documents, err);
}

static enum lh_code seal(struct build *b, enum build_kind kind, struct lh_err *err) {
    const char **keys = arena_alloc(b->arena, (b->part_count + 1) * sizeof *keys);
    const uint64_t **keeps = arena_alloc(b->arena, (b->part_count + 1) * sizeof *keeps);
    for (size_t i = 0; i < b->part_count; i++) {
        keys[i] = b->parts[i].key;
        keeps[i] = b->parts[i].keep;
    }
    const struct seal what = {.service = b->service,
                              .job = b->job,
                              .current = b->current,
                              .generation = b->generation,
                              .folder = b->folder,
                              .store = b->store,
                              .source_id = b->source_id,
                              .source_version = b->source_version,
                              .source_rows = b->source_rows,
                              .keep = b->keep,
                              .parts = keys,
                              .part_keeps = keeps,
                              .part_count = b->part_count,
                              .weights = b->weights_key,
                              .dims = b->dims ? b->dims : b->current->record.dims,
                              .model = b->model,
                              .rebuild = kind == BUILD_REBUILD,
                              .codes_only = kind == BUILD_RECODE};
    LH_TRY(LH_FAULT("index.before_seal", err));
    return index_seal(&what, err);
}

static void tell_result(struct build *b, bool read) {
    LH_AUTO(json) json_t *result =
        json_pack("{s:b, s:I, s:I, s:I, s:I, s:I}", "changed", read, "documents", (json_int_t)b->documents_done,
                  "unchanged", (json_int_t)b->unchanged, "chunks_embedded", (json_int_t)b->chunks_done, "duplicate_ids",
                  (json_int_t)b->duplicates, "null_ids", (json_int_t)b->null_ids);
    job_set_result(b->job, result);
}

/* The rows that there are, with the codes and words as they are to be by now.  The dataset is not looked at. */
static enum lh_code run_recode(struct build *b, struct lh_err *err) {
    const struct index_record *r = &b->current->record;
    bool pending = generation_is_pending(b->current);
    if (pending) {
        os_ulid(b->service->options.os, &b->service->ulids, b->generation);
        LH_TRY(os_mkdir_all(b->service->options.os, AT_FDCWD, b->folder, 0700, err));
        b->keep = lh_calloc(b->current->room / 64 + 1, sizeof *b->keep);
        memcpy(b->keep, b->current->live, b->current->room / 8);
        b->weights_key = r->weights;
        b->source_id = r->source_id;
        b->source_version = r->source_version;
        b->source_rows = r->source_rows;
        b->documents_done = b->unchanged = r->documents;
        LH_TRY(seal(b, BUILD_RECODE, err));
    }
    tell_result(b, pending);
    return LH_OK;
}

static enum lh_code run(struct build *b, struct lh_err *err) {
    LH_AUTO(json) json_t *input = job_input(b->job);
    LH_AUTO(documents) struct documents *documents = NULL;
    const struct index_record *r = &b->current->record;
    bool rebuild = json_is_true(json_object_get(input, "rebuild")), done;
    if (json_is_true(json_object_get(input, "recode")) && !build_moves(r)) /* a move makes the codes anew too */
        return run_recode(b, err);
    LH_TRY(catalog_snapshot_require(b->snapshot, r->dataset, &b->source, err));
    b->source_id = b->source->id;
    b->source_version = b->source->version;
    b->source_rows = b->source->row_count;
    if (!rebuild && !build_moves(r) && r->generation && r->source_version == b->source->version) {
        tell_result(b, false);
        return LH_OK;
    }
    b->provider = ai_provider_find(b->service->options.ai, r->provider);
    if (!b->provider)
        return lh_fail(err, LH_NOT_FOUND, "there is no provider \"%s\"", r->provider);
    LH_TRY(build_resume(b, &done, err));
    if (done)
        return LH_OK;
    LH_TRY(os_mkdir_all(b->service->options.os, AT_FDCWD, b->folder, 0700, err));
    LH_TRY(lake_live_rows(b->service->options.engine, b->service->options.buckets, b->source, job_cancel_fd(b->job),
                          &b->rows, err));
    LH_TRY(spool(b, &documents, err));
    LH_TRY(build_find_weights(b, documents, err));
    b->keep = lh_calloc(b->current->room / 64 + 1, sizeof *b->keep);
    if (build_embed_all(b, documents, err) != LH_OK) {
        if (err->code == LH_UPSTREAM)
            job_retry_later(b->job, ai_provider_wait_ms(b->provider));
        return err->code;
    }
    LH_TRY(seal(b, rebuild ? BUILD_REBUILD : BUILD_REFRESH, err));
    tell_result(b, true);
    return LH_OK;
}

static void release(struct build *b) {
    struct lh_err ignored = LH_ERR_INIT;
    for (size_t i = 0; i < b->part_count; i++) {
        chunk_file_close(b->parts[i].file);
        lh_free(b->parts[i].keep);
    }
    for (size_t i = 0; i < b->queued; i++)
        build_batch_free(b->queue[i]);
    lh_ignore(os_remove_all(b->service->options.os, AT_FDCWD, b->folder, &ignored));
    id_set_release(&b->seen);
    chunk_writer_free(b->writer);
    lexical_weights_free(b->weights);
    catalog_snapshot_unref(b->snapshot);
    generation_unref(b->current);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->moved);
    lh_free(b->parts);
    lh_free(b->keep);
    lh_free(b->model);
    lh_free(b->folder);
    arena_free(b->arena);
}

enum lh_code index_build_run(struct job *job, void *service, struct lh_err *err) {
    struct index_service *s = service;
    struct build b = {.service = s, .job = job};
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    LH_TRY(index_open_generation(s, job_subject(job), &b.current, err));
    if (service_bucket(s, b.current->record.bucket, &bucket, err) != LH_OK) {
        generation_unref(b.current);
        return err->code;
    }
    b.store = bucket_store(bucket);
    pthread_mutex_init(&b.lock, NULL);
    pthread_cond_init(&b.moved, NULL);
    b.arena = arena_new();
    b.parts = lh_calloc(BUILD_PARTS_MAX, sizeof *b.parts);
    b.snapshot = catalog_snapshot(s->options.catalog);
    b.folder = lh_asprintf("%s/index-%s", s->options.tmp_dir, job_id(job));
    enum lh_code code = run(&b, err);
    release(&b);
    return code;
}
