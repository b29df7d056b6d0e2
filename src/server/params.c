/* params.c - what a stream or a poll asks for: query parameters, headers, and what a route says. */
#include "server/access.h"

#include "base/num.h"
#include "wire/url.h"

#include <stdlib.h>

/* Where decoded text goes: it is never longer than the encoded. */
struct arena {
    char *at;
    size_t left;
};

static int decode(struct arena *a, struct slice raw, struct slice *out, struct err *e)
{
    struct buf b = BUF_INIT;
    int rc = url_decode(raw, true, &b, e);
    if (!rc && (b.failed || b.len + 1 > a->left))
        rc = err_set(e, ERR_OVERLOADED, "out of memory");
    if (!rc) {
        if (b.len)
            memcpy(a->at, b.p, b.len);
        *out = slice_of(a->at, b.len);
        a->at += b.len + 1;
        a->left -= b.len + 1;
    }
    buf_fini(&b);
    return rc;
}

/* The raw values of what was asked for, before they are looked at. */
struct wishes {
    const char *tenant_name, *channel_name, *type_name, *key_name, *since_name, *last_id_name;
    struct slice tenant, since, last_id, snapshot, envelope, heartbeat, limit, wait;
    size_t channels, types, keys; /* how many values at most */
};

static void names_of(const struct opt_route *r, struct wishes *w)
{
    *w = (struct wishes){.tenant_name = "tenant",
                         .channel_name = "channel",
                         .type_name = "type",
                         .key_name = "key",
                         .since_name = "since",
                         .last_id_name = "lastEventId"};
    if (!r)
        return;
    const char **mine[] = {&w->tenant_name, &w->channel_name, &w->type_name,
                           &w->key_name,    &w->since_name,   &w->last_id_name};
    const char *const theirs[] = {r->params.tenant, r->params.channel, r->params.type,
                                  r->params.key,    r->params.since,   r->params.last_event_id};
    for (size_t i = 0; i < 6; i++)
        if (theirs[i])
            *mine[i] = theirs[i];
}

static size_t count_parts(struct slice value)
{
    size_t n = 1;
    for (size_t i = 0; i < value.len; i++)
        n += value.p[i] == ',';
    return n;
}

static void note(struct wishes *w, struct slice name, struct slice value)
{
    const struct {
        const char *name;
        struct slice *to;
    } singles[] = {{w->tenant_name, &w->tenant},  {w->since_name, &w->since},
                   {w->last_id_name, &w->last_id}, {"lastEventId", &w->last_id},
                   {"last_event_id", &w->last_id}, {"snapshot", &w->snapshot},
                   {"envelope", &w->envelope},     {"heartbeat", &w->heartbeat},
                   {"limit", &w->limit},           {"wait", &w->wait}};
    if (slice_is(name, w->channel_name))
        w->channels += count_parts(value);
    else if (slice_is(name, w->type_name))
        w->types += count_parts(value);
    else if (slice_is(name, w->key_name))
        w->keys += count_parts(value);
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        if (slice_is(name, singles[i].name) && !singles[i].to->p)
            *singles[i].to = value.p ? value : slice_str("");
}

/* Appends the comma-separated, then decoded values; empty ones are skipped. */
static int fill_list(struct arena *a, struct slice value, struct slice *list, size_t *count,
                     struct err *e)
{
    struct slice rest = value;
    while (rest.p) {
        struct slice part = slice_cut(&rest, ',');
        if (!part.len)
            continue;
        if (decode(a, part, &list[*count], e))
            return e->code;
        ++*count;
    }
    return 0;
}

static int fill_lists(struct arena *a, const struct request *rq, const struct wishes *w,
                      struct params *p, struct err *e)
{
    struct slice query = rq->query, name, value;
    while (url_query_next(&query, &name, &value)) {
        int rc = 0;
        if (slice_is(name, w->channel_name))
            rc = fill_list(a, value, p->channels, &p->channel_count, e);
        else if (slice_is(name, w->type_name))
            rc = fill_list(a, value, p->types, &p->type_count, e);
        else if (slice_is(name, w->key_name))
            rc = fill_list(a, value, p->keys, &p->key_count, e);
        if (rc)
            return rc;
    }
    return 0;
}

static size_t drop_repeats(struct slice *list, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < kept && !slice_eq(list[j], list[i]))
            j++;
        if (j == kept)
            list[kept++] = list[i];
    }
    return kept;
}

