/* The open cache, seen from inside the module.
 *
 * Locks, in the order in which they may be taken:  pins_lock (the file pins.json), lock (everything else; held for no input or
 * output but the removal of a file). */
#ifndef LH_HOT_HOT_INTERNAL_H
#define LH_HOT_HOT_INTERNAL_H

#include "base/hash.h"
#include "hot/hot.h"
#include "os/thread.h"

#include <pthread.h>
#include <stdatomic.h>

struct manifest;

/* What a read plan gives, loaded. */
struct hot_file {
    char digest[LH_SHA256_HEX]; /* of the plan's text */
    char *path;
    uint64_t size_bytes;
    unsigned refs; /* the entry's, and one a statement */
};

/* A dataset that is pinned, admitted, or counted because it may be. */
struct hot_entry {
    char *id, *name;
    bool pinned, admitted;
    enum hot_state state;
    struct hot_file *file;      /* NULL: none */
    char wanted[LH_SHA256_HEX]; /* digest of the plan as it is now; "" before the first look */
    int64_t changed_ns;         /* when `wanted` became so */
    uint64_t version;           /* that `file` was made from */
    uint64_t seen_version;      /* that the thread has looked at */
    uint64_t loads, reads;
    int64_t load_ms, loaded_us, read_us;
    int64_t read_ns;   /* of the last read or, before the first, of the load */
    int64_t window_ns; /* reads since then are counted for admission */
    unsigned window_reads;
    enum lh_code error;
    char message[1024];
};

struct hot {
    struct hot_options options;
    char *dir; /* of the files */
    char *pins_path;
    pthread_mutex_t pins_lock;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct hot_entry **entries;
    size_t count, room;
    uint64_t used_bytes; /* of all files, also of those that go when their last statement ends */
    struct hot_stats stats;
    bool stop, look; /* the thread is to end; to look at once */

    atomic_uint_fast64_t generation, next_file;
    int cancel_fd; /* readable when the cache closes */
    struct os_thread thread;
    bool threaded;
};

void hot_notice(struct hot *h, enum lh_code code, const char *fmt, ...) LH_PRINTF(3, 4);

/* All with `lock` held. */
struct hot_entry *hot_find_id(struct hot *h, const char *id);
struct hot_entry *hot_find_name(struct hot *h, const char *name);
struct hot_entry *hot_add(struct hot *h, const struct manifest *m);
void hot_remove(struct hot *h, struct hot_entry *e);
void hot_drop_file(struct hot *h, struct hot_entry *e); /* it is not served any more */
void hot_file_unref(struct hot *h, struct hot_file *f);

/* pins.json as the entries say.  Takes both locks. */
LH_CHECKED enum lh_code hot_save_pins(struct hot *h, struct lh_err *err);

/* load.c: the thread. */
void hot_keep(void *hot);

#endif
