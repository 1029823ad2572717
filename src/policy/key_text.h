/* The text of an API key: lh_<id>_<secret>.  The id is 12 lower-case letters and digits; the secret is base64url of 32
 * random bytes and a CRC-32C over id and bytes, 48 characters in all. */
#ifndef LH_POLICY_KEY_TEXT_H
#define LH_POLICY_KEY_TEXT_H

#include "policy/keys.h"

#include <stdbool.h>
#include <stddef.h>

#define KEY_ID_LEN 12
#define KEY_SECRET_BYTES 32

struct key_text {
    char id[KEY_ID_LEN + 1];
    unsigned char secret[KEY_SECRET_BYTES];
};

void key_text_make(struct os *os, struct key_text *ret_text); /* fresh random ones */
void key_text_format(const struct key_text *text, char ret_key[KEY_TEXT_SIZE]);
bool key_text_parse(const char *key, size_t len, struct key_text *ret_text); /* false: malformed, or the check fails */
bool key_text_id_valid(const char *id, size_t len);

#endif
