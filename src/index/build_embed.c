/* The embedding threads of a build: they take batches from a short queue, and what comes out goes into the part in the making. */
#include "index/build_internal.h"

#include "ai/provider.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "jobs/jobs.h"
#include "os/thread.h"
#include "vector/chunk_file.h"

#include <inttypes.h>

#define PART_ROWS ((size_t)16384)
#define PART_BYTES ((size_t)128 << 20)
#define EMBED_THREADS 2

struct batch *build_batch_new(void) {
    struct batch *batch = lh_calloc(1, sizeof *batch);
    batch->arena = arena_new();
    return batch;
}

void build_batch_free(struct batch *batch) {
    if (!batch)
        return;
    arena_free(batch->arena);
    lh_free(batch->records);
    lh_free(batch);
}

enum lh_code index_check_dims(const struct index_record *r, uint32_t expected, uint32_t dims, struct lh_err *err) {
    if (expected == 0 || expected == dims)
        return LH_OK;
    lh_ignore(lh_fail(
        err, LH_CONFLICT,
        "the model %s%s\"%s\" %sgives vectors of %" PRIu32 " dimensions instead of %" PRIu32 " as the index \"%s\" has",
        r->model, r->model[0] ? " of " : "of ", r->provider, r->generation ? "now " : "", dims, expected, r->name));
    return lh_err_hint(
        err, "make a new index for the new model (POST /vectors/index, another name): both can stand side by side");
}

/* Under the lock. */
void build_tell_progress(struct build *b) {
    job_progress(b->job, b->documents_done + b->duplicates + b->null_ids, b->rows, "documents");
}

/* Under the lock. */
static enum lh_code take_vectors(struct build *b, const struct batch *batch, const struct ai_vectors *vectors,
                                 struct lh_err *err) {
    const struct index_record *r = &b->current->record;
    LH_TRY(index_check_dims(r, b->dims ? b->dims : r->dims, vectors->dims, err));
    b->dims = vectors->dims;
    if (!b->model)
        b->model = lh_strdup(vectors->model ? vectors->model : "");
    if (!b->writer)
        b->writer = chunk_writer_new(b->dims);
    for (size_t i = 0; i < batch->count; i++)
        chunk_writer_add(b->writer, &batch->records[i], vectors->data + i * vectors->dims);
    b->chunks_done += batch->count;
    b->documents_done += batch->documents;
    build_tell_progress(b);
    if (chunk_writer_count(b->writer) >= PART_ROWS || chunk_writer_bytes(b->writer) >= PART_BYTES)
        return build_flush_part(b, err);
    return LH_OK;
}

static enum lh_code embed_batch(struct build *b, const struct batch *batch, struct lh_err *err) {
    LH_AUTO(ai_vectors) struct ai_vectors vectors = {0};
    LH_AUTO(mem) struct ai_text *texts = lh_calloc(batch->count, sizeof *texts);
    for (size_t i = 0; i < batch->count; i++)
        texts[i] = (struct ai_text){batch->records[i].text, batch->records[i].text_len};
    const char *model = b->current->record.model;
    const struct ai_embed_request request = {.model = model[0] ? model : NULL,
                                             .texts = texts,
                                             .count = batch->count,
                                             .purpose = AI_DOCUMENT,
                                             .dims = b->current->record.dims,
                                             .any_dims = b->current->record.dims != 0,
                                             .weights = b->weights,
                                             .cancel_fd = job_cancel_fd(b->job)};
    LH_TRY(ai_provider_embed(b->provider, &request, &vectors, err));
    pthread_mutex_lock(&b->lock);
    enum lh_code code = b->outcome == LH_OK ? take_vectors(b, batch, &vectors, err) : LH_OK;
    pthread_mutex_unlock(&b->lock);
    return code;
}

static void embed_thread(void *build) {
    struct build *b = build;
    for (;;) {
        struct lh_err err = LH_ERR_INIT;
        pthread_mutex_lock(&b->lock);
        while (b->queued == 0 && !b->ended)
            pthread_cond_wait(&b->moved, &b->lock);
        LH_AUTO(batch) struct batch *batch = b->queued > 0 ? b->queue[--b->queued] : NULL;
        pthread_cond_broadcast(&b->moved);
        bool idle = b->outcome != LH_OK;
        pthread_mutex_unlock(&b->lock);
        if (!batch)
            return;
        if (idle || embed_batch(b, batch, &err) == LH_OK)
            continue;
        pthread_mutex_lock(&b->lock);
        if (b->outcome == LH_OK) {
            b->outcome = err.code;
            b->failure = err;
        }
        pthread_cond_broadcast(&b->moved);
        pthread_mutex_unlock(&b->lock);
    }
}

/* Hand a batch to the embedding threads; waits while they have enough.  It is theirs in any case. */
enum lh_code build_push(struct build *b, struct batch *batch, struct lh_err *err) {
    pthread_mutex_lock(&b->lock);
    while (b->queued == BUILD_QUEUE && b->outcome == LH_OK)
        pthread_cond_wait(&b->moved, &b->lock);
    enum lh_code code = b->outcome;
    if (code == LH_OK) {
        b->queue[b->queued++] = batch;
        batch = NULL;
        pthread_cond_broadcast(&b->moved);
    } else {
        *err = b->failure;
    }
    pthread_mutex_unlock(&b->lock);
    build_batch_free(batch);
    return code;
}
enum lh_code build_embed_all(struct build *b, struct documents *documents, struct lh_err *err) {
    struct os_thread threads[EMBED_THREADS] = {{0}};
    enum lh_code code = LH_OK;
    for (size_t i = 0; i < EMBED_THREADS && code == LH_OK; i++)
        code = os_thread_start(&threads[i], "lh-embed", OS_STACK_BIG, embed_thread, b, err);
    if (code == LH_OK)
        code = build_compare(b, documents, err);
    pthread_mutex_lock(&b->lock);
    b->ended = true;
    if (code != LH_OK && b->outcome == LH_OK) {
        b->outcome = code;
        b->failure = *err;
    }
    pthread_cond_broadcast(&b->moved);
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < EMBED_THREADS; i++)
        os_thread_join(&threads[i]);
    if (b->outcome != LH_OK) {
        *err = b->failure;
        code = b->outcome;
    }
    /* What was embedded is kept, also where the rest has to wait. */
    struct lh_err flush_err = LH_ERR_INIT;
    if (build_flush_part(b, &flush_err) != LH_OK && code == LH_OK) {
        *err = flush_err;
        code = flush_err.code;
    }
    return code;
}
