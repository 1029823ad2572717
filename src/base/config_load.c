/* From defaults, file and environment to struct lh_config.  Every problem is noted and the walk goes on, so that
 * `lakehouse config check` can show all of them at once. */
#include "base/config.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/config_internal.h"
#include "base/suggest.h"
#include "base/toml.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ENV_PREFIX "LAKEHOUSE__"
#define MAX_NAMES 64

struct loader {
    struct lh_config *config;
    const char *name; /* of the file */
    const struct lh_toml *doc;
    struct buf *problems; /* may be NULL */
    struct lh_err first;  /* code LH_OK while there is none */
};

static void note_problem(struct loader *l, const char *place, const char *what, const char *hint) {
    if (l->first.code == LH_OK) {
        lh_ignore(lh_fail(&l->first, LH_INVALID, "%s: %s", place, what));
        if (*hint)
            lh_ignore(lh_err_hint(&l->first, "%s", hint));
    }
    if (l->problems)
        buf_printf(l->problems, "%s: %s%s%s\n", place, what, *hint ? "; " : "", hint);
}

/* "lakehouse.toml:7" */
static void place_in_file(const struct loader *l, const char *path, struct buf *out) {
    buf_append_str(out, l->name);
    int line = lh_toml_line(l->doc, path);
    if (line > 0)
        buf_printf(out, ":%d", line);
}

static void note_in_file(struct loader *l, const char *path, const char *what, const char *hint) {
    LH_AUTO(buf) struct buf place = BUF_INIT;
    place_in_file(l, path, &place);
    note_problem(l, buf_cstr(&place), what, hint);
}

static void note_unknown(struct loader *l, const char *place, const char *kind, const char *shown, const char *wrong,
                         const char *const *names, size_t count) {
    LH_AUTO(mem) char *what = lh_asprintf("there is no %s \"%s\"", kind, shown);
    const char *near = lh_suggest(wrong, names, count);
    LH_AUTO(mem) char *hint = near ? lh_asprintf("did you mean \"%s\"?", near) : lh_strdup("");
    note_problem(l, place, what, hint);
}

static void note_bad_value(struct loader *l, const char *place, const char *path, const struct config_row *row,
                           const char *shown) {
    LH_AUTO(buf) struct buf what = BUF_INIT;
    buf_printf(&what, "\"%s\" cannot be %s: it must be ", path, shown);
    config_describe_allowed(row, &what);
    note_problem(l, place, buf_cstr(&what), "");
}

static void set_defaults(struct loader *l, const struct config_row *rows, size_t count, void *owner) {
    for (size_t i = 0; i < count; i++)
        if (!config_set(&rows[i], rows[i].fallback, owner, l->config->memory))
            note_bad_value(l, "built-in default", rows[i].key, &rows[i], rows[i].fallback);
}

static const struct config_row *find_row(const struct config_row *rows, size_t count, const char *key) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].key, key) == 0)
            return &rows[i];
    return NULL;
}

/* An array of strings joined by commas, as config_set reads lists; false where it is anything else. */
static bool join_list(const json_t *value, struct buf *out) {
    if (!json_is_array(value))
        return false;
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *item = json_string_value(json_array_get(value, i));
        if (!item || strchr(item, ','))
            return false;
        buf_printf(out, "%s%s", i ? "," : "", item);
    }
    return true;
}

/* The value as the text that config_set reads; false where its TOML type does not fit the row at all. */
static bool text_of_value(const struct config_row *row, const json_t *value, struct buf *out) {
    bool takes_number = row->type == CONFIG_INT || row->type == CONFIG_SIZE || row->type == CONFIG_DURATION;
    if (row->type == CONFIG_LIST)
        return join_list(value, out);
    if (json_is_boolean(value) && row->type == CONFIG_BOOL)
        buf_append_str(out, json_is_true(value) ? "true" : "false");
    else if (json_is_integer(value) && takes_number)
        buf_printf(out, "%" PRId64, (int64_t)json_integer_value(value));
    else if (json_is_string(value) && row->type != CONFIG_BOOL && row->type != CONFIG_INT)
        buf_append_str(out, json_string_value(value));
    else
        return false;
    return true;
}

static void set_from_file(struct loader *l, const char *path, const struct config_row *row, const json_t *value,
                          void *owner) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    if (text_of_value(row, value, &text) && config_set(row, buf_cstr(&text), owner, l->config->memory))
        return;
    LH_AUTO(mem) char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    LH_AUTO(buf) struct buf place = BUF_INIT;
    place_in_file(l, path, &place);
    note_bad_value(l, buf_cstr(&place), path, row, shown ? shown : "that");
}

