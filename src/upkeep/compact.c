/* Compaction: a job of steps, each of which reads some files of a dataset, writes what they say as few files, and commits.
 *
 *   C1  A commit replaces exactly the files that its step read, known by bucket and key, and only if all of them are still the
 *       dataset's; what came meanwhile stays.  Otherwise the step is planned again.
 *   C2  What comes out is as old as the youngest file that went in.  A delta or tombstone that was committed meanwhile is
 *       younger, and so still counts over it.
 *   C3  A tombstone goes when everything older was rewritten (COMPACT_BASE), and only then.
 *   C4  A step that fails leaves the old files and deletes its own.  Where the outcome of its commit is not known both stay; what no
 *       version names is an orphan for vacuum.  So a step that a crash interrupted is simply done again.
 *   C5  The worker's memory does not depend on the size of the dataset: rows stream, sorting spills.
 *   C6  A large base is written in parts (upkeep/compact_parts.h), each of which the checkpoint remembers; the commit is one. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "lake/new_objects.h"
#include "lake/read_plan.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/file.h"
#include "upkeep/compact_parts.h"
#include "upkeep/compact_plan.h"
#include "upkeep/upkeep_internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define TRIES 5
#define STEP_TIMEOUT_MS (INT64_C(24) * 3600 * 1000)
#define STEPS_MAX 1000    /* of one job; more are the next one's */
#define WORKER_THREADS 2u /* each holds a row group while it writes */
#define DUCKDB_EIGHTHS 5  /* of the memory; the rest is for what DuckDB does not count: its code, files being written */
#define KEYED_GROUP_ROWS 61440 /* what a lookup by key unpacks at most: 30 vectors of DuckDB's */
#define GROUP_ROWS 122880
#define VALUES_PER_GROUP \
    64 /* wide tables get shorter row groups: about as many values as this many columns of full length */
#define VECTOR_ROWS 2048
#define UNPACKED 4     /* bytes that a byte of a file is taken to have in memory */
#define GROUP_SHARE 16 /* of the memory: a row group's */

struct compact_policy upkeep_policy(const struct upkeep *u) {
    const struct lh_config_maintenance *c = &u->services.config->maintenance;
    return (struct compact_policy){.file_bytes = c->file_bytes,
                                   .min_files = (size_t)c->min_files,
                                   .delta_percent = (unsigned)c->delta_percent,
                                   .tombstone_percent = (unsigned)c->tombstone_percent,
                                   .tombstone_age_ms = c->tombstone_age_ms};
}

struct compaction {
    struct upkeep *upkeep;
    struct job *job;
    enum compact_scope scope;
    uint64_t
        full_through;    /* of COMPACT_FULL in no order: what came later was written by this job, or is for the next */
    const char *sort_by; /* NULL: the primary key */
    const char *name;    /* the dataset's, when the job began */
    char id[LH_ULID_SIZE];
    bool done;           /* what was asked for is committed; what came since is for the next job */
    json_t *parts;       /* of a step that an earlier life began; NULL: none */
    uint64_t parts_kept; /* of them, that did not have to be written again */
    uint64_t steps, files_in, files_out, bytes_in, bytes_out, version;
};

/* ---- one step ---- */

struct step_run {
    struct compaction *compaction;
    const struct manifest *seen;
    const struct compact_step *step;
    struct arena *arena;
    struct compact_parts parts;
    struct manifest_file *outputs;
    size_t output_count;
};

static bool stays(const struct step_run *r, const struct manifest_file *f) {
    return r->step->action == COMPACT_DELTAS && f->role == FILE_TOMBSTONE;
}

static const struct manifest_file *find_file(const struct manifest *m, const struct manifest_file *f) {
    for (size_t i = 0; i < m->file_count; i++)
        if (strcmp(m->files[i].key, f->key) == 0 && strcmp(m->files[i].bucket, f->bucket) == 0 &&
            m->files[i].role == f->role)
            return &m->files[i];
    return NULL;
}

