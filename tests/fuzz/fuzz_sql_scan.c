/* The look at SQL text that stands before DuckDB's own parser. */
#include "base/arena.h"
#include "engine/worker/sql_rewrite.h"
#include "engine/worker/sql_scan.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = arena_new();
    struct sql_scan scan;
    sql_scan((const char *)data, size, arena, &scan);
    for (size_t i = 0; i < scan.name_count; i++) {
        if (strlen(scan.names[i]) > size)
            __builtin_trap();
    }
    struct sql_rewritten rewritten;
    struct lh_err err = LH_ERR_INIT;
    char *sql = arena_strndup(arena, (const char *)data, size);
    size_t len = strlen(sql);
    json_t *params = json_pack("[s, i, [f], n]", "words", 5, 0.5);
    if (sql_rewrite(sql, len, params, arena, &rewritten, &err) == LH_OK && strlen(rewritten.sql) != len)
        __builtin_trap();
    json_decref(rewritten.params);
    json_decref(params);
    arena_free(arena);
    return 0;
}
