/* A bucket on a disk that loses power, again and again: what a put or delete acknowledged is there whole, what was not
 * acknowledged is there whole or not at all, and what was once seen after a restart stays. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "store/local.h"
#include "store/object_store.h"
#include "twin/os_powerloss.h"
#include "twin/seeds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { KEYS = 8, ROUNDS = 4, MAYBE_MAX = 4, LIST_PAGE = 3 };

static const char *const keys[KEYS] = {"a", "b", "d/x", "d/y", "d/e/z", "f/g/h/i", "f/j", "_catalog/log/1.json"};

/* number 0: no object. */
struct value {
    unsigned number;
    size_t size;
};

/* What a key may hold: one value when all is certain, more while operations have no known outcome. */
struct maybe {
    struct value values[MAYBE_MAX];
    size_t count;
};

struct world {
    struct os_powerloss *disk;
    struct os *os;
    struct object_store *store;
    struct maybe model[KEYS];
    unsigned next_number;
    struct verdict *v;
};

static size_t draw(struct world *w, size_t limit) {
    return (size_t)os_powerloss_draw(w->disk, limit);
}

static void fill(struct value value, struct buf *to) {
    for (size_t i = 0; i < value.size; i++)
        buf_append_char(to, (char)(value.number * 31 + i * 7 + i / 256));
}

/* ---- operations ---- */

static struct value new_value(struct world *w) {
    static const size_t sizes[] = {0, 1, 100, 511, 512, 513, 2000, 5000};
    return (struct value){.number = ++w->next_number, .size = sizes[draw(w, LH_ARRAY_LEN(sizes))]};
}

static enum lh_code put_stream(struct world *w, const char *key, const struct buf *data, struct lh_err *err) {
    struct object_writer *writer = NULL;
    LH_TRY(object_writer_open(w->store, key, &writer, err));
    for (size_t at = 0; at < data->len; at += 700) {
        size_t len = data->len - at < 700 ? data->len - at : 700;
        enum lh_code code = object_writer_write(writer, data->data + at, len, err);
        if (code != LH_OK) {
            object_writer_abort(writer);
            return code;
        }
    }
    return object_writer_commit(writer, OBJECT_PUT_REPLACE, NULL, err);
}

/* A file as a worker leaves it: written, not synced. */
static enum lh_code put_finished_file(struct world *w, const char *key, const struct buf *data, struct lh_err *err) {
    int fd = -1;
    LH_AUTO(mem) char *path = lh_asprintf("%s/spool-%u", draw(w, 2) ? "/data" : "/other", w->next_number);
    LH_TRY(os_open(w->os, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600, 0, &fd, err));
    enum lh_code code = os_write_all(w->os, fd, data->data, data->len, path, err);
    os_close(w->os, fd);
    return code == LH_OK ? object_put_file(w->store, key, path, OBJECT_PUT_REPLACE, NULL, err) : code;
}

static void note(struct world *w, size_t k, struct value value, enum lh_code code, const struct lh_err *err) {
    struct maybe *m = &w->model[k];
    if (code == LH_OK) {
        m->values[0] = value;
        m->count = 1;
    } else if (!os_powerloss_is_off(w->disk)) {
        verdict_say(w->v, "an operation on %s failed with the power on: %s: %s", keys[k], err->message, err->detail);
    } else if (m->count < MAYBE_MAX) {
        m->values[m->count++] = value;
    }
}

static void operate(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    size_t k = draw(w, KEYS);
    bool there = w->model[k].values[0].number != 0;
    struct value value = new_value(w);
    LH_AUTO(buf) struct buf data = BUF_INIT;
    fill(value, &data);
    switch (draw(w, 6)) {
    case 0:
        note(w, k, value, object_put(w->store, keys[k], data.data, data.len, OBJECT_PUT_REPLACE, NULL, &err), &err);
        return;
    case 1: note(w, k, value, put_stream(w, keys[k], &data, &err), &err); return;
    case 2: note(w, k, value, put_finished_file(w, keys[k], &data, &err), &err); return;
    case 3:
        if (!there)
            note(w, k, value, object_put(w->store, keys[k], data.data, data.len, OBJECT_PUT_IF_ABSENT, NULL, &err),
                 &err);
        else if (object_put(w->store, keys[k], data.data, data.len, OBJECT_PUT_IF_ABSENT, NULL, &err) == LH_OK)
            verdict_say(w->v, "%s was put, though it was there", keys[k]);
        return;
    default:
        if (there)
            note(w, k, (struct value){0}, object_delete(w->store, keys[k], &err), &err);
        return;
    }
}

/* ---- the oracle ---- */

