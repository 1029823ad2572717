#include "base/quantity.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_name(const char *text, size_t len, const char *name) {
    return strlen(name) == len && strncasecmp(text, name, len) == 0;
}

/* The number in front of a unit: digits with an optional fraction.  Nothing else that strtod would take (signs, hex,
 * exponents, infinities). */
static bool leading_number(const char *text, double *ret_number, const char **ret_unit) {
    size_t i = 0;
    while (is_digit(text[i]))
        i++;
    if (i == 0)
        return false;
    if (text[i] == '.' && is_digit(text[i + 1])) {
        i++;
        while (is_digit(text[i]))
            i++;
    }
    char number[40];
    if (i >= sizeof number)
        return false;
    memcpy(number, text, i);
    number[i] = '\0';
    *ret_number = strtod(number, NULL);
    while (text[i] == ' ')
        i++;
    *ret_unit = text + i;
    return true;
}

bool lh_size_parse(const char *text, uint64_t *ret_bytes) {
    static const char letters[] = "BKMGT";
    double number;
    const char *unit;
    if (!leading_number(text, &number, &unit))
        return false;
    double factor = 1;
    size_t len = strlen(unit);
    if (len > 0) {
        char first = (char)(unit[0] >= 'a' ? unit[0] - 32 : unit[0]);
        const char *at = strchr(letters, first);
        if (!at)
            return false;
        bool well_spelled =
            at == letters ? len == 1 : len == 1 || is_name(unit + 1, len - 1, "B") || is_name(unit + 1, len - 1, "iB");
        if (!well_spelled)
            return false;
        factor = ldexp(1, (int)(at - letters) * 10);
    }
    double bytes = number * factor;
    if (bytes > 0x1p62 || bytes != floor(bytes))
        return false;
    *ret_bytes = (uint64_t)bytes;
    return true;
}

bool lh_duration_parse(const char *text, int64_t *ret_ms) {
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    double number;
    const char *unit;
    if (!leading_number(text, &number, &unit))
        return false;
    for (size_t i = 0; i < LH_ARRAY_LEN(units); i++) {
        if (strcmp(unit, units[i].name) != 0)
            continue;
        double ms = number * units[i].ms;
        if (ms > 0x1p52 || ms != floor(ms))
            return false;
        *ret_ms = (int64_t)ms;
        return true;
    }
    return false;
}

bool lh_int_parse(const char *text, int64_t *ret_value) {
    const char *digits = text + (*text == '-' || *text == '+');
    if (!is_digit(*digits))
        return false;
    errno = 0;
    char *end;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || *end)
        return false;
    *ret_value = value;
    return true;
}

void lh_size_format(uint64_t bytes, struct buf *out) {
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    double amount = (double)bytes;
    size_t unit = 0;
    while (amount >= 1023.95 && unit + 1 < LH_ARRAY_LEN(units)) {
        amount /= 1024;
        unit++;
    }
    bool whole = fabs(amount - round(amount)) < 0.05;
    buf_printf(out, "%.*f %s", whole ? 0 : 1, amount, units[unit]);
}

void lh_duration_format(int64_t ms, struct buf *out) {
    if (ms < 1000)
        buf_printf(out, "%" PRId64 " ms", ms);
    else if (ms < 60000)
        buf_printf(out, "%" PRId64 ".%02" PRId64 " s", ms / 1000, ms % 1000 / 10);
    else if (ms < 3600000)
        buf_printf(out, "%" PRId64 " min %" PRId64 " s", ms / 60000, ms % 60000 / 1000);
    else
        buf_printf(out, "%" PRId64 " h %" PRId64 " min", ms / 3600000, ms % 3600000 / 60000);
}

void lh_count_format(uint64_t count, struct buf *out) {
    if (count >= 1000) {
        lh_count_format(count / 1000, out);
        buf_printf(out, ",%03" PRIu64, count % 1000);
    } else {
        buf_printf(out, "%" PRIu64, count);
    }
}
