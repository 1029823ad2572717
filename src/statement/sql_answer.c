#include "statement/sql_answer.h"

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"

#include <string.h>
#include <strings.h>

#define EXPLANATION_MAX ((size_t)1000)
#define FENCE "```"
#define THOUGHTS_END "</think>"

struct piece {
    const char *text;
    size_t len;
};

static bool is_blank(char c) {
    return strchr(" \t\r\n\f\v", c) && c;
}

static struct piece trim(struct piece p) {
    while (p.len > 0 && is_blank(p.text[0]))
        p.text++, p.len--;
    while (p.len > 0 && is_blank(p.text[p.len - 1]))
        p.len--;
    return p;
}

static const char *find(struct piece p, const char *what) {
    return memmem(p.text, p.len, what, strlen(what));
}

static struct piece from(struct piece p, const char *at) {
    return (struct piece){at, (size_t)(p.text + p.len - at)};
}

static bool begins_select(struct piece p) {
    static const char *const words[] = {"select", "with", "from"};
    for (size_t i = 0; i < LH_ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i]);
        if (p.len > len && strncasecmp(p.text, words[i], len) == 0 && (is_blank(p.text[len]) || p.text[len] == '('))
            return true;
    }
    return false;
}

/* Prose begins its sentences with a capital: "With this ...", "Drop me a line". */
static bool begins_statement(struct piece p, bool small_too) {
    static const char *const words[] = {"SELECT", "WITH",   "FROM",   "INSERT", "UPDATE", "DELETE",  "DROP", "CREATE",
                                        "ALTER",  "COPY",   "ATTACH", "DETACH", "SET",    "PRAGMA",  "CALL", "INSTALL",
                                        "LOAD",   "EXPORT", "IMPORT", "MERGE",  "VACUUM", "TRUNCATE"};
    for (size_t i = 0; i < LH_ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i]);
        if (p.len <= len || strncasecmp(p.text, words[i], len) != 0 || !(is_blank(p.text[len]) || p.text[len] == '('))
            continue;
        bool small = p.text[0] >= 'a', second_small = p.text[1] >= 'a';
        return small == second_small && (!small || small_too);
    }
    return false;
}

/* ---- where it stands ---- */

/* ```sql LINE ... ```; a block that never ends goes to the end. */
static bool find_block(struct piece all, struct piece *ret_sql, struct piece *ret_before, struct piece *ret_after) {
    const char *open = find(all, FENCE);
    if (!open)
        return false;
    struct piece rest = from(all, open + strlen(FENCE));
    const char *line_end = memchr(rest.text, '\n', rest.len), *close = find(rest, FENCE);
    if (line_end && (!close || line_end < close)) /* the language's name */
        rest = from(all, line_end + 1);
    close = find(rest, FENCE);
    *ret_before = (struct piece){all.text, (size_t)(open - all.text)};
    *ret_sql = (struct piece){rest.text, close ? (size_t)(close - rest.text) : rest.len};
    *ret_after = close ? from(all, close + strlen(FENCE)) : (struct piece){"", 0};
    return true;
}

static bool find_lines(struct piece all, bool reading, struct piece *ret_sql, struct piece *ret_before,
                       struct piece *ret_after) {
    const char *first = trim(all).text;
    for (struct piece rest = all; rest.len > 0;) {
        struct piece line = trim(rest);
        if (reading ? begins_select(line) : begins_statement(line, line.text == first)) {
            const char *semicolon = memrchr(line.text, ';', line.len), *empty = find(line, "\n\n");
            if (semicolon && begins_statement(trim(from(line, semicolon + 1)), true)) {
                empty = find(from(line, semicolon), "\n\n");
                semicolon = NULL;
            }
            size_t len = semicolon ? (size_t)(semicolon - line.text) : empty ? (size_t)(empty - line.text) : line.len;
            *ret_before = (struct piece){all.text, (size_t)(line.text - all.text)};
            *ret_sql = (struct piece){line.text, len};
            *ret_after = from(all, line.text + len + (semicolon ? 1 : 0));
            return true;
        }
        const char *end = memchr(line.text, '\n', line.len);
        rest = end ? from(all, end + 1) : (struct piece){"", 0};
    }
    return false;
}

/* ---- the two texts ---- */

static const char *copy_sql(struct piece sql, struct arena *arena) {
    sql = trim(sql);
    while (sql.len > 0 && sql.text[sql.len - 1] == ';')
        sql = trim((struct piece){sql.text, sql.len - 1});
    return sql.len > 0 ? arena_strndup(arena, sql.text, sql.len) : NULL;
}

static const char *copy_words(struct piece before, struct piece after, struct arena *arena) {
    before = trim(before);
    after = trim(after);
    if (before.len > EXPLANATION_MAX)
        before.len = EXPLANATION_MAX;
    if (after.len > EXPLANATION_MAX)
        after.len = EXPLANATION_MAX;
    while (before.len > 0 && before.len == EXPLANATION_MAX && ((unsigned char)before.text[before.len] & 0xc0) == 0x80)
        before.len--;
    while (after.len > 0 && after.len == EXPLANATION_MAX && ((unsigned char)after.text[after.len] & 0xc0) == 0x80)
        after.len--;
    return arena_printf(arena, "%.*s%s%.*s", (int)before.len, before.text, before.len && after.len ? "\n" : "",
                        (int)after.len, after.text);
}

void sql_answer_parse(const char *text, size_t len, struct arena *arena, struct sql_answer *ret_answer) {
    struct piece all = {text, len}, sql = {"", 0}, before = {"", 0}, after = {"", 0};
    const char *thoughts = find(all, THOUGHTS_END);
    if (thoughts)
        all = from(all, thoughts + strlen(THOUGHTS_END));
    if (!find_block(all, &sql, &before, &after) && !find_lines(all, true, &sql, &before, &after) &&
        !find_lines(all, false, &sql, &before, &after))
        before = all;
    ret_answer->sql = copy_sql(sql, arena);
    ret_answer->explanation = copy_words(before, after, arena);
}

bool sql_answer_selects(const char *sql) {
    struct piece p = trim((struct piece){sql, strlen(sql)});
    for (;;) {
        const char *end = NULL;
        size_t past = 0;
        if (p.len >= 2 && memcmp(p.text, "--", 2) == 0)
            end = memchr(p.text, '\n', p.len), past = 1;
        else if (p.len >= 2 && memcmp(p.text, "/*", 2) == 0)
            end = find(from(p, p.text + 2), "*/"), past = 2;
        if (!end)
            return begins_select(p);
        p = trim(from(p, end + past));
    }
}
