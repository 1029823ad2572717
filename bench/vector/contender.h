/* One index under measurement: ours or a peer's.  Every contender is built on the same rows in one process and the timed
 * rounds go through all of them in turn, so that figures of one run compare whatever the machine does meanwhile. */
#ifndef BENCH_VECTOR_CONTENDER_H
#define BENCH_VECTOR_CONTENDER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct contender {
    const char *name;
    const char *effort_name; /* what is turned to trade time for recall */
    unsigned effort_min, effort_max;
    /* Unit vectors, cosine.  Aborts where it fails. */
    void *(*build)(const float *rows, size_t n, unsigned d, unsigned threads);
    size_t (*bytes)(void *index); /* beside the full vectors */
    void (*set_effort)(void *index, unsigned effort);
    size_t (*search)(void *index, const float *query, unsigned k, uint32_t *ret_ids);
    void (*free)(void *index);
};

/* NULL-terminated, each by the file that defines it; a peer whose headers are not installed is not compiled in. */
extern const struct contender *const contenders_ours[];
#ifdef BENCH_HNSWLIB
extern const struct contender *const contenders_hnswlib[];
#endif
#ifdef BENCH_FAISS
extern const struct contender *const contenders_faiss[];
#endif

#ifdef __cplusplus
}
#endif

#endif
