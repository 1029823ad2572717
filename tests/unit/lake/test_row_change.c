/* A write by key that lost to others too often says what is true of it: nothing was written, and the same may succeed. */
#include "lake/row_change.h"
#include "unit/lake/lake_fixture.h"

static void test_busy_says_to_send_it_again(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    lh_ignore(lh_fail(&err, LH_CONFLICT, "the last refusal"));
    assert_int_equal(row_change_busy("people", &err), LH_BUSY);
    assert_int_equal(err.code, LH_BUSY);
    assert_non_null(strstr(err.message, "\"people\""));
    assert_null(strstr(err.message, "the last refusal"));
    assert_non_null(strstr(err.hint, "nothing was written: send it again"));
}

static void add_file(struct manifest *m, enum file_role role, const char *key) {
    *manifest_add_file(m) = (struct manifest_file){.bucket = "primary", .key = key, .role = role};
}

/* Deltas of other keys may have come meanwhile; anything else may not. */
static void test_rows_are_the_same_but_for_those_beside(void **state) {
    static const struct {
        const char *name;
        enum file_role role;
        const char *key;
        bool stale;
    } ROWS[] = {
        {"a delta of the same group", FILE_DELTA, "beside-2", false},
        {"a delta of somebody else", FILE_DELTA, "other", true},
        {"a tombstone file", FILE_TOMBSTONE, "beside-2", true},
        {"what tells of changes makes no rows", FILE_CHANGES, "changes", false},
    };
    static const char *const keys[] = {"beside-1", "beside-2"};
    const struct row_change_beside beside = {keys, 2};
    (void)state;
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        struct lh_err err = LH_ERR_INIT;
        bool stale = !ROWS[i].stale;
        LH_AUTO(manifest) struct manifest *seen = manifest_new("people");
        seen->id = "01H";
        add_file(seen, FILE_BASE, "base");
        LH_AUTO(manifest) struct manifest *now = manifest_edit(seen);
        add_file(now, ROWS[i].role, ROWS[i].key);
        enum lh_code code = row_change_check(now, seen, &beside, &stale, &err);
        if (stale != ROWS[i].stale || code != (stale ? LH_CONFLICT : LH_OK))
            fail_msg("%s: %s", ROWS[i].name, stale ? "stale" : "the same");
        assert_int_equal(row_change_check(now, seen, NULL, &stale, &err) == LH_OK, ROWS[i].role == FILE_CHANGES);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_busy_says_to_send_it_again),
                                       cmocka_unit_test(test_rows_are_the_same_but_for_those_beside)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
