#include "engine/worker/csv_scan.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"

#include <fcntl.h>
#include <string.h>

#define CHUNK ((size_t)1 << 20)
#define LONGEST_RECORD (4 * CHUNK)

enum step { STEP_RECORD, STEP_MORE, STEP_DOUBT };

struct cursor {
    const char *at, *end;
    bool last; /* nothing comes behind `end` */
    bool stops[256];
    int delimiter, quote;
};

static void cursor_init(struct cursor *c, const struct csv_dialect *dialect) {
    *c = (struct cursor){.delimiter = dialect->delimiter, .quote = dialect->quote};
    c->stops[(unsigned char)dialect->delimiter] = true;
    if (dialect->quote >= 0)
        c->stops[(unsigned char)dialect->quote] = true;
    c->stops['\n'] = c->stops['\r'] = c->stops[0] = true;
}

/* Behind the opening quote; leaves the cursor behind the closing one. */
static enum step quoted_field(struct cursor *c, const char **ret_text, size_t *ret_len) {
    const char *start = c->at;
    for (;;) {
        const char *quote = memchr(c->at, c->quote, (size_t)(c->end - c->at));
        if (!quote)
            return c->last ? STEP_DOUBT : STEP_MORE;
        if (quote + 1 == c->end && !c->last)
            return STEP_MORE;
        c->at = quote + 1;
        if (c->at < c->end && *c->at == c->quote) {
            c->at++;
            continue;
        }
        *ret_text = start;
        *ret_len = (size_t)(quote - start);
        return STEP_RECORD;
    }
}

static enum step one_field(struct cursor *c, const char **ret_text, size_t *ret_len) {
    if (c->at < c->end && c->quote >= 0 && *c->at == c->quote) {
        c->at++;
        return quoted_field(c, ret_text, ret_len);
    }
    const char *start = c->at;
    while (c->at < c->end && !c->stops[(unsigned char)*c->at])
        c->at++;
    if (c->at == c->end && !c->last)
        return STEP_MORE;
    *ret_text = start;
    *ret_len = (size_t)(c->at - start);
    return STEP_RECORD;
}

/* What follows a field: a delimiter, or the end of the record (*ret_end).  Anything else is a doubt. */
static enum step after_field(struct cursor *c, bool *ret_end) {
    *ret_end = true;
    if (c->at == c->end)
        return c->last ? STEP_RECORD : STEP_MORE;
    char next = *c->at++;
    if ((unsigned char)next == c->delimiter) {
        *ret_end = false;
        return STEP_RECORD;
    }
    if (next == '\r') {
        if (c->at == c->end)
            return c->last ? STEP_DOUBT : STEP_MORE;
        next = *c->at++;
    }
    return next == '\n' ? STEP_RECORD : STEP_DOUBT;
}

/* One record.  A record that the text does not hold whole leaves the cursor where it was, for when more has come. */
static enum step one_record(const struct csv_scan *scan, struct cursor *c, bool judged) {
    const char *start = c->at;
    for (size_t i = 0; i < scan->columns; i++) {
        const char *text = NULL;
        size_t len = 0;
        bool end = false;
        enum step step = one_field(c, &text, &len);
        if (step == STEP_RECORD)
            step = after_field(c, &end);
        if (step == STEP_MORE)
            c->at = start;
        if (step != STEP_RECORD)
            return step;
        if (end != (i + 1 == scan->columns))
            return STEP_DOUBT;
        if (judged && len > 0 && !value_has_kind(scan->kinds[i], text, len))
            return STEP_DOUBT;
    }
    return STEP_RECORD;
}

/* All whole records of what the cursor has; false once there is a doubt. */
static bool all_records(struct csv_scan *scan, struct cursor *c, bool *named) {
    while (c->at < c->end) {
        enum step step = one_record(scan, c, *named);
        if (step != STEP_RECORD)
            return step == STEP_MORE;
        scan->rows += *named;
        *named = true;
    }
    return true;
}

bool csv_scan_knows(enum value_kind kind) {
    return kind == KIND_BIGINT || kind == KIND_DOUBLE || kind == KIND_DATE;
}

void csv_scan_text(struct csv_scan *scan, const char *text, size_t len) {
    struct cursor c;
    bool named = !scan->header;
    cursor_init(&c, &scan->dialect);
    c.at = text;
    c.end = text + len;
    c.last = true;
    scan->rows = 0;
    scan->fits = all_records(scan, &c, &named);
}

enum lh_code csv_scan_file(struct csv_scan *scan, struct os *os, const char *path, struct lh_err *err) {
    LH_AUTO(mem) char *text = lh_malloc(LONGEST_RECORD);
    struct cursor c;
    bool named = !scan->header, fits = true;
    size_t held = 0;
    uint64_t offset = 0;
    int fd = -1;
    cursor_init(&c, &scan->dialect);
    scan->rows = 0;
    scan->fits = false;
    LH_TRY(os_open(os, AT_FDCWD, path, O_RDONLY, 0, 0, &fd, err));
    enum lh_code code = LH_OK;
    while (fits && !c.last && !atomic_load_explicit(&scan->stop, memory_order_relaxed)) {
        size_t room = LONGEST_RECORD - held, got = 0;
        if (room == 0) {
            fits = false;
            break;
        }
        room = room < CHUNK ? room : CHUNK;
        code = os_pread_full(os, fd, text + held, room, offset, "the file", &got, err);
        if (code != LH_OK)
            break;
        offset += got;
        c.last = got < room;
        c.at = text;
        c.end = text + held + got;
        fits = all_records(scan, &c, &named);
        held = (size_t)(c.end - c.at);
        memmove(text, c.at, held);
    }
    os_close(os, fd);
    scan->fits = code == LH_OK && fits && c.last;
    return code;
}
