#include "catalog/manifest.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/utf8.h"

#include <stdatomic.h>
#include <string.h>

#define NAME_MAX_BYTES 255

static unsigned char fold(char c) {
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

int manifest_name_compare(const char *a, const char *b) {
    for (;; a++, b++) {
        int difference = fold(*a) - fold(*b);
        if (difference != 0 || *a == '\0')
            return difference;
    }
}

enum lh_code manifest_name_check(const char *name, struct lh_err *err) {
    size_t len = name ? strlen(name) : 0;
    if (len == 0)
        return lh_fail(err, LH_INVALID, "a dataset's name must not be empty");
    if (len > NAME_MAX_BYTES)
        return lh_fail(err, LH_INVALID, "the dataset's name is %zu bytes long; at most %d are allowed", len,
                       NAME_MAX_BYTES);
    if (!utf8_valid(name, len, NULL))
        return lh_fail(err, LH_INVALID, "the dataset's name is not valid UTF-8");
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return lh_fail(err, LH_INVALID, "the dataset's name has a control character at byte %zu", i + 1);
    }
    return LH_OK;
}

enum lh_code manifest_new_name_check(const char *name, struct lh_err *err) {
    LH_TRY(manifest_name_check(name, err));
    for (const char *part = name;; part++) {
        size_t len = strcspn(part, "/");
        if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.')) {
            lh_fail(err, LH_INVALID, "the dataset's name has a part \"%.*s\" between slashes", (int)len, part);
            return lh_err_hint(err, "no URL could name it, since \".\" and \"..\" vanish there; choose another name");
        }
        part += len;
        if (*part == '\0')
            return LH_OK;
    }
}

struct manifest *manifest_new(const char *name) {
    struct arena *arena = arena_new();
    struct manifest *m = arena_alloc(arena, sizeof *m);
    m->arena = arena;
    m->name = arena_strdup(arena, name);
    atomic_init(&m->refs, 1);
    return m;
}

struct manifest *manifest_ref(struct manifest *m) {
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void manifest_unref(struct manifest *m) {
    if (m && atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) == 1)
        arena_free(m->arena);
}

