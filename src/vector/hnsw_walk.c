/* The walk: best-first search of one level.
 *
 * The queue is one array, nearest first, of the `ef` nearest nodes met so far; a flag in the id's top bit says which of
 * them were expanded.  The walk expands the first that was not, measures those of its neighbours that it never met, and
 * sorts them in; it ends when all `ef` are expanded.  A sorted array beats the paper's two heaps at these sizes: an insert
 * moves some 300 bytes within the first-level cache, and the next candidate is found by moving one index.
 *
 * What a hop measured comes in together: sorted among itself first, so that every part of the queue moves once for all of it
 * (measured at windows of 85 and 400: 11% less time than one by one).
 *
 * A hop costs one read of a list (fetched when its node entered the queue's front) and a read of each neighbour's node,
 * all on their way before the first is measured. */
#include "vector/hnsw_internal.h"

#include <math.h>
#include <string.h>

enum {
    VISITED_BITS = 64,
    BEAM = 3, /* candidates expanded at a time */
};

static inline bool visit(struct vec_hnsw_cursor *cursor, uint32_t id) {
    uint64_t *word = &cursor->visited[id / VISITED_BITS];
    uint64_t bit = (uint64_t)1 << (id % VISITED_BITS);
    bool first = !(*word & bit);
    *word |= bit;
    return first;
}

void vec_walk_start(struct vec_hnsw_cursor *cursor, uint32_t ef) {
    struct vec_hnsw *graph = cursor->graph;
    if (ef > cursor->queue_capacity)
        vec_cursor_reserve(cursor, ef);
    cursor->limit = __atomic_load_n(&graph->count, __ATOMIC_ACQUIRE);
    memset(cursor->visited, 0, ((size_t)cursor->limit + VISITED_BITS - 1) / VISITED_BITS * sizeof(uint64_t));
    cursor->queue_used = 0;
    if (cursor->skip < cursor->limit)
        visit(cursor, cursor->skip);
}

static inline void fetch_links(const struct vec_hnsw *graph, uint32_t id) {
    const uint32_t *list = graph->links + (size_t)id * graph->degree;
    __builtin_prefetch(list, 0, 3);
    __builtin_prefetch(list + 16, 0, 3);
}

/* Where a distance belongs among queue[0..used): behind its equals.  No branch depends on a distance: half of them would
 * be mispredicted. */
static inline uint32_t place_of(const struct vec_hit *queue, uint32_t used, float dist) {
    const struct vec_hit *base = queue;
    uint32_t n = used;
    while (n > 1) {
        uint32_t half = n / 2;
        base += half * (uint32_t)(base[half - 1].dist <= dist);
        n -= half;
    }
    return (uint32_t)(base - queue) + (uint32_t)(n && base->dist <= dist);
}

/* Those of cursor->batch[0..n) that are nearer than the queue's end, to the batch's front, nearest first; returns how many. */
static uint32_t keep_near(struct vec_hnsw_cursor *cursor, uint32_t ef, size_t n, struct vec_hit *fresh) {
    uint32_t used = cursor->queue_used;
    float worst = used == ef ? cursor->queue[used - 1].dist : INFINITY;
    uint32_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        fresh[kept] = (struct vec_hit){.dist = cursor->batch_dist[i], .id = cursor->batch[i]};
        kept += fresh[kept].dist < worst;
    }
    for (uint32_t i = 1; i < kept; i++) {
        struct vec_hit hit = fresh[i];
        uint32_t at = i;
        for (; at > 0 && hit.dist < fresh[at - 1].dist; at--)
            fresh[at] = fresh[at - 1];
        fresh[at] = hit;
    }
    return kept;
}

/* The measured batch into the queue, each part of which moves once.  Returns the first place that changed, `ef` where none did;
 * lists of what comes in up to `soon` are fetched. */
static uint32_t enqueue(struct vec_hnsw_cursor *cursor, uint32_t ef, size_t n, uint32_t soon) {
    struct vec_hit *queue = cursor->queue;
    struct vec_hit *fresh = cursor->fresh;
    uint32_t *places = cursor->places;
    uint32_t used = cursor->queue_used;
    uint32_t kept = keep_near(cursor, ef, n, fresh);
    uint32_t taken = 0;
    for (; taken < kept; taken++) {
        places[taken] = place_of(queue, used, fresh[taken].dist);
        if (places[taken] + taken >= ef)
            break;
        if (places[taken] + taken <= soon)
            fetch_links(cursor->graph, fresh[taken].id);
    }
    if (taken == 0)
        return ef;
    uint32_t end = used < ef - taken ? used : ef - taken;
    cursor->queue_used = end + taken;
    for (uint32_t i = taken; i-- > 0;) {
        memmove(queue + places[i] + i + 1, queue + places[i], (end - places[i]) * sizeof *queue);
        queue[places[i] + i] = fresh[i];
        end = places[i];
    }
    return places[0];
}

