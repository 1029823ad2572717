/* One record of the commit log: its form in memory and its bytes (docs/formats/commit-log.md).
 *
 * The bytes are one JSON object on one line whose last member is the SHA-256 of every byte before it.  The checksum so covers
 * text, not meaning: there is no canonical form to agree on, and any flipped bit is found.  Each record names the
 * checksum of the one before it, so that the log is a chain. */
#ifndef LH_CATALOG_COMMIT_RECORD_H
#define LH_CATALOG_COMMIT_RECORD_H

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/id.h"
#include "catalog/manifest.h"

#include <stddef.h>
#include <stdint.h>

#define COMMIT_RECORD_FORMAT 1
#define COMMIT_RECORD_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct commit_op {
    struct manifest *manifest; /* a put, with a reference; NULL: a deletion */
    const char *id;            /* of the dataset */
    const char *name;          /* of a deleted dataset, for its history */
    uint64_t previous_version; /* of the deleted manifest */
};

struct commit_transaction {
    const char *operation;
    const char *actor;           /* or NULL */
    const char *idempotency_key; /* or NULL */
    const char *request_sha256;  /* what the key stands for (catalog_key_digest); NULL where there is no key */
    struct commit_op *ops;
    size_t op_count;
};

struct commit_record {
    uint64_t version;
    char uuid[LH_UUID_SIZE];
    char parent_sha256[LH_SHA256_HEX]; /* "" in the first record */
    char sha256[LH_SHA256_HEX];        /* its own; set by encode and decode */
    int64_t time_us;
    struct commit_transaction *transactions;
    size_t transaction_count;
    struct arena *arena; /* owns the above */
};

struct commit_record *commit_record_new(void);
void commit_record_free(struct commit_record *r); /* drops the manifests' references too; NULL is fine */

/* Append the bytes to `out` and set r->sha256.  LH_TOO_LARGE above COMMIT_RECORD_MAX_BYTES. */
LH_CHECKED enum lh_code commit_record_encode(struct commit_record *r, struct buf *out, struct lh_err *err);

/* `object` names the bytes in messages.  LH_CORRUPT (torn, flipped, a field that is wrong), LH_UNSUPPORTED (a newer format). */
LH_CHECKED enum lh_code commit_record_decode(const char *data, size_t len, const char *object,
                                             struct commit_record **ret_record, struct lh_err *err);

static inline void commit_record_auto_release(struct commit_record **r) {
    commit_record_free(*r);
}

#endif
