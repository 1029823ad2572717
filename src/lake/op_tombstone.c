/* Rows away by their keys, and back.
 *
 * A tombstone hides every row of its key that is older than itself (its file's sequence).  Taking it away again is rewriting its
 * file without it under the old sequence.  Both read the rows they are about before the commit, so that the events of the
 * commit can tell them (docs/adr/0007); row_change.h keeps that true under concurrent writes, and a turn among the upserts
 * (row_history.h) lets it end while these go on. */
#include "base/arena.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "lake/catalog_ops.h"
#include "lake/new_objects.h"
#include "lake/read_plan.h"
#include "lake/row_change.h"
#include "lake/row_history.h"
#include "lake/row_keys.h"
#include "os/clock.h"
#include "os/fault.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <string.h>

#define TASK_TIMEOUT_MS (INT64_C(10) * 60 * 1000)
#define REASON_MAX_BYTES ((size_t)4096)

/* One request, from its parts to its answer. */
struct row_op {
    const struct catalog_ops *ops;
    const struct catalog_caller *caller;
    const char *dataset;
    const char *actor, *reason;
    const json_t *row_keys;
    bool lift;  /* untombstone */
    bool erase; /* tombstone, and forget */

    struct catalog_snapshot *snapshot;
    const struct manifest *seen; /* of the snapshot */
    struct new_objects objects;
    struct manifest *draft; /* `seen` with what changes */
    uint64_t rows;          /* that are hidden or come back */
    json_t *missing;        /* keys as they were given */
    bool stale;             /* the transaction refused: compute again */
};

static void forget(struct row_op *op) {
    new_objects_release(&op->objects);
    catalog_snapshot_unref(op->snapshot);
    manifest_unref(op->draft);
    json_decref(op->missing);
    op->snapshot = NULL;
    op->draft = NULL;
    op->missing = NULL;
}

static const char *name_of(const struct row_op *op) {
    return op->lift ? "untombstone" : "tombstone";
}

/* ---- the request ---- */

static enum lh_code parse(struct row_op *op, const json_t *request, struct lh_err *err) {
    static const char *const fields[] = {"row_keys", "reason", "actor", "erase", NULL};
    static const char *const lift_fields[] = {"row_keys", "actor", NULL};
    json_t *row_keys;
    LH_TRY(lh_json_only_keys(request, "", op->lift ? lift_fields : fields, err));
    LH_TRY(lh_json_get_array(request, "", "row_keys", &row_keys, err));
    LH_TRY(lh_json_get_string_or(request, "", "reason", NULL, &op->reason, err));
    LH_TRY(lh_json_get_string_or(request, "", "actor", op->caller->actor, &op->actor, err));
    LH_TRY(lh_json_get_bool_or(request, "", "erase", false, &op->erase, err));
    if (op->reason && strlen(op->reason) > REASON_MAX_BYTES)
        return lh_fail(err, LH_INVALID, "reason has %zu bytes; at most %zu are kept", strlen(op->reason),
                       REASON_MAX_BYTES);
    op->row_keys = row_keys;
    return LH_OK;
}

/* ---- the task ---- */

/* The files of tombstones, for a task that reads them. */
static enum lh_code add_tombstone_paths(struct row_op *op, struct arena *arena, json_t *request, struct lh_err *err) {
    json_t *paths = json_array();
    json_object_set_new(request, "files", paths);
    for (size_t i = 0; i < op->seen->file_count; i++) {
        const struct manifest_file *f = &op->seen->files[i];
        LH_AUTO(bucket) struct bucket *bucket = NULL;
        const char *path;
        if (f->role != FILE_TOMBSTONE)
            continue;
        LH_TRY(buckets_resolve(op->ops->buckets, f->bucket, &bucket, err));
        LH_TRY(object_local_path(bucket_store(bucket), f->key, arena, &path, err));
        json_array_append_new(paths, json_string(path));
    }
    return LH_OK;
}

/* The SELECT whose rows the task tells: the dataset's, or what it would be without any tombstone. */
static enum lh_code plan_rows(struct row_op *op, struct arena *arena, const char **ret_plan, struct lh_err *err) {
    if (!op->lift)
        return lake_read_plan(op->ops->buckets, op->seen, arena, ret_plan, err);
    LH_AUTO(manifest) struct manifest *bare = manifest_edit(op->seen);
    size_t kept = 0;
    for (size_t i = 0; i < bare->file_count; i++)
        if (bare->files[i].role != FILE_TOMBSTONE)
            bare->files[kept++] = bare->files[i];
    bare->file_count = kept;
    return lake_read_plan(op->ops->buckets, bare, arena, ret_plan, err);
}

