#include "server/access.h"
#include "server/api.h"

#include "io/clock.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

struct tenant_use *tenant_use_take(struct server *s, struct slice name)
{
    pthread_mutex_lock(&s->tenants_lock);
    struct tenant_use *use = map_get(&s->tenants, name);
    if (!use) {
        use = calloc(1, sizeof *use + name.len + 1);
        if (use) {
            use->len = name.len;
            memcpy(use->name, name.p, name.len);
            if (map_put(&s->tenants, name, use)) {
                free(use);
                use = NULL;
            }
        }
    }
    pthread_mutex_unlock(&s->tenants_lock);
    return use;
}

uint64_t server_retry_ms(struct server *s, struct rng *dice)
{
    uint64_t spread_ms = (uint64_t)atomic_load(&s->streams) / 2;
    if (spread_ms < 200)
        spread_ms = 200;
    if (spread_ms > 10000)
        spread_ms = 10000;
    uint64_t ms = 200 + rng_below(dice, spread_ms);
    return ms < 10000 ? ms : 10000;
}

/* ---- listening ---- */

struct accept_msg {
    struct msg msg;
    int fd;
    bool metrics;
};

static void run_accept(struct msg *m, void *ctx)
{
    struct accept_msg *am = (struct accept_msg *)m;
    struct worker *w = ctx;
    if (w->closing) /* it came when the loop had ended */
        close(am->fd);
    else
        conn_new(w, am->fd, am->metrics);
    free(am);
}

static struct worker *least_loaded(struct server *s)
{
    struct worker *best = &s->workers[0];
    for (unsigned i = 1; i < s->worker_count; i++)
        if (atomic_load_explicit(&s->workers[i].load, memory_order_relaxed) <
            atomic_load_explicit(&best->load, memory_order_relaxed))
            best = &s->workers[i];
    return best;
}

static void answer_and_close(int fd, const char *answer, size_t len)
{
    struct transport t;
    struct iovec iov = {(void *)(uintptr_t)answer, len};
    transport_plain(&t, fd);
    t.ops->write(&t, &iov, 1);
    t.ops->end(&t);
    t.ops->close(&t);
}

/* Too many new connections this second: told before a request is read. */
static bool is_flooded(struct server *s, int fd)
{
    static const char answer[] =
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/problem+json\r\n"
        "Retry-After: 1\r\nConnection: close\r\nContent-Length: 131\r\n\r\n"
        "{\"error\":\"RATE_LIMITED\",\"status\":429,\"title\":\"Too many requests\",\"detail\":"
        "\"too many new connections: come back in a second or two\"}";
    if (quota_take(&s->accepts, 1, s->workers[0].mono_ms, NULL))
        return false;
    s->workers[0].stats.limited[LIMIT_ACCEPTS]++;
    answer_and_close(fd, answer, sizeof answer - 1);
    return true;
}

static void on_accepted(void *ctx, int fd)
{
    struct listen_slot *slot = ctx;
    struct server *s = slot->s;
    if (!slot->metrics && is_flooded(s, fd))
        return;
    struct worker *w = least_loaded(s);
    struct accept_msg *am;
    atomic_fetch_add_explicit(&w->load, 1, memory_order_relaxed);
    if (w->index == 0) {
        conn_new(w, fd, slot->metrics);
    } else if ((am = malloc(sizeof *am))) {
        *am = (struct accept_msg){{NULL, run_accept}, fd, slot->metrics};
        worker_post(&s->workers[0], w, &am->msg);
    } else {
        conn_refuse(fd);
        atomic_fetch_sub_explicit(&w->load, 1, memory_order_relaxed);
    }
}

