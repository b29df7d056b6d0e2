/* What the pages ask and what the people before them decide. All of it is the signed-in operator's
 * own: every statement names its tenant. */
#include "parking/parking.h"
#include "parking/rules.h"

#include <stdlib.h>
#include <string.h>

#define LIST_DEFAULT 50
#define LIST_MAX 500
#define CURVE_MS 3600000 /* of a lot's page */

#define LOT_COLUMNS                                                                                \
    CAPACITY                                                                                       \
        ", name, address, warn_percent as warnPercent, "                                           \
        "(select count(*) from devices d where d.lot = l.id and d.kind = 'camera') as cameras"

#define ALERT_COLUMNS                                                                              \
    "'alert_' || id as _id, type, severity, lot as parkingLotId, contractor as contractorId, "     \
    "message, status, " ISO("created_ms") " as createdAt, " ISO(                                   \
        "changed_ms") " as changedAt, changed_by as changedBy"

#define VIOLATION_COLUMNS                                                                          \
    "'violation_' || id as _id, contractor as contractorId, lot as parkingLotId, "                 \
    "type as violationType, " ISO(                                                                 \
        "created_ms") " as timestamp, "                                                            \
                      "json_object('allocatedCapacity', allocated, 'actualOccupancy', actual, "    \
                      "'excessVehicles', excess, 'duration', duration_s) as \"details{}\", "       \
                      "penalty, status, "                                                          \
                      "plate as plateNumber, " ISO(                                                \
                          "ended_ms") " as endedAt, changed_by as changedBy"

#define GATE_COLUMNS                                                                               \
    "id, lot as parkingLotId, event, plate as plateNumber, contractor as contractorId, " ISO(      \
        "told_ms") " as timestamp, duration_s as duration, by_name as enteredBy"

/* Staff of the operator. NULL: it has been answered. */
static const struct app_who *staff(struct app_request *r)
{
    const struct app_who *who = app_who(r);
    if (park_is_staff(who) && who->tenant[0])
        return who;
    app_fail(r, 403, "FORBIDDEN", "this is for the staff of a car park");
    return NULL;
}

static const struct app_who *manager(struct app_request *r)
{
    const struct app_who *who = staff(r);
    if (!who || park_is_manager(who))
        return who;
    app_fail(r, 403, "FORBIDDEN", "only a manager may do this");
    return NULL;
}

/* Answers with an object of lists; any that is missing is a failure of the database. */
static void reply_all(struct parking *p, struct app_request *r, json_t *out, size_t members)
{
    if (out && json_object_size(out) == members) {
        app_reply(r, 200, out);
        return;
    }
    json_decref(out);
    park_fail(p, r);
}

/* A list goes in only when there is one. Takes it over. */
static void put(json_t *out, const char *name, json_t *value)
{
    if (value)
        json_object_set_new(out, name, value);
}

static int64_t limit_of(struct app_request *r)
{
    const char *text = app_query(r, "limit");
    char *end;
    long long n = text ? strtoll(text, &end, 10) : LIST_DEFAULT;
    return n < 1 ? LIST_DEFAULT : n > LIST_MAX ? LIST_MAX : n;
}

/* ---- lists ---- */

static json_t *lots(struct parking *p, const char *tenant)
{
    return db_rows(p->db, "select " LOT_COLUMNS " from lots l where l.tenant = $1 order by l.name",
                   "s", tenant);
}

/* Filters that are NULL are none. status "open": whatever isn't resolved. */
static json_t *alerts(struct parking *p, const char *tenant, const char *lot, const char *type,
                      const char *status, int64_t limit)
{
    return db_rows(p->db,
                   "select " ALERT_COLUMNS " from alerts where tenant = $1 and "
                   "($2 is null or lot = $2) and ($3 is null or type = $3) and "
                   "($4 is null or status = $4 or ($4 = 'open' and status <> 'resolved')) "
                   "order by status = 'resolved', created_ms desc, id desc limit $5",
                   "ssssi", tenant, lot, type, status, limit);
}

