#include "ingest/ingest.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "ingest/ingest_internal.h"
#include "lake/new_objects.h"
#include "lake/row_history.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/ids.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <string.h>
#include <strings.h>

/* Of a smaller file DuckDB has one thread: its second would start, wait and end, while the first spins for it. */
#define ONE_THREAD_BYTES ((uint64_t)1 << 20)

/* A pattern of [[ingest.pii]] that RE2 does not understand would fail every ingest: say so at the start, by its name. */
static enum lh_code check_patterns(struct engine *engine, const struct lh_config *config, struct lh_err *err) {
    for (size_t i = 0; i < config->pii_rule_count; i++) {
        const struct lh_config_pii_rule *rule = &config->pii_rules[i];
        if (rule->pattern[0] == '\0')
            continue;
        LH_AUTO(json) json_t *params = json_pack("[s]", rule->pattern);
        LH_AUTO(engine_result) struct engine_result *result = NULL;
        struct engine_query query = {.sql = "SELECT regexp_matches('', $1)",
                                     .params = params,
                                     .format = ENGINE_CSV,
                                     .row_limit = 1,
                                     .timeout_ms = 10000,
                                     .cancel_fd = -1};
        const void *data;
        size_t len = 1;
        enum lh_code code = engine_query_start(engine, &query, &result, err);
        while (code == LH_OK && len > 0)
            code = engine_result_read(result, &data, &len, err);
        if (code == LH_SQL) {
            char reason[256];
            snprintf(reason, sizeof reason, "%.255s", err->message);
            lh_fail(err, LH_INVALID, "the pattern of [[ingest.pii]] \"%s\" is no regular expression: %s", rule->name,
                    reason);
            return lh_err_hint(err, "patterns are RE2 syntax, such as ^B-[0-9]{6}$");
        }
        LH_TRY(code);
    }
    return LH_OK;
}

enum lh_code ingest_new(const struct ingest_services *services, struct ingest **ret_ingest, struct lh_err *err) {
    if (services->config)
        LH_TRY(check_patterns(services->engine, services->config, err));
    struct ingest *in = lh_calloc(1, sizeof *in);
    in->services = *services;
    lh_ulid_source_init(&in->ulids);
    in->pii = pii_rules_new(services->config);
    in->ops = (struct catalog_ops){.catalog = services->catalog,
                                   .buckets = services->buckets,
                                   .engine = services->engine,
                                   .os = services->os,
                                   .tmp_dir = services->tmp_dir};
    in->history =
        row_history_new(&in->ops, services->config ? (uint64_t)services->config->journal.row_history_max_rows : 0);
    *ret_ingest = in;
    return LH_OK;
}

void ingest_free(struct ingest *in) {
    if (!in)
        return;
    row_history_free(in->history);
    pii_rules_free(in->pii);
    lh_ulid_source_deinit(&in->ulids);
    lh_free(in);
}

struct row_history *ingest_row_history(struct ingest *in) {
    return in->history;
}

enum lh_code ingest_mode_parse(const char *text, enum ingest_mode *ret_mode, struct lh_err *err) {
    static const char *const names[] = {"create", "append", "replace", "upsert"};
    for (size_t i = 0; i < LH_ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret_mode = (enum ingest_mode)i;
            return LH_OK;
        }
    }
    return lh_fail(err, LH_INVALID, "mode \"%.40s\" is not known; there are create, append, upsert and replace", text);
}

/* One call of ingest_file. */
struct run {
    struct ingest *in;
    const struct ingest_request *request;
    struct arena *arena;
    struct ingest_report *report;
    struct catalog_snapshot *snapshot;
    const struct manifest *existing;
    const char *asked_dataset; /* the name that the request or its file name gives */
    const char *asked;         /* describe_request */
    const char *const *key;    /* the primary key that the rows are written for */
    size_t key_count;
    struct bucket *bucket;
    char *folder; /* the worker's output; NULL until it exists */
    char job_id[LH_ULID_SIZE];
    char sha256[LH_SHA256_HEX];
};

