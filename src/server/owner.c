/* owner.c - the hub on the first loop, and the messages to and from it. */
#include "server/access.h"

#include "io/clock.h"
#include "store/store_open.h"

#include <assert.h>
#include <stdlib.h>

#define UNDELIVERED_EVENTS 65536
#define UNDELIVERED_BYTES (16 * 1024 * 1024)

void owner_post(struct worker *from, struct msg *m)
{
    if (from->index == 0)
        mailbox_post_local(&from->s->owner_box, m);
    else
        mailbox_post(&from->s->owner_box, m);
}

static void to_worker(struct server *s, unsigned edge, struct msg *m)
{
    worker_post(&s->workers[0], &s->workers[edge], m);
}

/* ---- deliveries ---- */

struct delivery_msg {
    struct msg msg;
    struct delivery *delivery;
};

static void run_overrun(struct msg *m, void *ctx)
{
    struct worker *w = ctx;
    free(m);
    atomic_store(&w->overrun, false);
    log_line(w->s->log, LOG_WARN, "overrun", "loop=%u", w->index);
    edge_overrun(w->edge);
}

static void run_delivery(struct msg *m, void *ctx)
{
    struct delivery_msg *dm = (struct delivery_msg *)m;
    struct worker *w = ctx;
    atomic_fetch_sub_explicit(&w->undelivered, (long)dm->delivery->count, memory_order_relaxed);
    atomic_fetch_sub_explicit(&w->undelivered_bytes, (long)dm->delivery->bytes,
                              memory_order_relaxed);
    edge_delivery(w->edge, dm->delivery, w->mono_ms);
    free(dm);
}

/* Markers are kept ready, for a loss without a word would be one: one for each follow that is not
 * answered yet, and one unless `marked`. */
static bool marker_add(struct worker *w)
{
    struct msg *m = malloc(sizeof *m);
    if (!m)
        return false;
    m->next = w->markers;
    w->markers = m;
    return true;
}

static struct msg *marker_take(struct worker *w)
{
    struct msg *m = w->markers;
    assert(m);
    w->markers = m->next;
    return m;
}

static void markers_free(struct worker *w)
{
    while (w->markers)
        free(marker_take(w));
}

/* The loop is too far behind, or there is no memory: in place of this and what follows, until the
 * loop gets there, it learns that it has missed something. */
static void overrun(struct server *s, struct worker *w, struct delivery *d)
{
    delivery_free(d);
    /* One marker stands for all that is dropped after it. Once the edge has been told something
     * else since, it needs a new one: it may take what it was told for the whole. */
    if (w->marked)
        return;
    struct msg *m = marker_take(w);
    m->run = run_overrun;
    w->marked = true;
    atomic_store(&w->overrun, true);
    to_worker(s, w->index, m);
}

static void on_deliver(void *ctx, unsigned edge, struct delivery *d)
{
    struct server *s = ctx;
    struct worker *w = &s->workers[edge];
    if (!d || atomic_load(&w->overrun) ||
        atomic_load_explicit(&w->undelivered, memory_order_relaxed) + d->count >
            UNDELIVERED_EVENTS ||
        (atomic_load_explicit(&w->undelivered_bytes, memory_order_relaxed) > 0 &&
         (size_t)atomic_load_explicit(&w->undelivered_bytes, memory_order_relaxed) + d->bytes >
             UNDELIVERED_BYTES)) {
        overrun(s, w, d);
        return;
    }
    struct delivery_msg *dm = malloc(sizeof *dm);
    /* after a marker no feed is live before it is followed anew: what is dropped until then is read */
    if (!dm || (w->marked && !marker_add(w))) {
        free(dm);
        overrun(s, w, d);
        return;
    }
    *dm = (struct delivery_msg){{NULL, run_delivery}, d};
    w->marked = false;
    atomic_fetch_add_explicit(&w->undelivered, (long)d->count, memory_order_relaxed);
    atomic_fetch_add_explicit(&w->undelivered_bytes, (long)d->bytes, memory_order_relaxed);
    to_worker(s, edge, &dm->msg);
}

/* ---- follows and reads ---- */

/* In the follow itself. */
struct follow_msg {
    struct msg msg;
    unsigned edge;
};
_Static_assert(sizeof(struct follow_msg) <= sizeof ((struct follow *)0)->room, "room");

static struct follow *follow_of(struct msg *m)
{
    return (struct follow *)(void *)((char *)m - offsetof(struct follow, room));
}

