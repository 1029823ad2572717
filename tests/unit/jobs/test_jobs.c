/* The registry of jobs: states, single flight, cancelling, waiting, restarts, kill -9, and a store that fails. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "jobs/jobs.h"
#include "os/clock.h"
#include "os/os.h"
#include "store/local.h"
#include "store/object_store.h"
#include "twin/object_store_faulty.h"
#include "twin/temp_dir.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_MS 20000

struct jobs_fixture {
    struct object_store *store;
    struct jobs *jobs;
    atomic_int runs;
    atomic_int fail_runs;  /* so many runs fail */
    atomic_int retry_runs; /* so many runs ask to be run again */
    atomic_bool hold;      /* runs stay until cancelled or this falls */
    unsigned notices;
};

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s (%s)", lh_code_name(code), err->message, err->detail);
}

static void count_notice(void *ctx, enum lh_code code, const char *text) {
    (void)code;
    (void)text;
    ((struct jobs_fixture *)ctx)->notices++;
}

/* Counts to ten, a checkpoint a step. */
static enum lh_code count_up(struct job *job, void *ctx, struct lh_err *err) {
    struct jobs_fixture *f = ctx;
    LH_AUTO(json) json_t *from = job_checkpoint(job);
    atomic_fetch_add(&f->runs, 1);
    if (atomic_load(&f->fail_runs) > 0) {
        atomic_fetch_sub(&f->fail_runs, 1);
        lh_ignore(lh_fail(err, LH_DATA, "the file is odd"));
        return lh_err_hint(err, "mend it");
    }
    if (atomic_load(&f->retry_runs) > 0) {
        atomic_fetch_sub(&f->retry_runs, 1);
        job_retry_later(job, 20);
        return lh_fail(err, LH_UPSTREAM, "nobody answers");
    }
    for (json_int_t i = json_integer_value(json_object_get(from, "step")); i < 10; i++) {
        while (atomic_load(&f->hold)) {
            struct pollfd fd = {.fd = job_cancel_fd(job), .events = POLLIN};
            poll(&fd, 1, 10);
            LH_TRY(job_check(job, err));
        }
        LH_AUTO(json) json_t *step = json_pack("{s:I}", "step", i + 1);
        LH_TRY(job_save_checkpoint(job, step, err));
        job_progress(job, (uint64_t)i + 1, 10, "steps");
    }
    LH_AUTO(json) json_t *result = json_pack("{s:i}", "steps", 10);
    job_set_result(job, result);
    return LH_OK;
}

static void open_jobs(struct jobs_fixture *f, bool resume) {
    struct lh_err err = LH_ERR_INIT;
    struct jobs_options options = {.os = os_real(),
                                   .store = f->store,
                                   .owner = "tester",
                                   .history = 5,
                                   .resume = resume,
                                   .notice = count_notice,
                                   .notice_ctx = f};
    ok(jobs_open(&options, &f->jobs, &err), &err);
    jobs_register(f->jobs, &(struct job_kind){.name = "count", .run = count_up, .ctx = f});
    jobs_register(f->jobs, &(struct job_kind){.name = "alone", .run = count_up, .ctx = f, .max_running = 1});
    ok(jobs_start(f->jobs, &err), &err);
}

static void reopen(struct jobs_fixture *f, bool resume) {
    jobs_close(f->jobs);
    open_jobs(f, resume);
}

static int set_up(void **state) {
    struct jobs_fixture *f = lh_calloc(1, sizeof *f);
    f->store = object_store_new_faulty();
    open_jobs(f, true);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct jobs_fixture *f = *state;
    jobs_close(f->jobs);
    object_store_free(f->store);
    lh_free(f);
    return 0;
}

static enum lh_code submit(struct jobs_fixture *f, const char *kind, const char *subject, int input, char *ret_id,
                           bool *ret_joined, struct lh_err *err) {
    LH_AUTO(json) json_t *json = input ? json_pack("{s:i}", "input", input) : NULL;
    struct job_request request = {.kind = kind, .subject = subject, .actor = "ana", .input = json};
    return jobs_submit(f->jobs, &request, ret_id, ret_joined, err);
}

