#include "core/tenant.h"

#include "base/exchange.h"

#include <stdlib.h>

struct tenant *tenant_new(struct slice name, uint32_t epoch, unsigned edges,
                          const uint64_t seed[2])
{
    struct tenant *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->name = slice_dup(name);
    t->name_len = name.len;
    t->epoch = epoch;
    t->by_edge = calloc(edges ? edges : 1, sizeof *t->by_edge);
    list_init(&t->plan);
    list_init(&t->all);
    list_init(&t->once_age);
    map_init(&t->channels, seed[0], seed[1]);
    map_init(&t->once, seed[0], seed[1]);
    if (t->name && t->by_edge)
        return t;
    tenant_free(t);
    return NULL;
}

static void channel_free(struct tenant_channel *tc)
{
    list_remove(&tc->plan);
    list_remove(&tc->all);
    channel_fini(&tc->c);
    free(tc);
}

void tenant_free(struct tenant *t)
{
    if (!t)
        return;
    size_t at = 0;
    void *value;
    while (map_next(&t->channels, &at, NULL, &value))
        channel_free(value);
    at = 0;
    while (map_next(&t->once, &at, NULL, &value))
        free(value);
    map_fini(&t->channels);
    map_fini(&t->once);
    for (struct follow *f = t->syncs, *next; f; f = next) {
        next = f->next;
        free(f);
    }
    list_remove(&t->all);
    list_remove(&t->plan);
    free(t->by_edge);
    free(t->name);
    free(t);
}

struct tenant_channel *tenant_channel_get(struct tenant *t, struct slice name)
{
    return map_get(&t->channels, name);
}

struct tenant_channel *tenant_channel_take(struct tenant *t, struct slice name,
                                           const struct channel_conf *conf, unsigned edges,
                                           const uint64_t seed[2])
{
    struct tenant_channel *tc = map_get(&t->channels, name);
    if (tc)
        return tc;
    tc = calloc(1, sizeof *tc + edges * sizeof *tc->by_edge);
    if (!tc)
        return NULL;
    list_init(&tc->plan);
    list_init(&tc->all);
    tc->tenant = t;
    tc->announced = t->base_floor;
    if (channel_init(&tc->c, name, conf, t->base_floor, seed) == 0 &&
        map_put(&t->channels, name, tc) == 0)
        return tc;
    channel_free(tc);
    return NULL;
}

void tenant_channel_drop(struct tenant *t, struct tenant_channel *tc)
{
    if (tc->c.floor > t->base_floor)
        t->base_floor = tc->c.floor;
    if (tc->counted)
        t->counted--;
    t->bytes -= tc->accounted;
    map_remove(&t->channels, channel_name(&tc->c));
    channel_free(tc);
}

#define ONCE_KEY_MAX (128 + 1 + 512)

static struct slice once_text(struct slice channel, struct slice key, char text[ONCE_KEY_MAX])
{
    if (channel.len + 1 + key.len > ONCE_KEY_MAX)
        return SLICE_NONE;
    memcpy(text, channel.p, channel.len);
    text[channel.len] = 0; /* no channel name holds one: two pairs never meet */
    memcpy(text + channel.len + 1, key.p, key.len);
    return slice_of(text, channel.len + 1 + key.len);
}

struct once *tenant_once_get(struct tenant *t, struct slice channel, struct slice key)
{
    char text[ONCE_KEY_MAX];
    struct slice s = once_text(channel, key, text);
    return s.p ? map_get(&t->once, s) : NULL;
}

struct once *tenant_once_add(struct tenant *t, struct slice channel, struct slice key,
                             const uint64_t digest[2], pos_t pos, uint64_t expires_ms)
{
    char text[ONCE_KEY_MAX];
    struct slice s = once_text(channel, key, text);
    struct once *o = s.p ? calloc(1, sizeof *o + s.len) : NULL;
    if (!o)
        return NULL;
    list_init(&o->age);
    o->digest[0] = digest[0], o->digest[1] = digest[1];
    o->pos = pos;
    o->expires_ms = expires_ms;
    o->channel_len = (uint32_t)channel.len;
    o->len = (uint32_t)s.len;
    memcpy(o->text, s.p, s.len);
    if (map_put(&t->once, s, o)) {
        free(o);
        return NULL;
    }
    list_push_back(&t->once_age, &o->age);
    return o;
}

void tenant_once_drop(struct tenant *t, struct once *o)
{
    map_remove(&t->once, slice_of(o->text, o->len));
    list_remove(&o->age);
    free(o);
}
