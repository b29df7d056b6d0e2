/* The store: a ledger of what it was told, which alone is the crashable store, and before the
 * memory store only watches. */
#include "sim.h"

#include "store/store_memory.h"

#include <assert.h>
#include <stdlib.h>

static struct record *record_at(struct world *w, int tenant, pos_t pos)
{
    uint32_t low = 0, high = w->count;
    for (uint32_t i = high; i-- > low;) {
        struct record *r = &w->records[i];
        if (r->tenant == tenant && r->pos == pos && r->event)
            return r;
    }
    return NULL;
}

static uint32_t serial_of(const struct event *e)
{
    struct payload p;
    memcpy(&p, event_data(e).p, sizeof p);
    return p.serial;
}

static void leave(struct record *r, bool superseded)
{
    r->kept = false;
    r->trimmed = !superseded;
    event_unref(r->event);
    r->event = NULL;
}

static void ledger_event(struct world *w, const struct store_row *row)
{
    struct record *r = &w->records[serial_of(row->event)];
    if (r->event || row->event->pos != row->pos) {
        sim_fail(w, "event %u stored twice or at another place", serial_of(row->event));
        return;
    }
    r->stored = r->kept = true;
    r->event = event_ref(row->event);
    struct ledger_tenant *t = &w->store.tenants[r->tenant];
    if (row->event->pos > t->pos)
        sim_fail(w, "an event beyond the tenant's position");
}

/* A removal, of a key's event because a later one of the batch supersedes it, or by a limit. */
static void ledger_remove(struct world *w, const struct store_batch *batch,
                          const struct store_row *row)
{
    struct record *r = record_at(w, SIM_TENANT(row->tenant), row->pos);
    if (!r)
        return;
    bool trimmed = r->pos <= w->store.channels[r->tenant][r->channel].floor, superseded = false;
    for (size_t i = 0; i < batch->count; i++) {
        const struct event *e = batch->rows[i].kind == STORE_EVENT ? batch->rows[i].event : NULL;
        const struct record *later = e ? &w->records[serial_of(e)] : NULL;
        if (e && e->pos > r->pos && later->tenant == r->tenant && later->channel == r->channel &&
            later->keyed && later->key >= 0 && later->key == r->key)
            superseded = true;
    }
    leave(r, !trimmed);
    if (trimmed)
        sim_cover(COV_trimmed);
    else if (!superseded)
        sim_fail(w, "trimmed without raising the floor");
}

static void ledger_channel(struct world *w, const struct store_row *row)
{
    int t = SIM_TENANT(row->tenant), c = SIM_CHANNEL(row->name);
    struct ledger_channel *lc = &w->store.channels[t][c];
    if (row->kind == STORE_CHANNEL_GONE) {
        sim_cover(COV_channel_forgotten);
        if (lc->floor > w->store.tenants[t].floor)
            sim_fail(w, "a forgotten channel's floor is not in the base floor");
        lc->known = false;
        return;
    }
    if (lc->known && row->floor < lc->floor)
        sim_fail(w, "a floor went down");
    *lc = (struct ledger_channel){true, row->floor};
}

static void ledger_once(struct world *w, const struct store_row *row)
{
    int t = SIM_TENANT(row->tenant), c = SIM_CHANNEL(row->name);
    struct ledger_once *o = &w->store.onces[t][c][row->key.p[0] - '0'];
    *o = (struct ledger_once){
        .known = row->kind == STORE_ONCE, .pos = row->pos, .time_ms = row->time_ms};
    o->key[0] = row->key.p[0];
    if (o->known)
        memcpy(o->digest, row->value.p, sizeof o->digest);
}

static void ledger_apply(struct world *w, const struct store_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct store_row *row = &batch->rows[i];
        int t = SIM_TENANT(row->tenant);
        switch (row->kind) {
        case STORE_TENANT:
            w->store.tenants[t] = (struct ledger_tenant){true, row->epoch, row->pos, row->floor};
            break;
        case STORE_CHANNEL:
        case STORE_CHANNEL_GONE:
            ledger_channel(w, row);
            break;
        case STORE_EVENT:
            ledger_event(w, row);
            break;
        case STORE_REMOVE:
            ledger_remove(w, batch, row);
            break;
        case STORE_ONCE:
        case STORE_ONCE_GONE:
            ledger_once(w, row);
            break;
        default:
            sim_fail(w, "a row nobody asked for");
        }
    }
}

/* ---- the port ---- */

static pos_t floor_of(const struct sim_store *s, int t, int c)
{
    return s->channels[t][c].known ? s->channels[t][c].floor : s->tenants[t].floor;
}

