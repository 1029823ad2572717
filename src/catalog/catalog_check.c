#include "catalog/catalog_check.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "catalog/catalog_internal.h"
#include "store/object_store.h"

#include <stdio.h>
#include <string.h>

#define LIST_PAGE 1000

struct walk {
    struct catalog *catalog;
    const struct catalog_check *check;
    struct catalog_check_totals totals;
    struct catalog_snapshot *at; /* the state after the last good record; NULL: not known, behind a damaged one */
    uint64_t last;               /* version of the last record looked at */
    uint64_t *checkpoints;
    size_t checkpoint_count;
};

static void walk_release(struct walk *w) {
    catalog_snapshot_unref(w->at);
    lh_free(w->checkpoints);
}

static void find(struct walk *w, enum check_severity severity, const char *kind, const char *object,
                 const char *message, const char *repair) {
    struct check_finding finding = {
        .severity = severity, .kind = kind, .object = object, .message = message, .repair = repair};
    w->check->finding(w->check->ctx, &finding);
}

/* Is the damage itself of the object, or could it not be looked at? */
static bool is_damage(enum lh_code code) {
    return code == LH_CORRUPT || code == LH_DATA || code == LH_UNSUPPORTED || code == LH_NOT_FOUND ||
           code == LH_TOO_LARGE || code == LH_CRASH || code == LH_LIMIT;
}

/* The files that this record brought; later ones name them again. */
static void tell_files(struct walk *w, const struct commit_record *record) {
    for (size_t i = 0; w->check->file && i < record->transaction_count; i++) {
        for (size_t j = 0; j < record->transactions[i].op_count; j++) {
            const struct manifest *m = record->transactions[i].ops[j].manifest;
            for (size_t k = 0; m && k < m->file_count; k++) {
                if (m->files[k].added_version == record->version)
                    w->check->file(w->check->ctx, &m->files[k]);
            }
        }
    }
}

/* ---- checkpoints ---- */

/* The checkpoint of `version` against the state that the log gives; where the log gives none, the checkpoint is the state. */
static enum lh_code check_checkpoint(struct walk *w, uint64_t version, struct lh_err *err) {
    char key[COMMIT_LOG_KEY_SIZE];
    checkpoint_key(version, key);
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    struct lh_err read_err = LH_ERR_INIT;
    enum lh_code code = checkpoint_read(w->catalog->options.codec, w->catalog->options.store, version, &s, &read_err);
    if (code != LH_OK && !is_damage(code)) {
        *err = read_err;
        return code;
    }
    w->totals.checkpoints++;
    if (code != LH_OK) {
        find(w, CHECK_WARNING, "checkpoint_damaged", key, read_err.message,
             "delete it: an older one and the log hold the same, and a new one is written in time");
        return LH_OK;
    }
    if (!w->at) {
        w->at = LH_STEAL(s);
        return LH_OK;
    }
    if (strcmp(s->record_sha256, w->at->record_sha256) != 0 || s->count != w->at->count)
        find(w, CHECK_WARNING, "checkpoint_differs", key, "it does not say what the log says up to its version",
             "delete it: the log decides");
    return LH_OK;
}

static enum lh_code check_checkpoints_at(struct walk *w, uint64_t version, struct lh_err *err) {
    for (size_t i = 0; i < w->checkpoint_count; i++) {
        if (w->checkpoints[i] == version)
            return check_checkpoint(w, version, err);
    }
    return LH_OK;
}

/* ---- records ---- */

#define REPAIR_RECORD \
    "restore it from a backup or a replica of the bucket; records behind it are kept and count again then"

static enum lh_code check_record(struct walk *w, uint64_t version, const char *key, struct lh_err *err) {
    LH_AUTO(commit_record) struct commit_record *record = NULL;
    struct lh_err read_err = LH_ERR_INIT;
    enum lh_code code = commit_log_read(w->catalog->options.store, version, &record, &read_err);
    if (code != LH_OK && !is_damage(code)) {
        *err = read_err;
        return code;
    }
    w->totals.records++;
    if (code == LH_OK) {
        tell_files(w, record);
        if (!w->at)
            return check_checkpoints_at(w, version, err);
        struct catalog_snapshot *next = NULL;
        code = catalog_replay(w->at, record, &next, &read_err);
        if (code == LH_OK) {
            catalog_snapshot_unref(w->at);
            w->at = next;
            return check_checkpoints_at(w, version, err);
        }
    }
    find(w, CHECK_DAMAGE, "record_damaged", key, read_err.message, REPAIR_RECORD);
    catalog_snapshot_unref(w->at);
    w->at = NULL;
    return check_checkpoints_at(w, version, err);
}

static enum lh_code check_key(struct walk *w, const char *key, struct lh_err *err) {
    uint64_t version = commit_log_parse_key(key, COMMIT_LOG_PREFIX, ".json");
    if (version == 0) {
        find(w, CHECK_NOTE, "foreign_object", key, "it is no commit record", "move it out of the log's folder");
        return LH_OK;
    }
    while (++w->last < version) {
        char missing[COMMIT_LOG_KEY_SIZE];
        commit_log_key(w->last, missing);
        find(w, CHECK_DAMAGE, "record_missing", missing, "the commit record is missing", REPAIR_RECORD);
        catalog_snapshot_unref(w->at);
        w->at = NULL;
        LH_TRY(check_checkpoints_at(w, w->last, err));
    }
    return check_record(w, version, key, err);
}

static enum lh_code walk_log(struct walk *w, struct lh_err *err) {
    char after[OBJECT_KEY_MAX + 1] = "";
    for (bool more = true; more;) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct object_info *items;
        size_t count;
        LH_TRY(object_list(w->catalog->options.store, COMMIT_LOG_PREFIX, after, LIST_PAGE, arena, &items, &count, &more,
                           err));
        for (size_t i = 0; i < count; i++)
            LH_TRY(check_key(w, items[i].key, err));
        if (count == 0)
            break;
        memcpy(after, items[count - 1].key, sizeof after);
    }
    return LH_OK;
}

enum lh_code catalog_check(struct catalog *c, const struct catalog_check *check,
                           struct catalog_check_totals *ret_totals, struct lh_err *err) {
    LH_CLEANUP(walk_release) struct walk w = {.catalog = c, .check = check, .at = snapshot_new_empty()};
    if (c->options.codec)
        LH_TRY(checkpoint_list(c->options.store, &w.checkpoints, &w.checkpoint_count, err));
    LH_TRY(walk_log(&w, err));
    for (size_t i = 0; i < w.checkpoint_count; i++) {
        if (w.checkpoints[i] <= w.last)
            continue;
        char key[COMMIT_LOG_KEY_SIZE];
        checkpoint_key(w.checkpoints[i], key);
        find(&w, CHECK_DAMAGE, "record_missing", key, "there is a checkpoint of a version that the log does not have",
             REPAIR_RECORD);
    }
    *ret_totals = w.totals;
    return LH_OK;
}
