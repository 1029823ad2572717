/* The demo data: exact sizes, the same bytes for the same seed, references that hold. */
#include "base/buf.h"
#include "demo/demo.h"
#include "demo/demo_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void full_demo_has_the_promised_rows(void **state) {
    (void)state;
    uint64_t total = 0;
    for (int t = 0; t < DEMO_TABLE_COUNT; t++)
        total += demo_table_info((enum demo_table)t)->full_rows;
    assert_int_equal(total, 2469278);
    assert_int_equal(demo_table_info(DEMO_CANDIDATES)->full_rows, 100000);
    assert_int_equal(demo_table_info(DEMO_TIMESHEETS)->full_rows, 1000000);
}

static uint64_t fnv1a(const char *data, size_t len) {
    uint64_t hash = 0xCBF29CE484222325U;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)data[i]) * 0x100000001B3U;
    return hash;
}

static uint64_t table_hash(uint64_t seed, enum demo_table table) {
    struct demo *d = demo_new(seed, 0.01);
    struct buf b = BUF_INIT;
    demo_append_header(d, table, &b);
    demo_append_rows(d, table, 0, demo_row_count(d, table), &b);
    uint64_t hash = fnv1a(b.data, b.len);
    buf_release(&b);
    demo_free(d);
    return hash;
}

static void same_seed_gives_same_bytes_and_another_seed_others(void **state) {
    (void)state;
    for (int t = 0; t < DEMO_TABLE_COUNT; t++) {
        assert_int_equal(table_hash(42, (enum demo_table)t), table_hash(42, (enum demo_table)t));
        assert_int_not_equal(table_hash(42, (enum demo_table)t), table_hash(43, (enum demo_table)t));
    }
}

/* Rows made one by one, backwards, equal rows made in one call. */
static void rows_do_not_depend_on_the_order_they_are_made_in(void **state) {
    (void)state;
    struct demo *d = demo_new(7, 0.001);
    for (int t = 0; t < DEMO_TABLE_COUNT; t++) {
        uint64_t rows = demo_row_count(d, (enum demo_table)t);
        struct buf forward = BUF_INIT, single = BUF_INIT;
        demo_append_rows(d, (enum demo_table)t, 0, rows, &forward);
        size_t end = forward.len;
        for (uint64_t row = rows; row-- > 0;) {
            buf_reset(&single);
            demo_append_rows(d, (enum demo_table)t, row, 1, &single);
            assert_true(single.len <= end);
            assert_memory_equal(forward.data + end - single.len, single.data, single.len);
            end -= single.len;
        }
        assert_int_equal(end, 0);
        buf_release(&forward);
        buf_release(&single);
    }
    demo_free(d);
}

static void occupations_can_be_dealt_in_blocks(void **state) {
    (void)state;
    size_t a = demo_occupation_count, b = 13;
    while (b != 0) {
        size_t rest = a % b;
        a = b;
        b = rest;
    }
    assert_int_equal(a, 1);
}

static void every_timesheet_belongs_to_a_placement_in_order(void **state) {
    (void)state;
    static const double scales[] = {0.00001, 0.0003, 0.01, 1};
    for (size_t i = 0; i < LH_ARRAY_LEN(scales); i++) {
        struct demo *d = demo_new(42, scales[i]);
        uint64_t rows = demo_row_count(d, DEMO_TIMESHEETS), last = 0, last_week = 0, week = 0;
        for (uint64_t row = 0; row < rows && row < 200000; row++) {
            uint64_t placement = demo_timesheet_placement(d, row, &week);
            assert_true(placement >= 1 && placement <= demo_row_count(d, DEMO_PLACEMENTS));
            assert_true(placement >= last);
            assert_int_equal(week, placement == last ? last_week + 1 : 0);
            last = placement;
            last_week = week;
        }
        demo_free(d);
    }
}

static void placements_refer_to_people_and_jobs_that_exist_and_fit(void **state) {
    (void)state;
    struct demo *d = demo_new(42, 0.05);
    size_t same_occupation = 0, placements = demo_row_count(d, DEMO_PLACEMENTS);
    for (uint64_t id = 1; id <= placements; id++) {
        struct demo_placement p;
        struct demo_candidate c;
        demo_placement_at(d, id, &p);
        assert_in_range(p.candidate_id, 1, demo_row_count(d, DEMO_CANDIDATES));
        assert_in_range(p.job.id, 1, demo_row_count(d, DEMO_JOB_ORDERS));
        assert_in_range(p.job.client_id, 1, demo_row_count(d, DEMO_CLIENTS));
        assert_true(p.end_day >= p.start_day && p.end_day <= DEMO_LAST_DAY);
        demo_candidate_at(d, p.candidate_id, &c);
        same_occupation += c.occupation == p.job.occupation;
    }
    assert_int_equal(same_occupation, placements);
    demo_free(d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_demo_has_the_promised_rows),
        cmocka_unit_test(same_seed_gives_same_bytes_and_another_seed_others),
        cmocka_unit_test(rows_do_not_depend_on_the_order_they_are_made_in),
        cmocka_unit_test(occupations_can_be_dealt_in_blocks),
        cmocka_unit_test(every_timesheet_belongs_to_a_placement_in_order),
        cmocka_unit_test(placements_refer_to_people_and_jobs_that_exist_and_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
