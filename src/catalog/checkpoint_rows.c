/* A snapshot as the rows of a checkpoint, and back.
 *
 * Reading is what a start with many datasets spends its time on (40 us of JSON each), so the rows are cut into parts that are parsed at
 * the same time, while this thread sums the bytes. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/timefmt.h"
#include "catalog/catalog.h"
#include "catalog/checkpoint.h"
#include "catalog/commit_log.h"
#include "catalog/snapshot.h"
#include "os/thread.h"

#include <string.h>

#define MANIFEST_KIND "manifest "
#define KEY_KIND "key "
#define SUMMARY_KIND "summary "
#define SUMMARY_TRAILER_BYTES (sizeof ",\"sha256\":\"\"}" - 1 + 64) /* the summary ends in its checksum */
#define PARTS_MAX 8
#define PART_LEAST_BYTES ((size_t)256 * 1024)

/* ---- snapshot to rows ---- */

static void add_row(struct buf *out, struct lh_sha256 *sum, const char *kind, json_t *body) {
    buf_append_str(out, kind);
    size_t start = out->len;
    lh_json_write(body, LH_JSON_COMPACT, out);
    json_decref(body);
    buf_append_char(out, '\n');
    lh_sha256_update(sum, out->data + start, out->len - start);
}

static void set_time(json_t *object, const char *key, int64_t us) {
    char text[LH_TIME_SIZE];
    lh_time_format(us, text);
    json_object_set_new(object, key, json_string(text));
}

static void add_summary(struct buf *out, struct lh_sha256 *sum, const struct catalog_snapshot *s) {
    LH_AUTO(json) json_t *summary = json_object();
    json_object_set_new(summary, "format", json_integer(CHECKPOINT_FORMAT));
    json_object_set_new(summary, "version", json_integer((json_int_t)s->version));
    set_time(summary, "time", s->time_us);
    json_object_set_new(summary, "record_sha256", json_string(s->record_sha256));
    json_object_set_new(summary, "manifests", json_integer((json_int_t)s->count));
    json_object_set_new(summary, "keys", json_integer((json_int_t)s->keys->count));
    buf_append_str(out, SUMMARY_KIND);
    size_t start = out->len;
    lh_json_write(summary, LH_JSON_COMPACT, out);
    buf_truncate(out, out->len - 1); /* the closing brace comes after the checksum */
    lh_sha256_update(sum, out->data + start, out->len - start);
    unsigned char digest[LH_SHA256_BYTES];
    char hex[LH_SHA256_HEX];
    lh_sha256_final(sum, digest);
    lh_hex_encode(digest, sizeof digest, hex);
    buf_printf(out, ",\"sha256\":\"%s\"}\n", hex);
}

void checkpoint_rows_write(const struct catalog_snapshot *s, struct buf *out) {
    struct lh_sha256 sum;
    lh_sha256_init(&sum);
    for (size_t i = 0; i < s->count; i++)
        add_row(out, &sum, MANIFEST_KIND, manifest_to_json(s->by_name[i]));
    for (size_t i = 0; i < s->keys->count; i++) {
        json_t *key = json_object();
        json_object_set_new(key, "key", json_string(s->keys->keys[i]->text));
        json_object_set_new(key, "version", json_integer((json_int_t)s->keys->keys[i]->version));
        json_object_set_new(key, "request_sha256", json_string(s->keys->keys[i]->request_sha256));
        set_time(key, "time", s->keys->keys[i]->time_us);
        add_row(out, &sum, KEY_KIND, key);
    }
    add_summary(out, &sum, s);
}

/* ---- a part of the rows ---- */

struct part {
    const char *rows;
    size_t len; /* whole lines */
    struct os_thread thread;
    struct lh_err err; /* code LH_OK: the rest is valid */
    struct arena *arena;
    struct snapshot_change *changes; /* grown by doubling; so are the keys */
    size_t change_count, change_room;
    struct key_fact *keys;
    size_t key_count, key_room;
};

static void part_release(struct part *p) {
    for (size_t i = 0; i < p->change_count; i++)
        manifest_unref(p->changes[i].manifest);
    lh_free(p->changes);
    lh_free(p->keys);
    arena_free(p->arena);
}

static void part_add_change(struct part *p, struct manifest *m) {
    if (p->change_count == p->change_room) {
        p->change_room = p->change_room ? p->change_room * 2 : 64;
        p->changes = lh_realloc(p->changes, p->change_room * sizeof *p->changes);
    }
    p->changes[p->change_count++] = (struct snapshot_change){.id = m->id, .manifest = m};
}

static void part_add_key(struct part *p, const struct key_fact *fact) {
    if (p->key_count == p->key_room) {
        p->key_room = p->key_room ? p->key_room * 2 : 64;
        p->keys = lh_realloc(p->keys, p->key_room * sizeof *p->keys);
    }
    p->keys[p->key_count++] = (struct key_fact){.text = arena_strdup(p->arena, fact->text),
                                                .request_sha256 = arena_strdup(p->arena, fact->request_sha256),
                                                .version = fact->version,
                                                .time_us = fact->time_us};
}

