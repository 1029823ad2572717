/* The Accept header (RFC 9110 section 12.5.1).  Pure functions. */
#ifndef LH_GATEWAY_ACCEPT_H
#define LH_GATEWAY_ACCEPT_H

#include <stddef.h>

/* The index of the offered media type that the header prefers (highest q, then the most specific range, then the order of
 * `offers`), or -1 where none is acceptable.  NULL or "" accepts anything: 0. */
int accept_choose(const char *header, const char *const *offers, size_t count);

#endif
