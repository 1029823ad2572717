#include "index/text.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "index/text_query.h"
#include "index/text_tokens.h"

#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

#define MAP_BYTES "17179869184" /* what SQLite may map of the file */

static enum lh_code fail_sqlite(sqlite3 *db, int rc, const char *doing, struct lh_err *err) {
    enum lh_code code = rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB ? LH_CORRUPT
                        : rc == SQLITE_FULL                         ? LH_NO_SPACE
                        : rc == SQLITE_NOMEM                        ? LH_NO_MEMORY
                                                                    : LH_IO;
    lh_fail(err, code, "the full-text index: %s failed", doing);
    return lh_err_detail(err, "SQLite: %s (%d)", db ? sqlite3_errmsg(db) : sqlite3_errstr(rc), rc);
}

/* ---- a connection ---- */

struct connection {
    sqlite3 *db;
    struct text_tokenizer *tokenizer;
    sqlite3_stmt *stmt; /* the one thing that it is for: adding, or searching */
    unsigned version;   /* of a reader: of its file's terms */
    const uint64_t *allowed;
    size_t rows;
    struct connection *next;
};

static void connection_close(struct connection *c) {
    sqlite3_finalize(c->stmt);
    text_tokenizer_free(c->tokenizer);
    sqlite3_close(c->db);
    lh_free(c);
}

/* A URI that names this file whatever signs are in its path. */
static void append_uri(struct buf *out, const char *path, const char *query) {
    buf_append_str(out, "file:");
    for (const char *p = path; *p; p++)
        if (strchr("?#%", *p))
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)*p);
        else
            buf_append_char(out, *p);
    buf_append_str(out, query);
}

