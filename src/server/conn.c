/* conn.c - one HTTP/1.1 connection: bytes in, requests, answers, streams; and its end. */
#include "server/access.h"
#include "server/api.h"

#include "base/num.h"

#include <assert.h>
#include <stdlib.h>

#define FLUSH_MS 10000   /* for the last bytes */
#define IN_MAX (64 * 1024) /* bytes of further requests kept while one is answered */
#define SILENT_MS 60000 /* without acknowledging anything: a peer that has no beats is dead */
#define LINGER_MAX (8 * 1024 * 1024) /* bytes of a refused body read and thrown away */

static unsigned watched(const struct conn *c)
{
    return (c->paused ? 0 : POLLER_IN) | (c->want_write ? POLLER_OUT : 0);
}

/* A client that sends request after request while one is answered has to wait. */
static void pause_reading(struct conn *c, bool pause)
{
    unsigned before = watched(c);
    if (c->paused == pause)
        return;
    c->paused = pause;
    poller_change(&c->w->poller, c->t.fd, before, watched(c), c);
}

static void want_write(struct conn *c, bool want)
{
    unsigned before = watched(c);
    if (c->want_write == want)
        return;
    c->want_write = want;
    poller_change(&c->w->poller, c->t.fd, before, watched(c), c);
}

/* Into a list of the worker that is ordered by time; NULL: into none. */
static void put_in_list(struct conn *c, struct list *list)
{
    list_remove(&c->x->timed);
    c->since_ms = c->w->mono_ms;
    if (list)
        list_push_back(list, &c->x->timed);
}

/* ---- beginning and end ---- */

struct exchange *conn_exchange(struct conn *c)
{
    if (!c->x && (c->x = calloc(1, sizeof *c->x))) {
        list_init(&c->x->timed);
        c->x->conn = c;
    }
    return c->x;
}

void conn_settle(struct conn *c)
{
    struct exchange *x = c->x;
    if (!x)
        return;
    list_remove(&x->timed);
    buf_fini(&x->in);
    buf_fini(&x->out);
    free(x);
    c->x = NULL;
}

void conn_refuse(int fd)
{
    struct transport t;
    char unread[4096]; /* what is left unread would take the answer back */
    transport_plain(&t, fd);
    reply_from_nothing(&t);
    t.ops->read(&t, unread, sizeof unread);
    t.ops->close(&t);
}

void conn_new(struct worker *w, int fd, bool metrics)
{
    struct conn *c = calloc(1, sizeof *c);
    if (!c || !conn_exchange(c) || poller_add(&w->poller, fd, POLLER_IN, c)) {
        if (c)
            free(c->x);
        free(c);
        conn_refuse(fd);
        atomic_fetch_sub_explicit(&w->load, 1, memory_order_relaxed);
        return;
    }
    c->w = w;
    c->metrics = metrics;
    transport_plain(&c->t, fd);
    list_init(&c->all);
    list_push_back(&w->conns, &c->all);
    put_in_list(c, &w->heads);
    w->stats.accepted++;
    w->stats.connections++;
}

static void leave_stream(struct conn *c, const char *reason)
{
    struct worker *w = c->w;
    access_unguard(c);
    if (c->announced)
        api_connection(c, reason);
    c->announced = false;
    if (c->state == CONN_STREAM || c->state == CONN_POLL)
        edge_close(w->edge, &c->reader);
    if (c->poll) {
        poll_free(c->poll);
        c->poll = NULL;
        w->stats.polls--;
    }
    if (!c->counted)
        return;
    c->counted = false;
    w->stats.streams--;
    w->stats.closed++;
    atomic_fetch_sub(&w->s->streams, 1);
    atomic_fetch_sub(&c->stream.tenant->streams, 1);
    address_leave(w->s, c->stream.address);
    user_leave(w->s, c->stream.user);
    log_line(w->s->log, LOG_INFO, "stream closed",
             "connection=%016llx tenant=%s reason=%s duration_ms=%llu",
             (unsigned long long)c->stream.id, c->stream.tenant->name, reason,
             (unsigned long long)(w->mono_ms - c->since_ms));
}

static void drop_request(struct conn *c)
{
    if (c->request && c->request->held)
        c->request->conn = NULL; /* freed by who makes its answer */
    else
        request_free(c->request);
    c->request = NULL;
}

