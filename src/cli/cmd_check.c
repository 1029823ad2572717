/* lakehouse check: look at the whole lake, and say how to repair what is wrong. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "base/json.h"
#include "base/quantity.h"
#include "cli/check_erased.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "engine/engine.h"
#include "lake/lake_check.h"
#include "lakehouse/lakehouse.h"

#include <inttypes.h>
#include <stdio.h>

static const struct cli_option options[] = {
    {"data", 'd', "DIR", "the data folder (default: $LAKEHOUSE_DATA or ./lakehouse-data)", false},
    {"config", 'c', "FILE", "configuration (default: ./lakehouse.toml where it exists)", false},
    {"deep", 0, NULL, "read every byte and compare its checksum", false},
    {"erased", 0, "KEY", "search everything for this key instead, and say where it still stands", false},
    {"dataset", 0, "NAME", "with --erased: only rows of this dataset", false},
    {"json", 0, NULL, "one JSON document", false},
    {NULL, 0, NULL, NULL, false},
};

struct checking {
    const struct cli *cli;
    json_t *findings; /* under --json */
    struct progress progress;
};

static const char *severity_name(enum check_severity severity) {
    return severity == CHECK_DAMAGE ? "damage" : severity == CHECK_WARNING ? "warning" : "note";
}

static void on_finding(void *ctx, const struct check_finding *f) {
    struct checking *c = ctx;
    if (c->findings) {
        json_array_append_new(c->findings, json_pack("{s:s, s:s, s:s?, s:s?, s:s, s:s?}", "severity",
                                                     severity_name(f->severity), "kind", f->kind, "bucket", f->bucket,
                                                     "object", f->object, "message", f->message, "repair", f->repair));
        return;
    }
    const char *color = !c->cli->color                 ? ""
                        : f->severity == CHECK_DAMAGE  ? "\033[31m"
                        : f->severity == CHECK_WARNING ? "\033[33m"
                                                       : "";
    progress_end(&c->progress);
    printf("%s%s%s: %s", color, severity_name(f->severity), *color ? "\033[0m" : "", f->message);
    if (f->object)
        printf("  [%s%s%s]", f->bucket ? f->bucket : "", f->bucket ? ": " : "", f->object);
    printf("\n");
    if (f->repair)
        printf("  repair: %s\n", f->repair);
}

static void on_progress(void *ctx, uint64_t done, uint64_t total) {
    progress_count(&((struct checking *)ctx)->progress, done, total, "objects");
}

/* What stands between a worker and this machine; what the kernel lacks is a note, not a failure. */
static void print_fences(const json_t *probe) {
    json_int_t landlock = json_integer_value(json_object_get(probe, "landlock_abi"));
    bool seccomp = json_is_true(json_object_get(probe, "seccomp")),
         fence = json_is_true(json_object_get(probe, "duckdb_fence"));
    printf("DuckDB %s; workers: seccomp %s, Landlock ", json_string_value(json_object_get(probe, "duckdb")),
           seccomp ? "on" : "MISSING");
    if (landlock > 0)
        printf("on (ABI %d)", (int)landlock);
    else
        printf("MISSING");
    printf(", DuckDB's own fence %s\n", fence ? "on" : "MISSING");
    if (landlock == 0)
        printf("note: kernel %s has no Landlock: a hijacked worker could open files that this user can read\n",
               json_string_value(json_object_get(probe, "kernel")));
}

static void print_totals(const struct lake_check_totals *t) {
    LH_AUTO(buf) struct buf line = BUF_INIT;
    lh_count_format(t->records, &line);
    buf_append_str(&line, " commit records, ");
    lh_count_format(t->checkpoints, &line);
    buf_append_str(&line, " checkpoints, ");
    lh_count_format(t->datasets, &line);
    buf_append_str(&line, " datasets, ");
    lh_count_format(t->objects, &line);
    buf_append_str(&line, " objects, ");
    lh_count_format(t->event_files, &line);
    buf_append_str(&line, " event files");
    if (t->bytes_hashed > 0) {
        buf_append_str(&line, ", ");
        lh_size_format(t->bytes_hashed, &line);
        buf_append_str(&line, " read");
    }
    printf("%s\n", buf_cstr(&line));
    if (t->findings[CHECK_DAMAGE] + t->findings[CHECK_WARNING] == 0)
        printf("ok\n");
    else
        printf("%" PRIu64 " damaged, %" PRIu64 " warnings\n", t->findings[CHECK_DAMAGE], t->findings[CHECK_WARNING]);
}

