/* plan.c - making a commit: what is inserted, superseded, trimmed, remembered, in one transaction;
 * and what follows when it is reported. */
#include "core/owner.h"

#include <assert.h>
#include <stdlib.h>

static struct store_row *add_row(struct rows *r)
{
    if (r->count == r->cap) {
        uint32_t cap = r->cap ? r->cap * 2 : 64;
        struct store_row *at = realloc(r->at, cap * sizeof *at);
        if (!at)
            return NULL;
        r->at = at;
        r->cap = cap;
    }
    struct store_row *row = &r->at[r->count++];
    *row = (struct store_row){.kind = STORE_TENANT};
    return row;
}

static void touch_tenant(struct hub *h, struct tenant *t)
{
    if (!list_empty(&t->plan))
        return;
    t->plan_first = t->plan_last = PLAN_NONE;
    t->plan_floor = t->base_floor;
    list_push_back(&h->plan.tenants, &t->plan);
}

void plan_touch(struct hub *h, struct tenant_channel *tc)
{
    touch_tenant(h, tc->tenant);
    if (list_empty(&tc->plan))
        list_push_back(&h->plan.channels, &tc->plan);
}

/* An event leaves: one of this very commit is just not inserted. */
static int cut_event(struct hub *h, struct tenant_channel *tc, const struct channel_cut *cut)
{
    if (cut->pos > tc->tenant->committed) {
        h->plan.body.at[cut->row].event = NULL;
        return 0;
    }
    struct store_row *row = add_row(&h->plan.body);
    if (!row)
        return -1;
    row->kind = STORE_REMOVE;
    row->tenant = tenant_name(tc->tenant);
    row->name = channel_name(&tc->c);
    row->pos = cut->pos;
    return 0;
}

static int trim_channel(struct hub *h, struct tenant_channel *tc)
{
    struct channel_cut cut;
    for (;;) {
        if (channel_trim(&tc->c, h->now_ms, &cut))
            return -1;
        if (!cut.pos)
            break;
        plan_touch(h, tc);
        if (cut_event(h, tc, &cut))
            return -1;
    }
    tenant_account(tc);
    return 0;
}

static struct tenant_channel *fattest(const struct tenant *t, uint64_t *second)
{
    struct tenant_channel *best = NULL;
    size_t at = 0;
    void *value;
    *second = 0;
    while (map_next(&t->channels, &at, NULL, &value)) {
        struct tenant_channel *tc = value;
        if (tc->spared || !tc->c.bytes)
            continue;
        if (best && tc->c.bytes <= best->c.bytes) {
            *second = tc->c.bytes > *second ? tc->c.bytes : *second;
            continue;
        }
        *second = best ? best->c.bytes : 0;
        best = tc;
    }
    return best;
}

/* Removes the oldest events of the tenant's fattest channels until they fit, with some room, so
 * that it is not all looked through again for the next event. */
static int trim_tenant(struct hub *h, struct tenant *t)
{
    uint64_t max = h->conf.tenant_bytes, aim = max - max / 64, second;
    struct tenant_channel *tc;
    struct channel_cut cut;
    size_t at = 0;
    void *value;
    if (!max || t->bytes <= max)
        return 0;
    while (t->bytes > aim && (tc = fattest(t, &second))) {
        plan_touch(h, tc);
        do {
            if (channel_shed(&tc->c, &cut) || (cut.pos && cut_event(h, tc, &cut)))
                return -1;
            tenant_account(tc);
            h->stats.shed += cut.pos != 0;
            tc->spared = !cut.pos;
        } while (cut.pos && t->bytes > aim && tc->c.bytes >= second);
    }
    while (map_next(&t->channels, &at, NULL, &value))
        ((struct tenant_channel *)value)->spared = false;
    return 0;
}

static int list_event(struct hub *h, struct tenant_channel *tc, struct event *e)
{
    struct plan *p = &h->plan;
    struct tenant *t = tc->tenant;
    if (p->count == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 64;
        struct plan_event *events = realloc(p->events, cap * sizeof *events);
        if (!events)
            return -1;
        p->events = events;
        p->cap = cap;
    }
    p->events[p->count] = (struct plan_event){e, tc, PLAN_NONE};
    if (t->plan_last == PLAN_NONE)
        t->plan_first = p->count;
    else
        p->events[t->plan_last].next = p->count;
    t->plan_last = p->count++;
    return 0;
}

