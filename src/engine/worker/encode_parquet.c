/* Parquet: DuckDB writes the file, this hands it the rows and sends the file off.
 *
 * The rows are already in flight on the session's connection, so the file is made by a second, private DuckDB
 * instance with one thread:
 *
 *     COPY (SELECT ... FROM result_rows()) TO 'FOLDER/result.parquet'      on a thread of its own
 *
 * result_rows() is a table function of ours that takes one chunk at a time from the session's thread (struct
 * handoff): memory is a chunk and the writer's row group, however long the result.  A private instance, because a
 * table function cannot be unregistered, and clients must not find one that points to an encoder long gone.  The
 * file's end holds its index, so nothing can be sent before the last row; the whole file is in the worker's folder
 * until then.
 *
 * Rejected: COPY of the client's statement itself (row limit, binding and parameters would need a second path through
 * the session), a temporary table (all rows in memory).
 *
 * Where DuckDB's writer would lose something the column is cast first: see append_expression(). */
#include "engine/worker/encoder_internal.h"
#include "engine/worker/unique_names.h"

#include "base/alloc.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"
#include "os/thread.h"

#include <pthread.h>
#include <stdio.h>

#define READ_BYTES ((size_t)64 * 1024)

/* One chunk passed from the session's thread (gives) to the writer's (takes); all fields under `mutex`. */
struct handoff {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    duckdb_data_chunk chunk; /* NULL: taken */
    size_t rows;
    bool finished;    /* no more chunks come */
    bool aborted;     /* nobody wants the file */
    bool writer_gone; /* COPY has ended, well or with writer_err */
    struct lh_err writer_err;
};

struct parquet_encoder {
    struct encoder base;
    struct handoff handoff;
    bool handoff_ready;
    duckdb_database database;
    duckdb_connection connection;
    duckdb_logical_type *types; /* the session's, which outlive us */
    struct os_thread thread;
    char *path;
    char *sql;
};

static struct parquet_encoder *parquet_of(struct encoder *e) {
    return (struct parquet_encoder *)e;
}

static enum lh_code fail_duckdb(struct lh_err *err, const char *message) {
    return lh_fail(err, LH_DATA, "the Parquet file could not be written: %s", message ? message : "no reason given");
}

/* ---- result_rows(), on the writer's thread ---- */

/* DuckDB's callbacks get an opaque `info` that only DuckDB's own functions can look into, and those we reach
 * through the encoder.  As the private instance has one thread, all callbacks come on the thread that runs COPY,
 * which knows its encoder. */
static _Thread_local struct parquet_encoder *encoder_of_this_thread;

static void bind_rows(duckdb_bind_info info) {
    const struct parquet_encoder *parquet = encoder_of_this_thread;
    for (size_t i = 0; i < parquet->base.column_count; i++) {
        char name[24];
        snprintf(name, sizeof name, "c%zu", i);
        parquet->base.env.duckdb->bind_add_result_column(info, name, parquet->types[i]);
    }
}

static void init_rows(duckdb_init_info info) {
    encoder_of_this_thread->base.env.duckdb->init_set_max_threads(info, 1);
}

/* Fill `output` with the next chunk; no rows at the end. */
static void next_rows(duckdb_function_info info, duckdb_data_chunk output) {
    struct parquet_encoder *parquet = encoder_of_this_thread;
    const struct duckdb_api *duckdb = parquet->base.env.duckdb;
    struct handoff *handoff = &parquet->handoff;
    pthread_mutex_lock(&handoff->mutex);
    while (!handoff->chunk && !handoff->finished && !handoff->aborted)
        pthread_cond_wait(&handoff->changed, &handoff->mutex);
    if (handoff->aborted) {
        duckdb->function_set_error(info, "cancelled");
    } else if (handoff->chunk) {
        for (size_t i = 0; i < parquet->base.column_count; i++)
            duckdb->vector_reference_vector(duckdb->data_chunk_get_vector(output, i),
                                            duckdb->data_chunk_get_vector(handoff->chunk, i));
        duckdb->data_chunk_set_size(output, handoff->rows);
        handoff->chunk = NULL;
        pthread_cond_broadcast(&handoff->changed);
    } else {
        duckdb->data_chunk_set_size(output, 0);
    }
    pthread_mutex_unlock(&handoff->mutex);
}

