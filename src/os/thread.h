/* Threads with a name and a stack size.  Not behind the table (see os/os.h). */
#ifndef LH_OS_THREAD_H
#define LH_OS_THREAD_H

#include "base/error.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct os_thread {
    pthread_t id;
    bool started;
};

#define OS_STACK_DEFAULT ((size_t)256 * 1024) /* enough for our own code: no deep recursion, no large frames */
#define OS_STACK_BIG ((size_t)8 * 1024 * 1024)

/* Start `fn(arg)`.  `name` is cut to 15 characters; stack_bytes 0 means OS_STACK_DEFAULT.  All signals are blocked in
 * the thread, so that only the main one takes them.  `t` must stay until os_thread_join. */
LH_CHECKED enum lh_code os_thread_start(struct os_thread *t, const char *name, size_t stack_bytes,
                                        void (*fn)(void *arg), void *arg, struct lh_err *err);
/* Wait for its end; a thread that was never started is fine. */
void os_thread_join(struct os_thread *t);

/* Processors that this process may run on (its affinity mask), at least 1. */
unsigned os_cpu_count(void);

#endif
