#include "engine/profile.h"

#include "base/arena.h"

#include <string.h>

#define PROFILE_PATHS_MAX 10000

const char *worker_class_name(enum worker_class c) {
    switch (c) {
#define WORKER_CLASS_NAME(name, text) \
    case WORKER_##name: return text;
        WORKER_CLASSES(WORKER_CLASS_NAME)
#undef WORKER_CLASS_NAME
    }
    return "unknown";
}

static enum lh_code class_parse(const char *text, enum worker_class *ret_class, struct lh_err *err) {
#define WORKER_CLASS_PARSE(name, class_text) \
    if (strcmp(text, class_text) == 0) {     \
        *ret_class = WORKER_##name;          \
        return LH_OK;                        \
    }
    WORKER_CLASSES(WORKER_CLASS_PARSE)
#undef WORKER_CLASS_PARSE
    return lh_fail(err, LH_INVALID, "there is no worker class \"%s\"", text);
}

/* X(member): the numbers, all of which travel alike. */
#define PROFILE_NUMBERS(X) \
    X(memory_limit_bytes)  \
    X(address_space_bytes) \
    X(file_size_bytes)     \
    X(cpu_seconds)         \
    X(open_files)          \
    X(threads)

json_t *worker_profile_to_json(const struct worker_profile *profile) {
    json_t *object = json_object();
    json_object_set_new(object, "class", json_string(worker_class_name(profile->worker_class)));
    json_t *read = json_array();
    for (size_t i = 0; i < profile->read_count; i++)
        json_array_append_new(read, json_string(profile->read_paths[i]));
    json_object_set_new(object, "read", read);
    if (profile->output_dir)
        json_object_set_new(object, "output_dir", json_string(profile->output_dir));
    if (profile->temp_dir)
        json_object_set_new(object, "temp_dir", json_string(profile->temp_dir));
#define PROFILE_NUMBER_WRITE(member) json_object_set_new(object, #member, json_integer((json_int_t)profile->member));
    PROFILE_NUMBERS(PROFILE_NUMBER_WRITE)
#undef PROFILE_NUMBER_WRITE
    return object;
}

static enum lh_code get_path(const json_t *object, const char *key, struct arena *arena, const char **ret_path,
                             struct lh_err *err) {
    const char *path;
    LH_TRY(lh_json_get_string_or(object, "", key, NULL, &path, err));
    if (path && path[0] != '/')
        return lh_fail(err, LH_INVALID, "%s is not an absolute path", key);
    *ret_path = path ? arena_strdup(arena, path) : NULL;
    return LH_OK;
}

static enum lh_code get_read_paths(const json_t *object, struct arena *arena, struct worker_profile *profile,
                                   struct lh_err *err) {
    json_t *read;
    LH_TRY(lh_json_get_array(object, "", "read", &read, err));
    size_t count = json_array_size(read);
    if (count > PROFILE_PATHS_MAX)
        return lh_fail(err, LH_INVALID, "a worker cannot be given %zu paths", count);
    const char **paths = arena_alloc(arena, (count + 1) * sizeof *paths);
    for (size_t i = 0; i < count; i++) {
        const char *path = json_string_value(json_array_get(read, i));
        if (!path || path[0] != '/')
            return lh_fail(err, LH_INVALID, "read[%zu] is not an absolute path", i);
        paths[i] = arena_strdup(arena, path);
    }
    profile->read_paths = paths;
    profile->read_count = count;
    return LH_OK;
}

enum lh_code worker_profile_from_json(const json_t *object, struct arena *arena, struct worker_profile *ret_profile,
                                      struct lh_err *err) {
    struct worker_profile profile = {.worker_class = WORKER_ADMIN};
    const char *class_text;
    LH_TRY(lh_json_get_string(object, "", "class", &class_text, err));
    LH_TRY(class_parse(class_text, &profile.worker_class, err));
    LH_TRY(get_read_paths(object, arena, &profile, err));
    LH_TRY(get_path(object, "output_dir", arena, &profile.output_dir, err));
    LH_TRY(get_path(object, "temp_dir", arena, &profile.temp_dir, err));
#define PROFILE_NUMBER_READ(member)                                          \
    do {                                                                     \
        int64_t number;                                                      \
        LH_TRY(lh_json_get_int(object, "", #member, &number, err));          \
        if (number < 0 || (uint64_t)number > (__typeof__(profile.member))-1) \
            return lh_fail(err, LH_INVALID, #member " is out of range");     \
        profile.member = (__typeof__(profile.member))number;                 \
    } while (0);
    PROFILE_NUMBERS(PROFILE_NUMBER_READ)
#undef PROFILE_NUMBER_READ
    *ret_profile = profile;
    return LH_OK;
}
