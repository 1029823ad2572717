/* A table of system calls for tests, in front of the real one: it counts calls, fails the Nth of a kind, cuts writes
 * short, and has a clock that moves only when told to.  Not thread-safe while being armed; calls may come from any
 * thread. */
#ifndef TWIN_OS_FAULTY_H
#define TWIN_OS_FAULTY_H

#include "os/os.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* X(call): every call that can fail. */
#define OS_FAULTY_CALLS(X)                                                                                             \
    X(open)                                                                                                            \
    X(close)                                                                                                           \
    X(read)                                                                                                            \
    X(write)                                                                                                           \
    X(pread)                                                                                                           \
    X(pwrite)                                                                                                          \
    X(fsync) X(fdatasync) X(syncfs) X(ftruncate) X(set_mtime) X(fstat) X(fstatat) X(link) X(rename) X(unlink) X(mkdir) \
        X(getdents) X(flock) X(fstatvfs) X(socketpair) X(sendmsg) X(recvmsg) X(poll) X(shutdown)

enum os_faulty_call {
#define OS_FAULTY_ENUM(call) OS_CALL_##call,
    OS_FAULTY_CALLS(OS_FAULTY_ENUM)
#undef OS_FAULTY_ENUM
        OS_CALL_COUNT,
    OS_CALL_ANY = OS_CALL_COUNT, /* for os_faulty_fail: counts calls of all kinds */
};

struct os_faulty {
    struct os table; /* hand &f->table to the code under test */
    struct os *below;
    pthread_mutex_t lock;
    uint64_t calls[OS_CALL_COUNT + 1]; /* the last one: all together */

    enum os_faulty_call fail_call;
    uint64_t fail_at; /* the call number that fails; 0: none */
    bool fail_on;     /* and every one of its kind after it */
    int fail_errno;

    size_t write_limit; /* bytes that one write or pwrite takes at most; 0: no limit */

    bool own_clock; /* the two times below stand for the real ones */
    int64_t realtime_us;
    int64_t monotonic_ns; /* a sleep moves both on */
};

void os_faulty_init(struct os_faulty *f, struct os *below);
void os_faulty_deinit(struct os_faulty *f);

/* From now on the `nth` call of the kind (1: the next) fails with `os_errno`; `and_after`: all later ones as well. */
void os_faulty_fail(struct os_faulty *f, enum os_faulty_call call, uint64_t nth, int os_errno, bool and_after);
void os_faulty_heal(struct os_faulty *f);
uint64_t os_faulty_calls(struct os_faulty *f, enum os_faulty_call call);

void os_faulty_set_clock(struct os_faulty *f, int64_t realtime_us, int64_t monotonic_ns);
void os_faulty_advance_ms(struct os_faulty *f, int64_t ms);

#endif
