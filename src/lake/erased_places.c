/* Where a row may stand though no version of a dataset names the place. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "lake/erased_internal.h"
#include "lake/new_objects.h"
#include "os/file.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <string.h>

#define LIST_PAGE 1000
#define INDEX_PREFIX "_vectors/data/"

/* ---- objects below datasets/ ---- */

typedef void search_fn(struct hunt *h, struct object_store *store, const struct erased_finding *place);

static enum lh_code each_object(struct hunt *h, const char *bucket_of, const char *prefix, search_fn *fn,
                                const struct erased_finding *like, struct lh_err *err) {
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    char after[OBJECT_KEY_MAX + 1] = "";
    LH_TRY(buckets_resolve(h->search->buckets, bucket_of, &bucket, err));
    for (bool more = true; more;) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct object_info *items;
        size_t count;
        LH_TRY(object_list(bucket_store(bucket), prefix, after, LIST_PAGE, arena, &items, &count, &more, err));
        for (size_t i = 0; i < count; i++) {
            struct erased_finding place = *like;
            place.bucket = bucket_name(bucket);
            place.object = items[i].key;
            fn(h, bucket_store(bucket), &place);
        }
        if (count == 0)
            break;
        memcpy(after, items[count - 1].key, sizeof after);
    }
    return LH_OK;
}

/* The dataset below whose folder the object lies, by the newest of its name; NULL: none is known. */
static const struct manifest *owner_of(const struct hunt *h, const char *key) {
    const struct manifest *owner = NULL;
    for (size_t i = 0; i < h->past.dataset_count; i++) {
        LH_AUTO(buf) struct buf prefix = BUF_INIT;
        lake_object_prefix(h->past.datasets[i].newest->name, &prefix);
        if (strncmp(key, buf_cstr(&prefix), prefix.len) == 0)
            owner = h->past.datasets[i].newest;
    }
    return owner;
}

static bool is_asked(const struct hunt *h, const char *dataset) {
    return !h->search->dataset || (dataset && manifest_name_compare(dataset, h->search->dataset) == 0);
}

static void search_orphan(struct hunt *h, struct object_store *store, const struct erased_finding *like) {
    struct lh_err err = LH_ERR_INIT;
    struct erased_finding place = *like;
    for (size_t i = 0; i < h->past.count; i++)
        if (strcmp(h->past.files[i].file.key, place.object) == 0 &&
            strcmp(h->past.files[i].file.bucket, place.bucket) == 0)
            return;
    const struct manifest *m = owner_of(h, place.object);
    place.dataset = m ? m->name : NULL;
    if (!is_asked(h, place.dataset))
        return;
    enum file_role role = strstr(place.object, "/changes/") ? FILE_CHANGES : FILE_BASE;
    if (erased_search_object(h, &place, store, role, m, &err) != LH_OK)
        erased_tell_unreadable(h, &place, &err);
    erased_count(h);
}

/* ---- indexes ---- */

static const struct erased_index *index_of(const struct hunt *h, const char *key) {
    const char *name = key + strlen(INDEX_PREFIX);
    for (size_t i = 0; i < h->search->index_count; i++) {
        size_t len = strlen(h->search->indexes[i].name);
        if (strncmp(name, h->search->indexes[i].name, len) == 0 && name[len] == '/')
            return &h->search->indexes[i];
    }
    return NULL;
}

static const struct manifest *newest_of(const struct hunt *h, const char *dataset) {
    const struct manifest *m = NULL;
    for (size_t i = 0; dataset && i < h->past.dataset_count; i++)
        if (manifest_name_compare(h->past.datasets[i].newest->name, dataset) == 0)
            m = h->past.datasets[i].newest;
    return m;
}

