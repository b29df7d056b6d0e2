/* rules.c - see rules.h. */
#include "rental/rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MONEY_MAX ((int64_t)1 << 62)

/* ---- days ---- */

static bool leap(int32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int32_t month_days(int32_t year, int32_t month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first of January. */
static int32_t year_start(int32_t year)
{
    int32_t before = year - 1;
    return 365 * (year - 1970) + (before / 4 - before / 100 + before / 400) -
           (1969 / 4 - 1969 / 100 + 1969 / 400);
}

static int32_t digits(const char *p, int count)
{
    int32_t n = 0;
    for (int i = 0; i < count; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        n = n * 10 + (p[i] - '0');
    }
    return n;
}

int32_t rule_day(const char *text)
{
    if (!text || strlen(text) != 10 || text[4] != '-' || text[7] != '-')
        return RULE_NO_DAY;
    int32_t year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > month_days(year, month))
        return RULE_NO_DAY;
    int32_t n = year_start(year);
    for (int32_t m = 1; m < month; m++)
        n += month_days(year, m);
    return n + day - 1;
}

const char *rule_day_text(int32_t day, char *text)
{
    text[0] = '\0';
    if (day < 0 || day > year_start(10000) - 1)
        return text;
    int32_t year = 1970 + day / 366, month = 1;
    while (year_start(year + 1) <= day)
        year++;
    day -= year_start(year);
    while (day >= month_days(year, month))
        day -= month_days(year, month++);
    snprintf(text, RULE_DAY_TEXT, "%04u-%02u-%02u", (unsigned)year % 10000, (unsigned)month % 100,
             (unsigned)(day + 1) % 100);
    return text;
}

int32_t rule_day_of(uint64_t unix_ms)
{
    return (int32_t)(unix_ms / 86400000 % INT32_MAX);
}

unsigned rule_weekday(int32_t day)
{
    return (unsigned)(((day % 7) + 7 + 4) % 7); /* 1970-01-01 was a Thursday */
}

int32_t rule_working_days(int32_t from, int32_t to, unsigned weekend)
{
    int32_t n = 0;
    if (to > from && to - from > 3660)
        to = from + 3660;
    for (int32_t day = from; day <= to; day++)
        n += !(weekend >> rule_weekday(day) & 1);
    return n;
}

bool rule_periods_meet(int32_t a_from, int32_t a_to, int32_t b_from, int32_t b_to)
{
    return a_from <= b_to && b_from <= a_to;
}

/* ---- rentals ---- */

static const char *const status_names[] = {"pending", "confirmed", "active",
                                           "overdue", "completed", "cancelled"};

enum rule_status rule_status(const char *text)
{
    for (unsigned i = 0; text && i < RULE_NO_STATUS; i++)
        if (!strcmp(text, status_names[i]))
            return (enum rule_status)i;
    return RULE_NO_STATUS;
}

const char *rule_status_name(enum rule_status status)
{
    return status < RULE_NO_STATUS ? status_names[status] : "";
}

bool rule_status_may(enum rule_status from, enum rule_status to)
{
    switch (to) {
    case RULE_CONFIRMED:
        return from == RULE_PENDING;
    case RULE_ACTIVE:
        return from == RULE_CONFIRMED;
    case RULE_COMPLETED:
        return from == RULE_ACTIVE || from == RULE_OVERDUE;
    case RULE_CANCELLED:
        return from == RULE_PENDING || from == RULE_CONFIRMED;
    case RULE_PENDING:
    case RULE_OVERDUE:
    case RULE_NO_STATUS:
        break;
    }
    return false;
}

enum rule_status rule_status_by_date(enum rule_status status, int32_t due, int32_t today)
{
    if (status == RULE_ACTIVE && due < today)
        return RULE_OVERDUE;
    if (status == RULE_OVERDUE && due >= today)
        return RULE_ACTIVE;
    return status;
}

int32_t rule_days_overdue(int32_t due, int32_t day)
{
    return due == RULE_NO_DAY || day <= due ? 0 : day - due;
}

static int64_t times(int64_t days, int64_t cents)
{
    int64_t product;
    if (__builtin_mul_overflow(days, cents, &product) || product > MONEY_MAX)
        return MONEY_MAX;
    return product;
}

int64_t rule_owed(const struct rule_rental *rental, int32_t today)
{
    if (rental->status == RULE_PENDING || rental->status >= RULE_CANCELLED)
        return 0;
    bool back = rental->returned != RULE_NO_DAY;
    int32_t end = back && rental->returned < rental->due ? rental->returned : rental->due;
    int64_t agreed = (int64_t)end - rental->start + 1;
    int64_t late = 0;
    if (back)
        late = rule_days_overdue(rental->due, rental->returned);
    else if (rental->status == RULE_ACTIVE || rental->status == RULE_OVERDUE)
        late = rule_days_overdue(rental->due, today);
    int64_t price = times(agreed < 1 ? 1 : agreed, rental->day_rate);
    int64_t extra = times(late * 3, rental->day_rate) / 2;
    return extra > MONEY_MAX - price ? MONEY_MAX : price + extra;
}

enum rule_payment rule_payment(int64_t owed, int64_t paid, int64_t amount)
{
    if (amount <= 0)
        return RULE_PAYMENT_NOTHING;
    return amount > owed - paid ? RULE_PAYMENT_TOO_MUCH : RULE_PAYMENT_OK;
}

bool rule_credit_left(int64_t open, int64_t limit)
{
    return open <= limit;
}

/* ---- equipment ---- */

bool rule_place(double lat, double lon)
{
    return lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180;
}

double rule_distance(double lat, double lon, double other_lat, double other_lon)
{
    const double radian = 3.14159265358979323846 / 180, earth = 6371000;
    double up = sin((other_lat - lat) * radian / 2), along = sin((other_lon - lon) * radian / 2);
    double a = up * up + cos(lat * radian) * cos(other_lat * radian) * along * along;
    return 2 * earth * asin(sqrt(a > 1 ? 1 : a));
}

bool rule_moved(double lat, double lon, double new_lat, double new_lon)
{
    return rule_distance(lat, lon, new_lat, new_lon) >= 20;
}

bool rule_hours_next(int64_t hours, int64_t reported)
{
    return reported >= hours && reported - hours <= 240;
}

bool rule_service_due(int64_t hours, int64_t serviced_at, int64_t every)
{
    return every > 0 && hours - serviced_at >= every;
}

const char *rule_equipment_state(bool out, bool order_open, bool reserved)
{
    if (out)
        return "rented";
    if (order_open)
        return "maintenance";
    return reserved ? "reserved" : "available";
}

/* ---- people ---- */

bool rule_hours_valid(int64_t minutes, int32_t day, int32_t today)
{
    return day != RULE_NO_DAY && day <= today && minutes >= 15 && minutes <= RULE_MOST_MINUTES &&
           minutes % 15 == 0;
}

bool rule_timesheet_may(const char *from, const char *to)
{
    if (!strcmp(to, "submitted"))
        return !strcmp(from, "rejected");
    return !strcmp(from, "submitted") && (!strcmp(to, "approved") || !strcmp(to, "rejected"));
}

int64_t rule_pay(int64_t minutes, int64_t hourly, int64_t *overtime)
{
    int64_t over = minutes > RULE_DAY_MINUTES ? minutes - RULE_DAY_MINUTES : 0;
    if (overtime)
        *overtime = over;
    /* in half minutes, so that half as much again is a whole number */
    int64_t halves = times((minutes - over) * 2 + over * 3, hourly);
    return (halves + 60) / 120;
}

bool rule_leave_may(const char *from, const char *to, int32_t begins, int32_t today)
{
    if (!strcmp(from, "requested"))
        return !strcmp(to, "approved") || !strcmp(to, "rejected") || !strcmp(to, "cancelled");
    return !strcmp(from, "approved") && !strcmp(to, "cancelled") && begins > today;
}

bool rule_leave_counts(const char *kind)
{
    return !strcmp(kind, "annual");
}

bool rule_leave_fits(const char *kind, int32_t days, int32_t entitled, int32_t taken)
{
    if (days < 1)
        return false;
    return !rule_leave_counts(kind) || days <= entitled - taken;
}

/* ---- customers ---- */

int rule_progress(int64_t done, int64_t total)
{
    if (total <= 0 || done >= total)
        return 100;
    return done <= 0 ? 0 : (int)(done * 100 / total);
}

/* ---- everybody ---- */

bool rule_may(const char *role, enum rule_action action)
{
#define MAY(a) (1u << (a))
    static const struct {
        const char *role;
        unsigned may;
    } roles[] = {
        {"MANAGER", ~MAY(RULE_DO_BANK)},
        {"DISPATCHER",
         MAY(RULE_DO_RENTALS) | MAY(RULE_DO_EQUIPMENT) | MAY(RULE_DO_LOCATE) | MAY(RULE_DO_SYNC)},
        {"HR", MAY(RULE_DO_HOURS) | MAY(RULE_DO_PEOPLE) | MAY(RULE_DO_NOTICE)},
        {"TELEMATICS", MAY(RULE_DO_LOCATE)},
        {"TIMECLOCK", MAY(RULE_DO_HOURS)},
        {"CRM", MAY(RULE_DO_SYNC)},
        {"BANK", MAY(RULE_DO_BANK)},
    };
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (!strcmp(role, roles[i].role))
            return roles[i].may & MAY(action);
    return false;
#undef MAY
}

/* How many bytes the character at p has, 0 for none of UTF-8 (RFC 3629). */
static size_t utf8_len(const unsigned char *p)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    size_t len = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || beyond ? 0 : len;
}

/* White space, controls (C0, DEL, C1) and the two line ends of Unicode. */
static bool blank(const unsigned char *p, size_t len)
{
    if (len == 1)
        return p[0] <= ' ' || p[0] == 0x7f;
    if (len == 2)
        return p[0] == 0xc2 && p[1] <= 0xa0;
    return len == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9);
}

bool rule_line(const char *text, char *out, size_t size)
{
    size_t used = 0;
    bool gap = false, full = false;
    out[0] = '\0';
    for (const unsigned char *p = (const unsigned char *)text; p && *p;) {
        size_t len = utf8_len(p);
        if (!len)
            return false;
        if (blank(p, len)) {
            gap = used > 0;
        } else if (!full) {
            full = used + gap + len >= size;
            if (!full) {
                if (gap)
                    out[used++] = ' ';
                memcpy(out + used, p, len);
                used += len;
                gap = false;
            }
        }
        p += len;
    }
    out[used] = '\0';
    return used > 0;
}
