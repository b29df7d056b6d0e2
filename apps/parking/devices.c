/* What cameras and gates say, and what staff enters in their place. A device is known by the
 * subject of its token, and speaks of its own lot alone. */
#include "parking/parking.h"
#include "parking/rules.h"

#include <string.h>

struct caller {
    const struct app_who *who;
    json_t *device;  /* NULL: a person */
    const char *lot; /* borrowed from the device or the body */
};

json_t *park_lot(struct parking *p, const char *tenant, const char *lot)
{
    return db_row(p->db, "select * from lots where tenant = $1 and id = $2", "ss", tenant, lot);
}

bool park_is_manager(const struct app_who *who)
{
    return strcmp(who->role, "manager") == 0;
}

bool park_is_staff(const struct app_who *who)
{
    return park_is_manager(who) || strcmp(who->role, "attendant") == 0;
}

void park_fail(struct parking *p, struct app_request *r)
{
    app_log(p->app, FRESHET_LOG_ERROR, "a request failed: %s", db_error(p->db));
    app_fail(r, 500, "INTERNAL", "the database could not take it");
}

static void caller_fini(struct caller *c)
{
    json_decref(c->device);
}

/* Whether a member of the body, where there is one, says `wanted`. */
static bool agrees(const json_t *body, const char *name, const char *wanted)
{
    const json_t *said = json_object_get(body, name);
    return !said || (json_is_string(said) && strcmp(json_string_value(said), wanted) == 0);
}

/* A device of that kind, or staff that names a lot of its own. False: it has been answered. */
static bool caller_init(struct caller *c, struct parking *p, struct app_request *r,
                        const json_t *body, const char *kind, const char *id_name)
{
    c->who = app_who(r);
    c->device = db_row(p->db, "select * from devices where tenant = $1 and id = $2", "ss",
                       c->who->tenant, c->who->subject);
    if (c->device) {
        c->lot = park_text(c->device, "lot");
        if (strcmp(park_text(c->device, "kind"), kind) == 0 &&
            agrees(body, "parkingLotId", c->lot) && agrees(body, id_name, c->who->subject))
            return true;
        app_fail(r, 403, "FORBIDDEN", "%s is a %s of %s and speaks for nothing else",
                 c->who->subject, park_text(c->device, "kind"), c->lot);
        caller_fini(c);
        return false;
    }
    c->lot = park_text(body, "parkingLotId");
    json_t *lot = park_is_staff(c->who) ? park_lot(p, c->who->tenant, c->lot) : NULL;
    if (!park_is_staff(c->who))
        app_fail(r, 403, "FORBIDDEN", "this is for devices of the car park and for its staff");
    else if (!lot)
        app_fail(r, 404, "NOT_FOUND", "there is no such parkingLotId");
    bool ok = lot != NULL;
    json_decref(lot);
    return ok;
}

/* Reads "timestamp": when it was, as the device says. False: it has been answered. */
static bool take_when(struct app_request *r, const json_t *body, uint64_t *out)
{
    const json_t *said = json_object_get(body, "timestamp");
    uint64_t ms = 0;
    bool ok = !said || (json_is_string(said) && rules_time(json_string_value(said), &ms));
    if (json_is_integer(said) && json_integer_value(said) > 0) {
        ms = (uint64_t)json_integer_value(said);
        ok = true;
    }
    if (ok && rules_when(ms, app_now_ms(), out))
        return true;
    app_fail(
        r, 400, "BAD_REQUEST",
        "timestamp must be an ISO 8601 time with a zone or unix milliseconds, of the last day");
    return false;
}

static json_t *capacity_json(struct parking *p, const char *lot)
{
    return db_row(p->db, "select " CAPACITY " from lots where id = $1", "s", lot);
}

/* ---- counts ---- */

