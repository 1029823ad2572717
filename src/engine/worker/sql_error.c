#include "engine/worker/sql_error.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX 640 /* leaves room in lh_err.message for the line and its caret */
#define LINE_BEFORE 50  /* bytes of the line shown before and after the place */
#define LINE_AFTER 30

/* Kinds that are not the fault of the statement's text; all others are LH_SQL. */
static const struct {
    const char *kind;
    enum lh_code code;
    const char *hint;
} kinds[] = {
    {"INTERRUPT", LH_CANCELLED, ""},
    {"Out of Memory", LH_LIMIT,
     "read fewer columns or rows, or aggregate in steps; query.memory_bytes in the configuration is the limit"},
    {"Permission", LH_FORBIDDEN,
     "a statement reads datasets by name and files of the buckets, nothing else; GET /catalog/datasets lists them"},
    {"IO", LH_IO, ""},
    {"Corruption", LH_CORRUPT, ""},
    {"INTERNAL", LH_INTERNAL, ""},
    {"FATAL", LH_INTERNAL, ""},
    {"Fatal", LH_INTERNAL, ""},
    {"Internal", LH_INTERNAL, ""},
    {"NULL Pointer", LH_INTERNAL, ""},
    {"HTTP", LH_FORBIDDEN, "the network is out of reach of a statement"},
    {"Extension Autoloading", LH_FORBIDDEN, "this server loads no DuckDB extensions"},
    {"Missing Extension", LH_FORBIDDEN, "this server loads no DuckDB extensions"},
};

/* What readers say of a damaged file, whatever kind they give it. */
static const char *const damage_words[] = {
    "magic bytes",
    "too small to be a Parquet",
    "TProtocolException",
    "Invalid Parquet",
    "Failed to read Parquet",
    "footer length",
    "corrupt",
    "Snappy decompression",
    "ZSTD Decompression",
    "decompression failure",
};

static json_t *parse_error(const char *text) {
    const char *start = text ? strstr(text, "{\"exception_type\"") : NULL;
    json_t *object = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    if (!start || lh_json_parse(start, strlen(start), NULL, &object, &ignored) != LH_OK)
        return NULL;
    return object;
}

static const char *member(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool is_missing_table(const json_t *object) {
    return strcmp(member(object, "error_subtype"), "MISSING_ENTRY") == 0 &&
           strcmp(member(object, "type"), "Table") == 0 && *member(object, "name");
}

bool sql_error_missing_table(const char *duckdb_error, char *ret_name, size_t cap) {
    LH_AUTO(json) json_t *object = parse_error(duckdb_error);
    if (!object || !is_missing_table(object))
        return false;
    const char *name = member(object, "name");
    if (strlen(name) >= cap)
        return false;
    memcpy(ret_name, name, strlen(name) + 1);
    return true;
}

void sql_error_point(struct lh_err *err, const char *sql, long offset) {
    size_t len = strlen(sql);
    if (offset < 0 || (size_t)offset > len)
        return;
    size_t at = (size_t)offset, line = 1, start = 0, end = at;
    for (size_t i = 0; i < at; i++) {
        if (sql[i] == '\n') {
            line++;
            start = i + 1;
        }
    }
    while (end < len && sql[end] != '\n')
        end++;
    const char *before = "", *after = "";
    if (at - start > LINE_BEFORE) {
        start = at - LINE_BEFORE;
        while (start < at && ((unsigned char)sql[start] & 0xc0) == 0x80)
            start++;
        before = "...";
    }
    if (end - at > LINE_AFTER) {
        end = at + LINE_AFTER;
        while (end > at && ((unsigned char)sql[end] & 0xc0) == 0x80)
            end--;
        after = "...";
    }
    LH_AUTO(buf) struct buf text = BUF_INIT;
    buf_printf(&text, "LINE %zu: %s", line, before);
    size_t column = utf8_width(text.data, text.len) + utf8_width(sql + start, at - start);
    for (size_t i = start; i < end; i++)
        buf_append_char(&text, (unsigned char)sql[i] < ' ' ? ' ' : sql[i]);
    buf_append_str(&text, after);
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, "\n\n%s\n%*s^", buf_cstr(&text), (int)column, "");
    err->position = offset + 1;
}

