/* JSON documents and JSON lines. */
#include "engine/worker/ingest_job.h"
#include "engine/worker/json_rows.h"
#include "engine/worker/tasks.h"
#include "engine/worker/text_source.h"

enum lh_code ingest_json(struct ingest_job *job, struct lh_err *err) {
    LH_AUTO(text_source) struct text_source *source = NULL;
    LH_TRY(ingest_open_text(job, &source, err));
    const struct json_rows_options options = {
        .lines = job->kind == INPUT_NDJSON,
        .max_depth = (size_t)job->max_depth,
        .max_record_bytes = (size_t)job->max_line_bytes,
        .max_columns = (size_t)job->max_columns,
        .file_bytes = job->file_bytes,
    };
    uint64_t duplicates = 0;
    LH_TRY(json_rows_read(job->task, source, &options, &job->rows, &duplicates, err));
    if (duplicates)
        ingest_warn(job, "%llu members stand twice in their object; the last one counts",
                    (unsigned long long)duplicates);
    ingest_note_decoder(job, source);
    return ingest_write_rows(job, err);
}
