#include "rules.h"

#include <string.h>

#define HOUR_S 3600
#define DAY_MS 86400000u
#define AHEAD_MS 300000u

const char *rules_severity_name(enum rules_severity severity)
{
    static const char *const names[] = {"low", "medium", "high", "critical"};
    return names[severity];
}

/* How many places must be free again before a breach of so many is over. */
static int64_t room(int64_t places)
{
    return places / 20 > 1 ? places / 20 : 1;
}

unsigned rules_fullness(const struct rules_lot *lot, struct rules_latch *latch)
{
    if (lot->total <= 0)
        return 0;
    unsigned out = 0;
    int64_t percent = rules_percent(lot->occupied, lot->total);
    if (!latch->warned && percent >= lot->warn_percent) {
        latch->warned = true;
        out |= RULES_WARN;
    } else if (latch->warned && percent < lot->clear_percent) {
        latch->warned = latch->grave = false;
        out |= RULES_WARN_OVER;
    }
    if (latch->warned && !latch->grave && percent >= (lot->warn_percent + 100) / 2) {
        latch->grave = true;
        out |= RULES_WARN_GRAVE;
    }
    if (!latch->breached && lot->occupied > lot->total) {
        latch->breached = true;
        out |= RULES_BREACH;
    } else if (latch->breached && lot->occupied <= lot->total - room(lot->total)) {
        latch->breached = false;
        out |= RULES_BREACH_OVER;
    }
    return out;
}

int64_t rules_percent(int64_t occupied, int64_t total)
{
    return total > 0 ? occupied * 100 / total : 0;
}

bool rules_camera_broken(const struct rules_camera *camera, uint64_t now_ms)
{
    uint64_t seen = camera->last_seen_ms, others = camera->others_last_ms;
    if (seen < camera->line_since_ms)
        seen = camera->line_since_ms;
    if (!camera->last_seen_ms || now_ms < seen + camera->offline_after_ms)
        return false;
    bool alone = !others || others + camera->offline_after_ms < seen;
    return alone || others >= seen + camera->offline_after_ms ||
           now_ms - camera->last_seen_ms >= camera->line_after_ms;
}

enum rules_severity rules_camera_severity(int64_t other_cameras_online)
{
    return other_cameras_online > 0 ? RULES_LOW : RULES_HIGH;
}

int64_t rules_excess(const struct rules_share *share)
{
    return share->present > share->allocated ? share->present - share->allocated : 0;
}

enum rules_share_verdict rules_share(const struct rules_share *share, bool breached)
{
    if (!breached)
        return rules_excess(share) > 0 ? RULES_SHARE_BREACH : RULES_SHARE_SAME;
    int64_t until = share->allocated > 0 ? share->allocated - room(share->allocated) : 0;
    return share->present <= until ? RULES_SHARE_OVER : RULES_SHARE_SAME;
}

int64_t rules_penalty_breach(int64_t excess, int64_t rate)
{
    return excess > 0 ? excess * rate : 0;
}

int64_t rules_penalty_overparking(int64_t over_s, int64_t rate)
{
    return over_s > 0 ? (over_s + HOUR_S - 1) / HOUR_S * rate : 0;
}

int64_t rules_penalty_unauthorized(int64_t vehicles, int64_t rate)
{
    return vehicles > 0 ? vehicles * rate * 2 : 0;
}

enum rules_severity rules_breach_severity(const struct rules_share *share)
{
    return rules_excess(share) * 5 >= share->allocated ? RULES_HIGH : RULES_MEDIUM;
}

int64_t rules_duration_s(uint64_t entered_ms, uint64_t exited_ms)
{
    return exited_ms > entered_ms ? (int64_t)((exited_ms - entered_ms) / 1000) : 0;
}

int64_t rules_overstay_s(uint64_t entered_ms, uint64_t now_ms, int64_t max_stay_s)
{
    int64_t stayed = rules_duration_s(entered_ms, now_ms);
    return max_stay_s > 0 && stayed > max_stay_s ? stayed - max_stay_s : 0;
}

/* One character of a plate in capitals into out (two bytes). The bytes it has, 0 when it is none.
 */
