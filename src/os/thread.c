#include "os/thread.h"

#include "base/alloc.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

struct start {
    void (*fn)(void *arg);
    void *arg;
    char name[16]; /* the kernel's limit */
};

static void *run(void *data) {
    struct start start = *(struct start *)data;
    lh_free(data);
    pthread_setname_np(pthread_self(), start.name);
    start.fn(start.arg);
    return NULL;
}

enum lh_code os_thread_start(struct os_thread *t, const char *name, size_t stack_bytes, void (*fn)(void *arg),
                             void *arg, struct lh_err *err) {
    struct start *start = lh_malloc(sizeof *start);
    *start = (struct start){.fn = fn, .arg = arg};
    snprintf(start->name, sizeof start->name, "%s", name);

    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_bytes ? stack_bytes : OS_STACK_DEFAULT);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&t->id, &attributes, run, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (result != 0) {
        lh_free(start);
        return lh_fail_errno(err, result, "cannot start the thread \"%s\"", name);
    }
    t->started = true;
    return LH_OK;
}

void os_thread_join(struct os_thread *t) {
    if (!t->started)
        return;
    pthread_join(t->id, NULL);
    t->started = false;
}

unsigned os_cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? (unsigned)count : 1;
}
