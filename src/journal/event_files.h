/* The Parquet files of the journal: an immutable, reference-counted set of those that count.
 *
 * A file counts unless another one says that it replaces it.  Sets are swapped, never changed, so that a reader works on one
 * while flush and compact make the next.  A file's place and time are in its name and its index. */
#ifndef LH_JOURNAL_EVENT_FILES_H
#define LH_JOURNAL_EVENT_FILES_H

#include "base/buf.h"
#include "base/error.h"
#include "journal/event_index.h"

#include <stdatomic.h>
#include <stdbool.h>

struct object_store;

#define EVENTS_PREFIX "_journal/events/"
#define EVENT_DAY_SIZE 11 /* yyyy-mm-dd */

struct event_file {
    char day[EVENT_DAY_SIZE];
    char name[LH_ULID_SIZE];
    uint64_t size_bytes;
    bool indexed; /* otherwise `index` is zeroed */
    struct event_index index;
    _Atomic unsigned refs;
};

struct event_files {
    struct event_file **items; /* by day and name */
    size_t count;
    struct event_file **replaced; /* still in the bucket, to be deleted */
    size_t replaced_count;
    _Atomic unsigned refs;
};

void event_file_key(const struct event_file *file, char ret_key[96]);
void event_file_index_key(const struct event_file *file, char ret_key[96]);
void event_day_of(int64_t time_us, char ret_day[EVENT_DAY_SIZE]);

struct event_file *event_file_ref(struct event_file *file);
void event_file_unref(struct event_file *file);
struct event_files *event_files_ref(struct event_files *files);
void event_files_unref(struct event_files *files); /* NULL is fine */

/* The bucket as it is now; what `known` (may be NULL) has is not read again.  `*ret_odd`: how many new files have no good index,
 * with the first reason in `ret_why`. */
LH_CHECKED enum lh_code event_files_list(struct object_store *store, const struct event_files *known,
                                         struct event_files **ret_files, size_t *ret_odd, struct lh_err *ret_why,
                                         struct lh_err *err);
/* `base` with one file more (its index tells what it replaces); takes over the reference. */
struct event_files *event_files_with(const struct event_files *base, struct event_file *file);

/* Write the index, then the file at `path`, which goes.  Both may be there already: the names tell what is in them. */
LH_CHECKED enum lh_code event_file_publish(struct object_store *store, struct event_file *file, const char *path,
                                           struct lh_err *err);
/* The file, then its index; what is gone is fine. */
LH_CHECKED enum lh_code event_file_delete(struct object_store *store, const struct event_file *file,
                                          struct lh_err *err);

static inline void event_files_auto_release(struct event_files **files) {
    event_files_unref(*files);
}
static inline void event_file_auto_release(struct event_file **file) {
    event_file_unref(*file);
}

#endif
