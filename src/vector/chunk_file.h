/* Vectors with what they stand for: the chunks of documents, a row each, in one mapped file.
 *
 * A kind of the container of vector/file.h, with the sections
 *     ROWS   n * d floats
 *     HEAP   the records, one after the other: a fixed head (chunk_file.c), then document id, heading and text
 *     OFFS   n + 1 u64: where each record begins in HEAP
 *     DOCS   for each document {u64 hash of its id, u32 first row, u32 rows}, sorted by hash and first row
 * A document's chunks are neighbours, in order.  Nothing is decoded when the file is opened: a record is looked up by its
 * row, a document by a binary search of its hash.  Readers are safe on any bytes; vec_file_verify judges the whole.
 *
 * A reader is immutable and shared by threads; a writer is one thread's. */
#ifndef LH_VECTOR_CHUNK_FILE_H
#define LH_VECTOR_CHUNK_FILE_H

#include "base/error.h"
#include "vector/metric.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct os;
struct chunk_file;
struct chunk_writer;

#define CHUNK_HASH_BYTES 32

/* Texts are not NUL-terminated, and lie in the map. */
struct chunk_record {
    const char *doc_id, *heading, *text;
    uint32_t doc_id_len, heading_len, text_len;
    uint32_t number;          /* of the chunk in its document, from 0 */
    uint32_t page;            /* from 1; 0: the document has no pages */
    uint64_t begin, end;      /* bytes of the document */
    const unsigned char *sha; /* SHA-256 of the document's text: CHUNK_HASH_BYTES */
};

/* ---- reading ---- */

/* LH_NOT_FOUND, LH_IO; LH_CORRUPT where it is no whole chunk file. */
LH_CHECKED enum lh_code chunk_file_open(struct os *os, const char *path, struct chunk_file **ret_file,
                                        struct lh_err *err);
void chunk_file_close(struct chunk_file *f); /* NULL is fine */
/* Reads everything: LH_CORRUPT naming what is damaged. */
LH_CHECKED enum lh_code chunk_file_verify(const struct chunk_file *f, struct lh_err *err);

const struct vec_rows *chunk_file_rows(const struct chunk_file *f);
size_t chunk_file_documents(const struct chunk_file *f);
/* LH_CORRUPT where the record lies outside of the heap. */
LH_CHECKED enum lh_code chunk_file_record(const struct chunk_file *f, uint32_t row, struct chunk_record *ret_record,
                                          struct lh_err *err);
/* The rows of a document: false where there is none of that id. */
bool chunk_file_find(const struct chunk_file *f, const char *doc_id, size_t len, uint32_t *ret_first,
                     uint32_t *ret_rows);
/* The i-th document, in the order of DOCS. */
bool chunk_file_document(const struct chunk_file *f, size_t i, uint32_t *ret_first, uint32_t *ret_rows);

/* ---- writing: in memory up to finish ---- */

struct chunk_writer *chunk_writer_new(uint32_t d);
void chunk_writer_free(struct chunk_writer *w); /* NULL is fine */
size_t chunk_writer_count(const struct chunk_writer *w);
size_t chunk_writer_bytes(const struct chunk_writer *w);
/* Copies.  A document's chunks follow one another. */
void chunk_writer_add(struct chunk_writer *w, const struct chunk_record *record, const float *vector);
/* At least one row.  The file is durable (but for its name) when this returns. */
LH_CHECKED enum lh_code chunk_writer_finish(struct chunk_writer *w, struct os *os, const char *path,
                                            struct lh_err *err);

/* The live rows of several files as one, in order.  `live[i]`: bit row % 64 of word row / 64; NULL: all of file i.  Keeps
 * in memory only where records are.  LH_INVALID where nothing is left. */
LH_CHECKED enum lh_code chunk_file_merge(struct os *os, const struct chunk_file *const *files,
                                         const uint64_t *const *live, size_t count, const char *path,
                                         struct lh_err *err);

static inline void chunk_file_auto_release(struct chunk_file **f) {
    chunk_file_close(*f);
}
static inline void chunk_writer_auto_release(struct chunk_writer **w) {
    chunk_writer_free(*w);
}

#ifdef __cplusplus
}
#endif

#endif
