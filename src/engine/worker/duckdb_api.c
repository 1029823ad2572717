#include "engine/worker/duckdb_api.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool try_open(struct duckdb_api *api, const char *path, struct buf *tried) {
    dlerror();
    api->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!api->library) {
        const char *reason = dlerror();
        buf_printf(tried, "%s%s", tried->len ? "; " : "", reason ? reason : path);
        return false;
    }
    snprintf(api->path, sizeof api->path, "%s", path);
    return true;
}

static bool open_beside_executable(struct duckdb_api *api, struct buf *tried) {
    static const char *const places[] = {"../lib/lakehouse/libduckdb.so", "../lib/libduckdb.so"};
    char executable[2048];
    ssize_t len = readlink("/proc/self/exe", executable, sizeof executable - 1);
    if (len <= 0)
        return false;
    executable[len] = '\0';
    char *slash = strrchr(executable, '/');
    if (!slash)
        return false;
    *slash = '\0';
    for (size_t i = 0; i < LH_ARRAY_LEN(places); i++) {
        LH_AUTO(mem) char *path = lh_asprintf("%s/%s", executable, places[i]);
        if (access(path, F_OK) != 0)
            buf_printf(tried, "%s%s: not there", tried->len ? "; " : "", path);
        else if (try_open(api, path, tried))
            return true;
    }
    return false;
}

static enum lh_code lacks(struct duckdb_api *api, const char *name, struct lh_err *err) {
    lh_ignore(lh_fail(err, LH_UNAVAILABLE, "the DuckDB library has no function %s", name));
    lh_ignore(lh_err_detail(err, "%s", api->path));
    dlclose(api->library);
    return lh_err_hint(err, "use libduckdb 1.5; set LAKEHOUSE_DUCKDB_LIB to its path");
}

enum lh_code duckdb_api_open(struct duckdb_api *ret_api, struct lh_err *err) {
    struct duckdb_api api = {.library = NULL};
    LH_AUTO(buf) struct buf tried = BUF_INIT;
    const char *chosen = getenv("LAKEHOUSE_DUCKDB_LIB");
    bool found = chosen && *chosen ? try_open(&api, chosen, &tried)
                                   : open_beside_executable(&api, &tried) || try_open(&api, "libduckdb.so", &tried);
    if (!found) {
        lh_ignore(lh_fail(err, LH_UNAVAILABLE, "the DuckDB library could not be opened: %s", buf_cstr(&tried)));
        return lh_err_hint(err, "install lakehouse with `make install`, or set LAKEHOUSE_DUCKDB_LIB to the path of "
                                "libduckdb.so");
    }
    /* POSIX lets an object pointer be read as a function's; ISO C does not, hence the detour through its bytes. */
#define DUCKDB_LOAD(name)                                   \
    do {                                                    \
        void *symbol = dlsym(api.library, "duckdb_" #name); \
        if (!symbol)                                        \
            return lacks(&api, "duckdb_" #name, err);       \
        memcpy(&api.name, &symbol, sizeof symbol);          \
    } while (0);
    DUCKDB_FUNCTIONS(DUCKDB_LOAD)
#undef DUCKDB_LOAD
    *ret_api = api;
    return LH_OK;
}
