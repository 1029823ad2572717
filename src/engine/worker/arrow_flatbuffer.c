#include "engine/worker/arrow_flatbuffer.h"

#include "base/alloc.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Arrow's messages are written in the machine's byte order, which must be little-endian"
#endif

/* `size` fresh bytes in front. */
static uint8_t *grow(struct flatbuffer *fb, size_t size) {
    if (fb->cap - fb->used < size) {
        size_t cap = 2 * fb->cap + size + 512;
        uint8_t *data = lh_malloc(cap);
        if (fb->used)
            memcpy(data + cap - fb->used, fb->data + fb->cap - fb->used, fb->used);
        lh_free(fb->data);
        fb->data = data;
        fb->cap = cap;
    }
    fb->used += size;
    return fb->data + fb->cap - fb->used;
}

/* Zeros in front, so that after `size` more bytes the front is aligned. */
static void align(struct flatbuffer *fb, size_t size, size_t alignment) {
    size_t padding = -(fb->used + size) & (alignment - 1);
    if (padding)
        memset(grow(fb, padding), 0, padding);
}

static void prepend(struct flatbuffer *fb, const void *data, size_t size) {
    uint8_t *at = grow(fb, size);
    if (size)
        memcpy(at, data, size);
}

static flatbuffer_ref here(const struct flatbuffer *fb) {
    return (flatbuffer_ref)fb->used;
}

static flatbuffer_ref put_vector(struct flatbuffer *fb, const void *elements, size_t count, size_t size,
                                 size_t alignment) {
    uint32_t count32 = (uint32_t)count;
    align(fb, count * size, alignment);
    prepend(fb, elements, count * size);
    prepend(fb, &count32, sizeof count32);
    return here(fb);
}

void flatbuffer_reset(struct flatbuffer *fb) {
    fb->used = 0;
}

void flatbuffer_release(struct flatbuffer *fb) {
    lh_free(fb->data);
    *fb = (struct flatbuffer){.data = NULL};
}

flatbuffer_ref flatbuffer_string(struct flatbuffer *fb, const char *text) {
    size_t len = strlen(text);
    uint32_t len32 = (uint32_t)len;
    align(fb, len + 1, sizeof len32);
    prepend(fb, text, len + 1);
    prepend(fb, &len32, sizeof len32);
    return here(fb);
}

flatbuffer_ref flatbuffer_structs(struct flatbuffer *fb, const void *structs, size_t count, size_t size) {
    return put_vector(fb, structs, count, size, sizeof(int64_t));
}

flatbuffer_ref flatbuffer_int32s(struct flatbuffer *fb, const int32_t *values, size_t count) {
    return put_vector(fb, values, count, sizeof *values, sizeof *values);
}

/* A reference counts from its own place. */
static void prepend_ref(struct flatbuffer *fb, flatbuffer_ref ref) {
    uint32_t distance = (uint32_t)(fb->used + sizeof distance - ref);
    prepend(fb, &distance, sizeof distance);
}

flatbuffer_ref flatbuffer_refs(struct flatbuffer *fb, const flatbuffer_ref *refs, size_t count) {
    uint32_t count32 = (uint32_t)count;
    align(fb, 0, sizeof count32);
    for (size_t i = count; i-- > 0;)
        prepend_ref(fb, refs[i]);
    prepend(fb, &count32, sizeof count32);
    return here(fb);
}

void flatbuffer_begin(struct flatbuffer *fb) {
    memset(fb->fields, 0, sizeof fb->fields);
    fb->table_end = fb->used;
}

static void add(struct flatbuffer *fb, unsigned field, const void *v, size_t size) {
    align(fb, size, size);
    prepend(fb, v, size);
    fb->fields[field] = here(fb);
}

void flatbuffer_add_int8(struct flatbuffer *fb, unsigned field, int8_t v) {
    add(fb, field, &v, sizeof v);
}

void flatbuffer_add_int16(struct flatbuffer *fb, unsigned field, int16_t v) {
    add(fb, field, &v, sizeof v);
}

void flatbuffer_add_int32(struct flatbuffer *fb, unsigned field, int32_t v) {
    add(fb, field, &v, sizeof v);
}

void flatbuffer_add_int64(struct flatbuffer *fb, unsigned field, int64_t v) {
    add(fb, field, &v, sizeof v);
}

void flatbuffer_add_ref(struct flatbuffer *fb, unsigned field, flatbuffer_ref ref) {
    align(fb, sizeof ref, sizeof ref);
    prepend_ref(fb, ref);
    fb->fields[field] = here(fb);
}

flatbuffer_ref flatbuffer_end(struct flatbuffer *fb) {
    size_t count = FLATBUFFER_FIELDS_MAX;
    while (count > 0 && fb->fields[count - 1] == 0)
        count--;
    align(fb, sizeof(int32_t), sizeof(int32_t));
    grow(fb, sizeof(int32_t));
    flatbuffer_ref table = here(fb);

    uint16_t vtable[2 + FLATBUFFER_FIELDS_MAX];
    vtable[0] = (uint16_t)((2 + count) * sizeof *vtable);
    vtable[1] = (uint16_t)(table - fb->table_end);
    for (size_t i = 0; i < count; i++)
        vtable[2 + i] = (uint16_t)(fb->fields[i] ? table - fb->fields[i] : 0);
    align(fb, vtable[0], sizeof *vtable);
    prepend(fb, vtable, vtable[0]);

    int32_t back = (int32_t)(here(fb) - table);
    memcpy(fb->data + fb->cap - table, &back, sizeof back);
    return table;
}

const void *flatbuffer_finish(struct flatbuffer *fb, flatbuffer_ref root, size_t *ret_len) {
    align(fb, sizeof(uint32_t), sizeof(int64_t));
    prepend_ref(fb, root);
    *ret_len = fb->used;
    return fb->data + fb->cap - fb->used;
}
