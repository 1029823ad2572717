/* Files into a dataset, by one commit. */
#include "base/arena.h"
#include "base/cleanup.h"
#include "lake/lake.h"
#include "lake/row_change.h"
#include "os/fault.h"

#include <string.h>
#include <strings.h>

/* ---- columns ---- */

static void copy_flags(struct manifest *m, struct manifest_column *to, const struct manifest_column *from) {
    struct manifest_flag *flags = arena_alloc(m->arena, (to->flag_count + from->flag_count + 1) * sizeof *flags);
    size_t count = to->flag_count;
    if (count > 0)
        memcpy(flags, to->flags, count * sizeof *flags);
    for (size_t i = 0; i < from->flag_count; i++) {
        bool known = false; /* also a dismissed one: detection does not set it again */
        for (size_t j = 0; j < count && !known; j++)
            known = strcmp(flags[j].kind, from->flags[i].kind) == 0;
        if (known)
            continue;
        flags[count] = from->flags[i];
        flags[count].kind = arena_strdup(m->arena, from->flags[i].kind);
        flags[count++].reason = arena_strdup(m->arena, from->flags[i].reason);
    }
    to->flags = flags;
    to->flag_count = count;
}

static void add_column(struct manifest *m, const struct manifest_column *from, bool nullable) {
    struct manifest_column *to = manifest_add_column(m);
    to->name = arena_strdup(m->arena, from->name);
    to->type = arena_strdup(m->arena, from->type);
    to->nullable = nullable;
    to->description = arena_strdup(m->arena, from->description);
    copy_flags(m, to, from);
}

enum lh_code lake_merge_columns(struct manifest *m, const struct manifest *added, struct lake_fit fit,
                                struct lh_err *err) {
    for (size_t i = 0; i < m->column_count; i++) {
        if (!manifest_find_column(added, m->columns[i].name))
            m->columns[i].nullable = true;
    }
    for (size_t i = 0; i < added->column_count; i++) {
        const struct manifest_column *from = &added->columns[i];
        struct manifest_column *to = manifest_find_column(m, from->name);
        if (!to) {
            add_column(m, from, m->file_count > 0 || from->nullable);
            continue;
        }
        const char *type = lake_type_merge(to->type, from->type, m->arena);
        if (!type && fit.doubles && fit.doubles[i])
            type = lake_type_if_exact(to->type, from->type);
        if (!type && fit.text && lake_type_prints(to->type) && strcasecmp(from->type, "VARCHAR") == 0)
            type = "VARCHAR";
        if (!type) {
            lh_ignore(lh_fail(err, LH_CONFLICT, "column \"%s\" of \"%s\" is %s, but the new rows have %s there",
                              to->name, m->name, to->type, from->type));
            return lh_err_hint(err, "mend the rows, ingest them under another name, send misfits=text, which makes the "
                                    "column text, or use mode=replace");
        }
        to->type = arena_strdup(m->arena, type);
        to->nullable = to->nullable || from->nullable;
        copy_flags(m, to, from);
    }
    return LH_OK;
}

/* ---- the transaction ---- */

/* Of sources without a time of their own. */
static void stamp_lineage(struct manifest *m, int64_t time_us) {
    for (size_t i = 0; i < m->lineage_count; i++) {
        if (m->lineage[i].at_us == 0)
            m->lineage[i].at_us = time_us;
    }
}

/* One small write after another by one caller is one edge that grows: a lineage as long as all requests together would make every
 * commit record longer than the one before. */
static bool extend_lineage(struct manifest *m, const struct manifest_lineage *added) {
    struct manifest_lineage *last = m->lineage_count > 0 ? &m->lineage[m->lineage_count - 1] : NULL;
    if (!last || added->source_sha256 || last->source_sha256 || !last->source_system || !last->actor ||
        !added->source_system || !added->actor || strcmp(last->source_system, LAKE_SOURCE_DELTA) != 0 ||
        strcmp(added->source_system, LAKE_SOURCE_DELTA) != 0 || strcmp(last->actor, added->actor) != 0)
        return false;
    last->at_us = added->at_us;
    last->source_bytes += added->source_bytes;
    last->row_count += added->row_count;
    return true;
}

