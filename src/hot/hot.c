/* Life, pins and questions.  Invariants: hot.h. */
#include "hot/hot.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "hot/hot_internal.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define PINS_MAX_BYTES ((size_t)4 << 20)

void hot_notice(struct hot *h, enum lh_code code, const char *fmt, ...) {
    if (!h->options.notice)
        return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    h->options.notice(h->options.notice_ctx, code, text);
}

const char *hot_state_name(enum hot_state state) {
    switch (state) {
#define HOT_STATE_NAME(name, text) \
    case HOT_##name: return text;
        HOT_STATES(HOT_STATE_NAME)
#undef HOT_STATE_NAME
    }
    return "unknown";
}

/* ---- entries ---- */

struct hot_entry *hot_find_id(struct hot *h, const char *id) {
    for (size_t i = 0; i < h->count; i++)
        if (strcmp(h->entries[i]->id, id) == 0)
            return h->entries[i];
    return NULL;
}

struct hot_entry *hot_find_name(struct hot *h, const char *name) {
    for (size_t i = 0; i < h->count; i++)
        if (manifest_name_compare(h->entries[i]->name, name) == 0)
            return h->entries[i];
    return NULL;
}

static struct hot_entry *add_entry(struct hot *h, const char *id, const char *name) {
    if (h->count == h->room) {
        h->room = h->room ? h->room * 2 : 16;
        h->entries = lh_realloc(h->entries, h->room * sizeof(struct hot_entry *));
    }
    struct hot_entry *e = lh_calloc(1, sizeof *e);
    e->id = lh_strdup(id);
    e->name = lh_strdup(name);
    h->entries[h->count++] = e;
    return e;
}

struct hot_entry *hot_add(struct hot *h, const struct manifest *m) {
    return add_entry(h, m->id, m->name);
}

void hot_file_unref(struct hot *h, struct hot_file *f) {
    struct lh_err ignored = LH_ERR_INIT;
    if (--f->refs > 0)
        return;
    lh_ignore(os_unlink(h->options.os, AT_FDCWD, f->path, &ignored)); /* what stays goes at the next start */
    h->used_bytes -= f->size_bytes;
    lh_free(f->path);
    lh_free(f);
}

void hot_drop_file(struct hot *h, struct hot_entry *e) {
    if (!e->file)
        return;
    hot_file_unref(h, e->file);
    e->file = NULL;
    e->version = 0;
    atomic_fetch_add(&h->generation, 1);
}

void hot_remove(struct hot *h, struct hot_entry *e) {
    size_t i = 0;
    while (h->entries[i] != e)
        i++;
    h->entries[i] = h->entries[--h->count];
    hot_drop_file(h, e);
    lh_free(e->id);
    lh_free(e->name);
    lh_free(e);
}

/* ---- the list of pins ---- */

enum lh_code hot_save_pins(struct hot *h, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    pthread_mutex_lock(&h->pins_lock);
    pthread_mutex_lock(&h->lock);
    buf_append_str(&text, "{\"format\":1,\"pins\":[");
    bool first = true;
    for (size_t i = 0; i < h->count; i++) {
        if (!h->entries[i]->pinned)
            continue;
        buf_append_str(&text, first ? "" : ",");
        buf_append_json_string(&text, h->entries[i]->id, strlen(h->entries[i]->id));
        first = false;
    }
    pthread_mutex_unlock(&h->lock);
    buf_append_str(&text, "]}\n");
    enum lh_code code = LH_FAULT("hot.before_pins", err);
    if (code == LH_OK)
        code = os_write_file_atomic(h->options.os, AT_FDCWD, h->pins_path, text.data, text.len, 0600, err);
    pthread_mutex_unlock(&h->pins_lock);
    return code == LH_OK ? LH_OK : lh_err_context(err, "the list of pinned datasets");
}

