/* What the disk can do: small records appended to one file, each synced before the next.  The most commits a second that
 * anything durable can reach without grouping.
 *
 *     bench_fsync_rate FOLDER [BYTES [SECONDS]] */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/clock.h"
#include "os/os.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 2)
        return 2;
    size_t bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 1024;
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 2;
    struct os *os = os_real();
    LH_AUTO(mem) char *record = lh_calloc(bytes, 1);
    LH_AUTO(mem) char *path = lh_asprintf("%s/fsync-rate-%d", argv[1], (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(path);
        return 1;
    }
    unlink(path);
    int64_t start_ns = os_monotonic_ns(os), now_ns = start_ns;
    long count = 0;
    for (; (double)(now_ns - start_ns) < seconds * 1e9; now_ns = os_monotonic_ns(os), count++) {
        if (write(fd, record, bytes) != (ssize_t)bytes || fdatasync(fd) != 0) {
            perror(path);
            return 1;
        }
    }
    printf("{\"per_second\": %.1f}\n", (double)count * 1e9 / (double)(now_ns - start_ns));
    close(fd);
    return 0;
}
