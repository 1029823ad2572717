/* lakehouse ask: a question answered from an index, as it is written. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/answer.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/event_reader.h"
#include "cli/index_choice.h"
#include "cli/plain_text.h"

#include <stdio.h>
#include <string.h>

static const struct cli_option options[] = {
    CLIENT_OPTIONS,
    {"index", 'i', "NAME", "the index (default: the only one)", false},
    {"profile", 0, "ID", "through this profile: its datasets, its generator", false},
    {"k", 'k', "N", "passages (default: 8)", false},
    {"mode", 'm', "SEARCH", "vector, text or hybrid (default)", false},
    {"filter", 'f', "SQL", "only documents whose row meets this condition", false},
    {"rerank", 0, NULL, "put the passages in a better order first", false},
    {"model", 0, "NAME", "who writes, such as ollama/llama3.2 (default: ai.generator)", false},
    {"max-tokens", 0, "N", "of the answer (default: the model's limit)", false},
    {"json", 0, NULL, "the answer as JSON, when it is whole", false},
    {NULL, 0, NULL, NULL, false},
};

struct telling {
    struct cli *cli;
    json_t *passages; /* of the first event */
    bool generates;   /* a generator writes; else the passages are the answer */
    json_t *last;     /* what was checked */
    struct lh_err err;
};

static void print_plain(const char *text, size_t len, bool lines) {
    LH_AUTO(buf) struct buf out = BUF_INIT;
    plain_text_append(&out, text, len, lines);
    fwrite(buf_cstr(&out), 1, out.len, stdout);
}

/* "[2] candidates/4711, page 3, bytes 118 to 241", and the text of it on lines of its own. */
static void print_place(const json_t *place, const char *dataset, const char *text_key, const char *remark) {
    LH_AUTO(buf) struct buf out = BUF_INIT;
    const json_t *page = json_object_get(place, "page"), *text = json_object_get(place, text_key);
    buf_printf(&out, "[%lld] ", (long long)json_integer_value(json_object_get(place, "number")));
    plain_text_append(&out, dataset, strlen(dataset), false);
    buf_append_char(&out, '/');
    plain_text_append(&out, answer_text(place, "doc_id"), strlen(answer_text(place, "doc_id")), false);
    if (page)
        buf_printf(&out, ", page %lld", (long long)json_integer_value(page));
    buf_printf(&out, ", bytes %lld to %lld%s\n    ",
               (long long)json_integer_value(json_object_get(place, "byte_start")),
               (long long)json_integer_value(json_object_get(place, "byte_end")), remark);
    plain_text_append(&out, json_string_value(text), json_string_length(text), false);
    printf("%s\n", buf_cstr(&out));
}

static void print_passages(const struct telling *t) {
    json_t *passage;
    size_t i;
    json_array_foreach(json_object_get(t->passages, "passages"), i, passage)
        print_place(passage, answer_text(t->passages, "dataset"), "text", "");
}

static void print_citations(const struct telling *t) {
    const json_t *citations = json_object_get(t->last, "citations");
    json_t *c;
    size_t i;
    printf("\n%s", json_array_size(citations) ? "\n" : "");
    json_array_foreach(citations, i, c)
        print_place(c, answer_text(c, "dataset"), "excerpt",
                    json_is_true(json_object_get(c, "supported")) ? "" : " (does not say so in these words)");
}

static bool fail_told(struct telling *t, const json_t *error) {
    lh_ignore(lh_fail(&t->err, lh_code_from_name(answer_text(error, "code")), "%s", answer_text(error, "message")));
    return false;
}

static bool on_event(void *self, const json_t *event) {
    struct telling *t = self;
    const json_t *text = json_object_get(event, "text"), *error = json_object_get(event, "error");
    if (error)
        return fail_told(t, error);
    if (json_object_get(event, "passages")) {
        t->passages = json_incref((json_t *)(uintptr_t)event);
        t->generates = json_is_string(json_object_get(event, "generator"));
    } else if (json_is_true(json_object_get(event, "done"))) {
        t->last = json_incref((json_t *)(uintptr_t)event);
    } else if (text && t->generates) {
        print_plain(json_string_value(text), json_string_length(text), true);
        fflush(stdout);
    }
    return !cli_reader_left();
}

