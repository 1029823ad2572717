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
#include "index/index_internal.h"

#include "ai/ai.h"
#include "ai/lexical.h"
#include "ai/provider.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "catalog/catalog.h"
#include "index/documents.h"
#include "index/id_set.h"
#include "jobs/jobs.h"
#include "lake/live_rows.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/ids.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <inttypes.h>
#include <string.h>

#define PART_ROWS ((size_t)16384)
#define PART_BYTES ((size_t)128 << 20)
#define PARTS_MAX 4096
#define BATCH_CHUNKS ((size_t)64)
#define QUEUE_BATCHES 4
#define EMBED_THREADS 2
#define LEARN_DOCUMENTS ((uint64_t)20000)
#define READ_TIMEOUT_MS (INT64_C(3600) * 1000)

struct batch {
    struct arena *arena;
    struct chunk_record *records;
    size_t count, room;
    size_t documents;
};

struct part {
    const char *key;
    struct chunk_file *file;
    uint64_t *keep;
};

struct build {
    struct index_service *service;
    struct job *job;
    struct generation *current;
    struct catalog_snapshot *snapshot;
    const struct manifest *source;
    const char *source_id;
    uint64_t source_version, source_rows;
    uint64_t rows; /* that the dataset has when it is read: what progress ends at */
    const struct ai_provider *provider;
    struct object_store *store; /* of the record's bucket */
    struct arena *arena;
    char *folder;
    char generation[LH_ULID_SIZE];
    struct lexical_weights *weights;
    const char *weights_key;
    uint64_t *keep;
    struct part *parts; /* those of the checkpoint, then those of this run */
    size_t part_count;
    struct id_set seen;
    uint64_t unchanged;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t moved;
    struct batch *queue[QUEUE_BATCHES];
    size_t queued;
    bool ended;           /* no more batches */
    enum lh_code outcome; /* the first failure of an embedding thread, told in `failure` */
    struct lh_err failure;
    struct chunk_writer *writer;
    uint32_t dims;
    char *model;
    uint64_t documents_done, chunks_done;
    uint64_t duplicates, null_ids; /* rows that make no document: their id came before, or there is none */
};

static bool moves(const struct index_record *r) {
    return r->generation && strcmp(r->data_bucket, r->bucket) != 0;
}

/* ---- parts and checkpoints ---- */

static enum lh_code save_checkpoint(struct build *b, struct lh_err *err) {
    LH_AUTO(json) json_t *parts = json_array();
    for (size_t i = 0; i < b->part_count; i++)
        json_array_append_new(parts, json_string(b->parts[i].key));
    LH_AUTO(json) json_t *checkpoint = json_pack("{s:s, s:s, s:O, s:s?}", "generation", b->generation, "bucket",
                                                 b->current->record.bucket, "parts", parts, "weights", b->weights_key);
    return job_save_checkpoint(b->job, checkpoint, err);
}

static enum lh_code open_part(struct build *b, const char *key, struct lh_err *err) {
    const char *path;
    if (b->part_count == PARTS_MAX)
        return lh_fail(err, LH_LIMIT, "a build of more than %d parts", PARTS_MAX);
    LH_TRY(object_local_path(b->store, key, b->arena, &path, err));
    struct part part = {.key = arena_strdup(b->arena, key)};
    LH_TRY(chunk_file_open(b->service->options.os, path, &part.file, err));
    part.keep = lh_calloc((chunk_file_rows(part.file)->n + 63) / 64, sizeof *part.keep);
    b->parts[b->part_count++] = part;
    return LH_OK;
}

/* What the writer holds, as an object.  `lock` is held, or no embedding thread runs. */
static enum lh_code flush_part(struct build *b, struct lh_err *err) {
    LH_AUTO(mem) char *path = lh_asprintf("%s/part", b->folder);
    if (!b->writer || chunk_writer_count(b->writer) == 0)
        return LH_OK;
    const char *key = arena_printf(b->arena, "_vectors/data/%s/%s/part-%05zu.chunks", b->current->record.name,
                                   b->generation, b->part_count);
    LH_TRY(chunk_writer_finish(b->writer, b->service->options.os, path, err));
    LH_TRY(object_put_file(b->store, key, path, OBJECT_PUT_REPLACE, NULL, err));
    chunk_writer_free(LH_STEAL(b->writer));
    LH_TRY(open_part(b, key, err));
    struct part *part = &b->parts[b->part_count - 1];
    for (size_t row = 0; row < chunk_file_rows(part->file)->n; row++)
        bits_set(part->keep, row);
    LH_TRY(LH_FAULT("index.after_part", err));
    return save_checkpoint(b, err);
}

