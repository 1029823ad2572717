/* The folders of a local store: opening, making them durable, removing empty ones (L2, L4, L5 of local_internal.h). */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/dir.h"
#include "os/fault.h"
#include "os/os.h"
#include "store/local_internal.h"

#include <errno.h>
#include <string.h>

#define FOLDER_MODE 0777 /* the umask decides */

/* The folder part of `key` ("." at the top) and its last segment. */
static char *split_key(const char *key, const char **ret_name) {
    const char *slash = strrchr(key, '/');
    *ret_name = slash ? slash + 1 : key;
    return slash ? lh_strndup(key, (size_t)(slash - key)) : lh_strdup(".");
}

static enum lh_code open_folder(struct local_store *s, const char *folder, int *ret_fd, struct lh_err *err) {
    return os_open(s->os, s->root_fd, folder, O_RDONLY | O_DIRECTORY, 0, OS_BENEATH, ret_fd, err);
}

enum lh_code local_open_parent(struct local_store *s, const char *key, int *ret_fd, const char **ret_name,
                               struct lh_err *err) {
    const char *name = NULL;
    LH_AUTO(mem) char *folder = split_key(key, &name);
    int fd = -1;
    if (open_folder(s, folder, &fd, err) != LH_OK) {
        if (err->os_errno == ENOTDIR || err->os_errno == ENOENT)
            return object_fail_not_found(key, err);
        return local_fail(s, "reach", key, err);
    }
    *ret_fd = fd;
    *ret_name = name;
    return LH_OK;
}

static bool is_pinned(struct local_store *s, const struct os_stat *st) {
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < LOCAL_PINNED_MAX && !found; i++)
        found = s->pinned[i].fd >= 0 && s->pinned[i].inode == st->inode && s->pinned[i].device == st->device;
    pthread_mutex_unlock(&s->lock);
    return found;
}

/* Remember the folder as durable, in place of the one remembered longest. */
static void pin(struct local_store *s, const char *folder, const struct os_stat *st) {
    int fd = s->os->open(s->os->self, s->root_fd, folder, O_PATH | O_DIRECTORY, 0, OS_BENEATH);
    if (fd < 0)
        return; /* out of descriptors, or just removed: it is fsynced again next time */
    struct os_stat pinned;
    struct lh_err ignored;
    if (os_fstat(s->os, fd, folder, &pinned, &ignored) != LH_OK || pinned.inode != st->inode ||
        pinned.device != st->device) {
        os_close(s->os, fd);
        return;
    }
    pthread_mutex_lock(&s->lock);
    struct local_pin *slot = &s->pinned[s->next_pin];
    s->next_pin = (s->next_pin + 1) % LOCAL_PINNED_MAX;
    int old = slot->fd;
    *slot = (struct local_pin){.fd = fd, .device = st->device, .inode = st->inode};
    pthread_mutex_unlock(&s->lock);
    os_close(s->os, old);
}

/* fsync every folder above `folder`, so that the names down to it survive. */
static enum lh_code sync_ancestors(struct local_store *s, const char *folder, struct lh_err *err) {
    LH_AUTO(mem) char *above = lh_strdup(folder);
    for (;;) {
        char *slash = strrchr(above, '/');
        if (!slash)
            return os_fsync_dir(s->os, s->root_fd, ".", 0, err);
        *slash = '\0';
        LH_TRY(os_fsync_dir(s->os, s->root_fd, above, OS_BENEATH, err));
    }
}

static enum lh_code make_durable(struct local_store *s, const char *key, const char *folder, int fd,
                                 struct lh_err *err) {
    struct os_stat st;
    if (os_fstat(s->os, fd, folder, &st, err) != LH_OK)
        return local_fail(s, "write", key, err);
    if (is_pinned(s, &st))
        return LH_OK;
    if (LH_FAULT("store.before_folder_sync", err) != LH_OK || sync_ancestors(s, folder, err) != LH_OK) {
        if (err->code != LH_NOT_FOUND)
            local_break(s, NULL);
        return local_fail(s, "write", key, err);
    }
    pin(s, folder, &st);
    return LH_OK;
}

/* One level at a time, each made in the descriptor of the one above, so that no step can leave the root. */
static enum lh_code make_folders(struct local_store *s, const char *key, const char *folder, struct lh_err *err) {
    LH_AUTO(mem) char *path = lh_strdup(folder);
    for (char *end = strchr(path, '/');; end = strchr(end + 1, '/')) {
        if (end)
            *end = '\0';
        int parent = -1;
        const char *name = NULL;
        if (local_open_parent(s, path, &parent, &name, err) != LH_OK)
            return local_fail(s, "write", key, err);
        enum lh_code code = LH_FAULT("store.before_mkdir", err);
        if (code == LH_OK)
            code = os_mkdir(s->os, parent, name, FOLDER_MODE, err);
        os_close(s->os, parent);
        if (code != LH_OK && code != LH_EXISTS)
            return local_fail(s, "write", key, err);
        if (!end)
            return LH_OK;
        *end = '/';
    }
}

enum lh_code local_make_parent(struct local_store *s, const char *key, int *ret_fd, const char **ret_name,
                               struct lh_err *err) {
    const char *name = NULL;
    LH_AUTO(mem) char *folder = split_key(key, &name);
    int fd = -1;
    if (open_folder(s, folder, &fd, err) != LH_OK) {
        if (err->os_errno == ENOTDIR)
            return object_fail_folder(key, err);
        if (err->os_errno != ENOENT)
            return local_fail(s, "write", key, err);
        LH_TRY(make_folders(s, key, folder, err));
        if (open_folder(s, folder, &fd, err) != LH_OK)
            return err->os_errno == ENOTDIR ? object_fail_folder(key, err) : local_fail(s, "write", key, err);
    }
    /* The root's own name is not ours to keep; everything below it is. */
    enum lh_code code = strcmp(folder, ".") == 0 ? LH_OK : make_durable(s, key, folder, fd, err);
    if (code != LH_OK) {
        os_close(s->os, fd);
        return code;
    }
    *ret_fd = fd;
    *ret_name = name;
    return LH_OK;
}

void local_prune_parents(struct local_store *s, const char *key) {
    const char *slash = strrchr(key, '/');
    LH_AUTO(mem) char *folder = lh_strndup(key, slash ? (size_t)(slash - key) : 0);
    while (folder[0]) {
        struct lh_err ignored;
        int parent = -1;
        const char *name = NULL;
        if (local_open_parent(s, folder, &parent, &name, &ignored) != LH_OK)
            return;
        enum lh_code code = os_rmdir(s->os, parent, name, &ignored);
        os_close(s->os, parent);
        if (code != LH_OK)
            return;
        char *up = strrchr(folder, '/');
        *(up ? up : folder) = '\0';
    }
}
