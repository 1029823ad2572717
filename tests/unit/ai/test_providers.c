/* The providers behind HTTP against scripted servers: what they ask, what they make of every answer, and when they ask again. */
#include "ai/ai.h"
#include "ai/ollama.h"
#include "ai/openai.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "net/http_client.h"
#include "os/clock.h"
#include "os/os.h"
#include "os/thread.h"
#include "twin/ai_provider_scripted.h"
#include "twin/scripted_server.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define OK_HEAD "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"
#define STATUS(line) "HTTP/1.1 " line "\r\nContent-Type: application/json\r\nConnection: close\r\n"
#define KEY "sk-secret-0123456789"
#define STEPS(...) \
    ((const struct scripted_step[]){__VA_ARGS__}), LH_ARRAY_LEN(((const struct scripted_step[]){__VA_ARGS__}))

typedef enum lh_code make_provider(const struct remote_provider_options *options, struct ai_provider **ret_provider,
                                   struct lh_err *err);

static struct ai_provider *provider_at(int port, make_provider *make, unsigned retries) {
    static char url[64];
    struct lh_err err = LH_ERR_INIT;
    struct ai_provider *p = NULL;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", port);
    const struct remote_provider_options options = {
        .remote =
            {
                .os = os_real(),
                .name = make == ai_ollama_new ? AI_OLLAMA : AI_OPENAI,
                .base_url = url,
                .key = KEY,
                .key_hint = "mend the key",
                .url_hint = "is it running?",
                .connect_timeout_ms = 2000,
                .first_byte_timeout_ms = 300,
                .timeout_ms = 5000,
                .retries = retries,
                .breaker_failures = 3,
                .breaker_pause_ms = 60000,
                .max_answer_bytes = 2000,
            },
        .embed_model = "embedder",
        .generate_model = "writer",
        .batch = 2,
        .keep_alive_ms = 300000,
        .document_prefix = "doc: ",
        .query_prefix = "query: ",
    };
    assert_int_equal(make(&options, &p, &err), LH_OK);
    return p;
}

static const struct ai_text words[] = {{"one", 3}, {"two", 3}, {"three", 5}};

static enum lh_code embed(const struct ai_provider *p, size_t count, struct ai_vectors *ret, struct lh_err *err) {
    const struct ai_embed_request request = {.texts = words, .count = count};
    return ai_provider_embed(p, &request, ret, err);
}

/* ---- addresses ---- */

static void every_form_of_ollama_host_is_read(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"", "http://127.0.0.1:11434"},
        {"1.2.3.4", "http://1.2.3.4:11434"},
        {":1234", "http://127.0.0.1:1234"},
        {"1.2.3.4:1234", "http://1.2.3.4:1234"},
        {"example.com", "http://example.com:11434"},
        {"example.com:1234", "http://example.com:1234"},
        {"example.com:66000", "http://example.com:11434"},
        {"example.com:-1", "http://example.com:11434"},
        {"example.com:x", "http://example.com:11434"},
        {"example.com:", "http://example.com:11434"},
        {"[::1]", "http://[::1]:11434"},
        {"[::]", "http://[::1]:11434"},
        {"::1", "http://[::1]:11434"},
        {"[::1]:1337", "http://[::1]:1337"},
        {"[2001:db8::1]:80", "http://[2001:db8::1]:80"},
        {" 1.2.3.4 ", "http://1.2.3.4:11434"},
        {"\"1.2.3.4\"", "http://1.2.3.4:11434"},
        {" \" 1.2.3.4 \" ", "http://1.2.3.4:11434"},
        {"'1.2.3.4'", "http://1.2.3.4:11434"},
        {"http://1.2.3.4", "http://1.2.3.4:80"},
        {"http://1.2.3.4:4321", "http://1.2.3.4:4321"},
        {"https://1.2.3.4", "https://1.2.3.4:443"},
        {"https://1.2.3.4:4321", "https://1.2.3.4:4321"},
        {"https://example.com/ollama/", "https://example.com:443/ollama"},
        {"0.0.0.0", "http://127.0.0.1:11434"},
        {"0.0.0.0:9999", "http://127.0.0.1:9999"},
        {"http://", "http://127.0.0.1:80"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        LH_AUTO(buf) struct buf url = BUF_INIT;
        ollama_base_url(rows[i][0], &url);
        assert_string_equal(url.data, rows[i][1]);
    }
}

