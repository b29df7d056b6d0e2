/* people.c - employees: their hours, what they earn, and their leave. */
#include "rental/rental.h"

#include <stdio.h>
#include <string.h>

/* ---- reading ---- */

/* What approved hours of a period ("2026-01") come to. 0 or -1. */
struct wages {
    int64_t people, minutes, overtime, total;
};

static int work_out(struct rental *s, const char *tenant, const char *period, struct wages *w)
{
    json_t *rows = db_rows(s->db,
                           "select t.minutes, t.employee_id, e.hourly from timesheets t join "
                           "employees e on e.id = t.employee_id where t.tenant = $1 and t.status = "
                           "'approved' and substr(t.day, 1, 7) = $2 order by t.employee_id",
                           "ss", tenant, period),
           *row;
    int64_t last = 0, over;
    size_t i;
    *w = (struct wages){0};
    if (!rows)
        return -1;
    json_array_foreach(rows, i, row)
    {
        w->minutes += rental_number(row, "minutes");
        w->total += rule_pay(rental_number(row, "minutes"), rental_number(row, "hourly"), &over);
        w->overtime += over;
        w->people += rental_number(row, "employee_id") != last;
        last = rental_number(row, "employee_id");
    }
    json_decref(rows);
    return 0;
}

/* "2026-01"; answers 400 when it is none. */
static bool period_of(struct app_request *r, const char *text, char out[8])
{
    char day[RULE_DAY_TEXT];
    snprintf(day, sizeof day, "%.7s-01", text ? text : "");
    snprintf(out, 8, "%.7s", day);
    if (text && strlen(text) == 7 && rule_day(day) != RULE_NO_DAY)
        return true;
    app_fail(r, 400, "BAD_REQUEST", "\"period\" must be a month, as 2026-01");
    return false;
}

static json_t *employees(struct rental *s, const char *tenant)
{
    char year[RULE_DAY_TEXT];
    rule_day_text(rental_today(), year);
    year[4] = '\0';
    return db_rows(s->db,
                   "select e.id, e.code, e.name, e.title, e.hourly, e.leave_days, (select "
                   "coalesce(sum(l.days), 0) from leaves l where l.employee_id = e.id and l.kind = "
                   "'annual' and l.status in ('requested', 'approved') and substr(l.from_on, 1, 4) "
                   "= $2) as leave_taken from employees e where e.tenant = $1 order by e.name",
                   "ss", tenant, year);
}

static json_t *timesheets(struct rental *s, const char *tenant)
{
    return db_rows(
        s->db,
        "select t.id, t.employee_id, e.name as employee, t.day, t.minutes, t.status, "
        "t.payroll_id, t.updated_at from timesheets t join employees e on e.id = "
        "t.employee_id where t.tenant = $1 order by t.status <> 'submitted', t.day desc, "
        "e.name limit 200",
        "s", tenant);
}

static json_t *leaves(struct rental *s, const char *tenant)
{
    return db_rows(s->db,
                   "select l.id, l.employee_id, e.name as employee, l.kind, l.from_on, l.to_on, "
                   "l.days, l.status, l.updated_at from leaves l join employees e on e.id = "
                   "l.employee_id where l.tenant = $1 order by l.status <> 'requested', l.from_on "
                   "desc, l.id desc limit 100",
                   "s", tenant);
}

static json_t *preview(struct rental *s, const char *tenant, const char *period)
{
    struct wages w;
    if (work_out(s, tenant, period, &w))
        return NULL;
    return json_pack("{s:s, s:I, s:I, s:I, s:I}", "period", period, "employees",
                     (json_int_t)w.people, "minutes", (json_int_t)w.minutes, "overtime",
                     (json_int_t)w.overtime, "total", (json_int_t)w.total);
}

