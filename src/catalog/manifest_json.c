/* A manifest as JSON and back.  The member names are a stored format: docs/formats/commit-log.md. */
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/id.h"
#include "base/timefmt.h"
#include "catalog/manifest.h"
#include "store/object_store.h"

#include <stdio.h>
#include <string.h>

#define WHERE_MAX 64

static const char *const ROLE_NAMES[] = {
    [FILE_BASE] = "base",       [FILE_DELTA] = "delta",     [FILE_TOMBSTONE] = "tombstone",
    [FILE_REJECTS] = "rejects", [FILE_CHANGES] = "changes",
};
static const char *const SENSITIVITIES[] = {"public", "internal", "confidential", "restricted"};
static const char *const REFRESH_POLICIES[] = {"manual", "on_append", "scheduled"};

const char *file_role_name(enum file_role role) {
    return ROLE_NAMES[role];
}

/* ---- to JSON ---- */

static void set_text(json_t *object, const char *key, const char *text) {
    if (text)
        json_object_set_new(object, key, json_string(text));
}

static void set_count(json_t *object, const char *key, uint64_t value) {
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static void set_time(json_t *object, const char *key, int64_t us) {
    char text[LH_TIME_SIZE];
    lh_time_format(us, text);
    json_object_set_new(object, key, json_string(text));
}

static void set_texts(json_t *object, const char *key, const char **texts, size_t count) {
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, json_string(texts[i]));
    json_object_set_new(object, key, array);
}

static json_t *column_to_json(const struct manifest_column *c) {
    json_t *object = json_object();
    set_text(object, "name", c->name);
    set_text(object, "type", c->type);
    json_object_set_new(object, "nullable", json_boolean(c->nullable));
    set_text(object, "description", c->description);
    json_t *flags = json_array();
    for (size_t i = 0; i < c->flag_count; i++) {
        json_t *flag = json_object();
        set_text(flag, "kind", c->flags[i].kind);
        set_text(flag, "reason", c->flags[i].reason);
        json_object_set_new(flag, "confidence", json_real(c->flags[i].confidence));
        json_object_set_new(flag, "confirmed", json_boolean(c->flags[i].confirmed));
        json_object_set_new(flag, "dismissed", json_boolean(c->flags[i].dismissed));
        json_array_append_new(flags, flag);
    }
    json_object_set_new(object, "flags", flags);
    return object;
}

static json_t *file_to_json(const struct manifest_file *f) {
    json_t *object = json_object();
    set_text(object, "bucket", f->bucket);
    set_text(object, "key", f->key);
    set_text(object, "role", ROLE_NAMES[f->role]);
    set_count(object, "row_count", f->row_count);
    set_count(object, "size_bytes", f->size_bytes);
    set_text(object, "sha256", f->sha256);
    set_count(object, "added_version", f->added_version);
    set_count(object, "sequence", f->sequence);
    return object;
}

static json_t *lineage_to_json(const struct manifest_lineage *l) {
    json_t *object = json_object();
    set_text(object, "source_system", l->source_system);
    set_text(object, "source_name", l->source_name);
    set_text(object, "source_sha256", l->source_sha256);
    set_count(object, "source_bytes", l->source_bytes);
    set_text(object, "job_id", l->job_id);
    set_text(object, "actor", l->actor);
    set_time(object, "at", l->at_us);
    set_count(object, "row_count", l->row_count);
    set_count(object, "reject_count", l->reject_count);
    return object;
}

json_t *manifest_to_json(const struct manifest *m) {
    json_t *object = json_object();
    set_text(object, "id", m->id);
    set_text(object, "name", m->name);
    set_count(object, "version", m->version);
    set_count(object, "previous_version", m->previous_version);
    set_count(object, "schema_version", m->schema_version);
    set_time(object, "created_at", m->created_us);
    set_time(object, "updated_at", m->updated_us);
    if (m->untold_us != 0)
        set_time(object, "rows_untold_at", m->untold_us);
    set_text(object, "bucket", m->bucket);
    set_text(object, "description", m->description);
    set_text(object, "owner", m->owner);
    set_text(object, "sensitivity", m->sensitivity);
    set_texts(object, "tags", m->tags, m->tag_count);
    json_object_set_new(object, "freshness_sla_s", json_integer(m->freshness_sla_s));
    set_texts(object, "primary_key", m->primary_key, m->primary_key_count);
    set_count(object, "row_count", m->row_count);
    set_count(object, "size_bytes", m->size_bytes);
    json_t *columns = json_array();
    for (size_t i = 0; i < m->column_count; i++)
        json_array_append_new(columns, column_to_json(&m->columns[i]));
    json_object_set_new(object, "columns", columns);
    json_t *files = json_array();
    for (size_t i = 0; i < m->file_count; i++)
        json_array_append_new(files, file_to_json(&m->files[i]));
    json_object_set_new(object, "files", files);
    json_t *lineage = json_array();
    for (size_t i = 0; i < m->lineage_count; i++)
        json_array_append_new(lineage, lineage_to_json(&m->lineage[i]));
    json_object_set_new(object, "lineage", lineage);
    set_text(object, "embedding_model", m->embedding_model);
    set_text(object, "embedding_refresh_policy", m->embedding_refresh_policy);
    set_text(object, "embedding_schedule", m->embedding_schedule);
    if (m->embedding_refreshed_us != 0)
        set_time(object, "embedding_refreshed_at", m->embedding_refreshed_us);
    return object;
}