/* ---- embedding ---- */

static void ollama_embeds_in_batches(void **state) {
    (void)state;
    struct scripted_server s;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(ai_vectors) struct ai_vectors v = {0};
    scripted_server_start(
        &s,
        STEPS(
            {.wants =
                 "{\"model\":\"embedder\",\"input\":[\"doc: one\",\"doc: two\"],\"truncate\":false,\"keep_alive\":\"300000ms\"}",
             .answer = OK_HEAD
             "{\"model\":\"embedder\",\"embeddings\":[[3,4],[0,-2]],\"total_duration\":1,\"prompt_eval_count\":5}"},
            {.wants = "\"input\":[\"doc: three\"]",
             .answer = OK_HEAD "{\"embeddings\":[[1e-3,0]],\"prompt_eval_count\":2}"}));
    struct ai_provider *p = provider_at(s.port, ai_ollama_new, 0);
    assert_int_equal(embed(p, 3, &v, &err), LH_OK);
    ai_provider_free(p);
    assert_true(scripted_server_stop(&s));
    assert_int_equal(v.count, 3);
    assert_int_equal(v.dims, 2);
    assert_int_equal(v.tokens, 7);
    assert_string_equal(v.model, "embedder");
    static const float wanted[] = {0.6F, 0.8F, 0, -1, 1, 0};
    for (size_t i = 0; i < 6; i++)
        assert_true(fabsf(v.data[i] - wanted[i]) < 1e-6F);
}

static void openai_embeds_by_index_and_reads_base64(void **state) {
    (void)state;
    struct scripted_server s;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(ai_vectors) struct ai_vectors v = {0};
    scripted_server_start(
        &s,
        STEPS({.wants = "Authorization: Bearer " KEY "\r\n",
               .answer = OK_HEAD
               "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":1,\"embedding\":\"AAAAAAAAgD8=\"},"
               "{\"object\":\"embedding\",\"index\":0,\"embedding\":[2,0]}],\"model\":\"embedder\","
               "\"usage\":{\"prompt_tokens\":8,\"total_tokens\":8}}"}));
    struct ai_provider *p = provider_at(s.port, ai_openai_new, 0);
    const struct ai_embed_request request = {.texts = words, .count = 2, .purpose = AI_QUERY, .dims = 2};
    assert_int_equal(ai_provider_embed(p, &request, &v, &err), LH_OK);
    ai_provider_free(p);
    assert_true(scripted_server_stop(&s));
    assert_non_null(strstr(s.last_request, "POST /embeddings HTTP/1.1"));
    assert_non_null(strstr(
        s.last_request,
        "{\"model\":\"embedder\",\"input\":[\"query: one\",\"query: two\"],\"encoding_format\":\"float\",\"dimensions\":2}"));
    static const float wanted[] = {1, 0, 0, 1};
    assert_memory_equal(v.data, wanted, sizeof wanted);
    assert_int_equal(v.tokens, 8);
}

