/* What compaction does next: the rules, one by one, and what they cost a dataset over its life. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/cleanup.h"
#include "upkeep/compact_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KB UINT64_C(1024)
#define MB (1024 * KB)
#define NOW_MS INT64_C(1790000000000)
#define DAY_MS INT64_C(86400000)

static const struct compact_policy policy = {
    .file_bytes = 8 * MB, .min_files = 4, .delta_percent = 25, .tombstone_percent = 10, .tombstone_age_ms = 7 * DAY_MS};

/* A dataset as letters, in the order of its manifest: b base, d delta, t tombstone, r rejects; each with its size in KB (rows of
 * a tombstone file) and its sequence: "b8000@1 d10@5 t3@6". */
static void read_files(const char *text, struct manifest_file *files, size_t *ret_count) {
    size_t count = 0;
    int used;
    char role;
    unsigned long long size, sequence;
    while (sscanf(text, " %c%llu@%llu%n", &role, &size, &sequence, &used) == 3) {
        files[count++] =
            (struct manifest_file){.bucket = "primary",
                                   .key = "datasets/x/base/01KAHV00000000000000000000.parquet", /* of 2025 */
                                   .role = role == 'b'   ? FILE_BASE
                                           : role == 'd' ? FILE_DELTA
                                           : role == 't' ? FILE_TOMBSTONE
                                                         : FILE_REJECTS,
                                   .size_bytes = role == 't' ? KB : size * KB,
                                   .row_count = role == 't' ? size : size * 10,
                                   .sequence = sequence};
        text += used;
    }
    *ret_count = count;
}

/* The inputs as "0,1,4", after the action's name. */
static void write_step(const struct manifest *m, const struct compact_step *step, char *out, size_t size) {
    size_t len = (size_t)snprintf(out, size, "%s", compact_action_name(step->action));
    for (size_t i = 0; i < step->file_count; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%d", i ? "," : " ", (int)(step->files[i] - m->files));
    if (step->file_count > 0)
        snprintf(out + len, size - len, " @%llu", (unsigned long long)step->sequence);
}

static void test_rules(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool keyed;
        enum compact_scope scope;
        const char *files;
        int64_t now_ms;
        const char *step;
    } rows[] = {
        {"nothing there", false, COMPACT_WHAT_IS_DUE, "", 0, "nothing"},
        {"too few small files", false, COMPACT_WHAT_IS_DUE, "b10@1 b10@2 b10@3", 0, "nothing"},
        {"enough small files", false, COMPACT_WHAT_IS_DUE, "b10@1 b10@2 b10@3 d10@4", 0, "merge_files 0,1,2,3 @4"},
        {"only those of one size", false, COMPACT_WHAT_IS_DUE, "b900@1 b10@2 b10@3 b800@4 b10@5 b10@6", 0,
         "merge_files 1,2,4,5 @6"},
        {"finished ones are left alone", false, COMPACT_WHAT_IS_DUE, "b5000@1 b5000@2 b5000@3 b5000@4 b9000@5", 0,
         "nothing"},
        {"rejects are no rows", false, COMPACT_WHAT_IS_DUE, "b10@1 r10@2 r10@3 r10@4 r10@5", 0, "nothing"},
        {"asked for: all that are small", false, COMPACT_ALL, "b5000@1 b900@2 b10@3 r1@4", 0, "merge_files 1,2 @3"},
        {"asked for: one small one stays", false, COMPACT_ALL, "b5000@1 b900@2", 0, "nothing"},
        {"asked for: everything", false, COMPACT_FULL, "b5000@1 b900@2", 0, "merge_files 0,1 @2"},

        {"a base alone", true, COMPACT_WHAT_IS_DUE, "b9000@1", 0, "nothing"},
        {"few deltas", true, COMPACT_WHAT_IS_DUE, "b9000@1 d10@2 d10@3 d10@4", 0, "nothing"},
        {"enough deltas of a size", true, COMPACT_WHAT_IS_DUE, "b9000@1 d10@2 d10@3 d10@4 d10@5", 0,
         "merge_deltas 1,2,3,4 @5"},
        {"only those that follow one another", true, COMPACT_WHAT_IS_DUE, "b9000@1 d10@2 d10@3 d900@4 d10@5 d10@6", 0,
         "nothing"},
        {"by age, not by place", true, COMPACT_WHAT_IS_DUE, "d10@9 b9000@1 d900@2 d10@7 d10@6 d10@8", 0,
         "merge_deltas 4,3,5,0 @9"},
        {"a smaller one between larger ones is lifted", true, COMPACT_WHAT_IS_DUE,
         "b90000@1 d900@2 d900@3 d10@4 d900@5 d900@6", 0, "merge_deltas 1,2,3,4,5 @6"},
        {"tombstones between them are read and stay", true, COMPACT_WHAT_IS_DUE,
         "b9000@1 t1@2 d10@3 t1@4 d10@5 d10@6 d10@7 t1@8", 0, "merge_deltas 2,4,5,6,3 @7"},
        {"a run does not part two of one age", true, COMPACT_WHAT_IS_DUE, "b9000@1 d10@2 d10@3 d10@4 d10@5 d900@5", 0,
         "nothing"},
        {"a great share of deltas", true, COMPACT_WHAT_IS_DUE, "b9000@1 d800@2 d800@3 d800@4 d800@5", 0,
         "rewrite_base 0,1,2,3,4 @5"},
        {"a great share in too few files", true, COMPACT_WHAT_IS_DUE, "b100@1 d80@2 d80@3", 0, "nothing"},
        {"deltas without a base", true, COMPACT_WHAT_IS_DUE, "d80@1 d80@2 d80@3 d80@4", 0, "rewrite_base 0,1,2,3 @4"},
        {"many rows gone", true, COMPACT_WHAT_IS_DUE, "b100@1 t50@2 t20@3 t20@4 t20@5", 0, "rewrite_base 0,1,2,3,4 @5"},
        {"few rows gone", true, COMPACT_WHAT_IS_DUE, "b100@1 t5@2 t2@3 t2@4 t2@5", 0, "nothing"},
        {"a tombstone of age", true, COMPACT_WHAT_IS_DUE, "b100@1 t5@2", NOW_MS, "rewrite_base 0,1 @2"},
        {"small files of the base", true, COMPACT_WHAT_IS_DUE, "b100@1 b100@2 b100@3 b100@4 r5@6", 0,
         "rewrite_base 0,1,2,3 @4"},
        {"asked for: one delta", true, COMPACT_ALL, "b9000@1 d1@2", 0, "rewrite_base 0,1 @2"},
        {"asked for: one tombstone", true, COMPACT_ALL, "b9000@1 t1@2", 0, "rewrite_base 0,1 @2"},
        {"asked for: nothing lies on it", true, COMPACT_ALL, "b9000@1 b9000@2", 0, "nothing"},
        {"asked for: everything, keyed", true, COMPACT_FULL, "b9000@1 b9000@2", 0, "rewrite_base 0,1 @2"},
    };
    for (size_t i = 0; i < LH_ARRAY_LEN(rows); i++) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct manifest_file files[16];
        struct manifest m = {.files = files, .primary_key_count = rows[i].keyed};
        struct compact_step step;
        char text[256];
        read_files(rows[i].files, files, &m.file_count);
        compact_plan(&m, &policy, rows[i].scope, 0, rows[i].now_ms, arena, &step);
        write_step(&m, &step, text, sizeof text);
        if (strcmp(text, rows[i].step) != 0)
            fail_msg("%s: %s, not %s (%s)", rows[i].name, text, rows[i].step, step.why);
        assert_true(step.why[0] != '\0');
    }
}

