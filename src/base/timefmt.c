#include "base/timefmt.h"

#include <string.h>

#define US_PER_SECOND INT64_C(1000000)
#define US_PER_DAY (INT64_C(86400) * US_PER_SECOND)

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/* Days since 1970-01-01.  The year is taken to begin in March, so that the leap day is its last; an era is 400 years,
 * 146,097 days.  719,468 days lie between 0000-03-01 and 1970-01-01. */
static int64_t days_from_date(int year, int month, int day) {
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, struct lh_civil *civil) {
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    civil->day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    civil->month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    civil->year = (int)(year_of_era + era * 400 + (civil->month <= 2));
}

void lh_civil_from_us(int64_t unix_us, struct lh_civil *ret_civil) {
    int64_t days = unix_us / US_PER_DAY;
    int64_t rest = unix_us % US_PER_DAY;
    if (rest < 0) {
        rest += US_PER_DAY;
        days--;
    }
    struct lh_civil civil = {0};
    date_from_days(days, &civil);
    int64_t seconds = rest / US_PER_SECOND;
    civil.hour = (int)(seconds / 3600);
    civil.minute = (int)(seconds / 60 % 60);
    civil.second = (int)(seconds % 60);
    civil.microsecond = (int)(rest % US_PER_SECOND);
    civil.weekday = (int)(((days + 4) % 7 + 7) % 7); /* the epoch was a Thursday */
    *ret_civil = civil;
}

int64_t lh_us_from_civil(const struct lh_civil *civil) {
    int64_t seconds = days_from_date(civil->year, civil->month, civil->day) * 86400 + civil->hour * 3600 +
                      civil->minute * 60 + civil->second;
    return seconds * US_PER_SECOND + civil->microsecond;
}

/* Times outside the years that the text forms can hold are shown as the nearest that they can. */
static void clamped_civil(int64_t unix_us, struct lh_civil *ret_civil) {
    const int64_t first = days_from_date(1, 1, 1) * US_PER_DAY;
    const int64_t last = days_from_date(10000, 1, 1) * US_PER_DAY - 1;
    lh_civil_from_us(unix_us < first ? first : unix_us > last ? last : unix_us, ret_civil);
}

static void put_digits(char *at, int value, int digits) {
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
}

void lh_time_format(int64_t unix_us, char ret_text[LH_TIME_SIZE]) {
    struct lh_civil c;
    clamped_civil(unix_us, &c);
    memcpy(ret_text, "0000-00-00T00:00:00.000000Z", LH_TIME_SIZE);
    put_digits(ret_text, c.year, 4);
    put_digits(ret_text + 5, c.month, 2);
    put_digits(ret_text + 8, c.day, 2);
    put_digits(ret_text + 11, c.hour, 2);
    put_digits(ret_text + 14, c.minute, 2);
    put_digits(ret_text + 17, c.second, 2);
    put_digits(ret_text + 20, c.microsecond, 6);
}

void lh_http_date_format(int64_t unix_us, char ret_text[LH_HTTP_DATE_SIZE]) {
    struct lh_civil c;
    clamped_civil(unix_us, &c);
    memcpy(ret_text, "Day, 00 Mon 0000 00:00:00 GMT", LH_HTTP_DATE_SIZE);
    memcpy(ret_text, day_names[c.weekday], 3);
    put_digits(ret_text + 5, c.day, 2);
    memcpy(ret_text + 8, month_names[c.month - 1], 3);
    put_digits(ret_text + 12, c.year, 4);
    put_digits(ret_text + 17, c.hour, 2);
    put_digits(ret_text + 20, c.minute, 2);
    put_digits(ret_text + 23, c.second, 2);
}

/* What is still to be read; every take_ fails by returning false and leaves the rest unspecified. */
struct rest {
    const char *at;
    const char *end;
};