/* Whatever comes instead of vectors: a code that says whether to wait or to give up, and words that help. */
static void bad_answers_are_told_apart(void **state) {
    (void)state;
    static char huge[6000];
    snprintf(huge, sizeof huge, OK_HEAD "{\"embeddings\":[[%04000d]]}", 1);
    static const struct {
        const char *answer;
        bool hang;
        enum lh_code code;
        const char *says; /* in the message */
        const char *hint;
    } rows[] = {
        {STATUS("404 Not Found") "\r\n{\"error\":\"model \\\"embedder\\\" not found, try pulling it first\"}", false,
         LH_NOT_FOUND, "not found", "ollama pull embedder"},
        {STATUS("404 Not Found") "\r\n<html>nothing here</html>", false, LH_UPSTREAM, "status 404", "is it running"},
        {STATUS("400 Bad Request") "\r\n{\"error\":\"the input length exceeds the context length\"}", false,
         LH_TOO_LARGE, "too long", "smaller chunks"},
        {STATUS("400 Bad Request") "\r\n{\"error\":{\"message\":\"bad\\nthing\"}}", false, LH_INVALID, "bad thing", ""},
        {STATUS("401 Unauthorized") "\r\n{\"error\":{\"message\":\"wrong key " KEY "\"}}", false, LH_UPSTREAM, "key",
         "mend the key"},
        {STATUS("500 Oops") "\r\n{\"error\":\"llama runner process has terminated " KEY "\"}", false, LH_UPSTREAM,
         "status 500", "health"},
        {STATUS("302 Found") "Location: http://elsewhere/\r\n\r\n", false, LH_UPSTREAM, "status 302", "is it running"},
        {OK_HEAD "this is no JSON", false, LH_UPSTREAM, "no JSON", ""},
        {OK_HEAD "[1,2]", false, LH_UPSTREAM, "no JSON object", ""},
        {OK_HEAD "{\"embeddings\":[]}", false, LH_UPSTREAM, "text 1 of 2", ""},
        {OK_HEAD "{\"embeddings\":[[1,2]]}", false, LH_UPSTREAM, "text 2 of 2", ""},
        {OK_HEAD "{\"embeddings\":[[1,2],[1,2,3]]}", false, LH_UPSTREAM, "text 2 of 2", ""},
        {OK_HEAD "{\"embeddings\":[[1,\"x\"],[1,2]]}", false, LH_UPSTREAM, "text 1 of 2", ""},
        {OK_HEAD "{\"embeddings\":[[0,0],[1,2]]}", false, LH_UPSTREAM, "text 1 of 2", ""},
        {OK_HEAD "{\"embeddings\":[[],[]]}", false, LH_UPSTREAM, "text 1 of 2", ""},
        {huge, false, LH_UPSTREAM, "above the limit", "max_answer_bytes"},
        {STATUS("200 OK") "Content-Length: 500\r\n\r\n{\"embeddings\":[[1", false, LH_UPSTREAM, "failed",
         "is it running"},
        {NULL, false, LH_UPSTREAM, "failed", "is it running"},
        {NULL, true, LH_UPSTREAM, "in time", "is it running"},
        {OK_HEAD "{\"embeddings\":[[1", true, LH_UPSTREAM, "in time", "is it running"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct scripted_server s;
        struct lh_err err = LH_ERR_INIT;
        struct ai_vectors none = {0};
        scripted_server_start(&s, STEPS({.answer = rows[i].answer, .hang = rows[i].hang}));
        struct ai_provider *p = provider_at(s.port, ai_ollama_new, 0);
        enum lh_code code = embed(p, 2, &none, &err);
        if (code != rows[i].code || !strstr(err.message, rows[i].says) || !strstr(err.hint, rows[i].hint))
            fail_msg("row %zu: %s: %s (%s)", i, lh_code_name(code), err.message, err.hint);
        assert_non_null(strstr(err.message, AI_OLLAMA));
        assert_null(strstr(err.message, "secret"));
        assert_null(strstr(err.detail, "secret"));
        assert_null(none.data);
        ai_provider_free(p);
        assert_true(scripted_server_stop(&s));
    }
}

static void other_dimensions_than_asked_are_refused(void **state) {
    (void)state;
    struct scripted_server s;
    struct lh_err err = LH_ERR_INIT;
    struct ai_vectors none = {0};
    scripted_server_start(&s, STEPS({.wants = "\"dimensions\":5", .answer = OK_HEAD "{\"embeddings\":[[1,2]]}"}));
    struct ai_provider *p = provider_at(s.port, ai_ollama_new, 0);
    const struct ai_embed_request request = {.texts = words, .count = 1, .dims = 5};
    assert_int_equal(ai_provider_embed(p, &request, &none, &err), LH_INVALID);
    assert_non_null(strstr(err.message, "2 dimensions, not of 5"));
    ai_provider_free(p);
    assert_true(scripted_server_stop(&s));
}

/* ---- trying again ---- */

#define GOOD_VECTOR \
    { .answer = OK_HEAD "{\"embeddings\":[[1,0]]}" }

static void what_may_pass_is_tried_again(void **state) {
    (void)state;
    static const struct {
        struct scripted_step first;
        bool passes;
    } rows[] = {
        {{.answer = STATUS("503 Busy") "\r\n{}"}, true},
        {{.answer = STATUS("429 Too Many") "Retry-After: 0\r\n\r\n{}"}, true},
        {{.answer = STATUS("500 Oops") "\r\n{}"}, true},
        {{.answer = NULL}, true},
        {{.answer = STATUS("429 Too Many") "Retry-After: 3600\r\n\r\n{}"},
         false}, /* an hour is for the caller to wait */
        {{.answer = STATUS("400 Bad") "\r\n{}"}, false},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct scripted_server s;
        struct lh_err err = LH_ERR_INIT;
        struct ai_state st;
        LH_AUTO(ai_vectors) struct ai_vectors v = {0};
        const struct scripted_step steps[] = {rows[i].first, GOOD_VECTOR};
        scripted_server_start(&s, steps, rows[i].passes ? 2 : 1);
        struct ai_provider *p = provider_at(s.port, ai_ollama_new, 1);
        assert_int_equal(embed(p, 1, &v, &err) == LH_OK, rows[i].passes);
        ai_provider_state(p, &st);
        assert_int_equal(st.retries, rows[i].passes);
        assert_int_equal(st.failed_calls, !rows[i].passes);
        ai_provider_free(p);
        assert_true(scripted_server_stop(&s));
    }
}

static void a_dead_provider_is_left_alone_for_a_while(void **state) {
    (void)state;
    struct scripted_server s;
    struct lh_err err = LH_ERR_INIT;
    struct ai_state st;
    LH_AUTO(ai_vectors) struct ai_vectors v = {0};
    static const struct scripted_step bad = {.answer = STATUS("500 Oops") "\r\n{\"error\":\"out of memory\"}"};
    const struct scripted_step steps[] = {
        bad, bad, bad, {.wants = "GET /api/version", .answer = OK_HEAD "{\"version\":\"0.9\"}"}, GOOD_VECTOR};
    scripted_server_start(&s, steps, 5);
    struct ai_provider *p = provider_at(s.port, ai_ollama_new, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(embed(p, 1, &v, &err), LH_UPSTREAM);
    ai_provider_state(p, &st);
    assert_int_equal(st.circuit, AI_CIRCUIT_OPEN);
    assert_non_null(strstr(st.last_error, "out of memory"));
    assert_true(ai_provider_wait_ms(p) > 50000);
    for (int i = 0; i < 5; i++) { /* nobody is asked */
        assert_int_equal(embed(p, 1, &v, &err), LH_UPSTREAM);
        assert_non_null(strstr(err.message, "taken to be down"));
    }
    assert_int_equal(ai_provider_health(p, -1, &err), LH_OK); /* somebody asked: it is back */
    ai_provider_state(p, &st);
    assert_int_equal(st.circuit, AI_CIRCUIT_CLOSED);
    assert_int_equal(embed(p, 1, &v, &err), LH_OK);
    ai_provider_free(p);
    assert_true(scripted_server_stop(&s));
}

#define ASKERS 4
#define ASKED_EACH 20

struct asker {
    const struct ai_provider *provider;
    struct os_thread thread;
    unsigned good;
};

static void ask_often(void *arg) {
    struct asker *a = arg;
    for (unsigned i = 0; i < ASKED_EACH; i++) {
        LH_AUTO(ai_vectors) struct ai_vectors v = {0};
        struct lh_err err = LH_ERR_INIT;
        struct ai_state st;
        a->good += embed(a->provider, 1, &v, &err) == LH_OK && v.dims == 2;
        ai_provider_state(a->provider, &st);
    }
}

static void many_threads_ask_at_one_time(void **state) {
    (void)state;
    static struct scripted_step steps[ASKERS * ASKED_EACH];
    struct scripted_server s;
    struct asker askers[ASKERS];
    struct lh_err err = LH_ERR_INIT;
    struct ai_state st;
    for (size_t i = 0; i < LH_ARRAY_LEN(steps); i++)
        steps[i] = (struct scripted_step)GOOD_VECTOR;
    scripted_server_start(&s, steps, LH_ARRAY_LEN(steps));
    struct ai_provider *p = provider_at(s.port, ai_ollama_new, 0);
    for (size_t i = 0; i < ASKERS; i++) {
        askers[i] = (struct asker){.provider = p};
        assert_int_equal(os_thread_start(&askers[i].thread, "asker", 0, ask_often, &askers[i], &err), LH_OK);
    }
    for (size_t i = 0; i < ASKERS; i++) {
        os_thread_join(&askers[i].thread);
        assert_int_equal(askers[i].good, ASKED_EACH);
    }
    ai_provider_state(p, &st);
    assert_int_equal(st.calls, ASKERS * ASKED_EACH);
    ai_provider_free(p);
    assert_true(scripted_server_stop(&s));
}

/* ---- chatting ---- */

struct listener {
    struct buf heard;
    size_t stop_after; /* bytes; 0: never */
};

static bool hear(void *self, const char *text, size_t len) {
    struct listener *l = self;
    buf_append_char(&l->heard, '|');
    buf_append(&l->heard, text, len);
    return l->stop_after == 0 || l->heard.len < l->stop_after;
}

static enum lh_code chat(const struct ai_provider *p, struct listener *l, struct ai_answer *ret, struct lh_err *err) {
    static const struct ai_message messages[] = {{"system", "be short"}, {"user", "hello"}};
    static const char *const stops[] = {"END"};
    const struct ai_chat_request request = {
        .messages = messages,
        .count = 2,
        .temperature = 0.5,
        .max_tokens = 20,
        .seed = 7,
        .stops = stops,
        .stop_count = 1,
        .on_text = hear,
        .self = l,
    };
    return ai_provider_chat(p, &request, ret, err);
}

#define OLLAMA_LINE(text)                                                                                                   \
    "{\"model\":\"writer\",\"created_at\":\"2026-01-01T00:00:00Z\",\"message\":{\"role\":\"assistant\",\"content\":\"" text \
    "\"},\"done\":false}\n"
#define OLLAMA_END \
    "{\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"length\",\"prompt_eval_count\":11,\"eval_count\":3}\n"
#define OPENAI_LINE(text)                                                                                               \
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text \
    "\"},\"finish_reason\":null}]}\r\n\r\n"

static void answers_stream(void **state) {
    (void)state;
    static const struct {
        make_provider *make;
        const char *wants, *answer;
    } rows[] = {
        {ai_ollama_new,
         "{\"model\":\"writer\",\"messages\":[{\"role\":\"system\",\"content\":\"be short\"},{\"role\":\"user\",\"content\":\"hello\"}],"
         "\"stream\":true,\"options\":{\"temperature\":0.5,\"num_predict\":20,\"seed\":7,\"stop\":[\"END\"]},\"keep_alive\":\"300000ms\"}",
         OK_HEAD OLLAMA_LINE("Gr\xC3\xBC") OLLAMA_LINE("\\u00df dich") OLLAMA_END},
        {ai_openai_new,
         "\"stream\":true,\"stream_options\":{\"include_usage\":true},\"temperature\":0.5,\"max_tokens\":20,\"seed\":7,\"stop\":[\"END\"]}",
         "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: a comment\n\nevent: message\n"
         "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n" OPENAI_LINE("Gr\xC3\xBC") OPENAI_LINE(
             "\\u00df dich") "data:{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\n"
                             "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3}}\n\ndata: [DONE]\n\n"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct scripted_server s;
        struct lh_err err = LH_ERR_INIT;
        struct listener l = {0};
        LH_AUTO(ai_answer) struct ai_answer answer = {0};
        scripted_server_start(&s, STEPS({.wants = rows[i].wants, .answer = rows[i].answer}));
        struct ai_provider *p = provider_at(s.port, rows[i].make, 0);
        assert_int_equal(chat(p, &l, &answer, &err), LH_OK);
        assert_string_equal(l.heard.data, "|Gr\xC3\xBC|\xC3\x9F dich");
        assert_string_equal(answer.text.data, "Gr\xC3\xBC\xC3\x9F dich");
        assert_int_equal(answer.finish, AI_FINISH_LENGTH);
        assert_int_equal(answer.prompt_tokens, 11);
        assert_int_equal(answer.answer_tokens, 3);
        assert_string_equal(answer.model, "writer");
        buf_release(&l.heard);
        ai_provider_free(p);
        assert_true(scripted_server_stop(&s));
    }
}

/* After the first piece nothing is tried again, and half an answer never passes for a whole one. */
static void broken_answers_are_told(void **state) {
    (void)state;
    static const struct {
        make_provider *make;
        const char *answer;
        bool hang;
        size_t stop_after;
        enum lh_code code;
        const char *says;
    } rows[] = {
        {ai_ollama_new, OK_HEAD OLLAMA_LINE("Half"), false, 0, LH_UPSTREAM, "in the middle"},
        {ai_openai_new, OK_HEAD OPENAI_LINE("Half"), false, 0, LH_UPSTREAM, "in the middle"},
        {ai_ollama_new, STATUS("200 OK") "Content-Length: 5000\r\n\r\n" OLLAMA_LINE("Half"), false, 0, LH_UPSTREAM,
         "failed"},
        {ai_ollama_new, OK_HEAD OLLAMA_LINE("Half") "{\"error\":\"the GPU went away\"}\n", false, 0, LH_UPSTREAM,
         "GPU went away"},
        {ai_openai_new, OK_HEAD OPENAI_LINE("Half") "data: {\"error\":{\"message\":\"overloaded\"}}\n\n", false, 0,
         LH_UPSTREAM, "overloaded"},
        {ai_ollama_new, OK_HEAD OLLAMA_LINE("Half") "{\"mess\n", false, 0, LH_UPSTREAM, "no JSON object"},
        {ai_ollama_new, OK_HEAD OLLAMA_LINE("Half"), true, 0, LH_UPSTREAM, "in time"},
        {ai_ollama_new, OK_HEAD OLLAMA_LINE("Half") OLLAMA_LINE("More"), true, 6, LH_CANCELLED, "stopped"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct scripted_server s;
        struct lh_err err = LH_ERR_INIT;
        struct listener l = {.stop_after = rows[i].stop_after ? 5 : 0};
        struct ai_answer answer = {0};
        scripted_server_start(&s, STEPS({.answer = rows[i].answer, .hang = rows[i].hang}));
        struct ai_provider *p = provider_at(s.port, rows[i].make, 3);
        enum lh_code code = chat(p, &l, &answer, &err);
        if (code != rows[i].code || !strstr(err.message, rows[i].says))
            fail_msg("row %zu: %s: %s", i, lh_code_name(code), err.message);
        assert_string_equal(l.heard.data, "|Half");
        assert_null(answer.text.data);
        buf_release(&l.heard);
        ai_provider_free(p);
        assert_true(scripted_server_stop(&s));
    }
}

static void a_question_that_arrived_is_not_put_twice(void **state) {
    (void)state;
    static const struct {
        const char *first;
        size_t asked;
    } rows[] = {{STATUS("503 Busy") "\r\n{}", 2}, {STATUS("500 Oops") "\r\n{}", 1}, {NULL, 1}};
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct scripted_server s;
        struct lh_err err = LH_ERR_INIT;
        struct listener l = {0};
        LH_AUTO(ai_answer) struct ai_answer answer = {0};
        scripted_server_start(&s, STEPS({.answer = rows[i].first}, {.answer = OK_HEAD OLLAMA_LINE("Hi") OLLAMA_END}));
        struct ai_provider *p = provider_at(s.port, ai_ollama_new, 2);
        assert_int_equal(chat(p, &l, &answer, &err), rows[i].asked == 2 ? LH_OK : LH_UPSTREAM);
        buf_release(&l.heard);
        ai_provider_free(p);
        scripted_server_stop(&s);
        assert_int_equal(s.played, rows[i].asked);
    }
}

/* ---- models ---- */

static void models_are_listed_loaded_and_unloaded(void **state) {
    (void)state;
    struct scripted_server s;
    struct lh_err err = LH_ERR_INIT;
    LH_AUTO(ai_models) struct ai_models models = {0};
    scripted_server_start(
        &s,
        STEPS(
            {.wants = "GET /api/tags",
             .answer = OK_HEAD
             "{\"models\":[{\"name\":\"writer:latest\",\"size\":3825819519,\"details\":{\"family\":\"llama\"}},"
             "{\"name\":\"embedder:latest\",\"size\":274302450}]}"},
            {.wants = "GET /api/ps",
             .answer = OK_HEAD
             "{\"models\":[{\"name\":\"writer:latest\",\"size\":5137025024,\"expires_at\":\"2026-06-04T14:38:31.837531Z\","
             "\"size_vram\":5137025024}]}"},
            {.wants = "{\"model\":\"writer\",\"keep_alive\":\"60000ms\"}",
             .answer = OK_HEAD "{\"done\":true,\"done_reason\":\"load\"}"},
            {.wants = "{\"model\":\"writer\",\"keep_alive\":\"0ms\"}",
             .answer = OK_HEAD "{\"done\":true,\"done_reason\":\"unload\"}"},
            {.wants = "POST /api/generate",
             .answer = STATUS("400 Bad Request") "\r\n{\"error\":\"\\\"embedder\\\" does not support generate\"}"},
            {.wants = "POST /api/embed", .answer = OK_HEAD "{\"model\":\"embedder\",\"embeddings\":[]}"}));
    struct ai_provider *p = provider_at(s.port, ai_ollama_new, 0);
    assert_int_equal(ai_provider_models(p, -1, &models, &err), LH_OK);
    assert_int_equal(models.count, 2);
    assert_string_equal(models.items[0].name, "writer:latest");
    assert_true(models.items[0].loaded && models.items[0].vram_bytes == 5137025024u);
    assert_true(models.items[0].unload_at_us == 1780583911837531);
    assert_true(!models.items[1].loaded && models.items[1].size_bytes == 274302450);
    assert_int_equal(ai_provider_load(p, "writer", 60000, -1, &err), LH_OK);
    assert_int_equal(ai_provider_load(p, "writer", 0, -1, &err), LH_OK);
    assert_int_equal(ai_provider_load(p, "embedder", -1, -1, &err), LH_OK);
    assert_non_null(strstr(s.last_request, "{\"model\":\"embedder\",\"keep_alive\":-1,\"input\":[]}"));
    ai_provider_free(p);
    assert_true(scripted_server_stop(&s));
}

/* ---- configuration ---- */

static struct ai *open_with(const char *toml, const char *ollama_host, const char *openai_key,
                            struct lh_config **ret_config, enum lh_code wanted) {
    struct lh_err err = LH_ERR_INIT;
    struct ai *ai = NULL;
    assert_int_equal(lh_config_load(toml, strlen(toml), "test.toml", NULL, ret_config, NULL, &err), LH_OK);
    const struct ai_options options = {
        .os = os_real(), .config = *ret_config, .ollama_host = ollama_host, .openai_key = openai_key};
    assert_int_equal(ai_open(&options, &ai, &err), wanted);
    return ai;
}

static void names_of_models_are_resolved(void **state) {
    (void)state;
    static const struct {
        const char *model;
        enum ai_ability ability;
        enum lh_code code;
        const char *provider, *resolved;
    } rows[] = {
        {NULL, AI_CAN_EMBED, LH_OK, "ollama", "nomic-embed-text"},
        {"", AI_CAN_EMBED, LH_OK, "ollama", "nomic-embed-text"},
        {"lexical-1", AI_CAN_EMBED, LH_OK, "builtin", "lexical-1"},
        {"builtin", AI_CAN_EMBED, LH_OK, "builtin", "lexical-1"},
        {"builtin/lexical-1", AI_CAN_EMBED, LH_OK, "builtin", "lexical-1"},
        {"builtin/other", AI_CAN_EMBED, LH_NOT_FOUND, NULL, NULL},
        {"all-minilm", AI_CAN_EMBED, LH_OK, "ollama", "all-minilm"},
        {"ollama/all-minilm:33m", AI_CAN_EMBED, LH_OK, "ollama", "all-minilm:33m"},
        {"hf.co/some/model", AI_CAN_EMBED, LH_OK, "ollama", "hf.co/some/model"},
        {NULL, AI_CAN_GENERATE, LH_OK, "openai", "gpt"},
        {"openai/gpt-large", AI_CAN_GENERATE, LH_OK, "openai", "gpt-large"},
        {"ollama", AI_CAN_GENERATE, LH_INVALID, NULL, NULL},
        {"builtin", AI_CAN_GENERATE, LH_INVALID, NULL, NULL},
    };
    struct lh_config *config = NULL;
    struct ai *ai =
        open_with("[ai]\nembedder = \"ollama\"\nembed_model = \"nomic-embed-text\"\ngenerator = \"openai\"\n"
                  "generate_model = \"gpt\"\nopenai_url = \"http://u:p@127.0.0.1:9/v1/\"\n",
                  "example.com", " " KEY "\n", &config, LH_OK);
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        struct lh_err err = LH_ERR_INIT;
        const struct ai_provider *p = NULL;
        const char *model = NULL;
        assert_int_equal(ai_resolve(ai, rows[i].model, rows[i].ability, &p, &model, &err), rows[i].code);
        if (rows[i].code == LH_OK) {
            assert_string_equal(p->name, rows[i].provider);
            assert_string_equal(model, rows[i].resolved);
        }
    }
    assert_int_equal(ai_provider_count(ai), 3);
    assert_string_equal(ai_provider_at(ai, 1)->address, "http://example.com:11434");
    assert_string_equal(ai_provider_find(ai, "openai")->address, "http://127.0.0.1:9/v1"); /* without the password */
    assert_null(ai_provider_at(ai, 3));
    ai_close(ai);
    lh_config_free(config);

    ai = open_with("", NULL, NULL, &config, LH_OK);
    struct lh_err err = LH_ERR_INIT;
    const struct ai_provider *p = NULL;
    const char *model = NULL;
    assert_int_equal(ai_provider_count(ai), 1);
    assert_null(ai_generator(ai));
    assert_int_equal(ai_resolve(ai, NULL, AI_CAN_GENERATE, &p, &model, &err), LH_UNAVAILABLE);
    assert_non_null(strstr(err.hint, "ai.generator"));
    assert_int_equal(ai_resolve(ai, "text-embedding-3-small", AI_CAN_EMBED, &p, &model, &err), LH_NOT_FOUND);
    assert_non_null(strstr(err.hint, "lexical-1"));
    ai_close(ai);
    lh_config_free(config);
}

static void keys_come_from_a_file(void **state) {
    (void)state;
    struct lh_config *config = NULL;
    struct ai *ai = open_with("[ai]\nopenai_url = \"http://127.0.0.1:9\"\nopenai_key_file = \"/nonexistent/key\"\n",
                              NULL, KEY, &config, LH_NOT_FOUND);
    assert_null(ai);
    lh_config_free(config);
    ai = open_with("[ai]\nopenai_url = \"http://127.0.0.1:9\"\n", NULL, "two words", &config, LH_INVALID);
    assert_null(ai);
    lh_config_free(config);
    static const char *const wrong[] = {
        "[ai]\nembedder = \"ollama\"\n",
        "[ai]\nembed_model = \"x\"\n",
        "[ai]\nembed_dimensions = 512\n",
        "[ai]\ngenerator = \"openai\"\n",
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(wrong); i++) {
        struct lh_err err = LH_ERR_INIT;
        assert_int_equal(lh_config_load(wrong[i], strlen(wrong[i]), "test.toml", NULL, &config, NULL, &err),
                         LH_INVALID);
        assert_non_null(strstr(err.message, "ai."));
    }
}

/* The twin of the seam, which other modules' tests rely on. */
static void the_twin_fails_as_it_is_told(void **state) {
    (void)state;
    struct ai_provider_scripted s;
    struct lh_err err = LH_ERR_INIT;
    ai_provider_scripted_init(&s, 16);
    s.failures = 2;
    s.fail_at = 4;
    static const enum lh_code wanted[] = {LH_UPSTREAM, LH_UPSTREAM, LH_OK, LH_UPSTREAM, LH_OK};
    for (size_t i = 0; i < LH_ARRAY_LEN(wanted); i++) {
        LH_AUTO(ai_vectors) struct ai_vectors v = {0};
        assert_int_equal(embed(&s.provider, 3, &v, &err), wanted[i]);
        assert_int_equal(v.count, wanted[i] == LH_OK ? 3 : 0);
    }
    assert_int_equal(s.texts, 15);
    struct listener l = {0};
    LH_AUTO(ai_answer) struct ai_answer answer = {0};
    assert_int_equal(chat(&s.provider, &l, &answer, &err), LH_OK);
    assert_string_equal(answer.text.data, "hello");
    assert_string_equal(l.heard.data, "|hello");
    buf_release(&l.heard);
}

int main(void) {
    struct lh_err err = LH_ERR_INIT;
    if (http_client_global_init(&err) != LH_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_ollama_host_is_read),
        cmocka_unit_test(ollama_embeds_in_batches),
        cmocka_unit_test(openai_embeds_by_index_and_reads_base64),
        cmocka_unit_test(bad_answers_are_told_apart),
        cmocka_unit_test(other_dimensions_than_asked_are_refused),
        cmocka_unit_test(what_may_pass_is_tried_again),
        cmocka_unit_test(a_dead_provider_is_left_alone_for_a_while),
        cmocka_unit_test(many_threads_ask_at_one_time),
        cmocka_unit_test(answers_stream),
        cmocka_unit_test(broken_answers_are_told),
        cmocka_unit_test(a_question_that_arrived_is_not_put_twice),
        cmocka_unit_test(models_are_listed_loaded_and_unloaded),
        cmocka_unit_test(names_of_models_are_resolved),
        cmocka_unit_test(keys_come_from_a_file),
        cmocka_unit_test(the_twin_fails_as_it_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
