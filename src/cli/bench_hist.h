/* bench_hist.h - a histogram of times, log-linear: 64 steps an octave, so that a value read back
 * is within 1.6 % of the one put in. Fixed size, no allocation. Pure; one thread at a time. */
#ifndef FRESHET_CLI_BENCH_HIST_H
#define FRESHET_CLI_BENCH_HIST_H

#include <stdint.h>

#define HIST_STEP_BITS 6
#define HIST_OCTAVES 40 /* the last one begins at 2^45 ns: beyond it everything counts as that */
#define HIST_SLOTS ((HIST_OCTAVES + 1) << HIST_STEP_BITS)

struct hist {
    uint64_t count[HIST_SLOTS];
    uint64_t total;
    uint64_t max; /* exactly */
};

void hist_add(struct hist *h, uint64_t ns);

/* The smallest time that at least `per_mille` of 1000 values (1 to 1000) don't pass, within the
 * histogram's resolution and never above the greatest; 0 when it is empty. */
uint64_t hist_at(const struct hist *h, unsigned per_mille);

#endif
