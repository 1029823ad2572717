/* Just enough of FlatBuffers to write Arrow's messages: tables with inline scalars, strings, and vectors.
 *
 * A FlatBuffer is built from its end: what is referred to is written before what refers to it.  A place is named
 * by its distance from the end (`flatbuffer_ref`), which stays true while the front grows.  Layout of the parts,
 * all little-endian:
 *     string, vector   uint32 count, then the elements (a string has a NUL behind it)
 *     table            int32 distance back to its vtable, then the fields, each aligned to its size
 *     vtable           uint16 own size, uint16 table's size, uint16 place of each field in the table (0: left out)
 *     reference        uint32 distance forward from itself
 *     whole            uint32 distance to the root table; everything aligned to 8
 * Format: https://flatbuffers.dev/internals/ */
#ifndef LH_ENGINE_WORKER_ARROW_FLATBUFFER_H
#define LH_ENGINE_WORKER_ARROW_FLATBUFFER_H

#include <stddef.h>
#include <stdint.h>

#define FLATBUFFER_FIELDS_MAX 8

typedef uint32_t flatbuffer_ref;

/* Zero-initialised is empty. */
struct flatbuffer {
    uint8_t *data;
    size_t cap;
    size_t used;                                  /* bytes at the end of data */
    flatbuffer_ref fields[FLATBUFFER_FIELDS_MAX]; /* of the table that is open */
    size_t table_end;
};

void flatbuffer_reset(struct flatbuffer *fb); /* empty; memory kept */
void flatbuffer_release(struct flatbuffer *fb);

flatbuffer_ref flatbuffer_string(struct flatbuffer *fb, const char *text);
/* `count` structs of 64-bit words, `size` bytes each. */
flatbuffer_ref flatbuffer_structs(struct flatbuffer *fb, const void *structs, size_t count, size_t size);
flatbuffer_ref flatbuffer_int32s(struct flatbuffer *fb, const int32_t *values, size_t count);
flatbuffer_ref flatbuffer_refs(struct flatbuffer *fb, const flatbuffer_ref *refs, size_t count);

/* One table at a time; its fields are numbered as in the schema, a union counting as two. */
void flatbuffer_begin(struct flatbuffer *fb);
void flatbuffer_add_int8(struct flatbuffer *fb, unsigned field, int8_t v);
void flatbuffer_add_int16(struct flatbuffer *fb, unsigned field, int16_t v);
void flatbuffer_add_int32(struct flatbuffer *fb, unsigned field, int32_t v);
void flatbuffer_add_int64(struct flatbuffer *fb, unsigned field, int64_t v);
void flatbuffer_add_ref(struct flatbuffer *fb, unsigned field, flatbuffer_ref ref);
flatbuffer_ref flatbuffer_end(struct flatbuffer *fb);

/* The finished bytes, valid until the next call. */
const void *flatbuffer_finish(struct flatbuffer *fb, flatbuffer_ref root, size_t *ret_len);

#endif
