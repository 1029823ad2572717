/* lakehouse index, lakehouse search: documents by words and by meaning. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/index_choice.h"
#include "cli/index_tune.h"
#include "cli/plain_text.h"
#include "os/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXCERPT_BYTES ((size_t)160)

static void append_index_path(struct buf *path, const char *name) {
    buf_append_str(path, "/vectors/indexes/");
    client_append_escaped(path, name);
}

/* ---- waiting for a build ---- */

static enum lh_code wait_for(struct cli *cli, struct client *client, const char *id, struct lh_err *err) {
    for (;;) {
        LH_AUTO(json) json_t *job = NULL;
        LH_AUTO(buf) struct buf path = BUF_INIT;
        buf_printf(&path, "/vectors/jobs/%s", id);
        LH_TRY(client_json(client, "GET", buf_cstr(&path), NULL, &job, err));
        const char *state = answer_text(job, "state");
        const json_t *progress = json_object_get(job, "progress"), *result = json_object_get(job, "result");
        if (strcmp(state, "done") == 0) {
            LH_AUTO(buf) struct buf left_out = BUF_INIT;
            index_append_left_out(result, &left_out);
            if (cli->json)
                answer_print(job);
            else if (json_is_true(json_object_get(result, "changed")))
                printf("%s: %lld documents, %lld of them unchanged, %lld chunks embedded%s\n",
                       answer_text(job, "subject"), (long long)json_integer_value(json_object_get(result, "documents")),
                       (long long)json_integer_value(json_object_get(result, "unchanged")),
                       (long long)json_integer_value(json_object_get(result, "chunks_embedded")), buf_cstr(&left_out));
            else
                printf("%s: nothing has changed\n", answer_text(job, "subject"));
            return LH_OK;
        }
        if (strcmp(state, "failed") == 0 || strcmp(state, "cancelled") == 0) {
            const json_t *error = json_object_get(job, "error");
            lh_ignore(lh_fail(err, LH_DATA, "the index was not built (%s): %s", state, answer_text(error, "message")));
            return answer_text(error, "hint")[0] ? lh_err_hint(err, "%s", answer_text(error, "hint")) : err->code;
        }
        if (!cli->json && cli->progress)
            fprintf(stderr, "\r%s %lld/%lld documents ", state,
                    (long long)json_integer_value(json_object_get(progress, "done")),
                    (long long)json_integer_value(json_object_get(progress, "total")));
        os_sleep_ms(cli->os, 100);
    }
}

/* ---- index create, list, refresh, delete ---- */