static enum lh_code code_of(const char *kind, const char *message, const char **ret_hint) {
    *ret_hint = "";
    if (strstr(message, "No space left on device") || strstr(message, "Disk quota exceeded")) {
        *ret_hint = "the disk of the data folder is full; free some space there and try again";
        return LH_NO_SPACE;
    }
    for (size_t i = 0; i < LH_ARRAY_LEN(damage_words); i++) {
        if (strstr(message, damage_words[i]))
            return LH_CORRUPT;
    }
    for (size_t i = 0; i < LH_ARRAY_LEN(kinds); i++) {
        if (strcmp(kind, kinds[i].kind) == 0) {
            *ret_hint = kinds[i].hint;
            return kinds[i].code;
        }
    }
    return LH_SQL;
}

/* DuckDB puts its guesses into the message's later lines; they are kept, as they help an admin. */
static void trim(char *message) {
    char *advice = strstr(message, " You can set ");
    if (advice)
        *advice = '\0';
    size_t len = strlen(message);
    while (len > 0 && strchr(" \t\r\n", message[len - 1]))
        message[--len] = '\0';
}

/* ---- what is not for clients ---- */

static bool in_statement(const char *sql, const char *text, size_t len) {
    return sql && len > 0 && memmem(sql, strlen(sql), text, len) != NULL;
}

/* The length of the absolute path at `at`, 0 where none starts there.  One in quotes ends with them. */
static size_t path_length(const char *message, const char *at) {
    char before = at > message ? at[-1] : ' ';
    if (*at != '/' || !strchr(" '\"([=\n", before) || strchr(" /\n", at[1]))
        return 0;
    const char *quoted_end = before == '\'' || before == '"' ? strchr(at, before) : NULL;
    return quoted_end ? (size_t)(quoted_end - at) : strcspn(at, " \t\n,;:)]");
}

/* Where the server keeps its files is nobody's business: of a path that the statement does not spell out itself, the object's
 * key or the file's name stays. */
static void hide_paths(char *message, const char *sql) {
    for (char *at = message; *at; at++) {
        size_t len = path_length(message, at);
        if (len == 0 || in_statement(sql, at, len))
            continue;
        const char *shown = memrchr(at, '/', len);
        const char *key = memmem(at, len, "/datasets/", strlen("/datasets/"));
        shown = (key ? key : shown) + 1;
        size_t kept = len - (size_t)(shown - at);
        memmove(at, shown, kept);
        memmove(at + kept, at + len, strlen(at + len) + 1);
        at += kept > 0 ? kept - 1 : 0;
    }
}

/* DuckDB's advice to SET this or that, which a statement here may not.  True where some was cut. */
static bool cut_advice(char *message, const char *sql) {
    char *list = strstr(message, "\n\nPossible solutions");
    bool cut = list != NULL;
    if (list)
        *list = '\0';
    for (char *set = message; (set = strstr(set, "SET ")) != NULL;) {
        size_t len = strspn(set + 4, "abcdefghijklmnopqrstuvwxyz_");
        char *start = set;
        while (start > message && start[-1] != '\n' && !(start - message > 1 && start[-1] == ' ' && start[-2] == '.'))
            start--;
        if (len == 0 || start == message || in_statement(sql, set, len + 4)) {
            set += 4;
            continue;
        }
        const char *end = set + strcspn(set, "\n");
        const char *stop = strstr(set, ". ");
        end = stop && stop < end ? stop + 2 : end;
        memmove(start, end, strlen(end) + 1);
        set = start;
        cut = true;
    }
    trim(message);
    return cut;
}

static bool speaks_of_files(enum lh_code code) {
    return code == LH_IO || code == LH_FORBIDDEN || code == LH_CORRUPT || code == LH_LIMIT || code == LH_INTERNAL;
}

