/* A lock file that names its holder: flock(2), so that it goes with the process whatever its end. */
#ifndef LH_OS_LOCKFILE_H
#define LH_OS_LOCKFILE_H

#include "base/error.h"

#include <sys/types.h>

struct os;
struct os_lockfile;

/* Take the lock `path` (made where missing) and write "PID COMMAND\n" into it; never waits.  LH_LOCKED names the
 * holder: `the data folder "x" is in use by process 4711 (lakehouse serve)`; `what` is its "the data folder "x"". */
LH_CHECKED enum lh_code os_lockfile_take(struct os *os, int dir, const char *path, const char *what,
                                         const char *command, struct os_lockfile **ret_lock, struct lh_err *err);
void os_lockfile_release(struct os_lockfile *lock); /* NULL is fine; the file stays */

#endif