void conn_close_for(struct conn *c, const char *reason)
{
    if (c->state == CONN_CLOSED)
        return;
    leave_stream(c, reason);
    c->state = CONN_CLOSED;
    drop_request(c);
    list_move_back(&c->w->dead, &c->all);
    conn_settle(c);
    c->w->stats.connections--;
    atomic_fetch_sub_explicit(&c->w->load, 1, memory_order_relaxed);
    poller_forget(&c->w->poller, c);
    c->t.ops->close(&c->t);
}

void conn_free_dead(struct worker *w)
{
    struct list *node;
    while ((node = list_pop(&w->dead)))
        free(LIST_ENTRY(node, struct conn, all));
}

void conn_close(struct conn *c)
{
    conn_close_for(c, "closed");
}

void conn_free_all(struct worker *w)
{
    while (!list_empty(&w->conns))
        conn_close_for(LIST_ENTRY(w->conns.next, struct conn, all), "stopped");
}

/* ---- out ---- */

/* Sends what is in `out`. 1: all of it went; 0: some waits; -1: dead. */
static int flush(struct conn *c)
{
    while (c->x->out.len) {
        struct iovec iov = {c->x->out.p, c->x->out.len};
        ssize_t n = c->t.ops->write(&c->t, &iov, 1);
        if (n < 0)
            return -1;
        if (n == 0) {
            want_write(c, true);
            return 0;
        }
        buf_consume(&c->x->out, (size_t)n);
    }
    want_write(c, false);
    return 1;
}

/* All is sent: says so, and waits for the peer to close, so that what it was still sending doesn't
 * make the kernel throw away our last bytes. */
static void linger(struct conn *c)
{
    c->t.ops->end(&c->t);
    c->discarded = 0;
    pause_reading(c, false);
}

void conn_overloaded(struct conn *c)
{
    if (c->state == CONN_CLOSED)
        return;
    leave_stream(c, "failed");
    drop_request(c);
    if (!conn_exchange(c)) {
        reply_from_nothing(&c->t);
        conn_close(c);
        return;
    }
    c->state = CONN_FLUSH;
    put_in_list(c, &c->w->flushing);
    buf_fini(&c->x->out);
    want_write(c, false);
    reply_from_nothing(&c->t);
    linger(c);
}

void conn_finish(struct conn *c)
{
    if (c->x->out.failed) {
        conn_overloaded(c);
        return;
    }
    c->state = CONN_FLUSH;
    put_in_list(c, &c->w->flushing);
    int sent = flush(c);
    if (sent < 0)
        conn_close(c);
    else if (sent)
        linger(c);
}

static void conn_input(struct conn *c);

void conn_answered(struct conn *c, bool keep_alive)
{
    if (c->request) {
        request_free(c->request);
        c->request = NULL;
    }
    if (c->x->out.failed) {
        conn_overloaded(c);
        return;
    }
    if (!keep_alive || (c->gone && !c->x->in.len) ||
        atomic_load_explicit(&c->w->s->draining, memory_order_relaxed)) {
        conn_finish(c);
        return;
    }
    int sent = flush(c);
    if (sent < 0) {
        conn_close(c);
        return;
    }
    c->state = CONN_HEAD;
    put_in_list(c, sent == 1 && c->x->in.len ? &c->w->heads : &c->w->idles);
    if (sent == 1) {
        buf_fini(&c->x->out);
        if (!c->reading && c->x->in.len)
            conn_input(c);
    }
}

ssize_t conn_send(void *ctx, struct reader *r, const struct iovec *iov, int count)
{
    struct conn *c = conn_of(r);
    (void)ctx;
    if (c->sub)
        return api_sub_send(c->sub, iov, count);
    if (c->poll) {
        struct poll *p = c->poll;
        ssize_t total = 0;
        for (int i = 0; i < count && p->count < p->limit; i++) {
            if (!iov[i].iov_len)
                continue; /* a gap, noted already */
            if (p->count++)
                buf_add_char(&p->events, ',');
            buf_add(&p->events, iov[i].iov_base, iov[i].iov_len);
            total += (ssize_t)iov[i].iov_len;
        }
        if (p->count >= p->limit && !p->done) {
            p->done = true;
            list_move_back(&c->w->finishing, &p->waiting);
        }
        return total;
    }
    ssize_t n = c->t.ops->write(&c->t, iov, count);
    c->begun |= n > 0;
    size_t want = 0;
    for (int i = 0; i < count && n >= 0; i++)
        want += iov[i].iov_len;
    if (n >= 0 && (size_t)n < want)
        want_write(c, true);
    return n;
}

