#include "edge/edge_own.h"

#include <assert.h>
#include <stdlib.h>

const char *gap_reason_name(enum gap_reason reason)
{
    static const char *const names[] = {"trimmed", "unknown-id", "malformed-id",
                                        "reset",   "source",     "overflow"};
    return names[reason];
}

struct edge *edge_new(const struct edge_conf *conf, const struct edge_ops *ops)
{
    struct edge *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->conf = *conf;
    e->ops = *ops;
    if (e->conf.send_events > 64)
        e->conf.send_events = 64;
    e->dice = conf->seed[0] | 1;
    map_init(&e->tenants, conf->seed[0], conf->seed[1]);
    map_init(&e->feeds, conf->seed[0], conf->seed[1]);
    map_init(&e->past, conf->seed[0], conf->seed[1]);
    list_init(&e->active);
    list_init(&e->unread);
    list_init(&e->stopping);
    list_init(&e->orphans);
    list_init(&e->rings);
    for (int i = 0; i < WHEEL_SLOTS; i++)
        list_init(&e->wheel[i]);
    return e;
}

void edge_set_limits(struct edge *e, const struct edge_conf *conf)
{
    e->conf.ring_events = conf->ring_events;
    e->conf.ring_bytes = conf->ring_bytes;
    e->conf.edge_bytes = conf->edge_bytes;
    e->conf.linger_ms = conf->linger_ms;
    e->conf.stall_ms = conf->stall_ms;
}

void edge_free(struct edge *e)
{
    if (!e)
        return;
    for (;;) {
        size_t at = 0;
        void *feed;
        if (!map_next(&e->feeds, &at, NULL, &feed))
            break;
        feed_free(feed);
    }
    while (!list_empty(&e->stopping))
        feed_free(LIST_ENTRY(e->stopping.next, struct feed, unread));
    while (!list_empty(&e->unread)) /* those that the owner refused: in no map any more */
        feed_free(LIST_ENTRY(e->unread.next, struct feed, unread));
    while (!list_empty(&e->orphans))
        lag_free(LIST_ENTRY(e->orphans.next, struct lag, orphan));
    map_fini(&e->feeds);
    map_fini(&e->tenants);
    size_t past = 0;
    void *value;
    while (map_next(&e->past, &past, NULL, &value))
        free(value);
    map_fini(&e->past);
    free(e);
}

static uint8_t roll(struct edge *e)
{
    e->dice = e->dice * 6364136223846793005u + 1442695040888963407u;
    return (uint8_t)(e->dice >> 56);
}

int edge_open(struct edge *e, struct reader *r, const struct feed_spec *spec,
              const struct reader_start *start, unsigned format, bool raw, uint64_t now_ms)
{
    e->now_ms = now_ms;
    *r = (struct reader){.format = (uint16_t)format, .raw = raw, .poll = start->poll};
    list_init(&r->node);
    list_init(&r->beat);
    r->phase = roll(e);
    r->active_ms = (uint32_t)now_ms;
    struct feed *f = feed_take(e, spec);
    if (!f)
        return ERR_OVERLOADED;
    r->feed = f;
    f->readers++;
    e->stats.readers++;
    r->state = READER_JOINING;
    list_push_back(&f->wait, &r->node);
    if (reader_prepare(r, start)) {
        edge_close(e, r);
        return ERR_OVERLOADED;
    }
    r->lag->follows_now = f->fresh;
    f->fresh = false;
    if (f->state == FEED_LIVE)
        reader_begin(e, r);
    return 0;
}

void edge_close(struct edge *e, struct reader *r)
{
    if (r->state == READER_CLOSED)
        return;
    list_remove(&r->node);
    list_remove(&r->beat);
    bytes_unref(r->pend);
    r->pend = NULL;
    if (r->lag && (r->lag->reading || r->lag->asked)) {
        r->lag->reader = NULL; /* freed when that arrives */
        list_push_back(&e->orphans, &r->lag->orphan);
    } else {
        lag_free(r->lag);
    }
    r->lag = NULL;
    r->state = READER_CLOSED;
    e->stats.readers--;
    feed_leave(r->feed);
}

