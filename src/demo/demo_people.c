/* The facts that tables share.  Each is computed from its id alone, so that a timesheet row can name its placement's candidate,
 * job and client without any table having been made. */
#include "demo/demo_internal.h"

#include "base/alloc.h"

#include <stdio.h>
#include <string.h>

/* Streams of randomness that are not a table's own rows. */
enum { STREAM_CANDIDATE = 100, STREAM_CLIENT, STREAM_JOB, STREAM_PLACEMENT, STREAM_BLOCK, STREAM_WEEKS };

static const struct demo_column_note candidate_notes[] = {
    {"candidate_id", "Key"},
    {"ssn", "Social security number as typed by the recruiter; invented, from the never-issued 900 range"},
    {"desired_salary", "Free text as the candidate put it: 85k, $41,500, negotiable"},
    {"resume_text", "The resume as plain text"},
    {NULL, NULL},
};
static const struct demo_column_note job_notes[] = {
    {"bill_rate", "What the client pays an hour, in dollars"},
    {"pay_rate", "What the worker gets an hour, in dollars"},
    {NULL, NULL},
};
static const struct demo_column_note timesheet_notes[] = {
    {"week_ending", "A Sunday"},
    {"bill_total", "Regular hours at the bill rate, overtime at one and a half times"},
    {NULL, NULL},
};
static const struct demo_column_note no_notes[] = {{NULL, NULL}};

static const struct demo_table_info tables[DEMO_TABLE_COUNT] = {
    [DEMO_CANDIDATES] = {"candidates", "People who look for work, with contact data and resume", "candidate_id",
                         "restricted", 100000, candidate_notes},
    [DEMO_CLIENTS] = {"clients", "Companies that hire through us", "client_id", "internal", 2000, no_notes},
    [DEMO_JOB_ORDERS] = {"job_orders", "Positions that clients asked us to fill", "job_id", "internal", 15000,
                         job_notes},
    [DEMO_PLACEMENTS] = {"placements", "A candidate at work on a job order", "placement_id", "confidential", 52278,
                         no_notes},
    [DEMO_TIMESHEETS] = {"timesheets", "Hours worked, one row a week and placement", "timesheet_id", "confidential",
                         1000000, timesheet_notes},
    [DEMO_CALL_LOG] = {"call_log", "Calls between recruiters and candidates", "call_id", "confidential", 800000,
                       no_notes},
    [DEMO_EMAIL_LOG] = {"email_log", "E-mails between recruiters, candidates and clients", "email_id", "confidential",
                        500000, no_notes},
};

const struct demo_table_info *demo_table_info(enum demo_table table) {
    return &tables[table];
}

struct demo *demo_new(uint64_t seed, double scale) {
    struct demo *d = lh_calloc(1, sizeof *d);
    d->seed = seed;
    for (int t = 0; t < DEMO_TABLE_COUNT; t++) {
        double rows = (double)tables[t].full_rows * scale;
        d->rows[t] = rows < 1 ? 1 : (uint64_t)(rows + 0.5);
    }
    return d;
}

void demo_free(struct demo *d) {
    lh_free(d);
}

uint64_t demo_row_count(const struct demo *d, enum demo_table table) {
    return d->rows[table];
}

/* Occupations are dealt out in blocks of as many candidates as there are occupations, each block rotated at random: every
 * occupation is equally common, and the candidates of one can be found without a search through the table. */
#define BLOCK_STEP 13 /* coprime to the number of occupations; held by the unit test */

static uint64_t block_shift(const struct demo *d, uint64_t block) {
    struct demo_random r = demo_random_for(d->seed, STREAM_BLOCK, block);
    return demo_random_below(&r, demo_occupation_count);
}

static size_t candidate_occupation(const struct demo *d, uint64_t id) {
    uint64_t block = (id - 1) / demo_occupation_count, place = (id - 1) % demo_occupation_count;
    return (size_t)((place * BLOCK_STEP + block_shift(d, block)) % demo_occupation_count);
}

/* A candidate of the occupation, uniformly; falls back to any where the table is smaller than a block. */
static uint64_t candidate_of_occupation(const struct demo *d, size_t occupation, struct demo_random *r) {
    uint64_t blocks = d->rows[DEMO_CANDIDATES] / demo_occupation_count;
    if (blocks == 0)
        return 1 + demo_random_below(r, d->rows[DEMO_CANDIDATES]);
    uint64_t first = demo_random_below(r, blocks) * demo_occupation_count + 1;
    for (uint64_t id = first; id < first + demo_occupation_count; id++)
        if (candidate_occupation(d, id) == occupation)
            return id;
    return first;
}

void demo_candidate_at(const struct demo *d, uint64_t id, struct demo_candidate *ret) {
    struct demo_random r = demo_random_for(d->seed, STREAM_CANDIDATE, id);
    *ret = (struct demo_candidate){.id = id};
    ret->first_name = demo_pick(&r, demo_first_names);
    ret->last_name = demo_pick(&r, demo_last_names);
    ret->city = &demo_cities[demo_random_below(&r, demo_city_count)];
    ret->occupation = &demo_occupations[candidate_occupation(d, id)];
    ret->title = (size_t)demo_random_skewed(&r, ret->occupation->titles.count);
    ret->years = (int)demo_random_between(&r, 0, 32);
    ret->recruiter = demo_recruiters.items[demo_random_skewed(&r, demo_recruiters.count)];
    if (id > 1000 && demo_random_chance(&r, 6))
        ret->same_as = 1 + demo_random_below(&r, id - 1);
}

