/* Rows, values and their texts; the table itself stands in base/config.h, the loader in config_load.c. */
#include "base/config.h"

#include "base/arena.h"
#include "base/config_internal.h"
#include "base/quantity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIELD_NAME_BOOL(key) key
#define FIELD_NAME_INT(key) key
#define FIELD_NAME_SIZE(key) key
#define FIELD_NAME_DURATION(key) key##_ms
#define FIELD_NAME_STRING(key) key
#define FIELD_NAME_ENUM(key) key
#define FIELD_NAME_LIST(key) key

#define ROW(owner, type, key, fallback, allowed, doc) \
    {CONFIG_##type, #key, fallback, allowed, doc, offsetof(owner, FIELD_NAME_##type(key))},

#define SECTION_ROWS(section, list, doc) static const struct config_row section##_rows[] = {list(ROW_OF_##section)};
#define ROW_OF_server(...) ROW(struct lh_config_server, __VA_ARGS__)
#define ROW_OF_auth(...) ROW(struct lh_config_auth, __VA_ARGS__)
#define ROW_OF_storage(...) ROW(struct lh_config_storage, __VA_ARGS__)
#define ROW_OF_query(...) ROW(struct lh_config_query, __VA_ARGS__)
#define ROW_OF_ingest(...) ROW(struct lh_config_ingest, __VA_ARGS__)
#define ROW_OF_catalog(...) ROW(struct lh_config_catalog, __VA_ARGS__)
#define ROW_OF_errors(...) ROW(struct lh_config_errors, __VA_ARGS__)
#define ROW_OF_journal(...) ROW(struct lh_config_journal, __VA_ARGS__)
#define ROW_OF_agent(...) ROW(struct lh_config_agent, __VA_ARGS__)
#define ROW_OF_cache(...) ROW(struct lh_config_cache, __VA_ARGS__)
#define ROW_OF_jobs(...) ROW(struct lh_config_jobs, __VA_ARGS__)
#define ROW_OF_ai(...) ROW(struct lh_config_ai, __VA_ARGS__)
#define ROW_OF_maintenance(...) ROW(struct lh_config_maintenance, __VA_ARGS__)
#define ROW_OF_log(...) ROW(struct lh_config_log, __VA_ARGS__)
#define ROW_OF_trace(...) ROW(struct lh_config_trace, __VA_ARGS__)
LH_CONFIG_SECTIONS(SECTION_ROWS)

#define ROW_OF_bucket(...) ROW(struct lh_config_bucket, __VA_ARGS__)
#define ROW_OF_pii(...) ROW(struct lh_config_pii_rule, __VA_ARGS__)
static const struct config_row bucket_rows[] = {LH_CONFIG_BUCKET(ROW_OF_bucket)};
static const struct config_row pii_rows[] = {LH_CONFIG_PII_RULE(ROW_OF_pii)};

const struct config_section config_sections[] = {
#define SECTION(section, list, text) \
    {#section, text, section##_rows, LH_ARRAY_LEN(section##_rows), offsetof(struct lh_config, section)},
    LH_CONFIG_SECTIONS(SECTION)
#undef SECTION
};
const size_t config_section_count = LH_ARRAY_LEN(config_sections);

const struct config_table_array config_table_arrays[] = {
    {"storage", "buckets", "Buckets; where there is none, \"primary\" is made from root", bucket_rows,
     LH_ARRAY_LEN(bucket_rows), sizeof(struct lh_config_bucket), offsetof(struct lh_config, buckets),
     offsetof(struct lh_config, bucket_count)},
    {"ingest", "pii", "Kinds of personal data beside the built-in ones", pii_rows, LH_ARRAY_LEN(pii_rows),
     sizeof(struct lh_config_pii_rule), offsetof(struct lh_config, pii_rules),
     offsetof(struct lh_config, pii_rule_count)},
};
const size_t config_table_array_count = LH_ARRAY_LEN(config_table_arrays);

/* "MIN..MAX" of a row, read by the reader of its type. */
static void range_text(const char *allowed, char *ret_min, char *ret_max, size_t size) {
    const char *dots = strstr(allowed, "..");
    snprintf(ret_min, size, "%.*s", (int)(dots - allowed), allowed);
    snprintf(ret_max, size, "%s", dots + 2);
}

static bool set_int(const struct config_row *row, const char *text, void *field) {
    char min_text[24];
    char max_text[24];
    int64_t value;
    int64_t min = 0;
    int64_t max = 0;
    range_text(row->allowed, min_text, max_text, sizeof min_text);
    if (!lh_int_parse(text, &value) || !lh_int_parse(min_text, &min) || !lh_int_parse(max_text, &max))
        return false;
    if (value < min || value > max)
        return false;
    *(int64_t *)field = value;
    return true;
}

static bool set_size(const struct config_row *row, const char *text, void *field) {
    char min_text[24];
    char max_text[24];
    uint64_t value;
    uint64_t min = 0;
    uint64_t max = 0;
    range_text(row->allowed, min_text, max_text, sizeof min_text);
    if (!lh_size_parse(text, &value) || !lh_size_parse(min_text, &min) || !lh_size_parse(max_text, &max))
        return false;
    if (value < min || value > max)
        return false;
    *(uint64_t *)field = value;
    return true;
}

static bool set_duration(const struct config_row *row, const char *text, void *field) {
    char min_text[24];
    char max_text[24];
    int64_t value;
    int64_t min = 0;
    int64_t max = 0;
    range_text(row->allowed, min_text, max_text, sizeof min_text);
    if (!lh_duration_parse(text, &value) || !lh_duration_parse(min_text, &min) || !lh_duration_parse(max_text, &max))
        return false;
    if (value < min || value > max)
        return false;
    *(int64_t *)field = value;
    return true;
}

static bool set_bool(const char *text, void *field) {
    bool truth = strcmp(text, "true") == 0;
    if (!truth && strcmp(text, "false") != 0)
        return false;
    *(bool *)field = truth;
    return true;
}

static bool set_enum(const struct config_row *row, const char *text, void *field) {
    int index = 0;
    size_t len = strlen(text);
    for (const char *at = row->allowed; *at; index++) {
        size_t word = strcspn(at, "|");
        if (word == len && memcmp(at, text, len) == 0) {
            *(int *)field = index;
            return true;
        }
        at += word + (at[word] == '|');
    }
    return false;
}

/* Comma-separated; empty text is an empty list. */
static void set_list(const char *text, void *field, struct arena *memory) {
    size_t count = *text != '\0';
    for (const char *c = text; *c; c++)
        count += *c == ',';
    struct lh_config_list list = {.items = arena_alloc(memory, count * sizeof(char *)), .count = count};
    const char *at = text;
    for (size_t i = 0; i < count; i++) {
        size_t len = strcspn(at, ",");
        list.items[i] = arena_strndup(memory, at, len);
        at += len + (at[len] == ',');
    }
    *(struct lh_config_list *)field = list;
}

bool config_set(const struct config_row *row, const char *text, void *owner, struct arena *memory) {
    void *field = (char *)owner + row->offset;
    switch (row->type) {
    case CONFIG_BOOL: return set_bool(text, field);
    case CONFIG_INT: return set_int(row, text, field);
    case CONFIG_SIZE: return set_size(row, text, field);
    case CONFIG_DURATION: return set_duration(row, text, field);
    case CONFIG_ENUM: return set_enum(row, text, field);
    case CONFIG_STRING: *(const char **)field = arena_strdup(memory, text); return true;
    case CONFIG_LIST: set_list(text, field, memory); return true;
    }
    return false;
}

void config_describe_allowed(const struct config_row *row, struct buf *out) {
    switch (row->type) {
    case CONFIG_BOOL: buf_append_str(out, "true or false"); break;
    case CONFIG_INT: buf_printf(out, "a whole number, %s", row->allowed); break;
    case CONFIG_SIZE: buf_printf(out, "a size such as \"64MB\", %s", row->allowed); break;
    case CONFIG_DURATION: buf_printf(out, "a time such as \"30s\", %s", row->allowed); break;
    case CONFIG_STRING: buf_printf(out, "text%s%s", *row->allowed ? ": " : "", row->allowed); break;
    case CONFIG_LIST: buf_printf(out, "an array of texts%s%s", *row->allowed ? ": " : "", row->allowed); break;
    case CONFIG_ENUM:
        for (const char *at = row->allowed; *at;) {
            size_t word = strcspn(at, "|");
            buf_printf(out, "%s\"%.*s\"", at == row->allowed ? "" : at[word] ? ", " : " or ", (int)word, at);
            at += word + (at[word] == '|');
        }
        break;
    }
}

static void write_duration(int64_t ms, struct buf *out) {
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    /* The largest unit that divides it; one single unit of a larger kind ("1m") is left to the next ("60s"). */
    size_t i = 0;
    while (i + 1 < LH_ARRAY_LEN(units) && (ms % units[i].ms != 0 || ms / units[i].ms < 2))
        i++;
    if (ms == 0)
        buf_append_str(out, "\"0s\"");
    else
        buf_printf(out, "\"%" PRId64 "%s\"", ms / units[i].ms, units[i].unit);
}

static void write_size(uint64_t bytes, struct buf *out) {
    static const char *const units[] = {"B", "KB", "MB", "GB", "TB"};
    size_t unit = 0;
    while (bytes != 0 && unit + 1 < LH_ARRAY_LEN(units) && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    buf_printf(out, "\"%" PRIu64 "%s\"", bytes, units[unit]);
}

static void write_value(const struct config_row *row, const void *owner, struct buf *out) {
    const void *field = (const char *)owner + row->offset;
    switch (row->type) {
    case CONFIG_BOOL: buf_append_str(out, *(const bool *)field ? "true" : "false"); break;
    case CONFIG_INT: buf_printf(out, "%" PRId64, *(const int64_t *)field); break;
    case CONFIG_SIZE: write_size(*(const uint64_t *)field, out); break;
    case CONFIG_DURATION: write_duration(*(const int64_t *)field, out); break;
    case CONFIG_STRING: {
        const char *text = *(const char *const *)field;
        buf_append_json_string(out, text, strlen(text)); /* a TOML basic string has the same escapes */
        break;
    }
    case CONFIG_ENUM: {
        const char *at = row->allowed;
        for (int i = *(const int *)field; i > 0; i--)
            at = strchr(at, '|') + 1;
        buf_printf(out, "\"%.*s\"", (int)strcspn(at, "|"), at);
        break;
    }
    case CONFIG_LIST: {
        const struct lh_config_list *list = field;
        buf_append_char(out, '[');
        for (size_t i = 0; i < list->count; i++) {
            buf_append_str(out, i ? ", " : "");
            buf_append_json_string(out, list->items[i], strlen(list->items[i]));
        }
        buf_append_char(out, ']');
        break;
    }
    }
}

static void write_rows(const struct config_row *rows, size_t count, const void *owner, const char *margin,
                       struct buf *out) {
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%s# %s.", margin, rows[i].doc);
        if (rows[i].type != CONFIG_BOOL && *rows[i].allowed) {
            buf_append_str(out, " (");
            config_describe_allowed(&rows[i], out);
            buf_append_char(out, ')');
        }
        buf_printf(out, "\n%s%s = ", margin, rows[i].key);
        write_value(&rows[i], owner, out);
        buf_append_char(out, '\n');
    }
}

/* An array of tables: its elements, or one example in comments where there is none. */
static void write_table_array(const struct config_table_array *array, const struct lh_config *config, struct buf *out) {
    size_t count = *(const size_t *)((const char *)config + array->count_offset);
    const char *items = *(const char *const *)((const char *)config + array->items_offset);
    if (count > 0)
        buf_printf(out, "\n# %s.\n", array->doc);
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "[[%s.%s]]\n", array->section, array->key);
        write_rows(array->rows, array->row_count, items + i * array->item_size, "", out);
    }
    if (count > 0)
        return;
    buf_printf(out, "\n# %s:\n# [[%s.%s]]\n", array->doc, array->section, array->key);
    for (size_t i = 0; i < array->row_count; i++)
        buf_printf(out, "# %s = ... # %s\n", array->rows[i].key, array->rows[i].doc);
}