static void list(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant, *asked = app_query(r, "period");
    char today[RULE_DAY_TEXT], period[8];
    rule_day_text(rental_today(), today);
    today[7] = '\0';
    if (!period_of(r, asked ? asked : today, period))
        return;
    json_t *parts[] = {employees(s, tenant),
                       timesheets(s, tenant),
                       leaves(s, tenant),
                       preview(s, tenant, period),
                       db_rows(s->db,
                               "select id, period, employees, minutes, overtime, total, run_at, "
                               "run_by from payrolls where tenant = $1 order by id desc limit 24",
                               "s", tenant),
                       rental_currency(s, tenant)};
    static const char *const names[] = {"employees", "timesheets", "leaves",
                                        "preview",   "payrolls",   "currency"};
    json_t *answer = json_object();
    bool whole = answer != NULL;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        whole = whole && parts[i];
        if (parts[i])
            json_object_set_new(answer, names[i], parts[i]);
    }
    if (whole) {
        app_reply(r, 200, answer);
        return;
    }
    json_decref(answer);
    rental_broken(s, r);
}

/* ---- hours ---- */

static json_t *a_timesheet(struct rental *s, const char *tenant, int64_t id)
{
    return db_row(s->db,
                  "select t.id, t.day, t.minutes, t.status, e.name as employee from timesheets t "
                  "join employees e on e.id = t.employee_id where t.tenant = $1 and t.id = $2",
                  "si", tenant, id);
}

static void tell_timesheet(struct rental *s, const char *tenant, const json_t *row)
{
    double hours = (double)rental_number(row, "minutes") / 60;
    json_t *data =
        json_pack("{s:I, s:s, s:s, s:s, s:f}", "timesheet_id", (json_int_t)rental_number(row, "id"),
                  "status", rental_text(row, "status"), "employee", rental_text(row, "employee"),
                  "day", rental_text(row, "day"), "hours", hours);
    rental_tell(s, tenant, "timesheet_updated", NULL, data, "%s, %s: %.2f hours %s",
                rental_text(row, "employee"), rental_text(row, "day"), hours,
                rental_text(row, "status"));
}

/* Why these hours can't be handed in; NULL: they can. */
static const char *no_hours(struct rental *s, int64_t employee, const char *day)
{
    if (db_int(s->db, 1,
               "select count(*) from leaves where employee_id = $1 and status = 'approved' and $2 "
               "between from_on and to_on",
               "is", employee, day))
        return "the employee is on leave that day";
    if (db_int(s->db, 1,
               "select count(*) from timesheets where employee_id = $1 and day = $2 and status in "
               "('approved', 'paid')",
               "is", employee, day))
        return "that day's hours have been decided on";
    return NULL;
}

static void hand_in(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant, *why;
    int64_t employee, minutes;
    char day[RULE_DAY_TEXT];
    json_t *body;
    int32_t on;
    if (!rental_allowed(r, RULE_DO_HOURS) || !(body = app_body(r)) ||
        !rental_int(r, body, "employee_id", 1, (int64_t)1 << 53, &employee) ||
        !rental_int(r, body, "minutes", 1, 1440, &minutes) || !rental_day(r, body, "day", &on))
        return;
    if (!rule_hours_valid(minutes, on, rental_today())) {
        app_fail(r, 400, "BAD_REQUEST", "hours are quarters, at most 16 a day, of a day that was");
        return;
    }
    if (db_begin(s->db)) {
        rental_broken(s, r);
        return;
    }
    if (db_int(s->db, 0, "select count(*) from employees where tenant = $1 and id = $2", "si",
               tenant, employee) != 1) {
        rental_missing(s, r, "employee");
        return;
    }
    if ((why = no_hours(s, employee, rule_day_text(on, day)))) {
        rental_conflict(s, r, "NOT_NOW", why);
        return;
    }
    json_t *made = db_row(s->db,
                          "insert into timesheets (tenant, employee_id, day, minutes, updated_at) "
                          "values ($1, $2, $3, $4, $5) on conflict (employee_id, day) do update "
                          "set minutes = excluded.minutes, status = 'submitted', updated_at = "
                          "excluded.updated_at returning id",
                          "sisii", tenant, employee, day, minutes, (int64_t)app_now_ms());
    if (!made) {
        rental_broken(s, r);
        return;
    }
    if (rental_commit(s, r)) {
        json_t *row = a_timesheet(s, tenant, rental_number(made, "id"));
        tell_timesheet(s, tenant, row);
        app_reply(r, 201, row);
    }
    json_decref(made);
}

