/* What a generator wrote: a statement and the words around it. */
#include "base/arena.h"
#include "statement/sql_answer.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *arena = arena_new();
    struct sql_answer answer;
    sql_answer_parse((const char *)data, size, arena, &answer);
    if (answer.sql && strlen(answer.sql) > size)
        __builtin_trap();
    if (answer.sql)
        (void)sql_answer_selects(answer.sql);
    arena_free(arena);
    return 0;
}
