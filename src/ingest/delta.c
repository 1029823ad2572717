/* A few rows from a request into a dataset: a warm worker makes Parquet of them, one object, one commit. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "base/hash.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "ingest/ingest_internal.h"
#include "lake/lake.h"
#include "lake/new_objects.h"
#include "lake/row_history.h"
#include "os/fault.h"
#include "os/ids.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <string.h>

#define DELTA_OPERATION "delta" /* in the commit log */

/* One call of ingest_delta. */
struct delta_run {
    struct ingest *in;
    const struct ingest_delta *delta;
    struct arena *arena;
    struct ingest_delta_report *report;
    struct catalog_snapshot *snapshot;
    const struct manifest *m; /* the dataset when the rows were read */
    struct catalog_change asked;
    struct ingest_report rows; /* what the worker says of them */
    struct bucket *bucket;
    const char *key; /* the object; NULL until it stands */
};

static void delta_run_auto_release(struct delta_run *r) {
    catalog_snapshot_unref(r->snapshot);
    bucket_unref(r->bucket);
}

static void describe_request(struct delta_run *r) {
    char hex[LH_SHA256_HEX];
    lh_sha256_hex(r->delta->text, r->delta->text_len, hex);
    r->asked = (struct catalog_change){
        .operation = DELTA_OPERATION,
        .idempotency_key = r->delta->idempotency_key,
        .request = arena_printf(r->arena, "%s %d %d %s", hex, r->delta->lines, r->delta->text_for_misfits, r->m->id),
    };
}

/* The answer for a key that was used before.  One record may hold the writes of several clients: then the counts are not known. */
static enum lh_code report_replayed(struct delta_run *r, uint64_t version, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    const struct manifest *m;
    LH_TRY(catalog_snapshot_at_version(r->in->services.catalog, version, &s, err));
    LH_TRY(catalog_snapshot_require(s, r->delta->dataset, &m, err));
    for (size_t i = 0; i < m->file_count; i++) {
        if (m->files[i].role == FILE_DELTA && m->files[i].added_version == version)
            r->report->row_count += m->files[i].row_count;
    }
    r->report->dataset = arena_strdup(r->arena, m->name);
    r->report->dataset_id = arena_strdup(r->arena, m->id);
    r->report->version = version;
    r->report->upsert = m->primary_key_count > 0;
    r->report->replayed = true;
    return LH_OK;
}

/* ---- rows ---- */

/* Into the types of `types`, where the values allow. */
static enum lh_code read_rows_as(struct delta_run *r, const struct manifest *types, struct buf *ret_parquet,
                                 struct lh_err *err) {
    LH_AUTO(json) json_t *request = ingest_task_request(r->in, types, types->primary_key, types->primary_key_count);
    LH_AUTO(json) json_t *answer = NULL;
    json_t *text = json_stringn(r->delta->text, r->delta->text_len);
    if (!text)
        return lh_fail(err, LH_DATA, "the rows are not valid UTF-8");
    json_object_set_new(request, "text", text);
    json_object_set_new(request, "format", json_string(r->delta->lines ? "ndjson" : "json"));
    json_object_set_new(request, "sample_new_only", json_true());
    const struct engine_task task = {.task = "delta",
                                     .request = request,
                                     .timeout_ms = r->in->services.config->ingest.timeout_ms,
                                     .cancel_fd = r->delta->cancel_fd};
    LH_TRY(engine_run_task(r->in->services.engine, &task, &answer, err));
    LH_TRY(ingest_report_read(r->in, answer, r->arena, &r->rows, err));
    const json_t *parquet = json_object_get(answer, "parquet");
    buf_reset(ret_parquet);
    if (!json_is_string(parquet) ||
        !lh_base64_decode(json_string_value(parquet), json_string_length(parquet), ret_parquet))
        return lh_fail(err, LH_CORRUPT, "the process that read the rows gave no Parquet file");
    return r->rows.row_count > 0 ? LH_OK : lh_fail(err, LH_INVALID, "there is no row to write");
}

static enum lh_code read_rows(struct delta_run *r, struct buf *ret_parquet, struct lh_err *err) {
    LH_AUTO(manifest) struct manifest *reread = NULL;
    LH_TRY(read_rows_as(r, r->m, ret_parquet, err));
    LH_TRY(ingest_fit_columns(r->in, r->m, &r->rows, r->delta->text_for_misfits, r->delta->cancel_fd, &reread, err));
    return reread ? read_rows_as(r, reread, ret_parquet, err) : LH_OK;
}

/* ---- the commit ---- */

static enum lh_code put_object(struct delta_run *r, const struct buf *parquet, struct lh_err *err) {
    char ulid[LH_ULID_SIZE];
    LH_AUTO(buf) struct buf key = BUF_INIT;
    struct object_info info;
    LH_TRY(buckets_resolve(r->in->services.buckets, r->m->bucket, &r->bucket, err));
    os_ulid(r->in->services.os, &r->in->ulids, ulid);
    lake_object_prefix(r->m->name, &key);
    buf_printf(&key, "delta/%s.parquet", ulid);
    LH_TRY(object_put(bucket_store(r->bucket), buf_cstr(&key), parquet->data, parquet->len, OBJECT_PUT_IF_ABSENT, &info,
                      err));
    r->key = arena_strdup(r->arena, buf_cstr(&key));
    return LH_FAULT("ingest.delta_written", err);
}

