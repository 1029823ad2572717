#include "index/generation.h"

#include "ai/lexical.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "index/text.h"
#include "store/object_store.h"
#include "vector/flat.h"
#include "vector/hnsw.h"
#include "vector/topk.h"

#include <stdlib.h>
#include <string.h>

#define WEIGHTS_MAX_BYTES ((size_t)4 * 1024 * 1024)

/* ---- opening ---- */

static void note_damage(struct generation *g, const char *what, const struct lh_err *cause) {
    if (g->damage.code != LH_OK)
        return;
    g->damage = *cause;
    lh_ignore(lh_err_context(&g->damage, "%s of the index \"%s\"", what, g->record.name));
}

static enum lh_code encode_again(struct segment *s, struct lh_err *err) {
    const struct vec_flat_config config = {.metric = VEC_COSINE, .seed = 1};
    return vec_flat_new(chunk_file_rows(s->chunks), &config, &s->flat, err);
}

static enum lh_code open_codes(struct generation *g, struct os *os, struct object_store *store, struct arena *arena,
                               const struct segment_record *record, struct segment *s, struct lh_err *err) {
    const struct vec_rows *rows = chunk_file_rows(s->chunks);
    const struct vec_hnsw_open how = {.rows = rows->data};
    struct lh_err cause = LH_ERR_INIT;
    const char *path;
    enum lh_code code = object_local_path(store, record->codes, arena, &path, &cause);
    if (code == LH_OK && record->backend == BACKEND_HNSW)
        code = vec_hnsw_open(os, path, &how, &s->graph, &cause);
    else if (code == LH_OK)
        code = vec_flat_open(os, path, rows->data, &s->flat, &cause);
    if (code == LH_OK)
        return LH_OK;
    note_damage(g, "the codes", &cause);
    return encode_again(s, err);
}

static enum lh_code open_segment(struct generation *g, struct os *os, struct object_store *store,
                                 const struct segment_record *record, struct segment *s, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    const char *path;
    LH_TRY(object_local_path(store, record->chunks, arena, &path, err));
    LH_TRY(chunk_file_open(os, path, &s->chunks, err));
    s->n = chunk_file_rows(s->chunks)->n;
    if (s->n != record->rows || chunk_file_rows(s->chunks)->d != g->record.dims)
        return lh_fail(err, LH_CORRUPT, "the chunk file \"%s\" is not the one that the index's record names",
                       record->chunks);
    return open_codes(g, os, store, arena, record, s, err);
}

static enum lh_code open_live(struct generation *g, struct object_store *store, struct lh_err *err) {
    LH_AUTO(buf) struct buf dead = BUF_INIT;
    size_t words = g->room / 64;
    if (g->record.dead) {
        LH_TRY(object_get(store, g->record.dead, words * sizeof(uint64_t), &dead, NULL, err));
        if (dead.len != words * sizeof(uint64_t))
            return lh_fail(err, LH_CORRUPT, "the list of dead rows has %zu bytes instead of %zu", dead.len,
                           words * sizeof(uint64_t));
    }
    g->live = lh_calloc(words + 1, sizeof *g->live);
    g->all_live = !g->record.dead;
    for (size_t i = 0; i < g->segment_count; i++)
        for (size_t row = g->segments[i].base; row < g->segments[i].base + g->segments[i].n; row++)
            bits_set(g->live, row);
    for (size_t i = 0; i < words && g->record.dead; i++) {
        uint64_t word;
        memcpy(&word, dead.data + i * sizeof word, sizeof word);
        g->live[i] &= ~word;
    }
    return LH_OK;
}

static void open_text(struct generation *g, struct object_store *store) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct lh_err cause = LH_ERR_INIT;
    const char *path;
    if (!g->record.text)
        return;
    if (object_local_path(store, g->record.text, arena, &path, &cause) != LH_OK ||
        text_index_open(path, &g->text, &cause) != LH_OK)
        note_damage(g, "the words", &cause);
}

static enum lh_code open_weights(struct generation *g, struct object_store *store, struct lh_err *err) {
    LH_AUTO(buf) struct buf data = BUF_INIT;
    if (!g->record.weights)
        return LH_OK;
    LH_TRY(object_get(store, g->record.weights, WEIGHTS_MAX_BYTES, &data, NULL, err));
    return lexical_weights_read(data.data, data.len, &g->weights, err);
}

