#include "store/batch_format.h"

#include "base/hash.h"
#include "store/wal_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ID_PREFIX "{\"_id\":\""
#define TIME_PREFIX "\",\"_time_us\":"
#define CRC_PREFIX ",\"_crc\":\""
#define CRC_SUFFIX "\""

/* What follows the envelope: ",members}" or "}". */
static void append_rest(const struct append_log_record *record, struct buf *out) {
    size_t first = 1;
    while (first < record->len && record->json[first] == ' ')
        first++;
    if (record->json[first] != '}')
        buf_append_char(out, ',');
    buf_append(out, record->json + first, record->len - first);
}

void batch_append_line(const struct append_log_record *record, struct buf *out) {
    size_t start = out->len;
    buf_printf(out, ID_PREFIX "%016" PRIx64 "-%" PRIu64 TIME_PREFIX "%" PRId64, record->writer, record->sequence,
               record->time_us);
    uint32_t crc = lh_crc32c(0, out->data + start, out->len - start);
    buf_append_str(out, CRC_PREFIX "00000000" CRC_SUFFIX);
    size_t rest = out->len;
    append_rest(record, out);
    crc = lh_crc32c(crc, out->data + rest, out->len - rest);
    char digits[9];
    snprintf(digits, sizeof digits, "%08" PRIx32, crc);
    memcpy(out->data + rest - strlen(CRC_SUFFIX) - 8, digits, 8);
    buf_append_char(out, '\n');
}

void batch_reader_init(struct batch_reader *r, const void *data, size_t len) {
    *r = (struct batch_reader){.data = data, .len = len};
}

void batch_reader_deinit(struct batch_reader *r) {
    buf_release(&r->json);
}

static bool skip(const char **at, const char *end, const char *text) {
    size_t len = strlen(text);
    if ((size_t)(end - *at) < len || memcmp(*at, text, len) != 0)
        return false;
    *at += len;
    return true;
}

/* Digits of `base` 10 or 16, exactly as many as `digits` (0: 1 to 19), no sign. */
static bool take_number(const char **at, const char *end, unsigned base, size_t digits, uint64_t *ret_value) {
    uint64_t value = 0;
    size_t count = 0;
    for (; *at < end && count < (digits ? digits : 19); ++*at, count++) {
        char c = **at;
        unsigned digit = c >= '0' && c <= '9'                 ? (unsigned)(c - '0')
                         : base == 16 && c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                              : base;
        if (digit == base)
            break;
        value = value * base + digit;
    }
    *ret_value = value;
    return digits ? count == digits : count > 0;
}

static bool parse_line(struct batch_reader *r, const char *line, size_t len, struct append_log_record *ret_record) {
    const char *at = line;
    const char *end = line + len;
    uint64_t writer = 0;
    uint64_t sequence = 0;
    uint64_t time_us = 0;
    uint64_t crc = 0;
    if (!skip(&at, end, ID_PREFIX) || !take_number(&at, end, 16, 16, &writer) || !skip(&at, end, "-") ||
        !take_number(&at, end, 10, 0, &sequence) || !skip(&at, end, TIME_PREFIX) ||
        !take_number(&at, end, 10, 0, &time_us))
        return false;
    uint32_t actual = lh_crc32c(0, line, (size_t)(at - line));
    if (!skip(&at, end, CRC_PREFIX) || !take_number(&at, end, 16, 8, &crc) || !skip(&at, end, CRC_SUFFIX) || at == end)
        return false;
    if (lh_crc32c(actual, at, (size_t)(end - at)) != crc || (*at != ',' && *at != '}'))
        return false;
    buf_reset(&r->json);
    buf_append_char(&r->json, '{');
    at += *at == ',';
    buf_append(&r->json, at, (size_t)(end - at));
    struct lh_err ignored;
    if (wal_check_payload(r->json.data, r->json.len, &ignored) != LH_OK ||
        !wal_numbers_good(sequence, (int64_t)time_us))
        return false;
    *ret_record = (struct append_log_record){
        .writer = writer, .sequence = sequence, .time_us = (int64_t)time_us, .json = r->json.data, .len = r->json.len};
    return true;
}

bool batch_reader_next(struct batch_reader *r, struct append_log_record *ret_record, bool *ret_good) {
    if (r->at == r->len)
        return false;
    const char *line = r->data + r->at;
    const char *newline = memchr(line, '\n', r->len - r->at);
    size_t len = newline ? (size_t)(newline - line) : r->len - r->at;
    r->at += len + (newline != NULL);
    r->line++;
    *ret_good = newline && parse_line(r, line, len, ret_record);
    return true;
}