int since_parse(struct slice text, uint64_t now_ms, struct reader_start *start, struct err *e)
{
    uint64_t ms;
    if (!text.len || slice_is(text, "latest")) {
        start->since = START_LATEST;
    } else if (slice_is(text, "earliest")) {
        start->since = START_EARLIEST;
    } else if (pos_parse(text, &start->at, &start->epoch)) {
        start->since = START_ID;
    } else if (num_u64(text, UINT64_MAX >> POS_N_BITS, &ms)) {
        start->since = START_AT;
        start->at = pos_before_ms(ms);
    } else if (num_duration_ms(text, &ms)) {
        start->since = START_AT;
        start->at = pos_before_ms(ms < now_ms ? now_ms - ms : 0);
    } else if (num_rfc3339_ms(text, &ms)) {
        start->since = START_AT;
        start->at = pos_before_ms(ms);
    } else {
        return err_set(e, ERR_BAD_REQUEST,
                       "since: an id, latest, earliest, an age (30s, 10m, 2h), a unix time in ms "
                       "or an RFC 3339 time");
    }
    return 0;
}

static int parse_numbers(const struct conf *conf, const struct wishes *w, struct params *p,
                         struct err *e)
{
    const struct opt_limits *o = &conf->opts->limits;
    uint64_t n = 100;
    if (w->limit.p && (!num_u64(w->limit, o->poll_events, &n) || n == 0))
        return err_set(e, ERR_BAD_REQUEST, "limit: a whole number from 1 to %llu",
                       (unsigned long long)o->poll_events);
    p->limit = (uint32_t)(n < o->poll_events ? n : o->poll_events);
    if (w->wait.p && num_u64(w->wait, UINT64_MAX / 1000, &n))
        p->wait_ms = n * 1000;
    else if (w->wait.p && !num_duration_ms(w->wait, &p->wait_ms))
        return err_set(e, ERR_BAD_REQUEST, "wait: seconds, or a duration such as 500ms or 20s");
    if (p->wait_ms > o->poll_wait_ms)
        return err_set(e, ERR_BAD_REQUEST, "wait: at most %llu ms",
                       (unsigned long long)o->poll_wait_ms);
    if (w->snapshot.p && slice_is(w->snapshot, "true"))
        p->start.snapshot = true;
    else if (w->snapshot.p && !slice_is(w->snapshot, "false"))
        return err_set(e, ERR_BAD_REQUEST, "snapshot: true or false");
    return 0;
}

static int parse_forms(const struct wishes *w, struct params *p, struct err *e)
{
    p->envelope = ENVELOPE_NAMED;
    p->heartbeat = BEAT_EVENT;
    if (w->envelope.p && !envelope_parse(w->envelope, &p->envelope))
        return err_set(e, ERR_BAD_REQUEST, "envelope: named, full, typed, flat or update");
    if (w->heartbeat.p && !heartbeat_parse(w->heartbeat, &p->heartbeat))
        return err_set(e, ERR_BAD_REQUEST, "heartbeat: event, comment, ping or none");
    return 0;
}

/* Channels of a route that doesn't leave the choice; or the choice, against its allow-list. */
static int route_channels(const struct opt_route *r, struct params *p, struct err *e)
{
    if (r->channel == CHANNEL_RULE_FIXED) {
        p->channel_count = 0;
        for (size_t i = 0; i < r->channels.count; i++)
            p->channels[p->channel_count++] = slice_str(r->channels.v[i]);
        return 0;
    }
    for (size_t i = 0; i < p->channel_count; i++) {
        bool listed = r->channels.count == 0;
        for (size_t j = 0; !listed && j < r->channels.count; j++)
            listed = options_pattern_covers(r->channels.v[j], p->channels[i]);
        if (!listed)
            return err_set(e, ERR_FORBIDDEN, "this route does not offer that channel");
    }
    return 0;
}

/* met: counts of limits. */
static int check_lists(const struct conf *conf, const struct wishes *w, struct params *p,
                       uint64_t *met, struct err *e)
{
    const struct opt_limits *o = &conf->opts->limits;
    p->channel_count = drop_repeats(p->channels, p->channel_count);
    p->type_count = drop_repeats(p->types, p->type_count);
    p->key_count = drop_repeats(p->keys, p->key_count);
    if (!p->channel_count)
        return err_set(e, ERR_BAD_REQUEST, "%s: name at least one channel", w->channel_name);
    if (p->channel_count > o->channels_per_connection) {
        met[LIMIT_CHANNELS]++;
        return err_set(e, ERR_BAD_REQUEST, "%s: at most %llu (limits.channels_per_connection)",
                       w->channel_name, (unsigned long long)o->channels_per_connection);
    }
    met[LIMIT_FILTERS] += p->type_count + p->key_count > o->filters_per_connection;
    if (p->type_count + p->key_count > o->filters_per_connection)
        return err_set(e, ERR_BAD_REQUEST,
                       "at most %llu types and keys (limits.filters_per_connection)",
                       (unsigned long long)o->filters_per_connection);
    for (size_t i = 0; i < p->channel_count; i++)
        if (!name_is_channel(p->channels[i]))
            return err_set(e, ERR_BAD_REQUEST,
                           "%s: 1 to 128 of A-Z a-z 0-9 . _ : -, first a letter or digit",
                           w->channel_name);
    for (size_t i = 0; i < p->type_count; i++)
        if (!name_is_type(p->types[i]))
            return err_set(e, ERR_BAD_REQUEST, "%s: 1 to 128 bytes of plain text", w->type_name);
    for (size_t i = 0; i < p->key_count; i++)
        if (!name_is_key(p->keys[i]))
            return err_set(e, ERR_BAD_REQUEST, "%s: 1 to 256 bytes of plain text", w->key_name);
    return 0;
}