bool conn_alive(void *ctx, struct reader *r)
{
    struct conn *c = conn_of(r);
    struct worker *w = ctx;
    if (c->sub)
        return true;
    uint32_t beat_ms = w->s->formats[c->format].beat_ms;
    return c->t.ops->alive(&c->t, beat_ms ? beat_ms - beat_ms / 8 : SILENT_MS);
}

struct conn *conn_by_id(struct worker *w, uint64_t id)
{
    LIST_EACH(&w->conns, node, after) {
        struct conn *c = LIST_ENTRY(node, struct conn, all);
        if (c->state == CONN_STREAM && c->stream.id == id)
            return c;
    }
    return NULL;
}

bool conn_id_parse(struct slice text, uint64_t *id)
{
    uint32_t high, low;
    if (text.len != 16 || !num_hex32(slice_of(text.p, 8), 8, &high) ||
        !num_hex32(slice_of(text.p + 8, 8), 8, &low))
        return false;
    *id = (uint64_t)high << 32 | low;
    return true;
}

void conn_end_stream(struct conn *c, const char *reason, uint64_t retry_ms)
{
    if (c->state != CONN_STREAM)
        return;
    struct buf *frame = &c->w->frame;
    if (!conn_exchange(c)) {
        conn_close_for(c, reason);
        return;
    }
    buf_reset(frame);
    format_close(c->w, c->format, reason, retry_ms, frame);
    buf_reset(&c->x->out);
    buf_add_slice(&c->x->out, edge_unsent(&c->reader));
    if (c->minor0)
        buf_add_slice(&c->x->out, buf_slice(frame));
    else
        buf_addf(&c->x->out, "%zx\r\n%.*s\r\n0\r\n\r\n", frame->len, SLICE_FMT(buf_slice(frame)));
    leave_stream(c, reason);
    conn_finish(c);
}

/* ---- in ---- */

/* The body is complete. */
static void run_request(struct conn *c, struct request *rq)
{
    c->state = CONN_BUSY;
    put_in_list(c, NULL);
    c->w->stats.requests++;
    request_run(c, rq);
}

/* Reads body bytes at p[0..len). Used bytes, or -1: the connection is done for. */
static ssize_t read_body(struct conn *c, struct request *rq, const char *p, size_t len)
{
    size_t used = 0;
    struct err e;
    while (!http1_body_done(&rq->body_state)) {
        struct slice data = SLICE_NONE;
        int n = http1_body_read(&rq->body_state, p + used, len - used, &data, &e);
        if (n < 0) {
            reply_broken(c, &e);
            return -1;
        }
        if (n == 0)
            break;
        used += (size_t)n;
        rq->body_bytes += data.len;
        if (rq->body_bytes > c->w->conf->opts->limits.body_bytes) {
            c->w->stats.limited[LIMIT_BODY_BYTES]++;
            err_set(&e, ERR_TOO_LARGE, "the body is larger than %llu bytes (limits.body_bytes)",
                    (unsigned long long)c->w->conf->opts->limits.body_bytes);
            reply_broken(c, &e);
            return -1;
        }
        buf_add_slice(&rq->body, data);
    }
    return (ssize_t)used;
}

/* The head's slices are needed for longer than the bytes are there. */
static struct request *keep(struct conn *c, struct request *rq)
{
    struct request *kept = request_keep(rq);
    if (!kept) {
        struct err e;
        err_set(&e, ERR_OVERLOADED, "out of memory");
        reply_broken(c, &e);
        return NULL;
    }
    c->request = kept;
    kept->conn = c;
    return kept;
}

