/* hub.h - the owner: one ordered log per tenant.
 *
 * Gives ids, plans commits, hands them to the store one at a time, and once a commit is reported
 * posts its events to the edges that follow their channels. Knows no sockets, threads or files:
 * time is an argument, the store is a port, everything it has to say goes through hub_ops.
 * All functions are called on the owner's thread. Nothing is visible before its commit was
 * reported; a failed commit only burns ids. */
#ifndef FRESHET_CORE_HUB_H
#define FRESHET_CORE_HUB_H

#include "base/err.h"
#include "base/exchange.h"
#include "base/rng.h"
#include "core/channel.h"
#include "core/store.h"

struct hub;

/* A publisher's idempotency key for one event of a publish; key.p NULL: none. */
struct publish_once {
    struct slice key;
    uint64_t digest[2]; /* of all else in the event */
};

/* Events for one tenant, taken whole or not at all. Owned by the hub from hub_publish until
 * hub_ops.published gives it back; then the caller's again. */
struct publish {
    struct publish *next; /* the hub's */
    struct publish *also; /* further ones in the same transaction, for other tenants: all are
                             taken or none */
    struct slice tenant;  /* these stay valid until it is given back */
    uint32_t count;
    struct event **events;     /* one reference each; the hub unrefs them */
    struct publish_once *once; /* count of them, or NULL */
    bool durable;              /* answer after the commit, else once the ids are given */
    bool by_source;            /* may publish to channels a source owns */
    const struct store_row *rows; /* further rows for the same transaction (a source's position) */
    uint32_t row_count;
    uint64_t at_us; /* when it arrived, monotonic */
    void *token;    /* the caller's */
    /* the answer */
    pos_t *ids; /* count of them: the caller's array; ids[i] is the id of event i */
    uint32_t epoch;
    bool was_durable; /* what was achieved */
    struct err err;   /* code 0: taken */
    uint64_t retry_ms; /* with RATE_LIMITED: when it would work */
    bool answered, repeats, joined; /* the hub's */
};

struct hub_ops {
    /* For one edge, in order. Takes d; NULL: there was no memory for it, the edge has missed
     * something (edge_overrun). */
    void (*deliver)(void *ctx, unsigned edge, struct delivery *d);
    /* The answer to hub_follow, in the same order as deliveries. Takes f. */
    void (*followed)(void *ctx, unsigned edge, struct follow *f);
    /* The answer to hub_read, in the same order as deliveries. Takes page. */
    void (*page)(void *ctx, unsigned edge, void *token, struct page *page);
    /* The answer to hub_publish, exactly once. With durable false it may come inside the call. */
    void (*published)(void *ctx, struct publish *p);
    /* The hub is done with p's events and rows (answered before, with durable false): free it. For
     * a durable publish it comes right after `published`. */
    void (*released)(void *ctx, struct publish *p);
    /* The limits of a channel; NULL: it may not exist. For SLICE_NONE the defaults, never NULL.
     * Borrowed until hub_reconfigure or the end. */
    const struct channel_conf *(*channel_conf)(void *ctx, struct slice tenant,
                                               struct slice channel);
    void *ctx;
};

struct hub_conf {
    unsigned edges;
    uint32_t tenants_max;
    uint32_t channels_max;   /* per tenant */
    uint64_t channel_idle_ms; /* an empty channel that nobody follows is forgotten after */
    uint64_t publish_per_second, publish_burst; /* per tenant; 0: no limit */
    uint64_t tenant_bytes;   /* kept of one tenant, at most; 0: no limit of its own */
    uint64_t once_ms;        /* how long an idempotency key is remembered at least */
    uint32_t once_max;       /* per tenant */
    size_t queue_bytes;      /* of events waiting for a commit: beyond it 503 */
    uint32_t batch_events;   /* per commit, at most (a publish is never split) */
};

/* Returns new over store, whose `done` it sets; loads what is stored. conf and ops are copied. The
 * store stays the caller's and must outlive the hub. NULL: no memory or not loadable, e says. */
struct hub *hub_new(const struct hub_conf *conf, const struct hub_ops *ops, struct store *store,
                    uint64_t seed, uint64_t now_ms, struct err *e);
void hub_free(struct hub *h);

/* Publishes p and all in p->also (see there): names and sizes are checked by the caller, existence,
 * ownership and limits here. now_ms: unix time. */
void hub_publish(struct hub *h, struct publish *p, uint64_t now_ms);

/* An edge's request. Takes f; it comes back through `followed`. */
void hub_follow(struct hub *h, unsigned edge, struct follow *f, uint64_t now_ms);

/* An edge reads the log. Takes spec. token is given back with the page. */
void hub_read(struct hub *h, unsigned edge, struct page_spec *spec, void *token);

/* Drains the store's completions and starts the next commit. Call it when the store wakes, and
 * after publishing. True when it should be called again soon. */
bool hub_step(struct hub *h, uint64_t now_ms);

/* Once a second: ages, expired keys and channels. */
void hub_tick(struct hub *h, uint64_t now_ms);

/* Channel limits may have changed: asks channel_conf anew for every channel. One that may not exist
 * any more keeps what it has by the defaults' limits, and takes nothing new. One that holds events or
 * is followed stays keyed or not as it is (`unlike`): returns how many that are. */
size_t hub_reconfigure(struct hub *h);

/* Other limits: of conf all but `edges`. */
void hub_set_limits(struct hub *h, const struct hub_conf *conf, uint64_t now_ms);

/* True when nothing waits for a commit. */
bool hub_idle(const struct hub *h);

struct hub_stats {
    uint64_t published, refused, failed; /* events */
    uint64_t repeated;                   /* idempotent repeats */
    uint64_t shed;                       /* removed for their tenant's bytes */
    uint64_t queue_events, queue_bytes;  /* waiting for a commit */
    uint64_t tenants, channels, kept, kept_bytes;
    struct store_stats store;
};

void hub_get_stats(struct hub *h, struct hub_stats *out);

/* What /v1/channels shows. */
struct hub_channel_info {
    struct slice tenant, channel;
    uint32_t epoch;
    pos_t head, oldest, floor;
    uint32_t events, keys;
    uint64_t bytes;
    bool keyed;
    uint64_t published; /* since the start */
    double rate;        /* published, a second */
};

/* Calls fn for the channels of a tenant (tenant.p NULL: of all), until it returns false. */
void hub_each_channel(struct hub *h, struct slice tenant,
                      bool (*fn)(void *ctx, const struct hub_channel_info *info), void *ctx);

/* What a tenant has and had, since the start. */
struct hub_tenant_info {
    uint64_t channels, events, bytes;               /* now */
    uint64_t published, refused, failed, repeated; /* events, as in hub_stats */
    double rate;                                    /* published, a second */
};

/* False: the tenant isn't known; *out is all zero then. */
bool hub_get_tenant(struct hub *h, struct slice tenant, struct hub_tenant_info *out);

/* Calls fn with the name of each tenant that is known, in no order. Borrowed until the hub's next
 * function. */
void hub_each_tenant(struct hub *h, void (*fn)(void *ctx, struct slice tenant), void *ctx);

/* Calls fn for each source position and each revocation that load found; for start-up. Borrowed. */
void hub_each_loaded(struct hub *h, void (*fn)(void *ctx, const struct store_row *row), void *ctx);

#endif
