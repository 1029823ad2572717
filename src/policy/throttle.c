#include "policy/throttle.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define ENTRIES 1024

/* A bucket that leaks `limit` counts a window: the same as a sliding count, without a list of times. */
struct entry {
    char who[48];
    double level;
    int64_t at_ns;
};

struct throttle {
    pthread_mutex_t lock;
    double limit;
    double leak_per_ns;
    struct entry entries[ENTRIES];
};

struct throttle *throttle_new(unsigned limit, unsigned window_s) {
    struct throttle *t = lh_calloc(1, sizeof *t);
    pthread_mutex_init(&t->lock, NULL);
    t->limit = (double)limit;
    t->leak_per_ns = (double)limit / ((double)window_s * 1e9);
    return t;
}

void throttle_free(struct throttle *t) {
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    lh_free(t);
}

static struct entry *find(struct throttle *t, const char *who) {
    for (size_t i = 0; i < ENTRIES; i++)
        if (strcmp(t->entries[i].who, who) == 0)
            return &t->entries[i];
    return NULL;
}

static void leak(const struct throttle *t, struct entry *e, int64_t now_ns) {
    e->level -= (double)(now_ns - e->at_ns) * t->leak_per_ns;
    e->level = e->level < 0 ? 0 : e->level;
    e->at_ns = now_ns;
}

void throttle_count(struct throttle *t, const char *who, int64_t now_ns) {
    pthread_mutex_lock(&t->lock);
    struct entry *e = find(t, who);
    if (!e) {
        e = &t->entries[0];
        for (size_t i = 1; i < ENTRIES; i++)
            if (t->entries[i].at_ns < e->at_ns)
                e = &t->entries[i];
        snprintf(e->who, sizeof e->who, "%s", who);
        e->level = 0;
        e->at_ns = now_ns;
    }
    leak(t, e, now_ns);
    e->level += 1;
    pthread_mutex_unlock(&t->lock);
}

bool throttle_exceeded(struct throttle *t, const char *who, int64_t now_ns) {
    pthread_mutex_lock(&t->lock);
    struct entry *e = find(t, who);
    bool exceeded = false;
    if (e) {
        leak(t, e, now_ns);
        exceeded = e->level > t->limit - 1; /* the next failure would be over it */
    }
    pthread_mutex_unlock(&t->lock);
    return exceeded;
}
