/* pos.h - positions in a tenant's log.
 *
 * A position is the pair <unix-ms>-<n> packed into one number, so that comparing positions is
 * comparing numbers: 42 bits of milliseconds (until the year 2109), 22 bits of n. 0 is before
 * everything. An id is a position and the epoch of the log it belongs to, written
 * `<unix-ms>-<n>-<epoch>`, epoch 8 hex digits. Pure; any thread. */
#ifndef FRESHET_BASE_POS_H
#define FRESHET_BASE_POS_H

#include "base/slice.h"

#include <stdint.h>

#define POS_N_BITS 22
#define POS_N_MAX ((1u << POS_N_BITS) - 1)
#define POS_MAX UINT64_MAX
#define POS_TEXT_MAX 40 /* bytes an id takes as text, with a NUL */

typedef uint64_t pos_t;

static inline pos_t pos_make(uint64_t ms, uint32_t n)
{
    return ms << POS_N_BITS | n;
}

static inline uint64_t pos_ms(pos_t pos)
{
    return pos >> POS_N_BITS;
}

/* The position just before everything that happened at `ms` or later. */
static inline pos_t pos_before_ms(uint64_t ms)
{
    return ms ? pos_make(ms, 0) - 1 : 0;
}

/* The next position after `last` at the time now_ms: never at or below `last`, also when the
 * clock went back. */
static inline pos_t pos_next(pos_t last, uint64_t now_ms)
{
    pos_t now = pos_make(now_ms, 0);
    return now > last ? now : last + 1;
}

/* Reads an id. Numbers beyond what a position can hold become the greatest one, which compares
 * right with every position there can be. False when it is not of the form (64 bytes at most). */
bool pos_parse(struct slice id, pos_t *pos, uint32_t *epoch);

/* Writes the id and a NUL into out, returns its length without the NUL. */
size_t pos_format(pos_t pos, uint32_t epoch, char out[POS_TEXT_MAX]);

#endif
