#include "cli/table.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MIN_COLUMN_WIDTH 6
#define DIM "\033[2m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

struct cell {
    char *text; /* without control characters */
    size_t len, width;
    bool is_null;
};

struct column {
    const char *name;
    bool right; /* numbers */
    size_t width;
};

struct grid {
    const struct table_style *style;
    struct column *columns;
    struct cell *headers, *cells; /* cells row by row */
    size_t column_count, row_count;
};

/* ---- values to text ---- */

/* One line whatever the value holds: line ends and tabs as two characters, other control characters as a replacement sign. */
static void append_visible(struct buf *out, const char *text, size_t len) {
    for (size_t i = 0; i < len;) {
        size_t step = utf8_sequence_len(text + i, len - i);
        unsigned char c = (unsigned char)text[i];
        if (c == '\n')
            buf_append_str(out, "\\n");
        else if (c == '\t')
            buf_append_str(out, "\\t");
        else if (c == '\r')
            buf_append_str(out, "\\r");
        else if (step == 0 || c < 0x20 || c == 0x7F)
            buf_append_str(out, "\xEF\xBF\xBD");
        else
            buf_append(out, text + i, step);
        i += step ? step : 1;
    }
}

static struct cell cell_of_text(const char *text, size_t len) {
    struct buf visible = BUF_INIT;
    append_visible(&visible, text, len);
    struct cell cell = {.len = visible.len, .width = utf8_width(buf_cstr(&visible), visible.len)};
    cell.text = buf_detach(&visible);
    return cell;
}

