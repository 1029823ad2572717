/* What a text value may be read as, and what that makes of its column.
 *
 * The rule is "string when ambiguous" (docs/adr): a column gets a narrower type than VARCHAR only where every one of its
 * values can be read as that type without doubt and without loss.  So "01234" is not a number (the zero would go),
 * 12345678901234567.8 is not one either (a double cannot hold it), and 01/02/2024 is not a date (which order?), unless another value
 * of the same column, such as 25/02/2024, settles the order for all.
 *
 * Each value has a set of admissible kinds; a column's is the intersection.  The same kinds stand again as SQL in
 * value_kind_append_sql, where DuckDB does the conversion and fails on any value that this table would not have admitted: a
 * column that was judged by a sample is thereby checked against all of its values.  Pure functions; fuzzed together
 * with the readers. */
#ifndef LH_ENGINE_WORKER_VALUE_KIND_H
#define LH_ENGINE_WORKER_VALUE_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* X(NAME, type, words for people), the first that all values of a column admit is taken.  What follows TEXT is never taken so, as TEXT
 * admits all: such a kind is for a column whose type is known (column_fit). */
#define VALUE_KINDS(X)                                                                                              \
    X(BOOL, "BOOLEAN", "true or false")                                                                             \
    X(BIGINT, "BIGINT", "a whole number")                                                                           \
    X(HUGEINT, "DECIMAL(38,0)", "a whole number of up to 38 digits") /* Parquet would keep a HUGEINT as a double */ \
    X(DOUBLE, "DOUBLE", "a number of at most 15 digits")                                                            \
    X(JSON_DOUBLE, "DOUBLE", "a JSON number")                                                                       \
    X(COMMA, "DOUBLE", "a number with a decimal comma")                                                             \
    X(DATE, "DATE", "a date written YYYY-MM-DD")                                                                    \
    X(TIMESTAMP, "TIMESTAMP", "a date and time written YYYY-MM-DD HH:MM")                                           \
    X(TIMESTAMPTZ, "TIMESTAMP WITH TIME ZONE", "a date and time with its offset from UTC")                          \
    X(DOT_DMY, "DATE", "a date written DD.MM.YYYY")                                                                 \
    X(SLASH_DMY, "DATE", "a date written DD/MM/YYYY (some day is above 12)")                                        \
    X(SLASH_MDY, "DATE", "a date written MM/DD/YYYY (some day is above 12)")                                        \
    X(DASH_DMY, "DATE", "a date written DD-MM-YYYY (some day is above 12)")                                         \
    X(DASH_MDY, "DATE", "a date written MM-DD-YYYY (some day is above 12)")                                         \
    X(LIST_TEXT, "VARCHAR[]", "a JSON array of strings")                                                            \
    X(LIST_BIGINT, "BIGINT[]", "a JSON array of whole numbers")                                                     \
    X(LIST_DOUBLE, "DOUBLE[]", "a JSON array of numbers")                                                           \
    X(TEXT, "VARCHAR", "text")                                                                                      \
    X(JSON_FLOAT, "DOUBLE", "a JSON number, or \"NaN\", \"Infinity\", \"-Infinity\"") /* only where DOUBLE is wanted */

enum value_kind {
#define VALUE_KIND_ENUM(name, type, words) KIND_##name,
    VALUE_KINDS(VALUE_KIND_ENUM)
#undef VALUE_KIND_ENUM
        KIND_COUNT,
};
#define KIND_BIT(kind) (UINT32_C(1) << (kind))
#define KINDS_NARROW (KIND_BIT(KIND_TEXT) - 1) /* those that say more than text */
#define KINDS_ALL ((UINT32_C(1) << KIND_COUNT) - 1)

const char *value_kind_type(enum value_kind kind);

/* The kinds that a field of a CSV file admits; always with KIND_TEXT. */
uint32_t value_kinds(const char *text, size_t len);
/* Is this one among them?  For many values of one kind. */
bool value_has_kind(enum value_kind kind, const char *text, size_t len);
/* Those of a JSON number's text, and of a JSON string's contents (dates, and the three values of a DOUBLE that JSON has no number for: a
 * quoted number is text on purpose). */
uint32_t value_kinds_of_json_number(const char *text, size_t len);
uint32_t value_kinds_of_json_string(const char *text, size_t len);

#define COLUMN_EXAMPLE_MAX 40

/* What is known of a column so far.  Zeroed is "nothing"; use column_note for each value. */
struct column_facts {
    uint64_t values, nulls;
    uint32_t kinds_seen;   /* union */
    uint32_t kinds;        /* intersection; meaningful once values > 0 */
    bool comma_proven;     /* a decimal comma that cannot be a thousands separator */
    uint64_t breaker_line; /* line of the first value that left nothing but text; 0: none */
    char breaker[COLUMN_EXAMPLE_MAX + 4];
};

void column_note(struct column_facts *c, uint32_t kinds, const char *text, size_t len, uint64_t line);
void column_note_null(struct column_facts *c);

/* The decision, with its reason in words (appended to ret_why).  `name` counts: a column called zip or phone holds codes, not numbers,
 * and stays text. */
enum value_kind column_decide(const struct column_facts *c, const char *name, struct buf *ret_why);
/* The kind that gives `type`, where the values admit it without doubt (a whole number for a DOUBLE column); else `decided`.  A
 * dataset keeps its types this way when rows are appended. */
enum value_kind column_fit(const struct column_facts *c, enum value_kind decided, const char *type);
/* True where more values could turn text into something else: no value yet, or dates whose order is open. */
bool column_undecided(const struct column_facts *c);

/* SQL that turns the VARCHAR column `ident` (quoted already) into the kind's type, and fails on a value the kind does not admit. */
void value_kind_append_sql(enum value_kind kind, const char *ident, struct buf *out);
/* SQL for a number's text, digits and a decimal point as written, of a kind whose numbers have fractions, or of text.  False: another kind. */
bool value_kind_append_digits(enum value_kind kind, const char *ident, struct buf *out);

#endif
