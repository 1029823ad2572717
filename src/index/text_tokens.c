#include "index/text_tokens.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "index/text_signs.h"

#include <stdint.h>
#include <string.h>

#define TERM_MAX 128 /* bytes of a term with signs or spelled-out letters; longer words keep their plain term alone */

struct text_tokenizer {
    fts5_tokenizer stem; /* porter over unicode61 */
    Fts5Tokenizer *stem_self;
    unsigned version;
};

/* What a connection's tokenizers are made of: xCreate's context. */
struct maker {
    fts5_api *api;
    unsigned version;
};

typedef int emit_fn(void *ctx, int flags, const char *term, int len, int start, int end);

/* One text on its way through, or what stands of it between two runs of signs. */
struct walk {
    struct text_tokenizer *tokenizer;
    const char *text;
    int len;
    int offset; /* of `text` in the whole */
    bool query;
    struct held_sign *held;
    emit_fn *emit;
    void *ctx;
};

/* The last sign of a query's run: a term only where another one follows. */
struct held_sign {
    const char *text;
    int len; /* 0: none */
    int start;
};

static int emit(const struct walk *w, int flags, const char *term, int len, int start, int end) {
    struct held_sign held = *w->held;
    w->held->len = 0;
    if (held.len > 0) {
        int rc = w->emit(w->ctx, 0, held.text, held.len, held.start, held.start + held.len);
        if (rc != SQLITE_OK)
            return rc;
    }
    return w->emit(w->ctx, flags, term, len, w->offset + start, w->offset + end);
}

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Part of a word, as far as signs care: letters, digits, any byte of a character beyond ASCII. */
static bool is_word_byte(char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

static char at(const struct walk *w, int i) {
    return i >= 0 && i < w->len ? w->text[i] : ' ';
}

/* ---- names with signs ---- */

/* The length of the sign that ends the word at [start, end): "++" after letters, "#" after a single one. */
static int sign_after(const struct walk *w, int start, int end) {
    for (int i = start; i < end; i++)
        if (!is_letter(w->text[i]))
            return 0;
    if (at(w, end) == '+' && at(w, end + 1) == '+' && at(w, end + 2) != '+' && !is_word_byte(at(w, end + 2)))
        return 2;
    if (end - start == 1 && at(w, end) == '#' && at(w, end + 1) != '#' && !is_word_byte(at(w, end + 1)))
        return 1;
    return 0;
}

static bool is_dot_net(const struct walk *w, int start, int end) {
    return end - start == 3 && at(w, start - 1) == '.' && at(w, start - 2) != '.' && !is_word_byte(at(w, start - 2)) &&
           sqlite3_strnicmp(w->text + start, "net", 3) == 0;
}

static int emit_lower(const struct walk *w, int flags, int start, int end) {
    char term[TERM_MAX];
    int len = 0;
    for (int i = start; i < end; i++)
        term[len++] = (char)(w->text[i] >= 'A' && w->text[i] <= 'Z' ? w->text[i] + ('a' - 'A') : w->text[i]);
    return emit(w, flags, term, len, start, end);
}

/* ---- letters that are also spelled as two ---- */

/* The second byte of a letter in U+00C0..U+00FF, after 0xC3. */
static const char *spelled_out(unsigned char second) {
    switch (second) {
    case 0x84: /* A with diaeresis */
    case 0xA4:
    case 0x86: /* AE */
    case 0xA6: return "ae";
    case 0x96: /* O with diaeresis */
    case 0xB6:
    case 0x98: /* O with stroke */
    case 0xB8: return "oe";
    case 0x9C: /* U with diaeresis */
    case 0xBC: return "ue";
    case 0x9F: /* sharp s */ return "ss";
    case 0x85: /* A with ring */
    case 0xA5: return "aa";
    default: return NULL;
    }
}

/* The word with such letters spelled out; 0 where it has none, or is too long. */
static int spell_out(const char *word, int len, char ret_word[TERM_MAX]) {
    int n = 0;
    bool any = false;
    for (int i = 0; i < len; i++) {
        const char *two = NULL;
        if ((unsigned char)word[i] == 0xC3 && i + 1 < len)
            two = spelled_out((unsigned char)word[i + 1]);
        if (n + 2 > TERM_MAX)
            return 0;
        if (two) {
            ret_word[n++] = two[0];
            ret_word[n++] = two[1];
            any = true;
            i++;
        } else {
            ret_word[n++] = word[i];
        }
    }
    return any ? n : 0;
}

struct other_spelling {
    const struct walk *walk;
    int start, end;
};

static int emit_other_spelling(void *ctx, int flags, const char *term, int len, int start, int end) {
    const struct other_spelling *o = ctx;
    (void)flags, (void)start, (void)end;
    return emit(o->walk, FTS5_TOKEN_COLOCATED, term, len, o->start, o->end);
}

/* ---- the tokenizer ---- */

static int on_word(void *ctx, int flags, const char *term, int len, int start, int end) {
    const struct walk *w = ctx;
    int begin = is_dot_net(w, start, end) ? start - 1 : start;
    int sign = begin < start ? 0 : sign_after(w, start, end);
    if ((begin < start || sign) && end + sign - begin <= TERM_MAX) {
        /* A lone letter and its sign are one thing; a longer word is also found without. */
        if (w->query || end - start < 3)
            return emit_lower(w, flags, begin, end + sign);
        int rc = emit(w, flags, term, len, start, end);
        return rc == SQLITE_OK ? emit_lower(w, FTS5_TOKEN_COLOCATED, begin, end + sign) : rc;
    }
    int rc = emit(w, flags, term, len, start, end);
    char spelled[TERM_MAX];
    int spelled_len = rc == SQLITE_OK ? spell_out(w->text + start, end - start, spelled) : 0;
    if (spelled_len == 0)
        return rc;
    struct other_spelling o = {.walk = w, .start = start, .end = end};
    return w->tokenizer->stem.xTokenize(w->tokenizer->stem_self, &o, FTS5_TOKENIZE_AUX, spelled, spelled_len,
                                        emit_other_spelling);
}

/* ---- writing without spaces ---- */

static int walk_words(const struct walk *w, int flags) {
    return w->tokenizer->stem.xTokenize(w->tokenizer->stem_self, (void *)(uintptr_t)w, flags, w->text, w->len, on_word);
}

static int sign_at(const struct walk *w, int i) {
    return (int)text_sign_len(w->text + i, (size_t)(w->len - i));
}

/* The terms of the run of signs at `*at`, which comes to stand behind it. */
static int walk_signs(const struct walk *w, int *at) {
    int start = *at, size = sign_at(w, start), rc = SQLITE_OK;
    bool lone = true;
    while (size > 0 && rc == SQLITE_OK) {
        int next = sign_at(w, start + size);
        if (next > 0 || lone || !w->query)
            rc = emit(w, 0, w->text + start, size + next, start, start + size + next);
        else
            *w->held = (struct held_sign){w->text + start, size, w->offset + start};
        start += size;
        size = next;
        lone = false;
    }
    *at = start;
    return rc;
}

/* Runs of signs, and what stands between them as words. */
static int walk_shaped(const struct walk *w, int flags) {
    int rc = SQLITE_OK;
    for (int at = 0; at < w->len && rc == SQLITE_OK;) {
        int begin = at;
        while (at < w->len && ((unsigned char)w->text[at] < 0xE0 || sign_at(w, at) == 0))
            at++;
        struct walk words = *w;
        words.text = w->text + begin;
        words.len = at - begin;
        words.offset = w->offset + begin;
        if (at > begin)
            rc = walk_words(&words, flags);
        if (at < w->len && rc == SQLITE_OK)
            rc = walk_signs(w, &at);
    }
    return rc;
}

static int walk_text(const struct walk *whole, int flags) {
    struct walk w = *whole;
    struct held_sign held = {0};
    LH_AUTO(buf) struct buf shaped = BUF_INIT;
    w.held = &held;
    if (w.tokenizer->version < 2 || w.len <= 0 || !text_signs_possible(w.text, (size_t)w.len))
        return walk_words(&w, flags);
    text_signs_shape(w.text, (size_t)w.len, &shaped);
    w.text = buf_cstr(&shaped);
    w.len = (int)shaped.len;
    return walk_shaped(&w, flags);
}

static int tokenize(Fts5Tokenizer *self, void *ctx, int flags, const char *text, int len, emit_fn *emit_term) {
    const struct walk w = {.tokenizer = (struct text_tokenizer *)(void *)self,
                           .text = text,
                           .len = len,
                           .query = (flags & FTS5_TOKENIZE_QUERY) != 0,
                           .emit = emit_term,
                           .ctx = ctx};
    return walk_text(&w, flags);
}

static int create(void *ctx, const char **args, int arg_count, Fts5Tokenizer **ret_tokenizer) {
    static const char *stem_args[] = {"unicode61", "remove_diacritics", "2"};
    const struct maker *maker = ctx;
    fts5_api *fts = maker->api;
    void *stem_ctx = NULL;
    (void)args, (void)arg_count;
    struct text_tokenizer *t = lh_calloc(1, sizeof *t);
    t->version = maker->version;
    int rc = fts->xFindTokenizer(fts, "porter", &stem_ctx, &t->stem);
    if (rc == SQLITE_OK)
        rc = t->stem.xCreate(stem_ctx, stem_args, LH_ARRAY_LEN(stem_args), &t->stem_self);
    if (rc != SQLITE_OK) {
        lh_free(t);
        return rc;
    }
    *ret_tokenizer = (Fts5Tokenizer *)(void *)t;
    return SQLITE_OK;
}

void text_tokenizer_free(struct text_tokenizer *t) {
    if (!t)
        return;
    t->stem.xDelete(t->stem_self);
    lh_free(t);
}

static void destroy(Fts5Tokenizer *self) {
    text_tokenizer_free((struct text_tokenizer *)(void *)self);
}

static fts5_api *fts5_of(sqlite3 *db) {
    fts5_api *api = NULL;
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &stmt, NULL) == SQLITE_OK) {
        sqlite3_bind_pointer(stmt, 1, (void *)&api, "fts5_api_ptr", NULL);
        (void)sqlite3_step(stmt);
    }
    sqlite3_finalize(stmt);
    return api;
}

