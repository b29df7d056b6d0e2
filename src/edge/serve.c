/* serve.c - what a reader is sent: what is half-sent, what overtakes, what the ring or a page of
 * the store holds from its position on; as much as one send takes. */
#include "edge/edge_own.h"

#include <assert.h>
#include <stdlib.h>

#define BATCH_MAX 64

/* One part of a send, and how far the reader is once it was taken. */
struct part {
    enum { PART_PEND, PART_HIGH, PART_RING, PART_PAGE } kind;
    struct bytes *bytes; /* one reference */
    pos_t pos;
    uint64_t seq;     /* PART_RING: the entry after it */
    uint32_t page_at; /* PART_PAGE: likewise */
    struct event *event; /* PART_HIGH */
    bool is_event;
};

struct batch {
    struct part parts[BATCH_MAX + 1];
    struct iovec iov[BATCH_MAX + 1];
    int count;
    size_t bytes;
    int error; /* no memory for a form */
    bool end;  /* all there is (of ring or page) was looked at */
    uint64_t end_seq;
};

void reader_fail(struct edge *e, struct reader *r, enum reader_end why, int error)
{
    if (r->ended)
        return;
    r->ended = 1;
    list_remove(&r->node);
    list_remove(&r->beat);
    e->ops.ended(e->ops.ctx, r, why, error);
}

bool reader_push(struct edge *e, struct reader *r, struct bytes *b)
{
    if (!b) {
        reader_fail(e, r, READER_END_FAILED, ERR_OVERLOADED);
        return false;
    }
    if (!r->pend) {
        r->pend = b;
        r->pend_off = r->raw ? b->payload_off : 0;
        return true;
    }
    size_t left_end = r->raw ? r->pend->payload_off + r->pend->payload_len : r->pend->len;
    size_t left = left_end - r->pend_off;
    const char *add = r->raw ? b->data + b->payload_off : b->data;
    size_t add_len = r->raw ? b->payload_len : b->len;
    struct bytes *both = bytes_new(left + add_len);
    if (both) {
        memcpy(both->data, r->pend->data + r->pend_off, left);
        memcpy(both->data + left, add, add_len);
    }
    bytes_unref(b);
    bytes_unref(r->pend);
    r->pend = both;
    r->pend_off = 0;
    if (!both)
        reader_fail(e, r, READER_END_FAILED, ERR_OVERLOADED);
    return both != NULL;
}

void reader_wake(struct reader *r)
{
    if (r->parked || r->ended)
        return;
    list_move_back(&r->feed->todo, &r->node);
    feed_activate(r->feed);
}

/* r, live, has been given everything there is. */
static void settle(struct reader *r)
{
    r->pos = r->base = r->feed->tenant->upto;
    r->lagging = 0;
    lag_free(r->lag);
    r->lag = NULL;
}

/* ---- reading the store ---- */

static int fresh_lag(struct reader *r)
{
    struct lag *lag = reader_lag(r);
    if (!lag)
        return -1;
    for (uint32_t i = 0; i < lag->count; i++)
        lag->channels[i] = (struct lag_channel){.after = r->pos};
    lag->snap_end = 0;
    lag->reason = GAP_OVERFLOW;
    return 0;
}

/* Who was given all there was needn't ask the store for it: little may match, and a lot may have
 * left the log meanwhile. */
static void note_calm(struct reader *r)
{
    const struct feed *f = r->feed;
    pos_t calm = r->seq >= f->calm_seq ? f->calm_pos : r->seq >= f->todo_seq ? f->todo_pos : 0;
    if (r->pos >= calm)
        return;
    r->pos = calm;
    if (!r->lagging)
        r->base = calm;
}

void reader_note_position(struct reader *r)
{
    if (reader_caught_up(r))
        r->pos = r->base = r->feed->tenant->upto;
    else if (r->state == READER_LIVE)
        note_calm(r);
}

void reader_fall_behind(struct edge *e, struct reader *r)
{
    note_calm(r);
    if (fresh_lag(r)) {
        reader_fail(e, r, READER_END_FAILED, ERR_OVERLOADED);
        return;
    }
    r->lagging = 1;
    r->state = READER_BEHIND;
    reader_read(e, r);
}