static int add_event(struct hub *h, struct tenant *t, struct event *e)
{
    struct slice name = event_channel(e);
    struct tenant_channel *tc = tenant_channel_get(t, name);
    if (!tc) { /* forgotten since it was published to */
        const struct channel_conf *conf = h->ops.channel_conf(h->ops.ctx, tenant_name(t), name);
        tc = conf ? owner_channel_take(h, t, name, conf) : NULL;
    }
    if (!tc)
        return -1;
    plan_touch(h, tc);
    tc->c.touched_ms = h->now_ms;
    uint32_t at = h->plan.body.count;
    struct store_row *row = add_row(&h->plan.body);
    struct channel_cut superseded;
    if (!row || list_event(h, tc, e) || channel_add(&tc->c, e, at, &superseded))
        return -1;
    row->kind = STORE_EVENT;
    row->tenant = tenant_name(t);
    row->name = channel_name(&tc->c);
    row->pos = e->pos;
    row->event = e;
    if (superseded.pos && cut_event(h, tc, &superseded))
        return -1;
    return trim_channel(h, tc);
}

static int add_once(struct hub *h, struct tenant *t, const struct publish *p, uint32_t i)
{
    struct plan *plan = &h->plan;
    struct slice channel = event_channel(p->events[i]);
    struct once *o = tenant_once_get(t, channel, p->once[i].key);
    if (!o || o->committed)
        return 0;
    if (plan->once_count == plan->once_cap) {
        uint32_t cap = plan->once_cap ? plan->once_cap * 2 : 16;
        struct once **once = realloc(plan->once, cap * sizeof *once);
        if (!once)
            return -1;
        plan->once = once;
        plan->once_cap = cap;
    }
    struct store_row *row = add_row(&plan->body);
    if (!row)
        return -1;
    plan->once[plan->once_count++] = o;
    row->kind = STORE_ONCE;
    row->tenant = tenant_name(t);
    row->name = once_channel(o);
    row->key = once_key(o);
    row->value = slice_of((const char *)o->digest, sizeof o->digest);
    row->pos = o->pos;
    row->time_ms = o->expires_ms;
    return 0;
}

static int add_publish(struct hub *h, const struct publish *p)
{
    struct tenant *t = map_get(&h->tenants, p->tenant);
    assert(t);
    touch_tenant(h, t);
    for (uint32_t i = 0; i < p->count; i++) {
        if (!p->events[i])
            continue; /* a repeat */
        if (add_event(h, t, p->events[i]))
            return -1;
        if (p->once && p->once[i].key.p && add_once(h, t, p, i))
            return -1;
    }
    for (uint32_t i = 0; i < p->row_count; i++) {
        struct store_row *row = add_row(&h->plan.body);
        if (!row)
            return -1;
        *row = p->rows[i];
    }
    return 0;
}

/* Idempotency keys whose time is over. */
static int forget_once(struct hub *h, struct tenant *t)
{
    int most = 1000;
    LIST_EACH(&t->once_age, node, after) {
        struct once *o = LIST_ENTRY(node, struct once, age);
        if (o->expires_ms > h->plan.now_ms || !o->committed || most-- == 0)
            break;
        t->forgets = true;
        struct store_row *row = add_row(&h->plan.body);
        if (!row)
            return -1;
        row->kind = STORE_ONCE_GONE;
        row->tenant = tenant_name(t);
        row->name = once_channel(o);
        row->key = once_key(o);
    }
    return 0;
}

static bool may_forget(const struct hub *h, const struct tenant_channel *tc)
{
    if (channel_count(&tc->c) || tc->c.touched_ms + h->conf.channel_idle_ms > h->now_ms)
        return false;
    for (unsigned i = 0; i < h->conf.edges; i++)
        if (tc->by_edge[i].count)
            return false;
    return true;
}

