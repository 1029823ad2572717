/* What is written of an index: one immutable JSON object a change, `_vectors/meta/{index}/{number}.json`.
 *
 *   R1  The newest record is the index.  Record n + 1 is put if absent, so of two writers that read record n one wins; the
 *       other gets LH_CONFLICT.  (docs/adr: put-if-absent is the one comparison that every store has.)
 *   R2  A record names every object of its generation, and they stand durably before it is written: a switch of generations
 *       is one put, and a crash before it leaves objects that no record names (removed by the next build).
 *   R3  The last RECORD_HISTORY records are kept; what `deleted` says is that the name is free.
 *
 * Format: docs/formats/index.md. */
#ifndef LH_INDEX_RECORD_H
#define LH_INDEX_RECORD_H

#include "ai/chunk.h"
#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct object_store;

#define RECORD_HISTORY 50
#define RECORD_FORMAT 1
#define RECORD_ROWS_UNKNOWN UINT64_MAX
#define INDEX_NAME_MAX 63
#define INDEX_SEGMENTS_MAX 32
#define INDEX_GRAPH_FROM \
    ((uint64_t)250000) /* rows from which `auto` makes a graph: below, a scan of codes is as fast */

enum index_backend { BACKEND_AUTO, BACKEND_FLAT, BACKEND_HNSW };
enum index_policy { POLICY_MANUAL, POLICY_ON_APPEND, POLICY_SCHEDULED };

struct segment_record {
    const char *chunks;  /* object keys: vectors and records */
    const char *codes;   /* what a search scans or walks */
    const char *parquet; /* the same for other programs */
    enum index_backend backend;
    uint64_t rows;
};

struct index_graph {
    uint32_t m, ef_construction, ef_search; /* 0: the defaults of vector/hnsw.h */
    uint64_t seed;
};

/* Texts live in `json`. */
struct index_record {
    json_t *json;
    uint64_t number; /* of this record; 0: none was written */
    const char *name;
    const char *bucket; /* where the next build writes */
    const char *dataset, *id_column, *text_column;
    const char *provider, *model; /* model "": the provider's default */
    uint32_t dims;                /* 0: the first embedding will tell */
    struct chunk_options chunks;
    enum index_backend backend;
    struct index_graph graph; /* as it is to be */
    enum index_policy policy;
    int64_t every_ms; /* POLICY_SCHEDULED */
    bool deleted;

    const char *generation;   /* ULID; NULL: nothing is built yet */
    const char *data_bucket;  /* where its objects are */
    const char *source_id;    /* of the dataset that was read; NULL in records that were written before this was kept */
    uint64_t source_version;  /* of the dataset's manifest that was read */
    uint64_t source_rows;     /* of its files; RECORD_ROWS_UNKNOWN in records that were written before this was kept */
    struct index_graph built; /* what the generation's graph was made with; as `graph` where it has none */
    uint64_t rows, live, documents;
    struct segment_record segments[INDEX_SEGMENTS_MAX];
    size_t segment_count;
    const char *text, *dead, *weights; /* object keys; dead and weights NULL: none */
};

/* LH_CORRUPT naming the field.  Takes a reference of `json`. */
LH_CHECKED enum lh_code index_record_parse(json_t *json, struct index_record *ret_record, struct lh_err *err);
void index_record_release(struct index_record *r);

json_t *index_graph_json(const struct index_graph *g);
/* Would a merge of so many rows make a graph? */
bool index_record_wants_graph(const struct index_record *r, uint64_t rows);
/* The generation was not made with the backend and the graph's settings that the record asks for. */
bool index_record_is_pending(const struct index_record *r);
/* The window of a search: a new one takes effect with the graph that it was chosen for. */
uint32_t index_record_ef(const struct index_record *r);

LH_CHECKED enum lh_code index_name_check(const char *name, struct lh_err *err);
const char *index_backend_name(enum index_backend backend);
const char *index_policy_name(enum index_policy policy);

/* The newest record of an index.  LH_NOT_FOUND where there is none, or it says deleted. */
LH_CHECKED enum lh_code index_record_load(struct object_store *s, const char *name, struct index_record *ret_record,
                                          struct lh_err *err);
/* The number of the newest record, 0: none; is the name taken? */
LH_CHECKED enum lh_code index_record_number(struct object_store *s, const char *name, uint64_t *ret_number,
                                            bool *ret_taken, struct lh_err *err);
/* Write `json` as the record after `number`; its "number" is set.  Drops records past the history.
 * LH_CONFLICT: somebody else was faster. */
LH_CHECKED enum lh_code index_record_write(struct object_store *s, const char *name, uint64_t number, json_t *json,
                                           struct lh_err *err);
/* The names that have records, sorted, deleted ones included; in the arena. */
LH_CHECKED enum lh_code index_record_names(struct object_store *s, struct arena *arena, const char ***ret_names,
                                           size_t *ret_count, struct lh_err *err);
/* The records of an index, newest first: a new array. */
LH_CHECKED enum lh_code index_record_history(struct object_store *s, const char *name, json_t **ret_records,
                                             struct lh_err *err);

static inline void index_record_auto_release(struct index_record *r) {
    index_record_release(r);
}

#endif
