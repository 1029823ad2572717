#include "engine/worker/session.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "engine/profile.h"
#include "engine/worker/merge_filter.h"
#include "engine/worker/sql_error.h"
#include "os/clock.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* What takes a connection to be set, and is the same in every worker.  The time zone reads ICU's tables, which takes milliseconds.
 * Data files are immutable, so a footer once read stays true. */
static enum lh_code settle(const struct duckdb_api *duckdb, duckdb_database database, struct lh_err *err) {
    struct session s = {.duckdb = duckdb, .database = database};
    if (duckdb->connect(database, &s.connection) != DuckDBSuccess)
        return lh_fail(err, LH_UNAVAILABLE, "DuckDB takes no connection");
    enum lh_code code = session_run(&s, "SET GLOBAL TimeZone = 'UTC'; SET GLOBAL parquet_metadata_cache = true;", err);
    duckdb->disconnect(&s.connection);
    return code;
}

enum lh_code session_prepare(const struct duckdb_api *duckdb, duckdb_database *ret_database, struct lh_err *err) {
    static const char *const settings[][2] = {
        {"errors_as_json", "true"},
        {"threads", "1"},
        {"temp_directory", ""},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
    };
    duckdb_config config;
    if (duckdb->create_config(&config) != DuckDBSuccess)
        return lh_fail(err, LH_INTERNAL, "DuckDB gave no configuration");
    for (size_t i = 0; i < LH_ARRAY_LEN(settings); i++) {
        if (duckdb->set_config(config, settings[i][0], settings[i][1]) == DuckDBSuccess)
            continue;
        duckdb->destroy_config(&config);
        return lh_fail(err, LH_INTERNAL, "DuckDB does not take the setting %s = %s", settings[i][0], settings[i][1]);
    }
    duckdb_database database = NULL;
    char *reason = NULL;
    duckdb_state opened = duckdb->open_ext(NULL, &database, config, &reason);
    duckdb->destroy_config(&config);
    if (opened != DuckDBSuccess) {
        lh_ignore(lh_fail(err, LH_UNAVAILABLE, "DuckDB does not start: %s", reason ? reason : "no reason given"));
        duckdb->free(reason);
        return err->code;
    }
    enum lh_code code = settle(duckdb, database, err);
    if (code != LH_OK) {
        duckdb->close(&database);
        return code;
    }
    *ret_database = database;
    return LH_OK;
}

static uint64_t memory_limit(const struct worker_profile *profile) {
    return profile->memory_limit_bytes ? profile->memory_limit_bytes : (uint64_t)1024 << 20;
}

/* What the host could not know when it opened the database. */
static void append_limits(struct buf *sql, const struct worker_profile *profile) {
    buf_printf(sql, "SET memory_limit = '%lluMiB'; SET threads = %u; SET temp_directory = ",
               (unsigned long long)(memory_limit(profile) >> 20), profile->threads ? profile->threads : 1);
    buf_append_sql_string(sql, profile->temp_dir ? profile->temp_dir : "");
    buf_append_str(sql, "; ");
}

static void append_path(struct buf *sql, const char *path, bool *first) {
    buf_append_str(sql, *first ? "" : ", ");
    buf_append_sql_string(sql, path);
    *first = false;
}

/* DuckDB's own fence, inside that of the kernel: the same folders and files. */
static void append_fence(struct buf *sql, const struct worker_profile *profile) {
    bool first = true;
    struct stat st;
    buf_append_str(sql, "SET allowed_directories = [");
    for (size_t i = 0; i < profile->read_count; i++) {
        if (stat(profile->read_paths[i], &st) == 0 && S_ISDIR(st.st_mode))
            append_path(sql, profile->read_paths[i], &first);
    }
    if (profile->output_dir)
        append_path(sql, profile->output_dir, &first);
    if (profile->temp_dir)
        append_path(sql, profile->temp_dir, &first);
    buf_append_str(sql, "]::VARCHAR[]; SET allowed_paths = [");
    first = true;
    for (size_t i = 0; i < profile->read_count; i++) {
        if (stat(profile->read_paths[i], &st) == 0 && !S_ISDIR(st.st_mode))
            append_path(sql, profile->read_paths[i], &first);
    }
    buf_append_str(sql, "]::VARCHAR[]; SET enable_external_access = false; SET lock_configuration = true;");
}

