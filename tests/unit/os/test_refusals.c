/* What the kernel may refuse, each call by itself: the error is told by its code and by what could not be done, and what has
 * to be tried in another way is. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/dir.h"
#include "os/file.h"
#include "os/lockfile.h"
#include "os/os.h"
#include "os/process.h"
#include "os/signals.h"
#include "os/socket.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int refuse_open(void *self, int dir, const char *path, int flags, mode_t mode, uint64_t resolve) {
    (void)self, (void)dir, (void)path, (void)flags, (void)mode, (void)resolve;
    return -EIO;
}
static ssize_t refuse_read(void *self, int fd, void *data, size_t len) {
    (void)self, (void)fd, (void)data, (void)len;
    return -EIO;
}
static ssize_t write_nothing(void *self, int fd, const void *data, size_t len) {
    (void)self, (void)fd, (void)data, (void)len;
    return 0;
}
static ssize_t pwrite_nothing(void *self, int fd, const void *data, size_t len, off_t offset) {
    (void)self, (void)fd, (void)data, (void)len, (void)offset;
    return 0;
}
static ssize_t refuse_pread(void *self, int fd, void *data, size_t len, off_t offset) {
    (void)self, (void)fd, (void)data, (void)len, (void)offset;
    return -EIO;
}
static int refuse_unlink(void *self, int dir, const char *path, int flags) {
    (void)self, (void)dir, (void)path, (void)flags;
    return -EACCES;
}
static int say_folder(void *self, int dir, const char *path, int flags) {
    (void)self, (void)dir, (void)path, (void)flags;
    return -EISDIR;
}
static int refuse_flock(void *self, int fd, int operation) {
    (void)self, (void)fd, (void)operation;
    return -EIO;
}
static int refuse_fstatvfs(void *self, int fd, struct statvfs *ret_stat) {
    (void)self, (void)fd, (void)ret_stat;
    return -EIO;
}
static int refuse_socketpair(void *self, int type, int ret_fds[2]) {
    (void)self, (void)type, (void)ret_fds;
    return -EMFILE;
}
static int refuse_poll(void *self, struct pollfd *fds, unsigned count, int timeout_ms) {
    (void)self, (void)fds, (void)count, (void)timeout_ms;
    return -EINVAL;
}
static int rename_unknown(void *self, int old_dir, const char *old_path, int new_dir, const char *new_path,
                          unsigned flags) {
    (void)self, (void)old_dir, (void)old_path, (void)new_dir, (void)new_path, (void)flags;
    return -EINVAL;
}

/* Each runs in an empty folder `dir` that holds the file "f" (descriptor `fd`) with four bytes. */

static enum lh_code try_write(struct os *os, int dir, int fd, struct lh_err *err) {
    (void)dir;
    return os_write_all(os, fd, "data", 4, "f", err);
}
static enum lh_code try_pwrite(struct os *os, int dir, int fd, struct lh_err *err) {
    (void)dir;
    return os_pwrite_all(os, fd, "data", 4, 7, "f", err);
}
static enum lh_code try_read(struct os *os, int dir, int fd, struct lh_err *err) {
    char data[4];
    size_t len;
    (void)dir;
    return os_read_some(os, fd, data, sizeof data, "f", &len, err);
}
static enum lh_code try_pread(struct os *os, int dir, int fd, struct lh_err *err) {
    char data[4];
    size_t len;
    (void)dir;
    return os_pread_full(os, fd, data, sizeof data, 0, "f", &len, err);
}
static enum lh_code try_unlink(struct os *os, int dir, int fd, struct lh_err *err) {
    (void)fd;
    return os_unlink(os, dir, "f", err);
}
static enum lh_code try_remove_all(struct os *os, int dir, int fd, struct lh_err *err) {
    (void)fd;
    return os_remove_all(os, dir, "f", err);
}
static enum lh_code try_free_bytes(struct os *os, int dir, int fd, struct lh_err *err) {
    uint64_t bytes;
    (void)dir;
    return os_free_bytes(os, fd, &bytes, err);
}
static enum lh_code try_socketpair(struct os *os, int dir, int fd, struct lh_err *err) {
    int fds[2];
    (void)dir, (void)fd;
    return os_socketpair(os, fds, err);
}
static enum lh_code try_wait(struct os *os, int dir, int fd, struct lh_err *err) {
    (void)dir;
    return os_wait_readable(os, fd, INT64_MAX, err);
}
static enum lh_code try_lock(struct os *os, int dir, int fd, struct lh_err *err) {
    struct os_lockfile *lock;
    (void)fd;
    return os_lockfile_take(os, dir, "lock", "the folder", "test", &lock, err);
}
static enum lh_code try_many_descriptors(struct os *os, int dir, int fd, struct lh_err *err) {
    int fds[1000] = {0};
    (void)dir;
    return os_send_all(os, fd, "x", 1, fds, LH_ARRAY_LEN(fds), INT64_MAX, err);
}

