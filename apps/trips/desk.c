#include "trips/desk.h"
#include "trips/rules.h"
#include "trips/timetable.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIP                                                                                       \
    "select t.id, t.origin, t.destination, t.departs_at as departure, t.capacity,"                 \
    " t.available_slots as \"availableSlots\", t.booking_halted as \"bookingHalted?\","            \
    " t.price_cents as \"priceCents\","                                                            \
    " (select count(*) from bookings b where b.trip_id = t.id and b.status = 'paid')"              \
    " as \"bookingsCount\" from trips t "
#define BOOKING                                                                                    \
    "id, trip_id as \"tripId\", name, seats, sold_at as \"soldAt\", status, "                      \
    "booked_at as \"bookedAt\""
/* $1 company, $2 first day, $3 chosen trips with commas, or "" */
#define SHOWN                                                                                      \
    "where t.company_id = $1 and t.departs_at >= $2"                                               \
    " and (cast($3 as text) = '' or ',' || cast($3 as text) || ',' like '%,' || t.id || ',%') "

static void broken(struct trips *t, struct app_request *r)
{
    app_log(t->app, FRESHET_LOG_ERROR, "database: %s", db_error(app_db(t->app)));
    app_fail(r, 500, "INTERNAL", "The database could not do that. Nothing was changed.");
}

static void refuse(struct app_request *r, enum trips_refusal refusal)
{
    app_fail(r, trips_status(refusal), trips_code(refusal), "%s", trips_sentence(refusal));
}

static void no_such(struct app_request *r, const char *what)
{
    app_fail(r, 404, "NOT_FOUND", "There is no such %s in this company.", what);
}

static bool has_role(struct app_request *r, const char *role)
{
    return strcmp(app_who(r)->role, role) == 0;
}

/* Selling over the counter, refunding and halting are for people at desks, not for the web shop. */
static bool is_staff(struct app_request *r)
{
    if (has_role(r, "admin") || has_role(r, "cashier"))
        return true;
    app_fail(r, 403, "FORBIDDEN", "This is for the company's cashiers and administrators.");
    return false;
}

static bool is_admin(struct app_request *r)
{
    if (has_role(r, "admin"))
        return true;
    app_fail(r, 403, "FORBIDDEN", "This is for the company's administrators.");
    return false;
}

static const char *text_of(const json_t *body, const char *name)
{
    return json_string_value(json_object_get(body, name));
}

/* A whole number of the body, `otherwise` when it isn't given; INT64_MIN when it is something else.
 */
static int64_t whole_of(const json_t *body, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(body, name);
    return !value ? otherwise : json_is_integer(value) ? json_integer_value(value) : INT64_MIN;
}

/* Returns new: the trip of that company as pages show it; NULL when there is none. */
static json_t *find_trip(struct db *db, const char *company, const char *id)
{
    return db_row(db, TRIP "where t.company_id = $1 and t.id = $2", "ss", company, id);
}

static json_t *company_of(struct db *db, const char *id)
{
    json_t *row = db_row(db, "select id, name from companies where id = $1", "s", id);
    return row ? row : json_pack("{s:s, s:s}", "id", id, "name", id);
}

static void on_dashboard(void *state, struct app_request *r)
{
    struct trips *t = state;
    struct db *db = app_db(t->app);
    const struct app_who *who = app_who(r);
    const char *chosen = app_query(r, "trips");
    char day[DAY_SIZE];
    timetable_day(0, day);
    json_t *trips = db_rows(db, TRIP SHOWN "order by t.departs_at, t.id", "sss", who->tenant, day,
                            chosen ? chosen : "");
    if (!trips) {
        broken(t, r);
        return;
    }
    app_reply(r, 200,
              json_pack("{s:o, s:o}", "company", company_of(db, who->tenant), "trips", trips));
}

static void on_trip(void *state, struct app_request *r)
{
    struct trips *t = state;
    struct db *db = app_db(t->app);
    const char *id = app_param(r, "id");
    json_t *trip = find_trip(db, app_who(r)->tenant, id);
    if (!trip) {
        no_such(r, "trip");
        return;
    }
    json_t *bookings = db_rows(db,
                               "select " BOOKING " from bookings where trip_id = $1"
                               " order by id desc limit 100",
                               "s", id);
    if (!bookings) {
        json_decref(trip);
        broken(t, r);
        return;
    }
    app_reply(r, 200, json_pack("{s:o, s:o}", "trip", trip, "bookings", bookings));
}

/* ---- what changes something: a transaction each ---- */

