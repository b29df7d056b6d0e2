#include "cli/bench_template.h"

#include "base/num.h"

#define HEAD "#fb-"
#define HEAD_LEN 4

static void put_hex(char *p, unsigned digits, uint64_t v)
{
    static const char hex[] = "0123456789abcdef";
    while (digits--) {
        p[digits] = hex[v & 15];
        v >>= 4;
    }
}

/* False when one of the digits is none. */
static bool get_hex(const char *p, unsigned digits, uint64_t *v)
{
    *v = 0;
    for (unsigned i = 0; i < digits; i++) {
        unsigned d = (unsigned)(p[i] - '0');
        if (d > 9) {
            d = (unsigned)(p[i] - 'a');
            if (d > 5)
                return false;
            d += 10;
        }
        *v = *v << 4 | d;
    }
    return true;
}

void mark_put(struct buf *out, const struct mark *m, size_t size)
{
    static const char letters[] = "etaoinshrdlu";
    char text[MARK_LEN];
    memcpy(text, HEAD, HEAD_LEN);
    put_hex(text + 4, 8, m->run);
    text[12] = text[18] = text[27] = '-';
    put_hex(text + 13, 5, m->channel);
    put_hex(text + 19, 8, m->number);
    put_hex(text + 28, 16, m->sent_ns);
    text[44] = '#';
    buf_add(out, text, MARK_LEN);
    size_t pad = size > MARK_LEN ? size - MARK_LEN : 0;
    if (!buf_reserve(out, pad))
        return;
    for (size_t i = 0; i < pad; i++)
        out->p[out->len + i] = letters[i % (sizeof letters - 1)];
    out->len += pad;
}

static bool mark_at(const char *p, struct mark *out)
{
    uint64_t run, channel, number;
    if (memcmp(p, HEAD, HEAD_LEN) != 0 || p[12] != '-' || p[18] != '-' || p[27] != '-' ||
        p[44] != '#')
        return false;
    if (!get_hex(p + 4, 8, &run) || !get_hex(p + 13, 5, &channel) ||
        !get_hex(p + 19, 8, &number) || !get_hex(p + 28, 16, &out->sent_ns))
        return false;
    out->run = (uint32_t)run;
    out->channel = (uint32_t)channel;
    out->number = (uint32_t)number;
    return true;
}

bool mark_find(struct slice text, struct mark *out)
{
    while (text.len >= MARK_LEN) {
        const char *p = memchr(text.p, '#', text.len - MARK_LEN + 1);
        if (!p)
            return false;
        if (mark_at(p, out))
            return true;
        text.len -= (size_t)(p + 1 - text.p);
        text.p = p + 1;
    }
    return false;
}

static void put_channels(struct buf *out, const struct template_values *v)
{
    uint32_t channel = v->channel;
    for (uint32_t i = 0; i < v->follow; i++) {
        buf_addf(out, "%s%s%u", i ? "," : "", v->prefix, channel);
        if (++channel == v->channels)
            channel = 0;
    }
}

void template_put(struct buf *out, const char *text, const struct template_values *v)
{
    struct slice rest = slice_str(text);
    while (rest.len) {
        size_t skip = 1;
        if (slice_starts(rest, "%MSG%")) {
            buf_add_slice(out, v->message);
            skip = 5;
        } else if (slice_starts(rest, "%CHS%")) {
            put_channels(out, v);
            skip = 5;
        } else if (slice_starts(rest, "%CH%")) {
            buf_add_str(out, v->prefix);
            buf_add_u64(out, v->channel);
            skip = 4;
        } else if (slice_starts(rest, "%CONN%")) {
            buf_add_u64(out, v->conn);
            skip = 6;
        } else {
            const char *next = memchr(rest.p + 1, '%', rest.len - 1);
            skip = next ? (size_t)(next - rest.p) : rest.len;
            buf_add(out, rest.p, skip);
        }
        rest = slice_of(rest.p + skip, rest.len - skip);
    }
}

bool template_has(const char *text, const char *place)
{
    return text && strstr(text, place);
}
