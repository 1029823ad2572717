#include "system/tables.h"

#include "base/arena.h"
#include "base/attr.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "jobs/jobs.h"
#include "journal/journal.h"
#include "store/error_journal.h"
#include "system/query_log.h"

#include <string.h>

#define JOBS_MAX ((size_t)100000)

/* One table: its columns, and the function that puts its rows. */
struct table {
    const char *name;
    const struct table_column *columns;
    size_t column_count;
    enum lh_code (*put_rows)(struct system_scope *scope, struct arena *arena, struct table_file *f, struct lh_err *err);
};

/* ---- from the snapshot ---- */

static bool visible(const struct system_scope *scope, const struct manifest *m) {
    return !scope->lake.bucket || (m->bucket && strcmp(m->bucket, scope->lake.bucket) == 0);
}

static const struct table_column dataset_columns[] = {
    {"name", TABLE_TEXT},
    {"id", TABLE_TEXT},
    {"bucket", TABLE_TEXT},
    {"version", TABLE_INTEGER},
    {"schema_version", TABLE_INTEGER},
    {"created_at", TABLE_TIME},
    {"updated_at", TABLE_TIME},
    {"row_count", TABLE_INTEGER},
    {"size_bytes", TABLE_INTEGER},
    {"file_count", TABLE_INTEGER},
    {"column_count", TABLE_INTEGER},
    {"primary_key", TABLE_TEXTS},
    {"description", TABLE_TEXT},
    {"owner", TABLE_TEXT},
    {"sensitivity", TABLE_TEXT},
    {"tags", TABLE_TEXTS},
    {"freshness_sla_s", TABLE_INTEGER},
    {"embedding_model", TABLE_TEXT},
};

static enum lh_code put_datasets(struct system_scope *scope, struct arena *arena, struct table_file *f,
                                 struct lh_err *err) {
    (void)arena;
    (void)err;
    for (size_t i = 0; i < catalog_snapshot_count(scope->lake.snapshot); i++) {
        const struct manifest *m = catalog_snapshot_get(scope->lake.snapshot, i);
        if (!visible(scope, m))
            continue;
        table_put_text(f, m->name);
        table_put_text(f, m->id);
        table_put_text(f, m->bucket);
        table_put_integer(f, m->version);
        table_put_integer(f, m->schema_version);
        table_put_time(f, m->created_us);
        table_put_time(f, m->updated_us);
        table_put_integer(f, m->row_count);
        table_put_integer(f, m->size_bytes);
        table_put_integer(f, m->file_count);
        table_put_integer(f, m->column_count);
        table_put_texts(f, m->primary_key, m->primary_key_count);
        table_put_text(f, m->description);
        table_put_text(f, m->owner);
        table_put_text(f, m->sensitivity);
        table_put_texts(f, m->tags, m->tag_count);
        if (m->freshness_sla_s > 0)
            table_put_integer(f, (uint64_t)m->freshness_sla_s);
        else
            table_put_null(f);
        table_put_text(f, m->embedding_model);
    }
    return LH_OK;
}

static const struct table_column file_columns[] = {
    {"dataset", TABLE_TEXT},      {"role", TABLE_TEXT},
    {"bucket", TABLE_TEXT},       {"key", TABLE_TEXT},
    {"row_count", TABLE_INTEGER}, {"size_bytes", TABLE_INTEGER},
    {"sha256", TABLE_TEXT},       {"added_version", TABLE_INTEGER},
    {"sequence", TABLE_INTEGER},
};

static enum lh_code put_files(struct system_scope *scope, struct arena *arena, struct table_file *f,
                              struct lh_err *err) {
    (void)arena;
    (void)err;
    for (size_t i = 0; i < catalog_snapshot_count(scope->lake.snapshot); i++) {
        const struct manifest *m = catalog_snapshot_get(scope->lake.snapshot, i);
        for (size_t k = 0; visible(scope, m) && k < m->file_count; k++) {
            const struct manifest_file *file = &m->files[k];
            table_put_text(f, m->name);
            table_put_text(f, file_role_name(file->role));
            table_put_text(f, file->bucket);
            table_put_text(f, file->key);
            table_put_integer(f, file->row_count);
            table_put_integer(f, file->size_bytes);
            table_put_text(f, file->sha256);
            table_put_integer(f, file->added_version);
            table_put_integer(f, file->sequence);
        }
    }
    return LH_OK;
}

static const struct table_column column_columns[] = {
    {"dataset", TABLE_TEXT},  {"position", TABLE_INTEGER}, {"name", TABLE_TEXT},   {"type", TABLE_TEXT},
    {"nullable", TABLE_FLAG}, {"primary_key", TABLE_FLAG}, {"flags", TABLE_TEXTS}, {"description", TABLE_TEXT},
};

