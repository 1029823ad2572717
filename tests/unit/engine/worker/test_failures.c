/* What goes wrong in a worker, or around it, costs one request a clear error and nobody else anything. */
#include "unit/engine/worker/engine_fixture.h"

#include "os/thread.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

static struct fixture fx;

static void small(struct engine_config *config) {
    config->workers = 1;
    config->queue_length = 1;
    config->queue_wait_ms = 3000;
    config->cancel_grace_ms = 1500;
    config->memory_bytes = 256 << 20;
    config->address_space_bytes = UINT64_C(3) << 30;
}

static int open_engine(void **state) {
    (void)state;
    fixture_open(&fx, small);
    return 0;
}

static int close_engine(void **state) {
    (void)state;
    fixture_close(&fx);
    return 0;
}

static void assert_works(void) {
    assert_sql_csv(&fx, "SELECT 1 AS a", "a\r\n1\r\n");
}

/* Wait until the keeper has nothing left to replace. */
static void settle(struct engine_stats *ret_stats) {
    struct engine_stats last = {.workers_started = UINT64_MAX};
    for (;;) {
        engine_get_stats(fx.engine, ret_stats);
        if (ret_stats->workers_started == last.workers_started && ret_stats->workers_idle > 0)
            return;
        last = *ret_stats;
        os_sleep_ms(fx.os, 300);
    }
}

/* The pids below `parent` whose title begins with `title`, at most one page of /proc. */
static size_t find_processes(pid_t parent, const char *title, pid_t *ret_pids, size_t cap) {
    size_t count = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc));) {
        char path[300], stat_text[512] = "", cmdline[256] = "";
        if (!isdigit((unsigned char)entry->d_name[0]))
            continue;
        snprintf(path, sizeof path, "/proc/%s/stat", entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        stat_text[fread(stat_text, 1, sizeof stat_text - 1, file)] = '\0';
        fclose(file);
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        file = fopen(path, "r");
        if (file) {
            cmdline[fread(cmdline, 1, sizeof cmdline - 1, file)] = '\0';
            fclose(file);
        }
        const char *after_name = strrchr(stat_text, ')');
        int ppid = 0;
        char run_state;
        if (after_name && sscanf(after_name + 1, " %c %d", &run_state, &ppid) == 2 && ppid == parent &&
            run_state != 'Z' && strncmp(cmdline, title, strlen(title)) == 0 && count < cap)
            ret_pids[count++] = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    closedir(proc);
    return count;
}

static pid_t host_pid(void) {
    pid_t pid;
    assert_int_equal(find_processes(getpid(), "lakehouse: engine host", &pid, 1), 1);
    return pid;
}

/* ---- the host ---- */

/* The database that it prepared is copied by fork, which copies one thread. */
static void the_host_has_one_thread(void **state) {
    (void)state;
    char path[64], line[128];
    int threads = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)host_pid());
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        sscanf(line, "Threads: %d", &threads);
    fclose(file);
    assert_int_equal(threads, 1);
}

/* Ends the worker that serves it: its session is not fit for another statement. */
static void spoil_a_session(void) {
    struct lh_err err = LH_ERR_INIT;
    struct engine_query query =
        query_of("SELECT * FROM query('SELECT * FROM enable_logging(storage=''file'', storage_path=''/nowhere'')')");
    lh_ignore(run_query(&fx, &query, NULL, NULL, &err));
}

/* Copies of one database, which yet must not deal the same cards. */
static void workers_do_not_share_their_randomness(void **state) {
    (void)state;
    struct buf values[2] = {BUF_INIT, BUF_INIT};
    struct lh_err err = LH_ERR_INIT;
    for (int i = 0; i < 2; i++) {
        struct engine_query query = query_of("SELECT random(), uuid()");
        assert_int_equal(run_query(&fx, &query, &values[i], NULL, &err), LH_OK);
        spoil_a_session();
    }
    assert_string_not_equal(buf_cstr(&values[0]), buf_cstr(&values[1]));
    buf_release(&values[0]);
    buf_release(&values[1]);
}

/* ---- crashes ---- */

static void kill_workers_later(void *arg) {
    pid_t host = *(pid_t *)arg, pids[8];
    os_sleep_ms(fx.os, 200);
    size_t count = find_processes(host, "lakehouse: admin worker", pids, 8);
    for (size_t i = 0; i < count; i++)
        kill(pids[i], SIGABRT);
}

