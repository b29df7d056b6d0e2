#include "json/schema_format.h"

#include "base/num.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static struct slice after(struct slice s, size_t n)
{
    return slice_of(s.p + n, s.len - n);
}

/* ---- date-time ---- */

/* Takes exactly two digits from 0 to max. */
static bool take_two(struct slice *s, unsigned max, unsigned *out)
{
    if (s->len < 2 || !is_digit(s->p[0]) || !is_digit(s->p[1]))
        return false;
    *out = (unsigned)(s->p[0] - '0') * 10 + (unsigned)(s->p[1] - '0');
    *s = after(*s, 2);
    return *out <= max;
}

static bool take_char(struct slice *s, const char *set)
{
    if (!s->len || !is_one_of(s->p[0], set))
        return false;
    *s = after(*s, 1);
    return true;
}

static bool take_date(struct slice *s)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned century, year, month, day;
    if (!take_two(s, 99, &century) || !take_two(s, 99, &year) || !take_char(s, "-") ||
        !take_two(s, 12, &month) || !take_char(s, "-") || !take_two(s, 31, &day) || !month || !day)
        return false;
    year += century * 100;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (unsigned)(month == 2 && leap);
}

/* *minutes: east of UTC. */
static bool take_zone(struct slice *s, int *minutes)
{
    unsigned h, m;
    *minutes = 0;
    if (take_char(s, "Zz"))
        return true;
    bool west = s->len && s->p[0] == '-';
    if (!take_char(s, "+-") || !take_two(s, 23, &h) || !take_char(s, ":") || !take_two(s, 59, &m))
        return false;
    *minutes = (west ? -1 : 1) * (int)(h * 60 + m);
    return true;
}

bool schema_format_is_date_time(struct slice s)
{
    unsigned hour, minute, second;
    int zone;
    if (!take_date(&s) || !take_char(&s, "Tt") || !take_two(&s, 23, &hour) || !take_char(&s, ":") ||
        !take_two(&s, 59, &minute) || !take_char(&s, ":") || !take_two(&s, 60, &second))
        return false;
    if (take_char(&s, ".")) {
        if (!s.len || !is_digit(s.p[0]))
            return false;
        while (s.len && is_digit(s.p[0]))
            s = after(s, 1);
    }
    if (!take_zone(&s, &zone) || s.len)
        return false;
    int utc = ((int)(hour * 60 + minute) - zone + 2880) % 1440;
    return second < 60 || utc == 1439;
}

/* ---- uuid ---- */

bool schema_format_is_uuid(struct slice s)
{
    if (s.len != 36)
        return false;
    for (size_t i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? s.p[i] != '-' : !is_hex(s.p[i]))
            return false;
    }
    return true;
}

/* ---- addresses ---- */

static bool is_ipv4(struct slice s)
{
    unsigned parts = 0;
    while (s.p) {
        struct slice part = slice_cut(&s, '.');
        uint64_t n;
        if (++parts > 4 || part.len > 3 || (part.len > 1 && part.p[0] == '0') ||
            !num_u64(part, 255, &n))
            return false;
    }
    return parts == 4;
}

/* RFC 3986 section 3.2.2 IPv6address: eight groups, or fewer around one "::". */
static bool is_ipv6(struct slice s)
{
    unsigned groups = 0;
    bool gap = false;
    if (s.len && s.p[0] == ':') {
        if (!slice_starts(s, "::"))
            return false;
        gap = true;
        s = after(s, 2);
    }
    while (s.len) {
        size_t n = 0;
        while (n < s.len && is_hex(s.p[n]))
            n++;
        if (n < s.len && s.p[n] == '.')
            return is_ipv4(s) && (gap ? groups + 2 < 8 : groups + 2 == 8);
        if (n == 0 || n > 4)
            return false;
        groups++;
        s = after(s, n);
        if (!s.len)
            break;
        if (slice_starts(s, "::")) {
            if (gap)
                return false;
            gap = true;
            s = after(s, 2);
        } else if (s.p[0] != ':' || s.len == 1) {
            return false;
        } else {
            s = after(s, 1);
        }
    }
    return gap ? groups < 8 : groups == 8;
}

/* ---- email ---- */

#define ATEXT_MARKS "!#$%&'*+-/=?^_`{|}~"

static bool is_dot_string(struct slice s)
{
    do {
        struct slice atom = slice_cut(&s, '.');
        if (!atom.len)
            return false;
        for (size_t i = 0; i < atom.len; i++)
            if (!is_alpha(atom.p[i]) && !is_digit(atom.p[i]) && !is_one_of(atom.p[i], ATEXT_MARKS))
                return false;
    } while (s.p);
    return true;
}

