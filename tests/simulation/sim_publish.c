/* Publishers, and the truth about what they published. */
#include "sim.h"

#include <stdlib.h>

static bool alive(const struct record *r)
{
    return r->state != REC_DEAD;
}

static uint32_t last_of_key(const struct world *w, int t, int c, int key)
{
    for (uint32_t i = w->count; i-- > 0;) {
        const struct record *r = &w->records[i];
        if (r->tenant == t && r->channel == c && r->key == key && alive(r))
            return i;
    }
    return NOBODY;
}

struct row publish_row(const struct world *w, int tenant, int channel, int key)
{
    uint32_t serial = w->latest[tenant][channel][key];
    return serial == NOBODY ? (struct row){.there = false} : w->records[serial].row;
}

/* Decides what happens to a row. What the store may still refuse is never built upon, but by the
 * same publish. */
static void change_row(struct world *w, struct record *r, uint32_t serial, uint32_t pub)
{
    uint32_t last = last_of_key(w, r->tenant, r->channel, r->key);
    const struct record *before = last == NOBODY ? NULL : &w->records[last];
    bool there = before && before->row.there;
    bool sure = !before || before->state == REC_COMMITTED || before->pub == pub || !w->crashes;
    r->mask = 7;
    if (there && chance(w, 20)) {
        r->deleted = true;
        r->mask = 0;
        return;
    }
    r->has_state = chance(w, 80);
    if (there && sure && r->has_state && chance(w, 85))
        r->mask = (uint8_t)(1 + roll(w, 7));
    for
        EACH_OF(i, FIELDS)
    r->row.f[i] = r->mask >> i & 1 ? serial + 1 : before->row.f[i];
    r->row.there = true;
}

static struct slice payload_of(const struct record *r, uint32_t serial, uint8_t mask,
                               struct payload *out, char *text, uint32_t pad)
{
    *out = (struct payload){serial, mask, r->row.there, {0}};
    for
        EACH_OF(i, FIELDS)
    out->f[i] = mask >> i & 1 ? r->row.f[i] : 0;
    memcpy(text, out, sizeof *out);
    memset(text + sizeof *out, '.', pad);
    return slice_of(text, sizeof *out + pad);
}

static struct event *make_event(struct world *w, const struct record *r, uint32_t serial)
{
    char data[128], state[128];
    struct payload p;
    struct event_parts parts = {.channel = slice_str(sim_channels[r->channel]),
                                .type = slice_str(sim_types[r->type]),
                                .data = payload_of(r, serial, r->mask, &p, data, roll(w, 40)),
                                .deleted = r->deleted,
                                .high = r->high};
    if (r->key >= 0)
        parts.key = slice_str(sim_keys[r->key]);
    if (r->has_state)
        parts.state = payload_of(r, serial, 7, &p, state, 0);
    return event_new(&parts);
}

static uint32_t new_record(struct world *w, int t, int c, uint32_t pub)
{
    uint32_t serial = w->count;
    struct record *r = &w->records[serial];
    *r = (struct record){.tenant = t,
                         .channel = c,
                         .key = -1,
                         .pub = pub,
                         .mask = 7,
                         .type = chance(w, 30),
                         .high = chance(w, 12),
                         .state = REC_DEAD};
    r->row.there = true;
    for
        EACH_OF(i, FIELDS)
    r->row.f[i] = serial + 1;
    r->keyed = w->confs[c].keyed;
    if (chance(w, r->keyed ? 93 : 40))
        r->key = (int)roll(w, KEYS);
    if (r->keyed && r->key >= 0) {
        memset(&r->row, 0, sizeof r->row);
        change_row(w, r, serial, pub);
    } else {
        r->has_state = chance(w, 20);
    }
    r->state = REC_PENDING;
    w->count++;
    return serial;
}

/* What the hub will have to do with a use of an idempotency key. */
static void use_once(struct world *w, struct pub *pub, uint32_t i, int t, int c)
{
    struct once_use *use = &w->once[t][c][i];
    bool there = use->used && alive(&w->records[use->serial]);
    uint32_t digest = there && chance(w, 70) ? use->digest : roll(w, 1000);
    static const char names[] = "0123456789";
    pub->once[i].key = slice_of(names + i, 1);
    pub->once[i].digest[0] = digest;
    if (there && digest == use->digest) {
        pub->repeat[i] = w->records[use->serial].pos;
        sim_cover(COV_repeat);
    } else if (there) {
        pub->conflict = 1;
        sim_cover(COV_conflict);
    } else {
        *use = (struct once_use){true, w->count, digest};
    }
}

static struct pub *new_pub(struct world *w, int t)
{
    struct pub *pub = calloc(1, sizeof *pub);
    pub->number = ++w->pubs;
    pub->p.tenant = slice_str(sim_tenants[t]);
    pub->p.events = pub->events;
    pub->p.ids = pub->ids;
    pub->p.durable = chance(w, 50);
    pub->p.token = w;
    pub->p.at_us = w->mono_us;
    pub->p.count = chance(w, 70) ? 1 : 1 + roll(w, BATCH);
    return pub;
}

