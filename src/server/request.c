/* request.c - from a head to an endpoint: what can be said about a request before its body. */
#include "server/access.h"

#include "auth/keys.h"
#include "wire/url.h"

#include <stdlib.h>

/* Points a slice from one copy of the head into another. */
static void rebase(struct slice *s, const char *from, size_t len, char *to)
{
    if (s->p && s->p >= from && s->p <= from + len)
        s->p = to + (s->p - from);
}

struct request *request_keep(struct request *rq)
{
    if (rq->kept)
        return rq;
    struct request *kept = malloc(sizeof *kept);
    if (!kept)
        return NULL;
    *kept = *rq;
    /* the head lies between the method and the end of the last field */
    const char *from = rq->http.method_text.p, *end = rq->http.target.p + rq->http.target.len;
    for (unsigned i = 0; i < rq->http.field_count; i++) {
        const struct http1_field *f = &rq->http.fields[i];
        const char *field_end = f->value.p ? f->value.p + f->value.len : f->name.p + f->name.len;
        if (field_end > end)
            end = field_end;
    }
    size_t len = (size_t)(end - from);
    kept->head = malloc(len + 1);
    if (!kept->head) {
        free(kept);
        return NULL;
    }
    memcpy(kept->head, from, len);
    struct slice *slices[] = {&kept->http.method_text, &kept->http.target, &kept->http.host,
                              &kept->path, &kept->query};
    for (size_t i = 0; i < sizeof slices / sizeof *slices; i++)
        rebase(slices[i], from, len, kept->head);
    for (unsigned i = 0; i < kept->http.field_count; i++) {
        rebase(&kept->http.fields[i].name, from, len, kept->head);
        rebase(&kept->http.fields[i].value, from, len, kept->head);
    }
    rq->body = rq->claims = BUF_INIT; /* went along */
    rq->grant = NULL;
    rq->key = NULL;
    kept->conf = conf_ref(rq->conn->w->conf);
    kept->kept = true;
    return kept;
}

void request_free(struct request *rq)
{
    if (!rq)
        return;
    buf_fini(&rq->body);
    buf_fini(&rq->claims);
    grant_unref(rq->grant);
    rq->grant = NULL;
    key_unref(rq->key);
    rq->key = NULL;
    conf_unref(rq->conf);
    rq->conf = NULL;
    free(rq->head);
    rq->head = NULL;
    if (rq->kept)
        free(rq);
}

const struct conf *request_conf(const struct request *rq)
{
    return rq->conf ? rq->conf : rq->conn->w->conf;
}

bool request_weighs_nothing(struct slice parameters)
{
    while (parameters.p) {
        struct slice p = slice_trim(slice_cut(&parameters, ';'));
        if (p.len < 3 || (p.p[0] != 'q' && p.p[0] != 'Q') || p.p[1] != '=')
            continue;
        for (size_t i = 2; i < p.len; i++)
            if (p.p[i] != '0' && p.p[i] != '.')
                return false;
        return true;
    }
    return false;
}

static bool host_allowed(const struct conf *conf, struct slice host)
{
    const struct opt_texts *hosts = &conf->opts->hosts;
    if (!hosts->count)
        return true;
    struct slice name = host;
    for (size_t i = host.len; i > 0; i--) { /* without the port */
        if (host.p[i - 1] == ':') {
            name.len = i - 1;
            break;
        }
        if (host.p[i - 1] < '0' || host.p[i - 1] > '9')
            break;
    }
    for (size_t i = 0; i < hosts->count; i++)
        if (slice_is_nocase(host, hosts->v[i]) || slice_is_nocase(name, hosts->v[i]))
            return true;
    return false;
}

static void allowed_methods(const struct endpoint *ep, bool is_static, char *out, size_t cap)
{
    static const struct {
        enum http1_method method;
        const char *name;
    } names[] = {{HTTP1_GET, "GET"},   {HTTP1_HEAD, "HEAD"}, {HTTP1_POST, "POST"},
                 {HTTP1_PUT, "PUT"},   {HTTP1_PATCH, "PATCH"}, {HTTP1_DELETE, "DELETE"}};
    unsigned methods = is_static ? 1u << HTTP1_GET | 1u << HTTP1_HEAD : 0;
    for (; ep; ep = ep->next)
        methods |= ep->methods;
    size_t len = 0;
    out[0] = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (methods & 1u << names[i].method)
            len += (size_t)snprintf(out + len, cap - len, "%s, ", names[i].name);
    snprintf(out + len, cap - len, "OPTIONS");
}

