/* rentals.c - rentals and their payments: requests of people, and what dates do to them. */
#include "rental/rental.h"

#include <stdio.h>
#include <string.h>

#define LONGEST_DAYS 366
#define OF_RENTAL                                                                                  \
    "select r.id, r.status, r.start_on, r.due_on, r.returned_on, r.day_rate, r.overdue_told, "     \
    "r.customer_id, r.equipment_id, r.updated_at, r.updated_by, c.name as customer, "              \
    "e.name || ' ' || e.code as equipment, (select coalesce(sum(p.amount), 0) from payments p "    \
    "where p.rental_id = r.id) as paid from rentals r join customers c on c.id = r.customer_id "   \
    "join equipment e on e.id = r.equipment_id where r.tenant = $1 "

static struct rule_rental terms(const json_t *row)
{
    return (struct rule_rental){
        rule_status(rental_text(row, "status")), rule_day(rental_text(row, "start_on")),
        rule_day(rental_text(row, "due_on")), rule_day(rental_text(row, "returned_on")),
        rental_number(row, "day_rate")};
}

/* Adds what the rules make of a row. */
static void finish(json_t *row, int32_t today)
{
    struct rule_rental t = terms(row);
    int64_t owed = rule_owed(&t, today);
    bool out = t.status == RULE_ACTIVE || t.status == RULE_OVERDUE;
    json_object_set_new(row, "owed", json_integer(owed));
    json_object_set_new(row, "balance", json_integer(owed - rental_number(row, "paid")));
    json_object_set_new(row, "days_overdue",
                        json_integer(out ? rule_days_overdue(t.due, today) : 0));
}

json_t *rental_rows(struct rental *s, const char *tenant, const char *where, int64_t number)
{
    char sql[1600];
    int len = snprintf(sql, sizeof sql, OF_RENTAL "%s", where);
    if (len < 0 || (size_t)len >= sizeof sql)
        return NULL;
    bool numbered = strstr(where, "$2") != NULL;
    json_t *rows =
        numbered ? db_rows(s->db, sql, "si", tenant, number) : db_rows(s->db, sql, "s", tenant);
    int32_t today = rental_today();
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) finish(row, today);
    return rows;
}

/* One rental of the company. Returns new; NULL: there is none, or an error. */
static json_t *one(struct rental *s, const char *tenant, int64_t id)
{
    json_t *rows = rental_rows(s, tenant, "and r.id = $2", id);
    json_t *row = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    return row;
}

int64_t rental_open_balance(struct rental *s, const char *tenant, int64_t customer)
{
    json_t *rows = rental_rows(s, tenant, "and r.customer_id = $2", customer), *row;
    int64_t open = 0;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        int64_t balance = rental_number(row, "balance");
        open = __builtin_add_overflow(open, balance, &open) ? INT64_MAX : open;
    }
    json_decref(rows);
    return open;
}

/* ---- events ---- */

static json_t *about(const json_t *row)
{
    return json_pack("{s:I, s:s, s:s, s:s}", "rental_id", (json_int_t)rental_number(row, "id"),
                     "customer", rental_text(row, "customer"), "equipment",
                     rental_text(row, "equipment"), "due_on", rental_text(row, "due_on"));
}

static void tell_status(struct rental *s, const char *tenant, const json_t *row, const char *status,
                        const char *by)
{
    json_t *data = about(row);
    const char *before = rental_text(row, "status");
    json_object_set_new(data, "status", json_string(status));
    json_object_set_new(data, "updated_by", json_string(by));
    if (*before && strcmp(before, status))
        json_object_set_new(data, "previous", json_string(before));
    rental_tell(s, tenant, "rental_status_updated", NULL, data, "Rental %lld is %s: %s for %s",
                (long long)rental_number(row, "id"), status, rental_text(row, "equipment"),
                rental_text(row, "customer"));
}

