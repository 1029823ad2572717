#include "upkeep/compact_plan.h"

#include "base/arena.h"
#include "base/id.h"

#include <stdlib.h>
#include <string.h>

#define SMALLEST_CLASS (UINT64_C(4) << 10) /* bytes; below it all are alike */
#define CLASSES 33u
#define STEP_MAX_FILES ((size_t)512) /* files of one merge, for the worker's descriptors */
#define SLACK 32                     /* a part of this much more than is reckoned makes no further file */
#define TOMBSTONES_MANY ((size_t)8)  /* times min_files: then the base is rewritten whatever the shares are */

const char *compact_action_name(enum compact_action action) {
    static const char *const names[] = {"nothing", "merge_files", "merge_deltas", "rewrite_base"};
    return names[action];
}

/* ---- what there is ---- */

struct survey {
    uint64_t base_bytes, base_rows, delta_bytes, delta_rows, tombstone_rows;
    size_t base_files, small_base_files, delta_files, tombstone_files;
    int64_t oldest_tombstone_ms; /* 0: none, or not known */
};

static bool is_small(const struct manifest_file *f, const struct compact_policy *policy) {
    return f->size_bytes < policy->file_bytes / 2;
}

/* When the file was made, by the ULID in its key; 0 where that has none. */
static int64_t made_ms(const struct manifest_file *f) {
    const char *slash = strrchr(f->key, '/');
    const char *name = slash ? slash + 1 : f->key;
    size_t len = LH_ULID_SIZE - 1;
    return strlen(name) > len && lh_ulid_valid(name, len) ? lh_ulid_time_ms(name) : 0;
}

static struct survey look(const struct manifest *m, const struct compact_policy *policy) {
    struct survey s = {0};
    for (size_t i = 0; i < m->file_count; i++) {
        const struct manifest_file *f = &m->files[i];
        if (f->role == FILE_BASE) {
            s.base_files++;
            s.small_base_files += is_small(f, policy);
            s.base_bytes += f->size_bytes;
            s.base_rows += f->row_count;
        } else if (f->role == FILE_DELTA) {
            s.delta_files++;
            s.delta_bytes += f->size_bytes;
            s.delta_rows += f->row_count;
        } else if (f->role == FILE_TOMBSTONE) {
            int64_t at_ms = made_ms(f);
            s.tombstone_files++;
            s.tombstone_rows += f->row_count;
            if (at_ms > 0 && (s.oldest_tombstone_ms == 0 || at_ms < s.oldest_tombstone_ms))
                s.oldest_tombstone_ms = at_ms;
        }
    }
    return s;
}

/* ---- making a step ---- */

static bool holds_rows(const struct manifest_file *f) {
    return f->role == FILE_BASE || f->role == FILE_DELTA;
}

static void take(struct compact_step *step, const struct manifest_file *f) {
    step->files[step->file_count++] = f;
    step->sequence = f->sequence > step->sequence ? f->sequence : step->sequence;
    if (f->role == FILE_TOMBSTONE && step->action == COMPACT_DELTAS)
        return; /* read, and kept */
    step->bytes += f->size_bytes;
    step->rows += holds_rows(f) ? f->row_count : 0;
}

static void begin(const struct manifest *m, struct arena *arena, enum compact_action action, enum file_role role,
                  struct compact_step *step) {
    step->action = action;
    step->role = role;
    step->file_count = 0;
    step->sequence = step->bytes = step->rows = 0;
    step->files = arena_alloc(arena, (m->file_count + 1) * sizeof *step->files);
}

/* ---- without a primary key ---- */

/* As wide as the number of files that are merged, so that what comes of them is of a higher class. */
static unsigned class_of(const struct manifest_file *f, const struct compact_policy *policy) {
    unsigned class = 0;
    for (uint64_t top = SMALLEST_CLASS; f->size_bytes >= top && class < CLASSES - 1; top *= policy->min_files)
        class ++;
    return class;
}

static bool due_class(const struct manifest *m, const struct compact_policy *policy, unsigned *ret_class,
                      size_t *ret_count) {
    size_t counts[CLASSES] = {0};
    for (size_t i = 0; i < m->file_count; i++)
        if (holds_rows(&m->files[i]) && is_small(&m->files[i], policy))
            counts[class_of(&m->files[i], policy)]++;
    for (unsigned class = 0; class < CLASSES; class ++)
        if (counts[class] >= policy->min_files) {
            *ret_class = class;
            *ret_count = counts[class];
            return true;
        }
    return false;
}

