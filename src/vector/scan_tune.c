#include "vector/scan_tune.h"

#include "base/alloc.h"
#include "base/attr.h"
#include "base/cleanup.h"
#include "vector/parallel.h"
#include "vector/recall.h"

#include <math.h>
#include <string.h>

enum {
    MOST_QUERIES = 128,
    WIDEST_EPSILON = 50, /* in tenths: a bound that one row in 3 million passes */
    WIDEST_REFINE = 200,
};

struct sample {
    const struct vec_flat *flat; /* or */
    const struct vec_ivf *ivf;
    struct vec_rows rows, queries;
    enum vec_metric metric;
    uint64_t *live;
    uint32_t *self;    /* each query's own id, VEC_NO_ID where it is none */
    uint64_t **others; /* live rows but those equal to the query, NULL where only the query itself is; one a query */
    size_t k;
    struct vec_hit *truth; /* k a query */
    size_t code_bytes;
    bool refines; /* PQ: the bound's knob is refine */
    unsigned threads;
};

/* Without the query itself, at most k. */
static size_t drop_self(const struct sample *sample, size_t query, struct vec_hit *hits, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n && kept < sample->k; i++)
        if (hits[i].id != sample->self[query])
            hits[kept++] = hits[i];
    return kept;
}

/* Rows equal to one of the index's own that serves as a query are held out with it: any search finds them, and they would
 * make every recall look like 1. */
static void hold_out(struct sample *sample, size_t q) {
    const float *query = vec_row(&sample->queries, q);
    size_t row = sample->rows.d * sizeof *query;
    if (sample->self[q] == VEC_NO_ID)
        return;
    for (size_t id = 0; id < sample->rows.n; id++) {
        if (id == sample->self[q] || memcmp(vec_row(&sample->rows, id), query, row) != 0)
            continue;
        if (!sample->others[q]) {
            size_t words = (sample->rows.n / 64 + 1) * sizeof *sample->live;
            sample->others[q] = memcpy(lh_malloc(words), sample->live, words);
        }
        sample->others[q][id / 64] &= ~((uint64_t)1 << (id % 64));
    }
}

static void truth_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    struct sample *sample = ctx;
    LH_AUTO(mem) struct vec_hit *hits = lh_calloc(sample->k + 1, sizeof *hits);
    for (size_t q = begin; q < end; q++) {
        size_t n = 0;
        struct lh_err err;
        hold_out(sample, q);
        lh_ignore(vec_exact_search(&sample->rows, sample->metric, vec_row(&sample->queries, q), sample->k + 1,
                                   sample->others[q] ? sample->others[q] : sample->live, hits, &n,
                                   &err)); /* the shape was checked when the index was made */
        n = drop_self(sample, q, hits, n);
        struct vec_hit *truth = sample->truth + q * sample->k;
        memcpy(truth, hits, n * sizeof *hits);
        for (size_t i = n; i < sample->k; i++)
            truth[i] = (struct vec_hit){INFINITY, VEC_NO_ID};
    }
}

struct trial {
    const struct sample *sample;
    struct vec_search search;
    double recall[MOST_QUERIES], bytes[MOST_QUERIES]; /* of the queries of one round */
    size_t first;
};

static double recall_of(const struct sample *sample, size_t q, const struct vec_hit *hits, size_t n) {
    const struct vec_hit *truth = sample->truth + q * sample->k;
    size_t wanted = sample->k;
    while (wanted && truth[wanted - 1].id == VEC_NO_ID)
        wanted--;
    return wanted ? (double)vec_recalled(sample->metric, truth, wanted, hits, n) / (double)wanted : 1;
}

