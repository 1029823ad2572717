#include "lake/lake_check.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/hash.h"
#include "catalog/catalog.h"
#include "journal/journal.h"
#include "lake/footer.h"
#include "os/clock.h"
#include "os/file.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_PAGE 1000
#define READ_BYTES ((size_t)1 << 20)
#define YOUNG_US (INT64_C(3600) * 1000000) /* an object this young may belong to an ingest that has not committed yet */

struct walk {
    const struct lake_check *check;
    struct lake_check_totals totals;
    struct arena *arena;
    const char **known; /* "bucket\nkey" of every file of every version; sorted before it is searched */
    size_t known_count, known_room;
};

static void walk_release(struct walk *w) {
    arena_free(w->arena);
    lh_free(w->known);
}

static void tell(void *ctx, const struct check_finding *finding) {
    struct walk *w = ctx;
    w->totals.findings[finding->severity]++;
    w->check->finding(w->check->ctx, finding);
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void remember(void *ctx, const struct manifest_file *file) {
    struct walk *w = ctx;
    if (w->known_count == w->known_room) {
        w->known_room = w->known_room ? w->known_room * 2 : 256;
        w->known = lh_realloc(w->known, w->known_room * sizeof *w->known);
    }
    w->known[w->known_count++] = arena_printf(w->arena, "%s\n%s", file->bucket, file->key);
}

/* The newest version tells its files a second time. */
static void sort_known(struct walk *w) {
    if (w->known_count == 0)
        return;
    qsort(w->known, w->known_count, sizeof *w->known, compare_texts);
    size_t kept = 1;
    for (size_t i = 1; i < w->known_count; i++) {
        if (strcmp(w->known[i], w->known[kept - 1]) != 0)
            w->known[kept++] = w->known[i];
    }
    w->known_count = kept;
}

/* ---- objects that the newest version promises ---- */

static void tell_object(struct walk *w, enum check_severity severity, const char *kind, const struct manifest *m,
                        const struct manifest_file *f, const char *message, const char *repair) {
    char text[1400];
    snprintf(text, sizeof text, "dataset \"%s\": %s", m->name, message);
    struct check_finding finding = {severity, kind, f->bucket, f->key, text, repair};
    tell(w, &finding);
}

#define REPAIR_OBJECT "restore the object from a backup or a replica, or ingest its source again with mode=replace"

static enum lh_code check_hash(struct walk *w, struct object_store *store, const struct manifest *m,
                               const struct manifest_file *f, struct lh_err *err) {
    struct object_reader *reader;
    LH_TRY(object_reader_open(store, f->key, OBJECT_WHOLE, &reader, NULL, err));
    LH_AUTO(mem) unsigned char *data = lh_malloc(READ_BYTES);
    struct lh_sha256 sum;
    lh_sha256_init(&sum);
    size_t len = 0;
    enum lh_code code;
    while ((code = object_reader_read(reader, data, READ_BYTES, &len, err)) == LH_OK && len > 0) {
        lh_sha256_update(&sum, data, len);
        w->totals.bytes_hashed += len;
    }
    object_reader_close(reader);
    LH_TRY(code);
    unsigned char digest[LH_SHA256_BYTES];
    char hex[LH_SHA256_HEX];
    lh_sha256_final(&sum, digest);
    lh_hex_encode(digest, sizeof digest, hex);
    if (strcmp(hex, f->sha256) != 0)
        tell_object(w, CHECK_DAMAGE, "object_damaged", m, f, "its bytes are not those that were written (SHA-256)",
                    REPAIR_OBJECT);
    return LH_OK;
}

static void check_footer(struct walk *w, const struct manifest *m, const struct manifest_file *f) {
    if (!w->check->engine || (f->role != FILE_BASE && f->role != FILE_DELTA))
        return;
    struct lh_err read_err = LH_ERR_INIT;
    struct manifest_file found = *f;
    LH_AUTO(manifest) struct manifest *columns = manifest_new(m->name);
    if (footer_read(w->check->engine, w->check->buckets, -1, columns, &found, &read_err) != LH_OK) {
        tell_object(w, CHECK_DAMAGE, "footer_unreadable", m, f, read_err.message, REPAIR_OBJECT);
        return;
    }
    if (found.row_count == f->row_count)
        return;
    char text[128];
    snprintf(text, sizeof text, "the file has %llu rows, the catalog says %llu", (unsigned long long)found.row_count,
             (unsigned long long)f->row_count);
    tell_object(w, CHECK_WARNING, "row_count_differs", m, f, text, "POST /catalog/datasets/{name}/resync");
}

static void check_file(struct walk *w, const struct manifest *m, const struct manifest_file *f) {
    w->totals.objects++;
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    struct lh_err find_err = LH_ERR_INIT;
    if (buckets_resolve(w->check->buckets, f->bucket, &bucket, &find_err) != LH_OK) {
        tell_object(w, CHECK_DAMAGE, "bucket_unreachable", m, f, find_err.message,
                    "make the bucket reachable, or add it to [[storage.buckets]]");
        return;
    }
    struct object_info info;
    enum lh_code code = object_head(bucket_store(bucket), f->key, &info, &find_err);
    if (code != LH_OK) {
        tell_object(w, CHECK_DAMAGE, code == LH_NOT_FOUND ? "object_missing" : "object_unreadable", m, f,
                    find_err.message, REPAIR_OBJECT);
        return;
    }
    if (info.size_bytes != f->size_bytes) {
        char text[128];
        snprintf(text, sizeof text, "the object has %llu bytes, the catalog says %llu",
                 (unsigned long long)info.size_bytes, (unsigned long long)f->size_bytes);
        tell_object(w, CHECK_DAMAGE, "size_differs", m, f, text, REPAIR_OBJECT);
        return;
    }
    check_footer(w, m, f);
    if (!w->check->deep || !f->sha256)
        return;
    code = check_hash(w, bucket_store(bucket), m, f, &find_err);
    if (code != LH_OK)
        tell_object(w, CHECK_DAMAGE, "object_unreadable", m, f, find_err.message, REPAIR_OBJECT);
}

static void check_files(struct walk *w) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(w->check->catalog);
    uint64_t total = 0;
    w->totals.datasets = catalog_snapshot_count(s);
    for (size_t i = 0; i < catalog_snapshot_count(s); i++)
        total += catalog_snapshot_get(s, i)->file_count;
    for (size_t i = 0; i < catalog_snapshot_count(s); i++) {
        const struct manifest *m = catalog_snapshot_get(s, i);
        for (size_t j = 0; j < m->file_count; j++) {
            remember(w, &m->files[j]); /* also where the record that brought it is damaged */
            check_file(w, m, &m->files[j]);
            if (w->check->progress)
                w->check->progress(w->check->ctx, w->totals.objects, total);
        }
    }
}

