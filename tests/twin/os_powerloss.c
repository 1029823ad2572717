#include "twin/os_powerloss.h"

#include "base/alloc.h"
#include "twin/powerloss_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

/* What is there from the start; the root is disk 0. */
static const char *const mounts[] = {"", "data", "other"};

#define FIRST_FD 1000000 /* no real descriptor: a call that goes past the table fails */

uint64_t os_powerloss_draw(struct os_powerloss *p, uint64_t limit) {
    pthread_mutex_lock(&p->lock);
    uint64_t number = disk_draw(p, limit);
    pthread_mutex_unlock(&p->lock);
    return number;
}

void os_powerloss_restart(struct os_powerloss *p, enum os_powerloss_end end) {
    pthread_mutex_lock(&p->lock);
    if (end == OS_POWERLOSS_CUT)
        disk_lose(p);
    p->file_count = 0;
    p->off = false;
    p->cut_in = 0;
    pthread_mutex_unlock(&p->lock);
}

/* ---- paths and descriptors ---- */

static struct open_file *file_of(struct os_powerloss *p, int fd) {
    size_t i = (size_t)(fd - FIRST_FD);
    return fd >= FIRST_FD && i < p->file_count && p->files[i].inode ? &p->files[i] : NULL;
}

static int new_fd(struct os_powerloss *p, struct inode *inode) {
    size_t i = 0;
    while (i < p->file_count && p->files[i].inode)
        i++;
    if (i == p->file_count)
        p->files = lh_realloc(p->files, ++p->file_count * sizeof *p->files);
    p->files[i] = (struct open_file){.inode = inode};
    return FIRST_FD + (int)i;
}

/* The folder that holds the last part of `path`, and that part ("." for the folder itself).  0 or -errno. */
static int walk(struct os_powerloss *p, int dir_fd, const char *path, struct inode **ret_dir, char ret_last[256]) {
    struct open_file *from = file_of(p, dir_fd);
    struct inode *dir = path[0] == '/' || dir_fd == AT_FDCWD ? p->inodes[0] : from ? from->inode : NULL;
    if (!dir)
        return -EBADF;
    snprintf(ret_last, 256, ".");
    for (const char *at = path; *at;) {
        size_t len = strcspn(at, "/");
        if (len > 255)
            return -ENAMETOOLONG;
        if (len > 0 && !(len == 1 && at[0] == '.')) {
            if (strcmp(ret_last, ".") != 0) {
                dir = disk_live_of(disk_find_name(dir, ret_last));
                if (!dir)
                    return -ENOENT;
            }
            if (!dir->is_dir)
                return -ENOTDIR;
            memcpy(ret_last, at, len);
            ret_last[len] = '\0';
        }
        at += len;
        at += *at == '/';
    }
    *ret_dir = dir;
    return 0;
}

/* NULL: nothing of that name in there. */
static struct inode *target_of(struct inode *dir, const char *last) {
    return strcmp(last, ".") == 0 ? dir : disk_live_of(disk_find_name(dir, last));
}

/* Every call begins here: 0, or the failure of a machine without power. */
static int begin(struct os_powerloss *p, bool changes) {
    pthread_mutex_lock(&p->lock);
    p->now_ns += 7000;
    if (changes && p->cut_in > 0 && --p->cut_in == 0)
        p->off = true;
    return p->off ? -EIO : 0;
}

static int end(struct os_powerloss *p, int result) {
    pthread_mutex_unlock(&p->lock);
    return result;
}

static ssize_t end_long(struct os_powerloss *p, ssize_t result) {
    pthread_mutex_unlock(&p->lock);
    return result;
}

/* ---- the calls ---- */

static int open_existing(struct os_powerloss *p, struct inode *inode, int flags) {
    if ((flags & O_DIRECTORY) && !inode->is_dir)
        return -ENOTDIR;
    if (inode->is_dir && (flags & O_ACCMODE) != O_RDONLY)
        return -EISDIR;
    if (flags & O_TRUNC)
        disk_add_write(inode, true, 0, "", 0);
    return new_fd(p, inode);
}