static enum lh_code set_up(struct session *s, struct os *os, const struct worker_profile *profile, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    uint64_t seed;
    append_limits(&sql, profile);
    append_fence(&sql, profile);
    LH_TRY(session_run(s, buf_cstr(&sql), err));
    os_random(os, &seed, sizeof seed);
    return merge_filter_open(s->duckdb, s->database, s->connection, memory_limit(profile), seed, &s->merge_filter, err);
}

enum lh_code session_open(struct session *s, struct os *os, const struct duckdb_api *duckdb, duckdb_database database,
                          const struct worker_profile *profile, struct lh_err *err) {
    *s = (struct session){.duckdb = duckdb, .database = database};
    if (duckdb->connect(s->database, &s->connection) != DuckDBSuccess) {
        session_close(s);
        return lh_fail(err, LH_UNAVAILABLE, "DuckDB takes no connection");
    }
    s->temp_dir = profile->temp_dir ? lh_strdup(profile->temp_dir) : NULL;
    if (set_up(s, os, profile, err) == LH_OK)
        return LH_OK;
    session_close(s);
    return lh_err_context(err, "setting up DuckDB");
}

void session_close(struct session *s) {
    if (s->connection)
        s->duckdb->disconnect(&s->connection);
    merge_filter_close(s->merge_filter);
    if (s->database)
        s->duckdb->close(&s->database);
    lh_free(s->temp_dir);
    *s = (struct session){.duckdb = s->duckdb};
}

void session_interrupt(struct session *s) {
    s->duckdb->interrupt(s->connection);
    merge_filter_interrupt(s->merge_filter);
}

bool session_plan_failed(const struct session *s, const char *duckdb_error, struct lh_err *err) {
    return s->merge_filter && merge_filter_failure(s->merge_filter, duckdb_error, err);
}

enum lh_code session_fail(struct lh_err *err, const char *duckdb_error) {
    if (sql_error_fill(err, duckdb_error, NULL) == LH_SQL)
        err->code = LH_DATA;
    if (err->code == LH_LIMIT)
        return lh_err_hint(err, "ingest.memory_bytes in the configuration is the limit");
    return err->code;
}

enum lh_code session_query(struct session *s, const char *sql, duckdb_result *ret_result, struct lh_err *err) {
    duckdb_result result;
    if (s->duckdb->query(s->connection, sql, &result) != DuckDBSuccess) {
        const char *reason = s->duckdb->result_error(&result);
        if (!session_plan_failed(s, reason, err))
            lh_ignore(session_fail(err, reason));
        s->duckdb->destroy_result(&result);
        return err->code;
    }
    *ret_result = result;
    return LH_OK;
}

enum lh_code session_run(struct session *s, const char *sql, struct lh_err *err) {
    duckdb_result result;
    LH_TRY(session_query(s, sql, &result, err));
    s->duckdb->destroy_result(&result);
    return LH_OK;
}

enum lh_code session_query_int64(struct session *s, const char *sql, int64_t *ret_value, struct lh_err *err) {
    duckdb_result result;
    LH_TRY(session_query(s, sql, &result, err));
    bool found = s->duckdb->row_count(&result) > 0 && s->duckdb->column_count(&result) > 0;
    int64_t value = found ? s->duckdb->value_int64(&result, 0, 0) : 0;
    s->duckdb->destroy_result(&result);
    if (!found)
        return lh_fail(err, LH_INTERNAL, "a statement that should give one number gave no row");
    *ret_value = value;
    return LH_OK;
}

bool session_alive(struct session *s) {
    int64_t one = 0;
    struct lh_err ignored = LH_ERR_INIT;
    return session_query_int64(s, "SELECT 1", &one, &ignored) == LH_OK && one == 1;
}
