/* Reading: what waits in memory, and of the files those that may hold the answer, by one statement on the engine.
 *
 * Other servers merge files under us: where a statement fails and the bucket has other files by now, it is made again. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/bloom.h"
#include "base/cleanup.h"
#include "engine/engine.h"
#include "journal/event_json.h"
#include "journal/journal_internal.h"
#include "os/fault.h"
#include "store/object_store.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define QUERY_TIMEOUT_MS 60000
#define ANSWER_MAX_BYTES ((size_t)1 << 30)
#define ROUNDS 3
#define UNSORTED_MAX 4096

#define COLUMNS \
    "id, epoch_us(ts), entity_type, entity_id, field, action, old_value, new_value, actor, source, workspace_id"

/* What one read sees and gathers. */
struct view {
    struct journal *journal;
    struct arena *arena;
    const char *entity_id;   /* NULL: any */
    const char *entity_type; /* NULL: any */
    int64_t as_of_us;
    size_t limit;

    struct event_files *files;
    struct event_file **chosen; /* borrowed from `files` */
    size_t chosen_count;
    struct journal_event *events;
    size_t count, room;
};

static void view_release(struct view *v) {
    event_files_unref(v->files);
    lh_free(v->chosen);
    lh_free(v->events);
}

static void add_event(struct view *v, const struct journal_event *event) {
    if (v->count == v->room) {
        v->room = v->room ? v->room * 2 : 64;
        v->events = lh_realloc(v->events, v->room * sizeof *v->events);
    }
    v->events[v->count++] = *event;
}

/* ---- what waits ---- */

static bool pending_matches(const struct view *v, const struct pending_event *item, uint64_t hash) {
    return item->ts_us <= v->as_of_us && (!v->entity_id || item->hash == hash);
}

static bool is_wanted(const struct view *v, const struct journal_event *event) {
    return (!v->entity_id || strcmp(event->entity_id, v->entity_id) == 0) &&
           (!v->entity_type || strcmp(event->entity_type, v->entity_type) == 0);
}

/* The lines are copied under the lock and read outside of it: reading is slow, appenders wait for the lock. */
static enum lh_code read_pending(struct view *v, struct lh_err *err) {
    uint64_t hash = v->entity_id ? bloom_hash(v->entity_id, strlen(v->entity_id)) : 0;
    LH_AUTO(buf) struct buf lines = BUF_INIT;
    pthread_mutex_lock(&v->journal->lock);
    const struct pending *p = &v->journal->pending;
    v->files = event_files_ref(v->journal->files);
    size_t taken = 0;
    for (size_t i = p->count; i-- > 0 && (v->entity_id || taken < v->limit + JOURNAL_APPEND_MAX);) {
        if (!pending_matches(v, &p->items[i], hash))
            continue;
        buf_append(&lines, p->items[i].line, p->items[i].len);
        buf_append_char(&lines, '\n');
        taken++;
    }
    pthread_mutex_unlock(&v->journal->lock);
    const char *line = buf_cstr(&lines);
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        struct journal_event event;
        LH_TRY(event_read(line, (size_t)(end - line), v->arena, &event, err));
        if (is_wanted(v, &event))
            add_event(v, &event);
    }
    return LH_OK;
}

/* ---- which files ---- */

static void choose(struct view *v, struct event_file *file) {
    v->chosen[v->chosen_count++] = file;
}

static void choose_by_entity(struct view *v) {
    uint64_t hash = bloom_hash(v->entity_id, strlen(v->entity_id));
    for (size_t i = 0; i < v->files->count; i++) {
        struct event_file *file = v->files->items[i];
        const struct event_index *index = &file->index;
        if (!file->indexed || (index->min_us <= v->as_of_us && bloom_may_hold(index->bloom, index->bloom_bytes, hash)))
            choose(v, file);
    }
}

static int newest_first(const void *a, const void *b) {
    const struct event_file *x = *(struct event_file *const *)a;
    const struct event_file *y = *(struct event_file *const *)b;
    if (x->indexed != y->indexed)
        return x->indexed ? 1 : -1;
    return (x->index.max_us < y->index.max_us) - (x->index.max_us > y->index.max_us);
}

