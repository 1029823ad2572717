#include "base/log.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct lh_log {
    int fd;
    enum lh_log_level level;
    bool json;
    bool colour;
    int64_t (*now_us)(void *clock_self);
    void *clock_self;
    atomic_ullong dropped; /* lines that found no room, in the log that lh_log_new made */
    struct lh_log *root;   /* that log; itself there */
    char request_id[64];   /* "" outside a request */
    char trace_id[64];
};

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

struct lh_log *lh_log_new(int fd, enum lh_log_level level, enum lh_log_format format,
                          int64_t (*now_us)(void *clock_self), void *clock_self) {
    bool terminal = isatty(fd) == 1;
    struct lh_log *log = lh_calloc(1, sizeof *log);
    log->fd = fd;
    log->level = level;
    log->json = format == LH_LOG_JSON || (format == LH_LOG_AUTO && !terminal);
    log->colour = terminal && !log->json;
    log->now_us = now_us;
    log->clock_self = clock_self;
    log->root = log;
    return log;
}

void lh_log_free(struct lh_log *log) {
    lh_free(log);
}

static void copy_id(char *to, size_t size, const char *id) {
    size_t len = id ? strnlen(id, size - 1) : 0;
    if (len > 0)
        memcpy(to, id, len);
    to[len] = '\0';
}

struct lh_log *lh_log_with_request(struct lh_log *parent, const char *request_id, const char *trace_id) {
    if (!parent)
        return NULL;
    struct lh_log *log = lh_calloc(1, sizeof *log);
    log->fd = parent->fd;
    log->level = parent->level;
    log->json = parent->json;
    log->colour = parent->colour;
    log->now_us = parent->now_us;
    log->clock_self = parent->clock_self;
    log->root = parent->root;
    copy_id(log->request_id, sizeof log->request_id, request_id);
    copy_id(log->trace_id, sizeof log->trace_id, trace_id);
    return log;
}

bool lh_log_enabled(const struct lh_log *log, enum lh_log_level level) {
    return log && level >= log->level && level < LH_LOG_OFF;
}

bool lh_log_level_parse(const char *text, enum lh_log_level *ret_level) {
    for (size_t i = 0; i < LH_ARRAY_LEN(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum lh_log_level)i;
            return true;
        }
    }
    return false;
}

static bool is_absent(const struct lh_log_field *field) {
    return field->kind == LH_FIELD_STR && !field->value.str;
}

/* Values that stand bare in a text line; anything else is quoted and escaped like a JSON string. */
static bool is_plain(const char *text) {
    if (!*text)
        return false;
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == '"' || *c == '=' || *c == '\\' || (unsigned char)*c >= 0x7F)
            return false;
    return true;
}

/* C1 control characters (U+0080 to U+009F) are valid UTF-8 and steer terminals, so they are escaped as well. */
static void append_quoted(struct buf *line, const char *text) {
    size_t len = strlen(text);
    LH_AUTO(buf) struct buf safe = BUF_INIT;
    buf_append_json_string(&safe, text, len);
    for (size_t i = 0; i < safe.len;) {
        uint32_t point = 0;
        size_t step = utf8_decode(safe.data + i, safe.len - i, &point);
        if (point >= 0x80 && point < 0xA0)
            buf_printf(line, "\\u%04x", (unsigned)point);
        else
            buf_append(line, safe.data + i, step);
        i += step;
    }
}

static void append_value(struct buf *line, const struct lh_log_field *field, bool json) {
    switch (field->kind) {
    case LH_FIELD_STR:
        if (!json && is_plain(field->value.str))
            buf_append_str(line, field->value.str);
        else
            append_quoted(line, field->value.str);
        break;
    case LH_FIELD_INT: buf_printf(line, "%" PRId64, field->value.integer); break;
    case LH_FIELD_UINT: buf_printf(line, "%" PRIu64, field->value.uinteger); break;
    case LH_FIELD_DOUBLE:
        if (isfinite(field->value.real))
            buf_printf(line, "%.6g", field->value.real);
        else
            buf_append_str(line, "null");
        break;
    case LH_FIELD_BOOL: buf_append_str(line, field->value.boolean ? "true" : "false"); break;
    }
}

