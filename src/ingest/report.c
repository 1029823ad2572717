/* From a worker's answer to a report, and from a report to JSON. */
#include "base/arena.h"
#include "ingest/ingest_internal.h"

#include <string.h>

static enum lh_code read_column(struct ingest *in, const json_t *item, struct arena *arena,
                                struct ingest_column *column, struct lh_err *err) {
    const char *name, *type, *why, *renamed;
    int64_t sampled, misfit_row;
    json_t *matches;
    LH_TRY(lh_json_get_string(item, "columns", "name", &name, err));
    LH_TRY(lh_json_get_string(item, "columns", "type", &type, err));
    LH_TRY(lh_json_get_string_or(item, "columns", "why", "", &why, err));
    LH_TRY(lh_json_get_string_or(item, "columns", "renamed_from", NULL, &renamed, err));
    LH_TRY(lh_json_get_int_or(item, "columns", "sampled", 0, &sampled, err));
    LH_TRY(lh_json_get_int_or(item, "columns", "misfit_row", 0, &misfit_row, err));
    LH_TRY(lh_json_get_array_or_null(item, "columns", "matches", &matches, err));
    size_t patterns = pii_pattern_count(in->pii);
    uint64_t *counts = NULL;
    if (matches && json_array_size(matches) == patterns) {
        counts = arena_alloc(arena, (patterns + 1) * sizeof *counts);
        for (size_t i = 0; i < patterns; i++) {
            json_int_t n = json_integer_value(json_array_get(matches, i));
            counts[i] = n > 0 && n <= sampled ? (uint64_t)n : 0;
        }
    }
    *column = (struct ingest_column){
        .name = arena_strdup(arena, name),
        .type = arena_strdup(arena, type),
        .why = arena_strdup(arena, why),
        .renamed_from = arena_strdup(arena, renamed),
        .nullable = true,
        .misfit_row = misfit_row > 0 ? (uint64_t)misfit_row : 0,
    };
    const struct pii_column seen = {column->name, column->type, sampled > 0 ? (uint64_t)sampled : 0, counts};
    pii_judge(in->pii, &seen, arena, &column->flags, &column->flag_count);
    return LH_OK;
}

static enum lh_code read_answer(struct ingest *in, const json_t *answer, struct arena *arena,
                                struct ingest_report *report, struct lh_err *err) {
    const char *format, *encoding;
    int64_t rows, rejects, superseded;
    json_t *columns, *warnings;
    LH_TRY(lh_json_get_string(answer, "", "format", &format, err));
    LH_TRY(lh_json_get_string_or(answer, "", "encoding", NULL, &encoding, err));
    LH_TRY(lh_json_get_int(answer, "", "rows", &rows, err));
    LH_TRY(lh_json_get_int(answer, "", "rejects", &rejects, err));
    LH_TRY(lh_json_get_int_or(answer, "", "superseded", 0, &superseded, err));
    LH_TRY(lh_json_get_array(answer, "", "columns", &columns, err));
    LH_TRY(lh_json_get_array(answer, "", "warnings", &warnings, err));
    if (rows < 0 || rejects < 0 || superseded < 0 || json_array_size(columns) == 0)
        return lh_fail(err, LH_CORRUPT, "impossible counts");
    report->format = arena_strdup(arena, format);
    report->encoding = arena_strdup(arena, encoding);
    report->row_count = (uint64_t)rows;
    report->reject_count = (uint64_t)rejects;
    report->superseded_count = (uint64_t)superseded;
    report->column_count = json_array_size(columns);
    report->columns = arena_alloc(arena, report->column_count * sizeof *report->columns);
    for (size_t i = 0; i < report->column_count; i++)
        LH_TRY(read_column(in, json_array_get(columns, i), arena, &report->columns[i], err));
    report->warning_count = 0;
    report->warnings = arena_alloc(arena, (json_array_size(warnings) + 1) * sizeof *report->warnings);
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const char *text = json_string_value(json_array_get(warnings, i));
        if (text)
            report->warnings[report->warning_count++] = arena_strdup(arena, text);
    }
    return LH_OK;
}

enum lh_code ingest_report_read(struct ingest *in, const json_t *answer, struct arena *arena,
                                struct ingest_report *report, struct lh_err *err) {
    enum lh_code code = read_answer(in, answer, arena, report, err);
    if (code == LH_OK)
        return LH_OK;
    err->code = LH_CORRUPT;
    return lh_err_context(err, "the ingest process gave an answer that makes no sense");
}

static json_t *column_to_json(const struct ingest_column *c) {
    json_t *column =
        json_pack("{s:s, s:s, s:b, s:s}", "name", c->name, "type", c->type, "nullable", c->nullable, "why", c->why);
    if (c->renamed_from)
        json_object_set_new(column, "renamed_from", json_string(c->renamed_from));
    json_t *flags = json_array();
    for (size_t i = 0; i < c->flag_count; i++) {
        const struct ingest_flag *f = &c->flags[i];
        json_array_append_new(
            flags, json_pack("{s:s, s:s, s:f}", "kind", f->kind, "reason", f->reason, "confidence", f->confidence));
    }
    json_object_set_new(column, "flags", flags);
    return column;
}

static void set_count(json_t *answer, const char *name, bool known, uint64_t count) {
    json_object_set_new(answer, name, known ? json_integer((json_int_t)count) : json_null());
}

void ingest_counts_to_json(const struct lake_row_counts *counts, json_t *answer) {
    set_count(answer, "inserted", counts->known, counts->inserted);
    set_count(answer, "updated", counts->known, counts->updated);
    set_count(answer, "unchanged", counts->known, counts->unchanged);
}

json_t *ingest_report_to_json(const struct ingest_report *r) {
    json_t *o = json_object();
    json_object_set_new(o, "dataset", json_string(r->dataset));
    json_object_set_new(o, "dataset_id", json_string(r->dataset_id));
    json_object_set_new(o, "version", json_integer((json_int_t)r->version));
    json_object_set_new(o, "created", json_boolean(r->created));
    json_object_set_new(o, "deduplicated", json_boolean(r->deduplicated));
    json_object_set_new(o, "replayed", json_boolean(r->replayed));
    json_object_set_new(o, "row_count", json_integer((json_int_t)r->row_count));
    json_object_set_new(o, "superseded_count", json_integer((json_int_t)r->superseded_count));
    ingest_counts_to_json(&r->counts, o);
    json_object_set_new(o, "reject_count", json_integer((json_int_t)r->reject_count));
    json_object_set_new(o, "format", r->format ? json_string(r->format) : json_null());
    json_object_set_new(o, "encoding", r->encoding ? json_string(r->encoding) : json_null());
    json_object_set_new(o, "job_id", json_string(r->job_id));
    json_object_set_new(o, "bucket", json_string(r->bucket));
    json_object_set_new(o, "sha256", json_string(r->sha256));
    json_object_set_new(o, "source_bytes", json_integer((json_int_t)r->source_bytes));
    json_t *columns = json_array(), *warnings = json_array();
    for (size_t i = 0; i < r->column_count; i++)
        json_array_append_new(columns, column_to_json(&r->columns[i]));
    for (size_t i = 0; i < r->warning_count; i++)
        json_array_append_new(warnings, json_string(r->warnings[i]));
    json_object_set_new(o, "columns", columns);
    json_object_set_new(o, "warnings", warnings);
    return o;
}
