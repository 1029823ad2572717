/* Chunk files: what was written is read, documents are found by their ids, a merge keeps exactly what lives, and no bytes
 * make a reader leave the file. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "vector/chunk_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define D 8u
#define DOCS 200u

struct fixture {
    char folder[64];
};

static int set_up(void **state) {
    struct fixture *f = lh_calloc(1, sizeof *f);
    snprintf(f->folder, sizeof f->folder, "/tmp/lh_chunk_file.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(os_remove_all(os_real(), AT_FDCWD, f->folder, &err), LH_OK);
    lh_free(f);
    return 0;
}

static unsigned chunks_of(unsigned doc) {
    return 1 + doc % 4;
}

/* Documents [from, to), each of 1 to 4 chunks. */
static void write_file(const char *path, unsigned from, unsigned to) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(chunk_writer) struct chunk_writer *w = chunk_writer_new(D);
    for (unsigned doc = from; doc < to; doc++)
        for (unsigned i = 0; i < chunks_of(doc); i++) {
            char id[16], text[64];
            float row[D];
            unsigned char sha[CHUNK_HASH_BYTES];
            snprintf(id, sizeof id, "doc-%u", doc);
            snprintf(text, sizeof text, "text %u of %u", i, doc);
            for (unsigned k = 0; k < D; k++)
                row[k] = (float)(doc * 10 + i) + (float)k / 16;
            memset(sha, (int)doc, sizeof sha);
            const struct chunk_record r = {.doc_id = id,
                                           .doc_id_len = (uint32_t)strlen(id),
                                           .heading = i ? "Heading" : "",
                                           .heading_len = i ? 7 : 0,
                                           .text = text,
                                           .text_len = (uint32_t)strlen(text),
                                           .number = i,
                                           .page = i,
                                           .begin = i * 100,
                                           .end = i * 100 + 50,
                                           .sha = sha};
            chunk_writer_add(w, &r, row);
        }
    assert_int_equal(chunk_writer_finish(w, os_real(), path, &err), LH_OK);
}

static void check_document(const struct chunk_file *f, unsigned doc) {
    struct lh_err err = LH_ERR_INIT;
    char id[16], text[64];
    uint32_t first, rows;
    snprintf(id, sizeof id, "doc-%u", doc);
    assert_true(chunk_file_find(f, id, strlen(id), &first, &rows));
    assert_int_equal(rows, chunks_of(doc));
    for (uint32_t i = 0; i < rows; i++) {
        struct chunk_record r;
        assert_int_equal(chunk_file_record(f, first + i, &r, &err), LH_OK);
        snprintf(text, sizeof text, "text %u of %u", (unsigned)i, doc);
        assert_int_equal(r.text_len, strlen(text));
        assert_memory_equal(r.text, text, r.text_len);
        assert_memory_equal(r.doc_id, id, r.doc_id_len);
        assert_int_equal(r.heading_len, i ? 7 : 0);
        assert_int_equal(r.number, i);
        assert_int_equal(r.page, i);
        assert_int_equal(r.begin, i * 100);
        assert_int_equal(r.sha[31], (unsigned char)doc);
        assert_true(vec_row(chunk_file_rows(f), first + i)[3] == (float)(doc * 10 + i) + 3.0f / 16);
    }
}

static void test_reads_what_was_written(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(chunk_file) struct chunk_file *file = NULL;
    char path[96];
    uint32_t first, rows;
    snprintf(path, sizeof path, "%s/a", f->folder);
    write_file(path, 0, DOCS);
    assert_int_equal(chunk_file_open(os_real(), path, &file, &err), LH_OK);
    assert_int_equal(chunk_file_verify(file, &err), LH_OK);
    assert_int_equal(chunk_file_documents(file), DOCS);
    for (unsigned doc = 0; doc < DOCS; doc++)
        check_document(file, doc);
    assert_false(chunk_file_find(file, "doc-", 4, &first, &rows));
    assert_false(chunk_file_find(file, "", 0, &first, &rows));
}

