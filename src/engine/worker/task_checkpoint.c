/* The tasks `checkpoint_write` and `checkpoint_read`: the catalog's rows between text and Parquet.
 *
 *     checkpoint_write   {"max_row_bytes": the longest line}; untrusted_input: the rows, each line a kind, a space and a body of
 *                        JSON; leaves output_dir/checkpoint.parquet; answers {"rows": n}
 *     checkpoint_read    untrusted_input: a Parquet file; leaves output_dir/rows.txt, the rows again; answers {"rows": n}
 *
 * What the rows mean is not known here (docs/formats/commit-log.md tells); their order is kept both ways. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/tasks.h"

#define SMALLEST_LINE_LIMIT (INT64_C(2) << 20)

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
    buf_append_str(
        &source,
        "SELECT kind, body->>'$.id' AS id, body->>'$.name' AS name, (body->>'$.version')::BIGINT AS version, "
        "(body->>'$.row_count')::BIGINT AS row_count, (body->>'$.size_bytes')::BIGINT AS size_bytes, body FROM "
        "(SELECT split_part(line, ' ', 1) AS kind, substr(line, strpos(line, ' ') + 1) AS body FROM read_csv(");
    buf_append_sql_string(&source, t->untrusted_input ? t->untrusted_input : "");
    longest = longest > SMALLEST_LINE_LIMIT ? longest : SMALLEST_LINE_LIMIT;
    buf_printf(
        &source,
        ", columns = {line: 'VARCHAR'}, auto_detect = false, header = false, delim = '\x01', quote = '', escape = "
        "'', max_line_size = %lld, buffer_size = %lld))",
        (long long)longest, (long long)longest * 2);
    return copy_rows(t, buf_cstr(&source), "checkpoint.parquet", "FORMAT parquet, COMPRESSION zstd", ret_answer, err);
}

enum lh_code task_checkpoint_read(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    (void)request;
    LH_AUTO(buf) struct buf source = BUF_INIT;
    buf_append_str(&source, "SELECT kind || ' ' || body AS line FROM read_parquet(");
    buf_append_sql_string(&source, t->untrusted_input ? t->untrusted_input : "");
    buf_append_str(&source, ", file_row_number = true, hive_partitioning = false) ORDER BY file_row_number");
    return copy_rows(t, buf_cstr(&source), "rows.txt",
                     "FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x01'", ret_answer, err);
}
