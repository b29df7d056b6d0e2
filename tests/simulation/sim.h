/* sim.h - a world on virtual time with seeded dice: one hub, one or two edges, mailboxes between
 * them, a store that delays, fails and crashes, publishers, and clients that drop anywhere.
 *
 * sim_store.c is the store and the ledger of what it was told; sim_publish.c the publishers and
 * the truth about what they published; sim_client.c how clients come, drop and read; sim_frames.c
 * what they check of each frame; sim_wire.c the frames; sim_world.c hub, edges and mailboxes;
 * sim_check.c what must hold in the end; simulation.c the schedules. */
#ifndef FRESHET_SIM_H
#define FRESHET_SIM_H

#include "core/hub.h"
#include "edge/edge_own.h"

#define TENANTS 2
#define CHANNELS 6 /* of which the last may not exist */
#define KEYS 4
#define FIELDS 3
#define EDGES 2
#define CLIENTS 8
#define RECORDS 4000
#define BATCH 6
#define NOBODY UINT32_MAX

#define EACH_OF(i, n) (int i = 0; i < (n); i++)

struct row {
    bool there;
    uint32_t f[FIELDS];
};

/* An event as it was published: the truth. Its serial number is its index, and is in its data. */
struct record {
    int tenant, channel, type, key; /* key -1: none */
    bool deleted, high, has_state, keyed;
    uint8_t mask;   /* the fields that `data` has */
    struct row row; /* after it */
    pos_t pos;
    uint32_t epoch;
    uint32_t pub; /* number of the publish it is part of */
    enum { REC_PENDING, REC_COMMITTED, REC_DEAD } state;
    bool stored;         /* the store has taken the commit it is part of */
    bool kept;           /* the log has it */
    bool superseded;     /* a later event of its key is committed */
    bool trimmed;        /* it left the log by a limit, raising the floor */
    struct event *event; /* of a kept one */
};

/* A publish on its way. */
struct pub {
    struct publish p;
    uint32_t number;
    bool released;
    struct event *events[BATCH];
    struct publish_once once[BATCH];
    pos_t ids[BATCH];
    uint32_t serial[BATCH]; /* NOBODY: a repeat */
    pos_t repeat[BATCH];    /* the id it has to give again */
    int conflict;
};

struct once_use {
    bool used;
    uint32_t serial, digest;
};

enum mail_kind { MAIL_DELIVERY, MAIL_FOLLOWED, MAIL_PAGE, MAIL_OVERRUN };

struct mail {
    struct mail *next;
    enum mail_kind kind;
    void *what, *token;
};

struct post { /* a first-in-first-out mailbox */
    struct mail *first, **end;
    uint32_t count;
};

/* A request of an edge: a follow, or a read. */
struct ask {
    struct ask *next;
    struct follow *follow;
    struct page_spec *spec;
    void *token;
};

struct side { /* an edge and its mailboxes */
    struct world *w;
    unsigned number;
    struct edge *edge;
    struct post in;
    struct ask *asks, **asks_end;
    pos_t upto[TENANTS]; /* what the edge has been told */
    void *handle[TENANTS];
    uint64_t overruns;
};

/* One connection of a client. */
struct conn {
    bool open, raw, dead, ended, shorted;
    int side;
    struct reader reader;
    size_t room; /* bytes the socket takes before it would block */
    char *in;    /* what was sent and not read by the client yet */
    size_t in_len, in_cap;
    bool begun; /* the edge has judged where it starts */
    pos_t begin_upto, begin_floor[CHANNELS];
    uint8_t last_state, last_parked;
    uint64_t overruns; /* of the edge, when it was last seen live */
    pos_t known;       /* it was seen caught up here */
    bool opened;       /* the client has read where it starts */
    bool resumed, all_lost;
    enum gap_reason lost_by; /* with all_lost: why */
    pos_t resumed_at, start_at;
    pos_t snap_end;
    unsigned snap;     /* channels that came by snapshot */
    unsigned told_gap; /* channels the opening event announced a gap for */
    bool any_id;
    pos_t last_id;
    uint8_t seen[RECORDS];
    bool moving; /* asked for other channels, and not told yet that it follows them */
    unsigned move_channels;
    pos_t move_at;          /* those that are new start here */
    uint32_t limit, events; /* polls */
    bool full, done, wait;
};

