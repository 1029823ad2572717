#include "catalog/checkpoint.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/timefmt.h"
#include "catalog/catalog.h"
#include "catalog/commit_log.h"
#include "catalog/snapshot.h"
#include "store/object_store.h"

#include <string.h>

#define LIST_PAGE 1000
#define SUMMARY_TRAILER_BYTES (sizeof ",\"sha256\":\"\"}" - 1 + 64) /* the summary ends in its checksum */

/* ---- snapshot to rows ---- */

static void add_row(struct buf *out, const char *kind, const struct manifest *m, const struct buf *body) {
    buf_printf(out, "{\"kind\":\"%s\"", kind);
    if (m) {
        buf_append_str(out, ",\"id\":");
        buf_append_json_string(out, m->id, strlen(m->id));
        buf_append_str(out, ",\"name\":");
        buf_append_json_string(out, m->name, strlen(m->name));
        buf_printf(out, ",\"version\":%llu,\"row_count\":%llu,\"size_bytes\":%llu", (unsigned long long)m->version,
                   (unsigned long long)m->row_count, (unsigned long long)m->size_bytes);
    }
    buf_append_str(out, ",\"body\":");
    buf_append_json_string(out, body->data, body->len);
    buf_append_str(out, "}\n");
}

/* A row that the summary's checksum covers. */
static void add_summed(struct buf *out, struct lh_sha256 *sum, const char *kind, const struct manifest *m,
                       json_t *body) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(body, LH_JSON_COMPACT, &text);
    json_decref(body);
    lh_sha256_update(sum, text.data, text.len);
    lh_sha256_update(sum, "\n", 1);
    add_row(out, kind, m, &text);
}

static void set_time(json_t *object, const char *key, int64_t us) {
    char text[LH_TIME_SIZE];
    lh_time_format(us, text);
    json_object_set_new(object, key, json_string(text));
}

void checkpoint_rows_write(const struct catalog_snapshot *s, struct buf *out) {
    struct lh_sha256 sum;
    lh_sha256_init(&sum);
    for (size_t i = 0; i < s->count; i++)
        add_summed(out, &sum, "manifest", s->by_name[i], manifest_to_json(s->by_name[i]));
    for (size_t i = 0; i < s->keys->count; i++) {
        json_t *key = json_object();
        json_object_set_new(key, "key", json_string(s->keys->keys[i]->text));
        json_object_set_new(key, "version", json_integer((json_int_t)s->keys->keys[i]->version));
        set_time(key, "time", s->keys->keys[i]->time_us);
        add_summed(out, &sum, "key", NULL, key);
    }
    LH_AUTO(json) json_t *summary = json_object();
    json_object_set_new(summary, "format", json_integer(CHECKPOINT_FORMAT));
    json_object_set_new(summary, "version", json_integer((json_int_t)s->version));
    set_time(summary, "time", s->time_us);
    json_object_set_new(summary, "record_sha256", json_string(s->record_sha256));
    json_object_set_new(summary, "manifests", json_integer((json_int_t)s->count));
    json_object_set_new(summary, "keys", json_integer((json_int_t)s->keys->count));
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(summary, LH_JSON_COMPACT, &text);
    buf_truncate(&text, text.len - 1); /* the closing brace comes after the checksum */
    lh_sha256_update(&sum, text.data, text.len);
    unsigned char digest[LH_SHA256_BYTES];
    char hex[LH_SHA256_HEX];
    lh_sha256_final(&sum, digest);
    lh_hex_encode(digest, sizeof digest, hex);
    buf_printf(&text, ",\"sha256\":\"%s\"}", hex);
    add_row(out, "summary", NULL, &text);
}

/* ---- rows to snapshot ---- */

struct rows_reader {
    struct arena *arena;
    struct lh_sha256 sum;
    struct snapshot_change *changes; /* grown by doubling */
    size_t change_count, change_room;
    const char **keys;
    uint64_t *key_versions;
    int64_t *key_times_us;
    size_t key_count, key_room;
    json_t *summary;
};

