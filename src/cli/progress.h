/* A progress line on stderr for work that is not done at once (half a second): rewritten in place on a terminal, silent elsewhere. */
#ifndef LH_CLI_PROGRESS_H
#define LH_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct cli;

struct progress {
    const struct cli *cli;
    const char *label;
    int64_t started_ns, shown_ns;
    bool visible;
};

void progress_start(struct progress *p, const struct cli *cli, const char *label);
/* `done` of `total` bytes; total 0: not known. */
void progress_bytes(struct progress *p, uint64_t done, uint64_t total);
/* `done` of `total` things. */
void progress_count(struct progress *p, uint64_t done, uint64_t total, const char *things);
/* Wipe the line, so that other output may follow. */
void progress_end(struct progress *p);

#endif
