#include "engine/worker/json_rows.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/json_flatten.h"
#include "engine/worker/json_scan.h"
#include "engine/worker/row_file.h"
#include "engine/worker/tasks.h"
#include "engine/worker/text_source.h"

#include <string.h>

struct json_reader {
    struct task *task;
    struct text_source *source;
    const struct json_rows_options *options;
    struct json_flatten flatten;
    struct buf text;
    size_t at;
    uint64_t line;
    size_t line_start; /* of the line that `at` is in, in `text`; may be "before" the buffer: see drop_front */
    bool end;
};

static enum lh_code read_more(struct json_reader *r, struct lh_err *err) {
    if (task_cancelled(r->task))
        return lh_fail(err, LH_CANCELLED, "the ingest was cancelled");
    if (r->text.len - r->at > r->options->max_record_bytes) {
        (void)lh_fail(err, LH_LIMIT, "the record that starts on line %llu is longer than %zu bytes",
                      (unsigned long long)r->line, r->options->max_record_bytes);
        return lh_err_hint(err, "the limit is ingest.max_line_bytes");
    }
    buf_consume(&r->text, r->at);
    r->line_start -= r->at; /* wraps; the difference to `at` stays right */
    r->at = 0;
    size_t want = r->text.len * 2;
    do
        LH_TRY(text_source_read(r->source, &r->text, &r->end, err));
    while (!r->end && r->text.len < want);
    if (r->options->file_bytes)
        task_progress(r->task, 0.8 * (double)text_source_bytes_read(r->source) / (double)r->options->file_bytes,
                      r->flatten.rows->row_count);
    return LH_OK;
}

static void advance(struct json_reader *r, size_t len) {
    for (const char *p = r->text.data + r->at, *end = p + len; p && p < end;) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (p) {
            p++;
            r->line++;
            r->line_start = (size_t)(p - r->text.data);
        }
    }
    r->at += len;
}

static enum lh_code skip_blank(struct json_reader *r, bool *ret_end, struct lh_err *err) {
    for (;;) {
        if (r->at < r->text.len)
            advance(r, json_scan_space(r->text.data + r->at, r->text.len - r->at));
        if (r->at < r->text.len || r->end) {
            *ret_end = r->at == r->text.len;
            return LH_OK;
        }
        LH_TRY(read_more(r, err));
    }
}

static enum lh_code fail_here(const struct json_reader *r, const char *reason, struct lh_err *err) {
    (void)lh_fail(err, LH_DATA, "not valid JSON at line %llu, column %zu: %s", (unsigned long long)r->line,
                  r->at - r->line_start + 1, reason);
    return lh_err_hint(
        err, "if each line is a record of its own, ingest it with format=ndjson: then only bad lines are rejected");
}

/* The value at `at`, whole in the buffer; a row is made of it. */
static enum lh_code take_value(struct json_reader *r, struct lh_err *err) {
    size_t len;
    const char *reason;
    for (;;) {
        enum json_scan_result result =
            json_scan(r->text.data + r->at, r->text.len - r->at, r->end, r->options->max_depth, &len, &reason);
        if (result == JSON_SCAN_DONE)
            break;
        if (result == JSON_SCAN_MORE) {
            LH_TRY(read_more(r, err));
            continue;
        }
        advance(r, len);
        if (result == JSON_SCAN_BAD)
            return fail_here(r, reason, err);
        (void)lh_fail(err, LH_LIMIT, "nested deeper than %zu levels at line %llu, column %zu", r->options->max_depth,
                      (unsigned long long)r->line, r->at - r->line_start + 1);
        return lh_err_hint(err, "the limit is ingest.json_max_depth");
    }
    uint64_t line = r->line;
    char *behind = r->text.data + r->at + len, kept = *behind;
    *behind = 0;
    enum lh_code code = json_flatten_row(&r->flatten, r->text.data + r->at, len, line, err);
    *behind = kept;
    if (code == LH_LIMIT)
        return lh_err_context(err, "line %llu", (unsigned long long)line);
    LH_TRY(code);
    advance(r, len);
    return LH_OK;
}

static enum lh_code read_array(struct json_reader *r, struct lh_err *err) {
    bool end, first = true;
    advance(r, 1);
    for (;;) {
        LH_TRY(skip_blank(r, &end, err));
        if (end)
            return fail_here(r, "the file ends inside its array", err);
        char c = r->text.data[r->at];
        if (c == ']' && first)
            break;
        LH_TRY(take_value(r, err));
        first = false;
        LH_TRY(skip_blank(r, &end, err));
        if (end)
            return fail_here(r, "the file ends inside its array", err);
        c = r->text.data[r->at];
        if (c != ',' && c != ']')
            return fail_here(r, "',' or ']' was expected", err);
        if (c == ']')
            break;
        advance(r, 1);
    }
    advance(r, 1);
    LH_TRY(skip_blank(r, &end, err));
    return end ? LH_OK : fail_here(r, "something follows the end of the array", err);
}