static void submit_ok(struct jobs_fixture *f, const char *kind, const char *subject, char ret_id[LH_ULID_SIZE]) {
    struct lh_err err = LH_ERR_INIT;
    bool joined;
    ok(submit(f, kind, subject, 0, ret_id, &joined, &err), &err);
}

static struct job_info look(struct jobs_fixture *f, const char *id, int64_t wait_ms, struct arena *arena) {
    struct lh_err err = LH_ERR_INIT;
    struct job_info info;
    ok(jobs_wait(f->jobs, id, wait_ms, arena, &info, &err), &err);
    return info;
}

static enum job_state ended(struct jobs_fixture *f, const char *id) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    return look(f, id, WAIT_MS, arena).state;
}

static void until_state(struct jobs_fixture *f, const char *id, enum job_state state) {
    for (int tries = 0; tries < WAIT_MS / 5; tries++) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        if (look(f, id, 0, arena).state == state)
            return;
        os_sleep_ms(os_real(), 5);
    }
    fail_msg("the job never was %s", job_state_name(state));
}

/* ---- states ---- */

static void test_a_job_runs_to_its_end(void **state) {
    struct jobs_fixture *f = *state;
    LH_AUTO(arena) struct arena *arena = arena_new();
    char id[LH_ULID_SIZE];
    submit_ok(f, "count", "people", id);
    struct job_info info = look(f, id, WAIT_MS, arena);
    assert_int_equal(info.state, JOB_DONE);
    assert_string_equal(info.kind, "count");
    assert_string_equal(info.subject, "people");
    assert_string_equal(info.actor, "ana");
    assert_string_equal(info.result, "{\"steps\":10}");
    assert_string_equal(info.unit, "steps");
    assert_int_equal(info.done, 10);
    assert_true(info.created_us > 0 && info.started_us >= info.created_us && info.ended_us >= info.started_us);
    LH_AUTO(json) json_t *json = job_info_to_json(&info);
    assert_string_equal(json_string_value(json_object_get(json, "state")), "done");
    assert_null(json_object_get(json, "error"));
}

static void test_a_failed_job_says_why_after_a_restart_too(void **state) {
    struct jobs_fixture *f = *state;
    LH_AUTO(arena) struct arena *arena = arena_new();
    char id[LH_ULID_SIZE];
    atomic_store(&f->fail_runs, 1);
    submit_ok(f, "count", "people", id);
    assert_int_equal(ended(f, id), JOB_FAILED);
    reopen(f, true);
    struct job_info info = look(f, id, 0, arena);
    assert_int_equal(info.state, JOB_FAILED);
    assert_int_equal(info.error, LH_DATA);
    assert_string_equal(info.message, "the file is odd");
    assert_string_equal(info.hint, "mend it");
    assert_int_equal(atomic_load(&f->runs), 1);
}

static void test_a_job_that_waits_runs_again_by_itself(void **state) {
    struct jobs_fixture *f = *state;
    LH_AUTO(arena) struct arena *arena = arena_new();
    char id[LH_ULID_SIZE];
    atomic_store(&f->retry_runs, 3);
    submit_ok(f, "count", "people", id);
    struct job_info info = look(f, id, WAIT_MS, arena);
    assert_int_equal(info.state, JOB_DONE);
    assert_int_equal(info.error, LH_OK);
    assert_int_equal(atomic_load(&f->runs), 4);
}

static void test_one_flight_for_a_subject(void **state) {
    struct jobs_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    char first[LH_ULID_SIZE], second[LH_ULID_SIZE], other[LH_ULID_SIZE];
    bool joined;
    atomic_store(&f->hold, true);
    ok(submit(f, "count", "people", 1, first, &joined, &err), &err);
    assert_false(joined);
    ok(submit(f, "count", "people", 1, second, &joined, &err), &err);
    assert_true(joined);
    assert_string_equal(first, second);
    assert_int_equal(submit(f, "count", "people", 2, second, &joined, &err), LH_CONFLICT);
    assert_non_null(strstr(err.hint, first));
    ok(submit(f, "count", "places", 2, other, &joined, &err), &err);
    assert_false(joined);
    assert_int_equal(submit(f, "bake", "people", 0, second, &joined, &err), LH_INVALID);
    assert_int_equal(submit(f, "count", "", 0, second, &joined, &err), LH_INVALID);
    atomic_store(&f->hold, false);
    assert_int_equal(ended(f, first), JOB_DONE);
    ok(submit(f, "count", "people", 2, second, &joined, &err), &err);
    assert_false(joined);
    assert_int_equal(ended(f, second), JOB_DONE);
}

