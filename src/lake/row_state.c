#include "lake/row_state.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "lake/catalog_ops.h"
#include "lake/read_plan.h"

#include <string.h>

#define QUERY_TIMEOUT_MS 30000

bool row_events_complete(const struct journal_event *events, size_t count, bool more) {
    if (more)
        return false;
    bool whole =
        count == 0 || strcmp(events[0].source, "catalog") != 0 || strcmp(events[0].entity_type, "dataset") == 0;
    for (size_t i = 0; i < count && !whole; i++) {
        if (events[i].field)
            return false;
        whole = true;
    }
    return whole;
}

/* The texts of the key's columns, as row_text_append_key wrote them.  A new reference to an array; NULL where it is none. */
static json_t *key_texts(const struct manifest *m, const char *entity_id) {
    bool quoted = entity_id[0] == '"';
    json_t *value = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    if (strncmp(entity_id, "sha256:", 7) == 0)
        return NULL;
    if (m->primary_key_count == 1 && !quoted)
        return json_pack("[s]", entity_id);
    if (lh_json_parse(entity_id, strlen(entity_id), NULL, &value, &ignored) != LH_OK)
        return NULL;
    if (json_is_string(value) && m->primary_key_count == 1)
        return json_pack("[o]", value);
    if (json_is_array(value) && json_array_size(value) == m->primary_key_count)
        return value;
    json_decref(value);
    return NULL;
}

bool row_key_condition(const struct manifest *m, const char *entity_id, struct buf *ret_condition) {
    LH_AUTO(json) json_t *texts = m->primary_key_count > 0 ? key_texts(m, entity_id) : NULL;
    for (size_t i = 0; texts && i < m->primary_key_count; i++) {
        const struct manifest_column *column = manifest_find_column(m, m->primary_key[i]);
        const char *text = json_string_value(json_array_get(texts, i));
        if (!column || !text)
            return false;
        buf_append_str(ret_condition, i > 0 ? " AND " : "");
        buf_append_sql_ident(ret_condition, column->name);
        buf_append_str(ret_condition, " = TRY_CAST(");
        buf_append_sql_string(ret_condition, text);
        buf_printf(ret_condition, " AS %s)", column->type);
    }
    return texts != NULL;
}

static enum lh_code snapshot_then(struct catalog *c, int64_t as_of_us, struct catalog_snapshot **ret_snapshot) {
    struct lh_err ignored = LH_ERR_INIT;
    if (as_of_us != INT64_MAX)
        return catalog_snapshot_at_time(c, as_of_us, ret_snapshot, &ignored);
    *ret_snapshot = catalog_snapshot(c);
    return LH_OK;
}

static enum lh_code read_row(const struct catalog_ops *ops, const char *sql, int cancel_fd, json_t **ret_row,
                             struct lh_err *err) {
    const struct engine_query query = {
        .sql = sql, .format = ENGINE_NDJSON, .row_limit = 1, .timeout_ms = QUERY_TIMEOUT_MS, .cancel_fd = cancel_fd};
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    const void *data;
    size_t len;
    LH_TRY(engine_query_start(ops->engine, &query, &result, err));
    do {
        LH_TRY(engine_result_read(result, &data, &len, err));
        buf_append(&text, data, len);
    } while (len > 0);
    if (text.len == 0) {
        *ret_row = json_null();
        return LH_OK;
    }
    const char *end = memchr(text.data, '\n', text.len);
    return lh_json_parse(text.data, end ? (size_t)(end - text.data) : text.len, NULL, ret_row, err);
}

enum lh_code row_state_read(const struct catalog_ops *ops, const struct row_state_query *query, json_t **ret_row,
                            struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    struct lh_err failure = LH_ERR_INIT;
    const char *plan;
    *ret_row = NULL;
    if (snapshot_then(ops->catalog, query->as_of_us, &s) != LH_OK)
        return LH_OK;
    const struct manifest *m = catalog_snapshot_find(s, query->dataset);
    if (!m || lake_read_plan(ops->buckets, m, arena, &plan, &failure) != LH_OK)
        return LH_OK;
    buf_printf(&sql, "SELECT * FROM (%s) WHERE ", plan);
    if (!row_key_condition(m, query->entity_id, &sql))
        return LH_OK;
    enum lh_code code = read_row(ops, buf_cstr(&sql), query->cancel_fd, ret_row, &failure);
    if (code == LH_BUSY || code == LH_TIMEOUT || code == LH_CANCELLED) {
        *err = failure;
        return code;
    }
    return LH_OK; /* a version that vacuum took has its history still */
}
