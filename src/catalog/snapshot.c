#include "catalog/snapshot.h"

#include "base/alloc.h"
#include "base/suggest.h"
#include "catalog/catalog.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- references and lookups ---- */

struct catalog_snapshot *snapshot_new_empty(void) {
    struct catalog_snapshot *s = lh_calloc(1, sizeof *s);
    atomic_init(&s->refs, 1);
    s->keys = key_window_new();
    return s;
}

struct catalog_snapshot *catalog_snapshot_ref(struct catalog_snapshot *s) {
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void catalog_snapshot_unref(struct catalog_snapshot *s) {
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < s->count; i++)
        manifest_unref(s->by_name[i]);
    key_window_unref(s->keys);
    lh_free(s->by_name);
    lh_free(s->by_id);
    lh_free(s->sources);
    lh_free(s);
}

uint64_t catalog_snapshot_version(const struct catalog_snapshot *s) {
    return s->version;
}

int64_t catalog_snapshot_time(const struct catalog_snapshot *s) {
    return s->time_us;
}

size_t catalog_snapshot_count(const struct catalog_snapshot *s) {
    return s->count;
}

const struct manifest *catalog_snapshot_get(const struct catalog_snapshot *s, size_t i) {
    return s->by_name[i];
}

size_t catalog_snapshot_lower_bound(const struct catalog_snapshot *s, const char *name) {
    size_t low = 0;
    size_t high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (manifest_name_compare(s->by_name[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct manifest *catalog_snapshot_find(const struct catalog_snapshot *s, const char *name) {
    size_t i = catalog_snapshot_lower_bound(s, name);
    return i < s->count && manifest_name_compare(s->by_name[i]->name, name) == 0 ? s->by_name[i] : NULL;
}

const struct manifest *catalog_snapshot_find_id(const struct catalog_snapshot *s, const char *id) {
    size_t low = 0;
    size_t high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(s->by_id[middle]->id, id);
        if (order == 0)
            return s->by_id[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

uint64_t catalog_snapshot_find_key(const struct catalog_snapshot *s, const char *idempotency_key) {
    const struct commit_key *key = key_window_find(s->keys, idempotency_key);
    return key ? key->version : 0;
}

const char *catalog_snapshot_suggest(const struct catalog_snapshot *s, const char *name) {
    LH_AUTO(mem) const char **names = lh_malloc((s->count + 1) * sizeof *names);
    for (size_t i = 0; i < s->count; i++)
        names[i] = s->by_name[i]->name;
    return lh_suggest(name, names, s->count);
}

enum lh_code catalog_snapshot_require(const struct catalog_snapshot *s, const char *name,
                                      const struct manifest **ret_manifest, struct lh_err *err) {
    const struct manifest *m = catalog_snapshot_find(s, name);
    if (m) {
        *ret_manifest = m;
        return LH_OK;
    }
    lh_ignore(lh_fail(err, LH_NOT_FOUND, "there is no dataset \"%.300s\"", name));
    const char *near = catalog_snapshot_suggest(s, name);
    if (near)
        return lh_err_hint(err, "did you mean \"%s\"?", near);
    return lh_err_hint(err, "GET /catalog/datasets lists them");
}

const struct manifest *catalog_snapshot_find_source(const struct catalog_snapshot *s, const char *source_sha256,
                                                    const struct manifest_lineage **ret_lineage) {
    size_t low = 0;
    size_t high = s->source_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(s->sources[middle].sha256, source_sha256) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->source_count || strcmp(s->sources[low].sha256, source_sha256) != 0)
        return NULL;
    if (ret_lineage)
        *ret_lineage = s->sources[low].lineage;
    return s->sources[low].manifest;
}

/* ---- the next snapshot ---- */

/* What changes, net: the manifests that go and those that come, each sorted. */
struct net_change {
    const struct manifest **gone; /* sorted by address */
    size_t gone_count;
    struct manifest **added;
    size_t added_count;
};

static void net_change_release(struct net_change *n) {
    lh_free(n->gone);
    lh_free(n->added);
}

struct ordered_change {
    const struct snapshot_change *change; /* all in one array: the address is the order */
};

static int by_id_then_order(const void *a, const void *b) {
    const struct snapshot_change *x = ((const struct ordered_change *)a)->change;
    const struct snapshot_change *y = ((const struct ordered_change *)b)->change;
    int order = strcmp(x->id, y->id);
    return order != 0 ? order : (x > y) - (x < y);
}

static int by_address(const void *a, const void *b) {
    uintptr_t x = (uintptr_t) * (const struct manifest *const *)a;
    uintptr_t y = (uintptr_t) * (const struct manifest *const *)b;
    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b) {
    return manifest_name_compare((*(struct manifest *const *)a)->name, (*(struct manifest *const *)b)->name);
}

static int by_id(const void *a, const void *b) {
    return strcmp((*(struct manifest *const *)a)->id, (*(struct manifest *const *)b)->id);
}

static int by_sha256(const void *a, const void *b) {
    return strcmp(((const struct source_entry *)a)->sha256, ((const struct source_entry *)b)->sha256);
}

static bool is_gone(const struct net_change *n, const struct manifest *m) {
    return n->gone_count > 0 && bsearch(&m, n->gone, n->gone_count, sizeof *n->gone, by_address) != NULL;
}

static enum lh_code net_changes(const struct catalog_snapshot *base, const struct snapshot_change *changes,
                                size_t count, struct net_change *n, struct lh_err *err) {
    LH_AUTO(mem) struct ordered_change *ordered = lh_malloc((count + 1) * sizeof *ordered);
    for (size_t i = 0; i < count; i++)
        ordered[i].change = &changes[i];
    qsort(ordered, count, sizeof *ordered, by_id_then_order);
    n->gone = lh_malloc((count + 1) * sizeof *n->gone);
    n->added = lh_malloc((count + 1) * sizeof *n->added);
    for (size_t i = 0; i < count; i++) {
        const char *id = ordered[i].change->id;
        const struct manifest *old = catalog_snapshot_find_id(base, id);
        bool there = old != NULL;
        for (;; i++) { /* through all changes of this id, to the last */
            struct manifest *m = ordered[i].change->manifest;
            if (!m && !there)
                return lh_fail(err, LH_NOT_FOUND, "there is no dataset with the id %s to delete", id);
            there = m != NULL;
            if (i + 1 == count || strcmp(ordered[i + 1].change->id, id) != 0)
                break;
        }
        if (old)
            n->gone[n->gone_count++] = old;
        if (ordered[i].change->manifest)
            n->added[n->added_count++] = ordered[i].change->manifest;
    }
    qsort(n->gone, n->gone_count, sizeof *n->gone, by_address);
    return LH_OK;
}

static struct manifest **merge(struct manifest *const *old, size_t old_count, const struct net_change *n,
                               int (*compare)(const void *, const void *)) {
    struct manifest **merged = lh_malloc((old_count + n->added_count + 1) * sizeof(struct manifest *));
    qsort(n->added, n->added_count, sizeof *n->added, compare);
    size_t out = 0;
    size_t j = 0;
    for (size_t i = 0; i < old_count; i++) {
        if (is_gone(n, old[i]))
            continue;
        while (j < n->added_count && compare(&n->added[j], &old[i]) < 0)
            merged[out++] = n->added[j++];
        merged[out++] = old[i];
    }
    while (j < n->added_count)
        merged[out++] = n->added[j++];
    return merged;
}

static void merge_sources(const struct catalog_snapshot *base, const struct net_change *n,
                          struct catalog_snapshot *next) {
    size_t fresh_count = 0;
    for (size_t i = 0; i < n->added_count; i++)
        fresh_count += n->added[i]->lineage_count;
    LH_AUTO(mem) struct source_entry *fresh = lh_malloc((fresh_count + 1) * sizeof *fresh);
    fresh_count = 0;
    for (size_t i = 0; i < n->added_count; i++) {
        const struct manifest *m = n->added[i];
        for (size_t k = 0; k < m->lineage_count; k++) {
            if (m->lineage[k].source_sha256)
                fresh[fresh_count++] = (struct source_entry){m->lineage[k].source_sha256, m, &m->lineage[k]};
        }
    }
    qsort(fresh, fresh_count, sizeof *fresh, by_sha256);
    next->sources = lh_malloc((base->source_count + fresh_count + 1) * sizeof *next->sources);
    size_t j = 0;
    for (size_t i = 0; i < base->source_count; i++) {
        if (is_gone(n, base->sources[i].manifest))
            continue;
        while (j < fresh_count && by_sha256(&fresh[j], &base->sources[i]) < 0)
            next->sources[next->source_count++] = fresh[j++];
        next->sources[next->source_count++] = base->sources[i];
    }
    while (j < fresh_count)
        next->sources[next->source_count++] = fresh[j++];
}

static enum lh_code check_unique(struct manifest *const *sorted, size_t count, struct lh_err *err) {
    for (size_t i = 1; i < count; i++) {
        if (manifest_name_compare(sorted[i - 1]->name, sorted[i]->name) == 0)
            return lh_fail(err, LH_EXISTS, "a dataset \"%s\" already exists", sorted[i]->name);
    }
    return LH_OK;
}

enum lh_code snapshot_apply(const struct catalog_snapshot *base, const struct snapshot_change *changes, size_t count,
                            uint64_t version, int64_t time_us, struct catalog_snapshot **ret_snapshot,
                            struct lh_err *err) {
    LH_CLEANUP(net_change_release) struct net_change net = {0};
    LH_TRY(net_changes(base, changes, count, &net, err));
    size_t next_count = base->count - net.gone_count + net.added_count;
    LH_AUTO(mem) struct manifest **sorted = merge(base->by_name, base->count, &net, by_name);
    LH_TRY(check_unique(sorted, next_count, err));

    struct catalog_snapshot *next = lh_calloc(1, sizeof *next);
    atomic_init(&next->refs, 1);
    next->version = version;
    next->time_us = time_us;
    memcpy(next->record_sha256, base->record_sha256, sizeof next->record_sha256);
    next->keys = key_window_ref(base->keys);
    next->count = next_count;
    next->by_name = LH_STEAL(sorted);
    for (size_t i = 0; i < next_count; i++)
        manifest_ref(next->by_name[i]);
    next->by_id = merge(base->by_id, base->count, &net, by_id);
    merge_sources(base, &net, next);
    *ret_snapshot = next;
    return LH_OK;
}
