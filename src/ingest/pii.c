#include "ingest/pii.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/config.h"
#include "ingest/ingest.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_WORDS 12
#define WORD_BYTES 32
#define CONFIDENCE_KEPT 0.5

struct pii_rule {
    const char *kind;
    /* Words in a row that a name may hold, ',' between choices: "phone, cell, e mail".  Word forms, not parts of words. */
    const char *names;
    /* Words beside them that say otherwise: an ip_address is no address. */
    const char *not_names;
    const char *pattern; /* RE2, searched in the value; "" where values say nothing */
    double name_alone;   /* confidence where only the name speaks */
    double values_alone; /* where (nearly) all values match and the name says nothing */
    const char *looks_like;
    bool text_only; /* the name means nothing on a column of another type */
    /* A custom rule's columns: shell patterns. */
    const struct lh_config_list *globs;
};

static const struct pii_rule builtin[] = {
    {.kind = "email",
     .names = "email,e mail,mail,emails,email address",
     .not_names = "subject,body,count,template,status,server,id,sent,opened,provider",
     .pattern = "^\\s*[A-Za-z0-9._%+\\-]+@[A-Za-z0-9.\\-]+\\.[A-Za-z]{2,}\\s*$",
     .name_alone = 0.7,
     .values_alone = 0.97,
     .looks_like = "an e-mail address",
     .text_only = true},
    {.kind = "phone",
     .names = "phone,telephone,telefon,tel,mobile,cell,cellphone,fax,handy,phone number",
     .not_names = "type,model,count,duration,id,status",
     .pattern =
         "^\\s*(\\+[0-9][0-9 ().\\-/]{6,18}[0-9]|\\(?[0-9]{3}\\)?[ .\\-][0-9]{3,4}[ .\\-][0-9]{3,4}( ?x ?[0-9]{1,5})?)\\s*$",
     .name_alone = 0.75,
     .values_alone = 0.8,
     .looks_like = "a phone number"},
    {.kind = "ssn",
     .names = "ssn,social security,social security number,ss number,sozialversicherungsnummer",
     .not_names = "last4,status",
     .pattern = "^\\s*[0-9]{3}-[0-9]{2}-[0-9]{4}\\s*$",
     .name_alone = 0.85,
     .values_alone = 0.9,
     .looks_like = "a US social security number"},
    {.kind = "salary",
     .names =
         "salary,salaries,wage,wages,pay rate,pay,compensation,income,gehalt,bonus,ote,base pay,desired salary,hourly rate",
     .not_names = "pay period,payment,date,type,currency,status,frequency",
     .pattern = "",
     .name_alone = 0.85,
     .looks_like = ""},
    {.kind = "address",
     .names = "address,addr,street,street address,home address,address line,postal address,strasse,adresse",
     .not_names = "ip,email,mac,mail,e,web,wallet,url,contract,type,id",
     .pattern =
         "(?i)^\\s*([0-9]{1,6}[A-Z]?\\s+\\S.*\\b(street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|"
         "way|place|pl|terrace|circle|parkway|pkwy|highway|hwy|square|sq)\\b|\\p{L}.*(stra(ss|\xC3\x9F)e|str\\.|weg|platz|allee)"
         "\\s+[0-9]+)",
     .name_alone = 0.75,
     .values_alone = 0.85,
     .looks_like = "a street address",
     .text_only = true},
    {.kind = "medical",
     .names =
         "medical,diagnosis,diagnoses,icd,icd10,icd code,medication,medications,health,disability,allergy,allergies,blood type,"
         "patient,prescription,illness,condition,sick note",
     .not_names = "order,terms,weather,health check,check,status code",
     .pattern = "^\\s*[A-TV-Z][0-9][0-9A-Z]\\.[0-9A-Z]{1,4}\\s*$",
     .name_alone = 0.75,
     .values_alone = 0.75,
     .looks_like = "an ICD-10 diagnosis code"},
    {.kind = "date_of_birth",
     .names = "dob,birth,birthday,birthdate,birth date,date of birth,born,geburtsdatum,geboren",
     .not_names = "place,city,country",
     .pattern = "",
     .name_alone = 0.85,
     .looks_like = ""},
};

