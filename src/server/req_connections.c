/* req_connections.c - GET /v1/connections: the open streams, by id, a page at a time; and DELETE of
 * one of them. For administrators. */
#include "server/access.h"

#include "base/num.h"
#include "json/write.h"
#include "wire/url.h"

#include <stdio.h>
#include <stdlib.h>

#define PAGE 100
#define PAGE_MAX 1000

/* One page of the list, while it goes round the loops. */
struct listing {
    uint64_t after;
    size_t limit;
    struct slice channel; /* in `text`; p NULL: any */
    struct buf text, rows;
    size_t count;
    struct row {
        uint64_t id;
        size_t at, len; /* in `rows` */
    } found[PAGE_MAX + 1];
    bool failed;
};

static void listing_free(struct listing *l)
{
    if (!l)
        return;
    buf_fini(&l->text);
    buf_fini(&l->rows);
    free(l);
}

static bool follows(const struct conn *c, struct slice channel)
{
    struct slice names[EDGE_CHANNELS_MAX];
    size_t count = edge_channels(&c->reader, names, EDGE_CHANNELS_MAX);
    for (size_t i = 0; i < count; i++)
        if (slice_eq(names[i], channel))
            return true;
    return false;
}

static void put_row(struct buf *out, const struct conn *c)
{
    char id[17], address[ADDRESS_TEXT], pos[POS_TEXT_MAX];
    struct slice names[EDGE_CHANNELS_MAX], subject = access_subject(c);
    size_t count = edge_channels(&c->reader, names, EDGE_CHANNELS_MAX);
    const char *why = edge_lag_reason(&c->reader);
    uint32_t epoch;
    pos_t at = edge_position(&c->reader, &epoch);
    snprintf(id, sizeof id, "%016llx", (unsigned long long)c->stream.id);
    buf_add_char(out, '{');
    json_put_member(out, "id", slice_str(id));
    json_put_member(out, "tenant", slice_of(c->stream.tenant->name, c->stream.tenant->len));
    if (subject.p)
        json_put_member(out, "subject", subject);
    else
        json_put_member_raw(out, "subject", SLICE_LIT("null"));
    json_put_member(out, "address", address_of(c->t.fd, address));
    json_put_name(out, "channels");
    for (size_t i = 0; i < count; i++) {
        buf_add_char(out, i ? ',' : '[');
        json_put_string(out, names[i]);
    }
    buf_add_char(out, ']');
    json_put_member_u64(out, "opened", c->stream.opened_ms);
    json_put_member_bool(out, "lagging", why != NULL);
    if (why)
        json_put_member(out, "why", slice_str(why));
    json_put_member(out, "position", slice_of(pos, pos_format(at, epoch, pos)));
    json_put_member(out, "transport", SLICE_LIT("sse"));
    buf_add_char(out, '}');
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The loop's first `limit` streams after `after`, and one to know that there are more. */
static void list_loop(struct gather *g, struct worker *w)
{
    struct listing *l = g->user;
    size_t count = 0;
    uint64_t *ids = malloc((w->stats.streams + 1) * sizeof *ids);
    if (!ids) {
        l->failed = true;
        return;
    }
    LIST_EACH(&w->conns, node, next) {
        const struct conn *c = LIST_ENTRY(node, struct conn, all);
        if (c->state != CONN_STREAM || c->stream.id <= l->after || count >= w->stats.streams)
            continue;
        if (g->tenant.p &&
            !slice_eq(g->tenant, slice_of(c->stream.tenant->name, c->stream.tenant->len)))
            continue;
        if (!l->channel.p || follows(c, l->channel))
            ids[count++] = c->stream.id;
    }
    if (count)
        qsort(ids, count, sizeof *ids, by_id);
    uint64_t last = count > l->limit ? ids[l->limit] : UINT64_MAX;
    free(ids);
    LIST_EACH(&w->conns, node2, next2) {
        const struct conn *c = LIST_ENTRY(node2, struct conn, all);
        if (c->state != CONN_STREAM || c->stream.id <= l->after || c->stream.id > last)
            continue;
        if ((g->tenant.p &&
             !slice_eq(g->tenant, slice_of(c->stream.tenant->name, c->stream.tenant->len))) ||
            (l->channel.p && !follows(c, l->channel)))
            continue;
        struct row row = {c->stream.id, l->rows.len, 0};
        put_row(&l->rows, c);
        row.len = l->rows.len - row.at;
        /* the list keeps the smallest: the greatest makes room */
        if (l->count == l->limit + 1) {

            if (row.id > l->found[l->count - 1].id)
                continue;
            l->count--;
        }
        size_t at = l->count++;
        for (; at && l->found[at - 1].id > row.id; at--)
            l->found[at] = l->found[at - 1];
        l->found[at] = row;
    }
}

static void listed(struct gather *g, struct conn *c, struct request *rq)
{
    struct listing *l = g->user;
    struct buf body = BUF_INIT;
    char id[17];
    size_t count = l->count < l->limit ? l->count : l->limit;
    buf_add_str(&body, "{\"connections\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_add_char(&body, ',');
        buf_add(&body, l->rows.p + l->found[i].at, l->found[i].len);
    }
    buf_add_str(&body, "],\"next\":");
    if (l->count > l->limit) {
        snprintf(id, sizeof id, "%016llx", (unsigned long long)l->found[count - 1].id);
        buf_addf(&body, "\"%s\"}", id);
    } else {
        buf_add_str(&body, "null}");
    }
    if (l->failed || l->rows.failed)
        body.failed = true;
    reply_json(c, rq, 200, &body);
}

/* tenant, channel, limit, after. */
static int parse(const struct request *rq, struct listing *l, struct buf *tenant, struct err *e)
{
    struct slice query = rq->query, name, value;
    uint64_t n;
    while (url_query_next(&query, &name, &value)) {
        if (slice_is(name, "tenant") && !tenant->len && url_decode(value, true, tenant, e))
            return e->code;
        if (slice_is(name, "channel") && !l->text.len && url_decode(value, true, &l->text, e))
            return e->code;
        if (slice_is(name, "limit")) {
            if (!num_u64(value, PAGE_MAX, &n) || !n)
                return err_set(e, ERR_BAD_REQUEST, "limit: a whole number from 1 to %d", PAGE_MAX);
            l->limit = (size_t)n;
        }
        if (slice_is(name, "after") && value.len && !conn_id_parse(value, &l->after))
            return err_set(e, ERR_BAD_REQUEST, "after: the `next` of the page before");
    }
    if (tenant->len && !name_is_tenant(buf_slice(tenant)))
        return err_set(e, ERR_BAD_REQUEST, "tenant: 1 to 64 of A-Z a-z 0-9 _ -");
    if (l->text.len && !name_is_channel(buf_slice(&l->text)))
        return err_set(e, ERR_BAD_REQUEST, "channel: 1 to 128 of A-Z a-z 0-9 . _ : -");
    l->channel = l->text.len ? buf_slice(&l->text) : SLICE_NONE;
    return 0;
}

/* The list and its gather, sent. Takes l. */
static int start(struct conn *c, struct request *rq, struct listing *l, struct slice tenant)
{
    struct request *kept = request_keep(rq);
    struct gather *g = kept ? gather_new(c->w, tenant, false, NULL, NULL) : NULL;
    if (kept)
        c->request = kept;
    if (!g) {
        listing_free(l);
        return reply_fail(c, c->request, ERR_OVERLOADED, "out of memory");
    }
    g->user = l;
    g->user_free = (void (*)(void *))listing_free;
    g->each = list_loop;
    gather_send(g, kept, listed);
    return 0;
}

void req_connections(struct conn *c, struct request *rq)
{
    struct buf tenant = BUF_INIT;
    struct err e = {.index = -1};
    struct listing *l = calloc(1, sizeof *l);
    if (!l) {
        reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
        return;
    }
    l->limit = PAGE;
    int rc = parse(rq, l, &tenant, &e);
    struct slice of = tenant.len ? buf_slice(&tenant) : SLICE_NONE;
    if (!of.p && grant_admin(rq->grant) == GRANT_ADMIN_TENANT)
        of = grant_tenant(rq->grant);
    if (!rc && !grant_may_administer(rq->grant, of))
        rc = err_set(&e, ERR_FORBIDDEN, "this needs an administrator's token");
    if (rc) {
        listing_free(l);
        reply_error(c, rq, &e, NULL);
    } else {
        start(c, rq, l, of);
    }
    buf_fini(&tenant);
}
