/* edge_own.h - the edge's insides. Private to src/edge: ring.c (feeds' rings and forms), feed.c
 * (tenants, channels, feeds), start.c (where a reader begins), serve.c (what it is sent), wheel.c
 * (beats), move.c (to another feed), edge.c (the turn of the loop and the inputs). */
#ifndef FRESHET_EDGE_EDGE_OWN_H
#define FRESHET_EDGE_EDGE_OWN_H

#include "edge/edge.h"

#define WHEEL_SLOTS 512 /* of EDGE_TICK_MS */
#define OVERTAKE_MAX 64 /* that one reader may have out of turn */
#define FEED_CHANNELS_MAX EDGE_CHANNELS_MAX

/* An event's bytes in one format. */
struct form {
    struct form *next;
    uint32_t key; /* format << 2 | flags */
    struct bytes *bytes;
};

/* An event on this edge, shared by the rings of all feeds that have it. */
struct item {
    uint32_t refs;
    struct event *event;
    struct form *forms;
    uint64_t at_us;
};

struct slot {
    struct item *item;
    bool superseded; /* a later event of its key is in the log */
};

struct edge_channel {
    struct edge_tenant *tenant;
    struct slice name; /* in the same block */
    pos_t floor, head;
    bool keyed;
    struct feed **feeds;
    uint32_t feed_count, feed_cap;
    uint32_t refs; /* feeds, until the owner has answered their end */
};

struct edge_tenant {
    struct edge *edge;
    struct slice name;
    uint32_t epoch;
    pos_t upto; /* everything committed up to here has come */
    struct map channels;
    struct list feeds;
    struct list work;   /* feeds with something to do */
    struct list active; /* in the edge's list, when `work` is not empty */
    uint32_t refs;
    bool lost; /* some of its feeds are FEED_LOST */
    uint64_t delivered; /* events sent to its readers */
};

/* What a tenant without feeds has been sent. */
struct edge_past {
    uint64_t delivered;
};

enum feed_state { FEED_FOLLOWING, FEED_LIVE, FEED_LOST };

struct feed {
    struct edge *edge;
    struct edge_tenant *tenant;
    struct list in_tenant, work;
    struct list unread;   /* in the edge's list of feeds without readers */
    struct list in_rings; /* in the edge's list of rings that hold something */
    enum feed_state state;
    uint32_t follows; /* requests that the owner has not answered */
    struct edge_channel **channels;
    uint32_t channel_count;
    struct slice *types, *keys;
    uint32_t type_count, key_count;
    struct slice name; /* what it is, as the key in the edge's map */
    char *text;        /* name, types and keys point into it */
    struct slot *ring;
    uint32_t ring_cap; /* a power of two */
    uint64_t head, tail; /* entries [tail, head) */
    uint64_t calm_seq;   /* entries before it are everything up to calm_pos: so it was when the */
    pos_t calm_pos;      /* ring last began to have something new; */
    uint64_t todo_seq;   /* likewise for those that were in `todo` then */
    pos_t todo_pos;
    uint64_t formed;     /* entries before it have no forms to drop */
    uint64_t timed;      /* entries before it count in the latency: others come to late readers */
    uint64_t bytes;
    uint32_t high;       /* entries of high priority */
    pos_t tail_pos;      /* the ring holds everything matching in (tail_pos, upto] */
    int refused;         /* the owner would not have it: why, an err_code */
    bool fresh;          /* it was made for the reader that is being opened */
    bool dirty;          /* something came since `idle` was last looked through */
    struct list idle, todo, parked, wait;
    uint32_t readers;
    uint64_t unread_ms;
    struct bytes *beat; /* the beat of this tick */
    uint32_t beat_format;
    uint64_t beat_tick;
    pos_t beat_upto;
};

enum reader_state { READER_CLOSED, READER_JOINING, READER_SYNCING, READER_BEHIND, READER_LIVE };

/* What a reader needs while it isn't live and caught up. One per feed channel in `at`. */
struct lag {
    void *room[EDGE_TOKEN_ROOM / sizeof(void *)]; /* first: for who carries a read */
    struct reader *reader; /* NULL: closed while a page or an answer was on its way */
    struct list orphan;    /* then: in the edge's list */
    bool has_id, bad_id, snapshot, reading, resumed;
    bool moved;           /* from another feed; `channels` say from where on each is read */
    bool asked, answered; /* the owner, about the id */
    bool follows_now;     /* what the owner says to the feed's own request will do */
    enum start_kind since;
    enum gap_reason reason;
    pos_t id, at;
    uint32_t id_epoch, at_epoch;
    pos_t resumed_at;
    pos_t snap_end;           /* up to here channels with `snap` give live keys only */
    struct event **over;      /* events that have overtaken and not been passed: OVERTAKE_MAX */
    uint32_t over_count;
    struct page *page;
    uint32_t page_at;
    uint32_t count;
    struct lag_channel {
        pos_t after; /* where reading this channel begins */
        pos_t quiet; /* floors up to here are not told */
        bool snap;
        bool added; /* by a move */
    } channels[];
};

