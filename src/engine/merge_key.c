#include "engine/merge_key.h"

#include "base/attr.h"

#include <string.h>
#include <strings.h>

static const char *skip_digits(const char *text) {
    return text + strspn(text, "0123456789");
}

bool merge_key_type(const char *type) {
    static const char *const TYPES[] = {
        "BOOLEAN",  "TINYINT",   "SMALLINT",    "INTEGER",      "BIGINT",       "HUGEINT",
        "UTINYINT", "USMALLINT", "UINTEGER",    "UBIGINT",      "UHUGEINT",     "DATE",
        "TIME",     "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE",
        "UUID",     "VARCHAR",   "BLOB"};
    for (size_t i = 0; i < LH_ARRAY_LEN(TYPES); i++) {
        if (strcasecmp(type, TYPES[i]) == 0)
            return true;
    }
    static const char decimal[] = "DECIMAL(";
    if (strncasecmp(type, decimal, sizeof decimal - 1) != 0)
        return false;
    const char *width = type + sizeof decimal - 1, *comma = skip_digits(width);
    if (comma == width || *comma != ',')
        return false;
    const char *end = skip_digits(comma + 1);
    return end > comma + 1 && strcmp(end, ")") == 0;
}
