/* The text side: what people type finds what they mean, and nothing that they type is an error of syntax. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "index/text.h"
#include "os/file.h"
#include "os/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const DOCS[] = {
    /* 0 */ "Registered nurse with ten years of nursing in the ICU of Saint Mary's hospital",
    /* 1 */ "Travel nurse, pediatric ward, night shift only",
    /* 2 */ "Senior C++ developer, also C# and .NET, moved from C in 2011",
    /* 3 */ "C programmer for embedded systems; net income analyst in an earlier life",
    /* 4 */ "Jürgen Müller, Straßenbau und Brückenbau, Düsseldorf",
    /* 5 */ "Juergen Mueller drives a truck in Dusseldorf, Ohio",
    /* 6 */ "Kevin O'Brien led R&D on Node.js and Notepad++ plugins",
    /* 7 */ "Brien and O. are two other people; OR AND NOT NEAR are words here",
    /* 8 */ "Søren Kjærgaard, café owner, résumé attached; 5+ years",
    /* 9 */ "看護師 東京",
};

struct fixture {
    char folder[64];
    char path[96];
};

static void build(const char *path, const char *base, size_t from, size_t to) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(text_builder) struct text_builder *b = NULL;
    if (text_builder_new(path, base, &b, &err) != LH_OK)
        fail_msg("%s: %s", err.message, err.detail);
    for (size_t i = from; i < to; i++)
        assert_int_equal(text_builder_add(b, (uint32_t)i, DOCS[i], strlen(DOCS[i]), &err), LH_OK);
    assert_int_equal(text_builder_finish(b, &err), LH_OK);
}

static int set_up(void **state) {
    struct fixture *f = lh_calloc(1, sizeof *f);
    snprintf(f->folder, sizeof f->folder, "/tmp/lh text #1? %%.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/text.sqlite", f->folder);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(os_remove_all(os_real(), AT_FDCWD, f->folder, &err), LH_OK);
    lh_free(f);
    return 0;
}

static int compare_rows(const void *a, const void *b) {
    uint32_t x = ((const struct text_hit *)a)->row, y = ((const struct text_hit *)b)->row;
    return x < y ? -1 : x > y;
}

/* The rows found, as "0,3"; scores fall. */
static void search(struct text_index *t, const char *words, const uint64_t *allowed, char ret_rows[64]) {
    struct lh_err err = LH_ERR_INIT;
    struct text_search s = {.words = words, .k = 10, .allowed = allowed, .rows = LH_ARRAY_LEN(DOCS)};
    struct text_hit hits[10];
    size_t found = 0, len = 0;
    ret_rows[0] = '\0';
    enum lh_code code = text_index_search(t, &s, hits, &found, &err);
    if (code != LH_OK) {
        snprintf(ret_rows, 64, "%s", lh_code_name(code));
        return;
    }
    for (size_t i = 0; i < found; i++)
        assert_true(hits[i].score > 0 && (i == 0 || hits[i].score <= hits[i - 1].score));
    qsort(hits, found, sizeof *hits, compare_rows);
    for (size_t i = 0; i < found; i++)
        len += (size_t)snprintf(ret_rows + len, 64 - len, "%s%u", i ? "," : "", (unsigned)hits[i].row);
}

static const struct {
    const char *words, *rows;
} CASES[] = {
    {"pediatrics", "1"},
    {"hospital nurses icu", "0,1"}, /* none but the first has all; then any */
    {"\"night shift\"", "1"},
    {"\"shift night\"", ""},
    {"nurse -travel", "0"},
    {"nurse -\"night shift\"", "0"},
    {"pediat*", "1"},
    {"C++", "2"},
    {"c#", "2"},
    {".NET", "2"},
    {"\"income\" net", "2,3"},
    {"Notepad++", "6"},
    {"notepad", "6"},
    {"O'Brien", "6"},
    {"R&D", "6"},
    {"node.js", "6"},
    {"M\xc3\xbcller", "4,5"},
    {"Mueller", "4,5"},
    {"Muller", "4"},
    {"Strassenbau", "4"},
    {"D\xc3\xbcsseldorf", "4,5"},
    {"Soeren", "8"},
    {"S\xc3\xb8ren", "8"},
    {"resume cafe", "8"},
    {"R\xc3\x89SUM\xc3\x89", "8"},
    {"\xe6\x9d\xb1\xe4\xba\xac", "9"},
    /* Nothing of FTS5's language is one here. */
    {"NEAR(words people)", "7"},
    {"NOT", "7"},
    {"body:words", ""},
    {"^brien", "6,7"},
    {"\"unclosed night", ""},
    {"ohio) OR (truck", "5,7"}, /* none has all three words */
    {"'; DROP TABLE chunks; --", ""},
    {"\"\"\"\"", "invalid"},
    {"* ( ) ^ : { } + , .", "invalid"},
    {"", "invalid"},
    {"-nurse", "invalid"},
    {"zzz", ""},
};

