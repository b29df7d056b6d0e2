#include "wire/http1.h"

#include "base/num.h"

#include <limits.h>

/* What a byte may be part of. */
enum { TOKEN = 1, TARGET = 2, VALUE = 4 };

/* TOKEN: tchar of RFC 9110 section 5.6.2. VALUE: HTAB, SP, VCHAR and obs-text of section 5.5.
 * TARGET: visible ASCII but '#'; browsers send some characters unescaped in a query that RFC 3986
 * leaves out. */
static const unsigned char classes[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    4, 7, 6, 5, 7, 7, 7, 7, 6, 6, 7, 7, 6, 7, 7, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 6, 6, 6,
    6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 6, 6, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 6, 7, 6, 7, 0,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
    4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
};

/* The part of the input that may be looked at, and the place reached. Verdicts are given at the
 * first byte that decides them, in order of the bytes: that is why they don't depend on how the
 * bytes arrive. */
struct input {
    const char *p;
    size_t at, len;
    bool full; /* the ceiling is reached: what is not complete by now never will be */
};

struct framing {
    struct slice host, length, coding;
    unsigned hosts, lengths, codings;
    bool close, keep_alive, unknown_expectation, expect_continue;
};

static int bad(struct err *e, const char *what)
{
    return err_set(e, ERR_BAD_REQUEST, "%s", what);
}

static int more(const struct input *in, struct err *e)
{
    if (!in->full)
        return 0;
    return err_set(e, ERR_HEADERS_TOO_LARGE,
                   "the request line and header fields are over %zu bytes", in->len);
}

static void skip(struct input *in, unsigned class)
{
    while (in->at < in->len && (classes[(unsigned char)in->p[in->at]] & class))
        in->at++;
}

/* As skip(in, VALUE), eight bytes at a time where none is below 0x20 or DEL. */
static void skip_value(struct input *in)
{
    const uint64_t ones = 0x0101010101010101u;
    for (; in->len - in->at >= 8; in->at += 8) {
        uint64_t w, del;
        memcpy(&w, in->p + in->at, 8);
        del = w ^ (ones * 0x7f);
        if ((((w - ones * 0x20) & ~w) | ((del - ones) & ~del)) & (ones * 0x80))
            break;
    }
    skip(in, VALUE);
}

/* Takes exactly text: 1, 0 when more is needed, or BAD_REQUEST. */
static int take(struct input *in, const char *text, const char *else_what, struct err *e)
{
    for (; *text; text++, in->at++) {
        if (in->at == in->len)
            return more(in, e);
        if (in->p[in->at] != *text)
            return bad(e, else_what);
    }
    return 1;
}

static int take_digit(struct input *in, unsigned *digit, struct err *e)
{
    if (in->at == in->len)
        return more(in, e);
    *digit = (unsigned)(unsigned char)in->p[in->at++] - '0';
    return *digit <= 9 ? 1 : bad(e, "the HTTP version is malformed");
}

static enum http1_method method_of(struct slice s)
{
    static const char *const names[HTTP1_OTHER] = {
        [HTTP1_GET] = "GET",         [HTTP1_HEAD] = "HEAD",       [HTTP1_POST] = "POST",
        [HTTP1_PUT] = "PUT",         [HTTP1_DELETE] = "DELETE",   [HTTP1_PATCH] = "PATCH",
        [HTTP1_OPTIONS] = "OPTIONS", [HTTP1_CONNECT] = "CONNECT", [HTTP1_TRACE] = "TRACE",
    };
    unsigned m = 0;
    while (m < HTTP1_OTHER && !slice_is(s, names[m]))
        m++;
    return (enum http1_method)m;
}

static int read_method(struct input *in, struct http1_request *out, struct err *e)
{
    int rc = 1;
    if (in->at < in->len && in->p[in->at] == '\r')
        rc = take(in, "\r\n", "a carriage return without a line feed", e);
    if (rc <= 0)
        return rc;
    size_t from = in->at;
    skip(in, TOKEN);
    if (in->at == in->len)
        return more(in, e);
    if (in->at == from || in->p[in->at] != ' ')
        return bad(e, "the request line must be a method, a target and a version");
    out->method_text = slice_of(in->p + from, in->at - from);
    out->method = method_of(out->method_text);
    in->at++;
    return 1;
}

