/* Deletion and repair.
 *
 * A deletion clears one bit: walks still pass through the node, no answer holds it.  That alone is right but slow and,
 * as the dead grow in number, narrow: they take places in every window.  The repair (FreshDiskANN's consolidation) visits
 * each live node with dead neighbours, takes its live neighbours and the live neighbours of the dead ones as candidates,
 * and selects anew: whoever was reached through a dead node is now considered directly.  Unlike there, links to live nodes
 * all stay, and only the freed places are given away: many of them are answers to others' links that selection would not
 * pick again, and a graph that loses them at every repair thins out (measured: after half of the rows were replaced,
 * recall 0.985 where it had been 0.994).  Afterwards no live node links to a dead one, and no walk meets it.
 *
 * Dead here is a node that stands for no live row: neither its own nor one equal to it (hnsw_twins.c).
 *
 * Selection keeps good directions, not reachability: a node may lose its last link from others, at construction too, most
 * likely among equal rows and far outliers.  So building and repairing end by flooding level 0 from the entry, and every
 * live node that stayed dry gets a link from a near one that has a place to spare. */
#include "vector/hnsw_internal.h"

#include "base/alloc.h"
#include "base/cleanup.h"

#include <string.h>

enum lh_code vec_hnsw_delete(struct vec_hnsw *graph, uint32_t id, struct lh_err *err) {
    if (graph->mapped)
        return lh_fail(err, LH_UNSUPPORTED, "a mapped graph cannot change: open the file for writing");
    uint32_t bit = (uint32_t)1 << (id % 32);
    if (id >= __atomic_load_n(&graph->count, __ATOMIC_ACQUIRE) ||
        !(__atomic_fetch_and(&graph->live[id / 32], ~bit, __ATOMIC_ACQ_REL) & bit))
        return lh_fail(err, LH_NOT_FOUND, "there is no row %u", id);
    __atomic_fetch_add(&graph->dead_count, 1, __ATOMIC_RELAXED);
    return LH_OK;
}

enum lh_code vec_hnsw_update(struct vec_hnsw_cursor *cursor, uint32_t old_id, const float *vector, uint32_t *ret_id,
                             struct lh_err *err) {
    uint32_t id = 0;
    if (!vec_hnsw_live(cursor->graph, old_id))
        return lh_fail(err, LH_NOT_FOUND, "there is no row %u", old_id);
    LH_TRY(vec_hnsw_insert(cursor, vector, &id, err));
    enum lh_code code = vec_hnsw_delete(cursor->graph, old_id, err);
    if (code != LH_OK) { /* another thread was faster: take the new one back, so that the row stays deleted */
        struct lh_err ignored;
        lh_ignore(vec_hnsw_delete(cursor->graph, id, &ignored));
        return code;
    }
    *ret_id = id;
    return LH_OK;
}

/* Add the live ids of a list to the candidates, each once, but not `id`; returns how many there are. */
static size_t add_live(struct vec_hnsw_cursor *cursor, uint32_t of, uint32_t level, uint32_t id, size_t n) {
    const struct vec_hnsw *graph = cursor->graph;
    uint32_t places = 0;
    const uint32_t *list = vec_hnsw_list(graph, of, level, &places);
    for (uint32_t i = 0; list && i < places; i++) {
        uint32_t other = vec_link_load(&list[i]);
        if (other == VEC_NO_ID)
            break;
        if (other == id || !vec_hnsw_stands(graph, other))
            continue;
        bool there = false;
        for (size_t j = 0; j < n && !there; j++)
            there = cursor->candidates[j].id == other;
        if (!there)
            cursor->candidates[n++].id = other;
    }
    return n;
}

/* Behind the `own` links in cursor->chosen, those of candidates[0..kept) that are not among them; returns how many there
 * are, at most `places`. */
static size_t add_chosen(struct vec_hnsw_cursor *cursor, size_t own, size_t kept, size_t places) {
    size_t n = own;
    for (size_t i = 0; i < kept && n < places; i++) {
        bool there = false;
        for (size_t j = 0; j < own && !there; j++)
            there = cursor->chosen[j].id == cursor->candidates[i].id;
        if (!there)
            cursor->chosen[n++] = cursor->candidates[i];
    }
    return n;
}

/* Whether the list held a dead node, and so was written anew. */
static bool repair_list(struct vec_hnsw_cursor *cursor, uint32_t id, uint32_t level) {
    struct vec_hnsw *graph = cursor->graph;
    uint32_t places = 0;
    uint32_t *list = vec_hnsw_list(graph, id, level, &places);
    uint32_t dead[2 * VEC_HNSW_MAX_M];
    uint32_t dead_links = 0;
    vec_hnsw_lock(graph, id);
    for (uint32_t i = 0; i < places; i++) {
        uint32_t other = vec_link_load(&list[i]);
        if (other != VEC_NO_ID && !vec_hnsw_stands(graph, other))
            dead[dead_links++] = other;
    }
    size_t own = dead_links ? add_live(cursor, id, level, id, 0) : 0;
    size_t n = own;
    memcpy(cursor->chosen, cursor->candidates, own * sizeof *cursor->chosen);
    for (uint32_t i = 0; i < dead_links; i++)
        n = add_live(cursor, dead[i], level, id, n);
    if (dead_links) {
        size_t kept = vec_hnsw_select(cursor, id, n, places);
        vec_list_write(list, places, cursor->chosen, add_chosen(cursor, own, kept, places));
    }
    vec_hnsw_unlock(graph, id);
    return dead_links > 0;
}

struct repair {
    size_t changed; /* atomic */
};

