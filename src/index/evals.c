/* Eval sets: questions with exact answers.
 *
 * A set is a row of numbered objects, `_vectors/evals/{name}/{number}.json` (index/numbered.h), of which the newest counts, in the
 * bucket of its index; where that has moved since, the set is found where it was and goes along when it is written again.  Vectors
 * are kept, not words alone, so that a trial needs no model.  Two hashes: `questions_hash` is the same as long as the same is
 * asked, so that trials can be compared; `content_hash` is over everything, and is checked when a set is read. */
#include "index/evals.h"

#include "ai/provider.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "index/eval_sample.h"
#include "index/eval_truth.h"
#include "index/index_internal.h"
#include "index/numbered.h"
#include "index/trial_choice.h"
#include "index/tuning.h"
#include "os/clock.h"
#include "os/fault.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROOT "_vectors/evals/"
#define FORMAT 1
#define KEPT 3 /* numbers of a set: the newest, and what a reader may be looking at */
#define WRITE_TRIES 5
#define NAME_MAX_BYTES 80
#define DEFAULT_QUERIES 100
#define DEFAULT_K 10
#define DEFAULT_NOISE 0.2

static enum lh_code check_name(const char *name, struct lh_err *err) {
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    if (len >= 1 && len <= NAME_MAX_BYTES && name[len] == '\0' && name[0] != '-' && name[0] != '_')
        return LH_OK;
    lh_ignore(lh_fail(err, LH_INVALID, "\"%.80s\" cannot be the name of an eval set", name));
    return lh_err_hint(err, "1 to %d of a-z 0-9 _ -, beginning with a letter or digit", NAME_MAX_BYTES);
}

static enum lh_code not_found(const char *name, struct lh_err *err) {
    lh_ignore(lh_fail(err, LH_NOT_FOUND, "there is no eval set \"%.80s\"", name));
    return lh_err_hint(err, "POST /vectors/hnsw/evals/%.80s/autogen makes one", name);
}

/* ---- hashes ---- */

static json_t *hash_json(const json_t *value) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    char hex[LH_SHA256_HEX];
    lh_json_write(value, LH_JSON_COMPACT_SORTED, &text);
    lh_sha256_hex(text.data, text.len, hex);
    return json_string(hex);
}

static json_t *questions_hash(const json_t *set) {
    LH_AUTO(json) json_t *asked =
        json_pack("{s:O, s:O}", "k", json_object_get(set, "k"), "queries", json_object_get(set, "queries"));
    return hash_json(asked);
}

static json_t *content_hash(const json_t *set) {
    LH_AUTO(json) json_t *content = json_object();
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)set, key,
                        value) if (strcmp(key, "content_hash") != 0 && strcmp(key, "number") != 0)
        json_object_set(content, key, value);
    return hash_json(content);
}

/* ---- storage ---- */

/* Durable as the number after `number`; LH_EXISTS where somebody was faster. */
static enum lh_code put(const struct numbered_stores *at, const char *name, uint64_t number, json_t *set,
                        struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    const char *prefix = arena_printf(arena, ROOT "%s", name);
    json_object_set_new(set, "questions_hash", questions_hash(set));
    json_object_set_new(set, "content_hash", content_hash(set));
    LH_TRY(LH_FAULT("evals.before_put", err));
    LH_TRY(numbered_put(at->stores[0], prefix, number + 1, set, err));
    for (size_t i = 0; i < at->count; i++)
        numbered_prune(at->stores[i], prefix, i == 0 ? KEPT : 0);
    return LH_FAULT("evals.after_put", err);
}

static enum lh_code replace(struct index_service *s, const struct generation *g, const char *name, json_t *set,
                            struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(index_places) struct index_places places = {0};
    LH_TRY(index_places_open(s, g->record.bucket, &places, err));
    for (unsigned tries = 1;; tries++) {
        struct numbered_entry *newest;
        size_t count;
        LH_TRY(numbered_list_all(&places.at, arena_printf(arena, ROOT "%s", name), 1, arena, &newest, &count, err));
        enum lh_code code = put(&places.at, name, count ? newest->number : 0, set, err);
        if (code != LH_EXISTS || tries == WRITE_TRIES)
            return code;
    }
}

