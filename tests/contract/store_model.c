/* A store as a few arrays, and random operations that both must answer alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store_rig.h"

#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>

#define TENANTS 3
#define CHANNELS 5
#define EVENTS 1500
#define NAMED 8

static const char *const tenant_names[TENANTS] = {"a", "A", "a-b"};
static const char *const channel_names[CHANNELS] = {"b", "b:c", "B", "b.c", "a"};
static const char *const key_names[4] = {"k", "K", "\xc3\xa9", "k k"};
static const char *const named[NAMED] = {"s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"};

struct model_event {
    int tenant, channel;
    struct event *event; /* NULL: removed */
};

struct model_once {
    bool there;
    char value[8];
    pos_t pos;
    uint64_t time_ms;
};

/* Copied whole before each batch, to take it back. */
struct model {
    bool known[TENANTS];
    uint32_t epoch[TENANTS];
    pos_t pos[TENANTS], base[TENANTS];
    bool channel_known[TENANTS][CHANNELS];
    pos_t floor[TENANTS][CHANNELS];
    size_t event_count;
    struct model_event events[EVENTS]; /* in the order of their insertion */
    struct model_once onces[TENANTS][CHANNELS][4];
    bool source[NAMED], revoked[NAMED][TENANTS];
    char source_value[NAMED][8];
    uint64_t revoke_ms[NAMED][TENANTS];
};

struct run {
    struct rig *rig;
    struct rng rng;
    struct model *now, *before;
    struct event **pool; /* all there ever were, a reference each */
    size_t pool_count;
    struct rig_batch batch;
    pos_t last[TENANTS]; /* given, also by failed batches */
    char values[64][8];  /* texts of the batch's rows */
    unsigned value_count;
};

static unsigned dice(struct run *run, unsigned sides)
{
    return (unsigned)rng_below(&run->rng, sides);
}

static void know_tenant(struct model *m, int t, uint32_t epoch)
{
    if (m->known[t])
        return;
    m->known[t] = true;
    m->epoch[t] = epoch;
}

static void know_channel(struct model *m, int t, int c)
{
    if (m->channel_known[t][c])
        return;
    m->channel_known[t][c] = true;
    m->floor[t][c] = m->base[t];
}

static const char *new_value(struct run *run)
{
    char *value = run->values[run->value_count++ % 64];
    snprintf(value, sizeof run->values[0], "%u", dice(run, 1000000));
    return value;
}

static struct event *random_event(struct run *run, int channel)
{
    char data[40];
    snprintf(data, sizeof data, "%.*s", (int)dice(run, 30) + 1, "123456789012345678901234567890");
    struct event_parts parts = {.channel = slice_str(channel_names[channel]),
                                .type = dice(run, 2) ? SLICE_LIT("x") : SLICE_LIT("message"),
                                .data = slice_str(data),
                                .deleted = dice(run, 9) == 0,
                                .high = dice(run, 9) == 0};
    if (dice(run, 2))
        parts.key = slice_str(key_names[dice(run, 4)]);
    if (dice(run, 2))
        parts.state = slice_str(data);
    struct event *e = event_new(&parts);
    assert_non_null(e);
    e->keyed = dice(run, 2);
    e->prev = dice(run, 2) ? rng_next(&run->rng) : 0;
    return e;
}

static void add_event(struct run *run, int t, int c)
{
    struct model *m = run->now;
    struct event *e = random_event(run, c);
    know_tenant(m, t, 77);
    know_channel(m, t, c);
    e->pos = run->last[t] += 1 + dice(run, 5);
    e->epoch = m->epoch[t];
    if (e->pos > m->pos[t])
        m->pos[t] = e->pos;
    assert_true(m->event_count < EVENTS);
    m->events[m->event_count++] = (struct model_event){t, c, e};
    run->pool[run->pool_count++] = event_ref(e);
    rig_event_take(&run->batch, tenant_names[t], e);
}

