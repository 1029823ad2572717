/* The small readers of text: times, dates, quantities, identifiers, UTF-8.  Each accepts or refuses any bytes, and what a
 * reader accepted survives being written and read again. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/id.h"
#include "base/quantity.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "fuzz/fuzz.h"

#include <string.h>

static void times(const char *text, size_t len) {
    int64_t us = 0, again = 0;
    if (lh_time_parse(text, len, &us)) {
        char written[LH_TIME_SIZE];
        lh_time_format(us, written);
        FUZZ_CHECK(lh_time_parse(written, strlen(written), &again) && again == us);
    }
    if (lh_http_date_parse(text, len, &us)) {
        char written[LH_HTTP_DATE_SIZE];
        lh_http_date_format(us, written);
        FUZZ_CHECK(lh_http_date_parse(written, strlen(written), &again) && again == us);
    }
}

static void quantities(const char *text) {
    uint64_t bytes = 0;
    int64_t number = 0;
    LH_AUTO(buf) struct buf written = BUF_INIT;
    if (lh_size_parse(text, &bytes)) {
        lh_size_format(bytes, &written);
    }
    if (lh_duration_parse(text, &number)) {
        lh_duration_format(number, &written);
    }
    if (lh_int_parse(text, &number)) {
        int64_t again = 0;
        buf_reset(&written);
        buf_printf(&written, "%lld", (long long)number);
        FUZZ_CHECK(lh_int_parse(buf_cstr(&written), &again) && again == number);
    }
}

static void utf8(const char *text, size_t len) {
    size_t bad = len;
    bool valid = utf8_valid(text, len, &bad);
    FUZZ_CHECK(valid || bad < len);
    FUZZ_CHECK(utf8_valid(text, valid ? len : bad, NULL));
    size_t width = utf8_width(text, len);
    FUZZ_CHECK(width <= 2 * len);
    for (size_t columns = 0; columns < 4; columns++) {
        size_t prefix = utf8_prefix_for_width(text, len, columns);
        FUZZ_CHECK(prefix <= len && utf8_width(text, prefix) <= columns);
    }
    FUZZ_CHECK(utf8_prefix_for_width(text, len, width) == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    buf_append(&text, data, size);
    times(buf_cstr(&text), size);
    quantities(buf_cstr(&text));
    utf8(buf_cstr(&text), size);
    if (lh_ulid_valid(buf_cstr(&text), size)) {
        FUZZ_CHECK(size == LH_ULID_SIZE - 1 && lh_ulid_time_ms(buf_cstr(&text)) >= 0);
    }
    FUZZ_CHECK(!lh_uuid_valid(buf_cstr(&text), size) || size == LH_UUID_SIZE - 1);
    return 0;
}
