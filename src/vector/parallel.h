/* One loop on several threads, started for the loop and joined at its end. */
#ifndef LH_VECTOR_PARALLEL_H
#define LH_VECTOR_PARALLEL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VEC_MAX_THREADS 64u

/* How many threads `wanted` means: 0 is one a processor; never more than VEC_MAX_THREADS, never 0. */
unsigned vec_threads(unsigned wanted);

/* Call fn(ctx, worker, begin, end) for pieces of at most `grain` (> 0) that together cover [0, n), in no set order, on up
 * to vec_threads(threads) threads of which the caller is one.  `worker` numbers the thread from 0, for storage of its
 * own.  Where a thread cannot be started the others do its part.  Returns when all is done. */
void vec_parallel_for(unsigned threads, size_t n, size_t grain,
                      void (*fn)(void *ctx, unsigned worker, size_t begin, size_t end), void *ctx);

#ifdef __cplusplus
}
#endif

#endif
