#include "cli/bench_hist.h"

#define STEPS (1u << HIST_STEP_BITS)

static unsigned slot_of(uint64_t ns)
{
    if (ns < STEPS)
        return (unsigned)ns;
    unsigned top = 63 - (unsigned)__builtin_clzll(ns);
    unsigned octave = top - HIST_STEP_BITS + 1;
    if (octave > HIST_OCTAVES)
        return HIST_SLOTS - 1;
    return (octave << HIST_STEP_BITS) + (unsigned)((ns >> (octave - 1)) & (STEPS - 1));
}

/* The middle of a slot. */
static uint64_t slot_value(unsigned slot)
{
    unsigned octave = slot >> HIST_STEP_BITS;
    uint64_t step = slot & (STEPS - 1);
    if (octave == 0)
        return step;
    uint64_t width = UINT64_C(1) << (octave - 1);
    return ((step | STEPS) << (octave - 1)) + width / 2;
}

void hist_add(struct hist *h, uint64_t ns)
{
    h->count[slot_of(ns)]++;
    h->total++;
    if (ns > h->max)
        h->max = ns;
}

uint64_t hist_at(const struct hist *h, unsigned per_mille)
{
    if (per_mille >= 1000 || h->total == 0)
        return h->max;
    /* rounded up: the p99 of three values is the third */
    uint64_t wanted = (h->total / 1000) * per_mille + ((h->total % 1000) * per_mille + 999) / 1000;
    uint64_t seen = 0;
    for (unsigned i = 0; i < HIST_SLOTS; i++) {
        seen += h->count[i];
        if (seen >= wanted && seen)
            return slot_value(i) < h->max ? slot_value(i) : h->max;
    }
    return h->max;
}