static json_t *violations(struct parking *p, const char *tenant, const char *lot, const char *type,
                          const char *status, const char *contractor, int64_t limit)
{
    return db_rows(p->db,
                   "select " VIOLATION_COLUMNS " from violations where tenant = $1 and "
                   "($2 is null or lot = $2) and ($3 is null or type = $3) and "
                   "($4 is null or status = $4 or ($4 = 'open' and status <> 'resolved')) and "
                   "($5 is null or contractor = $5) order by status = 'resolved', "
                   "created_ms desc, id desc limit $6",
                   "sssssi", tenant, lot, type, status, contractor, limit);
}

static json_t *gate_events(struct parking *p, const char *tenant, const char *lot,
                           const char *event, int64_t limit)
{
    return db_rows(p->db,
                   "select " GATE_COLUMNS " from gate_events where tenant = $1 and "
                   "($2 is null or lot = $2) and ($3 is null or event = $3) "
                   "order by told_ms desc, id desc limit $4",
                   "sssi", tenant, lot, event, limit);
}

static json_t *operator_of(struct parking *p, const char *tenant)
{
    return db_row(p->db, "select name, currency from operators where tenant = $1", "s", tenant);
}

static json_t *names(struct parking *p, const char *tenant)
{
    return db_rows(p->db, "select id as _id, name from contractors where tenant = $1 order by name",
                   "s", tenant);
}

/* What isn't settled, all of it: the lists are only so long. asOf: what is older is in it. */
static json_t *totals(struct parking *p, const char *tenant)
{
    char now[25];
    json_t *row = db_row(
        p->db,
        "select (select count(*) from alerts where tenant = $1 and status <> 'resolved') "
        "as alertsOpen, count(*) as violationsOpen, coalesce(sum(penalty), 0) as penaltiesOpen "
        "from violations where tenant = $1 and status <> 'resolved'",
        "s", tenant);
    json_object_set_new(row, "asOf", json_string(app_iso(app_now_ms(), now)));
    return row;
}

/* Contractors' vehicles and where they are (null: outside), so that a page can follow them. */
static json_t *fleet(struct parking *p, const char *tenant)
{
    return db_rows(p->db,
                   "select v.plate as plateNumber, v.contractor as contractorId, "
                   "s.lot as parkingLotId from vehicles v left join visits s on "
                   "s.tenant = v.tenant and s.plate = v.plate and s.exited_ms is null "
                   "where v.tenant = $1 order by v.plate",
                   "s", tenant);
}

/* Entries and exits since midnight (UTC), and the stays that ended. */
static json_t *today(struct parking *p, const char *tenant)
{
    return db_row(p->db,
                  "select coalesce(sum(event = 'vehicle_entry'), 0) as entries, "
                  "coalesce(sum(event = 'vehicle_exit'), 0) as exits, "
                  "count(duration_s) as stays, coalesce(sum(duration_s), 0) as staySeconds "
                  "from gate_events where tenant = $1 and told_ms >= $2",
                  "si", tenant, (int64_t)(app_now_ms() / 86400000 * 86400000));
}

/* ---- reading ---- */

static void on_overview(void *state, struct app_request *r)
{
    struct parking *p = state;
    const struct app_who *who = staff(r);
    json_t *out = who ? json_object() : NULL;
    if (!who)
        return;
    put(out, "operator", operator_of(p, who->tenant));
    put(out, "lots", lots(p, who->tenant));
    put(out, "contractors", names(p, who->tenant));
    put(out, "alerts", alerts(p, who->tenant, NULL, NULL, NULL, 100));
    put(out, "violations", violations(p, who->tenant, NULL, NULL, NULL, NULL, 100));
    put(out, "gateEvents", gate_events(p, who->tenant, NULL, NULL, 40));
    put(out, "today", today(p, who->tenant));
    put(out, "totals", totals(p, who->tenant));
    put(out, "fleet", fleet(p, who->tenant));
    reply_all(p, r, out, 9);
}

static void on_lots(void *state, struct app_request *r)
{
    struct parking *p = state;
    const struct app_who *who = staff(r);
    json_t *out = who ? json_object() : NULL;
    if (!who)
        return;
    put(out, "lots", lots(p, who->tenant));
    reply_all(p, r, out, 1);
}

static void on_alerts(void *state, struct app_request *r)
{
    struct parking *p = state;
    const struct app_who *who = staff(r);
    json_t *out = who ? json_object() : NULL;
    if (!who)
        return;
    put(out, "alerts",
        alerts(p, who->tenant, app_query(r, "lot"), app_query(r, "type"), app_query(r, "status"),
               limit_of(r)));
    reply_all(p, r, out, 1);
}

