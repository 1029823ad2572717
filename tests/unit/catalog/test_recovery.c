/* Starting from what is stored: whole, torn, flipped, with gaps, from newer releases; and the stored forms themselves. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "catalog/commit_log.h"
#include "catalog/commit_record.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/os.h"
#include "store/object_store.h"
#include "twin/checkpoint_text.h"
#include "twin/object_store_faulty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CREATED 25
#define CHECKPOINT_EVERY 10

static void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s (%s)", lh_code_name(code), err->message, err->detail);
}

struct fixture {
    struct object_store *store;
    unsigned notices;
};

static void count_notice(void *ctx, enum lh_code code, const char *text) {
    (void)code;
    (void)text;
    ((struct fixture *)ctx)->notices++;
}

static enum lh_code try_open(struct fixture *f, bool checkpoints, struct catalog **ret, struct lh_err *err) {
    return catalog_open(&(struct catalog_options){.os = os_real(),
                                                  .store = f->store,
                                                  .codec = checkpoints ? &checkpoint_text_codec : NULL,
                                                  .checkpoint_every = CHECKPOINT_EVERY,
                                                  .notice = count_notice,
                                                  .notice_ctx = f},
                        ret, err);
}

static struct catalog *open_catalog(struct fixture *f) {
    struct lh_err err = LH_ERR_INIT;
    struct catalog *c = NULL;
    ok(try_open(f, true, &c, &err), &err);
    return c;
}

static enum lh_code create(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                           struct lh_err *err) {
    (void)base;
    (void)err;
    catalog_txn_put(txn, manifest_new(ctx));
    return LH_OK;
}

static enum lh_code commit_named(struct catalog *c, const char *name, struct lh_err *err) {
    struct catalog_change change = {
        .operation = "test", .actor = "tester", .idempotency_key = name, .fn = create, .ctx = (void *)(uintptr_t)name};
    struct catalog_commit done;
    return catalog_commit(c, &change, &done, err);
}

static void wait_for(struct fixture *f, const char *key) {
    struct lh_err err = LH_ERR_INIT;
    struct object_info info;
    for (int i = 0; i < 1000 && object_head(f->store, key, &info, &err) != LH_OK; i++)
        os_sleep_ms(os_real(), 5);
    ok(object_head(f->store, key, &info, &err), &err);
}

/* CREATED datasets, checkpoints at 10 and 20. */
static int set_up(void **state) {
    struct fixture *f = lh_calloc(1, sizeof *f);
    f->store = object_store_new_faulty();
    struct catalog *c = open_catalog(f);
    for (int i = 1; i <= CREATED; i++) {
        struct lh_err err = LH_ERR_INIT;
        char name[16];
        snprintf(name, sizeof name, "t%02d", i);
        ok(commit_named(c, name, &err), &err);
        char key[COMMIT_LOG_KEY_SIZE];
        checkpoint_key((uint64_t)i, key);
        if (i % CHECKPOINT_EVERY == 0)
            wait_for(f, key);
    }
    catalog_close(c);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    object_store_free(f->store);
    lh_free(f);
    return 0;
}

static size_t count_of(struct catalog *c) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(c);
    return catalog_snapshot_count(s);
}

static void read_object(struct fixture *f, const char *key, struct buf *out) {
    struct lh_err err = LH_ERR_INIT;
    ok(object_get(f->store, key, 1 << 26, out, NULL, &err), &err);
}

static void write_object(struct fixture *f, const char *key, const void *data, size_t len) {
    struct lh_err err = LH_ERR_INIT;
    ok(object_put(f->store, key, data, len, OBJECT_PUT_REPLACE, NULL, &err), &err);
}

static uint64_t find_key(const struct catalog_snapshot *s, const char *key) {
    struct catalog_change change = {.operation = "test", .idempotency_key = key};
    struct lh_err err = LH_ERR_INIT;
    uint64_t version = 0;
    ok(catalog_snapshot_find_key(s, &change, &version, &err), &err);
    change.request = "another";
    assert_int_equal(catalog_snapshot_find_key(s, &change, &version, &err), LH_CONFLICT);
    return version;
}

