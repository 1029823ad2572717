/* The event journal: what clients add to it, and what it says. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "catalog/catalog.h"
#include "catalog/manifest.h"
#include "gateway/journal_entry.h"
#include "gateway/page.h"
#include "journal/entity_state.h"
#include "journal/journal.h"
#include "lake/catalog_ops.h"
#include "lake/row_state.h"
#include "lakehouse/lakehouse.h"
#include "policy/principal.h"

#include <string.h>

/* ---- writing ---- */

enum lh_code journal_entry(struct request *rq, const char *entity_type, const char *entity_id, const char *action,
                           const json_t *old_value, const json_t *new_value, const char *source, struct lh_err *err) {
    LH_AUTO(buf) struct buf old_text = BUF_INIT;
    LH_AUTO(buf) struct buf new_text = BUF_INIT;
    if (old_value)
        lh_json_write(old_value, LH_JSON_COMPACT, &old_text);
    if (new_value)
        lh_json_write(new_value, LH_JSON_COMPACT, &new_text);
    const char *actor = request_principal(rq)->name;
    const struct journal_event event = {
        .entity_type = entity_type,
        .entity_id = entity_id,
        .action = action,
        .old_value = old_text.data,
        .new_value = new_text.data,
        .actor = actor[0] ? actor : request_principal(rq)->id,
        .source = source,
    };
    if (journal_append(request_lakehouse(rq)->journal, &event, 1, 0, NULL, err) == LH_OK)
        return LH_OK;
    lh_ignore(
        lh_err_context(err, "%s of %s %s is done, but its event could not be written", action, entity_type, entity_id));
    return lh_err_hint(err, "do not repeat it; mend the server's disk, then tell the journal by POST /journal/event");
}

static const char *json_text(struct arena *arena, const json_t *value) {
    if (!value || json_is_null(value))
        return NULL;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(value, LH_JSON_COMPACT, &text);
    return arena_strndup(arena, text.data, text.len);
}

static enum lh_code event_of_body(struct request *rq, const json_t *body, const char *where,
                                  struct journal_event *ret_event, struct lh_err *err) {
    struct journal_event event = {0};
    const char *actor = request_principal(rq)->name;
    LH_TRY(lh_json_get_string(body, where, "entity_type", &event.entity_type, err));
    LH_TRY(lh_json_get_string(body, where, "entity_id", &event.entity_id, err));
    LH_TRY(lh_json_get_string_or(body, where, "field", NULL, &event.field, err));
    LH_TRY(lh_json_get_string_or(body, where, "action", "update", &event.action, err));
    LH_TRY(
        lh_json_get_string_or(body, where, "actor", actor[0] ? actor : request_principal(rq)->id, &event.actor, err));
    LH_TRY(lh_json_get_string_or(body, where, "source", "api", &event.source, err));
    LH_TRY(lh_json_get_string_or(body, where, "workspace_id", NULL, &event.workspace_id, err));
    event.old_value = json_text(request_arena(rq), json_object_get(body, "old_value"));
    event.new_value = json_text(request_arena(rq), json_object_get(body, "new_value"));
    *ret_event = event;
    return LH_OK;
}

static enum lh_code append(struct request *rq, const struct journal_event *events, size_t count, struct lh_err *err) {
    char(*ids)[LH_ULID_SIZE] = arena_alloc(request_arena(rq), (count + 1) * sizeof *ids);
    LH_TRY(journal_append(request_lakehouse(rq)->journal, events, count, 0, ids, err));
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, json_string(ids[i]));
    LH_AUTO(json) json_t *answer = json_pack("{s:I, s:o}", "count", (json_int_t)count, "ids", items);
    return response_json(rq, 201, answer, err);
}