/* Counting every allocation takes a lock that all threads share. */
static void forgo_statistics(void) {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static enum lh_code connection_open(const char *path, const char *query, int flags, struct connection **ret_connection,
                                    struct lh_err *err) {
    static const int safety[][2] = {{SQLITE_DBCONFIG_DEFENSIVE, 1}, {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0}};
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    LH_AUTO(buf) struct buf uri = BUF_INIT;
    pthread_once(&once, forgo_statistics);
    append_uri(&uri, path, query);
    struct connection *c = lh_calloc(1, sizeof *c);
    int rc = sqlite3_open_v2(buf_cstr(&uri), &c->db, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    for (size_t i = 0; rc == SQLITE_OK && i < LH_ARRAY_LEN(safety); i++)
        rc = sqlite3_db_config(c->db, safety[i][0], safety[i][1], (int *)NULL);
    enum lh_code code = rc == SQLITE_OK ? LH_OK : fail_sqlite(c->db, rc, "opening it", err);
    if (code != LH_OK) {
        connection_close(c);
        return code;
    }
    *ret_connection = c;
    return LH_OK;
}

static enum lh_code run(struct connection *c, const char *sql, const char *doing, struct lh_err *err) {
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? LH_OK : fail_sqlite(c->db, rc, doing, err);
}

static enum lh_code prepare(struct connection *c, const char *sql, struct lh_err *err) {
    int rc = sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &c->stmt, NULL);
    return rc == SQLITE_OK ? LH_OK : fail_sqlite(c->db, rc, "preparing a statement", err);
}

/* The version of its terms is the file's user_version; 0, which nobody wrote, is the first one. */
static enum lh_code read_version(struct connection *c, unsigned *ret_version, struct lh_err *err) {
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(c->db, "PRAGMA user_version", -1, &stmt, NULL), version = 0;
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
        version = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    if (rc != SQLITE_ROW)
        return fail_sqlite(c->db, rc, "reading its version", err);
    if (version < 0 || version > TEXT_TOKENS_VERSION)
        return lh_fail(err, LH_UNSUPPORTED, "the full-text index is of version %d; this program knows %d", version,
                       TEXT_TOKENS_VERSION);
    *ret_version = version > 0 ? (unsigned)version : 1;
    return LH_OK;
}

/* ---- writing ---- */

struct text_builder {
    struct connection *connection;
};

void text_builder_free(struct text_builder *b) {
    if (!b)
        return;
    if (b->connection)
        connection_close(b->connection);
    lh_free(b);
}

static enum lh_code copy_from(struct connection *c, const char *base, struct lh_err *err) {
    struct connection *from;
    LH_TRY(connection_open(base, "?immutable=1", SQLITE_OPEN_READONLY, &from, err));
    sqlite3_backup *backup = sqlite3_backup_init(c->db, "main", from->db, "main");
    int rc = backup ? sqlite3_backup_step(backup, -1) : sqlite3_errcode(c->db);
    sqlite3_backup_finish(backup);
    enum lh_code code = rc == SQLITE_DONE ? LH_OK : fail_sqlite(c->db, rc, "copying the last one", err);
    connection_close(from);
    unsigned version = 0;
    if (code == LH_OK)
        code = read_version(c, &version, err);
    if (code == LH_OK && version != TEXT_TOKENS_VERSION)
        code = lh_fail(err, LH_UNSUPPORTED, "the full-text index is of version %u and takes no more rows", version);
    return code;
}

static enum lh_code create_table(struct connection *c, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_printf(&sql,
               "PRAGMA user_version = %d;"
               "CREATE VIRTUAL TABLE chunks USING fts5(body, content = '', tokenize = '" TEXT_TOKENIZER "')",
               TEXT_TOKENS_VERSION);
    return run(c, buf_cstr(&sql), "creating it", err);
}

enum lh_code text_builder_new(const char *path, const char *base, struct text_builder **ret_builder,
                              struct lh_err *err) {
    LH_AUTO(text_builder) struct text_builder *b = lh_calloc(1, sizeof *b);
    LH_TRY(connection_open(path, "", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &b->connection, err));
    /* A file that is not finished is thrown away, so nothing has to survive a crash. */
    LH_TRY(run(b->connection,
               "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;"
               "PRAGMA cache_size = -65536;",
               "setting it up", err));
    if (base)
        LH_TRY(copy_from(b->connection, base, err));
    LH_TRY(text_tokens_register(b->connection->db, TEXT_TOKENS_VERSION, &b->connection->tokenizer, err));
    if (!base)
        LH_TRY(create_table(b->connection, err));
    LH_TRY(run(b->connection, "BEGIN", "beginning", err));
    LH_TRY(prepare(b->connection, "INSERT INTO chunks(rowid, body) VALUES (?1, ?2)", err));
    *ret_builder = LH_STEAL(b);
    return LH_OK;
}

enum lh_code text_builder_add(struct text_builder *b, uint32_t row, const char *text, size_t len, struct lh_err *err) {
    sqlite3_stmt *stmt = b->connection->stmt;
    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)row);
    sqlite3_bind_text64(stmt, 2, text, len, SQLITE_STATIC, SQLITE_UTF8);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_DONE)
        rc = sqlite3_reset(stmt);
    return rc == SQLITE_OK ? LH_OK : fail_sqlite(b->connection->db, rc, "adding a chunk", err);
}

enum lh_code text_builder_finish(struct text_builder *b, struct lh_err *err) {
    return run(b->connection, "COMMIT", "finishing it", err);
}

/* ---- searching ---- */

struct text_index {
    char *path;
    unsigned version;
    pthread_mutex_t lock;
    struct connection *idle; /* as many as there were searches at one time */
};

/* lh_allowed(rowid): may this row be answered? */
static void sql_allowed(sqlite3_context *context, int count, sqlite3_value **values) {
    const struct connection *c = sqlite3_user_data(context);
    uint64_t row = (uint64_t)sqlite3_value_int64(values[0]);
    (void)count;
    bool allowed = !c->allowed || (row < c->rows && (c->allowed[row / 64] >> (row % 64) & 1));
    sqlite3_result_int(context, allowed);
}