static void tell_overdue(struct rental *s, const char *tenant, const json_t *row, int32_t days)
{
    json_t *data = about(row);
    json_object_set_new(data, "days_overdue", json_integer(days));
    rental_tell(s, tenant, "rental_overdue", NULL, data, "Rental %lld is %d %s overdue: %s with %s",
                (long long)rental_number(row, "id"), (int)days, days == 1 ? "day" : "days",
                rental_text(row, "equipment"), rental_text(row, "customer"));
}

/* ---- dates ---- */

static void by_date(struct rental *s, const json_t *row, const char *tenant, int32_t today)
{
    struct rule_rental t = terms(row);
    enum rule_status next = rule_status_by_date(t.status, t.due, today);
    int32_t days = next == RULE_OVERDUE ? rule_days_overdue(t.due, today) : 0;
    if (next == t.status && days == rental_number(row, "overdue_told"))
        return;
    int64_t changed = db_run(s->db,
                             "update rentals set status = $1, overdue_told = $2, updated_at = $3, "
                             "updated_by = 'dates' where id = $4",
                             "siii", rule_status_name(next), (int64_t)days, (int64_t)app_now_ms(),
                             rental_number(row, "id"));
    if (changed != 1) {
        app_log(s->app, FRESHET_LOG_ERROR, "dates: %s", db_error(s->db));
        return;
    }
    if (days)
        tell_overdue(s, tenant, row, days);
    else
        tell_status(s, tenant, row, rule_status_name(next), "dates");
    rental_credit(s, tenant, rental_number(row, "customer_id"));
}

void rental_dates(struct rental *s)
{
    char day[RULE_DAY_TEXT];
    int32_t today = rental_today();
    json_t *found, *entry;
    size_t i;
    found = db_rows(s->db,
                    "select id, tenant from rentals where (status = 'active' and due_on < $1) or "
                    "(status = 'overdue' and (due_on >= $1 or overdue_told <> "
                    "cast(julianday($1) - julianday(due_on) as integer))) order by id limit 200",
                    "s", rule_day_text(today, day));
    json_array_foreach(found, i, entry)
    {
        const char *tenant = rental_text(entry, "tenant");
        json_t *row = one(s, tenant, rental_number(entry, "id"));
        if (row)
            by_date(s, row, tenant, today);
        json_decref(row);
    }
    json_decref(found);
}

/* ---- new rentals ---- */

/* Whether the equipment is promised to somebody else on one of these days. What is out and late
 * stays out for as long as nobody has brought it back. */
static bool taken(struct rental *s, int64_t equipment, int64_t but, int32_t from, int32_t to)
{
    json_t *rows = db_rows(s->db,
                           "select status, start_on, due_on from rentals where equipment_id = $1 "
                           "and id <> $2 and status in ('pending', 'confirmed', 'active', "
                           "'overdue')",
                           "ii", equipment, but);
    int32_t today = rental_today();
    bool met = !rows;
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        struct rule_rental t = terms(row);
        bool out = t.status == RULE_ACTIVE || t.status == RULE_OVERDUE;
        met |= rule_periods_meet(from, to, t.start, out && t.due < today ? today : t.due);
    }
    json_decref(rows);
    return met;
}

struct wish {
    int64_t customer, equipment;
    int32_t start, due;
};

static bool read_wish(struct app_request *r, struct wish *w)
{
    json_t *body = app_body(r);
    if (!body || !rental_int(r, body, "customer_id", 1, (int64_t)1 << 53, &w->customer) ||
        !rental_int(r, body, "equipment_id", 1, (int64_t)1 << 53, &w->equipment) ||
        !rental_day(r, body, "start_on", &w->start) || !rental_day(r, body, "due_on", &w->due))
        return false;
    if (w->start >= rental_today() && w->due >= w->start && w->due - w->start < LONGEST_DAYS)
        return true;
    app_fail(r, 400, "BAD_REQUEST", "a rental begins today or later and ends within %d days",
             LONGEST_DAYS);
    return false;
}

/* The reason why this customer can't have more now; NULL: there is none. */
static const char *refused(struct rental *s, const char *tenant, int64_t customer)
{
    int64_t limit =
        db_int(s->db, -1, "select credit_limit from customers where tenant = $1 and id = $2", "si",
               tenant, customer);
    if (limit >= 0 && !rule_credit_left(rental_open_balance(s, tenant, customer), limit))
        return "the customer has more open than the credit limit";
    return NULL;
}