/* Also of what is cut off at MESSAGE_MAX, so that half a path never stays: before the message is printed. */
static bool clean(char *message, enum lh_code code, const char *sql) {
    if (speaks_of_files(code))
        hide_paths(message, sql);
    return cut_advice(message, sql);
}

/* "name,rate" as DuckDB lists them. */
static enum lh_code hint_at_candidates(struct lh_err *err, const char *candidates) {
    LH_AUTO(buf) struct buf words = BUF_INIT;
    for (; *candidates; candidates++) {
        if (*candidates == ',')
            buf_append_str(&words, " or ");
        else
            buf_append_char(&words, *candidates);
    }
    return lh_err_hint(err, "did you mean %s?", buf_cstr(&words));
}

/* The hint where DuckDB's own words are of no use here. */
static enum lh_code hint_otherwise(struct lh_err *err, bool advice_cut) {
    if (strstr(err->message, "does not support time travel"))
        return lh_err_hint(err,
                           "time travel is asked for beside the statement: as_of in the request, a version or a time");
    if (advice_cut && strstr(err->message, " limit of "))
        return lh_err_hint(
            err, "that limit is not a statement's to change; write it with less nesting, or in several steps");
    return err->code;
}

/* "Binder Error: text" of those parts of DuckDB that know no JSON. */
static enum lh_code fill_plain(struct lh_err *err, const char *text, const char *sql) {
    static const char marker[] = " Error: ";
    char kind[32] = "";
    const char *message = text, *end = strstr(text, marker);
    if (end && (size_t)(end - text) < sizeof kind && !memchr(text, '\n', (size_t)(end - text))) {
        memcpy(kind, text, (size_t)(end - text));
        kind[end - text] = '\0';
        message = end + strlen(marker);
    }
    const char *hint;
    enum lh_code code = code_of(kind, message, &hint);
    LH_AUTO(mem) char *shown = lh_strdup(message);
    bool advice = clean(shown, code, sql);
    lh_ignore(lh_fail(err, code, "%.*s", MESSAGE_MAX, shown));
    lh_ignore(lh_err_detail(err, "DuckDB: %s", kind));
    if (*hint)
        return lh_err_hint(err, "%s", hint);
    return hint_otherwise(err, advice);
}

enum lh_code sql_error_fill(struct lh_err *err, const char *duckdb_error, const char *sql) {
    if (!duckdb_error || !*duckdb_error)
        return lh_fail(err, LH_INTERNAL, "DuckDB failed and gave no reason");
    LH_AUTO(json) json_t *object = parse_error(duckdb_error);
    if (!object)
        return fill_plain(err, duckdb_error, sql);
    const char *kind = member(object, "exception_type"), *message = member(object, "exception_message"), *hint;
    enum lh_code code = code_of(kind, message, &hint);
    bool missing_table = is_missing_table(object);
    LH_AUTO(mem) char *shown = lh_strdup(*message ? message : kind);
    bool advice = clean(shown, code, sql);
    if (missing_table)
        lh_ignore(lh_fail(err, code, "there is no dataset or table \"%.*s\"", 256, member(object, "name")));
    else
        lh_ignore(lh_fail(err, code, "%.*s", MESSAGE_MAX, shown));
    trim(err->message);
    lh_ignore(lh_err_detail(err, "DuckDB: %s", kind));
    const char *position = member(object, "position");
    if (*position && sql)
        sql_error_point(err, sql, strtol(position, NULL, 10));
    const char *candidates = member(object, "candidates");
    if (*hint)
        return lh_err_hint(err, "%s", hint);
    if (missing_table) /* DuckDB knows only the tables bound so far and guesses among its own */
        return lh_err_hint(err, "GET /catalog/datasets lists the datasets");
    if (*candidates && strlen(candidates) < 200)
        return hint_at_candidates(err, candidates);
    return hint_otherwise(err, advice);
}
