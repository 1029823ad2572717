#include "catalog/snapshot.h"

#include "base/alloc.h"
#include "base/suggest.h"
#include "catalog/catalog.h"

#include <assert.h>
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

void catalog_key_digest(const struct catalog_change *change, char ret_hex[LH_SHA256_HEX]) {
    struct lh_sha256 hash;
    unsigned char digest[LH_SHA256_BYTES];
    lh_sha256_init(&hash);
    lh_sha256_update(&hash, change->operation, strlen(change->operation) + 1);
    if (change->request)
        lh_sha256_update(&hash, change->request, strlen(change->request));
    lh_sha256_final(&hash, digest);
    lh_hex_encode(digest, sizeof digest, ret_hex);
}

enum lh_code catalog_key_same(const char *request_sha256, const struct catalog_change *change, struct lh_err *err) {
    char asked[LH_SHA256_HEX];
    catalog_key_digest(change, asked);
    if (strcmp(request_sha256, asked) == 0)
        return LH_OK;
    lh_ignore(lh_fail(err, LH_CONFLICT, "the idempotency key \"%.255s\" was used for another request already",
                      change->idempotency_key));
    return lh_err_hint(err, "use a new key: one key stands for one operation on one target with one content");
}

enum lh_code catalog_snapshot_find_key(const struct catalog_snapshot *s, const struct catalog_change *change,
                                       uint64_t *ret_version, struct lh_err *err) {
    const struct commit_key *key = change->idempotency_key ? key_window_find(s->keys, change->idempotency_key) : NULL;
    if (key)
        LH_TRY(catalog_key_same(key->request_sha256, change, err));
    *ret_version = key ? key->version : 0;
    return LH_OK;
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

/* What changes, net: the manifests that go and those that come. */
struct net_change {
    const struct manifest **gone;
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
    return LH_OK;
}

/* ---- splicing sorted arrays: the places that change are searched for, all between them is copied in one go ---- */

static int by_number(const void *a, const void *b) {
    size_t x = *(const size_t *)a;
    size_t y = *(const size_t *)b;
    return (x > y) - (x < y);
}

/* `old` without the elements at `removed` (sorted) and with `inserted`, element i before old[insert_at[i]] (ascending). */
static void *splice(const void *old, size_t count, size_t size, size_t *removed, size_t removed_count,
                    const void *inserted, const size_t *insert_at, size_t inserted_count) {
    char *out = lh_malloc((count + inserted_count + 1) * size);
    char *end = out;
    size_t from = 0;
    size_t r = 0;
    size_t i = 0;
    qsort(removed, removed_count, sizeof *removed, by_number);
    while (r < removed_count || i < inserted_count) {
        bool insert = i < inserted_count && (r == removed_count || insert_at[i] <= removed[r]);
        size_t to = insert ? insert_at[i] : removed[r];
        if (to > from) {
            memcpy(end, (const char *)old + from * size, (to - from) * size);
            end += (to - from) * size;
            from = to;
        }
        if (insert) {
            memcpy(end, (const char *)inserted + i++ * size, size);
            end += size;
        } else {
            r++;
            from = to + 1;
        }
    }
    if (count > from)
        memcpy(end, (const char *)old + from * size, (count - from) * size);
    return out;
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

/* The first element that is not before `wanted`. */
static size_t lower_bound(const void *array, size_t count, size_t size, const void *wanted,
                          int (*compare)(const void *, const void *)) {
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare((const char *)array + middle * size, wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct manifest **splice_manifests(struct manifest *const *old, size_t count, struct net_change *n,
                                          int (*compare)(const void *, const void *)) {
    LH_AUTO(mem) size_t *removed = lh_malloc((n->gone_count + 1) * sizeof *removed);
    LH_AUTO(mem) size_t *insert_at = lh_malloc((n->added_count + 1) * sizeof *insert_at);
    for (size_t i = 0; i < n->gone_count; i++)
        removed[i] = lower_bound(old, count, sizeof *old, &n->gone[i], compare);
    qsort(n->added, n->added_count, sizeof *n->added, compare);
    for (size_t i = 0; i < n->added_count; i++)
        insert_at[i] = lower_bound(old, count, sizeof *old, &n->added[i], compare);
    return splice(old, count, sizeof *old, removed, n->gone_count, n->added, insert_at, n->added_count);
}

static size_t count_sources(const struct manifest *const *manifests, size_t count) {
    size_t sources = 0;
    for (size_t i = 0; i < count; i++)
        sources += manifests[i]->lineage_count;
    return sources;
}

/* The place of this very lineage among the sources, of which several may have one hash. */
static size_t find_entry(const struct catalog_snapshot *s, const struct manifest_lineage *lineage) {
    struct source_entry wanted = {.sha256 = lineage->source_sha256};
    size_t i = lower_bound(s->sources, s->source_count, sizeof *s->sources, &wanted, by_sha256);
    while (i < s->source_count && s->sources[i].lineage != lineage)
        i++;
    assert(i < s->source_count);
    return i;
}

static void splice_sources(const struct catalog_snapshot *base, const struct net_change *n,
                           struct catalog_snapshot *next) {
    size_t most_removed = count_sources(n->gone, n->gone_count);
    size_t most_added = count_sources((const struct manifest *const *)n->added, n->added_count);
    LH_AUTO(mem) size_t *removed = lh_malloc((most_removed + 1) * sizeof *removed);
    LH_AUTO(mem) struct source_entry *added = lh_malloc((most_added + 1) * sizeof *added);
    LH_AUTO(mem) size_t *insert_at = lh_malloc((most_added + 1) * sizeof *insert_at);
    size_t removed_count = 0;
    size_t added_count = 0;
    for (size_t i = 0; i < n->gone_count; i++) {
        for (size_t k = 0; k < n->gone[i]->lineage_count; k++) {
            if (n->gone[i]->lineage[k].source_sha256)
                removed[removed_count++] = find_entry(base, &n->gone[i]->lineage[k]);
        }
    }
    for (size_t i = 0; i < n->added_count; i++) {
        const struct manifest *m = n->added[i];
        for (size_t k = 0; k < m->lineage_count; k++) {
            if (m->lineage[k].source_sha256)
                added[added_count++] = (struct source_entry){m->lineage[k].source_sha256, m, &m->lineage[k]};
        }
    }
    qsort(added, added_count, sizeof *added, by_sha256);
    for (size_t i = 0; i < added_count; i++)
        insert_at[i] = lower_bound(base->sources, base->source_count, sizeof *base->sources, &added[i], by_sha256);
    next->sources = splice(base->sources, base->source_count, sizeof *base->sources, removed, removed_count, added,
                           insert_at, added_count);
    next->source_count = base->source_count - removed_count + added_count;
}

/* Only what is new can clash. */
static enum lh_code check_unique(struct manifest *const *sorted, size_t count, const struct net_change *n,
                                 struct lh_err *err) {
    for (size_t i = 0; i < n->added_count; i++) {
        size_t at = lower_bound(sorted, count, sizeof *sorted, &n->added[i], by_name);
        if (at + 1 < count && manifest_name_compare(sorted[at]->name, sorted[at + 1]->name) == 0)
            return lh_fail(err, LH_EXISTS, "a dataset \"%s\" already exists", sorted[at]->name);
    }
    return LH_OK;
}

enum lh_code snapshot_apply(const struct catalog_snapshot *base, const struct snapshot_change *changes, size_t count,
                            uint64_t version, int64_t time_us, struct catalog_snapshot **ret_snapshot,
                            struct lh_err *err) {
    LH_CLEANUP(net_change_release) struct net_change net = {0};
    LH_TRY(net_changes(base, changes, count, &net, err));
    size_t next_count = base->count - net.gone_count + net.added_count;
    LH_AUTO(mem) struct manifest **sorted = splice_manifests(base->by_name, base->count, &net, by_name);
    LH_TRY(check_unique(sorted, next_count, &net, err));

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
    next->by_id = splice_manifests(base->by_id, base->count, &net, by_id);
    splice_sources(base, &net, next);
    *ret_snapshot = next;
    return LH_OK;
}
