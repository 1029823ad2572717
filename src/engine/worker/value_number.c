#include "engine/worker/value_text.h"

#include "base/alloc.h"

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                  "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                  "8081828384858687888990919293949596979899";

/* Exactly `count` digits of v, zeros in front. */
static void put_digits(char *at, uint64_t v, unsigned count) {
    for (; count >= 2; count -= 2, v /= 100)
        memcpy(at + count - 2, digit_pairs + v % 100 * 2, 2);
    if (count)
        *at = (char)('0' + v % 10);
}

static unsigned count_digits(uint64_t v) {
    unsigned count = 1;
    for (; v >= 10000; v /= 10000)
        count += 4;
    return count + (v >= 10) + (v >= 100) + (v >= 1000);
}

char *value_put_uint64(char *at, uint64_t v) {
    unsigned count = count_digits(v);
    put_digits(at, v, count);
    return at + count;
}

char *value_put_int64(char *at, int64_t v) {
    if (v >= 0)
        return value_put_uint64(at, (uint64_t)v);
    *at = '-';
    return value_put_uint64(at + 1, -(uint64_t)v);
}

#define TEN_TO_19 UINT64_C(10000000000000000000)

char *value_put_uint128(char *at, column_uint128 v) {
    if (v <= UINT64_MAX)
        return value_put_uint64(at, (uint64_t)v);
    at = value_put_uint128(at, v / TEN_TO_19);
    put_digits(at, (uint64_t)(v % TEN_TO_19), 19);
    return at + 19;
}

char *value_put_int128(char *at, column_int128 v) {
    if (v >= 0)
        return value_put_uint128(at, (column_uint128)v);
    *at = '-';
    return value_put_uint128(at + 1, -(column_uint128)v);
}

char *value_put_decimal(char *at, column_int128 unscaled, unsigned scale) {
    if (unscaled < 0)
        *at++ = '-';
    column_uint128 magnitude = unscaled < 0 ? -(column_uint128)unscaled : (column_uint128)unscaled;
    char digits[40];
    unsigned count = (unsigned)(value_put_uint128(digits, magnitude) - digits);
    unsigned whole = count > scale ? count - scale : 0;
    if (whole == 0)
        *at++ = '0';
    memcpy(at, digits, whole);
    at += whole;
    if (scale == 0)
        return at;
    *at++ = '.';
    unsigned zeros = scale - (count - whole);
    memset(at, '0', zeros);
    memcpy(at + zeros, digits + whole, count - whole);
    return at + scale;
}

/* A stored BIGNUM: three bytes of header, then the magnitude, most significant byte first.  The header is 0x800000
 * + the magnitude's length; a negative number has every bit of header and magnitude inverted, so that stored
 * values sort as bytes. */
#define BIGNUM_HEADER 3

size_t value_bignum_room(size_t len) {
    return len * 5 / 2 + 16; /* a byte is 2.41 digits */
}

char *value_put_bignum(char *at, const uint8_t *data, size_t len) {
    if (len <= BIGNUM_HEADER) {
        *at = '0';
        return at + 1;
    }
    bool negative = !(data[0] & 0x80);
    uint8_t flip = negative ? 0xff : 0;
    data += BIGNUM_HEADER;
    len -= BIGNUM_HEADER;

    /* Divide by 10^9 again and again; the remainders are the groups of nine digits, the last one first. */
    size_t limbs = (len + 3) / 4;
    uint32_t *magnitude = lh_calloc(limbs, sizeof *magnitude);
    for (size_t i = 0; i < len; i++)
        magnitude[(len - 1 - i) / 4] |= (uint32_t)(data[i] ^ flip) << (len - 1 - i) % 4 * 8;
    size_t group_max = len * 8 / 29 + 2, groups = 0;
    uint32_t *group = lh_calloc(group_max, sizeof *group);
    while (limbs > 0) {
        uint64_t rest = 0;
        for (size_t i = limbs; i-- > 0;) {
            rest = rest << 32 | magnitude[i];
            magnitude[i] = (uint32_t)(rest / 1000000000);
            rest %= 1000000000;
        }
        group[groups++] = (uint32_t)rest;
        while (limbs > 0 && magnitude[limbs - 1] == 0)
            limbs--;
    }

    if (negative)
        *at++ = '-';
    at = value_put_uint64(at, group[groups - 1]);
    for (size_t i = groups - 1; i-- > 0; at += 9)
        put_digits(at, group[i], 9);
    lh_free(group);
    lh_free(magnitude);
    return at;
}
