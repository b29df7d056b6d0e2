/* board.c - what the dashboard shows at once, and notices to everybody. */
#include "rental/rental.h"

#include <stdio.h>
#include <string.h>

/* Adds the metrics that follow from rentals: how many are where, and what is open. */
static int count_rentals(struct rental *s, const char *tenant, json_t *metrics)
{
    int64_t by_status[RULE_NO_STATUS] = {0}, open = 0;
    json_t *rows = rental_rows(s, tenant, "and r.status <> 'cancelled'", 0), *row;
    size_t i;
    if (!rows)
        return -1;
    json_array_foreach(rows, i, row)
    {
        enum rule_status status = rule_status(rental_text(row, "status"));
        if (status < RULE_NO_STATUS)
            by_status[status]++;
        open += rental_number(row, "balance");
    }
    json_decref(rows);
    json_object_set_new(metrics, "rentals_active",
                        json_integer(by_status[RULE_ACTIVE] + by_status[RULE_OVERDUE]));
    json_object_set_new(metrics, "rentals_overdue", json_integer(by_status[RULE_OVERDUE]));
    json_object_set_new(metrics, "rentals_pending", json_integer(by_status[RULE_PENDING]));
    json_object_set_new(metrics, "rentals_confirmed", json_integer(by_status[RULE_CONFIRMED]));
    json_object_set_new(metrics, "outstanding", json_integer(open));
    return 0;
}

static json_t *metrics_of(struct rental *s, const char *tenant)
{
    int64_t day_began = (int64_t)rental_today() * 86400000;
    json_t *m = db_row(
        s->db,
        "select (select count(*) from equipment where tenant = $1) as equipment, (select "
        "count(distinct equipment_id) from rentals where tenant = $1 and status in ('active', "
        "'overdue')) as equipment_out, (select count(*) from orders where tenant = $1 and status = "
        "'open') as orders_open, (select coalesce(sum(amount), 0) from payments where tenant = $1 "
        "and received_at >= $2) as paid_today, (select count(*) from timesheets where tenant = $1 "
        "and status = 'submitted') as timesheets_waiting, (select count(*) from leaves where "
        "tenant "
        "= $1 and status = 'requested') as leaves_waiting, (select count(*) from customers where "
        "tenant = $1) as customers, (select count(*) from customers where tenant = $1 and status = "
        "'suspended') as customers_suspended",
        "si", tenant, day_began);
    if (m && count_rentals(s, tenant, m)) {
        json_decref(m);
        return NULL;
    }
    return m;
}

static json_t *categories(struct rental *s, const char *tenant)
{
    return db_rows(s->db,
                   "select e.category, count(*) as equipment, count(r.id) as out from equipment e "
                   "left join rentals r on r.equipment_id = e.id and r.status in ('active', "
                   "'overdue') where e.tenant = $1 group by e.category order by e.category",
                   "s", tenant);
}

static void overview(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant;
    char today[RULE_DAY_TEXT];
    static const char *const names[] = {"company", "metrics", "overdue",  "categories",
                                        "syncs",   "notices", "equipment"};
    json_t *parts[] = {
        db_row(s->db, "select id, name, currency, yard, lat, lon from companies where id = $1", "s",
               tenant),
        metrics_of(s, tenant),
        rental_rows(s, tenant, "and r.status = 'overdue' order by r.due_on, r.id limit 8", 0),
        categories(s, tenant),
        db_rows(s->db,
                "select id, task, total, done, changed, started_at, finished_at from syncs where "
                "tenant = $1 order by id desc limit 1",
                "s", tenant),
        db_rows(s->db,
                "select id, level, message, at, by from notices where tenant = $1 order by id desc "
                "limit 5",
                "s", tenant),
        db_rows(
            s->db,
            "select e.id, e.code, e.name, e.site, e.lat, e.lon, exists (select 1 from rentals r "
            "where r.equipment_id = e.id and r.status in ('active', 'overdue')) as \"out?\", "
            "exists (select 1 from orders o where o.equipment_id = e.id and o.status = 'open') "
            "as \"order_open?\" from equipment e where e.tenant = $1 order by e.code limit 200",
            "s", tenant)};
    json_t *answer = json_pack("{s:s}", "today", rule_day_text(rental_today(), today));
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
    rental_missing(s, r, "company");
}

static void notice(void *state, struct app_request *r)
{
    static const char *const levels[] = {"info", "warning", "error", NULL};
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant, *level;
    char message[RENTAL_LINE];
    json_t *body;
    if (!rental_allowed(r, RULE_DO_NOTICE) || !(body = app_body(r)) ||
        !rental_line(r, body, "message", message, sizeof message) ||
        !rental_word(r, body, "level", levels, &level))
        return;
    json_t *row = db_row(s->db,
                         "insert into notices (tenant, level, message, at, by) values ($1, $2, $3, "
                         "$4, $5) returning id, level, message, at, by",
                         "sssis", tenant, level, message, (int64_t)app_now_ms(), rental_by(r));
    if (!row) {
        rental_broken(s, r);
        return;
    }
    rental_tell(s, tenant, "system_notification", NULL,
                json_pack("{s:s, s:s, s:s}", "level", level, "scope", "notices", "updated_by",
                          rental_by(r)),
                "%s", message);
    app_reply(r, 201, row);
}

int rental_routes_board(struct rental *s)
{
    return app_route(s->app, "GET", "/api/rental/overview", APP_PRIVATE, overview) ||
                   app_route(s->app, "POST", "/api/rental/notices", APP_PRIVATE, notice)
               ? -1
               : 0;
}
