/* The server's end of the engine host: start it, ask it for workers, learn how they ended, start it anew when it died.
 * Thread-safe; one exchange at a time. */
#ifndef LH_ENGINE_HOST_LINK_H
#define LH_ENGINE_HOST_LINK_H

#include "base/error.h"
#include "base/json.h"
#include "engine/frames.h"
#include "os/process.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct os;

struct host_link {
    struct os *os;
    char *executable;
    pthread_mutex_t lock;
    bool alive;
    struct os_process process;
    struct frame_channel channel;
    uint64_t starts; /* read without the lock for statistics only */
};

struct worker_exit {
    bool known;
    int signal; /* 0: it exited */
    int status;
};

void host_link_init(struct host_link *l, struct os *os, const char *executable);
void host_link_deinit(struct host_link *l); /* ends the host, and with it every worker */

/* Fork a worker with `spawn` (a profile) that talks through `socket_fd`, which stays the caller's.  *ret_pidfd is the
 * caller's to close.  LH_UNAVAILABLE where even a new host does not answer or has no DuckDB. */
LH_CHECKED enum lh_code host_link_spawn(struct host_link *l, const json_t *spawn, int socket_fd, pid_t *ret_pid,
                                        int *ret_pidfd, struct lh_err *err);

/* How a worker that has been killed or has hung up ended.  Where the host died meanwhile that is not known. */
void host_link_reap(struct host_link *l, pid_t pid, struct worker_exit *ret_exit);

#endif
