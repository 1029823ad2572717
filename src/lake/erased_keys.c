#include "lake/erased_keys.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/engine.h"
#include "lake/past_files.h"
#include "lake/row_change.h"
#include "lake/row_keys.h"

#include <string.h>

#define TASK_TIMEOUT_MS (INT64_C(60) * 1000)

void erased_keys_release(struct erased_keys *keys) {
    for (size_t i = 0; i < keys->count; i++)
        json_decref(keys->texts[i]);
    lh_free(keys->texts);
    json_decref(keys->forms);
    *keys = (struct erased_keys){0};
}

static void add_form(json_t *forms, const char *form) {
    size_t i;
    json_t *known;
    json_array_foreach(forms, i, known) {
        if (strcmp(json_string_value(known), form) == 0)
            return;
    }
    json_array_append_new(forms, json_string(form));
}

/* [[text of each column]] and the row's name; LH_INVALID where the key cannot be one of the dataset. */
static enum lh_code type_key(struct engine *engine, const struct manifest *m, const json_t *row_keys,
                             json_t **ret_texts, json_t *forms, struct lh_err *err) {
    LH_AUTO(json) json_t *texts = NULL, *answer = NULL;
    json_t *names, *name;
    size_t i;
    LH_TRY(row_keys_parse(m, row_keys, &texts, err));
    LH_AUTO(json) json_t *request = row_change_request(m, "");
    json_object_set(request, "keys", texts);
    const struct engine_task task = {
        .task = "row_names", .request = request, .timeout_ms = TASK_TIMEOUT_MS, .cancel_fd = -1};
    LH_TRY(engine_run_task(engine, &task, &answer, err));
    LH_TRY(lh_json_get_array(answer, "", "names", &names, err));
    json_array_foreach(names, i, name) add_form(forms, json_string_value(name));
    *ret_texts = json_incref(json_array_get(texts, 0));
    return LH_OK;
}

static enum lh_code require_key(const struct manifest *m, struct lh_err *err) {
    if (m->primary_key_count > 0)
        return LH_OK;
    lh_ignore(lh_fail(err, LH_CONFLICT, "\"%s\" has no primary key, so no key names a row of it", m->name));
    return lh_err_hint(err, "leave --dataset away, and every column is searched; or set one: PATCH "
                            "/catalog/datasets/by-name/{name}/metadata {\"primary_key\": [\"column\"]}");
}

/* Says what a key of the dataset looks like. */
static enum lh_code refuse(const struct manifest *m, const char *key, struct lh_err *err) {
    LH_AUTO(buf) struct buf columns = BUF_INIT;
    const struct lh_err why = *err;
    for (size_t i = 0; i < m->primary_key_count; i++) {
        const struct manifest_column *column = manifest_find_column(m, m->primary_key[i]);
        buf_printf(&columns, "%s\"%s\" %s", i > 0 ? ", " : "", m->primary_key[i], column ? column->type : "?");
    }
    return lh_fail(err, LH_INVALID, "%.100s is no key of \"%s\", whose key is (%s): %.300s", key, m->name,
                   buf_cstr(&columns), why.message);
}

enum lh_code erased_keys_read(struct engine *engine, const struct past_files *past, const char *key,
                              const char *dataset, struct erased_keys *ret_keys, struct lh_err *err) {
    LH_CLEANUP(erased_keys_release) struct erased_keys keys = {.forms = json_array(), .count = past->dataset_count};
    LH_AUTO(json) json_t *row_keys = json_pack("[o]", row_key_of_text(key));
    const struct manifest *last = NULL;
    struct lh_err why = LH_ERR_INIT;
    enum lh_code code = LH_OK;
    keys.texts = lh_calloc(keys.count + 1, sizeof(json_t *));
    json_array_append_new(keys.forms, json_string(key));
    for (size_t i = 0; i < past->dataset_count; i++) {
        const struct manifest *m = past->datasets[i].newest;
        if (dataset && manifest_name_compare(m->name, dataset) != 0)
            continue;
        last = m;
        code = LH_OK;
        if (m->primary_key_count > 0)
            code = type_key(engine, m, row_keys, &keys.texts[i], keys.forms, &why);
        if (code != LH_OK && code != LH_INVALID) {
            *err = why;
            return code;
        }
    }
    if (dataset && last) {
        LH_TRY(require_key(last, err));
        if (code == LH_INVALID) {
            *err = why;
            return refuse(last, key, err);
        }
    }
    *ret_keys = LH_STEAL(keys);
    return LH_OK;
}