static void add(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant, *why;
    char start[RULE_DAY_TEXT], due[RULE_DAY_TEXT];
    struct wish w;
    if (!rental_allowed(r, RULE_DO_RENTALS) || !read_wish(r, &w))
        return;
    if (db_begin(s->db)) {
        rental_broken(s, r);
        return;
    }
    int64_t rate = db_int(s->db, -1, "select day_rate from equipment where tenant = $1 and id = $2",
                          "si", tenant, w.equipment);
    int64_t known = db_int(s->db, 0, "select count(*) from customers where tenant = $1 and id = $2",
                           "si", tenant, w.customer);
    if (rate < 0 || known != 1) {
        rental_missing(s, r, rate < 0 ? "equipment" : "customer");
        return;
    }
    if ((why = refused(s, tenant, w.customer))) {
        rental_conflict(s, r, "CREDIT_LIMIT", why);
        return;
    }
    if (taken(s, w.equipment, 0, w.start, w.due)) {
        rental_conflict(s, r, "TAKEN",
                        "the equipment is promised to somebody on one of these days");
        return;
    }
    json_t *made =
        db_row(s->db,
               "insert into rentals (tenant, customer_id, equipment_id, status, "
               "start_on, due_on, day_rate, updated_at, updated_by) values ($1, $2, $3, "
               "'pending', $4, $5, $6, $7, $8) returning id",
               "siissiis", tenant, w.customer, w.equipment, rule_day_text(w.start, start),
               rule_day_text(w.due, due), rate, (int64_t)app_now_ms(), rental_by(r));
    if (!made) {
        rental_broken(s, r);
        return;
    }
    int64_t id = rental_number(made, "id");
    json_decref(made);
    if (!rental_commit(s, r))
        return;
    json_t *row = one(s, tenant, id);
    tell_status(s, tenant, row, "pending", rental_by(r));
    app_reply(r, 201, row ? row : json_pack("{s:I}", "id", (json_int_t)id));
}

/* ---- moving them ---- */

/* Why this rental can't take that step now; NULL: it can. */
static const char *hindered(struct rental *s, const char *tenant, const json_t *row,
                            enum rule_status to)
{
    int64_t equipment = rental_number(row, "equipment_id"), id = rental_number(row, "id");
    struct rule_rental t = terms(row);
    int32_t today = rental_today();
    if (!rule_status_may(t.status, to))
        return "a rental doesn't go from there to there";
    if (to == RULE_CONFIRMED)
        return refused(s, tenant, rental_number(row, "customer_id"));
    if (to != RULE_ACTIVE)
        return NULL;
    if (db_int(s->db, 1, "select count(*) from orders where equipment_id = $1 and status = 'open'",
               "i", equipment))
        return "the equipment is in the workshop";
    if (t.start > today && taken(s, equipment, id, today, t.due))
        return "the equipment is promised to somebody until then";
    if (db_int(s->db, 1,
               "select count(*) from rentals where equipment_id = $1 and id <> $2 and status in "
               "('active', 'overdue')",
               "ii", equipment, id))
        return "the equipment isn't back yet";
    return NULL;
}

/* Writes the step: handing over early begins today, coming back ends today. */
static bool write_step(struct rental *s, const json_t *row, enum rule_status to, const char *by)
{
    char day[RULE_DAY_TEXT];
    rule_day_text(rental_today(), day);
    return db_run(s->db,
                  "update rentals set status = $1, updated_at = $2, updated_by = $3, "
                  "start_on = iif($1 = 'active', min(start_on, $4), start_on), "
                  "returned_on = iif($1 = 'completed', $4, returned_on) where id = $5",
                  "sissi", rule_status_name(to), (int64_t)app_now_ms(), by, day,
                  rental_number(row, "id")) == 1;
}

