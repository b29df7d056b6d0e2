/* api_route.c - freshet.h: routes of the program's own. */
#include "server/access.h"
#include "server/api.h"

#include "wire/url.h"

#include <stdlib.h>

/* A text that was decoded for the handler. */
struct decoded {
    struct decoded *next;
    size_t len;
    char text[];
};

struct freshet_request {
    struct msg msg;
    struct request *rq;
    struct worker *w;
    struct decoded *texts;
    struct buf headers, body;
    char *type;
    int status;
    bool failed; /* no memory for the answer */
};

/* ---- finding ---- */

/* Next segment of a path that begins with '/'. False at the end. */
static bool next_segment(struct slice *path, struct slice *segment)
{
    if (!path->len)
        return false;
    struct slice rest = slice_of(path->p + 1, path->len - 1);
    *segment = slice_cut(&rest, '/');
    *path = rest.p ? slice_of(rest.p - 1, rest.len + 1) : SLICE_NONE;
    return true;
}

/* Whether the pattern covers path; with name, *value is what stands in the place of `:name` or
 * `*`. */
static bool match(struct slice pattern, struct slice path, const char *name, struct slice *value)
{
    struct slice want, have, before = path;
    while (next_segment(&pattern, &want)) {
        if (slice_is(want, "*")) {
            if (name && slice_is(want, name))
                *value = before.len ? slice_of(before.p + 1, before.len - 1) : slice_str("");
            return true;
        }
        if (!next_segment(&path, &have))
            return false;
        before = path;
        if (want.len && want.p[0] == ':') {
            if (!have.len)
                return false;
            if (name && slice_is(slice_of(want.p + 1, want.len - 1), name))
                *value = have;
        } else if (!slice_eq(want, have)) {
            return false;
        }
    }
    return !path.len;
}

const struct endpoint *api_route_find(const struct conf *conf, struct slice path)
{
    for (size_t i = 0; i < conf->pattern_count; i++)
        if (match(slice_str(conf->patterns[i]->path), path, NULL, NULL))
            return conf->patterns[i];
    return NULL;
}

static void on_request(struct conn *c, struct request *rq)
{
    struct request *kept = request_keep(rq);
    struct freshet_request *r = kept ? calloc(1, sizeof *r) : NULL;
    if (kept)
        c->request = kept;
    if (!r) {
        reply_fail(c, c->request, ERR_OVERLOADED, "out of memory");
        return;
    }
    kept->held = true;
    r->rq = kept;
    r->w = c->w;
    kept->endpoint->handler(kept->endpoint->handler_ctx, r);
}

/* ---- adding ---- */

static unsigned methods_of(struct slice text)
{
    static const struct {
        const char *name;
        unsigned bits;
    } known[] = {{"GET", 1u << HTTP1_GET | 1u << HTTP1_HEAD}, {"POST", 1u << HTTP1_POST},
                 {"PUT", 1u << HTTP1_PUT},                    {"PATCH", 1u << HTTP1_PATCH},
                 {"DELETE", 1u << HTTP1_DELETE}};
    unsigned all = 0;
    while (text.p) {
        struct slice one = slice_trim(slice_cut(&text, ','));
        unsigned bits = 0;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (slice_is(one, known[i].name))
                bits = known[i].bits;
        if (!bits)
            return 0;
        all |= bits;
    }
    return all;
}

static bool is_pattern(struct slice path)
{
    struct slice segment;
    while (next_segment(&path, &segment))
        if (slice_is(segment, "*") || (segment.len && segment.p[0] == ':'))
            return true;
    return false;
}

/* Names of parameters are there, `*` is the last. */
static bool well_formed(struct slice path)
{
    struct slice segment;
    bool rest = false;
    if (!path.len || path.p[0] != '/')
        return false;
    for (size_t i = 0; i < path.len; i++)
        if ((unsigned char)path.p[i] <= ' ' || path.p[i] == 0x7f || path.p[i] == '?' ||
            path.p[i] == '#')
            return false;
    while (next_segment(&path, &segment)) {
        if (rest || slice_is(segment, ":"))
            return false;
        rest = slice_is(segment, "*");
    }
    return true;
}

static bool taken(const struct endpoint *ep, unsigned methods)
{
    for (; ep; ep = ep->next)
        if (ep->methods & methods)
            return true;
    return false;
}

static int add(struct server *s, const char *methods, struct endpoint ep)
{
    struct conf *conf = s->conf;
    struct slice p = slice_str(ep.path);
    ep.methods = methods_of(slice_str(methods));
    ep.run = on_request;
    if (!ep.methods || !ep.handler || !well_formed(p))
        return FRESHET_EINVAL;
    bool pattern = is_pattern(p);
    if (taken(pattern ? conf_pattern(conf, p) : map_get(&conf->endpoints, p), ep.methods))
        return FRESHET_EINVAL;
    return conf_add_endpoint(conf, ep, pattern) ? FRESHET_ENOMEM : 0;
}

int freshet_route_add(struct freshet_hub *hub, const char *methods, const char *path,
                      freshet_handler handler, void *ctx)
{
    return add(hub->s, methods,
               (struct endpoint){.path = path, .open = true, .handler = handler, .handler_ctx = ctx});
}

int freshet_route_add_private(struct freshet_hub *hub, const char *methods, const char *path,
                              const char *cookie, freshet_handler handler, void *ctx)
{
    return add(hub->s, methods,
               (struct endpoint){
                   .path = path, .cookie = cookie, .handler = handler, .handler_ctx = ctx});
}

