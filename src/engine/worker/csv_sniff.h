/* What kind of delimited text a sample is: its delimiter, quote, header, and how many columns its records have.
 *
 * Each candidate delimiter reads the sample; the one wins whose records agree best on a number of columns, more columns counting a
 * little.  Text in which no delimiter finds agreement is one column of lines.  The first records that are shorter than what follows
 * (a title, a date of export) are the preamble; then comes the header, unless its fields look like the data below it. */
#ifndef LH_ENGINE_WORKER_CSV_SNIFF_H
#define LH_ENGINE_WORKER_CSV_SNIFF_H

#include "engine/worker/csv_reader.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct csv_format {
    struct csv_dialect dialect;
    bool header;
    uint64_t preamble_lines; /* physical lines before the header or the first row */
    size_t columns;          /* of the header, or what most records have */
    size_t min_fields;       /* a record with fewer is ragged */
    double agreement;        /* share of the sample's records that have `columns` fields */
    bool multiline_header;
    bool separator_line; /* the first line is Excel's `sep=;`; it counts as preamble */
    bool
        irregular; /* the sample holds a bad record, a ragged one, blanks behind delimiters, or more than one style of line end */
};

struct csv_sniff_options {
    int delimiter;  /* CSV_LOOK: find out; -1: none */
    int quote;      /* CSV_LOOK, -1: none */
    int header;     /* CSV_LOOK, 0, 1 */
    bool named_csv; /* the file is said to be a table: less agreement will do */
    bool truncated; /* the sample ends before the file does */
    size_t max_record_bytes, max_fields;
};
#define CSV_LOOK (-2)

LH_CHECKED enum lh_code csv_sniff(const char *sample, size_t len, const struct csv_sniff_options *options,
                                  struct csv_format *ret_format, struct lh_err *err);

#endif
