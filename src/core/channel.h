/* channel.h - the owner's index of one channel: what is kept of it, what goes next.
 *
 * Holds positions and sizes, no events. Every change made by channel_add and channel_trim is
 * provisional until channel_settle (the commit succeeded) or channel_undo (it failed), so that the
 * owner can plan a commit on top of the plan itself. Pure; the owner's thread. */
#ifndef FRESHET_CORE_CHANNEL_H
#define FRESHET_CORE_CHANNEL_H

#include "base/event.h"
#include "base/list.h"
#include "base/map.h"

struct channel_conf {
    bool keyed;
    bool owned;       /* by a source: nobody else publishes here; `bytes` spares its rows */
    uint32_t events;  /* kept at most, those that are the latest of their key not counted */
    uint64_t bytes;   /* kept at most; 0: no limit */
    uint64_t age_ms;  /* kept at most as long; 0: no limit */
    uint32_t keys;    /* live keys kept at most */
    const struct channel_conf *unlike; /* the same but for `keyed`; NULL: there is none */
};

/* A key of a keyed channel, and its latest event. */
struct channel_key {
    struct list order; /* live keys by position of their latest event, oldest first */
    pos_t pos;
    uint32_t bytes;
    uint32_t row; /* as given to channel_add */
    bool deleted; /* the latest is a tombstone: it stands among the ordinary events */
    bool gone;    /* provisionally removed */
    uint16_t len;
    char text[];
};

/* An event that is not the latest of a live key: trimmed from the oldest on. */
struct channel_entry {
    pos_t pos;
    struct channel_key *key; /* of a tombstone */
    uint32_t bytes : 31, dead : 1;
    uint32_t row;
};

/* An event that leaves the log. */
struct channel_cut {
    pos_t pos;    /* 0: none */
    uint32_t row; /* as given to channel_add */
};

struct channel_undo;

struct channel {
    char *name;
    size_t name_len;
    const struct channel_conf *conf;
    pos_t floor; /* highest position ever removed */
    pos_t head;  /* position of the last event, 0: none since it appeared */
    uint64_t bytes;
    uint32_t ordinary, live; /* how many entries, how many live keys */
    uint64_t touched_ms;     /* when it was last published to or followed */
    struct map keys;
    struct list order;
    struct channel_entry *entries; /* a ring-less queue: [first, first + used) */
    uint32_t first, used, cap;
    uint32_t dead; /* so many at the front are known to be dead */
    struct channel_undo *undo; /* what a failed commit takes back, newest last */
    uint32_t undo_count, undo_cap;
};

/* 0 or -1 for no memory. conf is kept. */
int channel_init(struct channel *c, struct slice name, const struct channel_conf *conf,
                 pos_t floor, const uint64_t seed[2]);
void channel_fini(struct channel *c);

static inline struct slice channel_name(const struct channel *c)
{
    return slice_of(c->name, c->name_len);
}

/* How many events are kept. */
static inline uint32_t channel_count(const struct channel *c)
{
    return c->ordinary + c->live;
}

/* Position of the oldest kept event, 0 when none is. */
pos_t channel_oldest(const struct channel *c);

/* Adds e, which has its position, above all there are. Sets e->keyed and e->prev. row: a number of
 * the caller's that comes back when the event leaves. *superseded is the event that it supersedes:
 * to be removed from the store; the floor stays. 0 or -1 for no memory, then nothing changed. */
int channel_add(struct channel *c, struct event *e, uint32_t row, struct channel_cut *superseded);

/* Removes the next event that is over a limit at the time now_ms into *cut, having raised the
 * floor; cut->pos 0 when all limits hold. 0 or -1 for no memory. */
int channel_trim(struct channel *c, uint64_t now_ms, struct channel_cut *cut);

/* Likewise removes the oldest event there is, whatever the limits say: for a tenant's limit. Rows
 * of a source are spared. cut->pos 0 when there is none to remove. */
int channel_shed(struct channel *c, struct channel_cut *cut);

/* The present changes stand. */
void channel_settle(struct channel *c);

/* Takes back everything since the last settle. */
void channel_undo(struct channel *c);

/* Starting up: an event that the store has kept, in order of position within the channel. 0 or -1
 * for no memory. */
int channel_load(struct channel *c, const struct event *e, pos_t pos);

#endif