/* The passages are there, whatever became of the answer. */
static enum lh_code tell(struct telling *t, enum lh_code code, struct lh_err *err) {
    if (t->err.code != LH_OK) {
        *err = t->err;
        code = err->code;
        printf("\nThe passages that were found:\n\n");
        print_passages(t);
        return code;
    }
    LH_TRY(code);
    if (!t->last)
        return lh_fail(err, LH_UPSTREAM, "the server ended its answer in the middle");
    if (t->generates && json_is_true(json_object_get(t->last, "generated")))
        print_citations(t);
    else
        print_passages(t);
    if (answer_text(t->last, "note")[0])
        fprintf(stderr, "%sNote: %s\n", json_array_size(json_object_get(t->passages, "passages")) ? "\n" : "",
                answer_text(t->last, "note"));
    if (answer_text(t->passages, "warning")[0])
        fprintf(stderr, "Warning: %s\n", answer_text(t->passages, "warning"));
    return LH_OK;
}

static enum lh_code stream(struct cli *cli, struct client *client, const json_t *body, struct lh_err *err) {
    struct telling t = {.cli = cli};
    struct event_reader reader = {.on_event = on_event, .self = &t};
    enum lh_code code =
        client_stream(client, "/vectors/rag", body, "text/event-stream", event_reader_take, &reader, err);
    code = tell(&t, code, err);
    event_reader_release(&reader);
    json_decref(t.passages);
    json_decref(t.last);
    return code;
}

static enum lh_code ask_whole(struct client *client, const json_t *body, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(client_json(client, "POST", "/vectors/rag", body, &answer, err));
    lh_json_write(answer, LH_JSON_COMPACT, &text);
    printf("%s\n", buf_cstr(&text));
    return LH_OK;
}

static enum lh_code ask(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    static const char *const fields[] = {"profile", "mode", "filter", "model"};
    LH_AUTO(client) struct client *client = NULL;
    LH_AUTO(json) json_t *body = json_pack("{s:s}", "question", args->positional[0]);
    uint64_t k, tokens;
    if (!body)
        return lh_fail(err, LH_USAGE, "the question is not UTF-8");
    LH_TRY(cli_arg_uint(args, "k", 1, 100, 8, &k, err));
    LH_TRY(cli_arg_uint(args, "max-tokens", 1, 1000000, 0, &tokens, err));
    json_object_set_new(body, "k", json_integer((json_int_t)k));
    if (tokens)
        json_object_set_new(body, "max_tokens", json_integer((json_int_t)tokens));
    if (cli_flag(args, "rerank"))
        json_object_set_new(body, "rerank", json_true());
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (cli_arg(args, fields[i]))
            json_object_set_new(body, fields[i], json_string(cli_arg(args, fields[i])));
    LH_TRY(client_open(cli, args, &client, err));
    if (!cli_arg(args, "profile"))
        LH_TRY(index_choose(args, client, body, err));
    else if (cli_arg(args, "index"))
        json_object_set_new(body, "index", json_string(cli_arg(args, "index")));
    return cli->json ? ask_whole(client, body, err) : stream(cli, client, body, err);
}

static int run(struct cli *cli, const struct cli_args *args) {
    struct lh_err err = LH_ERR_INIT;
    return ask(cli, args, &err) == LH_OK ? CLI_OK : cli_fail(cli, &err);
}

const struct cli_command cli_ask = {
    .name = "ask",
    .usage = "QUESTION [--index NAME] [--k N] [--filter SQL] [--model NAME] [--json] [--server URL | --data DIR]",
    .summary = "answer a question from documents, with citations",
    .help =
        "The passages nearest to the question go before the configured generator, and its answer is printed as it is\n"
        "written; then the passages that it cites, as they stand in the documents.  Without a generator the passages\n"
        "are the answer.  To have answers written by a model on this machine: install Ollama, 'ollama pull llama3.2',\n"
        "and in lakehouse.toml, section [ai]:\n\n"
        "  generator = \"ollama\"\n"
        "  generate_model = \"llama3.2\"",
    .options = options,
    .min_positional = 1,
    .max_positional = 1,
    .run = run,
};
