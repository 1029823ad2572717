/* Files coming in: POST /ingest/file as multipart/form-data, or as the bytes themselves with the fields in the query string. */
#include "gateway/request.h"
#include "gateway/routes.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "gateway/bucket_choice.h"
#include "gateway/multipart.h"
#include "ingest/ingest.h"
#include "lakehouse/lakehouse.h"
#include "policy/principal.h"

#include <string.h>
#include <strings.h>

#define PIECE_BYTES ((size_t)64 * 1024)
#define FIELD_MAX 4096

enum field {
    FIELD_NAME,
    FIELD_MODE,
    FIELD_BUCKET,
    FIELD_FILE_NAME,
    FIELD_SOURCE_SYSTEM,
    FIELD_FORMAT,
    FIELD_DELIMITER,
    FIELD_QUOTE,
    FIELD_HEADER,
    FIELD_ENCODING,
    FIELD_PRIMARY_KEY,
    FIELD_MISFITS,
    FIELD_COUNT
};
static const char *const field_names[FIELD_COUNT] = {"name",          "mode",     "bucket",      "file_name",
                                                     "source_system", "format",   "delimiter",   "quote",
                                                     "header",        "encoding", "primary_key", "misfits"};

struct upload {
    struct request *rq;
    struct ingest_spool *spool;      /* NULL until the file part begins */
    const char *part_name;           /* the file part's own name, or NULL */
    const char *fields[FIELD_COUNT]; /* NULL: not given */
    /* The part being read: */
    enum field current; /* FIELD_COUNT: the file */
    struct buf text;
};

static void upload_auto_release(struct upload *u) {
    ingest_spool_free(u->spool);
    buf_release(&u->text);
}

/* ---- multipart ---- */

static enum lh_code open_spool(struct upload *u, struct lh_err *err) {
    if (u->spool)
        return lh_fail(err, LH_INVALID, "the upload holds two files; send one a request");
    return ingest_spool_open(request_lakehouse(u->rq)->ingest, &u->spool, err);
}

static enum lh_code part_begin(void *ctx, const struct multipart_part *part, struct lh_err *err) {
    struct upload *u = ctx;
    buf_reset(&u->text);
    if (strcmp(part->name, "file") == 0) {
        u->current = FIELD_COUNT;
        u->part_name = arena_strdup(request_arena(u->rq), part->filename);
        return open_spool(u, err);
    }
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        if (strcmp(part->name, field_names[i]) == 0) {
            u->current = (enum field)i;
            return u->fields[i] ? lh_fail(err, LH_INVALID, "the field \"%s\" is given twice", part->name) : LH_OK;
        }
    lh_fail(err, LH_INVALID, "there is no field \"%.100s\"", part->name);
    return lh_err_hint(err, "fields: file, name, mode, bucket, file_name, source_system, format, delimiter, quote, "
                            "header, encoding, primary_key, misfits");
}

static enum lh_code part_data(void *ctx, const void *data, size_t len, struct lh_err *err) {
    struct upload *u = ctx;
    if (u->current == FIELD_COUNT)
        return ingest_spool_write(u->spool, data, len, err);
    if (u->text.len + len > FIELD_MAX)
        return lh_fail(err, LH_TOO_LARGE, "the field \"%s\" is longer than %d bytes", field_names[u->current],
                       FIELD_MAX);
    buf_append(&u->text, data, len);
    return LH_OK;
}

static enum lh_code part_end(void *ctx, struct lh_err *err) {
    struct upload *u = ctx;
    if (u->current == FIELD_COUNT)
        return LH_OK;
    if (u->text.len > 0 && memchr(u->text.data, '\0', u->text.len))
        return lh_fail(err, LH_INVALID, "the field \"%s\" holds a NUL byte", field_names[u->current]);
    u->fields[u->current] = arena_strdup(request_arena(u->rq), buf_cstr(&u->text));
    return LH_OK;
}

