#include "vector/chunk_file.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "vector/file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct record_head {
    uint64_t begin, end;
    uint32_t doc_id_len, heading_len, text_len;
    uint32_t number, page;
    uint32_t zero;
    unsigned char sha[CHUNK_HASH_BYTES];
};
_Static_assert(sizeof(struct record_head) == 72, "no padding");

struct doc_entry {
    uint64_t hash;
    uint32_t first, rows;
};
_Static_assert(sizeof(struct doc_entry) == 16, "no padding");

struct chunk_file {
    struct vec_file *file;
    struct vec_rows rows;
    const unsigned char *heap;
    uint64_t heap_bytes;
    const uint64_t *offsets;
    const struct doc_entry *docs;
    size_t doc_count;
};

/* FNV-1a, 64 bits, spelled out: it stands in files. */
static uint64_t id_hash(const char *id, size_t len) {
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)id[i]) * UINT64_C(0x100000001b3);
    return h;
}

/* ---- reading ---- */

void chunk_file_close(struct chunk_file *f) {
    if (!f)
        return;
    vec_file_close(f->file);
    lh_free(f);
}

enum lh_code chunk_file_open(struct os *os, const char *path, struct chunk_file **ret_file, struct lh_err *err) {
    LH_AUTO(chunk_file) struct chunk_file *f = lh_calloc(1, sizeof *f);
    const void *rows, *offsets;
    uint64_t doc_bytes = 0;
    LH_TRY(vec_file_open(os, path, &f->file, err));
    const struct vec_file_head *head = vec_file_head(f->file);
    if (head->kind != VEC_FILE_CHUNKS)
        return lh_fail(err, LH_CORRUPT, "the file holds another kind of index, not chunks");
    if (head->n == 0 || head->n >= VEC_NO_ID)
        return lh_fail(err, LH_CORRUPT, "a chunk file cannot have %" PRIu64 " rows", head->n);
    LH_TRY(vec_file_map_section(f->file, "ROWS", head->n * head->d * sizeof(float), &rows, err));
    LH_TRY(vec_file_map_section(f->file, "OFFS", (head->n + 1) * sizeof(uint64_t), &offsets, err));
    f->heap = vec_file_find(f->file, "HEAP", &f->heap_bytes);
    f->docs = vec_file_find(f->file, "DOCS", &doc_bytes);
    if (!f->heap || !f->docs || doc_bytes % sizeof(struct doc_entry))
        return lh_fail(err, LH_CORRUPT, "the chunk file lacks its records or its documents");
    f->rows = (struct vec_rows){rows, (size_t)head->n, head->d};
    f->offsets = offsets;
    f->doc_count = (size_t)(doc_bytes / sizeof(struct doc_entry));
    *ret_file = LH_STEAL(f);
    return LH_OK;
}

enum lh_code chunk_file_verify(const struct chunk_file *f, struct lh_err *err) {
    return vec_file_verify(f->file, err);
}

const struct vec_rows *chunk_file_rows(const struct chunk_file *f) {
    return &f->rows;
}

size_t chunk_file_documents(const struct chunk_file *f) {
    return f->doc_count;
}

enum lh_code chunk_file_record(const struct chunk_file *f, uint32_t row, struct chunk_record *ret_record,
                               struct lh_err *err) {
    struct record_head head;
    if (row >= f->rows.n)
        return lh_fail(err, LH_INTERNAL, "row %" PRIu32 " of a chunk file of %zu", row, f->rows.n);
    uint64_t at = f->offsets[row], end = f->offsets[row + 1];
    if (at > end || end > f->heap_bytes || end - at < sizeof head)
        return lh_fail(err, LH_CORRUPT, "the record of row %" PRIu32 " lies outside of the chunk file", row);
    memcpy(&head, f->heap + at, sizeof head);
    if ((uint64_t)head.doc_id_len + head.heading_len + head.text_len != end - at - sizeof head)
        return lh_fail(err, LH_CORRUPT, "the record of row %" PRIu32 " in the chunk file is damaged", row);
    const char *texts = (const char *)f->heap + at + sizeof head;
    *ret_record = (struct chunk_record){
        .doc_id = texts,
        .heading = texts + head.doc_id_len,
        .text = texts + head.doc_id_len + head.heading_len,
        .doc_id_len = head.doc_id_len,
        .heading_len = head.heading_len,
        .text_len = head.text_len,
        .number = head.number,
        .page = head.page,
        .begin = head.begin,
        .end = head.end,
        .sha = f->heap + at + offsetof(struct record_head, sha),
    };
    return LH_OK;
}

