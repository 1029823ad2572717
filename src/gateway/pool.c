#include "gateway/pool.h"

#include "base/alloc.h"

#include <pthread.h>

/* Items of one kind, oldest first. */
struct lane {
    void **items;
    unsigned start, len;
    unsigned running, max_running;
};

enum { LANE_SHORT, LANE_LONG, LANES };

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, idle;
    void (*run)(void *item);
    struct lane lanes[LANES];
    unsigned cap;  /* of what waits or runs in each lane, so that one lane's crowd never shuts out the other's */
    unsigned held; /* in all lanes */
    bool stopping;
    pthread_t *threads;
    unsigned thread_count, max_threads; /* those that run, and those that may */
};

/* The lane that a thread should serve now, NULL where nothing may run. */
static struct lane *next_lane(struct pool *p) {
    for (unsigned i = 0; i < LANES; i++)
        if (p->lanes[i].len > 0 && p->lanes[i].running < p->lanes[i].max_running)
            return &p->lanes[i];
    return NULL;
}

static void *pool_main(void *arg) {
    struct pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        struct lane *lane = next_lane(p);
        if (!lane && p->stopping && p->held == 0)
            break;
        if (!lane) {
            pthread_cond_wait(&p->work, &p->lock);
            continue;
        }
        void *item = lane->items[lane->start];
        lane->start = (lane->start + 1) % p->cap;
        lane->len--;
        lane->running++;
        pthread_mutex_unlock(&p->lock);
        p->run(item);
        pthread_mutex_lock(&p->lock);
        lane->running--;
        p->held--;
        if (p->held == 0) {
            pthread_cond_broadcast(&p->idle);
            pthread_cond_broadcast(&p->work); /* they wait for this where the pool is stopping */
        }
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* With the lock held, or before anyone else knows the pool. */
static int add_thread(struct pool *p) {
    int failed = pthread_create(&p->threads[p->thread_count], NULL, pool_main, p);
    p->thread_count += !failed;
    return failed;
}

enum lh_code pool_new(unsigned threads, unsigned queue, void (*run)(void *item), struct pool **ret_pool,
                      struct lh_err *err) {
    struct pool *p = lh_calloc(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->idle, NULL);
    p->run = run;
    p->cap = queue + threads; /* an item that a thread is about to take does not count as waiting */
    for (unsigned i = 0; i < LANES; i++) {
        p->lanes[i].items = lh_calloc(p->cap, sizeof *p->lanes[i].items);
        p->lanes[i].max_running = i == LANE_LONG && threads > 1 ? threads - (threads + 3) / 4 : threads;
    }
    p->threads = lh_calloc(threads, sizeof *p->threads);
    p->max_threads = threads;
    int failed = add_thread(p);
    if (failed) {
        pool_free(p);
        return lh_fail_errno(err, failed, "starting the request threads");
    }
    *ret_pool = p;
    return LH_OK;
}

bool pool_push(struct pool *p, void *item, bool is_long) {
    pthread_mutex_lock(&p->lock);
    struct lane *lane = &p->lanes[is_long ? LANE_LONG : LANE_SHORT];
    bool room = lane->len + lane->running < p->cap;
    if (room) {
        lane->items[(lane->start + lane->len) % p->cap] = item;
        lane->len++;
        p->held++;
        if (p->held > p->thread_count && p->thread_count < p->max_threads)
            (void)add_thread(p); /* where the system has no more, those that run take it in turn */
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

void pool_wait_idle(struct pool *p) {
    pthread_mutex_lock(&p->lock);
    while (p->held > 0)
        pthread_cond_wait(&p->idle, &p->lock);
    pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool *p) {
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->work);
    pthread_cond_destroy(&p->idle);
    for (unsigned i = 0; i < LANES; i++)
        lh_free(p->lanes[i].items);
    lh_free(p->threads);
    lh_free(p);
}
