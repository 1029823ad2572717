/* Names of types: which text is one, and which type holds the values of two. */
#include "lake/lake.h"

#include <string.h>
#include <strings.h>

#define TYPE_MAX_BYTES 65536

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

const char *lake_type_merge(const char *old, const char *added) {
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
    return NULL;
}