/* Removes one of the kept events, or one that isn't there. */
static void add_remove(struct run *run, int t, int c)
{
    struct model *m = run->now;
    if (dice(run, 8) == 0 || m->event_count == 0) {
        rig_remove(&run->batch, tenant_names[t], channel_names[c], 0);
        return;
    }
    struct model_event *e = &m->events[dice(run, (unsigned)m->event_count)];
    if (!e->event)
        return;
    rig_remove(&run->batch, tenant_names[e->tenant], channel_names[e->channel], e->event->pos);
    e->event = NULL;
}

static void add_gone(struct run *run, int t, int c)
{
    struct model *m = run->now;
    for (size_t i = 0; i < m->event_count; i++) {
        struct model_event *e = &m->events[i];
        if (!e->event || e->tenant != t || e->channel != c)
            continue;
        rig_remove(&run->batch, tenant_names[t], channel_names[c], e->event->pos);
        e->event = NULL;
    }
    m->channel_known[t][c] = false;
    rig_add(&run->batch, STORE_CHANNEL_GONE, tenant_names[t], channel_names[c]);
}

static void add_tenant(struct run *run, int t)
{
    struct model *m = run->now;
    know_tenant(m, t, 0);
    m->epoch[t] = 70 + dice(run, 2);
    m->base[t] = run->last[t] ? dice(run, (unsigned)run->last[t]) : 0;
    m->pos[t] = run->last[t];
    rig_tenant(&run->batch, tenant_names[t], m->epoch[t], m->pos[t], m->base[t]);
}

static void add_channel(struct run *run, int t, int c)
{
    struct model *m = run->now;
    know_tenant(m, t, 0);
    m->channel_known[t][c] = true;
    m->floor[t][c] = dice(run, (unsigned)run->last[t] + 3);
    rig_channel(&run->batch, tenant_names[t], channel_names[c], m->floor[t][c]);
}

static void add_once(struct run *run, int t, int c)
{
    unsigned k = dice(run, 4);
    struct model_once *o = &run->now->onces[t][c][k];
    if (dice(run, 3) == 0) {
        o->there = false;
        rig_add(&run->batch, STORE_ONCE_GONE, tenant_names[t], channel_names[c])->key =
            slice_str(key_names[k]);
        return;
    }
    know_tenant(run->now, t, 0);
    const char *value = new_value(run);
    *o = (struct model_once){.there = true, .pos = dice(run, 99), .time_ms = dice(run, 99)};
    snprintf(o->value, sizeof o->value, "%s", value);
    rig_once(&run->batch, tenant_names[t], channel_names[c], key_names[k], value, o->pos,
             o->time_ms);
}

static void add_named(struct run *run, int t)
{
    struct model *m = run->now;
    unsigned n = dice(run, NAMED);
    const char *value = new_value(run);
    if (dice(run, 2)) {
        m->source[n] = true;
        snprintf(m->source_value[n], sizeof m->source_value[n], "%s", value);
        rig_add(&run->batch, STORE_SOURCE, NULL, named[n])->value = slice_str(value);
    } else if (dice(run, 2)) {
        m->revoked[n][t] = true;
        m->revoke_ms[n][t] = dice(run, 1000);
        rig_add(&run->batch, STORE_REVOKE, tenant_names[t], named[n])->time_ms = m->revoke_ms[n][t];
    } else {
        m->revoked[n][t] = false;
        rig_add(&run->batch, STORE_REVOKE_GONE, tenant_names[t], named[n]);
    }
}

static void add_row(struct run *run)
{
    int t = (int)dice(run, TENANTS), c = (int)dice(run, CHANNELS);
    switch (dice(run, 16)) {
    case 0:
        add_tenant(run, t);
        break;
    case 1:
    case 2:
        add_channel(run, t, c);
        break;
    case 3:
        if (dice(run, 4) == 0)
            add_gone(run, t, c);
        break;
    case 4:
    case 5:
    case 6:
        add_remove(run, t, c);
        break;
    case 7:
        add_once(run, t, c);
        break;
    case 8:
        add_named(run, t);
        break;
    default:
        add_event(run, t, c);
        break;
    }
}

