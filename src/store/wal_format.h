/* The bytes of the local write-ahead log: docs/formats/wal.md.  Pure functions over memory; nothing here trusts its
 * input. */
#ifndef LH_STORE_WAL_FORMAT_H
#define LH_STORE_WAL_FORMAT_H

#include "base/buf.h"
#include "base/error.h"
#include "store/append_log.h"

#include <stddef.h>
#include <stdint.h>

#define WAL_VERSION 1
#define WAL_SEGMENT_HEADER 40
#define WAL_FRAME_HEADER 40
#define WAL_ALIGN 8
#define WAL_TIME_MAX INT64_C(9999999999999999) /* the names of batches have 16 digits: until the year 2286 */

/* Numbers that a record can have; others are damage. */
static inline bool wal_numbers_good(uint64_t sequence, int64_t time_us) {
    return sequence > 0 && time_us >= 0 && time_us <= WAL_TIME_MAX;
}

struct wal_segment_header {
    uint64_t writer;
    uint64_t number;
    int64_t created_us;
};

void wal_encode_segment_header(const struct wal_segment_header *header, unsigned char ret_bytes[WAL_SEGMENT_HEADER]);
/* LH_CORRUPT; LH_UNSUPPORTED for a version of the future. */
LH_CHECKED enum lh_code wal_decode_segment_header(const void *data, size_t len, struct wal_segment_header *ret_header,
                                                  struct lh_err *err);

void wal_append_frame(const struct append_log_record *record, struct buf *out);
size_t wal_frame_size(size_t payload_len);

/* A payload is text without control characters; so the zero bytes of a frame's header cannot stand in one, and looking for
 * the next frame behind damage cannot be misled by what a client wrote. */
LH_CHECKED enum lh_code wal_check_payload(const char *json, size_t len, struct lh_err *err);

enum wal_step {
    WAL_RECORD, /* *ret_record, pointing into the data; json is not NUL-terminated */
    WAL_DAMAGE, /* bytes that are no frame, with a whole frame behind them */
    WAL_TORN,   /* bytes that are no whole frame, and nothing whole behind them: the end */
    WAL_END,
};

struct wal_reader {
    const unsigned char *data;
    size_t len;
    size_t at;
};

/* Start behind the segment header. */
void wal_reader_init(struct wal_reader *r, const void *data, size_t len);
/* The next step; *ret_offset and *ret_bytes tell the place of the record, the damage or the torn end. */
enum wal_step wal_reader_next(struct wal_reader *r, struct append_log_record *ret_record, size_t *ret_offset,
                              size_t *ret_bytes);

#endif
