#include "store/store_null.h"

#include "base/map.h"
#include "base/rng.h"
#include "store/turn.h"

#include <stdlib.h>

struct null_tenant {
    pos_t pos;
    uint32_t epoch;
};

struct store_null {
    struct turn turn;
    struct map tenants; /* to struct null_tenant */
};

static struct null_tenant *tenant_of(struct store_null *s, struct slice name, uint32_t epoch)
{
    struct null_tenant *t = map_get(&s->tenants, name);
    if (t)
        return t;
    t = calloc(1, sizeof *t);
    if (t && map_put(&s->tenants, name, t)) {
        free(t);
        return NULL;
    }
    if (t)
        t->epoch = epoch;
    return t;
}

static int apply(struct turn *turn, const struct store_batch *batch, struct err *e)
{
    struct store_null *s = (struct store_null *)turn;
    for (size_t i = 0; i < batch->count; i++) {
        const struct store_row *row = &batch->rows[i];
        if (row->kind != STORE_TENANT && row->kind != STORE_EVENT)
            continue;
        uint32_t epoch = row->kind == STORE_EVENT ? row->event->epoch : row->epoch;
        struct null_tenant *t = tenant_of(s, row->tenant, epoch);
        if (!t)
            return err_set(e, ERR_OVERLOADED, "no memory for a tenant");
        if (row->kind == STORE_TENANT) {
            *t = (struct null_tenant){row->pos, row->epoch};
        } else {
            s->turn.stats.events++;
            if (row->event->pos > t->pos)
                t->pos = row->event->pos;
        }
    }
    return 0;
}

static int answer(struct turn *turn, const struct page_spec *spec, struct page *page)
{
    const struct null_tenant *t = map_get(&((struct store_null *)turn)->tenants, spec->tenant);
    if (t) {
        page->epoch = t->epoch;
        page->upto = t->pos;
    }
    return 0;
}

static int load(struct store *s, int (*row)(void *ctx, const struct store_row *row), void *ctx,
                struct err *e)
{
    return 0;
}

static void close_null(struct store *store)
{
    struct store_null *s = (struct store_null *)store;
    if (!s)
        return;
    void *t;
    for (size_t at = 0; map_next(&s->tenants, &at, NULL, &t);)
        free(t);
    map_fini(&s->tenants);
    turn_fini(&s->turn);
    free(s);
}

int store_null_new(struct store **out, struct err *e)
{
    static const struct store_ops ops = {
        .name = "null",
        .durable = false,
        .load = load,
        .append = turn_append,
        .read = turn_read,
        .cancel = turn_cancel,
        .drain = turn_drain,
        .stats = turn_stats,
        .close = close_null,
    };
    static const struct turn_ops turn_ops = {apply, answer};
    struct store_null *s = malloc(sizeof *s);
    if (!s)
        return err_set(e, ERR_OVERLOADED, "no memory for the store");
    turn_init(&s->turn, &ops, &turn_ops);
    uint64_t seed[2];
    rng_system(seed, sizeof seed);
    map_init(&s->tenants, seed[0], seed[1]);
    *out = &s->turn.base;
    return 0;
}
