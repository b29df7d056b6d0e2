#include "core/owner.h"

#include <assert.h>
#include <stdlib.h>

struct tenant *owner_tenant_take(struct hub *h, struct slice name)
{
    struct tenant *t = map_get(&h->tenants, name);
    if (t)
        return t;
    if (h->tenants.count >= h->conf.tenants_max)
        return NULL;
    t = tenant_new(name, (uint32_t)rng_next(&h->rng), h->conf.edges, h->seed);
    if (!t)
        return NULL;
    quota_init(&t->quota, h->conf.publish_per_second, h->conf.publish_burst, h->now_ms);
    if (map_put(&h->tenants, name, t)) {
        tenant_free(t);
        return NULL;
    }
    list_push_back(&h->all_tenants, &t->all);
    t->dirty = h->dirty = true;
    return t;
}

struct tenant_channel *owner_channel_take(struct hub *h, struct tenant *t, struct slice name,
                                          const struct channel_conf *conf)
{
    struct tenant_channel *tc = tenant_channel_take(t, name, conf, h->conf.edges, h->seed);
    if (tc && list_empty(&tc->all)) {
        list_push_back(&h->all_channels, &tc->all);
        tc->c.touched_ms = h->now_ms;
    }
    return tc;
}

/* ---- publishing ---- */

/* Answers p; memory's answer comes before its events are done with. */
static void answer(struct hub *h, struct publish *p)
{
    p->answered = true;
    h->ops.published(h->ops.ctx, p);
}

void owner_release(struct hub *h, struct publish *p)
{
    if (!p->answered)
        answer(h, p);
    for (uint32_t i = 0; i < p->count; i++) {
        event_unref(p->events[i]);
        p->events[i] = NULL;
    }
    h->ops.released(h->ops.ctx, p);
}

static void refuse(struct hub *h, struct publish *p)
{
    struct tenant *t = map_get(&h->tenants, p->tenant);
    h->stats.refused += p->count;
    if (t)
        t->refused += p->count;
    owner_release(h, p);
}

/* Whether e may go into its channel; what the channel would add to the tenant's count. */
static int check_event(struct hub *h, struct publish *p, struct tenant *t, uint32_t i,
                       uint32_t *fresh)
{
    struct slice name = event_channel(p->events[i]);
    struct tenant_channel *tc = tenant_channel_get(t, name);
    const struct channel_conf *conf =
        tc && !tc->closed ? tc->c.conf : h->ops.channel_conf(h->ops.ctx, p->tenant, name);
    if (!conf)
        err_set(&p->err, ERR_NOT_FOUND, "channel %.*s is not configured", SLICE_FMT(name));
    else if (conf->owned && !p->by_source)
        err_set(&p->err, ERR_FORBIDDEN, "channel %.*s belongs to a source: only it publishes there",
                SLICE_FMT(name));
    else if (p->events[i]->deleted && !conf->keyed)
        err_set(&p->err, ERR_BAD_REQUEST,
                "\"deleted\" has a meaning in keyed channels only, %.*s is not one",
                SLICE_FMT(name));
    if (p->err.code) {
        p->err.index = (int)i;
        return p->err.code;
    }
    *fresh += !tc || !tc->counted;
    return 0;
}

static int check_publish(struct hub *h, struct publish *p, struct tenant *t)
{
    uint32_t fresh = 0;
    for (uint32_t i = 0; i < p->count; i++)
        if (check_event(h, p, t, i, &fresh))
            return p->err.code;
    if (t->counted + fresh > h->conf.channels_max && fresh) {
        /* `fresh` counts a new channel once an event: count exactly before refusing */
        uint32_t exact = 0;
        for (uint32_t i = 0; i < p->count; i++) {
            struct tenant_channel *tc = tenant_channel_get(t, event_channel(p->events[i]));
            bool first = !tc || !tc->counted;
            for (uint32_t j = 0; first && j < i; j++)
                first = !slice_eq(event_channel(p->events[j]), event_channel(p->events[i]));
            exact += first;
        }
        if (t->counted + exact > h->conf.channels_max)
            return err_set(&p->err, ERR_STORE_FULL,
                           "the tenant has %u channels; raise channels_max or reuse channels",
                           t->counted);
    }
    if (h->queue_bytes > h->conf.queue_bytes)
        return err_set(&p->err, ERR_OVERLOADED,
                       "the store is behind: try again in a second");
    if (!p->by_source && !quota_take(&t->quota, p->count, h->now_ms, &p->retry_ms))
        return err_set(&p->err, ERR_RATE_LIMITED,
                       "more than %llu events a second for this tenant: slow down",
                       (unsigned long long)h->conf.publish_per_second);
    return 0;
}

