/* One search: by vector, by words, or by both; and two indexes compared. */
#include "index/index_internal.h"

#include "ai/ai.h"
#include "ai/provider.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "catalog/manifest.h"
#include "index/eval_truth.h"
#include "index/text.h"
#include "os/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RRF_RANK 60.0 /* G. Cormack et al., "Reciprocal Rank Fusion", 2009 */
#define HYBRID_DEPTH 5
#define HYBRID_DEPTH_MIN 50
#define COMPARE_MAX 1000
#define RERANK_DEPTH 50
#define ROUNDING 1e-5 /* of a distance that is computed in two ways */

enum mode { MODE_VECTOR, MODE_TEXT, MODE_HYBRID };
static const char *const mode_names[] = {"vector", "text", "hybrid"};

struct request {
    const char *index, *words, *filter;
    json_t *vector;
    size_t k;
    enum mode mode;
    uint32_t ef;
    double vector_weight, text_weight;
    bool with_text;
    bool rerank;
    bool *ret_words_lost; /* set where the words could not be read and the vectors alone answered; may be NULL */
    const char *reranker; /* NULL: the built-in one */
    size_t rerank_depth;
};

struct found {
    uint32_t row;
    double score;
    uint32_t vector_rank, text_rank; /* from 1; 0: not on that list */
    float similarity;                /* of those on the vector's list */
};

/* ---- the request ---- */

static enum lh_code parse_weights(const json_t *json, struct request *rq, struct lh_err *err) {
    static const char *const fields[] = {"vector", "text", NULL};
    json_t *weights;
    rq->vector_weight = rq->text_weight = 1;
    LH_TRY(lh_json_get_object_or_null(json, "", "weights", &weights, err));
    if (!weights)
        return LH_OK;
    LH_TRY(lh_json_only_keys(weights, "weights", fields, err));
    LH_TRY(lh_json_get_double_or(weights, "weights", "vector", 1, &rq->vector_weight, err));
    LH_TRY(lh_json_get_double_or(weights, "weights", "text", 1, &rq->text_weight, err));
    if (!(rq->vector_weight >= 0) || !(rq->text_weight >= 0) || !(rq->vector_weight + rq->text_weight > 0) ||
        rq->vector_weight > 1e6 || rq->text_weight > 1e6)
        return lh_fail(err, LH_INVALID, "weights must be from 0 to 1000000, and not both 0");
    return LH_OK;
}

/* true, or the name of a model. */
static enum lh_code parse_rerank(const json_t *json, struct request *rq, struct lh_err *err) {
    const json_t *rerank = json_object_get(json, "rerank");
    int64_t depth;
    if (rerank && !json_is_null(rerank) && !json_is_boolean(rerank) && !json_is_string(rerank))
        return lh_fail(err, LH_INVALID, "rerank must be true, false or the name of a model");
    rq->reranker = json_string_value(rerank);
    rq->rerank = json_is_true(rerank) || rq->reranker;
    LH_TRY(lh_json_get_int_or(json, "", "rerank_depth", 0, &depth, err));
    if (depth < 0 || depth > INDEX_K_MAX)
        return lh_fail(err, LH_INVALID, "rerank_depth must be from 1 to %d", INDEX_K_MAX);
    if (rq->rerank && !rq->words)
        return lh_fail(err, LH_INVALID, "rerank needs `query`: the words to hold the texts against");
    rq->rerank_depth = depth ? (size_t)depth : RERANK_DEPTH;
    return LH_OK;
}

static enum lh_code parse_mode(const json_t *json, struct request *rq, struct lh_err *err) {
    const char *mode;
    LH_TRY(lh_json_get_string_or(json, "", "mode", rq->vector && !rq->words ? "vector" : "hybrid", &mode, err));
    for (size_t i = 0; i < LH_ARRAY_LEN(mode_names); i++)
        if (strcmp(mode, mode_names[i]) == 0) {
            rq->mode = (enum mode)i;
            if (rq->mode != MODE_VECTOR && !rq->words)
                return lh_fail(err, LH_INVALID, "mode \"%s\" needs `query`: the words to search for", mode);
            return LH_OK;
        }
    lh_ignore(lh_fail(err, LH_INVALID, "there is no mode \"%.40s\"", mode));
    return lh_err_hint(err, "use vector, text or hybrid");
}

