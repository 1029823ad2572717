/* Hits in the order in which a reranker puts them (ai/rerank.h). */
#include "ai/rerank.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "index/index_internal.h"

#include <string.h>

enum lh_code index_rerank(const struct ai *ai, const struct index_rerank *rerank, const json_t *hits, json_t **ret_hits,
                          struct lh_err *err) {
    LH_AUTO(reranked) struct reranked ranked = {0};
    size_t count = json_array_size(hits);
    LH_AUTO(mem) struct ai_text *texts = lh_calloc(count + 1, sizeof *texts);
    for (size_t i = 0; i < count; i++) {
        const json_t *text = json_object_get(json_array_get(hits, i), "text");
        texts[i] = (struct ai_text){json_string_value(text), json_string_length(text)};
    }
    const struct ai_rerank_request request = {.model = rerank->model,
                                              .query = {rerank->words, strlen(rerank->words)},
                                              .texts = texts,
                                              .count = count,
                                              .cancel_fd = rerank->cancel_fd};
    LH_TRY(ai_rerank(ai, &request, &ranked, err));
    json_t *best = json_array();
    for (size_t i = 0; i < count && i < rerank->k; i++) {
        json_t *hit = json_array_get(hits, ranked.order[i]);
        json_object_set_new(hit, "rerank_score", json_real(ranked.scores[ranked.order[i]]));
        if (!rerank->with_text)
            json_object_del(hit, "text");
        json_array_append(best, hit);
    }
    *ret_hits = best;
    return LH_OK;
}
