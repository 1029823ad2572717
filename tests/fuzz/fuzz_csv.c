/* Delimited text: what the sniffer makes of it, what the reader then gives, and the pass beside the fast path, which may doubt anything
 * but may not admit a file that the reader reads otherwise. */
#include "base/alloc.h"
#include "base/cleanup.h"
#include "engine/worker/csv_scan.h"
#include "engine/worker/csv_sniff.h"
#include "fuzz/fuzz.h"

#include <string.h>

#define FIELDS_MAX 64
#define RECORD_MAX 4096

struct seen {
    uint32_t kinds[FIELDS_MAX]; /* of the rows below the header: the intersection */
    uint64_t rows;
    bool regular; /* no bad record, no ragged one */
};

/* LH_LIMIT ends the reading: a line that is too long, or too many fields. */
static void read_all(const char *text, size_t len, const struct csv_format *format, struct seen *ret) {
    LH_AUTO(csv_reader) struct csv_reader reader;
    struct lh_err err = LH_ERR_INIT;
    const struct csv_record *record;
    uint64_t records = 0, line = 0;
    *ret = (struct seen){.regular = true};
    for (size_t i = 0; i < FIELDS_MAX; i++)
        ret->kinds[i] = KINDS_ALL;
    csv_reader_init_text(&reader, &format->dialect, text, len, RECORD_MAX, FIELDS_MAX);
    for (;;) {
        enum lh_code code = csv_reader_next(&reader, &record, &err);
        FUZZ_CHECK(code == LH_OK || code == LH_LIMIT);
        if (code != LH_OK)
            ret->regular = false;
        if (code != LH_OK || !record)
            return;
        FUZZ_CHECK(record->line > line && record->count <= FIELDS_MAX && record->raw_len <= len);
        line = record->line;
        ret->regular &= !record->bad && !record->blank && record->count == format->columns;
        if (records++ < format->header)
            continue;
        ret->rows++;
        for (size_t i = 0; i < record->count; i++)
            if (record->fields[i].len)
                ret->kinds[i] &= value_kinds(record->fields[i].text, record->fields[i].len);
    }
}

static void check_scan(const char *text, size_t len, const struct csv_format *format, const struct seen *seen) {
    enum value_kind kinds[FIELDS_MAX];
    for (size_t i = 0; i < format->columns; i++) {
        kinds[i] = KIND_TEXT;
        for (unsigned kind = 0; kind < KIND_COUNT; kind++)
            if (csv_scan_knows((enum value_kind)kind) && (i + kind) % 3 == 0)
                kinds[i] = (enum value_kind)kind; /* right or wrong: the pass must tell */
    }
    struct csv_scan scan = {
        .dialect = format->dialect, .kinds = kinds, .columns = format->columns, .header = format->header};
    csv_scan_text(&scan, text, len);
    if (!scan.fits)
        return;
    FUZZ_CHECK(seen->regular && scan.rows == seen->rows);
    for (size_t i = 0; i < format->columns; i++)
        FUZZ_CHECK(seen->rows == 0 || kinds[i] == KIND_TEXT || (seen->kinds[i] & KIND_BIT(kinds[i])));
}

/* The first byte says what the client told of the file. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    unsigned told = size > 0 ? data[0] : 0;
    const char *text = (const char *)data + (size > 0);
    size_t len = size > 0 ? size - 1 : 0;
    const struct csv_sniff_options options = {
        .delimiter = told & 1 ? ';' : CSV_LOOK,
        .quote = told & 2 ? -1 : CSV_LOOK,
        .header = told & 4 ? (told & 8) != 0 : CSV_LOOK,
        .named_csv = told & 16,
        .truncated = told & 32,
        .max_record_bytes = RECORD_MAX,
        .max_fields = FIELDS_MAX,
    };
    struct csv_format format;
    struct lh_err err = LH_ERR_INIT;
    enum lh_code code = csv_sniff(text, len, &options, &format, &err);
    FUZZ_CHECK(code == LH_OK || code == LH_LIMIT);
    if (code != LH_OK)
        return 0;
    FUZZ_CHECK(format.columns >= 1 && format.columns <= FIELDS_MAX && format.min_fields <= format.columns);
    FUZZ_CHECK(format.agreement >= 0 && format.agreement <= 1);
    struct seen seen;
    read_all(text, len, &format, &seen);
    bool direct = format.columns > 1 && format.dialect.delimiter >= 0 &&
                  format.dialect.escape == format.dialect.quote && !format.dialect.blanks;
    if (direct)
        check_scan(text, len, &format, &seen);
    return 0;
}
