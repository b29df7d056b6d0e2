/* gather.c - numbers that are spread over the loops: one message goes round all of them, the owner
 * first, and comes home. */
#include "server/inside.h"

#include "json/write.h"

#include <stdlib.h>

static void run_on_worker(struct msg *m, void *ctx);

static void free_counts(struct map *m)
{
    size_t at = 0;
    void *value;
    while (map_next(m, &at, NULL, &value))
        free(value);
    map_fini(m);
}

void gather_free(struct gather *g)
{
    if (!g)
        return;
    free_counts(&g->by_channel);
    free_counts(&g->by_tenant);
    buf_fini(&g->channels);
    buf_fini(&g->names);
    buf_fini(&g->sources);
    buf_fini(&g->sources_prom);
    buf_fini(&g->types);
    buf_fini(&g->types_prom);
    if (g->user_free)
        g->user_free(g->user);
    free(g->infos);
    free(g->tenant_text);
    free(g);
}

static void add_count(struct gather *g, struct map *m, struct slice name, uint64_t n)
{
    struct gather_count *c = map_get(m, name);
    if (!c) {
        c = calloc(1, sizeof *c);
        if (!c || map_put(m, name, c)) {
            free(c);
            g->failed = true;
            return;
        }
    }
    c->n += n;
}

static void put_id(struct buf *out, const char *name, pos_t pos, uint32_t epoch)
{
    char text[POS_TEXT_MAX];
    size_t len = pos_format(pos, epoch, text);
    if (pos)
        json_put_member(out, name, slice_of(text, len));
    else
        json_put_member_raw(out, name, SLICE_LIT("null"));
}

/* Subscribers are known to the loops only: the place for them is filled in at the end. */
static bool put_channel(void *ctx, const struct hub_channel_info *info)
{
    struct gather *g = ctx;
    struct gather_channel *c;
    if (g->channel_count == g->channel_cap) {
        size_t cap = g->channel_cap ? g->channel_cap * 2 : 64;
        c = realloc(g->infos, cap * sizeof *c);
        if (!c) {
            g->failed = true;
            return false;
        }
        g->infos = c;
        g->channel_cap = cap;
    }
    c = &g->infos[g->channel_count++];
    size_t begin = g->channels.len;
    buf_add_char(&g->channels, '{');
    json_put_member(&g->channels, "channel", info->channel);
    json_put_member(&g->channels, "tenant", info->tenant);
    put_id(&g->channels, "head", info->head, info->epoch);
    put_id(&g->channels, "oldest", info->oldest, info->epoch);
    put_id(&g->channels, "floor", info->floor, info->epoch);
    json_put_member_u64(&g->channels, "events", info->events);
    json_put_member_u64(&g->channels, "keys", info->keys);
    json_put_member_u64(&g->channels, "bytes", info->bytes);
    json_put_member_bool(&g->channels, "keyed", info->keyed);
    json_put_member_u64(&g->channels, "published", info->published);
    json_put_name(&g->channels, "rate");
    json_put_double(&g->channels, info->rate);
    *c = (struct gather_channel){begin, g->channels.len - begin, g->names.len, 0};
    buf_add_slice(&g->names, info->tenant);
    buf_add_char(&g->names, 0);
    buf_add_slice(&g->names, info->channel);
    c->name_len = g->names.len - c->name_at;
    g->kept += info->events;
    g->kept_bytes += info->bytes;
    return true;
}

static void run_on_owner(struct msg *m, void *ctx)
{
    struct gather *g = (struct gather *)m;
    struct server *s = ctx;
    hub_get_stats(s->hub, &g->hub);
    if (g->want_channels)
        hub_each_channel(s->hub, g->tenant, put_channel, g);
    g->sources_bad = !sources_health(s, &g->sources);
    sources_put_prometheus(s, &g->sources_prom);
    if (!g->tenant.p) {
        types_put_json(s, &g->types);
        types_put_prometheus(s, &g->types_prom);
    } else {
        hub_get_tenant(s->hub, g->tenant, &g->of_tenant);
    }
    if (g->owner)
        g->owner(g, s);
    g->msg.run = run_on_worker;
    worker_post(&s->workers[0], &s->workers[0], &g->msg);
}

