/* api_subscribe.c - freshet.h: following inside the process. A subscription is a reader of the
 * first loop whose bytes are not bytes but what its callbacks are told. */
#include "server/api.h"

#include "io/clock.h"

#include <stdlib.h>

struct freshet_subscription {
    struct conn conn; /* without a socket */
    struct list all;  /* in the worker's list */
    struct msg open, close;
    struct freshet_follower follower;
    struct slice *lists; /* channels, types, keys */
    struct feed_spec spec;
    struct reader_start start;
    bool opened, finished;
    char text[]; /* of lists, tenant, last id */
};

/* What a "form" of such a reader holds. */
struct record {
    const struct event *event; /* NULL: a gap */
    unsigned flags;
    enum gap_reason reason;
    uint32_t count;
    struct slice channels[]; /* names that live as long as the feed */
};

static struct bytes *record_new(uint32_t channels, struct record **out)
{
    struct bytes *b = bytes_new(sizeof(struct record) + channels * sizeof(struct slice));
    if (b)
        *out = (struct record *)(void *)b->data;
    return b;
}

struct bytes *api_sub_event(const struct event *e, unsigned flags)
{
    struct record *r;
    struct bytes *b = record_new(0, &r);
    if (b)
        *r = (struct record){.event = e, .flags = flags};
    return b;
}

struct bytes *api_sub_gap(const struct gap *g)
{
    struct record *r;
    struct bytes *b = record_new(g->channel_count, &r);
    if (!b)
        return NULL;
    *r = (struct record){.reason = g->reason, .count = g->channel_count};
    memcpy(r->channels, g->channels, g->channel_count * sizeof *g->channels);
    return b;
}

static void tell_event(struct freshet_subscription *sub, const struct record *r)
{
    const struct event *e = r->event;
    char id[POS_TEXT_MAX];
    if (event_is_gap(e)) {
        struct freshet_text channel = api_text(event_channel(e));
        if (sub->follower.gap)
            sub->follower.gap(sub->follower.ctx, gap_reason_name(GAP_SOURCE), &channel, 1);
        return;
    }
    bool whole = r->flags & FORM_WHOLE;
    struct freshet_event out = {.tenant = api_text(sub->spec.tenant),
                                .channel = api_text(event_channel(e)),
                                .type = api_text(event_type(e)),
                                .key = api_text(event_key(e)),
                                .data = api_text(whole ? event_state(e) : event_data(e)),
                                .state = api_text(event_state(e)),
                                .deleted = e->deleted,
                                .high = e->high,
                                .time_ms = pos_ms(e->pos),
                                .whole = whole};
    out.id = (struct freshet_text){id, pos_format(e->pos, e->epoch, id)};
    sub->follower.event(sub->follower.ctx, &out);
}

static void tell_gap(struct freshet_subscription *sub, const struct record *r)
{
    if (!sub->follower.gap)
        return;
    struct freshet_text *names = calloc(r->count + 1, sizeof *names);
    for (uint32_t i = 0; names && i < r->count; i++)
        names[i] = api_text(r->channels[i]);
    sub->follower.gap(sub->follower.ctx, gap_reason_name(r->reason), names, names ? r->count : 0);
    free(names);
}

ssize_t api_sub_send(struct freshet_subscription *sub, const struct iovec *iov, int count)
{
    ssize_t total = 0;
    for (int i = 0; i < count; i++) {
        const struct record *r = iov[i].iov_base;
        if (r->event)
            tell_event(sub, r);
        else
            tell_gap(sub, r);
        total += (ssize_t)iov[i].iov_len;
    }
    return total;
}

static void finish(struct freshet_subscription *sub, const char *reason)
{
    list_remove(&sub->all);
    if (sub->opened)
        edge_close(sub->conn.w->edge, &sub->conn.reader);
    if (sub->follower.ended)
        sub->follower.ended(sub->follower.ctx, reason);
    sub->finished = true;
}

/* The edge gives the reader up; the memory stays until freshet_unsubscribe's message, or the end:
 * the caller may be about to send it. */
void api_sub_ended(struct freshet_subscription *sub, const char *reason)
{
    struct worker *w = sub->conn.w;
    finish(sub, reason);
    list_push_back(&w->ended_subs, &sub->all);
}

static void sub_free(struct freshet_subscription *sub)
{
    list_remove(&sub->all);
    free(sub->lists);
    free(sub);
}

void api_subs_end(struct worker *w)
{
    struct list *node;
    while ((node = list_pop(&w->subs))) {
        struct freshet_subscription *sub = LIST_ENTRY(node, struct freshet_subscription, all);
        finish(sub, "draining");
        list_push_back(&w->ended_subs, &sub->all);
    }
}

void api_subs_free(struct worker *w)
{
    struct list *node;
    while ((node = list_pop(&w->ended_subs)))
        sub_free(LIST_ENTRY(node, struct freshet_subscription, all));
}