static enum lh_code read_key(struct part *p, const json_t *body, struct lh_err *err) {
    struct key_fact fact;
    const char *time;
    int64_t version;
    LH_TRY(lh_json_get_string(body, "key", "key", &fact.text, err));
    LH_TRY(lh_json_get_int(body, "key", "version", &version, err));
    LH_TRY(lh_json_get_string(body, "key", "request_sha256", &fact.request_sha256, err));
    LH_TRY(lh_json_get_string(body, "key", "time", &time, err));
    if (version < 1 || !lh_time_parse(time, strlen(time), &fact.time_us) || !lh_sha256_hex_valid(fact.request_sha256))
        return lh_fail(err, LH_CORRUPT, "an idempotency key has a wrong version, time or request_sha256");
    fact.version = (uint64_t)version;
    part_add_key(p, &fact);
    return LH_OK;
}

static bool starts_with(const char *line, size_t len, const char *kind) {
    size_t kind_len = strlen(kind);
    return len >= kind_len && memcmp(line, kind, kind_len) == 0;
}

static enum lh_code parse_body(const char *line, size_t len, const char *kind, json_t **ret_body, struct lh_err *err) {
    struct lh_json_limits limits = {.max_bytes = COMMIT_RECORD_MAX_BYTES};
    return lh_json_parse(line + strlen(kind), len - strlen(kind), &limits, ret_body, err);
}

static enum lh_code read_row(struct part *p, const char *line, size_t len, struct lh_err *err) {
    LH_AUTO(json) json_t *body = NULL;
    if (starts_with(line, len, KEY_KIND)) {
        LH_TRY(parse_body(line, len, KEY_KIND, &body, err));
        return read_key(p, body, err);
    }
    if (!starts_with(line, len, MANIFEST_KIND))
        return lh_fail(err, LH_CORRUPT, "there is a row of an unknown kind, \"%.*s\"", (int)(len < 20 ? len : 20),
                       line);
    LH_TRY(parse_body(line, len, MANIFEST_KIND, &body, err));
    struct manifest *m;
    LH_TRY(manifest_from_json(body, &m, err));
    part_add_change(p, m);
    return LH_OK;
}

static void read_part(void *arg) {
    struct part *p = arg;
    const char *end = p->rows + p->len;
    for (const char *line = p->rows; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        struct lh_err err = LH_ERR_INIT;
        if (read_row(p, line, (size_t)(newline - line), &err) != LH_OK) {
            p->err = err;
            return;
        }
        line = newline + 1;
    }
}

/* ---- the whole ---- */

struct reading {
    struct part parts[PARTS_MAX];
    size_t part_count;
    struct part all; /* what the parts found, together */
    json_t *summary;
};

static void reading_release(struct reading *r) {
    for (size_t i = 0; i < r->part_count; i++)
        part_release(&r->parts[i]);
    r->all.change_count = 0; /* the parts have the references */
    part_release(&r->all);
    json_decref(r->summary);
}

static void cut_into_parts(struct reading *r, const char *rows, size_t len) {
    size_t count = os_cpu_count();
    count = count < PARTS_MAX ? count : PARTS_MAX;
    const char *end = rows + len;
    for (const char *start = rows; start < end;) {
        size_t left = (size_t)(end - start);
        size_t want = left / (count - r->part_count);
        want = want > PART_LEAST_BYTES ? want : PART_LEAST_BYTES;
        const char *cut = want < left ? memchr(start + want, '\n', left - want) : end - 1;
        struct part *p = &r->parts[r->part_count++];
        *p = (struct part){.rows = start, .len = (size_t)(cut + 1 - start), .arena = arena_new()};
        start = cut + 1;
    }
}

static void sum_rows(struct lh_sha256 *sum, const char *rows, size_t len) {
    const char *end = rows + len;
    for (const char *line = rows; line < end;) {
        const char *next = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
        const char *space = memchr(line, ' ', (size_t)(next - line));
        const char *body = space ? space + 1 : line;
        lh_sha256_update(sum, body, (size_t)(next - body));
        line = next;
    }
}

/* Parse all parts, summing meanwhile; the first part is this thread's own. */
static enum lh_code run_parts(struct reading *r, struct lh_sha256 *sum, const char *rows, size_t len,
                              struct lh_err *err) {
    enum lh_code code = LH_OK;
    for (size_t i = 1; i < r->part_count && code == LH_OK; i++)
        code = os_thread_start(&r->parts[i].thread, "lh-checkpoint", 0, read_part, &r->parts[i], err);
    if (code == LH_OK && r->part_count > 0)
        read_part(&r->parts[0]);
    sum_rows(sum, rows, len);
    for (size_t i = 1; i < r->part_count; i++)
        os_thread_join(&r->parts[i].thread);
    for (size_t i = 0; i < r->part_count && code == LH_OK; i++) {
        const struct part *p = &r->parts[i];
        code = p->err.code;
        if (code != LH_OK)
            *err = p->err;
        for (size_t j = 0; j < p->change_count; j++)
            part_add_change(&r->all, p->changes[j].manifest);
        for (size_t j = 0; j < p->key_count; j++)
            part_add_key(&r->all, &p->keys[j]);
    }
    return code;
}