static void run_cases(const char *path) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(text_index) struct text_index *t = NULL;
    assert_int_equal(text_index_open(path, &t, &err), LH_OK);
    for (size_t i = 0; i < LH_ARRAY_LEN(CASES); i++) {
        char rows[64];
        search(t, CASES[i].words, NULL, rows);
        if (strcmp(rows, CASES[i].rows) != 0)
            fail_msg("\"%s\" found \"%s\", not \"%s\"", CASES[i].words, rows, CASES[i].rows);
    }
}

static void test_finds(void **state) {
    struct fixture *f = *state;
    build(f->path, NULL, 0, LH_ARRAY_LEN(DOCS));
    run_cases(f->path);
}

static void test_appends_to_a_copy(void **state) {
    struct fixture *f = *state;
    char first[128];
    snprintf(first, sizeof first, "%s/first", f->folder);
    build(first, NULL, 0, 4);
    build(f->path, first, 4, LH_ARRAY_LEN(DOCS));
    run_cases(f->path);
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(text_index) struct text_index *t = NULL;
    assert_int_equal(text_index_open(first, &t, &err), LH_OK); /* and that is as it was */
    char rows[64];
    search(t, "Ohio", NULL, rows);
    assert_string_equal(rows, "");
}

static void test_answers_only_what_is_allowed(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(text_index) struct text_index *t = NULL;
    char rows[64];
    build(f->path, NULL, 0, LH_ARRAY_LEN(DOCS));
    assert_int_equal(text_index_open(f->path, &t, &err), LH_OK);
    uint64_t allowed = ~(uint64_t)1;
    search(t, "nurse", &allowed, rows);
    assert_string_equal(rows, "1");
    allowed = 0;
    search(t, "nurse", &allowed, rows);
    assert_string_equal(rows, "");
    search(t, "nurse", NULL, rows);
    assert_string_equal(rows, "0,1");
}

static void test_damage_is_an_error(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    build(f->path, NULL, 0, LH_ARRAY_LEN(DOCS));
    LH_AUTO(buf) struct buf whole = BUF_INIT;
    assert_int_equal(os_read_file(os_real(), AT_FDCWD, f->path, 1 << 20, &whole, &err), LH_OK);
    size_t refused = 0;
    for (size_t at = 0; at < whole.len; at += 97) {
        LH_AUTO(buf) struct buf damaged = BUF_INIT;
        buf_append(&damaged, whole.data, whole.len);
        for (size_t i = at; i < at + 16 && i < whole.len; i++)
            damaged.data[i] = (char)~damaged.data[i];
        assert_int_equal(os_write_file_atomic(os_real(), AT_FDCWD, f->path, damaged.data, damaged.len, 0600, &err),
                         LH_OK);
        LH_AUTO(text_index) struct text_index *t = NULL;
        struct text_search s = {.words = "nurse brien net", .k = 10};
        struct text_hit hits[10];
        size_t found = 0;
        if (text_index_open(f->path, &t, &err) != LH_OK || text_index_search(t, &s, hits, &found, &err) != LH_OK)
            refused++;
    }
    assert_true(refused > 0);
    assert_int_equal(os_write_file_atomic(os_real(), AT_FDCWD, f->path, "not SQLite", 10, 0600, &err), LH_OK);
    struct text_index *t = NULL;
    assert_int_equal(text_index_open(f->path, &t, &err), LH_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_appends_to_a_copy, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_answers_only_what_is_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_is_an_error, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
