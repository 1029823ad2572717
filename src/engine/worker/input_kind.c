#include "engine/worker/input_kind.h"

#include "base/attr.h"
#include "engine/worker/json_rows.h"
#include "engine/worker/json_scan.h"

#include <string.h>
#include <strings.h>

static const char *const kind_names[] = {
#define INPUT_KIND_NAME(name, text) [INPUT_##name] = (text),
    INPUT_KINDS(INPUT_KIND_NAME)
#undef INPUT_KIND_NAME
};

const char *input_kind_name(enum input_kind kind) {
    return kind < INPUT_UNKNOWN ? kind_names[kind] : "unknown";
}

enum lh_code input_kind_from_name(const char *name, enum input_kind *ret_kind, struct lh_err *err) {
    for (size_t i = 0; i < LH_ARRAY_LEN(kind_names); i++) {
        if (strcasecmp(name, kind_names[i]) == 0) {
            *ret_kind = (enum input_kind)i;
            return LH_OK;
        }
    }
    return lh_fail(err, LH_INVALID, "format \"%.40s\" is not known; there are csv, tsv, json, ndjson, parquet and text",
                   name);
}

/* File formats that announce themselves, and what their owner can do. */
static const struct {
    const char *magic;
    size_t len;
    const char *what, *hint;
} foreign[] = {
    {"%PDF-", 5, "a PDF document", "extract its text or table first, and upload that as text or CSV"},
    {"PK\x03\x04", 4, "a zip archive or an Office document (xlsx, docx, ods)",
     "unpack the archive; in Excel or LibreOffice save the sheet as CSV UTF-8"},
    {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", 8, "an old Office document (xls, doc)",
     "save the sheet as CSV UTF-8 in Excel or LibreOffice"},
    {"\x89PNG", 4, "an image (PNG)", "upload a table or a text"},
    {"\xFF\xD8\xFF", 3, "an image (JPEG)", "upload a table or a text"},
    {"GIF8", 4, "an image (GIF)", "upload a table or a text"},
    {"BZh", 3, "compressed with bzip2", "unpack it first, or compress it with gzip"},
    {"\xFD"
     "7zXZ",
     5, "compressed with xz", "unpack it first, or compress it with gzip"},
    {"\x28\xB5\x2F\xFD", 4, "compressed with zstd", "unpack it first, or compress it with gzip"},
    {"7z\xBC\xAF\x27\x1C", 6, "a 7z archive", "unpack it first"},
    {"Rar!", 4, "a RAR archive", "unpack it first"},
    {"SQLite format 3", 15, "an SQLite database", "export its tables as CSV"},
    {"ARROW1", 6, "an Arrow file", "write it as Parquet"},
    {"Obj\x01", 4, "an Avro file", "write it as Parquet or NDJSON"},
    {"ORC", 3, "an ORC file", "write it as Parquet"},
    {"PARE", 4, "an encrypted Parquet file", "write it without encryption"},
    {"\x7F"
     "ELF",
     4, "a program", "upload a table or a text"},
    {"{\\rtf", 5, "a rich text document", "save it as plain text"},
};

enum lh_code input_refuse_foreign(const void *head, size_t len, struct lh_err *err) {
    for (size_t i = 0; i < LH_ARRAY_LEN(foreign); i++) {
        if (len >= foreign[i].len && memcmp(head, foreign[i].magic, foreign[i].len) == 0) {
            (void)lh_fail(err, LH_UNSUPPORTED, "the file is %s, which is not read", foreign[i].what);
            return lh_err_hint(err, "%s", foreign[i].hint);
        }
    }
    return LH_OK;
}

enum lh_code input_refuse_binary(const char *text, size_t len, struct lh_err *err) {
    size_t control = 0, seen = len < 65536 ? len : 65536;
    for (size_t i = 0; i < seen; i++) {
        unsigned char c = (unsigned char)text[i];
        control += c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1B;
    }
    if (control * 20 <= seen)
        return LH_OK;
    (void)lh_fail(err, LH_UNSUPPORTED,
                  "the file is neither a known format nor text: %zu of its first %zu characters are "
                  "control characters",
                  control, seen);
    return lh_err_hint(err, "what is read: CSV, TSV, JSON, NDJSON, Parquet and plain text, also gzip-compressed");
}

bool input_is_gzip(const void *head, size_t len) {
    return len >= 3 && memcmp(head, "\x1F\x8B\x08", 3) == 0;
}

bool input_is_parquet(const void *head, size_t len) {
    return len >= 4 && memcmp(head, "PAR1", 4) == 0;
}

enum input_kind input_kind_of_name(const char *file_name) {
    static const struct {
        const char *ending;
        enum input_kind kind;
    } endings[] = {
        {".csv", INPUT_CSV},       {".tsv", INPUT_TSV},      {".tab", INPUT_TSV},         {".json", INPUT_JSON},
        {".ndjson", INPUT_NDJSON}, {".jsonl", INPUT_NDJSON}, {".parquet", INPUT_PARQUET}, {".txt", INPUT_TEXT},
        {".log", INPUT_TEXT},      {".sms", INPUT_TEXT},     {".md", INPUT_TEXT},
    };
    size_t len = strlen(file_name);
    if (len > 3 && strcasecmp(file_name + len - 3, ".gz") == 0)
        len -= 3;
    for (size_t i = 0; i < LH_ARRAY_LEN(endings); i++) {
        size_t ending = strlen(endings[i].ending);
        if (len > ending && strncasecmp(file_name + len - ending, endings[i].ending, ending) == 0)
            return endings[i].kind;
    }
    return INPUT_UNKNOWN;
}

enum input_kind input_kind_of_text(const char *text, size_t len, enum input_kind by_name) {
    if (by_name == INPUT_NDJSON)
        return INPUT_NDJSON;
    size_t at = json_scan_space(text, len);
    bool opens = at < len && (text[at] == '{' || text[at] == '[');
    if (by_name == INPUT_JSON || (opens && by_name != INPUT_CSV && by_name != INPUT_TSV)) {
        if (json_looks_like_lines(text, len))
            return INPUT_NDJSON;
        size_t used;
        const char *reason;
        enum json_scan_result result = json_scan(text + at, len - at, false, JSON_SCAN_MAX_DEPTH, &used, &reason);
        if (by_name == INPUT_JSON || result != JSON_SCAN_BAD)
            return INPUT_JSON;
    }
    return INPUT_UNKNOWN;
}