/* After a change was committed: tells, lets dates and credit have their say, answers. */
static void changed(struct rental *s, struct app_request *r, json_t *before, const char *status)
{
    const char *tenant = app_who(r)->tenant;
    int64_t id = rental_number(before, "id");
    json_t *row = one(s, tenant, id);
    if (row)
        json_object_set(row, "status", json_object_get(before, "status")); /* what it was */
    tell_status(s, tenant, row ? row : before, status, rental_by(r));
    json_decref(row);
    rental_dates(s);
    rental_credit(s, tenant, rental_number(before, "customer_id"));
    json_decref(before);
    row = one(s, tenant, id);
    app_reply(r, 200, row ? row : json_pack("{s:I}", "id", (json_int_t)id));
}

static void step(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant;
    json_t *body;
    int64_t id;
    if (!rental_allowed(r, RULE_DO_RENTALS) || (id = rental_id(r)) < 0 || !(body = app_body(r)))
        return;
    enum rule_status to = rule_status(json_string_value(json_object_get(body, "status")));
    if (to == RULE_NO_STATUS) {
        app_fail(r, 400, "BAD_REQUEST", "\"status\" is none of a rental's");
        return;
    }
    if (db_begin(s->db)) {
        rental_broken(s, r);
        return;
    }
    json_t *row = one(s, tenant, id);
    const char *why = row ? hindered(s, tenant, row, to) : NULL;
    if (!row)
        rental_missing(s, r, "rental");
    else if (why)
        rental_conflict(s, r, "NOT_NOW", why);
    else if (!write_step(s, row, to, rental_by(r)))
        rental_broken(s, r);
    else if (rental_commit(s, r)) {
        changed(s, r, row, rule_status_name(to));
        return;
    }
    json_decref(row);
}

static void set_due(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant;
    char text[RULE_DAY_TEXT];
    json_t *body;
    int32_t due;
    int64_t id;
    if (!rental_allowed(r, RULE_DO_RENTALS) || (id = rental_id(r)) < 0 || !(body = app_body(r)) ||
        !rental_day(r, body, "due_on", &due))
        return;
    if (db_begin(s->db)) {
        rental_broken(s, r);
        return;
    }
    json_t *row = one(s, tenant, id);
    struct rule_rental t = row ? terms(row) : (struct rule_rental){0};
    if (!row)
        rental_missing(s, r, "rental");
    else if (t.status >= RULE_COMPLETED)
        rental_conflict(s, r, "NOT_NOW", "the rental is over");
    else if (due < t.start || due - t.start >= LONGEST_DAYS)
        rental_conflict(s, r, "NOT_NOW", "the due day must follow the first day, within a year");
    else if (due > t.due && taken(s, rental_number(row, "equipment_id"), id, t.due + 1, due))
        rental_conflict(s, r, "TAKEN", "the equipment is promised to somebody by then");
    else if (db_run(s->db,
                    "update rentals set due_on = $1, updated_at = $2, updated_by = $3 where id = "
                    "$4",
                    "sisi", rule_day_text(due, text), (int64_t)app_now_ms(), rental_by(r), id) != 1)
        rental_broken(s, r);
    else if (rental_commit(s, r)) {
        changed(s, r, row, rental_text(row, "status"));
        return;
    }
    json_decref(row);
}

/* ---- payments ---- */

static void tell_payment(struct rental *s, const char *tenant, const json_t *row, int64_t amount,
                         const char *method, const char *by)
{
    int64_t id = rental_number(row, "id"), left = rental_number(row, "balance") - amount;
    json_t *company = rental_currency(s, tenant);
    const char *currency = json_string_value(company);
    json_t *data =
        json_pack("{s:I, s:o, s:s, s:s, s:o, s:s}", "rental_id", (json_int_t)id, "amount",
                  rental_money(amount), "method", method, "customer", rental_text(row, "customer"),
                  "balance", rental_money(left < 0 ? 0 : left), "updated_by", by);
    if (currency && strlen(currency) == 3)
        json_object_set_new(data, "currency", json_string(currency));
    rental_tell(s, tenant, "payment_received", NULL, data, "%s paid %s %lld.%02d for rental %lld",
                rental_text(row, "customer"), currency ? currency : "", (long long)(amount / 100),
                (int)(amount % 100), (long long)id);
    json_decref(company);
}