static enum lh_code parse_request(const json_t *json, struct request *rq, struct lh_err *err) {
    static const char *const fields[] = {"index",     "query",   "vector", "k",      "mode",         "filter",
                                         "ef_search", "weights", "text",   "rerank", "rerank_depth", NULL};
    int64_t k, ef;
    LH_TRY(lh_json_only_keys(json, "", fields, err));
    LH_TRY(lh_json_get_string(json, "", "index", &rq->index, err));
    LH_TRY(lh_json_get_string_or(json, "", "query", NULL, &rq->words, err));
    LH_TRY(lh_json_get_array_or_null(json, "", "vector", &rq->vector, err));
    LH_TRY(lh_json_get_string_or(json, "", "filter", NULL, &rq->filter, err));
    LH_TRY(lh_json_get_int_or(json, "", "k", 10, &k, err));
    LH_TRY(lh_json_get_int_or(json, "", "ef_search", 0, &ef, err));
    LH_TRY(lh_json_get_bool_or(json, "", "text", true, &rq->with_text, err));
    if (!rq->words && !rq->vector)
        return lh_fail(err, LH_INVALID, "a search needs `query` (words) or `vector` (numbers)");
    if (k < 1 || k > INDEX_K_MAX)
        return lh_fail(err, LH_INVALID, "k must be from 1 to %d", INDEX_K_MAX);
    if (ef < 0 || ef > 65536)
        return lh_fail(err, LH_INVALID, "ef_search must be from 0 to 65536");
    rq->k = (size_t)k;
    rq->ef = (uint32_t)ef;
    LH_TRY(parse_weights(json, rq, err));
    LH_TRY(parse_rerank(json, rq, err));
    return parse_mode(json, rq, err);
}

/* ---- the query's vector ---- */

static enum lh_code fail_dims(const struct generation *g, size_t dims, struct lh_err *err) {
    lh_ignore(lh_fail(err, LH_CONFLICT, "the vector has %zu dimensions, the index \"%s\" has %" PRIu32, dims,
                      g->record.name, g->record.dims));
    return lh_err_hint(err, "embed with the index's model (%s %s), or make an index with yours", g->record.provider,
                       g->record.model);
}

enum lh_code index_read_vector(const struct generation *g, const json_t *vector, float **ret_query,
                               struct lh_err *err) {
    size_t i, n = json_array_size(vector);
    json_t *value;
    if (n != g->record.dims)
        return fail_dims(g, n, err);
    LH_AUTO(mem) float *query = lh_malloc((n + 1) * sizeof *query);
    json_array_foreach(vector, i, value) {
        query[i] = (float)json_number_value(value);
        if (!json_is_number(value) || !isfinite(query[i]))
            return lh_fail(err, LH_INVALID, "vector[%zu] is not a finite number", i);
    }
    *ret_query = LH_STEAL(query);
    return LH_OK;
}

enum lh_code index_embed_words(struct index_service *s, const struct generation *g, const struct ai_text *texts,
                               size_t count, int cancel_fd, float **ret_queries, struct lh_err *err) {
    LH_AUTO(ai_vectors) struct ai_vectors vectors = {0};
    const struct index_record *r = &g->record;
    const struct ai_provider *provider = ai_provider_find(s->options.ai, r->provider);
    if (!provider)
        return lh_fail(err, LH_NOT_FOUND, "there is no provider \"%s\", which the index \"%s\" needs for words",
                       r->provider, r->name);
    const struct ai_embed_request request = {.model = r->model[0] ? r->model : NULL,
                                             .texts = texts,
                                             .count = count,
                                             .purpose = AI_QUERY,
                                             .dims = r->dims,
                                             .any_dims = true,
                                             .weights = g->weights,
                                             .cancel_fd = cancel_fd};
    LH_TRY(ai_provider_embed(provider, &request, &vectors, err));
    LH_TRY(index_check_dims(r, r->dims, vectors.dims, err));
    *ret_queries = LH_STEAL(vectors.data);
    return LH_OK;
}

/* ---- searching ---- */

static enum lh_code by_vector(struct index_service *s, struct generation *g, const struct request *rq, size_t k,
                              const uint64_t *allowed, int cancel_fd, struct vec_hit *ret_hits, size_t *ret_found,
                              struct lh_err *err) {
    LH_AUTO(mem) float *query = NULL;
    if (rq->vector) {
        LH_TRY(index_read_vector(g, rq->vector, &query, err));
    } else {
        const struct ai_text text = {rq->words, strlen(rq->words)};
        LH_TRY(index_embed_words(s, g, &text, 1, cancel_fd, &query, err));
    }
    *ret_found = generation_search(g, query, k, rq->ef, allowed, ret_hits);
    return LH_OK;
}

