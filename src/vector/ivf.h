/* Inverted lists: rows gathered by their nearest of `lists` centroids, of which a query reads the nearest `nprobe`.
 *
 * Sources.  J. Sivic, A. Zisserman, "Video Google", ICCV 2003 (the lists); H. Jegou, M. Douze, C. Schmid, "Product
 * Quantization for Nearest Neighbor Search", TPAMI 2011 (codes of residuals); Gao and Long, see vector/rabitq.h.
 *
 * Everything lives in the rotated space: centroids are trained there (vector/kmeans.h, on bytes), and a row's code is that
 * of its residual, which is shorter than the row, so that the same bits say more.
 *
 * Layout of a list, which is one piece of memory to be read from its beginning to its end:
 *     VEC_IVF_RABITQ   blocks of 32 one-bit codes with their factors (vector/rabitq.h), and the rows' ids
 *     VEC_IVF_PQ       blocks of 32 codes of m bytes (vector/pq.h), one float a row, and the ids
 * A row is in exactly one slot of one list; a deleted one's slot stays behind, cleared.
 *
 * Search.  The query's nearest lists are read nearest first; with VEC_DOT those whose best row may have the largest product,
 * which the centroid's and the longest residual tell.  With one-bit codes the error bound decides which rows are
 * scored exactly (vector/candidates.h): epsilon is the refine factor, and adapts to the query.  PQ has no bound: its
 * nearest refine * k by estimate are scored.
 *
 * Ownership and threads are those of vector/flat.h. */
#ifndef LH_VECTOR_IVF_H
#define LH_VECTOR_IVF_H

#include "base/error.h"
#include "vector/flat.h"
#include "vector/metric.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vec_ivf;

enum vec_ivf_codes { VEC_IVF_RABITQ = 0, VEC_IVF_PQ = 1 };

struct vec_ivf_config {
    enum vec_metric metric;
    enum vec_ivf_codes codes;
    uint32_t lists;    /* 0: 2 sqrt(n), at least 1 */
    uint32_t pq_bytes; /* VEC_IVF_PQ: bytes a code; 0: one for 8 dimensions.  Must divide D (d rounded up to 64) */
    uint64_t seed;
    unsigned threads; /* for building; 0: one a processor */
};

/* Train on a sample of `rows` and put all of them in lists.  An empty `rows` (n 0) makes an IVF of one list about the
 * origin.  LH_INVALID for shapes or settings out of range, LH_DATA for a row that is not finite or too long, LH_NO_MEMORY. */
LH_CHECKED enum lh_code vec_ivf_new(const struct vec_rows *rows, const struct vec_ivf_config *config,
                                    struct vec_ivf **ret_ivf, struct lh_err *err);
void vec_ivf_free(struct vec_ivf *ivf);

/* To and from a file (docs/formats/vector-file.md).  With `with_rows` it holds the full vectors and stands alone; else
 * whoever opens it brings the same `rows` (NULL: those in the file).  Lists and rows stay mapped; a list is copied to memory
 * when it is first appended to or deleted from.  LH_IO, LH_NO_SPACE; LH_CORRUPT where the file is no IVF or damaged,
 * LH_INVALID where nobody has the rows. */
struct os;
struct vec_file;
LH_CHECKED enum lh_code vec_ivf_save(const struct vec_ivf *ivf, struct os *os, const char *path, bool with_rows,
                                     struct lh_err *err);
LH_CHECKED enum lh_code vec_ivf_open(struct os *os, const char *path, const float *rows, struct vec_ivf **ret_ivf,
                                     struct lh_err *err);
/* The same from a file at hand, which becomes the IVF's on success. */
LH_CHECKED enum lh_code vec_ivf_open_file(struct vec_file *file, const float *rows, struct vec_ivf **ret_ivf,
                                          struct lh_err *err);

/* As vec_flat_check, and that every row is in one slot of one list or deleted. */
LH_CHECKED enum lh_code vec_ivf_check(const struct vec_ivf *ivf, struct vec_scan_report *ret_report,
                                      struct lh_err *err);

/* As vec_flat_extend and vec_flat_delete: appended rows go to the lists of the centroids as they are. */
LH_CHECKED enum lh_code vec_ivf_extend(struct vec_ivf *ivf, const struct vec_rows *rows, struct lh_err *err);
bool vec_ivf_delete(struct vec_ivf *ivf, uint32_t id);

bool vec_ivf_live(const struct vec_ivf *ivf, uint32_t id); /* a row that was not deleted */
const struct vec_rows *vec_ivf_rows(const struct vec_ivf *ivf);
enum vec_metric vec_ivf_metric(const struct vec_ivf *ivf);
uint32_t vec_ivf_pq_bytes(const struct vec_ivf *ivf); /* of a PQ code; 0 where codes are one-bit */
size_t vec_ivf_count(const struct vec_ivf *ivf);
size_t vec_ivf_bytes(const struct vec_ivf *ivf);
uint32_t vec_ivf_lists(const struct vec_ivf *ivf);
/* Rows in a list, cleared slots included: for statistics of balance. */
uint32_t vec_ivf_list_size(const struct vec_ivf *ivf, uint32_t list);

struct vec_searcher *vec_ivf_searcher_new(const struct vec_ivf *ivf);
/* As vec_flat_search; search->nprobe 0 means 8 and a sixteenth of the lists.  Under
 * search->allowed more lists are read, or where few rows are allowed, those alone and exactly. */
size_t vec_ivf_search(const struct vec_ivf *ivf, struct vec_searcher *searcher, const float *query,
                      const struct vec_search *search, struct vec_hit *ret_hits, struct vec_search_stats *ret_stats);

/* As vec_flat_search_batch. */
LH_CHECKED enum lh_code vec_ivf_search_batch(const struct vec_ivf *ivf, const struct vec_rows *queries,
                                             unsigned threads, const struct vec_search *search,
                                             struct vec_hit *ret_hits, size_t *ret_found, struct lh_err *err);

#ifdef __cplusplus
}
#endif

#endif
