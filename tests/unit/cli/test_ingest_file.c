/* ingest_file on an open lakehouse: real engine host, fenced worker, local bucket, commit log.
 *
 * It stands here, above all modules, because the test program itself is the engine host's executable. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "catalog/catalog.h"
#include "engine/worker/host.h"
#include "ingest/ingest.h"
#include "lakehouse/lakehouse.h"
#include "os/file.h"
#include "os/os.h"
#include "store/buckets.h"
#include "store/object_store.h"
#include "twin/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    char *dir;
    struct lh_config *config;
    struct lakehouse *lh;
    struct arena *arena;
};

static int open_lake(void **state) {
    struct fixture *f = lh_calloc(1, sizeof *f);
    struct lh_err err = LH_ERR_INIT;
    f->dir = temp_dir_new();
    f->arena = arena_new();
    char rejects[] = "LAKEHOUSE__INGEST__MAX_REJECTS=3", columns[] = "LAKEHOUSE__INGEST__MAX_COLUMNS=50";
    char *const env[] = {rejects, columns, NULL};
    assert_int_equal(lh_config_load(NULL, 0, "test", env, &f->config, NULL, &err), LH_OK);
    const struct lakehouse_options options = {
        .os = os_real(), .config = f->config, .data_dir = f->dir, .command = "test"};
    if (lakehouse_open(&options, &f->lh, &err) != LH_OK)
        fail_msg("lakehouse_open: %s %s", err.message, err.hint);
    *state = f;
    return 0;
}

static int close_lake(void **state) {
    struct fixture *f = *state;
    lakehouse_close(f->lh);
    lh_config_free(f->config);
    arena_free(f->arena);
    temp_dir_free(f->dir);
    lh_free(f);
    return 0;
}

/* Ingest a text as if it had been uploaded under `name`. */
static enum lh_code send(struct fixture *f, const char *name, const char *text, const char *dataset,
                         enum ingest_mode mode, struct ingest_report *ret, struct lh_err *err) {
    struct ingest_spool *spool;
    char sha256[LH_SHA256_HEX];
    LH_TRY(ingest_spool_open(f->lh->ingest, &spool, err));
    LH_AUTO(ingest_spool) struct ingest_spool *owned = spool;
    LH_TRY(ingest_spool_write(spool, text, strlen(text), err));
    ingest_spool_sha256(spool, sha256);
    const struct ingest_request request = {.path = ingest_spool_path(spool),
                                           .original_name = name,
                                           .sha256 = sha256,
                                           .dataset = dataset,
                                           .mode = mode,
                                           .actor = "tester",
                                           .source_system = "upload",
                                           .cancel_fd = -1};
    return ingest_file(f->lh->ingest, &request, f->arena, ret, err);
}

static void send_ok(struct fixture *f, const char *name, const char *text, const char *dataset, enum ingest_mode mode,
                    struct ingest_report *ret) {
    struct lh_err err = LH_ERR_INIT;
    if (send(f, name, text, dataset, mode, ret, &err) != LH_OK)
        fail_msg("%s: %s: %s (%s) %s", name, lh_code_name(err.code), err.message, err.detail, err.hint);
}

static void send_fails(struct fixture *f, const char *name, const char *text, const char *dataset,
                       enum ingest_mode mode, enum lh_code code, const char *words) {
    struct lh_err err = LH_ERR_INIT;
    struct ingest_report report;
    enum lh_code got = send(f, name, text, dataset, mode, &report, &err);
    if (got != code || !strstr(err.message, words))
        fail_msg("%s: %s: %s", name, lh_code_name(got), err.message);
}

static size_t count_objects(struct fixture *f, const char *prefix) {
    struct object_info *items;
    size_t count;
    bool more;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(
        object_list(buckets_primary(f->lh->buckets), prefix, "", 1000, f->arena, &items, &count, &more, &err), LH_OK);
    return count;
}

static size_t count_spools(struct fixture *f) {
    char **names;
    size_t count, left = 0;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(os_list_dir(os_real(), AT_FDCWD, f->lh->tmp_dir, 0, &names, &count, &err), LH_OK);
    for (size_t i = 0; i < count; i++)
        left += strncmp(names[i], "ingest-", 7) == 0 || strncmp(names[i], "upload-", 7) == 0;
    os_list_free(names, count);
    return left;
}

