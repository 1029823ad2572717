/* The event journal: durable appends from one and from many writers beside a bare fdatasync of the same disk, and histories
 * out of millions of events on it.
 *
 *     bench_journal [DIR] [MILLIONS]      DIR: on the disk to measure (default: a folder below $TMPDIR); MILLIONS: 10 */
#include "journal/journal.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/engine.h"
#include "engine/worker/host.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/ids.h"
#include "os/os.h"
#include "os/thread.h"
#include "store/local.h"
#include "store/object_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITERS = 16, SINGLE_APPENDS = 500, SECONDS = 5, LOOKUPS = 300, DAYS = 10 };

struct bench {
    struct os *os;
    struct engine *engine;
    struct object_store *store;
    struct journal *journal;
    char *dir;
};

static void must(enum lh_code code, const struct lh_err *err) {
    if (code == LH_OK)
        return;
    fprintf(stderr, "%s: %s %s\n", lh_code_name(code), err->message, err->detail);
    exit(1);
}

static double now_ms(struct bench *b) {
    return (double)os_monotonic_ns(b->os) / 1e6;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *name, double *times_ms, size_t count) {
    qsort(times_ms, count, sizeof *times_ms, by_value);
    printf("%-52s p50 %.3f ms, p95 %.3f ms, max %.3f ms\n", name, times_ms[count / 2], times_ms[count * 95 / 100],
           times_ms[count - 1]);
}

static void open_journal(struct bench *b) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(mem) char *wal = lh_asprintf("%s/wal", b->dir);
    LH_AUTO(mem) char *tmp = lh_asprintf("%s/tmp", b->dir);
    const struct journal_options options = {
        .os = b->os, .store = b->store, .engine = b->engine, .wal_dir = wal, .tmp_dir = tmp};
    must(journal_open(&options, &b->journal, &err), &err);
}

static void set_up(struct bench *b, const char *parent) {
    struct lh_err err = LH_ERR_INIT;
    b->dir = lh_asprintf("%s/lakehouse-bench-journal-%d", parent, (int)getpid());
    LH_AUTO(mem) char *root = lh_asprintf("%s/bucket", b->dir);
    LH_AUTO(mem) char *scratch = lh_asprintf("%s/tmp", b->dir);
    must(os_mkdir_all(b->os, AT_FDCWD, root, 0700, &err), &err);
    must(os_mkdir_all(b->os, AT_FDCWD, scratch, 0700, &err), &err);
    struct engine_config config;
    const char *roots[] = {root};
    engine_config_default(&config);
    config.scratch_dir = scratch;
    config.read_roots = roots;
    config.read_root_count = 1;
    must(engine_open(b->os, &config, NULL, NULL, &b->engine, &err), &err);
    must(object_store_open_local(b->os, root, &b->store, &err), &err);
}

/* ---- appends ---- */

static void append_one(struct bench *b, unsigned writer, unsigned n) {
    char entity[32], value[64];
    struct lh_err err = LH_ERR_INIT;
    snprintf(entity, sizeof entity, "candidates/C-%06u", n % 100000);
    snprintf(value, sizeof value, "{\"writer\":%u,\"n\":%u}", writer, n);
    const struct journal_event event = {.entity_type = "candidate",
                                        .entity_id = entity,
                                        .field = "status",
                                        .action = "update",
                                        .old_value = "\"screening\"",
                                        .new_value = value,
                                        .actor = "bench",
                                        .source = "bench"};
    must(journal_append(b->journal, &event, 1, 0, NULL, &err), &err);
}

static void measure_sync(struct bench *b) {
    static char frame[320];
    double times[SINGLE_APPENDS];
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(mem) char *path = lh_asprintf("%s/plain", b->dir);
    int fd;
    must(os_open(b->os, AT_FDCWD, path, O_RDWR | O_CREAT, 0600, 0, &fd, &err), &err);
    for (unsigned i = 0; i < SINGLE_APPENDS; i++) {
        double start = now_ms(b);
        must(os_pwrite_all(b->os, fd, frame, sizeof frame, i * sizeof frame, "plain", &err), &err);
        must(os_fdatasync(b->os, fd, "plain", &err), &err);
        times[i] = now_ms(b) - start;
    }
    os_close(b->os, fd);
    report("write and fdatasync of 320 bytes, nothing else", times, SINGLE_APPENDS);
}

static void measure_single(struct bench *b) {
    double times[SINGLE_APPENDS];
    append_one(b, 0, 0); /* makes the segment */
    for (unsigned i = 0; i < SINGLE_APPENDS; i++) {
        double start = now_ms(b);
        append_one(b, 0, i);
        times[i] = now_ms(b) - start;
    }
    report("one durable event, one writer", times, SINGLE_APPENDS);
}

struct writer {
    struct bench *bench;
    unsigned number;
    unsigned done;
    double until_ms;
};

static void write_on(void *arg) {
    struct writer *w = arg;
    while (now_ms(w->bench) < w->until_ms)
        append_one(w->bench, w->number, w->done++);
}

