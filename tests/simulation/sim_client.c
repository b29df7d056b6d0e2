/* How a client connects, drops and comes back, reads and blocks; what can be seen of its reader. */
#include "sim_wire.h"

#include <stdlib.h>

#define CLIENT_OF(conn) ((struct client *)(void *)((char *)(conn)-offsetof(struct client, c)))

/* ---- connecting ---- */

/* A new person, with other wishes. */
void client_new(struct world *w, struct client *c)
{
    int number = c->number;
    char *buffer = c->c.in;
    size_t cap = c->c.in_cap;
    memset(c, 0, sizeof *c);
    c->w = w;
    c->number = number;
    c->c.in = buffer;
    c->c.in_cap = cap;
    c->tenant = (int)roll(w, TENANTS);
    c->channels = 1 + roll(w, (1 << (CHANNELS - 1)) - 1);
    if (chance(w, 40))
        c->channels = 1u << roll(w, CHANNELS - 1);
    if (!w->ending && chance(w, 2))
        c->channels |= 1 << (CHANNELS - 1);
    if (chance(w, 20))
        c->types = 1u << roll(w, 2);
    if (chance(w, 15))
        c->keys = 1 + roll(w, (1 << KEYS) - 2);
    c->snapshot = chance(w, 35);
    c->poll = chance(w, 20);
    c->format = roll(w, 2);
    c->since = chance(w, 60)   ? START_LATEST
               : chance(w, 50) ? START_EARLIEST
               : chance(w, 70) ? START_AT
                               : START_ID;
    if (c->since == START_AT)
        c->at = pos_before_ms(w->wall_ms - roll(w, 500));
    if (c->since == START_ID) {
        c->at = w->committed[c->tenant] > 40 ? w->committed[c->tenant] - roll(w, 40) : 0;
        c->at_epoch = w->epoch[c->tenant];
    }
}

/* Now and then the last id is not what it was. */
static void spoil_id(struct world *w, struct client *c)
{
    if (!c->has_id || w->ending || !chance(w, 4))
        return;
    c->id_is_ours = false;
    switch (roll(w, 4)) {
    case 0:
        c->malformed = true;
        break;
    case 1:
        c->id_epoch ^= 1;
        break;
    case 2:
        c->id = w->last_id[c->tenant] + 1 + roll(w, 1000);
        break;
    default:
        c->id -= c->id > 20 ? roll(w, 20) : 0;
        break;
    }
}

void client_connect(struct client *c)
{
    struct world *w = c->w;
    struct conn *k = &c->c;
    char id[POS_TEXT_MAX] = "not an id";
    struct slice names[CHANNELS], types[2], keys[KEYS];
    struct feed_spec spec = {.tenant = slice_str(sim_tenants[c->tenant]),
                             .channels = names,
                             .types = types,
                             .keys = keys};
    int before = k->side;
    char *buffer = k->in;
    size_t cap = k->in_cap;
    memset(k, 0, sizeof *k);
    k->in = buffer;
    k->in_cap = cap;
    k->side = (int)roll(w, w->sides);
    if (c->has_id && before != k->side)
        sim_cover(COV_resumed_elsewhere);
    spoil_id(w, c);
    for
        EACH_OF(i, CHANNELS)
    if (in(c->channels, i))
        names[spec.channel_count++] = slice_str(sim_channels[i]);
    for
        EACH_OF(i, 2)
    if (in(c->types, i))
        types[spec.type_count++] = slice_str(sim_types[i]);
    for
        EACH_OF(i, KEYS)
    if (in(c->keys, i))
        keys[spec.key_count++] = slice_str(sim_keys[i]);
    struct reader_start start = {.since = c->since,
                                 .at = c->at,
                                 .epoch = c->at_epoch,
                                 .snapshot = c->snapshot,
                                 .poll = c->poll};
    if (c->has_id) {
        if (!c->malformed)
            pos_format(c->id, c->id_epoch, id);
        start.last_id = slice_str(id);
    }
    k->open = true;
    k->raw = chance(w, 30);
    k->room = w->ending || chance(w, 60) ? SIZE_MAX : roll(w, 300);
    k->limit = chance(w, 50) ? 1 + roll(w, 4) : 1000;
    k->wait = !w->ending && chance(w, 40);
    struct side *side = &w->side[k->side];
    sim_trace(w,
              "client %d (%s%s) connects to edge %d, channels %x types %x keys %x since %d id %s",
              c->number, c->poll ? "poll" : "stream", c->snapshot ? ", snapshot" : "", k->side,
              c->channels, c->types, c->keys, c->since, c->has_id ? id : "none");
    if (edge_open(side->edge, &k->reader, &spec, &start, c->format, k->raw, mono_ms(w)))
        sim_fail(w, "a reader could not be opened");
    if (k->reader.state > READER_JOINING && k->reader.feed->readers == 1)
        sim_cover(COV_feed_reused);
    if (k->reader.state == READER_JOINING)
        sim_cover(COV_joining);
    k->last_state = READER_JOINING;
    client_observe(w, k->side);
}

