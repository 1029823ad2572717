#include "system/system.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "engine/qualified_name.h"
#include "journal/journal.h"
#include "os/file.h"
#include "os/ids.h"
#include "system/tables.h"

#include <fcntl.h>

struct system *system_new(const struct system_services *services) {
    struct system *system = lh_calloc(1, sizeof *system);
    system->services = *services;
    system->dir = lh_strdup(services->dir);
    system->services.dir = system->dir;
    return system;
}

void system_free(struct system *s) {
    if (s)
        lh_free(s->dir);
    lh_free(s);
}

struct os *system_os(const struct system *s) {
    return s->services.os;
}

static enum lh_code check_allowed(const struct system_scope *scope, const char *name, struct lh_err *err) {
    if (scope->system && scope->allowed)
        return LH_OK;
    lh_ignore(lh_fail(err, LH_FORBIDDEN, "system.%s is for administrators", name));
    return lh_err_hint(err, "ask with a key of role admin");
}

/* A folder of the statement's own, so that what it names is its own moment and goes in one step. */
enum lh_code system_scope_folder(struct system_scope *scope, const char **ret_dir, struct lh_err *err) {
    if (!scope->dir) {
        char id[LH_ULID_SIZE];
        os_ulid_loose(scope->system->services.os, id);
        LH_AUTO(mem) char *dir = lh_asprintf("%s/%s", scope->system->dir, id);
        LH_TRY(os_mkdir_all(scope->system->services.os, AT_FDCWD, dir, 0700, err));
        scope->dir = LH_STEAL(dir);
    }
    *ret_dir = scope->dir;
    return LH_OK;
}

static enum lh_code define(struct system_scope *scope, const char *qualified, struct arena *arena,
                           struct engine_binding *ret_binding, struct lh_err *err) {
    const char *name = qualified_name_of(qualified), *dir;
    LH_AUTO(buf) struct buf select = BUF_INIT;
    LH_TRY(check_allowed(scope, name, err));
    LH_TRY(system_scope_folder(scope, &dir, err));
    LH_TRY(system_table(scope, name, arena, &select, err));
    *ret_binding = (struct engine_binding){.name = qualified, .definition = arena_strdup(arena, buf_cstr(&select))};
    return LH_OK;
}

enum lh_code system_resolve(void *ctx, const char *const *names, size_t count, struct arena *arena,
                            struct engine_binding **ret_bindings, size_t *ret_count, const char **ret_suggestions,
                            struct lh_err *err) {
    struct system_scope *scope = ctx;
    if (!names)
        return lake_resolve(&scope->lake, NULL, 0, arena, ret_bindings, ret_count, ret_suggestions, err);
    const char **others = arena_alloc(arena, (count + 1) * sizeof *others);
    size_t other_count = 0, found = 0;
    struct engine_binding *own = arena_alloc(arena, (count + 1) * sizeof *own), *bindings;
    for (size_t i = 0; i < count; i++) {
        if (qualified_is_system(names[i]))
            LH_TRY(define(scope, names[i], arena, &own[found++], err));
        else
            others[other_count++] = names[i];
    }
    LH_TRY(lake_resolve(&scope->lake, others, other_count, arena, &bindings, ret_count, ret_suggestions, err));
    for (size_t i = 0; i < *ret_count; i++)
        own[found++] = bindings[i];
    *ret_bindings = own;
    *ret_count = found;
    return LH_OK;
}

void system_scope_release(struct system_scope *scope) {
    struct lh_err ignored = LH_ERR_INIT;
    if (scope->scanning)
        journal_scan_end(scope->system->services.journal);
    if (scope->dir) /* what cannot be removed goes with tmp/ at the next start */
        lh_ignore(os_remove_all(scope->system->services.os, AT_FDCWD, scope->dir, &ignored));
    lh_free(scope->dir);
    scope->dir = NULL;
    scope->scanning = false;
}
