/* Uploads taken apart, fed whole and a byte at a time. */
#include "gateway/multipart.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct multipart_case {
    const char *name;
    const char *content_type;
    const char *body;
    const char *wanted; /* "name[filename]{type}=data;" a part, or the error's part */
    enum lh_code code;
};

#define FORM "multipart/form-data; boundary=B"
#define PART(disposition, data) "--B\r\nContent-Disposition: form-data; " disposition "\r\n\r\n" data "\r\n"

static const struct multipart_case cases[] = {
    {"two parts", FORM, PART("name=a", "1") PART("name=\"b\"; filename=\"x.csv\"", "i,j\r\n1,2\r\n") "--B--\r\n",
     "a=1;b[x.csv]=i,j\r\n1,2\r\n;", LH_OK},
    {"empty part", FORM, PART("name=a", "") "--B--", "a=;", LH_OK},
    {"content type", FORM, "--B\r\ncontent-disposition: form-data; name=f\r\nContent-Type: text/csv\r\n\r\nx\r\n--B--",
     "f{text/csv}=x;", LH_OK},
    {"preamble and epilogue", FORM, "hello\r\n" PART("name=a", "1") "--B--\r\nrest --B", "a=1;", LH_OK},
    {"boundary look-alikes", FORM, PART("name=a", "\r\n--A\r\n-\r\n--\r\r\n--") "--B--",
     "a=\r\n--A\r\n-\r\n--\r\r\n--;", LH_OK},
    {"quoted boundary", "multipart/form-data; charset=x; boundary=\"B\"", PART("name=a", "1") "--B--", "a=1;", LH_OK},
    {"escaped name", FORM, PART("name=\"a\\\"b\\\\\"", "1") "--B--", "a\"b\\=1;", LH_OK},
    {"a path as file name", FORM, PART("name=f; filename=\"C:\\\\dir\\\\x.csv\"", "1") "--B--", "f[x.csv]=1;", LH_OK},
    {"dots as file name", FORM, PART("name=f; filename=\"../../etc/passwd\"", "1") "--B--", "f[passwd]=1;", LH_OK},
    {"spaces behind a boundary", FORM, "--B  \r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--", "a=1;",
     LH_OK},
    {"no parts", FORM, "--B--\r\n", "", LH_OK},
    {"other type", "application/json", "", "not multipart/form-data", LH_UNSUPPORTED},
    {"no boundary", "multipart/form-data", "", "no usable boundary", LH_INVALID},
    {"boundary with a control character", "multipart/form-data; boundary=\"a\tb\"", "", "no usable boundary",
     LH_INVALID},
    {"never begins", FORM, "nothing here", "never comes", LH_INVALID},
    {"cut in a part", FORM, "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n12", "before the closing boundary",
     LH_INVALID},
    {"cut in a head", FORM, "--B\r\nContent-Dispo", "before the closing boundary", LH_INVALID},
    {"no name", FORM, PART("filename=x", "1") "--B--", "without a name", LH_INVALID},
    {"attachment", FORM, "--B\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--B--", "not form-data",
     LH_INVALID},
    {"no headers", FORM, "--B\r\n\r\n1\r\n--B--", "without headers", LH_INVALID},
    {"base64", FORM,
     "--B\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\nMQ==\r\n"
     "--B--",
     "Content-Transfer-Encoding", LH_INVALID},
    {"text behind a boundary", FORM, "--Bx\r\n", "behind a boundary", LH_INVALID},
    {"not UTF-8", FORM, PART("name=\"\xff\"", "1") "--B--", "UTF-8", LH_INVALID},
};

static enum lh_code on_begin(void *ctx, const struct multipart_part *part, struct lh_err *err) {
    (void)err;
    buf_append_str(ctx, part->name);
    if (part->filename)
        buf_printf(ctx, "[%s]", part->filename);
    if (part->content_type)
        buf_printf(ctx, "{%s}", part->content_type);
    buf_append_char(ctx, '=');
    return LH_OK;
}

static enum lh_code on_data(void *ctx, const void *data, size_t len, struct lh_err *err) {
    (void)err;
    buf_append(ctx, data, len);
    return LH_OK;
}

static enum lh_code on_end(void *ctx, struct lh_err *err) {
    (void)err;
    buf_append_char(ctx, ';');
    return LH_OK;
}

static enum lh_code parse(const struct multipart_case *c, size_t step, struct buf *out, struct lh_err *err) {
    struct multipart_sink sink = {out, on_begin, on_data, on_end};
    LH_AUTO(multipart) struct multipart *m = NULL;
    LH_TRY(multipart_new(c->content_type, &sink, &m, err));
    size_t len = strlen(c->body);
    for (size_t at = 0; at < len; at += step)
        LH_TRY(multipart_feed(m, c->body + at, len - at < step ? len - at : step, err));
    return multipart_finish(m, err);
}

static void test_cases(void **state) {
    (void)state;
    static const size_t steps[] = {1, 2, 3, 7, 100000};
    for (size_t i = 0; i < LH_ARRAY_LEN(cases); i++)
        for (size_t k = 0; k < LH_ARRAY_LEN(steps); k++) {
            LH_AUTO(buf) struct buf out = BUF_INIT;
            struct lh_err err = LH_ERR_INIT;
            enum lh_code code = parse(&cases[i], steps[k], &out, &err);
            if (code != cases[i].code)
                fail_msg("%s, by %zu: %s %s", cases[i].name, steps[k], lh_code_name(code), err.message);
            if (code == LH_OK && strcmp(buf_cstr(&out), cases[i].wanted) != 0)
                fail_msg("%s, by %zu: %s", cases[i].name, steps[k], buf_cstr(&out));
            if (code != LH_OK && !strstr(err.message, cases[i].wanted))
                fail_msg("%s, by %zu: %s", cases[i].name, steps[k], err.message);
        }
}

static void test_limits(void **state) {
    (void)state;
    LH_AUTO(buf) struct buf body = BUF_INIT;
    for (int i = 0; i <= MULTIPART_PARTS_MAX; i++)
        buf_append_str(&body, PART("name=a", "1"));
    buf_append_str(&body, "--B--");
    struct multipart_case many = {"many", FORM, body.data, "", LH_INVALID};
    LH_AUTO(buf) struct buf out = BUF_INIT;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(parse(&many, 1000, &out, &err), LH_INVALID);
    assert_non_null(strstr(err.message, "more parts"));
    LH_AUTO(buf) struct buf head = BUF_INIT;
    buf_append_str(&head, "--B\r\nX: ");
    for (int i = 0; i <= MULTIPART_HEAD_MAX; i++)
        buf_append_char(&head, 'x');
    struct multipart_case longer = {"long", FORM, head.data, "", LH_INVALID};
    assert_int_equal(parse(&longer, 1000, &out, &err), LH_INVALID);
    assert_non_null(strstr(err.message, "too long"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
