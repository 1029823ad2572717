#include "engine/worker/column.h"

#include "base/alloc.h"

enum lh_code column_fail(const struct column *c, struct lh_err *err, const char *why, const char *cast_to) {
    const char *name = c->name[0] ? c->name : "(unnamed)";
    lh_ignore(lh_fail(err, LH_DATA, "column \"%s\": %s", name, why));
    return lh_err_hint(err, "cast it: CAST(\"%s\" AS %s)", name, cast_to);
}

static int storage_of(const struct duckdb_api *duckdb, duckdb_logical_type type, int id) {
    switch (id) {
    case DUCKDB_TYPE_DECIMAL: return (int)duckdb->decimal_internal_type(type);
    case DUCKDB_TYPE_ENUM: return (int)duckdb->enum_internal_type(type);
    default: return id;
    }
}

static void read_labels(struct column *c, const struct duckdb_api *duckdb, duckdb_logical_type type) {
    c->label_count = duckdb->enum_dictionary_size(type);
    c->labels = lh_calloc(c->label_count, sizeof *c->labels);
    c->label_lens = lh_calloc(c->label_count, sizeof *c->label_lens);
    for (size_t i = 0; i < c->label_count; i++) {
        char *label = duckdb->enum_dictionary_value(type, i);
        c->labels[i] = lh_strdup(label ? label : "");
        c->label_lens[i] = strlen(c->labels[i]);
        duckdb->free(label);
    }
}

static void init_plain(struct column *c, int type, const char *name) {
    *c = (struct column){.type = type, .storage = type, .name = lh_strdup(name)};
}

static void add_children(struct column *c, size_t count) {
    c->children = lh_calloc(count, sizeof *c->children);
    c->child_count = count;
}

/* `type` was allocated by DuckDB and ends here. */
static enum lh_code init_element(struct column *child, const struct duckdb_api *duckdb, const char *name,
                                 duckdb_logical_type type, struct lh_err *err) {
    enum lh_code code = column_init(child, duckdb, name, type, err);
    duckdb->destroy_logical_type(&type);
    return code;
}

/* So was `name`. */
static enum lh_code init_member(struct column *child, const struct duckdb_api *duckdb, char *name,
                                duckdb_logical_type type, struct lh_err *err) {
    enum lh_code code = init_element(child, duckdb, name ? name : "", type, err);
    duckdb->free(name);
    return code;
}

static enum lh_code init_map(struct column *c, const struct duckdb_api *duckdb, duckdb_logical_type type,
                             struct lh_err *err) {
    add_children(c, 1);
    struct column *entries = &c->children[0];
    init_plain(entries, DUCKDB_TYPE_STRUCT, "entries");
    add_children(entries, 2);
    LH_TRY(init_element(&entries->children[0], duckdb, "key", duckdb->map_type_key_type(type), err));
    return init_element(&entries->children[1], duckdb, "value", duckdb->map_type_value_type(type), err);
}

static enum lh_code init_struct(struct column *c, const struct duckdb_api *duckdb, duckdb_logical_type type,
                                struct lh_err *err) {
    add_children(c, duckdb->struct_type_child_count(type));
    for (size_t i = 0; i < c->child_count; i++)
        LH_TRY(init_member(&c->children[i], duckdb, duckdb->struct_type_child_name(type, i),
                           duckdb->struct_type_child_type(type, i), err));
    c->unnamed = c->child_count > 0 && c->children[0].name[0] == '\0';
    return LH_OK;
}

static enum lh_code init_union(struct column *c, const struct duckdb_api *duckdb, duckdb_logical_type type,
                               struct lh_err *err) {
    size_t members = duckdb->union_type_member_count(type);
    add_children(c, 1 + members);
    init_plain(&c->children[0], DUCKDB_TYPE_UTINYINT, "");
    for (size_t i = 0; i < members; i++)
        LH_TRY(init_member(&c->children[1 + i], duckdb, duckdb->union_type_member_name(type, i),
                           duckdb->union_type_member_type(type, i), err));
    return LH_OK;
}

