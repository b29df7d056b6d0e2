/* rules.h - when a crowd is a risk: density from counts and area, thresholds with hysteresis and
 * duration, the life of an alert, and when emergency mode is proposed or entered.
 *
 * Pure: no I/O, no clock. Time is an argument, in unix milliseconds, and it is always the time of a
 * count: a level has held for three seconds when counts over three seconds say so. Where no camera
 * counts, nothing is concluded. */
#ifndef FRESHET_APPS_CROWD_RULES_H
#define FRESHET_APPS_CROWD_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- density ---- */

struct crowd_point {
    double x, y; /* metres */
};

/* The area of a simple polygon in square metres, whichever way round it is given; 0 for fewer than
 * three corners. */
double crowd_area(const struct crowd_point *corners, size_t n);

/* People per square metre, to two decimals; 0 where there are no people, or no area. */
double crowd_density(int64_t people, double area_m2);

/* The smallest number of people with which an area reaches that density. */
int64_t crowd_people_for(double density, double area_m2);

/* ---- thresholds ---- */

enum crowd_level { CROWD_NORMAL, CROWD_WARNING, CROWD_HIGH, CROWD_CRITICAL };

/* "normal", "warning", "high", "critical". */
const char *crowd_level_name(enum crowd_level level);
/* The level of that name, or -1. */
int crowd_level_parse(const char *name);

struct crowd_limits {
    double at[3];        /* from which density it is warning, high, critical */
    double hysteresis;   /* share of a threshold the density must fall below it by: 0 to 0.5 */
    uint32_t hold_ms;    /* how long a level must have been reached before it is confirmed */
    uint32_t release_ms; /* how long it must have been left before it is withdrawn */
};

/* NULL when the limits make sense, else what is wrong with them (static). */
const char *crowd_limits_problem(const struct crowd_limits *limits);

/* What is remembered of a zone between two counts. Zero: nobody has counted yet. */
struct crowd_watch {
    enum crowd_level seen;      /* of the latest count, with hysteresis: what the plan shows */
    enum crowd_level confirmed; /* of counts over a time: what alerts go by */
    uint64_t since_ms[3];       /* for warning, high, critical: since when `seen` has been on the
                                   side of it that it is on; 0: nobody has counted yet */
};

/* Takes a count at now_ms (not before the one before; an earlier time counts as the latest). */
void crowd_watch_count(struct crowd_watch *watch, const struct crowd_limits *limits, double density,
                       uint64_t now_ms);

/* Since when the zone has been critical; 0 when it isn't, or not confirmed. */
uint64_t crowd_critical_since(const struct crowd_watch *watch);

/* ---- readings ---- */

struct crowd_reading {
    int64_t people; /* below 0: none yet */
    double area_m2;
    enum crowd_level level;
    bool test; /* made by the testing controls, not counted */
};

/* Whether a reading says anything that the one before didn't: only such are published. */
bool crowd_reading_changed(const struct crowd_reading *before, const struct crowd_reading *now);

/* ---- alerts ---- */

enum crowd_alert_status { CROWD_ACTIVE, CROWD_ACKNOWLEDGED, CROWD_RESOLVED };

const char *crowd_alert_status_name(enum crowd_alert_status status);
int crowd_alert_status_parse(const char *name); /* -1: no such status */

/* A zone's alert; its severity is the highest level that was confirmed during it. */
struct crowd_alert {
    enum crowd_alert_status status;
    enum crowd_level severity;
};

enum crowd_alert_change { CROWD_KEEP, CROWD_RAISE, CROWD_ESCALATE, CROWD_RESOLVE };

/* What a confirmed level makes of a zone's alert, which is changed accordingly. open: whether there
 * is one that isn't resolved; without, `alert` becomes the new one when it is raised. An escalated
 * alert is active again, also when somebody had acknowledged it: it was less then. */
enum crowd_alert_change crowd_alert_next(struct crowd_alert *alert, bool open,
                                         enum crowd_level confirmed);

/* A person acknowledges: 0, or -1 when it isn't active. */
int crowd_alert_acknowledge(struct crowd_alert *alert);

/* A person resolves: 0; -1 when it is resolved already; -2 while the zone (`seen`) is still above
 * its warning threshold. An alert that no count stands behind (sent by hand) can always be. */
int crowd_alert_resolve(struct crowd_alert *alert, enum crowd_level seen, bool by_hand);

/* ---- emergency mode ---- */

struct crowd_emergency_rules {
    unsigned enter_zones;      /* so many zones critical at once: it is grave */
    double enter_density;      /* one zone critical and at or above this: it is grave */
    unsigned propose_zones;    /* so many zones high or critical at once: it is serious */
    uint32_t propose_after_ms; /* a zone critical for so long, unacknowledged: it is serious */
    bool automatic;            /* grave: emergency mode is entered; else it is only proposed */
};

struct crowd_zone_danger {
    enum crowd_level confirmed;
    double density;
    uint64_t critical_since_ms; /* crowd_critical_since */
    uint64_t counted_ms;        /* time of its latest count */
    bool acknowledged;          /* somebody has acknowledged its alert */
};

enum crowd_danger { CROWD_CALM, CROWD_SERIOUS, CROWD_GRAVE };
enum crowd_reason {
    CROWD_NO_REASON,
    CROWD_MANY_HIGH,     /* propose_zones */
    CROWD_UNANSWERED,    /* propose_after_ms */
    CROWD_MANY_CRITICAL, /* enter_zones */
    CROWD_CRUSH          /* enter_density */
};

struct crowd_verdict {
    enum crowd_danger danger;
    enum crowd_reason reason; /* the gravest that applies */
};

/* Judges a venue by all of its zones. */
struct crowd_verdict crowd_judge(const struct crowd_zone_danger *zones, size_t n,
                                 const struct crowd_emergency_rules *rules);

/* A sentence about a reason, constant. */
const char *crowd_reason_text(enum crowd_reason reason);

enum crowd_mode { CROWD_MODE_OFF, CROWD_MODE_PROPOSED, CROWD_MODE_ON };

struct crowd_emergency {
    enum crowd_mode mode;
    enum crowd_danger ignored; /* a person ended it: until it was calm again, only what is graver
                                  than this can begin it anew */
};

/* What a verdict does: proposes, enters, or withdraws a proposal. Only a person ends an emergency
 * (crowd_emergency_end). True when the mode has changed. */
bool crowd_emergency_next(struct crowd_emergency *e, struct crowd_verdict verdict, bool automatic);
/* A person enters it. True when the mode has changed. */
bool crowd_emergency_enter(struct crowd_emergency *e);
/* A person ends it, or declines the proposal; `verdict` is how it stands. Whoever ends an emergency
 * knows the worst already; whoever declines a proposal has judged what there was. True when the
 * mode has changed. */
bool crowd_emergency_end(struct crowd_emergency *e, struct crowd_verdict verdict);

#endif
