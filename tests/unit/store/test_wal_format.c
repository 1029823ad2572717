/* The bytes of the log, held to golden files that another implementation of docs/formats/wal.md wrote. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "store/batch_format.h"
#include "store/wal_format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define WRITER UINT64_C(0x0123456789abcdef)
#define START INT64_C(1763688000000000)

static const struct {
    uint64_t sequence;
    int64_t time_us;
    const char *json;
} golden[] = {
    {1, START + 1, "{\"n\":0}"},
    {2, START + 2, "{\"bucket\":\"archive\",\"message\":\"Ger\xc3\xa4t voll\"}"},
    {3, START + 3, "{}"},
    {5, START + 10, "{\"n\":4}"},
};
enum { GOLDEN = sizeof golden / sizeof golden[0] };

static struct append_log_record golden_record(size_t i) {
    return (struct append_log_record){.writer = WRITER,
                                      .sequence = golden[i].sequence,
                                      .time_us = golden[i].time_us,
                                      .json = golden[i].json,
                                      .len = strlen(golden[i].json)};
}

static void read_golden(const char *name, struct buf *ret_data) {
    struct lh_err err;
    LH_AUTO(mem) char *path = lh_asprintf("%s/tests/golden/wal/%s", LH_TEST_SOURCE_DIR, name);
    if (os_read_file(os_real(), AT_FDCWD, path, 1 << 20, ret_data, &err) != LH_OK)
        fail_msg("%s", err.message);
}

static void expect_record(const struct append_log_record *record, size_t i) {
    assert_int_equal(record->writer, WRITER);
    assert_int_equal(record->sequence, golden[i].sequence);
    assert_int_equal(record->time_us, golden[i].time_us);
    assert_int_equal(record->len, strlen(golden[i].json));
    assert_memory_equal(record->json, golden[i].json, record->len);
}

static void test_segment_bytes(void **state) {
    (void)state;
    LH_AUTO(buf) struct buf want = BUF_INIT;
    LH_AUTO(buf) struct buf made = BUF_INIT;
    read_golden("version-1.wal", &want);
    unsigned char header[WAL_SEGMENT_HEADER];
    wal_encode_segment_header(&(struct wal_segment_header){.writer = WRITER, .number = 7, .created_us = START}, header);
    buf_append(&made, header, sizeof header);
    for (size_t i = 0; i < GOLDEN; i++) {
        struct append_log_record record = golden_record(i);
        wal_append_frame(&record, &made);
    }
    assert_int_equal(made.len, want.len);
    assert_memory_equal(made.data, want.data, want.len);
}

static void test_segment_is_read(void **state) {
    (void)state;
    struct lh_err err;
    LH_AUTO(buf) struct buf data = BUF_INIT;
    read_golden("version-1.wal", &data);
    struct wal_segment_header header;
    assert_int_equal(wal_decode_segment_header(data.data, data.len, &header, &err), LH_OK);
    assert_int_equal(header.writer, WRITER);
    assert_int_equal(header.number, 7);
    assert_int_equal(header.created_us, START);
    struct wal_reader reader;
    struct append_log_record record;
    size_t offset = 0;
    size_t bytes = 0;
    wal_reader_init(&reader, data.data, data.len);
    for (size_t i = 0; i < GOLDEN; i++) {
        assert_int_equal(wal_reader_next(&reader, &record, &offset, &bytes), WAL_RECORD);
        expect_record(&record, i);
        assert_int_equal(bytes, wal_frame_size(record.len));
    }
    assert_int_equal(wal_reader_next(&reader, &record, &offset, &bytes), WAL_END);
}

static void test_damaged_and_torn(void **state) {
    (void)state;
    struct wal_reader reader;
    struct append_log_record record;
    size_t offset = 0;
    size_t bytes = 0;
    LH_AUTO(buf) struct buf damaged = BUF_INIT;
    read_golden("version-1-damaged.wal", &damaged);
    wal_reader_init(&reader, damaged.data, damaged.len);
    assert_int_equal(wal_reader_next(&reader, &record, &offset, &bytes), WAL_RECORD);
    assert_int_equal(wal_reader_next(&reader, &record, &offset, &bytes), WAL_DAMAGE);
    assert_int_equal(offset, WAL_SEGMENT_HEADER + wal_frame_size(7));
    assert_int_equal(bytes, wal_frame_size(strlen(golden[1].json)));
    assert_int_equal(wal_reader_next(&reader, &record, &offset, &bytes), WAL_RECORD);
    expect_record(&record, 2);

    LH_AUTO(buf) struct buf torn = BUF_INIT;
    read_golden("version-1-torn.wal", &torn);
    wal_reader_init(&reader, torn.data, torn.len);
    for (size_t i = 0; i < GOLDEN - 1; i++)
        assert_int_equal(wal_reader_next(&reader, &record, &offset, &bytes), WAL_RECORD);
    assert_int_equal(wal_reader_next(&reader, &record, &offset, &bytes), WAL_TORN);
    assert_int_equal(offset + bytes, torn.len);
    assert_int_equal(wal_reader_next(&reader, &record, &offset, &bytes), WAL_END);
}

/* A client's text that holds a whole frame cannot pass for one when what stands before it is damaged. */
static void test_forged_frame(void **state) {
    (void)state;
    struct lh_err err;
    LH_AUTO(buf) struct buf frame = BUF_INIT;
    struct append_log_record record = golden_record(0);
    wal_append_frame(&record, &frame);
    LH_AUTO(buf) struct buf payload = BUF_INIT;
    buf_append_str(&payload, "{\"m\":\"");
    buf_append(&payload, frame.data, frame.len);
    buf_append_str(&payload, "\"}");
    assert_int_equal(wal_check_payload(payload.data, payload.len, &err), LH_INVALID);
}

