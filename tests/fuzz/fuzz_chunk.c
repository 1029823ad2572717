/* chunker_run and lexical_embed: any bytes, any options.  The input's first three bytes choose unit, size and overlap. */
#include "ai/chunk.h"
#include "ai/lexical.h"
#include "base/utf8.h"
#include "fuzz/fuzz.h"

#include <stdbool.h>

static void check_chunks(const char *text, size_t len, const struct chunk_options *o, const struct chunk *chunks,
                         size_t count) {
    size_t covered = 0;
    for (size_t i = 0; i < count; i++) {
        const struct chunk *c = &chunks[i];
        FUZZ_CHECK(c->begin < c->end && c->end <= len);
        FUZZ_CHECK(i == 0 || (c->begin > chunks[i - 1].begin && c->end > covered));
        FUZZ_CHECK(utf8_valid(text + c->begin, c->end - c->begin, NULL));
        FUZZ_CHECK((o->unit == CHUNK_TOKENS ? c->tokens : c->characters) <= o->size);
        FUZZ_CHECK(c->heading + c->heading_len <= len);
        for (size_t k = covered; k < c->begin; k++)
            FUZZ_CHECK((unsigned char)text[k] <= ' ' || (unsigned char)text[k] >= 0x7F);
        covered = c->end;
    }
    for (size_t k = covered; k < len; k++)
        FUZZ_CHECK((unsigned char)text[k] <= ' ' || (unsigned char)text[k] >= 0x7F);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct lh_err err = LH_ERR_INIT;
    struct chunker *chunker = NULL;
    if (size < 3)
        return 0;
    struct chunk_options o = {data[0] & 1 ? CHUNK_TOKENS : CHUNK_CHARACTERS, 1u + data[1], 0};
    o.overlap = o.size / 2 * data[2] / 255;
    const char *text = (const char *)data + 3;
    size_t len = size - 3, count = 0;
    const struct chunk *chunks = NULL;
    FUZZ_CHECK(chunker_new(&o, &chunker, &err) == LH_OK);
    bool valid = utf8_valid(text, len, NULL);
    enum lh_code code = chunker_run(chunker, text, len, &chunks, &count, &err);
    FUZZ_CHECK(code == (valid ? LH_OK : LH_DATA));
    if (valid)
        check_chunks(text, len, &o, chunks, count);
    chunker_free(chunker);
    FUZZ_CHECK(chunk_estimate_tokens(text, len) <= len);

    struct lexical_weights *weights = lexical_weights_builtin();
    float vector[384];
    double sum = 0;
    lexical_embed(weights, 384, &(struct ai_text){text, len}, 1, vector);
    for (size_t i = 0; i < 384; i++)
        sum += (double)vector[i] * (double)vector[i];
    FUZZ_CHECK(sum > 0.999 && sum < 1.001);
    lexical_weights_free(weights);
    return 0;
}
