/* The task `probe`: what this worker is made of, for `lakehouse check`. */
#include "engine/worker/tasks.h"
#include "engine/worker/worker.h"

enum lh_code task_probe(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    (void)request;
    const struct worker *w = t->worker;
    int64_t settings;
    LH_TRY(session_query_int64(t->session,
                               "SELECT count(*) FROM duckdb_settings() WHERE (name = 'lock_configuration' AND value = "
                               "'true') OR (name = 'enable_external_access' AND value = 'false')",
                               &settings, err));
    const char *version = t->session->duckdb->library_version();
    json_t *answer = json_object();
    json_object_set_new(answer, "duckdb", json_string(version ? version : ""));
    json_object_set_new(answer, "library", json_string(t->session->duckdb->path));
    json_object_set_new(answer, "duckdb_fence", json_boolean(settings == 2));
    json_object_set_new(answer, "landlock_abi", json_integer(w->fences.landlock_abi));
    json_object_set_new(answer, "seccomp", json_boolean(w->fences.seccomp));
    *ret_answer = answer;
    return LH_OK;
}
