/* An open-addressing table of hashes behind a Bloom filter.
 *
 * A single column of at most eight bytes needs no stored key: the hash is a bijection of its value, so equal hashes are equal
 * keys.  Of all other keys the bytes stand in one buffer, column after column, texts behind their length. */
#include "engine/worker/key_set.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "engine/worker/duckdb_api.h"

#include <string.h>

#define KEYS_MAX ((size_t)1 << 30)

struct slot {
    uint64_t hash;
    uint32_t number; /* + 1; 0: empty */
    uint32_t key;    /* where its bytes begin */
};

struct key_set {
    unsigned *widths;
    size_t column_count;
    bool bijective;
    uint64_t seed;
    struct slot *slots;
    size_t slot_mask;
    uint64_t *bloom; /* words; three bits of one of them are a key's */
    unsigned bloom_shift;
    size_t count, room;
    struct buf keys;
};

static size_t power_above(size_t n) {
    size_t power = 64;
    while (power < n)
        power *= 2;
    return power;
}

/* Half of the slots stay empty; 16 to 32 bits of the filter a key, so that one absent key in a hundred gets past it. */
static size_t slots_for(size_t keys) {
    return power_above(2 * keys);
}

static size_t bloom_words_for(size_t keys) {
    return power_above(keys / 4);
}

size_t key_set_estimate(size_t key_count) {
    return slots_for(key_count) * sizeof(struct slot) + bloom_words_for(key_count) * sizeof(uint64_t);
}

struct key_set *key_set_new(const unsigned *widths, size_t column_count, size_t key_count, uint64_t seed) {
    if (key_count > KEYS_MAX)
        return NULL;
    struct key_set *s = lh_calloc(1, sizeof *s);
    size_t slots = slots_for(key_count), words = bloom_words_for(key_count);
    *s = (struct key_set){
        .widths = lh_malloc(column_count * sizeof *widths),
        .column_count = column_count,
        .bijective = column_count == 1 && widths[0] != KEY_SET_TEXT && widths[0] <= 8,
        .seed = seed,
        .slots = lh_try_malloc(slots * sizeof *s->slots),
        .slot_mask = slots - 1,
        .bloom = lh_try_malloc(words * sizeof *s->bloom),
        .bloom_shift = (unsigned)(64 - __builtin_ctzll(words)),
        .room = key_count,
    };
    memcpy(s->widths, widths, column_count * sizeof *widths);
    if (!s->slots || !s->bloom) {
        key_set_free(s);
        return NULL;
    }
    memset(s->slots, 0, slots * sizeof *s->slots);
    memset(s->bloom, 0, words * sizeof *s->bloom);
    return s;
}

void key_set_free(struct key_set *s) {
    if (!s)
        return;
    lh_free(s->widths);
    lh_free(s->slots);
    lh_free(s->bloom);
    buf_release(&s->keys);
    lh_free(s);
}

size_t key_set_bytes(const struct key_set *s) {
    return key_set_estimate(s->room) + s->keys.cap;
}

size_t key_set_count(const struct key_set *s) {
    return s->count;
}

/* ---- hashes ---- */

/* A bijection of 64 bits. */
static inline uint64_t mix(uint64_t x) {
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

/* The word is chosen by the upper bits of the hash, the slot by the lower ones, which also choose the bits. */
static inline uint64_t bloom_bits(uint64_t hash) {
    return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63) | UINT64_C(1) << (hash >> 12 & 63);
}

static const char *text_at(const struct key_column *column, size_t row, size_t *ret_len) {
    const duckdb_string_t *s = (const duckdb_string_t *)column->data + row;
    *ret_len = s->value.inlined.length;
    return *ret_len <= sizeof s->value.inlined.inlined ? s->value.inlined.inlined : s->value.pointer.ptr;
}

static uint64_t mix_text(uint64_t hash, const char *text, size_t len) {
    size_t at = 0;
    for (; at + 8 <= len; at += 8) {
        uint64_t word;
        memcpy(&word, text + at, 8);
        hash = mix(hash ^ word);
    }
    uint64_t last = 0;
    memcpy(&last, text + at, len - at);
    return mix(mix(hash ^ last) ^ len);
}

#define MIX_COLUMN(type)                            \
    do {                                            \
        const type *values = column->data;          \
        for (size_t i = 0; i < rows; i++)           \
            hashes[i] = mix(hashes[i] ^ values[i]); \
    } while (0)

static void mix_column(uint64_t *hashes, unsigned width, const struct key_column *column, size_t rows) {
    switch (width) {
    case 1: MIX_COLUMN(uint8_t); break;
    case 2: MIX_COLUMN(uint16_t); break;
    case 4: MIX_COLUMN(uint32_t); break;
    case 8: MIX_COLUMN(uint64_t); break;
    case 16: {
        const uint64_t *values = column->data;
        for (size_t i = 0; i < rows; i++)
            hashes[i] = mix(mix(hashes[i] ^ values[2 * i]) ^ values[2 * i + 1]);
        break;
    }
    default:
        for (size_t i = 0; i < rows; i++) {
            size_t len;
            const char *text = text_at(column, i, &len);
            hashes[i] = mix_text(hashes[i], text, len);
        }
    }
}

static bool is_null(const struct key_set *s, const struct key_column *columns, size_t row) {
    for (size_t c = 0; c < s->column_count; c++) {
        if (columns[c].validity && !(columns[c].validity[row >> 6] >> (row & 63) & 1))
            return true;
    }
    return false;
}

