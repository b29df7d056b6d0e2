#include "parking/parking.h"
#include "parking/rules.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_AFTER_MS (15 * 60 * 1000u) /* no camera is blamed before, when all are silent */
#define LOOK_MS 500u
#define TIDY_MS 60000u
#define COUNT_EVERY_MS 15000 /* a row of `counts` */
#define DAY_MS 86400000
#define KEEP_EVENTS 20000
#define TEXT_MAX 300

static void text(char out[TEXT_MAX], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void text(char out[TEXT_MAX], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out, TEXT_MAX, fmt, ap);
    va_end(ap);
}

/* ---- how full a lot is ---- */

static void tell_warning(struct change *c, const json_t *row, unsigned said)
{
    char message[TEXT_MAX];
    const char *lot = park_text(row, "id");
    const char *severity = said & RULES_WARN_GRAVE ? "high" : "medium";
    text(message, "%s is %lld%% full", park_text(row, "name"),
         (long long)rules_percent(park_int(row, "occupied"), park_int(row, "total_slots")));
    if (said & RULES_WARN)
        park_alert_raise(c, &(struct alert){.lot = lot,
                                            .type = "capacity_warning",
                                            .severity = severity,
                                            .message = message});
    else if (said & RULES_WARN_GRAVE)
        park_alert_worsen(c, lot, "capacity_warning", severity, message);
    if (said & RULES_WARN_OVER)
        park_alert_resolve(c, lot, "capacity_warning", NULL, 0);
}

static void tell_breach(struct change *c, const json_t *row, unsigned said)
{
    char message[TEXT_MAX];
    const char *lot = park_text(row, "id");
    text(message, "%s is over capacity: %lld vehicles, %lld slots", park_text(row, "name"),
         (long long)park_int(row, "occupied"), (long long)park_int(row, "total_slots"));
    if (said & RULES_BREACH)
        park_alert_raise(c, &(struct alert){.lot = lot,
                                            .type = "capacity_breach",
                                            .severity = rules_severity_name(RULES_CRITICAL),
                                            .message = message});
    if (said & RULES_BREACH_OVER)
        park_alert_resolve(c, lot, "capacity_breach", NULL, 0);
}

void park_settle_lot(struct change *c, const char *lot)
{
    json_t *row = db_row(c->p->db, "select * from lots where id = $1", "s", lot);
    struct rules_lot now = {.total = park_int(row, "total_slots"),
                            .occupied = park_int(row, "occupied"),
                            .warn_percent = park_int(row, "warn_percent"),
                            .clear_percent = park_int(row, "clear_percent")};
    struct rules_latch latch = {.warned = park_int(row, "warned"),
                                .grave = park_int(row, "grave"),
                                .breached = park_int(row, "breached")};
    unsigned said = row ? rules_fullness(&now, &latch) : 0;
    if (said) {
        park_note(c, db_run(c->p->db,
                            "update lots set warned = $2, grave = $3, breached = $4 where id = $1",
                            "sbbb", lot, latch.warned, latch.grave, latch.breached));
        tell_breach(c, row, said);
        tell_warning(c, row, said);
    }
    json_decref(row);
}

/* Writes the count, and a row of the curve. */
static void set_occupied(struct change *c, const char *lot, int64_t occupied)
{
    struct db *db = c->p->db;
    int64_t now = (int64_t)c->now_ms;
    park_note(c, db_run(db,
                        "update lots set occupied = $2, updated_ms = max($3, updated_ms + 1) "
                        "where id = $1",
                        "sii", lot, occupied, now));
    int64_t last = db_int(db, 0, "select max(at_ms) from counts where lot = $1", "s", lot);
    if (last && now - last < COUNT_EVERY_MS)
        park_note(c, db_run(db, "update counts set occupied = $3 where lot = $1 and at_ms = $2",
                            "sii", lot, last, occupied));
    else
        park_note(c, db_run(db, "insert or replace into counts values ($1, $2, $3)", "sii", lot,
                            now, occupied));
}

