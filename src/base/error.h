/* The one result type of the tree, and the object that explains a failure.
 *
 * Every fallible function returns `enum lh_code` and takes `struct lh_err *err` last.  On LH_OK `err` and all
 * outputs (`ret_x`) are as specified; on failure `err` is filled and outputs are untouched.  `err` is never NULL.
 * The object is plain storage (no allocation, nothing to free): it can live on a stack and be copied by assignment.
 *
 * Libraries return errors; only the edge (gateway, cli, a thread's main) logs them, once, with the request id.
 * `message` and `hint` may reach any client; `detail` is for the log only and may name paths and causes.
 */
#ifndef LH_BASE_ERROR_H
#define LH_BASE_ERROR_H

#include "base/attr.h"

#include <stdarg.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(NAME, name, number, HTTP status, SQLSTATE, retryable, title).  Numbers are never reused and have no gaps.
 * `name` is the stable `code` string of an HTTP error. */
#define LH_CODES(X)                                                                                  \
    X(OK, ok, 0, 200, "00000", false, "ok")                                                          \
    X(INVALID, invalid, 1, 400, "22000", false, "invalid request")                                   \
    X(SQL, sql, 2, 400, "42000", false, "SQL error")                                                 \
    X(UNAUTHENTICATED, unauthenticated, 3, 401, "28000", false, "authentication required")           \
    X(FORBIDDEN, forbidden, 4, 403, "42501", false, "not allowed")                                   \
    X(NOT_FOUND, not_found, 5, 404, "02000", false, "not found")                                     \
    X(METHOD, method, 6, 405, "0A000", false, "method not allowed")                                  \
    X(NOT_ACCEPTABLE, not_acceptable, 7, 406, "0A000", false, "no acceptable representation")        \
    X(TIMEOUT, timeout, 8, 408, "57014", true, "time limit passed")                                  \
    X(CONFLICT, conflict, 9, 409, "40001", true, "conflict")                                         \
    X(EXISTS, exists, 10, 409, "42P07", false, "already exists")                                     \
    X(PRECONDITION, precondition, 11, 412, "40001", false, "precondition failed")                    \
    X(TOO_LARGE, too_large, 12, 413, "54000", false, "too large")                                    \
    X(UNSUPPORTED, unsupported, 13, 415, "0A000", false, "unsupported format")                       \
    X(RANGE, range, 14, 416, "22003", false, "range not satisfiable")                                \
    X(DATA, data, 15, 422, "22P02", false, "input data cannot be used")                              \
    X(LIMIT, limit, 16, 422, "54000", false, "resource limit reached")                               \
    X(RATE, rate, 17, 429, "53400", true, "too many requests")                                       \
    X(CANCELLED, cancelled, 18, 499, "57014", false, "cancelled")                                    \
    X(INTERNAL, internal, 19, 500, "XX000", false, "internal error")                                 \
    X(CORRUPT, corrupt, 20, 500, "XX001", false, "stored data is damaged")                           \
    X(IO, io, 21, 500, "58030", false, "input/output error")                                         \
    X(CRASH, crash, 22, 422, "XX000", false, "the query process ended unexpectedly")                 \
    X(UPSTREAM, upstream, 23, 502, "08006", true, "another service failed")                          \
    X(BUSY, busy, 24, 503, "53300", true, "busy")                                                    \
    X(UNAVAILABLE, unavailable, 25, 503, "57P03", true, "unavailable")                               \
    X(NO_SPACE, no_space, 26, 507, "53100", true, "no space left")                                   \
    X(NO_MEMORY, no_memory, 27, 503, "53200", true, "out of memory")                                 \
    X(UNKNOWN_OUTCOME, unknown_outcome, 28, 500, "40003", true, "outcome of the write is not known") \
    X(USAGE, usage, 29, 400, "22023", false, "wrong usage")                                          \
    X(LOCKED, locked, 30, 409, "55006", true, "in use by another process")                           \
    X(GONE, gone, 31, 410, "02000", false, "no longer kept")

enum lh_code {
#define LH_CODE_ENUM(NAME, name, number, http, sqlstate, retryable, title) LH_##NAME = (number),
    LH_CODES(LH_CODE_ENUM)
#undef LH_CODE_ENUM
};

