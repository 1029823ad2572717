/* What toml.c gives to the C++ side: callbacks that build the document.  No C++ type and no exception crosses. */
#ifndef LH_BASE_TOML_SHIM_H
#define LH_BASE_TOML_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The visitor walks depth first.  `key` is NULL inside an array.  Lines are from 1. */
struct toml_visitor {
    void *self;
    void (*begin_table)(void *self, const char *key, int line);
    void (*begin_array)(void *self, const char *key, int line);
    void (*end)(void *self); /* of a table or an array, the root included */
    void (*text)(void *self, const char *key, int line, const char *text, size_t len);
    void (*integer)(void *self, const char *key, int line, int64_t value);
    void (*real)(void *self, const char *key, int line, double value);
    void (*boolean)(void *self, const char *key, int line, bool value);
};

struct toml_failure {
    int line;
    int column;
    char what[256];
};

/* false: the text is not TOML, nothing was visited. */
bool toml_shim_walk(const char *text, size_t len, const struct toml_visitor *visitor, struct toml_failure *ret_failure);

#ifdef __cplusplus
}
#endif

#endif