static void test_a_kind_may_run_alone(void **state) {
    struct jobs_fixture *f = *state;
    char first[LH_ULID_SIZE], second[LH_ULID_SIZE], other[LH_ULID_SIZE];
    LH_AUTO(arena) struct arena *arena = arena_new();
    atomic_store(&f->hold, true);
    submit_ok(f, "alone", "a", first);
    until_state(f, first, JOB_RUNNING);
    submit_ok(f, "alone", "b", second);
    submit_ok(f, "count", "c", other);
    until_state(f, other, JOB_RUNNING);
    assert_int_equal(look(f, second, 0, arena).state, JOB_QUEUED);
    atomic_store(&f->hold, false);
    assert_int_equal(ended(f, second), JOB_DONE);
}

/* ---- cancelling ---- */

static void test_cancel(void **state) {
    struct jobs_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    char running[LH_ULID_SIZE], queued[LH_ULID_SIZE];
    atomic_store(&f->hold, true);
    submit_ok(f, "alone", "a", running);
    until_state(f, running, JOB_RUNNING);
    submit_ok(f, "alone", "b", queued);
    ok(jobs_cancel(f->jobs, queued, &err), &err);
    assert_int_equal(ended(f, queued), JOB_CANCELLED);
    ok(jobs_cancel(f->jobs, running, &err), &err);
    assert_int_equal(ended(f, running), JOB_CANCELLED);
    assert_int_equal(jobs_cancel(f->jobs, running, &err), LH_CONFLICT);
    assert_int_equal(jobs_cancel(f->jobs, "01KAHV00000000000000000000", &err), LH_NOT_FOUND);
    reopen(f, true);
    assert_int_equal(ended(f, running), JOB_CANCELLED);
    assert_int_equal(atomic_load(&f->runs), 1);
}

static void test_a_waiting_job_can_be_cancelled(void **state) {
    struct jobs_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(arena) struct arena *arena = arena_new();
    char id[LH_ULID_SIZE];
    atomic_store(&f->retry_runs, 1000000);
    submit_ok(f, "count", "people", id);
    until_state(f, id, JOB_WAITING);
    assert_int_equal(look(f, id, 0, arena).error, LH_UPSTREAM);
    while (jobs_cancel(f->jobs, id, &err) == LH_OK && ended(f, id) != JOB_CANCELLED)
        ;
    assert_int_equal(ended(f, id), JOB_CANCELLED);
}

/* ---- restarts ---- */

static void test_a_stop_ends_no_job(void **state) {
    struct jobs_fixture *f = *state;
    LH_AUTO(arena) struct arena *arena = arena_new();
    char id[LH_ULID_SIZE];
    atomic_store(&f->hold, true);
    submit_ok(f, "count", "people", id);
    until_state(f, id, JOB_RUNNING);
    for (int i = 0; i < 2 * JOBS_ATTEMPTS; i++) { /* stops are no crashes */
        reopen(f, true);
        until_state(f, id, JOB_RUNNING);
    }
    atomic_store(&f->hold, false);
    assert_int_equal(ended(f, id), JOB_DONE);
}

static void test_a_passing_visitor_leaves_jobs_alone(void **state) {
    struct jobs_fixture *f = *state;
    char id[LH_ULID_SIZE], again[LH_ULID_SIZE];
    atomic_store(&f->hold, true);
    submit_ok(f, "count", "people", id);
    until_state(f, id, JOB_RUNNING);
    reopen(f, false);
    atomic_store(&f->hold, false);
    int runs = atomic_load(&f->runs);
    os_sleep_ms(os_real(), 30);
    assert_int_equal(atomic_load(&f->runs), runs);
    submit_ok(f, "count", "people", again);
    assert_string_equal(again, id);
    assert_int_equal(ended(f, id), JOB_DONE);
}

