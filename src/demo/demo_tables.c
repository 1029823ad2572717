/* One writer a table.  A row's own random stream is (seed, table, row); what other tables must know stands in demo_people.c. */
#include "demo/demo_internal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char *const headers[DEMO_TABLE_COUNT] = {
    [DEMO_CANDIDATES] =
        "candidate_id,first_name,last_name,email,phone,ssn,date_of_birth,street_address,city,state,zip,title,"
        "occupation,skills,years_experience,current_pay_rate,desired_salary,status,source,recruiter,created_at,"
        "resume_text\n",
    [DEMO_CLIENTS] = "client_id,name,industry,city,state,contact_name,contact_email,contact_phone,tier,client_since,"
                     "payment_terms_days\n",
    [DEMO_JOB_ORDERS] =
        "job_id,client_id,title,occupation,city,state,status,priority,openings,pay_rate,bill_rate,opened_on,"
        "filled_on,recruiter\n",
    [DEMO_PLACEMENTS] =
        "placement_id,candidate_id,job_id,client_id,recruiter,start_date,end_date,pay_rate,bill_rate,status\n",
    [DEMO_TIMESHEETS] =
        "timesheet_id,placement_id,candidate_id,client_id,week_ending,hours_regular,hours_overtime,pay_total,"
        "bill_total,status,approved_by\n",
    [DEMO_CALL_LOG] = "call_id,candidate_id,recruiter,called_at,direction,outcome,duration_s,notes\n",
    [DEMO_EMAIL_LOG] = "email_id,candidate_id,client_id,recruiter,sent_at,direction,subject,opened,replied\n",
};

void demo_append_header(const struct demo *d, enum demo_table table, struct buf *out) {
    (void)d;
    buf_append_str(out, headers[table]);
}

static void comma(struct buf *out) {
    buf_append_char(out, ',');
}

static void number(struct buf *out, uint64_t value) {
    demo_append_number(out, value);
    comma(out);
}

static void text(struct buf *out, const char *value) {
    demo_append_csv(out, value);
    comma(out);
}

/* Lower-case ASCII letters and digits of a name, for an e-mail address. */
static void append_slug(struct buf *out, const char *name) {
    for (; *name; name++)
        if (isalnum((unsigned char)*name) && (unsigned char)*name < 0x80)
            buf_append_char(out, (char)tolower((unsigned char)*name));
}

static void append_email(struct demo_random *r, const char *first, const char *last, uint64_t id, struct buf *out) {
    static const char *const domains[] = {"example.com", "example.net", "example.org", "mail.example.com",
                                          "post.example.net"};
    size_t start = out->len;
    append_slug(out, first);
    if (out->len > start)
        buf_append_char(out, demo_random_chance(r, 700) ? '.' : '_');
    append_slug(out, last);
    demo_append_number(out, id % 997);
    buf_append_char(out, '@');
    buf_append_str(out, domains[demo_random_below(r, LH_ARRAY_LEN(domains))]);
}

static void append_phone(struct demo_random *r, const char *area, struct buf *out) {
    static const char *const shapes[] = {"(%s) 555-01%02u", "%s-555-01%02u", "%s.555.01%02u", "+1 %s 555 01%02u",
                                         "%s55501%02u"};
    static const unsigned weight[] = {0, 0, 0, 0, 1, 1, 1, 2, 3, 4};
    char phone[32];
    unsigned last = (unsigned)demo_random_below(r, 100);
    switch (weight[demo_random_below(r, LH_ARRAY_LEN(weight))]) {
    case 0: snprintf(phone, sizeof phone, shapes[0], area, last); break;
    case 1: snprintf(phone, sizeof phone, shapes[1], area, last); break;
    case 2: snprintf(phone, sizeof phone, shapes[2], area, last); break;
    case 3: snprintf(phone, sizeof phone, shapes[3], area, last); break;
    default: snprintf(phone, sizeof phone, shapes[4], area, last);
    }
    buf_append_str(out, phone);
}

/* A name as a hurried recruiter types it: mostly clean, at times padded or shouted. */
static void append_typed(struct demo_random *r, const char *value, bool shout, struct buf *out) {
    uint64_t how = demo_random_below(r, 1000);
    if (how < 12)
        buf_append_char(out, ' ');
    if (shout || how >= 990)
        for (const char *p = value; *p; p++)
            buf_append_char(out, (unsigned char)*p < 0x80 ? (char)toupper((unsigned char)*p) : *p);
    else
        buf_append_str(out, value);
    if (how >= 12 && how < 30)
        buf_append_char(out, ' ');
    comma(out);
}