static void a_crash_costs_its_own_request(void **state) {
    (void)state;
    struct os_thread killer;
    struct lh_err err = LH_ERR_INIT;
    pid_t host = host_pid();
    assert_works();
    assert_int_equal(os_thread_start(&killer, "killer", 0, kill_workers_later, &host, &err), LH_OK);
    assert_sql_fails(&fx, "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b", LH_CRASH, &err);
    os_thread_join(&killer);
    assert_non_null(strstr(err.message, "signal 6"));
    os_sleep_ms(fx.os, 100); /* the spare was hit as well; let it be gone */
    for (int i = 0; i < 3; i++)
        assert_works();
    struct engine_stats stats;
    engine_get_stats(fx.engine, &stats);
    assert_int_equal(stats.crashes, 1);
}

/* The known way to make DuckDB itself fall over. */
static void a_crash_inside_duckdb_is_told(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    assert_sql_fails(&fx, "SELECT json_structure(repeat('[', 5000000) || repeat(']', 5000000))", LH_CRASH, &err);
#if !defined(__SANITIZE_ADDRESS__) /* which turns the signal into an exit status */
    assert_non_null(strstr(err.message, "crashed (signal"));
#endif
    assert_works();
}

static void a_dead_host_is_started_again(void **state) {
    (void)state;
    struct engine_stats before, after;
    engine_get_stats(fx.engine, &before);
    pid_t host = host_pid();
    kill(host, SIGKILL);
    os_sleep_ms(fx.os, 300);
    pid_t orphans[8];
    assert_int_equal(find_processes(host, "lakehouse: admin worker", orphans, 8), 0);
    for (int i = 0; i < 3; i++)
        assert_works();
    engine_get_stats(fx.engine, &after);
    assert_true(after.host_starts > before.host_starts);
    assert_int_not_equal(host_pid(), host);
}

/* ---- limits ---- */

static void limits_are_told_and_survived(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    assert_sql_fails(&fx, "SELECT list(range) FROM range(400000000)", LH_LIMIT, &err);
    assert_non_null(strstr(err.hint, "memory"));
#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) /* the address space has no limit then (os/sandbox.c) */
    assert_sql_fails(&fx, "SELECT length(repeat('x', 4000000000))", LH_LIMIT, &err);
#endif
    assert_works();
}

static void deadlines_hold(void **state) {
    (void)state;
    static const char *const statements[] = {
        "SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b",
        /* Deaf to an interrupt: ends by SIGKILL. */
        "SELECT levenshtein(repeat('a', 200000), repeat('b', 200000) || 'x')",
    };
    for (size_t i = 0; i < 2; i++) {
        struct lh_err err = LH_ERR_INIT;
        struct engine_query query = query_of(statements[i]);
        query.timeout_ms = 300;
        int64_t start_ns = os_monotonic_ns(fx.os);
        assert_int_equal(run_query(&fx, &query, NULL, NULL, &err), LH_TIMEOUT);
        assert_non_null(strstr(err.message, "300 ms"));
        assert_true(os_monotonic_ns(fx.os) - start_ns < INT64_C(8000000000));
        assert_works();
    }
}

/* ---- cancels ---- */

static void close_later(void *arg) {
    os_sleep_ms(fx.os, 200);
    close(*(int *)arg);
}

static void a_client_that_goes_ends_its_query(void **state) {
    (void)state;
    int ends[2];
    struct os_thread closer;
    struct lh_err err = LH_ERR_INIT;
    struct engine_stats stats;
    pid_t before[8], after[8];
    settle(&stats);
    size_t before_count = find_processes(host_pid(), "lakehouse: admin worker", before, 8);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(os_thread_start(&closer, "closer", 0, close_later, &ends[1], &err), LH_OK);
    struct engine_query query = query_of("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b");
    query.cancel_fd = ends[0];
    assert_int_equal(run_query(&fx, &query, NULL, NULL, &err), LH_CANCELLED);
    os_thread_join(&closer);
    close(ends[0]);
    assert_works();
    /* The interrupt was enough: no worker had to be ended. */
    size_t after_count = find_processes(host_pid(), "lakehouse: admin worker", after, 8), alive = 0;
    for (size_t i = 0; i < before_count * after_count; i++)
        alive += before[i / after_count] == after[i % after_count];
    assert_int_equal(alive, before_count);
}

static void a_result_closed_early_frees_its_worker(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct engine_query query = query_of("SELECT range, repeat('x', 100) FROM range(100000000)");
        struct engine_result *result;
        struct lh_err err = LH_ERR_INIT;
        const void *data;
        size_t len;
        assert_int_equal(engine_query_start(fx.engine, &query, &result, &err), LH_OK);
        assert_int_equal(engine_result_read(result, &data, &len, &err), LH_OK);
        assert_true(len > 0);
        engine_result_close(result);
        assert_works();
    }
}

