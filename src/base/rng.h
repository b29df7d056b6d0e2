/* rng.h - random numbers: a small seeded generator (xoshiro256**), so that a simulation can own
 * the dice, and the system's own randomness for seeds, epochs and secrets. */
#ifndef FRESHET_BASE_RNG_H
#define FRESHET_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4];
};

/* The same seed gives the same numbers. */
void rng_init(struct rng *r, uint64_t seed);

uint64_t rng_next(struct rng *r);

/* Evenly from 0 to bound-1; 0 for a bound of 0. */
uint64_t rng_below(struct rng *r, uint64_t bound);

/* Fills p with the system's randomness (getrandom). Aborts when there is none. */
void rng_system(void *p, size_t len);

#endif
