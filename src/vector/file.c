#include "vector/file.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "os/file.h"
#include "os/os.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

/* On disk, all little-endian; docs/formats/vector-file.md. */
#define MAGIC "LHVECIDX"
enum {
    HEADER_BYTES = 64,
    ENTRY_BYTES = 32,
    TABLE_BYTES = VEC_FILE_MAX_SECTIONS * ENTRY_BYTES,
    FRONT_BYTES = 4096, /* header and table; the first section starts here */
};
_Static_assert(HEADER_BYTES + TABLE_BYTES <= FRONT_BYTES, "the table fits before the first section");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "sections are mapped as they stand");

struct header {
    char magic[8];
    uint32_t version;
    uint32_t kind;
    uint32_t metric;
    uint32_t d;
    uint64_t n;
    uint64_t seed;
    uint64_t size; /* of the whole file */
    uint32_t sections;
    uint32_t table_crc;
    uint32_t zero;
    uint32_t header_crc; /* of the 60 bytes before */
};
_Static_assert(sizeof(struct header) == HEADER_BYTES, "no padding");

struct entry {
    char tag[4];
    uint32_t crc;
    uint64_t offset;
    uint64_t bytes;
    uint64_t zero;
};
_Static_assert(sizeof(struct entry) == ENTRY_BYTES, "no padding");

struct vec_file {
    const unsigned char *data;
    size_t size;
    bool mapped;
    struct vec_file_head head;
    uint32_t sections;
    struct entry entries[VEC_FILE_MAX_SECTIONS];
};

/* What version 2 changed is how rows are kept as codes; lists of segments and chunks have none. */
static enum lh_code check_version(const struct header *header, struct lh_err *err) {
    bool has_codes = header->kind < VEC_FILE_INDEX;
    if (header->version == VEC_FILE_VERSION || (header->version == 1 && !has_codes))
        return LH_OK;
    if (header->version > VEC_FILE_VERSION)
        return lh_fail(err, LH_UNSUPPORTED, "the index file has format version %u, this program reads %u",
                       header->version, VEC_FILE_VERSION);
    lh_fail(err, LH_UNSUPPORTED, "the index file has format version %u, which this program reads no more",
            header->version);
    return lh_err_hint(err, "build the index again from its vectors");
}

static enum lh_code check_header(const struct header *header, size_t size, struct lh_err *err) {
    if (memcmp(header->magic, MAGIC, sizeof header->magic) != 0)
        return lh_fail(err, LH_CORRUPT, "this is not a vector index file");
    if (header->header_crc != lh_crc32c(0, header, offsetof(struct header, header_crc)))
        return lh_fail(err, LH_CORRUPT, "the index file's header is damaged");
    LH_TRY(check_version(header, err));
    if (header->size != size)
        return lh_fail(err, LH_CORRUPT, "the index file has %zu bytes where its header says %llu", size,
                       (unsigned long long)header->size);
    if (header->kind < VEC_FILE_FLAT || header->kind > VEC_FILE_CHUNKS || header->metric > VEC_COSINE ||
        header->d == 0 || header->d > VEC_MAX_DIM || header->n >= VEC_NO_ID || header->sections > VEC_FILE_MAX_SECTIONS)
        return lh_fail(err, LH_CORRUPT, "the index file's header names a kind, metric or size that cannot be");
    return LH_OK;
}

static enum lh_code check_table(const struct entry *entries, uint32_t n, size_t size, struct lh_err *err) {
    uint64_t end = FRONT_BYTES;
    for (uint32_t i = 0; i < n; i++) {
        const struct entry *entry = &entries[i];
        if (entry->offset % VEC_FILE_ALIGN != 0 || entry->offset < end || entry->offset > size ||
            entry->bytes > size - entry->offset)
            return lh_fail(err, LH_CORRUPT, "section %u of the index file does not lie within it", i);
        for (uint32_t j = 0; j < i; j++)
            if (memcmp(entries[j].tag, entry->tag, sizeof entry->tag) == 0)
                return lh_fail(err, LH_CORRUPT, "the index file has two sections of one name");
        end = entry->offset + entry->bytes;
    }
    return LH_OK;
}

