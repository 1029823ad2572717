/* One generation of an index, open for searching: immutable, reference-counted.
 *
 * Rows.  A generation is a list of segments; segment i's rows have the numbers base .. base + n - 1, where each base is a
 * multiple of 64, so that a bitmap over all rows is, word for word, one over each segment.  Rows that are gone (a changed
 * or deleted document) are clear in `live`.
 *
 * Opening maps files and reads next to nothing: chunks and graphs stay mapped, codes of flats are copied.  Codes that are
 * missing or damaged are made anew in memory (a microsecond a row); `damage` then says so, and the index should be rebuilt.
 *
 * Thread-safe; searches allocate only their first time on a thread more than before. */
#ifndef LH_INDEX_GENERATION_H
#define LH_INDEX_GENERATION_H

#include "base/error.h"
#include "index/record.h"
#include "vector/chunk_file.h"
#include "vector/metric.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lexical_weights;
struct object_store;
struct os;
struct text_index;
struct vec_flat;
struct vec_hnsw;

struct segment_reader;

struct segment {
    struct chunk_file *chunks;
    struct vec_flat *flat; /* one of the two */
    struct vec_hnsw *graph;
    size_t base;
    size_t n;
    pthread_mutex_t lock;
    struct segment_reader *idle;
};

#define GENERATION_FILTERS 16

struct filter_entry {
    char *text; /* NULL: free */
    uint64_t version;
    uint64_t *bits;
    uint64_t used;
};

struct generation {
    _Atomic unsigned refs;
    struct index_record record;
    struct segment *segments;
    size_t segment_count;
    size_t room;                     /* rows of all bitmaps: a multiple of 64 */
    uint64_t *live;                  /* room bits */
    bool all_live;                   /* but for the gaps between segments */
    struct text_index *text;         /* NULL: nothing is built, or it cannot be read */
    struct lexical_weights *weights; /* NULL: none of its own */
    struct lh_err damage;            /* code LH_OK: whole */

    pthread_mutex_t filter_lock;
    struct filter_entry filters[GENERATION_FILTERS];
    uint64_t filter_clock;
};

/* Takes over `record` on success.  LH_CORRUPT where texts and vectors are lost (chunk files); LH_UNAVAILABLE. */
LH_CHECKED enum lh_code generation_open(struct os *os, struct object_store *store, struct index_record *record,
                                        struct generation **ret_generation, struct lh_err *err);
struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation *g); /* NULL is fine */

/* The k nearest rows, nearest first; `allowed`: room bits, NULL: every live row.  Returns how many. */
size_t generation_search(struct generation *g, const float *query, size_t k, uint32_t ef, const uint64_t *allowed,
                         struct vec_hit *ret_hits);
/* LH_CORRUPT; LH_INTERNAL where there is no such row. */
LH_CHECKED enum lh_code generation_record(const struct generation *g, uint32_t row, struct chunk_record *ret_record,
                                          struct lh_err *err);
/* The live rows of a document. */
bool generation_find(const struct generation *g, const char *doc_id, size_t len, size_t *ret_first, size_t *ret_rows);

/* Were its words written in a way that this program has left (index/text_tokens.h)? */
bool generation_words_are_old(const struct generation *g);
/* Should its codes, or its words, be made anew as they are to be now? */
bool generation_is_pending(const struct generation *g);

/* Bits of a filter, kept for the next search with the same text at the same version of the dataset. */
bool generation_filter_get(struct generation *g, const char *text, uint64_t version, uint64_t *ret_bits);
void generation_filter_put(struct generation *g, const char *text, uint64_t version, const uint64_t *bits);

static inline void bits_set(uint64_t *bits, size_t i) {
    bits[i / 64] |= UINT64_C(1) << (i % 64);
}
static inline bool bits_get(const uint64_t *bits, size_t i) {
    return (bits[i / 64] >> (i % 64)) & 1;
}

static inline void generation_auto_release(struct generation **g) {
    generation_unref(*g);
}

#endif
