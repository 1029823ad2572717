#include "twin/object_store_faulty.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/os.h"
#include "store/object_store_ops.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define RULES_MAX 16

struct blob {      /* immutable once stored; shared by the store and its readers */
    unsigned refs; /* under the store's lock */
    char *data;
    size_t len;
};

struct entry {
    char *key;
    struct blob *blob;
    int64_t mtime_us;
    unsigned long long version; /* the ETag */
};

struct armed_rule {
    struct faulty_rule rule;
    unsigned seen;
};

struct faulty_store {
    struct object_store base;
    pthread_mutex_t lock;  /* guards all below */
    struct entry *entries; /* sorted by key */
    size_t count;
    unsigned long long next_version;
    struct armed_rule rules[RULES_MAX];
    size_t rule_count;
    unsigned calls[FAULTY_OPS];
};

struct faulty_writer {
    struct object_writer base;
    struct buf data;
};

struct faulty_reader {
    struct object_reader base;
    struct blob *blob;
    size_t at;
    size_t end;
};

static struct faulty_store *faulty_of(struct object_store *s) {
    return (struct faulty_store *)s;
}

/* ---- rules ---- */

static bool rule_hits(struct armed_rule *armed, enum faulty_op op, const char *key) {
    const struct faulty_rule *r = &armed->rule;
    if (r->op != op || (r->key_prefix && strncmp(key, r->key_prefix, strlen(r->key_prefix)) != 0))
        return false;
    armed->seen++;
    return r->nth == 0 || r->nth == armed->seen;
}

/* The rule for this call, by value; false where none applies. */
static bool take_rule(struct faulty_store *s, enum faulty_op op, const char *key, struct faulty_rule *ret_rule) {
    bool hit = false;
    pthread_mutex_lock(&s->lock);
    s->calls[op]++;
    for (size_t i = 0; i < s->rule_count && !hit; i++) {
        hit = rule_hits(&s->rules[i], op, key);
        if (hit)
            *ret_rule = s->rules[i].rule;
    }
    pthread_mutex_unlock(&s->lock);
    if (hit && ret_rule->kind == FAULTY_DELAY)
        os_sleep_ms(os_real(), ret_rule->delay_ms);
    return hit;
}

/* For the calls that change nothing: fails where a rule says so. */
static enum lh_code meet_rule(struct faulty_store *s, enum faulty_op op, const char *key, struct lh_err *err) {
    struct faulty_rule rule;
    if (take_rule(s, op, key, &rule) && rule.kind == FAULTY_FAIL)
        return lh_fail(err, rule.code, "injected failure on \"%s\"", key);
    return LH_OK;
}

void object_store_faulty_add(struct object_store *base, struct faulty_rule rule) {
    struct faulty_store *s = faulty_of(base);
    pthread_mutex_lock(&s->lock);
    if (s->rule_count < RULES_MAX)
        s->rules[s->rule_count++] = (struct armed_rule){.rule = rule};
    pthread_mutex_unlock(&s->lock);
}

void object_store_faulty_clear(struct object_store *base) {
    struct faulty_store *s = faulty_of(base);
    pthread_mutex_lock(&s->lock);
    s->rule_count = 0;
    pthread_mutex_unlock(&s->lock);
}

unsigned object_store_faulty_calls(struct object_store *base, enum faulty_op op) {
    struct faulty_store *s = faulty_of(base);
    pthread_mutex_lock(&s->lock);
    unsigned calls = s->calls[op];
    pthread_mutex_unlock(&s->lock);
    return calls;
}

/* ---- entries; all under the lock ---- */

