#include "cli/index_tune.h"
#include "cli/answer.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/quantity.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "os/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LOOK_MS 100
#define NO_JOB_MS 5000 /* a server looks for what is to be built more often than that */

static long long int_of(const json_t *object, const char *key) {
    return (long long)json_integer_value(json_object_get(object, key));
}

static enum lh_code get(struct client *client, const char *path, const char *name, json_t **ret_answer,
                        struct lh_err *err) {
    LH_AUTO(buf) struct buf whole = BUF_INIT;
    buf_append_str(&whole, path);
    client_append_escaped(&whole, name);
    return client_json(client, "GET", buf_cstr(&whole), NULL, ret_answer, err);
}

/* ---- trials ---- */

static void print_head(void) {
    printf("trial  ef_construction  ef_search   m  recall      p50 us      p99 us    build ms    memory MB\n");
}

static void print_trial(const json_t *trial) {
    const json_t *settings = json_object_get(trial, "settings"), *measured = json_object_get(trial, "measured");
    printf("%5lld  %15lld  %9lld  %2lld  ", int_of(trial, "id"), int_of(settings, "ef_construction"),
           int_of(settings, "ef_search"), int_of(settings, "m"));
    if (measured)
        printf("%.4f  %10.1f  %10.1f  %10.1f  %11.1f\n", json_number_value(json_object_get(measured, "recall")),
               json_number_value(json_object_get(measured, "p50_us")),
               json_number_value(json_object_get(measured, "p99_us")),
               json_number_value(json_object_get(measured, "build_ms")),
               (double)json_integer_value(json_object_get(measured, "memory_bytes")) / 1e6);
    else
        printf("failed: %s\n", answer_text(json_object_get(trial, "error"), "message"));
}

static enum lh_code trials(struct cli *cli, const struct cli_args *args, struct client *client, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    json_t *trial;
    size_t i;
    LH_TRY(get(client, "/vectors/hnsw/trials/", args->positional[1], &answer, err));
    if (cli->json) {
        answer_print(answer);
        return LH_OK;
    }
    if (json_array_size(json_object_get(answer, "items")) == 0)
        fprintf(stderr, "There is no trial; 'lakehouse index tune %s' makes some.\n", args->positional[1]);
    else
        print_head();
    json_array_foreach(json_object_get(answer, "items"), i, trial) print_trial(trial);
    return LH_OK;
}

/* ---- promotion ---- */

/* Waits until what is promoted is what searches use. */
static enum lh_code wait_for_graph(struct cli *cli, struct client *client, const char *index, bool wait,
                                   json_t **ret_promoted, struct lh_err *err) {
    for (int64_t without_job_ms = 0;; without_job_ms += LOOK_MS) {
        LH_AUTO(json) json_t *promoted = NULL;
        LH_TRY(get(client, "/vectors/hnsw/promoted/", index, &promoted, err));
        if (!wait || strcmp(answer_text(promoted, "state"), "building") != 0) {
            *ret_promoted = LH_STEAL(promoted);
            return LH_OK;
        }
        if (answer_text(promoted, "job_id")[0])
            without_job_ms = 0;
        if (without_job_ms > NO_JOB_MS) {
            lh_ignore(lh_fail(err, LH_DATA, "the graph of \"%s\" is not being built", index));
            return lh_err_hint(err, "'lakehouse jobs' shows why; searches go on with what was there");
        }
        os_sleep_ms(cli->os, LOOK_MS);
    }
}

static void print_promoted(const json_t *promoted) {
    const json_t *settings = json_object_get(promoted, "settings"), *promotion = json_object_get(promoted, "promotion");
    if (promotion)
        printf("%s: trial %lld is promoted (ef_construction %lld, ef_search %lld, m %lld): %s\n",
               answer_text(promoted, "index"), int_of(promotion, "trial"), int_of(settings, "ef_construction"),
               int_of(settings, "ef_search"), int_of(settings, "m"), answer_text(promoted, "state"));
    else
        printf("%s: nothing is promoted (backend %s): %s\n", answer_text(promoted, "index"),
               answer_text(settings, "backend"), answer_text(promoted, "state"));
}

