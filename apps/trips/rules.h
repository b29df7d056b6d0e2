/* rules.h - what a bus company allows: selling, refunding, halting, and how a trip must be
 * described.
 *
 * Pure: time and rows are arguments, nothing is kept. Times are the company's local times as texts,
 * "2026-01-21T09:30", which compare as they are written. */
#ifndef FRESHET_APPS_TRIPS_RULES_H
#define FRESHET_APPS_TRIPS_RULES_H

#include <stdbool.h>
#include <stdint.h>

#define TRIPS_SEATS_A_SALE 9 /* at most, in one booking */
#define TRIPS_CAPACITY_MAX 120
#define TRIPS_PRICE_MAX 100000 /* cents */
#define TRIPS_TEXT_MAX 80      /* characters of a name or place */

enum trips_refusal {
    TRIPS_FINE,
    TRIPS_BAD_SEATS, /* none, or more than one sale may take */
    TRIPS_BAD_NAME,
    TRIPS_DEPARTED,
    TRIPS_HALTED,
    TRIPS_SOLD_OUT,
    TRIPS_TOO_FEW, /* some seats are free, but not so many */
    TRIPS_REFUNDED,
    TRIPS_BAD_PLACE,
    TRIPS_BAD_DEPARTURE,
    TRIPS_BAD_CAPACITY,
    TRIPS_BAD_PRICE,
    TRIPS_HAS_BOOKINGS
};

/* What the answer says: the HTTP status, a code and a sentence. Static memory. */
int trips_status(enum trips_refusal refusal);
const char *trips_code(enum trips_refusal refusal);
const char *trips_sentence(enum trips_refusal refusal);

/* A trip as the database has it now. */
struct trips_trip {
    int64_t capacity, free;
    bool halted;
    const char *departure;
};

/* Whether `seats` may be sold to `name` (NULL: none given) at the time `now`. */
enum trips_refusal trips_may_sell(const struct trips_trip *trip, int64_t seats, const char *name,
                                  const char *now);

/* Whether a booking with that status ("paid", "refunded") of a trip may be given back. */
enum trips_refusal trips_may_refund(const char *status, const char *departure, const char *now);

/* Whether a trip may be put on sale as described. Texts NULL: not given. */
enum trips_refusal trips_may_add(const char *origin, const char *destination, const char *departure,
                                 int64_t capacity, int64_t price_cents, const char *now);

/* Only what nobody has booked may be taken off. */
enum trips_refusal trips_may_remove(int64_t paid_bookings);

/* Some text that isn't only spaces, of at most TRIPS_TEXT_MAX characters, without control
 * characters. */
bool trips_is_text(const char *text);

/* "2026-01-21T09:30": a day of the calendar and a time of the day. */
bool trips_is_moment(const char *text);

#endif