static void test_history_is_bounded(void **state) {
    struct jobs_fixture *f = *state;
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct jobs_filter filter = {.state = -1, .limit = 3};
    struct job_info *infos;
    size_t count;
    bool more;
    char ids[12][LH_ULID_SIZE];
    for (int i = 0; i < 12; i++) {
        submit_ok(f, "count", "people", ids[i]);
        assert_int_equal(ended(f, ids[i]), JOB_DONE);
    }
    reopen(f, true);
    jobs_list(f->jobs, &filter, arena, &infos, &count, &more);
    assert_int_equal(count, 3);
    assert_true(more);
    for (int i = 0; i < 3; i++)
        assert_string_equal(infos[i].id, ids[11 - i]);
    filter.before = infos[2].id;
    jobs_list(f->jobs, &filter, arena, &infos, &count, &more);
    assert_int_equal(count, 2);
    assert_false(more);
    assert_string_equal(infos[1].id, ids[7]);
    filter = (struct jobs_filter){.state = JOB_FAILED, .limit = 10};
    jobs_list(f->jobs, &filter, arena, &infos, &count, &more);
    assert_int_equal(count, 0);
}

/* ---- a store that fails ---- */

static void test_a_full_store(void **state) {
    struct jobs_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    char id[LH_ULID_SIZE];
    bool joined;
    object_store_faulty_add(f->store, (struct faulty_rule){.op = FAULTY_PUT, .kind = FAULTY_FAIL, .code = LH_NO_SPACE});
    assert_int_equal(submit(f, "count", "people", 0, id, &joined, &err), LH_NO_SPACE);
    object_store_faulty_clear(f->store);
    atomic_store(&f->hold, true);
    submit_ok(f, "count", "people", id); /* the refused one does not stand in the way */
    until_state(f, id, JOB_RUNNING);
    while (object_store_faulty_calls(f->store, FAULTY_PUT) < 3) /* the refused one, its submit, its start */
        os_sleep_ms(os_real(), 1);
    object_store_faulty_add(f->store, (struct faulty_rule){.op = FAULTY_PUT, .kind = FAULTY_FAIL, .code = LH_NO_SPACE});
    assert_int_equal(jobs_cancel(f->jobs, id, &err), LH_NO_SPACE);
    assert_int_equal(ended(f, id), JOB_CANCELLED); /* in this life */
    object_store_faulty_clear(f->store);
    atomic_store(&f->hold, false);
    reopen(f, true);
    assert_int_equal(ended(f, id), JOB_DONE); /* as the error said */
    assert_true(f->notices > 0);
}

static void test_a_damaged_record_is_left_alone(void **state) {
    struct jobs_fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    const char *key = "_jobs/tester/01KAHV00000000000000000000.json";
    ok(object_put(f->store, key, "{\"id\":", 6, OBJECT_PUT_REPLACE, NULL, &err), &err);
    reopen(f, true);
    assert_int_equal(f->notices, 1);
    ok(object_head(f->store, key, NULL, &err), &err);
}

/* ---- kill -9 ---- */

/* One object a step, put if absent: a second time changes nothing. */
static enum lh_code write_steps(struct job *job, void *ctx, struct lh_err *err) {
    struct object_store *store = ctx;
    LH_AUTO(json) json_t *from = job_checkpoint(job);
    for (json_int_t i = json_integer_value(json_object_get(from, "step")); i < 40; i++) {
        char key[64];
        snprintf(key, sizeof key, "steps/%s/%02d", job_id(job), (int)i);
        enum lh_code code = object_put(store, key, "x", 1, OBJECT_PUT_IF_ABSENT, NULL, err);
        if (code != LH_OK && code != LH_EXISTS)
            return code;
        LH_AUTO(json) json_t *step = json_pack("{s:I}", "step", i + 1);
        LH_TRY(job_save_checkpoint(job, step, err));
        job_progress(job, (uint64_t)i + 1, 40, "steps");
    }
    return LH_OK;
}