/* ---- from JSON ---- */

static enum lh_code get_text(struct arena *arena, const json_t *object, const char *where, const char *key,
                             const char **ret_text, struct lh_err *err) {
    const char *text;
    LH_TRY(lh_json_get_string(object, where, key, &text, err));
    *ret_text = arena_strdup(arena, text);
    return LH_OK;
}

static enum lh_code get_text_or_null(struct arena *arena, const json_t *object, const char *where, const char *key,
                                     const char **ret_text, struct lh_err *err) {
    const char *text;
    LH_TRY(lh_json_get_string_or(object, where, key, NULL, &text, err));
    *ret_text = text && *text ? arena_strdup(arena, text) : NULL;
    return LH_OK;
}

static enum lh_code out_of_range(const char *where, const char *key, const char *wanted, struct lh_err *err) {
    return lh_fail(err, LH_INVALID, "%s%s%s must be %s", where, *where ? "." : "", key, wanted);
}

static enum lh_code get_count(const json_t *object, const char *where, const char *key, uint64_t *ret_value,
                              struct lh_err *err) {
    int64_t value;
    LH_TRY(lh_json_get_int_or(object, where, key, 0, &value, err));
    if (value < 0)
        return out_of_range(where, key, "0 or more", err);
    *ret_value = (uint64_t)value;
    return LH_OK;
}

static enum lh_code get_time(const json_t *object, const char *where, const char *key, int64_t *ret_us,
                             struct lh_err *err) {
    const char *text;
    int64_t us;
    LH_TRY(lh_json_get_string(object, where, key, &text, err));
    if (!lh_time_parse(text, strlen(text), &us))
        return out_of_range(where, key, "an RFC 3339 time", err);
    *ret_us = us;
    return LH_OK;
}

static enum lh_code get_word(struct arena *arena, const json_t *object, const char *key, const char *const *words,
                             size_t count, const char **ret_word, struct lh_err *err) {
    const char *word;
    LH_TRY(get_text_or_null(arena, object, "", key, &word, err));
    bool known = word == NULL;
    for (size_t i = 0; i < count && !known; i++)
        known = strcmp(word, words[i]) == 0;
    if (!known)
        return lh_fail(err, LH_INVALID, "%s has the unknown value \"%s\"", key, word);
    *ret_word = word;
    return LH_OK;
}

static enum lh_code get_sha256(struct arena *arena, const json_t *object, const char *where, const char *key,
                               const char **ret_hex, struct lh_err *err) {
    const char *hex;
    LH_TRY(get_text_or_null(arena, object, where, key, &hex, err));
    if (hex && (strlen(hex) != 64 || strspn(hex, "0123456789abcdef") != 64))
        return out_of_range(where, key, "64 hexadecimal digits", err);
    *ret_hex = hex;
    return LH_OK;
}

static enum lh_code get_texts(struct arena *arena, const json_t *object, const char *key, const char ***ret_texts,
                              size_t *ret_count, struct lh_err *err) {
    json_t *array;
    LH_TRY(lh_json_get_array_or_null(object, "", key, &array, err));
    size_t count = json_array_size(array);
    const char **texts = arena_alloc(arena, (count + 1) * sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (!text)
            return lh_fail(err, LH_INVALID, "%s[%zu] must be a string", key, i);
        texts[i] = arena_strdup(arena, text);
    }
    *ret_texts = texts;
    *ret_count = count;
    return LH_OK;
}