/* Documents are named by a column of their rows.  Where it is the key, a document is the row. */
static enum lh_code add_document_conditions(struct hunt *h, const struct erased_index *index,
                                            struct erased_conditions *c, struct lh_err *err) {
    const struct manifest *m = index ? newest_of(h, index->dataset) : NULL;
    const json_t *texts = m ? erased_texts_of(h, m) : NULL;
    bool by_key = m && m->primary_key_count == 1 && manifest_name_compare(m->primary_key[0], index->id_column) == 0;
    LH_AUTO(buf) struct buf ids = BUF_INIT;
    LH_AUTO(buf) struct buf texts_hold = BUF_INIT;
    buf_append_str(&ids, "doc_id IN (");
    erased_append_forms(h, "", "", ", ", &ids);
    for (size_t i = 0; i < json_array_size(texts); i++) {
        buf_append_str(&ids, ", ");
        buf_append_sql_string(&ids, json_string_value(json_array_get(texts, i)));
    }
    buf_append_char(&ids, ')');
    if (h->search->dataset && !by_key)
        return lh_fail(err, LH_INVALID,
                       "its documents are named by \"%s\", which is not the dataset's key alone: search without "
                       "--dataset",
                       index->id_column);
    erased_add_condition(c, by_key ? NULL : "doc_id", buf_cstr(&ids));
    if (h->search->dataset)
        return LH_OK;
    erased_append_forms(h, "contains(concat_ws(' ', heading, chunk_text), ", ")", " OR ", &texts_hold);
    erased_add_condition(c, "chunk_text", buf_cstr(&texts_hold));
    return LH_OK;
}

static enum lh_code search_chunks(struct hunt *h, const struct erased_finding *place, struct object_store *store,
                                  const struct erased_index *index, struct lh_err *err) {
    LH_CLEANUP(erased_conditions_release) struct erased_conditions c = {.sql = BUF_INIT};
    LH_AUTO(buf) struct buf from = BUF_INIT;
    LH_AUTO(json) json_t *counts = NULL;
    const char *path;
    LH_TRY(object_local_path(store, place->object, h->arena, &path, err));
    LH_TRY(add_document_conditions(h, index, &c, err));
    buf_append_str(&from, " FROM read_parquet(");
    buf_append_sql_path(&from, path);
    buf_append_str(&from, ", hive_partitioning = false)");
    LH_TRY(erased_count_rows(h, &c, buf_cstr(&from), &counts, err));
    erased_tell_counts(h, place, NULL, &c, counts);
    return LH_OK;
}

/* A part of a build that did not end: its records are bytes without a border that could be told. */
static enum lh_code search_part(struct hunt *h, const struct erased_finding *place, struct object_store *store,
                                struct lh_err *err) {
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    struct erased_finding found = *place;
    size_t i;
    json_t *form;
    LH_TRY(object_get(store, place->object, ERASED_TEXT_MAX_BYTES, &bytes, NULL, err));
    json_array_foreach(h->keys.forms, i, form) {
        const char *text = json_string_value(form);
        found.rows += bytes.len > 0 && memmem(bytes.data, bytes.len, text, strlen(text)) != NULL;
    }
    if (found.rows > 0)
        erased_tell(h, ERASED_MENTION, found);
    return LH_OK;
}

static bool ends_with(const char *text, const char *ending) {
    size_t len = strlen(text), end = strlen(ending);
    return len >= end && strcmp(text + len - end, ending) == 0;
}

/* What is beside a chunks.parquet (docs/formats/index.md) holds what that does, and goes with it. */
static void search_index_object(struct hunt *h, struct object_store *store, const struct erased_finding *like) {
    const struct erased_index *index = index_of(h, like->object);
    struct erased_finding place = *like;
    struct lh_err err = LH_ERR_INIT;
    place.dataset = index ? index->dataset : NULL;
    bool chunks = ends_with(place.object, "chunks.parquet"), part = ends_with(place.object, ".chunks");
    if ((!chunks && !part) || !is_asked(h, place.dataset))
        return;
    enum lh_code code = chunks ? search_chunks(h, &place, store, index, &err) : search_part(h, &place, store, &err);
    if (code != LH_OK)
        erased_tell_unreadable(h, &place, &err);
    erased_count(h);
}

/* ---- the journal, and what else is text ---- */