static enum lh_code read_front(struct vec_file *file, struct lh_err *err) {
    struct header header;
    if (file->size < FRONT_BYTES)
        return lh_fail(err, LH_CORRUPT, "this is not a vector index file: it has only %zu bytes", file->size);
    memcpy(&header, file->data, sizeof header);
    LH_TRY(check_header(&header, file->size, err));
    const unsigned char *table = file->data + HEADER_BYTES;
    if (header.table_crc != lh_crc32c(0, table, TABLE_BYTES))
        return lh_fail(err, LH_CORRUPT, "the index file's table of sections is damaged");
    memcpy(file->entries, table, header.sections * sizeof *file->entries);
    LH_TRY(check_table(file->entries, header.sections, file->size, err));
    file->sections = header.sections;
    file->head = (struct vec_file_head){
        .kind = (enum vec_file_kind)header.kind,
        .metric = (enum vec_metric)header.metric,
        .d = header.d,
        .n = header.n,
        .seed = header.seed,
    };
    return LH_OK;
}

static enum lh_code open_bytes(const void *data, size_t size, bool mapped, struct vec_file **ret_file,
                               struct lh_err *err) {
    struct vec_file *file = lh_calloc(1, sizeof *file);
    *file = (struct vec_file){.data = data, .size = size, .mapped = mapped};
    enum lh_code code = read_front(file, err);
    if (code != LH_OK) {
        vec_file_close(file);
        return code;
    }
    *ret_file = file;
    return LH_OK;
}

enum lh_code vec_file_open_memory(const void *data, size_t size, struct vec_file **ret_file, struct lh_err *err) {
    return open_bytes(data, size, false, ret_file, err);
}