static void on_crowded(void *ctx, int fd)
{
    static const char answer[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
        "Retry-After: 5\r\nConnection: close\r\nContent-Length: 136\r\n\r\n"
        "{\"error\":\"OVERLOADED\",\"status\":503,\"title\":\"The hub is overloaded\",\"detail\":"
        "\"no file descriptors are left: raise the limit (ulimit -n)\"}";
    struct listen_slot *slot = ctx;
    answer_and_close(fd, answer, sizeof answer - 1);
    log_line(slot->s->log, LOG_ERROR, "no descriptors", "detail=\"raise the limit (ulimit -n)\"");
}

static int listen_on(struct server *s, const struct opt_address *a, bool metrics, struct err *e)
{
    struct listen_slot *slot = &s->listening[s->listen_count];
    slot->s = s;
    slot->metrics = metrics;
    slot->listener.accepted = on_accepted;
    slot->listener.crowded = on_crowded;
    slot->listener.ctx = slot;
    const char *host = a->host ? a->host : "127.0.0.1";
    if (listener_open(&slot->listener, &s->workers[0].loop, host, a->port, e))
        return e->code;
    snprintf(slot->address, sizeof slot->address, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host,
             slot->listener.port);
    s->listen_count++;
    return 0;
}

static int listen_all(struct server *s, struct err *e)
{
    const struct options *o = s->conf->opts;
    s->listening = calloc(o->listen.count + 1, sizeof *s->listening);
    if (!s->listening)
        return err_set(e, ERR_OVERLOADED, "out of memory");
    for (size_t i = 0; i < o->listen.count; i++)
        if (listen_on(s, &o->listen.v[i], false, e))
            return e->code;
    s->listen_public = s->listen_count;
    return o->metrics_listen.host ? listen_on(s, &o->metrics_listen, true, e) : 0;
}

const char *server_address(const struct server *s, size_t i)
{
    return i < s->listen_public ? s->listening[i].address : NULL;
}

/* ---- the end ---- */

static void run_drain(struct msg *m, void *ctx)
{
    struct worker *w = ctx;
    (void)m;
    worker_look_at_clocks(w);
    LIST_EACH(&w->conns, node, after) {
        struct conn *c = LIST_ENTRY(node, struct conn, all);
        if (c->state == CONN_STREAM) {
            conn_end_stream(c, "draining", server_retry_ms(w->s, &w->dice));
        } else if (c->poll) {
            poll_due(c->poll);
        } else if (c->state == CONN_HEAD && !c->x->in.len) {
            conn_finish(c);
        }
    }
}

static void on_closed_nothing(uv_handle_t *handle)
{
    (void)handle;
}

static void run_end(struct msg *m, void *ctx)
{
    struct worker *w = ctx;
    (void)m;
    w->closing = true;
    api_subs_end(w);
    conn_free_all(w);
    poller_close(&w->poller, on_closed_nothing);
    uv_close((uv_handle_t *)&w->prepare, on_closed_nothing);
    uv_close((uv_handle_t *)&w->idle, on_closed_nothing);
    uv_close((uv_handle_t *)&w->tick, on_closed_nothing);
    mailbox_close(&w->box, on_closed_nothing);
    if (w->index)
        return;
    struct server *s = w->s;
    access_close(s);
    for (size_t i = 0; i < s->listen_count; i++)
        listener_close(&s->listening[i].listener, on_closed_nothing);
    mailbox_close(&s->owner_box, on_closed_nothing);
    uv_close((uv_handle_t *)&s->stop, on_closed_nothing);
    uv_close((uv_handle_t *)&s->reload_wish, on_closed_nothing);
    uv_close((uv_handle_t *)&s->waiting, on_closed_nothing);
}

static void tell_drain(struct server *s)
{
    for (unsigned i = s->worker_count; i-- > 0;) {
        s->workers[i].drain.run = run_drain;
        worker_post(&s->workers[0], &s->workers[i], &s->workers[i].drain);
    }
}

static void tell_end(struct server *s)
{
    for (unsigned i = s->worker_count; i-- > 0;) {
        s->workers[i].end.run = run_end;
        worker_post(&s->workers[0], &s->workers[i], &s->workers[i].end);
    }
}

/* Asked by the first loop's tick while draining: everybody gone and everything stored? */
void server_check_drained(struct server *s)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (!atomic_load(&s->draining) || s->ending)
        return;
    bool calm = hub_idle(s->hub) && sources_closed(s);
    for (unsigned i = 0; i < s->worker_count && calm; i++)
        calm = atomic_load(&s->workers[i].load) == 0;
    if ((!calm && now_ms < s->drain_until_ms) || !sources_closed(s))
        return;
    s->ending = true;
    tell_end(s);
}