static bool holds(struct value value, enum lh_code code, const struct buf *data) {
    if (value.number == 0)
        return code == LH_NOT_FOUND;
    LH_AUTO(buf) struct buf want = BUF_INIT;
    fill(value, &want);
    return code == LH_OK && data->len == want.len && (want.len == 0 || memcmp(data->data, want.data, want.len) == 0);
}

static void check_key(struct world *w, size_t k) {
    struct lh_err err = LH_ERR_INIT;
    struct maybe *m = &w->model[k];
    LH_AUTO(buf) struct buf data = BUF_INIT;
    enum lh_code code = object_get(w->store, keys[k], 1 << 20, &data, NULL, &err);
    for (size_t i = 0; i < m->count; i++) {
        if (!holds(m->values[i], code, &data))
            continue;
        m->values[0] = m->values[i];
        m->count = 1;
        return;
    }
    verdict_say(
        w->v, "%s holds none of its %zu possible values, the newest of which is number %u; reading gave %s, %zu bytes",
        keys[k], m->count, m->values[m->count - 1].number, lh_code_name(code), data.len);
}

static void check_list(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(arena) struct arena *arena = arena_new();
    const char *after = "";
    size_t listed = 0;
    size_t there = 0;
    for (bool more = true; more;) {
        struct object_info *items = NULL;
        size_t count = 0;
        if (object_list(w->store, "", after, LIST_PAGE, arena, &items, &count, &more, &err) != LH_OK) {
            verdict_say(w->v, "listing: %s", err.message);
            return;
        }
        for (size_t i = 0; i < count; i++)
            for (size_t k = 0; k < KEYS; k++)
                listed += strcmp(keys[k], items[i].key) == 0 && w->model[k].values[0].number > 0 &&
                          w->model[k].values[0].size == items[i].size_bytes;
        after = count ? items[count - 1].key : after;
    }
    for (size_t k = 0; k < KEYS; k++)
        there += w->model[k].values[0].number > 0;
    if (listed != there)
        verdict_say(w->v, "%zu objects are there, %zu of them are listed", there, listed);
}

/* ---- one seed ---- */

static bool start(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    if (object_store_open_local(w->os, "/data/objects", &w->store, &err) == LH_OK)
        return true;
    if (!os_powerloss_is_off(w->disk))
        verdict_say(w->v, "opening: %s: %s", err.message, err.detail);
    return false;
}

static void stop(struct world *w) {
    object_store_free(w->store);
    w->store = NULL;
}

static enum os_powerloss_end draw_end(struct world *w) {
    return draw(w, 4) == 0 ? OS_POWERLOSS_KILLED : OS_POWERLOSS_CUT;
}

static void run_seed(uint64_t seed, void *ctx, struct verdict *v) {
    struct world w = {.disk = os_powerloss_new(seed), .v = v};
    w.os = os_powerloss_table(w.disk);
    for (size_t k = 0; k < KEYS; k++)
        w.model[k].count = 1;
    os_powerloss_lie(w.disk, *(const enum os_powerloss_lie *)ctx);
    for (int round = 0; round < ROUNDS && !verdict_is_bad(v); round++) {
        if (draw(&w, 3) == 0) /* during the recovery */
            os_powerloss_cut_at(w.disk, 1 + draw(&w, 8));
        if (!start(&w)) {
            os_powerloss_restart(w.disk, draw_end(&w));
            if (verdict_is_bad(v) || !start(&w))
                break;
        }
        for (size_t k = 0; k < KEYS && !os_powerloss_is_off(w.disk); k++)
            check_key(&w, k);
        if (!os_powerloss_is_off(w.disk))
            check_list(&w);
        os_powerloss_cut_at(w.disk, 1 + draw(&w, draw(&w, 2) ? 20 : 200));
        while (!os_powerloss_is_off(w.disk) && !verdict_is_bad(v))
            operate(&w);
        os_powerloss_switch_off(w.disk);
        stop(&w);
        os_powerloss_restart(w.disk, draw_end(&w));
    }
    if (!verdict_is_bad(v) && start(&w)) {
        for (size_t k = 0; k < KEYS; k++)
            check_key(&w, k);
        check_list(&w);
    }
    stop(&w);
    os_powerloss_free(w.disk);
}

static void test_power_is_lost(void **state) {
    (void)state;
    enum os_powerloss_lie lie = OS_POWERLOSS_HONEST;
    assert_true(seeds_all_good(run_seed, &lie, 200));
}

static void test_a_missing_sync_is_noticed(void **state) {
    (void)state;
    enum os_powerloss_lie lie = OS_POWERLOSS_NO_FILE_SYNC;
    assert_true(seeds_find_bad(run_seed, &lie, 50));
    lie = OS_POWERLOSS_NO_FOLDER_SYNC;
    assert_true(seeds_find_bad(run_seed, &lie, 50));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_is_lost),
        cmocka_unit_test(test_a_missing_sync_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
