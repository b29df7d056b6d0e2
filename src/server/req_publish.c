/* req_publish.c - POST /v1/publish, the routes of kind publish, and test broadcasts: from JSON to
 * events for one tenant, taken whole or not at all. */
#include "server/access.h"

#include "io/clock.h"
#include "json/scan.h"
#include "json/write.h"

#include <stdlib.h>

/* What the members are called: a route may have names of its own. */
struct names {
    const char *tenant, *channel, *type, *key, *data;
};

struct intake {
    struct conn *c;
    struct request *rq;
    struct names names;
    struct slice tenant; /* of all events; p NULL: not said yet */
    struct buf tenant_text;
    struct buf once_text; /* the idempotency keys, one after the other */
    bool durable, said_ack, array;
    uint64_t wait_ms; /* with ERR_RATE_LIMITED */
    uint32_t count, cap;
    struct taken {
        struct event *event;
        size_t once_at, once_len; /* in once_text; len 0: none */
    } *taken;
    struct buf type, key, channel, scratch;
    struct err err;
};

static int bad(struct intake *in, int code, const char *what)
{
    err_set(&in->err, code, "%s", what);
    in->err.index = (int)in->count;
    return code;
}

static void intake_init(struct intake *in, struct conn *c, struct request *rq)
{
    const struct opt_route *r = rq->route;
    *in = (struct intake){.c = c, .rq = rq};
    in->names = (struct names){"tenant", "channel", "type", "key", "data"};
    in->durable = c->w->conf->opts->ack == OPT_ACK_DURABLE;
    if (!r)
        return;
    if (r->params.tenant)
        in->names.tenant = r->params.tenant;
    if (r->params.channel)
        in->names.channel = r->params.channel;
    if (r->params.type)
        in->names.type = r->params.type;
    if (r->params.key)
        in->names.key = r->params.key;
    if (r->params.data)
        in->names.data = r->params.data;
}

static void intake_fini(struct intake *in)
{
    for (uint32_t i = 0; i < in->count; i++)
        event_unref(in->taken[i].event);
    free(in->taken);
    struct buf *bufs[] = {&in->tenant_text, &in->once_text, &in->type,
                          &in->key,         &in->channel,   &in->scratch};
    for (size_t i = 0; i < sizeof bufs / sizeof *bufs; i++)
        buf_fini(bufs[i]);
}

/* The text of a string member into out. */
static int take_text(struct intake *in, struct slice value, const char *name, struct buf *out)
{
    buf_reset(out);
    if (json_kind(value) != JSON_STRING) {
        err_set(&in->err, ERR_BAD_REQUEST, "\"%s\" must be a string", name);
        in->err.index = (int)in->count;
        return in->err.code;
    }
    json_unescape(json_string_raw(value), out);
    return out->failed ? bad(in, ERR_OVERLOADED, "out of memory") : 0;
}

/* The members of one event, found but not looked at. */
struct members {
    struct slice tenant, channel, type, key, data, state, deleted, priority, ack, once;
};

static void find_members(const struct intake *in, struct slice object, struct members *m)
{
    const struct {
        const char *name;
        struct slice *to;
    } wanted[] = {{in->names.tenant, &m->tenant}, {in->names.channel, &m->channel},
                  {in->names.type, &m->type},     {in->names.key, &m->key},
                  {in->names.data, &m->data},     {"state", &m->state},
                  {"deleted", &m->deleted},       {"priority", &m->priority},
                  {"ack", &m->ack},               {"idempotencyKey", &m->once}};
    struct json_iter it = json_iter(object);
    struct slice name, value;
    *m = (struct members){.tenant = SLICE_NONE};
    while (json_member(&it, &name, &value))
        for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
            if (json_name_is(name, wanted[i].name)) {
                *wanted[i].to = value;
                break;
            }
}

static int take_tenant(struct intake *in, struct slice value)
{
    const struct opt_route *r = in->rq->route;
    struct slice tenant = access_tenant(in->c->w->conf, in->rq->grant, SLICE_NONE);
    if (r && r->tenant == TENANT_RULE_FIXED) {
        tenant = slice_str(r->tenant_value);
    } else if (value.p) {
        if (take_text(in, value, in->names.tenant, &in->scratch))
            return in->err.code;
        tenant = buf_slice(&in->scratch);
    }
    if (in->tenant.p) {
        if (!slice_eq(in->tenant, tenant))
            return bad(in, ERR_BAD_REQUEST, "all events of a body must be for one tenant");
        return 0;
    }
    if (!name_is_tenant(tenant))
        return bad(in, ERR_BAD_REQUEST, "a tenant is 1 to 64 of A-Z a-z 0-9 _ -");
    buf_add_slice(&in->tenant_text, tenant);
    in->tenant = buf_slice(&in->tenant_text);
    return in->tenant_text.failed ? bad(in, ERR_OVERLOADED, "out of memory") : 0;
}

