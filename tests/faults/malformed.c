/* malformed.c - generated requests, most of them malformed, against a running hub.
 *
 *     malformed [cases [seed]]     60,000 cases by default; the same seed makes the same ones
 *
 * A case is a well-formed request or two with mistakes: cut short, bytes replaced, inserted and left
 * out, lines repeated, headers and chunks that attack the framing. Each is sent whole, then split over
 * several writes. What it should mean is judged by a reader of its own (RFC 9112, strictly). Required:
 * no more answers of 2xx than well-formed requests come before the first mistake; after a mistake an
 * error and the end; the same answers whole and split; a publish that is taken is JSON by another
 * parser; at the end as many events as were acknowledged, and memory and descriptors as before. */
#define _GNU_SOURCE
#include "freshet.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define CASES 60000
#define WARM 3000
#define CASE_MAX 8192
#define GROWTH_MAX (2 * 1024 * 1024) /* bytes: names of tenants that cases make up */
#define ANSWERS_MAX 16

struct bytes {
    size_t len;
    char p[CASE_MAX];
};

/* ---- dice ---- */

static uint64_t dice;

static uint32_t roll(uint32_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (uint32_t)((dice >> 16) % sides);
}

static _Noreturn void die(const struct bytes *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static uint64_t case_seed;

static _Noreturn void die(const struct bytes *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\ncase %llu:\n", (unsigned long long)case_seed);
    for (size_t i = 0; c && i < c->len; i++) {
        unsigned char u = (unsigned char)c->p[i];
        if (u == '\n')
            fputs("\\n\n", stderr);
        else if (u < ' ' || u > '~')
            fprintf(stderr, "\\x%02x", u);
        else
            fputc(u, stderr);
    }
    fputc('\n', stderr);
    exit(1);
}

/* ---- cases ---- */

static const char *const requests[] = {
    "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /readyz HTTP/1.0\r\n\r\n",
    "HEAD /v1/stream?channel=a HTTP/1.1\r\nHost: x\r\n\r\n",
    "OPTIONS /v1/publish HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n"
    "Access-Control-Request-Method: POST\r\n\r\n",
    "GET /v1/events?channel=a,b&since=1642518927000-0-5f3a91c2&limit=3 HTTP/1.1\r\nHost: x:4000\r\n"
    "Accept: application/json\r\nCookie: a=b; c=d\r\n\r\n",
    "GET /v1/events?channel=%61&type=t&key=k%20&since=10m HTTP/1.1\r\nHost: x\r\nLast-Event-ID: "
    "1642518927000-0-5f3a91c2\r\n\r\n",
    "GET /v1/stream?channel=a&envelope=full&heartbeat=ping HTTP/1.1\r\nHost: x\r\nAccept: "
    "text/event-stream\r\n\r\n",
    "POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 30\r\n"
    "\r\n{\"channel\":\"a\",\"data\":[1,2.50]}",
    "POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 73\r\n"
    "\r\n[{\"channel\":\"a\",\"data\":\"\\u00e4\"},{\"channel\":\"b\",\"key\":\"k\",\"data\":{\"n\":null}}]",
    "POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\n"
    "Transfer-Encoding: chunked\r\n\r\n1a;q=\"x\"\r\n{\"channel\":\"a\",\"data\":1}\n\n\r\n"
    "19\r\n{\"channel\":\"b\",\"data\":{}}\n\r\n0\r\nTrailer: v\r\n\r\n",
    "POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json; charset=utf-8\r\n"
    "Transfer-Encoding: chunked\r\n\r\nF\r\n{\"channel\":\"a\",\r\n9\r\n\"data\":1}\r\n0\r\n\r\n",
    "POST /v1/publish HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Type: application/json\r\n"
    "Content-Length: 24\r\nX-Request: i\r\n\r\n{\"channel\":\"a\",\"data\":1}",
    "GET http://x/healthz HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
};
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Lines that take the place of a header, or come beside one. */
static const char *const headers[] = {
    "Content-Length: 5", "Content-Length: 0", "Content-Length: 24, 24", "Content-Length: +24",
    "Content-Length: -1", "Content-Length: 0x18", "Content-Length: 24 24", "Content-Length: ",
    "Content-Length: 18446744073709551616", "Content-Length: 9223372036854775808",
    "Content-Length: 99999999999999999999999", "Content-Length: 1e1", "Content-Length : 24",
    "Content-Length:24", "content-length: 024", "Content-Length: 24\t", "Transfer-Encoding: chunked",
    "Transfer-Encoding: identity", "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: gzip, chunked", "Transfer-Encoding: xchunked", "Transfer-Encoding: chunked,",
    "Transfer-Encoding:\x0b" "chunked", "Transfer-Encoding : chunked", "Transfer-Encoding: \"chunked\"",
    "TRANSFER-ENCODING: CHUNKED", "Transfer-Encoding: chunked\r\n Transfer-Encoding: x",
    "X: y\r\n folded", "X: y\r\n\tfolded", " X: y", "X y", ": y", "X\t: y", "X: y\rZ: w", "X: y\nZ: w",
    "X: \x01", "X: \x7f", "Host: y", "Host: ", "Host: x, y", "Host: x\x80", "Expect: 100-continue",
    "Expect: 200-ok", "Connection: close", "Connection: close, content-length", "Upgrade: h2c",
    "Content-Type: text/plain", "Content-Encoding: gzip", "Content-Length: \x00" "4",
};

static const char *const chunk_sizes[] = {
    "ffffffffffffffff", "10000000000000000", "00000000000000000000f", "-1", "+f", "0x3", "f ", " f",
    "f;", "f;x=\"\r\n\"", "f\t", "", "g", "f\n", "7fffffffffffffff", "f;x\x00y", "fffffffffffffff1",
};

static void add(struct bytes *c, const char *p, size_t len)
{
    if (c->len + len > CASE_MAX)
        len = CASE_MAX - c->len;
    memcpy(c->p + c->len, p, len);
    c->len += len;
}

static void insert(struct bytes *c, size_t at, const char *p, size_t len)
{
    if (c->len + len > CASE_MAX)
        return;
    memmove(c->p + at + len, c->p + at, c->len - at);
    memcpy(c->p + at, p, len);
    c->len += len;
}

static void cut(struct bytes *c, size_t at, size_t len)
{
    if (at + len > c->len)
        len = c->len - at;
    memmove(c->p + at, c->p + at + len, c->len - at - len);
    c->len -= len;
}

/* The start of some line, not of the first: where a header may stand. */
static size_t some_line(const struct bytes *c)
{
    size_t starts[64], count = 0;
    for (size_t i = 0; i + 1 < c->len && count < COUNT(starts); i++)
        if (c->p[i] == '\n')
            starts[count++] = i + 1;
    return count ? starts[roll((uint32_t)count)] : 0;
}

static size_t line_len(const struct bytes *c, size_t at)
{
    const char *end = memchr(c->p + at, '\n', c->len - at);
    return end ? (size_t)(end + 1 - (c->p + at)) : c->len - at;
}

static char odd_byte(void)
{
    static const char odd[] = "\0\r\n\t :;,\"%?&/=\\{}[]0159afAF\x01\x0b\x7f\x80\xc3\xff-+.";
    return roll(4) ? odd[roll(sizeof odd - 1)] : (char)roll(256);
}

static void spoil(struct bytes *c)
{
    size_t at = c->len ? roll((uint32_t)c->len) : 0, line;
    char byte = odd_byte();
    const char *text;
    switch (roll(12)) {
    case 0:
        c->len = at;
        break;
    case 1:
    case 2:
        if (c->len)
            c->p[at] = byte;
        break;
    case 3:
        insert(c, at, &byte, 1);
        break;
    case 4:
        cut(c, at, 1 + roll(4));
        break;
    case 5: /* a line once more */
        line = some_line(c);
        if (c->len + line_len(c, line) <= CASE_MAX) {
            char copy[CASE_MAX];
            size_t len = line_len(c, line);
            memcpy(copy, c->p + line, len);
            insert(c, line, copy, len);
        }
        break;
    case 6: /* a bare line feed */
        line = some_line(c);
        if (line >= 2 && c->p[line - 2] == '\r')
            cut(c, line - 2, 1);
        break;
    case 7: /* a chunk's size */
        text = chunk_sizes[roll(COUNT(chunk_sizes))];
        line = some_line(c);
        if (line_len(c, line) > 1) {
            cut(c, line, line_len(c, line) - 2);
            insert(c, line, text, strlen(text));
        }
        break;
    default: { /* a header, in the place of one or beside it */
        uint32_t n = roll(COUNT(headers));
        text = headers[n];
        size_t len = n == COUNT(headers) - 1 ? 18 : strlen(text);
        line = some_line(c);
        if (roll(3) == 0 && line_len(c, line) > 2)
            cut(c, line, line_len(c, line));
        insert(c, line, "\r\n", 2);
        insert(c, line, text, len);
    }
    }
}

static void make(struct bytes *c)
{
    c->len = 0;
    uint32_t count = 1 + (roll(3) == 0);
    for (uint32_t i = 0; i < count; i++) {
        const char *text = requests[roll(COUNT(requests))];
        add(c, text, strlen(text));
    }
    for (uint32_t n = roll(8) ? 1 + roll(3) : 0; n; n--)
        spoil(c);
    if (roll(3) == 0) /* what would be smuggled */
        add(c, requests[0], strlen(requests[0]));
}

/* ---- what a case means ---- */

struct meaning {
    unsigned well_formed; /* requests before the first mistake or the end */
    bool mistake;         /* then one that is malformed, not just cut short */
    bool early;           /* then one that may be answered without its body: OPTIONS */
    struct bytes bodies[ANSWERS_MAX]; /* of the well-formed ones */
};

static bool is_token(unsigned char u)
{
    return (u >= '0' && u <= '9') || ((u | 32) >= 'a' && (u | 32) <= 'z') ||
           (u && strchr("!#$%&'*+-.^_`|~", u));
}

enum verdict { WELL, SHORT, WRONG };

/* A line with its CRLF at p[*at..len); its inside. */
static enum verdict take_line(const struct bytes *c, size_t *at, const char **line, size_t *len)
{
    *line = c->p + *at;
    for (size_t i = *at; i < c->len; i++) {
        if (c->p[i] == '\n' || c->p[i] == 0)
            return WRONG;
        if (c->p[i] != '\r')
            continue;
        if (i + 1 == c->len)
            return SHORT;
        if (c->p[i + 1] != '\n')
            return WRONG;
        *len = i - *at;
        *at = i + 2;
        return WELL;
    }
    return SHORT;
}

struct head {
    unsigned lengths, codings, hosts;
    bool old; /* HTTP/1.0 */
    unsigned long long length;
};

static enum verdict read_request_line(const char *p, size_t len, struct head *h)
{
    const char *end = p + len, *from = p;
    while (p < end && is_token((unsigned char)*p))
        p++;
    if (p == from || p == end || *p++ != ' ')
        return WRONG;
    for (from = p; p < end && *p > ' ' && *p < 0x7f; p++)
        ;
    if (p == from || end - p != 9 || memcmp(p, " HTTP/1.", 8) != 0 || p[8] < '0' || p[8] > '9')
        return WRONG;
    h->old = p[8] == '0';
    return WELL;
}

static enum verdict read_header(const char *p, size_t len, struct head *h)
{
    size_t name = 0;
    while (name < len && is_token((unsigned char)p[name]))
        name++;
    if (!name || name == len || p[name] != ':')
        return WRONG;
    const char *value = p + name + 1, *end = p + len;
    for (const char *v = value; v < end; v++)
        if (((unsigned char)*v < ' ' && *v != '\t') || *v == 0x7f)
            return WRONG;
    while (value < end && (*value == ' ' || *value == '\t'))
        value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    size_t n = (size_t)(end - value);
    h->hosts += name == 4 && strncasecmp(p, "host", 4) == 0;
    if (name == 17 && strncasecmp(p, "transfer-encoding", 17) == 0) {
        h->codings++;
        if (n != 7 || strncasecmp(value, "chunked", 7) != 0)
            return WRONG;
    }
    if (name != 14 || strncasecmp(p, "content-length", 14) != 0)
        return WELL;
    h->lengths++;
    h->length = 0;
    if (!n || n > 18)
        return WRONG; /* zeros in front are not worth more */
    for (; value < end; value++) {
        if (*value < '0' || *value > '9')
            return WRONG;
        h->length = h->length * 10 + (unsigned)(*value - '0');
    }
    return WELL;
}

static enum verdict read_chunks(const struct bytes *c, size_t *at, struct bytes *body)
{
    const char *line;
    size_t len;
    enum verdict v;
    for (;;) {
        if ((v = take_line(c, at, &line, &len)) != WELL)
            return v;
        unsigned long long size = 0;
        size_t digits = 0;
        for (; digits < len && strchr("0123456789abcdefABCDEF", line[digits]); digits++) {
            if (digits == 16)
                return WRONG;
            char d = line[digits];
            size = size << 4 | (unsigned)(d <= '9' ? d - '0' : (d | 32) - 'a' + 10);
        }
        if (!digits || (digits < len && line[digits] != ';'))
            return WRONG;
        for (size_t i = digits; i < len; i++)
            if (((unsigned char)line[i] < ' ' && line[i] != '\t') || line[i] == 0x7f)
                return WRONG;
        if (!size)
            break;
        if (size > c->len - *at)
            return SHORT;
        add(body, c->p + *at, (size_t)size);
        *at += (size_t)size;
        if (c->len - *at < 2)
            return SHORT;
        if (memcmp(c->p + *at, "\r\n", 2) != 0)
            return WRONG;
        *at += 2;
    }
    do { /* trailers */
        struct head ignored = {0};
        if ((v = take_line(c, at, &line, &len)) != WELL)
            return v;
        size_t name = 0;
        while (name < len && is_token((unsigned char)line[name]))
            name++;
        (void)ignored;
        if (len && (!name || name == len || line[name] != ':'))
            return WRONG;
    } while (len);
    return WELL;
}

static enum verdict read_one(const struct bytes *c, size_t *at, struct bytes *body)
{
    struct head h = {0};
    const char *line;
    size_t len;
    enum verdict v = take_line(c, at, &line, &len);
    if (v == WELL && !len) /* one empty line may come first (RFC 9112 section 2.2) */
        v = take_line(c, at, &line, &len);
    if (v == WELL)
        v = read_request_line(line, len, &h);
    while (v == WELL && (v = take_line(c, at, &line, &len)) == WELL && len)
        v = read_header(line, len, &h);
    if (v != WELL)
        return v;
    if (h.hosts > 1 || (!h.old && !h.hosts) || h.lengths > 1 || h.codings > 1 ||
        (h.lengths && h.codings) || (h.old && h.codings))
        return WRONG;
    body->len = 0;
    if (h.codings)
        return read_chunks(c, at, body);
    if (h.length > c->len - *at)
        return SHORT;
    add(body, c->p + *at, (size_t)h.length);
    *at += (size_t)h.length;
    return WELL;
}

/* Whether the head is what ends at or before at: then the mistake is in the body. */
static bool head_ends(const struct bytes *c, size_t at)
{
    return at >= 4 && memmem(c->p, at, "\r\n\r\n", 4);
}

static void judge(const struct bytes *c, struct meaning *m)
{
    size_t at = 0;
    m->well_formed = 0;
    m->mistake = m->early = false;
    while (at < c->len && m->well_formed < ANSWERS_MAX) {
        size_t from = at;
        enum verdict v = read_one(c, &at, &m->bodies[m->well_formed]);
        if (v != WELL) { /* a head without its end need not be answered */
            m->mistake = v == WRONG && memmem(c->p + from, c->len - from, "\r\n\r\n", 4);
            from += c->len - from > 2 && memcmp(c->p + from, "\r\n", 2) == 0 ? 2 : 0;
            m->early = at > from && c->len - from > 8 && memcmp(c->p + from, "OPTIONS ", 8) == 0 &&
                       head_ends(c, at);
            return;
        }
        m->well_formed++;
    }
}

/* ---- the hub, and its answers ---- */

static struct freshet_hub *hub;
static struct sockaddr_in address;

struct answers {
    unsigned count;
    int status[ANSWERS_MAX];
    unsigned acknowledged[ANSWERS_MAX]; /* events */
};

static int dial(void)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct linger none = {1, 0}; /* no address is kept busy by what has ended */
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address))
        die(NULL, "no connection: %s", strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    return fd;
}