static struct manifest *make_draft(const struct delta_run *r, const struct buf *parquet) {
    struct manifest *draft = manifest_new(r->m->name);
    char hex[LH_SHA256_HEX];
    lh_sha256_hex(parquet->data, parquet->len, hex);
    draft->bucket = arena_strdup(draft->arena, bucket_name(r->bucket));
    manifest_set_key(draft, r->m->primary_key, r->m->primary_key_count);
    ingest_draft_columns(draft, &r->rows);
    *manifest_add_file(draft) = (struct manifest_file){.bucket = draft->bucket,
                                                       .key = arena_strdup(draft->arena, r->key),
                                                       .role = FILE_DELTA,
                                                       .row_count = r->rows.row_count,
                                                       .size_bytes = parquet->len,
                                                       .sha256 = arena_strdup(draft->arena, hex)};
    *manifest_add_lineage(draft) = (struct manifest_lineage){.source_system = LAKE_SOURCE_DELTA,
                                                             .source_bytes = r->delta->text_len,
                                                             .actor = arena_strdup(draft->arena, r->delta->actor),
                                                             .row_count = r->rows.row_count};
    return draft;
}

static enum lh_code commit(struct delta_run *r, const struct buf *parquet, struct lh_err *err) {
    LH_AUTO(manifest) struct manifest *draft = make_draft(r, parquet);
    const struct lake_commit write = {
        .mode = r->m->primary_key_count > 0 ? LAKE_UPSERT : LAKE_APPEND,
        .operation = DELTA_OPERATION,
        .actor = r->delta->actor,
        .idempotency_key = r->asked.idempotency_key,
        .request = r->asked.request,
        .fit = {.text = r->delta->text_for_misfits},
        .draft = draft,
    };
    struct lake_committed done;
    LH_TRY(row_history_commit(r->in->history, &write, r->delta->cancel_fd, &done, err));
    r->report->version = done.commit.version;
    r->report->replayed = done.commit.replayed;
    r->report->counts = done.counts;
    return LH_OK;
}

/* What no commit names goes again: best effort, `lakehouse check` lists what is left. */
static void settle(const struct delta_run *r, enum lh_code code) {
    struct lh_err ignored = LH_ERR_INIT;
    bool unused = code == LH_OK ? r->report->replayed : code != LH_UNKNOWN_OUTCOME;
    if (r->key && unused)
        lh_ignore(object_delete(bucket_store(r->bucket), r->key, &ignored));
}

static void describe_rows(struct delta_run *r) {
    struct ingest_delta_report *report = r->report;
    report->dataset = arena_strdup(r->arena, r->m->name);
    report->dataset_id = arena_strdup(r->arena, r->m->id);
    report->upsert = r->m->primary_key_count > 0;
    report->row_count = r->rows.row_count;
    report->superseded_count = r->rows.superseded_count;
    report->added_columns = arena_alloc(r->arena, (r->rows.column_count + 1) * sizeof *report->added_columns);
    for (size_t i = 0; i < r->rows.column_count; i++) {
        if (!manifest_find_column(r->m, r->rows.columns[i].name))
            report->added_columns[report->added_column_count++] = r->rows.columns[i].name;
    }
}

static enum lh_code write_rows(struct delta_run *r, struct lh_err *err) {
    LH_AUTO(buf) struct buf parquet = BUF_INIT;
    LH_TRY(read_rows(r, &parquet, err));
    enum lh_code code = put_object(r, &parquet, err);
    if (code == LH_OK)
        code = commit(r, &parquet, err);
    settle(r, code);
    LH_TRY(code);
    if (r->report->replayed)
        return report_replayed(r, r->report->version, err);
    describe_rows(r);
    return LH_OK;
}

enum lh_code ingest_delta(struct ingest *in, const struct ingest_delta *delta, struct arena *arena,
                          struct ingest_delta_report *ret_report, struct lh_err *err) {
    struct ingest_delta_report report = {.dataset = NULL};
    LH_AUTO(delta_run) struct delta_run r = {.in = in, .delta = delta, .arena = arena, .report = &report};
    r.snapshot = catalog_snapshot(in->services.catalog);
    LH_TRY(catalog_snapshot_require(r.snapshot, delta->dataset, &r.m, err));
    describe_request(&r);
    uint64_t version;
    LH_TRY(catalog_snapshot_find_key(r.snapshot, &r.asked, &version, err));
    if (version > 0)
        LH_TRY(report_replayed(&r, version, err));
    else
        LH_TRY(write_rows(&r, err));
    *ret_report = report;
    return LH_OK;
}

json_t *ingest_delta_report_to_json(const struct ingest_delta_report *r) {
    json_t *columns = json_array();
    for (size_t i = 0; i < r->added_column_count; i++)
        json_array_append_new(columns, json_string(r->added_columns[i]));
    json_t *answer = json_pack(
        "{s:s, s:s, s:I, s:s, s:b, s:I, s:I, s:o}", "dataset", r->dataset, "dataset_id", r->dataset_id, "version",
        (json_int_t)r->version, "mode", r->upsert ? "upsert" : "append", "replayed", r->replayed, "row_count",
        (json_int_t)r->row_count, "superseded_count", (json_int_t)r->superseded_count, "added_columns", columns);
    ingest_counts_to_json(&r->counts, answer);
    return answer;
}
