#include "engine/worker/bindings.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hash.h"
#include "engine/qualified_name.h"
#include "engine/wire_error.h"
#include "engine/worker/sql_rewrite.h"
#include "engine/worker/sql_scan.h"
#include "engine/worker/worker.h"

#include <string.h>
#include <strings.h>

#define ASKED_MAX 20000 /* names remembered within one epoch */
#define CONFIRM_MAX 64  /* views confirmed with the next question after a change of epoch; the others are dropped */

/* What the server said of a spelling. */
struct answer {
    char *definition; /* NULL: not a dataset */
    char digest[LH_SHA256_HEX];
    char *attach_path, *attach_name; /* NULL: the definition reads no database file */
    bool stale;                      /* of an earlier epoch */
};

struct view {
    char *spelling;    /* whose answer it was made from */
    char *attach_name; /* the database file that it reads, or NULL */
    char digest[LH_SHA256_HEX];
    struct lh_err *failure; /* DuckDB did not take the definition; NULL: the view stands */
};

/* It is not known what the name stands for. */
static void answer_clear(struct answer *a) {
    lh_free(a->definition);
    lh_free(a->attach_path);
    lh_free(a->attach_name);
    *a = (struct answer){.definition = NULL};
}

static void answer_free(struct answer *a) {
    if (a)
        answer_clear(a);
    lh_free(a);
}

static void view_free(struct view *v) {
    if (v) {
        lh_free(v->spelling);
        lh_free(v->attach_name);
        lh_free(v->failure);
    }
    lh_free(v);
}

static char *lower_case(const char *name) {
    char *lower = lh_strdup(name);
    for (char *c = lower; *c; c++) {
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    }
    return lower;
}

static struct answer *answer_find(const struct bindings *b, const char *name) {
    void **place = name_table_find(&b->asked, name);
    return place ? *place : NULL;
}

/* ---- views ---- */

/* Of a qualified name (engine/qualified_name.h) the view stands in a schema for its qualifier. */
static void append_schema(struct buf *sql, const char *name) {
    if (qualified_is_system(name)) {
        buf_append_str(sql, SQL_SYSTEM_SCHEMA);
        return;
    }
    LH_AUTO(buf) struct buf qualifier = BUF_INIT;
    size_t len = (size_t)(qualified_name_of(name) - 1 - name);
    if (qualified_is_search(name))
        len = strcspn(name, "[");
    buf_append(&qualifier, name, len);
    buf_append_sql_ident(sql, buf_cstr(&qualifier));
}

static void append_view(struct buf *sql, const char *name) {
    const char *plain = qualified_name_of(name);
    if (plain) {
        append_schema(sql, name);
        buf_append_char(sql, '.');
    }
    buf_append_sql_ident(sql, plain ? plain : name);
}

static void drop_view(struct worker *w, const char *name) {
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    struct lh_err err = LH_ERR_INIT;
    buf_append_str(&sql, "DROP VIEW IF EXISTS ");
    append_view(&sql, name);
    if (session_run(&w->session, buf_cstr(&sql), &err) != LH_OK)
        w->retire = true;
}

/* Once a session; a file that cannot be attached fails the statement that reads it. */
static void append_attach(struct bindings *b, const struct answer *a, struct buf *sql) {
    if (!a->attach_name)
        return;
    name_table_at(&b->attached, a->attach_name);
    buf_append_str(sql, "ATTACH IF NOT EXISTS ");
    buf_append_sql_string(sql, a->attach_path);
    buf_append_str(sql, " AS ");
    buf_append_sql_ident(sql, a->attach_name);
    buf_append_str(sql, " (READ_ONLY); ");
}

static bool is_read(const struct bindings *b, const char *attach_name) {
    for (size_t i = 0; i < b->views.capacity; i++) {
        const struct view *v = b->views.slots[i].name ? b->views.slots[i].value : NULL;
        if (v && v->attach_name && strcmp(v->attach_name, attach_name) == 0)
            return true;
    }
    return false;
}

static int keep_read_file(void *ctx, const char *name, void *value) {
    struct worker *w = ctx;
    struct lh_err err = LH_ERR_INIT;
    (void)value;
    if (is_read(&w->bindings, name))
        return 1;
    LH_AUTO(buf) struct buf sql = BUF_INIT;
    buf_append_str(&sql, "DETACH DATABASE IF EXISTS ");
    buf_append_sql_ident(&sql, name);
    if (session_run(&w->session, buf_cstr(&sql), &err) != LH_OK)
        w->retire = true;
    return 0;
}

