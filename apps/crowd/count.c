/* A count: the zone's reading and level, its alert, and what it means for the venue. */
#include "crowd/venue.h"

#include <stdio.h>
#include <string.h>

#define READINGS_KEPT_MS (24 * 3600 * 1000LL)
#define ZONES_MAX 64

struct zone {
    json_t *row; /* of zones and counts */
    struct crowd_limits limits;
    struct crowd_watch watch;
    struct crowd_reading reading;
    double density;
};

/* 0, or -1 when there is no such zone (or no database). */
static int zone_read(struct crowd_change *change, const char *id, struct zone *zone)
{
    *zone = (struct zone){0};
    zone->row = db_row(change->crowd->db,
                       "select z.name, z.camera, z.corners as \"corners{}\", z.usable, z.warning,"
                       " z.high, z.critical, z.hysteresis, z.hold_ms, z.release_ms, c.people,"
                       " c.source, c.seen, c.confirmed, c.since1, c.since2, c.since3,"
                       " t.zone is not null as \"testing?\""
                       " from zones z left join counts c on c.venue = z.venue and c.zone = z.id"
                       " left join tests t on t.venue = z.venue and t.zone = z.id"
                       " where z.venue = $1 and z.id = $2",
                       "ss", change->venue, id);
    if (!zone->row)
        return -1;
    crowd_limits_of(zone->row, &zone->limits);
    zone->watch =
        (struct crowd_watch){.seen = (enum crowd_level)crowd_int(zone->row, "seen"),
                             .confirmed = (enum crowd_level)crowd_int(zone->row, "confirmed"),
                             .since_ms = {(uint64_t)crowd_int(zone->row, "since1"),
                                          (uint64_t)crowd_int(zone->row, "since2"),
                                          (uint64_t)crowd_int(zone->row, "since3")}};
    zone->reading = (struct crowd_reading){
        .people = crowd_is_null(zone->row, "people") ? -1 : crowd_int(zone->row, "people"),
        .area_m2 = crowd_area_of(zone->row),
        .level = zone->watch.seen,
        .test = strcmp(crowd_text(zone->row, "source"), "test") == 0};
    return 0;
}

static void run(struct crowd_change *change, int64_t changed)
{
    if (changed < 0)
        change->failed = true;
}

static void keep_count(struct crowd_change *change, const struct crowd_count *count,
                       const struct crowd_watch *watch, bool changed)
{
    int64_t at = (int64_t)count->at_ms;
    run(change,
        db_run(
            change->crowd->db,
            "insert into counts (venue, zone, people, counted_ms, changed_ms, source, seen,"
            " confirmed, since1, since2, since3)"
            " values ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10)"
            " on conflict (venue, zone) do update set people = excluded.people,"
            " counted_ms = excluded.counted_ms, source = excluded.source, seen = excluded.seen,"
            " confirmed = excluded.confirmed, since1 = excluded.since1, since2 = excluded.since2,"
            " since3 = excluded.since3,"
            " changed_ms = case when $11 then excluded.changed_ms else counts.changed_ms end",
            "ssiisiiiiib", change->venue, count->zone, count->people, at, count->source,
            (int64_t)watch->seen, (int64_t)watch->confirmed, (int64_t)watch->since_ms[0],
            (int64_t)watch->since_ms[1], (int64_t)watch->since_ms[2], (int)changed));
}

/* A reading that says something new goes into the history and out to the pages. */
static void tell_reading(struct crowd_change *change, const struct crowd_count *count,
                         const struct zone *zone)
{
    struct db *db = change->crowd->db;
    run(change, db_run(db,
                       "insert into readings (venue, zone, at_ms, people, density, level, source)"
                       " values ($1, $2, $3, $4, $5, $6, $7)",
                       "ssiidis", change->venue, count->zone, (int64_t)count->at_ms, count->people,
                       zone->density, (int64_t)zone->watch.seen, count->source));
    run(change, db_run(db, "delete from readings where at_ms < $1", "i",
                       (int64_t)count->at_ms - READINGS_KEPT_MS));
    crowd_tell(change, CROWD_DENSITY, "density", count->zone,
               json_pack("{s:s, s:s, s:I, s:f, s:f, s:s, s:s, s:I}", "zoneId", count->zone,
                         "zoneName", crowd_text(zone->row, "name"), "people",
                         (json_int_t)count->people, "areaM2", zone->reading.area_m2, "density",
                         zone->density, "level", crowd_level_name(zone->watch.seen), "source",
                         count->source, "timestamp", (json_int_t)count->at_ms),
               false);
}

