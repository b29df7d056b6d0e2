#include "trips/rules.h"

#include <stddef.h>
#include <string.h>

static const struct {
    int status;
    const char *code, *sentence;
} refusals[] = {
    [TRIPS_FINE] = {200, "", ""},
    [TRIPS_BAD_SEATS] = {400, "BAD_SEATS", "One booking takes 1 to 9 seats."},
    [TRIPS_BAD_NAME] = {400, "BAD_NAME", "A booking needs a name of at most 80 characters."},
    [TRIPS_DEPARTED] = {409, "DEPARTED", "This trip has departed."},
    [TRIPS_HALTED] = {409, "HALTED", "Sales of this trip are halted."},
    [TRIPS_SOLD_OUT] = {409, "SOLD_OUT", "The last seat of this trip has just been sold."},
    [TRIPS_TOO_FEW] = {409, "TOO_FEW_SEATS", "This trip has fewer seats left than that."},
    [TRIPS_REFUNDED] = {409, "ALREADY_REFUNDED", "This booking has been refunded already."},
    [TRIPS_BAD_PLACE] = {400, "BAD_PLACE",
                         "A trip needs two different places of at most 80 characters."},
    [TRIPS_BAD_DEPARTURE] = {400, "BAD_DEPARTURE", "A trip needs a departure still to come."},
    [TRIPS_BAD_CAPACITY] = {400, "BAD_CAPACITY", "A coach has 1 to 120 seats."},
    [TRIPS_BAD_PRICE] = {400, "BAD_PRICE", "A seat costs up to 1000."},
    [TRIPS_HAS_BOOKINGS] = {409, "HAS_BOOKINGS",
                            "This trip has bookings: refund them first, or halt its sales."},
};

int trips_status(enum trips_refusal refusal)
{
    return refusals[refusal].status;
}

const char *trips_code(enum trips_refusal refusal)
{
    return refusals[refusal].code;
}

const char *trips_sentence(enum trips_refusal refusal)
{
    return refusals[refusal].sentence;
}

bool trips_is_text(const char *text)
{
    size_t characters = 0;
    bool seen = false;
    for (; text && *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < ' ' || c == 0x7f)
            return false;
        seen = seen || c != ' ';
        characters += (c & 0xc0) != 0x80; /* not the rest of a character of UTF-8 */
    }
    return seen && characters <= TRIPS_TEXT_MAX;
}

/* The digits at text, or -1. */
static int number(const char *text, size_t digits)
{
    int n = 0;
    for (size_t i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        n = 10 * n + (text[i] - '0');
    }
    return n;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

bool trips_is_moment(const char *text)
{
    if (!text || strlen(text) != 16 || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':')
        return false;
    int year = number(text, 4), month = number(text + 5, 2), day = number(text + 8, 2);
    int hour = number(text + 11, 2), minute = number(text + 14, 2);
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days_of(year, month) &&
           hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59;
}

static bool has_departed(const char *departure, const char *now)
{
    return strcmp(departure, now) <= 0;
}

enum trips_refusal trips_may_sell(const struct trips_trip *trip, int64_t seats, const char *name,
                                  const char *now)
{
    if (seats < 1 || seats > TRIPS_SEATS_A_SALE)
        return TRIPS_BAD_SEATS;
    if (!trips_is_text(name))
        return TRIPS_BAD_NAME;
    if (has_departed(trip->departure, now))
        return TRIPS_DEPARTED;
    if (trip->halted)
        return TRIPS_HALTED;
    if (trip->free <= 0)
        return TRIPS_SOLD_OUT;
    return seats > trip->free ? TRIPS_TOO_FEW : TRIPS_FINE;
}

enum trips_refusal trips_may_refund(const char *status, const char *departure, const char *now)
{
    if (strcmp(status, "paid") != 0)
        return TRIPS_REFUNDED;
    return has_departed(departure, now) ? TRIPS_DEPARTED : TRIPS_FINE;
}

enum trips_refusal trips_may_add(const char *origin, const char *destination, const char *departure,
                                 int64_t capacity, int64_t price_cents, const char *now)
{
    if (!trips_is_text(origin) || !trips_is_text(destination) || strcmp(origin, destination) == 0)
        return TRIPS_BAD_PLACE;
    if (!trips_is_moment(departure) || has_departed(departure, now))
        return TRIPS_BAD_DEPARTURE;
    if (capacity < 1 || capacity > TRIPS_CAPACITY_MAX)
        return TRIPS_BAD_CAPACITY;
    return price_cents < 0 || price_cents > TRIPS_PRICE_MAX ? TRIPS_BAD_PRICE : TRIPS_FINE;
}

enum trips_refusal trips_may_remove(int64_t paid_bookings)
{
    return paid_bookings > 0 ? TRIPS_HAS_BOOKINGS : TRIPS_FINE;
}