static int keep_no_file(void *ctx, const char *name, void *value) {
    (void)ctx;
    (void)name;
    (void)value;
    return 0;
}

/* Make the view for an answer, unless it stands already.  A definition that DuckDB refuses is remembered and only told
 * when the statement turns out to need it: the word may have been a column. */
static void ensure_view(struct worker *w, const char *spelling, const struct answer *a) {
    LH_AUTO(mem) char *key = lower_case(spelling);
    void **place = name_table_at(&w->bindings.views, key);
    struct view *v = *place;
    if (v && strcmp(v->digest, a->digest) == 0)
        return;
    if (!v)
        *place = v = lh_calloc(1, sizeof *v);
    lh_free(v->spelling);
    lh_free(v->attach_name);
    lh_free(v->failure);
    *v = (struct view){.spelling = lh_strdup(spelling),
                       .attach_name = a->attach_name ? lh_strdup(a->attach_name) : NULL};
    memcpy(v->digest, a->digest, sizeof v->digest);

    LH_AUTO(buf) struct buf sql = BUF_INIT;
    struct lh_err err = LH_ERR_INIT;
    append_attach(&w->bindings, a, &sql);
    if (qualified_name_of(spelling)) {
        buf_append_str(&sql, "CREATE SCHEMA IF NOT EXISTS ");
        append_schema(&sql, spelling);
        buf_append_str(&sql, "; ");
    }
    buf_append_str(&sql, "CREATE OR REPLACE VIEW ");
    append_view(&sql, spelling);
    buf_append_str(&sql, " AS ");
    buf_append_str(&sql, a->definition);
    if (session_run(&w->session, buf_cstr(&sql), &err) == LH_OK)
        return;
    const char *plain = qualified_name_of(spelling);
    lh_ignore(lh_err_context(&err, "reading dataset \"%s\"", plain ? plain : spelling));
    v->failure = lh_malloc(sizeof *v->failure);
    *v->failure = err;
    drop_view(w, spelling);
}

static int keep_confirmed_view(void *ctx, const char *name, void *value) {
    struct worker *w = ctx;
    struct view *v = value;
    const struct answer *a = answer_find(&w->bindings, v->spelling);
    if (a && !a->stale && a->definition && strcmp(a->digest, v->digest) == 0)
        return 1;
    if (!v->failure)
        drop_view(w, name);
    view_free(v);
    return 0;
}

static int keep_lasting_answer(void *ctx, const char *name, void *value) {
    (void)ctx;
    if (!qualified_is_momentary(name))
        return 1;
    answer_free(value);
    return 0;
}

static int keep_lasting_view(void *ctx, const char *name, void *value) {
    const struct view *v = value;
    if (!qualified_is_momentary(name))
        return 1;
    if (!v->failure)
        drop_view(ctx, name);
    view_free(value);
    return 0;
}

void bindings_forget_momentary(struct worker *w) {
    name_table_filter(&w->bindings.asked, keep_lasting_answer, NULL);
    name_table_filter(&w->bindings.views, keep_lasting_view, w);
}

static int keep_fresh_answer(void *ctx, const char *name, void *value) {
    (void)ctx;
    (void)name;
    struct answer *a = value;
    if (!a->stale)
        return 1;
    answer_free(a);
    return 0;
}

static int keep_no_answer(void *ctx, const char *name, void *value) {
    (void)ctx;
    (void)name;
    answer_free(value);
    return 0;
}

static int keep_no_view(void *ctx, const char *name, void *value) {
    (void)ctx;
    (void)name;
    view_free(value);
    return 0;
}

void bindings_release(struct bindings *b) {
    name_table_filter(&b->asked, keep_no_answer, NULL);
    name_table_filter(&b->views, keep_no_view, NULL);
    name_table_filter(&b->attached, keep_no_file, NULL);
    name_table_release(&b->attached);
    name_table_release(&b->asked);
    name_table_release(&b->views);
}

/* ---- questions ---- */

static void want(json_t *names, const char *name, const struct answer *known) {
    json_t *one = json_object();
    json_object_set_new(one, "name", json_string(name));
    if (known && known->definition)
        json_object_set_new(one, "digest", json_string(known->digest));
    json_array_append_new(names, one);
}

