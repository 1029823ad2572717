#include "lake/catalog_events.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/hash.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "catalog/commit_log.h"
#include "catalog/commit_record.h"
#include "catalog/manifest.h"
#include "lake/row_changes.h"
#include "os/fault.h"

#include <stdio.h>
#include <string.h>

#define FILES_NAMED 100                        /* of those that came, in one event */
#define GATHERED ((size_t)50)                  /* events of several versions that go into the journal together */
#define APPEND_BYTES ((size_t)4 * 1024 * 1024) /* of one append; even escaped it stays below the size of a log record */

struct derivation {
    const struct catalog_events *source;
    const struct commit_record *record;
    const struct commit_transaction *transaction;
    const char *name; /* of the dataset */
    struct arena *arena;
    struct journal_event *events; /* lh_malloc'd */
    size_t count, room;
    struct journal_redaction *redactions; /* lh_malloc'd */
    size_t redaction_count;
};

/* ---- one event ---- */

/* Names come from files and clients: the journal's limits must not stop the feed. */
static const char *clean(struct arena *arena, const char *text, size_t max_bytes, const char *fallback) {
    if (!text || text[0] == '\0')
        return fallback;
    size_t len = strlen(text);
    if (len > max_bytes)
        for (len = max_bytes; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
            len--;
    char *copy = arena_strndup(arena, text, len);
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    return copy;
}

static const char *value_text(struct arena *arena, const json_t *value) {
    if (!value || json_is_null(value))
        return NULL;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(value, LH_JSON_COMPACT, &text);
    if (text.len > JOURNAL_VALUE_MAX)
        return arena_printf(arena, "{\"omitted_bytes\":%zu}", text.len);
    return arena_strndup(arena, text.data, text.len);
}

/* The number says the order: two bytes; from 65,535 on these are all ones and three more follow. */
static const char *make_id(const struct derivation *d) {
    unsigned char tail[10], digest[LH_SHA256_BYTES];
    char identity[LH_UUID_SIZE + 24];
    char *id = arena_alloc(d->arena, LH_ULID_SIZE);
    size_t n = d->count, at = 0;
    int len = snprintf(identity, sizeof identity, "%s:%zu", d->record->uuid, n);
    lh_sha256(identity, (size_t)len, digest);
    if (n >= 0xffff) {
        const unsigned char wide[] = {0xff, 0xff, (unsigned char)(n >> 16)};
        memcpy(tail, wide, sizeof wide);
        at = sizeof wide;
    }
    tail[at++] = (unsigned char)(n >> 8);
    tail[at++] = (unsigned char)n;
    memcpy(tail + at, digest, sizeof tail - at);
    lh_ulid_format(d->record->time_us / 1000, tail, id);
    return id;
}

static void put(struct derivation *d, const struct journal_event *event) {
    if (d->count == d->room) {
        d->room = d->room ? d->room * 2 : 16;
        d->events = lh_realloc(d->events, d->room * sizeof *d->events);
    }
    d->events[d->count] = *event;
    d->events[d->count].id = make_id(d);
    d->events[d->count].ts_us = d->record->time_us;
    d->events[d->count].actor = clean(d->arena, d->transaction->actor, JOURNAL_NAME_MAX, "system");
    d->events[d->count].source = "catalog";
    d->count++;
}

static void add(struct derivation *d, const char *field, const json_t *before, const json_t *after) {
    const struct journal_event event = {
        .entity_type = "dataset",
        .entity_id = clean(d->arena, d->name, JOURNAL_ENTITY_MAX, "?"),
        .field = field ? clean(d->arena, field, JOURNAL_ENTITY_MAX, "?") : NULL,
        .action = clean(d->arena, d->transaction->operation, JOURNAL_NAME_MAX, "commit"),
        .old_value = value_text(d->arena, before),
        .new_value = value_text(d->arena, after),
    };
    put(d, &event);
}

/* ---- a manifest as fields ---- */

static json_t *counts_of(const struct manifest *m) {
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "id", m->id, "version", (json_int_t)m->version, "schema_version",
                     (json_int_t)m->schema_version, "row_count", (json_int_t)m->row_count, "size_bytes",
                     (json_int_t)m->size_bytes, "file_count", (json_int_t)m->file_count);
}

static void add_columns(json_t *fields, const json_t *columns) {
    static const char *const members[] = {"type", "nullable", "description", "flags"};
    size_t i;
    json_t *column;
    json_array_foreach(columns, i, column) {
        for (size_t k = 0; k < LH_ARRAY_LEN(members); k++) {
            json_t *value = json_object_get(column, members[k]);
            if (!value || (json_is_array(value) && json_array_size(value) == 0))
                continue;
            LH_AUTO(mem) char *name =
                lh_asprintf("columns.%s.%s", json_string_value(json_object_get(column, "name")), members[k]);
            json_object_set(fields, name, value);
        }
    }
}