#define CONN_OF(r) ((struct conn *)(void *)((char *)(r)-offsetof(struct conn, reader)))

struct client {
    struct world *w;
    int number, tenant;
    unsigned channels, types, keys; /* masks; 0 of types, keys: all */
    bool snapshot, poll;
    unsigned format;
    enum start_kind since;
    pos_t at;
    uint32_t at_epoch;
    bool has_id, id_is_ours; /* id_is_ours: given by the hub, not made up */
    pos_t id;
    uint32_t id_epoch;
    bool malformed;
    bool started;
    pos_t start[CHANNELS];      /* owed from here on */
    pos_t start_live[CHANNELS]; /* the latest event of a live key: from here on */
    pos_t excused[CHANNELS];    /* declared as a gap up to here */
    pos_t snapped[CHANNELS];    /* up to here rows came by a snapshot */
    uint8_t got[RECORDS];
    struct row rows[CHANNELS][KEYS];
    uint32_t beats;
    struct conn c;
};

/* The store of the simulation: the memory store behind a ledger, or the ledger alone. */
struct sim_store {
    struct store base;
    struct world *w;
    struct store *inner; /* NULL: the ledger alone */
    const struct store_batch *batch;
    enum { BATCH_NONE, BATCH_QUEUED, BATCH_APPLIED, BATCH_FAILED } stage;
    struct sim_read {
        struct sim_read *next;
        struct page_spec *spec;
        void *token;
        struct page *page;
    } * reads;
    struct ledger_tenant {
        bool known;
        uint32_t epoch;
        pos_t pos, floor;
    } tenants[TENANTS];
    struct ledger_channel {
        bool known;
        pos_t floor;
    } channels[TENANTS][CHANNELS];
    struct ledger_once {
        bool known;
        char key[8];
        uint64_t digest[2];
        pos_t pos;
        uint64_t time_ms;
    } onces[TENANTS][CHANNELS][BATCH];
};

struct weights {
    unsigned publish, connect, drop, read, deliver, run, tick, asks, step, hub_tick, time, clock,
        work, crash, overflow, close, reconfigure;
};

struct world {
    struct rng dice;
    uint64_t seed;
    bool verbose, failed, ending, crashing;
    uint32_t restarts;
    char why[300];
    uint64_t wall_ms, mono_us;
    struct weights weights;
    unsigned sides, clients;
    bool crashes;     /* the store is the crashable one, which fails now and then */
    bool forgets;     /* idle channels expire */
    bool tight_bytes; /* rings are bounded by bytes too */
    uint64_t hub_seed;
    struct hub *hub;
    struct hub_conf hub_conf;
    struct edge_conf edge_conf;
    struct edge_format formats[2];
    struct channel_conf confs[CHANNELS];
    struct sim_store store;
    struct side side[EDGES];
    struct client client[CLIENTS];
    struct record *records;
    uint32_t count;
    uint32_t pubs, pubs_out;
    struct pub *publishing;                   /* inside hub_publish */
    uint32_t latest[TENANTS][CHANNELS][KEYS]; /* committed, NOBODY: none */
    uint32_t epoch[TENANTS];
    pos_t last_id[TENANTS];   /* the last one given */
    pos_t committed[TENANTS]; /* the last one reported */
    struct once_use once[TENANTS][CHANNELS][BATCH];
};