static void search_event_file(struct hunt *h, struct object_store *store, const struct erased_finding *place) {
    struct lh_err err = LH_ERR_INIT;
    const char *path;
    size_t len = strlen(place->object);
    if (len < 8 || strcmp(place->object + len - 8, ".parquet") != 0)
        return;
    if (object_local_path(store, place->object, h->arena, &path, &err) != LH_OK ||
        erased_search_events(h, place, path, false, &err) != LH_OK)
        erased_tell_unreadable(h, place, &err);
    erased_count(h);
}

static void search_text_object(struct hunt *h, struct object_store *store, const struct erased_finding *place) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    if (object_get(store, place->object, ERASED_TEXT_MAX_BYTES, &text, NULL, &err) != LH_OK)
        erased_tell_unreadable(h, place, &err);
    else
        erased_search_text(h, *place, &text, strcmp(place->role, "redaction") == 0 ? ERASED_ROW : ERASED_MENTION);
    erased_count(h);
}

/* wal/{log}/{segment}. */
static enum lh_code search_logs(struct hunt *h, struct lh_err *err) {
    struct os *os = h->search->os;
    LH_AUTO(mem) char *wal = lh_asprintf("%s/wal", h->search->data_dir);
    char **logs, **segments;
    size_t log_count, segment_count;
    LH_TRY(os_list_dir(os, AT_FDCWD, wal, 0, &logs, &log_count, err));
    for (size_t i = 0; i < log_count; i++) {
        LH_AUTO(mem) char *folder = lh_asprintf("%s/%s", wal, logs[i]);
        struct lh_err ignored = LH_ERR_INIT;
        if (os_list_dir(os, AT_FDCWD, folder, 0, &segments, &segment_count, &ignored) != LH_OK)
            continue;
        for (size_t k = 0; k < segment_count; k++) {
            LH_AUTO(mem) char *path = lh_asprintf("%s/%s", folder, segments[k]);
            LH_AUTO(buf) struct buf text = BUF_INIT;
            struct lh_err why = LH_ERR_INIT;
            const struct erased_finding place = {
                .object = path,
                .role = "log",
                .columns = "",
                .message = "it goes when the log is flushed: POST /journal/flush, POST /storage/errors/flush"};
            if (os_read_file(os, AT_FDCWD, path, ERASED_TEXT_MAX_BYTES, &text, &why) != LH_OK)
                erased_tell_unreadable(h, &place, &why);
            else
                erased_search_text(h, place, &text, ERASED_MENTION);
            erased_count(h);
        }
        os_list_free(segments, segment_count);
    }
    os_list_free(logs, log_count);
    return LH_OK;
}

enum lh_code erased_search_rest(struct hunt *h, struct lh_err *err) {
    const struct erased_finding orphan = {
        .role = "orphan", .columns = "", .message = "no version names it: a vacuum removes it"};
    const struct erased_finding chunk = {
        .role = "index",
        .columns = "",
        .message = "an index holds it: once the row is gone, POST /vectors/refresh/{dataset} {\"rebuild\": true}"};
    const struct erased_finding event = {
        .role = "event",
        .columns = "",
        .message = "an event tells of it: tombstone the row with erase, or let the journal keep it"};
    const struct erased_finding redaction = {
        .role = "redaction", .columns = "", .message = "the journal has still to forget it: POST /journal/flush"};
    const struct erased_finding failure = {
        .role = "log", .columns = "", .message = "a failure names it; delete the object where it must go"};
    struct bucket_info *infos;
    size_t count;
    buckets_list(h->search->buckets, h->arena, &infos, &count);
    for (size_t i = 0; i < count; i++) {
        if (!infos[i].reachable)
            continue;
        LH_TRY(each_object(h, infos[i].name, "datasets/", search_orphan, &orphan, err));
        LH_TRY(each_object(h, infos[i].name, INDEX_PREFIX, search_index_object, &chunk, err));
    }
    LH_TRY(each_object(h, NULL, "_journal/events/", search_event_file, &event, err));
    LH_TRY(each_object(h, NULL, "_journal/redactions/", search_text_object, &redaction, err));
    LH_TRY(each_object(h, NULL, "_errors/", search_text_object, &failure, err));
    return search_logs(h, err);
}
