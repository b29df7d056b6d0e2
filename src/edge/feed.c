#include "edge/edge_own.h"

#include "base/buf.h"

#include <assert.h>
#include <stdlib.h>

static bool among(struct slice s, const struct slice *set, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (slice_eq(s, set[i]))
            return true;
    return false;
}

bool feed_matches(const struct feed *f, const struct event *e)
{
    if ((f->type_count || f->key_count) && event_is_gap(e))
        return true;
    if (f->type_count && !among(event_type(e), f->types, f->type_count))
        return false;
    return !f->key_count || (e->has_key && among(event_key(e), f->keys, f->key_count));
}

/* ---- tenants and channels ---- */

/* Keeps its count for when it comes back; without memory that begins anew. */
static void remember(const struct edge_tenant *t)
{
    struct map *all = &t->edge->past;
    struct edge_past *past = map_get(all, t->name);
    if (!t->delivered)
        return;
    if (!past) {
        past = calloc(1, sizeof *past);
        if (!past || map_put(all, t->name, past)) {
            free(past);
            return;
        }
    }
    past->delivered = t->delivered;
}

static void tenant_unref(struct edge_tenant *t)
{
    if (--t->refs)
        return;
    remember(t);
    map_remove(&t->edge->tenants, t->name);
    map_fini(&t->channels);
    list_remove(&t->active);
    free(t);
}

static struct edge_tenant *tenant_take(struct edge *e, struct slice name)
{
    struct edge_tenant *t = map_get(&e->tenants, name);
    if (t) {
        t->refs++;
        return t;
    }
    t = calloc(1, sizeof *t + name.len);
    if (!t)
        return NULL;
    memcpy(t + 1, name.p, name.len);
    t->edge = e;
    t->name = slice_of((char *)(t + 1), name.len);
    t->refs = 1;
    t->delivered = edge_delivered(e, name);
    map_init(&t->channels, e->conf.seed[0], e->conf.seed[1]);
    list_init(&t->feeds);
    list_init(&t->work);
    list_init(&t->active);
    if (map_put(&e->tenants, t->name, t)) {
        free(t);
        return NULL;
    }
    return t;
}

static void channel_unref(struct edge_channel *c)
{
    if (--c->refs)
        return;
    map_remove(&c->tenant->channels, c->name);
    free(c->feeds);
    free(c);
}

static struct edge_channel *channel_take(struct edge_tenant *t, struct slice name)
{
    struct edge_channel *c = map_get(&t->channels, name);
    if (!c) {
        c = calloc(1, sizeof *c + name.len);
        if (!c)
            return NULL;
        memcpy(c + 1, name.p, name.len);
        c->tenant = t;
        c->name = slice_of((char *)(c + 1), name.len);
        if (map_put(&t->channels, c->name, c)) {
            free(c);
            return NULL;
        }
    }
    c->refs++;
    return c;
}

static bool channel_join(struct edge_channel *c, struct feed *f)
{
    if (c->feed_count == c->feed_cap) {
        uint32_t cap = c->feed_cap ? c->feed_cap * 2 : 2;
        struct feed **feeds = realloc(c->feeds, cap * sizeof *feeds);
        if (!feeds)
            return false;
        c->feeds = feeds;
        c->feed_cap = cap;
    }
    c->feeds[c->feed_count++] = f;
    return true;
}

static void channel_leave(struct edge_channel *c, const struct feed *f)
{
    for (uint32_t i = 0; i < c->feed_count; i++)
        if (c->feeds[i] == f) {
            c->feeds[i] = c->feeds[--c->feed_count];
            return;
        }
}

/* ---- feeds ---- */