/* ---- the zone's alert ---- */

static void alert_message(const struct zone *zone, enum crowd_level severity, char *text,
                          size_t size)
{
    snprintf(text, size, "%s has %.2f people per square metre; %s from %.2f",
             crowd_text(zone->row, "name"), zone->density, crowd_level_name(severity),
             zone->limits.at[severity - 1]);
}

static int64_t alert_raise(struct crowd_change *change, const struct crowd_count *count,
                           const struct zone *zone, enum crowd_level severity)
{
    char message[300];
    alert_message(zone, severity, message, sizeof message);
    return db_int(change->crowd->db, -1,
                  "insert into alerts (venue, zone, origin, test, severity, status, message,"
                  " density, peak, threshold, raised_ms)"
                  " values ($1, $2, 'rule', $3, $4, 0, $5, $6, $6, $7, $8) returning id",
                  "ssbisddi", change->venue, count->zone, (int)(strcmp(count->source, "test") == 0),
                  (int64_t)severity, message, zone->density, zone->limits.at[severity - 1],
                  (int64_t)count->at_ms);
}

static void alert_escalate(struct crowd_change *change, int64_t id, const struct zone *zone,
                           enum crowd_level severity)
{
    char message[300];
    alert_message(zone, severity, message, sizeof message);
    run(change, db_run(change->crowd->db,
                       "update alerts set severity = $2, status = 0, message = $3, density = $4,"
                       " peak = max(peak, $4), threshold = $5, acknowledged_ms = null,"
                       " acknowledged_by = null where id = $1",
                       "iisdd", id, (int64_t)severity, message, zone->density,
                       zone->limits.at[severity - 1]));
}

static void alert_follow(struct crowd_change *change, const struct crowd_count *count,
                         const struct zone *zone)
{
    struct db *db = change->crowd->db;
    json_t *open = db_row(db,
                          "select id, severity, status, peak from alerts"
                          " where venue = $1 and zone = $2 and origin = 'rule' and status < 2",
                          "ss", change->venue, count->zone);
    struct crowd_alert alert = {.status = (enum crowd_alert_status)crowd_int(open, "status"),
                                .severity = (enum crowd_level)crowd_int(open, "severity")};
    int64_t id = crowd_int(open, "id");
    enum crowd_alert_change next = crowd_alert_next(&alert, open != NULL, zone->watch.confirmed);
    if (next == CROWD_RAISE)
        id = alert_raise(change, count, zone, alert.severity);
    else if (next == CROWD_ESCALATE)
        alert_escalate(change, id, zone, alert.severity);
    else if (next == CROWD_RESOLVE)
        run(change, db_run(db, "update alerts set status = 2, resolved_ms = $2 where id = $1", "ii",
                           id, (int64_t)count->at_ms));
    else if (open && zone->density > crowd_num(open, "peak"))
        run(change,
            db_run(db, "update alerts set peak = $2 where id = $1", "id", id, zone->density));
    json_decref(open);
    if (next != CROWD_KEEP)
        crowd_tell_alert(change, id);
}

/* ---- a count ---- */

static enum crowd_taken set_aside(struct crowd_change *change, const struct crowd_count *count)
{
    run(change, db_run(change->crowd->db,
                       "update tests set camera_people = $3, camera_source = $4"
                       " where venue = $1 and zone = $2",
                       "ssis", change->venue, count->zone, count->people, count->source));
    return change->failed ? CROWD_FAILED : CROWD_SET_ASIDE;
}

