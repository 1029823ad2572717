/* A text taken apart into words for the built-in embedding (ai/lexical.h says what a word is).  One thread's; the memory is
 * kept from text to text. */
#ifndef LH_AI_WORDS_H
#define LH_AI_WORDS_H

#include <stddef.h>
#include <stdint.h>

struct words_word {
    uint64_t hash;   /* of its folded letters; never 0 */
    uint32_t begin;  /* of its letters in `points` */
    uint32_t length; /* letters */
    uint32_t times;  /* that it occurs */
};

struct words {
    uint32_t *points; /* the folded letters of every word, one after the other */
    uint32_t point_count, point_cap;
    struct words_word *items; /* each different word once, in order of first occurrence */
    uint32_t count, cap;
    uint32_t *sequence; /* the text: numbers of items */
    uint32_t sequence_count, sequence_cap;
    uint32_t *slots; /* open addressing over `items`: number + 1, or 0 */
    uint32_t slot_count;
};

/* A zeroed struct is ready.  Texts of up to 1 GiB. */
void words_read(struct words *w, const char *text, size_t len);
void words_release(struct words *w);

static inline void words_auto_release(struct words *w) {
    words_release(w);
}

/* One step of every hash of the recipe, and its last: good bits everywhere. */
static inline uint64_t words_hash_step(uint64_t hash, uint64_t value) {
    hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 32;
}
static inline uint64_t words_hash_end(uint64_t hash) {
    hash = (hash ^ hash >> 29) * 0xBF58476D1CE4E5B9u;
    return hash ^ hash >> 32;
}

#endif