static enum lh_code flag_from_json(struct arena *arena, const json_t *json, const char *where,
                                   struct manifest_flag *flag, struct lh_err *err) {
    LH_TRY(get_text(arena, json, where, "kind", &flag->kind, err));
    LH_TRY(get_text_or_null(arena, json, where, "reason", &flag->reason, err));
    LH_TRY(lh_json_get_double_or(json, where, "confidence", 1, &flag->confidence, err));
    if (!(flag->confidence >= 0 && flag->confidence <= 1))
        return out_of_range(where, "confidence", "between 0 and 1", err);
    LH_TRY(lh_json_get_bool_or(json, where, "confirmed", false, &flag->confirmed, err));
    return lh_json_get_bool_or(json, where, "dismissed", false, &flag->dismissed, err);
}

static enum lh_code column_from_json(struct arena *arena, const json_t *json, size_t i, struct manifest_column *column,
                                     struct lh_err *err) {
    char where[WHERE_MAX];
    snprintf(where, sizeof where, "columns[%zu]", i);
    LH_TRY(get_text(arena, json, where, "name", &column->name, err));
    LH_TRY(get_text(arena, json, where, "type", &column->type, err));
    LH_TRY(lh_json_get_bool_or(json, where, "nullable", true, &column->nullable, err));
    LH_TRY(get_text_or_null(arena, json, where, "description", &column->description, err));
    json_t *flags;
    LH_TRY(lh_json_get_array_or_null(json, where, "flags", &flags, err));
    column->flag_count = json_array_size(flags);
    column->flags = arena_alloc(arena, (column->flag_count + 1) * sizeof *column->flags);
    for (size_t j = 0; j < column->flag_count; j++) {
        snprintf(where, sizeof where, "columns[%zu].flags[%zu]", i, j);
        LH_TRY(flag_from_json(arena, json_array_get(flags, j), where, &column->flags[j], err));
    }
    return LH_OK;
}

static enum lh_code file_from_json(struct arena *arena, const json_t *json, size_t i, struct manifest_file *file,
                                   struct lh_err *err) {
    char where[WHERE_MAX];
    snprintf(where, sizeof where, "files[%zu]", i);
    const char *role;
    LH_TRY(get_text(arena, json, where, "bucket", &file->bucket, err));
    LH_TRY(get_text(arena, json, where, "key", &file->key, err));
    if (object_key_check(file->key, strlen(file->key), err) != LH_OK)
        return lh_err_context(err, "%s.key", where);
    LH_TRY(lh_json_get_string(json, where, "role", &role, err));
    size_t r = 0;
    while (r < LH_ARRAY_LEN(ROLE_NAMES) && strcmp(role, ROLE_NAMES[r]) != 0)
        r++;
    if (r == LH_ARRAY_LEN(ROLE_NAMES))
        return lh_fail(err, LH_INVALID, "%s.role has the unknown value \"%s\"", where, role);
    file->role = (enum file_role)r;
    LH_TRY(get_count(json, where, "row_count", &file->row_count, err));
    LH_TRY(get_count(json, where, "size_bytes", &file->size_bytes, err));
    LH_TRY(get_sha256(arena, json, where, "sha256", &file->sha256, err));
    LH_TRY(get_count(json, where, "added_version", &file->added_version, err));
    file->sequence = file->added_version; /* of records from before there were sequences */
    return json_object_get(json, "sequence") ? get_count(json, where, "sequence", &file->sequence, err) : LH_OK;
}

static enum lh_code lineage_from_json(struct arena *arena, const json_t *json, size_t i,
                                      struct manifest_lineage *lineage, struct lh_err *err) {
    char where[WHERE_MAX];
    snprintf(where, sizeof where, "lineage[%zu]", i);
    LH_TRY(get_text_or_null(arena, json, where, "source_system", &lineage->source_system, err));
    LH_TRY(get_text_or_null(arena, json, where, "source_name", &lineage->source_name, err));
    LH_TRY(get_sha256(arena, json, where, "source_sha256", &lineage->source_sha256, err));
    LH_TRY(get_count(json, where, "source_bytes", &lineage->source_bytes, err));
    LH_TRY(get_text_or_null(arena, json, where, "job_id", &lineage->job_id, err));
    LH_TRY(get_text_or_null(arena, json, where, "actor", &lineage->actor, err));
    LH_TRY(get_time(json, where, "at", &lineage->at_us, err));
    LH_TRY(get_count(json, where, "row_count", &lineage->row_count, err));
    return get_count(json, where, "reject_count", &lineage->reject_count, err);
}

