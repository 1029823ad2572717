#include "catalog/commit_record.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/timefmt.h"

#include <stdio.h>
#include <string.h>

/* ..."sha256":"<64 digits>"} and a newline: the last bytes of every record. */
#define TRAILER_START ",\"sha256\":\""
#define TRAILER_END "\"}\n"
#define TRAILER_BYTES (sizeof TRAILER_START - 1 + 64 + sizeof TRAILER_END - 1)
#define WHERE_MAX 64

struct commit_record *commit_record_new(void) {
    struct arena *arena = arena_new();
    struct commit_record *r = arena_alloc(arena, sizeof *r);
    r->arena = arena;
    return r;
}

void commit_record_free(struct commit_record *r) {
    if (!r)
        return;
    for (size_t i = 0; i < r->transaction_count; i++) {
        for (size_t j = 0; j < r->transactions[i].op_count; j++)
            manifest_unref(r->transactions[i].ops[j].manifest);
    }
    arena_free(r->arena);
}

/* ---- bytes ---- */

static json_t *op_to_json(const struct commit_op *op) {
    json_t *object = json_object();
    if (op->manifest) {
        json_object_set_new(object, "put", manifest_to_json(op->manifest));
        return object;
    }
    json_t *deleted = json_object();
    json_object_set_new(deleted, "id", json_string(op->id));
    json_object_set_new(deleted, "name", json_string(op->name));
    json_object_set_new(deleted, "previous_version", json_integer((json_int_t)op->previous_version));
    json_object_set_new(object, "delete", deleted);
    return object;
}

static json_t *transaction_to_json(const struct commit_transaction *t) {
    json_t *object = json_object();
    json_object_set_new(object, "operation", json_string(t->operation));
    if (t->actor)
        json_object_set_new(object, "actor", json_string(t->actor));
    if (t->idempotency_key) {
        json_object_set_new(object, "idempotency_key", json_string(t->idempotency_key));
        json_object_set_new(object, "request_sha256", json_string(t->request_sha256));
    }
    json_t *ops = json_array();
    for (size_t i = 0; i < t->op_count; i++)
        json_array_append_new(ops, op_to_json(&t->ops[i]));
    json_object_set_new(object, "ops", ops);
    return object;
}

enum lh_code commit_record_encode(struct commit_record *r, struct buf *out, struct lh_err *err) {
    char time[LH_TIME_SIZE];
    lh_time_format(r->time_us, time);
    LH_AUTO(json) json_t *object = json_object();
    json_object_set_new(object, "format", json_integer(COMMIT_RECORD_FORMAT));
    json_object_set_new(object, "version", json_integer((json_int_t)r->version));
    json_object_set_new(object, "uuid", json_string(r->uuid));
    json_object_set_new(object, "time", json_string(time));
    json_object_set_new(object, "parent", json_string(r->parent_sha256));
    json_t *transactions = json_array();
    for (size_t i = 0; i < r->transaction_count; i++)
        json_array_append_new(transactions, transaction_to_json(&r->transactions[i]));
    json_object_set_new(object, "transactions", transactions);

    size_t start = out->len;
    lh_json_write(object, LH_JSON_COMPACT, out);
    buf_truncate(out, out->len - 1); /* the closing brace comes after the checksum */
    if (out->len - start + TRAILER_BYTES > COMMIT_RECORD_MAX_BYTES) {
        size_t bytes = out->len - start;
        buf_truncate(out, start);
        return lh_fail(err, LH_TOO_LARGE, "the commit would be a record of %zu bytes; at most %zu are allowed", bytes,
                       COMMIT_RECORD_MAX_BYTES);
    }
    lh_sha256_hex(out->data + start, out->len - start, r->sha256);
    buf_printf(out, TRAILER_START "%s" TRAILER_END, r->sha256);
    return LH_OK;
}

/* ---- from bytes ---- */

/* Is the text whole?  *ret_hex is its checksum. */
static enum lh_code check_trailer(const char *data, size_t len, char ret_hex[LH_SHA256_HEX], struct lh_err *err) {
    if (len <= TRAILER_BYTES)
        return lh_fail(err, LH_CORRUPT, "it is cut short at %zu bytes", len);
    const char *trailer = data + len - TRAILER_BYTES;
    const char *hex = trailer + sizeof TRAILER_START - 1;
    if (memcmp(trailer, TRAILER_START, sizeof TRAILER_START - 1) != 0 ||
        memcmp(hex + 64, TRAILER_END, sizeof TRAILER_END - 1) != 0)
        return lh_fail(err, LH_CORRUPT, "it does not end with its checksum, so it is cut short or overwritten");
    char actual[LH_SHA256_HEX];
    lh_sha256_hex(data, len - TRAILER_BYTES, actual);
    if (memcmp(actual, hex, 64) != 0)
        return lh_fail(err, LH_CORRUPT, "its bytes do not match its checksum");
    memcpy(ret_hex, actual, LH_SHA256_HEX);
    return LH_OK;
}

static enum lh_code op_from_json(struct arena *arena, const json_t *json, const char *where, struct commit_op *op,
                                 struct lh_err *err) {
    json_t *put = json_object_get(json, "put");
    if (put) {
        if (manifest_from_json(put, &op->manifest, err) != LH_OK)
            return lh_err_context(err, "%s.put", where);
        op->id = op->manifest->id;
        return LH_OK;
    }
    json_t *deleted;
    LH_TRY(lh_json_get_object(json, where, "delete", &deleted, err));
    const char *id;
    const char *name;
    int64_t previous;
    LH_TRY(lh_json_get_string(deleted, where, "id", &id, err));
    LH_TRY(lh_json_get_string_or(deleted, where, "name", "", &name, err));
    LH_TRY(lh_json_get_int_or(deleted, where, "previous_version", 0, &previous, err));
    if (previous < 0)
        return lh_fail(err, LH_INVALID, "%s.delete.previous_version must be 0 or more", where);
    op->id = arena_strdup(arena, id);
    op->name = arena_strdup(arena, name);
    op->previous_version = (uint64_t)previous;
    return LH_OK;
}

