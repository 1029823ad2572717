/* The hot cache: pin, evict, look. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "hot/hot.h"
#include "lakehouse/lakehouse.h"
#include "os/clock.h"

#define WAIT_STEP_MS 20

static void set_time(json_t *object, const char *key, int64_t time_us) {
    char text[LH_TIME_SIZE];
    if (time_us == 0)
        return;
    lh_time_format(time_us, text);
    json_object_set_new(object, key, json_string(text));
}

static json_t *info_json(const struct hot_info *info) {
    json_t *object = json_pack("{s:s, s:s, s:b, s:s, s:I, s:I, s:I, s:I}", "dataset", info->dataset, "id", info->id,
                               "pinned", info->pinned, "state", hot_state_name(info->state), "size_bytes",
                               (json_int_t)info->size_bytes, "loads", (json_int_t)info->loads, "reads",
                               (json_int_t)info->reads, "load_ms", (json_int_t)info->load_ms);
    if (info->version > 0)
        json_object_set_new(object, "version", json_integer((json_int_t)info->version));
    set_time(object, "loaded_at", info->loaded_us);
    set_time(object, "read_at", info->read_us);
    if (info->error != LH_OK) {
        json_object_set_new(object, "error", json_string(lh_code_name(info->error)));
        json_object_set_new(object, "message", json_string(info->message));
    }
    return object;
}

enum lh_code handle_cache_pin(struct request *rq, struct lh_err *err) {
    static const char *const fields[] = {"dataset", "wait", NULL};
    struct lakehouse *lh = request_lakehouse(rq);
    struct hot_info info;
    json_t *body;
    const char *dataset;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", fields, err));
    LH_TRY(lh_json_get_string(body, "", "dataset", &dataset, err));
    bool wait = json_is_true(json_object_get(body, "wait")) && !hot_is_passive(lh->hot);
    LH_TRY(hot_pin(lh->hot, dataset, err));
    LH_TRY(hot_get(lh->hot, dataset, request_arena(rq), &info, err));
    while (wait && info.state != HOT_HOT && info.state != HOT_FAILED) {
        LH_TRY(request_check(rq, err));
        os_sleep_ms(lh->os, WAIT_STEP_MS);
        LH_AUTO(arena) struct arena *step = arena_new();
        struct hot_info now;
        LH_TRY(hot_get(lh->hot, dataset, step, &now, err));
        info.state = now.state;
    }
    LH_TRY(hot_get(lh->hot, dataset, request_arena(rq), &info, err));
    LH_AUTO(json) json_t *answer = info_json(&info);
    return response_json(rq, info.state == HOT_HOT ? 200 : 202, answer, err);
}

enum lh_code handle_cache_evict(struct request *rq, struct lh_err *err) {
    static const char *const fields[] = {"dataset", NULL};
    json_t *body;
    const char *dataset;
    LH_TRY(request_body_json(rq, &body, err));
    LH_TRY(lh_json_only_keys(body, "", fields, err));
    LH_TRY(lh_json_get_string(body, "", "dataset", &dataset, err));
    LH_TRY(hot_evict(request_lakehouse(rq)->hot, dataset, err));
    LH_AUTO(json) json_t *answer = json_pack("{s:s}", "dataset", dataset);
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_cache_stats(struct request *rq, struct lh_err *err) {
    struct hot *hot = request_lakehouse(rq)->hot;
    struct hot_stats stats;
    struct hot_info *infos;
    size_t count;
    hot_get_stats(hot, &stats);
    hot_list(hot, request_arena(rq), &infos, &count);
    json_t *datasets = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(datasets, info_json(&infos[i]));
    LH_AUTO(json) json_t *answer = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "max_bytes", (json_int_t)stats.max_bytes, "used_bytes",
        (json_int_t)stats.used_bytes, "pinned", (json_int_t)stats.pinned, "loaded", (json_int_t)stats.loaded, "hits",
        (json_int_t)stats.hits, "misses", (json_int_t)stats.misses, "loads", (json_int_t)stats.loads, "failures",
        (json_int_t)stats.failures, "evictions", (json_int_t)stats.evictions, "datasets", datasets);
    return response_json(rq, 200, answer, err);
}
