#include "lake/row_history.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "lake/exact_doubles.h"
#include "lake/new_objects.h"
#include "lake/row_change.h"
#include "lake/row_changes.h"
#include "os/fault.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <pthread.h>
#include <string.h>

#define GROUP_MAX 16 /* of one pass; more would make the first wait for files of the last */

enum call_state {
    CALL_WAITS,
    CALL_TAKEN, /* by a group whose old rows are being read */
    CALL_READY, /* to be committed, or to wait again */
};

/* One call of row_history_commit or row_turn_take, on its own stack. */
struct call {
    const char *dataset;
    const struct lake_commit *commit; /* NULL: a turn, which is always alone */
    int cancel_fd;
    uint64_t ticket; /* who came first */
    bool alone;      /* a group with it failed: whose fault that was is seen by going alone */
    struct call *next;

    enum call_state state;
    struct group *group;
    bool again;          /* not this time */
    bool looked;         /* at the old rows: they must be the same when it is committed */
    bool told;           /* has `changes` */
    struct lake_fit fit; /* the commit's, and what was found out about it; in the group's arena */
    struct row_changes changes;
    enum lh_code code;
    struct lh_err err;
};

/* Calls on one dataset that commit at one time. */
struct group {
    struct group *next;
    char *dataset;
    bool is_turn; /* of one that reads and commits by itself */
    struct catalog_snapshot *snapshot;
    const struct manifest *seen;   /* NULL: there is no such dataset yet */
    struct call *calls[GROUP_MAX]; /* until they are ready: they end by themselves */
    size_t count, open;            /* all; those that have not ended */
    struct row_change_beside beside;
    struct arena *arena;
};

struct row_history {
    struct catalog_ops ops;
    uint64_t max_rows;
    pthread_mutex_t lock; /* of all below; held for no input or output */
    pthread_cond_t changed;
    uint64_t next_ticket;
    struct call *waiting; /* by ticket */
    struct group *groups; /* one a dataset at most */
};

struct row_history *row_history_new(const struct catalog_ops *ops, uint64_t max_rows) {
    struct row_history *h = lh_calloc(1, sizeof *h);
    h->ops = *ops;
    h->max_rows = max_rows;
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    return h;
}

void row_history_free(struct row_history *h) {
    if (!h)
        return;
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
    lh_free(h);
}

/* The one file of rows of the draft; NULL where there is none or more. */
static const struct manifest_file *rows_of(const struct manifest *draft) {
    const struct manifest_file *found = NULL;
    for (size_t i = 0; i < draft->file_count; i++) {
        const struct manifest_file *f = &draft->files[i];
        if (f->role != FILE_BASE && f->role != FILE_DELTA)
            continue;
        if (found)
            return NULL;
        found = f;
    }
    return found;
}

static bool on_top(const struct lake_commit *commit) {
    return commit->mode == LAKE_UPSERT || commit->mode == LAKE_APPEND;
}

/* Is there something to tell row by row? */
static bool is_told(const struct row_history *h, const struct lake_commit *commit, const struct manifest *seen) {
    const struct manifest_file *rows = rows_of(commit->draft);
    return seen->primary_key_count > 0 && rows && rows->row_count <= h->max_rows && on_top(commit);
}

static bool widens(const struct lake_commit *commit, const struct manifest *seen) {
    return on_top(commit) && exact_doubles_needed(seen, commit->draft);
}

/* Must rows that are there be read before the commit? */
static bool reads_rows(const struct row_history *h, const struct lake_commit *commit, const struct manifest *seen) {
    return seen && (is_told(h, commit, seen) || widens(commit, seen));
}

/* ---- who goes with whom ---- */

static bool is_of(const struct call *call, const char *dataset) {
    return manifest_name_compare(call->dataset, dataset) == 0;
}

static void enqueue(struct row_history *h, struct call *call) {
    struct call **place = &h->waiting;
    while (*place && (*place)->ticket < call->ticket)
        place = &(*place)->next;
    call->next = *place;
    *place = call;
    call->state = CALL_WAITS;
}

