/* From chunk files to a generation that searches use.
 *
 * Two ways.  An append keeps the segments there are, with the rows that went marked dead, and makes one more of what is new:
 * nothing that stands is written again but the words' file, which is copied.  A merge makes one segment of all that lives:
 * the first time, when asked for, when the appended and the dead have become a quarter of the whole, or there are many
 * segments. */
#include "index/index_internal.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/metrics.h"
#include "base/timefmt.h"
#include "engine/engine.h"
#include "index/text.h"
#include "jobs/jobs.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/file.h"
#include "store/buckets.h"
#include "store/object_store.h"
#include "vector/flat.h"
#include "vector/hnsw.h"

#include <inttypes.h>
#include <string.h>

#define SEGMENTS_LIKED 8
#define SWITCH_TRIES 5
#define PARQUET_TIMEOUT_MS (INT64_C(3600) * 1000)

struct sealing {
    const struct seal *what;
    struct os *os;
    struct object_store *store;
    struct arena *arena;
    struct chunk_file **parts;
    uint64_t kept, added; /* rows */
    bool merge;
    struct chunk_file *fresh; /* the new segment, NULL: none */
    const char *chunks_key, *codes_key, *parquet_key;
    enum index_backend backend;
    const char *text_key, *dead_key;
    uint64_t *dead;
    uint64_t rows; /* of all segments */
};

static const char *key_of(struct sealing *s, const char *what) {
    return arena_printf(s->arena, "_vectors/data/%s/%s/%s", s->what->current->record.name, s->what->generation, what);
}

static const char *file_of(struct sealing *s, const char *what) {
    return arena_printf(s->arena, "%s/%s", s->what->folder, what);
}

static enum lh_code put(struct sealing *s, const char *what, const char **ret_key, struct lh_err *err) {
    const char *key = key_of(s, what);
    LH_TRY(object_put_file(s->store, key, file_of(s, what), OBJECT_PUT_REPLACE, NULL, err));
    *ret_key = key;
    return LH_OK;
}

static uint64_t count_bits(const uint64_t *bits, size_t n) {
    uint64_t count = 0;
    for (size_t i = 0; i < (n + 63) / 64; i++)
        count += (uint64_t)__builtin_popcountll(bits[i]);
    return count;
}

/* ---- the new segment ---- */

static enum lh_code open_parts(struct sealing *s, struct lh_err *err) {
    const struct seal *w = s->what;
    for (size_t i = 0; i < w->part_count; i++) {
        const char *path;
        LH_TRY(object_local_path(s->store, w->parts[i], s->arena, &path, err));
        LH_TRY(chunk_file_open(s->os, path, &s->parts[i], err));
        s->added += count_bits(w->part_keeps[i], chunk_file_rows(s->parts[i])->n);
    }
    s->kept = count_bits(w->keep, w->current->room);
    return LH_OK;
}

static enum lh_code join_chunks(struct sealing *s, struct lh_err *err) {
    const struct seal *w = s->what;
    const struct generation *g = w->current;
    size_t count = 0, room = g->segment_count + w->part_count + 1;
    const struct chunk_file **files = arena_alloc(s->arena, room * sizeof *files);
    const uint64_t **live = arena_alloc(s->arena, room * sizeof *live);
    for (size_t i = 0; i < g->segment_count && s->merge; i++) {
        files[count] = g->segments[i].chunks;
        live[count++] = w->keep + g->segments[i].base / 64;
    }
    for (size_t i = 0; i < w->part_count; i++) {
        files[count] = s->parts[i];
        live[count++] = w->part_keeps[i];
    }
    const char *path;
    LH_TRY(chunk_file_merge(s->os, files, live, count, file_of(s, "chunks"), err));
    LH_TRY(put(s, "chunks", &s->chunks_key, err));
    LH_TRY(object_local_path(s->store, s->chunks_key, s->arena, &path, err));
    return chunk_file_open(s->os, path, &s->fresh, err);
}

