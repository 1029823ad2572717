#include "gateway/conditional.h"

#include <string.h>
#include <strings.h>

bool etag_list_matches(const char *list, const char *etag, bool strong) {
    const char *at = list + strspn(list, " \t");
    if (*at == '*')
        return at[1 + strspn(at + 1, " \t")] == '\0';
    size_t len = strlen(etag);
    while (*at) {
        at += strspn(at, " \t,");
        bool weak = at[0] == 'W' && at[1] == '/';
        at += weak ? 2 : 0;
        if (*at != '"')
            return false;
        const char *end = strchr(at + 1, '"');
        if (!end)
            return false;
        if ((size_t)(end - at) - 1 == len && memcmp(at + 1, etag, len) == 0 && !(weak && strong))
            return true;
        at = end + 1;
    }
    return false;
}

/* Digits only; false where there are none.  What is too large for any object stays so: the largest number stands for it. */
static bool parse_number(const char **at, uint64_t *ret_value) {
    uint64_t value = 0;
    const char *start = *at;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        uint64_t more;
        bool over =
            __builtin_mul_overflow(value, 10, &more) || __builtin_add_overflow(more, (uint64_t)(**at - '0'), &more);
        value = over ? UINT64_MAX : more;
    }
    *ret_value = value;
    return *at > start;
}

enum range_result range_parse(const char *header, uint64_t size, uint64_t *ret_offset, uint64_t *ret_length) {
    if (strncasecmp(header, "bytes=", 6) != 0)
        return RANGE_NONE;
    const char *at = header + 6;
    uint64_t first = 0, last = UINT64_MAX;
    bool has_first = parse_number(&at, &first);
    if (*at++ != '-')
        return RANGE_NONE;
    bool has_last = parse_number(&at, &last);
    if (*at != '\0' || (!has_first && !has_last) || (has_first && has_last && last < first))
        return RANGE_NONE;
    if (!has_first) { /* the last N bytes */
        if (last == 0 || size == 0)
            return RANGE_UNSATISFIABLE;
        *ret_length = last < size ? last : size;
        *ret_offset = size - *ret_length;
        return RANGE_PART;
    }
    if (first >= size)
        return RANGE_UNSATISFIABLE;
    uint64_t end = has_last && last < size ? last + 1 : size;
    *ret_offset = first;
    *ret_length = end - first;
    return RANGE_PART;
}
