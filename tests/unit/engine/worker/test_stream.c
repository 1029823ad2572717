/* Large results: all formats arrive whole, and memory does not grow with the result, however slow the reader. */
#include "unit/engine/worker/engine_fixture.h"

static struct fixture fx;

static int open_engine(void **state) {
    (void)state;
    fixture_open(&fx, NULL);
    return 0;
}

static int close_engine(void **state) {
    (void)state;
    fixture_close(&fx);
    return 0;
}

/* A field of /proc/PID/status in kB. */
static long status_kb(const char *pid, const char *field) {
    char path[64], line[256];
    long value = 0;
    snprintf(path, sizeof path, "/proc/%s/status", pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        if (strncmp(line, field, strlen(field)) == 0)
            value = strtol(line + strlen(field) + 1, NULL, 10);
    }
    fclose(file);
    return value;
}

static void a_million_rows_to_a_slow_reader(void **state) {
    (void)state;
    struct engine_query query = query_of("SELECT range AS id, repeat('x', 200) AS text FROM range(1000000)");
    struct engine_result *result;
    struct lh_err err = LH_ERR_INIT;
    size_t total = 0, lines = 0, pieces = 0, largest = 0;
    query.timeout_ms = 60000;
    assert_int_equal(engine_query_start(fx.engine, &query, &result, &err), LH_OK);
    long before_kb = status_kb("self", "VmRSS");
    for (;;) {
        const void *data;
        size_t len;
        if (engine_result_read(result, &data, &len, &err) != LH_OK)
            fail_msg("%s", err.message);
        if (len == 0)
            break;
        for (const char *p = data, *end = p + len; (p = memchr(p, '\n', (size_t)(end - p))); p++)
            lines++;
        total += len;
        largest = len > largest ? len : largest;
        if (pieces++ < 20)
            os_sleep_ms(fx.os, 10);
    }
    struct engine_result_stats stats;
    engine_result_stats(result, &stats);
    engine_result_close(result);
    assert_int_equal(stats.row_count, 1000000);
    assert_int_equal(lines, 1000001);
    assert_true(total > 200000000);
    assert_true(largest <= 256 * 1024);
    assert_true(status_kb("self", "VmRSS") - before_kb < 4096);
}

static void a_small_result_is_one_text(void **state) {
    (void)state;
    static const struct {
        size_t max_bytes;
        enum lh_code code;
        const char *text;
    } rows[] = {{7, LH_OK, "> x\r\n1\r\n"}, {6, LH_OK, "> x\r\n1\r\n"}, {5, LH_TOO_LARGE, "> "}};
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct engine_query query = query_of("SELECT 1 AS x");
        LH_AUTO(engine_result) struct engine_result *result = NULL;
        LH_AUTO(buf) struct buf text = BUF_INIT;
        struct lh_err err = LH_ERR_INIT;
        buf_append_str(&text, "> "); /* what is there already stays, and does not count */
        assert_int_equal(engine_query_start(fx.engine, &query, &result, &err), LH_OK);
        assert_int_equal(engine_result_read_all(result, "the number", rows[i].max_bytes, &text, &err), rows[i].code);
        assert_string_equal(buf_cstr(&text), rows[i].text);
        assert_string_equal(err.message, rows[i].code == LH_OK ? "" : "the number has more than 5 bytes");
    }
}

static void every_format_arrives(void **state) {
    (void)state;
    static const struct {
        enum engine_format format;
        const char *starts, *ends;
        size_t starts_len, ends_len;
    } rows[] = {
        {ENGINE_JSON, "{\"columns\":[", "}\n", 12, 2},
        {ENGINE_NDJSON, "{\"id\":0", "}\n", 7, 2},
        {ENGINE_CSV, "id,t", "\r\n", 4, 2},
        {ENGINE_ARROW, "\xff\xff\xff\xff", "\xff\xff\xff\xff\0\0\0\0", 4, 8},
        {ENGINE_PARQUET, "PAR1", "PAR1", 4, 4},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct engine_query query = query_of("SELECT range AS id, 'v' || range AS t FROM range(300000)");
        struct engine_result_stats stats;
        struct buf out = BUF_INIT;
        struct lh_err err = LH_ERR_INIT;
        query.format = rows[i].format;
        if (run_query(&fx, &query, &out, &stats, &err) != LH_OK)
            fail_msg("%s: %s", engine_format_name(rows[i].format), err.message);
        assert_int_equal(stats.row_count, 300000);
        assert_true(out.len > 100000);
        assert_memory_equal(out.data, rows[i].starts, rows[i].starts_len);
        assert_memory_equal(out.data + out.len - rows[i].ends_len, rows[i].ends, rows[i].ends_len);
        buf_release(&out);
    }
}

/* A worker for a task of its own: made for it, fenced to its folder, gone after it. */
static void tasks_run_in_fresh_workers(void **state) {
    (void)state;
    char input[128], output[128];
    struct lh_err err = LH_ERR_INIT;
    struct engine_stats before, after;
    json_t *request = json_object(), *answer = NULL;
    snprintf(input, sizeof input, "%s/upload", fx.dir);
    snprintf(output, sizeof output, "%s/out", fx.dir);
    assert_int_equal(os_mkdir_all(fx.os, AT_FDCWD, output, 0700, &err), LH_OK);
    fclose(fopen(input, "w"));
    struct engine_task task = {.task = "probe", .request = request, .timeout_ms = 10000, .cancel_fd = -1};
    engine_get_stats(fx.engine, &before);
    task.untrusted_input = input;
    task.output_dir = output;
    if (engine_run_task(fx.engine, &task, &answer, &err) != LH_OK)
        fail_msg("%s", err.message);
    assert_true(json_is_true(json_object_get(answer, "duckdb_fence")));
    json_decref(answer);
    engine_get_stats(fx.engine, &after);
    assert_int_equal(after.workers_started, before.workers_started + 1);
    assert_int_equal(after.workers_busy, 0);
    task.task = "no_such_task";
    assert_int_equal(engine_run_task(fx.engine, &task, &answer, &err), LH_INTERNAL);
    assert_non_null(strstr(err.message, "no_such_task"));
    json_decref(request);
}

int main(int argc, char **argv) {
    ENGINE_TEST_MAIN(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_rows_to_a_slow_reader),
        cmocka_unit_test(a_small_result_is_one_text),
        cmocka_unit_test(every_format_arrives),
        cmocka_unit_test(tasks_run_in_fresh_workers),
    };
    return cmocka_run_group_tests(tests, open_engine, close_engine);
}
