/* An HTTP server in a thread of the test that plays a script: one step a request, each on its own connection. */
#ifndef LH_TEST_SCRIPTED_SERVER_H
#define LH_TEST_SCRIPTED_SERVER_H

#include "os/thread.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct scripted_step {
    const char *wants;  /* what the request must hold somewhere; NULL: anything */
    const char *answer; /* the whole of it, sent as it is; NULL: none */
    bool hang;          /* then keep the connection open until the client goes */
};

struct scripted_server {
    const struct scripted_step *steps;
    size_t count;
    atomic_size_t played;
    atomic_bool mismatch; /* a request lacked what its step wants */
    char last_request[64 * 1024];
    int listener;
    int port;
    struct os_thread thread;
};

void scripted_server_start(struct scripted_server *s, const struct scripted_step *steps, size_t count);
/* Stops it; true where exactly the steps were played and every request was as wanted. */
bool scripted_server_stop(struct scripted_server *s);

#endif