struct lh_err {
    enum lh_code code;
    int os_errno;     /* errno where a system call failed, else 0 */
    long position;    /* 1-based byte offset into the SQL text or input the message speaks of; 0: none */
    const char *file; /* where in the source the error was made */
    int line;
    char message[1024]; /* for the client: what was wrong and where; one or several lines, no trailing newline */
    char detail[1024];  /* for the log only; "" where there is none */
    char hint[512];     /* for the client: what to do next; "" where there is none */
};

#define LH_ERR_INIT \
    { .code = LH_OK }

/* Fill `err` (replacing what it held) and return `code`, so that failing is one line:
 *     return lh_fail(err, LH_NOT_FOUND, "there is no dataset \"%s\"", name);
 * The message says what was wrong and names the place; it starts in lower case and has no full stop. */
#define lh_fail(err, code, ...) lh_err_set((err), (code), 0, __FILE__, __LINE__, __VA_ARGS__)

/* As lh_fail for a failed system call: the code follows from `errnum` (ENOSPC and EDQUOT: LH_NO_SPACE, ENOENT:
 * LH_NOT_FOUND, EEXIST: LH_EXISTS, EACCES, EPERM and EROFS: LH_IO, else LH_IO) and its text is appended. */
#define lh_fail_errno(err, errnum, ...) lh_err_set_errno((err), (errnum), __FILE__, __LINE__, __VA_ARGS__)

enum lh_code lh_err_set(struct lh_err *err, enum lh_code code, int os_errno, const char *file, int line,
                        const char *fmt, ...) LH_PRINTF(6, 7);
enum lh_code lh_err_set_errno(struct lh_err *err, int os_errno, const char *file, int line, const char *fmt, ...)
    LH_PRINTF(5, 6);

/* Add to an error that is on its way up; both return err->code.  `lh_err_context` puts "doing X: " before the message. */
enum lh_code lh_err_context(struct lh_err *err, const char *fmt, ...) LH_PRINTF(2, 3);
enum lh_code lh_err_hint(struct lh_err *err, const char *fmt, ...) LH_PRINTF(2, 3);
enum lh_code lh_err_detail(struct lh_err *err, const char *fmt, ...) LH_PRINTF(2, 3);

/* What every caller knows and clang's analyzer cannot see from another file: these never return LH_OK, so the outputs of
 * a function that returned LH_OK were set. */
#ifdef __clang_analyzer__
static inline enum lh_code lh_err_is_failure(enum lh_code code) {
    if (code == LH_OK)
        __builtin_unreachable();
    return code;
}
#define lh_err_set(...) lh_err_is_failure(lh_err_set(__VA_ARGS__))
#define lh_err_set_errno(...) lh_err_is_failure(lh_err_set_errno(__VA_ARGS__))
#define lh_err_context(...) lh_err_is_failure(lh_err_context(__VA_ARGS__))
#define lh_err_hint(...) lh_err_is_failure(lh_err_hint(__VA_ARGS__))
#define lh_err_detail(...) lh_err_is_failure(lh_err_detail(__VA_ARGS__))
#endif

/* The table.  Any value is accepted; one that is not in the table reads as INTERNAL. */
const char *lh_code_name(enum lh_code code);  /* "not_found" */
const char *lh_code_title(enum lh_code code); /* "not found" */
const char *lh_code_sqlstate(enum lh_code code);
int lh_code_http_status(enum lh_code code);
bool lh_code_retryable(enum lh_code code);
/* The inverse of lh_code_name, for errors that crossed a process: LH_INTERNAL where the name is unknown. */
enum lh_code lh_code_from_name(const char *name);

/* Return from the calling function where `call` failed.  The only control flow that hides in a macro. */
#define LH_TRY(call)                        \
    do {                                    \
        enum lh_code lh_try_code_ = (call); \
        if (lh_try_code_ != LH_OK)          \
            return lh_try_code_;            \
    } while (0)

/* Say that a result is ignored on purpose (best-effort clean-up). */
static inline void lh_ignore(enum lh_code code) {
    (void)code;
}

#ifdef __cplusplus
}
#endif

#endif