static enum lh_code make_codes(struct sealing *s, struct lh_err *err) {
    const struct index_record *r = &s->what->current->record;
    const struct vec_rows *rows = chunk_file_rows(s->fresh);
    const char *path = file_of(s, "codes");
    const struct vec_cancel cancel = index_job_cancel(s->what->job);
    bool graph = s->merge && index_record_wants_graph(r, rows->n);
    enum lh_code code;
    s->backend = graph ? BACKEND_HNSW : BACKEND_FLAT;
    if (graph) {
        const struct vec_hnsw_config config = {.d = rows->d,
                                               .metric = VEC_COSINE,
                                               .m = r->graph.m,
                                               .ef_construction = r->graph.ef_construction,
                                               .seed = r->graph.seed,
                                               .cancel = &cancel};
        struct vec_hnsw *made = NULL;
        LH_TRY(vec_hnsw_build(&config, rows, 0, &made, err));
        code = vec_hnsw_save(made, s->os, path, false, err);
        vec_hnsw_free(made);
    } else {
        const struct vec_flat_config config = {.metric = VEC_COSINE, .seed = 1};
        struct vec_flat *made = NULL;
        LH_TRY(vec_flat_new(rows, &config, &made, err));
        code = vec_flat_save(made, s->os, path, false, err);
        vec_flat_free(made);
    }
    LH_TRY(code);
    return put(s, "codes", &s->codes_key, err);
}

/* ---- Parquet: the same for other programs and for SQL ---- */

static enum lh_code make_parquet(struct sealing *s, struct lh_err *err) {
    const char *chunks;
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(object_local_path(s->store, s->chunks_key, s->arena, &chunks, err));
    LH_AUTO(json) json_t *request = json_pack("{s:s}", "chunks", chunks);
    const struct engine_task task = {.task = "chunks_parquet",
                                     .request = request,
                                     .output_dir = s->what->folder,
                                     .timeout_ms = PARQUET_TIMEOUT_MS,
                                     .cancel_fd = job_cancel_fd(s->what->job)};
    LH_TRY(engine_run_task(s->what->service->options.engine, &task, &answer, err));
    return put(s, "chunks.parquet", &s->parquet_key, err);
}

/* ---- words ---- */

/* `keep`: bits of the rows to add; NULL: all of them. */
static enum lh_code add_words(struct sealing *s, struct text_builder *b, const struct chunk_file *f, size_t base,
                              const uint64_t *keep, struct lh_err *err) {
    for (size_t row = 0; row < chunk_file_rows(f)->n; row++) {
        struct chunk_record r;
        if (row % 256 == 0)
            LH_TRY(job_check(s->what->job, err));
        if (keep && !bits_get(keep, row))
            continue;
        LH_TRY(chunk_file_record(f, (uint32_t)row, &r, err));
        LH_TRY(text_builder_add(b, (uint32_t)(base + row), r.text, r.text_len, err));
    }
    return LH_OK;
}

/* Behind a copy of the last words; or from the texts, for a merge and where those words are old. */
static enum lh_code make_words(struct sealing *s, struct lh_err *err) {
    LH_AUTO(text_builder) struct text_builder *b = NULL;
    const struct generation *g = s->what->current;
    const char *path = file_of(s, "words.sqlite"), *base = NULL;
    bool old = generation_words_are_old(g);
    if (!s->merge && !old)
        LH_TRY(object_local_path(s->store, g->record.text, s->arena, &base, err));
    LH_TRY(text_builder_new(path, base, &b, err));
    for (size_t i = 0; i < g->segment_count && !s->merge && old; i++) {
        const struct segment *segment = &g->segments[i];
        LH_TRY(add_words(s, b, segment->chunks, segment->base, s->what->keep + segment->base / 64, err));
    }
    if (s->fresh)
        LH_TRY(add_words(s, b, s->fresh, s->merge ? 0 : g->room, NULL, err));
    LH_TRY(text_builder_finish(b, err));
    return put(s, "words.sqlite", &s->text_key, err);
}

