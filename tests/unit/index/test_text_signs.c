/* Writing without spaces: signs, their forms, and what a search for rows of them finds. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "index/text.h"
#include "index/text_signs.h"
#include "index/text_tokens.h"
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

#include <cmocka.h>

static const char *const DOCS[] = {
    /* 0 */ "注册护士，拥有十年重症监护室工作经验。曾在上海的医院工作。",
    /* 1 */ "高级软件工程师，精通C++开发和Java，2015年毕业于北京大学。",
    /* 2 */ "看護師として東京都立病院に10年勤務。夜勤専従。",
    /* 3 */ "ソフトウェアエンジニア。C言語とＪａｖａの経験が５年あります。",
    /* 4 */ "간호사는 서울대학교병원 중환자실에서 7년간 근무했습니다.",
    /* 5 */ "소프트웨어 개발자, 부산에서 핀테크 회사에 다님",
    /* 6 */ "พยาบาลวิชาชีพมีประสบการณ์ห้องผู้ป่วยหนักสิบปีในกรุงเทพ",
    /* 7 */ "นักพัฒนาซอฟต์แวร์ ทำงานที่เชียงใหม่",
    /* 8 */ "Registered nurse in Tokyo, Japan",
    /* 9 */ "ﾌﾟﾛｸﾞﾗﾏｰ、大阪。データベー\nス設計。",
    /* 10 */ "한국어 \xE1\x84\x80\xE1\x85\xA1\xE1\x86\xAB\xE1\x84\x92\xE1\x85\xA9 taken apart; か\xE3\x82\x99いこく",
    /* 11 */ "我在Google工作",
};

struct fixture {
    char folder[64];
    char path[96];
};

static int set_up(void **state) {
    struct fixture *f = lh_calloc(1, sizeof *f);
    snprintf(f->folder, sizeof f->folder, "/tmp/lh_signs.XXXXXX");
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

static void build(const char *path) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(text_builder) struct text_builder *b = NULL;
    assert_int_equal(text_builder_new(path, NULL, &b, &err), LH_OK);
    for (size_t i = 0; i < LH_ARRAY_LEN(DOCS); i++)
        assert_int_equal(text_builder_add(b, (uint32_t)i, DOCS[i], strlen(DOCS[i]), &err), LH_OK);
    assert_int_equal(text_builder_finish(b, &err), LH_OK);
}

/* The rows found, best first, as "0,3". */
static void search(struct text_index *t, const char *words, size_t enough, char ret_rows[64]) {
    struct lh_err err = LH_ERR_INIT;
    struct text_search s = {.words = words, .k = 10, .enough = enough};
    struct text_hit hits[10];
    size_t found = 0, len = 0;
    ret_rows[0] = '\0';
    enum lh_code code = text_index_search(t, &s, hits, &found, &err);
    if (code != LH_OK)
        snprintf(ret_rows, 64, "%s: %.50s", lh_code_name(code), err.message);
    for (size_t i = 0; i < found; i++)
        len += (size_t)snprintf(ret_rows + len, 64 - len, "%s%u", i ? "," : "", (unsigned)hits[i].row);
}

/* What holds all of the query; `any`: what is best, where nothing holds all. */
static const struct {
    const char *words, *all, *any;
} CASES[] = {
    /* Chinese */
    {"护士", "0", NULL},
    {"重症监护室", "0", NULL},
    {"监护", "0", NULL},
    {"上海 护士", "0", NULL},
    {"软件工程师", "1", NULL},
    {"C++", "1", NULL},
    {"C++开发", "1", NULL},
    {"2015年", "1", NULL},
    {"北京大学。", "1", NULL},
    {"\"工程护士\"", "", NULL},
    {"\"护士上海\"", "", NULL},
    {"谁有重症监护的经验？", NULL, "0"}, /* a question that no text holds */
    {"Google", "11", NULL},
    {"在google", "11", NULL},
    {"google工", "11", NULL},
    {"我在Google工作", "11", NULL},
    /* Japanese */
    {"看護師", "2", NULL},
    {"看護　東京", "2", NULL}, /* with the ideographic space */
    {"東京都", "2", NULL},
    {"夜勤 -看護師", "", NULL},
    {"エンジニア", "3", NULL},
    {"ｴﾝｼﾞﾆｱ", "3", NULL},
    {"プログラマー", "9", NULL},
    {"データベース", "9", NULL}, /* its line was broken within */
    {"がいこく", "10", NULL},
    {"C言語", "3", NULL},
    {"java ５年", "3", NULL},
    {"Ｊａｖａ", "1,3", NULL},
    /* Korean */
    {"간호사", "4", NULL},
    {"서울대학교", "4", NULL},
    {"대학교병원 간호사", "4", NULL},
    {"소프트웨어 개발", "5", NULL},
    {"간호", "10,4", NULL}, /* written in two forms */
    /* Thai */
    {"พยาบาล", "6", NULL},
    {"ประสบการณ์", "6", NULL},
    {"กรุงเทพ", "6", NULL},
    {"ซอฟต์แวร์", "7", NULL},
    {"ทำงาน เชียงใหม่", "7", NULL},
    {"\"ซอฟแวร์\"", "", NULL}, /* another word: the mark is a part of its sign */
    /* One sign: wherever it stands, at the end of a run too. */
    {"师", "1", NULL},
    {"師", "2", NULL},
    {"士", "0", NULL},
    {"的", "0", NULL},
    {"ม", "7,6", NULL},
    {"医", "0", NULL},
    {"護*", "2", NULL},
    {"看護*", "2", NULL},
    {"鮪", "", NULL},
    /* Beside other writing. */
    {"nurse tokyo", "8", NULL},
    {"。、・「」", "invalid: there is no word to search for", NULL},
};

