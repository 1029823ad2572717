#include "vector/graph_code.h"

#include "base/alloc.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { LINE = 64, AHEAD = 12 /* nodes in flight before the one that is measured */ };

static enum lh_code make(struct vec_graph_code *code, uint32_t d, enum vec_metric metric, uint64_t seed,
                         struct lh_err *err) {
    struct vec_rabitq *rq = NULL;
    const struct vec_rabitq_config config = {.d = d, .bits = 4, .metric = metric, .seed = seed};
    LH_TRY(vec_rabitq_new(&config, &rq, err));
    uint32_t padded = vec_rabitq_padded(rq);
    *code = (struct vec_graph_code){
        .kernels = vec_kernels(),
        .rq = rq,
        .metric = metric,
        .d = d,
        .padded = padded,
        .stride = (padded / 2 + sizeof(struct vec_node_tail) + LINE - 1) / LINE * LINE,
        .origin = lh_calloc(padded, sizeof(float)),
        .ones = lh_malloc_aligned(LINE, padded),
    };
    memset(code->ones, 1, padded);
    return LH_OK;
}

enum lh_code vec_graph_code_init(struct vec_graph_code *code, const struct vec_rows *rows, enum vec_metric metric,
                                 uint64_t seed, struct lh_err *err) {
    LH_TRY(make(code, rows->d, metric, seed, err));
    vec_rabitq_origin(code->rq, rows, code->origin);
    code->origin_norm2 = code->kernels->dot_f32(code->origin, code->origin, code->padded);
    return LH_OK;
}

enum lh_code vec_graph_code_init_at(struct vec_graph_code *code, uint32_t d, enum vec_metric metric, uint64_t seed,
                                    const float *origin, struct lh_err *err) {
    LH_TRY(make(code, d, metric, seed, err));
    memcpy(code->origin, origin, code->padded * sizeof(float));
    code->origin_norm2 = code->kernels->dot_f32(origin, origin, code->padded);
    return LH_OK;
}

void vec_graph_code_deinit(struct vec_graph_code *code) {
    vec_rabitq_free(code->rq);
    lh_free(code->origin);
    lh_free(code->ones);
    *code = (struct vec_graph_code){0};
}

void vec_probe_init(struct vec_probe *probe, const struct vec_graph_code *code) {
    *probe = (struct vec_probe){
        .bytes = lh_malloc_aligned(LINE, code->padded),
        .rotated = lh_malloc_aligned(LINE, code->padded * sizeof(float)),
    };
}

void vec_probe_deinit(struct vec_probe *probe) {
    lh_free(probe->bytes);
    lh_free(probe->rotated);
    *probe = (struct vec_probe){0};
}

/* The query to signed bytes, by way of unsigned ones about 128; returns their sum.  Rotated coordinates are close to Gaussian, so
 * that the largest is only some four deviations out and a byte keeps them to 1%, a tenth of the codes' own error. */
static int32_t to_bytes(const struct vec_graph_code *code, const float *x, int8_t *ret_bytes, float *ret_step) {
    uint32_t d = code->padded;
    float most = code->kernels->max_abs(x, d);
    float scale = most > 0.0f ? 127.0f / most : 0.0f;
    uint8_t *bytes = (uint8_t *)ret_bytes;
    if (!isfinite(scale)) /* all denormal */
        scale = most = 0.0f;
    code->kernels->quantize_u8(x, d, scale, 128.0f, 255, bytes);
    for (uint32_t i = 0; i < d; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, sizeof word);
        word ^= 0x8080808080808080u;
        memcpy(bytes + i, &word, sizeof word);
    }
    *ret_step = most / 127.0f;
    return code->kernels->dot_u8i8(code->ones, ret_bytes, d);
}

void vec_probe_set(struct vec_probe *probe, const struct vec_graph_code *code, const float *query) {
    float *seen = probe->rotated;
    vec_rabitq_rotate(code->rq, query, seen);
    float along = code->metric == VEC_L2 ? 0.0f : code->kernels->dot_f32(seen, code->origin, code->padded);
    for (uint32_t i = 0; i < code->padded; i++)
        seen[i] -= code->origin[i];
    float norm2 = code->kernels->dot_f32(seen, seen, code->padded);
    int32_t sum = to_bytes(code, seen, probe->bytes, &probe->scale);
    probe->bias = 7.5f * (float)sum;
    probe->norm = sqrtf(norm2);
    probe->add = code->metric == VEC_L2 ? norm2 : (code->metric == VEC_COSINE ? 1.0f : 0.0f) - along;
}

