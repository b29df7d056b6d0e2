/* worker.c - one network loop and its turn: messages, the owner (on the first loop), sending; then
 * readiness is looked at again. */
#include "server/api.h"

#include "io/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define OTHER_DESCRIPTORS 1000 /* besides connections */

static uint64_t now_us(void *ctx)
{
    (void)ctx;
    return clock_monotonic_us();
}

static void on_caught_up(void *ctx, struct reader *r)
{
    struct worker *w = ctx;
    struct poll *p = conn_of(r)->poll;
    if (!p || p->done)
        return;
    if (p->count || p->gap_names.len || p->deadline_ms <= w->mono_ms) {
        p->done = true;
        list_move_back(&w->finishing, &p->waiting);
    }
}

static void on_ended(void *ctx, struct reader *r, enum reader_end why, int error)
{
    struct worker *w = ctx;
    struct conn *c = conn_of(r);
    if (why == READER_END_FAILED)
        log_line(w->s->log, LOG_WARN, "stream failed", "connection=%016llx error=%s",
                 (unsigned long long)c->stream.id, err_name(error));
    if (c->sub) {
        api_sub_ended(c->sub, err_name(error));
        return;
    }
    if (!c->poll && !c->begun && why == READER_END_FAILED) {
        conn_overloaded(c);
        return;
    }
    if (!c->poll) {
        static const char *const reasons[] = {"stalled", "failed", "connection-lost"};
        w->stats.limited[LIMIT_STALL] += why == READER_END_STALLED;
        conn_close_for(c, reasons[why]);
        return;
    }
    edge_close(w->edge, r);
    poll_free(c->poll);
    c->poll = NULL;
    w->stats.polls--;
    c->state = CONN_BUSY;
    reply_fail(c, c->request, error ? error : ERR_INTERNAL, "the log could not be read");
}

void worker_post(struct worker *from, struct worker *to, struct msg *m)
{
    if (from == to)
        mailbox_post_local(&to->box, m);
    else
        mailbox_post(&to->box, m);
}

static bool finish_polls(struct worker *w)
{
    struct list *node;
    bool any = false;
    while ((node = list_pop(&w->finishing))) {
        poll_finish(LIST_ENTRY(node, struct poll, waiting)->conn);
        any = true;
    }
    return any;
}

void worker_look_at_clocks(struct worker *w)
{
    w->now_ms = clock_unix_ms();
    w->mono_ms = clock_monotonic_ms();
}

/* Everything that waits, but sending only for TURN_US. */
static bool turn(struct worker *w)
{
    bool more = true;
    worker_look_at_clocks(w);
    for (int round = 0; round < 8 && more; round++) {
        more = mailbox_drain(&w->box) > 0;
        if (w->index == 0)
            more |= owner_turn(w->s);
        more |= finish_polls(w);
    }
    more |= edge_run(w->edge, w->mono_ms, TURN_US);
    more |= finish_polls(w);
    return more || !mailbox_empty(&w->box) ||
           (w->index == 0 && !mailbox_empty(&w->s->owner_box));
}

static void on_idle(uv_idle_t *idle)
{
    (void)idle; /* its being active keeps the loop from sleeping */
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct worker *w = prepare->data;
    conn_free_dead(w);
    if (w->closing)
        return;
    if (turn(w))
        uv_idle_start(&w->idle, on_idle);
    else
        uv_idle_stop(&w->idle);
}

static void on_tick(uv_timer_t *timer)
{
    struct worker *w = timer->data;
    worker_look_at_clocks(w);
    edge_tick(w->edge, w->mono_ms);
    conn_tick(w);
    if (w->index == 0)
        owner_tick(w->s, w->now_ms);
}

static struct edge_conf edge_limits(const struct opt_limits *o)
{
    return (struct edge_conf){.ring_events = (uint32_t)o->ring_events,
                              .ring_bytes = o->ring_bytes,
                              .edge_bytes = o->edge_bytes,
                              .linger_ms = 10000,
                              .stall_ms = o->stall_ms};
}

void worker_take(struct worker *w, struct conf *conf)
{
    struct conf *old = w->conf;
    struct edge_conf limits = edge_limits(&conf->opts->limits);
    w->conf = conf_ref(conf);
    edge_set_limits(w->edge, &limits);
    conf_unref(old);
}