bool park_count(struct change *c, const char *lot, int64_t occupied, uint64_t counted_ms)
{
    json_t *row = db_row(c->p->db, "select occupied, counted_ms from lots where id = $1", "s", lot);
    bool taken = row && (int64_t)counted_ms >= park_int(row, "counted_ms");
    bool changed = taken && park_int(row, "occupied") != occupied;
    json_decref(row);
    if (taken)
        park_note(c, db_run(c->p->db, "update lots set counted_ms = $2 where id = $1", "si", lot,
                            (int64_t)counted_ms));
    if (changed) {
        set_occupied(c, lot, occupied);
        park_say_capacity(c, lot, NULL, NULL, -1);
        park_settle_lot(c, lot);
    }
    return taken;
}

static void move_occupied(struct change *c, const char *lot, int64_t by)
{
    int64_t occupied =
        db_int(c->p->db, 0, "select occupied from lots where id = $1", "s", lot) + by;
    set_occupied(c, lot, occupied < 0 ? 0 : occupied);
}

/* ---- contractors ---- */

static json_t *share_row(struct change *c, const char *contractor, const char *lot)
{
    return db_row(c->p->db,
                  "select c.name, c.rate, l.name as lot_name, a.capacity, a.max_stay_s, a.breach, "
                  "a.contractor is not null and a.capacity > 0 as authorized, "
                  "(select count(*) from visits v where v.contractor = c.id and v.lot = l.id and "
                  "v.exited_ms is null) as present "
                  "from contractors c join lots l on l.id = $2 "
                  "left join allocations a on a.contractor = c.id and a.lot = l.id where c.id = $1",
                  "ss", contractor, lot);
}

static void share_breach(struct change *c, const char *contractor, const char *lot,
                         const json_t *row, const struct rules_share *share)
{
    char message[TEXT_MAX];
    text(message, "%s: %lld vehicles at %s, %lld allocated", park_text(row, "name"),
         (long long)share->present, park_text(row, "lot_name"), (long long)share->allocated);
    int64_t excess = rules_excess(share);
    int64_t id = park_violation_open(
        c, &(struct violation){.lot = lot,
                               .contractor = contractor,
                               .type = "capacity_breach",
                               .allocated = share->allocated,
                               .actual = share->present,
                               .excess = excess,
                               .penalty = rules_penalty_breach(excess, park_int(row, "rate")),
                               .severity = rules_severity_name(rules_breach_severity(share)),
                               .message = message});
    park_note(c, db_run(c->p->db,
                        "update allocations set breach = $3 where contractor = $1 and lot = $2",
                        "ssi", contractor, lot, id));
}

static void share_over(struct change *c, const char *contractor, const char *lot, int64_t breach)
{
    int64_t began =
        db_int(c->p->db, 0, "select created_ms from violations where id = $1", "i", breach);
    park_violation_over(c, breach, rules_duration_s((uint64_t)began, c->now_ms));
    park_note(c, db_run(c->p->db,
                        "update allocations set breach = null where contractor = $1 and lot = $2",
                        "ss", contractor, lot));
}

void park_settle_share(struct change *c, const char *contractor, const char *lot)
{
    json_t *row = share_row(c, contractor, lot);
    struct rules_share share = {.allocated = park_int(row, "capacity"),
                                .present = park_int(row, "present")};
    int64_t breach = park_int(row, "breach"), excess = rules_excess(&share);
    /* without an allocation each vehicle is a violation of its own */
    if (!row || (!park_int(row, "authorized") && !breach)) {
        json_decref(row);
        return;
    }
    switch (rules_share(&share, breach != 0)) {
    case RULES_SHARE_BREACH:
        share_breach(c, contractor, lot, row, &share);
        break;
    case RULES_SHARE_OVER:
        share_over(c, contractor, lot, breach);
        break;
    case RULES_SHARE_SAME:
        if (breach && excess > 0)
            park_violation_grow(c, breach, share.present, excess, 0,
                                rules_penalty_breach(excess, park_int(row, "rate")));
        break;
    }
    json_decref(row);
}

/* A vehicle of the contractor has come in where nothing is allocated to it. */
static void check_authorized(struct change *c, const char *contractor, const struct passage *g)
{
    char message[TEXT_MAX];
    json_t *row = share_row(c, contractor, g->lot);
    if (row && !park_int(row, "authorized")) {
        text(message, "%s of %s is not authorized at %s", g->plate, park_text(row, "name"),
             park_text(row, "lot_name"));
        int64_t id = park_violation_open(
            c, &(struct violation){.lot = g->lot,
                                   .contractor = contractor,
                                   .type = "unauthorized_vehicle",
                                   .plate = g->plate,
                                   .actual = park_int(row, "present"),
                                   .excess = 1,
                                   .penalty = rules_penalty_unauthorized(1, park_int(row, "rate")),
                                   .severity = rules_severity_name(RULES_MEDIUM),
                                   .message = message});
        park_note(c, db_run(c->p->db,
                            "update visits set unauthorized = $2 "
                            "where tenant = $1 and plate = $3 and exited_ms is null",
                            "sis", c->tenant, id, g->plate));
    }
    json_decref(row);
}

