#include "json/regex.h"

#include "base/buf.h"
#include "base/utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#define STEPS_BASE 2000u    /* a match may take this many steps, */
#define STEPS_PER_BYTE 100u /* and so many for each byte of the text */
#define HEAP_KIB_BASE 1024u /* likewise memory: a repeated group takes it at every turn */
#define HEAP_BYTES_PER_BYTE 256u
#define HEAP_KIB_MAX 32768u
#define REPEAT_MAX 1000u
#define GROUP_DEPTH_MAX 50u
#define NO_CHAR 0x110000u /* not a character: a class escape stood there */

struct regex {
    pcre2_code *code;
};

/* ECMA-262 WhiteSpace and LineTerminator, and all else, as the inside of a class. */
#define SPACES                                                                                     \
    "\\x09-\\x0d\\x20\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}"      \
    "\\x{3000}\\x{feff}"
#define NOT_SPACES                                                                                 \
    "\\x00-\\x08\\x0e-\\x1f\\x21-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"   \
    "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{"   \
    "10ffff}"

/* Reads the pattern, writes its meaning. */
struct reader {
    struct slice in;
    size_t at;
    unsigned depth;
    struct buf out;
    struct err *e;
};

static int bad(struct reader *r, const char *what)
{
    return err_set(r->e, ERR_BAD_REQUEST, "pattern, byte %zu: %s", r->at, what);
}

static bool peek(const struct reader *r, char c)
{
    return r->at < r->in.len && r->in.p[r->at] == c;
}

static bool take(struct reader *r, const char *s)
{
    size_t n = strlen(s);
    if (r->in.len - r->at < n || memcmp(r->in.p + r->at, s, n) != 0)
        return false;
    r->at += n;
    return true;
}

static uint32_t next_char(struct reader *r)
{
    uint32_t c;
    r->at += utf8_decode(r->in.p + r->at, r->in.len - r->at, &c);
    return c;
}

static void put_char(struct reader *r, uint32_t c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        buf_add_char(&r->out, (char)c);
    else
        buf_addf(&r->out, "\\x{%x}", (unsigned)c);
}

/* Between min and max hex digits; false when there are fewer. */
static bool read_hex(struct reader *r, unsigned min, unsigned max, uint32_t *out)
{
    unsigned n = 0;
    for (*out = 0; n < max && r->at < r->in.len; n++, r->at++) {
        char c = r->in.p[r->at];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            break;
        *out = *out * 16 + (uint32_t)digit;
    }
    return n >= min;
}

/* After `\u`: four digits, two such of a surrogate pair, or {digits}. */
static int read_unicode(struct reader *r, uint32_t *out)
{
    uint32_t low;
    if (take(r, "{")) {
        if (!read_hex(r, 1, 8, out) || !take(r, "}") || *out > 0x10ffff)
            return bad(r, "\\u{...} is not a character");
    } else {
        if (!read_hex(r, 4, 4, out))
            return bad(r, "\\u needs four hex digits");
        if (*out >= 0xd800 && *out < 0xdc00 && take(r, "\\u") && read_hex(r, 4, 4, &low) &&
            low >= 0xdc00 && low < 0xe000)
            *out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
    }
    return *out >= 0xd800 && *out < 0xe000 ? bad(r, "half of a surrogate pair is no character") : 0;
}