static enum lh_code resume(struct build *b, bool *ret_done, struct lh_err *err) {
    LH_AUTO(json) json_t *checkpoint = job_checkpoint(b->job);
    json_t *parts, *part;
    const char *generation, *weights, *bucket;
    size_t i;
    *ret_done = false;
    os_ulid(b->service->options.os, &b->service->ulids, b->generation);
    if (!checkpoint)
        return LH_OK;
    LH_TRY(lh_json_get_string(checkpoint, "", "generation", &generation, err));
    LH_TRY(lh_json_get_string_or(checkpoint, "", "bucket", b->current->record.bucket, &bucket, err));
    if (strcmp(bucket, b->current->record.bucket) != 0)
        return LH_OK; /* the index moves elsewhere by now: what was embedded is embedded again there */
    LH_TRY(lh_json_get_string_or(checkpoint, "", "weights", NULL, &weights, err));
    LH_TRY(lh_json_get_array(checkpoint, "", "parts", &parts, err));
    if (!lh_ulid_valid(generation, strlen(generation)))
        return lh_fail(err, LH_CORRUPT, "the checkpoint of the index job names no generation");
    memcpy(b->generation, generation, LH_ULID_SIZE);
    *ret_done = b->current->record.generation && strcmp(b->current->record.generation, generation) == 0;
    if (*ret_done)
        return LH_OK;
    b->weights_key = arena_strdup(b->arena, weights);
    json_array_foreach(parts, i, part)
        LH_TRY(open_part(b, json_string_value(part) ? json_string_value(part) : "", err));
    if (b->part_count > 0)
        b->dims = chunk_file_rows(b->parts[0].file)->d;
    return LH_OK;
}

/* ---- weights of the built-in embedding ---- */

static enum lh_code learn(struct build *b, struct documents *documents, struct lh_err *err) {
    LH_AUTO(lexical_counter) struct lexical_counter *counter = lexical_counter_new();
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    struct document document;
    uint64_t every = b->source->row_count / LEARN_DOCUMENTS + 1, i = 0;
    while (documents_next(documents, &document))
        if (i++ % every == 0 && document.text_len <= AI_MAX_TEXT_BYTES)
            lexical_counter_add(counter, document.text, document.text_len);
    documents_rewind(documents);
    b->weights = lexical_weights_learn(counter);
    lexical_weights_write(b->weights, &bytes);
    b->weights_key = arena_printf(b->arena, "_vectors/data/%s/%s/weights", b->current->record.name, b->generation);
    LH_TRY(object_put(b->store, b->weights_key, bytes.data, bytes.len, OBJECT_PUT_REPLACE, NULL, err));
    return save_checkpoint(b, err);
}

/* Those of the generation there is, which stay for good; into the other bucket where the index moves. */
static enum lh_code take_weights(struct build *b, struct lh_err *err) {
    const struct index_record *r = &b->current->record;
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    if (!r->weights || !moves(r)) {
        b->weights_key = r->weights;
        return LH_OK;
    }
    lexical_weights_write(b->current->weights, &bytes);
    const char *key = arena_printf(b->arena, "_vectors/data/%s/%s/weights", r->name, b->generation);
    LH_TRY(object_put(b->store, key, bytes.data, bytes.len, OBJECT_PUT_REPLACE, NULL, err));
    b->weights_key = key;
    return save_checkpoint(b, err);
}

static enum lh_code find_weights(struct build *b, struct documents *documents, struct lh_err *err) {
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    if (!(b->provider->abilities & AI_CAN_LEARN))
        return LH_OK;
    if (!b->weights_key && b->current->record.segment_count > 0)
        LH_TRY(take_weights(b, err));
    if (!b->weights_key)
        return learn(b, documents, err);
    LH_TRY(object_get(b->store, b->weights_key, (size_t)4 << 20, &bytes, NULL, err));
    return lexical_weights_read(bytes.data, bytes.len, &b->weights, err);
}

/* ---- embedding ---- */

static void batch_free(struct batch *batch) {
    if (!batch)
        return;
    arena_free(batch->arena);
    lh_free(batch->records);
    lh_free(batch);
}

static void batch_auto_release(struct batch **batch) {
    batch_free(*batch);
}

static enum lh_code check_dims(struct build *b, uint32_t dims, struct lh_err *err) {
    uint32_t expected = b->dims ? b->dims : b->current->record.dims;
    if (expected == 0 || expected == dims)
        return LH_OK;
    const struct index_record *r = &b->current->record;
    lh_ignore(lh_fail(
        err, LH_CONFLICT,
        "the model %s%s\"%s\" %sgives vectors of %" PRIu32 " dimensions instead of %" PRIu32 " as the index \"%s\" has",
        r->model, r->model[0] ? " of " : "of ", r->provider, r->generation ? "now " : "", dims, expected, r->name));
    return lh_err_hint(
        err, "make a new index for the new model (POST /vectors/index, another name): both can stand side by side");
}

