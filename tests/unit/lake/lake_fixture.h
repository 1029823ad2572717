/* A lake for tests: buckets in a folder of its own, a catalog on them, the real engine. */
#ifndef LH_TESTS_UNIT_LAKE_FIXTURE_H
#define LH_TESTS_UNIT_LAKE_FIXTURE_H

#include "catalog/catalog.h"
#include "catalog/checkpoint.h"
#include "lake/lake.h"
#include "os/ids.h"
#include "store/buckets.h"
#include "store/object_store.h"
#include "unit/engine/worker/engine_fixture.h"

struct lake_fixture {
    struct fixture engine;
    struct buckets *buckets;
    struct catalog *catalog;
    struct checkpoint_engine codec_state;
    struct checkpoint_codec codec;
    unsigned notices;
};

static inline void ok(enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK)
        fail_msg("%s: %s (%s)", lh_code_name(code), err->message, err->detail);
}

static inline void count_notice(void *ctx, enum lh_code code, const char *text) {
    (void)code;
    (void)text;
    ((struct lake_fixture *)ctx)->notices++;
}

static inline struct catalog *open_catalog(struct lake_fixture *f) {
    struct lh_err err = LH_ERR_INIT;
    struct catalog *c = NULL;
    ok(catalog_open(&(struct catalog_options){.os = f->engine.os,
                                              .store = buckets_primary(f->buckets),
                                              .codec = &f->codec,
                                              .checkpoint_every = 4,
                                              .notice = count_notice,
                                              .notice_ctx = f},
                    &c, &err),
       &err);
    return c;
}

static inline int set_up_with(void **state, void (*adjust)(struct engine_config *config)) {
    struct lake_fixture *f = lh_calloc(1, sizeof *f);
    struct lh_err err = LH_ERR_INIT;
    fixture_open(&f->engine, adjust);
    ok(buckets_open(&(struct buckets_options){.os = f->engine.os, .primary_root = f->engine.root}, &f->buckets, &err),
       &err);
    f->codec_state = (struct checkpoint_engine){f->engine.os, f->engine.engine, f->engine.scratch};
    f->codec = checkpoint_engine_codec(&f->codec_state);
    f->catalog = open_catalog(f);
    *state = f;
    return 0;
}

static inline int set_up(void **state) {
    return set_up_with(state, NULL);
}

static inline int tear_down(void **state) {
    struct lake_fixture *f = *state;
    catalog_close(f->catalog);
    buckets_close(f->buckets);
    fixture_close(&f->engine);
    lh_free(f);
    return 0;
}

/* The rows of `sql` as a Parquet object. */
static inline void put_parquet(struct lake_fixture *f, const char *key, const char *sql) {
    struct engine_query query = query_of(sql);
    query.format = ENGINE_PARQUET;
    struct buf bytes = BUF_INIT;
    struct lh_err err = LH_ERR_INIT;
    ok(run_query(&f->engine, &query, &bytes, NULL, &err), &err);
    ok(object_put(buckets_primary(f->buckets), key, bytes.data, bytes.len, OBJECT_PUT_REPLACE, NULL, &err), &err);
    buf_release(&bytes);
}

struct column {
    const char *name, *type;
};

static inline struct manifest *draft_of(const char *name, const char *key, const struct column *columns, size_t count,
                                        const char *sha256) {
    struct manifest *m = manifest_new(name);
    m->bucket = "primary";
    for (size_t i = 0; i < count; i++) {
        struct manifest_column *c = manifest_add_column(m);
        c->name = columns[i].name;
        c->type = columns[i].type;
    }
    if (key)
        *manifest_add_file(m) =
            (struct manifest_file){.bucket = "primary", .key = key, .row_count = 2, .size_bytes = 9};
    if (sha256)
        *manifest_add_lineage(m) = (struct manifest_lineage){.source_system = "upload", .source_sha256 = sha256};
    return m;
}

static inline enum lh_code write_draft(struct lake_fixture *f, enum lake_mode mode, struct manifest *draft,
                                       struct lake_committed *ret, struct lh_err *err) {
    struct lake_commit commit = {
        .mode = mode, .operation = "ingest", .actor = "tester", .deduplicate = true, .draft = draft};
    enum lh_code code = lake_commit_files(f->catalog, &commit, ret, err);
    manifest_unref(draft);
    return code;
}

static inline void assert_lake_csv(struct lake_fixture *f, const char *sql, const char *expected) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(f->catalog);
    struct lake_resolver resolver = {.snapshot = s, .buckets = f->buckets};
    struct engine_query query = query_of(sql);
    query.resolve = lake_resolve;
    query.resolve_ctx = &resolver;
    assert_csv(&f->engine, &query, expected);
}

static const struct column AB[] = {{"a", "BIGINT"}, {"odd \"name", "VARCHAR"}};
#define SHA_1 "1111111111111111111111111111111111111111111111111111111111111111"
#define SHA_2 "2222222222222222222222222222222222222222222222222222222222222222"

#endif
