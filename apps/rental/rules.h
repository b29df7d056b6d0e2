/* rules.h - what an equipment rental company goes by: dates and states of rentals, what they cost,
 * service intervals, hours and pay, leave, and who may do what.
 *
 * Pure: time is an argument, nothing is read or written, nothing is kept. A day is a number, days
 * since 1970-01-01; money is whole cents; working time is whole minutes; engine hours are tenths of
 * an hour. All functions may be called from any thread. */
#ifndef FRESHET_APPS_RENTAL_RULES_H
#define FRESHET_APPS_RENTAL_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULE_NO_DAY INT32_MIN /* no day: not returned yet, no text of a date */
#define RULE_DAY_TEXT 11      /* bytes of "2026-01-21" and its end */

/* ---- days ---- */

/* "2026-01-21", a real day of 1970 to 9999, else RULE_NO_DAY. NULL is none. */
int32_t rule_day(const char *text);
/* Into text (RULE_DAY_TEXT bytes); "" for RULE_NO_DAY. Returns text. */
const char *rule_day_text(int32_t day, char *text);
/* The UTC day of a unix time. */
int32_t rule_day_of(uint64_t unix_ms);
/* 0 Sunday to 6 Saturday. */
unsigned rule_weekday(int32_t day);
/* How many days from `from` to `to`, both included, aren't in `weekend` (bit 0: Sunday). 0 when
 * they are the wrong way round. At most ten years are looked at. */
int32_t rule_working_days(int32_t from, int32_t to, unsigned weekend);
/* Whether two periods, ends included, have a day in common. */
bool rule_periods_meet(int32_t a_from, int32_t a_to, int32_t b_from, int32_t b_to);

/* ---- rentals ---- */

enum rule_status {
    RULE_PENDING,
    RULE_CONFIRMED,
    RULE_ACTIVE,
    RULE_OVERDUE,
    RULE_COMPLETED,
    RULE_CANCELLED,
    RULE_NO_STATUS
};

enum rule_status rule_status(const char *text); /* NULL or unknown: RULE_NO_STATUS */
const char *rule_status_name(enum rule_status status);

/* Whether somebody may move a rental so: pending to confirmed, confirmed to active (handed over),
 * active and overdue to completed (returned), pending and confirmed to cancelled. Nobody can make
 * one overdue: dates do. */
bool rule_status_may(enum rule_status from, enum rule_status to);
/* What dates make of it: active past its due day is overdue, overdue with a due day to come is
 * active again, all else stays. */
enum rule_status rule_status_by_date(enum rule_status status, int32_t due, int32_t today);
/* Whole days past due on `day`; 0 when there are none. */
int32_t rule_days_overdue(int32_t due, int32_t day);

struct rule_rental {
    enum rule_status status;
    int32_t start, due, returned; /* returned: RULE_NO_DAY until then */
    int64_t day_rate;             /* cents */
};

/* What the customer owes for it by `today`, before payments, in cents. The days agreed on, both
 * ends included; fewer when it came back early (at least one); each day late costs half as much
 * again. Nothing while pending or once cancelled. A price beyond 2^62 is that. */
int64_t rule_owed(const struct rule_rental *rental, int32_t today);

enum rule_payment { RULE_PAYMENT_OK, RULE_PAYMENT_NOTHING, RULE_PAYMENT_TOO_MUCH };
/* An amount is positive and at most what is still open. */
enum rule_payment rule_payment(int64_t owed, int64_t paid, int64_t amount);

/* A customer may rent more while what is open is within the credit limit. */
bool rule_credit_left(int64_t open, int64_t limit);

/* ---- equipment ---- */

/* A place on earth, in degrees. NaN is none. */
bool rule_place(double lat, double lon);
/* Metres between two places, on a sphere. */
double rule_distance(double lat, double lon, double other_lat, double other_lon);
/* Whether a report is worth telling: it moved by 20 m or more. Receivers wander by less. */
bool rule_moved(double lat, double lon, double new_lat, double new_lon);
/* Hours never run backwards, and no faster than a report allows: 24 in a day is 240 tenths. */
bool rule_hours_next(int64_t hours, int64_t reported);
/* Whether the interval since the last service is used up. */
bool rule_service_due(int64_t hours, int64_t serviced_at, int64_t every);
/* "rented", "maintenance", "reserved" or "available". What is out stays rented although an order
 * is open; it goes to the workshop when it is back. */
const char *rule_equipment_state(bool out, bool order_open, bool reserved);

/* ---- people ---- */

#define RULE_DAY_MINUTES 480  /* beyond, an hour counts one and a half times */
#define RULE_MOST_MINUTES 960 /* of one day */

/* Quarter hours, at least one, at most sixteen hours, and not of a day to come. */
bool rule_hours_valid(int64_t minutes, int32_t day, int32_t today);
/* submitted to approved or rejected, rejected to submitted. Only payroll makes one paid. */
bool rule_timesheet_may(const char *from, const char *to);
/* What one day's minutes earn at this rate a hour, in cents, half a cent up; *overtime (may be
 * NULL) is the minutes beyond RULE_DAY_MINUTES. */
int64_t rule_pay(int64_t minutes, int64_t hourly, int64_t *overtime);

/* requested to approved, rejected or cancelled; approved to cancelled while it hasn't begun. */
bool rule_leave_may(const char *from, const char *to, int32_t begins, int32_t today);
/* Whether leave of this kind is taken from the year's days: annual is; sick and unpaid aren't. */
bool rule_leave_counts(const char *kind);
/* Whether that many working days may be asked for. A request of none is none. */
bool rule_leave_fits(const char *kind, int32_t days, int32_t entitled, int32_t taken);

/* ---- customers ---- */

/* 0 to 100 of a run's records; 100 only when all are there. */
int rule_progress(int64_t done, int64_t total);

/* ---- everybody ---- */

enum rule_action {
    RULE_DO_RENTALS,   /* make them, move them, take payments */
    RULE_DO_BANK,      /* report a payment that arrived */
    RULE_DO_EQUIPMENT, /* report defects, finish orders */
    RULE_DO_LOCATE,    /* report places and hours */
    RULE_DO_HOURS,     /* hand in timesheets and leave requests */
    RULE_DO_PEOPLE,    /* decide on them, run payroll */
    RULE_DO_SYNC,      /* bring customers in */
    RULE_DO_NOTICE     /* tell everybody something */
};

bool rule_may(const char *role, enum rule_action action);

/* Copies text into out (size bytes, at least 1) as one line: control characters and white space
 * become single spaces, none at the ends; cut at a character's end. False when it wasn't valid
 * UTF-8, or nothing was left. NULL is nothing. */
bool rule_line(const char *text, char *out, size_t size);

#endif
