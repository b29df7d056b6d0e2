#include "auth/b64url.h"

#include "base/err.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The six bits of a character, -1 for one outside the alphabet. */
static int bits_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int b64url_decode(struct slice text, struct buf *out)
{
    if (text.len % 4 == 1)
        return ERR_BAD_REQUEST;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < text.len; i++) {
        int six = bits_of(text.p[i]);
        if (six < 0)
            return ERR_BAD_REQUEST;
        bits = bits << 6 | (uint32_t)six;
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_add_char(out, (char)(unsigned char)(bits >> have));
            bits &= (1u << have) - 1;
        }
    }
    if (bits)
        return ERR_BAD_REQUEST;
    return out->failed ? ERR_INTERNAL : 0;
}

void b64url_write(const void *p, size_t len, char *out)
{
    const unsigned char *in = p;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | in[i];
        have += 8;
        while (have >= 6) {
            have -= 6;
            *out++ = alphabet[bits >> have & 63];
            bits &= (1u << have) - 1;
        }
    }
    if (have)
        *out++ = alphabet[bits << (6 - have) & 63];
    *out = 0;
}

void b64url_encode(const void *p, size_t len, struct buf *out)
{
    if (len > SIZE_MAX / 8 || !buf_reserve(out, (len * 4 + 2) / 3 + 1))
        return;
    b64url_write(p, len, out->p + out->len);
    out->len += (len * 4 + 2) / 3;
}
