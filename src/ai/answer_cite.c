/* What an answer says, held against the passages that it names. */
#include "ai/answer_internal.h"
#include "ai/chunk.h"
#include "ai/lexical_internal.h"
#include "ai/words.h"
#include "base/alloc.h"

#include <string.h>

#define EXCERPT_CHARACTERS 320u

/* ---- how much of one text stands in another ---- */

static double rarity_of(const struct lexical_weights *weights, const struct words *w, double *ret_shared,
                        const struct words *other) {
    double all = 0;
    double shared = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        double rarity = lexical_rarity(weights, w->items[i].hash);
        bool found = false;
        for (uint32_t j = 0; j < other->count && !found; j++)
            found = other->items[j].hash == w->items[i].hash;
        all += rarity;
        shared += found ? rarity : 0;
    }
    *ret_shared = shared;
    return all;
}

enum lh_code answer_find_excerpt(const struct answer_passage *passage, const char *text, size_t len,
                                 struct answer_excerpt *ret_excerpt, struct lh_err *err) {
    LH_AUTO(lexical_weights) struct lexical_weights *weights = lexical_weights_builtin();
    LH_AUTO(words) struct words claim = {0};
    LH_AUTO(words) struct words piece = {0};
    words_read(&claim, text, len);
    const struct chunk_options options = {CHUNK_CHARACTERS, EXCERPT_CHARACTERS, 0};
    LH_AUTO(chunker) struct chunker *chunker = NULL;
    LH_TRY(chunker_new(&options, &chunker, err));
    const struct chunk *chunks;
    size_t count;
    LH_TRY(chunker_run(chunker, passage->text, passage->len, &chunks, &count, err));
    struct answer_excerpt best = {0, 0, -1};
    for (size_t i = 0; i < count; i++) {
        double shared;
        words_read(&piece, passage->text + chunks[i].begin, chunks[i].end - chunks[i].begin);
        double all = rarity_of(weights, &claim, &shared, &piece);
        double support = all > 0 ? shared / all : 0;
        if (support > best.support)
            best = (struct answer_excerpt){chunks[i].begin, chunks[i].end, support};
    }
    if (best.support < 0)
        best = (struct answer_excerpt){0, 0, 0};
    *ret_excerpt = best;
    return LH_OK;
}

/* ---- markers ---- */

/* "[12]" at `at`: its length, and the number; 0 where there is none. */
static size_t marker_at(const struct buf *text, size_t at, size_t *ret_number) {
    if (text->data[at] != '[')
        return 0;
    size_t i = at + 1;
    size_t number = 0;
    while (i < text->len && text->data[i] >= '0' && text->data[i] <= '9' && i - at <= 4)
        number = number * 10 + (size_t)(text->data[i++] - '0');
    if (i == at + 1 || i >= text->len || text->data[i] != ']')
        return 0;
    *ret_number = number;
    return i + 1 - at;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool ends_sentence(char c) {
    return c == '.' || c == '!' || c == '?' || c == '\n';
}

/* Where the claim before `end` begins: behind the sentence, line or marker before it.  Its own full stop may stand on either
 * side of the marker. */
static size_t claim_begin(const struct buf *text, size_t end, size_t floor) {
    size_t i = end;
    while (i > floor && (is_blank(text->data[i - 1]) || ends_sentence(text->data[i - 1])))
        i--;
    while (i > floor && !(ends_sentence(text->data[i - 1]) &&
                          (i == text->len || is_blank(text->data[i]) || text->data[i - 1] == '\n')))
        i--;
    while (i < end && is_blank(text->data[i]))
        i++;
    return i;
}

enum lh_code answer_cite(const struct answer_request *request, struct answer *a, struct lh_err *err) {
    size_t cap = 0;
    size_t floor = 0;                /* behind the last marker */
    size_t claim = 0, claim_end = 0; /* the last claim, which markers in a row share */
    for (size_t i = 0; i < a->text.len;) {
        size_t number;
        size_t len = marker_at(&a->text, i, &number);
        if (len == 0 || number == 0 || number > a->passages_used) {
            i++;
            continue;
        }
        bool in_a_row = floor > 0 && strspn(a->text.data + floor, " ,") >= i - floor;
        if (!in_a_row) {
            claim_end = i;
            while (claim_end > floor && is_blank(a->text.data[claim_end - 1]))
                claim_end--;
            claim = claim_begin(&a->text, claim_end, floor);
        }
        struct answer_excerpt excerpt;
        LH_TRY(answer_find_excerpt(&request->passages[number - 1], a->text.data + claim, claim_end - claim, &excerpt,
                                   err));
        if (a->citation_count == cap) {
            cap = cap ? cap * 2 : 8;
            a->citations = lh_realloc(a->citations, cap * sizeof *a->citations);
        }
        a->citations[a->citation_count++] = (struct answer_citation){.passage = number - 1,
                                                                     .excerpt_begin = excerpt.begin,
                                                                     .excerpt_end = excerpt.end,
                                                                     .claim_begin = claim,
                                                                     .claim_end = claim_end,
                                                                     .support = excerpt.support,
                                                                     .supported = excerpt.support >= ANSWER_SUPPORTED};
        i += len;
        floor = i;
    }
    return LH_OK;
}