static int load(struct store *store, int (*row)(void *ctx, const struct store_row *row), void *ctx,
                struct err *e)
{
    struct sim_store *s = (struct sim_store *)store;
    struct world *w = s->w;
    int rc = 0;
    if (s->inner)
        return 0;
    for
        EACH_OF(t, TENANTS)
        {
            struct store_row r = {.kind = STORE_TENANT,
                                  .tenant = slice_str(sim_tenants[t]),
                                  .epoch = s->tenants[t].epoch,
                                  .pos = s->tenants[t].pos,
                                  .floor = s->tenants[t].floor};
            if (s->tenants[t].known && (rc = row(ctx, &r)))
                return rc;
        }
    for
        EACH_OF(i, TENANTS * CHANNELS)
        {
            int t = i / CHANNELS, c = i % CHANNELS;
            struct store_row r = {.kind = STORE_CHANNEL,
                                  .tenant = slice_str(sim_tenants[t]),
                                  .name = slice_str(sim_channels[c]),
                                  .floor = s->channels[t][c].floor};
            if (s->channels[t][c].known && (rc = row(ctx, &r)))
                return rc;
        }
    for (uint32_t i = 0; i < w->count; i++) {
        const struct record *rec = &w->records[i];
        struct store_row r = {.kind = STORE_EVENT,
                              .tenant = slice_str(sim_tenants[rec->tenant]),
                              .pos = rec->pos,
                              .event = rec->event};
        if (rec->kept && (rc = row(ctx, &r)))
            return rc;
    }
    for
        EACH_OF(i, TENANTS * CHANNELS * BATCH)
        {
            int t = i / (CHANNELS * BATCH), c = i / BATCH % CHANNELS;
            const struct ledger_once *o = &s->onces[t][c][i % BATCH];
            struct store_row r = {.kind = STORE_ONCE,
                                  .tenant = slice_str(sim_tenants[t]),
                                  .name = slice_str(sim_channels[c]),
                                  .key = slice_str(o->key),
                                  .value = slice_of((const char *)o->digest, sizeof o->digest),
                                  .pos = o->pos,
                                  .time_ms = o->time_ms};
            if (o->known && (rc = row(ctx, &r)))
                return rc;
        }
    return 0;
}

static void append(struct store *store, const struct store_batch *batch)
{
    struct sim_store *s = (struct sim_store *)store;
    assert(s->stage == BATCH_NONE);
    s->batch = batch;
    s->stage = BATCH_QUEUED;
    if (s->inner)
        s->inner->ops->append(s->inner, batch);
}

static void store_read(struct store *store, struct page_spec *spec, void *token)
{
    struct sim_store *s = (struct sim_store *)store;
    if (s->inner) {
        s->inner->ops->read(s->inner, spec, token);
        return;
    }
    struct sim_read *r = calloc(1, sizeof *r), **end = &s->reads;
    r->spec = spec;
    r->token = token;
    while (*end)
        end = &(*end)->next;
    *end = r;
}

static void cancel(struct store *store, void *token)
{
    (void)store, (void)token;
    abort(); /* nobody does */
}

static void report(struct sim_store *s, int error, const char *detail)
{
    s->stage = BATCH_NONE;
    s->base.done.stored(s->base.done.ctx, error, detail);
}

static void free_read(struct sim_read *r)
{
    free(r->spec);
    page_free(r->page);
    free(r);
}

static bool drain(struct store *store)
{
    struct sim_store *s = (struct sim_store *)store;
    if (s->inner)
        return s->inner->ops->drain(s->inner);
    for (struct sim_read **at = &s->reads; *at;) {
        struct sim_read *r = *at;
        if (!r->page) {
            at = &r->next;
            continue;
        }
        *at = r->next;
        if (r->page->seen > s->w->committed[SIM_TENANT(r->spec->tenant)])
            sim_cover(COV_held_page);
        s->base.done.page(s->base.done.ctx, r->token, r->page);
        r->page = NULL;
        free_read(r);
    }
    if (s->stage == BATCH_FAILED)
        report(s, ERR_STORE_FULL, "made up");
    else if (s->stage == BATCH_APPLIED)
        report(s, 0, NULL);
    return false;
}

static void stats(struct store *store, struct store_stats *out)
{
    (void)store;
    *out = (struct store_stats){.writable = true};
}

static void close_store(struct store *store)
{
    (void)store;
}

static void inner_stored(void *ctx, int error, const char *detail)
{
    struct sim_store *s = ctx;
    if (error)
        sim_fail(s->w, "the memory store failed: %s", detail);
    else
        ledger_apply(s->w, s->batch);
    report(s, error, detail);
}

