/* fleet.c - equipment: where it is, how long it has run, and the workshop's orders. */
#include "rental/rental.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define OF_EQUIPMENT                                                                               \
    "select e.id, e.code, e.name, e.category, e.day_rate, e.site, e.lat, e.lon, e.located_at, "    \
    "e.hours, e.service_every, e.serviced_at, r.id as rental_id, r.due_on, r.status as "           \
    "rental_status, c.name as customer, exists (select 1 from orders o where o.equipment_id = "    \
    "e.id and o.status = 'open') as \"order_open?\", exists (select 1 from rentals f where "       \
    "f.equipment_id = e.id and f.status = 'confirmed') as \"reserved?\" from equipment e "         \
    "left join rentals r on r.equipment_id = e.id and r.status in ('active', 'overdue') "          \
    "left join customers c on c.id = r.customer_id where e.tenant = $1 "

/* A row's state, by the rules, in place of what it follows from. */
static void finish(json_t *row)
{
    bool out = rental_number(row, "rental_id") > 0;
    bool order = json_is_true(json_object_get(row, "order_open"));
    bool reserved = json_is_true(json_object_get(row, "reserved"));
    json_object_set_new(row, "state", json_string(rule_equipment_state(out, order, reserved)));
    json_object_set_new(row, "hours_left",
                        json_integer(rental_number(row, "serviced_at") +
                                     rental_number(row, "service_every") -
                                     rental_number(row, "hours")));
    json_object_del(row, "reserved");
}

static json_t *one(struct rental *s, const char *tenant, int64_t id)
{
    json_t *row = db_row(s->db, OF_EQUIPMENT "and e.id = $2", "si", tenant, id);
    if (row)
        finish(row);
    return row;
}

static void list(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant;
    json_t *rows = db_rows(s->db, OF_EQUIPMENT "order by e.category, e.code", "s", tenant), *row;
    json_t *orders = db_rows(s->db,
                             "select o.id, o.equipment_id, o.kind, o.description, o.status, "
                             "o.opened_at, o.opened_by, o.done_at, o.done_by, e.name || ' ' || "
                             "e.code as equipment from orders o join equipment e on e.id = "
                             "o.equipment_id where o.tenant = $1 order by o.status desc, "
                             "coalesce(o.done_at, o.opened_at) desc limit 100",
                             "s", tenant);
    json_t *yard =
        db_row(s->db, "select yard as name, lat, lon from companies where id = $1", "s", tenant);
    size_t i;
    json_array_foreach(rows, i, row) finish(row);
    if (rows && orders) {
        app_reply(r, 200,
                  json_pack("{s:o, s:o, s:o?}", "equipment", rows, "orders", orders, "yard", yard));
        return;
    }
    json_decref(rows);
    json_decref(orders);
    json_decref(yard);
    rental_broken(s, r);
}

static void name_of(const json_t *row, char *out, size_t size)
{
    snprintf(out, size, "%s %s", rental_text(row, "name"), rental_text(row, "code"));
}

/* ---- where it is ---- */

struct report {
    double lat, lon;
    char site[RENTAL_NAME]; /* "": not said */
    int64_t hours;          /* tenths; -1: not said */
};

static bool read_report(struct app_request *r, struct report *out)
{
    json_t *body = app_body(r), *lat, *lon, *hours;
    if (!body)
        return false;
    lat = json_object_get(body, "lat");
    lon = json_object_get(body, "lon");
    hours = json_object_get(body, "hours");
    *out = (struct report){json_number_value(lat), json_number_value(lon), "", -1};
    if (!json_is_number(lat) || !json_is_number(lon) || !rule_place(out->lat, out->lon)) {
        app_fail(r, 400, "BAD_REQUEST", "\"lat\" and \"lon\" must be a place, in degrees");
        return false;
    }
    if (json_object_get(body, "site") && !rental_line(r, body, "site", out->site, RENTAL_NAME))
        return false;
    if (!hours)
        return true;
    double tenths = json_number_value(hours) * 10;
    if (json_is_number(hours) && tenths >= 0 && tenths < 1e9) {
        out->hours = llround(tenths);
        return true;
    }
    app_fail(r, 400, "BAD_REQUEST", "\"hours\" must be the engine's hours");
    return false;
}

