/* Checksums, hashes and the text forms of bytes.  Pure functions; thread-safe. */
#ifndef LH_BASE_HASH_H
#define LH_BASE_HASH_H

#include "base/attr.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LH_SHA256_BYTES 32
#define LH_SHA256_HEX 65 /* 64 digits and the terminator */

#define LH_SHA256_BLOCK 64

/* SHA-256 (FIPS 180-4), for content hashes and key digests.  It uses the processor's own instructions where it has them. */
typedef void lh_sha256_compress(uint32_t state[8], const unsigned char *data, size_t blocks);
struct lh_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char block[LH_SHA256_BLOCK]; /* the last bytes, as long as they are no whole block */
    lh_sha256_compress *compress;
};
lh_sha256_compress *lh_sha256_fastest(void);
lh_sha256_compress *lh_sha256_portable(void);
void lh_sha256_init(struct lh_sha256 *h);
void lh_sha256_init_with(struct lh_sha256 *h, lh_sha256_compress *compress);
void lh_sha256_update(struct lh_sha256 *h, const void *data, size_t len);
void lh_sha256_final(struct lh_sha256 *h, unsigned char ret_digest[LH_SHA256_BYTES]);
void lh_sha256(const void *data, size_t len, unsigned char ret_digest[LH_SHA256_BYTES]);
void lh_sha256_hex(const void *data, size_t len, char ret_hex[LH_SHA256_HEX]);

/* CRC-32C (Castagnoli, RFC 3720 B.4) for records on disk.  Start with 0 and pass the last result on to go on. */
uint32_t lh_crc32c(uint32_t crc, const void *data, size_t len);

/* FNV-1a, 64 bits: for tables in memory over names that no attacker chooses.  Not stable across releases. */
uint64_t lh_fnv64(const void *data, size_t len);

/* Lower-case hexadecimal; `ret_hex` has room for 2 * len + 1 bytes. */
/* 64 lower-case hexadecimal digits and nothing else. */
bool lh_sha256_hex_valid(const char *hex);
void lh_hex_encode(const void *data, size_t len, char *ret_hex);
/* Exactly 2 * len digits of either case; false otherwise (output then undefined). */
bool lh_hex_decode(const char *hex, size_t hex_len, void *ret_data, size_t len);

/* RFC 4648 base64, with padding, on one line. */
void lh_base64_encode(const void *data, size_t len, struct buf *out);
/* The URL-safe alphabet without padding. */
void lh_base64url_encode(const void *data, size_t len, struct buf *out);
/* Strict: padding demanded, no white space.  false: `out` is unchanged. */
bool lh_base64_decode(const char *text, size_t len, struct buf *out);
bool lh_base64url_decode(const char *text, size_t len, struct buf *out);

/* Compare secrets in a time that depends on `len` only. */
bool lh_equal_constant_time(const void *a, const void *b, size_t len);
/* Overwrite a secret; never optimised away. */
void lh_wipe(void *data, size_t len);

#endif
