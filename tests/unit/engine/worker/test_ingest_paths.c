/* The fast path (DuckDB on the file, types from a sample) and the thorough one (every value looked at first) must give the same
 * types, rows and rejects.  Each file is clean but for one late value that the sample does not see. */
#include "ingest_task.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const bases[] = {
    "17",         "12.50",      "true",       "2024-01-31", "2024-01-31 08:30:00",  "2024-01-31T08:30:00Z",
    "31.01.2024", "31/01/2024", "01-31-2024", "\"12,5\"",   "12345678901234567890", "word",
    "\"17\"",     "1.5e3",
};
static const char *const late[] = {
    "18",
    "007",
    "-0",
    "+5",
    " 5",
    "5 ",
    "1e5",
    "1.5e3",
    "1_000",
    "0x1F",
    "inf",
    "NaN",
    "1.5",
    ".5",
    "5.",
    "-",
    "9223372036854775808",
    "12345678901234567890123456789012345678901",
    "0.1234567890123456",
    "TRUE",
    "t",
    "yes",
    "0",
    "1",
    "n/a",
    "\"\"",
    "\"a,b\"",
    "2024-1-2",
    "2024-02-30",
    "2024-02-29",
    "0000-01-01",
    "epoch",
    "2024-01-31 24:00",
    "2024-01-31 08:30",
    "2024-01-31 08:30:00.1234567",
    "2024-01-31 08:30:00+02",
    "2024-01-31 08:30:00+25:00",
    "1.2.24",
    "1.2.2024",
    "32.01.2024",
    "02/03/2024",
    "13/13/2024",
    "02-03-2024",
    "\"1.234,5\"",
    "\"1,2,3\"",
    "x\ty",
    "\"q\"\"q\"",
    "\"two\nlines\"",
    "un\"quoted",
    "\"bad\"x",
    "a,b,c",
    "\"open",
};

static void write_file(const char *path, const char *base, const char *value) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    struct lh_err err = LH_ERR_INIT;
    buf_append_str(&text, "id,v,s\n");
    for (int i = 0; i < 150; i++)
        buf_printf(&text, "%d,%s,text %d\n", i, base, i);
    buf_printf(&text, "150,%s,end\n151,%s,end\n", value, base);
    assert_int_equal(os_write_file_atomic(os_real(), AT_FDCWD, path, text.data, text.len, 0600, &err), LH_OK);
}

/* What has to be equal: types, rows, rejects. */
static json_t *outcome(struct ingest_task *t, const char *path, int sample_bytes) {
    LH_AUTO(json) json_t *request = json_pack("{s:s, s:i}", "name", "x.csv", "sample_bytes", sample_bytes);
    LH_AUTO(json) json_t *answer = NULL;
    struct lh_err err = LH_ERR_INIT;
    if (ingest_task_run(t, path, request, &answer, &err) != LH_OK)
        return json_pack("{s:s}", "error", err.message);
    json_t *types = json_array(), *column;
    size_t i;
    json_array_foreach(json_object_get(answer, "columns"), i, column)
        json_array_append(types, json_object_get(column, "type"));
    return json_pack("{s:o, s:o, s:o}", "types", types, "rows", ingest_task_rows(t), "rejects", ingest_task_rejects(t));
}

static void test_both_paths_agree(void **state) {
    (void)state;
    struct ingest_task t;
    ingest_task_open(&t);
    LH_AUTO(mem) char *path = lh_asprintf("%s/x.csv", t.folder);
    int wrong = 0;
    for (size_t b = 0; b < sizeof bases / sizeof *bases; b++) {
        for (size_t l = 0; l < sizeof late / sizeof *late; l++) {
            write_file(path, bases[b], late[l]);
            LH_AUTO(json) json_t *fast = outcome(&t, path, 1500);
            LH_AUTO(json) json_t *thorough = outcome(&t, path, 1 << 20);
            assert_null(json_object_get(thorough, "error"));
            if (json_equal(fast, thorough))
                continue;
            json_t *a = json_object_get(fast, "rows"), *c = json_object_get(thorough, "rows");
            char *ta = json_dumps(json_object_get(fast, "types"), 0),
                 *tc = json_dumps(json_object_get(thorough, "types"), 0);
            char *ra = json_dumps(json_array_get(a, 150), 0), *rc = json_dumps(json_array_get(c, 150), 0);
            print_error("%s then %s: fast %s %s, thorough %s %s\n", bases[b], late[l], ta, ra, tc, rc);
            free(ta), free(tc), free(ra), free(rc);
            wrong++;
        }
    }
    ingest_task_close(&t);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_both_paths_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