static enum lh_code by_words(struct generation *g, const struct request *rq, size_t k, const uint64_t *allowed,
                             struct text_hit *ret_hits, size_t *ret_found, struct lh_err *err) {
    const struct text_search search = {.words = rq->words,
                                       .k = k,
                                       .enough = rq->k,
                                       .allowed = allowed       ? allowed
                                                  : g->all_live ? NULL
                                                                : g->live,
                                       .rows = g->room};
    if (!g->text) {
        lh_ignore(lh_fail(err, LH_UNAVAILABLE, "the words of the index \"%s\" cannot be read, and are written anew",
                          g->record.name));
        if (g->damage.code != LH_OK)
            lh_ignore(lh_err_detail(err, "%s", g->damage.message));
    } else if (text_index_search(g->text, &search, ret_hits, ret_found, err) == LH_OK) {
        return LH_OK;
    } else if (err->code == LH_CORRUPT) {
        lh_ignore(lh_err_context(err, "the words of the index \"%s\"", g->record.name));
        err->code = LH_UNAVAILABLE;
    } else {
        return err->code;
    }
    return lh_err_hint(err, "POST /vectors/refresh/%s with {\"rebuild\": true} writes them anew", g->record.dataset);
}

/* Of both, the vectors can answer alone. */
static enum lh_code by_words_if_whole(struct generation *g, const struct request *rq, size_t k, const uint64_t *allowed,
                                      struct text_hit *ret_hits, size_t *ret_found, struct lh_err *err) {
    struct lh_err cause = LH_ERR_INIT;
    enum lh_code code = by_words(g, rq, k, allowed, ret_hits, ret_found, &cause);
    if (code == LH_OK)
        return LH_OK;
    if (rq->mode != MODE_HYBRID || code != LH_UNAVAILABLE) {
        *err = cause;
        return code;
    }
    if (rq->ret_words_lost)
        *rq->ret_words_lost = true;
    return LH_OK;
}

static int compare_rows(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int compare_scores(const void *a, const void *b) {
    const struct found *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return compare_rows(a, b);
}

/* Rows on both lists become one; then best first. */
static size_t fuse(struct found *all, size_t count) {
    size_t kept = 0;
    qsort(all, count, sizeof *all, compare_rows);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && all[kept - 1].row == all[i].row) {
            struct found *f = &all[kept - 1];
            f->score += all[i].score;
            f->vector_rank = f->vector_rank ? f->vector_rank : all[i].vector_rank;
            f->text_rank = f->text_rank ? f->text_rank : all[i].text_rank;
            f->similarity = all[i].vector_rank ? all[i].similarity : f->similarity;
        } else {
            all[kept++] = all[i];
        }
    }
    qsort(all, kept, sizeof *all, compare_scores);
    return kept;
}

static enum lh_code search(struct index_service *s, struct generation *g, const struct request *rq, int cancel_fd,
                           struct found **ret_found, size_t *ret_count, struct lh_err *err) {
    LH_AUTO(mem) uint64_t *allowed = NULL;
    size_t depth = rq->k, vectors = 0, texts = 0, count = 0;
    if (rq->mode == MODE_HYBRID)
        depth = rq->k * HYBRID_DEPTH > HYBRID_DEPTH_MIN ? rq->k * HYBRID_DEPTH : HYBRID_DEPTH_MIN;
    LH_TRY(index_filter(s, g, rq->filter, cancel_fd, &allowed, err));
    LH_AUTO(mem) struct vec_hit *near = lh_malloc(depth * sizeof *near);
    LH_AUTO(mem) struct text_hit *worded = lh_malloc(depth * sizeof *worded);
    if (rq->mode != MODE_TEXT)
        LH_TRY(by_vector(s, g, rq, depth, allowed, cancel_fd, near, &vectors, err));
    if (rq->mode != MODE_VECTOR)
        LH_TRY(by_words_if_whole(g, rq, depth, allowed, worded, &texts, err));
    LH_AUTO(mem) struct found *all = lh_calloc(vectors + texts + 1, sizeof *all);
    for (size_t i = 0; i < vectors; i++, count++) {
        float similarity = 1 - near[i].dist;
        double score = rq->mode == MODE_HYBRID ? rq->vector_weight / (RRF_RANK + (double)i + 1) : (double)similarity;
        all[count] =
            (struct found){.row = near[i].id, .score = score, .vector_rank = (uint32_t)i + 1, .similarity = similarity};
    }
    for (size_t i = 0; i < texts; i++, count++) {
        double score = rq->mode == MODE_HYBRID ? rq->text_weight / (RRF_RANK + (double)i + 1) : (double)worded[i].score;
        all[count] = (struct found){.row = worded[i].row, .score = score, .text_rank = (uint32_t)i + 1};
    }
    if (rq->mode == MODE_HYBRID)
        count = fuse(all, count);
    *ret_count = count < rq->k ? count : rq->k;
    *ret_found = LH_STEAL(all);
    return LH_OK;
}

