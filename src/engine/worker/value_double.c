/* The shortest decimal of a binary floating-point number.
 *
 * Every decimal strictly nearer to v than to its neighbours reads back as v.  We want the one with the fewest
 * digits and, among those, the closest.  The method is Schubfach (R. Giulietti, "The Schubfach way to render
 * doubles", 2020): choose the power of ten whose grid is just fine enough that one or two of its points lie in v's
 * rounding interval; try the ten times coarser grid first.  All is integer arithmetic on a 128-bit approximation
 * of that power, with the lost bits gathered in one sticky bit ("round to odd"), which the paper proves to be enough.
 *
 * Quantities carry two extra bits, so that the interval's ends (v plus and minus half a unit) are integers too.
 * Names follow the paper: v = c * 2^q; the result is s * 10^k.
 *
 * The text: plain decimals from 1e-5 up to below 1e16, with ".0" where there is no fraction so that readers which
 * tell integers from floats are not misled; otherwise d.ddde-NN.  A table of 617 powers is the price; the unit
 * test recomputes it. */
#include "engine/worker/double_powers.h"
#include "engine/worker/value_text.h"

struct decimal {
    uint64_t digits;
    int exponent;
};

/* Floor of x * log10(2), of x * log10(2) - log10(4/3), of x * log2(10); exact for |x| < 1700. */
static int floor_log10_pow2(int x) {
    return x * 1262611 >> 22;
}
static int floor_log10_three_quarters_pow2(int x) {
    return (x * 1262611 - 524031) >> 22;
}
static int floor_log2_pow10(int x) {
    return x * 1741647 >> 19;
}

/* floor(power * x / 2^128), its lowest bit set where anything was cut off. */
static uint64_t multiply_to_odd(const uint64_t power[2], uint64_t x) {
    uint64_t low_carry = (uint64_t)((column_uint128)power[1] * x >> 64);
    column_uint128 product = (column_uint128)power[0] * x + low_carry;
    return (uint64_t)(product >> 64) | ((uint64_t)product > 1);
}

/* Choose between the two grid points around vb / 4 (spaced `step` quarters): false where neither or both lie
 * inside. */
static bool one_inside(uint64_t s, uint64_t step, uint64_t lower, uint64_t upper, uint64_t *ret_s) {
    bool below_inside = lower <= step * s;
    bool above_inside = step * s + step <= upper;
    *ret_s = s + above_inside;
    return below_inside != above_inside;
}

/* v = c * 2^q.  `uneven`: c is a power of two, so that the neighbour below is only half as far away. */
static struct decimal shortest_decimal(uint64_t c, int q, bool uneven) {
    bool even = (c & 1) == 0; /* the reader rounds ties to even: the interval's ends belong to an even c */
    int k = uneven ? floor_log10_three_quarters_pow2(q) : floor_log10_pow2(q);
    int h = q + floor_log2_pow10(-k) + 1;
    const uint64_t *power = double_powers[-k - DOUBLE_POWER_FIRST];

    uint64_t lower = multiply_to_odd(power, (4 * c - 2 + uneven) << h) + !even;
    uint64_t vb = multiply_to_odd(power, (4 * c) << h);
    uint64_t upper = multiply_to_odd(power, (4 * c + 2) << h) - !even;

    uint64_t s = vb / 4, chosen;
    if (s >= 10 && one_inside(s / 10, 40, lower, upper, &chosen))
        return (struct decimal){chosen, k + 1};
    if (one_inside(s, 4, lower, upper, &chosen))
        return (struct decimal){chosen, k};
    uint64_t middle = 4 * s + 2;
    bool up = vb > middle || (vb == middle && (s & 1));
    return (struct decimal){s + up, k};
}

static char *put_text(char *at, const char *text) {
    size_t len = strlen(text);
    memcpy(at, text, len);
    return at + len;
}

static char *put_scientific(char *at, const char *digits, int count, int point) {
    *at++ = digits[0];
    if (count > 1) {
        *at++ = '.';
        memcpy(at, digits + 1, (size_t)count - 1);
        at += count - 1;
    }
    *at++ = 'e';
    return value_put_int64(at, point - 1);
}

/* The value is 0.DIGITS * 10^point. */
static char *put_digits_at_point(char *at, const char *digits, int count, int point) {
    if (point > 16 || point < -4)
        return put_scientific(at, digits, count, point);
    if (point <= 0) {
        at = put_text(at, "0.");
        memset(at, '0', (size_t)-point);
        memcpy(at - point, digits, (size_t)count);
        return at - point + count;
    }
    if (count <= point) {
        memcpy(at, digits, (size_t)count);
        memset(at + count, '0', (size_t)(point - count));
        return put_text(at + point, ".0");
    }
    memcpy(at, digits, (size_t)point);
    at[point] = '.';
    memcpy(at + point + 1, digits + point, (size_t)(count - point));
    return at + count + 1;
}

static char *put_decimal(char *at, struct decimal d) {
    while (d.digits % 10 == 0) {
        d.digits /= 10;
        d.exponent++;
    }
    char digits[24];
    int count = (int)(value_put_uint64(digits, d.digits) - digits);
    return put_digits_at_point(at, digits, count, count + d.exponent);
}

/* One IEEE format: `fraction` has fraction_bits bits. */
static char *put_ieee(char *at, bool negative, uint64_t fraction, int exponent, int fraction_bits, int exponent_max) {
    if (exponent == exponent_max && fraction)
        return put_text(at, "NaN");
    if (negative)
        *at++ = '-';
    if (exponent == exponent_max)
        return put_text(at, "Infinity");
    if (exponent == 0 && fraction == 0)
        return put_text(at, "0.0");

    uint64_t c = exponent ? fraction | UINT64_C(1) << fraction_bits : fraction;
    int q = (exponent ? exponent : 1) - exponent_max / 2 - fraction_bits;
    if (q <= 0 && q > -fraction_bits && (c & ((UINT64_C(1) << -q) - 1)) == 0)
        return put_decimal(at, (struct decimal){c >> -q, 0}); /* an integer below 2^53 */
    return put_decimal(at, shortest_decimal(c, q, fraction == 0 && exponent > 1));
}

char *value_put_double(char *at, double v) {
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return put_ieee(at, bits >> 63, bits & ((UINT64_C(1) << 52) - 1), (int)(bits >> 52 & 0x7ff), 52, 0x7ff);
}

char *value_put_float(char *at, float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return put_ieee(at, bits >> 31, bits & 0x7fffff, (int)(bits >> 23 & 0xff), 23, 0xff);
}
