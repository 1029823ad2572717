/* What is new: documents against the generation (B1) and the parts of an earlier run (B2); the rest is cut into batches. */
#include "index/build_internal.h"

#include "ai/chunk.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "index/documents.h"
#include "jobs/jobs.h"

#include <string.h>

#define BATCH_CHUNKS ((size_t)64)

static void keep_rows(uint64_t *bits, size_t first, size_t rows) {
    for (size_t row = first; row < first + rows; row++)
        bits_set(bits, row);
}

/* B1, B2: is the document there as it is now? */
static enum lh_code find_unchanged(struct build *b, const struct document *d, const unsigned char *sha, bool *ret_found,
                                   struct lh_err *err) {
    struct chunk_record record;
    size_t first, rows;
    *ret_found = false;
    if (generation_find(b->current, d->id, d->id_len, &first, &rows)) {
        LH_TRY(generation_record(b->current, (uint32_t)first, &record, err));
        if (memcmp(record.sha, sha, CHUNK_HASH_BYTES) == 0) {
            keep_rows(b->keep, first, rows);
            *ret_found = true;
            return LH_OK;
        }
    }
    /* Only the checkpoint's parts can hold it: what this run embeds it sees once. */
    size_t count;
    pthread_mutex_lock(&b->lock);
    count = b->part_count;
    pthread_mutex_unlock(&b->lock);
    for (size_t i = 0; i < count; i++) {
        uint32_t at, n;
        if (!chunk_file_find(b->parts[i].file, d->id, d->id_len, &at, &n))
            continue;
        LH_TRY(chunk_file_record(b->parts[i].file, at, &record, err));
        if (memcmp(record.sha, sha, CHUNK_HASH_BYTES) != 0)
            continue;
        keep_rows(b->parts[i].keep, at, n);
        *ret_found = true;
        return LH_OK;
    }
    return LH_OK;
}

static void add_chunk(struct batch *batch, const struct document *d, const char *id, const unsigned char *sha,
                      const struct chunk *c, uint32_t number) {
    batch->records[batch->count++] = (struct chunk_record){
        .doc_id = id,
        .doc_id_len = (uint32_t)d->id_len,
        .heading = arena_strndup(batch->arena, d->text + c->heading, c->heading_len),
        .heading_len = (uint32_t)c->heading_len,
        .text = arena_strndup(batch->arena, d->text + c->begin, c->end - c->begin),
        .text_len = (uint32_t)(c->end - c->begin),
        .number = number,
        .page = c->page,
        .begin = c->begin,
        .end = c->end,
        .sha = sha,
    };
}

/* All chunks of a document go in one batch, so that they are neighbours in their part. */
static enum lh_code add_document(struct build *b, struct chunker *chunker, const struct document *d,
                                 const unsigned char *sha, struct batch **batch, struct lh_err *err) {
    const struct chunk *chunks;
    size_t count;
    LH_TRY(chunker_run(chunker, d->text, d->text_len, &chunks, &count, err));
    if ((*batch)->count > 0 && (*batch)->count + count > BATCH_CHUNKS) {
        struct batch *full = *batch;
        *batch = build_batch_new();
        LH_TRY(build_push(b, full, err));
    }
    if ((*batch)->count + count > (*batch)->room) {
        (*batch)->room = (*batch)->count + count + BATCH_CHUNKS;
        (*batch)->records = lh_realloc((*batch)->records, (*batch)->room * sizeof *(*batch)->records);
    }
    const char *id = arena_strndup((*batch)->arena, d->id, d->id_len);
    unsigned char *own_sha = arena_alloc((*batch)->arena, CHUNK_HASH_BYTES);
    memcpy(own_sha, sha, CHUNK_HASH_BYTES);
    for (size_t i = 0; i < count; i++)
        add_chunk(*batch, d, id, own_sha, &chunks[i], (uint32_t)i);
    (*batch)->documents++;
    return LH_OK;
}

enum lh_code build_compare(struct build *b, struct documents *documents, struct lh_err *err) {
    LH_AUTO(chunker) struct chunker *chunker = NULL;
    LH_AUTO(batch) struct batch *batch = build_batch_new();
    struct document d;
    uint64_t read = 0;
    LH_TRY(chunker_new(&b->current->record.chunks, &chunker, err));
    for (; documents_next(documents, &d); read++) {
        unsigned char sha[LH_SHA256_BYTES];
        bool unchanged;
        if (read % 64 == 0)
            LH_TRY(job_check(b->job, err));
        lh_sha256(d.id, d.id_len, sha);
        if (!id_set_add(&b->seen, sha)) {
            pthread_mutex_lock(&b->lock);
            b->duplicates++;
            pthread_mutex_unlock(&b->lock);
            continue;
        }
        lh_sha256(d.text, d.text_len, sha);
        LH_TRY(find_unchanged(b, &d, sha, &unchanged, err));
        if (!unchanged) {
            LH_TRY(add_document(b, chunker, &d, sha, &batch, err));
            continue;
        }
        b->unchanged++;
        pthread_mutex_lock(&b->lock);
        b->documents_done++;
        build_tell_progress(b);
        pthread_mutex_unlock(&b->lock);
    }
    pthread_mutex_lock(&b->lock);
    b->null_ids = b->rows > read ? b->rows - read : 0;
    build_tell_progress(b);
    pthread_mutex_unlock(&b->lock);
    return batch->count > 0 ? build_push(b, LH_STEAL(batch), err) : LH_OK;
}