/* OPTIONS, a browser's preflight among them (Fetch standard, CORS protocol). */
static void answer_options(struct conn *c, struct request *rq, const char *methods)
{
    struct buf extra = BUF_INIT;
    buf_addf(&extra, "Allow: %s\r\n", methods);
    if (http1_field(&rq->http, "access-control-request-method").p)
        buf_addf(&extra,
                 "Access-Control-Allow-Methods: %s\r\n"
                 "Access-Control-Allow-Headers: Authorization, Last-Event-ID, Content-Type, "
                 "Idempotency-Key\r\nAccess-Control-Max-Age: 600\r\n",
                 methods);
    reply(c, rq, 204, NULL, SLICE_NONE, buf_cstr(&extra));
    buf_fini(&extra);
}

void request_run(struct conn *c, struct request *rq)
{
    if (!rq->endpoint->open && !c->metrics && access_check(c, rq) != ACCESS_DONE)
        return;
    rq->endpoint->run(c, rq);
}

/* A body that is announced too large is not worth reading. */
static int check_body(struct conn *c, struct request *rq)
{
    uint64_t max = c->w->conf->opts->limits.body_bytes;
    if (rq->http.has_length && rq->http.length > max) {
        c->w->stats.limited[LIMIT_BODY_BYTES]++;
        return reply_fail(c, rq, ERR_TOO_LARGE,
                          "the body is larger than %llu bytes (limits.body_bytes)",
                          (unsigned long long)max);
    }
    if (rq->http.method == HTTP1_POST && !rq->http.has_length && !rq->http.chunked)
        return reply_fail(c, rq, ERR_LENGTH_REQUIRED, "send a Content-Length or a chunked body");
    return 0;
}

int request_begin(struct conn *c, struct request *rq)
{
    const struct conf *conf = c->w->conf;
    struct err e;
    char methods[80];
    c->request = rq;
    c->minor0 = rq->http.minor == 0;
    if (slice_is(rq->http.target, "*") && rq->http.method == HTTP1_OPTIONS) {
        allowed_methods(conf_endpoint(conf, slice_str("/v1/stream")), false, methods, sizeof methods);
        answer_options(c, rq, methods);
        return -1;
    }
    if (url_split(rq->http.target, &rq->path, &rq->query, &e)) {
        reply_error(c, rq, &e, NULL);
        return -1;
    }
    if (!host_allowed(conf, rq->http.host))
        return reply_fail(c, rq, ERR_FORBIDDEN, "this hub doesn't answer to that host name");
    const struct endpoint *ep = conf_endpoint(conf, rq->path);
    if (c->metrics && ep && ep->run != req_metrics && !ep->open)
        ep = NULL;
    bool is_console = !ep && !c->metrics && console_has(conf, rq->path);
    bool is_static = is_console || (!ep && !c->metrics && static_has(conf, rq->path));
    if (!ep && !is_static)
        return reply_fail(c, rq, ERR_NOT_FOUND, "there is nothing at this path");
    allowed_methods(ep, is_static, methods, sizeof methods);
    if (rq->http.method == HTTP1_OPTIONS) {
        answer_options(c, rq, methods);
        return -1;
    }
    static const struct endpoint static_files = {.methods = 1u << HTTP1_GET | 1u << HTTP1_HEAD,
                                                 .run = req_static,
                                                 .open = true};
    static const struct endpoint console = {.methods = 1u << HTTP1_GET | 1u << HTTP1_HEAD,
                                            .run = req_console,
                                            .open = true};
    const struct endpoint *use = is_console ? &console : is_static ? &static_files : ep;
    while (use && !(use->methods & 1u << rq->http.method))
        use = use->next;
    if (!use) {
        char extra[120];
        snprintf(extra, sizeof extra, "Allow: %s\r\n", methods);
        err_set(&e, ERR_METHOD_NOT_ALLOWED, "this path takes %s", methods);
        reply_error(c, rq, &e, extra);
        return -1;
    }
    rq->endpoint = use;
    rq->route = use->route;
    return check_body(c, rq) ? -1 : 0;
}