static void test_start_from_checkpoint_and_tail(void **state) {
    struct fixture *f = *state;
    unsigned before = object_store_faulty_calls(f->store, FAULTY_READ);
    struct catalog *c = open_catalog(f);
    assert_int_equal(count_of(c), CREATED);
    /* The newest checkpoint, the record it was made of, five records, and one look behind the end. */
    assert_int_equal(object_store_faulty_calls(f->store, FAULTY_READ) - before, 1 + 1 + 5 + 1);
    /* A key that only the checkpoint remembers. */
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(c);
    assert_int_equal(find_key(s, "t03"), 3);
    assert_int_equal(find_key(s, "t24"), 24);
    assert_int_equal(f->notices, 0);
    catalog_close(c);
}

static void test_damaged_checkpoints_fall_back(void **state) {
    struct fixture *f = *state;
    char newest[COMMIT_LOG_KEY_SIZE];
    char older[COMMIT_LOG_KEY_SIZE];
    checkpoint_key(20, newest);
    checkpoint_key(10, older);
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    read_object(f, newest, &bytes);
    for (size_t at = 0; at < bytes.len; at += 37) { /* one flipped bit, all over the object */
        bytes.data[at] ^= 4;
        write_object(f, newest, bytes.data, bytes.len);
        bytes.data[at] ^= 4;
        struct catalog *c = open_catalog(f);
        assert_int_equal(count_of(c), CREATED);
        LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(c);
        assert_int_equal(find_key(s, "t15"), 15);
        catalog_close(c);
    }
    f->notices = 0;
    write_object(f, newest, bytes.data, bytes.len / 2);
    write_object(f, older, "", 0);
    struct catalog *c = open_catalog(f);
    assert_int_equal(count_of(c), CREATED);
    assert_int_equal(f->notices, 2);
    catalog_close(c);
}

/* Any one flipped bit, any cut: found, named, read-only at the version before; and mended by putting the bytes back. */
static void test_damaged_record(void **state) {
    struct fixture *f = *state;
    char key[COMMIT_LOG_KEY_SIZE];
    commit_log_key(23, key);
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    read_object(f, key, &bytes);
    for (size_t at = 0; at < bytes.len; at++) {
        LH_AUTO(buf) struct buf damaged = BUF_INIT;
        buf_append(&damaged, bytes.data, bytes.len);
        damaged.data[at] ^= (char)(1 << (at % 8));
        struct commit_record *record = NULL;
        struct lh_err err = LH_ERR_INIT;
        assert_int_equal(commit_record_decode(damaged.data, damaged.len, "k", &record, &err), LH_CORRUPT);
        assert_int_equal(commit_record_decode(bytes.data, at, "k", &record, &err), LH_CORRUPT);
    }
    bytes.data[40] ^= 1;
    write_object(f, key, bytes.data, bytes.len);
    struct catalog *c = open_catalog(f);
    assert_int_equal(count_of(c), 22);
    assert_int_equal(f->notices, 1);
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(catalog_damage(c, &err), LH_CORRUPT);
    assert_non_null(strstr(err.message, key));
    assert_true(err.hint[0] != '\0');
    assert_int_equal(commit_named(c, "new", &err), LH_CORRUPT);
    assert_non_null(strstr(err.message, key));

    bytes.data[40] ^= 1;
    write_object(f, key, bytes.data, bytes.len);
    ok(catalog_refresh(c, &err), &err);
    assert_int_equal(count_of(c), CREATED);
    ok(catalog_damage(c, &err), &err);
    ok(commit_named(c, "new", &err), &err);
    catalog_close(c);
}

static void test_missing_record(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    char key[COMMIT_LOG_KEY_SIZE];
    commit_log_key(22, key);
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    read_object(f, key, &bytes);
    ok(object_delete(f->store, key, &err), &err);
    struct catalog *c = open_catalog(f);
    assert_int_equal(count_of(c), 21);
    assert_int_equal(catalog_damage(c, &err), LH_CORRUPT);
    assert_non_null(strstr(err.message, key));
    assert_int_equal(commit_named(c, "new", &err), LH_CORRUPT);
    assert_int_equal(catalog_refresh(c, &err), LH_CORRUPT);
    write_object(f, key, bytes.data, bytes.len);
    ok(catalog_refresh(c, &err), &err);
    assert_int_equal(count_of(c), CREATED);
    catalog_close(c);
}

