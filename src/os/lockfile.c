#include "os/lockfile.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

struct os_lockfile {
    struct os *os;
    int fd;
};

/* The file is the holder's word about itself; shown with everything but plain text taken out. */
static void read_holder(struct os *os, int fd, char *ret_text, size_t size) {
    ssize_t got = os->pread(os->self, fd, ret_text, size - 1, 0);
    size_t len = got > 0 ? (size_t)got : 0;
    ret_text[len] = '\0';
    ret_text[strcspn(ret_text, "\n")] = '\0';
    for (char *c = ret_text; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

static enum lh_code fail_held(struct os *os, int fd, const char *what, struct lh_err *err) {
    char holder[128];
    read_holder(os, fd, holder, sizeof holder);
    char *space = strchr(holder, ' ');
    if (!space)
        return lh_fail(err, LH_LOCKED, "%s is in use by another process", what);
    *space = '\0';
    lh_ignore(lh_fail(err, LH_LOCKED, "%s is in use by process %s (%s)", what, holder, space + 1));
    return lh_err_hint(err, "stop that process, or use it: --server instead of --data");
}

static enum lh_code claim(struct os *os, int fd, const char *path, const char *what, const char *command,
                          struct lh_err *err) {
    int result = os->flock(os->self, fd, LOCK_EX | LOCK_NB);
    if (result == -EWOULDBLOCK)
        return fail_held(os, fd, what, err);
    if (result < 0)
        return lh_fail_errno(err, -result, "cannot lock \"%s\"", path);
    result = os->ftruncate(os->self, fd, 0);
    if (result < 0)
        return lh_fail_errno(err, -result, "cannot write \"%s\"", path);
    LH_AUTO(mem) char *text = lh_asprintf("%d %s\n", (int)getpid(), command);
    return os_pwrite_all(os, fd, text, strlen(text), 0, path, err);
}

enum lh_code os_lockfile_take(struct os *os, int dir, const char *path, const char *what, const char *command,
                              struct os_lockfile **ret_lock, struct lh_err *err) {
    int fd = -1;
    LH_TRY(os_open(os, dir, path, O_RDWR | O_CREAT, 0600, 0, &fd, err));
    enum lh_code code = claim(os, fd, path, what, command, err);
    if (code != LH_OK) {
        os_close(os, fd);
        return code;
    }
    struct os_lockfile *lock = lh_malloc(sizeof *lock);
    *lock = (struct os_lockfile){.os = os, .fd = fd};
    *ret_lock = lock;
    return LH_OK;
}

void os_lockfile_release(struct os_lockfile *lock) {
    if (!lock)
        return;
    os_close(lock->os, lock->fd);
    lh_free(lock);
}
