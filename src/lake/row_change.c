#include "lake/row_change.h"

#include "catalog/manifest.h"

#include <string.h>

json_t *row_change_request(const struct manifest *m, const char *rows) {
    json_t *columns = json_array(), *key = json_array();
    for (size_t i = 0; i < m->column_count; i++)
        json_array_append_new(columns, json_pack("{s:s, s:s}", "name", m->columns[i].name, "type", m->columns[i].type));
    for (size_t i = 0; i < m->primary_key_count; i++)
        json_array_append_new(key, json_string(m->primary_key[i]));
    return json_pack("{s:s, s:o, s:o}", "rows", rows, "columns", columns, "key", key);
}

static bool makes_rows(const struct manifest_file *f) {
    return f->role == FILE_BASE || f->role == FILE_DELTA || f->role == FILE_TOMBSTONE;
}

static bool stands_beside(const struct row_change_beside *beside, const struct manifest_file *f) {
    for (size_t i = 0; beside && f->role == FILE_DELTA && i < beside->count; i++)
        if (strcmp(beside->keys[i], f->key) == 0)
            return true;
    return false;
}

/* The next file from *ret_at on that decides which rows there are, but for those `beside`; NULL at the end. */
static const struct manifest_file *next_file(const struct manifest *m, const struct row_change_beside *beside,
                                             size_t *ret_at) {
    while (*ret_at < m->file_count) {
        const struct manifest_file *f = &m->files[(*ret_at)++];
        if (makes_rows(f) && !stands_beside(beside, f))
            return f;
    }
    return NULL;
}

/* Do the two consist of the same rows?  Same dataset, columns, key and files of rows; what people say about it may differ. */
static bool same_rows_but(const struct manifest *a, const struct manifest *b, const struct row_change_beside *beside) {
    if (strcmp(a->id, b->id) != 0 || !manifest_same_schema(a, b) || a->primary_key_count != b->primary_key_count)
        return false;
    for (size_t i = 0; i < a->primary_key_count; i++)
        if (manifest_name_compare(a->primary_key[i], b->primary_key[i]) != 0)
            return false;
    for (size_t i = 0, j = 0;;) {
        const struct manifest_file *x = next_file(a, beside, &i), *y = next_file(b, beside, &j);
        if (!x || !y)
            return x == y;
        if (strcmp(x->key, y->key) != 0 || strcmp(x->bucket, y->bucket) != 0)
            return false;
    }
}

enum lh_code row_change_check(const struct manifest *now, const struct manifest *seen,
                              const struct row_change_beside *beside, bool *ret_stale, struct lh_err *err) {
    *ret_stale = !same_rows_but(now, seen, beside);
    if (!*ret_stale)
        return LH_OK;
    return lh_fail(err, LH_CONFLICT, "\"%s\" changed while its old rows were read", now->name);
}

enum lh_code row_change_busy(const char *dataset, struct lh_err *err) {
    *err = (struct lh_err)LH_ERR_INIT;
    lh_ignore(
        lh_fail(err, LH_BUSY, "other writers changed \"%s\" first, %d times in a row", dataset, ROW_CHANGE_ATTEMPTS));
    return lh_err_hint(err, "nothing was written: send it again; where many write to one dataset, larger changes sent "
                            "less often go through sooner");
}
