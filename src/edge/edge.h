/* edge.h - one network loop's readers: feeds, their rings, and who has been sent what.
 *
 * A reader is one subscription: a feed and a position in it. It has no queue and knows no socket:
 * what it has not been sent is in the feed's ring, or in the store. Sockets, clocks, the owner and
 * byte formats are behind edge_ops. Pure; everything on the edge's own thread.
 *
 * Invariants (ARCHITECTURE.md, "Exactness"): the ring holds exactly the matching events in
 * (tail, upto]; everything matching up to a reader's position was written, superseded or declared
 * as a gap; a position never goes back; a live reader's position is at or above its feed's tail,
 * else it reads the store. */
#ifndef FRESHET_EDGE_EDGE_H
#define FRESHET_EDGE_EDGE_H

#include "base/err.h"
#include "base/exchange.h"
#include "base/list.h"
#include "base/map.h"

#include <sys/types.h>
#include <sys/uio.h>

#define EDGE_CHANNELS_MAX 256 /* of one reader */

struct edge;
struct feed;
struct reader;

/* Ready bytes, shared by reference on one edge. */
struct bytes {
    uint32_t refs;
    uint32_t len;         /* the whole frame: chunk head, payload, CRLF */
    uint32_t payload_off; /* the part for who gets no chunks */
    uint32_t payload_len;
    char data[];
};

/* Returns new with one reference and room for len bytes, payload the whole; NULL for no memory. */
struct bytes *bytes_new(size_t len);
struct bytes *bytes_ref(struct bytes *b);
void bytes_unref(struct bytes *b); /* NULL is fine */

enum form_flag { FORM_WHOLE = 1 /* the state for the data */, FORM_NO_ID = 2 };

enum resume_verdict { RESUME_NEW, RESUME_OK, RESUME_GAP };

enum gap_reason {
    GAP_TRIMMED,
    GAP_UNKNOWN_ID,
    GAP_MALFORMED_ID,
    GAP_RESET,
    GAP_SOURCE,
    GAP_OVERFLOW
};
const char *gap_reason_name(enum gap_reason reason);

struct opening_channel {
    struct slice name;
    enum resume_verdict resume;
    pos_t head; /* 0: it has none */
};

/* What the opening event says. Borrowed for the call. */
struct opening {
    struct slice tenant;
    uint32_t epoch;
    bool has_id;
    pos_t id;
    uint32_t channel_count;
    const struct opening_channel *channels;
};

/* What a gap says. Borrowed for the call. */
struct gap {
    enum gap_reason reason;
    uint32_t epoch;
    bool has_id;
    pos_t id;
    bool has_from;
    pos_t from;   /* the position the reader had */
    pos_t oldest; /* from here on nothing is missing */
    uint32_t channel_count;
    const struct slice *channels;
};

/* What a beat says: the position up to which every channel was read, and the heads. */
struct beat {
    uint32_t epoch;
    pos_t upto;
    uint32_t channel_count;
    const struct opening_channel *channels;
};

/* How a kind of reader is written to; registered once, by number. */
struct edge_format {
    uint32_t beat_ms; /* 0: no beats */
};

enum reader_end {
    READER_END_STALLED, /* half an event, and no progress for stall_ms */
    READER_END_FAILED,  /* the feed can't be followed, or a page not be read: see err */
    READER_END_DEAD     /* send said so */
};

/* A read's token points to so much room for who carries the read and its answer from thread to
 * thread, so that sending them can't fail; the carrier's until edge_page. */
#define EDGE_TOKEN_ROOM (6 * sizeof(void *))

struct edge_ops {
    /* To the owner. Take what they are given. */
    void (*follow)(void *ctx, struct follow *f);
    void (*read)(void *ctx, struct page_spec *spec, void *token);
    /* Writes to r's socket without waiting: bytes taken (may be fewer), 0 when it would block,
     * -1 when it is dead. Must not touch the reader. */
    ssize_t (*send)(void *ctx, struct reader *r, const struct iovec *iov, int count);
    /* Bytes in a format. Return new; NULL for no memory: the reader ends. */
    struct bytes *(*form)(void *ctx, unsigned format, const struct event *e, unsigned flags);
    struct bytes *(*open)(void *ctx, struct reader *r, const struct opening *o);
    struct bytes *(*gap)(void *ctx, struct reader *r, const struct gap *g);
    struct bytes *(*beat)(void *ctx, unsigned format, const struct beat *b);
    /* Whether r's peer still answers; asked before a beat, and now and then while r is parked. */
    bool (*alive)(void *ctx, struct reader *r);
    /* r has been sent everything there is. May close it, and may do nothing. */
    void (*caught_up)(void *ctx, struct reader *r);
    /* r is of no use any more: close it (edge_close), now or later. It is sent nothing more. */
    void (*ended)(void *ctx, struct reader *r, enum reader_end why, int error);
    uint64_t (*now_us)(void *ctx); /* monotonic */
    void *ctx;
};

struct edge_conf {
    uint32_t ring_events; /* per feed */
    uint64_t ring_bytes;  /* per feed */
    uint64_t edge_bytes;  /* of all rings of the edge */
    uint64_t linger_ms;   /* a feed that lost its last reader stays so long, for those who return */
    uint64_t stall_ms;
    uint32_t page_events, page_bytes;
    uint32_t send_events, send_bytes; /* at most, in one send */
    bool alone; /* there is no other edge from which a client may come with a newer id */
    const struct edge_format *formats; /* kept */
    uint64_t seed[2];
};

/* What a feed is: which channels of which tenant, and which events of them. */
struct feed_spec {
    struct slice tenant;
    const struct slice *channels;
    size_t channel_count; /* at least 1, none twice */
    const struct slice *types, *keys; /* count 0: all */
    size_t type_count, key_count;
};

