/* Named fault points: places where a test makes the program crash, fail or wait.
 *
 *     LH_TRY(LH_FAULT("wal.fsync", err));
 *
 * In debug builds (LH_FAULTS defined) the environment variable LAKEHOUSE_FAULT arms points, comma-separated:
 *     NAME:ACTION[:N]    ACTION is crash, eio, enospc, short or delay(ms as delay=50); N: only the Nth hit (default 1)
 * short is a disk that fills up in the middle: of the next bytes that the thread writes half go out, the write after it is ENOSPC.
 * In release builds the macro is LH_OK and the table is not compiled in.  All names stand in fault_points.h, one sorted
 * list that tests read too; a name outside it fails `make lint`. */
#ifndef LH_OS_FAULT_H
#define LH_OS_FAULT_H

#include "base/error.h"

#include <stddef.h>

#ifdef LH_FAULTS
LH_CHECKED enum lh_code os_fault_hit(const char *name, struct lh_err *err);
#define LH_FAULT(name, err) os_fault_hit((name), (err))
/* For the real table's write calls: how many of the bytes may go out, 0 where the write is to fail with ENOSPC. */
size_t os_fault_room(size_t len);
#else
#define os_fault_room(len) (len)
#define LH_FAULT(name, err) ((void)(err), LH_OK)
#endif

#endif