enum lh_code handle_journal_event(struct request *rq, struct lh_err *err) {
    static const char *const fields[] = {"entity_type", "entity_id", "field",  "action",       "old_value",
                                         "new_value",   "actor",     "source", "workspace_id", NULL};
    static const char *const many_fields[] = {"events", NULL};
    json_t *body, *items;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_get_array_or_null(body, "", "events", &items, err));
    LH_TRY(lh_json_only_keys(body, "", items ? many_fields : fields, err));
    size_t count = items ? json_array_size(items) : 1;
    if (count < 1 || count > JOURNAL_APPEND_MAX)
        return lh_fail(err, LH_INVALID, "events must hold 1 to %zu events, not %zu", JOURNAL_APPEND_MAX, count);
    struct journal_event *events = arena_alloc(request_arena(rq), count * sizeof *events);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = items ? json_array_get(items, i) : body;
        const char *where = items ? arena_printf(request_arena(rq), "events[%zu]", i) : "";
        LH_TRY(lh_json_only_keys(item, where, fields, err));
        LH_TRY(event_of_body(rq, item, where, &events[i], err));
    }
    return append(rq, events, count, err);
}

enum lh_code handle_journal_update(struct request *rq, struct lh_err *err) {
    static const char *const fields[] = {"entity_type", "entity_id", "field",        "old_value",
                                         "new_value",   "source",    "workspace_id", NULL};
    json_t *body;
    const char *field;
    struct journal_event event;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", fields, err));
    LH_TRY(lh_json_get_string(body, "", "field", &field, err));
    LH_TRY(event_of_body(rq, body, "", &event, err));
    if (field[0] == '\0')
        return lh_fail(err, LH_INVALID, "field must name what changed");
    return append(rq, &event, 1, err);
}

enum lh_code handle_journal_flush(struct request *rq, struct lh_err *err) {
    struct journal_flushed flushed;
    struct journal_compacted compacted;
    LH_TRY(journal_flush(request_lakehouse(rq)->journal, &flushed, err));
    LH_TRY(journal_compact(request_lakehouse(rq)->journal, &compacted, err));
    LH_AUTO(json) json_t *answer = json_pack("{s:I, s:I, s:I}", "segments", (json_int_t)flushed.files, "events",
                                             (json_int_t)flushed.events, "merged_files", (json_int_t)compacted.merged);
    return response_json(rq, 200, answer, err);
}

/* ---- reading ---- */

static json_t *event_json(const struct journal_event *e) {
    char time[LH_TIME_SIZE];
    lh_time_format(e->ts_us, time);
    return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s, s:o, s:o, s:s, s:s, s:s?}", "id", e->id, "ts", time,
                     "entity_type", e->entity_type, "entity_id", e->entity_id, "field", e->field, "action", e->action,
                     "old_value", event_value(e->old_value), "new_value", event_value(e->new_value), "actor", e->actor,
                     "source", e->source, "workspace_id", e->workspace_id);
}

static json_t *events_json(const struct journal_event *events, size_t count) {
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, event_json(&events[i]));
    return items;
}

static enum lh_code parse_as_of(struct request *rq, int64_t *ret_us, struct lh_err *err) {
    const char *text = request_query_param(rq, "as_of");
    *ret_us = INT64_MAX;
    if (!text || lh_time_parse(text, strlen(text), ret_us))
        return LH_OK;
    lh_fail(err, LH_INVALID, "as_of is not a time: \"%.64s\"", text);
    return lh_err_hint(err, "use RFC 3339, such as 2026-11-21T01:25:47Z");
}

static struct catalog_ops ops_of(const struct lakehouse *lh) {
    return (struct catalog_ops){.catalog = lh->catalog, .buckets = lh->buckets, .engine = lh->engine};
}

/* The row of `dataset` that the request names, as the catalog and the journal write it.  LH_NOT_FOUND where there never was such a
 * dataset, LH_INVALID where the id is no key of it: then the query names what was asked for, which may have events still. */
