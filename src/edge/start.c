/* start.c - where a reader begins: judging the last id it got, the opening event, gaps that are
 * known at once, and whether the ring or the store goes on from there. */
#include "edge/edge_own.h"

#include <assert.h>
#include <stdlib.h>

void lag_free(struct lag *lag)
{
    if (!lag)
        return;
    list_remove(&lag->orphan);
    page_free(lag->page);
    for (uint32_t i = 0; i < lag->over_count; i++)
        event_unref(lag->over[i]);
    free(lag->over);
    free(lag);
}

struct lag *reader_lag(struct reader *r)
{
    if (r->lag)
        return r->lag;
    uint32_t count = r->feed->channel_count;
    struct lag *lag = calloc(1, sizeof *lag + count * sizeof *lag->channels);
    if (!lag)
        return NULL;
    list_init(&lag->orphan);
    lag->reader = r;
    lag->count = count;
    r->lag = lag;
    return lag;
}

int reader_prepare(struct reader *r, const struct reader_start *start)
{
    struct lag *lag = reader_lag(r);
    if (!lag)
        return ERR_OVERLOADED;
    lag->since = start->since;
    lag->at = start->at;
    lag->at_epoch = start->epoch;
    lag->snapshot = start->snapshot;
    if (start->last_id.p) {
        lag->has_id = true;
        lag->bad_id = !pos_parse(start->last_id, &lag->id, &lag->id_epoch);
    } else if (start->since == START_ID) {
        lag->has_id = true;
        lag->id = start->at;
        lag->id_epoch = start->epoch;
    }
    if (lag->since == START_ID && !start->last_id.p)
        lag->since = START_LATEST;
    return 0;
}

/* The last id, against what there is: by comparison only. 0 when it can be resumed from. */
static int judge(const struct lag *lag, const struct edge_tenant *t, enum gap_reason *reason)
{
    if (lag->bad_id)
        *reason = GAP_MALFORMED_ID;
    else if (lag->id_epoch != t->epoch)
        *reason = GAP_UNKNOWN_ID;
    else if (lag->id > t->upto)
        *reason = GAP_RESET;
    else
        return 0;
    return -1;
}

/* An id may have come from another edge, which has heard more than this one: later events, or that
 * something left the log whose gap lies beyond the id. The owner knows. */
static bool wait_for_owner(struct edge *e, struct reader *r)
{
    struct lag *lag = r->lag;
    struct edge_tenant *t = r->feed->tenant;
    if (!lag->has_id || lag->bad_id || lag->answered || lag->id_epoch != t->epoch)
        return false;
    if (!lag->asked && lag->id <= t->upto && (e->conf.alone || lag->follows_now))
        return false;
    r->state = READER_SYNCING;
    list_move_back(&r->feed->wait, &r->node);
    if (lag->asked)
        return true;
    lag->asked = feed_ask(r->feed, FOLLOW_SYNC, lag->id, lag);
    if (!lag->asked)
        reader_fail(e, r, READER_END_FAILED, ERR_OVERLOADED);
    return true;
}

/* Where a start without a usable id begins. */
static pos_t since_position(const struct lag *lag, const struct edge_tenant *t)
{
    pos_t upto = t->upto;
    switch (lag->since) {
    case START_EARLIEST:
        return 0;
    case START_ID:
        if (lag->at_epoch != t->epoch)
            break; /* an id of another log means nothing here */
        return lag->at < upto ? lag->at : upto;
    case START_AT:
        return lag->at < upto ? lag->at : upto;
    case START_LATEST:
        break;
    }
    return upto;
}

static bool has_keyed(const struct feed *f)
{
    for (uint32_t i = 0; i < f->channel_count; i++)
        if (f->channels[i]->keyed)
            return true;
    return false;
}

/* Fills the lag's channels: from where each is read, and whether by a snapshot of its live keys.
 * True when one is. */
static bool plan_channels(struct reader *r, pos_t at, bool resumed, bool all_lost)
{
    bool snap = false;
    struct lag *lag = r->lag;
    const struct feed *f = r->feed;
    for (uint32_t i = 0; i < f->channel_count; i++) {
        const struct edge_channel *c = f->channels[i];
        bool lost = all_lost || (resumed && at < c->floor);
        struct lag_channel *lc = &lag->channels[i];
        *lc = (struct lag_channel){.after = at};
        lc->snap = lag->snapshot && c->keyed && (lost || !resumed);
        if (lc->snap) {
            snap = true;
            lc->after = 0;
            lc->quiet = f->tenant->upto;
        } else if (!resumed && lag->since == START_EARLIEST) {
            lc->quiet = c->floor;
        }
    }
    lag->snap_end = snap ? f->tenant->upto : 0;
    return snap;
}

