/* Objects on their way into a commit: their names, and which of them stay. */
#include "base/cleanup.h"
#include "lake/new_objects.h"
#include "unit/lake/lake_fixture.h"

static void names_are_safe_in_a_path(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"calls", "datasets/calls/"},     {"a.b-c_D", "datasets/a.b-c_D/"}, {"..", "datasets/%2E./"},
        {"a/b c", "datasets/a%2Fb%20c/"}, {"\xC3\xA9", "datasets/%C3%A9/"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        LH_AUTO(buf) struct buf prefix = BUF_INIT;
        lake_object_prefix(rows[i][0], &prefix);
        assert_string_equal(buf_cstr(&prefix), rows[i][1]);
    }
}

/* One object of "abc"; its key in `ret_key`, and the folder that it came from. */
static void make(struct lake_fixture *f, struct new_objects *objects, struct arena *arena, const char **ret_key) {
    struct lh_err err = LH_ERR_INIT;
    struct manifest_file file;
    ok(new_objects_open(f->engine.os, f->buckets, f->engine.scratch, "calls", NULL, objects, &err), &err);
    LH_AUTO(mem) char *path = lh_asprintf("%s/x.parquet", objects->out);
    ok(os_write_file_atomic(f->engine.os, AT_FDCWD, path, "abc", 3, 0600, &err), &err);
    ok(new_objects_put(objects, "x.parquet", FILE_TOMBSTONE, 7, arena, &file, &err), &err);
    assert_int_equal(file.size_bytes, 3);
    assert_int_equal(file.row_count, 7);
    assert_string_equal(file.bucket, "primary");
    assert_string_equal(file.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(strncmp(file.key, "datasets/calls/tombstones/", 26), 0);
    *ret_key = file.key;
}

static void what_no_commit_names_goes(void **state) {
    struct lake_fixture *f = *state;
    static const struct {
        enum lh_code outcome;
        bool stays;
    } rows[] = {{LH_OK, true}, {LH_UNKNOWN_OUTCOME, true}, {LH_CONFLICT, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct new_objects objects;
        struct lh_err err = LH_ERR_INIT;
        struct object_info info;
        const char *key;
        make(f, &objects, arena, &key);
        LH_AUTO(mem) char *out = lh_strdup(objects.out);
        new_objects_settle(&objects, rows[i].outcome);
        new_objects_release(&objects);
        assert_int_equal(access(out, F_OK), -1);
        assert_int_equal(object_head(buckets_primary(f->buckets), key, &info, &err),
                         rows[i].stays ? LH_OK : LH_NOT_FOUND);
    }
}

static void a_bucket_that_is_not_there_leaves_nothing(void **state) {
    struct lake_fixture *f = *state;
    struct new_objects objects;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(new_objects_open(f->engine.os, f->buckets, f->engine.scratch, "calls", "nowhere", &objects, &err),
                     LH_NOT_FOUND);
}

int main(int argc, char **argv) {
    ENGINE_TEST_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_safe_in_a_path),
        cmocka_unit_test_setup_teardown(what_no_commit_names_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bucket_that_is_not_there_leaves_nothing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
