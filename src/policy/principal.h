/* Who a request acts for. */
#ifndef LH_POLICY_PRINCIPAL_H
#define LH_POLICY_PRINCIPAL_H

#include "base/error.h"

#include <stdbool.h>

enum role { ROLE_ADMIN, ROLE_RECRUITER, ROLE_ANALYST, ROLE_AGENT, ROLE_COUNT };

#define PRINCIPAL_ID_SIZE 33
#define PRINCIPAL_NAME_SIZE 101

struct principal {
    char id[PRINCIPAL_ID_SIZE];     /* the key's public id; "local" where authentication is off */
    char name[PRINCIPAL_NAME_SIZE]; /* as given when the key was made; what stands as actor in commits */
    enum role role;
};

const char *role_name(enum role role);
/* LH_INVALID names the four. */
LH_CHECKED enum lh_code role_parse(const char *text, enum role *ret_role, struct lh_err *err);

/* The caller of a server without authentication. */
void principal_local(struct principal *ret_principal);

#endif