static enum lh_code map_fd(struct os *os, int fd, const char *path, void **ret_data, size_t *ret_size,
                           struct lh_err *err) {
    struct os_stat stat;
    LH_TRY(os_fstat(os, fd, path, &stat, err));
    if (!stat.is_file || stat.size_bytes < FRONT_BYTES || stat.size_bytes > SIZE_MAX / 2)
        return lh_fail(err, LH_CORRUPT, "%s is not a vector index file", path);
    void *data = mmap(NULL, (size_t)stat.size_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return lh_fail(err, LH_NO_MEMORY, "%s cannot be mapped", path);
    *ret_data = data;
    *ret_size = (size_t)stat.size_bytes;
    return LH_OK;
}

/* How the full vectors will be read.  A search reads a few here and there: the kernel's reading ahead, which takes hundreds of
 * kilobytes for each, made one with cold vectors last 260 ms where 3 ms do (measured). */
static void expect_rows(const struct vec_file *file, int advice) {
    uint64_t bytes = 0;
    const void *rows = vec_file_find(file, "ROWS", &bytes);
    if (file->mapped && rows && bytes)
        madvise((void *)(uintptr_t)rows, (size_t)bytes, advice);
}

enum lh_code vec_file_open(struct os *os, const char *path, struct vec_file **ret_file, struct lh_err *err) {
    int fd = -1;
    void *data = NULL;
    size_t size = 0;
    LH_TRY(os_open(os, AT_FDCWD, path, O_RDONLY, 0, 0, &fd, err));
    enum lh_code code = map_fd(os, fd, path, &data, &size, err);
    os_close(os, fd); /* the map keeps the file */
    if (code != LH_OK)
        return code;
    code = open_bytes(data, size, true, ret_file, err);
    if (code != LH_OK)
        return lh_err_context(err, "%s", path);
    expect_rows(*ret_file, MADV_RANDOM);
    return LH_OK;
}

void vec_file_close(struct vec_file *file) {
    if (!file)
        return;
    if (file->mapped)
        munmap((void *)(uintptr_t)file->data, file->size);
    lh_free(file);
}

const struct vec_file_head *vec_file_head(const struct vec_file *file) {
    return &file->head;
}

uint64_t vec_file_size(const struct vec_file *file) {
    return file->size;
}

uint32_t vec_file_identity(const struct vec_file *file) {
    struct header header;
    memcpy(&header, file->data, sizeof header);
    return header.header_crc;
}

const void *vec_file_find(const struct vec_file *file, const char tag[4], uint64_t *ret_bytes) {
    for (uint32_t i = 0; i < file->sections; i++) {
        if (memcmp(file->entries[i].tag, tag, 4) == 0) {
            *ret_bytes = file->entries[i].bytes;
            return file->data + file->entries[i].offset;
        }
    }
    return NULL;
}

enum lh_code vec_file_map_section(const struct vec_file *file, const char tag[4], uint64_t bytes, const void **ret_data,
                                  struct lh_err *err) {
    uint64_t has = 0;
    const void *data = vec_file_find(file, tag, &has);
    if (!data)
        return lh_fail(err, LH_CORRUPT, "the index file has no section %.4s", tag);
    if (has != bytes)
        return lh_fail(err, LH_CORRUPT, "section %.4s of the index file has %llu bytes instead of %llu", tag,
                       (unsigned long long)has, (unsigned long long)bytes);
    *ret_data = data;
    return LH_OK;
}

static enum lh_code verify_section(const struct vec_file *file, const struct entry *entry, struct lh_err *err) {
    if (lh_crc32c(0, file->data + entry->offset, (size_t)entry->bytes) == entry->crc)
        return LH_OK;
    return lh_fail(err, LH_CORRUPT, "section %.4s of the index file is damaged: its checksum is wrong", entry->tag);
}

enum lh_code vec_file_section(const struct vec_file *file, const char tag[4], uint64_t bytes, const void **ret_data,
                              struct lh_err *err) {
    const void *data = NULL;
    LH_TRY(vec_file_map_section(file, tag, bytes, &data, err));
    for (uint32_t i = 0; i < file->sections; i++)
        if (memcmp(file->entries[i].tag, tag, 4) == 0)
            LH_TRY(verify_section(file, &file->entries[i], err));
    *ret_data = data;
    return LH_OK;
}

static enum lh_code verify_sections(const struct vec_file *file, struct lh_err *err) {
    for (uint32_t i = 0; i < file->sections; i++)
        LH_TRY(verify_section(file, &file->entries[i], err));
    return LH_OK;
}

enum lh_code vec_file_verify(const struct vec_file *file, struct lh_err *err) {
    expect_rows(file, MADV_SEQUENTIAL);
    enum lh_code code = verify_sections(file, err);
    expect_rows(file, MADV_RANDOM);
    return code;
}

bool vec_file_list(const struct vec_file *file, size_t i, char ret_tag[5], uint64_t *ret_bytes) {
    if (i >= file->sections)
        return false;
    memcpy(ret_tag, file->entries[i].tag, 4);
    ret_tag[4] = '\0';
    *ret_bytes = file->entries[i].bytes;
    return true;
}

struct vec_file_writer {
    struct os *os;
    int fd;
    char *path;
    char *temporary;
    bool committed;
    struct header header;
    struct entry entries[VEC_FILE_MAX_SECTIONS];
    uint64_t end;
    struct buf sums;   /* of the whole pages of the section that is being written */
    uint32_t page_sum; /* of the page that is not whole yet */
};

enum lh_code vec_file_writer_new(struct os *os, const char *path, const struct vec_file_head *head,
                                 struct vec_file_writer **ret_writer, struct lh_err *err) {
    struct vec_file_writer *writer = lh_calloc(1, sizeof *writer);
    uint64_t unique = 0;
    os->random(os->self, &unique, sizeof unique);
    writer->os = os;
    writer->fd = -1;
    writer->path = lh_strdup(path);
    writer->temporary = lh_asprintf("%s.%016llx.tmp", path, (unsigned long long)unique);
    writer->end = FRONT_BYTES;
    writer->sums = (struct buf)BUF_INIT;
    memcpy(writer->header.magic, MAGIC, sizeof writer->header.magic);
    writer->header.version = VEC_FILE_VERSION;
    writer->header.kind = (uint32_t)head->kind;
    writer->header.metric = (uint32_t)head->metric;
    writer->header.d = head->d;
    writer->header.n = head->n;
    writer->header.seed = head->seed;
    enum lh_code code =
        os_open(os, AT_FDCWD, writer->temporary, O_WRONLY | O_CREAT | O_EXCL, 0644, 0, &writer->fd, err);
    if (code != LH_OK) {
        writer->committed = true; /* nothing to remove */
        vec_file_writer_free(writer);
        return code;
    }
    *ret_writer = writer;
    return LH_OK;
}

/* `used` bytes of the last page were added before. */
static void add_page_sums(struct vec_file_writer *writer, size_t used, const unsigned char *data, size_t bytes) {
    while (bytes) {
        size_t share = bytes < VEC_FILE_ALIGN - used ? bytes : VEC_FILE_ALIGN - used;
        writer->page_sum = lh_crc32c(writer->page_sum, data, share);
        data += share;
        bytes -= share;
        used += share;
        if (used < VEC_FILE_ALIGN)
            return;
        buf_append(&writer->sums, &writer->page_sum, sizeof writer->page_sum);
        writer->page_sum = 0;
        used = 0;
    }
}

enum lh_code vec_file_append_sums(struct vec_file_writer *writer, const char tag[4], struct lh_err *err) {
    const struct header *header = &writer->header;
    LH_AUTO(buf) struct buf sums = BUF_INIT;
    if (header->sections && writer->entries[header->sections - 1].bytes % VEC_FILE_ALIGN)
        buf_append(&writer->sums, &writer->page_sum, sizeof writer->page_sum);
    if (writer->sums.len)
        buf_append(&sums, writer->sums.data, writer->sums.len);
    return vec_file_append(writer, tag, sums.data, sums.len, err);
}

enum lh_code vec_file_append(struct vec_file_writer *writer, const char tag[4], const void *data, size_t bytes,
                             struct lh_err *err) {
    struct header *header = &writer->header;
    struct entry *entry = header->sections ? &writer->entries[header->sections - 1] : NULL;
    if (!entry || memcmp(entry->tag, tag, 4) != 0) {
        if (header->sections == VEC_FILE_MAX_SECTIONS)
            return lh_fail(err, LH_INTERNAL, "an index file holds %u sections", VEC_FILE_MAX_SECTIONS);
        entry = &writer->entries[header->sections++];
        memcpy(entry->tag, tag, 4);
        entry->offset = (writer->end + VEC_FILE_ALIGN - 1) / VEC_FILE_ALIGN * VEC_FILE_ALIGN;
        writer->end = entry->offset;
    }
    LH_TRY(os_pwrite_all(writer->os, writer->fd, data, bytes, writer->end, writer->path, err));
    if (entry->bytes == 0) {
        buf_reset(&writer->sums);
        writer->page_sum = 0;
    }
    add_page_sums(writer, entry->bytes % VEC_FILE_ALIGN, data, bytes);
    entry->crc = lh_crc32c(entry->crc, data, bytes);
    entry->bytes += bytes;
    writer->end += bytes;
    return LH_OK;
}

static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return lh_strdup(".");
    return slash == path ? lh_strdup("/") : lh_strndup(path, (size_t)(slash - path));
}

