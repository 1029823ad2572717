#include "lake/key_text.h"

#include "base/attr.h"
#include "base/buf.h"
#include "base/cleanup.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DIGITS "0123456789"
#define DECIMAL_MAX_WIDTH 38
#define EXPONENT_MAX_DIGITS 3

/* ---- numbers ---- */

/* "DECIMAL(9,2)": 2 */
static long scale_of(const char *type) {
    const char *comma = strchr(type, ',');
    return comma ? strtol(comma + 1, NULL, 10) : 0;
}

/* "e-3" or nothing, up to the end of the text. */
static bool read_exponent(const char *text, long *ret_exponent) {
    *ret_exponent = 0;
    if (*text == '\0')
        return true;
    if (*text != 'e' && *text != 'E')
        return false;
    const char *digits = text + 1 + (text[1] == '-' || text[1] == '+');
    size_t count = strspn(digits, DIGITS);
    if (count == 0 || count > EXPONENT_MAX_DIGITS || digits[count] != '\0')
        return false;
    *ret_exponent = strtol(text + 1, NULL, 10);
    return true;
}

/* digits * 10^exponent, without an exponent. */
static void append_plain(const char *digits, size_t count, long exponent, bool negative, struct buf *ret_text) {
    long whole = (long)count + exponent;
    buf_append_str(ret_text, negative ? "-" : "");
    if (whole <= 0)
        buf_append_str(ret_text, "0.");
    for (long i = whole; i < 0; i++)
        buf_append_char(ret_text, '0');
    for (size_t i = 0; i < count; i++) {
        if ((long)i == whole && i > 0)
            buf_append_char(ret_text, '.');
        buf_append_char(ret_text, digits[i]);
    }
    for (long i = 0; i < exponent; i++)
        buf_append_char(ret_text, '0');
}

static bool decimal_exact(long scale, const char *text, struct buf *ret_text) {
    LH_AUTO(buf) struct buf digits = BUF_INIT;
    bool negative = *text == '-';
    const char *whole = text + (*text == '-' || *text == '+');
    size_t whole_count = strspn(whole, DIGITS);
    const char *fraction = whole + whole_count + (whole[whole_count] == '.');
    size_t fraction_count = fraction > whole + whole_count ? strspn(fraction, DIGITS) : 0;
    long exponent;
    if (whole_count + fraction_count == 0 || !read_exponent(fraction + fraction_count, &exponent))
        return false;
    buf_append(&digits, whole, whole_count);
    buf_append(&digits, fraction, fraction_count);
    exponent -= (long)fraction_count;
    const char *first = buf_cstr(&digits);
    size_t zeros = strspn(first, "0");
    first += zeros;
    size_t count = digits.len - zeros;
    for (; count > 0 && first[count - 1] == '0'; count--)
        exponent++;
    if (count == 0) {
        buf_append_char(ret_text, '0');
        return true;
    }
    if (-exponent > scale || (long)count + exponent > DECIMAL_MAX_WIDTH)
        return false;
    append_plain(first, count, exponent, negative, ret_text);
    return true;
}

bool key_text_of_double(double value, struct buf *ret_text) {
    char text[32];
    snprintf(text, sizeof text, "%.*g", DBL_DIG, value);
    double back = strtod(text, NULL);
    if (back < value || back > value)
        return false;
    buf_append_str(ret_text, text);
    return true;
}

/* ---- dates and times ---- */

static bool skip_digits(const char **at, size_t least, size_t most) {
    size_t count = strspn(*at, DIGITS);
    *at += count;
    return count >= least && count <= most;
}

static bool skip_date(const char **at) {
    *at += **at == '-';
    if (!skip_digits(at, 1, 6) || (**at != '-' && **at != '/'))
        return false;
    char separator = *(*at)++;
    if (!skip_digits(at, 1, 2) || *(*at)++ != separator || !skip_digits(at, 1, 2))
        return false;
    if (strncmp(*at, " (BC)", 5) == 0)
        *at += 5;
    return true;
}

/* hh:mm[:ss[.fraction]] with at most `most` digits that say something after the point. */
static bool skip_time(const char **at, size_t most) {
    if (!skip_digits(at, 1, 2) || **at != ':')
        return false;
    (*at)++;
    if (!skip_digits(at, 2, 2))
        return false;
    if (**at != ':')
        return true;
    (*at)++;
    if (!skip_digits(at, 2, 2))
        return false;
    if (**at != '.')
        return true;
    const char *fraction = *at + 1;
    size_t count = strspn(fraction, DIGITS);
    *at = fraction + count;
    while (count > 0 && fraction[count - 1] == '0')
        count--;
    return count <= most;
}

static bool is_separator(char c) {
    return c == ' ' || c == 'T';
}

static bool is_unbounded(const char *text) {
    return strcasecmp(text, "infinity") == 0 || strcasecmp(text, "-infinity") == 0 || strcasecmp(text, "epoch") == 0;
}

static bool date_exact(const char *text, struct buf *ret_text) {
    const char *at = text;
    if (is_unbounded(text)) {
        buf_append_str(ret_text, text);
        return true;
    }
    if (!skip_date(&at))
        return false;
    const char *end = at;
    if (is_separator(*at)) {
        at++;
        const char *time = at;
        if (!skip_time(&at, 0) || time[strspn(time, "0:.")] != '\0')
            return false;
    }
    if (*at != '\0')
        return false;
    buf_append(ret_text, text, (size_t)(end - text));
    return true;
}

/* A zone may follow: the cast knows which. */
static bool timestamp_is_exact(const char *text, size_t most) {
    const char *at = text;
    if (is_unbounded(text))
        return true;
    if (!skip_date(&at))
        return false;
    if (*at == '\0')
        return true;
    if (!is_separator(*at))
        return false;
    at++;
    return skip_time(&at, most) && !strchr(at, '.');
}

