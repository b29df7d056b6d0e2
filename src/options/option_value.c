#include "options/option_value.h"

#include "base/err.h"
#include "base/event.h"
#include "base/num.h"
#include "base/utf8.h"
#include "options/options.h"

#include <arpa/inet.h>
#include <stdio.h>

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* True when s is one or more letters, digits and characters of `also`. */
static bool consists_of(struct slice s, const char *also)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_alnum(s.p[i]) && (!s.p[i] || !strchr(also, s.p[i])))
            return false;
    return s.len > 0;
}

/* Printable ASCII without spaces. */
static bool is_visible(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~')
            return false;
    return s.len > 0;
}

static bool read_bool(struct slice s, bool *out)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (slice_is_nocase(s, yes[i]) || slice_is_nocase(s, no[i])) {
            *out = slice_is_nocase(s, yes[i]);
            return true;
        }
    }
    return false;
}

static bool read_number(const struct opt_row *row, struct slice s, uint64_t *out)
{
    uint64_t n;
    bool ok;
    if (row->min == 0 && slice_is(s, "none")) {
        *out = 0;
        return true;
    }
    if (row->type == OPT_DURATION)
        ok = num_duration_ms(s, &n);
    else if (row->type == OPT_SIZE)
        ok = num_size_bytes(s, &n);
    else
        ok = num_u64(s, UINT64_MAX, &n);
    if (!ok || n < row->min || n > row->max)
        return false;
    *out = n;
    return true;
}

/* The place of s among the words "a|b|c", -1 when it is none of them. */
static int word_index(const char *words, struct slice s)
{
    struct slice rest = slice_str(words);
    for (int i = 0; rest.p; i++)
        if (slice_eq(slice_cut(&rest, '|'), s))
            return i;
    return -1;
}

static bool is_host_name(struct slice s)
{
    char text[256];
    if (!consists_of(s, ".-_") || s.len >= sizeof text)
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = 0;
    struct in_addr v4;
    bool digits = strspn(text, "0123456789.") == s.len;
    return !digits || inet_pton(AF_INET, text, &v4) == 1;
}

static bool is_ipv6(struct slice s)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    if (s.len >= sizeof text)
        return false;
    memcpy(text, s.p, s.len);
    text[s.len] = 0;
    return inet_pton(AF_INET6, text, &v6) == 1;
}

/* Cuts host[:port] with IPv6 in brackets. *port: SLICE_NONE without one. */
static bool split_host(struct slice s, struct slice *host, struct slice *port)
{
    *port = SLICE_NONE;
    if (s.len && s.p[0] == '[') {
        const char *end = memchr(s.p, ']', s.len);
        if (!end)
            return false;
        *host = slice_of(s.p + 1, (size_t)(end - s.p) - 1);
        struct slice rest = slice_of(end + 1, s.len - host->len - 2);
        if (rest.len && rest.p[0] != ':')
            return false;
        if (rest.len)
            *port = slice_of(rest.p + 1, rest.len - 1);
        return is_ipv6(*host);
    }
    *port = s;
    *host = slice_cut(port, ':');
    return is_host_name(*host);
}

static int read_address(struct slice s, const struct opt_reading *how, struct opt_address *out)
{
    struct slice host, port;
    uint64_t n;
    if (!split_host(s, &host, &port) || !num_u64(port, 65535, &n))
        return ERR_BAD_REQUEST;
    out->host = arena_text(how->arena, host);
    out->port = (uint16_t)n;
    return out->host ? 0 : ERR_INTERNAL;
}

static int read_path(struct slice s, const struct opt_reading *how, const char **out)
{
    if (s.len == 0)
        return ERR_BAD_REQUEST;
    size_t dir_len = s.p[0] == '/' ? 0 : strlen(how->dir);
    char *p = arena_alloc(how->arena, dir_len + s.len + 1);
    if (!p)
        return ERR_INTERNAL;
    memcpy(p, how->dir, dir_len);
    memcpy(p + dir_len, s.p, s.len);
    *out = p;
    return 0;
}

static int read_store(struct slice s, const struct opt_reading *how, struct opt_store *out)
{
    out->path = NULL;
    if (slice_is(s, "memory")) {
        out->kind = STORE_KIND_MEMORY;
    } else if (slice_is(s, "null")) {
        out->kind = STORE_KIND_NULL;
    } else if (slice_starts(s, "sqlite:")) {
        out->kind = STORE_KIND_SQLITE;
        return read_path(slice_of(s.p + 7, s.len - 7), how, &out->path);
    } else {
        return ERR_BAD_REQUEST;
    }
    return 0;
}

static bool is_origin(struct slice s)
{
    const char *colon = s.len ? memchr(s.p, ':', s.len) : NULL;
    if (!colon)
        return false;
    struct slice scheme = slice_of(s.p, (size_t)(colon - s.p));
    struct slice rest = slice_of(colon, s.len - scheme.len), host, port;
    uint64_t n;
    if (!consists_of(scheme, "+.-") || !slice_starts(rest, "://") ||
        !split_host(slice_of(rest.p + 3, rest.len - 3), &host, &port))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] >= 'A' && s.p[i] <= 'Z') /* browsers send lower case */
            return false;
    if (!port.p)
        return true;
    /* Browsers leave out the scheme's own port, so an origin with it would never match. */
    return num_u64(port, 65535, &n) && n > 0 && !(slice_is(scheme, "https") && n == 443) &&
           !(slice_is(scheme, "http") && n == 80);
}