/* "occupied", or "slots": one object a slot with "occupied" true or false. -1: neither. */
static int64_t take_count(const json_t *body)
{
    const json_t *said = json_object_get(body, "occupied"), *slots = json_object_get(body, "slots");
    const json_t *slot;
    int64_t count = 0;
    size_t i;
    if (json_is_integer(said))
        return json_integer_value(said);
    if (said || !json_is_array(slots))
        return -1;
    json_array_foreach(slots, i, slot)
    {
        const json_t *occupied = json_object_get(slot, "occupied");
        if (!json_is_boolean(occupied))
            return -1;
        count += json_is_true(occupied);
    }
    return count;
}

/* The number of slots is the operator's to say. False: it has been answered. */
static bool check_total(struct parking *p, struct app_request *r, const struct caller *c,
                        const json_t *body, int64_t count)
{
    const json_t *said = json_object_get(body, "totalSlots");
    int64_t total = db_int(p->db, 0, "select total_slots from lots where id = $1", "s", c->lot);
    if (count < 0 || count > 2 * total + 10) {
        app_fail(r, 400, "BAD_REQUEST",
                 "send occupied, a whole number that %lld slots can have, or slots with occupied "
                 "true or false",
                 (long long)total);
        return false;
    }
    if (said && (!json_is_integer(said) || json_integer_value(said) != total)) {
        app_fail(r, 409, "CONFLICT", "%s has %lld slots: its operator changes that, not a count",
                 c->lot, (long long)total);
        return false;
    }
    return true;
}

static void on_count(void *state, struct app_request *r)
{
    struct parking *p = state;
    struct caller c;
    struct change ch;
    uint64_t when;
    json_t *body = app_body(r);
    if (!body || !caller_init(&c, p, r, body, "camera", "cameraId"))
        return;
    int64_t count = take_count(body);
    if (!check_total(p, r, &c, body, count) || !take_when(r, body, &when)) {
        caller_fini(&c);
        return;
    }
    int64_t before = db_int(p->db, -1, "select occupied from lots where id = $1", "s", c.lot);
    bool taken = false;
    int rc = park_begin(&ch, p, c.who->tenant, c.who->name);
    if (!rc) {
        if (c.device)
            park_heard(&ch, c.who->subject);
        taken = park_count(&ch, c.lot, count, when);
        rc = park_end(&ch);
    }
    if (rc)
        park_fail(p, r);
    else
        app_reply(r, 200,
                  json_pack("{s:b, s:b, s:b, s:o}", "success", 1, "late", !taken, "changed",
                            taken && before != count, "capacity", capacity_json(p, c.lot)));
    caller_fini(&c);
}

/* ---- passages ---- */

/* Entry or exit: as it is said, else by whether the car is inside. NULL: nonsense was said. */
static const char *take_event(struct parking *p, const struct caller *c, const json_t *body,
                              const char *plate)
{
    const json_t *said = json_object_get(body, "event");
    const char *event = park_text(body, "event");
    if (!said)
        event = db_int(p->db, 0,
                       "select count(*) from visits where tenant = $1 and lot = $2 and plate = $3 "
                       "and exited_ms is null",
                       "sss", c->who->tenant, c->lot, plate)
                    ? "vehicle_exit"
                    : "vehicle_entry";
    if (strcmp(event, "vehicle_entry") == 0 || strcmp(event, "entry") == 0)
        return "vehicle_entry";
    return strcmp(event, "vehicle_exit") == 0 || strcmp(event, "exit") == 0 ? "vehicle_exit" : NULL;
}

static void reply_passage(struct parking *p, struct app_request *r, const char *lot,
                          const char *event, const char *plate, int64_t duration, bool repeated)
{
    json_t *out =
        json_pack("{s:b, s:b, s:s, s:s, s:o}", "success", 1, "repeated", repeated, "event", event,
                  "plateNumber", plate, "capacity", capacity_json(p, lot));
    if (duration >= 0)
        json_object_set_new(out, "duration", json_integer(duration));
    app_reply(r, 200, out);
}

