#include "lake/row_state.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "engine/row_name.h"
#include "lake/catalog_ops.h"
#include "lake/read_plan.h"
#include "lake/row_keys.h"

#include <string.h>

#define QUERY_TIMEOUT_MS 30000
#define ANSWER_MAX_BYTES ((size_t)16 << 20)

/* Of a row, by the catalog: it is this, or it is gone. */
static bool tells_whole_row(const struct journal_event *event) {
    return !event->field && strcmp(event->source, "catalog") == 0 && strcmp(event->entity_type, "dataset") != 0;
}

size_t row_events_outdated(const struct journal_event *events, size_t count, const struct row_lost *lost) {
    size_t outdated = 0;
    while (lost->lost && outdated < count && events[outdated].ts_us <= lost->untold_us)
        outdated++;
    return outdated;
}

bool row_events_complete(const struct journal_event *events, size_t count, bool more, const struct row_lost *lost) {
    for (size_t i = row_events_outdated(events, count, lost); lost->lost && i < count; i++)
        if (tells_whole_row(&events[i]))
            return true;
    if (more || lost->lost)
        return false;
    bool made_of_events = count == 0 || strcmp(events[0].source, "catalog") != 0;
    return made_of_events || strcmp(events[0].entity_type, "dataset") == 0 || !events[0].field;
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
    return row_key_texts_condition(m, texts, ret_condition);
}

bool row_key_texts_condition(const struct manifest *m, const json_t *texts, struct buf *ret_condition) {
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
    struct lh_err failure = LH_ERR_INIT;
    if (as_of_us != INT64_MAX)
        return catalog_snapshot_at_time(c, as_of_us, ret_snapshot, &failure);
    *ret_snapshot = catalog_snapshot(c);
    return LH_OK;
}

static enum lh_code read_row(const struct catalog_ops *ops, const char *sql, int cancel_fd, json_t **ret_row,
                             struct lh_err *err) {
    const struct engine_query query = {
        .sql = sql, .format = ENGINE_NDJSON, .row_limit = 1, .timeout_ms = QUERY_TIMEOUT_MS, .cancel_fd = cancel_fd};
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(engine_query_start(ops->engine, &query, &result, err));
    LH_TRY(engine_result_read_all(result, "the row", ANSWER_MAX_BYTES, &text, err));
    if (text.len == 0) {
        *ret_row = json_null();
        return LH_OK;
    }
    const char *end = memchr(text.data, '\n', text.len);
    return lh_json_parse(text.data, end ? (size_t)(end - text.data) : text.len, NULL, ret_row, err);
}

enum lh_code row_state_read(const struct catalog_ops *ops, const struct row_state_query *query, json_t **ret_row,
                            struct row_lost *ret_lost, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    struct lh_err failure = LH_ERR_INIT;
    const char *plan;
    *ret_row = NULL;
    enum lh_code found = snapshot_then(ops->catalog, query->as_of_us, &s);
    const struct manifest *m = found == LH_OK ? catalog_snapshot_find(s, query->dataset) : NULL;
    *ret_lost = (struct row_lost){.lost = m || (found != LH_OK && found != LH_NOT_FOUND),
                                  .untold_us = m && m->untold_us != 0 ? m->untold_us : INT64_MAX};
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
    ret_lost->lost = !*ret_row;
    return LH_OK; /* a version that vacuum took has its history still */
}

/* ---- names ---- */

static enum lh_code refuse_key(const struct manifest *m, const char *text, struct lh_err *err) {
    LH_AUTO(buf) struct buf key = BUF_INIT;
    for (size_t i = 0; i < m->primary_key_count; i++) {
        const struct manifest_column *column = manifest_find_column(m, m->primary_key[i]);
        buf_printf(&key, "%s\"%s\" %s", i > 0 ? ", " : "", m->primary_key[i], column ? column->type : "");
    }
    *err = (struct lh_err)LH_ERR_INIT;
    lh_ignore(
        lh_fail(err, LH_INVALID, "\"%.100s\" is no key of \"%s\", whose key is %s", text, m->name, buf_cstr(&key)));
    return m->primary_key_count == 1 ? LH_INVALID
                                     : lh_err_hint(err, "give a JSON array of the key's values, in this order");
}

/* [key], as row_keys_parse takes it; NULL where `text` is none. */
static json_t *key_of_text(const struct manifest *m, const char *text) {
    bool several = m->primary_key_count > 1;
    json_t *value = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    if ((several || text[0] == '"') && lh_json_parse(text, strlen(text), NULL, &value, &ignored) != LH_OK)
        value = NULL;
    if (several ? json_is_array(value) || json_is_object(value) : json_is_string(value))
        return json_pack("[o]", value);
    json_decref(value);
    return several ? NULL : json_pack("[s]", text);
}

static void write_name(const struct manifest *m, const json_t *texts, struct buf *sql) {
    size_t count = m->primary_key_count;
    buf_append_str(sql, "SELECT " ROW_NAME_SQL("t") " AS id FROM (SELECT ");
    buf_append_str(sql, count > 1 ? "CAST(to_json([" : "");
    for (size_t i = 0; i < count; i++)
        buf_printf(sql, "%sk%zu", i > 0 ? ", " : "", i);
    buf_append_str(sql, count > 1 ? "]) AS VARCHAR)" : "");
    buf_append_str(sql, " AS t FROM (SELECT ");
    for (size_t i = 0; i < count; i++) {
        buf_append_str(sql, i > 0 ? ", CAST(TRY_CAST(" : "CAST(TRY_CAST(");
        buf_append_sql_string(sql, json_string_value(json_array_get(texts, i)));
        buf_printf(sql, " AS %s) AS VARCHAR) AS k%zu", manifest_find_column(m, m->primary_key[i])->type, i);
    }
    buf_append_str(sql, ") WHERE ");
    for (size_t i = 0; i < count; i++)
        buf_printf(sql, "%sk%zu IS NOT NULL", i > 0 ? " AND " : "", i);
    buf_append_char(sql, ')');
}

enum lh_code row_entity_id(const struct catalog_ops *ops, const struct manifest *m, const char *text, int cancel_fd,
                           struct arena *arena, const char **ret_id, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(json) json_t *texts = NULL, *row = NULL;
    if (strncmp(text, "sha256:", 7) == 0 || (m->primary_key_count > 1 && text[0] == '"')) {
        *ret_id = arena_strdup(arena, text); /* a name already, and no key */
        return LH_OK;
    }
    LH_AUTO(json) json_t *key = key_of_text(m, text);
    if (!key || row_keys_parse(m, key, &texts, err) != LH_OK)
        return refuse_key(m, text, err);
    write_name(m, json_array_get(texts, 0), &sql);
    LH_TRY(read_row(ops, buf_cstr(&sql), cancel_fd, &row, err));
    const char *id = json_string_value(json_object_get(row, "id"));
    if (!id)
        return refuse_key(m, text, err);
    *ret_id = arena_strdup(arena, id);
    return LH_OK;
}
