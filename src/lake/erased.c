#include "lake/erased.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "lake/erased_internal.h"
#include "lake/row_state.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <ctype.h>
#include <string.h>

#define QUERY_TIMEOUT_MS (INT64_C(3600) * 1000)
#define ANSWER_MAX_BYTES ((size_t)16 << 20)

static void hunt_release(struct hunt *h) {
    erased_keys_release(&h->keys);
    past_files_release(&h->past);
    arena_free(h->arena);
}

/* ---- telling ---- */

void erased_tell(struct hunt *h, enum erased_kind kind, struct erased_finding finding) {
    finding.kind = kind;
    h->totals.findings[kind]++;
    h->search->found(h->search->ctx, &finding);
}

void erased_tell_unreadable(struct hunt *h, const struct erased_finding *place, const struct lh_err *err) {
    struct erased_finding finding = *place;
    finding.message = err->message;
    erased_tell(h, ERASED_UNREADABLE, finding);
}

void erased_count(struct hunt *h) {
    h->totals.objects++;
    if (h->search->progress)
        h->search->progress(h->search->ctx, h->totals.objects, h->total);
}

/* What has to happen until a file of a dataset is gone. */
static const char *remedy(const struct past_file *file) {
    if (file->last_version > 0)
        return "no version in use names it: a vacuum removes it once its retention has passed";
    if (file->file.role == FILE_TOMBSTONE)
        return "the tombstone itself names the key: a compaction, then a vacuum past the retention, removes it";
    if (file->file.role == FILE_CHANGES)
        return "it goes with the next commit of the dataset and a vacuum past the retention";
    if (file->file.role == FILE_REJECTS)
        return "the newest version names it: replace the dataset (mode=replace) or delete it, then vacuum";
    return "the newest version names it: tombstone the row, compact, then vacuum past the retention";
}

/* ---- Parquet ---- */

void erased_conditions_release(struct erased_conditions *c) {
    buf_release(&c->sql);
    lh_free(c->names);
}

void erased_add_condition(struct erased_conditions *c, const char *name, const char *sql) {
    buf_printf(&c->sql, "%scount_if(%s)", c->count > 0 ? ", " : "", sql);
    c->names = lh_realloc(c->names, (c->count + 1) * sizeof *c->names);
    c->names[c->count++] = name;
}

static enum lh_code start(struct hunt *h, const char *sql, struct engine_result **ret_result, struct lh_err *err) {
    const struct engine_query query = {
        .sql = sql, .format = ENGINE_JSON, .row_limit = UINT64_MAX, .timeout_ms = QUERY_TIMEOUT_MS, .cancel_fd = -1};
    return engine_query_start(h->search->engine, &query, ret_result, err);
}

enum lh_code erased_count_rows(struct hunt *h, const struct erased_conditions *c, const char *from, json_t **ret_counts,
                               struct lh_err *err) {
    LH_AUTO(engine_result) struct engine_result *result = NULL;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *answer = NULL;
    buf_append_str(&sql, "SELECT ");
    buf_append(&sql, buf_cstr(&c->sql), c->sql.len);
    buf_append_str(&sql, from);
    LH_TRY(start(h, buf_cstr(&sql), &result, err));
    LH_TRY(engine_result_read_all(result, "the count of rows", ANSWER_MAX_BYTES, &text, err));
    LH_TRY(lh_json_parse(buf_cstr(&text), text.len, NULL, &answer, err));
    *ret_counts = json_incref(json_array_get(json_object_get(answer, "rows"), 0));
    return LH_OK;
}

void erased_append_forms(const struct hunt *h, const char *before, const char *after, const char *between,
                         struct buf *sql) {
    size_t i;
    json_t *form;
    json_array_foreach(h->keys.forms, i, form) {
        buf_printf(sql, "%s%s", i > 0 ? between : "", before);
        buf_append_sql_string(sql, json_string_value(form));
        buf_append_str(sql, after);
    }
}