static void tell_place(struct rental *s, const char *tenant, const json_t *row)
{
    char name[RENTAL_NAME * 2], id[24];
    name_of(row, name, sizeof name);
    snprintf(id, sizeof id, "%lld", (long long)rental_number(row, "id"));
    json_t *data =
        json_pack("{s:s, s:I, s:{s:f, s:f, s:s}, s:f}", "equipment", name, "equipment_id",
                  (json_int_t)rental_number(row, "id"), "location", "lat",
                  json_number_value(json_object_get(row, "lat")), "lon",
                  json_number_value(json_object_get(row, "lon")), "site", rental_text(row, "site"),
                  "hours", (double)rental_number(row, "hours") / 10);
    rental_tell(s, tenant, "equipment_location_updated", id, data, "%s is at %s", name,
                rental_text(row, "site"));
}

static void tell_order(struct rental *s, const char *tenant, const json_t *order)
{
    bool done = !strcmp(rental_text(order, "status"), "done");
    json_t *data = json_pack(
        "{s:s, s:I, s:I, s:s, s:s, s:s}", "equipment", rental_text(order, "equipment"),
        "equipment_id", (json_int_t)rental_number(order, "equipment_id"), "order_id",
        (json_int_t)rental_number(order, "id"), "description", rental_text(order, "description"),
        "kind", rental_text(order, "kind"), "status", rental_text(order, "status"));
    rental_tell(s, tenant, "maintenance_required", NULL, data, "%s %s: %s",
                rental_text(order, "equipment"),
                done ? "is back from the workshop" : "needs the workshop",
                rental_text(order, "description"));
}

static json_t *an_order(struct rental *s, const char *tenant, int64_t id)
{
    return db_row(s->db,
                  "select o.id, o.equipment_id, o.kind, o.description, o.status, e.name || ' ' || "
                  "e.code as equipment from orders o join equipment e on e.id = o.equipment_id "
                  "where o.tenant = $1 and o.id = $2",
                  "si", tenant, id);
}

/* Opens an order. Its id; -1 after an error, 0 when there is an open service already. */
static int64_t open_order(struct rental *s, const char *tenant, int64_t equipment, const char *kind,
                          const char *description, const char *by)
{
    json_t *made =
        db_row(s->db,
               "insert into orders (tenant, equipment_id, kind, description, opened_at, "
               "opened_by) values ($1, $2, $3, $4, $5, $6) on conflict do nothing "
               "returning id",
               "sissis", tenant, equipment, kind, description, (int64_t)app_now_ms(), by);
    int64_t id = made ? rental_number(made, "id") : *db_error(s->db) ? -1 : 0;
    json_decref(made);
    return id;
}

/* Writes what is new in a report. *changed: something was; *service: the order that its hours
 * opened, 0 when none. False: answered already, and nothing is written. */
static bool take_report(struct rental *s, struct app_request *r, const json_t *row,
                        const struct report *report, bool *changed, int64_t *service)
{
    int64_t id = rental_number(row, "id"), hours = rental_number(row, "hours");
    int64_t every = rental_number(row, "service_every");
    const char *site = *report->site ? report->site : rental_text(row, "site");
    bool moved =
        rule_moved(json_number_value(json_object_get(row, "lat")),
                   json_number_value(json_object_get(row, "lon")), report->lat, report->lon);
    bool ran = report->hours >= 0 && report->hours != hours;
    *changed = moved || ran || strcmp(site, rental_text(row, "site")) != 0;
    *service = 0;
    if (ran && !rule_hours_next(hours, report->hours)) {
        rental_conflict(s, r, "HOURS", "engine hours never run backwards, nor a day ahead");
        return false;
    }
    if (ran)
        hours = report->hours;
    if (*changed &&
        db_run(s->db,
               "update equipment set lat = iif($1, $2, lat), lon = iif($1, $3, lon), site = $4, "
               "hours = $5, located_at = $6 where id = $7",
               "bddsiii", (int)moved, report->lat, report->lon, site, hours, (int64_t)app_now_ms(),
               id) != 1) {
        rental_broken(s, r);
        return false;
    }
    if (rule_service_due(hours, rental_number(row, "serviced_at"), every)) {
        char text[RENTAL_LINE];
        snprintf(text, sizeof text, "Service after %lld hours is due", (long long)every / 10);
        *service = open_order(s, app_who(r)->tenant, id, "service", text, rental_by(r));
    }
    if (*service >= 0)
        return rental_commit(s, r);
    rental_broken(s, r);
    return false;
}

