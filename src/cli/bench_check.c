#include "cli/bench_check.h"

#define WINDOW 64

/* Messages between the last and a later one are missing, for now. */
static void skip(struct check *c, uint32_t missing, struct tally *t)
{
    if (c->gap_told)
        t->told += missing;
    else
        t->lost += missing;
}

bool check_message(struct check *c, uint32_t number, struct tally *t)
{
    if (number > c->last) {
        uint32_t step = number - c->last;
        skip(c, step - 1, t);
        c->seen = step < WINDOW ? c->seen << step | 1 : 1;
        if (c->gap_told) /* what the gap covers is settled: coming late it would be a repeat */
            c->seen |= step < WINDOW ? ((UINT64_C(1) << step) - 1) : UINT64_MAX;
        c->gap_told = false;
        c->last = number;
        t->delivered++;
        return true;
    }
    uint32_t back = c->last - number;
    if (back >= WINDOW || (c->seen >> back & 1)) {
        t->repeated++;
        return false;
    }
    c->seen |= UINT64_C(1) << back;
    t->lost--; /* counted when the later one came */
    t->reordered++;
    t->delivered++;
    return true;
}

void check_gap(struct check *c)
{
    c->gap_told = true;
}

void check_end(const struct check *c, uint32_t published, struct tally *t)
{
    if (published <= c->last)
        return;
    if (c->gap_told)
        t->told += published - c->last;
    else
        t->lost += published - c->last;
}
