/* req_config.c - GET /v1/config: the options in force; GET /v1/schemas: what the events of a channel
 * have to look like. For administrators. */
#include "server/access.h"

#include "json/write.h"
#include "wire/url.h"

void req_config(struct conn *c, struct request *rq)
{
    const struct options *o = c->w->conf->opts;
    struct buf body = BUF_INIT;
    if (!grant_may_administer(rq->grant, SLICE_NONE)) {
        reply_fail(c, rq, ERR_FORBIDDEN, "this needs an administrator's token");
        return;
    }
    buf_add_char(&body, '{');
    if (o->file)
        json_put_member(&body, "file", slice_str(o->file));
    else
        json_put_member_raw(&body, "file", SLICE_LIT("null"));
    json_put_name(&body, "options");
    options_put_json(o, &body);
    buf_add_char(&body, '}');
    reply_json(c, rq, 200, &body);
}

/* What is configured for all tenants may have a name that only one should know: a tenant's
 * administrator sees what it may publish to. */
static bool may_see(const struct request *rq, struct slice tenant, struct slice channel)
{
    if (channel.len && channel.p[channel.len - 1] == '*')
        channel.len--;
    return grant_may_administer(rq->grant, SLICE_NONE) ||
           grant_may_publish(rq->grant, tenant, channel);
}

static void put_channel(struct buf *out, const struct opt_channel *ch, size_t *count)
{
    for (size_t i = 0; i < ch->events.count; i++) {
        const struct opt_event *event = &ch->events.v[i];
        buf_add_str(out, (*count)++ ? ",{" : "{");
        json_put_member(out, "channel", slice_str(ch->name));
        json_put_member(out, "type", slice_str(event->type));
        json_put_member_raw(out, "schema", event->text.p ? event->text : SLICE_LIT("null"));
        buf_add_char(out, '}');
    }
}

/* tenant and channel of the query, decoded. */
static int parse(const struct request *rq, struct buf *tenant, struct buf *channel, struct err *e)
{
    struct slice query = rq->query, name, value;
    while (url_query_next(&query, &name, &value)) {
        if (slice_is(name, "tenant") && !tenant->len && url_decode(value, true, tenant, e))
            return e->code;
        if (slice_is(name, "channel") && !channel->len && url_decode(value, true, channel, e))
            return e->code;
    }
    if (tenant->len && !name_is_tenant(buf_slice(tenant)))
        return err_set(e, ERR_BAD_REQUEST, "tenant: 1 to 64 of A-Z a-z 0-9 _ -");
    if (channel->len && !name_is_channel(buf_slice(channel)))
        return err_set(e, ERR_BAD_REQUEST, "channel: 1 to 128 of A-Z a-z 0-9 . _ : -");
    return 0;
}

static void put_schemas(const struct options *o, const struct request *rq, struct slice tenant,
                        struct slice channel, struct buf *out)
{
    const struct opt_channel *found = channel.len ? options_channel(o, channel) : NULL;
    size_t count = 0;
    buf_add_str(out, "{\"schemas\":[");
    for (size_t i = 0; i < o->channels.count; i++) {
        const struct opt_channel *ch = &o->channels.v[i];
        if (channel.len ? ch == found && may_see(rq, tenant, channel)
                        : may_see(rq, tenant, slice_str(ch->name)))
            put_channel(out, ch, &count);
    }
    buf_add_str(out, "]}");
}

void req_schemas(struct conn *c, struct request *rq)
{
    struct buf tenant = BUF_INIT, channel = BUF_INIT, body = BUF_INIT;
    struct err e = {.index = -1};
    int rc = parse(rq, &tenant, &channel, &e);
    struct slice of = access_tenant(c->w->conf, rq->grant, buf_slice(&tenant));
    if (!rc && !grant_may_administer(rq->grant, of))
        rc = err_set(&e, ERR_FORBIDDEN, "this needs an administrator's token");
    if (rc) {
        reply_error(c, rq, &e, NULL);
    } else {
        put_schemas(c->w->conf->opts, rq, of, buf_slice(&channel), &body);
        reply_json(c, rq, 200, &body);
    }
    buf_fini(&tenant);
    buf_fini(&channel);
}
