/* Parts: what a build embedded, as objects that its checkpoint names (B2), and the weights that it embedded with. */
#include "index/build_internal.h"

#include "ai/ai.h"
#include "ai/lexical.h"
#include "ai/provider.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "catalog/manifest.h"
#include "index/documents.h"
#include "jobs/jobs.h"
#include "os/fault.h"
#include "os/ids.h"
#include "store/object_store.h"

#include <string.h>

#define LEARN_DOCUMENTS ((uint64_t)20000)

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
    if (b->part_count == BUILD_PARTS_MAX)
        return lh_fail(err, LH_LIMIT, "a build of more than %d parts", BUILD_PARTS_MAX);
    LH_TRY(object_local_path(b->store, key, b->arena, &path, err));
    struct part part = {.key = arena_strdup(b->arena, key)};
    LH_TRY(chunk_file_open(b->service->options.os, path, &part.file, err));
    part.keep = lh_calloc((chunk_file_rows(part.file)->n + 63) / 64, sizeof *part.keep);
    b->parts[b->part_count++] = part;
    return LH_OK;
}

/* What the writer holds, as an object.  `lock` is held, or no embedding thread runs. */
enum lh_code build_flush_part(struct build *b, struct lh_err *err) {
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

enum lh_code build_resume(struct build *b, bool *ret_done, struct lh_err *err) {
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
        return LH_OK; /* the index build_moves elsewhere by now: what was embedded is embedded again there */
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

/* Those of the generation there is, which stay for good; into the other bucket where the index build_moves. */
static enum lh_code take_weights(struct build *b, struct lh_err *err) {
    const struct index_record *r = &b->current->record;
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    if (!r->weights || !build_moves(r)) {
        b->weights_key = r->weights;
        return LH_OK;
    }
    lexical_weights_write(b->current->weights, &bytes);
    const char *key = arena_printf(b->arena, "_vectors/data/%s/%s/weights", r->name, b->generation);
    LH_TRY(object_put(b->store, key, bytes.data, bytes.len, OBJECT_PUT_REPLACE, NULL, err));
    b->weights_key = key;
    return save_checkpoint(b, err);
}

enum lh_code build_find_weights(struct build *b, struct documents *documents, struct lh_err *err) {
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