static void add_files(struct manifest *m, const struct manifest *draft, bool on_top) {
    for (size_t i = 0; i < draft->file_count; i++) {
        struct manifest_file *f = manifest_add_file(m);
        *f = draft->files[i];
        if (on_top && f->role == FILE_BASE)
            f->role = FILE_DELTA;
        f->bucket = arena_strdup(m->arena, draft->files[i].bucket);
        f->key = arena_strdup(m->arena, draft->files[i].key);
        f->sha256 = arena_strdup(m->arena, draft->files[i].sha256);
    }
    for (size_t i = 0; i < draft->lineage_count; i++) {
        const struct manifest_lineage *from = &draft->lineage[i];
        if (extend_lineage(m, from))
            continue;
        struct manifest_lineage *l = manifest_add_lineage(m);
        *l = *from;
        l->source_system = arena_strdup(m->arena, from->source_system);
        l->source_name = arena_strdup(m->arena, from->source_name);
        l->source_sha256 = arena_strdup(m->arena, from->source_sha256);
        l->job_id = arena_strdup(m->arena, from->job_id);
        l->actor = arena_strdup(m->arena, from->actor);
    }
}

/* What people said about columns of the same name outlives the columns. */
static void keep_notes(struct manifest *m, const struct manifest_column *old, size_t old_count) {
    for (size_t i = 0; i < old_count; i++) {
        struct manifest_column *c = manifest_find_column(m, old[i].name);
        if (!c)
            continue;
        if (!c->description)
            c->description = old[i].description;
        struct manifest_column judged = *c;
        judged.flags = arena_alloc(m->arena, (old[i].flag_count + 1) * sizeof *judged.flags);
        judged.flag_count = 0;
        for (size_t j = 0; j < old[i].flag_count; j++) {
            if (old[i].flags[j].confirmed || old[i].flags[j].dismissed)
                judged.flags[judged.flag_count++] = old[i].flags[j];
        }
        copy_flags(m, &judged, c);
        c->flags = judged.flags;
        c->flag_count = judged.flag_count;
    }
}

static enum lh_code replace_all(struct manifest *m, const struct manifest *draft, struct lh_err *err) {
    const struct manifest_column *old = m->columns;
    size_t old_count = m->column_count;
    m->columns = NULL;
    m->column_count = 0;
    m->files = NULL;
    m->file_count = 0;
    m->lineage = NULL;
    m->lineage_count = 0;
    for (size_t i = 0; i < draft->column_count; i++)
        add_column(m, &draft->columns[i], draft->columns[i].nullable);
    keep_notes(m, old, old_count);
    if (draft->primary_key_count > 0)
        manifest_set_key(m, draft->primary_key, draft->primary_key_count);
    for (size_t i = 0; i < m->primary_key_count; i++) {
        if (!manifest_find_column(m, m->primary_key[i]))
            return lh_fail(err, LH_CONFLICT, "the new rows have no column \"%s\", which is the primary key of \"%s\"",
                           m->primary_key[i], m->name);
    }
    add_files(m, draft, false);
    return LH_OK;
}

/* Rows that were not made for this key may hold it twice. */
static enum lh_code check_key(const struct manifest *old, const struct lake_commit *commit, struct lh_err *err) {
    if (manifest_same_key(old, commit->draft) || (commit->mode == LAKE_REPLACE && commit->draft->primary_key_count > 0))
        return LH_OK;
    if (old->primary_key_count == 0) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "\"%s\" has no primary key", old->name));
        return lh_err_hint(err,
                           "set one first: PATCH /catalog/datasets/by-name/{name}/metadata {\"primary_key\": [...]}");
    }
    lh_ignore(
        lh_fail(err, LH_CONFLICT, "the rows were not written for the primary key that \"%s\" has now", old->name));
    return lh_err_hint(err, "send the request again");
}

static enum lh_code change(struct manifest *m, const struct lake_commit *commit, struct lh_err *err) {
    if (commit->mode == LAKE_REPLACE)
        return replace_all(m, commit->draft, err);
    LH_TRY(lake_merge_columns(m, commit->draft, commit->fit, err));
    add_files(m, commit->draft, m->primary_key_count > 0);
    return LH_OK;
}

struct write {
    const struct lake_commit *commit;
    bool created;
    bool only_adds; /* none of the rows can take the place of another */
    bool deduplicated;
};

const struct manifest_lineage *lake_find_source(const struct manifest *m, const char *sha256) {
    size_t first = 0;
    for (size_t i = 0; i < m->file_count && m->primary_key_count > 0; i++) {
        if (m->files[i].role == FILE_TOMBSTONE)
            return NULL;
        first = m->lineage_count > 0 ? m->lineage_count - 1 : 0;
    }
    for (size_t i = first; sha256 && i < m->lineage_count; i++) {
        if (m->lineage[i].source_sha256 && strcmp(m->lineage[i].source_sha256, sha256) == 0)
            return &m->lineage[i];
    }
    return NULL;
}

