/* bench_check.h - whether the numbered messages of a channel come to a connection exactly once and
 * in order. Pure; one thread at a time. */
#ifndef FRESHET_CLI_BENCH_CHECK_H
#define FRESHET_CLI_BENCH_CHECK_H

#include <stdbool.h>
#include <stdint.h>

/* What became of messages, added up over connections. */
struct tally {
    uint64_t delivered; /* different messages that came */
    uint64_t lost;      /* never came, and nobody said so */
    uint64_t told;      /* never came, and a gap had announced it */
    uint64_t repeated;
    uint64_t reordered; /* came, but after a later one */
};

/* One channel on one connection; zeroed to begin with. Numbers start at 1. */
struct check {
    uint32_t last;      /* the highest number that came */
    bool gap_told;      /* since then a gap was announced */
    uint64_t seen;      /* bit i: last - i came; what is further back counts as seen */
};

/* A message came. True when it is the first time. One that comes 64 or more numbers late counts as
 * repeated: it can't be told apart. */
bool check_message(struct check *c, uint32_t number, struct tally *t);

/* The stream said that messages are missing from here on. */
void check_gap(struct check *c);

/* No more will come, and `published` have been sent in all. */
void check_end(const struct check *c, uint32_t published, struct tally *t);

#endif
