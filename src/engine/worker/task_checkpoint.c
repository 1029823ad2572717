/* The tasks `checkpoint_write` and `checkpoint_read`: the catalog's rows between NDJSON and Parquet.
 *
 *     checkpoint_write   {"max_row_bytes": the longest line}; untrusted_input: the rows; leaves output_dir/checkpoint.parquet; answers {"rows": n}
 *     checkpoint_read    untrusted_input: a Parquet file; leaves output_dir/rows.ndjson; answers {"rows": n}
 *
 * What the rows mean is not known here (docs/formats/commit-log.md tells); their order is kept both ways. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/tasks.h"

/* DuckDB's reader takes twice this much for each thread at once. */
#define SMALLEST_OBJECT_SIZE (INT64_C(1) << 20)

static enum lh_code copy_rows(struct task *t, const char *source, const char *name, const char *format,
                              json_t **ret_answer, struct lh_err *err) {
    if (!t->untrusted_input || !t->output_dir)
        return lh_fail(err, LH_INTERNAL, "a checkpoint task needs an input and an output folder");
    LH_AUTO(buf) struct buf path = BUF_INIT;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_printf(&path, "%s/%s", t->output_dir, name);
    buf_printf(&sql, "COPY (%s) TO ", source);
    buf_append_sql_string(&sql, buf_cstr(&path));
    buf_printf(&sql, " (%s)", format);
    int64_t rows;
    LH_TRY(session_query_int64(t->session, buf_cstr(&sql), &rows, err));
    json_t *answer = json_object();
    json_object_set_new(answer, "rows", json_integer(rows));
    *ret_answer = answer;
    return LH_OK;
}

enum lh_code task_checkpoint_write(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    int64_t longest;
    LH_TRY(lh_json_get_int(request, "", "max_row_bytes", &longest, err));
    LH_AUTO(buf) struct buf source = BUF_INIT;
    buf_append_str(&source, "SELECT * FROM read_json(");
    buf_append_sql_string(&source, t->untrusted_input ? t->untrusted_input : "");
    buf_printf(&source,
               ", format = 'newline_delimited', maximum_object_size = %lld, columns = {kind: 'VARCHAR', id: 'VARCHAR', "
               "name: 'VARCHAR', version: 'BIGINT', row_count: 'BIGINT', size_bytes: 'BIGINT', body: 'VARCHAR'})",
               (long long)(longest > SMALLEST_OBJECT_SIZE ? longest : SMALLEST_OBJECT_SIZE));
    return copy_rows(t, buf_cstr(&source), "checkpoint.parquet", "FORMAT parquet, COMPRESSION zstd", ret_answer, err);
}

enum lh_code task_checkpoint_read(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    (void)request;
    LH_AUTO(buf) struct buf source = BUF_INIT;
    buf_append_str(&source, "SELECT kind, body FROM read_parquet(");
    buf_append_sql_string(&source, t->untrusted_input ? t->untrusted_input : "");
    buf_append_str(&source, ", file_row_number = true, hive_partitioning = false) ORDER BY file_row_number");
    return copy_rows(t, buf_cstr(&source), "rows.ndjson", "FORMAT json", ret_answer, err);
}
