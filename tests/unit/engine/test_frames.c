/* Frames: what is read is what was sent, and nothing else gets through. */
#include "base/arena.h"
#include "engine/frames.h"
#include "engine/profile.h"
#include "engine/wire_error.h"
#include "os/clock.h"
#include "os/os.h"
#include "os/socket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void refuses_what_is_no_frame(void **state) {
    (void)state;
    static const struct {
        const char *name, *bytes;
        size_t len;
        enum lh_code code;
        size_t size;
    } rows[] = {
        {"nothing yet", "", 0, LH_OK, 0},
        {"half a header", "\x02\0\0\0", 4, LH_OK, 0},
        {"an object", "\x02\0\0\0\x14{}", 7, LH_OK, 7},
        {"an object and more", "\x02\0\0\0\x14{}rest", 11, LH_OK, 7},
        {"an empty payload", "\0\0\0\0\x13", 5, LH_OK, 5},
        {"half a payload", "\x02\0\0\0\x14{", 6, LH_OK, 0},
        {"a type of the other direction", "\x02\0\0\0\x01{}", 7, LH_CORRUPT, 0},
        {"an unknown type", "\x02\0\0\0\x3f{}", 7, LH_CORRUPT, 0},
        {"a type past the mask", "\x02\0\0\0\xff{}", 7, LH_CORRUPT, 0},
        {"4 GiB", "\xff\xff\xff\xff\x13", 5, LH_CORRUPT, 0},
        {"data one over its limit", "\x01\0\x04\0\x13", 5, LH_CORRUPT, 0},
        {"data at its limit", "\0\0\x04\0\x13", 5, LH_OK, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct frame frame;
        size_t size = 99;
        struct lh_err err = LH_ERR_INIT;
        enum lh_code code = frame_parse(rows[i].bytes, rows[i].len, FRAMES_FROM_WORKER, &frame, &size, &err);
        if (code != rows[i].code || (code == LH_OK && size != rows[i].size))
            fail_msg("%s: %s, size %zu", rows[i].name, lh_code_name(code), size);
    }
}

static void control_frames_are_objects(void **state) {
    (void)state;
    static const char *const bad[] = {"", "[]", "1", "{", "{\"a\":1}{", "{\"a\":\"\xff\"}", "{\"a\":1,\"a\":2}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct frame frame = {FRAME_END, bad[i], strlen(bad[i])};
        json_t *object = NULL;
        struct lh_err err = LH_ERR_INIT;
        if (frame_json(&frame, &object, &err) != LH_CORRUPT)
            fail_msg("%s was taken", bad[i]);
    }
}

static void frames_and_descriptors_travel(void **state) {
    (void)state;
    struct os *os = os_real();
    struct lh_err err = LH_ERR_INIT;
    struct frame_channel a, b;
    struct frame frame;
    int fds[2], passed[2];
    assert_int_equal(os_socketpair(os, fds, &err), LH_OK);
    assert_int_equal(pipe(passed), 0);
    frame_channel_init(&a, os, fds[0], FRAMES_FROM_HOST, false);
    frame_channel_init(&b, os, fds[1], FRAMES_TO_HOST, true);
    struct frame_wait soon = {os_monotonic_ns(os) + 1000000000, -1};
    assert_int_equal(frame_send(&a, FRAME_SPAWN, "{\"x\":1}", 7, passed[1], &soon, &err), LH_OK);
    assert_int_equal(frame_send(&a, FRAME_REAP, "{}", 2, -1, &soon, &err), LH_OK);
    assert_int_equal(frame_receive(&b, &soon, &frame, &err), LH_OK);
    assert_int_equal(frame.type, FRAME_SPAWN);
    assert_int_equal(frame.len, 7);
    int fd = frame_channel_take_fd(&b);
    assert_int_equal(write(fd, "!", 1), 1);
    char c;
    assert_int_equal(read(passed[0], &c, 1), 1);
    assert_int_equal(frame_receive(&b, &soon, &frame, &err), LH_OK);
    assert_int_equal(frame.type, FRAME_REAP);
    assert_int_equal(frame_channel_take_fd(&b), -1);
    /* A channel that takes none gets none. */
    assert_int_equal(frame_send(&b, FRAME_SPAWNED, "{}", 2, passed[1], &soon, &err), LH_OK);
    assert_int_equal(frame_receive(&a, &soon, &frame, &err), LH_OK);
    assert_int_equal(frame_channel_take_fd(&a), -1);

    struct frame_wait now = {os_monotonic_ns(os), -1};
    assert_int_equal(frame_receive(&a, &now, &frame, &err), LH_TIMEOUT);
    close(passed[1]);
    close(fd);
    struct frame_wait hung_up = {INT64_MAX, passed[0]};
    assert_int_equal(frame_receive(&a, &hung_up, &frame, &err), LH_CANCELLED);
    frame_channel_deinit(&b);
    assert_int_equal(frame_receive(&a, &soon, &frame, &err), LH_UNAVAILABLE);
    assert_int_equal(frame_send(&a, FRAME_REAP, "{}", 2, -1, &soon, &err), LH_UNAVAILABLE);
    frame_channel_deinit(&a);
    close(passed[0]);
}

