#include "json/write.h"

#include "base/utf8.h"

#include <math.h>
#include <stdio.h>

/* How the character at p[0..len) is written: *n bytes of it go as they are (0: it must be
 * escaped or replaced), *used is its length in the text. */
static size_t plain_len(const char *p, size_t len, uint32_t *c)
{
    size_t n = utf8_decode(p, len, c);
    if (n == 0) {
        *c = UINT32_MAX;
        return 1;
    }
    return n;
}

static bool must_escape(uint32_t c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7f || c == 0x2028 || c == 0x2029 ||
           c == UINT32_MAX;
}

static void put_escape(struct buf *out, uint32_t c)
{
    static const char letters[] = "btn\0fr"; /* of 8 to 13; \v has none */
    char text[6] = {'\\', 'u', 0, 0, 0, 0};
    if (c == UINT32_MAX) {
        buf_add(out, "\xef\xbf\xbd", 3);
    } else if (c == '"' || c == '\\') {
        text[1] = (char)c;
        buf_add(out, text, 2);
    } else if (c >= 8 && c <= 13 && c != 11) {
        text[1] = letters[c - 8];
        buf_add(out, text, 2);
    } else {
        for (unsigned i = 0; i < 4; i++)
            text[2 + i] = "0123456789abcdef"[c >> (12 - 4 * i) & 15];
        buf_add(out, text, 6);
    }
}

void json_put_string(struct buf *out, struct slice s)
{
    size_t run = 0;
    if (!buf_reserve(out, s.len + 2))
        return;
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.len;) {
        unsigned char byte = (unsigned char)s.p[i];
        if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
            i++;
            continue;
        }
        uint32_t c;
        size_t n = plain_len(s.p + i, s.len - i, &c);
        if (must_escape(c)) {
            buf_add(out, s.p + run, i - run);
            put_escape(out, c);
            run = i + n;
        }
        i += n;
    }
    if (s.len)
        buf_add(out, s.p + run, s.len - run);
    buf_add_char(out, '"');
}

void json_put_name(struct buf *out, const char *name)
{
    size_t len = strlen(name);
    char last = out->len ? out->p[out->len - 1] : '{';
    if (!buf_reserve(out, len + 4))
        return;
    if (last != '{' && last != '[')
        buf_add_char(out, ',');
    buf_add_char(out, '"');
    buf_add(out, name, len);
    buf_add(out, "\":", 2);
}

void json_put_member(struct buf *out, const char *name, struct slice string)
{
    json_put_name(out, name);
    json_put_string(out, string);
}

void json_put_member_u64(struct buf *out, const char *name, uint64_t n)
{
    json_put_name(out, name);
    buf_add_u64(out, n);
}

void json_put_member_bool(struct buf *out, const char *name, bool b)
{
    json_put_name(out, name);
    buf_add_str(out, b ? "true" : "false");
}

void json_put_member_raw(struct buf *out, const char *name, struct slice json)
{
    json_put_name(out, name);
    buf_add_slice(out, json);
}

/* Beyond 2^64 there is no fraction to round. The locale's decimal point becomes a dot. */
static void put_huge(struct buf *out, double d)
{
    char text[40];
    bool dot = false;
    snprintf(text, sizeof text, "%.17g", d);
    for (const char *p = text; *p; p++) {
        if ((*p >= '0' && *p <= '9') || *p == 'e' || *p == '+' || *p == '-')
            buf_add_char(out, *p);
        else if (!dot) {
            buf_add_char(out, '.');
            dot = true;
        }
    }
}

void json_put_double(struct buf *out, double d)
{
    if (!isfinite(d)) {
        buf_add_str(out, "null");
        return;
    }
    double size = fabs(d);
    if (size >= 18446744073709551616.0) {
        put_huge(out, d);
        return;
    }
    uint64_t whole = (uint64_t)size;
    unsigned millionths = (unsigned)((size - (double)whole) * 1e6 + 0.5);
    if (millionths == 1000000) {
        whole++;
        millionths = 0;
    }
    if (d < 0 && (whole || millionths))
        buf_add_char(out, '-');
    buf_add_u64(out, whole);
    if (millionths == 0)
        return;
    char text[7] = {'.'};
    size_t len = 7;
    for (size_t i = 6; i > 0; i--, millionths /= 10)
        text[i] = (char)('0' + millionths % 10);
    while (text[len - 1] == '0')
        len--;
    buf_add(out, text, len);
}