static bool is_key(const struct manifest *m, const struct manifest_column *c) {
    for (size_t i = 0; i < m->primary_key_count; i++)
        if (manifest_name_compare(m->primary_key[i], c->name) == 0)
            return true;
    return false;
}

static void put_flags(struct table_file *f, const struct manifest_column *c, struct arena *arena) {
    const char **kinds = arena_alloc(arena, (c->flag_count + 1) * sizeof *kinds);
    size_t count = 0;
    for (size_t i = 0; i < c->flag_count; i++)
        if (!c->flags[i].dismissed)
            kinds[count++] = c->flags[i].kind;
    table_put_texts(f, kinds, count);
}

static enum lh_code put_columns(struct system_scope *scope, struct arena *arena, struct table_file *f,
                                struct lh_err *err) {
    (void)err;
    for (size_t i = 0; i < catalog_snapshot_count(scope->lake.snapshot); i++) {
        const struct manifest *m = catalog_snapshot_get(scope->lake.snapshot, i);
        for (size_t k = 0; visible(scope, m) && k < m->column_count; k++) {
            const struct manifest_column *c = &m->columns[k];
            table_put_text(f, m->name);
            table_put_integer(f, k + 1);
            table_put_text(f, c->name);
            table_put_text(f, c->type);
            table_put_flag(f, c->nullable);
            table_put_flag(f, is_key(m, c));
            put_flags(f, c, arena);
            table_put_text(f, c->description);
        }
    }
    return LH_OK;
}

/* ---- as they are now ---- */

static const struct table_column error_columns[] = {
    {"ts", TABLE_TIME},   {"bucket", TABLE_TEXT},  {"operation", TABLE_TEXT},  {"key", TABLE_TEXT},
    {"code", TABLE_TEXT}, {"message", TABLE_TEXT}, {"request_id", TABLE_TEXT},
};

static const char *or_null(const char *text) {
    return text && text[0] ? text : NULL;
}

static enum lh_code put_errors(struct system_scope *scope, struct arena *arena, struct table_file *f,
                               struct lh_err *err) {
    const struct error_filter filter = {.bucket = scope->lake.bucket, .limit = ERROR_JOURNAL_LIMIT_MAX};
    struct error_entry *entries;
    size_t count;
    LH_TRY(error_journal_recent(scope->system->services.errors, &filter, arena, &entries, &count, err));
    for (size_t i = 0; i < count; i++) {
        table_put_time(f, entries[i].time_us);
        table_put_text(f, entries[i].bucket);
        table_put_text(f, entries[i].operation);
        table_put_text(f, or_null(entries[i].key));
        table_put_text(f, entries[i].code);
        table_put_text(f, entries[i].message);
        table_put_text(f, or_null(entries[i].request_id));
    }
    return LH_OK;
}

static const struct table_column job_columns[] = {
    {"id", TABLE_TEXT},          {"kind", TABLE_TEXT},       {"subject", TABLE_TEXT},    {"actor", TABLE_TEXT},
    {"state", TABLE_TEXT},       {"done", TABLE_INTEGER},    {"total", TABLE_INTEGER},   {"unit", TABLE_TEXT},
    {"rate", TABLE_REAL},        {"created_at", TABLE_TIME}, {"started_at", TABLE_TIME}, {"ended_at", TABLE_TIME},
    {"attempts", TABLE_INTEGER}, {"input", TABLE_TEXT},      {"result", TABLE_TEXT},     {"error", TABLE_TEXT},
    {"message", TABLE_TEXT},
};

static enum lh_code put_jobs(struct system_scope *scope, struct arena *arena, struct table_file *f,
                             struct lh_err *err) {
    (void)err;
    const struct jobs_filter filter = {.state = -1, .limit = JOBS_MAX};
    struct job_info *infos;
    size_t count;
    bool more;
    jobs_list(scope->system->services.jobs, &filter, arena, &infos, &count, &more);
    for (size_t i = 0; i < count; i++) {
        const struct job_info *job = &infos[i];
        table_put_text(f, job->id);
        table_put_text(f, job->kind);
        table_put_text(f, job->subject);
        table_put_text(f, job->actor);
        table_put_text(f, job_state_name(job->state));
        table_put_integer(f, job->done);
        if (job->total > 0)
            table_put_integer(f, job->total);
        else
            table_put_null(f);
        table_put_text(f, or_null(job->unit));
        table_put_real(f, job->rate);
        table_put_time(f, job->created_us);
        table_put_time(f, job->started_us);
        table_put_time(f, job->ended_us);
        table_put_integer(f, job->attempts);
        table_put_text(f, job->input);
        table_put_text(f, job->result);
        table_put_text(f, job->error == LH_OK ? NULL : lh_code_name(job->error));
        table_put_text(f, or_null(job->message));
    }
    return LH_OK;
}