/* Under the lock. */
static void tell_progress(struct build *b) {
    job_progress(b->job, b->documents_done + b->duplicates + b->null_ids, b->rows, "documents");
}

/* Under the lock. */
static enum lh_code take_vectors(struct build *b, const struct batch *batch, const struct ai_vectors *vectors,
                                 struct lh_err *err) {
    LH_TRY(check_dims(b, vectors->dims, err));
    b->dims = vectors->dims;
    if (!b->model)
        b->model = lh_strdup(vectors->model ? vectors->model : "");
    if (!b->writer)
        b->writer = chunk_writer_new(b->dims);
    for (size_t i = 0; i < batch->count; i++)
        chunk_writer_add(b->writer, &batch->records[i], vectors->data + i * vectors->dims);
    b->chunks_done += batch->count;
    b->documents_done += batch->documents;
    tell_progress(b);
    if (chunk_writer_count(b->writer) >= PART_ROWS || chunk_writer_bytes(b->writer) >= PART_BYTES)
        return flush_part(b, err);
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
static enum lh_code push(struct build *b, struct batch *batch, struct lh_err *err) {
    pthread_mutex_lock(&b->lock);
    while (b->queued == QUEUE_BATCHES && b->outcome == LH_OK)
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
    batch_free(batch);
    return code;
}

/* ---- comparing and cutting ---- */

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

static struct batch *batch_new(void) {
    struct batch *batch = lh_calloc(1, sizeof *batch);
    batch->arena = arena_new();
    return batch;
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
        *batch = batch_new();
        LH_TRY(push(b, full, err));
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

static enum lh_code produce(struct build *b, struct documents *documents, struct lh_err *err) {
    LH_AUTO(chunker) struct chunker *chunker = NULL;
    LH_AUTO(batch) struct batch *batch = batch_new();
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
        tell_progress(b);
        pthread_mutex_unlock(&b->lock);
    }
    pthread_mutex_lock(&b->lock);
    b->null_ids = b->rows > read ? b->rows - read : 0;
    tell_progress(b);
    pthread_mutex_unlock(&b->lock);
    return batch->count > 0 ? push(b, LH_STEAL(batch), err) : LH_OK;
}

static enum lh_code embed_all(struct build *b, struct documents *documents, struct lh_err *err) {
    struct os_thread threads[EMBED_THREADS] = {{0}};
    enum lh_code code = LH_OK;
    for (size_t i = 0; i < EMBED_THREADS && code == LH_OK; i++)
        code = os_thread_start(&threads[i], "lh-embed", OS_STACK_BIG, embed_thread, b, err);
    if (code == LH_OK)
        code = produce(b, documents, err);
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
    if (flush_part(b, &flush_err) != LH_OK && code == LH_OK) {
        *err = flush_err;
        code = flush_err.code;
    }
    return code;
}

/* ---- the whole ---- */

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

/* The rows that there are, with the codes that the record asks for by now.  The dataset is not looked at. */
static enum lh_code run_recode(struct build *b, struct lh_err *err) {
    const struct index_record *r = &b->current->record;
    bool pending = index_record_is_pending(r);
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
    if (json_is_true(json_object_get(input, "recode")) && !moves(r)) /* a move makes the codes anew too */
        return run_recode(b, err);
    LH_TRY(catalog_snapshot_require(b->snapshot, r->dataset, &b->source, err));
    b->source_id = b->source->id;
    b->source_version = b->source->version;
    b->source_rows = b->source->row_count;
    if (!rebuild && !moves(r) && r->generation && r->source_version == b->source->version) {
        tell_result(b, false);
        return LH_OK;
    }
    b->provider = ai_provider_find(b->service->options.ai, r->provider);
    if (!b->provider)
        return lh_fail(err, LH_NOT_FOUND, "there is no provider \"%s\"", r->provider);
    LH_TRY(resume(b, &done, err));
    if (done)
        return LH_OK;
    LH_TRY(os_mkdir_all(b->service->options.os, AT_FDCWD, b->folder, 0700, err));
    LH_TRY(lake_live_rows(b->service->options.engine, b->service->options.buckets, b->source, job_cancel_fd(b->job),
                          &b->rows, err));
    LH_TRY(spool(b, &documents, err));
    LH_TRY(find_weights(b, documents, err));
    b->keep = lh_calloc(b->current->room / 64 + 1, sizeof *b->keep);
    if (embed_all(b, documents, err) != LH_OK) {
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
        batch_free(b->queue[i]);
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
    b.parts = lh_calloc(PARTS_MAX, sizeof *b.parts);
    b.snapshot = catalog_snapshot(s->options.catalog);
    b.folder = lh_asprintf("%s/index-%s", s->options.tmp_dir, job_id(job));
    enum lh_code code = run(&b, err);
    release(&b);
    return code;
}
