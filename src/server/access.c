#include "server/access_own.h"

#include "auth/doc.h"
#include "io/clock.h"
#include "json/scan.h"
#include "wire/url.h"

#include <stdlib.h>

/* ---- beginning and end ---- */

static int add_keys(struct access_conf *a, const struct opt_auth *o, struct err *e)
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
        if (keyset_add(a->keys, &conf, e))
            return e->code;
    }
    if (!o->jwks_file)
        return 0;
    struct buf doc = BUF_INIT;
    int rc = keys_read_file(o->jwks_file, &doc, e);
    if (!rc)
        rc = keyset_add_jwks(a->keys, buf_slice(&doc), NULL, e);
    buf_fini(&doc);
    return rc;
}

static int add_publishers(struct access_conf *a, const struct opt_publishers *list, struct err *e)
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

static int make_claims(struct access_conf *a, const struct opt_auth *o)
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

struct access_conf *access_conf_new(const struct options *o, struct err *e)
{
    struct access_conf *a = calloc(1, sizeof *a);
    if (a) {
        a->keys = keyset_new();
        a->publishers = publishers_new();
    }
    if (!a || !a->keys || !a->publishers || make_claims(a, &o->auth))
        err_set(e, ERR_OVERLOADED, "out of memory");
    else if (add_keys(a, &o->auth, e) == 0 && add_publishers(a, &o->publishers, e) == 0)
        return a;
    access_conf_free(a);
    return NULL;
}

void access_conf_free(struct access_conf *a)
{
    if (!a)
        return;
    keyset_unref(a->keys);
    publishers_unref(a->publishers);
    free(a->roles);
    free(a);
}

/* Returns new, NULL for no memory or too many keys. issuers: NULL for none. */
static struct keyset *joined(const struct keyset *own, const struct keyset *issuers)
{
    struct err e;
    struct keyset *both = keyset_new();
    if (both && !keyset_add_all(both, own, &e) && (!issuers || !keyset_add_all(both, issuers, &e)))
        return both;
    keyset_unref(both);
    return NULL;
}

/* Takes set; returns the reference to the one before. */
static struct keyset *use_keys(struct access *a, struct keyset *set)
{
    pthread_mutex_lock(&a->lock);
    struct keyset *old = a->keys;
    a->keys = set;
    pthread_mutex_unlock(&a->lock);
    return old;
}

/* The issuer's keys have changed: the first loop's thread. */
static void on_keys(void *ctx, struct keyset *set)
{
    struct access *a = ctx;
    struct keyset *both = joined(a->s->workers[0].conf->access->keys, set);
    if (both)
        keyset_unref(use_keys(a, both));
    /* else no memory, or too many: the old ones serve on */
}

/* What asks others. NULL: nothing is asked. */
struct access_next {
    struct fetch *fetch; /* made for it; NULL: the one there is will do, or none is needed */
    struct jwks *jwks;
    struct webhook *webhook;
    bool other_jwks, other_webhook; /* than there are */
    struct keyset *keys;            /* from then on */
};

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_jwks(const struct opt_auth *a, const struct opt_auth *b)
{
    return same_text(a->jwks, b->jwks) && same_text(a->issuer, b->issuer);
}

static bool same_webhook(const struct opt_auth *a, const struct opt_auth *b)
{
    return same_text(a->webhook.url, b->webhook.url) &&
           a->webhook.timeout_ms == b->webhook.timeout_ms && a->webhook.ttl_ms == b->webhook.ttl_ms;
}

static int open_asking(struct server *s, const struct opt_auth *o, struct access_next *next,
                       struct err *e)
{
    struct access *a = s->access;
    uv_loop_t *loop = &s->workers[0].loop;
    bool jwks = next->other_jwks && o->jwks, hook = next->other_webhook && o->webhook.url;
    if ((jwks || hook) && !a->fetch && !(next->fetch = fetch_new(loop)))
        return err_set(e, ERR_OVERLOADED, "out of memory");
    struct fetch *fetch = a->fetch ? a->fetch : next->fetch;
    struct jwks_conf keys = {.name = "jwks", .url = o->jwks, .issuer = o->issuer};
    if (jwks && jwks_open(fetch, loop, &keys, s->log, on_keys, a, &next->jwks, e))
        return e->code;
    struct webhook_conf conf = {.url = o->webhook.url,
                                .timeout_ms = o->webhook.timeout_ms,
                                .ttl_ms = o->webhook.ttl_ms};
    if (hook && webhook_open(fetch, loop, &conf, s->log, &next->webhook, e))
        return e->code;
    return 0;
}