static void append_desired_salary(struct demo_random *r, const struct demo_occupation *o, struct buf *out) {
    char salary[48];
    int yearly = (int)demo_random_between(r, o->pay_low, o->pay_high + 6) * 2080;
    switch (demo_random_below(r, 10)) {
    case 0:
    case 1:
    case 2: snprintf(salary, sizeof salary, "$%d,%03d", yearly / 1000, yearly / 500 % 2 * 500); break;
    case 3:
    case 4: snprintf(salary, sizeof salary, "%dk", yearly / 1000); break;
    case 5: snprintf(salary, sizeof salary, "$%d/hr", yearly / 2080); break;
    case 6: snprintf(salary, sizeof salary, "negotiable"); break;
    case 7: snprintf(salary, sizeof salary, "N/A"); break;
    case 8: snprintf(salary, sizeof salary, "%d000", yearly / 1000); break;
    default: salary[0] = '\0';
    }
    text(out, salary);
}

/* What stands in a candidate's entry besides the name: contact, address and the numbers that must be protected. */
static void append_person(struct demo_random *r, const struct demo_candidate *c, struct buf *out) {
    if (!demo_random_chance(r, 35))
        append_email(r, c->first_name, c->last_name, c->id, out);
    comma(out);
    if (!demo_random_chance(r, 20))
        append_phone(r, c->city->area_code, out);
    comma(out);
    if (!demo_random_chance(r, 150)) {
        char ssn[16];
        snprintf(ssn, sizeof ssn, "9%02u-%02u-%04u", (unsigned)demo_random_below(r, 100),
                 (unsigned)demo_random_below(r, 100), (unsigned)demo_random_below(r, 10000));
        buf_append_str(out, ssn);
    }
    comma(out);
    if (!demo_random_chance(r, 60))
        demo_append_date(out, DEMO_LAST_DAY - (c->years + 18) * 365 - demo_random_between(r, 0, 3000));
    comma(out);
    char street[64];
    snprintf(street, sizeof street, "%u %s%s", (unsigned)demo_random_between(r, 1, 9899), demo_pick(r, demo_streets),
             demo_random_chance(r, 150) ? ", Apt 4B" : "");
    text(out, demo_random_chance(r, 40) ? "" : street);
    text(out, c->city->city);
    char state[3] = {c->city->state[0], c->city->state[1], '\0'};
    if (demo_random_chance(r, 15))
        state[1] = (char)tolower((unsigned char)state[1]);
    text(out, state);
    buf_append_str(out, c->city->zip3);
    buf_append_char(out, (char)('0' + demo_random_below(r, 10)));
    buf_append_char(out, (char)('0' + demo_random_below(r, 10)));
    comma(out);
}

static void append_candidate(const struct demo *d, uint64_t row, struct demo_random *r, struct buf *out) {
    static const char *const statuses[] = {"active", "active",   "active", "active",         "placed",
                                           "placed", "inactive", "Active", "do not contact", "ACTIVE"};
    static const char *const sources[] = {"job board", "referral", "walk-in",  "website",
                                          "job fair",  "rehire",   "LinkedIn", ""};
    struct demo_candidate c;
    demo_candidate_at(d, row + 1, &c);
    bool duplicate = c.same_as != 0;
    if (duplicate) { /* the same person, entered again by somebody else: own id, other spelling, same contact data */
        demo_candidate_at(d, c.same_as, &c);
        *r = demo_random_for(d->seed, DEMO_CANDIDATES, c.id - 1);
    }
    number(out, row + 1);
    append_typed(r, c.first_name, duplicate, out);
    append_typed(r, c.last_name, duplicate, out);
    append_person(r, &c, out);
    text(out, c.occupation->titles.items[c.title]);
    text(out, c.occupation->family);
    size_t first = (size_t)demo_random_below(r, c.occupation->skills.count),
           skills = (size_t)demo_random_between(r, 3, 7);
    for (size_t i = 0; i < skills; i++) {
        if (i > 0)
            buf_append_str(out, "; ");
        buf_append_str(out, c.occupation->skills.items[(first + i * 5) % c.occupation->skills.count]);
    }
    comma(out);
    number(out, (uint64_t)c.years);
    if (!demo_random_chance(r, 120))
        demo_append_money(out, demo_random_between(r, c.occupation->pay_low * 4, c.occupation->pay_high * 4) * 25);
    comma(out);
    append_desired_salary(r, c.occupation, out);
    text(out, statuses[demo_random_below(r, LH_ARRAY_LEN(statuses))]);
    text(out, sources[demo_random_below(r, LH_ARRAY_LEN(sources))]);
    text(out, c.recruiter);
    demo_append_timestamp(out, DEMO_LAST_DAY - demo_random_between(r, 0, DEMO_DAYS * 2),
                          (int)demo_random_between(r, 7 * 3600, 19 * 3600));
    comma(out);
    struct buf resume = BUF_INIT;
    demo_append_resume(d, &c, r, &resume);
    demo_append_csv(out, buf_cstr(&resume));
    buf_release(&resume);
}

