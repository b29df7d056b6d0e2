/* req_renew.c - one open stream: DELETE /v1/connections/{id} ends it, POST by its own subject renews
 * its token and adds or drops channels and filters. The stream may be another loop's. */
#include "server/access.h"

#include "json/scan.h"

#include <stdlib.h>

struct order {
    struct msg msg;
    struct request *request;
    struct worker *from;
    uint64_t id;
    bool kick;
    struct change {
        bool said; /* anything at all */
        struct buf text;
        struct names {
            size_t count, cap;
            struct name {
                size_t at, len; /* in `text` */
            } *v;
        } add[3], drop[3]; /* channels, types, keys */
    } change;
    struct err err;
};

static void order_free(struct order *o)
{
    for (int i = 0; i < 3; i++) {
        free(o->change.add[i].v);
        free(o->change.drop[i].v);
    }
    buf_fini(&o->change.text);
    free(o);
}

static void run_home(struct msg *m, void *ctx)
{
    struct order *o = (struct order *)m;
    struct request *rq = o->request;
    struct conn *c = rq->conn;
    struct buf body = BUF_INIT;
    (void)ctx;
    rq->held = false;
    if (!c) {
        request_free(rq);
    } else if (o->err.code) {
        reply_error(c, rq, &o->err, NULL);
    } else {
        buf_add_str(&body, o->kick ? "{\"closed\":true}" : "{\"renewed\":true}");
        reply_json(c, rq, 200, &body);
    }
    order_free(o);
}

static void go_home(struct worker *w, struct order *o)
{
    o->msg.run = run_home;
    worker_post(w, o->from, &o->msg);
}

static struct slice tenant_of(const struct conn *c)
{
    return slice_of(c->stream.tenant->name, c->stream.tenant->len);
}

/* ---- ending it ---- */

static void run_kick(struct msg *m, void *ctx)
{
    struct order *o = (struct order *)m;
    struct worker *w = ctx;
    struct conn *c = conn_by_id(w, o->id);
    if (c && grant_may_administer(o->request->grant, tenant_of(c)))
        conn_end_stream(c, "kicked", server_retry_ms(w->s, &w->dice));
    else
        err_set(&o->err, ERR_NOT_FOUND, "there is no such connection");
    go_home(w, o);
}

/* ---- changing it ---- */

/* Both tenant and subject, and a subject at all: who has none is nobody in particular. */
static bool is_own(const struct conn *c, const struct grant *grant)
{
    struct slice subject = access_subject(c), mine = grant_subject(grant);
    if (c->w->conf->opts->dev)
        return true;
    return subject.len && slice_eq(subject, mine) && grant_has_tenant(grant, tenant_of(c)) &&
           slice_eq(access_tenant(c->w->conf, grant, SLICE_NONE), access_home(c));
}

static struct slice name_at(const struct change *ch, const struct names *n, size_t i)
{
    return slice_of(ch->text.p + n->v[i].at, n->v[i].len);
}

static bool has_name(const struct change *ch, const struct names *n, struct slice name)
{
    for (size_t i = 0; i < n->count; i++)
        if (slice_eq(name_at(ch, n, i), name))
            return true;
    return false;
}

/* What there was, less what is dropped, and what is added. */
static size_t merge(const struct change *ch, int kind, const struct slice *was, size_t count,
                    struct slice *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (!has_name(ch, &ch->drop[kind], was[i]))
            out[n++] = was[i];
    for (size_t i = 0; i < ch->add[kind].count; i++) {
        struct slice name = name_at(ch, &ch->add[kind], i);
        size_t j = 0;
        while (j < n && !slice_eq(out[j], name))
            j++;
        if (j == n)
            out[n++] = name;
    }
    return n;
}