/* Is it the first that waits for its dataset, of which no group is under way? */
static bool may_lead(const struct row_history *h, const struct call *call) {
    for (const struct group *g = h->groups; g; g = g->next)
        if (is_of(call, g->dataset))
            return false;
    const struct call *first = h->waiting;
    while (first && !is_of(first, call->dataset))
        first = first->next;
    return first == call;
}

/* Out of the queue: the leader and who may go along. */
static struct group *form_group(struct row_history *h, struct call *leader) {
    struct group *g = lh_calloc(1, sizeof *g);
    g->dataset = lh_strdup(leader->dataset);
    g->is_turn = !leader->commit;
    for (struct call **place = &h->waiting; *place && g->count < GROUP_MAX;) {
        struct call *call = *place;
        bool comes = call == leader || (is_of(call, g->dataset) && !call->alone && !leader->alone);
        if (!comes) {
            place = &call->next;
            continue;
        }
        *place = call->next;
        call->state = CALL_TAKEN;
        call->group = g;
        g->calls[g->count++] = call;
    }
    g->open = g->count;
    g->next = h->groups;
    h->groups = g;
    return g;
}

/* The last one puts out the light. */
static void leave_group(struct row_history *h, struct group *g) {
    pthread_mutex_lock(&h->lock);
    bool last = --g->open == 0;
    for (struct group **place = &h->groups; last && *place; place = &(*place)->next) {
        if (*place == g) {
            *place = g->next;
            break;
        }
    }
    if (last)
        pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
    if (!last)
        return;
    catalog_snapshot_unref(g->snapshot);
    arena_free(g->arena);
    lh_free(g->dataset);
    lh_free(g);
}

/* ---- what a group changes ---- */

static enum lh_code upsert_of(struct row_history *h, const struct call *call, struct arena *arena,
                              struct row_upsert *ret_upsert, struct lh_err *err) {
    const struct manifest_file *rows = rows_of(call->commit->draft);
    LH_AUTO(bucket) struct bucket *bucket = NULL;
    struct row_upsert upsert = {.draft = call->commit->draft, .row_count = rows->row_count, .fit = call->fit};
    LH_TRY(buckets_resolve(h->ops.buckets, rows->bucket, &bucket, err));
    LH_TRY(object_local_path(bucket_store(bucket), rows->key, arena, &upsert.delta_path, err));
    *ret_upsert = upsert;
    return LH_OK;
}

/* Can its old rows be read together with others'? */
static bool joins(const struct row_history *h, const struct group *g, const struct call *call) {
    return is_told(h, call->commit, g->seen) && !widens(call->commit, g->seen) &&
           row_changes_join(g->seen, call->commit->draft, call->fit);
}

/* Those whose old rows are read now: the first, and all that join it.  One that does not join goes alone. */
static size_t choose(struct row_history *h, struct group *g, struct call **chosen) {
    size_t count = 0;
    bool first_joins = false;
    for (size_t i = 0; i < g->count; i++) {
        struct call *call = g->calls[i];
        call->fit = call->commit->fit;
        if (!reads_rows(h, call->commit, g->seen))
            continue;
        bool call_joins = g->count > 1 && joins(h, g, call);
        call->again = count > 0 && !(first_joins && call_joins);
        if (call->again)
            continue;
        if (count == 0)
            first_joins = call_joins;
        call->looked = true;
        chosen[count++] = call;
    }
    return count;
}

/* Those of one pass have no key in common. */
static void name_beside(struct group *g, struct call *const *chosen, size_t count) {
    const char **keys = arena_alloc(g->arena, (count + 1) * sizeof *keys);
    for (size_t i = 0; count > 1 && i < count; i++)
        keys[i] = arena_strdup(g->arena, rows_of(chosen[i]->commit->draft)->key);
    g->beside = (struct row_change_beside){keys, count > 1 ? count : 0};
}

