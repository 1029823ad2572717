/* The job that builds an index, from inside: what its parts share.  What it does, and what must hold: build.c. */
#ifndef LH_INDEX_BUILD_INTERNAL_H
#define LH_INDEX_BUILD_INTERNAL_H

#include "base/id.h"
#include "index/id_set.h"
#include "index/index_internal.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ai_provider;
struct arena;
struct catalog_snapshot;
struct chunk_file;
struct chunk_record;
struct chunk_writer;
struct documents;
struct lexical_weights;

#define BUILD_PARTS_MAX 4096
#define BUILD_QUEUE 4 /* batches that wait to be embedded */

struct batch {
    struct arena *arena;
    struct chunk_record *records;
    size_t count, room;
    size_t documents;
};

struct part {
    const char *key;
    struct chunk_file *file;
    uint64_t *keep;
};

struct build {
    struct index_service *service;
    struct job *job;
    struct generation *current;
    struct catalog_snapshot *snapshot;
    const struct manifest *source;
    const char *source_id;
    uint64_t source_version, source_rows;
    uint64_t rows; /* that the dataset has when it is read: what progress ends at */
    const struct ai_provider *provider;
    struct object_store *store; /* of the record's bucket */
    struct arena *arena;
    char *folder;
    char generation[LH_ULID_SIZE];
    struct lexical_weights *weights;
    const char *weights_key;
    uint64_t *keep;
    struct part *parts; /* those of the checkpoint, then those of this run */
    size_t part_count;
    struct id_set seen;
    uint64_t unchanged;

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t moved;
    struct batch *queue[BUILD_QUEUE];
    size_t queued;
    bool ended;           /* no more batches */
    enum lh_code outcome; /* the first failure of an embedding thread, told in `failure` */
    struct lh_err failure;
    struct chunk_writer *writer;
    uint32_t dims;
    char *model;
    uint64_t documents_done, chunks_done;
    uint64_t duplicates, null_ids; /* rows that make no document: their id came before, or there is none */
};

/* Is it to stand in another bucket than it does? */
bool build_moves(const struct index_record *r);

/* build_parts.c: what was embedded, as objects, and the checkpoint that names them. */
/* What the writer holds, as an object.  `lock` is held, or no embedding thread runs. */
LH_CHECKED enum lh_code build_flush_part(struct build *b, struct lh_err *err);
/* What an earlier run of the job left; *ret_done: it had switched already (B4). */
LH_CHECKED enum lh_code build_resume(struct build *b, bool *ret_done, struct lh_err *err);
/* The weights of the built-in embedding: those that there are, or learned of the documents. */
LH_CHECKED enum lh_code build_find_weights(struct build *b, struct documents *documents, struct lh_err *err);

/* build_compare.c: on the job's thread.  Keeps what is unchanged, cuts the rest, and pushes it in batches. */
LH_CHECKED enum lh_code build_compare(struct build *b, struct documents *documents, struct lh_err *err);

/* build_embed.c: the embedding threads. */
/* Compares, with embedding threads beside it, until all that is new is in parts; what was embedded before a failure is too. */
LH_CHECKED enum lh_code build_embed_all(struct build *b, struct documents *documents, struct lh_err *err);
/* Hand a batch to the embedding threads; waits while they have enough.  It is theirs in any case. */
LH_CHECKED enum lh_code build_push(struct build *b, struct batch *batch, struct lh_err *err);
struct batch *build_batch_new(void);
void build_batch_free(struct batch *batch); /* NULL is fine */
/* Under the lock. */
void build_tell_progress(struct build *b);

static inline void batch_auto_release(struct batch **batch) {
    build_batch_free(*batch);
}

#endif
