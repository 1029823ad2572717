#include "cli/plain_text.h"

#include "base/utf8.h"

void plain_text_append(struct buf *out, const char *text, size_t len, bool lines) {
    for (size_t i = 0; i < len;) {
        uint32_t point = 0;
        size_t size = utf8_decode(text + i, len - i, &point);
        bool control = point < 0x20 || (point >= 0x7F && point < 0xA0);
        if (size == 0 || (control && !(lines && point == '\n')))
            buf_append_char(out, ' ');
        else
            buf_append(out, text + i, size);
        i += size ? size : 1;
    }
}