/* A complete head at p[0..head). Used bytes of p[0..len) with the body's, -1: done for. */
static ssize_t begin_request(struct conn *c, struct request *rq, const char *p, size_t head,
                             size_t len)
{
    rq->conn = c;
    http1_body_init(&rq->body_state, &rq->http);
    if (request_begin(c, rq))
        return c->state == CONN_CLOSED || c->state == CONN_FLUSH ? -1 : (ssize_t)head;
    ssize_t used = read_body(c, rq, p + head, len - head);
    if (used < 0)
        return -1;
    if (http1_body_done(&rq->body_state)) {
        if (rq->body.failed) {
            reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
            return (ssize_t)head + used;
        }
        run_request(c, rq);
        return (ssize_t)head + used;
    }
    if (rq->http.expect_continue && rq->body_bytes == 0) {
        buf_add_str(&c->x->out, "HTTP/1.1 100 Continue\r\n\r\n");
        if (flush(c) < 0) {
            conn_close(c);
            return -1;
        }
    }
    if (!keep(c, rq))
        return -1;
    c->state = CONN_BODY;
    put_in_list(c, &c->w->bodies);
    return (ssize_t)head + used;
}

/* One step over p[0..len). Used bytes; 0: more is needed, or it is not the time; -1: done for. */
static ssize_t step(struct conn *c, const char *p, size_t len)
{
    struct worker *w = c->w;
    struct err e;
    if (c->state == CONN_BODY) {
        struct request *rq = c->request;
        ssize_t used = read_body(c, rq, p, len);
        if (used >= 0 && http1_body_done(&rq->body_state)) {
            if (rq->body.failed)
                reply_fail(c, rq, ERR_OVERLOADED, "out of memory");
            else
                run_request(c, rq);
        }
        return used;
    }
    if (c->state != CONN_HEAD || c->x->out.len)
        return 0;
    const struct opt_limits *o = &w->conf->opts->limits;
    struct http1_limits limits = {o->head_bytes, o->target_bytes, (unsigned)o->headers};
    struct request *rq = &w->request;
    memset(rq, 0, offsetof(struct request, http.fields));
    memset((char *)rq + sizeof rq->http, 0, sizeof *rq - sizeof rq->http);
    int head = http1_read(p, len, &limits, &rq->http, &e);
    if (head < 0) {
        w->stats.limited[LIMIT_HEAD_BYTES] += e.code == ERR_HEADERS_TOO_LARGE;
        w->stats.limited[LIMIT_TARGET_BYTES] += e.code == ERR_URI_TOO_LONG;
        reply_broken(c, &e);
        return -1;
    }
    if (head == 0)
        return 0;
    return begin_request(c, rq, p, (size_t)head, len);
}

/* Works through p[0..len); what is not used stays in c->x->in. from_in: p is c->x->in's. */
static void work(struct conn *c, const char *p, size_t len, bool from_in)
{
    size_t used = 0;
    c->reading = true;
    while (used < len) {
        ssize_t n = step(c, p + used, len - used);
        if (n < 0 || c->state == CONN_CLOSED || c->state == CONN_FLUSH || c->state == CONN_STREAM) {
            c->reading = false;
            if (c->x)
                buf_fini(&c->x->in);
            return;
        }
        if (n == 0)
            break;
        used += (size_t)n;
    }
    c->reading = false;
    if (from_in)
        buf_consume(&c->x->in, used);
    else
        buf_add(&c->x->in, p + used, len - used);
    if (!c->x->in.len)
        buf_fini(&c->x->in);
    if (used && c->state == CONN_HEAD && !c->x->out.len) /* of the next head, its time runs */
        put_in_list(c, c->x->in.len ? &c->w->heads : &c->w->idles);
    if (c->x->in.failed)
        conn_overloaded(c);
    else if (c->gone && (c->state == CONN_BODY || (c->state == CONN_HEAD && !c->x->out.len)))
        conn_close(c); /* the rest never comes */
    else
        pause_reading(c, c->gone || c->x->in.len > IN_MAX);
}

static void conn_input(struct conn *c)
{
    work(c, c->x->in.p, c->x->in.len, true);
}

/* Whether an answer is on its way that a client may await that has closed its side after the
 * request. A poll that waits for events is not among them: its client has gone. */
static bool awaits_answer(const struct conn *c)
{
    if (c->state == CONN_HEAD)
        return c->x->out.len > 0;
    return c->request && (c->state == CONN_BUSY ||
                          (c->state == CONN_POLL && c->poll &&
                           c->poll->deadline_ms <= c->w->mono_ms));
}