/* A binding of the answer, checked: {"name", "definition"} or {"name", "same": true}. */
static enum lh_code take_binding(struct bindings *b, const json_t *binding, struct lh_err *err) {
    const char *name, *definition, *attach_path = NULL, *attach_name = NULL;
    json_t *attach;
    LH_TRY(lh_json_get_string(binding, "binding", "name", &name, err));
    LH_TRY(lh_json_get_string_or(binding, "binding", "definition", NULL, &definition, err));
    LH_TRY(lh_json_get_object_or_null(binding, "binding", "attach", &attach, err));
    if (attach) {
        LH_TRY(lh_json_get_string(attach, "attach", "path", &attach_path, err));
        LH_TRY(lh_json_get_string(attach, "attach", "name", &attach_name, err));
    }
    void **place = name_table_at(&b->asked, name);
    if (!*place)
        *place = lh_calloc(1, sizeof(struct answer));
    struct answer *a = *place;
    if (definition) {
        answer_clear(a);
        a->definition = lh_strdup(definition);
        a->attach_path = attach_path ? lh_strdup(attach_path) : NULL;
        a->attach_name = attach_name ? lh_strdup(attach_name) : NULL;
        lh_sha256_hex(definition, strlen(definition), a->digest);
    } else if (!a->definition) {
        return lh_fail(err, LH_INTERNAL, "the server says that \"%s\" is unchanged, but it was never bound", name);
    }
    a->stale = false;
    return LH_OK;
}

/* Send the question, take the answer.  Names without a binding in it are not datasets.  The hint, where there is one,
 * is put in `err` without making it a failure. */
static enum lh_code ask(struct worker *w, json_t *question, struct lh_err *err) {
    struct bindings *b = &w->bindings;
    LH_AUTO(json) json_t *answer = NULL;
    json_t *bindings, *failure;
    LH_TRY(frame_send_json(&w->channel, FRAME_NEED, question, -1, &FRAME_WAIT_FOREVER, err));
    LH_TRY(worker_wait_frame(w, FRAME_BIND, &answer, err));
    LH_TRY(lh_json_get_object_or_null(answer, "", "error", &failure, err));
    if (failure)
        return wire_error_from_json(failure, err);
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(question, "names"), i, one) {
        void **place = name_table_at(&b->asked, json_string_value(json_object_get(one, "name")));
        if (!*place)
            *place = lh_calloc(1, sizeof(struct answer));
        ((struct answer *)*place)->stale = true;
    }
    LH_TRY(lh_json_get_array(answer, "", "bindings", &bindings, err));
    json_array_foreach(bindings, i, one) LH_TRY(take_binding(b, one, err));
    json_array_foreach(json_object_get(question, "names"), i, one) {
        struct answer *a = answer_find(b, json_string_value(json_object_get(one, "name")));
        if (a->stale)
            answer_clear(a);
    }
    const char *suggestions = json_string_value(json_object_get(answer, "suggestions"));
    if (suggestions)
        lh_ignore(lh_err_hint(err, "%s", suggestions));
    return LH_OK;
}

/* Until the views of the new epoch are in order none is in force, so that a failure on the way is made good next
 * time. */
static void leave_epoch(struct bindings *b) {
    for (size_t i = 0; i < b->asked.capacity; i++) {
        if (b->asked.slots[i].name)
            ((struct answer *)b->asked.slots[i].value)->stale = true;
    }
    b->epoch = 0;
    b->all_asked = false;
}

/* Views of the epoch before: most are still true, and confirming costs less than making them again. */
static void want_confirmations(struct bindings *b, json_t *names) {
    size_t room = CONFIRM_MAX;
    for (size_t i = 0; i < b->views.capacity && room > 0; i++) {
        if (!b->views.slots[i].name)
            continue;
        const struct view *v = b->views.slots[i].value;
        const struct answer *a = answer_find(b, v->spelling);
        if (!a || !a->stale || !a->definition)
            continue;
        want(names, v->spelling, a);
        room--;
    }
}

/* Two spellings of one SQL name can be two datasets; a statement can hold only one of them. */
static enum lh_code check_spellings(const struct bindings *b, const char *name, const struct answer *a,
                                    const struct sql_scan *scan, size_t up_to, struct lh_err *err) {
    for (size_t i = 0; i < up_to; i++) {
        if (strcasecmp(scan->names[i], name) != 0)
            continue;
        const struct answer *other = answer_find(b, scan->names[i]);
        if (other && other->definition && strcmp(other->digest, a->digest) != 0)
            return lh_fail(err, LH_SQL, "this statement names both \"%s\" and \"%s\", which SQL cannot tell apart",
                           scan->names[i], name);
    }
    return LH_OK;
}

