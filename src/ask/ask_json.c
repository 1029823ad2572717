/* Passages and answers as clients see them. */
#include "ask/ask.h"

#include "base/cleanup.h"

#include <string.h>

static void copy_member(json_t *to, const json_t *from, const char *key) {
    json_t *value = json_object_get(from, key);
    if (value)
        json_object_set(to, key, value);
}

json_t *ask_passages_json(const struct ask *ask) {
    static const char *const whole[] = {"index", "dataset", "generation", "mode", "warning"};
    json_t *json = json_object(), *passages = json_array(), *hit;
    size_t i;
    for (i = 0; i < sizeof whole / sizeof *whole; i++)
        copy_member(json, ask->found, whole[i]);
    json_array_foreach(json_object_get(ask->found, "hits"), i, hit) {
        json_t *passage = json_pack("{s:i}", "number", (int)i + 1);
        json_object_update(passage, hit);
        json_array_append_new(passages, passage);
    }
    json_object_set_new(json, "passages", passages);
    return json;
}

/* The place in the document: bytes of its text, as the hit's own are. */
static json_t *citation_json(const struct ask *ask, const struct answer *answer, const struct answer_citation *c) {
    static const char *const of_hit[] = {"doc_id", "chunk", "page", "heading", "score"};
    const json_t *hit = json_array_get(json_object_get(ask->found, "hits"), c->passage);
    json_int_t start = json_integer_value(json_object_get(hit, "byte_start"));
    json_t *json = json_pack("{s:i}", "number", (int)c->passage + 1);
    copy_member(json, ask->found, "dataset");
    for (size_t i = 0; i < sizeof of_hit / sizeof *of_hit; i++)
        copy_member(json, hit, of_hit[i]);
    json_object_set_new(json, "byte_start", json_integer(start + (json_int_t)c->excerpt_begin));
    json_object_set_new(json, "byte_end", json_integer(start + (json_int_t)c->excerpt_end));
    json_object_set_new(
        json, "excerpt",
        json_stringn(ask->passages[c->passage].text + c->excerpt_begin, c->excerpt_end - c->excerpt_begin));
    json_object_set_new(json, "claim",
                        json_stringn(buf_cstr(&answer->text) + c->claim_begin, c->claim_end - c->claim_begin));
    json_object_set_new(json, "support", json_real(c->support));
    json_object_set_new(json, "supported", json_boolean(c->supported));
    return json;
}

/* What a reader must know of this answer, in words; empty: nothing. */
static void append_notes(const struct ask *ask, const struct answer *answer, struct buf *out) {
    size_t unsupported = 0;
    for (size_t i = 0; i < answer->citation_count; i++)
        unsupported += !answer->citations[i].supported;
    if (!answer->generated && ask->passage_count > 0)
        buf_append_str(out, "No generator is configured, so these are excerpts of the passages found, not an answer. "
                            "To have one written, set ai.generator and ai.generate_model in lakehouse.toml, for "
                            "example to \"ollama\" and \"llama3.2\" (after 'ollama pull llama3.2'), and restart. ");
    if (ask->passage_count == 0)
        buf_append_str(out, "Nothing in the index bears on this question; no generator was asked. ");
    if (answer->unknown_markers > 0)
        buf_printf(out, "%zu citation%s of passages that do not exist %s removed from the answer. ",
                   answer->unknown_markers, answer->unknown_markers == 1 ? "" : "s",
                   answer->unknown_markers == 1 ? "was" : "were");
    if (unsupported > 0)
        buf_printf(out, "%zu citation%s not borne out by the words of the passage: check before use. ", unsupported,
                   unsupported == 1 ? " is" : "s are");
    if (answer->generated && answer->citation_count == 0)
        buf_append_str(out, "The answer cites no passage. ");
    if (answer->generated && answer->finish == AI_FINISH_LENGTH)
        buf_append_str(out, "The answer ended at its limit of tokens. ");
    if (out->len > 0)
        buf_truncate(out, out->len - 1);
}

json_t *ask_answer_json(const struct ask *ask, const struct ai_provider *provider, const struct answer *answer) {
    json_t *citations = json_array();
    LH_AUTO(buf) struct buf note = BUF_INIT;
    for (size_t i = 0; i < answer->citation_count; i++)
        json_array_append_new(citations, citation_json(ask, answer, &answer->citations[i]));
    json_t *json =
        json_pack("{s:o, s:b, s:o, s:I, s:I}", "answer", json_stringn(buf_cstr(&answer->text), answer->text.len),
                  "generated", answer->generated, "citations", citations, "dropped_citations",
                  (json_int_t)answer->unknown_markers, "passages_used", (json_int_t)answer->passages_used);
    if (answer->generated) {
        json_object_set_new(json, "provider", json_string(provider->name));
        json_object_set_new(json, "model", json_string(answer->model));
        json_object_set_new(json, "finish", json_string(answer->finish == AI_FINISH_LENGTH ? "length" : "stop"));
        json_object_set_new(json, "usage",
                            json_pack("{s:I, s:I}", "prompt_tokens", (json_int_t)answer->prompt_tokens, "answer_tokens",
                                      (json_int_t)answer->answer_tokens));
    }
    append_notes(ask, answer, &note);
    if (note.len > 0)
        json_object_set_new(json, "note", json_string(note.data));
    return json;
}