static int power_open(void *self, int dir_fd, const char *path, int flags, mode_t mode, uint64_t resolve) {
    struct os_powerloss *p = self;
    (void)mode, (void)resolve;
    int result = begin(p, (flags & (O_CREAT | O_TRUNC)) != 0);
    struct inode *dir = NULL;
    char last[256];
    if (result == 0)
        result = walk(p, dir_fd, path, &dir, last);
    if (!dir)
        return end(p, result);
    struct inode *inode = target_of(dir, last);
    if (inode)
        return end(p, (flags & O_EXCL) ? -EEXIST : open_existing(p, inode, flags));
    if (!(flags & O_CREAT))
        return end(p, -ENOENT);
    inode = disk_inode_new(p, false, dir->disk);
    disk_set_name(dir, last, (struct step){.inode = inode});
    return end(p, new_fd(p, inode));
}

static int power_close(void *self, int fd) {
    struct os_powerloss *p = self;
    int result = begin(p, false);
    struct open_file *file = file_of(p, fd);
    if (file)
        file->inode = NULL;
    return end(p, result < 0 ? result : file ? 0 : -EBADF);
}

static ssize_t read_at(struct open_file *file, void *data, size_t len, size_t offset) {
    const struct bytes *live = &file->inode->live;
    if (file->inode->is_dir)
        return -EISDIR;
    if (offset >= live->len)
        return 0;
    if (len > live->len - offset)
        len = live->len - offset;
    memcpy(data, live->data + offset, len);
    return (ssize_t)len;
}

static ssize_t power_read(void *self, int fd, void *data, size_t len) {
    struct os_powerloss *p = self;
    ssize_t result = begin(p, false);
    struct open_file *file = file_of(p, fd);
    if (result == 0)
        result = file ? read_at(file, data, len, file->position) : -EBADF;
    if (result > 0)
        file->position += (size_t)result;
    return end_long(p, result);
}

static ssize_t power_pread(void *self, int fd, void *data, size_t len, off_t offset) {
    struct os_powerloss *p = self;
    ssize_t result = begin(p, false);
    struct open_file *file = file_of(p, fd);
    if (result == 0)
        result = file ? read_at(file, data, len, (size_t)offset) : -EBADF;
    return end_long(p, result);
}

static ssize_t power_write(void *self, int fd, const void *data, size_t len) {
    struct os_powerloss *p = self;
    int result = begin(p, true);
    struct open_file *file = file_of(p, fd);
    if (result < 0 || !file)
        return end_long(p, result < 0 ? result : -EBADF);
    disk_add_write(file->inode, false, file->position, data, len);
    file->position += len;
    return end_long(p, (ssize_t)len);
}

static ssize_t power_pwrite(void *self, int fd, const void *data, size_t len, off_t offset) {
    struct os_powerloss *p = self;
    int result = begin(p, true);
    struct open_file *file = file_of(p, fd);
    if (result < 0 || !file)
        return end_long(p, result < 0 ? result : -EBADF);
    disk_add_write(file->inode, false, (size_t)offset, data, len);
    return end_long(p, (ssize_t)len);
}

static void sync_inode(struct os_powerloss *p, struct inode *inode, bool with_time) {
    if (p->lie == (inode->is_dir ? OS_POWERLOSS_NO_FOLDER_SYNC : OS_POWERLOSS_NO_FILE_SYNC))
        return;
    for (size_t i = 0; i < inode->name_count; i++)
        disk_make_certain(inode->names[i], disk_last_step(inode->names[i]));
    if (inode->write_count)
        disk_bytes_copy(&inode->certain, &inode->live);
    disk_drop_writes(inode);
    if (with_time)
        inode->certain_mtime_us = inode->mtime_us;
}

static int sync_call(struct os_powerloss *p, int fd, bool with_time) {
    int result = begin(p, true);
    struct open_file *file = file_of(p, fd);
    if (result == 0 && file)
        sync_inode(p, file->inode, with_time);
    return end(p, result < 0 ? result : file ? 0 : -EBADF);
}

static int power_fsync(void *self, int fd) {
    return sync_call(self, fd, true);
}