static bool is_input(const struct step_run *r, const struct manifest_file *f) {
    for (size_t i = 0; i < r->step->file_count; i++)
        if (!stays(r, r->step->files[i]) && strcmp(r->step->files[i]->key, f->key) == 0 &&
            strcmp(r->step->files[i]->bucket, f->bucket) == 0)
            return true;
    return false;
}

static bool same_key(const struct manifest *a, const struct manifest *b) {
    bool same = a->primary_key_count == b->primary_key_count;
    for (size_t i = 0; same && i < a->primary_key_count; i++)
        same = manifest_name_compare(a->primary_key[i], b->primary_key[i]) == 0;
    return same;
}

/* C1, judged against the snapshot that the commit is made on. */
static enum lh_code check_unchanged(const struct step_run *r, const struct manifest *now, struct lh_err *err) {
    if (!same_key(now, r->seen))
        return lh_fail(err, LH_CONFLICT, "the primary key of \"%s\" changed meanwhile", now->name);
    for (size_t i = 0; i < r->step->file_count; i++)
        if (!find_file(now, r->step->files[i]))
            return lh_fail(err, LH_CONFLICT, "a file of \"%s\" that was compacted was replaced meanwhile", now->name);
    return LH_OK;
}

static enum lh_code replace_files(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                                  struct lh_err *err) {
    const struct step_run *r = ctx;
    const struct manifest *now = catalog_snapshot_find_id(base, r->seen->id);
    if (!now)
        return lh_fail(err, LH_NOT_FOUND, "the dataset \"%s\" was deleted meanwhile", r->seen->name);
    LH_TRY(check_unchanged(r, now, err));
    LH_AUTO(manifest) struct manifest *m = manifest_edit(now);
    size_t kept = 0;
    for (size_t i = 0; i < m->file_count; i++)
        if (!is_input(r, &m->files[i]))
            m->files[kept++] = m->files[i];
    m->file_count = kept;
    for (size_t i = 0; i < r->output_count; i++) {
        struct manifest_file *f = manifest_add_file(m);
        *f = r->outputs[i];
        f->bucket = arena_strdup(m->arena, f->bucket);
        f->key = arena_strdup(m->arena, f->key);
        f->sha256 = arena_strdup(m->arena, f->sha256);
        f->sequence = r->step->sequence;
    }
    catalog_txn_put(txn, LH_STEAL(m));
    return LH_OK;
}

/* The SELECT of the step's files alone: what merging them means is the read plan's business. */
static enum lh_code select_inputs(const struct step_run *r, size_t part_of, const char **ret_select,
                                  struct lh_err *err) {
    LH_AUTO(manifest) struct manifest *part = manifest_edit(r->seen);
    part->file_count = 0;
    for (size_t i = 0; i < r->step->file_count; i++)
        *manifest_add_file(part) = *r->step->files[i];
    LH_TRY(lake_read_plan(r->compaction->upkeep->services.buckets, part, r->arena, ret_select, err));
    const char *condition = compact_parts_condition(&r->parts, r->seen, part_of, r->arena);
    if (condition)
        *ret_select = arena_printf(r->arena, "SELECT * FROM (%s) WHERE %s", *ret_select, condition);
    return LH_OK;
}

static const char *order_of(const struct step_run *r) {
    LH_AUTO(buf) struct buf order = BUF_INIT;
    const char *sort_by = r->compaction->sort_by;
    if (sort_by)
        buf_append_sql_ident(&order, sort_by);
    for (size_t i = 0; i < r->seen->primary_key_count; i++) {
        if (sort_by && manifest_name_compare(sort_by, r->seen->primary_key[i]) == 0)
            continue;
        buf_append_str(&order, order.len > 0 ? ", " : "");
        buf_append_sql_ident(&order, r->seen->primary_key[i]);
    }
    return order.len > 0 ? arena_strdup(r->arena, buf_cstr(&order)) : NULL;
}

/* DuckDB holds a row group in memory, unpacked, for each thread that writes: where there are many columns or long values it has fewer
 * rows. */
