/* The SELECT that stands for a dataset.
 *
 * Without a primary key, and as long as nothing lies on top of the base, a dataset is the union of its files, and the plan is one scan.
 * With a primary key, deltas and tombstones override what is older.  A row counts where no newer file has its key, and the workers have
 * functions that say so (engine/merge_key.h), so that all files are one scan:
 *
 *     SELECT columns FROM all files with rows
 *     WHERE CASE WHEN lh_merge_settled(...) THEN lh_merge_row(...) ELSE lh_merge_key(...) END
 *
 * A condition on the key, as on any other column, reaches the scan.  Why, and what it costs: docs/adr/0015-rows-that-count.md.
 *
 * For keys that cannot be looked up by their bytes, and where more was touched than should be held in memory, the same is a join:
 *
 *     SELECT columns FROM base ANTI JOIN (keys of the overriding files) USING (key)      what nothing overrides
 *     UNION ALL
 *     SELECT columns FROM (overriding rows, numbered from the newest by key) WHERE number = 1 AND NOT dead
 *
 * The large side is only probed against a hash table of the keys that were touched, and sorted by nothing.  A condition on the key
 * reaches every scan: it passes the anti join on its left side and the window because that is partitioned by the key.
 *
 * Which row is newer says its file's age: files ordered by sequence, then by their place in the manifest, and numbered.  DuckDB knows
 * a row's file by its place in the list it was given (`file_index`).  A base file that is newer than some overriding file is
 * treated as a delta, so that the order of ages is the whole of the rule.
 *
 * Rejected: one window over all rows (sorts the base), NOT EXISTS (planned as a join with duplicate elimination, twice the time), a
 * join with the newest age by key (three scans of the deltas). */
#include "lake/read_plan.h"
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "engine/merge_key.h"
#include "lake/lake.h"
#include "store/buckets.h"
#include "store/object_store.h"

#include <stdlib.h>
#include <string.h>

struct plan {
    struct buckets *buckets;
    const struct manifest *m;
    struct arena *arena;
    struct buf *out;
    const char *age, *dead, *number; /* names of ours that no column has, in a join */
    const char *file, *row;          /* in a filter */
};

/* Files in the order of their ages; `ages` and `paths` run parallel to it. */
struct file_list {
    const struct manifest_file **files;
    size_t *ages;
    const char **paths; /* NULL until find_paths */
    size_t count;
};

static bool holds_rows(const struct manifest_file *f) {
    return f->role == FILE_BASE || f->role == FILE_DELTA;
}

static bool overrides(const struct manifest_file *f) {
    return f->role == FILE_DELTA || f->role == FILE_TOMBSTONE;
}

static enum lh_code check_resolvable(const struct manifest *m, struct lh_err *err) {
    for (size_t i = 0; i < m->file_count; i++) {
        if (m->files[i].role == FILE_TOMBSTONE && m->primary_key_count == 0)
            return lh_fail(err, LH_CORRUPT, "\"%s\" has tombstones but no primary key", m->name);
    }
    for (size_t i = 0; i < m->column_count; i++) {
        if (!lake_type_valid(m->columns[i].type))
            return lh_fail(err, LH_CORRUPT, "column \"%s\" of \"%s\" has no valid type in the catalog",
                           m->columns[i].name, m->name);
    }
    return LH_OK;
}

/* ---- files ---- */

static int compare_ages(const void *left, const void *right) {
    const struct manifest_file *a = *(const struct manifest_file *const *)left;
    const struct manifest_file *b = *(const struct manifest_file *const *)right;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence ? -1 : 1;
    return a < b ? -1 : a > b; /* of one array: their place in the manifest */
}

static struct file_list list_new(const struct plan *p) {
    struct file_list list = {arena_alloc(p->arena, (p->m->file_count + 1) * sizeof *list.files),
                             arena_alloc(p->arena, (p->m->file_count + 1) * sizeof *list.ages),
                             arena_alloc(p->arena, (p->m->file_count + 1) * sizeof *list.paths), 0};
    return list;
}