static enum lh_code die(struct job *job, void *ctx, struct lh_err *err) {
    (void)job;
    (void)ctx;
    (void)err;
    raise(SIGKILL);
    return LH_OK;
}

/* A life on `root`: with `submit` it asks for the job of `kind`; it waits until `until` steps are done (0: for the end). */
static void live(const char *root, const char *kind, uint64_t until) {
    struct lh_err err = LH_ERR_INIT;
    struct object_store *store;
    struct jobs *jobs;
    char id[LH_ULID_SIZE];
    bool joined;
    if (object_store_open_local(os_real(), root, &store, &err) != LH_OK)
        _exit(3);
    struct jobs_options options = {.os = os_real(), .store = store, .owner = "tester", .resume = true};
    if (jobs_open(&options, &jobs, &err) != LH_OK)
        _exit(4);
    jobs_register(jobs, &(struct job_kind){.name = "steps", .run = write_steps, .ctx = store});
    jobs_register(jobs, &(struct job_kind){.name = "die", .run = die});
    struct job_request request = {.kind = kind, .subject = "s", .actor = "ana"};
    if (jobs_start(jobs, &err) != LH_OK || jobs_submit(jobs, &request, id, &joined, &err) != LH_OK)
        _exit(5);
    for (;;) {
        struct arena *arena = arena_new();
        struct job_info info;
        if (jobs_wait(jobs, id, 1, arena, &info, &err) != LH_OK)
            _exit(6);
        if (until > 0 && info.done >= until)
            raise(SIGKILL);
        if (!job_state_is_active(info.state))
            break;
        arena_free(arena);
    }
    _exit(0);
}

static int run_life(const char *root, const char *kind, uint64_t until) {
    pid_t pid = fork();
    if (pid == 0)
        live(root, kind, until);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_a_killed_job_goes_on_where_it_stood(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(arena) struct arena *arena = arena_new();
    char *root = temp_dir_new();
    for (uint64_t until = 5; until <= 35; until += 10) {
        int status = run_life(root, "steps", until);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    int status = run_life(root, "steps", 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    struct object_store *store;
    struct object_info *items;
    size_t count;
    bool more;
    ok(object_store_open_local(os_real(), root, &store, &err), &err);
    ok(object_list(store, "steps/", "", 1000, arena, &items, &count, &more, &err), &err);
    assert_int_equal(count, 40); /* all of one job: nothing twice, nothing lost */
    ok(object_list(store, "_jobs/tester/", "", 1000, arena, &items, &count, &more, &err), &err);
    assert_int_equal(count, 1);
    object_store_free(store);
    temp_dir_free(root);
}

static void test_a_job_that_kills_the_server_is_given_up(void **state) {
    (void)state;
    char *root = temp_dir_new();
    for (int i = 0; i < JOBS_ATTEMPTS; i++)
        assert_true(WIFSIGNALED(run_life(root, "die", 0)));
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(jobs) struct jobs *jobs = NULL;
    struct object_store *store;
    struct job_info *infos;
    size_t count;
    bool more;
    ok(object_store_open_local(os_real(), root, &store, &err), &err);
    struct jobs_options options = {.os = os_real(), .store = store, .owner = "tester", .resume = true};
    ok(jobs_open(&options, &jobs, &err), &err);
    jobs_list(jobs, &(struct jobs_filter){.state = JOB_FAILED, .limit = 10}, arena, &infos, &count, &more);
    assert_int_equal(count, 1);
    assert_int_equal(infos[0].error, LH_CRASH);
    jobs_close(LH_STEAL(jobs));
    object_store_free(store);
    temp_dir_free(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* Those that fork come first: no thread of another test is there to be copied half. */
        cmocka_unit_test(test_a_killed_job_goes_on_where_it_stood),
        cmocka_unit_test(test_a_job_that_kills_the_server_is_given_up),
        cmocka_unit_test_setup_teardown(test_a_job_runs_to_its_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_failed_job_says_why_after_a_restart_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_job_that_waits_runs_again_by_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_flight_for_a_subject, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_kind_may_run_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_waiting_job_can_be_cancelled, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_stop_ends_no_job, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_passing_visitor_leaves_jobs_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_history_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_full_store, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_damaged_record_is_left_alone, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