static int64_t group_rows(const struct step_run *r) {
    int64_t rows = r->seen->primary_key_count > 0 ? KEYED_GROUP_ROWS : GROUP_ROWS;
    int64_t columns = (int64_t)r->seen->column_count;
    uint64_t memory = r->compaction->upkeep->services.config->maintenance.memory_bytes;
    uint64_t row_bytes = r->step->rows > 0 ? r->step->bytes / r->step->rows * UNPACKED + 1 : 1;
    if (columns > VALUES_PER_GROUP)
        rows = rows * VALUES_PER_GROUP / columns;
    if (memory / GROUP_SHARE / row_bytes < (uint64_t)rows)
        rows = (int64_t)(memory / GROUP_SHARE / row_bytes);
    rows = rows / VECTOR_ROWS * VECTOR_ROWS;
    return rows > VECTOR_ROWS ? rows : VECTOR_ROWS;
}

/* Rows in the order of the key are found by their row group's least and greatest value; in another order it takes the key's Bloom
 * filter, which DuckDB writes for what has a dictionary. */
static bool wants_filters(const struct step_run *r) {
    const char *sort_by = r->compaction->sort_by;
    return r->seen->primary_key_count > 0 && sort_by && manifest_name_compare(sort_by, r->seen->primary_key[0]) != 0;
}

static json_t *task_request(const struct step_run *r, const char *select) {
    const char *order = order_of(r);
    int64_t rows = group_rows(r);
    json_t *request =
        json_pack("{s:s, s:I, s:I, s:I, s:I}", "select", select, "file_bytes", (json_int_t)r->step->file_bytes,
                  "row_group_rows", (json_int_t)rows, "expected_bytes", (json_int_t)r->step->bytes, "dictionary_rows",
                  (json_int_t)(wants_filters(r) ? rows : 0));
    if (order)
        json_object_set_new(request, "order_by", json_string(order));
    return request;
}

static void on_progress(void *ctx, double fraction, uint64_t bytes) {
    const struct step_run *r = ctx;
    (void)fraction;
    uint64_t all = r->step->bytes, part = all / r->parts.count, before = part * compact_parts_done(&r->parts);
    job_progress(r->compaction->job, r->compaction->bytes_in + before + (bytes < part ? bytes : part),
                 r->compaction->bytes_in + all, "bytes");
}

/* What a worker left there goes. */
static enum lh_code new_folder(struct os *os, const char *path, struct lh_err *err) {
    LH_TRY(os_remove_all(os, AT_FDCWD, path, err));
    return os_mkdir_all(os, AT_FDCWD, path, 0700, err);
}

static enum lh_code write_rows(struct step_run *r, struct new_objects *objects, size_t part, json_t **ret_answer,
                               struct lh_err *err) {
    const struct upkeep_services *s = &r->compaction->upkeep->services;
    const char *select;
    LH_TRY(select_inputs(r, part, &select, err));
    LH_TRY(new_folder(s->os, objects->out, err));
    LH_AUTO(json) json_t *request = task_request(r, select);
    struct engine_task task = {
        .task = "compact",
        .request = request,
        .output_dir = objects->out,
        .timeout_ms = STEP_TIMEOUT_MS,
        .cancel_fd = job_cancel_fd(r->compaction->job),
        /* The rest is for what DuckDB does not count: its code, buffers of the files it writes. */
        .memory_bytes = s->config->maintenance.memory_bytes / 2,
        .threads = WORKER_THREADS,
        .background = true,
        .progress = on_progress,
        .progress_ctx = r};
    LH_TRY(LH_FAULT("compact.before_read", err));
    enum lh_code code = engine_run_task(s->engine, &task, ret_answer, err);
    if (code == LH_LIMIT) { /* half as much is held at a time, and it takes longer */
        LH_TRY(new_folder(s->os, objects->out, err));
        task.threads = 1;
        code = engine_run_task(s->engine, &task, ret_answer, err);
    }
    if (code == LH_LIMIT)
        return lh_err_hint(err, "maintenance.memory_bytes in the configuration is the limit");
    LH_TRY(code);
    return LH_FAULT("compact.after_read", err);
}

