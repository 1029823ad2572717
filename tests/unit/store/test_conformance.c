/* One suite for every object store: S1 to S7 of store/object_store.h.  Another backend is another row of `fixtures`. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "store/local.h"
#include "store/object_store.h"
#include "twin/object_store_faulty.h"
#include "twin/temp_dir.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    const char *backend;
    struct object_store *store;
    char *dir;
};

static struct object_store *open_local(const char *dir) {
    struct object_store *s = NULL;
    struct lh_err err;
    LH_AUTO(mem) char *root = lh_asprintf("%s/bucket", dir);
    if (object_store_open_local(os_real(), root, &s, &err) != LH_OK)
        fail_msg("%s", err.message);
    return s;
}

static int set_up(void **state) {
    const char *backend = *state;
    struct fixture *f = lh_calloc(1, sizeof *f);
    f->backend = backend;
    f->dir = temp_dir_new();
    f->store = strcmp(backend, "local") == 0 ? open_local(f->dir) : object_store_new_faulty();
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    object_store_free(f->store);
    temp_dir_free(f->dir);
    lh_free(f);
    return 0;
}

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s (%s)", lh_code_name(code), err->message, err->detail);
}

static void put(struct object_store *s, const char *key, const char *text) {
    struct lh_err err;
    ok(object_put(s, key, text, strlen(text), OBJECT_PUT_REPLACE, NULL, &err), &err);
}

static void expect_content(struct object_store *s, const char *key, const char *text) {
    struct lh_err err;
    LH_AUTO(buf) struct buf data = BUF_INIT;
    ok(object_get(s, key, 1 << 20, &data, NULL, &err), &err);
    assert_int_equal(data.len, strlen(text));
    assert_memory_equal(buf_cstr(&data), text, data.len);
}

static void test_put_get(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    struct lh_err err;
    struct object_info put_info;
    struct object_info head_info;
    ok(object_put(s, "a/b/c", "hello", 5, OBJECT_PUT_REPLACE, &put_info, &err), &err);
    expect_content(s, "a/b/c", "hello");
    ok(object_head(s, "a/b/c", &head_info, &err), &err);
    assert_string_equal(head_info.key, "a/b/c");
    assert_int_equal(head_info.size_bytes, 5);
    assert_string_equal(head_info.etag, put_info.etag);
    assert_int_equal(head_info.mtime_us, put_info.mtime_us);
    assert_true(head_info.mtime_us > 1600000000000000);

    put(s, "empty", "");
    expect_content(s, "empty", "");
}

static void test_replace_changes_etag(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    struct lh_err err;
    char seen[50][OBJECT_ETAG_MAX];
    for (size_t i = 0; i < 50; i++) { /* same size, within one tick of the kernel's clock */
        struct object_info info;
        char text[3] = {(char)('a' + i % 26), (char)('a' + i / 26), 0};
        ok(object_put(s, "k", text, 2, OBJECT_PUT_REPLACE, &info, &err), &err);
        memcpy(seen[i], info.etag, sizeof info.etag);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(seen[i], seen[j]);
    }
    expect_content(s, "k", "xb");
}

static void test_missing(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    struct lh_err err;
    struct object_reader *r = NULL;
    LH_AUTO(buf) struct buf data = BUF_INIT;
    put(s, "a/b", "x");
    const char *const missing[] = {"b", "a", "a/c", "a/b/c", "z/z/z"};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        assert_int_equal(object_get(s, missing[i], 100, &data, NULL, &err), LH_NOT_FOUND);
        assert_non_null(strstr(err.message, missing[i]));
        assert_int_equal(object_head(s, missing[i], NULL, &err), LH_NOT_FOUND);
        assert_int_equal(object_delete(s, missing[i], &err), LH_NOT_FOUND);
        assert_int_equal(object_reader_open(s, missing[i], OBJECT_WHOLE, &r, NULL, &err), LH_NOT_FOUND);
    }
    assert_null(r);
    assert_null(data.data);
    expect_content(s, "a/b", "x");
}