static void measure(struct vec_hnsw_cursor *cursor, size_t n) {
    const struct vec_hnsw *graph = cursor->graph;
    vec_hnsw_measure(graph, &cursor->probe, cursor->batch, n, cursor->batch_dist);
    cursor->effort.estimates += (uint32_t)n;
}

void vec_walk_enter(struct vec_hnsw_cursor *cursor, const uint32_t *ids, size_t n) {
    size_t fresh = 0;
    for (size_t i = 0; i < n; i++)
        if (ids[i] < cursor->limit && visit(cursor, ids[i]))
            cursor->batch[fresh++] = ids[i];
    measure(cursor, fresh);
    enqueue(cursor, cursor->queue_capacity, fresh, 0);
}

/* The unvisited ids of a list, behind the `n` that cursor->batch holds; returns how many it holds then. */
static size_t gather(struct vec_hnsw_cursor *cursor, uint32_t id, uint32_t level, size_t n) {
    const struct vec_hnsw *graph = cursor->graph;
    uint32_t places = 0;
    const uint32_t *list = vec_hnsw_list(graph, id, level, &places);
    if (!list || (graph->link_guard && level == 0 &&
                  !vec_guard_sound(graph->link_guard, (uint64_t)id * places * sizeof *list, places * sizeof *list)))
        return n;
    for (uint32_t i = 0; i < places; i++) {
        uint32_t other = vec_link_load(&list[i]);
        if (other == VEC_NO_ID)
            break;
        if (other < cursor->limit && visit(cursor, other))
            cursor->batch[n++] = other;
    }
    return n;
}

/* Mark the first `most` candidates from `at` on that were not expanded, and gather their neighbours; the lists of the
 * ones behind them are fetched for the next hop. */
static size_t expand(struct vec_hnsw_cursor *cursor, uint32_t level, uint32_t at, uint32_t most) {
    uint32_t chosen = 0;
    size_t n = 0;
    for (; at < cursor->queue_used && chosen < 2 * most; at++) {
        uint32_t id = cursor->queue[at].id;
        if (id & VEC_HNSW_SHOWN)
            continue;
        if (chosen++ < most) {
            cursor->queue[at].id |= VEC_HNSW_SHOWN;
            cursor->effort.hops++;
            n = gather(cursor, id, level, n);
        } else {
            fetch_links(cursor->graph, id);
        }
    }
    return n;
}

void vec_walk(struct vec_hnsw_cursor *cursor, uint32_t level, uint32_t ef, uint32_t patience, uint32_t k) {
    uint32_t next = 0;
    uint32_t idle = 0;
    if (cursor->queue_used > ef)
        cursor->queue_used = ef;
    while (next < cursor->queue_used) {
        size_t n = expand(cursor, level, next, BEAM);
        measure(cursor, n);
        uint32_t first = enqueue(cursor, ef, n, next + BEAM);
        idle = first < k ? 0 : idle + BEAM;
        if (patience && idle >= patience)
            break;
        if (first < next)
            next = first;
        while (next < cursor->queue_used && (cursor->queue[next].id & VEC_HNSW_SHOWN))
            next++;
    }
    for (uint32_t i = 0; i < cursor->queue_used; i++)
        cursor->queue[i].id &= ~VEC_HNSW_SHOWN;
}

uint32_t vec_walk_descend(struct vec_hnsw_cursor *cursor, uint64_t entry, uint32_t level) {
    if (entry == VEC_HNSW_NO_ENTRY || vec_entry_id(entry) >= cursor->limit)
        return VEC_NO_ID;
    uint32_t best = vec_entry_id(entry);
    cursor->batch[0] = best;
    measure(cursor, 1);
    float best_dist = cursor->batch_dist[0];
    for (uint32_t at = vec_entry_level(entry); at > level; at--) {
        for (bool nearer = true; nearer;) {
            uint32_t places = 0;
            const uint32_t *list = vec_hnsw_list(cursor->graph, best, at, &places);
            size_t n = 0;
            nearer = false;
            for (uint32_t i = 0; list && i < places; i++) {
                uint32_t other = vec_link_load(&list[i]);
                if (other < cursor->limit && other != cursor->skip)
                    cursor->batch[n++] = other;
            }
            measure(cursor, n);
            for (size_t i = 0; i < n; i++) {
                if (cursor->batch_dist[i] < best_dist) {
                    best_dist = cursor->batch_dist[i];
                    best = cursor->batch[i];
                    nearer = true;
                }
            }
        }
    }
    return best;
}