static void decide_hours(void *state, struct app_request *r)
{
    static const char *const words[] = {"approved", "rejected", "submitted", NULL};
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant, *to;
    json_t *body;
    int64_t id;
    if (!rental_allowed(r, RULE_DO_PEOPLE) || (id = rental_id(r)) < 0 || !(body = app_body(r)) ||
        !rental_word(r, body, "status", words, &to))
        return;
    if (db_begin(s->db)) {
        rental_broken(s, r);
        return;
    }
    json_t *row = a_timesheet(s, tenant, id);
    if (!row)
        rental_missing(s, r, "timesheet");
    else if (!rule_timesheet_may(rental_text(row, "status"), to))
        rental_conflict(s, r, "NOT_NOW", "a timesheet doesn't go from there to there");
    else if (db_run(s->db, "update timesheets set status = $1, updated_at = $2 where id = $3",
                    "sii", to, (int64_t)app_now_ms(), id) != 1)
        rental_broken(s, r);
    else if (rental_commit(s, r)) {
        json_object_set_new(row, "status", json_string(to));
        tell_timesheet(s, tenant, row);
        app_reply(r, 200, row);
        return;
    }
    json_decref(row);
}

/* ---- payroll ---- */

static void tell_payroll(struct rental *s, const char *tenant, const char *period,
                         const struct wages *w, int64_t id)
{
    json_t *company = rental_currency(s, tenant);
    const char *currency = json_string_value(company);
    json_t *data = json_pack("{s:s, s:I, s:I, s:o}", "period", period, "payroll_id", (json_int_t)id,
                             "employees", (json_int_t)w->people, "total", rental_money(w->total));
    if (currency && strlen(currency) == 3)
        json_object_set_new(data, "currency", json_string(currency));
    rental_tell(s, tenant, "payroll_processed", NULL, data,
                "Payroll of %s: %s %lld.%02d for %lld employees", period, currency ? currency : "",
                (long long)(w->total / 100), (int)(w->total % 100), (long long)w->people);
    json_decref(company);
}

static void run_payroll(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant;
    struct wages w = {0};
    char period[8];
    json_t *body, *made = NULL;
    if (!rental_allowed(r, RULE_DO_PEOPLE) || !(body = app_body(r)) ||
        !period_of(r, json_string_value(json_object_get(body, "period")), period))
        return;
    if (db_begin(s->db) || work_out(s, tenant, period, &w)) {
        rental_broken(s, r);
        return;
    }
    if (!w.people) {
        rental_conflict(s, r, "NOTHING_TO_PAY", "no approved hours of that month are unpaid");
        return;
    }
    made = db_row(s->db,
                  "insert into payrolls (tenant, period, employees, minutes, overtime, total, "
                  "run_at, run_by) values ($1, $2, $3, $4, $5, $6, $7, $8) returning id",
                  "ssiiiiis", tenant, period, w.people, w.minutes, w.overtime, w.total,
                  (int64_t)app_now_ms(), rental_by(r));
    if (!made || db_run(s->db,
                        "update timesheets set status = 'paid', payroll_id = $1 where tenant = $2 "
                        "and status = 'approved' and substr(day, 1, 7) = $3",
                        "iss", rental_number(made, "id"), tenant, period) < 0) {
        rental_broken(s, r);
    } else if (rental_commit(s, r)) {
        int64_t id = rental_number(made, "id");
        tell_payroll(s, tenant, period, &w, id);
        app_reply(r, 201,
                  json_pack("{s:I, s:s, s:I, s:I, s:I, s:I}", "id", (json_int_t)id, "period",
                            period, "employees", (json_int_t)w.people, "minutes",
                            (json_int_t)w.minutes, "overtime", (json_int_t)w.overtime, "total",
                            (json_int_t)w.total));
    }
    json_decref(made);
}