/* The short name of a general category (ECMA-262 table "Value aliases"); NULL when it isn't one. */
static const char *category(struct slice name)
{
    /* clang-format off */
    static const char *const names[][2] = {
        {"Cased_Letter", "L&"}, {"LC", "L&"}, {"Close_Punctuation", "Pe"},
        {"Connector_Punctuation", "Pc"}, {"Control", "Cc"}, {"cntrl", "Cc"},
        {"Currency_Symbol", "Sc"}, {"Dash_Punctuation", "Pd"}, {"Decimal_Number", "Nd"},
        {"digit", "Nd"}, {"Enclosing_Mark", "Me"}, {"Final_Punctuation", "Pf"}, {"Format", "Cf"},
        {"Initial_Punctuation", "Pi"}, {"Letter", "L"}, {"Letter_Number", "Nl"},
        {"Line_Separator", "Zl"}, {"Lowercase_Letter", "Ll"}, {"Mark", "M"},
        {"Combining_Mark", "M"}, {"Math_Symbol", "Sm"}, {"Modifier_Letter", "Lm"},
        {"Modifier_Symbol", "Sk"}, {"Nonspacing_Mark", "Mn"}, {"Number", "N"},
        {"Open_Punctuation", "Ps"}, {"Other", "C"}, {"Other_Letter", "Lo"},
        {"Other_Number", "No"}, {"Other_Punctuation", "Po"}, {"Other_Symbol", "So"},
        {"Paragraph_Separator", "Zp"}, {"Private_Use", "Co"}, {"Punctuation", "P"},
        {"punct", "P"}, {"Separator", "Z"}, {"Space_Separator", "Zs"}, {"Spacing_Mark", "Mc"},
        {"Surrogate", "Cs"}, {"Symbol", "S"}, {"Titlecase_Letter", "Lt"}, {"Unassigned", "Cn"},
        {"Uppercase_Letter", "Lu"}, {"L", "L"}, {"Ll", "Ll"}, {"Lm", "Lm"}, {"Lo", "Lo"},
        {"Lt", "Lt"}, {"Lu", "Lu"}, {"M", "M"}, {"Mc", "Mc"}, {"Me", "Me"}, {"Mn", "Mn"},
        {"N", "N"}, {"Nd", "Nd"}, {"Nl", "Nl"}, {"No", "No"}, {"P", "P"}, {"Pc", "Pc"},
        {"Pd", "Pd"}, {"Pe", "Pe"}, {"Pf", "Pf"}, {"Pi", "Pi"}, {"Po", "Po"}, {"Ps", "Ps"},
        {"S", "S"}, {"Sc", "Sc"}, {"Sk", "Sk"}, {"Sm", "Sm"}, {"So", "So"}, {"Z", "Z"},
        {"Zl", "Zl"}, {"Zp", "Zp"}, {"Zs", "Zs"}, {"C", "C"}, {"Cc", "Cc"}, {"Cf", "Cf"},
        {"Cn", "Cn"}, {"Co", "Co"}, {"Cs", "Cs"}, {"Any", "Any"}};
    /* clang-format on */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_is(name, names[i][0]))
            return names[i][1];
    return NULL;
}

/* After `\p` or `\P`: {General category}, {gc=...}, {Script=...}, {scx=...}. */
static int put_property(struct reader *r, char which)
{
    size_t start = r->at + 1;
    if (!take(r, "{"))
        return bad(r, "\\p needs {a property}");
    while (r->at < r->in.len && r->in.p[r->at] != '}')
        r->at++;
    struct slice value = slice_of(r->in.p + start, r->at - start);
    if (!take(r, "}"))
        return bad(r, "\\p needs {a property}");
    struct slice name = memchr(value.p, '=', value.len) ? slice_cut(&value, '=') : SLICE_NONE;
    bool script = slice_is(name, "Script") || slice_is(name, "sc");
    bool extended = slice_is(name, "Script_Extensions") || slice_is(name, "scx");
    for (size_t i = 0; i < value.len; i++)
        if (!((value.p[i] | 32) >= 'a' && (value.p[i] | 32) <= 'z') && value.p[i] != '_')
            return bad(r, "not a Unicode property");
    if (script || extended) {
        buf_addf(&r->out, "\\%c{%s:%.*s}", which, script ? "sc" : "scx", SLICE_FMT(value));
        return 0;
    }
    bool general = !name.p || slice_is(name, "General_Category") || slice_is(name, "gc");
    const char *brief = general ? category(value) : NULL;
    if (!brief)
        return bad(r, "only general categories and scripts are supported as properties");
    buf_addf(&r->out, "\\%c{%s}", which, brief);
    return 0;
}