static const struct config_table_array *find_array(const char *section, const char *key) {
    for (size_t i = 0; i < config_table_array_count; i++)
        if (strcmp(config_table_arrays[i].section, section) == 0 && strcmp(config_table_arrays[i].key, key) == 0)
            return &config_table_arrays[i];
    return NULL;
}

static size_t names_of(const struct config_row *rows, size_t count, const char **names) {
    for (size_t i = 0; i < count; i++)
        names[i] = rows[i].key;
    return count;
}

static void load_table(struct loader *l, const char *table_path, const struct config_row *rows, size_t row_count,
                       const char *section, const json_t *table, void *owner);

static void load_table_array(struct loader *l, const struct config_table_array *array, const char *path,
                             const json_t *value) {
    size_t count = json_array_size(value);
    if (!json_is_array(value) || (count > 0 && !json_is_object(json_array_get(value, 0)))) {
        LH_AUTO(mem) char *what = lh_asprintf("\"%s\" must be an array of tables, written [[%s]]", path, path);
        note_in_file(l, path, what, "");
        return;
    }
    char *items = arena_alloc(l->config->memory, count * array->item_size);
    for (size_t i = 0; i < count; i++) {
        char *item = items + i * array->item_size;
        set_defaults(l, array->rows, array->row_count, item);
        LH_AUTO(mem) char *item_path = lh_asprintf("%s[%zu]", path, i);
        load_table(l, item_path, array->rows, array->row_count, NULL, json_array_get(value, i), item);
        const char *name = *(const char **)(item + array->rows[0].offset); /* `name` is the first key of each */
        if (!*name)
            note_in_file(l, item_path, "\"name\" is missing", "");
    }
    *(void **)((char *)l->config + array->items_offset) = items;
    *(size_t *)((char *)l->config + array->count_offset) = count;
}

/* `section` is NULL inside an array of tables, which has none of its own. */
static void load_table(struct loader *l, const char *table_path, const struct config_row *rows, size_t row_count,
                       const char *section, const json_t *table, void *owner) {
    const char *key;
    json_t *value;
    if (!json_is_object(table)) {
        LH_AUTO(mem) char *what = lh_asprintf("\"%s\" must be a table", table_path);
        note_in_file(l, table_path, what, "");
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)table, key, value) {
        LH_AUTO(mem) char *path = lh_asprintf("%s.%s", table_path, key);
        const struct config_table_array *array = section ? find_array(section, key) : NULL;
        const struct config_row *row = find_row(rows, row_count, key);
        if (array) {
            load_table_array(l, array, path, value);
        } else if (row) {
            set_from_file(l, path, row, value, owner);
        } else {
            const char *names[MAX_NAMES];
            LH_AUTO(buf) struct buf place = BUF_INIT;
            place_in_file(l, path, &place);
            note_unknown(l, buf_cstr(&place), "key", path, key, names, names_of(rows, row_count, names));
        }
    }
}

static const struct config_section *find_section(const char *name) {
    for (size_t i = 0; i < config_section_count; i++)
        if (strcmp(config_sections[i].name, name) == 0)
            return &config_sections[i];
    return NULL;
}

static size_t section_names(const char **names) {
    for (size_t i = 0; i < config_section_count; i++)
        names[i] = config_sections[i].name;
    return config_section_count;
}

static void load_document(struct loader *l) {
    const char *name;
    json_t *table;
    json_object_foreach((json_t *)(uintptr_t)lh_toml_root(l->doc), name, table) {
        const struct config_section *section = find_section(name);
        if (section) {
            load_table(l, name, section->rows, section->row_count, name, table, (char *)l->config + section->offset);
            continue;
        }
        const char *names[MAX_NAMES];
        LH_AUTO(buf) struct buf place = BUF_INIT;
        place_in_file(l, name, &place);
        note_unknown(l, buf_cstr(&place), "section", name, name, names, section_names(names));
    }
}

