/* Decoders and the record reader: any bytes as text in each encoding, whole and in pieces.  What comes out is valid UTF-8 without NULs, the
 * same however it was cut, and every record and every line of it is accounted for. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "engine/worker/csv_reader.h"
#include "engine/worker/csv_sniff.h"
#include "engine/worker/text_encoding.h"
#include "engine/worker/value_kind.h"
#include "fuzz/fuzz.h"

#include <string.h>

/* The raw texts of all records and their line ends add up to the whole text. */
static void read_records(const struct buf *text, const struct csv_dialect *dialect) {
    LH_AUTO(csv_reader) struct csv_reader reader;
    csv_reader_init_text(&reader, dialect, buf_cstr(text), text->len, 1 << 20, 64);
    const struct csv_record *record;
    struct lh_err err = LH_ERR_INIT;
    uint64_t line = 0;
    size_t accounted = 0;
    for (;;) {
        enum lh_code code = csv_reader_next(&reader, &record, &err);
        if (code != LH_OK || !record) {
            FUZZ_CHECK(code == LH_OK || code == LH_LIMIT);
            FUZZ_CHECK(code != LH_OK || reader.at == reader.text.len);
            return;
        }
        FUZZ_CHECK(record->line > line && reader.at > accounted);
        FUZZ_CHECK(record->raw == reader.text.data + accounted && record->raw_len <= reader.at - accounted);
        FUZZ_CHECK(reader.at - accounted - record->raw_len <= 2); /* only a line end lies between records */
        FUZZ_CHECK(!record->bad || record->count == 0);
        for (size_t i = 0; i < record->count; i++)
            FUZZ_CHECK(value_kinds(record->fields[i].text, record->fields[i].len) & KIND_BIT(KIND_TEXT));
        line = record->line;
        accounted = reader.at;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > 65536)
        return 0;
    enum text_encoding encoding = (enum text_encoding)(data[0] % 4);
    size_t cut = data[1] % size;
    LH_AUTO(buf) struct buf whole = BUF_INIT;
    LH_AUTO(buf) struct buf pieces = BUF_INIT;
    struct text_decoder a, b;
    text_decoder_init(&a, encoding);
    text_decoder_init(&b, encoding);
    text_decode(&a, data, size, true, &whole);
    text_decode(&b, data, cut, false, &pieces);
    text_decode(&b, data + cut, size - cut, true, &pieces);
    FUZZ_CHECK(whole.len == pieces.len && memcmp(buf_cstr(&whole), buf_cstr(&pieces), whole.len) == 0);
    FUZZ_CHECK(a.bad == b.bad && a.nuls == b.nuls);
    FUZZ_CHECK(utf8_valid(buf_cstr(&whole), whole.len, NULL) && strlen(buf_cstr(&whole)) == whole.len);
    struct csv_format format;
    struct lh_err err = LH_ERR_INIT;
    const struct csv_sniff_options options = {
        .delimiter = CSV_LOOK, .quote = CSV_LOOK, .header = CSV_LOOK, .max_record_bytes = 1 << 20, .max_fields = 64};
    if (csv_sniff(buf_cstr(&whole), whole.len, &options, &format, &err) == LH_OK)
        read_records(&whole, &format.dialect);
    read_records(&whole, &(struct csv_dialect){',', '"', '\\', size % 2 == 0});
    return 0;
}