/* What people may change of a dataset, flat; NULL gives none. */
static json_t *fields_of(const struct manifest *m) {
    static const char *const members[] = {
        "bucket",
        "description",
        "owner",
        "sensitivity",
        "tags",
        "freshness_sla_s",
        "primary_key",
        "embedding_model",
        "embedding_refresh_policy",
        "embedding_schedule",
    };
    json_t *fields = json_object();
    if (!m)
        return fields;
    LH_AUTO(json) json_t *all = manifest_to_json(m);
    for (size_t k = 0; k < LH_ARRAY_LEN(members); k++)
        if (json_object_get(all, members[k]))
            json_object_set(fields, members[k], json_object_get(all, members[k]));
    add_columns(fields, json_object_get(all, "columns"));
    return fields;
}

/* ---- one operation ---- */

static bool has_file(const struct manifest *m, const struct manifest_file *file) {
    for (size_t i = 0; m && i < m->file_count; i++)
        if (strcmp(m->files[i].key, file->key) == 0 && strcmp(m->files[i].bucket, file->bucket) == 0)
            return true;
    return false;
}

static void add_source(json_t *value, const struct manifest *before, const struct manifest *after) {
    if (after->lineage_count == 0 || (before && before->lineage_count == after->lineage_count))
        return;
    const struct manifest_lineage *l = &after->lineage[after->lineage_count - 1];
    json_object_set_new(value, "source",
                        json_pack("{s:s?, s:s?, s:s?, s:I, s:s?, s:I, s:I}", "system", l->source_system, "name",
                                  l->source_name, "sha256", l->source_sha256, "bytes", (json_int_t)l->source_bytes,
                                  "job_id", l->job_id, "row_count", (json_int_t)l->row_count, "reject_count",
                                  (json_int_t)l->reject_count));
}

/* Counts, the files that came, and their source.  *ret_changed: files came or went, or hold other counts. */
static json_t *files_of(const struct manifest *before, const struct manifest *after, bool *ret_changed) {
    json_t *value = counts_of(after);
    json_t *named = json_array();
    size_t added = 0, kept = 0, before_count = 0;
    for (size_t i = 0; before && i < before->file_count; i++)
        before_count += before->files[i].role != FILE_CHANGES;
    for (size_t i = 0; i < after->file_count; i++) {
        const struct manifest_file *f = &after->files[i];
        if (f->role == FILE_CHANGES) /* a detail of the commit, not of the dataset */
            continue;
        if (has_file(before, f)) {
            kept++;
            continue;
        }
        if (added++ < FILES_NAMED)
            json_array_append_new(named, json_pack("{s:s, s:s, s:s, s:I}", "bucket", f->bucket, "key", f->key, "role",
                                                   file_role_name(f->role), "row_count", (json_int_t)f->row_count));
    }
    size_t removed = before_count - kept;
    json_object_set_new(value, "added_files", named);
    json_object_set_new(value, "added_file_count", json_integer((json_int_t)added));
    json_object_set_new(value, "removed_file_count", json_integer((json_int_t)removed));
    add_source(value, before, after);
    *ret_changed = added > 0 || removed > 0 || !before || before->row_count != after->row_count ||
                   before->size_bytes != after->size_bytes;
    return value;
}

static void add_fields(struct derivation *d, json_t *before, json_t *after) {
    const char *name;
    json_t *value;
    json_object_foreach(after, name, value) {
        json_t *old = json_object_get(before, name);
        if (!old || !json_equal(old, value))
            add(d, name, old, value);
    }
    json_object_foreach(before, name, value) {
        if (!json_object_get(after, name))
            add(d, name, value, NULL);
    }
}

static void derive_create(struct derivation *d, const struct manifest *m) {
    bool changed;
    LH_AUTO(json) json_t *files = files_of(NULL, m, &changed);
    LH_AUTO(json) json_t *whole = json_copy(files);
    LH_AUTO(json) json_t *fields = fields_of(m);
    LH_AUTO(json) json_t *none = json_object();
    LH_AUTO(buf) struct buf text = BUF_INIT;
    json_object_update(whole, fields);
    lh_json_write(whole, LH_JSON_COMPACT, &text);
    if (text.len <= JOURNAL_VALUE_MAX) {
        add(d, NULL, NULL, whole);
        return;
    }
    add(d, NULL, NULL, files); /* too wide for one value */
    add_fields(d, none, fields);
}

