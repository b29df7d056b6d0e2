/* desk.h - the endpoints of the dashboard and the counter. Everything is of the company of whoever
 * is signed in: a trip of another one isn't there (404). On the application's worker.
 *
 *   GET    /api/trips/dashboard[?trips=ID,ID]  {"company", "trips": [...]}, from today on
 *   GET    /api/trips/:id                      {"trip", "bookings": [...]}, the newest 100
 *   POST   /api/trips/:id/bookings             {"name", "seats", "soldAt"}: 201 {"booking", "trip"}
 *   POST   /api/trips/bookings/:booking/refund 200 {"booking", "trip"}
 *   POST   /api/trips/:id/halt                 {"halted"}: 200 {"trip"}
 *   POST   /api/trips                          a new trip: 201 {"trip"}; administrators
 *   DELETE /api/trips/:id                      204; administrators
 *
 * What isn't allowed is answered with a refusal of rules.h. Nothing is published here: the hub sees
 * what was committed. */
#ifndef FRESHET_APPS_TRIPS_DESK_H
#define FRESHET_APPS_TRIPS_DESK_H

#include "host/app.h"

struct trips {
    struct app *app;
    char day[11]; /* that the timetable was made on */
};

/* 0 or -1. */
int trips_desk_routes(struct app *app);

#endif