/* A condition: does the column hold the key? */
static void append_holds(const struct hunt *h, struct buf *sql, const char *name, const char *type) {
    bool nested = type[strlen(type) - 1] == ']' || strchr(type, '(') || strcmp(type, "JSON") == 0;
    bool decimal = strncmp(type, "DECIMAL(", 8) == 0;
    if (nested && !decimal) {
        LH_AUTO(buf) struct buf contains = BUF_INIT;
        buf_append_str(&contains, "contains(CAST(");
        buf_append_sql_ident(&contains, name);
        buf_append_str(&contains, " AS VARCHAR), ");
        erased_append_forms(h, buf_cstr(&contains), ")", " OR ", sql);
        return;
    }
    LH_AUTO(mem) char *after = lh_asprintf(" AS %s)", type);
    buf_append_sql_ident(sql, name);
    buf_append_str(sql, " IN (");
    erased_append_forms(h, "TRY_CAST(", after, ", ", sql);
    buf_append_char(sql, ')');
}

static bool is_column(const json_t *columns, const char *name) {
    size_t i;
    json_t *column;
    json_array_foreach(columns, i, column) {
        if (manifest_name_compare(json_string_value(json_object_get(column, "name")), name) == 0)
            return true;
    }
    return false;
}

static bool has_key(const json_t *columns, const struct manifest *m) {
    for (size_t i = 0; i < m->primary_key_count; i++)
        if (!is_column(columns, m->primary_key[i]))
            return false;
    return m->primary_key_count > 0;
}

const json_t *erased_texts_of(const struct hunt *h, const struct manifest *m) {
    for (size_t i = 0; m && i < h->past.dataset_count; i++)
        if (h->past.datasets[i].newest == m)
            return h->keys.texts[i];
    return NULL;
}

/* The row by the dataset's key, where it has one; any column, where mentions are wanted. */
static void add_conditions(struct hunt *h, const json_t *columns, const struct manifest *m,
                           struct erased_conditions *c) {
    LH_AUTO(buf) struct buf row = BUF_INIT;
    size_t i;
    json_t *column;
    if (m && has_key(columns, m) && row_key_texts_condition(m, erased_texts_of(h, m), &row))
        erased_add_condition(c, NULL, buf_cstr(&row));
    if (h->search->dataset)
        return;
    json_array_foreach(columns, i, column) {
        const char *name = json_string_value(json_object_get(column, "name"));
        LH_AUTO(buf) struct buf holds = BUF_INIT;
        append_holds(h, &holds, name, json_string_value(json_object_get(column, "type")));
        erased_add_condition(c, arena_strdup(h->arena, name), buf_cstr(&holds));
    }
}

/* The columns of the key say no more than that the row is there. */
static bool is_told(const struct manifest *m, bool row, const char *name) {
    for (size_t i = 0; row && m && i < m->primary_key_count; i++)
        if (manifest_name_compare(m->primary_key[i], name) == 0)
            return true;
    return false;
}

void erased_tell_counts(struct hunt *h, const struct erased_finding *place, const struct manifest *m,
                        const struct erased_conditions *c, const json_t *counts) {
    LH_AUTO(buf) struct buf names = BUF_INIT;
    struct erased_finding mention = *place;
    bool row = false;
    for (size_t i = 0; i < c->count; i++) {
        json_int_t rows = json_integer_value(json_array_get(counts, i));
        if (rows <= 0 || (c->names[i] && is_told(m, row, c->names[i])))
            continue;
        if (!c->names[i]) {
            struct erased_finding found = *place;
            found.rows = (uint64_t)rows;
            found.columns = "";
            row = true;
            erased_tell(h, ERASED_ROW, found);
            continue;
        }
        buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", c->names[i]);
        if ((uint64_t)rows > mention.rows)
            mention.rows = (uint64_t)rows;
    }
    mention.columns = buf_cstr(&names);
    if (names.len > 0)
        erased_tell(h, ERASED_MENTION, mention);
}

