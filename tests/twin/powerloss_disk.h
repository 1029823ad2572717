/* Inside the power-loss twin: its file system in memory, and what a cut does to it.  os_powerloss.c has the calls on top.  Everything is
 * under the twin's lock. */
#ifndef LH_TWIN_POWERLOSS_DISK_H
#define LH_TWIN_POWERLOSS_DISK_H

#include "twin/os_powerloss.h"

#include <pthread.h>
#include <stddef.h>

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

/* The next number of a stream; and one below `limit` of the stream that decides what is lost. */
uint64_t disk_next_random(uint64_t *state);
size_t disk_draw(struct os_powerloss *p, size_t limit);

/* Bytes that grow, with zeros where nothing was written. */
void disk_bytes_copy(struct bytes *to, const struct bytes *from);

/* Changes to a file stand in its list until they are certain. */
void disk_add_write(struct inode *inode, bool cut, size_t offset, const void *data, size_t len);
void disk_drop_writes(struct inode *inode);

/* Names of a folder.  A name is made where it is missing; `until`: the step that is certain from now on. */
struct name *disk_find_name(const struct inode *dir, const char *text);
struct inode *disk_live_of(const struct name *name);
size_t disk_last_step(const struct name *name);
struct name *disk_set_name(struct inode *dir, const char *text, struct step step);
void disk_make_certain(struct name *name, size_t until);
bool disk_is_empty(const struct inode *dir);

struct inode *disk_inode_new(struct os_powerloss *p, bool is_dir, uint64_t disk);
void disk_inode_free(struct inode *inode);

/* The power is cut: every change that is not certain happens or does not. */
void disk_lose(struct os_powerloss *p);

#endif