static int read_target(struct input *in, size_t max, struct http1_request *out, struct err *e)
{
    size_t from = in->at;
    skip(in, TARGET);
    if (in->at - from > max || (in->at == in->len && in->full))
        return err_set(e, ERR_URI_TOO_LONG, "the request target is over %zu bytes", max);
    if (in->at == in->len)
        return 0;
    if (in->at == from || in->p[in->at] != ' ')
        return bad(e, "the request target has a character that must be percent-encoded");
    out->target = slice_of(in->p + from, in->at - from);
    in->at++;
    return 1;
}

static int read_version(struct input *in, struct http1_request *out, struct err *e)
{
    unsigned major = 0, minor = 0;
    int rc = take(in, "HTTP/", "the request line must end with HTTP/1.1", e);
    if (rc > 0)
        rc = take_digit(in, &major, e);
    if (rc > 0)
        rc = take(in, ".", "the HTTP version is malformed", e);
    if (rc > 0)
        rc = take_digit(in, &minor, e);
    if (rc > 0)
        rc = take(in, "\r\n", "the request line must end with the version and CRLF", e);
    if (rc <= 0)
        return rc;
    if (major != 1)
        return err_set(e, ERR_VERSION_NOT_SUPPORTED, "HTTP/%u.%u is not spoken here: use HTTP/1.1",
                       major, minor);
    /* RFC 9110 section 2.5: a later minor version is read as the highest we know. */
    out->minor = minor ? 1 : 0;
    return 1;
}

static int read_field(struct input *in, struct http1_field *out, struct err *e)
{
    size_t from = in->at;
    skip(in, TOKEN);
    if (in->at == in->len)
        return more(in, e);
    char c = in->p[in->at];
    if (in->at == from && (c == ' ' || c == '\t'))
        return bad(e, "a header field is folded over two lines");
    if (in->at == from || c != ':')
        return bad(e, "a header field must be a name, a colon at once, and a value");
    out->name = slice_of(in->p + from, in->at - from);
    from = ++in->at;
    skip_value(in);
    out->value = slice_trim(slice_of(in->p + from, in->at - from));
    if (in->at < in->len && in->p[in->at] != '\r')
        return bad(e, "a header field has a control character in its value");
    return take(in, "\r\n", "a carriage return without a line feed", e);
}

static int read_fields(struct input *in, unsigned max, struct http1_request *out, struct err *e)
{
    out->field_count = 0;
    for (;;) {
        if (in->at == in->len)
            return more(in, e);
        if (in->p[in->at] == '\r')
            return take(in, "\r\n", "a carriage return without a line feed", e);
        if (out->field_count == max)
            return err_set(e, ERR_HEADERS_TOO_LARGE, "there are over %u header fields", max);
        int rc = read_field(in, &out->fields[out->field_count], e);
        if (rc <= 0)
            return rc;
        out->field_count++;
    }
}

/* Next element of a comma-separated list (RFC 9110 section 5.6.1); empty ones are given too. */
static bool list_next(struct slice *list, struct slice *element)
{
    if (!list->p)
        return false;
    *element = slice_trim(slice_cut(list, ','));
    return true;
}

static void note_connection(struct framing *f, struct slice list)
{
    struct slice option;
    while (list_next(&list, &option)) {
        f->close |= slice_is_nocase(option, "close");
        f->keep_alive |= slice_is_nocase(option, "keep-alive");
    }
}

static void note_expect(struct framing *f, struct slice list)
{
    struct slice expectation;
    while (list_next(&list, &expectation)) {
        if (slice_is_nocase(expectation, "100-continue"))
            f->expect_continue = true;
        else if (expectation.len)
            f->unknown_expectation = true;
    }
}

static void note_field(struct framing *f, const struct http1_field *field)
{
    struct slice name = field->name;
    switch (name.len) {
    case 4:
        if (slice_is_nocase(name, "host")) {
            f->host = field->value;
            f->hosts++;
        }
        break;
    case 6:
        if (slice_is_nocase(name, "expect"))
            note_expect(f, field->value);
        break;
    case 10:
        if (slice_is_nocase(name, "connection"))
            note_connection(f, field->value);
        break;
    case 14:
        if (slice_is_nocase(name, "content-length")) {
            f->length = field->value;
            f->lengths++;
        }
        break;
    case 17:
        if (slice_is_nocase(name, "transfer-encoding")) {
            f->coding = field->value;
            f->codings++;
        }
        break;
    default:
        break;
    }
}

/* RFC 9112 section 3.2: one Host, of the characters of uri-host and port. The host of a target in
 * absolute form goes before it (section 3.2.2). */