static enum lh_code search_parquet(struct hunt *h, const struct erased_finding *place, const char *path,
                                   const struct manifest *m, struct lh_err *err) {
    LH_AUTO(buf) struct buf from = BUF_INIT;
    LH_AUTO(json) json_t *columns = NULL, *counts = NULL;
    LH_CLEANUP(erased_conditions_release) struct erased_conditions c = {.sql = BUF_INIT};
    buf_append_str(&from, " FROM read_parquet(");
    buf_append_sql_path(&from, path);
    buf_append_str(&from, ", hive_partitioning = false)");
    {
        LH_AUTO(engine_result) struct engine_result *result = NULL;
        LH_AUTO(mem) char *sql = lh_asprintf("SELECT *%s LIMIT 0", buf_cstr(&from));
        LH_TRY(start(h, sql, &result, err));
        columns = json_deep_copy(engine_result_columns(result));
    }
    add_conditions(h, columns, m, &c);
    if (c.count == 0 && m)
        return lh_fail(err, LH_INVALID, "its rows cannot be told by this key: search without --dataset");
    if (c.count == 0)
        return LH_OK;
    LH_TRY(erased_count_rows(h, &c, buf_cstr(&from), &counts, err));
    erased_tell_counts(h, place, m, &c, counts);
    return LH_OK;
}

/* Events and changes: about the row (its entity), or with the key in a value. */
enum lh_code erased_search_events(struct hunt *h, const struct erased_finding *place, const char *path, bool changes,
                                  struct lh_err *err) {
    LH_CLEANUP(erased_conditions_release) struct erased_conditions c = {.sql = BUF_INIT};
    LH_AUTO(buf) struct buf from = BUF_INIT;
    LH_AUTO(buf) struct buf row = BUF_INIT;
    LH_AUTO(buf) struct buf values = BUF_INIT;
    LH_AUTO(json) json_t *counts = NULL;
    buf_append_str(&from, " FROM read_parquet(");
    buf_append_sql_path(&from, path);
    buf_append_str(&from, ", hive_partitioning = false)");
    buf_append_str(&row, changes ? "list_has_any([*COLUMNS('^(entity_id|erases)$')], [" : "entity_id IN (");
    erased_append_forms(h, "", "", ", ", &row);
    buf_append_str(&row, changes ? "])" : ")");
    if (h->dataset && !changes) {
        buf_append_str(&row, " AND entity_type = ");
        buf_append_sql_string(&row, h->dataset);
    }
    erased_add_condition(&c, NULL, buf_cstr(&row));
    if (!h->search->dataset) {
        buf_append_str(&values, "regexp_matches(concat(old_value, ' ', new_value), '(^|[^[:alnum:]])(' || ");
        erased_append_forms(h, "regexp_escape(", ")", " || '|' || ", &values);
        buf_append_str(&values, " || ')($|[^[:alnum:]])')");
        erased_add_condition(&c, "old_value, new_value", buf_cstr(&values));
    }
    LH_TRY(erased_count_rows(h, &c, buf_cstr(&from), &counts, err));
    erased_tell_counts(h, place, NULL, &c, counts);
    return LH_OK;
}

/* ---- text ---- */

static bool is_word_byte(unsigned char c) {
    return isalnum(c) || c == '_' || c >= 0x80;
}

/* Lines of `text` that hold the key as a word. */
static uint64_t count_lines(const char *text, size_t len, const char *key) {
    size_t key_len = strlen(key);
    uint64_t lines = 0;
    const char *at = text, *end = text + len;
    while (key_len > 0 && (at = memmem(at, (size_t)(end - at), key, key_len))) {
        bool starts = at == text || !is_word_byte((unsigned char)at[-1]);
        bool ends = at + key_len == end || !is_word_byte((unsigned char)at[key_len]);
        if (!starts || !ends) {
            at++;
            continue;
        }
        lines++;
        const char *next = memchr(at, '\n', (size_t)(end - at));
        if (!next)
            break;
        at = next + 1;
    }
    return lines;
}

/* In any form, as it is and as it stands inside a JSON string. */
void erased_search_text(struct hunt *h, struct erased_finding place, const struct buf *text, enum erased_kind kind) {
    size_t i;
    json_t *form;
    place.rows = 0;
    json_array_foreach(h->keys.forms, i, form) {
        const char *plain = json_string_value(form);
        LH_AUTO(buf) struct buf quoted = BUF_INIT;
        buf_append_json_string(&quoted, plain, strlen(plain));
        LH_AUTO(mem) char *escaped = lh_strndup(buf_cstr(&quoted) + 1, quoted.len - 2);
        uint64_t lines = count_lines(buf_cstr(text), text->len, plain);
        if (lines == 0)
            lines = count_lines(buf_cstr(text), text->len, escaped);
        place.rows = lines > place.rows ? lines : place.rows;
    }
    place.columns = "";
    if (place.rows > 0)
        erased_tell(h, kind, place);
}

