/* What documents and models say, made harmless for a terminal. */
#ifndef LH_CLI_PLAIN_TEXT_H
#define LH_CLI_PLAIN_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Control characters (C0, DEL, C1) and bytes that are not UTF-8 become blanks.  `lines`: line ends stay. */
void plain_text_append(struct buf *out, const char *text, size_t len, bool lines);

#endif
