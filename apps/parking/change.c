#include "parking/parking.h"

#include <string.h>

#define CHANNEL "dashboard"

const char *park_text(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text ? text : "";
}

int64_t park_int(const json_t *row, const char *name)
{
    return json_integer_value(json_object_get(row, name));
}

int park_begin(struct change *c, struct parking *p, const char *tenant, const char *by)
{
    *c = (struct change){.p = p, .tenant = tenant, .by = by, .now_ms = app_now_ms()};
    c->events = json_array();
    if (c->events && db_begin(p->db) == 0)
        return 0;
    json_decref(c->events);
    return -1;
}

int64_t park_note(struct change *c, int64_t rc)
{
    if (rc < 0 && !c->bad)
        app_log(c->p->app, FRESHET_LOG_ERROR, "not stored: %s", db_error(c->p->db));
    c->bad = c->bad || rc < 0;
    return rc;
}

static void publish(struct change *c, const json_t *event)
{
    app_publish(c->p->app, &(struct app_event){
                               .tenant = c->tenant,
                               .channel = CHANNEL,
                               .type = park_text(event, "type"),
                               .key = park_text(event, "lot"),
                               .data = json_incref(json_object_get(event, "data")),
                               .high = json_is_true(json_object_get(event, "high")),
                           });
}

int park_end(struct change *c)
{
    size_t i;
    json_t *event;
    if (!c->bad)
        park_note(c, db_commit(c->p->db));
    if (c->bad) {
        db_rollback(c->p->db);
    } else {
        json_array_foreach(c->events, i, event) publish(c, event);
    }
    json_decref(c->events);
    return c->bad ? -1 : 0;
}

/* Takes data over; lot may be a text of it. */
static void say(struct change *c, const char *type, const char *lot, json_t *data, bool high)
{
    json_t *event = data ? json_pack("{s:s, s:s, s:O, s:b}", "type", type, "lot", lot, "data", data,
                                     "high", high)
                         : NULL;
    if (!event || json_array_append_new(c->events, event))
        c->bad = true;
    json_decref(data);
}

void park_say_capacity(struct change *c, const char *lot, const char *event, const char *plate,
                       int64_t duration_s)
{
    json_t *data = db_row(c->p->db, "select " CAPACITY " from lots where id = $1", "s", lot);
    if (event)
        json_object_set_new(data, "event", json_string(event));
    if (plate)
        json_object_set_new(data, "plateNumber", json_string(plate));
    if (duration_s >= 0)
        json_object_set_new(data, "duration", json_integer(duration_s));
    say(c, "capacity_update", lot, data, false);
}

void park_say_refresh(struct change *c, const char *lot)
{
    say(c, "refresh", lot, json_pack("{s:s}", "parkingLotId", lot), false);
}

/* ---- alerts ---- */

static void say_alert(struct change *c, int64_t id)
{
    json_t *data = db_row(c->p->db,
                          "select 'alert_' || id as _id, type, severity, lot as parkingLotId, "
                          "contractor as contractorId, message, status, " ISO(
                              "created_ms") " as createdAt from alerts where id = $1",
                          "i", id);
    if (json_is_null(json_object_get(data, "contractorId")))
        json_object_del(data, "contractorId");
    bool high = strcmp(park_text(data, "severity"), "critical") == 0;
    say(c, "alert", park_text(data, "parkingLotId"), data, high);
}

void park_alert_raise(struct change *c, const struct alert *a)
{
    int64_t rc = db_run(c->p->db,
                        "insert into alerts (tenant, lot, type, severity, contractor, device, "
                        "violation, message, created_ms, changed_ms) "
                        "values ($1, $2, $3, $4, $5, $6, nullif($7, 0), $8, $9, $9)",
                        "ssssssisi", c->tenant, a->lot, a->type, a->severity, a->contractor,
                        a->device, a->violation, a->message, (int64_t)c->now_ms);
    if (park_note(c, rc) > 0)
        say_alert(c, db_int(c->p->db, 0, "select last_insert_rowid()", ""));
}

/* The unresolved alerts that are meant: an array of {"id"}. */
static json_t *open_alerts(struct change *c, const char *lot, const char *type, const char *device,
                           int64_t violation)
{
    json_t *rows = db_rows(c->p->db,
                           "select id from alerts where tenant = $1 and lot = $2 and type = $3 and "
                           "status <> 'resolved' and ($4 is null or device = $4) and "
                           "($5 = 0 or violation = $5) order by id",
                           "ssssi", c->tenant, lot, type, device, violation);
    park_note(c, rows ? 0 : -1);
    return rows;
}

static void alert_write(struct change *c, int64_t id, const char *status)
{
    int64_t rc = db_run(c->p->db,
                        "update alerts set status = $2, changed_ms = $3, changed_by = $4 "
                        "where id = $1",
                        "isis", id, status, (int64_t)c->now_ms, c->by);
    if (park_note(c, rc) > 0)
        say_alert(c, id);
}

void park_alert_resolve(struct change *c, const char *lot, const char *type, const char *device,
                        int64_t violation)
{
    json_t *rows = open_alerts(c, lot, type, device, violation), *row;
    size_t i;
    json_array_foreach(rows, i, row) alert_write(c, park_int(row, "id"), "resolved");
    json_decref(rows);
}

