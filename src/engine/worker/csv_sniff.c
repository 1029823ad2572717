#include "engine/worker/csv_sniff.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/cleanup.h"
#include "engine/worker/value_kind.h"

#include <string.h>
#include <strings.h>

#define SNIFF_RECORDS 2000
#define SNIFF_WIDTHS 4096
#define PREAMBLE_RECORDS 12

/* How the sample reads with one dialect. */
struct trial {
    struct csv_dialect dialect;
    size_t records; /* blank ones apart */
    size_t common;  /* the number of fields that most records have */
    size_t common_count;
    size_t bad;
    size_t ragged;
    size_t tight;
    double score;
};

static bool skip_record(const struct csv_record *record) {
    return record->blank || record->bad;
}

/* Widths are counted up to SNIFF_WIDTHS; wider records share the last counter. */
static enum lh_code try_dialect(const char *sample, size_t len, const struct csv_sniff_options *options,
                                const struct csv_dialect *dialect, struct trial *ret_trial, struct lh_err *err) {
    LH_AUTO(csv_reader) struct csv_reader reader;
    csv_reader_init_text(&reader, dialect, sample, len, options->max_record_bytes, options->max_fields);
    LH_AUTO(mem) uint32_t *widths = lh_calloc(SNIFF_WIDTHS, sizeof *widths);
    struct trial t = {.dialect = *dialect};
    const struct csv_record *record = NULL;
    for (;;) {
        LH_TRY(csv_reader_next(&reader, &record, err));
        if (!record || t.records == SNIFF_RECORDS)
            break;
        if (options->truncated && reader.at == reader.text.len)
            break; /* the sample may end inside this one */
        if (record->blank)
            continue;
        t.records++;
        t.bad += record->bad != NULL;
        t.tight += record->tight;
        if (!record->bad)
            widths[record->count < SNIFF_WIDTHS ? record->count : SNIFF_WIDTHS - 1]++;
    }
    for (size_t i = 1; i < SNIFF_WIDTHS; i++) {
        if (widths[i] >= t.common_count && widths[i] > 0) {
            t.common_count = widths[i];
            t.common = i;
        }
    }
    t.ragged = t.records - t.common_count;
    double share = t.records ? (double)t.common_count / (double)t.records : 0;
    double width = t.common < 20 ? (double)t.common : 20;
    t.score = t.common >= 2 ? share * share * (1 + width / 20) : 0;
    *ret_trial = t;
    return LH_OK;
}

/* Quotes of the other kind around whole fields. */
static bool single_quoted(const char *sample, size_t len, const struct csv_dialect *dialect) {
    size_t opened = 0;
    for (size_t i = 0; i + 2 < len; i++) {
        bool at_start = i == 0 || sample[i - 1] == '\n' || sample[i - 1] == dialect->delimiter;
        if (at_start && sample[i] == '\'') {
            const char *close = memchr(sample + i + 1, '\'', len - i - 1);
            if (close &&
                (close + 1 == sample + len || close[1] == '\n' || close[1] == '\r' || close[1] == dialect->delimiter))
                opened++;
        }
    }
    return opened >= 4 && !memchr(sample, '"', len);
}

/* Where a blank follows every delimiter it is part of it, or every number behind one would be text. */
static enum lh_code try_blanks(const char *sample, size_t len, const struct csv_sniff_options *options,
                               struct trial *best, struct lh_err *err) {
    struct csv_dialect dialect = best->dialect;
    struct trial trial = {.records = 0};
    if (dialect.delimiter <= ' ')
        return LH_OK;
    dialect.blanks = true;
    LH_TRY(try_dialect(sample, len, options, &dialect, &trial, err));
    if (trial.records >= 2 && trial.common >= 2 && trial.tight == 0 && trial.score >= best->score)
        *best = trial;
    return LH_OK;
}

