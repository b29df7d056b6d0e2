#include "wire/url.h"

#include "base/num.h"
#include "base/utf8.h"

/* The length of "http://" or "https://" at the start of s, in any case, 0 for neither. */
static size_t scheme_len(struct slice s)
{
    if (s.len >= 7 && slice_is_nocase(slice_of(s.p, 7), "http://"))
        return 7;
    if (s.len >= 8 && slice_is_nocase(slice_of(s.p, 8), "https://"))
        return 8;
    return 0;
}

int url_split(struct slice target, struct slice *path, struct slice *query, struct err *e)
{
    struct slice rest = target;
    size_t at = scheme_len(target);
    *query = SLICE_NONE;
    if (target.len && memchr(target.p, '#', target.len))
        return err_set(e, ERR_BAD_REQUEST, "the request target has a fragment: leave out '#'");
    if (at) {
        size_t host = at;
        while (at < target.len && target.p[at] != '/' && target.p[at] != '?')
            at++;
        if (at == host || memchr(target.p + host, '@', at - host))
            return err_set(e, ERR_BAD_REQUEST, "the request target needs a host without a user");
        rest = slice_of(target.p + at, target.len - at);
    } else if (!slice_is(target, "*") && (target.len == 0 || target.p[0] != '/')) {
        return err_set(e, ERR_BAD_REQUEST, "the request target must start with '/'");
    }
    *path = slice_cut(&rest, '?');
    *query = rest;
    if (path->len == 0)
        *path = SLICE_LIT("/");
    return 0;
}

/* Appends the decoded bytes of s; false at a '%' without two hex digits. */
static bool decode(struct slice s, bool plus, struct buf *out)
{
    size_t run = 0;
    for (size_t i = 0; i < s.len; i++) {
        uint32_t byte = ' ';
        size_t used = 1;
        if (s.p[i] == '%') {
            if (s.len - i < 3 || !num_hex32(slice_of(s.p + i + 1, 2), 2, &byte))
                return false;
            used = 3;
        } else if (s.p[i] != '+' || !plus) {
            continue;
        }
        buf_add(out, s.p + run, i - run);
        buf_add_char(out, (char)byte);
        i += used - 1;
        run = i + 1;
    }
    buf_add(out, s.p + run, s.len - run);
    return true;
}

int url_decode(struct slice s, bool plus, struct buf *out, struct err *e)
{
    size_t before = out->len;
    const char *wrong = NULL;
    if (!buf_reserve(out, s.len))
        return err_set(e, ERR_INTERNAL, "no memory to decode the request target");
    if (s.len == 0)
        return 0;
    if (!decode(s, plus, out))
        wrong = "has a '%' without two hex digits after it";
    struct slice text = slice_of(out->p + before, out->len - before);
    if (!wrong && memchr(text.p, 0, text.len))
        wrong = "has a NUL";
    if (!wrong && !utf8_valid(text))
        wrong = "is not UTF-8";
    if (!wrong)
        return 0;
    out->len = before;
    return err_set(e, ERR_BAD_REQUEST, "a part of the request target %s", wrong);
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void url_encode(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (is_unreserved(s.p[i])) {
            buf_add_char(out, s.p[i]);
        } else {
            char text[3] = {'%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15]};
            buf_add(out, text, 3);
        }
    }
}

bool url_query_next(struct slice *query, struct slice *name, struct slice *value)
{
    while (query->p) {
        struct slice pair = slice_cut(query, '&');
        if (pair.len == 0)
            continue;
        *name = slice_cut(&pair, '=');
        *value = pair;
        return true;
    }
    return false;
}

bool cookie_next(struct slice *field, struct slice *name, struct slice *value)
{
    while (field->p) {
        struct slice pair = slice_cut(field, ';');
        *name = slice_trim(slice_cut(&pair, '='));
        if (!pair.p || name->len == 0)
            continue;
        *value = slice_trim(pair);
        if (value->len >= 2 && value->p[0] == '"' && value->p[value->len - 1] == '"')
            *value = slice_of(value->p + 1, value->len - 2);
        return true;
    }
    return false;
}
