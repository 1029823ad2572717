/* lh_json_parse: any bytes.  What it accepts can be written, and reads back as the same value in every style. */
#include "base/buf.h"
#include "base/json.h"
#include "fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(json) json_t *value = NULL;
    if (lh_json_parse((const char *)data, size, NULL, &value, &err) != LH_OK) {
        FUZZ_CHECK(value == NULL);
        FUZZ_CHECK(err.code != LH_OK && err.message[0] != '\0');
        return 0;
    }
    static const enum lh_json_style styles[] = {LH_JSON_COMPACT, LH_JSON_COMPACT_SORTED, LH_JSON_PRETTY};
    for (size_t i = 0; i < LH_ARRAY_LEN(styles); i++) {
        LH_AUTO(buf) struct buf text = BUF_INIT;
        lh_json_write(value, styles[i], &text);
        LH_AUTO(json) json_t *again = NULL;
        FUZZ_CHECK(lh_json_parse(buf_cstr(&text), text.len, NULL, &again, &err) == LH_OK);
        FUZZ_CHECK(json_equal(value, again));
        LH_AUTO(buf) struct buf text_again = BUF_INIT;
        lh_json_write(again, styles[i], &text_again);
        FUZZ_CHECK(text.len == text_again.len && memcmp(buf_cstr(&text), buf_cstr(&text_again), text.len) == 0);
    }
    return 0;
}