static bool is_host(struct slice s)
{
    struct slice host, port;
    uint64_t n;
    return split_host(s, &host, &port) && (!port.p || (num_u64(port, 65535, &n) && n > 0));
}

static bool is_url(struct slice s)
{
    size_t skip = slice_starts(s, "https://") ? 8 : slice_starts(s, "http://") ? 7 : 0;
    return skip && is_visible(s) && s.len > skip && s.p[skip] != '/' && s.p[skip] != ':' &&
           s.p[skip] != '?' && s.p[skip] != '#';
}

/* Segments of characters that need no percent-encoding; none empty but the last, none of dots. */
static bool is_url_path(struct slice s)
{
    struct slice rest = s;
    if (s.len == 0 || slice_cut(&rest, '/').len != 0)
        return false;
    while (rest.p) {
        struct slice part = slice_cut(&rest, '/');
        if (slice_is(part, ".") || slice_is(part, "..") || (part.len == 0 && rest.p) ||
            (part.len && !consists_of(part, "-._~!$&'()*+,;=:@")))
            return false;
    }
    return true;
}

static bool is_pattern(struct slice s)
{
    if (s.len && s.p[s.len - 1] == '*')
        return s.len == 1 || name_is_channel(slice_of(s.p, s.len - 1));
    return name_is_channel(s);
}

static bool is_since(struct slice s)
{
    uint64_t ms;
    return slice_is(s, "latest") || slice_is(s, "earliest") || (num_duration_ms(s, &ms) && ms > 0);
}

/* True when the text is of the form that `type` asks for. */
static bool text_fits(enum opt_type type, struct slice s)
{
    switch (type) {
    case OPT_WORD:
        return utf8_is_plain(s) && s.len && !memchr(s.p, ' ', s.len);
    case OPT_TENANT:
        return name_is_tenant(s);
    case OPT_CHANNEL:
        return name_is_channel(s);
    case OPT_PATTERN:
        return is_pattern(s);
    case OPT_EVENT_TYPE:
        return name_is_type(s) && !name_is_reserved_type(s);
    case OPT_ORIGIN:
        return is_origin(s);
    case OPT_HOST:
        return is_host(s);
    case OPT_URL:
        return is_url(s);
    case OPT_URLPATH:
        return is_url_path(s);
    case OPT_COOKIE:
        return consists_of(s, "!#$%&'*+-.^_`|~");
    case OPT_SINCE:
        return is_since(s);
    default:
        return true;
    }
}

static int read_text(enum opt_type type, struct slice s, const struct opt_reading *how,
                     const char **out)
{
    if (!text_fits(type, s))
        return ERR_BAD_REQUEST;
    *out = arena_text(how->arena, s);
    return *out ? 0 : ERR_INTERNAL;
}

static int read_choice(const struct opt_row *row, struct slice s, void *dst)
{
    int at = word_index(row->words, s);
    unsigned value = (unsigned)at;
    if (at < 0)
        return ERR_BAD_REQUEST;
    memcpy(dst, &value, sizeof value); /* the field is of some enum: of unsigned's size */
    return 0;
}

int opt_value_read(const struct opt_row *row, struct slice text, const struct opt_reading *how,
                   void *dst)
{
    if (text.len && memchr(text.p, 0, text.len))
        return ERR_BAD_REQUEST;
    switch (row->type) {
    case OPT_BOOL:
        return read_bool(text, dst) ? 0 : ERR_BAD_REQUEST;
    case OPT_COUNT:
    case OPT_DURATION:
    case OPT_SIZE:
        return read_number(row, text, dst) ? 0 : ERR_BAD_REQUEST;
    case OPT_CHOICE:
        return read_choice(row, text, dst);
    case OPT_ADDRESS:
        return read_address(text, how, dst);
    case OPT_STORE:
        return read_store(text, how, dst);
    case OPT_WORD_OF:
        return word_index(row->words, text) < 0 ? ERR_BAD_REQUEST
                                                : read_text(row->type, text, how, dst);
    default:
        break;
    }
    if (text.len < row->min || text.len > row->max || (row->type == OPT_PATH && !text.len))
        return ERR_BAD_REQUEST;
    if (row->type == OPT_PATH && !row->min && slice_is(text, "none")) /* ./none is a path */
        return read_text(OPT_TEXT, text, how, dst);
    return row->type == OPT_PATH ? read_path(text, how, dst) : read_text(row->type, text, how, dst);
}

bool opt_is_list_of_texts(const struct opt_row *row)
{
    return row->type == OPT_TEXTS || row->type == OPT_ADDRESSES;
}

