/* lexical_weights_read: damaged bytes are refused, and what is taken comes back as the same bytes. */
#include "ai/lexical.h"
#include "base/buf.h"
#include "base/hash.h"
#include "fuzz/fuzz.h"

#include <string.h>

/* Give the bytes a checksum that is right, or a fuzzer would never see behind it. */
static void seal(struct buf *bytes) {
    if (bytes->len < 4)
        return;
    uint32_t crc = lh_crc32c(0, bytes->data, bytes->len - 4);
    for (unsigned i = 0; i < 4; i++)
        bytes->data[bytes->len - 4 + i] = (char)(crc >> 8 * i & 0xFF);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    LH_AUTO(buf) struct buf again = BUF_INIT;
    struct lh_err err = LH_ERR_INIT;
    struct lexical_weights *weights = NULL;
    buf_append(&bytes, data, size);
    seal(&bytes);
    if (lexical_weights_read(buf_cstr(&bytes), bytes.len, &weights, &err) == LH_OK) {
        float vector[384];
        lexical_weights_write(weights, &again);
        FUZZ_CHECK(again.len == bytes.len && memcmp(again.data, bytes.data, bytes.len) == 0);
        lexical_embed(weights, 384, &(struct ai_text){"some words", 10}, 1, vector);
        lexical_weights_free(weights);
    } else {
        FUZZ_CHECK(weights == NULL && err.code == LH_CORRUPT && err.message[0] != '\0');
    }
    return 0;
}
