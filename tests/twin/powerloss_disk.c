#include "twin/powerloss_disk.h"

#include "base/alloc.h"

#include <string.h>

#define SECTOR ((size_t)512)

/* ---- numbers ---- */

uint64_t disk_next_random(uint64_t *state) { /* splitmix64 */
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t disk_draw(struct os_powerloss *p, size_t limit) {
    return (size_t)(disk_next_random(&p->draw_state) % limit);
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

void disk_bytes_copy(struct bytes *to, const struct bytes *from) {
    to->len = 0;
    bytes_put(to, 0, from->data, from->len);
}

/* ---- inodes and names ---- */

struct inode *disk_inode_new(struct os_powerloss *p, bool is_dir, uint64_t disk) {
    struct inode *inode = lh_calloc(1, sizeof *inode);
    inode->disk = disk;
    inode->number = p->inode_count + 1;
    inode->is_dir = is_dir;
    inode->mtime_us = inode->certain_mtime_us = p->now_ns / 1000;
    p->inodes = lh_realloc(p->inodes, (p->inode_count + 1) * sizeof(struct inode *));
    p->inodes[p->inode_count++] = inode;
    return inode;
}

void disk_drop_writes(struct inode *inode) {
    for (size_t i = 0; i < inode->write_count; i++)
        lh_free(inode->writes[i].data.data);
    inode->write_count = 0;
}

void disk_add_write(struct inode *inode, bool cut, size_t offset, const void *data, size_t len) {
    inode->writes = lh_realloc(inode->writes, (inode->write_count + 1) * sizeof *inode->writes);
    struct write *write = &inode->writes[inode->write_count++];
    *write = (struct write){.cut = cut, .offset = offset};
    bytes_put(&write->data, 0, data, len);
    if (cut)
        bytes_set_len(&inode->live, offset);
    else
        bytes_put(&inode->live, offset, data, len);
}

struct name *disk_find_name(const struct inode *dir, const char *text) {
    for (size_t i = 0; i < dir->name_count; i++)
        if (strcmp(dir->names[i]->text, text) == 0)
            return dir->names[i];
    return NULL;
}

struct inode *disk_live_of(const struct name *name) {
    return name ? name->steps[name->count - 1].inode : NULL;
}

size_t disk_last_step(const struct name *name) {
    return name->dropped + name->count - 1;
}

struct name *disk_set_name(struct inode *dir, const char *text, struct step step) {
    struct name *name = disk_find_name(dir, text);
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
void disk_make_certain(struct name *name, size_t until) {
    while (name->dropped < until) {
        name->dropped++;
        name->count--;
        memmove(name->steps, name->steps + 1, name->count * sizeof *name->steps);
        if (name->steps[0].with)
            disk_make_certain(name->steps[0].with, name->steps[0].with_step);
    }
}

bool disk_is_empty(const struct inode *dir) {
    for (size_t i = 0; i < dir->name_count; i++)
        if (disk_live_of(dir->names[i]))
            return false;
    return true;
}

/* ---- the cut ---- */

/* How much of what is not certain gets through: three kinds of luck, since each kind finds other mistakes. */
enum luck { LUCK_NOTHING, LUCK_ALL, LUCK_SOME };

static void lose_names(struct os_powerloss *p, struct inode *dir, enum luck luck) {
    for (size_t i = 0; i < dir->name_count; i++) {
        struct name *name = dir->names[i];
        size_t more = luck == LUCK_ALL ? name->count - 1 : luck == LUCK_SOME ? disk_draw(p, name->count) : 0;
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
        if (disk_draw(p, 2))
            bytes_set_len(to, write->offset);
        return;
    }
    for (size_t at = 0; at < write->data.len;) {
        size_t offset = write->offset + at;
        size_t len = SECTOR - offset % SECTOR;
        if (len > write->data.len - at)
            len = write->data.len - at;
        if (disk_draw(p, 2))
            bytes_put(to, offset, write->data.data + at, len);
        at += len;
    }
}

static void lose_bytes(struct os_powerloss *p, struct inode *inode, enum luck luck) {
    if (luck == LUCK_SOME) {
        for (size_t i = 0; i < inode->write_count; i++)
            apply_some(p, &inode->certain, &inode->writes[i]);
        if (inode->certain.len < inode->live.len && disk_draw(p, 4) == 0)
            bytes_set_len(&inode->certain, inode->live.len);
        disk_bytes_copy(&inode->live, &inode->certain);
    } else if (luck == LUCK_NOTHING) {
        disk_bytes_copy(&inode->live, &inode->certain);
        inode->mtime_us = inode->certain_mtime_us;
    } else {
        disk_bytes_copy(&inode->certain, &inode->live);
    }
    inode->certain_mtime_us = inode->mtime_us;
    disk_drop_writes(inode);
}

void disk_lose(struct os_powerloss *p) {
    enum luck names = (enum luck)disk_draw(p, 3);
    enum luck data = (enum luck)disk_draw(p, 3);
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

void disk_inode_free(struct inode *inode) {
    for (size_t i = 0; i < inode->name_count; i++) {
        lh_free(inode->names[i]->text);
        lh_free(inode->names[i]->steps);
        lh_free(inode->names[i]);
    }
    disk_drop_writes(inode);
    lh_free(inode->names);
    lh_free(inode->writes);
    lh_free(inode->live.data);
    lh_free(inode->certain.data);
    lh_free(inode);
}
