#include "ai/fold.h"

#include "base/attr.h"

#include <assert.h>
#include <stdbool.h>

struct range {
    uint32_t first, last;
};

/* From U+00C0; a space: no letter. */
static const char latin_1[] = "aaaaaaaceeeeiiiidnooooo ouuuuytsaaaaaaaceeeeiiiidnooooo ouuuuyty";
/* From U+0100. */
static const char latin_a[] = "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllllllln"
                              "nnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";
/* From U+1E00 to U+1E95, and the Vietnamese letters from U+1EA0. */
static const char latin_additional[] = "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnn"
                                       "oooooooopppprrrrrrrrssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzz";
static const char vietnamese[] =
    "aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy";

static_assert(sizeof latin_1 == 0x40 + 1, "U+00C0 to U+00FF");
static_assert(sizeof latin_a == 0x80 + 1, "U+0100 to U+017F");
static_assert(sizeof latin_additional == 0x96 + 1, "U+1E00 to U+1E95");
static_assert(sizeof vietnamese == 0x5A + 1, "U+1EA0 to U+1EF9");

/* Letters that become two. */
static const struct {
    uint32_t point;
    char text[3];
} doubles[] = {
    {0x00C6, "ae"}, {0x00DE, "th"}, {0x00DF, "ss"}, {0x00E6, "ae"}, {0x00FE, "th"}, {0x0132, "ij"}, {0x0133, "ij"},
    {0x0152, "oe"}, {0x0153, "oe"}, {0x1E9E, "ss"}, {0xFB00, "ff"}, {0xFB01, "fi"}, {0xFB02, "fl"},
};

/* Greek with accents, from U+0386 to U+03CE, as pairs of the accented and the plain small letter. */
static const uint16_t greek[][2] = {
    {0x0386, 0x03B1}, {0x0388, 0x03B5}, {0x0389, 0x03B7}, {0x038A, 0x03B9}, {0x038C, 0x03BF}, {0x038E, 0x03C5},
    {0x038F, 0x03C9}, {0x0390, 0x03B9}, {0x03AA, 0x03B9}, {0x03AB, 0x03C5}, {0x03AC, 0x03B1}, {0x03AD, 0x03B5},
    {0x03AE, 0x03B7}, {0x03AF, 0x03B9}, {0x03B0, 0x03C5}, {0x03C2, 0x03C3}, {0x03CA, 0x03B9}, {0x03CB, 0x03C5},
    {0x03CC, 0x03BF}, {0x03CD, 0x03C5}, {0x03CE, 0x03C9},
};

static const struct range skipped[] = {
    {0x00AD, 0x00AD}, {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x064B, 0x065F},
    {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F}, {0x2060, 0x2064}, {0x20D0, 0x20FF},
    {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0xFEFF, 0xFEFF},
};
static const struct range signs[] = {
    {0x3005, 0x3007}, {0x3041, 0x3096}, {0x309D, 0x309F}, {0x30A1, 0x30FA}, {0x30FC, 0x30FF},
    {0x3105, 0x312F}, {0x3400, 0x4DBF}, {0x4E00, 0x9FFF}, {0xF900, 0xFAFF}, {0x20000, 0x3FFFD},
};
static const struct range breaks[] = {
    {0x0080, 0x00A9}, {0x00AB, 0x00B1}, {0x00B4, 0x00B4}, {0x00B6, 0x00B8},   {0x00BB, 0x00BF},      {0x00D7, 0x00D7},
    {0x00F7, 0x00F7}, {0x02C2, 0x02DF}, {0x037E, 0x037E}, {0x0387, 0x0387},   {0x055A, 0x055F},      {0x0589, 0x058F},
    {0x05BE, 0x05BE}, {0x060C, 0x060D}, {0x061B, 0x061F}, {0x066A, 0x066D},   {0x06D4, 0x06D4},      {0x0964, 0x0965},
    {0x1680, 0x1680}, {0x2000, 0x206F}, {0x20A0, 0x20CF}, {0x2100, 0x2BFF},   {0x2E00, 0x2E7F},      {0x3000, 0x3020},
    {0x3030, 0x303F}, {0x309B, 0x309C}, {0x30A0, 0x30A0}, {0x30FB, 0x30FB},   {0xD800, 0xF8FF},      {0xFE10, 0xFE1F},
    {0xFE30, 0xFE6F}, {0xFF5F, 0xFF65}, {0xFFE0, 0xFFFF}, {0x1F000, 0x1FAFF}, {0xE0000, 0xFFFFFFFF},
};

