/* Taking an entity's name and values out of the events that were told of it (docs/adr/0008).
 *
 * A request is an object, `_journal/redactions/{hash}.json`, durable before its events are; it is worked off by the next
 * compaction and then deleted, so a crash repeats it.  A file that may hold the entity is written again without its values, under
 * the rules of a merge: the new one stands, and says what it replaces, before the old one goes. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/bloom.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "journal/journal_internal.h"
#include "os/fault.h"
#include "store/object_store.h"

#include <stdio.h>
#include <string.h>

#define REDACTIONS_PREFIX "_journal/redactions/"
#define REQUEST_MAX_BYTES ((size_t)16384)
#define LIST_PAGE 1000
#define KEY_SIZE (sizeof REDACTIONS_PREFIX + LH_SHA256_HEX + 8)

static json_t *request_json(const struct journal_redaction *r) {
    return json_pack("{s:s, s:s, s:s, s:I}", "entity_type", r->entity_type, "entity_id", r->entity_id, "replacement",
                     r->replacement, "until_us", (json_int_t)r->until_us);
}

/* The name follows from the request, so that asking twice is asking once. */
static void request_key(const struct buf *text, char ret_key[KEY_SIZE]) {
    unsigned char digest[LH_SHA256_BYTES];
    char hex[LH_SHA256_HEX];
    lh_sha256(buf_cstr(text), text->len, digest);
    lh_hex_encode(digest, sizeof digest, hex);
    snprintf(ret_key, KEY_SIZE, REDACTIONS_PREFIX "%s.json", hex);
}

enum lh_code journal_redact(struct journal *j, const struct journal_redaction *redactions, size_t count,
                            struct lh_err *err) {
    for (size_t i = 0; i < count; i++) {
        LH_AUTO(json) json_t *json = request_json(&redactions[i]);
        LH_AUTO(buf) struct buf text = BUF_INIT;
        char key[KEY_SIZE];
        lh_json_write(json, LH_JSON_COMPACT_SORTED, &text);
        request_key(&text, key);
        LH_TRY(LH_FAULT("journal.before_redaction", err));
        LH_TRY(object_put(j->options.store, key, text.data, text.len, OBJECT_PUT_REPLACE, NULL, err));
    }
    return LH_OK;
}

/* ---- working off ---- */

/* Requests of one page, and what they ask together. */
struct requests {
    struct arena *arena;
    struct journal_redaction *items;
    const char **keys; /* of their objects */
    size_t count;
};

static void requests_release(struct requests *r) {
    arena_free(r->arena);
}

static enum lh_code read_request(struct journal *j, const char *key, struct requests *r, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *json = NULL;
    struct journal_redaction *item = &r->items[r->count];
    const char *type, *id, *replacement;
    int64_t until_us;
    LH_TRY(object_get(j->options.store, key, REQUEST_MAX_BYTES, &text, NULL, err));
    LH_TRY(lh_json_parse(buf_cstr(&text), text.len, NULL, &json, err));
    LH_TRY(lh_json_get_string(json, "", "entity_type", &type, err));
    LH_TRY(lh_json_get_string(json, "", "entity_id", &id, err));
    LH_TRY(lh_json_get_string(json, "", "replacement", &replacement, err));
    LH_TRY(lh_json_get_int(json, "", "until_us", &until_us, err));
    *item = (struct journal_redaction){arena_strdup(r->arena, type), arena_strdup(r->arena, id),
                                       arena_strdup(r->arena, replacement), until_us};
    r->keys[r->count++] = arena_strdup(r->arena, key);
    return LH_OK;
}

static enum lh_code read_requests(struct journal *j, struct requests *r, struct lh_err *err) {
    struct object_info *items;
    size_t count;
    bool more;
    LH_TRY(object_list(j->options.store, REDACTIONS_PREFIX, "", LIST_PAGE, r->arena, &items, &count, &more, err));
    r->items = arena_alloc(r->arena, (count + 1) * sizeof *r->items);
    r->keys = arena_alloc(r->arena, (count + 1) * sizeof *r->keys);
    for (size_t i = 0; i < count; i++) {
        struct lh_err bad = LH_ERR_INIT;
        if (read_request(j, items[i].key, r, &bad) != LH_OK)
            journal_notice(j, bad.code, "%s cannot be read: %s", items[i].key, bad.message);
    }
    return LH_OK;
}

static bool may_hold(const struct event_file *file, const struct requests *r) {
    for (size_t i = 0; i < r->count; i++) {
        uint64_t hash = bloom_hash(r->items[i].entity_id, strlen(r->items[i].entity_id));
        if (!file->indexed || bloom_may_hold(file->index.bloom, file->index.bloom_bytes, hash))
            return true;
    }
    return false;
}

static json_t *redactions_json(const struct requests *r) {
    json_t *all = json_array();
    for (size_t i = 0; i < r->count; i++)
        json_array_append_new(all, request_json(&r->items[i]));
    return all;
}

static enum lh_code rewrite(struct journal *j, struct event_file *file, const struct requests *r, struct lh_err *err) {
    LH_AUTO(buf) struct buf identity = BUF_INIT;
    LH_AUTO(json) json_t *redactions = redactions_json(r);
    LH_CLEANUP(event_build_release) struct event_build build = {0};
    LH_AUTO(event_file) struct event_file *clean = lh_calloc(1, sizeof *clean);
    clean->refs = 1;
    memcpy(clean->day, file->day, sizeof clean->day);
    clean->index.covered = file->index.covered;
    clean->index.replaces = lh_calloc(1, sizeof *clean->index.replaces);
    memcpy(clean->index.replaces[0], file->name, LH_ULID_SIZE);
    clean->index.replaces_count = 1;
    buf_printf(&identity, "%s\n", file->name);
    lh_json_write(redactions, LH_JSON_COMPACT_SORTED, &identity);
    LH_TRY(LH_FAULT("journal.before_redact", err));
    LH_TRY(event_build_open(j, &build, err));
    LH_TRY(event_build_redact(&build, file, redactions, clean, err));
    event_build_name(clean, clean->index.max_us, &identity);
    LH_TRY(event_file_publish(j->options.store, clean, build.path, err));
    journal_begin_counting(j, LH_STEAL(clean));
    return LH_OK;
}

/* Only when no file with the values stands any more does the request go. */
static enum lh_code finish(struct journal *j, const struct requests *r, size_t *gone, struct lh_err *err) {
    LH_TRY(journal_delete_replaced(j, gone, err));
    for (size_t i = 0; i < r->count; i++) {
        enum lh_code code = object_delete(j->options.store, r->keys[i], err);
        if (code != LH_OK && code != LH_NOT_FOUND) /* another server's doing */
            return code;
    }
    return LH_OK;
}

enum lh_code journal_work_off_redactions(struct journal *j, size_t *gone, struct lh_err *err) {
    LH_CLEANUP(requests_release) struct requests r = {.arena = arena_new()};
    LH_TRY(read_requests(j, &r, err));
    if (r.count == 0)
        return LH_OK;
    LH_TRY(journal_flush_log(j, NULL, err)); /* what waits in the log is told of them too */
    LH_TRY(journal_refresh_files(j, err));
    LH_AUTO(event_files) struct event_files *files = journal_files(j);
    for (size_t i = 0; i < files->count; i++)
        if (may_hold(files->items[i], &r))
            LH_TRY(rewrite(j, files->items[i], &r, err));
    return finish(j, &r, gone, err);
}
