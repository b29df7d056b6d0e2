/* The world: cars that come and go, cameras that count them every few seconds, now and then one
 * that breaks, a gate that misses a car. It knows nothing but what its own devices are told, and
 * acts through the endpoints that real ones would use. */
#include "parking/parking.h"

#include <stdio.h>
#include <string.h>

#define CARS_MAX 400
#define PLATE_BYTES 16
#define LOTS 7
#define REPORT_MS 3000
#define REREAD_MS 60000
#define BREAK_ODDS 900 /* acts to one that breaks a camera */

struct yard {
    char cars[CARS_MAX][PLATE_BYTES];
    unsigned count, total;
    double goal; /* how full it is getting; 0: not decided */
    uint64_t reread_ms, report_ms[2], broken_ms[2];
};

struct play {
    struct yard yards[LOTS];
    uint64_t passages;
};

_Static_assert(sizeof(struct play) <= PARKING_PLAY_BYTES, "the world's memory is what it says");

static const struct {
    const char *lot, *tenant, *gate, *cameras[2];
} places[LOTS] = {
    {"lot_central", "citypark", "gate-central", {"cam-central-1", "cam-central-2"}},
    {"lot_market", "citypark", "gate-market", {"cam-market-1", "cam-market-2"}},
    {"lot_museum", "citypark", "gate-museum", {"cam-museum-1", NULL}},
    {"lot_ring", "citypark", "gate-ring", {"cam-ring-1", "cam-ring-2"}},
    {"lot_pier", "quayside", "gate-pier", {"cam-pier-1", "cam-pier-2"}},
    {"lot_fish", "quayside", "gate-fish", {"cam-fish-1", NULL}},
    {"lot_cruise", "quayside", "gate-cruise", {"cam-cruise-1", "cam-cruise-2"}},
};

/* Whose drivers go where; the first two of a fleet forget the time. */
static const struct {
    const char *prefix, *tenant, *lots[2];
    unsigned size;
} fleets[] = {
    {"SWF", "citypark", {"lot_central", "lot_market"}, 16},
    {"MED", "citypark", {"lot_museum", "lot_central"}, 14},
    {"BRW", "citypark", {"lot_ring", "lot_market"}, 18},
    {"PIL", "quayside", {"lot_pier", "lot_pier"}, 12},
    {"FRL", "quayside", {"lot_fish", "lot_cruise"}, 16},
    {"ISL", "quayside", {"lot_cruise", "lot_pier"}, 20},
};

#define FLEETS (sizeof fleets / sizeof *fleets)

/* What the gate knows of who is inside; a gate that was restarted would ask the same. */
static void reread(struct world *w, unsigned i, struct yard *y, uint64_t now)
{
    char path[100];
    size_t k;
    json_t *car;
    snprintf(path, sizeof path, "/api/monitor/gate?parkingLotId=%s", places[i].lot);
    json_t *out = world_send(w, places[i].gate, "GET", path, NULL, NULL);
    json_t *inside = json_object_get(out, "inside");
    y->reread_ms = now + (inside ? REREAD_MS + i * 1000 : 1000);
    if (inside) {
        y->total = (unsigned)park_int(out, "totalSlots");
        y->count = 0;
    }
    json_array_foreach(inside, k, car)
    {
        if (y->count < CARS_MAX)
            snprintf(y->cars[y->count++], PLATE_BYTES, "%s", park_text(car, "plateNumber"));
    }
    json_decref(out);
}

static void report(struct world *w, unsigned i, unsigned camera, const struct yard *y)
{
    char stamp[25];
    json_decref(world_send(w, places[i].cameras[camera], "POST", "/api/monitor/lot",
                           json_pack("{s:s, s:s, s:i, s:s}", "cameraId", places[i].cameras[camera],
                                     "parkingLotId", places[i].lot, "occupied", (int)y->count,
                                     "timestamp", app_iso(app_now_ms(), stamp)),
                           NULL));
}

static void cameras(struct world *w, struct play *play, uint64_t now)
{
    for (unsigned i = 0; i < LOTS && !world_stopping(w); i++) {
        struct yard *y = &play->yards[i];
        if (now >= y->reread_ms || y->reread_ms > now + 2 * REREAD_MS)
            reread(w, i, y, now);
        for (unsigned k = 0; k < 2; k++) {
            bool due = now >= y->report_ms[k] || y->report_ms[k] > now + REPORT_MS;
            if (!places[i].cameras[k] || !y->total || !due || now < y->broken_ms[k])
                continue;
            y->report_ms[k] = now + REPORT_MS;
            report(w, i, k, y);
        }
    }
}

static void maybe_break(struct world *w, struct play *play, uint64_t now)
{
    if (world_below(w, BREAK_ODDS) == 0)
        play->yards[world_below(w, LOTS)].broken_ms[world_below(w, 2)] =
            now + 25000 + world_below(w, 40000);
}

