/* Small files into larger ones, day by day.
 *
 * A day's files fall into size classes, each eight times as wide as the one below; where a class has enough files (eight)
 * they become one of a higher class.  So an event is written again at most once a class, and a day has a few dozen files at
 * most whatever came.  When a day is over what is left of it below the largest class is merged once more.
 *
 * The merged file stands, and its index says what it replaces, before the others are deleted (J3): a crash in between
 * leaves files that no reader counts, and the next compaction deletes them.  Its name follows from theirs, so that two
 * servers that merge the same files make one. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "journal/journal_internal.h"
#include "os/clock.h"
#include "os/fault.h"

#include <string.h>

#define CLASS_WIDTH 8
#define SMALLEST_CLASS UINT64_C(1024)    /* events; below it all are alike */
#define LARGEST_FILE (UINT64_C(4) << 20) /* events; not merged any more */
#define MERGE_MAX_FILES ((size_t)64)     /* files of one merge, for the worker's memory */
#define CLASSES 8                        /* class_of is below it for what may be merged */
#define HOUR_US (INT64_C(3600) * 1000000)

static unsigned class_of(const struct event_file *file) {
    unsigned n = 0;
    for (uint64_t top = SMALLEST_CLASS; file->index.events >= top && n < CLASSES; top *= CLASS_WIDTH)
        n++;
    return n;
}

static bool may_merge(const struct event_file *file) {
    return file->index.events < LARGEST_FILE;
}

/* The replaced ones of the newest set go. */
enum lh_code journal_delete_replaced(struct journal *j, size_t *gone, struct lh_err *err) {
    LH_AUTO(event_files) struct event_files *files = journal_files(j);
    for (size_t i = 0; i < files->replaced_count; i++) {
        LH_TRY(LH_FAULT("journal.before_delete_replaced", err));
        LH_TRY(event_file_delete(j->options.store, files->replaced[i], err));
        (*gone)++;
    }
    return files->replaced_count > 0 ? journal_refresh_files(j, err) : LH_OK;
}

void journal_begin_counting(struct journal *j, struct event_file *file) {
    pthread_mutex_lock(&j->files_lock);
    pthread_mutex_lock(&j->lock);
    struct event_files *next = event_files_with(j->files, file);
    event_files_unref(j->files);
    j->files = next;
    pthread_mutex_unlock(&j->lock);
    pthread_mutex_unlock(&j->files_lock);
}

/* As above, unless somebody reads an older set, in which what was replaced since still counts: then in a later round. */
static enum lh_code delete_unread(struct journal *j, size_t *gone, struct lh_err *err) {
    pthread_mutex_lock(&j->lock);
    bool scanned = j->scans > 0;
    pthread_mutex_unlock(&j->lock);
    return scanned ? LH_OK : journal_delete_replaced(j, gone, err);
}

static void describe_sources(struct event_file *merged, struct event_file *const *sources, size_t count,
                             struct buf *identity) {
    merged->index.replaces = lh_calloc(count, sizeof *merged->index.replaces);
    for (size_t i = 0; i < count; i++) {
        memcpy(merged->index.replaces[i], sources[i]->name, LH_ULID_SIZE);
        if (sources[i]->index.covered > merged->index.covered)
            merged->index.covered = sources[i]->index.covered;
        buf_append_str(identity, sources[i]->name);
        buf_append_char(identity, '\n');
    }
    merged->index.replaces_count = count;
}

static enum lh_code merge(struct journal *j, struct event_file *const *sources, size_t count,
                          struct journal_compacted *compacted, struct lh_err *err) {
    LH_AUTO(buf) struct buf identity = BUF_INIT;
    LH_CLEANUP(event_build_release) struct event_build build = {0};
    LH_AUTO(event_file) struct event_file *merged = lh_calloc(1, sizeof *merged);
    merged->refs = 1;
    memcpy(merged->day, sources[0]->day, sizeof merged->day);
    describe_sources(merged, sources, count, &identity);
    LH_TRY(LH_FAULT("journal.before_merge", err));
    LH_TRY(event_build_open(j, &build, err));
    LH_TRY(event_build_merge(&build, sources, count, merged, err));
    event_build_name(merged, merged->index.max_us, &identity);
    LH_TRY(event_file_publish(j->options.store, merged, build.path, err));
    journal_begin_counting(j, LH_STEAL(merged));
    compacted->written++;
    return delete_unread(j, &compacted->merged, err);
}

/* What is left of a day that is over; a large file is left out where what would be added to it is little. */
static size_t due_rest(struct event_file *const *day, size_t count, struct event_file **ret_group) {
    size_t found = 0, largest = 0;
    uint64_t rest = 0;
    for (size_t i = 0; i < count && found < MERGE_MAX_FILES; i++) {
        if (!may_merge(day[i]))
            continue;
        rest += day[i]->index.events;
        ret_group[found] = day[i];
        if (day[i]->index.events > ret_group[largest]->index.events)
            largest = found;
        found++;
    }
    if (found > 1 && (rest - ret_group[largest]->index.events) * CLASS_WIDTH < ret_group[largest]->index.events)
        ret_group[largest] = ret_group[--found];
    return found > 1 ? found : 0;
}

/* The files of one day that are to become one, into `ret_group` of MERGE_MAX_FILES; 0: nothing is due. */
static size_t due(const struct journal *j, struct event_file *const *day, size_t count, bool over,
                  struct event_file **ret_group) {
    for (unsigned class = 0; class < CLASSES; class ++) {
        size_t found = 0;
        for (size_t i = 0; i < count && found < MERGE_MAX_FILES; i++)
            if (may_merge(day[i]) && class_of(day[i]) == class)
                ret_group[found++] = day[i];
        if (found >= j->options.tier_files)
            return found;
    }
    return over ? due_rest(day, count, ret_group) : 0;
}

/* One merge of the first day that has something due.  *ret_any false: none has. */
static enum lh_code compact_one(struct journal *j, struct journal_compacted *compacted, bool *ret_any,
                                struct lh_err *err) {
    LH_AUTO(event_files) struct event_files *files = journal_files(j);
    char today[EVENT_DAY_SIZE];
    event_day_of(os_realtime_us(j->options.os) - HOUR_US, today); /* what comes late has come */
    *ret_any = false;
    for (size_t first = 0, end; first < files->count; first = end) {
        for (end = first + 1; end < files->count && strcmp(files->items[end]->day, files->items[first]->day) == 0;)
            end++;
        struct event_file *group[MERGE_MAX_FILES];
        bool over = strcmp(files->items[first]->day, today) < 0;
        size_t size = due(j, files->items + first, end - first, over, group);
        if (size > 0) {
            *ret_any = true;
            return merge(j, group, size, compacted, err);
        }
    }
    return LH_OK;
}

static enum lh_code compact_all(struct journal *j, struct journal_compacted *compacted, struct lh_err *err) {
    LH_TRY(delete_unread(j, &compacted->merged, err));
    LH_TRY(journal_work_off_redactions(j, &compacted->merged, err));
    for (bool any = true; any;)
        LH_TRY(compact_one(j, compacted, &any, err));
    return LH_OK;
}

enum lh_code journal_compact(struct journal *j, struct journal_compacted *ret_compacted, struct lh_err *err) {
    struct journal_compacted compacted = {0};
    pthread_mutex_lock(&j->compact_lock);
    enum lh_code code = compact_all(j, &compacted, err);
    pthread_mutex_unlock(&j->compact_lock);
    if (code != LH_OK)
        return lh_err_context(err, "event files could not be merged");
    *ret_compacted = compacted;
    return LH_OK;
}