/* Some channels and tenants after each tick: their ages, and whether they may go. */
static int look_after(struct hub *h)
{
    uint64_t channels = h->look_channels, tenants = h->look_tenants;
    h->look_channels = h->look_tenants = 0;
    for (uint64_t i = 0; i < channels && !list_empty(&h->all_channels); i++) {
        struct tenant_channel *tc = LIST_ENTRY(h->all_channels.next, struct tenant_channel, all);
        list_move_back(&h->all_channels, &tc->all);
        pos_t floor = tc->c.floor;
        if ((tc->c.conf->age_ms || tc->relook) && trim_channel(h, tc))
            return -1;
        tc->relook = false;
        h->plan.quiet |= tc->c.floor != floor;
        if (may_forget(h, tc) && list_empty(&tc->plan)) {
            plan_touch(h, tc);
            tc->leaving = h->plan.quiet = true;
        }
    }
    for (uint64_t i = 0; i < tenants && !list_empty(&h->all_tenants); i++) {
        struct tenant *t = LIST_ENTRY(h->all_tenants.next, struct tenant, all);
        list_move_back(&h->all_tenants, &t->all);
        uint32_t before = h->plan.body.count;
        if (forget_once(h, t))
            return -1;
        if (h->plan.body.count != before)
            touch_tenant(h, t);
    }
    return 0;
}

static int add_tenant_rows(struct hub *h)
{
    LIST_EACH(&h->plan.tenants, node, after) {
        struct tenant *t = LIST_ENTRY(node, struct tenant, plan);
        struct store_row *row = add_row(&h->plan.head);
        if (!row)
            return -1;
        row->kind = STORE_TENANT;
        row->tenant = tenant_name(t);
        row->epoch = t->epoch;
        row->pos = t->plan_last == PLAN_NONE ? t->committed
                                             : h->plan.events[t->plan_last].event->pos;
        row->floor = t->plan_floor;
    }
    LIST_EACH(&h->plan.channels, node, after) {
        struct tenant_channel *tc = LIST_ENTRY(node, struct tenant_channel, plan);
        if (tc->leaving && !tc->stored)
            continue;
        struct store_row *row = add_row(&h->plan.head);
        if (!row)
            return -1;
        row->kind = tc->leaving ? STORE_CHANNEL_GONE : STORE_CHANNEL;
        row->tenant = tenant_name(tc->tenant);
        row->name = channel_name(&tc->c);
        row->floor = tc->c.floor;
    }
    return 0;
}

/* A channel that leaves takes its floor into its tenant's base floor, in the same commit. */
static void raise_base_floors(struct hub *h)
{
    LIST_EACH(&h->plan.channels, node, after) {
        struct tenant_channel *tc = LIST_ENTRY(node, struct tenant_channel, plan);
        if (tc->leaving && tc->c.floor > tc->tenant->plan_floor)
            tc->tenant->plan_floor = tc->c.floor;
    }
}

static int join_rows(struct hub *h)
{
    struct rows *head = &h->plan.head, *body = &h->plan.body;
    for (uint32_t i = 0; i < body->count; i++) {
        if (body->at[i].kind == STORE_EVENT && !body->at[i].event)
            continue;
        struct store_row *row = add_row(head);
        if (!row)
            return -1;
        *row = body->at[i];
    }
    return 0;
}

static int fill_plan(struct hub *h)
{
    for (const struct publish *p = h->plan.publishes; p; p = p->next)
        if (add_publish(h, p))
            return -1;
    LIST_EACH(&h->plan.tenants, node, after)
        if (trim_tenant(h, LIST_ENTRY(node, struct tenant, plan)))
            return -1;
    if (look_after(h))
        return -1;
    raise_base_floors(h);
    return add_tenant_rows(h) || join_rows(h) ? -1 : 0;
}

/* Moves publishes from the queue into the plan. */
static uint32_t take_publishes(struct hub *h)
{
    struct publish **end = &h->plan.publishes;
    uint32_t events = 0;
    bool joined = false; /* to the one before: not to be parted */
    while (h->queue && (!events || joined || events + h->queue->count <= h->conf.batch_events)) {
        struct publish *p = h->queue;
        h->queue = p->next;
        if (!h->queue)
            h->queue_end = &h->queue;
        p->next = NULL;
        *end = p;
        end = &p->next;
        events += p->count;
        joined = p->joined;
    }
    return events;
}

