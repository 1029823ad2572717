#include "base/hash.h"

#include <string.h>
#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

/* The reflected Castagnoli polynomial, four bits at a step: 16 entries that anyone can recompute. */
static uint32_t crc32c_portable(uint32_t crc, const unsigned char *at, size_t len) {
    static const uint32_t table[16] = {
        0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
        0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
    };
    for (size_t i = 0; i < len; i++) {
        crc ^= at[i];
        crc = table[crc & 15] ^ crc >> 4;
        crc = table[crc & 15] ^ crc >> 4;
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse(uint32_t crc, const unsigned char *at, size_t len) {
    uint64_t wide = crc;
    for (; len >= 8; at += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    for (; len > 0; at++, len--)
        crc = _mm_crc32_u8(crc, *at);
    return crc;
}
#endif

uint32_t lh_crc32c(uint32_t crc, const void *data, size_t len) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc32c_sse(~crc, data, len);
#endif
    return ~crc32c_portable(~crc, data, len);
}

uint64_t lh_fnv64(const void *data, size_t len) {
    const unsigned char *at = data;
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ at[i]) * 0x100000001B3u;
    return hash;
}

void lh_hex_encode(const void *data, size_t len, char *ret_hex) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *at = data;
    for (size_t i = 0; i < len; i++) {
        ret_hex[2 * i] = digits[at[i] >> 4];
        ret_hex[2 * i + 1] = digits[at[i] & 15];
    }
    ret_hex[2 * len] = '\0';
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool lh_sha256_hex_valid(const char *hex) {
    return strspn(hex, "0123456789abcdef") == LH_SHA256_HEX - 1 && hex[LH_SHA256_HEX - 1] == '\0';
}

bool lh_hex_decode(const char *hex, size_t hex_len, void *ret_data, size_t len) {
    unsigned char *at = ret_data;
    if (hex_len != 2 * len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(hex[2 * i]);
        int low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        at[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}
