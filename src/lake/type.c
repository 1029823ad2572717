/* Names of types: which text is one, and which type holds the values of two. */
#include "lake/lake.h"

#include "base/arena.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TYPE_MAX_BYTES 65536
#define DECIMAL_MAX_DIGITS 38

/* Past the quoted text that starts at `p`, a doubled quote being part of it; NULL where it does not end. */
static const char *skip_quoted(const char *p) {
    char quote = *p++;
    for (; *p != '\0'; p++) {
        if (*p != quote)
            continue;
        if (p[1] != quote)
            return p + 1;
        p++;
    }
    return NULL;
}

bool lake_type_valid(const char *type) {
    if (type[0] == '\0' || strlen(type) > TYPE_MAX_BYTES || strchr("()[], \"'", type[0]))
        return false;
    int depth = 0;
    for (const char *p = type; *p != '\0';) {
        if (*p == '"' || *p == '\'') {
            p = depth > 0 ? skip_quoted(p) : NULL;
            if (!p)
                return false;
            continue;
        }
        bool word = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_';
        if (*p == '(' || *p == '[')
            depth++;
        else if (*p == ')' || *p == ']')
            depth--;
        else if (!word && *p != ' ' && !(*p == ',' && depth > 0))
            return false;
        if (depth < 0)
            return false;
        p++;
    }
    return depth == 0;
}

/* Each type holds the values of those before it in its row. */
static const char *const WIDENINGS[][6] = {
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"},
    {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"},
    {"UTINYINT", "SMALLINT"},
    {"USMALLINT", "INTEGER"},
    {"UINTEGER", "BIGINT"},
    {"UBIGINT", "HUGEINT"},
    {"TINYINT", "SMALLINT", "INTEGER", "DOUBLE"},
    {"UTINYINT", "USMALLINT", "UINTEGER", "DOUBLE"},
    {"FLOAT", "DOUBLE"},
    {"TINYINT", "SMALLINT", "FLOAT"},
    {"DATE", "TIMESTAMP"},
};

/* Types whose every value VARCHAR can hold as the text that it prints. */
bool lake_type_prints(const char *type) {
    static const char *const TYPES[] = {"VARCHAR", "BOOLEAN",  "TINYINT",   "SMALLINT",  "INTEGER",
                                        "BIGINT",  "HUGEINT",  "UTINYINT",  "USMALLINT", "UINTEGER",
                                        "UBIGINT", "UHUGEINT", "FLOAT",     "DOUBLE",    "DATE",
                                        "TIME",    "UUID",     "TIMESTAMP", "JSON",      "TIMESTAMP WITH TIME ZONE"};
    for (size_t i = 0; i < LH_ARRAY_LEN(TYPES); i++) {
        if (strcasecmp(type, TYPES[i]) == 0)
            return true;
    }
    return strncasecmp(type, "DECIMAL(", 8) == 0;
}

static int place_in(const char *const row[6], const char *type) {
    for (int i = 0; i < 6 && row[i]; i++) {
        if (strcasecmp(row[i], type) == 0)
            return i;
    }
    return -1;
}

/* How many digits a number has before and after its point. */
struct digits {
    unsigned before, after;
};

static bool parse_decimal(const char *type, struct digits *ret) {
    unsigned width, scale;
    int end = 0;
    if (sscanf(type, "DECIMAL(%2u,%2u)%n", &width, &scale, &end) != 2 || end == 0 || type[end] != '\0' || scale > width)
        return false;
    *ret = (struct digits){width - scale, scale};
    return true;
}

/* Of decimals, and of the whole numbers that a decimal may hold. */
static bool digits_of(const char *type, struct digits *ret) {
    static const struct {
        const char *type;
        unsigned digits;
    } WHOLE[] = {{"TINYINT", 3},  {"SMALLINT", 5},  {"INTEGER", 10},  {"BIGINT", 19},
                 {"UTINYINT", 3}, {"USMALLINT", 5}, {"UINTEGER", 10}, {"UBIGINT", 20}};
    for (size_t i = 0; i < LH_ARRAY_LEN(WHOLE); i++) {
        if (strcasecmp(type, WHOLE[i].type) != 0)
            continue;
        *ret = (struct digits){WHOLE[i].digits, 0};
        return true;
    }
    return parse_decimal(type, ret);
}

/* The decimal that holds both, where one of them is a decimal. */
static const char *merge_decimals(const char *old, const char *added, struct arena *arena) {
    struct digits a, b, decimal;
    if (!(parse_decimal(old, &decimal) || parse_decimal(added, &decimal)) || !digits_of(old, &a) ||
        !digits_of(added, &b))
        return NULL;
    unsigned before = a.before > b.before ? a.before : b.before, after = a.after > b.after ? a.after : b.after;
    return before + after <= DECIMAL_MAX_DIGITS ? arena_printf(arena, "DECIMAL(%u,%u)", before + after, after) : NULL;
}

const char *lake_type_if_exact(const char *old, const char *added) {
    struct digits digits;
    bool whole = (digits_of(old, &digits) && digits.after == 0) || strcasecmp(old, "HUGEINT") == 0 ||
                 strcasecmp(old, "UHUGEINT") == 0;
    return whole && strcasecmp(added, "DOUBLE") == 0 ? "DOUBLE" : NULL;
}

const char *lake_type_merge(const char *old, const char *added, struct arena *arena) {
    if (strcasecmp(old, added) == 0)
        return old;
    for (size_t i = 0; i < LH_ARRAY_LEN(WIDENINGS); i++) {
        int a = place_in(WIDENINGS[i], old);
        int b = place_in(WIDENINGS[i], added);
        if (a >= 0 && b >= 0)
            return a > b ? old : added;
    }
    /* A text column takes anything that prints; the other way round, numbers would turn into text under who reads them. */
    if (strcasecmp(old, "VARCHAR") == 0 && lake_type_prints(added))
        return old;
    return merge_decimals(old, added, arena);
}