/* ---- answers ---- */

static json_t *hit_json(const struct chunk_record *r, const struct found *f, const struct request *rq) {
    json_t *hit = json_object();
    json_object_set_new(hit, "doc_id", json_stringn(r->doc_id, r->doc_id_len));
    json_object_set_new(hit, "chunk", json_integer(r->number));
    json_object_set_new(hit, "score", json_real(f->score));
    if (f->vector_rank)
        json_object_set_new(hit, "similarity", json_real((double)f->similarity));
    if (rq->mode == MODE_HYBRID) {
        json_object_set_new(hit, "vector_rank", f->vector_rank ? json_integer(f->vector_rank) : json_null());
        json_object_set_new(hit, "text_rank", f->text_rank ? json_integer(f->text_rank) : json_null());
    }
    if (r->page)
        json_object_set_new(hit, "page", json_integer(r->page));
    if (r->heading_len)
        json_object_set_new(hit, "heading", json_stringn(r->heading, r->heading_len));
    json_object_set_new(hit, "byte_start", json_integer((json_int_t)r->begin));
    json_object_set_new(hit, "byte_end", json_integer((json_int_t)r->end));
    if (rq->with_text)
        json_object_set_new(hit, "text", json_stringn(r->text, r->text_len));
    return hit;
}

static enum lh_code run(struct index_service *s, struct generation *g, const struct request *rq, int cancel_fd,
                        json_t **ret_hits, struct lh_err *err) {
    LH_AUTO(mem) struct found *found = NULL;
    LH_AUTO(json) json_t *hits = json_array();
    size_t count = 0;
    if (!g->record.generation) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "the index \"%s\" is still being built", g->record.name));
        return lh_err_hint(err, "GET /vectors/jobs shows how far it is");
    }
    if (g->segment_count > 0) {
        LH_TRY(search(s, g, rq, cancel_fd, &found, &count, err));
        for (size_t i = 0; i < count; i++) {
            struct chunk_record record;
            LH_TRY(generation_record(g, found[i].row, &record, err));
            json_array_append_new(hits, hit_json(&record, &found[i], rq));
        }
    }
    *ret_hits = LH_STEAL(hits);
    return LH_OK;
}

/* More hits than are wanted, with their texts, and the best of them by the reranker. */
static enum lh_code run_reranked(struct index_service *s, struct generation *g, const struct request *rq, int cancel_fd,
                                 json_t **ret_hits, struct lh_err *err) {
    LH_AUTO(json) json_t *hits = NULL;
    struct request wide = *rq;
    wide.k = rq->rerank_depth > rq->k ? rq->rerank_depth : rq->k;
    wide.with_text = true;
    LH_TRY(run(s, g, &wide, cancel_fd, &hits, err));
    const struct index_rerank rerank = {rq->words, rq->reranker, rq->k, rq->with_text, cancel_fd};
    return index_rerank(s->options.ai, &rerank, hits, ret_hits, err);
}

static void warn(struct index_service *s, const struct generation *g, bool words_lost, json_t *answer) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *snapshot = catalog_snapshot(s->options.catalog);
    const struct manifest *m = catalog_snapshot_find(snapshot, g->record.dataset);
    const char *name = g->record.name;
    json_t *warning = NULL;
    if (m && index_made_again(m, &g->record))
        warning = json_sprintf(
            "the dataset \"%s\" was made again since the index \"%s\" was refreshed: nothing of it is indexed",
            g->record.dataset, name);
    else if (words_lost)
        warning = json_sprintf("the words of the index \"%s\" cannot be read: the vectors alone answered", name);
    else if (g->damage.code != LH_OK)
        warning = json_string(g->damage.message);
    if (warning)
        json_object_set_new(answer, "warning", warning);
}

