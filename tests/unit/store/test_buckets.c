/* The bucket registry: from configuration, at run time, across restarts and between two servers. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "os/thread.h"
#include "store/buckets.h"
#include "store/object_store.h"
#include "twin/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char *dir;
    char *primary;
    struct buckets *buckets;
};

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s (%s)", lh_code_name(code), err->message, err->detail);
}

static struct buckets *open_plain(const char *primary_root) {
    struct lh_err err;
    struct buckets *b = NULL;
    ok(buckets_open(&(struct buckets_options){.os = os_real(), .primary_root = primary_root}, &b, &err), &err);
    return b;
}

static int set_up(void **state) {
    struct fixture *f = lh_calloc(1, sizeof *f);
    f->dir = temp_dir_new();
    f->primary = lh_asprintf("%s/objects", f->dir);
    f->buckets = open_plain(f->primary);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    buckets_close(f->buckets);
    lh_free(f->primary);
    temp_dir_free(f->dir);
    lh_free(f);
    return 0;
}

static void test_empty_list_makes_primary(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    assert_string_equal(buckets_primary_name(f->buckets), "primary");
    assert_string_equal(object_store_local_root(buckets_primary(f->buckets)), f->primary);
    const char *const names[] = {NULL, "", "primary"};
    for (size_t i = 0; i < 3; i++) {
        LH_AUTO(bucket) struct bucket *bucket = NULL;
        ok(buckets_resolve(f->buckets, names[i], &bucket, &err), &err);
        assert_string_equal(bucket_name(bucket), "primary");
        assert_true(bucket_is_primary(bucket));
    }
}

static enum lh_code add(struct fixture *f, const char *name, const char *folder, struct lh_err *err) {
    LH_AUTO(mem) char *root = lh_asprintf("%s/%s", f->dir, folder);
    return buckets_add(f->buckets, &(struct bucket_spec){.name = name, .backend = "local", .root = root}, err);
}

static void test_unknown_lists_the_valid(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    struct bucket *bucket = NULL;
    ok(add(f, "zeta", "z", &err), &err);
    ok(add(f, "archive", "a", &err), &err);
    assert_int_equal(buckets_resolve(f->buckets, "nope", &bucket, &err), LH_NOT_FOUND);
    assert_null(bucket);
    assert_non_null(strstr(err.message, "nope"));
    assert_non_null(strstr(err.hint, "primary, archive, zeta"));
}

static void test_add_refuses(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    ok(add(f, "one", "one/root", &err), &err);
    static const struct {
        const char *name, *folder;
        enum lh_code code;
    } cases[] = {
        {"one", "elsewhere", LH_EXISTS},
        {"primary", "elsewhere", LH_EXISTS},
        {"two", "one/root", LH_CONFLICT},
        {"two", "one/root/in", LH_CONFLICT},
        {"two", "one", LH_CONFLICT},
        {"two", "one/../one/root", LH_CONFLICT},
        {"two", "objects/deep/er", LH_CONFLICT},
        {"two", "link/x", LH_CONFLICT},
        {"two", "", LH_CONFLICT},
        {"", "elsewhere", LH_INVALID},
        {"Two", "elsewhere", LH_INVALID},
        {"-two", "elsewhere", LH_INVALID},
        {"a/b", "elsewhere", LH_INVALID},
    };
    LH_AUTO(mem) char *link = lh_asprintf("%s/link", f->dir);
    assert_int_equal(symlink(f->primary, link), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum lh_code code = add(f, cases[i].name, cases[i].folder, &err);
        if (code != cases[i].code)
            fail_msg("%s at %s: %s", cases[i].name, cases[i].folder, lh_code_name(code));
    }
    const struct bucket_spec nowhere = {.name = "two", .root = "/proc/nowhere"};
    assert_int_equal(buckets_add(f->buckets, &nowhere, &err), LH_INVALID);
    const struct bucket_spec gcs = {.name = "two", .backend = "gcs", .root = f->dir};
    assert_int_equal(buckets_add(f->buckets, &gcs, &err), LH_INVALID);
    assert_non_null(strstr(err.hint, "\"local\""));
    LH_AUTO(mem) char *made = lh_asprintf("%s/objects/deep", f->dir);
    struct os_stat st; /* nothing was made inside another bucket */
    assert_int_equal(os_stat_at(os_real(), AT_FDCWD, made, &st, &err), LH_NOT_FOUND);
    ok(add(f, "two", "one/root2", &err), &err);
}