static struct freshet_subscription *of_msg(struct msg *m, size_t offset)
{
    return (struct freshet_subscription *)(void *)((char *)m - offset);
}

static void run_open(struct msg *m, void *ctx)
{
    struct worker *w = ctx;
    struct freshet_subscription *sub = of_msg(m, offsetof(struct freshet_subscription, open));
    list_push_back(&w->subs, &sub->all);
    if (w->closing || edge_open(w->edge, &sub->conn.reader, &sub->spec, &sub->start,
                                format_of_sub(w->conf), true, w->mono_ms))
        api_sub_ended(sub, w->closing ? "draining" : "out of memory");
    else
        sub->opened = !sub->finished;
}

static void run_close(struct msg *m, void *ctx)
{
    struct freshet_subscription *sub = of_msg(m, offsetof(struct freshet_subscription, close));
    (void)ctx;
    if (!sub->finished)
        finish(sub, "closed");
    sub_free(sub);
}

static void copy_list(struct slice *to, const struct freshet_text *from, size_t count, char **at)
{
    for (size_t i = 0; i < count; i++) {
        if (from[i].len)
            memcpy(*at, from[i].p, from[i].len);
        to[i] = slice_of(*at, from[i].len);
        *at += from[i].len + 1; /* with a NUL */
    }
}

static size_t text_bytes(const struct freshet_text *list, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += list[i].len + 1;
    return n;
}

static int check_filter(const struct server *s, const struct conf *conf,
                        const struct freshet_filter *f)
{
    if (atomic_load(&s->draining))
        return FRESHET_ECLOSING;
    if (!f->channel_count || f->channel_count > conf->opts->limits.channels_per_connection)
        return FRESHET_EINVAL;
    if (f->tenant.p && !name_is_tenant(api_slice(f->tenant)))
        return FRESHET_EINVAL;
    for (size_t i = 0; i < f->channel_count; i++) {
        if (!name_is_channel(api_slice(f->channels[i])))
            return FRESHET_EINVAL;
        if (!conf_channel(conf, api_slice(f->channels[i])))
            return FRESHET_ENOENT;
    }
    return 0;
}

static struct freshet_subscription *sub_new(struct worker *w, const struct conf *conf,
                                            const struct freshet_filter *f)
{
    size_t lists = f->channel_count + f->type_count + f->key_count;
    struct slice tenant = f->tenant.p ? api_slice(f->tenant) : slice_str(conf->opts->tenant);
    size_t bytes = tenant.len + f->last_id.len + 2 + text_bytes(f->channels, f->channel_count) +
                   text_bytes(f->types, f->type_count) + text_bytes(f->keys, f->key_count);
    struct freshet_subscription *sub = calloc(1, sizeof *sub + bytes);
    if (!sub || !(sub->lists = calloc(lists, sizeof *sub->lists))) {
        free(sub);
        return NULL;
    }
    char *at = sub->text;
    struct slice *channels = sub->lists, *types = channels + f->channel_count,
                 *keys = types + f->type_count;
    copy_list(channels, f->channels, f->channel_count, &at);
    copy_list(types, f->types, f->type_count, &at);
    copy_list(keys, f->keys, f->key_count, &at);
    struct freshet_text given[2] = {api_text(tenant), f->last_id};
    struct slice copied[2];
    copy_list(copied, given, 2, &at);
    sub->spec = (struct feed_spec){copied[0], channels,     f->channel_count, types,
                                   keys,      f->type_count, f->key_count};
    if (f->last_id.p)
        sub->start.last_id = copied[1];
    sub->conn.w = w;
    sub->conn.sub = sub;
    list_init(&sub->all);
    sub->open.run = run_open;
    sub->close.run = run_close;
    return sub;
}

int freshet_subscribe(struct freshet_hub *hub, const struct freshet_filter *filter,
                      const struct freshet_follower *follower,
                      struct freshet_subscription **out)
{
    struct worker *w = &hub->s->workers[0];
    struct err e;
    struct conf *conf = server_conf(hub->s);
    int rc = follower->event ? check_filter(hub->s, conf, filter) : FRESHET_EINVAL;
    struct freshet_subscription *sub = rc ? NULL : sub_new(w, conf, filter);
    conf_unref(conf);
    if (!sub)
        return rc ? rc : FRESHET_ENOMEM;
    if (since_parse(api_slice(filter->since), clock_unix_ms(), &sub->start, &e)) {
        sub_free(sub);
        return FRESHET_EINVAL;
    }
    sub->start.snapshot = filter->snapshot;
    sub->start.poll = true; /* no opening event, no beats */
    sub->follower = *follower;
    *out = sub;
    mailbox_post(&w->box, &sub->open);
    return 0;
}

void freshet_unsubscribe(struct freshet_subscription *sub)
{
    if (sub)
        mailbox_post(&sub->conn.w->box, &sub->close);
}
