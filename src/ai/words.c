#include "ai/words.h"

#include "ai/fold.h"
#include "base/alloc.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <string.h>

#define FIRST_SLOTS 256u

static void grow_slots(struct words *w) {
    w->slot_count = w->slot_count ? w->slot_count * 4 : FIRST_SLOTS;
    lh_free(w->slots);
    w->slots = lh_calloc(w->slot_count, sizeof *w->slots);
    for (uint32_t i = 0; i < w->count; i++) {
        uint32_t at = (uint32_t)w->items[i].hash & (w->slot_count - 1);
        while (w->slots[at])
            at = (at + 1) & (w->slot_count - 1);
        w->slots[at] = i + 1;
    }
}

/* The letters from `begin` on are a word: count it, and forget its letters where it is known. */
static void end_word(struct words *w, uint32_t begin) {
    uint64_t hash = 1;
    if (w->point_count == begin)
        return;
    for (uint32_t i = begin; i < w->point_count; i++)
        hash = words_hash_step(hash, w->points[i]);
    hash = words_hash_end(hash) | 1; /* never 0 */
    uint32_t at = (uint32_t)hash & (w->slot_count - 1);
    while (w->slots[at] && w->items[w->slots[at] - 1].hash != hash)
        at = (at + 1) & (w->slot_count - 1);
    uint32_t number;
    if (w->slots[at]) {
        number = w->slots[at] - 1;
        w->items[number].times++;
        w->point_count = begin;
    } else {
        if (w->count == w->cap) {
            w->cap = w->cap ? w->cap * 2 : 128;
            w->items = lh_realloc(w->items, w->cap * sizeof *w->items);
        }
        number = w->count++;
        w->items[number] = (struct words_word){hash, begin, w->point_count - begin, 1};
        w->slots[at] = w->count;
        if (w->count * 2 > w->slot_count)
            grow_slots(w);
    }
    if (w->sequence_count == w->sequence_cap) {
        w->sequence_cap = w->sequence_cap ? w->sequence_cap * 2 : 256;
        w->sequence = lh_realloc(w->sequence, w->sequence_cap * sizeof *w->sequence);
    }
    w->sequence[w->sequence_count++] = number;
}

static void clear(struct words *w, size_t len) {
    /* Folding never makes more letters than there were bytes. */
    if (w->point_cap < len) {
        w->point_cap = (uint32_t)len;
        lh_free(w->points);
        w->points = lh_malloc(len * sizeof *w->points);
    }
    if (w->slots)
        memset(w->slots, 0, w->slot_count * sizeof *w->slots);
    w->point_count = w->count = w->sequence_count = 0;
    if (!w->slots)
        grow_slots(w);
}

/* "c++" and "c#" are names, "don't" is one word: a sign that parts no word, where it stands behind these letters.  *ret_skip:
 * it is dropped. */
static bool joins(const struct words *w, uint32_t begin, uint32_t point, bool *ret_skip) {
    uint32_t letters = w->point_count - begin;
    if (letters == 0)
        return false;
    *ret_skip = point == '\'' || point == 0x2019;
    if (point == '#' || point == '+')
        return letters == 1 || (letters == 2 && w->points[begin + 1] == '+');
    return *ret_skip;
}

void words_read(struct words *w, const char *text, size_t len) {
    uint32_t begin = 0;
    clear(w, len);
    for (size_t at = 0; at < len;) {
        uint32_t point = 0;
        uint32_t folded[FOLD_MAX];
        size_t count = 0;
        size_t step = utf8_decode(text + at, len - at, &point);
        enum fold_kind kind = step ? fold_point(point, folded, &count) : FOLD_BREAK;
        bool skip = false;
        if (kind == FOLD_BREAK && joins(w, begin, point, &skip)) {
            kind = skip ? FOLD_SKIP : FOLD_LETTER;
            folded[0] = point;
            count = !skip;
        }
        if (kind == FOLD_BREAK || kind == FOLD_SIGN) {
            end_word(w, begin);
            begin = w->point_count;
        }
        for (size_t i = 0; i < count; i++)
            w->points[w->point_count++] = folded[i];
        if (kind == FOLD_SIGN) {
            end_word(w, begin);
            begin = w->point_count;
        }
        at += step ? step : 1;
    }
    end_word(w, begin);
}

void words_release(struct words *w) {
    lh_free(w->points);
    lh_free(w->items);
    lh_free(w->sequence);
    lh_free(w->slots);
    *w = (struct words){0};
}
