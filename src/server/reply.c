#include "server/access.h"

#include "io/clock.h"
#include "json/write.h"

#include <stdarg.h>
#include <stdio.h>

static bool origin_listed(const struct options *o, struct slice origin)
{
    for (size_t i = 0; i < o->origins.count; i++)
        if (slice_is(origin, o->origins.v[i]))
            return true;
    return false;
}

void reply_cors(const struct conf *conf, const struct request *rq, struct buf *out)
{
    buf_add_str(out, "Vary: Origin\r\n");
    struct slice origin = rq ? http1_field(&rq->http, "origin") : SLICE_NONE;
    if (!origin.p || !origin_listed(conf->opts, origin))
        return;
    buf_addf(out,
             "Access-Control-Allow-Origin: %.*s\r\nAccess-Control-Allow-Credentials: true\r\n"
             "Access-Control-Expose-Headers: Retry-After\r\n",
             SLICE_FMT(origin));
}

/* A body that was not read to its end can't be followed by another request. */
static bool may_keep(const struct conn *c, const struct request *rq)
{
    bool body_read = http1_body_done(&rq->body_state) ||
                     (!rq->http.chunked && rq->http.length == 0);
    return rq->http.keep_alive && body_read &&
           !atomic_load_explicit(&c->w->s->draining, memory_order_relaxed);
}

void reply_from_nothing(struct transport *t)
{
    static const char answer[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
        "Cache-Control: no-store\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 115\r\n\r\n"
        "{\"error\":\"OVERLOADED\",\"status\":503,\"title\":\"The hub is overloaded\",\"detail\":"
        "\"out of memory: try again in a second\"}";
    struct iovec iov = {(void *)(uintptr_t)answer, sizeof answer - 1};
    t->ops->write(t, &iov, 1);
    t->ops->end(t);
}

void reply(struct conn *c, struct request *rq, int status, const char *type, struct slice body,
           const char *extra)
{
    struct worker *w = c->w;
    bool keep_alive = may_keep(c, rq);
    char date[30];
    http1_date(w->now_ms / 1000, date);
    buf_reset(&w->frame);
    buf_addf(&w->frame, "Date: %s\r\n", date);
    if (!extra || !strstr(extra, "Cache-Control:"))
        buf_add_str(&w->frame, "Cache-Control: no-store\r\n");
    reply_cors(w->conf, rq, &w->frame);
    buf_add_str(&w->frame, "X-Content-Type-Options: nosniff\r\n");
    if (extra)
        buf_add_str(&w->frame, extra);
    struct http1_response r = {.status = status,
                               .minor = rq->http.minor,
                               .keep_alive = keep_alive,
                               .content_type = type,
                               .no_length = status == 204 || status == 304,
                               .length = body.len,
                               .extra = buf_slice(&w->frame)};
    http1_write_head(&c->x->out, &r);
    if (rq->http.method != HTTP1_HEAD && !r.no_length)
        buf_add_slice(&c->x->out, body);
    if (w->frame.failed)
        c->x->out.failed = true;
    if (c->request != rq)
        request_free(rq);
    conn_answered(c, keep_alive);
}

void reply_json(struct conn *c, struct request *rq, int status, struct buf *body)
{
    if (body->failed)
        reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
    else
        reply(c, rq, status, "application/json", buf_slice(body), NULL);
    buf_fini(body);
}

static void put_problem(const struct err *e, struct buf *out)
{
    buf_add_char(out, '{');
    json_put_member(out, "error", slice_str(err_name(e->code)));
    json_put_member_u64(out, "status", (uint64_t)err_status(e->code));
    json_put_member(out, "title", slice_str(err_title(e->code)));
    json_put_member(out, "detail", slice_str(e->detail));
    if (e->index >= 0)
        json_put_member_u64(out, "index", (uint64_t)e->index);
    buf_add_char(out, '}');
}

/* Text from outside as one word of a log line. */
static void log_word(struct slice s, char *out, size_t cap)
{
    size_t n = 0;
    for (; n < s.len && n + 1 < cap; n++)
        out[n] = s.p[n] > ' ' && s.p[n] < 0x7f && s.p[n] != '"' && s.p[n] != '\\' ? s.p[n] : '_';
    out[n] = 0;
}

static void note_refusal(struct worker *w, const struct request *rq, const struct err *e)
{
    unsigned index = (unsigned)(-e->code - 1);
    if (index < ERR_INDEX_COUNT)
        w->stats.errors[index]++;
    if (!rq || !log_on(w->s->log, LOG_INFO) || e->code == ERR_NOT_FOUND)
        return;
    char subject[128];
    struct slice tenant = rq->grant ? grant_tenant(rq->grant) : SLICE_NONE;
    log_word(rq->grant ? grant_subject(rq->grant) : SLICE_NONE, subject, sizeof subject);
    log_line(w->s->log, LOG_INFO, "refused", "error=%s path=%.*s tenant=%.*s subject=%s reason=\"%s\"",
             err_name(e->code), SLICE_FMT(rq->path), SLICE_FMT(tenant), subject,
             rq->why ? rq->why : e->detail);
}

void reply_error(struct conn *c, struct request *rq, const struct err *e, const char *extra)
{
    struct buf body = BUF_INIT, fields = BUF_INIT;
    int status = err_status(e->code);
    put_problem(e, &body);
    note_refusal(c->w, rq, e);
    if (extra)
        buf_add_str(&fields, extra);
    if ((status == 503 || status == 507) && !(extra && strstr(extra, "Retry-After:")))
        buf_add_str(&fields, "Retry-After: 1\r\n");
    if (body.failed || fields.failed)
        c->x->out.failed = true; /* not half an answer */
    reply(c, rq, status, "application/problem+json", buf_slice(&body), buf_cstr(&fields));
    buf_fini(&body);
    buf_fini(&fields);
}

int reply_fail(struct conn *c, struct request *rq, int code, const char *fmt, ...)
{
    struct err e = {.code = code, .index = -1};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e.detail, sizeof e.detail, fmt, ap);
    va_end(ap);
    reply_error(c, rq, &e, NULL);
    return code;
}

void reply_broken(struct conn *c, const struct err *e)
{
    struct buf body = BUF_INIT, extra = BUF_INIT;
    put_problem(e, &body);
    note_refusal(c->w, NULL, e);
    char date[30];
    http1_date(c->w->now_ms / 1000, date);
    buf_addf(&extra, "Date: %s\r\nCache-Control: no-store\r\n", date);
    reply_cors(c->w->conf, NULL, &extra);
    struct http1_response r = {.status = err_status(e->code),
                               .minor = 1,
                               .content_type = "application/problem+json",
                               .length = body.len,
                               .extra = buf_slice(&extra)};
    http1_write_head(&c->x->out, &r);
    buf_add_slice(&c->x->out, buf_slice(&body));
    c->x->out.failed |= body.failed || extra.failed;
    buf_fini(&body);
    buf_fini(&extra);
    conn_finish(c);
}
