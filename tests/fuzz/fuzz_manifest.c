/* Manifests as JSON, as another writer or a failing disk may leave them.  What is accepted must come back the same from its own form,
 * pass the check of names, and be copied whole. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "catalog/manifest.h"
#include "fuzz/fuzz.h"

#include <string.h>

static void write_form(const struct manifest *m, struct buf *out) {
    LH_AUTO(json) json_t *json = manifest_to_json(m);
    lh_json_write(json, LH_JSON_COMPACT, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(json) json_t *json = NULL;
    LH_AUTO(manifest) struct manifest *m = NULL;
    if (lh_json_parse((const char *)data, size, NULL, &json, &err) != LH_OK)
        return 0;
    if (manifest_from_json(json, &m, &err) != LH_OK) {
        FUZZ_CHECK(err.code == LH_CORRUPT && err.message[0] != '\0');
        return 0;
    }
    FUZZ_CHECK(manifest_name_check(m->name, &err) == LH_OK);
    LH_AUTO(buf) struct buf once = BUF_INIT;
    LH_AUTO(buf) struct buf twice = BUF_INIT;
    LH_AUTO(buf) struct buf copied = BUF_INIT;
    LH_AUTO(json) json_t *own = NULL;
    LH_AUTO(manifest) struct manifest *again = NULL;
    write_form(m, &once);
    FUZZ_CHECK(lh_json_parse(once.data, once.len, NULL, &own, &err) == LH_OK);
    FUZZ_CHECK(manifest_from_json(own, &again, &err) == LH_OK);
    write_form(again, &twice);
    FUZZ_CHECK(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    LH_AUTO(manifest) struct manifest *copy = manifest_edit(m);
    write_form(copy, &copied);
    FUZZ_CHECK(once.len == copied.len && memcmp(once.data, copied.data, once.len) == 0);
    FUZZ_CHECK(manifest_same_schema(m, copy));
    return 0;
}