static enum crowd_taken take(struct crowd_change *change, const struct crowd_count *count,
                             struct zone *zone)
{
    bool test = strcmp(count->source, "test") == 0;
    if (count->camera && strcmp(count->camera, crowd_text(zone->row, "camera")) != 0)
        return CROWD_NOT_ITS;
    if (!test && json_is_true(json_object_get(zone->row, "testing")))
        return set_aside(change, count);
    zone->density = crowd_density(count->people, zone->reading.area_m2);
    crowd_watch_count(&zone->watch, &zone->limits, zone->density, count->at_ms);
    const struct crowd_reading now = {.people = count->people,
                                      .area_m2 = zone->reading.area_m2,
                                      .level = zone->watch.seen,
                                      .test = test};
    bool changed = crowd_reading_changed(&zone->reading, &now);
    keep_count(change, count, &zone->watch, changed);
    if (changed)
        tell_reading(change, count, zone);
    alert_follow(change, count, zone);
    if (change->failed)
        return CROWD_FAILED;
    return changed ? CROWD_CHANGED : CROWD_SAME;
}

enum crowd_taken crowd_take(struct crowd_change *change, const struct crowd_count *count)
{
    struct zone zone;
    if (zone_read(change, count->zone, &zone) != 0)
        return CROWD_UNKNOWN;
    enum crowd_taken taken = take(change, count, &zone);
    json_decref(zone.row);
    return taken;
}

/* ---- the venue ---- */

static struct crowd_zone_danger danger_of(const json_t *row)
{
    struct crowd_watch watch = {.seen = (enum crowd_level)crowd_int(row, "seen"),
                                .confirmed = (enum crowd_level)crowd_int(row, "confirmed"),
                                .since_ms = {0, 0, (uint64_t)crowd_int(row, "since3")}};
    return (struct crowd_zone_danger){
        .confirmed = watch.confirmed,
        .density = crowd_density(crowd_int(row, "people"), crowd_area_of(row)),
        .critical_since_ms = crowd_critical_since(&watch),
        .counted_ms = (uint64_t)crowd_int(row, "counted_ms"),
        .acknowledged = json_is_true(json_object_get(row, "acknowledged"))};
}

int crowd_verdict_of(struct crowd_change *change, struct crowd_verdict *verdict, bool *automatic)
{
    struct db *db = change->crowd->db;
    json_t *venue = db_row(db,
                           "select enter_zones, enter_density, propose_zones, propose_after_ms,"
                           " automatic as \"automatic?\" from venues where id = $1",
                           "s", change->venue);
    json_t *rows = db_rows(db,
                           "select z.corners as \"corners{}\", z.usable, c.people, c.counted_ms,"
                           " c.seen, c.confirmed, c.since3, exists (select 1 from alerts a where"
                           " a.venue = c.venue and a.zone = c.zone and a.origin = 'rule'"
                           " and a.status = 1) as \"acknowledged?\""
                           " from counts c join zones z on z.venue = c.venue and z.id = c.zone"
                           " where c.venue = $1 limit 64",
                           "s", change->venue);
    int ok = venue && rows ? 0 : -1;
    if (ok == 0) {
        *automatic = json_is_true(json_object_get(venue, "automatic"));
        const struct crowd_emergency_rules rules = {
            .enter_zones = (unsigned)crowd_int(venue, "enter_zones"),
            .enter_density = crowd_num(venue, "enter_density"),
            .propose_zones = (unsigned)crowd_int(venue, "propose_zones"),
            .propose_after_ms = (uint32_t)crowd_int(venue, "propose_after_ms"),
            .automatic = *automatic};
        struct crowd_zone_danger zones[ZONES_MAX];
        size_t n = json_array_size(rows);
        for (size_t i = 0; i < n && i < ZONES_MAX; i++)
            zones[i] = danger_of(json_array_get(rows, i));
        *verdict = crowd_judge(zones, n, &rules);
    }
    json_decref(venue);
    json_decref(rows);
    return ok;
}
