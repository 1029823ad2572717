#include "index/trial_run.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "index/evals.h"
#include "index/generation.h"
#include "os/clock.h"
#include "os/fault.h"
#include "os/file.h"
#include "vector/hnsw.h"
#include "vector/recall.h"

#include <fcntl.h>
#include <string.h>

#define SEARCHES_MIN 1000 /* timed ones: below that a 99th percentile says little */

struct trial_bench {
    struct os *os;
    struct generation *g;
    const struct eval_set *questions;
    struct vec_cancel cancel;
    struct chunk_file *merged; /* NULL: the generation is one segment, all alive */
    const struct chunk_file *chunks;
    struct vec_hnsw *graph; /* of the last settings */
    struct trial_settings built_with;
    double build_ms;
};

static enum lh_code merge(struct trial_bench *b, const char *folder, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct generation *g = b->g;
    const struct chunk_file **files = arena_alloc(arena, g->segment_count * sizeof *files);
    const uint64_t **live = arena_alloc(arena, g->segment_count * sizeof *live);
    for (size_t i = 0; i < g->segment_count; i++) {
        files[i] = g->segments[i].chunks;
        live[i] = g->live + g->segments[i].base / 64;
    }
    const char *path = arena_printf(arena, "%s/chunks", folder);
    LH_TRY(os_mkdir_all(b->os, AT_FDCWD, folder, 0700, err));
    LH_TRY(chunk_file_merge(b->os, files, live, g->segment_count, path, err));
    LH_TRY(chunk_file_open(b->os, path, &b->merged, err));
    b->chunks = b->merged;
    return LH_OK;
}

enum lh_code trial_bench_open(struct os *os, struct generation *g, const struct eval_set *questions, const char *folder,
                              struct vec_cancel cancel, struct trial_bench **ret_bench, struct lh_err *err) {
    LH_AUTO(trial_bench) struct trial_bench *b = lh_calloc(1, sizeof *b);
    *b = (struct trial_bench){.os = os, .g = g, .questions = questions, .cancel = cancel};
    if (g->segment_count == 1 && g->all_live)
        b->chunks = g->segments[0].chunks;
    else
        LH_TRY(merge(b, folder, err));
    *ret_bench = LH_STEAL(b);
    return LH_OK;
}

void trial_bench_close(struct trial_bench *b) {
    if (!b)
        return;
    vec_hnsw_free(b->graph);
    chunk_file_close(b->merged);
    lh_free(b);
}

size_t trial_bench_rows(const struct trial_bench *b) {
    return chunk_file_rows(b->chunks)->n;
}

static enum lh_code build(struct trial_bench *b, const struct trial_settings *settings, struct lh_err *err) {
    const struct vec_rows *rows = chunk_file_rows(b->chunks);
    struct trial_settings same = b->built_with;
    same.ef_search = settings->ef_search;
    if (b->graph && trial_settings_equal(&same, settings))
        return LH_OK;
    vec_hnsw_free(LH_STEAL(b->graph));
    const struct vec_hnsw_config config = {.d = rows->d,
                                           .metric = VEC_COSINE,
                                           .m = settings->m,
                                           .ef_construction = settings->ef_construction,
                                           .seed = settings->seed,
                                           .cancel = &b->cancel};
    LH_TRY(LH_FAULT("trial.before_build", err));
    int64_t start = os_monotonic_ns(b->os);
    LH_TRY(vec_hnsw_build(&config, rows, 0, &b->graph, err));
    b->build_ms = (double)(os_monotonic_ns(b->os) - start) / 1e6;
    b->built_with = *settings;
    return LH_OK;
}

/* Of the documents that were to be found, the share that was. */
static enum lh_code recall_of_documents(const struct trial_bench *b, const json_t *expected, const struct vec_hit *hits,
                                        size_t found, double *ret_recall, struct lh_err *err) {
    size_t i, wanted = json_array_size(expected), there = 0;
    const json_t *id;
    json_array_foreach(expected, i, id) {
        bool hit = false;
        for (size_t j = 0; j < found && !hit; j++) {
            struct chunk_record r;
            LH_TRY(chunk_file_record(b->chunks, hits[j].id, &r, err));
            hit = r.doc_id_len == json_string_length(id) && memcmp(r.doc_id, json_string_value(id), r.doc_id_len) == 0;
        }
        there += hit;
    }
    size_t most = wanted < b->questions->k ? wanted : b->questions->k;
    *ret_recall = most ? (double)(there < most ? there : most) / (double)most : 1;
    return LH_OK;
}

static enum lh_code judge(const struct trial_bench *b, size_t q, const struct vec_hit *hits, size_t found, double *sum,
                          struct lh_err *err) {
    const struct eval_set *set = b->questions;
    double recall;
    if (set->expected[q])
        LH_TRY(recall_of_documents(b, set->expected[q], hits, found, &recall, err));
    else
        recall = vec_recall(set->truth + q * set->k, set->k, hits, found);
    *sum += recall;
    return LH_OK;
}

/* The first round warms up and is judged; the others are timed. */
static enum lh_code ask(struct trial_bench *b, struct vec_hnsw_cursor *cursor, uint32_t ef, struct trial_outcome *o,
                        size_t *ret_searches, struct lh_err *err) {
    const struct eval_set *set = b->questions;
    const struct vec_hnsw_search search = {.k = (uint32_t)set->k, .ef = ef};
    size_t rounds = (SEARCHES_MIN + set->count - 1) / set->count, timed = 0;
    LH_AUTO(mem) struct vec_hit *hits = lh_malloc(set->k * sizeof *hits);
    LH_AUTO(mem) int64_t *ns = lh_malloc(rounds * set->count * sizeof *ns);
    double recall = 0;
    for (size_t q = 0; q < set->count; q++) {
        size_t found = vec_hnsw_search(cursor, set->vectors + q * set->dims, &search, hits);
        LH_TRY(judge(b, q, hits, found, &recall, err));
    }
    for (size_t round = 0; round < rounds; round++)
        for (size_t q = 0; q < set->count; q++) {
            int64_t start = os_monotonic_ns(b->os);
            vec_hnsw_search(cursor, set->vectors + q * set->dims, &search, hits);
            ns[timed++] = os_monotonic_ns(b->os) - start;
        }
    struct vec_latency latency = vec_latency_of(ns, timed);
    o->recall = recall / (double)set->count;
    o->p50_us = latency.p50_ns / 1e3;
    o->p99_us = latency.p99_ns / 1e3;
    *ret_searches = timed;
    return LH_OK;
}

enum lh_code trial_bench_run(struct trial_bench *b, const struct trial_settings *settings,
                             struct trial_outcome *ret_outcome, size_t *ret_searches, struct lh_err *err) {
    struct trial_outcome outcome = {.settings = *settings};
    struct vec_hnsw_stats stats;
    LH_TRY(build(b, settings, err));
    vec_hnsw_stats(b->graph, &stats);
    outcome.build_ms = b->build_ms;
    outcome.memory_bytes = stats.graph_bytes;
    struct vec_hnsw_cursor *cursor = vec_hnsw_cursor_new(b->graph);
    enum lh_code code = ask(b, cursor, settings->ef_search, &outcome, ret_searches, err);
    vec_hnsw_cursor_free(cursor);
    LH_TRY(code);
    *ret_outcome = outcome;
    return LH_FAULT("trial.after_build", err);
}
