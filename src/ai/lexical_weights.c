/* How rare each word is: counted, kept, read back.  docs/formats/lexical-weights.md has the bytes. */
#include "ai/lexical.h"

#include "ai/lexical_internal.h"
#include "ai/words.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/hash.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_WORDS 65536u
#define COUNTED_WORDS (1u << 20)
#define UNKNOWN_BUILTIN 2048u /* of a word that is in no list by hand: 8, one text of three thousand */
#define LEAST_RARITY 64u      /* a quarter: a word in every text still tells a little */

/* ---- the table ---- */

struct entry {
    uint32_t print; /* the lower half of the word's hash, which is odd: 0 is free */
    uint32_t rarity;
};

struct lexical_weights {
    uint32_t slot_count; /* a power of two, at least twice the entries */
    uint32_t count;
    uint32_t unknown; /* rarity of every other word */
    uint64_t documents;
    uint64_t id;
    struct entry slots[];
};

/* The lower half is the print, so the upper one finds the place. */
static struct entry *find(struct lexical_weights *w, uint32_t print) {
    uint32_t at = (print * 0x9E3779B1u >> 7) & (w->slot_count - 1);
    while (w->slots[at].print && w->slots[at].print != print)
        at = (at + 1) & (w->slot_count - 1);
    return &w->slots[at];
}

uint32_t lexical_rarity(const struct lexical_weights *w, uint64_t word_hash) {
    const struct entry *e = find((struct lexical_weights *)(uintptr_t)w, (uint32_t)word_hash);
    return e->print ? e->rarity : w->unknown;
}

static struct lexical_weights *weights_new(uint32_t count, uint32_t unknown, uint64_t documents) {
    uint32_t slot_count = 64;
    while (slot_count < count * 2)
        slot_count *= 2;
    struct lexical_weights *w = lh_calloc(1, sizeof *w + slot_count * sizeof w->slots[0]);
    w->slot_count = slot_count;
    w->unknown = unknown;
    w->documents = documents;
    return w;
}

/* The commonest meaning wins where two words share a print. */
static void put(struct lexical_weights *w, uint32_t print, uint32_t rarity) {
    struct entry *e = find(w, print);
    if (!e->print) {
        *e = (struct entry){print, rarity};
        w->count++;
    } else if (rarity < e->rarity) {
        e->rarity = rarity;
    }
}

static void set_id(struct lexical_weights *w) {
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    unsigned char digest[LH_SHA256_BYTES];
    lexical_weights_write(w, &bytes);
    lh_sha256(bytes.data, bytes.len, digest);
    memcpy(&w->id, digest, sizeof w->id);
}

uint64_t lexical_weights_id(const struct lexical_weights *w) {
    return w->id;
}

void lexical_weights_free(struct lexical_weights *w) {
    lh_free(w);
}

struct lexical_weights *lexical_weights_builtin(void) {
    LH_AUTO(words) struct words words = {0};
    struct lexical_weights *w = weights_new(1024, UNKNOWN_BUILTIN, 0);
    for (size_t i = 0; i < lexical_common_count; i++) {
        const struct lexical_common *common = &lexical_common_words[i];
        words_read(&words, common->words, strlen(common->words));
        for (uint32_t k = 0; k < words.count; k++)
            put(w, (uint32_t)words.items[k].hash, common->rarity);
    }
    set_id(w);
    return w;
}

/* ---- counting ---- */

struct tally {
    uint64_t hash; /* 0: free */
    uint32_t documents;
};

struct lexical_counter {
    struct words words;
    struct tally *slots;
    uint32_t slot_count; /* a power of two */
    uint32_t count;
    uint64_t documents;
};

struct lexical_counter *lexical_counter_new(void) {
    struct lexical_counter *c = lh_calloc(1, sizeof *c);
    c->slot_count = 4096;
    c->slots = lh_calloc(c->slot_count, sizeof *c->slots);
    return c;
}

void lexical_counter_free(struct lexical_counter *c) {
    if (!c)
        return;
    words_release(&c->words);
    lh_free(c->slots);
    lh_free(c);
}

uint64_t lexical_counter_documents(const struct lexical_counter *c) {
    return c->documents;
}

static struct tally *tally_of(const struct lexical_counter *c, uint64_t hash) {
    uint32_t at = (uint32_t)(hash >> 32) & (c->slot_count - 1);
    while (c->slots[at].hash && c->slots[at].hash != hash)
        at = (at + 1) & (c->slot_count - 1);
    return &c->slots[at];
}

/* Into `slot_count` slots, without the words that fewer than `least` documents have. */
static void rebuild(struct lexical_counter *c, uint32_t slot_count, uint32_t least) {
    struct tally *old = c->slots;
    uint32_t old_count = c->slot_count;
    c->slots = lh_calloc(slot_count, sizeof *c->slots);
    c->slot_count = slot_count;
    c->count = 0;
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i].hash && old[i].documents >= least) {
            *tally_of(c, old[i].hash) = old[i];
            c->count++;
        }
    lh_free(old);
}

static void make_room(struct lexical_counter *c) {
    if (c->count * 2 < c->slot_count)
        return;
    if (c->slot_count < COUNTED_WORDS * 2)
        rebuild(c, c->slot_count * 2, 1);
    for (uint32_t least = 2; c->count * 2 >= c->slot_count; least *= 2)
        rebuild(c, c->slot_count, least);
}

