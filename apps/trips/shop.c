#include "trips/shop.h"

#include <stdio.h>
#include <string.h>

static const char *const names[] = {"L. Archer", "M. Bello", "N. Costa",  "O. Dahl", "P. Ekman",
                                    "Q. Farah",  "R. Grant", "S. Haddad", "T. Ito",  "U. Jansen",
                                    "V. Kumar",  "W. Lopes", "X. Meyer",  "Y. Nagy", "Z. Okafor"};

static int64_t whole(const json_t *row, const char *name)
{
    return json_integer_value(json_object_get(row, name));
}

static const char *text(const json_t *row, const char *name)
{
    const char *value = json_string_value(json_object_get(row, name));
    return value ? value : "";
}

static void book(struct world *w, const char *login, const json_t *trip)
{
    char path[160];
    snprintf(path, sizeof path, "/api/trips/%s/bookings", text(trip, "id"));
    json_t *body =
        json_pack("{s:s, s:i}", "name", names[world_below(w, sizeof names / sizeof *names)],
                  "seats", 1 + (int)world_below(w, 3));
    json_decref(world_send(w, login, "POST", path, body, NULL));
}

/* One of the paid bookings is given back. */
static void refund(struct world *w, const char *login, const json_t *trip)
{
    char path[160];
    snprintf(path, sizeof path, "/api/trips/%s", text(trip, "id"));
    json_t *whole_trip = world_send(w, login, "GET", path, NULL, NULL);
    const json_t *bookings = json_object_get(whole_trip, "bookings");
    size_t count = json_array_size(bookings);
    const json_t *one = count ? json_array_get(bookings, world_below(w, (unsigned)count)) : NULL;
    if (one && strcmp(text(one, "status"), "paid") == 0) {
        snprintf(path, sizeof path, "/api/trips/bookings/%lld/refund", (long long)whole(one, "id"));
        json_decref(world_send(w, login, "POST", path, json_object(), NULL));
    }
    json_decref(whole_trip);
}

static void halt(struct world *w, const char *login, const json_t *trip, bool halted)
{
    char path[160];
    snprintf(path, sizeof path, "/api/trips/%s/halt", text(trip, "id"));
    json_decref(world_send(w, login, "POST", path, json_pack("{s:b}", "halted", halted), NULL));
}

/* The emptier a trip, the likelier it is booked; the fuller, the likelier somebody gives back. */
static void act(struct world *w, const char *shop, const char *counter, const json_t *trip)
{
    double free = (double)whole(trip, "availableSlots") / (double)whole(trip, "capacity");
    if (json_is_true(json_object_get(trip, "bookingHalted"))) {
        if (world_below(w, 4) == 0)
            halt(w, counter, trip, false);
    } else if (world_below(w, 50) == 0) {
        halt(w, counter, trip, true);
    } else if (world_random(w) < 0.15 + free) {
        book(w, world_below(w, 2) ? shop : counter, trip);
    } else {
        refund(w, counter, trip);
    }
}

void shop_play(struct world *w, void *memory)
{
    static const char *const logins[][2] = {{"northway-shop", "northway-counter"},
                                            {"lakeline-shop", "lakeline-counter"}};
    (void)memory;
    const char *const *who = logins[world_below(w, 2)];
    json_t *all = world_send(w, who[0], "GET", "/api/trips/dashboard", NULL, NULL);
    const json_t *trips = json_object_get(all, "trips");
    size_t count = json_array_size(trips);
    const json_t *trip = count ? json_array_get(trips, world_below(w, (unsigned)count)) : NULL;
    if (trip && whole(trip, "capacity") > 0)
        act(w, who[0], who[1], trip);
    json_decref(all);
}