static void derive_change(struct derivation *d, const struct manifest *before, const struct manifest *after) {
    bool changed;
    size_t count = d->count;
    LH_AUTO(json) json_t *old_counts = counts_of(before);
    LH_AUTO(json) json_t *files = files_of(before, after, &changed);
    LH_AUTO(json) json_t *old_fields = fields_of(before);
    LH_AUTO(json) json_t *fields = fields_of(after);
    if (changed)
        add(d, NULL, old_counts, files);
    add_fields(d, old_fields, fields);
    if (d->count == count) /* a commit that changed what no field shows is an event all the same */
        add(d, NULL, old_counts, files);
}

/* ---- rows ---- */

static const char *member(const json_t *line, const char *name) {
    return json_string_value(json_object_get(line, name));
}

static void forget(struct derivation *d, const char *entity, const char *replacement) {
    d->redactions = lh_realloc(d->redactions, (d->redaction_count + 1) * sizeof *d->redactions);
    d->redactions[d->redaction_count++] = (struct journal_redaction){
        .entity_type = clean(d->arena, d->name, JOURNAL_NAME_MAX, "?"),
        .entity_id = clean(d->arena, entity, JOURNAL_ENTITY_MAX, "?"),
        .replacement = replacement,
        .until_us = d->record->time_us,
    };
}

/* One line of a file of changes. */
static enum lh_code add_row(const json_t *line, void *ctx, struct lh_err *err) {
    struct derivation *d = ctx;
    const char *entity = member(line, "entity_id"), *field = member(line, "field");
    const struct journal_event event = {
        .entity_type = clean(d->arena, d->name, JOURNAL_NAME_MAX, "?"),
        .entity_id = clean(d->arena, entity, JOURNAL_ENTITY_MAX, "?"),
        .field = field ? clean(d->arena, field, JOURNAL_ENTITY_MAX, "?") : NULL,
        .action = clean(d->arena, member(line, "action"), JOURNAL_NAME_MAX, "change"),
        .old_value = arena_strdup(d->arena, member(line, "old_value")),
        .new_value = arena_strdup(d->arena, member(line, "new_value")),
    };
    (void)err;
    put(d, &event);
    if (member(line, "erases"))
        forget(d, member(line, "erases"), event.entity_id);
    return LH_OK;
}

static enum lh_code derive_rows(struct derivation *d, const struct manifest_file *file, struct lh_err *err) {
    size_t count = d->count;
    enum lh_code code = row_changes_read(d->source->engine, d->source->buckets, file, add_row, d, err);
    if (code != LH_NOT_FOUND)
        return code;
    *err = (struct lh_err)LH_ERR_INIT;
    d->count = count;
    LH_AUTO(json) json_t *lost = json_pack("{s:I}", "lost", (json_int_t)file->row_count);
    add(d, "changes", NULL, lost);
    return LH_OK;
}

static enum lh_code derive_changes(struct derivation *d, const struct manifest *before, const struct manifest *after,
                                   struct lh_err *err) {
    for (size_t i = 0; i < after->file_count; i++)
        if (after->files[i].role == FILE_CHANGES && !has_file(before, &after->files[i]))
            LH_TRY(derive_rows(d, &after->files[i], err));
    return LH_OK;
}

static const struct commit_op *last_op(const struct commit_record *record, const struct commit_op *until,
                                       const char *id) {
    const struct commit_op *found = NULL;
    for (size_t t = 0; t < record->transaction_count; t++)
        for (size_t i = 0; i < record->transactions[t].op_count; i++) {
            const struct commit_op *op = &record->transactions[t].ops[i];
            if (op == until)
                return found;
            if (strcmp(op->id, id) == 0)
                found = op;
        }
    return found;
}

/* The dataset before `op`: what an earlier transaction of the record left, else what its last version said.  NULL where there
 * was none.  *ret_older keeps it alive. */
static enum lh_code find_before(struct object_store *store, const struct commit_record *record,
                                const struct commit_op *op, struct commit_record **ret_older,
                                const struct manifest **ret_before, struct lh_err *err) {
    const struct commit_op *before = last_op(record, op, op->id);
    uint64_t version = op->manifest ? op->manifest->previous_version : op->previous_version;
    if (!before && version > 0 && version < record->version) {
        LH_TRY(commit_log_read(store, version, ret_older, err));
        before = last_op(*ret_older, NULL, op->id);
    }
    *ret_before = before ? before->manifest : NULL;
    return LH_OK;
}