void lexical_counter_add(struct lexical_counter *c, const char *text, size_t len) {
    words_read(&c->words, text, len);
    c->documents++;
    for (uint32_t i = 0; i < c->words.count; i++) {
        struct tally *t = tally_of(c, c->words.items[i].hash);
        if (t->hash) {
            t->documents++;
            continue;
        }
        *t = (struct tally){c->words.items[i].hash, 1};
        c->count++;
        make_room(c);
    }
}

/* ---- learning ---- */

static uint32_t rarity_of(uint64_t documents, uint64_t holding) {
    double rarity = 256 * log((double)(documents + 1) / (double)(holding + 1)) + LEAST_RARITY;
    return (uint32_t)lround(rarity);
}

static int by_frequency(const void *a, const void *b) {
    const struct tally *x = a, *y = b;
    if (x->documents != y->documents)
        return x->documents < y->documents ? 1 : -1;
    return x->hash < y->hash ? -1 : x->hash > y->hash;
}

struct lexical_weights *lexical_weights_learn(const struct lexical_counter *c) {
    if (c->documents < LEXICAL_LEARN_MIN)
        return lexical_weights_builtin();
    struct tally *common = lh_malloc((c->count + 1) * sizeof *common);
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->slot_count; i++)
        if (c->slots[i].documents > 1) /* those of one document are as rare as unknown ones */
            common[count++] = c->slots[i];
    qsort(common, count, sizeof *common, by_frequency);
    if (count > KEPT_WORDS)
        count = KEPT_WORDS;
    struct lexical_weights *w = weights_new(count, rarity_of(c->documents, 1), c->documents);
    for (uint32_t i = 0; i < count; i++)
        put(w, (uint32_t)common[i].hash, rarity_of(c->documents, common[i].documents));
    lh_free(common);
    set_id(w);
    return w;
}

/* ---- bytes ---- */

#define MAGIC "LHLEX\0\0\1"
#define HEAD_BYTES 24u /* magic 8, documents 8, count 4, unknown 4 */
#define ENTRY_BYTES 6u /* print 4, rarity 2 */

static void put_le(struct buf *out, uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; i++)
        buf_append_char(out, (char)(value >> 8 * i & 0xFF));
}

static uint64_t get_le(const unsigned char *at, unsigned bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static int by_print(const void *a, const void *b) {
    uint32_t x = ((const struct entry *)a)->print, y = ((const struct entry *)b)->print;
    return x < y ? -1 : x > y;
}

void lexical_weights_write(const struct lexical_weights *w, struct buf *out) {
    size_t begin = out->len;
    struct entry *sorted = lh_malloc((w->count + 1) * sizeof *sorted);
    size_t count = 0;
    for (uint32_t i = 0; i < w->slot_count; i++)
        if (w->slots[i].print)
            sorted[count++] = w->slots[i];
    qsort(sorted, count, sizeof *sorted, by_print);
    buf_append(out, MAGIC, 8);
    put_le(out, w->documents, 8);
    put_le(out, count, 4);
    put_le(out, w->unknown, 4);
    for (size_t i = 0; i < count; i++) {
        put_le(out, sorted[i].print, 4);
        put_le(out, sorted[i].rarity, 2);
    }
    put_le(out, lh_crc32c(0, out->data + begin, out->len - begin), 4);
    lh_free(sorted);
}

enum lh_code lexical_weights_read(const void *data, size_t len, struct lexical_weights **ret_weights,
                                  struct lh_err *err) {
    const unsigned char *bytes = data;
    if (len < HEAD_BYTES + 4 || memcmp(bytes, MAGIC, 8) != 0)
        return lh_fail(err, LH_CORRUPT, "these are no lexical weights of a version that this program reads");
    uint64_t documents = get_le(bytes + 8, 8), count = get_le(bytes + 16, 4), unknown = get_le(bytes + 20, 4);
    if (count > KEPT_WORDS || len != HEAD_BYTES + count * ENTRY_BYTES + 4 ||
        get_le(bytes + len - 4, 4) != lh_crc32c(0, bytes, len - 4))
        return lh_fail(err, LH_CORRUPT, "the lexical weights are damaged: length or checksum is wrong");
    if (unknown < 1 || unknown > UINT16_MAX)
        return lh_fail(err, LH_CORRUPT, "the lexical weights are damaged: a rarity is out of range");
    struct lexical_weights *w = weights_new((uint32_t)count, (uint32_t)unknown, documents);
    uint32_t last = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t print = (uint32_t)get_le(bytes + HEAD_BYTES + i * ENTRY_BYTES, 4);
        uint32_t rarity = (uint32_t)get_le(bytes + HEAD_BYTES + i * ENTRY_BYTES + 4, 2);
        if (print <= last || rarity == 0) {
            lexical_weights_free(w);
            return lh_fail(err, LH_CORRUPT, "the lexical weights are damaged: entry %zu is out of order", i);
        }
        put(w, print, rarity);
        last = print;
    }
    set_id(w);
    *ret_weights = w;
    return LH_OK;
}
