/* API keys: made, checked, revoked, seen by other processes, and what wrong ones get. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/clock.h"
#include "os/os.h"
#include "policy/key_text.h"
#include "policy/keys.h"
#include "policy/throttle.h"
#include "store/object_store.h"
#include "twin/object_store_faulty.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct object_store *store;
    struct keys *keys;
};

static struct keys *open_keys(struct object_store *store) {
    struct keys *k;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(keys_open(os_real(), store, 10, &k, &err), LH_OK);
    return k;
}

static int set_up(void **state) {
    static struct fixture f;
    f.store = object_store_new_faulty();
    f.keys = open_keys(f.store);
    *state = &f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    keys_close(f->keys);
    object_store_free(f->store);
    return 0;
}

static enum lh_code use(struct keys *k, const char *key, const char *peer, struct principal *ret) {
    struct lh_err err = LH_ERR_INIT;
    return keys_authenticate(k, key, peer, ret, &err);
}

static void make(struct keys *k, enum role role, char key[KEY_TEXT_SIZE], struct key_info *info) {
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(keys_create(k, "for the test", role, key, info, &err), LH_OK);
}

static void test_a_key_is_good_until_revoked(void **state) {
    struct fixture *f = *state;
    char key[KEY_TEXT_SIZE];
    struct key_info info;
    make(f->keys, ROLE_ANALYST, key, &info);
    struct principal p;
    assert_int_equal(use(f->keys, key, "1.1.1.1", &p), LH_OK);
    assert_string_equal(p.id, info.id);
    assert_string_equal(p.name, "for the test");
    assert_int_equal(p.role, ROLE_ANALYST);
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(keys_revoke(f->keys, info.id, &err), LH_OK);
    assert_int_equal(use(f->keys, key, "1.1.1.1", &p), LH_UNAUTHENTICATED);
    assert_int_equal(keys_revoke(f->keys, info.id, &err), LH_OK);
    assert_int_equal(keys_revoke(f->keys, "000000000000", &err), LH_NOT_FOUND);
    assert_int_equal(keys_revoke(f->keys, "../x", &err), LH_NOT_FOUND);
    bool any = true;
    assert_int_equal(keys_any(f->keys, &any, &err), LH_OK);
    assert_false(any);
}

static void test_the_secret_is_not_stored(void **state) {
    struct fixture *f = *state;
    char key[KEY_TEXT_SIZE], object[64];
    struct key_info info;
    make(f->keys, ROLE_ADMIN, key, &info);
    snprintf(object, sizeof object, "_access/keys/%s.json", info.id);
    LH_AUTO(buf) struct buf text = BUF_INIT;
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(object_get(f->store, object, 10000, &text, NULL, &err), LH_OK);
    assert_null(strstr(text.data, key + 4 + KEY_ID_LEN));
    assert_non_null(strstr(text.data, "secret_sha256"));
}

static void test_another_process_sees_it(void **state) {
    struct fixture *f = *state;
    struct keys *other = open_keys(f->store);
    char first[KEY_TEXT_SIZE], second[KEY_TEXT_SIZE];
    struct key_info info, unused;
    struct principal p;
    make(f->keys, ROLE_ADMIN, first, &info);
    assert_int_equal(use(other, first, "1.1.1.1", &p), LH_OK);
    os_sleep_ms(os_real(), 120); /* an unknown id makes it look again, at most ten times a second */
    make(f->keys, ROLE_AGENT, second, &unused);
    assert_int_equal(use(other, second, "1.1.1.1", &p), LH_OK);
    struct lh_err err = LH_ERR_INIT;
    assert_int_equal(keys_revoke(f->keys, info.id, &err), LH_OK);
    os_sleep_ms(os_real(), 1050);
    assert_int_equal(use(other, first, "1.1.1.1", &p), LH_UNAUTHENTICATED);
    keys_close(other);
}

