#include "journal/event_files.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/timefmt.h"
#include "os/fault.h"
#include "store/object_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_PAGE 1000
#define KEY_SIZE 96
#define PREFIX_LEN (sizeof EVENTS_PREFIX - 1)
#define NAME_AT (PREFIX_LEN + EVENT_DAY_SIZE)
#define SUFFIX_AT (NAME_AT + LH_ULID_SIZE - 1)

/* ---- names ---- */

void event_file_key(const struct event_file *file, char ret_key[KEY_SIZE]) {
    snprintf(ret_key, KEY_SIZE, EVENTS_PREFIX "%s/%s.parquet", file->day, file->name);
}

void event_file_index_key(const struct event_file *file, char ret_key[KEY_SIZE]) {
    snprintf(ret_key, KEY_SIZE, EVENTS_PREFIX "%s/%s.index", file->day, file->name);
}

void event_day_of(int64_t time_us, char ret_day[EVENT_DAY_SIZE]) {
    char text[LH_TIME_SIZE];
    lh_time_format(time_us, text);
    memcpy(ret_day, text, EVENT_DAY_SIZE - 1);
    ret_day[EVENT_DAY_SIZE - 1] = '\0';
}

/* PREFIX yyyy-mm-dd / ULID .parquet; NULL for anything else. */
static struct event_file *file_of_key(const char *key, uint64_t size_bytes) {
    static const char suffix[] = ".parquet";
    if (strlen(key) != SUFFIX_AT + sizeof suffix - 1 || strcmp(key + SUFFIX_AT, suffix) != 0 ||
        key[NAME_AT - 1] != '/' || !lh_ulid_valid(key + NAME_AT, LH_ULID_SIZE - 1))
        return NULL;
    struct event_file *file = lh_calloc(1, sizeof *file);
    memcpy(file->day, key + PREFIX_LEN, EVENT_DAY_SIZE - 1);
    memcpy(file->name, key + NAME_AT, LH_ULID_SIZE - 1);
    file->size_bytes = size_bytes;
    file->refs = 1;
    return file;
}

/* ---- references ---- */

struct event_file *event_file_ref(struct event_file *file) {
    file->refs++;
    return file;
}

void event_file_unref(struct event_file *file) {
    if (!file || --file->refs > 0)
        return;
    event_index_deinit(&file->index);
    lh_free(file);
}

struct event_files *event_files_ref(struct event_files *files) {
    files->refs++;
    return files;
}

void event_files_unref(struct event_files *files) {
    if (!files || --files->refs > 0)
        return;
    for (size_t i = 0; i < files->count; i++)
        event_file_unref(files->items[i]);
    for (size_t i = 0; i < files->replaced_count; i++)
        event_file_unref(files->replaced[i]);
    lh_free(files->items);
    lh_free(files->replaced);
    lh_free(files);
}

/* ---- sets ---- */

static int by_place(const void *a, const void *b) {
    const struct event_file *x = *(struct event_file *const *)a;
    const struct event_file *y = *(struct event_file *const *)b;
    int days = strcmp(x->day, y->day);
    return days ? days : strcmp(x->name, y->name);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Part `all` (taken over, with its references) into what counts and what is replaced. */
static struct event_files *files_of(struct event_file **all, size_t count) {
    struct event_files *files = lh_calloc(1, sizeof *files);
    files->refs = 1;
    files->items = lh_calloc(count + 1, sizeof(struct event_file *));
    files->replaced = lh_calloc(count + 1, sizeof(struct event_file *));
    size_t gone_count = 0;
    for (size_t i = 0; i < count; i++)
        gone_count += all[i]->index.replaces_count;
    LH_AUTO(mem) const char **gone = lh_calloc(gone_count + 1, sizeof(const char *));
    gone_count = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < all[i]->index.replaces_count; j++)
            gone[gone_count++] = all[i]->index.replaces[j];
    if (gone_count > 1)
        qsort(gone, gone_count, sizeof *gone, by_text);
    for (size_t i = 0; i < count; i++) {
        const char *name = all[i]->name;
        bool is_gone = gone_count > 0 && bsearch(&name, gone, gone_count, sizeof *gone, by_text);
        if (is_gone)
            files->replaced[files->replaced_count++] = all[i];
        else
            files->items[files->count++] = all[i];
    }
    if (files->count > 1)
        qsort(files->items, files->count, sizeof *files->items, by_place);
    lh_free(all);
    return files;
}

