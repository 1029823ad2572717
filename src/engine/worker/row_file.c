#include "engine/worker/row_file.h"

#include "base/alloc.h"
#include "os/file.h"

#include <string.h>

#define FLUSH_BYTES ((size_t)1 << 20)

void row_file_init(struct row_file *f, struct os *os, const char *output_dir, uint64_t max_rejects) {
    *f = (struct row_file){.os = os, .output_dir = output_dir, .fd = -1, .reject_fd = -1, .max_rejects = max_rejects};
}

void row_file_deinit(struct row_file *f) {
    os_close(f->os, f->fd);
    os_close(f->os, f->reject_fd);
    buf_release(&f->out);
    buf_release(&f->rejects);
    column_names_deinit(&f->names);
    lh_free(f->facts);
    lh_free(f->path);
    *f = (struct row_file){.os = f->os, .fd = -1, .reject_fd = -1};
}

size_t row_file_add_column(struct row_file *f, const char *name, size_t len) {
    size_t index = column_names_add(&f->names, name, len);
    if (index == f->fact_capacity) {
        f->fact_capacity = f->fact_capacity ? f->fact_capacity * 2 : 32;
        f->facts = lh_realloc(f->facts, f->fact_capacity * sizeof *f->facts);
    }
    f->facts[index] = (struct column_facts){.nulls = f->row_count};
    f->grew |= f->row_count > 0;
    return index;
}

static enum lh_code flush(struct row_file *f, struct buf *data, int *fd, const char *name, struct lh_err *err) {
    if (*fd < 0) {
        LH_AUTO(mem) char *path = lh_asprintf("%s/%s", f->output_dir, name);
        LH_TRY(os_open(f->os, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600, 0, fd, err));
        if (fd == &f->fd)
            f->path = LH_STEAL(path);
    }
    LH_TRY(os_write_all(f->os, *fd, data->data, data->len, name, err));
    buf_reset(data);
    return LH_OK;
}

static void append_value(struct row_file *f, const struct row_value *v) {
    struct buf *out = &f->out;
    buf_reserve(out, v->len + 4);
    buf_append_char(out, '"');
    const char *at = v->text, *end = v->text + v->len;
    while (at < end) {
        const char *quote = memchr(at, '"', (size_t)(end - at));
        size_t piece = quote ? (size_t)(quote - at) + 1 : (size_t)(end - at);
        buf_append(out, at, piece);
        if (quote)
            buf_append_char(out, '"');
        at += piece;
    }
    buf_append_char(out, '"');
    f->multiline |= memchr(v->text, '\n', v->len) || memchr(v->text, '\r', v->len);
}

enum lh_code row_file_write(struct row_file *f, const struct row_value *values, size_t count, uint64_t line,
                            struct lh_err *err) {
    size_t start = f->out.len;
    for (size_t i = 0; i < count; i++) {
        buf_append_char(&f->out, ',');
        if (!values[i].text) {
            column_note_null(&f->facts[i]);
            continue;
        }
        column_note(&f->facts[i], values[i].kinds, values[i].text, values[i].len, line);
        append_value(f, &values[i]);
    }
    for (size_t i = count; i < f->names.count; i++) {
        column_note_null(&f->facts[i]);
        buf_append_char(&f->out, ',');
    }
    buf_append_char(&f->out, '\n');
    if (f->out.len - start > f->longest_row)
        f->longest_row = f->out.len - start;
    f->row_count++;
    return f->out.len >= FLUSH_BYTES ? flush(f, &f->out, &f->fd, "rows.csv", err) : LH_OK;
}

enum lh_code row_file_reject(struct row_file *f, uint64_t line, const char *reason, const char *raw, size_t raw_len,
                             struct lh_err *err) {
    f->reject_count++;
    if (f->kept_rejects == f->max_rejects)
        return LH_OK;
    f->kept_rejects++;
    bool cut = raw_len > REJECT_RAW_MAX;
    if (cut) {
        raw_len = REJECT_RAW_MAX;
        while (raw_len && ((unsigned char)raw[raw_len] & 0xC0) == 0x80)
            raw_len--;
    }
    buf_printf(&f->rejects, "{\"line\":%llu,\"reason\":", (unsigned long long)line);
    buf_append_json_string(&f->rejects, reason, strlen(reason));
    buf_append_str(&f->rejects, ",\"raw\":");
    buf_append_json_string(&f->rejects, raw, raw_len);
    buf_append_str(&f->rejects, cut ? ",\"cut\":true}\n" : "}\n");
    return f->rejects.len >= FLUSH_BYTES ? flush(f, &f->rejects, &f->reject_fd, "rejects.ndjson", err) : LH_OK;
}

enum lh_code row_file_finish(struct row_file *f, struct lh_err *err) {
    if (f->rejects.len)
        LH_TRY(flush(f, &f->rejects, &f->reject_fd, "rejects.ndjson", err));
    if (f->out.len || f->fd < 0)
        LH_TRY(flush(f, &f->out, &f->fd, "rows.csv", err));
    return LH_OK;
}

void row_file_append_source(const struct row_file *f, struct buf *sql) {
    buf_append_str(sql, "read_csv(");
    buf_append_sql_string(sql, f->path);
    buf_append_str(sql, ", auto_detect=false, header=false, delim=',', quote='\"', escape='\"', comment='', "
                        "new_line='\\n', nullstr='', allow_quoted_nulls=false, columns={'row': 'VARCHAR'");
    for (size_t i = 0; i < f->names.count; i++)
        buf_printf(sql, ", 'v%zu': 'VARCHAR'", i);
    buf_append_char(sql, '}');
    if (f->grew) {
        buf_append_str(sql, ", null_padding=true");
        if (f->multiline)
            buf_append_str(sql, ", parallel=false");
    }
    size_t line = f->longest_row + 16;
    if (line > (size_t)2 << 20)
        buf_printf(sql, ", max_line_size=%zu, buffer_size=%zu", line, line * 2);
    buf_append_char(sql, ')');
}