static void rows_reader_release(struct rows_reader *r) {
    for (size_t i = 0; i < r->change_count; i++)
        manifest_unref(r->changes[i].manifest);
    lh_free(r->changes);
    lh_free(r->keys);
    lh_free(r->key_versions);
    lh_free(r->key_times_us);
    json_decref(r->summary);
    arena_free(r->arena);
}

static enum lh_code add_manifest(struct rows_reader *r, const json_t *body, struct lh_err *err) {
    struct manifest *m;
    LH_TRY(manifest_from_json(body, &m, err));
    if (r->change_count == r->change_room) {
        r->change_room = r->change_room ? r->change_room * 2 : 64;
        r->changes = lh_realloc(r->changes, r->change_room * sizeof *r->changes);
    }
    r->changes[r->change_count++] = (struct snapshot_change){.id = m->id, .manifest = m};
    return LH_OK;
}

static enum lh_code add_key(struct rows_reader *r, const json_t *body, struct lh_err *err) {
    const char *text;
    const char *time;
    int64_t version;
    int64_t time_us;
    LH_TRY(lh_json_get_string(body, "key", "key", &text, err));
    LH_TRY(lh_json_get_int(body, "key", "version", &version, err));
    LH_TRY(lh_json_get_string(body, "key", "time", &time, err));
    if (version < 1 || !lh_time_parse(time, strlen(time), &time_us))
        return lh_fail(err, LH_CORRUPT, "an idempotency key has a wrong version or time");
    if (r->key_count == r->key_room) {
        r->key_room = r->key_room ? r->key_room * 2 : 64;
        r->keys = lh_realloc(r->keys, r->key_room * sizeof *r->keys);
        r->key_versions = lh_realloc(r->key_versions, r->key_room * sizeof *r->key_versions);
        r->key_times_us = lh_realloc(r->key_times_us, r->key_room * sizeof *r->key_times_us);
    }
    r->keys[r->key_count] = arena_strdup(r->arena, text);
    r->key_versions[r->key_count] = (uint64_t)version;
    r->key_times_us[r->key_count++] = time_us;
    return LH_OK;
}

static enum lh_code read_row(struct rows_reader *r, const char *line, size_t len, struct lh_err *err) {
    if (r->summary)
        return lh_fail(err, LH_CORRUPT, "there are rows behind the summary");
    struct lh_json_limits limits = {.max_bytes = COMMIT_RECORD_MAX_BYTES * 2};
    LH_AUTO(json) json_t *row = NULL;
    LH_AUTO(json) json_t *body = NULL;
    const char *kind;
    const char *text;
    LH_TRY(lh_json_parse(line, len, &limits, &row, err));
    LH_TRY(lh_json_get_string(row, "", "kind", &kind, err));
    LH_TRY(lh_json_get_string(row, "", "body", &text, err));
    size_t text_len = strlen(text);
    LH_TRY(lh_json_parse(text, text_len, &limits, &body, err));
    if (strcmp(kind, "summary") == 0) {
        if (text_len <= SUMMARY_TRAILER_BYTES)
            return lh_fail(err, LH_CORRUPT, "its summary is cut short");
        lh_sha256_update(&r->sum, text, text_len - SUMMARY_TRAILER_BYTES);
        r->summary = LH_STEAL(body);
        return LH_OK;
    }
    lh_sha256_update(&r->sum, text, text_len);
    lh_sha256_update(&r->sum, "\n", 1);
    if (strcmp(kind, "manifest") == 0)
        return add_manifest(r, body, err);
    if (strcmp(kind, "key") == 0)
        return add_key(r, body, err);
    return lh_fail(err, LH_CORRUPT, "there is a row of the unknown kind \"%.40s\"", kind);
}

struct summary {
    uint64_t version;
    int64_t time_us;
    const char *record_sha256;
};

