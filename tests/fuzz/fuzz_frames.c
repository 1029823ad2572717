/* frame_parse and frame_json: what a hijacked worker may send.  The first byte picks who is listening. */
#include "engine/frames.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint64_t listeners[] = {FRAMES_FROM_WORKER, FRAMES_TO_WORKER, FRAMES_FROM_HOST, FRAMES_TO_HOST};
    if (size == 0) {
        return 0;
    }
    uint64_t accepted = listeners[data[0] % 4];
    const char *at = (const char *)data + 1;
    size_t left = size - 1;
    while (left > 0) {
        struct lh_err err = LH_ERR_INIT;
        struct frame frame = {0};
        size_t used = 0;
        if (frame_parse(at, left, accepted, &frame, &used, &err) != LH_OK) {
            FUZZ_CHECK(err.message[0] != '\0');
            return 0;
        }
        if (used == 0) {
            return 0; /* more bytes are needed */
        }
        FUZZ_CHECK(used >= FRAME_HEADER_BYTES && used <= left);
        FUZZ_CHECK((accepted & FRAME_BIT(frame.type)) != 0);
        FUZZ_CHECK(frame.len == used - FRAME_HEADER_BYTES && frame.data == at + FRAME_HEADER_BYTES);
        LH_AUTO(json) json_t *object = NULL;
        if (frame.type != FRAME_DATA && frame_json(&frame, &object, &err) == LH_OK) {
            FUZZ_CHECK(json_is_object(object));
        }
        at += used;
        left -= used;
    }
    return 0;
}
