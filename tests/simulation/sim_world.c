/* Hub, edges and the mailboxes between them. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

const char *const sim_tenants[TENANTS] = {"a", "a-b"};
const char *const sim_channels[CHANNELS] = {"plain", "aged", "rows", "few", "b:c", "closed"};
const char *const sim_keys[KEYS] = {"x", "y", "z", "\xc3\xa9"};
const char *const sim_types[2] = {"cold", "hot"};

int sim_index(const char *const *names, int count, struct slice name)
{
    for (int i = 0; i < count; i++)
        if (slice_is(name, names[i]))
            return i;
    return -1;
}

/* ---- mailboxes ---- */

static void post_add(struct post *p, enum mail_kind kind, void *what, void *token)
{
    struct mail *m = malloc(sizeof *m);
    *m = (struct mail){NULL, kind, what, token};
    *p->end = m;
    p->end = &m->next;
    p->count++;
}

static struct mail *post_take(struct post *p)
{
    struct mail *m = p->first;
    if (!m)
        return NULL;
    p->first = m->next;
    if (!p->first)
        p->end = &p->first;
    p->count--;
    return m;
}

static void mail_drop(struct mail *m)
{
    if (m->kind == MAIL_DELIVERY)
        delivery_free(m->what);
    else if (m->kind == MAIL_FOLLOWED)
        free(m->what);
    else if (m->kind == MAIL_PAGE)
        page_free(m->what);
    free(m);
}

/* Deliveries are lost; where some were, the edge finds a mark. */
void world_overflow(struct world *w, int side)
{
    struct post *p = &w->side[side].in;
    for (struct mail **at = &p->first; *at;) {
        struct mail *m = *at;
        if (m->kind != MAIL_DELIVERY && m->kind != MAIL_OVERRUN) {
            at = &m->next;
            continue;
        }
        if (m->kind == MAIL_DELIVERY)
            delivery_free(m->what);
        m->kind = MAIL_OVERRUN;
        m->what = NULL;
        at = &m->next;
        while (*at && ((*at)->kind == MAIL_DELIVERY || (*at)->kind == MAIL_OVERRUN)) {
            struct mail *more = *at;
            *at = more->next;
            p->count--;
            mail_drop(more);
        }
    }
    p->end = &p->first;
    while (*p->end)
        p->end = &(*p->end)->next;
    sim_trace(w, "mailbox of edge %d overflows", side);
}

/* ---- what the hub calls ---- */

static void hub_deliver(void *ctx, unsigned edge, struct delivery *d)
{
    struct world *w = ctx;
    post_add(&w->side[edge].in, d ? MAIL_DELIVERY : MAIL_OVERRUN, d, NULL);
}

static void hub_followed(void *ctx, unsigned edge, struct follow *f)
{
    struct world *w = ctx;
    post_add(&w->side[edge].in, MAIL_FOLLOWED, f, NULL);
}

static void hub_page(void *ctx, unsigned edge, void *token, struct page *page)
{
    struct world *w = ctx;
    sim_trace(w, "page for edge %u: upto %llx, more %d", edge, (unsigned long long)page->upto,
              page->more);
    for (uint32_t i = 0; i < page->count; i++)
        sim_trace(w, "    %s %u at %llx", page->entries[i].event ? "event" : "floor of",
                  page->entries[i].channel, (unsigned long long)page->entries[i].pos);
    post_add(&w->side[edge].in, MAIL_PAGE, page, token);
}

static const struct channel_conf *hub_channel_conf(void *ctx, struct slice tenant,
                                                   struct slice channel)
{
    struct world *w = ctx;
    (void)tenant;
    int c = channel.p ? SIM_CHANNEL(channel) : 0;
    return c == CHANNELS - 1 || c < 0 ? NULL : &w->confs[c];
}

/* ---- what an edge calls ---- */

static void ask_add(struct side *s, struct follow *f, struct page_spec *spec, void *token)
{
    struct ask *a = malloc(sizeof *a);
    *a = (struct ask){NULL, f, spec, token};
    *s->asks_end = a;
    s->asks_end = &a->next;
}

static void edge_follow(void *ctx, struct follow *f)
{
    ask_add(ctx, f, NULL, NULL);
}

static void edge_read(void *ctx, struct page_spec *spec, void *token)
{
    ask_add(ctx, NULL, spec, token);
}

static uint64_t edge_now_us(void *ctx)
{
    struct world *w = ((struct side *)ctx)->w;
    return w->mono_us += roll(w, 3);
}

/* ---- turns ---- */

void world_asks(struct world *w, int side, uint32_t most)
{
    struct side *s = &w->side[side];
    while (s->asks && most--) {
        struct ask *a = s->asks;
        s->asks = a->next;
        if (!s->asks)
            s->asks_end = &s->asks;
        if (a->follow) {
            int t = SIM_TENANT(a->follow->tenant);
            for
                EACH_OF(i, TENANTS)
            if (s->handle[i] == a->follow->tenant_handle)
                s->handle[i] = NULL; /* of a tenant that is not followed any more */
            s->handle[t] = a->follow->tenant_handle;
            hub_follow(w->hub, (unsigned)side, a->follow, w->wall_ms);
        } else {
            hub_read(w->hub, (unsigned)side, a->spec, a->token);
        }
        free(a);
    }
}

