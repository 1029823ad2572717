/* What a graph keeps of each row: a 4-bit code and a few floats, side by side, so that a distance is one contiguous read.
 *
 *     node (bytes)   0 .. D/2        code: 4 bits a dimension (kernels.h, dot_u4i8), D = d rounded up to 64
 *                    D/2 .. D/2+24   struct vec_node_tail
 *                    .. stride       zeroes up to a multiple of 64: no node shares a cache line with another
 *
 * For 768 dimensions that is 448 bytes, seven lines, instead of the 48 of the float row.  The codes are RaBitQ's
 * (vector/rabitq.h: the rotation, the code, the unbiased estimate) against the origin, the middle of the rows, and no other
 * centroid: no node has to name one, and what the origin adds for a query is the same for every node.
 *
 * Two forms of estimate, both  probe.add + tail.add + rescale * probe.scale * (dot(code, probe.bytes) - probe.bias):
 *   of a query   what it is as seen from the origin, as signed bytes
 *   of a node    its own code, 2u - 15 as signed bytes (twice the code's value).  Symmetric: the
 *                estimate of (a, b) is that of (b, a) up to rounding.  Selection compares only estimates of this form, so
 *                that equal rows compare as equal; the query form would make every duplicate look farther than its twin. */
#ifndef LH_VECTOR_GRAPH_CODE_H
#define LH_VECTOR_GRAPH_CODE_H

#include "vector/kernels.h"
#include "vector/metric.h"
#include "vector/rabitq.h"

struct vec_node_tail {
    float add, rescale, error; /* vec_rabitq_factors; add is |r|^2 for L2, else -<r, z> */
    float inverse_norm;        /* 1 / |row|, 0 for the zero row */
    uint32_t upper;            /* where its lists above level 0 start, in lists */
    uint32_t level;
};

struct vec_graph_code {
    const struct vec_kernels *kernels;
    struct vec_rabitq *rq;
    enum vec_metric metric;
    uint32_t d;
    uint32_t padded; /* D */
    size_t stride;
    float *origin; /* z, D floats */
    float origin_norm2;
    uint8_t *ones; /* D of them */
};

/* One thread's; `bytes` holds D and is 64-byte aligned. */
struct vec_probe {
    int8_t *bytes;
    float *rotated; /* D floats of scratch */
    float add, scale, bias;
    float norm;       /* |q'|: the deviation of an estimate is tail.error * norm */
    const float *row; /* where full rows are measured (vector/hnsw_measure.c): the query's, and 1 / its length */
    float row_scale;
};

/* The origin is the middle of `rows`. */
LH_CHECKED enum lh_code vec_graph_code_init(struct vec_graph_code *code, const struct vec_rows *rows,
                                            enum vec_metric metric, uint64_t seed, struct lh_err *err);
/* The same with an origin that was kept (vector/hnsw_file.c). */
LH_CHECKED enum lh_code vec_graph_code_init_at(struct vec_graph_code *code, uint32_t d, enum vec_metric metric,
                                               uint64_t seed, const float *origin, struct lh_err *err);
void vec_graph_code_deinit(struct vec_graph_code *code);

static inline struct vec_node_tail *vec_node_tail(const struct vec_graph_code *code, uint8_t *node) {
    return (struct vec_node_tail *)(void *)(node + code->padded / 2);
}

static inline const struct vec_node_tail *vec_node_tail_const(const struct vec_graph_code *code, const uint8_t *node) {
    return (const struct vec_node_tail *)(const void *)(node + code->padded / 2);
}

void vec_probe_init(struct vec_probe *probe, const struct vec_graph_code *code);
void vec_probe_deinit(struct vec_probe *probe);
/* Take a query, d floats. */
void vec_probe_set(struct vec_probe *probe, const struct vec_graph_code *code, const float *query);
/* Take a node.  `probe->norm` is not set. */
void vec_probe_set_node(struct vec_probe *probe, const struct vec_graph_code *code, const uint8_t *node);
/* Encode a row into a node; tail.upper and tail.level are left alone. */
#define VEC_GRAPH_SCRATCH (1 + VEC_RABITQ_SCRATCH) /* times D floats */
void vec_graph_encode(const struct vec_graph_code *code, const float *row, float *scratch, uint8_t *ret_node);

/* Estimated distances from the probe to n nodes of an array, with their cache misses overlapped. */
void vec_probe_distances(const struct vec_probe *probe, const struct vec_graph_code *code, const uint8_t *nodes,
                         const uint32_t *ids, size_t n, float *ret_dist);

#endif
