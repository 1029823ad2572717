/* What the tasks on rows by their key share (task_rows.c, task_changes.c).
 *
 * Their requests have {"rows": the SELECT that reads the dataset, "columns": [{"name", "type"}], "key": [names]}. */
#ifndef LH_ENGINE_WORKER_ROWS_TASK_H
#define LH_ENGINE_WORKER_ROWS_TASK_H

#include "base/error.h"
#include "base/json.h"
#include "engine/worker/row_text.h"

#include <stdint.h>

struct buf;
struct task;

struct rows_task {
    struct task *task;
    const json_t *request;
    struct row_shape shape;
    const char *rows; /* the SELECT of the dataset */
};

LH_CHECKED enum lh_code rows_task_open(struct task *t, const json_t *request, struct rows_task *ret_task,
                                       struct lh_err *err);
void rows_task_release(struct rows_task *r);

/* The temporary table `name`: "#p" and the rows of `source` that have a key of the relation `wanted` ("#p" and the key's columns). */
LH_CHECKED enum lh_code rows_task_find(struct rows_task *r, const char *name, const char *source, struct lh_err *err);
/* relation."k1", relation."k2", ... */
void rows_task_append_key_columns(struct buf *sql, const char *relation, const struct rows_task *r);
/* The rows of `select` as a Parquet file. */
LH_CHECKED enum lh_code rows_task_copy(struct rows_task *r, const struct buf *select, const char *path,
                                       int64_t *ret_rows, struct lh_err *err);

#endif