/* The shortest of three precisions that reads back as the same number. */
static struct cell cell_of_real(double value) {
    char text[32];
    int len = 0;
    for (int digits = 15; digits <= 17; digits++) {
        len = snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return cell_of_text(text, (size_t)len);
}

static struct cell cell_of_value(const json_t *value) {
    if (json_is_real(value))
        return cell_of_real(json_real_value(value));
    if (json_is_string(value))
        return cell_of_text(json_string_value(value), json_string_length(value));
    if (!value || json_is_null(value)) {
        struct cell cell = cell_of_text("NULL", 4);
        cell.is_null = true;
        return cell;
    }
    struct buf text = BUF_INIT;
    lh_json_write(value, LH_JSON_COMPACT, &text);
    struct cell cell = cell_of_text(buf_cstr(&text), text.len);
    buf_release(&text);
    return cell;
}

static bool type_is_number(const char *type) {
    static const char *const numbers[] = {"TINYINT",  "SMALLINT",  "INTEGER",  "BIGINT",  "HUGEINT",
                                          "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
                                          "FLOAT",    "DOUBLE",    "DECIMAL",  "BIGNUM"};
    for (size_t i = 0; i < LH_ARRAY_LEN(numbers); i++) {
        size_t len = strlen(numbers[i]);
        if (strncmp(type, numbers[i], len) == 0 && (type[len] == '\0' || type[len] == '('))
            return true;
    }
    return false;
}

static void grid_init(struct grid *g, const json_t *columns, const json_t *rows, const struct table_style *style) {
    g->style = style;
    g->column_count = json_array_size(columns);
    g->row_count = json_array_size(rows);
    g->columns = lh_calloc(g->column_count + 1, sizeof *g->columns);
    g->headers = lh_calloc(g->column_count + 1, sizeof *g->headers);
    g->cells = lh_calloc(g->column_count * g->row_count + 1, sizeof *g->cells);
    for (size_t c = 0; c < g->column_count; c++) {
        const json_t *column = json_array_get(columns, c);
        const char *type = json_string_value(json_object_get(column, "type"));
        const json_t *name = json_object_get(column, "name");
        g->columns[c].right = type && type_is_number(type);
        g->headers[c] = cell_of_text(json_string_value(name) ? json_string_value(name) : "", json_string_length(name));
        g->columns[c].width = g->headers[c].width;
    }
    for (size_t r = 0; r < g->row_count; r++)
        for (size_t c = 0; c < g->column_count; c++) {
            struct cell *cell = &g->cells[r * g->column_count + c];
            *cell = cell_of_value(json_array_get(json_array_get(rows, r), c));
            if (cell->width > g->columns[c].width)
                g->columns[c].width = cell->width;
        }
}

static void grid_release(struct grid *g) {
    for (size_t c = 0; c < g->column_count; c++)
        lh_free(g->headers[c].text);
    for (size_t i = 0; i < g->column_count * g->row_count; i++)
        lh_free(g->cells[i].text);
    lh_free(g->columns);
    lh_free(g->headers);
    lh_free(g->cells);
}

/* ---- drawing ---- */

static void append_colored(const struct grid *g, struct buf *out, const char *color, const char *text, size_t len) {
    if (g->style->color)
        buf_append_str(out, color);
    buf_append(out, text, len);
    if (g->style->color)
        buf_append_str(out, PLAIN);
}

static void append_padding(struct buf *out, size_t count) {
    while (count-- > 0)
        buf_append_char(out, ' ');
}

/* The cell in `width` columns, cut with an ellipsis where it is longer. */
static void append_cell(const struct grid *g, struct buf *out, const struct cell *cell, size_t width, bool right,
                        const char *color) {
    const char *ellipsis = g->style->unicode ? "\xE2\x80\xA6" : "~";
    size_t len = cell->len, shown = cell->width;
    bool cut = cell->width > width;
    if (cut) {
        len = utf8_prefix_for_width(cell->text, cell->len, width - 1);
        shown = utf8_width(cell->text, len) + 1;
    }
    if (right)
        append_padding(out, width - shown);
    if (color)
        append_colored(g, out, color, cell->text, len);
    else
        buf_append(out, cell->text, len);
    if (cut)
        buf_append_str(out, ellipsis);
    if (!right)
        append_padding(out, width - shown);
}

/* left, line, crossing, right */
static void append_rule(const struct grid *g, struct buf *out, const char *const parts[4]) {
    struct buf rule = BUF_INIT;
    buf_append_str(&rule, parts[0]);
    for (size_t c = 0; c < g->column_count; c++) {
        if (c > 0)
            buf_append_str(&rule, parts[2]);
        for (size_t i = 0; i < g->columns[c].width + 2; i++)
            buf_append_str(&rule, parts[1]);
    }
    buf_append_str(&rule, parts[3]);
    append_colored(g, out, DIM, buf_cstr(&rule), rule.len);
    buf_append_char(out, '\n');
    buf_release(&rule);
}

static void append_line(const struct grid *g, struct buf *out, const struct cell *cells, bool header) {
    const char *bar = g->style->unicode ? "\xE2\x94\x82" : "|";
    for (size_t c = 0; c < g->column_count; c++) {
        append_colored(g, out, DIM, bar, strlen(bar));
        buf_append_char(out, ' ');
        append_cell(g, out, &cells[c], g->columns[c].width, g->columns[c].right,
                    header             ? BOLD
                    : cells[c].is_null ? DIM
                                       : NULL);
        buf_append_char(out, ' ');
    }
    append_colored(g, out, DIM, bar, strlen(bar));
    buf_append_char(out, '\n');
}

static void append_box(const struct grid *g, struct buf *out) {
    static const char *const fancy[3][4] = {{"\xE2\x94\x8C", "\xE2\x94\x80", "\xE2\x94\xAC", "\xE2\x94\x90"},
                                            {"\xE2\x94\x9C", "\xE2\x94\x80", "\xE2\x94\xBC", "\xE2\x94\xA4"},
                                            {"\xE2\x94\x94", "\xE2\x94\x80", "\xE2\x94\xB4", "\xE2\x94\x98"}};
    static const char *const ascii[4] = {"+", "-", "+", "+"};
    bool unicode = g->style->unicode;
    append_rule(g, out, unicode ? fancy[0] : ascii);
    append_line(g, out, g->headers, true);
    append_rule(g, out, unicode ? fancy[1] : ascii);
    for (size_t r = 0; r < g->row_count; r++)
        append_line(g, out, g->cells + r * g->column_count, false);
    append_rule(g, out, unicode ? fancy[2] : ascii);
}

static void append_records(const struct grid *g, struct buf *out) {
    size_t label = 0;
    for (size_t c = 0; c < g->column_count; c++)
        label = g->headers[c].width > label ? g->headers[c].width : label;
    if (label > g->style->width / 2)
        label = g->style->width / 2;
    size_t room = g->style->width > label + 3 ? g->style->width - label - 3 : MIN_COLUMN_WIDTH;
    for (size_t r = 0; r < g->row_count; r++) {
        char title[48];
        int len = snprintf(title, sizeof title, "-- row %zu --", r + 1);
        append_colored(g, out, DIM, title, (size_t)len);
        buf_append_char(out, '\n');
        for (size_t c = 0; c < g->column_count; c++) {
            const struct cell *cell = &g->cells[r * g->column_count + c];
            append_cell(g, out, &g->headers[c], label, false, BOLD);
            buf_append_str(out, " | ");
            append_cell(g, out, cell, cell->width < room ? cell->width : room, false, cell->is_null ? DIM : NULL);
            buf_append_char(out, '\n');
        }
    }
}

/* Narrow the widest columns until the box fits; false where even the narrowest box does not. */
static bool fit(struct grid *g) {
    size_t frame = 3 * g->column_count + 1, total = frame, least = frame;
    for (size_t c = 0; c < g->column_count; c++) {
        size_t width = g->columns[c].width;
        total += width;
        least += width < MIN_COLUMN_WIDTH ? width : MIN_COLUMN_WIDTH;
    }
    if (g->style->width == 0 || total <= g->style->width)
        return true;
    if (least > g->style->width)
        return false;
    while (total > g->style->width) {
        size_t widest = 0;
        for (size_t c = 1; c < g->column_count; c++)
            if (g->columns[c].width > g->columns[widest].width)
                widest = c;
        g->columns[widest].width--;
        total--;
    }
    return true;
}

void table_write(const json_t *columns, const json_t *rows, const struct table_style *style, struct buf *out) {
    struct grid g;
    grid_init(&g, columns, rows, style);
    if (g.column_count > 0) {
        if (fit(&g))
            append_box(&g, out);
        else
            append_records(&g, out);
    }
    grid_release(&g);
}

struct table_style table_style_for(const struct cli *cli) {
    struct table_style style = {.color = cli->color, .unicode = true};
    const char *locale = cli_env(cli, "LC_ALL");
    if (!locale)
        locale = cli_env(cli, "LC_CTYPE");
    if (!locale)
        locale = cli_env(cli, "LANG");
    struct winsize size;
    if (isatty(STDOUT_FILENO)) {
        style.unicode = locale && (strstr(locale, "UTF-8") || strstr(locale, "utf8") || strstr(locale, "UTF8"));
        style.width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
    }
    return style;
}
