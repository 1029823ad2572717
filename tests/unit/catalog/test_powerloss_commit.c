/* A catalog on a disk that loses power: uploads (an object, then a commit that names it in two datasets), checkpoints, time
 * travel, retries with the same idempotency key.  Every acknowledged commit is there, whole, once; no other shows in part. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "catalog/checkpoint.h"
#include "catalog/commit_log.h"
#include "store/local.h"
#include "store/object_store.h"
#include "twin/checkpoint_text.h"
#include "twin/os_powerloss.h"
#include "twin/seeds.h"

#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { UPLOADS = 200, DATASETS = 4, ROUNDS = 4, CHECKPOINT_EVERY = 5, WRITERS = 4 };

enum fate { NOT_TRIED, MAYBE, THERE, LOST };

struct upload {
    enum fate fate;
    uint64_t version; /* that was acknowledged; 0: none */
    unsigned found[DATASETS];
    uint64_t found_version;
};

struct world {
    struct os_powerloss *disk;
    struct object_store *store;
    struct catalog *catalog;
    struct checkpoint_codec codec;
    atomic_uint checkpoints_written; /* tried, whatever came of it */
    unsigned checkpoints_due;
    struct upload uploads[UPLOADS];
    atomic_uint next;
    struct verdict *v;
};

static size_t draw(struct world *w, size_t limit) {
    return (size_t)os_powerloss_draw(w->disk, limit);
}

static void expect_power_off(struct world *w, const char *what, enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK && !os_powerloss_is_off(w->disk))
        verdict_say(w->v, "%s failed with the power on: %s: %s", what, err->message, err->detail);
}

/* ---- checkpoints: the thread that writes them is waited for, so that a seed gives the same run again ---- */

static enum lh_code write_counted(void *self, struct object_store *store, const char *key, const struct buf *rows,
                                  struct lh_err *err) {
    struct world *w = self;
    enum lh_code code = checkpoint_text_codec.write(NULL, store, key, rows, err);
    atomic_fetch_add(&w->checkpoints_written, 1);
    return code;
}

static void wait_for_checkpoints(struct world *w) {
    while (atomic_load(&w->checkpoints_written) < w->checkpoints_due && !os_powerloss_is_off(w->disk))
        sched_yield();
}

/* Opening wants one where the newest is far behind. */
static void expect_checkpoint_at_opening(struct world *w) {
    struct catalog_snapshot *tip = catalog_snapshot(w->catalog);
    uint64_t newest = catalog_snapshot_version(tip);
    for (; newest > 0; newest--) {
        char key[COMMIT_LOG_KEY_SIZE];
        checkpoint_key(newest, key);
        LH_AUTO(mem) char *path = lh_asprintf("/data/objects/%s", key);
        if (os_powerloss_exists(w->disk, path))
            break;
    }
    w->checkpoints_due += catalog_snapshot_version(tip) - newest >= (uint64_t)2 * CHECKPOINT_EVERY;
    catalog_snapshot_unref(tip);
}

static void note_notice(void *ctx, enum lh_code code, const char *text) {
    struct world *w = ctx;
    if (code != LH_OK && !os_powerloss_is_off(w->disk))
        verdict_say(w->v, "notice: %s", text);
}

/* ---- uploads ---- */

static void upload_key(unsigned number, char ret_key[64]) {
    snprintf(ret_key, 64, "datasets/u/base/%u.parquet", number);
}

static void fill(unsigned number, struct buf *to) {
    for (size_t i = 0; i < 300 + number % 3 * 500; i++)
        buf_append_char(to, (char)(number * 31 + i * 7));
}

/* Every upload goes to two of the datasets. */
static bool belongs(unsigned number, unsigned dataset) {
    return dataset == number % DATASETS || dataset == (number + 1 + number / DATASETS % 3) % DATASETS;
}

static enum lh_code add_file(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                             struct lh_err *err) {
    unsigned number = (unsigned)(uintptr_t)ctx;
    (void)err;
    char key[64];
    upload_key(number, key);
    for (unsigned d = 0; d < DATASETS; d++) {
        if (!belongs(number, d))
            continue;
        const char name[] = {'d', (char)('0' + d), '\0'};
        const struct manifest *before = catalog_snapshot_find(base, name);
        struct manifest *m = before ? manifest_edit(before) : manifest_new(name);
        if (!before) {
            m->bucket = "primary";
            struct manifest_column *column = manifest_add_column(m);
            column->name = "n";
            column->type = "BIGINT";
        }
        struct manifest_file *file = manifest_add_file(m);
        file->bucket = "primary";
        file->key = arena_strdup(m->arena, key);
        file->role = FILE_BASE;
        file->row_count = number;
        catalog_txn_put(txn, m);
    }
    return LH_OK;
}

static enum lh_code commit(struct world *w, unsigned number, struct catalog_commit *ret_commit, struct lh_err *err) {
    char idempotency_key[32];
    snprintf(idempotency_key, sizeof idempotency_key, "upload-%u", number);
    const struct catalog_change change = {.operation = "ingest",
                                          .actor = "tester",
                                          .idempotency_key = idempotency_key,
                                          .fn = add_file,
                                          .ctx = (void *)(uintptr_t)number};
    return catalog_commit(w->catalog, &change, ret_commit, err);
}

