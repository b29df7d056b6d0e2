/* req_tenants.c - GET /v1/tenants: who is there, by name, a page at a time. For administrators; one
 * of a tenant sees its own. */
#include "server/access.h"

#include "base/num.h"
#include "json/write.h"
#include "wire/url.h"

#include <stdlib.h>

#define PAGE 100
#define PAGE_MAX 1000

struct tenant_row {
    struct slice name; /* while it is looked for: borrowed */
    size_t name_at;    /* in `names`, afterwards */
    bool configured;
    struct hub_tenant_info info;
};

struct tenant_list {
    struct gather *g;
    struct buf after, names;
    size_t limit;
    struct tenant_row *rows; /* one more than the page, to know that there is more */
    size_t count, cap;
    bool failed;
};

static void list_free(void *user)
{
    struct tenant_list *l = user;
    if (!l)
        return;
    buf_fini(&l->after);
    buf_fini(&l->names);
    free(l->rows);
    free(l);
}

static int compare(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : a.len < b.len ? -1 : a.len > b.len;
}

static int by_name(const void *a, const void *b)
{
    return compare(((const struct tenant_row *)a)->name, ((const struct tenant_row *)b)->name);
}

static void add(struct tenant_list *l, struct slice name, bool configured)
{
    if ((l->g->tenant.p && !slice_eq(name, l->g->tenant)) ||
        compare(name, buf_slice(&l->after)) <= 0)
        return;
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        struct tenant_row *more = realloc(l->rows, cap * sizeof *more);
        if (!more) {
            l->failed = true;
            return;
        }
        l->rows = more;
        l->cap = cap;
    }
    l->rows[l->count++] = (struct tenant_row){.name = name, .configured = configured};
}

static void add_known(void *ctx, struct slice name)
{
    add(ctx, name, false);
}

static void add_configured(struct tenant_list *l, const struct options *o)
{
    add(l, slice_str(o->tenant), true);
    for (size_t i = 0; i < o->publishers.count; i++)
        add(l, slice_str(o->publishers.v[i].tenant), true);
    for (size_t i = 0; i < o->routes.count; i++)
        if (o->routes.v[i].tenant_value)
            add(l, slice_str(o->routes.v[i].tenant_value), true);
    for (size_t i = 0; i < o->sources.count; i++)
        if (o->sources.v[i].tenant_value)
            add(l, slice_str(o->sources.v[i].tenant_value), true);
}

/* Those that stand there more than once become one. */
static void sort(struct tenant_list *l)
{
    size_t kept = 0;
    if (l->count)
        qsort(l->rows, l->count, sizeof *l->rows, by_name);
    for (size_t i = 0; i < l->count; i++)
        if (kept && slice_eq(l->rows[kept - 1].name, l->rows[i].name))
            l->rows[kept - 1].configured |= l->rows[i].configured;
        else
            l->rows[kept++] = l->rows[i];
    l->count = kept;
}

static void list_owner(struct gather *g, struct server *s)
{
    struct tenant_list *l = g->user;
    hub_each_tenant(s->hub, add_known, l);
    add_configured(l, s->workers[0].conf->opts);
    sort(l);
    if (l->count > l->limit + 1)
        l->count = l->limit + 1;
    for (size_t i = 0; i < l->count; i++) {
        struct tenant_row *row = &l->rows[i];
        row->name_at = l->names.len;
        buf_add_slice(&l->names, row->name);
        hub_get_tenant(s->hub, row->name, &row->info);
    }
}

static struct slice name_of(const struct tenant_list *l, const struct tenant_row *row)
{
    return slice_of(l->names.p + row->name_at, row->name.len);
}

static void put_row(const struct gather *g, const struct tenant_list *l,
                    const struct tenant_row *row, struct buf *out)
{
    struct slice name = name_of(l, row);
    const struct gather_count *streams = map_get(&g->by_tenant, name);
    buf_add_char(out, '{');
    json_put_member(out, "tenant", name);
    json_put_member_u64(out, "connections", streams ? streams->n : 0);
    json_put_member_u64(out, "channels", row->info.channels);
    json_put_member_u64(out, "events", row->info.events);
    json_put_member_u64(out, "bytes", row->info.bytes);
    json_put_member_u64(out, "published", row->info.published);
    json_put_name(out, "rate");
    json_put_double(out, row->info.rate);
    json_put_member_bool(out, "configured", row->configured);
    buf_add_char(out, '}');
}

static void listed(struct gather *g, struct conn *c, struct request *rq)
{
    struct tenant_list *l = g->user;
    struct buf body = BUF_INIT;
    if (l->failed || l->names.failed || g->failed) {
        reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
        return;
    }
    size_t count = l->count < l->limit ? l->count : l->limit;
    buf_add_str(&body, "{\"tenants\":[");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_add_char(&body, ',');
        put_row(g, l, &l->rows[i], &body);
    }
    buf_add_str(&body, "]");
    if (l->count > count)
        json_put_member(&body, "next", name_of(l, &l->rows[count - 1]));
    else
        json_put_member_raw(&body, "next", SLICE_LIT("null"));
    buf_add_char(&body, '}');
    reply_json(c, rq, 200, &body);
}

/* tenant, limit, after. */
static int parse(const struct request *rq, struct tenant_list *l, struct buf *tenant,
                 struct err *e)
{
    struct slice query = rq->query, name, value;
    uint64_t n;
    while (url_query_next(&query, &name, &value)) {
        if (slice_is(name, "tenant") && !tenant->len && url_decode(value, true, tenant, e))
            return e->code;
        if (slice_is(name, "after") && !l->after.len && url_decode(value, true, &l->after, e))
            return e->code;
        if (slice_is(name, "limit")) {
            if (!num_u64(value, PAGE_MAX, &n) || !n)
                return err_set(e, ERR_BAD_REQUEST, "limit: a whole number from 1 to %d", PAGE_MAX);
            l->limit = (size_t)n;
        }
    }
    if (tenant->len && !name_is_tenant(buf_slice(tenant)))
        return err_set(e, ERR_BAD_REQUEST, "tenant: 1 to 64 of A-Z a-z 0-9 _ -");
    if (l->after.len && !name_is_tenant(buf_slice(&l->after)))
        return err_set(e, ERR_BAD_REQUEST, "after: the `next` of the page before");
    return 0;
}

/* The list and its gather, sent. Takes l. */
static void start(struct conn *c, struct request *rq, struct tenant_list *l, struct slice tenant)
{
    struct request *kept = request_keep(rq);
    struct gather *g = kept ? gather_new(c->w, tenant, false, NULL, NULL) : NULL;
    if (kept)
        c->request = kept;
    if (!g) {
        list_free(l);
        reply_fail(c, c->request, ERR_OVERLOADED, "out of memory");
        return;
    }
    l->g = g;
    g->user = l;
    g->user_free = list_free;
    g->owner = list_owner;
    gather_send(g, kept, listed);
}

void req_tenants(struct conn *c, struct request *rq)
{
    struct buf tenant = BUF_INIT;
    struct err e = {.index = -1};
    struct tenant_list *l = calloc(1, sizeof *l);
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
        list_free(l);
        reply_error(c, rq, &e, NULL);
    } else {
        start(c, rq, l, of);
    }
    buf_fini(&tenant);
}
