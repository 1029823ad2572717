#include "engine/worker/sql_error.h"

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

/* "Binder Error: text" of those parts of DuckDB that know no JSON. */
static enum lh_code fill_plain(struct lh_err *err, const char *text) {
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
    lh_ignore(lh_fail(err, code, "%.*s", MESSAGE_MAX, message));
    return *hint ? lh_err_hint(err, "%s", hint) : code;
}

/* DuckDB puts its guesses into the message's later lines; they are kept, as they help an admin.  Not so its advice on settings,
 * which no statement may change. */
static void trim(char *message) {
    static const char *const advice[] = {"\n\nPossible solutions:", "\nPossible solutions:", " Use \"SET ",
                                         " You can set "};
    for (size_t i = 0; i < LH_ARRAY_LEN(advice); i++) {
        char *at = strstr(message, advice[i]);
        if (at)
            *at = '\0';
    }
    size_t len = strlen(message);
    while (len > 0 && strchr(" \t\r\n", message[len - 1]))
        message[--len] = '\0';
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

enum lh_code sql_error_fill(struct lh_err *err, const char *duckdb_error, const char *sql) {
    if (!duckdb_error || !*duckdb_error)
        return lh_fail(err, LH_INTERNAL, "DuckDB failed and gave no reason");
    LH_AUTO(json) json_t *object = parse_error(duckdb_error);
    if (!object)
        return fill_plain(err, duckdb_error);
    const char *kind = member(object, "exception_type"), *message = member(object, "exception_message"), *hint;
    enum lh_code code = code_of(kind, message, &hint);
    bool missing_table = is_missing_table(object);
    if (missing_table)
        lh_ignore(lh_fail(err, code, "there is no dataset or table \"%.*s\"", 256, member(object, "name")));
    else
        lh_ignore(lh_fail(err, code, "%.*s", MESSAGE_MAX, *message ? message : kind));
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
    return code;
}
