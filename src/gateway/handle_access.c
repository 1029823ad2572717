/* API keys. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/timefmt.h"
#include "gateway/journal_entry.h"
#include "gateway/page.h"
#include "lakehouse/lakehouse.h"
#include "policy/keys.h"

static json_t *key_json(const struct key_info *key) {
    char time[LH_TIME_SIZE];
    lh_time_format(key->created_us, time);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "id", key->id, "name", key->name, "role", role_name(key->role),
                             "created_at", time);
    if (key->revoked_us) {
        lh_time_format(key->revoked_us, time);
        json_object_set_new(json, "revoked_at", json_string(time));
    }
    return json;
}

enum lh_code handle_key_list(struct request *rq, struct lh_err *err) {
    struct key_info *list;
    size_t count;
    LH_TRY(keys_list(request_lakehouse(rq)->keys, request_arena(rq), &list, &count, err));
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(items, key_json(&list[i]));
    return page_respond(rq, items, NULL, err);
}

enum lh_code handle_key_create(struct request *rq, struct lh_err *err) {
    static const char *const fields[] = {"role", "name", NULL};
    json_t *body;
    const char *role_text, *name;
    enum role role;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", fields, err));
    LH_TRY(lh_json_get_string(body, "", "role", &role_text, err));
    LH_TRY(lh_json_get_string_or(body, "", "name", "", &name, err));
    LH_TRY(role_parse(role_text, &role, err));
    char text[KEY_TEXT_SIZE];
    struct key_info info;
    LH_TRY(keys_create(request_lakehouse(rq)->keys, name, role, text, &info, err));
    LH_AUTO(json) json_t *answer = key_json(&info);
    enum lh_code code = journal_entry(rq, "key", info.id, "create", NULL, answer, "access", err);
    if (code != LH_OK) {
        lh_wipe(text, sizeof text);
        return code;
    }
    json_object_set_new(answer, "key", json_string(text));
    lh_wipe(text, sizeof text);
    response_header(rq, "Cache-Control", "no-store");
    return response_json(rq, 201, answer, err);
}

enum lh_code handle_key_revoke(struct request *rq, struct lh_err *err) {
    const char *id = request_path_param(rq, "id");
    LH_TRY(keys_revoke(request_lakehouse(rq)->keys, id, err));
    LH_TRY(journal_entry(rq, "key", id, "revoke", NULL, NULL, "access", err));
    return response_bytes(rq, 204, NULL, NULL, 0, err);
}
