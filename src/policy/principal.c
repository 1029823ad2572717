#include "policy/principal.h"

#include <stdio.h>
#include <string.h>

static const char *const names[ROLE_COUNT] = {"admin", "recruiter", "analyst", "agent"};

const char *role_name(enum role role) {
    return names[role];
}

enum lh_code role_parse(const char *text, enum role *ret_role, struct lh_err *err) {
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        if (strcmp(text, names[i]) == 0) {
            *ret_role = (enum role)i;
            return LH_OK;
        }
    lh_fail(err, LH_INVALID, "there is no role \"%.64s\"", text);
    return lh_err_hint(err, "use one of: admin, recruiter, analyst, agent");
}

void principal_local(struct principal *ret_principal) {
    memset(ret_principal, 0, sizeof *ret_principal);
    snprintf(ret_principal->id, sizeof ret_principal->id, "local");
    snprintf(ret_principal->name, sizeof ret_principal->name, "local");
    ret_principal->role = ROLE_ADMIN;
}