static int judge_host(const struct framing *f, struct http1_request *out, struct err *e)
{
    if (f->hosts > 1)
        return bad(e, "there is more than one Host");
    if (f->hosts == 0 && out->minor == 1)
        return bad(e, "Host is missing");
    out->host = f->host;
    for (size_t i = 0; i < f->host.len; i++) {
        char c = f->host.p[i];
        if (!(classes[(unsigned char)c] & TARGET) || strchr("\"/<>?@\\^`{|}", c))
            return bad(e, "Host is malformed");
    }
    const char *from = out->target.p, *end = from + out->target.len;
    const char *colon = from[0] == '/' ? NULL : memchr(from, ':', out->target.len);
    if (colon && end - colon > 3 && memcmp(colon, "://", 3) == 0) {
        const char *to = from = colon + 3;
        while (to < end && *to != '/' && *to != '?')
            to++;
        out->host = slice_of(from, (size_t)(to - from));
    }
    return 1;
}

/* RFC 9112 section 6. */
static int judge_framing(const struct framing *f, struct http1_request *out, struct err *e)
{
    out->has_length = f->lengths > 0;
    out->length = 0;
    out->chunked = false;
    if (f->codings && f->lengths)
        return bad(e, "both Content-Length and Transfer-Encoding");
    if (f->lengths > 1)
        return bad(e, "there is more than one Content-Length");
    if (f->lengths && !num_u64(f->length, INT64_MAX, &out->length))
        return bad(e, "Content-Length is not a number of bytes");
    if (f->codings == 0)
        return 1;
    if (f->codings > 1)
        return bad(e, "there is more than one Transfer-Encoding");
    if (out->minor == 0)
        return bad(e, "Transfer-Encoding in an HTTP/1.0 request");
    struct slice list = f->coding, coding;
    bool unknown = false;
    while (list_next(&list, &coding)) {
        if (coding.len == 0 || out->chunked)
            return bad(e, "Transfer-Encoding is malformed: chunked must be its one last coding");
        out->chunked = slice_is_nocase(coding, "chunked");
        unknown |= !out->chunked;
    }
    if (unknown)
        return err_set(e, ERR_NOT_IMPLEMENTED, "the only transfer coding spoken here is chunked");
    return 1;
}

/* What can only be said of the whole head. The malformed goes first, then the unknown. */
static int judge(struct http1_request *out, struct err *e)
{
    struct framing f = {.hosts = 0};
    for (unsigned i = 0; i < out->field_count; i++)
        note_field(&f, &out->fields[i]);
    if (slice_is(out->target, "*") && out->method != HTTP1_OPTIONS && out->method != HTTP1_OTHER)
        return bad(e, "the request target '*' is for OPTIONS only");
    int rc = judge_host(&f, out, e);
    if (rc > 0)
        rc = judge_framing(&f, out, e);
    if (rc <= 0)
        return rc;
    if (out->method == HTTP1_OTHER)
        return err_set(e, ERR_NOT_IMPLEMENTED, "the request method is unknown here");
    if (f.unknown_expectation)
        return err_set(e, ERR_EXPECTATION_FAILED, "the only expectation met here is 100-continue");
    /* RFC 9110 section 10.1.1: in a 1.0 request it means nothing. */
    out->expect_continue = f.expect_continue && out->minor == 1;
    out->keep_alive = !f.close && (out->minor == 1 || f.keep_alive);
    return 1;
}

int http1_read(const char *p, size_t len, const struct http1_limits *limits,
               struct http1_request *out, struct err *e)
{
    size_t ceiling = limits->head_bytes < INT_MAX ? limits->head_bytes : INT_MAX;
    unsigned fields = limits->fields < HTTP1_HEADERS_MAX ? limits->fields : HTTP1_HEADERS_MAX;
    struct input in = {p, 0, len < ceiling ? len : ceiling, len >= ceiling};
    int rc = read_method(&in, out, e);
    if (rc > 0)
        rc = read_target(&in, limits->target_bytes, out, e);
    if (rc > 0)
        rc = read_version(&in, out, e);
    if (rc > 0)
        rc = read_fields(&in, fields, out, e);
    if (rc > 0)
        rc = judge(out, e);
    return rc > 0 ? (int)in.at : rc;
}

struct slice http1_field(const struct http1_request *r, const char *name)
{
    for (unsigned i = 0; i < r->field_count; i++)
        if (slice_is_nocase(r->fields[i].name, name))
            return r->fields[i].value;
    return SLICE_NONE;
}

unsigned http1_field_count(const struct http1_request *r, const char *name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < r->field_count; i++)
        count += slice_is_nocase(r->fields[i].name, name);
    return count;
}
