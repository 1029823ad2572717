/* Profiles: what an assistant works with, under one name: a model, the datasets that it may search, the kind of index and the
 * bucket that these are searched in.
 *
 * At most one profile is active: it has the model slot.  Activating another takes the old one's models out of memory, puts
 * its own in, and has an index ready (mapped, or under construction) for each dataset that it is bound to.  A search through a
 * profile reaches its datasets and no others (LH_FORBIDDEN), active or not.
 *
 * A profile is one object, `_vectors/profiles/{id}.json` in the primary bucket; which one is active stands in
 * `_vectors/active_profile.json`.  The last writer of each wins.
 *
 * JSON in, JSON out.  Thread-safe; calls block: activation as long as a provider needs to load a model. */
#ifndef LH_INDEX_PROFILES_H
#define LH_INDEX_PROFILES_H

#include "base/error.h"
#include "base/json.h"

struct ai;
struct buckets;
struct catalog;
struct index_service;
struct os;
struct profiles;

struct profiles_options {
    struct os *os;
    struct buckets *buckets;
    struct catalog *catalog;
    const struct ai *ai;
    struct index_service *indexes;
    const char *bucket_root; /* absolute: a profile's bucket that is not there is made below it */
};

struct profiles *profiles_new(const struct profiles_options *options); /* never fails; copies bucket_root */
void profiles_free(struct profiles *p);                                /* NULL is fine; no call may be running */

/* {"id", "description"?, "model"?, "generator"?, "datasets": ["name" | {"dataset", "id_column", "text_column"}], "backend"?,
 *  "bucket"?}     -> the profile
 * LH_EXISTS; LH_INVALID or LH_NOT_FOUND names what is wrong: the model, the dataset. */
LH_CHECKED enum lh_code profiles_create(struct profiles *p, const json_t *request, json_t **ret_profile,
                                        struct lh_err *err);
/* The same fields without "id", or with this one.  What is active stays as it was put in place until it is activated again. */
LH_CHECKED enum lh_code profiles_replace(struct profiles *p, const char *id, const json_t *request,
                                         json_t **ret_profile, struct lh_err *err);
LH_CHECKED enum lh_code profiles_get(struct profiles *p, const char *id, json_t **ret_profile, struct lh_err *err);
/* All, by id: a new array. */
LH_CHECKED enum lh_code profiles_list(struct profiles *p, json_t **ret_items, struct lh_err *err);
/* LH_CONFLICT where it is active. */
LH_CHECKED enum lh_code profiles_remove(struct profiles *p, const char *id, struct lh_err *err);

/* -> {"profile", "replaced", "models": [{"model", "state"}], "indexes": [{"dataset", "index", "state", "job_id"?, "hint"?}]}
 * LH_UPSTREAM where the provider cannot load the model: then the profile that was active still is, its models loaded again as
 * far as that can be done.  LH_CONFLICT: another activation is under way. */
LH_CHECKED enum lh_code profiles_activate(struct profiles *p, const char *id, const char *actor, int cancel_fd,
                                          json_t **ret_answer, struct lh_err *err);
/* LH_CONFLICT where it is not the active one.  -> {"profile": null, "replaced", "models"} */
LH_CHECKED enum lh_code profiles_deactivate(struct profiles *p, const char *id, int cancel_fd, json_t **ret_answer,
                                            struct lh_err *err);
/* {"profile": {...} or null, "since"?} */
LH_CHECKED enum lh_code profiles_active(struct profiles *p, json_t **ret_answer, struct lh_err *err);

/* As index_search; "index" may be left out where one index serves the profile, and "dataset" may stand for it.
 * LH_FORBIDDEN: an index over a dataset that the profile is not bound to. */
LH_CHECKED enum lh_code profiles_search(struct profiles *p, const char *id, const json_t *request, int cancel_fd,
                                        json_t **ret_answer, struct lh_err *err);

#endif
