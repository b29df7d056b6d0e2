/* What must hold when everything has come to rest. */
#include "sim.h"

#define ROUNDS 600

static bool quiet(const struct world *w)
{
    if (!hub_idle(w->hub) || !store_quiet(w) || w->pubs_out)
        return false;
    for (unsigned i = 0; i < w->sides; i++)
        if (w->side[i].in.first || w->side[i].asks)
            return false;
    return true;
}

static bool caught_up(const struct client *c)
{
    return c->c.open && edge_is_caught_up(&c->c.reader) && !c->c.in_len && !c->c.reader.pend;
}

static void turn(struct world *w)
{
    for (unsigned i = 0; i < w->sides; i++)
        world_asks(w, (int)i, UINT32_MAX);
    store_work(w);
    world_step(w);
    for (unsigned i = 0; i < w->sides; i++) {
        world_deliver(w, (int)i, UINT32_MAX);
        for (int n = 0; n < 1000 && world_run(w, (int)i, 1000); n++)
            ;
    }
    w->wall_ms++;
    w->mono_us += 1000;
}

/* Everybody connects, reads all there is, and polls once to the end. */
static void settle(struct world *w)
{
    bool polled[CLIENTS] = {false};
    for (unsigned i = 0; i < w->clients; i++)
        if (w->client[i].c.dead || (w->client[i].poll && w->client[i].c.wait))
            client_drop(&w->client[i]);
    for (int n = 0; n < ROUNDS && !w->failed; n++) {
        bool all = true;
        for (unsigned i = 0; i < w->clients && !w->failed; i++) {
            struct client *c = &w->client[i];
            if (!c->c.open && !(c->poll && polled[i]))
                client_connect(c);
            pos_t before = c->id;
            bool had = c->has_id, was_poll = c->poll;
            if (c->c.open)
                client_read(c, true);
            if (was_poll && !c->c.open && had && c->id == before && hub_idle(w->hub) &&
                c->id >= w->committed[c->tenant])
                polled[i] = true;
            all = all && (c->poll ? polled[i] : caught_up(c));
        }
        turn(w);
        if (all && quiet(w))
            return;
    }
    for (unsigned i = 0; i < w->clients && !w->failed; i++) {
        struct client *c = &w->client[i];
        if (!caught_up(c) && !polled[i])
            sim_fail(w, "client %u is stuck: %s, open %d, state %d, parked %d, unread %zu", i,
                     c->poll ? "poll" : "stream", c->c.open, c->c.reader.state, c->c.reader.parked,
                     c->c.in_len);
    }
    sim_fail(w,
             "never at rest: hub idle %d, store quiet %d, %u publishes out, asks %d %d, mail %u %u",
             hub_idle(w->hub), store_quiet(w), w->pubs_out, w->side[0].asks != NULL,
             w->side[1].asks != NULL, w->side[0].in.count, w->side[1].in.count);
}

/* Every stream that wants them gets beats, and nothing else moves. */
static void let_beat(struct world *w)
{
    uint32_t before[CLIENTS];
    for
        EACH_OF(i, CLIENTS)
    before[i] = w->client[i].beats;
    for (int n = 0; n < 40 && !w->failed; n++) {
        w->mono_us += EDGE_TICK_MS * 1000;
        for (unsigned i = 0; i < w->sides; i++) {
            world_tick(w, (int)i);
            world_run(w, (int)i, 1000000);
        }
        for (unsigned i = 0; i < w->clients && !w->failed; i++)
            if (!w->client[i].poll)
                client_read(&w->client[i], true);
    }
    for (unsigned i = 0; i < w->clients && !w->failed; i++) {
        const struct client *c = &w->client[i];
        if (!c->poll && w->formats[c->format].beat_ms && c->beats == before[i])
            sim_fail(w, "client %u gets no beats", i);
        if (!c->poll && !w->formats[c->format].beat_ms && c->beats)
            sim_fail(w, "client %u gets beats it did not want", i);
    }
}

static void check_rows(struct client *c)
{
    struct world *w = c->w;
    if (c->types)
        return; /* it did not ask for all that changes a row */
    for
        EACH_OF(i, CHANNELS * KEYS)
        {
            int ch = i / KEYS, key = i % KEYS;
            if (!(c->channels >> ch & 1) || !w->confs[ch].keyed ||
                (c->keys && !(c->keys >> key & 1)))
                continue;
            uint32_t serial = w->latest[c->tenant][ch][key];
            struct row want = publish_row(w, c->tenant, ch, key), have = c->rows[ch][key];
            bool forgotten = serial != NOBODY && !w->records[serial].kept &&
                             w->records[serial].pos <= c->snapped[ch];
            if (!have.there && (!want.there || forgotten))
                continue;
            if (have.there != want.there || memcmp(have.f, want.f, sizeof want.f))
                sim_fail(w, "client %d: row %s of %s is wrong: %d %u %u %u for %d %u %u %u",
                         c->number, sim_keys[key], sim_channels[ch], have.there, have.f[0],
                         have.f[1], have.f[2], want.there, want.f[0], want.f[1], want.f[2]);
        }
}

struct kept {
    uint32_t events;
    pos_t oldest;
};

static bool check_channel(void *ctx, const struct hub_channel_info *info)
{
    struct world *w = ctx;
    int t = SIM_TENANT(info->tenant), c = SIM_CHANNEL(info->channel);
    struct kept kept = {0, 0};
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct record *r = &w->records[i];
        if (!r->kept || r->tenant != t || r->channel != c)
            continue;
        kept.events++;
        bytes += r->event->bytes;
        if (!kept.oldest)
            kept.oldest = r->pos;
    }
    if (kept.events != info->events || kept.oldest != info->oldest || bytes != info->bytes)
        sim_fail(w, "%s: the hub's index has %u events, the store %u", sim_channels[c],
                 info->events, kept.events);
    if (w->store.channels[t][c].known && w->store.channels[t][c].floor != info->floor)
        sim_fail(w, "%s: the hub's floor is not the store's", sim_channels[c]);
    return true;
}

void check_end(struct world *w)
{
    w->ending = true;
    settle(w);
    if (!w->failed)
        let_beat(w);
    for (unsigned i = 0; i < w->clients && !w->failed; i++) {
        struct client *c = &w->client[i];
        if (c->c.open && c->c.told_gap)
            sim_fail(w, "client %u was promised a gap that never came", i);
        client_check(c, POS_MAX, true, "at the end");
        check_rows(c);
    }
    if (!w->failed)
        hub_each_channel(w->hub, SLICE_NONE, check_channel, w);
}
