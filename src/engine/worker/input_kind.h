/* What an input is, by its contents first and its name second. */
#ifndef LH_ENGINE_WORKER_INPUT_KIND_H
#define LH_ENGINE_WORKER_INPUT_KIND_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* X(NAME, "name") */
#define INPUT_KINDS(X)    \
    X(CSV, "csv")         \
    X(TSV, "tsv")         \
    X(JSON, "json")       \
    X(NDJSON, "ndjson")   \
    X(PARQUET, "parquet") \
    X(TEXT, "text")

enum input_kind {
#define INPUT_KIND_ENUM(name, text) INPUT_##name,
    INPUT_KINDS(INPUT_KIND_ENUM)
#undef INPUT_KIND_ENUM
        INPUT_UNKNOWN, /* text of some kind: look closer */
};

const char *input_kind_name(enum input_kind kind);
/* LH_INVALID names what there is. */
LH_CHECKED enum lh_code input_kind_from_name(const char *name, enum input_kind *ret_kind, struct lh_err *err);

bool input_is_gzip(const void *head, size_t len);
bool input_is_parquet(const void *head, size_t len);
/* Refuse what is known and not read: PDF, Excel, archives, images, databases, other compressions; and anything with so many
 * control characters that it is no text (`text` is decoded).  LH_UNSUPPORTED with what to do in the hint. */
LH_CHECKED enum lh_code input_refuse_foreign(const void *head, size_t len, struct lh_err *err);
LH_CHECKED enum lh_code input_refuse_binary(const char *text, size_t len, struct lh_err *err);

/* What the file's name says (an ending .gz is passed over); INPUT_UNKNOWN where it says nothing. */
enum input_kind input_kind_of_name(const char *file_name);
/* Of decoded text: JSON, NDJSON, or INPUT_UNKNOWN for lines of some sort. */
enum input_kind input_kind_of_text(const char *text, size_t len, enum input_kind by_name);

#endif
