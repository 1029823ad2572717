/* Scope-bound release: the tool for things that live as long as one call.
 *
 *     LH_AUTO(buf) struct buf text = BUF_INIT;         // buf_auto_release(&text) at every way out
 *     LH_AUTO(json) json_t *doc = NULL;
 *     *ret_doc = LH_STEAL(doc);                        // hand it on; nothing is released here any more
 *
 * A type `x` takes part by defining `static inline void x_auto_release(T *p)` that accepts a zeroed value. */
#ifndef LH_BASE_CLEANUP_H
#define LH_BASE_CLEANUP_H

#include "base/attr.h"

#define LH_AUTO(type) LH_CLEANUP(type##_auto_release)

/* The pointer's value, leaving NULL behind.  GNU C. */
#define LH_STEAL(ptr)                      \
    __extension__({                        \
        __typeof__(ptr) lh_steal_ = (ptr); \
        (ptr) = NULL;                      \
        lh_steal_;                         \
    })

#endif
