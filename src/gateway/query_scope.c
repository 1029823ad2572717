#include "gateway/query_scope.h"

#include "catalog/catalog.h"
#include "engine/engine.h"
#include "gateway/bucket_choice.h"
#include "gateway/request.h"
#include "lake/lake.h"
#include "lakehouse/lakehouse.h"
#include "policy/principal.h"

#include <inttypes.h>
#include <stdio.h>

static enum lh_code parse_as_of(struct catalog *catalog, const json_t *value, struct catalog_snapshot **ret_snapshot,
                                struct lh_err *err) {
    if (!value || json_is_null(value)) {
        *ret_snapshot = catalog_snapshot(catalog);
        return LH_OK;
    }
    if (json_is_integer(value) && json_integer_value(value) >= 0)
        return catalog_snapshot_at_version(catalog, (uint64_t)json_integer_value(value), ret_snapshot, err);
    if (json_is_string(value))
        return lake_snapshot_as_of(catalog, json_string_value(value), ret_snapshot, err);
    lh_fail(err, LH_INVALID, "as_of must be a catalog version (a number) or a time (RFC 3339 text)");
    return lh_err_hint(err, "for example 42 or \"2026-11-21T01:25:47Z\"");
}

enum lh_code query_scope_open(struct request *rq, const json_t *as_of, struct statement_scope *scope,
                              struct lh_err *err) {
    const struct lakehouse *lh = request_lakehouse(rq);
    LH_TRY(bucket_choice(rq, &scope->names.lake.bucket, err));
    scope->names.lake.buckets = lh->buckets;
    LH_TRY(parse_as_of(lh->catalog, as_of, &scope->names.lake.snapshot, err));
    scope->names.lake.catalog = lh->catalog;
    scope->names.system = lh->system;
    scope->names.allowed = request_principal(rq)->role == ROLE_ADMIN;
    scope->hot = lh->hot;
    scope->indexes = lh->indexes;
    scope->past = as_of && !json_is_null(as_of);
    scope->cancel_fd = request_cancel_fd(rq);
    return LH_OK;
}

void query_scope_close(struct statement_scope *scope) {
    statement_scope_release(scope);
    catalog_snapshot_unref(scope->names.lake.snapshot);
    scope->names.lake.snapshot = NULL;
}

void query_scope_use(struct request *rq, struct statement_scope *scope, struct engine_query *q) {
    q->resolve = statement_resolve;
    q->resolve_later = statement_search_later;
    q->resolve_ctx = scope;
    q->epoch = statement_epoch(scope);
    q->cancel_fd = request_cancel_fd(rq);
    q->request_id = request_id(rq);
}

void query_scope_tell_version(struct request *rq, const struct statement_scope *scope) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, catalog_snapshot_version(scope->names.lake.snapshot));
    response_header(rq, "X-Lakehouse-Catalog-Version", text);
}
