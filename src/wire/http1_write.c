#include "wire/http1.h"

#include "base/num.h"

struct phrase {
    int status;
    const char *text;
};

static const struct phrase phrases[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

const char *http1_phrase(int status)
{
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].text;
    return "";
}

void http1_write_head(struct buf *out, const struct http1_response *r)
{
    bool bodiless = r->status < 200 || r->status == 204;
    /* Without chunks and without a length the end of the connection is the body's end. */
    bool until_close = r->chunked && r->minor == 0;
    bool keep_alive = r->keep_alive && !until_close;
    buf_add_str(out, "HTTP/1.1 ");
    buf_add_u64(out, (uint64_t)r->status);
    buf_add_char(out, ' ');
    buf_add_str(out, http1_phrase(r->status));
    buf_add_str(out, "\r\n");
    if (r->content_type) {
        buf_add_str(out, "Content-Type: ");
        buf_add_str(out, r->content_type);
        buf_add_str(out, "\r\n");
    }
    if (r->chunked && !until_close) {
        buf_add_str(out, "Transfer-Encoding: chunked\r\n");
    } else if (!r->chunked && !r->no_length && !bodiless) {
        buf_add_str(out, "Content-Length: ");
        buf_add_u64(out, r->length);
        buf_add_str(out, "\r\n");
    }
    if (!keep_alive && r->status >= 200)
        buf_add_str(out, "Connection: close\r\n");
    else if (keep_alive && r->minor == 0)
        buf_add_str(out, "Connection: keep-alive\r\n");
    buf_add_slice(out, r->extra);
    buf_add_str(out, "\r\n");
}

static const char days[7][4] = {"Thu", "Fri", "Sat", "Sun",
                                "Mon", "Tue", "Wed"}; /* from 1970-01-01 */
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

#define LAST_SECOND 253402300799u /* of the year 9999 */

void http1_date(uint64_t unix_s, char out[30])
{
    char iso[25]; /* YYYY-MM-DDTHH:MM:SS.mmmZ */
    if (unix_s > LAST_SECOND)
        unix_s = LAST_SECOND;
    num_format_rfc3339(unix_s * 1000, iso);
    memcpy(out, "Day, 00 Mon 0000 00:00:00 GMT", 30);
    memcpy(out, days[unix_s / 86400 % 7], 3);
    memcpy(out + 5, iso + 8, 2);
    memcpy(out + 8, months[(iso[5] - '0') * 10 + iso[6] - '0' - 1], 3);
    memcpy(out + 12, iso, 4);
    memcpy(out + 17, iso + 11, 8);
}

/* Puts month, as two digits, and the other parts together as RFC 3339 and reads that. */
static bool read_date(const char *year, const char *month, const char *day, const char *time,
                      uint64_t *unix_s)
{
    char iso[20] = "YYYY-MM-DDTHH:MM:SS", text[21];
    unsigned m = 0;
    uint64_t ms;
    while (m < 12 && memcmp(months[m], month, 3) != 0)
        m++;
    if (m == 12)
        return false;
    memcpy(iso, year, 4);
    iso[5] = (char)('0' + (m + 1) / 10);
    iso[6] = (char)('0' + (m + 1) % 10);
    iso[8] = day[0] == ' ' ? '0' : day[0];
    iso[9] = day[1];
    memcpy(iso + 11, time, 8);
    memcpy(text, iso, 19);
    text[19] = 'Z';
    if (!num_rfc3339_ms(slice_of(text, 20), &ms))
        return false;
    *unix_s = ms / 1000;
    return true;
}

bool http1_date_parse(struct slice s, uint64_t *unix_s)
{
    const char *p = s.p;
    /* Sun, 06 Nov 1994 08:49:37 GMT */
    if (s.len == 29 && memcmp(p + 3, ", ", 2) == 0 && p[7] == ' ' && p[11] == ' ' && p[16] == ' ' &&
        memcmp(p + 25, " GMT", 4) == 0)
        return read_date(p + 12, p + 8, p + 5, p + 17, unix_s);
    /* Sun Nov  6 08:49:37 1994 */
    if (s.len == 24 && p[3] == ' ' && p[7] == ' ' && p[10] == ' ' && p[19] == ' ')
        return read_date(p + 20, p + 4, p + 8, p + 11, unix_s);
    /* Sunday, 06-Nov-94 08:49:37 GMT: 70 to 99 are of the last century. */
    const char *comma = s.len ? memchr(p, ',', s.len) : NULL;
    if (!comma || s.len - (size_t)(comma - p) != 24)
        return false;
    p = comma + 1;
    if (p[0] != ' ' || p[3] != '-' || p[7] != '-' || p[10] != ' ' || memcmp(p + 19, " GMT", 4) != 0)
        return false;
    char year[4] = {p[8] >= '7' ? '1' : '2', p[8] >= '7' ? '9' : '0', p[8], p[9]};
    return read_date(year, p + 4, p + 1, p + 11, unix_s);
}
