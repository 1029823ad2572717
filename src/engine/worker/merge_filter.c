#include "engine/worker/merge_filter.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "engine/merge_key.h"
#include "engine/worker/key_set.h"
#include "engine/worker/merge_spec.h"
#include "engine/worker/session.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define SETTLED_MAX ((uint64_t)1 << 27) /* rows, a bit each: 16 MiB */
#define FIRST_KEY 3                     /* of merge_key's arguments */

/* What is known of one spec.  Held by the filter and by the statements that were bound with it. */
struct merge {
    atomic_uint holders;
    const struct duckdb_api *duckdb;
    char id[LH_SHA256_HEX];
    struct arena *memory;
    struct merge_spec spec;
    unsigned widths[MERGE_KEY_COLUMNS_MAX];
    struct key_set *keys;
    atomic_uint_fast64_t looked_up; /* rows, by all statements together */
    uint64_t *first;                /* the bit of each file's first row */
    uint64_t *rows;                 /* of each file */
    _Atomic uint64_t *hidden;       /* rows that do not count */
    uint64_t hidden_bits;
    bool recording; /* into `hidden` */
    bool settled;   /* `hidden` is complete */
    bool never_settles;
    uint64_t used; /* the filter's clock when it was last asked for */
};

struct merge_filter {
    struct session side; /* a connection of its own, for what is read while a statement is being bound */
    uint64_t seed, memory_max, clock;
    struct merge **kept;
    size_t kept_count;
    struct lh_err failure; /* of the last bind that failed */
    uint64_t failure_number;
};

/* ---- what is known of a spec ---- */

static void *merge_hold(void *merge) {
    if (merge)
        atomic_fetch_add(&((struct merge *)merge)->holders, 1);
    return merge;
}

static void merge_drop(void *merge) {
    struct merge *m = merge;
    if (!m || atomic_fetch_sub(&m->holders, 1) > 1)
        return;
    key_set_free(m->keys);
    lh_free((void *)m->hidden);
    arena_free(m->memory);
    lh_free(m);
}

static inline void merge_auto_release(struct merge **m) {
    merge_drop(*m);
}

static uint64_t merge_bytes(const struct merge *m) {
    return (m->keys ? key_set_bytes(m->keys) : 0) + m->hidden_bits / 8;
}

/* KEY_SET_TEXT, a width, or -1 where bytes do not say what is equal. */
static int width_of(const struct duckdb_api *db, duckdb_logical_type type) {
    duckdb_type id = db->get_type_id(type);
    if (id == DUCKDB_TYPE_DECIMAL)
        id = db->decimal_internal_type(type);
    switch ((int)id) {
    case DUCKDB_TYPE_BOOLEAN:
    case DUCKDB_TYPE_TINYINT:
    case DUCKDB_TYPE_UTINYINT: return 1;
    case DUCKDB_TYPE_SMALLINT:
    case DUCKDB_TYPE_USMALLINT: return 2;
    case DUCKDB_TYPE_INTEGER:
    case DUCKDB_TYPE_UINTEGER:
    case DUCKDB_TYPE_DATE: return 4;
    case DUCKDB_TYPE_BIGINT:
    case DUCKDB_TYPE_UBIGINT:
    case DUCKDB_TYPE_TIME:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_S:
    case DUCKDB_TYPE_TIMESTAMP_MS:
    case DUCKDB_TYPE_TIMESTAMP_NS:
    case DUCKDB_TYPE_TIMESTAMP_TZ: return 8;
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT:
    case DUCKDB_TYPE_UUID: return 16;
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB: return KEY_SET_TEXT;
    default: return -1;
    }
}

static void key_columns(const struct merge *m, duckdb_data_chunk chunk, idx_t from, struct key_column *ret_columns) {
    for (size_t c = 0; c < m->spec.key_count; c++) {
        duckdb_vector vector = m->duckdb->data_chunk_get_vector(chunk, from + c);
        ret_columns[c].data = m->duckdb->vector_get_data(vector);
        ret_columns[c].validity = m->duckdb->vector_get_validity(vector);
    }
}

/* ---- keys ---- */

static enum lh_code too_large(struct lh_err *err) {
    lh_ignore(lh_fail(err, LH_LIMIT, "the changes on top of this statement's datasets take too much memory"));
    return lh_err_hint(err, "compact the datasets (POST /query/compact), or read fewer of them in one statement");
}