static void test_record_of_another_history(void **state) {
    struct fixture *f = *state;
    /* A whole, valid record that was made on other records: the log of another lake. */
    struct fixture other = {.store = object_store_new_faulty()};
    struct catalog *foreign = open_catalog(&other);
    struct lh_err err = LH_ERR_INIT;
    for (int i = 1; i <= CREATED + 1; i++) {
        char name[16];
        snprintf(name, sizeof name, "x%02d", i);
        ok(commit_named(foreign, name, &err), &err);
    }
    catalog_close(foreign);
    char key[COMMIT_LOG_KEY_SIZE];
    commit_log_key(CREATED + 1, key);
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    read_object(&other, key, &bytes);
    object_store_free(other.store);
    struct catalog *c = open_catalog(f);
    write_object(f, key, bytes.data, bytes.len);
    assert_int_equal(catalog_refresh(c, &err), LH_CORRUPT);
    assert_int_equal(count_of(c), CREATED);
    catalog_close(c);
}

/* ---- stored forms ---- */

/* The text of a record with its checksum made right. */
static void seal(struct buf *text) {
    char hex[LH_SHA256_HEX];
    lh_sha256_hex(text->data, text->len, hex);
    buf_printf(text, ",\"sha256\":\"%s\"}\n", hex);
}

#define HEAD \
    "\"version\":1,\"uuid\":\"3f2504e0-4f89-41d3-9a0c-0305e82c3301\",\"time\":\"2026-11-21T01:25:47.123456Z\",\"parent\":\"\""
#define MANIFEST(more)                                                                               \
    "{\"id\":\"01JD6Z5T3M0000000000000000\",\"name\":\"t\",\"created_at\":\"2026-11-21T01:25:47Z\"," \
    "\"updated_at\":\"2026-11-21T01:25:47Z\"" more "}"
#define RECORD_WITH(manifest) \
    "{\"format\":1," HEAD ",\"transactions\":[{\"operation\":\"o\",\"ops\":[{\"put\":" manifest "}]}]"

static void test_fields_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum lh_code code;
        const char *message;
    } rows[] = {
        {RECORD_WITH(MANIFEST("")), LH_OK, ""},
        {RECORD_WITH(MANIFEST(",\"of_a_later_release\":{\"a\":[1]}")), LH_OK, ""},
        {RECORD_WITH(MANIFEST(",\"row_count\":9223372036854775807")), LH_OK, ""},
        {RECORD_WITH(MANIFEST(",\"row_count\":9223372036854775808")), LH_CORRUPT, ""},
        {RECORD_WITH(MANIFEST(",\"row_count\":-1")), LH_CORRUPT, "row_count"},
        {RECORD_WITH(MANIFEST(",\"row_count\":\"7\"")), LH_CORRUPT, "row_count"},
        {RECORD_WITH(MANIFEST(",\"sensitivity\":\"odd\"")), LH_CORRUPT, "sensitivity"},
        {RECORD_WITH(MANIFEST(",\"tags\":[7]")), LH_CORRUPT, "tags[0]"},
        {RECORD_WITH(MANIFEST(",\"columns\":[{\"name\":\"a\"}]")), LH_CORRUPT, "columns[0]"},
        {RECORD_WITH(MANIFEST(",\"columns\":[7]")), LH_CORRUPT, "columns[0]"},
        {RECORD_WITH(MANIFEST(",\"files\":[{\"bucket\":\"b\",\"key\":\"../x\",\"role\":\"base\"}]")), LH_CORRUPT,
         "files[0]"},
        {RECORD_WITH(MANIFEST(",\"files\":[{\"bucket\":\"b\",\"key\":\"x\",\"role\":\"odd\"}]")), LH_CORRUPT,
         "files[0].role"},
        {RECORD_WITH(MANIFEST(",\"lineage\":[{\"at\":\"yesterday\"}]")), LH_CORRUPT, "lineage[0].at"},
        {"{\"format\":1," HEAD ",\"transactions\":[{\"operation\":\"o\",\"ops\":[{}]}]", LH_CORRUPT, "delete"},
        {"{\"format\":1," HEAD ",\"transactions\":7", LH_CORRUPT, "transactions"},
        {"{\"format\":2,\"nothing\":0", LH_UNSUPPORTED, "newer release"},
        {"{\"format\":1,\"version\":0", LH_CORRUPT, "version"},
        {"[1", LH_CORRUPT, ""},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        LH_AUTO(buf) struct buf text = BUF_INIT;
        buf_append_str(&text, rows[i].text);
        seal(&text);
        LH_AUTO(commit_record) struct commit_record *record = NULL;
        struct lh_err err = LH_ERR_INIT;
        enum lh_code code = commit_record_decode(text.data, text.len, "the-object", &record, &err);
        if (code != rows[i].code ||
            (code != LH_OK && (!strstr(err.message, rows[i].message) || !strstr(err.message, "the-object"))))
            fail_msg("%s: %s: %s", rows[i].text, lh_code_name(code), err.message);
    }
}

