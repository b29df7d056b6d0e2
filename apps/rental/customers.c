/* customers.c - customers, their credit, and the runs that bring them in from the books. */
#include "rental/rental.h"

#include <stdio.h>
#include <string.h>

#define BATCH_MOST 100
#define RUNS_KEPT 20

static void list(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant;
    json_t *rows =
        db_rows(s->db,
                "select c.id, c.code, c.name, c.city, c.email, c.credit_limit, c.status, "
                "c.synced_at, (select count(*) from rentals r where r.customer_id = c.id "
                "and r.status in ('active', 'overdue')) as out from customers c where "
                "c.tenant = $1 order by c.name limit 500",
                "s", tenant);
    json_t *syncs = db_rows(s->db,
                            "select id, task, total, done, changed, started_at, finished_at from "
                            "syncs where tenant = $1 order by id desc limit 10",
                            "s", tenant);
    /* one pass over the rentals instead of one a customer */
    json_t *rentals = rental_rows(s, tenant, "and r.status not in ('pending', 'cancelled')", 0);
    json_t *open = json_object(), *row;
    char key[24];
    size_t i;
    json_array_foreach(rentals, i, row)
    {
        snprintf(key, sizeof key, "%lld", (long long)rental_number(row, "customer_id"));
        json_object_set_new(open, key,
                            json_integer(rental_number(open, key) + rental_number(row, "balance")));
    }
    json_array_foreach(rows, i, row)
    {
        snprintf(key, sizeof key, "%lld", (long long)rental_number(row, "id"));
        json_object_set_new(row, "open", json_integer(rental_number(open, key)));
    }
    json_array_foreach(syncs, i, row) json_object_set_new(
        row, "progress",
        json_integer(rule_progress(rental_number(row, "done"), rental_number(row, "total"))));
    json_decref(open);
    if (rows && syncs && rentals) {
        app_reply(r, 200,
                  json_pack("{s:o, s:o, s:o}", "customers", rows, "syncs", syncs, "currency",
                            rental_currency(s, tenant)));
    } else {
        json_decref(rows);
        json_decref(syncs);
        rental_broken(s, r);
    }
    json_decref(rentals);
}

/* ---- credit ---- */

void rental_credit(struct rental *s, const char *tenant, int64_t customer)
{
    json_t *row =
        db_row(s->db,
               "select name, credit_limit, status from customers where tenant = $1 and id "
               "= $2",
               "si", tenant, customer);
    if (!row)
        return;
    bool fine = rule_credit_left(rental_open_balance(s, tenant, customer),
                                 rental_number(row, "credit_limit"));
    const char *status = fine ? "active" : "suspended", *name = rental_text(row, "name");
    if (strcmp(status, rental_text(row, "status")) != 0 &&
        db_run(s->db, "update customers set status = $1 where id = $2", "si", status, customer) ==
            1)
        rental_tell(
            s, tenant, "system_notification", NULL,
            json_pack("{s:s, s:s}", "level", fine ? "info" : "warning", "scope", "customers"),
            fine ? "%s may rent again" : "%s is suspended: more open than the credit limit", name);
    json_decref(row);
}

static void set_credit(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant;
    int64_t id, limit;
    json_t *body;
    if (!rental_allowed(r, RULE_DO_RENTALS) || (id = rental_id(r)) < 0 || !(body = app_body(r)) ||
        !rental_int(r, body, "credit_limit", 0, 100000000000, &limit))
        return;
    int64_t changed =
        db_run(s->db, "update customers set credit_limit = $1 where tenant = $2 and id = $3", "isi",
               limit, tenant, id);
    if (changed != 1) {
        rental_missing(s, r, "customer");
        return;
    }
    rental_credit(s, tenant, id);
    json_t *row = db_row(
        s->db, "select id, name, credit_limit, status from customers where id = $1", "i", id);
    rental_tell(s, tenant, "system_notification", NULL,
                json_pack("{s:s, s:s, s:s}", "level", "info", "scope", "customers", "updated_by",
                          rental_by(r)),
                "The credit limit of %s is %lld", rental_text(row, "name"),
                (long long)(limit / 100));
    app_reply(r, 200, row ? row : json_object());
}

/* ---- runs ---- */

static json_t *a_run(struct rental *s, const char *tenant, int64_t id)
{
    json_t *row =
        db_row(s->db,
               "select id, task, total, done, changed, started_at, finished_at from syncs "
               "where tenant = $1 and id = $2",
               "si", tenant, id);
    if (row)
        json_object_set_new(
            row, "progress",
            json_integer(rule_progress(rental_number(row, "done"), rental_number(row, "total"))));
    return row;
}

static void tell_run(struct rental *s, const char *tenant, const json_t *row)
{
    int64_t done = rental_number(row, "done"), total = rental_number(row, "total");
    json_t *data =
        json_pack("{s:s, s:I, s:I, s:I, s:I, s:I}", "task", rental_text(row, "task"), "sync_id",
                  (json_int_t)rental_number(row, "id"), "progress",
                  (json_int_t)rental_number(row, "progress"), "done", (json_int_t)done, "total",
                  (json_int_t)total, "changed", (json_int_t)rental_number(row, "changed"));
    rental_tell(s, tenant, "sync_progress", NULL, data, "%s: %lld of %lld",
                rental_text(row, "task"), (long long)done, (long long)total);
}