static void test_bad_keys(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    struct lh_err err;
    struct object_reader *r = NULL;
    const char *const bad[] = {"", "../x", "/etc/passwd", "a//b", ".tmp/x", "a/"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(object_put(s, bad[i], "x", 1, OBJECT_PUT_REPLACE, NULL, &err), LH_INVALID);
        assert_int_equal(object_reader_open(s, bad[i], OBJECT_WHOLE, &r, NULL, &err), LH_INVALID);
        assert_int_equal(object_head(s, bad[i], NULL, &err), LH_INVALID);
        assert_int_equal(object_delete(s, bad[i], &err), LH_INVALID);
    }
}

static void test_if_absent(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    struct lh_err err;
    ok(object_put(s, "log/1", "first", 5, OBJECT_PUT_IF_ABSENT, NULL, &err), &err);
    assert_int_equal(object_put(s, "log/1", "second", 6, OBJECT_PUT_IF_ABSENT, NULL, &err), LH_EXISTS);
    expect_content(s, "log/1", "first");
    ok(object_delete(s, "log/1", &err), &err);
    ok(object_put(s, "log/1", "third", 5, OBJECT_PUT_IF_ABSENT, NULL, &err), &err);
    expect_content(s, "log/1", "third");
}

static void test_writer(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    struct lh_err err;
    struct object_writer *w = NULL;
    ok(object_writer_open(s, "w/x", &w, &err), &err);
    ok(object_writer_write(w, "one ", 4, &err), &err);
    ok(object_writer_write(w, "", 0, &err), &err);
    assert_int_equal(object_head(s, "w/x", NULL, &err), LH_NOT_FOUND);
    ok(object_writer_write(w, "two", 3, &err), &err);
    struct object_info info;
    ok(object_writer_commit(w, OBJECT_PUT_IF_ABSENT, &info, &err), &err);
    assert_int_equal(info.size_bytes, 7);
    expect_content(s, "w/x", "one two");

    ok(object_writer_open(s, "w/y", &w, &err), &err);
    ok(object_writer_write(w, "gone", 4, &err), &err);
    object_writer_abort(w);
    object_writer_abort(NULL);
    assert_int_equal(object_head(s, "w/y", NULL, &err), LH_NOT_FOUND);
}

static void test_ranges(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    static const struct {
        uint64_t offset, length;
        const char *text; /* NULL: LH_RANGE */
    } cases[] = {
        {0, UINT64_MAX, "0123456789"},
        {0, 3, "012"},
        {3, 4, "3456"},
        {9, 1, "9"},
        {9, 100, "9"},
        {10, 5, ""},
        {0, 0, ""},
        {2, UINT64_MAX, "23456789"},
        {11, 1, NULL},
        {UINT64_MAX, 1, NULL},
    };
    struct lh_err err;
    put(s, "digits", "0123456789");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct object_reader *r = NULL;
        struct object_info info;
        struct object_range range = {cases[i].offset, cases[i].length};
        enum lh_code code = object_reader_open(s, "digits", range, &r, &info, &err);
        if (!cases[i].text) {
            assert_int_equal(code, LH_RANGE);
            continue;
        }
        ok(code, &err);
        assert_int_equal(info.size_bytes, 10);
        char text[32] = {0};
        size_t len = 0;
        for (size_t got = 1; got > 0; len += got) /* three bytes at a time */
            ok(object_reader_read(r, text + len, 3, &got, &err), &err);
        assert_string_equal(text, cases[i].text);
        object_reader_close(r);
    }
    object_reader_close(NULL);
}

static void test_open_reader_keeps_its_bytes(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    struct lh_err err;
    struct object_reader *replaced = NULL;
    struct object_reader *deleted = NULL;
    put(s, "r", "old");
    put(s, "d", "dead");
    ok(object_reader_open(s, "r", OBJECT_WHOLE, &replaced, NULL, &err), &err);
    ok(object_reader_open(s, "d", OBJECT_WHOLE, &deleted, NULL, &err), &err);
    put(s, "r", "new and longer");
    ok(object_delete(s, "d", &err), &err);
    char text[16];
    size_t len = 0;
    ok(object_reader_read(replaced, text, sizeof text, &len, &err), &err);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "old", 3);
    ok(object_reader_read(deleted, text, sizeof text, &len, &err), &err);
    assert_int_equal(len, 4);
    object_reader_close(replaced);
    object_reader_close(deleted);
    expect_content(s, "r", "new and longer");
}

