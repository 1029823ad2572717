/* Inner loops, one table of them for each instruction set, chosen at run time.
 *
 *     const struct vec_kernels *k = vec_kernels();
 *     float s = k->dot_f32(query, row, d);
 *
 * Cold rows cost ten times their arithmetic, so what counts is bytes touched
 * and loads in flight: the _x4 forms take one query against four rows at a
 * time, which keeps four streams of cache misses open and reads the query once.
 *
 * Invariants
 *  1. Integer and bit kernels give the same number at every level, on every
 * input in range.  Float kernels differ from level to level only by the order
 * of summation.
 *  2. Any length, any alignment; nothing is read outside [p, p + length).
 * Length 0 gives 0.
 *  3. Denormals are honoured (the BF16 instruction of dot_bf16_pair alone takes
 * them as zero); NaN and infinity are the caller's to refuse
 * (vec_check_finite).
 *  4. A table is constant; calling is thread-safe.
 *
 * Rejected: AVX512-FP16 arithmetic (sums of products lose rank in 11 bits; f16
 * is widened to f32 instead, which costs nothing where the rows come from
 * memory). */
#ifndef LH_VECTOR_KERNELS_H
#define LH_VECTOR_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum vec_level {
    VEC_LEVEL_PORTABLE,
    VEC_LEVEL_NEON,
    VEC_LEVEL_AVX2,        /* + FMA, F16C: Haswell, Zen */
    VEC_LEVEL_AVX512,      /* F BW DQ VL: Skylake-X */
    VEC_LEVEL_AVX512_VNNI, /* + VNNI, VPOPCNTDQ, VBMI: Ice Lake */
    VEC_LEVEL_AVX512_BF16, /* + BF16: Sapphire Rapids, Zen 4 */
    VEC_LEVEL_COUNT
};

#define VEC_COLUMNS 256   /* short vectors that dot_columns takes at once */
#define VEC_BLOCK_ROWS 32 /* rows that one fast-scan block holds */

/* What fastscan_b1 needs to know of a query; see vector/rabitq.h for the
 * formula. */
struct vec_block_query {
    const uint8_t *lut; /* `groups` tables of 16 sums */
    size_t groups;      /* of 4 dimensions; a multiple of 16 */
    float scale, bias;  /* <code, q> = scale * (sum of the tables' entries) + bias */
    float add;          /* the query's own part of the distance */
    float error;        /* the row's error factor times this is the half-width of the
                  bound */
};

struct vec_kernels {
    enum vec_level level;
    const char *name;

    /* f32.  l2 is squared. */
    float (*dot_f32)(const float *a, const float *b, size_t d);
    float (*l2_f32)(const float *a, const float *b, size_t d);
    void (*dot_f32_x4)(const float *q, const float *const rows[4], size_t d, float ret[4]);
    void (*l2_f32_x4)(const float *q, const float *const rows[4], size_t d, float ret[4]);

    /* ret[c] = <x, column c> of 256 columns, columns[i * 256 + c]: for vectors of
   * a few dimensions, where a row would not fill a register. */
    void (*dot_columns)(const float *x, size_t d, const float *columns, float ret[VEC_COLUMNS]);

    /* Which of n >= 1 values is the smallest; the first of equals. */
    size_t (*argmin)(const float *x, size_t n);

    /* ret[32 * b + r] = the sum over m parts of table[256 * part + blocks[b][32 *
   * part + r]]: product-quantized codes of twice 32 rows, each block part by
   * part.  The table must be such that no sum passes 65535. */
    void (*pq_sums)(const uint8_t *table, size_t m, const uint8_t *const blocks[2], uint16_t ret[2 * VEC_BLOCK_ROWS]);

    /* Half-width rows under an f32 query: IEEE binary16 (f16) and the upper half
   * of a float (bf16). */
    float (*dot_f16)(const float *q, const uint16_t *row, size_t d);
    float (*l2_f16)(const float *q, const uint16_t *row, size_t d);
    float (*dot_bf16)(const float *q, const uint16_t *row, size_t d);
    float (*l2_bf16)(const float *q, const uint16_t *row, size_t d);
    float (*dot_bf16_pair)(const uint16_t *a, const uint16_t *b, size_t d); /* both sides bf16: one instruction */

