/* lakehouse: find the command, parse its options, run it.
 *
 * The same binary plays every part: `lakehouse engine-host` is how the server starts its engine host, and stands outside
 * the table of commands because no person calls it. */
#include "base/buf.h"
#include "base/suggest.h"
#include "cli/cli.h"
#include "engine/worker/host.h"
#include "os/os.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void print_overview(FILE *out) {
    fputs("lakehouse: files in, governed SQL out, on open Parquet\n\n"
          "usage: lakehouse COMMAND [options]\n\n",
          out);
    for (const struct cli_command *const *c = cli_commands; *c; c++)
        fprintf(out, "  %-9s  %s\n", (*c)->name, (*c)->summary);
    fputs("\n'lakehouse COMMAND --help' tells more.  To begin: lakehouse demo, then lakehouse serve.\n"
          "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done.\n",
          out);
}

static void print_command_help(const struct cli_command *command) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    const char *line = command->usage;
    for (const char *end; line; line = end ? end + 1 : NULL) {
        end = strchr(line, '\n');
        buf_printf(&text, "%s lakehouse %s %.*s\n", line == command->usage ? "usage:" : "      ", command->name,
                   end ? (int)(end - line) : (int)strlen(line), line);
    }
    buf_printf(&text, "\n%s\n", command->help);
    if (command->options->name) {
        buf_append_str(&text, "\nOptions:\n");
        cli_options_write_help(command->options, &text);
    }
    fputs(buf_cstr(&text), stdout);
}

static const struct cli_command *find_command(const char *name) {
    for (const struct cli_command *const *c = cli_commands; *c; c++)
        if (strcmp((*c)->name, name) == 0)
            return *c;
    return NULL;
}

static int fail_unknown_command(const struct cli *cli, const char *name) {
    const char *names[64];
    size_t count = 0;
    struct lh_err err = LH_ERR_INIT;
    while (cli_commands[count] && count < LH_ARRAY_LEN(names)) {
        names[count] = cli_commands[count]->name;
        count++;
    }
    lh_fail(&err, LH_USAGE, "there is no command \"%s\"", name);
    const char *near = lh_suggest(name, names, count);
    if (near)
        lh_err_hint(&err, "did you mean lakehouse %s?", near);
    else
        lh_err_hint(&err, "'lakehouse help' lists the commands");
    return cli_fail(cli, &err);
}

static bool asks_for_help(int argc, char **argv) {
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run_command(struct cli *cli, const struct cli_command *command, int argc, char **argv) {
    struct lh_err err = LH_ERR_INIT;
    struct cli_args args;
    if (asks_for_help(argc, argv)) {
        print_command_help(command);
        return CLI_OK;
    }
    if (cli_options_parse(command->options, argc, argv, &args, &err) != LH_OK)
        return cli_usage_error(cli, command, &err);
    cli->json = cli_flag(&args, "json");
    if (args.positional_count < command->min_positional) {
        lh_fail(&err, LH_USAGE, "lakehouse %s needs more: %s", command->name, command->usage);
        return cli_usage_error(cli, command, &err);
    }
    if (args.positional_count > command->max_positional) {
        lh_fail(&err, LH_USAGE, "one argument too many: \"%s\"", args.positional[command->max_positional]);
        return cli_usage_error(cli, command, &err);
    }
    return command->run(cli, &args);
}

int main(int argc, char **argv, char **env) {
    if (argc > 1 && strcmp(argv[1], "engine-host") == 0)
        return engine_host_main(argc, argv);

    signal(SIGPIPE, SIG_IGN);
    struct cli cli = {.os = os_real(), .env = env};
    cli.color = isatty(STDOUT_FILENO) && !cli_env(&cli, "NO_COLOR");
    cli.progress = isatty(STDERR_FILENO);

    if (argc < 2) {
        print_overview(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        const struct cli_command *about = argc > 2 ? find_command(argv[2]) : NULL;
        if (argc > 2 && !about)
            return fail_unknown_command(&cli, argv[2]);
        if (about)
            print_command_help(about);
        else
            print_overview(stdout);
        return CLI_OK;
    }
    if (strcmp(name, "--version") == 0)
        name = "version";
    const struct cli_command *command = find_command(name);
    if (!command)
        return fail_unknown_command(&cli, name);
    int code = run_command(&cli, command, argc - 2, argv + 2);
    bool written = fflush(stdout) == 0 && !ferror(stdout); /* a full disk must not look like success */
    if (!written && cli_reader_left()) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    if (!written && code == CLI_OK) {
        fputs("lakehouse: cannot write standard output\n", stderr);
        code = CLI_FAILED;
    }
    return code;
}
