/* What a key may be (S6 of object_store.h). */
#include "base/utf8.h"
#include "store/object_store.h"

#include <string.h>

#define SEGMENT_MAX 255 /* NAME_MAX of every local file system */

/* C0, DEL and, in its two-byte form, C1: a key is shown on terminals and in headers. */
static bool is_control(const char *text, size_t len) {
    unsigned char first = (unsigned char)text[0];
    if (first < 0x20 || first == 0x7f)
        return true;
    return first == 0xc2 && len > 1 && (unsigned char)text[1] < 0xa0;
}

static enum lh_code check_text(const char *what, const char *text, size_t len, struct lh_err *err) {
    if (len > OBJECT_KEY_MAX)
        return lh_fail(err, LH_INVALID, "the object %s has %zu bytes; at most %d are allowed", what, len,
                       OBJECT_KEY_MAX);
    for (size_t i = 0; i < len; i++)
        if (is_control(text + i, len - i))
            return lh_fail(err, LH_INVALID, "the object %s has a control character at byte %zu", what, i + 1);
    size_t bad = 0;
    if (!utf8_valid(text, len, &bad))
        return lh_fail(err, LH_INVALID, "the object %s is not UTF-8 at byte %zu", what, bad + 1);
    return LH_OK;
}

static enum lh_code check_segment(const char *what, const char *segment, size_t len, size_t offset,
                                  struct lh_err *err) {
    if (len == 0)
        return lh_fail(err, LH_INVALID, "the object %s has an empty segment at byte %zu", what, offset + 1);
    if ((len == 1 && segment[0] == '.') || (len == 2 && segment[0] == '.' && segment[1] == '.'))
        return lh_fail(err, LH_INVALID, "the object %s has a segment \"%.*s\" at byte %zu", what, (int)len, segment,
                       offset + 1);
    if (len > SEGMENT_MAX)
        return lh_fail(err, LH_INVALID, "the object %s has a segment of %zu bytes at byte %zu; at most %d are allowed",
                       what, len, offset + 1, SEGMENT_MAX);
    return LH_OK;
}

static bool is_temporary(const char *text, size_t len) {
    return (len == 4 && memcmp(text, ".tmp", 4) == 0) || (len > 4 && memcmp(text, ".tmp/", 5) == 0);
}

/* Every segment of text[0..len), which does not end in a slash. */
static enum lh_code check_segments(const char *what, const char *text, size_t len, struct lh_err *err) {
    for (size_t start = 0;;) {
        const char *slash = memchr(text + start, '/', len - start);
        size_t end = slash ? (size_t)(slash - text) : len;
        LH_TRY(check_segment(what, text + start, end - start, start, err));
        if (!slash)
            return LH_OK;
        start = end + 1;
    }
}

enum lh_code object_key_check(const char *key, size_t len, struct lh_err *err) {
    if (len == 0)
        return lh_fail(err, LH_INVALID, "the object key is empty");
    LH_TRY(check_text("key", key, len, err));
    LH_TRY(check_segments("key", key, len, err));
    if (is_temporary(key, len))
        return lh_fail(err, LH_INVALID, "object keys below \".tmp/\" are the store's own");
    return LH_OK;
}

enum lh_code object_prefix_check(const char *prefix, struct lh_err *err) {
    size_t len = strlen(prefix);
    LH_TRY(check_text("prefix", prefix, len, err));
    const char *slash = strrchr(prefix, '/');
    if (!slash)
        return LH_OK;
    /* The folders of the prefix are whole segments; what follows them is the beginning of one. */
    if (strlen(slash + 1) > SEGMENT_MAX)
        return lh_fail(err, LH_INVALID, "the object prefix ends in a segment of more than %d bytes", SEGMENT_MAX);
    return check_segments("prefix", prefix, (size_t)(slash - prefix), err);
}

bool object_key_is_reserved(const char *key) {
    return key[0] == '_';
}