static void list_add(struct file_list *list, const struct manifest_file *file, size_t age) {
    list->files[list->count] = file;
    list->ages[list->count++] = age;
}

/* The base that is older than all that overrides; the rows on top of it; the tombstones. */
static void sort_files(const struct plan *p, struct file_list *base, struct file_list *rows,
                       struct file_list *tombstones) {
    struct file_list all = list_new(p);
    for (size_t i = 0; i < p->m->file_count; i++) {
        if (holds_rows(&p->m->files[i]) || overrides(&p->m->files[i]))
            list_add(&all, &p->m->files[i], 0);
    }
    if (all.count > 1)
        qsort(all.files, all.count, sizeof *all.files, compare_ages);
    bool on_top = false;
    for (size_t i = 0; i < all.count; i++) {
        on_top = on_top || overrides(all.files[i]);
        struct file_list *list = all.files[i]->role == FILE_TOMBSTONE ? tombstones : on_top ? rows : base;
        list_add(list, all.files[i], i);
    }
}

static enum lh_code find_paths(const struct plan *p, const struct file_list *list, struct lh_err *err) {
    LH_AUTO(bucket) struct bucket *bucket = NULL; /* of the file before: nearly always the same */
    for (size_t i = 0; i < list->count; i++) {
        const struct manifest_file *f = list->files[i];
        if (list->paths[i])
            continue;
        if (!bucket || strcmp(bucket_name(bucket), f->bucket) != 0) {
            bucket_unref(LH_STEAL(bucket));
            if (buckets_resolve(p->buckets, f->bucket, &bucket, err) != LH_OK)
                return lh_err_context(err, "dataset \"%s\"", p->m->name);
        }
        enum lh_code code = object_local_path(bucket_store(bucket), f->key, p->arena, &list->paths[i], err);
        if (code == LH_NOT_FOUND) {
            err->code = LH_CORRUPT; /* the catalog promises an object that is gone */
            lh_ignore(lh_err_hint(err, "restore the object \"%.300s\", or ingest the source again with mode=replace",
                                  f->key));
        }
        if (code != LH_OK)
            return lh_err_context(err, "dataset \"%s\"", p->m->name);
    }
    return LH_OK;
}

static enum lh_code append_scan(const struct plan *p, const struct file_list *list, struct lh_err *err) {
    LH_TRY(find_paths(p, list, err));
    buf_append_str(p->out, "read_parquet([");
    for (size_t i = 0; i < list->count; i++) {
        buf_append_str(p->out, i > 0 ? ", " : "");
        buf_append_sql_path(p->out, list->paths[i]);
    }
    /* A key may look like year=2024/...: that is a name, not a column. */
    buf_append_str(p->out, "], hive_partitioning = false");
    if (list->count > 1)
        buf_append_str(p->out, ", union_by_name = true");
    buf_append_char(p->out, ')');
    return LH_OK;
}

/* ---- columns ---- */

static void append_cast(struct buf *out, const char *name, const char *type) {
    bool cast = strcmp(type, "ENUM") != 0;
    if (cast)
        buf_append_str(out, "CAST(");
    buf_append_sql_ident(out, name);
    if (cast) {
        buf_printf(out, " AS %s) AS ", type);
        buf_append_sql_ident(out, name);
    }
}

static void append_nulls(const struct plan *p) {
    for (size_t i = 0; i < p->m->column_count; i++) {
        const char *type = p->m->columns[i].type;
        buf_printf(p->out, "%sCAST(NULL AS %s) AS ", i > 0 ? ", " : "", strcmp(type, "ENUM") == 0 ? "VARCHAR" : type);
        buf_append_sql_ident(p->out, p->m->columns[i].name);
    }
}

/* One file has the columns as they are.  Several may differ: their union by name, each column cast to the dataset's type (which
 * costs nothing where the union has it already). */