static enum lh_code find_changes(struct row_history *h, struct group *g, struct call *const *chosen, size_t count,
                                 int cancel_fd, struct lh_err *err) {
    struct row_upsert upserts[GROUP_MAX];
    struct row_changes changes[GROUP_MAX] = {0};
    for (size_t i = 0; i < count; i++)
        LH_TRY(upsert_of(h, chosen[i], g->arena, &upserts[i], err));
    LH_TRY(LH_FAULT("lake.before_changes", err));
    enum lh_code code = row_changes_find(&h->ops, g->seen, upserts, count, cancel_fd, changes, err);
    for (size_t i = 0; i < count; i++) {
        chosen[i]->again = changes[i].later;
        chosen[i]->told = code == LH_OK && !changes[i].later;
        chosen[i]->changes = changes[i];
    }
    return code;
}

static enum lh_code look(struct row_history *h, struct group *g, struct lh_err *err) {
    struct call *chosen[GROUP_MAX];
    g->arena = arena_new();
    g->snapshot = catalog_snapshot(h->ops.catalog);
    g->seen = catalog_snapshot_find(g->snapshot, g->dataset);
    size_t count = choose(h, g, chosen);
    if (count == 0)
        return LH_OK;
    struct call *first = chosen[0];
    int cancel_fd = count == 1 ? first->cancel_fd : -1; /* one client's leaving is nothing to the others */
    name_beside(g, chosen, count);
    if (widens(first->commit, g->seen)) /* it goes alone */
        LH_TRY(exact_doubles_find(&h->ops, g->seen, first->commit->draft, first->fit.text, cancel_fd, g->arena,
                                  &first->fit.doubles, err));
    return is_told(h, first->commit, g->seen) ? find_changes(h, g, chosen, count, cancel_fd, err) : LH_OK;
}

/* A lack of workers is nobody's fault. */
static bool blames_a_call(enum lh_code code) {
    return code != LH_OK && code != LH_BUSY && code != LH_TIMEOUT && code != LH_UNAVAILABLE;
}

/* Before the commits. */
static void lead(struct row_history *h, struct group *g) {
    struct lh_err failure = LH_ERR_INIT;
    enum lh_code code = look(h, g, &failure);
    bool part = blames_a_call(code) && g->count > 1;
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < g->count; i++) {
        struct call *call = g->calls[i];
        call->code = code;
        call->err = failure;
        call->alone = call->alone || part;
        call->again = code == LH_OK ? call->again : part;
        call->state = CALL_READY;
    }
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

/* ---- one commit ---- */

static enum lh_code put_changes(struct row_history *h, struct call *call, struct new_objects *objects,
                                struct manifest *draft, struct lh_err *err) {
    const struct row_changes *changes = &call->changes;
    struct manifest_file file;
    if (changes->too_large) {
        struct row_upsert upsert;
        LH_TRY(upsert_of(h, call, draft->arena, &upsert, err));
        LH_TRY(row_changes_write_large(&h->ops, call->group->seen, &upsert, objects, call->cancel_fd, err));
        LH_TRY(new_objects_put(objects, "changes.parquet", FILE_CHANGES, changes->count, draft->arena, &file, err));
        *manifest_add_file(draft) = file;
    } else if (changes->count > 0) {
        LH_TRY(new_objects_put_data(objects, changes->parquet.data, changes->parquet.len, FILE_CHANGES, changes->count,
                                    draft->arena, &file, err));
        *manifest_add_file(draft) = file;
    }
    return LH_FAULT("lake.after_changes", err);
}

static enum lh_code commit_told(struct row_history *h, struct call *call, struct lake_commit *write,
                                struct lake_committed *ret_committed, struct lh_err *err) {
    const struct manifest *seen = call->group->seen;
    LH_CLEANUP(new_objects_release) struct new_objects objects = {0};
    LH_AUTO(manifest) struct manifest *draft = manifest_edit(call->commit->draft);
    LH_TRY(new_objects_open(h->ops.os, h->ops.buckets, h->ops.tmp_dir, seen->name, seen->bucket, &objects, err));
    LH_TRY(put_changes(h, call, &objects, draft, err));
    write->draft = draft;
    write->told = !call->changes.too_many;
    enum lh_code code = lake_commit_files(h->ops.catalog, write, ret_committed, err);
    bool unused = code == LH_OK && (ret_committed->deduplicated || ret_committed->commit.replayed);
    new_objects_settle(&objects, unused ? LH_CONFLICT : code);
    if (code == LH_OK && !unused)
        ret_committed->counts = call->changes.counts;
    return code;
}

