/* Compiler attributes used across the tree.  Nothing here has code. */
#ifndef LH_BASE_ATTR_H
#define LH_BASE_ATTR_H

/* The result must be looked at: every function that returns `enum lh_code` bears it. */
#define LH_CHECKED __attribute__((warn_unused_result))

/* printf-style checking: `fmt` and `first` are 1-based argument numbers. */
#define LH_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

#define LH_NORETURN __attribute__((noreturn))

/* Held for what its LH_CLEANUP does, and never read. */
#define LH_UNUSED __attribute__((unused))

/* Run `fn(&variable)` when the variable leaves scope; see LH_AUTO in base/cleanup.h. */
#define LH_CLEANUP(fn) __attribute__((cleanup(fn)))

#define LH_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