static enum lh_code transaction_from_json(struct arena *arena, const json_t *json, size_t i,
                                          struct commit_transaction *t, struct lh_err *err) {
    char where[WHERE_MAX];
    snprintf(where, sizeof where, "transactions[%zu]", i);
    const char *operation;
    const char *actor;
    const char *key;
    const char *request = NULL;
    json_t *ops;
    LH_TRY(lh_json_get_string(json, where, "operation", &operation, err));
    LH_TRY(lh_json_get_string_or(json, where, "actor", NULL, &actor, err));
    LH_TRY(lh_json_get_string_or(json, where, "idempotency_key", NULL, &key, err));
    if (key)
        LH_TRY(lh_json_get_string(json, where, "request_sha256", &request, err));
    if (request && !lh_sha256_hex_valid(request))
        return lh_fail(err, LH_INVALID, "%s.request_sha256 must be 64 hexadecimal digits", where);
    LH_TRY(lh_json_get_array(json, where, "ops", &ops, err));
    t->operation = arena_strdup(arena, operation);
    t->actor = arena_strdup(arena, actor);
    t->idempotency_key = arena_strdup(arena, key);
    t->request_sha256 = arena_strdup(arena, request);
    t->ops = arena_alloc(arena, (json_array_size(ops) + 1) * sizeof *t->ops);
    for (size_t j = 0; j < json_array_size(ops); j++) {
        snprintf(where, sizeof where, "transactions[%zu].ops[%zu]", i, j);
        LH_TRY(op_from_json(arena, json_array_get(ops, j), where, &t->ops[j], err));
        t->op_count++;
    }
    return LH_OK;
}

static enum lh_code head_from_json(struct commit_record *r, const json_t *json, struct lh_err *err) {
    int64_t version;
    const char *uuid;
    const char *parent;
    const char *time;
    LH_TRY(lh_json_get_int(json, "", "version", &version, err));
    if (version < 1)
        return lh_fail(err, LH_INVALID, "version must be 1 or more");
    r->version = (uint64_t)version;
    LH_TRY(lh_json_get_string(json, "", "uuid", &uuid, err));
    if (!lh_uuid_valid(uuid, strlen(uuid)))
        return lh_fail(err, LH_INVALID, "uuid must be a UUID");
    memcpy(r->uuid, uuid, sizeof r->uuid);
    LH_TRY(lh_json_get_string(json, "", "parent", &parent, err));
    size_t parent_len = strlen(parent);
    if (parent_len != 0 && !lh_sha256_hex_valid(parent))
        return lh_fail(err, LH_INVALID, "parent must be 64 hexadecimal digits, or empty in the first record");
    memcpy(r->parent_sha256, parent, parent_len + 1);
    LH_TRY(lh_json_get_string(json, "", "time", &time, err));
    if (!lh_time_parse(time, strlen(time), &r->time_us))
        return lh_fail(err, LH_INVALID, "time must be an RFC 3339 time");
    return LH_OK;
}

static enum lh_code record_from_json(struct commit_record *r, const json_t *json, struct lh_err *err) {
    int64_t format;
    LH_TRY(lh_json_get_int(json, "", "format", &format, err));
    if (format > COMMIT_RECORD_FORMAT)
        return lh_fail(err, LH_UNSUPPORTED,
                       "it has format %lld, written by a newer release; this one reads formats up to %d",
                       (long long)format, COMMIT_RECORD_FORMAT);
    if (format < 1)
        return lh_fail(err, LH_INVALID, "format must be 1 or more");
    LH_TRY(head_from_json(r, json, err));
    json_t *transactions;
    LH_TRY(lh_json_get_array(json, "", "transactions", &transactions, err));
    size_t count = json_array_size(transactions);
    r->transactions = arena_alloc(r->arena, (count + 1) * sizeof *r->transactions);
    for (size_t i = 0; i < count; i++) {
        r->transaction_count++;
        LH_TRY(transaction_from_json(r->arena, json_array_get(transactions, i), i, &r->transactions[i], err));
    }
    return LH_OK;
}

static enum lh_code decode(const char *data, size_t len, struct commit_record *r, struct lh_err *err) {
    LH_TRY(check_trailer(data, len, r->sha256, err));
    LH_AUTO(json) json_t *json = NULL;
    struct lh_json_limits limits = {.max_bytes = COMMIT_RECORD_MAX_BYTES};
    LH_TRY(lh_json_parse(data, len, &limits, &json, err));
    return record_from_json(r, json, err);
}

enum lh_code commit_record_decode(const char *data, size_t len, const char *object, struct commit_record **ret_record,
                                  struct lh_err *err) {
    LH_AUTO(commit_record) struct commit_record *r = commit_record_new();
    if (decode(data, len, r, err) == LH_OK) {
        *ret_record = LH_STEAL(r);
        return LH_OK;
    }
    lh_ignore(lh_err_context(err, "the commit record %s cannot be used", object));
    if (err->code != LH_UNSUPPORTED)
        err->code = LH_CORRUPT;
    return err->code;
}
