/* The built-in embedding: what is near what, and that the recipe's bytes stay. */
#include "ai/builtin.h"
#include "ai/fold.h"
#include "ai/lexical.h"
#include "ai/rerank.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "os/os.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT(t) \
    { (t), sizeof(t) - 1 }

static double cosine(const struct lexical_weights *w, unsigned dims, const char *a, const char *b) {
    const struct ai_text texts[] = {{a, strlen(a)}, {b, strlen(b)}};
    float vectors[2 * 768];
    double sum = 0;
    lexical_embed(w, dims, texts, 2, vectors);
    for (unsigned i = 0; i < dims; i++)
        sum += (double)vectors[i] * (double)vectors[dims + i];
    return sum;
}

static void letters_are_folded(void **state) {
    (void)state;
    static const struct {
        uint32_t point;
        enum fold_kind kind;
        const char *becomes; /* ASCII */
    } rows[] = {
        {'A', FOLD_LETTER, "a"},   {'7', FOLD_LETTER, "7"},    {' ', FOLD_BREAK, ""},       {0xC9, FOLD_LETTER, "e"},
        {0xDF, FOLD_LETTER, "ss"}, {0x152, FOLD_LETTER, "oe"}, {0x141, FOLD_LETTER, "l"},   {0xD7, FOLD_BREAK, ""},
        {0x301, FOLD_SKIP, ""},    {0xFF21, FOLD_LETTER, "a"}, {0xFB01, FOLD_LETTER, "fi"}, {0x1EF9, FOLD_LETTER, "y"},
        {0x2019, FOLD_BREAK, ""},  {0xAD, FOLD_SKIP, ""},      {0x1F600, FOLD_BREAK, ""},   {0x110000, FOLD_BREAK, ""},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        uint32_t points[FOLD_MAX];
        char text[FOLD_MAX + 1] = "";
        size_t count;
        assert_int_equal(fold_point(rows[i].point, points, &count), rows[i].kind);
        for (size_t k = 0; k < count; k++)
            text[k] = (char)points[k];
        assert_string_equal(text, rows[i].becomes);
    }
    uint32_t points[FOLD_MAX];
    size_t count;
    assert_int_equal(fold_point(0x416, points, &count), FOLD_LETTER); /* Zhe */
    assert_int_equal(points[0], 0x436);
    assert_int_equal(fold_point(0x3A3, points, &count), FOLD_LETTER); /* both small sigmas are one */
    uint32_t capital = points[0];
    fold_point(0x3C2, points, &count);
    assert_int_equal(points[0], capital);
    assert_int_equal(fold_point(0x6F22, points, &count), FOLD_SIGN);
}

/* Each row: the query is nearer to the first text than to the second. */
static void near_is_what_shares_words(void **state) {
    (void)state;
    static const struct {
        const char *query, *nearer, *farther;
    } rows[] = {
        {"java developer", "Senior Java Developer, Berlin", "Registered nurse in a hospital"},
        {"kubernetes", "ran Kuberntes clusters for banks", "ran freight trains for banks"}, /* a typing error */
        {"the welders", "welding and welder's certificate", "the and of the and of"}, /* common words say little */
        {"Résumé of José", "RESUME OF JOSE", "the summary of Anna"},
        {"c++", "ten years of C++", "ten years of C#"},
        {"machine learning", "machine learning engineer", "learning to drive the machine"}, /* order */
        {"Straße", "die STRASSE nach Köln", "die Stadt an der See"},
        {"\xE6\xBC\xA2\xE5\xAD\x97", "\xE6\xBC\xA2\xE5\xAD\x97\xE6\xA4\x9C\xE5\xAE\x9A", "\xE3\x81\xB2\xE3\x82\x89"},
    };
    LH_AUTO(lexical_weights) struct lexical_weights *w = lexical_weights_builtin();
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++)
        for (unsigned dims = 384; dims <= 768; dims += 384) {
            double near = cosine(w, dims, rows[i].query, rows[i].nearer);
            double far = cosine(w, dims, rows[i].query, rows[i].farther);
            if (near <= far + 0.02)
                fail_msg("\"%s\" (%u): %.3f to \"%s\", %.3f to \"%s\"", rows[i].query, dims, near, rows[i].nearer, far,
                         rows[i].farther);
        }
}

static void equal_after_folding_is_equal(void **state) {
    (void)state;
    LH_AUTO(lexical_weights) struct lexical_weights *w = lexical_weights_builtin();
    assert_true(cosine(w, 384, "Don't stop", "  DONT\tstop!! ") > 0.999999);
    assert_true(cosine(w, 384, "Zo\xC3\xAB", "Zoe\xCC\x88") > 0.999999); /* composed or not */
}