static void count_channels(struct hub *h, struct publish *p, struct tenant *t)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (!p->events[i])
            continue; /* a repeat */
        struct slice name = event_channel(p->events[i]);
        struct tenant_channel *tc = tenant_channel_get(t, name);
        if (!tc)
            tc = owner_channel_take(h, t, name, h->ops.channel_conf(h->ops.ctx, p->tenant, name));
        if (!tc)
            continue;
        tc->wanted = tc->leaving;
        rate_add(&tc->published, 1, h->now_ms);
        if (tc->counted)
            continue;
        tc->counted = true;
        t->counted++;
    }
}

static void forget_added_once(struct tenant *t, const struct publish *p, uint32_t upto)
{
    for (uint32_t i = 0; i < upto; i++) {
        if (!p->events[i] || !p->once[i].key.p)
            continue;
        struct once *o = tenant_once_get(t, event_channel(p->events[i]), p->once[i].key);
        if (o && o->pos == p->ids[i])
            tenant_once_drop(t, o);
    }
}

/* The idempotency of event i, whose id would be ids[i]: 1 it is a repeat, 0 it is new. */
static int take_once(struct hub *h, struct tenant *t, struct publish *p, uint32_t i)
{
    const struct publish_once *given = &p->once[i];
    struct slice channel = event_channel(p->events[i]);
    struct once *o = tenant_once_get(t, channel, given->key);
    if (o && o->committed && o->expires_ms <= h->now_ms) {
        tenant_once_drop(t, o);
        o = NULL;
    }
    if (o && (o->digest[0] != given->digest[0] || o->digest[1] != given->digest[1])) {
        err_set(&p->err, ERR_CONFLICT,
                "this idempotency key was used with another body: use a new key");
        p->err.index = (int)i;
        return p->err.code;
    }
    if (o) {
        p->ids[i] = o->pos;
        return 1;
    }
    if (t->once.count >= h->conf.once_max)
        return err_set(&p->err, ERR_STORE_FULL,
                       "the tenant has %zu idempotency keys remembered: raise once_max",
                       t->once.count);
    const struct channel_conf *conf = h->ops.channel_conf(h->ops.ctx, p->tenant, channel);
    uint64_t keep = conf->age_ms > h->conf.once_ms ? conf->age_ms : h->conf.once_ms;
    if (!tenant_once_add(t, channel, given->key, given->digest, p->ids[i], h->now_ms + keep))
        return err_set(&p->err, ERR_OVERLOADED, "out of memory");
    return 0;
}

static int give_ids(struct hub *h, struct tenant *t, struct publish *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        t->last = p->ids[i] = pos_next(t->last, h->now_ms);
        if (!p->once || !p->once[i].key.p)
            continue;
        int repeat = take_once(h, t, p, i);
        if (repeat < 0) {
            forget_added_once(t, p, i);
            return repeat;
        }
        if (repeat) {
            event_unref(p->events[i]);
            p->events[i] = NULL;
            p->repeats = true;
            h->stats.repeated++;
            t->repeated++;
        }
    }
    for (uint32_t i = 0; i < p->count; i++) {
        if (!p->events[i])
            continue;
        p->events[i]->pos = p->ids[i];
        p->events[i]->epoch = t->epoch;
        h->queue_bytes += p->events[i]->bytes;
        t->pending++;
    }
    return 0;
}

