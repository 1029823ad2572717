/* A manifest: everything the lake knows of one dataset at one version.
 *
 * Immutable once published; shared by snapshots through a reference count.  All strings live in the manifest's own
 * arena; optional text is NULL when absent, never "".  The JSON form (manifest_to_json / manifest_from_json) is the one that
 * stands in commit records, checkpoints and, nearly unchanged, in HTTP answers: docs/formats/commit-log.md.
 * To change one: manifest_edit gives a private copy, change it, hand it to the transaction. */
#ifndef LH_CATALOG_MANIFEST_H
#define LH_CATALOG_MANIFEST_H

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

enum file_role {
    FILE_BASE,      /* rows */
    FILE_DELTA,     /* rows on top of the base, newest wins where there is a primary key */
    FILE_TOMBSTONE, /* keys of rows that are gone */
    FILE_REJECTS,   /* lines an ingest could not use: line, reason, text; never read as rows */
    FILE_CHANGES,   /* old and new values of the fields that one commit changed; of that commit's manifest alone */
};

/* Columns of a tombstone file beside the key's; no primary key may have a column of these names. */
#define TOMBSTONE_REASON "__reason"
#define TOMBSTONE_ACTOR "__actor"
#define TOMBSTONE_AT "__at"

struct manifest_file {
    const char *bucket;
    const char *key;
    enum file_role role;
    uint64_t row_count;
    uint64_t size_bytes;
    const char *sha256;     /* hex of the object's bytes; NULL where registered without reading */
    uint64_t added_version; /* the catalog version whose commit brought it */
    /* The age of its rows: of two rows of one key the one in the file of the higher sequence counts, of files with equal ones
     * the later in `files`.  The commit sets it to its version where it is 0; what rewrites files gives the highest of those that
     * went into one, so that whatever was written meanwhile stays newer. */
    uint64_t sequence;
};

/* Why a column was flagged; a column may bear several. */
struct manifest_flag {
    const char *
        kind; /* "email", "phone", "ssn", "salary", "address", "medical", "date_of_birth", or a custom pattern's name */
    const char *reason; /* for people: "name matches email; 998 of 1000 sampled values look like an e-mail address" */
    double confidence;  /* 0..1 */
    bool confirmed;     /* a person said so; detection never clears it */
    bool dismissed;     /* a person said it is not; detection never sets it again */
};

struct manifest_column {
    const char *name;
    const char *type; /* DuckDB's name of the type, e.g. "DECIMAL(18,2)", "STRUCT(a INTEGER)" */
    bool nullable;
    const char *description;
    struct manifest_flag *flags;
    size_t flag_count;
};

/* One edge of the lineage: source_system -> ingest_job -> dataset. */
struct manifest_lineage {
    const char *source_system; /* "upload", "cli", "inbox", "demo", "register", later "postgres" */
    const char *source_name;   /* file name or table; never credentials */
    const char *source_sha256; /* of the source's bytes; NULL where there is no such thing */
    uint64_t source_bytes;
    const char *job_id; /* ULID of the ingest */
    const char *actor;
    int64_t at_us;
    uint64_t row_count;    /* rows that became data */
    uint64_t reject_count; /* lines kept aside */
};

struct manifest {
    const char *id; /* ULID; stays through renames and versions */
    const char *
        name; /* 1 to 255 bytes UTF-8, no control characters; any further character is allowed and must be quoted in SQL */
    uint64_t version;          /* catalog version of the commit that made this manifest */
    uint64_t previous_version; /* of the manifest that this one replaced; 0: none.  History walks along it */
    uint64_t schema_version;   /* counts changes of the columns, from 1 */
    int64_t created_us, updated_us;
    /* When rows last came, went or changed without an event for each of them (their events before it do not tell what they were
     * after it); 0: not known. */
    int64_t untold_us;
    const char *bucket; /* where new files of this dataset go */

    const char *description, *owner;
    const char *sensitivity; /* "public", "internal", "confidential", "restricted" or NULL */
    const char **tags;
    size_t tag_count;
    int64_t freshness_sla_s;  /* 0: none */
    const char **primary_key; /* column names, in order */
    size_t primary_key_count;

    struct manifest_column *columns;
    size_t column_count;
    struct manifest_file *files;
    size_t file_count;
    struct manifest_lineage *lineage;
    size_t lineage_count;

    uint64_t row_count; /* of the base and delta files, before merge-on-read */
    uint64_t size_bytes;

    const char *embedding_model;          /* fields the vector indexes use */
    const char *embedding_refresh_policy; /* "manual", "on_append", "scheduled" or NULL */
    const char *embedding_schedule;
    int64_t embedding_refreshed_us; /* 0: never */

    struct arena *arena; /* owns all of the above */
    _Atomic unsigned refs;
};

/* The word of a role in JSON ("base", "delta", "tombstone", "rejects", "changes"). */
const char *file_role_name(enum file_role role);

/* A private, mutable copy with an arena of its own; manifest_ref/unref'd like any other. */
struct manifest *manifest_edit(const struct manifest *m);
struct manifest *manifest_new(const char *name); /* empty, with its arena; the caller fills it */
struct manifest *manifest_ref(struct manifest *m);
void manifest_unref(struct manifest *m); /* NULL is fine */

/* Grow an array of the manifest by one zeroed element, which is returned; it moves the array. */
struct manifest_file *manifest_add_file(struct manifest *m);
struct manifest_column *manifest_add_column(struct manifest *m);
struct manifest_lineage *manifest_add_lineage(struct manifest *m);

/* Drop the FILE_CHANGES of commits before `version`.  The commit does this for every manifest that is put. */
void manifest_drop_changes(struct manifest *m, uint64_t version);
/* row_count and size_bytes from the base and delta files.  The commit does this for every manifest that is put. */
void manifest_sum_files(struct manifest *m);
/* The column of that name, as SQL compares identifiers; NULL where there is none. */
struct manifest_column *manifest_find_column(const struct manifest *m, const char *name);
void manifest_set_key(struct manifest *m, const char *const *columns, size_t count); /* copied */
/* The same columns in the same order. */
bool manifest_same_key(const struct manifest *a, const struct manifest *b);
/* Same names and types in the same order: no new schema version. */
bool manifest_same_schema(const struct manifest *a, const struct manifest *b);

/* Order and equality of names: ASCII letters without case, all other bytes as they are. */
int manifest_name_compare(const char *a, const char *b);

/* Any text of 1 to 255 bytes of UTF-8 without control characters. */
LH_CHECKED enum lh_code manifest_name_check(const char *name, struct lh_err *err);
/* And for a dataset that is yet to be made: no "." or ".." between slashes, since no URL could name it. */
LH_CHECKED enum lh_code manifest_new_name_check(const char *name, struct lh_err *err);
json_t *manifest_to_json(const struct manifest *m);
/* Checks every field's type and range: a hostile or damaged record gives LH_CORRUPT naming the field.  Members that this
 * version does not know are ignored (what must not be ignored raises the format number of the commit record instead).
 * Counts, sizes and versions are integers of at most 2^63-1. */
LH_CHECKED enum lh_code manifest_from_json(const json_t *json, struct manifest **ret_manifest, struct lh_err *err);

static inline void manifest_auto_release(struct manifest **m) {
    manifest_unref(*m);
}

#endif