static void run_copy(void *arg) {
    struct parquet_encoder *parquet = arg;
    const struct duckdb_api *duckdb = parquet->base.env.duckdb;
    struct handoff *handoff = &parquet->handoff;
    struct lh_err err = LH_ERR_INIT;
    duckdb_result result;
    encoder_of_this_thread = parquet;
    if (duckdb->query(parquet->connection, parquet->sql, &result) != DuckDBSuccess)
        lh_ignore(fail_duckdb(&err, duckdb->result_error(&result)));
    duckdb->destroy_result(&result);

    pthread_mutex_lock(&handoff->mutex);
    handoff->writer_gone = true;
    handoff->writer_err = err;
    pthread_cond_broadcast(&handoff->changed);
    pthread_mutex_unlock(&handoff->mutex);
}

/* ---- the session's thread ---- */

/* Column i of result_rows() as it goes into the file.  DuckDB's Parquet would round 128-bit integers to DOUBLE,
 * cut INTERVALs to milliseconds and move TIMETZ to UTC. */
static void append_expression(struct buf *sql, int type, size_t i) {
    switch (type) {
    case DUCKDB_TYPE_HUGEINT:
    case DUCKDB_TYPE_UHUGEINT: buf_printf(sql, "CAST(c%zu AS DECIMAL(38,0))", i); break;
    case DUCKDB_TYPE_INTERVAL:
    case DUCKDB_TYPE_TIME_TZ: buf_printf(sql, "CAST(c%zu AS VARCHAR)", i); break;
    default: buf_printf(sql, "c%zu", i); break;
    }
}

static char *make_sql(const struct parquet_encoder *parquet, const struct encoder_column *given) {
    size_t count = parquet->base.column_count;
    const char **given_names = lh_calloc(count, sizeof *given_names);
    for (size_t i = 0; i < count; i++)
        given_names[i] = given[i].name;
    char **names = unique_names_new(given_names, count);
    struct buf sql = BUF_INIT;
    buf_append_str(&sql, "COPY (SELECT ");
    for (size_t i = 0; i < count; i++) {
        int type = (int)parquet->base.env.duckdb->get_type_id(given[i].type);
        buf_append_str(&sql, i ? ", " : "");
        append_expression(&sql, type, i);
        buf_append_str(&sql, " AS ");
        buf_append_sql_ident(&sql, names[i]);
    }
    buf_append_str(&sql, " FROM result_rows()) TO ");
    buf_append_sql_string(&sql, parquet->path);
    buf_append_str(&sql, " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE_BYTES '64MB')");
    unique_names_free(names, count);
    lh_free(given_names);
    return buf_detach(&sql);
}

static enum lh_code open_private(struct parquet_encoder *parquet, struct lh_err *err) {
    const struct encoder_env *env = &parquet->base.env;
    const struct duckdb_api *duckdb = env->duckdb;
    duckdb_config config;
    if (duckdb->create_config(&config) != DuckDBSuccess)
        return fail_duckdb(err, NULL);
    /* Row groups end by size only where order need not be kept; with one thread it is kept all the same. */
    bool set = duckdb->set_config(config, "threads", "1") == DuckDBSuccess &&
               duckdb->set_config(config, "preserve_insertion_order", "false") == DuckDBSuccess &&
               duckdb->set_config(config, "temp_directory", env->temp_dir) == DuckDBSuccess;
    char *message = NULL;
    bool opened = set && duckdb->open_ext(NULL, &parquet->database, config, &message) == DuckDBSuccess &&
                  duckdb->connect(parquet->database, &parquet->connection) == DuckDBSuccess;
    duckdb->destroy_config(&config);
    enum lh_code code = opened ? LH_OK : fail_duckdb(err, message);
    duckdb->free(message);
    return code;
}

static enum lh_code register_rows(const struct parquet_encoder *parquet, struct lh_err *err) {
    const struct duckdb_api *duckdb = parquet->base.env.duckdb;
    duckdb_table_function function = duckdb->create_table_function();
    duckdb->table_function_set_name(function, "result_rows");
    duckdb->table_function_set_bind(function, bind_rows);
    duckdb->table_function_set_init(function, init_rows);
    duckdb->table_function_set_function(function, next_rows);
    duckdb_state state = duckdb->register_table_function(parquet->connection, function);
    duckdb->destroy_table_function(&function);
    return state == DuckDBSuccess ? LH_OK : fail_duckdb(err, "its source could not be registered");
}

