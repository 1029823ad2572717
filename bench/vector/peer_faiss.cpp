// faiss (Debian: libfaiss-dev, a build for any x86-64).
#include "contender.h"

#include <memory>

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIVFPQFastScan.h>
#include <faiss/IndexRefine.h>
#include <omp.h>

namespace {

struct Index {
    std::unique_ptr<faiss::IndexFlatIP> coarse;
    std::unique_ptr<faiss::Index> base;
    std::unique_ptr<faiss::IndexRefineFlat> refined;
    faiss::IndexHNSW *hnsw = nullptr;
    faiss::IndexIVF *ivf = nullptr;
    size_t extra = 0;
};

void *build_hnsw(const float *rows, size_t n, unsigned d, unsigned threads) {
    auto *index = new Index;
    auto *hnsw = new faiss::IndexHNSWFlat(static_cast<int>(d), 16, faiss::METRIC_INNER_PRODUCT);
    omp_set_num_threads(static_cast<int>(threads));
    hnsw->hnsw.efConstruction = 80; // 200 takes this build without AVX two minutes and hardly answers faster
    hnsw->add(static_cast<faiss::Index::idx_t>(n), rows);
    index->hnsw = hnsw;
    index->base.reset(hnsw);
    index->extra = hnsw->hnsw.neighbors.size() * 4;
    omp_set_num_threads(1);
    return index;
}

void *build_ivf(const float *rows, size_t n, unsigned d, unsigned threads) {
    auto *index = new Index;
    index->coarse = std::make_unique<faiss::IndexFlatIP>(d);
    omp_set_num_threads(static_cast<int>(threads));
    auto *ivf = new faiss::IndexIVFPQFastScan(index->coarse.get(), d, 316, d / 4, 4, faiss::METRIC_INNER_PRODUCT);
    ivf->own_fields = false;
    index->base.reset(ivf);
    index->ivf = ivf;
    ivf->train(static_cast<faiss::Index::idx_t>(n), rows);
    index->refined = std::make_unique<faiss::IndexRefineFlat>(ivf);
    index->refined->k_factor = 100;
    index->refined->add(static_cast<faiss::Index::idx_t>(n), rows);
    index->extra = n * (d / 8 + 8);
    omp_set_num_threads(1);
    return index;
}

size_t bytes(void *index) {
    return static_cast<Index *>(index)->extra;
}

void set_effort(void *index, unsigned effort) {
    auto *i = static_cast<Index *>(index);
    if (i->hnsw)
        i->hnsw->hnsw.efSearch = static_cast<int>(effort);
    else
        i->ivf->nprobe = effort;
}

size_t search(void *index, const float *query, unsigned k, uint32_t *ret_ids) {
    auto *i = static_cast<Index *>(index);
    faiss::Index::idx_t ids[100];
    float dist[100];
    faiss::Index *asked = i->refined ? static_cast<faiss::Index *>(i->refined.get()) : i->base.get();
    asked->search(1, query, k, dist, ids);
    size_t n = 0;
    while (n < k && ids[n] >= 0) {
        ret_ids[n] = static_cast<uint32_t>(ids[n]);
        n++;
    }
    return n;
}

void release(void *index) {
    delete static_cast<Index *>(index);
}

const contender hnsw = {"faiss HNSW16 efc80", "efSearch", 10, 2000, build_hnsw, bytes, set_effort, search, release};
const contender ivf = {"faiss IVF316,PQx4fs,RFlat", "nprobe", 1, 128, build_ivf, bytes, set_effort, search, release};

} // namespace

extern "C" const contender *const contenders_faiss[] = {&hnsw, &ivf, nullptr};