static void run_release(struct run *r) {
    struct lh_err ignored = LH_ERR_INIT;
    if (r->folder)
        lh_ignore(os_remove_all(r->in->services.os, AT_FDCWD, r->folder, &ignored));
    lh_free(r->folder);
    catalog_snapshot_unref(r->snapshot);
    bucket_unref(r->bucket);
}

static inline void run_auto_release(struct run *r) {
    run_release(r);
}

static enum lh_code identify(struct run *r, struct lh_err *err) {
    struct os *os = r->in->services.os;
    uint64_t most = r->in->services.config->ingest.max_upload_bytes;
    struct os_stat stat;
    LH_TRY(os_stat_at(os, AT_FDCWD, r->request->path, &stat, err));
    if (!stat.is_file)
        return lh_fail(err, LH_INVALID, "%s is not a file",
                       r->request->original_name ? r->request->original_name : "that");
    if (stat.size_bytes > most) {
        (void)lh_fail(err, LH_TOO_LARGE, "the file has %llu bytes, more than %llu", (unsigned long long)stat.size_bytes,
                      (unsigned long long)most);
        return lh_err_hint(err, "split the file, or raise ingest.max_upload_bytes");
    }
    r->report->source_bytes = stat.size_bytes;
    if (r->request->sha256 && strlen(r->request->sha256) == LH_SHA256_HEX - 1)
        memcpy(r->sha256, r->request->sha256, LH_SHA256_HEX);
    else
        LH_TRY(os_sha256_file(os, r->request->path, r->sha256, &r->report->source_bytes, err));
    r->report->sha256 = arena_strdup(r->arena, r->sha256);
    os_ulid(os, &r->in->ulids, r->job_id);
    r->report->job_id = arena_strdup(r->arena, r->job_id);
    return LH_OK;
}

static enum lh_code choose_dataset(struct run *r, struct lh_err *err) {
    const struct ingest_request *q = r->request;
    bool named = q->dataset && *q->dataset;
    LH_AUTO(buf) struct buf name = BUF_INIT;
    if (named)
        buf_append_str(&name, q->dataset);
    else
        ingest_dataset_name(q->original_name ? q->original_name : "", &name);
    LH_TRY(manifest_name_check(buf_cstr(&name), err));
    r->asked_dataset = arena_strdup(r->arena, buf_cstr(&name));
    r->snapshot = catalog_snapshot(r->in->services.catalog);
    r->existing = catalog_snapshot_find(r->snapshot, buf_cstr(&name));
    const struct manifest_lineage *edge = NULL;
    if (!named && q->mode == INGEST_CREATE && !ingest_known_source(r->existing, r->sha256, q->mode)) {
        const struct manifest *other = catalog_snapshot_find_source(r->snapshot, r->sha256, &edge);
        r->existing = other ? other : r->existing;
    }
    if (!r->existing)
        LH_TRY(manifest_new_name_check(buf_cstr(&name), err));
    r->report->dataset = arena_strdup(r->arena, r->existing ? r->existing->name : buf_cstr(&name));
    return LH_OK;
}

/* The answer for bytes that are there already. */
static void report_known(struct run *r, const struct manifest *m, const struct manifest_lineage *edge) {
    struct ingest_report *report = r->report;
    report->deduplicated = true;
    report->dataset = arena_strdup(r->arena, m->name);
    report->dataset_id = arena_strdup(r->arena, m->id);
    report->bucket = arena_strdup(r->arena, m->bucket);
    report->version = m->version;
    report->row_count = edge->row_count;
    report->reject_count = edge->reject_count;
    if (edge->job_id)
        report->job_id = arena_strdup(r->arena, edge->job_id);
    report->column_count = m->column_count;
    report->columns = arena_alloc(r->arena, (m->column_count + 1) * sizeof *report->columns);
    for (size_t i = 0; i < m->column_count; i++) {
        const struct manifest_column *c = &m->columns[i];
        struct ingest_flag *flags = arena_alloc(r->arena, (c->flag_count + 1) * sizeof *flags);
        for (size_t j = 0; j < c->flag_count; j++)
            flags[j] = (struct ingest_flag){arena_strdup(r->arena, c->flags[j].kind),
                                            arena_strdup(r->arena, c->flags[j].reason), c->flags[j].confidence};
        report->columns[i] = (struct ingest_column){.name = arena_strdup(r->arena, c->name),
                                                    .type = arena_strdup(r->arena, c->type),
                                                    .why = "as it was decided when these bytes came first",
                                                    .nullable = c->nullable,
                                                    .flags = flags,
                                                    .flag_count = c->flag_count};
    }
}