void edge_writable(struct edge *e, struct reader *r)
{
    (void)e;
    if (r->state == READER_CLOSED || r->ended || !r->parked)
        return;
    r->parked = 0;
    reader_wake(r);
}

void edge_push(struct edge *e, struct reader *r, struct bytes *b)
{
    if (r->state == READER_CLOSED || r->ended) {
        bytes_unref(b);
        return;
    }
    if (reader_push(e, r, b))
        reader_wake(r);
}

struct slice edge_unsent(const struct reader *r)
{
    if (!r->pend)
        return SLICE_NONE;
    size_t end = r->raw ? r->pend->payload_off + r->pend->payload_len : r->pend->len;
    return slice_of(r->pend->data + r->pend_off, end - r->pend_off);
}

size_t edge_channels(const struct reader *r, struct slice *out, size_t cap)
{
    const struct feed *f = r->feed;
    size_t count = f->channel_count < cap ? f->channel_count : cap;
    for (size_t i = 0; i < count; i++)
        out[i] = f->channels[i]->name;
    return count;
}

pos_t edge_position(const struct reader *r, uint32_t *epoch)
{
    *epoch = r->feed->tenant->epoch;
    return reader_caught_up(r) ? r->feed->tenant->upto : r->pos;
}

bool edge_is_caught_up(const struct reader *r)
{
    return reader_caught_up(r);
}

/* ---- inputs from the owner ---- */

/* Those that have everything so far say so, before what comes next is unknown. */
static void note_positions(struct list *readers)
{
    LIST_EACH(readers, node, after) {
        struct reader *r = LIST_ENTRY(node, struct reader, node);
        if (reader_caught_up(r))
            r->pos = r->base = r->feed->tenant->upto;
    }
}

/* Follows the feed again. A request that is on its way already is answered as well as a new one. */
static void feed_again(struct feed *f)
{
    if (f->follows || feed_ask(f, FOLLOW_SYNC, 0, NULL)) {
        f->state = FEED_FOLLOWING;
    } else {
        f->state = FEED_LOST; /* no memory: with the next delivery, or the next tick */
        f->tenant->lost = f->edge->lost = true;
    }
}

/* Something did not come, or did not get into the ring: on from the store. */
static void feed_lost(struct feed *f)
{
    note_positions(&f->idle);
    note_positions(&f->todo);
    note_positions(&f->parked);
    feed_again(f);
}

static void follow_lost_again(struct edge_tenant *t)
{
    t->lost = false;
    LIST_EACH(&t->feeds, node, after) {
        struct feed *f = LIST_ENTRY(node, struct feed, in_tenant);
        if (f->state == FEED_LOST)
            feed_again(f);
    }
}

void edge_delivery(struct edge *e, struct delivery *d, uint64_t now_ms)
{
    e->now_ms = now_ms;
    struct edge_tenant *t = d->tenant;
    for (uint32_t i = 0; i < d->count; i++) {
        struct delivery_entry *de = &d->entries[i];
        struct edge_channel *c = de->channel;
        c->floor = de->floor;
        if (!de->event)
            continue;
        c->head = de->event->pos;
        struct item *it = item_new(de->event, d->at_us);
        de->event = NULL;
        for (uint32_t j = 0; j < c->feed_count; j++) {
            struct feed *f = c->feeds[j];
            if (f->state != FEED_LIVE || (it && !feed_matches(f, it->event)))
                continue;
            if (!it || !feed_push(f, it))
                feed_lost(f); /* no memory */
        }
        item_unref(it);
    }
    t->upto = d->upto;
    if (t->lost)
        follow_lost_again(t);
    delivery_free(d);
}

/* Every reader of a list that is live goes on from the store. */
static void all_behind(struct edge *e, struct feed *f, struct list *from)
{
    struct list readers;
    list_init(&readers);
    list_splice(&readers, from);
    struct list *node;
    while ((node = list_pop(&readers))) {
        struct reader *r = LIST_ENTRY(node, struct reader, node);
        list_push_back(r->parked ? &f->parked : &f->wait, &r->node);
        if (r->state != READER_LIVE)
            continue;
        bool parked = r->parked;
        reader_fall_behind(e, r);
        if (parked && !r->ended)
            list_move_back(&f->parked, &r->node);
    }
}