static char *lowered(const char *text, size_t len) {
    char *copy = lh_strndup(text, len);
    for (char *c = copy; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return copy;
}

/* `entry` is "LAKEHOUSE__SECTION__KEY=value". */
static void load_variable(struct loader *l, const char *entry) {
    const char *equals = strchr(entry, '=');
    const char *start = entry + strlen(ENV_PREFIX);
    const char *split = equals ? strstr(start, "__") : NULL;
    LH_AUTO(mem) char *variable = lh_strndup(entry, equals ? (size_t)(equals - entry) : strlen(entry));
    LH_AUTO(mem) char *place = lh_asprintf("environment variable %s", variable);
    if (!split || split > equals) {
        note_problem(l, place, "the name must be LAKEHOUSE__SECTION__KEY", "");
        return;
    }
    LH_AUTO(mem) char *section_name = lowered(start, (size_t)(split - start));
    LH_AUTO(mem) char *key = lowered(split + 2, (size_t)(equals - split - 2));
    const char *names[MAX_NAMES];
    const struct config_section *section = find_section(section_name);
    if (!section) {
        note_unknown(l, place, "section", section_name, section_name, names, section_names(names));
        return;
    }
    LH_AUTO(mem) char *path = lh_asprintf("%s.%s", section_name, key);
    const struct config_row *row = find_row(section->rows, section->row_count, key);
    if (!row)
        note_unknown(l, place, "key", path, key, names, names_of(section->rows, section->row_count, names));
    else if (!config_set(row, equals + 1, (char *)l->config + section->offset, l->config->memory))
        note_bad_value(l, place, path, row, equals + 1);
}

static void check_ai(struct loader *l) {
    const struct lh_config_ai *ai = &l->config->ai;
    if (ai->embedder != LH_EMBED_BUILTIN && !ai->embed_model[0])
        note_problem(l, l->name, "\"ai.embedder\" needs a model", "name it in \"ai.embed_model\"");
    if (ai->embedder == LH_EMBED_BUILTIN && ai->embed_model[0])
        note_problem(l, l->name, "\"ai.embed_model\" is not for the built-in embedder",
                     "set \"ai.embedder\" to \"ollama\" or \"openai\"");
    if (ai->embedder == LH_EMBED_BUILTIN && ai->embed_dimensions != 0 && ai->embed_dimensions != 384 &&
        ai->embed_dimensions != 768)
        note_problem(l, l->name, "\"ai.embed_dimensions\" of the built-in embedder is 384 or 768", "");
    if (ai->generator != LH_GENERATE_NONE && !ai->generate_model[0])
        note_problem(l, l->name, "\"ai.generator\" needs a model", "name it in \"ai.generate_model\"");
}

/* What no single key can tell. */
static void check_whole(struct loader *l) {
    const struct lh_config *c = l->config;
    bool has_primary = c->bucket_count == 0;
    for (size_t i = 0; i < c->bucket_count; i++) {
        has_primary = has_primary || strcmp(c->buckets[i].name, "primary") == 0;
        for (size_t j = 0; j < i; j++)
            if (strcmp(c->buckets[i].name, c->buckets[j].name) == 0)
                note_problem(l, l->name, "two entries of [[storage.buckets]] have the same name", "");
    }
    if (!has_primary)
        note_problem(l, l->name, "no entry of [[storage.buckets]] is named \"primary\"", "");
    if (c->query.timeout_ms > c->query.max_timeout_ms)
        note_problem(l, l->name, "\"query.timeout\" is above \"query.max_timeout\"", "");
    check_ai(l);
}

static void set_all_defaults(struct loader *l) {
    for (size_t i = 0; i < config_section_count; i++)
        set_defaults(l, config_sections[i].rows, config_sections[i].row_count,
                     (char *)l->config + config_sections[i].offset);
}

enum lh_code lh_config_load(const char *text, size_t len, const char *name, char *const *env,
                            struct lh_config **ret_config, struct buf *ret_problems, struct lh_err *err) {
    struct lh_toml *doc = NULL;
    if (text) {
        enum lh_code code = lh_toml_parse(text, len, name, &doc, err);
        if (code != LH_OK && ret_problems)
            buf_printf(ret_problems, "%s\n", err->message);
        LH_TRY(code);
    }
    struct arena *memory = arena_new();
    struct loader loader = {
        .config = arena_alloc(memory, sizeof(struct lh_config)),
        .name = name,
        .doc = doc,
        .problems = ret_problems,
        .first = LH_ERR_INIT,
    };
    loader.config->memory = memory;
    set_all_defaults(&loader);
    if (doc)
        load_document(&loader);
    for (size_t i = 0; env && env[i]; i++)
        if (strncmp(env[i], ENV_PREFIX, strlen(ENV_PREFIX)) == 0)
            load_variable(&loader, env[i]);
    check_whole(&loader);
    lh_toml_free(doc);
    if (loader.first.code != LH_OK) {
        arena_free(memory);
        *err = loader.first;
        return err->code;
    }
    *ret_config = loader.config;
    return LH_OK;
}