/* Drop what no statement holds until `need` more bytes are within the limits. */
static enum lh_code make_room(struct merge_filter *f, uint64_t need, struct lh_err *err) {
    for (;;) {
        uint64_t bytes = need;
        size_t oldest = f->kept_count;
        for (size_t i = 0; i < f->kept_count; i++) {
            struct merge *m = f->kept[i];
            bytes += merge_bytes(m);
            if (atomic_load(&m->holders) == 1 && (oldest == f->kept_count || m->used < f->kept[oldest]->used))
                oldest = i;
        }
        if (bytes <= f->memory_max / 2 && f->kept_count < MERGE_FILTER_KEPT)
            return LH_OK;
        if (oldest == f->kept_count)
            return bytes <= f->memory_max ? LH_OK : too_large(err);
        merge_drop(f->kept[oldest]);
        f->kept[oldest] = f->kept[--f->kept_count];
    }
}

static enum lh_code take_widths(struct merge *m, duckdb_result *rows, struct lh_err *err) {
    for (size_t c = 0; c < m->spec.key_count; c++) {
        duckdb_logical_type type = m->duckdb->column_logical_type(rows, c);
        int width = width_of(m->duckdb, type);
        m->duckdb->destroy_logical_type(&type);
        if (width < 0)
            return lh_fail(err, LH_INTERNAL, "a key of type %s cannot be looked up by its bytes", m->spec.types[c]);
        m->widths[c] = (unsigned)width;
    }
    return LH_OK;
}

static bool add_chunk(struct merge *m, struct merge_part part, duckdb_data_chunk chunk) {
    uint32_t ages[KEY_SET_BLOCK];
    struct key_column columns[MERGE_KEY_COLUMNS_MAX];
    idx_t rows = m->duckdb->data_chunk_get_size(chunk);
    const int64_t *places = m->duckdb->vector_get_data(m->duckdb->data_chunk_get_vector(chunk, m->spec.key_count));
    for (idx_t i = 0; i < rows; i++)
        ages[i] = merge_spec_age(&m->spec, part, (size_t)places[i]);
    key_columns(m, chunk, 0, columns);
    return key_set_add(m->keys, columns, rows, ages);
}

/* A set with room for `count` more keys than those of `older`, which may be NULL. */
static enum lh_code make_set(struct merge_filter *f, struct merge *m, const struct merge *older, size_t count,
                             struct lh_err *err) {
    size_t all = count + (older ? key_set_count(older->keys) : 0);
    if (all > f->memory_max / sizeof(uint64_t))
        return too_large(err);
    LH_TRY(make_room(f, key_set_estimate(all), err));
    m->keys = older ? key_set_extend(older->keys, count) : key_set_new(m->widths, m->spec.key_count, count, f->seed);
    return m->keys ? LH_OK : too_large(err);
}

/* The keys of `part`, on top of those of `older`. */
static enum lh_code read_keys(struct merge_filter *f, struct merge *m, const struct merge *older,
                              struct merge_part part, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(query_result) struct query_result rows = {.duckdb = NULL};
    if (!merge_spec_append_keys(&m->spec, part, &sql)) {
        assert(older); /* of no other version, a spec always has something on top */
        memcpy(m->widths, older->widths, sizeof m->widths);
        return make_set(f, m, older, 0, err);
    }
    LH_TRY(session_query(&f->side, buf_cstr(&sql), &rows.result, err));
    rows.duckdb = m->duckdb;
    LH_TRY(take_widths(m, &rows.result, err));
    LH_TRY(make_set(f, m, older, m->duckdb->row_count(&rows.result), err));
    for (;;) {
        duckdb_data_chunk chunk = m->duckdb->fetch_chunk(rows.result);
        if (!chunk)
            break;
        bool added = add_chunk(m, part, chunk) && key_set_bytes(m->keys) <= f->memory_max;
        m->duckdb->destroy_data_chunk(&chunk);
        if (!added)
            return too_large(err);
    }
    return make_room(f, merge_bytes(m), err); /* texts are known only now */
}

