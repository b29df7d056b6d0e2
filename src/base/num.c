#include "base/num.h"

#include <stdio.h>

bool num_u64(struct slice s, uint64_t max, uint64_t *out)
{
    if (s.len == 0 || s.len > 20)
        return false;
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9 || n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    if (n > max)
        return false;
    *out = n;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool num_hex32(struct slice s, unsigned digits, uint32_t *out)
{
    if (s.len != digits || digits == 0 || digits > 8)
        return false;
    uint32_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        int d = hex_digit(s.p[i]);
        if (d < 0)
            return false;
        n = n << 4 | (uint32_t)d;
    }
    *out = n;
    return true;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* Digits and one of the units; `bare` is the factor without one, 0 where only a bare 0 is right. */
static bool with_unit(struct slice s, const struct unit *units, uint64_t bare, uint64_t *out)
{
    size_t digits = 0;
    while (digits < s.len && s.p[digits] >= '0' && s.p[digits] <= '9')
        digits++;
    uint64_t n, factor = bare;
    if (!num_u64(slice_of(s.p, digits), UINT64_MAX, &n))
        return false;
    struct slice name = slice_of(s.p + digits, s.len - digits);
    for (; name.len && units->name; units++) {
        if (slice_is_nocase(name, units->name)) {
            factor = units->factor;
            name.len = 0;
        }
    }
    if (name.len || (!factor && n) || (factor && n > UINT64_MAX / factor))
        return false;
    *out = n * factor;
    return true;
}

bool num_duration_ms(struct slice s, uint64_t *out)
{
    static const struct unit units[] = {{"ms", 1},         {"s", 1000},       {"m", 60000},
                                        {"h", 3600000},    {"d", 86400000},   {NULL, 0}};
    return with_unit(s, units, 0, out);
}

bool num_size_bytes(struct slice s, uint64_t *out)
{
    static const struct unit units[] = {
        {"B", 1},         {"KiB", 1024},    {"MiB", 1048576},    {"GiB", 1073741824},
        {"KB", 1000},     {"MB", 1000000},  {"GB", 1000000000},  {NULL, 0}};
    return with_unit(s, units, 1, out);
}

static bool field(const char *p, unsigned digits, unsigned max, unsigned *out)
{
    uint64_t n;
    if (!num_u64(slice_of(p, digits), max, &n))
        return false;
    *out = (unsigned)n;
    return true;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar, year >= 1970. */
static uint64_t days_from_civil(unsigned year, unsigned month, unsigned day)
{
    unsigned y = month <= 2 ? year - 1 : year;
    unsigned era = y / 400, yoe = y - era * 400;
    unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return (uint64_t)era * 146097 + doe - 719468;
}

bool num_rfc3339_ms(struct slice s, uint64_t *out)
{
    static const unsigned char month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day, hour, minute, second, ms = 0;
    const char *p = s.p;
    if (s.len < 20 || !field(p, 4, 9999, &year) || p[4] != '-' || !field(p + 5, 2, 12, &month) ||
        p[7] != '-' || !field(p + 8, 2, 31, &day) || (p[10] != 'T' && p[10] != 't') ||
        !field(p + 11, 2, 23, &hour) || p[13] != ':' || !field(p + 14, 2, 59, &minute) ||
        p[16] != ':' || !field(p + 17, 2, 60, &second))
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (year < 1970 || month < 1 || day < 1 || day > month_days[month - 1] ||
        (month == 2 && day == 29 && !leap))
        return false;
    size_t at = 19;
    if (p[at] == '.') {
        unsigned scale = 100;
        size_t first = ++at;
        for (; at < s.len && p[at] >= '0' && p[at] <= '9'; at++, scale /= 10)
            ms += (unsigned)(p[at] - '0') * scale;
        if (at == first)
            return false;
    }
    int64_t zone_s = 0;
    size_t left = s.len - at;
    if (left == 6 && (p[at] == '+' || p[at] == '-') && p[at + 3] == ':') {
        unsigned zh, zm;
        if (!field(p + at + 1, 2, 23, &zh) || !field(p + at + 4, 2, 59, &zm))
            return false;
        zone_s = (int64_t)(zh * 3600 + zm * 60) * (p[at] == '+' ? 1 : -1);
    } else if (left != 1 || (p[at] != 'Z' && p[at] != 'z')) {
        return false;
    }
    int64_t total = (int64_t)days_from_civil(year, month, day) * 86400 + hour * 3600 +
                    minute * 60 + second - zone_s;
    if (total < 0)
        return false;
    *out = (uint64_t)total * 1000 + ms;
    return true;
}

void num_format_rfc3339(uint64_t unix_ms, char out[25])
{
    uint64_t s = unix_ms / 1000, days = s / 86400 + 719468;
    unsigned in_day = (unsigned)(s % 86400);
    unsigned doe = (unsigned)(days % 146097), era = (unsigned)(days / 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    unsigned day = doy - (153 * mp + 2) / 5 + 1, month = mp < 10 ? mp + 3 : mp - 9;
    unsigned year = (yoe + era * 400 + (month <= 2)) % 10000;
    char text[64];
    snprintf(text, sizeof text, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", year, month, day,
             in_day / 3600, in_day / 60 % 60, in_day % 60, (unsigned)(unix_ms % 1000));
    memcpy(out, text, 24);
    out[24] = 0;
}