static void upload(struct world *w, unsigned number) {
    struct upload *u = &w->uploads[number];
    struct lh_err err = LH_ERR_INIT;
    struct catalog_commit done = {0};
    char key[64];
    upload_key(number, key);
    LH_AUTO(buf) struct buf data = BUF_INIT;
    fill(number, &data);
    bool was_there = u->fate == THERE;
    if (!was_there)
        u->fate = MAYBE;
    enum lh_code code = object_put(w->store, key, data.data, data.len, OBJECT_PUT_REPLACE, NULL, &err);
    if (code == LH_OK)
        code = commit(w, number, &done, &err);
    expect_power_off(w, "an upload", code, &err);
    if (code != LH_OK)
        return;
    if (was_there && (!done.replayed || (u->version && u->version != done.version)))
        verdict_say(w->v, "upload %u was done again", number);
    u->fate = THERE;
    u->version = done.version;
}

/* A new one, or an old one once more, as a client does that had no answer. */
static void operate(struct world *w) {
    unsigned next = atomic_load(&w->next);
    unsigned number = next > 0 && draw(w, 4) == 0 ? (unsigned)draw(w, next) : atomic_fetch_add(&w->next, 1);
    if (number >= UPLOADS)
        return;
    bool is_new = w->uploads[number].fate != THERE;
    upload(w, number);
    if (is_new && w->uploads[number].fate == THERE && w->uploads[number].version % CHECKPOINT_EVERY == 0)
        w->checkpoints_due++;
    wait_for_checkpoints(w);
}

/* ---- the oracle ---- */

static void note_files(struct world *w, const struct manifest *m) {
    unsigned dataset = (unsigned)(m->name[1] - '0');
    for (size_t f = 0; f < m->file_count; f++) {
        unsigned number = UPLOADS;
        if (sscanf(m->files[f].key, "datasets/u/base/%u.parquet", &number) != 1 || number >= UPLOADS) {
            verdict_say(w->v, "%s has a file %s", m->name, m->files[f].key);
            continue;
        }
        w->uploads[number].found[dataset]++;
        w->uploads[number].found_version = m->files[f].added_version;
    }
}

static void check_object(struct world *w, unsigned number) {
    struct lh_err err = LH_ERR_INIT;
    char key[64];
    upload_key(number, key);
    LH_AUTO(buf) struct buf want = BUF_INIT;
    LH_AUTO(buf) struct buf data = BUF_INIT;
    fill(number, &want);
    enum lh_code code = object_get(w->store, key, 1 << 20, &data, NULL, &err);
    if (code != LH_OK)
        expect_power_off(w, "reading a committed object", code, &err);
    else if (data.len != want.len || memcmp(data.data, want.data, want.len) != 0)
        verdict_say(w->v, "the committed object %s is not whole", key);
}

static void check_upload(struct world *w, unsigned number, uint64_t until) {
    struct upload *u = &w->uploads[number];
    unsigned sum = 0;
    for (unsigned d = 0; d < DATASETS; d++) {
        sum += u->found[d];
        if (u->found[d] > 1 || (u->found[d] && !belongs(number, d)))
            verdict_say(w->v, "upload %u is %u times in dataset %u", number, u->found[d], d);
    }
    if (sum == 1)
        verdict_say(w->v, "upload %u is half visible", number);
    bool acknowledged = u->fate == THERE && u->version <= until;
    if (acknowledged && (sum == 0 || u->found_version != u->version))
        verdict_say(w->v, "upload %u, acknowledged in version %" PRIu64 ", is in %u datasets, of version %" PRIu64,
                    number, u->version, sum, u->found_version);
    if ((u->fate == NOT_TRIED || u->fate == LOST) && sum)
        verdict_say(w->v, "upload %u appeared", number);
    if (sum && u->found_version > until)
        verdict_say(w->v, "upload %u is in version %" PRIu64 ", though it came later", number, until);
}

/* `until`: what was acknowledged up to that version must be in it. */
static void check_snapshot(struct world *w, const struct catalog_snapshot *s, uint64_t until) {
    for (unsigned i = 0; i < UPLOADS; i++)
        memset(w->uploads[i].found, 0, sizeof w->uploads[i].found);
    for (size_t i = 0; i < catalog_snapshot_count(s); i++)
        note_files(w, catalog_snapshot_get(s, i));
    for (unsigned i = 0; i < UPLOADS; i++)
        check_upload(w, i, until);
}

