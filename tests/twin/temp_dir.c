#include "twin/temp_dir.h"

#include "base/alloc.h"
#include "os/file.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

char *temp_dir_new(void) {
    const char *base = getenv("TMPDIR");
    char *path = lh_asprintf("%s/lakehouse-test-XXXXXX", base && base[0] ? base : "/tmp");
    if (!mkdtemp(path)) {
        perror(path);
        abort();
    }
    return path;
}

void temp_dir_free(char *path) {
    if (!path)
        return;
    struct lh_err err;
    if (os_remove_all(os_real(), AT_FDCWD, path, &err) != LH_OK)
        fprintf(stderr, "%s stays: %s\n", path, err.message);
    lh_free(path);
}
