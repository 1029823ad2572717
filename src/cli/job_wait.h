/* A command that starts a job and stays until it has ended. */
#ifndef LH_CLI_JOB_WAIT_H
#define LH_CLI_JOB_WAIT_H

#include "base/error.h"
#include "base/json.h"

struct cli;
struct client;

/* `started` is the answer that named the job.  With --no-wait *ret_job is the job as it is; else it has ended well, or `err` is what
 * it failed with. */
LH_CHECKED enum lh_code job_wait(const struct cli *cli, struct client *client, const json_t *started, const char *label,
                                 bool no_wait, json_t **ret_job, struct lh_err *err);

#endif