static int start_asking(struct server *s, struct access *a, struct err *e)
{
    struct access_next next = {.other_jwks = true, .other_webhook = true};
    int rc = open_asking(s, &s->conf->opts->auth, &next, e);
    a->fetch = next.fetch;
    a->jwks = next.jwks;
    a->webhook = next.webhook;
    return rc;
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
    list_init(&a->asking);
    list_init(&a->rechecking);
    a->s = s;
    a->keys = keyset_ref(s->conf->access->keys);
    if (s->conf->opts->dev && make_everybody(a, e))
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

/* ---- who is this? ---- */

enum credential_from { FROM_NOWHERE, FROM_HEADER, FROM_COOKIE, FROM_QUERY };

struct credential {
    enum credential_from from;
    struct slice text; /* a token or, in the header, a publishing key */
};

static struct slice query_token(const struct request *rq)
{
    struct slice query = rq->query, name, value;
    while (url_query_next(&query, &name, &value))
        if (slice_is(name, "access_token"))
            return value;
    return SLICE_NONE;
}

static struct credential find_credential(const struct options *o, const struct request *rq)
{
    struct slice field = http1_field(&rq->http, "authorization"), name, value;
    if (field.len > 7 && slice_is_nocase(slice_of(field.p, 7), "bearer "))
        return (struct credential){FROM_HEADER,
                                   slice_trim(slice_of(field.p + 7, field.len - 7))};
    field = http1_field(&rq->http, "cookie");
    const char *cookie = rq->endpoint->cookie ? rq->endpoint->cookie : o->auth.cookie;
    while (cookie && cookie_next(&field, &name, &value))
        if (slice_is(name, cookie) && value.len)
            return (struct credential){FROM_COOKIE, value};
    value = o->auth.query_token ? query_token(rq) : SLICE_NONE;
    return (struct credential){value.len ? FROM_QUERY : FROM_NOWHERE, value};
}

static struct keyset *present_keys(struct access *a)
{
    pthread_mutex_lock(&a->lock);
    struct keyset *set = keyset_ref(a->keys);
    pthread_mutex_unlock(&a->lock);
    return set;
}

int access_sign(struct server *s, struct slice claims, struct buf *out, struct err *e)
{
    struct keyset *set = present_keys(s->access);
    const struct key *key = keyset_signer(set, NULL);
    int rc = key ? jwt_sign(key, claims, out, e)
                 : err_set(e, ERR_BAD_REQUEST, "no key here can sign: add an HS256 secret to auth.keys");
    keyset_unref(set);
    return rc;
}

/* `iat` in milliseconds: whole seconds, or with a fraction; 0 where there is none. */
static uint64_t issued_ms(struct slice claims)
{
    struct slice value;
    uint64_t whole, part = 0;
    if (!doc_find(claims, "iat", &value))
        return 0;
    struct slice rest = value, seconds = slice_cut(&rest, '.');
    if (!json_u64(seconds, UINT32_MAX, &whole))
        return 0;
    for (size_t i = 0; i < 3; i++) {
        bool digit = rest.p && i < rest.len && rest.p[i] >= '0' && rest.p[i] <= '9';
        part = part * 10 + (digit ? (uint64_t)(rest.p[i] - '0') : 0);
        if (!digit)
            rest = SLICE_NONE;
    }
    return whole * 1000 + part;
}

/* The grant of a token, into rq. *unknown: no key of ours has its id, newer ones might. */
static int take_token(struct worker *w, struct slice token, struct request *rq, bool *unknown,
                      struct err *e)
{
    const struct access_conf *a = w->conf->access;
    struct keyset *set = present_keys(w->s->access);
    struct jwt jwt;
    int rc = jwt_verify(token, set, &a->jwt, clock_unix_ms(), &jwt, e);
    *unknown = rc && jwt.reason == JWT_UNKNOWN_KEY;
    if (!rc)
        rc = grant_from_claims(buf_slice(&jwt.claims), &a->claims, jwt.expiry_ms, &rq->grant,
                               e);
    if (!rc) {
        rq->issued_ms = issued_ms(buf_slice(&jwt.claims));
        if (revoked_has(w, rq->grant, rq->issued_ms))
            rc = err_set(e, ERR_UNAUTHORIZED, "the token was revoked");
    }
    if (rc) {
        grant_unref(rq->grant);
        rq->grant = NULL;
    } else {
        rq->key = key_ref(jwt.key);
        if (rq->endpoint->handler) {
            rq->claims = jwt.claims;
            jwt.claims = BUF_INIT;
        }
    }
    jwt_fini(&jwt);
    keyset_unref(set);
    return rc;
}

/* why: for the log; who asks is told only that it is not enough. */
static int refuse(struct conn *c, struct request *rq, const char *why)
{
    struct err e;
    err_set(&e, ERR_UNAUTHORIZED,
            "send a valid token (Authorization: Bearer ...); to try the hub out without, start it "
            "with --dev");
    rq->why = why;
    reply_error(c, rq, &e, "WWW-Authenticate: Bearer realm=\"freshet\"\r\n");
    return -1;
}

static bool is_own_or_listed(const struct options *o, const struct request *rq)
{
    struct slice origin = http1_field(&rq->http, "origin");
    for (size_t i = 0; i < o->origins.count; i++)
        if (slice_is(origin, o->origins.v[i]))
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

/* A page of another site can make a browser send our cookie, so a cookie alone is not enough to
 * change anything: the page has to be of a listed origin, or of the hub's own, and a body has to be
 * of a type that no form can send. 0, else answered. */
static int check_cross_site(struct conn *c, struct request *rq)
{
    if (rq->http.method == HTTP1_GET || rq->http.method == HTTP1_HEAD)
        return 0;
    if (!is_own_or_listed(c->w->conf->opts, rq))
        return reply_fail(c, rq, ERR_FORBIDDEN,
                          "with a cookie this needs an Origin header of a listed origin");
    struct slice field = http1_field(&rq->http, "content-type");
    struct slice type = slice_trim(slice_cut(&field, ';'));
    if (rq->http.method == HTTP1_POST && !slice_is_nocase(type, "application/json") &&
        !slice_is_nocase(type, "application/x-ndjson"))
        return reply_fail(c, rq, ERR_UNSUPPORTED_MEDIA_TYPE,
                          "with a cookie this needs Content-Type: application/json");
    return 0;
}

/* ---- asking others ---- */

struct asking {
    struct msg msg;
    struct list node; /* in access's list while it waits */
    struct request *request;
    struct worker *from;
    struct webhook_wait hook;
    struct jwks_wait keys;
    struct grant *grant;
    uint64_t asked_ms, ttl_ms;
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
    } else if (ask->grant && revoked_has(w, ask->grant, ask->asked_ms)) {
        grant_unref(ask->grant);
        refuse(c, rq, "the subject was revoked meanwhile");
    } else if (ask->grant) {
        rq->grant = ask->grant;
        rq->issued_ms = ask->asked_ms;
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
    list_remove(&ask->node);
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
    list_push_back(&a->asking, &ask->node);
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
                         .asked_ms = clock_unix_ms(), .for_keys = for_keys};
    list_init(&a->node);
    worker_post(c->w, &c->w->s->workers[0], &a->msg);
    return ACCESS_WAIT;
}

static int take_publishing_key(struct conn *c, struct request *rq, struct slice key)
{
    struct grant *g = publishers_find(c->w->conf->access->publishers, key);
    if (!g)
        return refuse(c, rq, "unknown publishing key");
    rq->grant = grant_ref(g);
    return ACCESS_DONE;
}

int access_check(struct conn *c, struct request *rq)
{
    struct server *s = c->w->s;
    struct access *a = s->access;
    struct err e = {.code = 0};
    bool unknown = false;
    if (rq->grant)
        return ACCESS_DONE; /* asked for */
    const struct options *o = c->w->conf->opts;
    if (o->dev) {
        rq->grant = grant_ref(a->everybody);
        return ACCESS_DONE;
    }
    struct credential cred = find_credential(o, rq);
    if (cred.from == FROM_HEADER && slice_starts(cred.text, "fpk_"))
        return take_publishing_key(c, rq, cred.text);
    if (cred.from == FROM_COOKIE && check_cross_site(c, rq))
        return -1;
    if (cred.from != FROM_NOWHERE && take_token(c->w, cred.text, rq, &unknown, &e) == 0)
        return ACCESS_DONE;
    if (unknown && a->jwks && !rq->asked_keys)
        return ask(c, rq, true);
    if (a->webhook && (http1_field(&rq->http, "cookie").len ||
                       http1_field(&rq->http, "authorization").len)) {
        /* browsers add cookies and Basic credentials by themselves, but never a Bearer's */
        if (cred.from != FROM_HEADER && cred.from != FROM_COOKIE && check_cross_site(c, rq))
            return -1;
        return ask(c, rq, false);
    }
    return refuse(c, rq, cred.from == FROM_NOWHERE ? "no token" : e.detail);
}

/* ---- a reload ---- */

int access_prepare(struct server *s, const struct conf *conf, struct access_next **out,
                   struct err *e)
{
    const struct opt_auth *was = &s->workers[0].conf->opts->auth, *is = &conf->opts->auth;
    struct access *a = s->access;
    struct access_next *next = calloc(1, sizeof *next);
    *out = next;
    if (!next)
        return err_set(e, ERR_OVERLOADED, "out of memory");
    next->other_jwks = !same_jwks(was, is);
    next->other_webhook = !same_webhook(was, is);
    bool keep = !next->other_jwks && a->jwks;
    next->keys = joined(conf->access->keys, keep ? jwks_keys(a->jwks) : NULL);
    if (!next->keys)
        return err_set(e, ERR_BAD_REQUEST, "more than %d keys, or out of memory", KEYSET_MAX);
    return open_asking(s, is, next, e);
}

void access_give_up(struct access_next *next)
{
    if (!next)
        return;
    if (next->jwks)
        jwks_close(next->jwks);
    if (next->webhook)
        webhook_close(next->webhook);
    if (next->fetch)
        fetch_close(next->fetch, NULL, NULL);
    keyset_unref(next->keys);
    free(next);
}

/* Those that wait for an answer of one that is asked no more: the other one is. */
static void ask_anew(struct server *s, bool jwks, bool webhook)
{
    LIST_EACH(&s->access->asking, node, after) {
        struct asking *ask = LIST_ENTRY(node, struct asking, node);
        if (ask->for_keys ? !jwks : !webhook)
            continue;
        if (ask->for_keys)
            jwks_wait_cancel(&ask->keys);
        else
            webhook_cancel(&ask->hook);
        list_remove(&ask->node);
        worker_post(&s->workers[0], &s->workers[0], &ask->msg);
    }
}

bool access_switch(struct server *s, struct access_next *next, struct keyset **was)
{
    bool other_webhook = next->other_webhook;
    struct access *a = s->access;
    struct jwks *jwks = a->jwks;
    struct webhook *webhook = a->webhook;
    if (next->fetch)
        a->fetch = next->fetch;
    if (next->other_jwks)
        a->jwks = next->jwks;
    if (next->other_webhook)
        a->webhook = next->webhook;
    *was = use_keys(a, next->keys);
    ask_anew(s, next->other_jwks, next->other_webhook);
    if (next->other_webhook)
        guard_ask_anew(s);
    if (next->other_jwks && jwks)
        jwks_close(jwks);
    if (next->other_webhook && webhook)
        webhook_close(webhook);
    free(next);
    return other_webhook;
}

/* ---- the end ---- */

static void free_asking(struct access *a)
{
    struct list *node;
    while ((node = list_pop(&a->asking))) {
        struct asking *ask = LIST_ENTRY(node, struct asking, node);
        request_free(ask->request);
        free(ask);
    }
}

void access_free(struct server *s)
{
    struct access *a = s->access;
    if (!a)
        return;
    free_asking(a);
    guard_free_rechecks(a);
    revoked_free(a);
    keyset_unref(a->keys);
    grant_unref(a->everybody);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

struct slice access_tenant(const struct conf *conf, const struct grant *grant, struct slice named)
{
    if (named.len)
        return named;
    return grant && grant_tenant(grant).p ? grant_tenant(grant) : slice_str(conf->opts->tenant);
}
