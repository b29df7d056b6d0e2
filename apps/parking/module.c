#include "parking/parking.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const stream[] = {"dashboard", NULL};

#define STAFF(i, n, t, r, p)                                                                       \
    {                                                                                              \
        .id = i, .name = n, .tenant = t, .role = r, .password = p, .subscribe = stream             \
    }
#define DEVICE(i, t, r)                                                                            \
    {                                                                                              \
        .id = i, .name = i, .tenant = t, .role = r                                                 \
    }

static const struct app_login logins[] = {
    {.id = "amira",
     .name = "Amira, City Park",
     .tenant = "citypark",
     .role = "manager",
     .password = "central",
     .subscribe = stream,
     .admin = true},
    STAFF("jonas", "Jonas, City Park", "citypark", "attendant", "barrier"),
    {.id = "mei",
     .name = "Mei, Quayside",
     .tenant = "quayside",
     .role = "manager",
     .password = "harbour",
     .subscribe = stream,
     .admin = true},
    STAFF("tariq", "Tariq, Quayside", "quayside", "attendant", "anchor"),
    DEVICE("cam-central-1", "citypark", "camera"),
    DEVICE("cam-central-2", "citypark", "camera"),
    DEVICE("gate-central", "citypark", "gate"),
    DEVICE("cam-market-1", "citypark", "camera"),
    DEVICE("cam-market-2", "citypark", "camera"),
    DEVICE("gate-market", "citypark", "gate"),
    DEVICE("cam-museum-1", "citypark", "camera"),
    DEVICE("gate-museum", "citypark", "gate"),
    DEVICE("cam-ring-1", "citypark", "camera"),
    DEVICE("cam-ring-2", "citypark", "camera"),
    DEVICE("gate-ring", "citypark", "gate"),
    DEVICE("cam-pier-1", "quayside", "camera"),
    DEVICE("cam-pier-2", "quayside", "camera"),
    DEVICE("gate-pier", "quayside", "gate"),
    DEVICE("cam-fish-1", "quayside", "camera"),
    DEVICE("gate-fish", "quayside", "gate"),
    DEVICE("cam-cruise-1", "quayside", "camera"),
    DEVICE("cam-cruise-2", "quayside", "camera"),
    DEVICE("gate-cruise", "quayside", "gate"),
    {.id = NULL},
};

static void parking_close(void *state)
{
    struct parking *p = state;
    while (p && p->sites) {
        struct site *next = p->sites->next;
        free(p->sites->tenant);
        free(p->sites);
        p->sites = next;
    }
    free(p);
}

static int parking_open(struct app *app, void **state, char *why, size_t why_size)
{
    struct parking *p = calloc(1, sizeof *p);
    if (!p) {
        snprintf(why, why_size, "out of memory");
        return -1;
    }
    p->app = app;
    p->db = app_db(app);
    if (parking_devices_routes(p) || parking_desk_routes(p)) {
        snprintf(why, why_size, "a path is taken");
        parking_close(p);
        return -1;
    }
    *state = p;
    return 0;
}

static void parking_tick(void *state, uint64_t now_ms)
{
    park_look(state, now_ms);
    park_tidy(state, now_ms);
}

/* Another database: its lots as they are, and the word to ask for the rest. */
static void parking_replaced(void *state)
{
    struct parking *p = state;
    struct change c;
    size_t i;
    json_t *row, *rows = db_rows(p->db, "select id, tenant from lots order by tenant, id", "");
    json_array_foreach(rows, i, row)
    {
        if (park_begin(&c, p, park_text(row, "tenant"), NULL))
            break;
        park_say_capacity(&c, park_text(row, "id"), NULL, NULL, -1);
        park_say_refresh(&c, park_text(row, "id"));
        park_end(&c);
    }
    json_decref(rows);
}

static int64_t parking_number(void *state, const char **label)
{
    struct parking *p = state;
    *label = "slots free now";
    return db_int(p->db, 0, "select coalesce(sum(max(0, total_slots - occupied)), 0) from lots",
                  "");
}

const struct app_def app_parking = {
    .name = "parking",
    .title = "Smart parking",
    .sentence = "How full every lot is, who came and went, what is wrong and what it costs: as it "
                "happens.",
    .logins = logins,
    .open = parking_open,
    .close = parking_close,
    .tick = parking_tick,
    .replaced = parking_replaced,
    .number = parking_number,
    .play = parking_play,
    .play_size = PARKING_PLAY_BYTES,
    .rate = 4,
};
