#include "cli/cli.h"

#include <stdio.h>

static const struct cli_option options[] = {
    {"json", 0, NULL, "as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

static int run(struct cli *cli, const struct cli_args *args) {
    (void)args;
    printf(cli->json ? "{\"version\":\"%s\"}\n" : "lakehouse %s\n", LH_VERSION);
    return CLI_OK;
}

const struct cli_command cli_version = {
    .name = "version",
    .usage = "[--json]",
    .summary = "print the version",
    .help = "Prints the version of this program.",
    .options = options,
    .run = run,
};
