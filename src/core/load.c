/* load.c - starting up: the owner's index from what the store has kept. */
#include "core/owner.h"

#include <stdlib.h>

static struct tenant *load_tenant(struct hub *h, const struct store_row *row)
{
    struct tenant *t = owner_tenant_take(h, row->tenant);
    if (!t)
        return NULL;
    t->epoch = row->epoch;
    t->last = t->committed = row->pos;
    t->base_floor = row->floor;
    t->stored = true;
    t->dirty = false;
    return t;
}

static struct tenant_channel *load_channel(struct hub *h, struct tenant *t, struct slice name)
{
    /* A channel that is closed now keeps what it has, by the limits of a channel without a name. */
    const struct channel_conf *conf = h->ops.channel_conf(h->ops.ctx, tenant_name(t), name);
    if (!conf)
        conf = h->ops.channel_conf(h->ops.ctx, tenant_name(t), SLICE_NONE);
    struct tenant_channel *tc = conf ? owner_channel_take(h, t, name, conf) : NULL;
    if (tc && !tc->counted) {
        tc->counted = true;
        t->counted++;
    }
    return tc;
}

static int load_once(struct hub *h, struct tenant *t, const struct store_row *row)
{
    uint64_t digest[2] = {0, 0};
    if (row->value.len == sizeof digest)
        memcpy(digest, row->value.p, sizeof digest);
    struct once *o = tenant_once_add(t, row->name, row->key, digest, row->pos, row->time_ms);
    if (!o)
        return ERR_OVERLOADED;
    o->committed = true;
    return 0;
}

static int keep_row(struct hub *h, const struct store_row *row)
{
    struct loaded *l = calloc(1, sizeof *l + row->tenant.len + row->name.len + row->value.len);
    if (!l)
        return ERR_OVERLOADED;
    char *at = (char *)(l + 1);
    l->row = *row;
    struct slice *texts[] = {&l->row.tenant, &l->row.name, &l->row.value};
    for (size_t i = 0; i < 3; i++) {
        if (texts[i]->len)
            memcpy(at, texts[i]->p, texts[i]->len);
        texts[i]->p = at;
        at += texts[i]->len;
    }
    l->next = h->loaded;
    h->loaded = l;
    return 0;
}

static int on_row(void *ctx, const struct store_row *row)
{
    struct hub *h = ctx;
    if (row->kind == STORE_TENANT)
        return load_tenant(h, row) ? 0 : ERR_OVERLOADED;
    if (row->kind == STORE_SOURCE || row->kind == STORE_REVOKE)
        return keep_row(h, row);
    struct tenant *t = map_get(&h->tenants, row->tenant);
    if (!t)
        return ERR_INTERNAL;
    if (row->kind == STORE_ONCE)
        return load_once(h, t, row);
    struct slice name = row->kind == STORE_EVENT ? event_channel(row->event) : row->name;
    struct tenant_channel *tc = load_channel(h, t, name);
    if (!tc)
        return ERR_OVERLOADED;
    tc->stored = true;
    if (row->kind == STORE_CHANNEL)
        tc->c.floor = tc->announced = row->floor;
    else if (row->kind == STORE_EVENT && channel_load(&tc->c, row->event, row->event->pos))
        return ERR_OVERLOADED;
    tenant_account(tc);
    tc->announced_head = tc->c.head;
    return 0;
}

int owner_load(struct hub *h, struct err *e)
{
    int rc = h->store->ops->load(h->store, on_row, h, e);
    if (rc && e && !e->code)
        err_set(e, rc, "what the store holds can't be loaded (%s)", err_name(rc));
    return rc;
}
