/* stats.c - what was gathered, as JSON and as Prometheus text. stats.def is the table of numbers. */
#include "server/inside.h"

#include "io/clock.h"
#include "json/write.h"
#include "wire/prom.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One number, wherever it comes from. */
struct number {
    const char *json, *prom, *type, *help;
    double value;
};

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f)
        return 0;
    if (fscanf(f, "%*u %lu", &pages) != 1)
        pages = 0;
    fclose(f);
    return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The p-th part of the histogram's samples lies at or below this, in milliseconds. */
static double percentile_ms(const struct edge_stats *e, double p)
{
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < 32; i++)
        total += e->latency_us[i];
    for (int i = 0; i < 32; i++) {
        seen += e->latency_us[i];
        if (total && (double)seen >= p * (double)total)
            return (double)(2ull << i) / 1000;
    }
    return 0;
}

static uint64_t errors_with(const struct worker_stats *w, int code)
{
    return w->errors[-code - 1];
}

#define NUMBERS_MAX 64

static size_t numbers(const struct server *s, const struct gather *g, struct number *out)
{
    const struct opt_limits *limits = &g->origin->conf->opts->limits;
    const struct hub_stats *h = &g->hub;
    const struct worker_stats *w = &g->workers;
    const struct edge_stats *e = &g->edges;
    double up = (double)(clock_monotonic_ms() - s->started_ms) / 1000;
    uint64_t resident = resident_bytes();
    size_t n = 0;
#define X(json, prom, type, expression, help)                                                      \
    out[n++] = (struct number){json, prom, type, help, (double)(expression)};
#include "server/stats.def"
#undef X
    return n;
}

static void put_map(struct buf *out, const char *name, const struct map *m, bool channels)
{
    size_t at = 0, n = 0;
    struct slice key;
    void *value;
    json_put_name(out, name);
    buf_add_char(out, '{');
    while (map_next(m, &at, &key, &value)) {
        struct slice shown = key;
        if (channels) { /* tenant, NUL, channel */
            slice_cut(&shown, 0);
            if (!shown.p)
                continue;
        }
        struct gather_count *c = value;
        if (n++)
            buf_add_char(out, ',');
        json_put_string(out, shown);
        buf_addf(out, ":%llu", (unsigned long long)c->n);
    }
    buf_add_char(out, '}');
}

/* Channels of the same name of several tenants add up in the view of the whole hub. */
static void put_channels(struct buf *out, const struct gather *g)
{
    struct map sums;
    size_t at = 0;
    struct slice key;
    void *value;
    if (g->tenant.p) {
        put_map(out, "connectionsByChannel", &g->by_channel, true);
        return;
    }
    map_init(&sums, g->by_channel.seed[0], g->by_channel.seed[1]);
    struct gather_count *counts = calloc(g->by_channel.count + 1, sizeof *counts);
    size_t used = 0;
    while (counts && map_next(&g->by_channel, &at, &key, &value)) {
        slice_cut(&key, 0);
        struct gather_count *sum = map_get(&sums, key);
        if (!sum && map_put(&sums, key, &counts[used]) == 0)
            sum = &counts[used++];
        if (sum)
            sum->n += ((struct gather_count *)value)->n;
    }
    put_map(out, "connectionsByChannel", &sums, false);
    map_fini(&sums);
    free(counts);
}

/* A tenant's view: nothing in it tells of the others, not even sums. */
static void put_tenant(const struct gather *g, struct buf *out)
{
    buf_add_char(out, '{');
    json_put_member_u64(out, "totalConnections", g->streams);
    json_put_member_u64(out, "maxConnections", g->origin->conf->opts->limits.connections_per_tenant);
    json_put_member_u64(out, "laggingConnections", g->lagging);
    json_put_member_u64(out, "channels", g->channel_count);
    json_put_member_u64(out, "historySize", g->kept);
    json_put_member_u64(out, "historyBytes", g->kept_bytes);
    json_put_member_u64(out, "eventsPublished", g->of_tenant.published);
    json_put_member_u64(out, "eventsDelivered", g->delivered);
    json_put_member_u64(out, "eventsRefused", g->of_tenant.refused);
    json_put_member_u64(out, "eventsFailed", g->of_tenant.failed);
    json_put_member_u64(out, "eventsRepeated", g->of_tenant.repeated);
    json_put_name(out, "publishRate");
    json_put_double(out, g->of_tenant.rate);
    put_map(out, "connectionsByTenant", &g->by_tenant, false);
    put_map(out, "connectionsByCompany", &g->by_tenant, false);
    put_channels(out, g);
    buf_addf(out, ",\"connectionsByTransport\":{\"sse\":%llu}", (unsigned long long)g->streams);
    json_put_member(out, "version", slice_str(FRESHET_VERSION));
    buf_add_char(out, '}');
}