void demo_client_at(const struct demo *d, uint64_t id, struct demo_client *ret) {
    struct demo_random r = demo_random_for(d->seed, STREAM_CLIENT, id);
    ret->id = id;
    const char *word = demo_pick(&r, demo_company_words), *suffix = demo_pick(&r, demo_company_suffixes);
    ret->city = &demo_cities[demo_random_below(&r, demo_city_count)];
    ret->industry = demo_pick(&r, demo_industries);
    if (demo_random_chance(&r, 300))
        snprintf(ret->name, sizeof ret->name, "%s %s of %s", word, suffix, ret->city->city);
    else
        snprintf(ret->name, sizeof ret->name, "%s %s", word, suffix);
}

void demo_job_at(const struct demo *d, uint64_t id, struct demo_job *ret) {
    static const char *const statuses[] = {"filled", "filled", "filled", "filled",  "filled",   "filled",
                                           "open",   "open",   "closed", "on_hold", "cancelled"};
    struct demo_random r = demo_random_for(d->seed, STREAM_JOB, id);
    struct demo_client client;
    ret->id = id;
    ret->client_id = 1 + demo_random_skewed(&r, d->rows[DEMO_CLIENTS]);
    demo_client_at(d, ret->client_id, &client);
    ret->city = client.city;
    ret->occupation = &demo_occupations[demo_random_below(&r, demo_occupation_count)];
    ret->title = (size_t)demo_random_skewed(&r, ret->occupation->titles.count);
    ret->pay_cents = (int)demo_random_between(&r, ret->occupation->pay_low * 4, ret->occupation->pay_high * 4) * 25;
    ret->bill_cents = (int)((int64_t)ret->pay_cents * demo_random_between(&r, 135, 178) / 100);
    ret->opened_day = DEMO_LAST_DAY - demo_random_between(&r, 5, DEMO_DAYS);
    ret->status = statuses[demo_random_below(&r, LH_ARRAY_LEN(statuses))];
    ret->recruiter = demo_recruiters.items[demo_random_skewed(&r, demo_recruiters.count)];
    if (strcmp(ret->status, "open") == 0) /* what is still open was opened lately */
        ret->opened_day = DEMO_LAST_DAY - (DEMO_LAST_DAY - ret->opened_day) / 10;
}

/* ---- placements and their weeks ----
 * Timesheet rows are dealt to placements in groups of WEEK_GROUP that share a run of rows; random cuts split the run, so that stays
 * last from no week at all to most of a year while the total is exact. */
#define WEEK_GROUP 8

struct week_group {
    uint64_t first_row;
    uint64_t cut[WEEK_GROUP + 1]; /* placement k of the group has rows [cut[k], cut[k+1]) behind first_row */
};

static void week_group_at(const struct demo *d, uint64_t group, struct week_group *ret) {
    uint64_t placements = d->rows[DEMO_PLACEMENTS], rows = d->rows[DEMO_TIMESHEETS];
    uint64_t first = group * WEEK_GROUP, last = first + WEEK_GROUP < placements ? first + WEEK_GROUP : placements;
    ret->first_row = first * rows / placements;
    uint64_t run = last * rows / placements - ret->first_row, members = last - first;
    struct demo_random r = demo_random_for(d->seed, STREAM_WEEKS, group);
    ret->cut[0] = 0;
    for (uint64_t k = 1; k < members; k++) {
        uint64_t cut = demo_random_below(&r, run + 1), at = k;
        for (; at > 1 && ret->cut[at - 1] > cut; at--)
            ret->cut[at] = ret->cut[at - 1];
        ret->cut[at] = cut;
    }
    for (uint64_t k = members; k <= WEEK_GROUP; k++)
        ret->cut[k] = run;
}

void demo_placement_at(const struct demo *d, uint64_t id, struct demo_placement *ret) {
    struct week_group group;
    uint64_t member = (id - 1) % WEEK_GROUP;
    week_group_at(d, (id - 1) / WEEK_GROUP, &group);
    int64_t days = 7 * (int64_t)(group.cut[member + 1] - group.cut[member]);

    struct demo_random r = demo_random_for(d->seed, STREAM_PLACEMENT, id);
    ret->id = id;
    for (int attempt = 0; attempt < 12; attempt++) {
        demo_job_at(d, 1 + demo_random_below(&r, d->rows[DEMO_JOB_ORDERS]), &ret->job);
        if (strcmp(ret->job.status, "filled") == 0 && ret->job.opened_day + 5 + days <= DEMO_LAST_DAY)
            break;
    }
    ret->candidate_id = candidate_of_occupation(d, (size_t)(ret->job.occupation - demo_occupations), &r);
    int64_t latest = DEMO_LAST_DAY - days, earliest = ret->job.opened_day + 3;
    ret->start_day = earliest < latest
                         ? earliest + demo_random_between(&r, 0, (latest - earliest) < 45 ? latest - earliest : 45)
                         : latest;
    ret->running = days > 0 && demo_random_chance(&r, 110);
    if (ret->running)
        ret->start_day = latest;
    ret->end_day = ret->start_day + days;
}

uint64_t demo_timesheet_placement(const struct demo *d, uint64_t row, uint64_t *ret_week) {
    uint64_t placements = d->rows[DEMO_PLACEMENTS], rows = d->rows[DEMO_TIMESHEETS];
    uint64_t group = row * placements / rows / WEEK_GROUP;
    struct week_group g;
    week_group_at(d, group, &g);
    /* Rounding may have named the neighbour. */
    while (row < g.first_row)
        week_group_at(d, --group, &g);
    while (row >= g.first_row + g.cut[WEEK_GROUP])
        week_group_at(d, ++group, &g);
    uint64_t offset = row - g.first_row, member = 0;
    while (offset >= g.cut[member + 1])
        member++;
    *ret_week = offset - g.cut[member];
    return group * WEEK_GROUP + member + 1;
}