static void print_json(json_t *findings, json_t *probe, const struct lake_check_totals *t) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *report =
        json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:O, s:O}", "ok",
                  t->findings[CHECK_DAMAGE] + t->findings[CHECK_WARNING] == 0, "records", (json_int_t)t->records,
                  "checkpoints", (json_int_t)t->checkpoints, "datasets", (json_int_t)t->datasets, "objects",
                  (json_int_t)t->objects, "orphans", (json_int_t)t->orphans, "event_files", (json_int_t)t->event_files,
                  "bytes_read", (json_int_t)t->bytes_hashed, "findings", findings, "sandbox", probe);
    lh_json_write(report, LH_JSON_COMPACT, &text);
    printf("%s\n", buf_cstr(&text));
}

static enum lh_code check(struct cli *cli, struct lakehouse *lh, bool deep, int *ret_exit, struct lh_err *err) {
    LH_AUTO(json) json_t *probe = NULL, *findings = cli->json ? json_array() : NULL;
    struct lake_check_totals totals = {0};
    LH_AUTO(mem) char *wal_dir = lh_asprintf("%s/wal", lh->data_dir);
    struct checking checking = {.cli = cli, .findings = findings};
    struct lake_check request = {
        .os = cli->os,
        .catalog = lh->catalog,
        .buckets = lh->buckets,
        .engine = lh->engine,
        .journal = lh->journal,
        .wal_dir = wal_dir,
        .deep = deep,
        .finding = on_finding,
        .progress = on_progress,
        .ctx = &checking,
    };
    LH_TRY(engine_probe(lh->engine, &probe, err));
    if (!cli->json)
        print_fences(probe);
    progress_start(&checking.progress, cli, "checking");
    enum lh_code code = lake_check(&request, &totals, err);
    progress_end(&checking.progress);
    LH_TRY(code);
    if (cli->json)
        print_json(findings, probe, &totals);
    else
        print_totals(&totals);
    *ret_exit = totals.findings[CHECK_DAMAGE] > 0    ? CLI_FAILED
                : totals.findings[CHECK_WARNING] > 0 ? CLI_PARTLY
                                                     : CLI_OK;
    return LH_OK;
}

static int run(struct cli *cli, const struct cli_args *args) {
    const char *erased = cli_arg(args, "erased"), *dataset = cli_arg(args, "dataset");
    struct lh_err err = LH_ERR_INIT;
    struct lh_config *config = NULL;
    struct lakehouse *lh = NULL;
    int code = CLI_OK;
    if (dataset && !erased) {
        lh_fail(&err, LH_USAGE, "--dataset needs --erased");
        return cli_usage_error(cli, &cli_check, &err);
    }
    if (cli_load_config(cli, cli_arg(args, "config"), &config, &err) != LH_OK)
        return cli_fail(cli, &err);
    struct lakehouse_options options_of_lake = {
        .os = cli->os,
        .config = config,
        .data_dir = cli_data_dir(cli, args),
        .command = "lakehouse check",
        .must_exist = true,
        .no_upkeep = true,
    };
    if (lakehouse_open(&options_of_lake, &lh, &err) != LH_OK ||
        (erased ? check_erased(cli, lh, erased, dataset, &code, &err)
                : check(cli, lh, cli_flag(args, "deep"), &code, &err)) != LH_OK)
        code = cli_fail(cli, &err);
    lakehouse_close(lh);
    lh_config_free(config);
    return code;
}

const struct cli_command cli_check = {
    .name = "check",
    .usage = "[--data DIR] [--deep] [--json]\n--erased KEY [--dataset NAME] [--data DIR] [--json]",
    .summary = "verify a whole lake, and say how to repair it",
    .help =
        "Reads every commit record and checkpoint, looks for every object that they promise (presence, size, Parquet footer;\n"
        "with --deep also the checksum of every byte), names objects that belong to nothing, and tells what stands between\n"
        "a query process and this machine.  Nothing is changed.  The folder must not be open in a server.\n\n"
        "Exit codes: 0 all is well, 3 warnings, 1 damage.\n\n"
        "With --erased it proves that a row is gone: every live and retained file, those that no version names, the chunks\n"
        "of indexes, the journal and the local logs are searched for the key (given as to `lakehouse tombstone`), and each\n"
        "place is named with the versions that refer to it and what removes it.  A row is found by its dataset's primary\n"
        "key; without --dataset the key is also looked for in every other column and in text.  Exit codes: 0 it stands\n"
        "nowhere, 3 it is only mentioned, 1 its row stands somewhere, or something could not be searched:\n\n"
        "  lakehouse check --erased C-000017 --dataset candidates",
    .options = options,
    .run = run,
};