enum lh_code index_search(struct index_service *s, const json_t *request, int cancel_fd, json_t **ret_answer,
                          struct lh_err *err) {
    LH_AUTO(generation) struct generation *g = NULL;
    LH_AUTO(json) json_t *hits = NULL;
    bool words_lost = false;
    struct request rq = {0};
    int64_t start = os_monotonic_ns(s->options.os);
    LH_TRY(parse_request(request, &rq, err));
    rq.ret_words_lost = &words_lost;
    LH_TRY(index_open_generation(s, rq.index, &g, err));
    LH_TRY(rq.rerank ? run_reranked(s, g, &rq, cancel_fd, &hits, err) : run(s, g, &rq, cancel_fd, &hits, err));
    json_t *answer = json_pack("{s:s, s:s, s:s, s:s, s:O, s:f}", "index", g->record.name, "dataset", g->record.dataset,
                               "generation", g->record.generation, "mode", mode_names[rq.mode], "hits", hits,
                               "elapsed_ms", (double)(os_monotonic_ns(s->options.os) - start) / 1e6);
    warn(s, g, words_lost, answer);
    *ret_answer = answer;
    return LH_OK;
}

/* ---- comparing ---- */

static bool same_chunk(const json_t *x, const json_t *y) {
    return json_equal(json_object_get(x, "doc_id"), json_object_get(y, "doc_id"));
}

/* Documents of `a` that are not in `b`. */
static json_t *only_in(const json_t *a, const json_t *b) {
    json_t *only = json_array(), *x, *y;
    size_t i, j;
    json_array_foreach(a, i, x) {
        bool there = false;
        json_array_foreach(b, j, y) there = there || same_chunk(x, y);
        if (!there)
            json_array_append(only, json_object_get(x, "doc_id"));
    }
    return only;
}

struct side {
    struct generation *g;
    double total_ms, worst_ms, recall;
};

static enum lh_code ask_side(struct index_service *s, struct side *side, const struct request *rq, int cancel_fd,
                             json_t **ret_hits, double *ret_ms, struct lh_err *err) {
    int64_t start = os_monotonic_ns(s->options.os);
    LH_TRY(run(s, side->g, rq, cancel_fd, ret_hits, err));
    *ret_ms = (double)(os_monotonic_ns(s->options.os) - start) / 1e6;
    side->total_ms += *ret_ms;
    side->worst_ms = *ret_ms > side->worst_ms ? *ret_ms : side->worst_ms;
    return LH_OK;
}

/* The share of the truly nearest that the answer holds; of rows equally near it does not matter which.  Of vectors only. */
static enum lh_code add_recall(struct index_service *s, struct side *side, const struct request *rq, int cancel_fd,
                               const json_t *hits, json_t **ret_recall, struct lh_err *err) {
    LH_AUTO(mem) uint64_t *allowed = NULL;
    LH_AUTO(mem) float *query = NULL;
    const struct ai_text text = {rq->words, strlen(rq->words)};
    float reach;
    size_t truth = 0, held = 0, i;
    json_t *hit;
    if (rq->mode != MODE_VECTOR) {
        *ret_recall = json_null();
        return LH_OK;
    }
    if (side->g->segment_count > 0) {
        LH_TRY(index_embed_words(s, side->g, &text, 1, cancel_fd, &query, err));
        LH_TRY(index_filter(s, side->g, NULL, cancel_fd, &allowed, err));
        LH_TRY(eval_truth_reach(side->g, query, rq->k, allowed, &reach, &truth, err));
    }
    if (truth > 0)
        json_array_foreach((json_t *)(uintptr_t)hits, i, hit) {
            double similarity = json_real_value(json_object_get(hit, "similarity"));
            held += 1 - similarity <= (double)reach + ROUNDING;
        }
    double recall = truth ? (double)(held < truth ? held : truth) / (double)truth : 1;
    side->recall += recall;
    *ret_recall = json_real(recall);
    return LH_OK;
}