static void plan_all_files(const struct manifest *m, const struct compact_policy *policy, uint64_t through,
                           struct arena *arena, struct compact_step *step) {
    begin(m, arena, COMPACT_FILES, FILE_BASE, step);
    for (size_t i = 0; i < m->file_count && !step->partial; i++) {
        const struct manifest_file *f = &m->files[i];
        if (!holds_rows(f) || (through > 0 && f->added_version > through))
            continue;
        step->partial = through > 0 && step->file_count > 0 &&
                        (step->file_count == STEP_MAX_FILES ||
                         step->bytes + f->size_bytes > policy->file_bytes * COMPACT_STEP_FILES);
        if (!step->partial)
            take(step, f);
    }
    step->why = "all files were asked for";
    if (step->file_count == 0)
        *step = (struct compact_step){.why = "there are no rows"};
}

static void plan_files(const struct manifest *m, const struct compact_policy *policy, enum compact_scope scope,
                       struct arena *arena, struct compact_step *step) {
    unsigned class = 0;
    size_t small = 0, count = 0;
    for (size_t i = 0; i < m->file_count; i++)
        small += holds_rows(&m->files[i]) && is_small(&m->files[i], policy);
    if (scope == COMPACT_WHAT_IS_DUE && !due_class(m, policy, &class, &count)) {
        step->why = arena_printf(arena, "%zu small files; %zu of one size are merged", small, policy->min_files);
        return;
    }
    if (scope == COMPACT_ALL && small < 2) {
        step->why = "no two files are small";
        return;
    }
    begin(m, arena, COMPACT_FILES, FILE_BASE, step);
    for (size_t i = 0; i < m->file_count; i++) {
        const struct manifest_file *f = &m->files[i];
        bool of_class = scope == COMPACT_ALL || class_of(f, policy) == class;
        if (holds_rows(f) && is_small(f, policy) && of_class && step->file_count < STEP_MAX_FILES)
            take(step, f);
    }
    step->partial = step->file_count == STEP_MAX_FILES;
    step->why = scope == COMPACT_ALL ? arena_printf(arena, "%zu files are small", small)
                                     : arena_printf(arena, "%zu small files have about the same size", count);
}

/* ---- with one: the base ---- */

static const char *why_base(const struct survey *s, const struct compact_policy *policy, enum compact_scope scope,
                            int64_t now_ms, struct arena *arena) {
    size_t on_top = s->delta_files + s->tombstone_files;
    if (scope == COMPACT_FULL)
        return "all files were asked for";
    if (scope == COMPACT_ALL)
        return on_top > 0                ? arena_printf(arena, "%zu deltas and tombstone files lie on the base", on_top)
               : s->small_base_files > 1 ? arena_printf(arena, "%zu files are small", s->small_base_files)
                                         : NULL;
    bool worth_it = on_top >= policy->min_files || s->delta_bytes >= policy->file_bytes;
    if (worth_it && s->delta_files > 0 && s->delta_bytes * 100 >= s->base_bytes * policy->delta_percent)
        return arena_printf(arena, "the deltas have %llu%% of the base's bytes",
                            (unsigned long long)(s->base_bytes ? s->delta_bytes * 100 / s->base_bytes : 100));
    if (worth_it && s->tombstone_rows > 0 && s->tombstone_rows * 100 >= s->base_rows * policy->tombstone_percent)
        return arena_printf(arena, "%llu rows are marked as gone, of %llu", (unsigned long long)s->tombstone_rows,
                            (unsigned long long)s->base_rows);
    if (s->tombstone_files >= policy->min_files * TOMBSTONES_MANY)
        return arena_printf(arena, "there are %zu tombstone files", s->tombstone_files);
    if (s->small_base_files >= policy->min_files)
        return arena_printf(arena, "%zu files of the base are small", s->small_base_files);
    if (s->oldest_tombstone_ms > 0 && now_ms - s->oldest_tombstone_ms >= policy->tombstone_age_ms)
        return "a tombstone has reached maintenance.tombstone_age";
    return NULL;
}

