/* The set of keys against a plain list: every layout that a key can have, absent keys, repeated ones, NULLs. */
#include "engine/worker/key_set.h"

#include "base/alloc.h"
#include "engine/worker/duckdb_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 1500
#define COLUMNS 3

/* Values 0 .. ROWS in each of the layouts; a text of every value is longer or shorter than what DuckDB keeps inline. */
struct values {
    unsigned char bytes[ROWS * 16];
    char texts[ROWS][40];
};

static duckdb_string_t string_of(const char *text) {
    duckdb_string_t s;
    size_t len = strlen(text);
    memset(&s, 0, sizeof s);
    s.value.inlined.length = (uint32_t)len;
    if (len <= sizeof s.value.inlined.inlined) {
        memcpy(s.value.inlined.inlined, text, len);
    } else {
        memcpy(s.value.pointer.prefix, text, 4);
        s.value.pointer.ptr = (char *)(uintptr_t)text;
    }
    return s;
}

/* Row i has the value `first + i` in this column; of a narrow one only the lowest bytes. */
static struct key_column fill(struct values *v, unsigned width, size_t first) {
    memset(v->bytes, 0, sizeof v->bytes);
    for (size_t i = 0; i < ROWS; i++) {
        uint64_t value = first + i;
        if (width == KEY_SET_TEXT) {
            snprintf(v->texts[i], sizeof v->texts[i], value % 2 ? "%llu" : "the long text of the value %llu",
                     (unsigned long long)value);
            duckdb_string_t s = string_of(v->texts[i]);
            memcpy(v->bytes + i * sizeof s, &s, sizeof s);
        } else {
            memcpy(v->bytes + i * width, &value, width < sizeof value ? width : sizeof value);
        }
    }
    return (struct key_column){v->bytes, NULL};
}

static const struct layout {
    const char *name;
    unsigned widths[COLUMNS];
    size_t count;
    size_t distinct; /* of the values 0 .. ROWS */
} LAYOUTS[] = {
    {"one byte", {1}, 1, 256},
    {"two bytes", {2}, 1, ROWS},
    {"four bytes", {4}, 1, ROWS},
    {"eight bytes", {8}, 1, ROWS},
    {"sixteen bytes", {16}, 1, ROWS},
    {"text", {KEY_SET_TEXT}, 1, ROWS},
    {"two numbers", {1, 8}, 2, ROWS},
    {"text and numbers", {4, KEY_SET_TEXT, 16}, 3, ROWS},
    {"two texts", {KEY_SET_TEXT, KEY_SET_TEXT}, 2, ROWS},
};

static void fill_all(const struct layout *l, struct values *values, size_t first, struct key_column *ret_columns) {
    for (size_t c = 0; c < l->count; c++)
        ret_columns[c] = fill(&values[c], l->widths[c], first);
}

static void test_layouts(void **state) {
    (void)state;
    struct values *values = lh_calloc(COLUMNS, sizeof *values);
    uint32_t numbers[ROWS];
    struct key_hit hits[ROWS];
    struct key_column columns[COLUMNS];
    for (size_t i = 0; i < LH_ARRAY_LEN(LAYOUTS); i++) {
        const struct layout *l = &LAYOUTS[i];
        print_message("%s\n", l->name);
        struct key_set *s = key_set_new(l->widths, l->count, l->distinct, 99 + i);
        assert_non_null(s);
        for (uint32_t n = 0; n < ROWS; n++)
            numbers[n] = n % 7;
        fill_all(l, values, 0, columns);
        assert_true(key_set_add(s, columns, ROWS, numbers));
        for (uint32_t n = 0; n < ROWS; n++)
            numbers[n] = n % 5; /* the higher of the two counts */
        assert_true(key_set_add(s, columns, ROWS, numbers));

        fill_all(l, values, 0, columns);
        assert_int_equal(key_set_find(s, columns, ROWS, hits), ROWS);
        for (uint32_t n = 0; n < ROWS; n++) {
            assert_int_equal(hits[n].row, n);
            if (l->distinct == ROWS)
                assert_int_equal(hits[n].number, n % 7 > n % 5 ? n % 7 : n % 5);
        }
        fill_all(l, values, l->distinct == ROWS ? ROWS / 2 : 0, columns);
        assert_int_equal(key_set_find(s, columns, ROWS, hits), l->distinct == ROWS ? ROWS - ROWS / 2 : ROWS);
        if (l->distinct == ROWS) {
            fill_all(l, values, 5 * ROWS, columns);
            assert_int_equal(key_set_find(s, columns, ROWS, hits), 0);
            assert_false(key_set_add(s, columns, 1, numbers)); /* one more than there is room for */

            struct key_set *more = key_set_extend(s, ROWS);
            assert_true(key_set_add(more, columns, ROWS, numbers));
            assert_int_equal(key_set_count(more), 2 * ROWS);
            assert_int_equal(key_set_find(more, columns, ROWS, hits), ROWS);
            fill_all(l, values, 0, columns);
            assert_int_equal(key_set_find(more, columns, ROWS, hits), ROWS);
            assert_int_equal(hits[34].number, 6);
            assert_int_equal(key_set_find(s, columns, ROWS, hits), ROWS);
            fill_all(l, values, 9 * ROWS, columns);
            assert_int_equal(key_set_find(more, columns, ROWS, hits), 0);
            key_set_free(more);
        }
        key_set_free(s);
    }
    lh_free(values);
}