static int power_fdatasync(void *self, int fd) {
    return sync_call(self, fd, false);
}

static int power_syncfs(void *self, int fd) {
    struct os_powerloss *p = self;
    int result = begin(p, true);
    struct open_file *file = file_of(p, fd);
    for (size_t i = 0; i < p->inode_count && result == 0 && file; i++)
        if (p->inodes[i]->disk == file->inode->disk)
            sync_inode(p, p->inodes[i], true);
    return end(p, result < 0 ? result : file ? 0 : -EBADF);
}

static int power_ftruncate(void *self, int fd, off_t len) {
    struct os_powerloss *p = self;
    int result = begin(p, true);
    struct open_file *file = file_of(p, fd);
    if (result == 0 && file)
        disk_add_write(file->inode, true, (size_t)len, "", 0);
    return end(p, result < 0 ? result : file ? 0 : -EBADF);
}

static int power_set_mtime(void *self, int fd, int64_t mtime_us) {
    struct os_powerloss *p = self;
    int result = begin(p, true);
    struct open_file *file = file_of(p, fd);
    if (result == 0 && file)
        file->inode->mtime_us = mtime_us;
    return end(p, result < 0 ? result : file ? 0 : -EBADF);
}

static void fill_stat(const struct inode *inode, struct stat *st) {
    *st = (struct stat){.st_dev = 1 + inode->disk, .st_nlink = 1, .st_ino = inode->number};
    st->st_mode = inode->is_dir ? S_IFDIR | 0755 : S_IFREG | 0644;
    st->st_size = (off_t)inode->live.len;
    st->st_mtim.tv_sec = inode->mtime_us / 1000000;
    st->st_mtim.tv_nsec = inode->mtime_us % 1000000 * 1000;
}

static int power_fstat(void *self, int fd, struct stat *ret_stat) {
    struct os_powerloss *p = self;
    int result = begin(p, false);
    struct open_file *file = file_of(p, fd);
    if (result == 0 && file)
        fill_stat(file->inode, ret_stat);
    return end(p, result < 0 ? result : file ? 0 : -EBADF);
}

static int power_fstatat(void *self, int dir_fd, const char *path, struct stat *ret_stat, int flags) {
    struct os_powerloss *p = self;
    (void)flags;
    int result = begin(p, false);
    struct inode *dir = NULL;
    char last[256];
    if (result == 0)
        result = walk(p, dir_fd, path, &dir, last);
    struct inode *inode = result == 0 ? target_of(dir, last) : NULL;
    if (inode)
        fill_stat(inode, ret_stat);
    return end(p, result < 0 ? result : inode ? 0 : -ENOENT);
}

static int power_link(void *self, int old_dir, const char *old_path, int new_dir, const char *new_path) {
    struct os_powerloss *p = self;
    int result = begin(p, true);
    struct inode *from_dir = NULL;
    struct inode *to_dir = NULL;
    char from[256];
    char to[256];
    if (result == 0)
        result = walk(p, old_dir, old_path, &from_dir, from);
    if (result == 0)
        result = walk(p, new_dir, new_path, &to_dir, to);
    if (!to_dir)
        return end(p, result);
    struct inode *inode = target_of(from_dir, from);
    if (!inode || target_of(to_dir, to))
        return end(p, inode ? -EEXIST : -ENOENT);
    if (inode->disk != to_dir->disk)
        return end(p, -EXDEV);
    disk_set_name(to_dir, to, (struct step){.inode = inode});
    return end(p, 0);
}

static int check_rename(const struct inode *inode, const struct inode *there, unsigned flags) {
    if (!inode)
        return -ENOENT;
    if (!there)
        return 0;
    if (flags & RENAME_NOREPLACE)
        return -EEXIST;
    if (there->is_dir != inode->is_dir)
        return there->is_dir ? -EISDIR : -ENOTDIR;
    return there->is_dir && !disk_is_empty(there) ? -ENOTEMPTY : 0;
}

