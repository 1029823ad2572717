/* Every file of tests/data/ingest through the task `ingest`, against what NAME.expect.json says of it:
 *
 *     {"request": {...}, "error": {"code","message"} | "answer": {...}, "rejects": [...], "rows": [...]}
 *
 * With LH_INGEST_BLESS=1 in the environment the expectation is written instead of compared: read it before you commit it. */
#include "ingest_task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define CORPUS LH_TEST_SOURCE_DIR "/tests/data/ingest"
#define EXPECT ".expect.json"

static json_t *observe(struct ingest_task *t, const char *path, const json_t *request) {
    struct lh_err err = LH_ERR_INIT;
    json_t *seen = json_object(), *answer = NULL;
    json_object_set(seen, "request", (json_t *)request);
    if (ingest_task_run(t, path, request, &answer, &err) != LH_OK) {
        json_object_set_new(seen, "error",
                            json_pack("{s:s, s:s}", "code", lh_code_name(err.code), "message", err.message));
        return seen;
    }
    json_object_set_new(seen, "answer", answer);
    json_object_set_new(seen, "rejects", ingest_task_rejects(t));
    json_object_set_new(seen, "rows", ingest_task_rows(t));
    return seen;
}

static int check_file(struct ingest_task *t, const char *name) {
    struct lh_err err = LH_ERR_INIT;
    struct os *os = os_real();
    LH_AUTO(mem) char *path = lh_asprintf("%s/%s", CORPUS, name);
    LH_AUTO(mem) char *expect_path = lh_asprintf("%s/%s%s", CORPUS, name, EXPECT);
    LH_AUTO(buf) struct buf expected_text = BUF_INIT;
    LH_AUTO(json) json_t *expected = NULL;
    if (os_read_file(os, AT_FDCWD, expect_path, 1 << 20, &expected_text, &err) == LH_OK)
        assert_int_equal(lh_json_parse(expected_text.data, expected_text.len, NULL, &expected, &err), LH_OK);
    LH_AUTO(json) json_t *request = json_incref(json_object_get(expected, "request"));
    if (!request)
        request = json_pack("{s:s}", "name", name);
    LH_AUTO(json) json_t *seen = observe(t, path, request);
    LH_AUTO(buf) struct buf seen_text = BUF_INIT;
    lh_json_write(seen, LH_JSON_PRETTY, &seen_text);
    if (getenv("LH_INGEST_BLESS")) {
        assert_int_equal(os_write_file_atomic(os, AT_FDCWD, expect_path, seen_text.data, seen_text.len, 0644, &err),
                         LH_OK);
        return 0;
    }
    if (expected && json_equal(seen, expected))
        return 0;
    print_error("%s: expected\n%s\nseen\n%s\n", name, buf_cstr(&expected_text), buf_cstr(&seen_text));
    return 1;
}

static void test_corpus(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    struct ingest_task t;
    char **names;
    size_t count, checked = 0;
    int wrong = 0;
    ingest_task_open(&t);
    assert_int_equal(os_list_dir(os_real(), AT_FDCWD, CORPUS, 0, &names, &count, &err), LH_OK);
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        bool expectation = len > strlen(EXPECT) && strcmp(names[i] + len - strlen(EXPECT), EXPECT) == 0;
        if (expectation || strcmp(names[i], "README.md") == 0)
            continue;
        wrong += check_file(&t, names[i]);
        checked++;
    }
    os_list_free(names, count);
    ingest_task_close(&t);
    assert_true(checked >= 30);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_corpus)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