static void every_vector_has_length_one(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "   ",
                                        "\xF0\x9F\x98\x80",
                                        "a",
                                        "\xFF\xFE\x80",
                                        "word word word word",
                                        "pneumonoultramicroscopicsilicovolcanoconiosispneumonoultramicroscopic"};
    LH_AUTO(lexical_weights) struct lexical_weights *w = lexical_weights_builtin();
    for (size_t i = 0; i < LH_ARRAY_LEN(texts); i++)
        for (unsigned dims = 384; dims <= 768; dims += 384)
            assert_true(fabs(cosine(w, dims, texts[i], texts[i]) - 1) < 1e-5);
    assert_true(lexical_dims_valid(384) && lexical_dims_valid(768));
    assert_false(lexical_dims_valid(0) || lexical_dims_valid(512) || lexical_dims_valid(1536));
}

/* The recipe "lexical-1" is for good: indexes hold its vectors.  Where this fails, the change needs a new name. */
static void the_recipe_keeps_its_bytes(void **state) {
    (void)state;
    static const struct ai_text texts[] = {
        TEXT("The quick brown fox jumps over the lazy dog."),
        TEXT("Zo\xC3\xAB worked 12 years with C++, SQL & K\xC3\xB6ln\xE2\x80\x99s trams; \xE6\xBC\xA2\xE5\xAD\x97."),
        TEXT(""),
    };
    LH_AUTO(lexical_weights) struct lexical_weights *w = lexical_weights_builtin();
    float vectors[3 * 768];
    char hex[LH_SHA256_HEX];
    lexical_embed(w, 384, texts, 3, vectors);
    lh_sha256_hex(vectors, 3 * 384 * sizeof(float), hex);
    assert_string_equal(hex, "37e63e170196c76a55c4b9bf3ac14e03cb4c03eae74f2372c925e88d168e2ca8");
    lexical_embed(w, 768, texts, 3, vectors);
    lh_sha256_hex(vectors, 3 * 768 * sizeof(float), hex);
    assert_string_equal(hex, "e68bdcac51c4a01ee0a327991fa1ca604e24688e856cb0197c8da111455e3b99");
}

static void learn_from(struct lexical_counter *c, unsigned documents) {
    for (unsigned i = 0; i < documents; i++) {
        char text[100];
        snprintf(text, sizeof text, "resume number %u experience %s", i, i % 2 ? "welding" : "nursing");
        lexical_counter_add(c, text, strlen(text));
    }
}

static void rarity_is_learned(void **state) {
    (void)state;
    LH_AUTO(lexical_counter) struct lexical_counter *c = lexical_counter_new();
    learn_from(c, LEXICAL_LEARN_MIN - 1);
    LH_AUTO(lexical_weights) struct lexical_weights *few = lexical_weights_learn(c);
    LH_AUTO(lexical_weights) struct lexical_weights *builtin = lexical_weights_builtin();
    assert_int_equal(lexical_weights_id(few), lexical_weights_id(builtin));
    learn_from(c, 1000);
    assert_int_equal(lexical_counter_documents(c), LEXICAL_LEARN_MIN - 1 + 1000);
    LH_AUTO(lexical_weights) struct lexical_weights *learned = lexical_weights_learn(c);
    assert_int_not_equal(lexical_weights_id(learned), lexical_weights_id(builtin));
    /* What every document has tells nothing; by hand it is a word like any other. */
    assert_true(cosine(learned, 384, "resume welding", "resume nursing") < 0.25);
    assert_true(cosine(builtin, 384, "resume welding", "resume nursing") > 0.35);
}

static void weights_survive_as_bytes(void **state) {
    (void)state;
    LH_AUTO(lexical_counter) struct lexical_counter *c = lexical_counter_new();
    learn_from(c, 500);
    LH_AUTO(lexical_weights) struct lexical_weights *w = lexical_weights_learn(c);
    LH_AUTO(buf) struct buf bytes = BUF_INIT;
    LH_AUTO(buf) struct buf again = BUF_INIT;
    struct lh_err err = LH_ERR_INIT;
    lexical_weights_write(w, &bytes);
    LH_AUTO(lexical_weights) struct lexical_weights *copy = NULL;
    assert_int_equal(lexical_weights_read(bytes.data, bytes.len, &copy, &err), LH_OK);
    assert_int_equal(lexical_weights_id(copy), lexical_weights_id(w));
    lexical_weights_write(copy, &again);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.data, bytes.data, bytes.len);
    /* Any damage is seen: each byte changed, each length. */
    for (size_t i = 0; i < bytes.len; i++) {
        struct lexical_weights *none = NULL;
        bytes.data[i] = (char)(bytes.data[i] ^ 1);
        assert_int_equal(lexical_weights_read(bytes.data, bytes.len, &none, &err), LH_CORRUPT);
        bytes.data[i] = (char)(bytes.data[i] ^ 1);
        assert_int_equal(lexical_weights_read(bytes.data, i, &none, &err), LH_CORRUPT);
        assert_null(none);
    }
}

