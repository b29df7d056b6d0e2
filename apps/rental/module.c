/* module.c - equipment rental: who may sign in, its state, and what time does to it. */
#include "rental/rental.h"

#include <stdio.h>
#include <stdlib.h>

#define DATES_EVERY_MS 1000

static const char *const stream[] = {"rental", NULL};

static const struct app_login logins[] = {
    {.id = "dune-manager",
     .name = "Amina Saleh",
     .tenant = "dune-rental",
     .role = "MANAGER",
     .password = "manage",
     .subscribe = stream,
     .publish = stream,
     .admin = true},
    {.id = "dune-dispatch",
     .name = "Omar Haddad",
     .tenant = "dune-rental",
     .role = "DISPATCHER",
     .password = "dispatch",
     .subscribe = stream,
     .publish = stream},
    {.id = "dune-people",
     .name = "Lina Aziz",
     .tenant = "dune-rental",
     .role = "HR",
     .password = "people",
     .subscribe = stream,
     .publish = stream},
    {.id = "dune-viewer",
     .name = "Sami Noor",
     .tenant = "dune-rental",
     .role = "VIEWER",
     .password = "view",
     .subscribe = stream},
    {.id = "fjord-manager",
     .name = "Ingrid Solheim",
     .tenant = "fjord-hire",
     .role = "MANAGER",
     .password = "manage",
     .subscribe = stream,
     .publish = stream,
     .admin = true},
    {.id = "fjord-viewer",
     .name = "Nils Berg",
     .tenant = "fjord-hire",
     .role = "VIEWER",
     .password = "view",
     .subscribe = stream},
    {.id = "dune-telematics", .name = "Telematics", .tenant = "dune-rental", .role = "TELEMATICS"},
    {.id = "dune-clock", .name = "Time clock", .tenant = "dune-rental", .role = "TIMECLOCK"},
    {.id = "dune-books", .name = "Books", .tenant = "dune-rental", .role = "CRM"},
    {.id = "dune-bank", .name = "Bank", .tenant = "dune-rental", .role = "BANK"},
    {.id = "fjord-telematics", .name = "Telematics", .tenant = "fjord-hire", .role = "TELEMATICS"},
    {.id = "fjord-clock", .name = "Time clock", .tenant = "fjord-hire", .role = "TIMECLOCK"},
    {.id = "fjord-books", .name = "Books", .tenant = "fjord-hire", .role = "CRM"},
    {.id = "fjord-bank", .name = "Bank", .tenant = "fjord-hire", .role = "BANK"},
    {.id = NULL},
};

static int open_app(struct app *app, void **state, char *why, size_t why_size)
{
    struct rental *s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(why, why_size, "out of memory");
        return -1;
    }
    *s = (struct rental){.app = app, .db = app_db(app)};
    *state = s;
    if (rental_routes_board(s) || rental_routes_rentals(s) || rental_routes_fleet(s) ||
        rental_routes_people(s) || rental_routes_customers(s)) {
        snprintf(why, why_size, "a path of the rental application is taken");
        return -1;
    }
    return 0;
}

static void close_app(void *state)
{
    free(state);
}

static void tick(void *state, uint64_t now_ms)
{
    struct rental *s = state;
    /* also when the clock was put back */
    if (now_ms - s->dates_at < DATES_EVERY_MS && now_ms >= s->dates_at)
        return;
    s->dates_at = now_ms;
    rental_dates(s);
}

/* Everybody asks again: every number may be another. */
static void replaced(void *state)
{
    struct rental *s = state;
    json_t *rows = db_rows(s->db, "select id from companies", ""), *row;
    size_t i;
    s->dates_at = 0;
    json_array_foreach(rows, i, row)
        rental_tell(s, rental_text(row, "id"), "system_notification", NULL,
                    json_pack("{s:s, s:s}", "level", "warning", "scope", "data"),
                    "The company's data was replaced");
    json_decref(rows);
}

static int64_t number(void *state, const char **label)
{
    struct rental *s = state;
    *label = "machines out on rental";
    return db_int(s->db, 0, "select count(*) from rentals where status in ('active', 'overdue')",
                  "");
}

const struct app_def app_rental = {
    .name = "rental",
    .title = "Equipment rental",
    .sentence =
        "Machines, payments, workshop, hours and leave of two rental companies, as it happens.",
    .logins = logins,
    .open = open_app,
    .close = close_app,
    .tick = tick,
    .replaced = replaced,
    .number = number,
    .play = rental_play,
    .play_size = RENTAL_PLAY_SIZE,
    .rate = 1,
};
