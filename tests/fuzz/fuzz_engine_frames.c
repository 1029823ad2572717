/* The server's side of a worker's socket, fed by a worker that may send anything. */
#include "base/error.h"
#include "engine/frames.h"
#include "engine/wire_error.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data;
    while (size > 0) {
        struct frame frame;
        size_t used = 0;
        struct lh_err err = LH_ERR_INIT;
        if (frame_parse(bytes, size, FRAMES_FROM_WORKER | FRAMES_FROM_HOST, &frame, &used, &err) != LH_OK || used == 0)
            return 0;
        LH_AUTO(json) json_t *object = NULL;
        if (frame.type != FRAME_DATA && frame_json(&frame, &object, &err) == LH_OK && frame.type == FRAME_ERROR &&
            wire_error_from_json(object, &err) == LH_OK)
            __builtin_trap(); /* an error frame never reads as success */
        bytes += used;
        size -= used;
    }
    return 0;
}
