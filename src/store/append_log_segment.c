/* The local files of an append log: WAL_DIR/NAME/NUMBER.wal.  Format: docs/formats/wal.md. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/clock.h"
#include "os/dir.h"
#include "os/fault.h"
#include "os/file.h"
#include "os/os.h"
#include "store/append_log_internal.h"
#include "store/wal_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#define SEGMENT_NAME_SIZE 40
#define SEGMENT_READ_MAX ((size_t)1 << 30)

static void segment_name(uint64_t number, char ret_name[SEGMENT_NAME_SIZE]) {
    snprintf(ret_name, SEGMENT_NAME_SIZE, "%020" PRIu64 ".wal", number);
}

/* NUMBER.wal with 20 digits; false for any other file. */
static bool parse_segment_name(const char *name, uint64_t *ret_number) {
    if (strlen(name) != 24 || strcmp(name + 20, ".wal") != 0 || strspn(name, "0123456789") != 20)
        return false;
    *ret_number = strtoull(name, NULL, 10);
    return *ret_number > 0;
}

void log_note_damage(struct append_log_damage *damage, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    if (damage->places++ == 0)
        vsnprintf(damage->first, sizeof damage->first, fmt, args);
    va_end(args);
}

/* ---- reading ---- */

static enum lh_code read_bytes(struct append_log *log, struct log_segment segment, const char *name,
                               struct buf *ret_data, struct lh_err *err) {
    if (segment.size_bytes > SEGMENT_READ_MAX)
        return lh_fail(err, LH_TOO_LARGE, "log segment \"%s/%s\" has %" PRIu64 " bytes", log->folder, name,
                       segment.size_bytes);
    int fd = -1;
    LH_TRY(os_open(log->os, log->folder_fd, name, O_RDONLY, 0, OS_BENEATH, &fd, err));
    size_t len = 0;
    buf_reserve(ret_data, (size_t)segment.size_bytes);
    enum lh_code code = os_pread_full(log->os, fd, ret_data->data, (size_t)segment.size_bytes, 0, name, &len, err);
    os_close(log->os, fd);
    ret_data->len = code == LH_OK ? len : 0;
    return code;
}

static bool tell(const struct append_log_record *record, append_log_fn *fn, void *ctx) {
    LH_AUTO(mem) char *json = lh_strndup(record->json, record->len);
    struct append_log_record whole = *record;
    whole.json = json;
    return fn(&whole, ctx);
}

static void walk(const char *name, const struct buf *data, append_log_fn *fn, void *ctx,
                 struct append_log_damage *damage) {
    struct wal_reader reader;
    struct append_log_record record;
    size_t offset = 0;
    size_t bytes = 0;
    wal_reader_init(&reader, data->data, data->len);
    for (;;) {
        switch (wal_reader_next(&reader, &record, &offset, &bytes)) {
        case WAL_RECORD:
            if (!tell(&record, fn, ctx))
                return;
            break;
        case WAL_DAMAGE:
            log_note_damage(damage, "log segment %s: %zu bytes at offset %zu are damaged", name, bytes, offset);
            break;
        case WAL_TORN: damage->torn_bytes += bytes; break;
        case WAL_END: return;
        }
    }
}

enum lh_code log_read_segment(struct append_log *log, struct log_segment segment, append_log_fn *fn, void *ctx,
                              struct append_log_damage *damage, struct lh_err *err) {
    char name[SEGMENT_NAME_SIZE];
    segment_name(segment.number, name);
    LH_AUTO(buf) struct buf data = BUF_INIT;
    LH_TRY(read_bytes(log, segment, name, &data, err));
    struct wal_segment_header header;
    struct lh_err bad;
    enum lh_code code = wal_decode_segment_header(buf_cstr(&data), data.len, &header, &bad);
    if (code == LH_UNSUPPORTED) {
        *err = bad;
        return lh_err_context(err, "\"%s/%s\"", log->folder, name);
    }
    if (code != LH_OK && data.len <= WAL_SEGMENT_HEADER)
        damage->torn_bytes += data.len; /* the crash came while the segment was made: nothing was acknowledged in it */
    else if (code != LH_OK)
        log_note_damage(damage, "log segment %s: %s", name, bad.message);
    walk(name, &data, fn, ctx, damage);
    return LH_OK;
}

