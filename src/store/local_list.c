/* Listing a local store in byte order of whole keys.
 *
 * In one folder the file `name` has the key `name` and everything in the folder `name` has keys that start with `name/`.
 * So entries sorted as bytes, folders with their slash, give the keys of the whole tree in order ("a-b" before "a/b"),
 * and a folder whose slashed name cannot be on the page is never read. */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/dir.h"
#include "os/fault.h"
#include "os/os.h"
#include "store/local_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct listing {
    struct local_store *store;
    const char *prefix;
    const char *after;
    size_t limit;
    struct object_info *items;
    size_t count;
    bool more;
};

static enum lh_code list_folder(struct listing *l, const char *folder, struct lh_err *err);

/* The order of entries: as their keys begin. */
static int by_key(const void *a, const void *b) {
    const struct os_entry *x = a;
    const struct os_entry *y = b;
    size_t i = 0;
    while (x->name[i] && x->name[i] == y->name[i])
        i++;
    unsigned char cx = (unsigned char)(x->name[i] ? x->name[i] : x->is_dir ? '/' : 0);
    unsigned char cy = (unsigned char)(y->name[i] ? y->name[i] : y->is_dir ? '/' : 0);
    return (cx > cy) - (cx < cy);
}

/* Could a key that starts with the `len` bytes at `start` have the prefix? */
static bool may_have_prefix(const char *start, size_t len, const char *prefix) {
    size_t prefix_len = strlen(prefix);
    return memcmp(start, prefix, len < prefix_len ? len : prefix_len) == 0;
}

static enum lh_code add_file(struct listing *l, const char *key, struct lh_err *err) {
    if (strcmp(key, l->after) <= 0 || strncmp(key, l->prefix, strlen(l->prefix)) != 0)
        return LH_OK;
    struct lh_err ignored;
    if (object_key_check(key, strlen(key), &ignored) != LH_OK)
        return LH_OK; /* a stray file that no key can name */
    if (l->count == l->limit) {
        l->more = true;
        return LH_OK;
    }
    struct os_stat st;
    enum lh_code code = os_stat_at(l->store->os, l->store->root_fd, key, &st, err);
    if (code == LH_NOT_FOUND)
        return LH_OK; /* deleted meanwhile */
    if (code != LH_OK)
        return local_fail(l->store, "look at", key, err);
    if (st.is_file)
        local_fill_info(key, &st, &l->items[l->count++]);
    return LH_OK;
}

/* `path` ends in a slash. */
static enum lh_code add_subfolder(struct listing *l, char *path, size_t len, struct lh_err *err) {
    if (!may_have_prefix(path, len, l->prefix))
        return LH_OK;
    if (strcmp(path, l->after) < 0 && strncmp(path, l->after, len) != 0)
        return LH_OK; /* every key in there sorts before `after` */
    if (strcmp(path, LOCAL_TEMPORARY "/") == 0 || len > OBJECT_KEY_MAX)
        return LH_OK;
    path[len - 1] = '\0';
    return list_folder(l, path, err);
}

static enum lh_code add_entries(struct listing *l, const char *folder, const struct os_entry *entries, size_t count,
                                struct lh_err *err) {
    LH_AUTO(buf) struct buf path = BUF_INIT;
    if (folder[0])
        buf_printf(&path, "%s/", folder);
    size_t base = path.len;
    for (size_t i = 0; i < count && !l->more; i++) {
        buf_truncate(&path, base);
        buf_append_str(&path, entries[i].name);
        if (entries[i].is_dir) {
            buf_append_char(&path, '/');
            LH_TRY(add_subfolder(l, path.data, path.len, err));
        } else if (entries[i].is_file) {
            LH_TRY(add_file(l, path.data, err));
        }
    }
    return LH_OK;
}

/* `folder` is "" for the root. */
static enum lh_code list_folder(struct listing *l, const char *folder, struct lh_err *err) {
    struct local_store *s = l->store;
    struct os_entry *entries = NULL;
    size_t count = 0;
    if (LH_FAULT("store.before_list", err) != LH_OK)
        return local_fail(s, "list the folder of", folder[0] ? folder : l->prefix, err);
    enum lh_code code = os_list_entries(s->os, s->root_fd, folder[0] ? folder : ".", OS_BENEATH, &entries, &count, err);
    if (code != LH_OK) {
        if (folder[0] && (err->os_errno == ENOENT || err->os_errno == ENOTDIR || err->os_errno == ELOOP))
            return LH_OK;
        return local_fail(s, "list the folder of", folder[0] ? folder : l->prefix, err);
    }
    if (count > 1)
        qsort(entries, count, sizeof *entries, by_key);
    code = add_entries(l, folder, entries, count, err);
    os_entries_free(entries, count);
    return code;
}

enum lh_code local_list(struct object_store *base, const char *prefix, const char *after, size_t limit,
                        struct object_info *ret_items, size_t *ret_count, bool *ret_more, struct lh_err *err) {
    struct listing l = {.store = local_of(base), .prefix = prefix, .after = after, .limit = limit, .items = ret_items};
    const char *slash = strrchr(prefix, '/');
    LH_AUTO(mem) char *folder = lh_strndup(prefix, slash ? (size_t)(slash - prefix) : 0);
    if (strcmp(folder, LOCAL_TEMPORARY) != 0 && strncmp(folder, LOCAL_TEMPORARY "/", 5) != 0)
        LH_TRY(list_folder(&l, folder, err));
    *ret_count = l.count;
    *ret_more = l.more;
    return LH_OK;
}