void client_drop(struct client *c)
{
    struct world *w = c->w;
    if (!c->c.open)
        return;
    sim_trace(w, "client %d drops", c->number);
    if (c->c.reader.pend && c->c.reader.pend_off)
        sim_cover(COV_half_sent_drop);
    if (c->poll)
        sim_cover(COV_poll_aborted);
    edge_close(w->side[c->c.side].edge, &c->c.reader);
    c->c.open = false;
    c->c.in_len = 0;
}

/* Asks for other channels on the open stream. */
static void client_move(struct client *c)
{
    struct world *w = c->w;
    struct conn *k = &c->c;
    struct slice was[EDGE_CHANNELS_MAX], names[CHANNELS];
    struct feed_spec spec;
    unsigned channels = 0;
    if (k->moving || k->reader.state == READER_CLOSED)
        return;
    edge_spec(&k->reader, was, &spec);
    spec.channel_count = 0;
    spec.channels = names;
    for
        EACH_OF(i, CHANNELS - 1)
    if (in(c->channels, i) != chance(w, 30)) {
        channels |= 1u << i;
        names[spec.channel_count++] = slice_str(sim_channels[i]);
    }
    if (!channels)
        return;
    int rc = edge_move(w->side[k->side].edge, &k->reader, &spec, mono_ms(w));
    sim_trace(w, "client %d moves to channels %x: %d", c->number, channels, rc);
    if (rc == ERR_CONFLICT) {
        sim_cover(COV_move_too_early);
        return;
    }
    if (rc)
        sim_fail(w, "a reader could not be moved");
    const struct lag *lag = k->reader.lag;
    k->moving = true;
    k->move_channels = channels;
    k->move_at = k->reader.pos;
    for (uint32_t i = 0; lag && i < lag->count; i++)
        if (lag->channels[i].added && lag->channels[i].after > k->move_at)
            k->move_at = lag->channels[i].after;
    k->last_state = READER_JOINING;
    k->overruns = UINT64_MAX;
    sim_cover(k->reader.state == READER_JOINING ? COV_moved_joining
              : k->reader.state == READER_LIVE  ? COV_moved_live
                                                : COV_moved_behind);
    if (lag && lag->snap_end)
        sim_cover(COV_moved_in_snapshot);
    if (k->reader.parked)
        sim_cover(COV_moved_parked);
}

/* ---- what the edge calls ---- */

static void store_bytes(struct conn *k, const char *p, size_t len)
{
    if (k->in_len + len > k->in_cap) {
        k->in_cap = 2 * (k->in_len + len);
        k->in = realloc(k->in, k->in_cap);
    }
    memcpy(k->in + k->in_len, p, len);
    k->in_len += len;
}

/* Whole frames, until the poll has what it asked for. */
static ssize_t take_for_poll(struct conn *k, const struct iovec *iov, int count)
{
    struct frame f;
    struct frame_name names[CHANNELS];
    size_t taken = 0;
    for (int i = 0; i < count; i++) {
        wire_next(iov[i].iov_base, iov[i].iov_len, k->raw, &f, names);
        if (f.kind == 'e' && k->events == k->limit) {
            k->full = true;
            break;
        }
        k->events += f.kind == 'e';
        store_bytes(k, iov[i].iov_base, iov[i].iov_len);
        taken += iov[i].iov_len;
    }
    return (ssize_t)taken;
}