static enum lh_code write_front(struct vec_file_writer *writer, struct lh_err *err) {
    unsigned char front[FRONT_BYTES] = {0};
    struct header *header = &writer->header;
    header->size = writer->end;
    int cut = writer->os->ftruncate(writer->os->self, writer->fd, (off_t)writer->end); /* an empty last section */
    if (cut < 0)
        return lh_fail_errno(err, -cut, "setting the size of %s", writer->path);
    memcpy(front + HEADER_BYTES, writer->entries, sizeof writer->entries);
    header->table_crc = lh_crc32c(0, front + HEADER_BYTES, TABLE_BYTES);
    header->header_crc = lh_crc32c(0, header, offsetof(struct header, header_crc));
    memcpy(front, header, sizeof *header);
    return os_pwrite_all(writer->os, writer->fd, front, sizeof front, 0, writer->path, err);
}

enum lh_code vec_file_commit(struct vec_file_writer *writer, struct lh_err *err) {
    struct os *os = writer->os;
    LH_TRY(write_front(writer, err));
    LH_TRY(os_fsync(os, writer->fd, writer->temporary, err));
    int fd = writer->fd;
    writer->fd = -1;
    LH_TRY(os_close_checked(os, fd, writer->temporary, err));
    int renamed = os->rename(os->self, AT_FDCWD, writer->temporary, AT_FDCWD, writer->path, 0);
    if (renamed < 0)
        return lh_fail_errno(err, -renamed, "putting the index file in place at %s", writer->path);
    writer->committed = true;
    LH_AUTO(mem) char *folder = folder_of(writer->path);
    return os_fsync_dir(os, AT_FDCWD, folder, 0, err);
}

void vec_file_writer_free(struct vec_file_writer *writer) {
    if (!writer)
        return;
    os_close(writer->os, writer->fd);
    if (!writer->committed) {
        struct lh_err err;
        lh_ignore(os_unlink(writer->os, AT_FDCWD, writer->temporary, &err));
    }
    lh_free(writer->path);
    lh_free(writer->temporary);
    buf_release(&writer->sums);
    lh_free(writer);
}
