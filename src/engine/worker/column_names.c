#include "engine/worker/column_names.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES ((size_t)255)
#define SUFFIX_BYTES ((size_t)12)

static uint64_t name_hash(const char *name) {
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * UINT64_C(1099511628211);
    }
    return h;
}

/* The slot that holds the name, or the free one where it would go. */
static size_t find_slot(const struct column_names *n, const char *name) {
    size_t at = (size_t)name_hash(name) & (n->slot_count - 1);
    while (n->slots[at] && strcasecmp(n->items[n->slots[at] - 1], name) != 0)
        at = (at + 1) & (n->slot_count - 1);
    return at;
}

static void grow(struct column_names *n) {
    if (n->count < n->capacity)
        return;
    n->capacity = n->capacity ? n->capacity * 2 : 32;
    n->items = lh_realloc(n->items, n->capacity * sizeof *n->items);
    n->original = lh_realloc(n->original, n->capacity * sizeof *n->original);
    lh_free(n->slots);
    n->slot_count = n->capacity * 4;
    n->slots = lh_calloc(n->slot_count, sizeof *n->slots);
    for (size_t i = 0; i < n->count; i++)
        n->slots[find_slot(n, n->items[i])] = i + 1;
}

static void clean(const char *text, size_t len, size_t index, struct buf *name) {
    while (len && (*text == ' ' || *text == '\t')) {
        text++;
        len--;
    }
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
        len--;
    if (len == 0) {
        buf_printf(name, "column_%zu", index + 1);
        return;
    }
    if (len > NAME_MAX_BYTES) {
        len = NAME_MAX_BYTES;
        while (len && ((unsigned char)text[len] & 0xC0) == 0x80)
            len--;
    }
    buf_append(name, text, len);
    for (size_t i = 0; i < name->len; i++)
        if ((unsigned char)name->data[i] < 0x20 || name->data[i] == 0x7F)
            name->data[i] = '_';
}

size_t column_names_add(struct column_names *n, const char *text, size_t len) {
    grow(n);
    LH_AUTO(buf) struct buf name = BUF_INIT;
    clean(text, len, n->count, &name);
    size_t stem = name.len, slot = find_slot(n, buf_cstr(&name));
    if (n->slots[slot] && stem > NAME_MAX_BYTES - SUFFIX_BYTES) {
        stem = NAME_MAX_BYTES - SUFFIX_BYTES;
        while (stem && ((unsigned char)name.data[stem] & 0xC0) == 0x80)
            stem--;
    }
    for (unsigned suffix = 2; n->slots[slot]; suffix++) {
        buf_truncate(&name, stem);
        buf_printf(&name, "_%u", suffix);
        slot = find_slot(n, buf_cstr(&name));
    }
    bool same = len == 0 || (name.len == len && memcmp(name.data, text, len) == 0);
    n->items[n->count] = buf_detach(&name);
    n->original[n->count] = same ? NULL : lh_strndup(text, len);
    n->slots[slot] = n->count + 1;
    return n->count++;
}

void column_names_deinit(struct column_names *n) {
    for (size_t i = 0; i < n->count; i++) {
        lh_free(n->items[i]);
        lh_free(n->original[i]);
    }
    lh_free(n->items);
    lh_free(n->original);
    lh_free(n->slots);
    *n = (struct column_names){.items = NULL};
}