/* Ends the transaction and answers: with the booking (taken over; may be NULL) and the trip as it
 * is now. */
static void settle(struct trips *t, struct app_request *r, int status, const char *trip_id,
                   json_t *booking)
{
    struct db *db = app_db(t->app);
    json_t *trip = find_trip(db, app_who(r)->tenant, trip_id);
    if (!trip || db_commit(db)) {
        db_rollback(db);
        json_decref(trip);
        json_decref(booking);
        broken(t, r);
        return;
    }
    json_t *body = json_pack("{s:o}", "trip", trip);
    if (booking)
        json_object_set_new(body, "booking", booking);
    app_reply(r, status, body);
}

/* Begins a transaction and reads the trip. NULL: there is none, and the request is answered. */
static json_t *begin_with(struct trips *t, struct app_request *r, const char *id)
{
    struct db *db = app_db(t->app);
    if (db_begin(db)) {
        broken(t, r);
        return NULL;
    }
    json_t *trip = find_trip(db, app_who(r)->tenant, id);
    if (!trip) {
        db_rollback(db);
        no_such(r, "trip");
    }
    return trip;
}

/* Rolls back after a statement that failed: a constraint means that somebody was faster. */
static void lost(struct trips *t, struct app_request *r, enum trips_refusal refusal)
{
    struct db *db = app_db(t->app);
    db_rollback(db);
    if (db_was_constraint(db))
        refuse(r, refusal);
    else
        broken(t, r);
}

static enum trips_refusal may_sell(const json_t *trip, int64_t seats, const char *name)
{
    char now[MOMENT_SIZE];
    struct trips_trip as = {.capacity = json_integer_value(json_object_get(trip, "capacity")),
                            .free = json_integer_value(json_object_get(trip, "availableSlots")),
                            .halted = json_is_true(json_object_get(trip, "bookingHalted")),
                            .departure = text_of(trip, "departure")};
    return trips_may_sell(&as, seats, name, timetable_now(now));
}

static void on_sell(void *state, struct app_request *r)
{
    struct trips *t = state;
    struct db *db = app_db(t->app);
    json_t *body = app_body(r);
    if (!body)
        return;
    const char *id = app_param(r, "id"), *name = text_of(body, "name");
    const char *where = has_role(r, "online") ? "online" : text_of(body, "soldAt");
    int64_t seats = whole_of(body, "seats", 1);
    if (where && strcmp(where, "online") != 0 && strcmp(where, "counter") != 0) {
        app_fail(r, 400, "BAD_REQUEST", "soldAt is counter or online.");
        return;
    }
    json_t *trip = begin_with(t, r, id);
    if (!trip)
        return;
    enum trips_refusal refusal = may_sell(trip, seats, name);
    json_decref(trip);
    if (refusal) {
        db_rollback(db);
        refuse(r, refusal);
        return;
    }
    json_t *booking = db_row(db,
                             "insert into bookings (trip_id, name, seats, sold_at)"
                             " values ($1, $2, $3, $4) returning " BOOKING,
                             "ssis", id, name, seats, where ? where : "counter");
    if (booking)
        settle(t, r, 201, id, booking);
    else
        lost(t, r, seats == 1 ? TRIPS_SOLD_OUT : TRIPS_TOO_FEW);
}

/* The number of a path's segment, or -1. */
static int64_t number_of(const char *text)
{
    char *end;
    errno = 0;
    long long n = text && text[0] >= '0' && text[0] <= '9' ? strtoll(text, &end, 10) : -1;
    return n < 0 || errno || *end ? -1 : n;
}

static void on_refund(void *state, struct app_request *r)
{
    struct trips *t = state;
    struct db *db = app_db(t->app);
    char now[MOMENT_SIZE];
    int64_t number = number_of(app_param(r, "booking"));
    if (!is_staff(r))
        return;
    if (db_begin(db)) {
        broken(t, r);
        return;
    }
    json_t *old = db_row(db,
                         "select b.status, b.trip_id as trip, t.departs_at as departure"
                         " from bookings b join trips t on t.id = b.trip_id"
                         " where b.id = $1 and t.company_id = $2",
                         "is", number, app_who(r)->tenant);
    enum trips_refusal refusal =
        old ? trips_may_refund(text_of(old, "status"), text_of(old, "departure"),
                               timetable_now(now))
            : TRIPS_FINE;
    if (!old || refusal) {
        db_rollback(db);
        if (old)
            refuse(r, refusal);
        else
            no_such(r, "booking");
        json_decref(old);
        return;
    }
    json_t *booking = db_row(db,
                             "update bookings set status = 'refunded' where id = $1"
                             " and status = 'paid' returning " BOOKING,
                             "i", number);
    if (booking)
        settle(t, r, 200, text_of(old, "trip"), booking);
    else
        lost(t, r, TRIPS_REFUNDED);
    json_decref(old);
}

