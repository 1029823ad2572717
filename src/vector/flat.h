/* Searching without an index structure: exactly, or by a scan of 1-bit codes and exact scores for what it leaves.
 *
 * vec_exact_search reads every vector: the oracle.  A vec_flat keeps RaBitQ codes of one bit a dimension in blocks of 32
 * rows (D/8 + 12 bytes a row: 10.8 MB for 100,000 x 768), scans them all with the fast-scan kernel and re-scores by
 * bound (vector/candidates.h).  There is no build but the encoding, an append is an encoding too, and recall is set by
 * epsilon alone: the width of the bound, not by any structure of the data.
 *
 * Ownership.  Rows are borrowed (vector/metric.h) and may be a memory map; a flat adds codes, and for cosine the rows'
 * inverse lengths.
 * Threads.  Any number of searches at once, each with its own searcher; extending and deleting ask for the flat alone. */
#ifndef LH_VECTOR_FLAT_H
#define LH_VECTOR_FLAT_H

#include "base/error.h"
#include "vector/metric.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vec_flat;
struct vec_searcher;

struct vec_flat_config {
    enum vec_metric metric;
    uint64_t seed;
    unsigned threads; /* for encoding; 0: one a processor */
};

struct vec_search {
    size_t k;
    float epsilon;           /* half-width of the error bound in standard deviations; 0: VEC_RABITQ_EPSILON */
    const uint64_t *allowed; /* bit id % 64 of word id / 64: rows that may be returned; NULL: all */
    uint32_t nprobe;         /* IVF: lists to read; 0: a default */
    uint32_t refine;         /* IVF-PQ: times k rows are scored exactly; 0: 10 */
};

struct vec_search_stats {
    size_t scanned; /* codes */
    size_t scored;  /* full vectors */
};

static inline bool vec_bit(const uint64_t *bits, size_t i) {
    return (bits[i / 64] >> (i % 64)) & 1;
}

/* The k nearest of all rows into ret_hits[k], nearest first; *ret_found may be less than k.  `allowed` as above.
 * LH_INVALID for a shape out of range.  Allocates nothing. */
LH_CHECKED enum lh_code vec_exact_search(const struct vec_rows *rows, enum vec_metric metric, const float *query,
                                         size_t k, const uint64_t *allowed, struct vec_hit *ret_hits, size_t *ret_found,
                                         struct lh_err *err);

/* Encode `rows`.  LH_INVALID for shapes out of range, LH_DATA for a row that is not finite or too long, LH_NO_MEMORY where the
 * codes cannot be held. */
LH_CHECKED enum lh_code vec_flat_new(const struct vec_rows *rows, const struct vec_flat_config *config,
                                     struct vec_flat **ret_flat, struct lh_err *err);
void vec_flat_free(struct vec_flat *flat);

/* To and from a file (docs/formats/vector-file.md).  With `with_rows` it holds the full vectors and stands alone; else
 * whoever opens it brings the same `rows` (NULL: those in the file).  Codes are copied to memory, rows stay mapped.
 * LH_IO, LH_NO_SPACE; LH_CORRUPT where the file is no flat or damaged, LH_INVALID where nobody has the rows. */
struct os;
struct vec_file;
LH_CHECKED enum lh_code vec_flat_save(const struct vec_flat *flat, struct os *os, const char *path, bool with_rows,
                                      struct lh_err *err);
LH_CHECKED enum lh_code vec_flat_open(struct os *os, const char *path, const float *rows, struct vec_flat **ret_flat,
                                      struct lh_err *err);

/* The same from a file at hand, which becomes the flat's on success. */
LH_CHECKED enum lh_code vec_flat_open_file(struct vec_file *file, const float *rows, struct vec_flat **ret_flat,
                                           struct lh_err *err);

/* The validator, of what opening a file does not read. */
struct vec_scan_report {
    uint64_t live, deleted;
    uint32_t lists, longest, empty; /* inverted lists: how many, rows of the longest, lists without a row */
};
/* Reads everything: LH_CORRUPT naming the first row that is deleted here and there not, whose length is not that kept of it,
 * whose factors are not finite. */
LH_CHECKED enum lh_code vec_flat_check(const struct vec_flat *flat, struct vec_scan_report *ret_report,
                                       struct lh_err *err);

/* Append: `rows` is the whole array now, old rows at their old numbers (it may stand at another address, as a map does that
 * grew); those beyond the old count are encoded and can be found from here on. */
LH_CHECKED enum lh_code vec_flat_extend(struct vec_flat *flat, const struct vec_rows *rows, struct lh_err *err);
/* From here on no search returns this row.  False where it is none or was deleted before. */
bool vec_flat_delete(struct vec_flat *flat, uint32_t id);

bool vec_flat_live(const struct vec_flat *flat, uint32_t id); /* a row that was not deleted */
const struct vec_rows *vec_flat_rows(const struct vec_flat *flat);
enum vec_metric vec_flat_metric(const struct vec_flat *flat);
uint64_t vec_flat_seed(const struct vec_flat *flat);
size_t vec_flat_count(const struct vec_flat *flat); /* rows, deleted ones included */
size_t vec_flat_bytes(const struct vec_flat *flat); /* memory beside the rows */

/* A search's working storage: one thread's, reused; it must not outlive the flat. */
struct vec_searcher *vec_flat_searcher_new(const struct vec_flat *flat);
void vec_searcher_free(struct vec_searcher *searcher);
/* The k nearest into ret_hits[search->k], nearest first, with exact distances.  Returns how many.  `query` is d
 * floats; one that is not finite or too long finds nothing.  *ret_stats may be NULL. */
size_t vec_flat_search(const struct vec_flat *flat, struct vec_searcher *searcher, const float *query,
                       const struct vec_search *search, struct vec_hit *ret_hits, struct vec_search_stats *ret_stats);

/* Every row with distance <= radius that the bound lets through, nearest first; where there are more than `max`, the nearest.
 * search->epsilon and search->allowed count, k does not. */
size_t vec_flat_search_range(const struct vec_flat *flat, struct vec_searcher *searcher, const float *query,
                             float radius, const struct vec_search *search, struct vec_hit *ret_hits, size_t max);
/* queries->n searches on `threads` threads (0: one a processor).  Query i's hits are at ret_hits + i * search->k, and
 * ret_found[i] of them are set.  LH_INVALID for queries of other dimensions. */
LH_CHECKED enum lh_code vec_flat_search_batch(const struct vec_flat *flat, const struct vec_rows *queries,
                                              unsigned threads, const struct vec_search *search,
                                              struct vec_hit *ret_hits, size_t *ret_found, struct lh_err *err);

#ifdef __cplusplus
}
#endif

#endif
