/* Emergency mode, and what persons do with alerts. */
#include "crowd/venue.h"

#include <stdio.h>
#include <string.h>

static void run(struct crowd_change *change, int64_t changed)
{
    if (changed < 0)
        change->failed = true;
}

/* ---- telling ---- */

void crowd_tell_alert(struct crowd_change *change, int64_t id)
{
    json_t *alert = id > 0 ? crowd_read_alert(change->crowd, change->venue, id) : NULL;
    char key[40];
    snprintf(key, sizeof key, "alert-%lld", (long long)id);
    bool high = strcmp(crowd_text(alert, "severity"), "critical") == 0;
    crowd_tell(change, CROWD_ALERTS, "alert", key, alert, high);
}

void crowd_tell_emergency(struct crowd_change *change)
{
    crowd_tell(change, CROWD_ALERTS, "emergency", "emergency",
               crowd_read_emergency(change->crowd, change->venue), true);
}

/* ---- emergency mode ---- */

struct mode {
    struct crowd_emergency now;
    int64_t id; /* of the open row; 0: there is none */
};

static struct mode mode_read(struct crowd_change *change)
{
    struct mode mode = {0};
    struct db *db = change->crowd->db;
    json_t *row =
        db_row(db, "select id, status from emergencies where venue = $1 and status <> 'over'", "s",
               change->venue);
    if (row) {
        bool active = strcmp(crowd_text(row, "status"), "active") == 0;
        mode.now.mode = active ? CROWD_MODE_ON : CROWD_MODE_PROPOSED;
        mode.id = crowd_int(row, "id");
        json_decref(row);
    }
    mode.now.ignored = (enum crowd_danger)db_int(db, 0, "select ignored from venues where id = $1",
                                                 "s", change->venue);
    return mode;
}

/* Writes what has become of the mode, and tells of it. who: NULL for the rules. */
static void mode_write(struct crowd_change *change, const struct mode *mode, const char *reason,
                       const char *who)
{
    struct db *db = change->crowd->db;
    int64_t now = (int64_t)change->now_ms;
    bool on = mode->now.mode == CROWD_MODE_ON;
    int test = !who && db_int(db, 0,
                              "select count(*) from counts where venue = $1 and source = 'test'"
                              " and confirmed > 1",
                              "s", change->venue) > 0;
    if (mode->now.mode == CROWD_MODE_OFF)
        run(change, db_run(db,
                           "update emergencies set status = 'over', ended_ms = $2, ended_by = $3"
                           " where id = $1",
                           "iis", mode->id, now, who));
    else if (mode->id)
        run(change, db_run(db,
                           "update emergencies set status = 'active', entered_ms = $2,"
                           " entered_by = $3, reason = $4, automatic = $5 where id = $1",
                           "iissb", mode->id, now, who, reason, (int)!who));
    else
        run(change,
            db_run(db,
                   "insert into emergencies (venue, status, reason, automatic, test, proposed_ms,"
                   " entered_ms, entered_by) values ($1, $2, $3, $4, $5,"
                   " case when $6 then null else $7 end, case when $6 then $7 end, $8)",
                   "sssbbbis", change->venue, on ? "active" : "proposed", reason, (int)!who, test,
                   (int)on, now, who));
    crowd_tell_emergency(change);
}

static void ignore_write(struct crowd_change *change, enum crowd_danger ignored)
{
    run(change, db_run(change->crowd->db, "update venues set ignored = $2 where id = $1", "si",
                       change->venue, (int64_t)ignored));
}

void crowd_review(struct crowd_change *change)
{
    struct crowd_verdict verdict;
    bool automatic;
    if (crowd_verdict_of(change, &verdict, &automatic) != 0) {
        change->failed = true;
        return;
    }
    struct mode mode = mode_read(change);
    enum crowd_danger ignored = mode.now.ignored;
    bool changed = crowd_emergency_next(&mode.now, verdict, automatic);
    if (mode.now.ignored != ignored)
        ignore_write(change, mode.now.ignored);
    if (changed)
        mode_write(change, &mode, crowd_reason_text(verdict.reason), NULL);
}

bool crowd_enter_emergency(struct crowd_change *change, const char *reason, const char *who)
{
    struct mode mode = mode_read(change);
    if (!crowd_emergency_enter(&mode.now))
        return false;
    ignore_write(change, mode.now.ignored);
    mode_write(change, &mode, reason, who);
    return true;
}

