/* What the files of the IVF share: ivf.c (life, search by RaBitQ), ivf_build.c (filling the lists), ivf_pq.c (PQ's part). */
#ifndef LH_VECTOR_IVF_INTERNAL_H
#define LH_VECTOR_IVF_INTERNAL_H

#include "vector/guard.h"
#include "vector/ivf.h"
#include "vector/kmeans.h"
#include "vector/pq.h"
#include "vector/rabitq.h"
#include "vector/searcher_internal.h"

struct ivf_list {
    uint8_t *codes; /* blocks of 32 rows */
    float *adds;    /* PQ only */
    uint32_t *ids;
    uint32_t n, capacity; /* capacity: whole blocks of 32 */
    float span;           /* the longest residual */
    bool mapped;          /* in a file, not to be written or freed */
};

#define VEC_IVF_MAX_LISTS (1u << 24)

struct vec_ivf {
    struct vec_ivf_config config;
    struct vec_rabitq *rq; /* the rotation, for PQ too */
    struct vec_pq *pq;     /* NULL unless VEC_IVF_PQ */
    uint32_t padded;
    float *origin;    /* padded (vector/rabitq.h) */
    float *centroids; /* lists * padded, seen from the origin */
    struct vec_centres *centres;
    struct ivf_list *lists;
    struct vec_rows rows; /* rows.n are in lists */
    uint32_t *list_of;    /* VEC_NO_ID: deleted */
    uint32_t *slot_of;
    float *inverse_lengths;
    size_t capacity;         /* rows that these three hold */
    struct vec_file *file;   /* whose map lists and rows lie in; NULL: none */
    struct vec_guard *guard; /* of the codes in it */
};

/* Bytes of one list's codes for `capacity` rows. */
size_t vec_ivf_codes_bytes(const struct vec_ivf *ivf, size_t capacity);
/* Put rows [ivf->rows.n, rows->n) into lists. */
enum lh_code vec_ivf_fill(struct vec_ivf *ivf, const struct vec_rows *rows, struct lh_err *err);

/* Whether a list's codes are what was written, where they are a file's. */
bool vec_ivf_list_sound(const struct vec_ivf *ivf, const struct ivf_list *list);

/* Fill searcher->candidates from its nearest lists. */
void vec_ivf_pq_scan(const struct vec_ivf *ivf, struct vec_searcher *searcher, const struct vec_search *search,
                     uint32_t n_lists);

#endif