/* The first entry that is not less than `key`. */
static size_t lower_bound(const struct faulty_store *s, const char *key) {
    size_t low = 0;
    for (size_t high = s->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(s->entries[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct entry *find(struct faulty_store *s, const char *key) {
    size_t at = lower_bound(s, key);
    return at < s->count && strcmp(s->entries[at].key, key) == 0 ? &s->entries[at] : NULL;
}

/* S7. */
static bool folder_clash(struct faulty_store *s, const char *key) {
    LH_AUTO(mem) char *slashed = lh_asprintf("%s/", key);
    size_t at = lower_bound(s, slashed);
    if (at < s->count && strncmp(s->entries[at].key, slashed, strlen(slashed)) == 0)
        return true;
    for (const char *slash = strchr(key, '/'); slash; slash = strchr(slash + 1, '/')) {
        LH_AUTO(mem) char *folder = lh_strndup(key, (size_t)(slash - key));
        if (find(s, folder))
            return true;
    }
    return false;
}

static void blob_unref(struct blob *b) {
    if (--b->refs == 0) {
        lh_free(b->data);
        lh_free(b);
    }
}

static void fill_info(const struct entry *e, struct object_info *ret_info) {
    memcpy(ret_info->key, e->key, strlen(e->key) + 1);
    ret_info->size_bytes = e->blob->len;
    ret_info->mtime_us = e->mtime_us;
    snprintf(ret_info->etag, sizeof ret_info->etag, "v%llu", e->version);
}

static struct entry *insert(struct faulty_store *s, const char *key) {
    size_t at = lower_bound(s, key);
    s->entries = lh_realloc(s->entries, (s->count + 1) * sizeof *s->entries);
    memmove(&s->entries[at + 1], &s->entries[at], (s->count - at) * sizeof *s->entries);
    s->count++;
    s->entries[at] = (struct entry){.key = lh_strdup(key)};
    return &s->entries[at];
}

/* Takes over `data`. */
static enum lh_code store(struct faulty_store *s, const char *key, struct buf *data, enum object_put_mode mode,
                          struct object_info *ret_info, struct lh_err *err) {
    struct entry *e = find(s, key);
    if (e && mode == OBJECT_PUT_IF_ABSENT)
        return object_fail_exists(key, err);
    if (folder_clash(s, key))
        return object_fail_folder(key, err);
    if (e)
        blob_unref(e->blob);
    else
        e = insert(s, key);
    e->blob = lh_calloc(1, sizeof *e->blob);
    e->blob->refs = 1;
    e->blob->len = data->len;
    e->blob->data = buf_detach(data);
    e->mtime_us = os_realtime_us(os_real());
    e->version = ++s->next_version;
    fill_info(e, ret_info);
    return LH_OK;
}

static enum lh_code put(struct faulty_store *s, const char *key, struct buf *data, enum object_put_mode mode,
                        struct object_info *ret_info, struct lh_err *err) {
    struct faulty_rule rule = {.kind = FAULTY_DELAY};
    take_rule(s, FAULTY_PUT, key, &rule);
    if (rule.kind == FAULTY_FAIL)
        return lh_fail(err, rule.code, "injected failure on \"%s\"", key);
    if (rule.kind == FAULTY_LOSE_REQUEST)
        return lh_fail(err, LH_UNKNOWN_OUTCOME, "injected lost request of \"%s\"", key);
    if (rule.kind == FAULTY_FLIP_BIT && data->len)
        data->data[data->len / 2] ^= 0x10;
    if (rule.kind == FAULTY_TRUNCATE)
        buf_truncate(data, data->len / 2);
    pthread_mutex_lock(&s->lock);
    enum lh_code code = store(s, key, data, mode, ret_info, err);
    pthread_mutex_unlock(&s->lock);
    if (rule.kind == FAULTY_LOSE_REPLY)
        return lh_fail(err, LH_UNKNOWN_OUTCOME, "injected lost reply to \"%s\"", key);
    return code;
}

/* ---- slots ---- */

static enum lh_code faulty_writer_open(struct object_store *s, const char *key, struct object_writer **ret_writer,
                                       struct lh_err *err) {
    (void)s, (void)key, (void)err;
    struct faulty_writer *w = lh_calloc(1, sizeof *w);
    *ret_writer = &w->base;
    return LH_OK;
}

static enum lh_code faulty_writer_write(struct object_writer *w, const void *data, size_t len, struct lh_err *err) {
    (void)err;
    buf_append(&((struct faulty_writer *)w)->data, data, len);
    return LH_OK;
}

static enum lh_code faulty_writer_commit(struct object_writer *w, enum object_put_mode mode,
                                         struct object_info *ret_info, struct lh_err *err) {
    return put(faulty_of(w->store), w->key, &((struct faulty_writer *)w)->data, mode, ret_info, err);
}

static void faulty_writer_free(struct object_writer *w) {
    buf_release(&((struct faulty_writer *)w)->data);
    lh_free(w);
}

static enum lh_code faulty_put_file(struct object_store *s, const char *key, const char *path,
                                    enum object_put_mode mode, struct object_info *ret_info, struct lh_err *err) {
    LH_AUTO(buf) struct buf data = BUF_INIT;
    LH_TRY(os_read_file(os_real(), AT_FDCWD, path, SIZE_MAX / 2, &data, err));
    LH_TRY(put(faulty_of(s), key, &data, mode, ret_info, err));
    return os_unlink(os_real(), AT_FDCWD, path, err);
}

static enum lh_code faulty_reader_open(struct object_store *base, const char *key, struct object_range range,
                                       struct object_reader **ret_reader, struct object_info *ret_info,
                                       struct lh_err *err) {
    struct faulty_store *s = faulty_of(base);
    LH_TRY(meet_rule(s, FAULTY_READ, key, err));
    uint64_t offset = 0;
    uint64_t length = 0;
    struct blob *blob = NULL;
    pthread_mutex_lock(&s->lock);
    const struct entry *e = find(s, key);
    enum lh_code code =
        e ? object_range_resolve(key, e->blob->len, range, &offset, &length, err) : object_fail_not_found(key, err);
    if (code == LH_OK) {
        blob = e->blob;
        blob->refs++;
        fill_info(e, ret_info);
    }
    pthread_mutex_unlock(&s->lock);
    if (code != LH_OK)
        return code;
    struct faulty_reader *r = lh_calloc(1, sizeof *r);
    r->blob = blob;
    r->at = (size_t)offset;
    r->end = (size_t)(offset + length);
    *ret_reader = &r->base;
    return LH_OK;
}

static enum lh_code faulty_reader_read(struct object_reader *base, void *data, size_t cap, size_t *ret_len,
                                       struct lh_err *err) {
    (void)err;
    struct faulty_reader *r = (struct faulty_reader *)base;
    size_t len = r->end - r->at < cap ? r->end - r->at : cap;
    if (len)
        memcpy(data, r->blob->data + r->at, len);
    r->at += len;
    *ret_len = len;
    return LH_OK;
}

static void faulty_reader_close(struct object_reader *base) {
    struct faulty_reader *r = (struct faulty_reader *)base;
    struct faulty_store *s = faulty_of(base->store);
    pthread_mutex_lock(&s->lock);
    blob_unref(r->blob);
    pthread_mutex_unlock(&s->lock);
    lh_free(r);
}

static enum lh_code faulty_head(struct object_store *base, const char *key, struct object_info *ret_info,
                                struct lh_err *err) {
    struct faulty_store *s = faulty_of(base);
    LH_TRY(meet_rule(s, FAULTY_HEAD, key, err));
    pthread_mutex_lock(&s->lock);
    const struct entry *e = find(s, key);
    if (e)
        fill_info(e, ret_info);
    pthread_mutex_unlock(&s->lock);
    return e ? LH_OK : object_fail_not_found(key, err);
}

static enum lh_code faulty_list(struct object_store *base, const char *prefix, const char *after, size_t limit,
                                struct object_info *ret_items, size_t *ret_count, bool *ret_more, struct lh_err *err) {
    struct faulty_store *s = faulty_of(base);
    LH_TRY(meet_rule(s, FAULTY_LIST, prefix, err));
    size_t count = 0;
    bool more = false;
    pthread_mutex_lock(&s->lock);
    for (size_t i = lower_bound(s, prefix); i < s->count && !more; i++) {
        const struct entry *e = &s->entries[i];
        if (strncmp(e->key, prefix, strlen(prefix)) != 0)
            break;
        if (strcmp(e->key, after) <= 0)
            continue;
        more = count == limit;
        if (!more)
            fill_info(e, &ret_items[count++]);
    }
    pthread_mutex_unlock(&s->lock);
    *ret_count = count;
    *ret_more = more;
    return LH_OK;
}

static void remove_entry(struct faulty_store *s, struct entry *e) {
    size_t at = (size_t)(e - s->entries);
    blob_unref(e->blob);
    lh_free(e->key);
    s->count--;
    memmove(e, e + 1, (s->count - at) * sizeof *e);
}

static enum lh_code faulty_delete(struct object_store *base, const char *key, struct lh_err *err) {
    struct faulty_store *s = faulty_of(base);
    struct faulty_rule rule = {.kind = FAULTY_DELAY};
    take_rule(s, FAULTY_DELETE, key, &rule);
    if (rule.kind == FAULTY_FAIL)
        return lh_fail(err, rule.code, "injected failure on \"%s\"", key);
    if (rule.kind == FAULTY_LOSE_REQUEST)
        return lh_fail(err, LH_UNKNOWN_OUTCOME, "injected lost request of \"%s\"", key);
    pthread_mutex_lock(&s->lock);
    struct entry *e = find(s, key);
    if (e)
        remove_entry(s, e);
    pthread_mutex_unlock(&s->lock);
    if (rule.kind == FAULTY_LOSE_REPLY)
        return lh_fail(err, LH_UNKNOWN_OUTCOME, "injected lost reply to \"%s\"", key);
    return e ? LH_OK : object_fail_not_found(key, err);
}

static enum lh_code faulty_local_path(struct object_store *s, const char *key, struct arena *arena,
                                      const char **ret_path, struct lh_err *err) {
    (void)s, (void)arena, (void)ret_path;
    return lh_fail(err, LH_UNSUPPORTED, "object \"%s\" is in memory and has no path", key);
}

static const char *faulty_local_root(struct object_store *s) {
    (void)s;
    return "";
}

static enum lh_code faulty_ping(struct object_store *s, struct lh_err *err) {
    return meet_rule(faulty_of(s), FAULTY_HEAD, "", err);
}

static enum lh_code faulty_check_writable(struct object_store *s, struct lh_err *err) {
    (void)s;
    (void)err;
    return LH_OK;
}

static void faulty_free(struct object_store *base) {
    struct faulty_store *s = faulty_of(base);
    while (s->count > 0)
        remove_entry(s, &s->entries[s->count - 1]);
    lh_free(s->entries);
    pthread_mutex_destroy(&s->lock);
    lh_free(s);
}

static const struct object_store_ops faulty_ops = {
    .backend = "memory",
    .writer_open = faulty_writer_open,
    .writer_write = faulty_writer_write,
    .writer_commit = faulty_writer_commit,
    .writer_free = faulty_writer_free,
    .put_file = faulty_put_file,
    .reader_open = faulty_reader_open,
    .reader_read = faulty_reader_read,
    .reader_close = faulty_reader_close,
    .head = faulty_head,
    .list = faulty_list,
    .delete = faulty_delete,
    .local_path = faulty_local_path,
    .local_root = faulty_local_root,
    .ping = faulty_ping,
    .check_writable = faulty_check_writable,
    .free = faulty_free,
};

struct object_store *object_store_new_faulty(void) {
    struct faulty_store *s = lh_calloc(1, sizeof *s);
    s->base.ops = &faulty_ops;
    pthread_mutex_init(&s->lock, NULL);
    return &s->base;
}
