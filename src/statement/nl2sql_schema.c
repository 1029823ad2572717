/* Datasets as a generator is told of them. */
#include "statement/nl2sql.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "catalog/catalog.h"
#include "catalog/manifest.h"
#include "index/index.h"
#include "statement/statement.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEMA_BYTES_MAX ((size_t)24 * 1024) /* about 8,000 tokens */
#define NAMES_BYTES_MAX ((size_t)4 * 1024)
#define DESCRIPTION_MAX 200
#define WORD_MIN 3
#define INDEXES_MAX 20

struct candidate {
    const struct manifest *m;
    size_t likeness;
};

/* ---- which, and in what order ---- */

static bool in_scope(const struct statement_scope *scope, const struct manifest *m) {
    const char *bucket = scope->names.lake.bucket;
    return !bucket || (m->bucket && strcmp(m->bucket, bucket) == 0);
}

static bool mentions(const struct manifest *m, const char *word) {
    if (strcasestr(m->name, word) || (m->description && strcasestr(m->description, word)))
        return true;
    for (size_t i = 0; i < m->column_count; i++)
        if (strcasestr(m->columns[i].name, word) ||
            (m->columns[i].description && strcasestr(m->columns[i].description, word)))
            return true;
    return false;
}

/* How many words of the question it mentions; a plural counts as its singular. */
static size_t likeness(const struct manifest *m, const char *question) {
    size_t count = 0;
    for (const char *at = question; *at;) {
        size_t len = 0;
        char word[64];
        while (isalnum((unsigned char)at[len]) || (unsigned char)at[len] >= 0x80)
            len++;
        if (len >= WORD_MIN && len < sizeof word) {
            size_t kept = len - (len > WORD_MIN && at[len - 1] == 's');
            memcpy(word, at, kept);
            word[kept] = '\0';
            count += mentions(m, word);
        }
        at += len > 0 ? len : 1;
    }
    return count;
}

static int by_likeness(const void *a, const void *b) {
    const struct candidate *x = a, *y = b;
    if (x->likeness != y->likeness)
        return x->likeness > y->likeness ? -1 : 1;
    return strcmp(x->m->name, y->m->name);
}

static enum lh_code collect(const struct nl2sql_request *rq, struct arena *arena, struct candidate **ret_items,
                            size_t *ret_count, struct lh_err *err) {
    const struct catalog_snapshot *snapshot = rq->scope->names.lake.snapshot;
    size_t count = 0, all = rq->datasets ? rq->dataset_count : catalog_snapshot_count(snapshot);
    struct candidate *items = arena_alloc(arena, (all + 1) * sizeof *items);
    for (size_t i = 0; i < all; i++) {
        const struct manifest *m = NULL;
        if (rq->datasets)
            LH_TRY(catalog_snapshot_require(snapshot, rq->datasets[i], &m, err));
        else
            m = catalog_snapshot_get(snapshot, i);
        if (in_scope(rq->scope, m))
            items[count++] = (struct candidate){m, likeness(m, rq->question)};
        else if (rq->datasets)
            return lh_fail(err, LH_NOT_FOUND, "there is no dataset \"%s\" in the bucket \"%s\"", rq->datasets[i],
                           rq->scope->names.lake.bucket);
    }
    if (count == 0) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "there is no dataset that the question could be asked of"));
        return lh_err_hint(err, "POST /ingest/file makes one");
    }
    qsort(items, count, sizeof *items, by_likeness);
    *ret_items = items;
    *ret_count = count;
    return LH_OK;
}

/* ---- text ---- */

/* On one line, and not for ever. */
static void append_note(struct buf *out, const char *text) {
    size_t len = strnlen(text, DESCRIPTION_MAX + 1), end = len > DESCRIPTION_MAX ? DESCRIPTION_MAX : len;
    while (end < len && end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80)
        end--;
    for (size_t i = 0; i < end; i++)
        buf_append_char(out, (unsigned char)text[i] < ' ' ? ' ' : text[i]);
}

static void append_column(struct buf *out, const struct manifest_column *c) {
    const char *before = " -- personal: ";
    buf_append_str(out, "  ");
    buf_append_sql_ident(out, c->name);
    buf_printf(out, " %s", c->type);
    for (size_t i = 0; i < c->flag_count; i++)
        if (!c->flags[i].dismissed) {
            buf_printf(out, "%s%s", before, c->flags[i].kind);
            before = ", ";
        }
    if (c->description) {
        buf_append_str(out, " -- ");
        append_note(out, c->description);
    }
    buf_append_char(out, '\n');
}

static void append_dataset(struct buf *out, const struct manifest *m) {
    buf_append_str(out, "Table ");
    buf_append_sql_ident(out, m->name);
    buf_printf(out, ", about %" PRIu64 " rows", m->row_count);
    for (size_t i = 0; i < m->primary_key_count; i++) {
        buf_append_str(out, i == 0 ? ", one for each " : ", ");
        buf_append_sql_ident(out, m->primary_key[i]);
    }
    if (m->description) {
        buf_append_str(out, ": ");
        append_note(out, m->description);
    }
    buf_append_char(out, '\n');
    for (size_t i = 0; i < m->column_count; i++)
        append_column(out, &m->columns[i]);
    buf_append_char(out, '\n');
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool is_shown(const struct candidate *items, size_t count, const char *dataset) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(items[i].m->name, dataset) == 0)
            return true;
    return false;
}

/* Indexes over what is shown: searches are tables. */
static void append_indexes(const struct nl2sql_request *rq, const struct candidate *items, size_t count,
                           struct buf *out) {
    LH_AUTO(json) json_t *indexes = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    const struct statement_scope *scope = rq->scope;
    size_t i, told = 0;
    json_t *index;
    if (!scope->indexes || scope->past || !scope->names.allowed ||
        index_list(scope->indexes, NULL, NULL, false, &indexes, &ignored) != LH_OK)
        return;
    json_array_foreach(indexes, i, index) {
        const json_t *source = json_object_get(index, "source");
        if (told == INDEXES_MAX || !json_is_true(json_object_get(index, "ready")) ||
            !is_shown(items, count, text_of(source, "dataset")))
            continue;
        buf_append_str(out, "Search by meaning in ");
        buf_append_sql_ident(out, text_of(source, "dataset"));
        buf_append_char(out, '.');
        buf_append_sql_ident(out, text_of(source, "text_column"));
        buf_printf(out, ": hybrid_search('%s', 'words to find', 20) is a table with doc_id (equal to ",
                   text_of(index, "name"));
        buf_append_sql_ident(out, text_of(source, "id_column"));
        buf_append_str(out, "), score, rank, chunk_text\n");
        told++;
    }
}

enum lh_code nl2sql_schema(const struct nl2sql_request *rq, struct arena *arena, struct buf *out, struct lh_err *err) {
    struct candidate *items = NULL;
    size_t count = 0, shown = 0;
    LH_TRY(collect(rq, arena, &items, &count, err));
    for (; shown < count; shown++) {
        size_t before = out->len;
        append_dataset(out, items[shown].m);
        if (out->len > SCHEMA_BYTES_MAX && shown > 0) {
            buf_truncate(out, before);
            break;
        }
    }
    append_indexes(rq, items, shown, out);
    size_t names_from = out->len;
    for (size_t i = shown; i < count && out->len - names_from < NAMES_BYTES_MAX; i++) {
        buf_append_str(out, i == shown ? "Further tables, whose columns are not shown: " : ", ");
        buf_append_sql_ident(out, items[i].m->name);
    }
    if (shown < count)
        buf_append_char(out, '\n');
    return LH_OK;
}