static int check_spec(struct worker *w, const struct grant *grant, const struct feed_spec *p,
                      struct err *e)
{
    const struct opt_limits *o = &w->conf->opts->limits;
    if (!p->channel_count)
        return err_set(e, ERR_BAD_REQUEST, "a stream follows at least one channel: end it instead");
    if (p->channel_count > o->channels_per_connection || p->channel_count > EDGE_CHANNELS_MAX) {
        w->stats.limited[LIMIT_CHANNELS]++;
        return err_set(e, ERR_BAD_REQUEST, "at most %llu channels (limits.channels_per_connection)",
                       (unsigned long long)o->channels_per_connection);
    }
    w->stats.limited[LIMIT_FILTERS] += p->type_count + p->key_count > o->filters_per_connection;
    if (p->type_count + p->key_count > o->filters_per_connection)
        return err_set(e, ERR_BAD_REQUEST,
                       "at most %llu types and keys (limits.filters_per_connection)",
                       (unsigned long long)o->filters_per_connection);
    for (size_t i = 0; i < p->channel_count; i++)
        if (!grant_may_subscribe(grant, p->tenant, p->channels[i]))
            return err_set(e, ERR_FORBIDDEN, "this token does not grant all of these channels");
    for (size_t i = 0; i < p->channel_count; i++)
        if (!conf_channel(w->conf, p->channels[i]))
            return err_set(e, ERR_NOT_FOUND, "channel %.*s is not configured",
                           SLICE_FMT(p->channels[i]));
    return 0;
}

static int change_stream(struct worker *w, struct conn *c, struct order *o)
{
    struct slice was[EDGE_CHANNELS_MAX];
    struct feed_spec spec;
    const struct change *ch = &o->change;
    edge_spec(&c->reader, was, &spec);
    size_t most[3] = {spec.channel_count + ch->add[0].count, spec.type_count + ch->add[1].count,
                      spec.key_count + ch->add[2].count};
    struct slice *lists = calloc(most[0] + most[1] + most[2] + 1, sizeof *lists);
    if (!lists)
        return err_set(&o->err, ERR_OVERLOADED, "out of memory");
    struct slice *types = lists + most[0], *keys = types + most[1];
    spec.channel_count = merge(ch, 0, was, spec.channel_count, lists);
    spec.type_count = merge(ch, 1, spec.types, spec.type_count, types);
    spec.key_count = merge(ch, 2, spec.keys, spec.key_count, keys);
    spec.channels = lists;
    spec.types = types;
    spec.keys = keys;
    int rc = check_spec(w, o->request->grant, &spec, &o->err);
    if (!rc && ch->said && (rc = edge_move(w->edge, &c->reader, &spec, w->mono_ms)))
        err_set(&o->err, rc, rc == ERR_CONFLICT ? "a change is under way: try again when "
                                                  "freshet.open has told of it"
                                                : "out of memory");
    free(lists);
    return rc;
}

static void run_renew(struct msg *m, void *ctx)
{
    struct order *o = (struct order *)m;
    struct worker *w = ctx;
    struct conn *c = conn_by_id(w, o->id);
    if (!c || !is_own(c, o->request->grant))
        err_set(&o->err, ERR_FORBIDDEN, "this is not a stream of yours");
    else if (change_stream(w, c, o) == 0 && access_renew(c, o->request))
        err_set(&o->err, ERR_OVERLOADED, "out of memory");
    go_home(w, o);
}

/* ---- from the request ---- */