static struct follow_msg *carrier_of(struct follow *f)
{
    return (struct follow_msg *)(void *)f->room;
}

static void run_followed(struct msg *m, void *ctx)
{
    struct worker *w = ctx;
    edge_followed(w->edge, follow_of(m), w->mono_ms);
}

static void send_followed(struct server *s, unsigned edge, struct follow *f)
{
    struct follow_msg *fm = carrier_of(f);
    fm->msg.run = run_followed;
    to_worker(s, edge, &fm->msg);
}

static void on_followed(void *ctx, unsigned edge, struct follow *f)
{
    struct server *s = ctx;
    struct worker *w = &s->workers[edge];
    if (f->kind != FOLLOW_STOP) {
        if (!w->marked)
            free(marker_take(w)); /* the one that came with the request */
        w->marked = false;
    }
    send_followed(s, edge, f);
}

static void run_follow(struct msg *m, void *ctx)
{
    struct server *s = ctx;
    struct follow *f = follow_of(m);
    unsigned edge = carrier_of(f)->edge;
    if (f->kind == FOLLOW_STOP || marker_add(&s->workers[edge])) {
        hub_follow(s->hub, edge, f, clock_unix_ms());
    } else if (f->kind == FOLLOW_START) {
        f->error = ERR_OVERLOADED;
        send_followed(s, edge, f);
    } else { /* a feed that is followed can't be refused: with the next tick */
        m->next = s->late_follows;
        s->late_follows = m;
    }
}

static void run_late_follows(struct server *s)
{
    struct msg *late = s->late_follows;
    s->late_follows = NULL;
    for (struct msg *next; late; late = next) {
        next = late->next;
        run_follow(late, s);
    }
}

void owner_follow(void *ctx, struct follow *f)
{
    struct worker *w = ctx;
    struct follow_msg *fm = carrier_of(f);
    *fm = (struct follow_msg){{NULL, run_follow}, w->index};
    owner_post(w, &fm->msg);
}

/* In the edge's token. */
struct read_msg {
    struct msg msg;
    unsigned edge;
    struct page_spec *spec;
    struct page *page;
};
_Static_assert(sizeof(struct read_msg) <= EDGE_TOKEN_ROOM, "room");

static void run_page(struct msg *m, void *ctx)
{
    struct read_msg *rm = (struct read_msg *)m;
    struct worker *w = ctx;
    edge_page(w->edge, rm, rm->page, w->mono_ms);
}

static void on_page(void *ctx, unsigned edge, void *token, struct page *page)
{
    struct server *s = ctx;
    struct read_msg *rm = token;
    if (edge == OWNER_EDGE) {
        sources_page(token, page);
        return;
    }
    rm->page = page;
    rm->msg.run = run_page;
    to_worker(s, edge, &rm->msg);
}

static void run_read(struct msg *m, void *ctx)
{
    struct read_msg *rm = (struct read_msg *)m;
    struct server *s = ctx;
    hub_read(s->hub, rm->edge, rm->spec, rm);
}

void owner_read(void *ctx, struct page_spec *spec, void *token)
{
    struct worker *w = ctx;
    struct read_msg *rm = token;
    *rm = (struct read_msg){{NULL, run_read}, w->index, spec, NULL};
    owner_post(w, &rm->msg);
}

/* ---- publishing ---- */

/* Two have it: the worker until it was answered, the owner until it was released. */
struct job {
    struct msg msg;
    struct publish p;
    struct worker *from;
    struct request *request;
    void (*answered)(struct job *j, struct request *rq);
    void *rows_owner;
    void *user; /* or, from outside: */
    void (*told)(struct job *j, void *user);
    struct err answer;
    uint64_t retry_ms;
    bool was_durable;
    atomic_int users;
    char *once_text;
    char text[];
};

struct job *job_new(struct worker *from, uint32_t count, struct slice tenant, struct slice once)
{
    struct job *j = calloc(1, sizeof *j + tenant.len + once.len);
    if (!j)
        return NULL;
    j->p.events = calloc(count, sizeof *j->p.events);
    j->p.ids = calloc(count, sizeof *j->p.ids);
    j->p.once = once.len ? calloc(count, sizeof *j->p.once) : NULL;
    if (!j->p.events || !j->p.ids || (once.len && !j->p.once)) {
        free(j->p.events);
        free(j->p.ids);
        free(j->p.once);
        free(j);
        return NULL;
    }
    memcpy(j->text, tenant.p, tenant.len);
    j->once_text = j->text + tenant.len;
    if (once.len)
        memcpy(j->once_text, once.p, once.len);
    j->p.tenant = slice_of(j->text, tenant.len);
    j->p.count = count;
    j->p.token = j;
    j->from = from;
    atomic_init(&j->users, 2);
    return j;
}