static bool is_quoted_string(struct slice s)
{
    if (s.len < 2 || s.p[0] != '"' || s.p[s.len - 1] != '"')
        return false;
    s = slice_of(s.p + 1, s.len - 2);
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"')
            return false;
        if (s.p[i] == '\\' && ++i == s.len) /* a backslash takes the next one along */
            return false;
        if (s.p[i] < 32 || s.p[i] > 126)
            return false;
    }
    return true;
}

static bool is_domain(struct slice s)
{
    if (!s.len || s.len > 255)
        return false;
    do {
        struct slice label = slice_cut(&s, '.');
        if (!label.len || label.len > 63 || label.p[0] == '-' || label.p[label.len - 1] == '-')
            return false;
        for (size_t i = 0; i < label.len; i++)
            if (!is_alpha(label.p[i]) && !is_digit(label.p[i]) && label.p[i] != '-')
                return false;
    } while (s.p);
    return true;
}

static bool is_address_literal(struct slice s)
{
    if (s.len < 2 || s.p[0] != '[' || s.p[s.len - 1] != ']')
        return false;
    s = slice_of(s.p + 1, s.len - 2);
    return slice_starts(s, "IPv6:") ? is_ipv6(after(s, 5)) : is_ipv4(s);
}

bool schema_format_is_email(struct slice s)
{
    size_t at = s.len;
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] == '@')
            at = i; /* the last one: a quoted local part may hold others */
    if (at == s.len || at == 0 || at > 64)
        return false;
    struct slice local = slice_of(s.p, at), domain = after(s, at + 1);
    return (local.p[0] == '"' ? is_quoted_string(local) : is_dot_string(local)) &&
           (is_domain(domain) || is_address_literal(domain));
}

/* ---- uri ---- */

#define SUB_DELIMS "!$&'()*+,;="

/* unreserved, percent-encoded, sub-delims and what `more` has. */
static bool is_made_of(struct slice s, const char *more)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (c == '%') {
            if (s.len - i < 3 || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
                return false;
            i += 2;
        } else if (!is_alpha(c) && !is_digit(c) && !is_one_of(c, "-._~" SUB_DELIMS) &&
                   !is_one_of(c, more)) {
            return false;
        }
    }
    return true;
}

/* IPv6address or IPvFuture, between brackets. */
static bool is_ip_literal(struct slice s)
{
    if (!s.len || (s.p[0] | 32) != 'v')
        return is_ipv6(s);
    struct slice version = slice_cut(&s, '.');
    for (size_t i = 1; i < version.len; i++)
        if (!is_hex(version.p[i]))
            return false;
    return version.len > 1 && s.len && !memchr(s.p, '%', s.len) && is_made_of(s, ":");
}

static bool is_authority(struct slice s)
{
    const char *at = s.len ? memchr(s.p, '@', s.len) : NULL;
    if (at) {
        size_t n = (size_t)(at - s.p);
        if (!is_made_of(slice_of(s.p, n), ":"))
            return false;
        s = after(s, n + 1);
    }
    struct slice port = SLICE_NONE;
    if (s.len && s.p[0] == '[') {
        const char *end = memchr(s.p, ']', s.len);
        if (!end || !is_ip_literal(slice_of(s.p + 1, (size_t)(end - s.p) - 1)))
            return false;
        s = after(s, (size_t)(end - s.p) + 1);
        if (s.len && s.p[0] != ':')
            return false;
        port = s.len ? after(s, 1) : SLICE_NONE;
    } else {
        port = s;
        if (!is_made_of(slice_cut(&port, ':'), ""))
            return false;
    }
    for (size_t i = 0; i < port.len; i++)
        if (!is_digit(port.p[i]))
            return false;
    return true;
}

bool schema_format_is_uri(struct slice s)
{
    size_t n = 0;
    while (n < s.len && (is_alpha(s.p[n]) || (n && (is_digit(s.p[n]) || is_one_of(s.p[n], "+-.")))))
        n++;
    if (!n || n == s.len || s.p[n] != ':')
        return false;
    struct slice rest = after(s, n + 1);
    struct slice before_fragment = slice_cut(&rest, '#');
    if (!is_made_of(rest, ":@/?"))
        return false;
    struct slice query = before_fragment, path = slice_cut(&query, '?');
    if (!is_made_of(query, ":@/?"))
        return false;
    if (slice_starts(path, "//")) {
        path = after(path, 2);
        struct slice authority = path;
        const char *slash = path.len ? memchr(path.p, '/', path.len) : NULL;
        if (slash)
            authority.len = (size_t)(slash - path.p);
        if (!is_authority(authority))
            return false;
        path = after(path, authority.len);
    }
    return is_made_of(path, ":@/");
}
