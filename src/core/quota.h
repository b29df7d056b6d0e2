/* quota.h - a token bucket. Time is an argument. Pure; one thread at a time. */
#ifndef FRESHET_CORE_QUOTA_H
#define FRESHET_CORE_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

struct quota {
    uint64_t per_second, burst; /* per_second 0: no limit */
    uint64_t milli;             /* thousandths of tokens there are */
    uint64_t at_ms;             /* when that was */
};

/* Starts full. */
void quota_init(struct quota *q, uint64_t per_second, uint64_t burst, uint64_t now_ms);

/* Another rate and size: what there is stays, as far as there is room. One without a limit before
 * starts full. */
void quota_change(struct quota *q, uint64_t per_second, uint64_t burst, uint64_t now_ms);

/* Takes n tokens, or none and false when there are fewer. *wait_ms (may be NULL) is then the time
 * until there will be n, or until the bucket is full when n is more than it can hold. A clock that
 * goes back adds nothing. */
bool quota_take(struct quota *q, uint64_t n, uint64_t now_ms, uint64_t *wait_ms);

#endif