struct publish *job_publish(struct job *j)
{
    return &j->p;
}

void job_set_rows_owner(struct job *j, void *owner)
{
    j->rows_owner = owner;
}

void *job_rows_owner(struct job *j)
{
    return j->rows_owner;
}

const char *job_once_text(const struct job *j)
{
    return j->once_text;
}

const struct err *job_error(const struct job *j)
{
    return &j->answer;
}

uint64_t job_retry_ms(const struct job *j)
{
    return j->retry_ms;
}

bool job_was_durable(const struct job *j)
{
    return j->was_durable;
}

static void job_unref(struct job *j)
{
    if (atomic_fetch_sub(&j->users, 1) != 1)
        return;
    free(j->p.events);
    free(j->p.ids);
    free(j->p.once);
    free(j);
}

static void run_answered(struct msg *m, void *ctx)
{
    struct job *j = (struct job *)m;
    (void)ctx;
    if (j->told)
        j->told(j, j->user);
    else
        j->answered(j, j->request);
    job_unref(j);
}

static void on_published(void *ctx, struct publish *p)
{
    struct server *s = ctx;
    struct job *j = p->token;
    if (!p->err.code)
        types_note(s, p);
    if (p->by_source)
        return; /* sources wait for the release */
    j->answer = p->err;
    j->retry_ms = p->retry_ms;
    j->was_durable = p->was_durable;
    j->msg.run = run_answered;
    to_worker(s, j->from->index, &j->msg);
}

static void on_released(void *ctx, struct publish *p)
{
    struct server *s = ctx;
    if (p->by_source) {
        sources_released(p);
        return;
    }
    if (p->err.code == ERR_OVERLOADED || p->err.code == ERR_STORE_FULL ||
        p->err.code == ERR_INTERNAL) {
        atomic_fetch_add(&s->broadcast_failures, p->count);
        log_line(s->log, LOG_ERROR, "publish failed", "tenant=%.*s events=%u detail=\"%s\"",
                 SLICE_FMT(p->tenant), p->count, p->err.detail);
    }
    job_unref(p->token);
}

/* The loops have ended: nothing can be stored any more. */
static void refuse_late(struct server *s, struct job *j)
{
    for (uint32_t i = 0; i < j->p.count; i++)
        event_unref(j->p.events[i]);
    err_set(&j->answer, ERR_DRAINING, "the hub is stopping");
    j->msg.run = run_answered;
    to_worker(s, j->from->index, &j->msg);
    job_unref(j);
}

static void run_publish(struct msg *m, void *ctx)
{
    struct job *j = (struct job *)m;
    struct server *s = ctx;
    if (s->ending) {
        refuse_late(s, j);
        return;
    }
    hub_publish(s->hub, &j->p, clock_unix_ms());
}

void job_send(struct job *j, struct request *rq,
              void (*answered)(struct job *j, struct request *rq))
{
    j->request = rq;
    j->answered = answered;
    j->msg.run = run_publish;
    owner_post(j->from, &j->msg);
}

void job_send_from_outside(struct job *j, void *user, void (*told)(struct job *j, void *user))
{
    j->user = user;
    j->told = told;
    j->msg.run = run_publish;
    mailbox_post(&j->from->s->owner_box, &j->msg);
}

void job_drop(struct job *j)
{
    for (uint32_t i = 0; i < j->p.count; i++)
        event_unref(j->p.events[i]);
    atomic_store(&j->users, 1);
    job_unref(j);
}

/* ---- the owner's turn ---- */

bool owner_turn(struct server *s)
{
    atomic_store_explicit(&s->owner_thread, pthread_self(), memory_order_relaxed);
    bool any = mailbox_drain(&s->owner_box) > 0;
    uint64_t now_ms = s->workers[0].now_ms;
    for (int i = 0; i < 4 && hub_step(s->hub, now_ms); i++)
        any = true;
    return any;
}

