#include "server/access.h"

#include "auth/doc.h"
#include "auth/fetch.h"
#include "auth/jwks.h"
#include "auth/jwt.h"
#include "auth/publisher.h"
#include "auth/webhook.h"
#include "io/clock.h"
#include "json/scan.h"
#include "wire/url.h"

#include <stdlib.h>

#define DAY_MS (24 * 3600 * 1000ull)

struct access {
    pthread_mutex_t lock;    /* of keys and revoked */
    struct keyset *fixed;    /* of the configuration */
    struct keyset *keys;     /* those, and the issuer's */
    struct map revoked;      /* see revoked_name -> struct revoked */
    struct publishers *publishers;
    struct jwt_conf jwt;
    const char *issuer, *audience;
    struct grant_claims claims;
    struct grant_role *roles;
    struct fetch *fetch; /* these three: the first loop's */
    struct jwks *jwks;
    struct webhook *webhook;
    struct grant *everybody; /* with dev */
};

struct revoked {
    uint64_t at_ms, until_ms;
};

/* What an open stream is held to. */
struct guard {
    struct list due; /* in a slot of its loop */
    struct conn *conn;
    uint64_t due_ms;     /* when to look at it: the grant's end, or time to ask again */
    struct grant *grant;
    bool asks;           /* by webhook: asked again, with these */
    bool asking;
    struct slice cookie, authorization;
    char text[];
};

/* ---- beginning and end ---- */

static int add_keys(struct access *a, const struct opt_auth *o, struct err *e)
{
    static const char *const names[] = {"HS256", "RS256", "ES256", "EdDSA"};
    for (size_t i = 0; i < o->keys.count; i++) {
        const struct opt_key *k = &o->keys.v[i];
        struct key_conf conf = {.name = k->name,
                                .algorithm = names[k->algorithm],
                                .secret = k->secret,
                                .secret_file = k->secret_file,
                                .secret_env = k->secret_env,
                                .pem_file = k->public_key_file};
        if (keyset_add(a->fixed, &conf, e))
            return e->code;
    }
    if (!o->jwks_file)
        return 0;
    struct buf doc = BUF_INIT;
    int rc = keys_read_file(o->jwks_file, &doc, e);
    if (!rc)
        rc = keyset_add_jwks(a->fixed, buf_slice(&doc), NULL, e);
    buf_fini(&doc);
    return rc;
}

static int add_publishers(struct access *a, const struct opt_publishers *list, struct err *e)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct opt_publisher *p = &list->v[i];
        struct publisher_conf conf = {.name = p->name,
                                      .secret_hash = p->secret_hash,
                                      .tenant = p->tenant,
                                      .channels = p->channels.v,
                                      .channel_count = p->channels.count};
        if (publishers_add(a->publishers, &conf, e))
            return e->code;
    }
    return 0;
}

static int make_claims(struct access *a, const struct opt_auth *o)
{
    a->roles = calloc(o->cross_tenant_roles.count + 1, sizeof *a->roles);
    if (!a->roles)
        return -1;
    static const char *const all[] = {"*"};
    for (size_t i = 0; i < o->cross_tenant_roles.count; i++)
        a->roles[i] = (struct grant_role){.name = o->cross_tenant_roles.v[i],
                                          .any_tenant = true,
                                          .subscribe = all,
                                          .subscribe_count = 1};
    a->claims = (struct grant_claims){.tenant = o->claims.tenant,
                                      .subject = o->claims.subject,
                                      .subscribe = o->claims.subscribe,
                                      .publish = o->claims.publish,
                                      .role = o->claims.role,
                                      .admin = o->claims.admin,
                                      .roles = a->roles,
                                      .role_count = o->cross_tenant_roles.count};
    a->issuer = o->issuer;
    a->audience = o->audience;
    a->jwt = (struct jwt_conf){.issuers = &a->issuer,
                               .issuer_count = o->issuer != NULL,
                               .audiences = &a->audience,
                               .audience_count = o->audience != NULL,
                               .leeway_ms = (uint32_t)o->leeway_ms,
                               .allow_no_expiry = o->allow_no_exp};
    return 0;
}