static void append_field(struct buf *line, const struct lh_log_field *field, bool json) {
    if (is_absent(field))
        return;
    buf_printf(line, json ? ",\"%s\":" : " %s=", field->key);
    append_value(line, field, json);
}

static void begin_text(const struct lh_log *log, enum lh_log_level level, const char *event, struct buf *line) {
    static const char *const colours[] = {"\x1b[2m", "\x1b[32m", "\x1b[33m", "\x1b[31m"};
    static const char *const padded[] = {"DEBUG", "INFO ", "WARN ", "ERROR"};
    char time[LH_TIME_SIZE];
    lh_time_format(log->now_us(log->clock_self), time);
    buf_printf(line, "%.12s %s%s%s %s", time + 11, log->colour ? colours[level] : "", padded[level],
               log->colour ? "\x1b[0m" : "", event);
}

static void begin_json(const struct lh_log *log, enum lh_log_level level, const char *event, struct buf *line) {
    char time[LH_TIME_SIZE];
    lh_time_format(log->now_us(log->clock_self), time);
    buf_printf(line, "{\"ts\":\"%s\",\"level\":\"%s\",\"event\":", time, level_names[level]);
    append_quoted(line, event);
}

/* One write(2) a line, so lines of several threads (and processes) do not mix.  A log that cannot be written is no
 * reason to fail a request: what the kernel does not take is lost. */
static void write_line(int fd, const struct buf *line) {
    size_t done = 0;
    while (done < line->len) {
        ssize_t put = write(fd, line->data + done, line->len - done);
        if (put <= 0)
            return;
        done += (size_t)put;
    }
}

/* Does a line of ordinary length fit without waiting for whoever reads the other end?  Where that cannot be told, try. */
static bool has_room(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) != 0;
}

void lh_log_write(struct lh_log *log, enum lh_log_level level, const char *event, const struct lh_log_field *fields,
                  unsigned count) {
    if (!lh_log_enabled(log, level))
        return;
    if (!has_room(log->fd)) {
        atomic_fetch_add(&log->root->dropped, 1);
        return;
    }
    unsigned long long dropped = atomic_exchange(&log->root->dropped, 0);
    if (dropped > 0)
        lh_log_event(log->root, LH_LOG_WARN, "log lines were dropped: nobody read them", LOG_UINT("count", dropped));
    LH_AUTO(buf) struct buf line = BUF_INIT;
    (log->json ? begin_json : begin_text)(log, level, event, &line);
    for (unsigned i = 0; i < count; i++)
        append_field(&line, &fields[i], log->json);
    if (*log->request_id)
        append_field(&line, &LOG_STR("request_id", log->request_id), log->json);
    if (*log->trace_id)
        append_field(&line, &LOG_STR("trace_id", log->trace_id), log->json);
    buf_append_str(&line, log->json ? "}\n" : "\n");
    write_line(log->fd, &line);
}

void lh_log_error(struct lh_log *log, enum lh_log_level level, const char *event, const struct lh_err *err) {
    char source[160] = "";
    if (err->file)
        snprintf(source, sizeof source, "%s:%d", err->file, err->line);
    const struct lh_log_field fields[] = {
        LOG_STR("code", lh_code_name(err->code)),
        LOG_STR("message", err->message),
        LOG_STR("detail", *err->detail ? err->detail : NULL),
        LOG_STR("hint", *err->hint ? err->hint : NULL),
        LOG_STR("errno", err->os_errno ? strerrorname_np(err->os_errno) : NULL),
        LOG_STR("source", *source ? source : NULL),
    };
    lh_log_write(log, level, event, fields, LH_ARRAY_LEN(fields));
}