static void errors_survive_the_crossing(void **state) {
    (void)state;
    struct lh_err sent = LH_ERR_INIT, got = LH_ERR_INIT;
    lh_ignore(lh_fail(&sent, LH_SQL, "no \"x\"\nLINE 1"));
    lh_ignore(lh_err_hint(&sent, "try y"));
    lh_ignore(lh_err_detail(&sent, "why"));
    sent.position = 7;
    json_t *object = wire_error_to_json(&sent);
    assert_int_equal(wire_error_from_json(object, &got), LH_SQL);
    assert_string_equal(got.message, sent.message);
    assert_string_equal(got.hint, sent.hint);
    assert_string_equal(got.detail, sent.detail);
    assert_int_equal(got.position, 7);
    json_decref(object);
    /* A message cut in the middle of a character. */
    lh_ignore(lh_fail(&sent, LH_SQL, "half \xc3"));
    object = wire_error_to_json(&sent);
    wire_error_from_json(object, &got);
    assert_string_equal(got.message, "half ");
    json_decref(object);
    static const char *const odd[] = {"{}", "{\"code\":\"ok\"}", "{\"code\":\"nonsense\"}", "{\"code\":7}"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        object = json_loads(odd[i], 0, NULL);
        assert_int_equal(wire_error_from_json(object, &got), LH_INTERNAL);
        json_decref(object);
    }
}

static void profiles_survive_the_crossing(void **state) {
    (void)state;
    const char *paths[] = {"/a b", "/c"};
    struct worker_profile sent = {.worker_class = WORKER_INGEST,
                                  .read_paths = paths,
                                  .read_count = 2,
                                  .output_dir = "/out",
                                  .memory_limit_bytes = UINT64_C(1) << 40,
                                  .threads = 3};
    struct worker_profile got;
    struct lh_err err = LH_ERR_INIT;
    struct arena *arena = arena_new();
    json_t *object = worker_profile_to_json(&sent);
    assert_int_equal(worker_profile_from_json(object, arena, &got, &err), LH_OK);
    assert_int_equal(got.worker_class, WORKER_INGEST);
    assert_int_equal(got.read_count, 2);
    assert_string_equal(got.read_paths[0], "/a b");
    assert_string_equal(got.output_dir, "/out");
    assert_null(got.temp_dir);
    assert_int_equal(got.memory_limit_bytes, UINT64_C(1) << 40);
    assert_int_equal(got.threads, 3);
    static const struct {
        const char *key, *value;
    } bad[] = {{"class", "\"root\""}, {"read", "[\"relative\"]"}, {"read", "[1]"},         {"temp_dir", "\"x\""},
               {"threads", "-1"},     {"threads", "4294967296"},  {"cpu_seconds", "\"1\""}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *copy = json_copy(object);
        json_object_set_new(copy, bad[i].key, json_loads(bad[i].value, JSON_DECODE_ANY, NULL));
        if (worker_profile_from_json(copy, arena, &got, &err) != LH_INVALID)
            fail_msg("%s = %s was taken", bad[i].key, bad[i].value);
        json_decref(copy);
    }
    json_decref(object);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_no_frame),      cmocka_unit_test(control_frames_are_objects),
        cmocka_unit_test(frames_and_descriptors_travel), cmocka_unit_test(errors_survive_the_crossing),
        cmocka_unit_test(profiles_survive_the_crossing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
