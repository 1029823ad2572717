/* Vector files of others: the first byte picks the format, the rest is the file. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "fuzz/fuzz.h"
#include "vector/rows_file.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    LH_AUTO(mem) char *aligned = lh_malloc_aligned(64, size);
    LH_AUTO(mem) float *copy = NULL;
    struct vec_rows rows;
    struct lh_err err;
    memcpy(aligned, data + 1, size - 1);
    if (vec_rows_parse((enum vec_rows_format)(data[0] % 3), aligned, size - 1, data[0] / 3, &rows, &copy, &err) !=
        LH_OK)
        return 0;
    FUZZ_CHECK(rows.n * rows.d * sizeof(float) <= size);
    for (size_t i = 0; i < rows.n * rows.d; i++)
        FUZZ_CHECK(isfinite(rows.data[i]));
    return 0;
}