bool crowd_end_emergency(struct crowd_change *change, const char *who)
{
    struct crowd_verdict verdict;
    bool automatic;
    struct mode mode = mode_read(change);
    if (crowd_verdict_of(change, &verdict, &automatic) != 0) {
        change->failed = true;
        return false;
    }
    if (!crowd_emergency_end(&mode.now, verdict))
        return false;
    ignore_write(change, mode.now.ignored);
    mode_write(change, &mode, "", who);
    return true;
}

/* ---- alerts ---- */

struct found {
    struct crowd_alert alert;
    enum crowd_level seen;
    bool by_hand;
    char zone[72];
};

static int find(struct crowd_change *change, int64_t id, struct found *found)
{
    json_t *row = db_row(change->crowd->db,
                         "select a.zone, a.origin, a.severity, a.status, c.seen from alerts a"
                         " left join counts c on c.venue = a.venue and c.zone = a.zone"
                         " where a.venue = $1 and a.id = $2",
                         "si", change->venue, id);
    if (!row)
        return -1;
    *found = (struct found){.alert = {.status = (enum crowd_alert_status)crowd_int(row, "status"),
                                      .severity = (enum crowd_level)crowd_int(row, "severity")},
                            .seen = (enum crowd_level)crowd_int(row, "seen"),
                            .by_hand = strcmp(crowd_text(row, "origin"), "hand") == 0};
    snprintf(found->zone, sizeof found->zone, "%s", crowd_text(row, "zone"));
    json_decref(row);
    return 0;
}

/* Tells of the alert and reads it for the answer. */
static int told(struct crowd_change *change, int64_t id, json_t **out)
{
    crowd_tell_alert(change, id);
    *out = crowd_read_alert(change->crowd, change->venue, id);
    return change->failed || !*out ? -4 : 0;
}

int crowd_acknowledge(struct crowd_change *change, int64_t id, const char *who, json_t **out)
{
    struct found found;
    if (find(change, id, &found) != 0)
        return -1;
    if (crowd_alert_acknowledge(&found.alert) != 0)
        return -2;
    run(change, db_run(change->crowd->db,
                       "update alerts set status = 1, acknowledged_ms = $2, acknowledged_by = $3"
                       " where id = $1",
                       "iis", id, (int64_t)change->now_ms, who));
    return told(change, id, out);
}

int crowd_resolve(struct crowd_change *change, int64_t id, const char *who, json_t **out)
{
    struct found found;
    if (find(change, id, &found) != 0)
        return -1;
    int resolved = crowd_alert_resolve(&found.alert, found.seen, found.by_hand);
    if (resolved != 0)
        return resolved == -1 ? -2 : -3;
    struct db *db = change->crowd->db;
    run(change, db_run(db,
                       "update alerts set status = 2, resolved_ms = $2, resolved_by = $3"
                       " where id = $1",
                       "iis", id, (int64_t)change->now_ms, who));
    /* The zone is calm: the rules need not wait for its release time any more, or the next count
     * would raise the alert anew. */
    if (!found.by_hand)
        run(change, db_run(db, "update counts set confirmed = 0 where venue = $1 and zone = $2",
                           "ss", change->venue, found.zone));
    return told(change, id, out);
}

int crowd_test_alert(struct crowd_change *change, const char *zone, enum crowd_level severity,
                     const char *message, json_t **out)
{
    struct db *db = change->crowd->db;
    json_t *row = db_row(db,
                         "select z.corners as \"corners{}\", z.usable, z.warning, z.high,"
                         " z.critical, z.hysteresis, z.hold_ms, z.release_ms, c.people"
                         " from zones z left join counts c on c.venue = z.venue and c.zone = z.id"
                         " where z.venue = $1 and z.id = $2",
                         "ss", change->venue, zone);
    if (!row)
        return -1;
    struct crowd_limits limits;
    crowd_limits_of(row, &limits);
    double density = crowd_density(crowd_int(row, "people"), crowd_area_of(row));
    json_decref(row);
    int64_t id = db_int(db, -1,
                        "insert into alerts (venue, zone, origin, test, severity, status, message,"
                        " density, peak, threshold, raised_ms)"
                        " values ($1, $2, 'hand', 1, $3, 0, $4, $5, $5, $6, $7) returning id",
                        "ssisddi", change->venue, zone, (int64_t)severity, message, density,
                        limits.at[severity - 1], (int64_t)change->now_ms);
    return told(change, id, out);
}