/* Eight levels u, 0 to 15, to 2u - 15 as signed bytes: no byte borrows from its neighbour while 128 is added. */
static inline uint64_t signed_levels(uint64_t levels) {
    return ((levels << 1 | 0x8080808080808080u) - 0x0f0f0f0f0f0f0f0fu) ^ 0x8080808080808080u;
}

/* A code to the signed bytes 2u - 15; returns their sum. */
static int32_t unpack(const uint8_t *packed, uint32_t d, int8_t *ret_bytes) {
    const uint64_t nibbles = 0x0f0f0f0f0f0f0f0fu;
    uint64_t sum = 0;
    for (uint32_t at = 0; at < d; at += 128) {
        uint32_t half = d - at >= 128 ? 64 : 32;
        for (uint32_t j = 0; j < half; j += 8) {
            uint64_t word, low, high;
            memcpy(&word, packed + at / 2 + j, sizeof word);
            low = signed_levels(word & nibbles);
            high = signed_levels(word >> 4 & nibbles);
            sum += ((word & nibbles) + (word >> 4 & nibbles)) * 0x0101010101010101u >> 56; /* at most 8 * 30 */
            memcpy(ret_bytes + at + j, &low, sizeof low);
            memcpy(ret_bytes + at + half + j, &high, sizeof high);
        }
    }
    return 2 * (int32_t)sum - 15 * (int32_t)d;
}

void vec_probe_set_node(struct vec_probe *probe, const struct vec_graph_code *code, const uint8_t *node) {
    const struct vec_node_tail *tail = vec_node_tail_const(code, node);
    int32_t sum = unpack(node, code->padded, probe->bytes);
    bool l2 = code->metric == VEC_L2;
    probe->bias = 7.5f * (float)sum;
    probe->scale = 0.5f * (l2 ? tail->rescale * -0.5f : -tail->rescale);
    probe->add = tail->add - (l2 ? 0.0f : code->origin_norm2) + (code->metric == VEC_COSINE ? 1.0f : 0.0f);
}

void vec_graph_encode(const struct vec_graph_code *code, const float *row, float *scratch, uint8_t *ret_node) {
    float *rotated = scratch;
    struct vec_node_tail *tail = vec_node_tail(code, ret_node);
    struct vec_rabitq_factors factors;
    vec_rabitq_rotate_from(code->rq, row, code->origin, rotated);
    vec_rabitq_encode(code->rq, rotated, NULL, code->origin, scratch + code->padded, ret_node, &factors);
    float norm2 = code->kernels->dot_f32(row, row, code->d);
    tail->add = factors.add;
    tail->rescale = factors.rescale;
    tail->error = factors.error;
    tail->inverse_norm = norm2 > 0.0f ? 1.0f / sqrtf(norm2) : 0.0f;
}

static inline void fetch(const uint8_t *node, size_t bytes) {
    for (size_t at = 0; at < bytes; at += LINE)
        __builtin_prefetch(node + at, 0, 3);
}

static inline float finish(const struct vec_probe *probe, const struct vec_graph_code *code, const uint8_t *node,
                           int32_t dot) {
    const struct vec_node_tail *tail = vec_node_tail_const(code, node);
    return probe->add + tail->add + tail->rescale * probe->scale * ((float)dot - probe->bias);
}

void vec_probe_distances(const struct vec_probe *probe, const struct vec_graph_code *code, const uint8_t *nodes,
                         const uint32_t *ids, size_t n, float *ret_dist) {
    const size_t stride = code->stride;
    for (size_t i = 0; i < n && i < AHEAD; i++)
        fetch(nodes + ids[i] * stride, stride);
    size_t i = 0;
    for (; i + 4 <= n; i += 4) {
        const uint8_t *rows[4];
        int32_t dots[4];
        for (size_t j = 0; j < 4; j++) {
            rows[j] = nodes + ids[i + j] * stride;
            if (i + j + AHEAD < n)
                fetch(nodes + ids[i + j + AHEAD] * stride, stride);
        }
        code->kernels->dot_u4i8_x4(rows, probe->bytes, code->padded, dots);
        for (size_t j = 0; j < 4; j++)
            ret_dist[i + j] = finish(probe, code, rows[j], dots[j]);
    }
    for (; i < n; i++) {
        const uint8_t *node = nodes + ids[i] * stride;
        ret_dist[i] = finish(probe, code, node, code->kernels->dot_u4i8(node, probe->bytes, code->padded));
    }
}