enum lh_code text_tokens_register(sqlite3 *db, unsigned version, struct text_tokenizer **ret_tokenizer,
                                  struct lh_err *err) {
    static fts5_tokenizer const methods = {.xCreate = create, .xDelete = destroy, .xTokenize = tokenize};
    struct maker *maker = lh_malloc(sizeof *maker);
    fts5_tokenizer copy = methods;
    Fts5Tokenizer *mine = NULL;
    *maker = (struct maker){fts5_of(db), version};
    int rc = maker->api ? create(maker, NULL, 0, &mine) : SQLITE_ERROR;
    if (rc == SQLITE_OK)
        rc = maker->api->xCreateTokenizer(maker->api, TEXT_TOKENIZER, maker, &copy, lh_free);
    if (rc != SQLITE_OK) {
        text_tokenizer_free((struct text_tokenizer *)(void *)mine);
        lh_free(maker);
        lh_fail(err, LH_UNSUPPORTED, "full-text search needs an SQLite with FTS5; this is %s without",
                sqlite3_libversion());
        return lh_err_hint(err, "Debian's libsqlite3-0 has it");
    }
    *ret_tokenizer = (struct text_tokenizer *)(void *)mine;
    return LH_OK;
}

/* ---- the parts of a query ---- */

struct parting {
    unsigned version;
    void (*each)(void *ctx, const struct text_part *part);
    void *ctx;
    const char *text; /* shaped */
    int end;          /* of what was told */
};

static int tell_part(void *ctx, int flags, const char *term, int len, int start, int end) {
    struct parting *p = ctx;
    size_t sign = p->version < 2 ? 0 : text_sign_len(term, (size_t)len);
    if (flags & FTS5_TOKEN_COLOCATED)
        return SQLITE_OK;
    if (sign == (size_t)len && start < p->end) /* the last of a run was in the part before */
        return SQLITE_OK;
    p->end = end;
    p->each(p->ctx,
            &(struct text_part){p->text + start, (size_t)(end - start), sign > 0, sign > 0 && sign == (size_t)len});
    return SQLITE_OK;
}

void text_tokens_parts(struct text_tokenizer *t, const char *text, size_t len,
                       void (*each)(void *ctx, const struct text_part *part), void *ctx) {
    LH_AUTO(buf) struct buf shaped = BUF_INIT;
    if (t->version < 2)
        buf_append(&shaped, text, len);
    else
        text_signs_shape(text, len, &shaped);
    struct parting p = {.version = t->version, .each = each, .ctx = ctx, .text = buf_cstr(&shaped)};
    (void)tokenize((Fts5Tokenizer *)(void *)t, &p, FTS5_TOKENIZE_QUERY, p.text, (int)shaped.len, tell_part);
}
