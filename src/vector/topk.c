#include "vector/topk.h"

static void sift_down(struct vec_hit *heap, size_t n, size_t at) {
    struct vec_hit moving = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n)
            break;
        if (child + 1 < n && vec_hit_before(&heap[child], &heap[child + 1]))
            child++;
        if (!vec_hit_before(&moving, &heap[child]))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

void vec_topk_push(struct vec_topk *top, float dist, uint32_t id) {
    struct vec_hit hit = {dist, id};
    if (top->used == top->k) {
        if (top->k == 0 || !vec_hit_before(&hit, &top->hits[0]))
            return;
        top->hits[0] = hit;
        sift_down(top->hits, top->k, 0);
        return;
    }
    size_t at = top->used++;
    while (at > 0 && vec_hit_before(&top->hits[(at - 1) / 2], &hit)) {
        top->hits[at] = top->hits[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    top->hits[at] = hit;
}

size_t vec_topk_sort(struct vec_topk *top) {
    size_t found = top->used;
    for (size_t n = found; n > 1; n--) {
        struct vec_hit worst = top->hits[0];
        top->hits[0] = top->hits[n - 1];
        top->hits[n - 1] = worst;
        sift_down(top->hits, n - 1, 0);
    }
    top->used = 0;
    return found;
}

void vec_hits_sort(struct vec_hit *hits, size_t n) {
    for (size_t i = n / 2; i-- > 0;)
        sift_down(hits, n, i);
    struct vec_topk top = {.hits = hits, .k = n, .used = n};
    vec_topk_sort(&top);
}
