#include "os/ids.h"

#include "os/os.h"

void os_ulid(struct os *os, struct lh_ulid_source *source, char ret_text[LH_ULID_SIZE]) {
    unsigned char random[10];
    os->random(os->self, random, sizeof random);
    lh_ulid_next(source, os->realtime_us(os->self) / 1000, random, ret_text);
}

void os_ulid_loose(struct os *os, char ret_text[LH_ULID_SIZE]) {
    unsigned char random[10];
    os->random(os->self, random, sizeof random);
    lh_ulid_format(os->realtime_us(os->self) / 1000, random, ret_text);
}

void os_uuid4(struct os *os, char ret_text[LH_UUID_SIZE]) {
    unsigned char random[16];
    os->random(os->self, random, sizeof random);
    lh_uuid4_format(random, ret_text);
}
