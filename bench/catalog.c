/* The catalog with many datasets: a commit, a checkpoint, a start.  Figures to hold: a start with 10,000 datasets well under 1 s.
 *
 *     bench_catalog [DATASETS]      on a local bucket in a temporary folder ($TMPDIR), checkpoints as Parquet by the engine */
#include "catalog/catalog.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "catalog/checkpoint.h"
#include "engine/engine.h"
#include "engine/worker/host.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/os.h"
#include "store/local.h"
#include "store/object_store.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PER_COMMIT 500
#define COLUMNS 10
#define SINGLE_COMMITS 200
#define WRITERS 16
#define SHA "abababababababababababababababababababababababababababababababab"

static LH_NORETURN void die(const struct lh_err *err) {
    fprintf(stderr, "bench_catalog: %s %s\n", err->message, err->hint);
    exit(1);
}

static void must(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        die(err);
}

static double seconds_since(struct os *os, int64_t start_ns) {
    return (double)(os_monotonic_ns(os) - start_ns) / 1e9;
}

static struct manifest *make_dataset(int number) {
    struct manifest *m = manifest_new(NULL);
    m->name = arena_printf(m->arena, "dataset_%05d", number);
    m->bucket = "primary";
    for (int k = 0; k < COLUMNS; k++) {
        struct manifest_column *c = manifest_add_column(m);
        c->name = arena_printf(m->arena, "column_%d", k);
        c->type = "VARCHAR";
    }
    *manifest_add_file(m) = (struct manifest_file){.bucket = "primary",
                                                   .key = arena_printf(m->arena, "datasets/%s/base/1.parquet", m->name),
                                                   .row_count = 10,
                                                   .size_bytes = 1000,
                                                   .sha256 = SHA};
    *manifest_add_lineage(m) = (struct manifest_lineage){
        .source_system = "upload", .source_name = "people.csv", .source_sha256 = SHA, .actor = "bench", .at_us = 1};
    return m;
}

static enum lh_code create_many(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                                struct lh_err *err) {
    (void)base;
    (void)err;
    for (int i = 0; i < PER_COMMIT; i++)
        catalog_txn_put(txn, make_dataset(*(int *)ctx + i));
    return LH_OK;
}

static enum lh_code change_one(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                               struct lh_err *err) {
    (void)ctx;
    (void)err;
    struct manifest *m = manifest_edit(catalog_snapshot_get(base, catalog_snapshot_count(base) / 2));
    m->freshness_sla_s++;
    catalog_txn_put(txn, m);
    return LH_OK;
}

static void commit(struct catalog *c, catalog_txn_fn *fn, void *ctx) {
    struct catalog_change change = {.operation = "bench", .actor = "bench", .fn = fn, .ctx = ctx};
    struct lh_err err = LH_ERR_INIT;
    must(catalog_commit(c, &change, NULL, &err), &err);
}

static void *write_many(void *arg) {
    for (int i = 0; i < SINGLE_COMMITS; i++)
        commit(arg, change_one, NULL);
    return NULL;
}

static void measure_commits(struct os *os, struct catalog *c) {
    int64_t start_ns = os_monotonic_ns(os);
    write_many(c);
    printf("one writer: %.2f ms a commit\n", seconds_since(os, start_ns) * 1e3 / SINGLE_COMMITS);
    pthread_t writers[WRITERS];
    start_ns = os_monotonic_ns(os);
    for (int i = 0; i < WRITERS; i++)
        pthread_create(&writers[i], NULL, write_many, c);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    printf("%d writers: %.0f commits a second\n", WRITERS, WRITERS * SINGLE_COMMITS / seconds_since(os, start_ns));
}

static void run(struct os *os, const char *dir, int datasets) {
    LH_AUTO(mem) char *root = lh_asprintf("%s/objects", dir);
    LH_AUTO(mem) char *scratch = lh_asprintf("%s/tmp", dir);
    const char *roots[] = {root};
    struct lh_err err = LH_ERR_INIT;
    struct object_store *store;
    struct engine *engine;
    struct catalog *c;
    struct engine_config config;
    engine_config_default(&config);
    config.scratch_dir = scratch;
    config.read_roots = roots;
    config.read_root_count = 1;
    must(object_store_open_local(os, root, &store, &err), &err);
    must(engine_open(os, &config, NULL, NULL, &engine, &err), &err);
    struct checkpoint_engine state = {os, engine, scratch};
    struct checkpoint_codec codec = checkpoint_engine_codec(&state);
    struct catalog_options options = {.os = os, .store = store, .checkpoint_every = UINT64_MAX};

    must(catalog_open(&options, &c, &err), &err);
    int64_t start_ns = os_monotonic_ns(os);
    for (int i = 0; i < datasets; i += PER_COMMIT)
        commit(c, create_many, &i);
    printf("%d datasets made by commits of %d: %.2f s\n", datasets, PER_COMMIT, seconds_since(os, start_ns));
    measure_commits(os, c);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(c);
    start_ns = os_monotonic_ns(os);
    must(checkpoint_write(&codec, store, s, &err), &err);
    printf("checkpoint written: %.2f s\n", seconds_since(os, start_ns));
    catalog_close(c);

    options.codec = &codec;
    for (int i = 0; i < 3; i++) {
        start_ns = os_monotonic_ns(os);
        must(catalog_open(&options, &c, &err), &err);
        printf("opened from the checkpoint: %.2f s\n", seconds_since(os, start_ns));
        catalog_close(c);
    }
    engine_close(engine);
    object_store_free(store);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "engine-host") == 0)
        return engine_host_main(argc, argv);
    const char *tmp = getenv("TMPDIR");
    char dir[512];
    int datasets = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 10000;
    if (argc > 2) { /* a data folder to keep, which a server can then be started on */
        run(os_real(), argv[2], datasets);
        return 0;
    }
    snprintf(dir, sizeof dir, "%s/bench-catalog-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir)) {
        perror(dir);
        return 1;
    }
    run(os_real(), dir, datasets);
    struct lh_err err = LH_ERR_INIT;
    return os_remove_all(os_real(), AT_FDCWD, dir, &err) == LH_OK ? 0 : 1;
}
