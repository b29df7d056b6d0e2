/* rate.h - how many a second: a total and two windows of time, turned when they are looked at. Pure:
 * time is an argument. */
#ifndef FRESHET_CORE_RATE_H
#define FRESHET_CORE_RATE_H

#include <stdint.h>

#define RATE_WINDOW_MS 5000

/* All zero to begin with. */
struct rate {
    uint64_t total;
    uint64_t window;      /* the number of the present window */
    uint64_t now, before; /* counted in it, and in the one before */
};

static inline void rate_turn(struct rate *r, uint64_t now_ms)
{
    uint64_t window = now_ms / RATE_WINDOW_MS;
    if (window == r->window)
        return;
    r->before = window == r->window + 1 ? r->now : 0;
    r->now = 0;
    r->window = window;
}

static inline void rate_add(struct rate *r, uint64_t n, uint64_t now_ms)
{
    rate_turn(r, now_ms);
    r->total += n;
    r->now += n;
}

/* A second, over the last RATE_WINDOW_MS: what the present window has, and of the one before the
 * part that is not older than that. */
static inline double rate_get(const struct rate *r, uint64_t now_ms)
{
    struct rate at = *r;
    rate_turn(&at, now_ms);
    double old = 1 - (double)(now_ms % RATE_WINDOW_MS) / RATE_WINDOW_MS;
    return ((double)at.before * old + (double)at.now) * 1000 / RATE_WINDOW_MS;
}

#endif