static enum lh_code find_row(struct request *rq, const char *dataset, struct journal_query *query, struct lh_err *err) {
    const struct lakehouse *lh = request_lakehouse(rq);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(lh->catalog);
    const struct manifest *m = catalog_snapshot_find(s, dataset);
    const struct catalog_ops ops = ops_of(lh);
    struct catalog_version *versions;
    size_t count;
    query->entity_type = arena_strdup(request_arena(rq), m ? m->name : dataset);
    if (!m)
        return catalog_history(lh->catalog, dataset, UINT64_MAX, 1, request_arena(rq), &versions, &count, err);
    if (m->primary_key_count == 0)
        return LH_OK;
    return row_entity_id(&ops, m, query->entity_id, request_cancel_fd(rq), request_arena(rq), &query->entity_id, err);
}

/* Does the journal know the entity, at any time? */
static bool has_events(struct request *rq, const struct journal_query *query) {
    struct journal_query any = *query;
    struct journal_event *events;
    size_t count;
    bool more;
    struct lh_err ignored = LH_ERR_INIT;
    any.as_of_us = INT64_MAX;
    any.limit = 1;
    return journal_history(request_lakehouse(rq)->journal, &any, request_arena(rq), &events, &count, &more, &ignored) ==
               LH_OK &&
           count > 0;
}

/* Of whom: `entity_type`, or `dataset` for a row of it.  No type: any. */
static enum lh_code parse_entity(struct request *rq, struct journal_query *query, struct lh_err *err) {
    const char *dataset = request_query_param(rq, "dataset");
    struct lh_err refusal = LH_ERR_INIT;
    query->entity_id = request_path_param(rq, "entity_id");
    query->entity_type = request_query_param(rq, "entity_type");
    if (query->entity_type && dataset)
        return lh_fail(err, LH_INVALID, "give dataset (of a row) or entity_type, not both");
    if (!dataset || find_row(rq, dataset, query, &refusal) == LH_OK)
        return LH_OK;
    if ((refusal.code == LH_NOT_FOUND || refusal.code == LH_INVALID) && has_events(rq, query))
        return LH_OK;
    *err = refusal;
    return refusal.code;
}

static json_t *types_of(const struct journal_event *events, size_t count) {
    json_t *seen = json_object();
    json_t *types = json_array();
    const char *type;
    json_t *unused;
    for (size_t i = 0; i < count; i++)
        json_object_set_new(seen, events[i].entity_type, json_true());
    json_object_foreach(seen, type, unused) json_array_append_new(types, json_string(type));
    json_decref(seen);
    return types;
}

/* A state that is not known whole: what events after the moment say was there before them.  Of the `count` until then `outdated`
 * say nothing of it. */
static enum lh_code add_later(struct request *rq, const struct journal_query *query, const char *type, size_t count,
                              size_t outdated, json_t **state, struct lh_err *err) {
    struct journal_query all = *query;
    struct journal_event *every;
    size_t every_count, at = 0;
    bool more;
    bool ended = count > outdated && json_is_null(*state);
    if (query->as_of_us == INT64_MAX || ended)
        return LH_OK;
    all.as_of_us = INT64_MAX;
    all.entity_type = type;
    if (journal_history(request_lakehouse(rq)->journal, &all, request_arena(rq), &every, &every_count, &more, err) !=
        LH_OK) {
        json_decref(*state);
        return err->code;
    }
    while (at < every_count && every[at].ts_us <= query->as_of_us)
        at++;
    if (at == count && !more) /* else some that stand between are not among these */
        *state = entity_state_before(*state, every + at, every_count - at);
    return LH_OK;
}

/* What the entity was at that moment.  A row is read from its dataset as it was then, where that can be read still; anything else
 * is made of its events. */