bool chunk_file_document(const struct chunk_file *f, size_t i, uint32_t *ret_first, uint32_t *ret_rows) {
    const struct doc_entry *doc = &f->docs[i];
    if (doc->first >= f->rows.n || doc->rows == 0 || doc->rows > f->rows.n - doc->first)
        return false;
    *ret_first = doc->first;
    *ret_rows = doc->rows;
    return true;
}

bool chunk_file_find(const struct chunk_file *f, const char *doc_id, size_t len, uint32_t *ret_first,
                     uint32_t *ret_rows) {
    uint64_t hash = id_hash(doc_id, len);
    size_t low = 0, high = f->doc_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->docs[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < f->doc_count && f->docs[low].hash == hash; low++) {
        struct chunk_record record;
        struct lh_err ignored = LH_ERR_INIT;
        if (chunk_file_document(f, low, ret_first, ret_rows) &&
            chunk_file_record(f, *ret_first, &record, &ignored) == LH_OK && record.doc_id_len == len &&
            memcmp(record.doc_id, doc_id, len) == 0)
            return true;
    }
    return false;
}

/* ---- writing ---- */

/* OFFS and DOCS in the making. */
struct layout {
    struct buf offsets; /* u64 */
    struct buf docs;    /* struct doc_entry */
    uint64_t at;
    uint32_t rows;
};

static void layout_release(struct layout *l) {
    buf_release(&l->offsets);
    buf_release(&l->docs);
}

static void layout_add(struct layout *l, const char *doc_id, size_t len, bool same_document, uint64_t record_bytes) {
    buf_append(&l->offsets, &l->at, sizeof l->at);
    if (same_document) {
        struct doc_entry *last = (struct doc_entry *)(void *)(l->docs.data + l->docs.len) - 1;
        last->rows++;
    } else {
        struct doc_entry entry = {id_hash(doc_id, len), l->rows, 1};
        buf_append(&l->docs, &entry, sizeof entry);
    }
    l->at += record_bytes;
    l->rows++;
}

