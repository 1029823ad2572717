/* The readers of the log: a segment and a batch of any bytes.  Whatever they accept must be written back as it stood. */
#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "store/batch_format.h"
#include "store/wal_format.h"

#include <string.h>

static void walk_segment(const uint8_t *data, size_t size) {
    struct wal_segment_header header;
    struct lh_err err;
    if (wal_decode_segment_header(data, size, &header, &err) == LH_OK) {
        unsigned char again[WAL_SEGMENT_HEADER];
        wal_encode_segment_header(&header, again);
        FUZZ_CHECK(memcmp(again, data, sizeof again) == 0);
    }
    struct wal_reader reader;
    struct append_log_record record;
    size_t offset = 0;
    size_t bytes = 0;
    size_t at = size < WAL_SEGMENT_HEADER ? size : WAL_SEGMENT_HEADER;
    wal_reader_init(&reader, data, size);
    for (;;) {
        enum wal_step step = wal_reader_next(&reader, &record, &offset, &bytes);
        if (step == WAL_END)
            break;
        FUZZ_CHECK(offset == at && bytes > 0); /* every byte is told of once, in order */
        at += bytes;
        FUZZ_CHECK(step != WAL_RECORD || bytes == wal_frame_size(record.len));
    }
    FUZZ_CHECK(at == size);
}

static void walk_batch(const uint8_t *data, size_t size) {
    struct batch_reader reader;
    struct append_log_record record;
    bool good = false;
    batch_reader_init(&reader, data, size);
    while (batch_reader_next(&reader, &record, &good)) {
        if (!good)
            continue;
        struct buf line = BUF_INIT;
        batch_append_line(&record, &line);
        struct batch_reader again;
        struct append_log_record copy;
        batch_reader_init(&again, line.data, line.len);
        FUZZ_CHECK(batch_reader_next(&again, &copy, &good) && good);
        FUZZ_CHECK(copy.writer == record.writer && copy.sequence == record.sequence && copy.time_us == record.time_us);
        batch_reader_deinit(&again);
        buf_release(&line);
    }
    batch_reader_deinit(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    walk_segment(data, size);
    walk_batch(data, size);
    return 0;
}
