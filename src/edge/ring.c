#include "edge/edge_own.h"

#include <assert.h>
#include <stdlib.h>

struct bytes *bytes_new(size_t len)
{
    if (len > UINT32_MAX / 2)
        return NULL;
    struct bytes *b = malloc(sizeof *b + len);
    if (b)
        *b = (struct bytes){.refs = 1, .len = (uint32_t)len, .payload_len = (uint32_t)len};
    return b;
}

struct bytes *bytes_ref(struct bytes *b)
{
    b->refs++;
    return b;
}

void bytes_unref(struct bytes *b)
{
    if (b && --b->refs == 0)
        free(b);
}

struct item *item_new(struct event *event, uint64_t at_us)
{
    struct item *it = calloc(1, sizeof *it);
    if (!it) {
        event_unref(event);
        return NULL;
    }
    *it = (struct item){.refs = 1, .event = event, .at_us = at_us};
    return it;
}

static void drop_forms(struct item *it)
{
    for (struct form *f = it->forms, *next; f; f = next) {
        next = f->next;
        bytes_unref(f->bytes);
        free(f);
    }
    it->forms = NULL;
}

void item_unref(struct item *it)
{
    if (!it || --it->refs)
        return;
    drop_forms(it);
    event_unref(it->event);
    free(it);
}

struct bytes *item_form(struct edge *e, struct item *it, unsigned format, unsigned flags)
{
    uint32_t key = format << 2 | flags;
    for (struct form *f = it->forms; f; f = f->next)
        if (f->key == key)
            return f->bytes;
    struct form *f = malloc(sizeof *f);
    struct bytes *b = f ? e->ops.form(e->ops.ctx, format, it->event, flags) : NULL;
    if (!b) {
        free(f);
        return NULL;
    }
    *f = (struct form){it->forms, key, b};
    it->forms = f;
    return b;
}

uint64_t ring_find(const struct feed *f, pos_t pos)
{
    uint64_t low = f->tail, high = f->head;
    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        if (ring_pos(f, mid) <= pos)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void drop_oldest(struct feed *f)
{
    struct slot *s = ring_slot(f, f->tail);
    uint32_t bytes = s->item->event->bytes;
    f->tail_pos = s->item->event->pos;
    f->high -= s->item->event->high;
    f->bytes -= bytes;
    f->edge->stats.ring_bytes -= bytes;
    f->edge->stats.ring_events--;
    item_unref(s->item);
    s->item = NULL;
    f->tail++;
    if (f->formed < f->tail)
        f->formed = f->tail;
}

void ring_clear(struct feed *f)
{
    while (f->tail != f->head)
        drop_oldest(f);
}

static bool grow(struct feed *f)
{
    uint32_t cap = f->ring_cap ? f->ring_cap * 2 : 4;
    struct slot *ring = calloc(cap, sizeof *ring);
    if (!ring)
        return false;
    for (uint64_t i = f->tail; i != f->head; i++)
        ring[i & (cap - 1)] = *ring_slot(f, i);
    free(f->ring);
    f->ring = ring;
    f->ring_cap = cap;
    return true;
}

/* The edge's rings together are over their bound: the ones that grew longest ago give first. */
static void shrink_others(struct edge *e, struct feed *keep)
{
    while (e->stats.ring_bytes > e->conf.edge_bytes && !list_empty(&e->rings)) {
        struct feed *f = LIST_ENTRY(e->rings.next, struct feed, in_rings);
        if (f->tail == f->head || (f == keep && f->head - f->tail == 1)) {
            list_remove(&f->in_rings);
            if (f == keep)
                return;
            continue;
        }
        drop_oldest(f);
    }
}

/* A later event of a key makes the earlier one one that lagging readers may do without. */
static void mark_superseded(struct feed *f, const struct event *e)
{
    if (!event_supersedes(e) || e->prev <= f->tail_pos || f->tail == f->head)
        return;
    uint64_t seq = ring_find(f, e->prev - 1);
    if (seq == f->head || ring_pos(f, seq) != e->prev)
        return;
    const struct event *old = ring_slot(f, seq)->item->event;
    if (event_supersedes(old) && slice_eq(event_key(old), event_key(e)) &&
        slice_eq(event_channel(old), event_channel(e)))
        ring_slot(f, seq)->superseded = true;
}

bool feed_push(struct feed *f, struct item *it)
{
    struct edge *e = f->edge;
    const struct event *event = it->event;
    if (f->head - f->tail == f->ring_cap && f->ring_cap < e->conf.ring_events && !grow(f))
        return false;
    while (f->head != f->tail && (f->head - f->tail >= e->conf.ring_events ||
                                  f->bytes + event->bytes > e->conf.ring_bytes))
        drop_oldest(f);
    mark_superseded(f, event);
    *ring_slot(f, f->head) = (struct slot){it, false};
    it->refs++;
    f->head++;
    f->bytes += event->bytes;
    f->high += event->high;
    e->stats.ring_bytes += event->bytes;
    e->stats.ring_events++;
    list_move_back(&e->rings, &f->in_rings);
    if (e->stats.ring_bytes > e->conf.edge_bytes)
        shrink_others(e, f);
    if (!f->dirty && f->readers) {
        f->dirty = true;
        f->calm_seq = f->head - 1;
        f->calm_pos = f->tenant->upto;
        feed_activate(f);
    }
    return true;
}

void ring_rest(struct feed *f)
{
    for (; f->formed != f->head; f->formed++) {
        struct item *it = ring_slot(f, f->formed)->item;
        if (it->refs == 1)
            drop_forms(it);
    }
}
