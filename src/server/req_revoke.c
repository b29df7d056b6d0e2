/* req_revoke.c - POST /v1/revoke: by token id or subject, kept over restarts. */
#include "server/access.h"

#include "json/scan.h"

#include <stdlib.h>

#define DEFAULT_MS (24 * 3600 * 1000ull)
#define MOST_MS (400 * 24 * 3600 * 1000ull)

/* One revocation on its way to the store. */
struct revocation {
    struct store_row row;
    struct buf name, tenant;
    struct buf what; /* the token's id or the subject */
    uint64_t at_ms, until_ms;
    bool is_jti;
};

static void revocation_free(struct revocation *r)
{
    buf_fini(&r->name);
    buf_fini(&r->what);
    buf_fini(&r->tenant);
    free(r);
}

static int take_text(struct slice object, const char *member, struct buf *out, struct err *e)
{
    struct slice value;
    if (!json_get(object, member, &value))
        return 0;
    if (json_kind(value) != JSON_STRING)
        return err_set(e, ERR_BAD_REQUEST, "\"%s\" must be a string", member);
    json_unescape(json_string_raw(value), out);
    return out->failed ? err_set(e, ERR_OVERLOADED, "out of memory") : 0;
}

/* {"jti": ...} or {"subject": ...}, "tenant"?, "until"? (unix ms). */
static int parse(const struct conf *conf, const struct request *rq, struct revocation *r,
                 uint64_t now_ms, struct err *e)
{
    struct slice body = buf_slice(&rq->body), until;
    struct buf jti = BUF_INIT, subject = BUF_INIT;
    int rc = json_check(body, JSON_DEPTH_MAX, e);
    if (!rc && json_kind(body) != JSON_OBJECT)
        rc = err_set(e, ERR_BAD_REQUEST, "send an object with \"jti\" or \"subject\"");
    if (!rc && (take_text(body, "jti", &jti, e) || take_text(body, "subject", &subject, e) ||
                take_text(body, "tenant", &r->tenant, e)))
        rc = e->code;
    if (!rc && (jti.len != 0) == (subject.len != 0))
        rc = err_set(e, ERR_BAD_REQUEST, "send either \"jti\" or \"subject\"");
    if (!rc && jti.len + subject.len > GRANT_TEXT_MAX)
        rc = err_set(e, ERR_BAD_REQUEST, "at most %d bytes", GRANT_TEXT_MAX);
    r->until_ms = now_ms + DEFAULT_MS;
    if (!rc && json_get(body, "until", &until) && !json_u64(until, now_ms + MOST_MS, &r->until_ms))
        rc = err_set(e, ERR_BAD_REQUEST, "until: a unix time in ms, at most 400 days from now");
    if (!rc && !r->tenant.len)
        buf_add_slice(&r->tenant, access_tenant(conf, rq->grant, SLICE_NONE));
    if (!rc && !name_is_tenant(buf_slice(&r->tenant)))
        rc = err_set(e, ERR_BAD_REQUEST, "tenant: 1 to 64 of A-Z a-z 0-9 _ -");
    if (!rc) {
        r->at_ms = now_ms;
        r->is_jti = jti.len != 0;
        buf_add_slice(&r->what, buf_slice(jti.len ? &jti : &subject));
        access_put_revoked(jti.len ? buf_slice(&jti) : SLICE_NONE, buf_slice(&subject), now_ms,
                           &r->name);
        if (r->name.failed || r->what.failed || r->tenant.failed)
            rc = err_set(e, ERR_OVERLOADED, "out of memory");
    }
    buf_fini(&jti);
    buf_fini(&subject);
    return rc;
}

static void answered(struct job *j, struct request *rq)
{
    struct conn *c = rq->conn;
    struct revocation *r = job_rows_owner(j);
    struct buf body = BUF_INIT;
    rq->held = false;
    revocation_free(r);
    if (!c) {
        request_free(rq);
        return;
    }
    if (job_error(j)->code) {
        reply_error(c, rq, job_error(j), NULL);
        return;
    }
    buf_add_str(&body, "{\"revoked\":true}");
    reply_json(c, rq, 200, &body);
}

static int send_job(struct conn *c, struct request *rq, struct revocation *r)
{
    struct request *kept = request_keep(rq);
    if (!kept)
        return -1;
    c->request = kept;
    struct job *j = job_new(c->w, 0, buf_slice(&r->tenant), SLICE_NONE);
    if (!j)
        return -1;
    r->row = (struct store_row){.kind = STORE_REVOKE,
                                .name = buf_slice(&r->name),
                                .tenant = buf_slice(&r->tenant),
                                .pos = pos_make(r->at_ms, 0),
                                .time_ms = r->until_ms};
    struct publish *p = job_publish(j);
    p->rows = &r->row;
    p->row_count = 1;
    p->durable = true;
    job_set_rows_owner(j, r);
    kept->held = true;
    job_send(j, kept, answered);
    return 0;
}

void req_revoke(struct conn *c, struct request *rq)
{
    struct server *s = c->w->s;
    struct err e = {.index = -1};
    struct revocation *r = calloc(1, sizeof *r);
    if (!r) {
        reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
        return;
    }
    int rc = parse(c->w->conf, rq, r, c->w->now_ms, &e);
    if (!rc && !grant_may_administer(rq->grant, buf_slice(&r->tenant)))
        rc = err_set(&e, ERR_FORBIDDEN, "this needs an administrator's token");
    if (!rc) {
        struct slice what = buf_slice(&r->what);
        if (access_revoke(s, buf_slice(&r->tenant), r->is_jti ? what : SLICE_NONE,
                          r->is_jti ? SLICE_NONE : what, r->at_ms, r->until_ms) ||
            send_job(c, rq, r))
            rc = err_set(&e, ERR_OVERLOADED, "out of memory");
    }
    if (rc) {
        revocation_free(r);
        reply_error(c, c->request, &e, NULL);
    }
}