static void touch_dirty(struct hub *h)
{
    LIST_EACH(&h->all_tenants, node, after) {
        struct tenant *t = LIST_ENTRY(node, struct tenant, all);
        if (t->dirty)
            touch_tenant(h, t);
    }
}

bool plan_start(struct hub *h)
{
    struct plan *p = &h->plan;
    if (p->in_flight || (!h->queue && !h->dirty))
        return false;
    p->head.count = p->body.count = p->count = p->once_count = 0;
    take_publishes(h);
    if (h->dirty)
        touch_dirty(h);
    h->dirty = false;
    p->in_flight = true;
    p->quiet = false;
    p->now_ms = h->now_ms;
    if (fill_plan(h)) {
        plan_done(h, ERR_OVERLOADED, "out of memory");
        return true;
    }
    if (!p->head.count) {
        plan_done(h, 0, "");
        return true;
    }
    p->batch = (struct store_batch){p->head.count, p->head.at, p->publishes != NULL};
    h->store->ops->append(h->store, &p->batch);
    return true;
}

/* What the commit means for one edge. */
static struct delivery *make_delivery(struct hub *h, struct tenant *t, unsigned edge)
{
    uint32_t count = 0;
    for (uint32_t i = t->plan_first; i != PLAN_NONE; i = h->plan.events[i].next)
        count += h->plan.events[i].tc->by_edge[edge].count != 0;
    LIST_EACH(&h->plan.channels, node, after) {
        struct tenant_channel *tc = LIST_ENTRY(node, struct tenant_channel, plan);
        count += tc->tenant == t && tc->by_edge[edge].count && tc->c.floor != tc->announced;
    }
    struct delivery *d = calloc(1, sizeof *d + count * sizeof *d->entries);
    if (!d)
        return NULL;
    d->tenant = t->by_edge[edge].handle;
    d->upto = t->committed;
    for (uint32_t i = t->plan_first; i != PLAN_NONE; i = h->plan.events[i].next) {
        const struct plan_event *pe = &h->plan.events[i];
        const struct follower *f = &pe->tc->by_edge[edge];
        if (!f->count)
            continue;
        d->entries[d->count++] =
            (struct delivery_entry){event_ref(pe->event), f->handle, pe->tc->c.floor};
        d->bytes += pe->event->bytes;
    }
    LIST_EACH(&h->plan.channels, node, after) {
        struct tenant_channel *tc = LIST_ENTRY(node, struct tenant_channel, plan);
        const struct follower *f = &tc->by_edge[edge];
        if (tc->tenant == t && f->count && tc->c.floor != tc->announced)
            d->entries[d->count++] = (struct delivery_entry){NULL, f->handle, tc->c.floor};
    }
    return d;
}

static void deliver_tenant(struct hub *h, struct tenant *t)
{
    uint64_t at_us = 0;
    for (const struct publish *p = h->plan.publishes; p && !at_us; p = p->next)
        at_us = p->at_us;
    for (unsigned edge = 0; edge < h->conf.edges; edge++) {
        if (!t->by_edge[edge].count)
            continue;
        struct delivery *d = make_delivery(h, t, edge);
        if (d)
            d->at_us = at_us;
        /* Without memory the edge learns that it missed something, and reads the store. */
        h->ops.deliver(h->ops.ctx, edge, d);
    }
}

static void settle_channels(struct hub *h, bool stored)
{
    struct list *node;
    while ((node = list_pop(&h->plan.channels))) {
        struct tenant_channel *tc = LIST_ENTRY(node, struct tenant_channel, plan);
        if (!stored) {
            channel_undo(&tc->c);
            tenant_account(tc);
            tc->leaving = tc->wanted = false;
            continue;
        }
        channel_settle(&tc->c);
        tc->stored = !tc->leaving;
        tc->announced = tc->c.floor;
        tc->announced_head = tc->c.head;
        if (tc->leaving && !tc->wanted)
            tenant_channel_drop(tc->tenant, tc);
        else
            tc->leaving = tc->wanted = false;
    }
}