static enum lh_code load(struct index_service *s, const char *name, json_t **ret_set, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(index_places) struct index_places places = {0};
    LH_AUTO(json) json_t *set = NULL;
    struct numbered_entry *newest;
    size_t count;
    LH_TRY(check_name(name, err));
    LH_TRY(index_places_open(s, NULL, &places, err));
    const char *prefix = arena_printf(arena, ROOT "%s", name);
    LH_TRY(numbered_list_all(&places.at, prefix, 1, arena, &newest, &count, err));
    if (count == 0)
        return not_found(name, err);
    LH_TRY(numbered_get(newest->store, prefix, newest->number, &set, err));
    LH_AUTO(json) json_t *hash = content_hash(set);
    if (!json_equal(hash, json_object_get(set, "content_hash"))) {
        lh_ignore(lh_fail(err, LH_CORRUPT, "the eval set \"%s\" is not what was written: its hash differs", name));
        return lh_err_hint(err, "make it again: PUT, or autogen");
    }
    *ret_set = LH_STEAL(set);
    return LH_OK;
}

/* ---- parsing what is stored ---- */

static enum lh_code parse_vector(struct eval_set *set, size_t i, const json_t *query, struct lh_err *err) {
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    const char *text;
    LH_TRY(lh_json_get_string(query, "queries", "vector", &text, err));
    if (!lh_base64_decode(text, strlen(text), &bytes) || bytes.len != set->dims * sizeof(float))
        return lh_fail(err, LH_CORRUPT, "the vector of query %zu is damaged", i);
    memcpy(set->vectors + i * set->dims, bytes.data, bytes.len);
    return LH_OK;
}

static enum lh_code parse_truth(struct eval_set *set, struct lh_err *err) {
    const json_t *answers = json_object_get(json_object_get(set->json, "truth"), "answers");
    if (json_array_size(answers) != set->count)
        return lh_fail(err, LH_CORRUPT, "the answers are not those of the questions");
    for (size_t q = 0; q < set->count; q++) {
        const json_t *of_query = json_array_get(answers, q);
        for (size_t i = 0; i < set->k; i++) {
            const json_t *distance = json_array_get(json_array_get(of_query, i), 2);
            set->truth[q * set->k + i] =
                distance ? (struct vec_hit){.dist = (float)json_number_value(distance), .id = (uint32_t)i}
                         : (struct vec_hit){.dist = INFINITY, .id = VEC_NO_ID};
        }
    }
    return LH_OK;
}

static enum lh_code parse(json_t *json, struct eval_set *ret_set, struct lh_err *err) {
    LH_AUTO(eval_set) struct eval_set set = {.json = json_incref(json)};
    json_t *queries;
    int64_t k, dims, number;
    LH_TRY(lh_json_get_string(json, "", "name", &set.name, err));
    LH_TRY(lh_json_get_string(json, "", "index", &set.index, err));
    LH_TRY(lh_json_get_string(json, "", "questions_hash", &set.questions_hash, err));
    LH_TRY(lh_json_get_int(json, "", "number", &number, err));
    LH_TRY(lh_json_get_int(json, "", "k", &k, err));
    LH_TRY(lh_json_get_int(json, "", "dimensions", &dims, err));
    LH_TRY(lh_json_get_array(json, "", "queries", &queries, err));
    set.count = json_array_size(queries);
    if (k < 1 || k > EVAL_K_MAX || dims < 1 || dims > AI_MAX_DIMS || set.count < 1 || set.count > EVAL_QUERIES_MAX)
        return lh_fail(err, LH_CORRUPT, "the eval set \"%s\" has no such form", set.name);
    set.k = (size_t)k;
    set.dims = (uint32_t)dims;
    set.number = (uint64_t)number;
    set.vectors = lh_calloc(set.count * set.dims, sizeof *set.vectors);
    set.truth = lh_calloc(set.count * set.k, sizeof *set.truth);
    set.expected = lh_calloc(set.count, sizeof *set.expected);
    for (size_t i = 0; i < set.count; i++) {
        LH_TRY(parse_vector(&set, i, json_array_get(queries, i), err));
        set.expected[i] = json_object_get(json_array_get(queries, i), "expected");
    }
    LH_TRY(parse_truth(&set, err));
    *ret_set = LH_STEAL(set);
    return LH_OK;
}