/* ---- stays ---- */

/* A stay of a contractor's vehicle up to at_ms: a violation when it is longer than allowed, a
 * higher penalty with each further hour. visit: a row with what the query of stays_look has. */
static void check_stay(struct change *c, const json_t *visit, uint64_t at_ms)
{
    char message[TEXT_MAX];
    int64_t over = rules_overstay_s((uint64_t)park_int(visit, "entered_ms"), at_ms,
                                    park_int(visit, "max_stay_s"));
    int64_t penalty = rules_penalty_overparking(over, park_int(visit, "rate"));
    int64_t id = park_int(visit, "overstay"), present = park_int(visit, "present");
    if (over <= 0)
        return;
    if (id) {
        park_violation_grow(c, id, present, 1, over, penalty);
        return;
    }
    text(message, "%s of %s has been at %s for more than %lld min", park_text(visit, "plate"),
         park_text(visit, "name"), park_text(visit, "lot_name"),
         (long long)park_int(visit, "max_stay_s") / 60);
    id = park_violation_open(c, &(struct violation){.lot = park_text(visit, "lot"),
                                                    .contractor = park_text(visit, "contractor"),
                                                    .type = "overparking",
                                                    .plate = park_text(visit, "plate"),
                                                    .allocated = park_int(visit, "capacity"),
                                                    .actual = present,
                                                    .excess = 1,
                                                    .duration_s = over,
                                                    .penalty = penalty,
                                                    .severity = rules_severity_name(RULES_LOW),
                                                    .message = message});
    park_note(c, db_run(c->p->db, "update visits set overstay = $2 where id = $1", "ii",
                        park_int(visit, "id"), id));
}

#define STAY                                                                                       \
    "select v.*, a.max_stay_s, coalesce(a.capacity, 0) as capacity, c.name, c.rate, "              \
    "l.name as lot_name, "                                                                         \
    "(select count(*) from visits w where w.contractor = v.contractor and w.lot = v.lot and "      \
    "w.exited_ms is null) as present "                                                             \
    "from visits v join lots l on l.id = v.lot left join contractors c on c.id = v.contractor "    \
    "left join allocations a on a.contractor = v.contractor and a.lot = v.lot "

/* The visit ends; its violations with it. seen: by a gate, so that its duration is known. */
static int64_t end_visit(struct change *c, const json_t *visit, uint64_t at_ms, bool seen)
{
    uint64_t entered = (uint64_t)park_int(visit, "entered_ms");
    int64_t duration = seen ? rules_duration_s(entered, at_ms) : -1;
    int64_t over = rules_overstay_s(entered, at_ms, park_int(visit, "max_stay_s"));
    if (seen)
        check_stay(c, visit, at_ms);
    park_note(c, db_run(c->p->db,
                        "update visits set exited_ms = $2, duration_s = nullif($3, -1) "
                        "where id = $1",
                        "iii", park_int(visit, "id"), (int64_t)at_ms, duration));
    /* the one that check_stay may just have made is in the row alone */
    int64_t overstay = db_int(c->p->db, 0, "select overstay from visits where id = $1", "i",
                              park_int(visit, "id"));
    if (overstay)
        park_violation_over(c, overstay, seen ? over : -1);
    if (park_int(visit, "unauthorized"))
        park_violation_over(c, park_int(visit, "unauthorized"), duration);
    if (park_text(visit, "contractor")[0])
        park_settle_share(c, park_text(visit, "contractor"), park_text(visit, "lot"));
    return duration;
}

static json_t *open_visit(struct change *c, const char *plate)
{
    return db_row(c->p->db, STAY "where v.tenant = $1 and v.plate = $2 and v.exited_ms is null",
                  "ss", c->tenant, plate);
}

/* ---- gates ---- */

