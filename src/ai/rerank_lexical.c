/* The built-in reranker: the formula is in ai/rerank.h. */
#include "ai/lexical_internal.h"
#include "ai/rerank.h"
#include "ai/words.h"
#include "base/alloc.h"

#include <math.h>
#include <string.h>

#define TERMS_MAX 64u /* of a query; later words are heard in the embedding alone */
#define BM25_K1 1.2
#define BM25_B 0.75
#define STEM_LETTERS 4u
#define ENDING_LETTERS 3u
#define INFLECTED 0.5

/* What one text has of the query's words. */
struct terms_found {
    float times[TERMS_MAX]; /* an inflected one counts INFLECTED */
    float best[TERMS_MAX];  /* 1, INFLECTED or 0 */
    float closeness;        /* 0 to 1 */
    float length;           /* words */
};

static bool same_stem(const struct words *a, const struct words_word *x, const struct words *b,
                      const struct words_word *y) {
    uint32_t least = x->length < y->length ? x->length : y->length, shared = 0;
    const uint32_t *of_x = a->points + x->begin, *of_y = b->points + y->begin;
    while (shared < least && of_x[shared] == of_y[shared])
        shared++;
    return shared >= STEM_LETTERS && x->length - shared <= ENDING_LETTERS && y->length - shared <= ENDING_LETTERS;
}

static uint32_t term_count(const struct words *query) {
    return query->count < TERMS_MAX ? query->count : TERMS_MAX;
}

/* For each word of the text the term that it stands for, from 1; 0: none.  Exact before inflected, earlier before later. */
static void match(const struct words *query, const struct words *text, uint8_t *term_of, struct terms_found *f) {
    for (uint32_t i = 0; i < text->count; i++) {
        const struct words_word *word = &text->items[i];
        term_of[i] = 0;
        for (uint32_t t = 0; t < term_count(query); t++) {
            bool same = query->items[t].hash == word->hash;
            if (!same && (term_of[i] || !same_stem(query, &query->items[t], text, word)))
                continue;
            term_of[i] = (uint8_t)(t + 1);
            if (same)
                break;
        }
        if (term_of[i] == 0)
            continue;
        uint32_t t = term_of[i] - 1u;
        float worth = query->items[t].hash == word->hash ? 1.0f : (float)INFLECTED;
        f->times[t] += worth * (float)word->times;
        f->best[t] = worth > f->best[t] ? worth : f->best[t];
    }
}

/* The shortest stretch that has every term which the text has: two ends that move forward. */
static float closeness(const struct words *text, const uint8_t *term_of, const struct terms_found *f) {
    uint32_t held[TERMS_MAX] = {0}, wanted = 0, have = 0, begin = 0, shortest = 0;
    for (uint32_t t = 0; t < TERMS_MAX; t++)
        wanted += f->best[t] > 0;
    if (wanted < 2)
        return 0;
    for (uint32_t end = 0; end < text->sequence_count; end++) {
        uint8_t term = term_of[text->sequence[end]];
        if (term > 0 && held[term - 1]++ == 0)
            have++;
        for (; have == wanted; begin++) {
            uint32_t stretch = end - begin + 1;
            if (shortest == 0 || stretch < shortest)
                shortest = stretch;
            uint8_t leaving = term_of[text->sequence[begin]];
            if (leaving > 0 && --held[leaving - 1] == 0)
                have--;
        }
    }
    return shortest > 0 ? (float)(wanted - 1) / (float)(shortest - 1) : 0;
}

static void look(const struct words *query, const struct ai_text *text, struct words *scratch,
                 struct terms_found *ret_found) {
    struct terms_found f = {.times = {0}};
    words_read(scratch, text->data, text->len);
    LH_AUTO(mem) uint8_t *term_of = lh_malloc((size_t)scratch->count + 1);
    match(query, scratch, term_of, &f);
    f.closeness = closeness(scratch, term_of, &f);
    f.length = (float)scratch->sequence_count;
    *ret_found = f;
}

static void weigh(const struct lexical_weights *weights, const struct words *query, const struct terms_found *found,
                  size_t count, double *ret_weights) {
    for (uint32_t t = 0; t < term_count(query); t++) {
        size_t having = 0;
        for (size_t i = 0; i < count; i++)
            having += found[i].best[t] > 0;
        double among = log(1 + ((double)(count - having) + 0.5) / ((double)having + 0.5));
        ret_weights[t] = lexical_rarity(weights, query->items[t].hash) * among;
    }
}

static double score_words(const struct terms_found *f, const double *weights, uint32_t terms, double mean_length) {
    double all = 0, bm25 = 0, share = 0;
    double drag = BM25_K1 * (1 - BM25_B + BM25_B * (double)f->length / mean_length);
    for (uint32_t t = 0; t < terms; t++) {
        all += weights[t];
        share += weights[t] * (double)f->best[t];
        if (f->times[t] > 0)
            bm25 += weights[t] * (double)f->times[t] / ((double)f->times[t] + drag);
    }
    if (!(all > 0))
        return 0;
    double close = terms == 1 ? 1 : (double)f->closeness;
    return 0.40 * bm25 / all + 0.25 * share / all + 0.15 * close * share / all;
}

static double dot(const float *a, const float *b) {
    double sum = 0;
    for (unsigned i = 0; i < LEXICAL_DIMS; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

void rerank_lexical(const struct lexical_weights *weights, const struct ai_text *query, const struct ai_text *texts,
                    size_t count, double *ret_scores) {
    LH_AUTO(words) struct words words = {0};
    LH_AUTO(words) struct words scratch = {0};
    LH_AUTO(mem) struct terms_found *found = lh_calloc(count + 1, sizeof *found);
    double term_weights[TERMS_MAX], length = 0;
    float of_query[LEXICAL_DIMS], of_text[LEXICAL_DIMS];
    words_read(&words, query->data, query->len);
    for (size_t i = 0; i < count; i++) {
        look(&words, &texts[i], &scratch, &found[i]);
        length += (double)found[i].length;
    }
    weigh(weights, &words, found, count, term_weights);
    lexical_embed(weights, LEXICAL_DIMS, query, 1, of_query);
    for (size_t i = 0; i < count; i++) {
        lexical_embed(weights, LEXICAL_DIMS, &texts[i], 1, of_text);
        double near = dot(of_query, of_text);
        double mean = length > 0 ? length / (double)count : 1;
        ret_scores[i] = score_words(&found[i], term_weights, term_count(&words), mean) + 0.20 * (near > 0 ? near : 0);
    }
}