static bool holds_source(const struct manifest *m, const struct manifest *draft) {
    return draft->lineage_count > 0 && lake_find_source(m, draft->lineage[draft->lineage_count - 1].source_sha256);
}

static enum lh_code check_seen(const struct manifest *old, const struct lake_commit *commit, struct lh_err *err) {
    if (old)
        return row_change_check(old, commit->seen, commit->beside, commit->ret_stale, err);
    *commit->ret_stale = true;
    return lh_fail(err, LH_CONFLICT, "\"%s\" was deleted meanwhile", commit->draft->name);
}

static enum lh_code write_txn(struct catalog_txn *txn, const struct catalog_snapshot *base, void *ctx,
                              struct lh_err *err) {
    struct write *w = ctx;
    const struct manifest *draft = w->commit->draft;
    const struct manifest *old = catalog_snapshot_find(base, draft->name);
    w->created = old == NULL;
    w->only_adds = !old || (w->commit->mode != LAKE_REPLACE && old->primary_key_count == 0);
    w->deduplicated = old && w->commit->deduplicate && w->commit->mode != LAKE_REPLACE && holds_source(old, draft);
    if (w->deduplicated)
        return LH_OK;
    if (w->commit->seen)
        LH_TRY(check_seen(old, w->commit, err));
    LH_AUTO(manifest) struct manifest *m = NULL;
    if (!old) {
        if (w->commit->mode == LAKE_UPSERT && draft->primary_key_count == 0) {
            lh_ignore(lh_fail(err, LH_INVALID, "there is no dataset \"%s\" yet, so an upsert must name its primary key",
                              draft->name));
            return lh_err_hint(err, "add primary_key=COLUMN[,COLUMN...]");
        }
        m = manifest_edit(draft);
        m->id = NULL;
        m->created_us = 0;
        m->untold_us = catalog_txn_time(txn);
        stamp_lineage(m, catalog_txn_time(txn));
        catalog_txn_put(txn, LH_STEAL(m));
        return LH_OK;
    }
    if (w->commit->mode == LAKE_CREATE) {
        lh_ignore(lh_fail(err, LH_EXISTS, "a dataset \"%s\" already exists", old->name));
        return lh_err_hint(err, "use mode=append to add rows, mode=replace to replace them, or another name");
    }
    if (old->primary_key_count > 0 || w->commit->mode == LAKE_UPSERT)
        LH_TRY(check_key(old, w->commit, err));
    m = manifest_edit(old);
    LH_TRY(change(m, w->commit, err));
    if (!w->commit->told)
        m->untold_us = catalog_txn_time(txn);
    stamp_lineage(m, catalog_txn_time(txn));
    catalog_txn_put(txn, LH_STEAL(m));
    return LH_OK;
}

static uint64_t count_rows(const struct manifest *draft) {
    uint64_t rows = 0;
    for (size_t i = 0; i < draft->file_count; i++)
        rows += draft->files[i].role == FILE_BASE || draft->files[i].role == FILE_DELTA ? draft->files[i].row_count : 0;
    return rows;
}

enum lh_code lake_commit_files(struct catalog *c, const struct lake_commit *commit,
                               struct lake_committed *ret_committed, struct lh_err *err) {
    for (size_t i = 0; i < commit->draft->column_count; i++) {
        if (!lake_type_valid(commit->draft->columns[i].type))
            return lh_fail(err, LH_DATA, "column \"%s\" has a type that cannot be kept",
                           commit->draft->columns[i].name);
    }
    struct write w = {.commit = commit};
    struct catalog_change change = {.operation = commit->operation,
                                    .actor = commit->actor,
                                    .idempotency_key = commit->idempotency_key,
                                    .request = commit->request,
                                    .fn = write_txn,
                                    .ctx = &w};
    struct lake_committed committed = {0};
    LH_TRY(LH_FAULT("lake.before_commit", err));
    LH_TRY(catalog_commit(c, &change, &committed.commit, err));
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = NULL;
    if (committed.commit.replayed)
        LH_TRY(catalog_snapshot_at_version(c, committed.commit.version, &s, err));
    else
        s = catalog_snapshot(c);
    const struct manifest *m = catalog_snapshot_find(s, commit->draft->name);
    committed.created = committed.commit.replayed ? m && m->previous_version == 0 : w.created;
    committed.deduplicated = w.deduplicated && !committed.commit.replayed;
    committed.counts.known = w.only_adds && !committed.deduplicated && !committed.commit.replayed;
    committed.counts.inserted = committed.counts.known ? count_rows(commit->draft) : 0;
    if (m)
        memcpy(committed.dataset_id, m->id, sizeof committed.dataset_id);
    *ret_committed = committed;
    return LH_OK;
}