static void add_channel(void *ctx, struct slice tenant, struct slice channel, uint64_t readers)
{
    struct gather *g = ctx;
    char name[64 + 1 + 128];
    if (g->tenant.p && !slice_eq(tenant, g->tenant))
        return;
    if (tenant.len + 1 + channel.len > sizeof name)
        return;
    memcpy(name, tenant.p, tenant.len);
    name[tenant.len] = 0;
    memcpy(name + tenant.len + 1, channel.p, channel.len);
    add_count(g, &g->by_channel, slice_of(name, tenant.len + 1 + channel.len), readers);
}

static void add_worker(struct gather *g, struct worker *w)
{
    const struct worker_stats *from = &w->stats;
    struct worker_stats *to = &g->workers;
    struct edge_stats e;
    to->connections += from->connections;
    to->streams += from->streams;
    to->polls += from->polls;
    to->requests += from->requests;
    to->accepted += from->accepted;
    to->opened += from->opened;
    to->closed += from->closed;
    to->resumed += from->resumed;
    for (int i = 0; i < LIMIT_COUNT; i++)
        to->limited[i] += from->limited[i];
    for (int i = 0; i < ERR_INDEX_COUNT; i++)
        to->errors[i] += from->errors[i];
    edge_get_stats(w->edge, &e);
    uint64_t *sum = (uint64_t *)&g->edges;
    const uint64_t *add = (const uint64_t *)&e;
    for (size_t i = 0; i < sizeof e / sizeof *sum; i++) /* all members are counters */
        sum[i] += add[i];
    edge_each_channel(w->edge, add_channel, g);
    if (g->tenant.p)
        g->delivered += edge_delivered(w->edge, g->tenant);
    LIST_EACH(&w->conns, node, after) {
        const struct conn *c = LIST_ENTRY(node, struct conn, all);
        if (!c->counted)
            continue;
        struct slice tenant = slice_of(c->stream.tenant->name, c->stream.tenant->len);
        if (g->tenant.p && !slice_eq(g->tenant, tenant))
            continue;
        add_count(g, &g->by_tenant, tenant, 1);
        g->streams++;
        g->lagging += edge_lag_reason(&c->reader) != NULL;
    }
    if (g->each)
        g->each(g, w);
}

static void run_home(struct msg *m, void *ctx)
{
    struct gather *g = (struct gather *)m;
    struct request *rq = g->request;
    (void)ctx;
    if (g->gathered) {
        g->gathered(g);
        gather_free(g);
        return;
    }
    rq->held = false;
    if (rq->conn)
        g->done(g, rq->conn, rq);
    else
        request_free(rq);
    gather_free(g);
}

static void run_on_worker(struct msg *m, void *ctx)
{
    struct gather *g = (struct gather *)m;
    struct worker *w = ctx;
    add_worker(g, w);
    struct worker *to = g->origin;
    g->next = w->index + 1;
    if (g->next < w->s->worker_count)
        to = &w->s->workers[g->next];
    else
        g->msg.run = run_home;
    worker_post(w, to, &g->msg);
}

struct gather *gather_new(struct worker *origin, struct slice tenant, bool want_channels,
                          gathered_fn gathered, void *user)
{
    uint64_t seed[2];
    struct gather *g = calloc(1, sizeof *g);
    if (g && tenant.p)
        g->tenant_text = slice_dup(tenant);
    if (!g || (tenant.p && !g->tenant_text)) {
        free(g);
        return NULL;
    }
    rng_system(seed, sizeof seed);
    map_init(&g->by_channel, seed[0], seed[1]);
    map_init(&g->by_tenant, seed[0], seed[1]);
    g->msg.run = run_on_owner;
    g->origin = origin;
    if (tenant.p)
        g->tenant = slice_of(g->tenant_text, tenant.len);
    g->want_channels = want_channels || tenant.p; /* a tenant is the sum of its channels */
    g->gathered = gathered;
    g->user = user;
    return g;
}

void gather_send(struct gather *g, struct request *kept, gather_fn done)
{
    g->request = kept;
    g->done = done;
    kept->held = true;
    owner_post(g->origin, &g->msg);
}

void gather_start(struct conn *c, struct request *rq, struct slice tenant, bool want_channels,
                  gather_fn done)
{
    struct request *kept = request_keep(rq);
    struct gather *g = kept ? gather_new(c->w, tenant, want_channels, NULL, NULL) : NULL;
    if (kept)
        c->request = kept;
    if (!g) {
        reply_fail(c, c->request, ERR_OVERLOADED, "out of memory");
        return;
    }
    gather_send(g, kept, done);
}