/* Every third document of two files dies. */
static void test_merges_what_lives(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    struct chunk_file *files[2] = {NULL, NULL};
    uint64_t live[2][64] = {{0}};
    char path[2][96], merged[96];
    unsigned kept = 0;
    for (unsigned i = 0; i < 2; i++) {
        snprintf(path[i], sizeof path[i], "%s/%u", f->folder, i);
        write_file(path[i], i * DOCS / 2, (i + 1) * DOCS / 2);
        assert_int_equal(chunk_file_open(os_real(), path[i], &files[i], &err), LH_OK);
    }
    for (unsigned doc = 0; doc < DOCS; doc++) {
        char id[16];
        uint32_t first, rows;
        if (doc % 3 == 0)
            continue;
        snprintf(id, sizeof id, "doc-%u", doc);
        assert_true(chunk_file_find(files[doc >= DOCS / 2], id, strlen(id), &first, &rows));
        for (uint32_t row = first; row < first + rows; row++)
            live[doc >= DOCS / 2][row / 64] |= UINT64_C(1) << (row % 64);
        kept++;
    }
    snprintf(merged, sizeof merged, "%s/merged", f->folder);
    const uint64_t *lives[2] = {live[0], live[1]};
    assert_int_equal(chunk_file_merge(os_real(), (const struct chunk_file *const *)files, lives, 2, merged, &err),
                     LH_OK);
    LH_AUTO(chunk_file) struct chunk_file *file = NULL;
    assert_int_equal(chunk_file_open(os_real(), merged, &file, &err), LH_OK);
    assert_int_equal(chunk_file_verify(file, &err), LH_OK);
    assert_int_equal(chunk_file_documents(file), kept);
    for (unsigned doc = 0; doc < DOCS; doc++) {
        char id[16];
        uint32_t first, rows;
        snprintf(id, sizeof id, "doc-%u", doc);
        if (doc % 3 == 0)
            assert_false(chunk_file_find(file, id, strlen(id), &first, &rows));
        else
            check_document(file, doc);
    }
    memset(live, 0, sizeof live);
    assert_int_equal(chunk_file_merge(os_real(), (const struct chunk_file *const *)files, lives, 2, merged, &err),
                     LH_INVALID);
    chunk_file_close(files[0]);
    chunk_file_close(files[1]);
}

/* Any bytes, any row: an error or a record within the file.  The sanitizers watch. */
static void test_damage_stays_inside(void **state) {
    struct fixture *f = *state;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(buf) struct buf whole = BUF_INIT;
    char path[96];
    size_t noticed = 0;
    snprintf(path, sizeof path, "%s/a", f->folder);
    write_file(path, 0, 20);
    assert_int_equal(os_read_file(os_real(), AT_FDCWD, path, 1 << 20, &whole, &err), LH_OK);
    for (size_t at = 0; at < whole.len; at += 61) {
        LH_AUTO(chunk_file) struct chunk_file *file = NULL;
        LH_AUTO(buf) struct buf damaged = BUF_INIT;
        buf_append(&damaged, whole.data, whole.len);
        for (size_t i = at; i < at + 8 && i < whole.len; i++)
            damaged.data[i] = (char)~damaged.data[i];
        assert_int_equal(os_write_file_atomic(os_real(), AT_FDCWD, path, damaged.data, damaged.len, 0600, &err), LH_OK);
        if (chunk_file_open(os_real(), path, &file, &err) != LH_OK) {
            noticed++;
            continue;
        }
        noticed += chunk_file_verify(file, &err) != LH_OK;
        for (uint32_t row = 0; row < chunk_file_rows(file)->n; row++) {
            struct chunk_record r;
            LH_AUTO(buf) struct buf copy = BUF_INIT;
            if (chunk_file_record(file, row, &r, &err) == LH_OK)
                buf_append(&copy, r.doc_id, (size_t)r.doc_id_len + r.heading_len + r.text_len);
        }
        uint32_t first, rows;
        lh_ignore(chunk_file_find(file, "doc-7", 5, &first, &rows) ? LH_OK : LH_NOT_FOUND);
    }
    assert_true(noticed > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reads_what_was_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_merges_what_lives, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_stays_inside, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