static int take_channel(struct intake *in, struct slice value)
{
    const struct opt_route *r = in->rq->route;
    buf_reset(&in->channel);
    if (r && r->channels.count && (!value.p || r->channel == CHANNEL_RULE_FIXED)) {
        buf_add_str(&in->channel, r->channels.v[0]);
    } else if (!value.p) {
        err_set(&in->err, ERR_BAD_REQUEST, "\"%s\" is missing", in->names.channel);
        in->err.index = (int)in->count;
        return in->err.code;
    } else if (take_text(in, value, in->names.channel, &in->channel)) {
        return in->err.code;
    }
    if (!name_is_channel(buf_slice(&in->channel)))
        return bad(in, ERR_BAD_REQUEST,
                   "a channel is 1 to 128 of A-Z a-z 0-9 . _ : -, first a letter or digit");
    bool listed = !r || r->channel == CHANNEL_RULE_FIXED || !r->channels.count;
    for (size_t i = 0; !listed && i < r->channels.count; i++)
        listed = options_pattern_covers(r->channels.v[i], buf_slice(&in->channel));
    if (!listed)
        return bad(in, ERR_FORBIDDEN, "this route does not offer that channel");
    if (!grant_may_publish(in->rq->grant, in->tenant, buf_slice(&in->channel)))
        return bad(in, ERR_FORBIDDEN, "not granted: publishing to this channel");
    return 0;
}

static int take_flags(struct intake *in, const struct members *m, struct event_wish *wish)
{
    if (m->deleted.p) {
        enum json_kind kind = json_kind(m->deleted);
        if (kind != JSON_TRUE && kind != JSON_FALSE)
            return bad(in, ERR_BAD_REQUEST, "\"deleted\" must be true or false");
        wish->deleted = kind == JSON_TRUE;
    }
    if (m->priority.p) {
        if (take_text(in, m->priority, "priority", &in->scratch))
            return in->err.code;
        wish->high = slice_is(buf_slice(&in->scratch), "high");
        if (!wish->high && !slice_is(buf_slice(&in->scratch), "normal"))
            return bad(in, ERR_BAD_REQUEST, "\"priority\" must be \"normal\" or \"high\"");
    }
    if (m->ack.p) {
        if (take_text(in, m->ack, "ack", &in->scratch))
            return in->err.code;
        bool durable = slice_is(buf_slice(&in->scratch), "durable");
        if (!durable && !slice_is(buf_slice(&in->scratch), "memory"))
            return bad(in, ERR_BAD_REQUEST, "\"ack\" must be \"memory\" or \"durable\"");
        in->durable = in->said_ack ? in->durable || durable : durable;
        in->said_ack = true;
    }
    return 0;
}

/* What a publisher may say of these, event_make knows. */
static int take_texts(struct intake *in, const struct members *m, struct event_wish *wish)
{
    if (m->type.p) {
        if (take_text(in, m->type, in->names.type, &in->type))
            return in->err.code;
        wish->type = in->type.len ? buf_slice(&in->type) : SLICE_LIT("");
    }
    if (m->key.p && json_kind(m->key) != JSON_NULL) {
        if (take_text(in, m->key, in->names.key, &in->key))
            return in->err.code;
        wish->key = in->key.len ? buf_slice(&in->key) : SLICE_LIT("");
    }
    return 0;
}

static int take_once(struct intake *in, struct slice value, struct event_wish *wish)
{
    struct slice header = http1_field(&in->rq->http, "idempotency-key");
    size_t at = in->once_text.len;
    if (value.p) {
        if (take_text(in, value, "idempotencyKey", &in->scratch))
            return in->err.code;
        buf_add_slice(&in->once_text, buf_slice(&in->scratch));
    } else if (header.len && !in->array) {
        buf_add_slice(&in->once_text, header);
    } else {
        return 0;
    }
    if (in->once_text.failed)
        return bad(in, ERR_OVERLOADED, "out of memory");
    size_t len = in->once_text.len - at;
    wish->once = len ? slice_of(in->once_text.p + at, len) : SLICE_LIT("");
    return 0;
}