static void test_create(void **state) {
    struct fixture *f = *state;
    struct ingest_report r;
    send_ok(f, "Kunden Liste (2024).csv", "id;mail\n1;ann@example.com\n2;bob@example.org\n3\n", NULL, INGEST_CREATE,
            &r);
    assert_string_equal(r.dataset, "kunden_liste_2024");
    assert_string_equal(r.format, "csv");
    assert_true(r.created);
    assert_int_equal(r.row_count, 2);
    assert_int_equal(r.reject_count, 1);
    assert_int_equal(r.column_count, 2);
    assert_string_equal(r.columns[0].type, "BIGINT");
    assert_int_equal(r.columns[1].flag_count, 1);
    assert_string_equal(r.columns[1].flags[0].kind, "email");
    assert_true(r.columns[1].flags[0].confidence > 0.9);
    assert_int_equal(count_objects(f, "datasets/kunden_liste_2024/base/"), 1);
    assert_int_equal(count_objects(f, "datasets/kunden_liste_2024/rejects/"), 1);
    assert_int_equal(count_spools(f), 0);

    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->lh->catalog);
    const struct manifest *m = catalog_snapshot_find(s, "kunden_liste_2024");
    assert_non_null(m);
    assert_int_equal(m->row_count, 2);
    assert_int_equal(m->version, r.version);
    assert_int_equal(m->file_count, 2);
    assert_int_equal(m->lineage_count, 1);
    assert_string_equal(m->lineage[0].source_system, "upload");
    assert_string_equal(m->lineage[0].source_name, "Kunden Liste (2024).csv");
    assert_string_equal(m->lineage[0].job_id, r.job_id);
    assert_string_equal(m->lineage[0].source_sha256, r.sha256);
    assert_int_equal(m->lineage[0].reject_count, 1);
    assert_string_equal(m->columns[1].flags[0].kind, "email");
}

/* The patterns as RE2 in the worker, on values as people write them.  No column's name says anything. */
static void test_pii_by_values(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *values[6], *kind; /* NULL: no flag */
    } columns[] = {
        {{"ann@example.com", "b.o'b@x.co", "C_D+tag@mail.example.org", "x@y.de", "e-f@g-h.io"}, "email"},
        {{"(555) 123-4567", "555-123-4567", "+1 555 123 4567", "+49 (0)30 901820", "555.123.4567 x12"}, "phone"},
        {{"900-12-3456", "123-45-6789", "901-11-1111", "902-22-2222", "903-33-3333"}, "ssn"},
        {{"12 Main Street", "4711 Oak Ave, Apt 3", "1 Sunset Blvd", "77B Mill Road",
          "Hauptstra\xC3\x9F"
          "e 5"},
         "address"},
        {{"J45.909", "E11.9", "M54.5", "F32.1", "S72.001A"}, "medical"},
        {{"2024-1001", "2024-1002", "2024-1003", "2024-1004", "2024-1005"}, NULL},  /* order numbers */
        {{"A5551234567", "A5551234568", "A5551234569", "A1", "A2"}, NULL},          /* part numbers */
        {{"192.168.0.1", "10.0.0.12", "172.16.254.1", "8.8.8.8", "1.1.1.1"}, NULL}, /* IP addresses */
        {{"2024-03-01 09:12", "2024-03-01 09:15", "x", "y", "z"}, NULL},
        {{"9780306406157", "9783161484100", "x9", "x8", "x7"}, NULL}, /* ISBN */
        {{"12 months", "3 weeks, 2 days", "5 ways to win", "2 drives", "1 court case"}, NULL},
        {{"see ann@example.com", "none", "call back", "left voicemail", "sent mail"}, NULL},
        {{"v1.2.3", "v1.10.0", "v2.0.0", "B12", "C3PO"}, NULL},
    };
    LH_AUTO(buf) struct buf csv = BUF_INIT;
    for (size_t c = 0; c < LH_ARRAY_LEN(columns); c++)
        buf_printf(&csv, "%sf%c", c ? "," : "", (char)('a' + c));
    for (size_t r = 0; r < 5; r++)
        for (size_t c = 0; c < LH_ARRAY_LEN(columns); c++)
            buf_printf(&csv, "%s\"%s\"", c ? "," : "\n", columns[c].values[r]);
    struct ingest_report r;
    send_ok(f, "p.csv", buf_cstr(&csv), NULL, INGEST_CREATE, &r);
    assert_int_equal(r.column_count, LH_ARRAY_LEN(columns));
    for (size_t c = 0; c < LH_ARRAY_LEN(columns); c++) {
        const char *kind = r.columns[c].flag_count ? r.columns[c].flags[0].kind : NULL;
        if ((kind == NULL) != (columns[c].kind == NULL) || (kind && strcmp(kind, columns[c].kind) != 0))
            fail_msg("%s ...: %s (%s)", columns[c].values[0], kind ? kind : "no flag",
                     kind ? r.columns[c].flags[0].reason : "");
    }
}

