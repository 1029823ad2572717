/* Sizes, durations and counts as people write and read them.  Pure functions. */
#ifndef LH_BASE_QUANTITY_H
#define LH_BASE_QUANTITY_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* "512MB", "64 KiB", "1.5GB", "4096": units B KB MB GB TB, case and an `i` do not matter, all are powers of 1,024. */
bool lh_size_parse(const char *text, uint64_t *ret_bytes);
/* "250ms", "30s", "5m", "2h", "7d"; a bare number is seconds. */
bool lh_duration_parse(const char *text, int64_t *ret_ms);
/* Whole decimal numbers with an optional sign, nothing else around; false on overflow. */
bool lh_int_parse(const char *text, int64_t *ret_value);

/* "0 B", "512 B", "1.5 KB", "64 MB" */
void lh_size_format(uint64_t bytes, struct buf *out);
/* "3 ms", "1.25 s", "4 min 10 s", "2 h 5 min" */
void lh_duration_format(int64_t ms, struct buf *out);
/* "2,469,278" */
void lh_count_format(uint64_t count, struct buf *out);

#endif