static enum lh_code check_summary(struct rows_reader *r, struct summary *ret_summary, struct lh_err *err) {
    if (!r->summary)
        return lh_fail(err, LH_CORRUPT, "its summary is missing, so it is cut short");
    int64_t format;
    int64_t version;
    int64_t manifests;
    int64_t keys;
    const char *time;
    const char *sha256;
    LH_TRY(lh_json_get_int(r->summary, "summary", "format", &format, err));
    if (format > CHECKPOINT_FORMAT)
        return lh_fail(err, LH_UNSUPPORTED, "it has format %lld, written by a newer release", (long long)format);
    LH_TRY(lh_json_get_int(r->summary, "summary", "version", &version, err));
    LH_TRY(lh_json_get_int(r->summary, "summary", "manifests", &manifests, err));
    LH_TRY(lh_json_get_int(r->summary, "summary", "keys", &keys, err));
    LH_TRY(lh_json_get_string(r->summary, "summary", "time", &time, err));
    LH_TRY(lh_json_get_string(r->summary, "summary", "sha256", &sha256, err));
    LH_TRY(lh_json_get_string(r->summary, "summary", "record_sha256", &ret_summary->record_sha256, err));
    if (manifests < 0 || (size_t)manifests != r->change_count || keys < 0 || (size_t)keys != r->key_count)
        return lh_fail(err, LH_CORRUPT, "it has %zu manifests and %zu keys where %lld and %lld were written",
                       r->change_count, r->key_count, (long long)manifests, (long long)keys);
    unsigned char digest[LH_SHA256_BYTES];
    char hex[LH_SHA256_HEX];
    lh_sha256_final(&r->sum, digest);
    lh_hex_encode(digest, sizeof digest, hex);
    if (strcmp(hex, sha256) != 0)
        return lh_fail(err, LH_CORRUPT, "its rows do not match its checksum");
    if (version < 1 || strlen(ret_summary->record_sha256) != 64 ||
        !lh_time_parse(time, strlen(time), &ret_summary->time_us))
        return lh_fail(err, LH_CORRUPT, "its summary has a wrong version, time or record_sha256");
    ret_summary->version = (uint64_t)version;
    return LH_OK;
}

static enum lh_code read_rows(struct rows_reader *r, const char *rows, size_t len,
                              struct catalog_snapshot **ret_snapshot, struct lh_err *err) {
    for (const char *line = rows; line < rows + len;) {
        const char *end = memchr(line, '\n', (size_t)(rows + len - line));
        if (!end)
            return lh_fail(err, LH_CORRUPT, "its last row is cut short");
        LH_TRY(read_row(r, line, (size_t)(end - line), err));
        line = end + 1;
    }
    struct summary summary;
    LH_TRY(check_summary(r, &summary, err));
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *empty = snapshot_new_empty();
    struct catalog_snapshot *s;
    LH_TRY(snapshot_apply(empty, r->changes, r->change_count, summary.version, summary.time_us, &s, err));
    key_window_unref(s->keys);
    s->keys = key_window_with(empty->keys, r->keys, r->key_versions, r->key_times_us, r->key_count, summary.time_us);
    memcpy(s->record_sha256, summary.record_sha256, LH_SHA256_HEX);
    *ret_snapshot = s;
    return LH_OK;
}

enum lh_code checkpoint_rows_read(const char *rows, size_t len, struct catalog_snapshot **ret_snapshot,
                                  struct lh_err *err) {
    LH_CLEANUP(rows_reader_release) struct rows_reader r = {.arena = arena_new()};
    lh_sha256_init(&r.sum);
    enum lh_code code = read_rows(&r, rows, len, ret_snapshot, err);
    if (code != LH_OK && code != LH_UNSUPPORTED)
        err->code = LH_CORRUPT;
    return code == LH_OK ? LH_OK : err->code;
}

/* ---- objects ---- */

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
