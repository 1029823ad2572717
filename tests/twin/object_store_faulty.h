/* An object store in memory that keeps every promise of store/object_store.h, and breaks on demand: for tests of
 * what stands on it.  It runs the same conformance suite as the local store.  Thread-safe. */
#ifndef LH_TWIN_OBJECT_STORE_FAULTY_H
#define LH_TWIN_OBJECT_STORE_FAULTY_H

#include "base/error.h"

#include <stddef.h>

struct object_store;

enum faulty_op { FAULTY_PUT, FAULTY_READ, FAULTY_HEAD, FAULTY_LIST, FAULTY_DELETE, FAULTY_OPS };

enum faulty_kind {
    FAULTY_FAIL,         /* nothing happens; `code` is returned */
    FAULTY_LOSE_REQUEST, /* nothing happens, LH_UNKNOWN_OUTCOME (put, delete) */
    FAULTY_LOSE_REPLY,   /* it happens, LH_UNKNOWN_OUTCOME (put, delete) */
    FAULTY_DELAY,        /* it happens after `delay_ms` */
    FAULTY_FLIP_BIT,     /* a put stores its bytes with one bit wrong in the middle */
    FAULTY_TRUNCATE,     /* a put stores the first half of its bytes */
};

struct faulty_rule {
    enum faulty_op op;
    enum faulty_kind kind;
    const char *key_prefix; /* "" or NULL: every key; must outlive the store */
    unsigned nth;           /* the matching call that is hit, counted from 1 since the rule was set; 0: each one */
    enum lh_code code;      /* of FAULTY_FAIL */
    unsigned delay_ms;
};

struct object_store *object_store_new_faulty(void);

/* At most 16 rules; the first that matches a call applies.  object_store_faulty_clear drops all. */
void object_store_faulty_add(struct object_store *s, struct faulty_rule rule);
void object_store_faulty_clear(struct object_store *s);
/* Calls of this kind so far, the failed ones too. */
unsigned object_store_faulty_calls(struct object_store *s, enum faulty_op op);

#endif