static int take_publish(struct hub *h, struct publish *p)
{
    p->err = (struct err){.index = -1};
    p->answered = p->repeats = p->was_durable = false;
    p->joined = p->also != NULL;
    p->next = NULL;
    struct tenant *t = owner_tenant_take(h, p->tenant);
    if (!t)
        return err_set(&p->err, ERR_STORE_FULL, "there are too many tenants: raise tenants_max");
    p->epoch = t->epoch;
    return check_publish(h, p, t);
}

/* One was not taken: none is. */
static void refuse_all(struct hub *h, struct publish *first, const struct publish *cause)
{
    struct err err = cause->err;
    for (struct publish *p = first, *also; p; p = also) {
        also = p->also;
        p->err = err;
        p->answered = false;
        refuse(h, p);
    }
}

void hub_publish(struct hub *h, struct publish *first, uint64_t now_ms)
{
    h->now_ms = now_ms;
    for (struct publish *p = first; p; p = p->also)
        if (take_publish(h, p)) {
            refuse_all(h, first, p);
            return;
        }
    for (struct publish *p = first; p; p = p->also) {
        struct tenant *t = map_get(&h->tenants, p->tenant);
        if (give_ids(h, t, p)) { /* only with idempotency keys, and then it stands alone */
            assert(p == first);
            refuse_all(h, first, p);
            return;
        }
    }
    for (struct publish *p = first, *also; p; p = also) {
        also = p->also;
        struct tenant *t = map_get(&h->tenants, p->tenant);
        count_channels(h, p, t);
        rate_add(&t->published, p->count, h->now_ms);
        h->stats.published += p->count;
        h->queue_events += p->count;
        *h->queue_end = p;
        h->queue_end = &p->next;
        if (!p->durable)
            answer(h, p);
    }
}

/* ---- following ---- */

/* What is visible now: the answer's numbers. */
static void describe(struct tenant *t, struct follow *f)
{
    f->epoch = t->epoch;
    f->upto = t->committed;
    for (uint32_t i = 0; i < f->count; i++) {
        struct tenant_channel *tc = tenant_channel_get(t, f->channels[i].name);
        if (!tc)
            continue;
        f->channels[i].floor = tc->announced;
        f->channels[i].head = tc->announced_head;
        f->channels[i].keyed = tc->c.conf->keyed;
    }
}

static void follow_start(struct hub *h, unsigned edge, struct follow *f)
{
    struct tenant *t = owner_tenant_take(h, f->tenant);
    uint32_t done = 0;
    f->error = t ? 0 : ERR_STORE_FULL;
    for (; !f->error && done < f->count; done++) {
        struct follow_channel *fc = &f->channels[done];
        struct tenant_channel *tc = tenant_channel_get(t, fc->name);
        const struct channel_conf *conf =
            tc ? tc->c.conf : h->ops.channel_conf(h->ops.ctx, f->tenant, fc->name);
        if (!tc && conf)
            tc = owner_channel_take(h, t, fc->name, conf);
        if (!tc) {
            f->error = conf ? ERR_OVERLOADED : ERR_NOT_FOUND;
            break;
        }
        tc->wanted = tc->leaving;
        tc->by_edge[edge].handle = fc->handle;
        tc->by_edge[edge].count++;
    }
    for (uint32_t i = 0; f->error && i < done; i++)
        tenant_channel_get(t, f->channels[i].name)->by_edge[edge].count--;
    if (f->error)
        return;
    t->by_edge[edge].handle = f->tenant_handle;
    t->by_edge[edge].count++;
    describe(t, f);
}

static void follow_stop(struct hub *h, unsigned edge, struct follow *f)
{
    struct tenant *t = map_get(&h->tenants, f->tenant);
    assert(t && t->by_edge[edge].count);
    t->by_edge[edge].count--;
    for (uint32_t i = 0; i < f->count; i++) {
        struct tenant_channel *tc = tenant_channel_get(t, f->channels[i].name);
        assert(tc && tc->by_edge[edge].count);
        tc->by_edge[edge].count--;
        tc->c.touched_ms = h->now_ms;
    }
}

