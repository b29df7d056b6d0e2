/* What a client remembers, how it connects, drops and comes back, and what it checks of each frame
 * it gets. */
#include "sim_wire.h"

#include <stdlib.h>

#define CLIENT_OF(conn) ((struct client *)(void *)((char *)(conn)-offsetof(struct client, c)))

static bool in(unsigned mask, int bit)
{
    return bit >= 0 && (mask >> bit & 1);
}

bool client_wants(const struct client *c, const struct record *r)
{
    return r->tenant == c->tenant && in(c->channels, r->channel) &&
           (!c->types || in(c->types, r->type)) && (!c->keys || in(c->keys, r->key));
}

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
    c->since = chance(w, 60) ? START_LATEST : chance(w, 50) ? START_EARLIEST
               : chance(w, 70) ? START_AT : START_ID;
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
    struct feed_spec spec = {.tenant = slice_str(sim_tenants[c->tenant]), .channels = names,
                             .types = types, .keys = keys};
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
    for EACH_OF (i, CHANNELS)
        if (in(c->channels, i))
            names[spec.channel_count++] = slice_str(sim_channels[i]);
    for EACH_OF (i, 2)
        if (in(c->types, i))
            types[spec.type_count++] = slice_str(sim_types[i]);
    for EACH_OF (i, KEYS)
        if (in(c->keys, i))
            keys[spec.key_count++] = slice_str(sim_keys[i]);
    struct reader_start start = {.since = c->since, .at = c->at, .epoch = c->at_epoch,
                                 .snapshot = c->snapshot, .poll = c->poll};
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
    sim_trace(w, "client %d (%s%s) connects to edge %d, channels %x types %x keys %x since %d id %s",
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
    for EACH_OF (i, CHANNELS)
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
    if (k->overruns != s->overruns || w->tight_bytes)
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

/* ---- frames ---- */

static void fetch_rows(struct client *c, int channel)
{
    for EACH_OF (key, KEYS)
        c->rows[channel][key] = publish_row(c->w, c->tenant, channel, key);
}

static void clear_rows(struct client *c, int channel)
{
    memset(c->rows[channel], 0, sizeof c->rows[channel]);
}

static unsigned keyed_channels(const struct client *c)
{
    unsigned mask = 0;
    for EACH_OF (i, CHANNELS)
        if (in(c->channels, i) && c->w->confs[i].keyed)
            mask |= 1u << i;
    return mask;
}

static bool given_id(const struct client *c, pos_t *id, uint32_t *epoch)
{
    *id = c->has_id ? c->id : c->at;
    *epoch = c->has_id ? c->id_epoch : c->at_epoch;
    return c->has_id || c->since == START_ID;
}

/* Owed from `at` on, and of channels that come by a snapshot their live keys. */
static void begin_owed(struct client *c, pos_t at)
{
    struct conn *k = &c->c;
    for EACH_OF (i, CHANNELS) {
        bool snap = in(k->snap, i);
        c->start[i] = snap ? k->snap_end : at;
        c->start_live[i] = snap ? 0 : at;
        if (c->since == START_EARLIEST && c->excused[i] < k->begin_floor[i])
            c->excused[i] = k->begin_floor[i];
        if (snap) {
            clear_rows(c, i);
            c->snapped[i] = k->snap_end;
        } else {
            fetch_rows(c, i);
        }
    }
}

static void start_fresh(struct client *c, pos_t at, bool snapshot)
{
    struct conn *k = &c->c;
    static const enum coverage kinds[] = {COV_fresh_latest, COV_fresh_earliest, COV_fresh_at,
                                          COV_fresh_id};
    sim_cover(kinds[c->since]);
    memset(c->got, 0, sizeof c->got);
    memset(c->excused, 0, sizeof c->excused);
    memset(c->snapped, 0, sizeof c->snapped);
    k->snap = snapshot ? keyed_channels(c) : 0;
    if (k->snap) {
        k->snap_end = k->begin_upto;
        sim_cover(COV_fresh_snapshot);
    }
    begin_owed(c, at);
}

/* Where this connection must start, by what it was opened with. */
static void open_conn(struct client *c, const struct frame *f, const struct frame_name *names)
{
    struct world *w = c->w;
    struct conn *k = &c->c;
    pos_t id, at = k->begin_upto;
    uint32_t epoch;
    bool given = given_id(c, &id, &epoch);
    k->opened = true;
    bool usable = given && !c->malformed && epoch == w->epoch[c->tenant] && id <= k->begin_upto;
    if (!usable && c->since == START_EARLIEST)
        at = 0;
    if (!usable && c->since == START_AT && c->at < at)
        at = c->at;
    if (!usable && c->has_id && c->since == START_ID && c->at < at &&
        c->at_epoch == w->epoch[c->tenant])
        at = c->at;
    if (usable)
        at = id;
    if (given && !usable && c->has_id && c->id_is_ours && epoch == w->epoch[c->tenant])
        sim_fail(w, "client %d: an id that was given is not known", c->number);
    k->lost_by = c->malformed ? GAP_MALFORMED_ID
                 : epoch != w->epoch[c->tenant] ? GAP_UNKNOWN_ID : GAP_RESET;
    k->resumed = usable;
    k->all_lost = given && !usable;
    k->resumed_at = usable ? id : 0;
    k->start_at = at;
    if (!given || (usable && (!c->started || (c->has_id && !c->id_is_ours))))
        start_fresh(c, at, c->snapshot && !given);
    c->started = true;
    if (!f)
        return;
    if (f->kind != 'o' || f->channel != c->tenant || f->epoch != w->epoch[c->tenant])
        sim_fail(w, "client %d: the stream doesn't open as it should", c->number);
    if (f->pos != at)
        sim_fail(w, "client %d: the stream starts at another place", c->number);
    for (uint32_t i = 0; i < f->count; i++) {
        enum resume_verdict v = names[i].resume;
        if ((v == RESUME_NEW) != !given || (k->all_lost && v != RESUME_GAP))
            sim_fail(w, "client %d: a wrong verdict", c->number);
        if (v == RESUME_GAP)
            k->told_gap |= 1u << names[i].channel;
    }
    bool lost = k->told_gap & keyed_channels(c), snap = c->snapshot && keyed_channels(c);
    bool id_due = usable ? !(lost && snap) : !k->all_lost && !snap;
    if (f->has_id != id_due)
        sim_fail(w, "client %d: the opening event %s an id", c->number, id_due ? "lacks" : "has");
    if (usable)
        sim_cover(COV_resumed);
}

/* The ids of a connection go up. */
static void take_id(struct client *c, const struct frame *f)
{
    struct conn *k = &c->c;
    struct world *w = c->w;
    if (!f->has_id)
        return;
    if (k->any_id && (f->kind == 'b' || f->kind == 'o' ? f->pos < k->last_id : f->pos <= k->last_id))
        sim_fail(w, "client %d: ids don't go up", c->number);
    if (f->epoch != w->epoch[c->tenant])
        sim_fail(w, "client %d: an id of another log", c->number);
    if (f->pos > w->committed[c->tenant])
        sim_fail(w, "client %d: an id beyond what is committed", c->number);
    k->any_id = true;
    k->last_id = f->pos;
    if (c->poll)
        return; /* it keeps the cursor alone */
    c->has_id = c->id_is_ours = true;
    c->malformed = false;
    c->id = f->pos;
    c->id_epoch = f->epoch;
}

/* Something of the channel left the log in (from, to], or it may have. */
static bool lost_something(const struct client *c, int channel, pos_t from, pos_t to)
{
    const struct world *w = c->w;
    for (uint32_t i = 0; i < w->count; i++) {
        const struct record *r = &w->records[i];
        if (r->tenant == c->tenant && r->channel == channel && r->trimmed && r->pos > from &&
            r->pos <= to && r->state == REC_COMMITTED)
            return true;
    }
    return false;
}

static void on_lost_id(struct client *c, const struct frame *f)
{
    struct conn *k = &c->c;
    struct world *w = c->w;
    static const enum coverage kinds[] = {COV_gap_trimmed, COV_gap_unknown, COV_gap_malformed,
                                          COV_gap_reset};
    sim_cover(kinds[k->lost_by]);
    if (f->type != (int)k->lost_by)
        sim_fail(w, "client %d: a gap for the wrong reason", c->number);
    if (!f->has_id != (c->snapshot && keyed_channels(c)) || (f->has_id && f->pos != k->start_at))
        sim_fail(w, "client %d: a gap with a wrong id", c->number);
    if (!f->has_id) {
        k->snap = keyed_channels(c);
        k->snap_end = k->begin_upto;
    }
    memset(c->excused, 0, sizeof c->excused);
    memset(c->got, 0, sizeof c->got);
    begin_owed(c, k->start_at);
    k->all_lost = false;
    k->told_gap = 0;
}

/* The channels of a gap without an id come anew by a snapshot. */
static void on_snapshot_gap(struct client *c, const struct frame_name *names, uint32_t count)
{
    struct conn *k = &c->c;
    if (!c->snapshot || !k->resumed || k->any_id)
        sim_fail(c->w, "client %d: a gap lacks its id", c->number);
    sim_cover(COV_snapshot_again);
    k->snap_end = k->begin_upto;
    for (uint32_t i = 0; i < count; i++) {
        int ch = names[i].channel;
        k->snap |= 1u << ch;
        k->told_gap &= ~(1u << ch);
        c->start[ch] = c->snapped[ch] = k->snap_end;
        c->start_live[ch] = 0;
        clear_rows(c, ch);
        if (!lost_something(c, ch, k->resumed_at, k->begin_upto) && !c->w->forgets)
            sim_fail(c->w, "client %d: a false gap of %s", c->number, sim_channels[ch]);
    }
}

static void on_gap(struct client *c, const struct frame *f, const struct frame_name *names,
                   pos_t before)
{
    struct conn *k = &c->c;
    struct world *w = c->w;
    if (!f->has_id)
        sim_cover(COV_gap_without_id);
    if (!f->count)
        sim_fail(w, "client %d: a gap of nothing", c->number);
    if (f->count > 1)
        sim_cover(COV_gap_of_two);
    if (k->all_lost) {
        on_lost_id(c, f);
        return;
    }
    if (!f->has_id) {
        on_snapshot_gap(c, names, f->count);
        return;
    }
    sim_cover(f->type == GAP_TRIMMED ? COV_gap_trimmed : COV_gap_overflow);
    if (f->type != GAP_TRIMMED && f->type != GAP_OVERFLOW)
        sim_fail(w, "client %d: a gap for the wrong reason", c->number);
    if (!k->snap && (f->from < before || f->from >= f->pos))
        sim_fail(w, "client %d: a gap that begins elsewhere", c->number);
    for (uint32_t i = 0; i < f->count; i++) {
        int ch = names[i].channel;
        if (!in(c->channels, ch))
            sim_fail(w, "client %d: a gap of a foreign channel", c->number);
        k->told_gap &= ~(1u << ch);
        if (c->excused[ch] < f->pos)
            c->excused[ch] = f->pos;
        if (w->confs[ch].keyed)
            fetch_rows(c, ch);
        if (!lost_something(c, ch, before > f->known ? before : f->known, f->pos)) {
            if (w->forgets)
                continue; /* the base floor stands for all forgotten channels */
            if (c->types || c->keys)
                sim_cover(COV_needless_gap); /* it may have missed something */
            else
                sim_fail(w, "client %d: a false gap of %s, at %llx, then seen caught up at %llx",
                         c->number, sim_channels[ch], (unsigned long long)before,
                         (unsigned long long)f->known);
        }
    }
}

static void apply_row(struct client *c, const struct frame *f)
{
    struct row *row = &c->rows[f->channel][f->key];
    if (f->deleted) {
        *row = (struct row){.there = false};
        sim_cover(COV_tombstone);
        return;
    }
    sim_cover(f->whole ? COV_whole : COV_change);
    for EACH_OF (i, FIELDS)
        if (f->payload.mask >> i & 1)
            row->f[i] = f->payload.f[i];
    row->there = true;
}

static bool same_event(const struct frame *f, const struct record *r)
{
    uint8_t mask = f->whole ? 7 : r->mask;
    bool same = f->channel == r->channel && f->type == r->type && f->key == r->key &&
                f->deleted == r->deleted && f->pos == r->pos && f->epoch == r->epoch &&
                f->payload.mask == mask && (!f->whole || r->has_state);
    for EACH_OF (i, FIELDS)
        same = same && f->payload.f[i] == (mask >> i & 1 ? r->row.f[i] : 0);
    return same;
}

static void on_event(struct client *c, const struct frame *f)
{
    struct world *w = c->w;
    struct conn *k = &c->c;
    uint32_t serial = f->payload.serial;
    const struct record *r = &w->records[serial];
    const char *wrong = NULL;
    sim_trace(w, "  client %d got %u %s/%d%s%s at %llx", c->number, serial,
              sim_channels[r->channel], r->key, f->whole ? " whole" : "", f->has_id ? "" : " early",
              (unsigned long long)f->pos);
    bool snapped = in(k->snap, r->channel) && r->pos <= k->snap_end;
    if (serial >= w->count || !same_event(f, r))
        wrong = "an event that was never published";
    else if (r->state != REC_COMMITTED)
        wrong = "an event that was not committed";
    else if (!client_wants(c, r))
        wrong = "an event that was not asked for";
    else if (k->seen[serial])
        wrong = "an event twice";
    else if (!f->has_id && !r->high)
        wrong = "an event without its id";
    else if (snapped && (r->deleted || r->key < 0))
        wrong = "in a snapshot what is not a live key";
    else if (!snapped && r->pos <= (in(k->snap, r->channel) ? k->snap_end : k->start_at))
        wrong = "an event from before the start";
    else if (k->all_lost)
        wrong = "an event before the gap";
    if (wrong) {
        sim_fail(w, "client %d: %s (%u)", c->number, wrong, serial);
        return;
    }
    if (!f->has_id)
        sim_cover(COV_overtaken);
    k->seen[serial] = c->got[serial] = 1;
    if (r->keyed && r->key >= 0)
        apply_row(c, f);
}

/* The head of a channel is its last event, as far as the stream was read. */
static void check_heads(struct client *c, const struct frame *f, const struct frame_name *names)
{
    const struct world *w = c->w;
    for (uint32_t i = 0; i < f->count; i++) {
        pos_t head = 0;
        for (uint32_t n = 0; n < w->count; n++) {
            const struct record *r = &w->records[n];
            if (r->tenant == c->tenant && r->channel == names[i].channel && r->pos <= f->pos &&
                r->state == REC_COMMITTED)
                head = r->pos;
        }
        /* after a restart, or when the channel was forgotten, it may not be known any more */
        if (names[i].head != head && (!w->restarts || names[i].head > head) && !w->forgets)
            sim_fail(c->w, "client %d: a wrong head of %s", c->number,
                     sim_channels[names[i].channel]);
    }
}

static void on_frame(struct client *c, const struct frame *f, const struct frame_name *names)
{
    struct conn *k = &c->c;
    pos_t before = k->any_id ? k->last_id : k->start_at;
    if (f->kind == 'c')
        return;
    if (!k->opened) {
        open_conn(c, f, names);
        sim_trace(c->w, "  client %d opens at %llx, id %d, gaps %x", c->number,
                  (unsigned long long)f->pos, f->has_id, k->told_gap);
        take_id(c, f);
        return;
    }
    take_id(c, f);
    sim_trace(c->w, "  client %d frame %c id %d %llx, %u names, first %s reason %d", c->number, f->kind,
              f->has_id, (unsigned long long)f->pos, f->count,
              f->count ? sim_channels[names[0].channel] : "", f->type);
    switch (f->kind) {
    case 'e':
        on_event(c, f);
        break;
    case 'g':
        on_gap(c, f, names, before);
        break;
    case 'b':
        sim_cover(COV_beat);
        c->beats++;
        if (k->told_gap)
            sim_fail(c->w, "client %d: caught up without the gap it was promised", c->number);
        check_heads(c, f, names);
        client_check(c, f->pos, true, "at a beat");
        break;
    default:
        sim_fail(c->w, "client %d: a frame that nobody sends now", c->number);
    }
}

static void read_frames(struct client *c, bool all)
{
    struct world *w = c->w;
    struct conn *k = &c->c;
    struct frame f;
    struct frame_name names[CHANNELS];
    size_t at = 0;
    if (c->poll && !k->opened)
        open_conn(c, NULL, NULL);
    while (at < k->in_len && !w->failed && (all || chance(w, 85))) {
        size_t n = wire_next(k->in + at, k->in_len - at, k->raw, &f, names);
        if (n == WIRE_BROKEN)
            sim_fail(w, "client %d: broken bytes", c->number);
        if (n == 0 || n == WIRE_BROKEN)
            break;
        on_frame(c, &f, names);
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
    client_check(c, cursor, edge_is_caught_up(&k->reader) && !k->reader.parked, "at the end of a poll");
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

/* ---- what a client is owed ---- */

/* told: of what was lost, everything must have been told. */
void client_check(struct client *c, pos_t upto, bool told, const char *when)
{
    struct world *w = c->w;
    if (!c->started)
        return;
    for (uint32_t i = 0; i < w->count && !w->failed; i++) {
        const struct record *r = &w->records[i];
        if (r->pos > upto || r->state != REC_COMMITTED || !client_wants(c, r) || c->got[i] ||
            r->superseded)
            continue;
        bool live = r->keyed && r->key >= 0 && !r->deleted && r->kept;
        if (r->pos <= (live ? c->start_live[r->channel] : c->start[r->channel]))
            continue;
        if (r->kept)
            sim_fail(w, "client %d, %s: kept event %u was skipped", c->number, when, i);
        else if (told && r->pos > c->excused[r->channel])
            sim_fail(w, "client %d, %s: event %u of %s/%d at %llx (trimmed %d) was lost without a gap",
                     c->number, when, i, sim_channels[r->channel], r->key,
                     (unsigned long long)r->pos, r->trimmed);
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