static void test_wrong_keys(void **state) {
    struct fixture *f = *state;
    char key[KEY_TEXT_SIZE], wrong[KEY_TEXT_SIZE];
    struct key_info info;
    struct principal p;
    make(f->keys, ROLE_ADMIN, key, &info);
    assert_int_equal(use(f->keys, NULL, "2.2.2.2", &p), LH_UNAUTHENTICATED);
    assert_int_equal(use(f->keys, "", "2.2.2.2", &p), LH_UNAUTHENTICATED);
    for (size_t i = 0; i < strlen(key); i++) { /* each changed character alone makes it wrong */
        char peer[16];
        snprintf(peer, sizeof peer, "3.3.3.%zu", i);
        memcpy(wrong, key, sizeof wrong);
        wrong[i] = wrong[i] == '7' ? '8' : '7';
        if (use(f->keys, wrong, peer, &p) != LH_UNAUTHENTICATED)
            fail_msg("%s passed as %s", wrong, key);
    }
    struct key_text other; /* well-formed, of the same id, another secret */
    key_text_make(os_real(), &other);
    memcpy(other.id, info.id, KEY_ID_LEN);
    key_text_format(&other, wrong);
    assert_int_equal(use(f->keys, wrong, "4.4.4.4", &p), LH_UNAUTHENTICATED);
}

static void test_too_many_wrong_keys(void **state) {
    struct fixture *f = *state;
    char key[KEY_TEXT_SIZE];
    struct key_info info;
    struct principal p;
    make(f->keys, ROLE_ADMIN, key, &info);
    for (int i = 0; i < 10; i++)
        assert_int_equal(use(f->keys, "lh_nonsense", "5.5.5.5", &p), LH_UNAUTHENTICATED);
    assert_int_equal(use(f->keys, "lh_nonsense", "5.5.5.5", &p), LH_RATE);
    assert_int_equal(use(f->keys, key, "5.5.5.5", &p), LH_RATE);
    assert_int_equal(use(f->keys, key, "6.6.6.6", &p), LH_OK);
}

static void test_a_damaged_key_stops_them_all(void **state) {
    struct fixture *f = *state;
    char key[KEY_TEXT_SIZE];
    struct key_info info;
    struct principal p;
    struct lh_err err = LH_ERR_INIT;
    make(f->keys, ROLE_ADMIN, key, &info);
    assert_int_equal(object_put(f->store, "_access/keys/zzzzzzzzzzzz.json", "{", 1, OBJECT_PUT_REPLACE, NULL, &err),
                     LH_OK);
    assert_int_equal(keys_authenticate(f->keys, key, "1.1.1.1", &p, &err), LH_CORRUPT);
    assert_non_null(strstr(err.message, "_access/keys/zzzzzzzzzzzz.json"));
}

static void test_list(void **state) {
    struct fixture *f = *state;
    char key[KEY_TEXT_SIZE];
    struct key_info info, *list;
    for (int i = 0; i < 3; i++)
        make(f->keys, (enum role)i, key, &info);
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct lh_err err = LH_ERR_INIT;
    size_t count;
    assert_int_equal(keys_list(f->keys, arena, &list, &count, &err), LH_OK);
    assert_int_equal(count, 3);
    assert_true(strcmp(list[0].id, list[1].id) < 0 && strcmp(list[1].id, list[2].id) < 0);
}

static void test_throttle_forgets(void **state) {
    (void)state;
    const int64_t second = 1000000000;
    struct throttle *t = throttle_new(10, 60);
    for (int i = 0; i < 10; i++)
        throttle_count(t, "a", 0);
    assert_true(throttle_exceeded(t, "a", 5 * second));
    assert_false(throttle_exceeded(t, "a", 7 * second));
    assert_false(throttle_exceeded(t, "b", 0));
    for (int i = 0; i < 5000; i++) {
        char who[16];
        snprintf(who, sizeof who, "x%d", i);
        throttle_count(t, who, 8 * second); /* a flood of addresses: the table stays as large as it is */
    }
    assert_false(throttle_exceeded(t, "a", 8 * second));
    throttle_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_key_is_good_until_revoked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_secret_is_not_stored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_another_process_sees_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_wrong_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_damaged_key_stops_them_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
        cmocka_unit_test(test_throttle_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