/* A name of a slot and what stands in it instead. */
#define SLOT(name, function) offsetof(struct os, name), (void (*)(void))(function)

static const struct {
    const char *name;
    size_t slot;
    void (*instead)(void);
    enum lh_code (*trial)(struct os *os, int dir, int fd, struct lh_err *err);
    enum lh_code code;
    int os_errno;
    const char *message;
} refusals[] = {
    {"a write that takes nothing", SLOT(write, write_nothing), try_write, LH_IO, EIO, "cannot write \"f\""},
    {"a write at a place that takes nothing", SLOT(pwrite, pwrite_nothing), try_pwrite, LH_IO, EIO,
     "cannot write \"f\" at byte 7"},
    {"a read", SLOT(read, refuse_read), try_read, LH_IO, EIO, "cannot read \"f\""},
    {"a read at a place", SLOT(pread, refuse_pread), try_pread, LH_IO, EIO, "cannot read \"f\""},
    {"a removal", SLOT(unlink, refuse_unlink), try_unlink, LH_IO, EACCES, "cannot remove \"f\""},
    {"the removal of a tree", SLOT(unlink, refuse_unlink), try_remove_all, LH_IO, EACCES, "cannot remove \"f\""},
    {"a file that becomes a folder while it is removed", SLOT(unlink, say_folder), try_remove_all, LH_IO, ENOTDIR,
     "cannot remove \"f\""},
    {"the free space", SLOT(fstatvfs, refuse_fstatvfs), try_free_bytes, LH_IO, EIO, "cannot ask for the free space"},
    {"a socket pair", SLOT(socketpair, refuse_socketpair), try_socketpair, LH_IO, EMFILE, "cannot make a socket pair"},
    {"waiting", SLOT(poll, refuse_poll), try_wait, LH_IO, EINVAL, "cannot wait for a peer process"},
    {"the file of a lock", SLOT(open, refuse_open), try_lock, LH_IO, EIO, NULL},
    {"a lock", SLOT(flock, refuse_flock), try_lock, LH_IO, EIO, "cannot lock \"lock\""},
    {"a lock's text", SLOT(pwrite, pwrite_nothing), try_lock, LH_IO, EIO, NULL},
    {"more descriptors than one message takes", SLOT(poll, refuse_poll), try_many_descriptors, LH_INTERNAL, 0,
     "1000 descriptors are too many for one message"},
};

static void what_the_kernel_refuses_is_told(void **state) {
    (void)state;
    for (size_t i = 0; i < LH_ARRAY_LEN(refusals); i++) {
        char path[] = "/tmp/lh-refusal-XXXXXX";
        struct os os = *os_real();
        struct lh_err err = LH_ERR_INIT;
        int dir, fd;
        assert_non_null(mkdtemp(path));
        assert_int_equal(os_open(os_real(), AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, 0, &dir, &err), LH_OK);
        assert_int_equal(os_write_file_atomic(os_real(), dir, "f", "data", 4, 0600, &err), LH_OK);
        assert_int_equal(os_open(os_real(), dir, "f", O_RDWR, 0, 0, &fd, &err), LH_OK);
        memcpy((char *)&os + refusals[i].slot, &refusals[i].instead, sizeof refusals[i].instead);
        enum lh_code code = refusals[i].trial(&os, dir, fd, &err);
        const char *message = refusals[i].message; /* the system's own words follow it */
        if (code != refusals[i].code || err.os_errno != refusals[i].os_errno ||
            (message && strncmp(err.message, message, strlen(message)) != 0))
            fail_msg("%s: code %d, errno %d, \"%s\"", refusals[i].name, (int)code, err.os_errno, err.message);
        close(fd);
        close(dir);
        assert_int_equal(os_remove_all(os_real(), AT_FDCWD, path, &err), LH_OK);
    }
}

