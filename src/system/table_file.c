#include "system/table_file.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define FLUSH_BYTES ((size_t)1 << 20)
#define SMALLEST_OBJECT_SIZE ((size_t)1 << 16) /* DuckDB's buffers follow from it */

/* X(TYPE, in the file, what makes the value of it) */
static const struct {
    const char *stored, *before, *after;
} types[] = {
    [TABLE_TEXT] = {"VARCHAR", "", ""},
    [TABLE_TEXTS] = {"VARCHAR[]", "", ""},
    [TABLE_INTEGER] = {"UBIGINT", "", "::BIGINT"},
    [TABLE_REAL] = {"DOUBLE", "", ""},
    [TABLE_FLAG] = {"BOOLEAN", "", ""},
    [TABLE_TIME] = {"BIGINT", "make_timestamptz(", ")"},
};

static void keep_failure(struct table_file *f, enum lh_code code, const struct lh_err *err) {
    if (f->code == LH_OK && code != LH_OK) {
        f->code = code;
        f->failure = *err;
    }
}

void table_file_open(struct table_file *f, struct os *os, const char *path, const struct table_column *columns,
                     size_t column_count) {
    *f = (struct table_file){
        .os = os, .path = path, .columns = columns, .column_count = column_count, .fd = -1, .failure = LH_ERR_INIT};
    struct lh_err err = LH_ERR_INIT;
    keep_failure(f, os_open(os, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600, 0, &f->fd, &err), &err);
}

void table_file_deinit(struct table_file *f) {
    os_close(f->os, f->fd);
    f->fd = -1;
    buf_release(&f->out);
}

static void flush(struct table_file *f) {
    struct lh_err err = LH_ERR_INIT;
    if (f->code == LH_OK && f->out.len > 0)
        keep_failure(f, os_write_all(f->os, f->fd, f->out.data, f->out.len, f->path, &err), &err);
    buf_reset(&f->out);
}

static struct buf *begin_value(struct table_file *f) {
    if (f->at == 0)
        f->row_start = f->out.len;
    buf_append_char(&f->out, f->at == 0 ? '{' : ',');
    const char *name = f->columns[f->at].name;
    buf_append_json_string(&f->out, name, strlen(name));
    buf_append_char(&f->out, ':');
    return &f->out;
}

static void end_value(struct table_file *f) {
    if (++f->at < f->column_count)
        return;
    buf_append_str(&f->out, "}\n");
    f->at = 0;
    if (f->out.len - f->row_start > f->longest_row)
        f->longest_row = f->out.len - f->row_start;
    if (f->out.len >= FLUSH_BYTES)
        flush(f);
}

void table_put_null(struct table_file *f) {
    buf_append_str(begin_value(f), "null");
    end_value(f);
}

void table_put_text(struct table_file *f, const char *text) {
    if (!text) {
        table_put_null(f);
        return;
    }
    buf_append_json_string(begin_value(f), text, strlen(text));
    end_value(f);
}

void table_put_texts(struct table_file *f, const char *const *texts, size_t count) {
    struct buf *out = begin_value(f);
    buf_append_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        buf_append_json_string(out, texts[i], strlen(texts[i]));
    }
    buf_append_char(out, ']');
    end_value(f);
}

void table_put_integer(struct table_file *f, uint64_t value) {
    buf_printf(begin_value(f), "%" PRIu64, value);
    end_value(f);
}

void table_put_real(struct table_file *f, double value) {
    buf_printf(begin_value(f), "%.17g", value);
    end_value(f);
}

void table_put_flag(struct table_file *f, bool value) {
    buf_append_str(begin_value(f), value ? "true" : "false");
    end_value(f);
}

void table_put_time(struct table_file *f, int64_t time_us) {
    if (time_us == 0) {
        table_put_null(f);
        return;
    }
    buf_printf(begin_value(f), "%" PRId64, time_us);
    end_value(f);
}

static void append_select(const struct table_file *f, struct buf *select) {
    buf_append_str(select, "SELECT ");
    for (size_t i = 0; i < f->column_count; i++) {
        enum table_type type = f->columns[i].type;
        buf_append_str(select, i > 0 ? ", " : "");
        buf_append_str(select, types[type].before);
        buf_append_sql_ident(select, f->columns[i].name);
        buf_append_str(select, types[type].after);
        buf_append_str(select, " AS ");
        buf_append_sql_ident(select, f->columns[i].name);
    }
    buf_append_str(select, " FROM read_json(");
    buf_append_sql_path(select, f->path);
    buf_printf(select, ", format = 'newline_delimited', maximum_object_size = %zu, columns = {",
               f->longest_row > SMALLEST_OBJECT_SIZE ? f->longest_row : SMALLEST_OBJECT_SIZE);
    for (size_t i = 0; i < f->column_count; i++) {
        buf_append_str(select, i > 0 ? ", " : "");
        buf_append_sql_string(select, f->columns[i].name);
        buf_printf(select, ": '%s'", types[f->columns[i].type].stored);
    }
    buf_append_str(select, "})");
}

enum lh_code table_file_finish(struct table_file *f, struct buf *select, struct lh_err *err) {
    flush(f);
    int fd = f->fd;
    f->fd = -1;
    struct lh_err failure = LH_ERR_INIT;
    if (fd >= 0)
        keep_failure(f, os_close_checked(f->os, fd, f->path, &failure), &failure);
    if (f->code != LH_OK) {
        *err = f->failure;
        return lh_err_context(err, "writing a system table");
    }
    append_select(f, select);
    return LH_OK;
}
