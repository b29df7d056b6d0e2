/* wheel.c - heartbeats and stalled readers. A visit compares the last activity and chooses the
 * next slot; a send never touches the wheel. */
#include "edge/edge_own.h"

#define STALL_LOOK_MS 60000

static uint32_t interval_ms(const struct edge *e, const struct reader *r)
{
    return e->conf.formats[r->format].beat_ms;
}

static void put(struct edge *e, struct reader *r, uint64_t in_ms)
{
    uint64_t ticks = in_ms / EDGE_TICK_MS;
    if (ticks < 1)
        ticks = 1;
    if (ticks >= WHEEL_SLOTS)
        ticks = WHEEL_SLOTS - 1;
    list_move_back(&e->wheel[(e->tick + ticks) % WHEEL_SLOTS], &r->beat);
}

/* How long r may be silent after an event: half to the whole of the interval, by its phase, so
 * that an event to all is not followed by beats to all at once. */
static uint32_t silence_ms(const struct reader *r, uint32_t interval)
{
    return (uint32_t)((uint64_t)interval * (256u + r->phase) / 512u);
}

void wheel_add(struct edge *e, struct reader *r)
{
    uint32_t interval = interval_ms(e, r);
    if (r->poll)
        return;
    if (!interval) {
        r->active_ms = (uint32_t)e->now_ms;
        put(e, r, STALL_LOOK_MS);
        return;
    }
    /* the first beats of many that come together are spread over the whole interval */
    uint64_t first = (uint64_t)interval * (r->phase + 1u) / 256u;
    r->active_ms = (uint32_t)(e->now_ms + first - silence_ms(r, interval));
    put(e, r, first);
}

static struct bytes *make_beat(struct edge *e, const struct reader *r)
{
    struct feed *f = r->feed;
    pos_t upto = f->tenant->upto;
    if (f->beat && f->beat_format == r->format && f->beat_tick == e->tick && f->beat_upto == upto)
        return bytes_ref(f->beat);
    struct opening_channel channels[FEED_CHANNELS_MAX];
    feed_describe(f, channels);
    struct beat beat = {f->tenant->epoch, upto, f->channel_count, channels};
    struct bytes *b = e->ops.beat(e->ops.ctx, r->format, &beat);
    if (!b)
        return NULL;
    bytes_unref(f->beat);
    f->beat = bytes_ref(b);
    f->beat_format = r->format;
    f->beat_tick = e->tick;
    f->beat_upto = upto;
    return b;
}

static void beat(struct edge *e, struct reader *r)
{
    if (!reader_caught_up(r) || r->pend || r->parked)
        return;
    if (!e->ops.alive(e->ops.ctx, r)) {
        reader_fail(e, r, READER_END_DEAD, 0);
        return;
    }
    struct bytes *b = make_beat(e, r);
    if (!b)
        return; /* no memory: the next one will do */
    if (reader_push(e, r, b)) {
        e->stats.beats++;
        reader_wake(r);
    }
}

/* How often a parked reader is looked at. */
static uint32_t look_ms(const struct edge *e, const struct reader *r)
{
    uint32_t interval = interval_ms(e, r);
    return interval && interval < STALL_LOOK_MS ? interval : STALL_LOOK_MS;
}

void wheel_park(struct edge *e, struct reader *r)
{
    /* else it is looked at early enough as it is */
    if (r->pend && !r->poll && e->conf.stall_ms < look_ms(e, r))
        put(e, r, e->conf.stall_ms + EDGE_TICK_MS);
}

static void visit_parked(struct edge *e, struct reader *r, uint32_t silent)
{
    uint64_t next = look_ms(e, r);
    if (silent >= UINT32_MAX / 2)
        silent = 0; /* it is counted from a moment that is still to come */
    if (r->pend && silent >= e->conf.stall_ms) {
        reader_fail(e, r, READER_END_STALLED, 0);
        return;
    }
    if (!e->ops.alive(e->ops.ctx, r)) {
        reader_fail(e, r, READER_END_DEAD, 0);
        return;
    }
    if (r->pend && e->conf.stall_ms - silent < next)
        next = e->conf.stall_ms - silent + EDGE_TICK_MS;
    put(e, r, next);
}

static void visit(struct edge *e, struct reader *r)
{
    uint32_t interval = interval_ms(e, r);
    uint32_t silent = (uint32_t)e->now_ms - r->active_ms;
    if (r->parked) {
        visit_parked(e, r, silent);
        return;
    }
    if (!interval) {
        put(e, r, STALL_LOOK_MS);
        return;
    }
    uint32_t allowed = silence_ms(r, interval);
    if (silent < UINT32_MAX / 2 && silent >= allowed) {
        put(e, r, interval);
        beat(e, r);
    } else {
        put(e, r, silent < allowed ? allowed - silent : interval);
    }
}

void wheel_tick(struct edge *e)
{
    struct list now;
    e->tick++;
    list_init(&now);
    list_splice(&now, &e->wheel[e->tick % WHEEL_SLOTS]);
    struct list *node;
    while ((node = list_pop(&now)))
        visit(e, LIST_ENTRY(node, struct reader, beat));
}