/* Of a row with a NULL text the bytes may be anything, so it is not looked at. */
static void hash_rows(const struct key_set *s, const struct key_column *columns, size_t rows, uint64_t *ret_hashes) {
    for (size_t i = 0; i < rows; i++)
        ret_hashes[i] = s->seed;
    for (size_t c = 0; c < s->column_count; c++) {
        if (s->widths[c] != KEY_SET_TEXT || !columns[c].validity) {
            mix_column(ret_hashes, s->widths[c], &columns[c], rows);
            continue;
        }
        for (size_t i = 0; i < rows; i++) {
            struct key_column one = {(const duckdb_string_t *)columns[c].data + i, NULL};
            if (columns[c].validity[i >> 6] >> (i & 63) & 1)
                mix_column(ret_hashes + i, KEY_SET_TEXT, &one, 1);
        }
    }
}

/* ---- keys ---- */

static void store_key(struct key_set *s, const struct key_column *columns, size_t row) {
    for (size_t c = 0; c < s->column_count; c++) {
        size_t len = s->widths[c];
        if (len != KEY_SET_TEXT) {
            buf_append(&s->keys, (const char *)columns[c].data + row * len, len);
            continue;
        }
        const char *text = text_at(&columns[c], row, &len);
        uint32_t stored = (uint32_t)len;
        buf_append(&s->keys, &stored, sizeof stored);
        buf_append(&s->keys, text, len);
    }
}

static bool same_key(const struct key_set *s, const struct slot *slot, const struct key_column *columns, size_t row) {
    const char *stored = s->keys.data + slot->key;
    for (size_t c = 0; c < s->column_count; c++) {
        size_t len = s->widths[c];
        const char *value = (const char *)columns[c].data + row * len;
        if (len == KEY_SET_TEXT) {
            uint32_t stored_len;
            memcpy(&stored_len, stored, sizeof stored_len);
            stored += sizeof stored_len;
            value = text_at(&columns[c], row, &len);
            if (len != stored_len)
                return false;
        }
        if (memcmp(stored, value, len) != 0)
            return false;
        stored += len;
    }
    return true;
}

/* The slot of a key, or the empty one where it would stand. */
static struct slot *find_slot(const struct key_set *s, uint64_t hash, const struct key_column *columns, size_t row) {
    for (size_t at = hash & s->slot_mask;; at = (at + 1) & s->slot_mask) {
        struct slot *slot = &s->slots[at];
        if (slot->number == 0 || (slot->hash == hash && (s->bijective || same_key(s, slot, columns, row))))
            return slot;
    }
}

bool key_set_add(struct key_set *s, const struct key_column *columns, size_t rows, const uint32_t *numbers) {
    uint64_t hashes[KEY_SET_BLOCK];
    hash_rows(s, columns, rows, hashes);
    for (size_t i = 0; i < rows; i++) {
        if (is_null(s, columns, i))
            continue;
        struct slot *slot = find_slot(s, hashes[i], columns, i);
        if (slot->number == 0) {
            if (s->count == s->room || s->keys.len > UINT32_MAX)
                return false;
            *slot = (struct slot){.hash = hashes[i], .key = (uint32_t)s->keys.len};
            s->bloom[hashes[i] >> s->bloom_shift] |= bloom_bits(hashes[i]);
            s->count++;
            if (!s->bijective)
                store_key(s, columns, i);
        }
        if (slot->number < numbers[i] + 1)
            slot->number = numbers[i] + 1;
    }
    return true;
}

struct key_set *key_set_extend(const struct key_set *s, size_t more) {
    struct key_set *copy = key_set_new(s->widths, s->column_count, s->count + more, s->seed);
    if (!copy)
        return NULL;
    for (size_t i = 0; i <= s->slot_mask; i++) {
        if (s->slots[i].number == 0)
            continue;
        size_t at = s->slots[i].hash & copy->slot_mask;
        while (copy->slots[at].number > 0)
            at = (at + 1) & copy->slot_mask;
        copy->slots[at] = s->slots[i];
        copy->bloom[s->slots[i].hash >> copy->bloom_shift] |= bloom_bits(s->slots[i].hash);
    }
    copy->count = s->count;
    buf_append(&copy->keys, s->keys.data, s->keys.len);
    return copy;
}

size_t key_set_find(const struct key_set *s, const struct key_column *columns, size_t rows, struct key_hit *hits) {
    uint64_t hashes[KEY_SET_BLOCK];
    uint16_t maybe[KEY_SET_BLOCK];
    size_t maybe_count = 0, hit_count = 0;
    hash_rows(s, columns, rows, hashes);
    for (size_t i = 0; i < rows; i++) {
        uint64_t bits = bloom_bits(hashes[i]);
        maybe[maybe_count] = (uint16_t)i;
        maybe_count += (s->bloom[hashes[i] >> s->bloom_shift] & bits) == bits ? 1 : 0;
    }
    for (size_t i = 0; i < maybe_count; i++) {
        size_t row = maybe[i];
        if (is_null(s, columns, row))
            continue;
        const struct slot *slot = find_slot(s, hashes[row], columns, row);
        if (slot->number > 0)
            hits[hit_count++] = (struct key_hit){(uint32_t)row, slot->number - 1};
    }
    return hit_count;
}