/* ---- dead rows of an append ---- */

static enum lh_code make_dead(struct sealing *s, struct lh_err *err) {
    const struct generation *g = s->what->current;
    size_t fresh = s->fresh ? chunk_file_rows(s->fresh)->n : 0;
    size_t words = g->room / 64 + (fresh + 63) / 64;
    bool any = false;
    uint64_t *dead = arena_alloc(s->arena, (words + 1) * sizeof *dead);
    for (size_t i = 0; i < g->segment_count; i++)
        for (size_t row = g->segments[i].base; row < g->segments[i].base + g->segments[i].n; row++)
            if (!bits_get(s->what->keep, row)) {
                bits_set(dead, row);
                any = true;
            }
    if (!any)
        return LH_OK;
    s->dead_key = key_of(s, "dead");
    return object_put(s->store, s->dead_key, dead, words * sizeof *dead, OBJECT_PUT_REPLACE, NULL, err);
}

/* ---- the record ---- */

static json_t *segment_json(const char *chunks, const char *codes, const char *parquet, enum index_backend backend,
                            uint64_t rows) {
    return json_pack("{s:s, s:s, s:s?, s:s, s:I}", "chunks", chunks, "codes", codes, "parquet", parquet, "backend",
                     index_backend_name(backend), "rows", (json_int_t)rows);
}

static uint64_t count_documents(struct sealing *s) {
    const struct generation *g = s->what->current;
    uint64_t documents = s->fresh ? chunk_file_documents(s->fresh) : 0;
    for (size_t i = 0; i < g->segment_count && !s->merge; i++)
        for (size_t d = 0; d < chunk_file_documents(g->segments[i].chunks); d++) {
            uint32_t first, rows;
            if (chunk_file_document(g->segments[i].chunks, d, &first, &rows))
                documents += bits_get(s->what->keep, g->segments[i].base + first);
        }
    return documents;
}

static json_t *generation_json(struct sealing *s) {
    const struct seal *w = s->what;
    const struct index_record *r = &w->current->record;
    const struct index_graph *graph = s->merge ? &r->graph : &r->built;
    char now[LH_TIME_SIZE];
    json_t *segments = json_array();
    uint64_t rows = 0;
    for (size_t i = 0; i < r->segment_count && !s->merge; i++) {
        const struct segment_record *old = &r->segments[i];
        json_array_append_new(segments, segment_json(old->chunks, old->codes, old->parquet, old->backend, old->rows));
        rows += old->rows;
    }
    if (s->fresh) {
        uint64_t n = chunk_file_rows(s->fresh)->n;
        json_array_append_new(segments, segment_json(s->chunks_key, s->codes_key, s->parquet_key, s->backend, n));
        rows += n;
    }
    lh_time_format(os_realtime_us(s->os), now);
    json_t *source_rows = w->source_rows == RECORD_ROWS_UNKNOWN ? NULL : json_integer((json_int_t)w->source_rows);
    return json_pack("{s:s, s:s, s:s, s:s*, s:I, s:o*, s:I, s:I, s:I, s:s?, s:s?, s:s?, s:o, s:o}", "id", w->generation,
                     "bucket", r->bucket, "created_at", now, "source_id", w->source_id, "source_version",
                     (json_int_t)w->source_version, "source_rows", source_rows, "rows", (json_int_t)rows, "live",
                     (json_int_t)(s->kept + s->added), "documents", (json_int_t)count_documents(s), "text", s->text_key,
                     "dead", s->dead_key, "weights", w->weights, "hnsw", index_graph_json(graph), "segments", segments);
}

