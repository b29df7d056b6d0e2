#include "trips/timetable.h"

#include <time.h>

const char *timetable_day(int ahead, char text[DAY_SIZE])
{
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    tm.tm_mday += ahead;
    tm.tm_hour = 12; /* away from the hours that summer time adds and takes */
    tm.tm_isdst = -1;
    mktime(&tm);
    strftime(text, DAY_SIZE, "%Y-%m-%d", &tm);
    return text;
}

const char *timetable_now(char text[MOMENT_SIZE])
{
    time_t now = time(NULL);
    struct tm tm;
    localtime_r(&now, &tm);
    strftime(text, MOMENT_SIZE, "%Y-%m-%dT%H:%M", &tm);
    return text;
}

/* The first days have short ids, nw-101 and nw-201; later ones carry their date, nw-0124-01. */
static int add_day(struct db *db, const char *day, int64_t nth)
{
    static const char sql[] =
        "insert into trips (id, company_id, origin, destination, departs_at, capacity,"
        " available_slots, price_cents)"
        " select substr(l.line, 1, 3) || case when $2 > 0 then cast($2 as text)"
        "   else substr($1, 6, 2) || substr($1, 9, 2) || '-' end || substr(l.line, 4),"
        "  l.company_id, l.origin, l.destination, $1 || 'T' || l.leaves, l.capacity, l.capacity,"
        "  l.price_cents"
        " from lines l where not exists (select 1 from trips t where t.company_id = l.company_id"
        "  and t.origin = l.origin and t.destination = l.destination"
        "  and t.departs_at = $1 || 'T' || l.leaves)"
        " on conflict do nothing";
    return db_run(db, sql, "si", day, nth) < 0 ? -1 : 0;
}

static int add_bookings(struct db *db, const char *day, int64_t nth)
{
    static const char sql[] =
        "with recursive each_one (i) as ("
        "  select 1 union all select i + 1 from each_one where i < 40"
        "), people (p, name) as (values"
        "  (0, 'A. Marsh'), (1, 'B. Oduya'), (2, 'C. Lindqvist'), (3, 'D. Kaya'), (4, 'E. Romero'),"
        "  (5, 'F. Tanaka'), (6, 'G. Novak'), (7, 'H. Byrne'), (8, 'I. Santos'), (9, 'J. Weiss'),"
        "  (10, 'K. Abebe'))"
        " insert into bookings (trip_id, name, seats, sold_at)"
        " select t.id, p.name, 1 + (i * 5 % 3 + i % 2 * 2) % 3,"
        "  case when i % 3 = 0 then 'online' else 'counter' end"
        " from lines l join trips t on t.departs_at = $1 || 'T' || l.leaves"
        "   and t.company_id = l.company_id and t.origin = l.origin and t.destination = "
        "l.destination"
        " join each_one on i <= l.demand / $2"
        " join people p on p.p = (i * 7 + l.demand) % 11";
    return db_run(db, sql, "si", day, nth) < 0 ? -1 : 0;
}

static int extend(struct db *db)
{
    char day[DAY_SIZE];
    bool fresh = db_int(db, 1, "select count(*) from trips", "") == 0;
    for (int i = 0; i < TIMETABLE_DAYS; i++) {
        timetable_day(i, day);
        if (add_day(db, day, fresh ? i + 1 : 0) || (fresh && add_bookings(db, day, i + 1)))
            return -1;
    }
    return fresh && db_run(db, "update trips set booking_halted = true where id = 'nw-205'", "") < 0
               ? -1
               : 0;
}

int timetable_extend(struct db *db)
{
    if (db_begin(db))
        return -1;
    if (extend(db) || db_commit(db)) {
        db_rollback(db);
        return -1;
    }
    return 0;
}

/* Only ids and counts travel: what else there is to a trip, a page fetches. */
#define WATCHED                                                                                    \
    "select t.id, t.company_id as company, t.available_slots as \"availableSlots\","               \
    " t.booking_halted as \"bookingHalted\","                                                      \
    " (select count(*) from bookings b where b.trip_id = t.id and b.status = 'paid')"              \
    " as \"bookingsCount\" from trips t where t.departs_at >= "

int timetable_watch(struct app *app, char *why, size_t why_size)
{
    bool postgres = db_is_postgres(app_db(app));
    struct freshet_source source = {.name = "trips",
                                    .type = postgres ? "postgres" : "sqlite",
                                    .database = app_db_where(app),
                                    .query = postgres ? WATCHED
                                                 "to_char(localtimestamp, 'YYYY-MM-DD')"
                                                      : WATCHED "date('now', 'localtime')",
                                    .key = "id",
                                    .tenant_column = "company",
                                    .channel = "trips",
                                    .every_ms = postgres ? 3000 : 20,
                                    .listen = postgres ? "trips_changed" : NULL,
                                    .added = "trip-added",
                                    .changed = "trip-updated",
                                    .removed = "trip-removed"};
    return freshet_source_add(app_hub(app), &source, why, why_size) ? -1 : 0;
}