static bool is_in(const struct range *ranges, size_t count, uint32_t point) {
    for (size_t i = 0; i < count && point >= ranges[i].first; i++)
        if (point <= ranges[i].last)
            return true;
    return false;
}
#define IS_IN(ranges, point) is_in((ranges), LH_ARRAY_LEN(ranges), (point))

static enum fold_kind become(uint32_t point, uint32_t ret_points[FOLD_MAX], size_t *ret_count) {
    ret_points[0] = point;
    *ret_count = 1;
    return FOLD_LETTER;
}

static enum fold_kind fold_ascii(uint32_t point, uint32_t ret_points[FOLD_MAX], size_t *ret_count) {
    if (point >= 'A' && point <= 'Z')
        return become(point + 32, ret_points, ret_count);
    if ((point >= 'a' && point <= 'z') || (point >= '0' && point <= '9'))
        return become(point, ret_points, ret_count);
    return FOLD_BREAK;
}

static const char *doubled(uint32_t point) {
    for (size_t i = 0; i < LH_ARRAY_LEN(doubles); i++)
        if (doubles[i].point == point)
            return doubles[i].text;
    return NULL;
}

/* The plain small letter of Latin, Greek and Cyrillic ones; 0 where it is none of those. */
static uint32_t plain_letter(uint32_t point) {
    if (point >= 0xC0 && point <= 0xFF)
        return latin_1[point - 0xC0] == ' ' ? 0 : (uint32_t)latin_1[point - 0xC0];
    if (point >= 0x100 && point <= 0x17F)
        return (uint32_t)latin_a[point - 0x100];
    if (point >= 0x1E00 && point <= 0x1E95)
        return (uint32_t)latin_additional[point - 0x1E00];
    if (point >= 0x1EA0 && point <= 0x1EF9)
        return (uint32_t)vietnamese[point - 0x1EA0];
    if (point >= 0x0218 && point <= 0x021B)
        return point < 0x021A ? 's' : 't';
    for (size_t i = 0; point >= 0x386 && point <= 0x3CE && i < LH_ARRAY_LEN(greek); i++)
        if (greek[i][0] == point)
            return greek[i][1];
    if ((point >= 0x391 && point <= 0x3A9) || (point >= 0x410 && point <= 0x42F))
        return point + 32;
    if (point == 0x401 || point == 0x451) /* yo is mostly written ye */
        return 0x435;
    if (point >= 0x400 && point <= 0x40F)
        return point + 80;
    return 0;
}

enum fold_kind fold_point(uint32_t point, uint32_t ret_points[FOLD_MAX], size_t *ret_count) {
    *ret_count = 0;
    if (point < 0x80)
        return fold_ascii(point, ret_points, ret_count);
    if (point >= 0xFF01 && point <= 0xFF5E) /* full width */
        return fold_ascii(point - 0xFEE0, ret_points, ret_count);
    if (IS_IN(skipped, point))
        return FOLD_SKIP;
    if (IS_IN(breaks, point))
        return FOLD_BREAK;
    const char *two = doubled(point);
    if (two) {
        ret_points[0] = (uint32_t)two[0];
        ret_points[1] = (uint32_t)two[1];
        *ret_count = 2;
        return FOLD_LETTER;
    }
    uint32_t plain = plain_letter(point);
    become(plain ? plain : point, ret_points, ret_count);
    return IS_IN(signs, point) ? FOLD_SIGN : FOLD_LETTER;
}
