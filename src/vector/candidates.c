#include "vector/candidates.h"

#include "base/alloc.h"

#include <stdint.h>

void vec_candidates_begin(struct vec_candidates *c, size_t k, float ceiling) {
    if (k > c->k_capacity) {
        c->uppers = lh_realloc(c->uppers, k * sizeof *c->uppers);
        c->k_capacity = k;
    }
    vec_topk_init(&c->bar, c->uppers, k);
    c->ceiling = ceiling;
    c->used = 0;
}

void vec_candidates_deinit(struct vec_candidates *c) {
    lh_free(c->kept);
    lh_free(c->uppers);
    *c = (struct vec_candidates){0};
}

/* Rows that the bar has passed since they came.  Those at the bar stay: among them may be the k that set it. */
static void drop_passed(struct vec_candidates *c) {
    float bar = vec_candidates_bar(c);
    size_t kept = 0;
    for (size_t i = 0; i < c->used; i++)
        if (c->kept[i].dist <= bar)
            c->kept[kept++] = c->kept[i];
    c->used = kept;
}

static void make_room(struct vec_candidates *c) {
    if (c->capacity)
        drop_passed(c);
    if (c->used + VEC_BLOCK_ROWS > c->capacity / 2) {
        c->capacity = c->capacity ? 2 * c->capacity : 1024;
        c->kept = lh_realloc(c->kept, c->capacity * sizeof *c->kept);
    }
}

void vec_candidates_take(struct vec_candidates *c, uint32_t mask, const float *est, const float *low,
                         const uint32_t *ids) {
    if (c->used + VEC_BLOCK_ROWS > c->capacity)
        make_room(c);
    for (; mask; mask &= mask - 1) {
        int i = __builtin_ctz(mask);
        if (!(low[i] < vec_candidates_bar(c)))
            continue;
        c->kept[c->used++] = (struct vec_hit){low[i], ids[i]};
        float upper = est[i] + (est[i] - low[i]);
        if (upper < vec_candidates_bar(c))
            vec_topk_push(&c->bar, upper, ids[i]);
    }
}

struct vec_hit *vec_candidates_room(struct vec_candidates *c, size_t n) {
    if (n > c->capacity) {
        c->kept = lh_realloc(c->kept, n * sizeof *c->kept);
        c->capacity = n;
    }
    return c->kept;
}

void vec_candidates_set(struct vec_candidates *c, size_t n) {
    for (size_t i = 0; i < n; i++)
        c->kept[i].dist = -INFINITY;
    c->used = n;
}

/* A min-heap by lower bound: only what is scored is ever put in order. */
static void sink(struct vec_hit *heap, size_t n, size_t at) {
    struct vec_hit moving = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n)
            break;
        if (child + 1 < n && vec_hit_before(&heap[child + 1], &heap[child]))
            child++;
        if (!vec_hit_before(&heap[child], &moving))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

#define FIRST_LINES 6 /* of a row that are asked for before its turn: the processor's prefetcher goes on from there */

/* Up to four rows whose lower bounds are below `bar`. */
static size_t pop_four(struct vec_candidates *c, const struct vec_scorer *scorer, float bar, struct vec_hit ret[4]) {
    size_t n = 0;
    while (n < 4 && c->used && c->kept[0].dist < bar) {
        ret[n] = c->kept[0];
        const char *row = (const char *)vec_row(&scorer->rows, ret[n].id);
        for (size_t line = 0; line < FIRST_LINES && line * 64 < scorer->rows.d * sizeof(float); line++)
            __builtin_prefetch(row + 64 * line);
        n++;
        c->kept[0] = c->kept[--c->used];
        if (c->used)
            sink(c->kept, c->used, 0);
    }
    return n;
}

size_t vec_candidates_finish(struct vec_candidates *c, const struct vec_scorer *scorer, struct vec_hit *ret_hits,
                             size_t *ret_scored) {
    drop_passed(c);
    for (size_t i = c->used / 2; i-- > 0;)
        sink(c->kept, c->used, i);
    struct vec_topk top;
    vec_topk_init(&top, ret_hits, c->bar.k);
    size_t scored = 0;
    struct vec_hit now[4], next[4];
    size_t n = pop_four(c, scorer, vec_topk_worst(&top), now);
    while (n) {
        size_t n_next = pop_four(c, scorer, vec_topk_worst(&top), next);
        if (n == 4) {
            uint32_t ids[4] = {now[0].id, now[1].id, now[2].id, now[3].id};
            float dist[4];
            vec_scorer_four(scorer, ids, dist);
            for (int i = 0; i < 4; i++)
                vec_topk_push(&top, dist[i], ids[i]);
        } else {
            for (size_t i = 0; i < n; i++)
                vec_topk_push(&top, vec_scorer_one(scorer, now[i].id), now[i].id);
        }
        scored += n;
        n = 0;
        for (size_t i = 0; i < n_next; i++) /* the bar has moved since they were popped */
            if (next[i].dist < vec_topk_worst(&top))
                now[n++] = next[i];
    }
    *ret_scored = scored;
    return vec_topk_sort(&top);
}