/* Every file once, in steps that each end in a commit: what a step wrote is of a later version and is not taken again. */
static void test_full_in_steps(void **state) {
    (void)state;
    enum { FILES = 50, THROUGH = 7 };
    struct manifest_file files[FILES];
    bool taken[FILES] = {false};
    size_t steps = 0, left = FILES - 1;
    for (size_t i = 0; i < FILES; i++)
        files[i] = (struct manifest_file){.bucket = "primary",
                                          .key = "k",
                                          .role = FILE_BASE,
                                          .size_bytes = 8 * MB,
                                          .row_count = 10,
                                          .added_version = THROUGH,
                                          .sequence = i + 1};
    files[FILES - 1].added_version = THROUGH + 1; /* came while the job ran */
    const struct manifest m = {.files = files, .file_count = FILES};
    for (bool partial = true; partial; steps++) {
        LH_AUTO(arena) struct arena *arena = arena_new();
        struct compact_step step;
        compact_plan(&m, &policy, COMPACT_FULL, THROUGH, 0, arena, &step);
        assert_int_equal(step.action, COMPACT_FILES);
        assert_true(step.bytes <= policy.file_bytes * COMPACT_STEP_FILES);
        for (size_t i = 0; i < step.file_count; i++) {
            size_t at = (size_t)(step.files[i] - files);
            assert_false(taken[at]);
            taken[at] = true;
            files[at].added_version = THROUGH + 2; /* rewritten */
            left--;
        }
        partial = step.partial;
        assert_int_equal(partial, left > 0);
    }
    assert_int_equal(steps, 4);
    assert_false(taken[FILES - 1]);
}

/* ---- what it costs ---- */