static void test_survives_restart_and_reaches_others(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    struct buckets *other = open_plain(f->primary); /* a second server on the same storage */
    ok(add(f, "extra", "extra", &err), &err);
    LH_AUTO(bucket) struct bucket *seen = NULL;
    ok(buckets_resolve(other, "extra", &seen, &err), &err);
    LH_AUTO(mem) char *more = lh_asprintf("%s/more", f->dir);
    ok(buckets_add(other, &(struct bucket_spec){.name = "more", .root = more}, &err), &err);
    buckets_close(other);

    buckets_close(f->buckets);
    f->buckets = open_plain(f->primary);
    const char *const names[] = {"extra", "more"};
    for (size_t i = 0; i < 2; i++) {
        LH_AUTO(bucket) struct bucket *again = NULL;
        ok(buckets_resolve(f->buckets, names[i], &again, &err), &err);
    }
}

static void test_remove(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    assert_int_equal(buckets_remove(f->buckets, "primary", &err), LH_FORBIDDEN);
    assert_int_equal(buckets_remove(f->buckets, "ghost", &err), LH_NOT_FOUND);
    ok(add(f, "extra", "extra", &err), &err);
    LH_AUTO(bucket) struct bucket *held = NULL;
    ok(buckets_resolve(f->buckets, "extra", &held, &err), &err);
    ok(buckets_remove(f->buckets, "extra", &err), &err);
    struct bucket *gone = NULL;
    assert_int_equal(buckets_resolve(f->buckets, "extra", &gone, &err), LH_NOT_FOUND);
    ok(object_put(bucket_store(held), "still", "here", 4, OBJECT_PUT_REPLACE, NULL, &err), &err);

    buckets_close(f->buckets);
    f->buckets = open_plain(f->primary);
    assert_int_equal(buckets_resolve(f->buckets, "extra", &gone, &err), LH_NOT_FOUND);
    ok(add(f, "extra", "extra", &err), &err); /* its objects stayed */
    LH_AUTO(bucket) struct bucket *back = NULL;
    ok(buckets_resolve(f->buckets, "extra", &back, &err), &err);
    ok(object_head(bucket_store(back), "still", NULL, &err), &err);
}

static void test_configuration(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    struct buckets *b = NULL;
    LH_AUTO(mem) char *blocker = lh_asprintf("%s/file", f->dir);
    ok(os_write_file_atomic(os_real(), AT_FDCWD, blocker, "x", 1, 0600, &err), &err);
    LH_AUTO(mem) char *one = lh_asprintf("%s/one", f->dir);
    LH_AUTO(mem) char *two = lh_asprintf("%s/two", f->dir);
    LH_AUTO(mem) char *bad = lh_asprintf("%s/file/root", f->dir);
    struct bucket_spec specs[] = {
        {.name = "one", .root = one}, {.name = "bad", .root = bad}, {.name = "two", .root = two}};
    struct buckets_options options = {.os = os_real(), .specs = specs, .spec_count = 3, .rescue = "two"};
    ok(buckets_open(&options, &b, &err), &err);
    assert_string_equal(buckets_primary_name(b), "one");
    assert_int_equal(buckets_remove(b, "two", &err), LH_FORBIDDEN);
    struct bucket *unreachable = NULL;
    assert_int_equal(buckets_resolve(b, "bad", &unreachable, &err), LH_UNAVAILABLE);

    struct arena *arena = arena_new();
    struct bucket_info *infos = NULL;
    size_t count = 0;
    buckets_list(b, arena, &infos, &count);
    assert_int_equal(count, 3);
    assert_string_equal(infos[0].name, "one");
    assert_true(infos[0].primary && infos[0].reachable && infos[0].configured);
    assert_string_equal(infos[1].name, "bad");
    assert_true(!infos[1].reachable && infos[1].reason);
    assert_true(infos[2].rescue && infos[2].reachable);
    arena_free(arena);
    buckets_close(b);
    b = NULL;

    specs[1].name = "primary";
    specs[1].root = two;
    specs[2].root = two;
    assert_int_equal(buckets_open(&options, &b, &err), LH_INVALID); /* one root twice */
    specs[2].name = "one";
    specs[2].root = bad;
    assert_int_equal(buckets_open(&options, &b, &err), LH_INVALID); /* one name twice */
    options.spec_count = 2;
    options.rescue = "three";
    assert_int_equal(buckets_open(&options, &b, &err), LH_INVALID);
    options.rescue = NULL;
    ok(buckets_open(&options, &b, &err), &err);
    assert_string_equal(buckets_primary_name(b), "primary");
    buckets_close(b);
}

