/* The whole journal at one moment, for SQL. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "journal/event_json.h"
#include "journal/journal_internal.h"
#include "store/object_store.h"

#include <string.h>

/* Counts as a reader before the set is taken, so that no file of it goes. */
static struct event_files *take(struct journal *j, struct buf *lines, size_t *ret_count) {
    pthread_mutex_lock(&j->lock);
    struct event_files *files = event_files_ref(j->files);
    j->scans++;
    for (size_t i = 0; i < j->pending.count; i++) {
        buf_append(lines, j->pending.items[i].line, j->pending.items[i].len);
        buf_append_char(lines, '\n');
    }
    *ret_count = j->pending.count;
    pthread_mutex_unlock(&j->lock);
    return files;
}

static enum lh_code read_lines(const char *line, struct arena *arena, struct journal_scan *scan, struct lh_err *err) {
    for (const char *end; (end = strchr(line, '\n')); line = end + 1)
        LH_TRY(event_read(line, (size_t)(end - line), arena, &scan->events[scan->event_count++], err));
    return LH_OK;
}

static enum lh_code name_files(struct journal *j, const struct event_files *files, struct arena *arena,
                               struct journal_scan *scan, struct lh_err *err) {
    scan->paths = arena_alloc(arena, (files->count + 1) * sizeof *scan->paths);
    for (size_t i = 0; i < files->count; i++) {
        char key[96];
        event_file_key(files->items[i], key);
        LH_TRY(object_local_path(j->options.store, key, arena, &scan->paths[scan->path_count], err));
        scan->path_count++;
    }
    return LH_OK;
}

enum lh_code journal_scan_begin(struct journal *j, struct arena *arena, struct journal_scan *ret_scan,
                                struct lh_err *err) {
    struct journal_scan scan = {0};
    LH_AUTO(buf) struct buf lines = BUF_INIT;
    size_t count;
    LH_TRY(journal_catch_up(j, err));
    LH_AUTO(event_files) struct event_files *files = take(j, &lines, &count);
    scan.events = arena_alloc(arena, (count + 1) * sizeof *scan.events);
    enum lh_code code = read_lines(buf_cstr(&lines), arena, &scan, err);
    if (code == LH_OK)
        code = name_files(j, files, arena, &scan, err);
    if (code != LH_OK) {
        journal_scan_end(j);
        return lh_err_context(err, "the journal");
    }
    *ret_scan = scan;
    return LH_OK;
}

void journal_scan_end(struct journal *j) {
    pthread_mutex_lock(&j->lock);
    j->scans--;
    pthread_mutex_unlock(&j->lock);
}
