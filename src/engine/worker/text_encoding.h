/* Text in any of the encodings that people's files come in, turned into valid UTF-8 on the fly.
 *
 * A decoder is fed pieces of any size and keeps the few bytes of a cut character until the rest comes; memory is constant.
 * Windows-1252 stands for Latin-1 too (it is a superset in all printable characters).  Bytes that are no
 * character become U+FFFD and are counted; NUL characters are dropped and counted.  Pure functions; fuzzed. */
#ifndef LH_ENGINE_WORKER_TEXT_ENCODING_H
#define LH_ENGINE_WORKER_TEXT_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* X(NAME, "name") */
#define TEXT_ENCODINGS(X)  \
    X(UTF8, "utf-8")       \
    X(UTF16LE, "utf-16le") \
    X(UTF16BE, "utf-16be") \
    X(WINDOWS_1252, "windows-1252")

enum text_encoding {
#define TEXT_ENCODING_ENUM(name, text) ENCODING_##name,
    TEXT_ENCODINGS(TEXT_ENCODING_ENUM)
#undef TEXT_ENCODING_ENUM
};

const char *text_encoding_name(enum text_encoding encoding);
/* Also "utf8", "utf-16" (little endian), "latin-1", "latin1", "iso-8859-1", "cp1252"; case ignored. */
bool text_encoding_from_name(const char *name, enum text_encoding *ret_encoding);

/* By byte order mark, else by where the NUL bytes of the first kilobytes lie; UTF-8 where nothing speaks against it.
 * *ret_mark: the length of the mark, 0 where there is none. */
enum text_encoding text_encoding_guess(const void *head, size_t len, size_t *ret_mark);

struct text_decoder {
    enum text_encoding encoding;
    unsigned char kept[4]; /* of a character that was cut */
    size_t kept_len;
    uint64_t characters_beyond_ascii; /* valid ones */
    uint64_t bad;                     /* each became U+FFFD */
    uint64_t nuls;                    /* dropped */
};

void text_decoder_init(struct text_decoder *d, enum text_encoding encoding);
/* Append the text of `data` to `out`; `last` ends a character that is still cut. */
void text_decode(struct text_decoder *d, const void *data, size_t len, bool last, struct buf *out);

/* Should a file that was read as UTF-8 with these counts have been read as Windows-1252?  Yes where bad bytes are not just a few
 * among many good characters. */
bool text_decoder_doubts_utf8(const struct text_decoder *d);

#endif