enum start_kind { START_LATEST, START_EARLIEST, START_AT, START_ID };

/* Where a reader begins. */
struct reader_start {
    /* The last id it got: SLICE_NONE when there is none. Judged as docs/protocol.md says. */
    struct slice last_id;
    enum start_kind since;
    pos_t at;           /* START_AT: a position (before a time); START_ID */
    uint32_t epoch;     /* START_ID */
    bool snapshot;
    bool poll;          /* wholes where in doubt, and no opening event */
};

/* One subscription. The caller owns the memory; all members are the edge's. */
struct reader {
    struct list node; /* in one of its feed's lists */
    struct list beat; /* in a slot of the wheel */
    struct feed *feed;
    struct bytes *pend; /* half-sent, or to be sent before anything else */
    struct lag *lag;    /* what only a reader that is not live, or lags, needs */
    pos_t pos;          /* everything up to here was written, superseded or declared */
    pos_t base;         /* where this connection was last caught up */
    uint64_t seq;       /* live: the next entry of the ring */
    uint32_t pend_off;
    uint32_t active_ms; /* last time something was sent, edge time cut to 32 bits */
    uint16_t format;
    uint8_t phase;      /* spreads beats: 0 to 255 */
    uint8_t state : 3, parked : 1, lagging : 1, raw : 1, poll : 1, ended : 1;
};

/* Returns new; NULL for no memory. conf and ops are copied. */
struct edge *edge_new(const struct edge_conf *conf, const struct edge_ops *ops);

/* Other limits: of conf the first four numbers and stall_ms. */
void edge_set_limits(struct edge *e, const struct edge_conf *conf);

/* All readers must have been closed. What is still with the owner is not waited for. */
void edge_free(struct edge *e);

/* Opens a reader: joins or makes its feed; the opening event is sent once the feed is followed,
 * perhaps inside the call. format: index into formats. raw: payloads without chunks.
 * 0, or ERR_OVERLOADED (r is then not open). */
int edge_open(struct edge *e, struct reader *r, const struct feed_spec *spec,
              const struct reader_start *start, unsigned format, bool raw, uint64_t now_ms);

/* Closes r, whatever it does; its memory is the caller's again. Not open: nothing. */
void edge_close(struct edge *e, struct reader *r);

/* r goes on at its position in another feed of its tenant: channels and filters that are new start
 * there, those that stay lose nothing, and nothing comes twice. A second opening event, without an
 * id, says so once the other feed is followed. 0; ERR_CONFLICT: r has not begun yet, or is being
 * moved; ERR_OVERLOADED: r is where it was. */
int edge_move(struct edge *e, struct reader *r, const struct feed_spec *spec, uint64_t now_ms);

/* What r follows, for a move that changes some of it. Borrowed until r's next move or its end. */
void edge_spec(const struct reader *r, struct slice channels[EDGE_CHANNELS_MAX],
               struct feed_spec *out);

/* Why r is not caught up: a word, static memory; NULL when it is. */
const char *edge_lag_reason(const struct reader *r);

/* r's socket takes bytes again. */
void edge_writable(struct edge *e, struct reader *r);

/* Sends b before anything else (after a half-sent event). Takes b. For freshet.close. */
void edge_push(struct edge *e, struct reader *r, struct bytes *b);

/* True when nothing is half-sent or waiting before the events. */
static inline bool reader_flushed(const struct reader *r)
{
    return r->pend == NULL;
}

/* What waits before the events, half-sent or not begun: for one who closes r and sends the rest
 * itself. Borrowed until edge_close. */
struct slice edge_unsent(const struct reader *r);

/* The names of the channels r follows, at most cap of them; returns how many. Borrowed until
 * edge_close. */
size_t edge_channels(const struct reader *r, struct slice *out, size_t cap);

/* The position r has reached: its cursor. */
pos_t edge_position(const struct reader *r, uint32_t *epoch);
bool edge_is_caught_up(const struct reader *r);

/* Inputs from the owner, in the order of the mailbox. Take what they are given. */
void edge_delivery(struct edge *e, struct delivery *d, uint64_t now_ms);
void edge_followed(struct edge *e, struct follow *f, uint64_t now_ms);
void edge_page(struct edge *e, void *token, struct page *page, uint64_t now_ms);

/* Deliveries were lost on the way: follows every feed again; readers go on from the store. */
void edge_overrun(struct edge *e);

/* Sends what waits, for about budget_us. True when there is more to do: poll for readiness, then
 * call it again. */
bool edge_run(struct edge *e, uint64_t now_ms, uint64_t budget_us);

/* Every 250 ms or so: beats, stalled readers, feeds that nobody reads. */
#define EDGE_TICK_MS 250
void edge_tick(struct edge *e, uint64_t now_ms);

struct edge_stats {
    uint64_t readers, feeds, lagging; /* now; lagging: parked, or reading the store */
    uint64_t ring_bytes, ring_events;
    uint64_t delivered;               /* events sent to readers */
    uint64_t sends, bytes, beats, gaps, opened, resumed, pages, overruns, superseded, overtaken;
    uint64_t latency_us[32];          /* histogram of publish to last reader sent: bucket b holds
                                         2^b to 2^(b+1)-1 us */
};

void edge_get_stats(const struct edge *e, struct edge_stats *out);

/* Events sent to the readers of that tenant here, since the start. */
uint64_t edge_delivered(const struct edge *e, struct slice tenant);

/* Calls fn for each channel with the number of its readers here. */
void edge_each_channel(const struct edge *e,
                       void (*fn)(void *ctx, struct slice tenant, struct slice channel,
                                  uint64_t readers),
                       void *ctx);

#endif
