/* Values as text, without printf and without allocation.
 *
 * Every value_put_* writes at `at`, where the caller has made VALUE_TEXT_MAX bytes of room (more where said), and
 * returns the place behind what it wrote.  Nothing is NUL-terminated.  The texts are those of
 * docs/formats/json-values.md without the quotes; CSV writes the same ones. */
#ifndef LH_ENGINE_WORKER_VALUE_TEXT_H
#define LH_ENGINE_WORKER_VALUE_TEXT_H

#include "engine/worker/column.h"

#include <stdint.h>

struct buf;

/* The longest text of a fixed-size value is an INTERVAL's. */
#define VALUE_TEXT_MAX 128

/* value_text.c: a column's value, by its type. */

/* BOOLEAN, numbers, dates, times, INTERVAL, UUID. */
bool value_is_fixed(int type);
char *value_put_fixed(char *at, const struct column *c, size_t row);
/* VARCHAR, ENUM: the bytes themselves. */
bool value_is_string(int type);
const char *value_string(const struct column *c, size_t row, size_t *ret_len);
/* BLOB and GEOMETRY (base64), BIT, BIGNUM (digits).  LH_DATA for a BIGNUM of absurd length. */
bool value_is_bytes(int type);
LH_CHECKED enum lh_code value_append_bytes(struct buf *out, const struct column *c, size_t row, struct lh_err *err);

/* value_number.c */
char *value_put_uint64(char *at, uint64_t v);
char *value_put_int64(char *at, int64_t v);
char *value_put_uint128(char *at, column_uint128 v);
char *value_put_int128(char *at, column_int128 v);
/* All digits of the scale: 1.50 */
char *value_put_decimal(char *at, column_int128 unscaled, unsigned scale);
/* A BIGNUM as DuckDB stores it (see value_number.c); needs value_bignum_room(len) bytes. */
size_t value_bignum_room(size_t len);
char *value_put_bignum(char *at, const uint8_t *data, size_t len);
/* True where |v| <= 2^53 - 1, the integers that every JSON reader gets right. */
static inline bool value_is_exact_in_double(int64_t v) {
    return v <= INT64_C(9007199254740991) && v >= INT64_C(-9007199254740991);
}

/* value_double.c: the shortest decimal that reads back as the same number; "NaN", "Infinity", "-Infinity". */
char *value_put_double(char *at, double v);
char *value_put_float(char *at, float v);

/* value_time.c.  Years outside 0..9999 have a sign and at least six digits, counted astronomically (ISO 8601: 44
 * BC is -000043); "infinity" and "-infinity" for the two infinite dates and timestamps. */
char *value_put_date(char *at, int32_t days);
/* Since midnight, in units of 10^-digits seconds (digits 0, 3, 6 or 9): 23:59:59.123456 */
char *value_put_time(char *at, int64_t units, unsigned digits);
/* DuckDB's TIMETZ bits: 23:59:59.123456+05:30 */
char *value_put_time_tz(char *at, uint64_t bits);
/* Since the epoch, in units of 10^-digits seconds: 2026-01-31T23:59:59.123456 */
char *value_put_timestamp(char *at, int64_t units, unsigned digits);
/* As DuckDB writes and reads it: 1 year 2 months -3 days 04:05:06.5 */
char *value_put_interval(char *at, const duckdb_interval *v);
char *value_put_uuid(char *at, column_uint128 stored);

/* value_bytes.c */
size_t value_base64_len(size_t len);
char *value_put_base64(char *at, const uint8_t *data, size_t len); /* needs value_base64_len(len) bytes */
size_t value_bit_len(const uint8_t *data, size_t len);             /* digits of a BIT as DuckDB stores it */
char *value_put_bit(char *at, const uint8_t *data, size_t len);    /* needs value_bit_len() bytes */

#endif
