#include "policy/key_text.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "os/clock.h"

#include <stdio.h>
#include <string.h>

#define SECRET_TEXT_LEN 48 /* base64url of 36 bytes */

static const char id_alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* Crockford's 32, lower case */

static void check_digits(const struct key_text *t, unsigned char ret_check[4]) {
    uint32_t crc = lh_crc32c(lh_crc32c(0, t->id, KEY_ID_LEN), t->secret, sizeof t->secret);
    for (int i = 0; i < 4; i++)
        ret_check[i] = (unsigned char)(crc >> (8 * i));
}

void key_text_make(struct os *os, struct key_text *ret_text) {
    unsigned char random[KEY_ID_LEN];
    os_random(os, random, sizeof random);
    os_random(os, ret_text->secret, sizeof ret_text->secret);
    for (size_t i = 0; i < KEY_ID_LEN; i++)
        ret_text->id[i] = id_alphabet[random[i] & 31];
    ret_text->id[KEY_ID_LEN] = '\0';
}

void key_text_format(const struct key_text *text, char ret_key[KEY_TEXT_SIZE]) {
    unsigned char bytes[KEY_SECRET_BYTES + 4];
    memcpy(bytes, text->secret, KEY_SECRET_BYTES);
    check_digits(text, bytes + KEY_SECRET_BYTES);
    LH_AUTO(buf) struct buf encoded = BUF_INIT;
    lh_base64url_encode(bytes, sizeof bytes, &encoded);
    snprintf(ret_key, KEY_TEXT_SIZE, "lh_%s_%s", text->id, encoded.data);
    lh_wipe(encoded.data, encoded.len);
    lh_wipe(bytes, sizeof bytes);
}

bool key_text_id_valid(const char *id, size_t len) {
    if (len != KEY_ID_LEN)
        return false;
    for (size_t i = 0; i < len; i++)
        if (id[i] == '\0' || !strchr(id_alphabet, id[i]))
            return false;
    return true;
}

bool key_text_parse(const char *key, size_t len, struct key_text *ret_text) {
    if (len != 3 + KEY_ID_LEN + 1 + SECRET_TEXT_LEN || memcmp(key, "lh_", 3) != 0 || key[3 + KEY_ID_LEN] != '_' ||
        !key_text_id_valid(key + 3, KEY_ID_LEN))
        return false;
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    bool ok = lh_base64url_decode(key + 4 + KEY_ID_LEN, SECRET_TEXT_LEN, &bytes) && bytes.len == KEY_SECRET_BYTES + 4;
    if (ok) {
        memcpy(ret_text->id, key + 3, KEY_ID_LEN);
        ret_text->id[KEY_ID_LEN] = '\0';
        memcpy(ret_text->secret, bytes.data, KEY_SECRET_BYTES);
        unsigned char check[4];
        check_digits(ret_text, check);
        ok = memcmp(check, bytes.data + KEY_SECRET_BYTES, sizeof check) == 0;
    }
    if (bytes.data)
        lh_wipe(bytes.data, bytes.len);
    return ok;
}