/* What is known of an earlier version, with the fewest files to be read on top of it; held for the caller, or NULL. */
static struct merge *find_older(struct merge_filter *f, const struct merge *m, struct merge_part *ret_added) {
    struct merge *best = NULL;
    *ret_added = merge_spec_all(&m->spec);
    for (size_t i = 0; i < f->kept_count; i++) {
        struct merge_part added;
        if (!merge_spec_extends(&m->spec, &f->kept[i]->spec, &added))
            continue;
        if (best && added.file + added.tombstone <= ret_added->file + ret_added->tombstone)
            continue;
        best = f->kept[i];
        *ret_added = added;
    }
    return best ? merge_hold(best) : NULL;
}

static struct merge *find_kept(struct merge_filter *f, const char *id) {
    for (size_t i = 0; i < f->kept_count; i++) {
        if (strcmp(f->kept[i]->id, id) != 0)
            continue;
        f->kept[i]->used = ++f->clock;
        return f->kept[i];
    }
    return NULL;
}

/* Held for the caller. */
static enum lh_code obtain(struct merge_filter *f, const char *text, struct merge **ret_merge, struct lh_err *err) {
    char id[LH_SHA256_HEX];
    lh_sha256_hex(text, strlen(text), id);
    struct merge *known = find_kept(f, id);
    if (known) {
        *ret_merge = merge_hold(known);
        return LH_OK;
    }
    LH_AUTO(merge) struct merge *m = lh_calloc(1, sizeof *m);
    atomic_init(&m->holders, 1);
    m->duckdb = f->side.duckdb;
    m->memory = arena_new();
    memcpy(m->id, id, sizeof id);
    LH_TRY(merge_spec_parse(text, m->memory, &m->spec, err));
    struct merge_part part;
    LH_AUTO(merge) struct merge *older = find_older(f, m, &part);
    LH_TRY(read_keys(f, m, older, part, err));
    m->used = ++f->clock;
    f->kept = lh_realloc(f->kept, (f->kept_count + 1) * sizeof(struct merge *));
    f->kept[f->kept_count++] = merge_hold(m);
    *ret_merge = LH_STEAL(m);
    return LH_OK;
}

/* ---- settling ---- */

/* Every file's rows begin at a word of their own. */
static enum lh_code count_rows(struct merge_filter *f, struct merge *m, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    LH_AUTO(query_result) struct query_result counts = {.duckdb = NULL};
    merge_spec_append_counts(&m->spec, &sql);
    LH_TRY(session_query(&f->side, buf_cstr(&sql), &counts.result, err));
    counts.duckdb = m->duckdb;
    m->first = arena_alloc(m->memory, m->spec.files.count * sizeof *m->first);
    m->rows = arena_alloc(m->memory, m->spec.files.count * sizeof *m->rows);
    for (idx_t i = 0; i < m->duckdb->row_count(&counts.result); i++) {
        int64_t file = m->duckdb->value_int64(&counts.result, 0, i);
        if (file >= 0 && (size_t)file < m->spec.files.count)
            m->rows[file] = (uint64_t)m->duckdb->value_int64(&counts.result, 1, i);
    }
    uint64_t bits = 0;
    for (size_t i = 0; i < m->spec.files.count; i++) {
        m->first[i] = bits;
        bits += (m->rows[i] + 63) / 64 * 64;
    }
    LH_TRY(make_room(f, bits / 8, err));
    m->hidden = lh_try_malloc(bits / 8 + 1);
    if (!m->hidden)
        return too_large(err);
    memset((void *)m->hidden, 0, bits / 8 + 1);
    m->hidden_bits = bits;
    return LH_OK;
}

static void forget_hidden(struct merge *m) {
    lh_free((void *)m->hidden);
    m->hidden = NULL;
    m->hidden_bits = 0;
}

/* Look every row up once, and remember.  What cannot be remembered is looked up each time. */
static enum lh_code settle(struct merge_filter *f, struct merge *m, const char *text, struct lh_err *err) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    int64_t counted;
    struct lh_err why = LH_ERR_INIT;
    uint64_t before = atomic_load(&m->looked_up), expected = 0;
    enum lh_code code = count_rows(f, m, &why);
    merge_spec_append_filtered(&m->spec, text, &sql);
    m->recording = true;
    if (code == LH_OK)
        code = session_query_int64(&f->side, buf_cstr(&sql), &counted, &why);
    m->recording = false;
    for (size_t i = 0; code == LH_OK && i < m->spec.files.count; i++)
        expected += m->rows[i];
    m->settled = code == LH_OK && atomic_load(&m->looked_up) - before == expected;
    if (m->settled)
        return LH_OK;
    forget_hidden(m);
    m->never_settles = code != LH_CANCELLED;
    if (m->never_settles)
        return LH_OK;
    *err = why;
    return code;
}

