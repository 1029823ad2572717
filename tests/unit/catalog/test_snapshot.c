/* Snapshots against a model: random changes to a few datasets, every lookup compared with a plain search. */
#include "base/alloc.h"
#include "base/arena.h"
#include "catalog/catalog.h"
#include "catalog/key_window.h"
#include "catalog/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DATASETS 12
#define ROUNDS 3000

struct model {
    bool there;
    char name[16];
    unsigned sources; /* bit k: a lineage entry with hash k */
};

static unsigned next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

static void id_of(int i, char ret_id[27]) {
    snprintf(ret_id, 27, "01JD6Z5T3M00000000000000%02d", i);
}

static const char *hash_of(struct manifest *m, int k) {
    return arena_printf(m->arena, "%064d", k);
}

static struct manifest *build(const struct model *d, int i) {
    char id[27];
    id_of(i, id);
    struct manifest *m = manifest_new(d->name);
    m->id = arena_strdup(m->arena, id);
    for (int k = 0; k < 4; k++) {
        if (d->sources & (1u << k))
            manifest_add_lineage(m)->source_sha256 = hash_of(m, k);
    }
    return m;
}

static bool name_taken(const struct model *model, int except, const char *name) {
    for (int i = 0; i < DATASETS; i++) {
        if (i != except && model[i].there && manifest_name_compare(model[i].name, name) == 0)
            return true;
    }
    return false;
}

static void compare(const struct catalog_snapshot *s, const struct model *model) {
    size_t count = 0;
    unsigned sources = 0;
    for (int i = 0; i < DATASETS; i++) {
        char id[27];
        id_of(i, id);
        const struct manifest *found = catalog_snapshot_find_id(s, id);
        assert_true((found != NULL) == model[i].there);
        if (!found)
            continue;
        count++;
        sources |= model[i].sources;
        assert_ptr_equal(catalog_snapshot_find(s, model[i].name), found);
        assert_string_equal(found->name, model[i].name);
    }
    assert_int_equal(catalog_snapshot_count(s), count);
    for (size_t i = 1; i < count; i++)
        assert_true(manifest_name_compare(catalog_snapshot_get(s, i - 1)->name, catalog_snapshot_get(s, i)->name) < 0);
    for (int k = 0; k < 4; k++) {
        char hash[65];
        snprintf(hash, sizeof hash, "%064d", k);
        const struct manifest_lineage *lineage = NULL;
        const struct manifest *found = catalog_snapshot_find_source(s, hash, &lineage);
        assert_true((found != NULL) == ((sources >> k) & 1));
        if (!found)
            continue;
        assert_string_equal(lineage->source_sha256, hash);
        assert_ptr_equal(catalog_snapshot_find_id(s, found->id), found);
    }
}

/* A batch of one to four changes, also several of one dataset. */
static void test_random_changes(void **state) {
    (void)state;
    struct model model[DATASETS] = {0};
    uint64_t random = 42;
    struct catalog_snapshot *s = snapshot_new_empty();
    for (int round = 1; round <= ROUNDS; round++) {
        struct model after[DATASETS];
        memcpy(after, model, sizeof after);
        struct snapshot_change changes[4];
        char ids[4][27];
        size_t count = 1 + next_random(&random) % 4;
        bool valid = true;
        for (size_t c = 0; c < count; c++) {
            int i = (int)(next_random(&random) % DATASETS);
            id_of(i, ids[c]);
            changes[c] = (struct snapshot_change){.id = ids[c]};
            if (next_random(&random) % 3 == 0) {
                valid = valid && after[i].there;
                after[i].there = false;
                continue;
            }
            after[i].there = true;
            snprintf(after[i].name, sizeof after[i].name, "%c%d", next_random(&random) % 2 ? 'N' : 'n',
                     (int)(next_random(&random) % 16));
            after[i].sources = next_random(&random) % 16;
            changes[c].manifest = build(&after[i], i);
        }
        enum lh_code expected = valid ? LH_OK : LH_NOT_FOUND;
        for (int i = 0; i < DATASETS && expected == LH_OK; i++) {
            if (after[i].there && name_taken(after, i, after[i].name))
                expected = LH_EXISTS;
        }
        struct catalog_snapshot *next = NULL;
        struct lh_err err = LH_ERR_INIT;
        assert_int_equal(snapshot_apply(s, changes, count, (uint64_t)round, round, &next, &err), expected);
        for (size_t c = 0; c < count; c++)
            manifest_unref(changes[c].manifest);
        compare(s, model);
        if (!next)
            continue;
        memcpy(model, after, sizeof model);
        compare(next, model);
        catalog_snapshot_unref(s);
        s = next;
    }
    assert_true(s->version > ROUNDS / 4);
    catalog_snapshot_unref(s);
}

static void test_keys_are_bounded(void **state) {
    (void)state;
    /* The oldest go: by number, then by age. */
    struct key_window *full = key_window_new();
    struct key_fact *facts = lh_malloc((CATALOG_KEYS_MAX + 1) * sizeof *facts);
    char digest[LH_SHA256_HEX];
    lh_sha256_hex("", 0, digest);
    LH_AUTO(arena) struct arena *arena = arena_new();
    for (size_t i = 0; i <= CATALOG_KEYS_MAX; i++) {
        facts[i] = (struct key_fact){arena_printf(arena, "k%zu", i), digest, i + 1, (int64_t)i};
    }
    struct key_window *bounded = key_window_with(full, facts, CATALOG_KEYS_MAX + 1, 20000);
    assert_int_equal(bounded->count, CATALOG_KEYS_MAX);
    assert_null(key_window_find(bounded, "k0"));
    assert_int_equal(key_window_find(bounded, "k1")->version, 2);
    int64_t late = CATALOG_KEYS_MAX_AGE_US + 5000;
    struct key_window *aged = key_window_with(bounded, NULL, 0, late);
    assert_null(key_window_find(aged, "k4999"));
    assert_int_equal(key_window_find(aged, "k5000")->version, 5001);
    key_window_unref(aged);
    key_window_unref(bounded);
    key_window_unref(full);
    lh_free(facts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_changes),
        cmocka_unit_test(test_keys_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
