#include "base/suggest.h"

#include <string.h>

#define LONGEST 64

static unsigned char lower(char c) {
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t lh_edit_distance(const char *a, const char *b, size_t limit) {
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    size_t gap = a_len > b_len ? a_len - b_len : b_len - a_len;
    if (a_len > LONGEST || b_len > LONGEST || gap > limit)
        return limit + 1;

    /* Three rows of the distance matrix: a swap looks two rows back. */
    size_t rows[3][LONGEST + 1];
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        size_t row_least = row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t changed = above[j - 1] + (lower(a[i - 1]) != lower(b[j - 1]));
            row[j] = least(changed, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = least(row[j], two_above[j - 2] + 1);
            row_least = least(row_least, row[j]);
        }
        if (row_least > limit)
            return limit + 1;
    }
    return least(rows[a_len % 3][b_len], limit + 1);
}

const char *lh_suggest(const char *wrong, const char *const *names, size_t count) {
    size_t allowed = strlen(wrong) / 3;
    allowed = allowed < 1 ? 1 : least(allowed, 4);
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = lh_edit_distance(wrong, names[i], allowed);
        if (distance > allowed)
            continue;
        nearest = names[i];
        if (distance == 0)
            break;
        allowed = distance - 1;
    }
    return nearest;
}
