/* What pages and events show of the database. */
#include "crowd/venue.h"

#define ALERT_COLUMNS                                                                              \
    "a.id, a.zone as \"zoneId\", z.name as \"zoneName\","                                          \
    " case a.severity when 1 then 'warning' when 2 then 'high' else 'critical' end as severity,"   \
    " case a.status when 0 then 'active' when 1 then 'acknowledged' else 'resolved' end as "       \
    "status,"                                                                                      \
    " a.message, a.density, a.peak, a.threshold, a.origin, a.test as \"test?\","                   \
    " a.raised_ms as \"raisedAt\", a.acknowledged_ms as \"acknowledgedAt\","                       \
    " a.acknowledged_by as \"acknowledgedBy\", a.resolved_ms as \"resolvedAt\","                   \
    " a.resolved_by as \"resolvedBy\""                                                             \
    " from alerts a join zones z on z.venue = a.venue and z.id = a.zone"

json_t *crowd_read_alert(struct crowd *crowd, const char *venue, int64_t id)
{
    return db_row(crowd->db, "select " ALERT_COLUMNS " where a.venue = $1 and a.id = $2", "si",
                  venue, id);
}

json_t *crowd_read_alerts(struct crowd *crowd, const char *venue, bool open_only, int64_t before,
                          int64_t limit)
{
    return db_rows(crowd->db,
                   "select " ALERT_COLUMNS " where a.venue = $1 and a.id < $2"
                   " and a.status < $3 order by a.id desc limit $4",
                   "siii", venue, before, (int64_t)(open_only ? 2 : 3), limit);
}

json_t *crowd_read_emergency(struct crowd *crowd, const char *venue)
{
    json_t *row = db_row(crowd->db,
                         "select id, status, reason, automatic as \"automatic?\","
                         " test as \"test?\", proposed_ms as \"proposedAt\","
                         " entered_ms as \"enteredAt\", entered_by as \"enteredBy\""
                         " from emergencies where venue = $1 and status <> 'over'",
                         "s", venue);
    /* An error isn't the end of an emergency. */
    return row ? row : db_error(crowd->db)[0] ? NULL : json_null();
}

json_t *crowd_read_history(struct crowd *crowd, const char *venue, const char *zone,
                           uint64_t since_ms)
{
    json_t *rows = db_rows(crowd->db,
                           "select at_ms, people, density, level from readings where venue = $1"
                           " and zone = $2 and at_ms >= coalesce((select max(at_ms) from readings"
                           " where venue = $1 and zone = $2 and at_ms < $3), 0)"
                           " order by at_ms, id limit 5000",
                           "ssi", venue, zone, (int64_t)since_ms);
    json_t *list = rows ? json_array() : NULL;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row)
    {
        json_t *point = json_pack("[I, I, f, I]", (json_int_t)crowd_int(row, "at_ms"),
                                  (json_int_t)crowd_int(row, "people"), crowd_num(row, "density"),
                                  (json_int_t)crowd_int(row, "level"));
        if (!list || json_array_append_new(list, point) != 0)
            break;
    }
    json_decref(rows);
    return list;
}

/* One zone of a page, from its row. Returns new. */
static json_t *zone_json(json_t *row)
{
    double area = crowd_area_of(row);
    bool counted = !crowd_is_null(row, "people");
    double density = counted ? crowd_density(crowd_int(row, "people"), area) : 0;
    enum crowd_level level = (enum crowd_level)crowd_int(row, "seen");
    return json_pack(
        "{s:O, s:O, s:O, s:O, s:O, s:O, s:f, s:{s:O, s:O, s:O, s:O, s:O, s:O}, s:O, s:f, s:s, s:O,"
        " s:O}",
        "id", json_object_get(row, "id"), "name", json_object_get(row, "name"), "kind",
        json_object_get(row, "kind"), "camera", json_object_get(row, "camera"), "cameraName",
        json_object_get(row, "camera_name"), "corners", json_object_get(row, "corners"), "areaM2",
        area, "thresholds", "warning", json_object_get(row, "warning"), "high",
        json_object_get(row, "high"), "critical", json_object_get(row, "critical"), "hysteresis",
        json_object_get(row, "hysteresis"), "holdMs", json_object_get(row, "hold_ms"), "releaseMs",
        json_object_get(row, "release_ms"), "people", json_object_get(row, "people"), "density",
        density, "level", crowd_level_name(level), "source", json_object_get(row, "source"),
        "changedAt", json_object_get(row, "changed_ms"));
}

static json_t *read_zones(struct crowd *crowd, const char *venue)
{
    json_t *rows = db_rows(crowd->db,
                           "select z.id, z.name, z.kind, z.camera, k.name as camera_name,"
                           " z.corners as \"corners{}\", z.usable, z.warning, z.high, z.critical,"
                           " z.hysteresis, z.hold_ms, z.release_ms, c.people, c.seen, c.source,"
                           " c.changed_ms from zones z"
                           " join cameras k on k.venue = z.venue and k.id = z.camera"
                           " left join counts c on c.venue = z.venue and c.zone = z.id"
                           " where z.venue = $1 order by z.name",
                           "s", venue);
    json_t *list = rows ? json_array() : NULL;
    size_t i;
    json_t *row;
    json_array_foreach(rows, i,
                       row) if (!list || json_array_append_new(list, zone_json(row)) != 0) break;
    json_decref(rows);
    return list;
}

json_t *crowd_read_venue(struct crowd *crowd, const char *venue)
{
    struct db *db = crowd->db;
    json_t *whole = db_row(db,
                           "select id, name, width, depth, enter_zones as \"enterZones\","
                           " enter_density as \"enterDensity\", propose_zones as \"proposeZones\","
                           " propose_after_ms as \"proposeAfterMs\", automatic as \"automatic?\""
                           " from venues where id = $1",
                           "s", venue);
    if (!whole)
        return NULL;
    /* A NULL among them makes the pack fail, and frees the others. */
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "venue", whole, "zones",
        read_zones(crowd, venue), "fixtures",
        db_rows(db, "select name, corners as \"corners{}\" from fixtures where venue = $1", "s",
                venue),
        "passages",
        db_rows(db, "select a, b, width, x, y from passages where venue = $1", "s", venue),
        "openAlerts", crowd_read_alerts(crowd, venue, true, INT64_MAX, 200), "recentAlerts",
        crowd_read_alerts(crowd, venue, false, INT64_MAX, 30), "emergency",
        crowd_read_emergency(crowd, venue), "tests",
        db_rows(db,
                "select zone as \"zoneId\", kind, case level when 1 then 'warning' when 2 then"
                " 'high' else 'critical' end as level, begin_ms as \"beganAt\","
                " end_ms as \"endsAt\", started_by as \"startedBy\" from tests where venue = $1",
                "s", venue));
}
