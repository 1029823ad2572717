/* Builds JSON values from the walk of toml_shim.cpp; lines are kept beside them, in a second object that maps each
 * path to its line. */
#include "base/toml.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/toml_shim.h"

#define MAX_DEPTH 32 /* toml++ itself stops at 256; a configuration needs 3 */

struct lh_toml {
    json_t *root;
    json_t *lines; /* path -> line */
};

struct builder {
    struct lh_toml *doc;
    json_t *open[MAX_DEPTH]; /* borrowed: each is held by the one before */
    size_t path_len[MAX_DEPTH];
    size_t depth; /* of open containers; may exceed MAX_DEPTH, what lies deeper is left out and `too_deep` set */
    bool too_deep;
    struct buf path;
};

/* Extend the path by a key or by the index that the next element will have. */
static void push_path(struct builder *b, const char *key) {
    if (b->depth == 0)
        return;
    if (key)
        buf_printf(&b->path, "%s%s", b->path.len ? "." : "", key);
    else
        buf_printf(&b->path, "[%zu]", json_array_size(b->open[b->depth - 1]));
}

/* Put `value` (taken over) into the open container and note its line; the path is left at the value. */
static void add(struct builder *b, const char *key, int line, json_t *value) {
    if (b->depth == 0) {
        b->doc->root = value;
        return;
    }
    push_path(b, key);
    json_object_set_new(b->doc->lines, buf_cstr(&b->path), json_integer(line));
    json_t *parent = b->open[b->depth - 1];
    if (key)
        json_object_set_new(parent, key, value);
    else
        json_array_append_new(parent, value);
}

static void add_leaf(struct builder *b, const char *key, int line, json_t *value) {
    if (b->depth > MAX_DEPTH) {
        json_decref(value);
        return;
    }
    size_t before = b->path.len;
    add(b, key, line, value);
    buf_truncate(&b->path, before);
}

static void open_container(struct builder *b, const char *key, int line, json_t *value) {
    if (b->depth >= MAX_DEPTH) {
        json_decref(value);
        b->too_deep = true;
        b->depth++;
        return;
    }
    size_t before = b->path.len;
    add(b, key, line, value);
    b->path_len[b->depth] = before;
    b->open[b->depth++] = value;
}

static void on_table(void *self, const char *key, int line) {
    open_container(self, key, line, json_object());
}

static void on_array(void *self, const char *key, int line) {
    open_container(self, key, line, json_array());
}

static void on_end(void *self) {
    struct builder *b = self;
    if (--b->depth < MAX_DEPTH)
        buf_truncate(&b->path, b->path_len[b->depth]);
}

static void on_text(void *self, const char *key, int line, const char *text, size_t len) {
    json_t *value = json_stringn(text, len);
    add_leaf(self, key, line, value ? value : json_string(""));
}

static void on_integer(void *self, const char *key, int line, int64_t number) {
    add_leaf(self, key, line, json_integer(number));
}

static void on_real(void *self, const char *key, int line, double number) {
    json_t *value = json_real(number); /* NULL for nan and inf */
    add_leaf(self, key, line, value ? value : json_null());
}

static void on_boolean(void *self, const char *key, int line, bool truth) {
    add_leaf(self, key, line, json_boolean(truth));
}

enum lh_code lh_toml_parse(const char *text, size_t len, const char *name, struct lh_toml **ret_doc,
                           struct lh_err *err) {
    struct lh_toml *doc = lh_calloc(1, sizeof *doc);
    doc->lines = json_object();
    struct builder builder = {.doc = doc};
    const struct toml_visitor visitor = {
        .self = &builder,
        .begin_table = on_table,
        .begin_array = on_array,
        .end = on_end,
        .text = on_text,
        .integer = on_integer,
        .real = on_real,
        .boolean = on_boolean,
    };
    struct toml_failure failure;
    bool parsed = toml_shim_walk(text, len, &visitor, &failure);
    buf_release(&builder.path);
    if (parsed && !builder.too_deep) {
        *ret_doc = doc;
        return LH_OK;
    }
    lh_toml_free(doc);
    if (parsed)
        return lh_fail(err, LH_INVALID, "%s: nested deeper than %d levels", name, MAX_DEPTH);
    if (failure.line == 0)
        return lh_fail(err, LH_INVALID, "%s: %s", name, failure.what);
    return lh_fail(err, LH_INVALID, "%s:%d:%d: %s", name, failure.line, failure.column, failure.what);
}

void lh_toml_free(struct lh_toml *doc) {
    if (!doc)
        return;
    json_decref(doc->root);
    json_decref(doc->lines);
    lh_free(doc);
}

const json_t *lh_toml_root(const struct lh_toml *doc) {
    return doc->root;
}

int lh_toml_line(const struct lh_toml *doc, const char *path) {
    return (int)json_integer_value(json_object_get(doc->lines, path));
}
