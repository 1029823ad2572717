/* Records of a delimited text, one after the other, in constant memory.
 *
 * RFC 4180 with the leniency that real files need: any one-byte delimiter, quote and escape; LF, CRLF and CR line ends, mixed; blank
 * lines.  Quotes count only where they open a field.  What is not well formed costs its own line only: a quote that never closes,
 * or text behind a closing quote, makes that one physical line a bad record, and reading goes on with the next line, instead of
 * swallowing the rest of the file.  Lines are counted as an editor counts them. */
#ifndef LH_ENGINE_WORKER_CSV_READER_H
#define LH_ENGINE_WORKER_CSV_READER_H

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_source;

struct csv_dialect {
    int delimiter; /* -1: none, a record is a line */
    int quote;     /* -1: none */
    int escape;    /* inside quotes; the quote itself when doubled, or '\\' */
    bool blanks;   /* blanks behind a delimiter belong to it: `1, "x, y"` */
};

struct csv_field {
    const char *text; /* unquoted; valid until the next record */
    size_t len;
};

struct csv_record {
    struct csv_field *fields;
    size_t count;
    uint64_t line;   /* first line of the record, from 1 */
    const char *raw; /* as in the file, without its line end */
    size_t raw_len;
    const char *bad; /* why the record cannot be used, or NULL */
    bool blank;      /* the line is empty */
    bool multiline;  /* a quoted field holds a line end */
    size_t tight;    /* with dialect.blanks: fields behind a delimiter without a blank, empty ones apart */
};

struct csv_reader {
    struct csv_dialect dialect;
    struct text_source *source; /* NULL: only what is in `text` */
    size_t max_record_bytes;
    size_t max_fields;
    struct buf text;
    size_t at; /* of the next record in `text` */
    bool end;  /* the source has no more */
    uint64_t line;
    size_t quote_span; /* how far a quoted field may reach; shrinks with each one that never closed */
    struct buf unquoted;
    struct csv_record record;
    size_t field_capacity;
};

void csv_reader_init(struct csv_reader *r, const struct csv_dialect *dialect, struct text_source *source,
                     size_t max_record_bytes, size_t max_fields);
/* On text in memory (a sample); it is copied. */
void csv_reader_init_text(struct csv_reader *r, const struct csv_dialect *dialect, const char *text, size_t len,
                          size_t max_record_bytes, size_t max_fields);
void csv_reader_deinit(struct csv_reader *r);

/* *ret_record NULL at the end.  LH_LIMIT names the line that is too long or has too many fields. */
LH_CHECKED enum lh_code csv_reader_next(struct csv_reader *r, const struct csv_record **ret_record, struct lh_err *err);

static inline void csv_reader_auto_release(struct csv_reader *r) {
    csv_reader_deinit(r);
}

#endif
