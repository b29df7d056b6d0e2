/* simulation.c - core and edge together, on virtual time, with seeded dice.
 *
 *     simulation [schedules [first-seed [steps]]]     SIM_TRACE=1 tells what happens
 *
 * Each schedule is one seed: the same seed gives the same schedule. Prints how often each thing
 * that can happen to a reader did. Exits with 1 when a schedule came out wrong, with 3 when all
 * were right and something never happened in a full run. */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define SCHEDULES 20000
#define FULL 5000 /* schedules from which on everything must have happened */
#define STEPS 200

void sim_fail(struct world *w, const char *fmt, ...)
{
    va_list ap;
    if (w->failed)
        return;
    w->failed = true;
    va_start(ap, fmt);
    vsnprintf(w->why, sizeof w->why, fmt, ap);
    va_end(ap);
}

void sim_trace(const struct world *w, const char *fmt, ...)
{
    va_list ap;
    if (!w->verbose)
        return;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

/* The one thing that outlives a schedule. */
static uint64_t *coverage(void)
{
    static uint64_t counts[COV_COUNT];
    return counts;
}

void sim_cover(enum coverage what)
{
    coverage()[what]++;
}

static void step_clock(struct world *w)
{
    uint64_t by = roll(w, 400);
    if (chance(w, 50)) {
        w->wall_ms += by;
    } else {
        w->wall_ms -= by;
        sim_cover(COV_clock_back);
    }
}

/* Nobody publishes for a while. */
static void step_pause(struct world *w)
{
    for (unsigned n = 0; n < 20; n++) {
        w->mono_us += EDGE_TICK_MS * 1000;
        for (unsigned i = 0; i < w->sides; i++) {
            world_tick(w, (int)i);
            world_run(w, (int)i, 100000);
        }
    }
}

static void step_time(struct world *w)
{
    uint64_t ms = chance(w, 20) ? roll(w, 300) : roll(w, 5);
    w->wall_ms += ms;
    w->mono_us += ms * 1000;
}

static void step_reconfigure(struct world *w)
{
    w->confs[0].events = 1 + roll(w, 10);
    w->confs[3].keys = 1 + roll(w, KEYS);
    hub_reconfigure(w->hub);
    sim_cover(COV_reconfigured);
}

static void step_drop(struct world *w, struct client *c)
{
    if (chance(w, 30)) {
        c->c.dead = true; /* the hub has still to find out */
        return;
    }
    client_drop(c);
    if (chance(w, 12))
        client_new(w, c);
}

static void step(struct world *w)
{
    const struct weights *x = &w->weights;
    const unsigned weights[] = {x->publish,     x->connect, x->drop, x->read,  x->deliver,
                                x->run,         x->tick,    x->asks, x->step,  x->hub_tick,
                                x->time,        x->clock,   x->work, x->crash, x->overflow,
                                x->reconfigure, x->close};
    unsigned sum = 0, what = 0;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        sum += weights[i];
    unsigned dice = roll(w, sum);
    while (dice >= weights[what])
        dice -= weights[what++];
    int side = (int)roll(w, w->sides);
    struct client *c = &w->client[roll(w, w->clients)];
    switch (what) {
    case 0:
        publish_some(w);
        break;
    case 1:
        if (!c->c.open)
            client_connect(c);
        break;
    case 2:
        step_drop(w, c);
        break;
    case 3:
        client_read(c, false);
        break;
    case 4:
        world_deliver(w, side, chance(w, 50) ? 1 : 1 + roll(w, 10));
        break;
    case 5:
        world_run(w, side, chance(w, 50) ? 100000 : roll(w, 30));
        break;
    case 6:
        w->mono_us += EDGE_TICK_MS * 1000 * roll(w, 5);
        world_tick(w, side);
        if (chance(w, 10))
            step_pause(w);
        break;
    case 7:
        world_asks(w, side, 1 + roll(w, 4));
        break;
    case 8:
        world_step(w);
        break;
    case 9:
        hub_tick(w->hub, w->wall_ms);
        break;
    case 10:
        step_time(w);
        break;
    case 11:
        step_clock(w);
        break;
    case 12:
        store_work(w);
        break;
    case 13:
        if (chance(w, 50))
            world_crash(w);
        break;
    case 14:
        world_overflow(w, side);
        break;
    case 15:
        step_reconfigure(w);
        break;
    default:
        client_push(c);
    }
}

static bool schedule(struct world *w, uint64_t seed, unsigned steps, bool verbose)
{
    world_init(w, seed, verbose);
    for (unsigned i = 0; i < steps && !w->failed; i++)
        step(w);
    if (!w->failed)
        check_end(w);
    world_fini(w);
    if (w->failed)
        printf("seed %llu: %s\n", (unsigned long long)seed, w->why);
    return !w->failed;
}

static int report(uint64_t schedules)
{
    int never = 0;
#define X(name)                                                                                    \
    printf("%-20s %llu\n", #name, (unsigned long long)coverage()[COV_##name]);                     \
    never += !coverage()[COV_##name];
    COVERAGE(X)
#undef X
    never -= !coverage()[COV_needless_gap];
    if (coverage()[COV_needless_gap] > 1 + schedules / 20000) {
        printf("needless gaps for readers with filters are more than rare\n");
        return 3;
    }
    if (schedules < FULL || !never)
        return 0;
    printf("%d of them never happened\n", never);
    return 3;
}

int main(int argc, char **argv)
{
    uint64_t schedules = argc > 1 ? strtoull(argv[1], NULL, 10) : SCHEDULES;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    unsigned steps = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : STEPS;
    struct world *w = calloc(1, sizeof *w);
    w->records = calloc(RECORDS, sizeof *w->records);
    bool right = true;
    unsigned wrong = 0;
    for (uint64_t i = 0; i < schedules && wrong < 20; i++)
        if (!schedule(w, seed + i, steps, getenv("SIM_TRACE") != NULL))
            wrong++, right = false;
    for (unsigned i = 0; i < CLIENTS; i++)
        free(w->client[i].c.in);
    free(w->records);
    free(w);
    int rc = report(schedules);
    return right ? rc : 1;
}