static void test_newer_format_is_refused(void **state) {
    struct fixture *f = *state;
    char key[COMMIT_LOG_KEY_SIZE];
    commit_log_key(CREATED + 1, key);
    LH_AUTO(buf) struct buf text = BUF_INIT;
    buf_append_str(&text, "{\"format\":2,\"version\":26");
    seal(&text);
    write_object(f, key, text.data, text.len);
    struct catalog *c = NULL;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(try_open(f, true, &c, &err), LH_UNSUPPORTED);
    assert_non_null(strstr(err.message, key));
}

static void read_golden(const char *name, struct buf *out) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(mem) char *path = lh_asprintf("%s/tests/unit/catalog/golden/%s", LH_TEST_SOURCE_DIR, name);
    ok(os_read_file(os_real(), AT_FDCWD, path, 1 << 20, out, &err), &err);
}

/* The stored record is read, and written again byte for byte: neither direction may drift. */
static void test_golden_record(void **state) {
    (void)state;
    LH_AUTO(buf) struct buf stored = BUF_INIT;
    LH_AUTO(buf) struct buf again = BUF_INIT;
    read_golden("00000000000000000002.json", &stored);
    LH_AUTO(commit_record) struct commit_record *record = NULL;
    struct lh_err err = LH_ERR_INIT;
    ok(commit_record_decode(stored.data, stored.len, "golden", &record, &err), &err);
    assert_int_equal(record->version, 2);
    assert_int_equal(record->transaction_count, 2);
    assert_string_equal(record->transactions[0].idempotency_key, "key-1");
    const struct manifest *m = record->transactions[0].ops[0].manifest;
    assert_string_equal(m->name, "candidates \xc3\xa9\"");
    assert_int_equal(m->files[1].role, FILE_DELTA);
    assert_int_equal(m->files[1].added_version, 2);
    assert_int_equal(m->files[1].sequence, 1);
    assert_int_equal(m->files[2].role, FILE_REJECTS);
    assert_int_equal(m->columns[1].flag_count, 1);
    assert_true(m->columns[1].flags[0].confirmed);
    assert_string_equal(record->transactions[1].ops[0].name, "old");
    ok(commit_record_encode(record, &again, &err), &err);
    assert_int_equal(again.len, stored.len);
    assert_memory_equal(again.data, stored.data, stored.len);

    /* A copy says what the original says. */
    LH_AUTO(manifest) struct manifest *copy = manifest_edit(m);
    LH_AUTO(json) json_t *a = manifest_to_json(m);
    LH_AUTO(json) json_t *b = manifest_to_json(copy);
    assert_true(json_equal(a, b));
}

/* A record from before files had a sequence: their rows are as old as their commit. */
static void test_golden_record_without_sequence(void **state) {
    (void)state;
    LH_AUTO(buf) struct buf stored = BUF_INIT;
    read_golden("before-sequence.json", &stored);
    LH_AUTO(commit_record) struct commit_record *record = NULL;
    struct lh_err err = LH_ERR_INIT;
    ok(commit_record_decode(stored.data, stored.len, "golden", &record, &err), &err);
    const struct manifest *m = record->transactions[0].ops[0].manifest;
    assert_int_equal(m->file_count, 2);
    assert_int_equal(m->files[0].sequence, 1);
    assert_int_equal(m->files[1].sequence, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_start_from_checkpoint_and_tail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_checkpoints_fall_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damaged_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_record, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_record_of_another_history, set_up, tear_down),
        cmocka_unit_test(test_fields_are_checked),
        cmocka_unit_test_setup_teardown(test_newer_format_is_refused, set_up, tear_down),
        cmocka_unit_test(test_golden_record),
        cmocka_unit_test(test_golden_record_without_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