static void measure_many(struct bench *b) {
    struct writer writers[WRITERS];
    struct os_thread threads[WRITERS];
    struct lh_err err = LH_ERR_INIT;
    unsigned total = 0;
    double start = now_ms(b);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.bench = b, .number = i, .until_ms = start + SECONDS * 1000.0};
        threads[i] = (struct os_thread){.started = false};
        must(os_thread_start(&threads[i], "writer", 0, write_on, &writers[i], &err), &err);
    }
    for (unsigned i = 0; i < WRITERS; i++) {
        os_thread_join(&threads[i]);
        total += writers[i].done;
    }
    printf("%-52s %.0f events/s\n", "durable events, 16 writers", total / (now_ms(b) - start) * 1000);
    struct journal_flushed flushed;
    start = now_ms(b);
    must(journal_flush(b->journal, &flushed, &err), &err);
    printf("%-52s %zu events in %.2f s\n", "flush to Parquet", flushed.events, (now_ms(b) - start) / 1000);
}

/* ---- histories ---- */

/* Half a day's events as a file of the journal's form; every entity has one event a day, so that no file can be left out. */
static void put_half(struct bench *b, int day, int half, long rows) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    char name[LH_ULID_SIZE], key[128];
    buf_printf(
        &sql,
        "SELECT '01M%dD%dZZ' || lpad(CAST(i AS VARCHAR), 18, '0') AS id, "
        "make_timestamptz(1780000000000000 + %d * 86400000000 + i * 80000) AS ts, 'candidate' AS entity_type, "
        "'candidates/C-' || lpad(CAST((i * 7919) %% %ld AS VARCHAR), 7, '0') AS entity_id, 'status' AS field, "
        "'update' AS action, '\"screening\"' AS old_value, '{\"n\":' || i || '}' AS new_value, 'bench' AS actor, "
        "'bench' AS source, CAST(NULL AS VARCHAR) AS workspace_id FROM range(%ld, %ld) t(i)",
        day, half, day, 2 * rows, half * rows, (half + 1) * rows);
    const struct engine_query query = {.sql = buf_cstr(&sql),
                                       .format = ENGINE_PARQUET,
                                       .row_limit = UINT64_MAX,
                                       .timeout_ms = 600000,
                                       .cancel_fd = -1};
    struct engine_result *result = NULL;
    must(engine_query_start(b->engine, &query, &result, &err), &err);
    for (size_t len = 1; len > 0;) {
        const void *data;
        must(engine_result_read(result, &data, &len, &err), &err);
        buf_append(&bytes, data, len);
    }
    engine_result_close(result);
    os_ulid_loose(b->os, name);
    snprintf(key, sizeof key, "_journal/events/2026-05-%02d/%s.parquet", 10 + day, name);
    must(object_put(b->store, key, bytes.data, bytes.len, OBJECT_PUT_REPLACE, NULL, &err), &err);
}

static void make_past(struct bench *b, long millions) {
    struct lh_err err = LH_ERR_INIT;
    struct journal_compacted compacted;
    long half = millions * 1000000 / DAYS / 2;
    double start = now_ms(b);
    for (int day = 0; day < DAYS; day++)
        for (int h = 0; h < 2; h++)
            put_half(b, day, h, half);
    journal_close(b->journal);
    open_journal(b);
    must(journal_compact(b->journal, &compacted, &err), &err);
    struct journal_stats stats;
    must(journal_get_stats(b->journal, &stats, &err), &err);
    printf("%-52s %llu events, %llu files, %.0f MB, %.0f s\n", "made and merged", (unsigned long long)stats.events,
           (unsigned long long)stats.files, (double)stats.bytes / 1e6, (now_ms(b) - start) / 1000);
    journal_close(b->journal);
    start = now_ms(b);
    open_journal(b);
    printf("%-52s %.1f ms\n", "opening with these files", now_ms(b) - start);
}

static void measure_history(struct bench *b, const char *name, const char *format, long entities) {
    double times[LOOKUPS];
    struct lh_err err = LH_ERR_INIT;
    size_t found = 0;
    for (unsigned i = 0; i < LOOKUPS; i++) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        LH_AUTO(mem) char *entity = lh_asprintf(format, (long)(i * 104729L + 17) % entities);
        struct journal_event *events;
        size_t count;
        bool more;
        double start = now_ms(b);
        const struct journal_query query = {.entity_id = entity, .as_of_us = INT64_MAX, .limit = 1000};
        must(journal_history(b->journal, &query, arena, &events, &count, &more, &err), &err);
        times[i] = now_ms(b) - start;
        found += count;
    }
    LH_AUTO(mem) char *text = lh_asprintf("%s (%.1f events each)", name, (double)found / LOOKUPS);
    report(text, times, LOOKUPS);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "engine-host") == 0)
        return engine_host_main(argc, argv);
    struct bench b = {.os = os_real()};
    const char *tmp = getenv("TMPDIR");
    long millions = argc > 2 ? strtol(argv[2], NULL, 10) : 10;
    set_up(&b, argc > 1 ? argv[1] : tmp ? tmp : "/tmp");
    open_journal(&b);
    measure_sync(&b);
    measure_single(&b);
    measure_many(&b);
    make_past(&b, millions < 1 ? 1 : millions);
    measure_history(&b, "history, in every file", "candidates/C-%07ld", millions * 1000000 / DAYS);
    measure_history(&b, "history, in no file", "nobody-%ld", 1000000);
    journal_close(b.journal);
    engine_close(b.engine);
    object_store_free(b.store);
    struct lh_err err = LH_ERR_INIT;
    lh_ignore(os_remove_all(b.os, AT_FDCWD, b.dir, &err));
    lh_free(b.dir);
    return 0;
}
