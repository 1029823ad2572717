/* Folder listings, apart from the rest of os/file.h for their record format: getdents64(2) gives packed
 * `struct dirent64` records of d_reclen bytes each. */
#include "base/alloc.h"
#include "os/file.h"
#include "os/os.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

struct name_list {
    char **names;
    size_t count;
    size_t cap;
};

static void add_name(struct name_list *list, const char *name) {
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return;
    if (list->count == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 16;
        list->names = lh_realloc(list->names, list->cap * sizeof *list->names);
    }
    list->names[list->count++] = lh_strdup(name);
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum lh_code read_names(struct os *os, int fd, const char *path, struct name_list *list, struct lh_err *err) {
    for (;;) {
        _Alignas(struct dirent64) char records[32 * 1024];
        ssize_t got = os->getdents(os->self, fd, records, sizeof records);
        if (got < 0)
            return lh_fail_errno(err, (int)-got, "cannot list \"%s\"", path);
        if (got == 0)
            return LH_OK;
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const void *)(records + at);
            add_name(list, entry->d_name);
            at += entry->d_reclen;
        }
    }
}

enum lh_code os_list_dir(struct os *os, int dir, const char *path, uint64_t resolve, char ***ret_names,
                         size_t *ret_count, struct lh_err *err) {
    int fd = -1;
    LH_TRY(os_open(os, dir, path, O_RDONLY | O_DIRECTORY, 0, resolve, &fd, err));
    struct name_list list = {0};
    enum lh_code code = read_names(os, fd, path, &list, err);
    os_close(os, fd);
    if (code != LH_OK) {
        os_list_free(list.names, list.count);
        return code;
    }
    if (list.count > 1)
        qsort(list.names, list.count, sizeof *list.names, by_bytes);
    *ret_names = list.names;
    *ret_count = list.count;
    return LH_OK;
}

void os_list_free(char **names, size_t count) {
    for (size_t i = 0; i < count; i++)
        lh_free(names[i]);
    lh_free(names);
}