static void feed_goes_live(struct edge *e, struct feed *f)
{
    ring_clear(f);
    f->head = f->tail = f->formed = f->head + 1; /* no reader's entry is in the ring any more */
    f->tail_pos = f->tenant->upto;
    f->state = FEED_LIVE;
    all_behind(e, f, &f->idle);
    all_behind(e, f, &f->todo);
    all_behind(e, f, &f->parked);
}

/* Readers that waited for the answer begin, or read on. */
static void begin_waiting(struct edge *e, struct feed *f)
{
    struct list readers;
    list_init(&readers);
    list_splice(&readers, &f->wait);
    struct list *node;
    while ((node = list_pop(&readers))) {
        struct reader *r = LIST_ENTRY(node, struct reader, node);
        list_push_back(&f->wait, &r->node);
        if (r->state == READER_JOINING || r->state == READER_SYNCING)
            reader_begin(e, r);
        else if (r->state == READER_BEHIND && r->lag->page)
            reader_wake(r);
        else if (r->state == READER_BEHIND && !r->lag->reading)
            reader_read(e, r);
    }
}

/* The owner has said what there is, after the reader came. */
static void reader_answered(struct edge *e, struct lag *lag)
{
    struct reader *r = lag->reader;
    lag->asked = false;
    lag->answered = true;
    if (!r)
        lag_free(lag);
    else if (!r->ended && !r->parked && r->feed->state == FEED_LIVE)
        reader_begin(e, r);
}

static void feed_refused(struct edge *e, struct feed *f, int error)
{
    struct list *node;
    if (map_get(&e->feeds, f->name) == f)
        map_remove(&e->feeds, f->name);
    while ((node = list_pop(&f->wait)))
        reader_fail(e, LIST_ENTRY(node, struct reader, node), READER_END_FAILED, error);
    /* The readers still count on the feed until they are closed. */
    f->refused = error;
}

void edge_followed(struct edge *e, struct follow *f, uint64_t now_ms)
{
    e->now_ms = now_ms;
    struct feed *feed = f->feed;
    feed->follows--;
    if (f->kind == FOLLOW_STOP) {
        feed_free(feed);
    } else if (f->error) {
        feed_refused(e, feed, f->error);
    } else {
        feed->tenant->epoch = f->epoch;
        feed->tenant->upto = f->upto;
        for (uint32_t i = 0; i < f->count; i++) {
            struct edge_channel *c = f->channels[i].handle;
            c->floor = f->channels[i].floor;
            c->head = f->channels[i].head;
            c->keyed = f->channels[i].keyed;
        }
        if (feed->state == FEED_FOLLOWING) {
            feed_goes_live(e, feed);
            begin_waiting(e, feed);
        }
        if (f->reader)
            reader_answered(e, f->reader);
    }
    free(f);
}

void edge_page(struct edge *e, void *token, struct page *page, uint64_t now_ms)
{
    e->now_ms = now_ms;
    struct lag *lag = token;
    struct reader *r = lag->reader;
    lag->reading = false;
    if (!r) {
        page_free(page);
        lag_free(lag);
        return;
    }
    if (!page || page->error) {
        int error = page ? page->error : ERR_OVERLOADED;
        page_free(page);
        reader_fail(e, r, READER_END_FAILED, error);
        return;
    }
    lag->page = page;
    lag->page_at = 0;
    reader_wake(r);
}

void edge_overrun(struct edge *e)
{
    size_t at = 0;
    void *value;
    e->stats.overruns++;
    while (map_next(&e->feeds, &at, NULL, &value)) {
        struct feed *f = value;
        if (f->state == FEED_LIVE)
            feed_lost(f);
    }
}

/* ---- the turn of the loop ---- */

static void note_latency(struct edge *e, struct feed *f)
{
    if (f->head == f->tail || f->timed >= f->head)
        return;
    f->timed = f->head;
    uint64_t at = ring_slot(f, f->head - 1)->item->at_us, now = e->ops.now_us(e->ops.ctx);
    uint64_t us = at && now > at ? now - at : 0;
    unsigned bucket = 0;
    while (us > 1 && bucket < 31)
        us >>= 1, bucket++;
    e->stats.latency_us[bucket] += at != 0;
}