static bool worth_settling(const struct merge *m) {
    return !m->settled && !m->never_settles && !m->recording && m->spec.rows > 0 && m->spec.rows <= SETTLED_MAX &&
           atomic_load(&m->looked_up) >= m->spec.rows;
}

/* ---- the functions as DuckDB runs them: on flat vectors, on any of its threads ---- */

/* DuckDB's callbacks get handles that only functions of DuckDB look into, and those are found when it is loaded, which a process does
 * once.  These two lead to everything else. */
static struct {
    __typeof__(duckdb_scalar_function_get_bind_data) *get_bind_data;
    __typeof__(duckdb_scalar_function_bind_get_extra_info) *get_extra_info;
} library;

/* What a statement is bound with. */
struct bound {
    const struct duckdb_api *duckdb;
    struct merge *merge; /* held; NULL: nothing was known of this id */
};

static void *bound_copy(void *bound) {
    const struct bound *from = bound;
    struct bound *to = lh_malloc(sizeof *to);
    *to = (struct bound){from->duckdb, from->merge ? merge_hold(from->merge) : NULL};
    return to;
}

static void bound_free(void *bound) {
    merge_drop(((struct bound *)bound)->merge);
    lh_free(bound);
}

static void *values_of(const struct duckdb_api *db, duckdb_data_chunk in, idx_t column) {
    return db->vector_get_data(db->data_chunk_get_vector(in, column));
}

static void run_settled(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
    const struct bound *b = library.get_bind_data(info);
    bool settled = b->merge && b->merge->settled;
    memset(b->duckdb->vector_get_data(out), settled, b->duckdb->data_chunk_get_size(in));
}

/* NULL where no value of the column is NULL, as in a scan. */
static uint64_t *validity_of(const struct duckdb_api *db, duckdb_data_chunk in, idx_t column) {
    return db->vector_get_validity(db->data_chunk_get_vector(in, column));
}

static void run_row(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
    const struct bound *b = library.get_bind_data(info);
    const struct merge *m = b->merge;
    if (!m || !m->settled) {
        b->duckdb->scalar_function_set_error(info, MERGE_ROW " was called where " MERGE_SETTLED " is false");
        return;
    }
    idx_t count = b->duckdb->data_chunk_get_size(in);
    const uint64_t *files = values_of(b->duckdb, in, 1);
    const int64_t *rows = values_of(b->duckdb, in, 2);
    uint64_t *files_told = validity_of(b->duckdb, in, 1), *rows_told = validity_of(b->duckdb, in, 2);
    bool *counts = b->duckdb->vector_get_data(out);
    for (idx_t i = 0; i < count; i++) {
        uint64_t row = (uint64_t)rows[i];
        bool told = (!files_told || b->duckdb->validity_row_is_valid(files_told, i)) &&
                    (!rows_told || b->duckdb->validity_row_is_valid(rows_told, i));
        if (!told || files[i] >= m->spec.files.count || row >= m->rows[files[i]]) {
            counts[i] = false; /* there is no such row */
            continue;
        }
        uint64_t bit = m->first[files[i]] + row;
        counts[i] = !(atomic_load_explicit(&m->hidden[bit / 64], memory_order_relaxed) >> bit % 64 & 1);
    }
}

static void record_hidden(struct merge *m, uint64_t file, int64_t row) {
    if (file >= m->spec.files.count || (uint64_t)row >= m->rows[file])
        return;
    uint64_t bit = m->first[file] + (uint64_t)row;
    atomic_fetch_or_explicit(&m->hidden[bit / 64], UINT64_C(1) << bit % 64, memory_order_relaxed);
}

