/* The log of statements: what it keeps, what it forgets. */
#include "base/alloc.h"
#include "base/arena.h"
#include "os/os.h"
#include "system/query_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void keeps_running_ones_and_the_last_that_ended(void **state) {
    (void)state;
    struct query_log *log = query_log_new(os_real(), 10);
    uint64_t slow = query_log_begin(log, "slow", "ana", "SELECT slow");
    for (uint64_t i = 0; i < 100; i++) {
        char id[16];
        snprintf(id, sizeof id, "q%llu", (unsigned long long)i);
        uint64_t entry = query_log_begin(log, id, "bo", "SELECT 1");
        query_log_end(log, entry, &(struct query_log_result){.code = i % 2 ? LH_SQL : LH_OK, .rows = i, .bytes = 7});
        query_log_end(log, entry, &(struct query_log_result){.rows = 999}); /* the first end counts */
    }
    struct arena *arena = arena_new();
    struct query_log_entry *entries;
    size_t count;
    query_log_list(log, arena, &entries, &count);
    assert_in_range(count, 6, 11);
    assert_string_equal(entries[0].id, "slow");
    assert_true(entries[0].running);
    assert_string_equal(entries[count - 1].id, "q99");
    assert_false(entries[count - 1].running);
    assert_int_equal(entries[count - 1].result.code, LH_SQL);
    assert_int_equal(entries[count - 1].result.rows, 99);
    for (size_t i = 2; i < count; i++)
        assert_int_equal(entries[i].result.rows, entries[i - 1].result.rows + 1);
    query_log_end(log, slow, &(struct query_log_result){.rows = 1});
    query_log_end(log, 4711, &(struct query_log_result){.rows = 1}); /* forgotten, or never there */
    query_log_list(log, arena, &entries, &count);
    assert_false(entries[0].running);
    arena_free(arena);
    query_log_free(log);
}

static void cuts_long_texts_between_characters(void **state) {
    (void)state;
    struct query_log *log = query_log_new(os_real(), 10);
    struct arena *arena = arena_new();
    struct query_log_entry *entries;
    size_t count, len = QUERY_LOG_SQL_MAX + 100;
    char *sql = lh_calloc(1, len + 1);
    sql[0] = 'x';
    for (size_t i = 1; i + 1 < len; i += 2)
        memcpy(sql + i, "\xc3\xa4", 2);
    query_log_begin(log, "a", "b", sql);
    query_log_list(log, arena, &entries, &count);
    assert_int_equal(strlen(entries[0].sql), QUERY_LOG_SQL_MAX - 1);
    assert_memory_equal(entries[0].sql, sql, QUERY_LOG_SQL_MAX - 1);
    lh_free(sql);
    arena_free(arena);
    query_log_free(log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_running_ones_and_the_last_that_ended),
        cmocka_unit_test(cuts_long_texts_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
