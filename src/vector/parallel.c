#include "vector/parallel.h"

#include "os/thread.h"

#include <stdatomic.h>

struct loop {
    atomic_size_t next;
    size_t n, grain;
    void (*fn)(void *ctx, unsigned worker, size_t begin, size_t end);
    void *ctx;
};

struct helper {
    struct os_thread thread;
    struct loop *loop;
    unsigned worker;
};

static void take_pieces(struct loop *loop, unsigned worker) {
    for (;;) {
        size_t begin = atomic_fetch_add(&loop->next, loop->grain);
        if (begin >= loop->n)
            return;
        size_t end = loop->n - begin > loop->grain ? begin + loop->grain : loop->n;
        loop->fn(loop->ctx, worker, begin, end);
    }
}

static void helper_main(void *arg) {
    struct helper *helper = arg;
    take_pieces(helper->loop, helper->worker);
}

unsigned vec_threads(unsigned wanted) {
    unsigned threads = wanted ? wanted : os_cpu_count();
    return threads > VEC_MAX_THREADS ? VEC_MAX_THREADS : threads;
}

void vec_parallel_for(unsigned threads, size_t n, size_t grain,
                      void (*fn)(void *ctx, unsigned worker, size_t begin, size_t end), void *ctx) {
    struct loop loop = {.n = n, .grain = grain, .fn = fn, .ctx = ctx};
    struct helper helpers[VEC_MAX_THREADS];
    size_t pieces = (n + grain - 1) / grain;
    unsigned count = vec_threads(threads);
    if (count > pieces)
        count = (unsigned)pieces;
    for (unsigned i = 1; i < count; i++) {
        helpers[i] = (struct helper){.loop = &loop, .worker = i};
        struct lh_err err = LH_ERR_INIT;
        if (os_thread_start(&helpers[i].thread, "vector", 0, helper_main, &helpers[i], &err) != LH_OK)
            count = i;
    }
    take_pieces(&loop, 0);
    for (unsigned i = 1; i < count; i++)
        os_thread_join(&helpers[i].thread);
}
