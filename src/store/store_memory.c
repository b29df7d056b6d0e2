#include "store/store_memory.h"

#include "base/map.h"
#include "base/rng.h"
#include "store/merge.h"
#include "store/turn.h"

#include <stdlib.h>

/* One event's place in its channel's sequence; event NULL: it was removed. */
struct mem_slot {
    pos_t pos;
    struct event *event;
};

struct mem_channel {
    struct mem_slot *slots; /* [head, len) is in use, sorted by position */
    size_t head, len, cap;
    size_t live; /* slots that have an event */
    pos_t floor;
    bool gone; /* removed by the batch being applied */
    struct mem_tenant *tenant;
    struct mem_channel *next_touched;
    bool touched;
    size_t name_len;
    char name[];
};

struct mem_tenant {
    struct map channels; /* to struct mem_channel */
    uint32_t epoch;
    pos_t pos, floor;
};

enum undo_kind {
    UNDO_TENANT_NEW,
    UNDO_TENANT,
    UNDO_CHANNEL_NEW,
    UNDO_CHANNEL,
    UNDO_INSERT,
    UNDO_REMOVE,
};

/* How to take one step of a batch back. */
struct mem_undo {
    enum undo_kind kind;
    struct slice name; /* UNDO_TENANT_NEW */
    struct mem_tenant *tenant;
    struct mem_channel *channel;
    uint32_t epoch;
    pos_t pos, floor;
    bool gone;
    struct event *event; /* UNDO_REMOVE: the reference the slot had */
};

struct store_memory {
    struct turn turn;
    struct map tenants; /* to struct mem_tenant */
    /* of the batch being applied */
    struct mem_undo *undo;
    size_t undo_count, undo_cap;
    struct mem_channel *touched;
};

static int no_memory(struct err *e)
{
    return err_set(e, ERR_OVERLOADED, "no memory left to keep the batch");
}

/* A zeroed record, or NULL for no memory. Asked for before the step it takes back. */
static struct mem_undo *undo_add(struct store_memory *s)
{
    if (s->undo_count == s->undo_cap) {
        size_t cap = s->undo_cap ? s->undo_cap * 2 : 64;
        struct mem_undo *undo = realloc(s->undo, cap * sizeof *undo);
        if (!undo)
            return NULL;
        s->undo = undo;
        s->undo_cap = cap;
    }
    struct mem_undo *u = &s->undo[s->undo_count++];
    *u = (struct mem_undo){.kind = UNDO_TENANT_NEW};
    return u;
}