void eval_set_release(struct eval_set *set) {
    json_decref(set->json);
    lh_free(set->vectors);
    lh_free(set->truth);
    lh_free(set->expected);
    *set = (struct eval_set){0};
}

/* ---- the exact answers ---- */

static enum lh_code answer_json(const struct generation *g, const struct vec_hit *hits, size_t k, json_t **ret_answer,
                                struct lh_err *err) {
    LH_AUTO(json) json_t *answer = json_array();
    for (size_t i = 0; i < k && hits[i].id != VEC_NO_ID; i++) {
        struct chunk_record r;
        LH_TRY(generation_record(g, hits[i].id, &r, err));
        json_array_append_new(answer, json_pack("[s%, I, f]", r.doc_id, (size_t)r.doc_id_len, (json_int_t)r.number,
                                                (double)hits[i].dist));
    }
    *ret_answer = LH_STEAL(answer);
    return LH_OK;
}

static enum lh_code set_truth(struct index_service *s, const struct generation *g, json_t *set,
                              const struct vec_rows *queries, struct lh_err *err) {
    size_t k = (size_t)json_integer_value(json_object_get(set, "k"));
    LH_AUTO(mem) struct vec_hit *hits = lh_malloc(queries->n * k * sizeof *hits);
    LH_AUTO(json) json_t *answers = json_array();
    char now[LH_TIME_SIZE];
    LH_TRY(eval_truth_find(g, queries, k, hits, err));
    for (size_t q = 0; q < queries->n; q++) {
        json_t *answer = NULL;
        LH_TRY(answer_json(g, hits + q * k, k, &answer, err));
        json_array_append_new(answers, answer);
    }
    lh_time_format(os_realtime_us(s->options.os), now);
    json_object_set_new(set, "truth",
                        json_pack("{s:s, s:I, s:s, s:O}", "generation", g->record.generation, "source_version",
                                  (json_int_t)g->record.source_version, "computed_at", now, "answers", answers));
    return LH_OK;
}

/* ---- making ---- */

static enum lh_code need_rows(const struct generation *g, struct lh_err *err) {
    if (g->record.generation && g->record.live > 0)
        return LH_OK;
    lh_ignore(lh_fail(err, LH_CONFLICT, "the index \"%s\" holds nothing yet", g->record.name));
    return lh_err_hint(err, "GET /vectors/jobs shows how far its build is");
}

static void add_query(json_t *queries, const char *text, const float *vector, uint32_t dims, json_t *expected) {
    LH_AUTO(buf) struct buf encoded = BUF_INIT;
    json_t *query = json_object();
    lh_base64_encode(vector, dims * sizeof *vector, &encoded);
    if (text)
        json_object_set_new(query, "text", json_string(text));
    json_object_set_new(query, "vector", json_stringn(buf_cstr(&encoded), encoded.len));
    if (expected)
        json_object_set(query, "expected", expected);
    json_array_append_new(queries, query);
}

static json_t *new_set(struct index_service *s, const struct generation *g, const char *name, const char *origin,
                       size_t k, const char *actor) {
    char now[LH_TIME_SIZE];
    lh_time_format(os_realtime_us(s->options.os), now);
    return json_pack("{s:i, s:s, s:s, s:O, s:s, s:I, s:I, s:s, s:s, s:[]}", "format", FORMAT, "name", name, "index",
                     g->record.name, "index_created_at", json_object_get(g->record.json, "created_at"), "origin",
                     origin, "k", (json_int_t)k, "dimensions", (json_int_t)g->record.dims, "created_at", now,
                     "created_by", actor, "queries");
}

