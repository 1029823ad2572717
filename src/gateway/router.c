#include "gateway/route.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/suggest.h"
#include "gateway/url.h"

#include <stdlib.h>
#include <string.h>

static const char *const method_names[HTTP_METHOD_COUNT] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

const char *http_method_name(enum http_method method) {
    return method_names[method];
}

bool http_method_parse(const char *text, enum http_method *ret_method) {
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++)
        if (strcmp(text, method_names[i]) == 0) {
            *ret_method = (enum http_method)i;
            return true;
        }
    return false;
}

/* One place in the tree of templates.  Siblings are few, so they are a list. */
struct node {
    char *literal;            /* this segment's text; NULL in a parameter's node */
    struct node *first_child; /* literals */
    struct node *next;
    struct node *param;                          /* {name} */
    const struct route *rest[HTTP_METHOD_COUNT]; /* {*name} from here on */
    const struct route *routes[HTTP_METHOD_COUNT];
};

struct router {
    struct node *root;
    const struct route *table;
    size_t count;
};

static struct node *literal_child(const struct node *n, const char *text, size_t len) {
    for (struct node *c = n->first_child; c; c = c->next)
        if (strncmp(c->literal, text, len) == 0 && c->literal[len] == '\0')
            return c;
    return NULL;
}

static void insert(struct node *n, const struct route *route) {
    const char *at = route->path + 1;
    while (*at) {
        size_t len = strcspn(at, "/");
        if (at[0] == '{' && at[1] == '*') {
            if (n->rest[route->method])
                abort();
            n->rest[route->method] = route;
            return;
        }
        struct node *child = at[0] == '{' ? n->param : literal_child(n, at, len);
        if (!child) {
            child = lh_calloc(1, sizeof *child);
            if (at[0] == '{') {
                n->param = child;
            } else {
                child->literal = lh_strndup(at, len);
                child->next = n->first_child;
                n->first_child = child;
            }
        }
        n = child;
        at += len;
        at += *at == '/';
    }
    if (n->routes[route->method])
        abort();
    n->routes[route->method] = route;
}

struct router *router_new(const struct route *routes, size_t count) {
    struct router *r = lh_calloc(1, sizeof *r);
    r->root = lh_calloc(1, sizeof *r->root);
    r->table = routes;
    r->count = count;
    for (size_t i = 0; i < count; i++) {
        if ((routes[i].flags & ROUTE_INLINE) && routes[i].access != ACCESS_PUBLIC)
            abort(); /* telling who calls may read the disk */
        insert(r->root, &routes[i]);
    }
    return r;
}

static void node_free(struct node *n) {
    while (n) {
        struct node *next = n->next;
        node_free(n->first_child);
        node_free(n->param);
        lh_free(n->literal);
        lh_free(n);
        n = next;
    }
}

void router_free(struct router *r) {
    if (!r)
        return;
    node_free(r->root);
    lh_free(r);
}

static bool any_route(const struct route *const routes[]) {
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++)
        if (routes[i])
            return true;
    return false;
}

/* The routes (by method) at the place that the path leads to, NULL where it leads nowhere.  Depth is bounded by the
 * longest template. */
static const struct route *const *find(const struct node *n, const struct url *url, size_t at) {
    if (at == url->segment_count)
        return any_route(n->routes) ? n->routes : NULL;
    const struct node *child = literal_child(n, url->segments[at], strlen(url->segments[at]));
    const struct route *const *found = child ? find(child, url, at + 1) : NULL;
    if (!found && n->param)
        found = find(n->param, url, at + 1);
    if (!found && any_route(n->rest))
        found = n->rest;
    return found;
}

static void bind_params(struct arena *arena, const struct url *url, struct route_match *m) {
    const char *at = m->route->path + 1;
    m->param_count = 0;
    for (size_t i = 0; *at; i++) {
        size_t len = strcspn(at, "/");
        if (at[0] == '{') {
            bool rest = at[1] == '*';
            m->params[m->param_count].name = arena_strndup(arena, at + 1 + rest, len - 2 - rest);
            const char *value = url->segments[i];
            for (size_t k = i + 1; rest && k < url->segment_count; k++)
                value = arena_printf(arena, "%s/%s", value, url->segments[k]);
            m->params[m->param_count++].value = value;
        }
        at += len;
        at += *at == '/';
    }
}

/* How far a template is from a path: segments that differ, weighed by spelling. */
static size_t distance(const char *path, const struct url *url) {
    size_t total = 0, i = 0;
    const char *at = path + 1;
    for (; *at && i < url->segment_count; i++) {
        size_t len = strcspn(at, "/");
        char literal[65];
        if (at[0] != '{' && len < sizeof literal) {
            memcpy(literal, at, len);
            literal[len] = '\0';
            total += lh_edit_distance(literal, url->segments[i], 8);
        } else if (at[1] == '*') {
            return total;
        }
        at += len;
        at += *at == '/';
    }
    for (; *at; at += strcspn(at, "/"), at += *at == '/')
        total += 4;
    return total + 4 * (url->segment_count - i);
}

static enum lh_code not_found(const struct router *r, const struct url *url, struct lh_err *err) {
    LH_AUTO(buf) struct buf near = BUF_INIT;
    size_t best = 7, named = 0;
    for (size_t i = 0; i < r->count; i++) {
        size_t d = distance(r->table[i].path, url);
        best = d < best ? d : best;
    }
    for (size_t i = 0; i < r->count && named < 3; i++)
        if (distance(r->table[i].path, url) == best)
            buf_printf(&near, "%s%s %s", named++ ? ", " : "", http_method_name(r->table[i].method), r->table[i].path);
    lh_fail(err, LH_NOT_FOUND, "there is no route %.200s", url->path);
    return named ? lh_err_hint(err, "near: %s; all routes: GET /openapi.json", near.data)
                 : lh_err_hint(err, "all routes: GET /openapi.json");
}

static enum lh_code wrong_method(struct arena *arena, const struct route *const routes[], enum http_method method,
                                 const struct url *url, const char **ret_allow, struct lh_err *err) {
    LH_AUTO(buf) struct buf allow = BUF_INIT;
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++)
        if (routes[i] || (i == HTTP_HEAD && routes[HTTP_GET]))
            buf_printf(&allow, "%s%s", allow.len ? ", " : "", method_names[i]);
    *ret_allow = arena_strdup(arena, buf_cstr(&allow));
    lh_fail(err, LH_METHOD, "%s is not served on %.200s", http_method_name(method), url->path);
    return lh_err_hint(err, "use one of: %s", *ret_allow);
}

enum lh_code router_match(const struct router *r, struct arena *arena, enum http_method method, const struct url *url,
                          struct route_match *ret_match, const char **ret_allow, struct lh_err *err) {
    const struct route *const *routes = find(r->root, url, 0);
    if (!routes)
        return not_found(r, url, err);
    const struct route *route = routes[method];
    if (!route && method == HTTP_HEAD)
        route = routes[HTTP_GET];
    if (!route)
        return wrong_method(arena, routes, method, url, ret_allow, err);
    ret_match->route = route;
    bind_params(arena, url, ret_match);
    return LH_OK;
}