/* A row that can't be stored: an event where another one is. False when there is none yet. */
static bool add_bad_row(struct run *run)
{
    const struct model *m = run->now;
    for (size_t i = 0; i < m->event_count; i++) {
        if (!m->events[i].event)
            continue;
        rig_event_take(&run->batch, tenant_names[m->events[i].tenant],
                       event_ref(m->events[i].event));
        return true;
    }
    return false;
}

static void forget_removed(struct model *m)
{
    size_t to = 0;
    for (size_t i = 0; i < m->event_count; i++)
        if (m->events[i].event)
            m->events[to++] = m->events[i];
    m->event_count = to;
}

static void step_append(struct run *run)
{
    *run->before = *run->now;
    for (unsigned rows = 1 + dice(run, 8); rows > 0; rows--)
        add_row(run);
    bool bad = dice(run, 8) == 0 && add_bad_row(run);
    if (bad)
        add_row(run);
    assert_int_equal(rig_append(run->rig, &run->batch) != 0, bad);
    if (bad)
        *run->now = *run->before;
    forget_removed(run->now);
}

/* What there is to read of one channel, added to the list. */
static size_t list_channel(const struct model *m, int t, int c, pos_t after, uint32_t index,
                           struct page_entry *list, size_t n)
{
    pos_t floor = m->channel_known[t][c] ? m->floor[t][c] : m->base[t];
    if (after < floor && floor <= m->pos[t])
        list[n++] = (struct page_entry){floor, NULL, index};
    for (size_t i = 0; i < m->event_count; i++) {
        const struct model_event *e = &m->events[i];
        if (e->tenant == t && e->channel == c && after < e->event->pos &&
            e->event->pos <= m->pos[t])
            list[n++] = (struct page_entry){e->event->pos, e->event, index};
    }
    return n;
}

static int by_place(const void *left, const void *right)
{
    const struct page_entry *a = left, *b = right;
    if (a->pos != b->pos)
        return a->pos < b->pos ? -1 : 1;
    if (!a->event != !b->event)
        return a->event ? -1 : 1;
    return a->channel < b->channel ? -1 : a->channel > b->channel;
}

/* How many of the entries make the first page. */
static size_t cut(const struct page_entry *list, size_t n, const struct page_spec *spec)
{
    uint64_t events = 0, bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (!list[i].event)
            continue;
        bytes += list[i].event->bytes;
        if (events++ > 0 && (events > spec->max_events || bytes > spec->max_bytes))
            return i;
    }
    return n;
}

/* One page, compared; where the next one begins, 0 after the last. */
static pos_t step_page(struct run *run, int t, const int *channels, const pos_t *after,
                       size_t count, uint32_t max_events, uint32_t max_bytes)
{
    const struct model *m = run->now;
    static const struct page_entry none[1];
    struct page_entry *list = calloc(EVENTS + CHANNELS, sizeof *none);
    struct slice names[CHANNELS];
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        names[i] = slice_str(channel_names[channels[i]]);
    struct page_spec *spec = page_spec_new(slice_str(tenant_names[t]), names, count, 0);
    assert_true(list && spec);
    spec->max_events = max_events;
    spec->max_bytes = max_bytes;
    for (size_t i = 0; i < count; i++) {
        spec->channels[i].after = after[i];
        n = list_channel(m, t, channels[i], after[i], (uint32_t)i, list, n);
    }
    qsort(list, n, sizeof *list, by_place);
    size_t whole = n;
    n = cut(list, n, spec);
    struct page *page = rig_read(run->rig, spec);
    assert_int_equal(page->error, 0);
    assert_int_equal(page->epoch, m->known[t] ? m->epoch[t] : 0);
    assert_int_equal(page->count, n);
    for (size_t i = 0; i < n; i++) {
        assert_true(page->entries[i].pos == list[i].pos);
        assert_int_equal(page->entries[i].channel, list[i].channel);
        assert_int_equal(!page->entries[i].event, !list[i].event);
        if (list[i].event)
            rig_same_event(page->entries[i].event, list[i].event);
    }
    assert_int_equal(page->more, n < whole);
    assert_true(page->upto == (n < whole ? list[n - 1].pos : m->pos[t]));
    pos_t next = page->more ? page->upto : 0;
    page_free(page);
    free(list);
    return next;
}