static void hand_delivery(struct world *w, struct side *s, struct delivery *d)
{
    int t = -1;
    for
        EACH_OF(i, TENANTS)
    if (s->handle[i] == d->tenant)
        t = i;
    if (t < 0 || d->upto < s->upto[t] || d->upto > w->committed[t])
        sim_fail(w, "a delivery out of place");
    pos_t last = t < 0 ? 0 : s->upto[t];
    for (uint32_t i = 0; i < d->count; i++) {
        if (!d->entries[i].event)
            continue;
        if (d->entries[i].event->pos <= last)
            sim_fail(w, "deliveries out of order");
        last = d->entries[i].event->pos;
    }
    if (t >= 0)
        s->upto[t] = d->upto;
    edge_delivery(s->edge, d, mono_ms(w));
}

static void hand_followed(struct world *w, struct side *s, struct follow *f)
{
    int t = SIM_TENANT(f->tenant);
    if (f->kind != FOLLOW_STOP && !f->error) {
        if (f->upto < s->upto[t] || f->upto > w->committed[t])
            sim_fail(w, "an answer out of place");
        s->upto[t] = f->upto;
        w->epoch[t] = f->epoch;
    }
    edge_followed(s->edge, f, mono_ms(w));
}

void world_deliver(struct world *w, int side, uint32_t most)
{
    struct side *s = &w->side[side];
    struct mail *m;
    while (most-- && !w->failed && (m = post_take(&s->in))) {
        switch (m->kind) {
        case MAIL_DELIVERY:
            hand_delivery(w, s, m->what);
            break;
        case MAIL_FOLLOWED:
            hand_followed(w, s, m->what);
            break;
        case MAIL_PAGE:
            edge_page(s->edge, m->token, m->what, mono_ms(w));
            break;
        case MAIL_OVERRUN:
            sim_cover(COV_overrun);
            for (unsigned i = 0; i < w->clients; i++)
                if (w->client[i].c.open && w->client[i].c.side == side &&
                    w->client[i].c.reader.state == READER_SYNCING)
                    sim_cover(COV_overrun_syncing);
            s->overruns++;
            edge_overrun(s->edge);
            break;
        }
        free(m);
        client_observe(w, side);
    }
}

void world_step(struct world *w)
{
    hub_step(w->hub, w->wall_ms);
}

bool world_run(struct world *w, int side, uint64_t budget_us)
{
    bool more = edge_run(w->side[side].edge, mono_ms(w), budget_us);
    client_observe(w, side);
    return more;
}

void world_tick(struct world *w, int side)
{
    struct edge *e = w->side[side].edge;
    bool some = !list_empty(&e->unread);
    edge_tick(e, mono_ms(w));
    if (some && list_empty(&e->unread))
        sim_cover(COV_feed_expired);
    client_observe(w, side);
}

/* Peers that vanish are the transport's business. */
static bool client_alive(void *ctx, struct reader *r)
{
    (void)ctx;
    (void)r;
    return true;
}

/* ---- beginning and end ---- */

void world_start(struct world *w)
{
    struct hub_ops ops = {hub_deliver,      hub_followed,     hub_page, publish_published,
                          publish_released, hub_channel_conf, w};
    struct err e = {0};
    if (store_start(w)) {
        sim_fail(w, "no store");
        return;
    }
    w->hub = hub_new(&w->hub_conf, &ops, &w->store.base, ++w->hub_seed, w->wall_ms, &e);
    if (!w->hub)
        sim_fail(w, "no hub: %s", e.detail);
    for (unsigned i = 0; i < w->sides; i++) {
        struct side *s = &w->side[i];
        *s = (struct side){.w = w, .number = i};
        s->in.end = &s->in.first;
        s->asks_end = &s->asks;
        struct edge_ops edge_ops = {.follow = edge_follow,
                                    .read = edge_read,
                                    .send = client_send,
                                    .form = wire_form,
                                    .open = wire_open,
                                    .gap = wire_gap,
                                    .beat = wire_beat,
                                    .alive = client_alive,
                                    .caught_up = client_caught_up,
                                    .ended = client_ended,
                                    .now_us = edge_now_us,
                                    .ctx = s};
        s->edge = edge_new(&w->edge_conf, &edge_ops);
    }
}

static void cover_edge(const struct side *s)
{
    struct edge_stats stats;
    edge_get_stats(s->edge, &stats);
    if (stats.superseded)
        sim_cover(COV_superseded);
}

static void stop(struct world *w)
{
    for (unsigned i = 0; i < w->clients; i++)
        client_drop(&w->client[i]);
    for (unsigned i = 0; i < w->sides; i++) {
        struct side *s = &w->side[i];
        struct mail *m;
        cover_edge(s);
        edge_free(s->edge);
        while ((m = post_take(&s->in)))
            mail_drop(m);
        for (struct ask *a = s->asks, *next; a; a = next) {
            next = a->next;
            free(a->follow);
            free(a->spec);
            free(a);
        }
    }
    w->crashing = true;
    store_crash(w);
    hub_free(w->hub);
    w->hub = NULL;
    w->crashing = false;
}

