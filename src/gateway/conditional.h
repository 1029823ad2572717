/* Conditional and range requests (RFC 9110 sections 13 and 14).  Pure functions. */
#ifndef LH_GATEWAY_CONDITIONAL_H
#define LH_GATEWAY_CONDITIONAL_H

#include <stdbool.h>
#include <stdint.h>

/* Does a list of entity tags ("*", or "x", W/"y") name `etag` (without quotes)?  With `strong`, weak ones never match. */
bool etag_list_matches(const char *list, const char *etag, bool strong);

enum range_result {
    RANGE_NONE,          /* no usable Range header: send the whole */
    RANGE_PART,          /* one part */
    RANGE_UNSATISFIABLE, /* begins behind the end */
};

/* One range of bytes; several at once are answered with the whole, as the standard allows. */
enum range_result range_parse(const char *header, uint64_t size, uint64_t *ret_offset, uint64_t *ret_length);

#endif