static enum lh_code run_task(struct row_op *op, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *keys = NULL;
    const char *plan, *visible;
    LH_TRY(row_keys_parse(op->seen, op->row_keys, &keys, err));
    LH_TRY(plan_rows(op, arena, &plan, err));
    LH_AUTO(json) json_t *request = row_change_request(op->seen, plan);
    json_object_set(request, "keys", keys);
    json_object_set_new(request, "actor", json_string(op->actor));
    json_object_set_new(request, "at_us", json_integer(os_realtime_us(op->ops->os)));
    json_object_set_new(request, "erase", json_boolean(op->erase));
    if (op->reason)
        json_object_set_new(request, "reason", json_string(op->reason));
    if (op->lift) {
        LH_TRY(lake_read_plan(op->ops->buckets, op->seen, arena, &visible, err));
        json_object_set_new(request, "visible", json_string(visible));
        LH_TRY(add_tombstone_paths(op, arena, request, err));
    }
    const struct engine_task task = {.task = op->lift ? "tombstones_remove" : "tombstones_write",
                                     .request = request,
                                     .output_dir = op->objects.out,
                                     .timeout_ms = TASK_TIMEOUT_MS,
                                     .cancel_fd = op->caller->cancel_fd};
    return engine_run_task(op->ops->engine, &task, ret_answer, err);
}

static enum lh_code take_missing(struct row_op *op, const json_t *answer, struct lh_err *err) {
    json_t *positions, *position;
    size_t i;
    LH_TRY(lh_json_get_array(answer, "", "missing", &positions, err));
    op->missing = json_array();
    json_array_foreach(positions, i, position)
        json_array_append(op->missing, json_array_get(op->row_keys, (size_t)json_integer_value(position)));
    return LH_OK;
}

/* ---- what it left, as files of the draft ---- */

static enum lh_code put_changes(struct row_op *op, struct lh_err *err) {
    struct manifest_file changes;
    LH_TRY(new_objects_put(&op->objects, "changes.parquet", FILE_CHANGES, op->rows, op->draft->arena, &changes, err));
    *manifest_add_file(op->draft) = changes;
    return LH_OK;
}

static enum lh_code put_tombstones(struct row_op *op, struct lh_err *err) {
    struct manifest_file file;
    LH_TRY(new_objects_put(&op->objects, "tombstones.parquet", FILE_TOMBSTONE, op->rows, op->draft->arena, &file, err));
    *manifest_add_file(op->draft) = file;
    return put_changes(op, err);
}

/* The `position`th tombstone file of the draft. */
static struct manifest_file *tombstone_file(struct manifest *m, int64_t position) {
    for (size_t i = 0; i < m->file_count; i++)
        if (m->files[i].role == FILE_TOMBSTONE && position-- == 0)
            return &m->files[i];
    return NULL;
}

/* Each file that held one of the keys gives way to what is left of it, of the same sequence: what was newer stays newer. */
static enum lh_code put_stripped(struct row_op *op, const json_t *answer, struct lh_err *err) {
    json_t *files, *stripped;
    size_t i, kept = 0;
    LH_TRY(lh_json_get_array(answer, "", "files", &files, err));
    json_array_foreach(files, i, stripped) {
        int64_t position, rows;
        char name[40];
        LH_TRY(lh_json_get_int(stripped, "files", "file", &position, err));
        LH_TRY(lh_json_get_int(stripped, "files", "rows", &rows, err));
        struct manifest_file *old = tombstone_file(op->draft, position), left = {0};
        if (!old || rows < 0)
            return lh_fail(err, LH_INTERNAL, "the worker names a tombstone file that there is not");
        snprintf(name, sizeof name, "%lld.parquet", (long long)position);
        if (rows > 0)
            LH_TRY(new_objects_put(&op->objects, name, FILE_TOMBSTONE, (uint64_t)rows, op->draft->arena, &left, err));
        left.role = FILE_TOMBSTONE;
        left.sequence = old->sequence;
        *old = left; /* without rows: without a key, and dropped below */
    }
    for (i = 0; i < op->draft->file_count; i++)
        if (op->draft->files[i].key)
            op->draft->files[kept++] = op->draft->files[i];
    op->draft->file_count = kept;
    return put_changes(op, err);
}

/* ---- compute, commit ---- */

/* What the request means for the dataset as `op->snapshot` has it. */
static enum lh_code compute(struct row_op *op, json_t **ret_answer, struct lh_err *err) {
    LH_TRY(catalog_snapshot_require(op->snapshot, op->dataset, &op->seen, err));
    LH_TRY(row_keys_require(op->seen, name_of(op), err));
    LH_TRY(new_objects_open(op->ops->os, op->ops->buckets, op->ops->tmp_dir, op->seen->name, op->seen->bucket,
                            &op->objects, err));
    LH_TRY(run_task(op, ret_answer, err));
    op->rows = (uint64_t)json_integer_value(json_object_get(*ret_answer, "rows"));
    return take_missing(op, *ret_answer, err);
}

static enum lh_code make_draft(struct row_op *op, const json_t *answer, struct lh_err *err) {
    op->draft = manifest_edit(op->seen);
    if (op->lift)
        return put_stripped(op, answer, err);
    return put_tombstones(op, err);
}