static enum lh_code open_all(struct generation *g, struct os *os, struct object_store *store,
                             const struct index_record *record, struct lh_err *err) {
    g->segments = lh_calloc(record->segment_count + 1, sizeof *g->segments);
    for (size_t i = 0; i < record->segment_count; i++) {
        struct segment *s = &g->segments[i];
        pthread_mutex_init(&s->lock, NULL);
        g->segment_count = i + 1;
        s->base = g->room;
        LH_TRY(open_segment(g, os, store, &record->segments[i], s, err));
        g->room += (s->n + 63) / 64 * 64;
    }
    LH_TRY(open_live(g, store, err));
    LH_TRY(open_weights(g, store, err));
    open_text(g, store);
    return LH_OK;
}

enum lh_code generation_open(struct os *os, struct object_store *store, struct index_record *record,
                             struct generation **ret_generation, struct lh_err *err) {
    struct generation *g = lh_calloc(1, sizeof *g);
    g->refs = 1;
    g->record = *record;
    json_incref(record->json);
    pthread_mutex_init(&g->filter_lock, NULL);
    enum lh_code code = open_all(g, os, store, record, err);
    if (code != LH_OK) {
        generation_unref(g);
        return code;
    }
    index_record_release(record);
    *ret_generation = g;
    return LH_OK;
}

/* ---- readers: what one search of a segment needs, kept for the next ---- */

struct segment_reader {
    struct vec_searcher *flat;
    struct vec_hnsw_cursor *graph;
    struct segment_reader *next;
};

static void reader_free(struct segment_reader *r) {
    vec_searcher_free(r->flat);
    vec_hnsw_cursor_free(r->graph);
    lh_free(r);
}

static struct segment_reader *reader_take(struct segment *s) {
    pthread_mutex_lock(&s->lock);
    struct segment_reader *r = s->idle;
    if (r)
        s->idle = r->next;
    pthread_mutex_unlock(&s->lock);
    if (r)
        return r;
    r = lh_calloc(1, sizeof *r);
    if (s->graph)
        r->graph = vec_hnsw_cursor_new(s->graph);
    else
        r->flat = vec_flat_searcher_new(s->flat);
    return r;
}

static void reader_give_back(struct segment *s, struct segment_reader *r) {
    pthread_mutex_lock(&s->lock);
    r->next = s->idle;
    s->idle = r;
    pthread_mutex_unlock(&s->lock);
}

/* ---- life ---- */

struct generation *generation_ref(struct generation *g) {
    g->refs++;
    return g;
}

static void segment_release(struct segment *s) {
    for (struct segment_reader *r = s->idle, *next; r; r = next) {
        next = r->next;
        reader_free(r);
    }
    vec_flat_free(s->flat);
    vec_hnsw_free(s->graph);
    chunk_file_close(s->chunks);
    pthread_mutex_destroy(&s->lock);
}

void generation_unref(struct generation *g) {
    if (!g || --g->refs > 0)
        return;
    for (size_t i = 0; i < g->segment_count; i++)
        segment_release(&g->segments[i]);
    for (size_t i = 0; i < GENERATION_FILTERS; i++) {
        lh_free(g->filters[i].text);
        lh_free(g->filters[i].bits);
    }
    lh_free(g->segments);
    lh_free(g->live);
    text_index_close(g->text);
    lexical_weights_free(g->weights);
    pthread_mutex_destroy(&g->filter_lock);
    index_record_release(&g->record);
    lh_free(g);
}

/* ---- searching ---- */

static size_t search_segment(struct segment *s, const float *query, size_t k, uint32_t ef, const uint64_t *allowed,
                             struct vec_hit *ret_hits) {
    struct segment_reader *r = reader_take(s);
    size_t found;
    if (s->graph) {
        const struct vec_filter filter = {.bitmap = allowed, .bitmap_ids = s->n};
        const struct vec_hnsw_search search = {.k = (uint32_t)k, .ef = ef, .filter = allowed ? &filter : NULL};
        found = vec_hnsw_search(r->graph, query, &search, ret_hits);
    } else {
        const struct vec_search search = {.k = k, .allowed = allowed};
        found = vec_flat_search(s->flat, r->flat, query, &search, ret_hits, NULL);
    }
    reader_give_back(s, r);
    for (size_t i = 0; i < found; i++)
        ret_hits[i].id += (uint32_t)s->base;
    return found;
}

