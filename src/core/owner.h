/* owner.h - the hub's insides, shared by hub.c, plan.c and load.c. Private to core. */
#ifndef FRESHET_CORE_OWNER_H
#define FRESHET_CORE_OWNER_H

#include "core/hub.h"
#include "core/tenant.h"

#define PLAN_NONE UINT32_MAX

/* An event of the present commit. */
struct plan_event {
    struct event *event; /* the publish's reference */
    struct tenant_channel *tc;
    uint32_t next; /* the tenant's next */
};

/* A growing array of rows. */
struct rows {
    struct store_row *at;
    uint32_t count, cap;
};

/* The commit that is being made. One at a time. */
struct plan {
    bool in_flight;
    bool quiet; /* it raises floors without an event */
    uint64_t now_ms; /* when it was begun */
    struct rows head, body; /* tenants and channels; the rest. Joined in `head` */
    struct plan_event *events;
    uint32_t count, cap;
    struct list tenants, channels; /* touched */
    struct publish *publishes;     /* that are in it */
    struct once **once;            /* records it adds */
    uint32_t once_count, once_cap;
    struct store_batch batch;
};

/* A page that shows more than has been reported, and waits for the report. */
struct held_page {
    struct held_page *next;
    unsigned edge;
    void *token;
    struct page *page;
    struct tenant *tenant;
    bool waits; /* for the present commit, whatever it is about */
};

/* A read that is under way. */
struct hub_reading {
    struct list all;
    unsigned edge;
    void *token;
    struct tenant *tenant;
    pos_t committed; /* when it was asked for */
    uint32_t count;
    struct hub_read_channel {
        pos_t after, floor;
    } channels[];
};

struct loaded {
    struct loaded *next;
    struct store_row row; /* texts in the same block */
};

struct hub {
    struct hub_conf conf;
    struct hub_ops ops;
    struct store *store;
    struct rng rng;
    uint64_t seed[2];
    struct map tenants;
    struct list all_tenants, all_channels, readings;
    struct publish *queue, **queue_end; /* with ids, not in a commit yet */
    uint64_t queue_events;
    size_t queue_bytes;
    bool dirty; /* a tenant's row or something else wants a commit though nothing is queued */
    uint64_t look_channels, look_tenants; /* so many to look after in the next commit */
    struct plan plan;
    struct held_page *held, **held_end;
    struct loaded *loaded;
    uint64_t now_ms;
    struct hub_stats stats;
};

/* hub.c */
struct tenant *owner_tenant_take(struct hub *h, struct slice name);
struct tenant_channel *owner_channel_take(struct hub *h, struct tenant *t, struct slice name,
                                          const struct channel_conf *conf);
void owner_release(struct hub *h, struct publish *p);

/* plan.c: starts a commit when there is reason to and none is in flight; true when it did. */
bool plan_start(struct hub *h);
/* The commit was reported. */
void plan_done(struct hub *h, int error, const char *detail);
void plan_fini(struct plan *p);
/* Puts the channel on the list of those the commit touches (a trim may follow). */
void plan_touch(struct hub *h, struct tenant_channel *tc);

/* load.c: fills the hub from the store. */
int owner_load(struct hub *h, struct err *e);

#endif