/* Escapes that stand for one character, in a class and outside. *out is NO_CHAR when c is none. */
static int char_escape(struct reader *r, char c, uint32_t *out)
{
    static const char *const names = "tnvfr";
    static const char values[] = "\t\n\v\f\r";
    const char *simple = c ? strchr(names, c) : NULL;
    *out = NO_CHAR;
    if (simple) {
        *out = (uint32_t)values[simple - names];
    } else if (c == '0') {
        if (r->at < r->in.len && r->in.p[r->at] >= '0' && r->in.p[r->at] <= '9')
            return bad(r, "octal escapes are not supported");
        *out = 0;
    } else if (c == 'x') {
        if (!read_hex(r, 2, 2, out))
            return bad(r, "\\x needs two hex digits");
    } else if (c == 'u') {
        return read_unicode(r, out);
    } else if (c == 'c') {
        char letter = r->at < r->in.len ? r->in.p[r->at] : 0;
        if ((letter | 32) < 'a' || (letter | 32) > 'z')
            return bad(r, "\\c needs a letter");
        r->at++;
        *out = (uint32_t)letter & 31;
    } else if ((unsigned char)c > 32 && (unsigned char)c < 127 && c != '_' &&
               !(c >= '0' && c <= '9') && !((c | 32) >= 'a' && (c | 32) <= 'z')) {
        *out = (uint32_t)c; /* punctuation stands for itself */
    }
    return 0;
}

/* Escapes for sets of characters. False when c is none. */
static bool set_escape(struct reader *r, char c, bool in_class, int *rc)
{
    *rc = 0;
    if (c == 'd' || c == 'D' || c == 'w' || c == 'W')
        buf_addf(&r->out, "\\%c", c);
    else if (c == 's')
        buf_add_str(&r->out, in_class ? SPACES : "[" SPACES "]");
    else if (c == 'S')
        buf_add_str(&r->out, in_class ? NOT_SPACES : "[" NOT_SPACES "]");
    else if (c == 'p' || c == 'P')
        *rc = put_property(r, c);
    else
        return false;
    return true;
}

/* One member of a class: *c, or NO_CHAR when a set was written. */
static int class_atom(struct reader *r, uint32_t *c)
{
    if (!take(r, "\\")) {
        *c = next_char(r);
        return 0;
    }
    if (r->at == r->in.len)
        return bad(r, "ends in a backslash");
    char which = r->in.p[r->at++];
    int rc;
    *c = NO_CHAR;
    if (set_escape(r, which, true, &rc))
        return rc;
    if (which == 'b') {
        *c = '\b';
        return 0;
    }
    rc = char_escape(r, which, c);
    return rc ? rc : *c == NO_CHAR ? bad(r, "unknown escape in a class") : 0;
}

/* After `[`. */
static int read_class(struct reader *r)
{
    bool negated = take(r, "^");
    if (take(r, "]")) { /* nothing, or anything */
        buf_add_str(&r->out, negated ? "[\\x{0}-\\x{10ffff}]" : "(?!)");
        return 0;
    }
    buf_add_str(&r->out, negated ? "[^" : "[");
    while (!take(r, "]")) {
        uint32_t from, to;
        if (r->at == r->in.len)
            return bad(r, "a class is not closed");
        int rc = class_atom(r, &from);
        if (rc)
            return rc;
        bool range = peek(r, '-') && r->at + 1 < r->in.len && r->in.p[r->at + 1] != ']';
        if (from != NO_CHAR)
            put_char(r, from);
        if (!range)
            continue;
        r->at++;
        /* Written between, so that a set at the end is found out after it. */
        buf_add_char(&r->out, '-');
        rc = class_atom(r, &to);
        if (rc)
            return rc;
        if (from == NO_CHAR || to == NO_CHAR || from > to)
            return bad(r, "a range of a class is out of order or not between characters");
        put_char(r, to);
    }
    buf_add_char(&r->out, ']');
    return 0;
}