void hub_follow(struct hub *h, unsigned edge, struct follow *f, uint64_t now_ms)
{
    h->now_ms = now_ms;
    struct tenant *t;
    switch (f->kind) {
    case FOLLOW_START:
        follow_start(h, edge, f);
        break;
    case FOLLOW_STOP:
        follow_stop(h, edge, f);
        break;
    case FOLLOW_SYNC:
        t = map_get(&h->tenants, f->tenant);
        assert(t);
        if (f->want > t->committed && f->want <= t->last && t->pending) {
            f->edge = edge;
            f->next = t->syncs;
            t->syncs = f;
            return;
        }
        describe(t, f);
        break;
    }
    h->ops.followed(h->ops.ctx, edge, f);
}

/* ---- reading ---- */

void hub_read(struct hub *h, unsigned edge, struct page_spec *spec, void *token)
{
    struct hub_reading *r = calloc(1, sizeof *r + spec->channel_count * sizeof *r->channels);
    struct tenant *t = map_get(&h->tenants, spec->tenant);
    if (!r || !t) {
        struct page *page = page_new();
        if (page)
            page->error = ERR_OVERLOADED;
        free(r);
        free(spec);
        h->ops.page(h->ops.ctx, edge, token, page);
        return;
    }
    *r = (struct hub_reading){.edge = edge, .token = token, .tenant = t,
                              .committed = t->committed, .count = spec->channel_count};
    list_init(&r->all);
    list_push_back(&h->readings, &r->all);
    for (uint32_t i = 0; i < spec->channel_count; i++) {
        struct tenant_channel *tc = tenant_channel_get(t, spec->channels[i].name);
        r->channels[i].after = spec->channels[i].after;
        r->channels[i].floor = tc ? tc->announced : t->base_floor;
    }
    h->store->ops->read(h->store, spec, r);
}

/* A store that knows less than the owner did when it was asked (null keeps nothing): what was
 * removed is told as floors. */
static void complete_page(const struct hub_reading *r, struct page *page)
{
    if (page->more || page->error || page->upto >= r->committed)
        return;
    page->upto = r->committed;
    pos_t last = page->count ? page->entries[page->count - 1].pos : 0;
    for (uint32_t i = 0; i < r->count; i++) {
        pos_t floor = r->channels[i].floor;
        if (floor > r->channels[i].after && floor <= r->committed && floor > last)
            page_add(page, floor, NULL, i);
    }
    /* few channels: put the floors in order */
    for (uint32_t i = 1; i < page->count; i++)
        for (uint32_t j = i; j > 0 && page->entries[j].pos < page->entries[j - 1].pos; j--) {
            struct page_entry swap = page->entries[j];
            page->entries[j] = page->entries[j - 1];
            page->entries[j - 1] = swap;
        }
}

/* What a page shows is as of here, though it may be cut before: an event may be missing because one
 * further on has superseded it. */
static pos_t shown(const struct page *page)
{
    return page->seen > page->upto ? page->seen : page->upto;
}

static void on_page(void *ctx, void *token, struct page *page)
{
    struct hub *h = ctx;
    struct hub_reading *r = token;
    if (page && !page->error) {
        complete_page(r, page);
        page->epoch = r->tenant->epoch;
    }
    bool waits = h->plan.in_flight && h->plan.quiet;
    bool hold = page && (waits || shown(page) > r->tenant->committed);
    struct held_page *held = hold ? calloc(1, sizeof *held) : NULL;
    if (held) {
        *held = (struct held_page){NULL, r->edge, r->token, page, r->tenant, waits};
        *h->held_end = held;
        h->held_end = &held->next;
    } else {
        if (hold) {
            page_free(page);
            page = NULL; /* no memory to hold it: nobody may see it yet */
        }
        h->ops.page(h->ops.ctx, r->edge, r->token, page);
    }
    list_remove(&r->all);
    free(r);
}