/* A report of telematics, or of somebody who moved it. Only what changed is written and told. */
static void locate(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant;
    struct report report;
    int64_t id, service;
    bool changed;
    if (!rental_allowed(r, RULE_DO_LOCATE) || (id = rental_id(r)) < 0 || !read_report(r, &report))
        return;
    if (db_begin(s->db)) {
        rental_broken(s, r);
        return;
    }
    json_t *row = one(s, tenant, id);
    if (!row) {
        rental_missing(s, r, "equipment");
        return;
    }
    if (take_report(s, r, row, &report, &changed, &service)) {
        json_t *now = one(s, tenant, id);
        json_t *order = service > 0 ? an_order(s, tenant, service) : NULL;
        if (changed && now)
            tell_place(s, tenant, now);
        if (order)
            tell_order(s, tenant, order);
        json_decref(now);
        json_decref(order);
        app_reply(r, 200,
                  json_pack("{s:b, s:b}", "changed", (int)changed, "service_due", service > 0));
    }
    json_decref(row);
}

/* ---- the workshop ---- */

static void report_defect(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant;
    char description[RENTAL_LINE];
    json_t *body;
    int64_t id;
    if (!rental_allowed(r, RULE_DO_EQUIPMENT) || (id = rental_id(r)) < 0 || !(body = app_body(r)) ||
        !rental_line(r, body, "description", description, sizeof description))
        return;
    if (db_int(s->db, 0, "select count(*) from equipment where tenant = $1 and id = $2", "si",
               tenant, id) != 1) {
        rental_missing(s, r, "equipment");
        return;
    }
    int64_t order = open_order(s, tenant, id, "defect", description, rental_by(r));
    json_t *row = order > 0 ? an_order(s, tenant, order) : NULL;
    if (!row) {
        rental_broken(s, r);
        return;
    }
    tell_order(s, tenant, row);
    app_reply(r, 201, row);
}

static void finish_order(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant;
    int64_t id;
    if (!rental_allowed(r, RULE_DO_EQUIPMENT) || (id = rental_id(r)) < 0)
        return;
    if (db_begin(s->db)) {
        rental_broken(s, r);
        return;
    }
    json_t *order = an_order(s, tenant, id);
    if (!order) {
        rental_missing(s, r, "order");
        return;
    }
    if (!strcmp(rental_text(order, "status"), "done")) {
        rental_conflict(s, r, "NOT_NOW", "the order is done already");
    } else if (db_run(s->db,
                      "update orders set status = 'done', done_at = $1, done_by = $2 where id = $3",
                      "isi", (int64_t)app_now_ms(), rental_by(r), id) != 1 ||
               (!strcmp(rental_text(order, "kind"), "service") &&
                db_run(s->db, "update equipment set serviced_at = hours where id = $1", "i",
                       rental_number(order, "equipment_id")) != 1)) {
        rental_broken(s, r);
    } else if (rental_commit(s, r)) {
        json_object_set_new(order, "status", json_string("done"));
        tell_order(s, tenant, order);
        app_reply(r, 200, json_incref(order));
    }
    json_decref(order);
}

int rental_routes_fleet(struct rental *s)
{
    struct app *app = s->app;
    return app_route(app, "GET", "/api/rental/equipment", APP_PRIVATE, list) ||
                   app_route(app, "POST", "/api/rental/equipment/:id/location", APP_PRIVATE,
                             locate) ||
                   app_route(app, "POST", "/api/rental/equipment/:id/orders", APP_PRIVATE,
                             report_defect) ||
                   app_route(app, "POST", "/api/rental/orders/:id/done", APP_PRIVATE, finish_order)
               ? -1
               : 0;
}
