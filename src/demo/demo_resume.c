/* Resumes: a summary, past jobs with duties, education, certificates and skills, put together from the words of the candidate's
 * occupation with a few from a second one, in several layouts, so that no two read alike. */
#include "demo/demo_internal.h"

#include <string.h>

/* Copy a duty or phrase, filling {n}, {m}, {p} and {s}. */
static void append_phrase(const char *phrase, const struct demo_occupation *o, struct demo_random *r, struct buf *out) {
    for (const char *brace; (brace = strchr(phrase, '{')); phrase = brace + 3) {
        buf_append(out, phrase, (size_t)(brace - phrase));
        switch (brace[1]) {
        case 'n': demo_append_number(out, (uint64_t)demo_random_between(r, 2, 12)); break;
        case 'm': demo_append_number(out, (uint64_t)demo_random_between(r, 15, 480)); break;
        case 'p': demo_append_number(out, (uint64_t)demo_random_between(r, 3, 45)); break;
        default: buf_append_str(out, demo_pick(r, o->skills));
        }
    }
    buf_append_str(out, phrase);
}

/* `count` different words of the list, from a random start with a random odd stride. */
static void append_words(struct demo_list list, size_t count, const char *separator, struct demo_random *r,
                         struct buf *out) {
    size_t at = (size_t)demo_random_below(r, list.count);
    if (count > list.count)
        count = list.count;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_str(out, separator);
        buf_append_str(out, list.items[(at + i) % list.count]);
    }
}

static void append_summary(const struct demo_candidate *c, struct demo_random *r, struct buf *out) {
    const struct demo_occupation *o = c->occupation;
    const char *title = o->titles.items[c->title];
    switch (demo_random_below(r, 4)) {
    case 0:
        buf_printf(out, "%s with %d years of experience in %s and %s. ", title, c->years, demo_pick(r, o->skills),
                   demo_pick(r, o->skills));
        break;
    case 1:
        buf_printf(out, "Dependable %s from %s, %s. %d years on the job, most of it with ", title, c->city->city,
                   c->city->state, c->years);
        append_words(o->skills, 3, ", ", r, out);
        buf_append_str(out, ". ");
        break;
    case 2:
        buf_append_str(out, "OBJECTIVE: ");
        append_phrase(demo_pick(r, demo_goals), o, r, out);
        buf_printf(out, " as a %s. ", title);
        break;
    default: buf_printf(out, "%s professional. ", o->family);
    }
    append_phrase(demo_pick(r, demo_strengths), o, r, out);
    buf_append_str(out, ". ");
    append_phrase(demo_pick(r, demo_goals), o, r, out);
    buf_append_str(out, ".\n\n");
}

static void append_job(const struct demo_candidate *c, const struct demo_occupation *o, int from, int to,
                       struct demo_random *r, struct buf *out) {
    const char *bullet = demo_random_chance(r, 500) ? "- " : "* ";
    if (demo_random_chance(r, 400))
        buf_append_str(out, demo_pick(r, o->employers));
    else
        buf_printf(out, "%s %s", demo_pick(r, demo_company_words), demo_pick(r, demo_company_suffixes));
    const struct demo_city *city =
        demo_random_chance(r, 700) ? c->city : &demo_cities[demo_random_below(r, demo_city_count)];
    buf_printf(out, ", %s, %s | %s | %d - ", city->city, city->state, demo_pick(r, o->titles), from);
    if (to >= 2025)
        buf_append_str(out, "present\n");
    else
        buf_printf(out, "%d\n", to);
    size_t duties = (size_t)demo_random_between(r, 2, 4), at = (size_t)demo_random_below(r, o->duties.count);
    for (size_t i = 0; i < duties; i++) {
        buf_append_str(out, bullet);
        append_phrase(o->duties.items[(at + i * 3) % o->duties.count], o, r, out);
        buf_append_char(out, '\n');
    }
}

static void append_history(const struct demo_candidate *c, struct demo_random *r, struct buf *out) {
    int year = 2025, jobs = 1 + (int)demo_random_below(r, (uint64_t)(c->years >= 6 ? 4 : 2));
    int left = c->years < jobs ? jobs : c->years;
    buf_append_str(out, demo_random_chance(r, 500) ? "EXPERIENCE\n" : "Work history\n");
    for (int i = 0; i < jobs; i++) {
        int years = i == jobs - 1 ? left : 1 + (int)demo_random_below(r, (uint64_t)(left / (jobs - i) + 1));
        bool changed_field = i == jobs - 1 && jobs > 1 && demo_random_chance(r, 150);
        append_job(c, changed_field ? &demo_occupations[demo_random_below(r, demo_occupation_count)] : c->occupation,
                   year - years, year, r, out);
        year -= years;
        left = left > years ? left - years : 1;
    }
}

void demo_append_resume(const struct demo *d, const struct demo_candidate *c, struct demo_random *r, struct buf *out) {
    (void)d;
    const struct demo_occupation *o = c->occupation;
    buf_printf(out, "%s %s\n%s\n", c->first_name, c->last_name, o->titles.items[c->title]);
    append_summary(c, r, out);
    bool skills_first = demo_random_chance(r, 450);
    if (skills_first) {
        buf_append_str(out, "SKILLS: ");
        append_words(o->skills, (size_t)demo_random_between(r, 5, 9), ", ", r, out);
        buf_append_str(out, "\n\n");
    }
    append_history(c, r, out);
    buf_append_str(out, "\nEDUCATION\n");
    buf_printf(out, "%s, %s, %d\n", demo_pick(r, demo_degrees), demo_pick(r, demo_schools), 2024 - c->years);
    if (demo_random_chance(r, 700)) {
        buf_append_str(out, "\nCertifications: ");
        append_words(o->certificates, (size_t)demo_random_between(r, 1, 3), "; ", r, out);
        buf_append_char(out, '\n');
    }
    if (!skills_first) {
        buf_append_str(out, "\nSkills\n");
        append_words(o->skills, (size_t)demo_random_between(r, 4, 8), "\n", r, out);
        buf_append_char(out, '\n');
    }
    if (demo_random_chance(r, 120))
        buf_append_str(out, "\nReferences available upon request.\n");
}