static void set_text(json_t *request, const char *key, const char *text) {
    if (text && *text)
        json_object_set_new(request, key, json_string(text));
}

/* All that must be the same where the idempotency key is. */
static const char *describe_request(const struct run *r) {
    const struct ingest_request *q = r->request;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *o = json_object();
    set_text(o, "dataset", r->asked_dataset);
    set_text(o, "sha256", r->sha256);
    set_text(o, "bucket", q->bucket);
    set_text(o, "format", q->format);
    set_text(o, "delimiter", q->delimiter);
    set_text(o, "quote", q->quote);
    set_text(o, "header", q->header);
    set_text(o, "encoding", q->encoding);
    set_text(o, "primary_key", q->primary_key);
    json_object_set_new(o, "mode", json_integer(q->mode));
    if (q->text_for_misfits)
        json_object_set_new(o, "misfits", json_string("text"));
    lh_json_write(o, LH_JSON_COMPACT, &text);
    return arena_strdup(r->arena, buf_cstr(&text));
}

/* The answer for a key that was used before, from what its commit left in the catalog. */
static enum lh_code report_replayed(struct run *r, uint64_t version, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    const struct manifest *m;
    LH_TRY(catalog_snapshot_at_version(r->in->services.catalog, version, &s, err));
    LH_TRY(catalog_snapshot_require(s, r->asked_dataset, &m, err));
    const struct manifest_lineage *edge = NULL;
    for (size_t i = m->lineage_count; i-- > 0 && !edge;) {
        const char *known = m->lineage[i].source_sha256;
        edge = known && strcmp(known, r->sha256) == 0 ? &m->lineage[i] : NULL;
    }
    if (!edge)
        return lh_fail(err, LH_CORRUPT, "version %llu of \"%s\" lacks the source that its idempotency key stands for",
                       (unsigned long long)version, m->name);
    report_known(r, m, edge);
    r->report->warning_count = 0;
    r->report->deduplicated = false;
    r->report->replayed = true;
    r->report->created = m->previous_version == 0;
    return LH_OK;
}

json_t *ingest_task_request(const struct ingest *in, const struct manifest *existing, const char *const *key,
                            size_t key_count) {
    const struct lh_config_ingest *limits = &in->services.config->ingest;
    json_t *o = json_object();
    json_object_set_new(o, "max_bytes", json_integer((json_int_t)limits->max_upload_bytes));
    json_object_set_new(o, "max_columns", json_integer(limits->max_columns));
    json_object_set_new(o, "max_line_bytes", json_integer((json_int_t)limits->max_line_bytes));
    json_object_set_new(o, "json_max_depth", json_integer(limits->json_max_depth));
    json_object_set_new(o, "max_rejects", json_integer(limits->max_rejects));
    json_object_set_new(o, "sample_rows", json_integer(limits->sample_rows));
    json_object_set_new(o, "patterns", pii_patterns(in->pii));
    if (existing) {
        json_t *types = json_object();
        for (size_t i = 0; i < existing->column_count; i++)
            json_object_set_new(types, existing->columns[i].name, json_string(existing->columns[i].type));
        json_object_set_new(o, "types", types);
    }
    json_t *columns = json_array();
    for (size_t i = 0; i < key_count; i++)
        json_array_append_new(columns, json_string(key[i]));
    json_object_set_new(o, "key", columns);
    return o;
}

/* The dataset whose columns the rows are fitted to; NULL where they stand alone. */
static const struct manifest *below(const struct run *r) {
    return r->request->mode == INGEST_APPEND || r->request->mode == INGEST_UPSERT ? r->existing : NULL;
}

