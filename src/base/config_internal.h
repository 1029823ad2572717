/* The configuration's table as data, shared by its printer and its loader. */
#ifndef LH_BASE_CONFIG_INTERNAL_H
#define LH_BASE_CONFIG_INTERNAL_H

#include "base/config.h"

struct arena;

enum config_type { CONFIG_BOOL, CONFIG_INT, CONFIG_SIZE, CONFIG_DURATION, CONFIG_STRING, CONFIG_ENUM, CONFIG_LIST };

struct config_row {
    enum config_type type;
    const char *key;
    const char *fallback;
    const char *allowed;
    const char *doc;
    size_t offset; /* of the field in the struct that owns it */
};

struct config_section {
    const char *name;
    const char *doc;
    const struct config_row *rows;
    size_t row_count;
    size_t offset; /* of its struct in struct lh_config */
};

/* [[section.key]] */
struct config_table_array {
    const char *section;
    const char *key;
    const char *doc;
    const struct config_row *rows;
    size_t row_count;
    size_t item_size;
    size_t items_offset; /* of the pointer and the count in struct lh_config */
    size_t count_offset;
};

extern const struct config_section config_sections[];
extern const size_t config_section_count;
extern const struct config_table_array config_table_arrays[];
extern const size_t config_table_array_count;

/* Set the row's field of `owner` from text; false where the text is not allowed. */
bool config_set(const struct config_row *row, const char *text, void *owner, struct arena *memory);
/* `a whole number, 1..64`, `"auto", "on" or "off"` */
void config_describe_allowed(const struct config_row *row, struct buf *out);

#endif
