/* Times as text.  A time is a count of microseconds since 1970-01-01T00:00:00Z, proleptic Gregorian calendar, no leap
 * seconds.  Pure functions, independent of locale and time zone; years 0001 to 9999. */
#ifndef LH_BASE_TIMEFMT_H
#define LH_BASE_TIMEFMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LH_TIME_SIZE 28      /* "2026-11-21T01:25:47.123456Z" and the terminator */
#define LH_HTTP_DATE_SIZE 30 /* "Sat, 21 Nov 2026 01:25:47 GMT" and the terminator */

struct lh_civil {
    int year, month, day;     /* month and day from 1 */
    int hour, minute, second; /* UTC */
    int microsecond;
    int weekday; /* 0 is Sunday */
};

void lh_civil_from_us(int64_t unix_us, struct lh_civil *ret_civil);
int64_t lh_us_from_civil(const struct lh_civil *civil); /* weekday is not read */

/* RFC 3339 in UTC with six decimals. */
void lh_time_format(int64_t unix_us, char ret_text[LH_TIME_SIZE]);
/* RFC 3339 with any offset and 0 to 9 decimals (beyond six are cut); 'T' or a space between; a date alone is midnight
 * UTC; a time without an offset is taken as UTC.  false where the text is anything else. */
bool lh_time_parse(const char *text, size_t len, int64_t *ret_unix_us);

/* RFC 9110 IMF-fixdate. */
void lh_http_date_format(int64_t unix_us, char ret_text[LH_HTTP_DATE_SIZE]);
bool lh_http_date_parse(const char *text, size_t len, int64_t *ret_unix_us); /* IMF-fixdate only */

#endif
