/* The task `delta`: a few rows from the body of a request, as one Parquet file in the answer.
 *
 * It is the task `ingest` for what is small and must be fast: in a warm pooled worker, with the text in the request and the file in the
 * answer, so that no process starts and no file is handed over.  The text meets the same reader of ours as an uploaded file's
 * (json_scan: linear, bounded in depth, fuzzed), DuckDB sees only canonical rows.  What that costs in isolation:
 * docs/adr/0010-small-writes-in-warm-workers.md.
 *
 * Request: {text, and what `ingest` takes}
 * Answer: {parquet: base64 of the file, and what `ingest` answers} */
#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "engine/worker/tasks.h"
#include "os/file.h"
#include "os/os.h"

#include <string.h>

#define PARQUET_MAX ((size_t)11 << 20) /* its base64 fits a frame */
#define REJECTS_MAX ((size_t)1 << 20)

static enum lh_code write_text(const char *path, const char *text, size_t len, struct lh_err *err) {
    struct os *os = os_real();
    int fd;
    LH_TRY(os_open(os, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL, 0600, 0, &fd, err));
    enum lh_code code = os_write_all(os, fd, text, len, "the rows", err);
    os_close(os, fd);
    return code;
}

/* A file may lose lines and keep them aside; a request is taken whole or not at all. */
static enum lh_code refuse_rejects(const char *folder, const json_t *answer, struct lh_err *err) {
    if (json_integer_value(json_object_get(answer, "rejects")) == 0)
        return LH_OK;
    LH_AUTO(mem) char *path = lh_asprintf("%s/rejects.ndjson", folder);
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(json) json_t *first = NULL;
    struct lh_err ignored = LH_ERR_INIT;
    size_t len = 0;
    if (os_read_file(os_real(), AT_FDCWD, path, REJECTS_MAX, &text, &ignored) == LH_OK && text.len > 0) {
        const char *newline = memchr(text.data, '\n', text.len);
        len = newline ? (size_t)(newline - text.data) : text.len;
    }
    if (len == 0 || lh_json_parse(text.data, len, NULL, &first, &ignored) != LH_OK)
        return lh_fail(err, LH_DATA, "some of the rows are no JSON");
    const char *reason = json_string_value(json_object_get(first, "reason"));
    return lh_fail(err, LH_DATA, "line %lld: %s", json_integer_value(json_object_get(first, "line")),
                   reason ? reason : "no JSON");
}

static enum lh_code attach_parquet(const char *folder, json_t *answer, struct lh_err *err) {
    LH_AUTO(mem) char *path = lh_asprintf("%s/data.parquet", folder);
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    LH_AUTO(buf) struct buf text = BUF_INIT;
    if (os_read_file(os_real(), AT_FDCWD, path, PARQUET_MAX, &bytes, err) != LH_OK) {
        lh_ignore(lh_err_hint(err, "send more rows than this as a file, by POST /ingest/file"));
        return err->code;
    }
    lh_base64_encode(bytes.data, bytes.len, &text);
    json_object_set_new(answer, "parquet", json_stringn(text.data, text.len));
    return LH_OK;
}

static enum lh_code run(struct task *t, const char *folder, const json_t *request, json_t **ret_answer,
                        struct lh_err *err) {
    json_t *text = json_object_get(request, "text");
    if (!json_is_string(text))
        return lh_fail(err, LH_INTERNAL, "the task delta needs rows as text");
    LH_AUTO(mem) char *path = lh_asprintf("%s/rows", folder);
    LH_TRY(write_text(path, json_string_value(text), json_string_length(text), err));
    struct task file_task = *t;
    file_task.untrusted_input = path;
    file_task.output_dir = folder;
    LH_AUTO(json) json_t *answer = NULL;
    LH_TRY(task_ingest(&file_task, request, &answer, err));
    LH_TRY(refuse_rejects(folder, answer, err));
    LH_TRY(attach_parquet(folder, answer, err));
    *ret_answer = LH_STEAL(answer);
    return LH_OK;
}

enum lh_code task_delta(struct task *t, const json_t *request, json_t **ret_answer, struct lh_err *err) {
    struct os *os = os_real();
    struct lh_err ignored = LH_ERR_INIT;
    LH_AUTO(mem) char *folder = lh_asprintf("%s/delta", t->session->temp_dir);
    LH_TRY(os_mkdir_all(os, AT_FDCWD, folder, 0700, err));
    enum lh_code code = run(t, folder, request, ret_answer, err);
    lh_ignore(os_remove_all(os, AT_FDCWD, folder, &ignored));
    return code;
}
