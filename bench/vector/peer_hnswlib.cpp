// hnswlib (header only, Debian: libhnswlib-dev), as its README uses it.
#include "contender.h"

#include <atomic>
#include <thread>
#include <vector>

#include <hnswlib/hnswlib.h>

namespace {

struct Index {
    hnswlib::InnerProductSpace space;
    hnswlib::HierarchicalNSW<float> graph;
    size_t n;
    unsigned d;
    Index(size_t rows, unsigned dims, size_t ef) : space(dims), graph(&space, rows, 16, ef, 100), n(rows), d(dims) {
    }
};

template <size_t EF> void *build(const float *rows, size_t n, unsigned d, unsigned threads) {
    auto *index = new Index(n, d, EF);
    index->graph.addPoint(rows, 0);
    std::atomic<size_t> next{1};
    std::vector<std::thread> workers;
    for (unsigned t = 0; t < threads; t++)
        workers.emplace_back([&] {
            for (size_t i; (i = next++) < n;)
                index->graph.addPoint(rows + i * d, i);
        });
    for (auto &worker : workers)
        worker.join();
    return index;
}

size_t bytes(void *index) {
    auto *i = static_cast<Index *>(index);
    return i->n * (i->graph.size_data_per_element_ - i->d * sizeof(float));
}

void set_ef(void *index, unsigned effort) {
    static_cast<Index *>(index)->graph.setEf(effort);
}

size_t search(void *index, const float *query, unsigned k, uint32_t *ret_ids) {
    auto found = static_cast<Index *>(index)->graph.searchKnn(query, k);
    size_t n = found.size();
    for (size_t i = n; i-- > 0; found.pop())
        ret_ids[i] = static_cast<uint32_t>(found.top().second);
    return n;
}

void release(void *index) {
    delete static_cast<Index *>(index);
}

const contender narrow = {"hnswlib M16 efc80", "ef", 10, 2000, build<80>, bytes, set_ef, search, release};
const contender wide = {"hnswlib M16 efc200", "ef", 10, 2000, build<200>, bytes, set_ef, search, release};

} // namespace

extern "C" const contender *const contenders_hnswlib[] = {&wide, &narrow, nullptr};
