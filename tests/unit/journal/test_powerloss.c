/* A journal and its bucket on a disk that loses power: every acknowledged event is there once, through appends, flushes, merges,
 * redactions and recoveries that are cut short; what was to be forgotten is forgotten once a compaction says so.
 *
 * The engine is not on that disk: the functions of it that the journal calls stand below, over lines of JSON in place of Parquet.
 * They write without syncing, as a worker does. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/bloom.h"
#include "base/cleanup.h"
#include "engine/engine.h"
#include "journal/event_json.h"
#include "journal/journal.h"
#include "os/file.h"
#include "store/local.h"
#include "store/object_store.h"
#include "twin/os_powerloss.h"
#include "twin/seeds.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { EVENTS = 200, ENTITIES = 5, ROUNDS = 4 };

/* ---- the engine's part, over lines ---- */

static struct os *engine_disk; /* of the seed that runs: the engine's calls know no other way */

struct engine_result {
    struct buf text;
    uint64_t rows;
    bool given;
};

struct lines {
    struct arena *arena;
    struct journal_event events[4 * EVENTS];
    size_t count;
};

static enum lh_code read_lines(const char *path, struct lines *lines, struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_TRY(os_read_file(engine_disk, AT_FDCWD, path, (size_t)1 << 24, &text, err));
    const char *line = buf_cstr(&text);
    for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
        struct journal_event event;
        bool known = false;
        LH_TRY(event_read(line, (size_t)(end - line), lines->arena, &event, err));
        for (size_t i = 0; i < lines->count && !known; i++)
            known = strcmp(lines->events[i].id, event.id) == 0;
        if (!known)
            lines->events[lines->count++] = event;
    }
    return LH_OK;
}

static enum lh_code write_unsynced(const char *path, const void *data, size_t len, struct lh_err *err) {
    int fd;
    LH_TRY(os_open(engine_disk, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0600, 0, &fd, err));
    enum lh_code code = os_write_all(engine_disk, fd, data, len, path, err);
    os_close(engine_disk, fd);
    return code;
}

static void redact(const json_t *redactions, struct journal_event *event) {
    size_t i;
    json_t *r;
    json_array_foreach((json_t *)(uintptr_t)redactions, i, r) {
        if (strcmp(json_string_value(json_object_get(r, "entity_id")), event->entity_id) != 0 ||
            event->ts_us > json_integer_value(json_object_get(r, "until_us")))
            continue;
        event->entity_id = json_string_value(json_object_get(r, "replacement"));
        event->old_value = event->new_value = NULL;
        return;
    }
}

static enum lh_code write_file(const struct engine_task *task, struct lines *lines, json_t **ret_answer,
                               struct lh_err *err) {
    LH_AUTO(buf) struct buf text = BUF_INIT;
    LH_AUTO(mem) char *events = lh_asprintf("%s/events.parquet", task->output_dir);
    LH_AUTO(mem) char *bloom = lh_asprintf("%s/entities.bloom", task->output_dir);
    unsigned char bits[1024] = {0};
    int64_t min_us = INT64_MAX, max_us = 0;
    for (size_t i = 0; i < lines->count; i++) {
        struct journal_event *e = &lines->events[i];
        redact(json_object_get(task->request, "redact"), e);
        event_write(e, &text);
        buf_append_char(&text, '\n');
        bloom_add(bits, sizeof bits, bloom_hash(e->entity_id, strlen(e->entity_id)));
        min_us = e->ts_us < min_us ? e->ts_us : min_us;
        max_us = e->ts_us > max_us ? e->ts_us : max_us;
    }
    LH_TRY(write_unsynced(events, buf_cstr(&text), text.len, err));
    LH_TRY(write_unsynced(bloom, bits, sizeof bits, err));
    *ret_answer = json_pack("{s:I, s:I, s:I}", "rows", (json_int_t)lines->count, "min_us", (json_int_t)min_us, "max_us",
                            (json_int_t)max_us);
    return LH_OK;
}

enum lh_code engine_run_task(struct engine *e, const struct engine_task *task, json_t **ret_answer,
                             struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(mem) struct lines *lines = lh_calloc(1, sizeof *lines);
    size_t i;
    json_t *file;
    (void)e;
    lines->arena = arena;
    if (task->untrusted_input)
        LH_TRY(read_lines(task->untrusted_input, lines, err));
    json_array_foreach(json_object_get(task->request, "files"), i, file)
        LH_TRY(read_lines(json_string_value(file), lines, err));
    return write_file(task, lines, ret_answer, err);
}

static void add_row(json_t *rows, const struct journal_event *e) {
    json_array_append_new(rows, json_pack("[s, I, s, s, s?, s, s?, s?, s, s, s?]", e->id, (json_int_t)e->ts_us,
                                          e->entity_type, e->entity_id, e->field, e->action, e->old_value, e->new_value,
                                          e->actor, e->source, e->workspace_id));
}