static void append_columns(const struct plan *p, size_t file_count) {
    if (p->m->column_count == 0) {
        buf_append_str(p->out, file_count == 0 ? "NULL AS \"no columns\"" : "*");
        return;
    }
    if (file_count == 0) {
        append_nulls(p);
        return;
    }
    for (size_t i = 0; i < p->m->column_count; i++) {
        if (i > 0)
            buf_append_str(p->out, ", ");
        if (file_count > 1)
            append_cast(p->out, p->m->columns[i].name, p->m->columns[i].type);
        else
            buf_append_sql_ident(p->out, p->m->columns[i].name);
    }
}

static void append_names(const struct plan *p) {
    for (size_t i = 0; i < p->m->column_count; i++) {
        if (i > 0)
            buf_append_str(p->out, ", ");
        buf_append_sql_ident(p->out, p->m->columns[i].name);
    }
}

static void append_casts(const struct plan *p) {
    for (size_t i = 0; i < p->m->column_count; i++) {
        if (i > 0)
            buf_append_str(p->out, ", ");
        append_cast(p->out, p->m->columns[i].name, p->m->columns[i].type);
    }
}

/* The key's columns, by name, or cast to their types in the manifest: files may have narrower ones. */
static void append_key(const struct plan *p, bool cast) {
    for (size_t i = 0; i < p->m->primary_key_count; i++) {
        const struct manifest_column *column = manifest_find_column(p->m, p->m->primary_key[i]);
        if (i > 0)
            buf_append_str(p->out, ", ");
        if (cast)
            append_cast(p->out, column->name, column->type);
        else
            buf_append_sql_ident(p->out, column->name);
    }
}

static const struct manifest_column *key_column(const struct plan *p, const struct manifest_column *column) {
    for (size_t i = 0; i < p->m->primary_key_count; i++) {
        if (manifest_name_compare(p->m->primary_key[i], column->name) == 0)
            return column;
    }
    return NULL;
}

/* A name of ours that is no column's. */
static const char *free_name(const struct plan *p, const char *name) {
    while (manifest_find_column(p->m, name))
        name = arena_printf(p->arena, "%s_", name);
    return name;
}

/* ---- merging by a join ---- */

/* The age of a row by its file's place in the list. */
static void append_age(const struct plan *p, const struct file_list *list) {
    if (list->count == 1) {
        buf_printf(p->out, "%zu", list->ages[0]);
        return;
    }
    if (list->ages[list->count - 1] - list->ages[0] == list->count - 1) {
        buf_printf(p->out, "CAST(file_index AS BIGINT) + %zu", list->ages[0]);
        return;
    }
    buf_append_char(p->out, '[');
    for (size_t i = 0; i < list->count; i++)
        buf_printf(p->out, "%s%zu", i > 0 ? ", " : "", list->ages[i]);
    buf_append_str(p->out, "][CAST(file_index AS BIGINT) + 1]");
}

static void append_name_as(const struct plan *p, const char *name) {
    buf_append_str(p->out, " AS ");
    buf_append_sql_ident(p->out, name);
}

/* Rows of the files, with their age if `aged`, in a form that has every column of the dataset, whatever the files lack. */
static enum lh_code append_rows(const struct plan *p, const struct file_list *list, bool aged, struct lh_err *err) {
    buf_append_str(p->out, "(SELECT *");
    if (aged) {
        buf_append_str(p->out, ", ");
        append_age(p, list);
        append_name_as(p, p->age);
    }
    buf_append_str(p->out, " FROM ");
    LH_TRY(append_scan(p, list, err));
    buf_append_str(p->out, " UNION ALL BY NAME SELECT ");
    append_nulls(p);
    if (aged) {
        buf_append_str(p->out, ", 0");
        append_name_as(p, p->age);
    }
    buf_append_str(p->out, " WHERE false)");
    return LH_OK;
}

