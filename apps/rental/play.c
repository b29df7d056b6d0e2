/* play.c - the world of the rental companies: machines that report where they are, a time clock,
 * the books that bring customers in, the bank. It acts over HTTP as those devices do, and knows
 * only what they would be told. */
#include "rental/rental.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MACHINES_MOST 64
#define PEOPLE_MOST 64
#define BOOKS 48 /* customers that the books know beside those of the first day */

struct machine {
    int64_t id, hours;
    double lat, lon;
    bool out;
};

struct company {
    unsigned machines, people;
    struct machine machine[MACHINES_MOST];
    int64_t person[PEOPLE_MOST];
    int64_t run, run_total, run_done; /* run 0: none under way */
    unsigned acts;                    /* until it looks again at who and what there is */
};

struct rental_world {
    struct company company[2];
};

_Static_assert(sizeof(struct rental_world) <= RENTAL_PLAY_SIZE, "the world's memory is too small");

static const char *const devices[2][4] = {
    {"dune-telematics", "dune-clock", "dune-books", "dune-bank"},
    {"fjord-telematics", "fjord-clock", "fjord-books", "fjord-bank"},
};

static double real_of(const json_t *row, const char *name)
{
    return json_number_value(json_object_get(row, name));
}

static void look(struct world *w, const char *const *device, struct company *c)
{
    json_t *fleet = world_send(w, device[0], "GET", "/api/rental/equipment", NULL, NULL);
    json_t *people = world_send(w, device[1], "GET", "/api/rental/people", NULL, NULL), *row;
    size_t i;
    c->machines = c->people = 0;
    json_array_foreach(json_object_get(fleet, "equipment"), i, row) if (c->machines < MACHINES_MOST)
        c->machine[c->machines++] =
        (struct machine){rental_number(row, "id"), rental_number(row, "hours"), real_of(row, "lat"),
                         real_of(row, "lon"), !strcmp(rental_text(row, "state"), "rented")};
    json_array_foreach(json_object_get(people, "employees"), i, row) if (c->people < PEOPLE_MOST)
        c->person[c->people++] = rental_number(row, "id");
    json_decref(fleet);
    json_decref(people);
    c->acts = 60;
}

/* A machine that is out moves on by some hundred metres and runs some minutes. */
static void report_place(struct world *w, const char *device, struct company *c)
{
    char path[80];
    int status;
    unsigned first = c->machines ? world_below(w, c->machines) : 0;
    struct machine *m = NULL;
    for (unsigned i = 0; i < c->machines && !m; i++)
        if (c->machine[(first + i) % c->machines].out)
            m = &c->machine[(first + i) % c->machines];
    if (!m)
        return;
    double lat = m->lat + (world_random(w) - 0.5) * 0.006;
    double lon = m->lon + (world_random(w) - 0.5) * 0.006;
    int64_t hours = m->hours + 1 + (int64_t)world_below(w, 4);
    snprintf(path, sizeof path, "/api/rental/equipment/%lld/location", (long long)m->id);
    /* receivers give five decimals, a metre */
    json_t *answer = world_send(w, device, "POST", path,
                                json_pack("{s:f, s:f, s:f}", "lat", round(lat * 1e5) / 1e5, "lon",
                                          round(lon * 1e5) / 1e5, "hours", (double)hours / 10),
                                &status);
    json_decref(answer);
    if (status == 200)
        *m = (struct machine){m->id, hours, lat, lon, true};
    else
        c->acts = 0;
}

/* Somebody hands in the hours of one of the last days; what was decided stays as it is. */
static void clock_in(struct world *w, const char *device, struct company *c)
{
    char day[RULE_DAY_TEXT];
    if (!c->people)
        return;
    int32_t on = rental_today() - (int32_t)world_below(w, 7);
    json_decref(world_send(w, device, "POST", "/api/rental/timesheets",
                           json_pack("{s:I, s:s, s:i}", "employee_id",
                                     (json_int_t)c->person[world_below(w, c->people)], "day",
                                     rule_day_text(on, day), "minutes",
                                     15 * (26 + (int)world_below(w, 14))),
                           NULL));
}

