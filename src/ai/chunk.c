/* Pieces into chunks, in one pass: pieces come one by one, and a chunk is cut off whenever they no longer fit.  Only the pieces
 * since the last chunk's begin are held, so memory does not grow with the document. */
#include "ai/chunk.h"

#include "ai/chunk_internal.h"
#include "base/alloc.h"
#include "base/cleanup.h"

#include <inttypes.h>
#include <string.h>

#define MAX_TEXT ((size_t)1 << 30)

struct chunker {
    struct chunk_options options;
    struct piece *pieces; /* first .. count: those from the begin of the chunk that is being filled */
    size_t first, count, cap;
    size_t done; /* pieces before this index are in a chunk already; first <= done <= count */
    struct chunk *chunks;
    size_t chunk_count, chunk_cap;
};

enum lh_code chunker_new(const struct chunk_options *options, struct chunker **ret_chunker, struct lh_err *err) {
    if (options->size < 1 || options->size > CHUNK_SIZE_MAX)
        return lh_fail(err, LH_INVALID, "the size of a chunk must be 1 to %u, not %u", CHUNK_SIZE_MAX, options->size);
    if (options->overlap > options->size / 2)
        return lh_fail(err, LH_INVALID, "chunks of %u may overlap by at most half of that, not by %u", options->size,
                       options->overlap);
    struct chunker *c = lh_calloc(1, sizeof *c);
    c->options = *options;
    *ret_chunker = c;
    return LH_OK;
}

void chunker_free(struct chunker *c) {
    if (!c)
        return;
    lh_free(c->pieces);
    lh_free(c->chunks);
    lh_free(c);
}

/* What pieces [from, to) measure together, with what lies between them. */
static uint32_t measure(const struct chunker *c, size_t from, size_t to) {
    if (from == to)
        return 0;
    const struct piece *a = &c->pieces[from], *b = &c->pieces[to - 1];
    if (c->options.unit == CHUNK_TOKENS)
        return b->tokens_before + b->tokens - a->tokens_before;
    return b->characters_before + b->characters - a->characters_before;
}

static void emit(struct chunker *c, size_t to) {
    const struct piece *first = &c->pieces[c->first], *last = &c->pieces[to - 1], *fresh = &c->pieces[c->done];
    size_t before = c->chunk_count ? c->chunks[c->chunk_count - 1].end : 0;
    if (c->chunk_count == c->chunk_cap) {
        c->chunk_cap = c->chunk_cap ? c->chunk_cap * 2 : 16;
        c->chunks = lh_realloc(c->chunks, c->chunk_cap * sizeof *c->chunks);
    }
    c->chunks[c->chunk_count++] = (struct chunk){
        .begin = first->begin,
        .end = last->end,
        .shared = first->begin < before ? before - first->begin : 0,
        .heading = fresh->heading,
        .heading_len = fresh->heading_len,
        .page = first->page,
        .last_page = last->page,
        .characters = last->characters_before + last->characters - first->characters_before,
        .tokens = last->tokens_before + last->tokens - first->tokens_before,
    };
}

/* Where to end the chunk that begins at `first`: the strongest boundary, the latest of equals, among those that leave it at
 * least half full. */
static size_t choose_end(const struct chunker *c) {
    size_t best = c->count - 1; /* the newest piece is the one that does not fit */
    for (size_t k = best; k > c->done && measure(c, c->first, k) >= c->options.size / 2; k--)
        if (c->pieces[k].gap > c->pieces[best].gap)
            best = k;
    return best;
}

/* Where the chunk after one that ends before piece `end` begins. */
static size_t choose_begin(const struct chunker *c, size_t end) {
    if (c->pieces[end].gap == GAP_HEADING)
        return end;
    size_t least = end;
    while (least > c->first + 1 && measure(c, least - 1, end) <= c->options.overlap)
        least--;
    size_t word = end;
    for (size_t k = least; k < end; k++) {
        if (c->pieces[k].gap >= GAP_LINE)
            return k;
        if (c->pieces[k].gap == GAP_WORD && word == end)
            word = k;
    }
    return word < end ? word : least;
}

static void add(struct chunker *c, const struct piece *piece) {
    if (c->count == c->cap && c->first > c->cap / 2) {
        memmove(c->pieces, c->pieces + c->first, (c->count - c->first) * sizeof *c->pieces);
        c->count -= c->first;
        c->done -= c->first;
        c->first = 0;
    }
    if (c->count == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 512;
        c->pieces = lh_realloc(c->pieces, c->cap * sizeof *c->pieces);
    }
    c->pieces[c->count++] = *piece;
    while (measure(c, c->first, c->count) > c->options.size) {
        if (c->done == c->count - 1) { /* nothing new yet: share less */
            c->first++;
            continue;
        }
        size_t end = choose_end(c);
        emit(c, end);
        c->first = choose_begin(c, end);
        c->done = end;
    }
}

enum lh_code chunker_run(struct chunker *c, const char *text, size_t len, const struct chunk **ret_chunks,
                         size_t *ret_count, struct lh_err *err) {
    struct scan scan;
    struct piece piece;
    bool more;
    if (len > MAX_TEXT)
        return lh_fail(err, LH_TOO_LARGE, "a text of %zu bytes is above the limit of %zu", len, MAX_TEXT);
    c->first = c->count = c->done = c->chunk_count = 0;
    scan_begin(&scan, &c->options, text, (uint32_t)len);
    for (;;) {
        LH_TRY(scan_next(&scan, &piece, &more, err));
        if (!more)
            break;
        add(c, &piece);
    }
    if (c->done < c->count)
        emit(c, c->count);
    *ret_chunks = c->chunks;
    *ret_count = c->chunk_count;
    return LH_OK;
}

size_t chunk_estimate_tokens(const char *text, size_t len) {
    static const struct chunk_options whole = {CHUNK_TOKENS, CHUNK_SIZE_MAX, 0};
    size_t tokens = 0;
    while (len > 0) {
        size_t part = len < MAX_TEXT ? len : MAX_TEXT;
        struct lh_err err = LH_ERR_INIT;
        struct scan scan;
        struct piece piece;
        bool more = true;
        scan_begin(&scan, &whole, text, (uint32_t)part);
        while (scan_next(&scan, &piece, &more, &err) == LH_OK && more)
            continue;
        tokens += scan.tokens;
        if (more) { /* not UTF-8: that byte counts as one, and on behind it */
            tokens++;
            part = scan.at + 1;
        }
        text += part;
        len -= part;
    }
    return tokens;
}
