/* guard.c - what an open stream is held to: it ends when its grant does, or when the application
 * that granted it says no. */
#include "server/access_own.h"

#include "io/clock.h"

#include <stdlib.h>

#define AGAIN_MS 1000 /* when there was no memory */

struct guard {
    struct list due; /* in a slot of its loop */
    struct conn *conn;
    uint64_t due_ms;    /* when to look at it: the first of the next two; 0: never */
    uint64_t grant_ms;  /* the grant's end, or time to ask again; 0: never */
    uint64_t age_ms;    /* when the stream is too old; 0: never */
    uint64_t issued_ms;
    struct grant *grant;
    struct key *key; /* that signed the token; NULL: none did */
    bool asks;   /* by webhook: asked again, with these */
    bool asking;
    struct slice cookie, authorization;
    char text[];
};

static void put_due(struct guard *g, uint64_t now_ms)
{
    struct worker *w = g->conn->w;
    uint64_t at = g->due_ms > now_ms ? g->due_ms : now_ms + AGAIN_MS;
    list_move_back(&w->due[at / DUE_SLOT_MS % DUE_SLOTS], &g->due);
}

static uint64_t first_of(uint64_t a, uint64_t b)
{
    return !a || (b && b < a) ? b : a;
}

/* Sets when the grant ends, and when to look at it. */
static void set_due(struct guard *g, uint64_t grant_ms)
{
    g->grant_ms = grant_ms;
    g->due_ms = first_of(g->grant_ms, g->age_ms);
    list_remove(&g->due);
    if (g->due_ms)
        put_due(g, g->conn->w->now_ms);
}

/* Streams that came together don't all come back together. */
static uint64_t age_of(struct conn *c)
{
    uint64_t max = c->w->conf->opts->limits.max_age_ms;
    return max ? c->stream.opened_ms + max - rng_below(&c->w->dice, max / 5 + 1) : 0;
}

int access_guard(struct conn *c, const struct request *rq)
{
    struct slice cookie = SLICE_NONE, authorization = SLICE_NONE;
    if (c->w->conf->opts->dev && !c->w->conf->opts->limits.max_age_ms)
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
    g->key = rq->key ? key_ref(rq->key) : NULL;
    g->issued_ms = rq->issued_ms;
    g->asks = rq->by_webhook;
    if (cookie.len)
        memcpy(g->text, cookie.p, cookie.len);
    if (authorization.len)
        memcpy(g->text + cookie.len, authorization.p, authorization.len);
    g->cookie = cookie.p ? slice_of(g->text, cookie.len) : SLICE_NONE;
    g->authorization =
        authorization.p ? slice_of(g->text + cookie.len, authorization.len) : SLICE_NONE;
    g->age_ms = c->guard ? c->guard->age_ms : age_of(c);
    c->guard = g;
    set_due(g, g->asks ? rq->grant_until_ms : grant_expiry_ms(g->grant));
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
    key_unref(g->key);
    g->grant = NULL;
    g->key = NULL;
    g->conn = NULL;
    if (!g->asking)
        free(g);
}

bool access_guard_is_revoked(const struct conn *c)
{
    return c->guard && revoked_has(c->w, c->guard->grant, c->guard->issued_ms);
}

struct slice access_subject(const struct conn *c)
{
    return c->guard ? grant_subject(c->guard->grant) : SLICE_NONE;
}

struct slice access_home(const struct conn *c)
{
    return access_tenant(c->w->conf, c->guard ? c->guard->grant : NULL, SLICE_NONE);
}

bool access_may_follow(const struct conn *c, const struct grant *grant)
{
    struct slice names[256], tenant = slice_of(c->stream.tenant->name, c->stream.tenant->len);
    size_t count = edge_channels(&c->reader, names, 256);
    for (size_t i = 0; i < count; i++)
        if (!grant_may_subscribe(grant, tenant, names[i]))
            return false;
    return true;
}

int access_renew(struct conn *c, const struct request *rq)
{
    struct guard *old = c->guard;
    if (access_guard(c, rq))
        return -1;
    struct guard *fresh = c->guard;
    if (fresh == old)
        return 0; /* nothing is guarded */
    c->guard = old;
    access_unguard(c);
    c->guard = fresh;
    return 0;
}

