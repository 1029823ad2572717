/* The interactive SQL shell: lines with history and completion, statements that end in a semicolon, dot commands. */
#ifndef LH_CLI_SQL_SHELL_H
#define LH_CLI_SQL_SHELL_H

struct cli;
struct client;
struct sql_output;

/* Runs until end of input or .quit; returns the exit code. */
int sql_shell(const struct cli *cli, struct client *client, struct sql_output *output);

#endif