static void plan_base(const struct manifest *m, const char *why, struct arena *arena, struct compact_step *step) {
    begin(m, arena, COMPACT_BASE, FILE_BASE, step);
    for (size_t i = 0; i < m->file_count; i++)
        if (holds_rows(&m->files[i]) || m->files[i].role == FILE_TOMBSTONE)
            take(step, &m->files[i]);
    step->why = why;
    if (step->file_count == 0)
        *step = (struct compact_step){.why = "there are no rows"};
}

/* ---- with one: deltas among themselves ---- */

static int by_age(const void *a, const void *b) {
    const struct manifest_file *x = *(const struct manifest_file *const *)a;
    const struct manifest_file *y = *(const struct manifest_file *const *)b;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    return x < y ? -1 : x > y; /* of equal age the later one in the manifest counts */
}

/* In `deltas`, by age: the first run of small files up to `class` that has enough of that class.  A run may hold smaller ones, which
 * are lifted.  It may begin between two files of one age, but not end there: what comes out would stand behind the other one. */
static bool find_run(const struct manifest_file **deltas, size_t count, unsigned class,
                     const struct compact_policy *policy, size_t *ret_first, size_t *ret_end) {
    for (size_t first = 0, end; first<count; first = end> first ? end : first + 1) {
        size_t found = 0;
        for (end = first; end < count && end - first < STEP_MAX_FILES; end++) {
            if (class_of(deltas[end], policy) > class || !is_small(deltas[end], policy))
                break;
            found += class_of(deltas[end], policy) == class;
        }
        while (end > first && end < count && deltas[end]->sequence == deltas[end - 1]->sequence)
            found -= class_of(deltas[--end], policy) == class;
        if (found >= policy->min_files) {
            *ret_first = first;
            *ret_end = end;
            return true;
        }
    }
    return false;
}

static void plan_deltas(const struct manifest *m, const struct compact_policy *policy, const struct survey *s,
                        struct arena *arena, struct compact_step *step) {
    const struct manifest_file **deltas = arena_alloc(arena, (s->delta_files + 1) * sizeof *deltas);
    size_t count = 0, first = 0, end = 0;
    unsigned class = 0;
    for (size_t i = 0; i < m->file_count; i++)
        if (m->files[i].role == FILE_DELTA)
            deltas[count++] = &m->files[i];
    qsort(deltas, count, sizeof *deltas, by_age);
    while (class < CLASSES && !find_run(deltas, count, class, policy, &first, &end))
        class ++;
    if (class == CLASSES) {
        step->why = arena_printf(arena, "%zu deltas and %zu tombstone files: below the shares", s->delta_files,
                                 s->tombstone_files);
        return;
    }
    begin(m, arena, COMPACT_DELTAS, FILE_DELTA, step);
    for (size_t i = first; i < end; i++)
        take(step, deltas[i]);
    uint64_t oldest = deltas[first]->sequence, youngest = step->sequence;
    for (size_t i = 0; i < m->file_count; i++) {
        const struct manifest_file *f = &m->files[i];
        if (f->role == FILE_TOMBSTONE && f->sequence >= oldest && f->sequence <= youngest)
            take(step, f); /* what it hides in the older deltas must not come back with the age of the younger */
    }
    step->why = arena_printf(arena, "%zu deltas that follow one another have about the same size", end - first);
}

void compact_plan(const struct manifest *m, const struct compact_policy *policy, enum compact_scope scope,
                  uint64_t full_through, int64_t now_ms, struct arena *arena, struct compact_step *ret_step) {
    struct compact_step step = {.action = COMPACT_NOTHING, .why = ""};
    if (m->primary_key_count == 0 && scope == COMPACT_FULL) {
        plan_all_files(m, policy, full_through, arena, &step);
    } else if (m->primary_key_count == 0) {
        plan_files(m, policy, scope, arena, &step);
    } else {
        struct survey s = look(m, policy);
        const char *why = why_base(&s, policy, scope, now_ms, arena);
        if (why)
            plan_base(m, why, arena, &step);
        else if (scope == COMPACT_WHAT_IS_DUE)
            plan_deltas(m, policy, &s, arena, &step);
        else
            step.why = "no delta and no tombstone lies on the base";
    }
    /* Equal parts: a small rest would be read and written again with the next. */
    uint64_t files = step.bytes / policy->file_bytes + 1;
    step.file_bytes = files > 1 ? step.bytes / files + step.bytes / files / SLACK : policy->file_bytes;
    *ret_step = step;
}