static void test_headers(void **state) {
    (void)state;
    struct lh_err err;
    struct wal_segment_header header;
    LH_AUTO(buf) struct buf data = BUF_INIT;
    read_golden("version-1.wal", &data);
    for (size_t len = 0; len < WAL_SEGMENT_HEADER; len++)
        assert_int_equal(wal_decode_segment_header(data.data, len, &header, &err), LH_CORRUPT);
    for (size_t at = 0; at < WAL_SEGMENT_HEADER; at++) {
        data.data[at] ^= 1;
        assert_int_equal(wal_decode_segment_header(data.data, data.len, &header, &err), LH_CORRUPT);
        data.data[at] ^= 1;
    }
}

static void test_batch_bytes(void **state) {
    (void)state;
    LH_AUTO(buf) struct buf want = BUF_INIT;
    LH_AUTO(buf) struct buf made = BUF_INIT;
    read_golden("version-1.jsonl", &want);
    for (size_t i = 0; i < GOLDEN; i++) {
        struct append_log_record record = golden_record(i);
        batch_append_line(&record, &made);
    }
    assert_string_equal(made.data, want.data);

    struct batch_reader reader;
    struct append_log_record record;
    bool good = false;
    batch_reader_init(&reader, want.data, want.len);
    for (size_t i = 0; i < GOLDEN; i++) {
        assert_true(batch_reader_next(&reader, &record, &good));
        assert_true(good);
        expect_record(&record, i);
    }
    assert_false(batch_reader_next(&reader, &record, &good));
    batch_reader_deinit(&reader);
}

/* Any one bit wrong, any cut: exactly the lines that were hit are damaged. */
static void test_batch_damage(void **state) {
    (void)state;
    LH_AUTO(buf) struct buf data = BUF_INIT;
    read_golden("version-1.jsonl", &data);
    for (size_t at = 0; at < data.len; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            data.data[at] = (char)(data.data[at] ^ 1 << bit);
            struct batch_reader reader;
            struct append_log_record record;
            bool good = false;
            size_t good_lines = 0;
            batch_reader_init(&reader, data.data, data.len);
            while (batch_reader_next(&reader, &record, &good))
                good_lines += good;
            batch_reader_deinit(&reader);
            data.data[at] = (char)(data.data[at] ^ 1 << bit);
            if (good_lines != GOLDEN - 1 && !(data.data[at] == '\n' && good_lines == GOLDEN - 2) &&
                !(at + 1 == data.len && good_lines == GOLDEN - 1))
                fail_msg("bit %u of byte %zu: %zu good lines", bit, at, good_lines);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segment_bytes),    cmocka_unit_test(test_segment_is_read),
        cmocka_unit_test(test_damaged_and_torn), cmocka_unit_test(test_forged_frame),
        cmocka_unit_test(test_headers),          cmocka_unit_test(test_batch_bytes),
        cmocka_unit_test(test_batch_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
