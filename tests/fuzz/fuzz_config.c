/* lh_config_load: any bytes as a configuration file.  What it accepts can be written out, loads again, and says the same. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "fuzz/fuzz.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct lh_err err = LH_ERR_INIT;
    struct lh_config *config = NULL;
    LH_AUTO(buf) struct buf problems = BUF_INIT;
    if (lh_config_load((const char *)data, size, "fuzz.toml", NULL, &config, &problems, &err) != LH_OK) {
        FUZZ_CHECK(config == NULL && err.message[0] != '\0' && problems.len > 0);
        return 0;
    }
    LH_AUTO(buf) struct buf written = BUF_INIT;
    lh_config_write(config, &written);
    lh_config_free(config);
    config = NULL;
    FUZZ_CHECK(lh_config_load(buf_cstr(&written), written.len, "written.toml", NULL, &config, NULL, &err) == LH_OK);
    LH_AUTO(buf) struct buf again = BUF_INIT;
    lh_config_write(config, &again);
    lh_config_free(config);
    FUZZ_CHECK(again.len == written.len && memcmp(buf_cstr(&again), buf_cstr(&written), again.len) == 0);
    return 0;
}
