/* The real table: each slot is its system call, -errno instead of -1, restarted on EINTR.
 *
 * close(2) is never restarted: on Linux the descriptor is gone even when it says EINTR, and a second close could hit
 * another thread's new file. */
#include "os/fault.h"
#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RETRY(call)                                  \
    __extension__({                                  \
        __typeof__(call) retry_result_;              \
        do                                           \
            retry_result_ = (call);                  \
        while (retry_result_ < 0 && errno == EINTR); \
        retry_result_ < 0 ? -errno : retry_result_;  \
    })

static int real_open(void *self, int dir, const char *path, int flags, mode_t mode, uint64_t resolve) {
    (void)self;
    if (resolve == 0)
        return RETRY(openat(dir, path, flags | O_CLOEXEC, mode));
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC), .resolve = resolve};
    if (flags & (O_CREAT | O_TMPFILE))
        how.mode = mode;
    /* EAGAIN: a rename somewhere raced with the resolution and the kernel could not prove it stayed beneath. */
    for (int tries = 0;; tries++) {
        int fd = (int)RETRY(syscall(SYS_openat2, dir, path, &how, sizeof how));
        if (fd != -EAGAIN || tries == 64)
            return fd;
    }
}

static int real_close(void *self, int fd) {
    (void)self;
    return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

static ssize_t real_read(void *self, int fd, void *data, size_t len) {
    (void)self;
    return RETRY(read(fd, data, len));
}

static ssize_t real_write(void *self, int fd, const void *data, size_t len) {
    (void)self;
    size_t room = os_fault_room(len);
    return room < len && room == 0 ? -ENOSPC : RETRY(write(fd, data, room));
}

static ssize_t real_pread(void *self, int fd, void *data, size_t len, off_t offset) {
    (void)self;
    return RETRY(pread(fd, data, len, offset));
}

static ssize_t real_pwrite(void *self, int fd, const void *data, size_t len, off_t offset) {
    (void)self;
    size_t room = os_fault_room(len);
    return room < len && room == 0 ? -ENOSPC : RETRY(pwrite(fd, data, room, offset));
}

static int real_fsync(void *self, int fd) {
    (void)self;
    return RETRY(fsync(fd));
}

static int real_fdatasync(void *self, int fd) {
    (void)self;
    return RETRY(fdatasync(fd));
}

static int real_syncfs(void *self, int fd) {
    (void)self;
    return RETRY(syncfs(fd));
}

static int real_ftruncate(void *self, int fd, off_t len) {
    (void)self;
    return RETRY(ftruncate(fd, len));
}

static int real_set_mtime(void *self, int fd, int64_t mtime_us) {
    (void)self;
    const struct timespec at = {.tv_sec = mtime_us / 1000000, .tv_nsec = mtime_us % 1000000 * 1000};
    const struct timespec both[2] = {at, at};
    return RETRY(futimens(fd, both));
}

static int real_fstat(void *self, int fd, struct stat *ret_stat) {
    (void)self;
    return RETRY(fstat(fd, ret_stat));
}

static int real_fstatat(void *self, int dir, const char *path, struct stat *ret_stat, int flags) {
    (void)self;
    return RETRY(fstatat(dir, path, ret_stat, flags));
}

static int real_link(void *self, int old_dir, const char *old_path, int new_dir, const char *new_path) {
    (void)self;
    return RETRY(linkat(old_dir, old_path, new_dir, new_path, 0));
}

static int real_rename(void *self, int old_dir, const char *old_path, int new_dir, const char *new_path,
                       unsigned flags) {
    (void)self;
    return RETRY(renameat2(old_dir, old_path, new_dir, new_path, flags));
}

static int real_unlink(void *self, int dir, const char *path, int flags) {
    (void)self;
    return RETRY(unlinkat(dir, path, flags));
}

static int real_mkdir(void *self, int dir, const char *path, mode_t mode) {
    (void)self;
    return RETRY(mkdirat(dir, path, mode));
}

static ssize_t real_getdents(void *self, int fd, void *data, size_t len) {
    (void)self;
    return RETRY(getdents64(fd, data, len));
}

static int real_flock(void *self, int fd, int operation) {
    (void)self;
    return RETRY(flock(fd, operation));
}

static int real_fstatvfs(void *self, int fd, struct statvfs *ret_stat) {
    (void)self;
    return RETRY(fstatvfs(fd, ret_stat));
}

static int64_t clock_ns(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t real_realtime_us(void *self) {
    (void)self;
    return clock_ns(CLOCK_REALTIME) / 1000;
}

static int64_t real_monotonic_ns(void *self) {
    (void)self;
    return clock_ns(CLOCK_MONOTONIC);
}

static void real_sleep_ns(void *self, int64_t ns) {
    (void)self;
    if (ns <= 0)
        return;
    struct timespec left = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        continue;
}

static void real_random(void *self, void *ret_data, size_t len) {
    (void)self;
    unsigned char *at = ret_data;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            /* Keys and ids depend on it: going on with zeros would be worse than stopping. */
            fputs("lakehouse: the kernel gives no random bytes\n", stderr);
            abort();
        }
        at += got;
        len -= (size_t)got;
    }
}

static int real_socketpair(void *self, int type, int ret_fds[2]) {
    (void)self;
    return RETRY(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ret_fds));
}

static ssize_t real_sendmsg(void *self, int fd, const struct msghdr *msg, int flags) {
    (void)self;
    return RETRY(sendmsg(fd, msg, flags | MSG_NOSIGNAL));
}

static ssize_t real_recvmsg(void *self, int fd, struct msghdr *msg, int flags) {
    (void)self;
    return RETRY(recvmsg(fd, msg, flags | MSG_CMSG_CLOEXEC));
}

static int real_poll(void *self, struct pollfd *fds, unsigned count, int timeout_ms) {
    (void)self;
    if (timeout_ms < 0)
        return RETRY(poll(fds, count, -1));
    /* A restart must not start the wait anew. */
    int64_t end = clock_ns(CLOCK_MONOTONIC) + (int64_t)timeout_ms * 1000000;
    for (int left = timeout_ms;;) {
        int ready = poll(fds, count, left);
        if (ready >= 0)
            return ready;
        if (errno != EINTR)
            return -errno;
        int64_t ns = end - clock_ns(CLOCK_MONOTONIC);
        left = ns > 0 ? (int)((ns + 999999) / 1000000) : 0;
    }
}

static int real_shutdown(void *self, int fd, int how) {
    (void)self;
    return RETRY(shutdown(fd, how));
}

static struct os real_table = {
    .open = real_open,
    .close = real_close,
    .read = real_read,
    .write = real_write,
    .pread = real_pread,
    .pwrite = real_pwrite,
    .fsync = real_fsync,
    .fdatasync = real_fdatasync,
    .syncfs = real_syncfs,
    .ftruncate = real_ftruncate,
    .set_mtime = real_set_mtime,
    .fstat = real_fstat,
    .fstatat = real_fstatat,
    .link = real_link,
    .rename = real_rename,
    .unlink = real_unlink,
    .mkdir = real_mkdir,
    .getdents = real_getdents,
    .flock = real_flock,
    .fstatvfs = real_fstatvfs,
    .realtime_us = real_realtime_us,
    .monotonic_ns = real_monotonic_ns,
    .sleep_ns = real_sleep_ns,
    .random = real_random,
    .socketpair = real_socketpair,
    .sendmsg = real_sendmsg,
    .recvmsg = real_recvmsg,
    .poll = real_poll,
    .shutdown = real_shutdown,
};

struct os *os_real(void) {
    return &real_table;
}