struct event_files *event_files_with(const struct event_files *base, struct event_file *file) {
    struct event_file **all = lh_calloc(base->count + base->replaced_count + 1, sizeof(struct event_file *));
    size_t count = 0;
    for (size_t i = 0; i < base->count; i++)
        if (by_place(&base->items[i], &file) != 0) /* a flush that is repeated brings the same file again */
            all[count++] = event_file_ref(base->items[i]);
    for (size_t i = 0; i < base->replaced_count; i++)
        all[count++] = event_file_ref(base->replaced[i]);
    all[count++] = file;
    return files_of(all, count);
}

/* ---- the bucket ---- */

static struct event_file *find_known(const struct event_files *known, struct event_file *file) {
    if (!known)
        return NULL;
    struct event_file **found = NULL;
    if (known->count > 0)
        found = bsearch(&file, known->items, known->count, sizeof *known->items, by_place);
    for (size_t i = 0; !found && i < known->replaced_count; i++)
        if (by_place(&known->replaced[i], &file) == 0)
            found = &known->replaced[i];
    return found ? *found : NULL;
}

static enum lh_code load_index(struct object_store *store, struct event_file *file, struct lh_err *err) {
    char key[KEY_SIZE];
    LH_AUTO(buf) struct buf data = BUF_INIT;
    event_file_index_key(file, key);
    LH_TRY(object_get(store, key, EVENT_INDEX_MAX_BYTES, &data, NULL, err));
    if (event_index_read(buf_cstr(&data), data.len, &file->index, err) != LH_OK)
        return lh_err_context(err, "%s", key);
    file->indexed = true;
    return LH_OK;
}

struct listing {
    struct event_file **all;
    size_t count, room;
};

static void listing_release(struct listing *l) {
    for (size_t i = 0; i < l->count; i++)
        event_file_unref(l->all[i]);
    lh_free(l->all);
}

static void listing_add(struct listing *l, struct event_file *file) {
    if (l->count == l->room) {
        l->room = l->room ? l->room * 2 : 64;
        l->all = lh_realloc(l->all, l->room * sizeof *l->all);
    }
    l->all[l->count++] = file;
}

enum lh_code event_files_list(struct object_store *store, const struct event_files *known,
                              struct event_files **ret_files, size_t *ret_odd, struct lh_err *ret_why,
                              struct lh_err *err) {
    LH_CLEANUP(listing_release) struct listing l = {0};
    char after[OBJECT_KEY_MAX + 1] = "";
    size_t odd = 0;
    LH_TRY(LH_FAULT("journal.before_list", err));
    for (bool more = true; more;) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct object_info *items;
        size_t count;
        LH_TRY(object_list(store, EVENTS_PREFIX, after, LIST_PAGE, arena, &items, &count, &more, err));
        for (size_t i = 0; i < count; i++) {
            LH_AUTO(event_file) struct event_file *file = file_of_key(items[i].key, items[i].size_bytes);
            struct event_file *same = file ? find_known(known, file) : NULL;
            if (same) {
                listing_add(&l, event_file_ref(same));
            } else if (file) {
                struct lh_err why = LH_ERR_INIT;
                if (load_index(store, file, &why) != LH_OK && odd++ == 0)
                    *ret_why = why;
                listing_add(&l, LH_STEAL(file));
            }
        }
        if (count == 0)
            break;
        memcpy(after, items[count - 1].key, sizeof after);
    }
    *ret_files = files_of(LH_STEAL(l.all), l.count);
    l.count = 0;
    *ret_odd = odd;
    return LH_OK;
}

enum lh_code event_file_publish(struct object_store *store, struct event_file *file, const char *path,
                                struct lh_err *err) {
    char key[KEY_SIZE];
    struct object_info info;
    LH_AUTO(buf) struct buf index = BUF_INIT;
    LH_TRY(LH_FAULT("journal.before_index", err));
    event_index_write(&file->index, &index);
    event_file_index_key(file, key);
    LH_TRY(object_put(store, key, buf_cstr(&index), index.len, OBJECT_PUT_REPLACE, NULL, err));
    LH_TRY(LH_FAULT("journal.before_file", err));
    event_file_key(file, key);
    enum lh_code code = object_put_file(store, key, path, OBJECT_PUT_IF_ABSENT, &info, err);
    if (code == LH_EXISTS)
        code = object_head(store, key, &info, err);
    LH_TRY(code);
    file->size_bytes = info.size_bytes;
    return LH_FAULT("journal.after_file", err);
}

enum lh_code event_file_delete(struct object_store *store, const struct event_file *file, struct lh_err *err) {
    char key[KEY_SIZE];
    event_file_key(file, key);
    enum lh_code code = object_delete(store, key, err);
    if (code != LH_OK && code != LH_NOT_FOUND)
        return code;
    event_file_index_key(file, key);
    code = object_delete(store, key, err);
    return code == LH_NOT_FOUND ? LH_OK : code;
}