static void inner_page(void *ctx, void *token, struct page *page)
{
    struct sim_store *s = ctx;
    s->base.done.page(s->base.done.ctx, token, page);
}

int store_start(struct world *w)
{
    static const struct store_ops ops = {"sim",  true,  load,  append,     store_read,
                                         cancel, drain, stats, close_store};
    struct sim_store *s = &w->store;
    s->base.ops = &ops;
    s->w = w;
    if (w->crashes)
        return 0;
    struct err e = {0};
    int rc = store_memory_new(&s->inner, &e);
    if (!rc)
        s->inner->done = (struct store_done){inner_stored, inner_page, s};
    return rc;
}

/* ---- the crashable store's own time ---- */

static struct page *make_page(struct world *w, const struct page_spec *spec)
{
    struct sim_store *s = &w->store;
    int t = SIM_TENANT(spec->tenant);
    struct page *p = page_new();
    if (!w->ending && chance(w, 1)) {
        p->error = ERR_OVERLOADED;
        return p;
    }
    p->upto = p->seen = s->tenants[t].pos;
    p->epoch = s->tenants[t].epoch;
    uint32_t events = 0, bytes = 0, floors[CHANNELS + 1] = {0};
    for (uint32_t i = 0;; i++) {
        const struct record *r = i < w->count ? &w->records[i] : NULL;
        if (r && (!r->kept || r->tenant != t))
            continue;
        /* floors below the next event, in order */
        for (;;) {
            uint32_t best = spec->channel_count;
            for (uint32_t c = 0; c < spec->channel_count; c++) {
                pos_t floor = floor_of(s, t, SIM_CHANNEL(spec->channels[c].name));
                if (floors[c] || floor <= spec->channels[c].after || floor > p->upto ||
                    (r && floor >= r->pos))
                    continue;
                if (best == spec->channel_count ||
                    floor < floor_of(s, t, SIM_CHANNEL(spec->channels[best].name)))
                    best = c;
            }
            if (best == spec->channel_count)
                break;
            floors[best] = 1;
            page_add(p, floor_of(s, t, SIM_CHANNEL(spec->channels[best].name)), NULL, best);
        }
        if (!r)
            return p;
        for (uint32_t c = 0; c < spec->channel_count; c++) {
            if (SIM_CHANNEL(spec->channels[c].name) != r->channel ||
                r->pos <= spec->channels[c].after)
                continue;
            if (events &&
                (events == spec->max_events || bytes + r->event->bytes > spec->max_bytes)) {
                p->more = true;
                p->upto = p->entries[p->count - 1].pos;
                for (c = 0; c < spec->channel_count; c++)
                    p->owes_floor |= floor_of(s, t, SIM_CHANNEL(spec->channels[c].name)) > p->upto;
                return p;
            }
            events++;
            bytes += r->event->bytes;
            page_add(p, r->pos, event_ref(r->event), c);
        }
    }
}

void store_work(struct world *w)
{
    struct sim_store *s = &w->store;
    if (s->inner)
        return;
    if (s->stage == BATCH_QUEUED && chance(w, 60)) {
        if (!w->ending && chance(w, 15)) {
            s->stage = BATCH_FAILED;
            sim_cover(COV_append_failed);
        } else {
            ledger_apply(w, s->batch);
            s->stage = BATCH_APPLIED;
        }
    }
    for (struct sim_read *r = s->reads; r; r = r->next)
        if (!r->page && chance(w, 60))
            r->page = make_page(w, r->spec);
}

void store_crash(struct world *w)
{
    struct sim_store *s = &w->store;
    if (s->inner) {
        s->inner->ops->close(s->inner);
        s->inner = NULL;
        for (uint32_t i = 0; i < w->count; i++)
            if (w->records[i].event)
                leave(&w->records[i], true);
        memset(s->tenants, 0, sizeof s->tenants);
        memset(s->channels, 0, sizeof s->channels);
        memset(s->onces, 0, sizeof s->onces);
    }
    if (s->stage == BATCH_QUEUED && !w->crashes)
        s->stage = BATCH_NONE;
    if (s->stage == BATCH_QUEUED && chance(w, 30)) {
        ledger_apply(w, s->batch); /* it was stored, and nobody was told */
        s->stage = BATCH_APPLIED;
    }
    if (s->stage == BATCH_APPLIED)
        sim_cover(COV_crash_stored);
    s->stage = BATCH_NONE;
    s->batch = NULL;
    for (struct sim_read *r = s->reads, *next; r; r = next) {
        next = r->next;
        free_read(r);
    }
    s->reads = NULL;
}

bool store_quiet(const struct world *w)
{
    return w->store.stage == BATCH_NONE && !w->store.reads;
}