static json_t *task_request(const struct run *r, const struct manifest *types) {
    const struct ingest_request *q = r->request;
    json_t *o = ingest_task_request(r->in, types, r->key, r->key_count);
    set_text(o, "name", q->original_name);
    set_text(o, "format", q->format);
    set_text(o, "delimiter", q->delimiter);
    set_text(o, "quote", q->quote);
    set_text(o, "header", q->header);
    set_text(o, "encoding", q->encoding);
    return o;
}

/* An empty folder for the worker's files. */
static enum lh_code make_folder(struct run *r, struct lh_err *err) {
    const struct ingest_services *s = &r->in->services;
    if (r->folder)
        LH_TRY(os_remove_all(s->os, AT_FDCWD, r->folder, err));
    else
        r->folder = lh_asprintf("%s/ingest-%s", s->tmp_dir, r->job_id);
    return os_mkdir_all(s->os, AT_FDCWD, r->folder, 0700, err);
}

/* Into the types of `types`, where the values allow. */
static enum lh_code read_file_as(struct run *r, const struct manifest *types, struct lh_err *err) {
    const struct ingest_services *s = &r->in->services;
    LH_TRY(make_folder(r, err));
    LH_AUTO(json) json_t *request = task_request(r, types);
    LH_AUTO(json) json_t *answer = NULL;
    const struct engine_task task = {
        .task = "ingest",
        .request = request,
        .untrusted_input = r->request->path,
        .output_dir = r->folder,
        .timeout_ms = s->config->ingest.timeout_ms,
        .threads = r->report->source_bytes < ONE_THREAD_BYTES ? 1 : 0,
        .cancel_fd = r->request->cancel_fd,
        .progress = r->request->progress,
        .progress_ctx = r->request->progress_ctx,
    };
    LH_TRY(LH_FAULT("ingest.before_read", err));
    enum lh_code code = engine_run_task(s->engine, &task, &answer, err);
    if (code != LH_OK)
        return r->request->original_name ? lh_err_context(err, "%.200s", r->request->original_name) : code;
    LH_TRY(LH_FAULT("ingest.after_read", err));
    return ingest_report_read(r->in, answer, r->arena, r->report, err);
}

static enum lh_code read_file(struct run *r, struct lh_err *err) {
    LH_AUTO(manifest) struct manifest *reread = NULL;
    LH_TRY(read_file_as(r, below(r), err));
    if (below(r))
        LH_TRY(ingest_fit_columns(r->in, below(r), r->report, r->request->text_for_misfits, r->request->cancel_fd,
                                  &reread, err));
    return reread ? read_file_as(r, reread, err) : LH_OK;
}

/* A file of the output folder becomes an object.  A file that is not there is fine where it need not be. */
static enum lh_code store_file(struct run *r, const char *file, const char *kind, const char *ending, bool needed,
                               struct ingest_object *ret_object, struct lh_err *err) {
    struct os *os = r->in->services.os;
    struct os_stat stat;
    LH_AUTO(mem) char *path = lh_asprintf("%s/%s", r->folder, file);
    enum lh_code code = os_stat_at(os, AT_FDCWD, path, &stat, err);
    if (code == LH_NOT_FOUND && !needed) {
        *err = (struct lh_err)LH_ERR_INIT;
        return LH_OK;
    }
    LH_TRY(code);
    if (!stat.is_file)
        return lh_fail(err, LH_CORRUPT, "the ingest process left something odd in place of %s", file);
    LH_TRY(os_sha256_file(os, path, ret_object->sha256, &ret_object->size_bytes, err));
    char ulid[LH_ULID_SIZE];
    LH_AUTO(buf) struct buf prefix = BUF_INIT;
    os_ulid(os, &r->in->ulids, ulid);
    lake_object_prefix(r->report->dataset, &prefix);
    snprintf(ret_object->key, sizeof ret_object->key, "%s%s/%s%s", buf_cstr(&prefix), kind, ulid, ending);
    struct object_info info;
    LH_TRY(object_put_file(bucket_store(r->bucket), ret_object->key, path, OBJECT_PUT_IF_ABSENT, &info, err));
    ret_object->there = true;
    return LH_OK;
}