static void on_violations(void *state, struct app_request *r)
{
    struct parking *p = state;
    const struct app_who *who = staff(r);
    json_t *out = who ? json_object() : NULL;
    if (!who)
        return;
    put(out, "violations",
        violations(p, who->tenant, app_query(r, "lot"), app_query(r, "type"),
                   app_query(r, "status"), app_query(r, "contractor"), limit_of(r)));
    reply_all(p, r, out, 1);
}

static void on_gate_events(void *state, struct app_request *r)
{
    struct parking *p = state;
    const struct app_who *who = staff(r);
    json_t *out = who ? json_object() : NULL;
    if (!who)
        return;
    put(out, "gateEvents",
        gate_events(p, who->tenant, app_query(r, "lot"), app_query(r, "event"), limit_of(r)));
    put(out, "lots", lots(p, who->tenant));
    put(out, "contractors", names(p, who->tenant));
    put(out, "today", today(p, who->tenant));
    put(out, "totals", totals(p, who->tenant));
    put(out, "fleet", fleet(p, who->tenant));
    reply_all(p, r, out, 6);
}

static json_t *lot_devices(struct parking *p, const char *lot)
{
    return db_rows(p->db,
                   "select id as _id, kind, name, " ISO(
                       "nullif(last_seen_ms, 0)") " as lastSeen, offline as \"offline?\" "
                                                  "from devices where lot = $1 order by kind, name",
                   "s", lot);
}

static json_t *lot_allocations(struct parking *p, const char *lot)
{
    return db_rows(p->db,
                   "select c.id as contractorId, c.name, c.rate, a.capacity, "
                   "a.max_stay_s / 60 as maxStayMinutes, a.lot as parkingLotId "
                   "from allocations a join contractors c on c.id = a.contractor "
                   "where a.lot = $1 order by c.name",
                   "s", lot);
}

static void on_lot(void *state, struct app_request *r)
{
    struct parking *p = state;
    const struct app_who *who = staff(r);
    const char *id = who ? app_param(r, "lot") : NULL; /* r is gone once it was answered */
    json_t *lot =
        who ? db_row(p->db, "select " LOT_COLUMNS " from lots l where l.tenant = $1 and l.id = $2",
                     "ss", who->tenant, id)
            : NULL;
    json_t *out = lot ? json_object() : NULL;
    if (!who)
        return;
    if (!lot) {
        app_fail(r, 404, "NOT_FOUND", "there is no such lot");
        return;
    }
    put(out, "lot", lot);
    put(out, "operator", operator_of(p, who->tenant));
    put(out, "contractors", names(p, who->tenant));
    put(out, "devices", lot_devices(p, id));
    put(out, "allocations", lot_allocations(p, id));
    put(out, "alerts", alerts(p, who->tenant, id, NULL, NULL, 50));
    put(out, "violations", violations(p, who->tenant, id, NULL, NULL, NULL, 50));
    put(out, "gateEvents", gate_events(p, who->tenant, id, NULL, 40));
    put(out, "counts",
        db_rows(p->db,
                "select " ISO("at_ms") " as at, occupied from counts "
                                       "where lot = $1 and at_ms >= $2 order by at_ms",
                "si", id, (int64_t)app_now_ms() - CURVE_MS));
    put(out, "totals", totals(p, who->tenant));
    put(out, "fleet", fleet(p, who->tenant));
    reply_all(p, r, out, 11);
}