/* More different words than are counted: the rare ones go, the common one stays common. */
static void counting_is_bounded(void **state) {
    (void)state;
    LH_AUTO(lexical_counter) struct lexical_counter *c = lexical_counter_new();
    LH_AUTO(buf) struct buf text = BUF_INIT;
    for (unsigned document = 0; document < 120; document++) {
        buf_reset(&text);
        buf_append_str(&text, "always");
        for (unsigned i = 0; i < 10000; i++)
            buf_printf(&text, " w%u", document * 10000 + i);
        lexical_counter_add(c, text.data, text.len);
    }
    LH_AUTO(lexical_weights) struct lexical_weights *w = lexical_weights_learn(c);
    buf_reset(&text);
    lexical_weights_write(w, &text);
    assert_in_range(text.len, 28, 400 * 1024);
    assert_true(cosine(w, 768, "always xylophone", "always accordion") < 0.2);
}

static void the_provider_checks_and_embeds(void **state) {
    (void)state;
    struct lh_err err = LH_ERR_INIT;
    struct ai_provider *p = ai_builtin_new(os_real(), 384);
    const struct ai_text texts[] = {TEXT("one"), TEXT("two words"), TEXT("")};
    static const char bad_bytes[] = "fine \xC3(";
    const struct ai_text bad = TEXT(bad_bytes);
    LH_AUTO(ai_vectors) struct ai_vectors v = {0};
    struct ai_embed_request r = {.texts = texts, .count = 3};
    assert_int_equal(ai_provider_embed(p, &r, &v, &err), LH_OK);
    assert_int_equal(v.count, 3);
    assert_int_equal(v.dims, 384);
    assert_string_equal(v.model, LEXICAL_MODEL);

    LH_AUTO(ai_vectors) struct ai_vectors none = {0};
    r.dims = 512;
    assert_int_equal(ai_provider_embed(p, &r, &none, &err), LH_INVALID);
    r.dims = 768;
    r.model = "nomic-embed-text";
    assert_int_equal(ai_provider_embed(p, &r, &none, &err), LH_NOT_FOUND);
    assert_non_null(strstr(err.hint, LEXICAL_MODEL));
    r.model = LEXICAL_MODEL;
    r.texts = &bad;
    r.count = 1;
    assert_int_equal(ai_provider_embed(p, &r, &none, &err), LH_INVALID);
    assert_non_null(strstr(err.message, "byte 5"));
    const struct ai_text large = {texts[0].data, AI_MAX_TEXT_BYTES + 1};
    r.texts = &large;
    assert_int_equal(ai_provider_embed(p, &r, &none, &err), LH_TOO_LARGE);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[1]);
    r.texts = texts;
    r.cancel_fd = ends[0];
    assert_int_equal(ai_provider_embed(p, &r, &none, &err), LH_CANCELLED);
    close(ends[0]);
    r.cancel_fd = -1;
    r.deadline_ns = 1;
    assert_int_equal(ai_provider_embed(p, &r, &none, &err), LH_TIMEOUT);
    assert_null(none.data);

    const struct ai_message message = {"user", "hello"};
    const struct ai_chat_request chat = {.messages = &message, .count = 1};
    struct ai_answer answer;
    assert_int_equal(ai_provider_chat(p, &chat, &answer, &err), LH_UNSUPPORTED);
    assert_int_equal(ai_provider_load(p, LEXICAL_MODEL, 0, -1, &err), LH_UNSUPPORTED);
    assert_int_equal(ai_provider_health(p, -1, &err), LH_OK);
    LH_AUTO(ai_models) struct ai_models models = {0};
    assert_int_equal(ai_provider_models(p, -1, &models, &err), LH_OK);
    assert_int_equal(models.count, 2);
    assert_string_equal(models.items[0].name, LEXICAL_MODEL);
    assert_string_equal(models.items[1].name, RERANK_MODEL);
    struct ai_state s;
    ai_provider_state(p, &s);
    assert_int_equal(s.circuit, AI_CIRCUIT_CLOSED);
    assert_true(s.calls >= 1 && ai_provider_wait_ms(p) >= 1000);
    ai_provider_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_are_folded),
        cmocka_unit_test(near_is_what_shares_words),
        cmocka_unit_test(equal_after_folding_is_equal),
        cmocka_unit_test(every_vector_has_length_one),
        cmocka_unit_test(the_recipe_keeps_its_bytes),
        cmocka_unit_test(rarity_is_learned),
        cmocka_unit_test(weights_survive_as_bytes),
        cmocka_unit_test(counting_is_bounded),
        cmocka_unit_test(the_provider_checks_and_embeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
