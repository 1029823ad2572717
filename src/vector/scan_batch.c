/* Many searches on several threads, each with a searcher of its own. */
#include "vector/flat.h"
#include "vector/ivf.h"
#include "vector/parallel.h"

struct batch {
    const struct vec_flat *flat; /* or */
    const struct vec_ivf *ivf;
    const struct vec_rows *queries;
    const struct vec_search *search;
    struct vec_hit *hits;
    size_t *found;
};

static void search_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    const struct batch *batch = ctx;
    struct vec_searcher *searcher = batch->flat ? vec_flat_searcher_new(batch->flat) : vec_ivf_searcher_new(batch->ivf);
    for (size_t i = begin; i < end; i++) {
        const float *query = vec_row(batch->queries, i);
        struct vec_hit *hits = batch->hits + i * batch->search->k;
        batch->found[i] = batch->flat ? vec_flat_search(batch->flat, searcher, query, batch->search, hits, NULL)
                                      : vec_ivf_search(batch->ivf, searcher, query, batch->search, hits, NULL);
    }
    vec_searcher_free(searcher);
}

static enum lh_code run(struct batch *batch, uint32_t d, unsigned threads, struct lh_err *err) {
    if (batch->queries->d != d)
        return lh_fail(err, LH_INVALID, "queries of %u dimensions for an index of %u", batch->queries->d, d);
    LH_TRY(vec_check_rows(batch->queries, 0, err));
    vec_parallel_for(threads, batch->queries->n, 16, search_piece, batch);
    return LH_OK;
}

enum lh_code vec_flat_search_batch(const struct vec_flat *flat, const struct vec_rows *queries, unsigned threads,
                                   const struct vec_search *search, struct vec_hit *ret_hits, size_t *ret_found,
                                   struct lh_err *err) {
    struct batch batch = {.flat = flat, .queries = queries, .search = search, .hits = ret_hits, .found = ret_found};
    return run(&batch, vec_flat_rows(flat)->d, threads, err);
}

enum lh_code vec_ivf_search_batch(const struct vec_ivf *ivf, const struct vec_rows *queries, unsigned threads,
                                  const struct vec_search *search, struct vec_hit *ret_hits, size_t *ret_found,
                                  struct lh_err *err) {
    struct batch batch = {.ivf = ivf, .queries = queries, .search = search, .hits = ret_hits, .found = ret_found};
    return run(&batch, vec_ivf_rows(ivf)->d, threads, err);
}
