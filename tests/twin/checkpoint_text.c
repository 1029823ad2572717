#include "twin/checkpoint_text.h"

#include "store/object_store.h"

static enum lh_code write_text(void *self, struct object_store *store, const char *key, const struct buf *rows,
                               struct lh_err *err) {
    (void)self;
    return object_put(store, key, rows->data, rows->len, OBJECT_PUT_IF_ABSENT, NULL, err);
}

static enum lh_code read_text(void *self, struct object_store *store, const char *key, struct buf *ret_rows,
                              struct lh_err *err) {
    (void)self;
    return object_get(store, key, (size_t)1 << 30, ret_rows, NULL, err);
}

const struct checkpoint_codec checkpoint_text_codec = {NULL, write_text, read_text};