struct life {
    struct manifest_file *files;
    struct manifest m;
    uint64_t written, rewritten, sequence;
    size_t most_files;
    bool overrides; /* a delta's rows are there already: the base does not grow */
};

static void append(struct life *l, enum file_role role, uint64_t bytes) {
    l->files[l->m.file_count++] = (struct manifest_file){
        .key = "k", .role = role, .size_bytes = bytes, .row_count = bytes / 100, .sequence = ++l->sequence};
    l->written += bytes;
}

static void apply(struct life *l, const struct compact_step *step) {
    uint64_t bytes = step->bytes;
    size_t kept = 0;
    if (step->action == COMPACT_BASE && l->overrides)
        for (size_t i = 0; i < step->file_count; i++)
            bytes -= step->files[i]->role == FILE_BASE ? 0 : step->files[i]->size_bytes;
    l->rewritten += bytes;
    for (size_t i = 0; i < l->m.file_count; i++) {
        bool input = false;
        for (size_t j = 0; j < step->file_count && !input; j++)
            input = step->files[j] == &l->files[i];
        if (!input)
            l->files[kept++] = l->files[i];
    }
    for (uint64_t size; bytes > 0; bytes -= size) {
        size = bytes < step->file_bytes ? bytes : step->file_bytes;
        l->files[kept++] =
            (struct manifest_file){.key = "k", .role = step->role, .size_bytes = size, .sequence = step->sequence};
    }
    l->m.file_count = kept;
}

static double live(bool keyed, bool overrides, uint64_t base_bytes, uint64_t append_bytes, size_t appends,
                   size_t *ret_most_files) {
    struct life l = {.overrides = overrides, .m = {.primary_key_count = keyed}};
    l.files = lh_calloc(100000, sizeof *l.files);
    l.m.files = l.files;
    for (uint64_t left = base_bytes; left > 0; left -= left < policy.file_bytes ? left : policy.file_bytes)
        append(&l, FILE_BASE, left < policy.file_bytes ? left : policy.file_bytes);
    l.written = 0;
    for (size_t i = 0; i < appends; i++) {
        append(&l, keyed ? FILE_DELTA : FILE_BASE, append_bytes);
        for (;;) {
            LH_AUTO(arena) struct arena *arena = arena_new();
            struct compact_step step;
            compact_plan(&l.m, &policy, COMPACT_WHAT_IS_DUE, 0, 0, arena, &step);
            if (step.action == COMPACT_NOTHING)
                break;
            apply(&l, &step);
        }
        uint64_t finished = l.written / (policy.file_bytes / 2);
        size_t small = l.m.file_count > finished ? l.m.file_count - finished : 0;
        l.most_files = small > l.most_files ? small : l.most_files;
    }
    *ret_most_files = l.most_files;
    lh_free(l.files);
    return (double)l.rewritten / (double)l.written;
}

/* Each row is written once when it comes; then again at most once a class above that of its first file (16 KB, 64 KB, ... 4 MB: a file
 * of half of 8 MB is finished), whatever the size of the dataset. */
static void test_appends_are_rewritten_once_a_class(void **state) {
    (void)state;
    size_t files;
    for (size_t appends = 1000; appends <= 8000; appends *= 2) {
        double amplification = live(false, false, 0, 10 * KB, appends, &files);
        if (amplification > 5)
            fail_msg("%zu appends: every byte was written again %.2f times", appends, amplification);
        assert_in_range(files, 1, 6 * (policy.min_files + 1));
    }
}

/* Upserts of rows that are there: the classes of the deltas up to a quarter of the base, and then the base, four times as large as
 * what lies on it.  The bound does not know how many there were. */
static void test_upserts_have_a_bound(void **state) {
    (void)state;
    size_t files;
    for (size_t upserts = 1000; upserts <= 8000; upserts *= 2) {
        double amplification = live(true, true, 64 * MB, 100 * KB, upserts, &files);
        if (amplification > 4 + 100.0 / policy.delta_percent)
            fail_msg("%zu upserts: every byte was written again %.2f times", upserts, amplification);
    }
}

/* New rows by upsert: the base grows by a quarter each time it is written, so its rewriting is a geometric sum. */
static void test_growth_by_upsert_has_a_bound(void **state) {
    (void)state;
    size_t files;
    for (size_t upserts = 1000; upserts <= 8000; upserts *= 2) {
        double amplification = live(true, false, 0, 100 * KB, upserts, &files);
        if (amplification > 4 + 1 + 100.0 / policy.delta_percent)
            fail_msg("%zu upserts: every byte was written again %.2f times", upserts, amplification);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_full_in_steps),
        cmocka_unit_test(test_appends_are_rewritten_once_a_class),
        cmocka_unit_test(test_upserts_have_a_bound),
        cmocka_unit_test(test_growth_by_upsert_has_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
