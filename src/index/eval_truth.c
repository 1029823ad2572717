#include "index/eval_truth.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "index/generation.h"
#include "index/tuning.h"
#include "vector/flat.h"
#include "vector/recall.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void merge_hits(struct vec_hit *best, const struct vec_hit *more, size_t k) {
    struct vec_hit both[EVAL_K_MAX];
    for (size_t i = 0, a = 0, b = 0; i < k; i++)
        both[i] = best[a].dist <= more[b].dist ? best[a++] : more[b++];
    memcpy(best, both, k * sizeof *best);
}

static enum lh_code truth_of_segment(const struct generation *g, const struct segment *segment,
                                     const struct vec_rows *queries, size_t k, struct vec_hit *ret_hits,
                                     struct lh_err *err) {
    const struct vec_rows *rows = chunk_file_rows(segment->chunks);
    if (g->all_live) {
        LH_TRY(vec_ground_truth(rows, queries, VEC_COSINE, k, 0, ret_hits, err));
    } else {
        for (size_t q = 0; q < queries->n; q++) {
            size_t found;
            LH_TRY(vec_exact_search(rows, VEC_COSINE, vec_row(queries, q), k, g->live + segment->base / 64,
                                    ret_hits + q * k, &found, err));
            for (size_t i = found; i < k; i++)
                ret_hits[q * k + i] = (struct vec_hit){INFINITY, VEC_NO_ID};
        }
    }
    for (size_t i = 0; i < queries->n * k; i++)
        if (ret_hits[i].id != VEC_NO_ID)
            ret_hits[i].id += (uint32_t)segment->base;
    return LH_OK;
}

enum lh_code eval_truth_find(const struct generation *g, const struct vec_rows *queries, size_t k,
                             struct vec_hit *ret_hits, struct lh_err *err) {
    LH_AUTO(mem) struct vec_hit *more = lh_malloc(queries->n * k * sizeof *more);
    for (size_t i = 0; i < queries->n * k; i++)
        ret_hits[i] = (struct vec_hit){INFINITY, VEC_NO_ID};
    for (size_t i = 0; i < g->segment_count; i++) {
        LH_TRY(truth_of_segment(g, &g->segments[i], queries, k, more, err));
        for (size_t q = 0; q < queries->n; q++)
            merge_hits(ret_hits + q * k, more + q * k, k);
    }
    return LH_OK;
}

static int compare_hits(const void *a, const void *b) {
    const struct vec_hit *x = a, *y = b;
    return x->dist < y->dist ? -1 : x->dist > y->dist;
}

enum lh_code eval_truth_reach(const struct generation *g, const float *query, size_t k, const uint64_t *allowed,
                              float *ret_dist, size_t *ret_found, struct lh_err *err) {
    LH_AUTO(mem) struct vec_hit *hits = lh_malloc((g->segment_count * k + 1) * sizeof *hits);
    size_t count = 0;
    for (size_t i = 0; i < g->segment_count; i++) {
        const struct segment *segment = &g->segments[i];
        size_t found;
        LH_TRY(vec_exact_search(chunk_file_rows(segment->chunks), VEC_COSINE, query, k,
                                (allowed ? allowed : g->live) + segment->base / 64, hits + count, &found, err));
        count += found;
    }
    qsort(hits, count, sizeof *hits, compare_hits);
    *ret_found = count < k ? count : k;
    *ret_dist = *ret_found ? hits[*ret_found - 1].dist : 0;
    return LH_OK;
}