/* ---- leave ---- */

static json_t *a_leave(struct rental *s, const char *tenant, int64_t id)
{
    return db_row(
        s->db,
        "select l.id, l.employee_id, l.kind, l.from_on, l.to_on, l.days, l.status, e.name "
        "as employee, e.leave_days from leaves l join employees e on e.id = "
        "l.employee_id where l.tenant = $1 and l.id = $2",
        "si", tenant, id);
}

static void tell_leave(struct rental *s, const char *tenant, const json_t *row)
{
    int64_t days = rental_number(row, "days");
    json_t *data = json_pack(
        "{s:I, s:s, s:s, s:s, s:s, s:s, s:I}", "request_id", (json_int_t)rental_number(row, "id"),
        "status", rental_text(row, "status"), "employee", rental_text(row, "employee"), "kind",
        rental_text(row, "kind"), "from_on", rental_text(row, "from_on"), "to_on",
        rental_text(row, "to_on"), "days", (json_int_t)days);
    rental_tell(s, tenant, "leave_request_updated", NULL, data, "%s: %s leave of %lld %s %s",
                rental_text(row, "employee"), rental_text(row, "kind"), (long long)days,
                days == 1 ? "day" : "days", rental_text(row, "status"));
}

/* Annual days of that year that are promised or asked for, but for request `but`. */
static int32_t days_taken(struct rental *s, int64_t employee, const char *from, int64_t but)
{
    return (int32_t)db_int(s->db, 0,
                           "select sum(days) from leaves where employee_id = $1 and id <> $2 and "
                           "kind = 'annual' and status in ('requested', 'approved') and "
                           "substr(from_on, 1, 4) = substr($3, 1, 4)",
                           "iis", employee, but, from);
}

struct wish {
    int64_t employee;
    const char *kind;
    int32_t from, to, days;
    char from_on[RULE_DAY_TEXT], to_on[RULE_DAY_TEXT];
};

static bool read_leave(struct app_request *r, struct wish *w)
{
    static const char *const kinds[] = {"annual", "sick", "unpaid", NULL};
    json_t *body = app_body(r);
    if (!body || !rental_int(r, body, "employee_id", 1, (int64_t)1 << 53, &w->employee) ||
        !rental_word(r, body, "kind", kinds, &w->kind) ||
        !rental_day(r, body, "from_on", &w->from) || !rental_day(r, body, "to_on", &w->to))
        return false;
    rule_day_text(w->from, w->from_on);
    rule_day_text(w->to, w->to_on);
    /* the days are one year's: a leave over New Year is two requests */
    if (w->from <= w->to && !strncmp(w->from_on, w->to_on, 4))
        return true;
    app_fail(r, 400, "BAD_REQUEST", "leave ends after it begins, in the same year");
    return false;
}

/* Why it can't be asked for; NULL: it can. Sets w->days. */
static const char *no_leave(struct rental *s, const char *tenant, struct wish *w, int32_t entitled)
{
    int64_t weekend = db_int(s->db, 65, "select weekend from companies where id = $1", "s", tenant);
    w->days = rule_working_days(w->from, w->to, (unsigned)weekend);
    if (w->days < 1)
        return "there is no working day in it";
    if (!rule_leave_fits(w->kind, w->days, entitled, days_taken(s, w->employee, w->from_on, 0)))
        return "there are not so many days left this year";
    if (db_int(s->db, 1,
               "select count(*) from leaves where employee_id = $1 and status in ('requested', "
               "'approved') and from_on <= $3 and $2 <= to_on",
               "iss", w->employee, w->from_on, w->to_on))
        return "there is a request for some of these days already";
    return NULL;
}

