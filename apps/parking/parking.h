/* parking.h - what the files of the car parks share. Private to them.
 *
 * A change is one transaction and the events that tell of it: whatever touches a lot, an alert or a
 * violation adds what is to be said to the change, and only when the database has taken it all is
 * it published, in order. All of this runs on the application's worker. */
#ifndef PARKING_H
#define PARKING_H

#include "host/app.h"

#include <stdbool.h>
#include <stdint.h>

#define PARKING_COUNT_MAX 100000 /* cars or slots of a lot */

/* A column of unix milliseconds as "2026-01-21T09:30:00.000Z", NULL stays NULL. */
#define ISO(column) "strftime('%Y-%m-%dT%H:%M:%fZ', (" column ") / 1000.0, 'unixepoch')"

/* A lot's count as the document has it. */
#define CAPACITY                                                                                   \
    "id as parkingLotId, total_slots as totalSlots, occupied, "                                    \
    "max(0, total_slots - occupied) as empty, "                                                    \
    "round(occupied * 1.0 / total_slots, 4) as occupancyRate, " ISO("updated_ms") " as timestamp"

/* When an operator's devices were heard, to tell a broken camera from a broken line. */
struct site {
    struct site *next;
    char *tenant;
    uint64_t heard_ms, since_ms; /* since: after a silence */
};

struct parking {
    struct app *app;
    struct db *db;
    struct site *sites;
    uint64_t look_ms,
        tidy_ms; /* when the next look at the clock's rules, and at old rows, is due */
};

/* Members of a row; "" and 0 where there is none. */
const char *park_text(const json_t *row, const char *name);
int64_t park_int(const json_t *row, const char *name);

/* ---- change.c: a transaction and what it says ---- */

struct change {
    struct parking *p;
    const char *tenant; /* borrowed for as long as it lasts */
    uint64_t now_ms;
    const char *by; /* whose doing it is; NULL: the rules' */
    json_t *events;
    bool bad; /* something failed: it will be taken back */
};

/* 0, or -1 when the database can't. by may be NULL. */
int park_begin(struct change *c, struct parking *p, const char *tenant, const char *by);
/* Notes how a db_run went; returns it. */
int64_t park_note(struct change *c, int64_t rc);
/* Commits and publishes, or takes everything back. 0 or -1. */
int park_end(struct change *c);

/* What happened to a lot, in the document's shape. event NULL: a count; duration_s below 0: none.
 */
void park_say_capacity(struct change *c, const char *lot, const char *event, const char *plate,
                       int64_t duration_s);
void park_say_refresh(struct change *c,
                      const char *lot); /* what pages know of it is no longer true */

struct alert {
    const char *lot, *type, *severity, *message;
    const char *contractor, *device; /* NULL: none */
    int64_t violation;               /* 0: none */
};
void park_alert_raise(struct change *c, const struct alert *alert);
/* Of the lot's unresolved alerts of that type: those of that device and that violation, where they
 * are given (NULL, 0: any). */
void park_alert_resolve(struct change *c, const char *lot, const char *type, const char *device,
                        int64_t violation);
void park_alert_worsen(struct change *c, const char *lot, const char *type, const char *severity,
                       const char *message);
/* By a person. 1: done or so already; 0: it can't go back; -1: there is none. */
int park_alert_set(struct change *c, int64_t id, const char *status);

struct violation {
    const char *lot, *contractor, *type;
    const char *plate; /* NULL: of no single vehicle */
    int64_t allocated, actual, excess, duration_s, penalty;
    const char *severity, *message; /* of its alert */
};
int64_t park_violation_open(struct change *c, const struct violation *v); /* its number */
/* It got worse; nothing happens once it is settled. */
void park_violation_grow(struct change *c, int64_t id, int64_t actual, int64_t excess,
                         int64_t duration_s, int64_t penalty);
/* What caused it is over; it waits to be settled by a person. duration_s below 0: as it stands. */
void park_violation_over(struct change *c, int64_t id, int64_t duration_s);
int park_violation_set(struct change *c, int64_t id, const char *status); /* as park_alert_set */

/* ---- yard.c: what happens in lots ---- */

/* A count by a camera, or by a person. counted_ms: when; one that is older than the latest is
 * ignored (false). */
bool park_count(struct change *c, const char *lot, int64_t occupied, uint64_t counted_ms);
void park_settle_lot(struct change *c, const char *lot); /* alerts after a change of it */
void park_settle_share(struct change *c, const char *contractor, const char *lot);

struct passage {
    const char *lot, *plate;
    const char *device, *ref, *by; /* NULL: none */
    uint64_t at_ms;
};
void park_enter(struct change *c, const struct passage *g);
int64_t park_leave(struct change *c, const struct passage *g); /* its seconds inside; -1: unknown */

void park_heard(struct change *c, const char *device); /* a device has spoken */
void park_look(struct parking *p, uint64_t now_ms); /* silent cameras, stays that grow too long */
void park_tidy(struct parking *p, uint64_t now_ms); /* forgets what is old */

/* ---- requests ---- */

int parking_devices_routes(struct parking *p); /* devices.c: cameras and gates */
int parking_desk_routes(struct parking *p);    /* desk.c: pages */

/* The lot's name if it is the operator's: returns new, NULL when there is none. */
json_t *park_lot(struct parking *p, const char *tenant, const char *lot);
bool park_is_manager(const struct app_who *who);
bool park_is_staff(const struct app_who *who);            /* manager or attendant */
void park_fail(struct parking *p, struct app_request *r); /* answers 500, or 503 */

/* ---- play.c: the world ---- */

#define PARKING_PLAY_BYTES 65536

void parking_play(struct world *world, void *memory);

#endif