/* The newest files until they hold enough, and all that reach into their time. */
static void choose_newest(struct view *v) {
    size_t count = v->files->count;
    LH_AUTO(mem) struct event_file **sorted = lh_calloc(count + 1, sizeof(struct event_file *));
    uint64_t held = 0;
    int64_t from_us = INT64_MAX;
    if (count > 0)
        memcpy(sorted, v->files->items, count * sizeof *sorted);
    if (count > 1)
        qsort(sorted, count, sizeof *sorted, newest_first);
    for (size_t i = 0; i < count; i++) {
        const struct event_index *index = &sorted[i]->index;
        if (held > v->limit && sorted[i]->indexed && index->max_us < from_us)
            continue;
        choose(v, sorted[i]);
        held += index->events;
        if (sorted[i]->indexed && index->min_us < from_us)
            from_us = index->min_us;
    }
}

/* ---- what the files say ---- */

static enum lh_code write_statement(struct view *v, size_t newest, struct buf *sql, struct lh_err *err) {
    buf_append_str(sql, "SELECT " COLUMNS " FROM read_parquet([");
    for (size_t i = 0; i < v->chosen_count; i++) {
        char key[96];
        const char *path;
        event_file_key(v->chosen[i], key);
        LH_TRY(object_local_path(v->journal->options.store, key, v->arena, &path, err));
        if (i > 0)
            buf_append_str(sql, ", ");
        buf_append_sql_path(sql, path);
    }
    buf_append_str(sql, "], hive_partitioning = false) WHERE true");
    if (v->entity_id) {
        buf_append_str(sql, " AND entity_id = ");
        buf_append_sql_string(sql, v->entity_id);
    }
    if (v->entity_type) {
        buf_append_str(sql, " AND entity_type = ");
        buf_append_sql_string(sql, v->entity_type);
    }
    if (v->as_of_us != INT64_MAX)
        buf_printf(sql, " AND ts <= make_timestamptz(%" PRId64 ")", v->as_of_us);
    if (newest > 0)
        buf_printf(sql, " ORDER BY ts DESC, id DESC LIMIT %zu", newest);
    return LH_OK;
}

static const char *text_at(struct view *v, const json_t *row, size_t i) {
    return arena_strdup(v->arena, json_string_value(json_array_get(row, i)));
}

static void add_row(struct view *v, const json_t *row) {
    const struct journal_event event = {
        .id = text_at(v, row, 0),
        .ts_us = (int64_t)json_integer_value(json_array_get(row, 1)),
        .entity_type = text_at(v, row, 2),
        .entity_id = text_at(v, row, 3),
        .field = text_at(v, row, 4),
        .action = text_at(v, row, 5),
        .old_value = text_at(v, row, 6),
        .new_value = text_at(v, row, 7),
        .actor = text_at(v, row, 8),
        .source = text_at(v, row, 9),
        .workspace_id = text_at(v, row, 10),
    };
    if (event.id && event.entity_type && event.entity_id && event.action)
        add_event(v, &event);
}

/* The `newest` events that the chosen files hold; 0: all, in any order, up to UNSORTED_MAX of them.  *ret_more: there are
 * others. */
static enum lh_code query_files(struct view *v, size_t newest, bool *ret_more, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    LH_AUTO(json) json_t *answer = NULL;
    struct engine_result_stats stats;
    LH_TRY(LH_FAULT("journal.before_read", err));
    LH_TRY(write_statement(v, newest, &sql, err));
    const struct engine_query query = {.sql = buf_cstr(&sql),
                                       .format = ENGINE_JSON,
                                       .row_limit = newest > 0 ? UINT64_MAX : UNSORTED_MAX,
                                       .timeout_ms = QUERY_TIMEOUT_MS,
                                       .cancel_fd = -1};
    LH_TRY(engine_query_start(v->journal->options.engine, &query, &result, err));
    LH_TRY(engine_result_read_all(result, "the answer with the events", ANSWER_MAX_BYTES, &text, err));
    engine_result_stats(result, &stats);
    *ret_more = stats.truncated;
    if (stats.truncated) /* any of them would be in the way of the newest */
        return LH_OK;
    const struct lh_json_limits limits = {.max_bytes = ANSWER_MAX_BYTES};
    LH_TRY(lh_json_parse(buf_cstr(&text), text.len, &limits, &answer, err));
    json_t *rows = json_object_get(answer, "rows"), *row;
    size_t i;
    json_array_foreach(rows, i, row) add_row(v, row);
    *ret_more = newest > 0 && json_array_size(rows) == newest;
    return LH_OK;
}

/* ---- one read ---- */

