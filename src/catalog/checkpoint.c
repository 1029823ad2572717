/* Checkpoints as objects: writing, reading, listing. */
#include "catalog/checkpoint.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "catalog/catalog.h"
#include "catalog/commit_log.h"
#include "catalog/snapshot.h"
#include "store/object_store.h"

#include <string.h>

#define LIST_PAGE 1000

enum lh_code checkpoint_write(const struct checkpoint_codec *codec, struct object_store *store,
                              const struct catalog_snapshot *s, struct lh_err *err) {
    char key[COMMIT_LOG_KEY_SIZE];
    checkpoint_key(s->version, key);
    LH_AUTO(buf) struct buf rows = BUF_INIT;
    checkpoint_rows_write(s, &rows);
    enum lh_code code = codec->write(codec->self, store, key, &rows, err);
    return code == LH_EXISTS ? LH_OK : code;
}

enum lh_code checkpoint_read(const struct checkpoint_codec *codec, struct object_store *store, uint64_t version,
                             struct catalog_snapshot **ret_snapshot, struct lh_err *err) {
    char key[COMMIT_LOG_KEY_SIZE];
    checkpoint_key(version, key);
    LH_AUTO(buf) struct buf rows = BUF_INIT;
    struct catalog_snapshot *s = NULL;
    enum lh_code code = codec->read(codec->self, store, key, &rows, err);
    if (code == LH_OK)
        code = checkpoint_rows_read(buf_cstr(&rows), rows.len, &s, err);
    if (code == LH_OK && s->version != version) {
        code = lh_fail(err, LH_CORRUPT, "it says that it is version %llu", (unsigned long long)s->version);
        catalog_snapshot_unref(s);
    }
    if (code != LH_OK)
        return lh_err_context(err, "the checkpoint %s cannot be used", key);
    *ret_snapshot = s;
    return LH_OK;
}

enum lh_code checkpoint_list(struct object_store *store, uint64_t **ret_versions, size_t *ret_count,
                             struct lh_err *err) {
    LH_AUTO(mem) uint64_t *versions = NULL;
    size_t count = 0;
    char after[OBJECT_KEY_MAX + 1] = "";
    for (bool more = true; more;) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct object_info *items;
        size_t item_count;
        LH_TRY(object_list(store, CHECKPOINT_PREFIX, after, LIST_PAGE, arena, &items, &item_count, &more, err));
        versions = lh_realloc(versions, (count + item_count + 1) * sizeof *versions);
        for (size_t i = 0; i < item_count; i++) {
            uint64_t version = commit_log_parse_key(items[i].key, CHECKPOINT_PREFIX, ".parquet");
            if (version > 0)
                versions[count++] = version;
        }
        if (item_count == 0)
            break;
        memcpy(after, items[item_count - 1].key, sizeof after);
    }
    *ret_versions = LH_STEAL(versions);
    *ret_count = count;
    return LH_OK;
}
