/* Eight digits of CRC-32C over all that follows the first line feed; a line of JSON; the filter's bytes. */
#include "journal/event_index.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SUM_LINE 9 /* 8 digits and the line feed */

void event_index_deinit(struct event_index *index) {
    lh_free(index->replaces);
    lh_free(index->bloom);
    *index = (struct event_index){0};
}

static void sum_line(const void *data, size_t len, char ret_line[SUM_LINE + 1]) {
    snprintf(ret_line, SUM_LINE + 1, "%08" PRIx32 "\n", lh_crc32c(0, data, len));
}

void event_index_write(const struct event_index *index, struct buf *out) {
    LH_AUTO(buf) struct buf body = BUF_INIT;
    LH_AUTO(json) json_t *replaces = json_array();
    for (size_t i = 0; i < index->replaces_count; i++)
        json_array_append_new(replaces, json_string(index->replaces[i]));
    LH_AUTO(json) json_t *head = json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:O}", "format", EVENT_INDEX_FORMAT,
                                           "events", (json_int_t)index->events, "min_us", (json_int_t)index->min_us,
                                           "max_us", (json_int_t)index->max_us, "covered", (json_int_t)index->covered,
                                           "bloom_bytes", (json_int_t)index->bloom_bytes, "replaces", replaces);
    lh_json_write(head, LH_JSON_COMPACT, &body);
    buf_append_char(&body, '\n');
    buf_append(&body, index->bloom, index->bloom_bytes);
    char line[SUM_LINE + 1];
    sum_line(body.data, body.len, line);
    buf_append_str(out, line);
    buf_append(out, body.data, body.len);
}

static enum lh_code read_replaces(const json_t *head, struct event_index *index, struct lh_err *err) {
    json_t *names, *name;
    size_t i;
    LH_TRY(lh_json_get_array(head, "", "replaces", &names, err));
    index->replaces = lh_calloc(json_array_size(names) + 1, sizeof *index->replaces);
    json_array_foreach(names, i, name) {
        const char *text = json_string_value(name);
        if (!text || !lh_ulid_valid(text, strlen(text)))
            return lh_fail(err, LH_CORRUPT, "the index names a replaced file that is no ULID");
        memcpy(index->replaces[index->replaces_count++], text, LH_ULID_SIZE);
    }
    return LH_OK;
}

static enum lh_code read_counts(const json_t *head, struct event_index *index, int64_t *ret_bloom_bytes,
                                struct lh_err *err) {
    int64_t format, events, covered;
    LH_TRY(lh_json_get_int(head, "", "format", &format, err));
    if (format > EVENT_INDEX_FORMAT)
        return lh_fail(err, LH_UNSUPPORTED, "the index has format %" PRId64 "; this release knows up to %d", format,
                       EVENT_INDEX_FORMAT);
    LH_TRY(lh_json_get_int(head, "", "events", &events, err));
    LH_TRY(lh_json_get_int(head, "", "min_us", &index->min_us, err));
    LH_TRY(lh_json_get_int(head, "", "max_us", &index->max_us, err));
    LH_TRY(lh_json_get_int(head, "", "covered", &covered, err));
    LH_TRY(lh_json_get_int(head, "", "bloom_bytes", ret_bloom_bytes, err));
    if (events < 0 || covered < 0)
        return lh_fail(err, LH_CORRUPT, "the index has a negative count");
    index->events = (uint64_t)events;
    index->covered = (uint64_t)covered;
    return LH_OK;
}

static enum lh_code read_body(const char *body, size_t len, struct event_index *index, struct lh_err *err) {
    const char *feed = memchr(body, '\n', len);
    if (!feed)
        return lh_fail(err, LH_CORRUPT, "the index has no head");
    LH_AUTO(json) json_t *head = NULL;
    int64_t bloom_bytes;
    size_t rest = len - (size_t)(feed + 1 - body);
    LH_TRY(lh_json_parse(body, (size_t)(feed - body), NULL, &head, err));
    LH_TRY(read_counts(head, index, &bloom_bytes, err));
    LH_TRY(read_replaces(head, index, err));
    if (bloom_bytes <= 0 || (uint64_t)bloom_bytes != rest)
        return lh_fail(err, LH_CORRUPT, "the index has a filter of %zu bytes, not %" PRId64, rest, bloom_bytes);
    index->bloom = lh_malloc(rest);
    index->bloom_bytes = rest;
    memcpy(index->bloom, feed + 1, rest);
    return LH_OK;
}

enum lh_code event_index_read(const void *data, size_t len, struct event_index *ret_index, struct lh_err *err) {
    const char *text = data;
    char line[SUM_LINE + 1];
    if (len <= SUM_LINE)
        return lh_fail(err, LH_CORRUPT, "the index is cut short");
    sum_line(text + SUM_LINE, len - SUM_LINE, line);
    if (memcmp(line, text, SUM_LINE) != 0)
        return lh_fail(err, LH_CORRUPT, "the index does not match its check sum");
    struct event_index index = {0};
    enum lh_code code = read_body(text + SUM_LINE, len - SUM_LINE, &index, err);
    if (code != LH_OK) {
        event_index_deinit(&index);
        return code == LH_UNSUPPORTED ? code : (err->code = LH_CORRUPT);
    }
    *ret_index = index;
    return LH_OK;
}
