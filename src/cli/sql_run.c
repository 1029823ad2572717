#include "cli/sql_run.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/table.h"
#include "os/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define TABLE_ROWS 1000

/* ---- splitting ---- */

/* The end of what starts at `p` and may hide a semicolon: a literal, a quoted name, a comment.  Just behind `p` where nothing does;
 * the end of the text where it is not closed. */
static const char *skip_token(const char *p) {
    if (*p == '\'' || *p == '"') {
        const char *end = strchr(p + 1, *p);
        return end ? end + 1 : p + strlen(p); /* a doubled quote is two literals in a row: the same end */
    }
    if (p[0] == '-' && p[1] == '-') {
        const char *end = strchr(p, '\n');
        return end ? end + 1 : p + strlen(p);
    }
    if (p[0] == '/' && p[1] == '*') {
        const char *end = strstr(p + 2, "*/");
        return end ? end + 2 : p + strlen(p);
    }
    if (p[0] == '$') {
        size_t tag = 1;
        while (isalnum((unsigned char)p[tag]) || p[tag] == '_')
            tag++;
        if (p[tag] == '$' && !isdigit((unsigned char)p[1])) {
            for (const char *end = p + tag + 1; (end = strchr(end, '$')); end++)
                if (strncmp(end, p, tag + 1) == 0)
                    return end + tag + 1;
            return p + strlen(p);
        }
    }
    return p + 1;
}

size_t sql_statement_end(const char *text) {
    for (const char *p = text; *p; p = skip_token(p))
        if (*p == ';')
            return (size_t)(p - text) + 1;
    return 0;
}

bool sql_is_blank(const char *text) {
    for (const char *p = text; *p; p = skip_token(p))
        if (!isspace((unsigned char)*p) && *p != ';' && strncmp(p, "--", 2) != 0 && strncmp(p, "/*", 2) != 0)
            return false;
    return true;
}

/* ---- running ---- */

struct sink {
    struct os *os;
    FILE *file;      /* where bytes go */
    struct buf text; /* SQL_TABLE: the JSON answer */
    bool collect;
    int failed; /* errno of the write that failed, else 0 */
};

static bool take(void *ctx, const void *data, size_t len) {
    struct sink *s = ctx;
    if (s->collect) {
        buf_append(&s->text, data, len);
        return true;
    }
    if (fwrite(data, 1, len, s->file) != len)
        s->failed = errno;
    return s->failed == 0;
}

static json_t *request_body(const char *sql, const struct sql_output *output) {
    json_t *body = json_object();
    json_object_set_new(body, "sql", json_string(sql));
    uint64_t limit = output->limit > 0 ? output->limit : output->format == SQL_TABLE ? TABLE_ROWS : 0;
    if (limit > 0)
        json_object_set_new(body, "limit", json_integer((json_int_t)limit));
    if (output->timeout_ms > 0)
        json_object_set_new(body, "timeout_ms", json_integer(output->timeout_ms));
    if (output->as_of) {
        int64_t version;
        bool number = lh_int_parse(output->as_of, &version);
        json_object_set_new(body, "as_of", number ? json_integer(version) : json_string(output->as_of));
    }
    return body;
}

static void print_footer(const struct cli *cli, const json_t *answer) {
    LH_AUTO(buf) struct buf line = BUF_INIT;
    json_int_t rows = json_integer_value(json_object_get(answer, "row_count"));
    lh_count_format((uint64_t)rows, &line);
    buf_printf(&line, " %s", rows == 1 ? "row" : "rows");
    if (json_is_true(json_object_get(answer, "truncated")))
        buf_append_str(&line, " shown, there are more: --limit N shows more of them");
    buf_printf(&line, " (%.1f ms)", json_number_value(json_object_get(answer, "elapsed_ms")));
    printf(cli->color ? "\033[2m%s\033[0m\n" : "%s\n", buf_cstr(&line));
}

static enum lh_code print_table(const struct cli *cli, const struct buf *text, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(buf) struct buf drawn = BUF_INIT;
    struct lh_json_limits limits = {.max_bytes = (size_t)1 << 30};
    LH_TRY(lh_json_parse(buf_cstr(text), text->len, &limits, &answer, err));
    struct table_style style = table_style_for(cli);
    table_write(json_object_get(answer, "columns"), json_object_get(answer, "rows"), &style, &drawn);
    fwrite(buf_cstr(&drawn), 1, drawn.len, stdout);
    print_footer(cli, answer);
    return LH_OK;
}

enum lh_code sql_run(const struct cli *cli, struct client *client, const char *sql, const struct sql_output *output,
                     struct lh_err *err) {
    static const char *const accept[] = {"application/json", "application/json", "application/x-ndjson", "text/csv",
                                         "application/vnd.apache.parquet"};
    LH_AUTO(json) json_t *body = request_body(sql, output);
    struct sink sink = {.os = cli->os, .file = stdout, .collect = output->format == SQL_TABLE};
    if (output->path) {
        sink.file = fopen(output->path, "wbe");
        if (!sink.file)
            return lh_fail_errno(err, errno, "cannot write \"%s\"", output->path);
    }
    enum lh_code code = client_stream(client, "/query/sql", body, accept[output->format], take, &sink, err);
    if (output->path && fclose(sink.file) != 0 && sink.failed == 0)
        sink.failed = errno;
    if (sink.failed != 0)
        code = lh_fail_errno(err, sink.failed, "cannot write %s", output->path ? output->path : "standard output");
    if (code != LH_OK && output->path)
        remove(output->path);
    if (code == LH_OK && output->format == SQL_TABLE)
        code = print_table(cli, &sink.text, err);
    else if (code == LH_OK && output->format == SQL_JSON)
        putchar('\n');
    buf_release(&sink.text);
    return code;
}

enum lh_code sql_run_script(const struct cli *cli, struct client *client, const char *text,
                            const struct sql_output *output, struct lh_err *err) {
    if (sql_is_blank(text))
        return lh_fail(err, LH_USAGE, "there is no SQL to run");
    while (!sql_is_blank(text)) {
        size_t len = sql_statement_end(text);
        if (len == 0)
            len = strlen(text);
        LH_AUTO(mem) char *statement = lh_strndup(text, len);
        LH_TRY(sql_run(cli, client, statement, output, err));
        text += len;
    }
    return LH_OK;
}