static void on_halt(void *state, struct app_request *r)
{
    struct trips *t = state;
    const char *id = app_param(r, "id");
    json_t *body = is_staff(r) ? app_body(r) : NULL;
    if (!body)
        return;
    const json_t *halted = json_object_get(body, "halted");
    if (!json_is_boolean(halted)) {
        app_fail(r, 400, "BAD_REQUEST", "halted is true or false.");
        return;
    }
    json_t *trip = begin_with(t, r, id);
    if (!trip)
        return;
    json_decref(trip);
    if (db_run(app_db(t->app),
               json_is_true(halted) ? "update trips set booking_halted = true where id = $1"
                                    : "update trips set booking_halted = false where id = $1",
               "s", id) < 0)
        lost(t, r, TRIPS_FINE);
    else
        settle(t, r, 200, id, NULL);
}

/* An id that isn't taken: the company's letters, the departure's date and a number. */
static void name_trip(struct db *db, const char *company, const char *departure, char *id,
                      size_t size)
{
    char letters[3] = "tr";
    json_t *line = db_row(
        db, "select substr(line, 1, 2) as letters from lines where company_id = $1", "s", company);
    const char *known = text_of(line, "letters");
    if (known && strlen(known) == 2)
        memcpy(letters, known, 2);
    json_decref(line);
    for (int n = 1; n < 1000; n++) {
        snprintf(id, size, "%s-%.2s%.2s-x%d", letters, departure + 5, departure + 8, n);
        if (db_int(db, 1, "select count(*) from trips where id = $1", "s", id) == 0)
            return;
    }
}

static void on_add(void *state, struct app_request *r)
{
    struct trips *t = state;
    struct db *db = app_db(t->app);
    const struct app_who *who = app_who(r);
    json_t *body = is_admin(r) ? app_body(r) : NULL;
    if (!body)
        return;
    const char *origin = text_of(body, "origin"), *destination = text_of(body, "destination");
    const char *departure = text_of(body, "departure");
    int64_t capacity = whole_of(body, "capacity", 49), price = whole_of(body, "priceCents", 0);
    char now[MOMENT_SIZE], id[32];
    enum trips_refusal refusal =
        trips_may_add(origin, destination, departure, capacity, price, timetable_now(now));
    if (refusal) {
        refuse(r, refusal);
        return;
    }
    if (db_begin(db)) {
        broken(t, r);
        return;
    }
    name_trip(db, who->tenant, departure, id, sizeof id);
    if (db_run(db,
               "insert into trips (id, company_id, origin, destination, departs_at, capacity,"
               " available_slots, price_cents) values ($1, $2, $3, $4, $5, $6, $6, $7)",
               "sssssii", id, who->tenant, origin, destination, departure, capacity, price) < 0)
        lost(t, r, TRIPS_BAD_PLACE);
    else
        settle(t, r, 201, id, NULL);
}

static void on_remove(void *state, struct app_request *r)
{
    struct trips *t = state;
    struct db *db = app_db(t->app);
    const char *id = app_param(r, "id");
    json_t *trip = is_admin(r) ? begin_with(t, r, id) : NULL;
    if (!trip)
        return;
    enum trips_refusal refusal =
        trips_may_remove(json_integer_value(json_object_get(trip, "bookingsCount")));
    json_decref(trip);
    if (refusal) {
        db_rollback(db);
        refuse(r, refusal);
    } else if (db_run(db, "delete from trips where id = $1", "s", id) < 0 || db_commit(db)) {
        lost(t, r, TRIPS_HAS_BOOKINGS);
    } else {
        app_reply(r, 204, NULL);
    }
}

int trips_desk_routes(struct app *app)
{
    static const struct {
        const char *method, *path;
        app_handler handler;
    } routes[] = {
        {"GET", "/api/trips/dashboard", on_dashboard},
        {"GET", "/api/trips/:id", on_trip},
        {"POST", "/api/trips/:id/bookings", on_sell},
        {"POST", "/api/trips/bookings/:booking/refund", on_refund},
        {"POST", "/api/trips/:id/halt", on_halt},
        {"POST", "/api/trips", on_add},
        {"DELETE", "/api/trips/:id", on_remove},
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (app_route(app, routes[i].method, routes[i].path, APP_PRIVATE, routes[i].handler))
            return -1;
    return 0;
}
