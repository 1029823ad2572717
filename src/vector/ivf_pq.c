/* Scanning lists of PQ codes: the nearest refine * k by estimate are handed on to be scored. */
#include "vector/ivf_internal.h"

#include "vector/flat.h"

#include <math.h>

/* An estimate stands as its own bound on both sides, so that the candidates' bar is the (refine * k)-th best estimate. */
static void scan_pq_list(const struct vec_ivf *ivf, struct vec_searcher *searcher, const struct vec_search *search,
                         uint32_t number, struct vec_topk *top) {
    const struct ivf_list *list = &ivf->lists[number];
    if (!vec_ivf_list_sound(ivf, list))
        return;
    size_t block_bytes = vec_pq_block_bytes(vec_pq_bytes(ivf->pq));
    struct vec_rabitq_centre centre;
    vec_rabitq_query_centre(searcher->query, ivf->centroids + (size_t)number * ivf->padded, &centre);
    float scale = ivf->config.metric == VEC_L2 ? -2.0f : -1.0f;
    for (uint32_t first = 0; first < list->n; first += 2 * VEC_BLOCK_ROWS) {
        const uint8_t *block = list->codes + first / VEC_BLOCK_ROWS * block_bytes;
        const uint8_t *const blocks[2] = {block, first + VEC_BLOCK_ROWS < list->n ? block + block_bytes : block};
        uint32_t n = list->n - first < 2 * VEC_BLOCK_ROWS ? list->n - first : 2 * VEC_BLOCK_ROWS;
        float products[2 * VEC_BLOCK_ROWS];
        vec_pq_products(ivf->pq, &searcher->table, blocks, products);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t id = list->ids[first + i];
            float estimate = centre.add + list->adds[first + i] + scale * products[i];
            if (!(estimate < vec_topk_worst(top)) || id == VEC_NO_ID)
                continue;
            if (!search->allowed || vec_bit(search->allowed, id))
                vec_topk_push(top, estimate, id);
        }
    }
}

void vec_ivf_pq_scan(const struct vec_ivf *ivf, struct vec_searcher *searcher, const struct vec_search *search,
                     uint32_t n_lists) {
    size_t wanted = search->k * (search->refine ? search->refine : 10);
    struct vec_topk top;
    vec_candidates_begin(&searcher->candidates, search->k, INFINITY);
    vec_topk_init(&top, vec_candidates_room(&searcher->candidates, wanted), wanted);
    vec_pq_table_set(&searcher->table, ivf->pq, vec_rabitq_query_from_origin(searcher->query));
    for (uint32_t i = 0; i < n_lists; i++)
        scan_pq_list(ivf, searcher, search, searcher->lists[i].id, &top);
    vec_candidates_set(&searcher->candidates, top.used);
}
