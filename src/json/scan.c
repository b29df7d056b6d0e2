#include "json/scan.h"

#include "base/num.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>

/* Objects of up to this many members are searched for repeated names pairwise as they are read,
 * larger ones by sorting when they end. */
#define PAIRWISE_MAX 12
#define NAMES_INLINE 48

struct name {
    struct slice raw;
    bool escaped;
};

/* Names of the members of all objects that are open, the innermost object's last. */
struct names {
    struct name *at;
    size_t count, cap;
    struct name first[NAMES_INLINE];
};

struct scan {
    const char *start, *p, *end;
    unsigned depth, depth_max;
    int code; /* of the first failure */
    struct err *e;
    struct names names;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && is_space(*p))
        p++;
    return p;
}

static bool fail(struct scan *s, const char *at, const char *what)
{
    if (!s->code)
        s->code =
            err_set(s->e, ERR_BAD_REQUEST, "JSON, byte %zu: %s", (size_t)(at - s->start), what);
    return false;
}

/* Four hex digits at p, -1 when they aren't. */
static int32_t hex4(const char *p, const char *end)
{
    uint32_t n;
    return end - p >= 4 && num_hex32(slice_of(p, 4), 4, &n) ? (int32_t)n : -1;
}

static bool is_high(int32_t c)
{
    return c >= 0xd800 && c <= 0xdbff;
}

static bool is_low(int32_t c)
{
    return c >= 0xdc00 && c <= 0xdfff;
}

/* s->p is behind a backslash; moves it behind the escape. */
static bool check_escape(struct scan *s)
{
    const char *at = s->p - 1;
    if (s->p < s->end && *s->p != 0 && strchr("\"\\/bfnrt", *s->p)) {
        s->p++;
        return true;
    }
    if (s->p == s->end || *s->p != 'u')
        return fail(s, at, "no such escape");
    int32_t c = hex4(s->p + 1, s->end);
    if (c < 0)
        return fail(s, at, "\\u needs four hex digits");
    s->p += 5;
    if (is_low(c))
        return fail(s, at, "half of a surrogate pair");
    if (is_high(c)) {
        if (s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u' ||
            !is_low(hex4(s->p + 2, s->end)))
            return fail(s, at, "half of a surrogate pair");
        s->p += 6;
    }
    return true;
}

/* Skips ASCII that needs no look: no control character, no quote, no backslash; eight bytes at a
 * time as long as that goes. */
static const char *skip_plain(const char *p, const char *end)
{
    const uint64_t ones = 0x0101010101010101u, high = ones * 0x80;
    while (end - p >= 8) {
        uint64_t w, quote, slash;
        memcpy(&w, p, 8);
        quote = w ^ (ones * '"');
        slash = w ^ (ones * '\\');
        /* The high bit of a byte of (x - ones) & ~x is set where x is 0 (and maybe above it). */
        if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash) | (w - ones * 0x20) | w) & high)
            break;
        p += 8;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
           *p != '\\')
        p++;
    return p;
}

/* s->p is behind the opening quote; moves it behind the closing one. */
static bool check_string(struct scan *s, struct name *out)
{
    const char *from = s->p;
    out->escaped = false;
    for (;;) {
        s->p = skip_plain(s->p, s->end);
        if (s->p == s->end)
            return fail(s, s->p, "the string does not end");
        unsigned char c = (unsigned char)*s->p;
        if (c == '"') {
            out->raw = slice_of(from, (size_t)(s->p - from));
            s->p++;
            return true;
        }
        if (c == '\\') {
            out->escaped = true;
            s->p++;
            if (!check_escape(s))
                return false;
        } else if (c < 0x20) {
            return fail(s, s->p, "a control character in a string must be escaped");
        } else {
            uint32_t unused;
            size_t n = utf8_decode(s->p, (size_t)(s->end - s->p), &unused);
            if (n == 0)
                return fail(s, s->p, "not UTF-8");
            s->p += n;
        }
    }
}