/* Serves some of a feed's readers. True when the feed has more to do; *sends goes up. */
static bool feed_serve(struct edge *e, struct feed *f, uint64_t deadline_us, uint32_t *sends)
{
    uint32_t share = f->readers / 16 > 64 ? f->readers / 16 : 64;
    if (list_empty(&f->todo) && f->dirty) {
        f->dirty = false;
        f->todo_seq = f->calm_seq;
        f->todo_pos = f->calm_pos;
        list_splice(&f->todo, &f->idle);
    }
    struct list *node;
    while (share && (node = list_pop(&f->todo))) {
        struct reader *r = LIST_ENTRY(node, struct reader, node);
        list_push_back(&f->wait, &r->node);
        reader_serve(e, r);
        share--;
        if (++*sends % 16 == 0 && e->ops.now_us(e->ops.ctx) >= deadline_us)
            break;
    }
    if (!list_empty(&f->todo) || f->dirty)
        return true;
    if (f->state == FEED_LIVE && f->formed != f->head && list_empty(&f->parked)) {
        note_latency(e, f);
        ring_rest(f);
    }
    return false;
}

bool edge_run(struct edge *e, uint64_t now_ms, uint64_t budget_us)
{
    e->now_ms = now_ms;
    if (list_empty(&e->active))
        return false;
    uint64_t deadline = e->ops.now_us(e->ops.ctx) + budget_us;
    uint32_t sends = 0, feeds = 0;
    while (!list_empty(&e->active)) {
        struct edge_tenant *t = LIST_ENTRY(e->active.next, struct edge_tenant, active);
        list_move_back(&e->active, &t->active);
        struct feed *f = LIST_ENTRY(t->work.next, struct feed, work);
        list_remove(&f->work);
        if (feed_serve(e, f, deadline, &sends) && list_empty(&f->work))
            list_push_back(&t->work, &f->work);
        if (list_empty(&t->work))
            list_remove(&t->active);
        if (++feeds % 16 == 0 || sends % 16 == 0)
            if (e->ops.now_us(e->ops.ctx) >= deadline)
                break;
    }
    return !list_empty(&e->active);
}

/* Perhaps nothing is published that would bring them back. */
static void find_lost_again(struct edge *e)
{
    size_t at = 0;
    void *tenant;
    e->lost = false;
    while (map_next(&e->tenants, &at, NULL, &tenant))
        if (((struct edge_tenant *)tenant)->lost)
            follow_lost_again(tenant);
}

void edge_tick(struct edge *e, uint64_t now_ms)
{
    e->now_ms = now_ms;
    if (e->lost)
        find_lost_again(e);
    wheel_tick(e);
    feed_expire(e);
}

void edge_get_stats(const struct edge *e, struct edge_stats *out)
{
    *out = e->stats;
    out->feeds = e->feeds.count;
    size_t at = 0;
    void *value;
    while (map_next(&e->feeds, &at, NULL, &value)) {
        struct feed *f = value;
        LIST_EACH(&f->parked, node, after)
            out->lagging++;
        LIST_EACH(&f->wait, node2, after2)
            out->lagging += LIST_ENTRY(node2, struct reader, node)->state == READER_BEHIND;
    }
}

uint64_t edge_delivered(const struct edge *e, struct slice tenant)
{
    const struct edge_tenant *t = map_get(&e->tenants, tenant);
    const struct edge_past *past = t ? NULL : map_get(&e->past, tenant);
    return t ? t->delivered : past ? past->delivered : 0;
}

void edge_each_channel(const struct edge *e,
                       void (*fn)(void *ctx, struct slice tenant, struct slice channel,
                                  uint64_t readers),
                       void *ctx)
{
    size_t at = 0;
    void *value;
    while (map_next(&e->feeds, &at, NULL, &value)) {
        const struct feed *f = value;
        for (uint32_t i = 0; f->readers && i < f->channel_count; i++)
            fn(ctx, f->tenant->name, f->channels[i]->name, f->readers);
    }
}