/* Contractors with their allocations as a list each. */
static void on_contractors(void *state, struct app_request *r)
{
    struct parking *p = state;
    const struct app_who *who = staff(r);
    json_t *out = who ? json_object() : NULL;
    if (!who)
        return;
    put(out, "operator", operator_of(p, who->tenant));
    put(out, "lots", lots(p, who->tenant));
    put(out, "contractors",
        db_rows(p->db,
                "select c.id as _id, c.name, c.rate, "
                "(select coalesce(sum(penalty), 0) from violations x where x.contractor = c.id and "
                "x.status <> 'resolved') as penaltiesOpen, "
                "(select coalesce(sum(penalty), 0) from violations x where x.contractor = c.id and "
                "x.status = 'resolved') as penaltiesSettled, "
                "(select count(*) from violations x where x.contractor = c.id and "
                "x.status <> 'resolved') as violationsOpen "
                "from contractors c where c.tenant = $1 order by c.name",
                "s", who->tenant));
    put(out, "allocations",
        db_rows(p->db,
                "select a.contractor as contractorId, a.lot as parkingLotId, a.capacity, "
                "a.max_stay_s / 60 as maxStayMinutes "
                "from allocations a join lots l on l.id = a.lot where l.tenant = $1 "
                "order by l.name",
                "s", who->tenant));
    put(out, "violations", violations(p, who->tenant, NULL, NULL, NULL, NULL, 100));
    put(out, "totals", totals(p, who->tenant));
    put(out, "fleet", fleet(p, who->tenant));
    reply_all(p, r, out, 7);
}

/* ---- deciding ---- */

/* The number in "alert_12"; 0 when it is none. */
static int64_t number_of(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);
    char *end;
    if (!text || strncmp(text, prefix, len) != 0 || text[len] < '1' || text[len] > '9')
        return 0;
    long long n = strtoll(text + len, &end, 10);
    return *end ? 0 : n;
}

/* What both kinds of decision have in common. set: park_alert_set or park_violation_set. */
static void decide(struct parking *p, struct app_request *r, const struct app_who *who,
                   const char *prefix, const char *status,
                   int (*set)(struct change *, int64_t, const char *), const char *sql)
{
    struct change c;
    int64_t id = number_of(app_param(r, "id"), prefix);
    if (strcmp(status, "acknowledged") != 0 && strcmp(status, "resolved") != 0) {
        app_fail(r, 400, "BAD_REQUEST", "status must be acknowledged or resolved");
        return;
    }
    if (park_begin(&c, p, who->tenant, who->name)) {
        park_fail(p, r);
        return;
    }
    int done = set(&c, id, status);
    if (park_end(&c))
        park_fail(p, r);
    else if (done < 0)
        app_fail(r, 404, "NOT_FOUND", "there is none with this id");
    else if (done == 0)
        app_fail(r, 409, "CONFLICT", "it has been resolved already");
    else
        app_reply(r, 200, db_row(p->db, sql, "i", id));
}

static void on_alert(void *state, struct app_request *r)
{
    const struct app_who *who = staff(r);
    json_t *body = who ? app_body(r) : NULL;
    if (body)
        decide(state, r, who, "alert_", park_text(body, "status"), park_alert_set,
               "select " ALERT_COLUMNS " from alerts where id = $1");
}

static void on_violation(void *state, struct app_request *r)
{
    const struct app_who *who = manager(r);
    json_t *body = who ? app_body(r) : NULL;
    if (body)
        decide(state, r, who, "violation_", park_text(body, "status"), park_violation_set,
               "select " VIOLATION_COLUMNS " from violations where id = $1");
}

/* A whole number of the body within limits, `otherwise` when it isn't there; -1: neither. */
static int64_t take(const json_t *body, const char *name, int64_t low, int64_t high,
                    int64_t otherwise)
{
    const json_t *said = json_object_get(body, name);
    int64_t n = json_integer_value(said);
    if (!said)
        return otherwise;
    return json_is_integer(said) && n >= low && n <= high ? n : -1;
}

static void write_lot(struct parking *p, struct app_request *r, const struct app_who *who,
                      const char *id, int64_t total, int64_t warn)
{
    struct change c;
    int rc = park_begin(&c, p, who->tenant, who->name);
    if (!rc) {
        park_note(&c, db_run(p->db,
                             "update lots set total_slots = $2, warn_percent = $3, "
                             "clear_percent = $3 - 5, updated_ms = max($4, updated_ms + 1) "
                             "where id = $1",
                             "siii", id, total, warn, (int64_t)c.now_ms));
        park_say_capacity(&c, id, NULL, NULL, -1);
        park_say_refresh(&c, id);
        park_settle_lot(&c, id);
        rc = park_end(&c);
    }
    if (rc)
        park_fail(p, r);
    else
        app_reply(r, 200,
                  db_row(p->db, "select " LOT_COLUMNS " from lots l where l.id = $1", "s", id));
}

