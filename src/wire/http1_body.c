#include "wire/http1.h"

#include <limits.h>

/* A chunked body (RFC 9112 section 7.1), a state a place in its grammar. Stricter than it: no
 * white space between a chunk's size and its extensions, and every line ends with CRLF. */
enum {
    LENGTH, /* not chunked */
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* at the start of a trailer line */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    DONE
};

#define SIZE_DIGITS_MAX 16
#define EXTRA_MAX 16384 /* bytes of extensions and trailers in one body */

void http1_body_init(struct http1_body *b, const struct http1_request *r)
{
    *b = (struct http1_body){.left = r->chunked ? 0 : r->length,
                             .state = r->chunked ? SIZE : LENGTH,
                             .chunked = r->chunked};
}

bool http1_body_done(const struct http1_body *b)
{
    return b->chunked ? b->state == DONE : b->left == 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_value(char c)
{
    unsigned char u = (unsigned char)c;
    return u == '\t' || (u >= 0x20 && u != 0x7f);
}

static bool is_token(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

/* The state after c, or -1 when c can't be there. */
static int step_size(struct http1_body *b, char c)
{
    int digit = hex_value(c);
    if (digit >= 0) {
        if (b->digits++ == SIZE_DIGITS_MAX)
            return -1;
        b->left = b->left << 4 | (uint64_t)digit;
        return SIZE;
    }
    if (b->digits == 0)
        return -1;
    return c == '\r' ? SIZE_LF : c == ';' ? EXTENSION : -1;
}

static int step_trailer(struct http1_body *b, char c)
{
    switch (b->state) {
    case TRAILER:
        return c == '\r' ? END_LF : is_token(c) ? TRAILER_NAME : -1;
    case TRAILER_NAME:
        return c == ':' ? TRAILER_VALUE : is_token(c) ? TRAILER_NAME : -1;
    case TRAILER_VALUE:
        return c == '\r' ? TRAILER_LF : is_value(c) ? TRAILER_VALUE : -1;
    case TRAILER_LF:
        return c == '\n' ? TRAILER : -1;
    default: /* END_LF */
        return c == '\n' ? DONE : -1;
    }
}

static int step(struct http1_body *b, char c)
{
    switch (b->state) {
    case SIZE:
        return step_size(b, c);
    case EXTENSION:
        return c == '\r' ? SIZE_LF : is_value(c) ? EXTENSION : -1;
    case SIZE_LF:
        return c != '\n' ? -1 : b->left ? DATA : TRAILER;
    case DATA_CR:
        return c == '\r' ? DATA_LF : -1;
    case DATA_LF:
        b->digits = 0;
        return c == '\n' ? SIZE : -1;
    default:
        return step_trailer(b, c);
    }
}

/* The stretch of the body at p, at most len bytes. */
static size_t stretch(struct http1_body *b, const char *p, size_t len, struct slice *data)
{
    size_t n = b->left < len ? (size_t)b->left : len;
    *data = slice_of(p, n);
    b->left -= n;
    return n;
}

int http1_body_read(struct http1_body *b, const char *p, size_t len, struct slice *data,
                    struct err *e)
{
    size_t at = 0;
    *data = SLICE_NONE;
    if (len > INT_MAX)
        len = INT_MAX;
    if (!b->chunked)
        return (int)stretch(b, p, len, data);
    while (at < len && b->state != DONE) {
        if (b->state == DATA) {
            at += stretch(b, p + at, len - at, data);
            if (b->left == 0)
                b->state = DATA_CR;
            return (int)at;
        }
        int next = step(b, p[at++]);
        bool extra = next == EXTENSION || (next >= TRAILER && next <= TRAILER_LF);
        if (next >= 0 && extra && ++b->extra > EXTRA_MAX)
            return err_set(e, ERR_BAD_REQUEST,
                           "the chunked body has too long extensions or trailers");
        if (next < 0)
            return err_set(e, ERR_BAD_REQUEST, "the chunked body is malformed");
        b->state = (unsigned)next;
    }
    return (int)at;
}
