/* API keys: made, shown once, stored as hashes, checked in constant time.
 *
 * A key is `lh_<id>_<secret>`: 12 characters that name it (public; they stand in listings and logs), then 32 random bytes and a
 * 4-byte check sum in base64url, so that a mistyped or cut key is told apart from a wrong one before anything is looked
 * up.  Stored is `_access/keys/{id}.json` in the primary bucket: name, role, times and the SHA-256 of the secret.  The secret
 * has 256 bits, so a plain hash is as good as a slow one.
 * Keys are cached; what other processes add or revoke is seen within a second.  Thread-safe. */
#ifndef LH_POLICY_KEYS_H
#define LH_POLICY_KEYS_H

#include "base/error.h"
#include "policy/principal.h"

#include <stddef.h>
#include <stdint.h>

struct arena;
struct keys;
struct object_store;
struct os;

#define KEY_TEXT_SIZE 80 /* lh_ + 12 + _ + 48 and the terminator, with room */

struct key_info {
    char id[PRINCIPAL_ID_SIZE];
    char name[PRINCIPAL_NAME_SIZE];
    enum role role;
    int64_t created_us;
    int64_t revoked_us; /* 0: valid */
};

/* `store` is the primary bucket; both outlive the keys.  `failures_per_minute`: wrong keys from one address before LH_RATE. */
LH_CHECKED enum lh_code keys_open(struct os *os, struct object_store *store, unsigned failures_per_minute,
                                  struct keys **ret_keys, struct lh_err *err);
void keys_close(struct keys *k); /* NULL is fine */

/* The whole key is written to ret_key, the only time it is seen.  `name` may be "" ; control characters: LH_INVALID. */
LH_CHECKED enum lh_code keys_create(struct keys *k, const char *name, enum role role, char ret_key[KEY_TEXT_SIZE],
                                    struct key_info *ret_info, struct lh_err *err);
/* All of them, revoked ones too, by id; in the arena. */
LH_CHECKED enum lh_code keys_list(struct keys *k, struct arena *arena, struct key_info **ret_keys, size_t *ret_count,
                                  struct lh_err *err);
/* LH_NOT_FOUND where there is no such id.  Revoking twice is fine. */
LH_CHECKED enum lh_code keys_revoke(struct keys *k, const char *id, struct lh_err *err);
/* Is there a valid key at all?  For the start-up message. */
LH_CHECKED enum lh_code keys_any(struct keys *k, bool *ret_any, struct lh_err *err);

/* `presented` may be NULL.  LH_UNAUTHENTICATED (missing, malformed, unknown, wrong, revoked: one message for the last
 * three, in the same time), LH_RATE after too many failures from `peer`. */
LH_CHECKED enum lh_code keys_authenticate(struct keys *k, const char *presented, const char *peer,
                                          struct principal *ret_principal, struct lh_err *err);

#endif
