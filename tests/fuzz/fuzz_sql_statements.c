/* Cutting a script into statements: every piece ends with its semicolon, is one statement by itself, and nothing is lost. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/sql_run.h"
#include "fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_AUTO(mem) char *text = lh_strndup((const char *)data, size); /* up to a NUL */
    const char *rest = text;
    for (size_t len; (len = sql_statement_end(rest)) > 0; rest += len) {
        FUZZ_CHECK(len <= strlen(rest) && rest[len - 1] == ';');
        LH_AUTO(mem) char *statement = lh_strndup(rest, len);
        FUZZ_CHECK(sql_statement_end(statement) == len);
        statement[len - 1] = '\0';
        FUZZ_CHECK(sql_statement_end(statement) == 0); /* no other semicolon counts */
        (void)sql_is_blank(statement);
    }
    return 0;
}