/* *ret_stale: the dataset changed meanwhile. */
static enum lh_code commit_one(struct row_history *h, struct call *call, bool *ret_stale,
                               struct lake_committed *ret_committed, struct lh_err *err) {
    struct lake_commit write = *call->commit;
    if (call->code != LH_OK) {
        *err = call->err;
        return call->code;
    }
    if (!call->looked)
        return lake_commit_files(h->ops.catalog, call->commit, ret_committed, err);
    write.fit = call->fit;
    write.seen = call->group->seen;
    write.beside = &call->group->beside;
    write.ret_stale = ret_stale;
    return call->told ? commit_told(h, call, &write, ret_committed, err)
                      : lake_commit_files(h->ops.catalog, &write, ret_committed, err);
}

/* Until it is in a group that is ready, or leads one: that is returned. */
static struct group *await_group(struct row_history *h, struct call *call) {
    struct group *led = NULL;
    pthread_mutex_lock(&h->lock);
    if (call->ticket == 0)
        call->ticket = ++h->next_ticket;
    enqueue(h, call);
    while (call->state != CALL_READY && !led) {
        if (call->state == CALL_WAITS && may_lead(h, call))
            led = form_group(h, call);
        else
            pthread_cond_wait(&h->changed, &h->lock);
    }
    pthread_mutex_unlock(&h->lock);
    return led;
}

/* Until old rows are read for it. */
static void await_turn(struct row_history *h, struct call *call) {
    call->again = call->looked = call->told = false;
    struct group *led = await_group(h, call);
    if (led)
        lead(h, led);
}

/* Does a turn wait, or last?  What keeps no history queues behind it then, and commits freely otherwise. */
static bool turn_ahead(struct row_history *h, const char *dataset) {
    bool found = false;
    pthread_mutex_lock(&h->lock);
    for (const struct call *call = h->waiting; call && !found; call = call->next)
        found = !call->commit && is_of(call, dataset);
    for (const struct group *g = h->groups; g && !found; g = g->next)
        found = g->is_turn && manifest_name_compare(g->dataset, dataset) == 0;
    pthread_mutex_unlock(&h->lock);
    return found;
}

struct row_turn row_turn_take(struct row_history *h, const char *dataset) {
    struct call call = {.dataset = dataset, .alone = true};
    return (struct row_turn){h, h ? await_group(h, &call) : NULL};
}

void row_turn_end(struct row_turn *turn) {
    if (turn->group)
        leave_group(turn->history, turn->group);
    turn->group = NULL;
}

static bool reads_now(struct row_history *h, const struct lake_commit *commit) {
    LH_AUTO(catalog_snapshot) struct catalog_snapshot *s = catalog_snapshot(h->ops.catalog);
    return reads_rows(h, commit, catalog_snapshot_find(s, commit->draft->name));
}

enum lh_code row_history_commit(struct row_history *h, const struct lake_commit *commit, int cancel_fd,
                                struct lake_committed *ret_committed, struct lh_err *err) {
    if (!reads_now(h, commit) && !turn_ahead(h, commit->draft->name))
        return lake_commit_files(h->ops.catalog, commit, ret_committed, err);
    struct call call = {.dataset = commit->draft->name, .commit = commit, .cancel_fd = cancel_fd};
    for (unsigned tries = 0;;) {
        bool stale = false;
        enum lh_code code = LH_OK;
        await_turn(h, &call);
        bool again = call.again;
        if (!again)
            code = commit_one(h, &call, &stale, ret_committed, err);
        leave_group(h, call.group);
        row_changes_release(&call.changes);
        if (again)
            continue;
        if (code != LH_CONFLICT || !stale)
            return code;
        if (++tries == ROW_CHANGE_ATTEMPTS)
            return row_change_busy(commit->draft->name, err);
        *err = (struct lh_err)LH_ERR_INIT;
    }
}
