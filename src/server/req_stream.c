/* req_stream.c - GET /v1/stream and the routes of kind stream. */
#include "server/access.h"

#include <stdio.h>

/* Whether the request takes an event stream (RFC 9110 section 12.5.1). */
static bool accepts_stream(const struct request *rq)
{
    struct slice accept = http1_field(&rq->http, "accept"), rest = accept;
    if (!accept.p)
        return true;
    while (rest.p) {
        struct slice part = slice_cut(&rest, ',');
        struct slice type = slice_trim(slice_cut(&part, ';'));
        if ((slice_is_nocase(type, "text/event-stream") || slice_is_nocase(type, "text/*") ||
             slice_is(type, "*/*")) &&
            !request_weighs_nothing(part))
            return true;
    }
    return false;
}

static int refuse(struct conn *c, struct request *rq, enum limit which, const char *what,
                  uint64_t max)
{
    struct err e;
    c->w->stats.limited[which]++;
    err_set(&e, ERR_TOO_MANY_CONNECTIONS, "%s has %llu streams open, as many as it may: close some",
            what, (unsigned long long)max);
    reply_error(c, rq, &e, "Retry-After: 5\r\n");
    return -1;
}

/* Of whom a stream counts, besides its tenant; NULL where that is not limited. */
struct uses {
    struct tenant_use *address, *user;
};

/* Whether there is room for one more stream. */
static int check_room(struct conn *c, struct request *rq, struct tenant_use *use,
                      struct uses *uses)
{
    struct server *s = c->w->s;
    const struct opt_limits *o = &c->w->conf->opts->limits;
    char text[USER_TEXT];
    if (o->connections && (uint64_t)atomic_load(&s->streams) >= o->connections)
        return refuse(c, rq, LIMIT_CONNECTIONS, "the hub", o->connections);
    uint64_t per_tenant = rq->route && rq->route->connections_per_tenant
                              ? rq->route->connections_per_tenant
                              : o->connections_per_tenant;
    if (per_tenant && (uint64_t)atomic_load(&use->streams) >= per_tenant)
        return refuse(c, rq, LIMIT_PER_TENANT, "this tenant", per_tenant);
    struct slice user =
        user_name(grant_tenant(rq->grant), grant_subject(rq->grant), text);
    int rc = user_enter(s, user, o->connections_per_user, &uses->user);
    if (rc == ERR_TOO_MANY_CONNECTIONS)
        return refuse(c, rq, LIMIT_PER_USER, "this user", o->connections_per_user);
    if (!rc)
        rc = address_enter(s, c->t.fd, o->connections_per_address, &uses->address);
    if (rc)
        user_leave(s, uses->user);
    if (rc == ERR_TOO_MANY_CONNECTIONS)
        return refuse(c, rq, LIMIT_PER_ADDRESS, "this address", o->connections_per_address);
    return rc ? reply_fail(c, rq, rc, "out of memory") : 0;
}

static void put_head(struct conn *c, const struct request *rq, bool chunked, bool keep_alive)
{
    struct buf *extra = &c->w->frame;
    char date[30];
    http1_date(c->w->now_ms / 1000, date);
    buf_reset(extra);
    buf_addf(extra, "Date: %s\r\n", date);
    buf_add_str(extra, "Cache-Control: no-store, no-transform\r\nX-Accel-Buffering: no\r\n");
    reply_cors(c->w->conf, rq, extra);
    struct http1_response r = {.status = 200,
                               .minor = rq->http.minor,
                               .keep_alive = keep_alive,
                               .content_type = "text/event-stream",
                               .chunked = chunked,
                               .no_length = !chunked,
                               .extra = buf_slice(extra)};
    http1_write_head(&c->x->out, &r);
}

/* While the hub drains: an answer that a native EventSource comes back after. */
static void answer_draining(struct conn *c, struct request *rq, unsigned format)
{
    struct worker *w = c->w;
    put_head(c, rq, false, false);
    buf_reset(&w->frame);
    format_close(w, format, "draining", server_retry_ms(w->s, &w->dice), &w->frame);
    buf_add_slice(&c->x->out, buf_slice(&w->frame));
    conn_answered(c, false);
}

static void answer_head(struct conn *c, struct request *rq)
{
    bool keep_alive = rq->http.keep_alive;
    put_head(c, rq, rq->http.minor == 1, keep_alive);
    conn_answered(c, keep_alive);
}

static void begin(struct conn *c, struct request *rq, const struct params *p,
                  struct tenant_use *use, const struct uses *uses, unsigned format)
{
    struct worker *w = c->w;
    struct feed_spec spec = {p->tenant,     p->channels, p->channel_count, p->types,
                             p->keys,       p->type_count, p->key_count};
    struct reader_start start = p->start;
    put_head(c, rq, !c->minor0, !c->minor0);
    c->state = CONN_STREAM;
    c->format = (uint16_t)format;
    c->stream = (struct stream){rng_next(&w->dice) << 8 | w->index, w->now_ms, use,
                                 uses->address, uses->user};
    c->counted = true;
    c->since_ms = w->mono_ms;
    w->stats.streams++;
    w->stats.opened++;
    w->stats.resumed += start.last_id.p != NULL;
    atomic_fetch_add(&w->s->streams, 1);
    atomic_fetch_add(&use->streams, 1);
    list_remove(&c->x->timed);
    log_line(w->s->log, LOG_INFO, "stream opened",
             "connection=%016llx tenant=%s channels=%zu first=%.*s resume=%s",
             (unsigned long long)c->stream.id, use->name, p->channel_count,
             SLICE_FMT(p->channels[0]), start.last_id.p ? "yes" : "no");
    if (access_guard(c, rq) ||
        edge_open(w->edge, &c->reader, &spec, &start, format, c->minor0, w->mono_ms)) {
        conn_overloaded(c);
        return;
    }
    if (c->state == CONN_STREAM) {
        api_connection(c, NULL);
        c->announced = true;
        request_free(c->request);
        c->request = NULL;
    }
}

void req_stream(struct conn *c, struct request *rq)
{
    struct server *s = c->w->s;
    struct params p;
    struct err e = {.index = -1};
    if (!accepts_stream(rq)) {
        reply_fail(c, rq, ERR_NOT_ACCEPTABLE, "this is served as text/event-stream only");
        return;
    }
    if (params_parse(rq, &p, &e)) {
        reply_error(c, rq, &e, NULL);
        params_fini(&p);
        return;
    }
    unsigned format = rq->route ? format_of_route(request_conf(rq), rq->endpoint->route_index)
                                : format_of(c->w->conf, p.envelope, p.heartbeat);
    struct tenant_use *use = tenant_use_take(s, p.tenant);
    struct uses uses = {NULL, NULL};
    if (!use)
        reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
    else if (rq->http.method == HTTP1_HEAD)
        answer_head(c, rq);
    else if (atomic_load(&s->draining))
        answer_draining(c, rq, format);
    else if (check_room(c, rq, use, &uses) == 0)
        begin(c, rq, &p, use, &uses, format);
    params_fini(&p);
}
