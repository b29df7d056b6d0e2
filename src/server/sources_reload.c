/* sources_reload.c - a reload's part with the sources: those that are new or other than before are
 * opened while everything may still fail, those that go are closed, and only then are the new ones
 * started. On the first loop's thread. */
#include "server/source_slot.h"

#include <stdlib.h>

struct sources_next {
    struct source_slot **slots; /* opened */
    size_t count;
};

/* The running one of that name from a configuration; NULL: none. */
static struct source_slot *running(const struct server *s, const char *name)
{
    for (size_t i = 0; i < s->source_count; i++)
        if (!s->sources[i]->added && strcmp(s->sources[i]->conf->name, name) == 0)
            return s->sources[i];
    return NULL;
}

/* Whether `next` asks of it what it does, in all that it was made from. */
static bool is_unchanged(const struct source_slot *slot, const struct opt_source *o,
                         const struct conf *next)
{
    struct source_slot as_next = {.conf = o, .from = (struct conf *)(uintptr_t)next};
    struct source_query_conf a = sources_query_conf(slot), b = sources_query_conf(&as_next);
    return options_same_source(slot->conf, o) && a.keys == b.keys && a.event_max == b.event_max &&
           !a.tenant == !b.tenant && (!a.tenant || strcmp(a.tenant, b.tenant) == 0);
}

/* The channels of what the program has added stay what they have to be. */
static int check_added(const struct server *s, struct conf *next, struct err *e)
{
    for (size_t i = 0; i < s->source_count; i++) {
        const struct opt_source *o = s->sources[i]->added;
        const struct opt_channel *c = o ? options_channel(next->opts, slice_str(o->channel)) : NULL;
        if (o && (!c || !c->keyed))
            return err_set(e, ERR_BAD_REQUEST, "source %s: channel %s has to stay, keyed", o->name,
                           o->channel);
        if (o)
            next->channel_confs[c - next->opts->channels.v].owned = true;
    }
    return 0;
}

struct unkeyed {
    const char *channel;
    bool found;
};

static bool note_unkeyed(void *ctx, const struct hub_channel_info *info)
{
    struct unkeyed *u = ctx;
    u->found |= !info->keyed && slice_is(info->channel, u->channel);
    return !u->found;
}

/* A channel that is there stays keyed or not as it is: rows need a keyed one. */
static int check_keyed(struct server *s, const struct opt_source *o, struct err *e)
{
    struct unkeyed u = {o->channel, false};
    if (o->channel)
        hub_each_channel(s->hub, SLICE_NONE, note_unkeyed, &u);
    return u.found ? err_set(e, ERR_CONFLICT,
                             "source %s: channel %s is in use and not keyed: restart the hub",
                             o->name, o->channel)
                   : 0;
}

int sources_prepare(struct server *s, struct conf *next, struct sources_next **out, struct err *e)
{
    const struct opt_sources *list = &next->opts->sources;
    struct sources_next *n = calloc(1, sizeof *n);
    *out = n;
    if (n)
        n->slots = calloc(list->count + 1, sizeof *n->slots);
    if (!n || !n->slots || sources_reserve(s, list->count))
        return err_set(e, ERR_OVERLOADED, "out of memory");
    if (check_added(s, next, e))
        return e->code;
    for (size_t i = 0; i < list->count; i++) {
        struct source_slot *slot = running(s, list->v[i].name);
        if (slot && is_unchanged(slot, &list->v[i], next))
            continue;
        if (check_keyed(s, &list->v[i], e))
            return e->code;
        slot = sources_slot_new(s, &list->v[i], NULL, next, e);
        if (!slot)
            return e->code;
        n->slots[n->count++] = slot;
    }
    return 0;
}

static void on_given_up(void *arg)
{
    sources_slot_free(arg);
}

void sources_give_up(struct sources_next *n)
{
    if (!n)
        return;
    for (size_t i = 0; n->slots && i < n->count; i++)
        n->slots[i]->source->ops->close(n->slots[i]->source, on_given_up, n->slots[i]);
    free(n->slots);
    free(n);
}

static void remove_slot(struct server *s, const struct source_slot *slot)
{
    size_t at = 0;
    while (s->sources[at] != slot)
        at++;
    memmove(&s->sources[at], &s->sources[at + 1], (--s->source_count - at) * sizeof *s->sources);
}

/* Where the one of its name was that was closed before it. */
static void resume(struct server *s, struct source_slot *slot)
{
    bool found = false;
    for (struct source_slot **at = &s->parked; *at;) {
        struct source_slot *was = *at;
        if (!slot->is_outbox || strcmp(was->conf->name, slot->conf->name) != 0) {
            at = &was->parked;
            continue;
        }
        *at = was->parked;
        if (!found) { /* the first is the last that was closed */
            buf_fini(&slot->position);
            slot->position = was->position;
            was->position = BUF_INIT;
            found = true;
        }
        sources_slot_free(was);
    }
}

static void start_waiting(struct server *s)
{
    for (size_t i = 0; i < s->source_count; i++) {
        struct source_slot *slot = s->sources[i];
        if (slot->started || !slot->source)
            continue;
        resume(s, slot);
        sources_slot_start(slot);
    }
}

static void on_left(void *arg)
{
    struct source_slot *slot = arg;
    struct server *s = slot->s;
    slot->closed = true;
    remove_slot(s, slot);
    if (slot->is_outbox && slot->position.len) { /* where the next one of its name goes on */
        slot->parked = s->parked;
        s->parked = slot;
    } else {
        sources_slot_free(slot);
    }
    if (--s->sources_leaving)
        return;
    start_waiting(s);
    reload_sources_left(s);
}

/* Of the same name: what is told of it goes on. */
static void inherit(struct source_slot *slot, const struct source_slot *was)
{
    slot->ok = was->ok;
    slot->told = was->told;
    memcpy(slot->detail, was->detail, sizeof slot->detail);
    slot->runs = was->runs;
    slot->changes = was->changes;
    slot->failures = was->failures;
    slot->refused = was->refused;
}

static const struct opt_source *named(const struct options *o, const char *name)
{
    for (size_t i = 0; i < o->sources.count; i++)
        if (strcmp(o->sources.v[i].name, name) == 0)
            return &o->sources.v[i];
    return NULL;
}

void sources_switch(struct server *s, struct sources_next *n)
{
    const struct conf *conf = s->workers[0].conf;
    for (size_t i = 0; i < n->count; i++) {
        const struct source_slot *was = running(s, n->slots[i]->conf->name);
        if (was)
            inherit(n->slots[i], was);
    }
    for (size_t i = 0; i < s->source_count; i++) {
        struct source_slot *slot = s->sources[i];
        const struct opt_source *o = named(conf->opts, slot->conf->name);
        if (slot->added || (o && is_unchanged(slot, o, conf)))
            continue;
        s->sources_leaving++;
        slot->leaving = true;
        slot->source->ops->close(slot->source, on_left, slot);
        slot->source = NULL;
    }
    for (size_t i = 0; i < n->count; i++)
        s->sources[s->source_count++] = n->slots[i];
    free(n->slots);
    free(n);
    if (!s->sources_leaving)
        start_waiting(s);
}