static enum lh_code derive_op(struct derivation *d, const struct commit_op *op, struct lh_err *err) {
    LH_AUTO(commit_record) struct commit_record *older = NULL;
    const struct manifest *before;
    LH_TRY(find_before(d->source->store, d->record, op, &older, &before, err));
    d->name = op->manifest ? op->manifest->name : op->name;
    if (op->manifest && before) {
        derive_change(d, before, op->manifest);
        return derive_changes(d, before, op->manifest, err);
    } else if (op->manifest) {
        derive_create(d, op->manifest);
    } else {
        LH_AUTO(json) json_t *counts = before ? counts_of(before) : NULL;
        add(d, NULL, counts, NULL);
    }
    return LH_OK;
}

/* The events of d->record, and what the journal is to forget. */
static enum lh_code derive(struct derivation *d, struct lh_err *err) {
    for (size_t t = 0; t < d->record->transaction_count; t++) {
        d->transaction = &d->record->transactions[t];
        for (size_t i = 0; i < d->transaction->op_count; i++)
            LH_TRY(derive_op(d, &d->transaction->ops[i], err));
    }
    return LH_OK;
}

/* ---- the feed ---- */

/* Events of some versions on their way into the journal. */
struct outbox {
    struct arena *arena;
    struct journal_event *events;
    size_t count, room;
    struct journal_redaction *redactions;
    size_t redaction_count;
};

static void outbox_release(struct outbox *o) {
    arena_free(o->arena);
    lh_free(o->events);
    lh_free(o->redactions);
    *o = (struct outbox){0};
}

static void take_derived(struct outbox *o, const struct derivation *d) {
    for (size_t i = 0; i < d->count; i++) {
        if (o->count == o->room) {
            o->room = o->room ? o->room * 2 : 64;
            o->events = lh_realloc(o->events, o->room * sizeof *o->events);
        }
        o->events[o->count++] = d->events[i];
    }
    if (d->redaction_count == 0)
        return;
    o->redactions = lh_realloc(o->redactions, (o->redaction_count + d->redaction_count) * sizeof *o->redactions);
    memcpy(o->redactions + o->redaction_count, d->redactions, d->redaction_count * sizeof *d->redactions);
    o->redaction_count += d->redaction_count;
}

static enum lh_code take_version(const struct catalog_events *e, uint64_t version, struct outbox *o,
                                 struct lh_err *err) {
    LH_AUTO(commit_record) struct commit_record *record = NULL;
    if (!o->arena)
        o->arena = arena_new();
    LH_TRY(commit_log_read(e->store, version, &record, err));
    struct derivation d = {.source = e, .record = record, .arena = o->arena};
    enum lh_code code = derive(&d, err);
    if (code == LH_OK)
        take_derived(o, &d);
    lh_free(d.events);
    lh_free(d.redactions);
    return code;
}

/* How many of the events from `at` on go into one append. */
static size_t fitting(const struct outbox *o, size_t at) {
    size_t bytes = 0, n = 0;
    while (at + n < o->count && n < JOURNAL_APPEND_MAX) {
        const struct journal_event *e = &o->events[at + n];
        bytes += (e->old_value ? strlen(e->old_value) : 0) + (e->new_value ? strlen(e->new_value) : 0);
        if (n > 0 && bytes > APPEND_BYTES)
            break;
        n++;
    }
    return n;
}

/* The last call alone says that the version is covered: a crash before it derives them all again.  What is to be forgotten is asked
 * for in between, when all events that it is about are in the journal. */
static enum lh_code send(const struct catalog_events *e, struct outbox *o, uint64_t version, struct lh_err *err) {
    size_t at = 0, n;
    while ((n = fitting(o, at)) < o->count - at || (o->redaction_count > 0 && n > 0)) {
        LH_TRY(journal_append(e->journal, o->events + at, n, 0, NULL, err));
        at += n;
    }
    LH_TRY(journal_redact(e->journal, o->redactions, o->redaction_count, err));
    LH_TRY(journal_append(e->journal, o->events + at, o->count - at, version, NULL, err));
    outbox_release(o);
    return LH_OK;
}

enum lh_code catalog_events_feed(void *catalog_events, struct lh_err *err) {
    const struct catalog_events *e = catalog_events;
    LH_CLEANUP(outbox_release) struct outbox o = {0};
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *tip = catalog_snapshot(e->catalog);
    uint64_t last = catalog_snapshot_version(tip);
    if (journal_covered(e->journal) < last)
        LH_TRY(LH_FAULT("journal.before_feed", err));
    for (uint64_t version = journal_covered(e->journal) + 1; version <= last; version++) {
        LH_TRY(take_version(e, version, &o, err));
        if (o.count >= GATHERED || o.redaction_count > 0 || version == last)
            LH_TRY(send(e, &o, version, err));
    }
    return LH_OK;
}
