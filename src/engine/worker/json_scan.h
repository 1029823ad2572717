/* One JSON value at the front of a text: where it ends, or why it is none.
 *
 * Strict RFC 8259, linear time, no recursion: nesting is a counter and one bit a level, checked against a limit before anything else
 * sees the text (50,000 brackets crash DuckDB's reader).  Memory is constant.  Pure; fuzzed. */
#ifndef LH_ENGINE_WORKER_JSON_SCAN_H
#define LH_ENGINE_WORKER_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_SCAN_MAX_DEPTH 1024

enum json_scan_result {
    JSON_SCAN_DONE, /* *ret_len bytes are the value */
    JSON_SCAN_MORE, /* well formed so far; the text ended first */
    JSON_SCAN_BAD,  /* *ret_len is the offset of the trouble */
    JSON_SCAN_DEEP, /* nested deeper than max_depth, at *ret_len */
};

/* The text starts with the value (no white space before it).  `end`: nothing follows the text, so that a number at its end is whole.
 * *ret_reason, on BAD, says what was expected. */
enum json_scan_result json_scan(const char *text, size_t len, bool end, size_t max_depth, size_t *ret_len,
                                const char **ret_reason);

/* How many bytes of JSON white space. */
size_t json_scan_space(const char *text, size_t len);

#endif