/* ---- orphans ---- */

static void check_orphan(struct walk *w, const char *bucket, const struct object_info *info) {
    const char *name = arena_printf(w->arena, "%s\n%s", bucket, info->key);
    if (w->known_count > 0 && bsearch(&name, w->known, w->known_count, sizeof *w->known, compare_texts))
        return;
    bool young = os_realtime_us(w->check->os) - info->mtime_us < YOUNG_US;
    w->totals.orphans++;
    struct check_finding finding = {
        .severity = young ? CHECK_NOTE : CHECK_WARNING,
        .kind = "orphan",
        .bucket = bucket,
        .object = info->key,
        .message = young ? "no version names this object; it is young and may belong to an ingest that is running"
                         : "no version of any dataset names this object: an ingest ended before its commit",
        .repair = young ? "look again in an hour" : "DELETE it by the storage routes; nothing reads it"};
    tell(w, &finding);
}

static enum lh_code check_orphans(struct walk *w, const struct bucket_info *info, struct lh_err *err) {
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    LH_TRY(buckets_resolve(w->check->buckets, info->name, &bucket, err));
    char after[OBJECT_KEY_MAX + 1] = "";
    for (bool more = true; more;) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct object_info *items;
        size_t count;
        LH_TRY(object_list(bucket_store(bucket), "datasets/", after, LIST_PAGE, arena, &items, &count, &more, err));
        for (size_t i = 0; i < count; i++)
            check_orphan(w, info->name, &items[i]);
        if (count == 0)
            break;
        memcpy(after, items[count - 1].key, sizeof after);
    }
    return LH_OK;
}

/* ---- the journal ---- */

