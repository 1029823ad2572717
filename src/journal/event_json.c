#include "journal/event_json.h"

#include "base/arena.h"
#include "base/attr.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

/* The texts of an event, in the order of the columns. */
static const struct event_text {
    const char *name;
    size_t offset;
    size_t max_bytes;
    bool required;
    bool json;
} TEXTS[] = {
    {"entity_type", offsetof(struct journal_event, entity_type), JOURNAL_NAME_MAX, true, false},
    {"entity_id", offsetof(struct journal_event, entity_id), JOURNAL_ENTITY_MAX, true, false},
    {"field", offsetof(struct journal_event, field), JOURNAL_ENTITY_MAX, false, false},
    {"action", offsetof(struct journal_event, action), JOURNAL_NAME_MAX, true, false},
    {"old_value", offsetof(struct journal_event, old_value), JOURNAL_VALUE_MAX, false, true},
    {"new_value", offsetof(struct journal_event, new_value), JOURNAL_VALUE_MAX, false, true},
    {"actor", offsetof(struct journal_event, actor), JOURNAL_NAME_MAX, true, false},
    {"source", offsetof(struct journal_event, source), JOURNAL_NAME_MAX, true, false},
    {"workspace_id", offsetof(struct journal_event, workspace_id), JOURNAL_NAME_MAX, false, false},
};

static const char **text_at(const struct event_text *text, struct journal_event *event) {
    return (const char **)(void *)((char *)event + text->offset);
}

static const char *text_of(const struct event_text *text, const struct journal_event *event) {
    return *(const char *const *)(const void *)((const char *)event + text->offset);
}

static enum lh_code check_text(const struct event_text *text, const char *value, struct lh_err *err) {
    size_t len = value ? strlen(value) : 0;
    if (text->required && len == 0)
        return lh_fail(err, LH_INVALID, "an event needs %s", text->name);
    if (len > text->max_bytes)
        return lh_fail(err, LH_TOO_LARGE, "%s of an event has %zu bytes; at most %zu are allowed", text->name, len,
                       text->max_bytes);
    if (text->json)
        return LH_OK; /* written by base/json.h */
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f)
            return lh_fail(err, LH_INVALID, "%s of an event has a control character at byte %zu", text->name, i);
    return LH_OK;
}

enum lh_code event_check(const struct journal_event *event, struct lh_err *err) {
    for (size_t i = 0; i < LH_ARRAY_LEN(TEXTS); i++)
        LH_TRY(check_text(&TEXTS[i], text_of(&TEXTS[i], event), err));
    if (event->id && !lh_ulid_valid(event->id, strlen(event->id)))
        return lh_fail(err, LH_INVALID, "the id of an event must be a ULID, not \"%.40s\"", event->id);
    return LH_OK;
}

void event_write(const struct journal_event *event, struct buf *out) {
    buf_printf(out, "{\"id\":\"%s\",\"ts_us\":%" PRId64, event->id, event->ts_us);
    for (size_t i = 0; i < LH_ARRAY_LEN(TEXTS); i++) {
        const char *value = text_of(&TEXTS[i], event);
        if (!value)
            continue;
        buf_printf(out, ",\"%s\":", TEXTS[i].name);
        buf_append_json_string(out, value, strlen(value));
    }
    buf_append_char(out, '}');
}

static enum lh_code event_of_json(const json_t *json, struct journal_event *ret_event, struct lh_err *err) {
    struct journal_event event = {0};
    LH_TRY(lh_json_get_string(json, "event", "id", &event.id, err));
    LH_TRY(lh_json_get_int(json, "event", "ts_us", &event.ts_us, err));
    for (size_t i = 0; i < LH_ARRAY_LEN(TEXTS); i++)
        LH_TRY(lh_json_get_string_or(json, "event", TEXTS[i].name, NULL, text_at(&TEXTS[i], &event), err));
    if (event_check(&event, err) != LH_OK || event.ts_us <= 0)
        return err->code = LH_CORRUPT;
    *ret_event = event;
    return LH_OK;
}

enum lh_code event_read(const char *line, size_t len, struct arena *arena, struct journal_event *ret_event,
                        struct lh_err *err) {
    LH_AUTO(json) json_t *json = NULL;
    struct journal_event event;
    if (lh_json_parse(line, len, NULL, &json, err) != LH_OK || event_of_json(json, &event, err) != LH_OK)
        return err->code = LH_CORRUPT;
    event.id = arena_strdup(arena, event.id);
    for (size_t i = 0; i < LH_ARRAY_LEN(TEXTS); i++) {
        const char **text = text_at(&TEXTS[i], &event);
        *text = arena_strdup(arena, *text);
    }
    *ret_event = event;
    return LH_OK;
}

void event_record_write(const struct journal_event *events, size_t count, uint64_t covered, struct buf *out) {
    buf_printf(out, "{\"covered\":%" PRIu64 ",\"events\":[", covered);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        event_write(&events[i], out);
    }
    buf_append_str(out, "]}");
}

enum lh_code event_record_read(const char *json, size_t len, event_line_fn *fn, void *ctx, uint64_t *ret_covered,
                               struct lh_err *err) {
    LH_AUTO(json) json_t *record = NULL;
    json_t *events = NULL, *item;
    int64_t covered;
    size_t i;
    if (lh_json_parse(json, len, NULL, &record, err) != LH_OK ||
        lh_json_get_int(record, "", "covered", &covered, err) != LH_OK ||
        lh_json_get_array(record, "", "events", &events, err) != LH_OK)
        return err->code = LH_CORRUPT;
    LH_AUTO(buf) struct buf line = BUF_INIT;
    json_array_foreach(events, i, item) {
        struct journal_event event;
        LH_TRY(event_of_json(item, &event, err));
        buf_reset(&line);
        event_write(&event, &line);
        fn(&event, buf_cstr(&line), line.len, ctx);
    }
    *ret_covered = covered > 0 ? (uint64_t)covered : 0;
    return LH_OK;
}

int event_compare(const void *a, const void *b) {
    const struct journal_event *x = a;
    const struct journal_event *y = b;
    if (x->ts_us != y->ts_us)
        return x->ts_us < y->ts_us ? -1 : 1;
    return strcmp(x->id, y->id);
}
