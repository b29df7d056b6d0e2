/* rules.h - what a car park decides: warnings and breaches with hysteresis, when a camera is taken
 * for broken, what a contractor owes, how long a car stayed, which plate is meant. Pure: numbers
 * in, decisions out; the clock is an argument, nothing is kept. The caller keeps the latches with
 * the lot, so that a decision outlives a restart and isn't made twice. */
#ifndef PARKING_RULES_H
#define PARKING_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum rules_severity { RULES_LOW, RULES_MEDIUM, RULES_HIGH, RULES_CRITICAL };
const char *rules_severity_name(enum rules_severity severity); /* "low" ... "critical" */

/* ---- how full a lot is ---- */

struct rules_lot {
    int64_t total, occupied;
    int64_t warn_percent,
        clear_percent; /* the warning is raised at the first, ends below the second */
};

/* What was said of the lot and is not over. */
struct rules_latch {
    bool warned, grave; /* grave: the warning has become one of high severity */
    bool breached;
};

/* What is to be said now. */
enum {
    RULES_WARN = 1,        /* raise a capacity_warning of medium severity */
    RULES_WARN_GRAVE = 2,  /* the warning is of high severity: raised so, or become so */
    RULES_WARN_OVER = 4,   /* resolve it */
    RULES_BREACH = 8,      /* raise a capacity_breach: more cars than slots */
    RULES_BREACH_OVER = 16 /* resolve it */
};

/* Looks at a lot and moves its latch. A warning is raised once at warn_percent, becomes grave once
 * half way from there to full, and is over below clear_percent; a breach is raised above the number
 * of slots and is over when a twentieth of them, at least one, is free again. So no car that goes
 * back and forth on the brink repeats one. Returns the decisions above, 0 for none. A lot without
 * slots is never full. */
unsigned rules_fullness(const struct rules_lot *lot, struct rules_latch *latch);

/* Whole percent, rounded down, so that 90 is said only of a lot that reached it. */
int64_t rules_percent(int64_t occupied, int64_t total);

/* ---- cameras ---- */

struct rules_camera {
    uint64_t last_seen_ms;     /* 0: it has never reported, and is not waited for */
    uint64_t offline_after_ms; /* its silence */
    uint64_t line_after_ms;    /* the silence of everything */
    uint64_t others_last_ms;   /* when another device of the operator was heard last; 0: never */
    uint64_t line_since_ms;    /* since when the operator is heard, after it wasn't; 0: for ever */
};

/* Whether a silent camera is broken. It is measured against the operator's other devices: while
 * they are heard and it isn't, it is the camera. When all of them fell silent together it is the
 * line to them, of which nothing is known, and the camera is taken for broken only after
 * line_after_ms. Once the operator is heard again every camera has its time to report. A camera
 * that was the only one to speak is judged by the clock. */
bool rules_camera_broken(const struct rules_camera *camera, uint64_t now_ms);

/* High when nobody else sees the lot, low while another camera does. */
enum rules_severity rules_camera_severity(int64_t other_cameras_online);

/* ---- contractors ---- */

/* A contractor's cars in a lot against its allocation there. */
struct rules_share {
    int64_t allocated, present;
};

enum rules_share_verdict { RULES_SHARE_SAME, RULES_SHARE_BREACH, RULES_SHARE_OVER };

/* A breach begins when more are present than allocated, and is over when there is room again: a
 * twentieth of the allocation, at least one place (an allocation of none: when all have left), so
 * that one car on the brink is not a violation each time. `breached`: one is under way. */
enum rules_share_verdict rules_share(const struct rules_share *share, bool breached);
int64_t rules_excess(const struct rules_share *share); /* never below 0 */

/* Penalties in whole units of the operator's currency; rate is the contractor's, a vehicle. */
int64_t rules_penalty_breach(int64_t excess, int64_t rate);         /* each vehicle too many */
int64_t rules_penalty_overparking(int64_t over_s, int64_t rate);    /* each hour begun beyond */
int64_t rules_penalty_unauthorized(int64_t vehicles, int64_t rate); /* twice the rate each */
enum rules_severity rules_breach_severity(const struct rules_share *share); /* high from a fifth */

/* Seconds of a stay beyond what is allowed; 0 when it isn't, or when nothing limits it
 * (max_stay_s 0). */
int64_t rules_overstay_s(uint64_t entered_ms, uint64_t now_ms, int64_t max_stay_s);

/* ---- gates ---- */

/* Whole seconds between entry and exit; 0 when the clocks of two gates disagree. */
int64_t rules_duration_s(uint64_t entered_ms, uint64_t exited_ms);

#define RULES_PLATE_BYTES 16

/* A plate as it is kept: digits and letters (A to Z, Latin with marks, Greek, Cyrillic) in
 * capitals; spaces and dashes become single spaces, none at the ends; 2 to 15 bytes of UTF-8 are
 * left. False: it is no plate. */
bool rules_plate(const char *text, char out[RULES_PLATE_BYTES]);

/* An ISO 8601 time in UTC or with an offset ("2026-01-21T09:30:00.250Z"); *out in unix ms. */
bool rules_time(const char *text, uint64_t *out);

/* What a device says of when: none (0) is now; ahead of us by up to five minutes (its clock) is
 * now; more, or older than a day, is refused. */
bool rules_when(uint64_t said_ms, uint64_t now_ms, uint64_t *out);

#endif