    /* Bytes.  Exact for d <= VEC_MAX_DIM: the largest sums are 2^30, 2^32 - 2^25
   * and 2^31 - 2^23. */
    int32_t (*dot_i8)(const int8_t *a, const int8_t *b, size_t d);
    uint32_t (*l2_i8)(const int8_t *a, const int8_t *b, size_t d);
    int32_t (*dot_u8i8)(const uint8_t *row, const int8_t *q, size_t d);
    void (*dot_u8i8_x4)(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]);

    /* A tile, ret[4 * j + r] = <rows[r], qs[j]>: for many against many, where
   * rows stay in registers for four queries. */
    void (*dot_u8i8_4x4)(const uint8_t *const rows[4], const int8_t *const qs[4], size_t d, int32_t ret[16]);

    /* 4-bit rows under a signed byte query.  d is a multiple of 64.  Each run of
   * 128 dimensions is 64 bytes: byte j holds dimension j in its low and
   * dimension 64 + j in its high nibble; a last run of 64 is 32 bytes, j and 32
   * + j. */
    int32_t (*dot_u4i8)(const uint8_t *row, const int8_t *q, size_t d);
    void (*dot_u4i8_x4)(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]);

    /* 1-bit rows (bit i of byte i/8 is dimension i).  d is a multiple of 64.
   * dot_b1i8: sum of q over the set bits.  dot_b1u4: the same for a query of 4
   * bits in `planes` (plane p, d/8 bytes at planes + p * d/8, holds bit p of
   * every dimension): popcounts of ANDs. */
    int32_t (*dot_b1i8)(const uint8_t *row, const int8_t *q, size_t d);
    void (*dot_b1i8_x4)(const uint8_t *const rows[4], const int8_t *q, size_t d, int32_t ret[4]);
    uint32_t (*dot_b1u4)(const uint8_t *row, const uint8_t *planes, size_t d);
    uint32_t (*hamming)(const uint8_t *a, const uint8_t *b, size_t bytes);

    /* 32 one-bit rows at once.  `codes`: for each group of 4 dimensions 16 bytes,
   * byte j holding row j's four bits in its low and row 16 + j's in its high
   * nibble.  `factors`: add[32], rescale[32], error[32]. est = q->add + add +
   * rescale * (q->scale * sum + q->bias);     low = est - error * q->error
   * Returns the mask of rows with low < threshold; ret_est and ret_low are
   * filled for all.  The tables' entries must be such that no sum passes 65535.
   */
    uint32_t (*fastscan_b1)(const struct vec_block_query *q, const uint8_t *codes, const float *factors,
                            float threshold, float ret_est[VEC_BLOCK_ROWS], float ret_low[VEC_BLOCK_ROWS]);

    /* <code, y> of a 1-bit row that stands for +-1/2 a dimension; d is a multiple
   * of 64. */
    float (*dot_b1f32)(const uint8_t *row, const float *y, size_t d);

    /* In place, unnormalised Walsh-Hadamard transform of n (a power of two)
   * floats. */
    void (*fht)(float *x, size_t n);
    void (*multiply)(float *x, const float *by, size_t d); /* x[i] *= by[i] */
    float (*max_abs)(const float *x, size_t d);            /* the largest |x[i]| */
    void (*add)(float *x, const float *more, size_t d);    /* x[i] += more[i] */
    void (*walk)(float *x, size_t half);                   /* x[i], x[half + i] become their sum and difference */
    void (*f32_from_u8)(const uint8_t *x, size_t d, float offset, float *ret); /* ret[i] = x[i] + offset */
    /* ret[i] = the integer nearest x[i] * scale + offset, cut to [0, max].
   * Half-way cases go to even. */
    void (*quantize_u8)(const float *x, size_t d, float scale, float offset, uint8_t max, uint8_t *ret);
    /* Bit i of ret is x[i] >= 0; d is a multiple of 64. */
    void (*signs)(const float *x, size_t d, uint8_t *ret);

    void (*f16_from_f32)(const float *x, size_t d, uint16_t *ret);  /* nearest even; beyond 65504 becomes infinity */
    void (*bf16_from_f32)(const float *x, size_t d, uint16_t *ret); /* nearest even */
};

/* The best table that this processor can run. */
const struct vec_kernels *vec_kernels(void);
/* A given one, for tests and comparisons; NULL where this processor (or build)
 * lacks it. */
const struct vec_kernels *vec_kernels_at(enum vec_level level);

#endif