static enum lh_code choose_dialect(const char *sample, size_t len, const struct csv_sniff_options *options,
                                   struct trial *ret_trial, struct lh_err *err) {
    static const char candidates[] = {'\t', ';', '|', ',', '^', '~'}; /* of equals the first; commas occur in prose */
    int quote = options->quote == CSV_LOOK ? '"' : options->quote;
    struct trial best = {.score = -1};
    struct lh_err too_wide = LH_ERR_INIT;
    /* \" inside quotes is tried where it occurs at all. */
    bool backslashes = quote >= 0 && memmem(sample, len, "\\\"", 2) != NULL;
    for (size_t i = 0; i < LH_ARRAY_LEN(candidates); i++) {
        struct csv_dialect dialect = {.delimiter = candidates[i], .quote = quote, .escape = quote};
        if (options->delimiter != CSV_LOOK)
            dialect.delimiter = options->delimiter;
        for (int escaped = 0; escaped <= backslashes; escaped++) {
            dialect.escape = escaped ? '\\' : quote;
            struct trial trial = {.records = 0};
            struct lh_err why = LH_ERR_INIT;
            /* A candidate that makes too many columns of a line is just a bad one, unless it is the only one. */
            if (try_dialect(sample, len, options, &dialect, &trial, &why) != LH_OK) {
                if (why.code != LH_LIMIT || options->delimiter != CSV_LOOK) {
                    *err = why;
                    return why.code;
                }
                too_wide = why;
            } else if (trial.score > best.score) {
                best = trial;
            }
        }
        if (options->delimiter != CSV_LOOK)
            break;
    }
    if (too_wide.code != LH_OK && best.score <= 0) {
        *err = too_wide;
        return too_wide.code;
    }
    if (best.score < (options->named_csv ? 0.1 : 0.35) && options->delimiter == CSV_LOOK) {
        struct csv_dialect lines = {.delimiter = -1, .quote = quote, .escape = quote};
        LH_TRY(try_dialect(sample, len, options, &lines, &best, err));
    }
    if (options->quote == CSV_LOOK && best.dialect.delimiter >= 0 && single_quoted(sample, len, &best.dialect)) {
        struct csv_dialect dialect = {.delimiter = best.dialect.delimiter, .quote = '\'', .escape = '\''};
        LH_TRY(try_dialect(sample, len, options, &dialect, &best, err));
    }
    LH_TRY(try_blanks(sample, len, options, &best, err));
    *ret_trial = best;
    return LH_OK;
}

/* The first usable record and the facts of the columns below it. */
struct first_rows {
    struct buf text; /* the fields of the first record, each followed by a NUL */
    size_t count;
    struct column_facts *facts; /* of the records after it */
    bool *repeated;             /* the first record's value occurs again in its column */
    size_t rows;
};

static void note_row(struct first_rows *first, const struct csv_record *record, size_t columns) {
    const char *head = buf_cstr(&first->text);
    for (size_t i = 0; i < columns && i < record->count; i++) {
        const struct csv_field *f = &record->fields[i];
        if (f->len)
            column_note(&first->facts[i], value_kinds(f->text, f->len), f->text, f->len, record->line);
        if (i < first->count) {
            first->repeated[i] |= f->len > 0 && strlen(head) == f->len && memcmp(head, f->text, f->len) == 0;
            head += strlen(head) + 1;
        }
    }
    first->rows++;
}

static bool year_like(const char *text, size_t len) {
    return len == 4 && ((text[0] == '1' && text[1] == '9') || (text[0] == '2' && text[1] == '0'));
}

/* Does the first record look like data? */
static bool looks_like_data(const struct first_rows *first) {
    const uint32_t narrow = KINDS_NARROW;
    const char *head = buf_cstr(&first->text);
    size_t typed = 0, years = 0, repeats = 0, texts = 0;
    for (size_t i = 0; i < first->count; i++, head += strlen(head) + 1) {
        size_t len = strlen(head);
        uint32_t kinds = value_kinds(head, len);
        typed += (kinds & narrow) != 0;
        years += (kinds & narrow) && year_like(head, len);
        texts += len > 0 && !(kinds & narrow);
        repeats += first->repeated[i] && len > 0 && !(kinds & narrow);
        if (strchr(head, '@') && strchr(head, '.'))
            return true;
    }
    if (typed > years || (typed && texts == 0))
        return true;
    return typed == 0 && repeats > 0 && repeats * 3 >= first->count;
}

