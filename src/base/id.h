/* Identifiers.  `base` reads no clock: callers pass time and random bytes (os/ids.h does both in one call). */
#ifndef LH_BASE_ID_H
#define LH_BASE_ID_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LH_ULID_SIZE 27 /* 26 characters of Crockford base 32 and the terminator */
#define LH_UUID_SIZE 37 /* 8-4-4-4-12 hexadecimal digits and the terminator */

/* ULID (github.com/ulid/spec): 48 bits of Unix milliseconds, 80 random bits; text order is time order. */
void lh_ulid_format(int64_t unix_ms, const unsigned char random[10], char ret_text[LH_ULID_SIZE]);
bool lh_ulid_valid(const char *text, size_t len); /* upper case, 26 characters, no overflow */
int64_t lh_ulid_time_ms(const char *text);        /* of a valid one */

/* A source whose ULIDs rise strictly inside the process: within one millisecond, or when the clock steps back, the
 * random part of the last one is counted up.  Thread-safe.  No allocation. */
struct lh_ulid_source {
    pthread_mutex_t lock;
    int64_t last_ms;
    unsigned char last_random[10];
};
void lh_ulid_source_init(struct lh_ulid_source *s);
void lh_ulid_source_deinit(struct lh_ulid_source *s);
void lh_ulid_next(struct lh_ulid_source *s, int64_t unix_ms, const unsigned char random[10],
                  char ret_text[LH_ULID_SIZE]);

/* UUID version 4 (RFC 9562) of 16 random bytes; lower case. */
void lh_uuid4_format(const unsigned char random[16], char ret_text[LH_UUID_SIZE]);
bool lh_uuid_valid(const char *text, size_t len); /* any version, lower or upper case */

#endif