static void on_lot_change(void *state, struct app_request *r)
{
    struct parking *p = state;
    const struct app_who *who = manager(r);
    json_t *body = who ? app_body(r) : NULL;
    const char *id = body ? app_param(r, "lot") : NULL;
    json_t *row = body ? park_lot(p, who->tenant, id) : NULL;
    if (!body)
        return;
    int64_t total = take(body, "totalSlots", 1, PARKING_COUNT_MAX, park_int(row, "total_slots"));
    int64_t warn = take(body, "warnPercent", 50, 100, park_int(row, "warn_percent"));
    if (!row)
        app_fail(r, 404, "NOT_FOUND", "there is no such lot");
    else if (total < 0 || warn < 0)
        app_fail(r, 400, "BAD_REQUEST", "totalSlots must be 1 to %d, warnPercent 50 to 100",
                 PARKING_COUNT_MAX);
    else
        write_lot(p, r, who, id, total, warn);
    json_decref(row);
}

static void write_allocation(struct parking *p, struct app_request *r, const struct app_who *who,
                             int64_t capacity, int64_t minutes)
{
    const char *contractor = app_param(r, "contractor"), *lot = app_param(r, "lot");
    struct change c;
    int rc = park_begin(&c, p, who->tenant, who->name);
    if (!rc) {
        park_note(&c, db_run(p->db,
                             "insert into allocations (contractor, lot, capacity, max_stay_s) "
                             "values ($1, $2, $3, $4 * 60) on conflict (contractor, lot) do "
                             "update set capacity = $3, max_stay_s = $4 * 60",
                             "ssii", contractor, lot, capacity, minutes));
        park_say_refresh(&c, lot);
        park_settle_share(&c, contractor, lot);
        rc = park_end(&c);
    }
    if (rc)
        park_fail(p, r);
    else
        app_reply(r, 200,
                  json_pack("{s:s, s:s, s:I, s:I}", "contractorId", contractor, "parkingLotId", lot,
                            "capacity", (json_int_t)capacity, "maxStayMinutes",
                            (json_int_t)minutes));
}

static void on_allocation(void *state, struct app_request *r)
{
    struct parking *p = state;
    const struct app_who *who = manager(r);
    json_t *body = who ? app_body(r) : NULL;
    if (!body)
        return;
    int64_t known = db_int(p->db, 0,
                           "select count(*) from contractors c join lots l on l.tenant = c.tenant "
                           "where c.tenant = $1 and c.id = $2 and l.id = $3",
                           "sss", who->tenant, app_param(r, "contractor"), app_param(r, "lot"));
    int64_t capacity = take(body, "capacity", 0, PARKING_COUNT_MAX, -1);
    int64_t minutes = take(body, "maxStayMinutes", 0, 43200, 0);
    if (!known)
        app_fail(r, 404, "NOT_FOUND", "there is no such contractor or lot");
    else if (capacity < 0 || minutes < 0)
        app_fail(r, 400, "BAD_REQUEST",
                 "send capacity, 0 to %d, and maxStayMinutes, 0 (no limit) to 43200",
                 PARKING_COUNT_MAX);
    else
        write_allocation(p, r, who, capacity, minutes);
}

int parking_desk_routes(struct parking *p)
{
    static const struct {
        const char *method, *path;
        app_handler handler;
    } routes[] = {
        {"GET", "/api/parking/overview", on_overview},
        {"GET", "/api/parking/lots", on_lots},
        {"GET", "/api/parking/lots/:lot", on_lot},
        {"POST", "/api/parking/lots/:lot", on_lot_change},
        {"GET", "/api/parking/alerts", on_alerts},
        {"POST", "/api/parking/alerts/:id", on_alert},
        {"GET", "/api/parking/violations", on_violations},
        {"POST", "/api/parking/violations/:id", on_violation},
        {"GET", "/api/parking/gate-events", on_gate_events},
        {"GET", "/api/parking/contractors", on_contractors},
        {"POST", "/api/parking/contractors/:contractor/allocations/:lot", on_allocation},
    };
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (app_route(p->app, routes[i].method, routes[i].path, APP_PRIVATE, routes[i].handler))
            return -1;
    return 0;
}
