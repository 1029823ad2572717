/* What only the local store promises: L1 to L6 of store/local_internal.h, on a disk that fails and in a folder that
 * others have been at. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/os.h"
#include "store/local.h"
#include "store/object_store.h"
#include "twin/os_faulty.h"
#include "twin/temp_dir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    char *dir;
    char *root;
    struct os_faulty os;
    struct object_store *store;
};

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s (%s)", lh_code_name(code), err->message, err->detail);
}

static void open_store(struct fixture *f) {
    struct lh_err err;
    ok(object_store_open_local(&f->os.table, f->root, &f->store, &err), &err);
}

static int set_up(void **state) {
    struct fixture *f = lh_calloc(1, sizeof *f);
    f->dir = temp_dir_new();
    f->root = lh_asprintf("%s/root", f->dir);
    os_faulty_init(&f->os, os_real());
    open_store(f);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    object_store_free(f->store);
    os_faulty_deinit(&f->os);
    lh_free(f->root);
    temp_dir_free(f->dir);
    lh_free(f);
    return 0;
}

static enum lh_code put(struct fixture *f, const char *key, const char *text, struct lh_err *err) {
    return object_put(f->store, key, text, strlen(text), OBJECT_PUT_IF_ABSENT, NULL, err);
}

static size_t temporaries(struct fixture *f) {
    struct lh_err err;
    char **names = NULL;
    size_t count = 0;
    LH_AUTO(mem) char *path = lh_asprintf("%s/.tmp", f->root);
    if (os_list_dir(os_real(), AT_FDCWD, path, 0, &names, &count, &err) == LH_OK)
        os_list_free(names, count);
    return count;
}

static bool reads_as(struct fixture *f, const char *key, const char *text) {
    struct lh_err err;
    LH_AUTO(buf) struct buf data = BUF_INIT;
    return object_get(f->store, key, 1 << 20, &data, NULL, &err) == LH_OK && strcmp(buf_cstr(&data), text) == 0;
}

/* Fail each system call of a put in turn.  Whatever fails: nothing changed, or the outcome is called unknown (S4); no
 * temporary file stays; and a folder fsync that failed stops the store (L3). */
static void fail_each_step(void **state, int os_errno, enum lh_code expected) {
    struct fixture *f = *state;
    bool completed = false;
    unsigned unknown = 0;
    for (uint64_t step = 1; !completed; step++) {
        object_store_free(f->store);
        open_store(f);
        char key[64];
        snprintf(key, sizeof key, "deep/%d/%u/x", os_errno, (unsigned)step);
        struct lh_err err = LH_ERR_INIT;
        uint64_t before = os_faulty_calls(&f->os, OS_CALL_ANY);
        os_faulty_fail(&f->os, OS_CALL_ANY, step, os_errno, false);
        enum lh_code code = put(f, key, "content", &err);
        completed = os_faulty_calls(&f->os, OS_CALL_ANY) - before < step;
        os_faulty_heal(&f->os);
        if (code == LH_OK) {
            assert_true(reads_as(f, key, "content"));
            continue;
        }
        assert_non_null(strstr(err.message, key));
        struct lh_err read_err;
        if (code == LH_UNKNOWN_OUTCOME) {
            unknown++;
            assert_int_equal(object_head(f->store, key, NULL, &read_err), LH_IO); /* S8 */
            assert_int_equal(put(f, "another", "x", &read_err), LH_IO);
            object_store_free(f->store);
            open_store(f); /* as after a restart: whichever it is, it is whole */
            assert_true(reads_as(f, key, "content"));
        } else {
            assert_int_equal(code, expected);
            assert_int_equal(object_head(f->store, key, NULL, &read_err), LH_NOT_FOUND);
        }
        assert_int_equal(temporaries(f), 0);
    }
    assert_int_equal(unknown, 1); /* the one fsync behind the rename */
}

static void test_eio_at_each_step(void **state) {
    fail_each_step(state, EIO, LH_IO);
}

static void test_enospc_at_each_step(void **state) {
    fail_each_step(state, ENOSPC, LH_NO_SPACE);
}

static void test_folder_fsync_is_final(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    ok(put(f, "a/old", "old", &err), &err);
    os_faulty_fail(&f->os, OS_CALL_fsync, 2, EIO, false); /* the file's, then the folder's */
    assert_int_equal(put(f, "a/new", "new", &err), LH_UNKNOWN_OUTCOME);
    os_faulty_heal(&f->os);
    assert_int_equal(object_head(f->store, "a/new", NULL, &err), LH_IO);
    assert_int_equal(put(f, "a/later", "x", &err), LH_IO);
    assert_non_null(strstr(err.message, "takes no more writes"));
    assert_int_equal(object_delete(f->store, "a/old", &err), LH_IO);
    assert_true(reads_as(f, "a/old", "old")); /* the rest keeps working */
}

static void test_file_fsync_costs_one_put(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    os_faulty_fail(&f->os, OS_CALL_fsync, 1, EIO, false);
    assert_int_equal(put(f, "x", "x", &err), LH_IO);
    os_faulty_heal(&f->os);
    ok(put(f, "x", "x", &err), &err);
}