/* ---- recovery ---- */

static void add_sealed(struct append_log *log, struct log_segment segment) {
    log->sealed = lh_realloc(log->sealed, (log->sealed_count + 1) * sizeof *log->sealed);
    log->sealed[log->sealed_count++] = segment;
}

static enum lh_code recover_segment(struct append_log *log, const char *name, uint64_t number, append_log_fn *fn,
                                    void *ctx, struct append_log_damage *damage, struct lh_err *err) {
    struct os_stat st = {0};
    LH_TRY(LH_FAULT("append_log.before_recover", err));
    LH_TRY(os_stat_at(log->os, log->folder_fd, name, &st, err));
    if (!st.is_file)
        return lh_fail(err, LH_CORRUPT, "\"%s/%s\" is not a file", log->folder, name);
    struct log_segment segment = {.number = number, .size_bytes = st.size_bytes};
    LH_TRY(log_read_segment(log, segment, fn, ctx, damage, err));
    add_sealed(log, segment);
    log->next_segment = number + 1;
    return LH_OK;
}

enum lh_code log_recover(struct append_log *log, append_log_fn *fn, void *ctx, struct append_log_damage *damage,
                         struct lh_err *err) {
    LH_TRY(os_mkdir_all(log->os, AT_FDCWD, log->folder, 0777, err));
    LH_TRY(os_open(log->os, AT_FDCWD, log->folder, O_RDONLY | O_DIRECTORY, 0, 0, &log->folder_fd, err));
    if (log->os->flock(log->os->self, log->folder_fd, LOCK_EX | LOCK_NB) < 0)
        return lh_fail(err, LH_LOCKED, "the log folder \"%s\" is in use", log->folder);
    /* A process that was killed before its fdatasync leaves records that can be read and may yet be lost. */
    LH_TRY(os_sync_fs(log->os, log->folder_fd, log->folder, err));
    char **names = NULL;
    size_t count = 0;
    LH_TRY(os_list_dir(log->os, log->folder_fd, ".", 0, &names, &count, err));
    enum lh_code code = LH_OK;
    for (size_t i = 0; i < count && code == LH_OK; i++) {
        uint64_t number = 0;
        if (parse_segment_name(names[i], &number)) /* equal widths: byte order is number order */
            code = recover_segment(log, names[i], number, fn, ctx, damage, err);
    }
    os_list_free(names, count);
    return code;
}

/* ---- writing ---- */

/* A fresh file whose header and name are durable before anything is appended. */
static enum lh_code create_file(struct append_log *log, uint64_t number, const char *name, int *ret_fd,
                                struct lh_err *err) {
    unsigned char header[WAL_SEGMENT_HEADER];
    const struct wal_segment_header fields = {
        .writer = log->writer, .number = number, .created_us = os_realtime_us(log->os)};
    wal_encode_segment_header(&fields, header);
    int fd = -1;
    LH_TRY(LH_FAULT("append_log.before_segment", err));
    LH_TRY(os_open(log->os, log->folder_fd, name, O_RDWR | O_CREAT | O_EXCL, 0666, OS_BENEATH, &fd, err));
    enum lh_code code = os_write_all(log->os, fd, header, sizeof header, name, err);
    if (code == LH_OK)
        code = os_fsync(log->os, fd, name, err);
    if (code == LH_OK)
        code = LH_FAULT("append_log.before_segment_name_sync", err);
    if (code == LH_OK)
        code = os_fsync(log->os, log->folder_fd, log->folder, err);
    if (code != LH_OK) {
        os_close(log->os, fd);
        log->os->unlink(log->os->self, log->folder_fd, name, 0);
        return code;
    }
    *ret_fd = fd;
    return LH_OK;
}

