/* clock.h - the system's clocks. Any thread. */
#ifndef FRESHET_IO_CLOCK_H
#define FRESHET_IO_CLOCK_H

#include <stdint.h>

uint64_t clock_unix_ms(void);      /* wall clock, milliseconds since 1970 */
uint64_t clock_monotonic_ms(void); /* never goes back, milliseconds since some moment */
uint64_t clock_monotonic_us(void); /* never goes back, microseconds since some moment */

#endif