void reader_read(struct edge *e, struct reader *r)
{
    const struct feed *f = r->feed;
    struct lag *lag = r->lag;
    struct slice names[FEED_CHANNELS_MAX];
    list_move_back(&r->feed->wait, &r->node);
    if (lag->reading || f->state != FEED_LIVE)
        return; /* asked already, or when the feed is live again */
    for (uint32_t i = 0; i < f->channel_count; i++)
        names[i] = f->channels[i]->name;
    struct page_spec *spec = page_spec_new(f->tenant->name, names, f->channel_count, r->pos);
    if (!spec) {
        reader_fail(e, r, READER_END_FAILED, ERR_OVERLOADED);
        return;
    }
    spec->max_events = e->conf.page_events;
    spec->max_bytes = e->conf.page_bytes;
    for (uint32_t i = 0; i < f->channel_count; i++)
        if (lag->channels[i].after > r->pos)
            spec->channels[i].after = lag->channels[i].after;
    lag->reading = true;
    e->stats.pages++;
    e->ops.read(e->ops.ctx, spec, lag);
}

/* ---- choosing what to send ---- */

/* e itself has been sent out of turn. */
static bool has_overtaken(const struct lag *lag, const struct event *e)
{
    for (uint32_t i = 0; lag && e->high && i < lag->over_count; i++)
        if (lag->over[i]->pos == e->pos)
            return true;
    return false;
}

/* A later event of e's key has been sent out of turn: e would undo it. */
static bool is_outrun(const struct lag *lag, const struct event *e)
{
    if (!lag || !lag->over_count || !event_supersedes(e))
        return false;
    for (uint32_t i = 0; i < lag->over_count; i++) {
        const struct event *h = lag->over[i];
        if (h->pos > e->pos && event_supersedes(h) && slice_eq(event_key(h), event_key(e)) &&
            slice_eq(event_channel(h), event_channel(e)))
            return true;
    }
    return false;
}

/* Whether the state has to stand in for the data: always right, and needed unless the reader
 * certainly has what the data changes. */
static bool needs_whole(const struct reader *r, const struct event *e)
{
    if (!e->has_state || (!r->lagging && e->prev != POS_MAX))
        return false;
    if (!e->prev)
        return true; /* the first of its key, to one who doesn't follow it live */
    return e->prev > r->base && !(r->lag && r->lag->resumed && e->prev == r->lag->resumed_at);
}

static void add_part(const struct reader *r, struct batch *b, struct part part, uint32_t off)
{
    const struct bytes *data = part.bytes;
    size_t end = r->raw ? data->payload_off + data->payload_len : data->len;
    size_t begin = off ? off : r->raw ? data->payload_off : 0;
    b->parts[b->count] = part;
    b->iov[b->count] = (struct iovec){(void *)(data->data + begin), end - begin};
    b->bytes += end - begin;
    b->count++;
}

static bool batch_full(const struct edge *e, const struct batch *b)
{
    return b->count >= (int)e->conf.send_events || b->bytes >= e->conf.send_bytes;
}

static bool add_form(struct edge *e, const struct reader *r, struct batch *b, struct item *it,
                     unsigned flags, struct part part)
{
    struct bytes *form = item_form(e, it, r->format, flags);
    if (!form) {
        b->error = ERR_OVERLOADED;
        return false;
    }
    part.bytes = bytes_ref(form);
    part.is_event = true;
    add_part(r, b, part, 0);
    return true;
}

/* e's key may have been removed and have come back since: e would undo what came then, which
 * perhaps nothing brings any more. */
static bool may_be_old(const struct feed *f, const struct event *e)
{
    const struct edge_channel *c;
    return event_supersedes(e) && (c = map_get(&f->tenant->channels, event_channel(e))) &&
           e->pos <= c->floor;
}

/* High events overtake what waits before them. */
static void gather_high(struct edge *e, struct reader *r, struct batch *b)
{
    const struct feed *f = r->feed;
    if (!f->high || !r->lagging || r->poll || f->state != FEED_LIVE || r->state < READER_BEHIND)
        return;
    struct lag *lag = reader_lag(r);
    if (lag && !lag->over)
        lag->over = calloc(OVERTAKE_MAX, sizeof *lag->over);
    if (!lag || !lag->over) {
        b->error = ERR_OVERLOADED;
        return;
    }
    pos_t from = r->pos > lag->snap_end ? r->pos : lag->snap_end;
    uint32_t room = OVERTAKE_MAX - lag->over_count;
    for (uint64_t seq = ring_find(f, from); seq != f->head && room; seq++) {
        struct item *it = ring_slot(f, seq)->item;
        if (!it->event->high || ring_slot(f, seq)->superseded || has_overtaken(lag, it->event) ||
            is_outrun(lag, it->event) || may_be_old(f, it->event))
            continue;
        if (batch_full(e, b))
            return;
        unsigned flags = FORM_NO_ID | (it->event->has_state ? FORM_WHOLE : 0);
        if (!add_form(e, r, b, it, flags, (struct part){.kind = PART_HIGH, .event = it->event}))
            return;
        room--;
    }
}

