#include "vector/rows_mark.h"

#include "base/hash.h"
#include "vector/file.h"

#include <string.h>

/* As it stands in the file. */
struct mark {
    uint32_t rows; /* looked at */
    uint32_t crc;
};
_Static_assert(sizeof(struct mark) == 8, "no padding");

static const float *plain_row(const void *ctx, size_t i) {
    return vec_row(ctx, i);
}

static struct mark take(size_t n, uint32_t d, const float *(*row)(const void *ctx, size_t i), const void *ctx) {
    struct mark mark = {.rows = n < VEC_MARK_ROWS ? (uint32_t)n : VEC_MARK_ROWS};
    for (uint32_t i = 0; i < mark.rows; i++)
        mark.crc = lh_crc32c(mark.crc, row(ctx, vec_mark_row(n, i)), (size_t)d * sizeof(float));
    return mark;
}

enum lh_code vec_mark_append(struct vec_file_writer *writer, size_t n, uint32_t d,
                             const float *(*row)(const void *ctx, size_t i), const void *ctx, struct lh_err *err) {
    struct mark mark = take(n, d, row, ctx);
    return vec_file_append(writer, "MARK", &mark, sizeof mark, err);
}

enum lh_code vec_mark_append_rows(struct vec_file_writer *writer, const struct vec_rows *rows, struct lh_err *err) {
    return vec_mark_append(writer, rows->n, rows->d, plain_row, rows, err);
}

enum lh_code vec_mark_check(const struct vec_file *file, const float *rows, struct lh_err *err) {
    const struct vec_file_head *head = vec_file_head(file);
    const struct vec_rows brought = {.data = rows, .n = (size_t)head->n, .d = head->d};
    struct vec_rows own = {.n = (size_t)head->n, .d = head->d};
    struct mark wanted;
    uint64_t bytes = 0;
    const void *held = vec_file_find(file, "ROWS", &bytes);
    if (held && bytes == head->n * head->d * sizeof(float)) {
        own.data = held;
        if (rows == own.data)
            return LH_OK;
        wanted = take(own.n, own.d, plain_row, &own);
    } else {
        held = vec_file_find(file, "MARK", &bytes);
        if (!held || bytes != sizeof wanted)
            return LH_OK; /* written before there were marks */
        memcpy(&wanted, held, sizeof wanted);
    }
    struct mark found = take(brought.n, brought.d, plain_row, &brought);
    if (found.rows != wanted.rows || found.crc != wanted.crc)
        return lh_fail(err, LH_INVALID, "the vectors that were given are not those that the index was built on");
    return LH_OK;
}
