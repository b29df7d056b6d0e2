#include "base/utf8.h"

size_t utf8_decode(const char *p, size_t len, uint32_t *out)
{
    const unsigned char *u = (const unsigned char *)p;
    if (len == 0)
        return 0;
    if (u[0] < 0x80) {
        *out = u[0];
        return 1;
    }
    size_t n = u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : 2;
    if (u[0] < 0xc2 || u[0] > 0xf4 || len < n)
        return 0;
    uint32_t c = u[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (u[i] & 0x3f);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *out = c;
    return n;
}

size_t utf8_encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(lead[n] | c);
    return n;
}

bool utf8_valid(struct slice s)
{
    uint32_t c;
    for (size_t i = 0, n; i < s.len; i += n)
        if ((n = utf8_decode(s.p + i, s.len - i, &c)) == 0)
            return false;
    return true;
}

bool utf8_is_plain(struct slice s)
{
    uint32_t c;
    for (size_t i = 0, n; i < s.len; i += n) {
        n = utf8_decode(s.p + i, s.len - i, &c);
        if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x2028 || c == 0x2029)
            return false;
    }
    return true;
}
