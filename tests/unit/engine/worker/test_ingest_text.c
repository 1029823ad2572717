/* Decoders, the record reader and the JSON scanner: on whole texts, and cut at every byte. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/csv_reader.h"
#include "engine/worker/csv_sniff.h"
#include "engine/worker/json_scan.h"
#include "engine/worker/text_encoding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct bytes {
    const char *data;
    size_t len;
};
#define BYTES(literal) \
    { literal, sizeof(literal) - 1 }

static const struct {
    enum text_encoding encoding;
    struct bytes in;
    const char *out;
    unsigned bad, nuls;
} decodings[] = {
    {ENCODING_UTF8, BYTES("plain ascii, long enough for a word"), "plain ascii, long enough for a word", 0, 0},
    {ENCODING_UTF8, BYTES("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"), "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 0, 0},
    {ENCODING_UTF8, BYTES("a\xFF\xC3"), "a\xEF\xBF\xBD\xEF\xBF\xBD", 2, 0},
    {ENCODING_UTF8, BYTES("a\0b"), "ab", 0, 1},
    {ENCODING_UTF8, BYTES("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD", 3, 0},
    {ENCODING_UTF16LE, BYTES("a\0\xAC\x20\x3D\xD8\x00\xDE"), "a\xE2\x82\xAC\xF0\x9F\x98\x80", 0, 0},
    {ENCODING_UTF16BE, BYTES("\0a\x20\xAC\xD8\x3D\xDE\x00"), "a\xE2\x82\xAC\xF0\x9F\x98\x80", 0, 0},
    {ENCODING_UTF16LE,
     BYTES("\x3D\xD8"
           "a\0x"),
     "\xEF\xBF\xBD"
     "a\xEF\xBF\xBD",
     2, 0},
    {ENCODING_WINDOWS_1252, BYTES("M\xFCller \x80 \x81"), "M\xC3\xBCller \xE2\x82\xAC \xEF\xBF\xBD", 1, 0},
};

static void test_decode(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof decodings / sizeof *decodings; i++) {
        struct bytes in = decodings[i].in;
        for (size_t cut = 0; cut <= in.len; cut++) {
            for (size_t second = cut; second <= in.len; second++) {
                LH_AUTO(buf) struct buf out = BUF_INIT;
                struct text_decoder d;
                text_decoder_init(&d, decodings[i].encoding);
                text_decode(&d, in.data, cut, false, &out);
                text_decode(&d, in.data + cut, second - cut, false, &out);
                text_decode(&d, in.data + second, in.len - second, true, &out);
                if (strcmp(buf_cstr(&out), decodings[i].out) != 0 || d.bad != decodings[i].bad ||
                    d.nuls != decodings[i].nuls)
                    fail_msg("row %zu cut at %zu and %zu: \"%s\", %llu bad", i, cut, second, buf_cstr(&out),
                             (unsigned long long)d.bad);
            }
        }
    }
}

static void test_guess(void **state) {
    (void)state;
    static const struct {
        struct bytes in;
        enum text_encoding encoding;
        size_t mark;
    } rows[] = {
        {BYTES("abc"), ENCODING_UTF8, 0},
        {BYTES("\xEF\xBB\xBF"
               "a"),
         ENCODING_UTF8, 3},
        {BYTES("\xFF\xFE"
               "a\0"),
         ENCODING_UTF16LE, 2},
        {BYTES("\xFE\xFF\0a"), ENCODING_UTF16BE, 2},
        {BYTES("a\0b\0c\0"), ENCODING_UTF16LE, 0},
        {BYTES("\0a\0b\0c"), ENCODING_UTF16BE, 0},
        {BYTES("a\0b c d e f"), ENCODING_UTF8, 0},
        {BYTES(""), ENCODING_UTF8, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t mark = 99;
        assert_int_equal(text_encoding_guess(rows[i].in.data, rows[i].in.len, &mark), rows[i].encoding);
        assert_int_equal(mark, rows[i].mark);
    }
}

/* Records as text: fields in <>, "!" for a bad record, "~" for a blank one, each with its line. */
static void render(const char *text, const struct csv_dialect *dialect, struct buf *out) {
    LH_AUTO(csv_reader) struct csv_reader reader;
    struct lh_err err = LH_ERR_INIT;
    csv_reader_init_text(&reader, dialect, text, strlen(text), 64, 5);
    const struct csv_record *record;
    for (;;) {
        enum lh_code code = csv_reader_next(&reader, &record, &err);
        if (code != LH_OK) {
            buf_printf(out, "%s %s", lh_code_name(code), err.message);
            return;
        }
        if (!record)
            return;
        buf_printf(out, "%llu:", (unsigned long long)record->line);
        for (size_t i = 0; i < record->count; i++)
            buf_printf(out, "<%.*s>", (int)record->fields[i].len, record->fields[i].text);
        if (record->bad)
            buf_printf(out, "!%.*s!", (int)record->raw_len, record->raw);
        buf_append_str(out, record->blank ? "~ " : " ");
    }
}