static void test_get_limit(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    struct lh_err err;
    LH_AUTO(buf) struct buf data = BUF_INIT;
    put(s, "ten", "0123456789");
    assert_int_equal(object_get(s, "ten", 9, &data, NULL, &err), LH_TOO_LARGE);
    assert_null(data.data);
    ok(object_get(s, "ten", 10, &data, NULL, &err), &err);
    assert_string_equal(data.data, "0123456789");
}

static void test_folder_clash(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    struct lh_err err;
    put(s, "a/b", "x");
    const char *const clash[] = {"a", "a/b/c", "a/b/c/d"};
    for (size_t i = 0; i < sizeof clash / sizeof clash[0]; i++)
        for (int mode = OBJECT_PUT_REPLACE; mode <= OBJECT_PUT_IF_ABSENT; mode++) {
            assert_int_equal(object_put(s, clash[i], "y", 1, (enum object_put_mode)mode, NULL, &err), LH_INVALID);
            assert_non_null(strstr(err.message, clash[i]));
        }
    ok(object_delete(s, "a/b", &err), &err);
    put(s, "a", "now an object"); /* nothing of the folder stands in the way */
    ok(object_delete(s, "a", &err), &err);
    put(s, "a/b/c/d", "deep");
    ok(object_delete(s, "a/b/c/d", &err), &err);
    put(s, "a/b", "x");
}

static void put_source(const struct fixture *f, const char *text, char **ret_path) {
    struct lh_err err;
    *ret_path = lh_asprintf("%s/source", f->dir);
    ok(os_write_file_atomic(os_real(), AT_FDCWD, *ret_path, text, strlen(text), 0600, &err), &err);
}

static void test_put_file(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    struct object_info info;
    struct os_stat st;
    LH_AUTO(mem) char *path = NULL;
    put_source(f, "from a file", &path);
    ok(object_put_file(f->store, "p/f", path, OBJECT_PUT_IF_ABSENT, &info, &err), &err);
    assert_int_equal(info.size_bytes, 11);
    expect_content(f->store, "p/f", "from a file");
    assert_int_equal(os_stat_at(os_real(), AT_FDCWD, path, &st, &err), LH_NOT_FOUND);

    lh_free(LH_STEAL(path));
    put_source(f, "another", &path);
    assert_int_equal(object_put_file(f->store, "p/f", path, OBJECT_PUT_IF_ABSENT, NULL, &err), LH_EXISTS);
    ok(os_stat_at(os_real(), AT_FDCWD, path, &st, &err), &err); /* left alone */
    ok(object_put_file(f->store, "p/f", path, OBJECT_PUT_REPLACE, NULL, &err), &err);
    expect_content(f->store, "p/f", "another");
    assert_int_equal(object_put_file(f->store, "p/g", path, OBJECT_PUT_REPLACE, NULL, &err), LH_NOT_FOUND);
}

/* In byte order: '-' is below '/', '0' above it. */
static const char *const sorted_keys[] = {
    "a-b", "a-b.c", "a/b", "a/b-c", "a/b.c", "a/c/d/e", "a0", "b", "b-/x", "b./x", "b0/x", "c/d", "\xc3\xa9/x",
};
enum { SORTED = sizeof sorted_keys / sizeof sorted_keys[0] };

static void put_sorted(struct object_store *s) {
    for (size_t i = 0; i < SORTED; i++) /* in another order */
        put(s, sorted_keys[(i * 5 + 3) % SORTED], sorted_keys[(i * 5 + 3) % SORTED]);
}

