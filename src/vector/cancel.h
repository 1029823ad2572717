/* How a long call is ended early. */
#ifndef LH_VECTOR_CANCEL_H
#define LH_VECTOR_CANCEL_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Asked every few milliseconds, from any thread of the call: true ends it with LH_CANCELLED, and what it was making is freed.
 * Once true, it stays so.  Its owner keeps it until the call returns. */
struct vec_cancel {
    bool (*asked)(void *ctx);
    void *ctx;
};

static inline bool vec_cancelled(const struct vec_cancel *cancel) { /* NULL: never */
    return cancel && cancel->asked(cancel->ctx);
}

#ifdef __cplusplus
}
#endif

#endif