struct edge {
    struct edge_conf conf;
    struct edge_ops ops;
    struct map tenants, feeds;
    struct map past;      /* tenants that had feeds -> struct edge_past */
    struct list active;   /* tenants with work, in turn */
    struct list unread;   /* feeds without readers, longest first */
    struct list stopping; /* feeds whose end the owner has not answered */
    struct list orphans;  /* lags whose page or answer is on its way, though their reader is closed */
    bool lost;         /* some tenant's feeds are FEED_LOST */
    struct list rings; /* feeds by when their ring last grew, longest ago first */
    uint64_t now_ms;
    uint64_t tick; /* wheel position */
    uint64_t dice;
    struct list wheel[WHEEL_SLOTS];
    struct edge_stats stats;
};

/* ring.c */
struct item *item_new(struct event *event, uint64_t at_us); /* takes the reference */
void item_unref(struct item *it);
/* Borrowed from the item; NULL: no memory. */
struct bytes *item_form(struct edge *e, struct item *it, unsigned format, unsigned flags);
static inline struct slot *ring_slot(const struct feed *f, uint64_t seq)
{
    return &f->ring[seq & (f->ring_cap - 1)];
}
static inline pos_t ring_pos(const struct feed *f, uint64_t seq)
{
    return ring_slot(f, seq)->item->event->pos;
}
/* First entry after pos. */
uint64_t ring_find(const struct feed *f, pos_t pos);
/* Adds it; without memory the feed is LOST from here on (false). */
bool feed_push(struct feed *f, struct item *it);
void ring_clear(struct feed *f);
/* Everybody has been sent everything: forms are not needed any more. */
void ring_rest(struct feed *f);

/* feed.c */
bool feed_matches(const struct feed *f, const struct event *e);
struct feed *feed_take(struct edge *e, const struct feed_spec *spec);
/* Puts the feed among those with work. */
void feed_activate(struct feed *f);
/* One reader fewer. */
void feed_leave(struct feed *f);
/* Asks the owner, for a reader's lag or (NULL) the feed itself. False: no memory. */
bool feed_ask(struct feed *f, enum follow_kind kind, pos_t want, struct lag *lag);
/* Ends feeds that nobody has read for a while. */
void feed_expire(struct edge *e);
void feed_free(struct feed *f);
/* Fills out[0..feed's channels). */
void feed_describe(const struct feed *f, struct opening_channel *out);

/* start.c */
int reader_prepare(struct reader *r, const struct reader_start *start);
/* The feed is live: judges, says hello, goes live or reads. */
void reader_begin(struct edge *e, struct reader *r);
/* What r has, made when it has none; NULL: no memory. */
struct lag *reader_lag(struct reader *r);
void lag_free(struct lag *lag);

/* move.c */
/* r, which was moved, begins in its new feed, which is live. */
void reader_begin_moved(struct edge *e, struct reader *r);
/* start.c */
bool reader_say_open(struct edge *e, struct reader *r, struct opening_channel *channels, bool has_id,
                     pos_t id);
/* Whether the ring alone has everything after r->pos that r is owed. */
bool reader_ring_will_do(const struct reader *r);
/* serve.c */
/* r's position, as far as what it was given goes. */
void reader_note_position(struct reader *r);
/* Sends what one send takes and puts r into the list where it belongs. */
void reader_serve(struct edge *e, struct reader *r);
/* r, which was live, goes on from the store at r->pos. */
void reader_fall_behind(struct edge *e, struct reader *r);
/* Asks the store for what comes after r->pos. */
void reader_read(struct edge *e, struct reader *r);
void reader_fail(struct edge *e, struct reader *r, enum reader_end why, int error);
/* Adds b before the events. Takes b. False: no memory, r has ended. */
bool reader_push(struct edge *e, struct reader *r, struct bytes *b);
/* r has something to do. */
void reader_wake(struct reader *r);
static inline bool reader_caught_up(const struct reader *r)
{
    return r->state == READER_LIVE && r->feed->state == FEED_LIVE && r->seq == r->feed->head;
}

/* wheel.c */
void wheel_add(struct edge *e, struct reader *r);
/* r has just been parked: it is to be looked at when it is stalled. */
void wheel_park(struct edge *e, struct reader *r);
void wheel_tick(struct edge *e);

#endif
