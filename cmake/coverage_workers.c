/* Makes the processes of the engine leave their counts, in builds for gcov only (--wrap in cmake/Flags.cmake).
 *
 * gcov writes at exit().  Workers end by _exit() or by the server's SIGKILL, and Landlock keeps them from the folder of the
 * counts.  So counts are also written before _exit() and after each request, the folder is opened, and the server's SIGKILL
 * comes a little later, so that it does not fall into the writing. */
#include "engine/worker/session.h"
#include "os/process.h"
#include "os/sandbox_internal.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define WRITING_US 100000
#define MOST_PATHS 8

void __gcov_dump(void);
void __gcov_reset(void);

void __real__exit(int status) LH_NORETURN;
void __wrap__exit(int status) LH_NORETURN;
bool __real_session_alive(struct session *s);
bool __wrap_session_alive(struct session *s);
enum lh_code __real_os_pidfd_signal(int pidfd, int number, struct lh_err *err);
enum lh_code __wrap_os_pidfd_signal(int pidfd, int number, struct lh_err *err);
enum lh_code __real_sandbox_landlock_enter(const struct os_sandbox *sandbox, int *ret_abi, struct lh_err *err);
enum lh_code __wrap_sandbox_landlock_enter(const struct os_sandbox *sandbox, int *ret_abi, struct lh_err *err);

void __wrap__exit(int status) {
    __gcov_dump();
    __real__exit(status);
}

/* The last thing that a worker does for a request. */
bool __wrap_session_alive(struct session *s) {
    bool alive = __real_session_alive(s);
    __gcov_dump();
    __gcov_reset();
    return alive;
}

enum lh_code __wrap_os_pidfd_signal(int pidfd, int number, struct lh_err *err) {
    if (number == SIGKILL)
        usleep(WRITING_US);
    return __real_os_pidfd_signal(pidfd, number, err);
}

enum lh_code __wrap_sandbox_landlock_enter(const struct os_sandbox *sandbox, int *ret_abi, struct lh_err *err) {
    const char *paths[MOST_PATHS];
    struct os_sandbox wider = *sandbox;
    if (sandbox->write_count < MOST_PATHS) {
        if (sandbox->write_count > 0)
            memcpy(paths, sandbox->write_paths, sandbox->write_count * sizeof *paths);
        paths[wider.write_count++] = LH_COVERAGE_DIR;
        wider.write_paths = paths;
    }
    return __real_sandbox_landlock_enter(&wider, ret_abi, err);
}