static void write_all(const struct lh_config *config, struct buf *out) {
    buf_append_str(out, "# Every key of Lakehouse with its value.  Environment variables override the file:\n"
                        "# LAKEHOUSE__SECTION__KEY, for example LAKEHOUSE__SERVER__LISTEN=127.0.0.1:8080\n");
    for (size_t i = 0; i < config_section_count; i++) {
        const struct config_section *section = &config_sections[i];
        buf_printf(out, "\n# %s.\n[%s]\n", section->doc, section->name);
        write_rows(section->rows, section->row_count, (const char *)config + section->offset, "", out);
        for (size_t j = 0; j < config_table_array_count; j++)
            if (strcmp(config_table_arrays[j].section, section->name) == 0)
                write_table_array(&config_table_arrays[j], config, out);
    }
}

void lh_config_write(const struct lh_config *config, struct buf *out) {
    if (config) {
        write_all(config, out);
        return;
    }
    struct lh_err err = LH_ERR_INIT;
    struct lh_config *fallback = NULL;
    if (lh_config_load(NULL, 0, "", NULL, &fallback, NULL, &err) != LH_OK) {
        buf_printf(out, "# %s\n", err.message); /* a default outside its own range: a unit test sees to it */
        return;
    }
    write_all(fallback, out);
    lh_config_free(fallback);
}

void lh_config_free(struct lh_config *config) {
    if (config)
        arena_free(config->memory); /* the struct itself lies in it */
}
