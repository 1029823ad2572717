/* Every file that any version of any dataset ever named, and from which version to which.  Read from the whole commit log. */
#ifndef LH_LAKE_PAST_FILES_H
#define LH_LAKE_PAST_FILES_H

#include "base/error.h"
#include "catalog/manifest.h"

#include <stddef.h>
#include <stdint.h>

struct catalog;
struct object_store;

struct past_dataset {
    struct manifest *newest; /* its last version, with a reference */
    size_t *open;            /* positions of the files that it names */
    size_t open_count;
};

struct past_file {
    size_t dataset;            /* position in `datasets` */
    struct manifest_file file; /* strings of a manifest that is held */
    uint64_t first_version;    /* that names it */
    uint64_t last_version;     /* 0: the newest version names it */
    int64_t unused_us;         /* when it was no longer named; 0 as above */
};

struct past_files {
    struct past_file *files; /* in the order in which they came */
    size_t count, room;
    struct past_dataset *datasets;
    size_t dataset_count;
    struct manifest **held; /* whose strings `files` uses */
    size_t held_count, held_room;
};

/* `store` is that of the catalog's log.  LH_CORRUPT where a record is damaged or gone. */
LH_CHECKED enum lh_code past_files_read(struct catalog *catalog, struct object_store *store,
                                        struct past_files *ret_files, struct lh_err *err);
void past_files_release(struct past_files *files); /* a zeroed one is fine */

#endif
