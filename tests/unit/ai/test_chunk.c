/* Chunks: the invariants of ai/chunk.h on generated texts, and where cuts fall in written ones. */
#include "ai/chunk.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct chunk *cut(struct chunker **c, enum chunk_unit unit, unsigned size, unsigned overlap,
                               const char *text, size_t len, size_t *ret_count) {
    struct lh_err err = LH_ERR_INIT;
    const struct chunk_options options = {unit, size, overlap};
    const struct chunk *chunks = NULL;
    chunker_free(*c);
    *c = NULL;
    assert_int_equal(chunker_new(&options, c, &err), LH_OK);
    assert_int_equal(chunker_run(*c, text, len, &chunks, ret_count, &err), LH_OK);
    return chunks;
}

static unsigned code_points(const char *text, size_t len) {
    unsigned count = 0;
    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)text[i] & 0xC0) != 0x80;
    return count;
}

static void check_invariants(const char *text, size_t len, const struct chunk_options *o, const struct chunk *chunks,
                             size_t count) {
    size_t covered = 0;
    for (size_t i = 0; i < count; i++) {
        const struct chunk *c = &chunks[i];
        assert_true(c->begin < c->end && c->end <= len);
        assert_true(i == 0 || (c->begin > chunks[i - 1].begin && c->end > chunks[i - 1].end));
        for (size_t k = covered; k < c->begin; k++) /* only white space is left out */
            assert_true((unsigned char)text[k] <= ' ');
        assert_int_equal(c->shared, c->begin < covered ? covered - c->begin : 0);
        covered = c->end;
        assert_true((unsigned char)text[c->begin] > ' ' && (unsigned char)text[c->end - 1] > ' ');
        assert_true(utf8_valid(text + c->begin, c->end - c->begin, NULL));
        assert_int_equal(c->characters, code_points(text + c->begin, c->end - c->begin));
        assert_true((o->unit == CHUNK_TOKENS ? c->tokens : c->characters) <= o->size);
        assert_true(o->unit == CHUNK_TOKENS || code_points(text + c->begin, c->shared) <= o->overlap);
        assert_true(c->heading + c->heading_len <= len);
    }
    for (size_t k = covered; k < len; k++)
        assert_true((unsigned char)text[k] <= ' ');
}

static uint64_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 33;
}

/* Words, signs and breaks of all kinds, thrown together. */
static void generated_texts_keep_the_invariants(void **state) {
    (void)state;
    static const char *const parts[] = {
        "a",
        "word",
        "experience",
        " ",
        " ",
        " ",
        "  ",
        "\n",
        "\n\n",
        "\r\n",
        "\f",
        ".",
        ". ",
        "! ",
        "? ",
        ", ",
        "Dr. ",
        "e.g. ",
        "# Heading\n",
        "\n\nSKILLS\n",
        "\n\nTitle\n=====\n",
        "- item\n",
        "12.5",
        "(x) ",
        "\t",
        "\xC3\xA9",
        "e\xCC\x81",
        "\xE6\xBC\xA2\xE5\xAD\x97",
        "\xE3\x80\x82",
        "\xE3\x80\x81",
        "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7",
        "\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA",
        "\n--- Page 7 ---\n",
        "0123456789abcdefghijklmnopqrstuvwxyz0123456789",
        "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB",
        "\xE0\xA4\x95\xE0\xA4\xBE",
        "...",
        "\"",
        "\xE2\x80\x9D ",
    };
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(chunker) struct chunker *c = NULL;
    uint64_t random = 42;
    for (unsigned round = 0; round < 4000; round++) {
        struct chunk_options o = {round % 2 ? CHUNK_TOKENS : CHUNK_CHARACTERS, 1 + (unsigned)next_random(&random) % 90,
                                  0};
        o.overlap = (unsigned)next_random(&random) % (o.size / 2 + 1);
        buf_reset(&text);
        buf_append_str(&text, "");
        for (uint64_t n = next_random(&random) % 120; n > 0; n--)
            buf_append_str(&text, parts[next_random(&random) % LH_ARRAY_LEN(parts)]);
        size_t count;
        const struct chunk *chunks = cut(&c, o.unit, o.size, o.overlap, buf_cstr(&text), text.len, &count);
        check_invariants(buf_cstr(&text), text.len, &o, chunks, count);
    }
}

/* `marks` has a | at each cut that is expected. */
static void cuts_fall_where_readers_pause(void **state) {
    (void)state;
    static const struct {
        unsigned size;
        const char *marks;
    } rows[] = {
        {40, "One short sentence. Another one here.| A third sentence follows."},
        {40, "A paragraph of words without an end\n\n|Another. With two sentences in it."},
        {40, "He met Dr. Smith, e.g. at the office.| They talked for long."},
        {40, "Text before the heading of ours.\n\n|# Heading\n\nText below it."},
        {40, "Text before the heading of ours.\n\n|EXPERIENCE\nText below it."},
        {44, "Text before the heading of ours.\n\n|Title\n=====\nText below it, long"},
        {30, "first line without any stop\n|- item of a list, here it is"},
        {20, "It costs 3.5 euros |or 4.75 at the bar"}, /* no sentence ends within a number */
        {12, "abcdefghijkl|mnopqrstuvwx|yz"},           /* one word larger than a chunk */
        {6,
         "\xE6\xBC\xA2\xE5\xAD\x97\xE6\xBC\xA2\xE5\xAD\x97\xE3\x80\x82|\xE6\xBC\xA2\xE5\xAD\x97"}, /* after the full stop */
        {8, "abcdefg|e\xCC\x81zzzzz"},                               /* a mark stays with its letter */
        {7, "aaaaa|\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7 x"}, /* a family of joined emoji is one character */
        {3, "aa|\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA|\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7"}, /* flags */
    };
    LH_AUTO(chunker) struct chunker *c = NULL;
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        LH_AUTO(buf) struct buf text = BUF_INIT;
        LH_AUTO(buf) struct buf got = BUF_INIT;
        for (const char *m = rows[i].marks; *m; m++)
            if (*m != '|')
                buf_append_char(&text, *m);
        size_t count, at = 0;
        const struct chunk *chunks = cut(&c, CHUNK_CHARACTERS, rows[i].size, 0, text.data, text.len, &count);
        for (size_t k = 1; k < count; k++) {
            /* A mark is written before or behind the white space between two chunks. */
            size_t marks_before = k - 1;
            bool before = rows[i].marks[chunks[k - 1].end + marks_before] == '|';
            size_t place = before ? chunks[k - 1].end : chunks[k].begin;
            buf_append(&got, text.data + at, place - at);
            buf_append_char(&got, '|');
            at = place;
        }
        buf_append(&got, text.data + at, text.len - at);
        assert_string_equal(got.data, rows[i].marks);
    }
}