static void log_passage(struct change *c, const struct passage *g, const char *event,
                        const char *contractor, int64_t duration_s)
{
    park_note(c, db_run(c->p->db,
                        "insert into gate_events (tenant, lot, device, by_name, event, plate, "
                        "contractor, at_ms, told_ms, duration_s, ref) "
                        "select $1, $2, $3, $4, $5, $6, $7, $8, updated_ms, nullif($9, -1), $10 "
                        "from lots where id = $2",
                        "sssssssiis", c->tenant, g->lot, g->device, g->by, event, g->plate,
                        contractor, (int64_t)g->at_ms, duration_s, g->ref));
}

void park_enter(struct change *c, const struct passage *g)
{
    struct db *db = c->p->db;
    json_t *left = open_visit(c, g->plate); /* nobody saw it leave */
    if (left)
        end_visit(c, left, g->at_ms, false);
    json_decref(left);
    json_t *vehicle = db_row(db, "select contractor from vehicles where tenant = $1 and plate = $2",
                             "ss", c->tenant, g->plate);
    const char *contractor = json_string_value(json_object_get(vehicle, "contractor"));
    park_note(c, db_run(db,
                        "insert into visits (tenant, lot, plate, contractor, entered_ms) "
                        "values ($1, $2, $3, $4, $5)",
                        "ssssi", c->tenant, g->lot, g->plate, contractor, (int64_t)g->at_ms));
    move_occupied(c, g->lot, 1);
    log_passage(c, g, "vehicle_entry", contractor, -1);
    park_say_capacity(c, g->lot, "vehicle_entry", g->plate, -1);
    park_settle_lot(c, g->lot);
    if (contractor) {
        check_authorized(c, contractor, g);
        park_settle_share(c, contractor, g->lot);
    }
    json_decref(vehicle);
}

int64_t park_leave(struct change *c, const struct passage *g)
{
    json_t *visit = open_visit(c, g->plate);
    bool here = visit && strcmp(park_text(visit, "lot"), g->lot) == 0;
    const char *contractor = json_string_value(json_object_get(visit, "contractor"));
    int64_t duration = -1;
    if (here)
        duration = rules_duration_s((uint64_t)park_int(visit, "entered_ms"), g->at_ms);
    move_occupied(c, g->lot, -1);
    log_passage(c, g, "vehicle_exit", contractor, duration);
    park_say_capacity(c, g->lot, "vehicle_exit", g->plate, duration);
    if (visit)
        end_visit(c, visit, g->at_ms, here);
    park_settle_lot(c, g->lot);
    json_decref(visit);
    return duration;
}

/* ---- devices and the clock ---- */

static struct site *site_of(struct parking *p, const char *tenant)
{
    struct site *s = p->sites;
    while (s && strcmp(s->tenant, tenant) != 0)
        s = s->next;
    if (s || !(s = calloc(1, sizeof *s)))
        return s;
    s->tenant = strdup(tenant);
    if (!s->tenant) {
        free(s);
        return NULL;
    }
    s->next = p->sites;
    p->sites = s;
    return s;
}

void park_heard(struct change *c, const char *device)
{
    struct site *s = site_of(c->p, c->tenant);
    json_t *row = db_row(c->p->db,
                         "select lot, offline, (select min(offline_after_s) from devices o "
                         "where o.tenant = d.tenant and o.kind = 'camera') as patience_s "
                         "from devices d where id = $1",
                         "s", device);
    if (s) {
        /* a silence of all of half what one camera is allowed: the line was down */
        if (c->now_ms > s->heard_ms + (uint64_t)park_int(row, "patience_s") * 500)
            s->since_ms = c->now_ms;
        s->heard_ms = c->now_ms;
    }
    park_note(c, db_run(c->p->db, "update devices set last_seen_ms = $2, offline = 0 where id = $1",
                        "si", device, (int64_t)c->now_ms));
    if (park_int(row, "offline"))
        park_alert_resolve(c, park_text(row, "lot"), "camera_offline", device, 0);
    json_decref(row);
}

