/* move.c - a reader goes on in another feed: channels and filters are added or dropped on an open
 * stream. Its position stays, with what it was told out of turn and how far a snapshot got; what
 * the new feed has after that position is sent as to any reader. */
#include "edge/edge_own.h"

#include <stdlib.h>

static const struct lag_channel *channel_before(const struct reader *r, const struct lag *lag,
                                                struct slice name)
{
    for (uint32_t i = 0; lag && i < lag->count; i++)
        if (slice_eq(r->feed->channels[i]->name, name))
            return &lag->channels[i];
    return NULL;
}

static bool had_channel(const struct reader *r, struct slice name)
{
    for (uint32_t i = 0; i < r->feed->channel_count; i++)
        if (slice_eq(r->feed->channels[i]->name, name))
            return true;
    return false;
}

/* What r needs in the new feed: of the channels that stay what there was of them, and the others
 * from here on. Returns new; NULL: no memory. */
static struct lag *lag_for_move(const struct reader *r, const struct feed *to)
{
    const struct lag *old = r->lag;
    struct lag *lag = calloc(1, sizeof *lag + to->channel_count * sizeof *lag->channels);
    if (!lag)
        return NULL;
    list_init(&lag->orphan);
    lag->moved = true;
    lag->reason = GAP_TRIMMED;
    lag->count = to->channel_count;
    if (old) {
        lag->resumed = old->resumed;
        lag->resumed_at = old->resumed_at;
        lag->snap_end = old->snap_end > r->pos ? old->snap_end : 0;
    }
    pos_t here = lag->snap_end ? lag->snap_end : r->pos;
    for (uint32_t i = 0; i < to->channel_count; i++) {
        struct slice name = to->channels[i]->name;
        const struct lag_channel *before = channel_before(r, old, name);
        struct lag_channel *lc = &lag->channels[i];
        if (before)
            *lc = *before;
        else
            lc->after = r->pos;
        lc->added = !had_channel(r, name);
        if (lc->added)
            lc->after = lc->quiet = here;
        lc->snap = lc->snap && lag->snap_end;
    }
    return lag;
}

/* Where all channels of the feed have been read up to. A snapshot that nobody is left of would
 * hold that back. */
static pos_t position_in(const struct lag *lag, pos_t pos)
{
    pos_t least = POS_MAX;
    for (uint32_t i = 0; i < lag->count; i++) {
        const struct lag_channel *lc = &lag->channels[i];
        pos_t at = !lc->snap && lc->after > pos ? lc->after : pos;
        least = at < least ? at : least;
    }
    return least;
}

static bool has_snap(const struct lag *lag)
{
    for (uint32_t i = 0; i < lag->count; i++)
        if (lag->channels[i].snap)
            return true;
    return false;
}

/* Out of its feed; the page that may be on its way is for nobody. */
static void leave(struct edge *e, struct reader *r, struct lag *next)
{
    struct lag *old = r->lag;
    list_remove(&r->node);
    list_remove(&r->beat);
    if (old) {
        next->over = old->over;
        next->over_count = old->over_count;
        old->over = NULL;
        old->over_count = 0;
    }
    if (old && old->reading) {
        old->reader = NULL;
        list_push_back(&e->orphans, &old->orphan);
    } else {
        lag_free(old);
    }
    feed_leave(r->feed);
}

int edge_move(struct edge *e, struct reader *r, const struct feed_spec *spec, uint64_t now_ms)
{
    e->now_ms = now_ms;
    if (r->ended || (r->state != READER_LIVE && r->state != READER_BEHIND))
        return ERR_CONFLICT;
    reader_note_position(r);
    struct feed *to = feed_take(e, spec);
    if (!to)
        return ERR_OVERLOADED;
    to->readers++;
    struct lag *lag = lag_for_move(r, to);
    if (!lag) {
        feed_leave(to);
        return ERR_OVERLOADED;
    }
    leave(e, r, lag);
    if (!has_snap(lag))
        lag->snap_end = 0;
    r->pos = position_in(lag, r->pos);
    lag->reader = r;
    r->lag = lag;
    r->feed = to;
    r->state = READER_JOINING;
    list_push_back(&to->wait, &r->node);
    if (to->state == FEED_LIVE)
        reader_begin(e, r);
    return 0;
}

static bool say_moved(struct edge *e, struct reader *r)
{
    const struct feed *f = r->feed;
    struct opening_channel *channels = calloc(f->channel_count, sizeof *channels);
    if (!channels) {
        reader_fail(e, r, READER_END_FAILED, ERR_OVERLOADED);
        return false;
    }
    feed_describe(f, channels);
    for (uint32_t i = 0; i < f->channel_count; i++) {
        const struct lag_channel *lc = &r->lag->channels[i];
        pos_t floor = f->channels[i]->floor;
        bool lost = floor > r->pos && floor > lc->quiet && floor > lc->after;
        if (!lc->added)
            channels[i].resume = lost ? RESUME_GAP : RESUME_OK;
    }
    /* the last id on the wire may be this very position, and ids there strictly increase */
    bool said = reader_say_open(e, r, channels, false, 0);
    free(channels);
    return said;
}

void reader_begin_moved(struct edge *e, struct reader *r)
{
    struct feed *f = r->feed;
    r->lag->moved = false;
    if (!say_moved(e, r))
        return;
    wheel_add(e, r);
    if (r->pos < f->tenant->upto)
        r->lagging = 1;
    if (r->lag->snap_end || !reader_ring_will_do(r)) {
        r->lagging = 1;
        r->state = READER_BEHIND;
        reader_read(e, r);
    } else {
        r->state = READER_LIVE;
        r->seq = ring_find(f, r->pos);
        if (r->seq < f->formed)
            f->formed = r->seq;
        if (r->parked)
            list_move_back(&f->parked, &r->node);
    }
    if (r->state != READER_CLOSED && !r->ended)
        reader_wake(r);
}

void edge_spec(const struct reader *r, struct slice channels[EDGE_CHANNELS_MAX],
               struct feed_spec *out)
{
    const struct feed *f = r->feed;
    *out = (struct feed_spec){.tenant = f->tenant->name,
                              .channels = channels,
                              .channel_count = edge_channels(r, channels, EDGE_CHANNELS_MAX),
                              .types = f->types,
                              .keys = f->keys,
                              .type_count = f->type_count,
                              .key_count = f->key_count};
}

const char *edge_lag_reason(const struct reader *r)
{
    if (r->parked)
        return "client-slow";
    switch ((enum reader_state)r->state) {
    case READER_JOINING:
    case READER_SYNCING:
        return "joining";
    case READER_BEHIND:
        return "reading-store";
    case READER_LIVE:
        return reader_caught_up(r) ? NULL : "sending";
    case READER_CLOSED:
        break;
    }
    return NULL;
}
