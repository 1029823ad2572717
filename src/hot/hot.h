/* The hot cache: datasets as DuckDB database files, which a query reads at the speed of tables.
 *
 * A file below DIR holds the rows that one read plan gives (lake/read_plan.h), and is found by that plan's text alone.  A plan
 * names immutable files, so:
 *
 *   H1  What is read from the cache is what the plan would have read: a commit that changes rows changes the plan, and from that
 *       instant the dataset is read from Parquet until the new plan's file is there.  A commit that changes no rows (a description)
 *       leaves the dataset hot.
 *   H2  A file is used only when it is whole: it is made in a folder of its own and renamed.
 *   H3  A file that a statement was told of stays until the statement has ended.
 *   H4  Nothing in DIR is believed at a start: files go, pinned datasets are loaded again.  Only the list of pins lasts
 *       (pins.json, durable before a pin is acknowledged).
 *   H5  The files hold at most `max_bytes`.  For a pinned dataset others go that are not pinned, the one longest unread first;
 *       pinned ones never go for another.
 *
 * One thread loads, one dataset at a time, so that concurrent pins of a dataset load it once; it looks for commits a few times a
 * second and lets a dataset that changes settle for `debounce_ms`.  Thread-safe. */
#ifndef LH_HOT_HOT_H
#define LH_HOT_HOT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buckets;
struct catalog;
struct engine;
struct engine_binding;
struct hot;
struct hot_file;
struct os;

struct hot_options {
    struct os *os;
    struct engine *engine;
    struct catalog *catalog;
    struct buckets *buckets;
    const char *dir;    /* absolute, exists; workers may read below it.  Copied */
    uint64_t max_bytes; /* of all files; 0: nothing is ever loaded */
    int64_t debounce_ms;
    unsigned
        admit_reads; /* a dataset that so many statements read within admit_window_ms is loaded unasked; 0: none is */
    int64_t admit_window_ms;
    uint64_t admit_max_bytes; /* of Parquet; larger ones are loaded only when pinned */
    bool passive;             /* nothing is loaded (for commands that open a folder for a moment); pins are kept */
    void (*notice)(void *ctx, enum lh_code code, const char *text); /* any thread; NULL: nobody */
    void *notice_ctx;
};
LH_CHECKED enum lh_code hot_open(const struct hot_options *options, struct hot **ret_hot, struct lh_err *err);
void hot_close(struct hot *h); /* ends a load; NULL is fine */

/* Keep a dataset hot from now on; durable when it returns.  Loading goes on behind.  LH_NOT_FOUND.  Again: changes nothing. */
LH_CHECKED enum lh_code hot_pin(struct hot *h, const char *dataset, struct lh_err *err);
/* Not any more: the pin and what is loaded go.  LH_NOT_FOUND where it is neither pinned nor loaded. */
LH_CHECKED enum lh_code hot_evict(struct hot *h, const char *dataset, struct lh_err *err);

/* X(NAME, "name in JSON") */
#define HOT_STATES(X)                                                                               \
    X(WAITING, "waiting") /* it changed, or others are loaded first; read from Parquet meanwhile */ \
    X(LOADING, "loading")                                                                           \
    X(HOT, "hot")                                                                                   \
    X(FAILED, "failed") /* see the error; tried again when the dataset changes or is pinned again */

enum hot_state {
#define HOT_STATE_ENUM(name, text) HOT_##name,
    HOT_STATES(HOT_STATE_ENUM)
#undef HOT_STATE_ENUM
};
const char *hot_state_name(enum hot_state state);

struct hot_info {
    const char *dataset, *id;
    bool pinned;
    enum hot_state state;
    uint64_t version;                    /* of the dataset that is loaded; 0: none */
    uint64_t size_bytes;                 /* of its file */
    uint64_t loads, reads;               /* since the start; reads: statements that read the file */
    int64_t load_ms, loaded_us, read_us; /* of the last one; 0: none */
    enum lh_code error;
    const char *message;
};
/* By name, in the arena. */
void hot_list(struct hot *h, struct arena *arena, struct hot_info **ret_infos, size_t *ret_count);
LH_CHECKED enum lh_code hot_get(struct hot *h, const char *dataset, struct arena *arena, struct hot_info *ret_info,
                                struct lh_err *err);

struct hot_stats {
    uint64_t max_bytes, used_bytes;
    uint64_t pinned, loaded;
    uint64_t hits, misses; /* reads of datasets by statements, from a file and not */
    uint64_t loads, failures, evictions;
};
/* Nothing is loaded here: waiting for it would not end. */
bool hot_is_passive(const struct hot *h);
void hot_get_stats(struct hot *h, struct hot_stats *ret_stats);

/* ---- for statements ---- */

/* Rises with each change of what is hot: answers of the resolver depend on it. */
uint64_t hot_generation(struct hot *h);

/* What a statement holds of the cache; zeroed is valid and empty. */
struct hot_lease {
    struct hot_file **files;
    size_t count, room;
};
/* Change the definitions of those bindings that are hot.  New texts in the arena. */
void hot_serve(struct hot *h, struct engine_binding *bindings, size_t count, struct arena *arena,
               struct hot_lease *lease);
void hot_lease_release(struct hot *h, struct hot_lease *lease);
/* A statement has read these datasets. */
void hot_note_reads(struct hot *h, const char *const *datasets, size_t count);

static inline void hot_auto_release(struct hot **h) {
    hot_close(*h);
}

#endif
