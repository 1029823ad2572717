#include "engine/worker/value_text.h"

#define MICROS_PER_SECOND INT64_C(1000000)

static const int64_t units_per_second[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};

static char *put_two(char *at, unsigned v) {
    at[0] = (char)('0' + v / 10);
    at[1] = (char)('0' + v % 10);
    return at + 2;
}

static char *put_padded(char *at, uint64_t v, unsigned digits) {
    for (unsigned i = digits; i-- > 0; v /= 10)
        at[i] = (char)('0' + v % 10);
    return at + digits;
}

static char *put_year(char *at, int64_t year) {
    if (year >= 0 && year <= 9999)
        return put_padded(at, (uint64_t)year, 4);
    uint64_t magnitude = year < 0 ? (uint64_t)-year : (uint64_t)year;
    *at++ = year < 0 ? '-' : '+';
    return put_padded(at, magnitude, magnitude > 999999 ? 7 : 6);
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar.  Counted in 400-year eras of years that begin on 1
 * March, so that the leap day is the last of its year; "chrono-Compatible Low-Level Date Algorithms", H. Hinnant,
 * civil_from_days. */
static char *put_civil(char *at, int64_t days) {
    int64_t shifted = days + 719468; /* since 0000-03-01 */
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    unsigned day_of_era = (unsigned)(shifted - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned march_month = (5 * day_of_year + 2) / 153;
    unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;

    at = put_year(at, era * 400 + year_of_era + (month <= 2));
    *at++ = '-';
    at = put_two(at, month);
    *at++ = '-';
    return put_two(at, day_of_year - (153 * march_month + 2) / 5 + 1);
}

static char *put_infinity(char *at, bool negative) {
    const char *text = negative ? "-infinity" : "infinity";
    size_t len = strlen(text);
    memcpy(at, text, len);
    return at + len;
}

char *value_put_date(char *at, int32_t days) {
    if (days == INT32_MAX || days == -INT32_MAX)
        return put_infinity(at, days < 0);
    return put_civil(at, days);
}

static char *put_clock(char *at, uint64_t seconds) {
    at = put_padded(at, seconds / 3600, seconds >= 360000 ? 3 : 2);
    *at++ = ':';
    at = put_two(at, (unsigned)(seconds / 60 % 60));
    *at++ = ':';
    return put_two(at, (unsigned)(seconds % 60));
}

char *value_put_time(char *at, int64_t units, unsigned digits) {
    uint64_t per_second = (uint64_t)units_per_second[digits];
    at = put_clock(at, (uint64_t)units / per_second);
    if (digits == 0)
        return at;
    *at++ = '.';
    return put_padded(at, (uint64_t)units % per_second, digits);
}

char *value_put_time_tz(char *at, uint64_t bits) {
    /* 40 bits of microseconds, then 24 bits that fall as the offset rises (so that stored values sort by instant). */
    const int max_offset = 16 * 60 * 60 - 1;
    int offset = max_offset - (int)(bits & 0xffffff);
    at = value_put_time(at, (int64_t)(bits >> 24), 6);
    *at++ = offset < 0 ? '-' : '+';
    unsigned seconds = (unsigned)(offset < 0 ? -offset : offset);
    at = put_two(at, seconds / 3600);
    *at++ = ':';
    at = put_two(at, seconds / 60 % 60);
    if (seconds % 60 == 0)
        return at;
    *at++ = ':';
    return put_two(at, seconds % 60);
}

char *value_put_timestamp(char *at, int64_t units, unsigned digits) {
    if (units == INT64_MAX || units == -INT64_MAX)
        return put_infinity(at, units < 0);
    int64_t per_day = 86400 * units_per_second[digits];
    int64_t days = units / per_day, in_day = units % per_day;
    if (in_day < 0) {
        in_day += per_day;
        days--;
    }
    at = put_civil(at, days);
    *at++ = 'T';
    return value_put_time(at, in_day, digits);
}

static char *put_count(char *at, int64_t count, const char *unit) {
    if (count == 0)
        return at;
    at = value_put_int64(at, count);
    *at++ = ' ';
    size_t len = strlen(unit);
    memcpy(at, unit, len);
    at += len;
    if (count != 1 && count != -1)
        *at++ = 's';
    *at++ = ' ';
    return at;
}

char *value_put_interval(char *at, const duckdb_interval *v) {
    char *start = at;
    at = put_count(at, v->months / 12, "year");
    at = put_count(at, v->months % 12, "month");
    at = put_count(at, v->days, "day");
    if (v->micros == 0 && at != start)
        return at - 1;
    if (v->micros < 0)
        *at++ = '-';
    uint64_t micros = v->micros < 0 ? -(uint64_t)v->micros : (uint64_t)v->micros;
    uint64_t seconds = micros / (uint64_t)MICROS_PER_SECOND, fraction = micros % (uint64_t)MICROS_PER_SECOND;
    uint64_t hours = seconds / 3600;
    if (hours < 10)
        *at++ = '0';
    at = value_put_uint64(at, hours);
    *at++ = ':';
    at = put_two(at, (unsigned)(seconds / 60 % 60));
    *at++ = ':';
    at = put_two(at, (unsigned)(seconds % 60));
    if (fraction == 0)
        return at;
    *at++ = '.';
    at = put_padded(at, fraction, 6);
    while (at[-1] == '0')
        at--;
    return at;
}

char *value_put_uuid(char *at, column_uint128 stored) {
    static const char hex[] = "0123456789abcdef";
    column_uint128 bits = stored ^ (column_uint128)1
                                       << 127; /* stored with the top bit flipped, to sort as a signed number */
    for (int nibble = 31; nibble >= 0; nibble--) {
        *at++ = hex[(unsigned)(bits >> nibble * 4) & 15];
        if (nibble == 24 || nibble == 20 || nibble == 16 || nibble == 12)
            *at++ = '-';
    }
    return at;
}