static bool take_char(struct rest *r, char c) {
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool take_digits(struct rest *r, int digits, int *ret_value) {
    int value = 0;
    if (r->end - r->at < digits)
        return false;
    for (int i = 0; i < digits; i++, r->at++) {
        if (*r->at < '0' || *r->at > '9')
            return false;
        value = value * 10 + (*r->at - '0');
    }
    *ret_value = value;
    return true;
}

static int days_in_month(int year, int month) {
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

static bool valid_civil(const struct lh_civil *c) {
    return c->year >= 1 && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= days_in_month(c->year, c->month) && c->hour <= 23 && c->minute <= 59 && c->second <= 59;
}

/* ".123456789": six digits count. */
static bool take_fraction(struct rest *r, int *ret_microsecond) {
    int value = 0;
    int digits = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++, digits++)
        if (digits < 6)
            value = value * 10 + (*r->at - '0');
    if (digits == 0 || digits > 9)
        return false;
    for (int i = digits; i < 6; i++)
        value *= 10;
    *ret_microsecond = value;
    return true;
}

/* "Z", "+02:00", "-0530" or nothing. */
static bool take_offset(struct rest *r, int64_t *ret_minutes) {
    *ret_minutes = 0;
    if (r->at == r->end || take_char(r, 'Z') || take_char(r, 'z'))
        return true;
    bool west = *r->at == '-';
    int hours;
    int minutes;
    if (!take_char(r, '-') && !take_char(r, '+'))
        return false;
    if (!take_digits(r, 2, &hours))
        return false;
    (void)take_char(r, ':');
    if (!take_digits(r, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *ret_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

bool lh_time_parse(const char *text, size_t len, int64_t *ret_unix_us) {
    struct rest r = {text, text + len};
    struct lh_civil c = {0};
    int64_t offset = 0;
    if (!take_digits(&r, 4, &c.year) || !take_char(&r, '-') || !take_digits(&r, 2, &c.month) || !take_char(&r, '-') ||
        !take_digits(&r, 2, &c.day))
        return false;
    if (r.at < r.end) {
        if (!take_char(&r, 'T') && !take_char(&r, 't') && !take_char(&r, ' '))
            return false;
        if (!take_digits(&r, 2, &c.hour) || !take_char(&r, ':') || !take_digits(&r, 2, &c.minute) ||
            !take_char(&r, ':') || !take_digits(&r, 2, &c.second))
            return false;
        if (take_char(&r, '.') && !take_fraction(&r, &c.microsecond))
            return false;
        if (!take_offset(&r, &offset))
            return false;
    }
    if (r.at != r.end || !valid_civil(&c))
        return false;
    int64_t unix_us = lh_us_from_civil(&c) - offset * 60 * US_PER_SECOND;
    struct lh_civil utc; /* an offset can lead out of the years that have a form */
    lh_civil_from_us(unix_us, &utc);
    if (utc.year < 1 || utc.year > 9999)
        return false;
    *ret_unix_us = unix_us;
    return true;
}

static bool take_name(struct rest *r, const char (*names)[4], int count, int *ret_index) {
    for (int i = 0; i < count && r->end - r->at >= 3; i++) {
        if (memcmp(r->at, names[i], 3) == 0) {
            r->at += 3;
            *ret_index = i;
            return true;
        }
    }
    return false;
}

bool lh_http_date_parse(const char *text, size_t len, int64_t *ret_unix_us) {
    struct rest r = {text, text + len};
    struct lh_civil c = {0};
    int month = 0;
    bool shaped = take_name(&r, day_names, 7, &c.weekday) && take_char(&r, ',') && take_char(&r, ' ') &&
                  take_digits(&r, 2, &c.day) && take_char(&r, ' ') && take_name(&r, month_names, 12, &month) &&
                  take_char(&r, ' ') && take_digits(&r, 4, &c.year) && take_char(&r, ' ') &&
                  take_digits(&r, 2, &c.hour) && take_char(&r, ':') && take_digits(&r, 2, &c.minute) &&
                  take_char(&r, ':') && take_digits(&r, 2, &c.second);
    c.month = month + 1;
    if (!shaped || r.end - r.at != 4 || memcmp(r.at, " GMT", 4) != 0 || !valid_civil(&c))
        return false;
    *ret_unix_us = lh_us_from_civil(&c);
    return true;
}
