/* The service from inside: what its parts share. */
#ifndef LH_INDEX_INDEX_INTERNAL_H
#define LH_INDEX_INDEX_INTERNAL_H

#include "base/arena.h"
#include "base/id.h"
#include "base/json.h"
#include "index/index.h"
#include "index/numbered.h"
#include "os/thread.h"
#include "vector/cancel.h"

#include <pthread.h>

struct bucket;
struct ai_text;
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
    uint64_t opened, found; /* generations that a caller had to wait for, and that were there */
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

/* Where the eval sets and trials of an index may be: its own bucket (NULL: the primary one), then the others that can be reached,
 * for it may have moved.  LH_NOT_FOUND, LH_UNAVAILABLE: its own. */
struct index_places {
    struct numbered_stores at;
    struct arena *arena; /* holds the handles */
};
LH_CHECKED enum lh_code index_places_open(struct index_service *s, const char *own, struct index_places *ret_places,
                                          struct lh_err *err);
static inline void index_places_auto_release(struct index_places *places) {
    arena_free(places->arena);
}

/* Open the index's newest record and let searches use it from here on. */
LH_CHECKED enum lh_code service_switch(struct index_service *s, struct index_record *record, struct lh_err *err);
/* service.c: forget an index that is gone. */
void service_forget(struct index_service *s, const char *name);
/* What a build is to do: bring the index up to date; the same and write all but the embeddings anew; only make the codes
 * that the record asks for, and words that are old anew. */
enum build_kind { BUILD_REFRESH, BUILD_REBUILD, BUILD_RECODE };
LH_CHECKED enum lh_code service_submit(struct index_service *s, const char *name, enum build_kind kind,
                                       const char *actor, char ret_id[LH_ULID_SIZE], bool *ret_joined,
                                       struct lh_err *err);
/* define.c: `json` as the record after `number`, and in use.  LH_CONFLICT. */
LH_CHECKED enum lh_code index_write_record(struct index_service *s, const char *name, uint64_t number, json_t *json,
                                           struct lh_err *err);
json_t *index_describe(struct index_service *s, const struct index_record *r);

/* service.c: ends what vectors are made into where the job is to end.  The job outlives it. */
struct vec_cancel index_job_cancel(struct job *job);

/* build.c: the job. */
enum lh_code index_build_run(struct job *job, void *service, struct lh_err *err);
/* build_embed.c: does what the model gave have the dimensions that are expected (0: any)?  LH_CONFLICT with the way on. */
LH_CHECKED enum lh_code index_check_dims(const struct index_record *r, uint32_t expected, uint32_t dims,
                                         struct lh_err *err);

/* tune.c: the job that measures. */
enum lh_code index_tune_run(struct job *job, void *service, struct lh_err *err);

/* agent.c: called for each index by the watch; `asked`: starts nothing but what a person asked for. */
void agent_look(struct index_service *s, struct generation *g, bool asked);
void agent_forget(struct index_service *s, const char *index);

/* seal.c: from chunk files to a generation. */
struct seal {
    struct index_service *service;
    struct job *job;
    struct generation *current; /* what is replaced */
    const char *generation;     /* id of the new one */
    const char *folder;         /* for files in the making */
    const char *source_id;      /* of the dataset; NULL: not known */
    uint64_t source_version, source_rows;
    const uint64_t *keep;              /* room bits of `current`: rows that stay */
    const char *const *parts;          /* keys of new chunk files */
    const uint64_t *const *part_keeps; /* which of their rows stay */
    size_t part_count;
    struct object_store *store; /* of the record's bucket: where the parts are, and the generation will be */
    const char *weights;        /* key or NULL */
    uint32_t dims;
    const char *model;
    bool rebuild;    /* all into one segment */
    bool codes_only; /* the same rows, codes and words as they are to be: `keep` is every live row, no parts */
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
/* search.c: queries as vectors of the index's model, the caller's.  LH_CONFLICT where the dimensions are others; LH_INVALID;
 * LH_UPSTREAM: the provider. */
LH_CHECKED enum lh_code index_read_vector(const struct generation *g, const json_t *vector, float **ret_query,
                                          struct lh_err *err);
LH_CHECKED enum lh_code index_embed_words(struct index_service *s, const struct generation *g,
                                          const struct ai_text *texts, size_t count, int cancel_fd, float **ret_queries,
                                          struct lh_err *err);

/* restore.c: each chunk file of the record's generation that does not open is made again out of its Parquet, in its place. */
LH_CHECKED enum lh_code index_restore_chunks(struct index_service *s, const struct index_record *record,
                                             struct object_store *store, struct lh_err *err);

/* filter.c */
/* The rows that a search may answer: those of the condition (NULL: none), and of rows that the dataset still has.
 * *ret_bits NULL: every live row; else room bits, the caller's. */
LH_CHECKED enum lh_code index_filter(struct index_service *s, struct generation *g, const char *condition,
                                     int cancel_fd, uint64_t **ret_bits, struct lh_err *err);

#endif