static enum lh_code compare_one(struct index_service *s, struct side *a, struct side *b, const struct request *rq,
                                int cancel_fd, json_t *items, double *overlap, struct lh_err *err) {
    LH_AUTO(json) json_t *of_a = NULL;
    LH_AUTO(json) json_t *of_b = NULL;
    LH_AUTO(json) json_t *recall_a = NULL;
    LH_AUTO(json) json_t *recall_b = NULL;
    double ms_a, ms_b;
    LH_TRY(ask_side(s, a, rq, cancel_fd, &of_a, &ms_a, err));
    LH_TRY(ask_side(s, b, rq, cancel_fd, &of_b, &ms_b, err));
    LH_TRY(add_recall(s, a, rq, cancel_fd, of_a, &recall_a, err));
    LH_TRY(add_recall(s, b, rq, cancel_fd, of_b, &recall_b, err));
    json_t *only_a = only_in(of_a, of_b), *only_b = only_in(of_b, of_a);
    size_t n = json_array_size(of_a);
    double share = n ? (double)(n - json_array_size(only_a)) / (double)n : json_array_size(of_b) ? 0 : 1;
    *overlap += share;
    json_array_append_new(items, json_pack("{s:s, s:f, s:f, s:f, s:O, s:O, s:o, s:o}", "query", rq->words, "overlap",
                                           share, "a_ms", ms_a, "b_ms", ms_b, "recall_a", recall_a, "recall_b",
                                           recall_b, "only_a", only_a, "only_b", only_b));
    return LH_OK;
}

static json_t *side_json(const struct side *side, size_t n) {
    return json_pack("{s:s, s:s, s:f, s:f}", "index", side->g->record.name, "generation", side->g->record.generation,
                     "mean_ms", side->total_ms / (double)n, "max_ms", side->worst_ms);
}

static enum lh_code compare(struct index_service *s, struct side *a, struct side *b, const json_t *request,
                            int cancel_fd, json_t **ret_answer, struct lh_err *err) {
    struct request rq = {.vector_weight = 1, .text_weight = 1};
    LH_AUTO(json) json_t *items = json_array();
    json_t *queries, *query;
    double overlap = 0;
    int64_t k;
    size_t i, n;
    LH_TRY(lh_json_get_array(request, "", "queries", &queries, err));
    LH_TRY(lh_json_get_int_or(request, "", "k", 10, &k, err));
    n = json_array_size(queries);
    if (n == 0 || n > COMPARE_MAX || k < 1 || k > INDEX_K_MAX)
        return lh_fail(err, LH_INVALID, "queries must hold 1 to %d texts, and k be from 1 to %d", COMPARE_MAX,
                       INDEX_K_MAX);
    rq.k = (size_t)k;
    json_array_foreach(queries, i, query) {
        rq.words = json_string_value(query);
        if (!rq.words)
            return lh_fail(err, LH_INVALID, "queries[%zu] is not a text", i);
        if (i == 0)
            LH_TRY(parse_mode(request, &rq, err));
        LH_TRY(compare_one(s, a, b, &rq, cancel_fd, items, &overlap, err));
    }
    bool measured = rq.mode == MODE_VECTOR;
    *ret_answer = json_pack("{s:o, s:o, s:s, s:i, s:f, s:o, s:o, s:O}", "a", side_json(a, n), "b", side_json(b, n),
                            "mode", mode_names[rq.mode], "k", (int)k, "overlap", overlap / (double)n, "recall_a",
                            measured ? json_real(a->recall / (double)n) : json_null(), "recall_b",
                            measured ? json_real(b->recall / (double)n) : json_null(), "queries", items);
    return LH_OK;
}

enum lh_code index_compare(struct index_service *s, const json_t *request, int cancel_fd, json_t **ret_answer,
                           struct lh_err *err) {
    static const char *const fields[] = {"a", "b", "queries", "k", "mode", NULL};
    LH_AUTO(generation) struct generation *ga = NULL;
    LH_AUTO(generation) struct generation *gb = NULL;
    const char *a, *b;
    LH_TRY(lh_json_only_keys(request, "", fields, err));
    LH_TRY(lh_json_get_string(request, "", "a", &a, err));
    LH_TRY(lh_json_get_string(request, "", "b", &b, err));
    LH_TRY(index_open_generation(s, a, &ga, err));
    LH_TRY(index_open_generation(s, b, &gb, err));
    struct side side_a = {.g = ga}, side_b = {.g = gb};
    return compare(s, &side_a, &side_b, request, cancel_fd, ret_answer, err);
}