/* A column may be called file_index: then that is what the name means, and each file is read by itself. */
static enum lh_code append_aged_rows(const struct plan *p, const struct file_list *rows, struct lh_err *err) {
    bool shadowed = manifest_find_column(p->m, "file_index") != NULL;
    size_t step = shadowed ? 1 : rows->count;
    for (size_t i = 0; i < rows->count; i += step) {
        struct file_list part = {rows->files + i, rows->ages + i, rows->paths + i, step};
        if (i > 0)
            buf_append_str(p->out, " UNION ALL ");
        buf_append_str(p->out, "SELECT ");
        append_casts(p);
        buf_append_str(p->out, ", ");
        buf_append_sql_ident(p->out, p->age);
        buf_append_str(p->out, ", false");
        append_name_as(p, p->dead);
        buf_append_str(p->out, " FROM ");
        LH_TRY(append_rows(p, &part, true, err));
    }
    return LH_OK;
}

static enum lh_code append_aged_tombstones(const struct plan *p, const struct file_list *tombstones,
                                           struct lh_err *err) {
    bool shadowed = manifest_find_column(p->m, "file_index") != NULL;
    size_t step = shadowed ? 1 : tombstones->count;
    for (size_t i = 0; i < tombstones->count; i += step) {
        struct file_list part = {tombstones->files + i, tombstones->ages + i, tombstones->paths + i, step};
        if (i > 0)
            buf_append_str(p->out, " UNION ALL ");
        buf_append_str(p->out, "SELECT ");
        for (size_t c = 0; c < p->m->column_count; c++) {
            if (c > 0)
                buf_append_str(p->out, ", ");
            if (key_column(p, &p->m->columns[c]))
                append_cast(p->out, p->m->columns[c].name, p->m->columns[c].type);
            else
                buf_append_str(p->out, "NULL");
        }
        buf_append_str(p->out, ", ");
        append_age(p, &part);
        buf_append_str(p->out, ", true FROM ");
        LH_TRY(append_scan(p, &part, err));
    }
    return LH_OK;
}

static enum lh_code append_keys(const struct plan *p, const struct file_list *list, bool *first, struct lh_err *err) {
    if (list->count == 0)
        return LH_OK;
    buf_append_str(p->out, *first ? "SELECT " : " UNION ALL SELECT ");
    *first = false;
    append_key(p, true);
    buf_append_str(p->out, " FROM ");
    return append_scan(p, list, err);
}

/* What of the base nothing overrides. */
static enum lh_code append_untouched(const struct plan *p, const struct file_list *base, const struct file_list *rows,
                                     const struct file_list *tombstones, struct lh_err *err) {
    bool first = true;
    buf_append_str(p->out, "SELECT ");
    append_names(p);
    buf_append_str(p->out, " FROM (SELECT ");
    append_casts(p);
    buf_append_str(p->out, " FROM ");
    LH_TRY(append_rows(p, base, false, err));
    buf_append_str(p->out, ") ANTI JOIN (");
    LH_TRY(append_keys(p, rows, &first, err));
    LH_TRY(append_keys(p, tombstones, &first, err));
    buf_append_str(p->out, ") USING (");
    append_key(p, false);
    buf_append_char(p->out, ')');
    return LH_OK;
}

/* The newest of what overrides.  Within one file every key stands once, so one alone has nothing to be judged. */
static enum lh_code append_newest(const struct plan *p, const struct file_list *rows,
                                  const struct file_list *tombstones, struct lh_err *err) {
    buf_append_str(p->out, "SELECT ");
    if (rows->count == 1 && tombstones->count == 0) {
        append_casts(p);
        buf_append_str(p->out, " FROM ");
        return append_rows(p, rows, false, err);
    }
    append_names(p);
    buf_append_str(p->out, " FROM (SELECT *, row_number() OVER (PARTITION BY ");
    append_key(p, false);
    buf_append_str(p->out, " ORDER BY ");
    buf_append_sql_ident(p->out, p->age);
    buf_append_str(p->out, " DESC)");
    append_name_as(p, p->number);
    buf_append_str(p->out, " FROM (");
    LH_TRY(append_aged_rows(p, rows, err));
    if (tombstones->count > 0)
        buf_append_str(p->out, " UNION ALL ");
    LH_TRY(append_aged_tombstones(p, tombstones, err));
    buf_append_str(p->out, ")) WHERE ");
    buf_append_sql_ident(p->out, p->number);
    buf_append_str(p->out, " = 1 AND NOT ");
    buf_append_sql_ident(p->out, p->dead);
    return LH_OK;
}

