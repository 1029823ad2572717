#include "base/utf8.h"

size_t utf8_decode(const char *text, size_t len, uint32_t *ret_point) {
    const unsigned char *s = (const unsigned char *)text;
    if (len == 0)
        return 0;
    if (s[0] < 0x80) {
        *ret_point = s[0];
        return 1;
    }
    size_t want = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
    if (s[0] < 0xC2 || s[0] > 0xF4 || len < want)
        return 0;
    static const uint32_t lead_mask[] = {0, 0, 0x1F, 0x0F, 0x07};
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t point = s[0] & lead_mask[want];
    for (size_t i = 1; i < want; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return 0;
        point = point << 6 | (s[i] & 0x3Fu);
    }
    if (point < smallest[want] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
        return 0;
    *ret_point = point;
    return want;
}

size_t utf8_sequence_len(const char *text, size_t len) {
    uint32_t point;
    return utf8_decode(text, len, &point);
}

bool utf8_valid(const char *text, size_t len, size_t *ret_offset) {
    for (size_t i = 0; i < len;) {
        size_t step = utf8_sequence_len(text + i, len - i);
        if (step == 0) {
            if (ret_offset)
                *ret_offset = i;
            return false;
        }
        i += step;
    }
    return true;
}

struct range {
    uint32_t first, last;
};

/* Combining marks and zero-width signs that real text has; sorted.  From Unicode's general categories Mn, Me, Cf. */
static const struct range zero_width[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489},   {0x0591, 0x05BD},   {0x05BF, 0x05BF},   {0x05C1, 0x05C2}, {0x05C4, 0x05C5},
    {0x0610, 0x061A}, {0x064B, 0x065F},   {0x0670, 0x0670},   {0x06D6, 0x06DC},   {0x06DF, 0x06E4}, {0x0711, 0x0711},
    {0x0730, 0x074A}, {0x0900, 0x0902},   {0x093C, 0x093C},   {0x0941, 0x0948},   {0x094D, 0x094D}, {0x0E31, 0x0E31},
    {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E},   {0x1AB0, 0x1AFF},   {0x1DC0, 0x1DFF},   {0x200B, 0x200F}, {0x202A, 0x202E},
    {0x2060, 0x2064}, {0x20D0, 0x20FF},   {0x302A, 0x302D},   {0x3099, 0x309A},   {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F},
    {0xFEFF, 0xFEFF}, {0x1F3FB, 0x1F3FF}, {0xE0001, 0xE007F}, {0xE0100, 0xE01EF},
};

/* East Asian Width W and F, and emoji shown as pictures; sorted. */
static const struct range double_width[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23EC},   {0x2614, 0x2615},   {0x2648, 0x2653},
    {0x26A1, 0x26A1},   {0x26BD, 0x26BE},   {0x2705, 0x2705},   {0x270A, 0x270B},   {0x2728, 0x2728},
    {0x274C, 0x274C},   {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},   {0x2B1B, 0x2B1C},
    {0x2B50, 0x2B50},   {0x2E80, 0x3029},   {0x302E, 0x303E},   {0x3041, 0x3098},   {0x309B, 0x33FF},
    {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},   {0xA960, 0xA97F},   {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F004, 0x1F004},
    {0x1F0CF, 0x1F0CF}, {0x1F18E, 0x1F18E}, {0x1F191, 0x1F19A}, {0x1F200, 0x1F265}, {0x1F300, 0x1F3FA},
    {0x1F400, 0x1F64F}, {0x1F680, 0x1F6FF}, {0x1F7E0, 0x1F7EB}, {0x1F900, 0x1FAFF}, {0x20000, 0x3FFFD},
};

static bool in_ranges(const struct range *ranges, size_t count, uint32_t point) {
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (point > ranges[mid].last)
            low = mid + 1;
        else if (point < ranges[mid].first)
            high = mid;
        else
            return true;
    }
    return false;
}

#define IN(table, point) in_ranges((table), sizeof(table) / sizeof((table)[0]), (point))

static size_t step_and_width(const char *text, size_t len, size_t *ret_width) {
    uint32_t point;
    size_t step = utf8_decode(text, len, &point);
    if (step == 0) {
        *ret_width = 1;
        return 1;
    }
    if (point < 0x300)
        *ret_width = 1;
    else if (IN(zero_width, point))
        *ret_width = 0;
    else
        *ret_width = IN(double_width, point) ? 2 : 1;
    return step;
}

size_t utf8_width(const char *text, size_t len) {
    size_t total = 0;
    for (size_t i = 0; i < len;) {
        size_t width;
        i += step_and_width(text + i, len - i, &width);
        total += width;
    }
    return total;
}

size_t utf8_prefix_for_width(const char *text, size_t len, size_t columns) {
    size_t total = 0;
    size_t i = 0;
    while (i < len) {
        size_t width;
        size_t step = step_and_width(text + i, len - i, &width);
        if (width > columns - total)
            break;
        total += width;
        i += step;
    }
    return i;
}
