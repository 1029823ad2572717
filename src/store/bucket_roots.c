#include "store/bucket_roots.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"

#include <errno.h>
#include <string.h>

/* `path`, or the nearest folder above it that exists.  *ret_exact tells which. */
static enum lh_code open_nearest(struct os *os, const char *path, int *ret_fd, bool *ret_exact, struct lh_err *err) {
    LH_AUTO(mem) char *above = lh_strdup(path);
    *ret_exact = true;
    for (;;) {
        enum lh_code code = os_open(os, AT_FDCWD, above, O_RDONLY | O_DIRECTORY, 0, 0, ret_fd, err);
        if (code == LH_OK || (err->os_errno != ENOENT && err->os_errno != ENOTDIR))
            return code;
        *ret_exact = false;
        char *slash = strrchr(above, '/');
        if (above[0] == '\0' || strcmp(above, ".") == 0)
            return code;
        if (slash == above)
            above[1] = '\0';
        else if (slash)
            *slash = '\0';
        else
            memcpy(above, ".", 2);
    }
}

static bool same(const struct os_stat *a, const struct os_stat *b) {
    return a->inode == b->inode && a->device == b->device;
}

/* Is the folder `fd`, or one above it, the folder `outer`?  Closes `fd`. */
static enum lh_code climb(struct os *os, int fd, const struct os_stat *outer, bool *ret_inside, struct lh_err *err) {
    struct os_stat here = {0};
    enum lh_code code = os_fstat(os, fd, "the bucket's root", &here, err);
    while (code == LH_OK && !same(&here, outer)) {
        struct os_stat above = {0};
        int up = -1;
        code = os_open(os, fd, "..", O_RDONLY | O_DIRECTORY, 0, 0, &up, err);
        os_close(os, fd);
        fd = up;
        if (code == LH_OK)
            code = os_fstat(os, fd, "a folder above the bucket's root", &above, err);
        if (code == LH_OK && same(&here, &above)) /* the top */
            break;
        here = above;
    }
    os_close(os, fd);
    if (code == LH_OK)
        *ret_inside = same(&here, outer);
    return code;
}

/* Does `inner` lie in `outer`, which exists? */
static enum lh_code lies_in(struct os *os, const char *inner, const char *outer, bool *ret_inside, struct lh_err *err) {
    bool exact = false;
    int fd = -1;
    struct os_stat st = {0};
    LH_TRY(open_nearest(os, outer, &fd, &exact, err));
    enum lh_code code = os_fstat(os, fd, outer, &st, err);
    os_close(os, fd);
    if (code != LH_OK)
        return code;
    if (!exact) { /* what does not exist has nothing in it */
        *ret_inside = false;
        return LH_OK;
    }
    LH_TRY(open_nearest(os, inner, &fd, &exact, err));
    return climb(os, fd, &st, ret_inside, err);
}

enum lh_code bucket_roots_overlap(struct os *os, const char *a, const char *b, bool *ret_overlap, struct lh_err *err) {
    bool inside = strcmp(a, b) == 0;
    if (!inside)
        LH_TRY(lies_in(os, a, b, &inside, err));
    if (!inside)
        LH_TRY(lies_in(os, b, a, &inside, err));
    *ret_overlap = inside;
    return LH_OK;
}