static enum lh_code read_multipart(struct upload *u, const char *content_type, char *piece, struct lh_err *err) {
    struct multipart_sink sink = {u, part_begin, part_data, part_end};
    LH_AUTO(multipart) struct multipart *m = NULL;
    LH_TRY(multipart_new(content_type, &sink, &m, err));
    for (;;) {
        size_t len;
        LH_TRY(request_body_read(u->rq, piece, PIECE_BYTES, &len, err));
        if (len == 0)
            break;
        LH_TRY(multipart_feed(m, piece, len, err));
    }
    LH_TRY(multipart_finish(m, err));
    if (u->spool)
        return LH_OK;
    lh_fail(err, LH_INVALID, "the upload holds no part named \"file\"");
    return lh_err_hint(err, "for example: curl -F file=@people.csv URL/ingest/file");
}

/* ---- the bytes themselves ---- */

/* A name whose ending tells the format, for ingest to look at, where the client gave none. */
static const char *name_by_type(const char *content_type) {
    static const struct {
        const char *type, *name;
    } known[] = {
        {"text/csv", "upload.csv"},
        {"text/tab-separated-values", "upload.tsv"},
        {"application/json", "upload.json"},
        {"application/x-ndjson", "upload.ndjson"},
        {"application/vnd.apache.parquet", "upload.parquet"},
        {"text/plain", "upload.txt"},
    };
    size_t len = content_type ? strcspn(content_type, "; \t") : 0;
    for (size_t i = 0; i < LH_ARRAY_LEN(known); i++)
        if (strlen(known[i].type) == len && strncasecmp(known[i].type, content_type, len) == 0)
            return known[i].name;
    return NULL;
}

static enum lh_code read_raw(struct upload *u, const char *content_type, char *piece, struct lh_err *err) {
    u->part_name = name_by_type(content_type);
    LH_TRY(open_spool(u, err));
    for (;;) {
        size_t len;
        LH_TRY(request_body_read(u->rq, piece, PIECE_BYTES, &len, err));
        if (len == 0)
            break;
        LH_TRY(ingest_spool_write(u->spool, piece, len, err));
    }
    if (ingest_spool_size(u->spool) > 0)
        return LH_OK;
    lh_fail(err, LH_INVALID, "the body is empty");
    return lh_err_hint(err, "send the file's bytes, or multipart/form-data with a part named \"file\"");
}

/* ---- the request ---- */

static bool is_multipart(const char *content_type) {
    return content_type && strncasecmp(content_type, "multipart/", 10) == 0;
}

/* It stands in the lineage for good, so only the programs we know may say who they are. */
static enum lh_code check_source_system(const char *text, struct lh_err *err) {
    static const char *const known[] = {"upload", "cli", "inbox", "demo"};
    for (size_t i = 0; i < LH_ARRAY_LEN(known); i++)
        if (strcmp(text, known[i]) == 0)
            return LH_OK;
    return lh_fail(err, LH_INVALID, "source_system must be upload, cli, inbox or demo");
}

static enum lh_code parse_misfits(const char *misfits, bool *ret_text, struct lh_err *err) {
    *ret_text = misfits && strcmp(misfits, "text") == 0;
    if (!misfits || *ret_text || strcmp(misfits, "refuse") == 0)
        return LH_OK;
    return lh_fail(err, LH_INVALID, "misfits must be refuse or text, not \"%.40s\"", misfits);
}

static enum lh_code run(struct upload *u, struct ingest_report *ret_report, struct lh_err *err) {
    struct request *rq = u->rq;
    struct ingest_request r = {
        .path = ingest_spool_path(u->spool),
        .original_name = u->fields[FIELD_FILE_NAME] ? u->fields[FIELD_FILE_NAME] : u->part_name,
        .dataset = u->fields[FIELD_NAME],
        .actor = request_principal(rq)->name,
        .idempotency_key = request_header(rq, "Idempotency-Key"),
        .source_system = u->fields[FIELD_SOURCE_SYSTEM] ? u->fields[FIELD_SOURCE_SYSTEM] : "upload",
        .format = u->fields[FIELD_FORMAT],
        .delimiter = u->fields[FIELD_DELIMITER],
        .quote = u->fields[FIELD_QUOTE],
        .header = u->fields[FIELD_HEADER],
        .encoding = u->fields[FIELD_ENCODING],
        .primary_key = u->fields[FIELD_PRIMARY_KEY],
        .cancel_fd = request_cancel_fd(rq),
    };
    char sha256[LH_SHA256_HEX];
    ingest_spool_sha256(u->spool, sha256);
    r.sha256 = sha256;
    LH_TRY(check_source_system(r.source_system, err));
    LH_TRY(bucket_choice(rq, &r.bucket, err));
    if (u->fields[FIELD_BUCKET]) {
        if (r.bucket && strcmp(r.bucket, u->fields[FIELD_BUCKET]) != 0)
            return lh_fail(err, LH_INVALID, "the field bucket and X-Lakehouse-Bucket name different buckets");
        r.bucket = u->fields[FIELD_BUCKET];
    }
    LH_TRY(parse_misfits(u->fields[FIELD_MISFITS], &r.text_for_misfits, err));
    const char *mode = u->fields[FIELD_MODE];
    LH_TRY(ingest_mode_parse(mode ? mode : "create", &r.mode, err));
    return ingest_file(request_lakehouse(rq)->ingest, &r, request_arena(rq), ret_report, err);
}