static void test_finds(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(text_index) struct text_index *t = NULL;
    build(f->path);
    assert_int_equal(text_index_open(f->path, &t, &err), LH_OK);
    assert_false(text_index_is_old(t));
    for (size_t i = 0; i < LH_ARRAY_LEN(CASES); i++) {
        char rows[64];
        search(t, CASES[i].words, CASES[i].all ? 0 : 1, rows);
        if (CASES[i].all) { /* what holds all of it comes first; parts of it may follow */
            size_t len = strlen(CASES[i].all);
            if (strncmp(rows, CASES[i].all, len) != 0 || (rows[len] != '\0' && rows[len] != ',') ||
                (len == 0 && rows[0] != '\0'))
                fail_msg("\"%s\" found \"%s\", not \"%s\"", CASES[i].words, rows, CASES[i].all);
        }
        if (CASES[i].any && (rows[0] != CASES[i].any[0] || (rows[1] != '\0' && rows[1] != ',')))
            fail_msg("\"%s\" found \"%s\", not \"%s\" first", CASES[i].words, rows, CASES[i].any);
    }
}

/* Only what holds all of it, where that is enough. */
static void test_does_not_find_parts_where_the_whole_is_there(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(text_index) struct text_index *t = NULL;
    char rows[64];
    build(f->path);
    assert_int_equal(text_index_open(f->path, &t, &err), LH_OK);
    search(t, "工作经验", 1, rows);
    assert_string_equal(rows, "0");
    search(t, "工作经验", 10, rows); /* and then what holds a part of it */
    assert_string_equal(rows, "0,11");
    search(t, "\"工作经验\"", 10, rows);
    assert_string_equal(rows, "0");
}

static void test_takes_the_longest_query(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(text_index) struct text_index *t = NULL;
    LH_AUTO(buf) struct buf query = BUF_INIT;
    char rows[64];
    build(f->path);
    assert_int_equal(text_index_open(f->path, &t, &err), LH_OK);
    while (query.len + 9 < 4096)
        buf_append_str(&query, "看護師");
    search(t, buf_cstr(&query), 0, rows);
    assert_string_equal(rows, "2");
}

/* A file of before: its words are searched as they were written, it takes no rows, and says that it is old. */
static void test_reads_the_files_of_before(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct text_tokenizer *tokenizer;
    LH_AUTO(text_index) struct text_index *t = NULL;
    LH_AUTO(text_builder) struct text_builder *b = NULL;
    sqlite3 *db;
    char rows[64], next[128];
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(text_tokens_register(db, 1, &tokenizer, &err), LH_OK);
    const char *sql = "CREATE VIRTUAL TABLE chunks USING fts5(body, content = '', tokenize = '" TEXT_TOKENIZER "');"
                      "INSERT INTO chunks(rowid, body) VALUES (0, 'nurse M\xC3\xBCller'), (1, '看護師 東京')";
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    text_tokenizer_free(tokenizer);
    sqlite3_close(db);
    assert_int_equal(text_index_open(f->path, &t, &err), LH_OK);
    assert_true(text_index_is_old(t));
    static const char *const old[][2] = {{"nurses", "0"}, {"mueller", "0"}, {"看護師", "1"}, {"看護", ""}};
    for (size_t i = 0; i < LH_ARRAY_LEN(old); i++) {
        search(t, old[i][0], 0, rows);
        assert_string_equal(rows, old[i][1]);
    }
    snprintf(next, sizeof next, "%s/next", f->folder);
    assert_int_equal(text_builder_new(next, f->path, &b, &err), LH_UNSUPPORTED);
}