static enum lh_code show_promoted(struct cli *cli, const struct cli_args *args, struct client *client,
                                  struct lh_err *err) {
    LH_AUTO(json) json_t *promoted = NULL;
    LH_TRY(wait_for_graph(cli, client, args->positional[1], !cli_flag(args, "no-wait"), &promoted, err));
    if (cli->json)
        answer_print(promoted);
    else
        print_promoted(promoted);
    return LH_OK;
}

static enum lh_code change(struct cli *cli, const struct cli_args *args, struct client *client, struct lh_err *err) {
    LH_AUTO(json) json_t *ignored = NULL;
    LH_AUTO(buf) struct buf path = BUF_INIT;
    buf_printf(&path, "/vectors/hnsw/%s/", args->positional[0]);
    client_append_escaped(&path, args->positional[1]);
    if (args->positional_count > 2) {
        buf_append_char(&path, '/');
        client_append_escaped(&path, args->positional[2]);
    }
    if (cli_arg(args, "note")) {
        buf_append_str(&path, "?note=");
        client_append_escaped(&path, cli_arg(args, "note"));
    }
    LH_TRY(client_json(client, "POST", buf_cstr(&path), NULL, &ignored, err));
    return show_promoted(cli, args, client, err);
}

/* ---- tune ---- */

static enum lh_code bad_grid(const char *grid, struct lh_err *err) {
    lh_ignore(lh_fail(err, LH_USAGE, "--grid %.80s is no list of settings", grid));
    return lh_err_hint(err, "ef_construction:ef_search or ef_construction:ef_search:m, as 40:30,160:60:24");
}

static enum lh_code parse_point(const char *grid, const char *text, size_t len, json_t *points, struct lh_err *err) {
    static const char *const keys[] = {"ef_construction", "ef_search", "m"};
    LH_AUTO(json) json_t *point = json_object();
    size_t count = 0;
    for (const char *end = text + len; text <= end && count < 3; count++) {
        char number[16];
        int64_t value;
        size_t n = 0;
        while (text + n < end && text[n] != ':')
            n++;
        if (n >= sizeof number)
            return bad_grid(grid, err);
        memcpy(number, text, n);
        number[n] = '\0';
        if (!lh_int_parse(number, &value))
            return bad_grid(grid, err);
        json_object_set_new(point, keys[count], json_integer(value));
        text += n + 1;
    }
    if (count < 2 || text <= grid)
        return bad_grid(grid, err);
    json_array_append(points, point);
    return LH_OK;
}

static enum lh_code parse_grid(const char *grid, json_t *body, struct lh_err *err) {
    json_t *points = json_array();
    json_object_set_new(body, "grid", points);
    for (const char *at = grid;;) {
        size_t len = strcspn(at, ",");
        LH_TRY(parse_point(grid, at, len, points, err));
        if (!at[len])
            return LH_OK;
        at += len + 1;
    }
}

static enum lh_code parse_share(const char *text, json_t *body, struct lh_err *err) {
    LH_AUTO(json) json_t *value = NULL;
    if (lh_json_parse(text, strlen(text), NULL, &value, err) != LH_OK || !json_is_number(value))
        return lh_fail(err, LH_USAGE, "--min-recall %.40s is no number from 0 to 1", text);
    json_object_set(body, "min_recall", value);
    return LH_OK;
}