/* The first slot in use at or above pos. */
static size_t slot_at(const struct mem_channel *c, pos_t pos)
{
    size_t low = c->head, high = c->len;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (c->slots[mid].pos < pos)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void touch(struct store_memory *s, struct mem_channel *c)
{
    if (c->touched)
        return;
    c->touched = true;
    c->next_touched = s->touched;
    s->touched = c;
}

/* Finds the tenant or makes it. NULL for no memory. */
static struct mem_tenant *tenant_of(struct store_memory *s, struct slice name, uint32_t epoch)
{
    struct mem_tenant *t = map_get(&s->tenants, name);
    if (t)
        return t;
    struct mem_undo *u = undo_add(s);
    t = u ? calloc(1, sizeof *t) : NULL;
    if (!t || map_put(&s->tenants, name, t)) {
        free(t);
        s->undo_count -= u != NULL;
        return NULL;
    }
    *u = (struct mem_undo){.kind = UNDO_TENANT_NEW, .name = name, .tenant = t};
    t->epoch = epoch;
    uint64_t seed[2];
    rng_system(seed, sizeof seed);
    map_init(&t->channels, seed[0], seed[1]);
    return t;
}

static void channel_free(struct mem_channel *c)
{
    for (size_t i = c->head; i < c->len; i++)
        event_unref(c->slots[i].event);
    free(c->slots);
    free(c);
}

static struct slice channel_name(const struct mem_channel *c)
{
    return slice_of(c->name, c->name_len);
}

/* The channel, made if need be and not gone. NULL for no memory. */
static struct mem_channel *channel_of(struct store_memory *s, struct mem_tenant *t,
                                      struct slice name)
{
    struct mem_channel *c = map_get(&t->channels, name);
    if (c && !c->gone)
        return c;
    struct mem_undo *u = undo_add(s);
    if (!u)
        return NULL;
    if (c) {
        *u = (struct mem_undo){.kind = UNDO_CHANNEL, .channel = c, .floor = c->floor, .gone = true};
        c->gone = false;
    } else {
        c = calloc(1, sizeof *c + name.len);
        if (!c || map_put(&t->channels, name, c)) {
            free(c);
            s->undo_count--;
            return NULL;
        }
        *u = (struct mem_undo){.kind = UNDO_CHANNEL_NEW, .channel = c};
        c->tenant = t;
        c->name_len = name.len;
        memcpy(c->name, name.p, name.len);
    }
    c->floor = t->floor;
    return c;
}

/* Makes room for one slot more, moving none: the undo log and the batch rely on it. */
static bool reserve(struct mem_channel *c)
{
    if (c->len < c->cap)
        return true;
    size_t cap = c->cap ? c->cap * 2 : 8;
    struct mem_slot *slots = realloc(c->slots, cap * sizeof *slots);
    if (!slots)
        return false;
    c->slots = slots;
    c->cap = cap;
    return true;
}

static int insert_event(struct store_memory *s, const struct store_row *row, struct err *e)
{
    struct event *event = row->event;
    struct mem_tenant *t = tenant_of(s, row->tenant, event->epoch);
    struct mem_channel *c = t ? channel_of(s, t, event_channel(event)) : NULL;
    struct mem_undo *u = c ? undo_add(s) : NULL;
    if (!u)
        return no_memory(e);
    size_t i = c->len > c->head && c->slots[c->len - 1].pos >= event->pos ? slot_at(c, event->pos)
                                                                          : c->len;
    bool hole = i < c->len && c->slots[i].pos == event->pos;
    if ((hole && c->slots[i].event) || (!hole && !reserve(c))) {
        s->undo_count--;
        return hole ? err_set(e, ERR_INTERNAL, "an event at this position is stored already")
                    : no_memory(e);
    }
    if (!hole) {
        memmove(&c->slots[i + 1], &c->slots[i], (c->len - i) * sizeof *c->slots);
        c->len++;
    }
    *u = (struct mem_undo){
        .kind = UNDO_INSERT, .channel = c, .tenant = t, .pos = event->pos, .floor = t->pos};
    c->slots[i] = (struct mem_slot){event->pos, event_ref(event)};
    c->live++;
    if (event->pos > t->pos)
        t->pos = event->pos;
    s->turn.stats.events++;
    s->turn.stats.bytes += event->bytes;
    touch(s, c);
    return 0;
}

static int remove_slot(struct store_memory *s, struct mem_channel *c, size_t i, struct err *e)
{
    struct mem_undo *u = undo_add(s);
    if (!u)
        return no_memory(e);
    struct mem_slot *slot = &c->slots[i];
    *u = (struct mem_undo){
        .kind = UNDO_REMOVE, .channel = c, .pos = slot->pos, .event = slot->event};
    s->turn.stats.bytes -= slot->event->bytes;
    slot->event = NULL;
    c->live--;
    touch(s, c);
    return 0;
}

static struct mem_channel *find_channel(const struct store_memory *s, struct slice tenant,
                                        struct slice name)
{
    const struct mem_tenant *t = map_get(&s->tenants, tenant);
    struct mem_channel *c = t ? map_get(&t->channels, name) : NULL;
    return c && !c->gone ? c : NULL;
}

static int remove_event(struct store_memory *s, const struct store_row *row, struct err *e)
{
    struct mem_channel *c = find_channel(s, row->tenant, row->name);
    if (!c)
        return 0;
    size_t i = slot_at(c, row->pos);
    if (i == c->len || c->slots[i].pos != row->pos || !c->slots[i].event)
        return 0;
    return remove_slot(s, c, i, e);
}

static int put_tenant(struct store_memory *s, const struct store_row *row, struct err *e)
{
    struct mem_tenant *t = tenant_of(s, row->tenant, row->epoch);
    struct mem_undo *u = t ? undo_add(s) : NULL;
    if (!u)
        return no_memory(e);
    *u = (struct mem_undo){
        .kind = UNDO_TENANT, .tenant = t, .epoch = t->epoch, .pos = t->pos, .floor = t->floor};
    t->epoch = row->epoch;
    t->pos = row->pos;
    t->floor = row->floor;
    return 0;
}

static int put_channel(struct store_memory *s, const struct store_row *row, struct err *e)
{
    struct mem_tenant *t = tenant_of(s, row->tenant, 0);
    struct mem_channel *c = t ? channel_of(s, t, row->name) : NULL;
    struct mem_undo *u = c ? undo_add(s) : NULL;
    if (!u)
        return no_memory(e);
    *u = (struct mem_undo){.kind = UNDO_CHANNEL, .channel = c, .floor = c->floor};
    c->floor = row->floor;
    return 0;
}

static int drop_channel(struct store_memory *s, const struct store_row *row, struct err *e)
{
    struct mem_channel *c = find_channel(s, row->tenant, row->name);
    if (!c)
        return 0;
    for (size_t i = c->head; i < c->len && c->live > 0; i++)
        if (c->slots[i].event && remove_slot(s, c, i, e))
            return e->code;
    struct mem_undo *u = undo_add(s);
    if (!u)
        return no_memory(e);
    *u = (struct mem_undo){.kind = UNDO_CHANNEL, .channel = c, .floor = c->floor};
    c->gone = true;
    touch(s, c);
    return 0;
}

/* What only load() would give back is not kept. */
static int apply_row(struct store_memory *s, const struct store_row *row, struct err *e)
{
    switch (row->kind) {
    case STORE_TENANT:
        return put_tenant(s, row, e);
    case STORE_CHANNEL:
        return put_channel(s, row, e);
    case STORE_CHANNEL_GONE:
        return drop_channel(s, row, e);
    case STORE_EVENT:
        return insert_event(s, row, e);
    case STORE_REMOVE:
        return remove_event(s, row, e);
    case STORE_ONCE:
    case STORE_ONCE_GONE:
    case STORE_SOURCE:
    case STORE_REVOKE:
    case STORE_REVOKE_GONE:
    case STORE_REVOKE_OVER:
        break;
    }
    return 0;
}

static void take_back(struct store_memory *s, const struct mem_undo *u)
{
    struct mem_channel *c = u->channel;
    switch (u->kind) {
    case UNDO_TENANT_NEW:
        break; /* by forget_tenant, when its channels are gone */
    case UNDO_TENANT:
        u->tenant->epoch = u->epoch;
        u->tenant->pos = u->pos;
        u->tenant->floor = u->floor;
        break;
    case UNDO_CHANNEL_NEW:
        c->gone = true; /* tidy frees it */
        touch(s, c);
        break;
    case UNDO_CHANNEL:
        c->floor = u->floor;
        c->gone = u->gone;
        break;
    case UNDO_INSERT: {
        struct mem_slot *slot = &c->slots[slot_at(c, u->pos)];
        u->tenant->pos = u->floor;
        s->turn.stats.events--;
        s->turn.stats.bytes -= slot->event->bytes;
        event_unref(slot->event);
        slot->event = NULL;
        c->live--;
        break;
    }
    case UNDO_REMOVE:
        c->slots[slot_at(c, u->pos)].event = u->event;
        s->turn.stats.bytes += u->event->bytes;
        c->live++;
        break;
    }
}

/* Closes up a sequence that is mostly holes; its cost is paid for by the removals before. */
static void compact(struct mem_channel *c)
{
    while (c->head < c->len && !c->slots[c->head].event)
        c->head++;
    while (c->len > c->head && !c->slots[c->len - 1].event)
        c->len--;
    if (c->len <= 2 * c->live + 16)
        return;
    size_t to = 0;
    for (size_t i = c->head; i < c->len; i++)
        if (c->slots[i].event)
            c->slots[to++] = c->slots[i];
    c->head = 0;
    c->len = to;
    size_t cap = 2 * c->live + 16;
    if (c->cap > 2 * cap) {
        struct mem_slot *slots = realloc(c->slots, cap * sizeof *slots);
        if (slots) { /* if not, it stays as long as it is */
            c->slots = slots;
            c->cap = cap;
        }
    }
}

/* After a batch: frees what it removed, and channels that are gone. */
static void tidy(struct store_memory *s)
{
    while (s->touched) {
        struct mem_channel *c = s->touched;
        s->touched = c->next_touched;
        c->touched = false;
        if (c->gone) {
            map_remove(&c->tenant->channels, channel_name(c));
            channel_free(c);
        } else {
            compact(c);
        }
    }
}

static void forget_tenant(struct store_memory *s, const struct mem_undo *u)
{
    map_remove(&s->tenants, u->name);
    map_fini(&u->tenant->channels);
    free(u->tenant);
}

static void commit(struct store_memory *s)
{
    for (size_t i = 0; i < s->undo_count; i++)
        if (s->undo[i].kind == UNDO_REMOVE)
            event_unref(s->undo[i].event);
    tidy(s);
    s->undo_count = 0;
}

static void roll_back(struct store_memory *s)
{
    for (size_t i = s->undo_count; i-- > 0;)
        take_back(s, &s->undo[i]);
    tidy(s);
    for (size_t i = 0; i < s->undo_count; i++)
        if (s->undo[i].kind == UNDO_TENANT_NEW)
            forget_tenant(s, &s->undo[i]);
    s->undo_count = 0;
}

static int apply(struct turn *turn, const struct store_batch *batch, struct err *e)
{
    struct store_memory *s = (struct store_memory *)turn;
    int error = 0;
    for (size_t i = 0; i < batch->count && !error; i++)
        error = apply_row(s, &batch->rows[i], e);
    if (error)
        roll_back(s);
    else
        commit(s);
    return error;
}

/* Where a read has come to in a channel; channel NULL: there are no events. */
struct mem_cursor {
    const struct mem_channel *channel;
    size_t next;
};

static int next_event(void *ctx, uint32_t channel, pos_t *pos, uint32_t *bytes)
{
    struct mem_cursor *at = (struct mem_cursor *)ctx + channel;
    const struct mem_channel *c = at->channel;
    if (!c)
        return 0;
    while (at->next < c->len && !c->slots[at->next].event)
        at->next++;
    if (at->next == c->len)
        return 0;
    *pos = c->slots[at->next].pos;
    *bytes = c->slots[at->next].event->bytes;
    at->next++;
    return 1;
}

static int take_event(void *ctx, uint32_t channel, struct event **out)
{
    const struct mem_cursor *at = (struct mem_cursor *)ctx + channel;
    *out = event_ref(at->channel->slots[at->next - 1].event);
    return 0;
}

static int answer(struct turn *turn, const struct page_spec *spec, struct page *page)
{
    const struct store_memory *s = (struct store_memory *)turn;
    const struct mem_tenant *t = map_get(&s->tenants, spec->tenant);
    if (!t)
        return 0;
    page->epoch = t->epoch;
    page->upto = t->pos;
    size_t n = spec->channel_count;
    struct mem_cursor *cursors = calloc(n + 1, sizeof *cursors);
    pos_t *floors = calloc(n + 1, sizeof *floors);
    int error = ERR_OVERLOADED;
    if (!cursors || !floors)
        goto out;
    for (size_t i = 0; i < n; i++) {
        const struct mem_channel *c = map_get(&t->channels, spec->channels[i].name);
        pos_t after = spec->channels[i].after;
        floors[i] = c ? c->floor : t->floor;
        if (c && after < POS_MAX)
            cursors[i] = (struct mem_cursor){c, slot_at(c, after + 1)};
    }
    struct merge_input in = {cursors, next_event, take_event};
    error = merge_page(spec, floors, &in, page);
out:
    free(cursors);
    free(floors);
    return error;
}

static int load(struct store *s, int (*row)(void *ctx, const struct store_row *row), void *ctx,
                struct err *e)
{
    return 0;
}

static void close_memory(struct store *store)
{
    struct store_memory *s = (struct store_memory *)store;
    if (!s)
        return;
    void *tenant, *channel;
    for (size_t at = 0; map_next(&s->tenants, &at, NULL, &tenant);) {
        struct mem_tenant *t = tenant;
        for (size_t in = 0; map_next(&t->channels, &in, NULL, &channel);)
            channel_free(channel);
        map_fini(&t->channels);
        free(t);
    }
    map_fini(&s->tenants);
    free(s->undo);
    turn_fini(&s->turn);
    free(s);
}

int store_memory_new(struct store **out, struct err *e)
{
    static const struct store_ops ops = {
        .name = "memory",
        .durable = false,
        .load = load,
        .append = turn_append,
        .read = turn_read,
        .cancel = turn_cancel,
        .drain = turn_drain,
        .stats = turn_stats,
        .close = close_memory,
    };
    static const struct turn_ops turn_ops = {apply, answer};
    struct store_memory *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(e, ERR_OVERLOADED, "no memory for the store");
    turn_init(&s->turn, &ops, &turn_ops);
    uint64_t seed[2];
    rng_system(seed, sizeof seed);
    map_init(&s->tenants, seed[0], seed[1]);
    *out = &s->turn.base;
    return 0;
}
