/* Query results drawn for people: a box with aligned columns, or one record below the other where the columns do not fit
 * the terminal. */
#ifndef LH_CLI_TABLE_H
#define LH_CLI_TABLE_H

#include "base/buf.h"
#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>

struct table_style {
    size_t width; /* columns of the terminal; 0: as wide as it comes */
    bool color;   /* NULL and frame dimmed, header bold */
    bool unicode; /* line-drawing characters; ASCII otherwise */
};

/* `columns` is [{"name","type"},...] and `rows` [[...],...] as POST /query/sql answers them. */
void table_write(const json_t *columns, const json_t *rows, const struct table_style *style, struct buf *out);

/* What fits this terminal (stdout), by isatty, its size and the locale's variables. */
struct cli;
struct table_style table_style_for(const struct cli *cli);

#endif