enum lh_code handle_ingest_file(struct request *rq, struct lh_err *err) {
    LH_AUTO(upload) struct upload u = {.rq = rq};
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        u.fields[i] = request_query_param(rq, field_names[i]);
    const char *content_type = request_header(rq, "Content-Type");
    char *piece = arena_alloc(request_arena(rq), PIECE_BYTES);
    if (is_multipart(content_type))
        LH_TRY(read_multipart(&u, content_type, piece, err));
    else
        LH_TRY(read_raw(&u, content_type, piece, err));
    struct ingest_report report;
    LH_TRY(run(&u, &report, err));
    LH_AUTO(json) json_t *answer = ingest_report_to_json(&report);
    return response_json(rq, report.deduplicated ? 200 : 201, answer, err);
}

/* ---- rows in the body ---- */

static bool is_type(const char *given, const char *type) {
    size_t len = strcspn(given, "; \t");
    return strlen(type) == len && strncasecmp(given, type, len) == 0;
}

/* application/json (which curl calls a form unless it is told), or an object a line. */
static enum lh_code choose_rows_format(struct request *rq, bool *ret_lines, struct lh_err *err) {
    const char *type = request_header(rq, "Content-Type");
    *ret_lines = type && (is_type(type, "application/x-ndjson") || is_type(type, "application/jsonl"));
    if (!type || *ret_lines || is_type(type, "application/json") || is_type(type, "application/x-www-form-urlencoded"))
        return LH_OK;
    lh_fail(err, LH_UNSUPPORTED, "rows are application/json or application/x-ndjson, not %.100s", type);
    return lh_err_hint(err, "other formats go to POST /ingest/file");
}

enum lh_code handle_query_delta(struct request *rq, struct lh_err *err) {
    struct ingest_delta delta = {.dataset = request_path_param(rq, "name"),
                                 .actor = request_principal(rq)->name,
                                 .idempotency_key = request_header(rq, "Idempotency-Key"),
                                 .cancel_fd = request_cancel_fd(rq)};
    LH_TRY(choose_rows_format(rq, &delta.lines, err));
    LH_TRY(parse_misfits(request_query_param(rq, "misfits"), &delta.text_for_misfits, err));
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(request_body_text(rq, &text, err));
    if (text.len == 0) {
        lh_fail(err, LH_INVALID, "the body is empty");
        return lh_err_hint(err, "send rows: [{\"id\": 1, ...}, ...], or an object a line as application/x-ndjson");
    }
    delta.text = text.data;
    delta.text_len = text.len;
    struct ingest_delta_report report;
    LH_TRY(ingest_delta(request_lakehouse(rq)->ingest, &delta, request_arena(rq), &report, err));
    LH_AUTO(json) json_t *answer = ingest_delta_report_to_json(&report);
    return response_json(rq, 200, answer, err);
}

enum lh_code handle_ingest_rejects(struct request *rq, struct lh_err *err) {
    uint64_t limit;
    LH_TRY(request_query_uint(rq, "limit", 1, 10000, 100, &limit, err));
    LH_AUTO(json) json_t *page = NULL;
    LH_TRY(ingest_rejects_page(request_lakehouse(rq)->ingest, request_path_param(rq, "name"), (size_t)limit,
                               request_query_param(rq, "page_token"), &page, err));
    return response_json(rq, 200, page, err);
}