static void begin_stop(struct server *s)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (atomic_exchange(&s->draining, true)) {
        s->drain_until_ms = now_ms; /* asked twice: at once */
        return;
    }
    log_line(s->log, LOG_INFO, "draining", "streams=%ld", atomic_load(&s->streams));
    s->drain_until_ms = now_ms + s->workers[0].conf->opts->drain_timeout_ms;
    sources_close(s);
    tell_drain(s);
}

static void on_stop(uv_async_t *handle)
{
    begin_stop(handle->data);
}

void server_stop(struct server *s)
{
    uv_async_send(&s->stop);
}

/* ---- beginning and running ---- */

static unsigned loops_wanted(const struct options *o)
{
    return o->loops ? (unsigned)o->loops : uv_available_parallelism();
}

static int start(struct server *s, struct err *e)
{
    if (formats_init(s))
        return err_set(e, ERR_OVERLOADED, "out of memory");
    if (formats_take(s, s->conf, e))
        return e->code;
    unsigned count = loops_wanted(s->conf->opts);
    s->workers = calloc(count, sizeof *s->workers);
    if (!s->workers)
        return err_set(e, ERR_OVERLOADED, "out of memory");
    s->loop_count = count;
    for (; s->worker_count < count; s->worker_count++)
        if (worker_init(s, &s->workers[s->worker_count], s->worker_count))
            return err_set(e, ERR_INTERNAL, "an event loop could not be made");
    if (uv_async_init(&s->workers[0].loop, &s->stop, on_stop))
        return err_set(e, ERR_INTERNAL, "an event loop could not be made");
    s->stop.data = s;
    if (reload_init(s))
        return err_set(e, ERR_INTERNAL, "an event loop could not be made");
    uv_timer_init(&s->workers[0].loop, &s->waiting);
    if (access_init(s, e) || owner_init(s, e) || listen_all(s, e))
        return e->code;
    hub_each_loaded(s->hub, access_load_revoked, s);
    return sources_init(s, e);
}

struct server *server_new(struct options *opts, const struct log *log, struct err *e)
{
    struct rlimit files;
    uint64_t seeds[2];
    struct server *s = calloc(1, sizeof *s);
    *e = (struct err){.index = -1};
    if (!s) {
        options_free(opts);
        err_set(e, ERR_OVERLOADED, "out of memory");
        return NULL;
    }
    s->conf = conf_new(opts, NULL, e);
    if (!s->conf) {
        free(s);
        return NULL;
    }
    s->boot = conf_ref(s->conf);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    s->log = log;
    s->started_ms = clock_monotonic_ms();
    atomic_init(&s->loaded_ms, clock_unix_ms());
    rng_system(seeds, sizeof seeds);
    map_init(&s->tenants, seeds[1], seeds[0]);
    map_init(&s->types, seeds[1] ^ seeds[0], seeds[1]);
    map_init(&s->users, seeds[1] ^ seeds[0], seeds[1]);
    map_init(&s->publishers, seeds[1], seeds[1] ^ seeds[0]);
    quota_init(&s->accepts, opts->limits.accepts_per_second, opts->limits.accepts_per_second,
               s->started_ms);
    map_init(&s->addresses, seeds[0] ^ seeds[1], seeds[0]);
    pthread_mutex_init(&s->tenants_lock, NULL);
    pthread_mutex_init(&s->health_lock, NULL);
    pthread_mutex_init(&s->conf_lock, NULL);
    if (start(s, e)) {
        server_free(s);
        return NULL;
    }
    return s;
}

static void *run_thread(void *arg)
{
    worker_run(arg);
    return NULL;
}

/* Once: the other loops' threads, and the sources. */
static int start_threads(struct server *s)
{
    if (s->started)
        return 0;
    s->started = true;
    sources_start(s);
    for (unsigned i = 1; i < s->worker_count; i++) {
        struct worker *w = &s->workers[i];
        w->threaded = pthread_create(&w->thread, NULL, run_thread, w) == 0;
        if (!w->threaded)
            return ERR_INTERNAL;
    }
    return 0;
}

static void join_threads(struct server *s)
{
    for (unsigned i = 1; i < s->worker_count; i++)
        if (s->workers[i].threaded)
            pthread_join(s->workers[i].thread, NULL);
    s->ended = true;
}