static void settle_once(struct hub *h, struct tenant *t)
{
    int most = t->forgets ? 1000 : 0;
    t->forgets = false;
    LIST_EACH(&t->once_age, node, after) {
        struct once *o = LIST_ENTRY(node, struct once, age);
        if (o->expires_ms > h->plan.now_ms || !o->committed || most-- == 0)
            break;
        tenant_once_drop(t, o);
    }
}

/* Syncs that what is committed now answers. */
static void answer_syncs(struct hub *h, struct tenant *t)
{
    struct follow *waiting = t->syncs;
    t->syncs = NULL;
    while (waiting) {
        struct follow *f = waiting;
        waiting = f->next;
        hub_follow(h, f->edge, f, h->now_ms);
    }
}

static void publish_done(struct hub *h, struct publish *p, int error, const char *detail)
{
    h->queue_events -= p->count;
    for (uint32_t i = 0; i < p->count; i++)
        if (p->events[i])
            h->queue_bytes -= p->events[i]->bytes;
    if (error) {
        struct tenant *t = map_get(&h->tenants, p->tenant);
        h->stats.failed += p->count;
        if (t)
            t->failed += p->count;
        err_set(&p->err, error, "nothing was stored: %s", detail);
    } else {
        p->was_durable = h->store->ops->durable;
    }
    owner_release(h, p);
}

static void fail_once(struct hub *h, const struct publish *p)
{
    struct tenant *t = map_get(&h->tenants, p->tenant);
    for (uint32_t i = 0; p->once && i < p->count; i++) {
        if (!p->events[i] || !p->once[i].key.p)
            continue;
        struct once *o = tenant_once_get(t, event_channel(p->events[i]), p->once[i].key);
        if (o && !o->committed)
            tenant_once_drop(t, o);
    }
}

static void visible(struct hub *h)
{
    LIST_EACH(&h->plan.tenants, node, after) {
        struct tenant *t = LIST_ENTRY(node, struct tenant, plan);
        if (t->plan_last != PLAN_NONE)
            t->committed = h->plan.events[t->plan_last].event->pos;
        t->base_floor = t->plan_floor;
        t->stored = true;
        t->dirty = false;
        deliver_tenant(h, t);
    }
    for (uint32_t i = 0; i < h->plan.once_count; i++)
        h->plan.once[i]->committed = true;
}

static void release_publishes(struct hub *h, int error, const char *detail)
{
    for (struct publish *p = h->plan.publishes, *next; p; p = next) {
        next = p->next;
        struct tenant *t = map_get(&h->tenants, p->tenant);
        for (uint32_t i = 0; i < p->count; i++)
            t->pending -= p->events[i] != NULL;
        if (error)
            fail_once(h, p);
        publish_done(h, p, error, detail);
    }
    h->plan.publishes = NULL;
}

/* Publishes that repeat one which failed can't be answered with its id. */
static void fail_repeats(struct hub *h, const char *detail)
{
    struct publish **at = &h->queue;
    while (*at) {
        struct publish *p = *at;
        if (!p->repeats) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        struct tenant *t = map_get(&h->tenants, p->tenant);
        for (uint32_t i = 0; i < p->count; i++)
            t->pending -= p->events[i] != NULL;
        touch_tenant(h, t); /* syncs may have waited for these */
        fail_once(h, p);
        publish_done(h, p, ERR_OVERLOADED, detail);
    }
    h->queue_end = at;
}

void plan_done(struct hub *h, int error, const char *detail)
{
    struct plan *p = &h->plan;
    assert(p->in_flight);
    if (!error)
        visible(h);
    settle_channels(h, !error);
    release_publishes(h, error, detail);
    if (error)
        fail_repeats(h, detail);
    p->in_flight = false;
    struct list *node;
    while ((node = list_pop(&p->tenants))) {
        struct tenant *t = LIST_ENTRY(node, struct tenant, plan);
        if (!error)
            settle_once(h, t);
        else
            t->forgets = false;
        answer_syncs(h, t);
    }
}

void plan_fini(struct plan *p)
{
    free(p->head.at);
    free(p->body.at);
    free(p->events);
    free(p->once);
}