/* L2: a folder that somebody else made a moment ago is fsynced up to the root before the first put in it counts. */
static void test_new_folders_are_durable(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    LH_AUTO(mem) char *made = lh_asprintf("%s/p/q/r", f->root);
    ok(os_mkdir_all(os_real(), AT_FDCWD, made, 0777, &err), &err);
    uint64_t before = os_faulty_calls(&f->os, OS_CALL_fsync);
    ok(put(f, "p/q/r/1", "x", &err), &err);
    assert_int_equal(os_faulty_calls(&f->os, OS_CALL_fsync) - before, 5); /* file, root, p, p/q, p/q/r */
    before = os_faulty_calls(&f->os, OS_CALL_fsync);
    ok(put(f, "p/q/r/2", "x", &err), &err);
    assert_int_equal(os_faulty_calls(&f->os, OS_CALL_fsync) - before, 2); /* file, p/q/r */
    ok(object_delete(f->store, "p/q/r/1", &err), &err);
    ok(object_delete(f->store, "p/q/r/2", &err), &err); /* the folders go with it */
    before = os_faulty_calls(&f->os, OS_CALL_fsync);
    ok(put(f, "p/q/r/3", "x", &err), &err);
    assert_int_equal(os_faulty_calls(&f->os, OS_CALL_fsync) - before, 5);
}

static void test_delete_removes_empty_folders(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    struct os_stat st;
    LH_AUTO(mem) char *folder = lh_asprintf("%s/a", f->root);
    LH_AUTO(mem) char *sibling = lh_asprintf("%s/a/b", f->root);
    ok(put(f, "a/b/c", "x", &err), &err);
    ok(put(f, "a/d", "x", &err), &err);
    ok(object_delete(f->store, "a/b/c", &err), &err);
    assert_int_equal(os_stat_at(os_real(), AT_FDCWD, sibling, &st, &err), LH_NOT_FOUND);
    ok(os_stat_at(os_real(), AT_FDCWD, folder, &st, &err), &err);
    ok(object_delete(f->store, "a/d", &err), &err);
    assert_int_equal(os_stat_at(os_real(), AT_FDCWD, folder, &st, &err), LH_NOT_FOUND);
    ok(object_store_ping(f->store, &err), &err);
}

/* L4: links that somebody planted lead nowhere. */
static void test_links_are_not_followed(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    LH_AUTO(mem) char *outside = lh_asprintf("%s/outside", f->dir);
    LH_AUTO(mem) char *secret = lh_asprintf("%s/outside/secret", f->dir);
    LH_AUTO(mem) char *to_file = lh_asprintf("%s/file", f->root);
    LH_AUTO(mem) char *to_folder = lh_asprintf("%s/folder", f->root);
    ok(os_mkdir_all(os_real(), AT_FDCWD, outside, 0777, &err), &err);
    ok(os_write_file_atomic(os_real(), AT_FDCWD, secret, "s", 1, 0600, &err), &err);
    assert_int_equal(symlink(secret, to_file), 0);
    assert_int_equal(symlink(outside, to_folder), 0);

    const char *const keys[] = {"file", "folder/secret"};
    for (size_t i = 0; i < 2; i++) {
        LH_AUTO(buf) struct buf data = BUF_INIT;
        assert_int_equal(object_get(f->store, keys[i], 100, &data, NULL, &err), LH_FORBIDDEN);
        assert_int_equal(object_head(f->store, keys[i], NULL, &err), LH_FORBIDDEN);
    }
    assert_int_not_equal(put(f, "folder/new", "x", &err), LH_OK);
    assert_int_not_equal(put(f, "folder/deep/new", "x", &err), LH_OK);
    assert_int_not_equal(object_delete(f->store, "folder/secret", &err), LH_OK);
    struct os_stat st;
    ok(os_stat_at(os_real(), AT_FDCWD, secret, &st, &err), &err);

    LH_AUTO(arena) struct arena *arena = arena_new();
    struct object_info *items = NULL;
    size_t count = 1;
    bool more = true;
    ok(object_list(f->store, "", "", 10, arena, &items, &count, &more, &err), &err);
    assert_int_equal(count, 0);
    ok(object_list(f->store, "folder/", "", 10, arena, &items, &count, &more, &err), &err);
    assert_int_equal(count, 0);
}

static void test_pipe_does_not_hang(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    LH_AUTO(mem) char *path = lh_asprintf("%s/pipe", f->root);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(object_head(f->store, "pipe", NULL, &err), LH_NOT_FOUND);
}

