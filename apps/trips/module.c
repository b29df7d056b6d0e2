/* The trips of two bus companies: a dashboard for their administrators, a portal for their
 * cashiers. What is sold is committed to the database; the hub, which watches it, tells the pages.
 */
#include "trips/desk.h"
#include "trips/shop.h"
#include "trips/timetable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const follows[] = {"trips", "timetable", NULL};

static const struct app_login logins[] = {
    {.id = "northway-admin",
     .name = "Northway office",
     .tenant = "northway",
     .role = "admin",
     .password = "aldbrook",
     .subscribe = follows,
     .admin = true},
    {.id = "northway-cashier",
     .name = "Northway counter 2",
     .tenant = "northway",
     .role = "cashier",
     .password = "hartsmere",
     .subscribe = follows},
    {.id = "lakeline-admin",
     .name = "Lakeline office",
     .tenant = "lakeline",
     .role = "admin",
     .password = "sorrel",
     .subscribe = follows,
     .admin = true},
    {.id = "lakeline-cashier",
     .name = "Lakeline kiosk",
     .tenant = "lakeline",
     .role = "cashier",
     .password = "dunmoor",
     .subscribe = follows},
    /* the world */
    {.id = "northway-shop", .name = "Web shop", .tenant = "northway", .role = "online"},
    {.id = "northway-counter", .name = "Counter 1", .tenant = "northway", .role = "cashier"},
    {.id = "lakeline-shop", .name = "Web shop", .tenant = "lakeline", .role = "online"},
    {.id = "lakeline-counter", .name = "Counter 1", .tenant = "lakeline", .role = "cashier"},
    {0},
};

/* Once a day, and for a database that has just been made or put in the place of another. */
static int extend(struct trips *t)
{
    timetable_day(0, t->day);
    if (timetable_extend(app_db(t->app)) == 0)
        return 0;
    app_log(t->app, FRESHET_LOG_ERROR, "no trips were made: %s", db_error(app_db(t->app)));
    return -1;
}

static int open_trips(struct app *app, void **state, char *why, size_t why_size)
{
    struct trips *t = calloc(1, sizeof *t);
    snprintf(why, why_size, "out of memory");
    if (!t)
        return -1;
    *state = t;
    t->app = app;
    if (extend(t)) {
        snprintf(why, why_size, "%s", db_error(app_db(app)));
        return -1;
    }
    snprintf(why, why_size, "one of its paths is taken");
    return trips_desk_routes(app) || timetable_watch(app, why, why_size) ? -1 : 0;
}

static void close_trips(void *state)
{
    free(state);
}

static void tick(void *state, uint64_t now_ms)
{
    struct trips *t = state;
    char day[DAY_SIZE];
    (void)now_ms;
    if (strcmp(timetable_day(0, day), t->day) != 0)
        extend(t);
}

/* The hub has noticed by itself what changed of ids and counts; names and prices it doesn't know.
 */
static void replaced(void *state)
{
    static const char *const companies[] = {"northway", "lakeline"};
    struct trips *t = state;
    extend(t);
    for (size_t i = 0; i < sizeof companies / sizeof *companies; i++)
        app_publish(t->app, &(struct app_event){.tenant = companies[i],
                                                .channel = "timetable",
                                                .type = "timetable-changed",
                                                .key = "timetable",
                                                .data = json_object()});
}

static int64_t number(void *state, const char **label)
{
    struct trips *t = state;
    char day[DAY_SIZE];
    *label = "seats free in three days";
    return db_int(app_db(t->app), 0,
                  "select sum(available_slots) from trips where departs_at >= $1", "s",
                  timetable_day(0, day));
}

const struct app_def app_trips = {
    .name = "trips",
    .title = "Bus trips",
    .sentence = "A seat sold at the counter is gone from the office’s screen before the ticket is"
                " printed; two companies share the system and never see each other.",
    .logins = logins,
    .open = open_trips,
    .close = close_trips,
    .tick = tick,
    .replaced = replaced,
    .number = number,
    .play = shop_play,
    .rate = 1,
};