/* Objects that no commit names.  Best effort: `lakehouse check` lists what is left. */
static void drop_object(struct run *r, const struct ingest_object *object) {
    struct lh_err ignored = LH_ERR_INIT;
    if (object->there)
        lh_ignore(object_delete(bucket_store(r->bucket), object->key, &ignored));
}

static enum lh_code store_and_commit(struct run *r, struct ingest_commit *c, struct lh_err *err) {
    bool on_top = r->existing && r->key_count > 0 && r->request->mode != INGEST_REPLACE;
    LH_TRY(store_file(r, "data.parquet", on_top ? "delta" : "base", ".parquet", true, &c->data, err));
    LH_TRY(LH_FAULT("ingest.before_rejects", err));
    LH_TRY(store_file(r, "rejects.ndjson", "rejects", ".ndjson", false, &c->rejects, err));
    LH_TRY(LH_FAULT("ingest.after_write", err));
    LH_TRY(LH_FAULT("ingest.before_commit", err));
    return ingest_commit_run(c, err);
}

static enum lh_code publish(struct run *r, struct lh_err *err) {
    struct ingest_commit c = {
        .in = r->in,
        .request = r->request,
        .dataset = r->report->dataset,
        .asked = r->asked,
        .bucket = bucket_name(r->bucket),
        .sha256 = r->sha256,
        .source_bytes = r->report->source_bytes,
        .job_id = r->job_id,
        .key = r->key,
        .key_count = r->key_count,
        .report = r->report,
    };
    enum lh_code code = store_and_commit(r, &c, err);
    bool unused = code == LH_OK ? c.deduplicated || c.replayed : code != LH_UNKNOWN_OUTCOME;
    if (unused) {
        drop_object(r, &c.data);
        drop_object(r, &c.rejects);
    }
    LH_TRY(code);
    LH_TRY(LH_FAULT("ingest.after_commit", err));
    if (c.replayed)
        return report_replayed(r, c.version, err);
    r->report->version = c.version;
    r->report->created = c.created;
    r->report->counts = c.counts;
    r->report->deduplicated = c.deduplicated;
    r->report->bucket = arena_strdup(r->arena, c.bucket);
    r->report->dataset_id = arena_strdup(r->arena, c.dataset_id);
    return LH_OK;
}

static const char *wanted_bucket(const struct run *r) {
    if (r->request->bucket && *r->request->bucket)
        return r->request->bucket;
    return r->existing ? r->existing->bucket : NULL;
}

enum lh_code ingest_file(struct ingest *in, const struct ingest_request *request, struct arena *arena,
                         struct ingest_report *ret_report, struct lh_err *err) {
    struct ingest_report report = {.dataset = NULL};
    LH_AUTO(run) struct run r = {.in = in, .request = request, .arena = arena, .report = &report};
    LH_TRY(identify(&r, err));
    LH_TRY(choose_dataset(&r, err));
    r.asked = describe_request(&r);
    const struct catalog_change asked = {
        .operation = INGEST_OPERATION, .idempotency_key = request->idempotency_key, .request = r.asked};
    uint64_t version;
    LH_TRY(catalog_snapshot_find_key(r.snapshot, &asked, &version, err));
    const struct manifest_lineage *edge = ingest_known_source(r.existing, r.sha256, request->mode);
    if (version > 0) {
        LH_TRY(report_replayed(&r, version, err));
    } else if (edge) {
        report_known(&r, r.existing, edge);
    } else {
        LH_TRY(ingest_check_mode(r.existing, report.dataset, request->mode, err));
        LH_TRY(ingest_choose_key(r.existing, report.dataset, request->mode, request->primary_key, arena, &r.key,
                                 &r.key_count, err));
        LH_TRY(buckets_resolve(in->services.buckets, wanted_bucket(&r), &r.bucket, err));
        LH_TRY(read_file(&r, err));
        LH_TRY(publish(&r, err));
    }
    *ret_report = report;
    return LH_OK;
}