static enum lh_code append_merged(const struct plan *p, const struct file_list *base, const struct file_list *rows,
                                  const struct file_list *tombstones, struct lh_err *err) {
    if (base->count > 0)
        LH_TRY(append_untouched(p, base, rows, tombstones, err));
    if (base->count > 0 && rows->count > 0)
        buf_append_str(p->out, " UNION ALL ");
    if (rows->count > 0)
        LH_TRY(append_newest(p, rows, tombstones, err));
    return LH_OK;
}

/* ---- merging by a filter ---- */

static bool can_filter(const struct plan *p, const struct file_list *rows, const struct file_list *tombstones) {
    uint64_t touched = 0;
    for (size_t i = 0; i < rows->count; i++)
        touched += rows->files[i]->row_count;
    for (size_t i = 0; i < tombstones->count; i++)
        touched += tombstones->files[i]->row_count;
    if (touched > MERGE_TOUCHED_MAX || p->m->primary_key_count > MERGE_KEY_COLUMNS_MAX)
        return false;
    for (size_t i = 0; i < p->m->primary_key_count; i++) {
        if (!merge_key_type(manifest_find_column(p->m, p->m->primary_key[i])->type))
            return false;
    }
    /* A column of such a name is what the name means. */
    return !manifest_find_column(p->m, "file_index") && !manifest_find_column(p->m, "file_row_number");
}

static void append_json_pairs(struct buf *spec, const char *name, const struct file_list *list) {
    buf_printf(spec, "\"%s\":[", name);
    for (size_t i = 0; i < list->count; i++) {
        buf_append_str(spec, i > 0 ? ",[" : "[");
        buf_append_json_string(spec, list->paths[i], strlen(list->paths[i]));
        buf_printf(spec, ",%zu]", list->ages[i]);
    }
    buf_append_char(spec, ']');
}

/* SPEC of engine/merge_key.h. */
static void append_spec(const struct plan *p, const struct file_list *all, size_t on_top,
                        const struct file_list *tombstones, struct buf *spec) {
    uint64_t rows = 0;
    buf_append_str(spec, "{\"key\":[");
    for (size_t i = 0; i < p->m->primary_key_count; i++) {
        const struct manifest_column *column = manifest_find_column(p->m, p->m->primary_key[i]);
        buf_append_str(spec, i > 0 ? ",[" : "[");
        buf_append_json_string(spec, column->name, strlen(column->name));
        buf_append_char(spec, ',');
        buf_append_json_string(spec, column->type, strlen(column->type));
        buf_append_char(spec, ']');
    }
    buf_append_str(spec, "],");
    append_json_pairs(spec, "files", all);
    for (size_t i = 0; i < all->count; i++)
        rows += all->files[i]->row_count;
    buf_printf(spec, ",\"rows\":%llu,\"on_top\":%zu,", (unsigned long long)rows, on_top);
    append_json_pairs(spec, "tombstones", tombstones);
    buf_append_char(spec, '}');
}

static void append_condition(const struct plan *p, const char *spec) {
    char id[LH_SHA256_HEX];
    lh_sha256_hex(spec, strlen(spec), id);
    buf_printf(p->out, "CASE WHEN " MERGE_SETTLED "('%s') THEN " MERGE_ROW "('%s', ", id, id);
    buf_append_sql_ident(p->out, p->file);
    buf_append_str(p->out, ", ");
    buf_append_sql_ident(p->out, p->row);
    buf_append_str(p->out, ") ELSE " MERGE_KEY "(");
    buf_append_sql_string(p->out, spec);
    buf_append_str(p->out, ", ");
    buf_append_sql_ident(p->out, p->file);
    buf_append_str(p->out, ", ");
    buf_append_sql_ident(p->out, p->row);
    buf_append_str(p->out, ", ");
    append_key(p, false);
    buf_append_str(p->out, ") END");
}

