/* JSON answers of the server, as the commands show them. */
#ifndef LH_CLI_ANSWER_H
#define LH_CLI_ANSWER_H

#include "base/json.h"

/* The string of that key; "" where there is none.  Borrowed. */
const char *answer_text(const json_t *object, const char *key);
/* One line of JSON on standard output. */
void answer_print(const json_t *value);

#endif