static void start_run(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant;
    char task[RENTAL_NAME];
    int64_t total;
    json_t *body;
    if (!rental_allowed(r, RULE_DO_SYNC) || !(body = app_body(r)) ||
        !rental_line(r, body, "task", task, sizeof task) ||
        !rental_int(r, body, "total", 1, 100000, &total))
        return;
    json_t *made = db_row(s->db,
                          "insert into syncs (tenant, task, total, started_at) values ($1, $2, $3, "
                          "$4) returning id",
                          "ssii", tenant, task, total, (int64_t)app_now_ms());
    json_t *row = made ? a_run(s, tenant, rental_number(made, "id")) : NULL;
    json_decref(made);
    if (!row) {
        rental_broken(s, r);
        return;
    }
    db_run(
        s->db,
        "delete from syncs where tenant = $1 and id not in (select id from syncs where tenant = $1 "
        "order by id desc limit $2)",
        "si", tenant, (int64_t)RUNS_KEPT);
    tell_run(s, tenant, row);
    app_reply(r, 201, row);
}

/* A record's members, cleaned. False when one is no such thing. */
struct record {
    char code[RENTAL_NAME], name[RENTAL_NAME], city[RENTAL_NAME], email[RENTAL_NAME];
    int64_t limit, revision;
};

static bool read_record(json_t *from, struct record *out)
{
    json_t *limit = json_object_get(from, "credit_limit"),
           *revision = json_object_get(from, "revision");
    out->limit = json_integer_value(limit);
    out->revision = json_integer_value(revision);
    return rule_line(json_string_value(json_object_get(from, "code")), out->code, RENTAL_NAME) &&
           rule_line(json_string_value(json_object_get(from, "name")), out->name, RENTAL_NAME) &&
           rule_line(json_string_value(json_object_get(from, "city")), out->city, RENTAL_NAME) &&
           rule_line(json_string_value(json_object_get(from, "email")), out->email, RENTAL_NAME) &&
           json_is_integer(limit) && out->limit >= 0 && out->limit <= 100000000000 &&
           json_is_integer(revision) && out->revision >= 1;
}

/* Writes one; 1 when it was new or newer than what is there, 0 when not, -1 after an error. */
static int64_t write_record(struct rental *s, const char *tenant, const struct record *c)
{
    return db_run(
        s->db,
        "insert into customers (tenant, code, name, city, email, credit_limit, revision, "
        "synced_at) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (tenant, code) do "
        "update set name = excluded.name, city = excluded.city, email = excluded.email, "
        "credit_limit = excluded.credit_limit, revision = excluded.revision, synced_at = "
        "excluded.synced_at where excluded.revision > customers.revision",
        "sssssiii", tenant, c->code, c->name, c->city, c->email, c->limit, c->revision,
        (int64_t)app_now_ms());
}

/* Writes them all. How many were news; -1 after an error, -2 - i when record i is none. */
static int64_t write_records(struct rental *s, const char *tenant, json_t *records)
{
    int64_t news = 0;
    json_t *record;
    size_t i;
    json_array_foreach(records, i, record)
    {
        struct record c;
        if (!read_record(record, &c))
            return -2 - (int64_t)i;
        int64_t one = write_record(s, tenant, &c);
        if (one < 0)
            return -1;
        news += one;
    }
    return news;
}

static void take_batch(void *state, struct app_request *r)
{
    struct rental *s = state;
    const char *tenant = app_who(r)->tenant;
    int64_t id, news;
    json_t *body, *records;
    if (!rental_allowed(r, RULE_DO_SYNC) || (id = rental_id(r)) < 0 || !(body = app_body(r)))
        return;
    records = json_object_get(body, "customers");
    size_t count = json_array_size(records);
    if (!count || count > BATCH_MOST) {
        app_fail(r, 400, "BAD_REQUEST", "\"customers\" must be 1 to %d of them", BATCH_MOST);
        return;
    }
    if (db_begin(s->db)) {
        rental_broken(s, r);
        return;
    }
    json_t *row = a_run(s, tenant, id);
    if (!row) {
        rental_missing(s, r, "run");
        return;
    }
    if (rental_number(row, "done") + (int64_t)count > rental_number(row, "total")) {
        rental_conflict(s, r, "TOO_MANY", "the run was to have fewer records");
    } else if ((news = write_records(s, tenant, records)) <= -2) {
        db_rollback(s->db);
        app_fail(r, 400, "BAD_REQUEST", "record %lld lacks a member, or has a wrong one",
                 (long long)(-2 - news));
    } else if (news < 0 ||
               db_run(s->db,
                      "update syncs set done = done + $1, changed = changed + $2, finished_at = "
                      "iif(done + $1 = total, $3, null) where id = $4",
                      "iiii", (int64_t)count, news, (int64_t)app_now_ms(), id) != 1) {
        rental_broken(s, r);
    } else if (rental_commit(s, r)) {
        json_decref(row);
        row = a_run(s, tenant, id);
        tell_run(s, tenant, row);
        app_reply(r, 200, json_incref(row));
    }
    json_decref(row);
}

int rental_routes_customers(struct rental *s)
{
    struct app *app = s->app;
    return app_route(app, "GET", "/api/rental/customers", APP_PRIVATE, list) ||
                   app_route(app, "POST", "/api/rental/customers/:id/credit", APP_PRIVATE,
                             set_credit) ||
                   app_route(app, "POST", "/api/rental/syncs", APP_PRIVATE, start_run) ||
                   app_route(app, "POST", "/api/rental/syncs/:id/customers", APP_PRIVATE,
                             take_batch)
               ? -1
               : 0;
}
