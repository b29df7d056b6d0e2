/* conf.c - a configuration and what is made of it: channels' limits, endpoints, keys. */
#include "server/access.h"

#include <stdlib.h>

/* ---- channels ---- */

const struct channel_conf *conf_channel(const struct conf *conf, struct slice channel)
{
    const struct options *o = conf->opts;
    const struct opt_channel *found = channel.p ? options_channel(o, channel) : NULL;
    if (found)
        return &conf->channel_confs[found - o->channels.v];
    if (channel.p && !o->channels_open)
        return NULL;
    return &conf->channel_confs[o->channels.count];
}

static bool is_owned(const struct options *o, const char *channel)
{
    for (size_t i = 0; i < o->sources.count; i++)
        if (o->sources.v[i].channel && strcmp(o->sources.v[i].channel, channel) == 0)
            return true;
    return false;
}

static struct channel_conf conf_of(const struct options *o, const struct opt_channel *c)
{
    return (struct channel_conf){.keyed = c->keyed,
                                 .owned = c->name && is_owned(o, c->name),
                                 .events = (uint32_t)c->history.events,
                                 .bytes = c->history.bytes,
                                 .age_ms = c->history.age_ms,
                                 .keys = (uint32_t)c->keys};
}

static int make_channel_confs(struct conf *conf)
{
    const struct options *o = conf->opts;
    size_t count = o->channels.count + 1;
    conf->channel_confs = calloc(2 * count, sizeof *conf->channel_confs);
    if (!conf->channel_confs)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct channel_conf *c = &conf->channel_confs[i], *unlike = c + count;
        *c = conf_of(o, i + 1 < count ? &o->channels.v[i] : &o->channel_default);
        if (o->store.kind == STORE_KIND_NULL) /* it keeps nothing: then floors have to say so */
            c->events = c->keys = 0;
        *unlike = *c;
        unlike->keyed = !c->keyed;
        c->unlike = unlike;
        unlike->unlike = c;
    }
    return 0;
}

/* ---- endpoints ---- */

#define GET (1u << HTTP1_GET | 1u << HTTP1_HEAD)
#define POST (1u << HTTP1_POST)
#define DELETE (1u << HTTP1_DELETE)

struct endpoint *conf_pattern(const struct conf *conf, struct slice pattern)
{
    for (size_t i = 0; i < conf->pattern_count; i++)
        if (slice_is(pattern, conf->patterns[i]->path))
            return conf->patterns[i];
    return NULL;
}

const struct endpoint *conf_endpoint(const struct conf *conf, struct slice path)
{
    const struct endpoint *ep = map_get(&conf->endpoints, path);
    return ep ? ep : api_route_find(conf, path);
}

static int add_pattern(struct conf *conf, struct endpoint *ep)
{
    for (size_t i = 0; i < conf->pattern_count; i++)
        if (strcmp(conf->patterns[i]->path, ep->path) == 0) {
            conf->patterns[i] = ep;
            return 0;
        }
    struct endpoint **more = realloc(conf->patterns, (conf->pattern_count + 1) * sizeof *more);
    if (!more)
        return -1;
    conf->patterns = more;
    conf->patterns[conf->pattern_count++] = ep;
    return 0;
}

int conf_add_endpoint(struct conf *conf, struct endpoint with, bool pattern)
{
    size_t len = strlen(with.path), cookie = with.cookie ? strlen(with.cookie) + 1 : 0;
    struct endpoint *ep = malloc(sizeof *ep + len + 1 + cookie);
    if (!ep)
        return -1;
    *ep = with;
    memcpy(ep + 1, with.path, len + 1);
    ep->path = (char *)(ep + 1);
    if (cookie)
        ep->cookie = memcpy((char *)(ep + 1) + len + 1, with.cookie, cookie);
    struct slice path = slice_of(ep->path, len);
    ep->next = pattern ? conf_pattern(conf, path) : map_get(&conf->endpoints, path);
    if (pattern ? add_pattern(conf, ep) : map_put(&conf->endpoints, path, ep)) {
        free(ep);
        return -1;
    }
    return 0;
}

static struct endpoint of_route(const struct opt_route *r, size_t i)
{
    struct endpoint ep = {.path = r->path, .cookie = r->cookie, .route = r, .route_index = i};
    switch (r->kind) {
    case ROUTE_KIND_STREAM:
        ep.methods = GET;
        ep.run = req_stream;
        break;
    case ROUTE_KIND_POLL:
        ep.methods = GET;
        ep.run = req_poll;
        break;
    case ROUTE_KIND_STATS:
        ep.methods = GET;
        ep.run = req_stats;
        break;
    case ROUTE_KIND_PUBLISH:
    case ROUTE_KIND_TEST_BROADCAST:
        ep.methods = POST;
        ep.run = req_publish;
        break;
    }
    return ep;
}