/* Where the table starts, and whether with a header. */
static enum lh_code find_header(const char *sample, size_t len, const struct csv_sniff_options *options,
                                const struct trial *trial, struct csv_format *format, struct lh_err *err) {
    LH_AUTO(csv_reader) struct csv_reader reader;
    csv_reader_init_text(&reader, &trial->dialect, sample, len, options->max_record_bytes, options->max_fields);
    size_t columns = trial->common ? trial->common : 1;
    struct first_rows first = {.rows = 0};
    const struct csv_record *record = NULL;
    enum lh_code code = LH_OK;
    size_t widest_seen = 0;
    for (size_t seen = 0; seen < SNIFF_RECORDS; seen++) {
        code = csv_reader_next(&reader, &record, err);
        if (code != LH_OK || !record)
            break;
        if (options->truncated && reader.at == reader.text.len)
            break;
        if (skip_record(record))
            continue;
        bool preamble = first.count == 0 && columns >= 2 && record->count * 2 <= columns && seen < PREAMBLE_RECORDS;
        if (preamble)
            continue;
        if (first.count == 0) {
            format->preamble_lines = record->line - 1;
            format->multiline_header = record->multiline;
            first.count = record->count;
            size_t wide = record->count > columns ? record->count : columns;
            first.facts = lh_calloc(wide, sizeof *first.facts);
            first.repeated = lh_calloc(wide, sizeof *first.repeated);
            for (size_t i = 0; i < record->count; i++) {
                for (size_t j = 0; j < record->fields[i].len && record->fields[i].text[j]; j++)
                    buf_append_char(&first.text, record->fields[i].text[j]);
                buf_append(&first.text, "", 1);
            }
            continue;
        }
        widest_seen = record->count > widest_seen && record->count <= first.count ? record->count : widest_seen;
        note_row(&first, record, columns < first.count ? columns : first.count);
    }
    if (code == LH_OK) {
        format->header =
            options->header == CSV_LOOK ? first.count > 0 && !looks_like_data(&first) : options->header == 1;
        format->columns = columns;
        if (format->header && first.count > 0) {
            /* A header's empty cells at the end are delimiters too many, not columns. */
            const char *head = buf_cstr(&first.text);
            size_t named = 0;
            for (size_t i = 0; i < first.count; i++, head += strlen(head) + 1)
                named = *head ? i + 1 : named;
            format->columns = first.rows == 0 || named > columns ? (named ? named : first.count) : columns;
        }
        /* Where no row is as wide as the header, short rows are the custom of this file and not an error. */
        format->min_fields =
            first.rows && widest_seen < format->columns && widest_seen > 0 ? widest_seen : format->columns;
    }
    buf_release(&first.text);
    lh_free(first.facts);
    lh_free(first.repeated);
    return code;
}

/* More than one style of line end: DuckDB's strict reader refuses such files, ours does not. */
static bool mixed_line_ends(const char *sample, size_t len) {
    bool lf = false, crlf = false, cr = false;
    for (size_t i = 0; i < len; i++) {
        if (sample[i] == '\n')
            lf = true;
        else if (sample[i] == '\r' && i + 1 < len && sample[i + 1] == '\n')
            crlf = true, i++;
        else if (sample[i] == '\r' && i + 1 < len)
            cr = true;
    }
    return lf + crlf + cr > 1;
}

/* The length of a first line `sep=;`, also in quotes, by which Excel is told the delimiter; 0 where there is none. */
static size_t separator_line(const char *sample, size_t len, char *ret_separator) {
    bool quoted = len > 0 && sample[0] == '"';
    size_t at = quoted;
    if (len < at + 6 || strncasecmp(sample + at, "sep=", 4) != 0 || sample[at + 4] == '\r' || sample[at + 4] == '\n')
        return 0;
    *ret_separator = sample[at + 4];
    at += 5;
    if (quoted && sample[at++] != '"')
        return 0;
    at += at < len && sample[at] == '\r';
    return at < len && sample[at] == '\n' ? at + 1 : 0;
}

enum lh_code csv_sniff(const char *sample, size_t len, const struct csv_sniff_options *options,
                       struct csv_format *ret_format, struct lh_err *err) {
    struct trial trial = {.records = 0};
    struct csv_sniff_options rest = *options;
    char separator;
    size_t skip = separator_line(sample, len, &separator);
    if (skip > 0 && rest.delimiter == CSV_LOOK)
        rest.delimiter = (unsigned char)separator;
    LH_TRY(choose_dialect(sample + skip, len - skip, &rest, &trial, err));
    struct csv_format format = {.dialect = trial.dialect, .separator_line = skip > 0};
    LH_TRY(find_header(sample + skip, len - skip, &rest, &trial, &format, err));
    format.preamble_lines += skip > 0;
    format.agreement = trial.records ? (double)trial.common_count / (double)trial.records : 1;
    format.irregular = trial.bad > 0 || trial.ragged > 0 || format.preamble_lines > 0 ||
                       format.min_fields != format.columns || format.dialect.blanks || mixed_line_ends(sample, len);
    *ret_format = format;
    return LH_OK;
}
