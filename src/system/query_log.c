/* One ring for all: an entry keeps its place from begin to end.  Where the ring is full the oldest ended entry makes room; running
 * ones never do, so the ring grows with the statements that run at one time (the engine bounds those). */
#include "system/query_log.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "os/clock.h"

#include <pthread.h>
#include <string.h>

struct entry {
    uint64_t number; /* rises */
    char *id, *principal, *sql;
    bool running;
    int64_t started_us, started_ns, elapsed_us;
    struct query_log_result result;
};

struct query_log {
    struct os *os;
    size_t ended_max, ended;
    pthread_mutex_t lock;  /* guards what follows */
    struct entry *entries; /* by number */
    size_t count, room;
    uint64_t last_number;
};

struct query_log *query_log_new(struct os *os, size_t ended_max) {
    struct query_log *log = lh_calloc(1, sizeof *log);
    log->os = os;
    log->ended_max = ended_max;
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

static void entry_deinit(struct entry *e) {
    lh_free(e->id);
    lh_free(e->principal);
    lh_free(e->sql);
}

void query_log_free(struct query_log *log) {
    if (!log)
        return;
    for (size_t i = 0; i < log->count; i++)
        entry_deinit(&log->entries[i]);
    lh_free(log->entries);
    pthread_mutex_destroy(&log->lock);
    lh_free(log);
}

/* The beginning of a long text, cut between characters. */
static char *beginning(const char *sql) {
    size_t len = strlen(sql);
    if (len > QUERY_LOG_SQL_MAX)
        for (len = QUERY_LOG_SQL_MAX; len > 0 && ((unsigned char)sql[len] & 0xc0) == 0x80;)
            len--;
    char *text = lh_malloc(len + 1);
    memcpy(text, sql, len);
    text[len] = '\0';
    return text;
}

/* The oldest ended entries go, in one pass: half of them, so that few calls pay. */
static void forget_ended(struct query_log *log) {
    size_t kept = 0, to_forget = log->ended > log->ended_max ? log->ended - log->ended_max / 2 : 0;
    for (size_t i = 0; i < log->count; i++) {
        if (!log->entries[i].running && to_forget > 0) {
            entry_deinit(&log->entries[i]);
            log->ended--;
            to_forget--;
            continue;
        }
        log->entries[kept++] = log->entries[i];
    }
    log->count = kept;
}

uint64_t query_log_begin(struct query_log *log, const char *id, const char *principal, const char *sql) {
    struct entry e = {
        .id = lh_strdup(id),
        .principal = lh_strdup(principal),
        .sql = beginning(sql),
        .running = true,
        .started_us = os_realtime_us(log->os),
        .started_ns = os_monotonic_ns(log->os),
    };
    pthread_mutex_lock(&log->lock);
    if (log->count == log->room) {
        log->room = log->room ? log->room * 2 : 64;
        log->entries = lh_realloc(log->entries, log->room * sizeof *log->entries);
    }
    e.number = ++log->last_number;
    log->entries[log->count++] = e;
    pthread_mutex_unlock(&log->lock);
    return e.number;
}

static struct entry *find(struct query_log *log, uint64_t number) {
    size_t low = 0, high = log->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->entries[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < log->count && log->entries[low].number == number ? &log->entries[low] : NULL;
}

void query_log_end(struct query_log *log, uint64_t number, const struct query_log_result *result) {
    int64_t now_ns = os_monotonic_ns(log->os);
    pthread_mutex_lock(&log->lock);
    struct entry *e = find(log, number);
    if (e && e->running) {
        e->running = false;
        e->elapsed_us = (now_ns - e->started_ns) / 1000;
        e->result = *result;
        log->ended++;
        if (log->ended > log->ended_max)
            forget_ended(log);
    }
    pthread_mutex_unlock(&log->lock);
}

void query_log_list(struct query_log *log, struct arena *arena, struct query_log_entry **ret_entries,
                    size_t *ret_count) {
    int64_t now_ns = os_monotonic_ns(log->os);
    pthread_mutex_lock(&log->lock);
    struct query_log_entry *list = arena_alloc(arena, (log->count + 1) * sizeof *list);
    for (size_t i = 0; i < log->count; i++) {
        const struct entry *e = &log->entries[i];
        list[i] = (struct query_log_entry){
            .id = arena_strdup(arena, e->id),
            .principal = arena_strdup(arena, e->principal),
            .sql = arena_strdup(arena, e->sql),
            .running = e->running,
            .started_us = e->started_us,
            .elapsed_us = e->running ? (now_ns - e->started_ns) / 1000 : e->elapsed_us,
            .result = e->result,
        };
    }
    *ret_entries = list;
    *ret_count = log->count;
    pthread_mutex_unlock(&log->lock);
}