/* The issuer's keys have changed: the first loop's thread. */
static void on_keys(void *ctx, struct keyset *set)
{
    struct access *a = ctx;
    struct err e;
    struct keyset *both = keyset_new();
    if (!both || keyset_add_all(both, a->fixed, &e) || (set && keyset_add_all(both, set, &e))) {
        keyset_unref(both);
        return; /* no memory, or too many: the old ones serve on */
    }
    pthread_mutex_lock(&a->lock);
    struct keyset *old = a->keys;
    a->keys = both;
    pthread_mutex_unlock(&a->lock);
    keyset_unref(old);
}

static int start_asking(struct server *s, struct access *a, struct err *e)
{
    const struct opt_auth *o = &s->opts->auth;
    uv_loop_t *loop = &s->workers[0].loop;
    if (!o->jwks && !o->webhook.url)
        return 0;
    a->fetch = fetch_new(loop);
    if (!a->fetch)
        return err_set(e, ERR_OVERLOADED, "out of memory");
    struct jwks_conf jwks = {.name = "jwks", .url = o->jwks};
    if (o->jwks && jwks_open(a->fetch, loop, &jwks, s->log, on_keys, a, &a->jwks, e))
        return e->code;
    struct webhook_conf hook = {.url = o->webhook.url};
    if (o->webhook.url && webhook_open(a->fetch, loop, &hook, s->log, &a->webhook, e))
        return e->code;
    return 0;
}

static int make_everybody(struct access *a, struct err *e)
{
    static const struct slice all[] = {{"*", 1}};
    struct grant_parts parts = {.subscribe = all,
                                .subscribe_count = 1,
                                .publish = all,
                                .publish_count = 1,
                                .any_tenant = true,
                                .admin = true};
    return grant_new(&parts, &a->everybody, e);
}

int access_init(struct server *s, struct err *e)
{
    uint64_t seed[2];
    struct access *a = calloc(1, sizeof *a);
    if (!a)
        return err_set(e, ERR_OVERLOADED, "out of memory");
    s->access = a;
    pthread_mutex_init(&a->lock, NULL);
    rng_system(seed, sizeof seed);
    map_init(&a->revoked, seed[0], seed[1]);
    a->fixed = keyset_new();
    a->publishers = publishers_new();
    if (!a->fixed || !a->publishers || make_claims(a, &s->opts->auth))
        return err_set(e, ERR_OVERLOADED, "out of memory");
    a->keys = keyset_ref(a->fixed);
    if (s->opts->dev && make_everybody(a, e))
        return e->code;
    if (add_keys(a, &s->opts->auth, e) || add_publishers(a, &s->opts->publishers, e))
        return e->code;
    return start_asking(s, a, e);
}

void access_close(struct server *s)
{
    struct access *a = s->access;
    if (a->jwks)
        jwks_close(a->jwks);
    if (a->webhook)
        webhook_close(a->webhook);
    if (a->fetch)
        fetch_close(a->fetch, NULL, NULL);
    a->jwks = NULL;
    a->webhook = NULL;
    a->fetch = NULL;
}