/* A change of the definition meanwhile is taken along; another generation meanwhile is a conflict. */
static enum lh_code write_record(struct sealing *s, json_t *generation, struct lh_err *err) {
    const struct seal *w = s->what;
    const struct index_record *old = &w->current->record;
    for (unsigned tries = 1;; tries++) {
        LH_AUTO(index_record) struct index_record newest = {0};
        LH_TRY(index_record_load(service_store(w->service), old->name, &newest, err));
        if ((newest.generation != NULL) != (old->generation != NULL) ||
            (newest.generation && strcmp(newest.generation, old->generation) != 0))
            return lh_fail(err, LH_CONFLICT, "another server built the index \"%s\" meanwhile", old->name);
        LH_AUTO(json) json_t *json = json_deep_copy(newest.json);
        json_t *model = json_object_get(json, "model");
        json_object_set(json, "generation", generation);
        json_object_set_new(model, "dimensions", json_integer(w->dims));
        if (w->model && w->model[0])
            json_object_set_new(model, "version", json_string(w->model));
        LH_TRY(LH_FAULT("index.before_switch", err));
        enum lh_code code = index_record_write(service_store(w->service), old->name, newest.number, json, err);
        if (code == LH_CONFLICT && tries < SWITCH_TRIES)
            continue;
        LH_TRY(code);
        LH_TRY(LH_FAULT("index.after_switch", err));
        LH_AUTO(index_record) struct index_record written = {0};
        LH_TRY(index_record_parse(json, &written, err));
        LH_TRY(service_switch(w->service, &written, err));
        lh_metric_add(w->service->options.metrics, LH_METRIC_index_switches_total, 0, 1);
        return LH_OK;
    }
}

/* Only the dataset's version moved: the generation stays, its record says what it was compared with. */
static enum lh_code note_version(struct sealing *s, struct lh_err *err) {
    LH_AUTO(json) json_t *generation = json_deep_copy(json_object_get(s->what->current->record.json, "generation"));
    if (s->what->source_id)
        json_object_set_new(generation, "source_id", json_string(s->what->source_id));
    json_object_set_new(generation, "source_version", json_integer((json_int_t)s->what->source_version));
    json_object_set_new(generation, "bucket", json_string(s->what->current->record.data_bucket));
    json_object_set_new(generation, "source_rows", json_integer((json_int_t)s->what->source_rows));
    return write_record(s, generation, err);
}

/* One segment, all of it alive: its texts and vectors stay as they are, beside a new file of codes. */
static enum lh_code recode(struct sealing *s, struct lh_err *err) {
    const struct segment_record *old = &s->what->current->record.segments[0];
    const char *path;
    s->merge = true;
    s->chunks_key = old->chunks;
    s->parquet_key = old->parquet;
    s->text_key = s->what->current->record.text;
    LH_TRY(object_local_path(s->store, s->chunks_key, s->arena, &path, err));
    LH_TRY(chunk_file_open(s->os, path, &s->fresh, err));
    LH_TRY(make_codes(s, err));
    LH_TRY(job_check(s->what->job, err));
    if (generation_words_are_old(s->what->current))
        LH_TRY(make_words(s, err));
    LH_AUTO(json) json_t *generation = generation_json(s);
    return write_record(s, generation, err);
}

/* Nothing but the words is written anew. */
static enum lh_code reword(struct sealing *s, struct lh_err *err) {
    LH_TRY(make_words(s, err));
    s->dead_key = s->what->current->record.dead;
    LH_AUTO(json) json_t *generation = generation_json(s);
    return write_record(s, generation, err);
}