static void run_key(duckdb_function_info info, duckdb_data_chunk in, duckdb_vector out) {
    const struct bound *b = library.get_bind_data(info);
    struct merge *m = b->merge;
    struct key_column columns[MERGE_KEY_COLUMNS_MAX];
    struct key_hit hits[KEY_SET_BLOCK];
    idx_t count = b->duckdb->data_chunk_get_size(in);
    const uint64_t *files = values_of(b->duckdb, in, 1);
    const int64_t *rows = values_of(b->duckdb, in, 2);
    bool *counts = b->duckdb->vector_get_data(out);
    key_columns(m, in, FIRST_KEY, columns);
    memset(counts, true, count);
    size_t hit_count = key_set_find(m->keys, columns, count, hits);
    for (size_t i = 0; i < hit_count; i++) {
        uint32_t at = hits[i].row;
        uint32_t age = files[at] < m->spec.files.count ? m->spec.files.ages[files[at]] : 0;
        counts[at] = hits[i].number <= age;
        if (m->recording && !counts[at])
            record_hidden(m, files[at], rows[at]);
    }
    atomic_fetch_add_explicit(&m->looked_up, count, memory_order_relaxed);
}

/* ---- and as it binds them, on the session's thread ---- */

/* The text of an argument that is known before the statement runs; NULL: it is not. */
static char *constant_text(const struct duckdb_api *db, duckdb_bind_info info, idx_t index) {
    duckdb_expression argument = db->scalar_function_bind_get_argument(info, index);
    duckdb_client_context context = NULL;
    duckdb_value value = NULL;
    char *text = NULL;
    if (argument && db->expression_is_foldable(argument)) {
        db->scalar_function_get_client_context(info, &context);
        duckdb_error_data failure = db->expression_fold(context, argument, &value);
        bool known = !db->error_data_has_error(failure) && value && !db->is_null_value(value);
        char *theirs = known ? db->get_varchar(value) : NULL;
        text = theirs ? lh_strdup(theirs) : NULL;
        db->free(theirs);
        db->destroy_value(&value);
        db->destroy_error_data(&failure);
        db->destroy_client_context(&context);
    }
    db->destroy_expression(&argument);
    return text;
}

static void bind_to(const struct duckdb_api *db, duckdb_bind_info info, struct merge *held) {
    struct bound *b = lh_malloc(sizeof *b);
    *b = (struct bound){db, held};
    db->scalar_function_set_bind_data(info, b, bound_free);
    db->scalar_function_set_bind_data_copy(info, bound_copy);
}

static void bind_known(duckdb_bind_info info) {
    struct merge_filter *f = library.get_extra_info(info);
    LH_AUTO(mem) char *id = constant_text(f->side.duckdb, info, 0);
    struct merge *known = id ? find_kept(f, id) : NULL;
    bind_to(f->side.duckdb, info, known ? merge_hold(known) : NULL);
}

static enum lh_code check_arguments(const struct merge *m, duckdb_bind_info info, struct lh_err *err) {
    idx_t count = m->duckdb->scalar_function_bind_get_argument_count(info);
    bool fits = count == FIRST_KEY + m->spec.key_count;
    for (size_t c = 0; fits && c < m->spec.key_count; c++) {
        duckdb_expression argument = m->duckdb->scalar_function_bind_get_argument(info, FIRST_KEY + c);
        duckdb_logical_type type = m->duckdb->expression_return_type(argument);
        fits = width_of(m->duckdb, type) == (int)m->widths[c];
        m->duckdb->destroy_logical_type(&type);
        m->duckdb->destroy_expression(&argument);
    }
    return fits ? LH_OK : lh_fail(err, LH_INVALID, "the arguments are not those of the key");
}

static enum lh_code bind_key_to(struct merge_filter *f, duckdb_bind_info info, struct lh_err *err) {
    LH_AUTO(mem) char *text = constant_text(f->side.duckdb, info, 0);
    LH_AUTO(merge) struct merge *m = NULL;
    if (!text)
        return lh_fail(err, LH_INVALID, "the first argument should be a constant");
    LH_TRY(obtain(f, text, &m, err));
    LH_TRY(check_arguments(m, info, err));
    if (worth_settling(m))
        LH_TRY(settle(f, m, text, err));
    bind_to(f->side.duckdb, info, LH_STEAL(m));
    return LH_OK;
}

#define FAILURE_MARK MERGE_KEY " [%llu]: "