static enum lh_code reader_open(const char *path, struct connection **ret_connection, struct lh_err *err) {
    struct connection *c;
    LH_TRY(connection_open(path, "?immutable=1", SQLITE_OPEN_READONLY, &c, err));
    enum lh_code code = run(c, "PRAGMA mmap_size = " MAP_BYTES "; PRAGMA cache_size = -4096", "setting it up", err);
    if (code == LH_OK)
        code = read_version(c, &c->version, err);
    if (code == LH_OK)
        code = text_tokens_register(c->db, c->version, &c->tokenizer, err);
    int rc =
        sqlite3_create_function(c->db, "lh_allowed", 1, SQLITE_UTF8 | SQLITE_INNOCUOUS, c, sql_allowed, NULL, NULL);
    if (code == LH_OK && rc != SQLITE_OK)
        code = fail_sqlite(c->db, rc, "setting it up", err);
    /* FTS5 sorts by rank before the outer condition is asked, and the limit ends that early. */
    if (code == LH_OK)
        code = prepare(
            c, "SELECT rowid, rank FROM chunks WHERE chunks MATCH ?1 AND lh_allowed(rowid) ORDER BY rank LIMIT ?2",
            err);
    if (code != LH_OK) {
        connection_close(c);
        return code;
    }
    *ret_connection = c;
    return LH_OK;
}

static enum lh_code borrow(struct text_index *t, struct connection **ret_connection, struct lh_err *err) {
    pthread_mutex_lock(&t->lock);
    struct connection *c = t->idle;
    if (c)
        t->idle = c->next;
    pthread_mutex_unlock(&t->lock);
    if (!c)
        return reader_open(t->path, ret_connection, err);
    *ret_connection = c;
    return LH_OK;
}

static void give_back(struct text_index *t, struct connection *c) {
    pthread_mutex_lock(&t->lock);
    c->next = t->idle;
    t->idle = c;
    pthread_mutex_unlock(&t->lock);
}

enum lh_code text_index_open(const char *path, struct text_index **ret_index, struct lh_err *err) {
    struct connection *first;
    LH_TRY(reader_open(path, &first, err));
    struct text_index *t = lh_calloc(1, sizeof *t);
    t->path = lh_strdup(path);
    t->version = first->version;
    pthread_mutex_init(&t->lock, NULL);
    t->idle = first;
    *ret_index = t;
    return LH_OK;
}

void text_index_close(struct text_index *t) {
    if (!t)
        return;
    for (struct connection *c = t->idle, *next; c; c = next) {
        next = c->next;
        connection_close(c);
    }
    pthread_mutex_destroy(&t->lock);
    lh_free(t->path);
    lh_free(t);
}

bool text_index_is_old(const struct text_index *t) {
    return t->version < TEXT_TOKENS_VERSION;
}

static enum lh_code search_expression(struct connection *c, const struct buf *expression, size_t k,
                                      struct text_hit *ret_hits, size_t *ret_found, struct lh_err *err) {
    size_t found = 0;
    int rc;
    sqlite3_bind_text64(c->stmt, 1, buf_cstr(expression), expression->len, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int64(c->stmt, 2, (sqlite3_int64)k);
    while ((rc = sqlite3_step(c->stmt)) == SQLITE_ROW && found < k) {
        double rank = sqlite3_column_double(c->stmt, 1);
        ret_hits[found++] = (struct text_hit){(uint32_t)sqlite3_column_int64(c->stmt, 0), (float)-rank};
    }
    enum lh_code code = rc == SQLITE_DONE || rc == SQLITE_ROW ? LH_OK : fail_sqlite(c->db, rc, "a search", err);
    sqlite3_reset(c->stmt);
    sqlite3_clear_bindings(c->stmt);
    if (code == LH_OK)
        *ret_found = found;
    return code;
}

enum lh_code text_index_search(struct text_index *t, const struct text_search *search, struct text_hit *ret_hits,
                               size_t *ret_found, struct lh_err *err) {
    LH_AUTO(text_query) struct text_query query = {BUF_INIT, BUF_INIT, 0};
    struct connection *c;
    size_t found = 0;
    LH_TRY(borrow(t, &c, err));
    c->allowed = search->allowed;
    c->rows = search->rows;
    enum lh_code code = text_query_parse(c->tokenizer, search->words, &query, err);
    if (code == LH_OK)
        code = search_expression(c, &query.all, search->k, ret_hits, &found, err);
    size_t enough = search->enough ? search->enough : search->k;
    if (code == LH_OK && found < enough && query.parts > 1)
        code = search_expression(c, &query.any, search->k, ret_hits, &found, err);
    c->allowed = NULL;
    give_back(t, c);
    if (code == LH_OK)
        *ret_found = found;
    return code;
}
