/* API keys as clients send them: what parses must be exactly what its parts are written as, so that a key has one spelling. */
#include "fuzz/fuzz.h"
#include "policy/key_text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct key_text parts;
    if (!key_text_parse((const char *)data, size, &parts))
        return 0;
    char again[KEY_TEXT_SIZE];
    key_text_format(&parts, again);
    FUZZ_CHECK(strlen(again) == size && memcmp(again, data, size) == 0);
    FUZZ_CHECK(key_text_id_valid(parts.id, strlen(parts.id)));
    return 0;
}