static enum lh_code ensure_views(struct worker *w, const struct sql_scan *scan, struct lh_err *err) {
    struct bindings *b = &w->bindings;
    for (size_t i = 0; i < scan->name_count; i++) {
        const struct answer *a = answer_find(b, scan->names[i]);
        if (!a || !a->definition)
            continue;
        LH_TRY(check_spellings(b, scan->names[i], a, scan, i, err));
        ensure_view(w, scan->names[i], a);
    }
    if (!scan->reads_catalog)
        return LH_OK;
    for (size_t i = 0; i < b->asked.capacity; i++) {
        const struct answer *a = b->asked.slots[i].name ? b->asked.slots[i].value : NULL;
        LH_AUTO(mem) char *key = a && a->definition ? lower_case(b->asked.slots[i].name) : NULL;
        if (key && !name_table_find(&b->views, key))
            ensure_view(w, b->asked.slots[i].name, a);
    }
    return LH_OK;
}

/* The first `confirmations` of the names are views of before, which this statement may not need at all: a past version that was vacuumed
 * meanwhile, or a dataset whose file is damaged, must not fail it. */
static enum lh_code ask_and_confirm(struct worker *w, json_t *question, size_t confirmations, struct lh_err *err) {
    json_t *names = json_object_get(question, "names");
    if (ask(w, question, err) == LH_OK || confirmations == 0)
        return err->code;
    *err = (struct lh_err)LH_ERR_INIT;
    while (confirmations-- > 0)
        json_array_remove(names, 0);
    return json_array_size(names) > 0 || json_object_get(question, "all") ? ask(w, question, err) : LH_OK;
}

enum lh_code bindings_prepare(struct worker *w, const struct sql_scan *scan, uint64_t epoch, struct lh_err *err) {
    struct bindings *b = &w->bindings;
    bool changed = epoch == 0 || epoch != b->epoch || b->asked.count > ASKED_MAX;
    if (changed)
        leave_epoch(b);
    LH_AUTO(json) json_t *question = json_object();
    json_t *names = json_array();
    json_object_set_new(question, "names", names);
    bool all = scan->reads_catalog && !b->all_asked;
    if (all)
        json_object_set_new(question, "all", json_true());
    if (changed && epoch != 0)
        want_confirmations(b, names);
    size_t confirmations = json_array_size(names);
    for (size_t i = 0; i < scan->name_count; i++) {
        const struct answer *a = answer_find(b, scan->names[i]);
        if (!a || a->stale)
            want(names, scan->names[i], a);
    }
    if (json_array_size(names) > 0 || all) {
        LH_TRY(ask_and_confirm(w, question, confirmations, err));
        b->all_asked = b->all_asked || all;
    }
    if (changed) {
        name_table_filter(&b->asked, keep_fresh_answer, NULL);
        name_table_filter(&b->views, keep_confirmed_view, w);
        b->epoch = epoch;
    }
    LH_TRY(ensure_views(w, scan, err));
    if (changed)
        name_table_filter(&b->attached, keep_read_file, w);
    return LH_OK;
}

json_t *bindings_reads(const struct bindings *b, const struct sql_scan *scan) {
    json_t *reads = json_array();
    for (size_t i = 0; i < scan->name_count; i++) {
        const struct answer *a = answer_find(b, scan->names[i]);
        if (a && a->definition && !qualified_is_momentary(scan->names[i]))
            json_array_append_new(reads, json_string(scan->names[i]));
    }
    return reads;
}

bool bindings_add_missing(struct worker *w, const char *name, struct lh_err *err) {
    struct bindings *b = &w->bindings;
    const struct answer *a = answer_find(b, name);
    if (!a || !a->definition) {
        LH_AUTO(json) json_t *question = json_object();
        json_t *names = json_array();
        json_object_set_new(question, "names", names);
        want(names, name, NULL);
        struct lh_err asked = LH_ERR_INIT;
        if (ask(w, question, &asked) != LH_OK) {
            *err = asked;
            return false;
        }
        if (asked.hint[0])
            lh_ignore(lh_err_hint(err, "%s", asked.hint));
        a = answer_find(b, name);
        if (!a || !a->definition)
            return false;
    }
    ensure_view(w, name, a);
    LH_AUTO(mem) char *key = lower_case(name);
    void **place = name_table_find(&b->views, key);
    const struct view *v = place ? *place : NULL;
    if (v && v->failure)
        *err = *v->failure;
    return v && !v->failure;
}