int opt_list_init(const struct opt_row *row, size_t count, const struct opt_reading *how, void *dst)
{
    bool addresses = row->type == OPT_ADDRESSES;
    if (count < row->min || count > row->max)
        return ERR_BAD_REQUEST;
    void *v =
        arena_alloc(how->arena, count * (addresses ? sizeof(struct opt_address) : sizeof(char *)));
    if (!v)
        return ERR_INTERNAL;
    if (addresses)
        *(struct opt_addresses *)dst = (struct opt_addresses){v, count};
    else
        *(struct opt_texts *)dst = (struct opt_texts){v, count};
    return 0;
}

int opt_element_read(const struct opt_row *row, size_t i, struct slice text,
                     const struct opt_reading *how, void *dst)
{
    if (text.len == 0 || memchr(text.p, 0, text.len))
        return ERR_BAD_REQUEST;
    if (row->type == OPT_ADDRESSES)
        return read_address(text, how, &((struct opt_addresses *)dst)->v[i]);
    return read_text(row->element, text, how, &((struct opt_texts *)dst)->v[i]);
}

struct unit {
    uint64_t factor;
    const char *name;
};

void opt_put_number(struct buf *out, enum opt_type type, uint64_t n)
{
    static const struct unit times[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"},
                                        {1000, "s"},     {1, "ms"},      {0, ""}};
    static const struct unit sizes[] = {
        {1ull << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, ""}, {0, ""}};
    const struct unit *u = type == OPT_DURATION ? times : sizes;
    if (type == OPT_COUNT || n == 0) {
        buf_add_u64(out, n);
        return;
    }
    while (u->factor && n % u->factor != 0)
        u++;
    buf_add_u64(out, n / u->factor);
    buf_add_str(out, u->name);
}

static const char *noun_of(enum opt_type type)
{
    switch (type) {
    case OPT_COUNT:
        return "a whole number";
    case OPT_DURATION:
        return "a time such as 500ms, 10s or 2h,";
    case OPT_SIZE:
        return "a size such as 500, 64KiB or 1MiB,";
    case OPT_BOOL:
        return "true or false";
    case OPT_ADDRESS:
    case OPT_ADDRESSES:
        return "an address and a port such as 127.0.0.1:4000 or [::1]:4000";
    case OPT_STORE:
        return "memory, null, or sqlite: and a path";
    case OPT_TENANT:
        return "a tenant's name: 1 to 64 of A-Z a-z 0-9 _ -";
    case OPT_CHANNEL:
        return "a channel's name: 1 to 128 of A-Z a-z 0-9 . _ : -, first a letter or digit";
    case OPT_PATTERN:
        return "a channel's name (1 to 128 of A-Z a-z 0-9 . _ : -, first a letter or digit), or "
               "the beginning of names and *";
    case OPT_EVENT_TYPE:
        return "an event type: 1 to 128 bytes without control characters, not open, error or "
               "freshet.*";
    case OPT_WORD:
        return "a name without spaces";
    case OPT_ORIGIN:
        return "an origin as browsers send it, scheme://host[:port] in lower case without a path "
               "or the scheme's own port";
    case OPT_HOST:
        return "a host name, with :port where it matters";
    case OPT_URL:
        return "a URL that starts with http:// or https://";
    case OPT_URLPATH:
        return "a path that starts with / and has no empty, dotted or percent-encoded parts";
    case OPT_COOKIE:
        return "a cookie's name";
    case OPT_SINCE:
        return "latest, earliest, or an age such as 10m";
    case OPT_PATH:
        return "a path";
    default:
        return "a text";
    }
}

static void put_words(struct buf *out, const char *words)
{
    buf_add_str(out, "one of ");
    for (const char *p = words; *p; p++) {
        if (*p == '|')
            buf_add_str(out, ", ");
        else
            buf_add_char(out, *p);
    }
}

void opt_put_expected(struct buf *out, const struct opt_row *row)
{
    buf_add_str(out, "must be ");
    switch (row->type) {
    case OPT_CHOICE:
    case OPT_WORD_OF:
        put_words(out, row->words);
        break;
    case OPT_COUNT:
    case OPT_DURATION:
    case OPT_SIZE:
        buf_add_str(out, noun_of(row->type));
        buf_add_str(out, " from ");
        opt_put_number(out, row->type, row->min);
        buf_add_str(out, " to ");
        opt_put_number(out, row->type, row->max);
        break;
    case OPT_TEXT:
    case OPT_SECRET:
    case OPT_PATH:
        buf_addf(out, "%s of %llu to %llu bytes", noun_of(row->type), (unsigned long long)row->min,
                 (unsigned long long)row->max);
        break;
    case OPT_TEXTS:
        buf_add_str(out, noun_of(row->element));
        break;
    default:
        buf_add_str(out, noun_of(row->type));
    }
}

void opt_put_quoted(struct buf *out, struct slice text)
{
    buf_add_char(out, '"');
    size_t at = 0;
    while (at < text.len && at < 60) {
        uint32_t c;
        size_t n = utf8_decode(text.p + at, text.len - at, &c);
        if (n && utf8_is_plain(slice_of(text.p + at, n)))
            buf_add(out, text.p + at, n);
        else
            buf_add_char(out, '?');
        at += n ? n : 1;
    }
    buf_add_str(out, at < text.len ? "...\"" : "\"");
}