struct pii_rules {
    struct pii_rule *items;
    size_t count;
};

struct pii_rules *pii_rules_new(const struct lh_config *config) {
    struct pii_rules *rules = lh_calloc(1, sizeof *rules);
    size_t custom = config ? config->pii_rule_count : 0;
    rules->items = lh_calloc(LH_ARRAY_LEN(builtin) + custom, sizeof *rules->items);
    memcpy(rules->items, builtin, sizeof builtin);
    rules->count = LH_ARRAY_LEN(builtin);
    for (size_t i = 0; i < custom; i++) {
        const struct lh_config_pii_rule *r = &config->pii_rules[i];
        rules->items[rules->count++] = (struct pii_rule){
            .kind = r->name,
            .names = "",
            .not_names = "",
            .pattern = r->pattern ? r->pattern : "",
            .name_alone = 0.9,
            .values_alone = 0.9,
            .looks_like = "the configured pattern",
            .globs = &r->columns,
        };
    }
    return rules;
}

void pii_rules_free(struct pii_rules *rules) {
    if (!rules)
        return;
    lh_free(rules->items);
    lh_free(rules);
}

json_t *pii_patterns(const struct pii_rules *rules) {
    json_t *patterns = json_array();
    for (size_t i = 0; i < rules->count; i++)
        if (*rules->items[i].pattern)
            json_array_append_new(
                patterns, json_pack("{s:s, s:s}", "kind", rules->items[i].kind, "pattern", rules->items[i].pattern));
    return patterns;
}

size_t pii_pattern_count(const struct pii_rules *rules) {
    size_t count = 0;
    for (size_t i = 0; i < rules->count; i++)
        count += *rules->items[i].pattern != 0;
    return count;
}

/* ---- names ---- */

struct words {
    char items[NAME_WORDS][WORD_BYTES];
    size_t count;
};

static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

static bool is_word_character(char c) {
    return (c >= 'a' && c <= 'z') || is_upper(c) || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80;
}

/* "homePhone", "HOME_PHONE", "Home phone #2" -> home phone (2).  A capital after a small letter begins a word. */
static void split_name(const char *name, struct words *ret) {
    ret->count = 0;
    size_t len = 0;
    for (const char *p = name;; p++) {
        bool inside = *p && is_word_character(*p);
        bool hump = inside && len > 0 && is_upper(*p) && !is_upper(p[-1]);
        if ((!inside || hump) && len > 0) {
            ret->items[ret->count++][len] = 0;
            len = 0;
            if (ret->count == NAME_WORDS)
                return;
        }
        if (!*p)
            return;
        if (inside && len + 1 < WORD_BYTES)
            ret->items[ret->count][len++] = is_upper(*p) ? (char)(*p + 32) : *p;
    }
}

/* Do the words hold one of the choices ("a,b c,d") as words in a row?  The choice is copied out. */
static bool find_choice(const struct words *words, const char *choices, char *ret_choice, size_t cap) {
    for (const char *c = choices; *c;) {
        size_t choice_len = strcspn(c, ",");
        for (size_t start = 0; start < words->count; start++) {
            size_t at = 0, i = start;
            while (at < choice_len && i < words->count) {
                size_t word_len = strcspn(c + at, " ,");
                if (strlen(words->items[i]) != word_len || memcmp(words->items[i], c + at, word_len) != 0)
                    break;
                at += word_len + 1;
                i++;
            }
            if (at >= choice_len) {
                size_t keep = choice_len < cap - 1 ? choice_len : cap - 1;
                memcpy(ret_choice, c, keep);
                ret_choice[keep] = 0;
                return true;
            }
        }
        c += choice_len;
        c += *c == ',';
    }
    return false;
}

