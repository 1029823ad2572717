/* Inside src/demo only: the random stream of one row, the word lists, and the facts that tables share. */
#ifndef LH_DEMO_DEMO_INTERNAL_H
#define LH_DEMO_DEMO_INTERNAL_H

#include "base/buf.h"
#include "demo/demo.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- randomness (demo_random.c) ---- */

/* SplitMix64 (Steele, Lea, Flood 2014), started from a hash of (seed, table, row). */
struct demo_random {
    uint64_t state;
};

struct demo_random demo_random_for(uint64_t seed, uint64_t stream, uint64_t row);
uint64_t demo_random_next(struct demo_random *r);
uint64_t demo_random_below(struct demo_random *r, uint64_t bound);             /* uniform in [0, bound) */
int64_t demo_random_between(struct demo_random *r, int64_t low, int64_t high); /* uniform in [low, high] */
bool demo_random_chance(struct demo_random *r, unsigned per_thousand);
/* Uniform in [0, bound) but favouring small numbers, as customers and recruiters differ in how busy they are. */
uint64_t demo_random_skewed(struct demo_random *r, uint64_t bound);

/* ---- words (demo_words.c, demo_occupations.c) ---- */

struct demo_list {
    const char *const *items;
    size_t count;
};

struct demo_city {
    const char *city, *state, *zip3, *area_code;
};

struct demo_occupation {
    const char *family;
    struct demo_list titles, skills, duties, certificates, employers;
    int pay_low, pay_high; /* whole dollars an hour */
};

extern const struct demo_list demo_first_names, demo_last_names, demo_streets, demo_company_words,
    demo_company_suffixes, demo_industries, demo_recruiters, demo_strengths, demo_goals, demo_schools, demo_degrees;
extern const struct demo_city demo_cities[];
extern const size_t demo_city_count;
extern const struct demo_occupation demo_occupations[];
extern const size_t demo_occupation_count;

static inline const char *demo_pick(struct demo_random *r, struct demo_list list) {
    return list.items[demo_random_below(r, list.count)];
}

/* ---- shared facts (demo_people.c) ---- */

struct demo {
    uint64_t seed;
    uint64_t rows[DEMO_TABLE_COUNT];
};

struct demo_candidate {
    uint64_t id; /* 1-based */
    const char *first_name, *last_name;
    const struct demo_city *city;
    const struct demo_occupation *occupation;
    size_t title; /* index into occupation->titles */
    int years;
    const char *recruiter;
    uint64_t same_as; /* id of the earlier entry of the same person; 0: none */
};

struct demo_client {
    uint64_t id;
    char name[96];
    const struct demo_city *city;
    const char *industry;
};

struct demo_job {
    uint64_t id, client_id;
    const struct demo_occupation *occupation;
    size_t title;
    const struct demo_city *city;
    int pay_cents, bill_cents; /* an hour */
    int64_t opened_day;        /* days since 1970-01-01 */
    const char *status;
    const char *recruiter;
};

struct demo_placement {
    uint64_t id, candidate_id;
    struct demo_job job;
    int64_t start_day, end_day;
    bool running;
};

void demo_candidate_at(const struct demo *d, uint64_t id, struct demo_candidate *ret);
void demo_client_at(const struct demo *d, uint64_t id, struct demo_client *ret);
void demo_job_at(const struct demo *d, uint64_t id, struct demo_job *ret);
void demo_placement_at(const struct demo *d, uint64_t id, struct demo_placement *ret);
/* The placement of a 0-based timesheet row, and which week of it (0-based) the row is. */
uint64_t demo_timesheet_placement(const struct demo *d, uint64_t row, uint64_t *ret_week);

/* The demo's calendar: it ends on this day and looks three years back. */
#define DEMO_LAST_DAY 20439 /* 2025-12-17 */
#define DEMO_DAYS 1095

/* ---- text (demo_text.c, demo_resume.c) ---- */

void demo_append_csv(struct buf *out, const char *text);              /* quoted where needed */
void demo_append_date(struct buf *out, int64_t day);                  /* 2025-12-17 */
void demo_append_timestamp(struct buf *out, int64_t day, int second); /* 2025-12-17 09:05:00 */
void demo_append_money(struct buf *out, int64_t cents);               /* 1234.50 */
void demo_append_number(struct buf *out, uint64_t value);
/* The resume's text, unquoted, about 900 to 2,200 bytes, with line breaks. */
void demo_append_resume(const struct demo *d, const struct demo_candidate *c, struct demo_random *r, struct buf *out);

#endif