/* ---- looking ---- */

struct freshet_text freshet_request_method(const struct freshet_request *r)
{
    return api_text(r->rq->http.method_text);
}

struct freshet_text freshet_request_path(const struct freshet_request *r)
{
    return api_text(r->rq->path);
}

struct freshet_text freshet_request_body(const struct freshet_request *r)
{
    return api_text(buf_slice(&r->rq->body));
}

struct freshet_text freshet_request_header(const struct freshet_request *r, const char *name)
{
    return api_text(http1_field(&r->rq->http, name));
}

static struct freshet_text decode(struct freshet_request *r, struct slice raw, bool plus)
{
    struct buf b = BUF_INIT;
    struct freshet_text out = {NULL, 0};
    struct decoded *d = NULL;
    if (url_decode(raw, plus, &b, NULL) == 0 && !b.failed &&
        (d = malloc(sizeof *d + b.len + 1))) {
        d->len = b.len;
        if (b.len)
            memcpy(d->text, b.p, b.len);
        d->text[b.len] = 0;
        d->next = r->texts;
        r->texts = d;
        out = (struct freshet_text){d->text, d->len};
    }
    buf_fini(&b);
    return out;
}

struct freshet_text freshet_request_param(struct freshet_request *r, const char *name)
{
    struct slice value = SLICE_NONE;
    match(slice_str(r->rq->endpoint->path), r->rq->path, name, &value);
    return value.p ? decode(r, value, false) : (struct freshet_text){NULL, 0};
}

struct freshet_text freshet_request_query(struct freshet_request *r, const char *name)
{
    struct slice query = r->rq->query, key, value;
    while (url_query_next(&query, &key, &value))
        if (slice_is(key, name))
            return decode(r, value, true);
    return (struct freshet_text){NULL, 0};
}

struct freshet_text freshet_request_cookie(const struct freshet_request *r, const char *name)
{
    struct slice field = http1_field(&r->rq->http, "cookie"), key, value;
    while (cookie_next(&field, &key, &value))
        if (slice_is(key, name))
            return api_text(value);
    return (struct freshet_text){NULL, 0};
}

/* ---- who asks ---- */

void freshet_request_identity(const struct freshet_request *r, struct freshet_identity *out)
{
    const struct grant *g = r->rq->grant;
    *out = (struct freshet_identity){.tenant = api_text(grant_tenant(g)),
                                     .subject = api_text(grant_subject(g)),
                                     .claims = api_text(buf_slice(&r->rq->claims)),
                                     .any_tenant = g && grant_any_tenant(g),
                                     .admin = g && grant_admin(g) != GRANT_ADMIN_NONE};
}

bool freshet_request_may_subscribe(const struct freshet_request *r, struct freshet_text tenant,
                                   struct freshet_text channel)
{
    return grant_may_subscribe(r->rq->grant, api_slice(tenant), api_slice(channel));
}

bool freshet_request_may_publish(const struct freshet_request *r, struct freshet_text tenant,
                                 struct freshet_text channel)
{
    return grant_may_publish(r->rq->grant, api_slice(tenant), api_slice(channel));
}

int freshet_token_sign(struct freshet_hub *hub, struct freshet_text claims, char *out, size_t size)
{
    struct buf token = BUF_INIT;
    struct err e;
    int rc = access_sign(hub->s, api_slice(claims), &token, &e);
    if (!rc && (token.failed || token.len >= size))
        rc = token.failed ? ERR_OVERLOADED : ERR_TOO_LARGE;
    if (!rc)
        memcpy(out, buf_cstr(&token), token.len + 1);
    buf_fini(&token);
    return rc ? api_error(rc) : 0;
}

/* ---- answering ---- */

static bool is_token(const char *s)
{
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
              strchr("!#$%&'*+-.^_`|~", *s)))
            return false;
    return true;
}

int freshet_reply_header(struct freshet_request *r, const char *name, const char *value)
{
    if (!name[0] || !is_token(name))
        return FRESHET_EINVAL;
    for (const char *s = value; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return FRESHET_EINVAL;
    buf_addf(&r->headers, "%s: %s\r\n", name, value);
    return r->headers.failed ? FRESHET_ENOMEM : 0;
}

static void request_done(struct freshet_request *r)
{
    for (struct decoded *d = r->texts, *next; d; d = next) {
        next = d->next;
        free(d);
    }
    buf_fini(&r->headers);
    buf_fini(&r->body);
    free(r->type);
    free(r);
}

static void run_reply(struct msg *m, void *ctx)
{
    struct freshet_request *r = (struct freshet_request *)m;
    struct request *rq = r->rq;
    struct conn *c = rq->conn;
    (void)ctx;
    rq->held = false;
    if (!c)
        request_free(rq);
    else if (r->failed || r->body.failed || r->headers.failed)
        reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
    else
        reply(c, rq, r->status, r->type, buf_slice(&r->body), buf_cstr(&r->headers));
    request_done(r);
}

void freshet_reply(struct freshet_request *r, int status, const char *type,
                   struct freshet_text body)
{
    r->status = status;
    buf_add_slice(&r->body, api_slice(body));
    if (type && !(r->type = slice_dup(slice_str(type))))
        r->failed = true;
    r->msg.run = run_reply;
    mailbox_post(&r->w->box, &r->msg);
}