static int compare_docs(const void *a, const void *b) {
    const struct doc_entry *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static enum lh_code layout_write(struct layout *l, struct vec_file_writer *writer, struct lh_err *err) {
    buf_append(&l->offsets, &l->at, sizeof l->at);
    qsort(l->docs.data, l->docs.len / sizeof(struct doc_entry), sizeof(struct doc_entry), compare_docs);
    LH_TRY(vec_file_append(writer, "OFFS", l->offsets.data, l->offsets.len, err));
    return vec_file_append(writer, "DOCS", l->docs.data, l->docs.len, err);
}

struct chunk_writer {
    uint32_t d;
    struct buf rows, heap;
    struct layout layout;
    struct buf last_doc; /* id of the document of the last row */
};

struct chunk_writer *chunk_writer_new(uint32_t d) {
    struct chunk_writer *w = lh_calloc(1, sizeof *w);
    w->d = d;
    return w;
}

void chunk_writer_free(struct chunk_writer *w) {
    if (!w)
        return;
    buf_release(&w->rows);
    buf_release(&w->heap);
    buf_release(&w->last_doc);
    layout_release(&w->layout);
    lh_free(w);
}

size_t chunk_writer_count(const struct chunk_writer *w) {
    return w->layout.rows;
}

size_t chunk_writer_bytes(const struct chunk_writer *w) {
    return w->rows.len + w->heap.len;
}

void chunk_writer_add(struct chunk_writer *w, const struct chunk_record *r, const float *vector) {
    struct record_head head = {.begin = r->begin,
                               .end = r->end,
                               .doc_id_len = r->doc_id_len,
                               .heading_len = r->heading_len,
                               .text_len = r->text_len,
                               .number = r->number,
                               .page = r->page};
    memcpy(head.sha, r->sha, sizeof head.sha);
    bool same = w->layout.rows > 0 && r->number > 0 && w->last_doc.len == r->doc_id_len &&
                memcmp(buf_cstr(&w->last_doc), r->doc_id, r->doc_id_len) == 0;
    size_t before = w->heap.len;
    buf_append(&w->heap, &head, sizeof head);
    buf_append(&w->heap, r->doc_id, r->doc_id_len);
    buf_append(&w->heap, r->heading, r->heading_len);
    buf_append(&w->heap, r->text, r->text_len);
    buf_append(&w->rows, vector, w->d * sizeof *vector);
    layout_add(&w->layout, r->doc_id, r->doc_id_len, same, w->heap.len - before);
    buf_reset(&w->last_doc);
    buf_append(&w->last_doc, r->doc_id, r->doc_id_len);
}

enum lh_code chunk_writer_finish(struct chunk_writer *w, struct os *os, const char *path, struct lh_err *err) {
    LH_AUTO(vec_file_writer) struct vec_file_writer *writer = NULL;
    const struct vec_file_head head = {.kind = VEC_FILE_CHUNKS, .metric = VEC_COSINE, .d = w->d, .n = w->layout.rows};
    LH_TRY(vec_file_writer_new(os, path, &head, &writer, err));
    LH_TRY(vec_file_append(writer, "ROWS", w->rows.data, w->rows.len, err));
    LH_TRY(vec_file_append(writer, "HEAP", w->heap.data, w->heap.len, err));
    LH_TRY(layout_write(&w->layout, writer, err));
    return vec_file_commit(writer, err);
}

/* ---- merging ---- */

static bool is_live(const uint64_t *live, size_t row) {
    return !live || (live[row / 64] >> (row % 64) & 1);
}

/* The end of the run of live rows that begins at `row`, or of dead ones. */
static size_t run_end(const uint64_t *live, size_t row, size_t n) {
    bool kind = is_live(live, row);
    if (!live)
        return n;
    while (row < n && is_live(live, row) == kind)
        row++;
    return row;
}

static enum lh_code merge_layout(const struct chunk_file *f, const uint64_t *live, struct layout *l,
                                 struct lh_err *err) {
    const char *last = NULL;
    size_t last_len = 0;
    for (size_t row = 0; row < f->rows.n; row++) {
        struct chunk_record r;
        if (!is_live(live, row))
            continue;
        LH_TRY(chunk_file_record(f, (uint32_t)row, &r, err));
        bool same = last && r.number > 0 && last_len == r.doc_id_len && memcmp(last, r.doc_id, last_len) == 0;
        layout_add(l, r.doc_id, r.doc_id_len, same, f->offsets[row + 1] - f->offsets[row]);
        last = r.doc_id;
        last_len = r.doc_id_len;
    }
    return LH_OK;
}

static enum lh_code merge_rows(const struct chunk_file *f, const uint64_t *live, struct vec_file_writer *writer,
                               struct lh_err *err) {
    for (size_t row = 0, end; row < f->rows.n; row = end) {
        end = run_end(live, row, f->rows.n);
        if (is_live(live, row))
            LH_TRY(
                vec_file_append(writer, "ROWS", vec_row(&f->rows, row), (end - row) * f->rows.d * sizeof(float), err));
    }
    return LH_OK;
}

static enum lh_code merge_heap(const struct chunk_file *f, const uint64_t *live, struct vec_file_writer *writer,
                               struct lh_err *err) {
    for (size_t row = 0, end; row < f->rows.n; row = end) {
        end = run_end(live, row, f->rows.n);
        if (is_live(live, row))
            LH_TRY(vec_file_append(writer, "HEAP", f->heap + f->offsets[row],
                                   (size_t)(f->offsets[end] - f->offsets[row]), err));
    }
    return LH_OK;
}

static enum lh_code merge_into(const struct chunk_file *const *files, const uint64_t *const *live, size_t count,
                               struct layout *l, struct vec_file_writer *writer, struct lh_err *err) {
    for (size_t i = 0; i < count; i++)
        LH_TRY(merge_rows(files[i], live[i], writer, err));
    for (size_t i = 0; i < count; i++)
        LH_TRY(merge_heap(files[i], live[i], writer, err));
    LH_TRY(layout_write(l, writer, err));
    return vec_file_commit(writer, err);
}

enum lh_code chunk_file_merge(struct os *os, const struct chunk_file *const *files, const uint64_t *const *live,
                              size_t count, const char *path, struct lh_err *err) {
    LH_AUTO(vec_file_writer) struct vec_file_writer *writer = NULL;
    struct layout layout = {0};
    enum lh_code code = LH_OK;
    for (size_t i = 0; i < count && code == LH_OK; i++)
        code = merge_layout(files[i], live[i], &layout, err);
    if (code == LH_OK && layout.rows == 0)
        code = lh_fail(err, LH_INVALID, "there is no chunk to keep");
    if (code == LH_OK) {
        const struct vec_file_head head = {
            .kind = VEC_FILE_CHUNKS, .metric = VEC_COSINE, .d = files[0]->rows.d, .n = layout.rows};
        code = vec_file_writer_new(os, path, &head, &writer, err);
    }
    if (code == LH_OK)
        code = merge_into(files, live, count, &layout, writer, err);
    layout_release(&layout);
    return code;
}