/* A damaged list costs speed only: it is told and begun anew. */
static void load_pins(struct hot *h) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *pins = NULL;
    struct lh_err err = LH_ERR_INIT;
    enum lh_code code = os_read_file(h->options.os, AT_FDCWD, h->pins_path, PINS_MAX_BYTES, &text, &err);
    if (code == LH_NOT_FOUND)
        return;
    if (code == LH_OK)
        code = lh_json_parse(buf_cstr(&text), text.len, NULL, &pins, &err);
    if (code != LH_OK || !json_is_array(json_object_get(pins, "pins"))) {
        hot_notice(h, code, "\"%s\" cannot be read; nothing is pinned: %s", h->pins_path, err.message);
        return;
    }
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(h->options.catalog);
    size_t i;
    json_t *pin;
    json_array_foreach(json_object_get(pins, "pins"), i, pin) {
        const char *id = json_string_value(pin);
        const struct manifest *m = id ? catalog_snapshot_find_id(s, id) : NULL;
        if (m && !hot_find_id(h, id))
            hot_add(h, m)->pinned = true;
    }
}

/* ---- life ---- */

static struct hot *hot_new(const struct hot_options *options) {
    struct hot *h = lh_calloc(1, sizeof *h);
    h->options = *options;
    h->dir = lh_asprintf("%s/hot", options->dir);
    h->pins_path = lh_asprintf("%s/pins.json", options->dir);
    h->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    h->look = true;
    pthread_mutex_init(&h->pins_lock, NULL);
    pthread_mutex_init(&h->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&h->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return h;
}

enum lh_code hot_open(const struct hot_options *options, struct hot **ret_hot, struct lh_err *err) {
    LH_AUTO(hot) struct hot *h = hot_new(options);
    LH_TRY(os_remove_all(options->os, AT_FDCWD, h->dir, err));
    LH_TRY(os_mkdir_all(options->os, AT_FDCWD, h->dir, 0700, err));
    load_pins(h);
    if (!options->passive && options->max_bytes > 0) {
        LH_TRY(os_thread_start(&h->thread, "hot", 0, hot_keep, h, err));
        h->threaded = true;
    }
    *ret_hot = LH_STEAL(h);
    return LH_OK;
}

void hot_close(struct hot *h) {
    if (!h)
        return;
    pthread_mutex_lock(&h->lock);
    h->stop = true;
    pthread_cond_broadcast(&h->wake);
    pthread_mutex_unlock(&h->lock);
    uint64_t one = 1;
    if (h->cancel_fd >= 0 && write(h->cancel_fd, &one, sizeof one) < 0)
        hot_notice(h, LH_INTERNAL, "a load cannot be told to end");
    if (h->threaded)
        os_thread_join(&h->thread);
    while (h->count > 0)
        hot_remove(h, h->entries[0]);
    if (h->cancel_fd >= 0)
        close(h->cancel_fd);
    pthread_cond_destroy(&h->wake);
    pthread_mutex_destroy(&h->lock);
    pthread_mutex_destroy(&h->pins_lock);
    lh_free(h->entries);
    lh_free(h->dir);
    lh_free(h->pins_path);
    lh_free(h);
}

/* ---- pins ---- */

static void look(struct hot *h) {
    h->look = true;
    pthread_cond_broadcast(&h->wake);
}

enum lh_code hot_pin(struct hot *h, const char *dataset, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(h->options.catalog);
    const struct manifest *m;
    LH_TRY(catalog_snapshot_require(s, dataset, &m, err));
    pthread_mutex_lock(&h->lock);
    struct hot_entry *e = hot_find_id(h, m->id);
    if (!e)
        e = hot_add(h, m);
    bool was_pinned = e->pinned;
    e->pinned = true;
    if (e->state == HOT_FAILED)
        e->state = HOT_WAITING;
    look(h);
    pthread_mutex_unlock(&h->lock);
    if (hot_save_pins(h, err) == LH_OK || was_pinned)
        return LH_OK;
    pthread_mutex_lock(&h->lock);
    e = hot_find_id(h, m->id);
    if (e)
        e->pinned = false;
    look(h);
    pthread_mutex_unlock(&h->lock);
    return err->code;
}

enum lh_code hot_evict(struct hot *h, const char *dataset, struct lh_err *err) {
    pthread_mutex_lock(&h->lock);
    struct hot_entry *e = hot_find_name(h, dataset);
    bool held = e && (e->pinned || e->admitted || e->file);
    if (held)
        hot_remove(h, e);
    pthread_mutex_unlock(&h->lock);
    if (!held) {
        lh_ignore(lh_fail(err, LH_NOT_FOUND, "the dataset \"%s\" is neither pinned nor in the hot cache", dataset));
        return lh_err_hint(err, "GET /query/cache/stats lists what is");
    }
    return hot_save_pins(h, err);
}

/* ---- questions ---- */

/* A commit that the thread has not looked at yet may have changed the rows. */
static enum hot_state state_of(const struct hot_entry *e, const struct catalog_snapshot *s) {
    const struct manifest *m = catalog_snapshot_find_id(s, e->id);
    return e->state == HOT_HOT && m && m->version != e->seen_version ? HOT_WAITING : e->state;
}

static struct hot_info info_of(const struct hot_entry *e, const struct catalog_snapshot *s, struct arena *arena) {
    return (struct hot_info){
        .dataset = arena_strdup(arena, e->name),
        .id = arena_strdup(arena, e->id),
        .pinned = e->pinned,
        .state = state_of(e, s),
        .version = e->version,
        .size_bytes = e->file ? e->file->size_bytes : 0,
        .loads = e->loads,
        .reads = e->reads,
        .load_ms = e->load_ms,
        .loaded_us = e->loaded_us,
        .read_us = e->read_us,
        .error = e->error,
        .message = e->error != LH_OK ? arena_strdup(arena, e->message) : NULL,
    };
}

static int by_name(const void *a, const void *b) {
    return manifest_name_compare(((const struct hot_info *)a)->dataset, ((const struct hot_info *)b)->dataset);
}

void hot_list(struct hot *h, struct arena *arena, struct hot_info **ret_infos, size_t *ret_count) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(h->options.catalog);
    pthread_mutex_lock(&h->lock);
    struct hot_info *infos = arena_alloc(arena, (h->count + 1) * sizeof *infos);
    size_t count = 0;
    for (size_t i = 0; i < h->count; i++)
        if (h->entries[i]->pinned || h->entries[i]->admitted)
            infos[count++] = info_of(h->entries[i], s, arena);
    pthread_mutex_unlock(&h->lock);
    qsort(infos, count, sizeof *infos, by_name);
    *ret_infos = infos;
    *ret_count = count;
}

enum lh_code hot_get(struct hot *h, const char *dataset, struct arena *arena, struct hot_info *ret_info,
                     struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(h->options.catalog);
    pthread_mutex_lock(&h->lock);
    const struct hot_entry *e = hot_find_name(h, dataset);
    if (e)
        *ret_info = info_of(e, s, arena);
    pthread_mutex_unlock(&h->lock);
    return e ? LH_OK : lh_fail(err, LH_NOT_FOUND, "the dataset \"%s\" is not in the hot cache", dataset);
}

void hot_get_stats(struct hot *h, struct hot_stats *ret_stats) {
    pthread_mutex_lock(&h->lock);
    *ret_stats = h->stats;
    ret_stats->max_bytes = h->options.max_bytes;
    ret_stats->used_bytes = h->used_bytes;
    for (size_t i = 0; i < h->count; i++) {
        ret_stats->pinned += h->entries[i]->pinned;
        ret_stats->loaded += h->entries[i]->file != NULL;
    }
    pthread_mutex_unlock(&h->lock);
}

bool hot_is_passive(const struct hot *h) {
    return !h->threaded;
}

uint64_t hot_generation(struct hot *h) {
    return atomic_load(&h->generation);
}