static void gather_ring(struct edge *e, struct reader *r, struct batch *b)
{
    const struct feed *f = r->feed;
    uint64_t seq = r->seq;
    for (; seq != f->head; seq++) {
        struct slot *s = ring_slot(f, seq);
        struct item *it = s->item;
        if (r->lagging) {
            if (s->superseded) {
                e->stats.superseded++;
                continue;
            }
            if (has_overtaken(r->lag, it->event) || is_outrun(r->lag, it->event))
                continue;
        }
        if (batch_full(e, b))
            return;
        unsigned flags = needs_whole(r, it->event) ? FORM_WHOLE : 0;
        struct part part = {.kind = PART_RING, .pos = it->event->pos, .seq = seq + 1};
        if (!add_form(e, r, b, it, flags, part))
            return;
    }
    b->end = true;
    b->end_seq = seq;
}

/* Where r is when it has got all of the batch. */
static pos_t last_in(const struct reader *r, const struct batch *b)
{
    const struct part *last = b->count ? &b->parts[b->count - 1] : NULL;
    return last && last->kind == PART_PAGE ? last->pos : r->pos;
}

static bool add_gap(struct edge *e, struct reader *r, struct batch *b, uint32_t at, uint32_t upto)
{
    struct slice names[FEED_CHANNELS_MAX];
    const struct lag *lag = r->lag;
    struct gap g = {.reason = lag->reason, .epoch = r->feed->tenant->epoch, .has_id = true,
                    .id = lag->page->entries[at].pos, .has_from = true, .from = last_in(r, b),
                    .oldest = lag->page->entries[at].pos, .channels = names};
    for (uint32_t i = at; i < upto; i++) {
        const struct page_entry *pe = &lag->page->entries[i];
        const struct lag_channel *lc = &lag->channels[pe->channel];
        if (pe->pos > lc->quiet && pe->pos > lc->after)
            names[g.channel_count++] = r->feed->channels[pe->channel]->name;
    }
    if (!g.channel_count)
        return true;
    struct part part = {.kind = PART_PAGE, .pos = g.id, .page_at = upto};
    part.bytes = e->ops.gap(e->ops.ctx, r, &g);
    if (!part.bytes) {
        b->error = ERR_OVERLOADED;
        return false;
    }
    add_part(r, b, part, 0);
    return true;
}

static bool page_event_wanted(const struct reader *r, const struct page_entry *pe)
{
    const struct lag *lag = r->lag;
    const struct lag_channel *lc = &lag->channels[pe->channel];
    const struct event *event = pe->event;
    if (pe->pos <= lc->after || !feed_matches(r->feed, event))
        return false;
    if (lc->snap && pe->pos <= lag->snap_end && (!event_supersedes(event) || event->deleted))
        return false;
    return !has_overtaken(lag, event) && !is_outrun(lag, event);
}

/* Floors at one position, several channels: one gap. */
static uint32_t floors_end(const struct page *page, uint32_t at)
{
    uint32_t end = at + 1;
    while (end < page->count && !page->entries[end].event &&
           page->entries[end].pos == page->entries[at].pos)
        end++;
    return end;
}

static void gather_page(struct edge *e, struct reader *r, struct batch *b)
{
    struct lag *lag = r->lag;
    const struct page *page = lag->page;
    uint32_t at = lag->page_at;
    while (at < page->count && !batch_full(e, b)) {
        const struct page_entry *pe = &page->entries[at];
        if (!pe->event) {
            uint32_t end = floors_end(page, at);
            if (!add_gap(e, r, b, at, end))
                return;
            at = end;
            continue;
        }
        at++;
        if (!page_event_wanted(r, pe))
            continue;
        unsigned flags = needs_whole(r, pe->event) ? FORM_WHOLE : 0;
        struct part part = {.kind = PART_PAGE, .pos = pe->pos, .page_at = at, .is_event = true};
        part.bytes = e->ops.form(e->ops.ctx, r->format, pe->event, flags);
        if (!part.bytes) {
            b->error = ERR_OVERLOADED;
            return;
        }
        add_part(r, b, part, 0);
    }
    b->end = at == page->count;
}

/* ---- sending ---- */

/* The part has been taken, wholly or in part: it counts as written. */
static void apply(struct edge *e, struct reader *r, const struct part *p)
{
    switch (p->kind) {
    case PART_PEND:
        bytes_unref(r->pend);
        r->pend = NULL;
        break;
    case PART_HIGH:
        r->lag->over[r->lag->over_count++] = event_ref(p->event);
        e->stats.overtaken++;
        break;
    case PART_RING:
        r->pos = p->pos;
        r->seq = p->seq;
        break;
    case PART_PAGE:
        r->pos = p->pos;
        r->lag->page_at = p->page_at;
        e->stats.gaps += !p->is_event;
        break;
    }
    e->stats.delivered += p->is_event;
}