static void readable(struct conn *c)
{
    struct worker *w = c->w;
    ssize_t n = c->t.ops->read(&c->t, w->scratch, SCRATCH_BYTES);
    if (n == -1)
        return;
    if (n == 0 && awaits_answer(c)) {
        c->gone = true;
        if (c->request && !c->x->in.len) /* else there is more to answer */
            c->request->http.keep_alive = false;
        pause_reading(c, true);
        return;
    }
    if (n <= 0) {
        conn_close_for(c, n == 0 ? "client-gone" : "connection-lost");
        return;
    }
    if (c->state == CONN_STREAM || c->state == CONN_FLUSH) {
        c->discarded += (uint32_t)n;
        if (c->discarded > (c->state == CONN_FLUSH ? LINGER_MAX : DISCARD_MAX))
            conn_close_for(c, "talks-too-much");
        return;
    }
    if (!c->x->in.len) {
        if (c->state == CONN_HEAD)
            put_in_list(c, &w->heads); /* a head begins: its time runs */
        work(c, w->scratch, (size_t)n, false);
        return;
    }
    buf_add(&c->x->in, w->scratch, (size_t)n);
    /* a head ends with a line: without one in sight it is not worth looking at again */
    bool new_line = memchr(w->scratch, '\n', (size_t)n) != NULL;
    if (c->x->in.failed)
        conn_overloaded(c);
    else if (c->state != CONN_HEAD || new_line || c->x->in.len > w->conf->opts->limits.head_bytes)
        conn_input(c);
}

static void writable(struct conn *c)
{
    if (c->state == CONN_STREAM) {
        want_write(c, false);
        edge_writable(c->w->edge, &c->reader);
        return;
    }
    int sent = flush(c);
    if (sent < 0)
        conn_close(c);
    else if (sent == 1 && c->state == CONN_FLUSH)
        linger(c);
    else if (sent == 1 && c->state == CONN_HEAD && c->x->in.len) {
        put_in_list(c, &c->w->heads);
        conn_input(c);
    } else if (sent == 1 && c->state == CONN_HEAD && c->gone) {
        conn_close(c);
    }
}

void conn_ready(void *data, unsigned events)
{
    struct conn *c = data;
    if (events & POLLER_BROKEN) {
        conn_close_for(c, "connection-lost");
        return;
    }
    if ((events & POLLER_OUT) && c->want_write)
        writable(c);
    if ((events & POLLER_IN) && c->state != CONN_CLOSED)
        readable(c);
}

/* ---- time ---- */

static struct conn *overdue(struct list *list, uint64_t now_ms, uint64_t limit_ms)
{
    if (list_empty(list))
        return NULL;
    struct conn *c = LIST_ENTRY(list->next, struct exchange, timed)->conn;
    return c->since_ms + limit_ms <= now_ms ? c : NULL;
}

static void too_slow(struct conn *c, enum limit limit, const char *what)
{
    struct err e;
    c->w->stats.limited[limit]++;
    err_set(&e, ERR_TIMEOUT, "%s", what);
    reply_broken(c, &e);
}

/* A body that comes slower than it may; the first ten seconds are free. */
static bool body_too_slow(const struct conn *c, uint64_t now_ms)
{
    uint64_t rate = c->w->conf->opts->limits.body_bytes_per_second, took = now_ms - c->since_ms;
    return rate && took > 10000 && c->request->body_bytes < rate * (took - 10000) / 1000;
}

void conn_tick(struct worker *w)
{
    uint64_t now_ms = w->mono_ms;
    const struct opt_limits *o = &w->conf->opts->limits;
    struct conn *c;
    access_tick(w);
    while ((c = overdue(&w->heads, now_ms, o->head_ms)))
        too_slow(c, LIMIT_HEAD_TIME, "the request's head took too long to arrive (limits.head_time)");
    while ((c = overdue(&w->idles, now_ms, o->keep_alive_ms))) {
        w->stats.limited[LIMIT_KEEP_ALIVE]++;
        conn_close(c);
    }
    while ((c = overdue(&w->flushing, now_ms, FLUSH_MS)))
        conn_close(c);
    LIST_EACH(&w->bodies, node, after) {
        c = LIST_ENTRY(node, struct exchange, timed)->conn;
        if (body_too_slow(c, now_ms))
            too_slow(c, LIMIT_BODY_RATE,
                     "the request's body took too long to arrive (limits.body_bytes_per_second)");
    }
    LIST_EACH(&w->polls, node2, after2) {
        struct poll *p = LIST_ENTRY(node2, struct poll, waiting);
        if (p->deadline_ms <= now_ms)
            poll_due(p);
    }
}