int server_run(struct server *s)
{
    int rc = start_threads(s);
    if (rc)
        return rc;
    worker_run(&s->workers[0]);
    join_threads(s);
    return 0;
}

static void on_waited(uv_timer_t *timer)
{
    (void)timer; /* its firing ends the wait */
}

int server_step(struct server *s, uint32_t wait_ms)
{
    uv_loop_t *loop = &s->workers[0].loop;
    if (s->ended)
        return 0;
    if (start_threads(s))
        return -1;
    if (wait_ms && !s->ending)
        uv_timer_start(&s->waiting, on_waited, wait_ms, 0);
    int more = uv_run(loop, wait_ms ? UV_RUN_ONCE : UV_RUN_NOWAIT);
    if (!s->ending)
        uv_timer_stop(&s->waiting);
    if (more)
        return 1;
    join_threads(s);
    return 0;
}

static void close_handle(uv_handle_t *handle, void *ctx)
{
    (void)ctx;
    if (!uv_is_closing(handle))
        uv_close(handle, on_closed_nothing);
}

/* One that never ran, or could not be made whole: ends what the loops would have ended. */
static void end_unstarted(struct server *s)
{
    atomic_store(&s->draining, true);
    s->ending = true;
    sources_close(s);
    if (s->access)
        access_close(s);
    for (size_t i = 0; i < s->listen_count; i++)
        listener_close(&s->listening[i].listener, on_closed_nothing);
    if (s->owner_ready)
        mailbox_close(&s->owner_box, on_closed_nothing);
    for (unsigned i = s->worker_count; i-- > 0;) {
        struct worker *w = &s->workers[i];
        w->closing = true;
        mailbox_close(&w->box, on_closed_nothing);
        conn_free_all(w);
        poller_close(&w->poller, on_closed_nothing);
        uv_close((uv_handle_t *)&w->prepare, on_closed_nothing);
        uv_close((uv_handle_t *)&w->idle, on_closed_nothing);
        uv_close((uv_handle_t *)&w->tick, on_closed_nothing);
        if (i == 0) {
            if (s->stop.type)
                close_handle((uv_handle_t *)&s->stop, NULL);
            if (s->reload_wish.type)
                close_handle((uv_handle_t *)&s->reload_wish, NULL);
            if (s->waiting.type)
                close_handle((uv_handle_t *)&s->waiting, NULL);
        }
        uv_run(&w->loop, UV_RUN_DEFAULT);
    }
}

/* What was posted when nobody was there any more is answered, with an error: no callback is left
 * out. */
static void run_late_messages(struct server *s)
{
    size_t n = 1;
    while (n) {
        n = s->owner_ready && s->hub ? mailbox_drain(&s->owner_box) : 0;
        for (unsigned i = 0; i < s->worker_count; i++)
            n += mailbox_drain(&s->workers[i].box);
    }
}

void server_free(struct server *s)
{
    if (!s)
        return;
    size_t at = 0;
    void *value;
    if (!s->started)
        end_unstarted(s);
    for (unsigned i = 0; i < s->worker_count; i++)
        api_subs_end(&s->workers[i]);
    run_late_messages(s);
    owner_fini(s);
    /* one that was on its way when the loops ended */
    if (s->reload)
        reload_drop(s);
    for (unsigned i = 0; i < s->worker_count; i++)
        worker_fini(&s->workers[i]);
    while (map_next(&s->tenants, &at, NULL, &value))
        free(value);
    map_fini(&s->tenants);
    at = 0;
    while (map_next(&s->addresses, &at, NULL, &value))
        free(value);
    map_fini(&s->addresses);
    types_free(s);
    at = 0;
    while (map_next(&s->users, &at, NULL, &value))
        free(value);
    map_fini(&s->users);
    publishers_use_free(s);
    sources_free(s);
    access_free(s);
    free(s->listening);
    free(s->workers);
    formats_free(s);
    conf_unref(s->conf);
    conf_unref(s->boot);
    pthread_mutex_destroy(&s->tenants_lock);
    pthread_mutex_destroy(&s->health_lock);
    pthread_mutex_destroy(&s->conf_lock);
    free(s);
}