static enum lh_code autogen(struct index_service *s, const struct generation *g, const char *name,
                            const struct eval_sampling *how, const char *actor, json_t **ret_set, struct lh_err *err) {
    uint32_t d = g->record.dims;
    LH_TRY(need_rows(g, err));
    LH_AUTO(mem) float *vectors = lh_malloc(how->queries * d * sizeof *vectors);
    size_t count = eval_sample(g, how, vectors);
    if (count == 0)
        return lh_fail(err, LH_CONFLICT, "no text of the index \"%s\" says anything", g->record.name);
    LH_AUTO(json) json_t *set = new_set(s, g, name, "autogen", how->k, actor);
    json_object_set_new(set, "seed", json_integer((json_int_t)how->seed));
    json_object_set_new(set, "noise", json_real(how->noise));
    for (size_t i = 0; i < count; i++)
        add_query(json_object_get(set, "queries"), NULL, vectors + i * d, d, NULL);
    const struct vec_rows queries = {.data = vectors, .n = count, .d = d};
    LH_TRY(set_truth(s, g, set, &queries, err));
    LH_TRY(replace(s, g, name, set, err));
    *ret_set = LH_STEAL(set);
    return LH_OK;
}

/* ---- looking ---- */

static bool same_index(const struct generation *g, const json_t *set) {
    return json_equal(json_object_get(g->record.json, "created_at"), json_object_get(set, "index_created_at"));
}

static json_t *summary(struct index_service *s, const json_t *set) {
    static const char *const plain[] = {"name",  "number",         "index",      "origin",
                                        "k",     "dimensions",     "created_at", "seed",
                                        "noise", "questions_hash", "created_by", "content_hash"};
    LH_AUTO(generation) struct generation *g = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    json_t *answer = json_object(), *truth = json_object_get(set, "truth");
    for (size_t i = 0; i < LH_ARRAY_LEN(plain); i++)
        if (json_object_get(set, plain[i]))
            json_object_set(answer, plain[i], json_object_get(set, plain[i]));
    json_object_set_new(answer, "count", json_integer((json_int_t)json_array_size(json_object_get(set, "queries"))));
    json_object_set(answer, "generation", json_object_get(truth, "generation"));
    json_object_set(answer, "computed_at", json_object_get(truth, "computed_at"));
    const char *index = json_string_value(json_object_get(set, "index"));
    bool current = index && index_open_generation(s, index, &g, &ignored) == LH_OK && same_index(g, set) &&
                   g->record.generation &&
                   strcmp(g->record.generation, json_string_value(json_object_get(truth, "generation"))) == 0;
    json_object_set_new(answer, "stale", json_boolean(!current));
    return answer;
}

static json_t *describe(struct index_service *s, const json_t *set) {
    const json_t *answers = json_object_get(json_object_get(set, "truth"), "answers");
    json_t *answer = summary(s, set), *questions = json_array(), *query, *hit;
    size_t i, j;
    json_array_foreach(json_object_get(set, "queries"), i, query) {
        json_t *question = json_object(), *hits = json_array();
        if (json_object_get(query, "text"))
            json_object_set(question, "text", json_object_get(query, "text"));
        if (json_object_get(query, "expected"))
            json_object_set(question, "expected", json_object_get(query, "expected"));
        json_array_foreach(json_array_get(answers, i), j, hit)
            json_array_append_new(hits, json_pack("{s:O, s:O, s:O}", "doc_id", json_array_get(hit, 0), "chunk",
                                                  json_array_get(hit, 1), "distance", json_array_get(hit, 2)));
        json_object_set_new(question, "answers", hits);
        json_array_append_new(questions, question);
    }
    json_object_set_new(answer, "questions", questions);
    return answer;
}

