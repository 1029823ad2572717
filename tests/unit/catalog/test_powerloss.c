/* A catalog on a disk that loses power at any call: what was acknowledged is there, what was not is there whole or not at all, and the
 * same idempotency key, sent again, makes it be there exactly once. */
#include "base/alloc.h"
#include "catalog/catalog.h"
#include "os/os.h"
#include "store/local.h"
#include "store/object_store.h"
#include "twin/checkpoint_text.h"
#include "twin/os_powerloss.h"
#include "twin/seeds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ROUNDS = 3, COMMITS = 6, CALLS = 60 };

struct world {
    struct os_powerloss *disk;
    struct object_store *store;
    struct catalog *catalog;
    unsigned sent;  /* keys 1 to this were sent at least once */
    unsigned acked; /* of those, the first so many were acknowledged */
    struct verdict *v;
};

static enum lh_code add_one(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                            struct lh_err *err) {
    (void)ctx;
    (void)err;
    const struct manifest *old = catalog_snapshot_find(base, "t");
    struct manifest *m = old ? manifest_edit(old) : manifest_new("t");
    m->freshness_sla_s++;
    catalog_txn_put(txn, m);
    return LH_OK;
}

static enum lh_code send(struct world *w, unsigned number, bool *ret_replayed) {
    struct lh_err err = LH_ERR_INIT;
    struct catalog_commit done = {0};
    char key[16];
    snprintf(key, sizeof key, "key-%u", number);
    struct catalog_change change = {.operation = "add", .idempotency_key = key, .fn = add_one};
    enum lh_code code = catalog_commit(w->catalog, &change, &done, &err);
    if (code != LH_OK && !os_powerloss_is_off(w->disk))
        verdict_say(w->v, "commit %u failed with the power on: %s", number, err.message);
    *ret_replayed = done.replayed;
    return code;
}

static bool open_all(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    struct os *os = os_powerloss_table(w->disk);
    enum lh_code code = object_store_open_local(os, "/data/objects", &w->store, &err);
    /* No checkpoint thread: one seed must repeat a run.  Checkpoints are covered by test_recovery. */
    if (code == LH_OK)
        code = catalog_open(&(struct catalog_options){.os = os, .store = w->store}, &w->catalog, &err);
    if (code == LH_OK)
        code = catalog_damage(w->catalog, &err);
    if (code != LH_OK && !os_powerloss_is_off(w->disk))
        verdict_say(w->v, "cannot be opened again: %s", err.message);
    return code == LH_OK;
}

static void close_all(struct world *w) {
    catalog_close(w->catalog);
    object_store_free(w->store);
    w->catalog = NULL;
    w->store = NULL;
}

static void check(struct world *w) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(w->catalog);
    const struct manifest *m = catalog_snapshot_find(s, "t");
    unsigned count = m ? (unsigned)m->freshness_sla_s : 0;
    if (count < w->acked || count > w->sent)
        verdict_say(w->v, "%u commits are there; %u were acknowledged, %u sent", count, w->acked, w->sent);
    for (unsigned i = 1; i <= w->acked; i++) {
        char key[16];
        snprintf(key, sizeof key, "key-%u", i);
        const struct catalog_change change = {.operation = "add", .idempotency_key = key};
        struct lh_err err = LH_ERR_INIT;
        uint64_t version = 0;
        if (catalog_snapshot_find_key(s, &change, &version, &err) != LH_OK || version == 0)
            verdict_say(w->v, "the acknowledged %s is forgotten", key);
    }
}

/* Work until the power goes.  What has no known outcome is sent again first, as a client does. */
static void work(struct world *w) {
    for (int i = 0; i < COMMITS && !verdict_is_bad(w->v); i++) {
        bool again = w->acked < w->sent;
        bool replayed;
        if (!again)
            w->sent++;
        if (send(w, w->acked + 1, &replayed) != LH_OK)
            return;
        w->acked++;
        if (replayed && !again)
            verdict_say(w->v, "a fresh key was taken for a known one");
    }
}

static void run_seed(uint64_t seed, void *ctx, struct verdict *v) {
    const enum os_powerloss_lie *lie = ctx;
    struct world w = {.disk = os_powerloss_new(seed), .v = v};
    os_powerloss_lie(w.disk, *lie);
    for (int round = 0; round < ROUNDS && !verdict_is_bad(v); round++) {
        os_powerloss_cut_at(w.disk, 1 + os_powerloss_draw(w.disk, CALLS));
        if (open_all(&w))
            work(&w);
        os_powerloss_switch_off(w.disk);
        close_all(&w);
        os_powerloss_restart(w.disk, os_powerloss_draw(w.disk, 4) ? OS_POWERLOSS_CUT : OS_POWERLOSS_KILLED);
        if (open_all(&w))
            check(&w);
        close_all(&w);
    }
    if (!verdict_is_bad(v) && open_all(&w)) {
        work(&w);
        check(&w);
        if (w.acked != w.sent)
            verdict_say(v, "a commit stays without an outcome on a healthy disk");
    }
    close_all(&w);
    os_powerloss_free(w.disk);
}

static void test_acknowledged_commits_survive(void **state) {
    (void)state;
    enum os_powerloss_lie honest = OS_POWERLOSS_HONEST;
    assert_true(seeds_all_good(run_seed, &honest, 150));
}

/* The test must notice a disk that does not keep its word. */
static void test_a_lying_disk_is_noticed(void **state) {
    (void)state;
    enum os_powerloss_lie lies[] = {OS_POWERLOSS_NO_FILE_SYNC, OS_POWERLOSS_NO_FOLDER_SYNC};
    for (size_t i = 0; i < LH_ARRAY_LEN(lies); i++)
        assert_true(seeds_find_bad(run_seed, &lies[i], 100));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_acknowledged_commits_survive),
        cmocka_unit_test(test_a_lying_disk_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
