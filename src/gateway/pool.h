/* The handlers' threads: a bounded number of them, started as they are needed, behind a bounded queue.  What does not fit
 * is the caller's to refuse.
 * Long items (uploads, downloads) never hold all of the threads: a quarter is kept for the short ones. */
#ifndef LH_GATEWAY_POOL_H
#define LH_GATEWAY_POOL_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct pool;

/* Each item is passed to `run` on one of at most `threads` threads, in order of arrival among its kind; at most `queue` of each kind wait. */
LH_CHECKED enum lh_code pool_new(unsigned threads, unsigned queue, void (*run)(void *item), struct pool **ret_pool,
                                 struct lh_err *err);
bool pool_push(struct pool *p, void *item, bool is_long); /* false: the queue is full */
void pool_wait_idle(struct pool *p);                      /* until nothing is queued or running */
void pool_free(struct pool *p); /* runs what is queued, then joins the threads; NULL is fine */

#endif
