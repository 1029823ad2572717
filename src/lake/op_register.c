/* Register objects that stand in a bucket as a dataset, and change its metadata. */
#include "base/arena.h"
#include "catalog/catalog.h"
#include "lake/catalog_ops.h"
#include "lake/footer.h"
#include "lake/key_check.h"
#include "lake/lake.h"
#include "lake/metadata_patch.h"
#include "lake/row_change.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <string.h>

#define KEYS_MAX 10000

/* ---- register ---- */

static enum lh_code check_fields(const json_t *request, struct lh_err *err) {
    const char *fields[32] = {"name", "keys", "bucket"};
    size_t count = 3;
    for (size_t i = 0; metadata_patch_fields[i]; i++)
        fields[count++] = metadata_patch_fields[i];
    return lh_json_only_keys(request, "", fields, err);
}

static enum lh_code add_object(const struct catalog_ops *ops, const struct catalog_caller *caller, struct manifest *m,
                               const char *key, struct lh_err *err) {
    LH_TRY(object_key_check(key, strlen(key), err));
    if (object_key_is_reserved(key))
        return lh_fail(err, LH_INVALID, "\"%s\" is one of the lake's own objects", key);
    for (size_t i = 0; i < m->file_count; i++) {
        if (strcmp(m->files[i].key, key) == 0)
            return lh_fail(err, LH_INVALID, "keys names \"%s\" twice", key);
    }
    struct manifest_file file = {.bucket = m->bucket, .key = arena_strdup(m->arena, key), .role = FILE_BASE};
    LH_TRY(footer_read(ops->engine, ops->buckets, caller->cancel_fd, m, &file, err));
    *manifest_add_file(m) = file;
    *manifest_add_lineage(m) = (struct manifest_lineage){.source_system = "register",
                                                         .source_name = file.key,
                                                         .source_bytes = file.size_bytes,
                                                         .actor = arena_strdup(m->arena, caller->actor),
                                                         .row_count = file.row_count};
    return LH_OK;
}

/* `after` is what `before` is going to be: may it have its key?  Rows on top of others are merged by the key that they were written for,
 * so that another one, or none, would bring back what they override. */
static enum lh_code check_new_key(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                  const struct manifest *before, const struct manifest *after, struct lh_err *err) {
    bool registered = before == after;
    if (!registered && manifest_same_key(before, after))
        return LH_OK;
    for (size_t i = 0; i < before->file_count && !registered && before->primary_key_count > 0; i++) {
        if (before->files[i].role != FILE_DELTA && before->files[i].role != FILE_TOMBSTONE)
            continue;
        lh_ignore(lh_fail(err, LH_CONFLICT, "\"%s\" has rows that its primary key merges, so the key cannot change now",
                          before->name));
        return lh_err_hint(err, "compact the dataset first, then set the key");
    }
    LH_AUTO(manifest) struct manifest *as_is = manifest_edit(before);
    if (registered)
        as_is->primary_key_count = 0;
    manifest_sum_files(as_is);
    return lake_check_key(ops->engine, ops->buckets, caller->cancel_fd, as_is, after->primary_key,
                          after->primary_key_count, err);
}

static enum lh_code draft_from_request(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                       const json_t *request, struct manifest **ret_draft, struct lh_err *err) {
    const char *name;
    const char *bucket_name_given;
    json_t *keys;
    LH_TRY(check_fields(request, err));
    LH_TRY(lh_json_get_string(request, "", "name", &name, err));
    LH_TRY(manifest_new_name_check(name, err));
    LH_TRY(lh_json_get_string_or(request, "", "bucket", NULL, &bucket_name_given, err));
    LH_TRY(lh_json_get_array(request, "", "keys", &keys, err));
    if (json_array_size(keys) == 0 || json_array_size(keys) > KEYS_MAX)
        return lh_fail(err, LH_INVALID, "keys must name 1 to %d objects", KEYS_MAX);
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    LH_TRY(buckets_resolve(ops->buckets, bucket_name_given, &bucket, err));
    LH_AUTO(manifest) struct manifest *draft = manifest_new(name);
    draft->bucket = arena_strdup(draft->arena, bucket_name(bucket));
    for (size_t i = 0; i < json_array_size(keys); i++) {
        const char *key = json_string_value(json_array_get(keys, i));
        if (!key)
            return lh_fail(err, LH_INVALID, "keys[%zu] must be a string", i);
        LH_TRY(add_object(ops, caller, draft, key, err));
    }
    LH_TRY(metadata_patch_apply(draft, request, caller->actor, err));
    LH_TRY(check_new_key(ops, caller, draft, draft, err));
    *ret_draft = LH_STEAL(draft);
    return LH_OK;
}

static enum lh_code refuse_taken_name(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                      const json_t *request, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(ops->catalog);
    const char *name = json_string_value(json_object_get(request, "name"));
    const struct manifest *taken = name && !caller->idempotency_key ? catalog_snapshot_find(s, name) : NULL;
    return taken ? lh_fail(err, LH_EXISTS, "a dataset \"%s\" already exists", taken->name) : LH_OK;
}

/* The dataset as its first commit made it: a replay gets the same answer. */
static enum lh_code describe_registered(const struct catalog_ops *ops, const char *name, struct catalog_commit done,
                                        json_t **ret_answer, struct lh_err *err) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    LH_TRY(catalog_snapshot_at_version(ops->catalog, done.version, &s, err));
    const struct manifest *m;
    LH_TRY(catalog_snapshot_require(s, name, &m, err));
    json_t *columns = json_array();
    for (size_t i = 0; i < m->column_count; i++)
        json_array_append_new(columns, json_pack("{s:s, s:s}", "name", m->columns[i].name, "type", m->columns[i].type));
    *ret_answer = json_pack("{s:s, s:s, s:I, s:b, s:b, s:I, s:I, s:I, s:o}", "name", m->name, "id", m->id, "version",
                            (json_int_t)done.version, "created", true, "replayed", done.replayed, "row_count",
                            (json_int_t)m->row_count, "size_bytes", (json_int_t)m->size_bytes, "file_count",
                            (json_int_t)m->file_count, "columns", columns);
    return LH_OK;
}