static bool check_digits(struct scan *s)
{
    const char *from = s->p;
    while (s->p < s->end && is_digit(*s->p))
        s->p++;
    return s->p > from || fail(s, s->p, "a digit is missing");
}

static bool check_number(struct scan *s)
{
    if (*s->p == '-')
        s->p++;
    const char *first = s->p;
    if (!check_digits(s))
        return false;
    if (*first == '0' && s->p - first > 1)
        return fail(s, first, "a number can't start with 0");
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!check_digits(s))
            return false;
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!check_digits(s))
            return false;
    }
    return true;
}

/* The next character of an unescaped name or string, *p moved behind it; -1 at the end. In text
 * that did not pass json_check a lone surrogate or a wrong byte reads as U+FFFD. */
static int32_t next_char(const char **p, const char *end)
{
    if (*p >= end)
        return -1;
    uint32_t c;
    if (**p != '\\' || end - *p < 2) {
        size_t n = utf8_decode(*p, (size_t)(end - *p), &c);
        *p += n ? n : 1;
        return n ? (int32_t)c : 0xfffd;
    }
    char kind = (*p)[1];
    *p += 2;
    switch (kind) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        break;
    default:
        return (unsigned char)kind;
    }
    int32_t high = hex4(*p, end);
    if (high < 0)
        return 0xfffd;
    *p += 4;
    if (!is_high(high))
        return is_low(high) ? 0xfffd : high;
    int32_t low = end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u' ? hex4(*p + 2, end) : -1;
    if (!is_low(low))
        return 0xfffd;
    *p += 6;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Order by the characters that names stand for; the same as the bytes' order of UTF-8. */
static int name_cmp(const void *a, const void *b)
{
    const struct name *x = a, *y = b;
    if (!x->escaped && !y->escaped)
        return slice_cmp(x->raw, y->raw);
    const char *p = x->raw.p, *q = y->raw.p;
    for (;;) {
        int32_t c = next_char(&p, x->raw.p + x->raw.len), d = next_char(&q, y->raw.p + y->raw.len);
        if (c != d)
            return c < d ? -1 : 1;
        if (c < 0)
            return 0;
    }
}

static bool name_same(const struct name *a, const struct name *b)
{
    if (!a->escaped && !b->escaped)
        return slice_eq(a->raw, b->raw);
    return name_cmp(a, b) == 0;
}

static bool names_push(struct scan *s, const struct name *n)
{
    struct names *all = &s->names;
    if (all->count == all->cap) {
        if (all->cap > SIZE_MAX / 2 / sizeof *all->at)
            goto no_memory;
        struct name *old = all->at == all->first ? NULL : all->at;
        struct name *more = realloc(old, 2 * all->cap * sizeof *more);
        if (!more)
            goto no_memory;
        if (!old)
            memcpy(more, all->first, sizeof all->first);
        all->at = more;
        all->cap *= 2;
    }
    all->at[all->count++] = *n;
    return true;
no_memory:
    s->code = err_set(s->e, ERR_INTERNAL, "no memory to read the JSON");
    return false;
}

/* Adds the name of a member to the object whose names start at `base`. */
static bool check_name(struct scan *s, size_t base, const struct name *n)
{
    if (!names_push(s, n))
        return false;
    const struct names *all = &s->names;
    if (all->count - base > PAIRWISE_MAX)
        return true;
    for (size_t i = base; i + 1 < all->count; i++)
        if (name_same(&all->at[i], n))
            return fail(s, n->raw.p - 1, "this member is there twice");
    return true;
}

/* The object whose names start at `base` has ended. */
static bool check_names(struct scan *s, size_t base)
{
    struct names *all = &s->names;
    size_t count = all->count - base;
    all->count = base;
    if (count <= PAIRWISE_MAX)
        return true;
    qsort(all->at + base, count, sizeof *all->at, name_cmp);
    for (size_t i = base + 1; i < base + count; i++) {
        const struct name *a = &all->at[i - 1], *b = &all->at[i];
        if (name_same(a, b))
            return fail(s, (a->raw.p > b->raw.p ? a : b)->raw.p - 1, "this member is there twice");
    }
    return true;
}