void access_free(struct server *s)
{
    struct access *a = s->access;
    size_t at = 0;
    void *value;
    if (!a)
        return;
    while (map_next(&a->revoked, &at, NULL, &value))
        free(value);
    map_fini(&a->revoked);
    keyset_unref(a->keys);
    keyset_unref(a->fixed);
    publishers_unref(a->publishers);
    grant_unref(a->everybody);
    free(a->roles);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

/* ---- revocation ---- */

#define REVOKED_NAME_MAX (4 + 64 + 1 + GRANT_TEXT_MAX)

/* "jti:ID" or "sub:NAME", as in the store; with the tenant before it, as in the map. */
static struct slice revoked_name(const char *kind, struct slice tenant, struct slice what,
                                 char out[REVOKED_NAME_MAX])
{
    if (tenant.len > 64 || what.len > GRANT_TEXT_MAX)
        return SLICE_NONE;
    size_t n = tenant.len;
    if (n)
        memcpy(out, tenant.p, n);
    out[n++] = 0;
    memcpy(out + n, kind, 4);
    memcpy(out + n + 4, what.p, what.len);
    return slice_of(out, n + 4 + what.len);
}

static bool is_revoked_by(struct access *a, const char *kind, struct slice tenant,
                          struct slice what, uint64_t issued_ms)
{
    char text[REVOKED_NAME_MAX];
    if (!what.p)
        return false;
    struct slice name = revoked_name(kind, tenant, what, text);
    const struct revoked *r = name.p ? map_get(&a->revoked, name) : NULL;
    return r && r->until_ms > clock_unix_ms() && issued_ms <= r->at_ms;
}

/* issued_ms: when the token was issued, 0 unknown: then a revoked subject stays revoked. */
static bool is_revoked(struct access *a, const struct grant *g, uint64_t issued_ms)
{
    pthread_mutex_lock(&a->lock);
    bool yes = is_revoked_by(a, "jti:", grant_tenant(g), grant_jti(g), 0) ||
               is_revoked_by(a, "sub:", grant_tenant(g), grant_subject(g), issued_ms);
    pthread_mutex_unlock(&a->lock);
    return yes;
}

static int note_revoked(struct access *a, struct slice name, uint64_t at_ms, uint64_t until_ms)
{
    struct revoked *r = malloc(sizeof *r);
    if (!r || !name.p) {
        free(r);
        return -1;
    }
    *r = (struct revoked){at_ms, until_ms};
    pthread_mutex_lock(&a->lock);
    struct revoked *old = map_remove(&a->revoked, name);
    int rc = map_put(&a->revoked, name, r);
    pthread_mutex_unlock(&a->lock);
    free(old);
    if (rc)
        free(r);
    return rc;
}

void access_load_revoked(void *ctx, const struct store_row *row)
{
    struct server *s = ctx;
    char text[REVOKED_NAME_MAX];
    if (row->kind != STORE_REVOKE || row->name.len < 4 || row->time_ms < clock_unix_ms())
        return;
    struct slice what = slice_of(row->name.p + 4, row->name.len - 4);
    note_revoked(s->access, revoked_name(row->name.p, row->tenant, what, text),
                 pos_ms(row->pos), row->time_ms);
}

static void run_look_at_streams(struct msg *m, void *ctx)
{
    struct worker *w = ctx;
    free(m);
    LIST_EACH(&w->conns, node, after) {
        struct conn *c = LIST_ENTRY(node, struct conn, all);
        if (c->guard && c->state == CONN_STREAM && is_revoked(w->s->access, c->guard->grant, 0))
            conn_end_stream(c, "revoked", server_retry_ms(w->s, &w->dice));
    }
}

int access_revoke(struct server *s, struct slice tenant, struct slice jti, struct slice subject,
                  uint64_t until_ms)
{
    char text[REVOKED_NAME_MAX];
    struct slice name = jti.p ? revoked_name("jti:", tenant, jti, text)
                              : revoked_name("sub:", tenant, subject, text);
    if (note_revoked(s->access, name, clock_unix_ms(), until_ms))
        return -1;
    for (unsigned i = 0; i < s->worker_count; i++) {
        struct msg *m = malloc(sizeof *m);
        if (!m)
            return -1;
        m->run = run_look_at_streams;
        mailbox_post(&s->workers[i].box, m);
    }
    return 0;
}

/* ---- who is this? ---- */

struct credential {
    struct slice text; /* a token or a publishing key; SLICE_NONE: none */
    bool from_cookie;
};

static struct slice query_token(const struct request *rq)
{
    struct slice query = rq->query, name, value;
    while (url_query_next(&query, &name, &value))
        if (slice_is(name, "access_token"))
            return value;
    return SLICE_NONE;
}

static struct credential find_credential(const struct server *s, const struct request *rq)
{
    struct slice field = http1_field(&rq->http, "authorization"), name, value;
    if (field.len > 7 && slice_is_nocase(slice_of(field.p, 7), "bearer "))
        return (struct credential){slice_trim(slice_of(field.p + 7, field.len - 7)), false};
    field = http1_field(&rq->http, "cookie");
    while (s->opts->auth.cookie && cookie_next(&field, &name, &value))
        if (slice_is(name, s->opts->auth.cookie))
            return (struct credential){value, true};
    if (s->opts->auth.query_token)
        return (struct credential){query_token(rq), false};
    return (struct credential){SLICE_NONE, false};
}

static struct keyset *present_keys(struct access *a)
{
    pthread_mutex_lock(&a->lock);
    struct keyset *set = keyset_ref(a->keys);
    pthread_mutex_unlock(&a->lock);
    return set;
}

static uint64_t issued_ms(struct slice claims)
{
    struct slice value;
    uint64_t s;
    if (!doc_find(claims, "iat", &value) || !json_u64(value, UINT32_MAX, &s))
        return 0;
    return s * 1000 + 999;
}

/* The grant of a token: new in *out. *unknown: no key of ours has its id, newer ones might. */
static int grant_of_token(struct server *s, struct slice token, struct grant **out, bool *unknown,
                          struct err *e)
{
    struct access *a = s->access;
    struct keyset *set = present_keys(a);
    struct jwt jwt;
    int rc = jwt_verify(token, set, &a->jwt, clock_unix_ms(), &jwt, e);
    *unknown = rc && jwt.reason == JWT_UNKNOWN_KEY;
    if (!rc)
        rc = grant_from_claims(buf_slice(&jwt.claims), &a->claims, jwt.expiry_ms, out, e);
    if (!rc && is_revoked(a, *out, issued_ms(buf_slice(&jwt.claims)))) {
        grant_unref(*out);
        rc = err_set(e, ERR_UNAUTHORIZED, "the token was revoked");
    }
    jwt_fini(&jwt);
    keyset_unref(set);
    return rc;
}

static int refuse(struct conn *c, struct request *rq, const char *why)
{
    struct err e;
    log_line(c->w->s->log, LOG_INFO, "unauthorized", "path=%.*s reason=\"%s\"",
             SLICE_FMT(rq->path), why);
    err_set(&e, ERR_UNAUTHORIZED,
            "send a valid token (Authorization: Bearer ...); to try the hub out without, start it "
            "with --dev");
    reply_error(c, rq, &e, "WWW-Authenticate: Bearer realm=\"freshet\"\r\n");
    return -1;
}

/* A page of another site can make a browser send our cookie, so a cookie alone is not enough to
 * change anything: the page has to be of a listed origin, or of the hub's own. */
static bool cookie_may_change(const struct server *s, const struct request *rq)
{
    struct slice origin = http1_field(&rq->http, "origin");
    if (rq->http.method == HTTP1_GET || rq->http.method == HTTP1_HEAD)
        return true;
    for (size_t i = 0; i < s->opts->origins.count; i++)
        if (slice_is(origin, s->opts->origins.v[i]))
            return true;
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if (slice_starts(origin, schemes[i]) && rq->http.host.len &&
            slice_eq(slice_of(origin.p + n, origin.len - n), rq->http.host))
            return true;
    }
    return false;
}