void world_crash(struct world *w)
{
    sim_trace(w, "crash");
    w->restarts++;
    sim_cover(w->crashes ? COV_crash : COV_restart_memory);
    stop(w);
    publish_after_crash(w);
    world_start(w);
}

static void choose_weights(struct world *w)
{
    struct weights *x = &w->weights;
    *x = (struct weights){.publish = 10 + roll(w, 40),
                          .connect = 8 + roll(w, 20),
                          .drop = roll(w, 10),
                          .read = 5 + roll(w, 30),
                          .deliver = 10 + roll(w, 30),
                          .run = 10 + roll(w, 30),
                          .tick = roll(w, 5),
                          .asks = 10 + roll(w, 20),
                          .step = 10 + roll(w, 30),
                          .hub_tick = roll(w, 4),
                          .time = 5 + roll(w, 10),
                          .clock = roll(w, 3),
                          .work = 10 + roll(w, 30),
                          .close = roll(w, 2),
                          .reconfigure = roll(w, 2)};
    if (chance(w, 40))
        x->crash = 1;
    if (chance(w, 40))
        x->overflow = 1 + roll(w, 4);
}

static void choose_confs(struct world *w)
{
    w->confs[0] = (struct channel_conf){.events = 2 + roll(w, 10)};
    w->confs[1] = (struct channel_conf){.events = 50, .age_ms = 20 + roll(w, 200)};
    w->confs[2] = (struct channel_conf){.keyed = true, .events = roll(w, 4), .keys = 100};
    w->confs[3] = (struct channel_conf){.keyed = true,
                                        .events = 1 + roll(w, 5),
                                        .keys = 1 + roll(w, KEYS),
                                        .age_ms = chance(w, 30) ? 50 : 0};
    w->confs[4] = (struct channel_conf){
        .keyed = chance(w, 40), .events = 50, .keys = 100, .bytes = 100 + roll(w, 600)};
    w->hub_conf = (struct hub_conf){.edges = w->sides,
                                    .tenants_max = 10,
                                    .channels_max = 100,
                                    .channel_idle_ms = w->forgets ? 30 + roll(w, 100) : 1u << 30,
                                    .once_ms = 1u << 30,
                                    .once_max = 1000,
                                    .queue_bytes = 1u << 30,
                                    .tenant_bytes = chance(w, 25) ? 300 + roll(w, 1500) : 0,
                                    .batch_events = 1 + roll(w, 40)};
    w->formats[0].beat_ms = 0;
    w->formats[1].beat_ms = 1000 + roll(w, 3000);
    w->edge_conf = (struct edge_conf){.ring_events = chance(w, 70) ? 4 + roll(w, 13) : 4096,
                                      .ring_bytes = w->tight_bytes ? 100 + roll(w, 2000) : 1 << 30,
                                      .edge_bytes = w->tight_bytes ? 200 + roll(w, 5000) : 1 << 30,
                                      .linger_ms = chance(w, 40) ? 0 : 100000,
                                      .stall_ms = chance(w, 20) ? 1500 : 1u << 30,
                                      .page_events = chance(w, 60) ? 1 + roll(w, 3) : 100,
                                      .page_bytes = chance(w, 80) ? 1 << 20 : 50 + roll(w, 200),
                                      .send_events = chance(w, 50) ? 1 + roll(w, 4) : 64,
                                      .send_bytes = chance(w, 80) ? 1 << 16 : 100,

                                      .alone = w->sides == 1 && chance(w, 50),
                                      .formats = w->formats,
                                      .seed = {w->seed, 2}};
}

void world_init(struct world *w, uint64_t seed, bool verbose)
{
    struct record *records = w->records;
    char *buffers[CLIENTS];
    size_t caps[CLIENTS];
    for
        EACH_OF(i, CLIENTS)
    buffers[i] = w->client[i].c.in, caps[i] = w->client[i].c.in_cap;
    memset(w, 0, sizeof *w);
    w->records = records;
    w->seed = seed;
    w->verbose = verbose;
    rng_init(&w->dice, seed);
    w->wall_ms = 1700000000000;
    w->mono_us = 1000000000;
    w->sides = 1 + chance(w, 70);
    w->crashes = chance(w, 60);
    w->forgets = chance(w, 25);
    w->tight_bytes = chance(w, 25);
    w->clients = 2 + roll(w, CLIENTS - 1);
    w->hub_seed = seed * 1000;
    memset(w->latest, 0xff, sizeof w->latest);
    choose_weights(w);
    choose_confs(w);
    for (unsigned i = 0; i < CLIENTS; i++) {
        w->client[i].number = (int)i;
        w->client[i].c.in = buffers[i];
        w->client[i].c.in_cap = caps[i];
        client_new(w, &w->client[i]);
    }
    world_start(w);
}

void world_fini(struct world *w)
{
    w->crashes = false; /* what is queued is dropped */
    stop(w);
    for (uint32_t i = 0; i < w->count; i++)
        event_unref(w->records[i].event);
}
