/* tenant.h - the owner's records: a tenant, its channels, who follows them, its idempotency keys.
 * Private to core. */
#ifndef FRESHET_CORE_TENANT_H
#define FRESHET_CORE_TENANT_H

#include "core/channel.h"
#include "core/quota.h"
#include "core/rate.h"

/* What one edge has of a channel or tenant. */
struct follower {
    void *handle;
    uint32_t count; /* feeds; 0: does not follow */
};

struct tenant_channel {
    struct channel c;
    struct tenant *tenant;
    struct list all;      /* in the hub's list of channels */
    bool counted;         /* against channels_max: it was published to */
    bool stored;          /* the store has a row for it */
    bool spared;          /* nothing is left that its tenant's limit may take */
    bool leaving;         /* the present commit forgets it */
    bool closed;          /* by hub_reconfigure: it may not exist any more, takes nothing */
    bool relook;          /* its limits have changed since it was last trimmed */
    bool wanted;          /* followed or published to since: it stays after all */
    uint64_t accounted;   /* of its bytes, those in its tenant's sum */
    struct rate published;
    struct list plan;     /* in the plan's list of touched channels, when it is touched */
    pos_t announced;      /* the floor as the edges have it */
    pos_t announced_head; /* the last event as the edges have it */
    struct follower by_edge[]; /* one an edge */
};

/* An idempotency key that was used. */
struct once {
    struct list age; /* by expiry, soonest first */
    uint64_t digest[2];
    uint64_t expires_ms;
    pos_t pos;
    bool committed;
    uint32_t channel_len, len;
    char text[]; /* channel, a NUL, the key */
};

struct tenant {
    char *name;
    size_t name_len;
    uint32_t epoch;
    pos_t last;      /* the last id given */
    pos_t committed; /* the last id that is visible */
    pos_t base_floor; /* where a channel that is not known begins */
    pos_t plan_floor; /* that after the present commit */
    bool stored, dirty; /* the store has a row; it is out of date */
    bool forgets;       /* the present commit removes idempotency keys of it */
    uint64_t bytes;      /* of all channels, as far as accounted */
    uint32_t pending;    /* events with an id whose commit was not reported */
    struct rate published;
    uint64_t refused, failed, repeated; /* events, as in hub_stats */
    struct list all;     /* in the hub's list of tenants */
    struct list plan;    /* in the plan's list of touched tenants, when it is touched */
    uint32_t plan_first, plan_last; /* its events in the plan, PLAN_NONE without */
    struct follow *syncs;           /* FOLLOW_SYNC requests that wait for a commit */
    struct quota quota;
    struct map channels; /* name -> struct tenant_channel */
    uint32_t counted; /* of those, how many count against channels_max */
    struct map once;
    struct list once_age;
    struct follower *by_edge;
};

static inline struct slice tenant_name(const struct tenant *t)
{
    return slice_of(t->name, t->name_len);
}

/* Returns new; NULL for no memory. */
struct tenant *tenant_new(struct slice name, uint32_t epoch, unsigned edges,
                          const uint64_t seed[2]);
void tenant_free(struct tenant *t);

/* The channel's bytes have changed: so has its tenant's sum. */
static inline void tenant_account(struct tenant_channel *tc)
{
    tc->tenant->bytes += tc->c.bytes - tc->accounted;
    tc->accounted = tc->c.bytes;
}

/* The channel, NULL when it isn't there. */
struct tenant_channel *tenant_channel_get(struct tenant *t, struct slice name);

/* The channel, made with the tenant's base floor when it isn't there; NULL for no memory. */
struct tenant_channel *tenant_channel_take(struct tenant *t, struct slice name,
                                           const struct channel_conf *conf, unsigned edges,
                                           const uint64_t seed[2]);

/* Removes and frees the channel; its floor goes into the base floor. */
void tenant_channel_drop(struct tenant *t, struct tenant_channel *tc);

/* The record of an idempotency key, NULL when there is none. */
struct once *tenant_once_get(struct tenant *t, struct slice channel, struct slice key);

/* Adds one that isn't there; NULL for no memory. */
struct once *tenant_once_add(struct tenant *t, struct slice channel, struct slice key,
                             const uint64_t digest[2], pos_t pos, uint64_t expires_ms);
void tenant_once_drop(struct tenant *t, struct once *o);

static inline struct slice once_channel(const struct once *o)
{
    return slice_of(o->text, o->channel_len);
}

static inline struct slice once_key(const struct once *o)
{
    return slice_of(o->text + o->channel_len + 1, o->len - o->channel_len - 1);
}

#endif