/* n bytes were taken. True when that was all of the batch. */
static bool took(struct edge *e, struct reader *r, struct batch *b, size_t n)
{
    e->stats.sends++;
    e->stats.bytes += n;
    for (int i = 0; i < b->count; i++) {
        size_t len = b->iov[i].iov_len;
        struct part *p = &b->parts[i];
        if (n == 0 && len)
            return false;
        if (n >= len) {
            n -= len;
            apply(e, r, p);
            continue;
        }
        size_t off = (size_t)((const char *)b->iov[i].iov_base - p->bytes->data) + n;
        if (p->kind != PART_PEND) {
            apply(e, r, p);
            r->pend = bytes_ref(p->bytes);
        }
        r->pend_off = (uint32_t)off;
        return false;
    }
    return true;
}

static void batch_fini(struct batch *b)
{
    for (int i = 0; i < b->count; i++)
        if (b->parts[i].kind != PART_PEND)
            bytes_unref(b->parts[i].bytes);
}

static void park(struct edge *e, struct reader *r)
{
    if (reader_caught_up(r))
        r->pos = r->base = r->feed->tenant->upto;
    r->parked = 1;
    r->lagging = 1;
    list_move_back(&r->feed->parked, &r->node);
    wheel_park(e, r);
}

/* The page has been given: on from the ring when that has the rest, else the next page. */
static void page_done(struct edge *e, struct reader *r)
{
    struct lag *lag = r->lag;
    struct feed *f = r->feed;
    if (lag->page->upto > r->pos)
        r->pos = lag->page->upto;
    /* Something that left the log before r->pos is told by a floor further on, in a later page. */
    bool on = r->pos < lag->snap_end || lag->page->owes_floor;
    page_free(lag->page);
    lag->page = NULL;
    if (f->state != FEED_LIVE || r->pos < f->tail_pos || on) {
        reader_read(e, r);
        return;
    }
    r->state = READER_LIVE;
    r->seq = ring_find(f, r->pos);
    if (r->seq < f->formed)
        f->formed = r->seq;
    reader_wake(r);
}

static void after_send(struct edge *e, struct reader *r, const struct batch *b)
{
    if (r->state == READER_LIVE) {
        if (b->end)
            r->seq = b->end_seq;
        if (r->seq != r->feed->head) {
            reader_wake(r);
            return;
        }
        settle(r);
        list_move_back(&r->feed->idle, &r->node);
        e->ops.caught_up(e->ops.ctx, r);
    } else if (r->state == READER_BEHIND && r->lag->page) {
        if (b->end)
            page_done(e, r);
        else
            reader_wake(r);
    } else if (r->state == READER_BEHIND) {
        reader_read(e, r); /* it was parked when its feed came back */
    } else {
        list_move_back(&r->feed->wait, &r->node);
        if (r->feed->refused) /* the answer came while it was being sent something */
            reader_fail(e, r, READER_END_FAILED, r->feed->refused);
        else if (r->feed->state == FEED_LIVE)
            reader_begin(e, r);
    }
}

static void gather(struct edge *e, struct reader *r, struct batch *b)
{
    b->count = 0;
    b->bytes = 0;
    b->error = 0;
    b->end = false;
    if (r->pend)
        add_part(r, b, (struct part){.kind = PART_PEND, .bytes = r->pend}, r->pend_off);
    int before = b->count;
    gather_high(e, r, b);
    if (b->error || b->count > before)
        return; /* what comes in turn is chosen once it is known which of these were taken */
    if (r->state == READER_LIVE)
        gather_ring(e, r, b);
    else if (r->state == READER_BEHIND && r->lag->page)
        gather_page(e, r, b);
}

void reader_serve(struct edge *e, struct reader *r)
{
    struct batch b;
    if (r->state == READER_LIVE && (r->feed->state != FEED_LIVE || r->seq < r->feed->tail)) {
        reader_fall_behind(e, r);
        if (r->ended)
            return;
    }
    gather(e, r, &b);
    if (b.error) {
        batch_fini(&b);
        reader_fail(e, r, READER_END_FAILED, b.error);
        return;
    }
    if (!b.count) {
        after_send(e, r, &b);
        return;
    }
    ssize_t n = e->ops.send(e->ops.ctx, r, b.iov, b.count);
    if (n < 0) {
        batch_fini(&b);
        reader_fail(e, r, READER_END_DEAD, 0);
        return;
    }
    if (n > 0)
        r->active_ms = (uint32_t)e->now_ms;
    uint64_t before = e->stats.delivered;
    bool all = took(e, r, &b, (size_t)n);
    r->feed->tenant->delivered += e->stats.delivered - before;
    batch_fini(&b);
    if (all)
        after_send(e, r, &b);
    else
        park(e, r);
}