static enum lh_code arrays_from_json(struct manifest *m, const json_t *json, struct lh_err *err) {
    json_t *array;
    LH_TRY(lh_json_get_array_or_null(json, "", "columns", &array, err));
    m->column_count = json_array_size(array);
    m->columns = arena_alloc(m->arena, (m->column_count + 1) * sizeof *m->columns);
    for (size_t i = 0; i < m->column_count; i++)
        LH_TRY(column_from_json(m->arena, json_array_get(array, i), i, &m->columns[i], err));

    LH_TRY(lh_json_get_array_or_null(json, "", "files", &array, err));
    m->file_count = json_array_size(array);
    m->files = arena_alloc(m->arena, (m->file_count + 1) * sizeof *m->files);
    for (size_t i = 0; i < m->file_count; i++)
        LH_TRY(file_from_json(m->arena, json_array_get(array, i), i, &m->files[i], err));

    LH_TRY(lh_json_get_array_or_null(json, "", "lineage", &array, err));
    m->lineage_count = json_array_size(array);
    m->lineage = arena_alloc(m->arena, (m->lineage_count + 1) * sizeof *m->lineage);
    for (size_t i = 0; i < m->lineage_count; i++)
        LH_TRY(lineage_from_json(m->arena, json_array_get(array, i), i, &m->lineage[i], err));
    return LH_OK;
}

static enum lh_code fields_from_json(struct manifest *m, const json_t *json, struct lh_err *err) {
    struct arena *arena = m->arena;
    LH_TRY(get_text(arena, json, "", "name", &m->name, err));
    LH_TRY(manifest_name_check(m->name, err));
    LH_TRY(get_text(arena, json, "", "id", &m->id, err));
    if (!lh_ulid_valid(m->id, strlen(m->id)))
        return out_of_range("", "id", "a ULID", err);
    LH_TRY(get_count(json, "", "version", &m->version, err));
    LH_TRY(get_count(json, "", "previous_version", &m->previous_version, err));
    LH_TRY(get_count(json, "", "schema_version", &m->schema_version, err));
    LH_TRY(get_time(json, "", "created_at", &m->created_us, err));
    LH_TRY(get_time(json, "", "updated_at", &m->updated_us, err));
    if (json_object_get(json, "rows_untold_at"))
        LH_TRY(get_time(json, "", "rows_untold_at", &m->untold_us, err));
    LH_TRY(get_text_or_null(arena, json, "", "bucket", &m->bucket, err));
    LH_TRY(get_text_or_null(arena, json, "", "description", &m->description, err));
    LH_TRY(get_text_or_null(arena, json, "", "owner", &m->owner, err));
    LH_TRY(get_word(arena, json, "sensitivity", SENSITIVITIES, LH_ARRAY_LEN(SENSITIVITIES), &m->sensitivity, err));
    LH_TRY(get_texts(arena, json, "tags", &m->tags, &m->tag_count, err));
    LH_TRY(lh_json_get_int_or(json, "", "freshness_sla_s", 0, &m->freshness_sla_s, err));
    if (m->freshness_sla_s < 0)
        return out_of_range("", "freshness_sla_s", "0 or more", err);
    LH_TRY(get_texts(arena, json, "primary_key", &m->primary_key, &m->primary_key_count, err));
    LH_TRY(get_count(json, "", "row_count", &m->row_count, err));
    LH_TRY(get_count(json, "", "size_bytes", &m->size_bytes, err));
    LH_TRY(arrays_from_json(m, json, err));
    LH_TRY(get_text_or_null(arena, json, "", "embedding_model", &m->embedding_model, err));
    LH_TRY(get_word(arena, json, "embedding_refresh_policy", REFRESH_POLICIES, LH_ARRAY_LEN(REFRESH_POLICIES),
                    &m->embedding_refresh_policy, err));
    LH_TRY(get_text_or_null(arena, json, "", "embedding_schedule", &m->embedding_schedule, err));
    if (json_object_get(json, "embedding_refreshed_at"))
        LH_TRY(get_time(json, "", "embedding_refreshed_at", &m->embedding_refreshed_us, err));
    return LH_OK;
}

enum lh_code manifest_from_json(const json_t *json, struct manifest **ret_manifest, struct lh_err *err) {
    if (!json_is_object(json))
        return lh_fail(err, LH_CORRUPT, "a manifest must be a JSON object");
    LH_AUTO(manifest) struct manifest *m = manifest_new(NULL);
    if (fields_from_json(m, json, err) != LH_OK) {
        lh_ignore(lh_err_context(err, "manifest of \"%s\"", m->name ? m->name : "?"));
        return err->code = LH_CORRUPT;
    }
    *ret_manifest = LH_STEAL(m);
    return LH_OK;
}
