#include "vector/rows_file.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rows are mapped as they stand");

enum lh_code vec_rows_format_of(const char *path, enum vec_rows_format *ret_format, struct lh_err *err) {
    static const struct {
        const char *end;
        enum vec_rows_format format;
    } known[] = {{".f32", VEC_ROWS_F32}, {".fvecs", VEC_ROWS_FVECS}, {".npy", VEC_ROWS_NPY}};
    size_t len = strlen(path);
    for (size_t i = 0; i < LH_ARRAY_LEN(known); i++) {
        size_t end = strlen(known[i].end);
        if (len > end && strcmp(path + len - end, known[i].end) == 0) {
            *ret_format = known[i].format;
            return LH_OK;
        }
    }
    lh_fail(err, LH_UNSUPPORTED, "%s: vectors are read from files that end in .f32, .fvecs or .npy", path);
    return lh_err_hint(err, "from Parquet or a database, write the column with NumPy: numpy.save('vectors.npy', "
                            "array.astype('float32'))");
}

static enum lh_code parse_f32(const void *data, size_t size, uint32_t d, struct vec_rows *ret_rows,
                              struct lh_err *err) {
    size_t row = (size_t)d * sizeof(float);
    if (d == 0)
        return lh_fail(err, LH_INVALID, "a .f32 file does not say how many dimensions its vectors have");
    if (size % row != 0)
        return lh_fail(err, LH_DATA, "the file has %zu bytes, which is no number of whole vectors of %u dimensions",
                       size, d);
    *ret_rows = (struct vec_rows){.data = data, .n = size / row, .d = d};
    return LH_OK;
}

