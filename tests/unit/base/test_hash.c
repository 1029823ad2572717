#include "base/cleanup.h"
#include "base/hash.h"

#include <sodium/crypto_hash_sha256.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void sha256_of_known_texts(void **state) {
    (void)state;
    static const struct {
        const char *text, *hex;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        char hex[LH_SHA256_HEX];
        lh_sha256_hex(rows[i].text, strlen(rows[i].text), hex);
        assert_string_equal(hex, rows[i].hex);
    }
    struct lh_sha256 h;
    unsigned char parts[LH_SHA256_BYTES];
    unsigned char whole[LH_SHA256_BYTES];
    lh_sha256_init(&h);
    lh_sha256_update(&h, "a", 1);
    lh_sha256_update(&h, "bc", 2);
    lh_sha256_final(&h, parts);
    lh_sha256("abc", 3, whole);
    assert_memory_equal(parts, whole, sizeof whole);
}

/* Both compression functions, whole and in pieces, against libsodium's. */
static void sha256_like_another(void **state) {
    (void)state;
    unsigned char bytes[1000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * i * 31 + i / 7);
    lh_sha256_compress *const ways[] = {lh_sha256_portable(), lh_sha256_fastest()};
    for (size_t way = 0; way < LH_ARRAY_LEN(ways); way++) {
        for (size_t len = 0; len <= sizeof bytes; len++) {
            unsigned char ours[LH_SHA256_BYTES], theirs[crypto_hash_sha256_BYTES];
            struct lh_sha256 h;
            size_t cut = len * 37 % (len + 1);
            lh_sha256_init_with(&h, ways[way]);
            lh_sha256_update(&h, bytes, cut);
            lh_sha256_update(&h, bytes + cut, len - cut);
            lh_sha256_final(&h, ours);
            crypto_hash_sha256(theirs, bytes, len);
            assert_memory_equal(ours, theirs, sizeof ours);
        }
    }
    char hex[LH_SHA256_HEX];
    unsigned char digest[LH_SHA256_BYTES];
    struct lh_sha256 h;
    lh_sha256_init(&h);
    for (size_t i = 0; i < 1000; i++) { /* FIPS 180-2, B.3: a million letters a */
        unsigned char letters[1000];
        memset(letters, 'a', sizeof letters);
        lh_sha256_update(&h, letters, sizeof letters);
    }
    lh_sha256_final(&h, digest);
    lh_hex_encode(digest, sizeof digest, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* RFC 3720, B.4, and the usual check value. */
static void crc32c_of_known_texts(void **state) {
    (void)state;
    unsigned char bytes[32] = {0};
    assert_int_equal(lh_crc32c(0, bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, sizeof bytes);
    assert_int_equal(lh_crc32c(0, bytes, 32), 0x62A8AB43);
    for (unsigned char i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(lh_crc32c(0, bytes, 32), 0x46DD794E);
    assert_int_equal(lh_crc32c(0, "123456789", 9), 0xE3069283);
    for (size_t cut = 0; cut <= 9; cut++)
        assert_int_equal(lh_crc32c(lh_crc32c(0, "123456789", cut), &"123456789"[cut], 9 - cut), 0xE3069283);
}

static void hex_and_base64_go_both_ways(void **state) {
    (void)state;
    unsigned char bytes[40];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 77);
    for (size_t len = 0; len <= sizeof bytes; len++) {
        char hex[81];
        unsigned char back[40];
        lh_hex_encode(bytes, len, hex);
        assert_true(lh_hex_decode(hex, 2 * len, back, len));
        assert_memory_equal(bytes, back, len);
        LH_AUTO(buf) struct buf text = BUF_INIT;
        LH_AUTO(buf) struct buf data = BUF_INIT;
        lh_base64_encode(bytes, len, &text);
        assert_true(lh_base64_decode(buf_cstr(&text), text.len, &data));
        lh_base64url_encode(bytes, len, &text);
        assert_int_equal(data.len, len);
        if (len > 0)
            assert_memory_equal(bytes, data.data, len);
    }
    LH_AUTO(buf) struct buf out = BUF_INIT;
    lh_base64_encode("hello", 5, &out);
    assert_string_equal(out.data, "aGVsbG8=");
}

static void bad_encodings_are_refused(void **state) {
    (void)state;
    unsigned char out[2];
    assert_false(lh_hex_decode("abc", 3, out, 2));
    assert_false(lh_hex_decode("abcg", 4, out, 2));
    static const char *const rows[] = {"a", "aGVsbG8", "aGVs bG8=", "aGVsbG8=x", "a_b-", "===="};
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        LH_AUTO(buf) struct buf data = BUF_INIT;
        buf_append_str(&data, "kept");
        assert_false(lh_base64_decode(rows[i], strlen(rows[i]), &data));
        assert_string_equal(data.data, "kept");
    }
}

static void secrets_compare_by_content(void **state) {
    (void)state;
    assert_true(lh_equal_constant_time("abcd", "abcd", 4));
    assert_false(lh_equal_constant_time("abcd", "abce", 4));
    assert_true(lh_fnv64("a", 1) != lh_fnv64("b", 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_known_texts),     cmocka_unit_test(sha256_like_another),
        cmocka_unit_test(crc32c_of_known_texts),     cmocka_unit_test(hex_and_base64_go_both_ways),
        cmocka_unit_test(bad_encodings_are_refused), cmocka_unit_test(secrets_compare_by_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