/* ---- asking others ---- */

struct asking {
    struct msg msg;
    struct request *request;
    struct worker *from;
    struct webhook_wait hook;
    struct jwks_wait keys;
    struct grant *grant;
    uint64_t ttl_ms;
    int code;
    bool for_keys;
};

static void run_asked(struct msg *m, void *ctx)
{
    struct asking *ask = (struct asking *)m;
    struct worker *w = ctx;
    struct request *rq = ask->request;
    struct conn *c = rq->conn;
    rq->held = false;
    if (!c) {
        request_free(rq);
        grant_unref(ask->grant);
    } else if (ask->for_keys) {
        rq->asked_keys = true;
        request_run(c, rq);
    } else if (ask->grant) {
        rq->grant = ask->grant;
        rq->grant_until_ms = w->now_ms + ask->ttl_ms;
        rq->by_webhook = true;
        request_run(c, rq);
    } else if (ask->code == ERR_UNAUTHORIZED) {
        refuse(c, rq, "the application refused the session");
    } else {
        struct err e;
        err_set(&e, ERR_OVERLOADED, "the application that knows who you are doesn't answer");
        reply_error(c, rq, &e, "Retry-After: 2\r\n");
    }
    free(ask);
}

static void answer_asking(struct asking *ask)
{
    ask->msg.run = run_asked;
    worker_post(&ask->from->s->workers[0], ask->from, &ask->msg);
}

static void on_hook(void *ctx, int code, struct grant *grant, uint64_t ttl_ms)
{
    struct asking *ask = ctx;
    ask->code = code;
    ask->ttl_ms = ttl_ms;
    ask->grant = grant ? grant_ref(grant) : NULL;
    answer_asking(ask);
}

static void on_newer_keys(void *ctx)
{
    answer_asking(ctx);
}

static void run_ask(struct msg *m, void *ctx)
{
    struct asking *ask = (struct asking *)m;
    struct worker *w = ctx;
    struct access *a = w->s->access;
    ask->hook.done = on_hook;
    ask->keys.done = on_newer_keys;
    ask->hook.ctx = ask->keys.ctx = ask;
    if (ask->for_keys) {
        if (!a->jwks || !jwks_refresh(a->jwks, &ask->keys))
            answer_asking(ask);
        return;
    }
    struct webhook_credential cred = {http1_field(&ask->request->http, "cookie"),
                                      http1_field(&ask->request->http, "authorization")};
    ask->code = a->webhook ? webhook_ask(a->webhook, &cred, false, &ask->hook, &ask->grant,
                                         &ask->ttl_ms)
                           : ERR_OVERLOADED;
    if (ask->code != WEBHOOK_WAIT)
        answer_asking(ask);
}