/* Pages of every size, from every start, with every prefix, against the sorted list. */
static void test_list(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    static const char *const prefixes[] = {"",   "a",   "a/", "a/b", "a/c/", "a/c/d/e", "a/c/d/e/", "b",
                                           "b-", "zzz", "a-", ".",   ".tmp", ".tmp/",   "\xc3\xa9/"};
    put_sorted(s);
    for (size_t p = 0; p < sizeof prefixes / sizeof prefixes[0]; p++)
        for (size_t limit = 1; limit <= SORTED + 1; limit++) {
            struct arena *arena = arena_new();
            struct lh_err err;
            const char *after = "";
            size_t next = 0;
            bool more = true;
            while (more) {
                struct object_info *items = NULL;
                size_t count = 0;
                ok(object_list(s, prefixes[p], after, limit, arena, &items, &count, &more, &err), &err);
                assert_true(count <= limit);
                for (size_t i = 0; i < count; i++) {
                    while (next < SORTED && strncmp(sorted_keys[next], prefixes[p], strlen(prefixes[p])) != 0)
                        next++;
                    assert_true(next < SORTED);
                    assert_string_equal(items[i].key, sorted_keys[next]);
                    assert_int_equal(items[i].size_bytes, strlen(sorted_keys[next]));
                    next++;
                }
                if (more)
                    assert_int_equal(count, limit);
                after = count ? items[count - 1].key : after;
            }
            for (; next < SORTED; next++)
                assert_int_not_equal(strncmp(sorted_keys[next], prefixes[p], strlen(prefixes[p])), 0);
            arena_free(arena);
        }
}

static void test_list_after(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    static const char *const afters[] = {"a",   "a-",    "a-z", "a/", "a/b", "a/b-",
                                         "a/c", "a/c/d", "a/z", "b-", "b-/", "zz"};
    put_sorted(s);
    for (size_t a = 0; a < sizeof afters / sizeof afters[0]; a++) {
        struct arena *arena = arena_new();
        struct object_info *items = NULL;
        size_t count = 0;
        bool more = true;
        struct lh_err err;
        ok(object_list(s, "", afters[a], 100, arena, &items, &count, &more, &err), &err);
        assert_false(more);
        size_t first = 0;
        while (first < SORTED && strcmp(sorted_keys[first], afters[a]) <= 0)
            first++;
        assert_int_equal(count, SORTED - first);
        for (size_t i = 0; i < count; i++)
            assert_string_equal(items[i].key, sorted_keys[first + i]);
        arena_free(arena);
    }
}

static void test_list_refuses(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    struct arena *arena = arena_new();
    struct object_info *items = NULL;
    size_t count = 0;
    bool more = false;
    struct lh_err err;
    assert_int_equal(object_list(s, "../", "", 10, arena, &items, &count, &more, &err), LH_INVALID);
    assert_int_equal(object_list(s, "", "", 0, arena, &items, &count, &more, &err), LH_INVALID);
    assert_int_equal(object_list(s, "", "", OBJECT_LIST_MAX + 1, arena, &items, &count, &more, &err), LH_INVALID);
    ok(object_list(s, "", "", 10, arena, &items, &count, &more, &err), &err);
    assert_int_equal(count, 0);
    arena_free(arena);
}

static void test_delete(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    struct lh_err err;
    put(s, "d/e/f", "1");
    put(s, "d/g", "2");
    ok(object_delete(s, "d/e/f", &err), &err);
    assert_int_equal(object_head(s, "d/e/f", NULL, &err), LH_NOT_FOUND);
    assert_int_equal(object_delete(s, "d/e/f", &err), LH_NOT_FOUND);
    expect_content(s, "d/g", "2");
}

static void test_ping(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    ok(object_store_ping(f->store, &err), &err);
    ok(object_store_check_writable(f->store, &err), &err);
    assert_string_equal(object_store_backend(f->store), f->backend);
}

/* ---- many at once ---- */

enum { THREADS = 16, ROUNDS = 20 };

struct racer {
    struct object_store *store;
    pthread_barrier_t *barrier;
    atomic_uint *wins;
    unsigned id;
    unsigned failures;
};

static void *race_if_absent(void *arg) {
    struct racer *r = arg;
    for (unsigned round = 0; round < ROUNDS; round++) {
        char key[64];
        char text[16];
        struct lh_err err;
        snprintf(key, sizeof key, "race/%u/x", round);
        snprintf(text, sizeof text, "%u", r->id);
        pthread_barrier_wait(r->barrier);
        enum lh_code code = object_put(r->store, key, text, strlen(text), OBJECT_PUT_IF_ABSENT, NULL, &err);
        if (code == LH_OK)
            atomic_fetch_add(&r->wins[round], 1);
        else if (code != LH_EXISTS)
            r->failures++;
    }
    return NULL;
}

