/* vector_search, text_search, hybrid_search: from a call to a relation. */
#include "base/alloc.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "engine/qualified_name.h"
#include "index/index.h"
#include "statement/statement_internal.h"
#include "system/table_file.h"

#include <inttypes.h>
#include <string.h>

struct statement_search {
    char *name; /* engine/qualified_name.h */
    bool ran;
    char *definition; /* once it ran well */
    struct lh_err failure;
};

/* ---- the call ---- */

/* Places are bytes of the statement from 1, 0: there is none. */
struct call {
    const char *function;
    json_t *request; /* as index_search takes it */
    json_t *weights;
    long place, index_place, filter_place, k_place;
};

static void call_auto_release(struct call *c) {
    json_decref(c->request);
    json_decref(c->weights);
}

static enum lh_code fail_at(long place, struct lh_err *err) {
    err->position = place;
    return err->code;
}

/* By position: index, what to search for, k, filter. */
static const char *argument_name(size_t i) {
    static const char *const names[] = {"index", "query", "k", "filter"};
    return i < LH_ARRAY_LEN(names) ? names[i] : NULL;
}

static enum lh_code put_argument(struct call *c, const char *name, long place, json_t *value, struct lh_err *err) {
    static const char *const keys[] = {"index",     "query",         "vector",      "k",      "filter",
                                       "ef_search", "vector_weight", "text_weight", "rerank", "rerank_depth",
                                       NULL};
    LH_AUTO(json) json_t *named = json_pack("{s:O}", name, value);
    if (lh_json_only_keys(named, c->function, keys, err) != LH_OK)
        return fail_at(place, err);
    if (strcmp(name, "query") == 0 && json_is_array(value))
        name = "vector";
    bool weight = strcmp(name, "vector_weight") == 0 || strcmp(name, "text_weight") == 0;
    json_t *object = weight ? c->weights : c->request;
    const char *key = !weight ? name : name[0] == 'v' ? "vector" : "text";
    if (json_object_get(object, key)) {
        lh_ignore(lh_fail(err, LH_SQL, "%s is given `%s` twice", c->function, name));
        return fail_at(place, err);
    }
    if (strcmp(name, "index") == 0)
        c->index_place = place;
    else if (strcmp(name, "filter") == 0)
        c->filter_place = place;
    else if (strcmp(name, "k") == 0)
        c->k_place = place;
    if (!json_is_null(value)) /* NULL: as if it were not there */
        json_object_set(object, key, value);
    return LH_OK;
}

/* The worker wrote it, and a worker is not trusted. */
static enum lh_code parse_list(const char *name, json_t **ret_list, struct lh_err *err) {
    const char *from = strchr(name, '['), *to = strchr(name, QUALIFIED_SEPARATOR);
    if (!from || !to || from > to || lh_json_parse(from, (size_t)(to - from), NULL, ret_list, err) != LH_OK ||
        !json_is_integer(json_array_get(*ret_list, 0)))
        return lh_fail(err, LH_CRASH, "the query process asked for a search that is none");
    return LH_OK;
}

static enum lh_code parse_arguments(struct call *c, const json_t *list, struct lh_err *err) {
    size_t i;
    json_t *argument;
    c->place = (long)json_integer_value(json_array_get(list, 0));
    json_array_foreach(list, i, argument) {
        if (i == 0)
            continue;
        const char *name = json_string_value(json_array_get(argument, 0));
        long place = (long)json_integer_value(json_array_get(argument, 1));
        json_t *value = json_array_get(argument, 2);
        if (!value)
            return lh_fail(err, LH_CRASH, "the query process asked for a search that is none");
        if (!name)
            name = argument_name(i - 1);
        if (!name) {
            lh_ignore(lh_fail(err, LH_SQL, "%s takes an index, what to search for, k and a filter", c->function));
            lh_ignore(lh_err_hint(err, "what else there is has a name: ef_search := 200"));
            return fail_at(place, err);
        }
        LH_TRY(put_argument(c, name, place, value, err));
    }
    return LH_OK;
}

static enum lh_code check_k(const struct call *c, struct lh_err *err) {
    const json_t *k = json_object_get(c->request, "k");
    if (!k || (json_is_integer(k) && json_integer_value(k) >= 1 && json_integer_value(k) <= INDEX_K_MAX))
        return LH_OK;
    lh_ignore(lh_fail(err, LH_SQL, "k must be from 1 to %d", INDEX_K_MAX));
    return fail_at(c->k_place, err);
}

static enum lh_code parse_call(const char *name, struct call *ret_call, struct lh_err *err) {
    LH_AUTO(json) json_t *list = NULL;
    ret_call->function = qualified_name_of(name);
    ret_call->request = json_object();
    ret_call->weights = json_object();
    LH_TRY(parse_list(name, &list, err));
    LH_TRY(parse_arguments(ret_call, list, err));
    LH_TRY(check_k(ret_call, err));
    if (json_object_size(ret_call->weights) > 0)
        json_object_set(ret_call->request, "weights", ret_call->weights);
    json_object_set_new(ret_call->request, "mode", json_stringn(ret_call->function, strcspn(ret_call->function, "_")));
    return LH_OK;
}

/* ---- its rows ---- */

