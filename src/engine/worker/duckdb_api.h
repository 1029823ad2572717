/* DuckDB's C API as a table of pointers, so that nothing links libduckdb.
 *
 * The engine host opens the library once, before it forks workers; the server never maps it.  Functions are called as
 * `api->query(connection, sql, &result)`: the member is the function's name without `duckdb_`, its type is that of the
 * declaration in duckdb.h.  To use one more function add a line to the list, nothing else.
 *
 * Rules for callers: a result and a prepared statement are destroyed even when the call that filled them failed; error
 * texts belong to them, are copied first, and may be NULL. */
#ifndef LH_ENGINE_WORKER_DUCKDB_API_H
#define LH_ENGINE_WORKER_DUCKDB_API_H

#include "base/error.h"

#include <duckdb.h>

/* X(name without duckdb_), by topic. */
#define DUCKDB_FUNCTIONS(X)                    \
    /* databases and connections */            \
    X(library_version)                         \
    X(create_config)                           \
    X(set_config)                              \
    X(destroy_config)                          \
    X(open_ext)                                \
    X(close)                                   \
    X(connect)                                 \
    X(disconnect)                              \
    X(interrupt)                               \
    X(query_progress)                          \
    X(free)                                    \
    X(malloc)                                  \
    /* statements */                           \
    X(query)                                   \
    X(extract_statements)                      \
    X(extract_statements_error)                \
    X(destroy_extracted)                       \
    X(prepare)                                 \
    X(prepare_extracted_statement)             \
    X(prepare_error)                           \
    X(prepared_statement_type)                 \
    X(prepared_statement_column_count)         \
    X(prepared_statement_column_name)          \
    X(prepared_statement_column_logical_type)  \
    X(nparams)                                 \
    X(parameter_name)                          \
    X(param_type)                              \
    X(bind_parameter_index)                    \
    X(bind_value)                              \
    X(bind_null)                               \
    X(clear_bindings)                          \
    X(destroy_prepare)                         \
    X(execute_prepared)                        \
    X(pending_prepared)                        \
    X(pending_prepared_streaming)              \
    X(pending_execute_task)                    \
    X(pending_execution_is_finished)           \
    X(pending_error)                           \
    X(execute_pending)                         \
    X(destroy_pending)                         \
    /* results */                              \
    X(fetch_chunk)                             \
    X(destroy_result)                          \
    X(result_error)                            \
    X(result_error_type)                       \
    X(result_return_type)                      \
    X(result_statement_type)                   \
    X(rows_changed)                            \
    X(row_count)                               \
    X(column_count)                            \
    X(column_name)                             \
    X(column_type)                             \
    X(column_logical_type)                     \
    X(value_varchar)                           \
    X(value_int64)                             \
    /* chunks and vectors */                   \
    X(create_data_chunk)                       \
    X(destroy_data_chunk)                      \
    X(data_chunk_get_size)                     \
    X(data_chunk_set_size)                     \
    X(data_chunk_reset)                        \
    X(data_chunk_get_column_count)             \
    X(data_chunk_get_vector)                   \
    X(vector_size)                             \
    X(vector_reference_vector)                 \
    X(vector_get_data)                         \
    X(vector_get_validity)                     \
    X(vector_get_column_type)                  \
    X(vector_ensure_validity_writable)         \
    X(vector_assign_string_element_len)        \
    X(validity_row_is_valid)                   \
    X(validity_set_row_invalid)                \
    X(list_vector_get_child)                   \
    X(list_vector_get_size)                    \
    X(list_vector_reserve)                     \
    X(list_vector_set_size)                    \
    X(struct_vector_get_child)                 \
    X(array_vector_get_child)                  \
    X(string_is_inlined)                       \
    X(string_t_length)                         \
    X(string_t_data)                           \
    /* logical types */                        \
    X(create_logical_type)                     \
    X(create_decimal_type)                     \
    X(create_list_type)                        \
    X(create_array_type)                       \
    X(destroy_logical_type)                    \
    X(get_type_id)                             \
    X(logical_type_get_alias)                  \
    X(decimal_width)                           \
    X(decimal_scale)                           \
    X(decimal_internal_type)                   \
    X(enum_internal_type)                      \
    X(enum_dictionary_size)                    \
    X(enum_dictionary_value)                   \
    X(list_type_child_type)                    \
    X(array_type_child_type)                   \
    X(array_type_array_size)                   \
    X(map_type_key_type)                       \
    X(map_type_value_type)                     \
    X(struct_type_child_count)                 \
    X(struct_type_child_name)                  \
    X(struct_type_child_type)                  \
    X(union_type_member_count)                 \
    X(union_type_member_name)                  \
    X(union_type_member_type)                  \
    /* single values */                        \
    X(create_null_value)                       \
    X(create_bool)                             \
    X(create_int64)                            \
    X(create_uint64)                           \
    X(create_double)                           \
    X(create_varchar_length)                   \
    X(create_list_value)                       \
    X(is_null_value)                           \
    X(destroy_value)                           \
    X(get_list_size)                           \
    X(get_list_child)                          \
    X(get_varchar)                             \
    X(get_value_type)                          \
    /* appender */                             \
    X(appender_create)                         \
    X(appender_create_ext)                     \
    X(appender_error)                          \
    X(appender_flush)                          \
    X(appender_close)                          \
    X(appender_destroy)                        \
    X(append_data_chunk)                       \
    /* Arrow */                                \
    X(connection_get_arrow_options)            \
    X(result_get_arrow_options)                \
    X(destroy_arrow_options)                   \
    X(to_arrow_schema)                         \
    X(data_chunk_to_arrow)                     \
    X(error_data_has_error)                    \
    X(error_data_message)                      \
    X(error_data_error_type)                   \
    X(destroy_error_data)                      \
    /* table functions */                      \
    X(create_table_function)                   \
    X(destroy_table_function)                  \
    X(table_function_set_name)                 \
    X(table_function_add_parameter)            \
    X(table_function_set_extra_info)           \
    X(table_function_set_bind)                 \
    X(table_function_set_init)                 \
    X(table_function_set_function)             \
    X(register_table_function)                 \
    X(bind_get_extra_info)                     \
    X(bind_add_result_column)                  \
    X(bind_set_bind_data)                      \
    X(bind_set_error)                          \
    X(init_set_init_data)                      \
    X(init_set_max_threads)                    \
    X(function_get_extra_info)                 \
    X(function_get_bind_data)                  \
    X(function_get_init_data)                  \
    X(function_set_error)                      \
    /* scalar functions */                     \
    X(create_scalar_function)                  \
    X(destroy_scalar_function)                 \
    X(scalar_function_set_name)                \
    X(scalar_function_add_parameter)           \
    X(scalar_function_set_varargs)             \
    X(scalar_function_set_special_handling)    \
    X(scalar_function_set_return_type)         \
    X(scalar_function_set_extra_info)          \
    X(scalar_function_set_bind)                \
    X(scalar_function_set_bind_data)           \
    X(scalar_function_set_bind_data_copy)      \
    X(scalar_function_bind_set_error)          \
    X(scalar_function_set_function)            \
    X(register_scalar_function)                \
    X(scalar_function_bind_get_extra_info)     \
    X(scalar_function_bind_get_argument)       \
    X(scalar_function_bind_get_argument_count) \
    X(scalar_function_get_bind_data)           \
    X(scalar_function_get_client_context)      \
    X(scalar_function_set_error)               \
    X(destroy_client_context)                  \
    X(expression_is_foldable)                  \
    X(expression_fold)                         \
    X(expression_return_type)                  \
    X(destroy_expression)

struct duckdb_api {
    void *library;   /* dlopen's handle */
    char path[4096]; /* what was opened */
#define DUCKDB_MEMBER(name) __typeof__(duckdb_##name) *name;
    DUCKDB_FUNCTIONS(DUCKDB_MEMBER)
#undef DUCKDB_MEMBER
};

/* Open the library and fill the table.  Looked for at $LAKEHOUSE_DUCKDB_LIB (and only there, where it is set), then
 * ../lib/lakehouse/libduckdb.so and ../lib/libduckdb.so beside the folder of the executable, then wherever the dynamic
 * linker looks.  LH_UNAVAILABLE names every place tried and what to do, or the function that the library lacks. */
LH_CHECKED enum lh_code duckdb_api_open(struct duckdb_api *ret_api, struct lh_err *err);

#endif
