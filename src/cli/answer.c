#include "cli/answer.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <stdio.h>

const char *answer_text(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

void answer_print(const json_t *value) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    lh_json_write(value, LH_JSON_COMPACT, &text);
    printf("%s\n", buf_cstr(&text));
}