enum lh_code index_eval_get(struct index_service *s, const char *name, json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(json) json_t *set = NULL;
    LH_TRY(load(s, name, &set, err));
    *ret_answer = describe(s, set);
    return LH_OK;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Of all buckets, sorted, each once. */
static enum lh_code all_names(const struct numbered_stores *at, struct arena *arena, const char ***ret_names,
                              size_t *ret_count, struct lh_err *err) {
    const char **all = NULL;
    size_t count = 0, kept = 0;
    for (size_t i = 0; i < at->count; i++) {
        const char **names, **joined;
        size_t found;
        LH_TRY(numbered_names(at->stores[i], ROOT, arena, &names, &found, err));
        joined = arena_alloc(arena, (count + found + 1) * sizeof *joined);
        for (size_t j = 0; j < count + found; j++)
            joined[j] = j < count ? all[j] : names[j - count];
        all = joined;
        count += found;
    }
    if (count > 0)
        qsort(all, count, sizeof *all, by_text);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(all[kept - 1], all[i]) != 0)
            all[kept++] = all[i];
    *ret_names = all;
    *ret_count = kept;
    return LH_OK;
}

enum lh_code index_eval_list(struct index_service *s, json_t **ret_items, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *items = json_array();
    LH_AUTO(index_places) struct index_places places = {0};
    const char **names;
    size_t count;
    LH_TRY(index_places_open(s, NULL, &places, err));
    LH_TRY(all_names(&places.at, arena, &names, &count, err));
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(json) json_t *set = NULL;
        enum lh_code code = load(s, names[i], &set, err);
        if (code == LH_NOT_FOUND)
            continue;
        LH_TRY(code);
        json_array_append_new(items, summary(s, set));
    }
    *ret_items = LH_STEAL(items);
    return LH_OK;
}

enum lh_code index_eval_delete(struct index_service *s, const char *name, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(index_places) struct index_places places = {0};
    struct numbered_entry *entries;
    size_t count;
    LH_TRY(check_name(name, err));
    LH_TRY(index_places_open(s, NULL, &places, err));
    const char *prefix = arena_printf(arena, ROOT "%s", name);
    LH_TRY(numbered_list_all(&places.at, prefix, SIZE_MAX, arena, &entries, &count, err));
    if (count == 0)
        return not_found(name, err);
    for (size_t i = 0; i < places.at.count; i++)
        numbered_prune(places.at.stores[i], prefix, 0);
    return LH_OK;
}

/* ---- requests ---- */

static enum lh_code get_count(const json_t *json, const char *key, int64_t max, int64_t fallback, size_t *ret,
                              struct lh_err *err) {
    int64_t value;
    LH_TRY(lh_json_get_int_or(json, "", key, fallback, &value, err));
    if (value < 1 || value > max)
        return lh_fail(err, LH_INVALID, "%s must be from 1 to %" PRId64, key, max);
    *ret = (size_t)value;
    return LH_OK;
}

enum lh_code index_eval_autogen(struct index_service *s, const char *name, const json_t *request, const char *actor,
                                json_t **ret_answer, struct lh_err *err) {
    static const char *const fields[] = {"index", "queries", "k", "seed", "noise", NULL};
    LH_AUTO(generation) struct generation *g = NULL;
    LH_AUTO(json) json_t *set = NULL;
    struct eval_sampling how = {0};
    const char *index;
    int64_t seed;
    LH_TRY(check_name(name, err));
    LH_TRY(lh_json_only_keys(request, "", fields, err));
    LH_TRY(lh_json_get_string(request, "", "index", &index, err));
    LH_TRY(get_count(request, "queries", EVAL_QUERIES_MAX, DEFAULT_QUERIES, &how.queries, err));
    LH_TRY(get_count(request, "k", EVAL_K_MAX, DEFAULT_K, &how.k, err));
    LH_TRY(lh_json_get_int_or(request, "", "seed", TRIAL_SEED, &seed, err));
    LH_TRY(lh_json_get_double_or(request, "", "noise", DEFAULT_NOISE, &how.noise, err));
    if (seed < 0 || !(how.noise >= 0 && how.noise <= 10))
        return lh_fail(err, LH_INVALID, "seed must not be negative, and noise be from 0 to 10");
    how.seed = (uint64_t)seed;
    LH_TRY(index_open_generation(s, index, &g, err));
    LH_TRY(autogen(s, g, name, &how, actor, &set, err));
    *ret_answer = describe(s, set);
    return LH_OK;
}

