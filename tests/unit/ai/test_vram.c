/* The memory of GPUs, of a library that plays the driver, of none, and of one that is something else. */
#include "ai/vram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void gpus_are_told(void **state) {
    (void)state;
    struct vram_gpu gpus[4];
    size_t count = 0;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(vram_read(LH_FAKE_NVML, gpus, 4, &count, &err), LH_OK);
    assert_int_equal(count, 2);
    assert_string_equal(gpus[1].name, "Fake GPU 1");
    assert_int_equal(gpus[1].total_bytes, 1000);
    assert_int_equal(gpus[1].used_bytes, 400);
    assert_int_equal(gpus[1].free_bytes, 600);
    assert_int_equal(vram_read(LH_FAKE_NVML, gpus, 1, &count, &err), LH_OK);
    assert_int_equal(count, 1);
}

static void what_is_missing_is_said(void **state) {
    (void)state;
    struct vram_gpu gpus[4];
    size_t count = 9;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(vram_read("/nonexistent/libnvidia-ml.so.1", gpus, 4, &count, &err), LH_UNAVAILABLE);
    assert_non_null(strstr(err.message, "no driver"));
    assert_int_equal(vram_read("libm.so.6", gpus, 4, &count, &err), LH_UNAVAILABLE);
    assert_non_null(strstr(err.message, "too old"));
    setenv("FAKE_NVML", "sick", 1);
    assert_int_equal(vram_read(LH_FAKE_NVML, gpus, 4, &count, &err), LH_UNAVAILABLE);
    assert_non_null(strstr(err.message, "GPU is lost"));
    assert_int_equal(count, 9);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(gpus_are_told), cmocka_unit_test(what_is_missing_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
