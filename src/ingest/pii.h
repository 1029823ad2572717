/* Which columns hold personal data.
 *
 * Two witnesses: the column's name, taken apart into words, and how many of its sampled values match a pattern.  The patterns run
 * in the ingest worker as RE2 (linear time); what they mean is judged here.  Each kind says how much a name alone, and how much
 * values alone, are worth: an order number of ten digits has the form of a phone number, so that for phones the values need the
 * name's support; an e-mail address needs none.  Every flag says why in words.
 *
 * Pure after pii_rules_new; thread-safe. */
#ifndef LH_INGEST_PII_H
#define LH_INGEST_PII_H

#include "base/error.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct ingest_flag;
struct lh_config;
struct pii_rules;

/* The built-in kinds and those of [[ingest.pii]] (NULL: none). */
struct pii_rules *pii_rules_new(const struct lh_config *config);
void pii_rules_free(struct pii_rules *rules); /* NULL is fine */

/* The patterns for the worker, [{"kind","pattern"}...], in the order in which it has to answer; a new reference. */
json_t *pii_patterns(const struct pii_rules *rules);
size_t pii_pattern_count(const struct pii_rules *rules);

struct pii_column {
    const char *name;
    const char *type;        /* DuckDB's name */
    uint64_t sampled;        /* non-empty values looked at */
    const uint64_t *matches; /* of each pattern; NULL where nothing was sampled */
};

/* The flags of a column, most confident first, in the arena. */
void pii_judge(const struct pii_rules *rules, const struct pii_column *column, struct arena *arena,
               struct ingest_flag **ret_flags, size_t *ret_count);

#endif