static size_t hear(const struct bytes *c, int fd, char *out, size_t size)
{
    size_t len = 0;
    for (;;) {
        struct pollfd p = {fd, POLLIN, 0};
        if (poll(&p, 1, 15000) != 1)
            die(c, "no end of the answer: %.*s", (int)len, out);
        ssize_t n = recv(fd, out + len, size - 1 - len, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
        if (len == size - 1)
            die(c, "an answer without end");
    }
    out[len] = 0;
    return len;
}

static void ask(const struct bytes *c, unsigned pieces, char *out, size_t size)
{
    int fd = dial();
    size_t at = 0;
    for (unsigned i = 0; i < pieces && at < c->len; i++) {
        size_t n = i + 1 == pieces ? c->len - at : 1 + roll((uint32_t)(c->len - at));
        ssize_t sent = send(fd, c->p + at, n, MSG_NOSIGNAL);
        if (sent < 0)
            break; /* it has ended: the answer says why */
        at += (size_t)sent;
        sched_yield();
    }
    shutdown(fd, SHUT_WR);
    hear(c, fd, out, size);
    close(fd);
}

static unsigned count_acks(const char *p, const char *end)
{
    unsigned n = 0;
    while ((p = strstr(p, "\"ack\":\"")) && p < end)
        n++, p++;
    return n;
}

static void read_answers(const struct bytes *c, const char *p, struct answers *a)
{
    a->count = 0;
    while (*p) {
        int status;
        const char *end = strstr(p, "\r\n\r\n");
        if (sscanf(p, "HTTP/1.1 %3d ", &status) != 1 || !end)
            die(c, "no answer: %s", p);
        if (status >= 500 && status != 501 && status != 505)
            die(c, "our own fault: %s", p);
        const char *length = strstr(p, "Content-Length: ");
        size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
        if (status == 100) {
            p = end + 4;
            continue;
        }
        if (a->count == ANSWERS_MAX)
            die(c, "too many answers");
        a->status[a->count] = status;
        p = end + 4;
        if (!length || length > end) { /* a stream, or the head of one */
            a->acknowledged[a->count++] = 0;
            if (status == 200 && *p && strncmp(p, "HTTP/", 5) != 0)
                return;
            continue;
        }
        bool has_body = strncmp(p, "HTTP/", 5) != 0 && strlen(p) >= body;
        a->acknowledged[a->count++] = has_body && status == 200 ? count_acks(p, p + body) : 0;
        p += has_body ? body : 0;
    }
}

static bool is_json(const struct bytes *body)
{
    json_error_t e;
    size_t at = 0;
    json_t *whole = json_loadb(body->p, body->len, JSON_REJECT_DUPLICATES, &e);
    json_decref(whole);
    if (whole)
        return true;
    while (at < body->len) { /* one a line */
        const char *end = memchr(body->p + at, '\n', body->len - at);
        size_t len = end ? (size_t)(end - (body->p + at)) : body->len - at;
        size_t blank = strspn(body->p + at, " \t\r");
        if (blank < len) {
            json_t *line = json_loadb(body->p + at, len, JSON_REJECT_DUPLICATES, &e);
            json_decref(line);
            if (!line)
                return false;
        }
        at += len + 1;
    }
    return true;
}

static unsigned long long acknowledged, cases_with[3]; /* by verdict: fine, short, wrong */

static void check(const struct bytes *c, const struct meaning *m, const struct answers *a)
{
    unsigned good = 0;
    for (unsigned i = 0; i < a->count; i++) {
        bool taken = a->status[i] >= 200 && a->status[i] < 300;
        if (taken && i >= m->well_formed + m->early)
            die(c, "answer %u is %d, though %u requests are well-formed", i, a->status[i],
                m->well_formed);
        good += taken;
        acknowledged += a->acknowledged[i];
        if (a->acknowledged[i] && !is_json(&m->bodies[i]))
            die(c, "published, and no JSON");
    }
    if (a->count > m->well_formed + 1) /* what is cut short may be seen to be wrong as well */
        die(c, "%u answers to %u requests", a->count, m->well_formed);
    if (m->mistake && !m->early && (!a->count || (good == a->count && a->count > m->well_formed)))
        die(c, "a mistake that is not answered");
}

static void try_case(uint64_t seed)
{
    static struct bytes c;
    static struct meaning m;
    static char out[1 << 20];
    struct answers whole, split;
    case_seed = seed;
    dice = seed * 0x9e3779b97f4a7c15u + 1;
    for (int i = 0; i < 4; i++)
        roll(2);
    make(&c);
    judge(&c, &m);
    cases_with[m.mistake ? 2 : m.well_formed == 0]++;
    ask(&c, 1, out, sizeof out);
    read_answers(&c, out, &whole);
    check(&c, &m, &whole);
    ask(&c, 2 + roll(4), out, sizeof out);
    read_answers(&c, out, &split);
    check(&c, &m, &split);
    if (memmem(c.p, c.len, "GET /v1/stream", 14))
        return; /* whether it begins before its client has gone is a matter of time */
    /* what is cut short may be found wrong when it comes whole, and is given up when it comes split */
    if (whole.count == split.count + 1 && whole.status[split.count] >= 400 && !m.mistake)
        whole.count--;
    if (whole.count != split.count ||
        memcmp(whole.status, split.status, whole.count * sizeof *whole.status) != 0)
        die(&c, "other answers when split: %u, %u; first %d, %d", whole.count, split.count,
            whole.count ? whole.status[0] : 0, split.count ? split.status[0] : 0);
}

static void quiet(void *ctx, enum freshet_log_level level, const char *event, const char *fields)
{
    (void)ctx, (void)level, (void)event, (void)fields;
}

static void *run(void *arg)
{
    if (freshet_hub_run(arg))
        die(NULL, "the hub does not run");
    return NULL;
}

static unsigned long long number(const char *name)
{
    static const char request[] = "GET /v1/stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    static char out[1 << 20];
    struct bytes c = {.len = sizeof request - 1};
    memcpy(c.p, request, c.len);
    ask(&c, 1, out, sizeof out);
    const char *at = strstr(out, name);
    if (!at)
        die(NULL, "%s is not in %s", name, out);
    return strtoull(at + strlen(name), NULL, 10);
}

static int descriptors(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    uint64_t cases = argc > 1 ? strtoull(argv[1], NULL, 10) : CASES;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    char *flags[] = {"--dev", "--listen", "127.0.0.1:0", "--loops", "1", "--drain-timeout", "200ms",
                     "--channel-idle", "1d"};
    struct freshet_options o = {.size = sizeof o, .argc = 7, .argv = flags, .log = quiet};
    char why[400];
    pthread_t thread;
    mallopt(M_ARENA_MAX, 2);
    if (freshet_hub_new(&o, &hub, why, sizeof why))
        die(NULL, "no hub: %s", why);
    address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)strtoul(strchr(freshet_hub_address(hub, 0), ':') + 1, NULL, 10)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (pthread_create(&thread, NULL, run, hub))
        die(NULL, "no thread");
    uint64_t warm = cases < WARM ? cases / 2 : WARM;
    for (uint64_t i = 0; i < warm; i++)
        try_case(seed + i);
    number("\"eventsPublished\":");
    size_t memory = mallinfo2().uordblks;
    int open = descriptors();
    for (uint64_t i = warm; i < cases; i++)
        try_case(seed + i);
    unsigned long long published = number("\"eventsPublished\":"), connections;
    for (int i = 0; (connections = number("\"totalConnections\":")) > 0 && i < 1000; i++)
        sched_yield();
    size_t grown = mallinfo2().uordblks > memory ? mallinfo2().uordblks - memory : 0;
    printf("%llu cases, each whole and split: %llu fine, %llu cut short, %llu malformed; %llu events "
           "acknowledged, %llu published; %zu bytes more, %d descriptors more\n",
           (unsigned long long)cases, cases_with[0], cases_with[1], cases_with[2], acknowledged,
           published, grown, descriptors() - open);
    if (acknowledged != published)
        die(NULL, "not every event that was published was acknowledged");
    if (grown > GROWTH_MAX)
        die(NULL, "%zu bytes are held", grown);
    if (descriptors() > open)
        die(NULL, "descriptors are held");
    freshet_hub_stop(hub);
    pthread_join(thread, NULL);
    freshet_hub_free(hub);
    return 0;
}