/* After `\`, outside of classes. *assertion: it takes no repeat. */
static int read_escape(struct reader *r, bool *assertion)
{
    if (r->at == r->in.len)
        return bad(r, "ends in a backslash");
    char which = r->in.p[r->at++];
    int rc;
    uint32_t c;
    if (which == 'b' || which == 'B') {
        buf_addf(&r->out, "\\%c", which);
        *assertion = true;
        return 0;
    }
    if (set_escape(r, which, false, &rc))
        return rc;
    if ((which >= '1' && which <= '9') || which == 'k')
        return bad(r, "backreferences are not supported");
    rc = char_escape(r, which, &c);
    if (rc)
        return rc;
    if (c == NO_CHAR)
        return bad(r, "unknown escape");
    put_char(r, c);
    return 0;
}

static bool name_char(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c == '$';
}

/* After `(`: writes how the group opens. Captures are not kept: nothing refers to them. */
static int open_group(struct reader *r, bool *lookahead)
{
    *lookahead = false;
    if (take(r, "?=") || take(r, "?!")) {
        *lookahead = true;
        buf_addf(&r->out, "(?%c", r->in.p[r->at - 1]);
        return 0;
    }
    if (take(r, "?<=") || take(r, "?<!"))
        return bad(r, "lookbehind is not supported");
    buf_add_str(&r->out, "(?:");
    if (take(r, "?<")) {
        size_t start = r->at;
        while (r->at < r->in.len && name_char(r->in.p[r->at]))
            r->at++;
        return r->at > start && take(r, ">") ? 0 : bad(r, "a group's name is malformed");
    }
    if (peek(r, '?') && !take(r, "?:"))
        return bad(r, "unknown kind of group");
    return 0;
}

static bool read_count(struct reader *r, uint32_t *n)
{
    size_t start = r->at;
    for (*n = 0; r->at < r->in.len && r->in.p[r->at] >= '0' && r->in.p[r->at] <= '9'; r->at++)
        if (*n <= REPEAT_MAX)
            *n = *n * 10 + (uint32_t)(r->in.p[r->at] - '0');
    return r->at > start;
}

/* A repeat, if one is there. repeatable: something that it can repeat stands before it. */
static int read_repeat(struct reader *r, bool repeatable)
{
    size_t start = r->at;
    if (take(r, "{")) {
        uint32_t min, max;
        if (!read_count(r, &min))
            return bad(r, "{ begins no repeat; write \\{ for the character");
        max = min;
        if (take(r, ",") && !read_count(r, &max))
            max = REPEAT_MAX;
        if (!take(r, "}") || max < min)
            return bad(r, "a repeat is malformed");
        if (min > REPEAT_MAX || max > REPEAT_MAX)
            return bad(r, "a repeat of more than 1000");
    } else if (!take(r, "*") && !take(r, "+") && !take(r, "?")) {
        return 0;
    }
    if (!repeatable)
        return bad(r, "there is nothing to repeat");
    take(r, "?");
    buf_add(&r->out, r->in.p + start, r->at - start);
    return peek(r, '*') || peek(r, '+') || peek(r, '?') || peek(r, '{')
               ? bad(r, "a repeat of a repeat")
               : 0;
}

/* Which of the open groups are lookaheads, the innermost last. */
struct groups {
    bool lookahead[GROUP_DEPTH_MAX];
};