void owner_tick(struct server *s, uint64_t now_ms)
{
    struct hub_stats stats;
    server_check_drained(s);
    run_late_follows(s);
    if (now_ms / 1000 == s->last_tick_s)
        return;
    s->last_tick_s = now_ms / 1000;
    hub_tick(s->hub, now_ms);
    access_tidy(s);
    s->store->ops->stats(s->store, &stats.store);
    pthread_mutex_lock(&s->health_lock);
    bool was = s->store_health.writable;
    s->store_health = stats.store;
    pthread_mutex_unlock(&s->health_lock);
    if (was != stats.store.writable)
        log_line(s->log, stats.store.writable ? LOG_INFO : LOG_ERROR, "store",
                 "writable=%s detail=\"%s\"", stats.store.writable ? "yes" : "no",
                 stats.store.detail);
}

static const struct channel_conf *channel_conf(void *ctx, struct slice tenant,
                                               struct slice channel)
{
    (void)tenant;
    const struct server *s = ctx;
    return conf_channel(s->workers[0].conf, channel);
}

/* Any thread: the first loop's turn drains the store. From its own thread there is nothing to wake:
 * it doesn't sleep before a turn that finds nothing more. */
static void on_store_wake(void *ctx)
{
    struct server *s = ctx;
    pthread_t owner = atomic_load_explicit(&s->owner_thread, memory_order_relaxed);
    if (!pthread_equal(owner, pthread_self()))
        mailbox_wake(&s->workers[0].box);
}

static struct hub_conf limits_of(const struct server *s, const struct options *o)
{
    return (struct hub_conf){.edges = s->worker_count,
                             .tenants_max = 100000,
                             .channels_max = (uint32_t)o->channels_max,
                             .channel_idle_ms = o->channel_idle_ms,
                             .publish_per_second = o->limits.publish_per_second,
                             .publish_burst = o->limits.publish_burst,
                             .tenant_bytes = o->limits.history_bytes_per_tenant,
                             .once_ms = 24 * 3600 * 1000ull,
                             .once_max = 1000000,
                             .queue_bytes = 64 * 1024 * 1024,
                             .batch_events = 4096};
}

size_t owner_reconfigure(struct server *s)
{
    struct hub_conf conf = limits_of(s, s->workers[0].conf->opts);
    hub_set_limits(s->hub, &conf, clock_unix_ms());
    return hub_reconfigure(s->hub);
}

int owner_init(struct server *s, struct err *e)
{
    static const char *const prefix[] = {"memory", "sqlite:", "null"};
    const struct options *o = s->conf->opts;
    struct buf spec = BUF_INIT;
    buf_add_str(&spec, prefix[o->store.kind]);
    if (o->store.path)
        buf_add_str(&spec, o->store.path);
    int rc = store_open(buf_cstr(&spec), NULL, &s->store, e);
    buf_fini(&spec);
    if (rc)
        return rc;
    if (mailbox_init(&s->owner_box, &s->workers[0].loop, s))
        return err_set(e, ERR_INTERNAL, "no event loop");
    s->owner_ready = true;
    for (unsigned i = 0; i < s->worker_count; i++)
        if (!marker_add(&s->workers[i]))
            return err_set(e, ERR_OVERLOADED, "out of memory");
    s->store->wake = on_store_wake;
    s->store->wake_ctx = s;
    struct hub_conf conf = limits_of(s, o);
    struct hub_ops ops = {.deliver = on_deliver,
                          .followed = on_followed,
                          .page = on_page,
                          .published = on_published,
                          .released = on_released,
                          .channel_conf = channel_conf,
                          .ctx = s};
    uint64_t seed;
    rng_system(&seed, sizeof seed);
    s->hub = hub_new(&conf, &ops, s->store, seed, clock_unix_ms(), e);
    s->store_health.writable = true;
    return s->hub ? 0 : e->code ? e->code : ERR_INTERNAL;
}

/* What is being stored borrows the hub's rows: it is waited for, but not for ever. */
static void finish_storing(struct server *s)
{
    for (int i = 0; i < 5000 && s->hub && !hub_idle(s->hub); i++) {
        hub_step(s->hub, clock_unix_ms());
        if (!hub_idle(s->hub))
            uv_sleep(1);
    }
}

void owner_fini(struct server *s)
{
    finish_storing(s);
    if (s->store && s->hub && !hub_idle(s->hub)) {
        s->store->ops->close(s->store); /* it ends what it has in hand */
        s->store = NULL;
    }
    hub_free(s->hub);
    if (s->store)
        s->store->ops->close(s->store);
    if (s->owner_ready)
        mailbox_fini(&s->owner_box);
    for (struct msg *late = s->late_follows, *next; late; late = next) {
        next = late->next;
        free(follow_of(late));
    }
    for (unsigned i = 0; i < s->worker_count; i++)
        markers_free(&s->workers[i]);
}
