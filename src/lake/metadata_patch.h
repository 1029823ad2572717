/* What people may say about a dataset: the one place where the fields of a metadata patch are parsed.
 *
 *     description               text, at most 64 KiB, or null
 *     owner                     text, at most 255 bytes, or null
 *     sensitivity               "public", "internal", "confidential", "restricted", or null
 *     tags                      at most 100 texts of at most 100 bytes; given twice they count once
 *     freshness_sla_s           seconds after which the dataset counts as stale, 1 to 10 years, or null
 *     primary_key               names of columns, in order; [] or null for none
 *     embedding_model           text, at most 255 bytes, or null
 *     embedding_refresh_policy  "manual", "on_append", "scheduled", or null
 *     embedding_schedule        text, at most 255 bytes, or null
 *     columns                   {NAME: {"description": text or null, "flags": {KIND: "confirmed" | "dismissed" | "detected"}}}
 *
 * A flag that is "confirmed" or "dismissed" and was never detected is added; "detected" takes the judgement back.  Pure. */
#ifndef LH_LAKE_METADATA_PATCH_H
#define LH_LAKE_METADATA_PATCH_H

#include "base/error.h"
#include "base/json.h"

struct manifest;

/* The names of the fields, for lh_json_only_keys. */
extern const char *const metadata_patch_fields[];

/* Apply the fields that stand in `patch` to `m` (an edit of the caller's); other members of `patch` are not looked at.
 * LH_INVALID names the field; `m` is then half changed and must be dropped. */
LH_CHECKED enum lh_code metadata_patch_apply(struct manifest *m, const json_t *patch, const char *actor,
                                             struct lh_err *err);

#endif
