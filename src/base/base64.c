/* Apart from hash.c so that who links its checksums alone, as the vector library does, needs no libsodium. */
#include "base/hash.h"

#include <sodium.h>

static void encode_variant(const void *data, size_t len, int variant, struct buf *out) {
    size_t size = sodium_base64_encoded_len(len, variant); /* with the terminator */
    buf_reserve(out, size);
    sodium_bin2base64(out->data + out->len, size, data, len, variant);
    out->len += size - 1;
}

static bool decode_variant(const char *text, size_t len, int variant, struct buf *out) {
    size_t got = 0;
    const char *end = NULL;
    buf_reserve(out, len / 4 * 3 + 3);
    unsigned char *at = (unsigned char *)out->data + out->len;
    bool whole = sodium_base642bin(at, len / 4 * 3 + 3, text, len, NULL, &got, &end, variant) == 0 && end == text + len;
    if (whole)
        out->len += got;
    out->data[out->len] = '\0';
    return whole;
}

void lh_base64_encode(const void *data, size_t len, struct buf *out) {
    encode_variant(data, len, sodium_base64_VARIANT_ORIGINAL, out);
}

void lh_base64url_encode(const void *data, size_t len, struct buf *out) {
    encode_variant(data, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING, out);
}

bool lh_base64_decode(const char *text, size_t len, struct buf *out) {
    return decode_variant(text, len, sodium_base64_VARIANT_ORIGINAL, out);
}

bool lh_base64url_decode(const char *text, size_t len, struct buf *out) {
    return decode_variant(text, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING, out);
}