static void append_client(const struct demo *d, uint64_t row, struct demo_random *r, struct buf *out) {
    static const char *const tiers[] = {"A", "B", "B", "C", "C", "C", ""};
    static const int terms[] = {15, 30, 30, 30, 45, 60};
    struct demo_client c;
    demo_client_at(d, row + 1, &c);
    const char *first = demo_pick(r, demo_first_names), *last = demo_pick(r, demo_last_names);
    char contact[64];
    snprintf(contact, sizeof contact, "%s %s", first, last);
    number(out, c.id);
    text(out, c.name);
    text(out, c.industry);
    text(out, c.city->city);
    text(out, c.city->state);
    text(out, contact);
    append_email(r, first, last, c.id, out);
    comma(out);
    append_phone(r, c.city->area_code, out);
    comma(out);
    text(out, tiers[demo_random_below(r, LH_ARRAY_LEN(tiers))]);
    demo_append_date(out, DEMO_LAST_DAY - demo_random_between(r, 30, 4000));
    comma(out);
    demo_append_number(out, (uint64_t)terms[demo_random_below(r, LH_ARRAY_LEN(terms))]);
}

static void append_job_order(const struct demo *d, uint64_t row, struct demo_random *r, struct buf *out) {
    static const char *const priorities[] = {"normal", "normal", "normal", "high", "urgent", "low"};
    struct demo_job j;
    demo_job_at(d, row + 1, &j);
    number(out, j.id);
    number(out, j.client_id);
    text(out, j.occupation->titles.items[j.title]);
    text(out, j.occupation->family);
    text(out, j.city->city);
    text(out, j.city->state);
    text(out, j.status);
    text(out, priorities[demo_random_below(r, LH_ARRAY_LEN(priorities))]);
    number(out, 1 + demo_random_skewed(r, 12));
    demo_append_money(out, j.pay_cents);
    comma(out);
    demo_append_money(out, j.bill_cents);
    comma(out);
    demo_append_date(out, j.opened_day);
    comma(out);
    if (strcmp(j.status, "filled") == 0)
        demo_append_date(out, j.opened_day + demo_random_between(r, 1, 4));
    comma(out);
    demo_append_csv(out, j.recruiter);
}

static void append_placement(const struct demo *d, uint64_t row, struct demo_random *r, struct buf *out) {
    struct demo_placement p;
    demo_placement_at(d, row + 1, &p);
    number(out, p.id);
    number(out, p.candidate_id);
    number(out, p.job.id);
    number(out, p.job.client_id);
    text(out, p.job.recruiter);
    demo_append_date(out, p.start_day);
    comma(out);
    if (!p.running)
        demo_append_date(out, p.end_day);
    comma(out);
    demo_append_money(out, p.job.pay_cents);
    comma(out);
    demo_append_money(out, p.job.bill_cents);
    comma(out);
    buf_append_str(out, p.running                    ? "active"
                        : p.start_day == p.end_day   ? "no_show"
                        : demo_random_chance(r, 120) ? "terminated"
                                                     : "completed");
}

static void append_timesheet(const struct demo *d, uint64_t row, struct demo_random *r, struct buf *out) {
    struct demo_placement p;
    uint64_t week = 0;
    demo_placement_at(d, demo_timesheet_placement(d, row, &week), &p);
    int64_t quarter_hours = demo_random_chance(r, 720) ? 160 : demo_random_between(r, 32, 159);
    int64_t overtime = quarter_hours == 160 && demo_random_chance(r, 300) ? demo_random_between(r, 2, 60) : 0;
    int64_t day = p.start_day + (int64_t)week * 7;
    int64_t sunday = day + (10 - day % 7) % 7; /* 1970-01-01 was a Thursday: days with day % 7 == 3 are Sundays */
    number(out, row + 1);
    number(out, p.id);
    number(out, p.candidate_id);
    number(out, p.job.client_id);
    demo_append_date(out, sunday);
    comma(out);
    demo_append_money(out, quarter_hours * 25);
    comma(out);
    demo_append_money(out, overtime * 25);
    comma(out);
    demo_append_money(out, (quarter_hours * 2 + overtime * 3) * p.job.pay_cents / 8);
    comma(out);
    demo_append_money(out, (quarter_hours * 2 + overtime * 3) * p.job.bill_cents / 8);
    comma(out);
    bool approved = !demo_random_chance(r, 30);
    text(out, approved ? "approved" : demo_random_chance(r, 300) ? "disputed" : "submitted");
    if (approved)
        demo_append_csv(out, p.job.recruiter);
}