/* ("ab", "c") is not ("a", "bc"); a text is not its beginning; no byte ends it. */
static void test_texts_do_not_run_together(void **state) {
    (void)state;
    static const unsigned widths[] = {KEY_SET_TEXT, KEY_SET_TEXT};
    static const char *const pairs[][2] = {
        {"ab", "c"},      {"a", "bc"},      {"", "abc"}, {"abc", ""},
        {"12345678", ""}, {"", "12345678"}, {"", ""},    {"1234567890123456789", "x"}};
    duckdb_string_t left[LH_ARRAY_LEN(pairs)], right[LH_ARRAY_LEN(pairs)];
    struct key_hit hits[LH_ARRAY_LEN(pairs)];
    for (size_t i = 0; i < LH_ARRAY_LEN(pairs); i++) {
        left[i] = string_of(pairs[i][0]);
        right[i] = string_of(pairs[i][1]);
    }
    for (size_t i = 0; i < LH_ARRAY_LEN(pairs); i++) {
        struct key_set *s = key_set_new(widths, 2, 1, 5);
        struct key_column one[] = {{left + i, NULL}, {right + i, NULL}}, all[] = {{left, NULL}, {right, NULL}};
        assert_true(key_set_add(s, one, 1, &(uint32_t){3}));
        assert_int_equal(key_set_find(s, all, LH_ARRAY_LEN(pairs), hits), 1);
        assert_int_equal(hits[0].row, i);
        assert_int_equal(hits[0].number, 3);
        key_set_free(s);
    }
}

static void test_null_is_no_key(void **state) {
    (void)state;
    static const unsigned widths[] = {8, KEY_SET_TEXT};
    const uint64_t numbers[] = {1, 1, 2}, none = 5 /* 101 */;
    duckdb_string_t texts[] = {string_of("a"), {{{0}}}, string_of("b")};
    memset(&texts[1], 0xee, sizeof texts[1]); /* what stands under a NULL must not be looked at */
    struct key_column columns[] = {{numbers, NULL}, {texts, &none}};
    struct key_hit hits[3];
    struct key_set *s = key_set_new(widths, 2, 3, 7);
    assert_true(key_set_add(s, columns, 3, (const uint32_t[]){1, 2, 3}));
    assert_int_equal(key_set_find(s, columns, 3, hits), 2);
    assert_int_equal(hits[0].row, 0);
    assert_int_equal(hits[1].row, 2);
    key_set_free(s);

    const uint64_t zero = 0;
    struct key_column number = {&zero, NULL}, null_number = {&zero, &zero};
    s = key_set_new(widths, 1, 1, 7);
    assert_true(key_set_add(s, &number, 1, &(uint32_t){0}));
    assert_int_equal(key_set_find(s, &number, 1, hits), 1);
    assert_int_equal(key_set_find(s, &null_number, 1, hits), 0);
    key_set_free(s);
}

static void test_memory(void **state) {
    (void)state;
    static const unsigned wide[] = {16};
    assert_null(key_set_new(wide, 1, SIZE_MAX, 1));
#ifdef LH_FAULTS
    for (long n = 1; n <= 2; n++) {
        lh_alloc_fail_nth(n);
        assert_null(key_set_new(wide, 1, 10, 1));
    }
    lh_alloc_fail_nth(0);
#endif
    struct key_set *s = key_set_new(wide, 1, 100000, 1);
    assert_true(key_set_bytes(s) >= key_set_estimate(100000));
    assert_true(key_set_bytes(s) < 100000 * 100);
    key_set_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_texts_do_not_run_together),
        cmocka_unit_test(test_null_is_no_key),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
