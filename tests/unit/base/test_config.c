#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static enum lh_code load(const char *text, char *const *env, struct lh_config **ret, struct buf *problems,
                         struct lh_err *err) {
    return lh_config_load(text, text ? strlen(text) : 0, "f.toml", env, ret, problems, err);
}

static void defaults_stand_without_a_file(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    struct lh_config *c = NULL;
    assert_int_equal(load(NULL, NULL, &c, NULL, &err), LH_OK);
    assert_string_equal(c->server.listen, "127.0.0.1:3100");
    assert_int_equal(c->server.head_timeout_ms, 5000);
    assert_int_equal(c->server.max_body_bytes, 16 << 20);
    assert_int_equal(c->catalog.checkpoint_every, 100);
    assert_int_equal(c->auth.enabled, LH_AUTH_AUTO);
    assert_int_equal(c->bucket_count, 0);
    lh_config_free(c);
}

static void file_and_environment_override(void **state) {
    (void)state;
    static const char text[] =
        "[server]\nlisten = \"0.0.0.0:80\"\nhead_timeout = \"250ms\"\nthreads = 3\n"
        "[auth]\nenabled = \"on\"\n"
        "[[storage.buckets]]\nname = \"primary\"\nroot = \"/a\"\n"
        "[[storage.buckets]]\nname = \"b\"\nbackend = \"local\"\nroot = \"/b\"\n"
        "[[ingest.pii]]\nname = \"badge\"\npattern = \"^B[0-9]+$\"\ncolumns = [\"badge\", \"b*\"]\n";
    char *env[] = {(char[]){"PATH=/bin"}, (char[]){"LAKEHOUSE__SERVER__THREADS=7"},
                   (char[]){"LAKEHOUSE__QUERY__MEMORY_BYTES=2GB"}, (char[]){"LAKEHOUSE_API_KEY=x"}, NULL};
    struct lh_err err = LH_ERR_INIT;
    struct lh_config *c = NULL;
    assert_int_equal(load(text, env, &c, NULL, &err), LH_OK);
    assert_string_equal(c->server.listen, "0.0.0.0:80");
    assert_int_equal(c->server.head_timeout_ms, 250);
    assert_int_equal(c->server.threads, 7);
    assert_int_equal(c->query.memory_bytes, (uint64_t)2 << 30);
    assert_int_equal(c->auth.enabled, LH_AUTH_ON);
    assert_int_equal(c->bucket_count, 2);
    assert_string_equal(c->buckets[1].root, "/b");
    assert_int_equal(c->pii_rule_count, 1);
    assert_int_equal(c->pii_rules[0].columns.count, 2);
    assert_string_equal(c->pii_rules[0].columns.items[1], "b*");
    lh_config_free(c);
}

static void every_problem_names_its_place(void **state) {
    (void)state;
    static const struct {
        const char *text, *message, *hint;
    } rows[] = {
        {"[server]\n\nlistne = \"x\"\n", "f.toml:3: there is no key \"server.listne\"", "did you mean \"listen\"?"},
        {"[sever]\n", "f.toml:1: there is no section \"sever\"", "did you mean \"server\"?"},
        {"[auth]\nenabled = \"yes\"\n",
         "f.toml:2: \"auth.enabled\" cannot be \"yes\": it must be \"auto\", \"on\" or \"off\"", ""},
        {"[server]\nthreads = 0\n", "f.toml:2: \"server.threads\" cannot be 0: it must be a whole number, 1..512", ""},
        {"[server]\nthreads = \"4\"\n",
         "f.toml:2: \"server.threads\" cannot be \"4\": it must be a whole number, 1..512", ""},
        {"[query]\ntimeout = \"9y\"\n",
         "f.toml:2: \"query.timeout\" cannot be \"9y\": it must be a time such as \"30s\", 10ms..1d", ""},
        {"[server]\ninsecure = 1\n", "f.toml:2: \"server.insecure\" cannot be 1: it must be true or false", ""},
        {"server = 3\n", "f.toml:1: \"server\" must be a table", ""},
        {"[storage]\nbuckets = 3\n",
         "f.toml:2: \"storage.buckets\" must be an array of tables, written "
         "[[storage.buckets]]",
         ""},
        {"[[storage.buckets]]\nname=\"b\"\nrot=\"/\"\n", "f.toml:3: there is no key \"storage.buckets[0].rot\"",
         "did you mean \"root\"?"},
        {"[[storage.buckets]]\nname=\"b\"\nroot=\"/\"\n",
         "f.toml: no entry of [[storage.buckets]] is named "
         "\"primary\"",
         ""},
        {"[query\n", "f.toml:1:", ""},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct lh_err err = LH_ERR_INIT;
        struct lh_config *c = NULL;
        assert_int_equal(load(rows[i].text, NULL, &c, NULL, &err), LH_INVALID);
        assert_null(c);
        if (strncmp(err.message, rows[i].message, strlen(rows[i].message)) != 0)
            fail_msg("row %zu: %s", i, err.message);
        assert_string_equal(err.hint, rows[i].hint);
    }
}

