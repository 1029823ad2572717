/* An append log and its bucket on a disk that loses power: every acknowledged record is there once, in its place, through
 * appends, flushes, compactions and recoveries that are cut short; what was once read stays. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "store/append_log.h"
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

enum { RECORDS = 400, ROUNDS = 4 };

enum fate { NOT_TRIED, MAYBE, THERE, LOST };

struct world {
    struct os_powerloss *disk;
    struct object_store *store;
    struct append_log *log;
    enum fate fates[RECORDS];
    unsigned found[RECORDS];
    unsigned next;
    int64_t last_time_us;
    struct verdict *v;
};

static size_t draw(struct world *w, size_t limit) {
    return (size_t)os_powerloss_draw(w->disk, limit);
}

/* ---- operations ---- */

static void expect_power_off(struct world *w, const char *what, enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK && !os_powerloss_is_off(w->disk))
        verdict_say(w->v, "%s failed with the power on: %s: %s", what, err->message, err->detail);
}

static void append(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    if (w->next == RECORDS)
        return;
    unsigned number = w->next++;
    int pad = (int)draw(w, draw(w, 4) ? 40 : 1500);
    LH_AUTO(mem) char *json = lh_asprintf("{\"n\":%u,\"pad\":\"%0*d\"}", number, pad, 0);
    enum lh_code code = append_log_append(w->log, json, strlen(json), NULL, &err);
    w->fates[number] = code == LH_OK ? THERE : MAYBE;
    expect_power_off(w, "append", code, &err);
}

static void operate(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    struct append_log_flushed flushed;
    struct append_log_compacted compacted;
    switch (draw(w, 12)) {
    case 0: expect_power_off(w, "flush", append_log_flush(w->log, &flushed, &err), &err); return;
    case 1:
        expect_power_off(w, "compact", append_log_compact(w->log, 1 + draw(w, 9000), &compacted, &err), &err);
        return;
    default: append(w); return;
    }
}

/* ---- the oracle ---- */

static bool find(const struct append_log_record *record, void *ctx) {
    struct world *w = ctx;
    unsigned number = RECORDS;
    if (sscanf(record->json, "{\"n\":%u,\"pad\":\"", &number) != 1 || number >= RECORDS ||
        record->json[record->len - 1] != '}')
        verdict_say(w->v, "a record reads %.60s", record->json);
    else
        w->found[number]++;
    return true;
}

static void check(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    struct append_log_damage damage = {0};
    memset(w->found, 0, sizeof w->found);
    enum lh_code code = append_log_scan(w->log, 0, INT64_MAX, find, w, &damage, &err);
    if (code != LH_OK) {
        expect_power_off(w, "scan", code, &err);
        return;
    }
    if (damage.places)
        verdict_say(w->v, "damage: %s", damage.first);
    for (unsigned i = 0; i < RECORDS; i++) {
        static const char *const fate_names[] = {"not tried", "not acknowledged", "acknowledged or seen",
                                                 "seen to be lost"};
        bool may_be_missing = w->fates[i] != THERE;
        bool may_be_there = w->fates[i] == THERE || w->fates[i] == MAYBE;
        if (w->found[i] > 1 || (w->found[i] == 1 && !may_be_there) || (w->found[i] == 0 && !may_be_missing))
            verdict_say(w->v, "record %u, %s, is there %u times", i, fate_names[w->fates[i]], w->found[i]);
        if (w->fates[i] != NOT_TRIED)
            w->fates[i] = w->found[i] ? THERE : LOST;
    }
}

/* ---- one seed ---- */

static void stop(struct world *w) {
    append_log_close(w->log);
    object_store_free(w->store);
    w->log = NULL;
    w->store = NULL;
}

static bool start(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    struct os *os = os_powerloss_table(w->disk);
    struct append_log_damage damage = {0};
    enum lh_code code = object_store_open_local(os, "/data/objects", &w->store, &err);
    if (code == LH_OK) {
        const struct append_log_options options = {.name = "errors",
                                                   .wal_dir = "/other/wal",
                                                   .store = w->store,
                                                   .prefix = "_errors/bucket_errors",
                                                   .segment_bytes = 1000,
                                                   .ring_capacity = 20};
        code = append_log_open(os, &options, &w->log, &damage, &err);
    }
    if (code == LH_OK && damage.places)
        verdict_say(w->v, "damage at opening: %s", damage.first);
    expect_power_off(w, "opening", code, &err);
    if (code != LH_OK)
        stop(w);
    return code == LH_OK;
}

static enum os_powerloss_end draw_end(struct world *w) {
    return draw(w, 4) == 0 ? OS_POWERLOSS_KILLED : OS_POWERLOSS_CUT;
}

/* Open and look, with the power going now and then; then work until it goes. */
static void run_round(struct world *w, bool last) {
    if (!last && draw(w, 3) == 0)
        os_powerloss_cut_at(w->disk, 1 + draw(w, 8));
    if (!start(w)) {
        os_powerloss_restart(w->disk, draw_end(w));
        if (verdict_is_bad(w->v) || !start(w))
            return;
    }
    check(w);
    if (!last) {
        os_powerloss_cut_at(w->disk, 1 + draw(w, draw(w, 2) ? 20 : 200));
        while (!os_powerloss_is_off(w->disk) && !verdict_is_bad(w->v) && w->next < RECORDS)
            operate(w);
    }
    os_powerloss_switch_off(w->disk);
    stop(w);
    os_powerloss_restart(w->disk, draw_end(w));
}

static void run_seed(uint64_t seed, void *ctx, struct verdict *v) {
    struct world w = {.disk = os_powerloss_new(seed), .v = v};
    os_powerloss_lie(w.disk, *(const enum os_powerloss_lie *)ctx);
    for (int round = 0; round <= ROUNDS && !verdict_is_bad(v); round++)
        run_round(&w, round == ROUNDS);
    os_powerloss_switch_off(w.disk);
    stop(&w);
    os_powerloss_free(w.disk);
}

static void test_power_is_lost(void **state) {
    (void)state;
    enum os_powerloss_lie lie = OS_POWERLOSS_HONEST;
    assert_true(seeds_all_good(run_seed, &lie, 150));
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