static void camera_broken(struct parking *p, const json_t *row)
{
    char message[TEXT_MAX];
    struct change c;
    if (park_begin(&c, p, park_text(row, "tenant"), NULL))
        return;
    text(message, "%s at %s has stopped reporting", park_text(row, "name"),
         park_text(row, "lot_name"));
    park_note(&c, db_run(p->db, "update devices set offline = 1 where id = $1", "s",
                         park_text(row, "id")));
    park_alert_raise(&c, &(struct alert){.lot = park_text(row, "lot"),
                                         .type = "camera_offline",
                                         .severity = rules_severity_name(
                                             rules_camera_severity(park_int(row, "others_online"))),
                                         .message = message,
                                         .device = park_text(row, "id")});
    park_end(&c);
}

static void cameras_look(struct parking *p, uint64_t now_ms)
{
    size_t i;
    json_t *row,
        *rows =
            db_rows(p->db,
                    "select d.id, d.tenant, d.lot, d.name, d.offline_after_s, d.last_seen_ms, "
                    "l.name as lot_name, "
                    "(select max(o.last_seen_ms) from devices o where o.tenant = d.tenant and o.id "
                    "<> d.id) "
                    "as others_ms, "
                    "(select count(*) from devices o where o.lot = d.lot and o.kind = 'camera' and "
                    "o.id <> d.id and o.offline = 0 and o.last_seen_ms > 0) as others_online "
                    "from devices d join lots l on l.id = d.lot "
                    "where d.kind = 'camera' and d.offline = 0 and d.last_seen_ms > 0 and "
                    "d.last_seen_ms + d.offline_after_s * 1000 <= $1",
                    "i", (int64_t)now_ms);
    json_array_foreach(rows, i, row)
    {
        const struct site *s = site_of(p, park_text(row, "tenant"));
        struct rules_camera camera = {.last_seen_ms = (uint64_t)park_int(row, "last_seen_ms"),
                                      .offline_after_ms =
                                          (uint64_t)park_int(row, "offline_after_s") * 1000,
                                      .line_after_ms = LINE_AFTER_MS,
                                      .others_last_ms = (uint64_t)park_int(row, "others_ms"),
                                      .line_since_ms = s ? s->since_ms : 0};
        if (rules_camera_broken(&camera, now_ms))
            camera_broken(p, row);
    }
    json_decref(rows);
}

/* Nobody is accused while nothing is heard: an operator's time is that of its latest report. */
static void stays_look(struct parking *p)
{
    size_t i;
    struct change c;
    json_t *row,
        *rows = db_rows(
            p->db,
            "select s.*, s.entered_ms + s.max_stay_s * 1000 as due_ms from (" STAY
            "where v.exited_ms is null and a.max_stay_s > 0) s join "
            "(select tenant, max(last_seen_ms) as heard_ms from devices group by tenant) h "
            "on h.tenant = s.tenant left join violations o on o.id = s.overstay "
            "where (o.id is null or o.status <> 'resolved') and "
            "due_ms + (coalesce(o.duration_s, 0) + 3599) / 3600 * 3600000 + 999 < h.heard_ms",
            "");
    json_array_foreach(rows, i, row)
    {
        uint64_t heard =
            (uint64_t)db_int(p->db, 0, "select max(last_seen_ms) from devices where tenant = $1",
                             "s", park_text(row, "tenant"));
        if (park_begin(&c, p, park_text(row, "tenant"), NULL))
            break;
        check_stay(&c, row, heard);
        park_end(&c);
    }
    json_decref(rows);
}

void park_look(struct parking *p, uint64_t now_ms)
{
    if (now_ms < p->look_ms && p->look_ms <= now_ms + LOOK_MS)
        return;
    p->look_ms = now_ms + LOOK_MS;
    cameras_look(p, now_ms);
    stays_look(p);
}

void park_tidy(struct parking *p, uint64_t now_ms)
{
    static const char *const old[] = {
        "delete from counts where at_ms < $1",
        "delete from visits where exited_ms < $1",
        "delete from gate_events where told_ms < $1",
        "delete from alerts where status = 'resolved' and changed_ms < $1",
    };
    if (now_ms < p->tidy_ms && p->tidy_ms <= now_ms + TIDY_MS)
        return;
    p->tidy_ms = now_ms + TIDY_MS;
    for (size_t i = 0; i < sizeof old / sizeof *old; i++)
        db_run(p->db, old[i], "i", (int64_t)now_ms - DAY_MS);
    db_run(p->db, "delete from gate_events where id <= (select max(id) from gate_events) - $1", "i",
           (int64_t)KEEP_EVENTS);
}
