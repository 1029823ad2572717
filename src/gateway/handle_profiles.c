/* Profiles: a model with the datasets that it may search. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/cleanup.h"
#include "gateway/page.h"
#include "index/profiles.h"
#include "lakehouse/lakehouse.h"
#include "policy/principal.h"

static struct profiles *profiles_of(struct request *rq) {
    return request_lakehouse(rq)->profiles;
}

static const char *id_of(struct request *rq) {
    return request_path_param(rq, "id");
}

enum lh_code handle_profile_list(struct request *rq, struct lh_err *err) {
    json_t *items = NULL;
    LH_TRY(profiles_list(profiles_of(rq), &items, err));
    return page_respond(rq, items, NULL, err);
}

enum lh_code handle_profile_create(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *profile = NULL;
    json_t *body;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(profiles_create(profiles_of(rq), body, &profile, err));
    return response_json(rq, 201, profile, err);
}

enum lh_code handle_profile_get(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *profile = NULL;
    LH_TRY(profiles_get(profiles_of(rq), id_of(rq), &profile, err));
    return response_json(rq, 200, profile, err);
}

enum lh_code handle_profile_replace(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *profile = NULL;
    json_t *body;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(profiles_replace(profiles_of(rq), id_of(rq), body, &profile, err));
    return response_json(rq, 200, profile, err);
}

enum lh_code handle_profile_remove(struct request *rq, struct lh_err *err) {
    LH_TRY(profiles_remove(profiles_of(rq), id_of(rq), err));
    return response_bytes(rq, 204, "application/json", "", 0, err);
}

enum lh_code handle_profile_active(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(profiles_active(profiles_of(rq), &answer, err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_profile_activate(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(profiles_activate(profiles_of(rq), id_of(rq), request_principal(rq)->name, request_cancel_fd(rq), &answer,
                             err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_profile_deactivate(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(profiles_deactivate(profiles_of(rq), id_of(rq), request_cancel_fd(rq), &answer, err));
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_profile_search(struct request *rq, struct lh_err *err) {
    LH_AUTO(json) json_t *answer = NULL;
    json_t *body;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(profiles_search(profiles_of(rq), id_of(rq), body, request_cancel_fd(rq), &answer, err));
    return response_json(rq, 200, answer, err);
}