static const char *const call_notes[][2] = {
    {"connected", "Talked about the {t} opening, wants details by e-mail"},
    {"connected", "Confirmed interview, will bring certificates"},
    {"connected", "Happy on current assignment, call back in a month"},
    {"connected", "Asked about pay and shift for {t}"},
    {"connected", "Moved, new address to follow"},
    {"voicemail", "Left message about {t}"},
    {"voicemail", ""},
    {"no answer", ""},
    {"no answer", ""},
    {"busy", ""},
    {"wrong number", "Number no longer in service"},
    {"connected", "Not interested, please stop calling"},
    {"connected", "Available Monday, own transport"},
};

static const char *const subjects[] = {
    "{t} position in {c}",
    "Interview confirmation: {t}",
    "Your timesheet is missing",
    "New opening: {t}, {c}",
    "Re: {t}",
    "Paperwork for your first day",
    "Checking in",
    "References needed for {t}",
    "Re: availability next week",
    "Direct deposit form",
    "Pay rate for {t} in {c}",
    "Thank you for applying",
    "Shift change on Friday",
    "Drug screen appointment",
};

static void append_filled(const char *phrase, const struct demo_candidate *c, struct buf *out) {
    struct buf filled = BUF_INIT;
    for (const char *brace; (brace = strchr(phrase, '{')); phrase = brace + 3) {
        buf_append(&filled, phrase, (size_t)(brace - phrase));
        buf_append_str(&filled, brace[1] == 't' ? c->occupation->titles.items[c->title] : c->city->city);
    }
    buf_append_str(&filled, phrase);
    demo_append_csv(out, buf_cstr(&filled));
    buf_release(&filled);
}

static void append_call(const struct demo *d, uint64_t row, struct demo_random *r, struct buf *out) {
    struct demo_candidate c;
    demo_candidate_at(d, 1 + demo_random_below(r, d->rows[DEMO_CANDIDATES]), &c);
    const char *const *note = call_notes[demo_random_below(r, LH_ARRAY_LEN(call_notes))];
    bool connected = strcmp(note[0], "connected") == 0;
    number(out, row + 1);
    number(out, c.id);
    text(out, demo_random_chance(r, 850) ? c.recruiter : demo_pick(r, demo_recruiters));
    demo_append_timestamp(out, DEMO_LAST_DAY - demo_random_between(r, 0, DEMO_DAYS),
                          (int)demo_random_between(r, 8 * 3600, 18 * 3600));
    comma(out);
    text(out, demo_random_chance(r, 780) ? "outbound" : "inbound");
    text(out, note[0]);
    number(out, connected ? 20 + demo_random_skewed(r, 1800) : demo_random_below(r, 40));
    append_filled(note[1], &c, out);
}

static void append_mail(const struct demo *d, uint64_t row, struct demo_random *r, struct buf *out) {
    struct demo_candidate c;
    demo_candidate_at(d, 1 + demo_random_below(r, d->rows[DEMO_CANDIDATES]), &c);
    bool to_client = demo_random_chance(r, 220), outbound = demo_random_chance(r, 720);
    number(out, row + 1);
    number(out, c.id);
    if (to_client)
        demo_append_number(out, 1 + demo_random_skewed(r, d->rows[DEMO_CLIENTS]));
    comma(out);
    text(out, c.recruiter);
    demo_append_timestamp(out, DEMO_LAST_DAY - demo_random_between(r, 0, DEMO_DAYS),
                          (int)demo_random_between(r, 6 * 3600, 22 * 3600));
    comma(out);
    text(out, outbound ? "outbound" : "inbound");
    append_filled(subjects[demo_random_below(r, LH_ARRAY_LEN(subjects))], &c, out);
    bool opened = !outbound || demo_random_chance(r, 560);
    buf_append_str(out, opened ? ",true" : ",false");
    buf_append_str(out, opened && demo_random_chance(r, 280) ? ",true" : ",false");
}

typedef void append_row_fn(const struct demo *d, uint64_t row, struct demo_random *r, struct buf *out);

static append_row_fn *const writers[DEMO_TABLE_COUNT] = {
    [DEMO_CANDIDATES] = append_candidate, [DEMO_CLIENTS] = append_client,       [DEMO_JOB_ORDERS] = append_job_order,
    [DEMO_PLACEMENTS] = append_placement, [DEMO_TIMESHEETS] = append_timesheet, [DEMO_CALL_LOG] = append_call,
    [DEMO_EMAIL_LOG] = append_mail,
};

void demo_append_rows(const struct demo *d, enum demo_table table, uint64_t first, uint64_t count, struct buf *out) {
    for (uint64_t row = first; row < first + count; row++) {
        struct demo_random r = demo_random_for(d->seed, table, row);
        writers[table](d, row, &r, out);
        buf_append_char(out, '\n');
    }
}
