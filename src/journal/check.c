/* Looking at every event file: for `lakehouse check`. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/engine.h"
#include "journal/journal_internal.h"
#include "store/object_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define QUERY_TIMEOUT_MS (INT64_C(3600) * 1000)
#define ANSWER_MAX_BYTES ((size_t)16 << 20)

/* The rows of a file: by its footer, or by reading every byte. */
static enum lh_code count_rows(struct journal *j, const char *path, bool deep, uint64_t *ret_rows, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    buf_append_str(&sql,
                   deep ? "SELECT count(*), max(hash(e)) FROM read_parquet(" : "SELECT count(*) FROM read_parquet(");
    buf_append_sql_path(&sql, path);
    buf_append_str(&sql, ", hive_partitioning = false) e");
    const struct engine_query query = {
        .sql = buf_cstr(&sql), .format = ENGINE_JSON, .row_limit = 1, .timeout_ms = QUERY_TIMEOUT_MS, .cancel_fd = -1};
    LH_TRY(engine_query_start(j->options.engine, &query, &result, err));
    LH_TRY(engine_result_read_all(result, "the count of events", ANSWER_MAX_BYTES, &text, err));
    LH_TRY(lh_json_parse(buf_cstr(&text), text.len, NULL, &answer, err));
    const json_t *row = json_array_get(json_object_get(answer, "rows"), 0);
    *ret_rows = (uint64_t)json_integer_value(json_array_get(row, 0));
    return LH_OK;
}

static void check_file(struct journal *j, const struct event_file *file, const struct journal_check *check) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct lh_err err = LH_ERR_INIT;
    char key[96], text[160];
    const char *path;
    uint64_t rows = 0;
    event_file_key(file, key);
    if (object_local_path(j->options.store, key, arena, &path, &err) != LH_OK ||
        count_rows(j, path, check->deep, &rows, &err) != LH_OK) {
        check->finding(check->ctx, true, key, err.message);
        return;
    }
    if (!file->indexed) {
        check->finding(check->ctx, false, key, "its index is missing or damaged: it is searched for every history");
    } else if (rows != file->index.events) {
        snprintf(text, sizeof text, "the file has %" PRIu64 " events, its index says %" PRIu64, rows,
                 file->index.events);
        check->finding(check->ctx, true, key, text);
    }
}

enum lh_code journal_check(struct journal *j, const struct journal_check *check, uint64_t *ret_files,
                           struct lh_err *err) {
    LH_TRY(journal_refresh_files(j, err));
    LH_AUTO(event_files) struct event_files *files = journal_files(j);
    for (size_t i = 0; i < files->count; i++)
        check_file(j, files->items[i], check);
    *ret_files = files->count;
    return LH_OK;
}