static void pay(void *state, struct app_request *r)
{
    static const char *const methods[] = {"credit_card", "bank_transfer", "cash", "cheque", NULL};
    static const char *const transfer[] = {"bank_transfer", NULL};
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant, *role = app_who(r)->role, *method;
    int64_t id, amount;
    json_t *body;
    bool bank = rule_may(role, RULE_DO_BANK);
    if ((!bank && !rental_allowed(r, RULE_DO_RENTALS)) || (id = rental_id(r)) < 0 ||
        !(body = app_body(r)) || !rental_int(r, body, "amount", 1, 100000000000, &amount) ||
        !rental_word(r, body, "method", bank ? transfer : methods, &method))
        return;
    if (db_begin(s->db)) {
        rental_broken(s, r);
        return;
    }
    json_t *row = one(s, tenant, id);
    if (!row)
        rental_missing(s, r, "rental");
    else if (rule_payment(rental_number(row, "owed"), rental_number(row, "paid"), amount))
        rental_conflict(s, r, "TOO_MUCH", "that is more than what is open");
    else if (db_run(s->db,
                    "insert into payments (tenant, rental_id, amount, method, received_at, "
                    "received_by) values ($1, $2, $3, $4, $5, $6)",
                    "siisis", tenant, id, amount, method, (int64_t)app_now_ms(), rental_by(r)) != 1)
        rental_broken(s, r);
    else if (rental_commit(s, r)) {
        tell_payment(s, tenant, row, amount, method, rental_by(r));
        rental_credit(s, tenant, rental_number(row, "customer_id"));
        json_t *now = one(s, tenant, id);
        app_reply(r, 201, now ? now : json_pack("{s:I}", "id", (json_int_t)id));
    }
    json_decref(row);
}

/* ---- reading ---- */

static void list(void *state, struct app_request *r)
{
    struct rental *s = state;
    char today[RULE_DAY_TEXT];
    json_t *rows =
        rental_rows(s, app_who(r)->tenant,
                    "order by case r.status when 'overdue' then 0 when 'active' then 1 "
                    "when 'confirmed' then 2 when 'pending' then 3 else 4 end, r.due_on, "
                    "r.id desc limit 300",
                    0);
    if (!rows) {
        rental_broken(s, r);
        return;
    }
    app_reply(r, 200,
              json_pack("{s:o, s:o, s:s}", "rentals", rows, "currency",
                        rental_currency(s, app_who(r)->tenant), "today",
                        rule_day_text(rental_today(), today)));
}

static void payments(void *state, struct app_request *r)
{
    struct rental *s = state;
    int64_t id = rental_id(r);
    if (id < 0)
        return;
    json_t *rows = db_rows(s->db,
                           "select id, amount, method, received_at, received_by from payments "
                           "where tenant = $1 and rental_id = $2 order by received_at, id",
                           "si", app_who(r)->tenant, id);
    if (!rows) {
        rental_broken(s, r);
        return;
    }
    app_reply(r, 200, json_pack("{s:o}", "payments", rows));
}

int rental_routes_rentals(struct rental *s)
{
    struct app *app = s->app;
    return app_route(app, "GET", "/api/rental/rentals", APP_PRIVATE, list) ||
                   app_route(app, "POST", "/api/rental/rentals", APP_PRIVATE, add) ||
                   app_route(app, "POST", "/api/rental/rentals/:id/status", APP_PRIVATE, step) ||
                   app_route(app, "POST", "/api/rental/rentals/:id/due", APP_PRIVATE, set_due) ||
                   app_route(app, "GET", "/api/rental/rentals/:id/payments", APP_PRIVATE,
                             payments) ||
                   app_route(app, "POST", "/api/rental/rentals/:id/payments", APP_PRIVATE, pay)
               ? -1
               : 0;
}