/* Where the file system knows no RENAME_NOREPLACE, a link does the same. */
static void a_rename_without_noreplace_links(void **state) {
    (void)state;
    char path[] = "/tmp/lh-refusal-XXXXXX";
    struct os os = *os_real();
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(buf) struct buf data = BUF_INIT;
    int dir;
    os.rename = rename_unknown;
    assert_non_null(mkdtemp(path));
    assert_int_equal(os_open(&os, AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, 0, &dir, &err), LH_OK);
    assert_int_equal(os_write_file_atomic(os_real(), dir, "old", "1", 1, 0600, &err), LH_OK);
    assert_int_equal(os_rename_noreplace(&os, dir, "old", dir, "new", &err), LH_OK);
    assert_int_equal(os_read_file(&os, dir, "new", 100, &data, &err), LH_OK);
    assert_string_equal(buf_cstr(&data), "1");
    assert_int_equal(faccessat(dir, "old", F_OK, 0), -1);
    assert_int_equal(os_write_file_atomic(os_real(), dir, "old", "2", 1, 0600, &err), LH_OK);
    assert_int_equal(os_rename_noreplace(&os, dir, "old", dir, "new", &err), LH_EXISTS);
    assert_int_equal(faccessat(dir, "old", F_OK, 0), 0);
    close(dir);
    assert_int_equal(os_remove_all(os_real(), AT_FDCWD, path, &err), LH_OK);
}

/* Some file systems do not say in a listing what an entry is. */
static ssize_t list_without_types(void *self, int fd, void *data, size_t len) {
    ssize_t got = os_real()->getdents(self, fd, data, len);
    for (ssize_t at = 0; at < got;) {
        struct dirent64 *entry = (struct dirent64 *)(void *)((char *)data + at);
        entry->d_type = DT_UNKNOWN;
        at += entry->d_reclen;
    }
    return got;
}

static void entries_without_types_are_looked_at(void **state) {
    (void)state;
    char path[] = "/tmp/lh-refusal-XXXXXX";
    struct os os = *os_real();
    struct lh_err err = LH_ERR_INIT;
    struct os_entry *entries;
    size_t count;
    os.getdents = list_without_types;
    assert_non_null(mkdtemp(path));
    LH_AUTO(mem) char *folder = lh_asprintf("%s/folder", path);
    LH_AUTO(mem) char *file = lh_asprintf("%s/file", path);
    assert_int_equal(os_mkdir(&os, AT_FDCWD, folder, 0700, &err), LH_OK);
    assert_int_equal(os_write_file_atomic(&os, AT_FDCWD, file, "x", 1, 0600, &err), LH_OK);
    assert_int_equal(os_list_entries(&os, AT_FDCWD, path, 0, &entries, &count, &err), LH_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(entries[i].is_dir, strcmp(entries[i].name, "folder") == 0);
        assert_int_equal(entries[i].is_file, strcmp(entries[i].name, "file") == 0);
    }
    os_entries_free(entries, count);
    assert_int_equal(os_remove_all(os_real(), AT_FDCWD, path, &err), LH_OK);
}

static void signals_come_by_a_descriptor(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    int fd, number = -1;
    assert_int_equal(os_signals_open(&fd, &err), LH_OK);
    assert_int_equal(os_signals_wait(fd, 1, &number, &err), LH_OK);
    assert_int_equal(number, 0);
    raise(SIGTERM); /* to this thread, which has blocked it */
    assert_int_equal(os_signals_wait(fd, 10000, &number, &err), LH_OK);
    assert_int_equal(number, SIGTERM);
    close(fd);
}

static void a_shut_socket_reads_as_ended(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    int fds[2];
    char byte;
    assert_int_equal(os_socketpair(os_real(), fds, &err), LH_OK);
    os_shutdown(os_real(), fds[0]);
    assert_int_equal(recv(fds[1], &byte, 1, 0), 0);
    os_close(os_real(), fds[0]);
    os_close(os_real(), fds[1]);
}

static void too_many_descriptors_are_refused_before_the_fork(void **state) {
    (void)state;
    struct os_fd_map fds[200] = {{0}};
    char *argv[] = {(char[]){"sh"}, NULL};
    const struct os_spawn spawn = {.path = "/bin/sh", .argv = argv, .fds = fds, .fd_count = LH_ARRAY_LEN(fds)};
    struct os_process process = OS_PROCESS_INIT;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(os_process_spawn(&spawn, &process, &err), LH_INTERNAL);
    assert_int_equal(process.pid, -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_kernel_refuses_is_told),
        cmocka_unit_test(a_rename_without_noreplace_links),
        cmocka_unit_test(entries_without_types_are_looked_at),
        cmocka_unit_test(signals_come_by_a_descriptor),
        cmocka_unit_test(a_shut_socket_reads_as_ended),
        cmocka_unit_test(too_many_descriptors_are_refused_before_the_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
