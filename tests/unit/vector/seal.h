/* The checksums of an index file as a writer of these bytes would have set them, so that what is behind them is asked. */
#ifndef LH_TESTS_UNIT_VECTOR_SEAL_H
#define LH_TESTS_UNIT_VECTOR_SEAL_H

#include "base/hash.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { SEAL_TABLE = 64, SEAL_ENTRY = 32, SEAL_ENTRIES = 64, SEAL_PAGE = 4096 };

struct seal_section {
    unsigned char *entry, *data;
    size_t bytes;
};

/* False where there is no such section within the file. */
static inline int seal_find(unsigned char *file, size_t size, size_t i, const char *tag, struct seal_section *ret) {
    unsigned char *entry = file + SEAL_TABLE + i * SEAL_ENTRY;
    uint64_t offset = 0;
    uint64_t bytes = 0;
    memcpy(&offset, entry + 8, sizeof offset);
    memcpy(&bytes, entry + 16, sizeof bytes);
    if ((tag && memcmp(entry, tag, 4) != 0) || offset > size || bytes > size - offset)
        return 0;
    *ret = (struct seal_section){entry, file + offset, (size_t)bytes};
    return 1;
}

static inline void seal_pages(unsigned char *file, size_t size, const char *tag, const char *sums_tag) {
    struct seal_section of, sums;
    for (size_t i = 0; i < SEAL_ENTRIES; i++)
        for (size_t j = 0; seal_find(file, size, i, tag, &of) && j < SEAL_ENTRIES; j++)
            for (size_t at = 0; seal_find(file, size, j, sums_tag, &sums) && at < of.bytes; at += SEAL_PAGE) {
                size_t left = of.bytes - at;
                uint32_t crc = lh_crc32c(0, of.data + at, left < SEAL_PAGE ? left : SEAL_PAGE);
                if ((at / SEAL_PAGE + 1) * sizeof crc > sums.bytes)
                    break;
                memcpy(sums.data + at / SEAL_PAGE * sizeof crc, &crc, sizeof crc);
            }
}

/* The sections' checksums, not the table's and the header's. */
static inline void seal_sections(unsigned char *file, size_t size) {
    seal_pages(file, size, "LINK", "LSUM");
    seal_pages(file, size, "NODE", "NSUM");
    seal_pages(file, size, "CODE", "CSUM");
    for (size_t i = 0; i < SEAL_ENTRIES; i++) {
        struct seal_section section;
        if (!seal_find(file, size, i, NULL, &section))
            continue;
        uint32_t crc = lh_crc32c(0, section.data, section.bytes);
        memcpy(section.entry + 4, &crc, sizeof crc);
    }
}

static inline void seal_front(unsigned char *file) {
    uint32_t crc = lh_crc32c(0, file + SEAL_TABLE, SEAL_ENTRIES * SEAL_ENTRY);
    memcpy(file + 52, &crc, sizeof crc);
    crc = lh_crc32c(0, file, 60);
    memcpy(file + 60, &crc, sizeof crc);
}

#endif