static int take_names(struct order *o, struct slice list, struct names *names, int kind)
{
    static const char *const what[] = {"channels", "types", "keys"};
    struct json_iter it = json_iter(list);
    struct slice value;
    struct buf *text = &o->change.text;
    if (json_kind(list) != JSON_ARRAY)
        return err_set(&o->err, ERR_BAD_REQUEST, "\"%s\" is a list of strings", what[kind]);
    while (json_element(&it, &value)) {
        size_t at = text->len;
        if (json_kind(value) != JSON_STRING)
            return err_set(&o->err, ERR_BAD_REQUEST, "\"%s\" is a list of strings", what[kind]);
        json_unescape(json_string_raw(value), text);
        struct slice name = text->failed ? SLICE_NONE : slice_of(text->p + at, text->len - at);
        if (kind == 0 ? !name_is_channel(name) : kind == 1 ? !name_is_type(name) : !name_is_key(name))
            return err_set(&o->err, ERR_BAD_REQUEST, "\"%s\" holds a name that is none",
                           what[kind]);
        if (names->count == names->cap) {
            size_t cap = names->cap ? names->cap * 2 : 8;
            struct name *more = realloc(names->v, cap * sizeof *more);
            if (!more)
                return err_set(&o->err, ERR_OVERLOADED, "out of memory");
            names->v = more;
            names->cap = cap;
        }
        names->v[names->count++] = (struct name){at, text->len - at};
        o->change.said = true;
    }
    return 0;
}

/* {"add": {"channels": [], "types": [], "keys": []}, "drop": {...}}; nothing, or {}: only renewed. */
static int parse(struct order *o, struct slice body)
{
    static const char *const what[] = {"channels", "types", "keys"};
    struct slice part, list;
    if (!slice_trim(body).len)
        return 0;
    if (json_check(body, JSON_DEPTH_MAX, &o->err))
        return o->err.code;
    if (json_kind(body) != JSON_OBJECT)
        return err_set(&o->err, ERR_BAD_REQUEST, "send an object with \"add\" or \"drop\", or {}");
    for (int side = 0; side < 2; side++) {
        if (!json_get(body, side ? "drop" : "add", &part))
            continue;
        if (json_kind(part) != JSON_OBJECT)
            return err_set(&o->err, ERR_BAD_REQUEST,
                           "\"add\" and \"drop\" are objects with \"channels\", \"types\", \"keys\"");
        for (int kind = 0; kind < 3; kind++)
            if (json_get(part, what[kind], &list) &&
                take_names(o, list, side ? &o->change.drop[kind] : &o->change.add[kind], kind))
                return o->err.code;
    }
    return 0;
}

static bool take_id(const struct request *rq, uint64_t *id)
{
    size_t n = sizeof "/v1/connections/" - 1;
    return rq->path.len > n && conn_id_parse(slice_of(rq->path.p + n, rq->path.len - n), id);
}

static void send_order(struct conn *c, struct request *rq, bool kick, const char *none)
{
    struct server *s = c->w->s;
    struct order *o = calloc(1, sizeof *o);
    int rc = 0;
    if (!o) {
        reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
        return;
    }
    o->err = (struct err){.index = -1};
    o->kick = kick;
    o->from = c->w;
    if (!kick)
        rc = parse(o, buf_slice(&rq->body));
    if (!rc && (!take_id(rq, &o->id) || (o->id & 0xff) >= s->worker_count))
        rc = err_set(&o->err, kick ? ERR_NOT_FOUND : ERR_FORBIDDEN, "%s", none);
    struct request *kept = rc ? NULL : request_keep(rq);
    if (!rc && !kept)
        rc = err_set(&o->err, ERR_OVERLOADED, "out of memory");
    if (rc) {
        reply_error(c, rq, &o->err, NULL);
        order_free(o);
        return;
    }
    c->request = kept;
    kept->held = true;
    o->request = kept;
    o->msg.run = kick ? run_kick : run_renew;
    worker_post(c->w, &s->workers[o->id & 0xff], &o->msg);
}

void req_kick(struct conn *c, struct request *rq)
{
    if (grant_admin(rq->grant) == GRANT_ADMIN_NONE)
        reply_fail(c, rq, ERR_FORBIDDEN, "this needs an administrator's token");
    else
        send_order(c, rq, true, "there is no such connection");
}

void req_renew(struct conn *c, struct request *rq)
{
    send_order(c, rq, false, "this is not a stream of yours");
}