/* ---- what datasets consist of, or did ---- */

enum lh_code erased_search_object(struct hunt *h, const struct erased_finding *place, struct object_store *store,
                                  enum file_role role, const struct manifest *m, struct lh_err *err) {
    const char *path;
    size_t len = strlen(place->object);
    if (role == FILE_REJECTS || len < 8 || strcmp(place->object + len - 8, ".parquet") != 0) {
        LH_AUTO(buf) struct buf text = BUF_INIT;
        LH_TRY(object_get(store, place->object, ERASED_TEXT_MAX_BYTES, &text, NULL, err));
        erased_search_text(h, *place, &text, ERASED_MENTION);
        return LH_OK;
    }
    LH_TRY(object_local_path(store, place->object, h->arena, &path, err));
    return role == FILE_CHANGES ? erased_search_events(h, place, path, true, err)
                                : search_parquet(h, place, path, m, err);
}

static bool is_wanted(const struct hunt *h, const struct past_file *file) {
    const char *name = h->past.datasets[file->dataset].newest->name;
    return !h->search->dataset || manifest_name_compare(name, h->search->dataset) == 0;
}

/* What a vacuum has removed holds nothing. */
static void search_file(struct hunt *h, const struct past_file *file) {
    const struct manifest *m = h->past.datasets[file->dataset].newest;
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    struct lh_err err = LH_ERR_INIT;
    struct object_info info;
    const struct erased_finding place = {
        .dataset = m->name,
        .bucket = file->file.bucket,
        .object = file->file.key,
        .role = file_role_name(file->file.role),
        .columns = "",
        .first_version = file->first_version,
        .last_version = file->last_version,
        .unused_us = file->unused_us,
        .message = remedy(file),
    };
    enum lh_code code = buckets_resolve(h->search->buckets, file->file.bucket, &bucket, &err);
    if (code == LH_OK)
        code = object_head(bucket_store(bucket), file->file.key, &info, &err);
    if (code == LH_NOT_FOUND && file->last_version > 0 && bucket)
        return;
    if (code == LH_OK)
        code = erased_search_object(h, &place, bucket_store(bucket), file->file.role, m, &err);
    if (code != LH_OK)
        erased_tell_unreadable(h, &place, &err);
    erased_count(h);
}

static enum lh_code find_dataset(struct hunt *h, struct lh_err *err) {
    for (size_t i = 0; h->search->dataset && i < h->past.dataset_count; i++)
        if (manifest_name_compare(h->past.datasets[i].newest->name, h->search->dataset) == 0)
            h->dataset = h->past.datasets[i].newest->name;
    if (h->dataset || !h->search->dataset)
        return LH_OK;
    return lh_fail(err, LH_NOT_FOUND, "no version of this lake has a dataset \"%s\"", h->search->dataset);
}

enum lh_code erased_search(const struct erased_search *search, struct erased_totals *ret_totals, struct lh_err *err) {
    LH_CLEANUP(hunt_release) struct hunt h = {.search = search, .arena = arena_new()};
    LH_TRY(past_files_read(search->catalog, buckets_primary(search->buckets), &h.past, err));
    LH_TRY(find_dataset(&h, err));
    LH_TRY(erased_keys_read(search->engine, &h.past, search->key, search->dataset, &h.keys, err));
    for (size_t i = 0; i < h.past.count; i++)
        h.total += is_wanted(&h, &h.past.files[i]);
    for (size_t i = 0; i < h.past.count; i++)
        if (is_wanted(&h, &h.past.files[i]))
            search_file(&h, &h.past.files[i]);
    LH_TRY(erased_search_rest(&h, err));
    *ret_totals = h.totals;
    return LH_OK;
}