/* A stream whose grant came from the webhook: is it still so? */
struct recheck {
    struct msg msg;
    struct list node;    /* in access's list while it waits */
    struct guard *guard; /* of `from`'s thread */
    struct worker *from;
    struct webhook_wait hook;
    struct grant *grant;
    uint64_t asked_ms, ttl_ms;
    int code;
};

static void run_rechecked(struct msg *m, void *ctx)
{
    struct recheck *r = (struct recheck *)m;
    struct worker *w = ctx;
    struct guard *g = r->guard;
    struct conn *c = g->conn;
    g->asking = false;
    if (!c) {
        free(g);
    } else if (r->code == 0 && access_may_follow(c, r->grant) &&
               !revoked_has(w, r->grant, r->asked_ms)) {
        grant_unref(g->grant);
        g->grant = grant_ref(r->grant);
        g->issued_ms = r->asked_ms;
        set_due(g, w->now_ms + r->ttl_ms);
    } else {
        conn_end_stream(c, "revoked", server_retry_ms(w->s, &w->dice));
    }
    grant_unref(r->grant);
    free(r);
}

static void recheck_answer(struct recheck *r)
{
    list_remove(&r->node);
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
    list_push_back(&a->rechecking, &r->node);
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
    if (g->age_ms && g->age_ms <= w->now_ms) {
        w->stats.limited[LIMIT_MAX_AGE]++;
        conn_end_stream(g->conn, "max-age", server_retry_ms(w->s, &w->dice));
        return;
    }
    if (!g->asks) {
        conn_end_stream(g->conn, "token-expired", server_retry_ms(w->s, &w->dice));
        return;
    }
    struct recheck *r = calloc(1, sizeof *r);
    if (!r) {
        set_due(g, w->now_ms + AGAIN_MS);
        return;
    }
    g->asking = true;
    *r = (struct recheck){.msg = {NULL, run_recheck}, .guard = g, .from = w,
                          .asked_ms = clock_unix_ms()};
    list_init(&r->node);
    worker_post(w, &w->s->workers[0], &r->msg);
}

void access_tick(struct worker *w)
{
    uint64_t slot = w->now_ms / DUE_SLOT_MS;
    if (!w->due_slot || slot < w->due_slot)
        w->due_slot = slot - 1;
    else if (slot - w->due_slot > DUE_SLOTS)
        w->due_slot = slot - DUE_SLOTS; /* the clock was put forward: all of them once */
    while (w->due_slot < slot) {
        struct list now;
        list_init(&now);
        list_splice(&now, &w->due[w->due_slot++ % DUE_SLOTS]);
        struct list *node;
        while ((node = list_pop(&now)))
            look_at(w, LIST_ENTRY(node, struct guard, due));
    }
}

/* ---- a reload ---- */

void guard_ask_anew(struct server *s)
{
    LIST_EACH(&s->access->rechecking, node, after) {
        struct recheck *r = LIST_ENTRY(node, struct recheck, node);
        webhook_cancel(&r->hook);
        list_remove(&r->node);
        worker_post(&s->workers[0], &s->workers[0], &r->msg);
    }
}

static bool is_gone(const struct key *key, const struct keyset *was, const struct keyset *is)
{
    return key && keyset_holds(was, key) && !keyset_holds(is, key);
}

void access_recheck(struct worker *w, const struct keyset *was, bool other_webhook)
{
    struct access *a = w->s->access;
    pthread_mutex_lock(&a->lock);
    struct keyset *is = keyset_ref(a->keys);
    pthread_mutex_unlock(&a->lock);
    LIST_EACH(&w->conns, node, after) {
        struct conn *c = LIST_ENTRY(node, struct conn, all);
        struct guard *g = c->guard;
        if (g && is_gone(g->key, was, is))
            conn_end_stream(c, "revoked", server_retry_ms(w->s, &w->dice));
        else if (c->poll && !c->poll->done && c->request && is_gone(c->request->key, was, is))
            poll_done(c);
        else if (g && g->asks && !g->asking && other_webhook)
            set_due(g, w->now_ms + 1);
    }
    keyset_unref(is);
}

void guard_free_rechecks(struct access *a)
{
    struct list *node;
    while ((node = list_pop(&a->rechecking))) {
        struct recheck *r = LIST_ENTRY(node, struct recheck, node);
        free(r->guard); /* its stream has ended */
        free(r);
    }
}
