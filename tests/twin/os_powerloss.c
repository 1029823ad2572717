#include "twin/os_powerloss.h"

#include "base/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define SECTOR ((size_t)512)
/* What is there from the start; the root is disk 0. */
static const char *const mounts[] = {"", "data", "other"};

#define FIRST_FD 1000000 /* no real descriptor: a call that goes past the table fails */

struct bytes {
    char *data;
    size_t len;
};

struct write {
    bool cut; /* the file's length becomes `offset` */
    size_t offset;
    struct bytes data;
};

struct inode;
struct name;

/* What a name stood for: one step of its history.  The step may be on disk only if `with` has reached step `with_step`: the
 * other side of a rename. */
struct step {
    struct inode *inode; /* NULL: nothing */
    struct name *with;
    size_t with_step;
};

struct name {
    char *text;
    struct step *steps; /* steps[0] is certain, the last one is what programs see */
    size_t count;
    size_t dropped; /* steps before steps[0]; numbers of steps count from the first that ever was */
    size_t chosen;  /* while the power is being cut */
};

struct inode {
    uint64_t number;
    uint64_t disk;
    bool is_dir;
    struct name **names; /* of a folder; never removed, so that positions of readers stay */
    size_t name_count;
    struct bytes live;
    struct bytes certain;
    struct write *writes; /* from certain to live */
    size_t write_count;
    int64_t mtime_us;
    int64_t certain_mtime_us;
};

struct open_file {
    struct inode *inode; /* NULL: free */
    size_t position;     /* in a folder: of the next name */
};

struct os_powerloss {
    struct os table;
    pthread_mutex_t lock;
    uint64_t random_state; /* of the program */
    uint64_t draw_state;   /* of the cut and of the test */
    bool off;
    uint64_t cut_in; /* changing calls until the cut, it included; 0: none */
    enum os_powerloss_lie lie;
    int64_t now_ns;
    struct inode **inodes; /* [0] is the root */
    size_t inode_count;
    struct open_file *files;
    size_t file_count;
};

/* ---- numbers ---- */

static uint64_t next_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t draw(struct os_powerloss *p, size_t limit) {
    return (size_t)(next_random(&p->draw_state) % limit);
}

uint64_t os_powerloss_draw(struct os_powerloss *p, uint64_t limit) {
    pthread_mutex_lock(&p->lock);
    uint64_t number = draw(p, limit);
    pthread_mutex_unlock(&p->lock);
    return number;
}

/* ---- bytes ---- */

static void bytes_put(struct bytes *b, size_t offset, const char *data, size_t len) {
    if (offset + len > b->len) {
        b->data = lh_realloc(b->data, offset + len);
        if (offset > b->len)
            memset(b->data + b->len, 0, offset - b->len);
        b->len = offset + len;
    }
    if (len)
        memcpy(b->data + offset, data, len);
}

static void bytes_set_len(struct bytes *b, size_t len) {
    if (len > b->len)
        bytes_put(b, len, "", 0);
    b->len = len;
}

static void bytes_copy(struct bytes *to, const struct bytes *from) {
    to->len = 0;
    bytes_put(to, 0, from->data, from->len);
}

/* ---- inodes and names ---- */

static struct inode *inode_new(struct os_powerloss *p, bool is_dir, uint64_t disk) {
    struct inode *inode = lh_calloc(1, sizeof *inode);
    inode->disk = disk;
    inode->number = p->inode_count + 1;
    inode->is_dir = is_dir;
    inode->mtime_us = inode->certain_mtime_us = p->now_ns / 1000;
    p->inodes = lh_realloc(p->inodes, (p->inode_count + 1) * sizeof(struct inode *));
    p->inodes[p->inode_count++] = inode;
    return inode;
}

static void drop_writes(struct inode *inode) {
    for (size_t i = 0; i < inode->write_count; i++)
        lh_free(inode->writes[i].data.data);
    inode->write_count = 0;
}

static void add_write(struct inode *inode, bool cut, size_t offset, const void *data, size_t len) {
    inode->writes = lh_realloc(inode->writes, (inode->write_count + 1) * sizeof *inode->writes);
    struct write *write = &inode->writes[inode->write_count++];
    *write = (struct write){.cut = cut, .offset = offset};
    bytes_put(&write->data, 0, data, len);
    if (cut)
        bytes_set_len(&inode->live, offset);
    else
        bytes_put(&inode->live, offset, data, len);
}