/* ---- uploaded sets ---- */

struct upload {
    struct ai_text *texts; /* those to embed, and whose they are */
    size_t *owners;
    size_t text_count;
    float *vectors;
};

static enum lh_code check_expected(const json_t *expected, size_t i, struct lh_err *err) {
    const json_t *id;
    size_t j;
    json_array_foreach(expected, j, id) if (!json_is_string(id)) return lh_fail(
        err, LH_INVALID, "queries[%zu].expected[%zu] is not a document's id (a string)", i, j);
    return json_array_size(expected) > 0
               ? LH_OK
               : lh_fail(err, LH_INVALID, "queries[%zu].expected is empty; leave it out to have it computed", i);
}

static enum lh_code read_query(const struct generation *g, const json_t *query, size_t i, struct upload *u,
                               const char **ret_text, json_t **ret_expected, struct lh_err *err) {
    static const char *const fields[] = {"text", "vector", "expected", NULL};
    const char *text = json_string_value(query);
    json_t *vector = NULL;
    *ret_expected = NULL;
    if (!text) {
        LH_TRY(lh_json_only_keys(query, "queries", fields, err));
        LH_TRY(lh_json_get_string_or(query, "queries", "text", NULL, &text, err));
        LH_TRY(lh_json_get_array_or_null(query, "queries", "vector", &vector, err));
        LH_TRY(lh_json_get_array_or_null(query, "queries", "expected", ret_expected, err));
        if (*ret_expected)
            LH_TRY(check_expected(*ret_expected, i, err));
    }
    if (!vector && !(text && text[0]))
        return lh_fail(err, LH_INVALID, "queries[%zu] has neither text nor vector", i);
    *ret_text = text;
    if (vector) {
        LH_AUTO(mem) float *values = NULL;
        LH_TRY(index_read_vector(g, vector, &values, err));
        memcpy(u->vectors + i * g->record.dims, values, g->record.dims * sizeof *values);
        return LH_OK;
    }
    u->texts[u->text_count] = (struct ai_text){text, strlen(text)};
    u->owners[u->text_count++] = i;
    return LH_OK;
}

static enum lh_code read_queries(struct index_service *s, const struct generation *g, const json_t *queries,
                                 int cancel_fd, struct upload *u, json_t *set, struct lh_err *err) {
    size_t count = json_array_size(queries), d = g->record.dims;
    LH_AUTO(mem) const char **texts = lh_calloc(count, sizeof *texts);
    LH_AUTO(mem) json_t **expected = lh_calloc(count, sizeof *expected);
    LH_AUTO(mem) float *embedded = NULL;
    for (size_t i = 0; i < count; i++)
        LH_TRY(read_query(g, json_array_get(queries, i), i, u, &texts[i], &expected[i], err));
    if (u->text_count > 0)
        LH_TRY(index_embed_words(s, g, u->texts, u->text_count, cancel_fd, &embedded, err));
    for (size_t i = 0; i < u->text_count; i++)
        memcpy(u->vectors + u->owners[i] * d, embedded + i * d, d * sizeof *embedded);
    for (size_t i = 0; i < count; i++)
        add_query(json_object_get(set, "queries"), texts[i], u->vectors + i * d, (uint32_t)d, expected[i]);
    const struct vec_rows rows = {.data = u->vectors, .n = count, .d = (uint32_t)d};
    return set_truth(s, g, set, &rows, err);
}