/* Reads to the end, page by page. */
static void step_read(struct run *run)
{
    int t = (int)dice(run, TENANTS), channels[CHANNELS];
    pos_t after[CHANNELS];
    size_t count = 0;
    for (int c = 0; c < CHANNELS; c++) {
        if (dice(run, 3) == 0)
            continue;
        after[count] = dice(run, 2) ? rng_below(&run->rng, run->last[t] + 2) : 0;
        channels[count++] = c;
    }
    uint32_t max_events = 1 + dice(run, 40), max_bytes = 1 + dice(run, 2000);
    for (int pages = 0; pages < 4; pages++) {
        pos_t next = step_page(run, t, channels, after, count, max_events, max_bytes);
        if (!next)
            break;
        for (size_t i = 0; i < count; i++)
            if (after[i] < next)
                after[i] = next;
    }
}

static void list_rows(const struct run *run, struct rig_batch *b)
{
    const struct model *m = run->now;
    for (int t = 0; t < TENANTS; t++) {
        if (m->known[t])
            rig_tenant(b, tenant_names[t], m->epoch[t], m->pos[t], m->base[t]);
        for (int c = 0; c < CHANNELS; c++) {
            if (m->channel_known[t][c])
                rig_channel(b, tenant_names[t], channel_names[c], m->floor[t][c]);
            for (int k = 0; k < 4; k++) {
                const struct model_once *o = &m->onces[t][c][k];
                if (o->there)
                    rig_once(b, tenant_names[t], channel_names[c], key_names[k], o->value, o->pos,
                             o->time_ms);
            }
        }
        for (int n = 0; n < NAMED; n++)
            if (m->revoked[n][t])
                rig_add(b, STORE_REVOKE, tenant_names[t], named[n])->time_ms = m->revoke_ms[n][t];
    }
    for (int n = 0; n < NAMED; n++)
        if (m->source[n])
            rig_add(b, STORE_SOURCE, NULL, named[n])->value = slice_str(m->source_value[n]);
    for (size_t i = 0; i < m->event_count; i++)
        rig_event_take(b, tenant_names[m->events[i].tenant], event_ref(m->events[i].event));
}

/* What load() reports after a restart is what the model has. */
static void step_restart(struct run *run)
{
    if (!run->rig->driver->restarts)
        return;
    rig_close(run->rig);
    rig_open(run->rig);
    char **lines = rig_load(run->rig);
    struct rig_batch b = {.count = 0};
    list_rows(run, &b);
    char **expected = calloc(b.count + 1, sizeof *expected);
    assert_non_null(expected);
    for (size_t i = 0; i < b.count; i++)
        expected[i] = rig_row_text(&b.rows[i]);
    rig_lines_sort(expected);
    for (size_t i = 0; i < b.count; i++) {
        assert_non_null(lines[i]);
        assert_string_equal(lines[i], expected[i]);
    }
    assert_null(lines[b.count]);
    rig_lines_free(lines);
    rig_lines_free(expected);
    rig_batch_fini(&b);
}

void rig_model_test(struct rig *r, uint64_t seed, unsigned operations)
{
    struct run run = {.rig = r,
                      .now = calloc(1, sizeof *run.now),
                      .before = calloc(1, sizeof *run.before),
                      .pool = calloc((size_t)operations * 10, sizeof *run.pool)};
    assert_true(run.now && run.before && run.pool);
    rng_init(&run.rng, seed);
    for (unsigned i = 0; i < operations; i++) {
        unsigned what = dice(&run, 100);
        if (what == 0)
            step_restart(&run);
        else if (what < 60)
            step_append(&run);
        else
            step_read(&run);
    }
    step_restart(&run);
    for (size_t i = 0; i < run.pool_count; i++)
        event_unref(run.pool[i]);
    free(run.pool);
    free(run.now);
    free(run.before);
}
