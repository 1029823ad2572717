/* The shortest decimals: read back exactly, never longer than the shortest that printf finds, and the table they
 * stand on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/worker/double_powers.h"
#include "engine/worker/value_text.h"

#define ROUNDS 100000

static uint64_t next_random(uint64_t *state) { /* xorshift64 */
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Significant digits of a decimal text. */
static int count_digits(const char *text) {
    int count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9')
            continue;
        if (*text == '0') {
            zeros += count > 0;
        } else {
            count += 1 + zeros;
            zeros = 0;
        }
    }
    return count;
}

static uint64_t vary(uint64_t bits, int round, int fraction_bits) {
    uint64_t fraction = (UINT64_C(1) << fraction_bits) - 1;
    switch (round % 4) {
    case 0: return bits;
    case 1: return bits & ~fraction;                 /* powers of two: uneven neighbours */
    case 2: return bits & fraction;                  /* subnormal */
    default: return (bits & ~fraction) | (bits & 7); /* just above a power of two */
    }
}

static void test_doubles(void **unused) {
    (void)unused;
    uint64_t random = 88172645463325252u;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t bits = vary(next_random(&random), round, 52);
        double v, back;
        memcpy(&v, &bits, sizeof v);
        if (!(v - v == 0) || v == 0)
            continue;
        char text[VALUE_TEXT_MAX], printed[64];
        *value_put_double(text, v) = '\0';
        back = strtod(text, NULL);
        int precision = 1;
        do
            snprintf(printed, sizeof printed, "%.*e", precision - 1, v);
        while (strtod(printed, NULL) != v && ++precision <= 17);
        if (memcmp(&v, &back, sizeof v) != 0 || count_digits(text) > precision)
            fail_msg("%a: %s, printf finds %s", v, text, printed);
    }
}

static void test_floats(void **unused) {
    (void)unused;
    uint64_t random = 2463534242u;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t bits = (uint32_t)vary(next_random(&random) & UINT32_MAX, round, 23);
        float v, back;
        memcpy(&v, &bits, sizeof v);
        if (!(v - v == 0) || v == 0)
            continue;
        char text[VALUE_TEXT_MAX], printed[64];
        *value_put_float(text, v) = '\0';
        back = strtof(text, NULL);
        int precision = 1;
        do
            snprintf(printed, sizeof printed, "%.*e", precision - 1, (double)v);
        while (strtof(printed, NULL) != v && ++precision <= 9);
        if (memcmp(&v, &back, sizeof v) != 0 || count_digits(text) > precision)
            fail_msg("%a: %s, printf finds %s", (double)v, text, printed);
    }
}

/* 10^k exactly, by schoolbook arithmetic on 32-bit limbs, least significant first: for k < 0 it is 2^LIMB_BITS *
 * 10^k, rounded down, which repeated division gives exactly. */
#define LIMBS 40

static void check_power(const uint32_t limbs[LIMBS], int k, int always_inexact) {
    int top = LIMBS * 32 - 1;
    while (!(limbs[top / 32] >> top % 32 & 1))
        top--;
    column_uint128 want = 0;
    int inexact = always_inexact;
    for (int bit = top; bit >= 0; bit--) {
        unsigned value = limbs[bit / 32] >> bit % 32 & 1;
        if (bit > top - 128)
            want = want << 1 | value;
        else
            inexact |= (int)value;
    }
    if (top < 127)
        want <<= 127 - top;
    want += (unsigned)inexact;
    const uint64_t *have = double_powers[k - DOUBLE_POWER_FIRST];
    if (have[0] != (uint64_t)(want >> 64) || have[1] != (uint64_t)want)
        fail_msg("10^%d is wrong in the table", k);
}

static void test_table_of_powers(void **unused) {
    (void)unused;
    uint32_t limbs[LIMBS] = {1};
    for (int k = 0; k <= DOUBLE_POWER_LAST; k++) {
        check_power(limbs, k, 0);
        uint64_t carry = 0;
        for (int i = 0; i < LIMBS; i++) {
            carry += (uint64_t)limbs[i] * 10;
            limbs[i] = (uint32_t)carry;
            carry >>= 32;
        }
        assert_int_equal(carry, 0);
    }
    memset(limbs, 0, sizeof limbs);
    limbs[LIMBS - 1] = UINT32_C(1) << 31;
    for (int k = -1; k >= DOUBLE_POWER_FIRST; k--) {
        uint64_t rest = 0;
        for (int i = LIMBS - 1; i >= 0; i--) {
            rest = rest << 32 | limbs[i];
            limbs[i] = (uint32_t)(rest / 10);
            rest %= 10;
        }
        check_power(limbs, k, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_floats),
        cmocka_unit_test(test_table_of_powers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
