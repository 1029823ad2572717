/* SHA-256 (FIPS 180-4): one compression function in plain C, one in the processor's own instructions where it has them.
 *
 * Every byte of an upload and of a stored file is hashed.  Plain C takes 2.5 ns a byte, more than the socket, the parser of the body
 * and the page cache together; the processor's instructions take 0.5. */
#include "base/hash.h"

#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#define BLOCK LH_SHA256_BLOCK

/* First 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n) {
    return x >> n | x << (32 - n);
}

static uint32_t load_big_endian(const unsigned char *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void compress_portable(uint32_t state[8], const unsigned char *data, size_t blocks) {
    for (; blocks > 0; blocks--, data += BLOCK) {
        uint32_t w[64], v[8];
        for (size_t i = 0; i < 16; i++)
            w[i] = load_big_endian(data + 4 * i);
        for (size_t i = 16; i < 64; i++) {
            uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
            uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
            w[i] = w[i - 16] + s0 + w[i - 7] + s1;
        }
        memcpy(v, state, sizeof v);
        for (size_t i = 0; i < 64; i += 8) {
            /* The letters of the standard move by one place a round; unrolled by eight each is a register that stays. */
#pragma GCC unroll 8
            for (size_t j = 0; j < 8; j++) {
                uint32_t va = v[-j & 7], vb = v[(1 - j) & 7], vc = v[(2 - j) & 7], ve = v[(4 - j) & 7];
                uint32_t s1 = rotate(ve, 6) ^ rotate(ve, 11) ^ rotate(ve, 25);
                uint32_t choice = v[(6 - j) & 7] ^ (ve & (v[(5 - j) & 7] ^ v[(6 - j) & 7]));
                uint32_t first = v[(7 - j) & 7] + s1 + choice + constants[i + j] + w[i + j];
                uint32_t s0 = rotate(va, 2) ^ rotate(va, 13) ^ rotate(va, 22);
                uint32_t majority = (va & vb) ^ (vc & (va ^ vb));
                v[(3 - j) & 7] += first;
                v[(7 - j) & 7] = first + s0 + majority;
            }
        }
        for (size_t i = 0; i < 8; i++)
            state[i] += v[i];
    }
}

#if defined(__x86_64__)
/* The instructions keep the state as two vectors, ABEF and CDGH (highest lane first), and do two rounds each. */
__attribute__((target("sha,sse4.1,ssse3"))) static void compress_x86(uint32_t state[8], const unsigned char *data,
                                                                     size_t blocks) {
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i dcba = _mm_loadu_si128((const __m128i *)(const void *)state);
    __m128i hgfe = _mm_loadu_si128((const __m128i *)(const void *)(state + 4));
    __m128i cdab = _mm_shuffle_epi32(dcba, 0xB1);
    __m128i efgh = _mm_shuffle_epi32(hgfe, 0x1B);
    __m128i abef = _mm_alignr_epi8(cdab, efgh, 8);
    __m128i cdgh = _mm_blend_epi16(efgh, cdab, 0xF0);
    for (; blocks > 0; blocks--, data += BLOCK) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
        for (size_t i = 0; i < 4; i++)
            w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(data + 16 * i)), swap);
#pragma GCC unroll 16
        for (size_t i = 0; i < 16; i++) {
            __m128i words = w[i % 4];
            if (i >= 4) { /* the next four words of the schedule, from the last sixteen */
                __m128i earlier = _mm_add_epi32(_mm_sha256msg1_epu32(words, w[(i + 1) % 4]),
                                                _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4));
                words = w[i % 4] = _mm_sha256msg2_epu32(earlier, w[(i + 3) % 4]);
            }
            __m128i sum = _mm_add_epi32(words, _mm_load_si128((const __m128i *)(const void *)(constants + 4 * i)));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0E));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    __m128i feba = _mm_shuffle_epi32(abef, 0x1B);
    __m128i dchg = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)(void *)state, _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128((__m128i *)(void *)(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

/* gcc 12 and clang 14 do not know "sha" in __builtin_cpu_supports. */
static bool has_x86_sha(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_SHA) && __builtin_cpu_supports("sse4.1");
}
#endif

lh_sha256_compress *lh_sha256_fastest(void) {
#if defined(__x86_64__)
    if (has_x86_sha())
        return compress_x86;
#endif
    return compress_portable;
}

lh_sha256_compress *lh_sha256_portable(void) {
    return compress_portable;
}

void lh_sha256_init_with(struct lh_sha256 *h, lh_sha256_compress *compress) {
    /* First 32 bits of the fractional parts of the square roots of the first eight primes. */
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(h->state, start, sizeof start);
    h->bytes = 0;
    h->compress = compress;
}

void lh_sha256_init(struct lh_sha256 *h) {
    lh_sha256_init_with(h, lh_sha256_fastest());
}

void lh_sha256_update(struct lh_sha256 *h, const void *data, size_t len) {
    const unsigned char *at = data;
    size_t held = h->bytes % BLOCK;
    h->bytes += len;
    if (held > 0) {
        size_t part = len < BLOCK - held ? len : BLOCK - held;
        memcpy(h->block + held, at, part);
        if (held + part < BLOCK)
            return;
        h->compress(h->state, h->block, 1);
        at += part;
        len -= part;
    }
    h->compress(h->state, at, len / BLOCK);
    if (len % BLOCK > 0)
        memcpy(h->block, at + len / BLOCK * BLOCK, len % BLOCK);
}

/* The message ends with a one bit, zeros, and its length in bits, so that all is whole blocks. */
void lh_sha256_final(struct lh_sha256 *h, unsigned char ret_digest[LH_SHA256_BYTES]) {
    unsigned char tail[2 * BLOCK] = {0};
    size_t held = h->bytes % BLOCK;
    size_t len = held + 1 + 8 <= BLOCK ? BLOCK : 2 * BLOCK;
    memcpy(tail, h->block, held);
    tail[held] = 0x80;
    for (size_t i = 0; i < 8; i++)
        tail[len - 1 - i] = (unsigned char)(h->bytes * 8 >> 8 * i);
    h->compress(h->state, tail, len / BLOCK);
    for (size_t i = 0; i < LH_SHA256_BYTES; i++)
        ret_digest[i] = (unsigned char)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

void lh_sha256(const void *data, size_t len, unsigned char ret_digest[LH_SHA256_BYTES]) {
    struct lh_sha256 h;
    lh_sha256_init(&h);
    lh_sha256_update(&h, data, len);
    lh_sha256_final(&h, ret_digest);
}

void lh_sha256_hex(const void *data, size_t len, char ret_hex[LH_SHA256_HEX]) {
    unsigned char digest[LH_SHA256_BYTES];
    lh_sha256(data, len, digest);
    lh_hex_encode(digest, sizeof digest, ret_hex);
}