/* Ids were given: they go up, and repeats get what they had. */
static void take_ids(struct world *w, struct pub *pub, int t)
{
    w->epoch[t] = pub->p.epoch;
    for (uint32_t i = 0; i < pub->p.count; i++) {
        if (pub->repeat[i]) {
            if (pub->ids[i] != pub->repeat[i])
                sim_fail(w, "a repeat got another id");
            continue;
        }
        if (pub->ids[i] <= w->last_id[t])
            sim_fail(w, "an id went back");
        w->last_id[t] = pub->ids[i];
        w->records[pub->serial[i]].pos = pub->ids[i];
        w->records[pub->serial[i]].epoch = pub->p.epoch;
    }
}

static void drop_records(struct world *w, const struct pub *pub)
{
    for (uint32_t i = 0; i < pub->p.count; i++)
        if (pub->serial[i] != NOBODY && w->records[pub->serial[i]].state == REC_PENDING)
            w->records[pub->serial[i]].state = REC_DEAD;
}

void publish_some(struct world *w)
{
    int t = (int)roll(w, TENANTS);
    if (w->count + BATCH > RECORDS)
        return;
    struct pub *pub = new_pub(w, t);
    bool once = chance(w, 15);
    if (once)
        pub->p.once = pub->once;
    if (pub->p.count > 1)
        sim_cover(COV_batch);
    for (uint32_t i = 0; i < pub->p.count; i++) {
        int c = (int)roll(w, CHANNELS - 1);
        if (once && chance(w, 60))
            use_once(w, pub, i, t, c);
        pub->serial[i] = NOBODY;
        if (!pub->repeat[i])
            pub->serial[i] = new_record(w, t, c, pub->number);
        if (pub->repeat[i]) {
            struct event_parts parts = {.channel = slice_str(sim_channels[c]),
                                        .type = SLICE_LIT("x"),
                                        .data = SLICE_LIT("repeat")};
            pub->events[i] = event_new(&parts);
        } else {
            pub->events[i] = make_event(w, &w->records[pub->serial[i]], pub->serial[i]);
        }
    }
    w->pubs_out++;
    w->publishing = pub;
    hub_publish(w->hub, &pub->p, w->wall_ms);
    w->publishing = NULL;
    bool refused = pub->released;
    if (refused && !(pub->conflict && pub->p.err.code == ERR_CONFLICT))
        sim_fail(w, "a publish was refused: %s", pub->p.err.detail);
    if (!refused && pub->conflict)
        sim_fail(w, "a conflict was not seen");
    if (refused) {
        drop_records(w, pub);
        free(pub);
        return;
    }
    take_ids(w, pub, t);
    sim_trace(w, "publish %u events from serial %u, id %llx", pub->p.count, pub->serial[0],
              (unsigned long long)pub->ids[0]);
}

void publish_published(void *ctx, struct publish *p)
{
    (void)ctx, (void)p;
}

static void commit_record(struct world *w, struct record *r, uint32_t serial)
{
    r->state = REC_COMMITTED;
    if (r->pos > w->committed[r->tenant])
        w->committed[r->tenant] = r->pos;
    if (!r->stored) { /* it came and went in one commit */
        r->trimmed = r->pos <= w->store.channels[r->tenant][r->channel].floor;
        if (!r->trimmed && !r->keyed)
            sim_fail(w, "not stored, and the floor not raised");
    }
    if (!r->keyed || r->key < 0)
        return;
    uint32_t *latest = &w->latest[r->tenant][r->channel][r->key];
    if (*latest != NOBODY)
        w->records[*latest].superseded = true;
    *latest = serial;
}

void publish_released(void *ctx, struct publish *p)
{
    struct world *w = ctx;
    struct pub *pub = (struct pub *)p;
    pub->released = true;
    w->pubs_out--;
    if (pub == w->publishing)
        return; /* refused */
    if (w->crashing) {
        free(pub); /* what became of it is known when the hub is back */
        return;
    }
    if (p->err.code && !w->crashes)
        sim_fail(w, "a publish failed: %s", p->err.detail);
    if (p->err.code) {
        drop_records(w, pub);
    } else {
        for (uint32_t i = 0; i < p->count; i++)
            if (pub->serial[i] != NOBODY)
                commit_record(w, &w->records[pub->serial[i]], pub->serial[i]);
    }
    free(pub);
}

/* The hub is back: what was stored is committed, the rest was never there. */
void publish_after_crash(struct world *w)
{
    if (!w->crashes) {
        memset(w->latest, 0xff, sizeof w->latest);
        memset(w->last_id, 0, sizeof w->last_id);
        memset(w->committed, 0, sizeof w->committed);
        memset(w->once, 0, sizeof w->once);
    }
    for (uint32_t i = 0; i < w->count; i++) {
        struct record *r = &w->records[i];
        if (!w->crashes)
            r->state = REC_DEAD;
        else if (r->state == REC_PENDING && r->pos && r->pos <= w->store.tenants[r->tenant].pos)
            commit_record(w, r, i);
        else if (r->state == REC_PENDING)
            r->state = REC_DEAD;
    }
    for
        EACH_OF(t, TENANTS)
    w->last_id[t] = w->committed[t];
}
