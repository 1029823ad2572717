#include "demo/demo_internal.h"

#include <string.h>

void demo_append_csv(struct buf *out, const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        buf_append_str(out, text);
        return;
    }
    buf_append_char(out, '"');
    for (const char *quote; (quote = strchr(text, '"')); text = quote + 1) {
        buf_append(out, text, (size_t)(quote - text));
        buf_append(out, "\"\"", 2);
    }
    buf_append_str(out, text);
    buf_append_char(out, '"');
}

static void append_digits(struct buf *out, uint64_t value, int width) {
    char text[20];
    int at = (int)sizeof text;
    do {
        text[--at] = (char)('0' + value % 10);
        value /= 10;
        width--;
    } while (value > 0 || width > 0);
    buf_append(out, text + at, sizeof text - (size_t)at);
}

/* Civil date from a day number (H. Hinnant, "chrono-compatible low-level date algorithms"), for days after 1970. */
void demo_append_date(struct buf *out, int64_t day) {
    int64_t z = day + 719468, era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);
    append_digits(out, (uint64_t)year, 4);
    buf_append_char(out, '-');
    append_digits(out, (uint64_t)month, 2);
    buf_append_char(out, '-');
    append_digits(out, (uint64_t)(doy - (153 * mp + 2) / 5 + 1), 2);
}

void demo_append_timestamp(struct buf *out, int64_t day, int second) {
    demo_append_date(out, day);
    buf_append_char(out, ' ');
    append_digits(out, (uint64_t)(second / 3600), 2);
    buf_append_char(out, ':');
    append_digits(out, (uint64_t)(second / 60 % 60), 2);
    buf_append_char(out, ':');
    append_digits(out, (uint64_t)(second % 60), 2);
}

void demo_append_money(struct buf *out, int64_t cents) {
    append_digits(out, (uint64_t)(cents / 100), 1);
    buf_append_char(out, '.');
    append_digits(out, (uint64_t)(cents % 100), 2);
}

void demo_append_number(struct buf *out, uint64_t value) {
    append_digits(out, value, 1);
}