/* The lot of a car, by how many slots there are. */
static unsigned pick(struct world *w, const struct play *play)
{
    unsigned sum = 0, i = 0;
    for (unsigned k = 0; k < LOTS; k++)
        sum += play->yards[k].total;
    unsigned at = sum ? world_below(w, sum) : 0;
    while (i < LOTS - 1 && at >= play->yards[i].total)
        at -= play->yards[i++].total;
    return i;
}

/* A lot fills up, or empties, until it has reached its goal; one in four overflows. */
static bool arrives(struct world *w, struct yard *y)
{
    double fill = (double)y->count / y->total, gap = y->goal - fill;
    if (y->goal <= 0 || (gap < 0.02 && gap > -0.02)) {
        y->goal =
            world_below(w, 4) == 0 ? 1.02 + world_random(w) * 0.05 : 0.55 + world_random(w) * 0.42;
        gap = y->goal - fill;
    }
    double chance = 0.5 + gap * 3;
    chance = chance > 0.9 ? 0.9 : chance < 0.1 ? 0.1 : chance;
    return world_random(w) < chance;
}

static bool is_inside(const struct play *play, const char *plate)
{
    for (unsigned i = 0; i < LOTS; i++)
        for (unsigned k = 0; k < play->yards[i].count; k++)
            if (strcmp(play->yards[i].cars[k], plate) == 0)
                return true;
    return false;
}

/* A vehicle of a fleet that is welcome there, or now and then one that isn't. False: none. */
static bool fleet_plate(struct world *w, unsigned i, char plate[PLATE_BYTES])
{
    if (world_below(w, 5) > 1)
        return false;
    unsigned f = world_below(w, FLEETS);
    if (strcmp(fleets[f].tenant, places[i].tenant) != 0)
        return false;
    bool welcome = strcmp(fleets[f].lots[0], places[i].lot) == 0 ||
                   strcmp(fleets[f].lots[1], places[i].lot) == 0;
    if (!welcome && world_below(w, 40) != 0)
        return false;
    snprintf(plate, PLATE_BYTES, "%s %02u", fleets[f].prefix, 1 + world_below(w, fleets[f].size));
    return true;
}

static void public_plate(struct world *w, char plate[PLATE_BYTES])
{
    snprintf(plate, PLATE_BYTES, "%c%c %u", 'A' + (char)world_below(w, 26),
             'A' + (char)world_below(w, 26), 1000 + world_below(w, 9000));
}

/* The gate tells, unless it has missed the car: the cameras will find out. */
static void pass(struct world *w, struct play *play, unsigned i, const char *event,
                 const char *plate)
{
    char stamp[25], ref[40];
    int status = 0;
    uint64_t now = app_now_ms();
    if (world_below(w, 50) == 0)
        return;
    snprintf(ref, sizeof ref, "%llx-%llu", (unsigned long long)now,
             (unsigned long long)play->passages++);
    json_decref(world_send(w, places[i].gate, "POST", "/api/monitor/gate",
                           json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "gateId", places[i].gate,
                                     "parkingLotId", places[i].lot, "event", event, "plateNumber",
                                     plate, "timestamp", app_iso(now, stamp), "eventId", ref),
                           &status));
    if (status != 200)
        play->yards[i].reread_ms = 0;
}

static void arrive(struct world *w, struct play *play, unsigned i)
{
    struct yard *y = &play->yards[i];
    char plate[PLATE_BYTES];
    if (!fleet_plate(w, i, plate))
        public_plate(w, plate);
    if (y->count >= CARS_MAX || y->count > y->total + y->total / 8 || is_inside(play, plate))
        return;
    snprintf(y->cars[y->count++], PLATE_BYTES, "%s", plate);
    pass(w, play, i, "vehicle_entry", plate);
}

/* Whether a driver stays although it was his turn. */
static bool lingers(struct world *w, const char *plate)
{
    for (size_t f = 0; f < FLEETS; f++)
        if (strncmp(plate, fleets[f].prefix, 3) == 0)
            return world_below(w, 40) != 0 && (strcmp(plate + 4, "03") < 0 || world_below(w, 2));
    return false;
}

static void leave(struct world *w, struct play *play, unsigned i)
{
    struct yard *y = &play->yards[i];
    char plate[PLATE_BYTES];
    unsigned at = y->count ? world_below(w, y->count) : 0;
    if (!y->count || lingers(w, y->cars[at]))
        return;
    memcpy(plate, y->cars[at], PLATE_BYTES);
    memmove(y->cars[at], y->cars[--y->count], PLATE_BYTES);
    pass(w, play, i, "vehicle_exit", plate);
}

void parking_play(struct world *w, void *memory)
{
    struct play *play = memory;
    uint64_t now = app_now_ms();
    cameras(w, play, now);
    maybe_break(w, play, now);
    unsigned i = pick(w, play);
    if (!play->yards[i].total || world_stopping(w))
        return;
    if (arrives(w, &play->yards[i]))
        arrive(w, play, i);
    else
        leave(w, play, i);
}
