/* The two kernel mechanisms behind os/sandbox.h; each file has one. */
#ifndef LH_OS_SANDBOX_INTERNAL_H
#define LH_OS_SANDBOX_INTERNAL_H

#include "os/sandbox.h"

int sandbox_landlock_abi(void); /* 0: none */
/* Restrict files to the listed paths; *ret_abi is 0 where the kernel has no Landlock, which is no failure. */
LH_CHECKED enum lh_code sandbox_landlock_enter(const struct os_sandbox *sandbox, int *ret_abi, struct lh_err *err);

bool sandbox_seccomp_available(void);
LH_CHECKED enum lh_code sandbox_seccomp_enter(struct lh_err *err);

#endif