static const struct table_column columns[] = {
    {"doc_id", TABLE_TEXT},       {"chunk_id", TABLE_INTEGER},   {"score", TABLE_REAL},
    {"rank", TABLE_INTEGER},      {"similarity", TABLE_REAL},    {"vector_rank", TABLE_INTEGER},
    {"text_rank", TABLE_INTEGER}, {"rerank_score", TABLE_REAL},  {"page", TABLE_INTEGER},
    {"heading", TABLE_TEXT},      {"byte_start", TABLE_INTEGER}, {"byte_end", TABLE_INTEGER},
    {"chunk_text", TABLE_TEXT},
};

static void put_integer(struct table_file *f, const json_t *value) {
    if (json_is_integer(value))
        table_put_integer(f, (uint64_t)json_integer_value(value));
    else
        table_put_null(f);
}

static void put_real(struct table_file *f, const json_t *value) {
    if (json_is_number(value))
        table_put_real(f, json_number_value(value));
    else
        table_put_null(f);
}

static void put_hit(struct table_file *f, const json_t *hit, size_t rank) {
    table_put_text(f, json_string_value(json_object_get(hit, "doc_id")));
    put_integer(f, json_object_get(hit, "chunk"));
    put_real(f, json_object_get(hit, "score"));
    table_put_integer(f, rank);
    put_real(f, json_object_get(hit, "similarity"));
    put_integer(f, json_object_get(hit, "vector_rank"));
    put_integer(f, json_object_get(hit, "text_rank"));
    put_real(f, json_object_get(hit, "rerank_score"));
    put_integer(f, json_object_get(hit, "page"));
    table_put_text(f, json_string_value(json_object_get(hit, "heading")));
    put_integer(f, json_object_get(hit, "byte_start"));
    put_integer(f, json_object_get(hit, "byte_end"));
    table_put_text(f, json_string_value(json_object_get(hit, "text")));
}

static enum lh_code write_rows(struct statement_scope *scope, size_t number, const json_t *hits, struct buf *select,
                               struct lh_err *err) {
    const char *dir;
    struct table_file f;
    size_t i;
    json_t *hit;
    LH_TRY(system_scope_folder(&scope->names, &dir, err));
    LH_AUTO(mem) char *path = lh_asprintf("%s/search-%zu.ndjson", dir, number);
    table_file_open(&f, system_os(scope->names.system), path, columns, LH_ARRAY_LEN(columns));
    json_array_foreach(hits, i, hit) put_hit(&f, hit, i + 1);
    enum lh_code code = table_file_finish(&f, select, err);
    table_file_deinit(&f);
    return code;
}

/* ---- searching ---- */

static enum lh_code search(struct statement_scope *scope, struct statement_search *s, size_t number,
                           struct lh_err *err) {
    LH_AUTO(call) struct call c = {0};
    LH_AUTO(generation) struct generation *g = NULL;
    LH_AUTO(json) json_t *answer = NULL;
    LH_AUTO(buf) struct buf rows = BUF_INIT;
    const struct manifest *dataset;
    const char *index;
    LH_TRY(parse_call(s->name, &c, err));
    if (lh_json_get_string(c.request, c.function, "index", &index, err) != LH_OK ||
        statement_open_index(scope, index, &g, &dataset, err) != LH_OK)
        return fail_at(c.index_place ? c.index_place : c.place, err);
    if (!scope->dry && index_search(scope->indexes, c.request, scope->cancel_fd, &answer, err) != LH_OK)
        return fail_at(c.filter_place && err->code == LH_SQL ? c.filter_place : c.place, err);
    LH_TRY(write_rows(scope, number, json_object_get(answer, "hits"), &rows, err));
    s->definition = lh_asprintf("SELECT * REPLACE (TRY_CAST(doc_id AS %s) AS doc_id) FROM (%s)",
                                statement_id_type(g, dataset), buf_cstr(&rows));
    return LH_OK;
}

enum lh_code statement_search(struct statement_scope *scope, const char *name, const char **ret_definition,
                              struct lh_err *err) {
    for (size_t i = 0; i < scope->search_count; i++) {
        struct statement_search *s = &scope->searches[i];
        if (!s->ran || strcmp(s->name, name) != 0)
            continue;
        if (s->definition)
            *ret_definition = s->definition;
        else
            *err = s->failure;
        return s->failure.code;
    }
    LH_TRY(statement_check_index(scope, qualified_name_of(name), err));
    if (scope->search_count == SEARCHES_MAX)
        return lh_fail(err, LH_CRASH, "the query process asked for more than %d searches", SEARCHES_MAX);
    if (!scope->searches)
        scope->searches = lh_calloc(SEARCHES_MAX, sizeof *scope->searches);
    scope->searches[scope->search_count++] = (struct statement_search){.name = lh_strdup(name), .failure = LH_ERR_INIT};
    return lh_fail(err, LH_BUSY, "%s has to search first", qualified_name_of(name));
}

enum lh_code statement_search_later(void *ctx, bool *ret_again, struct lh_err *err) {
    struct statement_scope *scope = ctx;
    for (size_t i = 0; i < scope->search_count; i++) {
        struct statement_search *s = &scope->searches[i];
        if (s->ran)
            continue;
        *ret_again = s->ran = true;
        if (search(scope, s, i, &s->failure) != LH_CANCELLED)
            continue;
        *err = s->failure;
        return LH_CANCELLED;
    }
    return LH_OK;
}

void statement_searches_free(struct statement_scope *scope) {
    for (size_t i = 0; i < scope->search_count; i++) {
        lh_free(scope->searches[i].name);
        lh_free(scope->searches[i].definition);
    }
    lh_free(scope->searches);
    scope->searches = NULL;
    scope->search_count = 0;
}
