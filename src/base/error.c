#include "base/error.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct code_row {
    const char *name;
    const char *title;
    const char *sqlstate;
    int http;
    bool retryable;
};

static const struct code_row code_rows[] = {
#define CODE_ROW(NAME, name, number, http, sqlstate, retryable, title) \
    [number] = {#name, title, sqlstate, http, retryable},
    LH_CODES(CODE_ROW)
#undef CODE_ROW
};

static const struct code_row *row_of(enum lh_code code) {
    size_t index = (size_t)code;
    return &code_rows[index < LH_ARRAY_LEN(code_rows) ? index : (size_t)LH_INTERNAL];
}

const char *lh_code_name(enum lh_code code) {
    return row_of(code)->name;
}

const char *lh_code_title(enum lh_code code) {
    return row_of(code)->title;
}

const char *lh_code_sqlstate(enum lh_code code) {
    return row_of(code)->sqlstate;
}

int lh_code_http_status(enum lh_code code) {
    return row_of(code)->http;
}

bool lh_code_retryable(enum lh_code code) {
    return row_of(code)->retryable;
}

enum lh_code lh_code_from_name(const char *name) {
    for (size_t i = 0; i < LH_ARRAY_LEN(code_rows); i++)
        if (strcmp(code_rows[i].name, name) == 0)
            return (enum lh_code)i;
    return LH_INTERNAL;
}

/* A message that filled its field may have been cut inside a UTF-8 sequence: drop the torn end. */
static void trim_torn_utf8(char *text) {
    size_t len = strlen(text);
    size_t start = len;
    while (start > 0 && len - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (want > 1 && len - (start - 1) < want)
        text[start - 1] = '\0';
}

LH_PRINTF(3, 0) static void format_into(char *field, size_t size, const char *fmt, va_list args) {
    int len = vsnprintf(field, size, fmt, args);
    if (len < 0)
        field[0] = '\0';
    else if ((size_t)len >= size)
        trim_torn_utf8(field);
}

/* The names stand in parentheses because the header wraps them in macros for clang's analyzer.
 *
 * The arguments may point into `err` itself (wrapping an error in another), so the new one is built aside. */
enum lh_code(lh_err_set)(struct lh_err *err, enum lh_code code, int os_errno, const char *file, int line,
                         const char *fmt, ...) {
    struct lh_err fresh = {.code = code, .os_errno = os_errno, .file = file, .line = line};
    va_list args;
    va_start(args, fmt);
    format_into(fresh.message, sizeof fresh.message, fmt, args);
    va_end(args);
    *err = fresh;
    return code;
}

static enum lh_code code_of_errno(int os_errno) {
    switch (os_errno) {
    case ENOSPC:
    case EDQUOT: return LH_NO_SPACE;
    case ENOENT: return LH_NOT_FOUND;
    case EEXIST: return LH_EXISTS;
    case ENOMEM: return LH_NO_MEMORY;
    default: return LH_IO;
    }
}

enum lh_code(lh_err_set_errno)(struct lh_err *err, int os_errno, const char *file, int line, const char *fmt, ...) {
    struct lh_err fresh = {.code = code_of_errno(os_errno), .os_errno = os_errno, .file = file, .line = line};
    va_list args;
    va_start(args, fmt);
    format_into(fresh.message, sizeof fresh.message, fmt, args);
    va_end(args);

    const char *reason = strerrordesc_np(os_errno);
    size_t used = strlen(fresh.message);
    if (reason)
        snprintf(fresh.message + used, sizeof fresh.message - used, ": %s", reason);
    else
        snprintf(fresh.message + used, sizeof fresh.message - used, ": error %d", os_errno);
    *err = fresh;
    return err->code;
}

enum lh_code(lh_err_context)(struct lh_err *err, const char *fmt, ...) {
    char message[sizeof err->message];
    va_list args;
    va_start(args, fmt);
    format_into(message, sizeof message, fmt, args);
    va_end(args);

    size_t used = strlen(message);
    int more = snprintf(message + used, sizeof message - used, ": %s", err->message);
    if (more < 0 || (size_t)more >= sizeof message - used)
        trim_torn_utf8(message);
    memcpy(err->message, message, sizeof message);
    return err->code;
}

enum lh_code(lh_err_hint)(struct lh_err *err, const char *fmt, ...) {
    char hint[sizeof err->hint];
    va_list args;
    va_start(args, fmt);
    format_into(hint, sizeof hint, fmt, args);
    va_end(args);
    memcpy(err->hint, hint, sizeof hint);
    return err->code;
}

enum lh_code(lh_err_detail)(struct lh_err *err, const char *fmt, ...) {
    char detail[sizeof err->detail];
    va_list args;
    va_start(args, fmt);
    format_into(detail, sizeof detail, fmt, args);
    va_end(args);
    memcpy(err->detail, detail, sizeof detail);
    return err->code;
}
