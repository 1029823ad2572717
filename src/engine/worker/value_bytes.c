#include "engine/worker/value_text.h"

size_t value_base64_len(size_t len) {
    return (len + 2) / 3 * 4;
}

char *value_put_base64(char *at, const uint8_t *data, size_t len) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t i = 0;
    for (; i + 3 <= len; i += 3, at += 4) {
        unsigned bits = (unsigned)data[i] << 16 | (unsigned)data[i + 1] << 8 | data[i + 2];
        at[0] = alphabet[bits >> 18];
        at[1] = alphabet[bits >> 12 & 63];
        at[2] = alphabet[bits >> 6 & 63];
        at[3] = alphabet[bits & 63];
    }
    if (i == len)
        return at;
    unsigned bits = (unsigned)data[i] << 16 | (i + 1 < len ? (unsigned)data[i + 1] << 8 : 0);
    at[0] = alphabet[bits >> 18];
    at[1] = alphabet[bits >> 12 & 63];
    at[2] = i + 1 < len ? alphabet[bits >> 6 & 63] : '=';
    at[3] = '=';
    return at + 4;
}

/* A stored BIT: one byte with the number of padding bits (0 to 7), then the bits, padding first, most significant
 * first. */
size_t value_bit_len(const uint8_t *data, size_t len) {
    return len < 2 ? 0 : (len - 1) * 8 - data[0];
}

char *value_put_bit(char *at, const uint8_t *data, size_t len) {
    size_t count = value_bit_len(data, len);
    for (size_t i = 0; i < count; i++) {
        size_t position = 8 + data[0] + i;
        *at++ = (char)('0' + (data[position / 8] >> (7 - position % 8) & 1));
    }
    return at;
}