/* The same event sent again, as a device does that got no answer: answers as the first time. */
static bool is_repeated(struct parking *p, struct app_request *r, const struct caller *c,
                        const char *ref)
{
    json_t *row = ref && c->device
                      ? db_row(p->db,
                               "select event, plate, coalesce(duration_s, -1) as duration "
                               "from gate_events where device = $1 and ref = $2",
                               "ss", c->who->subject, ref)
                      : NULL;
    if (!row)
        return false;
    reply_passage(p, r, c->lot, park_text(row, "event"), park_text(row, "plate"),
                  park_int(row, "duration"), true);
    json_decref(row);
    return true;
}

static void pass(struct parking *p, struct app_request *r, const struct caller *c,
                 const struct passage *g, const char *event)
{
    struct change ch;
    int64_t duration = -1;
    int rc = park_begin(&ch, p, c->who->tenant, c->who->name);
    if (!rc) {
        if (c->device)
            park_heard(&ch, c->who->subject);
        if (strcmp(event, "vehicle_entry") == 0)
            park_enter(&ch, g);
        else
            duration = park_leave(&ch, g);
        rc = park_end(&ch);
    }
    if (rc)
        park_fail(p, r);
    else
        reply_passage(p, r, c->lot, event, g->plate, duration, false);
}

static void on_passage(void *state, struct app_request *r)
{
    struct parking *p = state;
    struct caller c;
    char plate[RULES_PLATE_BYTES];
    uint64_t when;
    json_t *body = app_body(r);
    if (!body || !caller_init(&c, p, r, body, "gate", "gateId"))
        return;
    const char *ref = json_string_value(json_object_get(body, "eventId"));
    const char *event = NULL;
    if (!rules_plate(park_text(body, "plateNumber"), plate))
        app_fail(r, 400, "BAD_REQUEST", "plateNumber must be 2 to 15 letters and digits");
    else if (!(event = take_event(p, &c, body, plate)))
        app_fail(r, 400, "BAD_REQUEST", "event must be vehicle_entry or vehicle_exit, or left out");
    else if (ref && (!*ref || strlen(ref) > 128))
        app_fail(r, 400, "BAD_REQUEST", "eventId must be a text of 1 to 128 bytes");
    else if (take_when(r, body, &when) && !is_repeated(p, r, &c, ref))
        pass(p, r, &c,
             &(struct passage){.lot = c.lot,
                               .plate = plate,
                               .device = c.device ? c.who->subject : NULL,
                               .ref = c.device ? ref : NULL,
                               .by = c.device ? NULL : c.who->name,
                               .at_ms = when},
             event);
    caller_fini(&c);
}

/* What a gate that starts anew has to know: who is inside. */
static void on_inside(void *state, struct app_request *r)
{
    struct parking *p = state;
    struct caller c;
    const char *lot = app_query(r, "parkingLotId");
    json_t *asked = lot ? json_pack("{s:s}", "parkingLotId", lot) : json_object();
    if (caller_init(&c, p, r, asked, "gate", "gateId")) {
        json_t *out = capacity_json(p, c.lot);
        json_object_set_new(
            out, "inside",
            db_rows(
                p->db,
                "select plate as plateNumber, " ISO(
                    "entered_ms") " as enteredAt from visits "
                                  "where lot = $1 and exited_ms is null order by entered_ms, id",
                "s", c.lot));
        app_reply(r, 200, out);
        caller_fini(&c);
    }
    json_decref(asked);
}

int parking_devices_routes(struct parking *p)
{
    return app_route(p->app, "POST", "/api/capacity/update", APP_PRIVATE, on_count) ||
                   app_route(p->app, "POST", "/api/monitor/lot", APP_PRIVATE, on_count) ||
                   app_route(p->app, "POST", "/api/monitor/gate", APP_PRIVATE, on_passage) ||
                   app_route(p->app, "GET", "/api/monitor/gate", APP_PRIVATE, on_inside)
               ? -1
               : 0;
}