static void ask_leave(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant, *why;
    struct wish w = {0};
    if (!rental_allowed(r, RULE_DO_HOURS) || !read_leave(r, &w))
        return;
    if (db_begin(s->db)) {
        rental_broken(s, r);
        return;
    }
    int64_t entitled =
        db_int(s->db, -1, "select leave_days from employees where tenant = $1 and id = $2", "si",
               tenant, w.employee);
    if (entitled < 0) {
        rental_missing(s, r, "employee");
        return;
    }
    if ((why = no_leave(s, tenant, &w, (int32_t)entitled))) {
        rental_conflict(s, r, "NOT_NOW", why);
        return;
    }
    json_t *made = db_row(s->db,
                          "insert into leaves (tenant, employee_id, kind, from_on, to_on, days, "
                          "updated_at) values ($1, $2, $3, $4, $5, $6, $7) returning id",
                          "sisssii", tenant, w.employee, w.kind, w.from_on, w.to_on,
                          (int64_t)w.days, (int64_t)app_now_ms());
    if (!made) {
        rental_broken(s, r);
        return;
    }
    if (rental_commit(s, r)) {
        json_t *row = a_leave(s, tenant, rental_number(made, "id"));
        tell_leave(s, tenant, row);
        app_reply(r, 201, row);
    }
    json_decref(made);
}

static void decide_leave(void *state, struct app_request *r)
{
    static const char *const words[] = {"approved", "rejected", "cancelled", NULL};
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant, *to;
    json_t *body;
    int64_t id;
    if (!rental_allowed(r, RULE_DO_PEOPLE) || (id = rental_id(r)) < 0 || !(body = app_body(r)) ||
        !rental_word(r, body, "status", words, &to))
        return;
    if (db_begin(s->db)) {
        rental_broken(s, r);
        return;
    }
    json_t *row = a_leave(s, tenant, id);
    const char *from = rental_text(row, "from_on");
    if (!row)
        rental_missing(s, r, "leave request");
    else if (!rule_leave_may(rental_text(row, "status"), to, rule_day(from), rental_today()))
        rental_conflict(s, r, "NOT_NOW", "a leave request doesn't go from there to there");
    else if (!strcmp(to, "approved") &&
             !rule_leave_fits(rental_text(row, "kind"), (int32_t)rental_number(row, "days"),
                              (int32_t)rental_number(row, "leave_days"),
                              days_taken(s, rental_number(row, "employee_id"), from, id)))
        rental_conflict(s, r, "NOT_NOW", "there are not so many days left this year");
    else if (db_run(s->db, "update leaves set status = $1, updated_at = $2 where id = $3", "sii",
                    to, (int64_t)app_now_ms(), id) != 1)
        rental_broken(s, r);
    else if (rental_commit(s, r)) {
        json_object_set_new(row, "status", json_string(to));
        tell_leave(s, tenant, row);
        app_reply(r, 200, row);
        return;
    }
    json_decref(row);
}

int rental_routes_people(struct rental *s)
{
    struct app *app = s->app;
    return app_route(app, "GET", "/api/rental/people", APP_PRIVATE, list) ||
                   app_route(app, "POST", "/api/rental/timesheets", APP_PRIVATE, hand_in) ||
                   app_route(app, "POST", "/api/rental/timesheets/:id/status", APP_PRIVATE,
                             decide_hours) ||
                   app_route(app, "POST", "/api/rental/payrolls", APP_PRIVATE, run_payroll) ||
                   app_route(app, "POST", "/api/rental/leaves", APP_PRIVATE, ask_leave) ||
                   app_route(app, "POST", "/api/rental/leaves/:id/status", APP_PRIVATE,
                             decide_leave)
               ? -1
               : 0;
}
