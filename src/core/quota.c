#include "core/quota.h"

#include <stddef.h>

void quota_init(struct quota *q, uint64_t per_second, uint64_t burst, uint64_t now_ms)
{
    *q = (struct quota){per_second, burst, burst * 1000, now_ms};
}

void quota_change(struct quota *q, uint64_t per_second, uint64_t burst, uint64_t now_ms)
{
    if (!q->per_second) {
        quota_init(q, per_second, burst, now_ms);
        return;
    }
    q->per_second = per_second;
    q->burst = burst;
    if (q->milli > burst * 1000)
        q->milli = burst * 1000;
}

bool quota_take(struct quota *q, uint64_t n, uint64_t now_ms, uint64_t *wait_ms)
{
    if (!q->per_second)
        return true;
    if (now_ms > q->at_ms) {
        uint64_t room = q->burst * 1000 - q->milli, passed = now_ms - q->at_ms;
        /* per_second tokens a second are per_second thousandths a millisecond */
        q->milli += passed > room / q->per_second ? room : passed * q->per_second;
    }
    q->at_ms = now_ms;
    if (q->milli >= n * 1000) {
        q->milli -= n * 1000;
        return true;
    }
    if (wait_ms) {
        uint64_t want = n > q->burst ? q->burst : n;
        *wait_ms = want * 1000 > q->milli ? (want * 1000 - q->milli) / q->per_second + 1 : 1;
    }
    return false;
}