static void release_held(struct hub *h)
{
    struct held_page **at = &h->held;
    while (*at) {
        struct held_page *held = *at;
        bool waits = held->waits && h->plan.in_flight;
        if (waits || shown(held->page) > held->tenant->committed) {
            at = &held->next;
            continue;
        }
        *at = held->next;
        h->ops.page(h->ops.ctx, held->edge, held->token, held->page);
        free(held);
    }
    h->held_end = at;
}

static void on_stored(void *ctx, int error, const char *detail)
{
    struct hub *h = ctx;
    plan_done(h, error, detail ? detail : "");
    release_held(h);
}

bool hub_step(struct hub *h, uint64_t now_ms)
{
    h->now_ms = now_ms;
    bool more = h->store->ops->drain(h->store);
    if (plan_start(h))
        more = true;
    return more;
}

void hub_tick(struct hub *h, uint64_t now_ms)
{
    h->now_ms = now_ms;
    h->look_channels = 200;
    h->look_tenants = h->tenants.count / 30 + 20;
    LIST_EACH(&h->all_tenants, node, after)
        h->look_channels += LIST_ENTRY(node, struct tenant, all)->channels.count / 30;
    h->dirty = true;
}

/* What is in the log, and what edges know of a channel, is so because it is keyed or not. */
static bool has_past(const struct hub *h, const struct tenant_channel *tc)
{
    for (unsigned i = 0; i < h->conf.edges; i++)
        if (tc->by_edge[i].count)
            return true;
    return tc->counted || tc->c.head || channel_count(&tc->c);
}

size_t hub_reconfigure(struct hub *h)
{
    size_t unlike = 0;
    LIST_EACH(&h->all_channels, node, after) {
        struct tenant_channel *tc = LIST_ENTRY(node, struct tenant_channel, all);
        struct slice tenant = tenant_name(tc->tenant);
        const struct channel_conf *conf =
            h->ops.channel_conf(h->ops.ctx, tenant, channel_name(&tc->c));
        tc->closed = !conf;
        if (!conf)
            conf = h->ops.channel_conf(h->ops.ctx, tenant, SLICE_NONE);
        if (conf->keyed != tc->c.conf->keyed && conf->unlike && has_past(h, tc)) {
            unlike += !tc->closed;
            conf = conf->unlike;
        }
        tc->c.conf = conf;
        tc->relook = true;
    }
    return unlike;
}

void hub_set_limits(struct hub *h, const struct hub_conf *conf, uint64_t now_ms)
{
    unsigned edges = h->conf.edges;
    h->conf = *conf;
    h->conf.edges = edges;
    LIST_EACH(&h->all_tenants, node, after)
        quota_change(&LIST_ENTRY(node, struct tenant, all)->quota, conf->publish_per_second,
                     conf->publish_burst, now_ms);
}

bool hub_idle(const struct hub *h)
{
    return !h->queue && !h->plan.in_flight;
}

/* ---- looking ---- */

void hub_get_stats(struct hub *h, struct hub_stats *out)
{
    *out = h->stats;
    out->queue_events = h->queue_events;
    out->queue_bytes = h->queue_bytes;
    out->tenants = h->tenants.count;
    LIST_EACH(&h->all_channels, node, after) {
        const struct channel *c = &LIST_ENTRY(node, struct tenant_channel, all)->c;
        out->channels++;
        out->kept += channel_count(c);
        out->kept_bytes += c->bytes;
    }
    h->store->ops->stats(h->store, &out->store);
}

static bool tenant_channels(struct hub *h, struct tenant *t,
                            bool (*fn)(void *ctx, const struct hub_channel_info *info), void *ctx)
{
    size_t at = 0;
    void *value;
    while (map_next(&t->channels, &at, NULL, &value)) {
        const struct tenant_channel *tc = value;
        const struct channel *c = &tc->c;
        struct hub_channel_info info = {
            .tenant = tenant_name(t),        .channel = channel_name(c), .epoch = t->epoch,
            .head = c->head,                 .oldest = channel_oldest(c), .floor = c->floor,
            .events = channel_count(c),      .keys = c->live,            .bytes = c->bytes,
            .keyed = c->conf->keyed,         .published = tc->published.total,
            .rate = rate_get(&tc->published, h->now_ms)};
        if (!fn(ctx, &info))
            return false;
    }
    return true;
}

