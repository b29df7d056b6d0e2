/* decimal.h - JSON numbers as what they say: exact decimals, of any length, read where they stand.
 * No floating point: 9007199254740993 is not 9007199254740992, and 0.3 is three times 0.1. Borrows
 * the number's text, allocates nothing. Pure; any thread. */
#ifndef FRESHET_JSON_DECIMAL_H
#define FRESHET_JSON_DECIMAL_H

#include "base/slice.h"

#include <stdint.h>

/* The value 0.d1d2d3... x 10^exp, d1 and the last digit not 0. */
struct dec {
    struct slice digits; /* from d1 to the last digit; there may be a point among them */
    size_t count;        /* of digits; 0 for zero */
    int64_t exp;
    bool negative; /* never for zero */
};

#define DEC_DIVISOR_DIGITS 18

/* number: a JSON number (RFC 8259 section 6). False when its exponent is beyond 15 digits: nothing
 * that is compared here. */
bool dec_parse(struct slice number, struct dec *out);

/* Below 0, 0 or above 0 as a is less than, equal to or greater than b. */
int dec_cmp(const struct dec *a, const struct dec *b);

bool dec_is_integer(const struct dec *d);

/* d x 10^scale, without what is behind the point: true and *out when that is from 0 to max. */
bool dec_floor_u64(const struct dec *d, unsigned scale, uint64_t max, uint64_t *out);

/* True when d is a whole multiple of divisor, which is above 0 and has at most DEC_DIVISOR_DIGITS
 * digits. */
bool dec_is_multiple(const struct dec *d, const struct dec *divisor);

/* Equal for equal numbers. */
uint64_t dec_hash(const struct dec *d);

#endif
