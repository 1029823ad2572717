/* Vector files of others: what is read, and what is refused. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "twin/temp_dir.h"
#include "vector/rows_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ONE "\0\0\x80?"
#define TWO "\0\0\0@"
#define NANS "\0\0\xc0\x7f"
#define D2 "\2\0\0\0"
/* A format-1 header of 54 bytes behind the 10 of its start: 64 in all, as NumPy pads it. */
#define NPY(shape) "\x93NUMPY\1\0\x36\0{'descr':'<f4','fortran_order':False,'shape':" shape "\n"

static const struct {
    const char *name;
    enum vec_rows_format format;
    const char *data;
    size_t size;
    uint32_t d;
    enum lh_code code;
    size_t n;
} table[] = {
    {"raw", VEC_ROWS_F32, ONE TWO ONE TWO, 16, 2, LH_OK, 2},
    {"raw, empty", VEC_ROWS_F32, "", 0, 2, LH_OK, 0},
    {"raw, no dimensions told", VEC_ROWS_F32, ONE TWO, 8, 0, LH_INVALID, 0},
    {"raw, half a vector", VEC_ROWS_F32, ONE TWO ONE, 12, 2, LH_DATA, 0},
    {"raw, not a number", VEC_ROWS_F32, ONE NANS, 8, 2, LH_DATA, 0},
    {"raw, too many dimensions", VEC_ROWS_F32, "", 0, VEC_MAX_DIM + 1, LH_INVALID, 0},
    {"fvecs", VEC_ROWS_FVECS, D2 ONE TWO D2 TWO ONE, 24, 0, LH_OK, 2},
    {"fvecs, as asked", VEC_ROWS_FVECS, D2 ONE TWO, 12, 2, LH_OK, 1},
    {"fvecs, other than asked", VEC_ROWS_FVECS, D2 ONE TWO, 12, 3, LH_DATA, 0},
    {"fvecs, empty", VEC_ROWS_FVECS, "", 0, 0, LH_DATA, 0},
    {"fvecs, cut", VEC_ROWS_FVECS, D2 ONE TWO D2 TWO, 20, 0, LH_DATA, 0},
    {"fvecs, rows that differ", VEC_ROWS_FVECS, D2 ONE TWO "\1\0\0\0" TWO ONE, 24, 0, LH_DATA, 0},
    {"fvecs, no dimensions", VEC_ROWS_FVECS, "\0\0\0\0", 4, 0, LH_DATA, 0},
    {"fvecs, absurd dimensions", VEC_ROWS_FVECS, "\xff\xff\xff\x7f", 4, 0, LH_DATA, 0},
    {"npy", VEC_ROWS_NPY, NPY("(2, 2)} ") ONE TWO TWO ONE, 80, 0, LH_OK, 2},
    {"npy, one axis", VEC_ROWS_NPY, NPY("(2,)}   ") ONE TWO, 72, 0, LH_OK, 1},
    {"npy, more bytes", VEC_ROWS_NPY, NPY("(2, 2)} ") ONE TWO TWO ONE ONE, 84, 0, LH_DATA, 0},
    {"npy, three axes", VEC_ROWS_NPY, NPY("(1,2,3) ") ONE TWO, 72, 0, LH_DATA, 0},
    {"npy, no shape", VEC_ROWS_NPY, NPY("2}      ") ONE TWO, 72, 0, LH_DATA, 0},
    {"npy, absurd shape", VEC_ROWS_NPY, NPY("(9, 0)} ") ONE TWO, 72, 0, LH_DATA, 0},
    {"npy, cut header", VEC_ROWS_NPY, NPY("(2, 2)} "), 40, 0, LH_DATA, 0},
    {"npy, not one", VEC_ROWS_NPY, "PK\3\4        ", 12, 0, LH_DATA, 0},
    {"npy, doubles", VEC_ROWS_NPY, "\x93NUMPY\1\0\x36\0{'descr':'<f8','fortran_order':False,'shape':(1, 1)} \n" ONE TWO,
     72, 0, LH_UNSUPPORTED, 0},
};

static void files_are_read_or_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        LH_AUTO(mem) char *data = lh_malloc_aligned(64, table[i].size + 1);
        LH_AUTO(mem) float *copy = NULL;
        struct vec_rows rows = {0};
        struct lh_err err;
        memcpy(data, table[i].data, table[i].size);
        enum lh_code code = vec_rows_parse(table[i].format, data, table[i].size, table[i].d, &rows, &copy, &err);
        if (code != table[i].code || rows.n != table[i].n)
            fail_msg("%s: %s, %zu rows", table[i].name, lh_code_name(code), rows.n);
        if (rows.n > 0) {
            assert_int_equal(rows.d, 2);
            assert_true(rows.data[0] == 1.0f && rows.data[1] == 2.0f);
        }
    }
}

static void a_file_is_opened_by_its_name(void **state) {
    (void)state;
    char *folder = temp_dir_new();
    LH_AUTO(mem) char *path = lh_asprintf("%s/v.fvecs", folder);
    LH_AUTO(mem) char *parquet = lh_asprintf("%s/v.parquet", folder);
    LH_AUTO(vec_rows_file) struct vec_rows_file file = {0};
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(vec_rows_open(os_real(), path, 0, &file, &err), LH_NOT_FOUND);
    assert_int_equal(os_write_file_atomic(os_real(), AT_FDCWD, path, D2 ONE TWO, 12, 0644, &err), LH_OK);
    assert_int_equal(vec_rows_open(os_real(), path, 0, &file, &err), LH_OK);
    assert_int_equal(file.rows.n, 1);
    assert_int_equal(vec_rows_open(os_real(), parquet, 0, &file, &err), LH_UNSUPPORTED);
    assert_true(err.hint[0] != '\0');
    temp_dir_free(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_or_refused),
        cmocka_unit_test(a_file_is_opened_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
