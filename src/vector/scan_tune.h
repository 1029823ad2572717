/* Target recall for flats and inverted lists: the cheapest search that finds a given share of the true neighbours, as
 * vec_hnsw_tune does for graphs.
 *
 * The measure is exact search on held-out queries; the index's own rows serve where the caller has none (such a row is then
 * no neighbour of itself).  Two knobs: how many lists are read (nprobe), and how many full vectors are (epsilon, which
 * adapts to each query by its error bound; for PQ refine).  The fewest lists that can reach the target are found by
 * bisection at the widest bound; for that number and some beyond it the narrowest bound that still reaches it is found, and
 * the pair that reads the fewest bytes of codes and vectors wins. */
#ifndef LH_VECTOR_SCAN_TUNE_H
#define LH_VECTOR_SCAN_TUNE_H

#include "base/error.h"
#include "vector/flat.h"
#include "vector/ivf.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vec_scan_tuning {
    struct vec_search search; /* k and the knobs; `allowed` is NULL */
    double recall;            /* measured */
    double bytes;             /* read a query, mean: codes and full vectors */
    uint32_t queries;
    bool reached; /* false: the widest search fell short, and is what `search` holds */
};

/* `queries` NULL: up to 128 of the index's own rows.  threads 0: one a processor.  LH_INVALID for a k of 0, a target that
 * is not above 0 and up to 1, queries of other dimensions. */
LH_CHECKED enum lh_code vec_flat_tune(const struct vec_flat *flat, const struct vec_rows *queries, size_t k,
                                      double target, unsigned threads, struct vec_scan_tuning *ret_tuning,
                                      struct lh_err *err);
LH_CHECKED enum lh_code vec_ivf_tune(const struct vec_ivf *ivf, const struct vec_rows *queries, size_t k, double target,
                                     unsigned threads, struct vec_scan_tuning *ret_tuning, struct lh_err *err);

#ifdef __cplusplus
}
#endif

#endif
