/* guard_check: a request head made of the input's lines (the method, then "name:value").  One that passes has at most one
 * length, never a length with chunking, exactly one host, and no control character anywhere. */
#include "fuzz/fuzz.h"
#include "gateway/guard.h"

#include <string.h>
#include <strings.h>

static size_t count(const struct guard_head *head, const char *name) {
    size_t found = 0;
    for (size_t i = 0; i < head->header_count; i++) {
        const struct guard_header *h = &head->headers[i];
        found += h->name_len == strlen(name) && strncasecmp(h->name, name, h->name_len) == 0;
    }
    return found;
}

static void check_accepted(const struct guard_head *head, const struct guard_verdict *verdict) {
    size_t lengths = count(head, "content-length"), encodings = count(head, "transfer-encoding");
    FUZZ_CHECK(lengths <= 1 && encodings <= 1 && lengths + encodings <= 1);
    FUZZ_CHECK(count(head, "host") == 1);
    FUZZ_CHECK(!head->too_many_headers);
    FUZZ_CHECK(verdict->body_length >= -1);
    FUZZ_CHECK((verdict->body_length == -1) == (encodings == 1));
    for (size_t i = 0; i < head->header_count; i++) {
        FUZZ_CHECK(head->headers[i].name_len > 0);
        for (size_t k = 0; k < head->headers[i].value_len; k++) {
            unsigned char c = (unsigned char)head->headers[i].value[k];
            FUZZ_CHECK((c >= 0x20 || c == '\t') && c != 0x7f);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    struct guard_head head = {.version = "HTTP/1.1"};
    char *end = text + size, *line = memchr(text, '\n', size);
    if (line != NULL) {
        *line++ = '\0';
    }
    head.method = text;
    while (line != NULL && line < end) {
        char *next = memchr(line, '\n', (size_t)(end - line));
        size_t len = (size_t)((next ? next : end) - line);
        char *colon = memchr(line, ':', len);
        size_t name_len = colon ? (size_t)(colon - line) : len;
        if (head.header_count == GUARD_HEADERS_MAX) {
            head.too_many_headers = true;
            break;
        }
        /* The library hands over C strings: both ends are terminated. */
        line[len] = '\0';
        line[name_len] = '\0';
        head.headers[head.header_count++] =
            (struct guard_header){line, name_len, colon ? colon + 1 : line + len, colon ? len - name_len - 1 : 0, 0};
        line = next ? next + 1 : NULL;
    }
    struct lh_err err = LH_ERR_INIT;
    struct guard_verdict verdict = {0};
    if (guard_check(&head, &verdict, &err) == LH_OK) {
        check_accepted(&head, &verdict);
    } else {
        FUZZ_CHECK(err.message[0] != '\0');
    }
    free(text);
    return 0;
}