/* The paths stand in quotes up to the bracket, the entity behind `entity_id = `. */
enum lh_code engine_query_start(struct engine *e, const struct engine_query *query, struct engine_result **ret_result,
                                struct lh_err *err) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    LH_AUTO(mem) struct lines *lines = lh_calloc(1, sizeof *lines);
    LH_AUTO(json) json_t *answer = json_pack("{s:[]}", "rows");
    const char *at = strchr(query->sql, '['), *end = strchr(query->sql, ']');
    const char *wanted = strstr(query->sql, "entity_id = '") + strlen("entity_id = '");
    (void)e;
    lines->arena = arena;
    while ((at = strchr(at, '\'')) && at < end) {
        const char *close = strchr(at + 1, '\'');
        LH_TRY(read_lines(arena_strndup(arena, at + 1, (size_t)(close - at - 1)), lines, err));
        at = close + 1;
    }
    for (size_t i = 0; i < lines->count; i++) {
        size_t len = strlen(lines->events[i].entity_id);
        if (strncmp(lines->events[i].entity_id, wanted, len) == 0 && wanted[len] == '\'')
            add_row(json_object_get(answer, "rows"), &lines->events[i]);
    }
    struct engine_result *result = lh_calloc(1, sizeof *result);
    result->rows = json_array_size(json_object_get(answer, "rows"));
    lh_json_write(answer, LH_JSON_COMPACT, &result->text);
    *ret_result = result;
    return LH_OK;
}

enum lh_code engine_result_read(struct engine_result *r, const void **ret_data, size_t *ret_len, struct lh_err *err) {
    (void)err;
    *ret_data = r->text.data;
    *ret_len = r->given ? 0 : r->text.len;
    r->given = true;
    return LH_OK;
}

void engine_result_stats(const struct engine_result *r, struct engine_result_stats *ret_stats) {
    *ret_stats = (struct engine_result_stats){.row_count = r->rows};
}

void engine_result_close(struct engine_result *r) {
    if (!r)
        return;
    buf_release(&r->text);
    lh_free(r);
}

/* ---- the world ---- */

enum fate { NOT_TRIED, MAYBE, THERE, LOST };

struct world {
    struct os_powerloss *disk;
    struct object_store *store;
    struct journal *journal;
    enum fate fates[EVENTS];
    unsigned named[EVENTS], forgotten[EVENTS]; /* times found under its entity, and under the replacement */
    unsigned asked[ENTITIES];                  /* events below it are to be forgotten, acknowledged */
    unsigned done[ENTITIES];                   /* and a compaction has said that they are */
    unsigned next;
    struct verdict *v;
};

static size_t draw(struct world *w, size_t limit) {
    return (size_t)os_powerloss_draw(w->disk, limit);
}

static void expect_power_off(struct world *w, const char *what, enum lh_code code, const struct lh_err *err) {
    if (code != LH_OK && !os_powerloss_is_off(w->disk))
        verdict_say(w->v, "%s failed with the power on: %s: %s", what, err->message, err->detail);
}

/* Event n is of entity n % ENTITIES; its number is its field and its time, which stay when it is forgotten. */
static void append(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    unsigned n = w->next++;
    char entity[16], field[16];
    snprintf(entity, sizeof entity, "e%u", n % ENTITIES);
    snprintf(field, sizeof field, "%u", n);
    const struct journal_event event = {.ts_us = 1000000 + n,
                                        .entity_type = "t",
                                        .entity_id = entity,
                                        .field = field,
                                        .action = "update",
                                        .new_value = "\"secret\"",
                                        .actor = "a",
                                        .source = "s"};
    enum lh_code code = journal_append(w->journal, &event, 1, 0, NULL, &err);
    w->fates[n] = code == LH_OK ? THERE : MAYBE;
    expect_power_off(w, "append", code, &err);
}

static void ask_to_forget(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    size_t entity = draw(w, ENTITIES);
    char name[16], replacement[16];
    snprintf(name, sizeof name, "e%zu", entity);
    snprintf(replacement, sizeof replacement, "gone%zu", entity);
    const struct journal_redaction redaction = {"t", name, replacement, 1000000 + (int64_t)w->next - 1};
    enum lh_code code = journal_redact(w->journal, &redaction, 1, &err);
    if (code == LH_OK)
        w->asked[entity] = w->next;
    expect_power_off(w, "redact", code, &err);
}

static void compact(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    struct journal_compacted compacted;
    enum lh_code code = journal_compact(w->journal, &compacted, &err);
    if (code == LH_OK)
        memcpy(w->done, w->asked, sizeof w->done);
    expect_power_off(w, "compact", code, &err);
}

static void operate(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    struct journal_flushed flushed;
    switch (draw(w, 12)) {
    case 0:
    case 1: expect_power_off(w, "flush", journal_flush(w->journal, &flushed, &err), &err); return;
    case 2: compact(w); return;
    case 3: ask_to_forget(w); return;
    default: append(w); return;
    }
}

/* ---- the oracle ---- */

