#include "engine/worker/csv_reader.h"

#include "base/alloc.h"
#include "engine/worker/text_source.h"

#include <string.h>

#define LEAST_QUOTE_SPAN ((size_t)4096)

void csv_reader_init(struct csv_reader *r, const struct csv_dialect *dialect, struct text_source *source,
                     size_t max_record_bytes, size_t max_fields) {
    *r = (struct csv_reader){
        .dialect = *dialect,
        .source = source,
        .max_record_bytes = max_record_bytes,
        .max_fields = max_fields,
        .end = source == NULL,
        .line = 1,
        .quote_span = max_record_bytes,
    };
}

void csv_reader_init_text(struct csv_reader *r, const struct csv_dialect *dialect, const char *text, size_t len,
                          size_t max_record_bytes, size_t max_fields) {
    csv_reader_init(r, dialect, NULL, max_record_bytes, max_fields);
    buf_append(&r->text, text, len);
}

void csv_reader_deinit(struct csv_reader *r) {
    buf_release(&r->text);
    buf_release(&r->unquoted);
    lh_free(r->record.fields);
    r->record.fields = NULL;
}

enum scan { SCAN_DONE, SCAN_MORE, SCAN_BAD };

/* One pass over one record; positions are relative to its start because `text` may move between attempts. */
struct scan_state {
    const char *text;
    size_t len;
    bool end;
    size_t at;
    size_t next; /* behind the line end */
    bool at_line_end;
};

static struct csv_field *add_field(struct csv_reader *r) {
    if (r->record.count == r->field_capacity) {
        r->field_capacity = r->field_capacity ? r->field_capacity * 2 : 64;
        r->record.fields = lh_realloc(r->record.fields, r->field_capacity * sizeof *r->record.fields);
    }
    return &r->record.fields[r->record.count++];
}

/* Is there a line end at `at`?  Sets `next` behind it.  A CR at the very end of the buffer may be half of CRLF. */
static enum scan scan_line_end(struct scan_state *s) {
    s->at_line_end = false;
    if (s->at == s->len) {
        if (!s->end)
            return SCAN_MORE;
        s->next = s->len;
        s->at_line_end = true;
    } else if (s->text[s->at] == '\n') {
        s->next = s->at + 1;
        s->at_line_end = true;
    } else if (s->text[s->at] == '\r') {
        if (s->at + 1 == s->len && !s->end)
            return SCAN_MORE;
        s->next = s->at + (s->at + 1 < s->len && s->text[s->at + 1] == '\n' ? 2 : 1);
        s->at_line_end = true;
    }
    return SCAN_DONE;
}

static enum scan scan_plain(const struct csv_reader *r, struct scan_state *s, struct csv_field *f) {
    size_t start = s->at;
    int delimiter = r->dialect.delimiter;
    while (s->at < s->len && s->text[s->at] != '\n' && s->text[s->at] != '\r' &&
           (int)(unsigned char)s->text[s->at] != delimiter)
        s->at++;
    f->text = s->text + start;
    f->len = s->at - start;
    return s->at == s->len && !s->end ? SCAN_MORE : SCAN_DONE;
}

/* The field opens at its quote.  Its text lies in place unless an escape had to be taken out. */
static enum scan scan_quoted(struct csv_reader *r, struct scan_state *s, struct csv_field *f) {
    char quote = (char)r->dialect.quote, escape = (char)r->dialect.escape;
    size_t start = ++s->at, piece = start, unquoted_at = r->unquoted.len;
    bool copied = false;
    for (;; s->at++) {
        if (s->at - start > r->quote_span || (s->at == s->len && s->end)) {
            r->quote_span = r->quote_span / 2 > LEAST_QUOTE_SPAN ? r->quote_span / 2 : LEAST_QUOTE_SPAN;
            r->record.bad = "a quote opens a field and is never closed";
            return SCAN_BAD;
        }
        if (s->at == s->len)
            return SCAN_MORE;
        char c = s->text[s->at];
        if (c == '\n' || c == '\r')
            r->record.multiline = true;
        bool escapes = c == escape;
        if (escapes && s->at + 1 == s->len && !s->end)
            return SCAN_MORE;
        escapes = escapes && s->at + 1 < s->len &&
                  (s->text[s->at + 1] == quote || (escape != quote && s->text[s->at + 1] == escape));
        if (escapes) {
            buf_append(&r->unquoted, s->text + piece, s->at - piece);
            s->at++;
            piece = s->at;
            copied = true;
        } else if (c == quote) {
            break;
        }
    }
    if (copied) {
        buf_append(&r->unquoted, s->text + piece, s->at - piece);
        /* The buffer may still move: an offset for now, made a pointer when the record is whole. */
        f->text = NULL;
        f->len = r->unquoted.len - unquoted_at;
    } else {
        f->text = s->text + start;
        f->len = s->at - start;
    }
    s->at++;
    return SCAN_DONE;
}