static int grow(struct intake *in)
{
    if (in->count < in->cap)
        return 0;
    uint32_t cap = in->cap ? in->cap * 2 : 4;
    struct taken *taken = realloc(in->taken, cap * sizeof *taken);
    if (!taken)
        return bad(in, ERR_OVERLOADED, "out of memory");
    in->taken = taken;
    in->cap = cap;
    return 0;
}

/* One event; the object has been checked. */
static int take_event(struct intake *in, struct slice object)
{
    const struct options *o = in->c->w->conf->opts;
    struct members m;
    struct event_wish wish = {.checked = true};
    if (json_kind(object) != JSON_OBJECT)
        return bad(in, ERR_BAD_REQUEST, "an event is a JSON object");
    if (in->count >= o->limits.batch_events) {
        in->c->w->stats.limited[LIMIT_BATCH_EVENTS]++;
        return bad(in, ERR_TOO_LARGE, "too many events in one body (limits.batch_events)");
    }
    find_members(in, object, &m);
    if (grow(in) || take_tenant(in, m.tenant) || take_channel(in, m.channel) ||
        take_texts(in, &m, &wish) || take_flags(in, &m, &wish))
        return in->err.code;
    struct taken *t = &in->taken[in->count];
    *t = (struct taken){NULL, in->once_text.len, 0};
    if (take_once(in, m.once, &wish))
        return in->err.code;
    t->once_len = wish.once.len;
    wish.channel = buf_slice(&in->channel);
    wish.data = m.data;
    wish.state = m.state;
    if (event_make(o, &wish, &t->event, &in->err)) {
        in->c->w->stats.limited[LIMIT_EVENT_BYTES] += in->err.code == ERR_TOO_LARGE;
        in->err.index = (int)in->count;
        return in->err.code;
    }
    in->count++;
    return 0;
}

static int check(struct intake *in, struct slice text)
{
    int rc = json_check(text, JSON_DEPTH_MAX, &in->err);
    if (rc)
        in->err.index = in->count || in->array ? (int)in->count : -1;
    return rc;
}

/* The header would have to mean each event or all of them; leaving it out would make a repeat
 * publish twice. */
static int begin_batch(struct intake *in)
{
    in->array = true;
    if (!http1_field(&in->rq->http, "idempotency-key").p)
        return 0;
    err_set(&in->err, ERR_BAD_REQUEST,
            "the header Idempotency-Key is for a single event: give each its \"idempotencyKey\"");
    in->err.index = -1;
    return in->err.code;
}

static int take_json(struct intake *in, struct slice body)
{
    if (check(in, body))
        return in->err.code;
    if (json_kind(body) != JSON_ARRAY)
        return take_event(in, body);
    if (begin_batch(in))
        return in->err.code;
    struct json_iter it = json_iter(body);
    struct slice value;
    while (json_element(&it, &value))
        if (take_event(in, value))
            return in->err.code;
    return in->count ? 0 : bad(in, ERR_BAD_REQUEST, "the array is empty");
}

static int take_ndjson(struct intake *in, struct slice body)
{
    struct slice rest = body;
    if (begin_batch(in))
        return in->err.code;
    while (rest.p) {
        struct slice line = slice_cut(&rest, '\n');
        if (line.len && line.p[line.len - 1] == '\r')
            line.len--;
        if (!slice_trim(line).len)
            continue;
        if (check(in, line) || take_event(in, line))
            return in->err.code;
    }
    return in->count ? 0 : bad(in, ERR_BAD_REQUEST, "the body holds no event");
}

/* The media type without its parameters. */
static struct slice media_type(const struct request *rq)
{
    struct slice type = http1_field(&rq->http, "content-type");
    return slice_trim(slice_cut(&type, ';'));
}

static int take_body(struct intake *in)
{
    struct slice type = media_type(in->rq), body = buf_slice(&in->rq->body);
    if (slice_is_nocase(type, "application/json"))
        return take_json(in, body);
    if (slice_is_nocase(type, "application/x-ndjson"))
        return take_ndjson(in, body);
    err_set(&in->err, ERR_UNSUPPORTED_MEDIA_TYPE,
            "send Content-Type: application/json or application/x-ndjson");
    return in->err.code;
}

