#include "catalog/key_window.h"

#include "base/alloc.h"
#include "catalog/catalog.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct key_window *key_window_new(void) {
    struct key_window *w = lh_calloc(1, sizeof *w);
    atomic_init(&w->refs, 1);
    return w;
}

struct key_window *key_window_ref(struct key_window *w) {
    atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
    return w;
}

static void key_unref(struct commit_key *key) {
    if (atomic_fetch_sub_explicit(&key->refs, 1, memory_order_acq_rel) == 1)
        lh_free(key);
}

void key_window_unref(struct key_window *w) {
    if (!w || atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < w->count; i++)
        key_unref(w->keys[i]);
    lh_free(w->keys);
    lh_free(w);
}

const struct commit_key *key_window_find(const struct key_window *w, const char *text) {
    size_t low = 0;
    size_t high = w->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(w->keys[middle]->text, text);
        if (order == 0)
            return w->keys[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int by_text(const void *a, const void *b) {
    return strcmp((*(struct commit_key *const *)a)->text, (*(struct commit_key *const *)b)->text);
}

/* Newest first; equal ages in the order of their texts, so that every process drops the same ones. */
static int by_age(const void *a, const void *b) {
    const struct commit_key *x = *(struct commit_key *const *)a;
    const struct commit_key *y = *(struct commit_key *const *)b;
    if (x->version != y->version)
        return x->version < y->version ? 1 : -1;
    return strcmp(x->text, y->text);
}

static struct commit_key *key_new(const struct key_fact *fact) {
    size_t len = strlen(fact->text);
    struct commit_key *key = lh_malloc(sizeof *key + len + 1);
    atomic_init(&key->refs, 1);
    key->version = fact->version;
    key->time_us = fact->time_us;
    memcpy(key->request_sha256, fact->request_sha256, sizeof key->request_sha256);
    memcpy(key->text, fact->text, len + 1);
    return key;
}

struct key_window *key_window_with(const struct key_window *w, const struct key_fact *facts, size_t count,
                                   int64_t now_us) {
    struct key_window *next = key_window_new();
    next->keys = lh_malloc((w->count + count + 1) * sizeof(struct commit_key *));
    for (size_t i = 0; i < w->count; i++) {
        if (now_us - w->keys[i]->time_us > CATALOG_KEYS_MAX_AGE_US)
            continue;
        atomic_fetch_add_explicit(&w->keys[i]->refs, 1, memory_order_relaxed);
        next->keys[next->count++] = w->keys[i];
    }
    for (size_t i = 0; i < count; i++) {
        if (now_us - facts[i].time_us > CATALOG_KEYS_MAX_AGE_US || key_window_find(w, facts[i].text))
            continue;
        next->keys[next->count++] = key_new(&facts[i]);
    }
    if (next->count > CATALOG_KEYS_MAX) {
        qsort(next->keys, next->count, sizeof(struct commit_key *), by_age);
        while (next->count > CATALOG_KEYS_MAX)
            key_unref(next->keys[--next->count]);
    }
    qsort(next->keys, next->count, sizeof(struct commit_key *), by_text);
    return next;
}