/* Rows with their place, in a form that has every column of the dataset, whatever the files lack.  The place comes first: where a
 * statement wants no column (count(*)), DuckDB keeps a union's first one, which is then one that costs nothing. */
static enum lh_code append_placed_rows(const struct plan *p, const struct file_list *all, struct lh_err *err) {
    buf_append_str(p->out, "(SELECT file_index");
    append_name_as(p, p->file);
    buf_append_str(p->out, ", file_row_number");
    append_name_as(p, p->row);
    buf_append_str(p->out, ", * FROM ");
    LH_TRY(append_scan(p, all, err));
    buf_append_str(p->out, " UNION ALL BY NAME SELECT ");
    append_nulls(p);
    buf_append_str(p->out, ", CAST(0 AS UBIGINT)");
    append_name_as(p, p->file);
    buf_append_str(p->out, ", CAST(0 AS BIGINT)");
    append_name_as(p, p->row);
    buf_append_str(p->out, " WHERE false)");
    return LH_OK;
}

static enum lh_code append_filtered(const struct plan *p, const struct file_list *base, const struct file_list *rows,
                                    const struct file_list *tombstones, struct lh_err *err) {
    LH_AUTO(buf) struct buf spec = BUF_INIT;
    struct file_list all = list_new(p);
    for (size_t i = 0; i < base->count; i++)
        list_add(&all, base->files[i], base->ages[i]);
    for (size_t i = 0; i < rows->count; i++)
        list_add(&all, rows->files[i], rows->ages[i]);
    LH_TRY(find_paths(p, tombstones, err));
    buf_append_str(p->out, "SELECT ");
    append_names(p);
    buf_append_str(p->out, " FROM (SELECT ");
    append_casts(p);
    buf_append_str(p->out, ", ");
    buf_append_sql_ident(p->out, p->file);
    buf_append_str(p->out, ", ");
    buf_append_sql_ident(p->out, p->row);
    buf_append_str(p->out, " FROM ");
    LH_TRY(append_placed_rows(p, &all, err));
    buf_append_str(p->out, ") WHERE ");
    append_spec(p, &all, base->count, tombstones, &spec);
    append_condition(p, buf_cstr(&spec));
    return LH_OK;
}

/* ---- the plan ---- */

static enum lh_code append_union(const struct plan *p, struct lh_err *err) {
    struct file_list all = list_new(p);
    for (size_t i = 0; i < p->m->file_count; i++) {
        if (holds_rows(&p->m->files[i]))
            list_add(&all, &p->m->files[i], 0);
    }
    buf_append_str(p->out, "SELECT ");
    append_columns(p, all.count);
    if (all.count == 0) {
        buf_append_str(p->out, " WHERE false");
        return LH_OK;
    }
    buf_append_str(p->out, " FROM ");
    return append_scan(p, &all, err);
}

enum lh_code lake_read_plan(struct buckets *buckets, const struct manifest *m, struct arena *arena,
                            const char **ret_select, struct lh_err *err) {
    LH_TRY(check_resolvable(m, err));
    LH_AUTO(buf) struct buf text = BUF_INIT;
    struct plan p = {.buckets = buckets, .m = m, .arena = arena, .out = &text};
    struct file_list base = list_new(&p), rows = list_new(&p), tombstones = list_new(&p);
    if (m->primary_key_count > 0)
        sort_files(&p, &base, &rows, &tombstones);
    if (rows.count + tombstones.count == 0 || base.count + rows.count == 0) {
        LH_TRY(append_union(&p, err));
    } else if (can_filter(&p, &rows, &tombstones)) {
        p.file = free_name(&p, "file");
        p.row = free_name(&p, "row");
        LH_TRY(append_filtered(&p, &base, &rows, &tombstones, err));
    } else {
        p.age = free_name(&p, "age");
        p.dead = free_name(&p, "dead");
        p.number = free_name(&p, "number");
        LH_TRY(append_merged(&p, &base, &rows, &tombstones, err));
    }
    *ret_select = arena_strndup(arena, text.data, text.len);
    return LH_OK;
}