static enum lh_code begin_parquet(struct encoder *e, const struct encoder_column *given, struct lh_err *err) {
    struct parquet_encoder *parquet = parquet_of(e);
    pthread_mutex_init(&parquet->handoff.mutex, NULL);
    pthread_cond_init(&parquet->handoff.changed, NULL);
    parquet->handoff_ready = true;
    parquet->types = lh_calloc(e->column_count, sizeof *parquet->types);
    for (size_t i = 0; i < e->column_count; i++)
        parquet->types[i] = given[i].type;
    parquet->path = lh_asprintf("%s/result.parquet", e->env.temp_dir);
    parquet->sql = make_sql(parquet, given);
    LH_TRY(open_private(parquet, err));
    LH_TRY(register_rows(parquet, err));
    return os_thread_start(&parquet->thread, "parquet", OS_STACK_BIG, run_copy, parquet, err);
}

/* Returns once the writer has taken the chunk, so that the session may destroy it: vectors are shared by
 * reference. */
static enum lh_code chunk_parquet(struct encoder *e, duckdb_data_chunk chunk, size_t rows, struct lh_err *err) {
    struct handoff *handoff = &parquet_of(e)->handoff;
    pthread_mutex_lock(&handoff->mutex);
    handoff->chunk = chunk;
    handoff->rows = rows;
    pthread_cond_broadcast(&handoff->changed);
    while (handoff->chunk && !handoff->writer_gone)
        pthread_cond_wait(&handoff->changed, &handoff->mutex);
    bool taken = !handoff->chunk;
    handoff->chunk = NULL;
    pthread_mutex_unlock(&handoff->mutex);
    if (taken)
        return LH_OK;
    *err = handoff->writer_err;
    return err->code != LH_OK ? err->code : fail_duckdb(err, "its writer ended early");
}

static enum lh_code send_file(struct parquet_encoder *parquet, struct lh_err *err) {
    struct encoder_out *out = parquet->base.env.out;
    int fd;
    LH_TRY(os_open(os_real(), AT_FDCWD, parquet->path, O_RDONLY, 0, 0, &fd, err));
    enum lh_code code = LH_OK;
    for (size_t len = 1; len > 0 && code == LH_OK;) {
        char piece[READ_BYTES];
        code = os_read_some(os_real(), fd, piece, sizeof piece, "result.parquet", &len, err);
        if (code == LH_OK) {
            buf_append(&out->bytes, piece, len);
            code = encoder_out_flush(out, err);
        }
    }
    os_close(os_real(), fd);
    return code;
}

/* Let the writer end: with the file whole, or with nothing. */
static void stop_writer(struct parquet_encoder *parquet, bool aborted) {
    struct handoff *handoff = &parquet->handoff;
    pthread_mutex_lock(&handoff->mutex);
    handoff->finished = !aborted;
    handoff->aborted = aborted;
    pthread_cond_broadcast(&handoff->changed);
    pthread_mutex_unlock(&handoff->mutex);
    os_thread_join(&parquet->thread);
}

static enum lh_code end_parquet(struct encoder *e, const struct encoder_stats *stats, struct lh_err *err) {
    (void)stats;
    struct parquet_encoder *parquet = parquet_of(e);
    stop_writer(parquet, false);
    if (parquet->handoff.writer_err.code != LH_OK) {
        *err = parquet->handoff.writer_err;
        return err->code;
    }
    return send_file(parquet, err);
}

static void deinit_parquet(struct encoder *e) {
    struct parquet_encoder *parquet = parquet_of(e);
    const struct duckdb_api *duckdb = e->env.duckdb;
    if (!parquet->handoff_ready)
        return;
    stop_writer(parquet, true);
    if (parquet->connection)
        duckdb->disconnect(&parquet->connection);
    if (parquet->database)
        duckdb->close(&parquet->database);
    struct lh_err ignored = LH_ERR_INIT;
    lh_ignore(os_unlink(os_real(), AT_FDCWD, parquet->path, &ignored)); /* not there where nothing was written */
    pthread_cond_destroy(&parquet->handoff.changed);
    pthread_mutex_destroy(&parquet->handoff.mutex);
    lh_free(parquet->types);
    lh_free(parquet->path);
    lh_free(parquet->sql);
}

const struct encoder_ops encode_parquet_ops = {
    .size = sizeof(struct parquet_encoder),
    .begin = begin_parquet,
    .chunk = chunk_parquet,
    .end = end_parquet,
    .deinit = deinit_parquet,
    .takes_any_type = true,
};
