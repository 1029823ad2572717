#include "base/id.h"

#include <string.h>

static const char base32[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; /* Crockford: no I, L, O, U */

#define MAX_MS (((int64_t)1 << 48) - 1)

void lh_ulid_format(int64_t unix_ms, const unsigned char random[10], char ret_text[LH_ULID_SIZE]) {
    uint64_t ms = (uint64_t)(unix_ms < 0 ? 0 : unix_ms > MAX_MS ? MAX_MS : unix_ms);
    for (int i = 9; i >= 0; i--, ms >>= 5)
        ret_text[i] = base32[ms & 31];
    /* 80 bits: two groups of five bytes, eight characters each. */
    for (int group = 0; group < 2; group++) {
        uint64_t bits = 0;
        for (int i = 0; i < 5; i++)
            bits = bits << 8 | random[group * 5 + i];
        for (int i = 7; i >= 0; i--, bits >>= 5)
            ret_text[10 + group * 8 + i] = base32[bits & 31];
    }
    ret_text[26] = '\0';
}

bool lh_ulid_valid(const char *text, size_t len) {
    if (len != LH_ULID_SIZE - 1 || text[0] > '7')
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\0' || !strchr(base32, text[i]))
            return false;
    return true;
}

int64_t lh_ulid_time_ms(const char *text) {
    int64_t ms = 0;
    for (int i = 0; i < 10; i++)
        ms = ms << 5 | (int64_t)(strchr(base32, text[i]) - base32);
    return ms;
}

void lh_ulid_source_init(struct lh_ulid_source *s) {
    *s = (struct lh_ulid_source){.last_ms = -1};
    pthread_mutex_init(&s->lock, NULL);
}

void lh_ulid_source_deinit(struct lh_ulid_source *s) {
    pthread_mutex_destroy(&s->lock);
}

/* Add one to the 80 bits; false when they were all ones. */
static bool count_up(unsigned char bits[10]) {
    for (int i = 9; i >= 0; i--)
        if (++bits[i] != 0)
            return true;
    return false;
}

void lh_ulid_next(struct lh_ulid_source *s, int64_t unix_ms, const unsigned char random[10],
                  char ret_text[LH_ULID_SIZE]) {
    pthread_mutex_lock(&s->lock);
    if (unix_ms > s->last_ms) {
        s->last_ms = unix_ms;
        memcpy(s->last_random, random, sizeof s->last_random);
    } else if (!count_up(s->last_random)) {
        s->last_ms++;
    }
    lh_ulid_format(s->last_ms, s->last_random, ret_text);
    pthread_mutex_unlock(&s->lock);
}

void lh_uuid4_format(const unsigned char random[16], char ret_text[LH_UUID_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char bits[16];
    memcpy(bits, random, sizeof bits);
    bits[6] = (unsigned char)((bits[6] & 0x0F) | 0x40);
    bits[8] = (unsigned char)((bits[8] & 0x3F) | 0x80);
    char *at = ret_text;
    for (size_t i = 0; i < sizeof bits; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[bits[i] >> 4];
        *at++ = digits[bits[i] & 15];
    }
    *at = '\0';
}

bool lh_uuid_valid(const char *text, size_t len) {
    if (len != LH_UUID_SIZE - 1)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : text[i] == '\0' || !strchr("0123456789abcdefABCDEF", text[i]))
            return false;
    }
    return true;
}