static void try_piece(void *ctx, unsigned worker, size_t begin, size_t end) {
    (void)worker;
    struct trial *trial = ctx;
    const struct sample *sample = trial->sample;
    struct vec_searcher *searcher =
        sample->flat ? vec_flat_searcher_new(sample->flat) : vec_ivf_searcher_new(sample->ivf);
    LH_AUTO(mem) struct vec_hit *hits = lh_calloc(sample->k + 1, sizeof *hits);
    struct vec_search search = trial->search;
    for (size_t i = begin; i < end; i++) {
        size_t q = trial->first + i;
        const float *query = vec_row(&sample->queries, q);
        struct vec_search_stats stats;
        search.k = sample->k + (sample->self[q] != VEC_NO_ID);
        search.allowed = sample->others[q];
        size_t n = sample->flat ? vec_flat_search(sample->flat, searcher, query, &search, hits, &stats)
                                : vec_ivf_search(sample->ivf, searcher, query, &search, hits, &stats);
        n = drop_self(sample, q, hits, n);
        trial->recall[i] = recall_of(sample, q, hits, n);
        trial->bytes[i] = (double)stats.scanned * (double)sample->code_bytes +
                          (double)stats.scored * sample->rows.d * (double)sizeof(float);
    }
    vec_searcher_free(searcher);
}

static struct vec_scan_tuning attempt(const struct sample *sample, uint32_t nprobe, uint32_t level) {
    struct trial trial = {.sample = sample, .search = {.k = sample->k, .nprobe = nprobe}};
    if (sample->refines)
        trial.search.refine = level;
    else
        trial.search.epsilon = (float)level / 10;
    double recall = 0, bytes = 0;
    size_t queries = sample->queries.n;
    for (; trial.first < queries; trial.first += MOST_QUERIES) {
        size_t n = queries - trial.first < MOST_QUERIES ? queries - trial.first : MOST_QUERIES;
        vec_parallel_for(sample->threads, n, 8, try_piece, &trial);
        for (size_t i = 0; i < n; i++) {
            recall += trial.recall[i];
            bytes += trial.bytes[i];
        }
    }
    return (struct vec_scan_tuning){
        .search = trial.search,
        .recall = queries ? recall / (double)queries : 1,
        .bytes = queries ? bytes / (double)queries : 0,
        .queries = (uint32_t)queries,
    };
}