static struct job *make_job(struct intake *in)
{
    struct job *j = job_new(in->c->w, in->count, in->tenant, buf_slice(&in->once_text));
    if (!j)
        return NULL;
    struct publish *p = job_publish(j);
    p->durable = in->durable;
    p->at_us = clock_monotonic_us();
    const char *once = job_once_text(j);
    for (uint32_t i = 0; i < in->count; i++) {
        const struct taken *t = &in->taken[i];
        p->events[i] = t->event;
        if (!t->once_len)
            continue;
        p->once[i].key = slice_of(once + t->once_at, t->once_len);
        event_digest(t->event, p->once[i].digest);
    }
    in->count = 0; /* the events are the job's */
    return j;
}

/* Who publishes may be limited by himself, besides his tenant. */
static int check_rate(struct intake *in)
{
    char text[USER_TEXT];
    const struct grant *g = in->rq->grant;
    struct slice user = user_name(grant_tenant(g), grant_subject(g), text);
    if (publisher_take(in->c->w, user, in->count, &in->wait_ms))
        return 0;
    in->c->w->stats.limited[LIMIT_PUBLISHER]++;
    return err_set(&in->err, ERR_RATE_LIMITED,
                   "this publisher has published too much (limits.publisher_per_second)");
}

static void put_answer(const struct job *j, uint32_t i, struct buf *out)
{
    const struct publish *p = job_publish((struct job *)(uintptr_t)j);
    char id[POS_TEXT_MAX];
    size_t len = pos_format(p->ids[i], p->epoch, id);
    buf_add_str(out, "{\"id\":\"");
    buf_add(out, id, len);
    buf_add_str(out, job_was_durable(j) ? "\",\"ack\":\"durable\"}" : "\",\"ack\":\"memory\"}");
}

static void put_retry(char *out, size_t cap, uint64_t wait_ms)
{
    snprintf(out, cap, "Retry-After: %llu\r\n", (unsigned long long)(wait_ms / 1000 + 1));
}

static void answered(struct job *j, struct request *rq)
{
    struct conn *c = rq->conn;
    const struct publish *p = job_publish(j);
    const struct err *e = job_error(j);
    rq->held = false;
    if (!c) {
        request_free(rq);
        return;
    }
    if (e->code) {
        char extra[48] = "";
        if (e->code == ERR_RATE_LIMITED || err_status(e->code) == 503 || err_status(e->code) == 507)
            put_retry(extra, sizeof extra, job_retry_ms(j));
        c->w->stats.limited[LIMIT_PUBLISH] += e->code == ERR_RATE_LIMITED;
        reply_error(c, rq, e, extra[0] ? extra : NULL);
        return;
    }
    struct buf body = BUF_INIT;
    if (rq->batch)
        buf_add_char(&body, '[');
    for (uint32_t i = 0; i < p->count; i++) {
        if (i)
            buf_add_char(&body, ',');
        put_answer(j, i, &body);
    }
    if (rq->batch)
        buf_add_char(&body, ']');
    log_line(c->w->s->log, LOG_DEBUG, "published", "tenant=%.*s events=%u ack=%s",
             SLICE_FMT(p->tenant), p->count, job_was_durable(j) ? "durable" : "memory");
    reply_json(c, rq, 200, &body);
}

void req_publish(struct conn *c, struct request *rq)
{
    struct intake in;
    if (atomic_load(&c->w->s->draining)) {
        struct err e;
        err_set(&e, ERR_DRAINING, "the hub is shutting down: publish again in a moment");
        reply_error(c, rq, &e, "Retry-After: 1\r\n");
        return;
    }
    intake_init(&in, c, rq);
    if (take_body(&in) || check_rate(&in)) {
        char extra[48] = "";
        if (in.err.code == ERR_RATE_LIMITED)
            put_retry(extra, sizeof extra, in.wait_ms);
        reply_error(c, rq, &in.err, extra[0] ? extra : NULL);
        intake_fini(&in);
        return;
    }
    struct request *kept = request_keep(rq);
    struct job *j = kept ? make_job(&in) : NULL;
    if (!j) {
        if (kept && kept != rq)
            c->request = kept;
        reply_fail(c, kept ? kept : rq, ERR_OVERLOADED, "out of memory");
    } else {
        c->request = kept;
        kept->held = true;
        kept->batch = in.array;
        job_send(j, kept, answered);
    }
    intake_fini(&in);
}