static uint32_t get32(const unsigned char *at) {
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static enum lh_code parse_fvecs(const unsigned char *data, size_t size, struct vec_rows *ret_rows, float **ret_copy,
                                struct lh_err *err) {
    if (size < sizeof(uint32_t))
        return lh_fail(err, LH_DATA, "the file holds no vector");
    uint32_t d = get32(data);
    if (d == 0 || d > VEC_MAX_DIM)
        return lh_fail(err, LH_DATA, "the first vector says that it has %u dimensions", d);
    size_t row = sizeof(uint32_t) + (size_t)d * sizeof(float);
    size_t n = size / row;
    if (size % row != 0)
        return lh_fail(err, LH_DATA, "the file ends within vector %zu", n);
    for (size_t i = 0; i < n; i++)
        if (get32(data + i * row) != d)
            return lh_fail(err, LH_DATA, "vector %zu says that it has %u dimensions, the first %u", i,
                           get32(data + i * row), d);
    float *copy = lh_try_malloc(n * d * sizeof *copy);
    if (!copy)
        return lh_fail(err, LH_NO_MEMORY, "no memory for %zu vectors of %u dimensions", n, d);
    for (size_t i = 0; i < n; i++)
        memcpy(copy + i * d, data + i * row + sizeof(uint32_t), (size_t)d * sizeof *copy);
    *ret_copy = copy;
    *ret_rows = (struct vec_rows){.data = copy, .n = n, .d = d};
    return LH_OK;
}

/* The text behind 'KEY': in a NumPy header, spaces skipped; NULL where it has no such key. */
static const char *npy_value(const char *header, const char *key) {
    const char *at = strstr(header, key);
    if (!at)
        return NULL;
    at += strlen(key);
    while (*at == ' ' || *at == ':')
        at++;
    return at;
}

/* "(100, 768)" or "(768,)". */
static bool npy_shape(const char *text, uint64_t *ret_n, uint64_t *ret_d) {
    uint64_t axes[2] = {0, 0};
    size_t count = 0;
    if (*text++ != '(')
        return false;
    while (*text != ')') {
        char *end = NULL;
        if (count == 2 || *text < '0' || *text > '9')
            return false;
        axes[count++] = strtoull(text, &end, 10);
        text = end;
        while (*text == ' ' || *text == ',')
            text++;
    }
    *ret_n = count == 2 ? axes[0] : 1;
    *ret_d = count == 2 ? axes[1] : axes[0];
    return count > 0;
}

static enum lh_code parse_npy(const unsigned char *data, size_t size, struct vec_rows *ret_rows, float **ret_copy,
                              struct lh_err *err) {
    static const unsigned char magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    if (size < 12 || memcmp(data, magic, sizeof magic) != 0 || data[6] < 1 || data[6] > 3)
        return lh_fail(err, LH_DATA, "this is not a NumPy array file of format 1 to 3");
    size_t start = data[6] == 1 ? 10 : 12;
    size_t len = data[6] == 1 ? (size_t)(data[8] | data[9] << 8) : get32(data + 8);
    if (len > size - start || len > 65536)
        return lh_fail(err, LH_DATA, "the NumPy header does not end within the file");
    LH_AUTO(mem) char *header = lh_strndup((const char *)data + start, len);
    const char *type = npy_value(header, "'descr'");
    const char *order = npy_value(header, "'fortran_order'");
    const char *shape = npy_value(header, "'shape'");
    uint64_t n = 0;
    uint64_t d = 0;
    if (!type || !order || !shape || strncmp(type, "'<f4'", 5) != 0 || strncmp(order, "False", 5) != 0)
        return lh_fail(err, LH_UNSUPPORTED, "the array must be of type float32 ('<f4') in C order");
    if (!npy_shape(shape, &n, &d) || d == 0 || d > VEC_MAX_DIM)
        return lh_fail(err, LH_DATA, "the array must have two axes, the second of 1 to %u", VEC_MAX_DIM);
    size_t bytes = size - start - len;
    if (bytes % (d * sizeof(float)) != 0 || bytes / (d * sizeof(float)) != n)
        return lh_fail(err, LH_DATA, "the array's shape asks for another number of bytes than the file has");
    const void *values = data + start + len;
    if ((uintptr_t)values % sizeof(float) != 0) {
        float *copy = lh_try_malloc(bytes);
        if (!copy)
            return lh_fail(err, LH_NO_MEMORY, "no memory for %zu bytes of vectors", bytes);
        memcpy(copy, values, bytes);
        values = *ret_copy = copy;
    }
    *ret_rows = (struct vec_rows){.data = values, .n = (size_t)n, .d = (uint32_t)d};
    return LH_OK;
}

enum lh_code vec_rows_parse(enum vec_rows_format format, const void *data, size_t size, uint32_t d,
                            struct vec_rows *ret_rows, float **ret_copy, struct lh_err *err) {
    struct vec_rows rows = {0};
    LH_AUTO(mem) float *copy = NULL;
    if (format == VEC_ROWS_F32)
        LH_TRY(parse_f32(data, size, d, &rows, err));
    else if (format == VEC_ROWS_FVECS)
        LH_TRY(parse_fvecs(data, size, &rows, &copy, err));
    else
        LH_TRY(parse_npy(data, size, &rows, &copy, err));
    if (d && rows.d != d)
        return lh_fail(err, LH_DATA, "the vectors have %u dimensions where %u are asked for", rows.d, d);
    LH_TRY(vec_check_shape(&rows, err));
    LH_TRY(vec_check_finite(&rows, err));
    *ret_rows = rows;
    *ret_copy = LH_STEAL(copy);
    return LH_OK;
}

static enum lh_code map_file(struct os *os, const char *path, void **ret_map, size_t *ret_bytes, struct lh_err *err) {
    struct os_stat stat;
    int fd = -1;
    LH_TRY(os_open(os, AT_FDCWD, path, O_RDONLY, 0, 0, &fd, err));
    enum lh_code code = os_fstat(os, fd, path, &stat, err);
    if (code == LH_OK && (!stat.is_file || stat.size_bytes == 0 || stat.size_bytes > SIZE_MAX / 2))
        code = lh_fail(err, LH_DATA, "%s holds no vectors", path);
    if (code == LH_OK) {
        *ret_bytes = (size_t)stat.size_bytes;
        *ret_map = mmap(NULL, *ret_bytes, PROT_READ, MAP_SHARED, fd, 0);
        if (*ret_map == MAP_FAILED)
            code = lh_fail(err, LH_NO_MEMORY, "%s cannot be mapped", path);
    }
    os_close(os, fd);
    return code;
}

enum lh_code vec_rows_open(struct os *os, const char *path, uint32_t d, struct vec_rows_file *ret_file,
                           struct lh_err *err) {
    enum vec_rows_format format = VEC_ROWS_F32;
    struct vec_rows_file file = {0};
    LH_TRY(vec_rows_format_of(path, &format, err));
    LH_TRY(map_file(os, path, &file.map, &file.map_bytes, err));
    if (vec_rows_parse(format, file.map, file.map_bytes, d, &file.rows, &file.copy, err) != LH_OK) {
        vec_rows_close(&file);
        return lh_err_context(err, "%s", path);
    }
    *ret_file = file;
    return LH_OK;
}

void vec_rows_close(struct vec_rows_file *file) {
    if (file->map)
        munmap(file->map, file->map_bytes);
    lh_free(file->copy);
    *file = (struct vec_rows_file){0};
}