static bool name_matches(const struct pii_rule *rule, const char *name, char *ret_word, size_t cap) {
    char other[64];
    for (size_t i = 0; rule->globs && i < rule->globs->count; i++) {
        if (fnmatch(rule->globs->items[i], name, FNM_CASEFOLD) == 0) {
            size_t keep = strnlen(rule->globs->items[i], cap - 1);
            memcpy(ret_word, rule->globs->items[i], keep);
            ret_word[keep] = 0;
            return true;
        }
    }
    struct words words;
    split_name(name, &words);
    return find_choice(&words, rule->names, ret_word, cap) &&
           !find_choice(&words, rule->not_names, other, sizeof other);
}

/* ---- judgement ---- */

static bool name_fits_type(const struct pii_rule *rule, const char *type) {
    if (strcmp(type, "BOOLEAN") == 0)
        return false; /* has_phone, is_medical */
    if (rule->text_only)
        return strncmp(type, "VARCHAR", 7) == 0;
    if (strcmp(rule->kind, "date_of_birth") == 0)
        return strncmp(type, "DATE", 4) == 0 || strncmp(type, "VARCHAR", 7) == 0 || strncmp(type, "TIMESTAMP", 9) == 0;
    if (strcmp(rule->kind, "salary") == 0)
        return strncmp(type, "DATE", 4) != 0 && strncmp(type, "TIMESTAMP", 9) != 0;
    return true;
}

static double confidence_of(const struct pii_rule *rule, bool named, bool has_values, double share) {
    if (named && has_values && share > 0) {
        double with_values = rule->name_alone + (0.99 - rule->name_alone) * share;
        return with_values;
    }
    if (named) /* values that all look different speak against the name */
        return has_values ? rule->name_alone - 0.2 : rule->name_alone;
    return has_values && share >= 0.6 ? rule->values_alone * share : 0;
}

static void append_reason(struct buf *why, const struct pii_rule *rule, const char *word, bool has_values,
                          uint64_t matched, uint64_t sampled) {
    if (word)
        buf_printf(why, "the name says \"%s\"", word);
    if (!has_values)
        return;
    buf_printf(why, "%s%llu of %llu sampled values look like %s", word ? "; " : "", (unsigned long long)matched,
               (unsigned long long)sampled, rule->looks_like);
}

static int by_confidence(const void *a, const void *b) {
    const struct ingest_flag *x = a, *y = b;
    return x->confidence < y->confidence ? 1 : x->confidence > y->confidence ? -1 : strcmp(x->kind, y->kind);
}

void pii_judge(const struct pii_rules *rules, const struct pii_column *column, struct arena *arena,
               struct ingest_flag **ret_flags, size_t *ret_count) {
    struct ingest_flag *flags = arena_alloc(arena, rules->count * sizeof *flags);
    size_t count = 0, pattern = 0;
    for (size_t i = 0; i < rules->count; i++) {
        const struct pii_rule *rule = &rules->items[i];
        char word[64];
        bool named = name_matches(rule, column->name, word, sizeof word) && name_fits_type(rule, column->type);
        bool has_values = *rule->pattern && column->matches && column->sampled > 0;
        uint64_t matched = has_values ? column->matches[pattern] : 0;
        pattern += *rule->pattern != 0;
        double share = has_values ? (double)matched / (double)column->sampled : 0;
        double confidence = confidence_of(rule, named, has_values, share);
        if (confidence < CONFIDENCE_KEPT)
            continue;
        LH_AUTO(buf) struct buf why = BUF_INIT;
        append_reason(&why, rule, named ? word : NULL, has_values, matched, column->sampled);
        /* Two decimals are all that such a figure is worth. */
        confidence = (double)(int)(confidence * 100 + 0.5) / 100;
        flags[count++] =
            (struct ingest_flag){arena_strdup(arena, rule->kind), arena_strdup(arena, buf_cstr(&why)), confidence};
    }
    qsort(flags, count, sizeof *flags, by_confidence);
    *ret_flags = flags;
    *ret_count = count;
}