enum lh_code index_eval_put(struct index_service *s, const char *name, const json_t *request, const char *actor,
                            int cancel_fd, json_t **ret_answer, struct lh_err *err) {
    static const char *const fields[] = {"index", "k", "queries", NULL};
    LH_AUTO(generation) struct generation *g = NULL;
    json_t *queries;
    const char *index;
    size_t k;
    LH_TRY(check_name(name, err));
    LH_TRY(lh_json_only_keys(request, "", fields, err));
    LH_TRY(lh_json_get_string(request, "", "index", &index, err));
    LH_TRY(lh_json_get_array(request, "", "queries", &queries, err));
    LH_TRY(get_count(request, "k", EVAL_K_MAX, DEFAULT_K, &k, err));
    size_t count = json_array_size(queries);
    if (count < 1 || count > EVAL_QUERIES_MAX)
        return lh_fail(err, LH_INVALID, "queries must be 1 to %d, not %zu", EVAL_QUERIES_MAX, count);
    LH_TRY(index_open_generation(s, index, &g, err));
    LH_TRY(need_rows(g, err));
    LH_AUTO(json) json_t *set = new_set(s, g, name, "upload", k, actor);
    LH_AUTO(mem) struct ai_text *texts = lh_calloc(count, sizeof *texts);
    LH_AUTO(mem) size_t *owners = lh_calloc(count, sizeof *owners);
    LH_AUTO(mem) float *vectors = lh_calloc(count * g->record.dims, sizeof *vectors);
    struct upload upload = {.texts = texts, .owners = owners, .vectors = vectors};
    LH_TRY(read_queries(s, g, queries, cancel_fd, &upload, set, err));
    LH_TRY(replace(s, g, name, set, err));
    *ret_answer = describe(s, set);
    return LH_OK;
}

/* ---- for trials ---- */

static enum lh_code load_or_make(struct index_service *s, const struct generation *g, const char *name,
                                 json_t **ret_set, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(json) json_t *set = NULL;
    const char *wanted = name ? name : arena_printf(arena, "%s-auto", g->record.name);
    enum lh_code code = load(s, wanted, &set, err);
    bool fits = set && same_index(g, set);
    if (!name && (code == LH_NOT_FOUND || (code == LH_OK && !fits))) {
        const struct eval_sampling how = {DEFAULT_QUERIES, DEFAULT_K, TRIAL_SEED, DEFAULT_NOISE};
        return autogen(s, g, wanted, &how, "lakehouse", ret_set, err);
    }
    LH_TRY(code);
    if (!fits) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "the eval set \"%s\" is not one of the index \"%s\" as it is now", wanted,
                          g->record.name));
        return lh_err_hint(err, "make it again: PUT, or autogen");
    }
    *ret_set = LH_STEAL(set);
    return LH_OK;
}

static enum lh_code renew_truth(struct index_service *s, const struct generation *g, struct eval_set *set,
                                struct lh_err *err) {
    const struct vec_rows queries = {.data = set->vectors, .n = set->count, .d = set->dims};
    LH_AUTO(json) json_t *renewed = json_copy(set->json);
    LH_AUTO(eval_set) struct eval_set parsed = {0};
    LH_AUTO(index_places) struct index_places places = {0};
    LH_TRY(set_truth(s, g, renewed, &queries, err));
    LH_TRY(index_places_open(s, g->record.bucket, &places, err));
    enum lh_code code = put(&places.at, set->name, set->number, renewed, err);
    if (code != LH_OK && code != LH_EXISTS) /* a set that was put meanwhile stands; this run asks what it began with */
        return code;
    LH_TRY(parse(renewed, &parsed, err));
    eval_set_release(set);
    *set = parsed;
    parsed = (struct eval_set){0};
    return LH_OK;
}

enum lh_code eval_set_open(struct index_service *s, struct generation *g, const char *name, struct eval_set *ret_set,
                           struct lh_err *err) {
    LH_AUTO(json) json_t *json = NULL;
    LH_AUTO(eval_set) struct eval_set set = {0};
    LH_TRY(need_rows(g, err));
    LH_TRY(load_or_make(s, g, name, &json, err));
    LH_TRY(parse(json, &set, err));
    if (set.dims != g->record.dims)
        return lh_fail(err, LH_CORRUPT, "the eval set \"%s\" has %u dimensions, its index %u", set.name,
                       (unsigned)set.dims, (unsigned)g->record.dims);
    const json_t *of = json_object_get(json_object_get(set.json, "truth"), "generation");
    if (!json_string_value(of) || strcmp(json_string_value(of), g->record.generation) != 0)
        LH_TRY(renew_truth(s, g, &set, err));
    *ret_set = LH_STEAL(set);
    return LH_OK;
}