static void tell_event_file(void *ctx, bool damage, const char *object, const char *message) {
    struct check_finding finding = {
        .severity = damage ? CHECK_DAMAGE : CHECK_WARNING,
        .kind = damage ? "events_damaged" : "event_index_missing",
        .object = object,
        .message = message,
        .repair = damage ? "restore the object from a backup or a replica"
                         : "nothing is lost; the next merge of its day writes an index again",
    };
    tell(ctx, &finding);
}

static enum lh_code check_journal(struct walk *w, struct lh_err *err) {
    const struct journal_check check = {.deep = w->check->deep, .finding = tell_event_file, .ctx = w};
    return w->check->journal ? journal_check(w->check->journal, &check, &w->totals.event_files, err) : LH_OK;
}

/* What could not be read when a local log was opened is set aside under this name (store/append_log.h). */
static enum lh_code check_local_logs(struct walk *w, struct lh_err *err) {
    static const char suffix[] = ".damaged";
    static const char repair[] = "look for the disk's fault; restore the file from a copy if there is one, or move the "
                                 "one that was set aside away once it was looked at";
    char **logs, **names;
    size_t log_count, count;
    const char *found = w->check->journal ? journal_damage(w->check->journal) : NULL;
    if (found) {
        struct check_finding finding = {.severity = CHECK_DAMAGE,
                                        .kind = "local_log_damaged",
                                        .object = w->check->wal_dir,
                                        .message = found,
                                        .repair = repair};
        tell(w, &finding);
    }
    LH_TRY(os_list_dir(w->check->os, AT_FDCWD, w->check->wal_dir, 0, &logs, &log_count, err));
    enum lh_code code = LH_OK;
    for (size_t i = 0; i < log_count && code == LH_OK; i++) {
        const char *path = arena_printf(w->arena, "%s/%s", w->check->wal_dir, logs[i]);
        code = os_list_dir(w->check->os, AT_FDCWD, path, 0, &names, &count, err);
        for (size_t j = 0; code == LH_OK && j < count; j++) {
            size_t len = strlen(names[j]);
            if (len <= sizeof suffix - 1 || strcmp(names[j] + len - (sizeof suffix - 1), suffix) != 0)
                continue;
            struct check_finding finding = {
                .severity = CHECK_DAMAGE,
                .kind = "local_log_damaged",
                .object = arena_printf(w->arena, "%s/%s", path, names[j]),
                .message =
                    arena_printf(w->arena,
                                 "a segment of the local log \"%s\" was damaged: the records in it that could be "
                                 "read were kept, others that were acknowledged are lost",
                                 logs[i]),
                .repair = repair};
            tell(w, &finding);
        }
        if (code == LH_OK)
            os_list_free(names, count);
    }
    os_list_free(logs, log_count);
    return code;
}

enum lh_code lake_check(const struct lake_check *check, struct lake_check_totals *ret_totals, struct lh_err *err) {
    LH_CLEANUP(walk_release) struct walk w = {.check = check, .arena = arena_new()};
    struct catalog_check log_check = {.finding = tell, .file = remember, .ctx = &w};
    struct catalog_check_totals log_totals;
    LH_TRY(catalog_check(check->catalog, &log_check, &log_totals, err));
    w.totals.records = log_totals.records;
    w.totals.checkpoints = log_totals.checkpoints;
    check_files(&w);
    sort_known(&w);
    LH_TRY(check_journal(&w, err));
    if (check->wal_dir)
        LH_TRY(check_local_logs(&w, err));
    struct bucket_info *buckets;
    size_t bucket_count;
    buckets_list(check->buckets, w.arena, &buckets, &bucket_count);
    for (size_t i = 0; i < bucket_count; i++) {
        if (buckets[i].reachable) {
            LH_TRY(check_orphans(&w, &buckets[i], err));
            continue;
        }
        struct check_finding finding = {.severity = CHECK_WARNING,
                                        .kind = "bucket_unreachable",
                                        .bucket = buckets[i].name,
                                        .message = buckets[i].reason ? buckets[i].reason : "it cannot be reached",
                                        .repair = "make the bucket reachable and check again"};
        tell(&w, &finding);
    }
    *ret_totals = w.totals;
    return LH_OK;
}
