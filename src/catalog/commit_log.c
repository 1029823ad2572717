#include "catalog/commit_log.h"

#include "os/clock.h"
#include "os/fault.h"
#include "store/object_store.h"

#include <stdio.h>
#include <string.h>

#define VERSION_DIGITS 20
#define UNKNOWN_LIMIT_NS (INT64_C(10) * 1000000000)
#define BACK_OFF_MOST_MS 200

void commit_log_key(uint64_t version, char ret_key[COMMIT_LOG_KEY_SIZE]) {
    snprintf(ret_key, COMMIT_LOG_KEY_SIZE, COMMIT_LOG_PREFIX "%020llu.json", (unsigned long long)version);
}

void checkpoint_key(uint64_t version, char ret_key[COMMIT_LOG_KEY_SIZE]) {
    snprintf(ret_key, COMMIT_LOG_KEY_SIZE, CHECKPOINT_PREFIX "%020llu.parquet", (unsigned long long)version);
}

uint64_t commit_log_parse_key(const char *key, const char *prefix, const char *suffix) {
    size_t prefix_len = strlen(prefix);
    if (strncmp(key, prefix, prefix_len) != 0)
        return 0;
    const char *digits = key + prefix_len;
    if (strspn(digits, "0123456789") != VERSION_DIGITS || strcmp(digits + VERSION_DIGITS, suffix) != 0)
        return 0;
    uint64_t version = 0;
    for (int i = 0; i < VERSION_DIGITS; i++) {
        if (version > (INT64_MAX - 9) / 10)
            return 0;
        version = version * 10 + (uint64_t)(digits[i] - '0');
    }
    return version;
}

void commit_log_back_off(struct os *os, unsigned attempt) {
    uint32_t random;
    os_random(os, &random, sizeof random);
    int64_t most = attempt >= 8 ? BACK_OFF_MOST_MS : (int64_t)1 << attempt;
    os_sleep_ms(os, 1 + (int64_t)random % most);
}

static enum lh_code get_record(struct object_store *store, const char *key, struct commit_record **ret_record,
                               struct lh_err *err) {
    LH_AUTO(buf) struct buf data = BUF_INIT;
    LH_TRY(object_get(store, key, COMMIT_RECORD_MAX_BYTES, &data, NULL, err));
    return commit_record_decode(buf_cstr(&data), data.len, key, ret_record, err);
}

enum lh_code commit_log_read(struct object_store *store, uint64_t version, struct commit_record **ret_record,
                             struct lh_err *err) {
    char key[COMMIT_LOG_KEY_SIZE];
    commit_log_key(version, key);
    LH_TRY(LH_FAULT("catalog.before_record_read", err));
    LH_AUTO(commit_record) struct commit_record *record = NULL;
    LH_TRY(get_record(store, key, &record, err));
    if (record->version != version)
        return lh_fail(err, LH_CORRUPT, "the commit record %s says that it is version %llu", key,
                       (unsigned long long)record->version);
    *ret_record = LH_STEAL(record);
    return LH_OK;
}

/* Whose record is it?  LH_OK: ours; LH_EXISTS: another's; anything else: it cannot be told. */
static enum lh_code read_back(struct object_store *store, const char *key, const struct commit_record *record,
                              struct lh_err *err) {
    LH_AUTO(commit_record) struct commit_record *found = NULL;
    enum lh_code code = get_record(store, key, &found, err);
    if (code == LH_OK && strcmp(found->uuid, record->uuid) == 0)
        return LH_OK;
    if (code == LH_OK || code == LH_UNSUPPORTED)
        return lh_fail(err, LH_EXISTS, "another writer's record has version %llu", (unsigned long long)record->version);
    return code;
}

/* Will asking again never help?  A store whose disk could not confirm a write takes no more of them until it is opened anew. */
static bool store_has_ended(struct object_store *store) {
    struct lh_err err = LH_ERR_INIT;
    return object_store_ping(store, &err) == LH_IO;
}

enum lh_code commit_log_write(struct os *os, struct object_store *store, const struct commit_record *record,
                              const struct buf *bytes, struct lh_err *err) {
    char key[COMMIT_LOG_KEY_SIZE];
    commit_log_key(record->version, key);
    LH_TRY(LH_FAULT("catalog.before_commit", err));
    int64_t give_up_ns = os_monotonic_ns(os) + UNKNOWN_LIMIT_NS;
    bool doubt = false; /* a reply was lost: only reading back decides */
    for (unsigned attempt = 0;; attempt++) {
        struct lh_err put_err = LH_ERR_INIT;
        enum lh_code code = object_put(store, key, bytes->data, bytes->len, OBJECT_PUT_IF_ABSENT, NULL, &put_err);
        if (code == LH_OK && LH_FAULT("catalog.after_record", &put_err) != LH_OK)
            code = LH_UNKNOWN_OUTCOME; /* as when the reply is lost */
        if (code == LH_OK)
            return LH_OK;
        if (code == LH_EXISTS || code == LH_UNKNOWN_OUTCOME) {
            doubt = doubt || code == LH_UNKNOWN_OUTCOME;
            struct lh_err back_err = LH_ERR_INIT;
            enum lh_code back = read_back(store, key, record, &back_err);
            if (back == LH_OK)
                return LH_OK;
            if (back == LH_EXISTS || (code == LH_EXISTS && !doubt))
                return lh_fail(err, LH_EXISTS, "another writer's record has version %llu",
                               (unsigned long long)record->version);
        } else if (!doubt) {
            *err = put_err;
            return code;
        }
        if (os_monotonic_ns(os) >= give_up_ns || store_has_ended(store)) {
            lh_ignore(lh_fail(err, LH_UNKNOWN_OUTCOME, "it is not known whether the commit of version %llu was written",
                              (unsigned long long)record->version));
            lh_ignore(lh_err_detail(err, "%s: %s", key, put_err.message));
            return lh_err_hint(err, "send the request again with the same Idempotency-Key: it is then done once");
        }
        commit_log_back_off(os, attempt + 3);
    }
}