/* Without deltas and tombstones no row may be lost or doubled, whatever the plan and the engine did. */
static enum lh_code check_rows(const struct step_run *r, struct lh_err *err) {
    bool merges = false;
    uint64_t rows = 0;
    for (size_t i = 0; i < r->output_count; i++)
        rows += r->outputs[i].row_count;
    for (size_t i = 0; i < r->step->file_count; i++)
        merges = merges || (r->seen->primary_key_count > 0 && r->step->files[i]->role != FILE_BASE);
    if (merges ? rows > r->step->rows : rows != r->step->rows)
        return lh_fail(err, LH_CORRUPT,
                       "%" PRIu64 " rows of \"%s\" went in and %" PRIu64 " came out; nothing was changed",
                       r->step->rows, r->seen->name, rows);
    return LH_OK;
}

static enum lh_code store_outputs(struct step_run *r, struct new_objects *objects, const json_t *answer,
                                  struct lh_err *err) {
    json_t *files, *file;
    size_t i;
    LH_TRY(lh_json_get_array(answer, "", "files", &files, err));
    r->output_count = 0;
    r->outputs = arena_alloc(r->arena, (json_array_size(files) + 1) * sizeof *r->outputs);
    json_array_foreach(files, i, file) {
        const char *name;
        int64_t file_rows;
        LH_TRY(lh_json_get_string(file, "files", "name", &name, err));
        LH_TRY(lh_json_get_int(file, "files", "rows", &file_rows, err));
        if (strchr(name, '/') || file_rows < 1)
            return lh_fail(err, LH_INTERNAL, "the worker named an odd file");
        LH_TRY(new_objects_put(objects, arena_printf(r->arena, "rows/%s", name), r->step->role, (uint64_t)file_rows,
                               r->arena, &r->outputs[r->output_count], err));
        r->output_count++;
    }
    return LH_FAULT("compact.after_write", err);
}

static void count_step(struct step_run *r, uint64_t version) {
    struct compaction *c = r->compaction;
    c->steps++;
    c->version = version;
    c->bytes_in += r->step->bytes;
    c->files_out += r->output_count;
    for (size_t i = 0; i < r->step->file_count; i++)
        c->files_in += !stays(r, r->step->files[i]);
    for (size_t i = 0; i < r->output_count; i++)
        c->bytes_out += r->outputs[i].size_bytes;
    job_progress(c->job, c->bytes_in, c->bytes_in, "bytes");
}

static json_t *counts(const struct compaction *c) {
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "full_through", (json_int_t)c->full_through,
                     "steps", (json_int_t)c->steps, "files_in", (json_int_t)c->files_in, "files_out",
                     (json_int_t)c->files_out, "bytes_in", (json_int_t)c->bytes_in, "bytes_out",
                     (json_int_t)c->bytes_out, "version", (json_int_t)c->version, "parts_kept",
                     (json_int_t)c->parts_kept, "done", c->done);
}

/* Where the list of files is too long for a checkpoint the parts are done without. */
static enum lh_code save_parts(const struct step_run *r, struct lh_err *err) {
    LH_AUTO(json) json_t *checkpoint = counts(r->compaction);
    json_object_set(checkpoint, "parts", r->parts.state);
    enum lh_code code = job_save_checkpoint(r->compaction->job, checkpoint, err);
    if (code == LH_TOO_LARGE) {
        *err = (struct lh_err)LH_ERR_INIT;
        code = LH_OK;
    }
    return code;
}

static enum lh_code write_parts(struct step_run *r, struct new_objects *objects, struct lh_err *err) {
    for (size_t part = compact_parts_done(&r->parts); part < r->parts.count; part++) {
        LH_AUTO(json) json_t *answer = NULL;
        LH_TRY(job_check(r->compaction->job, err));
        LH_TRY(write_rows(r, objects, part, &answer, err));
        LH_TRY(store_outputs(r, objects, answer, err));
        if (r->parts.count == 1)
            return LH_OK;
        compact_parts_add(&r->parts, r->outputs, r->output_count);
        LH_TRY(save_parts(r, err));
    }
    compact_parts_outputs(&r->parts, r->arena, &r->outputs, &r->output_count);
    return LH_OK;
}

