/* The structured log: one event, one line, written with one write(2), whoever logs at the same time.
 *
 *     lh_log_event(log, LH_LOG_INFO, "listening", LOG_STR("address", address), LOG_INT("port", port));
 *
 * `text`: "01:25:47.123 INFO  listening address=127.0.0.1 port=3100", in colour on a terminal.
 * `json`: {"ts":"...","level":"info","event":"listening","address":"127.0.0.1","port":3100}
 * Control characters and bad UTF-8 are escaped in both, so that no value can forge a line.  Fields of the context
 * (request id, trace id) are added to each event made through it.  There is no global log: it is passed on.
 * Thread-safe; never waits for a reader: a line that a full pipe cannot take is dropped, and the next one that fits is
 * preceded by the count (a line above 4 KB may wait for the rest of its room). */
#ifndef LH_BASE_LOG_H
#define LH_BASE_LOG_H

#include "base/attr.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum lh_log_level { LH_LOG_DEBUG, LH_LOG_INFO, LH_LOG_WARN, LH_LOG_ERROR, LH_LOG_OFF };
enum lh_log_format { LH_LOG_AUTO, LH_LOG_TEXT, LH_LOG_JSON }; /* AUTO: text on a terminal, else JSON */

struct lh_log;

/* Log to descriptor `fd`, which stays the caller's.  `now_us` gives the time (with `clock_self`). */
struct lh_log *lh_log_new(int fd, enum lh_log_level level, enum lh_log_format format,
                          int64_t (*now_us)(void *clock_self), void *clock_self);
void lh_log_free(struct lh_log *log); /* NULL is fine; contexts made from it must be gone */

/* A log that adds the ids to each event; shares the parent's output.  Either id may be NULL.  One request's. */
struct lh_log *lh_log_with_request(struct lh_log *parent, const char *request_id, const char *trace_id);

enum lh_log_kind { LH_FIELD_STR, LH_FIELD_INT, LH_FIELD_UINT, LH_FIELD_DOUBLE, LH_FIELD_BOOL };

struct lh_log_field {
    const char *key; /* snake_case, ours */
    enum lh_log_kind kind;
    union {
        const char *str; /* NULL: the field is left out */
        int64_t integer;
        uint64_t uinteger;
        double real;
        bool boolean;
    } value;
};

#define LOG_STR(k, v) ((struct lh_log_field){.key = (k), .kind = LH_FIELD_STR, .value.str = (v)})
#define LOG_INT(k, v) ((struct lh_log_field){.key = (k), .kind = LH_FIELD_INT, .value.integer = (v)})
#define LOG_UINT(k, v) ((struct lh_log_field){.key = (k), .kind = LH_FIELD_UINT, .value.uinteger = (v)})
#define LOG_DOUBLE(k, v) ((struct lh_log_field){.key = (k), .kind = LH_FIELD_DOUBLE, .value.real = (v)})
#define LOG_BOOL(k, v) ((struct lh_log_field){.key = (k), .kind = LH_FIELD_BOOL, .value.boolean = (v)})

bool lh_log_enabled(const struct lh_log *log, enum lh_log_level level); /* a NULL log is never enabled */

/* `event` is a short constant phrase; what varies goes into fields.  At least one field. */
#define lh_log_event(log, level, event, ...)                                          \
    lh_log_write((log), (level), (event), (const struct lh_log_field[]){__VA_ARGS__}, \
                 sizeof((const struct lh_log_field[]){__VA_ARGS__}) / sizeof(struct lh_log_field))
/* An event without fields. */
#define lh_log_note(log, level, event) lh_log_write((log), (level), (event), NULL, 0)

void lh_log_write(struct lh_log *log, enum lh_log_level level, const char *event, const struct lh_log_field *fields,
                  unsigned count);

/* An error at the edge: code, message, detail, source place and errno as fields. */
void lh_log_error(struct lh_log *log, enum lh_log_level level, const char *event, const struct lh_err *err);

bool lh_log_level_parse(const char *text, enum lh_log_level *ret_level); /* debug info warn error off */

#endif