static enum lh_code add_state(struct request *rq, const struct journal_query *query, const struct journal_event *events,
                              size_t count, bool more, json_t *answer, struct lh_err *err) {
    const struct lakehouse *lh = request_lakehouse(rq);
    json_t *types = types_of(events, count), *row = NULL;
    json_object_set_new(answer, "entity_types", types);
    const char *type = query->entity_type            ? query->entity_type
                       : json_array_size(types) == 1 ? json_string_value(json_array_get(types, 0))
                                                     : NULL;
    if (json_array_size(types) > 1) { /* several things of one name have no state in common */
        json_object_set_new(answer, "state", json_null());
        json_object_set_new(answer, "state_complete", json_false());
        json_object_set_new(answer, "hint",
                            json_string("several entities have this id: choose one by ?dataset= or ?entity_type="));
        return LH_OK;
    }
    const struct row_state_query wanted = {.dataset = type,
                                           .entity_id = query->entity_id,
                                           .as_of_us = query->as_of_us,
                                           .cancel_fd = request_cancel_fd(rq)};
    const struct catalog_ops ops = ops_of(lh);
    struct row_lost lost = {.lost = false};
    if (type)
        LH_TRY(row_state_read(&ops, &wanted, &row, &lost, err));
    bool complete = row || row_events_complete(events, count, more, &lost);
    size_t outdated = row_events_outdated(events, count, &lost);
    if (!row)
        row = entity_state(events + outdated, count - outdated);
    if (lost.lost && !complete)
        LH_TRY(add_later(rq, query, type, count, outdated, &row, err));
    json_object_set_new(answer, "state", row);
    json_object_set_new(answer, "state_complete", json_boolean(complete));
    return LH_OK;
}

enum lh_code handle_journal_history(struct request *rq, struct lh_err *err) {
    struct journal_query query = {.limit = JOURNAL_READ_MAX};
    struct journal_event *events;
    size_t count;
    uint64_t limit;
    bool more;
    LH_TRY(request_query_uint(rq, "limit", 1, JOURNAL_READ_MAX, 1000, &limit, err));
    LH_TRY(parse_as_of(rq, &query.as_of_us, err));
    LH_TRY(parse_entity(rq, &query, err));
    LH_TRY(journal_history(request_lakehouse(rq)->journal, &query, request_arena(rq), &events, &count, &more, err));
    size_t skip = count > limit ? count - (size_t)limit : 0;
    LH_AUTO(json) json_t *answer = json_pack("{s:s, s:o, s:b}", "entity_id", query.entity_id, "items",
                                             events_json(events + skip, count - skip), "truncated", more || skip > 0);
    LH_TRY(add_state(rq, &query, events, count, more, answer, err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_journal_recent(struct request *rq, struct lh_err *err) {
    struct journal_event *events;
    size_t count;
    uint64_t limit;
    LH_TRY(request_query_uint(rq, "limit", 1, JOURNAL_READ_MAX, 100, &limit, err));
    LH_TRY(journal_recent(request_lakehouse(rq)->journal, (size_t)limit, request_arena(rq), &events, &count, err));
    return page_respond(rq, events_json(events, count), NULL, err);
}

static void set_time(json_t *json, const char *key, int64_t us) {
    char time[LH_TIME_SIZE];
    if (us == 0)
        return;
    lh_time_format(us, time);
    json_object_set_new(json, key, json_string(time));
}

enum lh_code handle_journal_stats(struct request *rq, struct lh_err *err) {
    const struct lakehouse *lh = request_lakehouse(rq);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(lh->catalog);
    struct journal_stats stats;
    LH_TRY(journal_get_stats(lh->journal, &stats, err));
    LH_AUTO(json) json_t *answer =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "events", (json_int_t)stats.events, "pending",
                  (json_int_t)stats.pending, "files", (json_int_t)stats.files, "bytes", (json_int_t)stats.bytes,
                  "unindexed_files", (json_int_t)stats.unindexed, "covered_version", (json_int_t)stats.covered,
                  "catalog_version", (json_int_t)catalog_snapshot_version(s));
    set_time(answer, "oldest", stats.oldest_us);
    set_time(answer, "newest", stats.newest_us);
    return response_json(rq, 200, answer, err);
}
