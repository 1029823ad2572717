/* The route table, /openapi.json and docs/http.md say the same.  LAKEHOUSE_WRITE_DOCS=1 makes this test write docs/http.md. */
#include "gateway/openapi.h"
#include "gateway/routes.h"
#include "gateway/schemas.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "os/file.h"
#include "os/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#define PAGE LH_TEST_SOURCE_DIR "/docs/http.md"

static void test_the_page_is_what_the_table_says(void **state) {
    (void)state;
    LH_AUTO(buf) struct buf wanted = BUF_INIT;
    LH_AUTO(buf) struct buf found = BUF_INIT;
    struct lh_err err = LH_ERR_INIT;
    openapi_markdown(gateway_routes, gateway_route_count, &wanted);
    if (getenv("LAKEHOUSE_WRITE_DOCS"))
        assert_int_equal(os_write_file_atomic(os_real(), AT_FDCWD, PAGE, wanted.data, wanted.len, 0644, &err), LH_OK);
    enum lh_code code = os_read_file(os_real(), AT_FDCWD, PAGE, 1 << 20, &found, &err);
    if (code != LH_OK || strcmp(found.data, wanted.data) != 0)
        fail_msg("docs/http.md is not what src/gateway/routes.c says; renew it:\n"
                 "    LAKEHOUSE_WRITE_DOCS=1 build/release/tests/unit_gateway_docs");
}

static void test_every_route_is_in_the_document(void **state) {
    (void)state;
    LH_AUTO(json) json_t *document = openapi_document(gateway_routes, gateway_route_count);
    assert_non_null(document);
    json_t *paths = json_object_get(document, "paths");
    size_t operations = 0;
    const char *path;
    json_t *item;
    json_object_foreach(paths, path, item) {
        operations += json_object_size(item);
    }
    assert_int_equal(operations, gateway_route_count);
    for (size_t i = 0; i < gateway_route_count; i++) {
        const struct route *r = &gateway_routes[i];
        LH_AUTO(buf) struct buf key = BUF_INIT;
        for (const char *p = r->path; *p; p++)
            if (*p != '*')
                buf_append_char(&key, *p);
        char method[8];
        for (size_t k = 0; k < sizeof method; k++) {
            method[k] = http_method_name(r->method)[k];
            if (method[k] == '\0')
                break;
            method[k] = (char)(method[k] | 0x20);
        }
        json_t *operation = json_object_get(json_object_get(paths, key.data), method);
        if (!operation)
            fail_msg("%s %s is missing", method, r->path);
        assert_string_equal(json_string_value(json_object_get(operation, "summary")), r->summary);
        const char *summary_end = r->summary + strlen(r->summary) - 1;
        assert_int_not_equal(*summary_end, '.');
    }
}

/* A reference that points nowhere would only show in somebody's client generator. */
static void check_references(const json_t *document, const json_t *value) {
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_object(value)) {
        json_object_foreach((json_t *)(uintptr_t)value, key, member) {
            if (strcmp(key, "$ref") == 0) {
                const char *name = strrchr(json_string_value(member), '/') + 1;
                if (!schema_find(name))
                    fail_msg("%s is no schema", name);
            }
            check_references(document, member);
        }
    }
    json_array_foreach(value, i, member) {
        check_references(document, member);
    }
}

static void test_references_and_names(void **state) {
    (void)state;
    LH_AUTO(json) json_t *document = openapi_document(gateway_routes, gateway_route_count);
    check_references(document, document);
    for (size_t i = 0; i < gateway_route_count; i++) {
        const char *names[] = {gateway_routes[i].request_schema, gateway_routes[i].response_schema};
        for (size_t k = 0; k < 2; k++)
            if (names[k] && !schema_find(names[k]) && !strchr(names[k], '/'))
                fail_msg("%s of %s is neither a schema nor a media type", names[k], gateway_routes[i].path);
    }
}

static void test_the_table_makes_a_router(void **state) {
    (void)state;
    router_free(router_new(gateway_routes, gateway_route_count)); /* aborts on a path that stands there twice */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_page_is_what_the_table_says),
        cmocka_unit_test(test_every_route_is_in_the_document),
        cmocka_unit_test(test_references_and_names),
        cmocka_unit_test(test_the_table_makes_a_router),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