static enum lh_code wait_for_job(struct cli *cli, struct client *client, const char *id, json_t **ret_job,
                                 struct lh_err *err) {
    for (;;) {
        LH_AUTO(json) json_t *job = NULL;
        LH_TRY(get(client, "/jobs/", id, &job, err));
        const char *state = answer_text(job, "state");
        const json_t *progress = json_object_get(job, "progress"), *error = json_object_get(job, "error");
        if (cli->progress && !cli->json)
            fprintf(stderr, "\r%s %lld/%lld trials ", state, int_of(progress, "done"), int_of(progress, "total"));
        if (strcmp(state, "failed") == 0) {
            lh_ignore(lh_fail(err, lh_code_from_name(answer_text(error, "code")), "nothing is tuned: %s",
                              answer_text(error, "message")));
            return lh_err_hint(err, "%s", answer_text(error, "hint"));
        }
        if (strcmp(state, "cancelled") == 0)
            return lh_fail(err, LH_CANCELLED, "the job %s was cancelled", id);
        if (strcmp(state, "done") == 0) {
            if (cli->progress && !cli->json)
                fprintf(stderr, "\r%40s\r", "");
            *ret_job = LH_STEAL(job);
            return LH_OK;
        }
        os_sleep_ms(cli->os, LOOK_MS);
    }
}

/* The job's trials, in its order. */
static enum lh_code print_made(struct client *client, const char *index, const json_t *job, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    json_t *items, *trial;
    LH_TRY(get(client, "/vectors/hnsw/trials/", index, &answer, err));
    items = json_object_get(answer, "items");
    print_head();
    for (size_t i = json_array_size(items); i-- > 0;) {
        trial = json_array_get(items, i);
        if (strcmp(answer_text(trial, "job"), answer_text(job, "id")) == 0)
            print_trial(trial);
    }
    return LH_OK;
}

static enum lh_code tune(struct cli *cli, const struct cli_args *args, struct client *client, struct lh_err *err) {
    const char *index = args->positional[1];
    LH_AUTO(json) json_t *body = json_pack("{s:s}", "index_name", index);
    LH_AUTO(json) json_t *started = NULL;
    LH_AUTO(json) json_t *job = NULL;
    if (cli_arg(args, "grid"))
        LH_TRY(parse_grid(cli_arg(args, "grid"), body, err));
    if (cli_arg(args, "min-recall"))
        LH_TRY(parse_share(cli_arg(args, "min-recall"), body, err));
    if (cli_arg(args, "harness"))
        json_object_set_new(body, "harness", json_string(cli_arg(args, "harness")));
    LH_TRY(client_json(client, "POST", "/vectors/hnsw/autotune", body, &started, err));
    if (cli_flag(args, "no-wait")) {
        answer_print(started);
        return LH_OK;
    }
    LH_TRY(wait_for_job(cli, client, answer_text(started, "job_id"), &job, err));
    const json_t *result = json_object_get(job, "result");
    bool promoted = json_is_true(json_object_get(result, "promoted"));
    if (cli->json && !promoted)
        answer_print(job);
    if (!cli->json)
        LH_TRY(print_made(client, index, job, err));
    if (!promoted && !cli->json)
        printf("%s: no trial has a recall of %.4g: nothing is promoted\n", index,
               json_number_value(json_object_get(result, "min_recall")));
    return promoted ? show_promoted(cli, args, client, err) : LH_OK;
}

/* ---- the actions ---- */

static const struct action {
    const char *name, *needs;
    size_t positional;
    enum lh_code (*run)(struct cli *cli, const struct cli_args *args, struct client *client, struct lh_err *err);
} actions[] = {
    {"tune", "the name of an index", 2, tune},
    {"trials", "the name of an index", 2, trials},
    {"promote", "the name of an index and the number of a trial", 3, change},
    {"rollback", "the name of an index", 2, change},
};

static const struct action *find(const struct cli_args *args) {
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].name, args->positional[0]) == 0)
            return &actions[i];
    return NULL;
}

bool index_tune_knows(const struct cli_args *args) {
    return find(args) != NULL;
}

enum lh_code index_tune_action(struct cli *cli, const struct cli_args *args, struct lh_err *err) {
    LH_AUTO(client) struct client *client = NULL;
    const struct action *action = find(args);
    if (args->positional_count != action->positional)
        return lh_fail(err, LH_USAGE, "index %s needs %s", action->name, action->needs);
    LH_TRY(client_open(cli, args, &client, err));
    return action->run(cli, args, client, err);
}