static int power_rename(void *self, int old_dir, const char *old_path, int new_dir, const char *new_path,
                        unsigned flags) {
    struct os_powerloss *p = self;
    int result = begin(p, true);
    struct inode *from_dir = NULL;
    struct inode *to_dir = NULL;
    char from[256];
    char to[256];
    if (result == 0)
        result = walk(p, old_dir, old_path, &from_dir, from);
    if (result == 0)
        result = walk(p, new_dir, new_path, &to_dir, to);
    if (!to_dir)
        return end(p, result);
    struct inode *inode = target_of(from_dir, from);
    result = from_dir->disk != to_dir->disk ? -EXDEV : check_rename(inode, target_of(to_dir, to), flags);
    if (result < 0)
        return end(p, result);
    struct name *came = disk_set_name(to_dir, to, (struct step){.inode = inode});
    disk_set_name(from_dir, from, (struct step){.with = came, .with_step = disk_last_step(came)});
    return end(p, 0);
}

static int power_unlink(void *self, int dir_fd, const char *path, int flags) {
    struct os_powerloss *p = self;
    int result = begin(p, true);
    struct inode *dir = NULL;
    char last[256];
    if (result == 0)
        result = walk(p, dir_fd, path, &dir, last);
    if (!dir)
        return end(p, result);
    struct inode *inode = target_of(dir, last);
    bool want_dir = (flags & AT_REMOVEDIR) != 0;
    if (!inode)
        return end(p, -ENOENT);
    if (inode->is_dir != want_dir)
        return end(p, want_dir ? -ENOTDIR : -EISDIR);
    if (want_dir && !disk_is_empty(inode))
        return end(p, -ENOTEMPTY);
    disk_set_name(dir, last, (struct step){0});
    return end(p, 0);
}

static int power_mkdir(void *self, int dir_fd, const char *path, mode_t mode) {
    struct os_powerloss *p = self;
    (void)mode;
    int result = begin(p, true);
    struct inode *dir = NULL;
    char last[256];
    if (result == 0)
        result = walk(p, dir_fd, path, &dir, last);
    if (!dir)
        return end(p, result);
    if (target_of(dir, last))
        return end(p, -EEXIST);
    disk_set_name(dir, last, (struct step){.inode = disk_inode_new(p, true, dir->disk)});
    return end(p, 0);
}

static size_t put_record(const struct inode *inode, const char *text, char *to, size_t room) {
    size_t len = strlen(text) + 1;
    size_t size = (offsetof(struct dirent64, d_name) + len + 7) / 8 * 8;
    if (size > room)
        return 0;
    struct dirent64 *record = (struct dirent64 *)(void *)to;
    record->d_ino = inode->number;
    record->d_off = 0;
    record->d_reclen = (unsigned short)size;
    record->d_type = inode->is_dir ? DT_DIR : DT_REG;
    memcpy(to + offsetof(struct dirent64, d_name), text, len);
    return size;
}

static ssize_t power_getdents(void *self, int fd, void *data, size_t len) {
    struct os_powerloss *p = self;
    int result = begin(p, false);
    struct open_file *file = file_of(p, fd);
    if (result < 0 || !file || !file->inode->is_dir)
        return end_long(p, result < 0 ? result : file ? -ENOTDIR : -EBADF);
    size_t done = 0;
    for (; file->position < file->inode->name_count; file->position++) {
        const struct name *name = file->inode->names[file->position];
        if (!disk_live_of(name))
            continue;
        size_t size = put_record(disk_live_of(name), name->text, (char *)data + done, len - done);
        if (size == 0)
            break;
        done += size;
    }
    return end_long(p, (ssize_t)done);
}

static int power_flock(void *self, int fd, int operation) {
    struct os_powerloss *p = self;
    (void)operation;
    int result = begin(p, false);
    return end(p, result < 0 ? result : file_of(p, fd) ? 0 : -EBADF);
}

static int power_fstatvfs(void *self, int fd, struct statvfs *ret_stat) {
    struct os_powerloss *p = self;
    int result = begin(p, false);
    (void)fd;
    if (result == 0)
        *ret_stat = (struct statvfs){.f_bsize = 4096, .f_frsize = 4096, .f_blocks = 1 << 28, .f_bavail = 1 << 28};
    return end(p, result);
}

