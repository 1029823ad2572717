#include "lake/metadata_patch.h"

#include "base/arena.h"
#include "catalog/manifest.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 255
#define DESCRIPTION_MAX 65536
#define TAGS_MAX 100
#define TAG_MAX 100
#define FRESHNESS_MAX_S (INT64_C(10) * 366 * 86400)
#define KIND_MAX 64

const char *const metadata_patch_fields[] = {"description",
                                             "owner",
                                             "sensitivity",
                                             "tags",
                                             "freshness_sla_s",
                                             "primary_key",
                                             "embedding_model",
                                             "embedding_refresh_policy",
                                             "embedding_schedule",
                                             "columns",
                                             NULL};

/* Copy the text of `key` to *text: unchanged where it is absent, NULL where it is null or empty. */
static enum lh_code patch_text(struct manifest *m, const json_t *patch, const char *where, const char *key, size_t most,
                               const char **text, struct lh_err *err) {
    if (!json_object_get(patch, key))
        return LH_OK;
    const char *given;
    LH_TRY(lh_json_get_string_or(patch, where, key, "", &given, err));
    if (strlen(given) > most)
        return lh_fail(err, LH_INVALID, "%s%s%s has %zu bytes; at most %zu are allowed", where, *where ? "." : "", key,
                       strlen(given), most);
    *text = *given ? arena_strdup(m->arena, given) : NULL;
    return LH_OK;
}

static enum lh_code patch_word(struct manifest *m, const json_t *patch, const char *key, const char *const *words,
                               const char *list, const char **text, struct lh_err *err) {
    const char *word = *text;
    LH_TRY(patch_text(m, patch, "", key, TEXT_MAX, &word, err));
    for (size_t i = 0; word && words[i]; i++) {
        if (strcmp(word, words[i]) == 0) {
            *text = word;
            return LH_OK;
        }
    }
    if (word)
        return lh_fail(err, LH_INVALID, "%s is \"%s\"; allowed are %s", key, word, list);
    *text = NULL;
    return LH_OK;
}

/* An array of texts without repetitions; *texts is unchanged where the field is absent. */
static enum lh_code patch_texts(struct manifest *m, const json_t *patch, const char *key, size_t most_texts,
                                size_t most_bytes, const char ***texts, size_t *count, struct lh_err *err) {
    if (!json_object_get(patch, key))
        return LH_OK;
    json_t *array;
    LH_TRY(lh_json_get_array_or_null(patch, "", key, &array, err));
    size_t given = json_array_size(array);
    if (given > most_texts)
        return lh_fail(err, LH_INVALID, "%s has %zu entries; at most %zu are allowed", key, given, most_texts);
    const char **copy = arena_alloc(m->arena, (given + 1) * sizeof *copy);
    size_t kept = 0;
    for (size_t i = 0; i < given; i++) {
        const char *text = json_string_value(json_array_get(array, i));
        if (!text || *text == '\0' || strlen(text) > most_bytes)
            return lh_fail(err, LH_INVALID, "%s[%zu] must be a text of 1 to %zu bytes", key, i, most_bytes);
        bool known = false;
        for (size_t j = 0; j < kept && !known; j++)
            known = strcmp(copy[j], text) == 0;
        if (!known)
            copy[kept++] = arena_strdup(m->arena, text);
    }
    *texts = copy;
    *count = kept;
    return LH_OK;
}

static struct manifest_flag *find_flag(struct manifest *m, struct manifest_column *c, const char *kind,
                                       const char *actor, const char *judgement) {
    for (size_t i = 0; i < c->flag_count; i++) {
        if (strcmp(c->flags[i].kind, kind) == 0)
            return &c->flags[i];
    }
    struct manifest_flag *flags = arena_alloc(m->arena, (c->flag_count + 1) * sizeof *flags);
    if (c->flag_count > 0)
        memcpy(flags, c->flags, c->flag_count * sizeof *flags);
    struct manifest_flag *added = &flags[c->flag_count++];
    *added = (struct manifest_flag){.kind = arena_strdup(m->arena, kind),
                                    .reason = arena_printf(m->arena, "%s by %s", judgement, actor ? actor : "a person"),
                                    .confidence = 1};
    c->flags = flags;
    return added;
}

