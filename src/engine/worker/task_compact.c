/* The task `compact`: the rows of a SELECT into Parquet files of bounded size.
 *
 *     compact   {"select": SQL, "order_by": SQL or null, "file_bytes", "row_group_rows", "expected_bytes",
 *                "dictionary_rows": 0, or how many distinct values of a row group may still make a dictionary}
 *
 * Leaves output_dir/rows/data_{n}.parquet, in the order of the rows, and answers {"rows", "files": [{"name", "rows"}]}; a file
 * without rows is not named.  A file is closed at the first end of a row group past `file_bytes`.  DuckDB writes a Bloom
 * filter for what has a dictionary. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/tasks.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/os.h"

#include <string.h>

#define DICTIONARY_PAGE_BYTES (64 << 20)
#define LOOK_EVERY_NS INT64_C(200000000)

/* Bytes in the files so far. */
static uint64_t written(const char *dir) {
    struct lh_err ignored = LH_ERR_INIT;
    char **names;
    size_t count;
    uint64_t sum = 0;
    if (os_list_dir(os_real(), AT_FDCWD, dir, 0, &names, &count, &ignored) != LH_OK)
        return 0;
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(buf) struct buf path = BUF_INIT;
        struct os_stat stat;
        buf_printf(&path, "%s/%s", dir, names[i]);
        if (os_stat_at(os_real(), AT_FDCWD, buf_cstr(&path), &stat, &ignored) == LH_OK)
            sum += stat.size_bytes;
    }
    os_list_free(names, count);
    return sum;
}

static void look(struct task *t, const char *dir, int64_t expected, int64_t *last_ns) {
    int64_t now_ns = os_monotonic_ns(os_real());
    if (now_ns - *last_ns < LOOK_EVERY_NS)
        return;
    *last_ns = now_ns;
    uint64_t bytes = written(dir);
    double fraction = expected > 0 ? (double)bytes / (double)expected : -1;
    task_progress(t, fraction > 1 ? 1 : fraction, bytes);
}

struct copying {
    const struct duckdb_api *duckdb;
    duckdb_prepared_statement prepared;
    duckdb_pending_result pending;
    duckdb_result result;
    bool has_result;
};

static void copying_release(struct copying *c) {
    if (c->has_result)
        c->duckdb->destroy_result(&c->result);
    if (c->pending)
        c->duckdb->destroy_pending(&c->pending);
    if (c->prepared)
        c->duckdb->destroy_prepare(&c->prepared);
}

/* Piece by piece, so that progress can be told in between. */
static enum lh_code run(struct task *t, struct copying *c, const char *sql, const char *dir, int64_t expected,
                        struct lh_err *err) {
    int64_t last_ns = os_monotonic_ns(os_real());
    if (c->duckdb->prepare(t->session->connection, sql, &c->prepared) != DuckDBSuccess)
        return session_fail(err, c->duckdb->prepare_error(c->prepared));
    if (c->duckdb->pending_prepared(c->prepared, &c->pending) != DuckDBSuccess)
        return session_fail(err, c->duckdb->pending_error(c->pending));
    for (;;) {
        duckdb_pending_state state = c->duckdb->pending_execute_task(c->pending);
        if (state == DUCKDB_PENDING_ERROR)
            return session_fail(err, c->duckdb->pending_error(c->pending));
        if (c->duckdb->pending_execution_is_finished(state))
            break;
        if (state == DUCKDB_PENDING_NO_TASKS_AVAILABLE)
            os_sleep_ms(os_real(), 1);
        look(t, dir, expected, &last_ns);
    }
    duckdb_state executed = c->duckdb->execute_pending(c->pending, &c->result);
    c->has_result = true;
    return executed == DuckDBSuccess ? LH_OK : session_fail(err, c->duckdb->result_error(&c->result));
}

/* One row a file: its path, its rows. */
static enum lh_code describe(const struct copying *c, duckdb_result *result, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(json) json_t *files = json_array();
    json_int_t rows = 0;
    idx_t count = c->duckdb->row_count(result);
    for (idx_t i = 0; i < count; i++) {
        char *path = c->duckdb->value_varchar(result, 0, i);
        const char *name = path ? strrchr(path, '/') : NULL;
        int64_t file_rows = c->duckdb->value_int64(result, 1, i);
        if (name && file_rows > 0)
            json_array_append_new(files, json_pack("{s:s, s:I}", "name", name + 1, "rows", (json_int_t)file_rows));
        c->duckdb->free(path);
        if (!name)
            return lh_fail(err, LH_INTERNAL, "DuckDB did not say where it wrote");
        rows += file_rows;
    }
    *ret_answer = json_pack("{s:I, s:O}", "rows", rows, "files", files);
    return LH_OK;
}

enum lh_code task_compact(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    const char *select, *order_by;
    int64_t file_bytes, group_rows, expected, dictionary_rows;
    if (!t->output_dir)
        return lh_fail(err, LH_INTERNAL, "compact needs an output folder");
    LH_TRY(lh_json_get_string(request, "", "select", &select, err));
    LH_TRY(lh_json_get_string_or(request, "", "order_by", NULL, &order_by, err));
    LH_TRY(lh_json_get_int(request, "", "file_bytes", &file_bytes, err));
    LH_TRY(lh_json_get_int(request, "", "row_group_rows", &group_rows, err));
    LH_TRY(lh_json_get_int(request, "", "expected_bytes", &expected, err));
    LH_TRY(lh_json_get_int(request, "", "dictionary_rows", &dictionary_rows, err));
    LH_AUTO(buf) struct buf dir = BUF_INIT;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_printf(&dir, "%s/rows", t->output_dir);
    buf_printf(&sql, "COPY (SELECT * FROM (%s)", select);
    if (order_by)
        buf_printf(&sql, " ORDER BY %s", order_by);
    buf_append_str(&sql, ") TO ");
    buf_append_sql_string(&sql, buf_cstr(&dir));
    buf_printf(
        &sql,
        " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE %lld, FILE_SIZE_BYTES %lld, FILE_EXTENSION 'parquet', "
        "RETURN_STATS true",
        (long long)group_rows, (long long)file_bytes);
    if (dictionary_rows > 0)
        buf_printf(&sql, ", DICTIONARY_SIZE_LIMIT %lld, STRING_DICTIONARY_PAGE_SIZE_LIMIT %d",
                   (long long)dictionary_rows, DICTIONARY_PAGE_BYTES);
    buf_append_char(&sql, ')');
    LH_CLEANUP(copying_release) struct copying copying = {.duckdb = t->session->duckdb};
    LH_TRY(run(t, &copying, buf_cstr(&sql), buf_cstr(&dir), expected, err));
    return describe(&copying, &copying.result, ret_answer, err);
}