void stats_put_json(const struct server *s, const struct gather *g, struct buf *out)
{
    if (g->tenant.p) {
        put_tenant(g, out);
        return;
    }
    struct number list[NUMBERS_MAX];
    size_t count = numbers(s, g, list);
    buf_add_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (!list[i].json)
            continue;
        json_put_name(out, list[i].json);
        json_put_double(out, list[i].value);
    }
    put_map(out, "connectionsByTenant", &g->by_tenant, false);
    put_map(out, "connectionsByCompany", &g->by_tenant, false);
    put_channels(out, g);
    if (!g->tenant.p)
        json_put_member_raw(out, "eventsByType", buf_slice(&g->types));
    buf_addf(out, ",\"connectionsByTransport\":{\"sse\":%llu,\"polling\":%llu}",
             (unsigned long long)g->workers.streams, (unsigned long long)g->workers.polls);
    json_put_member(out, "version", slice_str(FRESHET_VERSION));
    json_put_name(out, "store");
    buf_add_char(out, '{');
    json_put_member(out, "kind", slice_str(s->store->ops->name));
    json_put_member_bool(out, "writable", g->hub.store.writable);
    json_put_member(out, "detail", slice_str(g->hub.store.detail));
    buf_add_str(out, "},\"sources\":{");
    buf_add_slice(out, buf_slice(&g->sources));
    buf_add_str(out, "}}");
}

static void put_errors(const struct gather *g, struct buf *out)
{
    prom_put_head(out, "freshet_errors_total", "counter", "Requests refused, by error.");
    for (int i = 0; i < ERR_INDEX_COUNT; i++) {
        const char *const labels[] = {"error", err_name(-(i + 1)), NULL};
        prom_put_sample(out, "freshet_errors_total", labels, (double)g->workers.errors[i]);
    }
}

static void put_limits(const struct gather *g, struct buf *out)
{
    static const char *const names[LIMIT_COUNT] = {
#define X(name, option) option,
#include "server/limits.def"
#undef X
    };
    prom_put_head(out, "freshet_limited_total", "counter", "What was refused, ended or dropped for a limit.");
    for (int i = 0; i < LIMIT_COUNT; i++) {
        const char *const labels[] = {"limit", names[i], NULL};
        uint64_t n = i == LIMIT_HISTORY_BYTES ? g->hub.shed : g->workers.limited[i];
        prom_put_sample(out, "freshet_limited_total", labels, (double)n);
    }
}

static void put_latency(const struct gather *g, struct buf *out)
{
    static const char name[] = "freshet_publish_to_sent_seconds";
    const struct edge_stats *e = &g->edges;
    uint64_t seen = 0;
    double sum = 0;
    prom_put_head(out, name, "histogram",
                  "Time from a publish's arrival until the last reader of a feed was sent it.");
    for (int i = 0; i < 32; i++) {
        char le[32];
        seen += e->latency_us[i];
        sum += (double)e->latency_us[i] * (double)(3ull << i) / 2e6;
        if (i < 6 || i > 26)
            continue; /* 128 us to 134 s */
        snprintf(le, sizeof le, "%g", (double)(2ull << i) / 1e6);
        const char *const labels[] = {"le", le, NULL};
        prom_put_sample(out, "freshet_publish_to_sent_seconds_bucket", labels, (double)seen);
    }
    const char *const inf[] = {"le", "+Inf", NULL};
    prom_put_sample(out, "freshet_publish_to_sent_seconds_bucket", inf, (double)seen);
    prom_put_sample(out, "freshet_publish_to_sent_seconds_sum", NULL, sum);
    prom_put_sample(out, "freshet_publish_to_sent_seconds_count", NULL, (double)seen);
}

void stats_put_prometheus(const struct server *s, const struct gather *g, struct buf *out)
{
    struct number list[NUMBERS_MAX];
    size_t count = numbers(s, g, list);
    for (size_t i = 0; i < count; i++) {
        if (!list[i].prom)
            continue;
        prom_put_head(out, list[i].prom, list[i].type, list[i].help);
        prom_put_sample(out, list[i].prom, NULL, list[i].value);
    }
    put_errors(g, out);
    put_limits(g, out);
    put_latency(g, out);
    prom_put_head(out, "freshet_build_info", "gauge", "The version that runs.");
    const char *const labels[] = {"version", FRESHET_VERSION, NULL};
    prom_put_sample(out, "freshet_build_info", labels, 1);
    buf_add_slice(out, buf_slice(&g->types_prom));
    buf_add_slice(out, buf_slice(&g->sources_prom));
}