ssize_t client_send(void *ctx, struct reader *r, const struct iovec *iov, int count)
{
    struct world *w = ((struct side *)ctx)->w;
    struct conn *k = CONN_OF(r);
    size_t total = 0, taken = 0;
    if (k->dead) {
        sim_cover(COV_died);
        return -1;
    }
    if (CLIENT_OF(k)->poll)
        return take_for_poll(k, iov, count);
    for (int i = 0; i < count; i++)
        total += iov[i].iov_len;
    size_t room = k->room < total ? k->room : total;
    if (k->room != SIZE_MAX)
        k->room -= room;
    else if (!w->ending && chance(w, 3))
        room = roll(w, (uint32_t)total), k->room = 0;
    for (int i = 0; i < count && taken < room; i++) {
        size_t n = iov[i].iov_len < room - taken ? iov[i].iov_len : room - taken;
        store_bytes(k, iov[i].iov_base, n);
        taken += n;
    }
    k->shorted = taken < total;
    return (ssize_t)taken;
}

void client_caught_up(void *ctx, struct reader *r)
{
    (void)ctx;
    struct conn *k = CONN_OF(r);
    if (!CLIENT_OF(k)->poll)
        return;
    if (!k->wait || k->in_len)
        k->done = true;
    else
        sim_cover(COV_poll_waited);
}

void client_ended(void *ctx, struct reader *r, enum reader_end why, int error)
{
    struct world *w = ((struct side *)ctx)->w;
    struct conn *k = CONN_OF(r);
    k->ended = true;
    sim_trace(w, "client %d ended: %d, %s", CLIENT_OF(k)->number, why, err_name(error));
    if (why == READER_END_STALLED)
        sim_cover(COV_stalled);
    if (why == READER_END_FAILED && error == ERR_NOT_FOUND)
        sim_cover(COV_refused);
    else if (why == READER_END_FAILED && error != ERR_OVERLOADED)
        sim_fail(w, "a reader failed: %s", err_name(error));
}

/* ---- what can be seen from outside after each turn of an edge ---- */

static void cover_states(const struct conn *k)
{
    const struct reader *r = &k->reader;
    if (k->last_state == READER_JOINING && r->state == READER_LIVE)
        sim_cover(COV_joining_live);
    if (k->last_state == READER_JOINING && r->state == READER_BEHIND)
        sim_cover(COV_joining_behind);
    if (k->last_state != READER_SYNCING && r->state == READER_SYNCING)
        sim_cover(COV_syncing);
    if (k->last_state == READER_SYNCING && r->state > READER_SYNCING)
        sim_cover(COV_syncing_begun);
    if (k->last_state == READER_BEHIND && r->state == READER_LIVE)
        sim_cover(COV_behind_live);
    if (k->last_state == READER_LIVE && r->state == READER_BEHIND)
        sim_cover(k->last_parked ? COV_parked_behind : COV_live_behind);
    if (!k->last_parked && r->parked)
        sim_cover(COV_parked);
    if (k->last_parked && !r->parked)
        sim_cover(COV_unparked);
    if (edge_is_caught_up(r) && !r->parked)
        sim_cover(COV_idle_live);
}

/* Where this connection starts was judged just now: what was known then. */
static void note_begin(struct client *c)
{
    struct conn *k = &c->c;
    const struct world *w = c->w;
    k->begun = true;
    k->begin_upto = w->side[k->side].upto[c->tenant];
    for
        EACH_OF(i, CHANNELS)
    k->begin_floor[i] = w->store.channels[c->tenant][i].known
                            ? w->store.channels[c->tenant][i].floor
                            : w->store.tenants[c->tenant].floor;
}

/* A reader that stays within its ring is not sent to the store. */
static void check_within_ring(struct client *c)
{
    struct world *w = c->w;
    struct conn *k = &c->c;
    const struct side *s = &w->side[k->side];
    if (k->overruns != s->overruns || w->tight_bytes || k->moving)
        return;
    uint32_t waiting = 0;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct record *r = &w->records[i];
        waiting += r->state == REC_COMMITTED && r->pos > k->reader.pos &&
                   r->pos <= s->upto[c->tenant] && client_wants(c, r);
    }
    if (waiting <= w->edge_conf.ring_events)
        sim_fail(w, "client %d, %u events behind, was taken from its ring", c->number, waiting);
}

