/* url_parse: whatever the target's bytes, what comes out is safe to route and to join into a key. */
#include "base/arena.h"
#include "base/utf8.h"
#include "fuzz/fuzz.h"
#include "gateway/url.h"

#include <string.h>

static void check_text(const char *text) {
    size_t len = strlen(text);
    FUZZ_CHECK(utf8_valid(text, len, NULL));
    for (size_t i = 0; i < len; i++) {
        FUZZ_CHECK((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct lh_err err = LH_ERR_INIT;
    struct arena *arena = arena_new();
    struct url *url = arena_alloc(arena, sizeof *url);
    if (url_parse(arena, (const char *)data, size, url, &err) == LH_OK) {
        FUZZ_CHECK(size > 0 && data[0] == '/');
        FUZZ_CHECK(url->segment_count <= URL_SEGMENTS_MAX && url->param_count <= URL_PARAMS_MAX);
        for (size_t i = 0; i < url->segment_count; i++) {
            check_text(url->segments[i]);
            FUZZ_CHECK(url->segments[i][0] != '\0');
            FUZZ_CHECK(strcmp(url->segments[i], ".") != 0 && strcmp(url->segments[i], "..") != 0);
        }
        for (size_t i = 0; i < url->param_count; i++) {
            FUZZ_CHECK(url_param(url, url->params[i].name) == url->params[i].value);
        }
    } else {
        FUZZ_CHECK(err.message[0] != '\0');
    }
    arena_free(arena);
    return 0;
}