static bool time_is_exact(const char *text, size_t most, bool with_zone) {
    const char *at = text;
    return skip_time(&at, most) && (*at == '\0' || (with_zone && !strpbrk(at, ". ")));
}

static bool interval_is_exact(const char *text) {
    const char *point = strchr(text, '.');
    if (!point)
        return true;
    const char *at = point;
    while (at > text && strchr(DIGITS ":", at[-1]))
        at--;
    return skip_time(&at, 6) && *at == '\0';
}

/* ---- types ---- */

enum rounding {
    ROUNDS_NOT,
    ROUNDS_INTEGER,
    ROUNDS_DECIMAL,
    ROUNDS_DATE,
    ROUNDS_TIME,
    ROUNDS_TIMESTAMP,
    ROUNDS_INTERVAL
};

static const struct rounding_type {
    const char *type;
    enum rounding rounding;
    size_t digits; /* of a second's fraction */
    bool with_zone;
} ROUNDING_TYPES[] = {
    {"DATE", ROUNDS_DATE, 0, false},
    {"TIME", ROUNDS_TIME, 6, false},
    {"TIME_NS", ROUNDS_TIME, 9, false},
    {"TIME WITH TIME ZONE", ROUNDS_TIME, 6, true},
    {"TIMESTAMP", ROUNDS_TIMESTAMP, 6, true},
    {"TIMESTAMP_S", ROUNDS_TIMESTAMP, 0, true},
    {"TIMESTAMP_MS", ROUNDS_TIMESTAMP, 3, true},
    {"TIMESTAMP_NS", ROUNDS_TIMESTAMP, 9, true},
    {"TIMESTAMP WITH TIME ZONE", ROUNDS_TIMESTAMP, 6, true},
    {"INTERVAL", ROUNDS_INTERVAL, 6, false},
    {"TINYINT", ROUNDS_INTEGER, 0, false},
    {"SMALLINT", ROUNDS_INTEGER, 0, false},
    {"INTEGER", ROUNDS_INTEGER, 0, false},
    {"BIGINT", ROUNDS_INTEGER, 0, false},
    {"HUGEINT", ROUNDS_INTEGER, 0, false},
    {"UTINYINT", ROUNDS_INTEGER, 0, false},
    {"USMALLINT", ROUNDS_INTEGER, 0, false},
    {"UINTEGER", ROUNDS_INTEGER, 0, false},
    {"UBIGINT", ROUNDS_INTEGER, 0, false},
    {"UHUGEINT", ROUNDS_INTEGER, 0, false},
};

static struct rounding_type rounding_of(const char *type, size_t len) {
    if (len > 8 && strncasecmp(type, "DECIMAL(", 8) == 0)
        return (struct rounding_type){type, ROUNDS_DECIMAL, 0, false};
    for (size_t i = 0; i < LH_ARRAY_LEN(ROUNDING_TYPES); i++)
        if (strlen(ROUNDING_TYPES[i].type) == len && strncasecmp(ROUNDING_TYPES[i].type, type, len) == 0)
            return ROUNDING_TYPES[i];
    return (struct rounding_type){type, ROUNDS_NOT, 0, false};
}

static bool is_whole(const char *text) {
    text += *text == '-';
    return *text != '\0' && text[strspn(text, DIGITS)] == '\0';
}

static bool scalar_exact(const struct rounding_type *type, const char *text, struct buf *ret_text) {
    bool same = true;
    switch (type->rounding) {
    case ROUNDS_DECIMAL: return decimal_exact(scale_of(type->type), text, ret_text);
    case ROUNDS_DATE: return date_exact(text, ret_text);
    case ROUNDS_INTEGER: same = is_whole(text); break;
    case ROUNDS_TIME: same = time_is_exact(text, type->digits, type->with_zone); break;
    case ROUNDS_TIMESTAMP: same = timestamp_is_exact(text, type->digits); break;
    case ROUNDS_INTERVAL: same = interval_is_exact(text); break;
    case ROUNDS_NOT: break;
    }
    if (same)
        buf_append_str(ret_text, text);
    return same;
}

/* A list of any depth as DuckDB or JSON writes it.  No value of these types has brackets, commas or quotes in its text. */
static bool list_exact(const struct rounding_type *type, const char *text, struct buf *ret_text) {
    LH_AUTO(buf) struct buf list = BUF_INIT;
    for (const char *at = text; *at != '\0';) {
        size_t len = strcspn(at, "[],\"'");
        if (len == 0) {
            if (*at != '"' && *at != '\'')
                buf_append_char(&list, *at);
            at++;
            continue;
        }
        LH_AUTO(buf) struct buf element = BUF_INIT;
        const char *next = at + len;
        for (; len > 0 && *at == ' '; len--)
            at++;
        while (len > 0 && at[len - 1] == ' ')
            len--;
        buf_append(&element, at, len);
        if (len > 0 && strcasecmp(buf_cstr(&element), "null") == 0)
            buf_append_str(&list, "NULL");
        else if (len > 0 && !scalar_exact(type, buf_cstr(&element), &list))
            return false;
        at = next;
    }
    buf_append(ret_text, buf_cstr(&list), list.len);
    return true;
}

bool key_text_exact(const char *type, const char *text, struct buf *ret_text) {
    size_t len = strlen(type);
    size_t element = len;
    while (element > 0 && type[element - 1] == ']') {
        do
            element--;
        while (element > 0 && type[element] != '[');
    }
    const struct rounding_type rounding = rounding_of(type, element);
    bool is_list = element < len && rounding.rounding != ROUNDS_NOT;
    return is_list ? list_exact(&rounding, text, ret_text) : scalar_exact(&rounding, text, ret_text);
}
