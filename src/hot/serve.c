/* What statements read, and what is learnt from it. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "hot/hot_internal.h"
#include "os/clock.h"

#include <string.h>

static struct hot_file *find_file(struct hot *h, const char *digest) {
    for (size_t i = 0; i < h->count; i++)
        if (h->entries[i]->file && strcmp(h->entries[i]->file->digest, digest) == 0)
            return h->entries[i]->file;
    return NULL;
}

static void hold(struct hot_lease *lease, struct hot_file *file) {
    if (lease->count == lease->room) {
        lease->room = lease->room ? lease->room * 2 : 8;
        lease->files = lh_realloc(lease->files, lease->room * sizeof(struct hot_file *));
    }
    file->refs++;
    lease->files[lease->count++] = file;
}

void hot_serve(struct hot *h, struct engine_binding *bindings, size_t count, struct arena *arena,
               struct hot_lease *lease) {
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < count && h->used_bytes > 0; i++) {
        char digest[LH_SHA256_HEX];
        lh_sha256_hex(bindings[i].definition, strlen(bindings[i].definition), digest);
        struct hot_file *file = find_file(h, digest);
        if (!file)
            continue;
        hold(lease, file);
        bindings[i].attach_path = arena_strdup(arena, file->path);
        bindings[i].attach_name = arena_printf(arena, "hot_%.24s", digest);
        bindings[i].definition = arena_printf(arena, "SELECT * FROM %s.rows", bindings[i].attach_name);
    }
    pthread_mutex_unlock(&h->lock);
}

void hot_lease_release(struct hot *h, struct hot_lease *lease) {
    if (lease->count > 0) {
        pthread_mutex_lock(&h->lock);
        for (size_t i = 0; i < lease->count; i++)
            hot_file_unref(h, lease->files[i]);
        pthread_mutex_unlock(&h->lock);
    }
    lh_free(lease->files);
    *lease = (struct hot_lease){.files = NULL};
}

/* Reads in windows, one after the other: cheap, and enough to tell what is read often. */
static void count_for_admission(struct hot *h, struct hot_entry *e, int64_t now_ns) {
    const struct hot_options *o = &h->options;
    if (o->admit_reads == 0 || e->pinned || e->admitted)
        return;
    if (e->window_reads == 0 || now_ns - e->window_ns > o->admit_window_ms * 1000000) {
        e->window_ns = now_ns;
        e->window_reads = 0;
    }
    if (++e->window_reads < o->admit_reads)
        return;
    e->admitted = true;
    h->look = true;
    pthread_cond_broadcast(&h->wake);
}

static void note_read(struct hot *h, const struct manifest *m, int64_t now_ns) {
    struct hot_entry *e = hot_find_id(h, m->id);
    if (!e && h->options.admit_reads > 0 && m->size_bytes <= h->options.admit_max_bytes)
        e = hot_add(h, m);
    if (!e || !e->file)
        h->stats.misses++;
    if (!e)
        return;
    e->read_ns = now_ns;
    e->read_us = os_realtime_us(h->options.os);
    if (e->file) {
        h->stats.hits++;
        e->reads++;
    }
    count_for_admission(h, e, now_ns);
}

void hot_note_reads(struct hot *h, const char *const *datasets, size_t count) {
    if (count == 0 || h->options.max_bytes == 0)
        return;
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(h->options.catalog);
    int64_t now_ns = os_monotonic_ns(h->options.os);
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < count; i++) {
        const struct manifest *m = catalog_snapshot_find(s, datasets[i]);
        if (m)
            note_read(h, m, now_ns);
    }
    pthread_mutex_unlock(&h->lock);
}
