#include "base/buf.h"
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
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)base[i];
        if (c >= 'A' && c <= 'Z')
            c = (unsigned char)(c + 32);
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (letter && gap && ret_name->len > start)
            buf_append_char(ret_name, '_');
        if (letter)
            buf_append_char(ret_name, (char)c);
        gap = !letter;
    }
    if (ret_name->len == start)
        buf_append_str(ret_name, "data");
}

void ingest_key_prefix(const char *dataset, struct buf *ret_prefix) {
    buf_append_str(ret_prefix, "datasets/");
    for (const char *p = dataset; *p; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                     c == '-' || (c == '.' && p > dataset);
        if (plain)
            buf_append_char(ret_prefix, (char)c);
        else
            buf_printf(ret_prefix, "%%%02X", c);
        if (p - dataset >= 100)
            break; /* the ULID that follows keeps keys apart; the manifest knows them */
    }
    buf_append_char(ret_prefix, '/');
}