static struct name *find_name(const struct inode *dir, const char *text) {
    for (size_t i = 0; i < dir->name_count; i++)
        if (strcmp(dir->names[i]->text, text) == 0)
            return dir->names[i];
    return NULL;
}

static struct inode *live_of(const struct name *name) {
    return name ? name->steps[name->count - 1].inode : NULL;
}

static size_t last_step(const struct name *name) {
    return name->dropped + name->count - 1;
}

static struct name *set_name(struct inode *dir, const char *text, struct step step) {
    struct name *name = find_name(dir, text);
    if (!name) {
        name = lh_calloc(1, sizeof *name);
        name->text = lh_strdup(text);
        name->steps = lh_calloc(1, sizeof *name->steps);
        name->count = 1;
        dir->names = lh_realloc(dir->names, (dir->name_count + 1) * sizeof(struct name *));
        dir->names[dir->name_count++] = name;
    }
    name->steps = lh_realloc(name->steps, (name->count + 1) * sizeof *name->steps);
    name->steps[name->count++] = step;
    return name;
}

/* All steps up to number `until` are on disk. */
static void make_certain(struct name *name, size_t until) {
    while (name->dropped < until) {
        name->dropped++;
        name->count--;
        memmove(name->steps, name->steps + 1, name->count * sizeof *name->steps);
        if (name->steps[0].with)
            make_certain(name->steps[0].with, name->steps[0].with_step);
    }
}

static bool is_empty(const struct inode *dir) {
    for (size_t i = 0; i < dir->name_count; i++)
        if (live_of(dir->names[i]))
            return false;
    return true;
}

/* ---- the cut ---- */

/* How much of what is not certain gets through: three kinds of luck, since each kind finds other mistakes. */
enum luck { LUCK_NOTHING, LUCK_ALL, LUCK_SOME };

static void lose_names(struct os_powerloss *p, struct inode *dir, enum luck luck) {
    for (size_t i = 0; i < dir->name_count; i++) {
        struct name *name = dir->names[i];
        size_t more = luck == LUCK_ALL ? name->count - 1 : luck == LUCK_SOME ? draw(p, name->count) : 0;
        name->chosen = name->dropped + more;
    }
}

/* Take back steps that need another one which did not happen; true when there was any. */
static bool take_back(struct name *name) {
    for (size_t i = 1; i < name->count && name->dropped + i <= name->chosen; i++) {
        const struct step *step = &name->steps[i];
        if (step->with && step->with->chosen < step->with_step) {
            name->chosen = name->dropped + i - 1;
            return true;
        }
    }
    return false;
}

static void settle_names(struct inode *dir) {
    for (size_t i = 0; i < dir->name_count; i++) {
        struct name *name = dir->names[i];
        struct inode *inode = name->steps[name->chosen - name->dropped].inode;
        name->steps[0] = (struct step){.inode = inode};
        name->count = 1;
        name->dropped = name->chosen;
    }
}

static void apply_some(struct os_powerloss *p, struct bytes *to, const struct write *write) {
    if (write->cut) {
        if (draw(p, 2))
            bytes_set_len(to, write->offset);
        return;
    }
    for (size_t at = 0; at < write->data.len;) {
        size_t offset = write->offset + at;
        size_t len = SECTOR - offset % SECTOR;
        if (len > write->data.len - at)
            len = write->data.len - at;
        if (draw(p, 2))
            bytes_put(to, offset, write->data.data + at, len);
        at += len;
    }
}

static void lose_bytes(struct os_powerloss *p, struct inode *inode, enum luck luck) {
    if (luck == LUCK_SOME) {
        for (size_t i = 0; i < inode->write_count; i++)
            apply_some(p, &inode->certain, &inode->writes[i]);
        if (inode->certain.len < inode->live.len && draw(p, 4) == 0)
            bytes_set_len(&inode->certain, inode->live.len);
        bytes_copy(&inode->live, &inode->certain);
    } else if (luck == LUCK_NOTHING) {
        bytes_copy(&inode->live, &inode->certain);
        inode->mtime_us = inode->certain_mtime_us;
    } else {
        bytes_copy(&inode->certain, &inode->live);
    }
    inode->certain_mtime_us = inode->mtime_us;
    drop_writes(inode);
}