static int ask(struct conn *c, struct request *rq, bool for_keys)
{
    struct request *kept = request_keep(rq);
    struct asking *a = kept ? calloc(1, sizeof *a) : NULL;
    if (kept)
        c->request = kept;
    if (!a)
        return reply_fail(c, c->request, ERR_OVERLOADED, "out of memory");
    kept->conn = c;
    kept->held = true;
    *a = (struct asking){.msg = {NULL, run_ask}, .request = kept, .from = c->w,
                         .for_keys = for_keys};
    worker_post(c->w, &c->w->s->workers[0], &a->msg);
    return ACCESS_WAIT;
}

int access_check(struct conn *c, struct request *rq)
{
    struct server *s = c->w->s;
    struct access *a = s->access;
    struct err e;
    bool unknown = false;
    if (rq->grant)
        return ACCESS_DONE; /* asked for */
    if (s->opts->dev) {
        rq->grant = grant_ref(a->everybody);
        return ACCESS_DONE;
    }
    struct credential cred = find_credential(s, rq);
    if (cred.text.p && slice_starts(cred.text, "fpk_")) {
        struct grant *g = publishers_find(a->publishers, cred.text);
        if (!g)
            return refuse(c, rq, "unknown publishing key");
        rq->grant = grant_ref(g);
        return ACCESS_DONE;
    }
    bool by_cookie = cred.from_cookie || (a->webhook && !cred.text.p);
    if (by_cookie && !cookie_may_change(s, rq))
        return reply_fail(c, rq, ERR_FORBIDDEN,
                          "with a cookie this needs an Origin header of a listed origin");
    if (cred.text.p && grant_of_token(s, cred.text, &rq->grant, &unknown, &e) == 0)
        return ACCESS_DONE;
    rq->grant = NULL;
    if (unknown && a->jwks && !rq->asked_keys)
        return ask(c, rq, true);
    if (a->webhook && (http1_field(&rq->http, "cookie").len ||
                       http1_field(&rq->http, "authorization").len))
        return ask(c, rq, false);
    return refuse(c, rq, cred.text.p ? e.detail : "no token");
}

/* ---- open streams ---- */

static void put_due(struct guard *g, uint64_t now_ms)
{
    struct worker *w = g->conn->w;
    uint64_t at = g->due_ms > now_ms ? g->due_ms : now_ms + 1000;
    list_move_back(&w->due[at / DUE_SLOT_MS % DUE_SLOTS], &g->due);
}

int access_guard(struct conn *c, const struct request *rq)
{
    struct slice cookie = SLICE_NONE, authorization = SLICE_NONE;
    if (c->w->s->opts->dev)
        return 0;
    if (rq->by_webhook) {
        cookie = http1_field(&rq->http, "cookie");
        authorization = http1_field(&rq->http, "authorization");
    }
    struct guard *g = calloc(1, sizeof *g + cookie.len + authorization.len);
    if (!g)
        return -1;
    list_init(&g->due);
    g->conn = c;
    g->grant = grant_ref(rq->grant);
    g->asks = rq->by_webhook;
    if (cookie.len)
        memcpy(g->text, cookie.p, cookie.len);
    if (authorization.len)
        memcpy(g->text + cookie.len, authorization.p, authorization.len);
    g->cookie = cookie.p ? slice_of(g->text, cookie.len) : SLICE_NONE;
    g->authorization =
        authorization.p ? slice_of(g->text + cookie.len, authorization.len) : SLICE_NONE;
    g->due_ms = g->asks ? rq->grant_until_ms : grant_expiry_ms(g->grant);
    c->guard = g;
    if (g->due_ms)
        put_due(g, c->w->now_ms);
    return 0;
}

void access_unguard(struct conn *c)
{
    struct guard *g = c->guard;
    c->guard = NULL;
    if (!g)
        return;
    list_remove(&g->due);
    grant_unref(g->grant);
    g->conn = NULL;
    if (!g->asking)
        free(g);
}

