/* The system calls of the tree, behind one table.
 *
 * Everything that touches files, clocks, randomness or sockets takes a `struct os *` and goes through its calls, so
 * that a test can hand in a table that fails, delays, tears or forgets (tests/twin/): the power-loss simulator and
 * the fault injector are just other tables.  The real one is os_real().
 *
 * The raw calls mirror their Linux namesakes: they return what those return, or -errno (never -1 and errno), restart
 * on EINTR, and are thread-safe.  Code above `os` does not use them directly but through os/file.h, os/clock.h,
 * os/socket.h, which turn -errno into `enum lh_code` once and for all.
 * Not behind the table: memory maps, threads and locks, process creation (os/process.h) and what libraries do inside. */
#ifndef LH_OS_OS_H
#define LH_OS_OS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct stat;
struct statvfs;
struct msghdr;
struct pollfd;

struct os {
    void *self; /* state of a test's table, handed to every call; NULL in the real one */

    /* Files.  `dir` is a directory descriptor or AT_FDCWD; `resolve` as in openat2(2) (0, or RESOLVE_BENEATH |
     * RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS for anything whose name a client chose). */
    int (*open)(void *self, int dir, const char *path, int flags, mode_t mode, uint64_t resolve);
    int (*close)(void *self, int fd);
    ssize_t (*read)(void *self, int fd, void *data, size_t len);
    ssize_t (*write)(void *self, int fd, const void *data, size_t len);
    ssize_t (*pread)(void *self, int fd, void *data, size_t len, off_t offset);
    ssize_t (*pwrite)(void *self, int fd, const void *data, size_t len, off_t offset);
    int (*fsync)(void *self, int fd);
    int (*fdatasync)(void *self, int fd);
    int (*syncfs)(void *self, int fd); /* everything of the file system that holds `fd` */
    int (*ftruncate)(void *self, int fd, off_t len);
    int (*set_mtime)(void *self, int fd, int64_t mtime_us); /* futimens(2), access time too */
    int (*fstat)(void *self, int fd, struct stat *ret_stat);
    int (*fstatat)(void *self, int dir, const char *path, struct stat *ret_stat, int flags);
    int (*link)(void *self, int old_dir, const char *old_path, int new_dir, const char *new_path);
    int (*rename)(void *self, int old_dir, const char *old_path, int new_dir, const char *new_path, unsigned flags);
    int (*unlink)(void *self, int dir, const char *path, int flags); /* AT_REMOVEDIR for folders */
    int (*mkdir)(void *self, int dir, const char *path, mode_t mode);
    ssize_t (*getdents)(void *self, int fd, void *data, size_t len); /* getdents64(2) records */
    int (*flock)(void *self, int fd, int operation);
    int (*fstatvfs)(void *self, int fd, struct statvfs *ret_stat);

    /* Clocks and randomness. */
    int64_t (*realtime_us)(void *self);  /* microseconds since the Unix epoch, UTC */
    int64_t (*monotonic_ns)(void *self); /* nanoseconds of CLOCK_MONOTONIC */
    void (*sleep_ns)(void *self, int64_t ns);
    void (*random)(void *self, void *ret_data, size_t len); /* cryptographically secure in the real table */

    /* Sockets.  Descriptors are close-on-exec. */
    int (*socketpair)(void *self, int type, int ret_fds[2]); /* AF_UNIX */
    ssize_t (*sendmsg)(void *self, int fd, const struct msghdr *msg, int flags);
    ssize_t (*recvmsg)(void *self, int fd, struct msghdr *msg, int flags);
    int (*poll)(void *self, struct pollfd *fds, unsigned count, int timeout_ms);
    int (*shutdown)(void *self, int fd, int how);
};

/* The real table; constant, shared by all. */
struct os *os_real(void);

#ifdef __cplusplus
}
#endif

#endif