static enum lh_code patch_flags(struct manifest *m, struct manifest_column *c, json_t *flags, const char *actor,
                                struct lh_err *err) {
    const char *kind;
    json_t *value;
    json_object_foreach(flags, kind, value) {
        const char *judgement = json_string_value(value);
        if (*kind == '\0' || strlen(kind) > KIND_MAX)
            return lh_fail(err, LH_INVALID, "a flag of column \"%s\" must have a name of 1 to %d bytes", c->name,
                           KIND_MAX);
        bool confirmed = judgement && strcmp(judgement, "confirmed") == 0;
        bool dismissed = judgement && strcmp(judgement, "dismissed") == 0;
        if (!confirmed && !dismissed && (!judgement || strcmp(judgement, "detected") != 0))
            return lh_fail(err, LH_INVALID,
                           "flag \"%s\" of column \"%s\" must be \"confirmed\", \"dismissed\" or \"detected\"", kind,
                           c->name);
        struct manifest_flag *flag = find_flag(m, c, kind, actor, judgement);
        flag->confirmed = confirmed;
        flag->dismissed = dismissed;
    }
    return LH_OK;
}

static enum lh_code patch_columns(struct manifest *m, const json_t *patch, const char *actor, struct lh_err *err) {
    static const char *const fields[] = {"description", "flags", NULL};
    json_t *columns;
    LH_TRY(lh_json_get_object_or_null(patch, "", "columns", &columns, err));
    const char *name;
    json_t *change;
    json_object_foreach(columns, name, change) {
        struct manifest_column *c = manifest_find_column(m, name);
        if (!c)
            return lh_fail(err, LH_INVALID, "\"%s\" has no column \"%.255s\"", m->name, name);
        char where[300];
        snprintf(where, sizeof where, "columns.%.255s", name);
        LH_TRY(lh_json_only_keys(change, where, fields, err));
        LH_TRY(patch_text(m, change, where, "description", DESCRIPTION_MAX, &c->description, err));
        json_t *flags;
        LH_TRY(lh_json_get_object_or_null(change, where, "flags", &flags, err));
        if (flags)
            LH_TRY(patch_flags(m, c, flags, actor, err));
    }
    return LH_OK;
}

static enum lh_code patch_primary_key(struct manifest *m, const json_t *patch, struct lh_err *err) {
    LH_TRY(patch_texts(m, patch, "primary_key", TAGS_MAX, SIZE_MAX, &m->primary_key, &m->primary_key_count, err));
    for (size_t i = 0; i < m->primary_key_count; i++) {
        const struct manifest_column *c = manifest_find_column(m, m->primary_key[i]);
        if (!c)
            return lh_fail(err, LH_INVALID, "primary_key[%zu]: \"%s\" has no column \"%.255s\"", i, m->name,
                           m->primary_key[i]);
        m->primary_key[i] = c->name;
    }
    return LH_OK;
}

enum lh_code metadata_patch_apply(struct manifest *m, const json_t *patch, const char *actor, struct lh_err *err) {
    static const char *const sensitivities[] = {"public", "internal", "confidential", "restricted", NULL};
    static const char *const policies[] = {"manual", "on_append", "scheduled", NULL};
    LH_TRY(patch_text(m, patch, "", "description", DESCRIPTION_MAX, &m->description, err));
    LH_TRY(patch_text(m, patch, "", "owner", TEXT_MAX, &m->owner, err));
    LH_TRY(patch_word(m, patch, "sensitivity", sensitivities, "public, internal, confidential, restricted and null",
                      &m->sensitivity, err));
    LH_TRY(patch_texts(m, patch, "tags", TAGS_MAX, TAG_MAX, &m->tags, &m->tag_count, err));
    if (json_object_get(patch, "freshness_sla_s")) {
        LH_TRY(lh_json_get_int_or(patch, "", "freshness_sla_s", 0, &m->freshness_sla_s, err));
        if (m->freshness_sla_s < 0 || m->freshness_sla_s > FRESHNESS_MAX_S)
            return lh_fail(err, LH_INVALID, "freshness_sla_s must be from 1 to %lld, or null",
                           (long long)FRESHNESS_MAX_S);
    }
    LH_TRY(patch_primary_key(m, patch, err));
    LH_TRY(patch_text(m, patch, "", "embedding_model", TEXT_MAX, &m->embedding_model, err));
    LH_TRY(patch_word(m, patch, "embedding_refresh_policy", policies, "manual, on_append, scheduled and null",
                      &m->embedding_refresh_policy, err));
    LH_TRY(patch_text(m, patch, "", "embedding_schedule", TEXT_MAX, &m->embedding_schedule, err));
    return patch_columns(m, patch, actor, err);
}
