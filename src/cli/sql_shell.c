/* libedit's readline interface keeps its state in globals of its own, among them the completion callback, which takes no context: the
 * one static pointer below is the shell's own way to its word list, set for as long as the shell runs. */
#include "cli/sql_shell.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/sql_run.h"

#include <editline/readline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const keywords[] = {
    "SELECT",      "FROM",     "WHERE",    "GROUP BY", "ORDER BY", "LIMIT",    "HAVING",   "JOIN",      "LEFT JOIN",
    "USING",       "DISTINCT", "COUNT(*)", "UNION",    "WITH",     "CASE",     "WHEN",     "THEN",      "ELSE",
    "END",         "BETWEEN",  "LIKE",     "ILIKE",    "IS NULL",  "EXISTS",   "DESCRIBE", "SUMMARIZE", "EXPLAIN",
    "SHOW TABLES", "AS",       "AND",      "DESC",     "ASC",      "INTERVAL",
};

struct words {
    char **items;
    size_t count, cap;
};

static struct words *completions; /* see the top of the file */

static void words_add(struct words *w, const char *text) {
    for (size_t i = 0; i < w->count; i++)
        if (strcmp(w->items[i], text) == 0)
            return;
    if (w->count == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 64;
        w->items = lh_realloc(w->items, w->cap * sizeof *w->items);
    }
    w->items[w->count++] = lh_strdup(text);
}

static void words_release(struct words *w) {
    for (size_t i = 0; i < w->count; i++)
        lh_free(w->items[i]);
    lh_free(w->items);
    *w = (struct words){0};
}

/* Keywords, dataset names and their columns.  A lake that cannot be asked completes keywords only. */
static void words_load(struct words *w, struct client *client) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(json) json_t *answer = NULL;
    for (size_t i = 0; i < LH_ARRAY_LEN(keywords); i++)
        words_add(w, keywords[i]);
    if (client_json(client, "GET", "/catalog/datasets?limit=1000", NULL, &answer, &err) != LH_OK)
        return;
    size_t i, j;
    json_t *dataset, *column;
    json_array_foreach(json_object_get(answer, "items"), i, dataset) {
        const char *name = json_string_value(json_object_get(dataset, "name"));
        if (name)
            words_add(w, name);
        json_array_foreach(json_object_get(dataset, "columns"), j, column) {
            name = json_string_value(json_object_get(column, "name"));
            if (name)
                words_add(w, name);
        }
    }
}

/* The readline protocol: called with rising `state` until it gives NULL; the strings are freed by the library, with
 * the free() that lh_free is too. */
static char *next_completion(const char *text, int state) {
    static size_t at;
    size_t len = strlen(text);
    if (state == 0)
        at = 0;
    while (completions && at < completions->count) {
        const char *word = completions->items[at++];
        if (strncasecmp(word, text, len) == 0)
            return lh_strdup(word);
    }
    return NULL;
}

static char **complete(const char *text, int start, int end) {
    (void)start;
    (void)end;
    rl_attempted_completion_over = 1; /* never file names */
    return rl_completion_matches(text, next_completion);
}

static void print_help(void) {
    puts("A statement ends with a semicolon and may take several lines.\n"
         "  .tables             datasets with their rows\n"
         "  .schema NAME        columns of a dataset\n"
         "  .mode table|json|ndjson|csv\n"
         "  .limit N            rows that are shown of a table\n"
         "  .help               this\n"
         "  .quit               leave (or Ctrl-D)");
}

static void set_mode(struct sql_output *output, const char *name) {
    static const char *const names[] = {"table", "json", "ndjson", "csv"};
    for (size_t i = 0; i < LH_ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0) {
            output->format = (enum sql_format)i;
            return;
        }
    puts("modes: table, json, ndjson, csv");
}

static void set_limit(struct sql_output *output, const char *text) {
    int64_t limit;
    if (lh_int_parse(text, &limit) && limit > 0)
        output->limit = (uint64_t)limit;
    else
        printf(".limit needs a number of rows, not \"%s\"\n", text);
}