static enum lh_code read_document(struct json_reader *r, struct lh_err *err) {
    bool end;
    LH_TRY(skip_blank(r, &end, err));
    if (!end && r->text.data[r->at] == '[')
        return read_array(r, err);
    while (!end) {
        LH_TRY(take_value(r, err));
        LH_TRY(skip_blank(r, &end, err));
    }
    return LH_OK;
}

static enum lh_code take_line(struct json_reader *r, char *line, size_t len, struct lh_err *err) {
    while (len && (line[len - 1] == '\r' || line[len - 1] == ' ' || line[len - 1] == '\t'))
        len--;
    size_t space = json_scan_space(line, len), used;
    line += space;
    len -= space;
    if (len == 0)
        return LH_OK;
    const char *reason = NULL;
    enum json_scan_result result = json_scan(line, len, true, r->options->max_depth, &used, &reason);
    LH_AUTO(buf) struct buf why = BUF_INIT;
    if (result == JSON_SCAN_DEEP)
        buf_printf(&why, "nested deeper than %zu levels", r->options->max_depth);
    else if (result != JSON_SCAN_DONE)
        buf_printf(&why, "not valid JSON at column %zu: %s", used + space + 1, reason);
    else if (used != len)
        buf_printf(&why, "something follows the value at column %zu", used + space + 1);
    if (why.len)
        return row_file_reject(r->flatten.rows, r->line, buf_cstr(&why), line, len, err);
    char kept = line[len];
    line[len] = 0;
    enum lh_code code = json_flatten_row(&r->flatten, line, len, r->line, err);
    line[len] = kept;
    if (code == LH_LIMIT)
        return lh_err_context(err, "line %llu", (unsigned long long)r->line);
    return code;
}

static enum lh_code read_lines(struct json_reader *r, struct lh_err *err) {
    size_t searched = 0;
    for (;;) {
        size_t have = r->text.len - r->at;
        if (have == 0 && r->end)
            return LH_OK;
        char *line = have ? r->text.data + r->at : NULL;
        char *newline = line && have > searched ? memchr(line + searched, '\n', have - searched) : NULL;
        if (!line || (!newline && !r->end)) {
            searched = have;
            LH_TRY(read_more(r, err));
            continue;
        }
        size_t len = newline ? (size_t)(newline - line) : have;
        if (len > r->options->max_record_bytes) {
            (void)lh_fail(err, LH_LIMIT, "line %llu is longer than %zu bytes", (unsigned long long)r->line,
                          r->options->max_record_bytes);
            return lh_err_hint(err, "the limit is ingest.max_line_bytes");
        }
        LH_TRY(take_line(r, line, len, err));
        r->at += len + (newline ? 1 : 0);
        r->line++;
        searched = 0;
    }
}

enum lh_code json_rows_read(struct task *task, struct text_source *source, const struct json_rows_options *options,
                            struct row_file *rows, uint64_t *ret_duplicate_keys, struct lh_err *err) {
    struct json_reader r = {.task = task, .source = source, .options = options, .line = 1};
    json_flatten_init(&r.flatten, rows, options->max_columns);
    enum lh_code code = options->lines ? read_lines(&r, err) : read_document(&r, err);
    if (code == LH_OK) {
        json_flatten_finish(&r.flatten);
        *ret_duplicate_keys = r.flatten.duplicate_keys;
    }
    json_flatten_deinit(&r.flatten);
    buf_release(&r.text);
    return code;
}

bool json_looks_like_lines(const char *head, size_t len) {
    size_t at = json_scan_space(head, len), used;
    const char *reason, *newline = memchr(head + at, '\n', len - at);
    if (!newline || head[at] == '[')
        return false;
    size_t line = (size_t)(newline - head) - at;
    while (line && (head[at + line - 1] == '\r' || head[at + line - 1] == ' '))
        line--;
    if (json_scan(head + at, line, true, JSON_SCAN_MAX_DEPTH, &used, &reason) == JSON_SCAN_DONE)
        return used == line;
    /* The first line may be the bad one: then the next tells. */
    size_t next = (size_t)(newline - head) + 1;
    const char *next_newline = memchr(head + next, '\n', len - next);
    size_t next_len = next_newline ? (size_t)(next_newline - head) - next : len - next;
    while (next_len && (head[next + next_len - 1] == '\r' || head[next + next_len - 1] == ' '))
        next_len--;
    return next_len > 2 && head[next] == '{' &&
           json_scan(head + next, next_len, true, JSON_SCAN_MAX_DEPTH, &used, &reason) == JSON_SCAN_DONE &&
           used == next_len;
}
