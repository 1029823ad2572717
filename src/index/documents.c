#include "index/documents.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "lake/lake.h"
#include "os/file.h"

#include <string.h>
#include <sys/mman.h>

struct documents {
    struct os *os;
    char *path;
    const char *data;
    size_t size, at, first; /* `first`: behind the header line */
    struct buf id, text;
};

/* ---- spooling ---- */

/* *ret_condition: where the condition begins. */
static void append_sql(const struct documents_source *s, struct buf *sql, size_t *ret_condition) {
    buf_append_str(sql, "SELECT CAST(");
    buf_append_sql_ident(sql, s->id_column);
    buf_append_str(sql, " AS VARCHAR) AS id, ");
    if (s->text_column) {
        buf_append_str(sql, "CAST(");
        buf_append_sql_ident(sql, s->text_column);
        buf_append_str(sql, " AS VARCHAR) AS body");
    } else {
        buf_append_str(sql, "NULL AS body");
    }
    /* Below the names that are given here, so that the condition sees the dataset's alone.  The line break ends a comment that it
     * may end with. */
    buf_append_str(sql, " FROM (SELECT * FROM ");
    buf_append_sql_ident(sql, s->dataset);
    if (s->condition)
        buf_append_str(sql, " WHERE (");
    *ret_condition = sql->len;
    if (s->condition)
        buf_printf(sql, "%s\n)", s->condition);
    buf_append_char(sql, ')');
}

/* What is wrong with a condition is said of its own text: the line of the statement that the message quotes goes, and the position
 * counts from where the condition begins. */
static enum lh_code blame_condition(const struct documents_source *s, size_t begin, struct lh_err *err) {
    char *quoted = strstr(err->message, "\n\nLINE ");
    bool inside =
        s->condition && err->position > (long)begin && err->position <= (long)(begin + strlen(s->condition) + 1);
    if (s->condition && quoted)
        *quoted = '\0';
    if (s->condition)
        err->position = inside ? err->position - (long)begin : 0;
    return err->code;
}

static enum lh_code spool(const struct documents_source *s, int fd, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    struct lake_resolver resolver = {.snapshot = s->snapshot, .buckets = s->buckets};
    size_t condition;
    append_sql(s, &sql, &condition);
    const struct engine_query query = {.sql = buf_cstr(&sql),
                                       .format = ENGINE_CSV,
                                       .row_limit = UINT64_MAX,
                                       .timeout_ms = s->timeout_ms,
                                       .resolve = lake_resolve,
                                       .resolve_ctx = &resolver,
                                       .epoch = catalog_snapshot_version(s->snapshot),
                                       .cancel_fd = s->cancel_fd};
    if (engine_query_start(s->engine, &query, &result, err) != LH_OK)
        return blame_condition(s, condition, err);
    for (;;) {
        const void *data;
        size_t len;
        LH_TRY(engine_result_read(result, &data, &len, err));
        if (len == 0)
            return LH_OK;
        LH_TRY(os_write_all(s->os, fd, data, len, s->path, err));
    }
}

static enum lh_code map(struct documents *d, int fd, struct lh_err *err) {
    struct os_stat stat;
    LH_TRY(os_fstat(d->os, fd, d->path, &stat, err));
    d->size = (size_t)stat.size_bytes;
    if (d->size == 0)
        return LH_OK;
    void *data = mmap(NULL, d->size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return lh_fail(err, LH_IO, "cannot map the spooled documents");
    d->data = data;
    return LH_OK;
}

/* ---- CSV, as the engine writes it (RFC 4180) ---- */

static bool at_end_of_line(const struct documents *d) {
    return d->at >= d->size || d->data[d->at] == '\n' || d->data[d->at] == '\r';
}

static void read_field(struct documents *d, struct buf *out) {
    buf_reset(out);
    if (d->at < d->size && d->data[d->at] == '"') {
        d->at++;
        while (d->at < d->size) {
            const char *from = d->data + d->at, *quote = memchr(from, '"', d->size - d->at);
            size_t len = quote ? (size_t)(quote - from) : d->size - d->at;
            buf_append(out, from, len);
            d->at += len + 1;
            if (d->at >= d->size || d->data[d->at] != '"')
                break;
            buf_append_char(out, '"');
            d->at++;
        }
    } else {
        size_t from = d->at;
        while (!at_end_of_line(d) && d->data[d->at] != ',')
            d->at++;
        buf_append(out, d->data + from, d->at - from);
    }
}

static bool read_row(struct documents *d) {
    if (d->at >= d->size)
        return false;
    read_field(d, &d->id);
    if (d->at < d->size && d->data[d->at] == ',') {
        d->at++;
        read_field(d, &d->text);
    } else {
        buf_reset(&d->text);
    }
    if (d->at < d->size && d->data[d->at] == '\r')
        d->at++;
    if (d->at < d->size && d->data[d->at] == '\n')
        d->at++;
    return true;
}

bool documents_next(struct documents *d, struct document *ret_document) {
    while (read_row(d))
        if (d->id.len > 0) {
            *ret_document = (struct document){buf_cstr(&d->id), buf_cstr(&d->text), d->id.len, d->text.len};
            return true;
        }
    return false;
}

void documents_rewind(struct documents *d) {
    d->at = d->first;
}

/* ---- life ---- */

enum lh_code documents_open(const struct documents_source *source, struct documents **ret_documents,
                            struct lh_err *err) {
    LH_AUTO(documents) struct documents *d = lh_calloc(1, sizeof *d);
    int fd;
    d->os = source->os;
    d->path = lh_strdup(source->path);
    LH_TRY(os_open(d->os, AT_FDCWD, d->path, O_RDWR | O_CREAT | O_TRUNC, 0600, 0, &fd, err));
    enum lh_code code = spool(source, fd, err);
    if (code == LH_OK)
        code = map(d, fd, err);
    os_close(d->os, fd);
    LH_TRY(code);
    (void)read_row(d); /* the names */
    d->first = d->at;
    *ret_documents = LH_STEAL(d);
    return LH_OK;
}

void documents_close(struct documents *d) {
    struct lh_err ignored = LH_ERR_INIT;
    if (!d)
        return;
    if (d->data)
        munmap((void *)(uintptr_t)d->data, d->size);
    lh_ignore(os_unlink(d->os, AT_FDCWD, d->path, &ignored));
    buf_release(&d->id);
    buf_release(&d->text);
    lh_free(d->path);
    lh_free(d);
}
