/* Normalise the bucket of every object reference. */
#include "base/arena.h"
#include "catalog/catalog.h"
#include "lake/catalog_ops.h"
#include "store/buckets.h"

#include <stdio.h>
#include <string.h>

#define DATASETS_PER_COMMIT 500 /* keeps each record far below its limit */

struct migration {
    const struct catalog_ops *ops;
    struct arena *arena;
    struct bucket_info *buckets;
    size_t bucket_count;
    uint64_t changed_datasets, changed_files; /* of the last commit */
};

static const char *find_bucket(const struct migration *g, const char *name) {
    for (size_t i = 0; i < g->bucket_count; i++) {
        if (strcmp(g->buckets[i].name, name) == 0)
            return g->buckets[i].name;
    }
    return NULL;
}

/* The bucket that `name` means; NULL where it means none. */
static const char *normal_name(const struct migration *g, const char *name) {
    char plain[BUCKET_NAME_MAX + 1];
    size_t len = 0;
    for (const char *p = name ? name : ""; *p != '\0'; p++) {
        if (strchr(" \t\r\n", *p))
            continue;
        if (len == BUCKET_NAME_MAX)
            return NULL;
        plain[len++] = *p >= 'A' && *p <= 'Z' ? (char)(*p + ('a' - 'A')) : *p;
    }
    plain[len] = '\0';
    if (len == 0)
        return buckets_primary_name(g->ops->buckets);
    const char *exact = find_bucket(g, name);
    return exact ? exact : find_bucket(g, plain);
}

static bool differs(const struct migration *g, const char *name) {
    const char *normal = normal_name(g, name);
    return normal && (!name || strcmp(name, normal) != 0);
}

static size_t count_changes(const struct migration *g, const struct manifest *m) {
    size_t count = 0;
    for (size_t i = 0; i < m->file_count; i++)
        count += differs(g, m->files[i].bucket);
    return count;
}

static enum lh_code migrate_txn(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                                struct lh_err *err) {
    (void)err;
    struct migration *g = ctx;
    g->changed_datasets = g->changed_files = 0;
    for (size_t i = 0; i < catalog_snapshot_count(base) && g->changed_datasets < DATASETS_PER_COMMIT; i++) {
        const struct manifest *old = catalog_snapshot_get(base, i);
        size_t files = count_changes(g, old);
        if (files == 0 && !differs(g, old->bucket))
            continue;
        struct manifest *m = manifest_edit(old);
        if (differs(g, m->bucket))
            m->bucket = arena_strdup(m->arena, normal_name(g, m->bucket));
        for (size_t j = 0; j < m->file_count; j++) {
            if (differs(g, m->files[j].bucket))
                m->files[j].bucket = arena_strdup(m->arena, normal_name(g, m->files[j].bucket));
        }
        g->changed_datasets++;
        g->changed_files += files;
        catalog_txn_put(txn, m);
    }
    return LH_OK;
}

static void add_name(json_t *names, const char *name) {
    for (size_t i = 0; i < json_array_size(names); i++) {
        if (strcmp(json_string_value(json_array_get(names, i)), name) == 0)
            return;
    }
    json_array_append_new(names, json_string(name));
}

static json_t *describe(const struct migration *g, const struct catalog_snapshot *s, uint64_t version) {
    json_t *unresolved = json_array();
    json_int_t files = 0;
    json_int_t unresolved_files = 0;
    for (size_t i = 0; i < catalog_snapshot_count(s); i++) {
        const struct manifest *m = catalog_snapshot_get(s, i);
        files += (json_int_t)m->file_count;
        for (size_t j = 0; j < m->file_count; j++) {
            if (normal_name(g, m->files[j].bucket))
                continue;
            unresolved_files++;
            add_name(unresolved, m->files[j].bucket);
        }
    }
    return json_pack("{s:I, s:I, s:I, s:o, s:I}", "datasets", (json_int_t)catalog_snapshot_count(s), "files", files,
                     "unresolved_files", unresolved_files, "unresolved_buckets", unresolved, "version",
                     (json_int_t)version);
}

enum lh_code catalog_ops_migrate_buckets(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                         json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct migration g = {.ops = ops, .arena = arena};
    buckets_list(ops->buckets, arena, &g.buckets, &g.bucket_count);
    uint64_t changed_datasets = 0;
    uint64_t changed_files = 0;
    struct catalog_commit done = {0};
    do {
        struct catalog_change change = {
            .operation = "migrate_buckets", .actor = caller->actor, .fn = migrate_txn, .ctx = &g};
        LH_TRY(catalog_commit(ops->catalog, &change, &done, err));
        changed_datasets += g.changed_datasets;
        changed_files += g.changed_files;
    } while (g.changed_datasets > 0); /* the last one finds nothing left to change and writes nothing */
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(ops->catalog);
    json_t *answer = describe(&g, s, done.version);
    json_object_set_new(answer, "changed_datasets", json_integer((json_int_t)changed_datasets));
    json_object_set_new(answer, "changed_files", json_integer((json_int_t)changed_files));
    *ret_answer = answer;
    return LH_OK;
}
