#include "store/wal_format.h"

#include "base/hash.h"
#include "base/utf8.h"

#include <string.h>

#define FRAME_MAGIC UINT32_C(0x4352484c) /* "LHRC" */
static const char segment_magic[8] = {'L', 'H', 'W', 'A', 'L', '\r', '\n', '\x1a'};

/* Little-endian, whatever the machine. */
static void put_u32(unsigned char *at, uint32_t value) {
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static void put_u64(unsigned char *at, uint64_t value) {
    for (int i = 0; i < 8; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

static uint32_t get_u32(const unsigned char *at) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value |= (uint32_t)at[i] << (8 * i);
    return value;
}

static uint64_t get_u64(const unsigned char *at) {
    return (uint64_t)get_u32(at) | (uint64_t)get_u32(at + 4) << 32;
}

void wal_encode_segment_header(const struct wal_segment_header *header, unsigned char ret_bytes[WAL_SEGMENT_HEADER]) {
    memcpy(ret_bytes, segment_magic, sizeof segment_magic);
    put_u32(ret_bytes + 8, WAL_VERSION);
    put_u64(ret_bytes + 12, header->writer);
    put_u64(ret_bytes + 20, header->number);
    put_u64(ret_bytes + 28, (uint64_t)header->created_us);
    put_u32(ret_bytes + 36, lh_crc32c(0, ret_bytes, 36));
}

enum lh_code wal_decode_segment_header(const void *data, size_t len, struct wal_segment_header *ret_header,
                                       struct lh_err *err) {
    const unsigned char *bytes = data;
    if (len < WAL_SEGMENT_HEADER)
        return lh_fail(err, LH_CORRUPT, "the header of the segment is cut off at byte %zu", len);
    if (memcmp(bytes, segment_magic, sizeof segment_magic) != 0)
        return lh_fail(err, LH_CORRUPT, "the segment does not start as a log segment does");
    if (get_u32(bytes + 36) != lh_crc32c(0, bytes, 36))
        return lh_fail(err, LH_CORRUPT, "the header of the segment has a wrong checksum");
    if (get_u32(bytes + 8) != WAL_VERSION)
        return lh_fail(err, LH_UNSUPPORTED, "the segment has version %u; this program reads version %d",
                       get_u32(bytes + 8), WAL_VERSION);
    *ret_header = (struct wal_segment_header){
        .writer = get_u64(bytes + 12),
        .number = get_u64(bytes + 20),
        .created_us = (int64_t)get_u64(bytes + 28),
    };
    return LH_OK;
}

static size_t padding(size_t len) {
    return (WAL_ALIGN - len % WAL_ALIGN) % WAL_ALIGN;
}

size_t wal_frame_size(size_t payload_len) {
    return WAL_FRAME_HEADER + payload_len + padding(payload_len);
}

void wal_append_frame(const struct append_log_record *record, struct buf *out) {
    unsigned char header[WAL_FRAME_HEADER];
    put_u32(header, FRAME_MAGIC);
    put_u32(header + 4, (uint32_t)record->len);
    put_u64(header + 8, record->writer);
    put_u64(header + 16, record->sequence);
    put_u64(header + 24, (uint64_t)record->time_us);
    put_u32(header + 32, lh_crc32c(0, record->json, record->len));
    put_u32(header + 36, lh_crc32c(0, header, 36));
    buf_append(out, header, sizeof header);
    buf_append(out, record->json, record->len);
    buf_append(out, "\0\0\0\0\0\0\0", padding(record->len));
}

static bool has_control(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20)
            return true;
    return false;
}

enum lh_code wal_check_payload(const char *json, size_t len, struct lh_err *err) {
    if (len < 2 || json[0] != '{' || json[len - 1] != '}')
        return lh_fail(err, LH_INVALID, "a log record must be the text of a JSON object");
    if (has_control(json, len))
        return lh_fail(err, LH_INVALID, "a log record must not have control characters outside of escapes");
    if (!utf8_valid(json, len, NULL))
        return lh_fail(err, LH_INVALID, "a log record must be UTF-8");
    return LH_OK;
}

void wal_reader_init(struct wal_reader *r, const void *data, size_t len) {
    r->data = data;
    r->len = len;
    r->at = len < WAL_SEGMENT_HEADER ? len : WAL_SEGMENT_HEADER;
}

/* Is there a whole, sound frame at `at`? */
static bool frame_at(const struct wal_reader *r, size_t at, struct append_log_record *ret_record, size_t *ret_size) {
    if (r->len - at < WAL_FRAME_HEADER)
        return false;
    const unsigned char *header = r->data + at;
    if (get_u32(header) != FRAME_MAGIC || get_u32(header + 36) != lh_crc32c(0, header, 36))
        return false;
    size_t payload_len = get_u32(header + 4);
    if (payload_len > r->len - at - WAL_FRAME_HEADER ||
        padding(payload_len) > r->len - at - WAL_FRAME_HEADER - payload_len)
        return false;
    const char *payload = (const char *)header + WAL_FRAME_HEADER;
    struct lh_err ignored;
    if (get_u32(header + 32) != lh_crc32c(0, payload, payload_len) ||
        wal_check_payload(payload, payload_len, &ignored) != LH_OK ||
        !wal_numbers_good(get_u64(header + 16), (int64_t)get_u64(header + 24)))
        return false;
    *ret_record = (struct append_log_record){
        .writer = get_u64(header + 8),
        .sequence = get_u64(header + 16),
        .time_us = (int64_t)get_u64(header + 24),
        .json = payload,
        .len = payload_len,
    };
    *ret_size = wal_frame_size(payload_len);
    return true;
}

enum wal_step wal_reader_next(struct wal_reader *r, struct append_log_record *ret_record, size_t *ret_offset,
                              size_t *ret_bytes) {
    if (r->at == r->len)
        return WAL_END;
    size_t size = 0;
    *ret_offset = r->at;
    if (frame_at(r, r->at, ret_record, &size)) {
        *ret_bytes = size;
        r->at += size;
        return WAL_RECORD;
    }
    struct append_log_record ignored;
    for (size_t at = r->at + WAL_ALIGN; at < r->len; at += WAL_ALIGN)
        if (frame_at(r, at, &ignored, &size)) {
            *ret_bytes = at - r->at;
            r->at = at;
            return WAL_DAMAGE;
        }
    *ret_bytes = r->len - r->at;
    r->at = r->len;
    return WAL_TORN;
}