static void look(struct world *w, const char *format, unsigned entity, unsigned found[EVENTS], bool values) {
    LH_AUTO(arena) struct arena *arena = arena_new();
    struct lh_err err = LH_ERR_INIT;
    struct journal_event *events;
    size_t count = 0;
    bool more;
    LH_AUTO(mem) char *name = lh_asprintf(format, entity);
    const struct journal_query query = {.entity_id = name, .as_of_us = INT64_MAX, .limit = EVENTS};
    enum lh_code code = journal_history(w->journal, &query, arena, &events, &count, &more, &err);
    expect_power_off(w, "history", code, &err);
    for (size_t i = 0; code == LH_OK && i < count; i++) {
        unsigned n = (unsigned)strtoul(events[i].field, NULL, 10);
        if (n >= EVENTS || n % ENTITIES != entity || (events[i].new_value != NULL) != values)
            verdict_say(w->v, "%s has an event %s of value %s", name, events[i].field, events[i].new_value);
        else
            found[n]++;
    }
}

static void check(struct world *w) {
    memset(w->named, 0, sizeof w->named);
    memset(w->forgotten, 0, sizeof w->forgotten);
    for (unsigned entity = 0; entity < ENTITIES; entity++) {
        look(w, "e%u", entity, w->named, true);
        look(w, "gone%u", entity, w->forgotten, false);
    }
    if (os_powerloss_is_off(w->disk))
        return;
    for (unsigned n = 0; n < EVENTS; n++) {
        unsigned times = w->named[n] + w->forgotten[n];
        if (times > 1 || (times == 1 && (w->fates[n] == NOT_TRIED || w->fates[n] == LOST)) ||
            (times == 0 && w->fates[n] == THERE))
            verdict_say(w->v, "event %u (fate %d) is there %u times", n, (int)w->fates[n], times);
        if (w->named[n] && n < w->done[n % ENTITIES])
            verdict_say(w->v, "event %u was forgotten and is told again", n);
        if (w->fates[n] != NOT_TRIED)
            w->fates[n] = times ? THERE : LOST;
    }
}

/* ---- one seed ---- */

static void stop(struct world *w) {
    journal_close(w->journal);
    object_store_free(w->store);
    w->journal = NULL;
    w->store = NULL;
}

static bool start(struct world *w) {
    struct lh_err err = LH_ERR_INIT;
    struct os *os = os_powerloss_table(w->disk);
    enum lh_code code = object_store_open_local(os, "/data/objects", &w->store, &err);
    if (code == LH_OK) {
        const struct journal_options options = {
            .os = os, .store = w->store, .wal_dir = "/other/wal", .tmp_dir = "/data/tmp", .tier_files = 2};
        code = journal_open(&options, &w->journal, &err);
    }
    expect_power_off(w, "opening", code, &err);
    if (code != LH_OK)
        stop(w);
    return code == LH_OK;
}

static enum os_powerloss_end draw_end(struct world *w) {
    return draw(w, 4) == 0 ? OS_POWERLOSS_KILLED : OS_POWERLOSS_CUT;
}

static void run_round(struct world *w, bool last) {
    if (!last && draw(w, 3) == 0)
        os_powerloss_cut_at(w->disk, 1 + draw(w, 8));
    if (!start(w)) {
        os_powerloss_restart(w->disk, draw_end(w));
        if (verdict_is_bad(w->v) || !start(w))
            return;
    }
    check(w);
    if (!last) {
        os_powerloss_cut_at(w->disk, 1 + draw(w, draw(w, 2) ? 30 : 300));
        while (!os_powerloss_is_off(w->disk) && !verdict_is_bad(w->v) && w->next < EVENTS)
            operate(w);
    }
    os_powerloss_switch_off(w->disk);
    stop(w);
    os_powerloss_restart(w->disk, draw_end(w));
}

static void run_seed(uint64_t seed, void *ctx, struct verdict *v) {
    struct world w = {.disk = os_powerloss_new(seed), .v = v};
    engine_disk = os_powerloss_table(w.disk);
    os_powerloss_lie(w.disk, *(const enum os_powerloss_lie *)ctx);
    for (int round = 0; round <= ROUNDS && !verdict_is_bad(v); round++)
        run_round(&w, round == ROUNDS);
    os_powerloss_switch_off(w.disk);
    stop(&w);
    os_powerloss_free(w.disk);
}

static void test_power_is_lost(void **state) {
    (void)state;
    enum os_powerloss_lie lie = OS_POWERLOSS_HONEST;
    assert_true(seeds_all_good(run_seed, &lie, 100));
}

static void test_a_missing_sync_is_noticed(void **state) {
    (void)state;
    enum os_powerloss_lie lie = OS_POWERLOSS_NO_FILE_SYNC;
    assert_true(seeds_find_bad(run_seed, &lie, 50));
    lie = OS_POWERLOSS_NO_FOLDER_SYNC;
    assert_true(seeds_find_bad(run_seed, &lie, 50));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_power_is_lost),
        cmocka_unit_test(test_a_missing_sync_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