static enum lh_code init_type(struct column *c, const struct duckdb_api *duckdb, duckdb_logical_type type,
                              struct lh_err *err) {
    switch (c->type) {
    case DUCKDB_TYPE_DECIMAL:
        c->width = duckdb->decimal_width(type);
        c->scale = duckdb->decimal_scale(type);
        return LH_OK;
    case DUCKDB_TYPE_VARCHAR: {
        char *alias = duckdb->logical_type_get_alias(type);
        c->is_json = alias && strcmp(alias, "JSON") == 0;
        duckdb->free(alias);
        return LH_OK;
    }
    case DUCKDB_TYPE_ENUM: read_labels(c, duckdb, type); return LH_OK;
    case DUCKDB_TYPE_LIST:
        add_children(c, 1);
        return init_element(c->children, duckdb, c->name, duckdb->list_type_child_type(type), err);
    case DUCKDB_TYPE_ARRAY:
        c->array_size = duckdb->array_type_array_size(type);
        add_children(c, 1);
        return init_element(c->children, duckdb, c->name, duckdb->array_type_child_type(type), err);
    case DUCKDB_TYPE_MAP: return init_map(c, duckdb, type, err);
    case DUCKDB_TYPE_STRUCT: return init_struct(c, duckdb, type, err);
    case DUCKDB_TYPE_UNION: return init_union(c, duckdb, type, err);
    default: return LH_OK;
    }
}

static bool has_plain_form(int type) {
    switch (type) {
    case DUCKDB_TYPE_INVALID:
    case DUCKDB_TYPE_ANY:
    case DUCKDB_TYPE_STRING_LITERAL:
    case DUCKDB_TYPE_INTEGER_LITERAL: return false;
    default: return type <= COLUMN_TYPE_GEOMETRY;
    }
}

enum lh_code column_init(struct column *ret_column, const struct duckdb_api *duckdb, const char *name,
                         duckdb_logical_type type, struct lh_err *err) {
    struct column c;
    int id = (int)duckdb->get_type_id(type);
    init_plain(&c, id, name);
    c.storage = storage_of(duckdb, type, id);
    enum lh_code code;
    if (id == COLUMN_TYPE_VARIANT)
        code = column_fail(&c, err, "a VARIANT has no form outside DuckDB", "JSON");
    else if (!has_plain_form(id))
        code = column_fail(&c, err, "its type has no form outside DuckDB", "VARCHAR");
    else
        code = init_type(&c, duckdb, type, err);
    if (code != LH_OK) {
        column_deinit(&c);
        return code;
    }
    *ret_column = c;
    return LH_OK;
}

void column_deinit(struct column *c) {
    for (size_t i = 0; i < c->child_count; i++)
        column_deinit(&c->children[i]);
    for (size_t i = 0; i < c->label_count; i++)
        lh_free(c->labels[i]);
    lh_free(c->children);
    lh_free(c->labels);
    lh_free(c->label_lens);
    lh_free(c->name);
    *c = (struct column){.type = DUCKDB_TYPE_INVALID};
}

void column_bind(struct column *c, const struct duckdb_api *duckdb, duckdb_vector vector) {
    c->data = duckdb->vector_get_data(vector);
    c->validity = duckdb->vector_get_validity(vector);
    switch (c->type) {
    case DUCKDB_TYPE_LIST:
    case DUCKDB_TYPE_MAP: column_bind(c->children, duckdb, duckdb->list_vector_get_child(vector)); break;
    case DUCKDB_TYPE_ARRAY: column_bind(c->children, duckdb, duckdb->array_vector_get_child(vector)); break;
    case DUCKDB_TYPE_STRUCT:
    case DUCKDB_TYPE_UNION:
        for (size_t i = 0; i < c->child_count; i++)
            column_bind(&c->children[i], duckdb, duckdb->struct_vector_get_child(vector, i));
        break;
    default: break;
    }
}