static void overlaps_begin_at_sentences(void **state) {
    (void)state;
    static const char text[] =
        "The first sentence is here. The second one is short. Then comes a third one. And a fourth, the last.";
    LH_AUTO(chunker) struct chunker *c = NULL;
    size_t count;
    const struct chunk *chunks = cut(&c, CHUNK_CHARACTERS, 60, 30, text, sizeof text - 1, &count);
    assert_int_equal(count, 3);
    assert_memory_equal(text + chunks[1].begin, "The second", 10);
    assert_int_equal(chunks[1].shared, strlen("The second one is short."));
    assert_memory_equal(text + chunks[2].begin, "Then comes", 10);
    /* Never over a heading. */
    static const char parted[] = "Words that are above, and some more.\n\n# Below\nwords that are below the heading";
    chunks = cut(&c, CHUNK_CHARACTERS, 45, 20, parted, sizeof parted - 1, &count);
    assert_int_equal(count, 2);
    assert_int_equal(chunks[1].shared, 0);
}

static void pages_and_headings_are_kept(void **state) {
    (void)state;
    static const char text[] =
        "The title page of a yearly report\f# Part One\nText of page two that goes on\fand ends on page three.\n\nSKILLS\nC and SQL\f";
    LH_AUTO(chunker) struct chunker *c = NULL;
    size_t count;
    const struct chunk *chunks = cut(&c, CHUNK_CHARACTERS, 64, 0, text, sizeof text - 1, &count);
    assert_int_equal(count, 3);
    assert_int_equal(chunks[0].page, 1);
    assert_int_equal(chunks[0].heading_len, 0);
    assert_int_equal(chunks[1].page, 2);
    assert_int_equal(chunks[1].last_page, 3);
    assert_memory_equal(text + chunks[1].heading, "Part One", chunks[1].heading_len);
    assert_int_equal(chunks[2].page, 3);
    assert_int_equal(chunks[2].heading_len, 6);
    assert_memory_equal(text + chunks[2].heading, "SKILLS", 6);

    static const char marked[] = "--- Page 12 ---\nText here.\n[page 13]\nMore text. page 99 is no mark";
    chunks = cut(&c, CHUNK_CHARACTERS, 30, 0, marked, sizeof marked - 1, &count);
    assert_int_equal(chunks[0].page, 12);
    assert_int_equal(chunks[count - 1].last_page, 13);
    chunks = cut(&c, CHUNK_CHARACTERS, 30, 0, "no pages", 8, &count);
    assert_int_equal(chunks[0].page, 0);
}

static void tokens_are_estimated(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t tokens;
    } rows[] = {
        {"", 0},
        {"   \n", 0},
        {"a", 1},
        {"word", 1},
        {"words", 2},
        {"two words", 3},
        {"2024", 2},
        {"a,b", 2},
        {"({[", 3},
        {"\xE6\xBC\xA2\xE5\xAD\x97", 2},
        {"bad \xFF bytes", 4},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++)
        assert_int_equal(chunk_estimate_tokens(rows[i].text, strlen(rows[i].text)), rows[i].tokens);
}

static void wrong_options_and_texts_are_refused(void **state) {
    (void)state;
    static const struct chunk_options wrong[] = {
        {CHUNK_CHARACTERS, 0, 0}, {CHUNK_TOKENS, CHUNK_SIZE_MAX + 1, 0}, {CHUNK_CHARACTERS, 100, 51}};
    struct lh_err err = LH_ERR_INIT;
    struct chunker *none = NULL;
    for (size_t i = 0; i < LH_ARRAY_LEN(wrong); i++)
        assert_int_equal(chunker_new(&wrong[i], &none, &err), LH_INVALID);
    assert_null(none);
    const struct chunk_options options = CHUNK_OPTIONS_DEFAULT;
    const struct chunk *chunks = NULL;
    size_t count = 99;
    LH_AUTO(chunker) struct chunker *c = NULL;
    assert_int_equal(chunker_new(&options, &c, &err), LH_OK);
    assert_int_equal(chunker_run(c, "fine until \xC3(", 13, &chunks, &count, &err), LH_DATA);
    assert_non_null(strstr(err.message, "byte 11"));
    assert_true(chunks == NULL && count == 99);
    assert_int_equal(chunker_run(c, " \n\f\n", 4, &chunks, &count, &err), LH_OK);
    assert_int_equal(count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_texts_keep_the_invariants),
        cmocka_unit_test(cuts_fall_where_readers_pause),
        cmocka_unit_test(overlaps_begin_at_sentences),
        cmocka_unit_test(pages_and_headings_are_kept),
        cmocka_unit_test(tokens_are_estimated),
        cmocka_unit_test(wrong_options_and_texts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