/* The tenant, and whether all of it is granted: asked before anything is looked up, so that the
 * answer doesn't tell what exists. */
static int check_grant(const struct conf *conf, const struct request *rq, struct wishes *w,
                       struct params *p, struct err *e)
{
    const struct opt_route *r = rq->route;
    struct slice named = w->tenant;
    if (r && r->tenant == TENANT_RULE_FIXED)
        named = slice_str(r->tenant_value);
    else if (r && r->tenant == TENANT_RULE_TOKEN && !conf->opts->dev)
        named = SLICE_NONE;
    p->tenant = access_tenant(conf, rq->grant, named);
    if (!name_is_tenant(p->tenant))
        return err_set(e, ERR_BAD_REQUEST, "%s: 1 to 64 of A-Z a-z 0-9 _ -", w->tenant_name);
    for (size_t i = 0; i < p->channel_count; i++)
        if (!grant_may_subscribe(rq->grant, p->tenant, p->channels[i]))
            return err_set(e, ERR_FORBIDDEN, "this token does not grant all of these channels");
    for (size_t i = 0; i < p->channel_count; i++)
        if (!conf_channel(conf, p->channels[i]))
            return err_set(e, ERR_NOT_FOUND, "channel %.*s is not configured",
                           SLICE_FMT(p->channels[i]));
    return 0;
}

static int parse_start(const struct opt_route *r, const struct request *rq,
                       const struct wishes *w, struct params *p, uint64_t now_ms, struct err *e)
{
    struct slice header = http1_field(&rq->http, "last-event-id");
    if (header.len)
        p->start.last_id = header;
    else if (w->last_id.len)
        p->start.last_id = w->last_id;
    struct slice since = w->since;
    if (!since.p && r && r->since)
        since = slice_str(r->since);
    if (r && r->snapshot && !w->snapshot.p)
        p->start.snapshot = true;
    return since_parse(since, now_ms, &p->start, e);
}

int params_parse(const struct request *rq, struct params *p, struct err *e)
{
    const struct conf *conf = request_conf(rq);
    struct wishes w;
    struct slice query = rq->query, name, value;
    const struct opt_route *r = rq->route;
    *p = (struct params){.limit = 100};
    names_of(r, &w);
    while (url_query_next(&query, &name, &value))
        note(&w, name, value);
    size_t fixed = r ? r->channels.count : 0;
    size_t lists = w.channels + fixed + w.types + w.keys + 1;
    /* every value is decoded once, and takes a byte more than its text at most; lists one each */
    size_t bytes = 2 * rq->query.len + 64 + lists;
    p->text = malloc(bytes);
    p->lists = calloc(lists, sizeof *p->lists);
    if (!p->text || !p->lists)
        return err_set(e, ERR_OVERLOADED, "out of memory");
    p->channels = p->lists;
    p->types = p->channels + w.channels + fixed;
    p->keys = p->types + w.types;
    struct arena a = {p->text, bytes};
    struct slice *singles[] = {&w.tenant, &w.since, &w.last_id, &w.snapshot,
                               &w.envelope, &w.heartbeat, &w.limit, &w.wait};
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        if (singles[i]->p && decode(&a, *singles[i], singles[i], e))
            return e->code;
    if (fill_lists(&a, rq, &w, p, e) || (r && route_channels(r, p, e)))
        return e->code;
    if (check_lists(conf, &w, p, rq->conn->w->stats.limited, e) || check_grant(conf, rq, &w, p, e) || parse_numbers(conf, &w, p, e) ||
        parse_forms(&w, p, e))
        return e->code;
    return parse_start(r, rq, &w, p, rq->conn->w->now_ms, e);
}

void params_fini(struct params *p)
{
    free(p->text);
    free(p->lists);
}
