/* The staffing demo: seven tables of a made-up staffing company, as CSV text.
 *
 * Every row is a pure function of (seed, table, row number): rows can be made in any order and on any thread, the same seed gives the
 * same bytes on every machine, and references between tables hold because both sides compute the same function.
 * People, companies and numbers are invented; SSNs come from the never-issued 900 range and phone numbers from the
 * fictional 555-01xx block.
 * Some values are dirty on purpose, as in real exports: missing e-mails, stray blanks, mixed spellings, duplicates of
 * people, salaries as free text. */
#ifndef LH_DEMO_DEMO_H
#define LH_DEMO_DEMO_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct demo;

enum demo_table {
    DEMO_CANDIDATES,
    DEMO_CLIENTS,
    DEMO_JOB_ORDERS,
    DEMO_PLACEMENTS,
    DEMO_TIMESHEETS,
    DEMO_CALL_LOG,
    DEMO_EMAIL_LOG,
    DEMO_TABLE_COUNT,
};

struct demo_column_note {
    const char *column, *note;
};

struct demo_table_info {
    const char *name;
    const char *description;
    const char *primary_key;
    const char *sensitivity;
    uint64_t full_rows;                   /* at scale 1; all tables together: 2,469,278 */
    const struct demo_column_note *notes; /* ends with a NULL column */
};

const struct demo_table_info *demo_table_info(enum demo_table table);

/* `scale` > 0 multiplies the row counts; each table keeps at least one row. */
struct demo *demo_new(uint64_t seed, double scale);
void demo_free(struct demo *d); /* NULL is fine */

uint64_t demo_row_count(const struct demo *d, enum demo_table table);
/* The CSV header line, and the rows [first, first + count), each with its line end.  Thread-safe on one `d`. */
void demo_append_header(const struct demo *d, enum demo_table table, struct buf *out);
void demo_append_rows(const struct demo *d, enum demo_table table, uint64_t first, uint64_t count, struct buf *out);

#endif
