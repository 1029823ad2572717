#include "gateway/pool.h"

#include "base/alloc.h"

#include <pthread.h>

struct pool {
    pthread_mutex_t lock;
    pthread_cond_t work, idle;
    void (*run)(void *item);
    void **queue;
    unsigned cap, start, len;
    unsigned running;
    bool stopping;
    pthread_t *threads;
    unsigned thread_count;
};

static void *pool_main(void *arg) {
    struct pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (p->len == 0 && !p->stopping)
            pthread_cond_wait(&p->work, &p->lock);
        if (p->len == 0)
            break;
        void *item = p->queue[p->start];
        p->start = (p->start + 1) % p->cap;
        p->len--;
        p->running++;
        pthread_mutex_unlock(&p->lock);
        p->run(item);
        pthread_mutex_lock(&p->lock);
        p->running--;
        if (p->running == 0 && p->len == 0)
            pthread_cond_broadcast(&p->idle);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

enum lh_code pool_new(unsigned threads, unsigned queue, void (*run)(void *item), struct pool **ret_pool,
                      struct lh_err *err) {
    struct pool *p = lh_calloc(1, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->work, NULL);
    pthread_cond_init(&p->idle, NULL);
    p->run = run;
    p->cap = queue + threads; /* an item that a thread is about to take does not count as waiting */
    p->queue = lh_calloc(p->cap, sizeof *p->queue);
    p->threads = lh_calloc(threads, sizeof *p->threads);
    for (; p->thread_count < threads; p->thread_count++) {
        int failed = pthread_create(&p->threads[p->thread_count], NULL, pool_main, p);
        if (failed) {
            pool_free(p);
            return lh_fail_errno(err, failed, "starting the request threads");
        }
    }
    *ret_pool = p;
    return LH_OK;
}

bool pool_push(struct pool *p, void *item) {
    pthread_mutex_lock(&p->lock);
    bool room = p->len < p->cap && p->len + p->running < p->cap;
    if (room) {
        p->queue[(p->start + p->len) % p->cap] = item;
        p->len++;
        pthread_cond_signal(&p->work);
    }
    pthread_mutex_unlock(&p->lock);
    return room;
}

void pool_wait_idle(struct pool *p) {
    pthread_mutex_lock(&p->lock);
    while (p->running > 0 || p->len > 0)
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
    lh_free(p->queue);
    lh_free(p->threads);
    lh_free(p);
}