static int compare_hits(const void *a, const void *b) {
    const struct vec_hit *x = a, *y = b;
    if (x->dist != y->dist)
        return x->dist < y->dist ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

size_t generation_search(struct generation *g, const float *query, size_t k, uint32_t ef, const uint64_t *allowed,
                         struct vec_hit *ret_hits) {
    size_t found = 0;
    if (!allowed && !g->all_live)
        allowed = g->live;
    if (ef == 0)
        ef = index_record_ef(&g->record);
    if (g->segment_count == 1)
        return search_segment(&g->segments[0], query, k, ef, allowed, ret_hits);
    LH_AUTO(mem) struct vec_hit *all = lh_malloc((g->segment_count * k + 1) * sizeof *all);
    for (size_t i = 0; i < g->segment_count; i++)
        found += search_segment(&g->segments[i], query, k, ef, allowed ? allowed + g->segments[i].base / 64 : NULL,
                                all + found);
    qsort(all, found, sizeof *all, compare_hits);
    if (found > k)
        found = k;
    memcpy(ret_hits, all, found * sizeof *all);
    return found;
}

enum lh_code generation_record(const struct generation *g, uint32_t row, struct chunk_record *ret_record,
                               struct lh_err *err) {
    for (size_t i = 0; i < g->segment_count; i++) {
        const struct segment *s = &g->segments[i];
        if (row >= s->base && row < s->base + s->n)
            return chunk_file_record(s->chunks, (uint32_t)(row - s->base), ret_record, err);
    }
    return lh_fail(err, LH_INTERNAL, "row %u is none of the index's", (unsigned)row);
}

bool generation_find(const struct generation *g, const char *doc_id, size_t len, size_t *ret_first, size_t *ret_rows) {
    for (size_t i = g->segment_count; i-- > 0;) {
        uint32_t first, rows;
        const struct segment *s = &g->segments[i];
        if (!chunk_file_find(s->chunks, doc_id, len, &first, &rows) || !bits_get(g->live, s->base + first))
            continue;
        *ret_first = s->base + first;
        *ret_rows = rows;
        return true;
    }
    return false;
}

/* ---- filters ---- */

bool generation_words_are_old(const struct generation *g) {
    return g->text && text_index_is_old(g->text);
}

bool generation_is_pending(const struct generation *g) {
    return index_record_is_pending(&g->record) || generation_words_are_old(g);
}

bool generation_filter_get(struct generation *g, const char *text, uint64_t version, uint64_t *ret_bits) {
    bool found = false;
    pthread_mutex_lock(&g->filter_lock);
    for (size_t i = 0; i < GENERATION_FILTERS && !found; i++) {
        struct filter_entry *f = &g->filters[i];
        if (!f->text || f->version != version || strcmp(f->text, text) != 0)
            continue;
        memcpy(ret_bits, f->bits, g->room / 8);
        f->used = ++g->filter_clock;
        found = true;
    }
    pthread_mutex_unlock(&g->filter_lock);
    return found;
}

void generation_filter_put(struct generation *g, const char *text, uint64_t version, const uint64_t *bits) {
    pthread_mutex_lock(&g->filter_lock);
    struct filter_entry *oldest = &g->filters[0];
    for (size_t i = 1; i < GENERATION_FILTERS; i++)
        if (g->filters[i].used < oldest->used)
            oldest = &g->filters[i];
    lh_free(oldest->text);
    lh_free(oldest->bits);
    oldest->text = lh_strdup(text);
    oldest->version = version;
    oldest->bits = lh_malloc(g->room / 8 + 1);
    memcpy(oldest->bits, bits, g->room / 8);
    oldest->used = ++g->filter_clock;
    pthread_mutex_unlock(&g->filter_lock);
}