/* One of the books' customers: always the same name under a number. */
static json_t *record(struct world *w, unsigned company, unsigned number)
{
    static const char *const first[2][8] = {
        {"Al Waha", "Tarout", "Najd", "Red Sea", "Palm", "Dana", "Khaleej", "Sahra"},
        {"Askoy", "Voss", "Hardanger", "Os", "Lindas", "Stord", "Odda", "Sogn"}};
    static const char *const second[] = {"Contracting", "Marine",  "Roads",
                                         "Steel",       "Estates", "Energy"};
    static const char *const city[2][3] = {{"Dammam", "Jubail", "Hofuf"},
                                           {"Bergen", "Voss", "Stord"}};
    char code[24], name[64], email[64];
    snprintf(code, sizeof code, "%s%u", company ? "K-" : "C-", (company ? 500 : 2000) + number);
    snprintf(name, sizeof name, "%s %s", first[company][number % 8], second[number / 8 % 6]);
    snprintf(email, sizeof email, "office-%u@customers.example", number);
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "code", code, "name", name, "city",
                     city[company][number % 3], "email", email, "credit_limit",
                     (json_int_t)(500000 + 100000 * world_below(w, 40)), "revision",
                     (json_int_t)(app_now_ms() / 600000)); /* changes every ten minutes at most */
}

static void bring_customers(struct world *w, unsigned which, const char *device, struct company *c)
{
    char path[80];
    int status;
    if (!c->run) {
        c->run_total = 12 + (int64_t)world_below(w, BOOKS - 11);
        json_t *run = world_send(w, device, "POST", "/api/rental/syncs",
                                 json_pack("{s:s, s:I}", "task", "Customers from the books",
                                           "total", (json_int_t)c->run_total),
                                 NULL);
        c->run = rental_number(run, "id");
        c->run_done = 0;
        json_decref(run);
        return;
    }
    json_t *batch = json_array();
    int64_t done = c->run_done;
    for (int i = 0; i < 6 && done < c->run_total; i++)
        json_array_append_new(batch, record(w, which, (unsigned)done++));
    snprintf(path, sizeof path, "/api/rental/syncs/%lld/customers", (long long)c->run);
    json_decref(
        world_send(w, device, "POST", path, json_pack("{s:o}", "customers", batch), &status));
    c->run_done = done;
    if (status != 200 || done >= c->run_total)
        c->run = 0;
}

/* A customer pays some of what is open. */
static void transfer(struct world *w, const char *device)
{
    char path[80];
    json_t *answer = world_send(w, device, "GET", "/api/rental/rentals", NULL, NULL);
    json_t *rows = json_object_get(answer, "rentals");
    size_t count = json_array_size(rows), first = count ? world_below(w, (unsigned)count) : 0;
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(rows, (first + i) % count);
        int64_t open = rental_number(row, "balance");
        int64_t amount = 5000 * (1 + (int64_t)world_below(w, 40));
        if (open <= 0)
            continue;
        snprintf(path, sizeof path, "/api/rental/rentals/%lld/payments",
                 (long long)rental_number(row, "id"));
        json_decref(world_send(w, device, "POST", path,
                               json_pack("{s:I, s:s}", "amount",
                                         (json_int_t)(amount < open ? amount : open), "method",
                                         "bank_transfer"),
                               NULL));
        break;
    }
    json_decref(answer);
}

void rental_play(struct world *world, void *memory)
{
    struct rental_world *all = memory;
    unsigned which = world_below(world, 3) == 0; /* the first company is twice the size */
    struct company *c = &all->company[which];
    const char *const *device = devices[which];
    if (!c->acts--)
        look(world, device, c);
    unsigned dice = world_below(world, 20);
    if (dice < 12)
        report_place(world, device[0], c);
    else if (dice < 15)
        clock_in(world, device[1], c);
    else if (dice < 19)
        bring_customers(world, which, device[2], c);
    else
        transfer(world, device[3]);
}
