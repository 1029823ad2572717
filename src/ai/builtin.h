/* The provider `builtin`: the lexical embedding (ai/lexical.h) in this process.  It generates no text, needs no network and
 * is never down. */
#ifndef LH_AI_BUILTIN_H
#define LH_AI_BUILTIN_H

#include "ai/provider.h"

struct os;

#define AI_BUILTIN "builtin"

/* `dims`: what a request that names none gets; 384 or 768. */
struct ai_provider *ai_builtin_new(struct os *os, unsigned dims);

#endif
