/* The task `ingest` in this process, for tests: a session with the limits of a real worker, without its fences. */
#ifndef LH_TESTS_INGEST_TASK_H
#define LH_TESTS_INGEST_TASK_H

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/worker/duckdb_api.h"
#include "engine/worker/tasks.h"
#include "engine/worker/worker.h"
#include "os/file.h"
#include "os/os.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct ingest_task {
    struct duckdb_api duckdb;
    struct worker worker;
    struct task task;
    char folder[64]; /* holds input and out/ */
    char output[80];
    char *input;
};

static inline void ingest_task_open(struct ingest_task *t) {
    struct lh_err err = LH_ERR_INIT;
    memset(t, 0, sizeof *t);
    memcpy(t->folder, "/tmp/lh-ingest-XXXXXX", sizeof "/tmp/lh-ingest-XXXXXX");
    if (!mkdtemp(t->folder))
        abort();
    t->worker.os = os_real();
    t->worker.progress_sent_ns = INT64_MAX / 2; /* nobody listens */
    pthread_mutex_init(&t->worker.lock, NULL);
    struct worker_profile profile = {.memory_limit_bytes = (uint64_t)256 << 20,
                                     .threads = 2,
                                     .temp_dir = t->folder,
                                     .read_paths = (const char *const[]){t->folder, LH_TEST_SOURCE_DIR},
                                     .read_count = 2};
    duckdb_database database;
    if (duckdb_api_open(&t->duckdb, &err) != LH_OK || session_prepare(&t->duckdb, &database, &err) != LH_OK ||
        session_open(&t->worker.session, t->worker.os, &t->duckdb, database, &profile, &err) != LH_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    t->task = (struct task){.session = &t->worker.session, .worker = &t->worker};
}

static inline void ingest_task_close(struct ingest_task *t) {
    struct lh_err err = LH_ERR_INIT;
    session_close(&t->worker.session);
    lh_ignore(os_remove_all(t->worker.os, AT_FDCWD, t->folder, &err));
    lh_free(t->input);
}

/* Ingest the file at `path`; the output folder is fresh. */
static inline enum lh_code ingest_task_run(struct ingest_task *t, const char *path, const json_t *request,
                                           json_t **ret_answer, struct lh_err *err) {
    snprintf(t->output, sizeof t->output, "%s/out", t->folder);
    lh_ignore(os_remove_all(t->worker.os, AT_FDCWD, t->output, err));
    LH_TRY(os_mkdir_all(t->worker.os, AT_FDCWD, t->output, 0700, err));
    t->task.untrusted_input = path;
    t->task.output_dir = t->output;
    return task_ingest(&t->task, request, ret_answer, err);
}

/* The rows of data.parquet as an array of arrays of texts and nulls. */
static inline json_t *ingest_task_rows(struct ingest_task *t) {
    struct lh_err err = LH_ERR_INIT;
    const struct duckdb_api *db = &t->duckdb;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_printf(&sql, "SELECT CAST(COLUMNS(*) AS VARCHAR) FROM read_parquet('%s/data.parquet')", t->output);
    duckdb_result result;
    json_t *rows = json_array();
    if (session_query(&t->worker.session, buf_cstr(&sql), &result, &err) != LH_OK) {
        json_array_append_new(rows, json_string(err.message));
        return rows;
    }
    for (uint64_t r = 0; r < db->row_count(&result); r++) {
        json_t *row = json_array();
        for (uint64_t c = 0; c < db->column_count(&result); c++) {
            char *text = db->value_varchar(&result, c, r);
            json_array_append_new(row, text ? json_string(text) : json_null());
            db->free(text);
        }
        json_array_append_new(rows, row);
    }
    db->destroy_result(&result);
    return rows;
}

/* The kept rejects. */
static inline json_t *ingest_task_rejects(struct ingest_task *t) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(buf) struct buf path = BUF_INIT;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    json_t *rejects = json_array();
    buf_printf(&path, "%s/rejects.ndjson", t->output);
    if (os_read_file(t->worker.os, AT_FDCWD, buf_cstr(&path), (size_t)64 << 20, &text, &err) != LH_OK)
        return rejects;
    for (const char *p = buf_cstr(&text); *p;) {
        const char *end = strchr(p, '\n');
        size_t len = end ? (size_t)(end - p) : strlen(p);
        json_t *line = NULL;
        if (lh_json_parse(p, len, NULL, &line, &err) == LH_OK)
            json_array_append_new(rejects, line);
        p += len + (end ? 1 : 0);
    }
    return rejects;
}

#endif
