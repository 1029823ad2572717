#include "cli/check_erased.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/quantity.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "index/index.h"
#include "lake/erased.h"
#include "lakehouse/lakehouse.h"

#include <inttypes.h>
#include <stdio.h>

struct hunting {
    json_t *findings; /* under --json */
    struct progress progress;
};

static const char *kind_name(enum erased_kind kind) {
    return kind == ERASED_ROW ? "row" : kind == ERASED_MENTION ? "mention" : "unreadable";
}

static json_t *finding_json(const struct erased_finding *f) {
    json_t *json = json_pack("{s:s, s:s?, s:s?, s:s, s:s, s:I, s:s?, s:s?}", "kind", kind_name(f->kind), "dataset",
                             f->dataset, "bucket", f->bucket, "object", f->object, "role", f->role, "rows",
                             (json_int_t)f->rows, "columns", f->columns[0] ? f->columns : NULL, "message", f->message);
    if (f->first_version > 0) {
        json_object_set_new(json, "first_version", json_integer((json_int_t)f->first_version));
        json_object_set_new(json, "last_version",
                            f->last_version > 0 ? json_integer((json_int_t)f->last_version) : json_null());
    }
    if (f->unused_us > 0) {
        char time[LH_TIME_SIZE];
        lh_time_format(f->unused_us, time);
        json_object_set_new(json, "unused_since", json_string(time));
    }
    return json;
}

static void append_versions(struct buf *line, const struct erased_finding *f) {
    if (f->first_version == 0)
        return;
    if (f->last_version == 0) {
        buf_printf(line, "; version %" PRIu64 " to the newest", f->first_version);
        return;
    }
    char time[LH_TIME_SIZE];
    lh_time_format(f->unused_us, time);
    buf_printf(line, "; versions %" PRIu64 " to %" PRIu64 ", unused since %s", f->first_version, f->last_version, time);
}

static void on_finding(void *ctx, const struct erased_finding *f) {
    struct hunting *h = ctx;
    if (h->findings) {
        json_array_append_new(h->findings, finding_json(f));
        return;
    }
    LH_AUTO(buf) struct buf line = BUF_INIT;
    buf_printf(&line, "%s: %s%s%s", kind_name(f->kind), f->bucket ? f->bucket : "", f->bucket ? ": " : "", f->object);
    buf_printf(&line, "  (%s%s%s", f->dataset ? f->dataset : "", f->dataset ? ", " : "", f->role);
    append_versions(&line, f);
    buf_append_char(&line, ')');
    if (f->rows > 0)
        buf_printf(&line, "  %" PRIu64 " %s%s%s", f->rows, f->rows == 1 ? "row" : "rows", f->columns[0] ? " in " : "",
                   f->columns);
    progress_end(&h->progress);
    printf("%s\n  %s\n", buf_cstr(&line), f->message);
}

static void on_progress(void *ctx, uint64_t done, uint64_t total) {
    progress_count(&((struct hunting *)ctx)->progress, done, done > total ? done : total, "objects");
}

static void print_summary(const struct erased_totals *t) {
    LH_AUTO(buf) struct buf line = BUF_INIT;
    lh_count_format(t->objects, &line);
    printf("%s objects searched: ", buf_cstr(&line));
    if (t->findings[ERASED_ROW] + t->findings[ERASED_MENTION] + t->findings[ERASED_UNREADABLE] == 0)
        printf("it stands nowhere\n");
    else
        printf("the row in %" PRIu64 ", mentions in %" PRIu64 ", not readable %" PRIu64 "\n", t->findings[ERASED_ROW],
               t->findings[ERASED_MENTION], t->findings[ERASED_UNREADABLE]);
}

static void print_json(json_t *findings, const char *key, const struct erased_totals *t) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *report = json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:O}", "key", key, "erased",
                                             t->findings[ERASED_ROW] + t->findings[ERASED_UNREADABLE] == 0, "objects",
                                             (json_int_t)t->objects, "rows_in", (json_int_t)t->findings[ERASED_ROW],
                                             "mentions_in", (json_int_t)t->findings[ERASED_MENTION], "unreadable",
                                             (json_int_t)t->findings[ERASED_UNREADABLE], "findings", findings);
    lh_json_write(report, LH_JSON_COMPACT, &text);
    printf("%s\n", buf_cstr(&text));
}

/* Strings of `items`. */
static struct erased_index *indexes_of(const json_t *items) {
    struct erased_index *indexes = lh_calloc(json_array_size(items) + 1, sizeof *indexes);
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item) {
        const json_t *source = json_object_get(item, "source");
        indexes[i] = (struct erased_index){json_string_value(json_object_get(item, "name")),
                                           json_string_value(json_object_get(source, "dataset")),
                                           json_string_value(json_object_get(source, "id_column"))};
    }
    return indexes;
}

enum lh_code check_erased(struct cli *cli, struct lakehouse *lh, const char *key, const char *dataset, int *ret_exit,
                          struct lh_err *err) {
    LH_AUTO(json) json_t *findings = cli->json ? json_array() : NULL;
    struct hunting hunting = {.findings = findings};
    struct erased_totals totals = {0};
    LH_AUTO(json) json_t *items = NULL;
    LH_TRY(index_list(lh->indexes, NULL, NULL, false, &items, err));
    LH_AUTO(mem) struct erased_index *indexes = indexes_of(items);
    const struct erased_search search = {
        .os = cli->os,
        .catalog = lh->catalog,
        .buckets = lh->buckets,
        .engine = lh->engine,
        .data_dir = lh->data_dir,
        .key = key,
        .dataset = dataset,
        .indexes = indexes,
        .index_count = json_array_size(items),
        .found = on_finding,
        .progress = on_progress,
        .ctx = &hunting,
    };
    progress_start(&hunting.progress, cli, "searching");
    enum lh_code code = erased_search(&search, &totals, err);
    progress_end(&hunting.progress);
    LH_TRY(code);
    if (cli->json)
        print_json(findings, key, &totals);
    else
        print_summary(&totals);
    *ret_exit = totals.findings[ERASED_ROW] + totals.findings[ERASED_UNREADABLE] > 0 ? CLI_FAILED
                : totals.findings[ERASED_MENTION] > 0                                ? CLI_PARTLY
                                                                                     : CLI_OK;
    return LH_OK;
}