static const char **copy_texts(struct arena *arena, const char **texts, size_t count) {
    if (count == 0)
        return NULL;
    const char **copy = arena_alloc(arena, count * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_strdup(arena, texts[i]);
    return copy;
}

static struct manifest_column *copy_columns(struct arena *arena, const struct manifest_column *columns, size_t count) {
    struct manifest_column *copy = arena_alloc(arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = columns[i];
        copy[i].name = arena_strdup(arena, columns[i].name);
        copy[i].type = arena_strdup(arena, columns[i].type);
        copy[i].description = arena_strdup(arena, columns[i].description);
        copy[i].flags = arena_alloc(arena, (columns[i].flag_count + 1) * sizeof *copy[i].flags);
        for (size_t j = 0; j < columns[i].flag_count; j++) {
            copy[i].flags[j] = columns[i].flags[j];
            copy[i].flags[j].kind = arena_strdup(arena, columns[i].flags[j].kind);
            copy[i].flags[j].reason = arena_strdup(arena, columns[i].flags[j].reason);
        }
    }
    return copy;
}

static struct manifest_file *copy_files(struct arena *arena, const struct manifest_file *files, size_t count) {
    struct manifest_file *copy = arena_alloc(arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = files[i];
        copy[i].bucket = arena_strdup(arena, files[i].bucket);
        copy[i].key = arena_strdup(arena, files[i].key);
        copy[i].sha256 = arena_strdup(arena, files[i].sha256);
    }
    return copy;
}

static struct manifest_lineage *copy_lineage(struct arena *arena, const struct manifest_lineage *lineage,
                                             size_t count) {
    struct manifest_lineage *copy = arena_alloc(arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = lineage[i];
        copy[i].source_system = arena_strdup(arena, lineage[i].source_system);
        copy[i].source_name = arena_strdup(arena, lineage[i].source_name);
        copy[i].source_sha256 = arena_strdup(arena, lineage[i].source_sha256);
        copy[i].job_id = arena_strdup(arena, lineage[i].job_id);
        copy[i].actor = arena_strdup(arena, lineage[i].actor);
    }
    return copy;
}

struct manifest *manifest_edit(const struct manifest *m) {
    struct manifest *copy = manifest_new(m->name);
    struct arena *arena = copy->arena;
    copy->id = arena_strdup(arena, m->id);
    copy->version = m->version;
    copy->previous_version = m->previous_version;
    copy->schema_version = m->schema_version;
    copy->created_us = m->created_us;
    copy->updated_us = m->updated_us;
    copy->untold_us = m->untold_us;
    copy->bucket = arena_strdup(arena, m->bucket);
    copy->description = arena_strdup(arena, m->description);
    copy->owner = arena_strdup(arena, m->owner);
    copy->sensitivity = arena_strdup(arena, m->sensitivity);
    copy->tags = copy_texts(arena, m->tags, m->tag_count);
    copy->tag_count = m->tag_count;
    copy->freshness_sla_s = m->freshness_sla_s;
    copy->primary_key = copy_texts(arena, m->primary_key, m->primary_key_count);
    copy->primary_key_count = m->primary_key_count;
    copy->columns = copy_columns(arena, m->columns, m->column_count);
    copy->column_count = m->column_count;
    copy->files = copy_files(arena, m->files, m->file_count);
    copy->file_count = m->file_count;
    copy->lineage = copy_lineage(arena, m->lineage, m->lineage_count);
    copy->lineage_count = m->lineage_count;
    copy->row_count = m->row_count;
    copy->size_bytes = m->size_bytes;
    copy->embedding_model = arena_strdup(arena, m->embedding_model);
    copy->embedding_refresh_policy = arena_strdup(arena, m->embedding_refresh_policy);
    copy->embedding_schedule = arena_strdup(arena, m->embedding_schedule);
    copy->embedding_refreshed_us = m->embedding_refreshed_us;
    return copy;
}

/* The arrays keep no spare room: each addition moves the array inside the arena.  Additions are few. */
static void *grown(struct arena *arena, const void *items, size_t count, size_t size) {
    char *copy = arena_alloc(arena, (count + 1) * size);
    if (count > 0)
        memcpy(copy, items, count * size);
    return copy;
}

struct manifest_file *manifest_add_file(struct manifest *m) {
    m->files = grown(m->arena, m->files, m->file_count, sizeof *m->files);
    return &m->files[m->file_count++];
}

struct manifest_column *manifest_add_column(struct manifest *m) {
    m->columns = grown(m->arena, m->columns, m->column_count, sizeof *m->columns);
    return &m->columns[m->column_count++];
}

struct manifest_lineage *manifest_add_lineage(struct manifest *m) {
    m->lineage = grown(m->arena, m->lineage, m->lineage_count, sizeof *m->lineage);
    return &m->lineage[m->lineage_count++];
}

void manifest_drop_changes(struct manifest *m, uint64_t version) {
    size_t kept = 0;
    for (size_t i = 0; i < m->file_count; i++) {
        const struct manifest_file *f = &m->files[i];
        if (f->role != FILE_CHANGES || f->added_version == 0 || f->added_version == version)
            m->files[kept++] = *f;
    }
    m->file_count = kept;
}

void manifest_sum_files(struct manifest *m) {
    m->row_count = 0;
    m->size_bytes = 0;
    for (size_t i = 0; i < m->file_count; i++) {
        if (m->files[i].role == FILE_BASE || m->files[i].role == FILE_DELTA) {
            m->row_count += m->files[i].row_count;
            m->size_bytes += m->files[i].size_bytes;
        }
    }
}

struct manifest_column *manifest_find_column(const struct manifest *m, const char *name) {
    for (size_t i = 0; i < m->column_count; i++) {
        if (manifest_name_compare(m->columns[i].name, name) == 0)
            return &m->columns[i];
    }
    return NULL;
}

void manifest_set_key(struct manifest *m, const char *const *columns, size_t count) {
    const char **copy = arena_alloc(m->arena, (count + 1) * sizeof *copy);
    for (size_t i = 0; i < count; i++)
        copy[i] = arena_strdup(m->arena, columns[i]);
    m->primary_key = copy;
    m->primary_key_count = count;
}

bool manifest_same_key(const struct manifest *a, const struct manifest *b) {
    if (a->primary_key_count != b->primary_key_count)
        return false;
    for (size_t i = 0; i < a->primary_key_count; i++) {
        if (manifest_name_compare(a->primary_key[i], b->primary_key[i]) != 0)
            return false;
    }
    return true;
}

bool manifest_same_schema(const struct manifest *a, const struct manifest *b) {
    if (a->column_count != b->column_count)
        return false;
    for (size_t i = 0; i < a->column_count; i++) {
        if (strcmp(a->columns[i].name, b->columns[i].name) != 0 || strcmp(a->columns[i].type, b->columns[i].type) != 0)
            return false;
    }
    return true;
}