static void check(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    expect_power_off(w, "reading the log", catalog_damage(w->catalog, &err), &err);
    struct catalog_snapshot *s = catalog_snapshot(w->catalog);
    check_snapshot(w, s, UINT64_MAX);
    for (unsigned i = 0; i < UPLOADS; i++) {
        struct upload *u = &w->uploads[i];
        bool there = u->found[i % DATASETS] > 0;
        if (u->fate != NOT_TRIED) {
            u->fate = there ? THERE : LOST;
            u->version = there ? u->found_version : 0;
        }
        if (there && !os_powerloss_is_off(w->disk))
            check_object(w, i);
    }
    uint64_t version = catalog_snapshot_version(s);
    catalog_snapshot_unref(s);
    struct catalog_snapshot *past = NULL;
    if (version == 0)
        return;
    enum lh_code code = catalog_snapshot_at_version(w->catalog, 1 + draw(w, (size_t)version), &past, &err);
    expect_power_off(w, "time travel", code, &err);
    if (code == LH_OK)
        check_snapshot(w, past, catalog_snapshot_version(past));
    catalog_snapshot_unref(past);
}

/* ---- one seed ---- */

static void stop(struct world *w) {
    catalog_close(w->catalog);
    object_store_free(w->store);
    w->catalog = NULL;
    w->store = NULL;
}

static bool start(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    struct os *os = os_powerloss_table(w->disk);
    w->codec = (struct checkpoint_codec){w, write_counted, checkpoint_text_codec.read};
    enum lh_code code = object_store_open_local(os, "/data/objects", &w->store, &err);
    if (code == LH_OK) {
        const struct catalog_options options = {.os = os,
                                                .store = w->store,
                                                .codec = &w->codec,
                                                .checkpoint_every = CHECKPOINT_EVERY,
                                                .notice = note_notice,
                                                .notice_ctx = w};
        atomic_store(&w->checkpoints_written, 0);
        w->checkpoints_due = 0;
        code = catalog_open(&options, &w->catalog, &err);
    }
    expect_power_off(w, "opening", code, &err);
    if (code != LH_OK)
        stop(w);
    return code == LH_OK;
}

static enum os_powerloss_end draw_end(struct world *w) {
    return draw(w, 4) == 0 ? OS_POWERLOSS_KILLED : OS_POWERLOSS_CUT;
}

static void work_alone(struct world *w) {
    while (!os_powerloss_is_off(w->disk) && !verdict_is_bad(w->v) && atomic_load(&w->next) < UPLOADS)
        operate(w);
}

/* Open and look, with the power going now and then; then work until it goes. */
static void run_round(struct world *w, void (*work)(struct world *w), bool last) {
    if (!last && draw(w, 3) == 0)
        os_powerloss_cut_at(w->disk, 1 + draw(w, 10));
    if (!start(w)) {
        os_powerloss_restart(w->disk, draw_end(w));
        if (verdict_is_bad(w->v) || !start(w))
            return;
    }
    expect_checkpoint_at_opening(w);
    wait_for_checkpoints(w);
    check(w);
    if (!last) {
        os_powerloss_cut_at(w->disk, 1 + draw(w, draw(w, 2) ? 20 : 300));
        work(w);
    }
    os_powerloss_switch_off(w->disk);
    stop(w);
    os_powerloss_restart(w->disk, draw_end(w));
}

struct plan {
    void (*work)(struct world *w);
    enum os_powerloss_lie lie;
};

static void run_seed(uint64_t seed, void *ctx, struct verdict *v) {
    const struct plan *plan = ctx;
    struct world *w = lh_calloc(1, sizeof *w);
    w->disk = os_powerloss_new(seed);
    w->v = v;
    os_powerloss_lie(w->disk, plan->lie);
    for (int round = 0; round <= ROUNDS && !verdict_is_bad(v); round++)
        run_round(w, plan->work, round == ROUNDS);
    os_powerloss_switch_off(w->disk);
    stop(w);
    os_powerloss_free(w->disk);
    lh_free(w);
}

static void test_power_is_lost(void **state) {
    (void)state;
    struct plan plan = {.work = work_alone};
    assert_true(seeds_all_good(run_seed, &plan, 130));
}

static void test_a_missing_sync_is_noticed(void **state) {
    (void)state;
    struct plan plan = {.work = work_alone, .lie = OS_POWERLOSS_NO_FILE_SYNC};
    assert_true(seeds_find_bad(run_seed, &plan, 50));
    plan.lie = OS_POWERLOSS_NO_FOLDER_SYNC;
    assert_true(seeds_find_bad(run_seed, &plan, 50));
}

/* ---- group commit: threads, so a seed does not give the very same run again ---- */

static void *write_uploads(void *arg) {
    struct world *w = arg;
    while (!os_powerloss_is_off(w->disk) && !verdict_is_bad(w->v)) {
        unsigned number = atomic_fetch_add(&w->next, 1);
        if (number >= UPLOADS)
            break;
        upload(w, number);
    }
    return NULL;
}

static void work_together(struct world *w) {
    pthread_t threads[WRITERS];
    for (size_t i = 0; i < WRITERS; i++)
        pthread_create(&threads[i], NULL, write_uploads, w);
    for (size_t i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
}

static void test_power_is_lost_under_group_commit(void **state) {
    (void)state;
    struct plan plan = {.work = work_together};
    assert_true(seeds_all_good(run_seed, &plan, 20));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_is_lost),
        cmocka_unit_test(test_a_missing_sync_is_noticed),
        cmocka_unit_test(test_power_is_lost_under_group_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