static void test_same_bytes(void **state) {
    struct fixture *f = *state;
    const char *text = "a,b\n1,2\n";
    struct ingest_report first, again;
    send_ok(f, "x.csv", text, NULL, INGEST_CREATE, &first);
    send_ok(f, "other name.csv", text, NULL, INGEST_CREATE, &again);
    assert_true(again.deduplicated);
    assert_string_equal(again.dataset, "x");
    assert_int_equal(again.version, first.version);
    assert_int_equal(again.row_count, 1);
    send_ok(f, "x.csv", text, "x", INGEST_APPEND, &again);
    assert_true(again.deduplicated);
    send_ok(f, "x.csv", text, "x", INGEST_REPLACE, &again);
    assert_true(again.deduplicated);
    assert_int_equal(count_objects(f, "datasets/"), 1);
    /* A name of its own gets a copy of its own. */
    send_ok(f, "x.csv", text, "y", INGEST_CREATE, &again);
    assert_false(again.deduplicated);
    assert_string_equal(again.dataset, "y");
    send_fails(f, "x.csv", "a,b\n3,4\n", NULL, INGEST_CREATE, LH_EXISTS, "\"x\"");
}

static void test_append_and_replace(void **state) {
    struct fixture *f = *state;
    struct ingest_report r;
    send_ok(f, "t.csv", "id,code,rate\n1,A1,2.5\n", NULL, INGEST_CREATE, &r);
    /* Whole numbers fit a DOUBLE column, digits a VARCHAR one; an empty column fits anything. */
    send_ok(f, "t2.csv", "rate,id,code\n3,2,17\n", "t", INGEST_APPEND, &r);
    assert_false(r.created);
    assert_string_equal(r.columns[0].type, "DOUBLE");
    assert_string_equal(r.columns[2].type, "VARCHAR");
    send_ok(f, "t3.csv", "id,code,rate\n,,\n3,,\n", "t", INGEST_APPEND, &r);
    assert_string_equal(r.columns[2].type, "DOUBLE");
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->lh->catalog);
    const struct manifest *m = catalog_snapshot_find(s, "t");
    assert_int_equal(m->row_count, 4);
    assert_int_equal(m->schema_version, 1);
    assert_int_equal(m->lineage_count, 3);
    send_ok(f, "t4.csv", "other\nx\n", "t", INGEST_REPLACE, &r);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *after = catalog_snapshot(f->lh->catalog);
    m = catalog_snapshot_find(after, "t");
    assert_int_equal(m->row_count, 1);
    assert_int_equal(m->column_count, 1);
    assert_int_equal(m->schema_version, 2);
}

static void test_refusals_leave_nothing(void **state) {
    struct fixture *f = *state;
    LH_AUTO(buf) struct buf wide = BUF_INIT;
    for (int i = 0; i < 60; i++)
        buf_printf(&wide, "%sc%d", i ? "," : "", i);
    buf_append_str(&wide, "\n1\n");
    send_fails(f, "a.csv", "", NULL, INGEST_CREATE, LH_DATA, "a.csv: the file is empty");
    send_fails(f, "a.pdf", "%PDF-1.4\n", NULL, INGEST_CREATE, LH_UNSUPPORTED, "PDF");
    send_fails(f, "a.parquet", "PAR1 but not really....", NULL, INGEST_CREATE, LH_DATA, "cut short or damaged");
    send_fails(f, "wide.csv", buf_cstr(&wide), NULL, INGEST_CREATE, LH_LIMIT, "50 columns");
    send_fails(f, "a.json", "{\"a\":", NULL, INGEST_CREATE, LH_DATA, "line 1, column 6");
    send_fails(f, "a.csv", "a\n1\n", "bad\nname", INGEST_CREATE, LH_INVALID, "");
    send_fails(f, "a.csv", "a\n1\n", "a/../b", INGEST_CREATE, LH_INVALID, "a part \"..\" between slashes");
    send_fails(f, "a.csv", "a\n1\n", ".", INGEST_CREATE, LH_INVALID, "a part \".\" between slashes");
    assert_int_equal(count_objects(f, "datasets/"), 0);
    assert_int_equal(count_objects(f, "_catalog/log/"), 0);
    assert_int_equal(count_spools(f), 0);
}