/* What an earlier life wrote is this one's to delete, too. */
static enum lh_code begin_parts(struct step_run *r, struct new_objects *objects, struct compact_parts *begun,
                                struct lh_err *err) {
    struct compaction *c = r->compaction;
    const struct upkeep_services *s = &c->upkeep->services;
    if (begun->count == 0) {
        r->parts.count = 1;
        return c->sort_by ? LH_OK
                          : compact_parts_plan(s, r->seen, r->step, s->config->maintenance.file_bytes,
                                               job_cancel_fd(c->job), &r->parts, err);
    }
    struct manifest_file *outputs;
    size_t count;
    r->parts = *begun;
    *begun = (struct compact_parts){0};
    c->parts_kept += compact_parts_done(&r->parts);
    compact_parts_outputs(&r->parts, r->arena, &outputs, &count);
    for (size_t i = 0; i < count; i++)
        new_objects_adopt(objects, outputs[i].key);
    return LH_OK;
}

static void step_run_release(struct step_run *r) {
    compact_parts_release(&r->parts);
}

/* `begun`: the parts that an earlier life began, or none; they are taken. */
static enum lh_code run_step(struct compaction *c, const struct manifest *seen, const struct compact_step *step,
                             struct compact_parts *begun, struct arena *arena, struct lh_err *err) {
    const struct upkeep_services *s = &c->upkeep->services;
    LH_CLEANUP(step_run_release) struct step_run r = {.compaction = c, .seen = seen, .step = step, .arena = arena};
    LH_CLEANUP(new_objects_release) struct new_objects objects = {0};
    LH_TRY(new_objects_open(s->os, s->buckets, s->tmp_dir, seen->name, seen->bucket, &objects, err));
    LH_TRY(begin_parts(&r, &objects, begun, err));
    if (write_parts(&r, &objects, err) != LH_OK) {
        if (compact_parts_done(&r.parts) > 0 && job_goes_on(c->job))
            new_objects_settle(&objects, LH_OK); /* the next life finds them in the checkpoint */
        return err->code;
    }
    LH_TRY(check_rows(&r, err));
    LH_TRY(job_check(c->job, err));
    LH_TRY(LH_FAULT("compact.before_commit", err));
    struct catalog_change change = {
        .operation = UPKEEP_COMPACT, .actor = job_actor(c->job), .fn = replace_files, .ctx = &r};
    struct catalog_commit done;
    enum lh_code code = catalog_commit(s->catalog, &change, &done, err);
    new_objects_settle(&objects, code);
    if (code != LH_OK)
        return code;
    count_step(&r, done.version);
    return LH_FAULT("compact.after_commit", err);
}

/* ---- the job ---- */

/* The next step against the newest snapshot; *ret_any false: nothing is left to do. */
static enum lh_code next_step(struct compaction *c, bool *ret_any, struct lh_err *err) {
    struct upkeep *u = c->upkeep;
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *before = LH_STEAL(c->parts);
    LH_CLEANUP(compact_parts_release) struct compact_parts begun = {0};
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(u->services.catalog);
    const struct manifest *m = c->id[0] ? catalog_snapshot_find_id(s, c->id) : NULL;
    struct compact_policy policy = upkeep_policy(u);
    struct compact_step step;
    if (!m)
        return lh_fail(err, LH_NOT_FOUND, "the dataset \"%s\" is gone", c->name);
    if (c->sort_by && !manifest_find_column(m, c->sort_by))
        return lh_fail(err, LH_CONFLICT, "\"%s\" has no column \"%s\" any more", m->name, c->sort_by);
    if (c->scope == COMPACT_FULL && !c->sort_by && c->full_through == 0)
        c->full_through = catalog_snapshot_version(s);
    if (before)
        LH_TRY(compact_parts_resume(&u->services, before, m, arena, &step, &begun, err));
    if (begun.count == 0)
        compact_plan(m, &policy, c->scope, c->full_through, os_realtime_us(u->services.os) / 1000, arena, &step);
    *ret_any = step.action != COMPACT_NOTHING && !c->done;
    if (!*ret_any)
        return LH_OK;
    LH_TRY(run_step(c, m, &step, &begun, arena, err));
    /* A dataset that is written all the time is never in order: only the policy's own steps go on until nothing is due. */
    c->done = c->scope != COMPACT_WHAT_IS_DUE && !step.partial;
    return LH_OK;
}

