#include "base/buf.h"
#include "base/utf8.h"
#include "ingest/ingest_internal.h"

#include <string.h>
#include <strings.h>

/* Endings that say what the file is, not what it holds. */
static size_t drop_ending(const char *name, size_t len) {
    static const char *const endings[] = {".gz",    ".csv",     ".tsv", ".tab", ".json", ".ndjson",
                                          ".jsonl", ".parquet", ".txt", ".log", ".sms",  ".md"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t ending = strlen(endings[i]);
        if (len > ending && strncasecmp(name + len - ending, endings[i], ending) == 0)
            return len - ending;
    }
    return len;
}

/* Beyond ASCII all but controls, spaces, and the blocks of punctuation. */
static bool is_letter(uint32_t c) {
    static const uint32_t others[][2] = {{0x80, 0xa9},     {0xab, 0xb4},     {0xb6, 0xb9},       {0xbb, 0xbf},
                                         {0xd7, 0xd7},     {0xf7, 0xf7},     {0x1680, 0x1680},   {0x2000, 0x206f},
                                         {0x3000, 0x3004}, {0x3008, 0x3020}, {0xe000, 0xf8ff},   {0xfe00, 0xfe6f},
                                         {0xfeff, 0xff0f}, {0xfff0, 0xffff}, {0xe0000, 0x10ffff}};
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (c >= others[i][0] && c <= others[i][1])
            return false;
    return true;
}

void ingest_dataset_name(const char *file_name, struct buf *ret_name) {
    const char *base = file_name;
    for (const char *p = file_name; *p; p++)
        if (*p == '/' || *p == '\\')
            base = p + 1;
    size_t len = strlen(base), shorter;
    while ((shorter = drop_ending(base, len)) < len)
        len = shorter;
    if (len > 128)
        len = 128;
    size_t start = ret_name->len;
    bool gap = false;
    for (size_t i = 0, step; i < len; i += step) {
        uint32_t c = 0;
        step = utf8_decode(base + i, len - i, &c);
        bool letter = step > 0 && is_letter(c);
        step = step > 0 ? step : 1;
        if (letter && gap && ret_name->len > start)
            buf_append_char(ret_name, '_');
        if (letter && c >= 'A' && c <= 'Z')
            buf_append_char(ret_name, (char)(c + 32));
        else if (letter)
            buf_append(ret_name, base + i, step);
        gap = !letter;
    }
    if (ret_name->len == start)
        buf_append_str(ret_name, "data");
}
