#include "engine/worker/text_source.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/file.h"

#include <zlib.h>

#define SOURCE_CHUNK ((size_t)1 << 20)
#define GZIP_RATIO 200
#define GZIP_RATIO_FROM ((uint64_t)16 << 20)

struct text_source {
    struct os *os;
    int fd;
    bool gzip, stream_open, file_end, member_open;
    size_t mark;
    uint64_t max_bytes, in_bytes, out_bytes, offset;
    z_stream stream;
    struct text_decoder decoder;
    unsigned char *in;  /* SOURCE_CHUNK */
    unsigned char *raw; /* SOURCE_CHUNK: unpacked, not decoded */
};

static enum lh_code stream_start(struct text_source *s, struct lh_err *err) {
    if (s->stream_open)
        inflateEnd(&s->stream);
    s->stream = (z_stream){.next_in = NULL};
    s->stream_open = inflateInit2(&s->stream, 15 + 16) == Z_OK;
    s->member_open = false;
    return s->stream_open ? LH_OK : lh_fail(err, LH_NO_MEMORY, "no memory to unpack the file");
}

static enum lh_code fill_input(struct text_source *s, size_t *ret_len, struct lh_err *err) {
    LH_TRY(os_pread_full(s->os, s->fd, s->in, SOURCE_CHUNK, s->offset, "the file", ret_len, err));
    s->offset += *ret_len;
    s->in_bytes += *ret_len;
    s->file_end = *ret_len < SOURCE_CHUNK;
    return LH_OK;
}

static enum lh_code check_ratio(const struct text_source *s, struct lh_err *err) {
    uint64_t used = s->in_bytes - s->stream.avail_in;
    if (s->out_bytes > GZIP_RATIO_FROM && s->out_bytes / GZIP_RATIO > used) {
        (void)lh_fail(err, LH_TOO_LARGE, "the gzip file unpacks to more than %d times its size (%llu bytes from %llu)",
                      GZIP_RATIO, (unsigned long long)s->out_bytes, (unsigned long long)used);
        return lh_err_hint(err, "unpack it yourself and upload the text if it is what you meant to send");
    }
    return LH_OK;
}

/* One step of inflate into `raw`; several gzip members may follow one another. */
static enum lh_code unpack(struct text_source *s, size_t *ret_len, struct lh_err *err) {
    *ret_len = 0;
    while (*ret_len == 0) {
        if (s->stream.avail_in == 0 && !s->file_end) {
            size_t got;
            LH_TRY(fill_input(s, &got, err));
            s->stream.next_in = s->in;
            s->stream.avail_in = (unsigned)got;
        }
        if (s->stream.avail_in == 0) {
            if (s->member_open)
                return lh_fail(err, LH_DATA, "the gzip file is cut short: it ends at byte %llu inside its data",
                               (unsigned long long)s->in_bytes);
            return LH_OK;
        }
        s->stream.next_out = s->raw;
        s->stream.avail_out = (unsigned)SOURCE_CHUNK;
        s->member_open = true;
        int code = inflate(&s->stream, Z_NO_FLUSH);
        *ret_len = SOURCE_CHUNK - s->stream.avail_out;
        s->out_bytes += *ret_len;
        if (code == Z_STREAM_END) {
            s->member_open = false;
            if (inflateReset(&s->stream) != Z_OK)
                return lh_fail(err, LH_INTERNAL, "zlib refused to go on");
        } else if (code != Z_OK && code != Z_BUF_ERROR) {
            return lh_fail(err, LH_DATA, "the gzip file is damaged near byte %llu: %s",
                           (unsigned long long)(s->in_bytes - s->stream.avail_in),
                           s->stream.msg ? s->stream.msg : "invalid data");
        }
    }
    return check_ratio(s, err);
}

static enum lh_code read_raw(struct text_source *s, const unsigned char **ret_data, size_t *ret_len,
                             struct lh_err *err) {
    if (s->gzip) {
        LH_TRY(unpack(s, ret_len, err));
        *ret_data = s->raw;
    } else {
        LH_TRY(fill_input(s, ret_len, err));
        s->out_bytes += *ret_len;
        *ret_data = s->in;
    }
    if (s->out_bytes > s->max_bytes) {
        (void)lh_fail(err, LH_TOO_LARGE, "the file has more than %llu bytes", (unsigned long long)s->max_bytes);
        return lh_err_hint(err, "split the file, or raise ingest.max_upload_bytes");
    }
    return LH_OK;
}

enum lh_code text_source_open(struct os *os, const struct text_source_options *options, struct text_source **ret_source,
                              struct lh_err *err) {
    LH_AUTO(text_source) struct text_source *s = lh_calloc(1, sizeof *s);
    s->os = os;
    s->gzip = options->gzip;
    s->mark = options->mark;
    s->max_bytes = options->max_bytes;
    s->fd = -1;
    LH_TRY(os_open(os, AT_FDCWD, options->path, O_RDONLY, 0, 0, &s->fd, err));
    s->in = lh_malloc(SOURCE_CHUNK);
    if (s->gzip)
        s->raw = lh_malloc(SOURCE_CHUNK);
    LH_TRY(text_source_rewind(s, options->encoding, err));
    *ret_source = LH_STEAL(s);
    return LH_OK;
}

enum lh_code text_source_rewind(struct text_source *s, enum text_encoding encoding, struct lh_err *err) {
    s->offset = s->in_bytes = s->out_bytes = 0;
    s->file_end = false;
    text_decoder_init(&s->decoder, encoding);
    return s->gzip ? stream_start(s, err) : LH_OK;
}

enum lh_code text_source_read(struct text_source *s, struct buf *out, bool *ret_end, struct lh_err *err) {
    const unsigned char *data;
    size_t len;
    uint64_t before = s->out_bytes;
    LH_TRY(read_raw(s, &data, &len, err));
    *ret_end = len == 0;
    size_t skip = before < s->mark ? (size_t)(s->mark - before) : 0;
    skip = skip < len ? skip : len;
    text_decode(&s->decoder, data + skip, len - skip, len == 0, out);
    return LH_OK;
}

const struct text_decoder *text_source_decoder(const struct text_source *s) {
    return &s->decoder;
}

uint64_t text_source_bytes_read(const struct text_source *s) {
    return s->in_bytes;
}

void text_source_free(struct text_source *s) {
    if (!s)
        return;
    if (s->stream_open)
        inflateEnd(&s->stream);
    os_close(s->os, s->fd);
    lh_free(s->in);
    lh_free(s->raw);
    lh_free(s);
}

enum lh_code text_source_head(struct os *os, const char *path, bool gzip, size_t max, struct buf *ret_head,
                              struct lh_err *err) {
    LH_AUTO(text_source) struct text_source *s = NULL;
    struct text_source_options options = {.path = path, .gzip = gzip, .max_bytes = UINT64_MAX};
    LH_TRY(text_source_open(os, &options, &s, err));
    while (ret_head->len < max) {
        const unsigned char *data;
        size_t len;
        LH_TRY(read_raw(s, &data, &len, err));
        if (len == 0)
            break;
        buf_append(ret_head, data, len);
    }
    if (ret_head->len > max)
        buf_truncate(ret_head, max);
    return LH_OK;
}