static void run_threads(struct object_store *s, void *(*fn)(void *), atomic_uint *wins) {
    pthread_barrier_t barrier;
    pthread_t threads[THREADS];
    struct racer racers[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.store = s, .barrier = &barrier, .wins = wins, .id = i};
        assert_int_equal(pthread_create(&threads[i], NULL, fn, &racers[i]), 0);
    }
    unsigned failures = 0;
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        failures += racers[i].failures;
    }
    pthread_barrier_destroy(&barrier);
    assert_int_equal(failures, 0);
}

static void test_one_winner(void **state) { /* S3 */
    struct object_store *s = ((struct fixture *)*state)->store;
    atomic_uint wins[ROUNDS] = {0};
    run_threads(s, race_if_absent, wins);
    for (unsigned i = 0; i < ROUNDS; i++)
        assert_int_equal(wins[i], 1);
}

/* Everyone puts and deletes below the same folders, so that they come and go. */
static void *churn_folders(void *arg) {
    struct racer *r = arg;
    char key[64];
    snprintf(key, sizeof key, "churn/a/b/%u", r->id);
    pthread_barrier_wait(r->barrier);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct lh_err err;
        if (object_put(r->store, key, key, strlen(key), OBJECT_PUT_IF_ABSENT, NULL, &err) != LH_OK ||
            object_head(r->store, key, NULL, &err) != LH_OK || object_delete(r->store, key, &err) != LH_OK) {
            fprintf(stderr, "churn: %s (%s)\n", err.message, err.detail);
            r->failures++;
        }
    }
    return NULL;
}

static void test_folders_come_and_go(void **state) {
    struct object_store *s = ((struct fixture *)*state)->store;
    run_threads(s, churn_folders, NULL);
    struct arena *arena = arena_new();
    struct object_info *items = NULL;
    size_t count = 1;
    bool more = true;
    struct lh_err err;
    ok(object_list(s, "churn/", "", 10, arena, &items, &count, &more, &err), &err);
    assert_int_equal(count, 0);
    arena_free(arena);
    put(s, "churn", "the folders are gone");
}

static void *replace_and_read(void *arg) {
    struct racer *r = arg;
    char text[4096];
    memset(text, 'a' + (int)r->id, sizeof text);
    pthread_barrier_wait(r->barrier);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct lh_err err;
        if (object_put(r->store, "shared", text, sizeof text, OBJECT_PUT_REPLACE, NULL, &err) != LH_OK)
            r->failures++;
        LH_AUTO(buf) struct buf data = BUF_INIT;
        if (object_get(r->store, "shared", sizeof text, &data, NULL, &err) != LH_OK || data.len != sizeof text ||
            memcmp(data.data, data.data + 1, data.len - 1) != 0)
            r->failures++;
    }
    return NULL;
}

static void test_no_torn_reads(void **state) { /* S1 */
    run_threads(((struct fixture *)*state)->store, replace_and_read, NULL);
}

#define CASE(fn, backend)                                      \
    {                                                          \
        "" backend ": " #fn, fn, set_up, tear_down, (char[]) { \
            backend                                            \
        }                                                      \
    }
#define SUITE(backend)                                                                                              \
    CASE(test_put_get, backend), CASE(test_replace_changes_etag, backend), CASE(test_missing, backend),             \
        CASE(test_bad_keys, backend), CASE(test_if_absent, backend), CASE(test_writer, backend),                    \
        CASE(test_ranges, backend), CASE(test_open_reader_keeps_its_bytes, backend), CASE(test_get_limit, backend), \
        CASE(test_folder_clash, backend), CASE(test_put_file, backend), CASE(test_list, backend),                   \
        CASE(test_list_after, backend), CASE(test_list_refuses, backend), CASE(test_delete, backend),               \
        CASE(test_ping, backend), CASE(test_one_winner, backend), CASE(test_folders_come_and_go, backend),          \
        CASE(test_no_torn_reads, backend)

int main(void) {
    const struct CMUnitTest tests[] = {SUITE("local"), SUITE("memory")};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
