#include "os/dir.h"

#include "base/alloc.h"
#include "os/file.h"
#include "os/os.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum lh_code os_link(struct os *os, int old_dir, const char *old_path, int new_dir, const char *new_path,
                     struct lh_err *err) {
    int result = os->link(os->self, old_dir, old_path, new_dir, new_path);
    return result < 0 ? lh_fail_errno(err, -result, "cannot link \"%s\" to \"%s\"", old_path, new_path) : LH_OK;
}

enum lh_code os_rename(struct os *os, int old_dir, const char *old_path, int new_dir, const char *new_path,
                       struct lh_err *err) {
    int result = os->rename(os->self, old_dir, old_path, new_dir, new_path, 0);
    return result < 0 ? lh_fail_errno(err, -result, "cannot rename \"%s\" to \"%s\"", old_path, new_path) : LH_OK;
}

enum lh_code os_rename_noreplace(struct os *os, int old_dir, const char *old_path, int new_dir, const char *new_path,
                                 struct lh_err *err) {
    int result = os->rename(os->self, old_dir, old_path, new_dir, new_path, RENAME_NOREPLACE);
    if (result == -EINVAL || result == -ENOSYS) {
        result = os->link(os->self, old_dir, old_path, new_dir, new_path);
        if (result == 0)
            os->unlink(os->self, old_dir, old_path, 0);
    }
    return result < 0 ? lh_fail_errno(err, -result, "cannot rename \"%s\" to \"%s\"", old_path, new_path) : LH_OK;
}

enum lh_code os_mkdir(struct os *os, int dir, const char *path, mode_t mode, struct lh_err *err) {
    int result = os->mkdir(os->self, dir, path, mode);
    return result < 0 ? lh_fail_errno(err, -result, "cannot make the folder \"%s\"", path) : LH_OK;
}

enum lh_code os_rmdir(struct os *os, int dir, const char *path, struct lh_err *err) {
    int result = os->unlink(os->self, dir, path, AT_REMOVEDIR);
    return result < 0 ? lh_fail_errno(err, -result, "cannot remove the folder \"%s\"", path) : LH_OK;
}

enum lh_code os_truncate(struct os *os, int fd, uint64_t size_bytes, const char *name, struct lh_err *err) {
    int result = os->ftruncate(os->self, fd, (off_t)size_bytes);
    return result < 0 ? lh_fail_errno(err, -result, "cannot cut \"%s\"", name) : LH_OK;
}

enum lh_code os_set_mtime(struct os *os, int fd, int64_t mtime_us, const char *name, struct lh_err *err) {
    int result = os->set_mtime(os->self, fd, mtime_us);
    return result < 0 ? lh_fail_errno(err, -result, "cannot set the time of \"%s\"", name) : LH_OK;
}

struct entry_list {
    struct os_entry *entries;
    size_t count;
    size_t cap;
};

static void add_entry(struct os *os, int dir, const struct dirent64 *from, struct entry_list *list) {
    if (strcmp(from->d_name, ".") == 0 || strcmp(from->d_name, "..") == 0)
        return;
    struct os_entry entry = {.is_dir = from->d_type == DT_DIR, .is_file = from->d_type == DT_REG};
    if (from->d_type == DT_UNKNOWN) {
        struct stat st;
        if (os->fstatat(os->self, dir, from->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            return; /* gone since it was read */
        entry.is_dir = S_ISDIR(st.st_mode);
        entry.is_file = S_ISREG(st.st_mode);
    }
    entry.name = lh_strdup(from->d_name);
    if (list->count == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 16;
        list->entries = lh_realloc(list->entries, list->cap * sizeof *list->entries);
    }
    list->entries[list->count++] = entry;
}

static enum lh_code read_entries(struct os *os, int fd, const char *path, struct entry_list *list, struct lh_err *err) {
    for (;;) {
        _Alignas(struct dirent64) char records[32 * 1024];
        ssize_t got = os->getdents(os->self, fd, records, sizeof records);
        if (got < 0)
            return lh_fail_errno(err, (int)-got, "cannot list \"%s\"", path);
        if (got == 0)
            return LH_OK;
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *record = (const void *)(records + at);
            add_entry(os, fd, record, list);
            at += record->d_reclen;
        }
    }
}

enum lh_code os_list_entries(struct os *os, int dir, const char *path, uint64_t resolve, struct os_entry **ret_entries,
                             size_t *ret_count, struct lh_err *err) {
    int fd = -1;
    LH_TRY(os_open(os, dir, path, O_RDONLY | O_DIRECTORY, 0, resolve, &fd, err));
    struct entry_list list = {0};
    enum lh_code code = read_entries(os, fd, path, &list, err);
    os_close(os, fd);
    if (code != LH_OK) {
        os_entries_free(list.entries, list.count);
        return code;
    }
    *ret_entries = list.entries;
    *ret_count = list.count;
    return LH_OK;
}

void os_entries_free(struct os_entry *entries, size_t count) {
    for (size_t i = 0; i < count; i++)
        lh_free(entries[i].name);
    lh_free(entries);
}