/* What lies between a delimiter and its field. */
static void skip_blanks(struct csv_reader *r, struct scan_state *s) {
    size_t start = s->at;
    while (s->at < s->len && s->text[s->at] == ' ')
        s->at++;
    bool empty = s->at == s->len || s->text[s->at] == '\n' || s->text[s->at] == '\r' ||
                 (unsigned char)s->text[s->at] == r->dialect.delimiter;
    r->record.tight += s->at == start && !empty;
}

static enum scan scan_record(struct csv_reader *r, struct scan_state *s) {
    r->record.count = 0;
    r->record.tight = 0;
    r->record.multiline = false;
    r->record.bad = NULL;
    buf_reset(&r->unquoted);
    for (;;) {
        struct csv_field *f = add_field(r);
        bool quoted = r->dialect.quote >= 0 && s->at < s->len && (unsigned char)s->text[s->at] == r->dialect.quote;
        enum scan scan = quoted ? scan_quoted(r, s, f) : scan_plain(r, s, f);
        if (scan == SCAN_DONE)
            scan = scan_line_end(s);
        if (scan != SCAN_DONE || s->at_line_end)
            return scan;
        if ((int)(unsigned char)s->text[s->at] != r->dialect.delimiter) {
            r->record.bad = "text stands behind a closing quote";
            return SCAN_BAD;
        }
        s->at++;
        if (r->dialect.blanks)
            skip_blanks(r, s);
        if (r->record.count > r->max_fields)
            return SCAN_DONE; /* the caller refuses it */
    }
}

/* The physical line at the start; for records that are not well formed. */
static enum scan scan_line(struct scan_state *s) {
    s->at = 0;
    while (s->at < s->len && s->text[s->at] != '\n' && s->text[s->at] != '\r')
        s->at++;
    return scan_line_end(s);
}

static enum lh_code fail_too_long(const struct csv_reader *r, struct lh_err *err) {
    (void)lh_fail(err, LH_LIMIT, "line %llu is longer than %zu bytes", (unsigned long long)r->line,
                  r->max_record_bytes);
    return lh_err_hint(err, "is it a text file with line ends?  The limit is ingest.max_line_bytes");
}

static enum lh_code read_more(struct csv_reader *r, struct lh_err *err) {
    if (r->text.len - r->at > r->max_record_bytes)
        return fail_too_long(r, err);
    buf_consume(&r->text, r->at);
    r->at = 0;
    /* At least double what is there, so that a long record is rescanned a logarithmic number of times. */
    size_t want = r->text.len * 2;
    do
        LH_TRY(text_source_read(r->source, &r->text, &r->end, err));
    while (!r->end && r->text.len < want);
    return LH_OK;
}

static uint64_t count_line_ends(const char *text, size_t len) {
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += text[i] == '\n' || (text[i] == '\r' && (i + 1 == len || text[i + 1] != '\n'));
    return n;
}

static void finish_record(struct csv_reader *r, const struct scan_state *s) {
    struct csv_record *record = &r->record;
    const char *unquoted = buf_cstr(&r->unquoted);
    for (size_t i = 0; i < record->count; i++) {
        if (!record->fields[i].text) {
            record->fields[i].text = unquoted;
            unquoted += record->fields[i].len;
        }
    }
    record->line = r->line;
    record->raw = s->text;
    record->raw_len = s->at;
    record->blank = s->at == 0;
    if (record->bad)
        record->count = 0;
    r->line += record->multiline && !record->bad ? count_line_ends(s->text, s->next) : 1;
    r->at += s->next;
}

enum lh_code csv_reader_next(struct csv_reader *r, const struct csv_record **ret_record, struct lh_err *err) {
    for (;;) {
        struct scan_state s = {.text = buf_cstr(&r->text) + r->at, .len = r->text.len - r->at, .end = r->end};
        if (s.len == 0 && s.end) {
            *ret_record = NULL;
            return LH_OK;
        }
        enum scan scan = s.len ? scan_record(r, &s) : SCAN_MORE;
        if (scan == SCAN_BAD)
            scan = scan_line(&s);
        if (scan == SCAN_MORE) {
            LH_TRY(read_more(r, err));
            continue;
        }
        if (r->record.count > r->max_fields) {
            (void)lh_fail(err, LH_LIMIT, "line %llu has more than %zu columns", (unsigned long long)r->line,
                          r->max_fields);
            return lh_err_hint(err, "check the delimiter; the limit is ingest.max_columns");
        }
        if (s.at > r->max_record_bytes)
            return fail_too_long(r, err);
        finish_record(r, &s);
        *ret_record = &r->record;
        return LH_OK;
    }
}