static const struct table_column query_columns[] = {
    {"id", TABLE_TEXT},           {"principal", TABLE_TEXT},  {"sql", TABLE_TEXT},
    {"state", TABLE_TEXT},        {"started_at", TABLE_TIME}, {"elapsed_ms", TABLE_REAL},
    {"row_count", TABLE_INTEGER}, {"bytes", TABLE_INTEGER},   {"error", TABLE_TEXT},
};

static enum lh_code put_queries(struct system_scope *scope, struct arena *arena, struct table_file *f,
                                struct lh_err *err) {
    (void)err;
    struct query_log_entry *entries;
    size_t count;
    query_log_list(scope->system->services.queries, arena, &entries, &count);
    for (size_t i = 0; i < count; i++) {
        const struct query_log_entry *e = &entries[i];
        bool failed = e->result.code != LH_OK;
        table_put_text(f, e->id);
        table_put_text(f, e->principal);
        table_put_text(f, e->sql);
        table_put_text(f, e->running ? "running" : failed ? "failed" : "done");
        table_put_time(f, e->started_us);
        table_put_real(f, (double)e->elapsed_us / 1000);
        table_put_integer(f, e->result.rows);
        table_put_integer(f, e->result.bytes);
        table_put_text(f, failed ? lh_code_name(e->result.code) : NULL);
    }
    return LH_OK;
}

/* ---- events: files as they are, and the rest ---- */

#define EVENT_COLUMNS "id, ts, entity_type, entity_id, field, action, old_value, new_value, actor, source, workspace_id"

static const struct table_column event_columns[] = {
    {"id", TABLE_TEXT},    {"ts", TABLE_TIME},     {"entity_type", TABLE_TEXT},  {"entity_id", TABLE_TEXT},
    {"field", TABLE_TEXT}, {"action", TABLE_TEXT}, {"old_value", TABLE_TEXT},    {"new_value", TABLE_TEXT},
    {"actor", TABLE_TEXT}, {"source", TABLE_TEXT}, {"workspace_id", TABLE_TEXT},
};

static void put_event(struct table_file *f, const struct journal_event *e) {
    table_put_text(f, e->id);
    table_put_time(f, e->ts_us);
    table_put_text(f, e->entity_type);
    table_put_text(f, e->entity_id);
    table_put_text(f, e->field);
    table_put_text(f, e->action);
    table_put_text(f, e->old_value);
    table_put_text(f, e->new_value);
    table_put_text(f, e->actor);
    table_put_text(f, e->source);
    table_put_text(f, e->workspace_id);
}

static enum lh_code append_events(struct system_scope *scope, struct arena *arena, struct table_file *f,
                                  struct buf *select, struct lh_err *err) {
    struct journal_scan scan;
    if (scope->scanning) { /* asked for again within the statement */
        journal_scan_end(scope->system->services.journal);
        scope->scanning = false;
    }
    LH_TRY(journal_scan_begin(scope->system->services.journal, arena, &scan, err));
    scope->scanning = true;
    for (size_t i = 0; i < scan.event_count; i++)
        put_event(f, &scan.events[i]);
    for (size_t i = 0; i < scan.path_count; i++) {
        buf_append_str(select, i == 0 ? "SELECT " EVENT_COLUMNS " FROM read_parquet([" : ", ");
        buf_append_sql_path(select, scan.paths[i]);
    }
    if (scan.path_count > 0)
        buf_append_str(select, "], hive_partitioning = false) UNION ALL ");
    return table_file_finish(f, select, err);
}

/* ---- the tables ---- */

#define TABLE(name, rows) \
    { #name, rows##_columns, LH_ARRAY_LEN(rows##_columns), put_##name }
static const struct table tables[] = {
    TABLE(datasets, dataset),
    TABLE(files, file),
    TABLE(columns, column),
    TABLE(errors, error),
    TABLE(jobs, job),
    TABLE(queries, query),
    {"events", event_columns, LH_ARRAY_LEN(event_columns), NULL},
};
#undef TABLE

static enum lh_code put_rows(struct system_scope *scope, const struct table *table, struct arena *arena,
                             struct table_file *f, struct buf *select, struct lh_err *err) {
    if (!table->put_rows)
        return append_events(scope, arena, f, select, err);
    LH_TRY(table->put_rows(scope, arena, f, err));
    return table_file_finish(f, select, err);
}

enum lh_code system_table(struct system_scope *scope, const char *name, struct arena *arena, struct buf *select,
                          struct lh_err *err) {
    for (size_t i = 0; i < LH_ARRAY_LEN(tables); i++) {
        if (strcmp(name, tables[i].name) != 0)
            continue;
        struct table_file f;
        table_file_open(&f, scope->system->services.os, arena_printf(arena, "%s/%s.ndjson", scope->dir, name),
                        tables[i].columns, tables[i].column_count);
        enum lh_code code = put_rows(scope, &tables[i], arena, &f, select, err);
        table_file_deinit(&f);
        return code;
    }
    return lh_fail(err, LH_NOT_FOUND, "there is no table system.%s", name);
}