static void lose(struct os_powerloss *p) {
    enum luck names = (enum luck)draw(p, 3);
    enum luck data = (enum luck)draw(p, 3);
    for (size_t i = 0; i < p->inode_count; i++) {
        lose_names(p, p->inodes[i], names);
        lose_bytes(p, p->inodes[i], data);
    }
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < p->inode_count; i++)
            for (size_t n = 0; n < p->inodes[i]->name_count; n++)
                again |= take_back(p->inodes[i]->names[n]);
    }
    for (size_t i = 0; i < p->inode_count; i++)
        settle_names(p->inodes[i]);
}

void os_powerloss_restart(struct os_powerloss *p, enum os_powerloss_end end) {
    pthread_mutex_lock(&p->lock);
    if (end == OS_POWERLOSS_CUT)
        lose(p);
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
                dir = live_of(find_name(dir, ret_last));
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
    return strcmp(last, ".") == 0 ? dir : live_of(find_name(dir, last));
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
        add_write(inode, true, 0, "", 0);
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
    inode = inode_new(p, false, dir->disk);
    set_name(dir, last, (struct step){.inode = inode});
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
    add_write(file->inode, false, file->position, data, len);
    file->position += len;
    return end_long(p, (ssize_t)len);
}

static ssize_t power_pwrite(void *self, int fd, const void *data, size_t len, off_t offset) {
    struct os_powerloss *p = self;
    int result = begin(p, true);
    struct open_file *file = file_of(p, fd);
    if (result < 0 || !file)
        return end_long(p, result < 0 ? result : -EBADF);
    add_write(file->inode, false, (size_t)offset, data, len);
    return end_long(p, (ssize_t)len);
}

static void sync_inode(struct os_powerloss *p, struct inode *inode, bool with_time) {
    if (p->lie == (inode->is_dir ? OS_POWERLOSS_NO_FOLDER_SYNC : OS_POWERLOSS_NO_FILE_SYNC))
        return;
    for (size_t i = 0; i < inode->name_count; i++)
        make_certain(inode->names[i], last_step(inode->names[i]));
    if (inode->write_count)
        bytes_copy(&inode->certain, &inode->live);
    drop_writes(inode);
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
        add_write(file->inode, true, (size_t)len, "", 0);
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
    set_name(to_dir, to, (struct step){.inode = inode});
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
    return there->is_dir && !is_empty(there) ? -ENOTEMPTY : 0;
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
    struct name *came = set_name(to_dir, to, (struct step){.inode = inode});
    set_name(from_dir, from, (struct step){.with = came, .with_step = last_step(came)});
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
    if (want_dir && !is_empty(inode))
        return end(p, -ENOTEMPTY);
    set_name(dir, last, (struct step){0});
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
    set_name(dir, last, (struct step){.inode = inode_new(p, true, dir->disk)});
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
        if (!live_of(name))
            continue;
        size_t size = put_record(live_of(name), name->text, (char *)data + done, len - done);
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
        ((unsigned char *)ret_data)[i] = (unsigned char)next_random(&p->random_state);
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
    struct inode *root = inode_new(p, true, 0);
    for (uint64_t disk = 1; disk < LH_ARRAY_LEN(mounts); disk++)
        make_certain(set_name(root, mounts[disk], (struct step){.inode = inode_new(p, true, disk)}), 1);
    return p;
}

static void inode_free(struct inode *inode) {
    for (size_t i = 0; i < inode->name_count; i++) {
        lh_free(inode->names[i]->text);
        lh_free(inode->names[i]->steps);
        lh_free(inode->names[i]);
    }
    drop_writes(inode);
    lh_free(inode->names);
    lh_free(inode->writes);
    lh_free(inode->live.data);
    lh_free(inode->certain.data);
    lh_free(inode);
}

void os_powerloss_free(struct os_powerloss *p) {
    if (!p)
        return;
    for (size_t i = 0; i < p->inode_count; i++)
        inode_free(p->inodes[i]);
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
