/* The service from inside: what its parts share. */
#ifndef LH_INDEX_INDEX_INTERNAL_H
#define LH_INDEX_INDEX_INTERNAL_H

#include "base/id.h"
#include "index/index.h"
#include "os/thread.h"

#include <pthread.h>

struct bucket;
struct job;
struct manifest;
struct object_store;

struct index_entry {
    char *name;
    struct generation *generation; /* the newest that was opened */
};

struct index_service {
    struct index_options options;
    pthread_mutex_t lock; /* of what follows; held for no input or output */
    struct index_entry *entries;
    size_t count;
    pthread_cond_t wake;
    bool stopping;
    struct os_thread watch;
    struct lh_ulid_source ulids;
};

/* Where records are: the primary bucket. */
struct object_store *service_store(struct index_service *s);
/* Where an index's objects are, or are to be; the handle is the caller's.  LH_NOT_FOUND, LH_UNAVAILABLE. */
LH_CHECKED enum lh_code service_bucket(struct index_service *s, const char *bucket, struct bucket **ret_bucket,
                                       struct lh_err *err);

/* Open the index's newest record and let searches use it from here on. */
LH_CHECKED enum lh_code service_switch(struct index_service *s, struct index_record *record, struct lh_err *err);
/* service.c: forget an index that is gone. */
void service_forget(struct index_service *s, const char *name);
LH_CHECKED enum lh_code service_submit(struct index_service *s, const char *name, bool rebuild, const char *actor,
                                       char ret_id[LH_ULID_SIZE], bool *ret_joined, struct lh_err *err);
json_t *index_describe(struct index_service *s, const struct index_record *r);

/* build.c: the job. */
enum lh_code index_build_run(struct job *job, void *service, struct lh_err *err);

/* seal.c: from chunk files to a generation. */
struct seal {
    struct index_service *service;
    struct job *job;
    struct generation *current; /* what is replaced */
    const char *generation;     /* id of the new one */
    const char *folder;         /* for files in the making */
    uint64_t source_version, source_rows;
    const uint64_t *keep;              /* room bits of `current`: rows that stay */
    const char *const *parts;          /* keys of new chunk files */
    const uint64_t *const *part_keeps; /* which of their rows stay */
    size_t part_count;
    struct object_store *store; /* of the record's bucket: where the parts are, and the generation will be */
    const char *weights;        /* key or NULL */
    uint32_t dims;
    const char *model;
    bool rebuild; /* all into one segment */
};
/* Writes codes, words and the record, and switches.  Objects that no record names any more are removed. */
LH_CHECKED enum lh_code index_seal(const struct seal *seal, struct lh_err *err);
/* All objects of an index, in every bucket, but its records, and but those that `r` names (NULL: none). */
void index_sweep(struct index_service *s, const char *name, const struct index_record *r);

/* rerank.c */
struct index_rerank {
    const char *words, *model; /* model NULL: the built-in one */
    size_t k;
    bool with_text;
    int cancel_fd;
};
/* The best k of `hits`, which bear their texts, each with its "rerank_score".  LH_UPSTREAM: the provider. */
LH_CHECKED enum lh_code index_rerank(const struct ai *ai, const struct index_rerank *rerank, const json_t *hits,
                                     json_t **ret_hits, struct lh_err *err);

/* filter.c */
/* The rows that a search may answer: those of the condition (NULL: none), and of rows that the dataset still has.
 * *ret_bits NULL: every live row; else room bits, the caller's. */
LH_CHECKED enum lh_code index_filter(struct index_service *s, struct generation *g, const char *condition,
                                     int cancel_fd, uint64_t **ret_bits, struct lh_err *err);

#endif