static void test_odd_dataset_name(void **state) {
    struct fixture *f = *state;
    struct ingest_report r;
    send_ok(f, "x.csv", "a,b\n1,2\n", "..Über \"x\"/y", INGEST_CREATE, &r);
    assert_string_equal(r.dataset, "..Über \"x\"/y");
    assert_int_equal(count_objects(f, "datasets/%2E.%C3%9C"), 1);
}

static void test_rejects_are_paged(void **state) {
    struct fixture *f = *state;
    struct ingest_report r;
    send_ok(f, "x.ndjson", "{\"a\":1}\nx\ny\nz\nw\n", "d", INGEST_CREATE, &r);
    send_ok(f, "x.ndjson", "{\"a\":2}\nlate\n", "d", INGEST_APPEND, &r);
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(buf) struct buf seen = BUF_INIT;
    LH_AUTO(buf) struct buf token = BUF_INIT;
    for (int pages = 0; pages < 10; pages++) {
        LH_AUTO(json) json_t *page = NULL;
        assert_int_equal(ingest_rejects_page(f->lh->ingest, "d", 2, buf_cstr(&token), &page, &err), LH_OK);
        json_t *items = json_object_get(page, "items");
        assert_true(json_array_size(items) <= 2);
        for (size_t i = 0; i < json_array_size(items); i++)
            buf_printf(&seen, "%s;", json_string_value(json_object_get(json_array_get(items, i), "raw")));
        const char *next = json_string_value(json_object_get(page, "next_page_token"));
        if (!next)
            break;
        buf_reset(&token);
        buf_append_str(&token, next);
    }
    /* Three of the four are kept (ingest.max_rejects), all are counted. */
    assert_string_equal(buf_cstr(&seen), "x;y;z;late;");
    LH_AUTO(json) json_t *page = NULL;
    assert_int_equal(ingest_rejects_page(f->lh->ingest, "d", 2, "nonsense", &page, &err), LH_INVALID);
    assert_int_equal(ingest_rejects_page(f->lh->ingest, "none", 2, NULL, &page, &err), LH_NOT_FOUND);
}

static void test_idempotency_key(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct ingest_report r;
    LH_AUTO(mem) char *path = lh_asprintf("%s/in.csv", f->dir);
    struct ingest_request request = {.path = path,
                                     .original_name = "in.csv",
                                     .dataset = "k",
                                     .mode = INGEST_APPEND,
                                     .actor = "tester",
                                     .idempotency_key = "key-1",
                                     .source_system = "cli",
                                     .cancel_fd = -1};
    assert_int_equal(os_write_file_atomic(os_real(), AT_FDCWD, path, "a\n1\n", 4, 0600, &err), LH_OK);
    assert_int_equal(ingest_file(f->lh->ingest, &request, f->arena, &r, &err), LH_OK);
    const uint64_t version = r.version;
    assert_int_equal(ingest_file(f->lh->ingest, &request, f->arena, &r, &err), LH_OK);
    assert_true(r.replayed && r.created && !r.deduplicated);
    assert_int_equal(r.version, version);
    assert_int_equal(os_write_file_atomic(os_real(), AT_FDCWD, path, "a\n2\n", 4, 0600, &err), LH_OK);
    assert_int_equal(ingest_file(f->lh->ingest, &request, f->arena, &r, &err), LH_CONFLICT);
    assert_int_equal(count_objects(f, "datasets/"), 1);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->lh->catalog);
    assert_int_equal(catalog_snapshot_find(s, "k")->row_count, 1);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "engine-host") == 0)
        return engine_host_main(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_create, open_lake, close_lake),
        cmocka_unit_test_setup_teardown(test_pii_by_values, open_lake, close_lake),
        cmocka_unit_test_setup_teardown(test_same_bytes, open_lake, close_lake),
        cmocka_unit_test_setup_teardown(test_append_and_replace, open_lake, close_lake),
        cmocka_unit_test_setup_teardown(test_refusals_leave_nothing, open_lake, close_lake),
        cmocka_unit_test_setup_teardown(test_odd_dataset_name, open_lake, close_lake),
        cmocka_unit_test_setup_teardown(test_rejects_are_paged, open_lake, close_lake),
        cmocka_unit_test_setup_teardown(test_idempotency_key, open_lake, close_lake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
