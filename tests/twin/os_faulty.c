#include "twin/os_faulty.h"

/* Count the call; the errno that it has to fail with, or 0. */
static int begin_call(struct os_faulty *f, enum os_faulty_call call) {
    pthread_mutex_lock(&f->lock);
    f->calls[call]++;
    f->calls[OS_CALL_ANY]++;
    int failure = 0;
    if (f->fail_at > 0 && (f->fail_call == call || f->fail_call == OS_CALL_ANY)) {
        uint64_t now = f->calls[f->fail_call];
        if (now == f->fail_at || (f->fail_on && now > f->fail_at))
            failure = f->fail_errno;
    }
    pthread_mutex_unlock(&f->lock);
    return failure;
}

static size_t cut(const struct os_faulty *f, size_t len) {
    return f->write_limit > 0 && len > f->write_limit ? f->write_limit : len;
}

/* One slot: count, fail or pass down.  A close that fails has closed all the same, as on Linux. */
#define SLOT(type, call, parameters, ...)                                        \
    static type faulty_##call parameters {                                       \
        struct os_faulty *f = self;                                              \
        int failure = begin_call(f, OS_CALL_##call);                             \
        if (failure && OS_CALL_##call == OS_CALL_close)                          \
            (void)f->below->call(f->below->self, __VA_ARGS__);                   \
        return failure ? -failure : f->below->call(f->below->self, __VA_ARGS__); \
    }

SLOT(int, open, (void *self, int dir, const char *path, int flags, mode_t mode, uint64_t resolve), dir, path, flags,
     mode, resolve)
SLOT(int, close, (void *self, int fd), fd)
SLOT(ssize_t, read, (void *self, int fd, void *data, size_t len), fd, data, len)
SLOT(ssize_t, write, (void *self, int fd, const void *data, size_t len), fd, data, cut(f, len))
SLOT(ssize_t, pread, (void *self, int fd, void *data, size_t len, off_t offset), fd, data, len, offset)
SLOT(ssize_t, pwrite, (void *self, int fd, const void *data, size_t len, off_t offset), fd, data, cut(f, len), offset)
SLOT(int, fsync, (void *self, int fd), fd)
SLOT(int, fdatasync, (void *self, int fd), fd)
SLOT(int, syncfs, (void *self, int fd), fd)
SLOT(int, ftruncate, (void *self, int fd, off_t len), fd, len)
SLOT(int, set_mtime, (void *self, int fd, int64_t mtime_us), fd, mtime_us)
SLOT(int, fstat, (void *self, int fd, struct stat *ret_stat), fd, ret_stat)
SLOT(int, fstatat, (void *self, int dir, const char *path, struct stat *ret_stat, int flags), dir, path, ret_stat,
     flags)
SLOT(int, link, (void *self, int old_dir, const char *old_path, int new_dir, const char *new_path), old_dir, old_path,
     new_dir, new_path)
SLOT(int, rename, (void *self, int old_dir, const char *old_path, int new_dir, const char *new_path, unsigned flags),
     old_dir, old_path, new_dir, new_path, flags)
SLOT(int, unlink, (void *self, int dir, const char *path, int flags), dir, path, flags)
SLOT(int, mkdir, (void *self, int dir, const char *path, mode_t mode), dir, path, mode)
SLOT(ssize_t, getdents, (void *self, int fd, void *data, size_t len), fd, data, len)
SLOT(int, flock, (void *self, int fd, int operation), fd, operation)
SLOT(int, fstatvfs, (void *self, int fd, struct statvfs *ret_stat), fd, ret_stat)
SLOT(int, socketpair, (void *self, int type, int ret_fds[2]), type, ret_fds)
SLOT(ssize_t, sendmsg, (void *self, int fd, const struct msghdr *msg, int flags), fd, msg, flags)
SLOT(ssize_t, recvmsg, (void *self, int fd, struct msghdr *msg, int flags), fd, msg, flags)
SLOT(int, poll, (void *self, struct pollfd *fds, unsigned count, int timeout_ms), fds, count, timeout_ms)
SLOT(int, shutdown, (void *self, int fd, int how), fd, how)

static int64_t faulty_realtime_us(void *self) {
    struct os_faulty *f = self;
    pthread_mutex_lock(&f->lock);
    int64_t now = f->own_clock ? f->realtime_us : f->below->realtime_us(f->below->self);
    pthread_mutex_unlock(&f->lock);
    return now;
}

static int64_t faulty_monotonic_ns(void *self) {
    struct os_faulty *f = self;
    pthread_mutex_lock(&f->lock);
    int64_t now = f->own_clock ? f->monotonic_ns : f->below->monotonic_ns(f->below->self);
    pthread_mutex_unlock(&f->lock);
    return now;
}

static void advance_ns(struct os_faulty *f, int64_t ns) {
    pthread_mutex_lock(&f->lock);
    f->monotonic_ns += ns;
    f->realtime_us += ns / 1000;
    pthread_mutex_unlock(&f->lock);
}

static void faulty_sleep_ns(void *self, int64_t ns) {
    struct os_faulty *f = self;
    if (f->own_clock)
        advance_ns(f, ns);
    else
        f->below->sleep_ns(f->below->self, ns);
}

static void faulty_random(void *self, void *ret_data, size_t len) {
    struct os_faulty *f = self;
    f->below->random(f->below->self, ret_data, len);
}

void os_faulty_init(struct os_faulty *f, struct os *below) {
    *f = (struct os_faulty){
        .table =
            {
                .self = f,
#define FILL(call) .call = faulty_##call,
                OS_FAULTY_CALLS(FILL)
#undef FILL
                    .realtime_us = faulty_realtime_us,
                .monotonic_ns = faulty_monotonic_ns,
                .sleep_ns = faulty_sleep_ns,
                .random = faulty_random,
            },
        .below = below,
    };
    pthread_mutex_init(&f->lock, NULL);
}

void os_faulty_deinit(struct os_faulty *f) {
    pthread_mutex_destroy(&f->lock);
}

void os_faulty_fail(struct os_faulty *f, enum os_faulty_call call, uint64_t nth, int os_errno, bool and_after) {
    pthread_mutex_lock(&f->lock);
    f->fail_call = call;
    f->fail_at = f->calls[call] + nth;
    f->fail_errno = os_errno;
    f->fail_on = and_after;
    pthread_mutex_unlock(&f->lock);
}

void os_faulty_heal(struct os_faulty *f) {
    pthread_mutex_lock(&f->lock);
    f->fail_at = 0;
    pthread_mutex_unlock(&f->lock);
}

uint64_t os_faulty_calls(struct os_faulty *f, enum os_faulty_call call) {
    pthread_mutex_lock(&f->lock);
    uint64_t count = f->calls[call];
    pthread_mutex_unlock(&f->lock);
    return count;
}

void os_faulty_set_clock(struct os_faulty *f, int64_t realtime_us, int64_t monotonic_ns) {
    f->own_clock = true;
    f->realtime_us = realtime_us;
    f->monotonic_ns = monotonic_ns;
}

void os_faulty_advance_ms(struct os_faulty *f, int64_t ms) {
    advance_ns(f, ms * 1000000);
}
