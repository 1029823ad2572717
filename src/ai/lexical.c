/* The recipe; ai/lexical.h describes it. */
#include "ai/lexical.h"

#include "ai/lexical_internal.h"
#include "ai/words.h"

#include <math.h>
#include <string.h>

#define MAX_DIMS 768
#define SPELLING_MIN 3
#define SPELLING_MAX 5
#define SPELLED_LETTERS 40u /* of a word; what is longer is no word of a language */
#define EDGE_OPEN 1u        /* stand for the word's edges: no letters */
#define EDGE_CLOSE 2u
#define WORD_PLACES 4
#define PAIR_PLACES 2
#define SCALE 16 /* weights are sums of 1/256/16ths, so that rounding them does not show */

struct sums {
    int64_t at[MAX_DIMS];
    unsigned dims;
};

static void add(struct sums *s, uint64_t feature, int64_t weight) {
    uint64_t place = (feature >> 32) * s->dims >> 32;
    s->at[place] += feature & 1 ? weight : -weight;
}

/* The integer below the root: IEEE 754 rounds sqrt exactly, so this is the same everywhere. */
static int64_t root(uint64_t value) {
    return (int64_t)sqrt((double)value);
}

static void add_places(struct sums *s, uint64_t hash, unsigned places, int64_t weight) {
    for (unsigned i = 1; i <= places; i++)
        add(s, words_hash_end(hash + i * 0xD1B54A32D192ED03u), weight);
}

/* The word's letters in rows of 3, 4 and 5, edges included; `weight` is that of all of them together. */
static void add_spellings(struct sums *s, const uint32_t *letters, uint32_t length, int64_t weight) {
    uint32_t text[SPELLED_LETTERS + 2];
    uint32_t size = (length < SPELLED_LETTERS ? length : SPELLED_LETTERS) + 2;
    text[0] = EDGE_OPEN;
    memcpy(text + 1, letters, (size - 2) * sizeof *text);
    text[size - 1] = EDGE_CLOSE;
    uint32_t rows = 0;
    for (uint32_t n = SPELLING_MIN; n <= SPELLING_MAX && n <= size; n++)
        rows += size - n + 1;
    int64_t each = root((uint64_t)(weight * weight) / rows);
    for (uint32_t begin = 0; begin + SPELLING_MIN <= size; begin++) {
        uint64_t hash = 2;
        for (uint32_t n = 1; n <= SPELLING_MAX && begin + n <= size; n++) {
            hash = words_hash_step(hash, text[begin + n - 1]);
            if (n >= SPELLING_MIN)
                add(s, words_hash_end(hash + n), each);
        }
    }
}

static void add_text(struct sums *s, const struct lexical_weights *weights, const struct words *w) {
    for (uint32_t i = 0; i < w->count; i++) {
        const struct words_word *word = &w->items[i];
        int64_t weight = lexical_rarity(weights, word->hash) * root((uint64_t)word->times * SCALE * SCALE);
        add_places(s, word->hash, WORD_PLACES, weight / 2); /* four halves have the length of one whole */
        add_spellings(s, w->points + word->begin, word->length, weight / 2);
    }
    for (uint32_t i = 1; i < w->sequence_count; i++) {
        uint64_t first = w->items[w->sequence[i - 1]].hash, second = w->items[w->sequence[i]].hash;
        uint32_t rarity = lexical_rarity(weights, first), other = lexical_rarity(weights, second);
        int64_t weight = (int64_t)(rarity < other ? rarity : other) * SCALE / 2;
        add_places(s, words_hash_step(words_hash_step(3, first), second), PAIR_PLACES, weight * 181 / 256);
    }
}

/* Exact, so that the length is the same on every machine. */
__extension__ typedef unsigned __int128 sum_of_squares;

static void write_unit(const struct sums *s, float *ret_vector) {
    sum_of_squares squares = 0;
    for (unsigned i = 0; i < s->dims; i++) {
        uint64_t size = (uint64_t)(s->at[i] < 0 ? -s->at[i] : s->at[i]);
        squares += (sum_of_squares)size * size;
    }
    double length = sqrt((double)squares);
    for (unsigned i = 0; i < s->dims; i++)
        ret_vector[i] = (float)((double)s->at[i] / length);
}

bool lexical_dims_valid(unsigned dims) {
    return dims == 384 || dims == 768;
}

void lexical_embed(const struct lexical_weights *weights, unsigned dims, const struct ai_text *texts, size_t count,
                   float *ret_vectors) {
    LH_AUTO(words) struct words w = {0};
    struct sums s;
    for (size_t i = 0; i < count; i++) {
        memset(s.at, 0, sizeof s.at);
        s.dims = dims;
        words_read(&w, texts[i].data, texts[i].len);
        add_text(&s, weights, &w);
        bool empty = true;
        for (unsigned d = 0; d < dims && empty; d++)
            empty = s.at[d] == 0;
        if (empty) /* no words, or such that cancel each other out */
            add_places(&s, 1, WORD_PLACES, SCALE);
        write_unit(&s, ret_vectors + i * dims);
    }
}
