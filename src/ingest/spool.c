#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "ingest/ingest_internal.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/ids.h"

struct ingest_spool {
    struct ingest *in;
    char *path;
    int fd;
    uint64_t size_bytes;
    struct lh_sha256 hash;
};

enum lh_code ingest_spool_open(struct ingest *in, struct ingest_spool **ret_spool, struct lh_err *err) {
    char ulid[LH_ULID_SIZE];
    os_ulid(in->services.os, &in->ulids, ulid);
    LH_AUTO(ingest_spool) struct ingest_spool *s = lh_calloc(1, sizeof *s);
    s->in = in;
    s->fd = -1;
    lh_sha256_init(&s->hash);
    s->path = lh_asprintf("%s/upload-%s", in->services.tmp_dir, ulid);
    LH_TRY(LH_FAULT("ingest.before_spool", err));
    LH_TRY(os_open(in->services.os, AT_FDCWD, s->path, O_WRONLY | O_CREAT | O_EXCL, 0600, 0, &s->fd, err));
    *ret_spool = LH_STEAL(s);
    return LH_OK;
}

enum lh_code ingest_spool_write(struct ingest_spool *s, const void *data, size_t len, struct lh_err *err) {
    uint64_t most = s->in->services.config->ingest.max_upload_bytes;
    if (s->size_bytes + len > most) {
        (void)lh_fail(err, LH_TOO_LARGE, "the file has more than %llu bytes", (unsigned long long)most);
        return lh_err_hint(err, "split the file, or raise ingest.max_upload_bytes");
    }
    LH_TRY(LH_FAULT("ingest.before_spool_write", err));
    LH_TRY(os_write_all(s->in->services.os, s->fd, data, len, "the upload", err));
    lh_sha256_update(&s->hash, data, len);
    s->size_bytes += len;
    return LH_OK;
}

const char *ingest_spool_path(const struct ingest_spool *s) {
    return s->path;
}

uint64_t ingest_spool_size(const struct ingest_spool *s) {
    return s->size_bytes;
}

void ingest_spool_sha256(const struct ingest_spool *s, char ret_hex[LH_SHA256_HEX]) {
    struct lh_sha256 copy = s->hash;
    unsigned char digest[LH_SHA256_BYTES];
    lh_sha256_final(&copy, digest);
    lh_hex_encode(digest, sizeof digest, ret_hex);
}

void ingest_spool_free(struct ingest_spool *s) {
    if (!s)
        return;
    struct lh_err ignored = LH_ERR_INIT;
    os_close(s->in->services.os, s->fd);
    if (s->fd >= 0)
        lh_ignore(os_unlink(s->in->services.os, AT_FDCWD, s->path, &ignored));
    lh_free(s->path);
    lh_free(s);
}