static void test_stale_temporaries_go(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    static const struct {
        const char *name;
        int64_t age_s;
    } files[] = {{"old", 3700}, {"young", 60}};
    struct object_writer *w = NULL; /* makes .tmp */
    ok(object_writer_open(f->store, "k", &w, &err), &err);
    for (size_t i = 0; i < 2; i++) {
        LH_AUTO(mem) char *path = lh_asprintf("%s/.tmp/%s", f->root, files[i].name);
        int fd = -1;
        ok(os_open(os_real(), AT_FDCWD, path, O_RDWR | O_CREAT, 0600, 0, &fd, &err), &err);
        int64_t now_us = os_real()->realtime_us(os_real()->self);
        ok(os_set_mtime(os_real(), fd, now_us - files[i].age_s * 1000000, path, &err), &err);
        os_close(os_real(), fd);
    }
    assert_int_equal(temporaries(f), 3);
    struct object_store *second = NULL;
    ok(object_store_open_local(os_real(), f->root, &second, &err), &err);
    object_store_free(second);
    assert_int_equal(temporaries(f), 2);
    ok(object_writer_commit(w, OBJECT_PUT_REPLACE, NULL, &err), &err); /* a living writer is left alone */
    assert_int_equal(temporaries(f), 1);
}

static void test_root_gone_is_unavailable(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    LH_AUTO(mem) char *moved = lh_asprintf("%s/moved", f->dir);
    assert_int_equal(rename(f->root, moved), 0);
    assert_int_equal(object_store_ping(f->store, &err), LH_UNAVAILABLE);
    assert_int_equal(mkdir(f->root, 0777), 0); /* another folder of that name is not the bucket */
    assert_int_equal(object_store_ping(f->store, &err), LH_UNAVAILABLE);
    assert_int_equal(rmdir(f->root), 0);
    ok(os_remove_all(os_real(), AT_FDCWD, moved, &err), &err);
    assert_int_equal(put(f, "x", "x", &err), LH_UNAVAILABLE);
}

static void test_a_root_that_lets_nothing_in(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    ok(object_store_check_writable(f->store, &err), &err);
    assert_int_equal(temporaries(f), 0);
    os_faulty_fail(&f->os, OS_CALL_open, 2, EROFS, false); /* the first is the ping's */
    assert_int_equal(object_store_check_writable(f->store, &err), LH_UNAVAILABLE);
    assert_null(strstr(err.message, f->root));
    os_faulty_fail(&f->os, OS_CALL_open, 2, EOPNOTSUPP, false); /* no file system knows it all */
    ok(object_store_check_writable(f->store, &err), &err);
}

/* Another file system is another device: here one that refuses links. */
static void test_put_file_copies_where_it_cannot_link(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    struct os_stat st;
    LH_AUTO(mem) char *path = lh_asprintf("%s/source", f->dir);
    LH_AUTO(mem) char *content = lh_calloc(1, 600001);
    memset(content, 'c', 600000);
    ok(os_write_file_atomic(os_real(), AT_FDCWD, path, content, 600000, 0600, &err), &err);
    os_faulty_fail(&f->os, OS_CALL_link, 1, EXDEV, true);
    ok(object_put_file(f->store, "copied", path, OBJECT_PUT_IF_ABSENT, NULL, &err), &err);
    assert_true(reads_as(f, "copied", content));
    assert_int_equal(os_stat_at(os_real(), AT_FDCWD, path, &st, &err), LH_NOT_FOUND);
    assert_int_equal(temporaries(f), 0);
}

static void test_shrunken_object_is_damage(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    struct object_reader *r = NULL;
    ok(put(f, "x", "0123456789", &err), &err);
    ok(object_reader_open(f->store, "x", OBJECT_WHOLE, &r, NULL, &err), &err);
    LH_AUTO(mem) char *path = lh_asprintf("%s/x", f->root);
    assert_int_equal(truncate(path, 4), 0);
    char data[16];
    size_t len = 0;
    assert_int_equal(object_reader_read(r, data, sizeof data, &len, &err), LH_CORRUPT);
    assert_non_null(strstr(err.message, "\"x\" ends at byte 4"));
    object_reader_close(r);
}

static void test_short_writes(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    f->os.write_limit = 3;
    ok(put(f, "x", "0123456789", &err), &err);
    f->os.write_limit = 0;
    assert_true(reads_as(f, "x", "0123456789"));
}

static void test_local_path(void **state) {
    struct fixture *f = *state;
    struct lh_err err;
    LH_AUTO(arena) struct arena *arena = arena_new();
    const char *path = NULL;
    ok(put(f, "a/b", "x", &err), &err);
    ok(object_local_path(f->store, "a/b", arena, &path, &err), &err);
    LH_AUTO(mem) char *expected = lh_asprintf("%s/a/b", f->root);
    assert_string_equal(path, expected);
    assert_int_equal(object_local_path(f->store, "a/c", arena, &path, &err), LH_NOT_FOUND);
    assert_string_equal(object_store_local_root(f->store), f->root);
}

int main(void) {
#define CASE(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_eio_at_each_step),
        CASE(test_enospc_at_each_step),
        CASE(test_folder_fsync_is_final),
        CASE(test_file_fsync_costs_one_put),
        CASE(test_new_folders_are_durable),
        CASE(test_delete_removes_empty_folders),
        CASE(test_links_are_not_followed),
        CASE(test_pipe_does_not_hang),
        CASE(test_stale_temporaries_go),
        CASE(test_root_gone_is_unavailable),
        CASE(test_a_root_that_lets_nothing_in),
        CASE(test_put_file_copies_where_it_cannot_link),
        CASE(test_shrunken_object_is_damage),
        CASE(test_short_writes),
        CASE(test_local_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
