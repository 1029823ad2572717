/* A provider for tests of what is built on providers: it embeds each text by its words' letters, answers with the last message,
 * and fails as it is told. */
#ifndef LH_TEST_AI_PROVIDER_SCRIPTED_H
#define LH_TEST_AI_PROVIDER_SCRIPTED_H

#include "ai/provider.h"

#include <stdatomic.h>

struct ai_provider_scripted {
    struct ai_provider provider; /* hand this on; nothing has to be freed */
    unsigned dims;               /* of its vectors; 1 to 1,024 */
    /* The next calls, so many of them, fail with this code. */
    atomic_uint failures;
    enum lh_code failure_code;
    /* This call (counted from 1 over all) fails, whatever `failures` says; 0: none. */
    atomic_ulong fail_at;
    atomic_ulong calls;
    atomic_ulong texts; /* embedded, or tried to */
};

void ai_provider_scripted_init(struct ai_provider_scripted *s, unsigned dims);

#endif