static enum lh_code seal(struct sealing *s, struct lh_err *err) {
    const struct seal *w = s->what;
    const struct generation *g = w->current;
    LH_TRY(open_parts(s, err));
    bool whole = g->record.text && g->damage.code == LH_OK;
    if (w->codes_only && whole && !index_record_is_pending(&g->record))
        return reword(s, err);
    if (w->codes_only && whole && g->segment_count == 1 && g->all_live)
        return recode(s, err);
    uint64_t gone = g->record.live > s->kept ? g->record.live - s->kept : 0;
    uint64_t dead = g->record.rows - g->record.live + gone;
    bool moves = strcmp(g->record.data_bucket, g->record.bucket) != 0;
    if (!w->rebuild && !w->codes_only && !moves && g->record.generation && s->added == 0 && gone == 0)
        return note_version(s, err);
    s->merge = w->rebuild || w->codes_only || moves || g->segment_count == 0 || !g->record.text ||
               g->damage.code != LH_OK || s->added + dead > (s->kept + s->added) / 4 ||
               g->segment_count >= SEGMENTS_LIKED;
    if (s->added > 0 || (s->merge && s->kept > 0)) {
        LH_TRY(join_chunks(s, err));
        LH_TRY(make_codes(s, err));
        LH_TRY(job_check(w->job, err));
        LH_TRY(make_words(s, err));
        LH_TRY(make_parquet(s, err));
    } else if (!s->merge) {
        s->text_key = g->record.text;
    }
    if (!s->merge)
        LH_TRY(make_dead(s, err));
    LH_AUTO(json) json_t *generation = generation_json(s);
    return write_record(s, generation, err);
}

enum lh_code index_seal(const struct seal *what, struct lh_err *err) {
    struct index_service *service = what->service;
    LH_AUTO(index_record) struct index_record newest = {0};
    struct lh_err ignored = LH_ERR_INIT;
    LH_AUTO(mem) struct sealing *s = lh_calloc(1, sizeof *s);
    s->what = what;
    s->parts = lh_calloc(what->part_count + 1, sizeof *s->parts);
    s->os = service->options.os;
    s->store = what->store;
    s->arena = arena_new();
    enum lh_code code = seal(s, err);
    for (size_t i = 0; i < what->part_count; i++)
        chunk_file_close(s->parts[i]);
    chunk_file_close(s->fresh);
    lh_free(s->parts);
    arena_free(s->arena);
    LH_TRY(code);
    if (index_record_load(service_store(service), what->current->record.name, &newest, &ignored) == LH_OK)
        index_sweep(service, newest.name, &newest);
    return LH_OK;
}

/* ---- what no record names ---- */

static bool names(const struct index_record *r, const char *key) {
    const char *const ones[] = {r->text, r->dead, r->weights};
    for (size_t i = 0; i < LH_ARRAY_LEN(ones); i++)
        if (ones[i] && strcmp(ones[i], key) == 0)
            return true;
    for (size_t i = 0; i < r->segment_count; i++) {
        const struct segment_record *s = &r->segments[i];
        if (strcmp(s->chunks, key) == 0 || strcmp(s->codes, key) == 0 || (s->parquet && strcmp(s->parquet, key) == 0))
            return true;
    }
    return false;
}

static void sweep_bucket(struct object_store *store, const char *name, const struct index_record *r) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct lh_err err = LH_ERR_INIT;
    struct object_info *items;
    size_t count;
    bool more;
    if (object_list(store, arena_printf(arena, "_vectors/data/%s/", name), "", OBJECT_LIST_MAX, arena, &items, &count,
                    &more, &err) != LH_OK)
        return;
    for (size_t i = 0; i < count; i++)
        if (!r || !names(r, items[i].key))
            lh_ignore(object_delete(store, items[i].key, &err));
}

void index_sweep(struct index_service *service, const char *name, const struct index_record *r) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct bucket_info *buckets;
    size_t count;
    buckets_list(service->options.buckets, arena, &buckets, &count);
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(bucket) struct bucket *bucket = NULL;
        struct lh_err err = LH_ERR_INIT;
        if (service_bucket(service, buckets[i].name, &bucket, &err) == LH_OK)
            sweep_bucket(bucket_store(bucket), name, r && strcmp(r->data_bucket, buckets[i].name) == 0 ? r : NULL);
    }
}
