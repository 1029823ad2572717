/* The bytes of a write-once batch: JSON lines, docs/formats/wal.md.  One line a record:
 *     {"_id":"<writer, 16 hex digits>-<sequence>","_time_us":<time>,"_crc":"<8 hex digits>",<members of the record>}
 * Pure functions over memory; nothing here trusts its input. */
#ifndef LH_STORE_BATCH_FORMAT_H
#define LH_STORE_BATCH_FORMAT_H

#include "base/buf.h"
#include "store/append_log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void batch_append_line(const struct append_log_record *record, struct buf *out);

struct batch_reader {
    const char *data;
    size_t len;
    size_t at;
    size_t line;     /* of the last step, from 1 */
    struct buf json; /* of the last record */
};

void batch_reader_init(struct batch_reader *r, const void *data, size_t len);
void batch_reader_deinit(struct batch_reader *r);
/* The next line.  false at the end.  *ret_good false: the line is damaged, `ret_record` untouched.  The record's text is
 * NUL-terminated and lives until the next call. */
bool batch_reader_next(struct batch_reader *r, struct append_log_record *ret_record, bool *ret_good);

#endif
