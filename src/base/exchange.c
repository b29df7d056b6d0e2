#include "base/exchange.h"

#include <stdlib.h>

struct follow *follow_new(enum follow_kind kind, struct slice tenant, const struct slice *channels,
                          size_t count)
{
    size_t texts = tenant.len, head = sizeof(struct follow) + count * sizeof(struct follow_channel);
    for (size_t i = 0; i < count; i++)
        texts += channels[i].len;
    struct follow *f = calloc(1, head + texts);
    if (!f)
        return NULL;
    char *at = (char *)f + head;
    f->kind = kind;
    f->count = (uint32_t)count;
    memcpy(at, tenant.p, tenant.len);
    f->tenant = slice_of(at, tenant.len);
    at += tenant.len;
    for (size_t i = 0; i < count; i++) {
        memcpy(at, channels[i].p, channels[i].len);
        f->channels[i].name = slice_of(at, channels[i].len);
        at += channels[i].len;
    }
    return f;
}

void delivery_free(struct delivery *d)
{
    if (!d)
        return;
    for (uint32_t i = 0; i < d->count; i++)
        event_unref(d->entries[i].event);
    free(d);
}