static bool check_value(struct scan *s);

static char peek(struct scan *s)
{
    s->p = skip_space(s->p, s->end);
    return s->p < s->end ? *s->p : 0;
}

static bool check_member(struct scan *s, size_t base)
{
    struct name n;
    if (peek(s) != '"')
        return fail(s, s->p, "a member's name in quotes is missing");
    s->p++;
    if (!check_string(s, &n) || !check_name(s, base, &n))
        return false;
    if (peek(s) != ':')
        return fail(s, s->p, "a colon is missing");
    s->p++;
    return check_value(s);
}

/* s->p is behind the opening bracket; object: or else an array. */
static bool check_inside(struct scan *s, bool object)
{
    char close = object ? '}' : ']';
    size_t base = s->names.count;
    if (peek(s) == close) {
        s->p++;
        return true;
    }
    for (;;) {
        if (!(object ? check_member(s, base) : check_value(s)))
            return false;
        char c = peek(s);
        if (c != ',' && c != close)
            return fail(s, s->p, object ? "a comma or } is missing" : "a comma or ] is missing");
        s->p++;
        if (c == close)
            return !object || check_names(s, base);
    }
}

static bool check_word(struct scan *s, const char *word, size_t len)
{
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
        return fail(s, s->p, "no value");
    s->p += len;
    return true;
}

static bool check_value(struct scan *s)
{
    struct name unused;
    char c = peek(s);
    switch (c) {
    case '"':
        s->p++;
        return check_string(s, &unused);
    case '{':
    case '[':
        if (s->depth == s->depth_max)
            return fail(s, s->p, "arrays and objects are too deep inside one another");
        s->p++;
        s->depth++;
        if (!check_inside(s, c == '{'))
            return false;
        s->depth--;
        return true;
    case 't':
        return check_word(s, "true", 4);
    case 'f':
        return check_word(s, "false", 5);
    case 'n':
        return check_word(s, "null", 4);
    default:
        if (c == '-' || is_digit(c))
            return check_number(s);
        return fail(s, s->p, s->p == s->end ? "a value is missing" : "no value");
    }
}

int json_check(struct slice text, unsigned max_depth, struct err *e)
{
    struct scan s;
    s.start = s.p = text.p ? text.p : "";
    s.end = s.start + text.len;
    s.depth = 0;
    s.depth_max = max_depth < JSON_DEPTH_MAX ? max_depth : JSON_DEPTH_MAX;
    s.code = 0;
    s.e = e;
    s.names.at = s.names.first;
    s.names.count = 0;
    s.names.cap = NAMES_INLINE;
    if (check_value(&s) && (s.p = skip_space(s.p, s.end)) != s.end)
        fail(&s, s.p, "something follows the value");
    if (s.names.at != s.names.first)
        free(s.names.at);
    return s.code;
}