/* With this many lists, the narrowest bound that reaches the target; the widest where none does. */
static struct vec_scan_tuning narrowest(const struct sample *sample, double target, uint32_t nprobe) {
    uint32_t low = 1, high = sample->refines ? WIDEST_REFINE : WIDEST_EPSILON;
    struct vec_scan_tuning best = attempt(sample, nprobe, high);
    best.reached = best.recall >= target;
    while (best.reached && low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct vec_scan_tuning tried = attempt(sample, nprobe, middle);
        tried.reached = tried.recall >= target;
        if (tried.reached) {
            best = tried;
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return best;
}

/* The fewest lists that can reach the target at all; all of them where none can. */
static uint32_t fewest_lists(const struct sample *sample, double target) {
    uint32_t widest = sample->refines ? WIDEST_REFINE : WIDEST_EPSILON;
    uint32_t lists = vec_ivf_lists(sample->ivf);
    uint32_t low = 1, high = 1;
    while (high < lists && attempt(sample, high, widest).recall < target) {
        low = high + 1;
        high = high < lists / 2 ? 2 * high : lists;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (attempt(sample, middle, widest).recall >= target)
            high = middle;
        else
            low = middle + 1;
    }
    return high;
}

static struct vec_scan_tuning choose(const struct sample *sample, double target) {
    if (sample->flat)
        return narrowest(sample, target, 0);
    uint32_t lists = vec_ivf_lists(sample->ivf);
    uint32_t fewest = fewest_lists(sample, target);
    struct vec_scan_tuning best = narrowest(sample, target, fewest);
    static const uint32_t quarters[] = {5, 6, 8, 12}; /* more lists let the bound be narrower */
    for (size_t i = 0; best.reached && i < LH_ARRAY_LEN(quarters); i++) {
        uint64_t nprobe = ((uint64_t)fewest * quarters[i] + 3) / 4;
        if (nprobe > lists)
            break;
        struct vec_scan_tuning tried = narrowest(sample, target, (uint32_t)nprobe);
        if (tried.reached && tried.bytes < best.bytes)
            best = tried;
    }
    return best;
}

/* Live rows, spread over all. */
static void take_own_queries(struct sample *sample, float *data) {
    size_t d = sample->rows.d, step = sample->rows.n / MOST_QUERIES + 1, n = 0;
    for (size_t id = 0; id < sample->rows.n && n < MOST_QUERIES; id += step) {
        if (!vec_bit(sample->live, id))
            continue;
        memcpy(data + n * d, vec_row(&sample->rows, id), d * sizeof *data);
        sample->self[n++] = (uint32_t)id;
    }
    sample->queries = (struct vec_rows){.data = data, .n = n, .d = sample->rows.d};
}

static enum lh_code tune(struct sample *sample, const struct vec_rows *queries, double target,
                         struct vec_scan_tuning *ret_tuning, struct lh_err *err) {
    size_t n = sample->rows.n;
    if (sample->k == 0 || sample->k > UINT32_MAX || !(target > 0 && target <= 1))
        return lh_fail(err, LH_INVALID, "a target needs a k of at least 1 and a recall above 0 and up to 1");
    if (queries && queries->d != sample->rows.d)
        return lh_fail(err, LH_INVALID, "queries of %u dimensions for an index of %u", queries->d, sample->rows.d);
    sample->k = sample->k < n ? sample->k : n + !n; /* more cannot be found */
    size_t most = queries ? queries->n : MOST_QUERIES;
    LH_AUTO(mem) uint64_t *live = lh_calloc(n / 64 + 1, sizeof *live);
    LH_AUTO(mem) uint32_t *self = lh_calloc(most + 1, sizeof *self);
    LH_AUTO(mem) struct vec_hit *truth = lh_calloc((most + 1) * sample->k, sizeof *truth);
    LH_AUTO(mem) float *data = lh_calloc(queries ? 1 : most * sample->rows.d, sizeof *data);
    LH_AUTO(mem) uint64_t **others = lh_calloc(most + 1, sizeof *others);
    sample->others = others;
    sample->live = live;
    sample->self = self;
    sample->truth = truth;
    for (size_t id = 0; id < n; id++)
        if (sample->flat ? vec_flat_live(sample->flat, (uint32_t)id) : vec_ivf_live(sample->ivf, (uint32_t)id))
            live[id / 64] |= (uint64_t)1 << (id % 64);
    if (queries) {
        sample->queries = *queries;
        memset(self, 0xff, most * sizeof *self);
    } else {
        take_own_queries(sample, data);
    }
    vec_parallel_for(sample->threads, sample->queries.n, 1, truth_piece, sample);
    *ret_tuning = choose(sample, target);
    for (size_t q = 0; q < most; q++)
        lh_free(others[q]);
    return LH_OK;
}

enum lh_code vec_flat_tune(const struct vec_flat *flat, const struct vec_rows *queries, size_t k, double target,
                           unsigned threads, struct vec_scan_tuning *ret_tuning, struct lh_err *err) {
    const struct vec_rows *rows = vec_flat_rows(flat);
    struct sample sample = {
        .flat = flat,
        .rows = *rows,
        .metric = vec_flat_metric(flat),
        .k = k,
        .code_bytes = (rows->d + 63) / 64 * 8 + 12,
        .threads = threads,
    };
    return tune(&sample, queries, target, ret_tuning, err);
}

enum lh_code vec_ivf_tune(const struct vec_ivf *ivf, const struct vec_rows *queries, size_t k, double target,
                          unsigned threads, struct vec_scan_tuning *ret_tuning, struct lh_err *err) {
    const struct vec_rows *rows = vec_ivf_rows(ivf);
    uint32_t pq_bytes = vec_ivf_pq_bytes(ivf);
    struct sample sample = {
        .ivf = ivf,
        .rows = *rows,
        .metric = vec_ivf_metric(ivf),
        .k = k,
        .code_bytes = pq_bytes ? pq_bytes + 8 : (rows->d + 63) / 64 * 8 + 16, /* with factors and id */
        .refines = pq_bytes > 0,
        .threads = threads,
    };
    return tune(&sample, queries, target, ret_tuning, err);
}