static int make_edge(struct server *s, struct worker *w)
{
    struct edge_conf conf = edge_limits(&w->conf->opts->limits);
    conf.page_events = 64;
    conf.page_bytes = 64 * 1024;
    conf.send_events = 64;
    conf.send_bytes = 64 * 1024;
    conf.alone = s->loop_count == 1;
    conf.formats = s->edge_formats;
    conf.seed[0] = rng_next(&w->dice);
    conf.seed[1] = rng_next(&w->dice);
    struct edge_ops ops = {.follow = owner_follow,
                           .read = owner_read,
                           .send = conn_send,
                           .form = format_event,
                           .open = format_open,
                           .gap = format_gap,
                           .beat = format_beat,
                           .alive = conn_alive,
                           .caught_up = on_caught_up,
                           .ended = on_ended,
                           .now_us = now_us,
                           .ctx = w};
    w->edge = edge_new(&conf, &ops);
    return w->edge ? 0 : -1;
}

static void on_widened(uv_handle_t *handle)
{
    (void)handle;
}

/* libuv ends the process when it has no memory for its table of descriptors: so it makes room now
 * for as many as may be open, by watching a high one for a moment. */
static void widen(struct worker *w)
{
    const struct opt_limits *o = &w->conf->opts->limits;
    struct rlimit files;
    uint64_t most = o->connections + OTHER_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && most > files.rlim_cur)
        most = files.rlim_cur;
    int low = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int high = low < 0 || most > INT32_MAX ? -1 : fcntl(low, F_DUPFD_CLOEXEC, (int)most - 1);
    if (high >= 0 && uv_poll_init(&w->loop, &w->widest, high) == 0) {
        uv_poll_start(&w->widest, UV_READABLE, NULL);
        uv_close((uv_handle_t *)&w->widest, on_widened);
    }
    if (high >= 0)
        close(high);
    if (low >= 0)
        close(low);
}

int worker_init(struct server *s, struct worker *w, unsigned index)
{
    uint64_t seed;
    w->s = s;
    w->conf = conf_ref(s->conf);
    w->index = index;
    worker_look_at_clocks(w);
    rng_system(&seed, sizeof seed);
    rng_init(&w->dice, seed);
    struct list *lists[] = {&w->conns,    &w->heads, &w->bodies,   &w->idles,
                            &w->flushing, &w->polls, &w->finishing, &w->subs, &w->dead,
                            &w->ended_subs};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        list_init(lists[i]);
    for (size_t i = 0; i < DUE_SLOTS; i++)
        list_init(&w->due[i]);
    w->scratch = malloc(SCRATCH_BYTES);
    if (!w->scratch || make_edge(s, w))
        goto no_loop;
    if (uv_loop_init(&w->loop))
        goto no_loop;
    if (mailbox_init(&w->box, &w->loop, w))
        goto no_mailbox;
    if (poller_init(&w->poller, &w->loop, conn_ready))
        goto no_poller;
    uv_prepare_init(&w->loop, &w->prepare); /* these can't fail */
    uv_idle_init(&w->loop, &w->idle);
    uv_timer_init(&w->loop, &w->tick);
    if (index == 0)
        widen(w);
    w->prepare.data = w->idle.data = w->tick.data = w;
    uv_prepare_start(&w->prepare, on_prepare);
    uv_timer_start(&w->tick, on_tick, EDGE_TICK_MS, EDGE_TICK_MS);
    return 0;
no_poller:
    mailbox_close(&w->box, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
no_mailbox:
    mailbox_fini(&w->box);
    uv_loop_close(&w->loop);
no_loop:
    edge_free(w->edge);
    w->edge = NULL;
    free(w->scratch);
    conf_unref(w->conf);
    w->conf = NULL;
    return -1;
}

void worker_run(struct worker *w)
{
    uv_run(&w->loop, UV_RUN_DEFAULT);
}

/* Runs what came after the loop ended, so that nothing in it is lost. */
static void drop_messages(struct worker *w)
{
    while (mailbox_drain(&w->box) > 0)
        ;
}

void worker_fini(struct worker *w)
{
    if (!w->edge) {
        conf_unref(w->conf);
        return;
    }
    drop_messages(w);
    api_subs_free(w);
    conn_free_dead(w);
    edge_free(w->edge);
    mailbox_fini(&w->box);
    buf_fini(&w->frame);
    free(w->scratch);
    uv_loop_close(&w->loop);
    conf_unref(w->conf);
}
