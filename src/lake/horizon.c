#include "lake/horizon.h"

#include "base/json.h"
#include "base/timefmt.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <string.h>

#define HORIZON_KEY "_catalog/horizon.json"
#define HORIZON_FORMAT 1
#define HORIZON_MAX_BYTES ((size_t)64 * 1024)

static enum lh_code get_time(const json_t *json, const char *key, int64_t *ret_us, struct lh_err *err) {
    const char *text;
    LH_TRY(lh_json_get_string(json, "", key, &text, err));
    if (!lh_time_parse(text, strlen(text), ret_us))
        return lh_fail(err, LH_CORRUPT, "%s is no time", key);
    return LH_OK;
}

static enum lh_code parse(const struct buf *text, struct lake_horizon *h, struct lh_err *err) {
    LH_AUTO(json) json_t *json = NULL;
    int64_t format, version, previous;
    LH_TRY(lh_json_parse(buf_cstr(text), text->len, NULL, &json, err));
    LH_TRY(lh_json_get_int(json, "", "format", &format, err));
    LH_TRY(lh_json_get_int(json, "", "version", &version, err));
    LH_TRY(lh_json_get_int(json, "", "previous", &previous, err));
    LH_TRY(lh_json_get_bool(json, "", "complete", &h->complete, err));
    LH_TRY(get_time(json, "version_at", &h->version_at_us, err));
    LH_TRY(get_time(json, "at", &h->at_us, err));
    if (format != HORIZON_FORMAT)
        return lh_fail(err, LH_UNSUPPORTED, "it was written by a newer release");
    if (version < 0 || previous < 0 || previous > version)
        return lh_fail(err, LH_CORRUPT, "its versions are none");
    h->version = (uint64_t)version;
    h->previous = (uint64_t)previous;
    return LH_OK;
}

enum lh_code lake_horizon_read(struct object_store *primary, struct lake_horizon *ret_horizon, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    struct lake_horizon horizon = {.complete = true};
    enum lh_code code = object_get(primary, HORIZON_KEY, HORIZON_MAX_BYTES, &text, NULL, err);
    if (code == LH_NOT_FOUND) {
        *err = (struct lh_err)LH_ERR_INIT;
        *ret_horizon = horizon;
        return LH_OK;
    }
    if (code == LH_OK)
        code = parse(&text, &horizon, err);
    if (code != LH_OK)
        return lh_err_context(err, "the vacuum's horizon in \"%s\"", HORIZON_KEY);
    *ret_horizon = horizon;
    return LH_OK;
}

enum lh_code lake_horizon_write(struct object_store *primary, const struct lake_horizon *h, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    char version_at[LH_TIME_SIZE], at[LH_TIME_SIZE];
    lh_time_format(h->version_at_us, version_at);
    lh_time_format(h->at_us, at);
    LH_AUTO(json) json_t *json =
        json_pack("{s:i, s:I, s:s, s:I, s:b, s:s}", "format", HORIZON_FORMAT, "version", (json_int_t)h->version,
                  "version_at", version_at, "previous", (json_int_t)h->previous, "complete", h->complete, "at", at);
    lh_json_write(json, LH_JSON_COMPACT, &text);
    return object_put(primary, HORIZON_KEY, text.data, text.len, OBJECT_PUT_REPLACE, NULL, err);
}

enum lh_code lake_horizon_explain(struct buckets *buckets, uint64_t snapshot_version, struct lh_err *err) {
    struct lake_horizon horizon;
    struct lh_err ignored = LH_ERR_INIT;
    char at[LH_TIME_SIZE];
    if (err->code != LH_CORRUPT || lake_horizon_read(buckets_primary(buckets), &horizon, &ignored) != LH_OK ||
        snapshot_version >= horizon.version)
        return err->code;
    lh_time_format(horizon.version_at_us, at);
    lh_ignore(lh_fail(err, LH_GONE, "catalog version %llu was vacuumed: its files are no longer kept",
                      (unsigned long long)snapshot_version));
    return lh_err_hint(err, "versions from %llu (%s) on can be read; maintenance.retention says how long they are kept",
                       (unsigned long long)horizon.version, at);
}
