/* What a client does with each frame it gets, and what it checks of it; what it is owed. */
#include "sim_wire.h"

static void fetch_rows(struct client *c, int channel)
{
    for
        EACH_OF(key, KEYS)
    c->rows[channel][key] = publish_row(c->w, c->tenant, channel, key);
}

static void clear_rows(struct client *c, int channel)
{
    memset(c->rows[channel], 0, sizeof c->rows[channel]);
}

static unsigned keyed_channels(const struct client *c)
{
    unsigned mask = 0;
    for
        EACH_OF(i, CHANNELS)
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
    for
        EACH_OF(i, CHANNELS)
        {
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
void frames_open(struct client *c, const struct frame *f, const struct frame_name *names)
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
    k->lost_by = c->malformed                   ? GAP_MALFORMED_ID
                 : epoch != w->epoch[c->tenant] ? GAP_UNKNOWN_ID
                                                : GAP_RESET;
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
    if (k->any_id &&
        (f->kind == 'b' || f->kind == 'o' ? f->pos < k->last_id : f->pos <= k->last_id))
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
    for
        EACH_OF(i, FIELDS)
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
    for
        EACH_OF(i, FIELDS)
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

/* From here on it follows what it was moved to. */
static void on_moved(struct client *c, const struct frame *f, const struct frame_name *names)
{
    struct conn *k = &c->c;
    unsigned told = 0, added = k->move_channels & ~c->channels;
    if (!k->moving || f->has_id || f->channel != c->tenant)
        sim_fail(c->w, "client %d: an opening event that nobody asked for", c->number);
    for (uint32_t i = 0; i < f->count; i++) {
        int ch = names[i].channel;
        told |= 1u << ch;
        if (in(added, ch) != (names[i].resume == RESUME_NEW))
            sim_fail(c->w, "client %d: a wrong verdict after a move", c->number);
        if (names[i].resume == RESUME_GAP)
            k->told_gap |= 1u << ch;
    }
    if (told != k->move_channels)
        sim_fail(c->w, "client %d: moved to other channels", c->number);
    k->moving = false;
    c->channels = k->move_channels;
    k->told_gap &= c->channels;
    k->snap &= c->channels & ~added;
    for
        EACH_OF(i, CHANNELS)
        {
            if (!in(added, i))
                continue;
            c->start[i] = c->start_live[i] = c->excused[i] = k->move_at;
            c->snapped[i] = 0;
            fetch_rows(c, i);
            for (uint32_t n = 0; n < c->w->count; n++)
                if (c->w->records[n].channel == i)
                    c->got[n] = 0;
        }
    sim_cover(COV_moved);
}

void frames_take(struct client *c, const struct frame *f, const struct frame_name *names)
{
    struct conn *k = &c->c;
    pos_t before = k->any_id ? k->last_id : k->start_at;
    if (f->kind == 'c')
        return;
    if (!k->opened) {
        frames_open(c, f, names);
        sim_trace(c->w, "  client %d opens at %llx, id %d, gaps %x", c->number,
                  (unsigned long long)f->pos, f->has_id, k->told_gap);
        take_id(c, f);
        return;
    }
    take_id(c, f);
    sim_trace(c->w, "  client %d frame %c id %d %llx, %u names, first %s reason %d", c->number,
              f->kind, f->has_id, (unsigned long long)f->pos, f->count,
              f->count ? sim_channels[names[0].channel] : "", f->type);
    switch (f->kind) {
    case 'e':
        on_event(c, f);
        break;
    case 'o':
        on_moved(c, f, names);
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

bool client_wants(const struct client *c, const struct record *r)
{
    return r->tenant == c->tenant && in(c->channels, r->channel) &&
           (!c->types || in(c->types, r->type)) && (!c->keys || in(c->keys, r->key));
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
            sim_fail(w,
                     "client %d, %s: event %u of %s/%d at %llx (trimmed %d) was lost without a gap",
                     c->number, when, i, sim_channels[r->channel], r->key,
                     (unsigned long long)r->pos, r->trimmed);
    }
}