/* Oldest first, each once. */
static void settle(struct view *v) {
    size_t kept = 0;
    if (v->count > 1)
        qsort(v->events, v->count, sizeof *v->events, event_compare);
    for (size_t i = 0; i < v->count; i++)
        if (kept == 0 || event_compare(&v->events[kept - 1], &v->events[i]) != 0)
            v->events[kept++] = v->events[i];
    v->count = kept;
}

/* An entity's few events come fastest unsorted.  Else the newest; twice as many where copies of events (other servers') took
 * the places of others. */
static enum lh_code read_files(struct view *v, struct lh_err *err) {
    size_t newest = v->entity_id ? 0 : v->limit + 1;
    settle(v);
    for (bool more = v->chosen_count > 0; more; newest = newest > 0 ? newest * 2 : v->limit + 1) {
        LH_TRY(query_files(v, newest, &more, err));
        settle(v); /* what came before and comes again counts once */
        if (newest > 0 && v->count > v->limit)
            return LH_OK;
    }
    return LH_OK;
}

static enum lh_code read_once(struct view *v, struct lh_err *err) {
    LH_TRY(read_pending(v, err));
    v->chosen = lh_calloc(v->files->count + 1, sizeof(struct event_file *));
    if (v->entity_id)
        choose_by_entity(v);
    else
        choose_newest(v);
    return read_files(v, err);
}

static bool files_changed(struct journal *j, const struct event_files *seen) {
    struct lh_err ignored = LH_ERR_INIT;
    if (journal_refresh_files(j, &ignored) != LH_OK)
        return false;
    LH_AUTO(event_files) struct event_files *now = journal_files(j);
    bool same = now->count == seen->count;
    for (size_t i = 0; same && i < now->count; i++)
        same = strcmp(now->items[i]->name, seen->items[i]->name) == 0;
    return !same;
}

/* The newest `limit` + 1 events at least, where there are so many, in the arena, oldest first. */
static enum lh_code read_events(struct journal *j, const struct journal_query *query, struct arena *arena,
                                struct journal_event **ret_events, size_t *ret_count, struct lh_err *err) {
    if (query->limit < 1 || query->limit > JOURNAL_READ_MAX)
        return lh_fail(err, LH_INVALID, "the limit must be 1 to %zu, not %zu", JOURNAL_READ_MAX, query->limit);
    LH_TRY(journal_catch_up(j, err));
    for (int round = 1;; round++) {
        LH_CLEANUP(view_release)
        struct view v = {.journal = j,
                         .arena = arena,
                         .entity_id = query->entity_id,
                         .entity_type = query->entity_type,
                         .as_of_us = query->as_of_us,
                         .limit = query->limit};
        struct lh_err failure = LH_ERR_INIT;
        if (read_once(&v, &failure) == LH_OK) {
            *ret_events = arena_alloc(arena, (v.count + 1) * sizeof **ret_events);
            if (v.count > 0)
                memcpy(*ret_events, v.events, v.count * sizeof **ret_events);
            *ret_count = v.count;
            return LH_OK;
        }
        if (round == ROUNDS || failure.code == LH_BUSY || failure.code == LH_TIMEOUT || !files_changed(j, v.files)) {
            *err = failure;
            return lh_err_context(err, "the journal");
        }
    }
}

enum lh_code journal_history(struct journal *j, const struct journal_query *query, struct arena *arena,
                             struct journal_event **ret_events, size_t *ret_count, bool *ret_more, struct lh_err *err) {
    struct journal_event *events;
    size_t count;
    LH_TRY(read_events(j, query, arena, &events, &count, err));
    size_t older = count > query->limit ? count - query->limit : 0;
    *ret_events = events + older;
    *ret_count = count - older;
    *ret_more = older > 0;
    return LH_OK;
}

enum lh_code journal_recent(struct journal *j, size_t limit, struct arena *arena, struct journal_event **ret_events,
                            size_t *ret_count, struct lh_err *err) {
    struct journal_event *events;
    size_t count;
    const struct journal_query any = {.as_of_us = INT64_MAX, .limit = limit};
    LH_TRY(read_events(j, &any, arena, &events, &count, err));
    size_t kept = count < limit ? count : limit;
    struct journal_event *newest = arena_alloc(arena, (kept + 1) * sizeof *newest);
    for (size_t i = 0; i < kept; i++)
        newest[i] = events[count - 1 - i];
    *ret_events = newest;
    *ret_count = kept;
    return LH_OK;
}