static uint64_t count_in(const json_t *json, const char *key) {
    json_int_t n = json_integer_value(json_object_get(json, key));
    return n > 0 ? (uint64_t)n : 0;
}

/* An earlier life's steps count too. */
static void resume(struct compaction *c, const json_t *from) {
    c->full_through = count_in(from, "full_through");
    c->steps = count_in(from, "steps");
    c->files_in = count_in(from, "files_in");
    c->files_out = count_in(from, "files_out");
    c->bytes_in = count_in(from, "bytes_in");
    c->bytes_out = count_in(from, "bytes_out");
    c->version = count_in(from, "version");
    c->parts_kept = count_in(from, "parts_kept");
    c->done = json_is_true(json_object_get(from, "done"));
    c->parts = json_incref(json_object_get(from, "parts"));
}

static enum lh_code run_steps(struct compaction *c, struct lh_err *err) {
    unsigned conflicts = 0;
    for (bool any = true; any && c->steps < STEPS_MAX;) {
        LH_TRY(job_check(c->job, err));
        enum lh_code code = next_step(c, &any, err);
        if (code == LH_CONFLICT && ++conflicts < TRIES)
            continue; /* somebody else changed what was read: plan again */
        if (code != LH_OK)
            return code;
        conflicts = 0;
        if (!any)
            break;
        LH_AUTO(json) json_t *checkpoint = counts(c);
        LH_TRY(job_save_checkpoint(c->job, checkpoint, err));
    }
    return LH_OK;
}

enum lh_code upkeep_run_compaction(struct job *job, void *ctx, struct lh_err *err) {
    struct compaction c = {.upkeep = ctx, .job = job, .name = job_subject(job)};
    LH_AUTO(json) json_t *input = job_input(job), *from = job_checkpoint(job);
    const char *id;
    bool full, due;
    LH_TRY(lh_json_get_string(input, "", "dataset_id", &id, err));
    LH_TRY(lh_json_get_string_or(input, "", "sort_by", NULL, &c.sort_by, err));
    LH_TRY(lh_json_get_bool_or(input, "", "full", false, &full, err));
    LH_TRY(lh_json_get_bool_or(input, "", "due", false, &due, err));
    if (strlen(id) < sizeof c.id)
        memcpy(c.id, id, strlen(id));
    c.scope = full ? COMPACT_FULL : due ? COMPACT_WHAT_IS_DUE : COMPACT_ALL;
    resume(&c, from);
    enum lh_code code = run_steps(&c, err);
    json_decref(c.parts);
    LH_TRY(code);
    LH_AUTO(json) json_t *result = counts(&c);
    json_object_del(result, "done");
    json_object_del(result, "full_through");
    job_set_result(job, result);
    return LH_OK;
}

enum lh_code upkeep_submit_compaction(struct upkeep *u, const struct upkeep_compaction *compaction,
                                      char ret_id[LH_ULID_SIZE], bool *ret_joined, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(u->services.catalog);
    const struct manifest *m;
    LH_TRY(catalog_snapshot_require(s, compaction->dataset, &m, err));
    if (compaction->sort_by && !manifest_find_column(m, compaction->sort_by))
        return lh_fail(err, LH_INVALID, "\"%s\" has no column \"%.255s\" to sort by", m->name, compaction->sort_by);
    LH_AUTO(json) json_t *input = json_pack("{s:s, s:b}", "dataset_id", m->id, "full", compaction->full);
    if (compaction->sort_by)
        json_object_set_new(input, "sort_by", json_string(compaction->sort_by));
    struct job_request request = {
        .kind = UPKEEP_COMPACT, .subject = m->name, .actor = compaction->actor, .input = input};
    return jobs_submit(u->services.jobs, &request, ret_id, ret_joined, err);
}