static const struct cli_option index_options[] = {
    CLIENT_OPTIONS,
    {"id", 0, "COLUMN", "create: the column that names a document (default: the primary key)", false},
    {"text", 't', "COLUMN", "create: the column that holds its text", false},
    {"name", 'n', "NAME", "create, refresh: the index (default: the dataset's name; refresh: all of the dataset)",
     false},
    {"provider", 0, "NAME", "create: who embeds (default: builtin)", false},
    {"model", 0, "NAME", "create: the provider's model", false},
    {"dimensions", 0, "N", "create: of the vectors", false},
    {"refresh", 0, "WHEN", "create: manual, on_append", false},
    {"rebuild", 0, NULL, "refresh: write all but the embeddings anew", false},
    INDEX_TUNE_OPTIONS,
    {"no-wait", 0, NULL, "do not wait for the build", false},
    {"json", 0, NULL, "as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

static enum lh_code find_id(struct client *client, const char *dataset, const char *given, json_t *body,
                            struct lh_err *err) {
    LH_AUTO(json) json_t *manifest = NULL;
    LH_AUTO(buf) struct buf path = BUF_INIT;
    if (given) {
        json_object_set_new(body, "id_column", json_string(given));
        return LH_OK;
    }
    buf_append_str(&path, "/catalog/datasets/by-name/");
    client_append_escaped(&path, dataset);
    LH_TRY(client_json(client, "GET", buf_cstr(&path), NULL, &manifest, err));
    json_t *key = json_object_get(manifest, "primary_key");
    if (json_array_size(key) != 1) {
        lh_ignore(lh_fail(err, LH_USAGE, "which column names a document of \"%s\"?", dataset));
        return lh_err_hint(err, "say --id COLUMN");
    }
    json_object_set(body, "id_column", json_array_get(key, 0));
    return LH_OK;
}

static enum lh_code create(struct cli *cli, const struct cli_args *args, struct client *client, struct lh_err *err) {
    static const char *const fields[] = {"name", "provider", "model", "refresh"};
    LH_AUTO(json) json_t *body = json_object();
    LH_AUTO(json) json_t *answer = NULL;
    const char *dataset = args->positional[1];
    if (!cli_arg(args, "text"))
        return lh_fail(err, LH_USAGE, "say --text COLUMN: the column that holds the texts");
    json_object_set_new(body, "dataset", json_string(dataset));
    json_object_set_new(body, "text_column", json_string(cli_arg(args, "text")));
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (cli_arg(args, fields[i]))
            json_object_set_new(body, fields[i], json_string(cli_arg(args, fields[i])));
    uint64_t dims;
    LH_TRY(cli_arg_uint(args, "dimensions", 0, 16384, 0, &dims, err));
    if (dims)
        json_object_set_new(body, "dimensions", json_integer((json_int_t)dims));
    LH_TRY(find_id(client, dataset, cli_arg(args, "id"), body, err));
    LH_TRY(client_json(client, "POST", "/vectors/index", body, &answer, err));
    if (cli_flag(args, "no-wait")) {
        answer_print(answer);
        return LH_OK;
    }
    return wait_for(cli, client, answer_text(answer, "job_id"), err);
}

static enum lh_code refresh(struct cli *cli, const struct cli_args *args, struct client *client, struct lh_err *err) {
    LH_AUTO(json) json_t *body = json_object();
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(buf) struct buf path = BUF_INIT;
    json_t *job;
    size_t i;
    buf_append_str(&path, "/vectors/refresh/");
    client_append_escaped(&path, args->positional[1]);
    if (cli_arg(args, "name"))
        json_object_set_new(body, "index_name", json_string(cli_arg(args, "name")));
    if (cli_flag(args, "rebuild"))
        json_object_set_new(body, "rebuild", json_true());
    LH_TRY(client_json(client, "POST", buf_cstr(&path), body, &answer, err));
    json_array_foreach(json_object_get(answer, "jobs"), i, job) if (!cli_flag(args, "no-wait"))
        LH_TRY(wait_for(cli, client, answer_text(job, "job_id"), err));
    return LH_OK;
}

static void print_index(const json_t *index) {
    const json_t *model = json_object_get(index, "model"), *generation = json_object_get(index, "generation");
    printf("%-20s  %-20s  %-10s  %5lld  %9lld documents  %9lld chunks  %s\n", answer_text(index, "name"),
           answer_text(json_object_get(index, "source"), "dataset"), answer_text(model, "provider"),
           (long long)json_integer_value(json_object_get(model, "dimensions")),
           (long long)json_integer_value(json_object_get(generation, "documents")),
           (long long)json_integer_value(json_object_get(generation, "live")),
           !json_is_true(json_object_get(index, "ready"))  ? "building"
           : json_is_true(json_object_get(index, "stale")) ? "stale"
                                                           : "fresh");
}

static enum lh_code list(struct cli *cli, struct client *client, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    json_t *index;
    size_t i;
    LH_TRY(client_json(client, "GET", "/vectors/indexes", NULL, &answer, err));
    if (cli->json)
        answer_print(answer);
    else
        json_array_foreach(json_object_get(answer, "items"), i, index) print_index(index);
    if (!cli->json && json_array_size(json_object_get(answer, "items")) == 0)
        fprintf(stderr, "There is no index; 'lakehouse index create DATASET --text COLUMN' makes one.\n");
    return LH_OK;
}

/* ---- search ---- */

static const struct cli_option search_options[] = {
    CLIENT_OPTIONS,
    {"index", 'i', "NAME", "the index (default: the only one)", false},
    {"k", 'k', "N", "hits (default: 5)", false},
    {"mode", 'm', "SEARCH", "vector, text or hybrid (default)", false},
    {"filter", 'f', "SQL", "only documents whose row meets this condition", false},
    {"rerank", 0, NULL, "look at the best hits again, and put them in a better order", false},
    {"json", 0, NULL, "the answer as JSON", false},
    {NULL, 0, NULL, NULL, false},
};

/* One line of at most 160 bytes, cut between characters. */
static void append_excerpt(struct buf *out, const char *text) {
    size_t all = strlen(text), len = all < EXCERPT_BYTES ? all : EXCERPT_BYTES;
    while (len < all && len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80)
        len--;
    plain_text_append(out, text, len, false);
    if (len < all)
        buf_append_str(out, "...");
}

static void print_hits(const json_t *answer) {
    json_t *hit;
    size_t i;
    json_array_foreach(json_object_get(answer, "hits"), i, hit) {
        LH_AUTO(buf) struct buf line = BUF_INIT;
        const json_t *reranked = json_object_get(hit, "rerank_score");
        buf_printf(&line, "%2zu  %7.4f  ", i + 1,
                   json_number_value(reranked ? reranked : json_object_get(hit, "score")));
        plain_text_append(&line, answer_text(hit, "doc_id"), strlen(answer_text(hit, "doc_id")), false);
        if (json_object_get(hit, "page"))
            buf_printf(&line, ", page %lld", (long long)json_integer_value(json_object_get(hit, "page")));
        buf_append_str(&line, "\n    ");
        append_excerpt(&line, answer_text(hit, "text"));
        printf("%s\n", buf_cstr(&line));
    }
    if (json_array_size(json_object_get(answer, "hits")) == 0)
        fprintf(stderr, "Nothing was found.\n");
    if (answer_text(answer, "warning")[0])
        fprintf(stderr, "Warning: %s\n", answer_text(answer, "warning"));
}

static enum lh_code search(struct cli *cli, const struct cli_args *args, const char *words, struct client *client,
                           struct lh_err *err) {
    static const char *const fields[] = {"mode", "filter"};
    LH_AUTO(json) json_t *body = json_object();
    LH_AUTO(json) json_t *answer = NULL;
    uint64_t k;
    LH_TRY(cli_arg_uint(args, "k", 1, 1000, 5, &k, err));
    json_object_set_new(body, "query", json_string(words));
    if (cli_flag(args, "rerank"))
        json_object_set_new(body, "rerank", json_true());
    json_object_set_new(body, "k", json_integer((json_int_t)k));
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (cli_arg(args, fields[i]))
            json_object_set_new(body, fields[i], json_string(cli_arg(args, fields[i])));
    LH_TRY(index_choose(args, client, body, err));
    LH_TRY(client_json(client, "POST", "/vectors/search", body, &answer, err));
    if (cli->json)
        answer_print(answer);
    else
        print_hits(answer);
    return LH_OK;
}

/* ---- the commands ---- */

static enum lh_code dispatch(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    LH_AUTO(client) struct client *client = NULL;
    LH_AUTO(json) json_t *ignored = NULL;
    LH_AUTO(buf) struct buf path = BUF_INIT;
    const char *verb = args->positional[0];
    bool is_list = strcmp(verb, "list") == 0, is_delete = strcmp(verb, "delete") == 0;
    if (index_tune_knows(args))
        return index_tune_action(cli, args, err);
    if (!is_list && !is_delete && strcmp(verb, "create") != 0 && strcmp(verb, "refresh") != 0) {
        lh_ignore(lh_fail(err, LH_USAGE, "there is no \"index %.40s\"", verb));
        return lh_err_hint(
            err,
            "use create, list, refresh, delete, tune, trials, promote or rollback; to search: lakehouse search \"words\"");
    }
    if (args->positional_count != (is_list ? 1u : 2u))
        return lh_fail(err, LH_USAGE, "index %s needs %s", verb,
                       is_list     ? "nothing more"
                       : is_delete ? "the name of an index"
                                   : "the name of a dataset");
    LH_TRY(client_open(cli, args, &client, err));
    if (is_list)
        return list(cli, client, err);
    if (!is_delete)
        return strcmp(verb, "create") == 0 ? create(cli, args, client, err) : refresh(cli, args, client, err);
    append_index_path(&path, args->positional[1]);
    return client_json(client, "DELETE", buf_cstr(&path), NULL, &ignored, err);
}

static int run_index(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    if (dispatch(cli, args, &err) == LH_OK)
        return CLI_OK;
    return err.code == LH_USAGE ? cli_usage_error(cli, &cli_index, &err) : cli_fail(cli, &err);
}

static int run_search(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(client) struct client *client = NULL;
    enum lh_code code = client_open(cli, args, &client, &err);
    if (code == LH_OK)
        code = search(cli, args, args->positional[0], client, &err);
    return code == LH_OK ? CLI_OK : cli_fail(cli, &err);
}

const struct cli_command cli_index = {
    .name = "index",
    .usage = "create DATASET --text COLUMN | list | refresh DATASET | delete NAME [--server URL | --data DIR]\n"
             "tune NAME [--grid POINTS] [--min-recall SHARE] | trials NAME [--server URL | --data DIR]\n"
             "promote NAME TRIAL | rollback NAME [--note TEXT] [--server URL | --data DIR]",
    .summary = "make documents searchable, and keep them so",
    .help =
        "create defines an index over a text column of a dataset and builds it; refresh embeds what is new or has\n"
        "changed and lets go what is gone; list shows every index and whether its dataset has moved on.\n"
        "tune builds graphs aside, measures them and promotes the best; trials shows what was measured. promote makes a\n"
        "trial's settings those of the index, rollback goes back; searches go on meanwhile.",
    .options = index_options,
    .min_positional = 1,
    .max_positional = 3,
    .run = run_index,
};

const struct cli_command cli_search = {
    .name = "search",
    .usage = "WORDS [--index NAME] [--k N] [--mode SEARCH] [--filter SQL] [--json] [--server URL | --data DIR]",
    .summary = "find documents by words and by meaning",
    .help = "Words find texts that hold all of them, or any where those are few, and texts that are near in meaning.\n"
            "\"A phrase\" in quotes stays together, -word leaves out, beginni* stands for every ending.",
    .options = search_options,
    .min_positional = 1,
    .max_positional = 1,
    .run = run_search,
};