static void test_records(void **state) {
    (void)state;
    const struct csv_dialect standard = {',', '"', '"', false}, backslash = {',', '"', '\\', false},
                             lines = {-1, -1, -1, false};
    const struct {
        const struct csv_dialect *dialect;
        const char *text, *expected;
    } rows[] = {
        {&standard, "a,b\n1,2\n", "1:<a><b> 2:<1><2> "},
        {&standard, "a,b\r\n1,2\r3,4", "1:<a><b> 2:<1><2> 3:<3><4> "},
        {&standard, "\n\na,\n", "1:<>~ 2:<>~ 3:<a><> "},
        {&standard, "\"a\"\"b\",\"c\nd\"\ne", "1:<a\"b><c\nd> 3:<e> "},
        {&standard, "\"a\"b,c\nd,e", "1:!\"a\"b,c! 2:<d><e> "},
        {&standard, "\"a,b\nc,d\n", "1:!\"a,b! 2:<c><d> "},
        {&standard, "a\"b,\"\"\n", "1:<a\"b><> "},
        {&backslash, "\"a\\\"b\",\"c\\\\\"\nd", "1:<a\"b><c\\> 2:<d> "},
        {&lines, "a,\"b\nc", "1:<a,\"b> 2:<c> "},
        {&standard, "1,2,3,4,5,6\n", "limit line 1 has more than 5 columns"},
        {&standard, "a\n0123456789012345678901234567890123456789012345678901234567890123456789\n",
         "1:<a> limit line 2 is longer than 64 bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        LH_AUTO(buf) struct buf seen = BUF_INIT;
        render(rows[i].text, rows[i].dialect, &seen);
        if (strcmp(buf_cstr(&seen), rows[i].expected) != 0)
            fail_msg("row %zu: %s", i, buf_cstr(&seen));
    }
}

static void test_sniff(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int delimiter;
        bool header;
        size_t columns;
        unsigned preamble;
    } rows[] = {
        {"a,b\n1,2\n", ',', true, 2, 0},
        {"a;b\n1,5;2,5\n", ';', true, 2, 0},
        {"a\tb, c\n1\tx, y\n", '\t', true, 2, 0},
        {"1,Ann\n2,Bob\n", ',', false, 2, 0},
        {"Ann,ann@x.org\nBob,bob@x.org\n", ',', false, 2, 0},
        {"name,2023,2024\nAnn,1,2\n", ',', true, 3, 0},
        {"Ann,Berlin\nBob,Berlin\nCid,Berlin\n", ',', false, 2, 0},
        {"Report\n\nid,name,city\n1,Ann,Bonn\n2,Bob,Ulm\n", ',', true, 3, 2},
        {"word\nanother word, maybe\nthird\n", -1, true, 1, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct csv_format format;
        struct lh_err err = LH_ERR_INIT;
        const struct csv_sniff_options options = {.delimiter = CSV_LOOK,
                                                  .quote = CSV_LOOK,
                                                  .header = CSV_LOOK,
                                                  .max_record_bytes = 1 << 20,
                                                  .max_fields = 100};
        assert_int_equal(csv_sniff(rows[i].text, strlen(rows[i].text), &options, &format, &err), LH_OK);
        if (format.dialect.delimiter != rows[i].delimiter || format.header != rows[i].header ||
            format.columns != rows[i].columns || format.preamble_lines != rows[i].preamble)
            fail_msg("row %zu: delimiter %d, header %d, %zu columns, %llu lines before", i, format.dialect.delimiter,
                     format.header, format.columns, (unsigned long long)format.preamble_lines);
    }
}

static void test_json_scan(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum json_scan_result result;
        size_t len;
    } rows[] = {
        {"{}", JSON_SCAN_DONE, 2},
        {"[1,2] x", JSON_SCAN_DONE, 5},
        {"{\"a\":[true,null,-1.5e3,\"\\u00e9\\n\"]}", JSON_SCAN_DONE, 35},
        {"12", JSON_SCAN_DONE, 2},
        {"[1,]", JSON_SCAN_BAD, 3},
        {"{\"a\":1,}", JSON_SCAN_BAD, 7},
        {"{a:1}", JSON_SCAN_BAD, 1},
        {"[01]", JSON_SCAN_BAD, 3},
        {"[1}", JSON_SCAN_BAD, 2},
        {"\"a\nb\"", JSON_SCAN_BAD, 2},
        {"\"\\x\"", JSON_SCAN_BAD, 2},
        {"nul", JSON_SCAN_BAD, 0},
        {"[[[[[", JSON_SCAN_DEEP, 4},
        {"]", JSON_SCAN_BAD, 0},
        {"", JSON_SCAN_BAD, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = 999, full = strlen(rows[i].text);
        const char *reason;
        enum json_scan_result result = json_scan(rows[i].text, full, true, 4, &len, &reason);
        if (result != rows[i].result || len != rows[i].len)
            fail_msg("%s: %d at %zu", rows[i].text, (int)result, len);
        /* Cut anywhere inside its value, a good text asks for more. */
        for (size_t cut = 0; result == JSON_SCAN_DONE && cut < len; cut++) {
            size_t ignored;
            bool number = rows[i].text[0] == '1';
            assert_int_equal(json_scan(rows[i].text, cut, false, 4, &ignored, &reason), JSON_SCAN_MORE);
            assert_true(number || json_scan(rows[i].text, cut, true, 4, &ignored, &reason) == JSON_SCAN_BAD);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode), cmocka_unit_test(test_guess),     cmocka_unit_test(test_records),
        cmocka_unit_test(test_sniff),  cmocka_unit_test(test_json_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