static int by_text(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

/* Sorted and without repeats, so that the same wish has one name. */
static size_t tidy(struct slice *list, size_t count)
{
    size_t kept = 0;
    if (count)
        qsort(list, count, sizeof *list, by_text);
    for (size_t i = 0; i < count; i++)
        if (!kept || !slice_eq(list[kept - 1], list[i]))
            list[kept++] = list[i];
    return kept;
}

/* Every part with its length before it, so that no two wishes share a name. */
static void put_part(struct buf *b, char kind, struct slice s)
{
    buf_addf(b, "%c%zu:", kind, s.len);
    buf_add_slice(b, s);
}

struct wish {
    struct slice *all; /* channels, types, keys: tidied copies of the slices */
    struct slice *channels, *types, *keys;
    size_t channel_count, type_count, key_count;
    struct buf name;
};

static bool wish_make(struct wish *w, const struct feed_spec *s)
{
    *w = (struct wish){.name = BUF_INIT};
    w->all = calloc(s->channel_count + s->type_count + s->key_count, sizeof *w->all);
    if (!w->all)
        return false;
    w->channels = w->all;
    w->types = w->channels + s->channel_count;
    w->keys = w->types + s->type_count;
    memcpy(w->channels, s->channels, s->channel_count * sizeof *w->all);
    if (s->type_count)
        memcpy(w->types, s->types, s->type_count * sizeof *w->all);
    if (s->key_count)
        memcpy(w->keys, s->keys, s->key_count * sizeof *w->all);
    w->channel_count = tidy(w->channels, s->channel_count);
    w->type_count = tidy(w->types, s->type_count);
    w->key_count = tidy(w->keys, s->key_count);
    put_part(&w->name, 'n', s->tenant);
    for (size_t i = 0; i < w->channel_count; i++)
        put_part(&w->name, 'c', w->channels[i]);
    for (size_t i = 0; i < w->type_count; i++)
        put_part(&w->name, 't', w->types[i]);
    for (size_t i = 0; i < w->key_count; i++)
        put_part(&w->name, 'k', w->keys[i]);
    return !w->name.failed;
}

static void wish_fini(struct wish *w)
{
    free(w->all);
    buf_fini(&w->name);
}

/* Copies a list of texts to *at, advancing it. */
static void copy_texts(struct slice *to, const struct slice *from, size_t count, char **at)
{
    for (size_t i = 0; i < count; i++) {
        memcpy(*at, from[i].p, from[i].len);
        to[i] = slice_of(*at, from[i].len);
        *at += from[i].len;
    }
}

static bool feed_fill(struct feed *f, const struct wish *w)
{
    size_t texts = w->name.len;
    for (size_t i = 0; i < w->type_count; i++)
        texts += w->types[i].len;
    for (size_t i = 0; i < w->key_count; i++)
        texts += w->keys[i].len;
    f->channels = calloc(w->channel_count, sizeof *f->channels);
    f->types = calloc(w->type_count + w->key_count + 1, sizeof *f->types);
    f->text = malloc(texts + 1);
    if (!f->channels || !f->types || !f->text)
        return false;
    f->keys = f->types + w->type_count;
    char *at = f->text;
    memcpy(at, w->name.p, w->name.len);
    f->name = slice_of(at, w->name.len);
    at += w->name.len;
    copy_texts(f->types, w->types, w->type_count, &at);
    copy_texts(f->keys, w->keys, w->key_count, &at);
    f->type_count = (uint32_t)w->type_count;
    f->key_count = (uint32_t)w->key_count;
    for (size_t i = 0; i < w->channel_count; i++) {
        struct edge_channel *c = channel_take(f->tenant, w->channels[i]);
        if (!c)
            return false;
        f->channels[f->channel_count++] = c;
        if (!channel_join(c, f))
            return false;
    }
    return map_put(&f->edge->feeds, f->name, f) == 0;
}

void feed_free(struct feed *f)
{
    ring_clear(f);
    free(f->ring);
    bytes_unref(f->beat);
    if (f->name.p && map_get(&f->edge->feeds, f->name) == f)
        map_remove(&f->edge->feeds, f->name);
    for (uint32_t i = 0; i < f->channel_count; i++) {
        channel_leave(f->channels[i], f);
        channel_unref(f->channels[i]);
    }
    list_remove(&f->in_tenant);
    list_remove(&f->work);
    if (f->tenant && list_empty(&f->tenant->work))
        list_remove(&f->tenant->active);
    list_remove(&f->unread);
    list_remove(&f->in_rings);
    if (f->tenant)
        tenant_unref(f->tenant);
    free(f->channels);
    free(f->types);
    free(f->text);
    free(f);
}

static struct feed *feed_new(struct edge *e, struct slice tenant, const struct wish *w)
{
    struct feed *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->edge = e;
    struct list *lists[] = {&f->in_tenant, &f->work, &f->unread, &f->in_rings,
                            &f->idle,      &f->todo, &f->parked, &f->wait};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        list_init(lists[i]);
    f->state = FEED_FOLLOWING;
    f->fresh = true;
    f->tenant = tenant_take(e, tenant);
    if (!f->tenant || !feed_fill(f, w) || !feed_ask(f, FOLLOW_START, 0, NULL)) {
        feed_free(f);
        return NULL;
    }
    list_push_back(&f->tenant->feeds, &f->in_tenant);
    return f;
}

struct feed *feed_take(struct edge *e, const struct feed_spec *spec)
{
    if (spec->channel_count > FEED_CHANNELS_MAX)
        return NULL;
    struct wish w;
    struct feed *f = NULL;
    if (wish_make(&w, spec)) {
        f = map_get(&e->feeds, buf_slice(&w.name));
        if (!f)
            f = feed_new(e, spec->tenant, &w);
    }
    wish_fini(&w);
    if (f)
        list_remove(&f->unread);
    return f;
}

bool feed_ask(struct feed *f, enum follow_kind kind, pos_t want, struct lag *lag)
{
    struct slice names[FEED_CHANNELS_MAX];
    assert(f->channel_count <= FEED_CHANNELS_MAX);
    for (uint32_t i = 0; i < f->channel_count; i++)
        names[i] = f->channels[i]->name;
    struct follow *ask = follow_new(kind, f->tenant->name, names, f->channel_count);
    if (!ask)
        return false;
    ask->feed = f;
    ask->reader = lag;
    ask->tenant_handle = f->tenant;
    ask->want = want;
    for (uint32_t i = 0; i < f->channel_count; i++)
        ask->channels[i].handle = f->channels[i];
    f->follows++;
    f->edge->ops.follow(f->edge->ops.ctx, ask);
    return true;
}

void feed_activate(struct feed *f)
{
    if (!list_empty(&f->work))
        return;
    list_push_back(&f->tenant->work, &f->work);
    if (list_empty(&f->tenant->active))
        list_push_back(&f->edge->active, &f->tenant->active);
}

void feed_leave(struct feed *f)
{
    assert(f->readers);
    if (--f->readers)
        return;
    f->unread_ms = f->edge->now_ms;
    list_move_back(&f->edge->unread, &f->unread);
}

/* Ends a feed that nobody reads: no longer found by name; freed when the owner has answered. */
static void feed_stop(struct feed *f)
{
    if (!feed_ask(f, FOLLOW_STOP, 0, NULL)) {
        f->unread_ms = f->edge->now_ms; /* no memory: later */
        list_move_back(&f->edge->unread, &f->unread);
        return;
    }
    map_remove(&f->edge->feeds, f->name);
    for (uint32_t i = 0; i < f->channel_count; i++)
        channel_leave(f->channels[i], f);
    list_remove(&f->in_tenant);
    list_remove(&f->work);
    if (list_empty(&f->tenant->work))
        list_remove(&f->tenant->active);
    list_move_back(&f->edge->stopping, &f->unread);
    ring_clear(f);
}

void feed_expire(struct edge *e)
{
    LIST_EACH(&e->unread, node, after) {
        struct feed *f = LIST_ENTRY(node, struct feed, unread);
        if (f->unread_ms + e->conf.linger_ms > e->now_ms)
            break;
        if (f->follows)
            continue;
        if (f->refused)
            feed_free(f); /* the owner knows nothing of it */
        else
            feed_stop(f);
    }
}

void feed_describe(const struct feed *f, struct opening_channel *out)
{
    for (uint32_t i = 0; i < f->channel_count; i++)
        out[i] = (struct opening_channel){f->channels[i]->name, RESUME_NEW, f->channels[i]->head};
}