static void all_problems_are_listed(void **state) {
    (void)state;
    char *env[] = {(char[]){"LAKEHOUSE__LOG__LEVEL=loud"}, (char[]){"LAKEHOUSE__NOPE=1"},
                   (char[]){"LAKEHOUSE__LOG__LEVLE=info"}, NULL};
    struct lh_err err = LH_ERR_INIT;
    struct lh_config *c = NULL;
    LH_AUTO(buf) struct buf problems = BUF_INIT;
    assert_int_equal(load("[server]\nthreads = -1\nx = 1\n", env, &c, &problems, &err), LH_INVALID);
    size_t lines = 0;
    for (const char *at = problems.data; *at; at++)
        lines += *at == '\n';
    assert_int_equal(lines, 5);
    assert_non_null(strstr(problems.data, "environment variable LAKEHOUSE__LOG__LEVEL: \"log.level\" cannot be loud"));
    assert_non_null(strstr(problems.data, "LAKEHOUSE__NOPE: the name must be LAKEHOUSE__SECTION__KEY"));
    assert_non_null(strstr(problems.data, "there is no key \"log.levle\"; did you mean \"level\"?"));
}

static void what_is_written_reads_back_the_same(void **state) {
    (void)state;
    static const char text[] = "[server]\nlisten = \"h\\\"x:1\"\n[query]\ntimeout = \"90s\"\nspill_bytes = 0\n"
                               "[[ingest.pii]]\nname = \"n\"\ncolumns = [\"a\"]\n";
    struct lh_err err = LH_ERR_INIT;
    struct lh_config *c = NULL;
    struct lh_config *again = NULL;
    LH_AUTO(buf) struct buf first = BUF_INIT;
    LH_AUTO(buf) struct buf second = BUF_INIT;
    assert_int_equal(load(text, NULL, &c, NULL, &err), LH_OK);
    lh_config_write(c, &first);
    assert_int_equal(load(first.data, NULL, &again, NULL, &err), LH_OK);
    lh_config_write(again, &second);
    assert_string_equal(first.data, second.data);
    assert_int_equal(again->query.timeout_ms, 90000);
    lh_config_free(c);
    lh_config_free(again);
}

static void lakehouse_toml_is_the_table(void **state) {
    (void)state;
    static const char path[] = LH_TEST_SOURCE_DIR "/lakehouse.toml";
    LH_AUTO(buf) struct buf wanted = BUF_INIT;
    lh_config_write(NULL, &wanted);
    if (getenv("LAKEHOUSE_RENEW")) {
        FILE *out = fopen(path, "w");
        assert_non_null(out);
        fputs(wanted.data, out);
        fclose(out);
    }
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    char *found = lh_calloc(1, wanted.len + 2);
    size_t got = fread(found, 1, wanted.len + 1, in);
    fclose(in);
    if (got != wanted.len || strcmp(found, wanted.data) != 0)
        fail_msg("lakehouse.toml differs from the table: run this test with LAKEHOUSE_RENEW=1");
    lh_free(found);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_stand_without_a_file),       cmocka_unit_test(file_and_environment_override),
        cmocka_unit_test(every_problem_names_its_place),       cmocka_unit_test(all_problems_are_listed),
        cmocka_unit_test(what_is_written_reads_back_the_same), cmocka_unit_test(lakehouse_toml_is_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
