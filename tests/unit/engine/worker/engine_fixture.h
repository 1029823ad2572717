/* A running engine for tests: real host, real workers, real DuckDB.  The test program plays the host itself: the
 * engine execs /proc/self/exe, which is this test. */
#ifndef LH_TESTS_UNIT_ENGINE_FIXTURE_H
#define LH_TESTS_UNIT_ENGINE_FIXTURE_H

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "engine/engine.h"
#include "engine/worker/host.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct os *os;
    struct engine *engine;
    char dir[64];     /* its own folder */
    char root[80];    /* DIR/bucket: what admin workers may read */
    char scratch[80]; /* DIR/tmp */
};

/* The first thing in main. */
#define ENGINE_TEST_MAIN(argc, argv)                             \
    do {                                                         \
        if ((argc) > 1 && strcmp((argv)[1], "engine-host") == 0) \
            return engine_host_main((argc), (argv));             \
    } while (0)

static inline void fixture_open(struct fixture *f, void (*adjust)(struct engine_config *config)) {
    struct lh_err err = LH_ERR_INIT;
    *f = (struct fixture){.os = os_real()};
    strcpy(f->dir, "/tmp/lh-engine-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->root, sizeof f->root, "%s/bucket", f->dir);
    snprintf(f->scratch, sizeof f->scratch, "%s/tmp", f->dir);
    assert_int_equal(os_mkdir_all(f->os, AT_FDCWD, f->root, 0700, &err), LH_OK);
    struct engine_config config;
    const char *roots[] = {f->root};
    engine_config_default(&config);
    config.scratch_dir = f->scratch;
    config.read_roots = roots;
    config.read_root_count = 1;
    config.threads = 2;
    if (adjust)
        adjust(&config);
    if (engine_open(f->os, &config, NULL, NULL, &f->engine, &err) != LH_OK)
        fail_msg("engine_open: %s %s", err.message, err.hint);
}

static inline void fixture_close(struct fixture *f) {
    struct lh_err err = LH_ERR_INIT;
    engine_close(f->engine);
    assert_int_equal(os_remove_all(f->os, AT_FDCWD, f->dir, &err), LH_OK);
}

static inline struct engine_query query_of(const char *sql) {
    return (struct engine_query){
        .sql = sql, .format = ENGINE_CSV, .row_limit = UINT64_MAX, .timeout_ms = 20000, .cancel_fd = -1};
}

/* Run to the end; the bytes in `out` (which may be NULL). */
static inline enum lh_code run_query(struct fixture *f, const struct engine_query *query, struct buf *out,
                                     struct engine_result_stats *ret_stats, struct lh_err *err) {
    struct engine_result *result;
    enum lh_code code = engine_query_start(f->engine, query, &result, err);
    if (code != LH_OK)
        return code;
    for (;;) {
        const void *data;
        size_t len;
        code = engine_result_read(result, &data, &len, err);
        if (code != LH_OK || len == 0)
            break;
        if (out)
            buf_append(out, data, len);
    }
    if (ret_stats)
        engine_result_stats(result, ret_stats);
    engine_result_close(result);
    return code;
}

/* The CSV of a statement that must work. */
static inline void assert_csv(struct fixture *f, const struct engine_query *query, const char *expected) {
    struct buf out = BUF_INIT;
    struct lh_err err = LH_ERR_INIT;
    if (run_query(f, query, &out, NULL, &err) != LH_OK)
        fail_msg("%s: %s: %s", query->sql, lh_code_name(err.code), err.message);
    assert_string_equal(buf_cstr(&out), expected);
    buf_release(&out);
}

static inline void assert_sql_csv(struct fixture *f, const char *sql, const char *expected) {
    struct engine_query query = query_of(sql);
    assert_csv(f, &query, expected);
}

static inline void assert_sql_fails(struct fixture *f, const char *sql, enum lh_code code, struct lh_err *err) {
    struct engine_query query = query_of(sql);
    enum lh_code got = run_query(f, &query, NULL, NULL, err);
    if (got != code)
        fail_msg("%s: %s instead of %s: %s", sql, lh_code_name(got), lh_code_name(code), err->message);
}

/* A resolver over a fixed list: what a catalog snapshot is to the server. */
struct fake_catalog {
    const struct engine_binding *bindings;
    size_t count;
    unsigned calls;
    const char *suggestions;
};

static inline enum lh_code fake_resolve(void *ctx, const char *const *names, size_t count, struct arena *arena,
                                        struct engine_binding **ret_bindings, size_t *ret_count,
                                        const char **ret_suggestions, struct lh_err *err) {
    struct fake_catalog *catalog = ctx;
    struct engine_binding *found = arena_alloc(arena, (catalog->count + count + 1) * sizeof *found);
    size_t n = 0;
    (void)err;
    catalog->calls++;
    for (size_t b = 0; !names && b < catalog->count; b++)
        found[n++] = catalog->bindings[b];
    for (size_t i = 0; i < count; i++) {
        for (size_t b = 0; b < catalog->count; b++) {
            if (strcmp(names[i], catalog->bindings[b].name) == 0) {
                found[n++] = catalog->bindings[b];
                break;
            }
        }
    }
    *ret_bindings = found;
    *ret_count = n;
    if (catalog->suggestions)
        *ret_suggestions = catalog->suggestions;
    return LH_OK;
}

#endif
