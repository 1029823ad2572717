/* object_key_check: what it lets through can be a path below a root, whatever the bytes. */
#include "base/alloc.h"
#include "fuzz/fuzz.h"
#include "store/object_store.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct lh_err err = LH_ERR_INIT;
    if (object_key_check((const char *)data, size, &err) != LH_OK) {
        FUZZ_CHECK(err.code != LH_OK && err.message[0] != '\0');
        return 0;
    }
    FUZZ_CHECK(size > 0 && size <= OBJECT_KEY_MAX);
    FUZZ_CHECK(data[0] != '/' && data[size - 1] != '/');
    for (size_t i = 0; i < size; i++) {
        FUZZ_CHECK(data[i] >= 0x20 && data[i] != 0x7f);
    }
    char key[OBJECT_KEY_MAX + 1];
    memcpy(key, data, size);
    key[size] = '\0';
    FUZZ_CHECK(strstr(key, "//") == NULL);
    for (char *rest = key, *segment; (segment = strsep(&rest, "/")) != NULL;) {
        FUZZ_CHECK(strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0);
    }
    memcpy(key, data, size);
    FUZZ_CHECK(object_key_is_reserved(key) == (key[0] == '_'));
    return 0;
}