static void test_refuses_the_files_of_later(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct text_index *t = NULL;
    sqlite3 *db;
    build(f->path);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(text_index_open(f->path, &t, &err), LH_UNSUPPORTED);
    assert_non_null(strstr(err.message, "99"));
}

static void test_gives_one_form(void **state) {
    static const char *const forms[][2] = {
        {"plain", "plain"},
        {"M\xC3\xBCller", "M\xC3\xBCller"},
        {"ＡＢＣ　１２３！", "ABC 123!"},
        {"ｶﾞｷﾞｸﾞ ﾊﾟﾋﾟ ｳﾞ ﾊﾞｰ", "ガギグ パピ ヴ バー"},
        {"か\xE3\x82\x99 は\xE3\x82\x9A つ\xE3\x82\x99 う\xE3\x82\x99", "が ぱ づ \xE3\x82\x94"},
        {"っ\xE3\x82\x99 な\xE3\x82\x99", "っ\xE3\x82\x99 な\xE3\x82\x99"}, /* take none */
        {"\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB\xE1\x84\x80\xE1\x85\xAE\xE1\x86\xA8", "한국"},
        {"한\xE1\x86\xAB", "한\xE1\x86\xAB"}, /* is closed already */
        {"看護\n師", "看護師"},
        {"看護\r\n師", "看護師"},
        {"看護\n\n師", "看護\n\n師"},
        {"간호\n사", "간호\n사"},
        {"nurse\n師", "nurse\n師"},
        {"พยา\xE2\x80\x8Bบาล", "พยาบาล"},
        {"辻\xF3\xA0\x84\x80堂", "辻堂"},
        {"a\xE2\x80\x8D\x62", "a\xE2\x80\x8D\x62"},
        {"師\xFFx\xE7\x9C", "師\xFFx\xE7\x9C"},
        {"\xF0\xA0\xAE\xB7る", "\xF0\xA0\xAE\xB7る"},
    };
    (void)state;
    for (size_t i = 0; i < LH_ARRAY_LEN(forms); i++) {
        LH_AUTO(buf) struct buf shaped = BUF_INIT;
        text_signs_shape(forms[i][0], strlen(forms[i][0]), &shaped);
        assert_string_equal(buf_cstr(&shaped), forms[i][1]);
        LH_AUTO(buf) struct buf again = BUF_INIT;
        text_signs_shape(shaped.data, shaped.len, &again);
        assert_string_equal(buf_cstr(&again), forms[i][1]);
    }
    LH_AUTO(buf) struct buf zero = BUF_INIT;
    text_signs_shape("師\0x", 5, &zero);
    assert_int_equal(zero.len, 5);
}

static void test_knows_signs(void **state) {
    static const struct {
        const char *text;
        size_t len;
    } signs[] = {
        {"師走", 3},           {"ー", 3}, {"々", 3}, {"간호", 3}, {"ที่นี่", 9}, {"ก็", 6}, {"\xF0\xA0\xAE\xB7", 4},
        {"か\xE3\x82\x99", 6}, {"a", 0},  {"ü", 0},  {"・", 0},   {"。", 0}, {"๕", 0}, {"฿", 0},
        {"\xE2\x80\x9C", 0},   {"", 0},   {"ั", 0},
    };
    (void)state;
    for (size_t i = 0; i < LH_ARRAY_LEN(signs); i++)
        if (text_sign_len(signs[i].text, strlen(signs[i].text)) != signs[i].len)
            fail_msg("\"%s\": %zu bytes", signs[i].text, text_sign_len(signs[i].text, strlen(signs[i].text)));
    assert_false(text_signs_possible("caf\xC3\xA9 \xD0\x94", 8));
    assert_true(text_signs_possible("x師", 4));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_finds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_does_not_find_parts_where_the_whole_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_takes_the_longest_query, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reads_the_files_of_before, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses_the_files_of_later, set_up, tear_down),
        cmocka_unit_test(test_gives_one_form),
        cmocka_unit_test(test_knows_signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
