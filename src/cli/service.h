/* An open lakehouse with its HTTP interface: what `lakehouse serve` runs, and what a command with --data runs for itself. */
#ifndef LH_CLI_SERVICE_H
#define LH_CLI_SERVICE_H

#include "base/error.h"

#include <stdbool.h>

struct cli;
struct lh_config;
struct lh_log;
struct service;

struct service_options {
    const struct lh_config *config; /* outlives the service */
    struct lh_log *log;             /* outlives the service; NULL: silent */
    const char *data_dir;
    const char *command; /* for the lock's holder line */
    bool must_exist;     /* the folder is not created */
    bool insecure;
    const char *listen;  /* "ADDRESS:PORT"; NULL: config's */
    bool private_socket; /* listen on a socket in the folder's tmp/, which only this user can enter, instead of an
                              address; every caller is then the local admin */
};

LH_CHECKED enum lh_code service_start(struct cli *cli, const struct service_options *options,
                                      struct service **ret_service, struct lh_err *err);
const char *service_url(const struct service *s);
/* The way to the private socket, good in this process; NULL where there is none. */
const char *service_socket_path(const struct service *s);
struct lakehouse *service_lakehouse(struct service *s);
struct gateway *service_gateway(struct service *s);
/* Drains requests, flushes, closes.  NULL is fine. */
void service_stop(struct service *s);

#endif