static enum lh_code show_schema(const struct cli *cli, struct client *client, const char *name,
                                const struct sql_output *output, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_append_str(&sql, "SELECT column_name, column_type FROM (DESCRIBE ");
    buf_append_sql_ident(&sql, name);
    buf_append_str(&sql, ")");
    return sql_run(cli, client, buf_cstr(&sql), output, err);
}

static enum lh_code show_tables(struct client *client, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(client_json(client, "GET", "/catalog/datasets?limit=1000", NULL, &answer, err));
    size_t i;
    json_t *dataset;
    json_array_foreach(json_object_get(answer, "items"), i, dataset)
        printf("%-30s %12lld rows\n", json_string_value(json_object_get(dataset, "name")),
               (long long)json_integer_value(json_object_get(dataset, "row_count")));
    return LH_OK;
}

/* True when the shell is to end. */
static bool dot_command(const struct cli *cli, struct client *client, char *line, struct sql_output *output) {
    struct lh_err err = LH_ERR_INIT;
    enum lh_code code = LH_OK;
    char *rest = NULL, *word = strtok_r(line, " \t", &rest), *argument = strtok_r(NULL, " \t", &rest);
    if (strcmp(word, ".quit") == 0 || strcmp(word, ".exit") == 0)
        return true;
    if (strcmp(word, ".tables") == 0)
        code = show_tables(client, &err);
    else if (strcmp(word, ".schema") == 0 && argument)
        code = show_schema(cli, client, argument, output, &err);
    else if (strcmp(word, ".mode") == 0 && argument)
        set_mode(output, argument);
    else if (strcmp(word, ".limit") == 0 && argument)
        set_limit(output, argument);
    else
        print_help();
    if (code != LH_OK)
        cli_fail(cli, &err);
    return false;
}

static void run_complete_statements(const struct cli *cli, struct client *client, struct buf *pending,
                                    const struct sql_output *output) {
    size_t len;
    while ((len = sql_statement_end(buf_cstr(pending))) > 0) {
        struct lh_err err = LH_ERR_INIT;
        LH_AUTO(mem) char *statement = lh_strndup(pending->data, len);
        buf_consume(pending, len);
        if (!sql_is_blank(statement) && sql_run(cli, client, statement, output, &err) != LH_OK)
            cli_fail(cli, &err);
    }
    if (sql_is_blank(buf_cstr(pending)))
        buf_reset(pending);
}

static char *history_path(const struct cli *cli) {
    const char *state = cli_env(cli, "XDG_STATE_HOME"), *home = cli_env(cli, "HOME");
    if (state)
        return lh_asprintf("%s/lakehouse_history", state);
    return home ? lh_asprintf("%s/.lakehouse_history", home) : NULL;
}

/* libedit shows the prompt first and makes the terminal raw after it: a Ctrl-D sent between the two (by a program, which
 * waits for the prompt) would be an end-of-file of the terminal's line, and lost. */
static char *read_line(const char *prompt) {
    rl_prep_terminal(1);
    return readline(prompt);
}

int sql_shell(const struct cli *cli, struct client *client, struct sql_output *output) {
    struct words words = {0};
    LH_AUTO(mem) char *history = history_path(cli);
    LH_AUTO(buf) struct buf pending = BUF_INIT;
    words_load(&words, client);
    completions = &words;
    rl_readline_name = (char *)(uintptr_t) "lakehouse";
    rl_attempted_completion_function = complete;
    rl_initialize();
    using_history();
    stifle_history(2000);
    if (history)
        read_history(history);

    printf("lakehouse %s on %s.  .help tells more; Ctrl-D leaves.\n", LH_VERSION, client_place(client));
    for (char *line; (line = read_line(pending.len > 0 ? "  ...> " : "sql> "));) {
        bool done = false;
        if (line[strspn(line, " \t")] != '\0')
            add_history(line);
        if (pending.len == 0 && line[0] == '.') {
            done = dot_command(cli, client, line, output);
        } else {
            buf_append_str(&pending, line);
            buf_append_char(&pending, '\n');
            run_complete_statements(cli, client, &pending, output);
        }
        lh_free(line);
        fflush(stdout);
        if (done)
            break;
    }
    if (history)
        write_history(history);
    completions = NULL;
    words_release(&words);
    return CLI_OK;
}