void park_alert_worsen(struct change *c, const char *lot, const char *type, const char *severity,
                       const char *message)
{
    json_t *rows = open_alerts(c, lot, type, NULL, 0), *row;
    size_t i;
    json_array_foreach(rows, i, row)
    {
        int64_t id = park_int(row, "id");
        int64_t rc = db_run(c->p->db,
                            "update alerts set severity = $2, message = $3, changed_ms = $4 "
                            "where id = $1",
                            "issi", id, severity, message, (int64_t)c->now_ms);
        if (park_note(c, rc) > 0)
            say_alert(c, id);
    }
    json_decref(rows);
}

/* How far along a status is; those of alerts and violations have the same order. */
static int stage(const char *status)
{
    if (strcmp(status, "resolved") == 0)
        return 2;
    return strcmp(status, "acknowledged") == 0 ? 1 : 0;
}

int park_alert_set(struct change *c, int64_t id, const char *status)
{
    json_t *row = db_row(c->p->db, "select status from alerts where tenant = $1 and id = $2", "si",
                         c->tenant, id);
    int step = row ? stage(status) - stage(park_text(row, "status")) : 0;
    int done = !row ? -1 : step >= 0;
    if (row && step > 0)
        alert_write(c, id, status);
    json_decref(row);
    return done;
}

/* ---- violations ---- */

static void say_violation(struct change *c, int64_t id)
{
    json_t *data = db_row(
        c->p->db,
        "select 'violation_' || id as _id, contractor as contractorId, lot as parkingLotId, "
        "type as violationType, " ISO(
            "created_ms") " as timestamp, "
                          "json_object('allocatedCapacity', allocated, 'actualOccupancy', actual, "
                          "'excessVehicles', excess, 'duration', duration_s) as \"details{}\", "
                          "penalty, status "
                          "from violations where id = $1",
        "i", id);
    say(c, "violation", park_text(data, "parkingLotId"), data, false);
}

int64_t park_violation_open(struct change *c, const struct violation *v)
{
    int64_t rc =
        db_run(c->p->db,
               "insert into violations (tenant, lot, contractor, type, plate, allocated, actual, "
               "excess, duration_s, penalty, created_ms, changed_ms) "
               "values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)",
               "sssssiiiiii", c->tenant, v->lot, v->contractor, v->type, v->plate, v->allocated,
               v->actual, v->excess, v->duration_s, v->penalty, (int64_t)c->now_ms);
    if (park_note(c, rc) <= 0)
        return 0;
    int64_t id = db_int(c->p->db, 0, "select last_insert_rowid()", "");
    say_violation(c, id);
    park_alert_raise(c, &(struct alert){.lot = v->lot,
                                        .type = "violation_detected",
                                        .severity = v->severity,
                                        .message = v->message,
                                        .contractor = v->contractor,
                                        .violation = id});
    return id;
}

void park_violation_grow(struct change *c, int64_t id, int64_t actual, int64_t excess,
                         int64_t duration_s, int64_t penalty)
{
    int64_t rc = db_run(c->p->db,
                        "update violations set actual = $2, excess = $3, duration_s = $4, "
                        "penalty = $5, changed_ms = $6 "
                        "where id = $1 and status <> 'resolved' and (excess < $3 or "
                        "(duration_s + 3599) / 3600 < ($4 + 3599) / 3600)",
                        "iiiiii", id, actual, excess, duration_s, penalty, (int64_t)c->now_ms);
    if (park_note(c, rc) > 0)
        say_violation(c, id);
}

void park_violation_over(struct change *c, int64_t id, int64_t duration_s)
{
    int64_t rc = db_run(c->p->db,
                        "update violations set ended_ms = $2, changed_ms = $2, "
                        "duration_s = case when $3 < 0 then duration_s else $3 end "
                        "where id = $1 and ended_ms is null",
                        "iii", id, (int64_t)c->now_ms, duration_s);
    if (park_note(c, rc) <= 0)
        return;
    json_t *row = db_row(c->p->db, "select lot from violations where id = $1", "i", id);
    say_violation(c, id);
    park_alert_resolve(c, park_text(row, "lot"), "violation_detected", NULL, id);
    json_decref(row);
}

int park_violation_set(struct change *c, int64_t id, const char *status)
{
    json_t *row =
        db_row(c->p->db, "select lot, status from violations where tenant = $1 and id = $2", "si",
               c->tenant, id);
    int step = row ? stage(status) - stage(park_text(row, "status")) : 0;
    int done = !row ? -1 : step >= 0;
    if (row && step > 0) {
        int64_t rc = db_run(c->p->db,
                            "update violations set status = $2, changed_ms = $3, changed_by = $4 "
                            "where id = $1",
                            "isis", id, status, (int64_t)c->now_ms, c->by);
        if (park_note(c, rc) > 0)
            say_violation(c, id);
        if (stage(status) == 2)
            park_alert_resolve(c, park_text(row, "lot"), "violation_detected", NULL, id);
    }
    json_decref(row);
    return done;
}