static enum lh_code commit_txn(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                               struct lh_err *err) {
    struct row_op *op = ctx;
    const struct manifest *now;
    LH_TRY(catalog_snapshot_require(base, op->dataset, &now, err));
    LH_TRY(row_change_check(now, op->seen, NULL, &op->stale, err));
    LH_AUTO(manifest) struct manifest *m = manifest_edit(now); /* what people said meanwhile stays */
    m->files = NULL;
    m->file_count = 0;
    for (size_t i = 0; i < op->draft->file_count; i++) {
        struct manifest_file *f = manifest_add_file(m);
        *f = op->draft->files[i];
        f->bucket = arena_strdup(m->arena, f->bucket);
        f->key = arena_strdup(m->arena, f->key);
        f->sha256 = arena_strdup(m->arena, f->sha256);
    }
    catalog_txn_put(txn, LH_STEAL(m));
    return LH_OK;
}

static json_t *answer_of(const struct row_op *op, struct catalog_commit done) {
    return json_pack("{s:s, s:I, s:I, s:O, s:b}", "dataset", op->seen->name, "version", (json_int_t)done.version,
                     op->lift ? "untombstoned" : "tombstoned", (json_int_t)op->rows, "missing", op->missing, "replayed",
                     done.replayed);
}

static enum lh_code nothing_to_do(struct row_op *op, json_t **ret_answer, struct lh_err *err) {
    struct catalog_commit done = {.version = catalog_snapshot_version(op->snapshot)};
    if (op->lift) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "no tombstone of \"%s\" hides any of these keys", op->seen->name));
        return lh_err_hint(
            err, "GET /catalog/datasets/{name}/tombstones lists those that can be lifted; what a compaction has "
                 "removed can be read as of an earlier version, and written again");
    }
    *ret_answer = answer_of(op, done);
    return LH_OK;
}

static enum lh_code attempt(struct row_op *op, const struct catalog_change *change, json_t **ret_answer,
                            struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    struct catalog_commit done;
    op->snapshot = catalog_snapshot(op->ops->catalog);
    LH_TRY(compute(op, &answer, err));
    if (op->rows == 0)
        return nothing_to_do(op, ret_answer, err);
    LH_TRY(LH_FAULT("lake.before_tombstones", err));
    LH_TRY(make_draft(op, answer, err));
    LH_TRY(LH_FAULT("lake.after_tombstones", err));
    enum lh_code code = catalog_commit(op->ops->catalog, change, &done, err);
    new_objects_settle(&op->objects, code == LH_OK && done.replayed ? LH_CONFLICT : code);
    LH_TRY(code);
    *ret_answer = answer_of(op, done);
    return LH_OK;
}

/* The first answer once more, from the version that it was judged on. */
static enum lh_code replay(struct row_op *op, uint64_t version, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(catalog_snapshot_at_version(op->ops->catalog, version - 1, &op->snapshot, err));
    LH_TRY(compute(op, &answer, err));
    *ret_answer = answer_of(op, (struct catalog_commit){version, true});
    return LH_OK;
}

static enum lh_code run(struct row_op *op, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *asked = json_pack("{s:s, s:O}", "dataset", op->dataset, "request", request);
    uint64_t version;
    LH_TRY(parse(op, request, err));
    lh_json_write(asked, LH_JSON_COMPACT_SORTED, &text);
    const struct catalog_change change = {.operation = name_of(op),
                                          .actor = op->actor,
                                          .idempotency_key = op->caller->idempotency_key,
                                          .request = buf_cstr(&text),
                                          .fn = commit_txn,
                                          .ctx = op};
    LH_TRY(catalog_ops_find_key(op->ops, &change, &version, err));
    if (version > 0)
        return replay(op, version, ret_answer, err);
    LH_CLEANUP(row_turn_end) LH_UNUSED struct row_turn turn = row_turn_take(op->ops->history, op->dataset);
    for (unsigned tries = 1;; tries++) {
        op->stale = false;
        enum lh_code code = attempt(op, &change, ret_answer, err);
        if (code != LH_CONFLICT || !op->stale)
            return code;
        if (tries == ROW_CHANGE_ATTEMPTS)
            return row_change_busy(op->seen->name, err);
        *err = (struct lh_err)LH_ERR_INIT;
        forget(op);
    }
}

enum lh_code catalog_ops_tombstone(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                   const char *dataset, const json_t *request, json_t **ret_answer,
                                   struct lh_err *err) {
    LH_CLEANUP(forget) struct row_op op = {.ops = ops, .caller = caller, .dataset = dataset};
    return run(&op, request, ret_answer, err);
}

enum lh_code catalog_ops_untombstone(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                     const char *dataset, const json_t *request, json_t **ret_answer,
                                     struct lh_err *err) {
    LH_CLEANUP(forget) struct row_op op = {.ops = ops, .caller = caller, .dataset = dataset, .lift = true};
    return run(&op, request, ret_answer, err);
}