static size_t plate_char(const unsigned char *s, char out[2])
{
    if ((s[0] >= '0' && s[0] <= '9') || (s[0] >= 'A' && s[0] <= 'Z')) {
        out[0] = (char)s[0];
        return 1;
    }
    if (s[0] >= 'a' && s[0] <= 'z') {
        out[0] = (char)(s[0] - 'a' + 'A');
        return 1;
    }
    /* U+00C0 to U+052F, in two bytes: letters but for the two signs of arithmetic. */
    if (s[0] < 0xC3 || s[0] > 0xD4 || (s[1] & 0xC0) != 0x80)
        return 0;
    bool latin1 = s[0] == 0xC3;
    if (latin1 && (s[1] == 0x97 || s[1] == 0xB7))
        return 0;
    out[0] = (char)s[0];
    out[1] = (char)(latin1 && s[1] >= 0xA0 && s[1] != 0xBF ? s[1] - 0x20 : s[1]);
    return 2;
}

bool rules_plate(const char *text, char out[RULES_PLATE_BYTES])
{
    const unsigned char *s = (const unsigned char *)text;
    size_t len = 0;
    bool gap = false;
    while (*s) {
        if (*s == ' ' || *s == '-') {
            gap = len > 0;
            s++;
            continue;
        }
        char c[2];
        size_t n = plate_char(s, c);
        if (!n || len + gap + n >= RULES_PLATE_BYTES)
            return false;
        if (gap)
            out[len++] = ' ';
        gap = false;
        memcpy(out + len, c, n);
        len += n;
        s += n;
    }
    out[len] = '\0';
    return len >= 2;
}

/* Days since 1970-01-01 of a date of the Gregorian calendar (year 1970 and later). */
static int64_t days(int64_t year, int64_t month, int64_t day)
{
    static const int64_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int64_t y = year - 1;
    return 365 * (year - 1970) + (y / 4 - y / 100 + y / 400) -
           (1969 / 4 - 1969 / 100 + 1969 / 400) + before[month - 1] + (leap && month > 2) + day - 1;
}

/* `count` digits at *s as a number within limits; moves *s. */
static bool digits(const char **s, unsigned count, int64_t low, int64_t high, int64_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < count; i++, (*s)++) {
        if (**s < '0' || **s > '9')
            return false;
        *out = *out * 10 + (**s - '0');
    }
    return *out >= low && *out <= high;
}

static bool sign(const char **s, char wanted)
{
    return **s == wanted ? ((*s)++, true) : false;
}

/* The zone at the end: Z, or an offset; *out in minutes east. */
static bool zone(const char *s, int64_t *out)
{
    *out = 0;
    if (sign(&s, 'Z'))
        return !*s;
    bool west = *s == '-';
    int64_t hours, minutes;
    if (!(sign(&s, '+') || sign(&s, '-')) || !digits(&s, 2, 0, 23, &hours) || !sign(&s, ':') ||
        !digits(&s, 2, 0, 59, &minutes) || *s)
        return false;
    *out = (hours * 60 + minutes) * (west ? -1 : 1);
    return true;
}

static bool day_exists(int64_t year, int64_t month, int64_t day)
{
    int64_t next = month == 12 ? days(year + 1, 1, 1) : days(year, month + 1, 1);
    return days(year, month, day) < next;
}

bool rules_time(const char *text, uint64_t *out)
{
    const char *s = text;
    int64_t year, month, day, hour, minute, second, ms = 0, east;
    if (!digits(&s, 4, 1970, 9999, &year) || !sign(&s, '-') || !digits(&s, 2, 1, 12, &month) ||
        !sign(&s, '-') || !digits(&s, 2, 1, 31, &day) || !sign(&s, 'T') ||
        !digits(&s, 2, 0, 23, &hour) || !sign(&s, ':') || !digits(&s, 2, 0, 59, &minute) ||
        !sign(&s, ':') || !digits(&s, 2, 0, 60, &second) || !day_exists(year, month, day))
        return false;
    if (sign(&s, '.')) {
        int64_t unit = 100;
        if (*s < '0' || *s > '9')
            return false;
        for (; *s >= '0' && *s <= '9'; s++, unit /= 10) /* what is finer than a millisecond goes */
            ms += (*s - '0') * unit;
    }
    if (!zone(s, &east))
        return false;
    int64_t minutes = (days(year, month, day) * 24 + hour) * 60 + minute - east;
    if (minutes < 0)
        return false;
    *out = (uint64_t)((minutes * 60 + second) * 1000 + ms);
    return true;
}

bool rules_when(uint64_t said_ms, uint64_t now_ms, uint64_t *out)
{
    *out = said_ms && said_ms < now_ms ? said_ms : now_ms;
    return !said_ms || (said_ms <= now_ms + AHEAD_MS && said_ms + DAY_MS >= now_ms);
}
