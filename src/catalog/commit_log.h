/* The commit log in the object store: keys, reading one record, and the three outcomes of writing one.
 * Stateless; thread-safe as the store is. */
#ifndef LH_CATALOG_COMMIT_LOG_H
#define LH_CATALOG_COMMIT_LOG_H

#include "catalog/commit_record.h"

#include <stddef.h>
#include <stdint.h>

struct object_store;
struct os;

#define COMMIT_LOG_PREFIX "_catalog/log/"
#define CHECKPOINT_PREFIX "_catalog/checkpoint/"
#define COMMIT_LOG_KEY_SIZE 64

void commit_log_key(uint64_t version, char ret_key[COMMIT_LOG_KEY_SIZE]);
void checkpoint_key(uint64_t version, char ret_key[COMMIT_LOG_KEY_SIZE]);
/* The version in `key`, which must be `prefix`, 20 digits and `suffix`; 0 where it is not. */
uint64_t commit_log_parse_key(const char *key, const char *prefix, const char *suffix);

/* LH_NOT_FOUND where there is no such record; LH_CORRUPT and LH_UNSUPPORTED as commit_record_decode, also where the record
 * bears another version than its key. */
LH_CHECKED enum lh_code commit_log_read(struct object_store *store, uint64_t version, struct commit_record **ret_record,
                                        struct lh_err *err);

/* Publish an encoded record under its version.
 *   LH_OK               committed: it stands in the log, and it is ours.
 *   LH_EXISTS           lost: another writer's record has that version.
 *   LH_UNKNOWN_OUTCOME  the store lost the reply, and for 10 s neither reading back nor writing the same bytes again settled it.
 *   anything else       nothing was written.
 * Writing the same bytes again after a lost reply is safe: put-if-absent lets one in, and both are the same record. */
LH_CHECKED enum lh_code commit_log_write(struct os *os, struct object_store *store, const struct commit_record *record,
                                         const struct buf *bytes, struct lh_err *err);

/* Wait before try number `attempt` (from 0): 1 ms doubling to 200 ms, with jitter so that rivals part. */
void commit_log_back_off(struct os *os, unsigned attempt);

#endif
