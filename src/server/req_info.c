/* req_info.c - what the hub says about itself: statistics, channels, metrics, health. */
#include "server/access.h"

#include "json/write.h"
#include "wire/url.h"

#include <stdlib.h>

/* The tenant the query names, if it does: its statistics alone. */
static int asked_tenant(struct conn *c, struct request *rq, struct buf *out)
{
    struct slice query = rq->query, name, value;
    struct err e;
    while (url_query_next(&query, &name, &value)) {
        if (!slice_is(name, "tenant") || out->len)
            continue;
        if (url_decode(value, true, out, &e)) {
            reply_error(c, rq, &e, NULL);
            return -1;
        }
        if (!name_is_tenant(buf_slice(out)))
            return reply_fail(c, rq, ERR_BAD_REQUEST, "tenant: 1 to 64 of A-Z a-z 0-9 _ -");
    }
    return 0;
}

/* Statistics are an administrator's: of the hub, or of its own tenant. */
static int check_admin(struct conn *c, struct request *rq, struct slice tenant)
{
    if (grant_may_administer(rq->grant, tenant))
        return 0;
    return reply_fail(c, rq, ERR_FORBIDDEN, "this needs an administrator's token");
}

static void stats_done(struct gather *g, struct conn *c, struct request *rq)
{
    struct buf body = BUF_INIT;
    stats_put_json(c->w->s, g, &body);
    reply_json(c, rq, 200, &body);
}

void req_stats(struct conn *c, struct request *rq)
{
    struct buf tenant = BUF_INIT;
    if (asked_tenant(c, rq, &tenant) == 0) {
        struct slice of = tenant.len ? buf_slice(&tenant) : SLICE_NONE;
        if (!of.p && grant_admin(rq->grant) == GRANT_ADMIN_TENANT)
            of = grant_tenant(rq->grant);
        if (check_admin(c, rq, of) == 0)
            gather_start(c, rq, of, false, stats_done);
    }
    buf_fini(&tenant);
}

static void metrics_done(struct gather *g, struct conn *c, struct request *rq)
{
    struct buf body = BUF_INIT;
    stats_put_prometheus(c->w->s, g, &body);
    if (body.failed)
        reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
    else
        reply(c, rq, 200, "text/plain; version=0.0.4; charset=utf-8", buf_slice(&body), NULL);
    buf_fini(&body);
}

void req_metrics(struct conn *c, struct request *rq)
{
    if (!c->metrics && check_admin(c, rq, SLICE_NONE))
        return;
    gather_start(c, rq, SLICE_NONE, false, metrics_done);
}

static void channels_done(struct gather *g, struct conn *c, struct request *rq)
{
    struct buf body = BUF_INIT;
    buf_add_str(&body, "{\"channels\":[");
    for (size_t i = 0; i < g->channel_count; i++) {
        const struct gather_channel *ch = &g->infos[i];
        const struct gather_count *readers =
            map_get(&g->by_channel, slice_of(g->names.p + ch->name_at, ch->name_len));
        if (i)
            buf_add_char(&body, ',');
        buf_add(&body, g->channels.p + ch->at, ch->len);
        json_put_member_u64(&body, "subscribers", readers ? readers->n : 0);
        buf_add_char(&body, '}');
    }
    buf_add_str(&body, "]}");
    if (g->failed || g->channels.failed || g->names.failed)
        body.failed = true;
    reply_json(c, rq, 200, &body);
}

void req_channels(struct conn *c, struct request *rq)
{
    struct buf tenant = BUF_INIT;
    if (asked_tenant(c, rq, &tenant) == 0) {
        struct slice name = access_tenant(c->w->conf, rq->grant, buf_slice(&tenant));
        if (check_admin(c, rq, name) == 0)
            gather_start(c, rq, name, true, channels_done);
    }
    buf_fini(&tenant);
}

void req_health(struct conn *c, struct request *rq)
{
    struct buf body = BUF_INIT;
    buf_add_str(&body, "{\"status\":\"ok\"}");
    reply_json(c, rq, 200, &body);
}

static void ready_done(struct gather *g, struct conn *c, struct request *rq)
{
    struct server *s = c->w->s;
    struct buf body = BUF_INIT;
    bool draining = atomic_load(&s->draining), store = g->hub.store.writable;
    bool ready = !draining && store && !g->sources_bad;
    buf_add_char(&body, '{');
    json_put_member_bool(&body, "ready", ready);
    json_put_member_bool(&body, "draining", draining);
    json_put_name(&body, "store");
    buf_add_char(&body, '{');
    json_put_member(&body, "kind", slice_str(s->store->ops->name));
    json_put_member_bool(&body, "ok", store);
    if (!store)
        json_put_member(&body, "detail", slice_str(g->hub.store.detail));
    buf_add_str(&body, "},\"sources\":{");
    buf_add_slice(&body, buf_slice(&g->sources));
    buf_add_str(&body, "}}");
    reply_json(c, rq, ready ? 200 : 503, &body);
}

void req_ready(struct conn *c, struct request *rq)
{
    gather_start(c, rq, SLICE_NONE, false, ready_done);
}
