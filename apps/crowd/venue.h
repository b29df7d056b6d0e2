/* venue.h - what the crowd application does inside one transaction of its database, for one venue:
 * it takes counts, changes alerts and the emergency mode, and collects the events that tell of it.
 * Nothing is published before the database has committed, and nothing at all when it hasn't.
 *
 * Thread: the worker's. Nothing here is remembered between two transactions: the database is all
 * there is, so that another file in its place is believed at once. */
#ifndef FRESHET_APPS_CROWD_VENUE_H
#define FRESHET_APPS_CROWD_VENUE_H

#include "crowd/rules.h"
#include "host/app.h"

#define CROWD_DENSITY "density"
#define CROWD_ALERTS "crowd-alerts"

struct crowd {
    struct app *app;
    struct db *db;
};

struct crowd_told; /* an event that waits for the commit */

struct crowd_change {
    struct crowd *crowd;
    const char *venue; /* borrowed as long as the change */
    uint64_t now_ms;
    struct crowd_told *told;
    size_t count, room;
    bool failed; /* something went wrong on the way: commit rolls back */
};

/* Begins: 0, or -1 (the database is busy or broken). Then one of commit and cancel. */
int crowd_begin(struct crowd_change *change, struct crowd *crowd, const char *venue);
/* Commits and publishes: 0; -1 after an error, and nothing has happened. */
int crowd_commit(struct crowd_change *change);
void crowd_cancel(struct crowd_change *change);

/* Notes an event. key is copied (NULL: none), data taken over (NULL: no memory, the change fails).
 */
void crowd_tell(struct crowd_change *change, const char *channel, const char *type, const char *key,
                json_t *data, bool high);
/* An alert, or the mode (null when there is none), as it is in the database now. Alerts at critical
 * and the mode are of high priority. */
void crowd_tell_alert(struct crowd_change *change, int64_t id);
void crowd_tell_emergency(struct crowd_change *change);
/* Pages ask again: on both channels. reason as in schemas/refresh.json. */
void crowd_tell_refresh(struct crowd_change *change, const char *reason);

/* ---- counts ---- */

enum crowd_taken {
    CROWD_UNKNOWN = -1, /* no such zone */
    CROWD_NOT_ITS = -2, /* the camera counts other zones */
    CROWD_FAILED = -3,
    CROWD_SAME = 0,     /* taken, and it said nothing new */
    CROWD_CHANGED = 1,  /* taken and told */
    CROWD_SET_ASIDE = 2 /* a test runs in the zone: remembered for its end */
};

struct crowd_count {
    const char *zone;
    const char *camera; /* NULL: not by a camera */
    const char *source; /* "camera", "manual", "test" */
    int64_t people;     /* not below 0 */
    uint64_t at_ms;
};

/* Takes one count: the zone's reading, its level, its alert. Afterwards crowd_review. */
enum crowd_taken crowd_take(struct crowd_change *change, const struct crowd_count *count);

/* How the venue stands: 0, or -1 after an error. automatic: its own setting. */
int crowd_verdict_of(struct crowd_change *change, struct crowd_verdict *verdict, bool *automatic);

/* Judges the venue as it stands now, and proposes, enters or withdraws emergency mode. */
void crowd_review(struct crowd_change *change);

/* ---- what persons do: each tells of it ---- */

/* 0, or -1 not there, -2 not in its state (crowd_alert_acknowledge, _resolve), -3 still too full,
 * -4 the database failed. *out: the alert as it is now, new. */
int crowd_acknowledge(struct crowd_change *change, int64_t id, const char *who, json_t **out);
int crowd_resolve(struct crowd_change *change, int64_t id, const char *who, json_t **out);
/* An alert by hand, to see it delivered. 0, -1 no such zone, -4. */
int crowd_test_alert(struct crowd_change *change, const char *zone, enum crowd_level severity,
                     const char *message, json_t **out);

/* True when the mode changed; else it was so already. */
bool crowd_enter_emergency(struct crowd_change *change, const char *reason, const char *who);
bool crowd_end_emergency(struct crowd_change *change, const char *who);

/* ---- what pages read: new, NULL after an error ---- */

/* A venue whole: plan, zones with their latest readings, alerts, mode, running tests. */
json_t *crowd_read_venue(struct crowd *crowd, const char *venue);
json_t *crowd_read_alerts(struct crowd *crowd, const char *venue, bool open_only, int64_t before,
                          int64_t limit);
json_t *crowd_read_alert(struct crowd *crowd, const char *venue, int64_t id);
json_t *crowd_read_emergency(struct crowd *crowd, const char *venue); /* json_null: there is none */
/* A zone's readings since since_ms and the last before: [[at, people, density, level], ...]. */
json_t *crowd_read_history(struct crowd *crowd, const char *venue, const char *zone,
                           uint64_t since_ms);

/* ---- members of a row ---- */

int64_t crowd_int(const json_t *row, const char *name);
double crowd_num(const json_t *row, const char *name);
const char *crowd_text(const json_t *row, const char *name); /* "" where there is none */
bool crowd_is_null(const json_t *row, const char *name);
/* Thresholds and area of a row of zones (corners, usable, warning, ...). */
void crowd_limits_of(const json_t *row, struct crowd_limits *limits);
double crowd_area_of(const json_t *row);

#endif
