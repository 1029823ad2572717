/* The container of every index file: named sections behind one checked header (docs/formats/vector-file.md).
 *
 * Reading maps the file and never copies.  Opening checks what is cheap and enough for safety: the header's and the
 * table's checksums, the version, and that every section lies within the file, aligned and apart from the others.  A
 * section's own checksum is checked when the section is taken, but for the few large ones that are only mapped: their pages
 * are checked as they are read (vector/guard.h), and full vectors by vec_file_verify alone.  Readers of sections must be
 * safe on any bytes whose checksums are right, and are.
 * Files are replaced, never changed: a writer goes to a temporary sibling, syncs and renames, so a map stays whole.
 *
 * All functions may block on the disk.  A reader is immutable and may be shared by threads; a writer is one thread's. */
#ifndef LH_VECTOR_FILE_H
#define LH_VECTOR_FILE_H

#include "base/error.h"
#include "vector/metric.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct os;
struct vec_file;
struct vec_file_writer;

enum vec_file_kind { VEC_FILE_FLAT = 1, VEC_FILE_HNSW = 2, VEC_FILE_IVF = 3, VEC_FILE_INDEX = 4, VEC_FILE_CHUNKS = 5 };

#define VEC_FILE_VERSION 2u
#define VEC_FILE_ALIGN 4096u
#define VEC_FILE_MAX_SECTIONS 64u

/* What every index has. */
struct vec_file_head {
    enum vec_file_kind kind;
    enum vec_metric metric;
    uint32_t d;
    uint64_t n;
    uint64_t seed;
};

/* LH_NOT_FOUND, LH_IO; LH_CORRUPT where it is not a whole index file; LH_UNSUPPORTED where another version wrote it. */
LH_CHECKED enum lh_code vec_file_open(struct os *os, const char *path, struct vec_file **ret_file, struct lh_err *err);
/* The same over bytes in memory (64-byte aligned), which stay the caller's: for tests and embedding. */
LH_CHECKED enum lh_code vec_file_open_memory(const void *data, size_t size, struct vec_file **ret_file,
                                             struct lh_err *err);
void vec_file_close(struct vec_file *file);
const struct vec_file_head *vec_file_head(const struct vec_file *file);
uint64_t vec_file_size(const struct vec_file *file);
/* The header's checksum, which covers the table's and so those of all sections: files of other content have another. */
uint32_t vec_file_identity(const struct vec_file *file);

/* A section by its four-character tag ("LIVE"): its bytes, which are exactly `bytes` long.  Reads it: LH_CORRUPT where it is
 * missing, of another size, or its checksum is wrong. */
LH_CHECKED enum lh_code vec_file_section(const struct vec_file *file, const char tag[4], uint64_t bytes,
                                         const void **ret_data, struct lh_err *err);
/* The same without a look at its bytes: for what is too large to be read at once. */
LH_CHECKED enum lh_code vec_file_map_section(const struct vec_file *file, const char tag[4], uint64_t bytes,
                                             const void **ret_data, struct lh_err *err);
/* NULL where there is none. */
const void *vec_file_find(const struct vec_file *file, const char tag[4], uint64_t *ret_bytes);
/* Reads everything: LH_CORRUPT naming the first section whose checksum is wrong. */
LH_CHECKED enum lh_code vec_file_verify(const struct vec_file *file, struct lh_err *err);
/* The sections in order; false past the last. */
bool vec_file_list(const struct vec_file *file, size_t i, char ret_tag[5], uint64_t *ret_bytes);

LH_CHECKED enum lh_code vec_file_writer_new(struct os *os, const char *path, const struct vec_file_head *head,
                                            struct vec_file_writer **ret_writer, struct lh_err *err);
/* Parts of one section follow one another; another tag starts the next. */
LH_CHECKED enum lh_code vec_file_append(struct vec_file_writer *writer, const char tag[4], const void *data,
                                        size_t bytes, struct lh_err *err);
/* A section of the sums of the one that was appended last, page by page (vector/guard.h). */
LH_CHECKED enum lh_code vec_file_append_sums(struct vec_file_writer *writer, const char tag[4], struct lh_err *err);
/* Writes header and table, syncs, puts the file in place of `path`.  The writer is spent either way: free it. */
LH_CHECKED enum lh_code vec_file_commit(struct vec_file_writer *writer, struct lh_err *err);
/* Removes what was not committed. */
void vec_file_writer_free(struct vec_file_writer *writer);

static inline void vec_file_auto_release(struct vec_file **file) {
    vec_file_close(*file);
}
static inline void vec_file_writer_auto_release(struct vec_file_writer **writer) {
    vec_file_writer_free(*writer);
}

#ifdef __cplusplus
}
#endif

#endif