static void bind_key(duckdb_bind_info info) {
    struct merge_filter *f = library.get_extra_info(info);
    struct lh_err err = LH_ERR_INIT;
    if (bind_key_to(f, info, &err) == LH_OK)
        return;
    LH_AUTO(mem) char *text = lh_asprintf(FAILURE_MARK "%s", (unsigned long long)++f->failure_number, err.message);
    f->failure = err;
    f->side.duckdb->scalar_function_bind_set_error(info, text);
}

bool merge_filter_failure(const struct merge_filter *f, const char *duckdb_error, struct lh_err *err) {
    LH_AUTO(mem) char *mark = lh_asprintf(FAILURE_MARK, (unsigned long long)f->failure_number);
    if (f->failure.code == LH_OK || !duckdb_error || !strstr(duckdb_error, mark))
        return false;
    *err = f->failure;
    return true;
}

/* ---- life ---- */

static const struct function {
    const char *name;
    duckdb_type fixed[FIRST_KEY];
    size_t fixed_count;
    bool more;
    duckdb_scalar_function_bind_t bind;
    duckdb_scalar_function_t run;
} FUNCTIONS[] = {
    {MERGE_SETTLED, {DUCKDB_TYPE_VARCHAR}, 1, false, bind_known, run_settled},
    {MERGE_ROW, {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_UBIGINT, DUCKDB_TYPE_BIGINT}, 3, false, bind_known, run_row},
    {MERGE_KEY, {DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_UBIGINT, DUCKDB_TYPE_BIGINT}, 3, true, bind_key, run_key},
};

static bool add_function(struct merge_filter *f, duckdb_connection connection, const struct function *what) {
    const struct duckdb_api *db = f->side.duckdb;
    duckdb_scalar_function function = db->create_scalar_function();
    db->scalar_function_set_name(function, what->name);
    for (size_t i = 0; i < what->fixed_count; i++) {
        duckdb_logical_type type = db->create_logical_type(what->fixed[i]);
        db->scalar_function_add_parameter(function, type);
        db->destroy_logical_type(&type);
    }
    if (what->more) {
        duckdb_logical_type any = db->create_logical_type(DUCKDB_TYPE_ANY);
        db->scalar_function_set_varargs(function, any);
        db->destroy_logical_type(&any);
    }
    duckdb_logical_type answer = db->create_logical_type(DUCKDB_TYPE_BOOLEAN);
    db->scalar_function_set_return_type(function, answer);
    db->destroy_logical_type(&answer);
    db->scalar_function_set_special_handling(function); /* of NULL: a key with one in it is no key */
    db->scalar_function_set_extra_info(function, f, NULL);
    db->scalar_function_set_bind(function, what->bind);
    db->scalar_function_set_function(function, what->run);
    bool added = db->register_scalar_function(connection, function) == DuckDBSuccess;
    db->destroy_scalar_function(&function);
    return added;
}

enum lh_code merge_filter_open(const struct duckdb_api *duckdb, duckdb_database database, duckdb_connection connection,
                               uint64_t memory_limit_bytes, uint64_t seed, struct merge_filter **ret_filter,
                               struct lh_err *err) {
    struct merge_filter *f = lh_calloc(1, sizeof *f);
    library.get_bind_data = duckdb->scalar_function_get_bind_data;
    library.get_extra_info = duckdb->scalar_function_bind_get_extra_info;
    f->side = (struct session){.duckdb = duckdb};
    f->seed = seed;
    f->memory_max = memory_limit_bytes / 4;
    bool open =
        duckdb->vector_size() <= KEY_SET_BLOCK && duckdb->connect(database, &f->side.connection) == DuckDBSuccess;
    for (size_t i = 0; open && i < LH_ARRAY_LEN(FUNCTIONS); i++)
        open = add_function(f, connection, &FUNCTIONS[i]);
    if (!open) {
        merge_filter_close(f);
        return lh_fail(err, LH_UNAVAILABLE, "DuckDB does not take the functions that merge deltas");
    }
    *ret_filter = f;
    return LH_OK;
}

void merge_filter_close(struct merge_filter *f) {
    if (!f)
        return;
    if (f->side.connection)
        f->side.duckdb->disconnect(&f->side.connection);
    for (size_t i = 0; i < f->kept_count; i++)
        merge_drop(f->kept[i]);
    lh_free(f->kept);
    lh_free(f);
}

void merge_filter_interrupt(struct merge_filter *f) {
    f->side.duckdb->interrupt(f->side.connection);
}