static void an_error_after_data_is_an_error(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    struct buf out = BUF_INIT;
    struct engine_query query =
        query_of("SELECT CASE WHEN range > 3000000 THEN error('late') ELSE 'abcdefgh' END AS x FROM range(9000000)");
    assert_int_equal(run_query(&fx, &query, &out, NULL, &err), LH_SQL);
    assert_true(out.len > 1000000);
    assert_non_null(strstr(err.message, "late"));
    buf_release(&out);
    /* Before any byte has left it is an error of the start, and nothing has to be cut. */
    query = query_of("SELECT CASE WHEN range > 1500 THEN error('early') ELSE range END AS x FROM range(3000)");
    struct engine_result *result;
    assert_int_equal(engine_query_start(fx.engine, &query, &result, &err), LH_SQL);
    assert_works();
}

/* ---- the queue ---- */

struct holding {
    int timeout_ms;
    enum lh_code got; /* judged by the test's own thread */
};

static void hold_a_worker(void *arg) {
    struct holding *h = arg;
    struct lh_err err = LH_ERR_INIT;
    struct engine_query query = query_of("SELECT sum(a.range * b.range) FROM range(1000000) a, range(1000000) b");
    query.timeout_ms = h->timeout_ms;
    h->got = run_query(&fx, &query, NULL, NULL, &err);
}

static void wait_until_there_are(unsigned busy, unsigned waiting) {
    struct engine_stats stats;
    do {
        os_sleep_ms(fx.os, 5);
        engine_get_stats(fx.engine, &stats);
    } while (stats.workers_busy != busy || stats.waiting != waiting);
}

static void a_full_queue_is_busy(void **state) {
    (void)state;
    struct os_thread holder, waiter;
    struct lh_err err = LH_ERR_INIT;
    struct holding held = {.timeout_ms = 4000}, waited = {.timeout_ms = 2500};
    struct engine_stats stats;
    settle(&stats);
    assert_int_equal(os_thread_start(&holder, "holder", 0, hold_a_worker, &held, &err), LH_OK);
    wait_until_there_are(1, 0);
    assert_int_equal(os_thread_start(&waiter, "waiter", 0, hold_a_worker, &waited, &err), LH_OK);
    wait_until_there_are(1, 1);
    assert_sql_fails(&fx, "SELECT 1", LH_BUSY, &err);
    engine_get_stats(fx.engine, &stats);
    assert_int_equal(stats.waiting, 1); /* it was refused at once: the waiter is waiting still */
    os_thread_join(&waiter);
    assert_int_equal(waited.got, LH_TIMEOUT);
    /* The waiter has left the queue by its own deadline; there is room again, and the holder's end lets this one in. */
    assert_works();
    os_thread_join(&holder);
    assert_int_equal(held.got, LH_TIMEOUT);
}

/* ---- sessions ---- */

/* A statement that spoils the session is not noticed by the next one. */
static void a_spoilt_session_is_not_used_again(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        spoil_a_session();
        assert_works();
        assert_works();
    }
}

static void nothing_is_left_behind(void **state) {
    (void)state;
    char **names;
    size_t count;
    struct lh_err err = LH_ERR_INIT;
    struct engine_stats stats;
    settle(&stats);
    assert_int_equal(stats.workers_busy, 0);
    assert_int_equal(os_list_dir(fx.os, AT_FDCWD, fx.scratch, 0, &names, &count, &err), LH_OK);
    assert_int_equal(count, stats.workers_idle);
    os_list_free(names, count);
    pid_t pids[16];
    assert_int_equal(find_processes(host_pid(), "lakehouse: admin worker", pids, 16), stats.workers_idle);
}

int main(int argc, char **argv) {
    ENGINE_TEST_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_has_one_thread),
        cmocka_unit_test(workers_do_not_share_their_randomness),
        cmocka_unit_test(a_crash_costs_its_own_request),
        cmocka_unit_test(a_crash_inside_duckdb_is_told),
        cmocka_unit_test(a_dead_host_is_started_again),
        cmocka_unit_test(limits_are_told_and_survived),
        cmocka_unit_test(deadlines_hold),
        cmocka_unit_test(a_client_that_goes_ends_its_query),
        cmocka_unit_test(a_result_closed_early_frees_its_worker),
        cmocka_unit_test(an_error_after_data_is_an_error),
        cmocka_unit_test(a_full_queue_is_busy),
        cmocka_unit_test(a_spoilt_session_is_not_used_again),
        cmocka_unit_test(nothing_is_left_behind),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
