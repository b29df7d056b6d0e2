#include "json/value.h"

#include "base/num.h"
#include "base/utf8.h"
#include "json/decimal.h"
#include "json/scan.h"

/* Takes one character off raw, which is not empty. */
static uint32_t next_char(struct slice *raw)
{
    uint32_t c = 0, low = 0;
    size_t n = 2;
    if (raw->p[0] != '\\') {
        n = utf8_decode(raw->p, raw->len, &c);
    } else if (raw->p[1] != 'u') {
        static const char escapes[] = "\"\\/bfnrt";
        static const char values[] = "\"\\/\b\f\n\r\t";
        c = (uint32_t)values[strchr(escapes, raw->p[1]) - escapes];
    } else {
        num_hex32(slice_of(raw->p + 2, 4), 4, &c);
        n = 6;
        if (c >= 0xd800 && c < 0xdc00) { /* its other half follows: json_check saw to it */
            num_hex32(slice_of(raw->p + 8, 4), 4, &low);
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            n = 12;
        }
    }
    *raw = slice_of(raw->p + n, raw->len - n);
    return c;
}

uint64_t value_chars(struct slice raw)
{
    uint64_t n = 0;
    for (; raw.len; n++)
        next_char(&raw);
    return n;
}

bool value_text_equal(struct slice a, struct slice b)
{
    while (a.len && b.len)
        if (next_char(&a) != next_char(&b))
            return false;
    return a.len == b.len;
}

static bool numbers_equal(struct slice a, struct slice b)
{
    struct dec x, y;
    if (!dec_parse(a, &x) || !dec_parse(b, &y))
        return slice_eq(a, b);
    return dec_cmp(&x, &y) == 0;
}

static bool arrays_equal(struct slice a, struct slice b, uint64_t *steps)
{
    struct json_iter x = json_iter(a), y = json_iter(b);
    for (;;) {
        struct slice one, other;
        bool more = json_element(&x, &one);
        if (more != json_element(&y, &other))
            return false;
        if (!more)
            return true;
        if (!value_equal(one, other, steps))
            return false;
    }
}

/* The member of that raw name. */
static bool find(struct slice object, struct slice raw, struct slice *value, uint64_t *steps)
{
    struct json_iter it = json_iter(object);
    for (struct slice name; json_member(&it, &name, value);) {
        if (*steps == 0)
            return false;
        --*steps;
        if (value_text_equal(name, raw))
            return true;
    }
    return false;
}

static bool objects_equal(struct slice a, struct slice b, uint64_t *steps)
{
    struct json_iter x = json_iter(a), y = json_iter(b);
    struct slice name, one, other;
    size_t more = 0;
    while (json_member(&y, &name, &other))
        more++;
    while (json_member(&x, &name, &one)) {
        if (more-- == 0 || !find(b, name, &other, steps) || !value_equal(one, other, steps))
            return false;
    }
    return more == 0;
}

bool value_equal(struct slice a, struct slice b, uint64_t *steps)
{
    enum json_kind kind = json_kind(a);
    if (*steps == 0 || kind != json_kind(b))
        return false;
    --*steps;
    switch (kind) {
    case JSON_NUMBER:
        return numbers_equal(a, b);
    case JSON_STRING:
        return value_text_equal(json_string_raw(a), json_string_raw(b));
    case JSON_ARRAY:
        return arrays_equal(a, b, steps);
    case JSON_OBJECT:
        return objects_equal(a, b, steps);
    default:
        return true;
    }
}

static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdu;
    return (h ^ h >> 33) * 0xc4ceb9fe1a85ec53u;
}

static uint64_t hash_text(struct slice raw)
{
    uint64_t h = 0xcbf29ce484222325u;
    while (raw.len)
        h = (h ^ next_char(&raw)) * 0x100000001b3u;
    return h;
}

uint64_t value_hash(struct slice value)
{
    enum json_kind kind = json_kind(value);
    uint64_t h = mix((uint64_t)kind + 1);
    struct json_iter it;
    struct slice name, one;
    struct dec d;
    switch (kind) {
    case JSON_NUMBER:
        return mix(h ^ (dec_parse(value, &d) ? dec_hash(&d) : 0));
    case JSON_STRING:
        return mix(h ^ hash_text(json_string_raw(value)));
    case JSON_ARRAY:
        it = json_iter(value);
        while (json_element(&it, &one))
            h = mix(h ^ value_hash(one));
        return h;
    case JSON_OBJECT:
        it = json_iter(value);
        while (json_member(&it, &name, &one)) /* a sum: the order doesn't matter */
            h += mix(hash_text(name) ^ mix(value_hash(one)));
        return mix(h);
    default:
        return h;
    }
}