static int64_t power_monotonic_ns(void *self) {
    struct os_powerloss *p = self;
    pthread_mutex_lock(&p->lock);
    int64_t now = p->now_ns += 1000;
    pthread_mutex_unlock(&p->lock);
    return now;
}

static int64_t power_realtime_us(void *self) {
    return INT64_C(1750000000000000) + power_monotonic_ns(self) / 1000;
}

static void power_sleep_ns(void *self, int64_t ns) {
    struct os_powerloss *p = self;
    pthread_mutex_lock(&p->lock);
    p->now_ns += ns;
    pthread_mutex_unlock(&p->lock);
}

static void power_random(void *self, void *ret_data, size_t len) {
    struct os_powerloss *p = self;
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < len; i++)
        ((unsigned char *)ret_data)[i] = (unsigned char)disk_next_random(&p->random_state);
    pthread_mutex_unlock(&p->lock);
}

/* ---- the twin ---- */

struct os_powerloss *os_powerloss_new(uint64_t seed) {
    struct os_powerloss *p = lh_calloc(1, sizeof *p);
    p->table = (struct os){
        .self = p,
        .open = power_open,
        .close = power_close,
        .read = power_read,
        .write = power_write,
        .pread = power_pread,
        .pwrite = power_pwrite,
        .fsync = power_fsync,
        .fdatasync = power_fdatasync,
        .syncfs = power_syncfs,
        .ftruncate = power_ftruncate,
        .set_mtime = power_set_mtime,
        .fstat = power_fstat,
        .fstatat = power_fstatat,
        .link = power_link,
        .rename = power_rename,
        .unlink = power_unlink,
        .mkdir = power_mkdir,
        .getdents = power_getdents,
        .flock = power_flock,
        .fstatvfs = power_fstatvfs,
        .realtime_us = power_realtime_us,
        .monotonic_ns = power_monotonic_ns,
        .sleep_ns = power_sleep_ns,
        .random = power_random,
    };
    pthread_mutex_init(&p->lock, NULL);
    p->random_state = seed;
    p->draw_state = ~seed;
    struct inode *root = disk_inode_new(p, true, 0);
    for (uint64_t disk = 1; disk < LH_ARRAY_LEN(mounts); disk++)
        disk_make_certain(disk_set_name(root, mounts[disk], (struct step){.inode = disk_inode_new(p, true, disk)}), 1);
    return p;
}

void os_powerloss_free(struct os_powerloss *p) {
    if (!p)
        return;
    for (size_t i = 0; i < p->inode_count; i++)
        disk_inode_free(p->inodes[i]);
    lh_free(p->inodes);
    lh_free(p->files);
    pthread_mutex_destroy(&p->lock);
    lh_free(p);
}

struct os *os_powerloss_table(struct os_powerloss *p) {
    return &p->table;
}

void os_powerloss_cut_at(struct os_powerloss *p, uint64_t nth) {
    pthread_mutex_lock(&p->lock);
    p->cut_in = nth;
    pthread_mutex_unlock(&p->lock);
}

void os_powerloss_switch_off(struct os_powerloss *p) {
    pthread_mutex_lock(&p->lock);
    p->off = true;
    pthread_mutex_unlock(&p->lock);
}

bool os_powerloss_is_off(struct os_powerloss *p) {
    pthread_mutex_lock(&p->lock);
    bool off = p->off;
    pthread_mutex_unlock(&p->lock);
    return off;
}

void os_powerloss_lie(struct os_powerloss *p, enum os_powerloss_lie lie) {
    pthread_mutex_lock(&p->lock);
    p->lie = lie;
    pthread_mutex_unlock(&p->lock);
}

bool os_powerloss_exists(struct os_powerloss *p, const char *path) {
    pthread_mutex_lock(&p->lock);
    struct inode *dir = NULL;
    char last[256];
    bool found = walk(p, AT_FDCWD, path, &dir, last) == 0 && target_of(dir, last);
    pthread_mutex_unlock(&p->lock);
    return found;
}