static void test_damaged_registry_is_named(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    ok(object_put(buckets_primary(f->buckets), "_catalog/buckets.json", "{\"format\":1,", 12, OBJECT_PUT_REPLACE, NULL,
                  &err),
       &err);
    struct buckets *b = NULL;
    const struct buckets_options options = {.os = os_real(), .primary_root = f->primary};
    assert_int_equal(buckets_open(&options, &b, &err), LH_CORRUPT);
    assert_non_null(strstr(err.message, "_catalog/buckets.json"));
    assert_int_equal(add(f, "x", "x", &err), LH_CORRUPT); /* not overwritten */
}

#define ADDERS 4
#define ADDED_BY_EACH 12

struct adder {
    const char *primary, *scratch;
    unsigned number;
    struct os_thread thread;
};

/* A server of its own on the same storage that adds buckets, and takes every third one away again. */
static void add_many(void *arg) {
    struct adder *a = arg;
    struct lh_err err = LH_ERR_INIT;
    struct buckets *b = NULL;
    const struct buckets_options options = {.os = os_real(), .primary_root = a->primary};
    ok(buckets_open(&options, &b, &err), &err);
    for (unsigned i = 0; i < ADDED_BY_EACH; i++) {
        LH_AUTO(mem) char *name = lh_asprintf("b-%u-%02u", a->number, i);
        LH_AUTO(mem) char *root = lh_asprintf("%s/%s", a->scratch, name);
        const struct bucket_spec spec = {name, NULL, root};
        ok(buckets_add(b, &spec, &err), &err);
        if (i % 3 == 2)
            ok(buckets_remove(b, name, &err), &err);
    }
    buckets_close(b);
}

static void test_no_server_takes_back_what_another_did(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    char *scratch = temp_dir_new();
    struct adder adders[ADDERS];
    for (unsigned i = 0; i < ADDERS; i++) {
        adders[i] = (struct adder){.primary = f->primary, .scratch = scratch, .number = i};
        ok(os_thread_start(&adders[i].thread, "adder", 0, add_many, &adders[i], &err), &err);
    }
    for (unsigned i = 0; i < ADDERS; i++)
        os_thread_join(&adders[i].thread);
    struct arena *arena = arena_new();
    struct bucket_info *infos;
    size_t count, found = 0;
    buckets_list(f->buckets, arena, &infos, &count); /* this server, open all the time, sees the outcome too */
    for (size_t i = 0; i < count; i++)
        found += strncmp(infos[i].name, "b-", 2) == 0;
    assert_int_equal(found, ADDERS * ADDED_BY_EACH * 2 / 3);
    ok(buckets_remove(f->buckets, "b-0-00", &err), &err);
    arena_free(arena);
    temp_dir_free(scratch);
}

/* What a release before this one kept in one object is taken over, and the first change writes it anew. */
static void test_registry_of_an_older_release(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    char *scratch = temp_dir_new();
    LH_AUTO(mem) char *text = lh_asprintf(
        "{\"format\":1,\"buckets\":[{\"name\":\"older\",\"backend\":\"local\",\"root\":\"%s/older\"}]}", scratch);
    LH_AUTO(mem) char *root = lh_asprintf("%s/newer", scratch);
    ok(object_put(buckets_primary(f->buckets), "_catalog/buckets.json", text, strlen(text), OBJECT_PUT_REPLACE, NULL,
                  &err),
       &err);
    ok(buckets_add(f->buckets, &(struct bucket_spec){"newer", NULL, root}, &err), &err);
    ok(buckets_remove(f->buckets, "older", &err), &err);
    struct buckets *b = NULL;
    const struct buckets_options options = {.os = os_real(), .primary_root = f->primary};
    ok(buckets_open(&options, &b, &err), &err);
    struct bucket *bucket = NULL;
    ok(buckets_resolve(b, "newer", &bucket, &err), &err);
    bucket_unref(bucket);
    assert_int_equal(buckets_resolve(b, "older", &bucket, &err), LH_NOT_FOUND);
    buckets_close(b);
    temp_dir_free(scratch);
}

int main(void) {
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_empty_list_makes_primary),
        CASE(test_unknown_lists_the_valid),
        CASE(test_add_refuses),
        CASE(test_survives_restart_and_reaches_others),
        CASE(test_remove),
        CASE(test_configuration),
        CASE(test_damaged_registry_is_named),
        CASE(test_no_server_takes_back_what_another_did),
        CASE(test_registry_of_an_older_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
