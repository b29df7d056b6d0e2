/* num.h - the one number parser: decimal digits only, no sign, no space, checked. Pure. */
#ifndef FRESHET_BASE_NUM_H
#define FRESHET_BASE_NUM_H

#include "base/slice.h"

#include <stdint.h>

/* s: one to twenty digits. True and *out when it is a number of at most `max`. */
bool num_u64(struct slice s, uint64_t max, uint64_t *out);

/* Hexadecimal, exactly `digits` (1 to 8) lower- or upper-case digits. */
bool num_hex32(struct slice s, unsigned digits, uint32_t *out);

/* A duration: digits and a unit (ms, s, m, h, d); a bare 0 is fine. *out in milliseconds. */
bool num_duration_ms(struct slice s, uint64_t *out);

/* A size: digits and an optional unit (B, KiB, MiB, GiB, KB, MB, GB). *out in bytes. */
bool num_size_bytes(struct slice s, uint64_t *out);

/* An RFC 3339 date and time with zone ("2026-01-21T10:00:00.5+02:00"). *out in unix ms, at least 0. */
bool num_rfc3339_ms(struct slice s, uint64_t *out);

/* Writes "YYYY-MM-DDTHH:MM:SS.mmmZ" and a NUL into out[25]. */
void num_format_rfc3339(uint64_t unix_ms, char out[25]);

#endif
