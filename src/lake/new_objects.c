#include "lake/new_objects.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "base/id.h"
#include "os/file.h"
#include "os/ids.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <fcntl.h>

#define NAME_MAX_BYTES 100

void lake_object_prefix(const char *dataset, struct buf *ret_prefix) {
    buf_append_str(ret_prefix, "datasets/");
    for (const char *p = dataset; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                     c == '-' || (c == '.' && p > dataset);
        if (plain)
            buf_append_char(ret_prefix, (char)c);
        else
            buf_printf(ret_prefix, "%%%02X", c);
        if (p - dataset >= NAME_MAX_BYTES)
            break; /* the ULID that follows keeps keys apart; the manifest knows them */
    }
    buf_append_char(ret_prefix, '/');
}

static enum lh_code make_folder(struct new_objects *objects, const char *tmp_dir, struct lh_err *err) {
    char id[LH_ULID_SIZE];
    os_ulid_loose(objects->os, id);
    objects->out = lh_asprintf("%s/rows-%s", tmp_dir, id);
    return os_mkdir_all(objects->os, AT_FDCWD, objects->out, 0700, err);
}

enum lh_code new_objects_open(struct os *os, struct buckets *buckets, const char *tmp_dir, const char *dataset,
                              const char *bucket, struct new_objects *ret_objects, struct lh_err *err) {
    struct new_objects objects = {.os = os, .dataset = dataset};
    enum lh_code code = buckets_resolve(buckets, bucket, &objects.bucket, err);
    if (code == LH_OK)
        code = make_folder(&objects, tmp_dir, err);
    if (code != LH_OK) {
        new_objects_release(&objects);
        return code;
    }
    *ret_objects = objects;
    return LH_OK;
}

/* The folder of a dataset that holds files of a role. */
static const char *folder_of(enum file_role role) {
    return role == FILE_TOMBSTONE ? "tombstones" : file_role_name(role);
}

static const char *new_key(struct new_objects *objects, enum file_role role, struct arena *arena) {
    LH_AUTO(buf) struct buf key = BUF_INIT;
    char id[LH_ULID_SIZE];
    os_ulid_loose(objects->os, id);
    lake_object_prefix(objects->dataset, &key);
    buf_printf(&key, "%s/%s.parquet", folder_of(role), id);
    return arena_strdup(arena, buf_cstr(&key));
}

void new_objects_adopt(struct new_objects *objects, const char *key) {
    objects->keys = lh_realloc(objects->keys, (objects->key_count + 1) * sizeof *objects->keys);
    objects->keys[objects->key_count++] = lh_strdup(key);
}

enum lh_code new_objects_put(struct new_objects *objects, const char *file, enum file_role role, uint64_t row_count,
                             struct arena *arena, struct manifest_file *ret_file, struct lh_err *err) {
    LH_AUTO(mem) char *path = lh_asprintf("%s/%s", objects->out, file);
    char sha256[LH_SHA256_HEX];
    uint64_t size_bytes;
    struct object_info info;
    LH_TRY(os_sha256_file(objects->os, path, sha256, &size_bytes, err));
    const char *key = new_key(objects, role, arena);
    LH_TRY(object_put_file(bucket_store(objects->bucket), key, path, OBJECT_PUT_IF_ABSENT, &info, err));
    new_objects_adopt(objects, key);
    *ret_file = (struct manifest_file){
        .bucket = arena_strdup(arena, bucket_name(objects->bucket)),
        .key = key,
        .role = role,
        .row_count = row_count,
        .size_bytes = size_bytes,
        .sha256 = arena_strdup(arena, sha256),
    };
    return LH_OK;
}

enum lh_code new_objects_put_data(struct new_objects *objects, const void *data, size_t len, enum file_role role,
                                  uint64_t row_count, struct arena *arena, struct manifest_file *ret_file,
                                  struct lh_err *err) {
    char sha256[LH_SHA256_HEX];
    struct object_info info;
    const char *key = new_key(objects, role, arena);
    lh_sha256_hex(data, len, sha256);
    LH_TRY(object_put(bucket_store(objects->bucket), key, data, len, OBJECT_PUT_IF_ABSENT, &info, err));
    new_objects_adopt(objects, key);
    *ret_file = (struct manifest_file){
        .bucket = arena_strdup(arena, bucket_name(objects->bucket)),
        .key = key,
        .role = role,
        .row_count = row_count,
        .size_bytes = len,
        .sha256 = arena_strdup(arena, sha256),
    };
    return LH_OK;
}

void new_objects_settle(struct new_objects *objects, enum lh_code outcome) {
    objects->settled = outcome == LH_OK || outcome == LH_UNKNOWN_OUTCOME;
}

/* Best effort: `lakehouse check` lists what is left. */
void new_objects_drop(struct new_objects *objects) {
    for (size_t i = 0; i < objects->key_count; i++) {
        struct lh_err ignored = LH_ERR_INIT;
        if (!objects->settled)
            lh_ignore(object_delete(bucket_store(objects->bucket), objects->keys[i], &ignored));
        lh_free(objects->keys[i]);
    }
    objects->key_count = 0;
}

void new_objects_release(struct new_objects *objects) {
    struct lh_err ignored = LH_ERR_INIT;
    new_objects_drop(objects);
    lh_free(objects->keys);
    if (objects->out)
        lh_ignore(os_remove_all(objects->os, AT_FDCWD, objects->out, &ignored));
    lh_free(objects->out);
    bucket_unref(objects->bucket);
    *objects = (struct new_objects){0};
}