/* What the schedules have met; each must have happened in a full run. */
#define COVERAGE(X)                                                                                \
    X(joining)                                                                                     \
    X(syncing) X(joining_live) X(joining_behind) X(syncing_begun) X(behind_live) X(live_behind)    \
        X(parked) X(unparked) X(parked_behind) X(half_sent_drop) X(idle_live) X(overtaken)         \
            X(superseded) X(whole) X(change) X(gap_trimmed) X(gap_unknown) X(gap_malformed)        \
                X(gap_reset) X(gap_overflow) X(gap_without_id) X(gap_of_two) X(overrun)            \
                    X(overrun_syncing) X(refused) X(stalled) X(died) X(feed_reused)                \
                        X(feed_expired) X(fresh_latest) X(fresh_earliest) X(fresh_at) X(fresh_id)  \
                            X(fresh_snapshot) X(resumed) X(resumed_elsewhere) X(snapshot_again)    \
                                X(polled) X(poll_limited) X(poll_waited) X(poll_aborted) X(beat)   \
                                    X(pushed) X(tombstone) X(trimmed) X(append_failed) X(crash)    \
                                        X(crash_stored) X(restart_memory) X(clock_back) X(repeat)  \
                                            X(conflict) X(batch) X(held_page) X(channel_forgotten) \
                                                X(reconfigured) X(moved)           \
                                                    X(moved_joining) X(moved_live)             \
                                                        X(moved_behind) X(moved_in_snapshot)   \
                                                            X(moved_parked) X(move_too_early)  \
                                                                X(needless_gap)

enum coverage {
#define X(name) COV_##name,
    COVERAGE(X)
#undef X
        COV_COUNT
};

void sim_cover(enum coverage what);

/* simulation.c */
void sim_fail(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(const struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline uint32_t roll(struct world *w, uint32_t sides)
{
    return (uint32_t)rng_below(&w->dice, sides);
}

static inline bool chance(struct world *w, uint32_t percent)
{
    return roll(w, 100) < percent;
}

static inline uint64_t mono_ms(const struct world *w)
{
    return w->mono_us / 1000;
}

extern const char *const sim_tenants[TENANTS], *const sim_channels[CHANNELS];
extern const char *const sim_keys[KEYS], *const sim_types[2];
int sim_index(const char *const *names, int count, struct slice name); /* -1: unknown */
#define SIM_TENANT(s) sim_index(sim_tenants, TENANTS, s)
#define SIM_CHANNEL(s) sim_index(sim_channels, CHANNELS, s)

/* sim_store.c */
int store_start(struct world *w);
void store_work(struct world *w); /* a queued batch or read gets on */
void store_crash(struct world *w);
bool store_quiet(const struct world *w);

/* sim_publish.c */
void publish_some(struct world *w);
void publish_published(void *ctx, struct publish *p);
void publish_released(void *ctx, struct publish *p);
void publish_after_crash(struct world *w);
struct row publish_row(const struct world *w, int tenant, int channel, int key);
/* What an event's data or state is. */
struct payload {
    uint32_t serial;
    uint8_t mask, there;
    uint32_t f[FIELDS];
};

/* sim_client.c */
void client_new(struct world *w, struct client *c);
void client_connect(struct client *c);
void client_drop(struct client *c);
void client_read(struct client *c, bool all);
void client_push(struct client *c);
void client_observe(struct world *w, int side);
void client_check(struct client *c, pos_t upto, bool told, const char *when);
bool client_wants(const struct client *c, const struct record *r);
ssize_t client_send(void *ctx, struct reader *r, const struct iovec *iov, int count);
void client_caught_up(void *ctx, struct reader *r);
void client_ended(void *ctx, struct reader *r, enum reader_end why, int error);
struct bytes *wire_form(void *ctx, unsigned format, const struct event *e, unsigned flags);
struct bytes *wire_open(void *ctx, struct reader *r, const struct opening *o);
struct bytes *wire_gap(void *ctx, struct reader *r, const struct gap *g);
struct bytes *wire_beat(void *ctx, unsigned format, const struct beat *b);

/* sim_world.c */
void world_init(struct world *w, uint64_t seed, bool verbose);
void world_fini(struct world *w);
void world_start(struct world *w);
void world_crash(struct world *w);
void world_deliver(struct world *w, int side, uint32_t most);
void world_overflow(struct world *w, int side);
void world_asks(struct world *w, int side, uint32_t most);
void world_step(struct world *w);
bool world_run(struct world *w, int side, uint64_t budget_us);
void world_tick(struct world *w, int side);

/* sim_check.c */
void check_end(struct world *w);

#endif
