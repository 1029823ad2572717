/* Landlock through its raw system calls (the C library has no wrappers).  Newer rights than the build machine's
 * header knows are spelled as bits, so that a kernel that has them gets them denied as well. */
#include "os/sandbox_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FS_RIGHTS_ABI_1 ((UINT64_C(1) << 13) - 1) /* EXECUTE .. MAKE_SYM */
#define FS_REFER (UINT64_C(1) << 13)              /* ABI 2 */
#define FS_TRUNCATE (UINT64_C(1) << 14)           /* ABI 3 */
#define FS_IOCTL_DEV (UINT64_C(1) << 15)          /* ABI 5 */
#define NET_TCP (UINT64_C(3))                     /* ABI 4: bind, connect */
#define SCOPE_ALL (UINT64_C(3))                   /* ABI 6: abstract sockets, signals to outside */

#define READ_RIGHTS ((uint64_t)(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR))
#define WRITE_RIGHTS                                                                                                \
    (READ_RIGHTS | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | FS_REFER | FS_TRUNCATE)
#define FILE_RIGHTS                                                                                            \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE | \
     FS_IOCTL_DEV)

struct ruleset_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};

int sandbox_landlock_abi(void) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi > 0 ? (int)abi : 0;
}

static struct ruleset_attr rights_of_abi(int abi, size_t *ret_size) {
    struct ruleset_attr attr = {.handled_access_fs = FS_RIGHTS_ABI_1};
    *ret_size = sizeof attr.handled_access_fs;
    if (abi >= 2)
        attr.handled_access_fs |= FS_REFER;
    if (abi >= 3)
        attr.handled_access_fs |= FS_TRUNCATE;
    if (abi >= 4) {
        attr.handled_access_net = NET_TCP;
        *ret_size = 2 * sizeof(uint64_t);
    }
    if (abi >= 5)
        attr.handled_access_fs |= FS_IOCTL_DEV;
    if (abi >= 6) {
        attr.scoped = SCOPE_ALL;
        *ret_size = sizeof attr;
    }
    return attr;
}

static enum lh_code allow_path(int ruleset, const char *path, uint64_t rights, struct lh_err *err) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return lh_fail_errno(err, errno, "cannot open \"%s\" for the sandbox", path);
    struct stat st;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
    int result = fstat(fd, &st);
    if (result == 0) {
        if (!S_ISDIR(st.st_mode))
            rule.allowed_access &= FILE_RIGHTS;
        result = (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    }
    int failure = errno;
    close(fd);
    return result == 0 ? LH_OK : lh_fail_errno(err, failure, "cannot add \"%s\" to the sandbox", path);
}

static enum lh_code fill_and_restrict(int ruleset, const struct os_sandbox *sandbox, uint64_t handled,
                                      struct lh_err *err) {
    for (size_t i = 0; i < sandbox->read_count; i++) {
        enum lh_code code = allow_path(ruleset, sandbox->read_paths[i], READ_RIGHTS & handled, err);
        if (code != LH_OK && code != LH_NOT_FOUND) /* what is not there is not read either */
            return code;
    }
    for (size_t i = 0; i < sandbox->write_count; i++)
        LH_TRY(allow_path(ruleset, sandbox->write_paths[i], WRITE_RIGHTS & handled, err));
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        return lh_fail_errno(err, errno, "cannot enter the file sandbox");
    return LH_OK;
}

enum lh_code sandbox_landlock_enter(const struct os_sandbox *sandbox, int *ret_abi, struct lh_err *err) {
    int abi = sandbox_landlock_abi();
    if (abi == 0) {
        *ret_abi = 0;
        return LH_OK;
    }
    size_t size;
    struct ruleset_attr attr = rights_of_abi(abi, &size);
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (ruleset < 0)
        return lh_fail_errno(err, errno, "cannot make the file sandbox");
    enum lh_code code = fill_and_restrict(ruleset, sandbox, attr.handled_access_fs, err);
    close(ruleset);
    if (code == LH_OK)
        *ret_abi = abi;
    return code;
}