struct summary {
    uint64_t version;
    int64_t time_us;
    const char *record_sha256;
};

static enum lh_code check_summary(struct reading *r, struct lh_sha256 *sum, struct summary *ret_summary,
                                  struct lh_err *err) {
    int64_t version;
    int64_t manifests;
    int64_t keys;
    const char *time;
    const char *sha256;
    LH_TRY(lh_json_get_int(r->summary, "summary", "version", &version, err));
    LH_TRY(lh_json_get_int(r->summary, "summary", "manifests", &manifests, err));
    LH_TRY(lh_json_get_int(r->summary, "summary", "keys", &keys, err));
    LH_TRY(lh_json_get_string(r->summary, "summary", "time", &time, err));
    LH_TRY(lh_json_get_string(r->summary, "summary", "sha256", &sha256, err));
    LH_TRY(lh_json_get_string(r->summary, "summary", "record_sha256", &ret_summary->record_sha256, err));
    if (manifests < 0 || (size_t)manifests != r->all.change_count || keys < 0 || (size_t)keys != r->all.key_count)
        return lh_fail(err, LH_CORRUPT, "it has %zu manifests and %zu keys where %lld and %lld were written",
                       r->all.change_count, r->all.key_count, (long long)manifests, (long long)keys);
    unsigned char digest[LH_SHA256_BYTES];
    char hex[LH_SHA256_HEX];
    lh_sha256_final(sum, digest);
    lh_hex_encode(digest, sizeof digest, hex);
    if (strcmp(hex, sha256) != 0)
        return lh_fail(err, LH_CORRUPT, "its rows do not match its checksum");
    if (version < 1 || strlen(ret_summary->record_sha256) != 64 ||
        !lh_time_parse(time, strlen(time), &ret_summary->time_us))
        return lh_fail(err, LH_CORRUPT, "its summary has a wrong version, time or record_sha256");
    ret_summary->version = (uint64_t)version;
    return LH_OK;
}

/* The summary is the last line.  *ret_rows_len: the lines before it.  A newer format is refused before anything else is read. */
static enum lh_code read_summary(struct reading *r, const char *rows, size_t len, size_t *ret_rows_len,
                                 struct lh_err *err) {
    if (len == 0 || rows[len - 1] != '\n')
        return lh_fail(err, LH_CORRUPT, "it is cut short");
    const char *before = memrchr(rows, '\n', len - 1);
    const char *line = before ? before + 1 : rows;
    size_t line_len = (size_t)(rows + len - 1 - line);
    if (!starts_with(line, line_len, SUMMARY_KIND) || line_len < strlen(SUMMARY_KIND) + SUMMARY_TRAILER_BYTES)
        return lh_fail(err, LH_CORRUPT, "its summary is missing, so it is cut short");
    LH_TRY(parse_body(line, line_len, SUMMARY_KIND, &r->summary, err));
    int64_t format;
    LH_TRY(lh_json_get_int(r->summary, "summary", "format", &format, err));
    if (format > CHECKPOINT_FORMAT)
        return lh_fail(err, LH_UNSUPPORTED, "it has format %lld, written by a newer release", (long long)format);
    *ret_rows_len = (size_t)(line - rows);
    return LH_OK;
}

static enum lh_code read_rows(struct reading *r, const char *rows, size_t len, struct catalog_snapshot **ret_snapshot,
                              struct lh_err *err) {
    struct lh_sha256 sum;
    lh_sha256_init(&sum);
    size_t rows_len = 0;
    LH_TRY(read_summary(r, rows, len, &rows_len, err));
    cut_into_parts(r, rows, rows_len);
    LH_TRY(run_parts(r, &sum, rows, rows_len, err));
    const char *body = rows + rows_len + strlen(SUMMARY_KIND);
    lh_sha256_update(&sum, body, (size_t)(rows + len - 1 - body) - SUMMARY_TRAILER_BYTES);
    struct summary summary;
    LH_TRY(check_summary(r, &sum, &summary, err));

    LH_AUTO(catalog_snapshot) struct catalog_snapshot *empty = snapshot_new_empty();
    struct catalog_snapshot *s;
    LH_TRY(snapshot_apply(empty, r->all.changes, r->all.change_count, summary.version, summary.time_us, &s, err));
    key_window_unref(s->keys);
    s->keys = key_window_with(empty->keys, r->all.keys, r->all.key_count, summary.time_us);
    memcpy(s->record_sha256, summary.record_sha256, LH_SHA256_HEX);
    *ret_snapshot = s;
    return LH_OK;
}

enum lh_code checkpoint_rows_read(const char *rows, size_t len, struct catalog_snapshot **ret_snapshot,
                                  struct lh_err *err) {
    LH_CLEANUP(reading_release) struct reading r = {.all = {.arena = arena_new()}};
    enum lh_code code = read_rows(&r, rows, len, ret_snapshot, err);
    if (code != LH_OK && code != LH_UNSUPPORTED)
        err->code = LH_CORRUPT;
    return code == LH_OK ? LH_OK : err->code;
}
