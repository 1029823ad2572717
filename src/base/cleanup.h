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

/* The value of a pointer or a struct, leaving NULL or a zeroed one behind.  GNU C. */
#define LH_STEAL(owner)                        \
    __extension__({                            \
        __typeof__(owner) lh_steal_ = (owner); \
        (owner) = (__typeof__(owner)){0};      \
        lh_steal_;                             \
    })

#endif
