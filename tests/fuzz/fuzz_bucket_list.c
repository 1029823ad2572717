/* The list of added buckets, as another server or a failing disk may leave it.  What is accepted comes back the same from its own
 * form. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "fuzz/fuzz.h"
#include "store/bucket_list.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(buf) struct buf once = BUF_INIT;
    LH_AUTO(buf) struct buf twice = BUF_INIT;
    struct bucket_spec *specs, *again;
    size_t count, again_count;
    enum lh_code code = bucket_list_parse((const char *)data, size, arena, &specs, &count, &err);
    if (code != LH_OK) {
        FUZZ_CHECK(code == err.code && err.message[0] != '\0');
        return 0;
    }
    bucket_list_write(specs, count, &once);
    FUZZ_CHECK(bucket_list_parse(once.data, once.len, arena, &again, &again_count, &err) == LH_OK);
    FUZZ_CHECK(again_count == count);
    bucket_list_write(again, again_count, &twice);
    FUZZ_CHECK(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    return 0;
}