/* Reads one term: an atom or an assertion; *repeatable says which. */
static int read_term(struct reader *r, struct groups *groups, bool *repeatable)
{
    *repeatable = true;
    uint32_t c = next_char(r);
    bool assertion = false;
    int rc;
    switch (c) {
    case '(':
        if (r->depth == GROUP_DEPTH_MAX)
            return bad(r, "too many groups inside one another");
        *repeatable = false; /* what follows stands at the start of the group */
        return open_group(r, &groups->lookahead[r->depth++]);
    case ')':
        if (!r->depth)
            return bad(r, "a ) too many");
        *repeatable = !groups->lookahead[--r->depth];
        buf_add_char(&r->out, ')');
        return 0;
    case '|':
    case '^':
    case '$':
        *repeatable = false;
        buf_add_char(&r->out, (char)c);
        return 0;
    case '.':
        buf_add_str(&r->out, "[^\\n\\r\\x{2028}\\x{2029}]");
        return 0;
    case '[':
        return read_class(r);
    case '\\':
        rc = read_escape(r, &assertion);
        *repeatable = !assertion;
        return rc;
    case '*':
    case '+':
    case '?':
    case '{':
        r->at--;
        return read_repeat(r, false);
    case '}':
    case ']':
        return bad(r, "} or ] without its opening; write a backslash before it");
    default:
        put_char(r, c);
        return 0;
    }
}

static int translate(struct reader *r)
{
    struct groups groups;
    while (r->at < r->in.len) {
        bool repeatable;
        int rc = read_term(r, &groups, &repeatable);
        if (!rc)
            rc = read_repeat(r, repeatable);
        if (rc)
            return rc;
    }
    if (r->depth)
        return bad(r, "a group is not closed");
    return r->out.failed ? err_set(r->e, ERR_INTERNAL, "no memory") : 0;
}

static int compile(struct slice text, struct regex *re, struct err *e)
{
    int number;
    PCRE2_SIZE at;
    uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_CAPTURE |
                       PCRE2_NEVER_BACKSLASH_C | PCRE2_NO_UTF_CHECK;
    re->code =
        pcre2_compile((PCRE2_SPTR)(text.len ? text.p : ""), text.len, options, &number, &at, NULL);
    if (re->code)
        return 0;
    PCRE2_UCHAR what[120];
    pcre2_get_error_message(number, what, sizeof what);
    return err_set(e, ERR_BAD_REQUEST, "pattern: %s", (const char *)what);
}

int regex_compile(struct slice pattern, struct regex **out, struct err *e)
{
    *out = NULL;
    struct reader r = {.in = pattern, .out = BUF_INIT, .e = e};
    if (pattern.len > REGEX_BYTES_MAX || !utf8_valid(pattern))
        return err_set(e, ERR_BAD_REQUEST, "pattern: over %d bytes, or not UTF-8", REGEX_BYTES_MAX);
    struct regex *re = calloc(1, sizeof *re);
    int rc = re ? translate(&r) : err_set(e, ERR_INTERNAL, "no memory");
    if (!rc)
        rc = compile(buf_slice(&r.out), re, e);
    if (!rc)
        *out = re;
    else
        regex_free(re);
    buf_fini(&r.out);
    return rc;
}

void regex_free(struct regex *re)
{
    if (!re)
        return;
    pcre2_code_free(re->code);
    free(re);
}

enum regex_verdict regex_search(const struct regex *re, struct slice text)
{
    if (text.len > UINT32_MAX / STEPS_PER_BYTE - STEPS_BASE)
        return REGEX_TOO_COSTLY;
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int rc = PCRE2_ERROR_NOMEMORY;
    if (limits && data) {
        pcre2_set_match_limit(limits, STEPS_BASE + STEPS_PER_BYTE * (uint32_t)text.len);
        uint32_t heap = HEAP_KIB_BASE + (uint32_t)(text.len / 1024) * HEAP_BYTES_PER_BYTE;
        pcre2_set_heap_limit(limits, heap < HEAP_KIB_MAX ? heap : HEAP_KIB_MAX);
        rc = pcre2_match(re->code, (PCRE2_SPTR)(text.len ? text.p : ""), text.len, 0,
                         PCRE2_NO_UTF_CHECK, data, limits);
    }
    pcre2_match_data_free(data);
    pcre2_match_context_free(limits);
    return rc >= 0 ? REGEX_YES : rc == PCRE2_ERROR_NOMATCH ? REGEX_NO : REGEX_TOO_COSTLY;
}
