/* A disk that loses what was not synced: a table of system calls over a file system in memory.
 *
 * The file system keeps two things apart: what a running program sees, and what is certain to be on the disk.
 *   - A write, a cut of a file and its time become certain at fsync of the file (fdatasync leaves the time out).
 *   - A name (made by open, link, rename, mkdir; changed by rename; taken away by unlink, rename, rmdir) becomes certain at fsync of
 *     the folder that holds it, and at nothing else.
 *   - A rename is atomic: the old name never goes without the new one having come.
 * At a power cut every change that is not certain happens or does not, by the seed: names one by one, each along its own
 * history; writes sector by sector (512 bytes), in any order; a file may have its new length with zeros for bytes.
 * That is more than most file systems do to a program, and no more than POSIX allows them to.
 *
 * There are three file systems: the root, /data and /other; links and renames stay in one (EXDEV).
 *
 * Life of a test:  new -> arm a cut -> work until a call fails with EIO -> close what was open (every call fails now) ->
 * os_powerloss_restart -> open again, check, go on.  The cut comes before the call that it was armed for, so nothing that
 * was asked for after it has happened.
 *
 * Clock and random numbers are the twin's own, so that one seed repeats a run that has one thread.  Thread-safe. */
#ifndef LH_TWIN_OS_POWERLOSS_H
#define LH_TWIN_OS_POWERLOSS_H

#include "os/os.h"

#include <stdbool.h>
#include <stdint.h>

struct os_powerloss;

struct os_powerloss *os_powerloss_new(uint64_t seed);
void os_powerloss_free(struct os_powerloss *p); /* NULL is fine */
struct os *os_powerloss_table(struct os_powerloss *p);

/* The `nth` call from now that would change or sync something (1: the next) fails with EIO, and every call after it. */
void os_powerloss_cut_at(struct os_powerloss *p, uint64_t nth);
/* Now: what a program does from here on fails, so that it can be closed without having effects. */
void os_powerloss_switch_off(struct os_powerloss *p);
bool os_powerloss_is_off(struct os_powerloss *p);

enum os_powerloss_end {
    OS_POWERLOSS_CUT,    /* what was not certain is decided by the seed */
    OS_POWERLOSS_KILLED, /* only the program died: the kernel still has everything, certain or not */
};
/* All descriptors are gone, and the calls work again; no cut is armed.  Everything that had something open must be closed. */
void os_powerloss_restart(struct os_powerloss *p, enum os_powerloss_end end);

/* A disk that says it has synced and has not: to prove that a test notices. */
enum os_powerloss_lie {
    OS_POWERLOSS_HONEST,
    OS_POWERLOSS_NO_FILE_SYNC,   /* fsync and fdatasync of files do nothing */
    OS_POWERLOSS_NO_FOLDER_SYNC, /* fsync of folders does nothing */
};
void os_powerloss_lie(struct os_powerloss *p, enum os_powerloss_lie lie);

/* Does the path (from the root) name something now?  Counts as no call. */
bool os_powerloss_exists(struct os_powerloss *p, const char *path);

/* The twin's own stream of numbers, for a test to draw from: below `limit`. */
uint64_t os_powerloss_draw(struct os_powerloss *p, uint64_t limit);

#endif
