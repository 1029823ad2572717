#include "journal/entity_state.h"

#include <string.h>

json_t *event_value(const char *text) {
    json_t *value = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    if (!text || lh_json_parse(text, strlen(text), NULL, &value, &ignored) != LH_OK)
        return json_null();
    return value;
}

static void set(json_t *state, const char *field, json_t *value) {
    if (json_is_null(value))
        json_object_del(state, field);
    else
        json_object_set(state, field, value);
}

static void apply_whole(json_t *state, json_t *value) {
    const char *field;
    json_t *member;
    if (!json_is_object(value)) {
        set(state, "value", value);
        return;
    }
    json_object_foreach(value, field, member) set(state, field, member);
}

static bool ends_entity(const char *action) {
    return strcmp(action, "delete") == 0 || strcmp(action, "tombstone") == 0;
}

json_t *entity_state(const struct journal_event *events, size_t count) {
    json_t *state = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!events[i].field && ends_entity(events[i].action)) {
            json_decref(state);
            state = NULL;
            continue;
        }
        LH_AUTO(json) json_t *value = event_value(events[i].new_value);
        if (!state)
            state = json_object();
        if (events[i].field)
            set(state, events[i].field, value);
        else
            apply_whole(state, value);
    }
    return state ? state : json_null();
}

json_t *entity_state_before(json_t *state, const struct journal_event *later, size_t count) {
    json_t *found = json_object();
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(json) json_t *value = event_value(later[i].old_value);
        if (later[i].field && !json_object_get(found, later[i].field))
            json_object_set(found, later[i].field, value);
        if (later[i].field)
            continue;
        if (json_is_object(value))
            json_object_update_missing(found, value);
        break; /* what comes after is no longer about what was before */
    }
    if (json_is_object(state))
        json_object_update(found, state);
    json_decref(state);
    const char *field;
    json_t *value;
    void *next;
    json_object_foreach_safe(found, next, field, value) if (json_is_null(value)) json_object_del(found, field);
    if (json_object_size(found) > 0)
        return found;
    json_decref(found);
    return json_null();
}