void hub_each_channel(struct hub *h, struct slice tenant,
                      bool (*fn)(void *ctx, const struct hub_channel_info *info), void *ctx)
{
    LIST_EACH(&h->all_tenants, node, after) {
        struct tenant *t = LIST_ENTRY(node, struct tenant, all);
        if ((!tenant.p || slice_eq(tenant, tenant_name(t))) && !tenant_channels(h, t, fn, ctx))
            return;
    }
}

bool hub_get_tenant(struct hub *h, struct slice tenant, struct hub_tenant_info *out)
{
    const struct tenant *t = map_get(&h->tenants, tenant);
    size_t at = 0;
    void *value;
    *out = (struct hub_tenant_info){.channels = 0};
    if (!t)
        return false;
    while (map_next(&t->channels, &at, NULL, &value)) {
        const struct channel *c = &((struct tenant_channel *)value)->c;
        out->channels++;
        out->events += channel_count(c);
        out->bytes += c->bytes;
    }
    out->published = t->published.total;
    out->rate = rate_get(&t->published, h->now_ms);
    out->refused = t->refused;
    out->failed = t->failed;
    out->repeated = t->repeated;
    return true;
}

void hub_each_tenant(struct hub *h, void (*fn)(void *ctx, struct slice tenant), void *ctx)
{
    LIST_EACH(&h->all_tenants, node, after)
        fn(ctx, tenant_name(LIST_ENTRY(node, struct tenant, all)));
}

void hub_each_loaded(struct hub *h, void (*fn)(void *ctx, const struct store_row *row), void *ctx)
{
    for (const struct loaded *l = h->loaded; l; l = l->next)
        fn(ctx, &l->row);
}

/* ---- beginning and end ---- */

struct hub *hub_new(const struct hub_conf *conf, const struct hub_ops *ops, struct store *store,
                    uint64_t seed, uint64_t now_ms, struct err *e)
{
    struct hub *h = calloc(1, sizeof *h);
    if (!h) {
        err_set(e, ERR_OVERLOADED, "out of memory");
        return NULL;
    }
    h->conf = *conf;
    h->ops = *ops;
    h->store = store;
    h->now_ms = now_ms;
    rng_init(&h->rng, seed);
    h->seed[0] = rng_next(&h->rng);
    h->seed[1] = rng_next(&h->rng);
    map_init(&h->tenants, h->seed[0], h->seed[1]);
    list_init(&h->all_tenants);
    list_init(&h->all_channels);
    list_init(&h->readings);
    list_init(&h->plan.tenants);
    list_init(&h->plan.channels);
    h->queue_end = &h->queue;
    h->held_end = &h->held;
    store->done = (struct store_done){on_stored, on_page, h};
    if (owner_load(h, e)) {
        hub_free(h);
        return NULL;
    }
    return h;
}

static void free_publishes(struct hub *h, struct publish *p)
{
    for (struct publish *next; p; p = next) {
        next = p->next;
        err_set(&p->err, ERR_DRAINING, "the hub ended before this was stored");
        owner_release(h, p);
    }
}

void hub_free(struct hub *h)
{
    if (!h)
        return;
    free_publishes(h, h->plan.publishes);
    free_publishes(h, h->queue);
    for (struct held_page *held = h->held, *next; held; held = next) {
        next = held->next;
        page_free(held->page);
        free(held);
    }
    for (struct loaded *l = h->loaded, *next; l; l = next) {
        next = l->next;
        free(l);
    }
    struct list *node;
    while ((node = list_pop(&h->readings)))
        free(LIST_ENTRY(node, struct hub_reading, all));
    while ((node = list_pop(&h->all_tenants)))
        tenant_free(LIST_ENTRY(node, struct tenant, all));
    map_fini(&h->tenants);
    plan_fini(&h->plan);
    free(h);
}