static void repair_share(void *arg, struct vec_hnsw_cursor *cursor, uint32_t first, uint32_t last) {
    struct repair *repair = arg;
    struct vec_hnsw *graph = cursor->graph;
    vec_cursor_reserve(cursor, graph->degree * (graph->degree + 1));
    for (uint32_t id = first; id < last; id++) {
        if (vec_hnsw_is_twin(graph, id) || !vec_hnsw_stands(graph, id))
            continue;
        bool changed = false;
        for (uint32_t level = 0; level <= vec_hnsw_tail(graph, id)->level; level++)
            changed |= repair_list(cursor, id, level);
        if (changed)
            __atomic_fetch_add(&repair->changed, 1, __ATOMIC_RELAXED);
    }
}

/* An entry that stands for nobody gives way to a node of the highest level that does. */
static void renew_entry(struct vec_hnsw *graph) {
    pthread_mutex_lock(&graph->entry_lock);
    uint64_t entry = __atomic_load_n(&graph->entry, __ATOMIC_ACQUIRE);
    if (entry != VEC_HNSW_NO_ENTRY && !vec_hnsw_stands(graph, vec_entry_id(entry))) {
        uint64_t best = VEC_HNSW_NO_ENTRY;
        uint32_t count = __atomic_load_n(&graph->count, __ATOMIC_ACQUIRE);
        for (uint32_t id = 0; id < count; id++) {
            if (vec_hnsw_is_twin(graph, id) || !vec_hnsw_stands(graph, id))
                continue;
            uint64_t level = vec_hnsw_tail(graph, id)->level;
            if (best == VEC_HNSW_NO_ENTRY || level > vec_entry_level(best))
                best = level << 32 | id;
        }
        __atomic_store_n(&graph->entry, best, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&graph->entry_lock);
}

size_t vec_hnsw_repair(struct vec_hnsw *graph, unsigned threads) {
    struct repair repair = {0};
    if (graph->mapped || !__atomic_load_n(&graph->dead_count, __ATOMIC_ACQUIRE))
        return 0;
    renew_entry(graph);
    vec_hnsw_share(graph, threads, __atomic_load_n(&graph->count, __ATOMIC_ACQUIRE), 64, repair_share, &repair);
    vec_hnsw_connect(graph);
    return repair.changed;
}

/* Put `to` into a free place of a list on level 0, or, with `force`, into the last.  Returns the id that had to go,
 * VEC_NO_ID where none had; `*ret_linked` is whether the link is there now. */
static uint32_t put_link(struct vec_hnsw *graph, uint32_t from, uint32_t to, bool force, bool *ret_linked) {
    uint32_t *list = graph->links + (size_t)from * graph->degree;
    uint32_t gone = VEC_NO_ID;
    uint32_t place = 0;
    vec_hnsw_lock(graph, from);
    while (place < graph->degree && vec_link_load(&list[place]) != VEC_NO_ID && vec_link_load(&list[place]) != to)
        place++;
    bool full = place == graph->degree;
    if (full)
        place--;
    if (!full || force) {
        gone = full ? vec_link_load(&list[place]) : VEC_NO_ID;
        vec_link_store(&list[place], to);
    }
    vec_hnsw_unlock(graph, from);
    *ret_linked = !full || force;
    return gone;
}

/* A link to `id` from a node that a walk finds near it and that has a place.  Where none has, the nearest gives up its last
 * link for it, and `id` takes that link over: all that was reached before is reached still. */
static bool link_from_near(struct vec_hnsw_cursor *cursor, uint32_t id) {
    struct vec_hnsw *graph = cursor->graph;
    uint64_t entry = __atomic_load_n(&graph->entry, __ATOMIC_ACQUIRE);
    uint32_t first = VEC_NO_ID;
    bool linked = false;
    vec_hnsw_probe_node(graph, &cursor->probe, id);
    vec_walk_start(cursor, graph->ef_construction);
    uint32_t nearest = vec_walk_descend(cursor, entry, 0);
    vec_walk_enter(cursor, &nearest, nearest != VEC_NO_ID);
    vec_walk(cursor, 0, graph->ef_construction, 0, 0);
    for (uint32_t i = 0; i < cursor->queue_used && !linked; i++) {
        uint32_t from = cursor->queue[i].id;
        if (from == id || !vec_hnsw_stands(graph, from))
            continue;
        if (first == VEC_NO_ID)
            first = from;
        put_link(graph, from, id, false, &linked);
    }
    if (!linked && first != VEC_NO_ID) {
        uint32_t gone = put_link(graph, first, id, true, &linked);
        bool kept = true;
        if (gone != VEC_NO_ID)
            put_link(graph, id, gone, true, &kept);
    }
    return linked;
}

size_t vec_hnsw_connect(struct vec_hnsw *graph) {
    uint64_t entry = __atomic_load_n(&graph->entry, __ATOMIC_ACQUIRE);
    uint32_t count = __atomic_load_n(&graph->count, __ATOMIC_ACQUIRE);
    size_t linked = 0;
    if (entry == VEC_HNSW_NO_ENTRY)
        return 0;
    LH_AUTO(mem) uint8_t *seen = lh_calloc((size_t)count + 1, 1);
    LH_AUTO(mem) uint32_t *order = lh_calloc((size_t)count + 1, sizeof *order);
    struct vec_hnsw_cursor *cursor = NULL;
    vec_hnsw_flood(graph, count, seen, order, vec_entry_id(entry));
    for (uint32_t id = 0; id < count; id++) {
        if (seen[id] || vec_hnsw_is_twin(graph, id) || !vec_hnsw_stands(graph, id))
            continue;
        if (!cursor)
            cursor = vec_hnsw_cursor_new(graph);
        linked += link_from_near(cursor, id);
        vec_hnsw_flood(graph, count, seen, order, id);
    }
    vec_hnsw_cursor_free(cursor);
    return linked;
}
