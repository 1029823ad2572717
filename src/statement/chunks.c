/* chunks.INDEX: the chunks that an index searches, with their vectors, as a relation over its Parquet files.
 *
 * The files are linked into the statement's folder first: a refresh that switches to another generation meanwhile removes
 * its predecessor's, and a statement reads one generation to its end.  Chunks of documents that were replaced or removed still
 * stand in the files: their row numbers are left out.  So is, where the dataset lost rows since, every document that is in it no more. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "index/index.h"
#include "lake/read_plan.h"
#include "os/dir.h"
#include "statement/statement_internal.h"
#include "store/buckets.h"
#include "store/object_store.h"
#include "system/table_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define SWITCHES_MAX 5 /* generations that may go while we look */

struct chunks {
    struct statement_scope *scope;
    struct generation *g;
    const struct manifest *dataset;
    struct arena *arena;
    const char *dir;
    struct buf sql;
};

/* A name of our own for the file; across file systems its own name has to do. */
static enum lh_code hold_file(struct chunks *c, size_t segment, const char **ret_path, struct lh_err *err) {
    struct object_store *store = buckets_primary(c->scope->names.lake.buckets);
    const char *path, *own = arena_printf(c->arena, "%s/%s-%zu.parquet", c->dir, c->g->record.generation, segment);
    LH_TRY(object_local_path(store, c->g->record.segments[segment].parquet, c->arena, &path, err));
    enum lh_code code = os_link(system_os(c->scope->names.system), AT_FDCWD, path, AT_FDCWD, own, err);
    if (code == LH_NOT_FOUND)
        return code;
    *ret_path = code == LH_OK || code == LH_EXISTS ? own : path;
    return LH_OK;
}

/* " WHERE file_row_number NOT IN ..." where rows of the segment are dead. */
static enum lh_code append_living(struct chunks *c, size_t segment, struct lh_err *err) {
    static const struct table_column column = {"row", TABLE_INTEGER};
    const struct segment *s = &c->g->segments[segment];
    LH_AUTO(buf) struct buf select = BUF_INIT;
    struct table_file f;
    size_t dead = 0;
    const char *path = arena_printf(c->arena, "%s/%s-%zu.dead", c->dir, c->g->record.generation, segment);
    for (size_t row = 0; row < s->n && dead == 0; row++)
        dead += !bits_get(c->g->live, s->base + row);
    if (dead == 0)
        return LH_OK;
    table_file_open(&f, system_os(c->scope->names.system), path, &column, 1);
    for (size_t row = 0; row < s->n; row++)
        if (!bits_get(c->g->live, s->base + row))
            table_put_integer(&f, row);
    enum lh_code code = table_file_finish(&f, &select, err);
    table_file_deinit(&f);
    LH_TRY(code);
    buf_printf(&c->sql, " WHERE file_row_number NOT IN (%s)", buf_cstr(&select));
    return LH_OK;
}

static enum lh_code append_segment(struct chunks *c, size_t segment, struct lh_err *err) {
    const struct index_record *r = &c->g->record;
    const char *path;
    if (!r->segments[segment].parquet) {
        lh_ignore(lh_fail(err, LH_CONFLICT, "the index \"%s\" has no Parquet file", r->name));
        return lh_err_hint(err, "POST /vectors/refresh/%s with {\"rebuild\": true} writes it", r->dataset);
    }
    LH_TRY(hold_file(c, segment, &path, err));
    buf_append_str(&c->sql, segment > 0 ? " UNION ALL " : "");
    buf_printf(&c->sql,
               "SELECT doc_id, chunk_id, chunk_text, page, byte_start, byte_end, heading, content_hash, "
               "vector::FLOAT[%" PRIu32 "] AS vector FROM read_parquet(",
               r->dims);
    buf_append_sql_path(&c->sql, path);
    buf_append_str(&c->sql, ", file_row_number = true)");
    return append_living(c, segment, err);
}

static void append_nothing(struct chunks *c) {
    buf_printf(&c->sql,
               "SELECT ''::VARCHAR AS doc_id, 0::INTEGER AS chunk_id, ''::VARCHAR AS chunk_text, 0::INTEGER AS page, "
               "0::BIGINT AS byte_start, 0::BIGINT AS byte_end, ''::VARCHAR AS heading, ''::VARCHAR AS content_hash, "
               "NULL::FLOAT[%" PRIu32 "] AS vector WHERE false",
               c->g->record.dims ? c->g->record.dims : 1);
}

static enum lh_code append_select(struct chunks *c, struct lh_err *err) {
    const char *plan;
    buf_printf(&c->sql, "SELECT * REPLACE (TRY_CAST(doc_id AS %s) AS doc_id) FROM (",
               statement_id_type(c->g, c->dataset));
    for (size_t i = 0; i < c->g->segment_count; i++)
        LH_TRY(append_segment(c, i, err));
    if (c->g->segment_count == 0)
        append_nothing(c);
    buf_append_str(&c->sql, ")");
    if (index_made_again(c->dataset, &c->g->record)) {
        buf_append_str(&c->sql, " WHERE false");
        return LH_OK;
    }
    if (!index_rows_gone(c->dataset, &c->g->record))
        return LH_OK;
    LH_TRY(lake_read_plan(c->scope->names.lake.buckets, c->dataset, c->arena, &plan, err));
    buf_append_str(&c->sql, " AS of_index WHERE of_index.doc_id IN (SELECT CAST(");
    buf_append_sql_ident(&c->sql, c->g->record.id_column);
    buf_printf(&c->sql, " AS VARCHAR) FROM (%s))", plan);
    return LH_OK;
}

static enum lh_code define(struct chunks *c, const char **ret_definition, struct lh_err *err) {
    enum lh_code code = append_select(c, err);
    if (code == LH_OK)
        *ret_definition = arena_strndup(c->arena, c->sql.data, c->sql.len);
    buf_release(&c->sql);
    return code;
}

enum lh_code statement_chunks(struct statement_scope *scope, const char *index, struct arena *arena,
                              const char **ret_definition, struct lh_err *err) {
    const char *name = arena_printf(arena, "chunks.%s", index);
    LH_TRY(statement_check_index(scope, name, err));
    for (unsigned tries = 1;; tries++) {
        struct chunks c = {.scope = scope, .arena = arena};
        LH_AUTO(generation) struct generation *g = NULL;
        LH_TRY(statement_open_index(scope, index, &g, &c.dataset, err));
        LH_TRY(system_scope_folder(&scope->names, &c.dir, err));
        c.g = g;
        enum lh_code code = define(&c, ret_definition, err);
        if (code == LH_OK)
            return LH_OK;
        if (code != LH_NOT_FOUND || tries == SWITCHES_MAX)
            return lh_err_context(err, "reading chunks.%s", index);
        *err = (struct lh_err)LH_ERR_INIT;
    }
}