enum json_kind json_kind(struct slice value)
{
    if (value.len == 0)
        return JSON_NULL;
    const char *end = value.p + value.len, *p = skip_space(value.p, end);
    switch (p < end ? *p : 'n') {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

/* p is at the opening quote. Returns what follows the closing one: the first quote with an even
 * number of backslashes before it. */
static const char *skip_string(const char *p, const char *end)
{
    const char *from = p + 1;
    for (p = from; p < end; p++) {
        p = memchr(p, '"', (size_t)(end - p));
        if (!p)
            return end;
        const char *slash = p;
        while (slash > from && slash[-1] == '\\')
            slash--;
        if ((p - slash) % 2 == 0)
            return p + 1;
    }
    return end;
}

static const char *skip_value(const char *p, const char *end)
{
    size_t depth = 0;
    while (p < end) {
        switch (*p) {
        case '"':
            p = skip_string(p, end);
            break;
        case '{':
        case '[':
            depth++;
            p++;
            break;
        case '}':
        case ']':
            if (depth == 0)
                return p;
            depth--;
            p++;
            break;
        case ',':
            if (depth == 0)
                return p;
            p++;
            continue;
        default:
            p++;
            continue;
        }
        if (depth == 0)
            return p;
    }
    return end;
}

struct json_iter json_iter(struct slice value)
{
    enum json_kind kind = json_kind(value);
    struct json_iter it = {value.p, value.p ? value.p + value.len : NULL};
    if (kind != JSON_ARRAY && kind != JSON_OBJECT)
        it.p = it.end;
    else
        it.p = skip_space(it.p, it.end) + 1;
    return it;
}

/* Moves to the next member or element; false at the end. */
static bool iter_next(struct json_iter *it)
{
    it->p = skip_space(it->p, it->end);
    if (it->p < it->end && *it->p == ',')
        it->p = skip_space(it->p + 1, it->end);
    if (it->p < it->end && *it->p != '}' && *it->p != ']')
        return true;
    it->p = it->end;
    return false;
}

static struct slice iter_value(struct json_iter *it)
{
    const char *from = it->p = skip_space(it->p, it->end);
    it->p = skip_value(from, it->end);
    const char *to = it->p;
    while (to > from && is_space(to[-1]))
        to--;
    return slice_of(from, (size_t)(to - from));
}

bool json_member(struct json_iter *it, struct slice *name, struct slice *value)
{
    if (!iter_next(it) || *it->p != '"')
        return false;
    const char *from = it->p + 1;
    it->p = skip_string(it->p, it->end);
    *name = slice_of(from, (size_t)(it->p - from - (it->p > from)));
    it->p = skip_space(it->p, it->end);
    if (it->p < it->end)
        it->p++; /* the colon */
    *value = iter_value(it);
    return true;
}

bool json_element(struct json_iter *it, struct slice *value)
{
    if (!iter_next(it))
        return false;
    *value = iter_value(it);
    return true;
}

bool json_name_is(struct slice raw, const char *s)
{
    if (raw.len == 0 || !memchr(raw.p, '\\', raw.len))
        return slice_is(raw, s);
    const char *p = raw.p, *end = raw.p + raw.len;
    for (; *s; s++)
        if (next_char(&p, end) != (unsigned char)*s)
            return false;
    return p == end;
}

bool json_get(struct slice object, const char *name, struct slice *value)
{
    if (json_kind(object) != JSON_OBJECT)
        return false;
    struct json_iter it = json_iter(object);
    struct slice found, at;
    while (json_member(&it, &found, &at)) {
        if (json_name_is(found, name)) {
            *value = at;
            return true;
        }
    }
    return false;
}

struct slice json_string_raw(struct slice value)
{
    if (json_kind(value) != JSON_STRING)
        return SLICE_NONE;
    const char *end = value.p + value.len, *from = skip_space(value.p, end) + 1;
    const char *to = skip_string(from - 1, end);
    return slice_of(from, (size_t)(to - from - (to > from)));
}

void json_unescape(struct slice raw, struct buf *out)
{
    /* No escape is shorter than what it stands for. */
    if (raw.len == 0 || !buf_reserve(out, raw.len))
        return;
    const char *p = raw.p, *end = raw.p + raw.len;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t run = (size_t)((slash ? slash : end) - p);
        buf_add(out, p, run);
        p += run;
        if (p < end) {
            char text[4];
            size_t n = utf8_encode((uint32_t)next_char(&p, end), text);
            buf_add(out, text, n);
        }
    }
}

void json_compact(struct slice value, struct buf *out)
{
    if (value.len == 0 || !buf_reserve(out, value.len))
        return;
    const char *p = value.p, *end = value.p + value.len;
    char *to = out->p + out->len;
    while (p < end) {
        if (*p == '"') {
            const char *from = p;
            p = skip_string(p, end);
            memcpy(to, from, (size_t)(p - from));
            to += p - from;
        } else {
            *to = *p;
            to += !is_space(*p);
            p++;
        }
    }
    out->len = (size_t)(to - out->p);
}

bool json_u64(struct slice value, uint64_t max, uint64_t *out)
{
    return num_u64(value, max, out);
}
