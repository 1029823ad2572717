#include "engine/worker/value_kind.h"

#include "base/attr.h"
#include "base/buf.h"
#include "base/cleanup.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *type, *words;
} kind_table[KIND_COUNT] = {
#define VALUE_KIND_ROW(name, type, words) [KIND_##name] = {type, words},
    VALUE_KINDS(VALUE_KIND_ROW)
#undef VALUE_KIND_ROW
};

const char *value_kind_type(enum value_kind kind) {
    return kind_table[kind].type;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static size_t digit_run(const char *text, size_t len) {
    size_t n = 0;
    while (n < len && is_digit(text[n]))
        n++;
    return n;
}

/* Is the run of digits at most the largest of its kind?  Equal lengths compare as text. */
static bool digits_at_most(const char *digits, size_t len, const char *largest) {
    size_t most = strlen(largest);
    return len < most || (len == most && memcmp(digits, largest, len) <= 0);
}

/* A number's parts; `whole` has no leading zero unless it is "0" itself or missing (".5"). */
struct number {
    const char *whole;
    size_t whole_len, fraction_len;
    bool negative, point, exponent;
};

static bool number_parse(const char *text, size_t len, struct number *ret) {
    size_t at = 0;
    struct number n = {.whole = NULL};
    if (at < len && text[at] == '-') {
        n.negative = true;
        at++;
    }
    n.whole = text + at;
    n.whole_len = digit_run(text + at, len - at);
    if (n.whole_len > 1 && n.whole[0] == '0')
        return false;
    at += n.whole_len;
    if (at < len && text[at] == '.') {
        n.point = true;
        at++;
        n.fraction_len = digit_run(text + at, len - at);
        at += n.fraction_len;
        if (n.fraction_len == 0)
            return false;
    }
    if (n.whole_len + n.fraction_len == 0)
        return false;
    if (at < len && (text[at] == 'e' || text[at] == 'E')) {
        n.exponent = true;
        at++;
        if (at < len && (text[at] == '+' || text[at] == '-'))
            at++;
        size_t digits = digit_run(text + at, len - at);
        if (digits == 0 || digits > 2)
            return false; /* 1e300 and beyond may not fit; three digits are rarely meant as an exponent */
        at += digits;
    }
    *ret = n;
    return at == len;
}

static uint32_t integer_kinds(const struct number *n) {
    if (n->negative && n->whole[0] == '0')
        return 0; /* "-0" does not print back */
    uint32_t kinds = 0;
    if (digits_at_most(n->whole, n->whole_len, n->negative ? "9223372036854775808" : "9223372036854775807"))
        kinds |= KIND_BIT(KIND_BIGINT);
    if (digits_at_most(n->whole, n->whole_len, "99999999999999999999999999999999999999"))
        kinds |= KIND_BIT(KIND_HUGEINT);
    if (n->whole_len <= 15)
        kinds |= KIND_BIT(KIND_DOUBLE) | KIND_BIT(KIND_JSON_DOUBLE);
    return kinds;
}

static uint32_t number_kinds(const char *text, size_t len) {
    struct number n;
    if (!number_parse(text, len, &n))
        return 0;
    if (!n.point && !n.exponent)
        return integer_kinds(&n);
    if (!n.point)
        return 0; /* "12E3" is more often a part number */
    return n.whole_len + n.fraction_len <= 15 ? KIND_BIT(KIND_DOUBLE) : 0;
}

/* 1.234,56 and 12,5.  *ret_proven: not also readable as 1,234 with a thousands separator. */
static bool comma_number(const char *text, size_t len, bool *ret_proven) {
    size_t at = 0;
    if (at < len && text[at] == '-')
        at++;
    size_t whole = digit_run(text + at, len - at), digits = whole, groups = 0;
    if (whole == 0 || (whole > 1 && text[at] == '0'))
        return false;
    at += whole;
    while (at < len && text[at] == '.') {
        if (whole > 3 || text[at - whole - 4 * groups] == '0' || digit_run(text + at + 1, len - at - 1) != 3)
            return false;
        at += 4;
        digits += 3;
        groups++;
    }
    if (at >= len || text[at] != ',')
        return false;
    at++;
    size_t fraction = digit_run(text + at, len - at);
    if (fraction == 0 || at + fraction != len || digits + fraction > 15)
        return false;
    *ret_proven = fraction != 3 || groups > 0 || whole > 3;
    return true;
}

static unsigned two_digits(const char *text) {
    return (unsigned)(text[0] - '0') * 10 + (unsigned)(text[1] - '0');
}

static bool date_valid(unsigned year, unsigned month, unsigned day) {
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (year < 1 || month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* "YYYY-MM-DD" at the front. */
static bool iso_date(const char *text, size_t len) {
    if (len < 10 || digit_run(text, 4) != 4 || text[4] != '-' || digit_run(text + 5, 2) != 2 || text[7] != '-' ||
        digit_run(text + 8, 2) != 2)
        return false;
    return date_valid(two_digits(text) * 100 + two_digits(text + 2), two_digits(text + 5), two_digits(text + 8));
}

/* "HH:MM", "HH:MM:SS", "HH:MM:SS.ffffff": how many bytes, 0 where there is no such time. */
static size_t iso_time_len(const char *text, size_t len) {
    if (len < 5 || digit_run(text, 2) != 2 || text[2] != ':' || digit_run(text + 3, 2) != 2)
        return 0;
    if (two_digits(text) > 23 || two_digits(text + 3) > 59)
        return 0;
    if (len < 6 || text[5] != ':')
        return 5;
    if (len < 8 || digit_run(text + 6, 2) != 2 || two_digits(text + 6) > 59)
        return 0;
    if (len < 9 || text[8] != '.')
        return 8;
    size_t fraction = digit_run(text + 9, len - 9);
    return fraction >= 1 && fraction <= 6 ? 9 + fraction : 0;
}

static bool iso_offset(const char *text, size_t len) {
    if (len == 1 && text[0] == 'Z')
        return true;
    if (len < 3 || (text[0] != '+' && text[0] != '-') || digit_run(text + 1, 2) != 2 || two_digits(text + 1) > 15)
        return false;
    if (len == 3)
        return true;
    return len == 6 && text[3] == ':' && digit_run(text + 4, 2) == 2 && two_digits(text + 4) <= 59;
}

static uint32_t iso_kinds(const char *text, size_t len) {
    if (!iso_date(text, len))
        return 0;
    if (len == 10)
        return KIND_BIT(KIND_DATE);
    if (text[10] != 'T' && text[10] != ' ')
        return 0;
    size_t time = iso_time_len(text + 11, len - 11);
    if (time == 0)
        return 0;
    size_t rest = len - 11 - time;
    if (rest == 0)
        return KIND_BIT(KIND_TIMESTAMP);
    return iso_offset(text + 11 + time, rest) ? KIND_BIT(KIND_TIMESTAMPTZ) : 0;
}

/* "D/M/YYYY" and its kin: one or two digits, the separator twice, four digits. */
static uint32_t day_month_kinds(const char *text, size_t len) {
    size_t a = digit_run(text, len);
    if (a < 1 || a > 2 || a >= len)
        return 0;
    char separator = text[a];
    size_t b = digit_run(text + a + 1, len - a - 1);
    size_t year_at = a + b + 2;
    if (b < 1 || b > 2 || year_at + 4 != len || text[a + 1 + b] != separator || digit_run(text + year_at, 4) != 4)
        return 0;
    unsigned first = a == 1 ? (unsigned)(text[0] - '0') : two_digits(text);
    unsigned second = b == 1 ? (unsigned)(text[a + 1] - '0') : two_digits(text + a + 1);
    unsigned year = two_digits(text + year_at) * 100 + two_digits(text + year_at + 2);
    bool dmy = date_valid(year, second, first), mdy = date_valid(year, first, second);
    switch (separator) {
    case '.': return dmy ? KIND_BIT(KIND_DOT_DMY) : 0;
    case '/': return (dmy ? KIND_BIT(KIND_SLASH_DMY) : 0) | (mdy ? KIND_BIT(KIND_SLASH_MDY) : 0);
    case '-': return (dmy ? KIND_BIT(KIND_DASH_DMY) : 0) | (mdy ? KIND_BIT(KIND_DASH_MDY) : 0);
    default: return 0;
    }
}

uint32_t value_kinds(const char *text, size_t len) {
    uint32_t kinds = KIND_BIT(KIND_TEXT);
    if (len == 0 || len > 48)
        return kinds;
    char first = text[0];
    if (is_digit(first) || first == '-' || first == '.') {
        bool proven;
        kinds |= number_kinds(text, len) | iso_kinds(text, len) | day_month_kinds(text, len);
        if (comma_number(text, len, &proven))
            kinds |= KIND_BIT(KIND_COMMA);
    } else if ((len == 4 && strncasecmp(text, "true", 4) == 0) || (len == 5 && strncasecmp(text, "false", 5) == 0)) {
        kinds |= KIND_BIT(KIND_BOOL);
    }
    return kinds;
}

bool value_has_kind(enum value_kind kind, const char *text, size_t len) {
    switch ((int)kind) {
    case KIND_TEXT: return true;
    case KIND_BIGINT:
    case KIND_DOUBLE: return len <= 48 && (number_kinds(text, len) & KIND_BIT(kind));
    case KIND_DATE: return len == 10 && iso_date(text, len);
    default: return value_kinds(text, len) & KIND_BIT(kind);
    }
}

uint32_t value_kinds_of_json_number(const char *text, size_t len) {
    uint32_t kinds = KIND_BIT(KIND_TEXT);
    struct number n;
    if (number_parse(text, len, &n) && !n.point && !n.exponent)
        kinds |= integer_kinds(&n);
    /* JSON numbers with a fraction are doubles to those who write them; 17 digits are how they print. */
    else if (len <= 32)
        kinds |= KIND_BIT(KIND_JSON_DOUBLE);
    return kinds & KIND_BIT(KIND_JSON_DOUBLE) ? kinds | KIND_BIT(KIND_JSON_FLOAT) : kinds;
}

static bool is_float_word(const char *text, size_t len) {
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    for (size_t i = 0; i < LH_ARRAY_LEN(words); i++)
        if (strlen(words[i]) == len && memcmp(words[i], text, len) == 0)
            return true;
    return false;
}

uint32_t value_kinds_of_json_string(const char *text, size_t len) {
    uint32_t kinds = KIND_BIT(KIND_TEXT) | (len <= 32 ? iso_kinds(text, len) : 0);
    return is_float_word(text, len) ? kinds | KIND_BIT(KIND_JSON_FLOAT) : kinds;
}

void column_note_null(struct column_facts *c) {
    c->nulls++;
}

void column_note(struct column_facts *c, uint32_t kinds, const char *text, size_t len, uint64_t line) {
    uint32_t before = c->values ? c->kinds : KINDS_ALL;
    c->values++;
    c->kinds = before & kinds;
    c->kinds_seen |= kinds;
    if ((kinds & KIND_BIT(KIND_COMMA)) && !c->comma_proven)
        (void)comma_number(text, len, &c->comma_proven);
    if ((before & KINDS_NARROW) && !(c->kinds & KINDS_NARROW)) {
        size_t keep = len < COLUMN_EXAMPLE_MAX ? len : COLUMN_EXAMPLE_MAX;
        while (keep < len && keep > 0 && ((unsigned char)text[keep] & 0xC0) == 0x80)
            keep--;
        memcpy(c->breaker, text, keep);
        memcpy(c->breaker + keep, keep < len ? "..." : "", keep < len ? 4 : 1);
        for (char *p = c->breaker; *p; p++)
            if ((unsigned char)*p < 0x20)
                *p = ' ';
        c->breaker_line = line;
    }
}

static bool both(uint32_t kinds, enum value_kind a, enum value_kind b) {
    return (kinds & KIND_BIT(a)) && (kinds & KIND_BIT(b));
}

static bool order_open(const struct column_facts *c) {
    return both(c->kinds, KIND_SLASH_DMY, KIND_SLASH_MDY) || both(c->kinds, KIND_DASH_DMY, KIND_DASH_MDY);
}

static bool comma_open(const struct column_facts *c) {
    return (c->kinds & KIND_BIT(KIND_COMMA)) && !c->comma_proven;
}

bool column_undecided(const struct column_facts *c) {
    return c->values == 0 || order_open(c) || comma_open(c);
}

/* Words in a column's name that say: digits, but not a quantity. */
static const char *code_word(const char *name) {
    static const char *const words[] = {"zip",       "zipcode", "postcode", "postal", "plz", "phone",
                                        "telephone", "telefon", "mobile",   "cell",   "fax", "ssn",
                                        "iban",      "ean",     "isbn",     "sku"};
    for (const char *p = name; *p;) {
        size_t len = strcspn(p, "_ -./()");
        for (size_t i = 0; i < LH_ARRAY_LEN(words); i++)
            if (strlen(words[i]) == len && strncasecmp(p, words[i], len) == 0)
                return words[i];
        p += len;
        p += strspn(p, "_ -./()");
    }
    return NULL;
}

static enum value_kind decide_text(const struct column_facts *c, struct buf *why) {
    if (order_open(c))
        buf_append_str(why,
                       "dates whose order is open: no day is above 12, so 01/02/2024 could be January or February; "
                       "kept as written");
    else if (comma_open(c))
        buf_append_str(why, "numbers such as 1,234 may be one thousand or one and a bit; kept as written");
    else if (c->breaker[0] == '0' && strspn(c->breaker, "0123456789") == strlen(c->breaker) && c->breaker[1])
        buf_printf(why, "line %llu holds \"%s\": as a number it would lose its zero",
                   (unsigned long long)c->breaker_line, c->breaker);
    else if (c->breaker_line && (c->kinds_seen & KINDS_NARROW) && c->values > 1)
        buf_printf(why, "values of different kinds: line %llu holds \"%s\"", (unsigned long long)c->breaker_line,
                   c->breaker);
    else
        buf_append_str(why, "text");
    return KIND_TEXT;
}

enum value_kind column_decide(const struct column_facts *c, const char *name, struct buf *ret_why) {
    if (c->values == 0) {
        buf_append_str(ret_why, "no value in the file");
        return KIND_TEXT;
    }
    if (order_open(c) || comma_open(c))
        return decide_text(c, ret_why);
    for (int kind = 0; kind < KIND_TEXT; kind++) {
        if (!(c->kinds & KIND_BIT(kind)))
            continue;
        const char *code = kind == KIND_BIGINT || kind == KIND_HUGEINT ? code_word(name) : NULL;
        if (code) {
            buf_printf(ret_why, "digits, but the name says \"%s\": a code, not a quantity; kept as written", code);
            return KIND_TEXT;
        }
        buf_printf(ret_why, "every value is %s (%llu seen)", kind_table[kind].words, (unsigned long long)c->values);
        return (enum value_kind)kind;
    }
    return decide_text(c, ret_why);
}

enum value_kind column_fit(const struct column_facts *c, enum value_kind decided, const char *type) {
    if (strcmp(type, kind_table[decided].type) == 0)
        return decided;
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        bool admitted = kind == KIND_TEXT || (c->values > 0 && !column_undecided(c) && (c->kinds & KIND_BIT(kind)));
        if (admitted && strcmp(type, kind_table[kind].type) == 0)
            return (enum value_kind)kind;
    }
    return decided;
}

static void append_checked(struct buf *out, const char *ident, const char *pattern, const char *value) {
    buf_printf(out, "CASE WHEN NOT regexp_full_match(%s, '%s') THEN error('lh:kind') ELSE %s END", ident, pattern,
               value);
}

static void append_round_trip(struct buf *out, const char *ident, const char *type) {
    buf_printf(out, "CASE WHEN CAST(CAST(%s AS %s) AS VARCHAR) <> %s THEN error('lh:kind') ELSE CAST(%s AS %s) END",
               ident, type, ident, ident, type);
}

/* CASE up to its ELSE: the form, and at most 15 digits once what `not_digits` matches is taken out. */
static void append_few_digits(struct buf *out, const char *ident, const char *pattern, const char *not_digits) {
    buf_printf(out,
               "CASE WHEN NOT regexp_full_match(%s, '%s') OR "
               "(strlen(%s) > 15 AND strlen(regexp_replace(%s, '%s', '', 'g')) > 15) THEN error('lh:kind') ELSE ",
               ident, pattern, ident, ident, not_digits);
}

static void append_strptime(struct buf *out, const char *ident, char separator, bool day_first) {
    LH_AUTO(buf) struct buf pattern = BUF_INIT;
    LH_AUTO(buf) struct buf cast = BUF_INIT;
    buf_printf(&pattern, "[0-9]{1,2}[%c][0-9]{1,2}[%c][0-9]{4}", separator, separator);
    buf_printf(&cast, "CAST(strptime(%s, '%%%c%c%%%c%c%%Y') AS DATE)", ident, day_first ? 'd' : 'm', separator,
               day_first ? 'm' : 'd', separator);
    append_checked(out, ident, buf_cstr(&pattern), buf_cstr(&cast));
}

bool value_kind_append_digits(enum value_kind kind, const char *ident, struct buf *out) {
    switch ((int)kind) {
    case KIND_DOUBLE:
        append_few_digits(out, ident, "0|-?[1-9][0-9]*|-?(0|[1-9][0-9]*)?[.][0-9]+([eE][-+]?[0-9]{1,2})?",
                          "[-.]|[eE].*");
        buf_printf(out, "%s END", ident);
        return true;
    case KIND_COMMA:
        append_few_digits(out, ident, "-?(0|[1-9][0-9]*|[1-9][0-9]{0,2}([.][0-9]{3})+),[0-9]+", "[-.,]");
        buf_printf(out, "replace(replace(%s, '.', ''), ',', '.') END", ident);
        return true;
    case KIND_JSON_DOUBLE:
    case KIND_JSON_FLOAT:
    case KIND_TEXT: buf_append_str(out, ident); return true;
    default: return false;
    }
}

#define SQL_TIME "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?"

void value_kind_append_sql(enum value_kind kind, const char *ident, struct buf *out) {
    LH_AUTO(buf) struct buf cast = BUF_INIT;
    switch (kind) {
    case KIND_BOOL:
        buf_printf(out,
                   "CASE WHEN lower(%s) NOT IN ('true', 'false') THEN error('lh:kind') ELSE CAST(%s AS BOOLEAN) END",
                   ident, ident);
        return;
    case KIND_BIGINT: append_round_trip(out, ident, "BIGINT"); return;
    case KIND_HUGEINT: append_round_trip(out, ident, kind_table[kind].type); return;
    case KIND_DATE: append_round_trip(out, ident, "DATE"); return;
    case KIND_DOUBLE:
    case KIND_JSON_DOUBLE:
    case KIND_JSON_FLOAT:
    case KIND_COMMA:
        (void)value_kind_append_digits(kind, ident, &cast);
        buf_printf(out, "CAST(%s AS DOUBLE)", buf_cstr(&cast));
        return;
    case KIND_LIST_BIGINT:
    case KIND_LIST_DOUBLE:
    case KIND_LIST_TEXT: buf_printf(out, "CAST(%s::JSON AS %s)", ident, kind_table[kind].type); return;
    case KIND_TIMESTAMP:
        buf_printf(&cast, "CAST(%s AS TIMESTAMP)", ident);
        append_checked(out, ident, SQL_TIME, buf_cstr(&cast));
        return;
    case KIND_TIMESTAMPTZ:
        buf_printf(&cast, "CAST(%s AS TIMESTAMPTZ)", ident);
        append_checked(out, ident, SQL_TIME "(Z|[-+](0[0-9]|1[0-5])(:[0-5][0-9])?)", buf_cstr(&cast));
        return;
    case KIND_DOT_DMY: append_strptime(out, ident, '.', true); return;
    case KIND_SLASH_DMY: append_strptime(out, ident, '/', true); return;
    case KIND_SLASH_MDY: append_strptime(out, ident, '/', false); return;
    case KIND_DASH_DMY: append_strptime(out, ident, '-', true); return;
    case KIND_DASH_MDY: append_strptime(out, ident, '-', false); return;
    case KIND_TEXT:
    case KIND_COUNT: break;
    }
    buf_append_str(out, ident);
}