int access_renew(struct conn *c, struct grant *grant)
{
    struct guard *g = c->guard;
    if (!g || !slice_eq(grant_subject(g->grant), grant_subject(grant)) ||
        !slice_eq(grant_tenant(g->grant), grant_tenant(grant)))
        return -1;
    grant_unref(g->grant);
    g->grant = grant_ref(grant);
    g->due_ms = grant_expiry_ms(grant);
    list_remove(&g->due);
    if (g->due_ms)
        put_due(g, c->w->now_ms);
    return 0;
}

/* A stream whose grant came from the webhook: is it still so? */
struct recheck {
    struct msg msg;
    struct guard *guard; /* of `from`'s thread */
    struct worker *from;
    struct webhook_wait hook;
    struct grant *grant;
    uint64_t ttl_ms;
    int code;
};

static bool still_granted(const struct conn *c, const struct grant *grant, struct slice tenant)
{
    struct slice names[256];
    size_t count = edge_channels(&c->reader, names, 256);
    for (size_t i = 0; i < count; i++)
        if (!grant_may_subscribe(grant, tenant, names[i]))
            return false;
    return true;
}

static void run_rechecked(struct msg *m, void *ctx)
{
    struct recheck *r = (struct recheck *)m;
    struct worker *w = ctx;
    struct guard *g = r->guard;
    struct conn *c = g->conn;
    g->asking = false;
    if (!c) {
        free(g);
    } else if (r->code == 0 && still_granted(c, r->grant, slice_of(c->stream.tenant->name,
                                                                   c->stream.tenant->len))) {
        grant_unref(g->grant);
        g->grant = grant_ref(r->grant);
        g->due_ms = w->now_ms + r->ttl_ms;
        put_due(g, w->now_ms);
    } else {
        conn_end_stream(c, "revoked", server_retry_ms(w->s, &w->dice));
    }
    grant_unref(r->grant);
    free(r);
}

static void recheck_answer(struct recheck *r)
{
    r->msg.run = run_rechecked;
    worker_post(&r->from->s->workers[0], r->from, &r->msg);
}

static void on_rehook(void *ctx, int code, struct grant *grant, uint64_t ttl_ms)
{
    struct recheck *r = ctx;
    r->code = code;
    r->ttl_ms = ttl_ms;
    r->grant = grant ? grant_ref(grant) : NULL;
    recheck_answer(r);
}

static void run_recheck(struct msg *m, void *ctx)
{
    struct recheck *r = (struct recheck *)m;
    struct worker *w = ctx;
    struct access *a = w->s->access;
    struct webhook_credential cred = {r->guard->cookie, r->guard->authorization};
    r->hook.done = on_rehook;
    r->hook.ctx = r;
    r->code = a->webhook
                  ? webhook_ask(a->webhook, &cred, true, &r->hook, &r->grant, &r->ttl_ms)
                  : ERR_OVERLOADED;
    if (r->code != WEBHOOK_WAIT)
        recheck_answer(r);
}

static void look_at(struct worker *w, struct guard *g)
{
    if (g->due_ms > w->now_ms) {
        put_due(g, w->now_ms);
        return;
    }
    if (!g->asks) {
        conn_end_stream(g->conn, "token-expired", server_retry_ms(w->s, &w->dice));
        return;
    }
    struct recheck *r = calloc(1, sizeof *r);
    if (!r) {
        g->due_ms = w->now_ms + 1000;
        put_due(g, w->now_ms);
        return;
    }
    g->asking = true;
    *r = (struct recheck){.msg = {NULL, run_recheck}, .guard = g, .from = w};
    worker_post(w, &w->s->workers[0], &r->msg);
}

void access_tick(struct worker *w)
{
    uint64_t slot = w->now_ms / DUE_SLOT_MS;
    if (!w->due_slot || slot - w->due_slot > DUE_SLOTS)
        w->due_slot = slot - 1;
    while (w->due_slot < slot) {
        struct list now;
        list_init(&now);
        list_splice(&now, &w->due[w->due_slot++ % DUE_SLOTS]);
        struct list *node;
        while ((node = list_pop(&now)))
            look_at(w, LIST_ENTRY(node, struct guard, due));
    }
}

struct slice access_tenant(const struct server *s, const struct grant *grant, struct slice named)
{
    if (named.len)
        return named;
    return grant_tenant(grant).p ? grant_tenant(grant) : slice_str(s->opts->tenant);
}