void client_observe(struct world *w, int side)
{
    for (unsigned i = 0; i < w->clients; i++) {
        struct client *c = &w->client[i];
        struct conn *k = &c->c;
        if (!k->open || k->side != side || k->ended)
            continue;
        cover_states(k);
        if (!k->begun && k->reader.state > READER_SYNCING)
            note_begin(c);
        if (k->last_state == READER_LIVE && k->reader.state == READER_BEHIND)
            check_within_ring(c);
        if (k->reader.state != READER_LIVE)
            k->overruns = UINT64_MAX;
        else if (k->reader.feed->state == FEED_LIVE && k->overruns == UINT64_MAX)
            k->overruns = w->side[side].overruns;
        if (edge_is_caught_up(&k->reader) && !k->reader.parked) {
            uint32_t epoch;
            pos_t at = edge_position(&k->reader, &epoch);
            if (k->known && at < k->known)
                sim_fail(w, "a position went back");
            k->known = at;
        }
        k->last_state = k->reader.state;
        k->last_parked = k->reader.parked;
    }
}

/* ---- reading ---- */

static void read_frames(struct client *c, bool all)
{
    struct world *w = c->w;
    struct conn *k = &c->c;
    struct frame f;
    struct frame_name names[CHANNELS];
    size_t at = 0;
    if (c->poll && !k->opened)
        frames_open(c, NULL, NULL);
    while (at < k->in_len && !w->failed && (all || chance(w, 85))) {
        size_t n = wire_next(k->in + at, k->in_len - at, k->raw, &f, names);
        if (n == WIRE_BROKEN)
            sim_fail(w, "client %d: broken bytes", c->number);
        if (n == 0 || n == WIRE_BROKEN)
            break;
        frames_take(c, &f, names);
        at += n;
    }
    if (at)
        memmove(k->in, k->in + at, k->in_len - at);
    k->in_len -= at;
}

/* The poll has its answer. */
static void finish_poll(struct client *c)
{
    struct world *w = c->w;
    struct conn *k = &c->c;
    uint32_t epoch;
    pos_t cursor = edge_position(&k->reader, &epoch);
    read_frames(c, true);
    sim_trace(w, "client %d: the poll ends with %u events at %llx", c->number, k->events,
              (unsigned long long)cursor);
    if (k->full)
        sim_cover(COV_poll_limited);
    sim_cover(COV_polled);
    if (k->any_id && cursor < k->last_id)
        sim_fail(w, "client %d: the cursor is before what was given", c->number);
    c->has_id = c->id_is_ours = true;
    c->malformed = false;
    c->id = cursor;
    c->id_epoch = epoch;
    client_check(c, cursor, edge_is_caught_up(&k->reader) && !k->reader.parked,
                 "at the end of a poll");
    edge_close(w->side[k->side].edge, &k->reader);
    k->open = false;
    k->in_len = 0;
}

void client_read(struct client *c, bool all)
{
    struct world *w = c->w;
    struct conn *k = &c->c;
    if (!k->open)
        return;
    if (!c->poll && !k->ended && !w->ending && chance(w, 10))
        client_move(c);
    if (k->ended) {
        read_frames(c, all);
        client_drop(c);
        if (c->channels >> (CHANNELS - 1))
            client_new(w, c);
        return;
    }
    if (c->poll) {
        if (k->done || k->full)
            finish_poll(c);
        return;
    }
    read_frames(c, all);
    if (!k->open)
        return;
    k->room = all || chance(w, 30) ? SIZE_MAX : roll(w, 400);
    if (k->shorted && k->room) {
        k->shorted = false;
        edge_writable(w->side[k->side].edge, &k->reader);
    }
}

/* The hub has a last word: between two events, or after what is half-sent. */
void client_push(struct client *c)
{
    struct conn *k = &c->c;
    if (!k->open || c->poll || k->ended)
        return;
    edge_push(c->w->side[k->side].edge, &k->reader, wire_close());
    sim_cover(COV_pushed);
}
