#include "vector/guard.h"

#include "base/alloc.h"
#include "base/hash.h"

enum lh_code vec_guard_new(const struct vec_file *file, const char tag[4], const char sums_tag[4],
                           struct vec_guard **ret_guard, struct lh_err *err) {
    uint64_t bytes = 0;
    const void *data = vec_file_find(file, tag, &bytes);
    const void *sums = NULL;
    uint64_t pages = (bytes + VEC_FILE_ALIGN - 1) / VEC_FILE_ALIGN;
    if (!data)
        return lh_fail(err, LH_CORRUPT, "the index file has no section %.4s", tag);
    LH_TRY(vec_file_section(file, sums_tag, pages * sizeof(uint32_t), &sums, err));
    struct vec_guard *guard = lh_malloc(sizeof *guard);
    *guard = (struct vec_guard){.data = data, .bytes = bytes, .sums = sums};
    guard->sound = lh_calloc((size_t)(pages / 64) + 1, sizeof *guard->sound);
    *ret_guard = guard;
    return LH_OK;
}

void vec_guard_free(struct vec_guard *guard) {
    if (!guard)
        return;
    lh_free(guard->sound);
    lh_free(guard);
}

bool vec_guard_check(struct vec_guard *guard, uint64_t page) {
    uint64_t offset = page * VEC_FILE_ALIGN;
    uint64_t left = guard->bytes - offset;
    size_t bytes = left < VEC_FILE_ALIGN ? (size_t)left : VEC_FILE_ALIGN;
    if (lh_crc32c(0, guard->data + offset, bytes) != guard->sums[page]) {
        __atomic_store_n(&guard->damaged, true, __ATOMIC_RELAXED);
        return false;
    }
    __atomic_fetch_or(&guard->sound[page / 64], (uint64_t)1 << (page % 64), __ATOMIC_RELAXED);
    return true;
}