enum lh_code catalog_ops_register(const struct catalog_ops *ops, const struct catalog_caller *caller,
                                  const json_t *request, json_t **ret_answer, struct lh_err *err) {
    LH_TRY(refuse_taken_name(ops, caller, request, err)); /* before footers are read; the commit judges again */
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(request, LH_JSON_COMPACT_SORTED, &text);
    struct catalog_change asked = {
        .operation = "register", .idempotency_key = caller->idempotency_key, .request = buf_cstr(&text)};
    uint64_t version;
    LH_TRY(catalog_ops_find_key(ops, &asked, &version, err));
    if (version > 0)
        return describe_registered(ops, json_string_value(json_object_get(request, "name")),
                                   (struct catalog_commit){version, true}, ret_answer, err);
    LH_AUTO(manifest) struct manifest *draft = NULL;
    LH_TRY(draft_from_request(ops, caller, request, &draft, err));
    struct lake_commit commit = {.mode = LAKE_CREATE,
                                 .operation = asked.operation,
                                 .actor = caller->actor,
                                 .idempotency_key = asked.idempotency_key,
                                 .request = asked.request,
                                 .draft = draft};
    struct lake_committed done;
    LH_TRY(lake_commit_files(ops->catalog, &commit, &done, err));
    return describe_registered(ops, draft->name, done.commit, ret_answer, err);
}

/* ---- patch ---- */

struct patch {
    const char *dataset;
    const json_t *request;
    const char *actor;
    struct manifest *seen; /* whose rows were held against the new key; NULL: none */
    bool stale;            /* refused because they are not the dataset's any more */
};

static void patch_release(struct patch *p) {
    manifest_unref(p->seen);
}

static enum lh_code patch_txn(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                              struct lh_err *err) {
    struct patch *p = ctx;
    const struct manifest *old;
    LH_TRY(catalog_snapshot_require(base, p->dataset, &old, err));
    LH_AUTO(manifest) struct manifest *m = manifest_edit(old);
    LH_TRY(metadata_patch_apply(m, p->request, p->actor, err));
    p->stale = false;
    if (!manifest_same_key(old, m)) {
        p->stale = !p->seen; /* the key was another one when it was looked at */
        LH_TRY(p->seen ? row_change_check(old, p->seen, NULL, &p->stale, err)
                       : lh_fail(err, LH_CONFLICT, "the primary key of \"%s\" was changed meanwhile", old->name));
    }
    LH_AUTO(json) json_t *before = manifest_to_json(old);
    LH_AUTO(json) json_t *after = manifest_to_json(m);
    if (!manifest_same_key(old, m))
        m->untold_us = catalog_txn_time(txn); /* the events so far are of rows by another name */
    if (!json_equal(before, after))
        catalog_txn_put(txn, LH_STEAL(m));
    return LH_OK;
}

/* Hold the rows against the key that the patch sets, where it sets another one. */
static enum lh_code look_at_key(const struct catalog_ops *ops, const struct catalog_caller *caller, struct patch *p,
                                struct lh_err *err) {
    const struct manifest *m;
    if (!json_object_get(p->request, "primary_key"))
        return LH_OK;
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(ops->catalog);
    LH_TRY(catalog_snapshot_require(s, p->dataset, &m, err));
    LH_AUTO(manifest) struct manifest *after = manifest_edit(m);
    LH_TRY(metadata_patch_apply(after, p->request, p->actor, err));
    LH_TRY(check_new_key(ops, caller, m, after, err));
    manifest_unref(p->seen);
    p->seen = manifest_edit(m);
    return LH_OK;
}

enum lh_code catalog_ops_patch(const struct catalog_ops *ops, const struct catalog_caller *caller, const char *dataset,
                               const json_t *request, json_t **ret_answer, struct lh_err *err) {
    LH_TRY(lh_json_only_keys(request, "", metadata_patch_fields, err));
    LH_CLEANUP(patch_release) struct patch patch = {.dataset = dataset, .request = request, .actor = caller->actor};
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *asked = json_pack("{s:s, s:O}", "dataset", dataset, "patch", request);
    lh_json_write(asked, LH_JSON_COMPACT_SORTED, &text);
    struct catalog_change change = {.operation = "patch",
                                    .actor = caller->actor,
                                    .idempotency_key = caller->idempotency_key,
                                    .request = buf_cstr(&text),
                                    .fn = patch_txn,
                                    .ctx = &patch};
    struct catalog_commit done;
    uint64_t known;
    LH_TRY(catalog_ops_find_key(ops, &change, &known, err));
    for (unsigned attempt = 1;; attempt++) {
        if (known == 0)
            LH_TRY(look_at_key(ops, caller, &patch, err));
        if (catalog_commit(ops->catalog, &change, &done, err) == LH_OK)
            break;
        if (!patch.stale)
            return err->code;
        if (attempt == ROW_CHANGE_ATTEMPTS)
            return row_change_busy(dataset, err);
        *err = (struct lh_err)LH_ERR_INIT;
    }
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    LH_TRY(catalog_snapshot_at_version(ops->catalog, done.version, &s, err)); /* a replay answers as the first did */
    const struct manifest *m;
    LH_TRY(catalog_snapshot_require(s, dataset, &m, err));
    *ret_answer = manifest_to_json(m);
    return LH_OK;
}