/* The table of endpoints: path, methods, what they do. */
static const struct endpoint builtin[] = {
    {.path = "/v1/stream", .methods = GET, .run = req_stream},
    {.path = "/v1/events", .methods = GET, .run = req_poll},
    {.path = "/v1/publish", .methods = POST, .run = req_publish},
    {.path = "/v1/stats", .methods = GET, .run = req_stats},
    {.path = "/v1/channels", .methods = GET, .run = req_channels},
    {.path = "/v1/tenants", .methods = GET, .run = req_tenants},
    {.path = "/v1/config", .methods = GET, .run = req_config},
    {.path = "/v1/schemas", .methods = GET, .run = req_schemas},
    {.path = "/v1/revoke", .methods = POST, .run = req_revoke},
    {.path = "/v1/connections", .methods = GET, .run = req_connections},
    {.path = "/metrics", .methods = GET, .run = req_metrics},
    {.path = "/healthz", .methods = GET, .run = req_health, .open = true},
    {.path = "/readyz", .methods = GET, .run = req_ready, .open = true}};
static const struct endpoint patterns[] = {
    {.path = "/v1/connections/:id", .methods = DELETE, .run = req_kick},
    {.path = "/v1/connections/:id", .methods = POST, .run = req_renew}};

static int make_endpoints(struct conf *conf)
{
    static const struct endpoint test_broadcast = {
        .path = "/v1/test-broadcast", .methods = POST, .run = req_publish};
    const struct opt_routes *routes = &conf->opts->routes;
    bool test = conf->opts->dev || conf->opts->test_broadcast;
    int rc = 0;
    for (size_t i = 0; i < sizeof builtin / sizeof *builtin; i++)
        rc |= conf_add_endpoint(conf, builtin[i], false);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        rc |= conf_add_endpoint(conf, patterns[i], true);
    if (test)
        rc |= conf_add_endpoint(conf, test_broadcast, false);
    for (size_t i = 0; i < routes->count; i++)
        if (routes->v[i].kind != ROUTE_KIND_TEST_BROADCAST || test)
            rc |= conf_add_endpoint(conf, of_route(&routes->v[i], i), false);
    return rc;
}

/* Those of the program, which `with` got in this order from the last on. */
static int add_handlers(struct conf *conf, const struct endpoint *with, bool pattern)
{
    if (!with)
        return 0;
    int rc = add_handlers(conf, with->next, pattern);
    return with->handler ? rc | conf_add_endpoint(conf, *with, pattern) : rc;
}

static int add_all_handlers(struct conf *conf, const struct conf *boot)
{
    size_t at = 0;
    void *value;
    int rc = 0;
    while (map_next(&boot->endpoints, &at, NULL, &value))
        rc |= add_handlers(conf, value, false);
    for (size_t i = 0; i < boot->pattern_count; i++)
        rc |= add_handlers(conf, boot->patterns[i], true);
    return rc;
}

static void free_endpoint(struct endpoint *ep)
{
    for (struct endpoint *next; ep; ep = next) {
        next = ep->next;
        free(ep);
    }
}

static void free_endpoints(struct conf *conf)
{
    size_t at = 0;
    void *value;
    while (map_next(&conf->endpoints, &at, NULL, &value))
        free_endpoint(value);
    map_fini(&conf->endpoints);
    for (size_t i = 0; i < conf->pattern_count; i++)
        free_endpoint(conf->patterns[i]);
    free(conf->patterns);
}

/* ---- life ---- */

struct conf *conf_new(struct options *opts, struct conf *boot, struct err *e)
{
    uint64_t seed[2];
    struct conf *conf = calloc(1, sizeof *conf);
    if (!conf) {
        options_free(opts);
        err_set(e, ERR_OVERLOADED, "out of memory");
        return NULL;
    }
    atomic_init(&conf->refs, 1);
    conf->opts = opts;
    conf->boot = boot ? conf_ref(boot) : NULL;
    conf->console_dir = console_find(opts);
    rng_system(seed, sizeof seed);
    map_init(&conf->endpoints, seed[0], seed[1]);
    if (make_channel_confs(conf) || make_endpoints(conf) || (boot && add_all_handlers(conf, boot)))
        err_set(e, ERR_OVERLOADED, "out of memory");
    else if ((conf->access = access_conf_new(opts, e)))
        return conf;
    conf_unref(conf);
    return NULL;
}

struct conf *conf_ref(struct conf *conf)
{
    atomic_fetch_add_explicit(&conf->refs, 1, memory_order_relaxed);
    return conf;
}

void conf_unref(struct conf *conf)
{
    if (!conf || atomic_fetch_sub_explicit(&conf->refs, 1, memory_order_acq_rel) != 1)
        return;
    struct conf *boot = conf->boot;
    access_conf_free(conf->access);
    free_endpoints(conf);
    free(conf->channel_confs);
    free(conf->formats);
    free(conf->console_dir);
    options_free(conf->opts);
    free(conf);
    conf_unref(boot);
}

struct conf *server_conf(struct server *s)
{
    pthread_mutex_lock(&s->conf_lock);
    struct conf *conf = conf_ref(s->conf);
    pthread_mutex_unlock(&s->conf_lock);
    return conf;
}
