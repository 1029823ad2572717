#include "base/arena.h"
#include "base/cleanup.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void memory_is_aligned_zeroed_and_apart(void **state) {
    (void)state;
    LH_AUTO(arena) struct arena *a = arena_new();
    unsigned char *before = NULL;
    size_t before_size = 0;
    for (size_t size = 0; size < 9000; size += 37) {
        unsigned char *p = arena_alloc(a, size);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xAB, size);
        for (size_t i = 0; i < before_size; i++)
            assert_int_equal(before[i], 0xAB);
        before = p;
        before_size = size;
    }
    assert_true(arena_size(a) > 9000 * 100);
}

static void text_helpers(void **state) {
    (void)state;
    LH_AUTO(arena) struct arena *a = arena_new();
    assert_null(arena_strdup(a, NULL));
    assert_string_equal(arena_strdup(a, "one"), "one");
    assert_string_equal(arena_strndup(a, "twofold", 3), "two");
    assert_string_equal(arena_printf(a, "%d-%s", 3, "three"), "3-three");
    char *large = arena_alloc(a, (size_t)1 << 20);
    large[(1 << 20) - 1] = 'x';
    assert_string_equal(arena_strdup(a, "after a large one"), "after a large one");
}

struct trail {
    struct arena *arena;
    char text[8];
};

static void push(struct trail *trail, char step) {
    trail->text[strlen(trail->text)] = step;
}

static void push_a(void *ptr) {
    push(ptr, 'a');
}

static void push_b(void *ptr) {
    push(ptr, 'b');
}

static void push_c_and_defer_a(void *ptr) {
    struct trail *trail = ptr;
    push(trail, 'c');
    arena_defer(trail->arena, push_a, trail);
}

static void callbacks_run_in_reverse(void **state) {
    (void)state;
    struct trail trail = {.arena = arena_new()};
    arena_defer(trail.arena, push_a, &trail);
    arena_defer(trail.arena, push_b, &trail);
    arena_defer(trail.arena, push_c_and_defer_a, &trail);
    arena_free(trail.arena);
    assert_string_equal(trail.text, "caba");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_zeroed_and_apart),
        cmocka_unit_test(text_helpers),
        cmocka_unit_test(callbacks_run_in_reverse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