static enum lh_code open_active(struct append_log *log, struct lh_err *err) {
    char name[SEGMENT_NAME_SIZE];
    pthread_mutex_lock(&log->lock);
    uint64_t number = log->next_segment++;
    pthread_mutex_unlock(&log->lock);
    segment_name(number, name);
    LH_TRY(create_file(log, number, name, &log->active_fd, err));
    pthread_mutex_lock(&log->lock);
    log->active = (struct log_segment){.number = number, .size_bytes = WAL_SEGMENT_HEADER};
    pthread_mutex_unlock(&log->lock);
    return LH_OK;
}

enum lh_code log_seal_active(struct append_log *log, struct lh_err *err) {
    if (log->active.number == 0)
        return LH_OK;
    LH_TRY(LH_FAULT("append_log.before_seal", err));
    int fd = log->active_fd;
    log->active_fd = -1;
    pthread_mutex_lock(&log->lock);
    add_sealed(log, log->active);
    log->active = (struct log_segment){0};
    pthread_mutex_unlock(&log->lock);
    return os_close_checked(log->os, fd, "the log segment", err);
}

/* Behind a failed write the file must end where it ended before, or a later record could stand behind garbage. */
static enum lh_code write_frames(struct append_log *log, const struct buf *frames, bool *ret_final,
                                 struct lh_err *err) {
    uint64_t end = log->active.size_bytes;
    enum lh_code code = LH_FAULT("append_log.before_append", err);
    if (code == LH_OK)
        code = os_pwrite_all(log->os, log->active_fd, frames->data, frames->len, end, log->folder, err);
    if (code == LH_OK)
        return LH_OK;
    struct lh_err cut;
    *ret_final = os_truncate(log->os, log->active_fd, end, log->folder, &cut) != LH_OK;
    return code;
}

enum lh_code log_write_group(struct append_log *log, const struct buf *frames, bool *ret_final, struct lh_err *err) {
    if (log->active.number && log->active.size_bytes > WAL_SEGMENT_HEADER &&
        log->active.size_bytes + frames->len > log->segment_bytes)
        LH_TRY(log_seal_active(log, err));
    if (log->active.number == 0)
        LH_TRY(open_active(log, err));
    LH_TRY(write_frames(log, frames, ret_final, err));
    enum lh_code code = LH_FAULT("append_log.before_fsync", err);
    if (code == LH_OK)
        code = os_fdatasync(log->os, log->active_fd, log->folder, err);
    if (code == LH_OK)
        code = LH_FAULT("append_log.after_append", err);
    if (code != LH_OK) {
        *ret_final = true;
        return code;
    }
    pthread_mutex_lock(&log->lock);
    log->active.size_bytes += frames->len;
    pthread_mutex_unlock(&log->lock);
    return LH_OK;
}

enum lh_code log_drop_segment(struct append_log *log, bool damaged, struct lh_err *err) {
    char name[SEGMENT_NAME_SIZE];
    pthread_mutex_lock(&log->lock);
    uint64_t number = log->sealed[0].number;
    pthread_mutex_unlock(&log->lock);
    segment_name(number, name);
    if (damaged) {
        char aside[SEGMENT_NAME_SIZE];
        snprintf(aside, sizeof aside, "%020" PRIu64 ".damaged", number);
        LH_TRY(os_rename(log->os, log->folder_fd, name, log->folder_fd, aside, err));
    } else {
        LH_TRY(os_unlink(log->os, log->folder_fd, name, err));
    }
    pthread_mutex_lock(&log->lock);
    log->sealed_count--;
    memmove(log->sealed, log->sealed + 1, log->sealed_count * sizeof *log->sealed);
    pthread_mutex_unlock(&log->lock);
    LH_TRY(LH_FAULT("append_log.after_drop", err));
    return os_fsync(log->os, log->folder_fd, log->folder, err);
}