bool reader_say_open(struct edge *e, struct reader *r, struct opening_channel *channels, bool has_id,
                     pos_t id)
{
    const struct feed *f = r->feed;
    struct opening o = {f->tenant->name, f->tenant->epoch, has_id, id, f->channel_count, channels};
    return reader_push(e, r, e->ops.open(e->ops.ctx, r, &o));
}

static bool say_open(struct edge *e, struct reader *r, pos_t at, bool has_id, bool resumed,
                     bool all_lost)
{
    const struct feed *f = r->feed;
    struct opening_channel *channels = calloc(f->channel_count, sizeof *channels);
    if (!channels) {
        reader_fail(e, r, READER_END_FAILED, ERR_OVERLOADED);
        return false;
    }
    feed_describe(f, channels);
    for (uint32_t i = 0; i < f->channel_count; i++) {
        if (all_lost || (resumed && at < f->channels[i]->floor))
            channels[i].resume = RESUME_GAP;
        else if (resumed)
            channels[i].resume = RESUME_OK;
    }
    bool said = reader_say_open(e, r, channels, has_id, at);
    free(channels);
    return said;
}

/* A gap that is known at the start: of all channels, or of those that a snapshot makes good. */
static bool say_gap(struct edge *e, struct reader *r, enum gap_reason reason, bool all, bool has_id,
                    pos_t at)
{
    const struct feed *f = r->feed;
    struct slice *names = calloc(f->channel_count, sizeof *names);
    if (!names) {
        reader_fail(e, r, READER_END_FAILED, ERR_OVERLOADED);
        return false;
    }
    struct gap g = {.reason = reason, .epoch = f->tenant->epoch, .has_id = has_id, .id = at,
                    .oldest = at, .channels = names};
    for (uint32_t i = 0; i < f->channel_count; i++)
        if (all || r->lag->channels[i].snap)
            names[g.channel_count++] = f->channels[i]->name;
    g.has_from = !all;
    g.from = r->lag->id;
    if (!has_id)
        g.oldest = r->lag->snap_end;
    struct bytes *b = e->ops.gap(e->ops.ctx, r, &g);
    free(names);
    e->stats.gaps++;
    return reader_push(e, r, b);
}

bool reader_ring_will_do(const struct reader *r)
{
    const struct feed *f = r->feed;
    if (r->pos < f->tail_pos)
        return false;
    for (uint32_t i = 0; i < f->channel_count; i++) {
        const struct lag_channel *lc = &r->lag->channels[i];
        if (lc->snap || lc->after > r->pos || f->channels[i]->floor > r->pos)
            return false;
    }
    return true;
}

static void go_on(struct edge *e, struct reader *r)
{
    struct feed *f = r->feed;
    r->lagging = r->pos < f->tenant->upto;
    r->base = r->lagging ? 0 : r->pos;
    if (!reader_ring_will_do(r)) {
        r->lagging = 1;
        r->base = 0;
        r->state = READER_BEHIND;
        reader_read(e, r);
        return;
    }
    r->state = READER_LIVE;
    r->seq = ring_find(f, r->pos);
    if (r->seq < f->formed)
        f->formed = r->seq;
}

void reader_begin(struct edge *e, struct reader *r)
{
    struct lag *lag = r->lag;
    struct feed *f = r->feed;
    enum gap_reason reason = GAP_TRIMMED;
    if (lag->moved) {
        reader_begin_moved(e, r);
        return;
    }
    if (wait_for_owner(e, r))
        return;
    bool resumed = lag->has_id && judge(lag, f->tenant, &reason) == 0;
    bool all_lost = lag->has_id && !resumed;
    pos_t at = resumed ? lag->id : since_position(lag, f->tenant);
    if (!has_keyed(f))
        lag->snapshot = false;
    bool snap = plan_channels(r, at, resumed, all_lost);
    lag->resumed = resumed && !snap; /* with a snapshot it forgets what it had */
    lag->resumed_at = resumed ? lag->id : 0;
    lag->reason = GAP_TRIMMED;
    r->pos = snap ? 0 : at;
    e->stats.opened++;
    e->stats.resumed += resumed;
    if (!r->poll && !say_open(e, r, at, !snap && !all_lost, resumed, all_lost))
        return;
    if (all_lost && !say_gap(e, r, reason, true, !snap, at))
        return;
    if (resumed && snap && !say_gap(e, r, GAP_TRIMMED, false, false, at))
        return;
    wheel_add(e, r);
    go_on(e, r);
    if (r->state == READER_CLOSED || r->ended)
        return;
    if (r->state == READER_LIVE || r->pend)
        reader_wake(r);
}
